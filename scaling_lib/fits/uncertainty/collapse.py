"""Do curves of several sizes fall on one after rescaling? Their spread over sizes against the scatter of their seeds.

Let z_sj(g) be the logarithm of curve j (a seed) of size s at the rescaled abscissa g, of a grid over the range that all
curves share; n_s curves of size s, n in all, k sizes, with means m_s(g) and m(g). Averages over the grid of

    B = sum_s n_s (m_s - m)^2 / (k - 1)    and    W = sum_sj (z_sj - m_s)^2 / (n - k)

are the spread over sizes and over seeds. If the curves fall on one, B and W estimate the same variance, and the sizes
are labels that say nothing: the p-value is the share of shuffled labels whose B / W is at least as large, which is
exact for curves of one scatter, however the points of a curve hang together. The *spread* is what the sizes add to the
seeds,

    spread^2 = (B - W) / n_0,    n_0 = (n - sum_s n_s^2 / n) / (k - 1),

a relative size (of logarithms), and the *noise* is sqrt(W), that of a single curve. With e = (tr S)^2 / tr(S^2), the
effective number of shapes in the covariance S of the seeds over the grid (Box 1954), B / W is close to a noncentral F
on e (k - 1) and e (n - k) degrees of freedom with noncentrality e (k - 1) n_0 spread^2 / W, which gives the interval of
the spread. (Bootstraps over the seeds were tried: at 3 to 12 seeds their intervals of .95 covered .79 to .94.)

Normalising each curve by its own end (Qiu et al. 2025, arXiv 2507.02119: l(x) = [L(x t*) - L0] / [L(t*) - L0] against
x = t / t*) takes the scatter that a curve's end shares with its whole out of the noise: where the spread stays below
the noise of the curves as they were, they call it *supercollapse*. `by_own_end` does it.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import optimize, special

from scaling_lib.arguments import (
    BY_HAND,
    Entries,
    Generator,
    Integer,
    NonNegative,
    Positive,
    Real,
    Remedy,
    Share,
    checked,
)
from scaling_lib.errors import InvalidArgument, invalid
from scaling_lib.fits.undetermined import Undetermined

__all__ = ["Collapse", "by_own_end", "collapse", "rescaled"]

Curves = Annotated[pd.DataFrame, Remedy("pass a DataFrame with columns size, seed, x and y")]
COLUMNS = ("size", "seed", "x", "y")
# Every curve needs so many of its own points inside the shared range.
FEWEST_POINTS = 3


@checked
@dataclass(frozen=True, eq=False)
class Collapse:
    """x: (grid,), over the shared range. spread_at, noise_at: (grid,), standard deviations of log y there, over the
    means of sizes and over the seeds of a size. spread: what the sizes add to the seeds, relative, over the whole grid,
    with its interval low to high; noise: of a single curve. p: of the permutation test.
    """

    x: Annotated[Float[np.ndarray, " grid"], Entries(least=2)]
    spread_at: Annotated[Float[np.ndarray, " grid"], Entries(minimum=0, least=2)]
    noise_at: Annotated[Float[np.ndarray, " grid"], Entries(minimum=0, least=2)]
    spread: NonNegative
    low: NonNegative
    high: NonNegative
    noise: NonNegative
    p: Annotated[float, Real(above=0, maximum=1)]

    @checked
    def verdict(self, tolerance: Positive, level: Share = 0.05) -> bool | Undetermined:
        """Whether the curves fall on one up to a relative spread of `tolerance`.

        False where p is below the level, or the interval of the spread lies above the tolerance; True where p is not
        below it and the interval ends at the tolerance or before; undetermined between.
        """
        if self.p < level or self.low > tolerance:
            return False
        if self.high <= tolerance:
            return True
        return Undetermined("the scatter of the seeds would hide a spread over sizes that is larger than the tolerance")


@checked
def rescaled(curves: Curves, *, x_power: float = 0.0, y_power: float = 0.0) -> pd.DataFrame:
    """The curves with x size^x_power and y size^y_power in the place of x and y.

    curves: columns size, seed, x, y, one row a point. Raises InvalidArgument.
    """
    frame = _checked(curves)
    with np.errstate(over="ignore", under="ignore"):
        frame["x"] *= frame["size"] ** x_power
        frame["y"] *= frame["size"] ** y_power
    if not (np.isfinite(frame[["x", "y"]]).all(axis=None) and (frame[["x", "y"]] > 0).all(axis=None)):
        raise invalid("x_power", "powers that leave the curves finite", (x_power, y_power), "take smaller ones")
    return frame


@checked
def by_own_end(curves: Curves, *, floor: NonNegative = 0.0) -> pd.DataFrame:
    """Each curve divided by its own end: x / (last x), and (y - floor) / (last y - floor).

    curves: columns size, seed, x, y, where x is the progress of training and y the loss. floor: the irreducible loss;
    0 where y is an excess. Raises InvalidArgument, also where a curve does not stay above the floor.
    """
    frame = _checked(curves)
    if not (frame["y"] > floor).all():
        raise invalid("floor", "below every point of the curves", floor, "pass a lower one")
    frame["y"] -= floor
    frame = frame.sort_values(["size", "seed", "x"], kind="stable")
    ends = frame.groupby(["size", "seed"])[["x", "y"]].transform("last")
    frame[["x", "y"]] /= ends
    return frame


@checked
def collapse(
    curves: Curves,
    generator: Generator,
    *,
    points: Annotated[int, Integer(minimum=2, maximum=10_000)] = 25,
    spacing: Literal["log", "linear"] = "log",
    resamples: Annotated[int, Integer(minimum=20, maximum=100_000)] = 999,
    level: Share = 0.95,
    smallest: Annotated[float | None, BY_HAND] = None,
) -> Collapse | Undetermined:
    """The test of the module's docstring.

    curves: columns size, seed, x, y, one row a point, already rescaled (by `rescaled`, `by_own_end`, or by hand); a
    curve is what has one size and one seed. points: of the grid; spacing: even in log x or in x, log y is interpolated
    linearly in the same. resamples: shuffles for p. level: of the interval. smallest: leave out
    what lies below this x. Undetermined where the curves share no range with three points of each, where a size has
    one seed, and where the seeds are too few for a p below .05. Raises InvalidArgument.
    """
    frame = _checked(curves)
    if smallest is not None:
        smallest = _smallest(smallest, frame)
    grouped = {key: part.sort_values("x") for key, part in frame.groupby(["size", "seed"])}
    sizes = np.array([size for size, _ in grouped])
    names, label, counts = np.unique(sizes, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise invalid("curves", "of two sizes or more", names.tolist(), "train another size")
    if counts.min() < 2:
        return Undetermined(f"size {names[counts.argmin()]:g} has one seed, so there is no noise to compare with")
    if np.exp(special.gammaln(counts.sum() + 1) - special.gammaln(counts + 1).sum()) < 40:
        return Undetermined("the curves are too few to be shuffled")
    low = max([part["x"].iloc[0] for part in grouped.values()] + ([] if smallest is None else [smallest]))
    high = min(part["x"].iloc[-1] for part in grouped.values())
    inside = [int(part["x"].between(low, high).sum()) for part in grouped.values()]
    if low >= high or min(inside) < FEWEST_POINTS:
        return Undetermined("the rescaled curves share no range in which each has three points")
    x = np.geomspace(low, high, points) if spacing == "log" else np.linspace(low, high, points)
    x[[0, -1]] = low, high
    place = np.log if spacing == "log" else np.asarray
    logs = np.array([np.interp(place(x), place(part["x"]), np.log(part["y"])) for part in grouped.values()])
    return _tested(x, logs, label, counts, generator, resamples, level)


def _tested(
    x: np.ndarray,
    logs: np.ndarray,
    label: np.ndarray,
    counts: np.ndarray,
    generator: np.random.Generator,
    resamples: int,
    level: float,
) -> Collapse | Undetermined:
    """logs: (curves, grid); label: (curves,), which size; counts: (sizes,)."""
    k, n = len(counts), len(label)
    own = np.eye(k)[label].T / counts[:, None]  # (sizes, curves): takes means

    def variances(some: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """B and W at every place of the grid, (..., grid), of curves (..., curves, grid) in the order of the labels."""
        means = own @ some
        between = np.einsum("s,...sg->...g", counts, (means - some.mean(axis=-2, keepdims=True)) ** 2) / (k - 1)
        return between, ((some - means[..., label, :]) ** 2).sum(axis=-2) / (n - k)

    between, within = variances(logs)
    B, W = float(between.mean()), float(within.mean())
    if (1e-10 * max(1.0, float(np.abs(logs).max()))) ** 2 >= W:
        return Undetermined("the seeds of every size agree to the last digits, so there is no noise to compare with")
    larger = 0
    n_0 = (n - (counts**2).sum() / n) / (k - 1)
    block = max(1, 2_000_000 // logs.size)
    for first in range(0, resamples, block):
        size = min(block, resamples - first)
        shuffled = generator.permuted(np.tile(np.arange(n), (size, 1)), axis=1)
        shuffled_between, shuffled_within = variances(logs[shuffled])
        ratio = shuffled_between.mean(axis=-1) / np.maximum(shuffled_within.mean(axis=-1), 1e-300)
        larger += int((ratio >= B / W * (1 - 1e-9)).sum())
    low, high = _interval(B / W, logs - (own @ logs)[label], k, n, level)
    return Collapse(
        x,
        (own @ logs).std(axis=0, ddof=1),
        np.sqrt(within),
        max((B - W) / n_0, 0.0) ** 0.5,
        (low * W / n_0) ** 0.5,
        (high * W / n_0) ** 0.5,
        float(np.sqrt(W)),
        (1 + larger) / (1 + resamples),
    )


def _interval(ratio: float, residuals: np.ndarray, k: int, n: int, level: float) -> tuple[float, float]:
    """Of n_0 spread^2 / W, from B / W as a noncentral F with Box's degrees of freedom; residuals: (curves, grid)."""
    gram = residuals @ residuals.T  # has the eigenvalues of the covariance over the grid
    shapes = float(np.trace(gram) ** 2 / (gram**2).sum())
    over, under = shapes * (k - 1), shapes * (n - k)

    def share(noncentral: float) -> float:
        return float(special.ncfdtr(over, under, noncentral, ratio))

    ends = []
    for wanted in (0.5 + level / 2, 0.5 - level / 2):
        if share(0.0) <= wanted:
            ends.append(0.0)
            continue
        reach = over * (ratio + 1)
        while share(reach) > wanted:
            reach *= 2
        ends.append(float(optimize.brentq(lambda value, wanted=wanted: share(value) - wanted, 0.0, reach)))
    return ends[0] / over, ends[1] / over


def _smallest(value: object, frame: pd.DataFrame) -> float:
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not number or not 0 < value < frame["x"].max():  # type: ignore[operator]
        raise invalid("smallest", f"between 0 and the largest x, {frame['x'].max():g}", value, "take one of the range")
    return float(value)  # type: ignore[arg-type]


def _checked(curves: pd.DataFrame) -> pd.DataFrame:
    """A copy with the four columns as floats (seeds as they are)."""
    for name in COLUMNS:
        if name not in curves:
            raise InvalidArgument(f"curves lacks the column {name!r}, got {', '.join(map(str, curves))[:200]}: add it.")
    if curves.empty:
        raise invalid("curves", "one row or more", curves, "pass curves")
    frame = curves[list(COLUMNS)].copy()
    for name in ("size", "x", "y"):
        values = frame[name]
        if values.dtype.kind not in "iuf" or not np.isfinite(values.to_numpy(float)).all() or not (values > 0).all():
            raise invalid(f"curves[{name!r}]", "a column of positive numbers", values.tolist(), "mend it")
        frame[name] = values.astype(float)
    if frame["seed"].isna().any():
        raise invalid("curves['seed']", "a seed in every row", frame["seed"].tolist(), "number the seeds")
    if frame.duplicated(["size", "seed", "x"]).any():
        where = int(np.flatnonzero(frame.duplicated(["size", "seed", "x"]))[0])
        raise InvalidArgument(f"curves must hold each x of a curve once, got a second one in row {where}: drop it.")
    return frame
