"""How large a model is and what training it costs: parameters with and without embeddings, FLOPs, bytes.

One table is the truth, `shapes`: every trained tensor with its shape and its role. N, the FLOPs and the bytes are sums
over it, the rules of `models.parametrization` are read off it, and the model is built from it. For width n, depth L,
vocabulary V, context T and the default blocks (pre-norm decoder, 4n MLP, no biases, rotary positions) the sums are

    N_non-embedding = L (12 n^2 + 2 n) + n          matrices, norm gains, final norm gain
    N               = N_non-embedding + V n         tied;  + 2 V n untied

A matrix product of an activation with a p x q matrix costs 2 p q FLOPs a token forward, and twice that backward. Exact,
for a sequence of S positions:

    forward   2 S (12 L n^2 + V n) + 4 L n S^2          the second term is attention: q k^T and its product with v
    training  3 x forward

Of a mixture of E experts (`models.experts`) a position meets k: N counts all of them, active N those k (and the whole
router), and a matrix product those k. C = 6 N D takes the active N, as is done for sparse models.

The attention of all S^2 pairs is counted, as it is by counters of FLOPs and in the literature, although the causal mask
leaves half of them; keys and values that heads share are multiplied once for each head. C = 6 N D is the field's
convention (Kaplan et al. 2020, section 2.1): it leaves attention out, and depends on whether N counts the embeddings
(of tokens, and of positions where these are learned). A run reads sequences of T tokens and predicts T - 1 of them, so
it computes at S = T - 1 positions, and D counts T.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from dataclasses import fields as dataclass_fields
from typing import Annotated, Any

from scaling_lib.arguments import BY_HAND, LATER, Choice, Count, Integer, NonNegative, Positive, Remedy, checked
from scaling_lib.errors import check_integer, invalid
from scaling_lib.models.blocks import ATTENTION, BLOCKS, POSITIONS, Block, TensorShape, block, check_block
from scaling_lib.models.experts import mixture

__all__ = [
    "CONVENTIONS",
    "PRESETS",
    "Architecture",
    "PlacedBlock",
    "default_heads",
    "placed_blocks",
    "preset",
    "shapes",
    "training_bytes",
    "training_flops",
]

# How the compute C of a run is counted.
CONVENTIONS = ("6ND", "6ND non-embedding", "exact")

# Roles of tensors that non-embedding N leaves out, and of those that every position multiplies.
_EMBEDDINGS = ("embedding", "positions", "readout")
_MULTIPLIED = ("matrix", "residual", "router")

# The weight of the load-balancing loss in Switch Transformers (arXiv 2101.03961).
BALANCE = 0.01

_TwoOrMore = Annotated[int, Integer(minimum=2)]


@checked
def default_heads(width: Count) -> int:
    """The paper's number of attention heads, max(4, width / 64) (appendix A)."""
    return max(4, width // 64)


@checked
@dataclass(frozen=True)
class Architecture:
    """The shape of a decoder.

    vocabulary: token ids, one per node of the graph. width: embedding dimension n. depth: layers L.
    heads: attention heads; by default the paper's max(4, width / 64) (appendix A). context: tokens per sequence T.
    tied: input embedding and readout are one matrix.

    norm, mlp: blocks, by a name of `models.blocks.BLOCKS` or the import path of your own ("package.module:name"; its
    path stands for it in a run's identity, so give a changed block another name). key_value_heads: heads of the keys
    and values, None where there are as many as heads (as many as heads is None after construction). positions:
    "rotary", "learned" (added to the embedding) or "none".

    experts: copies of the MLP in each layer, each with weights of its own, of which a position is sent to
    `active_experts` (`models.experts`). balance: weight of the loss that evens out their load, .01 where there are any.
    capacity: the most that an expert takes in a training step, over an even share; None for all that is sent to it.

    Raises InvalidArgument where the heads do not divide the width, with rotary positions into an even head dimension
    (they rotate pairs), where the heads of keys and values do not divide the heads, for a block that is none, for more
    active experts than there are, for a capacity at which no expert is ever full, and for any of these with one expert.

    >>> modern = Architecture(1000, 128, norm="rmsnorm", mlp="swiglu", key_value_heads=1)
    >>> modern.parameters, Architecture(1000, 128).parameters
    (474752, 521856)
    >>> sparse = Architecture(1000, 128, experts=4)
    >>> sparse.parameters, sparse.active_parameters
    (1309312, 522880)
    """

    vocabulary: _TwoOrMore
    width: _TwoOrMore
    depth: Count = 2
    heads: Annotated[Any, BY_HAND] = None  # int after construction
    context: _TwoOrMore = 50
    tied: bool = True
    norm: str = field(default="layernorm", metadata=LATER)
    mlp: str = field(default="gelu", metadata=LATER)
    key_value_heads: Count | None = field(default=None, metadata=LATER)
    positions: Annotated[str, Choice(POSITIONS)] = field(default="rotary", metadata=LATER)
    experts: Count = field(default=1, metadata=LATER)
    active_experts: Count = field(default=1, metadata=LATER)
    balance: NonNegative = field(default=BALANCE, metadata=LATER)
    capacity: Positive | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        if self.heads is None:
            object.__setattr__(self, "heads", default_heads(self.width))
        check_integer("heads", self.heads, minimum=1)
        if self.positions == "rotary" and self.width % (2 * self.heads):
            wanted = f"such that the width {self.width} / heads is an even number"
            raise invalid("heads", wanted, self.heads, "rotary positions rotate pairs")
        if self.width % self.heads:
            raise invalid("heads", f"a divisor of the width {self.width}", self.heads, "pass another number")
        if self.key_value_heads is not None and self.heads % self.key_value_heads:
            wanted = f"a divisor of the {self.heads} heads"
            raise invalid("key_value_heads", wanted, self.key_value_heads, "each is shared by as many heads")
        if self.key_value_heads == self.heads:  # two identities for the same numbers would be trained twice
            object.__setattr__(self, "key_value_heads", None)
        for name in BLOCKS:
            check_block(name, getattr(self, name))
        self._check_experts()

    def _check_experts(self) -> None:
        if self.active_experts > self.experts:
            remedy = "pass fewer, or more experts"
            raise invalid("active_experts", f"at most the experts, {self.experts}", self.active_experts, remedy)
        for name, default in (("balance", BALANCE), ("capacity", None)):
            if self.experts == 1 and getattr(self, name) != default:
                remedy = "pass experts=4, say"
                raise invalid(name, "left out where there is one expert", getattr(self, name), remedy)
        even = self.experts / self.active_experts
        if self.capacity is not None and self.capacity >= even:
            wanted = f"below experts / active_experts = {even:g}, from where on no expert is ever full"
            raise invalid("capacity", wanted, self.capacity, "leave it out for no bound")

    @property
    def head_dimension(self) -> int:
        return self.width // self.heads

    @property
    def key_value_count(self) -> int:
        """Heads of the keys and values, a number."""
        return self.heads if self.key_value_heads is None else self.key_value_heads

    @property
    def nonembedding_parameters(self) -> int:
        """Matrices and norm gains, without the embeddings and the readout."""
        return sum(size for role, size in _sizes(self).items() if role not in _EMBEDDINGS)

    @property
    def parameters(self) -> int:
        """Everything that is trained: N of the paper ("embedding" N)."""
        return sum(_sizes(self).values())

    @property
    def active_parameters(self) -> int:
        """Of N, what one position meets: all of it but the experts that it is not sent to."""
        return sum(_sizes(self, active=True).values())

    @property
    def active_nonembedding_parameters(self) -> int:
        """The same without the embeddings and the readout."""
        return sum(size for role, size in _sizes(self, active=True).items() if role not in _EMBEDDINGS)

    @property
    def flops_per_token(self) -> float:
        """Exact FLOPs of training, forward and backward, for each of the D tokens."""
        return 3 * self.forward_flops(self.context - 1) / self.context

    def forward_flops(self, positions: int) -> int:
        """Exact FLOPs of one forward pass over one sequence of `positions` tokens."""
        S = check_integer("positions", positions, minimum=1, maximum=self.context)
        matrices = sum(size for role, size in _sizes(self, active=True).items() if role in _MULTIPLIED)
        return 2 * S * (matrices + self.vocabulary * self.width) + 4 * self.depth * self.width * S**2


AnyArchitecture = Annotated[Architecture, Remedy("build one with Architecture(...)")]


# What two families of models have in common, in the fields of an `Architecture`. GPT-2 (Radford et al. 2019) has biases
# besides. The second is that of LLaMA (arXiv 2302.13971), with the shared keys and values of its second generation.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "gpt-2": {"norm": "layernorm", "mlp": "gelu", "positions": "learned", "tied": True},
    "modern": {"norm": "rmsnorm", "mlp": "swiglu", "positions": "rotary", "tied": False},
}


@checked
def preset(
    name: Annotated[str, Choice(tuple(PRESETS))],
    vocabulary: _TwoOrMore,
    width: _TwoOrMore,
    **fields: Annotated[Any, BY_HAND],
) -> Architecture:
    """An architecture with the blocks of "gpt-2" or of "modern" decoders.

    "gpt-2": LayerNorm, GELU, learned positions, tied. "modern": RMSNorm, SwiGLU, rotary positions, a readout of its
    own, and a quarter as many heads of keys and values as heads (one where four do not divide the heads). fields: of
    `Architecture`, in place of these. Raises InvalidArgument as it does.

    >>> preset("modern", 1000, 512, depth=4).key_value_heads
    2
    """
    given = {field.name for field in dataclass_fields(Architecture)}
    if unknown := sorted(set(fields) - given):
        raise invalid("fields", "fields of an Architecture", unknown[0], f"it has {', '.join(sorted(given))}")
    shape = Architecture(vocabulary, width, **dict(PRESETS[name]) | fields)
    if name == "modern" and "key_value_heads" not in fields:
        quarter, rest = divmod(shape.heads, 4)
        return replace(shape, key_value_heads=1 if rest else quarter)
    return shape


@checked
@dataclass(frozen=True)
class PlacedBlock:
    """A block at its place in a model.

    field: of the architecture that chose it, or "attention". names: of its tensors in the model, by their names in the
    block. shapes: of its tensors, by their names in the model.
    """

    field: str
    block: Annotated[Block, Remedy("take it from scaling_lib.models.blocks")]
    names: Annotated[Mapping[str, str], Remedy("pass a dict")]
    shapes: Annotated[Mapping[str, TensorShape], Remedy("pass a dict")]


@checked
def placed_blocks(architecture: AnyArchitecture) -> dict[str, PlacedBlock]:
    """Every block by its place, in the order in which they act: for each layer "layers.<i>." + "attention_norm",
    "attention", "mlp_norm" and "mlp", then "final_norm".

    A block's tensor "up" lies in the model as "<place>_up" and its tensor "" as "<place>"; those of attention as
    "layers.<i>.query_key_value" and "layers.<i>.attention_out".
    Raises InvalidArgument for a block that cannot be imported, or whose `shapes` gives none.
    """
    blocks = {name: block(name, getattr(architecture, name)) for name in BLOCKS} | {"attention": ATTENTION}
    if architecture.experts > 1:
        _own_shapes("mlp", blocks["mlp"], architecture, taken=("norm", "router"))
        blocks["mlp"] = mixture(blocks["mlp"])
    own = {name: _own_shapes(name, part, architecture) for name, part in blocks.items()}
    places = [
        (f"layers.{i}.{place}", name)
        for i in range(architecture.depth)
        for place, name in (
            ("attention_norm", "norm"),
            ("attention", "attention"),
            ("mlp_norm", "norm"),
            ("mlp", "mlp"),
        )
    ]
    placed = {}
    for place, name in [*places, ("final_norm", "norm")]:
        prefix = place.removesuffix("attention") if name == "attention" else f"{place}_"
        names = {short: f"{prefix}{short}" if short else place for short in own[name]}
        shaped = {names[short]: tensor for short, tensor in own[name].items()}
        placed[place] = PlacedBlock(name, blocks[name], names, shaped)
    return placed


def _own_shapes(
    name: str, part: Block, architecture: Architecture, taken: tuple[str, ...] = ("norm",)
) -> dict[str, TensorShape]:
    own = part.shapes(architecture)
    sound = isinstance(own, Mapping) and all(
        isinstance(short, str) and short.isidentifier() | (not short) and isinstance(tensor, TensorShape)
        for short, tensor in own.items()
    )
    # "norm" within "mlp" would be "mlp_norm", which is there already.
    if not sound or (name == "mlp" and set(taken) & set(own)):
        words = " and ".join(f"{word!r}" for word in taken) + (" is taken" if len(taken) == 1 else " are taken")
        wanted = f"a block whose shapes are a dict from identifiers ({words}) to TensorShape"
        raise invalid(name, wanted, own, "see scaling_lib.models.blocks")
    return dict(own)


@checked
def shapes(architecture: AnyArchitecture) -> dict[str, TensorShape]:
    """The shape and role of every trained tensor, by name, in the order in which a model stores them.

    Names: "embedding", "positions" where they are learned, then for each layer "layers.<i>." + "attention_norm",
    "query_key_value", "attention_out", "mlp_norm" and, for the blocks of this library, "mlp_up" and "mlp_down", then
    "final_norm", and "readout" where it is not tied. Matrices have shape [inputs, outputs], the embedding and the
    readout [V, n]. Raises InvalidArgument as `placed_blocks` does.
    """
    V, n, T = architecture.vocabulary, architecture.width, architecture.context
    table = {"embedding": TensorShape((V, n), "embedding")}
    if architecture.positions == "learned":
        table["positions"] = TensorShape((T, n), "positions")
    for placed in placed_blocks(architecture).values():
        table |= placed.shapes
    if not architecture.tied:
        table["readout"] = TensorShape((V, n), "readout")
    return table


def _sizes(architecture: Architecture, *, active: bool = False) -> dict[str, int]:
    """How many numbers the tensors of each role have together; active: how many of them a position meets."""
    of_ours = architecture.norm in BLOCKS["norm"] and architecture.mlp in BLOCKS["mlp"]
    # A module of one's own may be reloaded.
    return _sizes_once(architecture, active) if of_ours else _added_up(architecture, active)


def _added_up(architecture: Architecture, active: bool) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for tensor in shapes(architecture).values():
        sizes[tensor.role] = sizes.get(tensor.role, 0) + (tensor.active_size if active else tensor.size)
    return sizes


_sizes_once = functools.cache(_added_up)  # asked for again and again while a sweep is planned


@checked
def training_flops(
    architecture: AnyArchitecture, tokens: NonNegative, *, convention: Annotated[str, Choice(CONVENTIONS)] = "6ND"
) -> float:
    """C, the FLOPs of training on `tokens` tokens (D, times the epochs).

    convention: "6ND" (active N with embeddings, the paper's C), "6ND non-embedding", or "exact" (attention included).
    Raises InvalidArgument.

    >>> model = Architecture(vocabulary=1000, width=64)
    >>> training_flops(model, 1e6) == 6 * model.parameters * 1e6
    True
    """
    if convention == "exact":
        return architecture.flops_per_token * tokens
    shape = architecture
    N = shape.active_parameters if convention == "6ND" else shape.active_nonembedding_parameters
    return 6.0 * N * tokens


@checked
def training_bytes(architecture: AnyArchitecture, batch: Count, *, members: Count = 1) -> int:
    """Memory of training K = `members` stacked models at `batch` sequences each: bytes in float32.

    Five numbers for each parameter (value, gradient, two moments, scratch), the gradient of the readout once more, and
    the activations kept for the backward pass: at each position what the blocks say (with the default ones up to 20 n +
    heads + 4 in a layer), and 2 n + 6 outside of them. What is saved for the backward pass stays below that by up to a
    third (of experts that take all by more where their load is even, and it is more where the load is very uneven). A
    step's peak may pass it by a few per cent, and by two thirds where attention is not fused (heads of a dimension that
    is no multiple of 4). Logits come on top: up to 512 MiB on an accelerator.
    """
    shape = architecture
    kept = 2 * shape.width + 6
    for placed in placed_blocks(shape).values():
        own = placed.block.kept(shape)
        if not isinstance(own, int) or own < 0:
            raise invalid(placed.field, "a block whose kept(sizes) is an integer", own, "see scaling_lib.models.blocks")
        kept += own
    numbers = 5 * shape.parameters + shape.vocabulary * shape.width + batch * (shape.context - 1) * kept
    return 4 * members * numbers
