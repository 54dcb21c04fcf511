"""How a number is written in a sentence, a caption or a table: one way for the whole book.

A page must not change with the processor that computed it. So a number is written to the digits that are asked for,
zero has no sign, and what is smaller than rounding leaves of it (`NOISE`) is said to be small instead of printed.
"""

import math
from typing import Annotated, Any

import numpy as np
import pandas as pd

from scaling_lib.arguments import Integer, Remedy, checked
from scaling_lib.errors import check_real

__all__ = ["CSV_DIGITS", "NOISE", "number", "percent", "rounded"]

AnyTable = Annotated[pd.DataFrame, Remedy("pass a pandas DataFrame")]
Digits = Annotated[int, Integer(minimum=1, maximum=17)]
_Significant = Annotated[int, Integer(minimum=1, maximum=15)]
Decimals = Annotated[int | None, Integer(minimum=0, maximum=15)]

# Sums of a thousand terms of order one, computed in double precision, agree between processors to about this.
NOISE = 1e-12
# Significant digits of the data behind a figure: what a fit that ends at a tolerance of 1e-9 of its objective
# determines of its parameters.
CSV_DIGITS = 6

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@checked
def number(value: Any, digits: _Significant = 3, *, decimals: Decimals = None) -> str:
    """`value` as prose writes it: 8,192; 0.749; 1.07 × 10⁻⁸; less than 10⁻¹².

    digits: significant digits of a number that is not whole (whole numbers of type int are written in full). decimals:
    digits after the point, in place of `digits`. Raises InvalidArgument for what is no finite number.

    >>> number(8192), number(0.74912), number(1234.6), number(-0.0004, decimals=2)
    ('8,192', '0.749', '1,230', '0.00')
    >>> number(1.0712e-8), number(3e-16)
    ('1.07 × 10⁻⁸', 'less than 10⁻¹²')
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    value = check_real("value", value)
    if whole:
        return f"{int(value):,}"
    if decimals is not None:
        return _without_sign_of_zero(f"{value:,.{decimals}f}")
    size = abs(value)
    if size == 0:
        return "0"
    if size < NOISE:
        return f"less than {_power(round(math.log10(NOISE)))}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    if power < -4 or power >= 7:
        return f"{mantissa} × {_power(power)}"
    written = round(value, digits - 1 - power)
    return f"{written:,.{max(0, digits - 1 - power)}f}"


@checked
def percent(share: float, digits: _Significant = 2, *, decimals: Decimals = None) -> str:
    """A share as percent: `percent(0.0284)` is "2.8 %". digits, decimals: as for `number`."""
    return f"{number(100 * share, digits, decimals=decimals)} %"


@checked
def rounded(table: AnyTable, digits: Digits = CSV_DIGITS) -> pd.DataFrame:
    """`table` with its floats rounded to `digits` significant digits; zero has no sign, and what is below `NOISE` of
    the largest entry of its column is zero."""
    floats = table.select_dtypes("floating")
    copy = table.copy()
    for name in floats:
        copy[name] = _rounded_column(floats[name].to_numpy(float), digits)
    return copy


def _rounded_column(column: np.ndarray, digits: int) -> np.ndarray:
    # Through decimal text, since dividing by a power of ten would bring back digits that were rounded away.
    result = np.array([float(f"{value:.{digits - 1}e}") for value in column])
    largest = np.abs(column[np.isfinite(column)]).max(initial=0.0)
    result[np.abs(column) <= NOISE * largest] = 0.0
    return result + 0.0  # -0.0 + 0.0 is 0.0


def _power(exponent: int) -> str:
    return f"10{str(exponent).translate(_SUPERSCRIPT)}"


def _without_sign_of_zero(text: str) -> str:
    return text.removeprefix("-") if not text.strip("-0.,") else text
