"""Where a fit starts: variable projection on a grid of exponents (Golub and Pereyra 1973).

Given the exponents (rates, shifts, breaks) a law is linear in its positive coefficients. For every grid cell the best
coefficients >= 0 solve a least squares problem with at most three unknowns; it is solved exactly, by trying every
subset of unknowns that may be positive. Newton then polishes the best few cells. This, not Newton, is what makes the
search robust: from random starts Newton reaches the optimum in a minority of cases.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from scaling_lib.fits.laws import Law

__all__ = ["projected_starts"]

# Which cells of the sorted grid are polished: the best, and a few that are less good but elsewhere.
_RANKS = np.array([0, 1, 3, 7, 15, 31, 63, 127])


def projected_starts(
    law: Law,
    columns: Mapping[str, np.ndarray],
    centre: Mapping[str, float],
    loss: np.ndarray,
    weights: np.ndarray | None,
    logarithmic: bool,
) -> np.ndarray:
    """Coordinates (starts, parameters), the most promising first. loss: L itself, (points,); weights likewise."""
    candidates = law.candidates(columns, centre, loss)
    cells = len(next(iter(candidates.values.values()))) if candidates.values else 1
    matrix, shift = law.frame(centre)
    fixed = law.fixed
    target = np.broadcast_to(loss if candidates.target is None else candidates.target, (cells, len(loss)))
    root = np.ones(len(loss)) if weights is None else np.sqrt(weights)
    if logarithmic:
        root = root / loss
    root = root if candidates.sensitivity is None else root * candidates.sensitivity
    coordinate = {name: i for i, name in enumerate(law.parameters)}
    theta = np.zeros((cells, len(coordinate)))
    for name, values in candidates.values.items():
        theta[:, coordinate[name]] = values if name in law.exponents else _log(values) - shift[coordinate[name]]
    mixing = matrix - np.eye(len(coordinate))
    free = []
    for name, factor in candidates.factors.items():
        i = coordinate[name]
        if name in fixed:
            theta[:, i] = _log(np.array(fixed[name])) - shift[i] - theta @ mixing[i]
            power = candidates.powers.get(name, np.ones(cells))
            target = target - factor * np.exp(theta[:, i] / power)[:, None]
        else:
            free.append(name)
    if free:
        basis = np.stack([candidates.factors[name] * root for name in free], axis=1)
        right = target * root
        gram = np.einsum("cin,cjn->cij", basis, basis)
        moment = np.einsum("cin,cn->ci", basis, right)
        coefficients, gain = _nonnegative(gram, moment)
        score = np.einsum("cn,cn->c", right, right) - gain
        # A coefficient of zero has a logarithm too far away to come back from: start it small instead.
        size = np.sqrt(np.median(target**2, axis=1))[:, None]
        reach = np.maximum(coefficients, 1e-3 * size / np.median([candidates.factors[name] for name in free], axis=2).T)
        for k, name in enumerate(free):
            theta[:, coordinate[name]] = candidates.powers.get(name, 1.0) * np.log(reach[:, k])
    else:
        score = np.einsum("cn,cn->c", target * root, target * root)
    usable = np.isfinite(theta[:, [coordinate[name] for name in law.free]]).all(axis=1)
    score = np.where(np.isfinite(score) & usable, score, np.inf)
    return theta[np.argsort(score, kind="stable")[_RANKS[cells > _RANKS]]]


def _log(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(values)


def _nonnegative(gram: np.ndarray, moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """argmin over x >= 0 of x'Gx - 2 m'x for each cell, and m'x there (what it takes off the sum of squares)."""
    cells, size = moment.shape
    best, gain = np.zeros((cells, size)), np.zeros(cells)
    diagonal = np.einsum("cii->ci", gram)
    for count in range(1, size + 1):
        for subset in map(list, combinations(range(size), count)):
            block = gram[:, np.array(subset)[:, None], subset]
            block = block + 1e-12 * np.eye(count) * diagonal[:, subset].max(axis=1)[:, None, None]
            x = np.linalg.solve(block, moment[:, subset, None])[..., 0]
            value = np.einsum("ci,ci->c", x, moment[:, subset])
            wins = (x > 0).all(axis=1) & (value > gain)
            gain = np.where(wins, value, gain)
            candidate = np.zeros((cells, size))
            candidate[:, subset] = x
            best = np.where(wins[:, None], candidate, best)
    return best, gain
