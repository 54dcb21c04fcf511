"""Whether a sweep tried learning rates enough: points whose best one is the last tried, and the runs that go further.

A *point* L(N, D) is an ensemble (`runs.sweeping.sweeps.ensembles_of`): its runs differ in learning rate, weight decay
and seed, and in their graph where that follows the seed.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import pandas as pd

from scaling_lib.arguments import BY_HAND, checked
from scaling_lib.errors import invalid
from scaling_lib.runs.keeping.tables import check_runs
from scaling_lib.runs.records import RunConfiguration
from scaling_lib.runs.sweeping.experiments import Grid
from scaling_lib.runs.sweeping.sweeps import Ensemble, ensembles_of

__all__ = ["at_the_edge", "widened", "widened_so_far"]

_Runs = Annotated[pd.DataFrame, BY_HAND]  # `check_runs` looks for its columns


def at_the_edge(runs: pd.DataFrame) -> pd.DataFrame:
    """The points L(N, D) whose best learning rate is the least or the greatest that was tried.

    Their minimum may lie outside. Columns width, D, batch, epochs, learning_rate (the best), edge ("lowest" or
    "highest"), and before these two graph (its recipe) where the runs are on several; one row for each such point.
    runs: a table of a store, or a recorded one. Points are told apart by everything that `ensembles_of` looks at if the
    table has the column configuration, else by the first four columns.
    Raises InvalidArgument where a column is missing, or where no run is ok.
    """
    check_runs("runs", runs, (*_POINT, "learning_rate", "status", "loss"))
    if not (runs["status"] == "ok").any():
        raise invalid("runs", "a table with a run that is ok", "none", "look at the learning rates")
    edges, graphs = [], set()
    for graph, point in _points(runs):
        graphs.add(graph)
        if edge := _edge(point):
            where = {name: point[name].iloc[0] for name in _POINT}
            edges.append(where | {"graph": graph, "learning_rate": edge[0], "edge": edge[1]})
    frame = pd.DataFrame(edges, columns=[*_POINT, "graph", "learning_rate", "edge"])
    frame = frame.astype({name: runs[name].dtype for name in (*_POINT, "learning_rate")})
    frame = frame.sort_values([*_POINT, "graph"], kind="stable", ignore_index=True)
    return frame if len(graphs) > 1 else frame.drop(columns="graph")


_POINT = ("width", "D", "batch", "epochs")


def _points(runs: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of every point L(N, D), with a word for its graph."""
    if "configuration" not in runs:
        for _, point in runs.groupby(list(_POINT)):
            yield "", point
        return
    place = {RunConfiguration.from_json(text): i for i, text in enumerate(runs["configuration"])}
    for ensemble in ensembles_of(list(place)):
        yield _graph(ensemble), runs.iloc[sorted(place[configuration] for configuration in ensemble)]


def _graph(ensemble: Ensemble) -> str:
    source = ensemble[0].source
    numbers = dict(source.parameters)
    if len({configuration.source for configuration in ensemble}) == 1:
        numbers |= {"seed": source.seed}
    return f"{source.ensemble}({', '.join(f'{name}={value}' for name, value in numbers.items())})"


def _edge(point: pd.DataFrame) -> tuple[float, str] | None:
    """The best learning rate of a point, and which end of those tried it is; None where it is neither, or the only."""
    least, greatest = point["learning_rate"].min(), point["learning_rate"].max()
    finished = point[point["status"] == "ok"]
    if finished.empty or not least < greatest:
        return None
    # Graphs differ in their entropy rates, so losses on several are compared above them where they are known.
    several = "fingerprint" in finished and finished["fingerprint"].nunique() > 1
    known = several and "excess_loss" in finished and finished["excess_loss"].notna().all()
    best = finished.loc[finished["excess_loss" if known else "loss"].astype(float).idxmin(), "learning_rate"]
    if least < best < greatest:
        return None
    return best, "lowest" if best <= least else "highest"


@checked
def widened(configurations: Grid, runs: _Runs) -> list[RunConfiguration]:
    """The runs that carry each point of `at_the_edge` one learning rate further, by the ratio of its last two.

    configurations: the grid, with what earlier widenings added to it; runs: its table, of which the rows of these
    configurations count. Empty where no point is at an edge, or where a point has one rate only.
    Raises InvalidArgument where the table lacks a column.
    """
    check_runs("runs", runs, ("identity", "learning_rate", "status", "loss"))
    by_identity = runs.set_index("identity", drop=False)
    held = set(by_identity.index)
    added = []
    for ensemble in ensembles_of(configurations):
        wanted = [run.identity for run in ensemble if run.identity in held]
        edge = _edge(by_identity.loc[wanted]) if wanted else None
        rates = sorted({run.optimizer.learning_rate for run in ensemble})
        if edge is None or len(rates) < 2:
            continue
        last, before = (rates[0], rates[1]) if edge[1] == "lowest" else (rates[-1], rates[-2])
        at_the_last = [run for run in ensemble if run.optimizer.learning_rate == last]
        further = last * last / before
        added += [replace(run, optimizer=replace(run.optimizer, learning_rate=further)) for run in at_the_last]
    return added


@checked
def widened_so_far(configurations: Grid, runs: _Runs) -> list[RunConfiguration]:
    """The grid with everything that `widened` added to it, step by step, as far as `runs` holds it."""
    known = list(configurations)
    check_runs("runs", runs, ("identity",))
    held = set(runs["identity"])
    while held >= (wanted := {run.identity for run in known}):
        further = widened(known, runs[runs["identity"].isin(wanted)])
        if not further or not held >= {run.identity for run in further}:
            break
        known += further
    return known
