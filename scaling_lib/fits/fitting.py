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
from scaling_lib.fits.laws import EXPONENT_RANGE, Law
from scaling_lib.fits.newton import Loss, Solution, minimise
from scaling_lib.fits.starts import projected_starts
from scaling_lib.fits.tables import suspicions, table_columns

__all__ = ["OBJECTIVES", "Fit", "Problem", "fit", "fit_paper_procedure", "local_slopes"]

OBJECTIVES = ("ols", "huber", "log-ols", "log-huber", "log-lad")

# log-lad is the limit of log-huber; residuals are resolved to this much.
_LAD_DELTAS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)


@dataclass(frozen=True, eq=False)
class Problem:
    """A law on checked points with an objective: what the solver, the resamples and the profiles share.

    columns: {variable: (points,)}; loss: (points,) in nats; weights: (points,) or None; delta: the threshold (None for
    ols, log-ols, log-lad).
    """

    law: Law
    columns: Mapping[str, np.ndarray]
    loss: np.ndarray
    weights: np.ndarray | None
    objective: str
    delta: float | None

    @property
    def logarithmic(self) -> bool:
        """Whether residuals are those of log L."""
        return self.objective.startswith("log-")

    @cached_property
    def y(self) -> np.ndarray:
        """What the residuals are of: L or log L."""
        return np.log(self.loss) if self.logarithmic else self.loss

    @cached_property
    def centre(self) -> dict[str, float]:
        """Mean log of each variable, or zeros where a coefficient is pinned (a centred one cannot be held fixed)."""
        centre = {name: float(np.log(values).mean()) for name, values in self.columns.items()}
        matrix, _ = self.law.frame(centre)
        mixed = (matrix != np.eye(len(matrix))).any(axis=1)
        pinned = [mixed[self.law.parameters.index(name)] for name in self.law.fixed]
        return dict.fromkeys(centre, 0.0) if any(pinned) else centre

    @cached_property
    def terms(self) -> list:
        """The law's terms on these points."""
        return self.law.terms(self.columns, self.centre)

    @cached_property
    def frame(self) -> tuple[np.ndarray, np.ndarray]:
        """(log) parameters = M theta + shift."""
        return self.law.frame(self.centre)

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Of the coordinates; equal where a parameter is pinned."""
        law, size = self.law, len(self.law.parameters)
        lower, upper = np.full(size, -700.0), np.full(size, 700.0)
        lower[0], upper[0] = np.log(self.loss.min()) - 40, np.log(self.loss.max())
        for name in law.exponents:
            lower[law.parameters.index(name)], upper[law.parameters.index(name)] = EXPONENT_RANGE
        for name, value in law.fixed.items():
            i = law.parameters.index(name)
            with np.errstate(divide="ignore"):
                place = value if name in law.exponents else np.log(value) - self.frame[1][i]
            lower[i] = upper[i] = max(place, -750.0)
        return lower, upper

    def natural(self, theta: np.ndarray) -> np.ndarray:
        """Parameters (batch, p) from coordinates (batch, p). An offset on its lower bound is zero."""
        matrix, shift = self.frame
        values = theta @ matrix.T + shift
        logs = np.array([name not in self.law.exponents for name in self.law.parameters])
        with np.errstate(over="ignore"):
            values = np.where(logs, np.exp(np.where(logs, values, 0.0)), values)
        values[:, 0] = np.where(theta[:, 0] <= self.floor, 0.0, values[:, 0])
        for name, value in self.law.fixed.items():
            values[:, self.law.parameters.index(name)] = value
        return values

    @property
    def floor(self) -> float:
        """Below this coordinate the offset is indistinguishable from zero in double precision."""
        return float(np.log(self.loss.min()) - 35)

    def starts(self) -> np.ndarray:
        """Coordinates (starts, p) from the variable projection."""
        return projected_starts(self.law, self.columns, self.centre, self.loss, self.weights, self.logarithmic)

    def solve(self, start: np.ndarray, *, weights: Any = None, y: Any = None) -> Solution:
        """Minimise from each row of `start`, all at once. weights, y: (points,) or (batch, points), in place of the
        problem's own. The value is the objective as the module defines it."""
        weights = self.weights if weights is None else weights
        y = self.y if y is None else y
        lower, upper = self.bounds
        if self.objective != "log-lad":
            solution = minimise(self.terms, y, weights, start, Loss(self.logarithmic, self.delta), lower, upper)
            factor = 2.0 if self.delta is None else 1.0
            return Solution(solution.theta, factor * solution.value, solution.converged, solution.evaluations)
        for delta in _LAD_DELTAS:
            solution = minimise(self.terms, y, weights, start, Loss(True, delta), lower, upper)
            start = solution.theta
        residual = np.abs(y - self.predicted(solution.theta))
        value = (residual if weights is None else weights * residual).sum(axis=1)
        return Solution(solution.theta, value, solution.converged, solution.evaluations)

    def predicted(self, theta: np.ndarray) -> np.ndarray:
        """L or log L at the points, (batch, points)."""
        total = np.zeros((len(theta), len(self.loss)))
        for term in self.terms:
            own = theta[:, list(term.index)]
            total += np.exp(own @ term.features if hasattr(term, "features") else term.function(own)[0])
        return np.log(total) if self.logarithmic else total


def _problem(law: Law, table: Any, objective: str, delta: float | None, weights: Any) -> Problem:
    columns, loss = table_columns(law, table)
    check_choice("objective", objective, OBJECTIVES)
    if delta is not None:
        if objective not in ("huber", "log-huber"):
            raise InvalidArgument(f"delta belongs to huber and log-huber, got {delta!r} with {objective!r}: leave it out.")
        delta = check_real("delta", delta, above=0)
    elif objective == "log-huber":
        delta = 1e-3
    elif objective == "huber":
        delta = 1.4826 * float(np.median(np.abs(loss - np.median(loss)))) or 0.1 * float(loss.std()) or 1.0
    if weights is not None:
        weights = check_array("weights", weights, dimensions=1, minimum=0, length=len(loss))
        if np.count_nonzero(weights) < len(law.free):
            raise InvalidArgument(f"weights must leave at least {len(law.free)} points, got fewer: raise some.")
    if not law.free:
        raise InvalidArgument(f"law must have a free parameter, got {law.formula} with all pinned: unpin one.")
    return Problem(law, columns, loss, weights, objective, delta)


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
        return _jacobian(self.problem, self.problem.terms, self.theta)

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
        if self.theta[0] <= self.problem.floor:
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
        terms = self.law.terms(points, self.problem.centre)
        slope = _jacobian(self.problem, terms, self.theta)
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


def _jacobian(problem: Problem, terms: list, theta: np.ndarray) -> np.ndarray:
    """d L / d theta or d log L / d theta at the points of `terms`, (points, p)."""
    parts, slopes = [], []
    for term in terms:
        own = theta[None, list(term.index)]
        if hasattr(term, "features"):
            parts.append(np.exp(own @ term.features)[0])
            slopes.append(term.features)
        else:
            u, slope, _ = term.function(own)
            parts.append(np.exp(u[0]))
            slopes.append(slope[0])
    total = np.sum(np.broadcast_arrays(*parts), axis=0)
    jacobian = np.zeros((len(total), len(theta)))
    for term, part, slope in zip(terms, parts, slopes, strict=True):
        jacobian[:, list(term.index)] += (part * slope).T
    return jacobian / total[:, None] if problem.logarithmic else jacobian


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
    problem = _problem(law, table, objective, delta, weights)
    solution = problem.solve(problem.starts())
    best = int(np.argmin(solution.value))
    return _finished(problem, solution.theta[best], float(solution.value[best]), bool(solution.converged[best]), table)


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
    problem = _problem(law, table, objective, delta, weights)
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
