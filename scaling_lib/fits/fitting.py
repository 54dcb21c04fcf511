"""Fitting a law to a table, two ways that must agree.

An *objective* is named, and the name says where the residuals live:

    ols        sum_i w_i r_i^2,            r = L - L(x)          (nats)
    huber      sum_i w_i rho_delta(r_i),   r = L - L(x)          the paper's, delta = 1.4826 MAD(L) (appendix B)
    log-ols    sum_i w_i r_i^2,            r = log L - log L(x)
    log-huber  sum_i w_i rho_delta(r_i),   r = log L - log L(x)  Hoffmann et al.'s, delta = 1e-3
    log-lad    sum_i w_i |r_i|,            r = log L - log L(x)

with rho_delta(r) = r^2 / 2 for |r| <= delta and delta (|r| - delta / 2) beyond. All are sums, not means. The fast route
(`fit`) starts from a variable projection and polishes with Newton (`starts`, `newton`); `fit_paper_procedure` is the
paper's appendix B: 40 starts of a bounded trust-region method.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

from scaling_lib.errors import (
    InvalidArgument,
    check_array,
    check_choice,
    check_instance,
    check_integer,
    check_real,
)
from scaling_lib.fits._problem import OBJECTIVES, Problem, make_problem
from scaling_lib.fits.laws import Law
from scaling_lib.fits.tables import suspicions

__all__ = ["OBJECTIVES", "Fit", "Problem", "fit", "fit_paper_procedure", "local_slopes"]

@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted law.

    params: every parameter, pinned ones too. objective: the minimum, a SUM over points. theta: the solver's coordinates.
    converged: the predicted further decrease is below 1e-9 of the objective. at_bound: exponents on EXPONENT_RANGE.
    """

    problem: Problem
    theta: np.ndarray
    params: dict[str, float]
    objective: float
    converged: bool
    warnings: tuple[str, ...]

    @property
    def law(self) -> Law:
        """The law fitted."""
        return self.problem.law

    @property
    def n(self) -> int:
        """Points."""
        return len(self.problem.loss)

    @property
    def degrees_of_freedom(self) -> int:
        """Points of positive weight less free parameters."""
        weights = self.problem.weights
        return (self.n if weights is None else int(np.count_nonzero(weights))) - len(self.law.free)

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

    @cached_property
    def _jacobian(self) -> np.ndarray:
        """d (fitted, in the residuals' space) / d coordinates, (points, p)."""
        return self.problem.slopes(self.theta)

    @cached_property
    def _scale(self) -> float:
        """Variance factor of the estimating equations: (sum psi^2 / dof) / (mean psi')^2 (Huber 1981, 7.6)."""
        return _noise_scale(self)

    @cached_property
    def _coordinate_covariance(self) -> np.ndarray:
        free = self._free_coordinates
        covariance = np.zeros((len(self.theta),) * 2)
        jacobian = self._jacobian[:, free]
        weights = self.problem.weights
        normal = jacobian.T @ (jacobian if weights is None else weights[:, None] * jacobian)
        covariance[np.ix_(free, free)] = self._scale * np.linalg.pinv(normal, hermitian=True)
        return covariance

    @cached_property
    def _free_coordinates(self) -> np.ndarray:
        """Coordinates that are neither pinned nor run into a bound."""
        lower, upper = self.problem.bounds
        inside = (self.theta > lower) & (self.theta < upper)
        if self.theta[0] <= self.problem.offset_floor:
            inside[0] = False
        return np.flatnonzero(inside)

    @cached_property
    def covariance(self) -> pd.DataFrame:
        """Of `params`, linearised; zero for pinned ones, NaN for those that ran into a bound."""
        matrix, _ = self.problem.frame
        names = self.law.parameters
        slope = np.array([1.0 if name in self.law.exponents else self.params[name] for name in names])[:, None] * matrix
        covariance = slope @ self._coordinate_covariance @ slope.T
        stuck = [i for i in range(len(names)) if i not in self._free_coordinates and names[i] not in self.law.fixed]
        covariance[stuck, :] = covariance[:, stuck] = np.nan
        return pd.DataFrame(covariance, index=names, columns=names)

    @property
    def standard_errors(self) -> dict[str, float]:
        """Square roots of the covariance's diagonal."""
        return dict(zip(self.law.parameters, np.sqrt(np.diag(self.covariance)).tolist(), strict=True))

    def predict(self, *, level: float = 0.95, **variables: Any) -> pd.DataFrame:
        """A table of the variables, loss, low, high: Wald-t interval of the curve L(x), not of a new run."""
        level = check_real("level", level, above=0, below=1)
        loss = np.atleast_1d(self.law.loss(self.params, **variables))
        points = {name: np.broadcast_to(np.asarray(variables[name], float), loss.shape) for name in self.law.variables}
        slope = self.problem.slopes(self.theta, points)
        error = np.sqrt(np.einsum("np,pq,nq->n", slope, self._coordinate_covariance, slope))
        reach = stats.t.ppf(0.5 + level / 2, max(self.degrees_of_freedom, 1)) * error
        if self.problem.logarithmic:
            low, high = loss * np.exp(-reach), loss * np.exp(reach)
        else:
            low, high = loss - reach, loss + reach
        return pd.DataFrame({**points, "loss": loss, "low": low, "high": high})

    def summary(self) -> pd.DataFrame:
        """One row per parameter: value, standard error, Wald-t interval, note."""
        quantile = stats.t.ppf(0.975, max(self.degrees_of_freedom, 1))
        rows = []
        for name in self.law.parameters:
            value, error = self.params[name], self.standard_errors[name]
            note = "pinned" if name in self.law.fixed else ""
            rows.append((name, value, error, value - quantile * error, value + quantile * error, note))
        return pd.DataFrame(rows, columns=["parameter", "value", "se", "low", "high", "note"]).set_index("parameter")

    def _repr_html_(self) -> str:
        head = f"{self.law.formula} &middot; {self.problem.objective}, n = {self.n}, objective {self.objective:.9g}"
        notes = "".join(f"<li>{note}</li>" for note in self.warnings)
        return f"<p>{head}</p>{self.summary().to_html()}<ul>{notes}</ul>"


def _noise_scale(fit: Fit) -> float:
    residual, weights = fit.residuals, fit.problem.weights
    weights = np.ones_like(residual) if weights is None else weights
    freedom, mass = max(fit.degrees_of_freedom, 1), weights.sum()
    delta = fit.problem.delta
    if delta is None and fit.problem.objective != "log-lad":
        return float((weights * residual**2).sum() / freedom)
    # Near zero psi' is a spike of width delta: estimate its mean from the density of residuals (Hall-Sheather-like).
    order = np.sort(np.abs(residual))
    spread = 1.4826 * float(np.median(order)) or float(residual.std())
    bandwidth = max(delta or 0.0, spread * mass ** (-1 / 3), np.finfo(float).tiny)
    threshold = delta or bandwidth * 1e-9
    push = np.clip(residual, -threshold, threshold)
    inside = float((weights * (np.abs(residual) <= bandwidth)).sum() / mass) * threshold / bandwidth
    return float((weights * push**2).sum() / freedom) / max(inside, 1e-300) ** 2


def fit(
    law: Law,
    table: Any,
    *,
    objective: str = "log-huber",
    delta: float | None = None,
    weights: Float[np.ndarray, " points"] | None = None,
) -> Fit:
    """Fit `law` to a table with columns N, D, C, loss as the law needs (a DataFrame or a mapping of arrays).

    objective: one of OBJECTIVES. delta: Huber's threshold in the residuals' units; by default 1e-3 (log-huber) or
    1.4826 MAD(L) (huber). weights: one per point, >= 0. Raises InvalidArgument, in one sentence, for a table that
    cannot be fitted.
    """
    problem = make_problem(law, table, objective, delta, weights)
    return _finished(problem, *problem.search(), table)


def _finished(problem: Problem, theta: np.ndarray, value: float, converged: bool, table: Any) -> Fit:
    natural = problem.natural(theta[None])[0]
    params = dict(zip(problem.law.parameters, map(float, natural), strict=True))
    return Fit(problem, theta, params, value, converged, tuple(suspicions(table)))


def fit_paper_procedure(
    law: Law,
    table: Any,
    generator: np.random.Generator,
    *,
    objective: str = "huber",
    delta: float | None = None,
    weights: Float[np.ndarray, " points"] | None = None,
    starts: int = 40,
) -> Fit:
    """The paper's appendix B: bounded trust-region-reflective least squares from `starts` starts, the best cost kept.

    Starts: E0 at quantiles of L, the exponent and coefficient from a log-linear fit of L - E0, then random ones.
    A 1-d `PowerLaw` with the objectives ols or huber, as the paper has it; other laws start from random coordinates.
    """
    problem = make_problem(law, table, objective, delta, weights)
    check_instance("generator", generator, np.random.Generator, remedy="pass np.random.default_rng(0)")
    starts = check_integer("starts", starts, minimum=1)
    raise NotImplementedError


def local_slopes(
    x: Float[np.ndarray, " points"],
    y: Float[np.ndarray, " points"],
    *,
    window: int = 2,
    level: float = 0.95,
) -> pd.DataFrame:
    """The local exponent -d log y / d log x between successive windows of distinct x, with intervals.

    x: positive, repeated values are replicates (seeds). y: positive, an excess loss (subtract E first: a wrong E bends
    the slopes). window: distinct x values in a window; windows advance by one. The interval is Wald-t where replicates
    give the error (pooled within x), or where the window has more than two values; else NaN.
    Returns x (geometric middle), x_low, x_high, slope (the exponent, positive for a falling y), se, low, high.
    """
    x = check_array("x", x, dimensions=1, above=0, least=2)
    y = check_array("y", y, dimensions=1, above=0, length=len(x))
    window = check_integer("window", window, minimum=2)
    level = check_real("level", level, above=0, below=1)
    values, which, counts = np.unique(x, return_inverse=True, return_counts=True)
    if len(values) < window:
        raise InvalidArgument(f"x must have at least {window} distinct values, got {len(values)}: shrink window.")
    log_x, log_y = np.log(x), np.log(y)
    mean = np.bincount(which, log_y) / counts
    pooled = len(x) - len(values)
    pooled_variance = float(((log_y - mean[which]) ** 2).sum() / pooled) if pooled else np.nan
    rows = []
    for first in range(len(values) - window + 1):
        inside = (which >= first) & (which < first + window)
        u, v = log_x[inside], log_y[inside]
        centred = u - u.mean()
        slope = float(centred @ v / (centred @ centred))
        freedom = pooled
        variance = pooled_variance
        if not pooled and len(u) > 2:
            freedom = len(u) - 2
            variance = float(((v - v.mean() - slope * centred) ** 2).sum() / freedom)
        error = float(np.sqrt(variance / (centred @ centred)))
        reach = float(stats.t.ppf(0.5 + level / 2, freedom)) * error if freedom else np.nan
        middle = float(np.exp(0.5 * (u.min() + u.max())))
        rows.append((middle, values[first], values[first + window - 1], -slope, error, -slope - reach, -slope + reach))
    return pd.DataFrame(rows, columns=["x", "x_low", "x_high", "slope", "se", "low", "high"])
