"""Forecasts: what a reader expects, with an interval, registered before the outcome is shown.

    forecast("wrong-offset", low=0.3, value=0.5, high=0.8)
    ...
    reveal("wrong-offset", 0.62)

A forecast is taken once as long as the notebook runs, and printed with its time, so that its cell shows when it was
made. Neither function raises, and `...` in place of a number stands for none.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scaling_lib.arguments import checked
from scaling_lib.errors import InvalidArgument, invalid

__all__ = ["Forecast", "forecast", "reveal"]


@checked
@dataclass(frozen=True)
class Forecast:
    """An interval that is held to contain the outcome with a probability of 80 %, and a value in it.

    Raises InvalidArgument where they are not in order.
    """

    low: float
    value: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise invalid("high", f"above low = {self.low:g}", self.high, "pass an interval")
        if not self.low <= self.value <= self.high:
            raise invalid("value", f"between low = {self.low:g} and high = {self.high:g}", self.value, "order them")


_REGISTERED: dict[str, Forecast] = {}


def forecast(key: str, *, low: Any = ..., value: Any = ..., high: Any = ...) -> None:
    """Register an 80 % interval and a value for the exercise `key`, once, and print what is registered. Never raises.

    low, value, high: in the unit that the exercise asks for; `...` while you have not decided.
    """
    print(_said(key, {"low": low, "value": value, "high": high}))


def _said(key: Any, given: Mapping[str, Any]) -> str:
    if held := _REGISTERED.get(str(key)):
        return f"Already registered: {_words(held)}. It stays."
    if any(number is Ellipsis or number is None for number in given.values()):
        return "Not registered yet: write low, value and high, then run this cell again, before you read on."
    try:
        made = Forecast(**given)
    except InvalidArgument as error:
        return f"Not registered: {error}"
    _REGISTERED[str(key)] = made
    return f"Registered at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {_words(made)}."


def reveal(key: str, outcome: Any) -> None:
    """Print the outcome of the exercise `key` beside what was registered. Never raises."""
    print(_beside(key, outcome))


def _beside(key: Any, outcome: Any) -> str:
    try:
        known = float(outcome)
    except (TypeError, ValueError, OverflowError):
        known = math.nan
    if not math.isfinite(known):
        return "There is no outcome: hand over a number."
    held = _REGISTERED.get(str(key))
    if held is None:
        return f"The outcome is {known:.3g}. You registered no forecast."
    inside = held.low <= known <= held.high
    place = "inside your interval" if inside else "outside your interval"
    return f"The outcome is {known:.3g}, {place}; you registered {_words(held)}."


def _words(held: Forecast) -> str:
    return f"{held.value:g}, between {held.low:g} and {held.high:g} with 80 %"
