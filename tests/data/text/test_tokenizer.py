"""Tokens and text are each other, with no id wasted; what cannot be encoded is refused or counted."""

import numpy as np
import pytest

from scaling_lib.data.text import tokenizer as tokenizer_module
from scaling_lib.data.text.corpora import Corpus, corpus_of
from scaling_lib.data.text.documents import Documents
from scaling_lib.data.text.tokenized import open_corpus, tokenize
from scaling_lib.data.text.tokenizer import (
    Tokenizer,
    check_same_corpus,
    check_vocabulary,
    gpt2_tokenizer,
    learn_tokenizer,
    read_tokenizer,
)
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


class _Hub:
    """Stands for package `tokenizers` where its network is asked."""

    def __init__(self, fetched):
        self.Tokenizer, self.fetched, self.asked = self, fetched, []

    def from_pretrained(self, name):
        self.asked.append(name)
        if self.fetched is None:
            raise Exception("no route to host")
        return self.fetched


def test_the_tokenizer_of_gpt2_encodes_any_corpus_and_says_where_it_cannot_be_had(monkeypatch, tmp_path):
    import tokenizers

    every_byte = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    fetched = tokenizers.Tokenizer(tokenizers.models.BPE({character: i for i, character in enumerate(every_byte)}, []))
    fetched.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    hub = _Hub(fetched)
    monkeypatch.setattr(tokenizer_module, "_library", lambda: hub)
    hub.Tokenizer.from_str = tokenizers.Tokenizer.from_str
    gpt2 = gpt2_tokenizer()
    assert hub.asked == ["openai-community/gpt2"]
    assert gpt2.vocabulary == len(gpt2.alphabet) == 256
    check_same_corpus(gpt2, CORPUS)
    written = tokenize(CORPUS, gpt2, tmp_path / "corpus")
    assert written.about["held_out"]["unseen"] == 0
    assert open_corpus(tmp_path / "corpus").tokenizer.fingerprint == gpt2.fingerprint
    hub.fetched = None
    with pytest.raises(InvalidData, match=r"vocabulary 'gpt2' needs the tokenizer .* \(no route to host\): try again"):
        gpt2_tokenizer()


@pytest.mark.parametrize(("value", "read"), [("gpt2", "gpt2"), ("300", 300), (300, 300)])
def test_a_vocabulary_is_a_number_or_gpt2(value, read):
    assert check_vocabulary("vocabulary", value) == read


def test_another_vocabulary_is_refused():
    with pytest.raises(InvalidArgument, match="--vocabulary must be a number of tokens or 'gpt2', got 'gpt3'"):
        check_vocabulary("--vocabulary", "gpt3")
    with pytest.raises(InvalidArgument, match="at least 2 and at most 8192, got 50257"):
        check_vocabulary("vocabulary", "50257")


def test_a_token_of_another_tokenizer_is_refused():
    with pytest.raises(InvalidArgument, match="tokens must be below the vocabulary of 128, got 128"):
        TOKENIZER.decode(np.array([128]))
    with pytest.raises(InvalidArgument, match="text must be the JSON of a tokenizer"):
        Tokenizer("{}", "0")
