"""One style, and one way to show a figure: caption, alt text, data table and the runs behind it are not optional.

Colours are those of Okabe and Ito that keep a contrast of 3:1 on white and on black; axes are mid-grey on a transparent
ground, so that one picture serves the light and the dark page. No mark is told apart by colour alone.
"""

import base64
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Annotated, Any

import pandas as pd

from scaling_lib.arguments import BY_HAND, Remedy, checked
from scaling_lib.errors import MissingDependency, check_choice, check_instance, invalid
from scaling_lib.pages.drawing.numbers import AnyTable, Digits, rounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "MARKERS",
    "Withheld",
    "check_described",
    "csv_link",
    "details_html",
    "logarithmic",
    "png",
    "show",
    "style",
    "table_html",
]

# Okabe and Ito 2008, those with at least 3:1 on both grounds.
COLOURS = {"blue": "#0072B2", "vermillion": "#D55E00", "green": "#009E73", "purple": "#CC79A7", "grey": "#767676"}
MARKERS = ("o", "s", "^", "D", "v")

_Runs = Annotated[Sequence[str], Remedy("pass list(frame['identity']), or [] where no run was needed", least=0)]

_INK = "#767676"  # 4.5:1 on white, 4.6:1 on black


@checked
@dataclass(frozen=True)
class Withheld:
    """In place of a data table that may not be redistributed: where the data is, and its hash."""

    origin: str
    sha256: str


@contextmanager
def style() -> Iterator[None]:
    """The book's matplotlib settings, for the figures drawn inside."""
    import matplotlib as mpl
    from cycler import cycler

    settings: Any = {
        "figure.figsize": (6.4, 4.0),
        "figure.constrained_layout.use": True,
        "savefig.transparent": True,
        "font.size": 11,
        "axes.prop_cycle": cycler(color=list(COLOURS.values())) + cycler(marker=list(MARKERS)),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "grid.alpha": 0.35,
        "grid.linewidth": 0.6,
        "lines.linewidth": 1.8,
        "lines.markersize": 6,
        "legend.frameon": False,
        "legend.labelcolor": _INK,
    }
    for name in ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "grid.color"):
        settings[name] = _INK
    with mpl.rc_context(settings):
        yield


def logarithmic(axes: "Axes", which: str = "both") -> None:
    """Logarithmic axes with plain tick labels: 0.03, 100k, 2M, 1e20. which: "x", "y" or "both".

    Call it after drawing: the labels depend on the range.
    """
    from matplotlib.axes import Axes
    from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter

    check_instance("axes", axes, Axes, remedy="make them with matplotlib.pyplot.subplots()")
    check_choice("which", which, ("x", "y", "both"))
    for name in "xy" if which == "both" else which:
        axes.set(**{f"{name}scale": "log"})
        axis = getattr(axes, f"{name}axis")
        low, high = axis.get_view_interval()
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 300 else (1.0,)))
        plain = FuncFormatter(lambda value, _: f"{value:g}".replace("e+", "e"))
        axis.set_major_formatter(EngFormatter(sep="") if 1e4 <= high < 1e12 else plain)
        axis.set_minor_formatter(NullFormatter())


def show(
    figure: "Figure",
    *,
    name: str,
    caption: str,
    alt: str,
    table: pd.DataFrame | Withheld,
    runs: Sequence[str],
) -> None:
    """Display `figure` with its caption, alt text, data and provenance, and close it.

    name: label of the figure on the page, "fig-...". caption: Markdown, what it means. alt: plain text, what is drawn:
    kind of plot, axes and ranges, the visible pattern. table: the numbers drawn, or `Withheld`. runs: identities of the
    runs behind it; an empty list says that no run was needed.

    Needs IPython (it comes with every notebook). Raises InvalidArgument where a part is missing.
    """
    from matplotlib.figure import Figure

    check_instance("figure", figure, Figure, remedy="make it with matplotlib.pyplot.subplots()")
    check_described(caption, alt)
    # Written over several lines in a chapter; on a page each is one paragraph.
    caption, alt = (" ".join(words.split()) for words in (caption, alt))
    details = details_html(name, table, runs)
    try:
        from IPython.display import HTML, display
    except ImportError:
        raise MissingDependency("figures.show needs IPython: run it in a notebook, or `pip install ipython`.") from None
    display(
        {"image/png": base64.b64encode(png(figure)).decode(), "text/plain": f"Figure {name}"},
        raw=True,
        metadata={"scaling_lib": {"name": name, "caption": caption, "alt": alt}, "image/png": {"alt": alt}},
    )
    display(HTML(details))


def png(figure: "Figure") -> bytes:
    """The picture in a palette of 128 colours, a third of the size; without a date, so that it is the same bytes.

    Closes the figure.
    """
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure
    from PIL import Image

    check_instance("figure", figure, Figure, remedy="make it with matplotlib.pyplot.subplots()")
    full, small = io.BytesIO(), io.BytesIO()
    # The first picture is only read again below: to press it hard would be time lost.
    figure.savefig(
        full, format="png", dpi=144, transparent=True, metadata={"Software": None}, pil_kwargs={"compress_level": 1}
    )
    plt.close(figure)
    Image.open(full).quantize(128, method=Image.Quantize.FASTOCTREE).save(small, "PNG", optimize=True)
    return small.getvalue()


@checked
def check_described(caption: str, alt: str) -> None:
    """Refuse a figure without a caption, or without an alt text that describes it."""
    if "/" in alt or len(alt.split()) < 8:
        raise invalid("alt", "a sentence that describes the plot, without paths", alt, "write one")


@checked
def details_html(name: str, table: Annotated[pd.DataFrame | Withheld, BY_HAND], runs: _Runs) -> str:
    """What stands below a figure: data as a table and as a download, runs. Arguments as `show`'s."""
    if not name.startswith("fig-"):
        raise invalid("name", "a label that begins with 'fig-'", name, "the text refers to the figure by it")
    check_instance("table", table, (pd.DataFrame, Withheld), remedy="pass the numbers that are drawn")
    if isinstance(table, Withheld):
        data = (
            f"<p>The points may not be redistributed. They come from {escape(table.origin)}; "
            f"SHA-256 <code>{escape(table.sha256)}</code>.</p>"
        )
    else:
        data = f"{table_html(table)}<p>{csv_link(name, table)}</p>"
    if runs:
        shown = " ".join(escape(run[:12]) for run in dict.fromkeys(runs))
        provenance = f"<p>Made from {len(set(runs))} runs: <code>{shown}</code></p>"
    else:
        provenance = "<p>Computed exactly or by simulation; no trained run is behind it.</p>"
    summary = f"<summary>Data and runs behind {escape(name)}</summary>"
    return f'<details class="figure-data">{summary}{data}{provenance}</details>'


@checked
def csv_link(name: str, table: AnyTable) -> str:
    """A link, as HTML, that downloads `table`, `rounded`, as the file NAME.csv; the data is in the link."""
    csv = base64.b64encode(rounded(table).to_csv(index=False).encode()).decode()
    return f'<a download="{escape(name)}.csv" href="data:text/csv;base64,{csv}">Download as CSV</a>'


@checked
def table_html(table: AnyTable, digits: Digits = 4) -> str:
    """A table as plain HTML: scrolls sideways on a phone, reads aloud row by row, floats to `digits` digits."""
    html = rounded(table, digits).to_html(index=False, border=0, float_format=lambda x: f"{x:.{digits}g}", na_rep="")
    html = "".join(line.strip() for line in html.splitlines())  # half the size in a notebook, which keeps line by line
    return f'<div class="table-scroll">{html}</div>'
