r"""The probability that a walk written by one chain uses only the edges of another, by transfer matrix.

A model q that looks at its last token alone is a chain: row u is its law q(v | u). Let A_uv be 1 where the graph has
the edge u -> v and 0 elsewhere, and let mu be the law of the first node. A walk that q writes stays on the edges of the
graph for L steps with the probability

    p(L) = mu (q A)^L 1                       q A: the entrywise product, the transfer matrix; 1: a column of ones

which falls as lambda^L for long walks, lambda the largest eigenvalue of the transfer matrix in size. If every node had
the same mass m = sum_v q(v | u) A_uv on its edges, then p(L) = m^L = exp(-L leak), with leak = -ln m nats a step.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from jaxtyping import Float

from scaling_lib.arguments import BY_HAND, Entries, checked
from scaling_lib.data.markov import AnyChain
from scaling_lib.errors import check_sequence, invalid

__all__ = ["node_leaks", "walk_decay", "walk_probabilities"]

_Rows = Annotated[Float[np.ndarray, "V V"], Entries(minimum=0)]


@checked
def walk_probabilities(
    rows: _Rows, chain: AnyChain, lengths: Annotated[Sequence[int], BY_HAND]
) -> Float[np.ndarray, "lengths"]:
    """p(L) of the module's docstring for each L of `lengths`; the first node has the chain's stationary law.

    rows: (V, V), in row u the probability of every next token after u. chain: whose edges count as real. lengths: in
    steps, of which a walk of L + 1 nodes has L. Raises InvalidArgument.

    >>> from scaling_lib.data.chains import ring
    >>> walk_probabilities(np.full((4, 4), 0.25), ring(4), (1, 2))
    array([0.5 , 0.25])
    """
    transfer = _transfer(rows, chain)
    steps = check_sequence("lengths", lengths, int, remedy="pass numbers of steps", minimum=1)
    if min(steps) < 1:
        raise invalid("lengths", "of at least one step", min(steps), "leave it out")
    law, probabilities = np.asarray(chain.start_law("stationary")), []
    for _ in range(max(steps)):
        law = law @ transfer  # the mass that has used real edges alone, by the node it is at
        probabilities.append(law.sum())
    return np.array(probabilities)[np.array(steps) - 1]


@checked
def walk_decay(rows: _Rows, chain: AnyChain) -> float:
    """-ln lambda, nats a step: what ln p(L) falls by with every further step of a long walk.

    Infinite where no long walk is possible. Arguments and errors as in `walk_probabilities`.

    >>> from scaling_lib.data.chains import ring
    >>> f"{walk_decay(np.full((4, 4), 0.25), ring(4)):.4f}"
    '0.6931'
    """
    largest = float(np.abs(np.linalg.eigvals(_transfer(rows, chain))).max())
    return -float(np.log(largest)) if largest > 0 else float("inf")


@checked
def node_leaks(rows: _Rows, chain: AnyChain) -> Float[np.ndarray, "V"]:
    """-ln of the mass on the edges of each node, nats; infinite where there is none.

    Arguments and errors as in `walk_probabilities`.

    >>> from scaling_lib.data.chains import ring
    >>> node_leaks(np.full((4, 4), 0.25), ring(4)).round(4)
    array([0.6931, 0.6931, 0.6931, 0.6931])
    """
    with np.errstate(divide="ignore"):
        return np.maximum(-np.log(_transfer(rows, chain).sum(1)), 0.0)


def _transfer(rows: Float[np.ndarray, "V V"], chain: AnyChain) -> Float[np.ndarray, "V V"]:
    """The rows where the chain has an edge, 0 elsewhere. Raises InvalidArgument where they are no laws of its nodes."""
    if rows.shape != (chain.nodes, chain.nodes):
        raise invalid("rows", f"of shape {(chain.nodes, chain.nodes)}", rows.shape, "pass a law for each node")
    sums = rows.sum(1)
    if np.abs(sums - 1).max() > 1e-6:
        wrong = float(sums[np.abs(sums - 1).argmax()])
        raise invalid("rows", "of probabilities that sum to one", wrong, "divide each row by its sum")
    return np.where(chain.transitions.toarray() > 0, rows, 0.0)
