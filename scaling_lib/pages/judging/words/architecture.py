"""Blocks and emergence as points, for the figures of chapter 7, and what their verdicts say in sentences.

Every mean is over the seeds of a point; pilots (seeds from 900 on) and runs that diverged are left out. Differences
between blocks are those that the rules compare (`blocks`): ln of the excess loss, on the same graphs and walks.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
import pandas as pd

from scaling_lib.arguments import BY_HAND, Choice, checked
from scaling_lib.errors import InvalidArgument, check_text, invalid
from scaling_lib.fits.seeds.mixtures import branches
from scaling_lib.fits.undetermined import Undetermined
from scaling_lib.pages.drawing.numbers import number
from scaling_lib.pages.judging.claims import Row
from scaling_lib.pages.judging.ledger import VERDICTS
from scaling_lib.pages.judging.twins.emergence import written
from scaling_lib.pages.judging.twins.studies import PILOT, student
from scaling_lib.pages.judging.words.findings import Rows, Words
from scaling_lib.runs.keeping.tables import check_runs
from scaling_lib.runs.records import RunConfiguration
from scaling_lib.runs.sweeping.axes import value_of
from scaling_lib.runs.sweeping.studies.blocks import ARM_FIELDS, ARMS

__all__ = ["ARCHITECTURE", "EMERGENT", "block_points", "blocks_finding", "phase_points"]

_ARM_OF = {values: arm for arm, values in ARMS.items()}
_TWO = "two-experts"
_POINT = ["status", "seed", "optimizer_steps", "excess_loss", "configuration"]


def _judged(runs: pd.DataFrame) -> pd.DataFrame:
    kept = runs[(runs["seed"] < PILOT) & (runs["status"] == "ok")]
    if kept.empty:
        raise invalid("runs", f"with finished runs of seeds below {PILOT}", f"none in {len(runs)}", "leave pilots out")
    return kept


def _interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean, low, high: Student's 95 % interval over seeds; NaN with one seed."""
    return student(values)[:3] if len(values) > 1 else (float(values.mean()), np.nan, np.nan)


@checked
def block_points(runs: Annotated[pd.DataFrame, BY_HAND]) -> pd.DataFrame:
    """One row for each arm of the study of blocks and each number of steps, in the order of its catalogue.

    runs: of `blocks-short`, `blocks-long` and the like, in one table. Columns: arm, steps, seeds, N, N_active, C
    (FLOPs), excess (nats: exp of the mean over seeds of ln), and difference, low, high: the mean of ln(excess loss) of
    the arm less that of the default at as many steps, over the seeds of both, with its 95 % interval; NaN without a
    default. The arm "two-experts" is compared with the 800 steps of the default. Raises InvalidArgument.
    """
    check_runs("runs", runs, (*_POINT, "N", "N_active", "C"))
    kept = _judged(runs)
    kept = kept.assign(
        arm=[_arm(text) for text in kept["configuration"]], log=np.log(kept["excess_loss"].astype(float))
    )
    default = {
        steps: part.set_index("seed")["log"]
        for steps, part in kept[kept["arm"] == "default"].groupby("optimizer_steps")
    }
    order = [*ARMS, _TWO]
    lines: list[dict[str, Any]] = []
    for (arm, steps), part in kept.groupby(["arm", "optimizer_steps"]):
        logs, first = part.set_index("seed")["log"], part.iloc[0]
        of_default = default.get(min(default) if arm == _TWO and default else steps, logs.iloc[:0])
        differences = (logs - of_default).dropna().to_numpy()  # seed by seed
        compared = _interval(differences) if len(differences) else (np.nan,) * 3
        about = {"arm": arm, "steps": steps, "seeds": len(logs)} | {
            name: first[name] for name in ("N", "N_active", "C")
        }
        lines.append(
            about | {"excess": np.exp(logs.mean())} | dict(zip(("difference", "low", "high"), compared, strict=True))
        )
    points = pd.DataFrame(lines)
    return points.sort_values("arm", key=lambda arms: arms.map(order.index), kind="stable", ignore_index=True)


def _arm(text: str) -> str:
    run = RunConfiguration.from_json(text)
    arm = _ARM_OF.get(tuple(value_of(run, field) for field in ARM_FIELDS))
    if arm == "experts" and run.architecture.active_experts == 2:
        return _TWO
    if arm is None:
        raise invalid("runs", "of the arms of the study of blocks", run.architecture, "leave these runs out")
    return arm


@checked
def phase_points(runs: Annotated[pd.DataFrame, BY_HAND], column: str = "leak") -> pd.DataFrame:
    """One row for each width and number of steps of the study of emergence, sorted.

    runs: of `emergence-phase`. column: what is averaged: a column of the table in nats (leak, within, excess_loss), by
    exp of the mean of ln, or else a metric of `runs.training.generation` ("walk_16", "brier", ...), by a plain mean.
    Columns: width, N, steps, D, seeds, mean, low, high (95 %, Student's over seeds), and of ln of the leak over the
    seeds: two (whether they fall into two branches) and good (the share in the lower one), None and NaN under six
    seeds. Raises InvalidArgument where the column is not there or was measured in no run.
    """
    check_runs("runs", runs, ("status", "seed", "width", "N", "optimizer_steps", "D", "leak", "measurements"))
    check_text("column", column)
    kept = _judged(runs)
    in_nats = column in ("leak", "within", "excess_loss")
    try:
        values = np.log(kept[column].to_numpy(float)) if in_nats else written(kept, column)
    except InvalidArgument:
        wanted = "leak, within, excess_loss or a metric of runs.training.generation that was measured"
        raise invalid("column", wanted, column, "measure it, or correct the name") from None
    lines: list[dict[str, Any]] = []
    kept = kept.assign(value=values)[np.isfinite(values)]
    for (width, steps), part in kept.groupby(["width", "optimizer_steps"]):
        mean, low, high = (np.exp(x) if in_nats else x for x in _interval(part["value"].to_numpy()))
        split = branches(np.log(part["leak"].to_numpy(float)))
        two, good = (None, np.nan) if isinstance(split, Undetermined) else (split.two, split.good)
        about = {"width": width, "N": int(part["N"].iloc[0]), "steps": steps, "D": int(part["D"].iloc[0])}
        lines.append(about | {"seeds": len(part), "mean": mean, "low": low, "high": high, "two": two, "good": good})
    return pd.DataFrame(lines)


# ---------------------------------------------------------------------- sentences


# What an arm has in place of the default's.
_ARM_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "rmsnorm": "RMSNorm",
        "swiglu": "SwiGLU",
        "multi-query": "one head of keys and values",
        "no-positions": "no positions",
        "experts": "one of four experts active",
        "depth-1": "one layer",
        "depth-4": "four layers",
    }
)


def _of_arm(arm: str) -> dict[str, Words]:
    what, name = _ARM_WORDS[arm], arm.replace("-", "_")
    words = {
        f"blocks.level_{name}": f"after 800 steps the excess loss with {what} is that of the default",
        f"blocks.level_long_{name}": f"after 3,200 steps the excess loss with {what} is that of the default",
        f"blocks.exponent_{name}": f"the exponent in $D$ with {what} is that of the default",
    }
    return {
        identifier: Words(f"{yes}, within the margin", yes.replace(" is that", " is not that"), yes)
        for identifier, yes in words.items()
    }


_DEPTHS: Mapping[int, str] = MappingProxyType({1: "one layer", 4: "four layers", 8: "eight layers"})


def _of_rate(what: str) -> Words:
    yes = f"the best learning rate of {what} is within a factor of two of that of two layers"
    return Words(yes, yes.replace(" is within", " is not within"), yes)


def _of_best(what: str) -> Words:
    yes = f"at the best rate of each, the excess loss of {what} is that of two layers"
    return Words(f"{yes}, within the margin", yes.replace(" is that", " is not that"), yes)


# By question: the rules that answer it.
ARCHITECTURE: Mapping[str, tuple[str, Mapping[str, Words]]] = MappingProxyType(
    {
        "norm": ("Does the norm matter?", _of_arm("rmsnorm")),
        "mlp": ("Does the MLP matter?", _of_arm("swiglu")),
        "attention": ("Do the heads matter?", _of_arm("multi-query")),
        "positions": ("Do the positions matter?", _of_arm("no-positions")),
        "experts": (
            "Do experts help?",
            _of_arm("experts")
            | {
                "blocks.flops_two_experts": Words(
                    "at equal FLOPs two of four experts have the excess loss of the default, within the margin",
                    "at equal FLOPs two of four experts do not have the excess loss of the default",
                    "at equal FLOPs two of four experts have the excess loss of the default",
                )
            },
        ),
        "router": (
            "What does the router learn on a graph with communities?",
            {
                "blocks.router_information": Words(
                    "with load balancing its choice says more about the community of a node than chance does",
                    "with load balancing its choice says less about the community of a node than chance does",
                    "with load balancing its choice says more about the community of a node than chance does",
                ),
                "blocks.router_half": Words(
                    "the experts are the communities, within the margin",
                    "the experts are not the communities: the choice says less than half of what it could say",
                    "the experts are the communities",
                ),
                "blocks.router_usage": Words(
                    "without load balancing it collapses onto few experts",
                    "without load balancing it does not collapse onto few experts",
                    "it collapses onto few experts without load balancing",
                ),
            },
        ),
        "depth": (
            "Does the depth matter, with CompleteP?",
            _of_arm("depth-1") | _of_arm("depth-4"),
        ),
        "depth_rates": (
            "Does one learning rate serve all depths?",
            {f"blocks.rate_depth_{depth}": _of_rate(what) for depth, what in _DEPTHS.items()}
            | {f"blocks.best_depth_{depth}": _of_best(what) for depth, what in _DEPTHS.items() if depth > 2},
        ),
    }
)
EMERGENT: Mapping[str, tuple[str, Mapping[str, Words]]] = MappingProxyType(
    {
        "product": (
            "Is a long walk one probability, multiplied?",
            {
                "emergence.product_wide": Words(
                    "at width 64 a walk of 16 steps is right with the probability $e^{-16\\,\\text{leak}}$, within the "
                    "margin",
                    "at width 64 a walk of 16 steps is not right with the probability $e^{-16\\,\\text{leak}}$",
                    "at width 64 a walk of 16 steps is right with the probability $e^{-16\\,\\text{leak}}$",
                ),
                "emergence.product_narrow": Words(
                    "at widths 16 to 32 a walk of 4 steps is right with the probability $e^{-4\\,\\text{leak}}$, "
                    "within the margin",
                    "at widths 16 to 32 a walk of 4 steps is not right with the probability $e^{-4\\,\\text{leak}}$",
                    "at widths 16 to 32 a walk of 4 steps is right with the probability $e^{-4\\,\\text{leak}}$",
                ),
                "emergence.transfer_wide": Words(
                    "at width 64 the transfer matrix gives that probability, within the margin",
                    "at width 64 the transfer matrix does not give that probability",
                    "at width 64 the transfer matrix gives that probability",
                ),
                "emergence.transfer_narrow": Words(
                    "at widths 16 to 32 the transfer matrix gives that probability, within the margin",
                    "at widths 16 to 32 the transfer matrix does not give that probability",
                    "at widths 16 to 32 the transfer matrix gives that probability",
                ),
            },
        ),
        "cliff": (
            "Does the smooth metric jump too?",
            {
                "emergence.cliff_width": Words(
                    "in width the leak has no cliff: its exponent is the same below 32 as above, within the margin",
                    "in width the leak itself has a cliff: its exponent is not the same below 32 as above",
                    "in width the leak has no cliff",
                ),
                "emergence.cliff_brier": Words(
                    "in width the Brier score has no cliff, within the margin",
                    "in width the Brier score has a cliff too",
                    "in width the Brier score has no cliff",
                ),
                "emergence.cliff_data": Words(
                    "in $D$, at width 64, the leak has no cliff, within the margin",
                    "in $D$, at width 64, the exponent of the leak is not the same from 100 to 200 steps as from 400 "
                    "to 800",
                    "in $D$, at width 64, the leak has no cliff",
                ),
                "emergence.sharpens": Words(
                    "more data do not sharpen the cliff in width, within the margin",
                    "more data change how steep the leak is in width",
                    "more data leave the cliff in width as steep as it is",
                ),
            },
        ),
        "branches": (
            "Do the seeds fall into two branches?",
            {
                "emergence.fluctuations": Words(
                    "the seeds scatter no more at the cliff than above it, within the margin",
                    "the seeds scatter more at the cliff than above it",
                    "the seeds scatter no more at the cliff than above it",
                ),
                "emergence.branches": Words(
                    "over the whole diagram two branches are the exception, within the margin",
                    "over the whole diagram two branches are no exception",
                    "over the whole diagram two branches are the exception",
                ),
            },
        ),
    }
)


# What is compared of all arms.
_COMPARED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "level": ("After 800 steps", "the excess loss"),
        "level_long": ("After 3,200 steps", "the excess loss"),
        "exponent": ("Between the two", "the exponent in $D$"),
    }
)


@checked
def blocks_finding(compared: Annotated[str, Choice(tuple(_COMPARED))], rows: Rows) -> str:
    """What the verdicts of `rows` say of all arms at once, Markdown: which are as the default, which are not, which are
    open.

    compared: "level" (ln of the excess loss after 800 steps), "level_long" (after 3,200) or "exponent" (in D, between
    the two). Rows of other rules are passed over; without rows of these the answer is "".
    """
    when, what = _COMPARED[compared]
    known = {row.claim.id: row for row in rows}
    arms = {arm: known.get(f"blocks.{compared}_{arm.replace('-', '_')}") for arm in _ARM_WORDS}
    said = {
        verdict: [
            _shown(_ARM_WORDS[arm], row) for arm, row in arms.items() if row is not None and row.verdict == verdict
        ]
        for verdict in VERDICTS
    }
    sentences = []
    if said["reproduced"]:
        sentences.append(f"{what} is that of the default, within the margin, with {_listed(said['reproduced'])}")
    if said["differs"]:
        sentences.append(f"{what} is not that of the default with {_listed(said['differs'])}")
    sentences += [
        f"open (*{verdict}*) is {what} with {_listed(said[verdict])}"
        for verdict in ("inconclusive", "undetermined", "not run")
        if said[verdict]
    ]
    if not sentences:
        return ""
    first, *others = sentences
    return " ".join([f"**{when}** {first}.", *(f"{sentence[0].upper()}{sentence[1:]}." for sentence in others)])


def _shown(words: str, row: Row) -> str:
    return words if row.shown is None else f"{words} ({number(row.shown.value, decimals=2)})"


def _listed(parts: list[str]) -> str:
    *others, last = parts
    return f"{', '.join(others)} and {last}" if others else last
