r"""What a finished model writes on a graph: metrics of generated walks, as those of `runs.training.metrics`.

A metric has the import path "scaling_lib.runs.training.generation:NAME", and `GENERATION` lists them all. Those of a
length L, in steps, are there for each L of `LENGTHS`:

    walk_L       the probability that a walk of L steps uses only edges of the graph, by transfer matrix
                 (`data.transfer`) from the model's laws after one node alone: exact of a model that looks at its last
                 node, an approximation of any other
    sampled_L    the same of the model itself, over its own walks
    error_L      the standard error of sampled_L
    greedy_L     the share of nodes from which the walk of L most probable next nodes uses only edges: exact match
    edges_L      the mean share of real edges among the L steps of a generated walk, also after a wrong one: partial
                 credit

    brier        mean over contexts of sum_v (q(v) - P(v))^2, the excess of the Brier score over that of the true law
    calibration  sum over bins of predicted probability, a factor of two wide, of |sum of q - sum of P|, by the number
                 of contexts: 0 where what is predicted with some probability happens with that probability

A walk of L steps is a product of L laws, so `sampled` needs no coin for a wrong step: walks are sampled on the edges
alone, from q renormalised there, and the mean of the product of the masses m = q(edges) along them is the probability
that all L steps of an unrestricted walk are real. Its variance is at most that of counting such walks. The first node
has the chain's law, and every model gets the same random numbers.

They apply to walks on a graph of at most 2,048 nodes, and are None else; those of a length apply to transformers whose
context holds the longest of `LENGTHS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Float

from scaling_lib.data.sources import Walks
from scaling_lib.data.transfer import walk_probabilities
from scaling_lib.data.walks import walk_words
from scaling_lib.errors import check_instance
from scaling_lib.models.generators import chosen_tokens
from scaling_lib.models.transformer import Transformer
from scaling_lib.runs.training.metrics import LARGEST, Scores
from scaling_lib.runs.training.scoring import logits_of

__all__ = ["GENERATION", "LENGTHS", "brier", "calibration"]

LENGTHS = (1, 2, 4, 8, 16, 32)
# Walks that are sampled on the edges, and walks that may leave them.
_WALKS, _FREE = 512, 256
_SEED = 18
# Bins of predicted probability: above 1/2, above 1/4, ..., the last for all below.
_BINS = 20


@dataclass(frozen=True)
class _Written:
    """What some members write. laws: after one node alone, [k, V, V]. reached: the product of the masses along each
    walk on the edges, [k, walk, L]. kept: the mass on real edges at each step of free walks, [k, walk, L]. right:
    whether each greedy walk has used real edges alone, [k, node, L]. Of a member that diverged all are NaN."""

    laws: Float[np.ndarray, "k V V"]
    reached: Float[np.ndarray, "k walk L"]
    kept: Float[np.ndarray, "k walk L"]
    right: Float[np.ndarray, "k node L"]


# What the metrics of one model and test set share.
_WRITTEN: WeakKeyDictionary[Scores, _Written] = WeakKeyDictionary()


def _written(scores: Scores) -> _Written | None:
    scores = check_instance("scores", scores, Scores, remedy="build it with Scores(model, test)")
    source, model = scores.test.source, scores.model
    if not isinstance(source, Walks) or not isinstance(model, Transformer) or source.vocabulary > LARGEST:
        return None
    if model.architecture.context < max(LENGTHS):
        return None
    if scores not in _WRITTEN:
        _WRITTEN[scores] = _write(model, source, list(scores.test.members))
    return _WRITTEN[scores]


@torch.no_grad()
def _write(model: Transformer, source: Walks, members: list[int]) -> _Written:
    V, longest, K = source.vocabulary, max(LENGTHS), model.members
    device = model.flat.values.device
    edges = torch.as_tensor(source.chain.transitions.toarray() > 0, device=device)  # [V, V]
    uniforms = (walk_words(_SEED, 0, _WALKS + _FREE, longest + 1) >> np.uint64(11)) * 2.0**-53
    sums = np.cumsum(source.first_law)
    first = np.searchsorted(sums, uniforms[:, 0] * sums[-1], side="right").clip(max=V - 1)
    # The walks on the edges, the free ones, and one greedy walk from every node, as one batch.
    start = torch.as_tensor(np.concatenate([first, np.arange(V)]), device=device)  # [walk]
    chance = torch.as_tensor(uniforms[:, 1:], device=device)  # [walk, L]
    tokens = start.expand(K, -1).contiguous()  # [K, walk]
    cache = model.key_values(len(start))
    masses, hits, laws = [], [], None
    bound, free = slice(_WALKS), slice(_WALKS, _WALKS + _FREE)
    finite = torch.ones(K, dtype=torch.bool, device=device)
    for t in range(longest):
        logits = model.next_logits(tokens, cache).double()  # [K, walk, V]
        finite &= torch.isfinite(logits).all(-1).all(-1)  # [K]
        logits = logits.nan_to_num()
        if t == 0:
            laws = torch.softmax(logits[members, _WALKS + _FREE :], -1)  # a greedy walk from each node in turn
        allowed = edges[tokens]  # [K, walk, V]
        on_edges = logits.masked_fill(~allowed, -torch.inf)
        masses.append((on_edges.logsumexp(-1) - logits.logsumexp(-1))[members])  # [k, walk], of ln m
        coins = chance[:, t].expand(K, -1)
        following = logits.argmax(-1)
        following[:, bound] = chosen_tokens(on_edges[:, bound].clamp(min=-1e30), coins[:, bound])
        following[:, free] = chosen_tokens(logits[:, free], coins[:, free])
        hits.append(allowed.gather(-1, following[..., None])[members, :, 0])
        tokens = following
    assert laws is not None
    mass = torch.stack(masses, -1).cpu().numpy()  # [k, walk, L]
    right = torch.stack(hits, -1).cumprod(-1)[:, _WALKS + _FREE :].double().cpu().numpy()
    parts = laws.cpu().numpy(), np.exp(mass[:, bound].cumsum(-1)), np.exp(mass[:, free]), right
    known = finite[members].cpu().numpy()[:, None, None]
    return _Written(*(np.where(known, part, np.nan) for part in parts))


# ---------------------------------------------------------------------- metrics of a length

Metric = Callable[[Scores], Float[np.ndarray, "k"] | None]


def _by_transfer(of: _Written, scores: Scores, length: int) -> Float[np.ndarray, "k"]:
    chain = scores.test.source.chain  # type: ignore[attr-defined]  # of Walks, as _written asked
    known = np.isfinite(of.laws).all((1, 2))
    return np.array(
        [
            walk_probabilities(rows, chain, [length])[0] if ok else np.nan
            for rows, ok in zip(of.laws, known, strict=True)
        ]
    )


def _sampled(of: _Written, scores: Scores, length: int) -> Float[np.ndarray, "k"]:
    return of.reached[..., length - 1].mean(1)


def _error(of: _Written, scores: Scores, length: int) -> Float[np.ndarray, "k"]:
    return of.reached[..., length - 1].std(1, ddof=1) / np.sqrt(of.reached.shape[1])


def _greedy(of: _Written, scores: Scores, length: int) -> Float[np.ndarray, "k"]:
    return of.right[..., length - 1].mean(1)


def _edges(of: _Written, scores: Scores, length: int) -> Float[np.ndarray, "k"]:
    return of.kept[..., :length].mean((1, 2))


_OF_A_LENGTH = {"walk": _by_transfer, "sampled": _sampled, "error": _error, "greedy": _greedy, "edges": _edges}


def _metric(compute: Callable[[_Written, Scores, int], np.ndarray], length: int) -> Metric:
    def metric(scores: Scores) -> Float[np.ndarray, "k"] | None:
        of = _written(scores)
        return None if of is None else compute(of, scores, length)

    return metric


_METRICS: Mapping[str, Metric] = MappingProxyType(
    {f"{name}_{L}": _metric(compute, L) for name, compute in _OF_A_LENGTH.items() for L in LENGTHS}
)


def __getattr__(name: str) -> Metric:
    """The metrics of a length are attributes of the module, so that an import path finds them."""
    if name in _METRICS:
        return _METRICS[name]
    raise AttributeError(f"module {__name__} has no attribute {name}")


# ---------------------------------------------------------------------- metrics of the laws


def brier(scores: Scores) -> Float[np.ndarray, "k"] | None:
    """Mean over contexts of the squared distance between the model's law and the true one; None as the others."""
    parts = _against_truth(scores)
    return None if parts is None else parts[0]


def calibration(scores: Scores) -> Float[np.ndarray, "k"] | None:
    """How far predicted probabilities are from true ones, bin by bin; None as the others."""
    parts = _against_truth(scores)
    return None if parts is None else parts[1]


_COMPARED: WeakKeyDictionary[Scores, tuple[np.ndarray, np.ndarray]] = WeakKeyDictionary()


def _against_truth(scores: Scores) -> tuple[np.ndarray, np.ndarray] | None:
    """brier and calibration, [k] each."""
    source = check_instance("scores", scores, Scores, remedy="build it with Scores(model, test)").test.source
    if not isinstance(source, Walks) or source.vocabulary > LARGEST:
        return None
    if scores not in _COMPARED:
        _COMPARED[scores] = _compared(scores)
    return _COMPARED[scores]


@torch.no_grad()
def _compared(scores: Scores) -> tuple[np.ndarray, np.ndarray]:
    source = scores.test.source
    assert isinstance(source, Walks)
    members = list(scores.test.members)
    truth = torch.as_tensor(source.chain.transitions.toarray())  # [V, V]
    squares = np.zeros(len(members))
    predicted, true = (torch.zeros(len(members), _BINS, dtype=torch.float64) for _ in range(2))
    # A pass over the model wants tokens for each member.
    everybody = replace(scores.test, members=tuple(range(scores.model.members)))
    for test, part, logits in logits_of(scores.model, [everybody]):
        q = torch.softmax(logits[members].double().cpu(), -1)  # [k, context, V]; NaN of a member that diverged
        P = truth[torch.as_tensor(test.contexts[part].ravel())].expand_as(q)
        squares += ((q - P) ** 2).sum((1, 2)).numpy()
        places = (-torch.log2(q)).floor().nan_to_num().clamp(0, _BINS - 1).long()  # of each probability, its bin
        for sums, values in ((predicted, q), (true, P)):
            sums.scatter_add_(1, places.flatten(1), values.flatten(1))
    contexts = scores.test.contexts.size
    return squares / contexts, ((predicted - true).abs().sum(1) / contexts).numpy()


GENERATION: tuple[str, ...] = tuple(f"{__name__}:{name}" for name in (*_METRICS, "brier", "calibration"))
"""The import paths of all metrics of this module."""
