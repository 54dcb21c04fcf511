"""Profile likelihood ends for many fits at once.

For a parameter phi the profile is drop(phi) = f(best others | phi) - f_min. The interval is where

    2 drop(phi) scale <= t^2,      t the Student quantile on n - p degrees of freedom

which for least squares is the profile-F interval (scale = 1 / s^2). From the estimate each end walks outwards, doubling
its step, until the bound is passed, then closes in by interpolating the signed root sqrt(2 drop scale), which is nearly
linear in phi. Every constrained fit starts from its neighbour, and so stays in the valley where the walk began: with
few points there are others. `searched_ends` looks for them, with constrained fits from many starts at places all over
the parameter's range, and goes on from the outermost place that still fits.
"""

from dataclasses import dataclass, replace

import numpy as np

from scaling_lib.fits.solver.design import Rho
from scaling_lib.fits.solver.newton import minimise
from scaling_lib.fits.solver.problem import Problem

__all__ = ["Ends", "SearchedEnds", "constrained", "profile_ends", "profile_range", "searched_ends"]

_WALK, _CLOSE = 40, 40
# Cells of the variable projection, in the order of their sums of squares, that a constrained fit starts from.
_CELLS = np.array([0, 1, 3, 7, 15, 40])
_FIRST_STEPS, _KEPT, _LAST_STEPS = 20, 2, 60
_CELLS_OF_LARGE = np.array([0, 3])
# Where to look beyond an end: so many widths of the interval away, and at places spread up to the edge of the range.
_NEAR = np.array([1e-3, 1e-2, 0.05, 0.15, 0.4, 1.0, 2.5])
_FAR = 6
# A constrained fit that comes this near to the threshold is at it.
_AT = 1e-4
_ROUNDS = 8


@dataclass(frozen=True)
class Ends:
    """Natural parameter values, (batch,); open: the bound was not passed inside the parameter's range; improved: a
    constrained fit fell below the minimum it was compared with."""

    low: np.ndarray
    high: np.ndarray
    open_low: np.ndarray
    open_high: np.ndarray
    improved: np.ndarray


def profile_range(problem: Problem, parameter: str) -> tuple[float, float]:
    """Where an end of a parameter's interval is looked for: E >= 0, others in `Law.limits`, coefficients anywhere."""
    if parameter == "E":
        return 0.0, float(problem.loss.max()) * 2
    return problem.limits.get(parameter, (1e-260, 1e260))


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
    least, most = np.array(profile_range(problem, parameter)) if plain else np.log(profile_range(problem, parameter))
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


@dataclass(frozen=True)
class SearchedEnds:
    """low, high: natural parameter values. open_low, open_high: no value up to the edge of the range is excluded.
    better: coordinates (p,) of a fit below the minimum that the profile was compared with, or None."""

    low: float
    high: float
    open_low: bool
    open_high: bool
    better: np.ndarray | None


class _Constrained:
    """Fits of a problem with one parameter held: phi, the value itself for E and exponents, else its logarithm."""

    def __init__(self, problem: Problem, parameter: str) -> None:
        self.parameter, self.whole = parameter, problem
        self.plain = parameter == "E" or parameter in problem.law.exponents
        mixed = np.count_nonzero(problem.frame[0][problem.law.parameters.index(parameter)]) > 1
        self.bare = replace(problem, centred=False) if mixed else problem
        self.j = problem.law.parameters.index(parameter)
        ends = profile_range(problem, parameter)
        self.range = ends if self.plain else (float(np.log(ends[0])), float(np.log(ends[1])))
        self.known: list[np.ndarray] = []  # coordinates of good fits: starts for those nearby

    def minima(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Objectives (places,) and coordinates (places, p) of the best fit at each place, from many starts."""
        bare, law = self.bare, self.bare.law
        few = len(bare.loss) < 20 * len(law.free)
        starts, owners = [], []
        for number, place in enumerate(places):
            value = max(place, bare.offset_floor) if self.parameter == "E" else place if self.plain else np.exp(place)
            held = replace(bare, law=law.pin(**{self.parameter: float(value)}))
            if held.law.free:
                own = held.starts(_CELLS if few else _CELLS_OF_LARGE)
                own = np.concatenate([own, *[known[None] for known in self.known]])
            else:
                own = np.array(self.known)
            own[:, self.j] = held.bounds[0][self.j]
            starts.append(own)
            owners += [number] * len(own)
        start, owner = np.concatenate(starts), np.array(owners)
        lower, upper = (np.tile(bound, (len(start), 1)) for bound in bare.bounds)
        lower[:, self.j] = upper[:, self.j] = start[:, self.j]
        if few and bare.objective in ("huber", "log-huber", "log-lad"):
            smooth = minimise(
                bare.design, bare.y, bare.weights, start, Rho(bare.logarithmic, None), lower, upper, steps=20
            )
            start, owner = np.concatenate([start, smooth.theta]), np.tile(owner, 2)
            lower, upper = np.tile(lower, (2, 1)), np.tile(upper, (2, 1))
        # All starts a few steps, then the best two of each place to the end: the others decide nothing.
        solution = bare.solve(start, bounds=(lower, upper), steps=_FIRST_STEPS)
        order = np.lexsort([np.where(np.isfinite(solution.value), solution.value, np.inf), owner])
        rank = np.arange(len(order)) - np.searchsorted(owner[order], owner[order])
        kept = order[rank < _KEPT]
        owner, lower, upper = owner[kept], lower[kept], upper[kept]
        solution = bare.solve(solution.theta[kept], bounds=(lower, upper), steps=_LAST_STEPS)
        best = np.unique(owner[order := np.lexsort([solution.value, owner])], return_index=True)[1]
        return solution.value[order[best]], solution.theta[order[best]]

    def searched(self, place: float) -> float:
        """The objective of a cold search at one place, as thorough as that of a fit; its coordinates are remembered."""
        value = place if self.plain else np.exp(place)
        problem = replace(self.whole, law=self.whole.law.pin(**{self.parameter: float(value)}))
        if not problem.law.free:
            return np.inf
        theta, objective, _ = problem.search()
        params = dict(zip(problem.law.parameters, problem.natural(theta[None])[0].tolist(), strict=True))
        if min(params.values()) >= 0 and all(params[name] > 0 for name in params if name != "E"):
            self.remember(self.bare.coordinates(params))
        return objective

    def remember(self, theta: np.ndarray) -> None:
        """Start later fits there as well; the latest few are enough."""
        self.known = [*self.known[-5:], theta]


def constrained(problem: Problem, parameter: str, values: np.ndarray) -> np.ndarray:
    """The least objective with `parameter` held at each of `values` (natural), from many starts each; (values,)."""
    held = _Constrained(problem, parameter)
    return held.minima(np.asarray(values, float) if held.plain else np.log(values))[0]


def searched_ends(
    problem: Problem,
    parameter: str,
    params: np.ndarray,
    minimum: float,
    threshold: float,
    step: float,
) -> SearchedEnds:
    """Both ends for one fit, beyond which no constrained fit from many starts is within the threshold. Arguments: as
    for `profile_ends`, one row of each."""
    walked = profile_ends(
        problem, parameter, params[None], np.array([minimum]), np.array([threshold]), np.array([step])
    )
    held = _Constrained(problem, parameter)
    names = problem.law.parameters
    held.remember(held.bare.coordinates(dict(zip(names, params.tolist(), strict=True))))
    estimate = float(params[held.j] if held.plain else np.log(params[held.j]))
    limit = minimum + threshold * (1 - _AT)
    lowest = minimum - max(1e-7 * minimum, 1e-9 * threshold)
    edges = held.range
    with np.errstate(divide="ignore"):
        ends = [float(end if held.plain else np.log(end)) for end in (walked.low[0], walked.high[0])]
    ends = [edge if gone else end for edge, end, gone in
            zip(edges, ends, (walked.open_low[0], walked.open_high[0]), strict=True)]  # fmt: skip
    if walked.improved[0]:
        # A fit between the ends fell below the minimum: the search for that was not thorough enough.
        between = np.linspace(ends[0], ends[1], 2 * _FAR + 1)[1:-1]
        values, thetas = held.minima(between)
        better = problem.solve(_in_frame_of(problem, held.bare, thetas[int(values.argmin())])[None])
        if better.value[0] < lowest:
            return SearchedEnds(estimate, estimate, False, False, better.theta[0])
    for _ in range(_ROUNDS):
        # Both ends at once: what costs is the number of calls.
        beyond = [_places_beyond(end, edge, max(abs(end - estimate), step, 1e-12))
                  for end, edge in zip(ends, edges, strict=True)]  # fmt: skip
        if not len(beyond[0]) + len(beyond[1]):
            break
        values, thetas = held.minima(np.concatenate(beyond))
        if values.min() < lowest:
            solution = problem.solve(_in_frame_of(problem, held.bare, thetas[int(values.argmin())])[None])
            if solution.value[0] < lowest:
                return SearchedEnds(estimate, estimate, False, False, solution.theta[0])
        further = False
        for number, (places, first) in enumerate(zip(beyond, (0, len(beyond[0])), strict=True)):
            inside = np.flatnonzero(values[first : first + len(places)] < limit)
            if len(inside):
                further, last = True, int(inside[-1])
                held.remember(thetas[first + last])
                ends[number] = edges[number]
                if last < len(places) - 1:
                    ends[number] = _crossing(held, float(places[last]), float(places[last + 1]), minimum, threshold)
        for number, places in enumerate(beyond):
            if not further and len(places) and held.searched(ends[number]) < limit:
                further = True
                ends[number] = _crossing(held, ends[number], float(places[0]), minimum, threshold)
        if not further:
            break
    opened = [end == edge for end, edge in zip(ends, edges, strict=True)]
    low, high = ends if held.plain else np.exp(ends).tolist()
    return SearchedEnds(low, high, opened[0], opened[1], None)


def _places_beyond(end: float, edge: float, width: float) -> np.ndarray:
    """Where to look between an end and the edge of the range, nearest first; none where the end is the edge."""
    if end == edge:
        return np.empty(0)
    side = 1.0 if edge > end else -1.0
    places = np.concatenate([end + side * width * _NEAR, np.linspace(end, edge, _FAR + 1)[1:]])
    return np.unique(np.minimum(places, edge) if side > 0 else np.maximum(places, edge))[:: int(side)]


def _crossing(held: _Constrained, inner: float, outer: float, minimum: float, threshold: float) -> float:
    """Where the profile passes the threshold between two places, by bisection of fits from many starts each."""
    for _ in range(40):
        places = np.linspace(inner, outer, 6)[1:-1]
        values, thetas = held.minima(places)
        inside = np.flatnonzero(values < minimum + threshold)
        last = int(inside[-1]) if len(inside) else -1
        if last >= 0:
            held.remember(thetas[last])
        nodes = [inner, *places.tolist(), outer]
        inner, outer = nodes[last + 1], nodes[last + 2]
        if abs(outer - inner) <= 1e-7 * (1 + abs(outer)):
            break
    return outer


def _in_frame_of(problem: Problem, bare: Problem, theta: np.ndarray) -> np.ndarray:
    """Coordinates of `bare` in those of `problem`."""
    names = problem.law.parameters
    return problem.coordinates(dict(zip(names, bare.natural(theta[None])[0].tolist(), strict=True)))
