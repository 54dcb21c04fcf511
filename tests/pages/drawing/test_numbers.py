"""One way to write a number: the digits asked for, no sign of zero, no noise."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_lib.errors import InvalidArgument
from scaling_lib.pages.drawing.numbers import NOISE, number, percent, rounded


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [
        (8192, 3, "8,192"),
        (np.int64(3), 3, "3"),
        (0.35, 3, "0.350"),
        (99.96, 3, "100"),
        (1234.6, 3, "1,230"),
        (-0.74912, 2, "-0.75"),
        (0.0, 3, "0"),
        (-0.0, 3, "0"),
        (2.5e21, 2, "2.5 × 10²¹"),
        (-1.0712e-8, 3, "-1.07 × 10⁻⁸"),
        (3e-16, 3, "less than 10⁻¹²"),
    ],
)
def test_significant_digits(value, digits, written):
    assert number(value, digits) == written


def test_decimals():
    assert number(1234.567, decimals=1) == "1,234.6"
    assert number(-0.004, decimals=2) == "0.00"
    assert number(0.0, decimals=2) == "0.00"
    assert percent(0.0284) == "2.8 %"
    assert percent(0.5, decimals=0) == "50 %"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "3", None, True])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(InvalidArgument, match="value must be"):
        number(value)


@given(st.floats(1e-4, 9e6), st.integers(1, 8))
def test_what_is_written_is_the_number(value, digits):
    assert float(number(value, digits).replace(",", "")) == pytest.approx(value, rel=0.51 * 10.0 ** (1 - digits))


@given(st.lists(st.floats(-1e9, 1e9), min_size=1), st.floats(-1e-9, 1e-9))
def test_rounding_forgets_the_last_digits(values, noise):
    column = np.array(values)
    table = rounded(pd.DataFrame({"x": column, "name": "a"}))
    assert np.allclose(table["x"], column, rtol=6e-6, atol=2 * NOISE * np.abs(column).max())
    assert not np.signbit(table["x"][table["x"] == 0]).any()
    assert (table["name"] == "a").all()


def test_rounding_leaves_gaps_and_integers_alone():
    table = pd.DataFrame({"x": [1.23456789, np.nan, -1e-17], "n": [1234567890, 2, 3]})
    assert rounded(table)["x"].tolist()[::2] == [1.23457, 0.0]
    assert rounded(table)["x"].isna().tolist() == [False, True, False]
    assert rounded(table)["n"].tolist() == [1234567890, 2, 3]
