"""Rules of decision on tables of runs: each finds what was planted, and none hangs on the last digit of a float."""

import numpy as np
import pandas as pd
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.runs.keeping import summaries
from scaling_lib.runs.keeping.tables import load_recorded
from tests.runs.keeping.planted_grids import OPTIMUM, over_rates, over_steps

TINY = 1e-12  # relative: more than two processors differ by, far less than any rule looks at


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.7, "above"), (0.5, "below"), (0.6, "on the edge"), (0.6 * (1 + TINY), "on the edge"),
        (0.6 * (1 - TINY), "on the edge"), (0.6 * (1 + 1e-5), "above"), (-0.6, "below"),
    ],
)
def test_a_side_is_taken_only_off_the_edge(value, expected):
    assert summaries.side(value, 0.6) == expected


def test_means_over_seeds_are_geometric():
    means = summaries.mean_losses(over_rates())
    assert list(means.index) == list(OPTIMUM)
    assert means.loc[16, 0.5] == pytest.approx(10 / 16, rel=1e-12)
    assert means.loc[64, 4.0] == pytest.approx(4 * 10 / 64, rel=1e-12)


def test_the_best_rate_of_each_width_is_found():
    best = summaries.best_rates(over_rates())
    assert best["optimum"].to_dict() == OPTIMUM
    assert best["bracketed"].all()


def test_an_optimum_at_the_end_of_the_grid_of_its_width_is_not_bracketed():
    runs = over_rates({16: 0.25, 32: 4.0, 64: 0.5})
    # Width 64 was not tried at 0.25, so that its own grid begins at its optimum.
    runs = runs[(runs["width"] != 64) | (runs["learning_rate"] > 0.25)]
    best = summaries.best_rates(runs)
    assert best["optimum"].tolist() == [0.25, 4.0, 0.5]
    assert not best["bracketed"].any()


def test_of_equally_good_rates_the_smallest_is_taken_on_every_machine():
    runs = over_rates({16: np.sqrt(0.5)}, seeds=1)  # 0.5 and 1 are equally far from the optimum
    for change in (-TINY, 0.0, TINY):
        nudged = runs.assign(excess_loss=runs["excess_loss"] * (1 + change * (runs["learning_rate"] == 0.5)))
        assert summaries.best_rates(nudged)["optimum"].tolist() == [0.5]


def test_runs_near_the_best_rate():
    runs = over_rates()
    near = summaries.near_best_rate(runs)
    assert set(near.loc[near["width"] == 16, "learning_rate"]) == {0.25, 0.5, 1.0}
    assert len(near) == 3 * 3 * 3
    at_best = summaries.near_best_rate(runs, steps=0)
    assert at_best.groupby("width")["learning_rate"].agg(set).to_dict() == {n: {rate} for n, rate in OPTIMUM.items()}


def test_points_at_the_ends_of_the_grid_are_counted():
    assert summaries.points_at_grid_ends(over_rates(), by=("width",)) == 0
    assert summaries.points_at_grid_ends(over_rates({16: 0.25, 32: 1.0, 64: 4.0}), by=("width",)) == 2


@pytest.mark.parametrize(("widest", "shift", "kept"), [(1.0, 2.0, True), (0.25, 2.0, True), (2.0, 4.0, False)])
def test_a_rate_transfers_within_one_step_of_the_grid(widest, shift, kept):
    runs = over_rates({16: 0.5, 64: widest})
    assert summaries.rate_shift(runs) == shift
    assert summaries.transfers(runs) is kept


def test_a_factor_that_is_met_up_to_rounding_is_kept():
    runs = over_rates({16: 0.1, 64: 0.3}, rates=(0.05, 0.1, 0.3, 0.9))
    assert summaries.rate_shift(runs) != 3
    assert summaries.transfers(runs, factor=3.0)


def test_rises_with_the_width_are_counted():
    runs = over_rates()
    assert summaries.worse_when_wider(runs)["rises"].sum() == 0
    worse = runs.assign(excess_loss=runs["excess_loss"].where(runs["width"] < 64, 2 * runs["excess_loss"] + 2))
    by_rate = summaries.worse_when_wider(worse)
    assert (by_rate["rises"] >= 1).all()
    assert by_rate["learns"].tolist() == [False, True, True, True, False]  # 10/16 nat at 0.5, twice that at 0.25


def test_equal_losses_are_no_rise():
    runs = over_rates({16: 1.0, 32: 1.0})
    level = runs.assign(excess_loss=1 + 0.5 * (runs["width"] == 32) * TINY)
    assert summaries.worse_when_wider(level)["rises"].sum() == 0
    assert not summaries.worse_when_wider(level)["learns"].any()


@pytest.mark.parametrize("knob", ["batch", "epochs"])
@pytest.mark.parametrize("gain", [0.4, 1.3])
@pytest.mark.parametrize(
    ("share", "limit"),
    [
        (0.9, "step-limited"), (0.61, "step-limited"), (0.59, "both"), (0.41, "both"), (0.39, "data-limited"),
        (0.0, "data-limited"), (0.6, "on the edge"), (0.4, "on the edge"), (0.6 + 1e-9, "on the edge"),
    ],
)
def test_the_share_of_the_steps_is_found_and_labelled(knob, gain, share, limit):
    limits = summaries.steps_or_data(over_steps(share, knob, gain), knob)
    np.testing.assert_allclose(limits["share"], share, rtol=0, atol=1e-9)
    assert set(limits["limit"]) == {limit}


def test_one_number_of_tokens_or_one_setting_decides_nothing():
    runs = over_steps(0.9)
    for part in (runs[runs["D"] == 50_000], runs[runs["batch"] == 20]):
        limits = summaries.steps_or_data(part, "batch")
        assert limits["share"].isna().all()
        assert set(limits["limit"]) == {"not decided"}


@pytest.mark.parametrize(
    ("floor", "less", "more", "limit"),
    [
        (0.8, 1.0, 0.9, "capacity"),
        (0.0, 1.0, 0.5, "data or steps"),
        (0.0, 1.0, 0.9, "neither shown"),
        (0.45, 1.0, 0.9, "on the edge"),
        (0.45 * (1 - TINY), 1.0, 0.9, "on the edge"),
        (0.0, 0.9, 0.6, "on the edge"),
        (0.0, 0.9, 0.6 * (1 + TINY), "on the edge"),
    ],
)
def test_capacity_against_data_or_steps(floor, less, more, limit):
    losses = pd.DataFrame({1000: [less], 4000: [more]}, index=[8])
    floors = pd.DataFrame({"width": [8], "floor": [floor]})
    assert summaries.capacity_or_data(losses, floors)["limit"].tolist() == [limit]


def test_the_floor_of_the_next_narrower_width_bounds_a_width_between():
    losses = pd.DataFrame({1000: [1.0, 1.0, 1.0]}, index=[4, 12, 16])
    floors = pd.DataFrame({"width": [8, 16], "floor": [0.8, 0.1]})
    limits = summaries.capacity_or_data(losses, floors)
    assert limits["floor"].tolist()[1:] == [0.8, 0.1]
    assert limits["limit"].tolist() == ["not decided", "capacity", "not decided"]  # one D; no floor at width 4


@pytest.mark.parametrize(
    ("trained", "verdict"),
    [([0.9, 0.6, 0.4], "behind the floor"), ([0.9, 0.4, 0.3], "with the floor"), ([0.9, 0.8, 0.7], "not seen")],
)
def test_drops_are_compared(trained, verdict):
    floor, losses = pd.Series([0.8, 0.1, 0.0], [10, 20, 40]), pd.Series(trained, [10, 20, 40])
    drop = summaries.compare_drops(floor, losses)
    assert (drop.floor_width, drop.verdict) == (20, verdict)


def test_a_drop_at_just_the_factor_is_with_the_floor():
    floor, losses = pd.Series([0.1], [10]), pd.Series([0.1], [12])
    assert summaries.compare_drops(floor, losses).verdict == "with the floor"
    assert summaries.compare_drops(floor, losses, factor=1.1).verdict == "behind the floor"


def test_a_level_that_is_met_up_to_rounding_is_not_passed():
    assert summaries.first_width_below(pd.Series([0.5 * (1 - TINY), 0.4], [8, 16]), 0.5) == 16


def test_runs_that_all_diverged_are_refused():
    with pytest.raises(InvalidArgument, match="runs must be a table with a finished run"):
        summaries.best_rates(over_rates().assign(status="diverged"))


def test_no_decision_on_the_recorded_runs_is_near_its_edge():
    """What chapter 2 says must not change if every loss is moved by more than processors differ."""
    generator = np.random.default_rng(0)

    def moved(runs):
        factor = 1 + 1e-9 * generator.standard_normal(len(runs))
        return runs.assign(excess_loss=runs["excess_loss"].astype(float) * factor)

    for name in ("er-200", "er-200-sp", "er-200-dense"):
        runs = load_recorded(name)
        runs = runs[runs["D"] == runs["D"].max()]
        first, second = summaries.best_rates(runs), summaries.best_rates(moved(runs))
        assert first[["optimum", "bracketed"]].equals(second[["optimum", "bracketed"]])
        assert summaries.worse_when_wider(runs).equals(summaries.worse_when_wider(moved(runs)))
    for knob, name in (("batch", "er-200-batches"), ("epochs", "er-200-epochs")):
        runs = load_recorded(name)
        limits = [summaries.steps_or_data(table, knob)["limit"].tolist() for table in (runs, moved(runs))]
        assert limits[0] == limits[1]
        assert "on the edge" not in limits[0]
