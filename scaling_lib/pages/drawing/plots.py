"""Drawings that more than one page or command needs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pandas as pd

from scaling_lib.arguments import BY_HAND, Remedy, checked
from scaling_lib.errors import invalid
from scaling_lib.fits.fitting import Fit
from scaling_lib.pages.drawing.figures import COLOURS, logarithmic, style
from scaling_lib.pages.drawing.lines import with_intervals
from scaling_lib.pages.drawing.prose import texts
from scaling_lib.pages.judging.claims import Row
from scaling_lib.runs.keeping.tables import check_runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["fit_figure", "law_panels", "plot_claims", "plot_fit"]

# Of a forest plot: how many margins it reaches to either side, and the mark of each verdict.
REACH = 4.0
_EDGE = REACH + 0.3
# Nats; a capacity floor below it is none.
_NO_FLOOR = 1e-6
VERDICT_MARKS = {
    "reproduced": ("green", "o"),
    "differs": ("vermillion", "s"),
    "inconclusive": ("purple", "D"),
}


@checked
def plot_fit(fitted: Annotated[Fit, Remedy("make one with fits.fitting.fit")], path: str | Path) -> Path:
    """Draw a fit into a file (the suffix chooses the format) and return its path.

    A law in one variable: points, curve and its 95 % band against the variable. A law in N and D: measured against
    fitted loss, and the relative residuals against C = 6 N D.
    """
    target = Path(path)
    import matplotlib.pyplot as plt
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    if target.suffix.lstrip(".").lower() not in FigureCanvasAgg.get_supported_filetypes():
        raise invalid("path", "a file name that ends in .png, .pdf or .svg", str(target), "choose one of these")
    with style():
        figure = fit_figure(fitted)
        try:
            figure.savefig(target, dpi=144, transparent=False)
        except OSError as error:
            raise invalid("path", f"writable ({error.strerror})", str(target), "pass another") from None
        finally:
            plt.close(figure)
    return target


@checked
def fit_figure(fitted: Annotated[Fit, Remedy("make one with fits.fitting.fit")]) -> "Figure":
    """The figure that `plot_fit` writes: a curve with its band, or measured against fitted loss and the residuals."""
    import matplotlib.pyplot as plt

    with style():
        if len(fitted.law.variables) == 1:
            figure, axes = plt.subplots()
            _curve(fitted, axes)
        else:
            figure, pair = plt.subplots(1, 2, figsize=(9, 4))
            _surface(fitted, *pair)
    return figure


def _curve(fitted: Fit, axes: "Axes") -> None:
    variable = fitted.law.variables[0]
    x = np.asarray(fitted.problem.columns[variable])
    along = np.geomspace(x.min(), x.max(), 200)
    variables: Any = {variable: along}
    band = fitted.predict(**variables)
    axes.plot(x, fitted.problem.loss, "o", color=COLOURS["blue"], label="measured")
    axes.plot(along, band["loss"], "-", marker="", color=COLOURS["vermillion"], label=fitted.law.formula)
    axes.fill_between(along, band["low"], band["high"], color=COLOURS["vermillion"], alpha=0.2)
    axes.set(xlabel=variable, ylabel="loss (nats)")
    logarithmic(axes)
    axes.legend()


def _surface(fitted: Fit, left: "Axes", right: "Axes") -> None:
    variables: Any = dict(fitted.problem.columns)
    predicted = fitted.predict(**variables)["loss"].to_numpy()
    measured = np.asarray(fitted.problem.loss)
    compute = 6 * fitted.problem.columns["N"] * fitted.problem.columns["D"]
    ends = [min(measured.min(), predicted.min()), max(measured.max(), predicted.max())]
    left.plot(predicted, measured, "o", color=COLOURS["blue"], alpha=0.6)
    left.plot(ends, ends, "--", marker="", color=COLOURS["grey"])
    left.set(xlabel="fitted loss (nats)", ylabel="measured loss (nats)")
    right.plot(compute, 100 * (measured / predicted - 1), "o", color=COLOURS["blue"], alpha=0.6)
    right.axhline(0, linestyle="--", color=COLOURS["grey"])
    right.set(xlabel="C = 6ND (FLOPs)", ylabel="residual (%)")
    logarithmic(right, "x")


@checked
def plot_claims(
    rows: Annotated[Sequence[Row], Remedy("pass rows of evaluate() with a verdict on a value")],
) -> "Figure":
    """A forest plot, one line a claim: (ours - published) / margin with its interval, against the band of agreement.

    rows: claims whose value is shown, drawn from top to bottom; in these units they share an axis. What lies more than
    four margins away is an arrow at the edge, with the distance in words. Exploratory verdicts are hollow. Raises
    InvalidArgument where a row has no rule or no value, or is undetermined.
    """
    hidden = [row.claim.id for row in rows if row.shown is None or row.claim.margin is None]
    if hidden:
        raise invalid("rows", "rows with a rule and a value that is shown", hidden, "leave the others out")
    import matplotlib.pyplot as plt

    with style():
        figure, axes = plt.subplots(figsize=(4.2, 1.2 + 0.5 * len(rows)))
        for place, row in enumerate(rows):
            _claim_line(axes, -place, row)
        axes.axvline(0, color=COLOURS["grey"], linewidth=0.8)
        axes.set(xlim=(-_EDGE, _EDGE), ylim=(0.4 - len(rows), 0.75), yticks=[])
        axes.set_xlabel("(ours − published) / margin")
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
        for verdict, (colour, marker) in VERDICT_MARKS.items():
            if any(row.verdict == verdict for row in rows):
                axes.plot([], [], marker, color=COLOURS[colour], label=verdict)
        figure.legend(loc="outside lower center", ncols=2, fontsize=10)
    return figure


def _claim_line(axes: "Axes", height: float, row: Row) -> None:
    """Name and numbers of one claim; below them band, interval and mark."""
    words, line = texts(row), height - 0.12
    axes.text(-_EDGE, height + 0.12, row.claim.id, fontsize=10, va="bottom")
    axes.text(_EDGE, height + 0.12, f"{words['published']}, ours {words['ours']}", fontsize=10, va="bottom", ha="right")
    band, (low, middle, high) = _in_margins(row)
    left, right = np.clip(band, -_EDGE, _EDGE)
    axes.barh(line, right - left, left=left, height=0.3, color=COLOURS["grey"], alpha=0.25)
    name, marker = VERDICT_MARKS[row.verdict]
    colour: Any = {"color": COLOURS[name]}
    axes.plot(np.clip([low, high], -REACH, REACH), [line, line], "-", marker="", **colour)
    if low < -REACH:
        axes.plot(-REACH, line, "<", **colour)
    if high > REACH:
        axes.plot(REACH, line, ">", **colour)
    if abs(middle) <= REACH:
        axes.plot(middle, line, marker, fillstyle="none" if row.exploratory else "full", **colour)
        return
    side, align = (-1, "left") if middle < 0 else (1, "right")
    axes.text(side * REACH, line - 0.17, f"{middle:+,.0f} margins", fontsize=9, va="top", ha=align)


def _in_margins(row: Row) -> tuple[list[float], list[float]]:
    """The band of a claim, and low, value and high of ours, as distances from the published value in margins."""
    ours, claim = row.shown, row.claim
    assert ours is not None
    assert claim.margin is not None
    published = float(claim.published)
    band, ends = (
        [(value - published) / claim.margin for value in values]
        for values in (claim.band, (ours.low, ours.value, ours.high))
    )
    return band, ends


@checked
def law_panels(
    points: Annotated[pd.DataFrame, BY_HAND],
    titles: Annotated[Mapping[str, str], Remedy("pass {graph: title}")],
    floors: Annotated[Mapping[str, float] | None, BY_HAND] = None,
) -> "Figure":
    """Small multiples, a panel for each graph: excess loss against D with its intervals, and what counting would have.

    points: of `judging.twins.least.barest_points`. titles: by graph, in the order of the panels, three in a row; the
    panel after the last has the legend. floors: by graph, a level in nats to draw; none below a millionth is drawn.
    Raises InvalidArgument where a graph has no points.
    """
    check_runs("points", points, ("graph", "D", "loss", "low", "high", "free", "counting"))
    floors = {} if floors is None else floors
    for argument, values, kind in (("titles", titles, str), ("floors", floors, (int, float))):
        if not isinstance(values, Mapping) or not all(
            isinstance(name, str) and isinstance(value, kind) for name, value in values.items()
        ):
            raise invalid(argument, "a dict from the name of a graph to its value", values, "pass {'ring': ...}")
    missing = sorted(set(titles) - set(points["graph"]))
    if missing or not titles:
        raise invalid("titles", "of graphs that have points", missing, "pass points of all of them")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator

    looks: dict[str, dict[str, Any]] = {
        "transformer": {"color": COLOURS["blue"], "marker": "o", "markersize": 3, "linewidth": 1.2},
        "counting": {"color": COLOURS["green"], "linestyle": "--", "marker": ""},
        "capacity floor": {"color": COLOURS["grey"], "linestyle": ":", "marker": ""},
    }
    rows = len(titles) // 3 + 1
    with style():
        plt.rcParams["font.size"] = 9
        figure, grid = plt.subplots(rows, 3, figsize=(5.6, 0.4 + 1.35 * rows), sharex=True, squeeze=False)
        for axes, (graph, title) in zip(grid.flat, titles.items(), strict=False):
            part = points[points["graph"] == graph]
            with_intervals(axes, part, x="D", y="loss", capsize=2, **looks["transformer"])
            if part["free"].iloc[0]:
                axes.plot(part["D"], part["counting"], **looks["counting"])
            if floors.get(graph, 0) > _NO_FLOOR:
                axes.axhline(floors[graph], **looks["capacity floor"])
            axes.set_title(title, fontsize=9)
            logarithmic(axes)
            axes.set_xticks(np.geomspace(points["D"].min(), points["D"].max(), 6)[[0, 3]].round())
            axes.yaxis.set_major_locator(LogLocator(numticks=4))
            axes.minorticks_off()
        for axes in grid.flat[len(titles) :]:
            axes.set_axis_off()
        for label, look in looks.items():
            grid.flat[len(titles)].plot([], label=label, **look)
        grid.flat[len(titles)].legend(loc="center")
        figure.supxlabel("training tokens D")
        figure.supylabel("excess loss L − H (nats)")
    return figure
