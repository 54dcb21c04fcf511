"""The controls of the studies of twins, judged: what each rule of `sources/controls.toml` computes.

What `rules` says of every rule holds here: seeds from 900 on are left out, every seed of the study is asked for at
every point, nothing is added after a look, and a row is undetermined where a chosen learning rate is at an end, where
the seeds fall into two branches, where a fitted line is rejected, where the power is below .8, and where an interval
longer than 1.2 margins would reproduce. The tables are those of `runs.sweeping.studies.controls`, compared with twins-
beta and twins-size. Where both arms draw the same graph and weights from a seed, their difference is taken seed by
seed.

Visits. With x = D / (2E - n), r visits of a transition a step and S steps, x and S are one variable while r stays. At
sixteen times r and equal x there is a sixteenth of the steps; if x alone sets the loss it does not move, and if S alone
does it moves as a change of S would.

Parametrizations. The mean over widths of ln(excess loss) of one arm less that of another, each at its own best rate of
every width. A width at which either has its best rate at an end is left out while three remain.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import numpy as np
import pandas as pd

from scaling_lib.fits.seeds import SeedMean, branched_slope
from scaling_lib.fits.undetermined import Undetermined, first_undetermined
from scaling_lib.pages.judging.twins.studies import (
    RATE,
    Forbids,
    Quantity,
    Rules,
    agreed,
    forbid,
    logs_of,
    of_slope,
    one_branch,
    paired,
    quantities_of,
    student,
    study_points,
    welch,
)

__all__ = ["ARMS", "ARM_STEPS", "CONTROL_QUANTITIES", "CONTROL_SEEDS"]

# Seeds that a rule asks for at every point of one of its own experiments.
CONTROL_SEEDS = MappingProxyType(
    {
        **dict.fromkeys(("twins-visits", "twins-visits-rates", "twins-visits-steps"), 12),
        **dict.fromkeys(("twins-visits-200", "twins-visits-200-rates", "twins-decay", "twins-context"), 12),
        **dict.fromkeys(("twins-kappa", "twins-kappa-10", "twins-kappa-1000", "twins-kappa-rates"), 12),
        **dict.fromkeys(("twins-scale-free-size", "twins-scale-free", "twins-arms-56"), 12),
        **dict.fromkeys(("twins-arms-222", "twins-arms-900"), 6),
    }
)
# Steps at sixteen times the visits, and as many observations at the visits of the other studies.
FEW, AS_MANY = 100, 1600
EQUAL = 400
WINDOW = (800, 6400)
SCALE_FREE_STEPS = (400, 800)
# The margin of exponents, which the slope of scale-free graphs in ln n must keep before one size stands for others.
FLAT = 0.1
# Kind of parametrization and power of the width on the embedding's rate.
ARMS = MappingProxyType(
    {"mup": ("mup", 0.0), "sp": ("sp", 0.0), "sp-embedding": ("sp", 1.0), "mup-without": ("mup", -1.0)}
)
# S of the experiments whose names have the observations of every transition, x.
ARM_STEPS = MappingProxyType({56: 100, 222: 400, 900: 1600})
FEWEST_WIDTHS = 3


# ---------------------------------------------------------------------- visits


def _equal_observations(twin: pd.DataFrame, visits: pd.DataFrame, *, rate: float | None) -> tuple:
    """ln(excess) with sixteen times the visits a step less that with as many observations, at n = 100."""
    many = visits, study_points(visits, "twins-visits", (FEW,), rate, asked=12)
    return student(paired(many, (twin, study_points(twin, "twins-beta", (AS_MANY,), rate)))[0])


def _equal_steps(twin: pd.DataFrame, visits: pd.DataFrame) -> tuple:
    """The same at as many steps."""
    many = visits, study_points(visits, "twins-visits-steps", (EQUAL,), RATE, asked=12)
    return student(paired(many, (twin, study_points(twin, "twins-beta", (EQUAL,), RATE)))[0])


def _equal_observations_200(sizes: pd.DataFrame, visits: pd.DataFrame, *, rate: float | None) -> tuple:
    """ln(excess) with sixteen times the visits a step less that with as many observations, at n = 200."""
    many = study_points(visits, "twins-visits-200", (FEW,), rate, asked=12)
    few = study_points(sizes[sizes["nodes"] == 200], "twins-size", (AS_MANY,), rate)
    for points in (many, few):
        one_branch(points)
    return welch(logs_of(many)[0], logs_of(few)[0])


# ---------------------------------------------------------------------- one thing changed


def _arms(twin: pd.DataFrame, arm: pd.DataFrame, study: str, rate: float | None) -> np.ndarray:
    """(S, seeds): ln(excess) of an arm less that of twins-beta at the ends of the window, seed by seed."""
    changed = arm, study_points(arm, study, WINDOW, rate, asked=CONTROL_SEEDS[study])
    return paired(changed, (twin, study_points(twin, "twins-beta", WINDOW, rate)))


def _exponent(logs: np.ndarray) -> np.ndarray:
    """(seeds,): the mean exponent between the ends of the window."""
    return (logs[0] - logs[1]) / np.log(WINDOW[1] / WINDOW[0])


def _exponent_difference(twin: pd.DataFrame, arm: pd.DataFrame, *, study: str, rate: float | None = RATE) -> tuple:
    """The mean exponent of an arm over the window less that of twins-beta."""
    return student(_exponent(_arms(twin, arm, study, rate)))


def _level_difference(twin: pd.DataFrame, arm: pd.DataFrame, *, study: str, steps: Sequence[int]) -> tuple:
    """ln(excess) of an arm less that of twins-beta, each seed's mean over these S of the window."""
    return student(_arms(twin, arm, study, RATE)[[WINDOW.index(step) for step in steps]].mean(axis=0))


# ---------------------------------------------------------------------- scale-free graphs


def _scale_free_size(sizes: pd.DataFrame) -> tuple:
    """d ln(excess) / d ln(n) at equal attachments, visits a step and steps, a constant for each S."""
    asked = CONTROL_SEEDS["twins-scale-free-size"]
    points = study_points(sizes, "twins-scale-free-size", SCALE_FREE_STEPS, RATE, asked=asked)
    if len({point.at["nodes"] for point in points}) < 4:
        raise Forbids("there are fewer runs than the rule asks for: a size is missing")
    return of_slope(agreed(points, "nodes", ("optimizer_steps",)))


def _scale_free_exponent(twin: pd.DataFrame, sizes: pd.DataFrame, scale_free: pd.DataFrame) -> tuple:
    """The mean exponent of a scale-free graph over the window less that of twins-beta, where one size stands for
    others."""
    _, low, high, _ = _scale_free_size(sizes)
    if low < -FLAT or high > FLAT:
        raise Forbids("the excess loss of scale-free graphs may depend on the number of nodes, so one size is no twin")
    arms = []
    for runs, study, asked in ((scale_free, "twins-scale-free", 12), (twin, "twins-beta", 0)):
        points = study_points(runs, study, WINDOW, RATE, asked=asked)
        one_branch(points)
        arms.append(_exponent(logs_of(points)))
    return welch(*arms)


# ---------------------------------------------------------------------- parametrizations


def _arm_points(runs: pd.DataFrame, study: str, arm: str, steps: int) -> dict[int, SeedMean]:
    """By width, the points of an arm at the rate chosen on one half of the seeds and scored on the other."""
    kind, power = ARMS[arm]
    shapes = [json.loads(text)["parametrization"] for text in runs["configuration"]]
    own = [shape["kind"] == kind and shape.get("embedding_rate_power", 0.0) == power for shape in shapes]
    points = {}
    for width, part in runs[own].groupby("width"):
        (points[int(width)],) = study_points(part, study, (steps,), None, asked=CONTROL_SEEDS[study])
    return points


def _compared(runs: pd.DataFrame, study: str, arms: tuple[str, str], steps: int) -> tuple[np.ndarray, np.ndarray]:
    """(widths,) and (widths, seeds): ln(excess) of the first arm less that of the second, seed by seed."""
    first, second = (_arm_points(runs, study, arm, steps) for arm in arms)
    if set(first) != set(second) or len(first) < 4:
        raise Forbids("there are fewer runs than the rule asks for: a width is missing")
    widths = [width for width in sorted(first) if first[width].doubt is None and second[width].doubt is None]
    if len(widths) < FEWEST_WIDTHS:
        forbid(first_undetermined(points[width].log_excess for points in (first, second) for width in sorted(points)))
    logs = []
    for points in (first, second):
        kept = [SeedMean({"width": float(width)}, points[width].logs) for width in widths]
        within = branched_slope(kept, "width", rejection=None).within
        if isinstance(within, Undetermined):
            raise Forbids(within.reason)
        if within is not None:
            raise Forbids("the seeds fall into two branches, so that a level would be a mean over both")
        logs.append(logs_of(kept))
    return np.array(widths, float), logs[0] - logs[1]


def _arm_level(runs: pd.DataFrame, *, study: str, arms: tuple[str, str], steps: int) -> tuple:
    """ln(excess) of one arm less that of another, each seed's mean over widths."""
    return student(_compared(runs, study, arms, steps)[1].mean(axis=0))


def _arm_slope(runs: pd.DataFrame, *, study: str, arms: tuple[str, str], steps: int) -> tuple:
    """The slope of that difference in ln(width), each seed's own."""
    widths, differences = _compared(runs, study, arms, steps)
    centred = np.log(widths) - np.log(widths).mean()
    return student(centred @ differences / (centred @ centred))


# ---------------------------------------------------------------------- by name

_Rule = tuple[Sequence[str | tuple[str, ...]], Callable[..., tuple]]

_BETA_RATES, _SIZE_RATES = ("twins-beta", "twins-beta-rates"), ("twins-size", "twins-size-rates")
_VISITS = (_BETA_RATES, ("twins-visits", "twins-visits-rates"))
_VISITS_200 = (_SIZE_RATES, ("twins-visits-200", "twins-visits-200-rates"))


def _of_arms(observations: int) -> dict[str, _Rule]:
    study, steps = f"twins-arms-{observations}", ARM_STEPS[observations]

    def rule(compute: Callable[..., tuple], *arms: str) -> _Rule:
        return (study,), partial(compute, study=study, arms=arms, steps=steps)

    return {
        f"arms-advantage-{observations}": rule(_arm_level, "sp", "mup"),
        f"arms-embedding-{observations}": rule(_arm_level, "sp-embedding", "mup"),
        f"arms-without-{observations}": rule(_arm_level, "mup-without", "sp"),
        f"arms-embedding-slope-{observations}": rule(_arm_slope, "sp-embedding", "mup"),
    }


_RULES: Rules = {
    "visits-observations-fixed": (("twins-beta", "twins-visits"), partial(_equal_observations, rate=RATE)),
    "visits-observations-selected": (_VISITS, partial(_equal_observations, rate=None)),
    "visits-fewer-steps": (_VISITS, partial(_equal_observations, rate=None)),
    "visits-steps": (("twins-beta", "twins-visits-steps"), _equal_steps),
    "visits-more-data": (("twins-beta", "twins-visits-steps"), _equal_steps),
    "visits-observations-200-fixed": (
        ("twins-size", "twins-visits-200"),
        partial(_equal_observations_200, rate=RATE),
    ),
    "visits-observations-200-selected": (_VISITS_200, partial(_equal_observations_200, rate=None)),
    "visits-fewer-steps-200": (_VISITS_200, partial(_equal_observations_200, rate=None)),
    "decay-level": (("twins-beta", "twins-decay"), partial(_level_difference, study="twins-decay", steps=(6400,))),
    "context-level": (("twins-beta", "twins-context"), partial(_level_difference, study="twins-context", steps=WINDOW)),
    "kappa-exponent-selected": (
        (_BETA_RATES, ("twins-kappa", "twins-kappa-rates")),
        partial(_exponent_difference, study="twins-kappa", rate=None),
    ),
    "scale-free-size": (("twins-scale-free-size",), _scale_free_size),
    "scale-free-exponent": (
        ("twins-beta", "twins-scale-free-size", "twins-scale-free"),
        _scale_free_exponent,
    ),
    **{
        f"{study.removeprefix('twins-')}-exponent": (
            ("twins-beta", study),
            partial(_exponent_difference, study=study),
        )
        for study in ("twins-decay", "twins-context", "twins-kappa", "twins-kappa-10", "twins-kappa-1000")
    },
    **{name: rule for observations in ARM_STEPS for name, rule in _of_arms(observations).items()},
}

CONTROL_QUANTITIES: Mapping[str, Quantity] = quantities_of("controls", _RULES)
"""Every quantity of the rules of `sources/controls.toml`, by name."""
