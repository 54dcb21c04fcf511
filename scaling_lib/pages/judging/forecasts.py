"""Forecasts that this book registered before their runs, scored against the forecast that nothing changes.

A loss that falls slowly with the width lies in many bands, and a run inside a wide band says little. So the score is

    skill = 1 - |ln(loss / forecast)| / |ln(loss / no change)|,

with the loss of the widest model that had been trained when the forecast was made as the forecast of no change: 1 is a
perfect forecast, 0 one no better than no change, and less than 0 a worse one. The losses are means over seeds of
ln(excess loss) at the best learning rate, and the interval has the scatter of the seeds of both models.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

import numpy as np
import pandas as pd
from scipy import stats

from scaling_lib.arguments import Positive, checked
from scaling_lib.errors import check_choice, invalid
from scaling_lib.fits.seeds import SeedMean
from scaling_lib.fits.uncertainty.intervals import student_mean
from scaling_lib.fits.undetermined import first_undetermined
from scaling_lib.pages.judging.measured import Measured, Outcome, Tables, Undecided
from scaling_lib.pages.judging.replicates import points_of

__all__ = ["Forecast", "Scored", "registered", "scored", "skill"]


@checked
@dataclass(frozen=True)
class Forecast:
    """experiment, width, tokens: of the run that was forecast. value, half: nats of excess loss, the middle of the band
    and half its length. nearest: the widest model that had been trained."""

    experiment: str
    width: int
    tokens: int
    value: Positive
    half: Positive
    nearest: int


@checked
@dataclass(frozen=True)
class Scored:
    """loss, low, high: nats of excess loss of the run that was forecast, its mean over seeds and 95 % interval.
    unchanged: of the widest model before it, the forecast of no change. inside, unchanged_inside: whether each of the
    two lies in the band that was registered."""

    loss: float
    low: float
    high: float
    unchanged: float
    inside: bool
    unchanged_inside: bool


@cache
def registered() -> Mapping[str, Forecast]:
    """Every forecast by name: `forecast.NAME` is its claim."""
    text = (resources.files(__package__) / "forecasts.toml").read_text(encoding="utf-8")
    return MappingProxyType({name: Forecast(**fields) for name, fields in tomllib.loads(text).items()})


def _points(name: str, tables: Tables) -> tuple[SeedMean, SeedMean, pd.DataFrame] | None:
    """The run that was forecast, the nearest narrower one, and the runs of both; None without two seeds of each."""
    asked = registered()[check_choice("name", name, tuple(registered()))]
    if not callable(tables):
        raise invalid("tables", "a function from experiment name to runs", tables, "pass recorded_or_none")
    runs = tables(asked.experiment)
    if runs is None or runs.empty:
        return None
    both = runs[(runs["D"] == asked.tokens) & runs["width"].isin([asked.width, asked.nearest])]
    if both["width"].nunique() < 2:
        return None
    points = {int(point.at["width"]): point for point in points_of(both)}
    ours, before = points[asked.width], points[asked.nearest]
    return (ours, before, both) if min(ours.seeds, before.seeds) > 1 else None


def scored(name: str, tables: Tables) -> Scored | None:
    """What became of a forecast; None where its runs, or those before it, are not there. Raises InvalidArgument."""
    points = _points(name, tables)
    if points is None:
        return None
    asked = registered()[name]
    ours, before = points[:2]
    loss, low, high, unchanged = np.exp([*student_mean(ours.logs), before.logs.mean()]).tolist()
    inside, unchanged_inside = (abs(one - asked.value) <= asked.half for one in (loss, unchanged))
    return Scored(loss, low, high, unchanged, inside, unchanged_inside)


def skill(name: str, tables: Tables) -> Outcome:
    """The skill of a forecast with its 95 % interval from the seeds of both models; None where they are not there.

    The interval is that of the delta method, Student's on the degrees of freedom of Welch and Satterthwaite.
    Raises InvalidArgument.
    """
    points = _points(name, tables)
    if points is None:
        return None
    ours, before, runs = points
    identities, rules = tuple(runs["identity"]), tuple(sorted(set(runs["rules"])))
    doubt = first_undetermined(point.log_excess for point in (ours, before))
    if doubt is not None:
        return Undecided(doubt.reason, identities, rules)
    missed = float(ours.logs.mean() - np.log(registered()[name].value))
    changed = float(ours.logs.mean() - before.logs.mean())
    value = 1 - abs(missed) / abs(changed)
    by_loss = (abs(missed) / changed - np.sign(missed)) / abs(changed)
    by_before = -abs(missed) / abs(changed) / changed
    parts = np.array(
        [
            factor**2 * point.logs.var(ddof=1) / point.seeds
            for factor, point in ((by_loss, ours), (by_before, before))
        ]
    )
    freedoms = np.array([ours.seeds - 1, before.seeds - 1])
    total = float(parts.sum())
    degrees = total**2 / float((parts**2 / freedoms).sum()) if total else 1.0
    half = float(stats.t.ppf(0.975, degrees)) * total**0.5
    return Measured(value, value - half, value + half, identities, rules, degrees)
