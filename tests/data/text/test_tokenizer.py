"""Tokens and text are each other, with no id wasted; what cannot be encoded is refused or counted."""

import numpy as np
import pytest

from scaling_lib.data.text.corpora import Corpus, corpus_of
from scaling_lib.data.text.documents import Documents
from scaling_lib.data.text.tokenizer import Tokenizer, learn_tokenizer, read_tokenizer
from scaling_lib.errors import InvalidArgument, InvalidData
from tests.data.text.sentences import documents

CORPUS = corpus_of(Documents("tests", "none", documents()))
TOKENIZER = learn_tokenizer(CORPUS, 128)


def test_decoding_gives_the_text_back():
    tokens, mapped = TOKENIZER.encode(CORPUS.held_out)
    assert mapped == 0
    assert TOKENIZER.decode(tokens) == "".join(CORPUS.held_out)


def test_no_id_is_wasted_on_a_byte_that_never_occurs():
    alphabet = set("".join(CORPUS.training))
    letters = learn_tokenizer(CORPUS, len(alphabet))
    assert set(letters.encode(CORPUS.training)[0].tolist()) == set(range(len(alphabet)))
    assert len(TOKENIZER.alphabet) == len(alphabet)
    assert (TOKENIZER.vocabulary, max(TOKENIZER.encode(CORPUS.training)[0])) == (128, 127)


def test_a_larger_vocabulary_needs_fewer_tokens():
    lengths = [len(learn_tokenizer(CORPUS, V).encode(CORPUS.training)[0]) for V in (64, 128, 192)]
    assert lengths[0] > 1.05 * lengths[1] > 1.05**2 * lengths[2]


def test_merges_are_learned_from_the_training_part_alone():
    other = Corpus("other", "none", CORPUS.training, tuple("zz" * 1000 for _ in range(3)))
    merges = learn_tokenizer(other, 128).text
    assert merges == TOKENIZER.text


def test_text_beyond_ascii_comes_back():
    corpus = Corpus("greek", "none", ("\u03b1\u03b2\u03b3 caf\u00e9\n" * 50,), ("\u03b1\n",))
    tokenizer = learn_tokenizer(corpus, 15)
    assert tokenizer.decode(tokenizer.encode(["\u03b3\u03b1 \u00e9\n"])[0]) == "\u03b3\u03b1 \u00e9\n"


def test_a_character_without_a_token_is_refused_or_mapped_and_counted():
    with pytest.raises(InvalidArgument, match=r"texts must be of the characters of the training text, which lacks 2"):
        TOKENIZER.encode(["The bade # of the lige # \u20ac"])
    tokens, mapped = TOKENIZER.encode(["The bade # of the lige # \u20ac"], unseen="map")
    assert mapped == 3
    assert TOKENIZER.decode(tokens) == "The bade   of the lige    "  # this text has no "?"


def test_a_vocabulary_below_the_alphabet_or_beyond_the_merges_is_refused_with_the_number():
    with pytest.raises(InvalidArgument, match=f"at least the {len(TOKENIZER.alphabet)} bytes that occur in 'tests'"):
        learn_tokenizer(CORPUS, 20)
    with pytest.raises(InvalidArgument, match=r"at most the \d+ tokens that the [\d,]+ characters of 'tests' support"):
        learn_tokenizer(CORPUS, 8192)


def test_a_file_of_a_tokenizer_is_the_tokenizer(tmp_path):
    path = TOKENIZER.write(tmp_path / "tokenizer.json")
    assert read_tokenizer(path).fingerprint == TOKENIZER.fingerprint
    path.write_text(path.read_text()[:-100])
    with pytest.raises(InvalidData, match="path must be a tokenizer's file"):
        read_tokenizer(path)


def test_a_token_of_another_tokenizer_is_refused():
    with pytest.raises(InvalidArgument, match="tokens must be below the vocabulary of 128, got 128"):
        TOKENIZER.decode(np.array([128]))
    with pytest.raises(InvalidArgument, match="text must be the JSON of a tokenizer"):
        Tokenizer("{}", "0")
