"""Exercises of chapter 1 about what a learner reaches who only counts."""

import numpy as np

from scaling_lib.coursework.exercises import Exercise, Mistake

__all__ = ["FOURTH_MOMENT", "TOKENS"]


# How many tokens to the floor


def _free(nodes: int, edges: int) -> int:
    """Free entries of the table of transitions when the edges are known: each row sums to one."""
    return 2 * edges - nodes


def _transitions(tokens: int, context: int) -> float:
    """Transitions in walks of `context` tokens."""
    return tokens * (context - 1) / context


def _excess(nodes: int, edges: int, tokens: int, context: int) -> float:
    return _free(nodes, edges) / 2 / _transitions(tokens, context)


def _draw_counting(generator: np.random.Generator) -> dict[str, int]:
    return {
        "nodes": int(generator.integers(100, 900)),
        "edges": int(generator.integers(1000, 6000)),
        "tokens": int(generator.integers(2, 40)) * 50_000,
        "context": int(generator.choice([20, 50, 100])),
    }


TOKENS = Exercise(
    key="tokens-to-the-floor",
    function="counting_excess",
    title="How many tokens to the floor",
    objective="say what learning by counting costs, and how the cost falls with the data",
    draw=_draw_counting,
    answer=_excess,
    stars=2,
    mistakes=(
        Mistake(
            "edges-once",
            "In how many directions can a walk take an edge?",
            "You counted every edge once. A walk can take it both ways, so there are 2E transitions to learn.",
            lambda nodes, edges, tokens, context: (edges - nodes) / 2 / _transitions(tokens, context),
        ),
        Mistake(
            "rows-not-normalised",
            "Can all entries of a row of probabilities be chosen freely?",
            "Each of the n rows sums to one, so n of the 2E entries are not free.",
            lambda nodes, edges, tokens, context: edges / _transitions(tokens, context),
        ),
        Mistake(
            "no-half",
            "How much does one free parameter cost, to first order, in nats times D?",
            "Each free parameter costs half a nat, divided by D; you counted a whole one.",
            lambda nodes, edges, tokens, context: 2 * _excess(nodes, edges, tokens, context),
        ),
        Mistake(
            "tokens-not-transitions",
            "How many transitions does a walk of T tokens show?",
            "You divided by tokens. A walk of T tokens has T - 1 transitions.",
            lambda nodes, edges, tokens, context: _free(nodes, edges) / 2 / tokens,
        ),
        Mistake(
            "walks",
            "Is D a number of walks, or of what is inside them?",
            "You divided by the number of walks.",
            lambda nodes, edges, tokens, context: _free(nodes, edges) / 2 / (tokens / context),
        ),
        Mistake(
            "root",
            "A probability is off by about 1/sqrt(D): how does a divergence depend on that error?",
            "The error of a mean falls as 1/sqrt(D). A divergence is quadratic in that error and falls as 1/D.",
            lambda nodes, edges, tokens, context: _free(nodes, edges) / 2 / np.sqrt(_transitions(tokens, context)),
        ),
        Mistake(
            "bits",
            "In which unit does the book measure a loss?",
            "Your answer is in bits; the book counts in nats.",
            lambda nodes, edges, tokens, context: _excess(nodes, edges, tokens, context) / np.log(2),
        ),
    ),
)


# The fourth moment


def _draw_die(generator: np.random.Generator) -> dict[str, list[float]]:
    """A loaded die of six faces, none of them rare."""
    weights = generator.uniform(0.2, 1, 6)
    return {"faces": (weights / weights.sum()).tolist()}


def _sum_of_inverses(faces: list[float]) -> float:
    return float((1 / np.array(faces)).sum())


def _second_order(faces: list[float]) -> float:
    return 5 / 12 * _sum_of_inverses(faces) - len(faces) / 2 + 1 / 12


FOURTH_MOMENT = Exercise(
    key="fourth-moment",
    function="second_order",
    title="The fourth moment",
    objective="expand the excess of a counter to second order",
    kind="derivation",
    draw=_draw_die,
    answer=_second_order,
    stars=3,
    minutes=30,
    points=8,
    mistakes=(
        Mistake(
            "no-fourth-moment",
            "Is the fourth moment of the deviation of order 1/D^2 or smaller?",
            "The fourth moment is of order 1/D^2 too; without it one has the printed term.",
            lambda faces: len(faces) - 2 / 3 - _sum_of_inverses(faces) / 3,
        ),
        Mistake(
            "no-third-moment",
            "Is the third moment of a binomial zero?",
            "The third moment is zero only for p = 1/2: it is q(1 - 2p)/(Dp)^2.",
            lambda faces: 3 / 4 * sum((1 - p) ** 2 / p for p in faces),
        ),
        Mistake(
            "uniform",
            "Are all faces equally likely?",
            "That is the value for a fair die; here the faces differ.",
            lambda faces: 5 / 12 * len(faces) ** 2 - len(faces) / 2 + 1 / 12,
        ),
        Mistake(
            "not-weighed",
            "With which weights are the faces summed?",
            "Each face is weighed by its probability; you summed the brackets as they are.",
            lambda faces: sum(3 * (1 - p) ** 2 / (4 * p**2) - (1 - p) * (1 - 2 * p) / (3 * p**2) for p in faces),
        ),
        Mistake(
            "sign-of-the-third",
            "Which sign has the third term of ln(1 + x)?",
            "ln(1 + x) = x - x^2/2 + x^3/3 - x^4/4: in minus its mean the third moment is subtracted.",
            lambda faces: sum(3 * (1 - p) ** 2 / (4 * p) + (1 - p) * (1 - 2 * p) / (3 * p) for p in faces),
        ),
    ),
)
