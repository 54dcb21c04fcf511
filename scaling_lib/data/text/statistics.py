r"""What can be said of a text, or of tokens like it, by counting: n-gram entropies, mutual information, known words.

The n-gram cross-entropy of held-out tokens is that of the law of Witten & Bell (1991), which backs off by itself:

    p_n(v | h) = (c(h v) + k(h) p_{n-1}(v | h')) / (c(h) + k(h)),       p_0 = 1 / V

c counts in the training tokens, k(h) is how many distinct tokens followed h there, h' is h without its first token. It
is an upper bound of what a model of n - 1 tokens of memory can reach on the training tokens' law, in nats per token.

The mutual information of two tokens at a distance is H(first) + H(second) - H(both), each by Miller & Madow; the bias
that is left is of the order of (V - 1)^2 / D^2.

The correlation of two tokens at a distance n is, after Cagnetta et al. (arXiv 2602.07488), the operator norm (the
largest singular value) of

    C(n)_uv = P(u, then v n places later) - P(u) P(v)

with the frequencies of the tokens in place of P. What chance leaves of it is about (p / D)^(1/2), p the largest P(u).

Tokens are one text, or sequences, one a row: nothing is counted across the end of a row.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated

import numpy as np
from jaxtyping import Float, Int
from tqdm import tqdm

from scaling_lib.arguments import Entries, Integer, Remedy, checked
from scaling_lib.data.entropies import estimate_entropy
from scaling_lib.errors import check_integer, invalid

__all__ = ["correlation_norms", "known_words", "mutual_information", "ngram_entropies"]

_Tokens = Annotated[Int[np.ndarray, "*sequences token"], Entries(minimum=0)]
_Distances = Annotated[Sequence[int], Remedy("pass a list of integers")]
_Vocabulary = Annotated[int, Integer(minimum=2, maximum=2**20)]


@checked
def ngram_entropies(
    training: _Tokens, held_out: _Tokens, vocabulary: _Vocabulary, longest: Annotated[int, Integer(minimum=1)] = 5
) -> Float[np.ndarray, "n"]:
    """The cross-entropy of the held-out tokens under the n-grams of the training tokens, n = 1 .. longest, nats.

    Each is the mean over the same held-out tokens: all but the first longest - 1 of each row.
    Raises InvalidArgument where a token is not of the vocabulary, where an n-gram does not fit into 63 bits, or where
    there are not more tokens than the longest n-gram has.
    """
    for name, tokens in (("training", training), ("held_out", held_out)):
        _check_rows(name, tokens)
        if tokens.max() >= vocabulary:
            raise invalid(
                name, f"of tokens below {vocabulary}", int(tokens.max()), "pass the vocabulary they were made of"
            )
        if tokens.shape[-1] <= longest:
            wanted = f"of more tokens than the {longest} of the longest n-gram"
            raise invalid(name, wanted, tokens.shape[-1], "pass more")
    if longest * np.log2(vocabulary) > 63:
        most = int(63 // np.log2(vocabulary))
        raise invalid("longest", f"at most {most} for a vocabulary of {vocabulary}", longest, "pass a smaller one")
    law = np.full(_grams(held_out, longest, vocabulary).size, 1 / vocabulary)
    entropies = []
    seen = np.zeros(1, np.int64)  # the contexts of the next n, and how often and by how many tokens they were followed
    for n in tqdm(range(1, longest + 1), desc="n-grams", delay=2, leave=False):
        grams, counts = np.unique(_grams(training, n, vocabulary), return_counts=True)
        seen, first = np.unique(grams // vocabulary, return_index=True)
        followed = np.add.reduceat(counts, first)
        kinds = np.diff(np.append(first, len(grams)))
        asked = _grams(held_out[..., longest - n :], n, vocabulary)
        count = _looked_up(grams, counts, asked)
        total = _looked_up(seen, followed, asked // vocabulary)
        distinct = _looked_up(seen, kinds, asked // vocabulary)
        known = total > 0
        law[known] = ((count + distinct * law)[known]) / (total + distinct)[known]
        entropies.append(float(-np.log(law).mean()))
    return np.array(entropies)


def _check_rows(name: str, tokens: np.ndarray) -> None:
    if tokens.ndim not in (1, 2):
        raise invalid(name, "a text, or sequences, one a row", f"{tokens.ndim} axes", "pass one or two axes")


def _grams(tokens: np.ndarray, n: int, vocabulary: int) -> Int[np.ndarray, "gram"]:
    """A number for every n tokens in a row; without its last token it is the number's quotient by the vocabulary."""
    count = tokens.shape[-1] - n + 1
    numbers = np.zeros((*tokens.shape[:-1], count), np.int64)
    for place in range(n):
        numbers = numbers * vocabulary + tokens[..., place : count + place]
    return numbers.reshape(-1)


def _looked_up(keys: np.ndarray, values: np.ndarray, asked: np.ndarray) -> Int[np.ndarray, "asked"]:
    """The value of each key that is asked for; 0 where it is none."""
    places = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.where(keys[places] == asked, values[places], 0)


@checked
def mutual_information(
    tokens: _Tokens, vocabulary: _Vocabulary, distances: _Distances = (1, 2, 4, 8, 16)
) -> Float[np.ndarray, "distance"]:
    """The mutual information of tokens that are so many places apart, nats; zero where the estimate is below it.

    Raises InvalidArgument where a token is not of the vocabulary, or where a distance is not below the tokens' number.
    """
    values = []
    for first, second in _apart(tokens, vocabulary, distances):
        _, both = np.unique(first * vocabulary + second, return_counts=True)
        apart = estimate_entropy(np.bincount(first)) + estimate_entropy(np.bincount(second))
        values.append(max(0.0, apart - estimate_entropy(both)))
    return np.array(values)


@checked
def correlation_norms(
    tokens: _Tokens, vocabulary: Annotated[int, Integer(minimum=2, maximum=2048)], distances: _Distances
) -> Float[np.ndarray, "distance"]:
    """The operator norm of the correlation of tokens that are so many places apart, see the module.

    Raises InvalidArgument where a token is not of the vocabulary, or where a distance is not below the tokens' number.
    """
    norms = []
    for first, second in _apart(tokens, vocabulary, distances):
        counts = np.bincount(first * vocabulary + second, minlength=vocabulary**2).reshape(vocabulary, vocabulary)
        joint = counts / counts.sum()
        norms.append(float(np.linalg.norm(joint - np.outer(joint.sum(1), joint.sum(0)), 2)))
    return np.array(norms)


def _apart(tokens: np.ndarray, vocabulary: int, distances: Sequence[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The first and the second of all tokens that are so many places apart; for each distance."""
    _check_rows("tokens", tokens)
    if tokens.max() >= vocabulary:
        raise invalid("tokens", f"below {vocabulary}", int(tokens.max()), "pass the vocabulary they were made of")
    for distance in distances:
        check_integer("distances", distance, minimum=1, maximum=tokens.shape[-1] - 1)
        first, second = tokens[..., :-distance], tokens[..., distance:]
        yield first.reshape(-1).astype(np.int64), second.reshape(-1).astype(np.int64)


@checked
def known_words(text: str, texts: Annotated[Sequence[str], Remedy("pass a list of texts")]) -> float:
    """The share of the words of `text` that occur in `texts`, small and capital letters alike.

    The first and the last word, which a sample may have cut, are left out. Raises InvalidArgument without three words.

    >>> known_words("of the people by the peeple for us", ["for the people, by the people"])
    0.8333333333333334
    """
    words = re.findall(r"[a-z']+", text.lower())[1:-1]
    if not words:
        raise invalid("text", "of three words at least", text, "pass a longer sample")
    known = {word for one in texts for word in re.findall(r"[a-z']+", one.lower())}
    return sum(word in known for word in words) / len(words)
