"""Intervals for a fitted parameter, and what a bootstrap says of its bias.

From draws t*_1..t*_R of an estimate t, with z the normal and t_nu the Student quantile:

    percentile  [q_low, q_high] of the draws
    basic       [2 t - q_high, 2 t - q_low]
    bca         percentile at corrected levels (the paper's interval, appendix B)
    stretched   t + (t_nu / z) (q - t): percentile, widened for small samples

and from the fit itself, without resampling:

    wald        t -+ t_nu se
    profile     {v : 2 [f_min(v) - f_min] / scale <= t_nu^2}, the default

In small samples with a weakly determined offset (8 to 20 points, 1 to 2 decades) profile and wald keep their level;
percentile falls short by some points, basic and bca by tens (`coverage` measures it). The mean of the draws less the
estimate is the bootstrap's estimate of bias; 2 t - mean(t*) is shown beside the estimate, never in its place: where the
bias is small, removing it adds variance.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

from scaling_lib.errors import check_array, check_choice, check_flag, check_instance, check_integer, check_real, invalid
from scaling_lib.fits.fitting import Fit
from scaling_lib.fits.solver.profiles import profile_ends
from scaling_lib.fits.uncertainty.resampling import Resamples, bootstrap, jackknife

__all__ = [
    "Bias",
    "Interval",
    "basic",
    "bca",
    "bias",
    "interval_table",
    "percentile",
    "placed",
    "profile",
    "stretched",
    "student_mean",
    "wald",
]

# A refit to the very same data returns the estimate up to the solver's last steps, up to about 1e-7 standard deviations
# off: in a wild bootstrap of six points one resample in 64 flips no sign. On which side it falls is rounding.
TIE = 1e-5


@dataclass(frozen=True)
class Interval:
    """[low, high] at confidence `level` by `method`.

    open_low, open_high: the true end may lie further out; none was found inside the parameter's range.
    """

    low: float
    high: float
    level: float
    method: str
    open_low: bool = False
    open_high: bool = False

    def __post_init__(self) -> None:
        check_real("low", self.low)
        check_real("high", self.high, minimum=self.low)
        check_real("level", self.level, above=0, below=1)
        check_choice("method", self.method, ("percentile", "basic", "bca", "stretched", "wald", "profile"))
        check_flag("open_low", self.open_low)
        check_flag("open_high", self.open_high)

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Bias:
    """estimate: uncorrected, the headline. bias: mean(t*) - t. corrected: 2 t - mean(t*). worth_correcting: the bias is
    more than a quarter of the standard error (Efron and Tibshirani 1993, 10.6)."""

    estimate: float
    bias: float
    standard_error: float
    corrected: float
    worth_correcting: bool

    def __post_init__(self) -> None:
        for name in ("estimate", "bias", "standard_error", "corrected"):
            check_real(name, getattr(self, name))
        check_flag("worth_correcting", self.worth_correcting)


def bias(estimate: float, draws: Float[np.ndarray, " resamples"]) -> Bias:
    """The bootstrap's estimate of the bias of `estimate`, from its draws."""
    estimate = check_real("estimate", estimate)
    draws = check_array("draws", draws, dimensions=1, least=2)
    shift, error = float(draws.mean()) - estimate, float(draws.std(ddof=1))
    if not np.isfinite([shift, error]).all():
        raise invalid("draws", "numbers whose spread is finite", draws, "drop what overflows")
    return Bias(estimate, shift, error, estimate - shift, bool(abs(shift) > 0.25 * error))


def placed(interval: Interval, value: float, *, edge: float = 1e-3) -> str:
    """Where `value` lies: "inside" the interval, "outside" of it, or "on the edge".

    edge: how near to an end that is, as a share of the interval's width. At an open end nothing is known to be
    outside, so that what lies at it, or beyond it, is inside. Raises InvalidArgument.

    >>> placed(Interval(1.0, 2.0, 0.95, "wald"), 1.0005)
    'on the edge'
    """
    check_instance("interval", interval, Interval, remedy="make one with profile")
    value = check_real("value", value)
    edge = check_real("edge", edge, minimum=0, below=0.5)
    reach = edge * (interval.high - interval.low)
    # How far inside of each end; beyond an open end there is no outside.
    below = np.inf if interval.open_low else value - interval.low
    above = np.inf if interval.open_high else interval.high - value
    inside = min(below, above)
    if abs(inside) <= reach:
        return "on the edge"
    return "inside" if inside > 0 else "outside"


def percentile(draws: Float[np.ndarray, " resamples"], *, level: float = 0.95) -> Interval:
    """Quantiles of the draws."""
    draws = check_array("draws", draws, dimensions=1, least=2)
    level = check_real("level", level, above=0, below=1)
    low, high = np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(float(low), float(high), level, "percentile")


def basic(estimate: float, draws: Float[np.ndarray, " resamples"], *, level: float = 0.95) -> Interval:
    """The percentile interval mirrored at the estimate: [2 t - q_high, 2 t - q_low]."""
    estimate = check_real("estimate", estimate)
    mirror = percentile(draws, level=level)
    return Interval(2 * estimate - mirror.high, 2 * estimate - mirror.low, mirror.level, "basic")


def bca(
    estimate: float,
    draws: Float[np.ndarray, " resamples"],
    jackknife: Float[np.ndarray, " points"],
    *,
    level: float = 0.95,
) -> Interval:
    """Bias-corrected and accelerated, the paper's formula (appendix B).

    z0 = Phi^-1[(#(t* < t) + #(t* = t) / 2) / R], a = sum d^3 / (6 (sum d^2)^1.5) with d_i = mean - t_(i), t_(i) the
    estimate without point i; the levels of the quantiles are Phi(z0 + (z0 + z_q) / (1 - a (z0 + z_q))). Draws within
    `TIE` standard deviations of the estimate count as equal to it.
    """
    estimate = check_real("estimate", estimate)
    draws = check_array("draws", draws, dimensions=1, least=2)
    left_out = check_array("jackknife", jackknife, dimensions=1, least=2)
    level = check_real("level", level, above=0, below=1)
    tie = TIE * draws.std()
    equal = np.abs(draws - estimate) <= tie
    share = (np.count_nonzero((draws < estimate) & ~equal) + 0.5 * np.count_nonzero(equal)) / len(draws)
    # All draws on one side would put z0 at infinity; half a draw is the most that R draws can tell.
    z0 = float(stats.norm.ppf(np.clip(share, 0.5 / len(draws), 1 - 0.5 / len(draws))))
    d = left_out.mean() - left_out
    largest = np.abs(d).max()
    d = d / largest if largest > 0 else d
    acceleration = float(np.sum(d**3) / (6 * np.sum(d**2) ** 1.5)) if largest > 0 else 0.0
    z = z0 + stats.norm.ppf([0.5 - level / 2, 0.5 + level / 2])
    stretch = np.maximum(1 - acceleration * z, 1e-3)  # past its pole the formula turns round
    low, high = np.quantile(draws, np.sort(stats.norm.cdf(z0 + z / stretch)))
    return Interval(float(low), float(high), level, "bca")


def stretched(
    estimate: float, draws: Float[np.ndarray, " resamples"], degrees_of_freedom: int, *, level: float = 0.95
) -> Interval:
    """The percentile interval stretched about the estimate by t(degrees_of_freedom) / z."""
    estimate = check_real("estimate", estimate)
    degrees_of_freedom = check_integer("degrees_of_freedom", degrees_of_freedom, minimum=1)
    plain = percentile(draws, level=level)
    q = 0.5 + plain.level / 2
    factor = float(stats.t.ppf(q, degrees_of_freedom) / stats.norm.ppf(q))
    low, high = estimate + factor * (plain.low - estimate), estimate + factor * (plain.high - estimate)
    return Interval(low, high, plain.level, "stretched")


def _checked(fit: Fit, parameter: str, level: float) -> tuple[Fit, float]:
    check_instance("fit", fit, Fit, remedy="make one with fitting.fit")
    check_choice("parameter", parameter, fit.law.free)
    if fit.degrees_of_freedom < 1:
        raise invalid("fit", "one of more points than free parameters", fit, "add runs or pin parameters")
    return fit, check_real("level", level, above=0, below=1)


def wald(fit: Fit, parameter: str, *, level: float = 0.95) -> Interval:
    """estimate -+ t se, from the covariance of the fit. Raises InvalidArgument for a parameter on its bound."""
    fit, level = _checked(fit, parameter, level)
    estimate, error = fit.params[parameter], fit.standard_errors[parameter]
    if not np.isfinite(error):
        raise invalid("parameter", "one that is off its bound", parameter, "use profile, or pin it")
    reach = float(stats.t.ppf(0.5 + level / 2, fit.degrees_of_freedom)) * error
    return Interval(estimate - reach, estimate + reach, level, "wald")


def profile(fit: Fit, parameter: str, *, level: float = 0.95) -> Interval:
    """The default: all values whose constrained fit is not significantly worse, by Student's t^2 on n - p degrees.

    For least squares this is the profile-F interval (Bates and Watts 1988, 6.1); for the robust objectives the rise is
    rescaled to the fit's own standard error (Royall 1986), and the profile gives the shape. Not symmetric; open where
    no end is found inside the parameter's range (E >= 0, others within `Law.limits`). Raises InvalidArgument without
    degrees of freedom.
    """
    fit, level = _checked(fit, parameter, level)
    quantile = float(stats.t.ppf(0.5 + level / 2, fit.degrees_of_freedom))
    estimate = fit.params[parameter]
    threshold, step = _profile_search(fit, parameter, quantile)
    if not np.isfinite(threshold) or threshold <= 1e-13 * fit.objective:
        return Interval(estimate, estimate, level, "profile")  # no noise: nothing to profile
    params = np.array([list(fit.params.values())])
    ends = profile_ends(
        fit.problem, parameter, params, np.array([fit.objective]), np.array([threshold]), np.array([step])
    )
    low, high = min(float(ends.low[0]), estimate), max(float(ends.high[0]), estimate)
    return Interval(low, high, level, "profile", bool(ends.open_low[0]), bool(ends.open_high[0]))


def _profile_search(fit: Fit, parameter: str, quantile: float) -> tuple[float, float]:
    """How much the objective may rise, and a first step in the search variable."""
    threshold = quantile**2 / (fit._units * fit._profile_scale(parameter))
    plain = parameter == "E" or parameter in fit.law.exponents
    step = quantile * fit.standard_errors[parameter] / (1.0 if plain else fit.params[parameter])
    if not np.isfinite(step) or step <= 0:
        step = 0.05 * float(fit.problem.loss.min()) if parameter == "E" else 0.1
    return threshold, step


def student_mean(values: Float[np.ndarray, " values"]) -> tuple[float, float, float]:
    """The mean of a few independent values and the ends of its 95 % interval by Student's t. Raises InvalidArgument."""
    values = check_array("values", values, dimensions=1, least=2)
    half = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    middle = float(values.mean())
    return middle, middle - half, middle + half


def interval_table(
    fit: Fit,
    parameter: str,
    generator: np.random.Generator,
    *,
    resamples: int = 4000,
    kind: str = "pairs",
    level: float = 0.95,
) -> pd.DataFrame:
    """All intervals side by side: method -> low, high, width, open_low, open_high. `attrs["bias"]` is the Bias.

    The bootstrap is of the kind "pairs", "wild" or "inflated". Raises InvalidArgument.
    """
    fit, level = _checked(fit, parameter, level)
    draws: Resamples = bootstrap(fit, generator, resamples=resamples, kind=kind)
    values, estimate = draws[parameter], fit.params[parameter]
    found: list[Interval] = [profile(fit, parameter, level=level)]
    if np.isfinite(fit.standard_errors[parameter]):
        found.append(wald(fit, parameter, level=level))
    found.append(percentile(values, level=level))
    found.append(stretched(estimate, values, fit.degrees_of_freedom, level=level))
    found.append(basic(estimate, values, level=level))
    found.append(bca(estimate, values, jackknife(fit)[parameter], level=level))
    rows: list[tuple[Any, ...]] = [(i.method, i.low, i.high, i.high - i.low, i.open_low, i.open_high) for i in found]
    table = pd.DataFrame(rows, columns=["method", "low", "high", "width", "open_low", "open_high"]).set_index("method")
    table.attrs["bias"] = bias(estimate, values)
    return table
