"""An estimate of a law's parameters and its errors: residuals, covariance, and what scales a profile.

Covariance, with psi = rho' and J the derivative of the fitted values. ols, log-ols, huber: one variance for all points,
[sum w psi^2 / (n - p)] / [mean psi']^2 (J'WJ)^-1 (Huber 1981, 7.6), which for least squares is s^2 (J'WJ)^-1.
log-huber and log-lad: the sandwich H^-1 [sum w^2 psi^2 J J'] H^-1 n / (n - p), since those who ask for them expect
points that are not equally good; H counts residuals within Powell's bandwidth, for a threshold near zero leaves few
inside.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

from scaling_lib.arguments import BY_HAND, NonNegative, Remedy, checked
from scaling_lib.errors import check_array
from scaling_lib.fits.laws.forms import Law
from scaling_lib.fits.solver.problem import Problem

__all__ = ["Estimate"]

_SANDWICH = ("log-huber", "log-lad")


@checked
@dataclass(frozen=True, eq=False)
class Estimate:
    """Parameters of a law and their errors; `fitting.Fit` is what users have.

    problem: the law, the data, the objective. theta: the solver's coordinates. params: every parameter, pinned ones
    too (E in nats). objective: the minimum, a SUM over points. converged: a further step would gain less than 1e-9 of
    the objective. others: columns N, D, C of the table that the law does not use, for judging its units. derived,
    declared: of N, D, C and loss, those that C = 6 N D gave, and those whose units are not doubted (`with_names`).
    """

    problem: Annotated[Problem, Remedy("make a fit with fitting.fit")]
    theta: Annotated[Float[np.ndarray, " parameters"], BY_HAND]
    params: Annotated[dict[str, float], Remedy("make a fit with fitting.fit")]
    objective: NonNegative
    converged: bool
    others: Annotated[dict[str, np.ndarray], Remedy("leave it out")] = field(default_factory=dict)
    derived: Annotated[tuple[str, ...], Remedy("pass () or ('D',)", least=0)] = ()
    declared: Annotated[tuple[str, ...], Remedy("pass () or ('D',)", least=0)] = ()

    def __post_init__(self) -> None:
        check_array("theta", self.theta, dimensions=1, length=len(self.problem.law.parameters))

    @property
    def law(self) -> Law:
        """The law fitted."""
        return self.problem.law

    @property
    def n(self) -> int:
        """Points of positive weight."""
        weights = self.problem.weights
        return len(self.problem.loss) if weights is None else int(np.count_nonzero(weights))

    @property
    def degrees_of_freedom(self) -> int:
        """Points less free parameters."""
        return self.n - len(self.law.free)

    @cached_property
    def fitted(self) -> Float[np.ndarray, " points"]:
        """L at the points, nats."""
        return self.law.loss(self.params, **self.problem.columns)

    @cached_property
    def residuals(self) -> Float[np.ndarray, " points"]:
        """Data minus fit: of log L for the log objectives, else of L in nats."""
        return self.problem.y - (np.log(self.fitted) if self.problem.logarithmic else self.fitted)

    @property
    def mse(self) -> float:
        """Mean squared residual of L itself, nats^2, whatever the objective."""
        return float(np.mean((self.problem.loss - self.fitted) ** 2))

    # Errors ----------------------------------------------------------------------------------------------------------

    @property
    def _units(self) -> float:
        """What turns a rise of the objective into a rise of 2 sum rho: 2 where the objective is sum rho itself, and 1
        for least squares, whose objective, the sum of r^2, is 2 sum rho already."""
        return 1.0 if self.problem.objective in ("ols", "log-ols") else 2.0

    @cached_property
    def _free_coordinates(self) -> np.ndarray:
        """Coordinates that are neither pinned nor run into a bound."""
        lower, upper = self.problem.bounds
        return np.flatnonzero((self.theta > lower) & (self.theta < upper))

    @cached_property
    def _influence(self) -> tuple[np.ndarray, np.ndarray]:
        """psi and psi' at the points; psi' smoothed over Powell's bandwidth where the threshold is narrower."""
        residual, delta = self.residuals, self.problem.delta
        if delta is None and self.problem.objective != "log-lad":
            return residual, np.ones_like(residual)
        spread = min(float(residual.std()), float(np.subtract(*np.quantile(residual, [0.75, 0.25]))) / 1.34)
        share = min(0.4, len(residual) ** (-1 / 3) * 1.96 ** (2 / 3) * (1.5 / (2 * np.pi)) ** (1 / 3))
        bandwidth = spread * 2 * float(stats.norm.ppf(0.5 + share))
        if self.problem.objective == "log-lad":
            bandwidth = max(bandwidth, np.finfo(float).eps)
            return np.sign(residual), (np.abs(residual) <= bandwidth) / bandwidth
        assert delta is not None
        bandwidth = max(bandwidth, delta)
        return np.clip(residual, -delta, delta), (np.abs(residual) <= bandwidth) * (delta / bandwidth)

    @cached_property
    def _noise(self) -> float:
        """[sum w psi^2 / (n - p)] / mean psi', the unit in which rises of 2 rho are counted; NaN without freedom."""
        if self.degrees_of_freedom < 1:
            return float("nan")
        push, bend = self._influence
        weights = np.ones_like(push) if self.problem.weights is None else self.problem.weights
        return float((weights * push**2).sum() / self.degrees_of_freedom / ((weights * bend).sum() / weights.sum()))

    @cached_property
    def _covariances(self) -> tuple[np.ndarray, np.ndarray]:
        """H^-1 and the covariance, both of the free coordinates, (p, p) with zeros elsewhere."""
        free, size = self._free_coordinates, len(self.theta)
        push, bend = self._influence
        weights = np.ones_like(push) if self.problem.weights is None else self.problem.weights
        slope = self.problem.slopes(self.theta)[:, free]
        sandwich = self.problem.objective in _SANDWICH
        bend = weights * (bend if sandwich else (weights * bend).sum() / weights.sum())
        with np.errstate(all="ignore"):
            bread = np.linalg.pinv(slope.T @ (bend[:, None] * slope), hermitian=True)
            if sandwich and self.degrees_of_freedom > 0:
                filling = slope.T @ ((weights * push)[:, None] ** 2 * slope) * (self.n / self.degrees_of_freedom)
                inner = bread @ filling @ bread
            else:
                inner = bread * (self._noise if not sandwich else float("nan"))
        whole = np.zeros((2, size, size))
        whole[0][np.ix_(free, free)], whole[1][np.ix_(free, free)] = bread, inner
        return whole[0], whole[1]

    @cached_property
    def _slope_of_parameters(self) -> np.ndarray:
        """d params / d theta, (p, p)."""
        return self.problem.natural_slope(self.theta)

    @cached_property
    def covariance(self) -> pd.DataFrame:
        """Of `params`, linearised; zero for pinned ones, NaN for those that ran into a bound or without freedom."""
        names, slope = list(self.law.parameters), self._slope_of_parameters
        covariance = slope @ self._covariances[1] @ slope.T
        stuck = [i for i in range(len(names)) if i not in self._free_coordinates and names[i] not in self.law.fixed]
        covariance[stuck, :] = covariance[:, stuck] = np.nan
        return pd.DataFrame(covariance, index=names, columns=names)

    @cached_property
    def standard_errors(self) -> dict[str, float]:
        """Square roots of the covariance's diagonal."""
        return dict(zip(self.law.parameters, np.sqrt(np.diag(self.covariance)).tolist(), strict=True))

    def _profile_scale(self, parameter: str) -> float:
        """What a rise of 2 rho is multiplied by: [H^-1] / covariance, of this parameter (Royall 1986). For least
        squares it is 1 / s^2, and the profile interval is the F interval. Infinite where the law fits exactly.

        Of few points the robust objectives tell neither H nor the covariance: see `_normal_noise`.
        """
        if self._normal_noise is not None:
            return 1 / self._normal_noise if self._normal_noise > 0 else float("inf")
        i = self.law.parameters.index(parameter)
        slope = self._slope_of_parameters[i]
        bread, whole = (float(slope @ matrix @ slope) for matrix in self._covariances)
        if whole > 0 and i in self._free_coordinates:
            return bread / whole
        return 1 / self._noise if self._noise else float("inf")

    @cached_property
    def _normal_noise(self) -> float | None:
        """E psi^2 / E psi' of a normal law, in place of [sum w psi^2 / (n - p)] / mean psi', for log-huber and log-lad
        with fewer than 20 points a parameter; None otherwise.

        Powell's bandwidth is wider than the residuals there, and H comes out too small. The standard deviation is read
        off the largest residuals, which p vanishing ones and a fifth of outliers leave alone: the 80 % quantile of the
        n - p largest, over that of |z|. Coverage: tests/fits/uncertainty/test_table_coverage.py.
        """
        few = self.degrees_of_freedom > 0 and self.n < 20 * len(self.law.free)
        if self.problem.objective not in _SANDWICH or not few or self.problem.weights is not None:
            return None
        largest = np.sort(np.abs(self.residuals))[len(self.law.free) :]
        spread = float(np.quantile(largest, 0.8) / stats.norm.ppf(0.9))
        if spread <= 0:
            return 0.0
        delta = self.problem.delta
        if delta is None:
            return spread / (2 * float(stats.norm.pdf(0)))
        z = delta / spread
        inside = 2 * float(stats.norm.cdf(z)) - 1
        square = spread**2 * (inside - 2 * z * stats.norm.pdf(z)) + delta**2 * 2 * stats.norm.sf(z)
        return float(square / inside)
