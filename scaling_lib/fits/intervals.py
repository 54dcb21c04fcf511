"""Intervals for a fitted parameter (first version; see `profile`, the default)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from scaling_lib.errors import InvalidArgument, check_array, check_choice, check_instance, check_integer, check_real
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


def wald(fit: Fit, parameter: str, *, level: float = 0.95) -> Interval:
    """estimate -+ t(dof) se, from the covariance of the fit."""
    check_instance("fit", fit, Fit, remedy="make one with fitting.fit")
    check_choice("parameter", parameter, fit.law.free)
    level = check_real("level", level, above=0, below=1)
    reach = stats.t.ppf(0.5 + level / 2, max(1, fit.degrees_of_freedom)) * fit.standard_errors[parameter]
    return Interval(float(fit.params[parameter] - reach), float(fit.params[parameter] + reach), level, "wald")


def profile(fit: Fit, parameter: str, *, level: float = 0.95) -> Interval:
    """First version: Wald. To be replaced by the profile likelihood under the same name."""
    plain = wald(fit, parameter, level=level)
    if not np.isfinite(plain.low):
        raise InvalidArgument(f"parameter must be identified, got {parameter} on a bound: pin it.")
    return Interval(plain.low, plain.high, plain.level, "profile")
