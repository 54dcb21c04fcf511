r"""Scoring a model exactly: the data are a Markov chain, so the law P(.|u) of the next token is known.

    excess loss = mean over contexts of KL(P(.|u_t) || q(.|u_0 .. u_t)),        loss = entropy rate + excess loss

on walks common to all models. No sampled token takes the place of P: that would add the variance of ln q(u_{t+1}),
about a thousand times that of the mean conditional KL on the same walks.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from scaling_lib.arguments import Count, checked
from scaling_lib.data.markov import Chain
from scaling_lib.errors import check_array, check_instance, check_integer, check_mapping, check_sequence, invalid
from scaling_lib.models.trainable import Trainable, check_trainable
from scaling_lib.runs.training.steps import matrix_products

__all__ = ["LearningCurve", "conditional_kl", "curve_steps"]


def conditional_kl(
    model: Trainable, chain: Chain, walks: Int[np.ndarray, "walk time"]
) -> Float[np.ndarray, "K walk time"]:
    """KL(P(.|u_t) || q(.|u_0 .. u_t)), nats, at every position of every walk, for every member.

    walks: of nodes of the chain; the model sees each from its first node on. Logits are float32; what is subtracted
    from what is close to it is float64. A model that has diverged gives NaN.
    Raises InvalidArgument where a walk leaves the chain, or where the model's vocabulary is another.
    """
    check_trainable("model", model)
    check_instance("chain", chain, Chain, remedy="build it with erdos_renyi or another ensemble")
    return _conditional_kl(model, chain, _checked_walks(walks, chain))


def _checked_walks(walks: Any, chain: Chain, least: int = 1) -> Int[np.ndarray, "walk time"]:
    walks = check_array("walks", walks, dimensions=2, kind="integer", minimum=0, least=least)
    if walks.max(initial=0) >= chain.nodes or not walks.size:
        raise invalid("walks", f"of nodes below {chain.nodes}", walks, "sample them with sample_walks")
    return walks


@torch.no_grad()
def _conditional_kl(
    model: Trainable, chain: Chain, walks: Int[np.ndarray, "walk time"]
) -> Float[np.ndarray, "K walk time"]:
    device, K = model.flat.values.device, model.members
    count, T = walks.shape
    # Logits held at once: what a cache holds on a CPU, what is worth the launches elsewhere.
    at_once = max(1, (2**21 if device.type == "cpu" else 2**25) // (K * T * chain.nodes))
    parts = []
    for start in range(0, count, at_once):
        some = walks[start : start + at_once]  # [W, T]: W walks, of W*T contexts, out of which lead A arcs in all
        context, arcs = _arcs_out_of(chain, some.ravel())  # [A], [A]
        laws = torch.tensor(chain.probabilities[arcs], device=device)  # [A]
        positions = torch.tensor(context, device=device)  # [A]
        targets = torch.tensor(chain.indices[arcs], dtype=torch.int64, device=device)  # [A]
        tokens = torch.tensor(some, device=device).expand(K, *some.shape)  # [K, W, T]
        with matrix_products("float32", device):
            logits = model.logits(tokens).float()  # [K, W, T, V]
        logits = logits.view(K, some.size, -1)  # [K, W*T, V]
        if logits.shape[-1] != chain.nodes:
            raise invalid("model", f"of vocabulary {chain.nodes}", logits.shape[-1], "match the chain's nodes")
        logs = torch.log_softmax(logits, -1)[:, positions, targets].double()  # [K, A]
        kl = torch.zeros(K, some.size, dtype=torch.float64, device=device)  # [K, W*T]
        kl.index_add_(1, positions, laws * (laws.log() - logs))  # the sum over the arcs out of each context
        parts.append(kl.view(K, *some.shape))  # [K, W, T]
    return torch.cat(parts, dim=1).cpu().numpy()  # [K, count, T]


def _arcs_out_of(
    chain: Chain, nodes: Int[np.ndarray, "context"]
) -> tuple[Int[np.ndarray, "arc"], Int[np.ndarray, "arc"]]:
    """For each context in turn, each arc out of its node: the context's number and the arc's."""
    degrees = chain.degrees[nodes]  # [context]
    context = np.repeat(np.arange(len(nodes)), degrees)  # [arc]
    first = chain.indptr[nodes] - (np.cumsum(degrees) - degrees)  # [context]
    return context, first[context] + np.arange(len(context))


@checked
def curve_steps(steps: Count, points: Count) -> tuple[int, ...]:
    """The steps at which a run is scored: 0, and up to `points` log-spaced ones that end with the last.

    >>> curve_steps(100, 3)
    (0, 1, 10, 100)
    """
    spaced = np.geomspace(steps, 1, points).round().astype(int)
    return (0, *sorted({int(step) for step in spaced}))


class LearningCurve:
    """The learning curves of K models: at some steps, training loss, mean excess loss and its standard error.

    walks: what is scored, two at least. `training`, `excess`, `error` hold one array of K numbers, in nats, for each of
    `steps`. Raises InvalidArgument where a walk leaves the chain.
    """

    def __init__(self, model: Trainable, chain: Chain, walks: Int[np.ndarray, "walk time"]) -> None:
        self.model = check_trainable("model", model)
        self.chain = check_instance("chain", chain, Chain, remedy="build it with erdos_renyi or another ensemble")
        self.walks = _checked_walks(walks, chain, least=2)
        self.steps: list[int] = []
        self.training: list[np.ndarray] = []
        self.excess: list[np.ndarray] = []
        self.error: list[np.ndarray] = []

    def score(self, step: int, losses: Tensor | None) -> bool:
        """Score all members after `step` updates; False if not one of them is finite any more.

        losses: the training losses [K] of that step, to be written down beside; None before the first.
        """
        step = check_integer("step", step, minimum=0)
        if losses is not None:
            check_instance("losses", losses, Tensor, remedy="pass what model.losses returned")
        per_walk = _conditional_kl(self.model, self.chain, self.walks).mean(-1)  # [K, walk, time] -> [K, walk]
        self.steps.append(step)
        self.training.append(np.full(len(per_walk), np.nan) if losses is None else losses.detach().cpu().numpy())
        self.excess.append(per_walk.mean(-1))  # [K]
        self.error.append(per_walk.std(-1, ddof=1) / math.sqrt(per_walk.shape[-1]))
        return bool(np.isfinite(self.excess[-1]).any())

    @property
    def state(self) -> dict[str, Tensor]:
        """The curve so far: tensors [step, K] in the order of `steps`."""
        parts = {"training": self.training, "excess": self.excess, "error": self.error}
        return {f"curve_{name}": torch.tensor(np.stack(values)) for name, values in parts.items() if values}

    def restore(self, steps: Sequence[int], state: Mapping[str, Tensor]) -> None:
        """Go on from the `steps` and the `state` of a curve like this one."""
        steps = check_sequence("steps", steps, int, remedy="pass the steps of a curve", minimum=0)
        check_mapping("state", state, remedy="pass the state of a curve")
        names = [f"curve_{name}" for name in ("training", "excess", "error")]
        if any(name not in state for name in names):
            raise invalid("state", f"with {', '.join(names)}", list(state), "pass that of a curve")
        self.steps = list(steps)
        self.training, self.excess, self.error = (list(state[name].numpy()) for name in names)
