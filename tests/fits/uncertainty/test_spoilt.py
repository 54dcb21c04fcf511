"""A known law whose table is rounded, noisy or cut: untouched it comes back, and each knob does what it says."""

import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.laws import Chinchilla, PowerLaw
from scaling_lib.fits.uncertainty.spoilt import spoilt_fits

LAW, TRUTH = PowerLaw(variable="D"), {"E": 1.8, "B": 20.0, "beta": 0.35}
D = np.geomspace(1e5, 1e7, 12)


def turned(knob, values, seed=0, **given):
    return spoilt_fits(LAW, TRUTH, {"D": D}, knob, values, np.random.default_rng(seed), **given)


def test_an_untouched_table_gives_the_law_back():
    for knob, value in (("noise", 0.0), ("decimals", 12), ("runs", 12)):
        (row,) = turned(knob, [value]).fits.to_dict("records")
        assert {name: row[name] for name in TRUTH} == pytest.approx(TRUTH, rel=1e-5)
    grid = [axis.ravel() for axis in np.meshgrid(np.geomspace(1e7, 1e10, 5), np.geomspace(1e9, 1e11, 5))]
    surface = {"E": 1.7, "A": 400.0, "B": 410.0, "alpha": 0.34, "beta": 0.28}
    two = spoilt_fits(
        Chinchilla(), surface, dict(zip("ND", grid, strict=True)), "noise", [0.0], np.random.default_rng(0)
    )
    assert two.fits.iloc[0][list(surface)].to_dict() == pytest.approx(surface, rel=1e-4)


def test_losses_are_rounded():
    losses = turned("decimals", [3, 1]).losses
    clean = LAW.loss(TRUTH, D=D)
    assert np.abs(losses - clean).max(axis=1) == pytest.approx([5e-4, 5e-2], rel=0.3)
    assert (losses[1] * 10 == np.round(losses[1] * 10)).all()


def test_one_pattern_of_noise_grows():
    moved = np.log(turned("noise", [0.001, 0.004], seed=3).losses / LAW.loss(TRUTH, D=D))
    assert moved[1] == pytest.approx(4 * moved[0], rel=1e-9)
    assert moved[0].std() == pytest.approx(0.001, rel=0.6)
    assert turned("noise", [0.001], seed=3).fits.equals(turned("noise", [0.001], seed=3).fits)


def test_only_the_first_runs_are_seen():
    few = turned("runs", [6, 12], noise=0.002)
    assert few.seen.sum(axis=1).tolist() == [6, 12]
    assert few.seen[0, :6].all()
    assert (few.losses[0] == few.losses[1]).all()
    misses = [np.abs(turned("runs", [6, 12], seed, noise=0.002).fits["beta"] - TRUTH["beta"]) for seed in range(20)]
    assert np.mean(misses, axis=0)[0] > 2 * np.mean(misses, axis=0)[1]


def test_bad_input_is_refused():
    with pytest.raises(InvalidArgument, match="values must be"):
        turned("runs", [13])
    with pytest.raises(InvalidArgument, match="values must be"):
        turned("decimals", [2.5])
    with pytest.raises(InvalidArgument, match="truth must be a dict with E, B, beta"):
        spoilt_fits(LAW, {"E": 1.0}, {"D": D}, "noise", [0.1], np.random.default_rng(0))
    with pytest.raises(InvalidArgument, match="columns must be a dict with D"):
        spoilt_fits(LAW, TRUTH, {"N": D}, "noise", [0.1], np.random.default_rng(0))
