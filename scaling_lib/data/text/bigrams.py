r"""The bigram chain of a text: a walk on the graph of its tokens, weighed by how often one followed the other.

The training tokens are read as a circle, the last followed by the first. Every token is then left as often as it is
entered, so without a threshold

    weights             c_uv, how often v followed u,           sum c = D, the number of training tokens
    stationary law      pi_u = c_u / D: the unigram frequencies, exactly
    entropy rate        sum_uv (c_uv / D) ln(c_u / c_uv): the conditional entropy of the text's bigrams, exactly

and the chain is strongly connected. A threshold leaves out bigrams that occur that often or less (the paper's is 5,
of 50,257 tokens); the largest strongly connected part is kept, its nodes numbered anew (`labels` are the tokens).

The count spectrum (the paper's Figure 19) is the number of bigrams that occur c times, for every c. The laws in rank
(its Figure 3) are described by a broken power law with one break,

    p(r) ~ r^-a up to rank b,    b^(c-a) r^-c beyond,

fitted by least squares in ln p at ranks that are evenly spaced in ln r: a description, no test (see `data.tails`).
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Float, Int

from scaling_lib.arguments import Entries, Integer, Positive, checked
from scaling_lib.data.edges import from_counts
from scaling_lib.data.markov import Chain
from scaling_lib.errors import InvalidArgument, check_array, invalid

__all__ = ["BrokenPowerLaw", "CountSpectrum", "bigram_chain", "bigram_counts", "broken_power_law", "count_spectrum"]

_Tokens = Annotated[Int[np.ndarray, "token"], Entries(minimum=0, least=2)]
_Vocabulary = Annotated[int, Integer(minimum=2, maximum=2**20)]
_Threshold = Annotated[int, Integer(minimum=0)]


@checked
def bigram_counts(tokens: _Tokens, vocabulary: _Vocabulary) -> sparse.csr_array:
    """How often token v followed token u, [vocabulary, vocabulary], the tokens read as a circle.

    Raises InvalidArgument where a token is not of the vocabulary.
    """
    if tokens.max() >= vocabulary:
        raise invalid("tokens", f"below the vocabulary of {vocabulary}", int(tokens.max()), "correct one of them")
    pairs = tokens.astype(np.int64) * vocabulary + np.roll(tokens, -1)
    if vocabulary <= 2048:
        counts = np.bincount(pairs, minlength=vocabulary**2)
        seen = np.flatnonzero(counts)
        counts = counts[seen]
    else:
        seen, counts = np.unique(pairs, return_counts=True)
    return sparse.csr_array((counts, (seen // vocabulary, seen % vocabulary)), shape=(vocabulary, vocabulary))


@checked
def bigram_chain(tokens: _Tokens, vocabulary: _Vocabulary, threshold: _Threshold = 0) -> Chain:
    """The bigram chain of tokens, directed. threshold: bigrams that occur so often or less are left out.

    Tokens that never occur, such as those that a longer merge has used up, are no nodes: `labels` are those that are.
    Raises InvalidArgument where the threshold leaves no two tokens that follow each other.
    """
    counts = bigram_counts(tokens, vocabulary)
    if counts.data.max() <= threshold:
        wanted = f"below the {counts.data.max()} times of the most frequent bigram"
        raise invalid("threshold", wanted, threshold, "pass a smaller one")
    try:
        return from_counts(counts, minimum=threshold + 1, giant_component=True)
    except InvalidArgument:
        raise invalid(
            "threshold", "one that leaves two tokens that follow each other", threshold, "pass a smaller one"
        ) from None


@checked
@dataclass(frozen=True, eq=False)
class CountSpectrum:
    """How many distinct bigrams occur how often. count: ascending. bigrams: how many occur that often, above zero.

    slope: of ln(bigrams) against ln(count), by least squares over the logarithmic bins up to the count beyond which
    fewer than ten bigrams fall into a bin.
    """

    count: Annotated[Int[np.ndarray, "point"], Entries(minimum=1)]
    bigrams: Annotated[Int[np.ndarray, "point"], Entries(minimum=1)]
    slope: float

    @property
    def total(self) -> int:
        """All distinct bigrams."""
        return int(self.bigrams.sum())


@checked
def count_spectrum(tokens: _Tokens, vocabulary: _Vocabulary) -> CountSpectrum:
    """The count spectrum of the bigrams of tokens. Raises InvalidArgument where fewer than two bins hold ten bigrams.

    The slope is of densities: of each bin of a factor two in count, its bigrams divided by its width.
    """
    counts = bigram_counts(tokens, vocabulary).data
    count, bigrams = np.unique(counts, return_counts=True)
    edges = 2.0 ** np.arange(0, np.log2(count[-1]) + 2)
    held, _ = np.histogram(counts, edges)
    used = np.cumprod(held >= 10).astype(bool)
    if used.sum() < 2:
        raise InvalidArgument(
            f"tokens must have ten bigrams that occur once and ten that occur twice or thrice, got "
            f"{held[:2].tolist()}: pass more tokens, or a larger vocabulary."
        )
    middle, density = np.sqrt(edges[:-1] * edges[1:])[used], held[used] / np.diff(edges)[used]
    return CountSpectrum(count, bigrams, float(np.polyfit(np.log(middle), np.log(density), 1)[0]))


@checked
@dataclass(frozen=True)
class BrokenPowerLaw:
    """p(r) = level r^-first up to rank `at`, and level at^(second - first) r^-second beyond. error: root mean square
    of what is left of ln p."""

    level: Positive
    first: float
    second: float
    at: Positive
    error: float

    @checked
    def probability(self, rank: Annotated[Float[np.ndarray, "rank"], Entries(above=0)]) -> Float[np.ndarray, "rank"]:
        """p at each rank."""
        beyond = np.maximum(rank / self.at, 1.0)
        return self.level * rank**-self.first * beyond ** (self.first - self.second)


@checked
def broken_power_law(
    frequencies: Annotated[Float[np.ndarray, "rank"], Entries(above=0, least=20)],
) -> BrokenPowerLaw:
    """The broken power law that is nearest to frequencies in the order of their ranks (`Chain.rank_frequencies`).

    >>> law = broken_power_law(BrokenPowerLaw(0.1, 0.5, 2.0, 30.0, 0.0).probability(np.arange(1.0, 1001.0)))
    >>> round(law.first, 2), round(law.second, 2), round(law.at)
    (0.5, 2.0, 30)

    Raises InvalidArgument where the frequencies rise somewhere.
    """
    check_array("frequencies", frequencies, dimensions=1, above=0)
    if (np.diff(frequencies) > 0).any():
        raise invalid("frequencies", "in descending order", frequencies, "sort them, largest first")
    rank = np.unique(np.geomspace(1, len(frequencies), 200).round().astype(int))
    x, y = np.log(rank), np.log(frequencies[rank - 1])
    best = None
    for bend in np.linspace(x[2], x[-3], 400):  # the break is where least squares of the two slopes leaves least
        design = np.stack([np.ones_like(x), -np.minimum(x, bend), -np.maximum(x - bend, 0)], axis=1)
        solution = np.linalg.lstsq(design, y, rcond=None)[0]
        left = float(np.sqrt(np.mean((design @ solution - y) ** 2)))
        if best is None or left < best[0]:
            best = left, bend, solution
    assert best is not None
    left, bend, (level, first, second) = best
    return BrokenPowerLaw(float(np.exp(level)), float(first), float(second), float(np.exp(bend)), left)
