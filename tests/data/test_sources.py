"""The one door for data: walks as they were, token files, and sources from outside."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_lib.data import chains
from scaling_lib.data.sources import NextLaws, TokenFile, Tokens, Walks, check_supply, tokens_of, write_tokens
from scaling_lib.data.walks import WalkStream, random_words, sample_walks
from scaling_lib.errors import InvalidArgument, InvalidData

CHAIN = chains.biased(chains.ring(9), kappa=1.0, generator=np.random.default_rng(0))


def test_walks_are_those_of_the_chain():
    walks = Walks(CHAIN, "strength")
    assert (walks.vocabulary, walks.fingerprint, walks.supply) == (9, CHAIN.fingerprint, None)
    assert walks.entropy_rate == CHAIN.entropy_rate
    assert (walks.test(7, 5, 3) == sample_walks(CHAIN, 7, 5, seed=3, start="strength")).all()
    ours, theirs = walks.stream(5, 4, [3, 8]), WalkStream(CHAIN, 5, 4, [3, 8], start="strength")
    assert (ours.batch(6) == theirs.batch(6)).all()


def test_the_next_laws_of_walks_are_rows_of_the_matrix():
    sequences = sample_walks(CHAIN, 6, 4, seed=1)
    laws = Walks(CHAIN).next_laws(sequences)
    dense = np.zeros((sequences.size, 9))
    dense[laws.context, laws.token] = laws.probability
    assert (dense == CHAIN.transitions.toarray()[sequences.ravel()]).all()
    assert laws.entropies(sequences.size) == pytest.approx(CHAIN.row_entropies[sequences.ravel()])


def test_a_chain_is_taken_for_its_walks_and_other_things_are_refused():
    assert tokens_of(CHAIN, "strength") == Walks(CHAIN, "strength")
    assert isinstance(Walks(CHAIN), Tokens)
    with pytest.raises(InvalidArgument, match="source must be a chain, or a source of tokens with entropy_rate, "):
        tokens_of(object())


# ---------------------------------------------------------------------- token files


@pytest.fixture
def file(tmp_path):
    training = write_tokens(tmp_path / "training.npy", np.arange(103) % 11, 11)
    held_out = write_tokens(tmp_path / "held_out.npy", np.arange(50) % 11, 11)
    return TokenFile(training, held_out, 11)


@given(seed=st.integers(0, 2**40), count=st.integers(1, 300))
def test_every_window_is_read_once_in_an_epoch(tmp_path_factory, seed, count):
    folder = tmp_path_factory.mktemp("windows")
    tokens = np.arange(count * 3 + 2)
    path = write_tokens(folder / "tokens.npy", tokens, len(tokens))
    stream = TokenFile(path, path, len(tokens)).stream(3, 1, [seed])
    windows = np.concatenate([stream.batch(step)[0] for step in range(count)])
    assert sorted(map(tuple, windows)) == [tuple(tokens[3 * i : 3 * i + 3]) for i in range(count)]


def test_each_seed_has_an_order_of_its_own_that_does_not_depend_on_the_others(file):
    together = file.stream(5, 4, [1, 2])
    assert (together.batch(2)[1] == file.stream(5, 4, [2]).batch(2)[0]).all()
    assert (together.batch(2)[0] != together.batch(2)[1]).any()
    assert together.batch(0).dtype == np.int64


def test_held_out_windows_do_not_overlap(file):
    windows = file.test(10, 5, 0)
    starts = {tuple(window) for window in windows}
    assert len(starts) == 10
    with pytest.raises(InvalidArgument, match="count must be at most the 10 windows of 5 tokens held out, got 11"):
        file.test(11, 5, 0)


def test_what_nobody_knows_is_none(file):
    assert file.entropy_rate is None
    assert file.next_laws(np.zeros((1, 2), np.int64)) is None
    assert file.supply == 103


def test_the_fingerprint_is_of_the_tokens_and_not_of_their_bytes(file, tmp_path):
    wide = tmp_path / "wide.npy"
    np.save(wide, (np.arange(103) % 11).astype(np.int64))
    assert TokenFile(wide, file.held_out, 11).fingerprint == file.fingerprint
    assert TokenFile(file.training, file.held_out, 12).fingerprint != file.fingerprint
    assert TokenFile(file.held_out, file.training, 11).fingerprint != file.fingerprint


def test_more_tokens_than_there_are_is_said_with_their_number(file):
    check_supply(file, 100, 5)
    check_supply(Walks(CHAIN), 10**12, 5)
    with pytest.raises(InvalidArgument, match=r"tokens must be at most the 100 .* whole sequences of 5, got 105"):
        check_supply(file, 105, 5)
    with pytest.raises(InvalidArgument, match="step must be below the 5 whole batches"):
        file.stream(5, 4, [0]).batch(5)


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "training must be a file of tokens"),
        (b"Once upon a time", "training must be a file of tokens"),
        (np.zeros((2, 2), np.int64), "training must be a file of integers in one dimension"),
        (np.zeros(4), "training must be a file of integers in one dimension"),
        (np.array([3, 11]), "vocabulary must be that of training, got 11 .* with a token 11"),
        (np.array([-1, 3]), "with a token -1"),
    ],
)
def test_bad_files_are_refused(tmp_path, file, contents, message):
    path = tmp_path / "bad.npy"
    path.write_bytes(contents) if isinstance(contents, bytes) else np.save(path, contents)
    with pytest.raises(InvalidData, match=message):
        TokenFile(path, file.held_out, 11)
    with pytest.raises(InvalidData, match=message.replace("training", "held_out")):
        TokenFile(file.training, path, 11)


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = write_tokens(tmp_path / "tokens.npy", np.arange(5), 5)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InvalidArgument, match=r"path must be in a folder that can be written .No space left"):
        write_tokens(path, np.arange(3), 5)
    assert (np.load(path) == np.arange(5)).all()
    assert list(tmp_path.iterdir()) == [path]


def test_two_bytes_a_token_where_they_do(tmp_path):
    assert np.load(write_tokens(tmp_path / "small.npy", np.array([65535]), 65536)).dtype == np.uint16
    assert np.load(write_tokens(tmp_path / "large.npy", np.array([65536]), 65537)).dtype == np.uint32
    with pytest.raises(InvalidArgument, match="tokens must be below the vocabulary of 5, got 5"):
        write_tokens(tmp_path / "bad.npy", np.arange(6), 5)


# ---------------------------------------------------------------------- parts


@pytest.mark.parametrize(
    ("name", "values"),
    [("token", [1, 2]), ("probability", [0.5, 0.5]), ("probability", [0.0]), ("context", [-1])],
)
def test_laws_that_are_none_are_refused(name, values):
    parts = {"context": np.array([0]), "token": np.array([1]), "probability": np.array([1.0])}
    with pytest.raises(InvalidArgument, match=f"^{name}"):
        NextLaws(**parts | {name: np.array(values)})


def test_random_words_are_pinned():
    assert [int(word) for word in random_words(1, 2)] == PINNED
    assert (random_words(1, 5)[:2] == random_words(1, 2)).all()


PINNED = [6791897765849424158, 17405687883870564846]
