"""The bigram chain is the text's own bigram law, exactly."""

import numpy as np
import pytest

from scaling_lib.data.entropies import estimate_entropy_rate
from scaling_lib.data.sources import Walks
from scaling_lib.data.text.bigrams import (
    BrokenPowerLaw,
    bigram_chain,
    bigram_counts,
    broken_power_law,
    count_spectrum,
)
from scaling_lib.errors import InvalidArgument


def tokens_of(seed, count=20_000, vocabulary=12):
    generator = np.random.default_rng(seed)
    return np.concatenate([np.arange(vocabulary), generator.zipf(1.5, count) % vocabulary])


@pytest.mark.parametrize("vocabulary", [12, 3000])  # below and above the size of a dense table
def test_counts_are_those_of_the_circle(vocabulary):
    tokens = tokens_of(0, 500)
    counts = bigram_counts(tokens, vocabulary).toarray()
    expected = np.zeros((vocabulary, vocabulary), int)
    for first, second in zip(tokens, [*tokens[1:], tokens[0]], strict=True):
        expected[first, second] += 1
    assert (counts == expected).all()


@pytest.mark.parametrize("seed", range(20))
def test_the_stationary_law_is_the_unigram_law_and_the_entropy_rate_the_conditional_entropy(seed):
    tokens = tokens_of(seed)
    chain = bigram_chain(tokens, 12)
    assert chain.stationary == pytest.approx(np.bincount(tokens) / len(tokens), abs=1e-12)
    circle = np.append(tokens, tokens[0])[None]
    assert chain.entropy_rate == pytest.approx(estimate_entropy_rate(circle, "plug_in"), abs=1e-12)


def test_its_walks_have_the_text_s_bigrams():
    tokens = tokens_of(1)
    chain = bigram_chain(tokens, 12)
    walks = Walks(chain).test(4000, 20, seed=0)
    wanted = bigram_counts(tokens, 12).toarray() / len(tokens)
    pairs = np.bincount((walks[:, :-1] * 12 + walks[:, 1:]).ravel(), minlength=144).reshape(12, 12) / walks[:, 1:].size
    assert np.abs(pairs - wanted).max() < 0.005


def test_a_threshold_drops_rare_bigrams_and_names_what_is_left():
    tokens = tokens_of(2)
    counts = bigram_counts(tokens, 12).toarray()
    chain = bigram_chain(tokens, 12, threshold=60)
    kept = list(chain.labels or range(12))
    whole = chain.transitions.toarray() > 0
    assert (whole == (counts[np.ix_(kept, kept)] > 60)).all()
    assert bigram_chain(tokens, 12).arcs > chain.arcs


def test_tokens_that_never_occur_are_no_nodes():
    tokens = tokens_of(3)
    tokens[tokens >= 7] += 2
    chain = bigram_chain(tokens, 14)
    assert chain.labels == (0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13)
    assert chain.entropy_rate == pytest.approx(bigram_chain(tokens_of(3), 12).entropy_rate, abs=1e-12)


def test_bad_thresholds_and_vocabularies_are_refused():
    tokens = tokens_of(3)
    with pytest.raises(InvalidArgument, match=r"threshold must be below the .* times of the most frequent bigram"):
        bigram_chain(tokens, 12, threshold=10**6)
    with pytest.raises(InvalidArgument, match="tokens must be below the vocabulary of 5"):
        bigram_counts(tokens, 5)


def test_the_spectrum_counts_every_bigram_and_has_the_slope_that_was_planted():
    generator = np.random.default_rng(0)
    # Tokens 2i and 2i + 1 follow each other c_i times, with P(c) ~ c^-2: their return gives one further bigram each.
    times = np.minimum((1 / generator.random(4000)).astype(int), 10**4)
    tokens = np.concatenate([np.tile([2 * i, 2 * i + 1], c) for i, c in enumerate(times)])
    spectrum = count_spectrum(tokens, 8000)
    counts = bigram_counts(tokens, 8000).data
    assert spectrum.total == len(counts)
    assert (spectrum.count * spectrum.bigrams).sum() == len(tokens)
    only = counts[counts > 1]
    assert spectrum.bigrams[spectrum.count == 2] == (only == 2).sum()
    assert -2.4 < spectrum.slope < -1.6
    with pytest.raises(InvalidArgument, match="pass more tokens"):
        count_spectrum(np.array([0, 1, 2, 3]), 4)


def test_a_broken_power_law_is_found_again_and_a_straight_one_has_no_break():
    rank = np.arange(1.0, 3001.0)
    law = BrokenPowerLaw(0.2, 0.6, 2.1, 120.0, 0.0)
    again = broken_power_law(law.probability(rank))
    assert (again.first, again.second) == pytest.approx((0.6, 2.1), abs=0.03)
    assert again.at == pytest.approx(120, rel=0.1)
    assert again.error < 0.02
    straight = broken_power_law(rank**-1.3)
    assert straight.first == pytest.approx(straight.second, abs=0.02) == pytest.approx(1.3, abs=0.02)
    with pytest.raises(InvalidArgument, match="frequencies must be in descending order"):
        broken_power_law(rank)
