"""Two neighbouring results, judged on the runs of `runs.sweeping.studies.neighbours`: what the rules of
`sources/neighbours.toml` compute. They were written, with planted truths, before those runs; the pilots fixed the rest.

**Collapse** (Qiu et al., arXiv 2507.02119). With e_j(x) the excess loss of curve j at the share x of its steps, over
the exact entropy rate, and z_j = ln e_j(x) - ln e_j(1), for 1/2 <= x <= 1,

    spread            what the widths add to the scatter of the seeds in z, a relative size, with its interval
                      (`fits.uncertainty.collapse`); the curves *fall on one* where it is .05 at most, and the
                      collapse is *broken* where it is more
    supercollapse     ln(D / s) below 0: D^2 the variance of z over all curves, s^2 that of ln e over the seeds of a
                      width, both averaged over x; jackknife over curves

The controls that ought to break it: steps that grow with the width as they should fall; a floor that is too low by a
tenth of the mean final excess, one number for all widths (too high breaks more); and a gamma wrong by a tenth, with
which x is t / (t* (w / 64)^(.1 gamma)) of the same runs, divided by their values at the last x that all have, the way
that breaks it less. A floor breaks nothing where all curves end at one loss, and a gamma little where it is small: such
a control says *differs*, which means that the collapse does not see the error at this size.

**One third** (Liu, Liu, Pehlevan and Gore, arXiv 2602.03685). With the leak of a run at several tau, the sum of its
learning rates, each seed's own straight line through ln leak in ln tau gives

    exponent          minus its slope
    straightness      minus the change of that slope over the range, from a parabola: 0 for a power law
    overlay           the mean difference of ln leak between two learning rates at equal tau, paired by the seed (which
                      fixes graph and first weights): 0 if the leak is a function of tau

with Student's interval over seeds. The exponent is that of one constant learning rate; the law is reproduced only where
exponent, straightness and overlay are.

Every rule leaves out seeds from 900 on, asks for every seed of the grid, stops when the grid is complete, and is
undetermined with fewer seeds, a diverged run, seeds in two branches (of ln of the final excess, in each width of
`twins-collapse`; of a seed's exponent, straightness or overlay, more than a margin apart), a power below .8, or an
interval that reproduces and is longer than 1.2 margins.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Annotated

import numpy as np
import pandas as pd
from scipy import stats

from scaling_lib.arguments import BY_HAND, checked
from scaling_lib.errors import InvalidArgument, invalid
from scaling_lib.fits.seeds.mixtures import branches
from scaling_lib.fits.uncertainty.collapse import by_own_end, collapse, rescaled
from scaling_lib.fits.undetermined import Undetermined
from scaling_lib.pages.judging.twins.studies import (
    PILOT,
    Forbids,
    Quantity,
    Rules,
    quantities_of,
    student_of_one_branch,
)
from scaling_lib.runs.keeping.tables import check_runs
from scaling_lib.runs.sweeping.studies.neighbours import GAMMA, LOST

__all__ = ["NEIGHBOUR_QUANTITIES", "pilot_gamma"]

WIDTHS = (32, 48, 64, 96)
SEEDS = MappingProxyType(
    {"twins-collapse": 12, "twins-collapse-opposite": 6}
    | dict.fromkeys(("twins-third", "twins-third-half", "twins-third-degree-2"), 6)
)
# x from which a curve is compared.
LATE = 0.5
WRONG = 0.1
# tau = rate x count, in both studies of one third; at half the rate there are twice these counts, up to the last.
RATE = 0.125
COUNTS = MappingProxyType(
    {"twins-third": (200, 400, 800, 1600, 3200, 6400), "twins-third-degree-2": (200, 400, 800, 1600, 3200)}
)
SHARED = (200, 400, 800, 1600)


# ---------------------------------------------------------------------- collapse


def steps_of(gamma: float) -> dict[int, int]:
    """The steps t* of each width."""
    return {width: round(400 * (width / 64) ** gamma) for width in WIDTHS}


def _curves(runs: pd.DataFrame) -> pd.DataFrame:
    """The excess loss along each run: size (its width), seed, x (share of its steps), y. Raises Forbids."""
    parts = []
    for row in runs.itertuples():
        result = json.loads(str(row.result))
        steps, excess = np.array(result["curve_steps"], float), np.array(result["curve_excess_loss"], float)
        if row.status != "ok" or not (np.isfinite(excess).all() and (excess > 0).all()):
            raise Forbids("a run diverged")
        later = steps > 0
        share = steps[later] / steps[-1]
        parts.append(pd.DataFrame({"size": float(row.width), "seed": row.seed, "x": share, "y": excess[later]}))
    return pd.concat(parts, ignore_index=True)


def _study_curves(runs: pd.DataFrame, study: str, gamma: float, *, branched: bool = True) -> pd.DataFrame:
    """The curves of a study; branched: whether two branches forbid a verdict. Raises Forbids."""
    wanted = steps_of(gamma)
    used = runs[runs["optimizer_steps"] == runs["width"].map(wanted)]
    counts = used.groupby("width")["seed"].nunique()
    if set(counts.index) != set(WIDTHS) or counts.min() < SEEDS[study]:
        raise Forbids(f"there are fewer runs than the rule asks for, {SEEDS[study]} seeds at every width")
    curves = _curves(used)
    if branched:
        ends = curves.groupby(["size", "seed"])["y"].last()
        for _, of_width in ends.groupby(level="size"):
            split = branches(np.log(of_width.to_numpy()))
            if not isinstance(split, Undetermined) and split.two:
                raise Forbids("the seeds of a width fall into two branches")
    return curves


def _spread_of(curves: pd.DataFrame) -> tuple[float, float, float, None]:
    """The spread over widths of curves that are divided already, with its interval."""
    tested = collapse(curves, np.random.default_rng(0), spacing="linear", resamples=20, smallest=LATE)
    if isinstance(tested, Undetermined):
        raise Forbids(tested.reason)
    return tested.spread, tested.low, tested.high, None


def _spread(runs: pd.DataFrame, *, study: str, gamma: float, branched: bool) -> tuple:
    return _spread_of(by_own_end(_study_curves(runs, study, gamma, branched=branched)))


def _wrong_floor(runs: pd.DataFrame) -> tuple:
    """The spread with a floor too low by a tenth of the mean final excess."""
    curves = _study_curves(runs, "twins-collapse", GAMMA)
    error = WRONG * float(curves.groupby(["size", "seed"])["y"].last().mean())
    return _spread_of(by_own_end(curves.assign(y=curves["y"] + error)))


def _wrong_gamma(runs: pd.DataFrame) -> tuple:
    """The spread with a gamma wrong by a tenth, the smaller of both ways."""
    curves = _study_curves(runs, "twins-collapse", GAMMA)
    relative = curves.assign(size=curves["size"] / 64)
    return min(_spread_of(_at_one_end(rescaled(relative, x_power=-sign * WRONG * GAMMA))) for sign in (1, -1))


def _at_one_end(curves: pd.DataFrame) -> pd.DataFrame:
    """Each curve divided by its value at the last x that all curves have, and cut off there."""
    last = float(curves.groupby(["size", "seed"])["x"].max().min())
    parts = []
    for _, part in curves.groupby(["size", "seed"]):
        end = float(np.exp(np.interp(last, part["x"], np.log(part["y"]))))
        inside = part[part["x"] < last]
        closing = part.iloc[[-1]].assign(x=last, y=end)
        whole = pd.concat([inside, closing])
        parts.append(whole.assign(x=whole["x"] / last, y=whole["y"] / end))
    return pd.concat(parts, ignore_index=True)


def _supercollapse(runs: pd.DataFrame) -> tuple:
    """ln(D / s) of the module's docstring, by jackknife over curves."""
    curves = _study_curves(runs, "twins-collapse", GAMMA)
    x = np.linspace(LATE, 1.0, 25)
    keys, logs = [], []
    for key, part in curves.groupby(["size", "seed"]):
        keys.append(key[0])
        logs.append(np.interp(x, part["x"], np.log(part["y"])))
    label, heights = np.unique(keys, return_inverse=True)[1], np.array(logs)  # (curves,), (curves, x)

    def ratio(kept: np.ndarray) -> float:
        some, of = heights[kept], label[kept]
        divided = some - some[:, -1:]
        scatter = [some[of == one] - some[of == one].mean(axis=0) for one in range(len(WIDTHS))]
        noise = (np.concatenate(scatter) ** 2).sum(axis=0) / (len(of) - len(WIDTHS))
        return float(0.5 * np.log(divided.var(axis=0, ddof=1).mean() / noise.mean()))

    everything = np.arange(len(label))
    value = ratio(everything)
    without = np.array([ratio(np.delete(everything, one)) for one in everything])
    n, freedom = len(label), len(label) - len(WIDTHS)
    half = float(stats.t.ppf(0.975, freedom) * np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    return value, value - half, value + half, freedom


@checked
def pilot_gamma(pilot: Annotated[pd.DataFrame, BY_HAND]) -> float:
    """gamma at which the mean curves of the pilot (`twins-collapse-pilot`) agree best for t* = 400 (w / 64)^gamma, of
    the multiples of .05 from -1.2 to 1.2; at an S between those of the pilot z is interpolated linearly in ln S.

    Raises InvalidArgument.
    """
    check_runs("pilot", pilot, ("width", "seed", "optimizer_steps", "status", "result"))
    if (pilot["seed"] < PILOT).any():
        raise invalid(
            "pilot", f"runs of seeds from {PILOT} on", sorted(set(pilot["seed"])), "pass twins-collapse-pilot"
        )
    x = np.linspace(LATE, 1.0, 25)
    heights: dict[tuple[int, int], np.ndarray] = {}
    for (width, steps), runs in pilot.groupby(["width", "optimizer_steps"]):
        try:
            parts = [part for _, part in by_own_end(_curves(runs)).groupby("seed")]
        except Forbids as reason:
            raise InvalidArgument(f"pilot must hold finished runs, but {reason}: train it again.") from None
        heights[width, steps] = np.mean([np.interp(x, part["x"], np.log(part["y"])) for part in parts], axis=0)
    lengths = sorted({steps for _, steps in heights})
    widths = sorted({width for width, _ in heights})
    if len(lengths) != 2 or len(widths) < 2 or len(heights) != 2 * len(widths):
        raise invalid("pilot", "of two S at two widths or more", sorted(heights), "pass twins-collapse-pilot")

    def spread(gamma: float) -> float:
        curves = []
        for width in widths:
            share = np.log(400 * (width / 64) ** gamma / lengths[0]) / np.log(lengths[1] / lengths[0])
            curves.append((1 - share) * heights[width, lengths[0]] + share * heights[width, lengths[1]])
        return float(np.var(curves, axis=0, ddof=1).mean())

    return min((place / 20 for place in range(-24, 25)), key=spread)


# ---------------------------------------------------------------------- one third


def _leaks(runs: pd.DataFrame, study: str, rate: float, counts: Sequence[int]) -> np.ndarray:
    """ln of the leak, (tau, seeds), at tau = rate x count, the seeds in order. Raises Forbids."""
    asked = SEEDS[study]
    used = runs[np.isclose(runs["learning_rate"], rate) & runs["optimizer_steps"].isin([LOST + c for c in counts])]
    table = used.pivot_table(index="optimizer_steps", columns="seed", values="leak", aggfunc="first", dropna=False)
    if len(table) != len(counts) or table.shape[1] < asked or len(used) < asked * len(counts):
        raise Forbids(f"there are fewer runs than the rule asks for, {asked} seeds at every length")
    if (used["status"] != "ok").any():
        raise Forbids("a run diverged")
    if used["leak"].isna().any() or not (used["leak"] > 0).all():
        raise Forbids("the leak was not measured in every run")
    return np.log(table.sort_index().to_numpy(float))


def _exponent(runs: pd.DataFrame, *, study: str) -> tuple:
    counts = COUNTS[study]
    return student_of_one_branch(-np.polyfit(np.log(counts), _leaks(runs, study, RATE, counts), 1)[0], 0.1)


def _straightness(runs: pd.DataFrame, *, study: str) -> tuple:
    """Minus the change of the slope over the whole range of tau."""
    logs, size = _leaks(runs, study, RATE, COUNTS[study]), np.log(COUNTS[study])
    return student_of_one_branch(-2 * np.polyfit(size, logs, 2)[0] * (size[-1] - size[0]), 0.2)


def _overlay(whole: pd.DataFrame, halved: pd.DataFrame) -> tuple:
    """ln leak at the first rate less that at half of it, mean over the tau of both."""
    first = _leaks(whole, "twins-third", RATE, SHARED)
    half = _leaks(halved, "twins-third-half", RATE / 2, [2 * count for count in SHARED])
    if set(whole["seed"]) != set(halved["seed"]):
        raise Forbids("the two rates do not have the same seeds")
    return student_of_one_branch((first - half).mean(axis=0), 0.2)


_COLLAPSE, _OPPOSITE = ("twins-collapse",), ("twins-collapse-opposite",)
_THIRD, _PEAKED = ("twins-third",), ("twins-third-degree-2",)
_RULES: Rules = {
    "collapse": (_COLLAPSE, partial(_spread, study="twins-collapse", gamma=GAMMA, branched=True)),
    "supercollapse": (_COLLAPSE, _supercollapse),
    "collapse-opposite": (_OPPOSITE, partial(_spread, study="twins-collapse-opposite", gamma=-GAMMA, branched=False)),
    "collapse-floor": (_COLLAPSE, _wrong_floor),
    "collapse-gamma": (_COLLAPSE, _wrong_gamma),
    "third": (_THIRD, partial(_exponent, study="twins-third")),
    "third-straight": (_THIRD, partial(_straightness, study="twins-third")),
    "third-overlay": (("twins-third", "twins-third-half"), _overlay),
    "third-degree-2": (_PEAKED, partial(_exponent, study="twins-third-degree-2")),
    "third-straight-degree-2": (_PEAKED, partial(_straightness, study="twins-third-degree-2")),
}

NEIGHBOUR_QUANTITIES: Mapping[str, Quantity] = quantities_of("twins", _RULES)
