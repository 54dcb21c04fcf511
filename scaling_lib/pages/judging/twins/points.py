"""The points of walks on graphs in the numbers that do not depend on a graph's size: what the figures of twins draw."""

import json
from typing import Annotated

import numpy as np
import pandas as pd
from scipy import stats

from scaling_lib.arguments import BY_HAND, Positive, checked
from scaling_lib.errors import invalid
from scaling_lib.fits.seeds import seed_means
from scaling_lib.fits.undetermined import Undetermined
from scaling_lib.pages.judging.twins.studies import RATE
from scaling_lib.runs.keeping.tables import check_runs

__all__ = ["twin_points"]

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
    check_runs("runs", runs, ("configuration", "learning_rate", "seed", "status", "width", "optimizer_steps", "D"))
    if column not in runs:
        raise invalid("column", "a column of runs", column, "pass 'excess_loss'")
    configurations = [json.loads(text) for text in runs["configuration"]]
    graphs = [dict(each["source"]["parameters"]) for each in configurations]
    if not all({"nodes", "edges"} <= set(graph) for graph in graphs):
        raise invalid("runs", "runs on graphs with known nodes and edges", graphs[0], "pass Erdos-Renyi graphs")
    placed = runs.assign(
        nodes=[graph["nodes"] for graph in graphs],
        edges=[graph["edges"] for graph in graphs],
        batch=[each["schedule"]["batch"] for each in configurations],
        excess_loss=runs[column],
    )
    placed = placed[np.isclose(placed["learning_rate"], rate)]
    if placed.empty:
        raise invalid("rate", "a learning rate of these runs", rate, f"they have {sorted(set(runs['learning_rate']))}")
    lines = []
    for point in seed_means(placed, _COORDINATES, rate=rate):
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
