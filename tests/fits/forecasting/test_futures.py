"""Forecasts from expanding windows: a law that holds is covered, one that does not is not, and what is not determined
is said; what a known floor is worth."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.forecasting.floors import worth_of_floor
from scaling_lib.fits.forecasting.futures import COLUMNS, leave_future_out, summarised_futures
from scaling_lib.fits.laws import Chinchilla, PowerLaw
from scaling_lib.runs.keeping.tables import load_recorded, lowest_losses

TRUTH = {"E": 1.7, "A": 400.0, "B": 400.0, "alpha": 0.33, "beta": 0.3}
D = np.geomspace(1e6, 1e9, 16)


def curve(seed, sigma=0.005, bend=0.0):
    noise = np.exp(sigma * np.random.default_rng(seed).standard_normal(len(D)))
    return {"D": D, "loss": (2 + 50 * D**-0.3 * np.exp(-bend * np.log(D / D[0]) ** 2)) * noise}


@pytest.mark.parametrize("sets", [50, pytest.param(200, marks=pytest.mark.slow)])
def test_intervals_cover_new_runs_of_a_law_that_holds(sets):
    futures = [leave_future_out(PowerLaw(), curve(seed), by="D", cuts=2) for seed in range(sets)]
    # One forecast a data set, the farthest from the first cut: forecasts of one data set are not independent.
    inside = [bool(f.loc[f["cut"] == f["cut"].min(), "inside"].iloc[-1]) for f in futures if not f["reason"].iloc[-1]]
    low, high = stats.binom.interval(0.999, len(inside), 0.95)
    assert len(inside) > 0.8 * sets
    assert low <= sum(inside) <= high


def test_a_law_that_bends_beyond_the_cut_leaves_its_intervals():
    bent = [leave_future_out(PowerLaw(), curve(seed, 0.0005, bend=0.02), by="D", cuts=2) for seed in range(10)]
    straight = [leave_future_out(PowerLaw(), curve(seed, 0.0005), by="D", cuts=2) for seed in range(10)]
    assert np.mean([f["inside"].mean() for f in bent]) < 0.6 < 0.85 < np.mean([f["inside"].mean() for f in straight])


def test_windows_expand_and_forecast_everything_ahead():
    N, tokens = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e8, 1e10, 5), np.geomspace(2e9, 2e11, 5)))
    runs = pd.DataFrame({"N": N, "D": tokens, "loss": Chinchilla().loss(TRUTH, N=N, D=tokens)})
    runs["loss"] *= np.exp(0.003 * np.random.default_rng(0).standard_normal(25))
    futures = leave_future_out(Chinchilla(), runs, cuts=3)
    assert tuple(futures) == COLUMNS
    summary = summarised_futures(futures)
    assert summary["fitted"].is_monotonic_increasing
    assert (summary["fitted"] + summary["ahead"] == 25).all()
    assert (futures["x"] > futures["cut"]).all()
    assert summary["factor"].iloc[0] == pytest.approx(6 * (N * tokens).max() / summary["cut"].iloc[0])
    assert (summary["median_error"] < 0.02).all()
    by_size = leave_future_out(Chinchilla(), runs, by="N", cuts=2)
    assert set(by_size["cut"]) <= set(N)


def test_a_ladder_is_forecast_without_an_interval():
    N = np.geomspace(1e8, 1e10, 14)
    runs = {"N": N, "D": 20 * N, "loss": 1.7 + 90 * N**-0.25 * (1 + 0.01 * np.sin(np.arange(14)))}
    futures = leave_future_out(Chinchilla(), runs, cuts=2)
    assert futures["inside"].isna().all()
    assert futures["low"].isna().all()
    assert futures["reason"].str.contains("undetermined|only their sum|fits as well").all()
    assert (futures["error"].abs() < 0.02).all()
    assert summarised_futures(futures)["inside"].isna().all()


def test_what_cannot_be_forecast_is_refused():
    with pytest.raises(InvalidArgument, match="add runs or lower smallest"):
        leave_future_out(PowerLaw(), {"D": D[:4], "loss": 2 + 50 * D[:4] ** -0.3}, by="D", smallest=10)
    with pytest.raises(InvalidArgument, match="the column 'N'"):
        leave_future_out(PowerLaw(), curve(0), by="N")
    with pytest.raises(InvalidArgument, match="make it with leave_future_out"):
        summarised_futures(pd.DataFrame({"cut": [1.0]}))


def test_a_known_floor_narrows_the_forecasts_of_a_planted_curve():
    worth = worth_of_floor(PowerLaw(), curve(1, 0.002), 2.0, by="D", cuts=2).set_index("floor")
    assert list(worth.index) == ["free", "true", "1 % low", "1 % high"]
    assert worth["forecasts"].nunique() == 1
    assert worth.loc["true", "median_width"] < worth.loc["free", "median_width"]
    assert worth.loc["true", "E"] == 2.0
    assert worth.loc["1 % high", "E"] == pytest.approx(2.02)


def test_a_known_floor_on_recorded_walks():
    runs = load_recorded("er-100")
    floor = float(runs["entropy_rate"].iloc[0])
    worth = worth_of_floor(PowerLaw(), lowest_losses(runs), floor, by="D", cuts=2, smallest=5).set_index("floor")
    assert worth.loc["true", "median_error"] < worth.loc["free", "median_error"]
    # The best of these runs is within one per cent of the entropy rate: a floor a per cent too high is impossible.
    assert "above a loss" in worth.loc["1 % high", "reason"]
    with pytest.raises(InvalidArgument, match="floor must be below every loss"):
        worth_of_floor(PowerLaw(), lowest_losses(runs), floor * 1.01, by="D")
    with pytest.raises(InvalidArgument, match="whose E is free"):
        worth_of_floor(PowerLaw(offset=2.0), lowest_losses(runs), floor, by="D")
