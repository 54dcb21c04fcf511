"""Collapse of curves: a true one passes as often as it should, a wrong exponent fails, and a gap is no answer."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.uncertainty.collapse import by_own_end, collapse, rescaled
from scaling_lib.fits.undetermined import Undetermined

SIZES = (50, 100, 200, 400)


def planted(generator, *, power=1.0, seeds=6, noise=0.1, wiggle=0.02, sizes=SIZES):
    """Curves that fall on one over x / size^power; a seed moves its whole curve, and each point a little."""
    parts = []
    for size in sizes:
        x = np.geomspace(10, 1000, 15)
        for seed in range(seeds):
            scatter = noise * generator.standard_normal() + wiggle * generator.standard_normal(15)
            y = (1 + x) ** -0.7 * np.exp(scatter)
            parts.append(pd.DataFrame({"size": size, "seed": seed, "x": x * size**power, "y": y}))
    return pd.concat(parts, ignore_index=True)


def judged(datasets, power, *, seeds=6, resamples=99):
    generator = np.random.default_rng(0)
    return [
        collapse(rescaled(planted(generator, seeds=seeds), x_power=-power), generator, resamples=resamples)
        for _ in range(datasets)
    ]


def true_spread(power):
    """Of the curves without noise, over the sizes, when x is divided by size^power."""
    clean = rescaled(planted(np.random.default_rng(0), noise=0.0, wiggle=0.0, seeds=1), x_power=-power)
    curves = [part for _, part in clean.groupby("size")]
    ends = max(part["x"].min() for part in curves), min(part["x"].max() for part in curves)
    grid = np.linspace(*np.log(ends), 25)
    logs = np.array([np.interp(grid, np.log(part["x"]), np.log(part["y"])) for part in curves])
    return float(logs.var(axis=0, ddof=1).mean() ** 0.5)


def test_a_true_collapse_passes_as_often_as_the_level_says_and_a_wrong_exponent_fails():
    rejected = sum(result.p < 0.05 for result in judged(60, 1.0))
    assert stats.binomtest(rejected, 60, 0.05, alternative="greater").pvalue > 0.01
    assert all(result.p < 0.05 for result in judged(5, 0.5))


@pytest.mark.slow
def test_p_is_uniform_under_a_true_collapse():
    p = np.array([result.p for result in judged(500, 1.0)])
    print(f"rejected {(p < 0.05).sum()} of 500")
    assert stats.binomtest(int((p < 0.05).sum()), 500, 0.05).pvalue > 0.005
    # p takes the values 1 / 100, ..., 1; spread over each hundredth it is uniform.
    assert stats.kstest(p - np.random.default_rng(0).random(500) / 100, "uniform").pvalue > 1e-3


def coverage(datasets, power, seeds):
    truth = true_spread(power)
    covered = sum(result.low <= truth <= result.high for result in judged(datasets, power, seeds=seeds, resamples=20))
    print(f"power {power}, {seeds} seeds: covered {covered} of {datasets}")
    return covered


def test_the_interval_of_the_spread_covers():
    assert stats.binomtest(coverage(60, 0.8, 6), 60, 0.95, alternative="less").pvalue > 0.005


@pytest.mark.slow
@pytest.mark.parametrize("power", [0.9, 0.8, 0.5])
@pytest.mark.parametrize("seeds", [3, 6, 12])
def test_the_interval_of_the_spread_covers_over_five_hundred_data_sets(power, seeds):
    """At least as often as promised; it may be wider than needed."""
    assert stats.binomtest(coverage(500, power, seeds), 500, 0.95, alternative="less").pvalue > 0.005


def test_no_shared_range_is_no_collapse():
    curves = planted(np.random.default_rng(0), power=0.0)
    apart = rescaled(curves, x_power=5.0)
    assert "share no range" in collapse(apart, np.random.default_rng(0)).reason
    assert "share no range" in collapse(curves, np.random.default_rng(0), smallest=900.0).reason


def test_few_seeds_or_seeds_without_scatter_are_no_noise():
    one = planted(np.random.default_rng(0), seeds=1)
    assert "one seed" in collapse(one, np.random.default_rng(0)).reason
    two = planted(np.random.default_rng(0), seeds=2, sizes=SIZES[:2])
    assert "too few" in collapse(two, np.random.default_rng(0)).reason
    equal = planted(np.random.default_rng(0), noise=0.0, wiggle=0.0)
    assert "last digits" in collapse(rescaled(equal, x_power=-1.0), np.random.default_rng(0)).reason


def test_own_ends_take_out_what_a_curve_shares_with_its_end():
    """Curves whose levels differ by size and seed, over a floor: divided by their own ends they are one curve."""
    generator = np.random.default_rng(0)
    share = np.linspace(0.1, 1, 10)
    curves = pd.concat(
        [
            pd.DataFrame(
                {
                    "size": size,
                    "seed": seed,
                    "x": size * share,
                    "y": 2
                    + np.exp(0.3 * generator.standard_normal())
                    * share**-0.5
                    * np.exp(0.01 * generator.standard_normal(10))
                    / size,
                }
            )
            for size in SIZES
            for seed in range(6)
        ],
        ignore_index=True,
    )
    ends = by_own_end(curves, floor=2.0)
    last = ends[ends["x"] == 1.0]
    assert len(last) == 24
    assert np.allclose(last["y"], 1)
    result = collapse(ends, generator, spacing="linear", resamples=99)
    assert result.noise < 0.03
    assert result.p > 0.05
    assert result.verdict(0.02) is True
    wrong = collapse(by_own_end(curves, floor=2.0 - 0.002), generator, spacing="linear", resamples=99)
    assert wrong.verdict(0.02) is False
    with pytest.raises(InvalidArgument, match="floor must be below every point"):
        by_own_end(curves, floor=2.1)


@settings(max_examples=10, deadline=None)
@given(x=st.floats(1e-3, 1e3), y=st.floats(1e-3, 1e3), names=st.permutations(SIZES))
def test_units_and_names_of_sizes_do_not_matter(x, y, names):
    curves = planted(np.random.default_rng(0), power=0.0)
    moved = curves.assign(x=x * curves["x"], y=y * curves["y"])
    one, other = (collapse(some, np.random.default_rng(1), resamples=20) for some in (curves, moved))
    renamed = curves.assign(size=curves["size"].map(dict(zip(SIZES, names, strict=True))))
    third = collapse(renamed, np.random.default_rng(1), resamples=20)
    for result in (other, third):
        assert result.spread == pytest.approx(one.spread, abs=1e-9)
        assert result.noise == pytest.approx(one.noise)
        assert result.high == pytest.approx(one.high, abs=1e-6)
    assert other.p == one.p


@settings(max_examples=20, deadline=None)
@given(power=st.floats(-2, 2), other=st.floats(-2, 2))
def test_rescaling_twice_adds_the_powers(power, other):
    curves = planted(np.random.default_rng(0), seeds=2)
    twice = rescaled(rescaled(curves, x_power=power, y_power=other), x_power=other)
    once = rescaled(curves, x_power=power + other, y_power=other)
    assert np.allclose(twice[["x", "y"]], once[["x", "y"]])


def test_the_verdict_needs_both_the_test_and_the_tolerance():
    (result,) = judged(1, 1.0)
    decided = dataclasses.replace(result, spread=0.05, low=0.0, high=0.1, p=0.5)
    assert decided.verdict(0.1) is True
    assert isinstance(decided.verdict(0.09), Undetermined)
    assert dataclasses.replace(decided, p=0.01).verdict(0.1) is False
    assert dataclasses.replace(decided, low=0.08).verdict(0.07) is False


def test_curves_that_cannot_be_read_are_refused():
    curves = planted(np.random.default_rng(0), seeds=2)
    with pytest.raises(InvalidArgument, match="curves lacks the column 'seed'"):
        collapse(curves.drop(columns="seed"), np.random.default_rng(0))
    with pytest.raises(InvalidArgument, match="positive numbers"):
        collapse(curves.assign(y=-1.0), np.random.default_rng(0))
    with pytest.raises(InvalidArgument, match="each x of a curve once"):
        collapse(pd.concat([curves, curves.iloc[:1]]), np.random.default_rng(0))
    with pytest.raises(InvalidArgument, match="two sizes or more"):
        collapse(curves[curves["size"] == 50], np.random.default_rng(0))
