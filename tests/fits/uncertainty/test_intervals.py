"""Intervals: exact where theory is exact, and their own definition everywhere else."""

import numpy as np
import pytest
from scipy import stats

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla, PowerLaw
from scaling_lib.fits.points.synthetic import synthetic_chinchilla
from scaling_lib.fits.uncertainty.intervals import (
    Interval,
    basic,
    bca,
    bias,
    percentile,
    placed,
    profile,
    stretched,
    student_mean,
    wald,
)

D = np.geomspace(1e4, 1e7, 10)


def fitted(law=None, objective="ols", sigma=0.01, seed=0):
    loss = 2 + 60 * D**-0.4 + sigma * np.random.default_rng(seed).standard_normal(10)
    return fit(law or PowerLaw(), {"D": D, "loss": loss}, objective=objective)


def test_percentile_and_basic_mirror_each_other():
    draws = np.random.default_rng(0).gamma(2, size=4001)
    low, high = np.quantile(draws, [0.05, 0.95])
    plain, mirrored = percentile(draws, level=0.9), basic(1.5, draws, level=0.9)
    assert (plain.low, plain.high) == pytest.approx((low, high))
    assert (mirrored.low, mirrored.high) == pytest.approx((3 - high, 3 - low))
    assert 1.5 in plain
    assert high + 1 not in plain


def test_bca_of_symmetric_draws_is_the_percentile_interval():
    draws = np.linspace(-1, 1, 2001)
    corrected = bca(0.0, draws, np.linspace(-1, 1, 9))
    plain = percentile(draws)
    assert (corrected.low, corrected.high) == pytest.approx((plain.low, plain.high), abs=1e-9)


def test_bca_is_scipys():
    data = np.random.default_rng(1).exponential(size=25)
    generator = np.random.default_rng(2)
    result = stats.bootstrap((data,), np.mean, n_resamples=5000, method="BCa", rng=generator)
    draws = result.bootstrap_distribution
    left_out = np.array([np.delete(data, i).mean() for i in range(25)])
    ours = bca(float(data.mean()), draws, left_out)
    theirs = result.confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-3)


@pytest.mark.parametrize("rounding", [-1e-12, 0.0, 1e-12])
def test_bca_counts_refits_that_equal_the_estimate_up_to_rounding_as_ties(rounding):
    """A wild bootstrap of six points returns the estimate in one resample of 64; its last digit must decide nothing."""
    draws = np.random.default_rng(0).standard_normal(200)
    draws[:40] = rounding
    exact = np.r_[np.zeros(40), draws[40:]]
    left_out = np.linspace(-1, 1, 9)
    ours, wanted = bca(0.0, draws, left_out), bca(0.0, exact, left_out)
    assert (ours.low, ours.high) == pytest.approx((wanted.low, wanted.high), abs=1e-9)
    moved = bca(0.0, np.r_[np.full(40, -0.01), draws[40:]], left_out)
    assert abs(moved.low - wanted.low) > 0.01


def test_bca_survives_draws_on_one_side():
    one_sided = bca(0.0, np.linspace(1, 2, 100), np.r_[np.zeros(8), 5.0])
    assert 1 <= one_sided.low <= one_sided.high <= 2


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (1.5, "inside"),
        (0.9, "outside"),
        (2.1, "outside"),
        (1.0, "on the edge"),
        (1.0 - 5e-4, "on the edge"),
        (1.0 + 5e-4, "on the edge"),
        (2.0 + 5e-4, "on the edge"),
        (1.0 + 2e-3, "inside"),
        (1.0 - 2e-3, "outside"),
    ],
)
def test_a_value_near_an_end_is_on_the_edge(value, place):
    assert placed(Interval(1.0, 2.0, 0.95, "wald"), value) == place


def test_beyond_an_open_end_there_is_no_outside():
    interval = Interval(0.0, 2.0, 0.95, "profile", open_low=True)
    assert [placed(interval, value) for value in (-1.0, 0.0, 1e-300, 2.0, 3.0)] == [
        "inside",
        "inside",
        "inside",
        "on the edge",
        "outside",
    ]


def test_stretching_is_by_students_quantile():
    draws = np.random.default_rng(0).standard_normal(1000)
    plain, wide = percentile(draws), stretched(0.1, draws, 3)
    factor = stats.t.ppf(0.975, 3) / stats.norm.ppf(0.975)
    assert wide.low == pytest.approx(0.1 + factor * (plain.low - 0.1))
    assert wide.high == pytest.approx(0.1 + factor * (plain.high - 0.1))
    nearly = stretched(0.1, draws, 10**6)
    assert (nearly.low, nearly.high) == pytest.approx((plain.low, plain.high), rel=1e-4)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_profile_of_a_linear_model_is_students_interval(level):
    found = fitted(PowerLaw(offset=0.0), "log-ols")
    exact, curved = wald(found, "beta", level=level), profile(found, "beta", level=level)
    assert (curved.low, curved.high) == pytest.approx((exact.low, exact.high), rel=1e-6)
    assert not curved.open_low
    assert not curved.open_high


@pytest.mark.parametrize("objective", ["ols", "huber", "log-ols", "log-huber", "log-lad"])
@pytest.mark.parametrize("parameter", ["E", "B", "beta"])
def test_profile_ends_are_where_the_pinned_fit_is_just_significant(objective, parameter):
    found = fitted(objective=objective)
    interval = profile(found, parameter)
    assert interval.low < found.params[parameter] < interval.high
    table = {"D": D, "loss": found.problem.loss}
    delta = found.problem.delta if "huber" in objective else None
    rises = []
    for end in (interval.low, interval.high):
        pinned = fit(PowerLaw().pin(**{parameter: end}), table, objective=objective, delta=delta)
        rises.append(pinned.objective - found.objective)
    assert rises[0] == pytest.approx(rises[1], rel=1e-3)
    if objective == "ols":
        limit = stats.t.ppf(0.975, 7) ** 2 * found.objective / 7
        assert rises[0] == pytest.approx(limit, rel=1e-3)


def test_profile_of_a_surface_at_another_start():
    """Each end of each parameter, by a cold fit with the parameter pinned there."""
    table = synthetic_chinchilla(np.random.default_rng(3), 100)
    found = fit(Chinchilla(), table, objective="log-ols")
    limit = stats.t.ppf(0.975, 95) ** 2 * found.objective / 95
    for parameter in Chinchilla().free:
        interval = profile(found, parameter)
        for end in (interval.low, interval.high):
            pinned = fit(Chinchilla().pin(**{parameter: end}), table, objective="log-ols")
            assert pinned.objective - found.objective == pytest.approx(limit, rel=1e-3)


def test_an_offset_that_may_be_zero_leaves_the_interval_open():
    x = np.geomspace(1, 30, 8)
    loss = 0.2 + 2 * x**-0.1 + 0.01 * np.random.default_rng(1).standard_normal(8)
    found = fit(PowerLaw(variable="N"), {"N": x, "loss": loss}, objective="ols")
    interval = profile(found, "E")
    assert not found.offset_identified
    assert interval.open_low
    assert interval.low == 0
    assert np.isfinite(interval.high)
    alpha = profile(found, "alpha")
    assert alpha.low < found.params["alpha"] < alpha.high


def test_noise_free_fits_have_no_width():
    found = fitted(sigma=0.0)
    interval = profile(found, "beta")
    assert interval.high - interval.low < 1e-6


def test_bias_is_judged_against_the_standard_error():
    draws = np.random.default_rng(0).standard_normal(10_000)
    assert not bias(0.1, draws).worth_correcting
    report = bias(0.6, draws)
    assert report.worth_correcting
    assert report.corrected == pytest.approx(1.2 - draws.mean())
    assert report.estimate == 0.6


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: profile(fitted(), "alpha"), "parameter must be one of"),
        (lambda: profile(fitted(), "beta", level=1.0), "level must be"),
        (lambda: wald(fitted(PowerLaw(offset=2.0)), "E"), "parameter must be one of"),
        (lambda: percentile(np.ones(1)), "draws must have at least 2"),
        (lambda: stretched(0.1, np.ones(5), 0), "degrees_of_freedom must be"),
        (lambda: Interval(1.0, 0.0, 0.95, "wald"), "high must be"),
        (lambda: Interval(0.0, 1.0, 0.95, "mine"), "method must be"),
        (lambda: bca(0.1, np.ones(5), np.ones(1)), "jackknife must have"),
    ],
)
def test_errors_say_what_is_wrong(call, words):
    with pytest.raises(InvalidArgument, match=words):
        call()


def test_intervals_need_freedom():
    exact = fit(PowerLaw(), {"D": D[:3], "loss": 2 + 60 * D[:3] ** -0.4})
    for interval in (profile, wald):
        with pytest.raises(InvalidArgument, match="more points than free parameters"):
            interval(exact, "beta")


def test_wald_refuses_a_bound():
    loss = 20 * D**-0.1 - 1 + 0.01 * np.random.default_rng(3).standard_normal(10)
    found = fit(PowerLaw(), {"D": D, "loss": loss}, objective="log-ols")
    with pytest.raises(InvalidArgument, match="off its bound"):
        wald(found, "E")
    interval = profile(found, "E")
    assert interval.low == 0 < interval.high


def test_students_interval_of_a_mean_is_scipys():
    values = np.array([1.0, 1.2, 0.7, 1.1])
    mean, low, high = student_mean(values)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert (mean, low, high) == pytest.approx((values.mean(), expected.low, expected.high))
