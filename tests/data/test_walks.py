"""Walks: the same bits however they are drawn, and the statistics they should have."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, chi2_contingency, chisquare

from scaling_lib.data import chains, walks
from scaling_lib.errors import InvalidArgument, MissingDependency

try:
    import torch
except ImportError:  # the numpy back end is tested all the same
    torch = None
needs_torch = pytest.mark.skipif(torch is None, reason="needs torch")

ER = chains.erdos_renyi(50, edges=200, generator=np.random.default_rng(0))
BIASED = chains.biased(ER, kappa=1, generator=np.random.default_rng(1))
DENSE = chains.biased(chains.complete(12), kappa=1, kmax=20, generator=np.random.default_rng(2))
CHAINS = pytest.mark.parametrize("chain", [ER, BIASED, chains.star(9)], ids=["uniform", "weighted", "star"])
BACKENDS = ["numpy", "torch"] if torch else ["numpy"]


# ---------------------------------------------------------------------- bit for bit


def test_golden_walks():
    """The same on every platform; a change here changes the data of every run."""
    assert walks.sample_walks(chains.complete(100), 2, 6, seed=0).tolist() == [
        [13, 97, 70, 27, 59, 90],
        [18, 62, 55, 45, 60, 99],
    ]
    assert walks.sample_walks(DENSE_INTEGER, 2, 6, seed=2**63 - 1, first=5).tolist() == [
        [8, 2, 5, 0, 4, 5],
        [1, 5, 3, 8, 7, 4],
    ]


DENSE_INTEGER = chains.from_counts(np.arange(1, 101).reshape(10, 10) % 7)


@CHAINS
@given(st.integers(0, 2**63 - 1), st.integers(0, 2**40), st.integers(1, 40), st.integers(1, 12), st.data())
@settings(max_examples=25, deadline=None)
def test_a_walk_is_the_same_however_it_is_drawn(chain, seed, first, count, length, data):
    whole = walks.sample_walks(chain, count, length, seed=seed, first=first)
    assert whole.dtype == np.int64
    assert whole.shape == (count, length)
    one = data.draw(st.integers(0, count - 1))
    shorter = data.draw(st.integers(1, length))
    np.testing.assert_array_equal(
        walks.sample_walks(chain, 1, shorter, seed=seed, first=first + one)[0], whole[one, :shorter]
    )
    if torch:
        tensor = walks.sample_walks(chain, count, length, seed=seed, first=first, backend="torch")
        assert tensor.dtype == torch.int64
        np.testing.assert_array_equal(tensor.numpy(), whole)


@needs_torch
@CHAINS
@pytest.mark.parametrize("start", ["stationary", "strength"])
def test_many_blocks_are_one_and_both_back_ends_agree(chain, start):
    count = 2 * walks._BLOCK + 7
    whole = walks.sample_walks(chain, count, 9, seed=3, start=start)
    tensor = walks.sample_walks(chain, count, 9, seed=3, start=start, backend="torch", device="cpu")
    np.testing.assert_array_equal(tensor.numpy(), whole)
    part = walks.sample_walks(chain, 20, 9, seed=3, start=start, first=walks._BLOCK - 10)
    np.testing.assert_array_equal(part, whole[walks._BLOCK - 10 : walks._BLOCK + 10])


@pytest.mark.parametrize("backend", BACKENDS)
def test_stream_hands_out_the_walks_in_any_order_of_steps(backend):
    stream = walks.WalkStream(BIASED, 10, 7, seed=5, backend=backend)
    expected = walks.sample_walks(BIASED, 7 * 20_001, 10, seed=5)
    for step in (0, 1, 19_999, 3, 7489, 7490, 20_000, 0):  # a buffer holds 7489 steps
        batch = stream.batch(step)
        assert isinstance(batch, np.ndarray if backend == "numpy" else torch.Tensor)
        np.testing.assert_array_equal(np.asarray(batch), expected[7 * step : 7 * step + 7])
        batch[:] = -1  # the caller's own copy


@pytest.mark.parametrize("backend", BACKENDS)
def test_stream_of_several_seeds_is_their_streams(backend):
    together = walks.WalkStream(BIASED, 10, 7, seed=[5, 2**63 - 1, 0], backend=backend)
    for step in (0, 7490, 1):
        alone = [walks.WalkStream(BIASED, 10, 7, seed=seed).batch(step) for seed in together.seeds]
        np.testing.assert_array_equal(np.asarray(together.batch(step)), np.stack(alone))


def test_stream_holds_a_bounded_buffer():
    stream = walks.WalkStream(ER, 50, 100, seed=0)
    for step in (0, 10**6, 10**12):
        stream.batch(step)
        assert stream._held[1].size <= walks.BUFFER
    assert walks.WalkStream(ER, 10_000, 100, seed=0).batch(0).shape == (100, 10_000)  # one batch, if that is more


# ---------------------------------------------------------------------- statistics


@CHAINS
def test_every_step_is_an_arc(chain):
    sample = walks.sample_walks(chain, 2000, 20, seed=1)
    assert (chain.transitions.toarray()[sample[:, :-1], sample[:, 1:]] > 0).all()


def independence(table):
    """p value that rows and columns of a table of counts are independent."""
    return chi2_contingency(table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]).pvalue


def fit(counts, law):
    """p value that `counts` were drawn from the rows of `law`."""
    expected = counts.sum(axis=1, keepdims=True) * law
    inside = law > 0
    assert counts[~inside].sum() == 0
    statistic = ((counts - expected)[inside] ** 2 / expected[inside]).sum()
    return chi2.sf(statistic, inside.sum() - len(law))


def pairs(a, b, nodes):
    return np.bincount(a.ravel() * nodes + b.ravel(), minlength=nodes * nodes).reshape(nodes, nodes)


@pytest.mark.parametrize("chain", [ER, BIASED, DENSE, DENSE_INTEGER], ids=["uniform", "weighted", "dense", "loops"])
def test_transitions_have_their_probabilities(chain):
    sample = walks.sample_walks(chain, 40_000, 25, seed=11)
    counts = pairs(sample[:, :-1], sample[:, 1:], chain.nodes)
    assert fit(counts, chain.transitions.toarray()) > 1e-3
    for t in (0, 1, 10, 23):  # even and odd steps use the two halves of a word
        counts = pairs(sample[:, t], sample[:, t + 1], chain.nodes)
        assert fit(counts, chain.transitions.toarray()) > 1e-4


@pytest.mark.parametrize("start", ["stationary", "strength"])
def test_first_node_has_the_start_law(start):
    sample = walks.sample_walks(BIASED, 200_000, 1, seed=4, start=start)[:, 0]
    counts = np.bincount(sample, minlength=BIASED.nodes)
    assert chisquare(counts, BIASED.start_law(start) * len(sample)).pvalue > 1e-3
    other = BIASED.start_law("strength" if start == "stationary" else "stationary")
    assert chisquare(counts, other * len(sample)).pvalue < 1e-10


def test_the_stationary_start_stays_stationary():
    sample = walks.sample_walks(BIASED, 200_000, 12, seed=6, start="stationary")
    for t in (1, 5, 11):
        counts = np.bincount(sample[:, t], minlength=BIASED.nodes)
        assert chisquare(counts, BIASED.stationary * len(sample)).pvalue > 1e-3


@pytest.mark.parametrize("chain", [chains.complete(8), DENSE], ids=["uniform", "weighted"])
def test_no_memory_beyond_one_step(chain):
    """Given the node between them, the nodes before and after are independent."""
    sample = walks.sample_walks(chain, 60_000, 15, seed=8)
    for t in (1, 2, 7):
        for node in range(0, chain.nodes, 3):
            here = sample[:, t] == node
            before, after = sample[here, t - 1], sample[here, t + 1]
            assert independence(pairs(before, after, chain.nodes)) > 1e-4


@pytest.mark.parametrize("other", ["next walk", "next seed", "walk 2^32 on"])
def test_walks_are_independent_of_one_another(other):
    chain = chains.complete(8)
    one = walks.sample_walks(chain, 50_000, 6, seed=21)
    two = {
        "next walk": lambda: walks.sample_walks(chain, 50_000, 6, seed=21, first=1),
        "next seed": lambda: walks.sample_walks(chain, 50_000, 6, seed=22),
        "walk 2^32 on": lambda: walks.sample_walks(chain, 50_000, 6, seed=21, first=2**32),
    }[other]()
    for t in range(6):
        assert independence(pairs(one[:, t], two[:, t], 8)) > 1e-4
        assert (one[:, t] == two[:, t]).mean() == pytest.approx(1 / 8, abs=5 * np.sqrt(7 / 64 / 50_000))


def test_words_are_uniform_and_bits_uncorrelated():
    keys = np.arange(1, 100_001, dtype=np.uint64) * np.uint64(walks._GOLDEN)
    walks._mix_numpy(keys, np.empty_like(keys))
    assert int(keys[0]) == walks._mix_integer(walks._GOLDEN)
    bits = (keys[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)).astype(np.float64) - 0.5
    largest = 5.5 * 0.5 / np.sqrt(len(keys))  # of 64 and of 2016 nearly normal numbers
    assert np.abs(bits.mean(axis=0)).max() < largest
    assert np.abs(np.triu(bits.T @ bits, 1)).max() / len(keys) * 2 < largest
    serial = bits[:-1].T @ bits[1:] / len(keys)
    assert np.abs(serial).max() * 2 < largest


# ---------------------------------------------------------------------- alias tables


@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.floats(0, 12))
@settings(max_examples=60, deadline=None)
def test_alias_tables_hold_the_probabilities(seed, nodes, spread):
    """Rows of weights over many decades; what slots and aliases add up to is P to 2^-32 of a slot."""
    generator = np.random.default_rng(seed)
    weights = np.exp(spread * generator.standard_normal((nodes, nodes))) * (generator.random((nodes, nodes)) < 0.7)
    weights[np.arange(nodes), (np.arange(nodes) + 1) % nodes] = 1.0
    chain = chains.from_counts(weights, minimum=1e-300)
    thresholds, aliases = chain.alias_table
    assert thresholds.min() >= 0
    assert thresholds.max() <= 2**32 - 1
    sources = chain.sources
    np.testing.assert_array_equal(sources[aliases], sources)
    kept = np.where(aliases == np.arange(chain.arcs), 2**32, thresholds)
    mass = kept.astype(object)
    np.add.at(mass, aliases, (2**32 - kept).astype(object))
    degrees = chain.degrees[sources]
    assert [sum(mass[a:b]) for a, b in zip(chain.indptr, chain.indptr[1:], strict=False)] == [
        int(d) * 2**32 for d in chain.degrees
    ]
    np.testing.assert_allclose(
        mass.astype(float) / degrees / 2**32, chain.probabilities, atol=float(degrees.max()) * 2**-32
    )


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chain": "ring"}, r"^chain must be a Chain"),
        ({"count": 0}, r"^count must be an integer of at least 1"),
        ({"count": 2**30, "length": 2**10}, r"^count must keep count x length below 2\^34"),
        ({"length": 0}, r"^length must be"),
        ({"seed": 2**63}, r"^seed must be .* at most"),
        ({"seed": 1.0}, r"^seed must be an integer"),
        ({"first": -1}, r"^first must be"),
        ({"first": 2**63 - 1}, r"^first must be .* at most"),
        ({"start": "uniform"}, r"^start must be one of 'stationary', 'strength'"),
        ({"backend": "jax"}, r"^backend must be one of"),
        ({"device": "cuda"}, r"^device must be None with the numpy back end"),
        pytest.param(
            {"backend": "torch", "device": "abacus"}, r"^device must be one that torch has", marks=needs_torch
        ),
    ],
)
def test_documented_errors(change, message):
    with pytest.raises(InvalidArgument, match=message):
        walks.sample_walks(**({"chain": ER, "count": 2, "length": 3, "seed": 0} | change))


def test_stream_errors():
    with pytest.raises(InvalidArgument, match=r"^batch must be"):
        walks.WalkStream(ER, 10, 0, seed=0)
    with pytest.raises(InvalidArgument, match=r"^seed must be a list of at least 1"):
        walks.WalkStream(ER, 10, 5, seed=[])
    with pytest.raises(InvalidArgument, match=r"^step must be"):
        walks.WalkStream(ER, 10, 5, seed=0).batch(-1)
    with pytest.raises(InvalidArgument, match=r"^step must be .* at most"):
        walks.WalkStream(ER, 10, 5, seed=0).batch(2**62)


def test_without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependency, match=r"^backend must be 'numpy' where torch is not installed"):
        walks.sample_walks(ER, 1, 2, seed=0, backend="torch")
    assert walks.sample_walks(ER, 1, 2, seed=0).shape == (1, 2)


@pytest.mark.slow
def test_speed():
    """Issue: at least 20 times networkx with random.choice, 50 times its weighted form; one thread, RNG included."""
    script = Path(__file__).parents[2] / "benchmarks" / "walks.py"
    done = subprocess.run(
        [sys.executable, str(script), "--json", "--rounds", "5"], capture_output=True, text=True, check=True
    )
    result = json.loads(done.stdout)
    assert result["steps_per_s"] > 0
    assert result["ratio_networkx"] >= 20
    assert result["ratio_networkx_weighted"] >= 50
