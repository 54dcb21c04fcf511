"""Which interval covers? Planted truth, many data sets, and the share of intervals that hold the true exponent.

A design is L = E + A x^-alpha on n log-spaced points over some decades, E = A = 1, with Gaussian noise on L. Six such
designs go from well determined to hardly determined; two more break the model: the best of three runs under
multiplicative noise (what a minimum over seeds does), and a sum of two powers fitted as one (what a wrong law does; the
target is then the exponent that the fit has without noise).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats
from tqdm import tqdm

from scaling_lib.errors import (
    InvalidArgument,
    check_choice,
    check_flag,
    check_instance,
    check_integer,
    check_real,
    check_text,
    invalid,
)
from scaling_lib.fits.fitting import Fit
from scaling_lib.fits.laws import PowerLaw
from scaling_lib.fits.solver.problem import OBJECTIVES, Problem, make_problem
from scaling_lib.fits.solver.profiles import profile_ends
from scaling_lib.fits.tables import table_columns
from scaling_lib.fits.uncertainty import intervals
from scaling_lib.fits.uncertainty.resampling import _leaving_out, _refits_of_each, _rows

__all__ = ["DESIGNS", "HARD_DESIGNS", "CoverageDesign", "coverage", "wilson"]

METHODS = ("profile", "wald", "percentile", "stretched", "basic", "bca")
NOISES = ("gaussian", "best-of-3")

_STARTS = np.array([0, 3, 8, 16, 28, 44])
_ROWS = 50_000  # resamples that are solved at once


@dataclass(frozen=True)
class CoverageDesign:
    """L = 1 + x^-exponent at `points` log-spaced x over `decades`. sigma: standard deviation of the noise, in nats for
    "gaussian" (added to L), relative for "best-of-3" (the least of three L exp(sigma z)). second: exponent of a second
    power of the same size, which the fitted law does not have."""

    name: str
    points: int
    decades: float
    exponent: float
    sigma: float
    noise: str = "gaussian"
    second: float | None = None

    def __post_init__(self) -> None:
        check_text("name", self.name)
        check_integer("points", self.points, minimum=4, maximum=10**4)
        check_real("decades", self.decades, above=0, maximum=20)
        check_real("exponent", self.exponent, above=0, maximum=5)
        check_real("sigma", self.sigma, above=0, maximum=0.2)
        check_choice("noise", self.noise, NOISES)
        if self.second is not None:
            check_real("second", self.second, above=0, maximum=5)

    @property
    def x(self) -> np.ndarray:
        """The design points, (points,)."""
        return np.geomspace(1.0, 10.0**self.decades, self.points)

    @property
    def truth(self) -> np.ndarray:
        """L without noise, (points,)."""
        return 1.0 + self.x**-self.exponent + (0.0 if self.second is None else self.x**-self.second)

    def draw(self, generator: np.random.Generator, datasets: int) -> np.ndarray:
        """Losses of `datasets` data sets, (datasets, points)."""
        check_instance("generator", generator, np.random.Generator, remedy="pass np.random.default_rng(0)")
        datasets = check_integer("datasets", datasets, minimum=1, maximum=10**6)
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


def wilson(successes: int, trials: int, *, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a proportion."""
    trials = check_integer("trials", trials, minimum=1)
    successes = check_integer("successes", successes, minimum=0, maximum=trials)
    level = check_real("level", level, above=0, below=1)
    z = float(stats.norm.ppf(0.5 + level / 2))
    share = successes / trials
    middle = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    reach = z * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2)) / (1 + z**2 / trials)
    return max(0.0, float(middle - reach)), min(1.0, float(middle + reach))


def coverage(
    design: CoverageDesign,
    generator: np.random.Generator,
    *,
    datasets: int = 2000,
    methods: Sequence[str] = ("profile", "wald"),
    resamples: int = 400,
    kind: str = "wild",
    objective: str = "ols",
    level: float = 0.95,
    progress: bool = False,
) -> pd.DataFrame:
    """How often each interval of `intervals` holds the true exponent of `design`.

    methods: any of profile, wald, percentile, stretched, basic, bca; the last four use a bootstrap of `resamples` for
    every data set, of the kind pairs, wild (the paper's) or inflated. Returns method -> coverage, low, high (Wilson,
    95 %), median_width, open (share with an end that was not found), datasets. Data sets whose fit does not converge,
    or that a method cannot treat, count as missed.
    Raises InvalidArgument.
    """
    check_instance("design", design, CoverageDesign, remedy="take one of DESIGNS")
    check_instance("generator", generator, np.random.Generator, remedy="pass np.random.default_rng(0)")
    datasets = check_integer("datasets", datasets, minimum=1, maximum=10**6)
    resamples = check_integer("resamples", resamples, minimum=20, maximum=10**6)
    check_choice("kind", kind, ("pairs", "wild", "inflated"))
    check_choice("objective", objective, OBJECTIVES)
    level = check_real("level", level, above=0, below=1)
    progress = check_flag("progress", progress)
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
    found: dict[str, list[intervals.Interval | None]] = {}
    if "profile" in methods:
        found["profile"] = _profiles(clean, fits, level)
    if "wald" in methods:
        found["wald"] = [
            intervals.wald(each, "alpha", level=level) if np.isfinite(each.standard_errors["alpha"]) else None
            for each in fits
        ]
    drawn = [method for method in METHODS if method in methods and method not in ("profile", "wald")]
    if drawn:
        found.update(_bootstrapped(fits, drawn, generator, resamples, kind, level, progress))
    rows = []
    for method in methods:
        kept = [each for each in found[method] if each is not None]
        hits = sum(target in each for each, one in zip(found[method], fits, strict=True) if each and one.converged)
        widths = [each.high - each.low for each in kept]
        share_open = float(np.mean([each.open_low or each.open_high for each in kept])) if kept else 0.0
        rows.append((method, hits / datasets, *wilson(hits, datasets), float(np.median(widths)), share_open, datasets))
    columns = ["method", "coverage", "low", "high", "median_width", "open", "datasets"]
    return pd.DataFrame(rows, columns=columns).set_index("method")


def _fit_all(clean: Problem, losses: np.ndarray) -> list[Fit]:
    """A Fit for every row of losses; each from the same spread of starts, the best kept."""
    own = [replace(clean, loss=row) for row in losses]
    if clean.objective == "huber":
        own = [make_problem(clean.law, clean.columns, row, "huber", None, None) for row in losses]
        searched = [problem.search() for problem in own]
        theta, value = np.array([each[0] for each in searched]), np.array([each[1] for each in searched])
        converged = np.array([each[2] for each in searched])
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
    searches = np.array([intervals._profile_search(each, "alpha", quantile) for each in fits])
    params = np.array([list(each.params.values()) for each in fits])
    values = np.array([each.objective for each in fits])
    y = np.array([each.problem.y for each in fits])
    delta = np.array([each.problem.delta or 0.0 for each in fits])
    if np.ptp(delta) > 0:  # the paper's threshold differs from data set to data set
        return [intervals.profile(each, "alpha", level=level) for each in fits]
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
    found: dict[str, list[intervals.Interval | None]] = {method: [] for method in methods}
    alone = fits[0].problem.objective == "huber"  # the paper's threshold differs from data set to data set
    size = 1 if alone else max(1, _ROWS // resamples)
    for first in tqdm(range(0, len(fits), size), desc="data sets", disable=not progress):
        part = fits[first : first + size]
        rows = [_rows_or_none(each, generator, resamples, kind) for each in part]
        drawn = _draws(part, rows)
        left_out = drawn
        if "bca" in methods:
            points = len(part[0].problem.loss)
            left_out = _draws(part, [{"weights": _leaving_out(np.ones(points), np.arange(points))}] * len(part))
        for each, draws, without in zip(part, drawn, left_out, strict=True):
            enough = min(len(draws), len(without)) >= 2
            for method in methods:
                found[method].append(_interval(method, each, draws, without, level) if enough else None)
    return found


def _rows_or_none(
    fitted: Fit, generator: np.random.Generator, resamples: int, kind: str
) -> dict[str, np.ndarray] | None:
    """The resamples of one data set; None where its residuals are as large as its losses."""
    try:
        return _rows(fitted, generator, kind)(resamples)
    except InvalidArgument:
        return None


def _draws(fits: list[Fit], rows: Sequence[dict[str, np.ndarray] | None]) -> list[np.ndarray]:
    """The exponents of the resamples of each fit, all solved at once; none where there are no resamples."""
    place = fits[0].law.parameters.index("alpha")
    some = [(number, each) for number, each in enumerate(rows) if each is not None]
    draws = [np.empty(0)] * len(fits)
    if some:
        refits = _refits_of_each([fits[number] for number, _ in some], [each for _, each in some])
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
