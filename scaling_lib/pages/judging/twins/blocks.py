"""Whether the law moves with the block, judged: what each rule of `sources/blocks.toml` computes.

Written before any of the runs of `runs.sweeping.studies.blocks` but its pilot, of which nothing is judged. An arm is
compared with the default on the same graphs and walks, seed by seed, at one learning rate:

    level       ln(excess loss) of the arm less that of the default, after 800 steps and after 3,200: the prefactor
    exponent    the difference of ln(e(800) / e(3200)) / ln 4: beta between the two
    flops       the level of two of four experts, after the steps that have the FLOPs of 800 of the default

with Student's interval over seeds. Seeds from 900 on are left out, every seed of the grid is asked for, and a row is
undetermined where the seeds of an arm fall into two branches, where the power is below .8, and where an interval longer
than 1.2 margins would reproduce.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import numpy as np
import pandas as pd

from scaling_lib.pages.judging.twins.studies import (
    RATE,
    Forbids,
    Quantity,
    Rules,
    paired,
    quantities_of,
    student,
    study_points,
)
from scaling_lib.runs.records import RunConfiguration
from scaling_lib.runs.sweeping.axes import value_of
from scaling_lib.runs.sweeping.studies.blocks import ARM_FIELDS, ARMS, FLOPS_STEPS, LONG, SHORT

__all__ = ["BLOCK_QUANTITIES", "BLOCK_SEEDS"]

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


_Rule = tuple[Sequence[str | tuple[str, ...]], Callable[..., tuple]]


_MORE = ("experts", "depth-1", "depth-4")  # arms whose long runs are an experiment of their own


def _of_arms(arm: str) -> dict[str, _Rule]:
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

BLOCK_QUANTITIES: Mapping[str, Quantity] = quantities_of("blocks", _RULES)
"""Every quantity of the rules of `sources/blocks.toml`, by name."""
