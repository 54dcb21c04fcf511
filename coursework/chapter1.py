"""Exercises of chapter 1: graphs, walks and entropy."""

import numpy as np

from scaling_lib.coursework.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


def _free(nodes: int, edges: int) -> int:
    """Free entries of the table of transitions when the edges are known: each row sums to one."""
    return 2 * edges - nodes


def _transitions(tokens: int, context: int) -> float:
    """Transitions in walks of `context` tokens."""
    return tokens * (context - 1) / context


def _excess(nodes: int, edges: int, tokens: int, context: int) -> float:
    return _free(nodes, edges) / 2 / _transitions(tokens, context)


def _draw(generator: np.random.Generator) -> dict[str, int]:
    return {
        "nodes": int(generator.integers(100, 900)),
        "edges": int(generator.integers(1000, 6000)),
        "tokens": int(generator.integers(2, 40)) * 50_000,
        "context": int(generator.choice([20, 50, 100])),
    }


EXERCISES = (
    Exercise(
        key="tokens-to-the-floor",
        function="counting_excess",
        title="How many tokens to the floor",
        objective="say what learning by counting costs, and how the cost falls with the data",
        draw=_draw,
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
    ),
)
