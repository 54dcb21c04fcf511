"""Is it straight? Fisher's lack-of-fit test of a power law against replicated measurements.

Let y_ij be replicate j of log y at log x_i, i = 1..k, n in all. A power law says E[y_ij] = a - b log x_i. With the
means m_i and the fitted line f_i,

    F = [sum_i n_i (m_i - f_i)^2 / (k - 2)] / [sum_ij (y_ij - m_i)^2 / (n - k)]

follows F(k - 2, n - k) if the law holds and the noise is normal on logarithms with one variance. A small p says that
the bend is more than the scatter of the replicates: no power law in this window.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from scaling_lib.errors import check_array, check_integer, check_real, invalid

__all__ = ["Straightness", "lack_of_fit"]


@dataclass(frozen=True)
class Straightness:
    """statistic: F on (freedom, error_freedom) degrees. p: chance of a larger F under a power law.

    exponent: of the straight line, positive for a falling y.
    """

    statistic: float
    freedom: int
    error_freedom: int
    p: float
    exponent: float

    def __post_init__(self) -> None:
        for name in ("statistic", "p"):
            check_real(name, getattr(self, name), minimum=0)
        check_real("exponent", self.exponent)
        for name in ("freedom", "error_freedom"):
            check_integer(name, getattr(self, name), minimum=1)


def lack_of_fit(x: Float[np.ndarray, " points"], y: Float[np.ndarray, " points"]) -> Straightness:
    """The test above. x, y: positive; equal x are replicates (seeds); three distinct x or more, one repeated."""
    x = check_array("x", x, dimensions=1, above=0, least=2)
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
