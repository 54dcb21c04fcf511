"""The blocks that a decoder is built from: norms, MLPs, attention, each one object with its tensors and its formula.

A `Block` is named in a field of `models.accounting.Architecture`, by its name here or by an import path:

    norm   "layernorm"   g (x - mean x) / sqrt(var x + 1e-5)              Ba, Kiros, Hinton, arXiv 1607.06450
           "rmsnorm"     g x / sqrt(mean x^2 + 1e-5)                      Zhang, Sennrich, arXiv 1910.07467
    mlp    "gelu"        W_down gelu(W_up x), 4 n hidden numbers          Hendrycks, Gimpel, arXiv 1606.08415
           "swiglu"      W_down (silu(G x) * (U x)), h hidden numbers     Shazeer, arXiv 2002.05202

h is the multiple of 8 nearest to 8 n / 3, so that the three matrices of SwiGLU have, up to that rounding, as many
numbers as the two of GELU (G and U lie side by side in one matrix [n, 2 h]). Attention is one block with fields of
its own: how many heads its keys and values have (all: multi-head; one: multi-query, arXiv 1911.02150; a divisor:
grouped-query, arXiv 2305.13245), and how positions enter. Where an architecture has several experts, its MLP is a
mixture of so many copies of the block (`models.experts`).

A block from outside is a module-level `Block` in a module of yours, named as "package.module:name"; nothing is
registered. Its weights carry the axis K of the members, which do not meet:

    def shapes(sizes):
        n = sizes.width
        return {"up": TensorShape((n, 4 * n), "matrix"), "down": TensorShape((4 * n, n), "residual")}

    def forward(x, tensors, sizes):  # x [K, M, n] -> [K, M, n]
        return torch.relu(x.bmm(tensors["up"])).bmm(tensors["down"])

    relu_mlp = Block(shapes, forward, kept=lambda sizes: 9 * sizes.width)

torch is imported where it is used: counting parameters needs none.

Letters in shapes: K members, M = B T positions of B sequences of T tokens, width n, heads of dimension d.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol, runtime_checkable

from jaxtyping import Complex, Float

from scaling_lib.arguments import BY_HAND, Choice, Count, Remedy, checked, imported
from scaling_lib.errors import check_choice, check_integer, invalid

if TYPE_CHECKING:
    from torch import Tensor
else:  # annotations check shapes at run time without torch
    Tensor = Any

__all__ = [
    "ATTENTION",
    "BLOCKS",
    "NORM_EPSILON",
    "POSITIONS",
    "ROLES",
    "Block",
    "Sizes",
    "TensorShape",
    "block",
    "check_block",
]

NORM_EPSILON = 1e-5
POSITIONS = ("rotary", "learned", "none")

# What a tensor is for. It says how it is counted, and its rule in the table of `models.parametrization`.
ROLES = (
    "embedding",  # [V, n], looked up by token: no part of non-embedding N, in no matrix product
    "positions",  # [T, n], looked up by place: like the embedding
    "readout",  # [V, n], sums over the width, with a multiplier of its own: no part of non-embedding N
    "gain",  # starts at one, never decays, in no matrix product
    "bias",  # starts at zero, never decays, in no matrix product
    "matrix",  # [inputs, outputs], sums over a number of inputs that grows as the width
    "residual",  # the same, and its output is added to the state: one of 2 L such sums
    "router",  # [n, E], sums over the width into one score for each of E experts, however wide
)


@runtime_checkable  # for the pass that checks every annotation at run time; nothing here asks isinstance of it
class Sizes(Protocol):
    """What a block may read of an architecture; `models.accounting.Architecture` has it."""

    @property
    def vocabulary(self) -> int:
        """V."""

    @property
    def width(self) -> int:
        """n."""

    @property
    def depth(self) -> int:
        """L."""

    @property
    def heads(self) -> int:
        """Of the queries."""

    @property
    def head_dimension(self) -> int:
        """d."""

    @property
    def key_value_count(self) -> int:
        """Heads of the keys and values."""

    @property
    def context(self) -> int:
        """Tokens per sequence T."""

    @property
    def experts(self) -> int:
        """E, the MLPs of each layer."""

    @property
    def active_experts(self) -> int:
        """k of them that a position is sent to."""

    @property
    def balance(self) -> float:
        """The weight of the loss that evens out the load of the experts."""

    @property
    def capacity(self) -> float | None:
        """The most that an expert takes in a training step, over an even share; None for all that is sent to it."""


@checked
@dataclass(frozen=True)
class TensorShape:
    """The shape of one member's tensor, [inputs, outputs] for a matrix, and its role, one of `ROLES`.

    active: where the first axis is that of experts, how many of them a position meets; None for a tensor that every
    position meets whole. `size` and `active_size` are how many numbers it has, and how many of them a position meets.
    """

    shape: Annotated[tuple[int, ...], Remedy("pass a tuple of sizes", least=0)]
    role: Annotated[str, Choice(ROLES)]
    active: Count | None = None

    def __post_init__(self) -> None:
        for size in self.shape:
            check_integer("shape", size, minimum=1)
        if self.active is not None and (not self.shape or self.active > self.shape[0]):
            raise invalid("active", f"at most the first size of the shape {self.shape}", self.active, "leave it out")

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def active_size(self) -> int:
        return self.size if self.active is None else self.size // self.shape[0] * self.active


@checked
@dataclass(frozen=True)
class Block:
    """One kind of block, as three functions.

    shapes: from `Sizes` to a dict of `TensorShape` by short names ("up"); "" is the block itself ("final_norm").
    forward: from x [K, M, n], a dict of tensors, each with a leading axis K, and `Sizes` to [K, M, n], in whatever
    precision x comes.
    kept: from `Sizes` to how many numbers the forward pass keeps at each position for the backward pass.
    """

    shapes: Annotated[Callable[[Sizes], Mapping[str, TensorShape]], BY_HAND]
    forward: Annotated[Callable[..., Any], BY_HAND]
    kept: Annotated[Callable[[Sizes], int], BY_HAND]

    def __post_init__(self) -> None:
        for name in ("shapes", "forward", "kept"):
            if not callable(getattr(self, name)):
                raise invalid(name, "a function", getattr(self, name), "see scaling_lib.models.blocks")


# ---------------------------------------------------------------------- norms


def _gain(sizes: Sizes) -> dict[str, TensorShape]:
    return {"": TensorShape((sizes.width,), "gain")}


def _layer_norm(x: Float[Tensor, "K M n"], tensors: Mapping[str, Tensor], sizes: Sizes) -> Float[Tensor, "K M n"]:
    from torch.nn import functional

    gain = tensors[""]  # [K, n]
    if len(gain) == 1:  # the same numbers, one pass over memory less
        return functional.layer_norm(x, gain.shape[1:], gain[0], eps=NORM_EPSILON)
    return functional.layer_norm(x, gain.shape[1:], eps=NORM_EPSILON) * gain[:, None]  # gain [K, 1, n]


def _rms_norm(x: Float[Tensor, "K M n"], tensors: Mapping[str, Tensor], sizes: Sizes) -> Float[Tensor, "K M n"]:
    from torch.nn import functional

    gain = tensors[""]  # [K, n]
    if len(gain) == 1:
        return functional.rms_norm(x, gain.shape[1:], gain[0], eps=NORM_EPSILON)
    return functional.rms_norm(x, gain.shape[1:], eps=NORM_EPSILON) * gain[:, None]  # gain [K, 1, n]


# ---------------------------------------------------------------------- MLPs


def _gelu_shapes(sizes: Sizes) -> dict[str, TensorShape]:
    n = sizes.width
    return {"up": TensorShape((n, 4 * n), "matrix"), "down": TensorShape((4 * n, n), "residual")}


def _gelu(x: Float[Tensor, "K M n"], tensors: Mapping[str, Tensor], sizes: Sizes) -> Float[Tensor, "K M n"]:
    from torch.nn import functional

    return functional.gelu(x.bmm(tensors["up"])).bmm(tensors["down"])  # [K, M, 4n] -> [K, M, n]


def _swiglu_hidden(sizes: Sizes) -> int:
    return max(1, round(8 * sizes.width / 3 / 8)) * 8


def _swiglu_shapes(sizes: Sizes) -> dict[str, TensorShape]:
    n, h = sizes.width, _swiglu_hidden(sizes)
    return {"up": TensorShape((n, 2 * h), "matrix"), "down": TensorShape((h, n), "residual")}


def _swiglu(x: Float[Tensor, "K M n"], tensors: Mapping[str, Tensor], sizes: Sizes) -> Float[Tensor, "K M n"]:
    from torch.nn import functional

    gate, up = x.bmm(tensors["up"]).chunk(2, dim=-1)  # twice [K, M, h]
    return (functional.silu(gate) * up).bmm(tensors["down"])  # [K, M, h] -> [K, M, n]


# ---------------------------------------------------------------------- attention


def _attention_shapes(sizes: Sizes) -> dict[str, TensorShape]:
    """Queries, keys and values side by side, head after head."""
    n, d = sizes.width, sizes.head_dimension
    return {
        "query_key_value": TensorShape((n, n + 2 * sizes.key_value_count * d), "matrix"),
        "attention_out": TensorShape((n, n), "residual"),
    }


def _attention(
    x: Float[Tensor, "K M n"],
    tensors: Mapping[str, Tensor],
    sizes: Sizes,
    *,
    length: int,
    scale: float,
    turns: Complex[Tensor, "longest one half"] | None = None,
    watch: Callable[[Tensor], None] | None = None,
    past: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None,
) -> Float[Tensor, "K M n"]:
    """Causal softmax attention over sequences of `length` = T positions, its logits multiplied by `scale`.

    turns: what rotary positions multiply by, for as many places as there may be. watch: called with the logits
    [K*B, heads, T, T], masked entries included. past: where the sequences go on by one position, T = 1: from the keys
    and values there, [K*B, shared, 1, d], to those of every position so far.
    """
    from torch.nn import functional

    heads, shared, d = sizes.heads, sizes.key_value_count, sizes.head_dimension
    qkv = x.bmm(tensors["query_key_value"]).view(-1, length, heads + 2 * shared, d)  # [K*B, T, heads + 2 shared, d]
    qk, v = qkv.split([heads + shared, shared], dim=2)
    if turns is not None:
        qk = _rotate(qk, turns[:length])
    q, k = qk.transpose(1, 2).split([heads, shared], dim=1)  # [K*B, heads, T, d], [K*B, shared, T, d]
    v = v.transpose(1, 2)  # [K*B, shared, T, d]
    if past is not None:
        k, v = past(k, v)  # [K*B, shared, T so far, d]
        groups = q.reshape(-1, shared, heads // shared, d)  # the queries of the heads that share keys and values
        mixed = functional.scaled_dot_product_attention(groups, k, v, scale=scale)  # [K*B, shared, heads / shared, d]
        return mixed.reshape(x.shape).bmm(tensors["attention_out"])
    if shared < heads:  # repeated here: kernels that repeat for themselves are not on every device
        k, v = (part.repeat_interleave(heads // shared, dim=1) for part in (k, v))  # [K*B, heads, T, d]
    if watch is not None:
        watch(q @ k.mT * scale)
    mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
    return mixed.transpose(1, 2).reshape(x.shape).bmm(tensors["attention_out"])  # [K*B, T, heads, d] -> [K, M, n]


def _rotate(x: Float[Tensor, "KB T heads d"], turns: Complex[Tensor, "T one half"]) -> Float[Tensor, "KB T heads d"]:
    import torch

    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))  # [K*B, T, heads, d/2], complex
    return torch.view_as_real(pairs * turns).flatten(-2)  # [..., d/2, 2] -> [..., d]


# ---------------------------------------------------------------------- by name

ATTENTION = Block(_attention_shapes, _attention, lambda sizes: 8 * sizes.width + sizes.heads)

BLOCKS: Mapping[str, Mapping[str, Block]] = {
    "norm": {
        "layernorm": Block(_gain, _layer_norm, lambda sizes: 2 * sizes.width + 2),
        "rmsnorm": Block(_gain, _rms_norm, lambda sizes: 3 * sizes.width + 1),
    },
    "mlp": {
        "gelu": Block(_gelu_shapes, _gelu, lambda sizes: 8 * sizes.width),
        "swiglu": Block(_swiglu_shapes, _swiglu, lambda sizes: 4 * _swiglu_hidden(sizes)),
    },
}


def check_block(field: str, text: str) -> str:
    """`text` if it is a name of `BLOCKS[field]` or looks like an import path.

    What the path names is not asked here: a record of a run must be readable where the block is not installed.
    """
    if text not in BLOCKS[field] and ":" not in text:
        names = ", ".join(map(repr, BLOCKS[field]))
        raise invalid(field, f"one of {names}, or an import path 'package.module:name'", text, "pick one of these")
    return text


@checked
def block(field: str, text: str) -> Block:
    """The block that the field "norm" or "mlp" of an architecture names, by a name of `BLOCKS` or an import path.

    Raises InvalidArgument, naming the field, where there is no such block.

    >>> from scaling_lib.models.accounting import Architecture
    >>> {name: tensor.shape for name, tensor in block("mlp", "swiglu").shapes(Architecture(100, width=48)).items()}
    {'up': (48, 256), 'down': (128, 48)}
    """
    check_choice("field", field, BLOCKS)
    if text in BLOCKS[field]:
        return BLOCKS[field][text]
    outside = imported(field, check_block(field, text))
    if not isinstance(outside, Block):
        raise invalid(field, "the import path of a scaling_lib.models.blocks.Block", text, "make it one")
    return outside
