"""A user's own graph: from a table of edges, a networkx graph, or a table of counts.

A walk on a graph of several components never leaves its own, so it has no single entropy rate: that is an error here,
unless giant_component=True asks for the largest (strongly) connected component, its nodes renumbered in order, their
names kept in `Chain.labels`. All three are re-exported by `chains`.
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.csgraph import connected_components

from scaling_lib.arguments import BY_HAND, Positive, checked
from scaling_lib.data._edge_files import ENDS, read_edges
from scaling_lib.data.markov import Chain
from scaling_lib.errors import (
    InvalidArgument,
    InvalidData,
    ScalingLabWarning,
    check_array,
    check_instance,
    check_path,
    invalid,
)

if TYPE_CHECKING:
    import networkx

__all__ = ["from_counts", "from_edges", "from_networkx"]


@checked
def from_edges(
    table: Any, *, directed: bool = False, giant_component: bool = False, weight: str | None = None
) -> Chain:
    """A chain from a table of edges: source, target and, where there is a column of that name, a positive weight.

    table: an array [edge, 2 or 3], whose third column is the weight; a data frame; or the path of a file (CSV and its
    relatives, Gephi, SNAP). Columns are found by their names (source and target, from and to, src and dst), else they
    are the first two. weight: the column of the weights, where it is called otherwise; all other columns are left out.
    Nodes may be any integers or texts ("01" and "1" are two); `Chain.labels` keeps them, in sorted order. Undirected:
    (u, v) and (v, u) are one edge. An edge that comes twice counts once without weights; with weights, they add up.

    Raises InvalidData for a file that is no such table, InvalidArgument for other bad values and for a graph that is
    not (strongly) connected when giant_component is False. Warns (ScalingLabWarning) where edges lead out of the
    component that is kept: a walk on the whole graph would leave it.
    """
    source, target, weights = _read_table(table, directed, weight)
    labels, numbers = np.unique(np.concatenate([source, target]), return_inverse=True)
    source, target = numbers[: len(source)], numbers[len(source) :]
    values = np.ones(len(source)) if weights is None else weights
    shape = (len(labels), len(labels))
    matrix = sparse.coo_array((values, (source, target)), shape=shape).tocsr()
    if not directed:
        matrix = (matrix + sparse.triu(matrix, 1).T + sparse.tril(matrix, -1).T).tocsr()
    if weights is None:
        matrix.data[:] = 1
    return _from_matrix("table", matrix, directed, giant_component, labels.tolist(), left_is_said=True)


def _read_table(table: Any, directed: bool, weight: str | None) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """The columns source, target, weight (or None) of an array, a data frame or a file."""
    import pandas

    if isinstance(table, str | Path):
        listed = read_edges(check_path("table", table), weight)
        said = listed.directions
        if len(said) > 1 or (said and (said[0] == "directed") != directed):
            remedy = "pass directed=True" if said == ("directed",) else "leave directed=True out"
            raise InvalidData(
                f"table must hold edges of one direction, the one asked for, got a column of types with "
                f"{' and '.join(said)} and directed={directed}: {remedy if len(said) == 1 else 'split the table'}."
            )
        frame = pandas.DataFrame({"source": listed.sources, "target": listed.targets})
        columns = [frame["source"], frame["target"]]
        if listed.weights is not None:
            columns.append(pandas.Series(listed.weights))
    else:
        if isinstance(table, pandas.DataFrame):
            frame = _ends_and_weight(table, weight)
        else:
            array = np.asarray(table) if isinstance(table, np.ndarray | list | tuple) else None
            if array is None or array.ndim != 2 or array.dtype.kind not in "iufU":
                raise InvalidArgument(
                    "table must be an array [edge, 2 or 3], a data frame or the path of a CSV file, got "
                    f"{type(table).__name__}: pass one of these."
                )
            frame = pandas.DataFrame(array)
            if weight is not None:
                raise invalid("weight", "None for an array, whose third column it is", weight, "leave it out")
        if frame.shape[1] not in (2, 3) or not len(frame):
            raise InvalidData(
                f"table must have rows of 2 or 3 columns (source, target, weight), got shape {frame.shape}: mend it."
            )
        columns = [frame.iloc[:, i] for i in range(frame.shape[1])]
        if any(column.isna().any() for column in columns):
            raise InvalidData(
                f"table must have no empty cells, got {int(frame.isna().sum().sum())}: fill or drop them."
            )
    ends = _node_columns(*columns[:2])
    if len(columns) == 2:
        return *ends, None
    weights = pandas.to_numeric(columns[2], errors="coerce").to_numpy(np.float64)
    bad = ~(np.isfinite(weights) & (weights > 0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InvalidData(
            f"table must have positive finite weights, got {columns[2].iloc[row]!r} in data row {row + 1}: mend it."
        )
    return *ends, weights


def _ends_and_weight(frame: Any, weight: str | None) -> Any:
    """The two or three columns of a data frame that are an edge, by their names."""
    names = {str(name).strip().lower(): name for name in frame.columns}
    pair = next((pair for pair in ENDS if set(pair) <= set(names)), None)
    chosen = list(frame.columns[:2]) if pair is None else [names[end] for end in pair]
    if weight is not None and weight not in frame.columns:
        raise invalid("weight", "a column of the table", weight, f"choose from {', '.join(map(str, frame.columns))}")
    third = weight if weight is not None else names.get("weight")
    if third is None and pair is None and frame.shape[1] > 2 and list(frame.columns) == list(range(frame.shape[1])):
        return frame  # an array in a frame's clothes: all of its columns count
    return frame[[*chosen, *([] if third is None else [third])]]


def _node_columns(*columns: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both ends as int64 where all nodes are integers and are written so, else as text."""
    import pandas

    integers = []
    for column in columns:
        numbers = pandas.to_numeric(column, errors="coerce")
        if not (np.isfinite(numbers).all() and (numbers % 1 == 0).all() and (abs(numbers) < 2**53).all()):
            break
        whole = numbers.to_numpy(np.int64)
        if column.dtype.kind not in "iuf" and not (whole.astype(str) == column.astype(str).to_numpy(str)).all():
            break  # "01" is another node than "1"
        integers.append(whole)
    if len(integers) == len(columns):
        return integers[0], integers[1]
    source, target = (column.astype(str).str.strip().to_numpy(str) for column in columns)
    return source, target


@checked
def from_networkx(
    graph: Annotated["networkx.Graph", BY_HAND], *, weight: str | None = "weight", giant_component: bool = False
) -> Chain:
    """A chain from a networkx graph, directed if the graph is.

    weight: name of the edge attribute that holds the weights (edges without it count 1), or None for the unbiased walk.
    """
    import networkx

    check_instance("graph", graph, networkx.Graph, remedy="build it with networkx")
    if graph.number_of_nodes() < 2:
        raise InvalidArgument(f"graph must have at least 2 nodes, got {graph.number_of_nodes()}: pass a larger one.")
    matrix = networkx.to_scipy_sparse_array(graph, weight=weight, dtype=np.float64, format="csr")
    if not (np.isfinite(matrix.data).all() and (matrix.data > 0).all()):
        raise InvalidArgument("graph must have positive finite weights, got others: drop those edges.")
    if weight is None:
        matrix.data[:] = 1
    return _from_matrix("graph", matrix, graph.is_directed(), giant_component, list(graph.nodes), left_is_said=True)


@checked
def from_counts(counts: Any, *, minimum: Positive = 1, giant_component: bool = False) -> Chain:
    """The directed chain of a table of transition counts [node, node], dense or scipy sparse, such as bigram counts.

    minimum: entries below it are dropped first (the paper's bigram graph keeps counts of 6 and more).
    """
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


def _from_matrix(
    name: str,
    matrix: sparse.csr_array,
    directed: bool,
    giant_component: bool,
    labels: list[Any] | None,
    *,
    left_is_said: bool = False,
) -> Chain:
    """The chain of a weight matrix, or of its largest component; `name` is the argument to blame. left_is_said: warn of
    edges that lead out of that component."""
    matrix.sort_indices()
    pieces, member = connected_components(matrix, directed=directed, connection="strong")
    if giant_component and pieces > 1:
        largest = member == np.bincount(member).argmax()
        kept = np.flatnonzero(largest)
        leaving = matrix[kept][:, np.flatnonzero(~largest)].nnz if directed and left_is_said else 0
        if leaving:
            warnings.warn(
                f"{leaving} edges lead out of the largest strongly connected component ({len(kept)} of "
                f"{len(member)} nodes) and were dropped: a walk on the whole graph leaves it and does not return.",
                ScalingLabWarning,
                stacklevel=4,
            )
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
