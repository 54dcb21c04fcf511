"""Entropy estimates: by hand, against their definitions, and measured on chains whose entropy rate is known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_lib.data import chains, counting, entropies, walks
from scaling_lib.errors import InvalidArgument

RNG = np.random.default_rng(0)
ER = chains.erdos_renyi(300, edges=1500, generator=RNG, giant_component=True)
MEASURED = {
    "ER": ER,
    "ER kappa 1": chains.biased(ER, kappa=1, generator=RNG),
    "BA": chains.barabasi_albert(300, attachments=5, generator=RNG),
    "complete kappa 1": chains.biased(chains.complete(60), kappa=1, kmax=1000, generator=RNG),
}


def test_estimates_by_hand():
    counts = np.array([2, 1, 1, 0])
    plug_in = 1.5 * math.log(2)
    assert entropies.estimate_entropy(counts, "plug_in") == pytest.approx(plug_in, abs=1e-12)
    assert entropies.estimate_entropy(counts, "miller_madow") == pytest.approx(plug_in + 2 / 8, abs=1e-12)
    # n = 4: 2/4 (psi(4) - psi(2)) + 2/4 (psi(4) - psi(1)) = 1/2 (1/2 + 1/3) + 1/2 (1 + 1/2 + 1/3); f1 = 2, f2 = 1,
    # A = 2 / (3 * 2 + 2) = 1/4, unseen part 2/4 (3/4)^-3 (-ln(1/4) - 3/4 - 9/32 - 9/64).
    unseen = 0.5 * (4 / 3) ** 3 * (math.log(4) - 3 / 4 - 9 / 32 - 9 / 64)
    assert entropies.estimate_entropy(counts, "chao_wang_jost") == pytest.approx(4 / 3 + unseen, abs=1e-12)
    for estimator in entropies.ESTIMATORS:
        assert entropies.estimate_entropy(np.array([7]), estimator) == 0


def chao_wang_jost(counts):
    """The published formula, sum by sum."""
    counts = [c for c in counts if c]
    n, once, twice = sum(counts), counts.count(1), counts.count(2)
    seen = sum(c / n * sum(1 / k for k in range(c, n)) for c in counts)
    if once == 0:
        return seen
    a = 2 * twice / ((n - 1) * once + 2 * twice) if twice else 2 / ((n - 1) * (once - 1) + 2)
    if a >= 1:
        return seen
    return seen + once / n * math.fsum((1 - a) ** (r - n + 1) / r for r in range(n, n + int(60 / a)))


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_chao_wang_jost_is_its_definition(counts):
    if not any(counts):
        return
    assert entropies.estimate_entropy(np.array(counts), "chao_wang_jost") == pytest.approx(
        chao_wang_jost(counts), rel=1e-9, abs=1e-12
    )


@pytest.mark.parametrize("estimator", entropies.ESTIMATORS)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=40))
@settings(max_examples=30, deadline=None)
def test_estimates_are_finite_and_do_not_care_for_order_or_absent_outcomes(estimator, counts):
    if not any(counts):
        return
    estimate = entropies.estimate_entropy(np.array(counts), estimator)
    assert 0 <= estimate < math.inf
    shuffled = np.random.default_rng(0).permutation([*counts, 0, 0])
    assert entropies.estimate_entropy(shuffled, estimator) == pytest.approx(estimate, abs=1e-9)


@pytest.mark.parametrize("estimator", entropies.ESTIMATORS)
def test_rate_is_the_mean_over_rows(estimator):
    sample = walks.sample_walks(ER, 30, 20, seed=0)
    table = np.zeros((ER.nodes, ER.nodes), int)
    np.add.at(table, (sample[:, :-1], sample[:, 1:]), 1)
    rows = [(row.sum(), entropies.estimate_entropy(row, estimator)) for row in table if row.any()]
    expected = sum(total * entropy for total, entropy in rows) / table.sum()
    assert entropies.estimate_entropy_rate(sample, estimator) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("estimator", entropies.ESTIMATORS)
def test_long_walks_give_the_entropy_rate(estimator):
    chain = MEASURED["complete kappa 1"]
    sample = walks.sample_walks(chain, 20_000, 100, seed=1, start="stationary")
    plug_in_bias = chain.counting_coefficient / sample.size
    assert entropies.estimate_entropy_rate(sample, estimator) == pytest.approx(
        chain.entropy_rate, abs=5e-3 + 2 * plug_in_bias
    )


def test_bias_of_plug_in_is_minus_the_excess_loss_of_counting():
    chain, tokens = MEASURED["ER"], 50
    count = 40 * chain.arcs // (tokens - 1)
    errors = [
        entropies.estimate_entropy_rate(
            walks.sample_walks(chain, count, tokens, seed=2, first=r * count, start="stationary"), "plug_in"
        )
        - chain.entropy_rate
        for r in range(10)
    ]
    expected = -counting.expansion(chain).first / (count * (tokens - 1))
    assert np.mean(errors) == pytest.approx(expected, abs=4 * np.std(errors, ddof=1) / math.sqrt(10) - 0.05 * expected)


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize("per_arc", [0.2, 0.5, 1, 2, 5])
def test_order_of_the_estimators(name, per_arc):
    """Why Chao-Wang-Jost is the third: less root mean square error than Miller-Madow, which has less than plug-in."""
    chain = MEASURED[name]
    count = max(2, int(per_arc * chain.arcs) // 49)
    error = dict.fromkeys(entropies.ESTIMATORS, 0.0)
    for r in range(10):
        sample = walks.sample_walks(chain, count, 50, seed=3, first=r * count, start="stationary")
        for estimator in error:
            error[estimator] += (entropies.estimate_entropy_rate(sample, estimator) - chain.entropy_rate) ** 2
    assert error["chao_wang_jost"] < error["miller_madow"] < error["plug_in"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: entropies.estimate_entropy(np.zeros(3, int)), r"^counts must hold at least one draw"),
        (lambda: entropies.estimate_entropy(np.array([1, -1])), r"^counts must hold numbers of at least 0"),
        (lambda: entropies.estimate_entropy(np.array([0.5])), r"^counts must be an array of integers"),
        (lambda: entropies.estimate_entropy(np.array([1]), "nsb"), r"^estimator must be one of"),
        (lambda: entropies.estimate_entropy_rate(np.array([[1], [2]])), r"^walks must hold at least 2 tokens"),
        (lambda: entropies.estimate_entropy_rate(np.array([[1, 2**40]])), r"^walks must hold tokens below 2\^31"),
        (lambda: entropies.estimate_entropy_rate(np.array([1, 2])), r"^walks must have 2 dimension"),
    ],
)
def test_documented_errors(call, message):
    with pytest.raises(InvalidArgument, match=message):
        call()
