"""The objective of a batch of fits, with two derivatives.

f(theta) = sum_i w_i rho(r_i) with r = log L_i - log L(x_i) or r = L_i - L(x_i), and L = sum_k exp(u_k) (`laws.forms`).
With psi = rho', c = rho'' and, for residuals of log L, p_k = exp(u_k) / L:

    grad f = - sum_i w psi sum_k p_k grad u_k
    Hess f =   sum_i w (c + psi) (grad log L)(grad log L)' - w psi sum_k p_k (grad u_k grad u_k' + Hess u_k)

(residuals of L: p_k = exp(u_k), and c instead of c + psi). Where the u_k are affine their gradients are fixed columns,
so the Hessians of all fits are a few element-wise arrays times the products of these columns. A resample is a row of
weights w or of data y: nothing is copied or gathered.

The coefficient that leads a term, u_k = log c_k + v_k, enters the solver as c_k itself: L is linear in it, so valleys
are straighter, and an offset of zero is an ordinary bound. Derivatives follow by d/dc = (1/c) d/d log c.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scaling_lib.fits.laws.forms import AffineTerm, CurvedTerm

__all__ = ["Design", "Rho"]


@dataclass(frozen=True)
class Rho:
    """logarithmic: residuals of log L instead of L. delta: Huber's threshold; None: rho(r) = r^2 / 2."""

    logarithmic: bool
    delta: float | None

    def __call__(self, residual: np.ndarray) -> np.ndarray:
        """rho(r), element by element."""
        if self.delta is None:
            return 0.5 * residual**2
        clipped = np.clip(residual, -self.delta, self.delta)
        return clipped * (residual - 0.5 * clipped)


class Design:
    """The terms of a law on fixed points, with the products of their columns, and room to work in.

    linear: (parameters,) marks the coefficients; the coordinates of all other parameters are as the terms have them.
    """

    def __init__(self, terms: Sequence[AffineTerm | CurvedTerm], points: int, parameters: int) -> None:
        self.terms, self.points, self.parameters = terms, points, parameters
        self.linear = np.zeros(parameters, bool)
        self.linear[[term.index[0] for term in terms if term.led]] = True
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
        # Where the entries of all blocks of the gradient and of the Hessian belong: one product instead of many sums.
        self._place = np.eye(parameters)[[i for term in terms for i in term.index]]
        places = []
        for k, term in enumerate(terms):
            for m, other in enumerate(terms[: k + 1]):
                for i in term.index:
                    for j in other.index:
                        entry = np.zeros((parameters, parameters))
                        entry[i, j] = 1.0
                        places.append((entry + entry.T if m < k else entry).ravel())
        self._places = np.array(places)
        self._room: dict[str, np.ndarray] = {}

    def room(self, name: str, size: int, dtype: type = float) -> np.ndarray:
        """An array (size, points) to write to, kept between calls: fresh large arrays cost more than their contents."""
        held = self._room.get(name)
        if held is None or len(held) < size:
            held = self._room[name] = np.empty((size, self.points), dtype)
        return held[:size]

    def evaluate(
        self, theta: np.ndarray, y: np.ndarray, w: np.ndarray | None, rho: Rho
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """f (batch,), gradient (batch, p), Hessian (batch, p, p)."""
        size = len(theta)
        shares, slopes, bends, total = self._parts(theta)
        residual = self.room("residual", size)
        if rho.logarithmic:
            np.subtract(y, np.log(total, out=residual), out=residual)
            np.divide(1.0, total, out=total)
            shares = [np.multiply(share, total, out=self.room(f"u{k}", size)) for k, share in enumerate(shares)]
        else:
            np.subtract(y, total, out=residual)
        value, push, outer = self._influence(residual, w, rho)
        pull, cross, weighted = (self.room(name, size) for name in ("pull", "cross", "weighted"))
        gradients, blocks = [], []
        for k, term in enumerate(self.terms):
            np.multiply(push, shares[k], out=pull)
            np.multiply(outer, shares[k], out=weighted)
            gradients.append(pull @ self.columns[k] if slopes[k] is None else (slopes[k] @ pull[:, :, None])[:, :, 0])
            for m in range(k + 1):
                np.multiply(weighted, shares[m], out=cross)
                if m < k:
                    blocks.append(self._block(k, m, cross, slopes))
                    continue
                # d2 L / dc2 = 0: what stands in the corner is the first part alone.
                corner = cross.sum(axis=1) if term.led else None
                if len(term.index) > 1 or corner is None:
                    cross -= pull
                    block = self._block(k, k, cross, slopes)
                    if bends[k] is not None:
                        block -= np.einsum("bn,bqrn->bqr", pull, bends[k]).reshape(size, -1)
                    if corner is not None:
                        block[:, 0] = corner
                    blocks.append(block)
                else:
                    blocks.append(corner[:, None])
        gradient = -(np.concatenate(gradients, axis=1) @ self._place)
        hessian = (np.concatenate(blocks, axis=1) @ self._places).reshape(size, self.parameters, self.parameters)
        scale = 1.0 / np.where(self.linear, theta, 1.0)
        return value, gradient * scale, hessian * (scale[:, :, None] * scale[:, None, :])

    def values(self, theta: np.ndarray) -> np.ndarray:
        """L at the points, (batch, points)."""
        return self._parts(theta)[3].copy()

    def slopes(self, theta: np.ndarray, logarithmic: bool) -> np.ndarray:
        """Gradient of L or log L at the points, (batch, p, points)."""
        shares, slopes, _, total = self._parts(theta)
        gradient = np.zeros((len(theta), self.parameters, self.points))
        for k, term in enumerate(self.terms):
            share = np.broadcast_to(shares[k] / total if logarithmic else shares[k], total.shape)[:, None, :]
            gradient[:, term.index] += share * (self.wide[k] if slopes[k] is None else slopes[k])
        return gradient / np.where(self.linear, theta, 1.0)[:, :, None]

    def metric(self, theta: np.ndarray, logarithmic: bool) -> np.ndarray:
        """sum_i grad grad' of L or log L, (batch, p, p): distances in theta as the data see them; never singular."""
        slope = self.slopes(theta, logarithmic)
        metric = slope @ slope.transpose(0, 2, 1)
        diagonal = np.einsum("bpp->bp", metric)
        ridge = 1e-10 * diagonal + 1e-10 * diagonal.max(axis=1, keepdims=True) / self.points
        return metric + ridge[:, :, None] * np.eye(self.parameters)

    def _parts(self, theta: np.ndarray) -> tuple[list, list, list, np.ndarray]:
        """exp(u_k); gradient and Hessian of the curved u_k; L."""
        logs = np.where(self.linear, np.log(np.where(self.linear, theta, 1.0)), theta)
        parts, slopes, bends = [], [], []
        for k, term in enumerate(self.terms):
            own = logs[:, term.index]
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
        total = self.room("total", len(theta))
        np.add(parts[0], parts[-1], out=total) if len(parts) > 1 else np.copyto(total, parts[0])
        for part in parts[1:-1]:
            total += part
        return parts, slopes, bends, total

    def _influence(
        self, residual: np.ndarray, w: np.ndarray | None, rho: Rho
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """f, w psi, and w c (+ w psi for residuals of log L)."""
        size = len(residual)
        push, outer, half = (self.room(name, size) for name in ("push", "outer", "half"))
        if rho.delta is None:
            np.copyto(push, residual)
            outer[...] = 1.0
        else:
            np.minimum(residual, rho.delta, out=push)
            np.maximum(push, -rho.delta, out=push)
            np.copyto(outer, np.equal(push, residual, out=self.room("inside", size, bool)))
        np.multiply(push, -0.5, out=half)
        half += residual
        if w is not None:
            push *= w
            outer *= w
        value = np.einsum("bn,bn->b", push, half)
        if rho.logarithmic:
            outer += push
        return value, push, outer

    def _block(self, k: int, m: int, cross: np.ndarray, slopes: list) -> np.ndarray:
        """sum_i cross_i (grad u_k)(grad u_m)', (batch, coordinates of k times coordinates of m)."""
        if (k, m) in self.products:
            return cross @ self.products[k, m]
        if slopes[k] is None:
            block = np.swapaxes((slopes[m] * cross[:, None, :]) @ self.columns[k], 1, 2)
        else:
            other = self.columns[m] if slopes[m] is None else np.swapaxes(slopes[m], 1, 2)
            block = (slopes[k] * cross[:, None, :]) @ other
        return block.reshape(len(cross), -1)
