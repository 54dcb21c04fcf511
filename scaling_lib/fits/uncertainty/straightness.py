"""Is it straight? Fisher's lack-of-fit test of a power law against replicated measurements.

Let y_ij be replicate j of log y at log x_i, i = 1..k, n in all. A power law says E[y_ij] = a - b log x_i. With the
means m_i and the fitted line f_i,

    F = [sum_i n_i (m_i - f_i)^2 / (k - 2)] / [sum_ij (y_ij - m_i)^2 / (n - k)]

follows F(k - 2, n - k) if the law holds and the noise is normal on logarithms with one variance. A small p says that
the bend is more than the scatter of the replicates: no power law in this window.

The same holds for any formula with p parameters through the means, with k - p in place of k - 2 (`against_replicates`):
exactly where the parameters enter linearly and the fit is by least squares on logarithms with as many votes for a point
as it has replicates, and nearly so for a curve that is not linear in them. Several lines with one slope are such a
formula (`common_slope`).
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

from scaling_lib.arguments import BY_HAND, Count, Entries, Integer, NonNegative, Share, checked
from scaling_lib.errors import InvalidArgument, check_array, invalid

__all__ = ["CommonSlope", "Straightness", "against_replicates", "common_slope", "lack_of_fit", "local_slopes"]

# Processors agree on a p-value, relatively, far better than this: closer to the level than this is "on the edge".
EDGE = 1e-6


# Positive values, two or more of x; y has as many as x.
_Abscissae = Annotated[Float[np.ndarray, " points"], Entries(above=0, least=2)]
_Ordinates = Annotated[Float[np.ndarray, " points"], BY_HAND]


@checked
@dataclass(frozen=True)
class Straightness:
    """statistic: F on (freedom, error_freedom) degrees. p: chance of a larger F under a power law.

    exponent: of the straight line, positive for a falling y.
    """

    statistic: NonNegative
    freedom: Count
    error_freedom: Count
    p: NonNegative
    exponent: float

    @checked
    def verdict(self, level: Share = 0.05) -> str:
        """ "bent": the bend is more than the replicates' scatter explains (p below the level). "compatible": it is not.
        "on the edge": p is the level to one part in a million (`EDGE`), and its last digits must not decide.
        """
        if abs(self.p - level) <= EDGE * level:
            return "on the edge"
        return "bent" if self.p < level else "compatible"


@checked
def lack_of_fit(x: _Abscissae, y: _Ordinates) -> Straightness:
    """Fisher's test of the module's docstring: do the replicates of y scatter as much as their means leave a power law?

    x, y: (points,), positive; equal x are replicates (seeds). Raises InvalidArgument unless x has three distinct values
    or more, one of them repeated, and replicates scatter.

    >>> x = np.repeat([1.0, 10.0, 100.0], 2)
    >>> straight = lack_of_fit(x, x**-0.5 * np.tile([0.99, 1.01], 3))
    >>> f"exponent {straight.exponent:.2f}, p = {straight.p:.2f}"
    'exponent 0.50, p = 1.00'
    """
    y = check_array("y", y, dimensions=1, above=0, length=len(x))
    values, which, counts = np.unique(x, return_inverse=True, return_counts=True)
    if len(values) < 3 or len(values) == len(x):
        raise invalid("x", "three or more distinct values with replicates", x, "train more sizes and seeds")
    log_y = np.log(y)
    means = np.bincount(which, log_y) / counts
    slope, intercept = np.polyfit(np.log(values), means, 1, w=np.sqrt(counts))
    bend = float(counts @ (means - intercept - slope * np.log(values)) ** 2)
    scatter = float(((log_y - means[which]) ** 2).sum())
    freedom, error_freedom = len(values) - 2, len(x) - len(values)
    if scatter == 0:
        raise invalid("y", "replicates that scatter", y, "equal replicates give no error to test against")
    statistic = (bend / freedom) / (scatter / error_freedom)
    p = float(stats.f.sf(statistic, freedom, error_freedom))
    return Straightness(statistic, freedom, error_freedom, p, -float(slope))


@checked
def against_replicates(
    y: _Ordinates,
    cell: Annotated[np.ndarray, BY_HAND],
    fitted: Annotated[np.ndarray, BY_HAND],
    parameters: Annotated[int, Integer(minimum=1)],
) -> tuple[float, int, int, float]:
    """(F, freedom, error freedom, p) of a formula's lack of fit: do the means miss it by more than replicates scatter?

    y: (points,), positive. cell: (points,), equal where points are replicates of one another. fitted: (points,),
    positive, what the formula says there. parameters: how many of it were fitted. Raises InvalidArgument where there
    are no more cells than parameters, where no cell has a replicate, or where none scatter.
    """
    y = check_array("y", y, dimensions=1, above=0, least=2)
    fitted = check_array("fitted", fitted, dimensions=1, above=0, length=len(y))
    cell = np.asarray(cell)
    if cell.shape != y.shape or cell.dtype.kind not in "iuf":
        raise invalid("cell", f"an array of {len(y)} numbers, one for each value of y", cell, "number the cells")
    _, first, which, counts = np.unique(cell, return_index=True, return_inverse=True, return_counts=True)
    freedom, error_freedom = len(counts) - parameters, len(y) - len(counts)
    if freedom < 1 or error_freedom < 1:
        raise invalid("cell", "more cells than parameters, some of them repeated", cell, "train more sizes and seeds")
    log_y = np.log(y)
    means = np.bincount(which, log_y) / counts
    missed = float(counts @ (means - np.log(fitted[first])) ** 2)
    scatter = float(((log_y - means[which]) ** 2).sum())
    if scatter == 0:
        raise invalid("y", "replicates that scatter", y, "equal replicates give no error to test against")
    statistic = (missed / freedom) / (scatter / error_freedom)
    return statistic, freedom, error_freedom, float(stats.f.sf(statistic, freedom, error_freedom))


@checked
@dataclass(frozen=True)
class CommonSlope:
    """exponent: of all lines together, positive for falling ones, with its 95 % interval [low, high] by Student's t on
    `freedom` degrees. p: of the lack of fit; small where the means leave such lines by more than replicates scatter.
    """

    exponent: float
    low: float
    high: float
    freedom: Count
    p: NonNegative


@checked
def common_slope(x: _Abscissae, y: _Ordinates, group: Annotated[np.ndarray, BY_HAND]) -> CommonSlope:
    """The exponent b of y = a_g x^-b, a factor for each group and one b for all, from replicates.

    x, y: (points,), positive; points of one group with equal x are replicates (seeds). group: (points,), numbers. Least
    squares on the logarithms; the variance is pooled over all replicates, so the weight of a mean is inverse to its
    variance, and three seeds need not give a variance for each point. Raises InvalidArgument unless there are more
    distinct points than groups and one, one of them repeated, and replicates scatter.

    >>> x, group = np.tile(np.repeat([1.0, 10.0, 100.0], 2), 2), np.repeat([0.0, 1.0], 6)
    >>> slope = common_slope(x, (1 + group) * x**-0.5 * np.tile([0.99, 1.01], 6), group)
    >>> f"{slope.exponent:.2f} on {slope.freedom} degrees, p = {slope.p:.2f}"
    '0.50 on 6 degrees, p = 1.00'
    """
    y = check_array("y", y, dimensions=1, above=0, length=len(x))
    group = np.asarray(group)
    if group.shape != x.shape or group.dtype.kind not in "iuf":
        raise invalid("group", f"an array of {len(x)} numbers, one for each value of x", group, "number the groups")
    groups = np.unique(group)
    _, cell = np.unique(np.column_stack([group, x]), axis=0, return_inverse=True)
    along = np.log(x)
    for one in groups:
        along[group == one] -= along[group == one].mean()
    if not np.any(np.abs(along) > 1e-9):
        raise invalid("x", "two distinct values or more in some group", x, "train more sizes")
    log_y = np.log(y)
    slope = float(along @ log_y / (along @ along))
    fitted = slope * along
    for one in groups:
        fitted[group == one] += log_y[group == one].mean()
    _, _, freedom, p = against_replicates(y, cell.ravel(), np.exp(fitted), 1 + len(groups))
    means = np.bincount(cell.ravel(), log_y) / np.bincount(cell.ravel())
    variance = float(((log_y - means[cell.ravel()]) ** 2).sum()) / freedom
    half = float(stats.t.ppf(0.975, freedom) * np.sqrt(variance / (along @ along)))
    return CommonSlope(-slope, -slope - half, -slope + half, freedom, p)


@checked
def local_slopes(
    x: _Abscissae,
    y: _Ordinates,
    *,
    window: Annotated[int, Integer(minimum=2)] = 2,
    level: Share = 0.95,
) -> pd.DataFrame:
    """The local exponent -d log y / d log x in every window of neighbouring distinct x, with intervals.

    x: positive, repeated values are replicates (seeds). y: positive, an excess loss (subtract E first: a wrong E bends
    the slopes). window: distinct x values in a window; windows advance by one. The interval is Wald-t, its error from
    the replicates (pooled over all x on logarithms), else from the scatter about the line where a window has more than
    two points, else NaN.
    Returns x (geometric middle), x_low, x_high, slope (the exponent, positive for a falling y), se, low, high.
    """
    y = check_array("y", y, dimensions=1, above=0, length=len(x))
    values, which, counts = np.unique(x, return_inverse=True, return_counts=True)
    if len(values) < window:
        raise InvalidArgument(f"x must have {window} distinct values or more, got {len(values)}: make window smaller.")
    log_x, log_y = np.log(x), np.log(y)
    mean = np.bincount(which, log_y) / counts
    pooled = len(x) - len(values)
    scatter = float(((log_y - mean[which]) ** 2).sum())
    windows = []
    for first in range(len(values) - window + 1):
        inside = (which >= first) & (which < first + window)
        u, v = log_x[inside] - log_x[inside].mean(), log_y[inside]
        slope = float(u @ v / (u @ u))
        freedom, variance = pooled, scatter / pooled if pooled else np.nan
        if not pooled and len(u) > 2:
            freedom = len(u) - 2
            variance = float(((v - v.mean() - slope * u) ** 2).sum() / freedom)
        error = float(np.sqrt(variance / (u @ u)))
        reach = float(stats.t.ppf(0.5 + level / 2, freedom)) * error if freedom else np.nan
        low, high = values[first], values[first + window - 1]
        windows.append((float(np.sqrt(low * high)), low, high, -slope, error, -slope - reach, -slope + reach))
    return pd.DataFrame(windows, columns=["x", "x_low", "x_high", "slope", "se", "low", "high"])
