"""A live figure without a kernel: plain SVG, a slider, and a few lines of script that switch between values computed
beforehand.

A figure is one or more panels of SVG elements. An attribute given as a list has one entry for each position of the
slider. The page is delivered with the entries of one position drawn, and where no script runs that picture stands, the
slider hidden. Nothing is loaded from elsewhere, nothing is random: the same figure is the same bytes. Panels stand side
by side, and one below the other on a phone; text is drawn in the page's own colour.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Annotated, Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from scaling_lib.arguments import BY_HAND, Choice, Entries, Integer, Remedy, checked
from scaling_lib.errors import InvalidArgument, MissingDependency, check_array, check_integer, check_real, invalid
from scaling_lib.pages.drawing.figures import COLOURS, check_described, details_html

__all__ = ["Axes", "Mark", "Panel", "curve_panel", "live_html", "plot_axes", "show_live"]

Value = str | int | float
_LISTS = (list, tuple)
TAGS = ("circle", "line", "path", "polyline", "rect", "text")

_Units = Annotated[int, Integer(minimum=1, maximum=4000)]
_Function = Annotated[Callable[[Any], Any], BY_HAND]


@checked
@dataclass(frozen=True)
class Mark:
    """One SVG element: `Mark("circle", {"cx": 10, "cy": 20, "r": [3, 4, 5]})`.

    tag: one of circle, line, path, polyline, rect, text. attributes: of the element; a list is one entry for each
    position of the slider. text: what a text element says, or a list likewise.
    """

    tag: Annotated[str, Choice(TAGS)]
    attributes: Annotated[Mapping[str, Value | Sequence[Value]], Remedy("pass a dict from attribute to value")]
    text: Annotated[str | Sequence[str], BY_HAND] = ""

    def __post_init__(self) -> None:
        for name, value in self.attributes.items():
            if not isinstance(name, str) or not name.replace("-", "").isalnum() or name.lower().startswith("on"):
                raise invalid("attributes", "a dict whose keys are names of SVG attributes", name, "mend the key")
            for entry in _entries(value):
                if not isinstance(entry, str):
                    check_real(f"attributes[{name!r}]", entry)
        if not all(isinstance(entry, str) for entry in _entries(self.text)):
            raise invalid("text", "a text or a list of texts", self.text, "write texts")

    @property
    def moving(self) -> dict[str, list[Value]]:
        """What the slider changes: attribute (or "" for the text) to its entries."""
        named = {**self.attributes, "": self.text}
        return {name: [_short(entry) for entry in value] for name, value in named.items() if isinstance(value, _LISTS)}

    def drawn(self, position: int) -> str:
        """The element as SVG, at one position of the slider."""
        position = check_integer("position", position, minimum=0)
        moving = self.moving
        if any(position >= len(entries) for entries in moving.values()):
            raise invalid("position", "one that every list has an entry for", position, "pass a smaller one")
        shown = {**self.attributes, "": self.text} | {name: entries[position] for name, entries in moving.items()}
        written = {name: escape(str(_short(value))) for name, value in shown.items()}
        text = written.pop("")
        pairs = "".join(f' {name}="{value}"' for name, value in written.items())
        return f"<{self.tag}{pairs}>{text}</{self.tag}>"


@checked
@dataclass(frozen=True)
class Panel:
    """One drawing, `width` x `height` units (about a pixel each), and its marks, the last one on top."""

    width: _Units
    height: _Units
    marks: Annotated[Sequence[Mark], Remedy("pass a list of Mark")]


@checked
@dataclass(frozen=True, eq=False)
class Axes:
    """The axes of a panel of 320 x 320: their marks, and the scales from values to units of the drawing.

    across, up: functions of a number or an array, for values along x and y.
    """

    marks: Annotated[tuple[Mark, ...], Remedy("make it with plot_axes")]
    across: _Function
    up: _Function

    def __post_init__(self) -> None:
        for name in ("across", "up"):
            if not callable(getattr(self, name)):
                raise invalid(name, "a function", getattr(self, name), "make it with plot_axes")


_Ticks = Annotated[Mapping[float, str], BY_HAND]


@checked
def plot_axes(x_ticks: _Ticks, y_ticks: _Ticks, x_label: str, y_label: str) -> Axes:
    """Axes from the first tick to the last. x_ticks, y_ticks: increasing, from where a tick stands to what it says.

    For a logarithmic axis pass the logarithms: `plot_axes({5: "100k", 6: "1M"}, ...)`. Raises InvalidArgument.
    """
    across = _scale("x_ticks", x_ticks, _LEFT, _RIGHT)
    up = _scale("y_ticks", y_ticks, _BOTTOM, _TOP)
    marks = [
        Mark("path", {"d": f"M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}", "stroke": COLOURS["grey"], "fill": "none"}),
        *(
            Mark("text", {"x": float(across(tick)), "y": _BOTTOM + 20, "text-anchor": "middle"}, said)
            for tick, said in x_ticks.items()
        ),
        *(
            Mark("text", {"x": _LEFT - 8, "y": float(up(tick)) + 5, "text-anchor": "end"}, said)
            for tick, said in y_ticks.items()
        ),
        Mark("text", {"x": (_LEFT + _RIGHT) / 2, "y": _BOTTOM + 42, "text-anchor": "middle"}, x_label),
        Mark("text", {"x": _LEFT - 30, "y": _TOP - 18}, y_label),
    ]
    return Axes(tuple(marks), across, up)


@checked
def curve_panel(
    x: Annotated[Float[np.ndarray, "position"], Entries(least=2)],
    y: Annotated[Float[np.ndarray, "position"], BY_HAND],
    *,
    x_label: str,
    y_label: str,
    x_ticks: Annotated[Sequence[float], BY_HAND],
    y_ticks: Annotated[Sequence[float], BY_HAND],
    level: float | None = None,
    level_label: Annotated[str, BY_HAND] = "",
) -> Panel:
    """The curve of y against x, one point for each position of the slider, with a dot that moves along it.

    The axes reach from the first tick to the last. level: a height at which a dashed line is drawn, named level_label.
    """
    y = check_array("y", y, dimensions=1, length=len(x))
    if not isinstance(level_label, str):
        raise invalid("level_label", "a text", level_label, "pass a str")
    axes = plot_axes(_plain_ticks("x_ticks", x_ticks), _plain_ticks("y_ticks", y_ticks), x_label, y_label)
    across, up, marks = axes.across, axes.up, list(axes.marks)
    ink = {"stroke": COLOURS["grey"], "fill": "none"}
    if level is not None:
        height = float(up(level))
        marks.append(Mark("path", {"d": f"M{_LEFT} {height:.1f}H{_RIGHT}", "stroke-dasharray": "5 5", **ink}))
        marks.append(Mark("text", {"x": _RIGHT, "y": height - 7, "text-anchor": "end"}, level_label))
    points = list(zip(across(x).tolist(), up(y).tolist(), strict=True))
    curve = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    marks.append(Mark("polyline", {"points": curve, "fill": "none", "stroke": COLOURS["blue"], "stroke-width": 2}))
    at = {"cx": [a for a, _ in points], "cy": [b for _, b in points]}
    marks.append(Mark("circle", {**at, "r": 7, "fill": COLOURS["vermillion"]}))
    return Panel(320, 320, marks)


_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 300, 45, 265  # where the axes of a curve lie in its panel


def _plain_ticks(name: str, ticks: Sequence[float]) -> dict[float, str]:
    return {tick: f"{tick:g}" for tick in check_array(name, ticks, dimensions=1, least=2).tolist()}


def _scale(name: str, ticks: Mapping[float, str], first: int, last: int) -> Callable[[Any], Any]:
    """From values to units of the drawing."""
    if not isinstance(ticks, Mapping) or not all(isinstance(said, str) for said in ticks.values()):
        raise invalid(name, "a dict from a number to a text", ticks, "write {0: '0', 1: '1'}")
    places = check_array(name, list(ticks), dimensions=1, least=2)
    if not (np.diff(places) > 0).all():
        raise invalid(name, "increasing", places.tolist(), "sort them")
    low, high = float(places[0]), float(places[-1])
    return lambda value: first + (last - first) * (np.asarray(value, float) - low) / (high - low)


_Panels = Annotated[Sequence[Panel], Remedy("pass a list of Panel")]
_Positions = Annotated[Sequence[str], Remedy("pass a list of texts", least=2)]
_Sentences = Annotated[Sequence[str], Remedy("pass a list of sentences", least=2)]


@checked
def live_html(
    panels: _Panels,
    *,
    slider: str,
    values: _Positions,
    says: _Sentences,
    start: Annotated[int, BY_HAND],
    name: str,
    caption: str,
    alt: str,
    table: Annotated[pd.DataFrame, BY_HAND],
    runs: Annotated[Sequence[str], BY_HAND],
) -> str:
    """A live figure as HTML, with its data and its runs below it.

    slider: what it moves, in a word. values: the positions, as the reader sees them. says: for each of them a sentence,
    read out when the slider stops there. start: the position drawn first. name, caption (plain text), alt, table, runs:
    as in `figures.show`.

    Raises InvalidArgument where a part is missing or a list has not one entry for each position.
    """
    start = check_integer("start", start, minimum=0, maximum=len(values) - 1)
    check_described(caption, alt)
    caption, alt = (" ".join(words.split()) for words in (caption, alt))
    details = details_html(name, table, runs)
    if len(says) != len(values):
        raise invalid("says", f"{len(values)} sentences, one for each value", len(says), "write one for each")
    for mark in (mark for panel in panels for mark in panel.marks):
        for attribute, entries in mark.moving.items():
            if len(entries) != len(values):
                raise InvalidArgument(
                    f"panels must have one entry for each of the {len(values)} values in every list, got "
                    f"{len(entries)} for {attribute or 'the text'} of a {mark.tag}: pass as many."
                )
    return _page(panels, slider, values, says, start, name, caption, alt) + details


@checked
def show_live(
    panels: _Panels,
    *,
    slider: str,
    values: _Positions,
    says: _Sentences,
    start: Annotated[int, BY_HAND],
    name: str,
    caption: str,
    alt: str,
    table: Annotated[pd.DataFrame, BY_HAND],
    runs: Annotated[Sequence[str], BY_HAND],
) -> None:
    """Display a live figure. Arguments as of `live_html`; raises InvalidArgument as it does."""
    described = {"name": name, "caption": caption, "alt": alt, "table": table, "runs": runs}
    html = live_html(panels, slider=slider, values=values, says=says, start=start, **described)
    try:
        from IPython.display import HTML, display
    except ImportError:
        raise MissingDependency("live figures are displayed by IPython: run this in a notebook.") from None
    display(HTML(html))


def _page(
    panels: Sequence[Panel],
    slider: str,
    values: Sequence[str],
    says: Sequence[str],
    start: int,
    name: str,
    caption: str,
    alt: str,
) -> str:
    drawings = "".join(
        f'<svg viewBox="0 0 {panel.width} {panel.height}" style="flex-basis:{panel.width}px" aria-hidden="true">'
        f"{''.join(mark.drawn(start) for mark in panel.marks)}</svg>"
        for panel in panels
    )
    moving = [
        [panel, place, attribute, entries]
        for panel, drawing in enumerate(panels)
        for place, mark in enumerate(drawing.marks)
        for attribute, entries in mark.moving.items()
    ]
    data = json.dumps({"moving": moving, "values": list(values), "says": list(says)}, separators=(",", ":"))
    script = _SCRIPT % (json.dumps(name), data.replace("</", r"<\/"))  # no text of ours can end the script
    identity = escape(name)
    return (
        f'{_STYLE}<figure class="live" id="{identity}">'
        f'<div class="live-panels" role="img" aria-label="{escape(alt)}">{drawings}</div>'
        f'<div class="live-slider" hidden><label for="{identity}-slider">{escape(slider)}</label>'
        f'<input type="range" id="{identity}-slider" min="0" max="{len(values) - 1}" value="{start}" '
        f'autocomplete="off"><output for="{identity}-slider">{escape(values[start])}</output></div>'
        f'<p class="live-says" aria-live="polite">{escape(says[start])}</p>'
        f'<figcaption><span class="caption-text">{escape(caption)}</span></figcaption></figure>'
        f"<script>{script}</script>"
    )


# Only what the slider needs; colours come from the page. The last rule takes away the panel that the book's theme puts
# behind outputs in the dark.
_STYLE = """<style>
.live{margin:1rem 0;max-width:100%}
.live-panels{display:flex;flex-wrap:wrap;gap:1rem;justify-content:center}
.live-panels svg{flex:0 1 auto;max-width:100%;min-width:0;height:auto}
.live text{fill:currentColor;font:14px system-ui,sans-serif}
.live-slider{display:flex;align-items:center;gap:.75rem;margin:.5rem auto;max-width:36rem}
.live-slider[hidden]{display:none}
.live-slider input{flex:1;min-width:0;height:2rem}
.live-slider output{min-width:2.5rem;text-align:right;font-variant-numeric:tabular-nums}
.live figcaption{text-align:left}
.live-says{min-height:3em;text-align:center;overflow-wrap:anywhere}
html[data-theme="dark"] .bd-content div.cell_output .text_html:has(> .live){background:none;color:inherit}
</style>"""

_SCRIPT = """(() => {
const figure = document.getElementById(%s), {moving, values, says} = %s;
const slider = figure.querySelector("input"), panels = figure.querySelectorAll("svg");
const set = () => {
  const i = slider.valueAsNumber;
  for (const [panel, place, attribute, entries] of moving) {
    const mark = panels[panel].children[place];
    if (attribute) mark.setAttribute(attribute, entries[i]); else mark.textContent = entries[i];
  }
  figure.querySelector("output").textContent = values[i];
  figure.querySelector(".live-says").textContent = says[i];
  slider.setAttribute("aria-valuetext", values[i]);
};
slider.addEventListener("input", set);
figure.querySelector(".live-slider").hidden = false;
set();
})();"""


def _entries(value: object) -> Sequence[object]:
    return value if isinstance(value, _LISTS) else (value,)


def _short(value: Any) -> Value:
    """Numbers to 4 significant digits, finer than a pixel; whole ones as integers."""
    if isinstance(value, str):
        return value
    number = float(f"{value:.4g}")
    return int(number) if number.is_integer() else number
