"""One line for each group, in the order of the table, with its label, colour and mark; points with their intervals."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.pages.drawing.figures import COLOURS, MARKERS
from scaling_lib.pages.drawing.lines import lines_by, with_intervals


@pytest.fixture
def axes():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


TABLE = pd.DataFrame(
    {"D": [400_000, 400_000, 100_000, 100_000], "width": [8, 16, 8, 16], "loss": [1.0, 0.5, 2.0, np.nan]}
)


def test_groups_become_lines_in_the_order_of_the_table(axes):
    lines_by(axes, TABLE, by="D", x="width", y="loss", label="D = {}", line="--", colours=("green", "blue"))
    first, second = axes.get_lines()
    assert [line.get_label() for line in (first, second)] == ["D = 400,000", "D = 100,000"]
    assert [line.get_color() for line in (first, second)] == [COLOURS["green"], COLOURS["blue"]]
    assert [line.get_marker() for line in (first, second)] == list(MARKERS[:2])
    assert first.get_linestyle() == "--"
    assert first.get_ydata().tolist() == [1.0, 0.5]
    assert second.get_ydata().tolist() == [2.0]  # a point without a value is left out


def test_what_is_passed_on_wins(axes):
    lines_by(axes, TABLE, by="D", x="width", y="loss", label="_", line="", marker="x", markersize=9)
    assert {line.get_marker() for line in axes.get_lines()} == {"x"}
    assert {line.get_markersize() for line in axes.get_lines()} == {9}
    assert axes.get_legend_handles_labels() == ([], [])


def test_colours_and_marks_are_taken_in_turn(axes):
    many = pd.DataFrame({"arm": list("abcdefg"), "x": 1.0, "y": 1.0})
    lines_by(axes, many, by="arm", x="x", y="y")
    assert [line.get_label() for line in axes.get_lines()] == list("abcdefg")
    assert axes.get_lines()[5].get_color() == COLOURS["blue"]


POINTS = pd.DataFrame({"x": [1.0, 2.0], "y": [5.0, 7.0], "low": [0.5, 1.0], "high": [1.75, 4.0]})


@pytest.mark.parametrize("along", ["x", "y"])
def test_an_interval_reaches_from_low_to_high_along_its_axis(axes, along):
    table = POINTS if along == "x" else POINTS.rename(columns={"x": "y", "y": "x"})
    with_intervals(axes, table, x="x", y="y", along=along, label="ours", color="red")
    ((line, _, (bars,)),) = axes.containers
    assert axes.get_legend_handles_labels()[1] == ["ours"]
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == (table["x"].tolist(), table["y"].tolist())
    place = 0 if along == "x" else 1
    ends = [[start[place], end[place]] for start, end in bars.get_segments()]
    assert ends == [[0.5, 1.75], [1.0, 4.0]]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (POINTS.drop(columns="low"), "a table with the columns low and high"),
        (POINTS, "one whose points lie between low and high"),
    ],
)
def test_points_without_intervals_or_outside_them_are_refused(axes, table, words):
    with pytest.raises(InvalidArgument, match=f"table must be {words}"):
        with_intervals(axes, table, x="x", y="y")
