"""Results of the library as a page writes them: numbers with a sign, rates without idle zeros, changes, rules.

Built on `numbers.number`, the one formatter.
"""

from collections.abc import Callable
from typing import Annotated, Any

import pandas as pd

from scaling_lib.arguments import Remedy, checked
from scaling_lib.errors import invalid
from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization, table, width_powers
from scaling_lib.pages.drawing.numbers import Decimals, number
from scaling_lib.pages.judging.claims import Row
from scaling_lib.pages.judging.measured import AnyMeasured

__all__ = ["interval", "short", "signed", "written_change", "written_rules", "written_value"]


def short(value: Any, digits: int = 3) -> str:
    """`number` without zeros at the end of its decimals: how a learning rate or a factor of a grid is written.

    >>> short(2.0), short(0.25), short(0.015625), short(100.0)
    ('2', '0.25', '0.0156', '100')
    """
    mantissa, times, power = number(value, digits).partition(" × ")
    return (mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa) + times + power


def signed(value: Any, *, decimals: Decimals = 2) -> str:
    """`value` with its sign, a plus where it is not negative.

    >>> signed(0.3661), signed(-0.5), signed(-0.001)
    ('+0.37', '-0.50', '+0.00')
    """
    text = number(value, decimals=decimals)
    return text if text.startswith("-") else f"+{text}"


@checked
def interval(value: AnyMeasured, *, decimals: Decimals = 2) -> str:
    """A measured value with its interval: 0.72 (0.52 to 0.92)."""
    middle, low, high = (number(part, decimals=decimals) for part in (value.value, value.low, value.high))
    return f"{middle} ({low} to {high})"


@checked
def written_change(row: Annotated[Row, Remedy("take it from evaluate()")], *, decimals: Decimals = 2) -> str:
    """A change in an exponent as the ledger has it: +1.09 (+0.33 to +1.53; *differs*, exploratory).

    Of an undetermined row no number is given, but its reason. Raises InvalidArgument for a row that was not measured.
    """
    return _with_verdict(row, lambda value: signed(value, decimals=decimals))


@checked
def written_value(row: Annotated[Row, Remedy("take it from evaluate()")], *, decimals: Decimals = 2) -> str:
    """The same of a value that is no change: 1.09 (0.33 to 1.53; *differs*, exploratory)."""
    return _with_verdict(row, lambda value: number(value, decimals=decimals))


def _with_verdict(row: Row, written: Callable[[float], str]) -> str:
    if row.measured is None:
        raise invalid("row", "a row that was measured", row.claim.id, "train its runs first")
    verdict = f"*{row.verdict}*" + (", exploratory" if row.exploratory else "")
    if row.shown is None:
        return f"{verdict} ({row.reason})"
    middle, low, high = map(written, (row.shown.value, row.shown.low, row.shown.high))
    return f"{middle} ({low} to {high}; {verdict})"


def written_rules(architecture: Architecture, parametrization: Parametrization) -> pd.DataFrame:
    """Start, rate and multiplier of each tensor as text: the value at this width, in brackets the power of the width n.

    Indexed by the tensor's name in words. A dash stands for what is not defined or zero.
    """
    values = table(architecture, parametrization).set_index("tensor")
    powers = width_powers(architecture, parametrization).set_index("tensor")
    heads = {"initial_std": "start (std)", "learning_rate_factor": "rate ÷ λ", "multiplier": "output ×"}
    text = {
        words: [_entry(value, power) for value, power in zip(values[column], powers[column], strict=True)]
        for column, words in heads.items()
    }
    names = [str(name).replace("_", " ") for name in values.index]
    return pd.DataFrame(text, index=names)


def _entry(value: float, power: float) -> str:
    if not value > 0:  # NaN too
        return "–"
    return short(value) if power == 0 else f"{short(value)}  (n^{'+' if power > 0 else ''}{short(power, 2)})"
