"""A user's own graph: arrays, frames, files, networkx graphs, counts; each documented error."""

import networkx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_lib.data import chains
from scaling_lib.errors import InvalidArgument, InvalidData


def test_from_edges_takes_arrays_frames_and_files(tmp_path):
    rows = [(0, 1, 2.0), (1, 2, 3.0), (2, 0, 4.0)]
    chain = chains.from_edges(rows)
    assert (chain.nodes, chain.edges, chain.directed) == (3, 3, False)
    np.testing.assert_array_equal(chain.strengths, [6, 5, 7])
    frame = pd.DataFrame(rows, columns=["source", "target", "weight"])
    assert chains.from_edges(frame) == chain
    frame.to_csv(tmp_path / "edges.csv", index=False)
    assert chains.from_edges(tmp_path / "edges.csv") == chain
    (tmp_path / "bare.csv").write_text("# made by hand\n0,1,2\n1, 2, 3\n2,0,4\n")
    assert chains.from_edges(str(tmp_path / "bare.csv")) == chain
    assert chains.from_edges(np.array(rows)[:, :2].astype(int)) == chains.complete(3)
    assert chains.from_edges(rows, directed=True).entropy_rate == 0


def test_from_edges_keeps_the_names_of_nodes(tmp_path):
    (tmp_path / "names.csv").write_text("source,target\nparis,lyon\nlyon,nice\nnice,paris\noslo,bergen\n")
    chain = chains.from_edges(tmp_path / "names.csv", giant_component=True)
    assert chain.labels == ("lyon", "nice", "paris")
    assert chain == chains.ring(3)
    assert chains.from_edges([[10, 30], [30, 20]]).labels == (10, 20, 30)


def test_repeated_edges():
    assert chains.from_edges([[0, 1], [1, 0], [0, 1], [1, 2], [2, 0]]) == chains.ring(3)
    weighted = chains.from_edges([[0, 1, 1.0], [1, 0, 2.0], [1, 2, 5.0]])
    np.testing.assert_array_equal(weighted.weights, [3, 3, 5, 5])
    looped = chains.from_edges([[0, 0, 2.0], [0, 1, 1.0]])
    np.testing.assert_array_equal(looped.weights, [2, 1, 1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"^table must be a readable CSV file"),
        ("0,1\n1,2,3,4\n", r"^table must be a readable CSV file"),
        ("0\n1\n", r"^table must have rows of 2 or 3 columns"),
        ("source,target\n", r"^table must have rows of 2 or 3 columns"),
        ("0,1,2\n1,,2\n", r"^table must have no empty cells, got 1"),
        ("0,1,2\n1,2,-3\n", r"^table must have positive finite weights, got '-3' in data row 2"),
        ("0,1,2\n1,2,many\n", r"^table must have positive finite weights, got 'many'"),
        ("0,1,2\n1,2,inf\n", r"^table must have positive finite weights, got 'inf'"),
    ],
)
def test_files_that_are_no_table_of_edges(tmp_path, text, message):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(InvalidData, match=message) as caught:
        chains.from_edges(tmp_path / "bad.csv")
    assert "\n" not in str(caught.value)


def test_from_edges_errors(tmp_path):
    with pytest.raises(InvalidData, match="No such file"):
        chains.from_edges(tmp_path / "absent.csv")
    with pytest.raises(InvalidArgument, match=r"^table must be an array"):
        chains.from_edges({"source": [0]})
    with pytest.raises(InvalidArgument, match="table must make one connected graph, got 2 components"):
        chains.from_edges([[0, 1], [2, 3]])
    with pytest.raises(InvalidArgument, match="strongly connected"):
        chains.from_edges([[0, 1], [1, 2]], directed=True)
    with pytest.raises(InvalidArgument, match="at least 2 nodes"):
        chains.from_edges([[0, 0]])


def test_from_networkx():
    karate = networkx.karate_club_graph()
    unweighted, weighted = chains.from_networkx(karate, weight=None), chains.from_networkx(karate)
    degree = np.array([d for _, d in karate.degree])
    assert unweighted.entropy_rate == pytest.approx((degree * np.log(degree)).sum() / degree.sum(), abs=1e-12)
    assert weighted.strengths.tolist() == [s for _, s in karate.degree(weight="weight")]
    assert weighted.edges == karate.number_of_edges() == 78
    digraph = chains.from_networkx(networkx.DiGraph([("a", "b"), ("b", "c"), ("c", "a")]))
    assert digraph.directed
    assert digraph.labels == ("a", "b", "c")
    with pytest.raises(InvalidArgument, match=r"^graph must be a Graph"):
        chains.from_networkx([[0, 1]])
    with pytest.raises(InvalidArgument, match=r"^graph must have positive finite weights"):
        chains.from_networkx(networkx.Graph([(0, 1, {"weight": -1})]))
    with pytest.raises(InvalidArgument, match=r"^graph must have at least 2 nodes"):
        chains.from_networkx(networkx.Graph())


@given(st.integers(2, 30), st.floats(0, 1), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_random_networkx_graphs_and_their_giant_components(nodes, probability, seed):
    graph = networkx.gnp_random_graph(nodes, probability, seed=seed)
    largest = max(networkx.connected_components(graph), key=len)
    if len(largest) < 2:
        with pytest.raises(InvalidArgument, match="at least 2 nodes"):
            chains.from_networkx(graph, giant_component=True)
        return
    chain = chains.from_networkx(graph, giant_component=True)
    assert chain.nodes == len(largest)
    expected = networkx.to_numpy_array(graph.subgraph(chain.labels), nodelist=chain.labels)
    np.testing.assert_array_equal(chain.transitions.toarray() > 0, expected > 0)
    if len(largest) < nodes:
        with pytest.raises(InvalidArgument, match="giant_component=True"):
            chains.from_networkx(graph)


def test_from_counts():
    counts = np.array([[0, 8, 1, 0], [3, 3, 9, 0], [7, 0, 0, 2], [0, 0, 0, 5]])
    chain = chains.from_counts(counts, minimum=3, giant_component=True)
    assert chain.labels == (0, 1, 2)
    assert chain.directed
    np.testing.assert_allclose(chain.transitions.toarray(), [[0, 1, 0], [0.2, 0.2, 0.6], [1, 0, 0]])
    assert chains.from_counts(sparse.csr_array(counts), minimum=3, giant_component=True) == chain
    assert counts[0, 2] == 1
    with pytest.raises(InvalidArgument, match=r"^counts must be square"):
        chains.from_counts(np.ones((2, 3)))
    with pytest.raises(InvalidArgument, match=r"^counts must hold numbers of at least 0"):
        chains.from_counts([[1, -1], [1, 1]])
    with pytest.raises(InvalidArgument, match=r"^counts must make one strongly connected graph"):
        chains.from_counts(counts)
