"""What a slider moves in a live panel: dots, a straight line and a curve over its axes, with a level that stays; and
lines of text."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from jaxtyping import Float

from scaling_lib.arguments import BY_HAND, Choice, Remedy, checked
from scaling_lib.errors import check_array, invalid
from scaling_lib.pages.drawing.figures import COLOURS
from scaling_lib.pages.drawing.live import Axes, Mark

__all__ = ["level_mark", "moving_curve", "moving_dots", "moving_line", "moving_text"]

_Axes = Annotated[Axes, Remedy("make them with plot_axes")]
_Colour = Annotated[str, Choice(tuple(COLOURS))]
_Ends = Annotated[Float[np.ndarray, " 2"], BY_HAND]


@checked
def moving_dots(
    axes: _Axes,
    x: Float[np.ndarray, " points"],
    y: Float[np.ndarray, "positions points"],
    *,
    colour: _Colour = "blue",
) -> list[Mark]:
    """One dot for each x; its height at each position of the slider is a row of y. In the units of the axes."""
    y, fill = check_array("y", y.T, dimensions=2, length=len(x)), COLOURS[colour]
    return [
        Mark("circle", {"cx": float(axes.across(place)), "cy": axes.up(heights).tolist(), "r": 5, "fill": fill})
        for place, heights in zip(x, y, strict=True)
    ]


@checked
def moving_line(
    axes: _Axes,
    x: _Ends,
    y: Float[np.ndarray, "positions 2"],
    *,
    colour: _Colour = "vermillion",
) -> Mark:
    """A straight line between two x; its heights there at each position of the slider are a row of y."""
    x = check_array("x", x, dimensions=1, length=2)
    y, stroke = check_array("y", y.T, dimensions=2, length=2), COLOURS[colour]
    (x1, x2), (y1, y2) = (float(axes.across(place)) for place in x), (axes.up(heights).tolist() for heights in y)
    return Mark("line", {"x1": x1, "x2": x2, "stroke": stroke, "stroke-width": 2, "y1": y1, "y2": y2})


@checked
def moving_curve(
    axes: _Axes,
    x: Float[np.ndarray, " points"],
    y: Float[np.ndarray, "positions points"],
    *,
    colour: _Colour = "blue",
) -> Mark:
    """A line through all points; their heights at each position of the slider are a row of y."""
    x = check_array("x", x, dimensions=1, least=2)
    y = check_array("y", y.T, dimensions=2, length=len(x)).T
    places, heights = axes.across(x), [axes.up(row) for row in y]
    curves = [" ".join(f"{a:.1f},{b:.1f}" for a, b in zip(places, row, strict=True)) for row in heights]
    return Mark("polyline", {"points": curves, "fill": "none", "stroke": COLOURS[colour], "stroke-width": 2})


@checked
def moving_text(
    lines: Annotated[Sequence[Sequence[str]], BY_HAND], *, left: float = 8.0, top: float = 20.0, apart: float = 20.0
) -> list[Mark]:
    """Lines of text, one below the other; at each position of the slider those of a row of `lines`.

    left, top: where the first line begins, in units of the drawing. apart: from one line to the next. A position with
    fewer lines than others ends with empty ones. Raises InvalidArgument.
    """
    if not isinstance(lines, list | tuple) or not lines or not all(isinstance(row, list | tuple) for row in lines):
        raise invalid("lines", "a list of lines of text for each position of the slider", lines, "pass [['a'], ['b']]")
    if not all(isinstance(line, str) for row in lines for line in row):
        raise invalid("lines", "lists of texts", lines, "write texts")
    most = max(map(len, lines))
    padded = [[*row, *[""] * (most - len(row))] for row in lines]
    return [
        Mark("text", {"x": left, "y": top + apart * place}, [row[place] for row in padded]) for place in range(most)
    ]


@checked
def level_mark(axes: _Axes, x: _Ends, y: float) -> Mark:
    """A dashed level at the height y, from one x to the other."""
    x = check_array("x", x, dimensions=1, length=2)
    height = float(axes.up(y))
    first, last = (float(axes.across(place)) for place in x)
    path = f"M{first:g} {height:.1f}H{last:g}"
    return Mark("path", {"d": path, "stroke": COLOURS["grey"], "stroke-dasharray": "5 5", "fill": "none"})
