"""Where a fit starts: variable projection on a grid of exponents (Golub and Pereyra 1973).

Given its exponents (rates, shifts, breaks) a law is linear in its positive coefficients x. In every cell of a grid

    minimise  sum_i w_i (L_i - sum_k x_k f_ki)^2   over x >= 0

has at most three unknowns and is solved exactly, by trying every subset of unknowns that may be positive. Newton then
polishes the best few cells. This, not Newton, is what makes the search robust: from random starts Newton reaches the
optimum in a minority of cases.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from scaling_lib.fits.laws.forms import Candidates, Law
from scaling_lib.fits.solver.newton import solve_definite

__all__ = ["projected_starts"]

# Points that the grid looks at.
_MOST = 1000


def projected_starts(
    law: Law,
    columns: Mapping[str, np.ndarray],
    centre: Mapping[str, float],
    loss: np.ndarray,
    weights: np.ndarray | None,
    logarithmic: bool,
    ranks: np.ndarray,
) -> np.ndarray:
    """Coordinates (starts, parameters) of the cells with these ranks, best first; the worse two thirds of the grid
    are no start. loss: L itself, (points,); of a large table some points, spread over the losses, are enough."""
    if len(loss) > _MOST:
        some = np.argsort(loss, kind="stable")[:: -(-len(loss) // _MOST)]
        columns, loss = {name: column[some] for name, column in columns.items()}, loss[some]
        weights = None if weights is None else weights[some]
    candidates = law.candidates(columns, centre, loss)
    cells = max((len(values) for values in candidates.values.values()), default=1)
    names = list(candidates.factors)
    root = np.ones(len(loss)) if weights is None else np.sqrt(weights)
    root = root / loss if logarithmic else root
    root = root if candidates.sensitivity is None else root * candidates.sensitivity
    gram, moment, total = _products(candidates, names, cells, loss, root)
    coordinate = {name: i for i, name in enumerate(law.parameters)}
    matrix, shift = law.frame(centre)
    mixing = matrix - np.eye(len(coordinate))
    theta = np.zeros((cells, len(coordinate)))
    for name, values in candidates.values.items():
        i = coordinate[name]
        theta[:, i] = values if name in law.exponents else _log(values) - shift[i]
    fixed = [name for name in names if name in law.fixed]
    known = np.zeros((cells, len(fixed)))
    for k, name in enumerate(fixed):
        i = coordinate[name]
        theta[:, i] = _log(np.array(law.fixed[name])) - shift[i] - theta @ mixing[i]
        known[:, k] = np.exp(theta[:, i] / candidates.powers.get(name, 1.0))
    free = [k for k, name in enumerate(names) if name not in fixed]
    held = [k for k, name in enumerate(names) if name in fixed]
    if held:
        block = gram[:, np.array(held)[:, None], held]
        total = (
            total - 2 * np.einsum("ci,ci->c", known, moment[:, held]) + np.einsum("ci,cij,cj->c", known, block, known)
        )
        moment = moment - np.einsum("cij,cj->ci", gram[:, :, held], known)
    score = total
    if free:
        inner = gram[:, np.array(free)[:, None], free]
        coefficients, gain = _nonnegative(inner, moment[:, free])
        score = total - gain
        # A coefficient of zero has a logarithm too far away to come back from: start it small instead.
        with np.errstate(divide="ignore", over="ignore"):
            size = np.sqrt(np.abs(total)[:, None] / np.einsum("cii->ci", inner))
        for k, name in enumerate(names[k] for k in free):
            reach = np.log(np.maximum(coefficients[:, k], 1e-3 * size[:, k]))
            theta[:, coordinate[name]] = candidates.powers.get(name, 1.0) * reach
    usable = np.isfinite(theta[:, [coordinate[name] for name in law.free]]).all(axis=1)
    order = np.argsort(np.where(np.isfinite(score) & usable, score, np.inf), kind="stable")
    return theta[order[ranks[ranks < max(min(cells, 12), cells // 3)]]]


def _products(
    candidates: Candidates, names: list[str], cells: int, loss: np.ndarray, root: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gram matrices (cells, k, k) and moments (cells, k) of the weighted factors, and the weighted target's square."""
    every = np.arange(cells)
    target = (loss if candidates.target is None else candidates.target) * root
    scaled = [candidates.factors[name] * root for name in names]
    used = [
        candidates.rows.get(name, every if len(f) == cells else every * 0)
        for name, f in zip(names, scaled, strict=True)
    ]
    gram, moment = np.empty((cells, len(names), len(names))), np.empty((cells, len(names)))
    for k, first in enumerate(scaled):
        moment[:, k] = np.einsum("cn,cn->c", first, target) if target.ndim == 2 else (first @ target)[used[k]]
        for m, second in enumerate(scaled[: k + 1]):
            if len(first) == cells == len(second) > 1:
                product = np.einsum("cn,cn->c", first, second)
            elif k == m:
                product = np.einsum("cn,cn->c", first, first)[used[k]]
            else:
                product = (first @ second.T)[used[k], used[m]]
            gram[:, k, m] = gram[:, m, k] = product
    return gram, moment, np.broadcast_to((target**2).sum(axis=-1), (cells,))


def _log(values: Any) -> Any:
    with np.errstate(divide="ignore"):
        return np.log(values)


def _nonnegative(gram: np.ndarray, moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """argmin over x >= 0 of x'Gx - 2 m'x for each cell, and m'x there: what it takes off the sum of squares."""
    cells, size = moment.shape
    best, gain, todo = np.zeros((cells, size)), np.zeros(cells), np.arange(cells)
    for count in range(size, 0, -1):
        for subset in map(list, combinations(range(size), count)):
            right = moment[todo][:, subset]
            x, definite = solve_definite(gram[todo][:, np.array(subset)[:, None], subset], right)
            value = np.einsum("ci,ci->c", x, right)
            wins = definite & (x > 0).all(axis=1) & (value > gain[todo])
            gain[todo[wins]] = value[wins]
            best[todo[wins]] = 0.0
            best[todo[wins][:, None], subset] = x[wins]
        if count == size:  # a positive solution of the full problem is the answer; look at subsets for the others
            todo = todo[gain[todo] == 0]
    return best, gain
