"""The capacity floor where it is known, where it can be found by other means, and how it falls."""

import numpy as np
import pytest
from scipy.optimize import minimize

from scaling_lib.data import chains
from scaling_lib.errors import InvalidArgument
from scaling_lib.models.capacity import capacity_floor, capacity_floors


def generator(seed=0):
    return np.random.default_rng(seed)


def of_rank(rank, nodes=8, seed=0):
    """A chain without zeros, whose ln P has exactly this rank up to a number for each row."""
    draw = generator(seed)
    weights = np.exp(draw.normal(size=(nodes, rank)) @ draw.normal(size=(rank, nodes)))
    rows, columns = np.indices(weights.shape)
    return chains.from_edges(np.column_stack([rows.ravel(), columns.ravel(), weights.ravel()]), directed=True)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_zero_from_the_rank_on(rank):
    chain = of_rank(rank)
    table = capacity_floors(chain, range(1, rank + 2), generator=generator())
    assert (table["floor"][: rank - 1] > 1e-3).all()
    assert (table["floor"][rank - 1 :] < 2e-9).all()


def test_an_odd_ring_needs_two_dimensions():
    """Put node v at an angle of pi v (n - 1) / n on a circle: the two neighbours of every node are then next to each
    other, and U_u across the chord between them, ever longer, leaves nothing but these two. On a line only one node,
    the first or the last, can be singled out."""
    chain = chains.ring(9)
    assert capacity_floor(chain, 2, generator=generator()) < 2e-9
    assert capacity_floor(chain, 1, generator=generator()) > 0.3


def test_agrees_with_another_minimiser():
    """Three nodes on a line, by Nelder-Mead from fifteen starts."""
    chain = chains.path(3)
    P = chain.transitions.toarray()

    def loss(flat):
        z = np.outer(flat[:3], flat[3:])
        lse = np.log(np.exp(z - z.max(1, keepdims=True)).sum(1)) + z.max(1)
        return chain.stationary @ (lse - (P * z).sum(1)) - chain.entropy_rate

    options = {"maxiter": 4000, "xatol": 1e-9, "fatol": 1e-12}
    draw = generator(1)
    best = min(minimize(loss, draw.normal(size=6), method="Nelder-Mead", options=options).fun for _ in range(15))
    assert capacity_floor(chain, 1, generator=generator(), starts=10) == pytest.approx(best, abs=1e-4)


def test_floor_falls_with_the_width_and_ends_at_zero():
    chain = chains.erdos_renyi(30, edges=100, generator=generator())
    table = capacity_floors(chain, [6, 1, 2, 4, 12, 30], generator=generator(), starts=2, iterations=600)
    assert table["width"].tolist() == [1, 2, 4, 6, 12, 30]
    assert (np.diff(table["floor"]) <= 1e-9).all()
    assert (table["spread"] >= 0).all()
    assert table["floor"].iloc[-1] < 1e-4
    # A single number can hardly tell nodes apart: nearly all of what the chain says about its next node is lost.
    unigram = -(chain.stationary * np.log(chain.stationary)).sum() - chain.entropy_rate
    assert 0.5 * unigram < table["floor"].iloc[0] < unigram


def test_a_search_that_was_cut_short_does_not_pass_for_converged():
    """Ten iterations are not enough, and the test sees it; with enough it passes, at a floor that is lower."""
    chain = chains.erdos_renyi(20, edges=60, generator=generator())
    short, long = (
        capacity_floors(chain, [2, 3], generator=generator(), starts=4, iterations=iterations)
        for iterations in (10, 2000)
    )
    assert not short["converged"].any()
    assert long["converged"].all()
    assert (long["floor"] < 0.95 * short["floor"]).all()
    for table in (short, long):
        assert (table["half_effort"] >= table["floor"]).all()


def test_nothing_is_left_to_search_below_a_millionth():
    (row,) = capacity_floors(of_rank(1), [2], generator=generator(), starts=50).to_dict("records")
    assert row["floor"] < 1e-6
    assert row["converged"]


def test_more_starts_never_hurt():
    chain = chains.erdos_renyi(20, edges=60, generator=generator())
    one = capacity_floor(chain, 2, generator=generator(), starts=1, iterations=100)
    three = capacity_floor(chain, 2, generator=generator(), starts=3, iterations=100)
    assert three <= one


def test_refusals():
    chain = chains.ring(5)
    with pytest.raises(InvalidArgument, match="width must be an integer of at least 1 and at most 5"):
        capacity_floor(chain, 6, generator=generator())
    with pytest.raises(InvalidArgument, match="chain must be of at most 4096 nodes"):
        capacity_floor(chains.ring(4097), 2, generator=generator())
    with pytest.raises(InvalidArgument, match="widths must be"):
        capacity_floors(chain, [], generator=generator())
