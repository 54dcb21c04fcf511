"""What counting says of a text: right where the law is known."""

import numpy as np
import pytest

from scaling_lib.data.chains import erdos_renyi, ring
from scaling_lib.data.text.statistics import known_words, mutual_information, ngram_entropies
from scaling_lib.data.walks import sample_walks
from scaling_lib.errors import InvalidArgument

CHAIN = erdos_renyi(30, edges=120, generator=np.random.default_rng(0))
WALK = np.asarray(sample_walks(CHAIN, 1, 400_000, seed=0))[0]


def test_on_a_walk_every_n_beyond_one_gives_the_entropy_rate():
    entropies = ngram_entropies(WALK[:350_000], WALK[350_000:], 30, 4)
    stationary = -(CHAIN.stationary * np.log(CHAIN.stationary)).sum()
    assert entropies[0] == pytest.approx(stationary, abs=0.01)
    assert entropies[1] == pytest.approx(CHAIN.entropy_rate, abs=0.01)
    assert entropies[2:] == pytest.approx([CHAIN.entropy_rate] * 2, abs=0.02)


def test_the_entropies_are_the_law_of_witten_and_bell_term_by_term():
    training, held_out, V = [0, 1, 0, 2, 0, 1], [0, 1, 2], 3
    first = [(3 + 3 / 3) / 9, (2 + 3 / 3) / 9, (1 + 3 / 3) / 9]  # six tokens, three kinds
    second = {(0, 1): (2 + 2 * first[1]) / 5, (1, 2): (0 + 1 * first[2]) / 2}
    expected = [-np.log([first[1], first[2]]).mean(), -np.log([second[0, 1], second[1, 2]]).mean()]
    assert ngram_entropies(np.array(training), np.array(held_out), V, 2) == pytest.approx(expected)


def test_mutual_information_is_that_of_the_chain():
    assert mutual_information(WALK, 30, [1, 2, 4]) == pytest.approx(CHAIN.mutual_information(5)[[1, 2, 4]], abs=0.01)
    independent = np.random.default_rng(0).integers(0, 30, 200_000)
    assert mutual_information(independent, 30, [1, 7])[1] < 1e-4


def test_bad_tokens_are_refused():
    with pytest.raises(InvalidArgument, match="held_out must be of tokens below 4"):
        ngram_entropies(np.array([0, 1, 2, 3] * 5), np.array([0, 9] * 5), 4)
    with pytest.raises(InvalidArgument, match="longest must be at most 4 for a vocabulary of 8192"):
        ngram_entropies(np.arange(9), np.arange(9), 8192, 5)
    with pytest.raises(InvalidArgument, match="of more tokens than the 5"):
        ngram_entropies(np.arange(9), np.arange(4), 16)
    with pytest.raises(InvalidArgument, match="distances must be an integer"):
        mutual_information(np.arange(5), 5, [5])


def test_words_are_known_where_they_occur():
    assert known_words("xx the River rised xx", ["the river rose"]) == pytest.approx(2 / 3)
    assert mutual_information(np.asarray(sample_walks(ring(4), 1, 1000, seed=0))[0], 4, [1])[0] > 0.5
