"""Marks over the axes of a live panel: they stand where the scales put them."""

import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.laws import PowerLaw
from scaling_lib.fits.uncertainty.spoilt import spoilt_fits
from scaling_lib.pages.drawing.live import plot_axes
from scaling_lib.pages.drawing.moving import (
    level_mark,
    moving_curve,
    moving_dots,
    moving_line,
    moving_text,
    spoilt_panel,
    spoilt_sentences,
)

AXES = plot_axes({0: "0", 1: "1"}, {0: "0", 2: "2"}, "x", "y")
HEIGHTS = np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 0.0]])  # three positions of the slider, two points


def test_a_dot_has_one_height_for_each_position():
    first, second = moving_dots(AXES, np.array([0.0, 1.0]), HEIGHTS)
    assert (first.attributes["cx"], second.attributes["cx"]) == (50.0, 300.0)
    assert first.attributes["cy"] == [265.0, 155.0, 45.0]
    assert second.attributes["cy"] == [155.0, 45.0, 265.0]


def test_a_dot_that_was_not_seen_is_hollow():
    first, second = moving_dots(AXES, np.array([0.0, 1.0]), HEIGHTS, seen=HEIGHTS > 0)
    assert first.attributes["fill-opacity"] == [0.1, 1.0, 1.0]
    assert second.attributes["fill-opacity"] == [1.0, 1.0, 0.1]
    (still,) = moving_dots(AXES, np.array([0.5]), np.ones((3, 1)), seen=np.ones((3, 1), bool))
    assert still.moving == {}, "what does not move is written once"
    with pytest.raises(InvalidArgument, match="seen must be an array of bool"):
        moving_dots(AXES, np.array([0.0, 1.0]), HEIGHTS, seen=HEIGHTS)


def test_a_curve_goes_through_its_points_at_each_position():
    curve = moving_curve(AXES, np.array([0.0, 1.0]), HEIGHTS)
    assert curve.attributes["points"] == ["50.0,265.0 300.0,155.0", "50.0,155.0 300.0,45.0", "50.0,45.0 300.0,265.0"]
    still = moving_curve(AXES, np.array([0.0, 1.0]), HEIGHTS[:1])
    assert still.moving == {}
    assert still.attributes["points"] == "50.0,265.0 300.0,155.0"


def test_a_line_runs_from_one_end_to_the_other():
    line = moving_line(AXES, np.array([0.0, 1.0]), HEIGHTS)
    assert (line.attributes["x1"], line.attributes["x2"]) == (50.0, 300.0)
    assert line.attributes["y1"] == [265.0, 155.0, 45.0]
    assert line.attributes["y2"] == [155.0, 45.0, 265.0]
    assert line.drawn(1).startswith('<line x1="50" x2="300" stroke="#D55E00" stroke-width="2" y1="155" y2="45"')


def test_a_level_stays():
    mark = level_mark(AXES, np.array([0.0, 1.0]), 1.0)
    assert mark.moving == {}
    assert mark.attributes["d"] == "M50 155.0H300"


def test_a_spoilt_table_is_drawn_with_its_fits_and_the_truth():
    law, truth, D = PowerLaw(), {"E": 1.8, "B": 20.0, "beta": 0.35}, np.geomspace(1e5, 1e7, 12)
    turned = spoilt_fits(law, truth, {"D": D}, "runs", [6, 12], np.random.default_rng(0))
    axes = plot_axes({5: "5", 8: "8"}, {1.7: "1.7", 2.2: "2.2"}, "D", "loss")
    true, *dots, fitted = spoilt_panel(axes, turned, law, truth, D).marks[len(axes.marks) :]
    assert len(dots) == 12
    # Without noise every fit is the truth, to a tenth of a unit of the drawing.
    assert fitted.attributes["points"] == [true.attributes["points"]] * 2
    assert [dot.attributes["fill-opacity"] for dot in dots] == [1.0] * 6 + [[0.1, 1.0]] * 6
    assert spoilt_sentences(turned, law, truth, 1e8)[0].endswith("is off by 0.000 nats.")
    with pytest.raises(InvalidArgument, match="truth must be a dict with E, B, beta"):
        spoilt_sentences(turned, law, {"E": 1.8}, 1e8)


def test_a_curve_runs_through_all_points_at_each_position():
    curve = moving_curve(AXES, np.array([0.0, 0.5, 1.0]), np.array([[0.0, 1.0, 2.0], [2.0, 2.0, 0.0]]))
    assert curve.attributes["points"] == ["50.0,265.0 175.0,155.0 300.0,45.0", "50.0,45.0 175.0,45.0 300.0,265.0"]
    assert curve.drawn(0).startswith('<polyline points="50.0,265.0 175.0')


def test_lines_of_text_stand_below_each_other_and_are_padded():
    first, second = moving_text([["Fellow", "<citizens>"], ["of"]], top=30.0, apart=10.0)
    assert (first.attributes["y"], second.attributes["y"]) == (30.0, 40.0)
    assert (first.text, second.text) == (["Fellow", "of"], ["<citizens>", ""])
    assert second.drawn(0) == '<text x="8" y="40">&lt;citizens&gt;</text>'


def test_bad_input_is_refused():
    with pytest.raises(InvalidArgument, match="y must have"):
        moving_curve(AXES, np.array([0.0, 0.5, 1.0]), HEIGHTS)
    for bad in ([], ["a"], [[1]], "text"):
        with pytest.raises(InvalidArgument, match="lines must be"):
            moving_text(bad)
    with pytest.raises(InvalidArgument, match="y must have"):
        moving_dots(AXES, np.array([0.0]), HEIGHTS)
    with pytest.raises(InvalidArgument, match="colour must be one of"):
        moving_line(AXES, np.array([0.0, 1.0]), HEIGHTS, colour="pink")
