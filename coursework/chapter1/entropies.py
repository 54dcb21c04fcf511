"""Exercises of chapter 1 about entropy rates and where a walk is."""

from typing import Any

import numpy as np
from scipy.stats import poisson

from scaling_lib.coursework.exercises import Exercise, Mistake

__all__ = ["COUNTS", "DIRECTED", "KNOWN", "MEAN_DEGREE", "WEIGHTED"]

LN2 = float(np.log(2))
Weights = list[list[float]]


# Known answers


def _known(n: int) -> list[float]:
    """Entropy rates of a ring, a complete graph, a star and a path of n nodes."""
    return [LN2, float(np.log(n - 1)), float(np.log(n - 1)) / 2, (n - 2) / (n - 1) * LN2]


KNOWN = Exercise(
    key="known-answers",
    function="known_rates",
    title="Known answers",
    objective="find the entropy rate of a simple walk by hand",
    draw=lambda generator: {"n": int(generator.integers(5, 40))},
    answer=_known,
    minutes=5,
    mistakes=(
        Mistake(
            "star-without-leaves",
            "How often does a walk on a star have no choice at all?",
            "Every other step starts at a leaf, where there is no choice: the star has half of ln(n - 1).",
            lambda n: [*_known(n)[:2], float(np.log(n - 1)), _known(n)[3]],
        ),
        Mistake(
            "path-without-ends",
            "What happens at the two ends of the path?",
            "At the ends of the path there is no choice, so it has less than the ring.",
            lambda n: [*_known(n)[:3], LN2],
        ),
        Mistake(
            "stays-where-it-is",
            "Among how many nodes does a walk on the complete graph choose?",
            "A walk does not stay where it is: on the complete graph it chooses among n - 1.",
            lambda n: [LN2, float(np.log(n)), _known(n)[2], _known(n)[3]],
        ),
        Mistake(
            "nodes-equally-likely",
            "How often is a walk at the centre of the star, and how often at an end of the path?",
            "You averaged over nodes; a walk is at a node in proportion to its degree.",
            lambda n: [LN2, float(np.log(n - 1)), float(np.log(n - 1)) / n, (n - 2) / n * LN2],
        ),
        Mistake(
            "bits",
            "In which unit does the book measure an entropy?",
            "Your answers are in bits; the book counts in nats.",
            lambda n: [rate / LN2 for rate in _known(n)],
        ),
    ),
)


# The floor without the graph


def _mean_over_poisson(mean: float, of: Any) -> float:
    """The mean of a function of a Poisson number."""
    numbers = np.arange(200)
    return float(poisson.pmf(numbers, mean) @ of(numbers))


MEAN_DEGREE = Exercise(
    key="floor-from-mean-degree",
    function="floor_from_mean_degree",
    title="The floor without the graph",
    objective="predict an entropy rate from a mean degree",
    draw=lambda generator: {"c": float(generator.uniform(4, 12))},
    answer=lambda c: _mean_over_poisson(c, np.log1p),
    stars=2,
    minutes=15,
    tolerance=4e-3,
    mistakes=(
        Mistake(
            "over-nodes",
            "Does a walk stand on every node equally often?",
            "That is the mean over nodes; a walk finds a node in proportion to its degree.",
            lambda c: _mean_over_poisson(c, lambda degrees: np.log(np.maximum(degrees, 1))),
        ),
        Mistake(
            "mean-degree",
            "Is the logarithm of a mean the mean of the logarithm?",
            "That is the logarithm of the mean degree.",
            lambda c: float(np.log(c)),
        ),
        Mistake(
            "mean-degree-of-the-walk",
            "You have the mean degree of the node that a walk finds: is its logarithm asked for?",
            "That is the logarithm of the mean degree of the node a walk finds; the mean of the logarithm is lower.",
            lambda c: float(np.log(1 + c)),
        ),
        Mistake(
            "bits",
            "In which unit does the book count?",
            "Your answer is in bits; the book counts in nats.",
            lambda c: _mean_over_poisson(c, np.log1p) / LN2,
        ),
    ),
)


# The floor of a weighted walk


def _connected(generator: np.random.Generator) -> dict[str, Weights]:
    """A connected graph of twelve nodes with small integer weights."""
    nodes = 12
    while True:
        drawn = (generator.random((nodes, nodes)) < 0.45) * generator.integers(1, 9, (nodes, nodes))
        weights = np.triu(drawn, 1).astype(float)
        weights += weights.T
        reached = np.linalg.matrix_power((weights > 0) + np.eye(nodes), nodes)
        if (reached > 0).all():
            return {"weights": weights.tolist()}


def _rows(weights: Weights) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entropy of each row of transitions in nats, share of each node's strength, degrees."""
    array = np.asarray(weights, float)
    transitions = array / array.sum(1, keepdims=True)
    entropies = -np.where(transitions > 0, transitions * np.log(np.where(transitions > 0, transitions, 1)), 0).sum(1)
    return entropies, array.sum(1) / array.sum(), (array > 0).sum(1)


def _entropy_rate(weights: Weights) -> float:
    entropies, visited, _ = _rows(weights)
    return float(visited @ entropies)


def _entropy_of_places(weights: Weights) -> float:
    _, visited, _ = _rows(weights)
    return float(-visited @ np.log(visited))


def _unweighted_rows(weights: Weights) -> float:
    _, visited, degrees = _rows(weights)
    return float(visited @ np.log(degrees))


def _weighed_by_degree(weights: Weights) -> float:
    entropies, _, degrees = _rows(weights)
    return float(degrees @ entropies / degrees.sum())


def _log_of_mean(weights: Weights) -> float:
    entropies, visited, _ = _rows(weights)
    return float(np.log(visited @ np.exp(entropies)))


WEIGHTED = Exercise(
    key="floor-of-a-weighted-walk",
    function="entropy_rate",
    title="The floor of a weighted walk",
    objective="compute an entropy rate from the weights of a graph",
    draw=_connected,
    answer=_entropy_rate,
    stars=2,
    minutes=15,
    mistakes=(
        Mistake(
            "bits",
            "Which logarithm does the book use?",
            "Your answer is in bits; the book counts in nats.",
            lambda weights: _entropy_rate(weights) / LN2,
        ),
        Mistake(
            "decimal-logarithm",
            "Which logarithm did you take: to which base?",
            "You took the logarithm to base ten; nats need the natural one.",
            lambda weights: _entropy_rate(weights) / np.log(10),
        ),
        Mistake(
            "entropy-of-places",
            "Is the entropy of where the walk is asked for, or of where it goes next?",
            "That is the entropy of the stationary law, of where the walk is, not of where it goes next.",
            _entropy_of_places,
        ),
        Mistake(
            "nodes-equally-likely",
            "How often does the walk stand on each node?",
            "You took every node for equally likely; a walk is at a node in proportion to its strength.",
            lambda weights: float(_rows(weights)[0].mean()),
        ),
        Mistake(
            "neighbours-equally-likely",
            "Are all neighbours of a node equally likely here?",
            "You took ln(degree) for the entropy of a row; that holds only where all neighbours are equally likely.",
            _unweighted_rows,
        ),
        Mistake(
            "degree-not-strength",
            "To what is the stationary law proportional when the edges have weights?",
            "The rows are right, but you weighed them by degree; with weights on the edges it is the strength.",
            _weighed_by_degree,
        ),
        Mistake(
            "logarithm-of-mean",
            "Which comes first, the logarithm or the mean?",
            "That is the logarithm of a mean number of choices; the mean of the logarithm is asked for.",
            _log_of_mean,
        ),
        Mistake(
            "uniform-guess",
            "What does a reader know who pays this loss?",
            "That is ln(number of nodes), which a reader pays who knows nothing of the graph.",
            lambda weights: float(np.log(len(weights))),
        ),
        Mistake(
            "pair",
            "Do you predict a token, or a pair of tokens?",
            "That is the entropy of two neighbouring tokens; subtract the entropy of the first.",
            lambda weights: _entropy_rate(weights) + _entropy_of_places(weights),
        ),
    ),
)


# An entropy from few counts


def _draw_counts(generator: np.random.Generator) -> dict[str, list[int]]:
    drawn = generator.multinomial(int(generator.integers(25, 60)), generator.dirichlet(np.full(14, 0.7)))
    return {"counts": drawn.tolist()}


def _plug_in(counts: list[int]) -> float:
    seen = np.array([count for count in counts if count > 0], float)
    shares = seen / seen.sum()
    return float(-shares @ np.log(shares))


def _correction(counts: list[int], outcomes: int) -> float:
    return (outcomes - 1) / 2 / sum(counts)


def _seen(counts: list[int]) -> int:
    return int(np.count_nonzero(counts))


def _corrected(counts: list[int]) -> float:
    return _plug_in(counts) + _correction(counts, _seen(counts))


COUNTS = Exercise(
    key="entropy-from-few-counts",
    function="entropy_of_counts",
    title="An entropy from few counts",
    objective="correct the entropy of a small sample to first order",
    draw=_draw_counts,
    answer=_corrected,
    stars=2,
    mistakes=(
        Mistake(
            "plug-in",
            "Is an entropy that is computed from observed frequencies too high or too low on average?",
            "That is the entropy of the frequencies, low by about (m - 1)/2n, which was to be corrected.",
            _plug_in,
        ),
        Mistake(
            "sign",
            "Is the entropy of observed frequencies too high or too low, and so which sign has the correction?",
            "The correction has the wrong sign: entropies of frequencies are too low.",
            lambda counts: 2 * _plug_in(counts) - _corrected(counts),
        ),
        Mistake(
            "no-constraint",
            "How many of m probabilities are free?",
            "It is m - 1, not m: the probabilities sum to one.",
            lambda counts: _plug_in(counts) + _correction(counts, _seen(counts) + 1),
        ),
        Mistake(
            "empty-outcomes",
            "Which outcomes does m count?",
            "Here m counts the outcomes that were seen, not the empty ones.",
            lambda counts: _plug_in(counts) + _correction(counts, len(counts)),
        ),
        Mistake(
            "no-half",
            "What is the factor of the first-order bias?",
            "The correction is (m - 1)/2n; you left out the 2.",
            lambda counts: _plug_in(counts) + 2 * _correction(counts, _seen(counts)),
        ),
        Mistake(
            "bits",
            "Which unit is asked for?",
            "Your answer is in bits; the book counts in nats.",
            lambda counts: _corrected(counts) / LN2,
        ),
        Mistake(
            "mixed-units",
            "Are both terms in the same unit?",
            "The entropy is in bits and the correction in nats: convert one of them.",
            lambda counts: _plug_in(counts) / LN2 + _correction(counts, _seen(counts)),
        ),
    ),
)


# Where a directed walk is


def _directed(generator: np.random.Generator) -> dict[str, Weights]:
    """A strongly connected directed graph of four nodes: a ring, and edges beside it."""
    nodes = 4
    weights = generator.integers(1, 9, (nodes, nodes)) * (generator.random((nodes, nodes)) < 0.6)
    np.fill_diagonal(weights, 0)
    for node in range(nodes):
        weights[node, (node + 1) % nodes] = max(1, weights[node, (node + 1) % nodes])
    return {"weights": weights.astype(float).tolist()}


def _stationary(weights: Any) -> np.ndarray:
    """The law that a step leaves as it is, by least squares with the row that says that it sums to one."""
    array = np.asarray(weights, float)
    transitions = array / array.sum(1, keepdims=True)
    nodes = len(transitions)
    equations = np.vstack([transitions.T - np.eye(nodes), np.ones(nodes)])
    return np.linalg.lstsq(equations, np.append(np.zeros(nodes), 1), rcond=None)[0]


DIRECTED = Exercise(
    key="where-a-directed-walk-is",
    function="stationary",
    title="Where a directed walk is",
    objective="solve for a stationary law where it is not proportional to the strength",
    draw=_directed,
    answer=lambda weights: _stationary(weights).tolist(),
    stars=2,
    minutes=15,
    mistakes=(
        Mistake(
            "out-strength",
            "Does a walk leave a node as often along each edge as it comes in, when edges have a direction?",
            "On a directed graph the stationary law is not proportional to the strength: solve pi = pi P.",
            lambda weights: (np.sum(weights, 1) / np.sum(weights)).tolist(),
        ),
        Mistake(
            "in-strength",
            "What does one more step do to your law?",
            "That is the share of weight that flows in, one step from the strengths; a further step still changes it.",
            lambda weights: (np.sum(weights, 0) / np.sum(weights)).tolist(),
        ),
        Mistake(
            "right-eigenvector",
            "Is it the rows or the columns of P that sum to one, and which eigenvector did you take?",
            "That is the right eigenvector, all ones, since rows sum to one; the left one is asked for.",
            lambda weights: np.full(len(weights), 1 / len(weights)).tolist(),
        ),
        Mistake(
            "not-normalised",
            "What do the entries of your law sum to?",
            "The direction is right, but a law sums to one; yours has length one.",
            lambda weights: (_stationary(weights) / np.linalg.norm(_stationary(weights))).tolist(),
        ),
        Mistake(
            "transposed",
            "Does weights[u][v] weigh the step from u to v, or from v to u?",
            "You normalised the columns: weights[u][v] weighs the step from u to v, so the rows of P sum to one.",
            lambda weights: _stationary(np.transpose(weights)).tolist(),
        ),
    ),
)
