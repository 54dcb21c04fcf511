"""A figure without caption, alt text, data or provenance is refused; with them, all of it reaches the notebook."""

import base64

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.pages.drawing import figures
from scaling_lib.pages.drawing.figures import COLOURS, Withheld

mpl.use("agg")

ALT = "Line plot of loss against tokens, falling from two nats to one over three decades."
PARTS = {"name": "fig-x", "caption": "Loss.", "alt": ALT, "table": pd.DataFrame({"D": [1.0, 2.0]}), "runs": ["ab" * 32]}


@pytest.fixture
def shown(monkeypatch):
    outputs = []
    display = pytest.importorskip("IPython.display")
    monkeypatch.setattr(display, "display", lambda *args, **kwargs: outputs.append((args, kwargs)))
    return outputs


def figure():
    drawn, axes = plt.subplots()
    axes.plot([1, 2], [1, 2])
    return drawn


def test_everything_reaches_the_notebook(shown):
    drawn = figure()
    figures.show(drawn, **PARTS)
    (picture, options), (data, _) = shown
    assert base64.b64decode(picture[0]["image/png"]).startswith(b"\x89PNG")
    assert options["metadata"]["scaling_lib"] == {"name": "fig-x", "caption": "Loss.", "alt": ALT}
    html = data[0].data
    assert "abababababab" in html
    assert "<th>D</th>" in html
    csv = html.split("base64,")[1].split('"')[0]
    assert base64.b64decode(csv).decode() == "D\n1.0\n2.0\n"
    assert not plt.fignum_exists(drawn.number)  # closed, so that it is not shown twice


def test_same_figure_same_bytes(shown):
    figures.show(figure(), **PARTS)
    figures.show(figure(), **PARTS)
    assert shown[0][0][0]["image/png"] == shown[2][0][0]["image/png"]


def test_data_that_may_not_be_redistributed_is_not_shown(shown):
    origin = Withheld("a published figure", "0" * 64)
    figures.show(figure(), **(PARTS | {"table": origin}))
    html = shown[1][0][0].data
    assert "a published figure" in html
    assert "0" * 64 in html
    assert "<table" not in html
    assert "csv" not in html


@pytest.mark.parametrize(
    ("part", "value"),
    [("name", "x"), ("caption", ""), ("alt", "plot"), ("alt", ALT + " tmp/x.png"), ("table", None), ("runs", "abc")],
)
def test_a_missing_part_is_refused_by_name(part, value):
    with pytest.raises(InvalidArgument, match=part):
        figures.show(figure(), **(PARTS | {part: value}))


def test_every_part_is_required():
    for part in PARTS:
        with pytest.raises(TypeError, match=part):
            figures.show(figure(), **{name: value for name, value in PARTS.items() if name != part})


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("ground", ["#ffffff", "#121212"])
@pytest.mark.parametrize("name", COLOURS)
def test_colours_keep_their_contrast_on_both_grounds(name, ground):
    """WCAG 2.1, non-text contrast: 3:1."""
    light, dark = sorted((luminance(COLOURS[name]), luminance(ground)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3.0


def test_style_leaves_no_trace():
    before = dict(mpl.rcParams)
    with figures.style():
        assert not mpl.rcParams["axes.spines.top"]
    assert dict(mpl.rcParams) == before


def test_logarithmic_axes_have_plain_labels():
    drawn, axes = plt.subplots()
    axes.plot([1e5, 1e6], [0.01, 0.1])
    figures.logarithmic(axes)
    drawn.canvas.draw()
    labels = {label.get_text() for label in (*axes.get_xticklabels(), *axes.get_yticklabels())}
    assert {"100k", "1M", "0.01", "0.1"} <= labels
    plt.close(drawn)


def test_table_is_plain_html():
    html = figures.table_html(pd.DataFrame({"x": [0.123456], "y": ["<b>"]}), digits=3)
    assert "0.123" in html
    assert "0.1234" not in html
    assert "&lt;b&gt;" in html
