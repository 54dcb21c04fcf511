"""The least that shows a law, and what a law costs, judged: what each rule of `sources/barest.toml` computes.

Written before any run of `runs.sweeping.studies.barest` that it judges.

**Does a graph show a law?** e is the excess loss over the exact entropy rate, of a cycle the leak, which is the same
number and keeps its digits where it is tiny. With each seed's own line and its own parabola through ln e in ln D, or in
ln(width),

    exponent    minus the slope of the line
    bend        minus the change of the slope of the parabola over the whole range: 0 for a power law

with Student's intervals over the seeds. A *power law* is straight and falls. How far a graph is from one says its

    distance    the larger of |bend| / .3 and (.4 - exponent) / .2

so that 0 is an exact power law of an exponent of .4 or more, and 1 the limit: a bend of .3, or an exponent of .2. The
range is 1.5 decades of D, and .9 of the width. Where one of the two lies above 1 with its whole interval there is no
law over this range, and the rule gives that part. Else both must lie below, and it gives the part whose interval
reaches further up. It is undetermined

    where the scatter of the seeds rejects the straight line through their means (`fits.seeds`), unless there is no law
    where the seeds fall into two branches that are more than a limit apart, in bend or in exponent
    where the power is below .8, and where an interval longer than 1.2 margins would reproduce
    with fewer than the seeds of the grid at every point, six, or with a run that diverged

`barest-more` puts the same rule to 24 new seeds of two graphs that six had left open, written after `barest` ran.

**What a law costs.** Branches of one stable run less one cosine run for every D, on the same graphs and walks, paired
by the seed: minus the slope of the difference of ln e in ln D (the exponent), and its mean over D (the level).
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

import numpy as np
import pandas as pd

from scaling_lib.fits.seeds import SeedMean
from scaling_lib.pages.judging.measured import Tables
from scaling_lib.pages.judging.twins.studies import (
    RATE,
    Forbids,
    Quantity,
    Rules,
    agreed,
    paired,
    quantities_of,
    student,
    student_of_one_branch,
    study_points,
    without_pilots,
)
from scaling_lib.runs.records import Source
from scaling_lib.runs.sweeping.studies.barest import BRANCH_LENGTHS, GRAPHS, LENGTHS, WIDTH_STEPS, WIDTHS

__all__ = ["BAREST_QUANTITIES", "BAREST_SEEDS"]

# Seeds that a rule asks for at every point, by experiment.
BAREST_SEEDS: Mapping[str, int] = MappingProxyType(
    {"barest": 6, "barest-widths": 6, "cost-branches": 12, "barest-more": 24}
)
MOST_BEND, LEAST_EXPONENT = 0.3, 0.2
BASE_WIDTH = 32  # of the runs over D
VARIABLES: Mapping[str, tuple[str, tuple[int, ...]]] = MappingProxyType(
    {"D": ("optimizer_steps", LENGTHS), "width": ("width", WIDTHS)}
)
_NEEDED = ("identity", "rules", "status", "seed", "width", "optimizer_steps", "excess_loss", "leak", "configuration")


def barest_runs(tables: Tables, name: str) -> pd.DataFrame | None:
    """The runs of a study with the column `graph`, the name of their arm; None where there are none."""
    runs = without_pilots(tables, name, _NEEDED)
    return None if runs is None else runs.assign(graph=[graph_of(text) for text in runs["configuration"]])


def graph_of(configuration: str) -> str:
    """The arm of a run, by the recipe in its configuration; "" where it is none of `GRAPHS`."""
    source = json.loads(configuration)["source"]
    recipe = source["ensemble"], {str(name): value for name, value in source["parameters"]}
    return next((name for name, graph in GRAPHS.items() if recipe == _recipe(graph)), "")


def _recipe(source: Source) -> tuple[str, dict]:
    return source.ensemble, dict(source.parameters)


def logs_of_arm(runs: pd.DataFrame, graph: str, variable: str, study: str = "barest") -> tuple[np.ndarray, np.ndarray]:
    """ln e, (sizes, seeds), of an arm, and the sizes: D in steps, or the width. Raises Forbids."""
    field, sizes = VARIABLES[variable]
    used = runs[(runs["graph"] == graph) & runs[field].isin(sizes)]
    used = used[used["width"] == BASE_WIDTH] if variable == "D" else used[used["optimizer_steps"] == WIDTH_STEPS]
    column = "leak" if graph == "cycle" else "excess_loss"
    table = used.pivot_table(index=field, columns="seed", values=column, aggfunc="first", dropna=False)
    asked = BAREST_SEEDS[study]
    if len(table) != len(sizes) or table.shape[1] < asked or len(used) < asked * len(sizes):
        raise Forbids(f"there are fewer runs than the rule asks for, {asked} seeds at every point")
    if (used["status"] != "ok").any():
        raise Forbids("a run diverged")
    values = table.sort_index().to_numpy(float)
    if not (values > 0).all():
        raise Forbids("an excess loss is zero or was not measured, and has no logarithm")
    return np.log(values), np.array(sizes, float)


def law_shown(logs: np.ndarray, sizes: np.ndarray) -> tuple[float, float, float, float]:
    """The distance from a power law with its interval and degrees of freedom, by the rule of the module's docstring.

    logs: ln e, (sizes, seeds). Raises Forbids where the rule is undetermined.
    """
    x = np.log(sizes)
    bends = -2 * np.polyfit(x, logs, 2)[0] * (x[-1] - x[0]) / MOST_BEND
    falls = (2 * LEAST_EXPONENT + np.polyfit(x, logs, 1)[0]) / LEAST_EXPONENT
    parts = [student_of_one_branch(values, 1) for values in (bends if bends.mean() >= 0 else -bends, falls)]
    worst = max(parts, key=lambda part: part[1])
    if worst[1] > 1:
        return worst
    agreed([SeedMean({"size": float(size)}, of_size) for size, of_size in zip(sizes, logs, strict=True)], "size")
    return max(parts, key=lambda part: part[2])


# ---------------------------------------------------------------------- the rules


def _law(*parts: pd.DataFrame, graph: str, variable: str, study: str = "barest") -> tuple:
    return law_shown(*logs_of_arm(pd.concat(parts), graph, variable, study))


def _differences(cosine: pd.DataFrame, stable: pd.DataFrame) -> np.ndarray:
    """(S, seeds): ln e of the branch less that of the cosine run of as many steps, seed by seed."""
    arms = []
    for runs, study in ((stable, "cost-branches"), (cosine, "twins-beta")):
        used = runs[runs["optimizer_steps"].isin(BRANCH_LENGTHS)]
        asked = BAREST_SEEDS["cost-branches"]
        arms.append((used, study_points(used, study, BRANCH_LENGTHS, RATE, asked=asked)))
    return paired(*arms)


def _cost_exponent(cosine: pd.DataFrame, stable: pd.DataFrame) -> tuple:
    return student(-np.polyfit(np.log(BRANCH_LENGTHS), _differences(cosine, stable), 1)[0])


def _cost_level(cosine: pd.DataFrame, stable: pd.DataFrame) -> tuple:
    return student(_differences(cosine, stable).mean(axis=0))


_STUDIES: Mapping[str, Sequence[str]] = {"D": ("barest",), "width": ("barest", "barest-widths")}
_LAWS: Rules = {
    f"{variable}-{graph}": (_STUDIES[variable], partial(_law, graph=graph, variable=variable))
    for variable in VARIABLES
    for graph in GRAPHS
}
_MORE: Rules = {
    f"more-{graph}": (("barest-more",), partial(_law, graph=graph, variable="D", study="barest-more"))
    for graph in ("path", "ring")
}
_COSTS: Rules = {
    "cost-exponent": (("twins-beta", "cost-branches"), _cost_exponent),
    "cost-level": (("twins-beta", "cost-branches"), _cost_level),
}

BAREST_QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {**quantities_of("barest", {**_LAWS, **_MORE}, barest_runs), **quantities_of("barest", _COSTS)}
)
"""Every quantity of the rules of `sources/barest.toml`, by name."""
