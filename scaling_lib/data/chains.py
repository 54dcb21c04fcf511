"""Where chains come from: the paper's random graphs, biased weights, a user's own edges, and graphs with known answers.

    Erdos-Renyi         G(n, M): M edges, uniform over all graphs; G(n, p): each edge with probability p, which is
                        G(n, M) with M ~ Binomial(n (n - 1) / 2, p).
    Barabasi-Albert     nodes arrive one by one and join m present ones with probability proportional to their degree,
                        from a complete graph on m nodes: m (m - 1) / 2 + m (n - m) edges, 49,131 for the paper's
                        n = 8192 with m = 6. Tail of the degrees: exponent 3.
    Biased weights      Pr(W = k) proportional to k^-kappa on [kmin, kmax] (paper, appendix A). Sorted, the weights of a
                        row fall as r^(-1 / (kappa - 1)) for kappa > 1 and exponentially in the rank r for kappa = 1.

A walk on a graph of several components never leaves its own, so it has no single entropy rate: that is an error here,
unless giant_component=True asks for the largest (strongly) connected component, its nodes renumbered in order.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.csgraph import connected_components

from scaling_lib.data.markov import Chain
from scaling_lib.errors import (
    InvalidArgument,
    InvalidData,
    check_array,
    check_flag,
    check_instance,
    check_integer,
    check_path,
    check_real,
    check_text,
)

if TYPE_CHECKING:
    import networkx

__all__ = [
    "Chain",
    "barabasi_albert",
    "biased",
    "complete",
    "erdos_renyi",
    "from_counts",
    "from_edges",
    "from_networkx",
    "path",
    "regular",
    "ring",
    "star",
    "tree",
]

_NODES_LIMIT = 2**31 - 1


# ---------------------------------------------------------------------- random graphs


def erdos_renyi(
    nodes: int,
    *,
    edges: int | None = None,
    probability: float | None = None,
    generator: np.random.Generator,
    giant_component: bool = False,
) -> Chain:
    """The unbiased walk on G(n, M) (`edges`) or G(n, p) (`probability`); exactly one of the two.

    Raises InvalidArgument where the graph drawn is not connected and giant_component is False.
    """
    nodes = check_integer("nodes", nodes, minimum=2, maximum=_NODES_LIMIT)
    _check_generator(generator)
    pairs = nodes * (nodes - 1) // 2
    if (edges is None) == (probability is None):
        raise InvalidArgument(
            f"edges or probability must be given, one of them, got {'neither' if edges is None else 'both'}: "
            f"pass exactly one."
        )
    if probability is not None:
        edges = int(generator.binomial(pairs, check_real("probability", probability, minimum=0, maximum=1)))
    wanted = check_integer("edges", edges, minimum=0, maximum=pairs)
    if wanted > pairs // 2:  # dense: draw which pairs stay away
        absent = _distinct_pairs(nodes, pairs - wanted, generator)
        keys = np.flatnonzero(np.triu(np.ones((nodes, nodes), bool), 1).ravel())
        keys = np.setdiff1d(keys, absent, assume_unique=True)
    else:
        keys = _distinct_pairs(nodes, wanted, generator)
    name = "edges" if probability is None else "probability"
    return _undirected(nodes, keys // nodes, keys % nodes, giant_component, name)


def _distinct_pairs(nodes: int, count: int, generator: np.random.Generator) -> np.ndarray:
    """`count` distinct unordered pairs u < v as keys u * nodes + v: the first distinct ones of an endless draw."""
    keys = np.empty(0, np.int64)
    while len(keys) < count:
        ends = generator.integers(0, nodes, size=(2, count + count // 8 + 64))
        ends = ends[:, ends[0] != ends[1]]
        drawn = np.concatenate([keys, ends.min(axis=0) * nodes + ends.max(axis=0)])
        _, first = np.unique(drawn, return_index=True)
        keys = drawn[np.sort(first)]
    return keys[:count]


def barabasi_albert(nodes: int, *, attachments: int, generator: np.random.Generator) -> Chain:
    """The unbiased walk on a preferential-attachment graph; `attachments` = m edges for every node that arrives.

    The graph grows from a complete graph on m nodes. Each new node draws its m distinct neighbours one by one, with
    probability proportional to their degree (a repeated one is drawn again).
    """
    nodes = check_integer("nodes", nodes, minimum=2, maximum=_NODES_LIMIT)
    m = check_integer("attachments", attachments, minimum=1, maximum=nodes - 1)
    _check_generator(generator)
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


def biased(
    chain: Chain,
    *,
    kappa: float,
    kmin: float = 1,
    kmax: float = 100,
    integer: bool = False,
    symmetric: bool = False,
    generator: np.random.Generator,
) -> Chain:
    """`chain` with new weights, Pr(W = k) proportional to k^-kappa on [kmin, kmax].

    The paper names neither its range nor whether k is an integer nor whether W_uv = W_vu. Defaults: a weight of its own
    for each direction, because the paper draws one "whenever A_uv = 1"; a continuous k; kmax / kmin = 100, the middle
    of the decades 10, 100, 1000, on which the entropy rate depends strongly (for n = 8192 and mean degree 13:
    2.42, 2.06, 1.73 nats). The paper's label kappa = 0 means the unbiased walk, that is `chain` itself; here kappa = 0
    is what the formula says, weights uniform on the range. Weights are rounded to float32, so that a platform whose
    `exp` differs in the last digit makes the same fingerprint.
    """
    check_instance("chain", chain, Chain, remedy="build it with erdos_renyi or another ensemble")
    kappa = check_real("kappa", kappa, minimum=0, maximum=100)
    kmin = check_real("kmin", kmin, above=0, maximum=1e30)
    kmax = check_real("kmax", kmax, minimum=kmin, maximum=1e30)
    check_flag("integer", integer)
    check_flag("symmetric", symmetric)
    _check_generator(generator)
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


# ---------------------------------------------------------------------- a user's own graph


def from_edges(table: Any, *, directed: bool = False, giant_component: bool = False) -> Chain:
    """A chain from a table of edges: source, target and, if there is a third column, a positive weight.

    table: an array [edge, 2 or 3], a data frame, or the path of a CSV file (a header line is recognised by the names
    source and target; lines that begin with # are skipped). Nodes may be any integers or texts; `Chain.labels` keeps
    them, in sorted order. Undirected: (u, v) and (v, u) are one edge. An edge that comes twice counts once without
    weights; with weights, they add up.

    Raises InvalidData for a file that is no such table, InvalidArgument for other bad values and for a graph that is
    not (strongly) connected when giant_component is False.
    """
    check_flag("directed", directed)
    check_flag("giant_component", giant_component)
    source, target, weights = _read_table(table)
    labels, numbers = np.unique(np.concatenate([source, target]), return_inverse=True)
    source, target = numbers[: len(source)], numbers[len(source) :]
    values = np.ones(len(source)) if weights is None else weights
    shape = (len(labels), len(labels))
    matrix = sparse.coo_array((values, (source, target)), shape=shape).tocsr()
    if not directed:
        matrix = (matrix + sparse.triu(matrix, 1).T + sparse.tril(matrix, -1).T).tocsr()
    if weights is None:
        matrix.data[:] = 1
    return _from_matrix("table", matrix, directed, giant_component, labels.tolist())


def _read_table(table: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """The columns source, target, weight (or None) of an array, a data frame or a CSV file."""
    import pandas

    if isinstance(table, str | Path):
        file = check_path("table", table)
        try:
            frame = pandas.read_csv(file, header=None, comment="#", dtype=str, skipinitialspace=True)
        except (OSError, ValueError, pandas.errors.ParserError) as error:
            reason = " ".join(str(error).split())
            raise InvalidData(f"table must be a readable CSV file, got {str(file)!r} ({reason}): check it.") from None
        names = [str(name).strip().lower() for name in frame.iloc[0]]
        if names[:2] == ["source", "target"]:
            frame = frame.iloc[1:]
    elif isinstance(table, pandas.DataFrame):
        frame = table
    else:
        array = np.asarray(table) if isinstance(table, np.ndarray | list | tuple) else None
        if array is None or array.ndim != 2 or array.dtype.kind not in "iufU":
            raise InvalidArgument(
                "table must be an array [edge, 2 or 3], a data frame or the path of a CSV file, got "
                f"{type(table).__name__}: pass one of these."
            )
        frame = pandas.DataFrame(array)
    if frame.shape[1] not in (2, 3) or not len(frame):
        raise InvalidData(
            f"table must have rows of 2 or 3 columns (source, target, weight), got shape {frame.shape}: mend it."
        )
    columns = [frame.iloc[:, i] for i in range(frame.shape[1])]
    if any(column.isna().any() for column in columns):
        raise InvalidData(f"table must have no empty cells, got {int(frame.isna().sum().sum())}: fill or drop them.")
    ends = [_node_column(column) for column in columns[:2]]
    if ends[0].dtype != ends[1].dtype:
        ends = [end.astype(str) for end in ends]
    if len(columns) == 2:
        return ends[0], ends[1], None
    weights = pandas.to_numeric(columns[2], errors="coerce").to_numpy(np.float64)
    bad = ~(np.isfinite(weights) & (weights > 0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InvalidData(
            f"table must have positive finite weights, got {columns[2].iloc[row]!r} in data row {row + 1}: mend it."
        )
    return ends[0], ends[1], weights


def _node_column(column: Any) -> np.ndarray:
    """Nodes as int64 where all of them are integers, else as text."""
    import pandas

    numbers = pandas.to_numeric(column, errors="coerce")
    if np.isfinite(numbers).all() and (numbers % 1 == 0).all() and (abs(numbers) < 2**53).all():
        return numbers.to_numpy(np.int64)
    return column.astype(str).str.strip().to_numpy(str)


def from_networkx(graph: "networkx.Graph", *, weight: str | None = "weight", giant_component: bool = False) -> Chain:
    """A chain from a networkx graph, directed if the graph is.

    weight: name of the edge attribute that holds the weights (edges without it count 1), or None for the unbiased walk.
    """
    import networkx

    check_instance("graph", graph, networkx.Graph, remedy="build it with networkx")
    check_flag("giant_component", giant_component)
    if weight is not None:
        check_text("weight", weight)
    if graph.number_of_nodes() < 2:
        raise InvalidArgument(f"graph must have at least 2 nodes, got {graph.number_of_nodes()}: pass a larger one.")
    matrix = networkx.to_scipy_sparse_array(graph, weight=weight, dtype=np.float64, format="csr")
    if not (np.isfinite(matrix.data).all() and (matrix.data > 0).all()):
        raise InvalidArgument("graph must have positive finite weights, got others: drop those edges.")
    if weight is None:
        matrix.data[:] = 1
    return _from_matrix("graph", matrix, graph.is_directed(), giant_component, list(graph.nodes))


def from_counts(counts: Any, *, minimum: float = 1, giant_component: bool = False) -> Chain:
    """The directed chain of a table of transition counts [node, node], dense or scipy sparse, such as bigram counts.

    minimum: entries below it are dropped first (the paper's bigram graph keeps counts of 6 and more).
    """
    minimum = check_real("minimum", minimum, above=0)
    check_flag("giant_component", giant_component)
    if sparse.issparse(counts):
        matrix = sparse.csr_array(counts, copy=True)
        check_array("counts", matrix.data, minimum=0, least=0)
    else:
        matrix = sparse.csr_array(check_array("counts", counts, dimensions=2, minimum=0))
    if matrix.shape[0] != matrix.shape[1] or matrix.shape[0] < 2:
        raise InvalidArgument(f"counts must be square with at least 2 nodes, got shape {matrix.shape}: pass n x n.")
    matrix = matrix.astype(np.float64)
    matrix.sum_duplicates()
    matrix.data[matrix.data < minimum] = 0
    matrix.eliminate_zeros()
    return _from_matrix("counts", matrix, True, giant_component, None)


# ---------------------------------------------------------------------- graphs with known answers


def ring(nodes: int) -> Chain:
    """A cycle: entropy rate ln 2, l_2 = cos(2 pi / n)."""
    nodes = check_integer("nodes", nodes, minimum=3, maximum=_NODES_LIMIT)
    here = np.arange(nodes)
    return _undirected(nodes, here, (here + 1) % nodes)


def complete(nodes: int) -> Chain:
    """Everybody joined to everybody: entropy rate ln(n - 1), l_2 = -1 / (n - 1)."""
    nodes = check_integer("nodes", nodes, minimum=2, maximum=20_000)
    return _undirected(nodes, *np.triu_indices(nodes, 1))


def regular(nodes: int, degree: int, *, generator: np.random.Generator) -> Chain:
    """A random connected graph in which every node has `degree` neighbours: entropy rate ln(degree).

    Stubs are paired at random, pairs that would make a loop or a double edge are paired anew (Steger & Wormald 1999).
    """
    nodes = check_integer("nodes", nodes, minimum=3, maximum=_NODES_LIMIT)
    degree = check_integer("degree", degree, minimum=2, maximum=nodes - 1)
    _check_generator(generator)
    if nodes * degree % 2:
        raise InvalidArgument(f"degree must make nodes x degree even, got {nodes} x {degree}: change one by 1.")
    while True:
        keys = _pair_stubs(nodes, degree, generator)
        if keys is None:
            continue
        source, target = keys // nodes, keys % nodes
        pieces, _ = connected_components(sparse.coo_array((np.ones(len(keys)), (source, target)), (nodes, nodes)))
        if pieces == 1:
            return _undirected(nodes, source, target)


def _pair_stubs(nodes: int, degree: int, generator: np.random.Generator) -> np.ndarray | None:
    """One attempt at a simple pairing; None where the stubs left over can only repeat themselves."""
    stubs, keys = np.repeat(np.arange(nodes), degree), np.empty(0, np.int64)
    for _ in range(200):
        stubs = generator.permutation(stubs)
        low, high = np.minimum(stubs[::2], stubs[1::2]), np.maximum(stubs[::2], stubs[1::2])
        drawn = low * nodes + high
        _, first = np.unique(drawn, return_index=True)
        fresh = np.zeros(len(drawn), bool)
        fresh[first] = True
        fresh &= (low != high) & ~np.isin(drawn, keys)
        keys = np.concatenate([keys, drawn[fresh]])
        stubs = np.concatenate([low[~fresh], high[~fresh]])
        if not len(stubs):
            return keys
    return None


def tree(branching: int, depth: int) -> Chain:
    """The complete rooted tree: every inner node has `branching` children, every leaf lies `depth` below the root."""
    branching = check_integer("branching", branching, minimum=1, maximum=10_000)
    depth = check_integer("depth", depth, minimum=1, maximum=10_000)
    nodes = sum(branching**level for level in range(depth + 1)) if depth * math.log10(max(branching, 2)) < 8 else 10**9
    if nodes > 10**7:
        raise InvalidArgument(f"depth must keep the tree below 1e7 nodes, got {depth} with branching {branching}: cut.")
    child = np.arange(1, nodes)
    return _undirected(nodes, (child - 1) // branching, child)


def path(nodes: int) -> Chain:
    """A line: entropy rate (n - 2) / (n - 1) ln 2, l_2 = cos(pi / (n - 1)). Bipartite."""
    nodes = check_integer("nodes", nodes, minimum=2, maximum=_NODES_LIMIT)
    here = np.arange(nodes - 1)
    return _undirected(nodes, here, here + 1)


def star(nodes: int) -> Chain:
    """Node 0 joined to all others: entropy rate ln(n - 1) / 2, l_2 = 0. Bipartite."""
    nodes = check_integer("nodes", nodes, minimum=2, maximum=_NODES_LIMIT)
    return _undirected(nodes, np.zeros(nodes - 1, np.int64), np.arange(1, nodes))


# ----------------------------------------------------------------------


def _check_generator(generator: Any) -> None:
    check_instance("generator", generator, np.random.Generator, remedy="pass np.random.default_rng(seed)")


def _undirected(
    nodes: int, source: np.ndarray, target: np.ndarray, giant_component: bool = False, name: str = "edges"
) -> Chain:
    """The unbiased chain on distinct undirected edges (no loops); `name` is the argument to blame."""
    check_flag("giant_component", giant_component)
    ends = np.concatenate([source, target]).astype(np.int32), np.concatenate([target, source]).astype(np.int32)
    matrix = sparse.coo_array((np.ones(len(ends[0])), ends), shape=(nodes, nodes)).tocsr()
    return _from_matrix(name, matrix, False, giant_component, None)


def _from_matrix(
    name: str, matrix: sparse.csr_array, directed: bool, giant_component: bool, labels: list[Any] | None
) -> Chain:
    """The chain of a weight matrix, or of its largest component; `name` is the argument to blame."""
    matrix.sort_indices()
    pieces, member = connected_components(matrix, directed=directed, connection="strong")
    if giant_component and pieces > 1:
        kept = np.flatnonzero(member == np.bincount(member).argmax())
        matrix = matrix[kept][:, kept].tocsr()
        matrix.sort_indices()
        labels = kept.tolist() if labels is None else [labels[i] for i in kept]
        pieces = 1
    kind = "strongly connected" if directed else "connected"
    if pieces > 1:
        isolated = int(((matrix != 0).sum(axis=0) + (matrix != 0).sum(axis=1) == 0).sum())
        raise InvalidArgument(
            f"{name} must make one {kind} graph, got {pieces} components on {matrix.shape[0]} nodes ({isolated} of "
            f"them isolated): add edges, or pass giant_component=True."
        )
    if matrix.shape[0] < 2:
        raise InvalidArgument(
            f"{name} must make a {kind} graph of at least 2 nodes, got {matrix.shape[0]}: add edges between nodes."
        )
    return Chain(matrix.indptr, matrix.indices, matrix.data, directed, None if labels is None else tuple(labels))
