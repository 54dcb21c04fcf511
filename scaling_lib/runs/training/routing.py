r"""What the router of a mixture of experts has learned of communities: metrics, as those of `runs.training.metrics`.

A node's community is that of `data.chains.community_of` with `COMMUNITIES` of them: of a planted partition the true
one, of any other graph a label that means nothing, which serves as a control. Over all contexts of the test set, let c
be the community of the last node and e the expert of the first choice, the one with the largest score. A metric has the
import path "scaling_lib.runs.training.routing:NAME", and `ROUTING` lists them all, for each layer l of `LAYERS`:

    information_l   I(c; e) = sum over (c, e) of p(c, e) ln (p(c, e) / (p(c) p(e))), nats, less chance_l; ln COMMUNITIES
                    where every community has an expert of its own
    chance_l        the mean of I(c; e) over `PERMUTATIONS` of the labels among the nodes: what as many labels of the
                    same sizes give without meaning anything, since few nodes and few experts agree a little by chance
    nodes_l         I(node; e), nats: how much the choice depends on the node at all; I(c; e) is at most that
    usage_l         H(e), nats, of how often each expert is the first choice: ln E where the load is even, 0 where one
                    expert takes everything; I(node; e) is at most that
    share_l_c_e     p(e | c), for each community and each of the first `EXPERTS` experts

They apply to transformers of several experts on walks of a graph of at most 2,048 nodes that `COMMUNITIES` divides, and
are None else, as are those of a layer or an expert that the model does not have.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Float, Int

from scaling_lib.data.chains import community_of
from scaling_lib.data.sources import Walks
from scaling_lib.data.walks import random_words
from scaling_lib.errors import check_instance
from scaling_lib.models.transformer import Transformer
from scaling_lib.runs.training.metrics import LARGEST, Scores

__all__ = ["COMMUNITIES", "EXPERTS", "LAYERS", "PERMUTATIONS", "ROUTING"]

COMMUNITIES, EXPERTS, LAYERS = 4, 4, (0, 1)
PERMUTATIONS = 200
_SEED = 19
# Sequences that are read at once.
_AT_ONCE = 50


@dataclass(frozen=True)
class _Chosen:
    """How often each expert is the first choice after contexts that end at each node, by member and layer, and which
    members gave finite scores throughout."""

    counts: Int[np.ndarray, "k layer V E"]
    finite: np.ndarray  # bool [k]


# What the metrics of one model and test set share.
_CHOSEN: WeakKeyDictionary[Scores, _Chosen] = WeakKeyDictionary()


def _chosen(scores: Scores) -> _Chosen | None:
    scores = check_instance("scores", scores, Scores, remedy="build it with Scores(model, test)")
    source, model = scores.test.source, scores.model
    if not isinstance(source, Walks) or not isinstance(model, Transformer) or model.architecture.experts == 1:
        return None
    if source.vocabulary > LARGEST or source.vocabulary % COMMUNITIES:
        return None
    if scores not in _CHOSEN:
        _CHOSEN[scores] = _choose(model, scores.last, list(scores.test.members))
    return _CHOSEN[scores]


@torch.no_grad()
def _choose(model: Transformer, contexts: Int[np.ndarray, "sequence time"], members: list[int]) -> _Chosen:
    shape = model.architecture
    V, E, K = shape.vocabulary, shape.experts, model.members
    counts = np.zeros((len(members), shape.depth, V, E), np.int64)
    finite = np.ones(len(members), bool)
    for start in range(0, len(contexts), _AT_ONCE):
        part = contexts[start : start + _AT_ONCE]
        nodes = part.ravel()  # [context]
        taken: dict[str, np.ndarray] = {}

        def watch(name: str, scored: torch.Tensor, taken: dict[str, np.ndarray] = taken) -> None:
            if name.endswith("router_logits"):
                taken[name] = scored[members].float().cpu().numpy()  # [k, context, E]

        # A pass over the model wants tokens for each member.
        tokens = torch.as_tensor(part, device=model.flat.values.device).expand(K, -1, -1)
        model.hidden(tokens.contiguous(), watch)
        for layer in range(shape.depth):
            logits = taken[f"layers.{layer}.router_logits"]
            finite &= np.isfinite(logits).all((1, 2))
            cells = nodes * E + np.nan_to_num(logits).argmax(-1)  # [k, context]
            for member, of_member in enumerate(cells):
                counts[member, layer] += np.bincount(of_member, minlength=V * E).reshape(V, E)
    return _Chosen(counts, finite)


# ---------------------------------------------------------------------- what tables of counts say


def information(counts: Float[np.ndarray, "*tables row column"]) -> Float[np.ndarray, "*tables"]:
    """I(row; column), nats, of the joint law that tables of counts have when each is divided by its sum."""
    joint = counts / counts.sum((-2, -1), keepdims=True)
    product = joint.sum(-1, keepdims=True) * joint.sum(-2, keepdims=True)
    ratio = np.divide(joint, product, out=np.ones_like(joint), where=joint > 0)
    return np.maximum((joint * np.log(ratio)).sum((-2, -1)), 0.0)


def by_community(counts: Int[np.ndarray, "k V E"]) -> Int[np.ndarray, "k community E"]:
    """The counts of the nodes of each community, added up."""
    return counts.reshape(len(counts), COMMUNITIES, -1, counts.shape[-1]).sum(2)


def chance(counts: Int[np.ndarray, "k V E"]) -> Float[np.ndarray, "k"]:
    """The mean of the information about communities over permutations of the labels among the nodes."""
    V = counts.shape[1]
    orders = random_words(_SEED, PERMUTATIONS * V).reshape(PERMUTATIONS, V).argsort(1, kind="stable")
    labels = community_of(V, COMMUNITIES)[orders]  # [permutation, V]
    of_each = (labels[:, None] == np.arange(COMMUNITIES)[:, None]).astype(float)  # [permutation, community, V]
    return np.stack([information(of_each @ of_member).mean() for of_member in counts])


def _usage(counts: Int[np.ndarray, "k V E"]) -> Float[np.ndarray, "k"]:
    shares = counts.sum(1) / counts.sum((1, 2))[:, None]  # [k, E]
    return -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(-1) + 0.0


def _share(counts: Int[np.ndarray, "k V E"], *, community: int, expert: int) -> Float[np.ndarray, "k"]:
    of_community = by_community(counts)[:, community]  # [k, E]
    return of_community[:, expert] / of_community.sum(-1)


# ---------------------------------------------------------------------- the metrics


Metric = Callable[[Scores], Float[np.ndarray, "k"] | None]


def _metric(compute: Callable[[np.ndarray], np.ndarray], layer: int, expert: int = 0) -> Metric:
    def metric(scores: Scores) -> Float[np.ndarray, "k"] | None:
        of = _chosen(scores)
        if of is None or layer >= of.counts.shape[1] or expert >= of.counts.shape[-1]:
            return None
        with np.errstate(invalid="ignore"):  # of a community that no context ends in
            return np.where(of.finite, compute(of.counts[:, layer]), np.nan)

    return metric


_OF_A_LAYER: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "information": lambda counts: information(by_community(counts)) - chance(counts),
    "chance": chance,
    "nodes": information,
    "usage": _usage,
}
_METRICS: Mapping[str, Metric] = MappingProxyType(
    {f"{name}_{layer}": _metric(compute, layer) for name, compute in _OF_A_LAYER.items() for layer in LAYERS}
    | {
        f"share_{layer}_{community}_{expert}": _metric(
            partial(_share, community=community, expert=expert), layer, expert
        )
        for layer in LAYERS
        for community in range(COMMUNITIES)
        for expert in range(EXPERTS)
    }
)


def __getattr__(name: str) -> Metric:
    """The metrics are attributes of the module, so that an import path finds them."""
    if name in _METRICS:
        return _METRICS[name]
    raise AttributeError(f"module {__name__} has no attribute {name}")


ROUTING: tuple[str, ...] = tuple(f"{__name__}:{name}" for name in _METRICS)
"""The import paths of all metrics of this module."""
