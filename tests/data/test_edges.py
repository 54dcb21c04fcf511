"""A user's own graph: arrays, frames, files, networkx graphs, counts; each documented error."""

import networkx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_lib.data import chains
from scaling_lib.errors import InvalidArgument, InvalidData, ScalingLabWarning


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
    assert chains.from_edges(str(tmp_path / "bare.csv"), weight="3") == chain
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
        ("0,1\n1,2,3,4\n", r"^table must have equally many cells in every row, got 4 in line 2"),
        ("0,1,2\n1,2,3\n", r"^table must say what its 3 columns are"),
        ("0,1\n1,\n", r"^table must have no empty cells, got one in line 2"),
        ("0\n1\n", r"^table must have rows of 2 or 3 columns"),
        ("source,target\n", r"^table must have rows of edges below its header"),
        ("source,target,weight\n1,,2\n", r"^table must have no empty cells, got one in line 2"),
        ("from,to,weight\n0,1,2\n1,2,-3\n", r"^table must have positive finite weights, got '-3' in data row 2"),
        ("src,dst,weight\n0,1,2\n1,2,many\n", r"^table must have positive finite weights, got 'many'"),
        ("source,target,weight\n0,1,2\n1,2,inf\n", r"^table must have positive finite weights, got 'inf'"),
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


# What users bring ---------------------------------------------------------------------------------------------------


def read(tmp_path, text, encoding="utf-8", **options):
    (tmp_path / "edges.txt").write_bytes(text.encode(encoding))
    return chains.from_edges(tmp_path / "edges.txt", **options)


def test_a_sharp_inside_a_name_is_no_comment(tmp_path):
    chain = read(tmp_path, "C,C#\nC,C++\nJava,C#\nC++,Java\n")
    assert chain.labels == ("C", "C#", "C++", "Java")
    assert chain.entropy_rate == pytest.approx(np.log(2))
    tagged = read(tmp_path, "#red,#blue\n#blue,green\ngreen,#red\n")
    assert tagged.labels == ("#blue", "#red", "green")


@pytest.mark.parametrize("extra", ["id", "time", "Timestamp", "label"])
def test_a_third_column_is_a_weight_only_where_it_is_called_so(tmp_path, extra):
    rows = "a,b,1\nb,c,2\nc,a,3\nc,d,4\nd,a,5\n"
    assert read(tmp_path, f"source,target,{extra}\n{rows}").entropy_rate == pytest.approx(0.9364, abs=5e-5)
    for header, options in (("source,target,weight", {}), (f"source,target,{extra}", {"weight": extra})):
        chain = read(tmp_path, f"{header}\n{rows}", **options)
        assert chain.entropy_rate == pytest.approx(0.8691, abs=5e-5)
    with pytest.raises(InvalidData, match="without a header"):
        read(tmp_path, rows)
    with pytest.raises(InvalidArgument, match=rf"^weight must name a column of the table, got 'size'.*{extra}"):
        read(tmp_path, f"source,target,{extra}\n{rows}", weight="size")
    frame = pd.DataFrame([row.split(",") for row in rows.split()], columns=["source", "target", extra])
    assert chains.from_edges(frame).entropy_rate == pytest.approx(0.9364, abs=5e-5)
    assert chains.from_edges(frame, weight=extra).entropy_rate == pytest.approx(0.8691, abs=5e-5)


def test_words_for_nothing_are_names_of_nodes(tmp_path):
    chain = read(tmp_path, "source,target\nNA,null\nnull,None\nNone,nan\nnan,NA\n")
    assert chain.labels == ("NA", "None", "nan", "null")


def test_ids_are_kept_as_they_are_written(tmp_path):
    assert read(tmp_path, "01,1\n1,2\n2,01\n").labels == ("01", "1", "2")
    assert read(tmp_path, "1,2\n2,3\n3,1\n").labels == (1, 2, 3)
    assert read(tmp_path, "1,b\nb,3\n3,1\n").labels == ("1", "3", "b")


@pytest.mark.parametrize("header", ["source,target", "Source,Target", "from,to", "src,dst", "FromNodeId,ToNodeId"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_headers_and_separators(tmp_path, header, separator, encoding):
    text = f"{header}\na,b\nb,c\nc,a\n".replace(",", separator)
    assert read(tmp_path, text, encoding).labels == ("a", "b", "c")


def test_names_may_hold_blanks(tmp_path):
    rows = ('New York,"Paris, Texas"', '"Paris, Texas",Los Angeles', "New York,Los Angeles")
    chain = read(tmp_path, "\n".join(["source,target", *rows]))
    assert chain.labels == ("Los Angeles", "New York", "Paris, Texas")


def test_tables_of_gephi(tmp_path):
    text = "Source,Target,Type,Id,Label,timeset,Weight\na,b,Undirected,0,,,1.0\nb,c,Undirected,1,,,2.0\n"
    text += "c,a,Undirected,2,,,4.0\n"
    chain = read(tmp_path, text)
    np.testing.assert_array_equal(chain.strengths, [5, 3, 6])
    with pytest.raises(InvalidData, match="leave directed=True out"):
        read(tmp_path, text, directed=True)
    arcs = text.replace("Undirected", "Directed")
    assert read(tmp_path, arcs, directed=True).entropy_rate == 0
    with pytest.raises(InvalidData, match="pass directed=True"):
        read(tmp_path, arcs)
    with pytest.raises(InvalidData, match="split the table"):
        read(tmp_path, text.replace("Undirected,0", "Directed,0"))
    commas = text.replace(",", ";").replace("2.0", "2,5")
    np.testing.assert_array_equal(read(tmp_path, commas).strengths, [5, 3.5, 6.5])


def test_lists_of_snap_and_konect(tmp_path):
    snap = "# Directed graph: wiki-Vote.txt\n# Nodes: 3 Edges: 3\n# FromNodeId\tToNodeId\n30\t10\n10\t3\n3\t30\n"
    assert read(tmp_path, snap, directed=True).labels == (3, 10, 30)
    assert read(tmp_path, "% sym unweighted\n% 3 3 3\n1 2\n2 3\n3 1\n") == chains.ring(3)


def test_edges_that_leave_the_giant_component_are_said(tmp_path):
    text = "source,target\na,b\nb,a\nb,c\nc,c\n"
    with pytest.warns(ScalingLabWarning, match=r"1 edges lead out .* \(2 of 3 nodes\) .* does not return"):
        chain = read(tmp_path, text, directed=True, giant_component=True)
    assert chain.labels == ("a", "b")
    closed = text.replace("c,c", "c,a")
    assert read(tmp_path, closed, directed=True, giant_component=True).nodes == 3


def test_graphs_larger_than_memory_are_refused():
    generator = np.random.default_rng(0)
    with pytest.raises(InvalidArgument, match=r"^edges must make a graph that fits into memory, got 1000000000 edges"):
        chains.erdos_renyi(60_000, edges=1_000_000_000, generator=generator)
    with pytest.raises(InvalidArgument, match=r"^probability must make a graph that fits into memory"):
        chains.erdos_renyi(10**8, probability=0.01, generator=generator)
    with pytest.raises(InvalidArgument, match=r"^attachments must make a graph that fits into memory"):
        chains.barabasi_albert(10**8, attachments=10**5, generator=generator)
