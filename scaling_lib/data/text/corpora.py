"""A corpus: documents without their near-duplicates, split into two parts before anything is learned from them.

Words are compared in small letters, without punctuation, every digit alike. In the order of the documents,

1. a paragraph of eight words or more that stood before is removed;
2. a document is removed of whose shingles (eight words in a row) more than 80 % stand in one earlier document;
3. documents that share more than 5 % of the shingles of the smaller one are joined to groups;
4. the groups, in the order of the hash of their first document, fill the held-out part until it has its share of the
   characters; a group that is larger than that share is for training. All others are for training too.

Of more than 2^22 shingles, the same share of them is compared everywhere, chosen by their hash.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import networkx as nx
import numpy as np

from scaling_lib.arguments import Integer, Real, Remedy, checked
from scaling_lib.data.text.documents import Documents
from scaling_lib.errors import InvalidData

__all__ = ["Corpus", "corpus_of"]

SHINGLE, COPY, JOINED = 8, 0.8, 0.05
_COMPARED = 2**22
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@checked
@dataclass(frozen=True)
class Corpus:
    """The two parts of a text, and what was removed from it; `corpus_of` makes it.

    name, licence: of the documents. training, held_out: the texts of the documents of each part. paragraphs_removed,
    documents_removed: near-duplicates.
    """

    name: str
    licence: str
    training: Annotated[tuple[str, ...], Remedy("make it with corpus_of")]
    held_out: Annotated[tuple[str, ...], Remedy("make it with corpus_of")]
    paragraphs_removed: Annotated[int, Integer(minimum=0)] = 0
    documents_removed: Annotated[int, Integer(minimum=0)] = 0

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the texts of both parts."""
        digest = hashlib.sha256()
        for part in (self.training, self.held_out):
            digest.update(f"part of {len(part)} ".encode())
            for text in part:
                content = text.encode()
                digest.update(f"{len(content)} ".encode() + content)
        return digest.hexdigest()


@checked
def corpus_of(
    documents: Annotated[Documents, Remedy("take default_documents() or documents_in(path)")],
    held_out: Annotated[float, Real(minimum=0.01, maximum=0.5)] = 0.05,
) -> Corpus:
    """The documents without near-duplicates, in two parts; held_out: the share of the characters that is held out.

    The split depends on the texts alone, so it is the same on every machine.
    Raises InvalidData where too little is left to hold something out: where all documents are alike.
    """
    texts, paragraphs = _without_repeats(documents.texts)
    shared = _Shared(texts)
    kept = [number for number in range(len(texts)) if texts[number] and not shared.copied(number)]
    groups = shared.groups(kept)
    total = sum(len(texts[number]) for number in kept)
    chosen: set[int] = set()
    filled, wanted = 0, held_out * total
    for group in sorted(groups, key=lambda group: hashlib.sha256(texts[group[0]].encode()).digest()):
        size = sum(len(texts[number]) for number in group)
        if filled < wanted and size <= max(wanted, 1.5 * (wanted - filled)) and len(chosen) + len(group) < len(kept):
            chosen.update(group)
            filled += size
    if filled < wanted / 2:
        raise InvalidData(
            f"documents must differ enough for a part to be held out, got {documents.name!r} with {len(kept)} "
            f"documents in {len(groups)} groups that share passages: add other texts."
        )
    return Corpus(
        documents.name,
        documents.licence,
        tuple(texts[number] for number in kept if number not in chosen),
        tuple(texts[number] for number in kept if number in chosen),
        paragraphs,
        sum(map(bool, texts)) - len(kept) + sum(not text for text in texts),
    )


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", re.sub(r"\d", "0", text.lower()))


def _without_repeats(texts: Sequence[str]) -> tuple[list[str], int]:
    """The texts without paragraphs that stood before, and how many were removed."""
    seen: set[tuple[str, ...]] = set()
    removed, whole = 0, []
    for text in texts:
        kept = []
        for line in text.splitlines(keepends=True):
            words = tuple(_words(line))
            if len(words) >= SHINGLE and words in seen:
                removed += 1
                continue
            seen.add(words)
            kept.append(line)
        whole.append("".join(kept))
    return whole, removed


class _Shared:
    """How many shingles any two documents share."""

    def __init__(self, texts: list[str]) -> None:
        numbers: dict[str, int] = {}
        hashes = [_shingles(np.array([numbers.setdefault(w, len(numbers)) for w in _words(text)])) for text in texts]
        total = sum(map(len, hashes))
        # Words are numbered as they come, so hashes agree within one corpus, and a sample of them does too.
        share = np.uint64(max(1, -(-total // _COMPARED)))
        hashes = [np.unique(each[each % share == 0]) for each in hashes]
        self.sizes = np.array([len(each) for each in hashes])
        document = np.repeat(np.arange(len(texts)), self.sizes)
        shingle = np.concatenate(hashes) if hashes else np.empty(0, np.uint64)
        order = np.lexsort((document, shingle))
        shingle, document = shingle[order], document[order]
        # Any two documents of one shingle stand some places apart, up to the most documents that share one.
        pairs: dict[tuple[int, int], int] = {}
        for apart in range(1, len(texts)):
            same = shingle[apart:] == shingle[:-apart]
            if not same.any():
                break
            both = document[:-apart][same] * len(texts) + document[apart:][same]
            for pair, count in zip(*np.unique(both, return_counts=True), strict=True):
                key = divmod(int(pair), len(texts))
                pairs[key] = pairs.get(key, 0) + int(count)
        self.pairs = pairs
        self._copies = {
            later for (earlier, later), count in pairs.items() if count > COPY * self.sizes[later] and earlier != later
        }

    def copied(self, document: int) -> bool:
        """Whether more than COPY of its shingles stand in one earlier document."""
        return document in self._copies

    def groups(self, kept: list[int]) -> list[list[int]]:
        """The documents that are joined by what they share, each group ascending."""
        graph = nx.Graph()
        graph.add_nodes_from(kept)
        for (one, other), count in self.pairs.items():
            if one in graph and other in graph and count > JOINED * min(self.sizes[one], self.sizes[other]):
                graph.add_edge(one, other)
        return [sorted(group) for group in nx.connected_components(graph)]


def _shingles(words: np.ndarray) -> np.ndarray:
    """A hash of every SHINGLE words in a row, uint64."""
    if len(words) < SHINGLE:
        return np.empty(0, np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(words.astype(np.uint64), SHINGLE)
    hashes = np.zeros(len(windows), np.uint64)
    for column in range(SHINGLE):
        hashes = (hashes ^ (windows[:, column] + np.uint64(1))) * _MULTIPLIER
        hashes ^= hashes >> np.uint64(29)
    return hashes
