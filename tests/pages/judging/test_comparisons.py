"""What is said of exponents in N: planted ones are found, and each verdict can come out either way."""

import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.pages.judging.comparisons import (
    exponent_difference,
    exponent_in_parameters,
    has_no_end,
    one_power_law,
    sign,
)
from scaling_lib.pages.judging.measured import Measured
from tests.runs.keeping.planted_grids import over_sizes


def test_a_planted_exponent_is_found():
    alpha = exponent_in_parameters(over_sizes(0.7))
    assert alpha.value == pytest.approx(0.7, abs=1e-6)
    assert alpha.runs == tuple(f"run-{i}" for i in range(5))
    noisy = exponent_in_parameters(over_sizes(0.7, scatter=0.1))
    assert noisy.low < 0.7 < noisy.high


def test_without_embeddings_the_same_losses_have_a_smaller_exponent():
    runs = over_sizes(0.7)
    assert exponent_in_parameters(runs, count="N_nonembedding").value < 0.69


def test_a_planted_difference_is_found_and_paired_by_size():
    first, second = over_sizes(0.7), over_sizes(0.4, scatter=0.0)
    assert exponent_difference(first, second.iloc[::-1]).value == pytest.approx(0.3, abs=1e-9)
    assert exponent_difference(second, first).value == pytest.approx(-0.3, abs=1e-9)


def test_common_scatter_leaves_a_paired_difference():
    # Both have the same scatter, seed by seed: the ratio is a power law exactly.
    difference = exponent_difference(over_sizes(0.7, scatter=0.3), over_sizes(0.4, scatter=0.3))
    assert (difference.low, difference.high) == pytest.approx((0.3, 0.3), abs=1e-9)


def test_a_difference_needs_three_shared_sizes():
    with pytest.raises(InvalidArgument, match="second must share three sizes or more with first, got 2"):
        exponent_difference(over_sizes(0.7), over_sizes(0.4).iloc[:2])


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.1, 0.5, "positive"), (-0.5, -0.1, "negative"), (-0.1, 0.5, "not told apart"), (0.0, 0.5, "not told apart"),
        (1e-13, 0.5, "not told apart"), (-0.5, -1e-13, "not told apart"),
    ],
)
def test_signs(low, high, word):
    assert sign(Measured((low + high) / 2, low, high)) == word


@pytest.mark.parametrize(("length", "open_"), [(1.2, False), (4.999, False), (5.0, False), (5.1, True), (400, True)])
def test_an_interval_beyond_any_exponent_has_no_end(length, open_):
    assert has_no_end(Measured(0.0, 0.0, length)) is open_


def test_a_bend_is_told_from_scatter():
    assert one_power_law(over_sizes(0.7, seeds=3, scatter=0.05), variable="N").verdict == "compatible"
    bent = one_power_law(over_sizes(0.7, seeds=3, scatter=0.05, bend=0.1), variable="N")
    assert bent.verdict == "bent"
    assert bent.p < 0.05
    assert one_power_law(over_sizes(0.7, bend=0.1), variable="N").verdict == "one seed"


def test_significance_just_at_its_threshold_is_on_the_edge(monkeypatch):
    runs = over_sizes(0.7, seeds=3, scatter=0.05)
    p = one_power_law(runs, variable="N").p
    for nudge in (1 - 1e-9, 1.0, 1 + 1e-9):
        monkeypatch.setattr("scaling_lib.pages.judging.comparisons.SIGNIFICANT", p * nudge)
        assert one_power_law(runs, variable="N").verdict == "on the edge"
