r"""Scoring a model exactly: the data are a Markov chain, so the law P(.|u) of the next token is known.

    excess loss = mean over contexts of KL(P(.|u_t) || q(.|u_0 .. u_t)),        loss = entropy rate + excess loss

on walks common to all models. No sampled token takes the place of P: that would add the variance of ln q(u_{t+1}),
about a thousand times that of the mean conditional KL on the same walks.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from scaling_lib.data.markov import Chain
from scaling_lib.errors import (
    check_array,
    check_instance,
    check_integer,
    check_mapping,
    check_sequence,
    invalid,
)
from scaling_lib.models.transformer import Transformer
from scaling_lib.models.wrapped import WrappedModule
from scaling_lib.runs.training.steps import matrix_products

__all__ = ["LearningCurve", "conditional_kl", "curve_steps"]


@torch.no_grad()
def conditional_kl(
    model: Transformer | WrappedModule, chain: Chain, walks: Int[np.ndarray, "walk time"]
) -> Float[np.ndarray, "K walk time"]:
    """KL(P(.|u_t) || q(.|u_0 .. u_t)), nats, at every position of every walk, for every member.

    Logits are float32; what is subtracted from what is close to it is float64. A model that has diverged gives NaN.
    """
    check_instance("model", model, (Transformer, WrappedModule), remedy="make one with initial_model")
    check_instance("chain", chain, Chain, remedy="build it with erdos_renyi or another ensemble")
    walks = check_array("walks", walks, dimensions=2, kind="integer", minimum=0)
    if walks.max(initial=0) >= chain.nodes or not walks.size:
        raise invalid("walks", f"of nodes below {chain.nodes}", walks, "sample them with sample_walks")
    device, K = model.flat.values.device, model.members
    count, T = walks.shape
    # Logits held at once: what a cache holds on a CPU, what is worth the launches elsewhere.
    at_once = max(1, (2**21 if device.type == "cpu" else 2**25) // (K * T * chain.nodes))
    parts = []
    for start in range(0, count, at_once):
        some = walks[start : start + at_once]
        context, arcs = _arcs_out_of(chain, some.ravel())
        laws = torch.tensor(chain.probabilities[arcs], device=device)
        rows = torch.tensor(context, device=device)
        targets = torch.tensor(chain.indices[arcs], dtype=torch.int64, device=device)
        tokens = torch.tensor(some, device=device).expand(K, *some.shape)
        with matrix_products("float32", device):
            logits = model.logits(tokens).float()
        logits = logits.view(K, some.size, -1)
        if logits.shape[-1] != chain.nodes:
            raise invalid("model", f"of vocabulary {chain.nodes}", logits.shape[-1], "match the chain's nodes")
        logs = torch.log_softmax(logits, -1)[:, rows, targets].double()
        kl = torch.zeros(K, some.size, dtype=torch.float64, device=device)
        kl.index_add_(1, rows, laws * (laws.log() - logs))
        parts.append(kl.view(K, *some.shape))
    return torch.cat(parts, dim=1).cpu().numpy()


def _arcs_out_of(chain: Chain, nodes: Int[np.ndarray, "context"]) -> tuple[np.ndarray, np.ndarray]:
    """For each context in turn, each arc out of its node: the context's number and the arc's."""
    degrees = np.diff(chain.indptr)[nodes]
    context = np.repeat(np.arange(len(nodes)), degrees)
    first = chain.indptr[nodes] - (np.cumsum(degrees) - degrees)
    return context, first[context] + np.arange(len(context))


def curve_steps(steps: int, points: int) -> tuple[int, ...]:
    """The steps at which a run is scored: 0, and up to `points` log-spaced ones that end with the last."""
    steps = check_integer("steps", steps, minimum=1)
    points = check_integer("points", points, minimum=1)
    spaced = np.geomspace(steps, 1, points).round().astype(int)
    return (0, *sorted({int(step) for step in spaced}))


class LearningCurve:
    """The learning curves of K models: at some steps, training loss, mean excess loss and its standard error.

    walks: what is scored, two at least. `training`, `excess`, `error` hold one array of K numbers for each of `steps`.
    """

    def __init__(self, model: Transformer | WrappedModule, chain: Chain, walks: Int[np.ndarray, "walk time"]) -> None:
        check_instance("model", model, (Transformer, WrappedModule), remedy="make one with initial_model")
        self.model = model
        self.chain = check_instance("chain", chain, Chain, remedy="build it with erdos_renyi or another ensemble")
        self.walks = check_array("walks", walks, dimensions=2, kind="integer", minimum=0, least=2)
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
        per_walk = conditional_kl(self.model, self.chain, self.walks).mean(-1)
        self.steps.append(step)
        self.training.append(np.full(len(per_walk), np.nan) if losses is None else losses.detach().cpu().numpy())
        self.excess.append(per_walk.mean(-1))
        self.error.append(per_walk.std(-1, ddof=1) / math.sqrt(per_walk.shape[-1]))
        return bool(np.isfinite(self.excess[-1]).any())

    @property
    def state(self) -> dict[str, Tensor]:
        """The curve so far, rows in the order of `steps`."""
        parts = {"training": self.training, "excess": self.excess, "error": self.error}
        return {f"curve_{name}": torch.tensor(np.stack(rows)) for name, rows in parts.items() if rows}

    def restore(self, steps: Sequence[int], state: Mapping[str, Tensor]) -> None:
        """Go on from the `steps` and the `state` of a curve like this one."""
        steps = check_sequence("steps", steps, int, remedy="pass the steps of a curve", minimum=0)
        check_mapping("state", state, remedy="pass the state of a curve")
        names = [f"curve_{name}" for name in ("training", "excess", "error")]
        if any(name not in state for name in names):
            raise invalid("state", f"with {', '.join(names)}", list(state), "pass that of a curve")
        self.steps = list(steps)
        self.training, self.excess, self.error = (list(state[name].numpy()) for name in names)
