"""Lines and points with intervals from a table: what most figures of the book consist of."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pandas as pd

from scaling_lib.arguments import BY_HAND, Remedy, checked
from scaling_lib.errors import check_choice, check_instance, invalid
from scaling_lib.pages.drawing.figures import COLOURS, MARKERS
from scaling_lib.pages.drawing.numbers import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["lines_by", "with_intervals"]


_Axes = Annotated["Axes", BY_HAND]
_Table = Annotated[pd.DataFrame, Remedy("pass the numbers that are drawn")]


@checked
def lines_by(
    axes: _Axes,
    table: _Table,
    *,
    by: str,
    x: str,
    y: str,
    label: str = "{}",
    line: Literal["-", "--", "-.", ":", ""] = "-",
    colours: Annotated[Sequence[str], Remedy(f"pass some of {', '.join(COLOURS)}")] = tuple(COLOURS),
    **look: Any,
) -> None:
    """Draw column `y` of `table` against column `x`, one line for each value of column `by`, in the table's order.

    label: the text of the legend, {} for the value, which `number` writes; "_" for no entry. line: matplotlib's line
    style, "" for marks only. colours: names of `COLOURS`, taken in turn, and so are `MARKERS`. look: whatever else
    `Axes.plot` takes. Points without a value are left out. Raises InvalidArgument.
    """
    _check_axes(axes)
    for name, column in (("by", by), ("x", x), ("y", y)):
        check_choice(name, column, tuple(table.columns))
    names = [check_choice("colours", name, tuple(COLOURS)) for name in colours]
    for i, (value, part) in enumerate(table.dropna(subset=[x, y]).groupby(by, sort=False)):
        written = value if isinstance(value, str) else number(value)
        style = {"color": COLOURS[names[i % len(names)]], "marker": MARKERS[i % len(MARKERS)], "linestyle": line}
        axes.plot(part[x], part[y], **(style | {"label": label.replace("{}", written)} | look))


@checked
def with_intervals(axes: _Axes, table: _Table, *, x: str, y: str, along: Literal["x", "y"] = "y", **look: Any) -> None:
    """Draw column `y` of `table` against column `x`, each point with its interval: columns `low` and `high`.

    along: the axis along which the interval is drawn, and to whose column it belongs. look: whatever else
    `Axes.errorbar` takes. Raises InvalidArgument.
    """
    _check_axes(axes)
    for name, column in (("x", x), ("y", y)):
        check_choice(name, column, tuple(table.columns))
    if not {"low", "high"} <= set(table.columns):
        raise invalid("table", "a table with the columns low and high", list(table.columns), "add the intervals")
    middle = table[x if along == "x" else y]
    bars = [middle - table["low"], table["high"] - middle]
    if any((bar < 0).any() for bar in bars):
        raise invalid("table", "one whose points lie between low and high", table, "compute the intervals again")
    drawn: dict[str, Any] = {"capsize": 3} | look | {f"{along}err": bars}
    axes.errorbar(table[x], table[y], **drawn)


def _check_axes(axes: Any) -> None:
    from matplotlib.axes import Axes

    check_instance("axes", axes, Axes, remedy="make them with matplotlib.pyplot.subplots()")
