"""Exercises of chapter 5: twins and collapse."""

from typing import Any

import numpy as np

from scaling_lib.coursework.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# The batch of a twin


def _draw_graph(generator: np.random.Generator) -> dict[str, int]:
    nodes = int(generator.choice([1000, 2000, 8000]))
    return {
        "nodes": nodes,
        "edges": nodes * int(generator.integers(3, 13)),
        "batch": int(generator.integers(150, 1200)),
        "smaller": int(generator.integers(60, 400)),
    }


BATCH = Exercise(
    key="batch-of-a-twin",
    function="twin_batch",
    title="The batch of a twin",
    objective="keep degree, visits and steps while the graph shrinks",
    draw=_draw_graph,
    answer=lambda nodes, edges, batch, smaller: batch * smaller / nodes,
    minutes=5,
    mistakes=(
        Mistake(
            "same-batch",
            "How often does a step then see each transition of the smaller graph?",
            "With the same batch every transition is visited more often, because there are fewer of them.",
            lambda nodes, edges, batch, smaller: batch,
        ),
        Mistake(
            "same-density",
            "How many neighbours has a node of your smaller graph?",
            "You kept the share of pairs that are joined; then the degree shrinks with the graph. Keep 2E/n.",
            lambda nodes, edges, batch, smaller: batch * (smaller / nodes) ** 2,
        ),
        Mistake(
            "upside-down",
            "Does a smaller graph need more walks a step, or fewer?",
            "The ratio is upside down: fewer transitions need fewer walks.",
            lambda nodes, edges, batch, smaller: batch * nodes / smaller,
        ),
        Mistake(
            "root",
            "How does the number of transitions change with the nodes, at the same degree?",
            "At the same degree the transitions are proportional to the nodes, not to their root.",
            lambda nodes, edges, batch, smaller: batch * (smaller / nodes) ** 0.5,
        ),
    ),
)


# The factor over counting


def _draw_run(generator: np.random.Generator) -> dict[str, Any]:
    nodes = int(generator.integers(50, 1000))
    edges = nodes * int(generator.integers(3, 12))
    tokens = int(generator.integers(100, 4000)) * 2 * edges
    return {"excess": float(generator.uniform(10, 60)) * edges / tokens, "nodes": nodes, "edges": edges, "D": tokens}


FACTOR = Exercise(
    key="factor-over-counting",
    function="factor",
    title="How much worse than counting",
    objective="compare a loss with what a counter achieves on the same walks",
    draw=_draw_run,
    answer=lambda excess, nodes, edges, D: excess * 2 * D / (2 * edges - nodes),
    minutes=5,
    mistakes=(
        Mistake(
            "no-half",
            "What does a free parameter cost, a whole nat over D or half of one?",
            "A free parameter costs half a nat over D, so counting has (2E - n)/2D.",
            lambda excess, nodes, edges, D: excess * D / (2 * edges - nodes),
        ),
        Mistake(
            "every-transition-free",
            "The probabilities of a row add up to one: how many of them are free?",
            "One probability of each row follows from the others: 2E - n are free, not 2E.",
            lambda excess, nodes, edges, D: excess * 2 * D / (2 * edges),
        ),
        Mistake(
            "edges-once",
            "In how many directions can an edge be walked?",
            "Every edge is two transitions, so the table has 2E entries, not E.",
            lambda excess, nodes, edges, D: excess * 2 * D / (edges - nodes),
        ),
        Mistake(
            "upside-down",
            "Is a transformer that learns worse than counting above 1 or below?",
            "The ratio is upside down.",
            lambda excess, nodes, edges, D: (2 * edges - nodes) / (2 * D * excess),
        ),
    ),
)


# The leak


def _draw_prediction(generator: np.random.Generator) -> dict[str, list[float]]:
    neighbours, others = 4, 6
    law = [1 / neighbours] * neighbours + [0.0] * others
    prediction = generator.dirichlet([4.0] * neighbours + [0.5] * others)
    return {"law": law, "prediction": prediction.tolist()}


def _leak(law: list[float], prediction: list[float]) -> float:
    return float(-np.log(np.array(prediction)[np.array(law) > 0].sum()))


def _divergence(law: list[float], prediction: list[float]) -> float:
    true = np.array(law)
    inside = true > 0
    return float((true[inside] * np.log(true[inside] / np.array(prediction)[inside])).sum())


LEAK = Exercise(
    key="leak-of-a-prediction",
    function="leak",
    title="The leak of a prediction",
    objective="take the excess loss apart into what leaks to wrong nodes and what is divided wrongly among right ones",
    draw=_draw_prediction,
    answer=_leak,
    stars=2,
    minutes=10,
    mistakes=(
        Mistake(
            "probability",
            "Is the leak a probability, or its part of the divergence in nats?",
            "1 - m is the probability that leaks; its part of the divergence is -ln m.",
            lambda law, prediction: float(1 - np.exp(-_leak(law, prediction))),
        ),
        Mistake(
            "divergence",
            "Does your number become zero when only the division among the neighbours is wrong?",
            "That is the whole divergence; the leak is the part of it that only the mass on the neighbours decides.",
            _divergence,
        ),
        Mistake(
            "within",
            "Is that the part outside the neighbours, or the part among them?",
            "That is the part within: the divergence less the leak.",
            lambda law, prediction: _divergence(law, prediction) - _leak(law, prediction),
        ),
        Mistake(
            "bits",
            "Which logarithm gives nats?",
            "That is in bits; with the natural logarithm it is in nats.",
            lambda law, prediction: _leak(law, prediction) / float(np.log(2)),
        ),
    ),
)


# An exponent between two lengths of run


def _draw_two(generator: np.random.Generator) -> dict[str, float]:
    first = float(generator.uniform(0.02, 0.2))
    return {
        "first_loss": first,
        "last_loss": first * float(generator.uniform(0.1, 0.5)),
        "ratio": float(generator.choice([4.0, 8.0, 16.0])),
    }


MEAN = Exercise(
    key="mean-exponent",
    function="mean_exponent",
    title="An exponent without a fit",
    objective="read the exponent in D off two losses over a known floor",
    draw=_draw_two,
    answer=lambda first_loss, last_loss, ratio: float(np.log(first_loss / last_loss) / np.log(ratio)),
    minutes=5,
    mistakes=(
        Mistake(
            "sign",
            "Is the exponent positive or negative when the loss falls as D to the power minus beta?",
            "The loss falls as D^-beta, so beta is positive.",
            lambda first_loss, last_loss, ratio: float(np.log(last_loss / first_loss) / np.log(ratio)),
        ),
        Mistake(
            "no-logarithm",
            "On which axes is a power law a straight line?",
            "A slope is taken where both axes are logarithmic.",
            lambda first_loss, last_loss, ratio: float((first_loss - last_loss) / (ratio - 1)),
        ),
        Mistake(
            "one-logarithm",
            "Did you take the logarithm of the ratio of tokens too?",
            "Both ratios stand under a logarithm.",
            lambda first_loss, last_loss, ratio: float(np.log(first_loss / last_loss) / ratio),
        ),
        Mistake(
            "mixed-bases",
            "Do both logarithms have the same base?",
            "One logarithm is natural and the other decimal; the base must be the same.",
            lambda first_loss, last_loss, ratio: float(np.log10(first_loss / last_loss) / np.log(ratio)),
        ),
    ),
)

# Seeds for an exponent


def _draw_scatter(generator: np.random.Generator) -> dict[str, float]:
    return {
        "scatter": float(generator.uniform(0.3, 2.5)),
        "ratio": float(generator.choice([4.0, 8.0, 16.0, 32.0])),
        "error": float(generator.uniform(0.02, 0.2)),
    }


SEEDS = Exercise(
    key="seeds-for-an-exponent",
    function="seeds_needed",
    title="How many seeds a coin needs",
    objective="say before the runs how many seeds an exponent takes",
    draw=_draw_scatter,
    answer=lambda scatter, ratio, error: 2 * (scatter / (error * float(np.log(ratio)))) ** 2,
    stars=2,
    minutes=10,
    mistakes=(
        Mistake(
            "one-end",
            "How many of the two losses are uncertain?",
            "Both ends scatter, and their variances add: there is a factor of 2.",
            lambda scatter, ratio, error: (scatter / (error * float(np.log(ratio)))) ** 2,
        ),
        Mistake(
            "not-squared",
            "By how much does the error of a mean fall when there are four times as many seeds?",
            "The error of a mean falls as the root of the number of seeds, so the number is a square.",
            lambda scatter, ratio, error: 2**0.5 * scatter / (error * float(np.log(ratio))),
        ),
        Mistake(
            "no-range",
            "Does a longer range of D need more seeds or fewer?",
            "The exponent is the difference of the logarithms over ln(ratio): a longer range needs fewer seeds.",
            lambda scatter, ratio, error: 2 * (scatter / error) ** 2,
        ),
        Mistake(
            "decades",
            "In which logarithm is the scatter given?",
            "The scatter is that of the natural logarithm, and so the range must be ln(ratio), not decades.",
            lambda scatter, ratio, error: 2 * (scatter / (error * float(np.log10(ratio)))) ** 2,
        ),
    ),
)


# The steps of branches


def _draw_lengths(generator: np.random.Generator) -> dict[str, Any]:
    first, tenths = 100 * int(generator.integers(1, 6)), int(generator.integers(1, 5))
    ratio = int(generator.choice([2, 3]))
    # As many lengths whatever the secret: nobody's task is longer.
    return {"lengths": [first * ratio**place for place in range(4)], "decay": tenths / 10}


STEPS = Exercise(
    key="steps-of-branches",
    function="steps_taken",
    title="What branches cost",
    objective="count the steps of several runs that share one stable part",
    draw=_draw_lengths,
    answer=lambda lengths, decay: max(lengths) + decay * (sum(lengths) - max(lengths)),
    stars=2,
    minutes=10,
    mistakes=(
        Mistake(
            "every-run-alone",
            "Which steps of two lengths are the same steps?",
            "That trains every length from its first step. Up to the decay of the shorter they are one run.",
            lambda lengths, decay: float(sum(lengths)),
        ),
        Mistake(
            "longest-alone",
            "With which learning rate does the stable run pass the end of a shorter branch?",
            "The stable run is still at its peak there: each shorter length needs a decay of its own.",
            lambda lengths, decay: float(max(lengths)),
        ),
        Mistake(
            "decay-twice",
            "Is the decay of the longest run counted once in your sum?",
            "The longest run has its decay already; only the shorter ones add theirs.",
            lambda lengths, decay: max(lengths) + decay * sum(lengths),
        ),
        Mistake(
            "stable-part-again",
            "Which part of a shorter run is trained again, the stable one or the decay?",
            "The stable part is shared, and the decay is what each length adds.",
            lambda lengths, decay: max(lengths) + (1 - decay) * (sum(lengths) - max(lengths)),
        ),
    ),
)

EXERCISES = (BATCH, FACTOR, LEAK, MEAN, SEEDS, STEPS)
