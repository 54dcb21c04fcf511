"""Numbers in the prose: always computed, never typed.

In a notebook a sentence with numbers is displayed from code (`say`). On the book's own pages numbers are glued, and
only ledger rows and run tables can be (`glue`). `texts` writes the numbers of either, digits by the margin of the rule;
`plain` writes a number that somebody chose or printed, with the digits that it was given.
"""

import inspect
import math
from typing import Annotated, Any

import pandas as pd

from scaling_lib.arguments import BY_HAND, checked
from scaling_lib.errors import MissingDependency, check_instance
from scaling_lib.pages.drawing.numbers import number
from scaling_lib.pages.judging.claims import Row
from scaling_lib.pages.judging.measured import Measured
from scaling_lib.runs.keeping.tables import check_runs

__all__ = ["glue", "plain", "say", "texts"]


@checked
def say(sentence: str) -> None:
    """Display `sentence`, which is Markdown: `say(rf"The floor is $H =$ {number(floor, 5)} nats.")`.

    The indentation that it has as a text of several lines inside a block of code is taken away, as of a docstring:
    Markdown would show indented lines as code. Numbers in it are written by `numbers.number` and `numbers.percent`.
    Needs IPython. Raises InvalidArgument for what is no text.
    """
    _ipython().display(_ipython().Markdown(inspect.cleandoc(sentence)))


@checked
def glue(key: str, source: Annotated[Row | Measured | pd.DataFrame, BY_HAND]) -> None:
    """Make numbers of a ledger row, a measured value or a run table available to the book's pages.

    Pages write {glue:text}`../notebooks/NN-name.ipynb::key.ours` and so on. Keys: of a Row or Measured: ours, interval,
    and for a Row also published, claimed (the same; of a claim with one side "at least 2"), margin, kind, verdict,
    reason, power, chance, place; of a run table: runs, tokens_low, tokens_high. Outside the book's build (Colab), where
    myst-nb is absent, it does nothing.
    """
    check_instance("source", source, (Row, Measured, pd.DataFrame), remedy="pass a ledger row or a table of runs")
    try:
        from myst_nb import glue as keep
    except ImportError:
        return
    for name, text in texts(source).items():
        keep(f"{key}.{name}", text, display=False)


def texts(source: Row | Measured | pd.DataFrame) -> dict[str, str]:
    """The numbers of `source` as a page prints them, under the names that `glue` lists.

    Digits follow the margin: two more than it has, three decimals at the least, none where all are whole numbers. Of an
    undetermined row no number of ours is printed: the word stands in its place, and `reason` says why.
    """
    check_instance("source", source, (Row, Measured, pd.DataFrame), remedy="pass a ledger row or a table of runs")
    if isinstance(source, pd.DataFrame):
        tokens = check_runs("source", source, ("identity", "D"))["D"]
        counts = {"runs": len(source), "tokens_low": tokens.min(), "tokens_high": tokens.max()}
        return {name: number(count) for name, count in counts.items()}
    measured = source.shown if isinstance(source, Row) else source
    margin = source.claim.margin if isinstance(source, Row) else None
    absent = source.verdict if isinstance(source, Row) and source.verdict == "undetermined" else "not run"
    words = {"ours": absent, "interval": absent}
    if measured is not None:
        ends = (measured.value, measured.low, measured.high)
        decimals = 3 if margin is None else max(3, 1 + math.ceil(-math.log10(margin)))
        if all(float(end).is_integer() and abs(end) < 1e15 for end in ends):
            decimals = 0
        value, low, high = (number(float(end), decimals=decimals) for end in ends)
        words = {"ours": value, "interval": value if low == high else f"{low} to {high}"}
    if isinstance(source, Row):
        claim = source.claim
        published = claim.published if isinstance(claim.published, str) else plain(claim.published)
        chances = {"power": source.power, "chance": source.chance}
        words |= {
            "published": published,
            "claimed": f"{claim.side}{published}",
            "margin": "none" if margin is None else plain(margin),
            "kind": claim.kind,
            "verdict": source.verdict + (" (exploratory)" if source.exploratory else ""),
            "reason": source.reason,
            "place": claim.place,
        }
        words |= {name: absent if value is None else number(value, decimals=2) for name, value in chances.items()}
    return words


@checked
def plain(value: float) -> str:
    """A number as whoever chose or printed it wrote it, up to seven digits. Raises InvalidArgument for what is no
    finite number.

    >>> plain(8192.0), plain(0.749), plain(1.07e-8)
    ('8,192', '0.749', '1.07e-8')
    """
    if value.is_integer() and abs(value) < 1e10:
        return f"{value:,.0f}"
    mantissa, _, power = f"{value:.7g}".partition("e")
    return f"{mantissa}e{int(power)}" if power else mantissa


def _ipython() -> Any:
    try:
        from IPython import display
    except ImportError:
        raise MissingDependency("sentences are displayed by IPython: run this in a notebook.") from None
    return display
