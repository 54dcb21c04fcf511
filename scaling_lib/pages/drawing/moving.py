"""What a slider moves over the axes of a live panel: dots, a straight line, a curve, lines of text; and a level that
stays.

`spoilt_panel` and `spoilt_sentences` show a known law whose table is rounded, noisy or cut (`fits.uncertainty.spoilt`).
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from jaxtyping import Bool, Float

from scaling_lib.arguments import BY_HAND, Choice, Positive, Real, Remedy, checked
from scaling_lib.errors import InvalidArgument, check_array, invalid
from scaling_lib.fits.laws.one_variable import PowerLaw
from scaling_lib.fits.uncertainty.spoilt import Spoilt
from scaling_lib.pages.drawing.figures import COLOURS
from scaling_lib.pages.drawing.live import Axes, Mark, Panel
from scaling_lib.pages.drawing.numbers import number

__all__ = [
    "level_mark",
    "moving_curve",
    "moving_dots",
    "moving_line",
    "moving_text",
    "spoilt_panel",
    "spoilt_sentences",
]

_Axes = Annotated[Axes, Remedy("make them with plot_axes")]
_Colour = Annotated[str, Choice(tuple(COLOURS))]
_Law = Annotated[PowerLaw, Remedy("pass the law that was spoilt, in one variable")]
_Turned = Annotated[Spoilt, Remedy("make it with spoilt_fits")]
_Truth = Annotated[Mapping[str, float], BY_HAND]
_Ends = Annotated[Float[np.ndarray, " 2"], BY_HAND]


@checked
def moving_dots(
    axes: _Axes,
    x: Float[np.ndarray, " points"],
    y: Float[np.ndarray, "positions points"],
    *,
    colour: _Colour = "blue",
    seen: Annotated[Bool[np.ndarray, "positions points"] | None, BY_HAND] = None,
) -> list[Mark]:
    """One dot for each x; its height at each position of the slider is a row of y. In the units of the axes.

    seen: at which positions a dot is full; elsewhere it is hollow. None: always.
    """
    y, fill = check_array("y", y.T, dimensions=2, length=len(x)), COLOURS[colour]
    dots = [{"cx": float(axes.across(at)), "cy": _short(axes.up(heights))} for at, heights in zip(x, y, strict=True)]
    look: dict[str, Any] = {"r": 5, "fill": fill}
    if seen is None:
        return [Mark("circle", dot | look) for dot in dots]
    if not isinstance(seen, np.ndarray) or seen.dtype != bool or seen.shape != y.T.shape:
        raise invalid("seen", f"an array of bool of shape {y.T.shape}, as y", seen, "pass one for each dot, or None")
    full: list[dict[str, Any]] = [
        {"fill-opacity": _short(np.where(places, 1.0, 0.1)), "stroke": fill} for places in seen.T
    ]
    return [Mark("circle", dot | look | opacity) for dot, opacity in zip(dots, full, strict=True)]


@checked
def moving_curve(
    axes: _Axes,
    x: Float[np.ndarray, " points"],
    y: Float[np.ndarray, "positions points"],
    *,
    colour: _Colour = "vermillion",
) -> Mark:
    """A curve through points at the same x; their heights at each position of the slider are a row of y.

    One row alone is a curve that stays.
    """
    y = check_array("y", y.T, dimensions=2, length=len(x)).T
    across = axes.across(x)
    curves = [" ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, axes.up(row), strict=True)) for row in y]
    look: dict[str, Any] = {"fill": "none", "stroke": COLOURS[colour], "stroke-width": 2}
    return Mark("polyline", {"points": curves if len(curves) > 1 else curves[0]} | look)


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


@checked
def spoilt_panel(
    axes: _Axes,
    turned: _Turned,
    law: _Law,
    truth: _Truth,
    x: Float[np.ndarray, " runs"],
    *,
    reach: Annotated[float, Real(minimum=1, maximum=1e6)] = 10.0,
) -> Panel:
    """The runs of a spoilt table, full where they were fitted; the fitted curve, and the true one in grey.

    axes: of log10 of the law's variable, and of loss in nats. truth: the law's parameters. x: the variable at the runs.
    reach: the curves are drawn on to so many times the largest x. Raises InvalidArgument.
    """
    _check_truth(law, truth, turned)
    x = check_array("x", x, dimensions=1, length=turned.losses.shape[1], above=0)
    along = np.geomspace(x.min(), reach * x.max(), 13)
    curves = np.array([law.loss(row, **{law.variable: along}) for row in turned.fits.to_dict("records")])
    true = law.loss(dict(truth), **{law.variable: along})[None]
    marks = [
        moving_curve(axes, np.log10(along), true, colour="grey"),
        *moving_dots(axes, np.log10(x), turned.losses, seen=turned.seen),
        moving_curve(axes, np.log10(along), curves),
    ]
    return Panel(320, 320, [*axes.marks, *marks])


@checked
def spoilt_sentences(turned: _Turned, law: _Law, truth: _Truth, far: Positive) -> list[str]:
    """For each position of the slider: the fitted exponent and offset, and by how much the forecast at `far` misses."""
    _check_truth(law, truth, turned)
    right = float(law.loss(dict(truth), **{law.variable: far}))
    return [
        f"Fitted exponent {number(row[law.exponent], decimals=3)}, offset {number(row['E'], decimals=3)}; the forecast "
        f"at {number(far, 1)} is off by {number(float(law.loss(row, **{law.variable: far})) - right, decimals=3)} nats."
        for row in turned.fits.to_dict("records")
    ]


def _check_truth(law: PowerLaw, truth: object, turned: Spoilt) -> None:
    names = list(law.parameters)
    if not isinstance(truth, Mapping) or set(truth) != set(names):
        raise invalid("truth", f"a dict with {', '.join(names)}", truth, "pass the parameters of the law")
    for name in names:
        if name not in turned.fits:
            raise InvalidArgument(f"turned lacks the column {name!r}: spoil the law that is passed.")


def _short(entries: np.ndarray) -> Any:
    """One entry where all positions have the same one, else a list."""
    listed = entries.tolist()
    return listed[0] if len(set(listed)) == 1 else listed
