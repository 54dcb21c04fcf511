"""A graph in a live figure: nodes lie inside the panel, edges end in nodes, widths and radii move."""

import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.pages.drawing.graphs import graph_panel
from tests.pages.drawing.examples_graphs import TRIANGLE


def of(panel, tag):
    return [mark for mark in panel.marks if mark.tag == tag]


def test_edges_join_the_nodes_that_they_name_and_lie_below_them():
    panel = graph_panel(**TRIANGLE)
    lines, circles = of(panel, "line"), of(panel, "circle")
    assert [mark.tag for mark in panel.marks[: len(lines)]] == ["line"] * len(lines) == ["line"] * 2
    centres = [(circle.attributes["cx"], circle.attributes["cy"]) for circle in circles]
    for line, (u, v) in zip(lines, TRIANGLE["edges"], strict=True):
        at = line.attributes
        assert ((at["x1"], at["y1"]), (at["x2"], at["y2"])) == (centres[u], centres[v])


def test_nodes_fill_the_panel_and_letters_stand_in_them():
    panel = graph_panel(**TRIANGLE)
    circles, texts = of(panel, "circle"), of(panel, "text")
    for name, size in (("cx", panel.width), ("cy", panel.height)):
        along = [circle.attributes[name] for circle in circles]
        assert (min(along), max(along)) == (35, size - 35)
    assert [text.text for text in texts] == TRIANGLE["letters"]
    assert [text.attributes["x"] for text in texts] == [circle.attributes["cx"] for circle in circles]


def test_what_moves_with_the_slider():
    panel = graph_panel(**TRIANGLE)
    assert [line.moving for line in of(panel, "line")] == [
        {"stroke-width": column.tolist()} for column in TRIANGLE["widths"].T
    ]
    assert [circle.moving for circle in of(panel, "circle")] == [
        {"r": column.tolist()} for column in TRIANGLE["radii"].T
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"places": np.zeros((3, 2))}, r"^places must be two coordinates"),
        ({"edges": np.array([[0, 3]])}, r"^edges must be pairs of numbers below 3"),
        ({"widths": np.ones((4, 3))}, r"^widths must be a column for each edge, 2 in all"),
        ({"radii": np.ones((4, 2))}, r"^radii must be a column for each node, 3 in all"),
        ({"radii": np.ones((5, 3))}, r"^radii must be for 4 positions"),
        ({"letters": ["a"]}, r"^letters must be 3 texts"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(InvalidArgument, match=message):
        graph_panel(**(TRIANGLE | changes))
