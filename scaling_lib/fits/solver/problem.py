"""A law on checked points with an objective: what the solver, the resamples and the profiles share."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from scaling_lib.errors import InvalidArgument, check_array, check_choice, check_real
from scaling_lib.fits.laws.forms import AffineTerm, Law
from scaling_lib.fits.solver.design import Design, Rho
from scaling_lib.fits.solver.newton import Solution, minimise
from scaling_lib.fits.solver.starts import projected_starts

__all__ = ["OBJECTIVES", "Problem", "make_problem"]

OBJECTIVES = ("ols", "huber", "log-ols", "log-huber", "log-lad")

# log-lad is the limit of log-huber: each threshold starts from the last, then the corner of the polytope is solved for.
_LAD_DELTAS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)

# Which cells of the grid, in the order of their sums of squares, are polished: at first, and where that ends in doubt.
_FIRST = np.array([0, 2])
_PATIENCE = 60  # evaluations for each of many starts; the best is polished further where that was too few
_LONG_VALLEY = 8000  # evaluations for the best of a law whose valley runs, flat and bent, to the end of a range
_SECOND = np.array([0, 1, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256])
_MANY = np.unique(np.geomspace(1, 320, 40).astype(int)) - 1  # for laws whose valleys branch


@dataclass(frozen=True, eq=False)
class Problem:
    """columns: {variable: (points,)}; loss: (points,) in nats; weights: (points,) or None.

    objective: one of OBJECTIVES; delta: Huber's threshold (None for ols, log-ols, log-lad). centred: coordinates of
    coefficients are taken in the middle of the data, where they hardly correlate with the exponents; without, they are
    the logarithms of the coefficients themselves, so that these can be held fixed.
    """

    law: Law
    columns: Mapping[str, np.ndarray]
    loss: np.ndarray
    weights: np.ndarray | None
    objective: str
    delta: float | None
    centred: bool = True

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
        """Mean log of each variable; zeros where a coefficient is to be held fixed."""
        centre = {name: float(np.log(values).mean()) for name, values in self.columns.items()}
        matrix, _ = self.law.frame(centre)
        mixed = (matrix != np.eye(len(matrix))).any(axis=1)
        pinned = any(mixed[self.law.parameters.index(name)] for name in self.law.fixed)
        return centre if self.centred and not pinned else dict.fromkeys(centre, 0.0)

    @cached_property
    def design(self) -> Design:
        """The law's terms on these points."""
        return self.design_at(self.columns)

    def design_at(self, columns: Mapping[str, np.ndarray]) -> Design:
        """The law's terms elsewhere, in the same coordinates."""
        points = len(next(iter(columns.values())))
        return Design(self.law.terms(columns, self.centre), points, len(self.law.parameters))

    @cached_property
    def frame(self) -> tuple[np.ndarray, np.ndarray]:
        """(logs of the) parameters = M logs + shift; a coordinate is its log, or for a coefficient its exponential."""
        return self.law.frame(self.centre)

    @property
    def offset_floor(self) -> float:
        """An E this small or smaller is zero: it does not change L in double precision."""
        return float(self.loss.min()) * 4e-18

    @cached_property
    def limits(self) -> dict[str, tuple[float, float]]:
        """Where the fit looks for free exponents, rates, shifts and breaks."""
        of_all = self.law.limits(self.columns)
        return {name: ends for name, ends in of_all.items() if name in self.law.free}

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Of the coordinates; equal where a parameter is pinned."""
        law = self.law
        lower, upper = np.where(self.design.linear, 1e-60, -700.0), np.where(self.design.linear, 1e60, 700.0)
        lower[0], upper[0] = self.offset_floor, self.loss.max()
        for name, ends in self.limits.items():
            i = law.parameters.index(name)
            lower[i], upper[i] = (self.coordinate(name, end) for end in ends)
        for name, value in law.fixed.items():
            i = law.parameters.index(name)
            lower[i] = upper[i] = self.coordinate(name, value)
        return lower, upper

    def coordinate(self, name: str, value: float) -> float:
        """The coordinate of a parameter that is not mixed with another (see `centred`)."""
        if name in self.law.exponents:
            return value
        if name == "E":
            return max(value, self.offset_floor)
        i = self.law.parameters.index(name)
        log = float(np.log(value) - self.frame[1][i])
        return float(np.exp(np.clip(log, -138, 138))) if self.design.linear[i] else float(np.clip(log, -700, 700))

    def coordinates(self, params: Mapping[str, float]) -> np.ndarray:
        """All coordinates of parameter values: the inverse of `natural`."""
        law = self.law
        values = np.array([max(params[name], self.offset_floor if name == "E" else 0.0) for name in law.parameters])
        logs = np.where([name in law.exponents for name in law.parameters], values, np.log(values))
        logs = np.linalg.solve(self.frame[0], logs - self.frame[1])
        return np.where(self.design.linear, np.exp(logs), logs)

    def natural(self, theta: np.ndarray) -> np.ndarray:
        """Parameters (batch, p) from coordinates (batch, p)."""
        linear, exponents = self.design.linear, [name in self.law.exponents for name in self.law.parameters]
        logs = np.where(linear, np.log(np.where(linear, theta, 1.0)), theta)
        values = logs @ self.frame[0].T + self.frame[1]
        with np.errstate(over="ignore"):
            values = np.where(exponents, values, np.exp(np.where(exponents, 0.0, values)))
        values[theta[:, 0] <= self.offset_floor, 0] = 0.0
        for name, value in self.law.fixed.items():
            values[:, self.law.parameters.index(name)] = value
        return values

    def natural_slope(self, theta: np.ndarray) -> np.ndarray:
        """d parameters / d coordinates, (p, p)."""
        natural = self.natural(theta[None])[0]
        factors = np.where([name in self.law.exponents for name in self.law.parameters], 1.0, natural)
        slope = factors[:, None] * self.frame[0] / np.where(self.design.linear, theta, 1.0)
        slope[0, 0] = 1.0
        return slope

    def starts(self, ranks: np.ndarray = _FIRST) -> np.ndarray:
        """Coordinates (starts, p) from the variable projection."""
        logs = projected_starts(self.law, self.columns, self.centre, self.loss, self.weights, self.logarithmic, ranks)
        return np.where(self.design.linear, np.exp(np.clip(logs, -138, 138)), logs)

    def search(self) -> tuple[np.ndarray, float, bool]:
        """The optimum: coordinates, value, whether converged.

        The best two cells of the grid are polished; where they disagree, stop at a bound, or the table is small, many
        cells are, and for the robust objectives the least squares optima that these lead to as well.
        """
        solution = self.solve(self.starts(_FIRST))
        best = int(np.argmin(solution.value))
        lower, upper = self.bounds
        theta = solution.theta[best]
        astray = ((theta <= lower) | (theta >= upper)) & (lower < upper)
        agree = solution.value <= solution.value[best] * (1 + 1e-6)
        few = len(self.loss) < 20 * len(self.law.free)  # small tables have more local minima, and time is no concern
        curved = not all(isinstance(term, AffineTerm) for term in self.design.terms)
        if few or curved or astray.any() or not agree.all() or not solution.converged[best]:
            starts = self.starts(_MANY if curved else _SECOND)
            if self.objective in ("huber", "log-huber"):
                rho = Rho(self.logarithmic, None)
                smooth = minimise(self.design, self.y, self.weights, starts, rho, lower, upper, steps=_PATIENCE)
                starts = np.concatenate([starts, smooth.theta])
            again = self.solve(np.concatenate([solution.theta, starts]), steps=_PATIENCE)
            if not again.converged[np.argmin(again.value)]:
                again = self.solve(again.theta[np.argsort(again.value)[:4]])
                if curved and not again.converged[np.argmin(again.value)]:
                    # Where the search gave up in such a valley, the answer would depend on rounding.
                    again = self.solve(again.theta[[np.argmin(again.value)]], steps=_LONG_VALLEY)
            order = np.lexsort([~again.converged, again.value])
            # Of ends that are equal to rounding one that converged.
            near = again.value <= again.value[order[0]] * (1 + 1e-9)
            best = next((int(row) for row in order if near[row] and again.converged[row]), int(order[0]))
            solution = again
        return solution.theta[best], float(solution.value[best]), bool(solution.converged[best])

    def solve(
        self,
        start: np.ndarray,
        *,
        weights: np.ndarray | None = None,
        y: np.ndarray | None = None,
        bounds: tuple[np.ndarray, np.ndarray] | None = None,
        steps: int = 200,
    ) -> Solution:
        """Minimise from each row of `start`, all at once. weights, y: (points,) or (batch, points), in place of the
        problem's own; bounds: (p,) or (batch, p); steps: most evaluations of one fit. The value is the objective as
        `fitting` defines it."""
        weights = self.weights if weights is None else weights
        y = self.y if y is None else y
        lower, upper = self.bounds if bounds is None else bounds
        if self.objective == "log-lad":
            return self._solve_lad(start, weights, y, lower, upper, steps)
        rho = Rho(self.logarithmic, self.delta)
        solution = minimise(self.design, y, weights, start, rho, lower, upper, steps=steps)
        if self.delta is None:
            return Solution(solution.theta, 2 * solution.value, solution.converged, solution.evaluations)
        return solution

    def predicted(self, theta: np.ndarray) -> np.ndarray:
        """L or log L at the points, (batch, points)."""
        loss = self.design.values(theta)
        return np.log(loss) if self.logarithmic else loss

    def slopes(self, theta: np.ndarray, columns: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
        """d L / d theta or d log L / d theta, (points, p), here or at other columns."""
        design = self.design if columns is None else self.design_at(columns)
        return design.slopes(theta[None], self.logarithmic)[0].T

    def _solve_lad(
        self,
        start: np.ndarray,
        weights: np.ndarray | None,
        y: np.ndarray,
        lower: np.ndarray,
        upper: np.ndarray,
        steps: int,
    ) -> Solution:
        theta, evaluations = start, np.zeros(len(start), int)
        for delta in _LAD_DELTAS:
            solution = minimise(self.design, y, weights, theta, Rho(True, delta), lower, upper, steps=steps)
            theta, evaluations = solution.theta, evaluations + solution.evaluations
        lower, upper = np.broadcast_to(lower, theta.shape), np.broadcast_to(upper, theta.shape)
        theta, converged = theta.copy(), solution.converged.copy()
        value = np.empty(len(theta))
        for row in range(len(theta)):
            free = (theta[row] > lower[row]) & (theta[row] < upper[row])
            own = None if weights is None else weights if weights.ndim == 1 else weights[row]
            with np.errstate(all="ignore"):
                theta[row], value[row], exact = self._corner(theta[row], free, own, y if y.ndim == 1 else y[row])
            converged[row] = np.isfinite(value[row]) and (converged[row] or exact)
        return Solution(theta, value, converged, evaluations)

    def _corner(
        self, theta: np.ndarray, free: np.ndarray, weights: np.ndarray | None, y: np.ndarray
    ) -> tuple[np.ndarray, float, bool]:
        """The least absolute deviations fit nearest to `theta`: as many residuals vanish as there are free coordinates.

        It is a local optimum where the signs of the other residuals can be balanced by multipliers of the vanishing
        ones no larger than their weights (the condition of linear programming, on the linearised law).
        """
        w = np.ones_like(y) if weights is None else weights

        def deviation(place: np.ndarray) -> np.ndarray:
            return y - self.predicted(place[None])[0]

        residual = deviation(theta)
        value = float(w @ np.abs(residual))
        if not np.isfinite(value):
            return theta, np.inf, False
        on = np.argsort(np.where(w > 0, np.abs(residual), np.inf), kind="stable")[: int(free.sum())]
        lower, upper = (bound[free] for bound in self.bounds)
        place = theta.copy()
        for _ in range(6):
            slope, gap = self.slopes(place)[np.ix_(on, np.flatnonzero(free))], deviation(place)[on]
            if not (np.isfinite(slope).all() and np.isfinite(gap).all()):
                return theta, value, False
            step = np.linalg.lstsq(slope, gap, rcond=1e-12)[0]
            place[free] = np.clip(place[free] + step, lower, upper)
            if np.abs(step).max(initial=0.0) < 1e-14:
                break
        residual = deviation(place)
        new = float(w @ np.abs(residual))
        if not new <= value * (1 + 1e-12):
            return theta, value, False
        slope = self.slopes(place)[:, free]
        off = np.ones(len(y), bool)
        off[on] = False
        balance = slope[off].T @ (w[off] * np.sign(residual[off]))
        multipliers = np.linalg.lstsq(slope[on].T, balance, rcond=1e-12)[0]
        return place, new, bool((np.abs(multipliers) <= w[on] * (1 + 1e-9)).all())


def make_problem(
    law: Law, columns: Mapping[str, np.ndarray], loss: np.ndarray, objective: str, delta: float | None, weights: Any
) -> Problem:
    """Check how the points are to be fitted and choose the threshold. columns, loss: checked, as `tables.table_columns`
    returns them. Raises InvalidArgument."""
    check_choice("objective", objective, OBJECTIVES)
    if delta is not None:
        if objective not in ("huber", "log-huber"):
            raise InvalidArgument(
                f"delta belongs to the objectives huber and log-huber, got {delta!r} with {objective!r}: leave it out."
            )
        delta = check_real("delta", delta, above=0)
    elif objective == "log-huber":
        delta = 1e-3
    elif objective == "huber":  # the paper's rule and its fallback; 1 where all losses are equal
        delta = 1.4826 * float(np.median(np.abs(loss - np.median(loss)))) or 0.1 * float(loss.std()) or 1.0
    if weights is not None:
        weights = check_array("weights", weights, dimensions=1, minimum=0, length=len(loss))
        if np.count_nonzero(weights) < len(law.free):
            raise InvalidArgument(
                f"weights must leave {len(law.free)} points or more for {law.formula}, "
                f"got {np.count_nonzero(weights)} above zero: raise some."
            )
    if not law.free:
        raise InvalidArgument(f"law must have a free parameter, got {law.formula} with all of them pinned: unpin one.")
    return Problem(law, columns, loss, weights, objective, delta)
