"""A die: the exact expectation is what enumeration and simulation give, and its expansion is the printed one."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_lib.data import counting, dice
from scaling_lib.data.chains import complete
from scaling_lib.errors import InvalidArgument

DICE = st.lists(st.floats(0.2, 1.0), min_size=2, max_size=5).map(lambda weights: np.array(weights) / sum(weights))


def test_by_enumeration_of_all_rolls():
    """Face by face, over all sequences of five rolls in which the face came up."""
    probabilities, rolls, excess = np.array([0.5, 0.3, 0.2]), 5, 0.0
    for face, probability in enumerate(probabilities):
        total = chance = 0.0
        for sequence in product(range(3), repeat=rolls):
            count = sequence.count(face)
            if count:
                weight = np.prod(probabilities[list(sequence)])
                total += weight * np.log(count / rolls / probability)
                chance += weight
        excess -= probability * total / chance
    assert dice.expected_excess_loss(probabilities, rolls) == pytest.approx(excess, rel=1e-12)


@given(DICE)
@settings(max_examples=30, deadline=None)
def test_the_second_order_term_is_what_is_left_of_the_exact_expectation(probabilities):
    first, rolls = (len(probabilities) - 1) / 2, np.array([4000, 8000])
    left = [D * (D * dice.expected_excess_loss(probabilities, int(D)) - first) for D in rolls]
    # Richardson's extrapolation takes away the third order.
    assert 2 * left[1] - left[0] == pytest.approx(dice.second_order(probabilities), rel=2e-3)
    assert dice.second_order(probabilities) > 0


@given(DICE, st.permutations(range(5)))
@settings(max_examples=30, deadline=None)
def test_the_order_of_the_faces_does_not_matter(probabilities, order):
    shuffled = probabilities[[place for place in order if place < len(probabilities)]]
    assert dice.expected_excess_loss(shuffled, 50) == pytest.approx(
        dice.expected_excess_loss(probabilities, 50), rel=1e-9
    )
    assert dice.second_order(shuffled) == pytest.approx(dice.second_order(probabilities), rel=1e-9)


def test_rows_of_a_graph_are_dice():
    """On a complete graph every row is a fair die of n - 1 faces: the first order of the graph is n times a row's."""
    nodes, rolls = 6, 10_000
    row = dice.expected_excess_loss(np.full(nodes - 1, 1 / (nodes - 1)), rolls)
    assert counting.expansion(complete(nodes)).first == pytest.approx(nodes * rolls * row, rel=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dice.expected_excess_loss([0.5, 0.4], 10), r"^probabilities must be numbers with sum 1"),
        (lambda: dice.expected_excess_loss([1.0, 0.0], 10), r"^probabilities must hold numbers above 0"),
        (lambda: dice.expected_excess_loss([0.5, 0.5], 0), r"^rolls must be"),
        (lambda: dice.second_order([1.0]), r"^probabilities must"),
    ],
)
def test_documented_errors(call, message):
    with pytest.raises(InvalidArgument, match=message):
        call()
