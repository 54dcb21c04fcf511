"""Byte-level byte-pair encoding, learned from the training part of a corpus alone (package `tokenizers`).

The alphabet is that of the training part: a byte that does not occur there has no token, where the usual alphabet of
256 bytes would waste more than half of a vocabulary of 128 ids. A character that cannot be encoded is therefore
refused, or mapped to "?" (to a space where "?" has no token either), as the caller says; `encode` counts these.

Merges stay within words, as GPT-2 cuts them (a space belongs to the word that follows it).

`gpt2_tokenizer` is the paper's: GPT-2's own 50,257 tokens, learned from a text that is not public. It is read over the
network, through the same package.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Int

from scaling_lib.arguments import Entries, Integer, Remedy, checked
from scaling_lib.data.text.corpora import Corpus
from scaling_lib.errors import (
    InvalidArgument,
    InvalidData,
    MissingDependency,
    check_instance,
    check_integer,
    check_text,
    invalid,
)
from scaling_lib.files import write_whole

__all__ = [
    "GPT2",
    "LARGEST_VOCABULARY",
    "Tokenizer",
    "gpt2_tokenizer",
    "learn_tokenizer",
    "read_tokenizer",
]

LARGEST_VOCABULARY = 8192
# What stands where a vocabulary or a corpus is named, for the tokenizer of GPT-2; and its name on the Hugging Face Hub.
GPT2 = "gpt2"
_HUB = "openai-community/gpt2"
_Vocabulary = Annotated[int, Integer(minimum=2, maximum=LARGEST_VOCABULARY)]


class Tokenizer:
    """Tokens and texts, made of each other.

    text: as package `tokenizers` writes one, JSON. corpus: fingerprint of the corpus that it was learned from; "gpt2"
    for GPT-2's, which may encode any.
    Raises InvalidArgument where the text is no tokenizer; MissingDependency where the package is not installed.
    """

    @checked
    def __init__(self, text: str, corpus: str) -> None:
        library = _library()
        try:
            self._encoder: Any = library.Tokenizer.from_str(text)
        except Exception as error:  # the package raises plain Exception
            reason = " ".join(str(error).split())[:100]
            raise invalid("text", "the JSON of a tokenizer", text, f"take it from learn_tokenizer ({reason})") from None
        self.text, self.corpus = text, corpus
        to_byte = {character: byte for byte, character in _byte_characters().items()}
        known = self._encoder.get_vocab(with_added_tokens=False)
        self.alphabet = frozenset(to_byte[token] for token in known if token in to_byte)

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return self._encoder.get_vocab_size()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the tokens, the merges and the corpus."""
        model = json.loads(self.text)["model"]
        about = {"vocabulary": model["vocab"], "merges": model["merges"], "corpus": self.corpus}
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()

    @checked
    def encode(
        self,
        texts: Annotated[Sequence[str], Remedy("pass a list of texts")],
        unseen: Literal["refuse", "map"] = "refuse",
    ) -> tuple[Int[np.ndarray, "token"], int]:
        """The tokens of the texts, one text after the other, int64; and how many characters were mapped.

        unseen: what to do with a character that has no token, see the module.
        Raises InvalidArgument where it is refused.
        """
        unknown = sorted(c for c in set().union(*map(set, texts)) if not self.alphabet.issuperset(c.encode()))
        mapped = 0
        if unknown:
            if unseen == "refuse":
                shown = "".join(unknown[:5])
                wanted = f"of the characters of the training text, which lacks {len(unknown)} of these"
                raise invalid("texts", wanted, shown, "pass unseen='map', or leave them out")
            mapped = sum(text.count(character) for text in texts for character in unknown)
            table = dict.fromkeys(map(ord, unknown), "?" if ord("?") in self.alphabet else " ")
            texts = [text.translate(table) for text in texts]
        encoded = self._encoder.encode_batch_fast(list(texts), add_special_tokens=False)
        tokens = [np.array(one.ids, np.int64) for one in encoded]
        return np.concatenate(tokens), mapped

    @checked
    def decode(self, tokens: Annotated[Int[np.ndarray, "token"], Entries(minimum=0, least=0)]) -> str:
        """The text of tokens; bytes that are no character of UTF-8 are shown as the sign for that.

        Raises InvalidArgument where a token is not of the vocabulary.
        """
        if tokens.max(initial=0) >= self.vocabulary:
            wanted = f"below the vocabulary of {self.vocabulary}"
            raise invalid("tokens", wanted, int(tokens.max()), "use the tokenizer that made them")
        return self._encoder.decode(tokens.tolist(), skip_special_tokens=False)

    @checked
    def write(self, path: str | Path) -> Path:
        """Write the tokenizer to a JSON file, whole or not at all; returns its path.

        Raises InvalidArgument where the path cannot be written.
        """
        text = json.dumps({"corpus": self.corpus, "tokenizer": json.loads(self.text)}, indent=1, sort_keys=True)
        try:
            return write_whole(Path(path), lambda file: file.write(text.encode()))
        except OSError as error:
            wanted = f"in a folder that can be written ({error.strerror})"
            raise invalid("path", wanted, str(path), "pass another") from None


@checked
def learn_tokenizer(corpus: Annotated[Corpus, Remedy("make it with corpus_of")], vocabulary: _Vocabulary) -> Tokenizer:
    """The tokenizer of `vocabulary` tokens that merges the pairs which are most frequent in the training part.

    Raises InvalidArgument where the vocabulary is smaller than the alphabet of the training part, or larger than the
    number of tokens that its merges give; MissingDependency.
    """
    library = _library()
    alphabet = len(set().union(*(set(text.encode()) for text in corpus.training)))
    if vocabulary < alphabet:
        wanted = f"at least the {alphabet} bytes that occur in {corpus.name!r}"
        raise invalid("vocabulary", wanted, vocabulary, "pass a larger one, or take rare characters out of the text")
    encoder = library.Tokenizer(library.models.BPE())
    encoder.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    encoder.decoder = library.decoders.ByteLevel()
    trainer = library.trainers.BpeTrainer(
        vocab_size=vocabulary, initial_alphabet=[], special_tokens=[], show_progress=False
    )
    encoder.train_from_iterator(corpus.training, trainer, length=len(corpus.training))
    if (made := encoder.get_vocab_size()) < vocabulary:
        raise InvalidArgument(
            f"vocabulary must be at most the {made} tokens that the {sum(map(len, corpus.training)):,} characters of "
            f"{corpus.name!r} support, got {vocabulary}: pass a smaller one, or a larger text."
        )
    return Tokenizer(encoder.to_str(), corpus.fingerprint)


def check_vocabulary(name: str, value: object) -> int | str:
    """How many tokens to learn, also where it is written as a text, or "gpt2"; name: of the argument.

    >>> check_vocabulary("--vocabulary", "300")
    300

    Raises InvalidArgument where it is neither.
    """
    if isinstance(value, str):
        if value == GPT2:
            return GPT2
        if not value.isdecimal():
            raise invalid(name, f"a number of tokens or {GPT2!r}", value, "pass one of them")
        value = int(value)
    return check_integer(name, value, minimum=2, maximum=LARGEST_VOCABULARY)


def gpt2_tokenizer() -> Tokenizer:
    """GPT-2's tokenizer (Radford et al. 2019), which the paper uses: 50,257 tokens, every byte among them.

    The Hugging Face Hub is asked for it; what package `tokenizers` has fetched once, it keeps.
    Raises InvalidData where it cannot be fetched; MissingDependency.
    """
    library = _library()
    try:
        fetched = library.Tokenizer.from_pretrained(_HUB)
    except Exception as error:  # the package raises plain Exception
        reason = " ".join(str(error).split())[:100]
        raise InvalidData(
            f"vocabulary {GPT2!r} needs the tokenizer {_HUB} of the Hugging Face Hub, which could not be read "
            f"({reason}): try again with a network, or pass a number of tokens to learn from the text."
        ) from None
    return Tokenizer(fetched.to_str(), GPT2)


@checked
def read_tokenizer(path: str | Path) -> Tokenizer:
    """A tokenizer from a file that `Tokenizer.write` wrote. Raises InvalidData where it is none."""
    file = Path(path)
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        return Tokenizer(json.dumps(about["tokenizer"]), check_text("corpus", about["corpus"]))
    except MissingDependency:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:100]
        raise InvalidData(
            f"path must be a tokenizer's file, got {file.name!r} ({reason}): write it with Tokenizer.write."
        ) from None


def check_same_corpus(tokenizer: Tokenizer, corpus: Corpus) -> None:
    """Raises InvalidArgument where the tokenizer was learned from another corpus: its merges have seen other texts."""
    check_instance("tokenizer", tokenizer, Tokenizer, remedy="learn it with learn_tokenizer")
    if tokenizer.corpus not in (corpus.fingerprint, GPT2):
        raise InvalidArgument(
            f"tokenizer must be learned from {corpus.name!r} ({corpus.fingerprint[:12]}), got one of another corpus "
            f"({tokenizer.corpus[:12]}): learn one with learn_tokenizer."
        )


def _library() -> Any:
    try:
        import tokenizers
        import tokenizers.decoders
        import tokenizers.models
        import tokenizers.pre_tokenizers
        import tokenizers.trainers
    except ModuleNotFoundError:
        raise MissingDependency("text needs the package tokenizers: run `pip install 'scaling-lab[text]'`.") from None
    return tokenizers


def _byte_characters() -> dict[int, str]:
    """From each byte to the character that stands for it: itself where it is printable, else one from 256 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}
