"""What a slider moves over the axes of a live panel: dots, and a straight line; and a level that stays."""

import numpy as np
from jaxtyping import Float

from scaling_lib.errors import check_array, check_choice, check_instance, check_real
from scaling_lib.pages.drawing.figures import COLOURS
from scaling_lib.pages.drawing.live import Axes, Mark

__all__ = ["level_mark", "moving_dots", "moving_line"]


def moving_dots(
    axes: Axes,
    x: Float[np.ndarray, " points"],
    y: Float[np.ndarray, "positions points"],
    *,
    colour: str = "blue",
) -> list[Mark]:
    """One dot for each x; its height at each position of the slider is a row of y. In the units of the axes."""
    check_instance("axes", axes, Axes, remedy="make them with plot_axes")
    x = check_array("x", x, dimensions=1, least=1)
    y = check_array("y", y, dimensions=2)
    colour = COLOURS[check_choice("colour", colour, tuple(COLOURS))]
    y = check_array("y", y.T, dimensions=2, length=len(x))
    return [
        Mark("circle", {"cx": float(axes.across(place)), "cy": axes.up(heights).tolist(), "r": 5, "fill": colour})
        for place, heights in zip(x, y, strict=True)
    ]


def moving_line(
    axes: Axes,
    x: Float[np.ndarray, " 2"],
    y: Float[np.ndarray, "positions 2"],
    *,
    colour: str = "vermillion",
) -> Mark:
    """A straight line between two x; its heights there at each position of the slider are a row of y."""
    check_instance("axes", axes, Axes, remedy="make them with plot_axes")
    x = check_array("x", x, dimensions=1, length=2)
    y = check_array("y", y, dimensions=2)
    y = check_array("y", y.T, dimensions=2, length=2)
    stroke = COLOURS[check_choice("colour", colour, tuple(COLOURS))]
    (x1, x2), (y1, y2) = (float(axes.across(place)) for place in x), (axes.up(heights).tolist() for heights in y)
    return Mark("line", {"x1": x1, "x2": x2, "stroke": stroke, "stroke-width": 2, "y1": y1, "y2": y2})


def level_mark(axes: Axes, x: Float[np.ndarray, " 2"], y: float) -> Mark:
    """A dashed level at the height y, from one x to the other."""
    check_instance("axes", axes, Axes, remedy="make them with plot_axes")
    x = check_array("x", x, dimensions=1, length=2)
    height = float(axes.up(check_real("y", y)))
    first, last = (float(axes.across(place)) for place in x)
    path = f"M{first:g} {height:.1f}H{last:g}"
    return Mark("path", {"d": path, "stroke": COLOURS["grey"], "stroke-dasharray": "5 5", "fill": "none"})
