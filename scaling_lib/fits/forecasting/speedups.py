"""Effective speed-up: how many times less compute one recipe needs than another for the same loss.

Both recipes follow one curve, the second with its compute multiplied by a constant s,

    L = E + K (s_r C)^-gamma,    s_r = 1 for the baseline, s for the other recipe,

which is fitted to both tables at once by least squares on ln L. s = 1.2 says that the baseline needs 1.2 times the
compute. Nothing guarantees that s is constant, nor that the curve is a power law, so the error of ln s does not come
from the scatter of single runs: a *level* (all runs of both recipes at one compute) is left out at a time, and

    se^2 = sum_g (ln s - ln s_(g))^2,    ln s_(g) without level g,

on (levels - 4) degrees of freedom, as many as levels less fitted parameters. What the law misses at a level, in the
same way for all of its seeds, is in it (a jackknife of clusters; the leave-out estimates are one Gauss-Newton step
from the whole). `drift`, the slope of ln s in ln C with its own interval by the same jackknife, tells whether one
number is enough. Where the two tables share no range of losses no compute is saved at a loss that both were seen to
reach: undetermined.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from scipy import optimize, stats

from scaling_lib.arguments import BY_HAND, Choice, Integer, Positive, Real, Share, checked
from scaling_lib.errors import InvalidArgument, check_real, invalid
from scaling_lib.fits.laws import PowerLaw
from scaling_lib.fits.tables import check_kind, table_columns
from scaling_lib.fits.undetermined import Undetermined

__all__ = ["Speedup", "effective_speedup"]

_PARAMETERS = 4
_FEWEST = 7  # levels: with fewer than three degrees of freedom an interval says nothing
_TOGETHER = 1.01  # runs whose compute is within this factor are one level


@checked
@dataclass(frozen=True)
class Speedup:
    """factor: s, with its interval [low, high] at `level`. exponent: gamma of the shared curve. levels: of compute.
    shared: lowest and highest loss that both recipes reach, nats. drift: d ln s / d ln C; drift_low, drift_high: its
    interval. A drift whose interval leaves out 0 says that s changes with C, and that `factor` is a mean over these
    runs."""

    factor: Positive
    low: Positive
    high: Positive
    level: Share
    exponent: Positive
    levels: Annotated[int, Integer(minimum=1)]
    shared: Annotated[tuple[float, float], BY_HAND]
    drift: float
    drift_low: float
    drift_high: float

    def __post_init__(self) -> None:
        if not isinstance(self.shared, tuple) or len(self.shared) != 2:
            raise invalid("shared", "the lowest and the highest loss", self.shared, "pass (1.0, 2.0)")
        for loss in self.shared:
            check_real("shared", loss)
        if not self.low <= self.factor <= self.high:
            raise invalid("low", "at most the factor, and high at least", (self.low, self.high), "order them")
        if not self.drift_low <= self.drift <= self.drift_high:
            raise invalid(
                "drift_low",
                "at most the drift, and drift_high at least",
                (self.drift_low, self.drift_high),
                "order them",
            )

    @property
    def constant(self) -> bool:
        """Whether a factor that does not change with compute is compatible with these runs."""
        return self.drift_low <= 0 <= self.drift_high


@checked
def effective_speedup(
    baseline: Any,
    other: Any,
    *,
    variable: Annotated[str, Choice(("C", "N", "D"))] = "C",
    level: Share = 0.95,
    together: Annotated[float, Real(minimum=1, maximum=10)] = _TOGETHER,
) -> Speedup | Undetermined:
    """How many times less of `variable` the recipe of `other` needs than that of `baseline` for the same loss.

    baseline, other: tables with loss (nats) and the variable, C (FLOPs) by default, which N and D give; one row a run,
    each the best of its compute (runs off the frontier measure their own bad choice). variable: N or D where the other
    of the two is the same in all runs. together: runs whose values lie within this factor are one level. Undetermined
    where the losses of the two do not overlap or where there are fewer than seven levels. Raises InvalidArgument.

    >>> C = np.geomspace(1e17, 1e21, 9)
    >>> wiggle = 1 + 0.001 * np.sin(3 * np.arange(9))
    >>> slow, fast = ({"C": C, "loss": (1.8 + 900 * (s * C) ** -0.16) * wiggle} for s in (1.0, 1.2))
    >>> f"{effective_speedup(slow, fast).factor:.2f}"
    '1.20'
    """
    law = PowerLaw(variable=variable)
    tables = [_columns_of(law, name, table) for name, table in (("baseline", baseline), ("other", other))]
    x = np.concatenate([columns[variable] for columns, _ in tables])
    loss = np.concatenate([losses for _, losses in tables])
    second = np.repeat([0.0, 1.0], [len(losses) for _, losses in tables])
    shared = float(max(losses.min() for _, losses in tables)), float(min(losses.max() for _, losses in tables))
    if not shared[0] < shared[1]:
        return Undetermined("the two tables share no range of losses, so that a speed-up would be an extrapolation")
    order = np.argsort(x, kind="stable")
    levels = np.empty(len(x), int)
    levels[order] = np.concatenate([[0], np.cumsum(np.diff(np.log(x[order])) > np.log(together))])
    count = int(levels.max()) + 1
    if count < _FEWEST:
        return Undetermined(f"there are {count} levels of {variable}, and an interval needs {_FEWEST}")
    log_x = np.log(x)
    middle = float(log_x.mean())
    start = _start(log_x - middle, loss, second)
    whole = _solved(log_x - middle, np.log(loss), second, start)
    if whole is None:
        return Undetermined("no curve with a floor and a power fits the two tables")
    estimate, left_out = _jackknifed(*whole, levels, count)
    reach = float(stats.t.ppf(0.5 + level / 2, count - _PARAMETERS)) * float(np.sqrt((left_out**2).sum()))
    if not np.isfinite(reach) or reach > 50:
        return Undetermined("leaving out single levels moves the speed-up without bound")
    drift, half = _drift(whole[0], log_x - middle, np.log(loss), second, levels, count, level)
    factor, low, high = np.exp([estimate, estimate - reach, estimate + reach]).tolist()
    exponent = float(whole[0][2])
    return Speedup(factor, low, high, level, exponent, count, shared, drift, drift - half, drift + half)


def _columns_of(law: PowerLaw, name: str, table: Any) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """`table_columns`, whose errors name the argument."""
    check_kind(table, name)
    try:
        return table_columns(law, table)
    except InvalidArgument as error:
        raise InvalidArgument(f"{name} cannot be compared: {error}") from None


def _start(log_x: np.ndarray, loss: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(E, ln K, gamma, ln s): of floors on a grid the best, the others by a straight line through ln(L - E)."""
    design = np.column_stack([np.ones_like(log_x), -log_x, -second])
    best: tuple[float, np.ndarray] | None = None
    for E in float(loss.min()) * (1 - np.geomspace(1e-3, 1, 25)):
        log_k, gamma, moved = np.linalg.lstsq(design, np.log(loss - E), rcond=None)[0]
        theta = np.array([E, log_k, gamma, moved / gamma if gamma > 1e-4 else 0.0])
        cost = float(np.sum((_curve(theta, log_x, second)[0] - np.log(loss)) ** 2))
        if best is None or cost < best[0]:
            best = cost, theta
    assert best is not None
    return best[1]


def _curve(theta: np.ndarray, log_x: np.ndarray, second: np.ndarray, drift: float = 0.0) -> tuple[np.ndarray, ...]:
    """ln L at theta = (E, ln K, gamma, ln s), its slopes in theta (runs, 4), and in the drift (runs,)."""
    E, log_k, gamma, log_s = theta
    place = log_x + second * (log_s + drift * log_x)
    power = np.exp(np.clip(log_k - gamma * place, -700, 700))
    whole = E + power
    share = power / whole
    slopes = np.stack([1 / whole, share, -share * place, -share * gamma * second], axis=1)
    return np.log(whole), slopes, -share * gamma * second * log_x


def _solved(
    log_x: np.ndarray, y: np.ndarray, second: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """theta, residuals (runs,) and slopes (runs, 4) of the fit to all runs; None where there is none."""
    bounds = ([0.0, -np.inf, 1e-4, -20.0], [float(np.exp(y.min())), np.inf, 10.0, 20.0])
    start = np.clip(start, np.array(bounds[0]) + 1e-9, np.array(bounds[1]) - 1e-9)
    solution = optimize.least_squares(
        lambda theta: _curve(theta, log_x, second)[0] - y,
        start,
        lambda theta: _curve(theta, log_x, second)[1],
        bounds=bounds,
        x_scale="jac",
        xtol=1e-12,
        ftol=1e-12,
        gtol=1e-12,
        max_nfev=500,
    )
    fitted, slopes, _ = _curve(solution.x, log_x, second)
    # A floor of zero is a bound: the others are then determined without it.
    if solution.x[0] < 1e-9:
        slopes = slopes.copy()
        slopes[:, 0] = 0.0
    if not np.isfinite(solution.cost) or not 2e-4 < solution.x[2] < 9.9:
        return None
    return solution.x, y - fitted, slopes


def _leaving_out(residuals: np.ndarray, slopes: np.ndarray, levels: np.ndarray, count: int) -> np.ndarray:
    """(levels, p): the whole estimate less the one without each level, one Gauss-Newton step."""
    whole = slopes.T @ slopes
    moved = []
    for level in range(count):
        inside = levels == level
        rest = whole - slopes[inside].T @ slopes[inside]
        moved.append(np.linalg.pinv(rest, hermitian=True, rcond=1e-14) @ (slopes[inside].T @ residuals[inside]))
    return np.array(moved)


def _jackknifed(
    theta: np.ndarray, residuals: np.ndarray, slopes: np.ndarray, levels: np.ndarray, count: int
) -> tuple[float, np.ndarray]:
    return float(theta[3]), _leaving_out(residuals, slopes, levels, count)[:, 3]


def _drift(
    theta: np.ndarray,
    log_x: np.ndarray,
    y: np.ndarray,
    second: np.ndarray,
    levels: np.ndarray,
    count: int,
    level: float,
) -> tuple[float, float]:
    """The slope of ln s in ln x, and half its interval: one step from the fit in which it is zero."""
    fitted, slopes, in_drift = _curve(theta, log_x, second)
    design = np.column_stack([slopes, in_drift])
    step = np.linalg.lstsq(design, y - fitted, rcond=None)[0]
    misses = y - fitted - design @ step
    moved = _leaving_out(misses, design, levels, count)[:, -1]
    half = float(stats.t.ppf(0.5 + level / 2, count - _PARAMETERS - 1)) * float(np.sqrt((moved**2).sum()))
    return float(step[-1]), half
