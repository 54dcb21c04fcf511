"""Exercises of chapter 1 about degrees, ranks and memory."""

from math import comb

import numpy as np

from scaling_lib.coursework.exercises import Exercise, Mistake

__all__ = ["MEMORY", "RANKS", "WEIGHTS"]


# Ranks from degrees


def _draw_degrees(generator: np.random.Generator) -> dict[str, object]:
    degrees = 1 + generator.poisson(5, 30)
    degrees[0] += degrees.sum() % 2  # the degrees of a graph sum to an even number
    return {"degrees": degrees.tolist(), "r": int(generator.integers(3, 7))}


def _at_least(degrees: list[int], r: int) -> int:
    return sum(degree >= r for degree in degrees)


RANKS = Exercise(
    key="ranks-from-degrees",
    function="probability_of_rank",
    title="Ranks from degrees",
    objective="show how the degrees of a graph become the ranks of its successors",
    kind="derivation",
    draw=_draw_degrees,
    answer=lambda degrees, r: _at_least(degrees, r) / sum(degrees),
    stars=2,
    minutes=15,
    mistakes=(
        Mistake(
            "more-than",
            "Has a node of degree r an r-th successor?",
            "A node of degree r has an r-th successor: it is at least r, not more than r.",
            lambda degrees, r: _at_least(degrees, r + 1) / sum(degrees),
        ),
        Mistake(
            "share-of-nodes",
            "How often is the walk at such a node, and how likely is that successor then?",
            "That is the share of nodes; divide by the mean degree.",
            lambda degrees, r: _at_least(degrees, r) / len(degrees),
        ),
        Mistake(
            "edges-once",
            "Is the stationary law d/E or d/2E?",
            "The degrees sum to 2E; you divided by the number of edges.",
            lambda degrees, r: 2 * _at_least(degrees, r) / sum(degrees),
        ),
        Mistake(
            "nodes-equally-likely",
            "Does a walk stand on every node equally often?",
            "You averaged 1/d over nodes; a walk is at a node in proportion to its degree, which cancels 1/d.",
            lambda degrees, r: sum(1 / degree for degree in degrees if degree >= r) / len(degrees),
        ),
        Mistake(
            "where-it-is",
            "Is the probability of being at such a node asked for, or of going to its r-th neighbour?",
            "That is the probability of being at a node of degree r or more; its r-th neighbour has a share 1/d of it.",
            lambda degrees, r: sum(degree for degree in degrees if degree >= r) / sum(degrees),
        ),
    ),
)


# From weights to ranks


def _weight(r: int, d: int, kappa: float) -> float:
    return (r / d) ** (-1 / (kappa - 1))


WEIGHTS = Exercise(
    key="weights-to-ranks",
    function="weight_of_rank",
    title="From weights to ranks",
    objective="turn a law of weights into a law of ranks",
    kind="derivation",
    draw=lambda generator: {
        "r": int(generator.integers(2, 20)),
        "d": int(generator.integers(100, 500)),
        "kappa": float(generator.uniform(1.5, 2.8)),
    },
    answer=_weight,
    stars=2,
    minutes=20,
    mistakes=(
        Mistake(
            "density",
            "How does the share of weights above w fall, when their density falls as w^-kappa?",
            "The share above w falls as w to the power 1 - kappa; you took the density's exponent.",
            lambda r, d, kappa: (r / d) ** (-1 / kappa),
        ),
        Mistake(
            "not-a-share",
            "Of how many weights is this the r-th largest?",
            "A share r/d of the law lies above it; you left out d.",
            lambda r, d, kappa: r ** (-1 / (kappa - 1)),
        ),
        Mistake(
            "smallest-first",
            "From which end does r count?",
            "The rank counts from the largest: the weight falls with r.",
            lambda r, d, kappa: 1 / _weight(r, d, kappa),
        ),
        Mistake(
            "not-inverted",
            "Is a share asked for, or the weight at which it is reached?",
            "That is not yet solved for the weight: take the power -1/(kappa - 1), not -(kappa - 1).",
            lambda r, d, kappa: (r / d) ** -(kappa - 1),
        ),
        Mistake(
            "rank-plus-one",
            "In the density, does the exponent become kappa - 1 or kappa + 1 when it is integrated?",
            "Integrating w^-kappa lowers the exponent to kappa - 1; yours grew.",
            lambda r, d, kappa: (r / d) ** (-1 / (kappa + 1)),
        ),
    ),
)


# Memory without hubs


def _back(t: int) -> float:
    """Probability of as many steps left as right."""
    return comb(t, t // 2) / 2**t


MEMORY = Exercise(
    key="memory-without-hubs",
    function="probability_of_return",
    title="Memory without hubs",
    objective="find a power law in time where there is none among words",
    kind="prediction",
    draw=lambda generator: {"t": 2 * int(generator.integers(5, 40))},
    answer=_back,
    stars=2,
    minutes=15,
    mistakes=(
        Mistake(
            "one-way",
            "How many orders of steps bring the walk back?",
            "That is one order of steps; every order with as many left as right leads back.",
            lambda t: 0.5**t,
        ),
        Mistake(
            "half-the-steps",
            "How many steps does the walk take in all?",
            "You let the walk take t/2 steps in all; it takes t.",
            lambda t: comb(t // 2, t // 4) / 2 ** (t // 2),
        ),
        Mistake(
            "wrong-scale",
            "What is the variance of a sum of t steps of plus and minus one, and on which places can it stand?",
            "After an even number of steps only every other place can be reached, so the density counts twice.",
            lambda t: float(1 / np.sqrt(2 * np.pi * t)),
        ),
        Mistake(
            "two-dimensions",
            "With which power of t does it fall on a line?",
            "On a line it falls as t to the power -1/2; -1 belongs to the plane.",
            lambda t: float(1 / (np.pi * t)),
        ),
    ),
)
