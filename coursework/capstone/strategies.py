"""A reference that plays "One shot", and three ways of playing it that lose points for a reason each.

Each strategy is two functions, as a student's is: the runs of the next round, and the forecast. They get what
`Ledger.state` holds and nothing else.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import least_squares

__all__ = ["STRATEGIES", "Strategy"]

History = list[list[Any]]
# From the middle of a normal law to its 90 % quantile, in standard deviations.
QUANTILE = 1.2816
DOUBT = 1.2
RATES = (0.25, 0.5, 1.0, 2.0, 4.0)


class Strategy(NamedTuple):
    """name: for a table. next_round, forecast: the two functions. lesson: what it shows, in a sentence."""

    name: str
    next_round: Callable[..., list[list[Any]]]
    forecast: Callable[..., list[float]]
    lesson: str


def _shape(flops: float, tokens_per_parameter: float = 1.0) -> tuple[int, int]:
    """N and D of so many FLOPs at this ratio of tokens to parameters."""
    N = int(math.sqrt(flops / 6 / tokens_per_parameter))
    return N, int(flops / 6 / N)


def _finished(history: History) -> np.ndarray:
    """N, D, rate, seed, loss in the columns; without runs that diverged."""
    return np.array([entry for entry in history if entry[4] is not None], float).reshape(-1, 5).T


# The reference: first rates at two sizes, then sizes and tokens at several ratios, then about the shape that a fit
# calls best. Its interval is that of the fit and of a seed's scatter, and a fifth more for doubt about both.

EXPECTED = np.array([0.0, 0.0, 0.55, 0.55, 0.0, 0.07, 0.14])
WIDTH = np.array([3.0, 3.0, 0.3, 0.3, 1.0, 0.05, 0.05])
SCATTER = 0.03


class _Law(NamedTuple):
    """p: ln A and ln B at N = D = 1e5, alpha, beta, ln of the best rate there, its drift, the curvature in ln(rate)."""

    p: np.ndarray
    covariance: np.ndarray

    def excess(self, N: Any, D: Any, rate: Any) -> np.ndarray:
        """ln of the excess loss."""
        return _excess(self.p, N, D, rate)

    def rate(self, N: Any) -> Any:
        """The best rate."""
        return np.exp(self.p[4] - self.p[5] * np.log(N / 1e5))

    def best_size(self, flops: float) -> float:
        sizes = np.geomspace(2e4, 2e7, 2000)
        return float(sizes[np.argmin(self.excess(sizes, flops / 6 / sizes, self.rate(sizes)))])


def _excess(p: np.ndarray, N: Any, D: Any, rate: Any) -> np.ndarray:
    x, y = np.log(np.asarray(N) / 1e5), np.log(np.asarray(D) / 1e5)
    off = np.log(rate) - p[4] + p[5] * x
    return np.asarray(np.logaddexp(p[0] - p[2] * x, p[1] - p[3] * y) + p[6] * off**2)


def _law(history: History, floor: float) -> _Law:
    """Least squares on ln(L - floor), with weak expectations of exponents, drift and curvature."""
    N, D, rate, _, loss = _finished(history)
    excess = np.log(loss - floor)
    expected = EXPECTED + np.array([1.0, 1.0, 0, 0, 0, 0, 0]) * np.median(excess)

    def residuals(p: np.ndarray) -> np.ndarray:
        return np.concatenate([(_excess(p, N, D, rate) - excess) / SCATTER, (p - expected) / WIDTH])

    starts = [expected - np.array([a, b, 0, 0, 0, 0, 0]) for a, b in ((0, 1), (1, 0), (0.7, 0.7))]
    best = min((least_squares(residuals, start) for start in starts), key=lambda solution: solution.cost)
    return _Law(best.x, np.linalg.inv(best.jac.T @ best.jac))


def _reference_round(
    history: History, floor: float, left: float, largest: float, hero: float, rounds_left: int
) -> list[list[Any]]:
    if rounds_left == 3:
        small, large = _shape(largest / 30), _shape(largest / 5, 0.3)
        return [[*small, rate, 0] for rate in RATES] + [[*large, rate, 0] for rate in RATES[1:4]]
    law = _law(history, floor)
    if rounds_left == 2:
        wanted = [(largest * share, ratio) for share in (0.05, 0.2, 0.6) for ratio in (0.02, 0.3, 3.0, 50.0)]
        scale = min(1.0, left / 2 / sum(flops for flops, _ in wanted))
        shapes = [_shape(flops * scale, ratio) for flops, ratio in wanted]
        return [[*shape, float(law.rate(shape[0])), 1] for shape in shapes]
    ratio = largest / 6 / law.best_size(largest) ** 2
    runs = []
    for seed, factor in enumerate((1.0, 20.0, 0.05, 4.0, 0.25, 1.0), 2):
        N, D = _shape(largest * 0.999, min(max(ratio * factor, 0.02), 100.0))
        if left >= 6.0 * N * D:
            runs.append([N, D, float(law.rate(N)), seed])
            left -= 6.0 * N * D
    return runs


def _reference_forecast(history: History, floor: float, hero: float, **_: Any) -> list[float]:
    law = _law(history, floor)
    N = int(law.best_size(hero))
    D, rate = int(hero / 6 / N), float(law.rate(N))
    steps = 1e-4 * np.eye(len(law.p))
    slope = np.array([(_excess(law.p + h, N, D, rate) - _excess(law.p - h, N, D, rate)) / 2e-4 for h in steps])
    half = DOUBT * QUANTILE * math.sqrt(float(slope @ law.covariance @ slope) + SCATTER**2)
    middle = float(law.excess(N, D, rate))
    return [N, D, rate, *(floor + math.exp(middle + side * half) for side in (-1, 0, 1))]


# Square models: as many tokens as parameters, whatever the curve says, and a straight line with five per cent.


def _square_round(history: History, left: float, largest: float, rounds_left: int, **_: Any) -> list[list[Any]]:
    if rounds_left == 3:
        return [[*_shape(largest / 30), rate, 0] for rate in RATES]
    if rounds_left == 2:
        rate = _lowest(history)[2]
        return [[*_shape(largest * share), rate, 0] for share in (0.01, 0.03, 0.1, 0.3, 0.999)]
    return []


def _lowest(history: History) -> list[float]:
    """The screened run of the lowest loss."""
    columns = _finished(history)
    return [float(column[np.argmin(columns[4])]) for column in columns]


def _line(history: History, floor: float, flops: float) -> float:
    """ln(L - floor) at so many FLOPs, by a line through the runs at the rate that was screened most."""
    N, D, rate, _, loss = _finished(history)
    usual = rate == _most_frequent(rate)
    slope, start = np.polyfit(np.log(6 * N * D)[usual], np.log(loss - floor)[usual], 1)
    return float(start + slope * math.log(flops))


def _most_frequent(values: np.ndarray) -> float:
    different, counts = np.unique(values, return_counts=True)
    return float(different[np.argmax(counts)])


def _square_forecast(history: History, floor: float, hero: float, **_: Any) -> list[float]:
    excess = math.exp(_line(history, floor, hero))
    return [*_shape(hero), _lowest(history)[2], floor + 0.95 * excess, floor + excess, floor + 1.05 * excess]


# The largest size kept: the best model so far gets all the tokens, and the interval is anything.


def _kept_forecast(history: History, floor: float, hero: float, **_: Any) -> list[float]:
    N, _D, rate, _, loss = _lowest(history)
    return [int(N), int(hero / 6 / N), rate, floor + (loss - floor) / 20, floor + (loss - floor) / 3, loss]


# The floor not subtracted: a line through ln L.


def _floor_kept_forecast(history: History, floor: float, hero: float, **_: Any) -> list[float]:
    loss = max(math.exp(_line(history, 0.0, hero)), 1.0)
    low, value, high = (
        max(side * loss, floor * (1 + 1e-6 * place)) for place, side in ((1, 0.99), (2, 1.0), (3, 1.01))
    )
    return [*_shape(hero), _lowest(history)[2], low, value, high]


STRATEGIES = (
    Strategy(
        "reference",
        _reference_round,
        _reference_forecast,
        "Rates first, then shapes; the law of N and D above the floor; the interval from the fit and a seed's scatter.",
    ),
    Strategy(
        "square models, a straight line",
        _square_round,
        _square_forecast,
        "As many tokens as parameters at every budget, and five per cent of the excess as an interval.",
    ),
    Strategy(
        "the best size kept",
        _square_round,
        _kept_forecast,
        "The best screened model gets all the tokens; the interval holds whatever may come.",
    ),
    Strategy(
        "the floor not subtracted",
        _square_round,
        _floor_kept_forecast,
        "A straight line through ln L, which cannot see a floor, and one per cent of the loss.",
    ),
)
