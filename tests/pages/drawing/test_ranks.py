"""The figures of ranks and counts draw the numbers they are given, on the axes they say."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.pages.drawing.ranks import draw_ranks, draw_spectrum, rank_table
from tests.pages.drawing.examples_ranks import BROKEN, LAWS, SPECTRA


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_a_power_law_is_straight_on_the_right_and_an_exponential_on_the_left():
    figure = draw_ranks(LAWS, BROKEN)
    left, right = figure.axes
    assert (left.get_xscale(), left.get_yscale(), right.get_xscale()) == ("linear", "log", "log")
    power, dashed, _ = right.get_lines()
    x, y = np.log(power.get_xdata()), np.log(power.get_ydata())
    assert np.diff(y) / np.diff(x) == pytest.approx(np.full(len(x) - 1, -1.0))
    assert np.allclose(dashed.get_ydata(), BROKEN["power"].probability(dashed.get_xdata()))
    exponential = left.get_lines()[1]
    steps = np.diff(np.log(exponential.get_ydata())) / np.diff(exponential.get_xdata())
    assert steps == pytest.approx(np.full(len(steps), np.log(0.5)))


def test_the_table_is_what_is_drawn():
    table = rank_table(LAWS)
    drawn = np.concatenate([line.get_ydata() for line in draw_ranks(LAWS).axes[0].get_lines()])
    assert drawn == pytest.approx(table["probability"].to_numpy())
    assert table.groupby("law")["rank"].max().to_dict() == {"power": 1000, "exponential": 30}


def test_the_spectrum_is_drawn_with_its_slope():
    (axes,) = draw_spectrum(SPECTRA).axes
    points, line = axes.get_lines()
    assert points.get_ydata().sum() == SPECTRA["zipf"].total
    slope = np.diff(np.log(line.get_ydata())) / np.diff(np.log(line.get_xdata()))
    assert slope == pytest.approx([SPECTRA["zipf"].slope])


def test_what_is_no_law_by_rank_is_refused():
    with pytest.raises(InvalidArgument, match="laws must be of frequencies in descending order that sum to one"):
        draw_ranks({"rising": np.array([0.4, 0.6])})
    with pytest.raises(InvalidArgument, match="broken must be for some of power, exponential"):
        draw_ranks(LAWS, {"other": BROKEN["power"]})
    with pytest.raises(InvalidArgument, match="spectra must be a dict"):
        draw_spectrum({})
