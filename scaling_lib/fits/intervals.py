"""Intervals for a fitted parameter (first version; see `profile`, the default)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from scaling_lib.errors import check_array, check_choice, check_instance, check_integer, check_real, invalid
from scaling_lib.fits._profiles import profile_ends
from scaling_lib.fits.fitting import Fit

__all__ = ["Interval", "basic", "bca", "percentile", "profile", "stretched", "wald"]


@dataclass(frozen=True)
class Interval:
    """[low, high] at confidence `level` by `method`. open_low, open_high: no end was found on that side."""

    low: float
    high: float
    level: float
    method: str
    open_low: bool = False
    open_high: bool = False


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

    z0 = Phi^-1[(#(t* < t) + #(t* = t) / 2) / R], a = sum d^3 / (6 (sum d^2)^1.5) with d_i = mean - t_(i);
    the quantile levels are Phi(z0 + (z0 + z_q) / (1 - a (z0 + z_q))).
    """
    estimate = check_real("estimate", estimate)
    draws = check_array("draws", draws, dimensions=1, least=2)
    jackknife = check_array("jackknife", jackknife, dimensions=1, least=2)
    level = check_real("level", level, above=0, below=1)
    share = (np.count_nonzero(draws < estimate) + 0.5 * np.count_nonzero(draws == estimate)) / len(draws)
    z0 = stats.norm.ppf(np.clip(share, 0.5 / len(draws), 1 - 0.5 / len(draws)))
    d = jackknife.mean() - jackknife
    spread = np.sum(d**2)
    acceleration = float(np.sum(d**3) / (6 * spread**1.5)) if spread > 0 else 0.0
    z = z0 + stats.norm.ppf([0.5 - level / 2, 0.5 + level / 2])
    low, high = np.quantile(draws, stats.norm.cdf(z0 + z / (1 - acceleration * z)))
    return Interval(float(low), float(high), level, "bca")


def stretched(
    estimate: float, draws: Float[np.ndarray, " resamples"], degrees_of_freedom: int, *, level: float = 0.95
) -> Interval:
    """The percentile interval stretched about the estimate by t(dof) / z: mends the undercoverage of small samples."""
    estimate = check_real("estimate", estimate)
    degrees_of_freedom = check_integer("degrees_of_freedom", degrees_of_freedom, minimum=1)
    plain = percentile(draws, level=level)
    q = 0.5 + plain.level / 2
    factor = float(stats.t.ppf(q, degrees_of_freedom) / stats.norm.ppf(q))
    return Interval(
        estimate + factor * (plain.low - estimate), estimate + factor * (plain.high - estimate), plain.level, "stretched"
    )


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
        raise invalid("parameter", "one off its bound", parameter, "pin it, or use profile")
    reach = float(stats.t.ppf(0.5 + level / 2, fit.degrees_of_freedom)) * error
    return Interval(estimate - reach, estimate + reach, level, "wald")


def profile(fit: Fit, parameter: str, *, level: float = 0.95) -> Interval:
    """The default: all values whose constrained fit is not significantly worse, t^2 of Student's law on n - p degrees.

    For least squares this is the profile-F interval (Bates and Watts 1988, 6.1); for the robust objectives the rise is
    rescaled to the fit's own standard error (Royall 1986), and only its shape comes from the profile. It is not
    symmetric, and open where no end is found inside the parameter's range. Raises InvalidArgument without freedom.
    """
    fit, level = _checked(fit, parameter, level)
    quantile = stats.t.ppf(0.5 + level / 2, fit.degrees_of_freedom)
    scale = fit._profile_scale(parameter)
    params = np.array([list(fit.params.values())])
    plain = parameter == "E" or parameter in fit.law.exponents
    step = fit.standard_errors[parameter] / (1.0 if plain else fit.params[parameter])
    if not np.isfinite(step) or step <= 0:
        step = 0.05 * float(fit.problem.loss.min()) if parameter == "E" else 0.1
    threshold = quantile**2 / (fit._units * scale)
    if not np.isfinite(threshold) or threshold <= 1e-14 * fit.objective:  # noise-free: nothing to profile
        return Interval(fit.params[parameter], fit.params[parameter], level, "profile")
    ends = profile_ends(
        fit.problem,
        parameter,
        params,
        np.array([fit.objective]),
        np.array([threshold]),
        np.array([quantile * step]),
    )
    low, high = float(ends.low[0]), float(ends.high[0])
    return Interval(low, high, level, "profile", bool(ends.open_low[0]), bool(ends.open_high[0]))
