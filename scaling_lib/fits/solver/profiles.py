"""Profile likelihood ends for many fits at once.

For a parameter phi the profile is drop(phi) = f(best others | phi) - f_min. The interval is where

    2 drop(phi) scale <= t^2,      t the Student quantile on n - p degrees of freedom

which for least squares is the profile-F interval (scale = 1 / s^2). From the estimate each end walks outwards, doubling
its step, until the bound is passed, then closes in by interpolating the signed root sqrt(2 drop scale), which is nearly
linear in phi. Every constrained fit starts from its neighbour.
"""

from dataclasses import dataclass, replace

import numpy as np

from scaling_lib.fits.solver.problem import Problem

__all__ = ["Ends", "profile_ends"]

_WALK, _CLOSE = 40, 40


@dataclass(frozen=True)
class Ends:
    """Natural parameter values, (batch,); open: the bound was not passed inside the parameter's range; improved: a
    constrained fit fell below the minimum it was compared with."""

    low: np.ndarray
    high: np.ndarray
    open_low: np.ndarray
    open_high: np.ndarray
    improved: np.ndarray


def profile_ends(
    problem: Problem,
    parameter: str,
    params: np.ndarray,
    minimum: np.ndarray,
    threshold: np.ndarray,
    step: np.ndarray,
    y: np.ndarray | None = None,
) -> Ends:
    """Both ends for every row. params: (batch, p) natural estimates; minimum: (batch,) objectives; threshold: (batch,)
    rise of the objective that the interval allows; step: (batch,) first step in the search variable (phi itself for E
    and exponents, log phi otherwise). y: (batch, points) data of each row, or None for the problem's own."""
    names = problem.law.parameters
    j = names.index(parameter)
    mixed = np.count_nonzero(problem.frame[0][j]) > 1
    bare = replace(problem, centred=False) if mixed else problem
    plain = parameter == "E" or parameter in problem.law.exponents
    estimate = params[:, j] if plain else np.log(params[:, j])
    theta = np.array([bare.coordinates(dict(zip(names, row, strict=True))) for row in params])
    ridge = _ridge(bare, theta, j) * (1.0 if plain or not bare.design.linear[j] else theta[:, j : j + 1])
    if parameter == "E":
        least, most = 0.0, float(problem.loss.max()) * 2
    elif plain:
        least, most = bare.bounds[0][j], bare.bounds[1][j]
    else:
        least, most = np.log(problem.limits.get(parameter, (1e-260, 1e260)))
    batch = len(params)
    side = np.repeat([-1.0, 1.0], batch)
    data = None if y is None else np.concatenate([y, y])
    minimum, threshold = np.tile(minimum, 2), np.tile(threshold, 2)
    estimate, theta, ridge = np.tile(estimate, 2), np.tile(theta, (2, 1)), np.tile(ridge, (2, 1))
    last = estimate.copy()
    edge = np.where(side < 0, least, most)
    lower, upper = (np.tile(bound, (2 * batch, 1)) for bound in bare.bounds)

    def root(place: np.ndarray, going: np.ndarray) -> np.ndarray:
        """sqrt(drop / threshold) at phi = place, for the ends numbered `going`.

        The constrained optimum is kept as the next start."""
        fixed = np.maximum(place, bare.offset_floor) if parameter == "E" else place
        if not plain:
            fixed = place - bare.frame[1][j]
            fixed = np.exp(fixed) if bare.design.linear[j] else fixed
        start = theta[going] + (place - last[going])[:, None] * ridge[going]
        start = np.where(bare.design.linear, np.maximum(start, 0.2 * theta[going]), start)
        low, high = lower[going].copy(), upper[going].copy()
        start[:, j] = low[:, j] = high[:, j] = fixed
        solution = bare.solve(start, y=None if data is None else data[going], bounds=(low, high))
        theta[going], last[going] = solution.theta, place
        drop = solution.value - minimum[going]
        improved[going] |= drop < -1e-7 * minimum[going]
        return np.sqrt(np.maximum(drop, 0.0) / threshold[going])

    improved = np.zeros(2 * batch, bool)
    inner, inner_root = estimate.copy(), np.zeros(2 * batch)
    outer, outer_root = estimate.copy(), np.zeros(2 * batch)
    stride = np.tile(step, 2)
    going = np.arange(2 * batch)  # numbers of the ends that are still searched: lower ones first
    for _ in range(_WALK):
        target = outer[going] + side[going] * stride[going]
        target = np.where(side[going] < 0, np.maximum(target, edge[going]), np.minimum(target, edge[going]))
        height = root(target, going)
        inner[going], inner_root[going] = outer[going], outer_root[going]
        outer[going], outer_root[going] = target, height
        # The signed root is nearly linear: aim a little beyond where it should be one.
        gain = np.maximum(outer_root[going] - inner_root[going], 0.05)
        ahead = 1.1 * (1 - outer_root[going]) / gain * np.abs(outer[going] - inner[going])
        stride[going] = np.clip(ahead, 0.1 * stride[going], 4 * stride[going])
        going = going[(height < 1) & (target != edge[going])]
        if not len(going):
            break
    open_ends = outer_root < 1
    going = np.flatnonzero(~open_ends)
    for turn in range(_CLOSE):
        gap = outer[going] - inner[going]
        share = (1 - inner_root[going]) / (outer_root[going] - inner_root[going])
        share = np.clip(share, 0.02, 0.98) if turn % 4 < 3 else np.full(len(going), 0.5)  # never one-sided for ever
        place = inner[going] + gap * share
        height = root(place, going)
        beyond = height >= 1
        outer[going[beyond]], outer_root[going[beyond]] = place[beyond], height[beyond]
        inner[going[~beyond]], inner_root[going[~beyond]] = place[~beyond], height[~beyond]
        near = (np.abs(height - 1) < 1e-6) | (np.abs(outer[going] - inner[going]) < 1e-12 * (1 + np.abs(outer[going])))
        going = going[~near]
        if not len(going):
            break
    closer = np.abs(inner_root - 1) < np.abs(outer_root - 1)
    ends = np.where(open_ends, outer, np.where(closer, inner, outer))
    ends = ends if plain else np.exp(ends)
    return Ends(ends[:batch], ends[batch:], open_ends[:batch], open_ends[batch:], improved[:batch] | improved[batch:])


def _ridge(problem: Problem, theta: np.ndarray, j: int) -> np.ndarray:
    """How the other coordinates go along with coordinate j, (batch, p): the column of the inverse Gauss matrix."""
    lower, upper = problem.bounds
    free = np.flatnonzero(lower < upper)
    inverse = np.linalg.inv(problem.design.metric(theta, problem.logarithmic)[:, free[:, None], free])
    k = int(np.flatnonzero(free == j)[0])
    ridge = np.zeros_like(theta)
    ridge[:, free] = inverse[:, :, k] / inverse[:, k, k][:, None]
    ridge[theta <= lower] = 0.0
    return ridge
