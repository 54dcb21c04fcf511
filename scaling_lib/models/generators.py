r"""Teachers: sequences of tokens sampled from a trained model, whose law is known because it is the model's own.

A teacher q of context T gives sequences u_0 .. u_{T-1}: the first token from a stated law f, every further one from

    P(u_{t+1} | u_0 .. u_t) = softmax(logits of q after u_0 .. u_t)                     temperature 1, in float64

Every sequence is sampled afresh from its first token on, to the length T. It is never a window of a longer one, whose
beginning would not be seen, so that the law above is exact and a student is scored by exact conditional KL, as on
walks. f is the law of the first tokens that the model itself was trained on: of walks their start, of a text the
frequencies of its tokens.

A token is chosen by the inverse of the cumulative law at a uniform number made of 53 bits of a counter-based random
word (`data.walks.walk_words`), of the sequence's number and the place. Sequences are computed in blocks of fixed size
and place, so that sequence i of a seed is the same whatever is asked for besides it, on one machine and version. Logits
on another machine may differ in their last digits: a token differs there where its uniform number falls between two
sums that differ by as much.

The entropy rate, the mean conditional entropy over the T - 1 predictions of a sequence, has no closed form. It is
estimated along the teacher's own samples, with its standard error over them. It is that of sequences of T tokens, not
of shorter ones, whose predictions know less on average.

Letters in shapes: K members, B sequences of T tokens each, V tokens in the vocabulary.
"""

import hashlib
import json
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import astuple
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt
from torch import Tensor
from tqdm import tqdm

from scaling_lib.arguments import BY_HAND, Count, Entries, Integer, Remedy, checked, plain_fields
from scaling_lib.data.sources import NextLaws
from scaling_lib.data.walks import walk_words
from scaling_lib.errors import check_array, check_instance, check_integer, check_sequence, invalid
from scaling_lib.models.devices import check_device
from scaling_lib.models.transformer import Transformer

__all__ = ["Teacher", "TeacherStream", "chosen_tokens", "sample_sequences"]

# Sequences sampled together: enough to fill the matrix products, few enough for memory (`_block_size`).
_BLOCK = 1024
_NUMBERS_AT_ONCE = 2**28
# What a teacher keeps of what it computed before: sampled tokens (of two bytes), and probabilities (of eight).
_TOKENS_KEPT, _PROBABILITIES_KEPT = 2**25, 2**23
_LOGITS_AT_ONCE = 2**21

_ZeroOrMore = Annotated[int, Integer(minimum=0)]
_Device = Annotated[Any, BY_HAND]  # `check_device` asks torch for it


# ---------------------------------------------------------------------- sampling


def chosen_tokens(logits: Float[Tensor, "*some V"], uniforms: Float[Tensor, "*some"]) -> Int[Tensor, "*some"]:
    """The token of each law softmax(logits) at a uniform number in [0, 1): the inverse of the cumulative law, float64.

    Raises InvalidArgument where the shapes do not match, and where a logit is not finite.
    """
    for name, value in (("logits", logits), ("uniforms", uniforms)):
        if not isinstance(value, Tensor) or not value.is_floating_point() or not value.numel():
            raise invalid(name, "a tensor of floats", value, "pass logits of a model and numbers in [0, 1)")
    if logits.shape[:-1] != uniforms.shape:
        raise invalid("uniforms", f"of shape {tuple(logits.shape[:-1])}", tuple(uniforms.shape), "pass one a law")
    sums = torch.softmax(logits.double(), -1).cumsum(-1)  # [..., V]
    if not bool(torch.isfinite(sums[..., -1]).all()):
        raise invalid("logits", "finite", float("nan"), "take a model that did not diverge")
    below = uniforms.double() * sums[..., -1]
    # The first sum above the number: a token of probability zero adds nothing to its sum, and is never the first.
    tokens = torch.searchsorted(sums, below[..., None], right=True)[..., 0]
    return tokens.clamp_(max=logits.shape[-1] - 1)


@torch.no_grad()
def sample_sequences(
    model: Transformer, first: Int[Tensor, "K B"], uniforms: Float[Tensor, "K B further"]
) -> Int[Tensor, "K B T"]:
    """Sequences of every member that go on from their first tokens by as many further ones as there are numbers.

    model: of K members. first: int64 on the model's device. uniforms: float64 in [0, 1), one for each further token.
    The keys and values of earlier positions are kept, so that a token costs one position of the forward pass.
    Raises InvalidArgument where the sequences would be longer than the model's context.
    """
    check_instance("model", model, Transformer, remedy="take a trained Transformer")
    if not isinstance(uniforms, Tensor) or uniforms.ndim != 3 or not uniforms.is_floating_point():
        raise invalid("uniforms", "floats of shape [members, sequences, further tokens]", uniforms, "pass a tensor")
    if not isinstance(first, Tensor) or first.shape != uniforms.shape[:2] or first.dtype != torch.int64:
        wanted = f"int64 of shape {tuple(uniforms.shape[:2])} in a tensor"
        raise invalid("first", wanted, getattr(first, "shape", first), "pass the first token of each sequence")
    T, longest = uniforms.shape[2] + 1, model.architecture.context
    if longest < T:
        raise invalid("uniforms", f"for at most the {longest - 1} further tokens of the context", T - 1, "pass fewer")
    tokens = torch.empty(*first.shape, T, dtype=torch.int64, device=first.device)  # [K, B, T]
    tokens[..., 0] = first
    cache = model.key_values(max(1, first.shape[1]))
    for t in range(1, T):
        logits = model.next_logits(tokens[..., t - 1], cache)  # [K, B, V]
        tokens[..., t] = chosen_tokens(logits, uniforms[..., t - 1])
    return tokens


def _block_size(model: Transformer) -> int:
    """A power of two, of the architecture alone: the same sequences are computed together on every machine."""
    shape = model.architecture
    cached = 2 * shape.depth * shape.context * shape.key_value_count * shape.head_dimension
    fitting = _NUMBERS_AT_ONCE // (cached + 4 * shape.vocabulary)
    return min(_BLOCK, 2 ** max(fitting, 1).bit_length() // 2)


# ---------------------------------------------------------------------- a source


class Teacher:
    """A `data.sources.Tokens`: the sequences of `context` tokens that a trained model writes, and their laws.

    model: a Transformer of one member; its weights are copied. context: T, by default the model's. first: the law of
    the first token, Float[token], as a source's `first_law` has it; it is used, and told apart, to 2^-32. sequences:
    how many the entropy rate is estimated on; they have a seed of their own, and are never trained or scored on.

    Streams and test sets are of this context alone, since the entropy rate is.

    Raises InvalidArgument for a model of several members or with weights that are not finite, for a context longer than
    the model's, and where `first` is no law of the model's vocabulary.

    >>> from scaling_lib.models.accounting import Architecture
    >>> from scaling_lib.models.parametrization import Parametrization
    >>> model = Transformer(Architecture(5, 16, context=8), Parametrization(), generators=[torch.Generator()])
    >>> teacher = Teacher(model, first=np.full(5, 0.2))
    >>> teacher.test(3, 8, seed=0).shape, teacher.next_laws(np.array([[0, 1]])).probability.shape
    ((3, 8), (10,))
    """

    supply = None

    def __init__(
        self,
        model: Transformer,
        context: int | None = None,
        *,
        first: Float[np.ndarray, "token"],
        sequences: int = 2048,
    ) -> None:
        check_instance("model", model, Transformer, remedy="take a trained Transformer, such as KeptModels.model gives")
        if model.members != 1:
            raise invalid("model", "of one member", model.members, "take one with KeptModels.model")
        if not bool(torch.isfinite(model.flat.values).all()):
            raise invalid("model", "one of finite weights", "weights that are not", "it diverged, take another run")
        longest, V = model.architecture.context, model.architecture.vocabulary
        self.context = longest if context is None else check_integer("context", context, minimum=2, maximum=longest)
        first = check_array("first", first, dimensions=1, minimum=0)
        if len(first) != V:
            raise invalid("first", f"a law of the {V} tokens of the model", first, "take that of the model's source")
        if not math.isclose(first.sum(), 1, abs_tol=1e-6):
            raise invalid("first", "probabilities that sum to one", float(first.sum()), "divide by the sum")
        self.sequences = check_integer("sequences", sequences, minimum=2)
        self.first_law = np.round(first * 2.0**32) / 2.0**32
        self._models = {torch.device("cpu"): model.copied("cpu")}
        self._size = _block_size(model)
        self._blocks: OrderedDict[tuple[str, int, int, str], np.ndarray] = OrderedDict()
        self._laws: OrderedDict[bytes, np.ndarray] = OrderedDict()

    @property
    def vocabulary(self) -> int:
        """That of the model."""
        return self._model().architecture.vocabulary

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the architecture, the multipliers, the weights, the context and the law of the first token."""
        model = self._model()
        about = plain_fields(model.architecture)  # a field that comes later is left out at its default
        about |= {"multipliers": astuple(model.multipliers), "sampled_context": self.context}
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
        digest.update((self.first_law * 2.0**32).astype("<u8").tobytes())
        for name, tensor in sorted(model.flat.tensors.items()):
            digest.update(f" {name} {tuple(tensor.shape)} ".encode())
            digest.update(tensor.detach().numpy().astype("<f4").tobytes())
        return digest.hexdigest()

    @property
    def entropy_rate(self) -> float:
        """Nats per token, an estimate over `sequences` samples; its standard error is `entropy_rate_se`."""
        return self._entropy[0]

    @property
    def entropy_rate_se(self) -> float:
        """The standard error of `entropy_rate` over the sequences, nats."""
        return self._entropy[1]

    @cached_property
    def _entropy(self) -> tuple[float, float]:
        tokens = self._sampled("entropy", 0, 0, self.sequences, progress=True)[:, :-1]
        parts = np.array_split(tokens, math.ceil(tokens.size * self.vocabulary / _LOGITS_AT_ONCE))
        entropies = [  # of each sequence, the mean over its predictions
            torch.special.entr(self._probabilities(part)).sum(-1).mean(-1)
            for part in tqdm(parts, desc="entropy of the teacher", delay=2, leave=False)
        ]
        each = torch.cat(entropies)
        return float(each.mean()), float(each.std()) / math.sqrt(len(each))

    @checked
    def stream(
        self, context: Count, batch: Count, seeds: Annotated[Sequence[int], BY_HAND], device: _Device = None
    ) -> "TeacherStream":
        """Batches of fresh sequences. Raises InvalidArgument where the context is not the teacher's."""
        return TeacherStream(self, context, batch, seeds, device)

    @checked
    def test(self, count: Count, context: Count, seed: _ZeroOrMore) -> Int[np.ndarray, "sequence time"]:
        """Sequences that no stream holds. Raises InvalidArgument where the context is not the teacher's."""
        self._check_context(context)
        return self._sampled("test", seed, 0, count, progress=True)

    @checked
    def next_laws(self, sequences: Annotated[Int[np.ndarray, "sequence time"], Entries(minimum=0)]) -> NextLaws:
        """softmax of the model's logits in float64 after every beginning of every sequence; an entry for each token.

        Raises InvalidArgument where a token is not of the vocabulary, or where sequences are longer than the context.
        """
        V, T = self.vocabulary, sequences.shape[1]
        if sequences.max(initial=0) >= V:
            raise invalid("sequences", f"of tokens below {V}", sequences, "take them from the teacher's test")
        if self.context < T or not sequences.size:
            raise invalid("sequences", f"of 1 to {self.context} tokens", sequences, "take them from the teacher's test")
        tokens = np.ascontiguousarray(sequences, np.int64)
        key = hashlib.sha256(f"{tokens.shape}".encode() + tokens.tobytes()).digest()
        laws = self._laws.get(key)
        if laws is None:
            at_once = max(1, _LOGITS_AT_ONCE // (T * V))
            parts = (tokens[i : i + at_once] for i in range(0, len(tokens), at_once))
            laws = np.concatenate([self._probabilities(part).flatten().numpy() for part in parts])
            _keep(self._laws, key, laws, _PROBABILITIES_KEPT)
        context, token = np.repeat(np.arange(tokens.size), V), np.tile(np.arange(V), tokens.size)
        positive = laws > 0  # far below every other, a probability may be too small for float64
        if positive.all():
            return NextLaws(context, token, laws)
        return NextLaws(context[positive], token[positive], laws[positive])

    @torch.no_grad()
    def _probabilities(self, tokens: Int[np.ndarray, "B T"]) -> Float[Tensor, "B T V"]:
        logits = self._model().logits(torch.as_tensor(tokens)[None])[0]  # [1, B, T, V] -> [B, T, V]
        return torch.softmax(logits.double(), -1)

    def _model(self, device: torch.device | None = None) -> Transformer:
        device = device or torch.device("cpu")
        if device not in self._models:
            self._models[device] = self._models[torch.device("cpu")].copied(device)
        return self._models[device]

    def _check_context(self, context: int) -> None:
        if context != self.context:
            remedy = f"make the teacher with context={context}, of at most {self._model().architecture.context}"
            raise invalid("context", f"the {self.context} of the teacher's sequences", context, remedy)

    def _sampled(
        self,
        purpose: str,
        seed: int,
        first: int,
        count: int,
        device: torch.device | None = None,
        progress: bool = False,
    ) -> Int[np.ndarray, "sequence time"]:
        """Sequences first .. first + count - 1 of a seed and a purpose, int64."""
        device = device or torch.device("cpu")
        begin, end = first // self._size, -(-(first + count) // self._size)
        numbers = tqdm(range(begin, end), desc="sampling", delay=2, leave=False, disable=not progress)
        blocks = [self._block(purpose, seed, number, device) for number in numbers]
        place = first - begin * self._size
        return np.concatenate(blocks)[place : place + count].astype(np.int64)

    def _block(
        self, purpose: str, seed: int, number: int, device: torch.device
    ) -> UInt[np.ndarray, "sequence time"]:  # of as few bytes as the vocabulary takes
        key = (purpose, seed, number, str(device))
        if key in self._blocks:
            self._blocks.move_to_end(key)
            return self._blocks[key]
        # Each source and each purpose has words of its own, also where the seeds are equal.
        text = f"{self.fingerprint} {purpose} {seed}"
        own_seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
        words = walk_words(own_seed, number * self._size, self._size, self.context)  # [B, T]
        uniforms = (words >> np.uint64(11)) * 2.0**-53
        sums = self.first_law.cumsum()
        start = np.searchsorted(sums, uniforms[:, 0] * sums[-1], side="right")  # [B]
        tokens = sample_sequences(
            self._model(device),
            torch.as_tensor(start, device=device)[None],
            torch.as_tensor(uniforms[None, :, 1:], device=device),
        )
        block = tokens[0].cpu().numpy().astype(np.min_scalar_type(self.vocabulary - 1))
        _keep(self._blocks, key, block, _TOKENS_KEPT)
        return block


def _keep(kept: OrderedDict[Any, np.ndarray], key: Any, values: np.ndarray, at_most: int) -> None:
    """Put values last, and drop the first ones until no more than `at_most` numbers are kept."""
    kept[key] = values
    while len(kept) > 1 and sum(array.size for array in kept.values()) > at_most:
        kept.popitem(last=False)


class TeacherStream:
    """Batches of a teacher, by the number of their step (`data.sources.Stream`).

    teacher: whose context, `context`, it is. batch: sequences of a step. seeds: one batch for each, as from it alone.
    device: where the teacher samples and the batches lie, as tensors; None for arrays.
    """

    @checked
    def __init__(
        self,
        teacher: Annotated[Teacher, Remedy("build one with Teacher(model, first=law)")],
        context: Count,
        batch: Count,
        seeds: Annotated[Sequence[int], BY_HAND],
        device: _Device = None,
    ) -> None:
        teacher._check_context(context)
        self.teacher, self.batch_size = teacher, batch
        self.seeds = check_sequence("seeds", seeds, int, remedy="pass a list of integers", minimum=0)
        self.device = None if device is None else check_device(device)

    @checked
    def batch(self, step: _ZeroOrMore) -> "Int[np.ndarray, 'seed sequence time'] | Int[Tensor, 'seed sequence time']":
        """Sequences step * batch .. (step + 1) * batch - 1 of each seed, int64; the caller's own copy."""
        first = step * self.batch_size
        parts = [self.teacher._sampled("stream", seed, first, self.batch_size, self.device) for seed in self.seeds]
        tokens = np.stack(parts)
        return tokens if self.device is None else torch.as_tensor(tokens, device=self.device)
