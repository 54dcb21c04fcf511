"""What counting says of a text: right where the law is known."""

import numpy as np
import pytest

from scaling_lib.data.chains import erdos_renyi, ring
from scaling_lib.data.text.statistics import correlation_norms, known_words, mutual_information, ngram_entropies
from scaling_lib.data.walks import sample_walks
from scaling_lib.errors import InvalidArgument

CHAIN = erdos_renyi(30, edges=120, generator=np.random.default_rng(0))
WALKS = np.asarray(sample_walks(CHAIN, 400, 1000, seed=0))  # many at a time: a walk alone costs as much a step


def test_on_a_walk_every_n_beyond_one_gives_the_entropy_rate():
    entropies = ngram_entropies(WALKS[:350], WALKS[350:], 30, 4)
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
    assert mutual_information(WALKS, 30, [1, 2, 4]) == pytest.approx(CHAIN.mutual_information(5)[[1, 2, 4]], abs=0.01)
    independent = np.random.default_rng(0).integers(0, 30, 200_000)
    assert mutual_information(independent, 30, [1, 7])[1] < 1e-4


def test_the_correlation_is_that_of_the_chain():
    pi, step = CHAIN.stationary, CHAIN.transitions.toarray()
    exact = [np.linalg.norm(pi[:, None] * (np.linalg.matrix_power(step, n) - pi), 2) for n in (1, 2, 3)]
    assert correlation_norms(WALKS, 30, [1, 2, 3]) == pytest.approx(exact, abs=3e-3)
    assert exact[0] > 2 * exact[2]
    independent = np.random.default_rng(0).integers(0, 30, 200_000)
    chance = (1 / 30 / 200_000) ** 0.5
    assert chance / 2 < correlation_norms(independent, 30, [1])[0] < 2 * chance


def test_nothing_is_counted_across_the_end_of_a_row():
    rows = np.array([[0, 1, 2], [2, 1, 0]])
    joint = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) / 4
    alone = np.array([1, 2, 1]) / 4
    expected = np.linalg.norm(joint - np.outer(alone, alone), 2)
    assert correlation_norms(rows, 3, [1]) == pytest.approx([expected])
    many = WALKS.reshape(-1, 50)
    assert mutual_information(many, 30, [1, 2]) == pytest.approx(mutual_information(WALKS, 30, [1, 2]), abs=2e-3)
    # A bigram that only stands across the ends of rows is not learned from them.
    split, whole = np.array([[0, 1]] * 50), np.array([0, 1] * 50)
    held_out = np.array([0, 1, 0, 1, 0])
    assert ngram_entropies(split, held_out, 2, 1) == pytest.approx(ngram_entropies(whole, held_out, 2, 1))
    with pytest.raises(InvalidArgument, match="training must be of more tokens than the 2"):
        ngram_entropies(split, held_out, 2, 2)


def test_rows_of_held_out_tokens_each_lose_their_first_ones():
    rows = WALKS[350:].reshape(-1, 50)
    by_rows = ngram_entropies(WALKS[:350], rows, 30, 3)
    assert by_rows == pytest.approx(ngram_entropies(WALKS[:350], WALKS[350:], 30, 3), abs=5e-3)


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
