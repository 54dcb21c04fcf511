"""The slope of mean log excess against the logarithm of a size, with an interval from the scatter of the seeds.

Let m_i be the mean over n_i seeds of ln(excess loss) at point i, s_i^2 their variance, and X the matrix with a column of
ln(size) and a constant (a constant for each group, where groups are asked for). With weights w_i,

    (slope, constants) = (X' W X)^-1 X' W m,    and c the row of (X' W X)^-1 X' W that gives the slope.

The weights are inverse variances, n_i / v_i. Variances from a few seeds are too uncertain to weight with (an interval
that uses its points' own at 6 seeds covers .88 to .93 where it promises .95), so v is one pooled variance where some
point has fewer than eight seeds, and otherwise ln v is a straight line in ln(size), fitted to the s_i^2 by their gamma
likelihood. The error of the slope comes from every point's own seeds, whether or not they scatter like that:

    se^2 = sum_i c_i^2 s_i^2 / n_i    on    se^4 / sum_i [(c_i^2 s_i^2 / n_i)^2 / (n_i - 1)] degrees of freedom

(Satterthwaite), and the interval is slope -+ t se with the Student quantile t. A slope whose line the scatter of the
seeds rejects is undetermined. The slope is signed: of a loss that falls as D^-beta it is -beta.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from scipy import stats

from scaling_lib.arguments import BY_HAND, Count, NonNegative, Positive, Share, checked
from scaling_lib.errors import InvalidArgument, check_text, invalid
from scaling_lib.fits.seeds.means import SeedMean, checked_points
from scaling_lib.fits.seeds.scatter import LackOfFit, lack_of_fit
from scaling_lib.fits.undetermined import Undetermined, first_undetermined

__all__ = ["MANY_SEEDS", "Slope", "slope"]

# From this many seeds at every point on, the variance of the seeds may change with the size.
MANY_SEEDS = 8


@checked
@dataclass(frozen=True)
class Slope:
    """estimate: of d ln(excess loss) / d ln(size), with its standard_error on `freedom` degrees of freedom (not a whole
    number). low, high: the interval at `level`. points: fitted. fit: the test of lack of fit, undetermined where as many
    constants were fitted as there are points.
    """

    estimate: float
    standard_error: NonNegative
    low: float
    high: float
    level: Share
    freedom: Positive
    points: Count
    fit: Annotated[LackOfFit | Undetermined, BY_HAND]

    def __post_init__(self) -> None:
        if not self.low <= self.estimate <= self.high:
            raise invalid("low", "at most the estimate, and high at least", (self.low, self.high), "order them")
        if not isinstance(self.fit, LackOfFit | Undetermined):
            raise invalid("fit", "LackOfFit or Undetermined", self.fit, "make it with lack_of_fit")

    @property
    def half_width(self) -> float:
        """Of the interval."""
        return (self.high - self.low) / 2


@checked
def slope(
    points: Annotated[Sequence[SeedMean], BY_HAND],
    variable: str,
    *,
    groups: Annotated[str | Sequence[str], BY_HAND] = (),
    level: Share = 0.95,
    rejection: Share | None = 0.05,
) -> Slope | Undetermined:
    """The slope of mean log excess in ln(variable), by the formulas of the module's docstring.

    points: from `seed_means`. variable: one of their coordinates, positive. groups: coordinates for each combination of
    which a constant of its own is fitted, with one slope for all. level: of the interval. rejection: the slope is
    undetermined if the test of lack of fit has a p below it; None: never.
    Undetermined as well where a point is, where a point has one seed or seeds that agree to the last digits, and where
    the variable does not change (inside any group). Raises InvalidArgument.
    """
    points = checked_points(points)
    design = design_matrix(points, variable, groups)
    if (reason := unusable(points, design)) is not None:
        return reason
    means = np.array([point.logs.mean() for point in points])
    counts = np.array([point.seeds for point in points])
    variances = np.array([point.logs.var(ddof=1) for point in points])
    expected = smooth_variances(design[:, 0], variances, counts - 1)
    weights = counts / expected
    solver = np.linalg.solve(design.T * weights @ design, design.T * weights)
    coefficients = solver @ means
    shares = solver[0] ** 2 * variances / counts
    error = float(np.sqrt(shares.sum()))
    freedom = float(shares.sum() ** 2 / (shares**2 / (counts - 1)).sum())
    fit = lack_of_fit([point.logs for point in points], design @ coefficients, design.shape[1], weights=1 / expected)
    if rejection is not None and isinstance(fit, LackOfFit) and fit.rejected(rejection):
        return Undetermined("the points leave the straight line by more than the scatter of the seeds explains")
    estimate, reach = float(coefficients[0]), float(stats.t.ppf(0.5 + level / 2, freedom)) * error
    return Slope(estimate, error, estimate - reach, estimate + reach, level, freedom, len(points), fit)


def design_matrix(points: tuple[SeedMean, ...], variable: str, groups: Any) -> np.ndarray:
    """(points, 1 + groups): ln(variable), centred, then an indicator for each group. Raises InvalidArgument."""
    names = (groups,) if isinstance(groups, str) else groups
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise invalid("groups", "coordinates of the points", groups, "pass 'steps' or ['steps', 'width']")
    for argument, name in (("variable", variable), *(("groups", name) for name in names)):
        if check_text(argument, name) not in points[0].at or (argument == "groups" and name == variable):
            raise InvalidArgument(
                f"{argument} must be coordinates of the points, got {name!r}: choose from {', '.join(points[0].at)}."
            )
    values = np.array([point.at[variable] for point in points], float)
    if not (values > 0).all():
        raise invalid("variable", "a coordinate that is positive", variable, "choose another or mend the table")
    keys = np.array([[point.at[name] for name in names] for point in points], float).reshape(len(points), -1)
    _, group = np.unique(keys, axis=0, return_inverse=True)
    indicators = np.eye(group.max() + 1)[group.ravel()] if names else np.ones((len(points), 1))
    return np.column_stack([np.log(values) - np.log(values).mean(), indicators])


def smooth_variances(log_size: np.ndarray, variances: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """(points,): the variance of one seed at each point, smoothed as the module's docstring says.

    log_size: centred; variances: positive, each on `freedom` degrees of freedom.
    """
    pooled = float(variances @ freedom / freedom.sum())
    if freedom.min() + 1 < MANY_SEEDS or np.ptp(log_size) == 0:
        return np.full(len(variances), pooled)
    design = np.column_stack([np.ones(len(log_size)), log_size])
    information = design.T * (freedom / 2) @ design
    coefficients = np.array([np.log(pooled), 0.0])
    for _ in range(100):  # Fisher scoring of the gamma likelihood, which is concave in the two coefficients
        ratio = variances / np.exp(design @ coefficients)
        step = np.linalg.solve(information, design.T @ (freedom / 2 * (ratio - 1)))
        coefficients = coefficients + step / max(1.0, float(np.abs(design @ step).max()))
        if np.abs(step).max() < 1e-10:
            break
    return np.exp(design @ coefficients)


def unusable(points: tuple[SeedMean, ...], design: np.ndarray) -> Undetermined | None:
    """Why no slope follows from these points, or None."""
    doubt = first_undetermined(point.deviation for point in points)
    if doubt is not None:
        return doubt
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return Undetermined("the size does not change among the points that share a constant")
    for point in points:
        if point.logs.std() <= 1e-12 * max(1.0, float(np.abs(point.logs).max())):
            return Undetermined(f"at {point.place} the seeds agree to the last digits, so they have no scatter")
    return None
