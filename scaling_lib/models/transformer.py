r"""The decoder. K models of one shape are ONE model whose tensors have a leading axis K.

One model reads tokens u_0 .. u_{T-1} and gives at every position t the law of u_{t+1}. With width n, heads of dimension
d, and the multipliers (e, a, r) of the parametrization,

    x      = e E[u]                                        E [V, n] the embedding
    x     += O softmax_causal(a q k^T) v,  q, k, v = W norm(x), q and k rotated        once for each head, in each layer
    x     += W_down gelu(W_up norm(x))                                                 in each layer
    logits = r R norm(x)                                   R = E where tied

`norm` is LayerNorm with a gain and no bias. Norm, MLP and attention are blocks (`models.blocks`), and an architecture
may choose others; learned positions P [T, n] make the first line x = e (E[u] + P). Several experts make the MLP a
mixture of them (`models.experts`).

Rotary positions (Su et al., arXiv 2104.09864; base 10,000, the whole head) see pairs of coordinates as complex numbers
and multiply pair j at position t by exp(i t 10000^(-2j/d)): q.k then depends on positions only through their
difference. (Which coordinates make a pair is a convention: consecutive ones here, j and j + d/2 in the HuggingFace
code; the two differ by a fixed permutation of the columns of W.)

The loss never holds the logits of a whole batch: the readout and the cross-entropy are done in chunks of rows small
enough for the cache, and the gradient is made in the same pass.

Everything that is trained lies in one flat buffer (`models.trainable.FlatTensors`), so that the optimizer is a few
operations on long vectors.

Letters in shapes: K members, B sequences of T tokens each, V tokens in the vocabulary, width n, heads of dimension d.
"""

import copy
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor
from torch.nn import functional

from scaling_lib.errors import check_flag, check_instance, check_integer, check_sequence, invalid
from scaling_lib.models.accounting import Architecture, placed_blocks
from scaling_lib.models.parametrization import Parametrization, multipliers, tensor_rules
from scaling_lib.models.trainable import FlatTensors

__all__ = ["KeyValues", "Transformer", "linear_cross_entropy"]

ROTARY_BASE = 10_000.0

Watch = Callable[[str, Tensor], None]


@dataclass
class KeyValues:
    """The keys and values of the positions that some sequences have been read to; `Transformer.key_values` makes one.

    parts: Float[layer, 2, K*B, shared heads, longest, d], keys and values. filled: positions read so far.
    """

    parts: Float[Tensor, "layer two KB shared longest d"]
    filled: int = 0

    def __post_init__(self) -> None:
        check_instance("parts", self.parts, Tensor, remedy="make it with Transformer.key_values")
        check_integer("filled", self.filled, minimum=0)

    def _extended(self, layer: int, k: Float[Tensor, "KB shared one d"], v: Float[Tensor, "KB shared one d"]) -> Tensor:
        """Write down the keys and values of the next position; those of every position so far, [2, K*B, ., ., d]."""
        held = self.parts[layer][..., : self.filled + 1, :]
        held[0, ..., -1:, :], held[1, ..., -1:, :] = k, v
        return held


class Transformer:
    """K pre-norm decoders of one shape, side by side. A `models.trainable.Trainable`.

    generators: one torch.Generator (on the CPU, so that every device starts from the same weights) for each member.
    rules: the parametrization's rule for each tensor of `flat`, in its order.

    >>> shape = Architecture(vocabulary=100, width=16, context=8)
    >>> pair = Transformer(shape, Parametrization(), generators=[torch.Generator() for _ in range(2)])
    >>> tokens = torch.zeros(2, 5, 8, dtype=torch.int64)  # five sequences for each of the two
    >>> pair.logits(tokens).shape, pair.losses(tokens).shape
    (torch.Size([2, 5, 8, 100]), torch.Size([2]))
    """

    float32_only = False

    def __init__(
        self,
        architecture: Architecture,
        parametrization: Parametrization,
        *,
        generators: Sequence[torch.Generator],
        device: torch.device | str = "cpu",
    ) -> None:
        self.rules = tensor_rules(architecture, parametrization)
        self.multipliers = multipliers(architecture, parametrization)
        self.architecture = architecture
        generators = check_sequence(
            "generators", generators, torch.Generator, remedy="pass one torch.Generator() for each member"
        )
        self.members = len(generators)
        self.flat = FlatTensors({rule.name: rule.shape for rule in self.rules}, self.members, device=device)
        with torch.no_grad():
            for rule in self.rules:
                for k, generator in enumerate(generators):
                    if rule.is_gain:
                        self.flat.tensors[rule.name][k] = 1.0
                    elif rule.initial_std:
                        draw = torch.randn(rule.shape, generator=generator)
                        self.flat.tensors[rule.name][k] = draw * rule.initial_std
        self._bind()

    def _bind(self) -> None:
        """Tell every block its tensors."""
        self._blocks = {
            place: (placed.block, {short: self.flat.tensors[name] for short, name in placed.names.items()})
            for place, placed in placed_blocks(self.architecture).items()
        }
        turns = _turns(self.architecture) if self.architecture.positions == "rotary" else None
        self._turns = None if turns is None else turns.to(self.flat.values.device)

    def copied(self, device: torch.device | str = "cpu") -> "Transformer":
        """The same models with weights of their own, on `device`."""
        other = copy.copy(self)
        other.flat = FlatTensors({rule.name: rule.shape for rule in self.rules}, self.members, device=device)
        with torch.no_grad():
            other.flat.values.copy_(self.flat.values)
        other._bind()
        return other

    @property
    def parameters(self) -> int:
        """N of one member, embeddings included."""
        return self.architecture.parameters

    @property
    def active_parameters(self) -> int:
        """Of N, what one position meets: without the experts that it is not sent to."""
        return self.architecture.active_parameters

    @property
    def nonembedding_parameters(self) -> int:
        """N of one member without the embedding and the readout."""
        return self.architecture.nonembedding_parameters

    @property
    def replayable(self) -> bool:
        """Not where experts take all that is sent to them: how much that is the host has to read."""
        return self.architecture.experts == 1 or self.architecture.capacity is not None

    def hidden(self, tokens: Int[Tensor, "K B T"], watch: Watch | None = None) -> Float[Tensor, "K B*T n"]:
        """What the readout multiplies: the normed state after the last layer, times the readout's multiplier.

        watch: called as watch(name, activation) with "embedding" and, for each layer i, "layers.<i>." +
        "attention_logits" ([K*B, heads, T, T], masked entries included), "attention_out", "router_logits" ([K, B*T, E],
        where there are several experts), "mlp_out".
        """
        self._check(tokens)
        if watch is not None and not callable(watch):
            raise invalid("watch", "a function of a name and a tensor", watch, "pass None")
        return self._hidden(tokens, watch)

    def _hidden(
        self,
        tokens: Int[Tensor, "K B T"],
        watch: Watch | None = None,
        cache: KeyValues | None = None,
        lowered: Callable[[Tensor], None] | None = None,
    ) -> Float[Tensor, "K B*T n"]:
        """lowered: given in a training step, and called with every loss [K] that a block adds to the model's."""
        K, B, T = tokens.shape
        first = 0 if cache is None else cache.filled  # the place of the first of these tokens
        V, n = self.architecture.vocabulary, self.architecture.width
        w = self.flat.tensors
        # The K embeddings as one table [K * V, n], in which token u of member k is number k V + u.
        numbers = tokens + torch.arange(0, K * V, V, device=tokens.device)[:, None, None]  # [K, B, T]
        x = functional.embedding(numbers.view(K, B * T), w["embedding"].view(K * V, n))  # [K, B*T, n]
        if "positions" in w:
            x = x + w["positions"][:, first : first + T].repeat(1, B, 1)  # [K, T, n] -> [K, B*T, n]
        x = x * self.multipliers.embedding
        if watch:
            watch("embedding", x)
        turns = None if self._turns is None else self._turns[first:]
        attending: dict[str, Any] = {"length": T, "scale": self.multipliers.attention, "turns": turns}
        for i in range(self.architecture.depth):
            layer = f"layers.{i}."
            watch_logits = functools.partial(watch, layer + "attention_logits") if watch else None
            if cache is not None:
                attending["past"] = functools.partial(cache._extended, i)
            normed = self._block(layer + "attention_norm", x)  # [K, B*T, n], as are all that follow
            out = self._block(layer + "attention", normed, **attending, watch=watch_logits)
            x = x + out
            normed = self._block(layer + "mlp_norm", x)
            routing: dict[str, Any] = {}
            if self.architecture.experts > 1:
                watch_scores = functools.partial(watch, layer + "router_logits") if watch else None
                routing = {"lowered": lowered, "watch": watch_scores}
            down = self._block(layer + "mlp", normed, **routing)
            x = x + down
            if watch:
                watch(layer + "attention_out", out)
                watch(layer + "mlp_out", down)
        return self._block("final_norm", x) * self.multipliers.readout

    def _block(self, place: str, x: Float[Tensor, "K M n"], **more: Any) -> Float[Tensor, "K M n"]:
        block, tensors = self._blocks[place]
        y = block.forward(x, tensors, self.architecture, **more)
        if not isinstance(y, Tensor) or y.shape != x.shape:
            field, got = "norm" if place.endswith("norm") else "mlp", tuple(getattr(y, "shape", ())) or y
            raise invalid(field, f"a block whose forward gives {tuple(x.shape)}, as it gets", got, "correct it")
        return y

    def logits(self, tokens: Int[Tensor, "K B T"]) -> Float[Tensor, "K B T V"]:
        """Unnormalised log probabilities of the next token, at every position."""
        logits = torch.bmm(self.hidden(tokens), self.readout.mT)  # [K, B*T, V]
        return logits.view(*tokens.shape, -1)  # [K, B, T, V]

    def key_values(self, sequences: int) -> KeyValues:
        """Room for the keys and values of `sequences` sequences for each member, none of them read yet.

        Two numbers for each layer, each position of the context, and each coordinate of the heads of keys and values.
        """
        sequences = check_integer("sequences", sequences, minimum=1)
        return KeyValues(self.flat.values.new_zeros(self._held(sequences)))

    def _held(self, sequences: int) -> tuple[int, ...]:
        shape = self.architecture
        return shape.depth, 2, self.members * sequences, shape.key_value_count, shape.context, shape.head_dimension

    @torch.no_grad()
    def next_logits(self, tokens: Int[Tensor, "K B"], cache: KeyValues) -> Float[Tensor, "K B V"]:
        """`logits` after one token more of each sequence; the cache holds those before, and then this one too.

        tokens: that one token. cache: of `key_values`, from the first token of the sequences on. No gradient is kept.
        Raises InvalidArgument where the cache is that of another shape, or holds a whole context already.
        """
        check_instance("cache", cache, KeyValues, remedy="make it with key_values")
        wanted = f"int64 of shape [{self.members}, sequences] in a tensor"
        if not isinstance(tokens, Tensor) or tokens.ndim != 2:
            raise invalid("tokens", wanted, tokens, "pass one token of each sequence")
        self._check(tokens[..., None])
        held = self._held(tokens.shape[1])
        if getattr(cache.parts, "shape", None) != held:
            raise invalid("cache", f"of shape {held}", getattr(cache.parts, "shape", None), "make it with key_values")
        if cache.filled >= self.architecture.context:
            wanted = f"of fewer than the {self.architecture.context} positions of the context"
            raise invalid("cache", wanted, cache.filled, "begin new sequences")
        hidden = self._hidden(tokens[..., None], cache=cache)  # [K, B, n]
        cache.filled += 1
        return torch.bmm(hidden, self.readout.mT)

    def losses(self, tokens: Int[Tensor, "K B T"], *, layers_in_bfloat16: bool = False) -> Float[Tensor, "K"]:
        """Mean next-token cross-entropy of every member, nats, over the T - 1 predictions of each sequence.

        Its gradient is also that of what evens out the load of experts, and their capacity holds (`models.experts`).
        layers_in_bfloat16: round the factors of the layers' matrix products to that; the rest stays float32.
        """
        self._check(tokens, shortest=2)
        check_flag("layers_in_bfloat16", layers_in_bfloat16)
        with torch.autocast(tokens.device.type, torch.bfloat16, layers_in_bfloat16, cache_enabled=False):
            more: list[Tensor] = []
            hidden = self._hidden(tokens[..., :-1], lowered=more.append)  # [K, B*(T-1), n]
        losses = linear_cross_entropy(hidden, self.readout, tokens[..., 1:].flatten(1))  # targets [K, B*(T-1)]
        for added in more:
            losses = losses + (added - added.detach())  # its gradient, and not its value
        return losses

    @property
    def readout(self) -> Float[Tensor, "K V n"]:
        """The matrix that gives the logits; a tied model has its embedding for it."""
        return self.flat.tensors["embedding" if self.architecture.tied else "readout"]

    def _check(self, tokens: Any, shortest: int = 1) -> None:
        shape = self.architecture
        wanted = f"int64 of shape [{self.members}, sequences, {shortest} to {shape.context}] in a tensor"
        if not isinstance(tokens, Tensor) or tokens.dtype != torch.int64:
            raise invalid("tokens", wanted, tokens, "make it with torch.as_tensor(walks)[None]")
        K, T = (tokens.shape[0], tokens.shape[-1]) if tokens.ndim == 3 else (0, 0)
        if self.members != K or not shortest <= T <= shape.context or not tokens.numel():
            raise invalid("tokens", wanted, tuple(tokens.shape), "mind the leading axis of members")
        if tokens.device.type == "cpu":  # elsewhere reading a value would stop the device
            low, high = torch.aminmax(tokens)
            if low < 0 or high >= shape.vocabulary:
                raise invalid(
                    "tokens", f"in 0 .. {shape.vocabulary - 1}", (int(low), int(high)), "check the vocabulary"
                )


def _turns(architecture: Architecture) -> Complex[Tensor, "T one half"]:
    """What rotary positions multiply the pairs of a head by."""
    pairs = architecture.head_dimension // 2
    frequencies = ROTARY_BASE ** (-torch.arange(pairs, dtype=torch.float64) / pairs)  # [d/2]
    angles = torch.arange(architecture.context, dtype=torch.float64)[:, None] * frequencies  # [T, d/2]
    return torch.polar(torch.ones_like(angles), angles)[:, None].to(torch.complex64)  # [T, 1, d/2]


def linear_cross_entropy(
    hidden: Float[Tensor, "K M n"], readout: Float[Tensor, "K V n"], targets: Int[Tensor, "K M"]
) -> Float[Tensor, "K"]:
    """Mean over M of the cross-entropy of softmax(readout hidden) with `targets`, nats.

    The gradient in hidden and readout, softmax - onehot, is made chunk by chunk during the forward pass, in the buffer
    of the logits. A target of probability below the smallest normal number counts as that (87 nats in float32); its
    gradient is exact.
    """
    for name, value, shape in (("hidden", hidden, "K M n"), ("readout", readout, "K V n"), ("targets", targets, "K M")):
        if not isinstance(value, Tensor) or value.ndim != len(shape.split()) or not value.numel():
            raise invalid(name, f"a tensor of shape [{shape}]", value, "pass one")
    if hidden.shape[::2] != readout.shape[::2] or hidden.dtype != readout.dtype or not hidden.is_floating_point():
        raise invalid("readout", f"like hidden, {tuple(hidden.shape)}, in K and n", tuple(readout.shape), "align them")
    if targets.shape != hidden.shape[:2] or targets.dtype != torch.int64:
        raise invalid("targets", f"int64 of shape {tuple(hidden.shape[:2])}", tuple(targets.shape), "pass one a row")
    return _LinearCrossEntropy.apply(hidden, readout, targets)


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Float[Tensor, "K M n"], readout: Float[Tensor, "K V n"], targets: Int[Tensor, "K M"]
    ) -> Float[Tensor, "K"]:
        K, M, n = hidden.shape
        V = readout.shape[1]
        chunk = min(M, _rows_per_chunk(hidden.device.type, K, V, n))  # m below: this many rows, fewer in the last one
        grad_hidden, grad_readout = torch.empty_like(hidden), torch.zeros_like(readout)  # [K, M, n], [K, V, n]
        probabilities = hidden.new_empty(K, M, 1)  # of the targets
        minus_one = hidden.new_full((K, chunk, 1), -1.0)
        buffer = hidden.new_empty(K * chunk * V)
        parts = (tensor.split(chunk, dim=1) for tensor in (hidden, targets[..., None], grad_hidden, probabilities))
        for h, y, grad, right in zip(*parts, strict=True):  # [K, m, n], [K, m, 1], [K, m, n], [K, m, 1]
            p = buffer[: K * h.shape[1] * V].view(K, -1, V)  # [K, m, V]
            torch.bmm(h, readout.mT, out=p)
            torch.softmax(p, -1, out=p)
            right.copy_(p.gather(-1, y))
            p.scatter_add_(-1, y, minus_one[:, : h.shape[1]])  # softmax - onehot
            grad.copy_(torch.bmm(p, readout))  # [K, m, V] [K, V, n] -> [K, m, n]
            grad_readout.baddbmm_(p.mT, h)  # [K, V, m] [K, m, n] -> [K, V, n]
        ctx.save_for_backward(grad_hidden, grad_readout)
        return -probabilities.clamp_min(torch.finfo(hidden.dtype).tiny).log().mean((1, 2))  # [K, M, 1] -> [K]

    @staticmethod
    def backward(ctx: Any, *upstream: Float[Tensor, "K"]) -> tuple[Tensor, Tensor, None]:
        grad_hidden, grad_readout = ctx.saved_tensors
        share = (upstream[0] / grad_hidden.shape[1])[:, None, None]  # of the mean over M: [K, 1, 1]
        return grad_hidden * share, grad_readout * share, None


def _rows_per_chunk(device: str, K: int, V: int, n: int) -> int:
    """How many rows of logits are held at once.

    On a CPU 2 MiB of them, about what a core's cache holds; but 16 MiB where the readout itself is too large for the
    cache, since every chunk fetches its V x n numbers and those of its gradient. Elsewhere 512 MiB: a chunk costs
    launches.
    """
    at_once = 2**27 if device != "cpu" else 2**19 if V * n <= 2**18 else 2**22
    return max(at_once // (K * V), 1)
