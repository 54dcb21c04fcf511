"""Ensembles: counts and known entropies, laws of the weights, reference graphs, each documented error."""

import math

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, chisquare, kstest

from scaling_lib.data import chains
from scaling_lib.errors import InvalidArgument


def rng(seed=0):
    return np.random.default_rng(seed)


def within_spread(known, draws, rounding):
    """`known` lies within three standard deviations of what draws give, allowing for the digits it was written with."""
    return abs(np.mean(draws) - known) <= 3 * np.std(draws, ddof=1) + rounding


# ---------------------------------------------------------------------- Erdos-Renyi


def test_erdos_renyi_by_edges():
    chain = chains.erdos_renyi(8192, edges=53292, generator=rng())
    assert (chain.nodes, chain.edges, chain.counting_coefficient) == (8192, 53292, 49196.0)
    assert not chain.directed
    assert chain.uniform
    assert (chain.sources != chain.indices).all()


def test_entropy_rates_the_literature_knows():
    """Facts of the paper's graphs, computed independently (facts/paper.md 1.3)."""
    large = [chains.erdos_renyi(8192, edges=53292, generator=rng(s)).entropy_rate for s in range(8)]
    assert within_spread(2.605, large, 0.0005)
    small = [
        chains.erdos_renyi(1000, edges=5000, generator=rng(s), giant_component=True).entropy_rate for s in range(40)
    ]
    assert within_spread(2.352, small, 0.0005)
    assert np.std(small, ddof=1) == pytest.approx(0.002, abs=0.001)
    attached = [chains.barabasi_albert(8192, attachments=6, generator=rng(s)).entropy_rate for s in range(5)]
    assert within_spread(2.80, attached, 0.005)


def test_erdos_renyi_by_probability_has_a_binomial_number_of_edges():
    edges = [chains.erdos_renyi(100, probability=0.2, generator=rng(s)).edges for s in range(100)]
    assert kstest(np.array(edges) + rng().random(100) - 0.5, lambda x: binom.cdf(np.round(x), 4950, 0.2)).pvalue > 1e-3
    assert np.mean(edges) == pytest.approx(990, abs=4 * math.sqrt(4950 * 0.16 / 100))


def test_dense_graphs_are_drawn_by_what_they_lack():
    assert chains.erdos_renyi(20, edges=190, generator=rng()) == chains.complete(20)
    assert chains.erdos_renyi(20, edges=189, generator=rng()).edges == 189
    assert chains.erdos_renyi(20, probability=1, generator=rng()) == chains.complete(20)


@pytest.mark.parametrize(("edges", "connected"), [(3, 16), (4, 15)])  # the sparse and the dense branch
def test_every_graph_is_equally_likely(edges, connected):
    """On 4 nodes: 20 graphs of 3 edges, of which 4 are a triangle and a lone node; 15 graphs of 4 edges."""
    seen: dict[str, int] = {}
    generator = rng(7)
    for _ in range(600):
        chain = chains.erdos_renyi(4, edges=edges, generator=generator, giant_component=True)
        if chain.nodes == 4:
            seen[chain.fingerprint] = seen.get(chain.fingerprint, 0) + 1
    assert len(seen) == connected
    assert chisquare(list(seen.values())).pvalue > 1e-3


def test_same_generator_state_same_graph():
    assert chains.erdos_renyi(50, edges=200, generator=rng(1)) == chains.erdos_renyi(50, edges=200, generator=rng(1))
    assert chains.erdos_renyi(50, edges=200, generator=rng(1)) != chains.erdos_renyi(50, edges=200, generator=rng(2))


# ---------------------------------------------------------------------- Barabasi-Albert


def test_barabasi_albert_has_the_papers_edges():
    chain = chains.barabasi_albert(8192, attachments=6, generator=rng())
    assert chain.edges == 49131
    assert chain.degrees.min() == 6


@given(st.integers(2, 40), st.data())
@settings(max_examples=30, deadline=None)
def test_barabasi_albert_edges(nodes, data):
    m = data.draw(st.integers(1, nodes - 1))
    chain = chains.barabasi_albert(nodes, attachments=m, generator=rng(nodes))
    assert chain.edges == m * (m - 1) // 2 + m * (nodes - m)
    assert chain.degrees[m:].min() >= min(m, nodes - 1)


def test_barabasi_albert_degrees_follow_their_known_law():
    """P(degree >= k) -> m (m + 1) / (k (k + 1)) (Bollobas et al. 2001; Dorogovtsev et al. 2000)."""
    m, nodes = 4, 6000
    degrees = np.concatenate([chains.barabasi_albert(nodes, attachments=m, generator=rng(s)).degrees for s in range(3)])
    for k in (5, 8, 12, 20, 40):
        expected = m * (m + 1) / (k * (k + 1))
        assert (degrees >= k).mean() == pytest.approx(expected, rel=5 / math.sqrt(expected * 3 * nodes))


# ---------------------------------------------------------------------- planted partition


@given(st.integers(1, 12), st.integers(2, 6), st.floats(0, 1), st.data())
@settings(max_examples=40, deadline=None)
def test_a_planted_partition_has_its_edges_within_communities(size, communities, inside, data):
    nodes = size * communities
    within, between = nodes * (size - 1) // 2, nodes * (nodes - size) // 2
    edges = data.draw(st.integers(1, within + between))
    make = {"communities": communities, "edges": edges, "inside": inside, "generator": rng(size)}
    make["giant_component"] = True
    wanted = round(inside * edges)
    if wanted > within or edges - wanted > between:
        with pytest.raises(InvalidArgument, match=r"^inside must leave at most"):
            chains.planted_partition(nodes, **make)
        return
    chain = chains.planted_partition(nodes, **make)
    community = chains.community_of(nodes, communities)[np.array(chain.labels or range(nodes))]
    own = community[chain.sources] == community[chain.indices]
    assert chain.uniform
    assert (chain.sources != chain.indices).all()
    if chain.nodes == nodes:
        assert (chain.edges, own.sum()) == (edges, 2 * wanted)


def test_every_planted_partition_is_equally_likely():
    """Three edges on two communities of two nodes, two of them within: both pairs within, one of four between."""
    seen: dict[str, int] = {}
    generator = rng(3)
    for _ in range(400):
        chain = chains.planted_partition(4, communities=2, edges=3, inside=2 / 3, generator=generator)
        seen[chain.fingerprint] = seen.get(chain.fingerprint, 0) + 1
    assert len(seen) == 4
    assert chisquare(list(seen.values())).pvalue > 1e-3


def test_a_planted_partition_has_the_degrees_of_networkx():
    """The same laws as networkx's, which draws each edge by itself: degrees, and edges within, over 60 graphs."""
    size, communities, edges, inside = 25, 4, 500, 0.9
    nodes = size * communities
    within, between = nodes * (size - 1) / 2, nodes * (nodes - size) / 2
    probabilities = inside * edges / within, (1 - inside) * edges / between
    reference = [networkx.planted_partition_graph(communities, size, *probabilities, seed=s) for s in range(60)]
    own = [
        chains.planted_partition(
            nodes, communities=communities, edges=edges, inside=inside, generator=rng(s), giant_component=True
        )
        for s in range(60)
    ]
    degrees = [np.array([degree for _, degree in graph.degree()]) for graph in reference]
    assert np.mean([chain.degrees.mean() for chain in own]) == pytest.approx(10.0, abs=0.02)
    assert np.mean([d.mean() for d in degrees]) == pytest.approx(10.0, abs=0.2)
    counts = [np.bincount(np.concatenate(of), minlength=30)[:30] for of in ([c.degrees for c in own], degrees)]
    shares = [count.cumsum() / count.sum() for count in counts]
    assert np.abs(shares[0] - shares[1]).max() < 0.05
    blocks = networkx.quotient_graph(reference[0], [set(range(c * size, (c + 1) * size)) for c in range(communities)])
    assert len(blocks) == communities  # consecutive nodes are a community there too


def test_a_planted_partition_is_that_of_its_seed_and_knows_its_entropy():
    def drawn(seed):
        return chains.planted_partition(100, communities=4, edges=500, inside=0.9, generator=rng(seed))

    assert drawn(1) == drawn(1) != drawn(2)
    chain = drawn(1)
    assert chain.entropy_rate == pytest.approx(chain.degrees @ np.log(chain.degrees) / 1000, rel=1e-12)


def test_communities_that_do_not_meet_are_refused():
    with pytest.raises(InvalidArgument, match=r"^edges must make one connected graph"):
        chains.planted_partition(40, communities=2, edges=200, inside=1.0, generator=rng())
    one = chains.planted_partition(40, communities=2, edges=200, inside=1.0, generator=rng(), giant_component=True)
    assert set(chains.community_of(40, 2)[list(one.labels)].tolist()) in ({0}, {1})
    with pytest.raises(InvalidArgument, match=r"^communities must divide the 40 nodes"):
        chains.community_of(40, 3)


# ---------------------------------------------------------------------- weights


def test_log_uniform_weights_at_kappa_one():
    base = chains.complete(100)
    weights = chains.biased(base, kappa=1, kmin=2, kmax=50, generator=rng()).weights
    assert weights.min() >= 2
    assert weights.max() <= 50
    assert kstest(np.log(weights / 2) / np.log(25), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("kappa", [0, 0.5, 1 + 1e-9, 2.5, 30])
def test_continuous_weights_follow_their_law(kappa):
    kmin, kmax = 1.0, 100.0
    weights = chains.biased(chains.complete(100), kappa=kappa, kmin=kmin, kmax=kmax, generator=rng(1)).weights
    power = 1 - kappa
    cdf = (lambda k: (k**power - 1) / (kmax**power - 1)) if abs(power) > 1e-6 else (lambda k: np.log(k) / np.log(kmax))
    assert kstest(weights, cdf).pvalue > 1e-3
    assert (weights == weights.astype(np.float32)).all()


def test_integer_weights_follow_their_law():
    weights = chains.biased(chains.complete(150), kappa=1.5, kmax=12, integer=True, generator=rng(2)).weights
    values = np.arange(1, 13)
    law = values**-1.5 / (values**-1.5).sum()
    counts = np.bincount(weights.astype(int), minlength=13)[1:]
    assert (weights == weights.astype(int)).all()
    assert chisquare(counts, law * len(weights)).pvalue > 1e-3


def test_directed_and_symmetric_weights():
    base = chains.erdos_renyi(200, edges=900, generator=rng())
    directed = chains.biased(base, kappa=1, generator=rng(1))
    assert directed.directed
    assert directed.edges == 1800
    assert directed.counting_coefficient == base.counting_coefficient
    total_variation = np.abs(directed.start_law("strength") - directed.stationary).sum() / 2
    assert 0.1 < total_variation < 0.3  # facts/paper.md 1.2: .19 for kmax / kmin = 100
    symmetric = chains.biased(base, kappa=1, symmetric=True, generator=rng(1))
    assert not symmetric.directed
    assert symmetric.edges == 900
    once = symmetric.weights[symmetric.sources < symmetric.indices]
    assert kstest(np.log(once) / np.log(100), "uniform").pvalue > 1e-3
    for chain in (directed, symmetric):
        assert (chain.indices == base.indices).all()


@pytest.mark.parametrize(
    ("kmax", "directed", "from_start_law", "integer"),
    [(10, 2.42, 2.43, 2.34), (100, 2.06, 2.07, 1.97), (1000, 1.73, 1.76, 1.66)],
)
def test_entropy_rates_of_biased_walks(kmax, directed, from_start_law, integer):
    """Facts/paper.md 1.3; symmetric weights give what directed ones give averaged over the strengths."""
    base = chains.erdos_renyi(8192, edges=53292, generator=rng())

    def draws(**options):
        return [chains.biased(base, kappa=1, kmax=kmax, generator=rng(s), **options) for s in range(4)]

    drawn = draws()
    assert within_spread(directed, [chain.entropy_rate for chain in drawn], 0.005)
    assert within_spread(from_start_law, [c.start_law("strength") @ c.row_entropies for c in drawn], 0.005)
    assert within_spread(from_start_law, [chain.entropy_rate for chain in draws(symmetric=True)], 0.005)
    assert within_spread(integer, [chain.entropy_rate for chain in draws(integer=True)], 0.005)


def test_large_kappa_gives_the_unbiased_walk():
    base = chains.ring(10)
    assert chains.biased(base, kappa=100, generator=rng()).entropy_rate == pytest.approx(math.log(2), abs=1e-3)
    assert chains.biased(base, kappa=1, kmin=3, kmax=3, symmetric=True, generator=rng()).uniform


# ---------------------------------------------------------------------- reference graphs


@given(st.integers(3, 40), st.integers(2, 12), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_regular_graphs_are_simple_regular_and_connected(nodes, degree, seed):
    if degree >= nodes or nodes * degree % 2:
        with pytest.raises(InvalidArgument, match=r"^degree must"):
            chains.regular(nodes, degree, generator=rng(seed))
        return
    chain = chains.regular(nodes, degree, generator=rng(seed))
    assert (chain.degrees == degree).all()
    assert (chain.sources != chain.indices).all()
    assert chain.uniform
    assert chain.entropy_rate == pytest.approx(math.log(degree), abs=1e-12)


def test_shapes_of_reference_graphs():
    assert chains.tree(3, 2).degrees.tolist() == [3, 4, 4, 4] + 9 * [1]
    assert chains.tree(1, 3) == chains.path(4)
    assert chains.star(4).degrees.tolist() == [3, 1, 1, 1]
    assert chains.ring(3) == chains.complete(3)
    assert chains.tree(4, 1) == chains.star(5)


# ---------------------------------------------------------------------- the barest


@pytest.mark.parametrize("heads", [0.5, 0.25, 1e-6])
def test_a_coin_has_one_row(heads):
    chain = chains.coin(heads)
    assert (chain.nodes, chain.directed, chain.counting_coefficient) == (2, False, 1.0)
    assert chain.transitions.toarray() == pytest.approx(np.array([[1 - heads, heads]] * 2), rel=1e-12)
    exact = -heads * math.log(heads) - (1 - heads) * math.log1p(-heads)
    assert chain.entropy_rate == pytest.approx(exact, rel=1e-9)
    assert chain.stationary == pytest.approx([1 - heads, heads], rel=1e-12)


@pytest.mark.parametrize("faces", [2, 100])
def test_a_die_has_one_row_of_its_own_for_every_draw(faces):
    chain, other = (chains.die(faces, generator=rng(seed)) for seed in (0, 1))
    transitions = chain.transitions.toarray()
    assert transitions == pytest.approx(np.tile(transitions[0], (faces, 1)), rel=1e-9)
    assert chain.entropy_rate == pytest.approx(-(transitions[0] * np.log(transitions[0])).sum(), rel=1e-9)
    assert chain.stationary == pytest.approx(transitions[0], rel=1e-9)
    assert chain.counting_coefficient == faces * (faces - 1) / 2
    assert chain != other
    fair = chains.die(faces, kmax=1, generator=rng())
    assert fair.entropy_rate == pytest.approx(math.log(faces), rel=1e-12)


@pytest.mark.parametrize("nodes", [2, 3, 100])
def test_a_cycle_has_no_entropy(nodes):
    chain = chains.cycle(nodes)
    assert (chain.arcs, chain.directed, chain.entropy_rate, chain.counting_coefficient) == (nodes, True, 0.0, 0.0)
    assert chain.indices.tolist() == [*range(1, nodes), 0]
    assert chain.stationary == pytest.approx([1 / nodes] * nodes, rel=1e-9)


def test_two_nodes_are_the_least_of_every_kind():
    assert chains.path(2) == chains.star(2) == chains.complete(2)
    assert chains.path(2).entropy_rate == 0.0
    assert chains.cycle(2).transitions.toarray().tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(("nodes", "kind"), [(40, "path"), (40, "star"), (40, "complete"), (40, "ring")])
def test_entropy_rates_of_reference_graphs(nodes, kind):
    exact = {
        "path": (nodes - 2) / (nodes - 1) * math.log(2),
        "star": math.log(nodes - 1) / 2,
        "complete": math.log(nodes - 1),
        "ring": math.log(2),
    }
    assert getattr(chains, kind)(nodes).entropy_rate == pytest.approx(exact[kind], rel=1e-12)


def test_the_entropy_rate_of_a_tree():
    """Of b children and depth d: the root has b of the 2 (n - 1) ends of edges, each of the other inner nodes b + 1."""
    b, d = 2, 5
    nodes = (b ** (d + 1) - 1) // (b - 1)
    inner = (b**d - 1) // (b - 1)
    exact = (b * math.log(b) + (inner - 1) * (b + 1) * math.log(b + 1)) / (2 * (nodes - 1))
    assert chains.tree(b, d).entropy_rate == pytest.approx(exact, rel=1e-12)


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: chains.erdos_renyi(10, generator=rng()), r"^edges or probability must be given, one of them, got nei"),
        (lambda: chains.erdos_renyi(10, edges=9, probability=0.5, generator=rng()), "got both"),
        (lambda: chains.erdos_renyi(10, edges=46, generator=rng()), r"^edges must be .* at most 45"),
        (lambda: chains.erdos_renyi(10, edges=5, generator=rng()), r"^edges must make one connected graph"),
        (
            lambda: chains.erdos_renyi(9, probability=0.0, generator=rng()),
            r"^probability must .* \(9 of them isolated\)",
        ),
        (lambda: chains.erdos_renyi(10, edges=40, generator=3), r"^generator must be a Generator, got 3"),
        (lambda: chains.erdos_renyi(9, edges=0, giant_component=True, generator=rng()), "at least 2 nodes"),
        (lambda: chains.barabasi_albert(5, attachments=5, generator=rng()), r"^attachments must be .* at most 4"),
        (
            lambda: chains.biased(chains.ring(3), kappa=1, kmin=5, kmax=4, generator=rng()),
            r"^kmax must be .* at least 5",
        ),
        (
            lambda: chains.biased(chains.ring(3), kappa=1, kmin=1.2, kmax=1.8, integer=True, generator=rng()),
            r"^kmax must leave an integer",
        ),
        (
            lambda: chains.biased(chains.ring(3), kappa=1, kmax=1e9, integer=True, generator=rng()),
            r"^kmax must be at most kmin \+ 1e7",
        ),
        (
            lambda: chains.biased(chains.from_counts([[1, 2], [3, 4]]), kappa=1, symmetric=True, generator=rng()),
            r"^symmetric must be False for a directed chain",
        ),
        (lambda: chains.tree(10, 9), r"^depth must keep the tree below 1e7"),
        (lambda: chains.ring(2), r"^nodes must be an integer of at least 3"),
        (lambda: chains.coin(0.0), r"^heads must be .* above 0"),
        (lambda: chains.coin(1), r"^heads must be .* below 1"),
        (lambda: chains.die(1, generator=rng()), r"^faces must be an integer of at least 2"),
        (lambda: chains.die(6, kmax=0.5, generator=rng()), r"^kmax must be .* at least 1"),
        (lambda: chains.cycle(1), r"^nodes must be an integer of at least 2"),
    ],
)
def test_documented_errors(call, message):
    with pytest.raises(InvalidArgument, match=message):
        call()


def test_giant_component_when_asked_for():
    graph = chains.erdos_renyi(300, edges=300, generator=rng(), giant_component=True)
    assert 2 <= graph.nodes < 300
    assert len(graph.labels) == graph.nodes
    assert list(graph.labels) == sorted(graph.labels)
