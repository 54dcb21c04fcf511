"""Damped full Newton for many fits at once.

The objective is f(theta) = sum_i w_i rho(r_i) with r = log L_i - log L(theta, x_i) or r = L_i - L(theta, x_i), and
L = sum_k exp(u_k) (`laws`). With psi = rho', c = rho'' and, for residuals of log L, p_k = exp(u_k) / L:

    grad f = - sum_i w psi sum_k p_k grad u_k
    Hess f =   sum_i w (c + psi) (grad log L)(grad log L)' - w psi sum_k p_k (grad u_k grad u_k' + Hess u_k)

(residuals of L: p_k = exp(u_k), and c instead of c + psi). Where the u_k are affine in theta their gradients are fixed
columns, so the Hessian of every fit in a batch is a few element-wise arrays times the products of these columns. A
resample is a row of weights w or of data y: nothing is copied or gathered.

Each fit has its own Levenberg damping and accepts or rejects its own steps; finished fits leave the batch. It stops on
a predicted decrease that is small *relative to f*: f is about 1e-3 here, and an absolute tolerance stops early.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scaling_lib.fits.laws import AffineTerm, CurvedTerm

__all__ = ["Design", "Loss", "Solution", "minimise", "solve_definite"]

# Points times fits that are worked on together: the arrays of one step stay in the cache.
CHUNK = 40_000

# Batches smaller than this are solved by LAPACK, whose cost is per matrix and not per call.
FEW = 40


@dataclass(frozen=True)
class Loss:
    """rho of an objective. logarithmic: residuals of log L instead of L. delta: Huber's threshold, None for squares
    (rho(r) = r^2 / 2, which `fitting` doubles)."""

    logarithmic: bool
    delta: float | None

    def rho(self, residual: np.ndarray) -> np.ndarray:
        """rho(r), element by element."""
        if self.delta is None:
            return 0.5 * residual**2
        clipped = np.clip(residual, -self.delta, self.delta)
        return clipped * (residual - 0.5 * clipped)


@dataclass(frozen=True)
class Solution:
    """theta: (batch, parameters); value: f; converged: the predicted decrease fell under the tolerance."""

    theta: np.ndarray
    value: np.ndarray
    converged: np.ndarray
    evaluations: np.ndarray


class Design:
    """The terms of a law on fixed points, with the products of the affine ones, and room to work in."""

    def __init__(self, terms: Sequence[AffineTerm | CurvedTerm], points: int, parameters: int) -> None:
        self.terms, self.points, self.parameters = terms, points, parameters
        self.wide = [
            np.broadcast_to(term.features, (len(term.index), points)) if isinstance(term, AffineTerm) else None
            for term in terms
        ]
        self.columns = [None if wide is None else np.ascontiguousarray(wide.T) for wide in self.wide]
        self.products = {}
        for k, first in enumerate(self.wide):
            for m, second in enumerate(self.wide[: k + 1]):
                if first is not None and second is not None:
                    product = (first[:, None, :] * second[None, :, :]).reshape(-1, points)
                    self.products[k, m] = np.ascontiguousarray(product.T)
        self._room: dict[str, np.ndarray] = {}
        # Where the entries of all blocks of the gradient and of the Hessian belong: one product instead of many sums.
        indices = [term.index for term in terms]
        self._place = np.eye(parameters)[[i for index in indices for i in index]]
        places = []
        for k, index in enumerate(indices):
            for m, other in enumerate(indices[: k + 1]):
                for i in index:
                    for j in other:
                        entry = np.zeros((parameters, parameters))
                        entry[i, j] = 1.0
                        places.append((entry + entry.T if m < k else entry).ravel())
        self._places = np.array(places)

    def room(self, name: str, size: int, dtype: type = float) -> np.ndarray:
        """An array (size, points) to write to. Kept between steps: fresh large arrays cost more than what is done with
        them."""
        held = self._room.get(name)
        if held is None or len(held) < size:
            held = self._room[name] = np.empty((size, self.points), dtype)
        return held[:size]

    def evaluate(
        self, theta: np.ndarray, y: np.ndarray, w: np.ndarray | None, loss: Loss
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """f (batch,), gradient (batch, p), Hessian (batch, p, p)."""
        shares, slopes, bends = self._shares(theta)
        total = self.room("total", len(theta))
        np.add(shares[0], shares[-1], out=total) if len(shares) > 1 else np.copyto(total, shares[0])
        for share in shares[1:-1]:
            total += share
        residual = self.room("residual", len(theta))
        if loss.logarithmic:
            np.subtract(y, np.log(total, out=residual), out=residual)
            np.divide(1.0, total, out=total)
            shares = [np.multiply(share, total, out=self.room(f"u{k}", len(theta))) for k, share in enumerate(shares)]
        else:
            np.subtract(y, total, out=residual)
        value, push, outer = self._influence(residual, w, loss)
        size = len(theta)
        pull, cross, weighted = (self.room(name, size) for name in ("pull", "cross", "weighted"))
        gradients, blocks = [], []
        for k in range(len(self.terms)):
            np.multiply(push, shares[k], out=pull)
            np.multiply(outer, shares[k], out=weighted)
            gradients.append(pull @ self.columns[k] if slopes[k] is None else _contract(pull, slopes[k]))
            for m in range(k + 1):
                np.multiply(weighted, shares[m], out=cross)
                if m == k:
                    cross -= pull
                block = self._block(k, m, cross, slopes)
                if m == k and bends[k] is not None:
                    block = block - np.einsum("bn,bqrn->bqr", pull, bends[k]).reshape(size, -1)
                blocks.append(block)
        gradient = -(np.concatenate(gradients, axis=1) @ self._place)
        hessian = (np.concatenate(blocks, axis=1) @ self._places).reshape(size, self.parameters, self.parameters)
        return value, gradient, hessian

    def metric(self, theta: np.ndarray, loss: Loss) -> np.ndarray:
        """sum_i (grad log L)(grad log L)' (or of L), (batch, p, p): distances in theta as the data see them."""
        shares, slopes, _ = self._shares(theta)
        total = sum(shares) if loss.logarithmic else 1.0
        slope = np.zeros((len(theta), self.parameters, self.points))
        for k, term in enumerate(self.terms):
            weight = np.broadcast_to(shares[k] / total, (len(theta), self.points))[:, None, :]
            slope[:, term.index] += weight * (self.wide[k] if slopes[k] is None else slopes[k])
        metric = np.matmul(slope, slope.transpose(0, 2, 1))
        diagonal = np.einsum("bpp->bp", metric)
        ridge = 1e-10 * diagonal + 1e-8 * diagonal.max(axis=1, keepdims=True) / self.points
        return metric + ridge[:, :, None] * np.eye(self.parameters)

    def _shares(self, theta: np.ndarray) -> tuple[list, list, list]:
        """exp(u_k), and the gradient and Hessian of the curved u_k."""
        parts, slopes, bends = [], [], []
        for k, term in enumerate(self.terms):
            own = theta[:, term.index]
            slope = bend = None
            if isinstance(term, CurvedTerm):
                u, slope, bend = term.function(own)
                part = np.exp(u, out=u)
            elif term.features.shape[1] == 1:
                part = np.exp(own @ term.features)
            else:
                part = np.matmul(own, term.features, out=self.room(f"u{k}", len(theta)))
                np.exp(part, out=part)
            parts.append(part)
            slopes.append(slope)
            bends.append(bend)
        return parts, slopes, bends

    def _influence(
        self, residual: np.ndarray, w: np.ndarray | None, loss: Loss
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """f, w psi, and w c (+ w psi for residuals of log L)."""
        size = len(residual)
        push, outer, half = (self.room(name, size) for name in ("push", "outer", "half"))
        if loss.delta is None:
            np.copyto(push, residual)
            outer[...] = 1.0
        else:
            np.minimum(residual, loss.delta, out=push)
            np.maximum(push, -loss.delta, out=push)
            np.copyto(outer, np.equal(push, residual, out=self.room("inside", size, bool)))
        np.multiply(push, -0.5, out=half)
        half += residual
        if w is not None:
            push *= w
            outer *= w
        value = np.einsum("bn,bn->b", push, half)
        if loss.logarithmic:
            outer += push
        return value, push, outer

    def _block(self, k: int, m: int, cross: np.ndarray, slopes: list) -> np.ndarray:
        """sum_i cross_i (grad u_k)(grad u_m)', (batch, coordinates of k times coordinates of m)."""
        if (k, m) in self.products:
            return cross @ self.products[k, m]
        if slopes[k] is None:
            block = np.swapaxes(np.matmul(slopes[m] * cross[:, None, :], self.columns[k]), 1, 2)
        else:
            other = self.columns[m] if slopes[m] is None else np.swapaxes(slopes[m], 1, 2)
            block = np.matmul(slopes[k] * cross[:, None, :], other)
        return block.reshape(len(cross), -1)


def _contract(pull: np.ndarray, slope: np.ndarray) -> np.ndarray:
    return np.matmul(slope, pull[:, :, None])[:, :, 0]


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
                    good = entry > 1e-13 * np.abs(matrix[:, i, i])
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


def _damped_steps(
    hessian: np.ndarray, gradient: np.ndarray, held: np.ndarray, metric: np.ndarray, damping: np.ndarray
) -> np.ndarray:
    """-(H + damping M)^-1 g on the coordinates not held; `damping` is raised in place until H + damping M is positive
    definite. M, not the identity: what counts is how far a step moves the fitted curve."""
    if held.any():
        keep = ~(held[:, :, None] | held[:, None, :])
        hessian, metric = hessian * keep, metric * keep
        diagonal = np.arange(held.shape[1])
        hessian[:, diagonal, diagonal] += held
        metric[:, diagonal, diagonal] += held
    if len(gradient) < FEW:
        if not damping.any():
            try:
                np.linalg.cholesky(hessian)
                return np.linalg.solve(hessian, -gradient[..., None])[..., 0]
            except np.linalg.LinAlgError:
                pass
        root = np.linalg.inv(np.linalg.cholesky(metric))
        inner = root @ np.where(np.isfinite(hessian), hessian, 0.0) @ root.transpose(0, 2, 1)
        values, vectors = np.linalg.eigh(inner)
        size = 1e-13 * np.abs(values).max(axis=1)
        while (bad := values[:, 0] + damping <= size).any():
            damping[bad] = np.maximum(8 * damping[bad], 1e-3)
        basis = root.transpose(0, 2, 1) @ vectors
        along = np.einsum("bqp,bq->bp", basis, -gradient) / (values + damping[:, None])
        return np.einsum("bpq,bq->bp", basis, along)
    step, definite = solve_definite(hessian + damping[:, None, None] * metric, -gradient)
    todo = np.flatnonzero(~definite)
    for _ in range(20):
        if not len(todo):
            break
        damping[todo] = np.maximum(8 * damping[todo], 1e-3)
        trial = hessian[todo] + damping[todo, None, None] * metric[todo]
        step[todo], definite = solve_definite(trial, -gradient[todo])
        todo = todo[~definite]
    step[todo] = 0.0
    return step


def minimise(
    terms: Sequence[AffineTerm | CurvedTerm],
    y: np.ndarray,
    weights: np.ndarray | None,
    start: np.ndarray,
    loss: Loss,
    lower: np.ndarray,
    upper: np.ndarray,
    *,
    tolerance: float = 1e-9,
    steps: int = 200,
) -> Solution:
    """The minimum of f inside [lower, upper] from each row of `start` (batch, parameters).

    y: (points,) or (batch, points), already a logarithm where `loss.logarithmic`; weights likewise, or None.
    lower, upper: (parameters,) or (batch, parameters); equal bounds freeze a coordinate. Coordinate 0 is log E: where it
    drifts towards -infinity it is tried on its lower bound at once. steps: most evaluations of one fit.
    """
    pool = _Pool(terms, y, weights, start, loss, np.broadcast_to(lower, start.shape), np.broadcast_to(upper, start.shape))
    with np.errstate(all="ignore"):
        while pool.admit():
            pool.step(tolerance, steps)
    return pool.outcome


def _rows(array: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return array if array is None or array.ndim == 1 else array[rows]


class _Pool:
    """The fits at work. Finished ones leave and waiting ones take their place, so that every step is a full batch."""

    _ROWS = ("ids", "theta", "value", "gradient", "hessian", "moved", "length", "damping", "age", "jumps")

    def __init__(
        self,
        terms: Sequence[AffineTerm | CurvedTerm],
        y: np.ndarray,
        w: np.ndarray | None,
        start: np.ndarray,
        loss: Loss,
        lower: np.ndarray,
        upper: np.ndarray,
    ) -> None:
        batch, parameters = start.shape
        points = y.shape[-1]
        self.design, self.loss = Design(terms, points, parameters), loss
        self.all_y, self.all_w, self.all_lower, self.all_upper = y, w, lower, upper
        self.start = np.minimum(np.maximum(start, lower), upper)
        self.size, self.waiting, self.batch = max(1, CHUNK // points), 0, batch
        first = self.start if batch < FEW else self.start[:1]
        self.metric = np.broadcast_to(self.design.metric(first, loss), (batch, parameters, parameters))
        # Below `floor` the residuals are rounding: noise-free data cannot be fitted better.
        largest = np.abs(y).max(axis=-1)
        resolution = 4 * np.finfo(float).eps * (np.maximum(1.0, largest) if loss.logarithmic else largest)
        self.floor = np.broadcast_to(0.5 * (points if w is None else w.sum(axis=-1)) * resolution**2, batch)
        least = y.min(axis=-1) if loss.logarithmic else np.log(np.maximum(y.min(axis=-1), np.finfo(float).tiny))
        self.small = np.broadcast_to(least, batch) + np.log(0.03)
        self.outcome = Solution(
            self.start.copy(), np.full(batch, np.inf), np.zeros(batch, bool), np.zeros(batch, int)
        )
        self.ids = np.arange(0)
        self.theta = self.gradient = self.moved = np.zeros((0, parameters))
        self.hessian = np.zeros((0, parameters, parameters))
        self.value = self.length = self.damping = np.zeros(0)
        self.age, self.jumps = np.zeros(0, int), np.zeros(0, bool)

    def admit(self) -> bool:
        """Fill the pool up where a good part of it is free; False when nothing is left to do."""
        free = min(self.size - len(self.ids), self.batch - self.waiting)
        if free and (free >= self.size // 4 or free == self.batch - self.waiting):
            ids = np.arange(self.waiting, self.waiting + free)
            zeros = np.zeros((free, self.start.shape[1]))
            new = (ids, self.start[ids], np.full(free, np.inf), zeros, np.zeros((*zeros.shape, zeros.shape[1])), zeros,
                   np.ones(free), np.zeros(free), np.zeros(free, int), np.ones(free, bool))  # fmt: skip
            for name, rows in zip(self._ROWS, new, strict=True):
                setattr(self, name, np.concatenate([getattr(self, name), rows]))
            self.waiting += free
            self._gather()
        return len(self.ids) > 0

    def _gather(self) -> None:
        self.y, self.w = _rows(self.all_y, self.ids), _rows(self.all_w, self.ids)
        self.lower, self.upper = self.all_lower[self.ids], self.all_upper[self.ids]

    def step(self, tolerance: float, steps: int) -> None:
        """One evaluation of every fit: a new fit's start, a Newton step, or a shorter version of the last one."""
        theta, lower, upper, ids, new = self.theta, self.lower, self.upper, self.ids, self.age == 0
        held = (lower == upper) | ((theta <= lower) & (self.gradient > 0)) | ((theta >= upper) & (self.gradient < 0))
        pull = np.where(held, 0.0, self.gradient)
        turn = np.flatnonzero((self.length == 1.0) & ~new)
        if len(turn):
            self._turn(turn, pull, held)
        moved, length = self.moved, self.length
        proposal = np.minimum(np.maximum(theta + length[:, None] * moved, lower), upper)
        value, gradient, hessian = self.design.evaluate(proposal, self.y, self.w, self.loss)
        self.age += 1
        better = value <= self.value
        floor = self.floor[ids]
        slope = np.einsum("bp,bp->b", pull, moved)
        decrease = -slope - 0.5 * np.einsum("bp,bpq,bq->b", moved, self.hessian, moved)
        jumped = (proposal[:, 0] <= lower[:, 0]) & (theta[:, 0] > lower[:, 0])
        done = (decrease <= tolerance * self.value + floor) & (self.damping < 1e-2) & better & ~jumped & ~new
        done |= np.minimum(self.value, value) <= floor
        self.damping[better & (length == 1.0)] *= 0.1
        self.damping[self.damping < 1e-7] = 0.0
        if better.all():
            self.theta, self.value, self.gradient, self.hessian = proposal, value, gradient, hessian
            self.length = np.ones(len(ids))
        else:
            done |= ~better & (np.abs(length[:, None] * moved).max(axis=1) < 1e-13)
            self._shorten(better, jumped, slope, value, gradient)
            self.theta = np.where(better[:, None], proposal, theta)
            self.value = np.where(better, value, self.value)
            self.gradient = np.where(better[:, None], gradient, self.gradient)
            self.hessian = np.where(better[:, None, None], hessian, self.hessian)
        self._retire(done, (self.age >= steps) | (new & ~better))

    def _turn(self, turn: np.ndarray, pull: np.ndarray, held: np.ndarray) -> None:
        """A new Newton step for these fits."""
        damping, place, lower, upper = self.damping[turn], self.theta[turn], self.lower[turn], self.upper[turn]
        step = _damped_steps(self.hessian[turn], pull[turn], held[turn], self.metric[self.ids[turn]], damping)
        self.damping[turn] = damping
        away = self.jumps[turn] & (step[:, 0] < -0.4) & (place[:, 0] < self.small[self.ids[turn]])
        step[:, 0] = np.where(away, lower[:, 0] - place[:, 0], step[:, 0])
        self.moved[turn] = np.minimum(np.maximum(place + step, lower), upper) - place

    def _shorten(
        self, better: np.ndarray, jumped: np.ndarray, slope: np.ndarray, value: np.ndarray, gradient: np.ndarray
    ) -> None:
        """Steps that went too far: the cubic through both values and slopes says how far to go along the same step."""
        reach, end = self.length * slope, self.length * np.einsum("bp,bp->b", gradient, self.moved)
        bend = reach + end - 3 * (value - self.value)
        root = np.sqrt(np.maximum(bend**2 - reach * end, 0.0))
        share = 1 - (end + root - bend) / (end - reach + 2 * root)
        shorter = self.length * np.where(np.isfinite(share), np.minimum(np.maximum(share, 0.05), 0.6), 0.1)
        tired = ~better & ((shorter < 1e-3) | jumped)
        self.jumps &= better | ~jumped
        worn = tired & ~jumped
        self.damping[worn] = np.maximum(8 * self.damping[worn], 1e-3)
        self.length = np.where(better | tired, 1.0, shorter)

    def _retire(self, done: np.ndarray, failed: np.ndarray) -> None:
        leaving = done | failed
        if leaving.any():
            ids = self.ids[leaving]
            self.outcome.theta[ids], self.outcome.value[ids] = self.theta[leaving], self.value[leaving]
            self.outcome.converged[ids], self.outcome.evaluations[ids] = done[leaving], self.age[leaving]
            for name in self._ROWS:
                setattr(self, name, getattr(self, name)[~leaving])
            self._gather()
