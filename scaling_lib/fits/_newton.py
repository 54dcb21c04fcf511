"""Damped full Newton for many fits at once.

Each fit turns (a Newton step of all coordinates); where that does not help it first looks for the floor of the valley
below the trial (Newton steps of offset and coefficients alone, which given the exponents are nearly a linear problem:
variable projection), and where that does not help either it goes less far. Valleys are curved and very narrow: exponent,
coefficient and offset trade against one another, and off the floor a Newton step points across the valley, not along it.

Each fit has its own Levenberg damping, used where its Hessian is not positive definite. Finished fits leave the pool and
waiting ones take their place. A fit stops on a predicted decrease that is small *relative to f*: f is about 1e-3 here,
and an absolute tolerance stops early.
"""

from dataclasses import dataclass

import numpy as np

from scaling_lib.fits._design import Design, Rho

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
    inner: np.ndarray,
    *,
    tolerance: float = 1e-9,
    steps: int = 200,
) -> Solution:
    """The minimum of f inside [lower, upper] from each row of `start` (batch, parameters).

    y: (points,) or (batch, points), already a logarithm where `rho.logarithmic`; weights likewise, or None.
    lower, upper: (parameters,) or (batch, parameters); equal bounds freeze a coordinate. inner: (parameters,) marks the
    offset and the coefficients. steps: most evaluations of one fit.
    """
    lower, upper = np.broadcast_to(lower, start.shape), np.broadcast_to(upper, start.shape)
    pool = _Pool(design, y, weights, start, rho, lower, upper, inner)
    with np.errstate(all="ignore"):
        while pool.admit():
            pool.step(tolerance, steps)
    return pool.outcome


def _rows(array: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return array if array is None or array.ndim == 1 else array[rows]


def _choose(mask: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Row by row."""
    return np.where(mask.reshape(-1, *[1] * (first.ndim - 1)), first, second)


_TURN, _FLOOR, _SHORT = 0, 1, 2


class _Pool:
    """The fits at work: where each stands (theta), what it tried last (trial), and what it does next (stage)."""

    _ROWS = ("ids", "theta", "value", "gradient", "hessian", "trial", "trial_value", "trial_gradient", "trial_hessian",
             "moved", "length", "damping", "gap", "age", "stage", "descents")  # fmt: skip

    def __init__(
        self,
        design: Design,
        y: np.ndarray,
        w: np.ndarray | None,
        start: np.ndarray,
        rho: Rho,
        lower: np.ndarray,
        upper: np.ndarray,
        inner: np.ndarray,
    ) -> None:
        batch, parameters = start.shape
        points = y.shape[-1]
        self.design, self.rho, self.inner = design, rho, inner
        self.all_y, self.all_w, self.all_lower, self.all_upper = y, w, lower, upper
        self.start = np.minimum(np.maximum(start, lower), upper)
        self.size, self.waiting, self.batch = max(1, CHUNK // points), 0, batch
        first = self.start if batch < FEW else self.start[:1]
        self.metric = np.broadcast_to(self.design.metric(first, rho.logarithmic), (batch, parameters, parameters))
        # Below `floor` the residuals are rounding: noise-free data cannot be fitted better.
        largest = np.abs(y).max(axis=-1)
        resolution = 4 * np.finfo(float).eps * (np.maximum(1.0, largest) if rho.logarithmic else largest)
        self.floor = np.broadcast_to(0.5 * (points if w is None else w.sum(axis=-1)) * resolution**2, batch)
        # Coefficients approach zero step by step; an offset that is small already may go there at once.
        least = y.min(axis=-1) if not rho.logarithmic else np.exp(y.min(axis=-1))
        self.small = np.broadcast_to(0.03 * least, batch)
        self.outcome = Solution(self.start.copy(), np.full(batch, np.inf), np.zeros(batch, bool), np.zeros(batch, int))
        for name, rows in zip(self._ROWS, self._new(np.arange(0)), strict=True):
            setattr(self, name, rows)

    def _new(self, ids: np.ndarray) -> tuple[np.ndarray, ...]:
        size, parameters = len(ids), self.start.shape[1]
        flat, square = np.zeros((size, parameters)), np.zeros((size, parameters, parameters))
        far, none = np.full(size, np.inf), np.zeros(size, int)
        return (ids, self.start[ids], far, flat, square, flat, far, flat, square, flat, np.ones(size), np.zeros(size),
                np.zeros(size), none, none, none)  # fmt: skip

    def admit(self) -> bool:
        """Fill the pool up where a good part of it is free; False when nothing is left to do."""
        free = min(self.size - len(self.ids), self.batch - self.waiting)
        if free and (free >= self.size // 4 or free == self.batch - self.waiting):
            new = self._new(np.arange(self.waiting, self.waiting + free))
            for name, rows in zip(self._ROWS, new, strict=True):
                setattr(self, name, np.concatenate([getattr(self, name), rows]))
            self.waiting += free
            self._gather()
        return len(self.ids) > 0

    def _gather(self) -> None:
        self.y, self.w = _rows(self.all_y, self.ids), _rows(self.all_w, self.ids)
        self.lower, self.upper = self.all_lower[self.ids], self.all_upper[self.ids]

    def _aim(
        self, theta: np.ndarray, gradient: np.ndarray, hessian: np.ndarray, rows: np.ndarray, *, inner: bool
    ) -> np.ndarray:
        """A Newton step inside the bounds. Held: what is frozen, or on a bound and pulled beyond it. Where a coordinate
        would leave, it goes to its limit and the others are solved for again."""
        lower, upper, metric = self.lower[rows], self.upper[rows], self.metric[self.ids[rows]]
        damping = self.damping[rows] * (not inner)
        held = (lower == upper) | ((theta <= lower) & (gradient > 0)) | ((theta >= upper) & (gradient < 0))
        if inner:
            held |= ~self.inner
        step = _newton_steps(hessian, gradient, held, metric, damping)
        # Coefficients approach zero step by step; an offset that is small already may go there at once.
        slow = np.broadcast_to(self.design.linear, theta.shape).copy()
        slow[:, 0] &= theta[:, 0] > self.small[self.ids[rows]]
        lower = np.where(slow, np.maximum(lower, 0.1 * theta), lower) - theta
        upper = upper - theta
        beyond = (step < lower) | (step > upper)
        out = np.flatnonzero(beyond.any(axis=1))
        if len(out):
            limit = np.where(beyond[out], np.minimum(np.maximum(step[out], lower[out]), upper[out]), 0.0)
            slope = gradient[out] + np.einsum("bpq,bq->bp", hessian[out], limit)
            rest = _newton_steps(hessian[out], slope, held[out] | beyond[out], metric[out], damping[out])
            step[out] = np.where(beyond[out], limit, rest)
        return np.minimum(np.maximum(step, lower), upper)

    def step(self, tolerance: float, steps: int) -> None:
        """One evaluation of every fit."""
        new, stage = self.age == 0, self.stage
        plain = (stage == _TURN) & ~new
        turning = np.flatnonzero(plain)
        if len(turning):
            place = (self.theta[turning], self.gradient[turning], self.hessian[turning])
            self.moved[turning] = self._aim(*place, turning, inner=False)
        proposal = self.theta + self.length[:, None] * self.moved
        descending = np.flatnonzero(stage == _FLOOR)
        if len(descending):
            place = (self.trial[descending], self.trial_gradient[descending], self.trial_hessian[descending])
            proposal[descending] = place[0] + self._aim(*place, descending, inner=True)
        value, gradient, hessian = self.design.evaluate(proposal, self.y, self.w, self.rho)
        self.age += 1
        better = value <= self.value
        floor = self.floor[self.ids]
        slope = np.einsum("bp,bp->b", self.gradient, self.moved)
        decrease = -slope - 0.5 * np.einsum("bp,bpq,bq->b", self.moved, self.hessian, self.moved)
        small = (decrease <= tolerance * self.value + floor) & (self.damping < 1e-2) & plain
        done = (small & better) | (np.minimum(self.value, value) <= floor)
        still = (np.abs(proposal - self.theta) <= 1e-13 * (1 + np.abs(self.theta))).all(axis=1)
        done |= ~better & still & (stage != _FLOOR)
        self.damping[better & plain] *= 0.1
        self.damping[self.damping < 1e-7] = 0.0
        meagre = plain & ((self.value - value < 0.5 * decrease) | ~better) & np.isfinite(value) & ~small
        if better.all() and not meagre.any() and not len(descending):
            self.theta, self.value, self.gradient, self.hessian = proposal, value, gradient, hessian
            self.length, self.stage = np.ones(len(stage)), np.zeros(len(stage), int)
        else:
            self._follow(better, meagre, slope, proposal, value, gradient, hessian)
        self._retire(done, (self.age >= steps) | (new & ~better))

    def _follow(
        self,
        better: np.ndarray,
        meagre: np.ndarray,
        slope: np.ndarray,
        proposal: np.ndarray,
        value: np.ndarray,
        gradient: np.ndarray,
        hessian: np.ndarray,
    ) -> None:
        """Decide what each fit does next. meagre: turns that did not help, or much less than predicted."""
        stage, here = self.stage, (proposal, value, gradient, hessian)
        floored = stage == _FLOOR
        gain = self.trial_value - value
        descended = floored & (gain > 0)
        for name, rows in zip(("trial", "trial_value", "trial_gradient", "trial_hessian"), here, strict=True):
            setattr(self, name, _choose(descended | meagre, rows, getattr(self, name)))
        # The cubic through the values and slopes at both ends of a step says how far to go when the floor fails.
        reach, end = self.length * slope, self.length * np.einsum("bp,bp->b", gradient, self.moved)
        bend = reach + end - 3 * (value - self.value)
        root = np.sqrt(np.maximum(bend**2 - reach * end, 0.0))
        share = 1 - (end + root - bend) / (end - reach + 2 * root)
        share = np.where(np.isfinite(share), np.minimum(np.maximum(share, 0.05), 0.6), 0.1)
        self.gap = np.where(meagre, np.abs(value - self.value), self.gap)
        onward = descended & (self.descents < 5) & (gain > 0.03 * self.gap)
        to_floor = meagre | onward
        failed = ~better & ~to_floor
        planned = np.where(floored, self.length, self.length * share)
        length = np.where(meagre & ~better | failed, planned, np.where(better, 1.0, self.length))
        tired = failed & (length < 1e-3)
        self.damping[tired] = np.maximum(8 * self.damping[tired], 1e-3)
        self.length = np.where(tired, 1.0, length)
        self.descents = np.where(onward, self.descents + 1, 0)
        self.stage = np.where(to_floor, _FLOOR, np.where(failed & ~tired, _SHORT, _TURN))
        for name, rows in zip(("theta", "value", "gradient", "hessian"), here, strict=True):
            setattr(self, name, _choose(better, rows, getattr(self, name)))

    def _retire(self, done: np.ndarray, failed: np.ndarray) -> None:
        leaving = done | failed
        if leaving.any():
            ids = self.ids[leaving]
            self.outcome.theta[ids], self.outcome.value[ids] = self.theta[leaving], self.value[leaving]
            self.outcome.converged[ids], self.outcome.evaluations[ids] = done[leaving], self.age[leaving]
            for name in self._ROWS:
                setattr(self, name, getattr(self, name)[~leaving])
            self._gather()
