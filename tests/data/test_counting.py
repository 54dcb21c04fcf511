"""Counting: every outcome listed on small chains, theory against simulation on larger ones."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from scaling_lib.data import chains, counting, walks
from scaling_lib.errors import InvalidArgument

ER = chains.erdos_renyi(60, edges=300, generator=np.random.default_rng(0))
BIASED = chains.biased(ER, kappa=1, kmax=10, generator=np.random.default_rng(1))
FULL = chains.from_counts(np.random.default_rng(2).integers(1, 9, size=(6, 6)))  # every node follows every other
CHAINS = pytest.mark.parametrize("chain", [ER, BIASED, chains.star(20)], ids=["uniform", "weighted", "star"])
COUNTERS = pytest.mark.parametrize("counter", counting.COUNTERS)
ADDITIVE = pytest.mark.parametrize("counter", counting.ADDITIVE)


def random_counts(chain, size, seed=0):
    return np.random.default_rng(seed).multinomial(size, chain.pair_law / chain.pair_law.sum())


# ---------------------------------------------------------------------- the counters


def test_predictions_by_hand():
    chain = chains.ring(5)  # rows: 1 4 | 0 2 | 1 3 | 2 4 | 0 3
    counts = np.array([3, 1, 0, 0, 1, 0, 0, 2, 2, 2])
    known = counting.predictions(chain, counts, "support_known")
    np.testing.assert_allclose(known[:6], [3.5 / 5, 1.5 / 5, 1 / 2, 1 / 2, 1.5 / 2, 0.5 / 2])
    half = counting.predictions(chain, counts, "add_half")
    np.testing.assert_allclose(half[:4], [3.5 / 6.5, 1.5 / 6.5, 1 / 5, 1 / 5])
    inverse = counting.predictions(chain, counts, "add_inverse_n")
    np.testing.assert_allclose(inverse[:4], [3.2 / 5, 1.2 / 5, 1 / 5, 1 / 5])
    turing = counting.predictions(chain, counts, "good_turing")
    # Row 0, c = 4: a node thrice (3 > phi_4 = 0: 3/4), one once (1 > phi_2 = 0: 1/4), three never: (phi_1 + 1)/4 = 2/4.
    np.testing.assert_allclose(turing[:2], [0.75 / 1.5, 0.25 / 1.5])
    np.testing.assert_allclose(turing[2:4], 1 / 5)  # never left: uniform
    # Row 2, c = 1: one once (1/1), four never: (phi_1 + 1)/phi_0 = 2/4 each, 2 together.
    np.testing.assert_allclose(turing[4:6], [1 / 3, 0.5 / 3])


def good_turing_row(row):
    """Orlitsky & Suresh (2015), literally, for a row of counts over all nodes."""
    total, nodes = sum(row), len(row)
    if total == 0:
        return [1 / nodes] * nodes
    phi = [sum(c == k for c in row) for k in range(max(row) + 2)]
    mass = [c / total if c > phi[c + 1] else (phi[c + 1] + 1) / phi[c] * (c + 1) / total for c in row]
    return [each / sum(mass) for each in mass]


@given(st.integers(0, 2**32 - 1), st.integers(0, 200))
@settings(max_examples=30, deadline=None)
def test_good_turing_is_its_definition(seed, size):
    for chain in (BIASED, FULL):
        counts = random_counts(chain, size, seed)
        predicted = counting.predictions(chain, counts, "good_turing")
        table = np.zeros((chain.nodes, chain.nodes), int)
        table[chain.sources, chain.indices] = counts
        exact = np.array([good_turing_row(row) for row in table.tolist()])[chain.sources, chain.indices]
        np.testing.assert_allclose(predicted, exact, rtol=1e-12)


@COUNTERS
@given(st.integers(0, 2**32 - 1), st.integers(0, 3000))
@settings(max_examples=15, deadline=None)
def test_predictions_are_probabilities_and_the_loss_is_their_divergence(counter, seed, size):
    for chain, whole in ((FULL, True), (ER, counter == "support_known")):
        counts = random_counts(chain, size, seed)
        predicted = counting.predictions(chain, counts, counter)
        assert (predicted > 0).all()
        sums = np.add.reduceat(predicted, chain.indptr[:-1])
        assert (sums <= 1 + 1e-12).all()
        if whole:
            np.testing.assert_allclose(sums, 1, rtol=1e-12)
        loss = counting.excess_loss(chain, counts, counter)
        assert loss >= 0
        assert loss == pytest.approx(
            (chain.pair_law * np.log(chain.probabilities / predicted)).sum(), rel=1e-9, abs=1e-12
        )


def test_support_known_starts_at_the_truth_of_an_unbiased_walk():
    """Told the neighbours and nothing else, it predicts them evenly: what it then learns is noise, until D >> arcs."""
    assert counting.excess_loss(ER, np.zeros(ER.arcs, int), "support_known") == pytest.approx(0, abs=1e-12)
    curve = counting.expected_excess_loss(ER, np.array([10, 300, 3000, 30_000]))
    assert curve[0] < curve[1] > curve[2] > curve[3]


# ---------------------------------------------------------------------- exact expectation


@ADDITIVE
def test_expectation_by_listing_every_sample(counter):
    chain = chains.from_counts([[1, 2], [3, 1]])
    for size in (1, 2, 5):
        total = 0.0
        for sample in product(range(chain.arcs), repeat=size):
            counts = np.bincount(sample, minlength=chain.arcs)
            total += chain.pair_law[list(sample)].prod() * counting.excess_loss(chain, counts, counter)
        exact = counting.expected_excess_loss(chain, np.array([size]), counter)[0]
        assert exact == pytest.approx(total, rel=1e-11)


@pytest.mark.parametrize("size", [1, 17, 1000, 100_000])
@pytest.mark.parametrize("shift", [1e-4, 0.5, 30.0])
def test_mean_logarithm_against_the_binomial_sum(size, shift):
    probability = np.array([1e-6, 1e-3, 0.3, 1 - 1e-9])
    k = np.arange(size + 1)
    exact = [(binom.pmf(k, size, p) * np.log(k + shift)).sum() for p in probability]
    computed = counting._mean_logarithm(size, probability, shift)
    np.testing.assert_allclose(computed, exact, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("size", [100, 10**6])
def test_interpolated_mean_logarithms(size):
    probability = np.exp(np.random.default_rng(0).uniform(np.log(1e-7), np.log(1e-2), 3000))
    np.testing.assert_allclose(
        counting._mean_logarithm(size, probability, 0.5),
        counting._mean_logarithm_integral(size, probability, 0.5),
        atol=1e-11,
    )


@CHAINS
@ADDITIVE
def test_expansion_is_the_limit_of_the_expectation(chain, counter):
    first, second = counting.expansion(chain, counter).first, counting.expansion(chain, counter).second
    sizes = np.array([1, 2]) * 1000 * chain.arcs * (10 if counter == "add_half" else 1)
    remainder = (counting.expected_excess_loss(chain, sizes, counter) - first / sizes) * sizes.astype(float) ** 2
    extrapolated = 2 * remainder[1] - remainder[0]  # the 1 / D^3 term away
    assert extrapolated == pytest.approx(second, rel=2e-3)


@CHAINS
def test_first_order_of_support_known(chain):
    expansion = counting.expansion(chain)
    assert expansion.first == chain.counting_coefficient
    sizes = np.array([10**3, 2 * 10**3]) * chain.arcs
    loss = counting.expected_excess_loss(chain, sizes)
    np.testing.assert_allclose(loss * sizes, chain.counting_coefficient, rtol=0.01)
    assert np.diff(np.log(loss)) / np.diff(np.log(sizes)) == pytest.approx(-1, abs=0.01)
    np.testing.assert_allclose(expansion.at(sizes), loss, rtol=1e-4)


def test_second_order_of_one_row():
    """Facts/paper.md 4.6: (5/12) sum 1/p - V/2 + 1/12, for a = 0; here a = 1/2 on V nodes: sum 1/p / 24 - V^2/8 + 1/12.

    A row alone: all rows equal, pi_u known, so that c_u is the only other source. Compared through the formula's parts.
    """
    nodes = 10
    chain = chains.from_counts(np.ones((nodes, nodes)))
    row = nodes * nodes / 24 - nodes**2 / 8 + 1 / 12
    expected = nodes * (nodes * row + (nodes - 1) / 2 * (nodes - 1))
    assert counting.expansion(chain).second == pytest.approx(expected, rel=1e-12)


# ---------------------------------------------------------------------- simulation


@CHAINS
@ADDITIVE
def test_simulation_agrees_with_theory(chain, counter):
    sizes = np.array([50, 500, 5000])
    simulated = counting.simulate_excess_loss(chain, sizes, counter, repeats=60, length=2, seed=1, progress=False)
    expected = counting.expected_excess_loss(chain, sizes, counter)
    assert (np.abs(simulated.mean - expected) < 4 * simulated.standard_error).all()
    assert (simulated.standard_error < 0.2 * expected).all()


def test_walks_share_the_first_order_with_independent_transitions():
    sizes = np.array([200, 1000]) * BIASED.arcs
    simulated = counting.simulate_excess_loss(BIASED, sizes, repeats=20, length=50, seed=2, progress=False)
    expected = BIASED.counting_coefficient / sizes
    assert (np.abs(simulated.mean - expected) < 4 * simulated.standard_error + 0.01 * expected).all()
    assert (simulated.standard_error < 0.05 * expected).all()


@pytest.mark.slow
def test_long_walks_on_a_ring_have_another_second_order():
    """They come back to where they were: D^2 (E - A/D) is 31 for independent transitions, above 100 for walks."""
    ring, size = chains.ring(11), np.array([200])
    first = counting.expansion(ring).first
    exact = (counting.expected_excess_loss(ring, size) * size - first) * size
    assert exact == pytest.approx(31.4, abs=0.1)
    walked = counting.simulate_excess_loss(ring, size, repeats=6000, length=50, seed=3, progress=False)
    beyond = (walked.mean * size - first) * size
    assert beyond - 3 * walked.standard_error * size**2 > 100


@COUNTERS
def test_one_stream_serves_all_sizes(counter):
    sizes = np.array([7, 100, 1003])
    together = counting.simulate_excess_loss(ER, sizes, counter, repeats=2, length=50, seed=4, progress=False)
    assert together.mean.shape == together.standard_error.shape == (3,)
    again = counting.simulate_excess_loss(ER, sizes, counter, repeats=2, length=50, seed=4, progress=False)
    np.testing.assert_array_equal(together.mean, again.mean)


def test_good_turing_beats_add_half_where_the_vocabulary_is_large():
    sizes = np.array([500, 5000])
    turing, half = (
        counting.simulate_excess_loss(ER, sizes, counter, repeats=5, length=50, seed=5, progress=False).mean
        for counter in ("good_turing", "add_half")
    )
    assert (turing < half).all()


def test_transition_counts():
    sample = walks.sample_walks(BIASED, 300, 20, seed=0)
    counts = counting.transition_counts(BIASED, sample)
    table = np.zeros((60, 60), int)
    np.add.at(table, (sample[:, :-1], sample[:, 1:]), 1)
    np.testing.assert_array_equal(counts, table[BIASED.sources, BIASED.indices])
    assert counts.sum() == 300 * 19


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: counting.transition_counts(ER, np.array([[0, 0]])), r"^walks must step along arcs .* 0 -> 0"),
        (lambda: counting.transition_counts(ER, np.array([[0, 60]])), r"^walks must hold nodes below 60"),
        (lambda: counting.transition_counts(ER, np.array([[0], [1]])), r"^walks must hold nodes .* at least 2"),
        (lambda: counting.excess_loss(ER, np.zeros(5, int), "add_half"), r"^counts must have length 600"),
        (lambda: counting.excess_loss(ER, np.zeros(600), "add_half"), r"^counts must be an array of integers"),
        (lambda: counting.excess_loss(ER, np.zeros(600, int), "add_one"), r"^counter must be one of"),
        (lambda: counting.expected_excess_loss(ER, [10], "good_turing"), r"^counter must be one of .*'add_inverse_n'"),
        (lambda: counting.expected_excess_loss(ER, [0]), r"^transitions must hold numbers of at least 1"),
        (lambda: counting.expected_excess_loss(ER, [10**13]), r"^transitions must be at most 1e12"),
        (lambda: counting.simulate_excess_loss(ER, [20, 10], seed=0), r"^transitions must increase"),
        (lambda: counting.simulate_excess_loss(ER, [10], seed=0, repeats=1), r"^repeats must be .* at least 2"),
        (lambda: counting.simulate_excess_loss(ER, [10], seed=0, length=1), r"^length must be .* at least 2"),
        (lambda: counting.expansion("ER"), r"^chain must be a Chain"),
    ],
)
def test_documented_errors(call, message):
    with pytest.raises(InvalidArgument, match=message):
        call()
