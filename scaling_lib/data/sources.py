"""The one door for data: where tokens come from, and what is known of the law that they follow.

`Tokens` is all that training and scoring ask of a source. Three kinds come with the library:

    Walks                       the walks of a chain; the law of the next token is a row of its transition matrix
    models.generators.Teacher   tokens sampled from a trained model; the law is that model's own
    TokenFile                   a text that was turned into tokens; nobody knows the law

Where the law of the next token is known, a model is scored by its exact divergence from it, and the entropy rate is the
floor of the loss. Where it is not, a model is scored by its cross-entropy on held-out sequences that are the same for
every model, and the floor is unknown: `entropy_rate` is None.

A source of your own is any object with these members; it needs no base class.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from scaling_lib.arguments import BY_HAND, Choice, Count, Entries, Integer, checked
from scaling_lib.data.markov import STARTS, AnyChain, Chain
from scaling_lib.data.walks import WalkStream, random_words, sample_walks
from scaling_lib.errors import InvalidArgument, InvalidData, check_array, check_integer, check_sequence, invalid
from scaling_lib.files import write_whole

if TYPE_CHECKING:
    import torch

__all__ = ["NextLaws", "Stream", "TokenFile", "Tokens", "Walks", "check_supply", "tokens_of", "write_tokens"]

_ZeroOrMore = Annotated[int, Integer(minimum=0)]
_Seeds = Annotated[Sequence[int], BY_HAND]  # the stream looks at each
_Device = Annotated[Any, BY_HAND]  # the stream asks torch for it


# ---------------------------------------------------------------------- what a source is


@dataclass(frozen=True)
class NextLaws:
    """The law of the next token after each of some contexts, entry by entry; what is not listed has probability zero.

    context: Int[entry], the number of the context, ascending. token: Int[entry]. probability: Float[entry], above zero;
    those of one context sum to one.
    Raises InvalidArgument where the three are not equally long, or where a probability is not above zero.

    >>> certain = NextLaws(np.array([0, 1]), np.array([3, 5]), np.array([1.0, 1.0]))
    >>> certain.entropies(2)
    array([0., 0.])
    """

    context: Int[np.ndarray, "entry"]
    token: Int[np.ndarray, "entry"]
    probability: Float[np.ndarray, "entry"]

    def __post_init__(self) -> None:
        for name in ("context", "token"):
            check_array(name, getattr(self, name), dimensions=1, kind="integer", minimum=0)
        check_array("probability", self.probability, dimensions=1, above=0)
        for name in ("token", "probability"):
            if len(getattr(self, name)) != len(self.context):
                wanted = f"as long as context, {len(self.context)}"
                raise invalid(name, wanted, len(getattr(self, name)), "pass one value for each entry")

    @checked
    def entropies(self, contexts: Count) -> Float[np.ndarray, "context"]:
        """The entropy of each of `contexts` laws, in nats."""
        surprise = -self.probability * np.log(self.probability)
        return np.bincount(self.context, weights=surprise, minlength=contexts) + 0.0


@runtime_checkable
class Stream(Protocol):
    """Training batches, by the number of their step, so that a run can go on from any step."""

    def batch(self, step: int) -> "Int[np.ndarray, 'seed sequence time'] | Int[torch.Tensor, 'seed sequence time']":
        """The tokens of one step, one batch for each seed."""


@runtime_checkable
class Tokens(Protocol):
    """A source of sequences of tokens."""

    @property
    def vocabulary(self) -> int:
        """Token ids lie in 0 .. vocabulary - 1."""

    @property
    def fingerprint(self) -> str:
        """64 hexadecimal digits that change with anything that changes the tokens or their law."""

    @property
    def entropy_rate(self) -> float | None:
        """Nats per token, the floor of the loss; None where nobody knows it."""

    @property
    def supply(self) -> int | None:
        """How many distinct training tokens there are; None where there are as many as one asks for."""

    def stream(self, context: int, batch: int, seeds: Sequence[int], device: Any = None) -> Stream:
        """Batches of `batch` sequences of `context` tokens, one batch for each seed; each as from that seed alone.

        device: None for numpy arrays; a device of torch's for tensors on it.
        """

    def test(self, count: int, context: int, seed: int) -> Int[np.ndarray, "sequence time"]:
        """Sequences to score every model on, never seen in training or independent of it."""

    def next_laws(self, sequences: Int[np.ndarray, "sequence time"]) -> NextLaws | None:
        """The law after every beginning of every sequence; None where nobody knows it.

        Context number i T + t is what follows the tokens 0 .. t of sequence i.
        """


_MEMBERS = tuple(sorted(name for name in vars(Tokens) if not name.startswith("_")))


@checked
def tokens_of(source: Annotated[Any, BY_HAND], start: Annotated[str, Choice(STARTS)] = "stationary") -> Tokens:
    """`source` if it is a source of tokens; the walks of a chain, begun with `start`, where it is a chain.

    Raises InvalidArgument that names the members that are missing.
    """
    if isinstance(source, Chain):
        return Walks(source, start)
    if lacking := [member for member in _MEMBERS if not hasattr(source, member)]:
        wanted = f"a chain, or a source of tokens with {', '.join(lacking)}"
        raise invalid("source", wanted, source, "pass Walks(chain), or see scaling_lib.data.sources")
    return source


@checked
def check_supply(source: Annotated[Any, BY_HAND], tokens: Count, context: Count) -> None:
    """Raises InvalidArgument where a source has fewer than `tokens` distinct tokens in whole sequences of `context`."""
    supply = tokens_of(source).supply
    if supply is not None and tokens > (held := supply // context * context):
        raise InvalidArgument(
            f"tokens must be at most the {held} that the source has in whole sequences of {context}, got {tokens}: "
            f"train on fewer, take a larger text, or ask for a repetition with epochs."
        )


# ---------------------------------------------------------------------- walks


@checked
@dataclass(frozen=True)
class Walks:
    """The walks of a chain. start: law of the first node, "stationary" or "strength" (`data.walks`).

    >>> from scaling_lib.data.chains import ring
    >>> laws = Walks(ring(5)).next_laws(np.array([[0, 1]]))
    >>> laws.context.tolist(), laws.token.tolist(), laws.probability.tolist()
    ([0, 0, 1, 1], [1, 4, 0, 2], [0.5, 0.5, 0.5, 0.5])
    """

    chain: AnyChain
    start: Annotated[str, Choice(STARTS)] = "stationary"

    @property
    def vocabulary(self) -> int:
        """The nodes of the chain."""
        return self.chain.nodes

    @property
    def fingerprint(self) -> str:
        """That of the chain; the start is a field of a run's source of its own."""
        return self.chain.fingerprint

    @property
    def entropy_rate(self) -> float:
        """Nats per token, exact."""
        return self.chain.entropy_rate

    @property
    def supply(self) -> None:
        """None: as many as one asks for."""
        return None

    @property
    def first_law(self) -> Float[np.ndarray, "token"]:
        """The law of the first node of a walk."""
        return self.chain.start_law(self.start)

    @checked
    def stream(self, context: Count, batch: Count, seeds: _Seeds, device: _Device = None) -> WalkStream:
        """`data.walks.WalkStream` of these walks."""
        seeds = check_sequence("seeds", seeds, int, remedy="pass a list of integers", minimum=0)
        where: dict[str, Any] = {} if device is None else {"backend": "torch", "device": device}
        return WalkStream(self.chain, context, batch, seeds, start=self.start, **where)

    @checked
    def test(self, count: Count, context: Count, seed: _ZeroOrMore) -> Int[np.ndarray, "sequence time"]:
        """`data.walks.sample_walks`."""
        return np.asarray(sample_walks(self.chain, count, context, seed=seed, start=self.start))

    def next_laws(self, sequences: Int[np.ndarray, "sequence time"]) -> NextLaws:
        """The row of the transition matrix of each node. Raises InvalidArgument where one is not of the chain."""
        nodes = check_array("sequences", sequences, dimensions=2, kind="integer", minimum=0).ravel()  # [context]
        if nodes.max(initial=0) >= self.chain.nodes:
            raise invalid("sequences", f"of nodes below {self.chain.nodes}", sequences, "sample them with sample_walks")
        degrees = self.chain.degrees[nodes]  # [context]
        context = np.repeat(np.arange(len(nodes)), degrees)  # [entry]: one for each arc out of each node
        first = self.chain.indptr[nodes] - (np.cumsum(degrees) - degrees)  # [context]
        arcs = first[context] + np.arange(len(context))  # [entry]
        return _trusted(context, self.chain.indices[arcs], self.chain.probabilities[arcs])


def _trusted(context: np.ndarray, token: np.ndarray, probability: np.ndarray) -> NextLaws:
    """`NextLaws` without its checks: they would cost as much as the laws."""
    laws = object.__new__(NextLaws)
    for name, values in (("context", context), ("token", token), ("probability", probability)):
        object.__setattr__(laws, name, values)
    return laws


# ---------------------------------------------------------------------- files of tokens


@checked
@dataclass(frozen=True)
class TokenFile:
    """A text as two files of tokens, one to train on and one held out; nothing of the law is known.

    training, held_out: one-dimensional .npy files of integers, as `write_tokens` makes them; they are mapped into
    memory, never read whole. vocabulary: how many token ids there are. A sequence is a window of consecutive tokens;
    windows do not overlap, and every seed reads them in an order of its own, each once in an epoch.

    Raises InvalidData where a file is absent, or is not one of integers below the vocabulary.
    """

    training: str | Path
    held_out: str | Path
    vocabulary: Annotated[int, Integer(minimum=2)]

    def __post_init__(self) -> None:
        for name in ("training", "held_out"):
            _mapped(Path(getattr(self, name)), self.vocabulary, name)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the vocabulary and the tokens of both files, whatever their integer type is."""
        digest = hashlib.sha256(f"tokens {self.vocabulary}".encode())
        for path in (self.training, self.held_out):
            tokens = _mapped(Path(path))
            digest.update(f" {len(tokens)} ".encode())
            for begin in range(0, len(tokens), 2**20):
                digest.update(tokens[begin : begin + 2**20].astype("<u4").tobytes())
        return digest.hexdigest()

    @property
    def entropy_rate(self) -> None:
        """None: nobody knows it."""
        return None

    @property
    def supply(self) -> int:
        """The tokens of the training file."""
        return len(_mapped(Path(self.training)))

    @cached_property
    def first_law(self) -> Float[np.ndarray, "token"]:
        """The law of the first token of a window, which may be any token: the frequencies in the training file.

        Raises InvalidData where the file is empty.
        """
        tokens = _mapped(Path(self.training))
        if not len(tokens):
            raise InvalidData(f"training must hold a token at least, got {Path(self.training).name} empty: fill it.")
        counts = np.zeros(self.vocabulary, np.int64)
        for begin in range(0, len(tokens), 2**24):
            counts += np.bincount(tokens[begin : begin + 2**24], minlength=self.vocabulary)
        return counts / len(tokens)

    @checked
    def stream(self, context: Count, batch: Count, seeds: _Seeds, device: _Device = None) -> "_Windows":
        """Windows of the training file. Raises InvalidArgument where it has not enough for one batch."""
        check_supply(self, batch * context, context)
        return _Windows(_mapped(Path(self.training)), context, batch, seeds, device)

    @checked
    def test(self, count: Count, context: Count, seed: _ZeroOrMore) -> Int[np.ndarray, "sequence time"]:
        """`count` windows of the held-out file, no two of which overlap.

        Raises InvalidArgument where the file has not as many.
        """
        tokens = _mapped(Path(self.held_out))
        windows = len(tokens) // context
        if count > windows:
            wanted = f"at most the {windows} windows of {context} tokens held out"
            raise invalid("count", wanted, count, "ask for fewer")
        return _window(tokens, context, _order(seed, windows)[:count])

    @checked
    def next_laws(self, sequences: Annotated[Int[np.ndarray, "sequence time"], Entries(minimum=0)]) -> None:
        """None: nobody knows them."""
        return None


class _Windows:
    """The windows of a file in the order of each seed, batch by batch."""

    def __init__(self, tokens: np.ndarray, context: int, batch: int, seeds: Sequence[int], device: Any) -> None:
        self.tokens, self.context, self.batch_size, self.device = tokens, context, batch, device
        seeds = check_sequence("seeds", seeds, int, remedy="pass a list of integers", minimum=0)
        self.orders = [_order(seed, len(tokens) // context) for seed in seeds]

    def batch(self, step: int) -> Any:
        """Windows step * batch .. (step + 1) * batch - 1 of each seed's order; int64 [seed, sequence, time].

        Raises InvalidArgument where the file ends before.
        """
        first = check_integer("step", step, minimum=0) * self.batch_size
        if first + self.batch_size > len(self.orders[0]):
            steps = len(self.orders[0]) // self.batch_size
            raise invalid("step", f"below the {steps} whole batches of the file", step, "begin another epoch at step 0")
        chosen = [order[first : first + self.batch_size] for order in self.orders]
        windows = np.stack([_window(self.tokens, self.context, which) for which in chosen])
        if self.device is None:
            return windows
        import torch

        return torch.as_tensor(windows, device=self.device)


def _order(seed: int, count: int) -> Int[np.ndarray, "window"]:
    """A permutation of 0 .. count - 1 that is the same on every machine: the order of counter-based random words."""
    return np.argsort(random_words(seed, count), kind="stable")


def _window(tokens: np.ndarray, context: int, which: Int[np.ndarray, "sequence"]) -> Int[np.ndarray, "sequence time"]:
    return np.asarray(tokens[which[:, None] * context + np.arange(context)], dtype=np.int64)


def _mapped(path: Path, vocabulary: int | None = None, name: str = "training") -> np.ndarray:
    """The tokens of a file, mapped into memory; looked through once where a vocabulary is given."""
    try:
        tokens = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).split("\n")[0]
        raise InvalidData(
            f"{name} must be a file of tokens, got {path.name} ({reason}): make it with write_tokens."
        ) from None
    if tokens.ndim != 1 or not np.issubdtype(tokens.dtype, np.integer):
        raise InvalidData(
            f"{name} must be a file of integers in one dimension, got {path.name} with {tokens.dtype} of shape "
            f"{tokens.shape}: make it with write_tokens."
        )
    if vocabulary is not None and len(tokens):
        parts = (tokens[i : i + 2**24] for i in range(0, len(tokens), 2**24))
        ends = [(int(part.min()), int(part.max())) for part in parts]  # part by part: a part is read from the disk once
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        if low < 0 or high >= vocabulary:
            raise InvalidData(
                f"vocabulary must be that of {name}, got {vocabulary} for {path.name} with a token "
                f"{low if low < 0 else high}: pass the vocabulary of the tokenizer that made it."
            )
    return tokens


@checked
def write_tokens(
    path: str | Path, tokens: Annotated[Int[np.ndarray, "token"], Entries(minimum=0)], vocabulary: Count
) -> Path:
    """Write tokens to a .npy file, of two bytes each where the vocabulary allows it; returns its path.

    The file is written beside its place and renamed, so that a kill leaves the old one or the new one.
    Raises InvalidArgument where a token is outside of the vocabulary, or where the path cannot be written.
    """
    if tokens.max(initial=0) >= vocabulary:
        raise invalid("tokens", f"below the vocabulary of {vocabulary}", int(tokens.max()), "correct one of them")
    bits = max(1, math.ceil(math.log2(max(vocabulary, 2))))
    kind = np.uint16 if bits <= 16 else np.uint32
    target = Path(path)
    try:
        write_whole(target, lambda file: np.save(file, tokens.astype(kind), allow_pickle=False))
    except OSError as error:
        wanted = f"in a folder that can be written ({error.strerror})"
        raise invalid("path", wanted, str(path), "pass another") from None
    return target
