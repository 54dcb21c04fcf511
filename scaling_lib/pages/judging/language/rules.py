r"""The ladder from walks to language, judged: what each rule of `sources/language_here.toml` computes.

A table is one of the experiments of `runs.sweeping.studies.language`. Every rule

    leaves out        seeds from 900 on (the pilots'), and nothing else
    asks for          every point of the grid with all of its seeds, none of which diverged; with fewer the row is
                      undetermined, and without any table it is not run
    stops             when the grid is complete; nothing is added after a look at the outcome
    is undetermined   where the scatter of the seeds rejects the fitted law, where the power is below .8, and where a
                      row of equality would be *reproduced* by an interval longer than 1.2 margins

at the one learning rate that the grid has. There are two kinds of exponent.

*By the paper's procedure*: E + B x^-e, all three free, its Huber objective through the mean losses over seeds. Each
mean is moved by its error both ways; with d_i the half difference of the two fitted values the error of e is
(sum_i d_i^2)^(1/2).

*Over the known floor*: the slope of the mean of ln(excess loss) in ln D by weighted least squares, for a rung whose law
is known.

Seeds scatter more at small D. The variance of one seed is pooled over the points up to D = 800,000, and over those
beyond; an error is on the smaller of the two degrees of freedom. A law is rejected where its residuals, divided by the
errors of the means, have a mean square beyond the .95 quantile of F on these degrees.

Exponents of two rungs are compared by their difference, as those of independent samples. Seeds fix initial weights and,
on a text, the order of its windows; what rungs share of that is left in the error, which is then too large rather than
too small.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from scaling_lib.fits.fitting import Fit, fit
from scaling_lib.fits.laws import Exponential, PowerLaw
from scaling_lib.fits.laws.forms import Law
from scaling_lib.fits.seeds import seed_means
from scaling_lib.fits.uncertainty.likelihoods import RIVALS, compare_likelihoods
from scaling_lib.fits.undetermined import Undetermined
from scaling_lib.pages.judging.ledger import ledger
from scaling_lib.pages.judging.measured import Outcome, Tables
from scaling_lib.pages.judging.twins.studies import Forbids, Quantity, judged_on, short_enough, without_pilots
from scaling_lib.runs.sweeping.studies.language import (
    FLOOR_ERRORS,
    MOST,
    SEEDS,
    SEEDS_SHORT,
    SHORT,
    TOKENS,
    WIDTH,
    WIDTHS,
)

__all__ = ["LANGUAGE_QUANTITIES"]

DRAWS = 20
_NEEDED = ("identity", "rules", "status", "seed", "width", "N", "D", "loss", "excess_loss", "entropy_rate")


class Estimate(NamedTuple):
    """A number with its standard error, on so many degrees of freedom."""

    value: float
    error: float
    freedom: float

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, Student's; normal where the error is known, of infinitely many degrees of freedom."""
        half = self.error * float(stats.t.ppf(0.975, self.freedom))
        return self.value - half, self.value + half


# ---------------------------------------------------------------------- points


def _points(runs: pd.DataFrame, sizes: Sequence[tuple[int, int]]) -> list[pd.DataFrame]:
    """The runs of each point (width, D), all of its seeds."""
    parts = []
    for width, tokens in sizes:
        part = runs[(runs["width"] == width) & (runs["D"] == tokens)]
        if part["seed"].nunique() < (asked := SEEDS_SHORT if tokens <= SHORT else SEEDS):
            raise Forbids(
                f"there are fewer runs than the rule asks for, {asked} seeds at width {width}, D = {tokens:,}"
            )
        if (part["status"] != "ok").any():
            raise Forbids(f"a run diverged at width {width} and D = {tokens:,}")
        parts.append(part)
    return parts


def _across_tokens(runs: pd.DataFrame) -> list[pd.DataFrame]:
    return _points(runs, [(WIDTH, tokens) for tokens in TOKENS])


def _across_widths(runs: pd.DataFrame) -> list[pd.DataFrame]:
    return _points(runs, [(width, MOST) for width in WIDTHS])


class Means(NamedTuple):
    """Points along one variable: its values, means over seeds, their errors, the freedom of these."""

    size: np.ndarray
    mean: np.ndarray
    error: np.ndarray
    freedom: int


def _means(points: list[pd.DataFrame], variable: str, *, logarithm: bool = False) -> Means:
    """Of the losses in nats, or of ln(excess loss)."""
    values = [point["excess_loss" if logarithm else "loss"].to_numpy(float) for point in points]
    if logarithm:
        if any(np.isnan(each).any() for each in values):
            raise Forbids("nobody knows the floor of the loss here")
        if any((each <= 0).any() for each in values):
            raise Forbids("an excess loss is not above zero")
        values = [np.log(each) for each in values]
    short = np.array([point["D"].iloc[0] <= SHORT for point in points])
    counts = np.array([len(each) for each in values])
    squares = np.array([((each - each.mean()) ** 2).sum() for each in values])
    pools = [chosen for chosen in (short, ~short) if chosen.any()]
    freedoms = [int((counts - 1)[chosen].sum()) for chosen in pools]
    errors = np.empty(len(values))
    for chosen, freedom in zip(pools, freedoms, strict=True):
        errors[chosen] = np.sqrt(squares[chosen].sum() / freedom / counts[chosen])
    size = np.array([float(point[variable].iloc[0]) for point in points])
    return Means(size, np.array([each.mean() for each in values]), errors, min(freedoms))


def _not_rejected(means: Means, fitted: np.ndarray, parameters: int, words: str) -> None:
    free = len(means.mean) - parameters
    square = float((((means.mean - fitted) / means.error) ** 2).sum() / free)
    if square > stats.f.ppf(0.95, free, means.freedom):
        raise Forbids(f"the points leave {words} by more than the scatter of the seeds explains")


# ---------------------------------------------------------------------- exponents


def _paper_exponent(points: list[pd.DataFrame], variable: str) -> Estimate:
    """The exponent of E + B x^-e by the paper's procedure, with the error that the module describes."""
    size, mean, error, freedom = _means(points, variable)
    return _by_the_paper(variable, tuple(size.tolist()), tuple(mean.tolist()), tuple(error.tolist()), freedom)


# Several rules compare the same exponents, and a dozen fits are behind each.
@lru_cache(maxsize=64)
def _by_the_paper(
    variable: str, size: tuple[float, ...], mean: tuple[float, ...], error: tuple[float, ...], freedom: int
) -> Estimate:
    means = Means(np.array(size), np.array(mean), np.array(error), freedom)
    law = PowerLaw(variable=variable)

    def fitted(loss: np.ndarray, objective: str = "huber", **options: Any) -> Fit:
        return fit(law, {variable: means.size, "loss": loss}, objective=objective, **options)

    def exponent(loss: np.ndarray) -> float:
        return float(fitted(loss).params[law.exponent])

    votes = means.error**-2
    best = fitted(means.mean, "ols", weights=votes / votes.mean())
    _not_rejected(means, best.fitted, 3, f"a power law in {variable} over a free floor")
    moves = means.error * np.eye(len(means.mean))
    halves = [(exponent(means.mean + move) - exponent(means.mean - move)) / 2 for move in moves]
    return Estimate(exponent(means.mean), float(np.linalg.norm(halves)), means.freedom)


def _known_floor(points: list[pd.DataFrame]) -> Estimate:
    """Minus the slope of ln(excess loss) in ln D, which the seeds must not reject."""
    means = _means(points, "D", logarithm=True)
    design = np.column_stack([np.ones(len(means.size)), np.log(means.size / MOST)]) / means.error[:, None]
    covariance = np.linalg.inv(design.T @ design)
    line = covariance @ design.T @ (means.mean / means.error)
    _not_rejected(means, design @ line * means.error, 2, "a power law in D over the known floor")
    return Estimate(-float(line[1]), float(covariance[1, 1] ** 0.5), means.freedom)


def paper_alpha(runs: pd.DataFrame) -> Estimate:
    return _paper_exponent(_across_widths(runs), "N")


def paper_beta(runs: pd.DataFrame) -> Estimate:
    return _paper_exponent(_across_tokens(runs), "D")


def known_beta(runs: pd.DataFrame) -> Estimate:
    return _known_floor(_across_tokens(runs))


def mean_beta(runs: pd.DataFrame) -> Estimate:
    """ln(ratio of the excess losses at the least and the largest D) / ln(ratio of these D): it rests on no law."""
    means = _means(_across_tokens(runs), "D", logarithm=True)
    apart = float(np.log(means.size[-1] / means.size[0]))
    error = float(np.hypot(means.error[0], means.error[-1])) / apart
    return Estimate(float(means.mean[0] - means.mean[-1]) / apart, error, means.freedom)


def _difference(first: Estimate, second: Estimate) -> Estimate:
    """`first` less `second`, with Satterthwaite's degrees of freedom."""
    shares = np.array([first.error**2, second.error**2])
    freedom = shares.sum() ** 2 / (shares**2 / [first.freedom, second.freedom]).sum() if shares.any() else 1.0
    return Estimate(first.value - second.value, float(shares.sum() ** 0.5), float(freedom))


def _of_two(first: pd.DataFrame, second: pd.DataFrame, *, measure: Callable[[pd.DataFrame], Estimate]) -> Estimate:
    return _difference(measure(first), measure(second))


# ---------------------------------------------------------------------- floors and levels


def _floor(runs: pd.DataFrame) -> float:
    rates = runs["entropy_rate"].dropna().to_numpy()
    if not len(rates) or np.ptp(rates) > 1e-6:
        raise Forbids("the runs do not agree on one entropy rate")
    return float(rates.mean())


def _falls(higher: pd.DataFrame, lower: pd.DataFrame, *, names: tuple[str, str]) -> Estimate:
    """The floor of one rung less that of another, with their sampling errors, which are taken as known."""
    error = math.hypot(*(FLOOR_ERRORS[name] for name in names))
    return Estimate(_floor(higher) - _floor(lower), error, math.inf)


def _level(first: pd.DataFrame, second: pd.DataFrame, *, sizes: Sequence[tuple[int, int]]) -> Estimate:
    """Mean over points of ln(excess of the first / excess of the second), from each one's means over seeds."""
    parts = [_means(_points(runs, sizes), "D", logarithm=True) for runs in (first, second)]
    return _difference(*map(_middle, parts))


def _middle(means: Means) -> Estimate:
    return Estimate(float(means.mean.mean()), float(np.linalg.norm(means.error)) / len(means.mean), means.freedom)


def _loss_level(first: pd.DataFrame, second: pd.DataFrame) -> Estimate:
    """Mean over D, at width 64, of the loss of the first less that of the second, nats."""
    parts = [_means(_across_tokens(runs), "D") for runs in (first, second)]
    return _difference(*map(_middle, parts))


# ---------------------------------------------------------------------- a power law, or what else


def _rivals(runs: pd.DataFrame) -> Estimate:
    """1 where `uncertainty.likelihoods` singles the power law out, 0 where it singles out another; two D held out."""
    across = _across_tokens(runs)
    _means(across, "D", logarithm=True)
    whole = pd.concat(across)
    points = seed_means(whole, ["D"], rate=float(whole["learning_rate"].iloc[0]))
    laws = {name: RIVALS[name] for name in ("power", "shifted power", "stretched exponential", "exponential")}
    compared = compare_likelihoods(points, "D", np.random.default_rng(0), laws=laws)
    decision = compared if isinstance(compared, Undetermined) else compared.decision
    if isinstance(decision, Undetermined):
        raise Forbids(decision.reason)
    return Estimate(float(decision == "power"), 0.0, np.inf)


def _log_ratio(runs: pd.DataFrame) -> Estimate:
    """ln(MSE of the exponential / MSE of the power law) of L(D) at width 64, each by the paper's procedure.

    Its error is the standard deviation over `DRAWS` redraws of the means about themselves, by Student's t.
    """
    means = _means(_across_tokens(runs), "D")

    def ratio(loss: np.ndarray) -> float:
        def left(law: Law) -> float:
            return fit(law, {"D": means.size, "loss": loss}, objective="huber").mse

        return float(np.log(left(Exponential(variable="D")) / left(PowerLaw(variable="D"))))

    generator = np.random.default_rng(0)
    noise = means.error * generator.standard_t(means.freedom, (DRAWS, len(means.mean)))
    redrawn = [ratio(means.mean + one) for one in noise]
    return Estimate(ratio(means.mean), float(np.std(redrawn, ddof=1)), means.freedom)


# ---------------------------------------------------------------------- by name

_BIGRAM, _T1L, _T2L, _T4L, _TEXT = (f"language-{rung}" for rung in ("bigram", "t1l", "t2l", "t4l", "text"))
_BIGRAM_SP, _TEXT_SP, _TEXT_DEEP = f"{_BIGRAM}-sp", f"{_TEXT}-sp", f"{_TEXT}-deep"

_Rules = Mapping[str, tuple[tuple[str, ...], Callable[..., Estimate]]]
_PAIRS: _Rules = {
    "entropy-t1l": ((_BIGRAM, _T1L), partial(_falls, names=("bigram", "T1L"))),
    "entropy-t2l": ((_T1L, _T2L), partial(_falls, names=("T1L", "T2L"))),
    "entropy-t4l": ((_T2L, _T4L), partial(_falls, names=("T2L", "T4L"))),
    "t4l-level": ((_T4L, _T2L), partial(_level, sizes=[(WIDTH, tokens) for tokens in TOKENS])),
    "t4l-level-narrow": ((_T4L, _T2L), partial(_level, sizes=[(32, MOST)])),
    "t4l-beta": ((_T4L, _T2L), partial(_of_two, measure=known_beta)),
    "alpha-bigram-t1l": ((_BIGRAM, _T1L), partial(_of_two, measure=paper_alpha)),
    "alpha-t1l-t2l": ((_T1L, _T2L), partial(_of_two, measure=paper_alpha)),
    "alpha-t2l-text": ((_T2L, _TEXT), partial(_of_two, measure=paper_alpha)),
    "alpha-text-sp": ((_TEXT, _TEXT_SP), partial(_of_two, measure=paper_alpha)),
    "beta-bigram-t2l": ((_BIGRAM, _T2L), partial(_of_two, measure=paper_beta)),
    "beta-t2l-text": ((_T2L, _TEXT), partial(_of_two, measure=paper_beta)),
    "beta-text-sp": ((_TEXT_SP, _TEXT), partial(_of_two, measure=paper_beta)),
    "beta-known-bigram-t2l": ((_BIGRAM, _T2L), partial(_of_two, measure=known_beta)),
    "beta-mean-t1l": ((_T1L,), lambda runs: _difference(paper_beta(runs), mean_beta(runs))),
    "sp-level-text": ((_TEXT, _TEXT_SP), _loss_level),
    "deep-level": ((_TEXT_DEEP, _TEXT), _loss_level),
    "deep-beta": ((_TEXT_DEEP, _TEXT), partial(_of_two, measure=paper_beta)),
    "sp-level-bigram": ((_BIGRAM, _BIGRAM_SP), _loss_level),
}
_SINGLE: _Rules = {
    f"{kind}-{study.removeprefix('language-')}": ((study,), rule)
    for kind, rule, studies in (
        ("rivals", _rivals, (_BIGRAM, _T1L, _T2L)),
        ("ratio", _log_ratio, (_BIGRAM, _T1L, _T2L, _TEXT)),
    )
    for study in studies
}


def rung_of(tables: Tables, study: str) -> pd.DataFrame | None:
    """The runs of a rung that are judged; None where there are none."""
    return without_pilots(tables, study, _NEEDED)


def _judged_on(studies: tuple[str, ...], compute: Callable[..., Estimate]) -> Quantity:
    def judged(*parts: pd.DataFrame) -> tuple[float, float, float, float | None]:
        outcome = compute(*parts)
        return outcome.value, *outcome.interval, None if np.isinf(outcome.freedom) else outcome.freedom

    return judged_on(studies, judged, rung_of)


def _as_the_claim_asks(name: str, quantity: Quantity) -> Quantity:
    """Rows of equality need a short interval too; a bound is met or not whatever the length is."""
    short = short_enough(name, quantity)

    def judged(tables: Tables) -> Outcome:
        claim = next(claim for claim in ledger() if claim.quantity == name)
        return short(tables) if claim.sense == "equal" else quantity(tables)

    return judged


LANGUAGE_QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        f"language.{name}": _as_the_claim_asks(f"language.{name}", _judged_on(studies, compute))
        for name, (studies, compute) in {**_PAIRS, **_SINGLE}.items()
    }
)
