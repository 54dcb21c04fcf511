"""Two sizes: more, less, or as much, and never by the last digit of a float."""

import numpy as np
import pytest

from scaling_lib.fits.uncertainty.comparisons import MARGIN, TYPICAL, compared, typically_within


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_larger_is_more(sign):
    assert compared(0.19 * sign, 0.05) == "more than"
    assert compared(0.05, 0.19 * sign) == "less than"


@pytest.mark.parametrize("noise", [-1e-3, -1e-15, 0.0, 1e-15, 1e-3])
def test_at_the_threshold_a_digit_decides_nothing(noise):
    assert compared(0.05 * (1 + noise), 0.05) == "as much as"


def test_the_margin_is_a_share_of_the_larger():
    assert compared(1.0, 1 - 0.9 * MARGIN) == "as much as"
    assert compared(1.0, 1 - 1.1 * MARGIN) == "more than"
    assert compared(1.0, 0.9, margin=0.2) == "as much as"
    assert compared(0.0, 0.0) == "as much as"


def test_the_typical_residual_decides_and_not_the_worst():
    assert typically_within(np.array([0.01, -0.02, 0.5])) == "within"
    assert typically_within(np.array([0.01, -0.2, 0.5])) == "beyond"
    assert typically_within(np.array([0.01, -0.2, 0.5]), tolerance=0.3) == "within"


@pytest.mark.parametrize("noise", [-1e-3, -1e-15, 0.0, 1e-15, 1e-3])
def test_at_the_tolerance_no_digit_decides(noise):
    assert typically_within(np.array([0.0, -TYPICAL * (1 + noise), 1.0])) == "on the edge"
