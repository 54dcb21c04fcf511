r"""How a width is turned into initial scales, learning rates and multipliers: SP and two forms of muP, one table.

Write n for the width, L for the depth, d for the head dimension, m = n / n_base, lambda for the one learning rate that
is tuned. With Adam, one step moves every weight by about (learning-rate factor) x lambda whatever its gradient, so a
matrix that sums over n inputs must move by 1/n as much for its output to move as much at every width. That is the part
of muP that SP misses most: without it the best lambda falls as 1/n. Two more belong to it. The logits sum over n
features that move together, so the readout is scaled down by 1/n in all (its start and its rate with it, or a
multiplier); and so do the products q.k of attention over d entries, which is why they are divided by d, not by d^1/2.
The token embedding sums over nothing, and its rate does not fall with n.

    tensor                     SP                      muP, absolute               muP, relative to n_base
    embedding, positions       std s,  rate 1          std n^-1/2, rate n^-1/2     std s,  rate 1
      their output               x 1                     x n^1/2                     x 1
    matrix                     std s,  rate 1          std n^-1/2, rate 1/n        std s m^-1/2,  rate 1/m
    residual                   std s (2L)^-1/2         std (2Ln)^-1/2, rate 1/n    std s (2Lm)^-1/2,  rate 1/m
    gain                       one,  rate 1            one,  rate 1                one,  rate 1
    bias                       zero,  rate 1           zero,  rate 1               zero,  rate 1
    router                     std s,  rate 1          std 1/n,  rate 1/n          std s/m,  rate 1/m
    readout                    std s,  rate 1          std n^-1/2, rate n^-1/2     std s (or zero),  rate 1
      its logits                 x 1                     x n^-1/2                    x 1/m
    attention logits q.k         x d^-1/2                x 1/d                       x d_base^1/2 / d

with s = `initial_std` (0.02). The rows are roles of tensors (`models.blocks.ROLES`; each block says those of its own):
matrix is query, key, value, MLP up and SwiGLU's gate, residual is attention out and MLP down, and learned positions are
a second embedding. What counts is what a matrix sums over, and in all of them that grows as n: heads that share keys
and values, another number of hidden numbers per n, or copies of a matrix in E experts change no power of n. The router
of experts is a second readout, since it sums over n and has as many outputs at every width; its factor is in its start.

The absolute form is the one the paper cites (dayal-kalra/nanoGPT-mup; its MLP down uses n, not the true fan-in 4n); it
has no base width, and its effective readout (std 1/n, rate 1/n) allows tying. The relative form is Table 8 of Tensor
Programs V (arXiv 2203.03466); at n = n_base it *is* SP. With an untied readout the two describe the same dynamics up to
constants, lambda_absolute ~ n_base x lambda_relative.

Weight decay acts on every tensor but gains and biases. A step multiplies a weight by 1 - lambda_t x rate x decay;
coupled decay (torch's AdamW, the paper) keeps that product, so the decay of the matrices shrinks as their rate;
independent decay divides it by the rate, so that a step decays every weight by lambda_t x weight_decay at every width.
In the relative form the gradients of matrices fall as 1/m, so Adam's epsilon does too.

Depth. The table keeps the state from growing at the start, one of 2 L sums adding (2 L)^-1/2 of it, but after it all
2 L of them move together. CompleteP (Dey et al., arXiv 2505.01618, their alpha = 1) multiplies every residual branch by
1 / m_L, m_L = L / base_depth, and changes neither starts nor rates, but for Adam's epsilon of what a branch holds,
which falls as its gradients, by m_L. A constant before a matrix is the same, under Adam, as a start and a rate smaller
by it, so that here too all of it is in the table: with L_0 = base_depth,

    residual     start with (2 L_0)^-1/2 in place of (2 L)^-1/2, then start and rate times 1/m_L; decay of a step kept
    in a branch  (what the table calls matrix, gain, bias and router, in a layer)  epsilon times 1/m_L

At L = L_0 it is the table above; their code has no (2 L_0)^-1/2, a constant. (Biases that a block from outside adds
to its output are not scaled.)

Of all this, how much is the embedding's rate? Under muP it is n times that of the matrices, under SP the same. An arm
between the two multiplies the rate of embedding and learned positions by n^p: SP with p = 1 has muP's ratio, muP with
p = -1 has SP's, and everything else stays (`embedding_rate_power`). The readout must be a tensor of its own.
"""

import math
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Annotated

from scaling_lib.arguments import BY_HAND, LATER, Choice, Count, NonNegative, Positive, Real, Remedy, checked
from scaling_lib.errors import InvalidArgument, check_integer, invalid
from scaling_lib.models.accounting import AnyArchitecture, default_heads, shapes
from scaling_lib.models.blocks import ROLES, TensorShape

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Multipliers",
    "Parametrization",
    "TensorRule",
    "multipliers",
    "table",
    "tensor_rules",
    "width_powers",
]

KINDS = ("sp", "mup", "mup-base")
DECAY_MODES = ("coupled", "independent")


@checked
@dataclass(frozen=True)
class Parametrization:
    """A choice of scaling rule.

    kind: "sp" (nanoGPT), "mup" (absolute powers of the width, the form the paper cites), "mup-base" (relative to
    base_width, Tensor Programs V Table 8). base_width: for "mup-base" only. weight_decay_mode: "coupled" (decay per
    step shrinks with the tensor's learning rate, as torch's AdamW does) or "independent" (it does not).
    zero_readout: start the readout at zero; untied models only. initial_std: the constant sigma of SP and base-width.
    embedding_rate_power: the learning rate of the embedding, and of learned positions, is multiplied by the width to
    this power; untied models only. base_depth: the depth at which CompleteP, which lets the best learning rate stay
    over depths, is the table without it; None for no rule of depth but that of the start.
    """

    kind: Annotated[str, Choice(KINDS)] = "mup"
    base_width: Annotated[int | None, BY_HAND] = None
    weight_decay_mode: Annotated[str, Choice(DECAY_MODES)] = "coupled"
    zero_readout: bool = False
    initial_std: Positive = 0.02
    embedding_rate_power: Annotated[float, Real(minimum=-2, maximum=2)] = field(default=0.0, metadata=LATER)
    base_depth: Count | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        if self.kind == "mup-base":
            check_integer("base_width", self.base_width, minimum=2)
        elif self.base_width is not None:
            raise InvalidArgument(
                f"base_width belongs to kind 'mup-base', got {self.base_width!r} with kind {self.kind!r}: leave it out."
            )


@checked
@dataclass(frozen=True)
class TensorRule:
    """How one tensor of one model starts and learns.

    initial_std: standard deviation of its normal initial values (0: all zero, or all one for a norm's gain).
    learning_rate_factor, weight_decay_factor, epsilon_factor: what lambda, the weight decay and Adam's epsilon are
    multiplied by for this tensor; one step multiplies its weights by
    1 - lambda_t x learning_rate_factor x weight_decay x weight_decay_factor. role: one of `models.blocks.ROLES`.
    """

    name: str
    shape: Annotated[tuple[int, ...], Remedy("pass a tuple of sizes", least=0)]
    initial_std: NonNegative
    learning_rate_factor: NonNegative
    weight_decay_factor: NonNegative
    epsilon_factor: NonNegative
    role: Annotated[str, Choice(ROLES)] = "matrix"

    def __post_init__(self) -> None:
        for size in self.shape:
            check_integer("shape", size, minimum=1)

    @property
    def is_gain(self) -> bool:
        """Whether this is a norm's gain, which starts at one and is never decayed."""
        return self.role == "gain"


@checked
@dataclass(frozen=True)
class Multipliers:
    """What the forward pass multiplies by: the embedding's output, q.k, and the readout's logits."""

    embedding: Positive
    attention: Positive
    readout: Positive


AnyParametrization = Annotated[Parametrization, Remedy("build one with Parametrization(...)")]


@checked
def multipliers(architecture: AnyArchitecture, parametrization: AnyParametrization) -> Multipliers:
    """The three forward multipliers of a model.

    d_base of the relative form is the head dimension of the model of width n_base in the same family: its heads follow
    the paper's rule max(4, n / 64) if this architecture's do, and are as many as this architecture's if not.
    """
    n, d = architecture.width, architecture.head_dimension
    if parametrization.kind == "sp":
        return Multipliers(embedding=1.0, attention=d**-0.5, readout=1.0)
    if parametrization.kind == "mup":
        return Multipliers(embedding=n**0.5, attention=1 / d, readout=n**-0.5)
    base = parametrization.base_width
    assert base is not None
    follows_rule = architecture.heads == default_heads(n)
    base_heads = default_heads(base) if follows_rule else architecture.heads
    return Multipliers(embedding=1.0, attention=(base / base_heads) ** 0.5 / d, readout=base / n)


@checked
def tensor_rules(architecture: AnyArchitecture, parametrization: AnyParametrization) -> tuple[TensorRule, ...]:
    """One rule for every trained tensor: those of `models.accounting.shapes`, in their order.

    Raises InvalidArgument for a zero readout or an embedding_rate_power of a tied model, and for a block that cannot be
    imported.
    """
    n, L = architecture.width, architecture.depth
    sigma, kind = parametrization.initial_std, parametrization.kind
    if parametrization.zero_readout and architecture.tied:
        raise InvalidArgument(
            "zero_readout must be False where the readout is the embedding (tied=True), got True: untie the model."
        )
    power = parametrization.embedding_rate_power
    if power and architecture.tied:
        raise invalid(
            "embedding_rate_power", "0 where the readout is the embedding (tied=True)", power, "untie the model"
        )
    if kind == "sp":
        table_std, matrix_std, table_rate, matrix_rate, epsilon = sigma, sigma, 1.0, 1.0, 1.0
        router_std = sigma
    elif kind == "mup":
        table_std, matrix_std, table_rate, matrix_rate, epsilon = n**-0.5, n**-0.5, n**-0.5, 1 / n, 1.0
        router_std = 1 / n
    else:
        assert parametrization.base_width is not None
        m = n / parametrization.base_width
        table_std, matrix_std, table_rate, matrix_rate, epsilon = sigma, sigma * m**-0.5, 1.0, 1 / m, 1 / m
        router_std = sigma / m
    base_depth = parametrization.base_depth or L
    deeper = L / base_depth
    of_table, of_matrix = (table_std, table_rate, 1.0), (matrix_std, matrix_rate, epsilon)
    of_embedding = (table_std, table_rate * n**power, 1.0)
    scales = {  # by role: initial standard deviation, learning-rate factor, epsilon factor
        "embedding": of_embedding,
        "positions": of_embedding,
        "readout": (0.0, table_rate, 1.0) if parametrization.zero_readout else of_table,
        "gain": (0.0, 1.0, 1.0),
        "bias": (0.0, 1.0, 1.0),
        "matrix": of_matrix,
        "residual": (matrix_std / math.sqrt(2 * base_depth) / deeper, matrix_rate / deeper, epsilon),
        "router": (router_std, matrix_rate, 1.0),
    }

    def rule(name: str, tensor: TensorShape) -> TensorRule:
        std, rate, own_epsilon = scales[tensor.role]
        decay = 1.0 if parametrization.weight_decay_mode == "coupled" else 1 / rate
        if parametrization.weight_decay_mode == "coupled" and tensor.role == "residual":
            decay = deeper  # a step still decays it as it decays the other matrices
        if name.startswith("layers.") and tensor.role != "residual":
            own_epsilon /= deeper
        if tensor.role in ("gain", "bias"):
            decay = 0.0
        return TensorRule(name, tensor.shape, std, rate, decay, own_epsilon, tensor.role)

    return tuple(rule(name, tensor) for name, tensor in shapes(architecture).items())


def table(architecture: AnyArchitecture, parametrization: AnyParametrization) -> "pd.DataFrame":
    """The rules of one model as a table with one row for each kind of tensor and one for the attention logits.

    Columns: tensor, count (how many such tensors), shape, initial_std, learning_rate_factor, weight_decay_factor,
    epsilon_factor, and multiplier (of the tensor's output in the forward pass; 1 where there is none). A tied readout
    has a row of its own, with count 0.
    """
    import pandas as pd

    factors = multipliers(architecture, parametrization)
    by_kind: dict[str, dict[str, object]] = {}
    for rule in tensor_rules(architecture, parametrization):
        kind = rule.name.rpartition(".")[2]
        row = by_kind.setdefault(kind, {"tensor": kind, "count": 0, **asdict(rule), "multiplier": 1.0})
        row["count"] = int(row["count"]) + 1  # type: ignore[call-overload]
    if architecture.tied:
        by_kind["readout"] = by_kind["embedding"] | {"tensor": "readout", "count": 0}
    for kind in ("embedding", "positions"):
        if kind in by_kind:
            by_kind[kind]["multiplier"] = factors.embedding
    by_kind["readout"]["multiplier"] = factors.readout
    by_kind["attention"] = {"tensor": "attention_logits", "count": 0, "shape": (), "multiplier": factors.attention}
    return pd.DataFrame(list(by_kind.values())).drop(columns=["name", "role"])


@checked
def width_powers(architecture: AnyArchitecture, parametrization: AnyParametrization) -> "pd.DataFrame":
    """The power of the width n with which each entry of the table goes on, read off the rules at n and at 4 n.

    Returns one row for each row of `table`: tensor, initial_std, learning_rate_factor, multiplier; 0 for what does not
    depend on the width, NaN for what is not defined or zero. Rounded to six decimals, so that a constant has power 0.
    The heads are those of `architecture` at both widths.
    """
    import numpy as np

    narrow = table(architecture, parametrization).set_index("tensor")
    wide = table(replace(architecture, width=4 * architecture.width), parametrization).set_index("tensor")
    powers = narrow[[]].copy()
    for column in ("initial_std", "learning_rate_factor", "multiplier"):
        ratio = wide[column] / narrow[column].where(narrow[column] > 0)
        powers[column] = (np.log(ratio) / math.log(4)).round(6) + 0.0  # -0.0 + 0.0 is 0.0
    return powers.reset_index()
