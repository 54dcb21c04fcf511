"""Two sizes: more, less, or as much, and never by the last digit of a float."""

import pytest

from scaling_lib.fits.uncertainty.comparisons import MARGIN, compared


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
