"""A corpus as tokens: a folder with two files of tokens, its tokenizer, and what is known of it.

    training.npy, held_out.npy    the tokens of each part, its documents one after the other (`write_tokens`)
    tokenizer.json                `tokenizer.Tokenizer`
    about.json                    names, licence, counts, and the SHA-256 of the other files

The folder is written beside its place and renamed when it is whole; a file that does not have its SHA-256 is refused.
Folders of the same documents and vocabulary are kept in the cache folder of this user, so that a second process opens
what the first one made.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from jaxtyping import Int

from scaling_lib.arguments import BY_HAND, Remedy, checked
from scaling_lib.data.sources import TokenFile, write_tokens
from scaling_lib.data.text.corpora import Corpus, corpus_of
from scaling_lib.data.text.documents import Documents, default_documents, documents_in
from scaling_lib.data.text.streaming import fineweb_documents
from scaling_lib.data.text.tokenizer import (
    Tokenizer,
    check_same_corpus,
    check_vocabulary,
    gpt2_tokenizer,
    learn_tokenizer,
    read_tokenizer,
)
from scaling_lib.errors import InvalidArgument, InvalidData, invalid
from scaling_lib.files import write_whole

__all__ = ["DEFAULT", "TokenizedCorpus", "documents_of", "open_corpus", "tokenize", "tokenized_corpus"]

# The name of the book's own corpus wherever a path may stand.
DEFAULT = "default"
# What stands before the number of documents, where the source is the paper's data set.
FINEWEB_NAME = "fineweb-edu"
# Raise it when the same documents give other tokens than before: folders of an older version are not opened then.
_VERSION = 1
_PARTS = ("training", "held_out")


@checked
@dataclass(frozen=True)
class TokenizedCorpus:
    """A folder that `tokenize` wrote and `open_corpus` has checked.

    folder: where it lies. about: what about.json says.
    """

    folder: str | Path
    about: Annotated[Mapping[str, Any], Remedy("open it with open_corpus")]

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return int(self.about["vocabulary"])

    @cached_property
    def source(self) -> TokenFile:
        """The tokens as a source to train on, law unknown."""
        training, held_out = (Path(self.folder) / f"{part}.npy" for part in _PARTS)
        return TokenFile(training, held_out, self.vocabulary)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The one that was learned from the training part."""
        return read_tokenizer(Path(self.folder) / "tokenizer.json")

    @property
    def training(self) -> Int[np.ndarray, "token"]:
        """The tokens of the training part, mapped into memory."""
        return np.load(self.source.training, mmap_mode="r")

    @property
    def held_out(self) -> Int[np.ndarray, "token"]:
        """The tokens of the held-out part, mapped into memory."""
        return np.load(self.source.held_out, mmap_mode="r")


@checked
def tokenize(
    corpus: Annotated[Corpus, Remedy("make it with corpus_of")],
    tokenizer: Annotated[Tokenizer, Remedy("learn it with learn_tokenizer")],
    folder: str | Path,
) -> TokenizedCorpus:
    """Write the tokens of a corpus into a folder that does not exist yet; returns it opened.

    Characters that occur in the held-out part alone are mapped, and counted ("unseen" in about.json).
    Raises InvalidArgument where the tokenizer was learned from another corpus, where the folder exists with something
    else in it, or where it cannot be written.
    """
    check_same_corpus(tokenizer, corpus)
    target = Path(folder)
    if target.exists() and not (target / "about.json").is_file():
        raise invalid("folder", "a folder that does not exist yet", str(folder), "pass another")
    about: dict[str, Any] = {"version": _VERSION, "name": corpus.name, "licence": corpus.licence}
    about |= {"corpus": corpus.fingerprint, "vocabulary": tokenizer.vocabulary, "tokenizer": tokenizer.fingerprint}
    about |= {"paragraphs_removed": corpus.paragraphs_removed, "documents_removed": corpus.documents_removed}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f"{target.name}.", suffix=".part", dir=target.parent))
    except OSError as error:
        wanted = f"in a folder that can be written ({error.strerror})"
        raise invalid("folder", wanted, str(folder), "pass another") from None
    try:
        for part, texts in zip(_PARTS, (corpus.training, corpus.held_out), strict=True):
            tokens, mapped = tokenizer.encode(texts, "refuse" if part == "training" else "map")
            file = write_tokens(beside / f"{part}.npy", tokens, tokenizer.vocabulary)
            about[part] = {
                "documents": len(texts),
                "characters": sum(map(len, texts)),
                "tokens": len(tokens),
                "unseen": mapped,
                "sha256": _sha256(file),
            }
        about["tokenizer_sha256"] = _sha256(tokenizer.write(beside / "tokenizer.json"))
        text = json.dumps(about, indent=1) + "\n"
        write_whole(beside / "about.json", lambda file: file.write(text.encode()))
        if target.exists():
            shutil.rmtree(target)
        try:
            os.replace(beside, target)
        except OSError:
            if not target.exists():  # otherwise another process was quicker, and wrote the same
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return open_corpus(target)


@checked
def open_corpus(folder: str | Path) -> TokenizedCorpus:
    """A folder that `tokenize` wrote. Raises InvalidData where it is none, or where a file has another SHA-256."""
    place = Path(folder)
    try:
        about = json.loads((place / "about.json").read_text(encoding="utf-8"))
        wanted = {f"{part}.npy": about[part]["sha256"] for part in _PARTS}
        wanted["tokenizer.json"] = about["tokenizer_sha256"]
        same = {name: _sha256(place / name) == sha256 for name, sha256 in wanted.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InvalidData(
            f"folder must be one that tokenize wrote, got {place.name!r} ({reason}): remove it and make it again."
        ) from None
    for name, agrees in same.items():
        if not agrees:
            raise InvalidData(
                f"folder must hold the files that tokenize wrote, got {place.name!r} with another {name} than its "
                f"SHA-256 says: remove the folder and make it again."
            )
    return TokenizedCorpus(place, about)


@checked
def tokenized_corpus(
    source: str | Path = DEFAULT,
    vocabulary: Annotated[int | str, BY_HAND] = 128,
    cache: str | Path | None = None,
) -> TokenizedCorpus:
    """A corpus as tokens, made where it is not in the cache yet: half a minute for the default.

    source: "default", a file or folder of text, or "fineweb-edu:COUNT" for the first documents of that data set.
    vocabulary: how many tokens to learn from the training part, or "gpt2" for GPT-2's own. cache: a folder, by default
    this user's.
    Raises what reading, splitting and learning raise; MissingDependency.
    """
    vocabulary = check_vocabulary("vocabulary", vocabulary)
    documents = documents_of(source, cache)
    folder = _cache(cache) / "corpora" / _key(documents, vocabulary)
    if folder.exists():
        try:
            return open_corpus(folder)
        except InvalidData:  # torn: the cache is ours to make again
            shutil.rmtree(folder, ignore_errors=True)
    corpus = corpus_of(documents)
    tokenizer = gpt2_tokenizer() if isinstance(vocabulary, str) else learn_tokenizer(corpus, vocabulary)
    return tokenize(corpus, tokenizer, folder)


@checked
def documents_of(source: str | Path, cache: str | Path | None = None) -> Documents:
    """The documents of what `tokenized_corpus` takes as a source."""
    name, _, count = str(source).partition(":")
    if str(source) == DEFAULT:
        return default_documents()
    if name == FINEWEB_NAME and not Path(source).exists():
        if not count.isdecimal() or not int(count):
            raise invalid("source", f"{FINEWEB_NAME}:COUNT, a number of documents", str(source), "write one")
        return fineweb_documents(int(count), _cache(cache) / FINEWEB_NAME)
    try:
        return documents_in(source)
    except InvalidArgument as error:
        raise InvalidArgument(str(error).replace("path", "source", 1)) from None
    except InvalidData as error:
        raise InvalidData(str(error).replace("path", "source", 1)) from None


def _cache(folder: str | Path | None) -> Path:
    if folder is not None:
        return Path(folder)
    import platformdirs

    return Path(platformdirs.user_cache_dir("scaling-lab", appauthor=False))


def _key(documents: Documents, vocabulary: int | str) -> str:
    digest = hashlib.sha256(f"{_VERSION} {vocabulary} {documents.name} {documents.licence}".encode())
    for text in documents.texts:
        content = text.encode()
        digest.update(f" {len(content)} ".encode() + content)
    return digest.hexdigest()[:32]


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
