"""The slope of the mean and the slope within a branch, on planted branches whose shares stand still or drift."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scaling_lib.fits.seeds import BranchedSlope, SeedMean, Slope, branched_slope, slope, slope_estimands
from scaling_lib.fits.undetermined import Undetermined

SIZES = np.geomspace(6e5, 9.6e6, 5)
EXPONENT, GAP, DEVIATION = 0.7, 0.9, 0.1
STEADY = np.ones(5)
FALLING = np.linspace(1, 0.2, 5)  # the share of good seeds
RISING = np.linspace(0.2, 1, 5)


def planted(generator, good, *, seeds=12, deviations=(DEVIATION,) * 5):
    """Points on one line, whose seeds lie a gap higher unless they are in the good branch."""
    return [
        SeedMean(
            {"D": size},
            -EXPONENT * np.log(size)
            + GAP * (generator.random(seeds) > share)
            + deviation * generator.standard_normal(seeds),
        )
        for size, share, deviation in zip(SIZES, good, deviations, strict=True)
    ]


def judged(datasets, good, **options):
    generator = np.random.default_rng(0)
    return [branched_slope(planted(generator, good, **options), "D") for _ in range(datasets)]


@pytest.mark.parametrize("good", [FALLING, RISING], ids=["falling", "rising"])
def test_a_share_that_drifts_makes_a_spurious_exponent_and_is_refused(good):
    """The mean is off by .3, says so to nobody, and the rule refuses it; the slope within a branch is the truth."""
    spurious = slope(planted(np.random.default_rng(0), good), "D", rejection=None)
    assert abs(spurious.estimate + EXPONENT) > 0.1
    for result in judged(8, good):
        assert isinstance(result.agreed, Undetermined)
        assert result.within.estimate == pytest.approx(-EXPONENT, abs=0.06)
        assert result.gap == pytest.approx(GAP, abs=0.1)
        assert len(result.good) == 5


def test_where_there_is_one_branch_none_is_seen_also_if_the_scatter_changes():
    for deviations in (np.full(5, 0.1), np.geomspace(0.2, 0.04, 5)):
        results = judged(15, STEADY, deviations=deviations)
        seen = sum(result.within is not None for result in results)
        assert stats.binomtest(seen, 15, 0.05, alternative="greater").pvalue > 0.01
        assert all(result.agreed == result.of_mean for result in results if result.within is None)


def test_a_bend_is_not_taken_for_branches():
    generator = np.random.default_rng(0)
    points = [SeedMean({"D": size}, np.log(size / 2e6) ** 2 + 0.1 * generator.standard_normal(12)) for size in SIZES]
    result = branched_slope(points, "D")
    assert result.within is None
    assert "straight line" in result.agreed.reason


def test_few_seeds_cannot_tell():
    (result,) = judged(1, STEADY, seeds=5)
    assert isinstance(result.of_mean, Slope)
    assert "fewer than 6 seeds" in result.agreed.reason


def test_two_slopes_agree_up_to_the_bound():
    one = Slope(-0.70, 0.01, -0.72, -0.68, 0.95, 10.0, 5, Undetermined("none"))
    near = Slope(-0.74, 0.01, -0.76, -0.72, 0.95, 10.0, 5, Undetermined("none"))
    far = Slope(-0.76, 0.01, -0.78, -0.74, 0.95, 10.0, 5, Undetermined("none"))
    assert BranchedSlope(one, near).agreed == one
    assert "0.05" in BranchedSlope(one, far).agreed.reason
    assert BranchedSlope(one, far, most_apart=0.1).agreed == one
    assert BranchedSlope(one, None).agreed == one
    doubt = Undetermined("the seeds are few")
    assert BranchedSlope(doubt, near).agreed == BranchedSlope(one, doubt).agreed == doubt


def test_the_two_estimands_differ_where_the_best_rate_moves():
    """The best rate falls with D, so at a rate that is fixed the loss falls more slowly than at the best."""
    generator = np.random.default_rng(0)
    runs = pd.DataFrame(
        [
            (
                size,
                rate,
                seed,
                size**-0.7 * np.exp(0.5 * np.log(rate / (1e6 / size) ** 0.5) ** 2 + 0.05 * generator.standard_normal()),
            )
            for size in (1e6, 2e6, 4e6)
            for rate in 2.0 ** np.arange(-4, 3)
            for seed in range(6)
        ],
        columns=["D", "learning_rate", "seed", "excess_loss"],
    )
    both = slope_estimands(runs, "D", "D", rate=1.0, rejection=None)
    assert both.selected.agreed.estimate == pytest.approx(-0.7, abs=0.06)
    assert both.fixed.agreed.estimate > both.selected.agreed.estimate + 0.1
    narrow = slope_estimands(runs[runs["learning_rate"] >= 0.5], "D", "D", rate=1.0, rejection=None)
    assert isinstance(narrow.selected.agreed, Undetermined)
    assert narrow.fixed.agreed == both.fixed.agreed


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [6, 12])
@pytest.mark.parametrize("good", [np.linspace(0.3, 0, 5), FALLING, RISING, np.full(5, 0.5), STEADY])
def test_what_is_not_refused_covers(good, seeds):
    """The rule of the module, on 200 data sets: what is not refused covers as often as an interval should, or nothing
    is left; and the slope within a branch is unbiased."""
    results = judged(200, good, seeds=seeds)
    left = [result.agreed for result in results if isinstance(result.agreed, Slope)]
    covered = sum(line.low <= -EXPONENT <= line.high for line in left)
    within = [result.within.estimate for result in results if isinstance(result.within, Slope)]
    print(f"{seeds} seeds, good {good}: {len(left)} of 200 decided, {covered} covered, {len(within)} with two branches")
    assert not left or stats.binomtest(covered, len(left), 0.93, alternative="less").pvalue > 0.005
    if len(within) > 20:
        assert abs(np.mean(within) + EXPONENT) < 4 * np.std(within) / len(within) ** 0.5 + 0.005
