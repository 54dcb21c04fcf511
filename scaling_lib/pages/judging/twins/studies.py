"""The runs of a study of twins as points with their seeds, and the outcomes of a rule: what all its rules share."""

import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from scaling_lib.fits.seeds import SeedMean, Slope, branched_slope, seed_means
from scaling_lib.fits.seeds.mixtures import FEWEST_SEEDS, branches
from scaling_lib.fits.undetermined import Undetermined, first_undetermined
from scaling_lib.pages.judging.ledger import ledger
from scaling_lib.pages.judging.measured import Measured, Outcome, Tables, Undecided
from scaling_lib.runs.keeping.measurements import last_value, measurements_from_json
from scaling_lib.runs.keeping.tables import check_runs

__all__ = ["CORNER_STEPS", "RATE", "SEEDS"]

# The learning rate of the first estimand.
RATE = 0.5
# How many there are at every point.
RATES = 3
# Seeds that a rule asks for at every point, by experiment; those from PILOT on are never judged.
SEEDS = MappingProxyType(
    {"twins-size": 6, "twins-size-rates": 6, "twins-beta": 12, "twins-beta-rates": 12, "twins-beta-short": 24}
    | {"twins-labels": 12, "twins-degree": 12, "twins-corner": 3}
)
PILOT = 900
# Steps S of the studies of 6 seeds, of the study of beta, of that of exact labels, and of the corner.
SHORT = (400, 800, 1600)
MORE_SEEDS = (400, 800)
WHOLE = (400, 800, 1600, 3200, 6400)
LABELS = CORNER_STEPS = (400, 800, 1600, 3200)
SIZES = (50, 100, 200, 400)
MOST_APART = 0.05
FEWEST_SIZES = 3
LONGEST = 1.2  # margins, of an interval that reproduces
_POINT = ["nodes", "edges", "optimizer_steps", "D"]
_NEEDED = ("identity", "rules", "status", "seed", "learning_rate", "excess_loss", "entropy_rate", "D")

Quantity = Callable[[Tables], Outcome]
# From the tables and the name of a study to its runs that are judged; None where there are none.
Read = Callable[[Tables, str], pd.DataFrame | None]
# By name: the studies that a rule reads, and what it computes from their tables.
Rules = Mapping[str, tuple[Sequence[str | tuple[str, ...]], Callable[..., tuple]]]


class Forbids(Exception):
    """Why a row is undetermined."""


def forbid(reason: Undetermined | None) -> None:
    if reason is not None:
        raise Forbids(reason.reason)


# ---------------------------------------------------------------------- tables and points


def without_pilots(tables: Tables, name: str, needed: Sequence[str]) -> pd.DataFrame | None:
    """The runs of a study, the pilot's seeds left out; None where there are none. Raises where a column is missing."""
    runs = tables(name)
    if runs is None or runs.empty:
        return None
    check_runs(name, runs, needed)
    runs = runs[runs["seed"] < PILOT]
    return None if runs.empty else runs


def measured_in(runs: pd.DataFrame, metric: str) -> np.ndarray:
    """What the metric of that import path found in each run of a table, NaN where it was not measured."""
    values = [
        last_value(measurements_from_json(text), metric) if isinstance(text, str) else None
        for text in runs["measurements"]
    ]
    return np.array([np.nan if value is None else value for value in values])


def study_of(tables: Tables, name: str) -> pd.DataFrame | None:
    """The study's runs with the columns nodes and edges, the pilot's seeds left out; None where there are none."""
    runs = without_pilots(tables, name, (*_NEEDED, "configuration", "optimizer_steps"))
    if runs is None:
        return None
    graphs = [dict(json.loads(text)["source"]["parameters"]) for text in runs["configuration"]]
    return runs.assign(nodes=[graph["nodes"] for graph in graphs], edges=[_edges(graph) for graph in graphs])


def _edges(graph: Mapping[str, int]) -> int:
    """How many edges the recipe makes: what it was told, or those of a regular graph, or of one that grows by
    attachments."""
    if "edges" in graph:
        return graph["edges"]
    if "degree" in graph:
        return graph["nodes"] * graph["degree"] // 2
    nodes, attachments = graph["nodes"], graph["attachments"]
    return attachments * (attachments - 1) // 2 + attachments * (nodes - attachments)


def _together(tables: Tables, studies: tuple[str, ...], read: Read) -> pd.DataFrame | None:
    """The runs of several studies in one table; None where one of them has none."""
    parts = [read(tables, study) for study in studies]
    return None if any(part is None for part in parts) else pd.concat(parts)


def study_points(
    runs: pd.DataFrame,
    study: str,
    steps: Sequence[int],
    rate: float | None,
    *,
    column: str = "excess_loss",
    asked: int = 0,
) -> list[SeedMean]:
    """The points at these S, at a fixed rate or (None) at the selected one, with `column` as the loss."""
    used = runs[runs["optimizer_steps"].isin(steps)]
    if rate is not None:
        used = used[np.isclose(used["learning_rate"], rate)]
    asked = asked or SEEDS[study]
    counts = used.groupby([*_POINT, "learning_rate"])["seed"].nunique()
    if set(used["optimizer_steps"]) != set(steps) or counts.min() < asked:
        raise Forbids(f"there are fewer runs than the rule asks for, {asked} seeds at every point")
    if rate is None and counts.groupby(level=_POINT).size().min() < RATES:
        raise Forbids(f"there are fewer runs than the rule asks for, {RATES} learning rates at every point")
    values = used[column].where(used["status"] == "ok")
    if values[used["status"] == "ok"].isna().any():
        raise Forbids(f"{column} was not measured in every run")
    return list(seed_means(used.assign(excess_loss=values), _POINT, rate=rate, crossfit=rate is None))


def judged_on(
    studies: Sequence[str | tuple[str, ...]],
    compute: Callable[..., tuple[float, float, float, float | None]],
    read: Read = study_of,
) -> Quantity:
    """A quantity from `compute`, which takes a table for each study and gives value, low, high and degrees of freedom.

    Studies in a tuple of their own make one table together. read: how the table of one study is taken.
    """

    def quantity(tables: Tables) -> Outcome:
        parts = [_together(tables, (study,) if isinstance(study, str) else study, read) for study in studies]
        if any(part is None for part in parts):
            return None
        whole = pd.concat([part for part in parts if part is not None])
        behind = tuple(whole["identity"]), tuple(sorted(set(whole["rules"])))
        try:
            value, low, high, freedom = compute(*parts)
        except Forbids as reason:
            return Undecided(str(reason), *behind)
        return Measured(value, low, high, *behind, freedom)

    return quantity


def short_enough(name: str, quantity: Quantity) -> Quantity:
    """Undecided instead of *reproduced* where the interval is longer than LONGEST margins of the claim."""

    def judged(tables: Tables) -> Outcome:
        outcome = quantity(tables)
        if not isinstance(outcome, Measured):
            return outcome
        claim = next(claim for claim in ledger() if claim.quantity == name)
        low, high = claim.band
        inside = low <= outcome.low and outcome.high <= high
        if inside and claim.margin is not None and outcome.high - outcome.low > LONGEST * claim.margin:
            reason = f"the interval is longer than {LONGEST:g} margins, too long to reproduce anything"
            return Undecided(reason, outcome.runs, outcome.rules)
        return outcome

    return judged


def quantities_of(room: str, rules: Rules, read: Read = study_of) -> Mapping[str, Quantity]:
    """The quantities of rules by name, "ROOM.name": each judged on its studies, and short enough to reproduce."""
    named = {f"{room}.{name}": judged_on(studies, compute, read) for name, (studies, compute) in rules.items()}
    return MappingProxyType({name: short_enough(name, quantity) for name, quantity in named.items()})


def of_slope(line: Slope, sign: float = 1.0) -> tuple[float, float, float, float]:
    low, high = sorted((sign * line.low, sign * line.high))
    return sign * line.estimate, low, high, line.freedom


def agreed(points: list[SeedMean], variable: str, groups: Any = (), *, rejection: float | None = 0.05) -> Slope:
    line = branched_slope(points, variable, groups=groups, rejection=rejection, most_apart=MOST_APART).agreed
    if isinstance(line, Undetermined):
        raise Forbids(line.reason)
    return line


def student(values: np.ndarray) -> tuple[float, float, float, float]:
    freedom = len(values) - 1
    half = float(stats.t.ppf(0.975, freedom) * values.std(ddof=1) / np.sqrt(len(values)))
    return float(values.mean()), float(values.mean()) - half, float(values.mean()) + half, freedom


def student_of_one_branch(values: np.ndarray, margin: float) -> tuple[float, float, float, float]:
    """The mean over seeds; Forbids where they fall into two branches that are more than a margin apart."""
    split = branches(values)
    if not isinstance(split, Undetermined) and split.two and split.centres[1] - split.centres[0] > margin:
        raise Forbids("the seeds fall into two branches, so that a mean would be over both")
    return student(values)


def welch(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float, float]:
    """Mean of `first` less that of `second`, independent, with Welch's interval."""
    parts = np.array([values.var(ddof=1) / len(values) for values in (first, second)])
    freedom = float(parts.sum() ** 2 / (parts**2 / [len(first) - 1, len(second) - 1]).sum())
    half = float(stats.t.ppf(0.975, freedom) * np.sqrt(parts.sum()))
    value = float(first.mean() - second.mean())
    return value, value - half, value + half, freedom


def logs_of(points: list[SeedMean]) -> np.ndarray:
    """(points, seeds): ln of the loss, every seed at every point."""
    forbid(first_undetermined(point.log_excess for point in points))
    if len({point.seeds for point in points}) > 1:
        raise Forbids("not every seed is there at every point")
    return np.array([point.logs for point in points])


def one_branch(points: list[SeedMean]) -> None:
    """Forbids a level that is a mean over two branches: of three S or more they are looked for in all points together.

    Two S are looked at one by one, since two points cannot say how the scatter changes with S: taken together at one
    scatter, seeds of one branch looked like two in 9 of 100 simulations. Points of fewer than six seeds cannot show two
    branches, and forbid nothing.
    """
    if min(point.seeds for point in points) < FEWEST_SEEDS:
        return
    if len({point.at["D"] for point in points}) > 2:
        together = branched_slope(points, "D", rejection=None).within
        if isinstance(together, Undetermined):
            raise Forbids(together.reason)
        two = together is not None
    else:
        two = any(split.two for split in (point.branches for point in points) if not isinstance(split, Undetermined))
    if two:
        raise Forbids("the seeds fall into two branches, so that a level would be a mean over both")


def paired(first: tuple[pd.DataFrame, list[SeedMean]], second: tuple[pd.DataFrame, list[SeedMean]]) -> np.ndarray:
    """(points, seeds): ln of the loss of the first arm less that of the second, seed by seed; each is a table and its
    points."""
    for _, points in (first, second):
        one_branch(points)
    logs = [logs_of(points) for _, points in (first, second)]
    if logs[0].shape != logs[1].shape or set(first[0]["seed"]) != set(second[0]["seed"]):
        raise Forbids("the two arms do not have the same seeds")
    return logs[0] - logs[1]


def log_counting(point: SeedMean) -> float:
    """ln of what counting on the known edges has in excess."""
    return float(np.log((2 * point.at["edges"] - point.at["nodes"]) / (2 * point.at["D"])))


def log_factors(runs: pd.DataFrame, study: str, steps: Sequence[int]) -> np.ndarray:
    """(S, seeds): ln F at the fixed rate, of a table of one graph size. Raises what forbids a verdict."""
    points = study_points(runs, study, steps, RATE)
    one_branch(points)
    return logs_of(points) - np.array([[log_counting(point)] for point in points])
