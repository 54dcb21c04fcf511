"""Is it straight? A power law against replicated measurements, and its slope window by window.

A power law says E[ln y_ij] = a - b ln x_i for replicate j at x_i. The straight line through the means is tested against
the scatter of the replicates (`fits.seeds.lack_of_fit`): a small p says that the bend is more than that scatter
explains, no power law in this window.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

from scaling_lib.arguments import BY_HAND, Count, Entries, Integer, NonNegative, Share, checked
from scaling_lib.errors import InvalidArgument, check_array, invalid
from scaling_lib.fits.seeds import lack_of_fit
from scaling_lib.fits.undetermined import Undetermined

__all__ = ["Straightness", "local_slopes", "straightness"]

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
def straightness(x: _Abscissae, y: _Ordinates) -> Straightness:
    """The test of lack of fit (`seeds.lack_of_fit`) of the straight line through the means of ln y against ln x.

    x, y: (points,), positive; equal x are replicates (seeds). Raises InvalidArgument unless x has three distinct values
    or more, one of them repeated, and replicates scatter.

    >>> x = np.repeat([1.0, 10.0, 100.0], 2)
    >>> straight = straightness(x, x**-0.5 * np.tile([0.99, 1.01], 3))
    >>> f"exponent {straight.exponent:.2f}, p = {straight.p:.2f}"
    'exponent 0.50, p = 1.00'
    """
    y = check_array("y", y, dimensions=1, above=0, length=len(x))
    values, which, counts = np.unique(x, return_inverse=True, return_counts=True)
    if len(values) < 3 or len(values) == len(x):
        raise invalid("x", "three or more distinct values with replicates", x, "train more sizes and seeds")
    replicates = [np.log(y[which == place]) for place in range(len(values))]
    means = np.array([logs.mean() for logs in replicates])
    slope, intercept = np.polyfit(np.log(values), means, 1, w=np.sqrt(counts))
    tested = lack_of_fit(replicates, intercept + slope * np.log(values), 2)
    if isinstance(tested, Undetermined):
        raise invalid("y", "replicates that scatter", y, "equal replicates give no error to test against")
    return Straightness(tested.statistic, int(tested.freedom), len(x) - len(values), tested.p, -float(slope))


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
