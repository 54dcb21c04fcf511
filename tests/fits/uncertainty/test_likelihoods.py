"""Laws by a likelihood that knows the seeds: the planted law is singled out, or what is said is that none can be."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.laws import Exponential, PowerLaw
from scaling_lib.fits.seeds import SeedMean
from scaling_lib.fits.seeds.scatter import LackOfFit
from scaling_lib.fits.uncertainty.likelihoods import COUNTING, RIVALS, LawComparison, LawScore, compare_likelihoods
from scaling_lib.fits.undetermined import Undetermined

PLANTED = {
    "power": lambda x: x**-0.7,
    "stretched exponential": lambda x: np.exp(-(x**0.3)),
    "shifted power": lambda x: 1 / (x + 5),
    "exponential": lambda x: np.exp(-x / 20),
    "power with a free floor": lambda x: 0.05 + x**-0.7,
}


def planted(law, generator, *, sizes=8, decades=2.0, seeds=12, noise=0.08):
    return [
        SeedMean({"D": 1e5 * x}, np.log(law(x)) + noise * generator.standard_normal(seeds))
        for x in np.geomspace(1, 10**decades, sizes)
    ]


@pytest.mark.parametrize("name", ["power", "shifted power"])
def test_the_planted_law_is_singled_out_over_two_decades(name):
    points = planted(PLANTED[name], np.random.default_rng(0))
    comparison = compare_likelihoods(points, "D", np.random.default_rng(1), draws=50)
    assert comparison.decision == name
    assert comparison.held_out == pytest.approx((points[-2].at["D"], points[-1].at["D"]))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(PLANTED))
def test_a_wrong_law_is_seldom_singled_out(name):
    """Thirty data sets of each law: a decision for another law at most at the rate at which true laws are rejected."""
    generator = np.random.default_rng(0)
    decisions = [
        compare_likelihoods(planted(PLANTED[name], generator), "D", np.random.default_rng(1)).decision
        for _ in range(30)
    ]
    wrong = sum(isinstance(decision, str) and decision != name for decision in decisions)
    right = sum(decision == name for decision in decisions)
    print(f"{name}: right {right}, wrong {wrong}, undetermined {30 - right - wrong} of 30")
    assert stats.binomtest(wrong, 30, 0.05, alternative="greater").pvalue > 0.01
    assert stats.binomtest(right, 30, 0.7, alternative="less").pvalue > 0.01


def test_half_a_decade_with_few_seeds_separates_nothing():
    points = planted(PLANTED["power"], np.random.default_rng(0), sizes=5, decades=0.5, seeds=3, noise=0.3)
    laws = {name: RIVALS[name] for name in ("power", "exponential")}
    comparison = compare_likelihoods(points, "D", np.random.default_rng(1), laws=laws, draws=50)
    assert isinstance(comparison.decision, Undetermined)
    assert set(comparison.standing) == {"power", "exponential"}


def test_counting_that_bends_is_told_from_a_power_and_a_power_from_itself_is_not():
    def counted(x):
        return np.log1p(1 / x)

    generator = np.random.default_rng(0)
    points = [
        SeedMean({"D": x, "counted": counted(x), "inverse": 1 / x}, np.log(3 * counted(x)) + noise)
        for x in np.geomspace(0.01, 100, 8)
        for noise in [0.05 * generator.standard_normal(12)]
    ]
    laws = {"power": PowerLaw(offset=0.0)}
    comparison = compare_likelihoods(points, "D", np.random.default_rng(1), laws=laws, baseline="counted", draws=50)
    assert comparison.decision == COUNTING
    (score,) = [score for score in comparison.scores if score.law == COUNTING]
    assert score.parameters["K"] == pytest.approx(3, rel=0.1)
    assert score.parameters["gamma"] == pytest.approx(0, abs=0.02)
    power = [SeedMean(point.at, -np.log(point.at["D"]) + 0.05 * generator.standard_normal(12)) for point in points]
    same = compare_likelihoods(power, "D", np.random.default_rng(1), laws=laws, baseline="inverse", draws=50)
    assert "power, counting" in same.decision.reason
    one, other = same.scores
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-5)
    assert one.held_out == pytest.approx(other.held_out, abs=1e-3)


@settings(max_examples=10, deadline=None)
@given(factor=st.floats(1e-3, 1e3), unit=st.floats(1e-2, 1e2))
def test_units_change_no_likelihood(factor, unit):
    """The density of a logarithm: a factor on losses or sizes moves parameters and nothing else."""
    points = planted(PLANTED["power"], np.random.default_rng(0), sizes=5)
    moved = [SeedMean({"D": unit * point.at["D"]}, point.logs + np.log(factor)) for point in points]
    laws = {"power": PowerLaw(offset=0.0)}
    one, other = (
        compare_likelihoods(some, "D", np.random.default_rng(1), laws=laws, draws=20).scores[0]
        for some in (points, moved)
    )
    assert other.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-4)
    assert other.held_out == pytest.approx(one.held_out, abs=1e-3)
    assert other.aic == pytest.approx(4 - 2 * other.log_likelihood)


def test_the_likelihood_is_that_of_scipy():
    points = planted(PLANTED["power"], np.random.default_rng(0), sizes=4, seeds=3)
    comparison = compare_likelihoods(
        points, "D", np.random.default_rng(1), laws={"power": PowerLaw(offset=0.0)}, held_out=1, draws=20
    )
    means = np.array([point.log_excess for point in points])
    sizes = np.log([point.at["D"] for point in points])
    missed = means - np.polyval(np.polyfit(sizes, means, 1), sizes)
    variance = np.mean([point.logs.var(ddof=1) for point in points]) / 3
    expected = stats.multivariate_t(np.zeros(4), variance * np.eye(4), df=8).logpdf(missed)
    assert comparison.scores[0].log_likelihood == pytest.approx(expected, abs=1e-5)


def test_the_rule_on_made_scores():
    fits = LackOfFit(1.0, 3, 20, 0.4)
    scores = {name: LawScore(name, {}, 2, 0.0, 0.0, 1.0, fits) for name in RIVALS}
    power, shifted, other = scores["power"], scores["shifted power"], scores["exponential"]
    assert LawComparison((power, shifted), frozenset()).decision == "power"
    assert isinstance(LawComparison((power, other), frozenset()).decision, Undetermined)
    assert LawComparison((power, other), frozenset({("exponential", "power")})).decision == "power"
    rejected = dataclasses.replace(power, fit=LackOfFit(9.0, 3, 20, 0.001))
    # A law that is rejected beats nobody.
    assert LawComparison((rejected, other), frozenset({("exponential", "power")})).decision == "exponential"
    assert "every law" in LawComparison((rejected,), frozenset()).decision.reason


def test_what_cannot_be_compared():
    points = planted(PLANTED["power"], np.random.default_rng(0), sizes=4)
    with pytest.raises(InvalidArgument, match="held_out must be at most 1"):
        compare_likelihoods(points, "D", np.random.default_rng(0))
    with pytest.raises(InvalidArgument, match="points must be points with different D"):
        compare_likelihoods([*points, points[0]], "D", np.random.default_rng(0))
    with pytest.raises(InvalidArgument, match="baseline must be a coordinate"):
        compare_likelihoods(points, "D", np.random.default_rng(0), baseline="counted")
    with pytest.raises(InvalidArgument, match="a law in D"):
        compare_likelihoods(points, "D", np.random.default_rng(0), laws={"rate": Exponential(variable="N")})
    doubtful = [*points[1:], SeedMean({"D": 1e9}, np.empty(0), doubt=Undetermined("the rate is at the edge"))]
    assert compare_likelihoods(doubtful, "D", np.random.default_rng(0), held_out=1).reason == "the rate is at the edge"
