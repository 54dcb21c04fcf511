"""Planted tables lie on their law, where they say, and call themselves synthetic."""

import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.allocation import closed_form
from scaling_lib.fits.points.synthetic import planted_curves, planted_isoflops, planted_runs

LAW = {"E": 1.7, "A": 2000.0, "B": 26.0, "alpha": 0.465, "beta": 0.155}
SIZES = np.geomspace(1e7, 1e9, 4)
TOKENS = 60 * SIZES[:, None] * np.geomspace(0.01, 1, 9)


def on_the_law(table):
    return LAW["E"] + LAW["A"] * table["N"] ** -LAW["alpha"] + LAW["B"] * table["D"] ** -LAW["beta"]


def test_runs_lie_on_the_law():
    table = planted_runs(LAW, SIZES, 20 * SIZES)
    np.testing.assert_allclose(table["loss"], on_the_law(table), rtol=1e-14)
    np.testing.assert_allclose(table["C"], 120 * SIZES**2, rtol=1e-14)
    assert table.attrs["source"].startswith("SYNTHETIC")


def test_isoflops_reach_from_the_middle_either_way():
    budgets, middles = np.array([1e18, 1e20]), np.array([1e8, 3e8])
    table = planted_isoflops(LAW, budgets, middles, width=8, sizes=5)
    np.testing.assert_allclose(table["loss"], on_the_law(table), rtol=1e-14)
    np.testing.assert_allclose(6 * table["N"] * table["D"], table["C"], rtol=1e-14)
    for C, N in zip(budgets, middles, strict=True):
        np.testing.assert_allclose(table.loc[table["C"] == C, "N"], N * np.geomspace(1 / 8, 8, 5), rtol=1e-12)


def test_around_the_optimum_the_middle_is_the_lowest_run():
    budgets = np.array([1e19])
    table = planted_isoflops(LAW, budgets, closed_form(LAW).optimal_parameters(budgets), width=8)
    assert table["loss"].idxmin() == len(table) // 2


def test_curves_without_a_lift_lie_on_the_law():
    table = planted_curves(LAW, SIZES, TOKENS)
    np.testing.assert_allclose(table["loss"], on_the_law(table), rtol=1e-14)
    assert table.groupby("run")["N"].nunique().tolist() == [1] * 4
    np.testing.assert_allclose(table["D"], TOKENS.ravel())


def test_a_lift_falls_to_nothing_at_the_end():
    above = planted_curves(LAW, SIZES, TOKENS, lift=0.05)["loss"] - planted_curves(LAW, SIZES, TOKENS)["loss"]
    above = above.to_numpy().reshape(TOKENS.shape)
    np.testing.assert_allclose(above, np.tile(0.05 * (1 - np.geomspace(0.01, 1, 9)), (4, 1)), atol=1e-12)
    assert (above[:, -1] == 0).all()


def test_what_does_not_match_is_refused():
    with pytest.raises(InvalidArgument, match="D must have length 4"):
        planted_runs(LAW, SIZES, SIZES[:2])
    with pytest.raises(InvalidArgument, match="tokens must have length 4"):
        planted_curves(LAW, SIZES, TOKENS[:2])
    with pytest.raises(InvalidArgument, match="width must be"):
        planted_isoflops(LAW, np.array([1e19]), np.array([1e9]), width=1.0)
