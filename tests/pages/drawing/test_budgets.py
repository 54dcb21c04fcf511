"""The marks of a slider of budgets: the dot lies at the lowest point of its curve, inside its band."""

import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.pages.drawing.budgets import budget_marks
from tests.pages.drawing.examples_budgets import EXAMPLES

ARGUMENTS = EXAMPLES[0][1]
BAND, CURVE, DOT = budget_marks(**ARGUMENTS)


def points(position):
    return np.array([pair.split(",") for pair in CURVE.attributes["points"][position].split()], float)


@pytest.mark.parametrize("position", [0, 1])
def test_the_dot_is_the_lowest_point_of_the_curve(position):
    curve = points(position)
    lowest = curve[curve[:, 1].argmax()]  # heights grow downwards
    step = curve[1, 0] - curve[0, 0]
    assert abs(DOT.attributes["cx"][position] - lowest[0]) <= step
    assert DOT.attributes["cy"][position] == pytest.approx(lowest[1], abs=0.5)


@pytest.mark.parametrize("position", [0, 1])
def test_the_band_holds_the_dot_and_spans_the_axes(position):
    left, width = BAND.attributes["x"][position], BAND.attributes["width"][position]
    assert left + width / 2 == pytest.approx(DOT.attributes["cx"][position])
    assert width == pytest.approx(250 / 4 * np.log10(4))
    assert (BAND.attributes["y"], BAND.attributes["height"]) == pytest.approx((45, 220))


def test_the_curve_stays_inside_the_axes():
    for position in (0, 1):
        assert points(position)[:, 1].min() >= 45


def test_more_compute_moves_the_dot_right_and_down():
    for name in ("cx", "cy"):
        assert DOT.attributes[name][1] > DOT.attributes[name][0]


def test_what_is_missing_is_named():
    with pytest.raises(InvalidArgument, match="planned lacks the column 'N_low'"):
        budget_marks(**ARGUMENTS | {"planned": ARGUMENTS["planned"].drop(columns="N_low")})
    with pytest.raises(InvalidArgument, match="losses must be two rising numbers"):
        budget_marks(**ARGUMENTS | {"losses": np.array([3.4, 1.8])})
