"""Tails: parameters come back, verdicts are right where the truth is known, errors are as rare as the level says."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom

from scaling_lib.data import chains, tails
from scaling_lib.errors import InvalidArgument

GRID = np.arange(1, 1001)


def sample(family, count=4000, seed=0, minimum=1):
    """Draws of a family on minimum .. 1000 with known parameters."""
    x = GRID[minimum - 1 :].astype(float)
    logarithm = {
        "power_law": -2.5 * np.log(x),
        "exponential": -0.15 * x,
        "poisson": x * np.log(13) - np.cumsum(np.log(x)),
        "lognormal": 4 * np.log(x) - 1.2 * np.log(x) ** 2,
    }[family]
    law = np.exp(logarithm - logarithm.max())
    return np.random.default_rng(seed).choice(GRID[minimum - 1 :], count, p=law / law.sum())


TRUE = {"power_law": (2.5,), "exponential": (0.15,), "poisson": (13,), "lognormal": (4, 1.2)}


@pytest.mark.parametrize("family", tails.FAMILIES)
@pytest.mark.parametrize("minimum", [1, 3])
def test_parameters_come_back(family, minimum):
    values = sample(family, 20_000)
    fit = tails.fit_tail(values, family, minimum=minimum, maximum=1000)
    np.testing.assert_allclose(fit.parameters, TRUE[family], rtol=0.08)
    assert np.exp(fit.log_probabilities).sum() == pytest.approx(1, abs=1e-12)
    inside = values[values >= minimum]
    assert fit.log_likelihood == pytest.approx(fit.log_probabilities[inside - minimum].sum(), rel=1e-12)


def test_power_law_fit_is_the_maximum():
    values = sample("power_law", 500)

    def loss(exponent):
        return exponent * np.log(values).sum() + len(values) * np.log((GRID**-exponent).sum())

    best = minimize_scalar(loss, bounds=(0.1, 8), method="bounded", options={"xatol": 1e-10})
    fit = tails.fit_tail(values, "power_law", minimum=1, maximum=1000)
    assert fit.parameters[0] == pytest.approx(best.x, abs=1e-6)
    assert fit.log_likelihood == pytest.approx(-best.fun, rel=1e-12)


def test_counts_stand_for_repeated_values():
    values = sample("lognormal", 300)
    distinct, counts = np.unique(values, return_counts=True)
    one = tails.compare_tails(values, minimum=1, maximum=1000)
    two = tails.compare_tails(distinct, counts=counts, minimum=1, maximum=1000)
    for a, b in zip(one, two, strict=True):
        assert a.log_likelihood_ratio == pytest.approx(b.log_likelihood_ratio, abs=1e-9)
        assert a.p_value == pytest.approx(b.p_value, abs=1e-9)


@pytest.mark.parametrize("truth", tails.FAMILIES)
def test_verdicts_where_the_truth_is_known(truth):
    verdicts = {c.alternative: c for c in tails.compare_tails(sample(truth), minimum=1, maximum=1000)}
    if truth == "power_law":
        assert verdicts["exponential"].favoured == verdicts["poisson"].favoured == "power_law"
        assert verdicts["lognormal"].favoured == "neither"
        assert verdicts["lognormal"].log_likelihood_ratio <= 0
    else:
        assert verdicts[truth].favoured == truth
        assert verdicts[truth].log_likelihood_ratio < 0
        assert verdicts[truth].p_value < 1e-6


def test_the_lognormal_is_favoured_wrongly_no_more_often_than_the_level_says():
    wrong = 0
    for seed in range(300):
        comparison = tails.compare_tails(sample("power_law", 300, seed), minimum=1, maximum=1000)[-1]
        assert comparison.alternative == "lognormal"
        wrong += comparison.favoured == "lognormal"
    assert binom.sf(wrong - 1, 300, 0.05) > 1e-3
    assert binom.cdf(wrong, 300, 0.05) > 1e-3


def test_vuong_statistic_by_definition():
    values = sample("exponential", 200)
    comparison = tails.compare_tails(values, minimum=1, maximum=1000)[0]
    power, other = (tails.fit_tail(values, f, minimum=1, maximum=1000) for f in ("power_law", "exponential"))
    terms = (power.log_probabilities - other.log_probabilities)[values - 1]
    assert comparison.log_likelihood_ratio == pytest.approx(terms.sum(), rel=1e-9)
    assert comparison.statistic == pytest.approx(terms.sum() / np.sqrt(200) / terms.std(), rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_degrees_of_the_papers_graphs(seed):
    """ER: no power law, not even where it fits best. BA: its tail passes for one, and no thin-tailed law comes near."""
    generator = np.random.default_rng(seed)
    er = chains.erdos_renyi(8192, edges=53292, generator=generator).degrees
    begin = tails.best_minimum(er, maximum=8191)
    for comparison in tails.compare_tails(er, minimum=begin, maximum=8191):
        assert comparison.favoured == comparison.alternative
    ba = chains.barabasi_albert(8192, attachments=6, generator=generator).degrees
    against = {c.alternative: c.favoured for c in tails.compare_tails(ba, minimum=20, maximum=8191)}
    assert against == {"exponential": "power_law", "poisson": "power_law", "lognormal": "neither"}
    assert tails.fit_tail(ba, "power_law", minimum=20, maximum=8191).parameters[0] == pytest.approx(3, abs=0.25)


def test_transitions_at_kappa_one_fall_exponentially_in_rank():
    base = chains.erdos_renyi(1000, edges=5000, generator=np.random.default_rng(1))
    law = chains.biased(base, kappa=1, generator=np.random.default_rng(2)).rank_frequencies("bigram")
    counts = np.random.default_rng(3).multinomial(10**5, law)
    comparison = tails.compare_tails(np.arange(1, len(law) + 1), counts=counts, minimum=1, maximum=len(law))[0]
    assert comparison.favoured == "exponential"


def test_best_minimum_finds_where_the_power_law_begins():
    generator = np.random.default_rng(5)
    values = np.concatenate([generator.integers(1, 20, 3000), sample("power_law", 3000, 5, minimum=20)])
    assert 15 <= tails.best_minimum(values, maximum=1000) <= 26


def test_best_minimum_needs_two_values_above_it():
    with pytest.raises(InvalidArgument, match=r"^values must hold two different"):
        tails.best_minimum([3, 3, 3], maximum=9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.integers(0, 8), st.integers(-500, 500))
def test_of_distances_that_tie_the_first_is_taken(distances, place, digits):
    """Two copies of the least distance, one of them with other last digits: whichever is less, the first is taken."""
    least = min(distances) - 0.01
    place = min(place, len(distances))
    for changed in (least, least + digits * 1e-3 * tails.TIE):
        assert tails._first_least([*distances[:place], changed, *distances[place:], least]) == place


# ---------------------------------------------------------------------- the verdict


@pytest.mark.parametrize(
    ("truth", "verdict"), [("power_law", "yes"), ("exponential", "no"), ("poisson", "no"), ("lognormal", "no")]
)
def test_the_verdict_is_right_where_the_truth_is_known(truth, verdict):
    judged = tails.judge_power_law(sample(truth), maximum=1000, share=0.9)
    assert judged.verdict == verdict
    assert judged.minimum == tails.best_minimum(sample(truth), maximum=1000, share=0.9)
    assert judged.comparisons == tails.compare_tails(sample(truth), minimum=judged.minimum, maximum=1000)
    if truth == "power_law":
        assert judged.exponent == pytest.approx(2.5, abs=0.1)


def test_a_handful_of_observations_decides_nothing():
    assert tails.judge_power_law(sample("power_law", 15), maximum=1000).verdict == "undecided"


def test_the_ratio_of_an_alternative():
    judged = tails.judge_power_law(sample("exponential"), maximum=1000)
    for comparison in judged.comparisons:
        assert judged.ratio(comparison.alternative) == comparison.log_likelihood_ratio
    with pytest.raises(InvalidArgument, match=r"^alternative must be one of"):
        judged.ratio("power_law")


def rivals(ratios, p_values, level):
    """Comparisons with each alternative that have these ratios and p-values."""
    return tuple(
        tails.TailComparison(
            family, 100.0, ratio, 0.0, p, "neither" if p >= level else "power_law" if ratio > 0 else family
        )
        for family, ratio, p in zip(tails.ALTERNATIVES, ratios, p_values, strict=True)
    )


LEVEL = 0.05
SIGNIFICANCES = st.sampled_from([0.0, 0.01, LEVEL * (1 - 1e-3), LEVEL * (1 + 1e-3), 0.4, 1.0])
RATIOS = st.tuples(st.floats(-50, 50), st.floats(-50, 50), st.floats(-50, 0)).filter(lambda r: 0 not in r)


@given(RATIOS, st.tuples(SIGNIFICANCES, SIGNIFICANCES, SIGNIFICANCES))
def test_away_from_the_level_the_verdict_is_the_rule_in_words(ratios, p_values):
    comparisons = rivals(ratios, p_values, LEVEL)
    if any(comparison.favoured == comparison.alternative for comparison in comparisons):
        wanted = "no"
    else:
        wanted = "yes" if comparisons[0].favoured == "power_law" else "undecided"
    assert tails._verdict(comparisons, LEVEL) == wanted


@given(RATIOS, st.tuples(SIGNIFICANCES, SIGNIFICANCES, SIGNIFICANCES), st.integers(0, 2), st.integers(-50, 50))
def test_the_last_digits_of_a_p_value_at_the_level_change_no_verdict(ratios, p_values, place, digits):
    """A p-value within a thousandth of a millionth of the level: whatever its last digits, the verdict is one."""
    at_level = list(rivals(ratios, p_values, LEVEL))
    at_level[place] = replace(at_level[place], p_value=LEVEL)
    moved = list(at_level)
    moved[place] = replace(moved[place], p_value=LEVEL * (1 + digits * 2e-11))
    sides = {
        tails._verdict((*at_level[:place], replace(at_level[place], p_value=p), *at_level[place + 1 :]), LEVEL)
        for p in (0.9 * LEVEL, 1.1 * LEVEL)
    }
    wanted = sides.pop() if len(sides) == 1 else "on the edge"
    assert tails._verdict(tuple(at_level), LEVEL) == tails._verdict(tuple(moved), LEVEL) == wanted


def test_a_level_that_is_met_exactly_gives_a_verdict_on_the_edge():
    values = sample("lognormal", 60)
    (p,) = {c.p_value for c in tails.judge_power_law(values, maximum=1000, share=0.9).comparisons[-1:]}
    verdicts = [
        tails.judge_power_law(values, maximum=1000, share=0.9, level=p * (1 + change)).verdict
        for change in (-1e-3, -1e-9, 0, 1e-9, 1e-3)
    ]
    assert verdicts[1:4] == ["on the edge"] * 3
    assert verdicts[0] != "no"
    assert verdicts[4] == "no"


def test_draws_come_up_by_rank():
    law = np.array([8.0, 4.0, 2.0, 0.0])
    drawn = tails.draw_ranks(law, 14_000, generator=np.random.default_rng(0))
    assert drawn[0] == drawn[4] == 0
    assert drawn.sum() == 14_000
    np.testing.assert_allclose(drawn[1:4], [8000, 4000, 2000], rtol=0.05)
    again = tails.draw_ranks(law / 7, 14_000, generator=np.random.default_rng(0))
    assert (again == drawn).all()


def test_a_law_that_rises_and_one_that_is_flat():
    x = np.arange(1, 51)
    rising = tails.fit_tail(x, "exponential", counts=np.exp(0.1 * x), minimum=1, maximum=50)
    assert rising.parameters[0] == pytest.approx(-0.1, abs=1e-6)
    flat = tails.fit_tail(x, "power_law", counts=np.ones(50), minimum=1, maximum=50)
    assert flat.parameters[0] == pytest.approx(0, abs=1e-6)
    assert tails.compare_tails(x, counts=np.ones(50), minimum=1, maximum=50)[0].favoured == "neither"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tails.fit_tail([1, 2], "gamma", minimum=1, maximum=9), r"^family must be one of"),
        (lambda: tails.fit_tail([1, 2], "power_law", minimum=0, maximum=9), r"^minimum must be"),
        (lambda: tails.fit_tail([1, 2], "power_law", minimum=5, maximum=6), r"^maximum must be .* at least 7"),
        (lambda: tails.fit_tail([1, 1, 9], "power_law", minimum=1, maximum=5), r"^values must hold two different"),
        (lambda: tails.fit_tail([1.5, 2], "power_law", minimum=1, maximum=5), r"^values must be an array of integers"),
        (
            lambda: tails.fit_tail([1, 2], "power_law", counts=[1], minimum=1, maximum=5),
            r"^counts must have length 2",
        ),
        (lambda: tails.compare_tails([1, 2], minimum=1, maximum=5, level=1), r"^level must be"),
        (lambda: tails.best_minimum([1, 1, 3], maximum=5, share=1.5), r"^share must be"),
        (lambda: tails.judge_power_law([1, 1, 3], maximum=5, share=1.5), r"^share must be"),
        (lambda: tails.judge_power_law([1, 1, 3], maximum=5, level=0), r"^level must be"),
        (lambda: tails.draw_ranks([0, 0], 3, generator=np.random.default_rng(0)), r"^law must be probabilities"),
        (lambda: tails.draw_ranks([1, 0], 3, generator=0), r"^generator must be"),
    ],
)
def test_documented_errors(call, message):
    with pytest.raises(InvalidArgument, match=message):
        call()
