"""Minima over seeds: the constants and the formula by simulation, and which way the textbook's correction goes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.uncertainty.lucky_seeds import (
    bias_of_minima,
    expected_luck,
    lucky_exponent,
    redrawn_minima,
    scatter_of_seeds,
)

SIZES = np.geomspace(1e5, 1e6, 8)


def trained(first=0.2, last=0.02, seeds=3, seed=1, exponent=0.75):
    """Runs at two learning rates whose seeds scatter by a share that changes evenly from first to last."""
    generator = np.random.default_rng(seed)
    rows = [
        {
            "D": size,
            "learning_rate": rate,
            "seed": number,
            "excess_loss": size**-exponent * handicap * np.exp(share * generator.standard_normal()),
        }
        for size, share in zip(SIZES, np.linspace(first, last, len(SIZES)), strict=True)
        for rate, handicap in ((1e-3, 1.0), (2e-3, 3.0))
        for number in range(seeds)
    ]
    return pd.DataFrame(rows)


def test_the_constants_are_known():
    assert expected_luck(1) == 0
    assert expected_luck(2) == pytest.approx(np.pi**-0.5, abs=1e-10)
    assert expected_luck(3) == pytest.approx(1.5 * np.pi**-0.5, abs=1e-10)
    sample = np.random.default_rng(0).standard_normal((200_000, 9)).min(axis=1)
    assert expected_luck(9) == pytest.approx(-sample.mean(), abs=4 * sample.std() / 200_000**0.5)


def test_the_formula_is_what_minima_do():
    """Straight lines through minima over three seeds, on many planted data sets."""
    generator = np.random.default_rng(0)
    shares = np.linspace(0.15, 0.03, len(SIZES))
    logs = -0.75 * np.log(SIZES) + (shares * generator.standard_normal((20_000, 3, len(SIZES)))).min(axis=1)
    slopes = -np.polyfit(np.log(SIZES), logs.T, 1)[0]
    error = slopes.std() / 20_000**0.5
    # The minimum moves a line through all points by c_k times the slope of sigma, for sigma linear in the logarithm.
    assert slopes.mean() - 0.75 == pytest.approx(bias_of_minima(3, 0.15, 0.03, 1.0), abs=4 * error)
    assert bias_of_minima(3, 0.03, 0.15, 1.0) == -bias_of_minima(3, 0.15, 0.03, 1.0)
    assert str(bias_of_minima(1, 0.15, 0.03, 1.0)) == "0.0"


def test_the_scatter_is_that_at_the_best_learning_rate():
    runs = trained()
    runs.loc[runs["learning_rate"] == 2e-3, "excess_loss"] *= np.exp(3 * runs["seed"])  # wild, but never the best
    scatter = scatter_of_seeds(runs, "D")
    best = runs[runs["learning_rate"] == 1e-3]
    expected = best.assign(log=np.log(best["excess_loss"])).groupby("D")["log"].std()
    assert scatter.to_numpy() == pytest.approx(expected.to_numpy())
    failed = pd.concat([runs.assign(status="ok"), runs.head(1).assign(status="diverged", excess_loss=1e9)])
    assert scatter_of_seeds(failed, "D").to_numpy() == pytest.approx(scatter.to_numpy())


def test_fewer_seeds_have_less_luck():
    redrawn = redrawn_minima(trained(), "D", resamples=200)
    assert list(redrawn) == [1, 2, 3]
    assert redrawn[1].fit.params["beta"] == redrawn[3].fit.params["beta"]
    # Large runs are the steadier ones: every seed more makes the line flatter.
    assert redrawn[1]["beta"].mean() > redrawn[3]["beta"].mean() > redrawn[1].fit.params["beta"]
    assert redrawn_minima(trained(seeds=1), "D") == {}
    assert lucky_exponent(trained(seeds=1), "D") is None


def test_the_textbooks_correction_goes_the_wrong_way_where_large_runs_are_steadier():
    lucky = lucky_exponent(trained(), "D", resamples=300, datasets=300)
    assert (lucky.name, lucky.seeds, list(lucky.expected)) == ("beta", 3, [1, 3, 9])
    assert lucky.expected[9] < lucky.expected[3] < 0
    assert lucky.without_luck > lucky.estimate > lucky.corrected
    assert lucky.correction == "wrong"


def test_a_correction_that_cannot_be_told_from_noise_is_undecided():
    lucky = lucky_exponent(trained(), "D", resamples=300, datasets=300)
    assert replace(lucky, expected={1: 0.0, 3: 1e-17}).correction == "undecided"
    assert replace(lucky, expected={1: 0.0, 3: -1e-17}).correction == "undecided"
    assert replace(lucky, expected={1: 0.0, 3: 1.0}).correction == "right"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: scatter_of_seeds(trained().drop(columns="seed"), "D"), "runs lacks the column 'seed'"),
        (lambda: scatter_of_seeds(trained().assign(excess_loss=-1.0), "D"), "runs must be positive"),
        (lambda: scatter_of_seeds(trained(), "C"), "variable must be one of"),
        (lambda: lucky_exponent(trained(first=0.0, last=0.0), "D"), "runs must be two seeds or more, that differ"),
        (lambda: expected_luck(0), "seeds must be"),
        (lambda: bias_of_minima(3, 0.1, 0.1, 0.0), "decades must be"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InvalidArgument, match=message):
        call()
