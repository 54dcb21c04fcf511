r"""A mixture of experts in place of the MLP: E copies of it, of which every position is sent to k.

With p = softmax(W_router x) over the experts, x the normed state of one position, and the k largest entries of p,

    y = sum over the chosen e of  g_e MLP_e(x)       g_e = p_e                           k = 1  (Fedus, Zoph, Shazeer)
                                                     g_e = p_e / (sum of the chosen p)   k > 1  (Lepikhin et al.)

(arXiv 2101.03961 and 2006.16668; with one expert the gate has to be p_e itself, or the router would get no gradient).
Nothing else makes the router use all experts, so a loss is added, `balance` times

    E sum_e f_e P_e          f_e the share of the choices that fell on e, P_e the mean of p_e, both over the batch

which is 1 where the load is even (2101.03961, Eq. 4). It acts through its gradient alone: the losses that a model
reports stay cross-entropies. Each member, and each layer, has its own.

`capacity` c bounds what an expert takes in a training step, at c k M / E of M positions, rounded up; the others go past
the layer, the later in the batch the sooner. Sequences of one batch then depend on each other, but no prediction on a
later token. Where nothing is trained, and without a capacity, every position is served, so that what a model says of
one sequence does not depend on others.

An expert's tensors have a leading axis E, and it costs what the MLP costs: a position meets k of them, and N counts
all. FLOPs count these k; all experts are computed at once, on as many places as the fullest has, some of them empty.

Letters in shapes: K members, M = B T positions, width n, E experts, k of them chosen, C places in each.
"""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from jaxtyping import Float, Int

from scaling_lib.arguments import Remedy, checked
from scaling_lib.models.blocks import Block, Sizes, TensorShape

if TYPE_CHECKING:
    from torch import Tensor
else:  # annotations check shapes at run time without torch
    Tensor = Any

__all__ = ["mixture"]

ROUTER = "router"
# How much more than an even share the fullest expert is reckoned to get, where nothing bounds it: all have its places.
UNEVEN = 1.5


@checked
def mixture(part: Annotated[Block, Remedy("take it from scaling_lib.models.blocks")]) -> Block:
    """The block of `sizes.experts` copies of `part`, an MLP, each with tensors of its own, and of a router.

    >>> from scaling_lib.models.accounting import Architecture
    >>> from scaling_lib.models.blocks import BLOCKS
    >>> own = mixture(BLOCKS["mlp"]["gelu"]).shapes(Architecture(100, 16, experts=4))
    >>> {name: tensor.shape for name, tensor in own.items()}
    {'router': (16, 4), 'up': (4, 16, 64), 'down': (4, 64, 16)}
    """

    def shapes(sizes: Sizes) -> dict[str, TensorShape]:
        router = {ROUTER: TensorShape((sizes.width, sizes.experts), "router")}
        return router | {
            name: TensorShape((sizes.experts, *tensor.shape), tensor.role, active=sizes.active_experts)
            for name, tensor in part.shapes(sizes).items()
        }

    def forward(
        x: Float[Tensor, "K M n"],
        tensors: Mapping[str, Tensor],
        sizes: Sizes,
        *,
        lowered: Callable[[Tensor], None] | None = None,
        watch: Callable[[Tensor], None] | None = None,
    ) -> Float[Tensor, "K M n"]:
        """lowered: given in a training step, in which the capacity holds, and called with the loss [K] that is added
        to the model's, `balance` times that of the load. watch: called with the router's logits [K, M, E]."""
        import torch

        logits = x.bmm(tensors[ROUTER])  # [K, M, E]
        if watch is not None:
            watch(logits)
        # Never in a coarser precision than float32: which expert is the largest may hang on it.
        probabilities = torch.softmax(logits, -1, dtype=torch.promote_types(logits.dtype, torch.float32))
        gates, chosen = probabilities.topk(sizes.active_experts, dim=-1)  # [K, M, k] each
        if sizes.active_experts > 1:
            gates = gates / gates.sum(-1, keepdim=True)
        counts, slots, room = _placed(chosen, sizes, limited=lowered is not None)
        experts = {name: tensor.flatten(0, 1) for name, tensor in tensors.items() if name != ROUTER}  # [K*E, ...]
        gathered = _dispatched(x, slots, sizes.experts * room).view(-1, room, x.shape[-1])  # [K*E, C, n]
        answers = part.forward(gathered, experts, sizes).view(len(x), -1, x.shape[-1])  # [K, E*C, n]
        if lowered is not None and sizes.balance:
            shares = counts.to(gates.dtype) / counts.sum(-1, keepdim=True)  # [K, E]
            lowered(sizes.balance * sizes.experts * (shares * probabilities.mean(1)).sum(-1))
        return _combined(answers, slots, gates)

    def kept(sizes: Sizes) -> int:
        k, E, n = sizes.active_experts, sizes.experts, sizes.width
        places = min(k * (sizes.capacity or UNEVEN), E)  # for each position
        own = part.kept(sizes)
        if not isinstance(own, int):
            return own  # it is told so, as for one expert
        return math.ceil(places * (own + 2 * n)) + 6 * (k + 1) * E + n

    return Block(shapes, forward, kept)


def _placed(
    chosen: Int[Tensor, "K M k"], sizes: Sizes, *, limited: bool
) -> tuple[Int[Tensor, "K E"], Int[Tensor, "K M*k"], int]:
    """How often each expert was chosen; the place of every choice, e C + its number in the queue of expert e, or E C,
    the one place beyond them all, where the expert is full; and C."""
    import torch

    E, k = sizes.experts, sizes.active_experts
    choices = chosen.flatten(1)  # [K, M*k], position after position, its first choice first
    of_expert = (choices[..., None] == torch.arange(E, device=choices.device)).long()  # [K, M*k, E]
    queued = of_expert.cumsum(1).gather(-1, choices[..., None])[..., 0] - 1  # [K, M*k]
    counts = of_expert.sum(1)  # [K, E]
    if limited and sizes.capacity is not None:
        room = math.ceil(sizes.capacity * k * chosen.shape[1] / E)
    else:
        room = int(counts.max())
    return counts, (choices * room + queued).where(queued < room, E * room), room


def _dispatched(x: Float[Tensor, "K M n"], slots: Int[Tensor, "K M*k"], places: int) -> Float[Tensor, "K E*C n"]:
    """What lies at each place: the position that was sent there, or zero."""
    K, M, _ = x.shape
    origins = slots.new_full((K, places + 1), M)  # the number of the position at each place; M is a row of zeros
    numbers = slots.new_ones(slots.shape).cumsum(1).sub(1) // (slots.shape[1] // M)  # [K, M*k]
    origins = origins.scatter(1, slots, numbers)[:, :places]
    return _rows(_with_a_row_of_zeros(x), origins)


def _combined(
    answers: Float[Tensor, "K E*C n"], slots: Int[Tensor, "K M*k"], gates: Float[Tensor, "K M k"]
) -> Float[Tensor, "K M n"]:
    """The sum of the answers that each position got, times its gates."""
    own = _rows(_with_a_row_of_zeros(answers), slots).unflatten(1, gates.shape[1:])  # [K, M, k, n]
    return (own * gates[..., None]).sum(2)


def _with_a_row_of_zeros(x: Float[Tensor, "K rows n"]) -> Float[Tensor, "K rows+1 n"]:
    from torch.nn import functional

    return functional.pad(x, (0, 0, 0, 1))


def _rows(table: Float[Tensor, "K rows n"], numbers: Int[Tensor, "K m"]) -> Float[Tensor, "K m n"]:
    """Rows of every member's table, by number: one look-up in the K tables as one."""
    import torch
    from torch.nn import functional

    K, count, n = table.shape
    firsts = torch.arange(0, K * count, count, device=table.device)[:, None]  # [K, 1]
    return functional.embedding(numbers + firsts, table.reshape(K * count, n))
