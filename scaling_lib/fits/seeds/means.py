"""The excess loss of a point, from its seeds: the mean of the logarithm at the best learning rate.

A point is a setting (sizes, width, tokens) that was trained at several learning rates with several seeds. Its loss is the
mean over seeds of ln(excess loss) at the rate where this mean is lowest, or at a rate that was fixed beforehand. A
minimum over seeds would be lower the more the seeds scatter (`uncertainty.lucky_seeds`). Choosing the rate on the seeds
that are then averaged is a minimum as well, over rates; *crossfitting* chooses it on one half of the seeds and scores it
on the other, both ways.

What stands at an edge of the grid of rates may be lower beyond it: *undetermined*. A run that diverged counts as an
infinite loss, so its rate is never chosen and yet may bound the grid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from scaling_lib.arguments import BY_HAND, Entries, Positive, Remedy, checked
from scaling_lib.errors import InvalidArgument, check_real, check_text, invalid
from scaling_lib.fits.seeds.mixtures import Branches, branches
from scaling_lib.fits.undetermined import Undetermined

__all__ = ["SeedMean", "seed_means", "seed_table"]

# Two learning rates are the same if they differ by less than this share.
SAME_RATE = 1e-9
Runs = Annotated[pd.DataFrame, Remedy("pass a DataFrame, one row a run")]


@checked
@dataclass(frozen=True, eq=False)
class SeedMean:
    """The seeds of one point; `seed_means` makes one.

    at: the point's coordinates. logs: (seeds,), the natural logarithm of the excess loss (nats), at `rates`: the
    learning rate that each seed was scored at. doubt: why the point is undetermined, or None.
    """

    at: Annotated[Mapping[str, float], BY_HAND]
    logs: Annotated[Float[np.ndarray, " seeds"], Entries(least=0)]
    rates: Annotated[tuple[float, ...], BY_HAND] = ()
    doubt: Annotated[Undetermined | None, BY_HAND] = None

    def __post_init__(self) -> None:
        if not isinstance(self.at, Mapping) or not self.at:
            raise invalid("at", "a dict of the point's coordinates", self.at, "pass {'D': 1e6}")
        for name, value in self.at.items():
            check_real(f"at[{check_text('at', name)!r}]", value)
        if not isinstance(self.rates, tuple) or len(self.rates) not in (0, len(self.logs)):
            raise invalid("rates", "a tuple with a learning rate for each seed", self.rates, "pass () to leave it out")
        for rate in self.rates:
            check_real("rates", rate, above=0)
        if self.doubt is not None and not isinstance(self.doubt, Undetermined):
            raise invalid("doubt", "Undetermined or None", self.doubt, "pass Undetermined('why')")
        if self.doubt is None and not len(self.logs):
            raise invalid("logs", "one seed or more", self.logs, "pass the doubt where there is none")

    @property
    def seeds(self) -> int:
        """How many were scored."""
        return len(self.logs)

    @property
    def log_excess(self) -> float | Undetermined:
        """Mean over seeds of ln(excess loss)."""
        return self.doubt or float(self.logs.mean())

    @property
    def deviation(self) -> float | Undetermined:
        """Standard deviation over seeds of ln(excess loss), with seeds - 1 degrees of freedom."""
        if self.doubt is None and self.seeds < 2:
            return Undetermined(f"{self.place} has one seed, which has no scatter")
        return self.doubt or float(self.logs.std(ddof=1))

    @property
    def standard_error(self) -> float | Undetermined:
        """Of `log_excess`."""
        deviation = self.deviation
        return deviation if isinstance(deviation, Undetermined) else deviation / self.seeds**0.5

    @cached_property
    def branches(self) -> Branches | Undetermined:
        """Whether the seeds fall into two branches, and the share in each."""
        return self.doubt or branches(self.logs)

    @property
    def place(self) -> str:
        """The coordinates in words: "D = 1e+06, width = 64"."""
        return ", ".join(f"{name} = {value:.6g}" for name, value in self.at.items())


@checked
def seed_means(
    runs: Runs,
    by: Annotated[str | Sequence[str], BY_HAND],
    *,
    rate: Positive | None = None,
    crossfit: bool = False,
) -> tuple[SeedMean, ...]:
    """Each point's seeds at the learning rate with the lowest mean of ln(excess loss), sorted by coordinates.

    runs: columns learning_rate, seed, excess_loss (nats) and those of `by`, the coordinates; one row a run. Where there
    is a column status, what is not "ok" has diverged. rate: the learning rate to take instead of choosing one.
    crossfit: choose on one half of the seeds (every other one, sorted), score on the other half, and both ways.

    A point is undetermined where its rate is the smallest or largest that it was trained at (of the halves' rates, one
    of them), where the rate that looks best lacks some of the point's seeds, where all rates diverged, and, for
    crossfit, where it has fewer than four seeds. Raises InvalidArgument.

    >>> runs = pd.DataFrame({"D": 1e6, "learning_rate": [0.1, 0.2, 0.4] * 2, "seed": [0] * 3 + [1] * 3,
    ...                      "excess_loss": [0.5, 0.2, 0.4, 0.6, 0.3, 0.5]})
    >>> (point,) = seed_means(runs, "D")
    >>> f"{point.log_excess:.2f} +- {point.standard_error:.2f} at {point.rates}"
    '-1.41 +- 0.20 at (0.2, 0.2)'
    """
    names = _checked_names(by)
    frame = _checked_runs(runs, names)
    points = []
    for values, part in frame.groupby(list(names), sort=True):
        at = {name: float(value) for name, value in zip(names, values, strict=True)}
        # (seeds, rates): NaN where a run is missing, infinite where it diverged.
        logs = part.pivot(index="seed", columns="learning_rate", values="log").sort_index()
        points.append(_scored(at, logs.columns.to_numpy(float), logs.to_numpy(float), rate, crossfit))
    return tuple(points)


def seed_table(points: Sequence[SeedMean]) -> pd.DataFrame:
    """The points as a table: coordinates, learning_rate, seeds, log_excess, standard_error, good (share of seeds in the
    lower branch), reason.

    learning_rate is text where halves were scored at different rates. What is undetermined is an `Undetermined`, which
    prints as the word. Raises InvalidArgument.
    """
    lines: list[dict[str, Any]] = []
    for point in checked_points(points):
        split = point.branches
        rates = sorted(set(point.rates))
        lines.append(
            dict(point.at)
            | {
                "learning_rate": rates[0] if len(rates) == 1 else " and ".join(f"{rate:g}" for rate in rates),
                "seeds": point.seeds,
                "log_excess": point.log_excess,
                "standard_error": point.standard_error,
                "good": split if isinstance(split, Undetermined) else split.good,
                "reason": point.doubt.reason if point.doubt else "",
            }
        )
    return pd.DataFrame(lines)


def checked_points(points: Any, name: str = "points") -> tuple[SeedMean, ...]:
    """The points as a tuple, all with the same coordinates. Raises InvalidArgument."""
    if isinstance(points, str | bytes) or not isinstance(points, Sequence) or not len(points):
        raise invalid(name, "a list of points", points, "pass what seed_means returns")
    for point in points:
        if not isinstance(point, SeedMean):
            raise invalid(name, "a list of points", point, "pass what seed_means returns")
        if set(point.at) != set(points[0].at):
            raise invalid(name, "points with the same coordinates", point.place, "make them in one call of seed_means")
    return tuple(points)


def _checked_names(by: Any) -> tuple[str, ...]:
    names = (by,) if isinstance(by, str) else by
    if not isinstance(names, Sequence) or not names or not all(isinstance(name, str) and name for name in names):
        raise invalid("by", "a column or a list of columns", by, "pass 'D' or ['nodes', 'D']")
    if len(set(names)) < len(names) or {"learning_rate", "seed", "excess_loss", "status", "log"} & set(names):
        raise invalid("by", "different columns that are coordinates", by, "leave learning_rate and seed out")
    return tuple(names)


def _checked_runs(runs: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """Coordinates, learning_rate, seed and log, the logarithm of the excess loss, infinite where a run diverged."""
    for name in (*names, "learning_rate", "seed", "excess_loss"):
        if name not in runs:
            columns, asked = ", ".join(map(str, runs))[:200], " that by names" if name in names else ""
            raise InvalidArgument(f"runs lacks the column {name!r}{asked}, got {columns}: add it.")
    if runs.empty:
        raise invalid("runs", "one row or more", runs, "pass trained runs")
    frame = runs[[*names, "learning_rate", "seed"]].copy()
    for name in (*names, "learning_rate"):
        if frame[name].dtype.kind not in "iuf" or not np.isfinite(frame[name].to_numpy(float)).all():
            raise invalid(f"runs[{name!r}]", "a column of finite numbers", frame[name].tolist(), "mend it")
    if frame["seed"].dtype.kind not in "iuf" or frame["seed"].isna().any():
        raise invalid("runs['seed']", "a column of numbers", frame["seed"].tolist(), "number the seeds")
    if not (frame["learning_rate"] > 0).all():
        raise invalid("runs['learning_rate']", "positive", frame["learning_rate"].tolist(), "mend it")
    ok = (runs["status"] == "ok").to_numpy() if "status" in runs else np.ones(len(runs), bool)
    excess = np.full(len(runs), np.inf)
    try:
        excess[ok] = runs["excess_loss"].to_numpy()[ok].astype(float)
    except (TypeError, ValueError):
        raise invalid(
            "runs['excess_loss']", "a column of numbers", runs["excess_loss"].tolist(), "convert it first"
        ) from None
    if not (excess > 0).all() or not np.isfinite(excess[ok]).all():
        raise invalid(
            "runs['excess_loss']",
            "positive and finite in every run that is ok",
            runs["excess_loss"].tolist(),
            "give what diverged the status 'diverged'",
        )
    if frame.duplicated().any():
        where = int(np.flatnonzero(frame.duplicated())[0])
        raise InvalidArgument(
            f"runs must hold one run for each point, learning rate and seed, got a second one in row {where}: add a "
            f"column to by, or drop it."
        )
    return frame.assign(log=np.log(excess))


def _scored(at: dict[str, float], rates: np.ndarray, logs: np.ndarray, rate: float | None, crossfit: bool) -> SeedMean:
    """A point from its table of logs (seeds, rates)."""
    place = ", ".join(f"{name} = {value:.6g}" for name, value in at.items())

    def doubtful(reason: str) -> SeedMean:
        return SeedMean(at, np.empty(0), doubt=Undetermined(f"at {place} {reason}"))

    if rate is not None:
        (same,) = np.nonzero(np.abs(rates - rate) <= SAME_RATE * rate)
        if not len(same):
            return doubtful("nothing was trained at the fixed learning rate")
        fixed = logs[:, same[0]]
        if np.isinf(fixed).any():
            return doubtful("a seed diverged at the fixed learning rate")
        scores = fixed[~np.isnan(fixed)]
        return SeedMean(at, scores, (float(rates[same[0]]),) * len(scores))
    seeds = len(logs)
    if crossfit and seeds < 4:
        return doubtful("fewer than four seeds leave no half to choose the learning rate on")
    every = np.arange(seeds)
    halves = [(every[::2], every[1::2]), (every[1::2], every[::2])] if crossfit else [(every, every)]
    scores, used = np.empty(seeds), np.empty(seeds)
    for chosen_on, scored_on in halves:
        best = _best_rate(logs, chosen_on)
        if isinstance(best, str):
            return doubtful(best)
        if not np.isfinite(logs[scored_on, best]).all():
            return doubtful("a seed diverged at the learning rate that other seeds chose")
        scores[scored_on], used[scored_on] = logs[scored_on, best], rates[best]
    doubt = None
    if (used == rates[0]).any() or (used == rates[-1]).any():
        edge = "smallest" if (used == rates[0]).any() else "largest"
        doubt = Undetermined(f"at {place} the chosen learning rate is the {edge} that was tried")
    return SeedMean(at, scores, tuple(used.tolist()), doubt)


def _best_rate(logs: np.ndarray, seeds: np.ndarray) -> int | str:
    """Which rate has the lowest mean over these seeds, or why none can be chosen. Of equal means the first counts."""
    complete = ~np.isnan(logs).any(axis=0)
    if not complete.any():
        return "no learning rate has all of the point's seeds"
    means = np.where(complete, np.where(np.isnan(logs), 0.0, logs)[seeds].mean(axis=0), np.inf)
    if np.isinf(means).all():
        return "some seed diverged at every learning rate that has all seeds"
    best = int(means.argmin())
    for other in np.flatnonzero(~complete):
        shared = seeds[~np.isnan(logs[seeds, other])]
        if len(shared) and logs[shared, other].mean() < logs[shared, best].mean():
            return "a learning rate that lacks some of the seeds looks better than those that have all"
    return best
