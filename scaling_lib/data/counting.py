"""What a learner without parameters reaches: it counts D transitions and predicts the next node from its counts.

From counts c_uv (row totals c_u) a counter predicts q_uv; its excess loss is the conditional Kullback-Leibler
divergence  sum_u pi_u sum_v P_uv ln(P_uv / q_uv),  in nats per transition, exact for given counts. The counters:

    support_known   q = (c_uv + 1/2) / (c_u + k_u / 2)    on the k_u neighbours, which it is told (Krichevsky-Trofimov)
    add_half        q = (c_uv + 1/2) / (c_u + n / 2)      on all n nodes
    add_inverse_n   q = (c_uv + 1/n) / (c_u + 1)          on all n nodes (Perks)
    good_turing     on all n nodes, Orlitsky & Suresh (2015): c_uv / c_u where a count is frequent, otherwise
                    (phi_{c+1} + 1) / phi_c x (c + 1) / c_u with phi_c nodes seen c times in row u; then normalised

**Expectation.** For D transitions drawn independently from pi_u P_uv (walks of two tokens), every count is binomial,
so for the additive counters, with a pseudocount a on m_u nodes,

    E[excess] = -H - sum_uv pi_u P_uv E ln(c_uv + a) + sum_u pi_u E ln(c_u + a m_u)

exactly, and  E ln(X + a) = int_0^inf (e^-s - e^-as (1 - p (1 - e^-s))^D) ds / s  for X ~ Binomial(D, p).

**Expansion.** E[excess] = A / D + B / D^2 + O(D^-3) with

    A = sum_u A_u,    A_u = (k_u - 1) / 2 + a (m_u - k_u)
    B = sum_u (A_u (1 - pi_u) + B_u) / pi_u
    B_u = (5/12 - a + a^2 / 2) sum_v 1 / P_uv + (a - 1/2) k_u + 1/12 - a^2 m_u^2 / 2

For support_known A = (2E - n) / 2, whatever a (paper, appendix C). B_u is the second-order term of a single row; at
a = 0 it is (5/12) sum 1/p - k/2 + 1/12, where the paper's equation 20 prints another one (it stops at the third
moment; the fourth is of the same order). The other part of B comes from c_u being random too.

Longer walks revisit nodes in clusters, so c_u scatters otherwise than binomially: A is the same, B is not. On random
graphs this hardly shows (ER 1000/5000, walks of 50 or 10,001 tokens: within 2 % of the expectation at D = arcs / 2,
within 0.5 % from D = 2 arcs on); on narrow ones it does (ring of 11: B near 100 for walks of 50 tokens, 25 here).
Where it matters, simulate.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Float, Int
from tqdm import tqdm

from scaling_lib.arguments import BY_HAND, Choice, Entries, Integer, checked
from scaling_lib.data.markov import AnyChain, Chain, Start
from scaling_lib.data.walks import sample_walks
from scaling_lib.errors import InvalidArgument, check_array

__all__ = [
    "Expansion",
    "Simulation",
    "excess_loss",
    "expansion",
    "expected_excess_loss",
    "predictions",
    "simulate_excess_loss",
    "transition_counts",
]

COUNTERS = ("support_known", "add_half", "add_inverse_n", "good_turing")
ADDITIVE = COUNTERS[:3]
_CHUNK = 2**20  # tokens held at a time
_Counter = Annotated[str, Choice(COUNTERS)]
_Additive = Annotated[str, Choice(ADDITIVE)]
_Counts = Annotated[Int[np.ndarray, "arc"], BY_HAND]  # one for each arc of the chain
_Sizes = Annotated[Int[np.ndarray, "size"], Entries(minimum=1)]


@checked
@dataclass(frozen=True)
class Expansion:
    """E[excess loss] = first / D + second / D^2, D in transitions; nats."""

    first: float
    second: float

    @checked
    def at(self, transitions: _Sizes) -> Float[np.ndarray, "size"]:
        """first / D + second / D^2 in nats, [size], for D = `transitions`, integers >= 1. Raises InvalidArgument."""
        _check_sizes(transitions)
        return self.first / transitions + self.second / transitions**2.0


@checked
@dataclass(frozen=True, eq=False)
class Simulation:
    """Mean excess loss over the repeats and its standard error, in nats; one entry for each number of transitions."""

    mean: Float[np.ndarray, "size"]
    standard_error: Annotated[Float[np.ndarray, "size"], BY_HAND]

    def __post_init__(self) -> None:
        check_array("standard_error", self.standard_error, dimensions=1, length=len(self.mean))


@checked
def transition_counts(
    chain: AnyChain, walks: Annotated[Int[np.ndarray, "walk time"], Entries(minimum=0)]
) -> Int[np.ndarray, "arc"]:
    """How often the walks took each arc of the chain, [arc].

    walks: [walk, time] of node numbers, as `sample_walks` gives them. Raises InvalidArgument for a step that is no arc.

    >>> from scaling_lib.data.chains import ring
    >>> transition_counts(ring(3), np.array([[0, 1, 2, 0]])).tolist()
    [1, 0, 0, 1, 1, 0]
    """
    if walks.shape[1] < 2 or walks.max() >= chain.nodes:
        raise InvalidArgument(
            f"walks must hold nodes below {chain.nodes}, at least 2 a walk, got shape {walks.shape} with nodes up to "
            f"{walks.max(initial=0)}: pass walks of this chain."
        )
    return _count(_numbers(chain), walks[:, :-1].ravel(), walks[:, 1:].ravel())


def _numbers(chain: Chain) -> sparse.csr_array:
    """The number of every arc, from 1, where it stands in the matrix."""
    return sparse.csr_array(
        (np.arange(1, chain.arcs + 1), chain.indices, chain.indptr), shape=(chain.nodes, chain.nodes)
    )


def _count(numbers: sparse.csr_array, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    arcs = np.asarray(numbers[source, target]).ravel() - 1
    if len(arcs) and arcs.min() < 0:
        where = int(arcs.argmin())
        raise InvalidArgument(
            f"walks must step along arcs of the chain, got {source[where]} -> {target[where]}: pass walks of it."
        )
    return np.bincount(arcs, minlength=numbers.nnz)


@checked
def predictions(chain: AnyChain, counts: _Counts, counter: _Counter) -> Float[np.ndarray, "arc"]:
    """q_uv on the arcs of the chain. What a row lacks to 1 the counter spends on nodes that never follow.

    counts: transitions seen, arc by arc (`transition_counts`). counter: one of the four above.
    """
    counts = check_array("counts", counts, dimensions=1, kind="integer", minimum=0, length=chain.arcs)
    totals = np.add.reduceat(counts, chain.indptr[:-1])
    if counter != "good_turing":
        pseudocount, outcomes = _smoothing(chain, counter)
        return (counts + pseudocount) / np.repeat(totals + pseudocount * outcomes, chain.degrees)
    return _good_turing(chain, counts, totals)


def _smoothing(chain: Chain, counter: str) -> tuple[float, np.ndarray]:
    """The pseudocount a, and the number of nodes m_u it is given to in each row."""
    if counter == "support_known":
        return 0.5, chain.degrees
    return (0.5 if counter == "add_half" else 1 / chain.nodes), np.full(chain.nodes, chain.nodes)


def _good_turing(chain: Chain, counts: np.ndarray, totals: np.ndarray) -> np.ndarray:
    sources = chain.sources.astype(np.int64)
    base = int(counts.max()) + 2
    seen = counts > 0
    keys, frequency = np.unique((sources * base + counts)[seen], return_counts=True)
    unseen = chain.nodes - np.add.reduceat(seen, chain.indptr[:-1])  # phi_0, most of them no neighbours

    def phi(row: np.ndarray, count: np.ndarray) -> np.ndarray:
        """Nodes that row u has seen `count` > 0 times."""
        place = np.searchsorted(keys, row * base + count)
        present = (
            keys[np.minimum(place, len(keys) - 1)] == row * base + count if len(keys) else np.zeros(len(row), bool)
        )
        return np.where(present, frequency[np.minimum(place, len(keys) - 1)] if len(keys) else 0, 0)

    above = phi(sources, counts + 1)
    here = np.where(seen, phi(sources, counts), unseen[sources])
    mass = np.where(seen & (counts > above), counts, (above + 1) / np.maximum(here, 1) * (counts + 1))
    nodes = np.arange(chain.nodes)
    of_unseen = np.where(unseen > 0, phi(nodes, np.ones(chain.nodes, np.int64)) + 1, 0)
    whole = np.add.reduceat(np.where(seen, mass, 0), chain.indptr[:-1]) + of_unseen
    return np.where(totals[sources] > 0, mass / whole[sources], 1 / chain.nodes)


def excess_loss(chain: Chain, counts: Int[np.ndarray, "arc"], counter: str) -> float:
    """Conditional KL divergence of the counter from the chain, nats per transition, exact for these counts.

    counts, counter: as for `predictions`. Raises InvalidArgument.
    """
    predicted = predictions(chain, counts, counter)
    # KL of each row is a sum of p ln(p/q) - p + q plus the mass spent outside: no cancellation between terms.
    ratio = predicted / chain.probabilities
    outside = 1 - np.add.reduceat(predicted, chain.indptr[:-1])
    inside = np.add.reduceat(chain.probabilities * (ratio - 1 - np.log(ratio)), chain.indptr[:-1])
    return float(chain.stationary @ (inside + outside))


@checked
def expected_excess_loss(
    chain: AnyChain, transitions: _Sizes, counter: _Additive = "support_known"
) -> Float[np.ndarray, "size"]:
    """E[excess loss] after D independent transitions, in nats, exactly; for each D in `transitions`.

    counter: an additive one; for "good_turing", and for longer walks, use `simulate_excess_loss`.
    """
    _check_sizes(transitions)
    pseudocount, outcomes = _smoothing(chain, counter)
    result = np.empty(len(transitions))
    for i, size in enumerate(transitions.tolist()):
        arcs = _mean_logarithm(size, chain.pair_law, pseudocount)
        totals = np.empty(chain.nodes)  # E ln of the row total and its pseudocounts
        for number in np.unique(outcomes):  # of nodes that share the pseudocounts
            same = outcomes == number
            totals[same] = _mean_logarithm(size, chain.stationary[same], pseudocount * number)
        result[i] = chain.stationary @ totals - chain.pair_law @ arcs - chain.entropy_rate
    return result


def _mean_logarithm(size: int, probability: np.ndarray, shift: float) -> np.ndarray:
    """E ln(X + shift), X ~ Binomial(size, probability), to about 1e-12."""
    points, back = np.unique(probability, return_inverse=True)
    if len(points) <= 512:
        return _mean_logarithm_integral(size, points, shift)[back]
    # A smooth function of ln p, analytic in a strip of half-width pi / 2: Chebyshev interpolation converges as
    # exp(-degree (pi / 2) / half-width).
    ends = np.log(points[0]), np.log(points[-1])
    curve = np.polynomial.Chebyshev.interpolate(
        lambda logarithm: _mean_logarithm_integral(size, np.minimum(np.exp(logarithm), 1), shift),
        int(32 + 24 * (ends[1] - ends[0]) / 2),
        domain=ends,
    )
    return curve(np.log(probability))


def _mean_logarithm_integral(size: int, probability: np.ndarray, shift: float) -> np.ndarray:
    """The integral of the module docstring in x = ln s, by the trapezoidal rule, whose error is e^(-pi^2 / 0.25)."""
    step = 0.25
    left = -38 - np.log(max(1.0, size * probability.max() + shift))
    right = np.log(40 / min(1.0, shift))
    s = np.exp(np.arange(left, right + step, step))
    decayed = -np.expm1(-s)
    result = np.empty(len(probability))
    for begin in range(0, len(probability), 1024):  # 1024 x 280 numbers at a time
        part = slice(begin, begin + 1024)
        with np.errstate(divide="ignore"):  # ln(1 - p) where p = 1: the walk that has no choice
            stays = np.exp(size * np.log1p(-np.outer(probability[part], decayed)) - shift * s)
        result[part] = (np.exp(-s) - stays).sum(axis=1) * step
    return result


@checked
def expansion(chain: AnyChain, counter: _Additive = "support_known") -> Expansion:
    """A and B of the module docstring: exact to O(D^-3) for independent transitions and an additive counter.

    counter: "support_known", "add_half" or "add_inverse_n". Raises InvalidArgument.

    >>> from scaling_lib.data.chains import ring
    >>> expansion(ring(11)).first == ring(11).counting_coefficient  # (2E - n) / 2, the paper's
    True
    """
    a, outcomes = _smoothing(chain, counter)
    k, law = chain.degrees, chain.stationary
    inverse = np.add.reduceat(1 / chain.probabilities, chain.indptr[:-1])
    first = (k - 1) / 2 + a * (outcomes - k)
    second = (5 / 12 - a + a**2 / 2) * inverse + (a - 1 / 2) * k + 1 / 12 - a**2 * outcomes.astype(float) ** 2 / 2
    return Expansion(float(first.sum()), float(((first * (1 - law) + second) / law).sum()))


@checked
def simulate_excess_loss(
    chain: AnyChain,
    transitions: _Sizes,
    counter: _Counter = "support_known",
    *,
    repeats: Annotated[int, Integer(minimum=2, maximum=10**6)] = 20,
    length: Annotated[int, Integer(minimum=2, maximum=10**7)] = 50,
    seed: Annotated[int, Integer(minimum=0)],
    start: Start = "stationary",
    progress: bool = True,
) -> Simulation:
    """Mean excess loss of `repeats` counters, each trained on its own walks of `length` tokens, at D transitions seen.

    transitions: increasing values of D; one stream of walks serves all of them, so their errors are correlated.
    length = 2 gives independent transitions, whose mean is `expected_excess_loss`. Walks come from `sample_walks`.
    """
    _check_sizes(transitions)
    if (np.diff(transitions) <= 0).any():
        raise InvalidArgument("transitions must increase, got a smaller one after a larger: sort them.")
    needed = -(-int(transitions[-1]) // (length - 1))  # walks per repeat
    losses, numbers = np.empty((repeats, len(transitions))), _numbers(chain)
    for repeat in tqdm(range(repeats), desc="counters", delay=2, disable=not progress, leave=False):
        counts, seen, walk = np.zeros(chain.arcs, np.int64), 0, repeat * needed
        for i, size in enumerate(transitions.tolist()):
            while seen < size:  # whole walks, except that the last one of a size may be cut
                block = max(1, min(_CHUNK // length, (size - seen) // (length - 1)))
                walks: Any = sample_walks(chain, block, length, seed=seed, first=walk, start=start)
                steps = walks[:, :-1].ravel()[: size - seen], walks[:, 1:].ravel()[: size - seen]
                counts += _count(numbers, *steps)
                seen, walk = seen + len(steps[0]), walk + block
            losses[repeat, i] = excess_loss(chain, counts, counter)
    return Simulation(losses.mean(axis=0), losses.std(axis=0, ddof=1) / np.sqrt(repeats))


def _check_sizes(transitions: np.ndarray) -> None:
    if transitions.max() > 10**12:
        raise InvalidArgument(f"transitions must be at most 1e12, got {transitions.max()}: pass smaller ones.")
