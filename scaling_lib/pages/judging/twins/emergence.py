"""Emergence, judged on runs of `runs.sweeping.studies.emergence`: what the rules of `sources/emergence.toml` compute.

Written before any of those runs but their pilot, of which nothing is judged. With p(L) the probability that a walk of L
steps that a model writes uses only edges of the graph (`runs.training.generation`), and with the leak, -ln of the mass
on the edges, nats a step,

    product       p(L) over the model's own walks less exp(-L leak): is p(L) one probability, multiplied L times?
    transfer      p(L) by transfer matrix, from the laws after one node alone, less that of the model's own walks
    cliff         the exponent of the leak (or of the Brier score) in width from 16 to 32 less that from 32 to 64, after
                  800 steps; in D, from 100 to 200 steps less that from 400 to 800, at width 64. 0 for a power law, of
                  which p(L) is a smooth function that only moves with L; above 0 where the leak itself jumps
    sharpens      the exponent in width from 16 to 32 after 800 steps less that after 200: 0 where D only lowers the
                  leak, above 0 where with more data the jump in width becomes steeper
    fluctuations  ln of the standard deviation over seeds of ln leak at width 24, less that at width 64, after 400 steps
    branches      the share of the points (width, D) whose seeds fall into two branches of ln leak

`product` and `transfer` are means over those runs of a seed in which exp(-L leak) lies between .1 and .9: at L = 16 at
width 64, at L = 4 at widths 16, 24 and 32. Intervals are Student's over seeds, paired by the seed, which fixes the
graph; of `fluctuations` by Fisher's F; of `branches` by Clopper and Pearson. Seeds from 900 on are left out, every seed
of the grid is asked for, and a row is undetermined where a run diverged or was not measured, where the seeds' values
fall into two branches more than a margin apart, where the power is below .8, and where an interval longer than 1.2
margins would reproduce.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Annotated

import numpy as np
import pandas as pd
from scipy import stats

from scaling_lib.arguments import BY_HAND, checked
from scaling_lib.errors import invalid
from scaling_lib.fits.seeds.mixtures import branches
from scaling_lib.fits.undetermined import Undetermined
from scaling_lib.pages.judging.twins.studies import (
    Forbids,
    Quantity,
    Rules,
    measured_in,
    quantities_of,
    student,
    student_of_one_branch,
)
from scaling_lib.runs.keeping.tables import check_runs
from scaling_lib.runs.sweeping.studies.emergence import STEPS, WIDTHS

__all__ = ["EMERGENCE_QUANTITIES", "EMERGENCE_SEEDS", "written"]

# Seeds that a rule asks for at every point.
EMERGENCE_SEEDS = 12
WIDE, NARROW = (64,), (16, 24, 32)
# L of a walk, where the widths of the rule are these.
LENGTH_OF = MappingProxyType({WIDE: 16, NARROW: 4})
BETWEEN = (0.1, 0.9)
_MODULE = "scaling_lib.runs.training.generation"
_MARGIN = 1.0  # of the rules on exponents, and so of their branches


@checked
def written(runs: Annotated[pd.DataFrame, BY_HAND], name: str) -> np.ndarray:
    """What the metric `name` of `runs.training.generation` found in each run, NaN where it was not measured.

    runs: a table with the column measurements. Raises InvalidArgument where it was measured in none of them.
    """
    check_runs("runs", runs, ("measurements",))
    values = _measured(runs, name)
    if not np.isfinite(values).any():
        wanted = "the name of a metric that was measured in these runs"
        raise invalid("name", wanted, name, "measure it, or correct the name")
    return values


def _measured(runs: pd.DataFrame, name: str) -> np.ndarray:
    return measured_in(runs, f"{_MODULE}:{name}")


def _complete(runs: pd.DataFrame, widths: Sequence[int] = WIDTHS, steps: Sequence[int] = STEPS) -> pd.DataFrame:
    """The runs at these points, every one of them finished and measured. Raises Forbids."""
    used = runs[runs["width"].isin(widths) & runs["optimizer_steps"].isin(steps)]
    counts = used.groupby(["width", "optimizer_steps"])["seed"].nunique()
    if len(counts) < len(widths) * len(steps) or counts.min() < EMERGENCE_SEEDS:
        raise Forbids(f"there are fewer runs than the rule asks for, {EMERGENCE_SEEDS} seeds at every point")
    if (used["status"] != "ok").any():
        raise Forbids("a run diverged")
    if not (used["leak"] > 0).all():
        raise Forbids("the leak was not measured in every run")
    return used


def _logs(runs: pd.DataFrame, widths: Sequence[int], steps: Sequence[int], metric: str = "leak") -> np.ndarray:
    """ln of the leak, or of what a metric found, (width, S, seed), the seeds in order. Raises Forbids."""
    used = _complete(runs, widths, steps)
    values = used["leak"] if metric == "leak" else _measured(used, metric)
    table = used.assign(value=values).pivot(index=["width", "optimizer_steps"], columns="seed", values="value")
    logs = np.log(table.sort_index().to_numpy(float))
    if not np.isfinite(logs).all():
        raise Forbids(f"{metric} was not measured in every run")
    return logs.reshape(len(widths), len(steps), -1)


def _against(runs: pd.DataFrame, *, widths: tuple[int, ...], first: str, second: str) -> tuple:
    """The mean difference of two of "sampled", "walk" and "exp" where exp(-L leak) lies between the two bounds."""
    used, L = _complete(runs, widths), LENGTH_OF[widths]
    product = np.exp(-L * used["leak"].to_numpy(float))
    values = {name: product if name == "exp" else _measured(used, f"{name}_{L}") for name in (first, second)}
    difference = values[first] - values[second]
    middle = (product > BETWEEN[0]) & (product < BETWEEN[1])
    if not np.isfinite(difference).all():
        raise Forbids("what the models write was not measured in every run")
    by_seed = pd.Series(difference[middle]).groupby(used["seed"].to_numpy()[middle]).mean()
    if len(by_seed) < EMERGENCE_SEEDS:
        raise Forbids("not every seed has a run in which exp(-L leak) lies between .1 and .9")
    return student(by_seed.to_numpy())


def _cliff_in_width(runs: pd.DataFrame, *, metric: str) -> tuple:
    logs = _logs(runs, (16, 32, 64), (STEPS[-1],), metric)[:, 0]  # (width, seed)
    return student_of_one_branch((2 * logs[1] - logs[0] - logs[2]) / -np.log(2), _MARGIN)


def _cliff_in_data(runs: pd.DataFrame) -> tuple:
    logs = _logs(runs, WIDE, STEPS)[0]  # (S, seed)
    return student_of_one_branch(((logs[0] - logs[1]) - (logs[2] - logs[3])) / np.log(2), _MARGIN)


def _sharpens(runs: pd.DataFrame) -> tuple:
    logs = _logs(runs, (16, 32), (STEPS[1], STEPS[-1]))  # (width, S, seed)
    few, many = (logs[0] - logs[1]) / np.log(2)
    return student_of_one_branch(many - few, _MARGIN)


def _fluctuations(runs: pd.DataFrame) -> tuple:
    narrow, wide = _logs(runs, (24, 64), (STEPS[2],))[:, 0]
    freedom = narrow.size - 1
    value = float(np.log(narrow.std(ddof=1) / wide.std(ddof=1)))
    half = float(np.log(stats.f.ppf(0.975, freedom, freedom)) / 2)
    return value, value - half, value + half, None


def _branches(runs: pd.DataFrame) -> tuple:
    logs = _logs(runs, WIDTHS, STEPS).reshape(len(WIDTHS) * len(STEPS), -1)
    splits = [branches(of_point) for of_point in logs]
    two, points = sum(not isinstance(split, Undetermined) and split.two for split in splits), len(splits)
    low = float(stats.beta.ppf(0.025, two, points - two + 1)) if two else 0.0
    high = float(stats.beta.ppf(0.975, two + 1, points - two)) if two < points else 1.0
    return two / points, low, high, None


_PHASE = ("emergence-phase",)
_RULES: Rules = {
    "product-wide": (_PHASE, partial(_against, widths=WIDE, first="sampled", second="exp")),
    "product-narrow": (_PHASE, partial(_against, widths=NARROW, first="sampled", second="exp")),
    "transfer-wide": (_PHASE, partial(_against, widths=WIDE, first="walk", second="sampled")),
    "transfer-narrow": (_PHASE, partial(_against, widths=NARROW, first="walk", second="sampled")),
    "cliff-width": (_PHASE, partial(_cliff_in_width, metric="leak")),
    "cliff-brier": (_PHASE, partial(_cliff_in_width, metric="brier")),
    "cliff-data": (_PHASE, _cliff_in_data),
    "sharpens": (_PHASE, _sharpens),
    "fluctuations": (_PHASE, _fluctuations),
    "branches": (_PHASE, _branches),
}

EMERGENCE_QUANTITIES: Mapping[str, Quantity] = quantities_of("emergence", _RULES)
"""Every quantity of the rules of `sources/emergence.toml`, by name."""
