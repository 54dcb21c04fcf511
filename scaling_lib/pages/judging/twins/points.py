"""The points of walks on graphs in the numbers that do not depend on a graph's size: what the figures of twins draw."""

import json
from typing import Annotated, Any

import numpy as np
import pandas as pd
from scipy import stats

from scaling_lib.arguments import BY_HAND, Positive, checked
from scaling_lib.errors import invalid
from scaling_lib.fits.seeds import seed_means, slope
from scaling_lib.fits.undetermined import Undetermined
from scaling_lib.pages.judging.twins.studies import RATE
from scaling_lib.runs.keeping.tables import check_runs
from scaling_lib.runs.sweeping.studies.neighbours import LOST

__all__ = ["divided_curves", "leaks_in_tau", "slopes_in_nodes", "twin_points"]

_COORDINATES = ("nodes", "edges", "batch", "width", "optimizer_steps", "D")


@checked
def twin_points(
    runs: Annotated[pd.DataFrame, BY_HAND], *, rate: Positive = RATE, column: str = "excess_loss"
) -> pd.DataFrame:
    """One row a point, at a fixed learning rate: where it lies, and its loss as a mean over seeds.

    runs: a table of runs on undirected graphs of which the numbers of nodes and edges are known (Erdos-Renyi).
    column: what is averaged, in nats: excess_loss, leak or within. A point with a run that diverged is left out.

    Columns: nodes, edges, batch, width, steps (S), D, degree (2E / n), visits (of each of the 2E transitions a step,
    r), observations (D / (2E - n), x), seeds, good (the share of seeds in the lower branch, NaN under six seeds), loss
    (nats: exp of the mean over seeds of ln), low, high (its 95 % interval, Student's; NaN with one seed) and factor
    (the loss over (2E - n) / (2D), which counting on the known edges is expected to have: F).

    Raises InvalidArgument.
    """
    lines = []
    for point in seed_means(_placed(runs, rate, column), _COORDINATES, rate=rate):
        if point.doubt is not None:
            continue
        error = point.standard_error
        half = np.nan if isinstance(error, Undetermined) else stats.t.ppf(0.975, point.seeds - 1) * error
        split = point.branches
        middle = point.logs.mean()
        low, loss, high = np.exp([middle - half, middle, middle + half])
        good = np.nan if isinstance(split, Undetermined) else split.good
        lines.append(dict(point.at) | {"seeds": point.seeds, "good": good, "loss": loss, "low": low, "high": high})
    points = pd.DataFrame(lines).rename(columns={"optimizer_steps": "steps"})
    whole = ["nodes", "edges", "batch", "width", "steps", "D"]
    points[whole] = points[whole].astype(int)
    free = 2 * points["edges"] - points["nodes"]
    return points.assign(
        degree=2 * points["edges"] / points["nodes"],
        visits=points["D"] / points["steps"] / (2 * points["edges"]),
        observations=points["D"] / free,
        factor=points["loss"] / (free / (2 * points["D"])),
    )


@checked
def slopes_in_nodes(runs: Annotated[pd.DataFrame, BY_HAND], *, rate: Positive = RATE) -> pd.DataFrame:
    """d ln(excess loss) / d ln(n) at each number of steps by itself, at a fixed learning rate: steps, slope, low, high
    (95 %), reason ("", or why a slope is undetermined; then there are no numbers).

    runs: as in `twin_points`, of graphs of three sizes or more. Raises InvalidArgument.
    """
    lines: list[dict[str, Any]] = []
    for steps, part in _placed(runs, rate).groupby("optimizer_steps"):
        line = slope(seed_means(part, ("nodes", "D"), rate=rate), "nodes")
        if isinstance(line, Undetermined):
            lines.append({"steps": steps, "reason": line.reason})
        else:
            lines.append({"steps": steps, "slope": line.estimate, "low": line.low, "high": line.high, "reason": ""})
    return pd.DataFrame(lines, columns=["steps", "slope", "low", "high", "reason"])


def _placed(runs: pd.DataFrame, rate: float, column: str = "excess_loss") -> pd.DataFrame:
    """The runs at this rate with nodes, edges and batch of their configurations, and `column` as the loss."""
    check_runs("runs", runs, ("configuration", "learning_rate", "seed", "status", "width", "optimizer_steps", "D"))
    if column not in runs:
        raise invalid("column", "a column of runs", column, "pass 'excess_loss'")
    configurations = [json.loads(text) for text in runs["configuration"]]
    graphs = [dict(configuration["source"]["parameters"]) for configuration in configurations]
    if not all({"nodes", "edges"} <= set(graph) for graph in graphs):
        raise invalid("runs", "runs on graphs with known nodes and edges", graphs[0], "pass Erdos-Renyi graphs")
    placed = runs.assign(
        nodes=[graph["nodes"] for graph in graphs],
        edges=[graph["edges"] for graph in graphs],
        batch=[configuration["schedule"]["batch"] for configuration in configurations],
        excess_loss=runs[column],
    )
    placed = placed[np.isclose(placed["learning_rate"], rate)]
    if placed.empty:
        raise invalid("rate", "a learning rate of these runs", rate, f"they have {sorted(set(runs['learning_rate']))}")
    return placed


@checked
def divided_curves(runs: Annotated[pd.DataFrame, BY_HAND]) -> pd.DataFrame:
    """Learning curves of each width, every run's excess loss divided by its own last value: width, x (share of the
    steps that are done), mean (exp of the mean over seeds of ln), low and high (one standard deviation of ln).

    runs: with learning curves of the same number of points. A run that diverged is left out. Raises InvalidArgument.
    """
    check_runs("runs", runs, ("width", "status", "result"))
    parts = []
    for run in runs[runs["status"] == "ok"].itertuples():
        result = json.loads(str(run.result))
        steps = np.array(result["curve_steps"], float)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(np.array(result["curve_excess_loss"], float))
        done = (steps > 0) & np.isfinite(logs)
        place = np.arange(len(steps))[done]
        share = steps[done] / steps[-1]
        parts.append(pd.DataFrame({"width": run.width, "place": place, "x": share, "log": (logs - logs[-1])[done]}))
    if not parts:
        raise invalid("runs", "one finished run or more", len(runs), "pass trained runs")
    points = pd.concat(parts).groupby(["width", "place"]).agg(x=("x", "mean"), log=("log", "mean"), sd=("log", "std"))
    logs, deviation = points["log"], points["sd"]
    table = pd.DataFrame({"x": points["x"], "mean": np.exp(logs)})
    table = table.assign(low=np.exp(logs - deviation), high=np.exp(logs + deviation))
    return table.reset_index().drop(columns="place")


@checked
def leaks_in_tau(runs: Annotated[pd.DataFrame, BY_HAND]) -> pd.DataFrame:
    """The leak against tau, the sum of the learning rates of all steps, at each number of steps: steps, learning_rate,
    tau, seeds, leak (nats, exp of the mean over seeds of ln), for runs at one constant learning rate after warm-up.

    Raises InvalidArgument.
    """
    check_runs("runs", runs, ("optimizer_steps", "learning_rate", "seed", "status", "leak"))
    trained = runs[(runs["status"] == "ok") & (runs["leak"] > 0)]
    if trained.empty:
        raise invalid("runs", "finished runs whose leak was measured", len(runs), "pass such runs")
    by = trained.assign(log=np.log(trained["leak"])).groupby(["learning_rate", "optimizer_steps"])
    points = by.agg(seeds=("seed", "nunique"), leak=("log", "mean")).reset_index()
    points = points.rename(columns={"optimizer_steps": "steps"})
    return points.assign(tau=points["learning_rate"] * (points["steps"] - LOST), leak=np.exp(points["leak"]))
