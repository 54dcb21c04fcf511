"""Quantities of the ledger that need no training: exact counting, the graphs themselves, arithmetic on what is printed.

They are computed, not measured: the interval is a point, unless the graph is a random draw and its fit has an error.
Numbers that others published are read from the ledger and from the published laws. Every number that is typed here is
part of the definition of its rule (a range of ranks, a threshold, a budget); the claim's scope states it in words.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from scaling_lib.data import counting, dice, tails
from scaling_lib.data.markov import Chain
from scaling_lib.fits.allocation import closed_form, literature, planner, reconciliation
from scaling_lib.fits.laws.published import published_law
from scaling_lib.fits.uncertainty.intervals import student_mean
from scaling_lib.pages.judging.captions import caption_ratios, published_exponents
from scaling_lib.pages.judging.ledger import published_number
from scaling_lib.pages.judging.measured import Measured
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.runs.sweeping.recipes import source_of

__all__ = ["CHINCHILLA_FLOPS", "KNOWN"]

# The budget at which the claims about tokens per parameter are put, in FLOPs.
CHINCHILLA_FLOPS = 5.76e23


def _exactly(value: float | np.number) -> Measured:
    """`value` as a measurement without error."""
    return Measured(float(value), float(value), float(value))


@cache
def _chain(name: str) -> Chain:
    return experiment(name).chain()


# ---------------------------------------------------------------------- counting


def counting_exponent() -> Measured:
    """Minus the slope of ln(excess) against ln(D) of the counter that knows the edges, D from 100 to 1000 arcs."""
    chain = _chain("er-1k")
    D = np.array([100, 1000]) * chain.arcs
    excess = counting.expected_excess_loss(chain, D, "support_known")
    return _exactly(-np.diff(np.log(excess))[0] / np.diff(np.log(D))[0])


def counting_coefficient() -> Measured:
    """D x excess of the same counter at D = 1000 arcs, over (2E - n) / 2."""
    chain = _chain("er-1k")
    D = 1000 * chain.arcs
    excess = counting.expected_excess_loss(chain, np.array([D]), "support_known")[0]
    return _exactly(D * excess / chain.counting_coefficient)


def counting_second_order() -> Measured:
    """D^2 x (excess - first order) of plain counting, a fair die of ten faces, D = 12,800 rolls (a face unseen, chance
    below 1e-500, left out)."""
    faces, rolls = 10, 12_800
    excess = dice.expected_excess_loss(np.full(faces, 1 / faces), rolls)
    return _exactly(rolls**2 * (excess - (faces - 1) / (2 * rolls)))


# ---------------------------------------------------------------------- graphs


@cache
def _degree_counts(name: str) -> np.ndarray:
    chain = _chain(name)
    return np.bincount(chain.degrees, minlength=chain.nodes)


def ba_edges() -> Measured:
    """Edges of preferential attachment with six edges a node, grown from a complete graph on six nodes."""
    return _exactly(_chain("ba-8k").edges)


def ba_degree_exponent() -> Measured:
    """Maximum likelihood on the tail that fits best and holds a tenth of the nodes; interval from the curvature."""
    counts = _degree_counts("ba-8k")
    data: dict[str, Any] = {"values": np.arange(len(counts)), "counts": counts, "maximum": len(counts) - 1}
    begin = tails.best_minimum(share=0.1, **data)
    fitted = tails.fit_tail(family="power_law", minimum=begin, **data)
    return _with_fisher_error(float(fitted.parameters[0]), begin, len(counts) - 1, float(counts[begin:].sum()))


def _with_fisher_error(exponent: float, begin: int, end: int, observations: float) -> Measured:
    """Fisher's information of the exponent of a finite power law is the variance of ln x under it."""
    x = np.arange(begin, end + 1, dtype=float)
    law = x**-exponent
    law /= law.sum()
    variance = law @ np.log(x) ** 2 - (law @ np.log(x)) ** 2
    half = 1.96 / float(np.sqrt(observations * variance))
    return Measured(exponent, exponent - half, exponent + half)


def ba_rank_exponent() -> Measured:
    """Minus the slope of ln(stationary probability) against ln(rank), ranks 10 to 1000, least squares; spread over five
    graphs."""
    ranks = np.geomspace(10, 1000, 40).astype(int)
    slopes = []
    for seed in range(5):
        chain = source_of("barabasi_albert", {"nodes": 8192, "attachments": 6}, seed)[1]
        law = np.sort(chain.stationary)[::-1]
        slopes.append(-np.polyfit(np.log(ranks), np.log(law[ranks - 1]), 1)[0])
    return Measured(*student_mean(np.array(slopes)), freedom=len(slopes) - 1)


def er_power_law_ratio() -> Measured:
    """Log-likelihood ratio of the power law to the Poisson law of the degrees of ER 8K, per node, on the tail of a
    quarter of the nodes that suits the power law best: positive speaks for it. Interval from Vuong's statistic."""
    counts = _degree_counts("er-8k")
    data: dict[str, Any] = {"values": np.arange(len(counts)), "counts": counts, "maximum": len(counts) - 1}
    rivals = tails.judge_power_law(share=0.25, **data).comparisons
    (poisson,) = (rival for rival in rivals if rival.alternative == "poisson")
    per_node = poisson.log_likelihood_ratio / poisson.observations
    half = 1.96 * abs(per_node / poisson.statistic)
    return Measured(per_node, per_node - half, per_node + half)


# ---------------------------------------------------------------------- arithmetic on what is published


def captions_beating_fifty() -> Measured:
    """In how many captions the power law in D is better than the exponential by a factor of 50 or more."""
    return _exactly((caption_ratios("d") >= 50).sum())


def captions_beating_five() -> Measured:
    """In how many captions the power law in N is better than the exponential by a factor of 5 or more."""
    return _exactly((caption_ratios("n") >= 5).sum())


def captions_alpha_at_least_beta() -> Measured:
    """In how many captions alpha is at least beta."""
    captions = published_exponents()
    return _exactly((captions["alpha"] >= captions["beta"]).sum())


def _implied(claim: str, quantity: str) -> Callable[[], Measured]:
    """What the closed form makes of the alpha and beta of the printed fit `claim`: "a", "b", "gamma" or "a/b"; the
    other parameters do not enter."""

    def compute() -> Measured:
        exponents = {name: published_number(f"{claim}.{name}") for name in ("alpha", "beta")}
        allocation = closed_form({"E": 0.0, "A": 1.0, "B": 1.0} | exponents)
        return _exactly(allocation.a / allocation.b if quantity == "a/b" else getattr(allocation, quantity))

    return compute


def _of_law(name: str, quantity: str) -> Callable[[], Measured]:
    return lambda: _exactly(getattr(literature.published(name).allocation, quantity))


def _tokens_per_parameter(name: str) -> Callable[[], Measured]:
    """At the compute of Chinchilla, by the closed form of a published law."""
    return lambda: _exactly(planner.plan(CHINCHILLA_FLOPS, literature.published(name)).tokens_per_parameter)


def embeddings_exponent() -> Measured:
    """The exponent of N_opt without embeddings in C without embeddings, Besiroglu's law, Pearce and Song's embeddings,
    least squares over budgets from 10^12.95 to 10^20.7 FLOPs, evenly spaced in log C."""
    return _exactly(_exponent_without_embeddings(dict(published_law("besiroglu-huber").parameters)))


def embeddings_exponent_with_error() -> Measured:
    """The same with its error: the 95 % interval of 400 draws (np.random.default_rng(0)) from the normal law with the
    covariance of the parameters that it starts from."""
    law = published_law("besiroglu-huber")
    names = ("E", "A", "B", "alpha", "beta")
    logarithmic = np.array([False, True, True, False, False])
    middle = np.array([law.parameters[name] for name in names])
    middle[logarithmic] = np.log(middle[logarithmic])
    drawn = np.random.default_rng(0).multivariate_normal(middle, np.array(law.covariance), 400)
    drawn[:, logarithmic] = np.exp(drawn[:, logarithmic])
    exponents = [_exponent_without_embeddings(dict(zip(names, draw, strict=True))) for draw in drawn]
    low, high = np.quantile(exponents, [0.025, 0.975])
    return Measured(embeddings_exponent().value, float(low), float(high))


def _exponent_without_embeddings(parameters: dict[str, float]) -> float:
    frontier = reconciliation.embedding_frontier(parameters, np.geomspace(1e2, 1e11, 4000))
    budget, size = (np.log10(frontier[f"{name}_nonembedding"].to_numpy()) for name in "CN")
    even = np.linspace(12.95, 20.7, 500)
    return float(np.polyfit(even, np.interp(even, budget, size), 1)[0])


KNOWN: dict[str, Callable[[], Measured]] = {
    "counting.exponent": counting_exponent,
    "counting.coefficient": counting_coefficient,
    "counting.second-order": counting_second_order,
    "ba-8k.edges": ba_edges,
    "ba-8k.degree-exponent": ba_degree_exponent,
    "ba-8k.rank-exponent": ba_rank_exponent,
    "er-8k.power-law-ratio": er_power_law_ratio,
    "captions.beating-fifty": captions_beating_fifty,
    "captions.beating-five": captions_beating_five,
    "captions.alpha-at-least-beta": captions_alpha_at_least_beta,
    "text-sp-2l.a-over-b": _implied("text-sp-2l.2d", "a/b"),
    "text-sp-2l.gamma": _implied("text-sp-2l.2d", "gamma"),
    "text-mup.a": _implied("text-mup.2d", "a"),
    "chinchilla.a-printed": _implied("chinchilla.2d", "a"),
    "chinchilla.b-printed": _implied("chinchilla.2d", "b"),
    "chinchilla.gamma-printed": _implied("chinchilla.2d", "gamma"),
    "hoffmann.a": _of_law("hoffmann", "a"),
    "hoffmann.b": _of_law("hoffmann", "b"),
    "hoffmann.tokens-per-parameter": _tokens_per_parameter("hoffmann"),
    "besiroglu.tokens-per-parameter": _tokens_per_parameter("besiroglu"),
    "pearce-song.exponent": embeddings_exponent,
    "kaplan.exponent-by-counting": embeddings_exponent_with_error,
}
