"""Full Newton for many fits at once.

Each fit takes Newton steps of all its coordinates, kept inside the bounds. Where a step does not lower f, a shorter one
in the same direction is tried. Where a Hessian is not positive definite, its eigenvalues are replaced by their absolute
values, so that the step goes downhill. Fits are solved in a pool of limited size: one that has finished leaves it, and
one that waits takes its place. A fit stops when the decrease that the next step promises is small *relative to f*: f is
about 1e-3 here, and a solver with an absolute tolerance would stop early.
"""

from dataclasses import dataclass

import numpy as np

from scaling_lib.fits.solver.design import Design, Rho

__all__ = ["Solution", "minimise", "solve_definite"]

# Points times fits that are worked on together: the arrays of one step stay in the cache.
CHUNK = 40_000

# Batches smaller than this are solved by LAPACK, whose cost is per matrix and not per call.
FEW = 40


@dataclass(frozen=True)
class Solution:
    """theta: (batch, parameters); value: f; converged: the predicted decrease fell under the tolerance."""

    theta: np.ndarray
    value: np.ndarray
    converged: np.ndarray
    evaluations: np.ndarray


def solve_definite(matrix: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Solutions of a batch of small symmetric systems, and whether each matrix is positive definite.

    Cholesky with the batch as the inner axis: a Python loop over p (p + 1) / 2 entries, each a vector operation, is
    several times faster than LAPACK on thousands of 5 x 5 matrices.
    """
    size = right.shape[1]
    lower = np.zeros((size, size, len(right)))
    definite = np.ones(len(right), bool)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for i in range(size):
            for j in range(i + 1):
                entry = matrix[:, i, j].copy()
                for k in range(j):
                    entry -= lower[i, k] * lower[j, k]
                if i == j:
                    good = entry > 1e-14 * np.abs(matrix[:, i, i])
                    definite &= good
                    lower[i, i] = np.sqrt(np.where(good, entry, 1.0))
                else:
                    lower[i, j] = entry / lower[j, j]
        solution = right.T.copy()
        for i in range(size):
            for k in range(i):
                solution[i] -= lower[i, k] * solution[k]
            solution[i] /= lower[i, i]
        for i in reversed(range(size)):
            for k in range(i + 1, size):
                solution[i] -= lower[k, i] * solution[k]
            solution[i] /= lower[i, i]
    return solution.T, definite


def _newton_steps(
    hessian: np.ndarray, gradient: np.ndarray, held: np.ndarray, metric: np.ndarray, damping: np.ndarray
) -> np.ndarray:
    """-(H + damping M)^-1 g on the coordinates not held. M, not the identity: what counts is how far a step moves the
    fitted curve. Where H + damping M is not positive definite its eigenvalues (relative to M) count by their size."""
    if held.any():
        keep = ~(held[:, :, None] | held[:, None, :])
        hessian, metric, gradient = hessian * keep, metric * keep, np.where(held, 0.0, gradient)
        diagonal = np.arange(held.shape[1])
        hessian[:, diagonal, diagonal] += held
        metric[:, diagonal, diagonal] += held
    if damping.any():
        hessian = hessian + damping[:, None, None] * metric
    if len(gradient) < FEW:
        try:
            np.linalg.cholesky(hessian)
            return np.linalg.solve(hessian, -gradient[..., None])[..., 0]
        except np.linalg.LinAlgError:
            step, wrong = np.zeros_like(gradient), np.arange(len(gradient))
    else:
        step, definite = solve_definite(hessian, -gradient)
        wrong = np.flatnonzero(~definite)
    if len(wrong):
        root = np.linalg.inv(np.linalg.cholesky(metric[wrong])).transpose(0, 2, 1)
        inner = root.transpose(0, 2, 1) @ hessian[wrong] @ root
        values, vectors = np.linalg.eigh(np.where(np.isfinite(inner), inner, 0.0))
        size = np.abs(values)
        size = np.maximum(size, 1e-10 * size.max(axis=1, keepdims=True) + 1e-300)
        basis = root @ vectors
        along = np.einsum("bqp,bq->bp", basis, -gradient[wrong]) / size
        step[wrong] = np.einsum("bpq,bq->bp", basis, along)
    return step


def minimise(
    design: Design,
    y: np.ndarray,
    weights: np.ndarray | None,
    start: np.ndarray,
    rho: Rho,
    lower: np.ndarray,
    upper: np.ndarray,
    *,
    tolerance: float = 1e-9,
    steps: int = 200,
) -> Solution:
    """The minimum of f inside [lower, upper] from each row of `start` (batch, parameters).

    y: (points,) or (batch, points), already a logarithm where `rho.logarithmic`; weights likewise, or None.
    lower, upper: (parameters,) or (batch, parameters); equal bounds freeze a coordinate.
    steps: most evaluations of one fit.
    """
    lower, upper = np.broadcast_to(lower, start.shape), np.broadcast_to(upper, start.shape)
    pool = _Pool(design, y, weights, start, rho, lower, upper)
    with np.errstate(all="ignore"):
        while pool.admit():
            pool.step(tolerance, steps)
    return pool.outcome


def _of_fits(array: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """The rows (fits, points) of these fits; an array (points,) that all fits share is returned as it is."""
    return array if array.ndim == 1 else array[ids]


class _Pool:
    """The fits that are being solved together.

    The arrays named in `_STATE` have one row for each of them: ids, its number in the whole batch; theta, where it is,
    with the value, gradient and Hessian of f there; moved, where the full Newton step leads; length, the share of that
    step which is tried next; damping, added to the Hessian; age, evaluations so far. y, w: data and weights, likewise
    unless all fits share them. What `_gather` takes for the fits in the pool is not looked up step by step.
    """

    ids: np.ndarray
    theta: np.ndarray
    value: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray
    moved: np.ndarray
    length: np.ndarray
    damping: np.ndarray
    age: np.ndarray
    y: np.ndarray
    w: np.ndarray | None
    lower: np.ndarray
    upper: np.ndarray
    frozen: np.ndarray
    metric: np.ndarray
    floor: np.ndarray
    slow: np.ndarray
    small: np.ndarray

    _STATE = ("ids", "theta", "value", "gradient", "hessian", "moved", "length", "damping", "age")

    def __init__(
        self,
        design: Design,
        y: np.ndarray,
        w: np.ndarray | None,
        start: np.ndarray,
        rho: Rho,
        lower: np.ndarray,
        upper: np.ndarray,
    ) -> None:
        batch, parameters = start.shape
        points = y.shape[-1]
        self.design, self.rho = design, rho
        self.all_y, self.all_w, self.all_lower, self.all_upper = y, w, lower, upper
        self.start = np.minimum(np.maximum(start, lower), upper)
        self.size, self.waiting, self.batch = max(1, CHUNK // points), 0, batch
        first = self.start if batch < FEW else self.start[:1]
        metric = self.design.metric(first, rho.logarithmic)
        self.all_metric = np.broadcast_to(metric, (batch, parameters, parameters))
        # Below `floor` the residuals are rounding: noise-free data cannot be fitted better.
        largest = np.abs(y).max(axis=-1)
        resolution = 4 * np.finfo(float).eps * (np.maximum(1.0, largest) if rho.logarithmic else largest)
        self.all_floor = np.broadcast_to(0.5 * (points if w is None else w.sum(axis=-1)) * resolution**2, batch)
        least = np.exp(y.min(axis=-1)) if rho.logarithmic else y.min(axis=-1)
        self.all_small = np.broadcast_to(0.03 * least, batch)
        self.outcome = Solution(self.start.copy(), np.full(batch, np.inf), np.zeros(batch, bool), np.zeros(batch, int))
        for name, none in zip(self._STATE, self._new(np.arange(0)), strict=True):
            setattr(self, name, none)

    def _new(self, ids: np.ndarray) -> tuple[np.ndarray, ...]:
        size, parameters = len(ids), self.start.shape[1]
        flat = np.zeros((size, parameters))
        return (ids, self.start[ids], np.full(size, np.inf), flat, np.zeros((size, parameters, parameters)), flat,
                np.ones(size), np.zeros(size), np.zeros(size, int))  # fmt: skip

    def admit(self) -> bool:
        """Fill the pool up where a good part of it is free; False when nothing is left to do."""
        free = min(self.size - len(self.ids), self.batch - self.waiting)
        if free and (free >= self.size // 4 or free == self.batch - self.waiting):
            new = self._new(np.arange(self.waiting, self.waiting + free))
            for name, added in zip(self._STATE, new, strict=True):
                setattr(self, name, np.concatenate([getattr(self, name), added]))
            self.waiting += free
            self._gather()
        return len(self.ids) > 0

    def _gather(self) -> None:
        self.y = _of_fits(self.all_y, self.ids)
        self.w = None if self.all_w is None else _of_fits(self.all_w, self.ids)
        self.lower, self.upper = self.all_lower[self.ids], self.all_upper[self.ids]
        self.frozen = self.lower == self.upper
        self.metric, self.floor, self.small = (
            of_all[self.ids] for of_all in (self.all_metric, self.all_floor, self.all_small)
        )
        self.slow = np.broadcast_to(self.design.linear, self.lower.shape)

    def _turn(self, fits: np.ndarray) -> None:
        """New Newton steps. Held: what is frozen, or on a bound and pulled beyond it. Where a coordinate would leave,
        it goes to its limit and the others are solved for again."""
        part: np.ndarray | slice = fits if len(fits) < len(self.ids) else slice(None)  # all of them: nothing is copied
        theta, gradient, hessian = self.theta[part], self.gradient[part], self.hessian[part]
        lower, upper, damping, metric = self.lower[part], self.upper[part], self.damping[part], self.metric[part]
        held = self.frozen[part] | ((theta <= lower) & (gradient > 0)) | ((theta >= upper) & (gradient < 0))
        step = _newton_steps(hessian, gradient, held, metric, damping)
        # Coefficients approach zero step by step; an offset that is small already may go there at once.
        slow = self.slow[part].copy()
        slow[:, 0] &= theta[:, 0] > self.small[part]
        lower = np.where(slow, np.maximum(lower, 0.1 * theta), lower) - theta
        upper = upper - theta
        beyond = (step < lower) | (step > upper)
        out = np.flatnonzero(beyond.any(axis=1))
        if len(out):
            limit = np.where(beyond[out], np.minimum(np.maximum(step[out], lower[out]), upper[out]), 0.0)
            slope = gradient[out] + np.einsum("bpq,bq->bp", hessian[out], limit)
            rest = _newton_steps(hessian[out], slope, held[out] | beyond[out], metric[out], damping[out])
            step[out] = np.where(beyond[out], limit, rest)
        self.moved[part] = np.minimum(np.maximum(step, lower), upper)

    def step(self, tolerance: float, steps: int) -> None:
        """One evaluation of every fit: its start, a Newton step, or a shorter version of the last one."""
        new = self.age == 0
        whole = (self.length == 1.0) & ~new
        turning = np.flatnonzero(whole)
        if len(turning):
            self._turn(turning)
        moved, length, theta = self.moved, self.length, self.theta
        proposal = theta + length[:, None] * moved
        value, gradient, hessian = self.design.evaluate(proposal, self.y, self.w, self.rho)
        self.age += 1
        better = value <= self.value
        slope = np.einsum("bp,bp->b", self.gradient, moved)
        decrease = -slope - 0.5 * np.einsum("bp,bpq,bq->b", moved, self.hessian, moved)
        done = (decrease <= tolerance * self.value + self.floor) & (self.damping < 1e-2) & whole & better
        done |= np.minimum(self.value, value) <= self.floor
        if self.damping.any():
            self.damping[better & whole] *= 0.1
            self.damping[self.damping < 1e-7] = 0.0
        if better.all():
            self.theta, self.value, self.gradient, self.hessian = proposal, value, gradient, hessian
            self.length = np.ones(len(length))
        else:
            done |= ~better & (np.abs(proposal - theta) <= 1e-13 * (1 + np.abs(theta))).all(axis=1)
            # Too far: the cubic through the values and slopes at both ends says how far to go.
            reach, end = length * slope, length * np.einsum("bp,bp->b", gradient, moved)
            bend = reach + end - 3 * (value - self.value)
            root = np.sqrt(np.maximum(bend**2 - reach * end, 0.0))
            share = 1 - (end + root - bend) / (end - reach + 2 * root)
            share = np.where(np.isfinite(share), np.minimum(np.maximum(share, 0.05), 0.6), 0.1)
            tired = ~better & (length * share < 1e-3)
            self.damping[tired] = np.maximum(8 * self.damping[tired], 1e-3)
            self.length = np.where(better | tired, 1.0, length * share)
            self.theta = np.where(better[:, None], proposal, theta)
            self.value = np.where(better, value, self.value)
            self.gradient = np.where(better[:, None], gradient, self.gradient)
            self.hessian = np.where(better[:, None, None], hessian, self.hessian)
        self._retire(done, (self.age >= steps) | (new & ~better))

    def _retire(self, done: np.ndarray, failed: np.ndarray) -> None:
        leaving = done | failed
        if leaving.any():
            ids = self.ids[leaving]
            self.outcome.theta[ids], self.outcome.value[ids] = self.theta[leaving], self.value[leaving]
            self.outcome.converged[ids], self.outcome.evaluations[ids] = done[leaving], self.age[leaving]
            for name in self._STATE:
                setattr(self, name, getattr(self, name)[~leaving])
            self._gather()
