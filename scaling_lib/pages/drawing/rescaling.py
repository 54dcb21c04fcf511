"""A slider that changes the axes of a cloud of points: on which of them do the points lie on one curve?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
import pandas as pd

from scaling_lib.arguments import BY_HAND, checked
from scaling_lib.errors import InvalidArgument, check_choice, check_instance, invalid
from scaling_lib.pages.drawing.figures import COLOURS
from scaling_lib.pages.drawing.live import Mark, Panel

__all__ = ["RULERS", "Ruler", "distance_from_one_curve", "rescaling_panel"]

_COLUMNS = ("group", "nodes", "edges", "steps", "D", "loss")


@checked
@dataclass(frozen=True)
class Ruler:
    """What stands on the two axes. across, up: functions of the table of points; across_label, up_label: their names,
    with units."""

    across_label: str
    up_label: str
    across: Annotated[Callable[[pd.DataFrame], pd.Series], BY_HAND]
    up: Annotated[Callable[[pd.DataFrame], pd.Series], BY_HAND]

    def __post_init__(self) -> None:
        for name in ("across", "up"):
            if not callable(getattr(self, name)):
                raise invalid(name, "a function of the table of points", getattr(self, name), "pass a lambda")


def _loss(points: pd.DataFrame) -> pd.Series:
    return points["loss"]


def _steps(points: pd.DataFrame) -> pd.Series:
    return points["steps"]


def _observations(points: pd.DataFrame) -> pd.Series:
    return points["D"] / (2 * points["edges"] - points["nodes"])


def _factor(points: pd.DataFrame) -> pd.Series:
    return 2 * points["loss"] * _observations(points)


_EXCESS = "L − H (nats)"
_FACTOR = "F = (L − H) ÷ counting's"
RULERS = MappingProxyType(
    {
        "tokens": Ruler("training tokens D", _EXCESS, lambda points: points["D"], _loss),
        "tokens a node": Ruler("tokens a node, D/n", _EXCESS, lambda points: points["D"] / points["nodes"], _loss),
        "observations": Ruler("observations a free parameter, x", _EXCESS, _observations, _loss),
        "steps": Ruler("optimiser steps S", _EXCESS, _steps, _loss),
        "steps, F": Ruler("optimiser steps S", _FACTOR, _steps, _factor),
    }
)
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 470, 45, 300
# Of the groups: the house's colours, and then that of the page's letters.
_INKS = (*COLOURS.values(), "currentColor")
_TICKS = 5  # ticks that an axis has room for


@checked
def distance_from_one_curve(points: Annotated[pd.DataFrame, BY_HAND], ruler: str) -> float:
    """How far the points lie from one curve on these axes: the root mean square of what a parabola in ln(across)
    leaves of ln(up), 0.1 being about ten per cent. Raises InvalidArgument.
    """
    across, up = _logs(points, ruler)
    left = up - np.polyval(np.polyfit(across, up, 2), across)
    return float(np.sqrt(np.mean(left**2)))


@checked
def rescaling_panel(
    points: Annotated[pd.DataFrame, BY_HAND], rulers: Annotated[Sequence[str], BY_HAND] = tuple(RULERS)
) -> Panel:
    """The points on logarithmic axes, with a position of the slider for each ruler.

    points: columns group (a name; each has a colour and a shape of its own, and stands in the legend), nodes, edges,
    steps, D (tokens) and loss (nats). rulers: names out of RULERS. Raises InvalidArgument.
    """
    if isinstance(rulers, str) or not isinstance(rulers, Sequence) or not rulers:
        raise invalid("rulers", "one name or more", rulers, "leave it out")
    names = [check_choice("rulers", name, tuple(RULERS)) for name in rulers]
    values = [_logs(points, name) for name in names]
    scales = [(_scale(across, _LEFT + 12, _RIGHT - 12), _scale(up, _BOTTOM - 12, _TOP + 12)) for across, up in values]
    marks = [Mark("path", {"d": f"M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}", "stroke": COLOURS["grey"], "fill": "none"})]
    marks += _ticks([(across, x) for (across, _), (x, _) in zip(values, scales, strict=True)], upright=False)
    marks += _ticks([(up, y) for (_, up), (_, y) in zip(values, scales, strict=True)], upright=True)
    below: dict[str, str | float] = {"x": (_LEFT + _RIGHT) / 2, "y": _BOTTOM + 42, "text-anchor": "middle"}
    marks.append(Mark("text", below, [RULERS[name].across_label for name in names]))
    marks.append(Mark("text", {"x": 8, "y": _TOP - 20}, [RULERS[name].up_label for name in names]))
    places = [(x(across), y(up)) for (across, up), (x, y) in zip(values, scales, strict=True)]
    groups = list(dict.fromkeys(points["group"]))
    for place, group in enumerate(points["group"]):
        where = [(float(across[place]), float(up[place])) for across, up in places]
        marks.append(_symbol(groups.index(group), where))
    for line, group in enumerate(groups):
        height = _BOTTOM + 68 + 20 * line
        marks.append(_symbol(line, [(_LEFT + 8, height - 5)]))
        marks.append(Mark("text", {"x": _LEFT + 22, "y": height}, group))
    return Panel(500, _BOTTOM + 74 + 20 * len(groups), marks)


def _logs(points: pd.DataFrame, ruler: str) -> tuple[np.ndarray, np.ndarray]:
    """Natural logarithms of what the ruler puts across and up."""
    ruler = check_choice("ruler", ruler, tuple(RULERS))
    check_instance("points", points, pd.DataFrame, remedy="make it with twin_points, and name the groups")
    for name in _COLUMNS:
        if name not in points:
            raise InvalidArgument(f"points lacks the column {name!r}: make it with twin_points, and name the groups.")
    if len(points) < 4:
        raise invalid("points", "four or more", len(points), "pass more points")
    numbers = points[list(_COLUMNS[1:])]
    if not all(kind.kind in "iuf" for kind in numbers.dtypes) or not (numbers > 0).all(axis=None):
        raise invalid("points", "positive numbers", "something else", "make it with twin_points")
    axes = RULERS[ruler]
    return np.log(axes.across(points).to_numpy(float)), np.log(axes.up(points).to_numpy(float))


def _scale(logs: np.ndarray, first: float, last: float) -> Callable[[np.ndarray], np.ndarray]:
    reach = max(float(np.ptp(logs)), 1e-9)
    return lambda value: first + (last - first) * (np.asarray(value) - logs.min()) / reach


def _ticks(axes: list[tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]], *, upright: bool) -> list[Mark]:
    """The ticks of one axis: at every position of the slider those of its own powers of ten, or of 1, 2 and 5."""
    said = [_round_numbers(logs) for logs, _ in axes]
    marks = []
    for slot in range(_TICKS):
        heights = [
            float(scale(np.log(values[slot]))) if slot < len(values) else float(_BOTTOM)
            for values, (_, scale) in zip(said, axes, strict=True)
        ]
        words = [_written(values[slot]) if slot < len(values) else "" for values in said]
        place: dict[str, str | float | Sequence[str | float]] = (
            {"x": _LEFT - 8, "y": [height + 5 for height in heights], "text-anchor": "end"}
            if upright
            else {"x": heights, "y": _BOTTOM + 20, "text-anchor": "middle"}
        )
        marks.append(Mark("text", place, words))
    return marks


def _round_numbers(logs: np.ndarray) -> list[float]:
    low, high = logs.min(), logs.max()
    powers = range(int(np.floor(low / np.log(10))), int(np.ceil(high / np.log(10))) + 1)
    for steps in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)):
        inside = [step * 10.0**power for power in powers for step in steps if low <= np.log(step * 10.0**power) <= high]
        if len(inside) >= 3:
            return inside[:_TICKS]
    return inside[:_TICKS]


def _written(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _symbol(group: int, where: list[tuple[float, float]]) -> Mark:
    """A circle, square, diamond or triangle in the group's colour, at each position of the slider."""
    colour = _INKS[group % len(_INKS)]
    shape = (group + group // len(_INKS)) % 4
    ink: dict[str, str | float] = {"fill": colour, "stroke": "none"}
    if shape == 0:
        return Mark("circle", {"cx": _still([x for x, _ in where]), "cy": _still([y for _, y in where]), "r": 5, **ink})
    paths = {
        1: lambda x, y: f"M{x - 4.5:.1f} {y - 4.5:.1f}h9v9h-9z",
        2: lambda x, y: f"M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z",
        3: lambda x, y: f"M{x:.1f} {y - 5.5:.1f}l5.5 10h-11z",
    }
    return Mark("path", {"d": _still([paths[shape](x, y) for x, y in where]), **ink})


def _still(entries: list[Any]) -> Any:
    """One entry by itself: what does not move is no list."""
    return entries[0] if len(entries) == 1 else entries
