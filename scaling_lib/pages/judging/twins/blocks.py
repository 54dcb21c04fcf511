"""Whether the law moves with the block, judged: what each rule of `sources/blocks.toml` computes.

Written before any of the runs of `runs.sweeping.studies.blocks` but its pilot, of which nothing is judged; the rules on
`blocks-depth`, below, when the others were known and before its own runs. An arm is compared with the default on the
same graphs and walks, seed by seed, at one learning rate:

    level       ln(excess loss) of the arm less that of the default, after 800 steps and after 3,200: the prefactor
    exponent    the difference of ln(e(800) / e(3200)) / ln 4: beta between the two
    flops       the level of two of four experts, after the steps that have the FLOPs of 800 of the default

with Student's interval over seeds. Seeds from 900 on are left out, every seed of the grid is asked for, and a row is
undetermined where the seeds of an arm fall into two branches, where the power is below .8, and where an interval longer
than 1.2 margins would reproduce.

`blocks-depth` has several learning rates for every depth, with CompleteP, and three seeds. The best rate of a depth is
that of the least mean over the seeds of ln(excess loss). Of a depth d and of two layers,

    rate        log2 of the lowest point of d less that of two layers: for every seed, the lowest point of the parabola
                in log2(rate) through ln(excess) at the best rate and the two beside it
    best        ln(excess loss) of d at its best rate less that of two layers at theirs

with Student's interval over seeds. They are undetermined as well where a best rate lies at an edge of its grid, and
where a seed has its own lowest point more than a factor of two from the best rate, or none.

`blocks-router` is the youngest; its rules were written before its runs but four of its pilot. The graph knows the
community of a node, and the model does not. In shares of ln 4, both as means over the two layers
(`runs.training.routing`),

    information   the corrected mutual information of the community and the expert of the first choice, on graphs with
                  communities less that on Erdos-Renyi graphs whose labels mean nothing: two sets of graphs, and
                  Welch's interval; `half` is another rule on the same number
    usage         the entropy of how often each expert is the first choice, with the load-balancing loss less that
                  without it, on the same graphs with communities, paired by the seed, and Student's interval

They are undetermined where a run is missing, diverged or was not measured, where the seeds' values (of `information`,
those on graphs with communities) fall into two branches more than .25 apart, and as all others.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Annotated

import numpy as np
import pandas as pd

from scaling_lib.arguments import BY_HAND, checked
from scaling_lib.errors import invalid
from scaling_lib.pages.judging.measured import Tables
from scaling_lib.pages.judging.twins.studies import (
    RATE,
    Forbids,
    Quantity,
    Rules,
    measured_in,
    paired,
    quantities_of,
    student,
    student_of_one_branch,
    study_points,
    welch,
    without_pilots,
)
from scaling_lib.runs.keeping.tables import check_runs
from scaling_lib.runs.records import RunConfiguration
from scaling_lib.runs.sweeping.axes import value_of
from scaling_lib.runs.sweeping.studies.blocks import (
    ARM_FIELDS,
    ARMS,
    DEPTH_RATES,
    DEPTH_SEEDS,
    FLOPS_STEPS,
    LONG,
    ROUTER_ARMS,
    ROUTER_SEEDS,
    SHORT,
)

__all__ = ["BLOCK_QUANTITIES", "BLOCK_SEEDS", "DEPTH_QUANTITIES", "ROUTER_QUANTITIES", "router_points"]

# Seeds that a rule asks for at every point, by experiment.
BLOCK_SEEDS = MappingProxyType(
    dict.fromkeys(("blocks-short", "blocks-flops", "blocks-long", "blocks-long-more"), 6)
)


def _of_arm(runs: pd.DataFrame, arm: str) -> pd.DataFrame:
    """The runs of one arm, by the fields of their architecture."""
    shapes = [RunConfiguration.from_json(text) for text in runs["configuration"]]
    own = [tuple(value_of(shape, field) for field in ARM_FIELDS) == ARMS[arm] for shape in shapes]
    if not any(own):
        raise Forbids("there are fewer runs than the rule asks for: an arm is missing")
    return runs[own]


def _differences(runs: pd.DataFrame, arm: str, steps: Sequence[int]) -> np.ndarray:
    """(S, seeds): ln(excess) of the arm less that of the default, seed by seed."""
    own, default = (_of_arm(runs, name) for name in (arm, "default"))
    points = [study_points(part, "blocks-short", steps, RATE, asked=6) for part in (own, default)]
    return paired((own, points[0]), (default, points[1]))


def _level(runs: pd.DataFrame, *, arm: str, steps: int) -> tuple:
    return student(_differences(runs, arm, (steps,))[0])


def _exponent(runs: pd.DataFrame, *, arm: str) -> tuple:
    short, long = _differences(runs, arm, (SHORT, LONG))
    return student((short - long) / np.log(LONG / SHORT))


def _flops(short: pd.DataFrame, sparse: pd.DataFrame) -> tuple:
    default = _of_arm(short, "default")
    few = study_points(sparse, "blocks-flops", (FLOPS_STEPS,), RATE, asked=6)
    return student(paired((sparse, few), (default, study_points(default, "blocks-short", (SHORT,), RATE, asked=6)))[0])


_MORE = ("experts", "depth-1", "depth-4")  # arms whose long runs are an experiment of their own


def _of_arms(arm: str) -> Rules:
    long = ("blocks-long", "blocks-long-more") if arm in _MORE else ("blocks-long",)
    return {
        f"level-{arm}": (("blocks-short",), partial(_level, arm=arm, steps=SHORT)),
        f"level-long-{arm}": ((long,), partial(_level, arm=arm, steps=LONG)),
        f"exponent-{arm}": ((("blocks-short", *long),), partial(_exponent, arm=arm)),
    }


_RULES: Rules = {
    **{name: rule for arm in ARMS if arm != "default" for name, rule in _of_arms(arm).items()},
    "flops-two-experts": (("blocks-short", "blocks-flops"), _flops),
}


# ---------------------------------------------------------------------- the best learning rate of a depth

_BASE = 2  # layers, of the default and of CompleteP's base


def _depth_runs(tables: Tables, name: str) -> pd.DataFrame | None:
    needed = ("identity", "rules", "status", "seed", "depth", "learning_rate", "excess_loss")
    return without_pilots(tables, name, needed)


def depth_logs(runs: pd.DataFrame, depth: int) -> np.ndarray:
    """(rates, seeds): ln(excess loss) of a depth at each of `DEPTH_RATES`. Raises what forbids a verdict."""
    used = runs[runs["depth"] == depth]
    if (used["status"] != "ok").any():
        raise Forbids("a run diverged")
    table = used.pivot_table(index="learning_rate", columns="seed", values="excess_loss", aggfunc="first", dropna=False)
    values = table.sort_index().to_numpy(float)
    if values.shape != (len(DEPTH_RATES[depth]), len(DEPTH_SEEDS)) or not np.isfinite(values).all():
        raise Forbids(f"there are fewer runs than the rule asks for, {len(DEPTH_SEEDS)} seeds at every learning rate")
    return np.log(values)


def _best(logs: np.ndarray, depth: int) -> int:
    """The place of the best rate, which may not be at an edge of the grid."""
    best = int(logs.mean(1).argmin())
    if best in (0, len(logs) - 1):
        raise Forbids(f"the best rate of depth {depth} lies at an edge of its grid")
    return best


def _lowest(runs: pd.DataFrame, depth: int) -> np.ndarray:
    """(seeds,): log2 of the learning rate at which each seed's parabola is lowest."""
    logs = depth_logs(runs, depth)
    best = _best(logs, depth)
    low, middle, high = logs[best - 1 : best + 2]  # (seeds,) each, a factor of two in the rate apart
    bend = low + high - 2 * middle
    if (bend <= 0).any() or (np.abs(low - high) > 2 * bend).any():
        raise Forbids(f"a seed of depth {depth} has its lowest point far from the best rate, or none")
    return np.log2(DEPTH_RATES[depth][best]) + (low - high) / (2 * bend)


def _rate(runs: pd.DataFrame, *, depth: int) -> tuple:
    return student(_lowest(runs, depth) - _lowest(runs, _BASE))


def _at_best(runs: pd.DataFrame, *, depth: int) -> tuple:
    own, default = (depth_logs(runs, layers) for layers in (depth, _BASE))
    return student(own[_best(own, depth)] - default[_best(default, _BASE)])


_DEPTHS = ("blocks-depth",)
_DEPTH_RULES: Rules = {
    **{f"rate-depth-{depth}": (_DEPTHS, partial(_rate, depth=depth)) for depth in DEPTH_RATES if depth != _BASE},
    **{f"best-depth-{depth}": (_DEPTHS, partial(_at_best, depth=depth)) for depth in DEPTH_RATES if depth > _BASE},
}

DEPTH_QUANTITIES: Mapping[str, Quantity] = quantities_of("blocks", _DEPTH_RULES, _depth_runs)
"""The quantities of the rules on `blocks-depth`, by name."""

# ---------------------------------------------------------------------- what a router has learned

ROUTING = "scaling_lib.runs.training.routing"
ROUTER_LAYERS = 2
_LN4 = float(np.log(4))  # of as many communities and experts
_APART = 0.25  # of two branches of seeds
_OF_A_ROUTER = ("identity", "status", "seed", "configuration", "measurements", "excess_loss")


@checked
def router_points(runs: Annotated[pd.DataFrame, BY_HAND]) -> pd.DataFrame:
    """One row for each finished run of `blocks-router` and each layer, in the order of the table.

    runs: with their measurements by `runs.training.routing`. Columns: identity, arm (of `ROUTER_ARMS`), seed, layer,
    excess_loss (nats), and in shares of ln 4: information (of the community and the first choice, corrected), nodes (of
    the node and the first choice), usage (entropy of how often each expert is the first choice); NaN where one was not
    measured. Raises InvalidArgument where a run is of no arm.
    """
    check_runs("runs", runs, _OF_A_ROUTER)
    used = runs[runs["status"] == "ok"]
    arms = [_router_arm(RunConfiguration.from_json(text)) for text in used["configuration"]]
    about = used[["identity", "seed", "excess_loss"]].assign(arm=arms)
    parts = []
    for layer in range(ROUTER_LAYERS):
        values = {
            name: measured_in(used, f"{ROUTING}:{name}_{layer}") / _LN4 for name in ("information", "nodes", "usage")
        }
        parts.append(about.assign(layer=layer, **values))
    columns = ["identity", "arm", "seed", "layer", "excess_loss", "information", "nodes", "usage"]
    return pd.concat(parts)[columns].sort_index(kind="stable").reset_index(drop=True)


def _router_arm(run: RunConfiguration) -> str:
    kind = run.source.ensemble, run.architecture.balance
    arms = [arm for arm, (source, balance) in ROUTER_ARMS.items() if kind == (source.ensemble, balance)]
    if not arms or run.architecture.experts == 1:
        wanted = "of the arms of blocks-router, four experts on its graphs with its weights of the balance"
        raise invalid("runs", wanted, run.architecture, "leave these runs out")
    return arms[0]


def _routed_runs(tables: Tables, name: str) -> pd.DataFrame | None:
    return without_pilots(tables, name, ("rules", *_OF_A_ROUTER))


def _of_router(runs: pd.DataFrame, arm: str, column: str) -> np.ndarray:
    """(seeds,): the mean over the layers, in the order of the seeds. Raises Forbids."""
    if (runs["status"] != "ok").any():
        raise Forbids("a run diverged")
    points = router_points(runs)
    values = points[points["arm"] == arm].pivot_table(
        index="seed", columns="layer", values=column, aggfunc="first", dropna=False
    )
    if tuple(values.index) != ROUTER_SEEDS:
        raise Forbids(f"there are fewer runs than the rule asks for, {len(ROUTER_SEEDS)} seeds in every arm")
    if not np.isfinite(values.to_numpy(float)).all():
        raise Forbids(f"the {column} of a router was not measured in every run")
    return values.to_numpy(float).mean(1)


def _information(runs: pd.DataFrame) -> tuple:
    own, control = (_of_router(runs, arm, "information") for arm in ("communities", "control"))
    student_of_one_branch(own, _APART)  # forbids two branches
    return welch(own, control)


def _lost_usage(runs: pd.DataFrame) -> tuple:
    balanced, without = (_of_router(runs, arm, "usage") for arm in ("communities", "communities-unbalanced"))
    return student_of_one_branch(balanced - without, _APART)


_ROUTER = ("blocks-router",)
_ROUTER_RULES: Rules = {
    "router-information": (_ROUTER, _information),
    "router-half": (_ROUTER, _information),
    "router-usage": (_ROUTER, _lost_usage),
}

ROUTER_QUANTITIES: Mapping[str, Quantity] = quantities_of("blocks", _ROUTER_RULES, _routed_runs)
"""The quantities of the rules on `blocks-router`, by name."""

BLOCK_QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {**quantities_of("blocks", _RULES), **DEPTH_QUANTITIES, **ROUTER_QUANTITIES}
)
"""Every quantity of the rules of `sources/blocks.toml`, by name."""
