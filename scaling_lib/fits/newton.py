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

__all__ = ["Loss", "Solution", "minimise"]

# Points times fits that are worked on together: the arrays of one step stay in the cache.
CHUNK = 40_000


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


class _Design:
    """The terms of a law on fixed points, with the products of the affine ones."""

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

    def evaluate(
        self, theta: np.ndarray, y: np.ndarray, w: np.ndarray | None, loss: Loss
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """f (batch,), gradient (batch, p), Hessian (batch, p, p)."""
        size, parts, slopes, bends = len(theta), [], [], []
        for term in self.terms:
            own = theta[:, list(term.index)]
            if isinstance(term, AffineTerm):
                parts.append(np.exp(own @ term.features))
                slopes.append(None)
                bends.append(None)
            else:
                u, slope, bend = term.function(own)
                parts.append(np.exp(u))
                slopes.append(slope)
                bends.append(bend)
        total = parts[-1]
        for part in parts[:-1]:
            total = total + part
        if loss.logarithmic:
            residual = y - np.log(total)
            inverse = 1.0 / total
            shares = [part * inverse for part in parts]
        else:
            residual = y - total
            shares = [np.broadcast_to(part, total.shape) for part in parts]
        if loss.delta is None:
            push = residual if w is None else w * residual
            value = 0.5 * np.einsum("bn,bn->b", push, residual)
            outer = np.ones_like(residual) if w is None else np.broadcast_to(w, residual.shape)
        else:
            push = np.minimum(np.maximum(residual, -loss.delta), loss.delta)
            inside = push == residual
            if w is None:
                value = np.einsum("bn,bn->b", push, residual - 0.5 * push)
                outer = inside.astype(float)
            else:
                half = residual - 0.5 * push
                push = push * w
                value = np.einsum("bn,bn->b", push, half)
                outer = inside * w
        if loss.logarithmic:
            outer = outer + push
        gradient = np.zeros((size, self.parameters))
        hessian = np.zeros((size, self.parameters, self.parameters))
        for k, term in enumerate(self.terms):
            pull = push * shares[k]
            weighted = outer * shares[k]
            index = list(term.index)
            if slopes[k] is None:
                gradient[:, index] -= pull @ self.columns[k]
            else:
                gradient[:, index] -= np.einsum("bn,bqn->bq", pull, slopes[k])
            for m in range(k + 1):
                cross = weighted * shares[m]
                if m == k:
                    cross -= pull
                block = self._block(k, m, cross, slopes)
                other = list(self.terms[m].index)
                if m == k:
                    if bends[k] is not None:
                        block = block - np.einsum("bn,bqrn->bqr", pull, bends[k])
                    hessian[:, np.array(index)[:, None], index] += block
                else:
                    # += on each side: two terms may share a coordinate (tied exponents).
                    hessian[:, np.array(index)[:, None], other] += block
                    hessian[:, np.array(other)[:, None], index] += block.transpose(0, 2, 1)
        return value, gradient, hessian

    def _block(self, k: int, m: int, cross: np.ndarray, slopes: list) -> np.ndarray:
        if (k, m) in self.products:
            shape = (len(cross), len(self.terms[k].index), len(self.terms[m].index))
            return (cross @ self.products[k, m]).reshape(shape)
        first = self.wide[k] if slopes[k] is None else slopes[k]
        second = self.wide[m] if slopes[m] is None else slopes[m]
        left = "qn" if slopes[k] is None else "bqn"
        right = "rn" if slopes[m] is None else "brn"
        return np.einsum(f"bn,{left},{right}->bqr", cross, first, second, optimize=["einsum_path", (0, 1), (0, 1)])


def _solve(matrix: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Solutions of a batch of small symmetric systems, and whether each matrix is positive definite.

    Cholesky with the batch as the inner axis: a Python loop over p (p + 1) / 2 entries, each a vector operation, is
    several times faster than LAPACK on thousands of 5 x 5 matrices.
    """
    size = right.shape[1]
    lower = np.zeros((size, size, len(right)))
    definite = np.ones(len(right), bool)
    with np.errstate(invalid="ignore", divide="ignore"):
        for i in range(size):
            for j in range(i + 1):
                entry = matrix[:, i, j].copy()
                for k in range(j):
                    entry -= lower[i, k] * lower[j, k]
                if i == j:
                    good = entry > 1e-13 * matrix[:, i, i]
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
    lower, upper: (parameters,) or (batch, parameters); equal bounds freeze a coordinate.
    """
    batch, parameters = start.shape
    points = y.shape[-1]
    design = _Design(terms, points, parameters)
    lower = np.broadcast_to(lower, start.shape)
    upper = np.broadcast_to(upper, start.shape)
    outcome = Solution(
        np.clip(start, lower, upper), np.full(batch, np.inf), np.zeros(batch, bool), np.zeros(batch, int)
    )
    size = max(1, CHUNK // points)
    for first in range(0, batch, size):
        rows = slice(first, first + size)
        _minimise_chunk(design, y if y.ndim == 1 else y[rows], _rows(weights, rows), loss, lower[rows], upper[rows],
                        outcome, first, tolerance, steps)  # fmt: skip
    return outcome


def _rows(array: np.ndarray | None, rows: slice | np.ndarray) -> np.ndarray | None:
    return array if array is None or array.ndim == 1 else array[rows]


def _minimise_chunk(
    design: _Design,
    y: np.ndarray,
    w: np.ndarray | None,
    loss: Loss,
    lower: np.ndarray,
    upper: np.ndarray,
    outcome: Solution,
    first: int,
    tolerance: float,
    steps: int,
) -> None:
    ids = np.arange(first, first + len(lower))
    theta = outcome.theta[ids]
    frozen = lower == upper
    diagonal = np.arange(theta.shape[1])
    # Below this a residual is rounding: noise-free data cannot be improved further.
    largest = np.abs(y).max(axis=-1)
    resolution = 4 * np.finfo(float).eps * (np.maximum(1.0, largest) if loss.logarithmic else largest)
    mass = y.shape[-1] if w is None else w.sum(axis=-1)
    floor = np.broadcast_to(0.5 * mass * resolution**2, len(ids))
    with np.errstate(all="ignore"):
        value, gradient, hessian = design.evaluate(theta, y, w, loss)
        value = np.where(np.isfinite(value), value, np.inf)
        damping = np.zeros(len(ids))
        count = np.ones(len(ids), int)
        for _ in range(steps):
            held = frozen | ((theta <= lower) & (gradient > 0)) | ((theta >= upper) & (gradient < 0))
            pull = np.where(held, 0.0, gradient)
            system = np.where(held[:, :, None] | held[:, None, :], 0.0, hessian)
            scale = np.abs(system[:, diagonal, diagonal])
            scale = np.maximum(scale, 1e-8 * scale.max(axis=1, keepdims=True))
            scale = np.where(held | (scale == 0), 1.0, scale)
            step = np.zeros_like(theta)
            todo = np.arange(len(ids))
            for _ in range(40):
                trial = system[todo]
                trial[:, diagonal, diagonal] += damping[todo, None] * scale[todo]
                trial[:, diagonal, diagonal] += np.where(held[todo], 1.0, 0.0)
                solved, definite = _solve(trial, -pull[todo])
                step[todo[definite]] = solved[definite]
                todo = todo[~definite]
                if not len(todo):
                    break
                damping[todo] = np.maximum(8 * damping[todo], 1e-3)
            proposal = np.clip(theta + step, lower, upper)
            moved = proposal - theta
            decrease = -np.einsum("bp,bp->b", pull, moved) - 0.5 * np.einsum("bp,bpq,bq->b", moved, system, moved)
            new_value, new_gradient, new_hessian = design.evaluate(proposal, y, w, loss)
            count += 1
            better = new_value <= value
            gain = np.where(better, value - new_value, 0.0)
            good = gain > 0.7 * decrease
            done = (decrease <= tolerance * value + floor) & (damping < 1e-2) | (value <= floor)
            stuck = ~better & (np.abs(moved).max(axis=1) < 1e-13)
            theta = np.where(better[:, None], proposal, theta)
            value = np.where(better, new_value, value)
            gradient = np.where(better[:, None], new_gradient, gradient)
            hessian = np.where(better[:, None, None], new_hessian, hessian)
            damping = np.where(better, np.where(good, damping * 0.1, damping), np.maximum(8 * damping, 1e-3))
            damping[damping < 1e-7] = 0.0
            finished = done | stuck
            if finished.any():
                _record(outcome, ids[finished], theta[finished], value[finished], True, count[finished])
                keep = ~finished
                if not keep.any():
                    return
                ids, theta, value, gradient, hessian = ids[keep], theta[keep], value[keep], gradient[keep], hessian[keep]
                damping, count, frozen, lower, upper = damping[keep], count[keep], frozen[keep], lower[keep], upper[keep]
                floor, y, w = floor[keep], _rows(y, keep), _rows(w, keep)
        _record(outcome, ids, theta, value, False, count)


def _record(outcome: Solution, ids: np.ndarray, theta: np.ndarray, value: np.ndarray, ok: bool, n: np.ndarray) -> None:
    outcome.theta[ids], outcome.value[ids], outcome.converged[ids], outcome.evaluations[ids] = theta, value, ok, n
