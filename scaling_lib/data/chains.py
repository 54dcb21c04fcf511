"""Where chains come from: the paper's random graphs, biased weights, a user's own edges, and graphs with known answers.

    Erdos-Renyi         G(n, M): M edges, uniform over all graphs; G(n, p): each edge with probability p, which is
                        G(n, M) with M ~ Binomial(n (n - 1) / 2, p).
    Barabasi-Albert     nodes arrive one by one and join m present ones with probability proportional to their degree,
                        from a complete graph on m nodes: m (m - 1) / 2 + m (n - m) edges, 49,131 for the paper's
                        n = 8192 with m = 6. Tail of the degrees: exponent 3.
    Planted partition   q communities of n / q nodes; of M edges so many within communities, the others between them,
                        each kind uniform over its pairs (Condon and Karp 2001, with fixed numbers of edges).
    Biased weights      Pr(W = k) proportional to k^-kappa on [kmin, kmax] (paper, appendix A). Sorted, the weights of a
                        row fall as r^(-1 / (kappa - 1)) for kappa > 1 and exponentially in the rank r for kappa = 1.

A random graph that is not connected is an error, unless giant_component=True asks for its largest component (`edges`).
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Int
from scipy.sparse.csgraph import connected_components

from scaling_lib.arguments import BY_HAND, Integer, Real, Remedy, checked
from scaling_lib.data.edges import _from_matrix, from_counts, from_edges, from_networkx
from scaling_lib.data.markov import AnyChain, Chain
from scaling_lib.errors import InvalidArgument, check_integer, check_real

__all__ = [
    "Chain",
    "barabasi_albert",
    "biased",
    "coin",
    "community_of",
    "complete",
    "cycle",
    "die",
    "erdos_renyi",
    "from_counts",
    "from_edges",
    "from_networkx",
    "path",
    "planted_partition",
    "regular",
    "ring",
    "star",
    "tree",
]

_NODES_LIMIT = 2**31 - 1
# What a random graph takes while it is drawn: its edges, and for a dense one every pair of nodes.
_BYTES_OF_AN_EDGE, _BYTES_OF_A_PAIR = 120, 40
_TwoNodes = Annotated[int, Integer(minimum=2, maximum=_NODES_LIMIT)]
_ThreeNodes = Annotated[int, Integer(minimum=3, maximum=_NODES_LIMIT)]
_Generator = Annotated[np.random.Generator, Remedy("pass np.random.default_rng(seed)")]
_Communities = Annotated[int, Integer(minimum=2)]
_Ends = Int[np.ndarray, "two pair"]
_Levels = Annotated[int, Integer(minimum=1, maximum=10_000)]


# ---------------------------------------------------------------------- random graphs


@checked
def erdos_renyi(
    nodes: _TwoNodes,
    *,
    edges: Annotated[int | None, BY_HAND] = None,
    probability: Annotated[float | None, BY_HAND] = None,
    generator: _Generator,
    giant_component: bool = False,
) -> Chain:
    """The unbiased walk on G(n, M) (`edges` = M) or G(n, p) (`probability` = p); exactly one of the two.

    nodes: n. generator: draws the graph. giant_component: take the largest component where there are several; the chain
    then has fewer nodes. Raises InvalidArgument where the graph drawn is not connected and giant_component is False.
    """
    pairs = nodes * (nodes - 1) // 2
    if (edges is None) == (probability is None):
        raise InvalidArgument(
            f"edges or probability must be given, one of them, got {'neither' if edges is None else 'both'}: "
            f"pass exactly one."
        )
    if probability is not None:
        edges = int(generator.binomial(pairs, check_real("probability", probability, minimum=0, maximum=1)))
    wanted = check_integer("edges", edges, minimum=0, maximum=pairs)
    dense = wanted > pairs // 2
    _refuse_beyond_memory("edges" if probability is None else "probability", wanted, pairs if dense else 0)
    if dense:  # draw which pairs stay away
        absent = _distinct_pairs(nodes, pairs - wanted, generator)
        keys = np.flatnonzero(np.triu(np.ones((nodes, nodes), bool), 1).ravel())
        keys = np.setdiff1d(keys, absent, assume_unique=True)
    else:
        keys = _distinct_pairs(nodes, wanted, generator)
    name = "edges" if probability is None else "probability"
    return _undirected(nodes, keys // nodes, keys % nodes, giant_component, name)


def _refuse_beyond_memory(name: str, edges: int, pairs: int = 0) -> None:
    """Raises InvalidArgument, which blames `name`, for more edges and listed pairs of nodes than memory holds."""
    need, room = float(_BYTES_OF_AN_EDGE * edges + _BYTES_OF_A_PAIR * pairs), _available_memory()
    if need > room:
        raise InvalidArgument(
            f"{name} must make a graph that fits into memory, got {edges} edges, which need {need / 1e9:.3g} GB of "
            f"{room / 1e9:.3g}: make a smaller graph."
        )


def _available_memory() -> float:
    """Bytes that this process may still take, by Linux and its control groups; infinite where nobody tells."""
    room = math.inf
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                room = 1024.0 * int(line.split()[1])
        most = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        if most != "max":
            room = min(room, float(most) - float(Path("/sys/fs/cgroup/memory.current").read_text()))
    except (OSError, ValueError, IndexError):
        pass
    return room


def _distinct_pairs(
    nodes: int, count: int, generator: np.random.Generator, among: Callable[[_Ends], _Ends] | None = None
) -> np.ndarray:
    """`count` distinct unordered pairs u < v as keys u * nodes + v: the first distinct ones of an endless draw.

    among: from pairs of independent nodes to those that may be drawn, each equally often; None for all.
    """
    keys = np.empty(0, np.int64)
    while len(keys) < count:
        ends = generator.integers(0, nodes, size=(2, count + count // 8 + 64))
        ends = ends if among is None else among(ends)
        ends = ends[:, ends[0] != ends[1]]
        drawn = np.concatenate([keys, ends.min(axis=0) * nodes + ends.max(axis=0)])
        _, first = np.unique(drawn, return_index=True)
        keys = drawn[np.sort(first)]
    return keys[:count]


@checked
def barabasi_albert(nodes: _TwoNodes, *, attachments: Annotated[int, BY_HAND], generator: _Generator) -> Chain:
    """The unbiased walk on a preferential-attachment graph; `attachments` = m edges for every node that arrives.

    The graph grows from a complete graph on m nodes. Each new node draws its m distinct neighbours one by one, with
    probability proportional to their degree (a repeated one is drawn again).
    """
    m = check_integer("attachments", attachments, minimum=1, maximum=nodes - 1)
    _refuse_beyond_memory("attachments", m * (m - 1) // 2 + m * (nodes - m))
    old, young = np.triu_indices(m, 1)
    total = len(old) + m * (nodes - m)
    ends = np.empty(2 * total, np.int64)  # every node, once for each of its edges
    filled = 2 * len(old)
    ends[0:filled:2], ends[1:filled:2] = old, young
    for node in range(m, nodes):
        if node == m:
            chosen = np.arange(m)
        else:
            picked: dict[int, None] = {}  # an ordered set
            while len(picked) < m:
                for target in ends[generator.integers(0, filled, size=m)].tolist():
                    if len(picked) < m:
                        picked[target] = None
            chosen = np.fromiter(picked, np.int64, m)
        ends[filled : filled + 2 * m : 2] = chosen
        ends[filled + 1 : filled + 2 * m : 2] = node
        filled += 2 * m
    return _undirected(nodes, ends[0::2], ends[1::2])


@checked
def planted_partition(
    nodes: _TwoNodes,
    *,
    communities: _Communities,
    edges: Annotated[int, BY_HAND],
    inside: Annotated[float, Real(minimum=0, maximum=1)],
    generator: _Generator,
    giant_component: bool = False,
) -> Chain:
    """The unbiased walk on a graph of equally large communities (`community_of`), with `edges` edges in all.

    inside: the share of the edges whose two ends are of one community, rounded to whole edges. The mean degree is
    2 `edges` / `nodes`, the same in expectation for every node. giant_component: as for `erdos_renyi`; the names in
    `Chain.labels` are then the numbers that `community_of` takes. Raises InvalidArgument where the communities are not
    equally large, where there are fewer pairs of nodes than edges, and where the graph drawn is not connected and
    giant_component is False.

    >>> generator = np.random.default_rng(0)
    >>> chain = planted_partition(100, communities=4, edges=500, inside=0.9, generator=generator)
    >>> community = community_of(100, 4)
    >>> chain.edges, float((community[chain.sources] == community[chain.indices]).mean())
    (500, 0.9)
    """
    size = len(community_of(nodes, communities)) // communities  # refused unless all are equally large
    pairs, pairs_within = nodes * (nodes - 1) // 2, nodes * (size - 1) // 2
    edges = check_integer("edges", edges, minimum=0, maximum=pairs)
    within = round(inside * edges)
    if within > pairs_within or edges - within > pairs - pairs_within:
        raise InvalidArgument(
            f"inside must leave at most {pairs_within} of {edges} edges within communities and {pairs - pairs_within} "
            f"between them, got {inside}, which makes {within} and {edges - within}: change it, or take fewer edges."
        )
    _refuse_beyond_memory("edges", edges)

    def of_one(ends: _Ends) -> _Ends:  # the second node takes its own place in the community of the first
        return np.stack([ends[0], ends[0] - ends[0] % size + ends[1] % size])

    def of_two(ends: _Ends) -> Int[np.ndarray, "two kept"]:
        return ends[:, ends[0] // size != ends[1] // size]

    parts = [_distinct_pairs(nodes, within, generator, of_one)]
    parts.append(_distinct_pairs(nodes, edges - within, generator, of_two))
    keys = np.concatenate(parts)
    return _undirected(nodes, keys // nodes, keys % nodes, giant_component)


@checked
def community_of(nodes: _TwoNodes, communities: _Communities) -> Int[np.ndarray, "node"]:
    """The number of each node's community in `planted_partition`: equally many consecutive nodes have the same.

    Raises InvalidArgument where the number of nodes is no multiple of that of communities.

    >>> community_of(6, 3).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    if nodes % communities:
        raise InvalidArgument(f"communities must divide the {nodes} nodes, got {communities}: change one of the two.")
    return np.arange(nodes) // (nodes // communities)


@checked
def biased(
    chain: AnyChain,
    *,
    kappa: Annotated[float, Real(minimum=0, maximum=100)],
    kmin: Annotated[float, Real(above=0, maximum=1e30)] = 1.0,
    kmax: Annotated[float, BY_HAND] = 100,
    integer: bool = False,
    symmetric: bool = False,
    generator: _Generator,
) -> Chain:
    """`chain` with new weights, Pr(W = k) proportional to k^-kappa on [kmin, kmax].

    The paper names neither its range nor whether k is an integer nor whether W_uv = W_vu. Defaults: a weight of its own
    for each direction, because the paper draws one "whenever A_uv = 1"; a continuous k; kmax / kmin = 100, the middle
    of the decades 10, 100, 1000, on which the entropy rate depends strongly (for n = 8192 and mean degree 13:
    2.42, 2.06, 1.73 nats). The paper's label kappa = 0 means the unbiased walk, that is `chain` itself; here kappa = 0
    is what the formula says, weights uniform on the range. Weights are rounded to float32, so that a platform whose
    `exp` differs in the last digit makes the same fingerprint.
    """
    kmax = check_real("kmax", kmax, minimum=kmin, maximum=1e30)
    if symmetric and chain.directed:
        raise InvalidArgument("symmetric must be False for a directed chain, got True: pass symmetric=False.")
    share = generator.random(chain.arcs)
    if symmetric:  # one draw for each edge, that of its arc u <= v
        arcs = sparse.csr_array((np.arange(chain.arcs), chain.indices, chain.indptr), shape=(chain.nodes, chain.nodes))
        back = arcs.T.tocsr()  # the number of the arc v -> u, where the arc u -> v stands
        share = np.where(chain.sources <= chain.indices, share, share[back.data])
    if integer:
        low, high = math.ceil(kmin), math.floor(kmax)
        if low > high:
            raise InvalidArgument(f"kmax must leave an integer in [kmin, kmax], got [{kmin}, {kmax}]: widen the range.")
        if high - low > 10**7:
            raise InvalidArgument(f"kmax must be at most kmin + 1e7 for integer weights, got {kmax}: narrow the range.")
        values = np.arange(low, high + 1, dtype=np.float64)
        mass = np.cumsum((values / low) ** -kappa)
        weights = values[np.minimum(np.searchsorted(mass, share * mass[-1], side="right"), len(values) - 1)]
    else:
        weights = _continuous_weights(share, kappa, kmin, kmax)
    return Chain(chain.indptr, chain.indices, weights, chain.directed or not symmetric, chain.labels)


def _continuous_weights(share: np.ndarray, kappa: float, kmin: float, kmax: float) -> np.ndarray:
    """The inverse distribution function of k^-kappa on [kmin, kmax], stable through kappa = 1."""
    span = math.log(kmax / kmin)
    stretch = (1 - kappa) * span
    if abs(stretch) < 1e-12:
        logarithm = share * span
    elif stretch > 0:  # from the far end, so that exp never overflows
        logarithm = span + np.log1p((1 - share) * math.expm1(-stretch)) / (1 - kappa)
    else:
        logarithm = np.log1p(share * math.expm1(stretch)) / (1 - kappa)
    return (kmin * np.exp(np.clip(logarithm, 0, span))).astype(np.float32).astype(np.float64)


# ---------------------------------------------------------------------- graphs with known answers


@checked
def ring(nodes: _ThreeNodes) -> Chain:
    """A cycle of n = `nodes` (3 or more): entropy rate ln 2 nats, l_2 = cos(2 pi / n). Raises InvalidArgument.

    >>> round(ring(5).entropy_rate / math.log(2), 12)
    1.0
    """
    here = np.arange(nodes)
    return _undirected(nodes, here, (here + 1) % nodes)


@checked
def complete(nodes: Annotated[int, Integer(minimum=2, maximum=20_000)]) -> Chain:
    """Each of n = `nodes` (2 to 20,000) joined to all others: entropy rate ln(n - 1) nats, l_2 = -1 / (n - 1).

    Raises InvalidArgument.
    """
    return _undirected(nodes, *np.triu_indices(nodes, 1))


@checked
def regular(nodes: _ThreeNodes, degree: Annotated[int, BY_HAND], *, generator: _Generator) -> Chain:
    """A random connected graph in which every node has `degree` neighbours: entropy rate ln(degree).

    Half-edges are paired at random; a pair that is a loop or comes twice swaps ends with a random other pair until none
    is left. Above half of the possible degree, the graph is the complement of such a one. Raises InvalidArgument where
    nodes x degree is odd.

    >>> chain = regular(10, 3, generator=np.random.default_rng(0))
    >>> chain.edges, round(chain.entropy_rate / math.log(3), 12)
    (15, 1.0)
    """
    degree = check_integer("degree", degree, minimum=2, maximum=nodes - 1)
    if nodes * degree % 2:
        raise InvalidArgument(f"degree must make nodes x degree even, got {nodes} x {degree}: change one by 1.")
    dense = degree > (nodes - 1) / 2
    while True:
        keys = _pair_half_edges(nodes, nodes - 1 - degree if dense else degree, generator)
        if keys is None:
            continue
        if dense:
            low, high = np.triu_indices(nodes, 1)
            keys = np.setdiff1d(low * nodes + high, keys, assume_unique=True)
        source, target = keys // nodes, keys % nodes
        pieces, _ = connected_components(sparse.coo_array((np.ones(len(keys)), (source, target)), (nodes, nodes)))
        if pieces == 1:
            return _undirected(nodes, source, target)


def _pair_half_edges(nodes: int, degree: int, generator: np.random.Generator) -> np.ndarray | None:
    """Keys u * nodes + v, u < v, of a simple graph whose nodes have `degree` edges each; None if swaps get stuck."""
    ends = generator.permutation(np.repeat(np.arange(nodes), degree)).reshape(-1, 2)
    pairs = [(min(u, v), max(u, v)) for u, v in ends.tolist()]
    times: dict[tuple[int, int], int] = {}
    for pair in pairs:
        times[pair] = times.get(pair, 0) + 1
    wrong = [i for i, (u, v) in enumerate(pairs) if u == v or times[u, v] > 1]
    patience = 100 * (len(pairs) + 1)
    while wrong:
        patience -= 1
        if not patience:
            return None
        i, j = wrong.pop(), int(generator.integers(len(pairs)))
        u, v = pairs[i]
        if u != v and times[u, v] == 1:  # mended by an earlier swap
            continue
        x, y = pairs[j] if generator.integers(2) else pairs[j][::-1]
        one, two = (min(u, x), max(u, x)), (min(v, y), max(v, y))
        if i == j or u == x or v == y or one == two or times.get(one, 0) or times.get(two, 0):
            wrong.append(i)
            continue
        for pair in (pairs[i], pairs[j]):
            times[pair] -= 1
        pairs[i], pairs[j] = one, two
        times[one] = times[two] = 1
    return np.array([u * nodes + v for u, v in pairs], dtype=np.int64)


@checked
def tree(branching: _Levels, depth: _Levels) -> Chain:
    """The complete rooted tree: every inner node has `branching` children, every leaf lies `depth` below the root.

    Bipartite. Raises InvalidArgument where there would be more than 1e7 nodes.

    >>> tree(2, 3).nodes
    15
    """
    nodes = sum(branching**level for level in range(depth + 1)) if depth * math.log10(max(branching, 2)) < 8 else 10**9
    if nodes > 10**7:
        raise InvalidArgument(f"depth must keep the tree below 1e7 nodes, got {depth} with branching {branching}: cut.")
    child = np.arange(1, nodes)
    return _undirected(nodes, (child - 1) // branching, child)


@checked
def path(nodes: _TwoNodes) -> Chain:
    """A line of n = `nodes` (2 or more): entropy rate (n - 2) / (n - 1) ln 2 nats, l_2 = cos(pi / (n - 1)). Bipartite.

    Raises InvalidArgument.
    """
    here = np.arange(nodes - 1)
    return _undirected(nodes, here, here + 1)


@checked
def star(nodes: _TwoNodes) -> Chain:
    """Node 0 joined to the n - 1 others, n = `nodes`: entropy rate ln(n - 1) / 2 nats, l_2 = 0. Bipartite.

    Raises InvalidArgument.
    """
    return _undirected(nodes, np.zeros(nodes - 1, np.int64), np.arange(1, nodes))


@checked
def coin(heads: Annotated[float, Real(above=0, below=1)]) -> Chain:
    """Two nodes and one row: the next node is 1 with probability `heads`, whatever the last one was.

    The least chain that has something to learn: one free probability for who knows that the rows are the same, two for
    who counts rows. Entropy rate -p ln p - (1 - p) ln(1 - p) nats, l_2 = 0. Raises InvalidArgument.

    >>> round(coin(0.5).entropy_rate / math.log(2), 12)
    1.0
    """
    return _one_row("heads", np.array([1 - heads, heads]))


@checked
def die(
    faces: Annotated[int, Integer(minimum=2, maximum=4096)],
    *,
    kmax: Annotated[float, Real(minimum=1, maximum=1e30)] = 100.0,
    generator: _Generator,
) -> Chain:
    """n = `faces` (2 to 4,096) nodes and one row: the next node does not depend on the last one, and may be the same.

    The probabilities are proportional to weights drawn from k^-1 on [1, kmax], as those of `biased` with kappa = 1;
    kmax = 1 makes a fair die, of entropy rate ln n nats. l_2 = 0. Raises InvalidArgument.

    >>> round(die(6, kmax=1, generator=np.random.default_rng(0)).entropy_rate / math.log(6), 12)
    1.0
    """
    return _one_row("faces", _continuous_weights(generator.random(faces), 1.0, 1.0, kmax))


def _one_row(name: str, row: np.ndarray) -> Chain:
    """The chain whose every row is `row`: symmetric, with W_uv = row_u row_v."""
    return _from_matrix(name, sparse.csr_array(np.outer(row, row)), False, False, None)


@checked
def cycle(nodes: _TwoNodes) -> Chain:
    """n = `nodes` (2 or more) in a circle that is walked in one direction: entropy rate 0, eigenvalues of modulus 1.

    Only the first node of a walk is drawn. Raises InvalidArgument.

    >>> cycle(4).entropy_rate
    0.0
    """
    here = np.arange(nodes)
    ends = here.astype(np.int32), ((here + 1) % nodes).astype(np.int32)
    return _from_matrix("nodes", sparse.csr_array((np.ones(nodes), ends), shape=(nodes, nodes)), True, False, None)


# ----------------------------------------------------------------------


def _undirected(
    nodes: int, source: np.ndarray, target: np.ndarray, giant_component: bool = False, name: str = "edges"
) -> Chain:
    """The unbiased chain on distinct undirected edges (no loops); `name` is the argument to blame."""
    ends = np.concatenate([source, target]).astype(np.int32), np.concatenate([target, source]).astype(np.int32)
    matrix = sparse.coo_array((np.ones(len(ends[0])), ends), shape=(nodes, nodes)).tocsr()
    return _from_matrix(name, matrix, False, giant_component, None)
