"""Points that are twins by construction lie on one curve on the right axes, and on no other."""

import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.pages.drawing.rescaling import RULERS, distance_from_one_curve, rescaling_panel
from tests.pages.drawing.examples_rescaling import POINTS


def test_planted_twins_lie_on_one_curve_of_the_steps_and_not_of_the_tokens():
    apart = {ruler: distance_from_one_curve(POINTS, ruler) for ruler in RULERS}
    assert apart["steps"] < 0.05
    assert apart["tokens"] > 10 * apart["steps"]


def test_an_exact_parabola_leaves_nothing():
    exact = POINTS.assign(loss=np.exp(1 - np.log(POINTS["steps"]) ** 2 / 10))
    assert distance_from_one_curve(exact, "steps") == pytest.approx(0, abs=1e-12)


def test_every_point_stays_inside_the_axes_at_every_position():
    panel = rescaling_panel(POINTS)
    circles = [mark for mark in panel.marks if mark.tag == "circle" and mark.moving]
    assert len(circles) == (POINTS["group"] == POINTS["group"].iloc[0]).sum()
    for circle in circles:
        assert all(62 <= x <= 470 for x in circle.attributes["cx"])
        assert all(45 <= y <= 300 for y in circle.attributes["cy"])


def test_the_lowest_loss_is_drawn_lowest():
    circles = [
        mark
        for mark in rescaling_panel(POINTS, ["steps"]).marks
        if mark.tag == "circle" and mark.attributes["cx"] != 70.0
    ]
    heights = [circle.attributes["cy"] for circle in circles]
    first = POINTS[POINTS["group"] == POINTS["group"].iloc[0]]
    assert np.argmax(heights) == np.argmin(first["loss"].to_numpy())


def test_what_cannot_be_drawn_is_named():
    with pytest.raises(InvalidArgument, match="ruler must be one of"):
        distance_from_one_curve(POINTS, "inches")
    with pytest.raises(InvalidArgument, match="points lacks the column 'group'"):
        rescaling_panel(POINTS.drop(columns="group"))
    with pytest.raises(InvalidArgument, match="points must be four or more, got 2"):
        rescaling_panel(POINTS.head(2))
    with pytest.raises(InvalidArgument, match="points must be positive numbers"):
        rescaling_panel(POINTS.assign(loss=-1.0))
    with pytest.raises(InvalidArgument, match="rulers must be one name or more"):
        rescaling_panel(POINTS, [])
