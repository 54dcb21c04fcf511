"""Which interval covers? Planted truth, many data sets, and the share of intervals that hold the true exponent.

A design is L = E + A x^-alpha on n log-spaced points over some decades, E = A = 1, with Gaussian noise on L. Six such
designs go from well determined to hardly determined; two more break the model: the best of three runs under
multiplicative noise (what a minimum over seeds does), and a sum of two powers fitted as one (what a wrong law does; the
target is then the exponent that the fit has without noise).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import pandas as pd
from scipy import stats
from tqdm import tqdm

from scaling_lib.arguments import BY_HAND, Choice, Count, Generator, Integer, Real, Remedy, Share, checked
from scaling_lib.errors import InvalidArgument, check_choice, check_integer, invalid
from scaling_lib.fits.fitting import Fit
from scaling_lib.fits.laws import PowerLaw
from scaling_lib.fits.solver.problem import OBJECTIVES, Problem, make_problem
from scaling_lib.fits.solver.profiles import profile_ends
from scaling_lib.fits.tables import table_columns
from scaling_lib.fits.uncertainty import intervals
from scaling_lib.fits.uncertainty.resampling import _leaving_out, _refits_of_each, _resampler

__all__ = ["DESIGNS", "HARD_DESIGNS", "CoverageDesign", "coverage", "wilson"]

METHODS = ("profile", "wald", "percentile", "stretched", "basic", "bca")
NOISES = ("gaussian", "best-of-3")
DataSets = Annotated[int, Integer(minimum=1, maximum=10**6)]

_STARTS = np.array([0, 3, 8, 16, 28, 44])
_ROWS = 50_000  # resamples that are solved at once


@checked
@dataclass(frozen=True)
class CoverageDesign:
    """L = 1 + x^-exponent at `points` log-spaced x over `decades`. sigma: standard deviation of the noise, in nats for
    "gaussian" (added to L), relative for "best-of-3" (the least of three L exp(sigma z)). second: exponent of a second
    power of the same size, which the fitted law does not have."""

    name: str
    points: Annotated[int, Integer(minimum=4, maximum=10**4)]
    decades: Annotated[float, Real(above=0, maximum=20)]
    exponent: Annotated[float, Real(above=0, maximum=5)]
    sigma: Annotated[float, Real(above=0, maximum=0.2)]
    noise: Annotated[str, Choice(NOISES)] = "gaussian"
    second: Annotated[float | None, Real(above=0, maximum=5)] = None

    @property
    def x(self) -> np.ndarray:
        """The design points, (points,)."""
        return np.geomspace(1.0, 10.0**self.decades, self.points)

    @property
    def truth(self) -> np.ndarray:
        """L without noise, (points,)."""
        return 1.0 + self.x**-self.exponent + (0.0 if self.second is None else self.x**-self.second)

    @checked
    def draw(self, generator: Generator, datasets: DataSets) -> np.ndarray:
        """Losses of `datasets` data sets, (datasets, points)."""
        if self.noise == "gaussian":
            return self.truth + self.sigma * generator.standard_normal((datasets, self.points))
        factors = np.exp(self.sigma * generator.standard_normal((datasets, 3, self.points)))
        return self.truth * factors.min(axis=1)


DESIGNS: tuple[CoverageDesign, ...] = (
    CoverageDesign("12 points, 2 decades, alpha .5", 12, 2.0, 0.5, 0.01),
    CoverageDesign("8 points, 2 decades, alpha .3", 8, 2.0, 0.3, 0.02),
    CoverageDesign("8 points, 1.5 decades, alpha .1", 8, 1.5, 0.1, 0.005),
    CoverageDesign("20 points, 1.5 decades, alpha .1", 20, 1.5, 0.1, 0.01),
    CoverageDesign("10 points, 1 decade, alpha .3", 10, 1.0, 0.3, 0.03),
    CoverageDesign("6 points, 1.5 decades, alpha .3", 6, 1.5, 0.3, 0.02),
)

HARD_DESIGNS: tuple[CoverageDesign, ...] = (
    CoverageDesign("best of 3 seeds", 12, 2.0, 0.5, 0.01, noise="best-of-3"),
    CoverageDesign("two powers fitted as one", 12, 2.0, 0.5, 0.01, second=0.2),
)


@checked
def wilson(successes: Annotated[int, BY_HAND], trials: Count, *, level: Share = 0.95) -> tuple[float, float]:
    """The ends of Wilson's score interval for the proportion of which `successes` in `trials` are a sample.

    Raises InvalidArgument where there are more successes than trials.

    >>> low, high = wilson(8, 10)
    >>> f"{low:.2f} to {high:.2f}"
    '0.49 to 0.94'
    """
    successes = check_integer("successes", successes, minimum=0, maximum=trials)
    ends = stats.binomtest(successes, trials).proportion_ci(confidence_level=level, method="wilson")
    return float(ends.low), float(ends.high)


@checked
def coverage(
    design: Annotated[CoverageDesign, Remedy("take one of DESIGNS")],
    generator: Generator,
    *,
    datasets: DataSets = 2000,
    methods: Annotated[Sequence[str], BY_HAND] = ("profile", "wald"),
    resamples: Annotated[int, Integer(minimum=20, maximum=10**6)] = 400,
    kind: Annotated[str, Choice(("pairs", "wild", "inflated"))] = "wild",
    objective: Annotated[str, Choice(OBJECTIVES)] = "ols",
    level: Share = 0.95,
    progress: bool = False,
) -> pd.DataFrame:
    """How often each interval of `intervals` holds the true exponent of `design`.

    methods: any of profile, wald, percentile, stretched, basic, bca; the last four use a bootstrap of `resamples` for
    every data set, of the kind pairs, wild (the paper's) or inflated. Returns method -> coverage, low, high (Wilson,
    95 %), median_width, open (share with an end that was not found), datasets. Data sets whose fit does not converge,
    or that a method cannot treat, count as missed.
    Raises InvalidArgument.
    """
    if isinstance(methods, str) or not isinstance(methods, Sequence) or not methods:
        raise invalid("methods", f"a list of names among {METHODS}", methods, "pass ('profile', 'wald')")
    for method in methods:
        check_choice("methods", method, METHODS)
    law = PowerLaw(variable="N")
    clean = make_problem(law, *table_columns(law, {"N": design.x, "loss": design.truth}), objective, None, None)
    target = design.exponent
    if design.second is not None:
        target = float(clean.natural(clean.search()[0][None])[0, law.parameters.index("alpha")])
    losses = design.draw(generator, datasets)
    fits = _fit_all(clean, losses)
    by_method: dict[str, list[intervals.Interval | None]] = {}
    if "profile" in methods:
        by_method["profile"] = _profiles(clean, fits, level)
    if "wald" in methods:
        by_method["wald"] = [
            intervals.wald(fitted, "alpha", level=level) if np.isfinite(fitted.standard_errors["alpha"]) else None
            for fitted in fits
        ]
    drawn = [method for method in METHODS if method in methods and method not in ("profile", "wald")]
    if drawn:
        by_method.update(_bootstrapped(fits, drawn, generator, resamples, kind, level, progress))
    summary = []
    for method in methods:
        ends = by_method[method]
        kept = [interval for interval in ends if interval is not None]
        hits = sum(
            target in interval for interval, fitted in zip(ends, fits, strict=True) if interval and fitted.converged
        )
        widths = [interval.high - interval.low for interval in kept]
        share_open = float(np.mean([interval.open_low or interval.open_high for interval in kept])) if kept else 0.0
        covered = (hits / datasets, *wilson(hits, datasets))
        summary.append((method, *covered, float(np.median(widths)), share_open, datasets))
    columns = ["method", "coverage", "low", "high", "median_width", "open", "datasets"]
    return pd.DataFrame(summary, columns=columns).set_index("method")


def _fit_all(clean: Problem, losses: np.ndarray) -> list[Fit]:
    """A Fit for every row of losses; each from the same spread of starts, the best kept."""
    own = [replace(clean, loss=row) for row in losses]
    if clean.objective == "huber":
        own = [make_problem(clean.law, clean.columns, row, "huber", None, None) for row in losses]
        searched = [problem.search() for problem in own]
        theta, value, converged = (np.array(part) for part in zip(*searched, strict=True))
    else:
        y = np.log(losses) if clean.logarithmic else losses
        theta, value = np.zeros((len(losses), 3)), np.full(len(losses), np.inf)
        converged = np.zeros(len(losses), bool)
        for start in clean.starts(_STARTS):
            solution = clean.solve(np.broadcast_to(start, theta.shape), y=y)
            lower = solution.value < value
            theta[lower], value[lower], converged[lower] = (
                solution.theta[lower],
                solution.value[lower],
                solution.converged[lower],
            )
    params = clean.natural(theta)
    return [
        Fit(problem, place, dict(zip(clean.law.parameters, row.tolist(), strict=True)), float(least), bool(good))
        for problem, place, row, least, good in zip(own, theta, params, value, converged, strict=True)
    ]


def _profiles(clean: Problem, fits: list[Fit], level: float) -> list[intervals.Interval | None]:
    quantile = float(stats.t.ppf(0.5 + level / 2, fits[0].degrees_of_freedom))
    searches = np.array([intervals._profile_search(fitted, "alpha", quantile) for fitted in fits])
    params = np.array([list(fitted.params.values()) for fitted in fits])
    values = np.array([fitted.objective for fitted in fits])
    y = np.array([fitted.problem.y for fitted in fits])
    delta = np.array([fitted.problem.delta or 0.0 for fitted in fits])
    if np.ptp(delta) > 0:  # the paper's threshold differs from data set to data set
        return [intervals.profile(fitted, "alpha", level=level) for fitted in fits]
    ends = profile_ends(clean, "alpha", params, values, searches[:, 0], searches[:, 1], y=y)
    estimate = params[:, clean.law.parameters.index("alpha")]
    return [
        intervals.Interval(min(low, at), max(high, at), level, "profile", bool(open_low), bool(open_high))
        for low, high, at, open_low, open_high in zip(
            ends.low.tolist(), ends.high.tolist(), estimate.tolist(), ends.open_low, ends.open_high, strict=True
        )
    ]


def _bootstrapped(
    fits: list[Fit],
    methods: list[str],
    generator: np.random.Generator,
    resamples: int,
    kind: str,
    level: float,
    progress: bool,
) -> dict[str, list[intervals.Interval | None]]:
    by_method: dict[str, list[intervals.Interval | None]] = {method: [] for method in methods}
    alone = fits[0].problem.objective == "huber"  # the paper's threshold differs from data set to data set
    size = 1 if alone else max(1, _ROWS // resamples)
    for first in tqdm(range(0, len(fits), size), desc="data sets", disable=not progress):
        part = fits[first : first + size]
        drawn = _draws(part, [_resampled_or_none(fitted, generator, resamples, kind) for fitted in part])
        left_out = drawn
        if "bca" in methods:
            points = len(part[0].problem.loss)
            left_out = _draws(part, [{"weights": _leaving_out(np.ones(points), np.arange(points))}] * len(part))
        for fitted, draws, without in zip(part, drawn, left_out, strict=True):
            enough = min(len(draws), len(without)) >= 2
            for method in methods:
                by_method[method].append(_interval(method, fitted, draws, without, level) if enough else None)
    return by_method


def _resampled_or_none(
    fitted: Fit, generator: np.random.Generator, resamples: int, kind: str
) -> dict[str, np.ndarray] | None:
    """The resamples of one data set; None where its residuals are as large as its losses."""
    try:
        return _resampler(fitted, generator, kind)(resamples)
    except InvalidArgument:
        return None


def _draws(fits: list[Fit], resampled: Sequence[dict[str, np.ndarray] | None]) -> list[np.ndarray]:
    """The exponents of the resamples of each fit, all solved at once; none where there are no resamples."""
    place = fits[0].law.parameters.index("alpha")
    some = [(number, resamples) for number, resamples in enumerate(resampled) if resamples is not None]
    draws = [np.empty(0)] * len(fits)
    if some:
        refits = _refits_of_each([fits[number] for number, _ in some], [resamples for _, resamples in some])
        for (number, _), refit in zip(some, refits, strict=True):
            draws[number] = refit[:, place]
    return draws


def _interval(
    method: str, fitted: Fit, draws: np.ndarray, left_out: np.ndarray, level: float
) -> intervals.Interval | None:
    estimate = fitted.params["alpha"]
    if method == "percentile":
        return intervals.percentile(draws, level=level)
    if method == "stretched":
        return intervals.stretched(estimate, draws, fitted.degrees_of_freedom, level=level)
    if method == "basic":
        return intervals.basic(estimate, draws, level=level)
    return intervals.bca(estimate, draws, left_out, level=level)
