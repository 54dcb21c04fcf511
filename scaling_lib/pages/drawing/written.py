"""Results of the library as a page writes them: numbers with a sign, rates without idle zeros, changes, rules, and
rows of the ledger as a table.

Built on `numbers.number`, the one formatter.
"""

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Annotated, Any

import pandas as pd

from scaling_lib.arguments import BY_HAND, Remedy, checked
from scaling_lib.errors import MissingDependency, check_text, invalid
from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization, table, width_powers
from scaling_lib.pages.drawing.numbers import Decimals, number
from scaling_lib.pages.drawing.prose import texts
from scaling_lib.pages.judging.claims import Row
from scaling_lib.pages.judging.measured import AnyMeasured

__all__ = [
    "claimed_html",
    "interval",
    "short",
    "show_verdicts",
    "signed",
    "typeset",
    "verdict_html",
    "verdicts_table",
    "written_change",
    "written_rules",
    "written_value",
]

AnyRow = Annotated[Row, Remedy("take it from evaluate()")]
# A claim is written in plain letters in the ledger, and with those of the field on a page.
_SIGNS = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "kappa": "κ",
    "Erdos-Renyi": "Erdős–Rényi",
    "Barabasi-Albert": "Barabási–Albert",
}
_POWER = re.compile(r"(?<=[\w)])\^(-?)([A-Za-zα-ω]|\d+(?:\.\d+)?)(?![\w^])")
_TYPESET = [
    (re.compile(r"\b(alpha|beta|gamma)_([A-Z])-bar\b"), lambda m: f"{_SIGNS[m[1]]}\u0304<sub>{m[2]}</sub>"),
    (re.compile(r"\b(alpha|beta|gamma)_([A-Z])\b"), lambda m: f"{_SIGNS[m[1]]}<sub>{m[2]}</sub>"),
    (re.compile(rf"\b({'|'.join(_SIGNS)})\b"), lambda m: _SIGNS[m[1]]),
    (re.compile(r"\b([A-Z])_(opt|noemb|[A-Z])\b"), lambda m: f"{m[1]}<sub>{m[2]}</sub>"),
    (_POWER, lambda m: f"<sup>{'−' if m[1] else ''}{m[2]}</sup>"),
    (re.compile(r" ~ "), lambda m: " ∝ "),
    (re.compile(r"\+-"), lambda m: "±"),
]


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
def written_change(row: AnyRow, *, decimals: Decimals = 2) -> str:
    """A change in an exponent as the ledger has it: +1.09 (+0.33 to +1.53; *differs*, exploratory).

    Of an undetermined row no number is given, but its reason. Raises InvalidArgument for a row that was not measured.
    """
    return _with_verdict(row, lambda value: signed(value, decimals=decimals))


@checked
def written_value(row: AnyRow, *, decimals: Decimals = 2) -> str:
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


# ---------------------------------------------------------------------- rows of the ledger


def typeset(words: Annotated[str, BY_HAND]) -> str:
    """Words of the ledger as HTML: Greek letters, subscripts and powers.

    >>> typeset("beta_D of the bigram graph, up to D^0.5")
    'β<sub>D</sub> of the bigram graph, up to D<sup>0.5</sup>'
    """
    check_text("words", words)
    html = escape(words)
    for pattern, written in _TYPESET:
        html = pattern.sub(written, html)
    return html


@checked
def verdicts_table(rows: Annotated[Sequence[Row], Remedy("take them from claims.evaluate")]) -> str:
    """Rows of the ledger as HTML, a line each: the claim in words with its id, what was claimed and by which margin,
    ours with its 95 % interval, and the verdict, which says why where it is undetermined. Raises InvalidArgument."""
    lines = []
    for row in rows:
        words = texts(row)
        ours = words["ours"] if row.shown is not None else "–"
        if row.shown is not None and row.shown.low != row.shown.high:
            ours += f"<small>{words['interval']}</small>"
        claimed = claimed_html(row)
        if row.claim.margin is not None:
            claimed += f"<small>{'margin' if row.claim.side else '±'} {escape(words['margin'])}</small>"
        claim = f"{typeset(row.claim.claim)}<small><code>{escape(row.claim.id)}</code></small>"
        lines.append("".join(f"<td>{cell}</td>" for cell in (claim, claimed, ours, verdict_html(row))))
    heads = "".join(f'<th scope="col">{title}</th>' for title in ("Claim", "Claimed", "Ours", "Verdict"))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    table = f'<table class="claims"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="table-scroll">{table}</div>'


@checked
def show_verdicts(rows: Annotated[Sequence[Row], Remedy("take them from claims.evaluate")]) -> None:
    """Display `verdicts_table(rows)` in a notebook. Needs IPython. Raises InvalidArgument."""
    try:
        from IPython.display import HTML, display
    except ImportError:
        raise MissingDependency("a table of verdicts is displayed by IPython: run this in a notebook.") from None
    display(HTML(verdicts_table(rows)))


@checked
def claimed_html(row: AnyRow) -> str:
    """What a row claims, a bound where it has one side, with its unit."""
    claimed = escape(texts(row)["claimed"])
    return claimed if row.claim.unit in ("1", "words") else f"{claimed} {escape(row.claim.unit)}"


@checked
def verdict_html(row: AnyRow) -> str:
    """The verdict of a row, whether it is exploratory, and why it is undetermined."""
    cell = f'<span class="verdict">{row.verdict}</span>{"<small>exploratory</small>" if row.exploratory else ""}'
    return f'{cell}<small class="reason">{typeset(row.reason)}</small>' if row.reason else cell


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
