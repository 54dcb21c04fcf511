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

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float
from scipy import stats

from scaling_lib.arguments import BY_HAND, Count, Entries, Real, Remedy, Share, checked
from scaling_lib.errors import check_choice, check_real, invalid
from scaling_lib.fits.fitting import AnyFit, Fit
from scaling_lib.fits.solver.profiles import profile_range, searched_ends
from scaling_lib.fits.undetermined import Undetermined

__all__ = [
    "Bias",
    "Interval",
    "basic",
    "bca",
    "bias",
    "percentile",
    "placed",
    "profile",
    "profile_or_undetermined",
    "stretched",
    "student_mean",
    "wald",
]

# A refit to the very same data returns the estimate up to the solver's last steps, up to about 1e-7 standard deviations
# off: in a wild bootstrap of six points one resample in 64 flips no sign. On which side it falls is rounding.
TIE = 1e-5
# How often a profile that finds a better optimum begins again from it.
_RESTARTS = 6


Draws = Annotated[Float[np.ndarray, " resamples"], Entries(least=2)]


@checked
@dataclass(frozen=True)
class Interval:
    """[low, high] at confidence `level` by `method`.

    open_low, open_high: the true end may lie further out; none was found inside the parameter's range.
    """

    low: float
    high: Annotated[float, BY_HAND]
    level: Share
    method: Literal["percentile", "basic", "bca", "stretched", "wald", "profile"]
    open_low: bool = False
    open_high: bool = False

    def __post_init__(self) -> None:
        check_real("high", self.high, minimum=self.low)

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@checked
@dataclass(frozen=True)
class Bias:
    """estimate: uncorrected, the headline. bias: mean(t*) - t. corrected: 2 t - mean(t*). worth_correcting: the bias is
    more than a quarter of the standard error (Efron and Tibshirani 1993, 10.6)."""

    estimate: float
    bias: float
    standard_error: float
    corrected: float
    worth_correcting: bool


@checked
def bias(estimate: float, draws: Draws) -> Bias:
    """The bootstrap's estimate of the bias of `estimate`, from its draws t*: mean(t*) - t.

    estimate: t, of the data as they are. draws: (resamples,), two or more, as `resampling.bootstrap` gives them.
    Raises InvalidArgument.

    >>> shifted = bias(0.40, np.array([0.41, 0.43, 0.42]))
    >>> f"{shifted.bias:.2f} with a standard error of {shifted.standard_error:.2f}: {shifted.worth_correcting}"
    '0.02 with a standard error of 0.01: True'
    """
    shift, error = float(draws.mean()) - estimate, float(draws.std(ddof=1))
    if not np.isfinite([shift, error]).all():
        raise invalid("draws", "numbers whose spread is finite", draws, "drop what overflows")
    return Bias(estimate, shift, error, estimate - shift, bool(abs(shift) > 0.25 * error))


@checked
def placed(
    interval: Annotated[Interval, Remedy("make one with profile")],
    value: float,
    *,
    edge: Annotated[float, Real(minimum=0, below=0.5)] = 1e-3,
) -> str:
    """Where `value` lies: "inside" the interval, "outside" of it, or "on the edge".

    edge: how near to an end that is, as a share of the interval's width. At an open end nothing is known to be
    outside, so that what lies at it, or beyond it, is inside. Raises InvalidArgument.

    >>> placed(Interval(1.0, 2.0, 0.95, "wald"), 1.0005)
    'on the edge'
    """
    reach = edge * (interval.high - interval.low)
    # How far inside of each end; beyond an open end there is no outside.
    below = np.inf if interval.open_low else value - interval.low
    above = np.inf if interval.open_high else interval.high - value
    inside = min(below, above)
    if abs(inside) <= reach:
        return "on the edge"
    return "inside" if inside > 0 else "outside"


@checked
def percentile(draws: Draws, *, level: Share = 0.95) -> Interval:
    """The percentile interval: the quantiles (1 - level) / 2 and (1 + level) / 2 of the draws (resamples,).

    Raises InvalidArgument for fewer than two draws.

    >>> percentile(np.linspace(0.3, 0.5, 21), level=0.9)
    Interval(low=0.31, high=0.49, level=0.9, method='percentile', open_low=False, open_high=False)
    """
    low, high = np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(float(low), float(high), level, "percentile")


@checked
def basic(estimate: float, draws: Draws, *, level: Share = 0.95) -> Interval:
    """The percentile interval mirrored at the estimate t: [2 t - q_high, 2 t - q_low].

    draws: (resamples,), two or more. Not recommended for small samples (see the module). Raises InvalidArgument.
    """
    mirror = percentile(draws, level=level)
    return Interval(2 * estimate - mirror.high, 2 * estimate - mirror.low, mirror.level, "basic")


@checked
def bca(
    estimate: float,
    draws: Draws,
    jackknife: Annotated[Float[np.ndarray, " points"], Entries(least=2)],
    *,
    level: Share = 0.95,
) -> Interval:
    """Bias-corrected and accelerated, the paper's formula (appendix B).

    z0 = Phi^-1[(#(t* < t) + #(t* = t) / 2) / R], a = sum d^3 / (6 (sum d^2)^1.5) with d_i = mean - t_(i), t_(i) the
    estimate without point i; the levels of the quantiles are Phi(z0 + (z0 + z_q) / (1 - a (z0 + z_q))). Draws within
    `TIE` standard deviations of the estimate count as equal to it.
    """
    tie = TIE * draws.std()
    equal = np.abs(draws - estimate) <= tie
    share = (np.count_nonzero((draws < estimate) & ~equal) + 0.5 * np.count_nonzero(equal)) / len(draws)
    # All draws on one side would put z0 at infinity; half a draw is the most that R draws can tell.
    z0 = float(stats.norm.ppf(np.clip(share, 0.5 / len(draws), 1 - 0.5 / len(draws))))
    d = jackknife.mean() - jackknife
    largest = np.abs(d).max()
    d = d / largest if largest > 0 else d
    acceleration = float(np.sum(d**3) / (6 * np.sum(d**2) ** 1.5)) if largest > 0 else 0.0
    z = z0 + stats.norm.ppf([0.5 - level / 2, 0.5 + level / 2])
    stretch = np.maximum(1 - acceleration * z, 1e-3)  # past its pole the formula turns round
    low, high = np.quantile(draws, np.sort(stats.norm.cdf(z0 + z / stretch)))
    return Interval(float(low), float(high), level, "bca")


@checked
def stretched(estimate: float, draws: Draws, degrees_of_freedom: Count, *, level: Share = 0.95) -> Interval:
    """The percentile interval stretched about the estimate by t_nu / z, the ratio of Student's and the normal quantile.

    draws: (resamples,), two or more. degrees_of_freedom: nu, points less free parameters. Raises InvalidArgument.
    """
    plain = percentile(draws, level=level)
    q = 0.5 + plain.level / 2
    factor = float(stats.t.ppf(q, degrees_of_freedom) / stats.norm.ppf(q))
    low, high = estimate + factor * (plain.low - estimate), estimate + factor * (plain.high - estimate)
    return Interval(low, high, plain.level, "stretched")


def _check_parameter(fit: Fit, parameter: str) -> None:
    """`parameter` is free, and the fit has points left to tell its error."""
    check_choice("parameter", parameter, fit.law.free)
    if fit.degrees_of_freedom < 1:
        raise invalid("fit", "one of more points than free parameters", fit, "add runs or pin parameters")


@checked
def wald(fit: AnyFit, parameter: Annotated[str, BY_HAND], *, level: Share = 0.95) -> Interval:
    """estimate -+ t se, from the covariance of the fit and Student's t on its degrees of freedom.

    parameter: one that the fit determines. Raises InvalidArgument for a parameter on its bound, and without degrees of
    freedom.
    """
    _check_parameter(fit, parameter)
    estimate, error = fit.params[parameter], fit.standard_errors[parameter]
    if not np.isfinite(error):
        raise invalid("parameter", "one that is off its bound", parameter, "use profile, or pin it")
    reach = float(stats.t.ppf(0.5 + level / 2, fit.degrees_of_freedom)) * error
    return Interval(estimate - reach, estimate + reach, level, "wald")


@checked
def profile_or_undetermined(
    fit: AnyFit, parameter: Annotated[str, BY_HAND], *, level: Share = 0.95
) -> Interval | Undetermined:
    """`profile` where the points determine the parameter, else `Undetermined` with the reason.

    That is where `Fit.undetermined` names it, and where no value in its whole range is excluded. Raises
    InvalidArgument for a parameter that is not free.

    >>> from scaling_lib.fits.fitting import fit as fit_law
    >>> from scaling_lib.fits.laws import Chinchilla
    >>> N = np.geomspace(1e8, 1e10, 9)
    >>> ladder = {"N": N, "D": 20 * N, "loss": 1.7 + 90 * N**-0.25 * (1 + 0.01 * np.sin(np.arange(9)))}
    >>> f"alpha {profile_or_undetermined(fit_law(Chinchilla(), ladder), 'alpha')}"
    'alpha undetermined'
    """
    check_choice("parameter", parameter, fit.law.free)
    if parameter in fit.undetermined:
        return fit.undetermined[parameter]
    interval = profile(fit, parameter, level=level)
    if interval.open_low and interval.open_high:
        return Undetermined("no value in its whole range is excluded")
    return interval


@checked
def profile(fit: AnyFit, parameter: Annotated[str, BY_HAND], *, level: Share = 0.95) -> Interval:
    """The default: all values whose constrained fit is not significantly worse, by Student's t^2 on n - p degrees.

    For least squares this is the profile-F interval (Bates and Watts 1988, 6.1); for the robust objectives the rise is
    rescaled to the fit's own standard error (Royall 1986), and the profile gives the shape. Not symmetric; open where
    no end is found inside the parameter's range (E >= 0, others within `Law.limits`), on both sides where
    `Fit.undetermined` names the parameter. Constrained fits start from many places, all over the range; where one falls
    below the fit itself, the profile begins again from there. Raises InvalidArgument without degrees of freedom.
    """
    _check_parameter(fit, parameter)
    estimate = fit.params[parameter]
    if parameter in fit.undetermined:
        least, most = profile_range(fit.problem, parameter)
        return Interval(min(least, estimate), max(most, estimate), level, "profile", True, True)
    quantile = float(stats.t.ppf(0.5 + level / 2, fit.degrees_of_freedom))
    best = fit
    for _ in range(_RESTARTS):
        threshold, step = _profile_search(best, parameter, quantile)
        if not np.isfinite(threshold) or threshold <= 1e-13 * best.objective:
            return Interval(estimate, estimate, level, "profile")  # no noise: nothing to profile
        params = np.array(list(best.params.values()))
        ends = searched_ends(best.problem, parameter, params, best.objective, threshold, step)
        if ends.better is None:
            break
        best = _at(best, ends.better)
    low, high = min(ends.low, estimate), max(ends.high, estimate)
    return Interval(low, high, level, "profile", ends.open_low, ends.open_high)


def _at(fit: Fit, theta: np.ndarray) -> Fit:
    """The fit at other coordinates of its problem: a better optimum than the search had found."""
    solution = fit.problem.solve(theta[None])
    params = dict(zip(fit.law.parameters, fit.problem.natural(solution.theta)[0].tolist(), strict=True))
    return replace(
        fit,
        theta=solution.theta[0],
        params=params,
        objective=float(solution.value[0]),
        converged=bool(solution.converged[0]),
    )


def _profile_search(fit: Fit, parameter: str, quantile: float) -> tuple[float, float]:
    """How much the objective may rise, and a first step in the search variable."""
    threshold = quantile**2 / (fit._units * fit._profile_scale(parameter))
    plain = parameter == "E" or parameter in fit.law.exponents
    step = quantile * fit.standard_errors[parameter] / (1.0 if plain else fit.params[parameter])
    if not np.isfinite(step) or step <= 0:
        step = 0.05 * float(fit.problem.loss.min()) if parameter == "E" else 0.1
    return threshold, step


@checked
def student_mean(values: Annotated[Float[np.ndarray, " values"], Entries(least=2)]) -> tuple[float, float, float]:
    """(mean, low, high): the mean of two or more independent values (values,) and its 95 % interval by Student's t.

    Raises InvalidArgument.

    >>> middle, low, high = student_mean(np.array([0.9, 1.0, 1.1]))
    >>> f"{middle:.2f}, {low:.2f} to {high:.2f}"
    '1.00, 0.75 to 1.25'
    """
    half = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    middle = float(values.mean())
    return middle, middle - half, middle + half
