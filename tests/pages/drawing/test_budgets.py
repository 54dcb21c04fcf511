"""The marks of a slider of budgets: the dot lies at the lowest point of its curve, inside its band."""

import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.allocation import closed_form
from scaling_lib.pages.drawing.budgets import budget_marks, plan_error_panel, plan_error_sentences, plan_errors
from tests.pages.drawing.examples_budgets import EXAMPLES, FITS, RATIOS, TRUTH

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


def test_a_plan_by_the_truth_is_the_best_and_another_costs_what_the_loss_says():
    plans = plan_errors(FITS, TRUTH, 1e23)
    best, fitted = closed_form(TRUTH), closed_form(FITS.iloc[1].to_dict())
    assert plans["a"].tolist() == pytest.approx([best.a, fitted.a])
    assert plans.loc[0, ["ratio", "overspent"]].tolist() == pytest.approx([1, 0], abs=1e-12)
    N = float(fitted.optimal_parameters(1e23))
    assert plans.loc[1, "N"] == pytest.approx(N)
    assert plans.loc[1, "ratio"] == pytest.approx(N / float(best.optimal_parameters(1e23)))
    # At the wasted share less, the best size reaches the same loss.
    loss = TRUTH["E"] + TRUTH["A"] * N ** -TRUTH["alpha"] + TRUTH["B"] * (1e23 / 6 / N) ** -TRUTH["beta"]
    assert float(best.loss(1e23 * (1 - plans.loc[1, "overspent"]))) == pytest.approx(loss, rel=1e-12)
    first, _ = plan_error_sentences(FITS, TRUTH, 1e23)
    assert first == "a = 0.250, planted 0.250. The plan is 1.00 times the best size and wastes 0.0 % of the compute."


def test_the_line_of_the_truth_is_its_level_and_a_budget_left_out_is_hollow():
    given = {"truth": TRUTH, "budgets": np.array([1e18, 1e20]), "flops": 1e23}
    kept = np.array([[True, True], [False, True]])
    panel = plan_error_panel(RATIOS, FITS, kept=kept, **given)
    level, first, second, line, end = panel.marks[len(RATIOS.marks) :]
    assert level.attributes["d"] == "M50 155.0H300"
    assert (first.attributes["fill-opacity"], second.attributes["fill-opacity"]) == ([1.0, 0.1], 1.0)
    assert (line.attributes["y1"][0], line.attributes["y2"][0]) == pytest.approx((155, 155))
    ratio = plan_errors(FITS, TRUTH, 1e23).loc[1, "ratio"]
    assert line.attributes["y2"][1] == end.attributes["cy"][1] == pytest.approx(155 - 110 * np.log10(ratio))
    with pytest.raises(InvalidArgument, match=r"kept must be an array of bool of shape \(2, 2\)"):
        plan_error_panel(RATIOS, FITS, kept=kept[:1], **given)
    with pytest.raises(InvalidArgument, match="fits lacks the column 'beta'"):
        plan_error_sentences(FITS.drop(columns="beta"), TRUTH, 1e23)
