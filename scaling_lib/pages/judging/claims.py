"""Judging the ledger: our value beside the published one, its interval, and the verdict of a rule fixed beforehand.

`ledger` has the claims and their rules as they are written down, `quantities` and `exact_quantities` compute what they
compare, `measured` holds the outcome, and this module judges.

The rule is the same everywhere. Let [low, high] be the 95 % interval of our value, p the published one, and m the
margin written in the ledger before the run. The band of agreement is [p - m, p + m]; for a claim of the sense "at
least" it is [p - m, oo), for "at most" (-oo, p + m]. The claim is

    reproduced      if  [low, high]  lies inside the band
    differs         if  it lies outside it altogether
    inconclusive    otherwise, if the rule had power
    not testable    otherwise, if it had not: at this size no verdict was to be expected
    not run         if there is nothing to judge it by

**Power** is the probability that the rule says *differs* when the truth lies two margins from the published value,

    power = Phi(m / s - 1.96),        s = (high - low) / 3.92,

and it must be .8 at least, so the interval must be no longer than 1.4 margins. Where our runs share no width and no D
with those of the claim there is no power at all, whatever the interval: our value is shown and nothing is concluded.

The published spread is a standard deviation over curves, not an error, so it never enters the rule. A run made before
the rule that judges it was in force makes the verdict *exploratory*: it is shown, and said to be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import pandas as pd
from scipy.special import ndtr

from scaling_lib.arguments import BY_HAND, Choice, Remedy, checked
from scaling_lib.errors import invalid
from scaling_lib.pages.judging.ledger import VERDICTS, AnyClaim, Claim, ledger, rules_history
from scaling_lib.pages.judging.measured import AnyMeasured, Measured, Tables
from scaling_lib.pages.judging.quantities import QUANTITIES

__all__ = ["Row", "evaluate", "expected_false_differences", "judge", "ledger_frame", "totals"]

POWER = 0.8


@checked
@dataclass(frozen=True)
class Row:
    """A claim, what we measured (None where nothing was run), the verdict (one of VERDICTS), and whether it is
    exploratory: a run behind it is older than its rule. Raises InvalidArgument, naming the field, where one is no such
    thing."""

    claim: AnyClaim
    measured: AnyMeasured | None
    verdict: Annotated[str, Choice(VERDICTS)]
    exploratory: bool

    @property
    def power(self) -> float | None:
        """Of the rule at the width of our interval; None where nothing was measured."""
        return None if self.measured is None else power(self.claim, self.measured)

    def as_dict(self) -> dict[str, object]:
        """The row as plain values, as `scaling-lab claims --json` prints it."""
        ours = self.measured
        return {
            "id": self.claim.id,
            "place": self.claim.place,
            "claim": self.claim.claim,
            "published": self.claim.published,
            "ours": None if ours is None else ours.value,
            "interval": None if ours is None else [ours.low, ours.high],
            "spread": self.claim.spread,
            "sense": self.claim.sense,
            "margin": self.claim.margin,
            "power": self.power,
            "verdict": self.verdict,
            "exploratory": self.exploratory,
            "source": self.claim.source,
            "scope": self.claim.scope,
            "chapter": self.claim.chapter,
            "runs": [] if ours is None else list(ours.runs),
        }


@checked
def power(claim: AnyClaim, measured: AnyMeasured) -> float:
    """The probability of *differs* if the truth lay two margins from the published value, with our interval's width.
    Zero where nothing is shared with the claim, one where the value has no error. Raises InvalidArgument."""
    low, high = claim.band
    if not measured.shared:
        return 0.0
    error = (measured.high - measured.low) / 3.92
    margin = claim.margin if claim.margin is not None else high - low
    return 1.0 if error == 0 else float(ndtr(margin / error - 1.96))


@checked
def judge(claim: AnyClaim, measured: AnyMeasured | None) -> str:
    """The verdict, one of VERDICTS, of the rule in the module's docstring. measured: None where nothing was run.

    >>> from scaling_lib.pages.judging.ledger import ledger
    >>> claim = next(claim for claim in ledger() if claim.id == "er-8k-k0.beta")
    >>> claim.band, judge(claim, Measured(0.76, 0.72, 0.8)), judge(claim, Measured(1.0, 0.95, 1.05))
    ((0.649, 0.849), 'reproduced', 'differs')
    """
    if measured is None or not claim.judged:
        return "not run"
    low, high = claim.band
    if not measured.shared:
        return "not testable"
    if low <= measured.low and measured.high <= high:
        return "reproduced"
    if measured.low > high or measured.high < low:
        return "differs"
    return "inconclusive" if power(claim, measured) >= POWER else "not testable"


@checked
def evaluate(
    tables: Annotated[Tables, BY_HAND],
    *,
    only: Annotated[Sequence[str], Remedy("pass ids of claims", least=0)] = (),
) -> list[Row]:
    """Every claim judged on `tables`, a function from an experiment's name to the table of its runs, or to None where
    there are none: `runs.keeping.tables.recorded_or_none` for the runs that ship.

    only: the ids of the claims that are wanted; all by default. The rows have the order of the ledger. Raises
    InvalidArgument where an id is unknown.
    """
    if not callable(tables):
        raise invalid("tables", "a function from experiment name to runs", tables, "pass load_recorded")
    if unknown := sorted(set(only) - {claim.id for claim in ledger()}):
        raise invalid("only", "ids of the ledger", unknown, "see `scaling-lab claims`")
    judged = []
    for claim in ledger():
        if only and claim.id not in only:
            continue
        measured = QUANTITIES[claim.quantity](tables) if claim.judged else None
        exploratory = measured is not None and not _confirmatory(claim, measured)
        judged.append(Row(claim, measured, judge(claim, measured), exploratory))
    return judged


def ledger_frame(rows: list[Row]) -> pd.DataFrame:
    """The rows as a table to print: id, published, ours, interval, margin, verdict."""
    return pd.DataFrame(
        [
            {
                "id": row.claim.id,
                "published": row.claim.published,
                "ours": None if row.measured is None else row.measured.value,
                "95 % interval": "" if row.measured is None else f"{row.measured.low:.3g} to {row.measured.high:.3g}",
                "margin": row.claim.margin,
                "verdict": row.verdict + (" (exploratory)" if row.exploratory else ""),
            }
            for row in _checked_rows(rows)
        ]
    )


def totals(rows: list[Row]) -> pd.Series:
    """How many claims have which verdict: a series over VERDICTS."""
    counted = pd.Series([row.verdict for row in _checked_rows(rows)], dtype=str).value_counts()
    return counted.reindex(list(VERDICTS), fill_value=0).rename("claims")


def expected_false_differences(rows: list[Row]) -> tuple[float, float]:
    """How many verdicts *differs* chance alone would give, expected: if every published value were exactly true, and
    at the worst, if every truth lay on the edge of its band. There a 95 % interval misses the band altogether once in
    forty times. Values without an error (their interval is a point) take no part."""
    exact = worst = 0.0
    for row in _checked_rows(rows):
        ours, margin = row.measured, row.claim.margin
        if ours is None or margin is None or not ours.shared or ours.high == ours.low:
            continue
        tails = 2 if row.claim.sense == "equal" else 1
        exact += tails * float(ndtr(-1.96 - 3.92 * margin / (ours.high - ours.low)))
        worst += 0.025
    return exact, worst


def _checked_rows(rows: list[Row]) -> list[Row]:
    if not isinstance(rows, list) or not all(isinstance(row, Row) for row in rows):
        raise invalid("rows", "a list of Row", rows, "pass the result of evaluate()")
    return rows


def _confirmatory(claim: Claim, measured: Measured) -> bool:
    """Whether every run behind `measured` was made while this claim's rule was in force."""
    history = rules_history()
    return all(claim.rule in history.get(rules, []) for rules in measured.rules)
