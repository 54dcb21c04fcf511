"""The points of twins: planted means, factors and coordinates come back."""

import json

import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.pages.judging.twins.points import divided_curves, leaks_in_tau, slopes_in_nodes, twin_points
from scaling_lib.pages.judging.twins.studies import RATE
from scaling_lib.runs.keeping.tables import load_recorded
from scaling_lib.runs.sweeping.studies.neighbours import LOST
from tests.pages.planted import surface_runs, twin_runs

RUNS = twin_runs("twins-size", beta=0.684, best=RATE, scatter=0.0)


def test_the_planted_factor_and_coordinates_come_back():
    points = twin_points(RUNS)
    assert len(points) == 12
    assert (points["degree"] == 10).all()
    assert points["visits"].to_numpy() == pytest.approx(0.5)
    assert points["factor"].to_numpy() == pytest.approx(14 * (points["steps"] / 400) ** (1 - 0.684))
    assert points["observations"].to_numpy() == pytest.approx(points["D"] / (2 * points["edges"] - points["nodes"]))
    assert (points["seeds"] == 6).all()


def test_the_interval_holds_the_mean_of_the_logarithms():
    noisy = twin_runs("twins-size", best=RATE)
    points = twin_points(noisy)
    one = noisy[(noisy["D"] == points["D"][0]) & (noisy["optimizer_steps"] == points["steps"][0])]
    assert points["loss"][0] == pytest.approx(np.exp(np.log(one["excess_loss"]).mean()))
    assert (points["low"] < points["loss"]).all()
    assert (points["loss"] < points["high"]).all()


def test_a_point_with_a_diverged_run_is_left_out_and_other_columns_are_averaged_alike():
    first = RUNS["identity"] == RUNS["identity"].iloc[0]
    assert len(twin_points(RUNS.assign(status=np.where(first, "diverged", "ok")))) == 11
    assert twin_points(RUNS, column="leak")["loss"].to_numpy() == pytest.approx(0.8 * twin_points(RUNS)["loss"])


def test_what_has_no_points_is_named():
    with pytest.raises(InvalidArgument, match=r"rate must be a learning rate of these runs, got 3\.0"):
        twin_points(RUNS, rate=3.0)
    with pytest.raises(InvalidArgument, match="column must be a column of runs"):
        twin_points(RUNS, column="price")
    with pytest.raises(InvalidArgument, match="configuration"):
        twin_points(surface_runs("er-1k-wide"))


def test_a_planted_slope_comes_back_at_every_number_of_steps():
    table = slopes_in_nodes(twin_runs("twins-size", slope=0.2, best=RATE))
    assert table["steps"].tolist() == [400, 800, 1600]
    assert (table["reason"] == "").all()
    assert table["slope"].to_numpy() == pytest.approx(0.2, abs=0.05)
    assert (table["low"] < table["slope"]).all()
    one_size = RUNS[RUNS["D"] == RUNS["D"].min()]
    assert slopes_in_nodes(one_size)["slope"].isna().all()


def test_every_curve_ends_at_one_and_widths_keep_apart():
    pilot = load_recorded("twins-collapse-pilot")
    longest = pilot[pilot["optimizer_steps"] == pilot["optimizer_steps"].max()]
    curves = divided_curves(longest)
    assert set(curves["width"]) == set(longest["width"])
    for _, curve in curves.groupby("width"):
        assert curve["x"].is_monotonic_increasing
        assert tuple(curve.iloc[-1][["x", "mean", "low", "high"]]) == (1, 1, 1, 1)
    run = longest[longest["width"] == 32].iloc[:1]
    alone = divided_curves(run)["mean"].to_numpy()
    losses = np.array(json.loads(run["result"].iloc[0])["curve_excess_loss"])
    assert alone == pytest.approx((losses / losses[-1])[-len(alone) :])
    with pytest.raises(InvalidArgument, match="runs must be one finished run or more"):
        divided_curves(run.assign(status="diverged"))


def test_the_leak_stands_at_its_tau():
    pilot = load_recorded("twins-third-pilot")
    table = leaks_in_tau(pilot)
    assert table["tau"].to_numpy() == pytest.approx(table["learning_rate"] * (table["steps"] - LOST))
    longest = pilot.loc[[pilot["optimizer_steps"].idxmax()]]
    assert leaks_in_tau(longest)["leak"].tolist() == pytest.approx(longest["leak"].tolist())
    with pytest.raises(InvalidArgument, match="runs must be finished runs whose leak was measured"):
        leaks_in_tau(pilot.assign(leak=np.nan))
