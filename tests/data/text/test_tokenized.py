"""A corpus on the disk: whole or not there, and nothing else than what was written."""

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from scaling_lib.data.sources import check_supply
from scaling_lib.data.text import tokenized
from scaling_lib.data.text.corpora import corpus_of
from scaling_lib.data.text.documents import Documents
from scaling_lib.data.text.tokenized import open_corpus, tokenize, tokenized_corpus
from scaling_lib.data.text.tokenizer import learn_tokenizer
from scaling_lib.errors import InvalidArgument, InvalidData
from tests.data.text.sentences import document, documents

CORPUS = corpus_of(Documents("tests", "of nobody", documents()))
TOKENIZER = learn_tokenizer(CORPUS, 128)


@pytest.fixture
def written(tmp_path):
    return tokenize(CORPUS, TOKENIZER, tmp_path / "corpus")


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "novel.txt"
    path.write_text(document(0, 800))
    return path


def test_the_files_hold_the_parts_and_say_where_they_come_from(written):
    for part, texts in (("training", CORPUS.training), ("held_out", CORPUS.held_out)):
        tokens = getattr(written, part)
        assert isinstance(tokens, np.memmap)
        assert written.tokenizer.decode(np.array(tokens)) == "".join(texts)
        assert written.about[part]["tokens"] == len(tokens)
    assert written.about["licence"] == "of nobody"
    assert written.about["corpus"] == CORPUS.fingerprint
    assert written.source.supply == len(written.training)
    assert written.source.vocabulary == written.vocabulary == 128


def test_a_held_out_character_that_training_lacks_is_counted(tmp_path):
    held_out = (f"{CORPUS.held_out[0]}#\n",)
    other = type(CORPUS)("other", "none", CORPUS.training, held_out)
    about = tokenize(other, learn_tokenizer(other, 128), tmp_path / "corpus").about
    assert (about["training"]["unseen"], about["held_out"]["unseen"]) == (0, 1)


@pytest.mark.parametrize("name", ["training.npy", "held_out.npy", "tokenizer.json"])
def test_a_file_with_one_other_byte_is_refused_by_name(written, name):
    path = written.folder / name
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(InvalidData, match=f"with another {name} than its SHA-256 says"):
        open_corpus(written.folder)


def test_a_folder_without_a_file_or_with_a_torn_description_is_refused(written):
    (written.folder / "training.npy").unlink()
    with pytest.raises(InvalidData, match="folder must be one that tokenize wrote"):
        open_corpus(written.folder)
    (written.folder / "about.json").write_text("{")
    with pytest.raises(InvalidData, match="folder must be one that tokenize wrote"):
        open_corpus(written.folder)


def test_a_tokenizer_of_another_corpus_is_refused_and_writes_nothing(tmp_path):
    other = corpus_of(Documents("others", "none", documents()[:20]))
    with pytest.raises(InvalidArgument, match="tokenizer must be learned from 'others'"):
        tokenize(other, TOKENIZER, tmp_path / "corpus")
    assert list(tmp_path.iterdir()) == []


def test_what_fails_half_way_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(tokenized, "write_whole", full)
    with pytest.raises(OSError, match="no space left"):
        tokenize(CORPUS, TOKENIZER, tmp_path / "corpus")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_something_else_is_not_written_over(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InvalidArgument, match="folder must be a folder that does not exist yet"):
        tokenize(CORPUS, TOKENIZER, tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_corpus_is_made_once_and_again_where_it_is_torn(tmp_path, text, monkeypatch):
    first = tokenized_corpus(text, 80, tmp_path / "cache")
    with monkeypatch.context() as patched:
        patched.setattr(tokenized, "learn_tokenizer", None)  # not called again
        assert tokenized_corpus(text, 80, tmp_path / "cache").source.fingerprint == first.source.fingerprint
    (first.folder / "training.npy").write_bytes(b"torn")
    assert tokenized_corpus(text, 80, tmp_path / "cache").source.fingerprint == first.source.fingerprint
    # Another text under the same name is another corpus.
    text.write_text(document(1, 800))
    assert tokenized_corpus(text, 80, tmp_path / "cache").source.fingerprint != first.source.fingerprint


def _fingerprint(text, cache):
    return tokenized_corpus(text, 80, cache).source.fingerprint


def test_two_processes_that_make_the_same_corpus_agree(tmp_path, text):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        fingerprints = set(pool.map(_fingerprint, [text] * 2, [tmp_path / "cache"] * 2))
    assert len(fingerprints) == 1
    assert [path.suffix for path in (tmp_path / "cache" / "corpora").iterdir()] == [""]


def test_more_tokens_than_there_are_have_to_be_asked_for_as_repetition(written):
    supply = len(written.training)
    with pytest.raises(InvalidArgument, match=rf"at most the {supply // 50 * 50} that the source has.*epochs"):
        check_supply(written.source, supply + 50, 50)


def test_what_is_wrong_with_a_source_is_said_of_the_source(tmp_path):
    with pytest.raises(InvalidArgument, match=r"^source must be an existing file"):
        tokenized_corpus(tmp_path / "absent")
    with pytest.raises(InvalidArgument, match="source must be fineweb-edu:COUNT"):
        tokenized_corpus("fineweb-edu:many")
    (tmp_path / "empty.txt").touch()
    with pytest.raises(InvalidData, match=r"^source must hold text, got 'empty.txt', which is empty"):
        tokenized_corpus(tmp_path / "empty.txt")


@pytest.mark.slow
def test_the_default_corpus_is_the_one_that_the_data_card_names(tmp_path):
    about = tokenized_corpus("default", 128, tmp_path).about
    assert about["corpus"] == "be8d07b8c7308c5f5c0c7d5f792bd2ca003fc7ea2759c20e18df8ed66bb9f38f"
    assert about["tokenizer"] == "1d02c4545c2a3e90ecb9c2c238b51d6a574ab01fcdda10e949dfb4760bdaf668"
    assert (about["training"]["documents"], about["held_out"]["documents"]) == (235, 14)
    assert (about["training"]["tokens"], about["held_out"]["tokens"]) == (7_602_153, 439_230)
    assert "public domain" in about["licence"]
    assert json.dumps(about)
