"""A forest plot draws every claim it is given, in units of its margin, and refuses what has no value."""

from dataclasses import replace

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.pages.drawing import plots
from scaling_lib.pages.judging import claims
from scaling_lib.pages.judging.claims import Row
from scaling_lib.pages.judging.measured import Measured
from scaling_lib.pages.judging.twins.least import barest_points
from tests.pages.planted import CLAIM
from tests.pages.planted_barest import planted_runs

mpl.use("agg")


def row(value, low, high, exploratory=False, **changes):
    claim, measured = replace(CLAIM, **changes), Measured(value, low, high)
    return Row(claim, measured, claims.judge(claim, measured), exploratory)


@pytest.fixture
def drawn():
    def drawn(*rows):
        (axes,) = plots.plot_claims(rows).axes
        return axes

    yield drawn
    plt.close("all")


def marks(axes):
    return {line.get_marker(): line for line in axes.lines if line.get_marker() in "osD^<>" and len(line.get_xdata())}


def test_a_claim_stands_at_its_distance_in_margins(drawn):
    axes = drawn(row(1.03, 0.97, 1.09))  # published 1, margin 0.1
    assert marks(axes)["o"].get_xdata() == pytest.approx([0.3])
    interval = next(line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_linestyle() == "-")
    assert interval.get_xdata() == pytest.approx([-0.3, 0.9])
    (band,) = axes.patches
    assert (band.get_x(), band.get_width()) == pytest.approx((-1, 2))


def test_far_away_is_an_arrow_with_the_distance(drawn):
    axes = drawn(row(2.0, 1.95, 2.05))
    assert marks(axes)[">"].get_xdata() == pytest.approx([plots.REACH])
    assert "s" not in marks(axes)
    assert "+10 margins" in [text.get_text() for text in axes.texts]


def test_a_one_sided_band_reaches_the_edge(drawn):
    (band,) = drawn(row(1.05, 1.01, 1.09, sense="at least")).patches
    assert band.get_x() == pytest.approx(-1)
    assert band.get_x() + band.get_width() > plots.REACH


def test_an_exploratory_verdict_is_hollow(drawn):
    assert marks(drawn(row(1.05, 1.01, 1.09, exploratory=True)))["o"].get_fillstyle() == "none"


def test_a_claim_without_a_value_is_refused():
    for empty in (Row(CLAIM, None, "not run", False), row(1.0, 0.5, 1.5)):
        with pytest.raises(InvalidArgument, match="rows"):
            plots.plot_claims([empty])


def test_panels_of_laws_draw_every_graph_with_its_counter_and_floor():
    points = barest_points(planted_runs("barest"))
    figure = plots.law_panels(points, {"cycle": "no counter", "ring": "ring"}, {"ring": 0.01, "cycle": 1e-9})
    try:
        cycle, ring, legend = figure.axes
        assert [axes.get_title() for axes in (cycle, ring, legend)] == ["no counter", "ring", ""]
        drawn = points[points["graph"] == "ring"]
        assert ring.containers[0].lines[0].get_ydata() == pytest.approx(drawn["loss"].to_numpy())
        assert len(ring.get_lines()) == len(cycle.get_lines()) + 2  # counting and the floor
        words = [text.get_text() for text in legend.get_legend().get_texts()]
        assert words == ["transformer", "counting", "capacity floor"]
    finally:
        plt.close(figure)
    with pytest.raises(InvalidArgument, match=r"titles must be of graphs that have points, got \['lattice'\]"):
        plots.law_panels(points, {"lattice": "none"})
