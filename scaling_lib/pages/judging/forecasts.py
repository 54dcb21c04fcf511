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
from scaling_lib.pages.judging.measured import Measured, Outcome, Tables, Undecided
from scaling_lib.pages.judging.replicates import AT_THE_EDGE, at_best_rate

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


def _points(name: str, tables: Tables) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """The seeds at the best rate of the run that was forecast and of the nearest narrower one; None without both."""
    asked = registered()[name]
    runs = tables(asked.experiment)
    if runs is None or runs.empty:
        return None
    runs = runs[(runs["D"] == asked.tokens) & (runs["status"] == "ok")]
    parts = [runs[runs["width"] == width] for width in (asked.width, asked.nearest)]
    if any(part.empty for part in parts):
        return None
    points = [at_best_rate(part) for part in parts]
    return None if any(len(part) < 2 for part in points) else (points[0], points[1])


def _mean(points: pd.DataFrame) -> tuple[float, float, int]:
    """Mean of ln(excess loss), the variance of that mean, and its degrees of freedom."""
    logs = np.log(points["excess_loss"].to_numpy(float))
    return float(logs.mean()), float(logs.var(ddof=1)) / len(logs), len(logs) - 1


def scored(name: str, tables: Tables) -> Scored | None:
    """What became of a forecast; None where its runs, or those before it, are not there."""
    points = _points(name, tables)
    if points is None:
        return None
    asked = registered()[name]
    (middle, variance, freedom), (before, _, _) = map(_mean, points)
    half = float(stats.t.ppf(0.975, freedom)) * variance**0.5
    loss, low, high, unchanged = np.exp([middle, middle - half, middle + half, before]).tolist()
    inside, unchanged_inside = (abs(one - asked.value) <= asked.half for one in (loss, unchanged))
    return Scored(loss, low, high, unchanged, inside, unchanged_inside)


def skill(name: str, tables: Tables) -> Outcome:
    """The skill of a forecast with its 95 % interval from the seeds of both models; None where they are not there.

    The interval is that of the delta method, Student's on the degrees of freedom of Welch and Satterthwaite.
    """
    points = _points(name, tables)
    if points is None:
        return None
    (loss, of_loss, freedom), (before, of_before, freedom_before) = map(_mean, points)
    missed, changed = loss - np.log(registered()[name].value), loss - before
    value = 1 - abs(missed) / abs(changed)
    by_loss = (abs(missed) / changed - np.sign(missed)) / abs(changed)
    by_before = -abs(missed) / abs(changed) / changed
    parts = np.array([by_loss**2 * of_loss, by_before**2 * of_before])
    total = float(parts.sum())
    degrees = total**2 / float((parts**2 / np.array([freedom, freedom_before])).sum()) if total else 1.0
    half = float(stats.t.ppf(0.975, degrees)) * total**0.5
    runs = pd.concat(points)
    rules = tuple(sorted(set(runs["rules"])))
    identities = tuple(runs["identity"])
    if runs["edge"].any():
        return Undecided(AT_THE_EDGE, identities, rules)
    return Measured(value, value - half, value + half, identities, rules, degrees)
