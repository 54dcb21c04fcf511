"""Which slope? At a fixed learning rate or at the selected one; of the mean over seeds or within a branch.

Where seeds fall into two branches, the mean over them moves with the share of seeds in each, and a share that drifts
with the size bends or tilts the line of the means. The slope *within* a branch does not: with p_i the share of point
i's seeds in the lower branch, one gap g and one slope for both branches, replicate j of point i follows

    y_ij ~ p_i Normal(X_i b, s_i^2) + (1 - p_i) Normal(X_i b + g, s_i^2),    ln s_i a straight line in ln(size).

Whether there are two branches is asked without the straight line, so that a bend is not taken for a branch: each point
has a mean of its own (X_i b replaced by m_i), and two branches are there if the BIC of one normal a point exceeds that
of the mixture by more than 6 and g is at least 3 deviations (those of the point where they are largest). The two slopes
stand beside each other; where they differ by more than an agreed bound, the slope is undetermined.

Six seeds a point are needed: in simulations with a gap of 9 deviations a share that fell from 1 to .2 over five points
was seen in every data set with 6 seeds, and missed in a fifth of those with 3, whose slopes then were off by .3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from scipy import stats

from scaling_lib.arguments import BY_HAND, Positive, Share, checked
from scaling_lib.errors import invalid
from scaling_lib.fits.seeds.means import Runs, SeedMean, checked_points, seed_means
from scaling_lib.fits.seeds.mixtures import APART, FEWEST_SEEDS, LEAST_DEVIATION, STRONG
from scaling_lib.fits.seeds.scatter import LackOfFit, lack_of_fit
from scaling_lib.fits.seeds.slopes import Slope, design_matrix, slope, unusable
from scaling_lib.fits.undetermined import Undetermined

__all__ = ["MOST_APART", "BranchedSlope", "SlopeEstimands", "branched_slope", "slope_estimands"]

# The slope of the mean and the slope within a branch may differ by this much.
MOST_APART = 0.05
FIRST_STEPS, STEPS = 15, 400


@checked
@dataclass(frozen=True)
class BranchedSlope:
    """of_mean: the slope of the mean over seeds. within: the slope inside a branch; None where there is one branch, and
    undetermined where the seeds cannot tell. good: the share of each point's seeds in the lower branch (all 1 where
    there is one; empty where undetermined). gap: between the branches, in log excess, or None. most_apart: how far the
    two slopes may differ.
    """

    of_mean: Annotated[Slope | Undetermined, BY_HAND]
    within: Annotated[Slope | Undetermined | None, BY_HAND]
    good: Annotated[tuple[float, ...], BY_HAND] = ()
    gap: Positive | None = None
    most_apart: Positive = MOST_APART

    def __post_init__(self) -> None:
        if not isinstance(self.of_mean, Slope | Undetermined):
            raise invalid("of_mean", "Slope or Undetermined", self.of_mean, "make it with slope")
        if self.within is not None and not isinstance(self.within, Slope | Undetermined):
            raise invalid("within", "Slope, Undetermined or None", self.within, "make it with branched_slope")
        if not isinstance(self.good, tuple) or not all(isinstance(p, float) and 0 <= p <= 1 for p in self.good):
            raise invalid("good", "a tuple of shares", self.good, "make it with branched_slope")

    @property
    def agreed(self) -> Slope | Undetermined:
        """The slope of the mean, where the slope within a branch does not contradict it."""
        if isinstance(self.of_mean, Undetermined) or self.within is None:
            return self.of_mean
        if isinstance(self.within, Undetermined):
            return self.within
        if abs(self.within.estimate - self.of_mean.estimate) > self.most_apart:
            return Undetermined(
                f"the slope within a branch and that of the mean over seeds differ by more than {self.most_apart:g}"
            )
        return self.of_mean


@checked
@dataclass(frozen=True)
class SlopeEstimands:
    """fixed: at the learning rate that was fixed beforehand; selected: at each point's best one."""

    fixed: Annotated[BranchedSlope, BY_HAND]
    selected: Annotated[BranchedSlope, BY_HAND]

    def __post_init__(self) -> None:
        for name, value in (("fixed", self.fixed), ("selected", self.selected)):
            if not isinstance(value, BranchedSlope):
                raise invalid(name, "a BranchedSlope", value, "make it with branched_slope")


@checked
def slope_estimands(
    runs: Runs,
    by: Annotated[str | Sequence[str], BY_HAND],
    variable: str,
    *,
    rate: Positive,
    crossfit: bool = True,
    groups: Annotated[str | Sequence[str], BY_HAND] = (),
    level: Share = 0.95,
    rejection: Share | None = 0.05,
    most_apart: Positive = MOST_APART,
) -> SlopeEstimands:
    """The slope in ln(variable) at one fixed learning rate and at the selected rate, each with its branches.

    runs, by, crossfit: as for `seed_means`; rate: the fixed one. variable, groups, level, rejection: as for `slope`.
    Raises InvalidArgument.
    """
    options: dict[str, Any] = {"groups": groups, "level": level, "rejection": rejection, "most_apart": most_apart}
    return SlopeEstimands(
        branched_slope(seed_means(runs, by, rate=rate), variable, **options),
        branched_slope(seed_means(runs, by, crossfit=crossfit), variable, **options),
    )


@checked
def branched_slope(
    points: Annotated[Sequence[SeedMean], BY_HAND],
    variable: str,
    *,
    groups: Annotated[str | Sequence[str], BY_HAND] = (),
    level: Share = 0.95,
    rejection: Share | None = 0.05,
    most_apart: Positive = MOST_APART,
) -> BranchedSlope:
    """The slope of the mean beside the slope within a branch, by the formulas of the module's docstring.

    points, variable, groups, level, rejection: as for `slope`. The interval within a branch takes for known which seed
    is in which branch; at a gap of three deviations or more, where branches are seen, few seeds are in doubt.
    Raises InvalidArgument.
    """
    points = checked_points(points)
    of_mean = slope(points, variable, groups=groups, level=level, rejection=rejection)
    design = design_matrix(points, variable, groups)
    if (reason := unusable(points, design)) is not None:
        return BranchedSlope(of_mean, reason, most_apart=most_apart)
    model = _Mixture.of(points, design[:, 0])
    if min(point.seeds for point in points) < FEWEST_SEEDS:
        few = Undetermined(f"a point with fewer than {FEWEST_SEEDS} seeds cannot tell one branch from two")
        return BranchedSlope(of_mean, few, most_apart=most_apart)
    apart = model.fitted(np.eye(len(points)), model.starts_by_gap())
    alone = model.fitted(np.eye(len(points)), np.ones((1, len(model.values))), single=True)
    difference = 2 * (apart.likelihood - alone.likelihood) - (len(points) + 1) * np.log(len(model.values))
    if difference <= STRONG or apart.gap < APART * apart.deviations.max():
        return BranchedSlope(of_mean, None, (1.0,) * len(points), most_apart=most_apart)
    line = model.fitted(design, model.starts_by_slope(design, apart.gap))
    within = _within(model, design, line, level, rejection)
    shares = np.bincount(model.point, line.lower) / np.bincount(model.point)
    good = tuple(np.clip(shares, 0, 1).tolist())
    return BranchedSlope(of_mean, within, good, line.gap if line.gap > 0 else None, most_apart)


@dataclass(frozen=True, eq=False)
class _Fitted:
    """The best mixture. lower: (seeds,), the probability of the lower branch. deviations: (points,)."""

    likelihood: float
    lower: np.ndarray
    coefficients: np.ndarray
    gap: float
    deviations: np.ndarray


@dataclass(frozen=True, eq=False)
class _Mixture:
    """The seeds of all points in one row. values: (seeds,); point: (seeds,), which point each belongs to; log_size:
    (points,)."""

    values: np.ndarray
    point: np.ndarray
    log_size: np.ndarray

    @classmethod
    def of(cls, points: tuple[SeedMean, ...], log_size: np.ndarray) -> "_Mixture":
        counts = [point.seeds for point in points]
        return cls(
            np.concatenate([point.logs for point in points]), np.repeat(np.arange(len(points)), counts), log_size
        )

    def starts_by_gap(self) -> np.ndarray:
        """(starts, seeds): the lower branch reaches from each point's smallest value half a gap upwards."""
        above = self.values - pd.Series(self.values).groupby(self.point).transform("min").to_numpy()
        halves = np.quantile(above[above > 0], np.linspace(0.1, 0.95, 18)) if (above > 0).any() else np.ones(1)
        return np.clip((above < halves[:, None]).astype(float), 0.02, 0.98)

    def starts_by_slope(self, design: np.ndarray, gap: float) -> np.ndarray:
        """(starts, seeds): for slopes about that of all seeds, what lies below a cut through a line's residuals."""
        rows = design[self.point]
        middle = float(np.linalg.lstsq(rows, self.values, rcond=None)[0][0])
        reach = 2 * gap / max(float(np.ptp(self.log_size)), 1e-9)
        starts = []
        for tried in middle + reach * np.linspace(-1, 1, 21):
            left = self.values - tried * rows[:, 0]
            left = left - rows[:, 1:] @ np.linalg.lstsq(rows[:, 1:], left, rcond=None)[0]
            starts += [np.clip((left < cut).astype(float), 0.02, 0.98) for cut in np.quantile(left, (0.25, 0.5, 0.75))]
        return np.array(starts)

    def fitted(self, design: np.ndarray, starts: np.ndarray, *, single: bool = False) -> _Fitted:
        """The best mixture with these levels (one normal a point, if single), by expectation and maximization."""
        likelihood, lower, *_ = self._climb(design, starts, FIRST_STEPS, single)
        leaders = np.argsort(-likelihood, kind="stable")[:3]
        likelihood, lower, coefficients, gap, deviations = self._climb(design, lower[leaders], STEPS, single)
        best = int(likelihood.argmax())
        result = _Fitted(float(likelihood[best]), lower[best], coefficients[best], float(gap[best]), deviations[best])
        if result.gap >= 0 or single:
            return result
        return _Fitted(result.likelihood, 1 - result.lower, _renamed(design, result), -result.gap, result.deviations)

    def _climb(self, design: np.ndarray, lower: np.ndarray, steps: int, single: bool) -> tuple[np.ndarray, ...]:
        points, columns = design.shape
        rows = design[self.point]
        member = np.eye(points)[:, self.point]  # (points, seeds)
        counts = member.sum(axis=1)
        # ln s is a straight line in ln(size) where three points or more allow it.
        trend = (
            np.column_stack([np.ones(points), self.log_size]) if len(set(self.log_size)) > 2 else np.ones((points, 1))
        )
        gain = np.linalg.inv(trend.T * (counts / 2) @ trend)
        pooled = float(np.mean([self.values[self.point == i].var() for i in range(points)]))
        log_variance = np.full((len(lower), points), np.log(max(pooled, LEAST_DEVIATION**2)))
        bend = np.zeros((len(lower), trend.shape[1]))
        bend[:, 0] = log_variance[:, 0]
        before = np.full(len(lower), -np.inf)
        for _ in range(steps):
            weights = np.exp(-log_variance)[:, self.point]
            upper = 1 - lower
            normal = np.empty((len(lower), columns + 1, columns + 1))
            normal[:, :columns, :columns] = np.einsum("sr,ra,rb->sab", weights, rows, rows)
            normal[:, :columns, columns] = normal[:, columns, :columns] = (weights * upper) @ rows
            normal[:, columns, columns] = (weights * upper).sum(axis=1) + (1e9 if single else 1e-9)
            right = np.column_stack([(weights * self.values) @ rows, (weights * upper) @ self.values])
            answer = np.linalg.solve(normal, right[:, :, None])[:, :, 0]
            coefficients, gap = answer[:, :columns], answer[:, columns]
            left = self.values - coefficients @ rows.T
            squares = lower * left**2 + upper * (left - gap[:, None]) ** 2
            ratio = squares @ member.T / counts / np.exp(log_variance)
            step = (counts / 2 * (ratio - 1)) @ trend @ gain.T
            bend = bend + np.clip(step, -1, 1)
            log_variance = np.maximum(bend @ trend.T, 2 * np.log(LEAST_DEVIATION))
            share = np.clip(lower @ member.T / counts, 1e-9, 1 - 1e-9)[:, self.point]
            variance = np.exp(log_variance)[:, self.point]
            ones = np.log(share) - left**2 / (2 * variance)
            others = np.log1p(-share) - (left - gap[:, None]) ** 2 / (2 * variance)
            both = -(left**2) / (2 * variance) if single else np.logaddexp(ones, others)
            likelihood = (both - 0.5 * np.log(2 * np.pi * variance)).sum(axis=1)
            lower = lower if single else np.exp(ones - both)
            if np.all(np.abs(likelihood - before) < 1e-7):
                break
            before = likelihood
        return likelihood, lower, coefficients, gap, np.exp(log_variance / 2)


def _renamed(design: np.ndarray, fitted: _Fitted) -> np.ndarray:
    """The coefficients when the two branches change names: the constants move by the gap."""
    moved = np.linalg.lstsq(design, np.full(len(design), fitted.gap), rcond=None)[0]
    return fitted.coefficients + moved


def _within(
    model: _Mixture, design: np.ndarray, line: _Fitted, level: float, rejection: float | None
) -> Slope | Undetermined:
    """The slope of the line mixture, from weighted least squares with every seed in its likelier branch."""
    upper = (line.lower < 0.5).astype(float)
    rows = np.column_stack([design[model.point], upper])
    freedom = len(rows) - rows.shape[1]
    if np.linalg.matrix_rank(rows) < rows.shape[1] or freedom < 1:
        return Undetermined("with a mixture of two branches the seeds do not determine a slope")
    weights = 1 / line.deviations[model.point] ** 2
    inverse = np.linalg.inv(rows.T * weights @ rows)
    coefficients = inverse @ (rows.T * weights) @ model.values
    left = model.values - rows @ coefficients
    error = float(np.sqrt(inverse[0, 0] * (weights @ left**2) / freedom))
    cells = [(i, branch) for i in range(len(design)) for branch in (0.0, 1.0)]
    inside = {cell: (model.point == cell[0]) & (upper == cell[1]) for cell in cells}
    kept = [cell for cell in cells if inside[cell].any()]
    fit = lack_of_fit(
        [model.values[inside[cell]] for cell in kept],
        np.array([(rows @ coefficients)[inside[cell]][0] for cell in kept]),
        rows.shape[1],
        weights=np.array([weights[inside[cell]][0] for cell in kept]),
    )
    if rejection is not None and isinstance(fit, LackOfFit) and fit.rejected(rejection):
        return Undetermined("within a branch the points leave the straight line by more than the seeds' scatter")
    estimate, reach = float(coefficients[0]), float(stats.t.ppf(0.5 + level / 2, freedom)) * error
    return Slope(estimate, error, estimate - reach, estimate + reach, level, freedom, len(design), fit)
