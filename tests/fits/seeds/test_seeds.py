"""Estimators on seeds: what they answer on planted runs, and where they must say undetermined."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.seeds import LackOfFit, SeedMean, branches, lack_of_fit, seed_means, seed_table, slope
from scaling_lib.fits.undetermined import Undetermined, first_undetermined

RATES = (0.25, 0.5, 1.0)


def planted(generator, *, sizes=(1e5, 2e5, 4e5, 8e5), rates=RATES, best=0.5, seeds=6, exponent=0.7, noise=0.1):
    """Runs whose log excess is a parabola in the logarithm of the rate, above a power of D, with noise from seeds."""
    return pd.DataFrame(
        [
            (size, rate, seed, size**-exponent * np.exp(np.log(rate / best) ** 2 + noise * generator.standard_normal()))
            for size in sizes
            for rate in rates
            for seed in range(seeds)
        ],
        columns=["D", "learning_rate", "seed", "excess_loss"],
    )


def straight(generator, deviations, *, seeds, exponent=0.7):
    """Points on a line whose seeds scatter by these deviations."""
    sizes = np.geomspace(1e5, 1.6e6, len(deviations))
    return [
        SeedMean({"D": size}, -exponent * np.log(size) + deviation * generator.standard_normal(seeds))
        for size, deviation in zip(sizes, deviations, strict=True)
    ]


# Undetermined


@pytest.mark.parametrize("specification", [".3f", "+.2e", ",", "", "d", "%", "g"])
def test_undetermined_is_a_word_in_every_format_of_a_number(specification):
    assert format(Undetermined("there is one seed"), specification) == "undetermined"


def test_undetermined_is_no_number_and_can_be_aligned():
    doubt = Undetermined("there is one seed")
    assert f"{doubt:>14}|{doubt:14.2f}|" == "  undetermined|undetermined  |"
    assert doubt.sentence == "undetermined: there is one seed."
    for calculation in (float, lambda value: value + 1, lambda value: value < 1, lambda value: -value, round, np.exp):
        with pytest.raises(TypeError):
            calculation(doubt)
    with pytest.raises(InvalidArgument, match="reason must be one line"):
        Undetermined("there is one seed.")
    assert first_undetermined([1.0, doubt, 2.0]) is doubt
    assert first_undetermined([1.0, 2.0]) is None


# Means over seeds


def test_the_mean_is_over_the_seeds_at_the_rate_that_is_best_on_average():
    runs = planted(np.random.default_rng(0))
    for point in seed_means(runs, "D"):
        own = runs[(runs["D"] == point.at["D"]) & (runs["learning_rate"] == 0.5)]["excess_loss"]
        assert point.log_excess == pytest.approx(np.log(own).mean())
        assert point.standard_error == pytest.approx(np.log(own).std() / np.sqrt(6))
        assert point.rates == (0.5,) * 6


def test_an_edge_of_the_grid_is_undetermined_and_a_fixed_rate_is_not():
    runs = planted(np.random.default_rng(0), best=1.0)
    for point in seed_means(runs, "D"):
        assert isinstance(point.log_excess, Undetermined)
        assert "largest" in point.doubt.reason
    assert all(point.doubt is None for point in seed_means(runs, "D", rate=1.0))
    (smallest, *_) = seed_means(planted(np.random.default_rng(0), best=0.2), "D")
    assert "smallest" in smallest.doubt.reason


def test_a_rate_that_diverged_bounds_the_grid_and_is_never_chosen():
    runs = planted(np.random.default_rng(0), best=0.9).assign(status="ok")
    edge = seed_means(runs[runs["learning_rate"] < 1], "D")
    assert all(point.doubt is not None for point in edge)
    runs.loc[(runs["learning_rate"] == 1.0) & (runs["seed"] == 2), ["status", "excess_loss"]] = ["diverged", np.nan]
    assert all(set(point.rates) == {0.5} for point in seed_means(runs, "D"))
    everywhere = runs.assign(status=np.where(runs["seed"] == 2, "diverged", "ok"))
    assert "diverged" in seed_means(everywhere, "D")[0].doubt.reason
    assert "diverged" in seed_means(everywhere, "D", rate=0.5)[0].doubt.reason


def test_a_rate_with_fewer_seeds_bounds_the_grid_unless_it_looks_better():
    runs = planted(np.random.default_rng(0), noise=0.01)
    some = runs[(runs["learning_rate"] != 1.0) | (runs["seed"] < 2)]
    assert all(point.rates == (0.5,) * 6 for point in seed_means(some, "D"))
    best = runs[(runs["learning_rate"] != 0.5) | (runs["seed"] < 2)]
    assert all("looks better" in point.doubt.reason for point in seed_means(best, "D"))


def test_halves_score_each_other():
    """Two rates that are equally good and one seed that is lucky at one of them: its own half takes that rate."""
    runs = pd.DataFrame(
        [(1e6, rate, seed, 1.0) for rate in (0.1, 0.2, 0.4, 0.8) for seed in range(4)],
        columns=["D", "learning_rate", "seed", "excess_loss"],
    )
    runs.loc[(runs["learning_rate"] == 0.2) & (runs["seed"] == 0), "excess_loss"] = np.exp(-1.0)
    runs.loc[(runs["learning_rate"] == 0.4) & (runs["seed"] == 1), "excess_loss"] = np.exp(-0.5)
    (plain,) = seed_means(runs, "D")
    assert plain.log_excess == pytest.approx(-0.25)
    (crossed,) = seed_means(runs, "D", crossfit=True)
    # Seeds 0 and 2 choose .2, seeds 1 and 3 choose .4, and each half is scored at the other's rate.
    assert crossed.rates == (0.4, 0.2, 0.4, 0.2)
    assert crossed.log_excess == 0.0


def test_choosing_on_the_seeds_that_are_averaged_is_optimistic_and_halves_are_not():
    """All rates equally good: the truth is 0, whichever rate is chosen."""
    generator = np.random.default_rng(0)
    plain, crossed = [], []
    for _ in range(150):
        runs = pd.DataFrame(
            [(1.0, rate, seed) for rate in (1, 2, 3, 4, 5) for seed in range(6)],
            columns=["D", "learning_rate", "seed"],
        )
        runs["excess_loss"] = np.exp(generator.standard_normal(len(runs)))
        # The edges are never chosen, so that all data sets count.
        runs.loc[runs["learning_rate"].isin([1, 5]), "excess_loss"] *= 100
        plain.append(seed_means(runs, "D")[0].log_excess)
        crossed.append(seed_means(runs, "D", crossfit=True)[0].log_excess)
    assert stats.ttest_1samp(plain, 0).pvalue < 1e-6
    assert np.mean(plain) < 0
    assert stats.ttest_1samp(crossed, 0).pvalue > 0.01


@settings(max_examples=20, deadline=None)
@given(factor=st.floats(1e-3, 1e3), seed=st.integers(0, 2**32 - 1), crossfit=st.booleans())
def test_units_and_the_order_of_rows_do_not_matter(factor, seed, crossfit):
    runs = planted(np.random.default_rng(0), noise=0.3)
    shuffled = runs.sample(frac=1, random_state=seed).assign(excess_loss=lambda frame: factor * frame["excess_loss"])
    for one, other in zip(
        seed_means(runs, "D", crossfit=crossfit), seed_means(shuffled, "D", crossfit=crossfit), strict=True
    ):
        assert one.rates == other.rates
        assert other.logs == pytest.approx(one.logs + np.log(factor))


def test_the_table_prints_the_word():
    runs = planted(np.random.default_rng(0), best=1.0)
    runs.loc[runs["D"] > 2e5, "learning_rate"] *= 2
    table = seed_table(seed_means(runs, "D"))
    assert table["log_excess"].astype(str).tolist() == ["undetermined"] * 4
    assert (table["reason"] != "").all()
    assert seed_table(seed_means(runs, "D", rate=0.5))["good"].tolist() == [1.0] * 4


def test_runs_that_cannot_be_read_are_refused():
    runs = planted(np.random.default_rng(0))
    with pytest.raises(InvalidArgument, match="runs must hold one run for each point"):
        seed_means(pd.concat([runs, runs.iloc[:1]]), "D")
    with pytest.raises(InvalidArgument, match="runs lacks the column 'width' that by names"):
        seed_means(runs, ["D", "width"])
    with pytest.raises(InvalidArgument, match="positive and finite in every run that is ok"):
        seed_means(runs.assign(excess_loss=0.0), "D")
    with pytest.raises(InvalidArgument, match="by must be different columns"):
        seed_means(runs, ["D", "seed"])


# Branches


def test_two_branches_are_seen_and_one_is_not():
    generator = np.random.default_rng(0)
    logs = 0.1 * generator.standard_normal(12)
    assert branches(logs).shares == (1.0,)
    logs[:3] += 1
    split = branches(logs)
    assert split.two
    assert split.good == pytest.approx(0.75)
    assert np.subtract(*split.centres) == pytest.approx(-1, abs=0.2)
    assert split.deviation == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize(("seeds", "bound"), [(6, 0.06), (12, 0.03)])
def test_one_normal_is_seldom_taken_for_two(seeds, bound):
    """The share of false alarms that the module's docstring states, at the upper end of what 300 samples can show."""
    generator = np.random.default_rng(0)
    alarms = sum(branches(generator.standard_normal(seeds)).two for _ in range(300))
    assert stats.binomtest(alarms, 300, bound, alternative="greater").pvalue > 0.01


def test_degenerate_seeds():
    assert isinstance(branches(np.zeros(5)), Undetermined)
    assert not branches(np.zeros(12)).two
    exact = branches(np.repeat([0.0, 1.0], 6))
    assert exact.centres == pytest.approx((0.0, 1.0))
    assert exact.good == pytest.approx(0.5)


@given(
    logs=st.lists(st.floats(-20, 5), min_size=6, max_size=20).map(np.array),
    shift=st.floats(-10, 10),
)
def test_branches_move_with_the_seeds(logs, shift):
    one, other = branches(logs), branches(logs + shift)
    assert other.bic_difference == pytest.approx(one.bic_difference, abs=1e-4)
    assert sum(one.shares) == pytest.approx(1)
    assert sum(share * centre for share, centre in zip(one.shares, one.centres, strict=True)) == pytest.approx(
        logs.mean(), abs=1e-4
    )


# Lack of fit


def test_under_the_law_p_is_uniform_whichever_variance_is_known():
    generator = np.random.default_rng(0)
    deviations = np.array([0.05, 0.1, 0.2, 0.1, 0.3])
    plain, weighted, known = [], [], []
    x = np.arange(5.0)
    for _ in range(400):
        noise = generator.standard_normal((5, 3))
        for scale, kept, options in (
            (np.full(5, 0.1), plain, {}),
            (deviations, weighted, {"weights": 7 / deviations**2}),
            (deviations, known, {"variances": deviations**2}),
        ):
            values = 1 - x[:, None] + scale[:, None] * noise
            fitted = np.polyval(np.polyfit(x, values.mean(1), 1, w=1 / scale), x)
            kept.append(lack_of_fit(list(values), fitted, 2, **options).p)
    for kept in (plain, weighted, known):
        assert stats.kstest(kept, "uniform").pvalue > 1e-3


def test_lack_of_fit_cannot_be_tested_without_freedom_or_scatter():
    values = [np.array([0.0, 0.1]), np.array([1.0, 1.2])]
    assert "no more points" in lack_of_fit(values, np.array([0.05, 1.1]), 2).reason
    assert "no point has a second seed" in lack_of_fit([np.zeros(1)] * 3, np.zeros(3), 1).reason
    assert "last digits" in lack_of_fit([np.ones(2)] * 3, np.zeros(3), 1).reason
    with pytest.raises(InvalidArgument, match="weights must be None"):
        lack_of_fit([np.zeros(2)] * 3, np.zeros(3), 1, weights=np.ones(3), variances=np.ones(3))


# Slopes


@given(
    exponent=st.floats(-2, 2),
    level=st.floats(-5, 5),
    sizes=st.lists(st.integers(1, 10**6), min_size=3, max_size=8, unique=True),
)
def test_an_exact_line_gives_its_slope(exponent, level, sizes):
    """Replicates that scatter evenly about a line: the estimate is the line's."""
    points = [
        SeedMean({"D": float(size)}, level - exponent * np.log(size) + 0.1 * np.array([-1.0, 0.0, 1.0])) for size in sizes
    ]
    line = slope(points, "D")
    assert line.estimate == pytest.approx(-exponent, abs=1e-6)
    assert line.fit.statistic == pytest.approx(0, abs=1e-6)


def test_the_slope_is_undetermined_where_a_point_is_and_where_the_line_is_rejected():
    generator = np.random.default_rng(0)
    edge = seed_means(planted(generator, best=1.0), "D")
    assert "largest" in slope(edge, "D").reason
    bent = [SeedMean({"D": x}, np.log(x) ** 2 + 0.1 * generator.standard_normal(6)) for x in (1.0, 10.0, 100.0)]
    assert "straight line" in slope(bent, "D").reason
    assert isinstance(slope(bent, "D", rejection=None).fit, LackOfFit)
    alone = [SeedMean({"D": x}, generator.standard_normal(1)) for x in (1.0, 10.0)]
    assert "one seed" in slope(alone, "D").reason
    equal = [SeedMean({"D": x}, np.full(3, 0.5)) for x in (1.0, 10.0)]
    assert "last digits" in slope(equal, "D").reason
    still = [SeedMean({"D": 1.0, "n": n}, generator.standard_normal(3)) for n in (1.0, 10.0)]
    assert "does not change" in slope(still, "D").reason


def test_groups_have_constants_of_their_own():
    """Steps move the level, and the nodes' slope is the same at all of them."""
    points = [
        SeedMean({"nodes": nodes, "steps": steps}, 0.3 * np.log(nodes) - steps + 0.01 * np.array([-1.0, 0.0, 1.0]))
        for nodes in (50.0, 100.0, 200.0)
        for steps in (1.0, 2.0)
    ]
    assert slope(points, "nodes", groups="steps").estimate == pytest.approx(0.3)
    assert isinstance(slope(points, "nodes"), Undetermined)
    with pytest.raises(InvalidArgument, match="groups must be coordinates"):
        slope(points, "nodes", groups="nodes")


COVERAGE = [
    (3, [0.1] * 5),
    (6, [0.2, 0.12, 0.08, 0.06, 0.04]),
    (12, [0.2, 0.12, 0.08, 0.06, 0.04]),
]


def coverage(datasets, seeds, deviations):
    generator = np.random.default_rng(0)
    lines = [slope(straight(generator, deviations, seeds=seeds), "D", rejection=None) for _ in range(datasets)]
    covered = sum(line.low <= -0.7 <= line.high for line in lines)
    return covered, sum(line.fit.rejected() for line in lines)


def within_bounds(datasets, seeds, deviations):
    """The rule: coverage within two points of what is promised, true lines rejected at most three points too often."""
    covered, rejected = coverage(datasets, seeds, deviations)
    print(f"{seeds} seeds, deviations {deviations}: covered {covered} of {datasets}, line rejected {rejected}")
    return (
        stats.binomtest(covered, datasets, 0.93, alternative="less").pvalue > 0.005
        and stats.binomtest(covered, datasets, 0.97, alternative="greater").pvalue > 0.005
        and stats.binomtest(rejected, datasets, 0.08, alternative="greater").pvalue > 0.005
    )


@pytest.mark.parametrize(("seeds", "deviations"), COVERAGE)
def test_the_interval_covers(seeds, deviations):
    assert within_bounds(150, seeds, deviations)


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "deviations"), COVERAGE)
def test_the_interval_covers_over_two_thousand_data_sets(seeds, deviations):
    assert within_bounds(2000, seeds, deviations)
