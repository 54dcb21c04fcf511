"""The probability of staying on the edges against a sum over all walks, and where it is known in closed form."""

from itertools import pairwise, product

import numpy as np
import pytest

from scaling_lib.data.chains import complete, erdos_renyi, ring
from scaling_lib.data.transfer import node_leaks, walk_decay, walk_probabilities
from scaling_lib.errors import InvalidArgument

CHAIN = erdos_renyi(5, edges=7, generator=np.random.default_rng(1))
TRUE = CHAIN.transitions.toarray()
ROWS = np.random.default_rng(0).dirichlet(np.ones(5), 5)


def test_it_is_the_sum_over_all_walks_on_the_edges():
    start = CHAIN.start_law("stationary")
    for L in (1, 2, 4):
        total = 0.0
        for walk in product(range(5), repeat=L + 1):
            steps = list(pairwise(walk))
            if all(TRUE[u, v] > 0 for u, v in steps):
                total += start[walk[0]] * np.prod([ROWS[u, v] for u, v in steps])
        assert walk_probabilities(ROWS, CHAIN, [L])[0] == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("mass", [0.2, 0.9, 1.0])
def test_one_mass_at_every_node_gives_its_power(mass):
    wrong = (TRUE == 0) / (TRUE == 0).sum(1, keepdims=True)
    rows = mass * TRUE + (1 - mass) * wrong
    lengths = (1, 3, 50)
    assert walk_probabilities(rows, CHAIN, lengths) == pytest.approx(mass ** np.array(lengths), rel=1e-10)
    assert walk_decay(rows, CHAIN) == pytest.approx(-np.log(mass), abs=1e-12)
    assert node_leaks(rows, CHAIN) == pytest.approx(np.full(5, -np.log(mass)), abs=1e-12)


def test_unequal_leaks_make_long_walks_likelier_than_the_mean_leak_says():
    """Jensen: half of the nodes leak nothing, and a walk that stays survives where they are."""
    chain = complete(6)
    mass = np.array([1, 1, 1, 0.3, 0.3, 0.3])
    rows = mass[:, None] * chain.transitions.toarray()
    rows[np.diag_indices(6)] = 1 - mass
    mean = (chain.start_law("stationary") * node_leaks(rows, chain)).sum()
    lengths = np.array([1, 4, 16])
    assert (walk_probabilities(rows, chain, lengths.tolist()) > np.exp(-mean * lengths)).all()
    assert walk_decay(rows, chain) < mean


def test_the_decay_is_that_of_long_walks():
    long = walk_probabilities(ROWS, CHAIN, (200, 201))
    assert walk_decay(ROWS, CHAIN) == pytest.approx(np.log(long[0] / long[1]), rel=1e-6)


def test_no_walk_is_possible_where_no_edge_has_mass():
    rows = np.eye(4)
    assert walk_probabilities(rows, ring(4), [3]) == 0
    assert walk_decay(rows, ring(4)) == np.inf
    assert np.isinf(node_leaks(rows, ring(4))).all()


@pytest.mark.parametrize(
    ("rows", "lengths", "word"),
    [
        (np.full((4, 4), 0.3), [1], "rows"),
        (np.full((3, 3), 1 / 3), [1], "rows"),
        (np.full((4, 4), 0.25), [0], "lengths"),
    ],
)
def test_refusals(rows, lengths, word):
    with pytest.raises(InvalidArgument, match=f"^{word} must"):
        walk_probabilities(rows, ring(4), lengths)
