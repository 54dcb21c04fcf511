"""Chains: closed forms first, then brute force on small graphs, then properties over random ones."""

import math
import pickle

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_lib.data import chains
from scaling_lib.data.markov import Chain
from scaling_lib.errors import InvalidArgument


def directed_chain(seed=0, nodes=6):
    """A full random weight matrix, one entry of it missing."""
    weights = np.random.default_rng(seed).uniform(0.1, 5, size=(nodes, nodes))
    weights[0, 1] = 0
    return chains.from_counts(weights, minimum=0.01)


@st.composite
def random_chains(draw, directed=None):
    """Connected weighted graphs: a random tree and more edges, weights over four decades."""
    nodes = draw(st.integers(2, 12))
    parents = [draw(st.integers(0, child - 1)) for child in range(1, nodes)]
    more = draw(st.lists(st.tuples(st.integers(0, nodes - 1), st.integers(0, nodes - 1)), max_size=20))
    pairs = {(min(e), max(e)) for e in [*zip(range(1, nodes), parents, strict=True), *more]}
    weight = st.floats(0.01, 100)
    if draw(st.booleans()) if directed is None else directed:
        pairs |= {(v, u) for u, v in pairs}
        return chains.from_edges([(u, v, draw(weight)) for u, v in sorted(pairs)], directed=True)
    return chains.from_edges([(u, v, draw(weight)) for u, v in sorted(pairs)])


# ---------------------------------------------------------------------- closed forms


@pytest.mark.parametrize(
    ("chain", "entropy_rate"),
    [
        (chains.ring(3), math.log(2)),
        (chains.ring(1000), math.log(2)),
        (chains.complete(2), 0.0),
        (chains.complete(50), math.log(49)),
        (chains.regular(40, 5, generator=np.random.default_rng(0)), math.log(5)),
        (chains.star(10), math.log(9) / 2),
        (chains.path(2), 0.0),
        (chains.path(10), 8 / 9 * math.log(2)),
        # Binary tree of depth 3: a root of degree 2, 6 inner nodes of degree 3, 8 leaves, 14 edges.
        (chains.tree(2, 3), (2 * math.log(2) + 6 * 3 * math.log(3)) / 28),
        (chains.tree(1, 4), 3 / 4 * math.log(2)),
    ],
)
def test_entropy_rate_of_reference_graphs(chain, entropy_rate):
    assert chain.entropy_rate == pytest.approx(entropy_rate, abs=1e-12)


@pytest.mark.parametrize(
    ("chain", "second", "smallest"),
    [
        (chains.ring(7), math.cos(2 * math.pi / 7), math.cos(6 * math.pi / 7)),
        (chains.ring(3000), math.cos(2 * math.pi / 3000), -1),  # slow to mix: by factorisation
        (chains.ring(3001), math.cos(2 * math.pi / 3001), -math.cos(math.pi / 3001)),
        (chains.complete(9), -1 / 8, -1 / 8),
        (chains.complete(700), -1 / 699, -1 / 699),
        (chains.star(12), 0, -1),
        (chains.star(800), 0, -1),
        (chains.path(6), math.cos(math.pi / 5), -1),
    ],
)
def test_both_ends_of_the_spectrum_of_reference_graphs(chain, second, smallest):
    assert chain.second_eigenvalue == pytest.approx(second, abs=1e-9)
    assert chain.smallest_eigenvalue == pytest.approx(smallest, abs=1e-9)
    assert chain.second_modulus == pytest.approx(max(abs(second), abs(smallest)), abs=1e-9)
    assert chain.periodic == (smallest == -1)
    assert chain.relaxation_time == (math.inf if smallest == -1 else 1 / (1 - chain.second_modulus))


def test_counting_coefficient_edges_and_arcs():
    ring = chains.ring(10)
    assert (ring.nodes, ring.edges, ring.arcs, ring.counting_coefficient) == (10, 10, 20, 5.0)
    looped = chains.from_edges([(0, 0), (0, 1)])
    assert (looped.edges, looped.arcs, looped.counting_coefficient) == (2, 3, 0.5)
    directed = directed_chain()
    assert (directed.edges, directed.arcs, directed.counting_coefficient) == (35, 35, (35 - 6) / 2)


def test_entropy_rate_is_log_2e_minus_the_entropy_of_the_degrees():
    """Cover & Thomas, section 4.3."""
    chain = chains.erdos_renyi(200, edges=800, generator=np.random.default_rng(1))
    law = chain.degrees / (2 * chain.edges)
    assert chain.entropy_rate == pytest.approx(math.log(2 * chain.edges) + (law * np.log(law)).sum(), abs=1e-12)


# ---------------------------------------------------------------------- stationarity


@given(random_chains())
@settings(max_examples=60, deadline=None)
def test_stationary_law_and_detailed_balance(chain):
    law, transitions = chain.stationary, chain.transitions.toarray()
    assert law.sum() == pytest.approx(1, abs=1e-12)
    assert (law > 0).all()
    np.testing.assert_allclose(law @ transitions, law, rtol=1e-9)
    np.testing.assert_allclose(transitions.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(chain.pair_law, (law[:, None] * transitions)[chain.sources, chain.indices], rtol=1e-9)
    if not chain.directed:
        flow = law[:, None] * transitions
        np.testing.assert_allclose(flow, flow.T, rtol=1e-9)
        np.testing.assert_allclose(chain.start_law("strength"), law, rtol=1e-12)


@given(random_chains())
@settings(max_examples=60, deadline=None)
def test_entropies_are_what_their_definitions_say(chain):
    transitions, law = chain.transitions.toarray(), chain.stationary
    with np.errstate(divide="ignore", invalid="ignore"):
        rows = -np.nansum(transitions * np.log(transitions), axis=1)
    np.testing.assert_allclose(chain.row_entropies, rows, atol=1e-9)
    assert chain.entropy_rate == pytest.approx(law @ rows, abs=1e-9)
    assert -1e-12 <= chain.entropy_rate <= math.log(chain.degrees.max()) + 1e-12


@given(random_chains(directed=False))
@settings(max_examples=40, deadline=None)
def test_spectrum_lies_between_minus_one_and_one(chain):
    values = chain.spectrum()
    assert values[0] == pytest.approx(1, abs=1e-9)
    assert values[1] == pytest.approx(chain.second_eigenvalue, abs=1e-9)
    assert values[-1] == pytest.approx(chain.smallest_eigenvalue, abs=1e-9)
    assert (np.abs(values) <= 1 + 1e-9).all()
    assert values.sum() == pytest.approx(chain.transitions.toarray().trace(), abs=1e-9)


def test_stationary_law_of_a_directed_cycle_and_of_a_slow_directed_chain():
    cycle = chains.from_edges([(i, (i + 1) % 5) for i in range(5)], directed=True)
    np.testing.assert_allclose(cycle.stationary, 0.2, rtol=1e-12)
    assert cycle.periodic
    assert cycle.relaxation_time == math.inf
    # A walk on a line that steps right with probability p = 0.502: pi_i ~ (p / q)^i inside. Mixes in ~ n^2 steps.
    nodes, right = 1500, 0.502
    steps = [(i, i + 1, right if i else 1) for i in range(nodes - 1)]
    steps += [(i, i - 1, 1 - right if i < nodes - 1 else 1) for i in range(1, nodes)]
    law = chains.from_edges(steps, directed=True).stationary
    np.testing.assert_allclose(law[2:-1] / law[1:-2], right / (1 - right), rtol=1e-9)


@pytest.mark.parametrize("directed", [False, True])
def test_sparse_and_dense_eigenvalues_agree(directed):
    generator = np.random.default_rng(3)
    chain = chains.erdos_renyi(600, edges=3000, generator=generator)  # above the dense limit of 500
    chain = chains.biased(chain, kappa=1, symmetric=not directed, generator=generator)
    moduli = np.sort(np.abs(np.linalg.eigvals(chain.transitions.toarray())))
    assert chain.second_modulus == pytest.approx(moduli[-2], abs=1e-6)
    if not directed:
        values = chain.spectrum()
        assert chain.second_eigenvalue == pytest.approx(values[1], abs=1e-6)
        assert chain.smallest_eigenvalue == pytest.approx(values[-1], abs=1e-6)


# ---------------------------------------------------------------------- blocks, memory, ranks


@pytest.mark.parametrize("start", ["stationary", "strength"])
def test_block_entropy_by_listing_every_walk(start):
    chain = directed_chain(nodes=4)
    laws = {(node,): p for node, p in enumerate(chain.start_law(start))}
    transitions = chain.transitions.toarray()
    for length in range(1, 6):
        entropy = -sum(p * math.log(p) for p in laws.values())
        assert chain.block_entropy(length, start) == pytest.approx(entropy, abs=1e-12)
        laws = {
            (*walk, node): p * transitions[walk[-1], node]
            for walk, p in laws.items()
            for node in range(4)
            if transitions[walk[-1], node] > 0
        }


def test_conditional_entropies_tend_to_the_entropy_rate():
    chain = directed_chain()
    floors = chain.conditional_entropies(40, "strength")
    assert floors.shape == (39,)
    assert floors[0] != pytest.approx(chain.entropy_rate, abs=1e-4)
    assert floors[-1] == pytest.approx(chain.entropy_rate, abs=1e-12)
    np.testing.assert_allclose(chain.conditional_entropies(5), chain.entropy_rate, rtol=1e-12)


@given(random_chains())
@settings(max_examples=30, deadline=None)
def test_mutual_information(chain):
    information = chain.mutual_information(6)
    law, power = chain.stationary, np.eye(chain.nodes)
    entropy = -(law * np.log(law)).sum()
    assert information[0] == pytest.approx(entropy, abs=1e-9)
    assert information[1] == pytest.approx(entropy - chain.entropy_rate, abs=1e-9)
    assert (np.diff(information) <= 1e-9).all()  # data processing
    for t in range(6):
        with np.errstate(divide="ignore", invalid="ignore"):
            exact = np.nansum(law[:, None] * power * np.log(power / law))
        assert information[t] == pytest.approx(exact, abs=1e-9)
        power = power @ chain.transitions.toarray()


def test_correlation_of_an_eigenvector_decays_as_its_eigenvalue():
    chain = chains.erdos_renyi(60, edges=200, generator=np.random.default_rng(0))
    values, vectors = np.linalg.eig(chain.transitions.toarray())
    second = np.argsort(-values.real)[1]
    correlation = chain.correlation(8, vectors[:, second].real)
    np.testing.assert_allclose(correlation, values[second].real ** np.arange(8), rtol=1e-8)


def test_correlation_of_the_degrees_by_definition():
    chain = directed_chain(2)
    degree, law, transitions = chain.degrees, chain.stationary, chain.transitions.toarray()
    centred = degree - law @ degree
    exact = [law * centred @ np.linalg.matrix_power(transitions, t) @ centred / (law @ centred**2) for t in range(5)]
    np.testing.assert_allclose(chain.correlation(5), exact, atol=1e-12)
    with pytest.raises(InvalidArgument, match=r"^observable must differ"):
        chains.ring(5).correlation(3)


@given(random_chains())
@settings(max_examples=30, deadline=None)
def test_rank_frequencies_fall_and_sum_to_one(chain):
    for kind in ("unigram", "bigram", "conditional"):
        law = chain.rank_frequencies(kind)
        assert law.sum() == pytest.approx(1, abs=1e-9)
        assert (np.diff(law) <= 1e-12).all()
    assert chain.rank_frequencies("conditional")[0] == pytest.approx(
        chain.stationary @ chain.transitions.max(axis=1).toarray().ravel(), abs=1e-9
    )


# ---------------------------------------------------------------------- the object


def test_fingerprint_is_the_same_on_every_platform():
    assert chains.ring(3).fingerprint == "2a56b0a1ddcd6841e69ad1af8df0b251007172332209542da0e28eef1ee1a78e"
    assert directed_chain().fingerprint != chains.ring(3).fingerprint


def test_fingerprint_covers_weights_and_direction_but_not_labels():
    ring = chains.ring(4)
    assert Chain(ring.indptr, ring.indices, 2 * ring.weights).fingerprint != ring.fingerprint
    assert Chain(ring.indptr, ring.indices, ring.weights, directed=True) != ring
    labelled = Chain(ring.indptr, ring.indices, ring.weights, labels=("a", "b", "c", "d"))
    assert labelled == ring
    assert hash(labelled) == hash(ring)
    assert pickle.loads(pickle.dumps(labelled)).labels == ("a", "b", "c", "d")


def test_arrays_are_read_only_and_the_callers_stay_writeable():
    ring = chains.ring(4)
    weights = np.ones(8)
    chain = Chain(ring.indptr, ring.indices, weights)
    weights[0] = 7
    assert chain.weights[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        chain.weights[0] = 2
    assert "nodes=4, edges=4, undirected" in repr(chain)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"indptr": [0, 2, 4, 5]}, r"^indptr must rise from 0"),
        ({"indptr": [0, 2, 2, 6]}, r"^indptr must give every node a neighbour, got none for node 1"),
        ({"indices": [1, 2, 0, 3, 0, 1]}, r"^indices must be below the number of nodes 3, got 3"),
        ({"indices": [2, 1, 0, 2, 0, 1]}, r"^indices must increase strictly within a row"),
        ({"indices": [1, 1, 0, 2, 0, 1]}, r"^indices must increase strictly within a row"),
        ({"weights": [1, 1, 1, 1, 1, 0]}, r"^weights must hold numbers above 0"),
        ({"weights": [1, 1, 1, 1, 1, 2]}, r"^weights must be symmetric"),
        ({"weights": [1, 1, 1]}, r"^weights must have length 6"),
        ({"labels": ("a",)}, r"^labels must be a tuple of 3"),
        ({"directed": 1}, r"^directed must be True or False"),
    ],
)
def test_documented_errors_of_the_constructor(change, message):
    arguments = {"indptr": [0, 2, 4, 6], "indices": [1, 2, 0, 2, 0, 1], "weights": [1.0] * 6}
    Chain(**arguments)
    with pytest.raises(InvalidArgument, match=message):
        Chain(**(arguments | change))


def test_several_components_are_refused():
    with pytest.raises(InvalidArgument, match="2 components"):
        Chain(np.array([0, 1, 2, 3, 4]), np.array([1, 0, 3, 2]), np.ones(4))
    with pytest.raises(InvalidArgument, match="2 components"):  # 0 -> 1 -> 1: no way back
        Chain(np.array([0, 1, 2]), np.array([1, 1]), np.ones(2), directed=True)


def test_directed_chains_have_no_real_spectrum():
    for ask in (
        lambda: directed_chain().second_eigenvalue,
        lambda: directed_chain().smallest_eigenvalue,
        lambda: directed_chain().spectrum(),
    ):
        with pytest.raises(InvalidArgument, match="use second_modulus"):
            ask()
    with pytest.raises(InvalidArgument, match=r"^nodes must be at most 5000"):
        chains.ring(5001).spectrum()


def test_mutual_information_refuses_hours():
    with pytest.raises(InvalidArgument, match=r"^length must be at most"):
        chains.ring(100_000).mutual_information(1000)


@pytest.mark.slow
def test_fifty_thousand_nodes_two_million_edges():
    """Issue: build <= 5 s, entropy rate <= 0.1 s, second eigenvalue <= 15 s, <= 2 GB; ER 50K/2M has 4.388 nats."""
    import resource
    import time

    begin = time.process_time()
    chain = chains.erdos_renyi(50_000, edges=2_000_000, generator=np.random.default_rng(0))
    built = time.process_time()
    assert chain.entropy_rate == pytest.approx(4.388, abs=0.001)
    summed = time.process_time()
    assert 0.2 < chain.second_eigenvalue < 0.26  # semicircle: 2 / sqrt(80) = 0.2236
    assert built - begin <= 5
    assert summed - built <= 0.1
    assert time.process_time() - summed <= 15
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss <= 2e6  # kB
    assert isinstance(chain.transitions, sparse.csr_array)
