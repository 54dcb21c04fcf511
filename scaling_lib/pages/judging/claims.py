"""Judging the ledger: our value beside the published one, its interval, and the verdict of a rule fixed beforehand.

`ledger` has the claims and their rules as they are written down, `quantities` and `exact_quantities` compute what they
compare, `measured` holds the outcome, and this module judges.

The rule is the same everywhere. Let [low, high] be the 95 % interval of our value, p the published one, and m the
margin written in the ledger before the run. The band of agreement is [p - m, p + m]; for a claim of the sense "at
least" it is [p - m, oo), for "at most" (-oo, p + m]. The claim is

    undetermined    if it was measured and cannot be decided: the rule has too little power at the length of our
                    interval, or the quantity itself is `Undecided` (the seeds' scatter rejects the fitted law, a
                    best rate lies at the edge of its grid, ...). It prints no number, but the reason
    reproduced      otherwise, if  [low, high]  lies inside the band
    differs         if  it lies outside it altogether
    inconclusive    if it lies across an end of it
    not run         if there is nothing to judge it by

**Power** is the probability that the rule says *differs* when the truth lies two margins from the published value. With
the standard error s of our value and a known s,

    power = Phi(m / s - 1.96),        s = (high - low) / 3.92,

and where the interval is Student's on f degrees of freedom s is (high - low) / 2 t and the power the chance that a
noncentral t with parameter m / s on f degrees exceeds t. It must be .8 at least, so the interval must be no longer than
1.4 margins. Power speaks of a claim that is wrong. Of one that is exactly true the rule says *reproduced* with a chance
of its own (`chance_of_reproduced`), smaller than the power: .60 where the power is .80. Both are printed. Whoever
designs runs for a row should aim at an interval of 1.2 margins at most, where the second chance is above .8.

The published spread is a standard deviation over curves, not an error, so it never enters the rule. A run made before
the rule that judges it was in force makes the verdict *exploratory*: it is shown, and said to be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import ndtr

from scaling_lib.arguments import BY_HAND, Choice, Remedy, checked
from scaling_lib.errors import check_instance, invalid
from scaling_lib.pages.judging.ledger import KINDS, VERDICTS, AnyClaim, Claim, ledger, rules_history
from scaling_lib.pages.judging.measured import AnyMeasured, Measured, Outcome, Tables, Undecided
from scaling_lib.pages.judging.quantities import QUANTITIES
from scaling_lib.runs.keeping.tables import manifest, recorded_folder, recorded_or_none

__all__ = [
    "Row",
    "chance_of_reproduced",
    "evaluate",
    "expected_false_differences",
    "judge",
    "ledger_frame",
    "power",
    "totals",
    "why_undetermined",
]

POWER = 0.8
TOO_LONG = "the interval is so long that the rule could hardly have said that the claim differs"
# Equally likely values of the estimate, and of its standard error where it is Student's, at which the rule is asked.
_ESTIMATES, _ERRORS = 400, 24


@checked
@dataclass(frozen=True)
class Row:
    """A claim, what we measured (None where nothing was run), the verdict (one of VERDICTS), and whether it is
    exploratory: a run behind it is older than its rule. Raises InvalidArgument, naming the field, where one is no such
    thing."""

    claim: AnyClaim
    measured: Annotated[Outcome, BY_HAND]
    verdict: Annotated[str, Choice(VERDICTS)]
    exploratory: bool

    def __post_init__(self) -> None:
        _checked_outcome(self.measured)

    @property
    def shown(self) -> Measured | None:
        """What may be printed of our value: None where nothing was run or the row is undetermined."""
        decided = self.verdict not in ("undetermined", "not run")
        return self.measured if decided and isinstance(self.measured, Measured) else None

    @property
    def power(self) -> float | None:
        """Of the rule at the length of our interval; None where no value is shown."""
        return None if self.shown is None else power(self.claim, self.shown)

    @property
    def chance(self) -> float | None:
        """Of *reproduced* if the claim were exactly true, at the length of our interval; None where no value is
        shown."""
        return None if self.shown is None else chance_of_reproduced(self.claim, self.shown)

    @property
    def reason(self) -> str:
        """Why the row is undetermined; "" where it is not."""
        if self.verdict != "undetermined" or self.measured is None:
            return ""
        return why_undetermined(self.claim, self.measured) or TOO_LONG

    def as_dict(self) -> dict[str, object]:
        """The row as plain values, as `scaling-lab claims --json` prints it. An undetermined row has no numbers of
        ours."""
        ours = self.shown
        return {
            "id": self.claim.id,
            "place": self.claim.place,
            "claim": self.claim.claim,
            "kind": self.claim.kind,
            "published": self.claim.published,
            "ours": None if ours is None else ours.value,
            "interval": None if ours is None else [ours.low, ours.high],
            "spread": self.claim.spread,
            "sense": self.claim.sense,
            "margin": self.claim.margin,
            "power": self.power,
            "chance_of_reproduced": self.chance,
            "verdict": self.verdict,
            "reason": self.reason,
            "exploratory": self.exploratory,
            "source": self.claim.source,
            "scope": self.claim.scope,
            "chapter": self.claim.chapter,
            "runs": [] if self.measured is None else list(self.measured.runs),
        }


@checked
def power(claim: AnyClaim, measured: AnyMeasured) -> float:
    """The probability of *differs* if the truth lay two margins from the published value, with our interval's length.
    One where the value has no error. Raises InvalidArgument."""
    low, high = claim.band
    margin = claim.margin if claim.margin is not None else high - low
    times = 1.96 if measured.freedom is None else float(stats.t.ppf(0.975, measured.freedom))
    error = (measured.high - measured.low) / (2 * times)
    if error == 0 or margin / error > 100:
        return 1.0
    if measured.freedom is None:
        return float(ndtr(margin / error - times))
    return float(stats.nct.sf(times, measured.freedom, margin / error))


@checked
def chance_of_reproduced(claim: AnyClaim, measured: AnyMeasured) -> float:
    """The probability of *reproduced* if the published value were exactly true, with our interval's length: the share
    of equally likely estimates of which `judge` says so. Raises InvalidArgument.

    >>> from scaling_lib.pages.judging.ledger import ledger
    >>> claim = next(claim for claim in ledger() if claim.id == "er-8k-k0.beta")
    >>> half = 1.399 * claim.margin / 2
    >>> measured = Measured(claim.published, claim.published - half, claim.published + half)
    >>> round(power(claim, measured), 2), round(chance_of_reproduced(claim, measured), 2)
    (0.8, 0.6)
    """
    _ = claim.band
    return _chance(claim, measured.high - measured.low, measured.freedom)


@cache
def _chance(claim: Claim, length: float, freedom: float | None) -> float:
    times = 1.96 if freedom is None else float(stats.t.ppf(0.975, freedom))
    error = length / (2 * times)
    middles = float(claim.published) + error * stats.norm.ppf((np.arange(_ESTIMATES) + 0.5) / _ESTIMATES)
    scales = np.ones(1)
    if freedom is not None and length:
        scales = np.sqrt(stats.chi2.ppf((np.arange(_ERRORS) + 0.5) / _ERRORS, freedom) / freedom)
    least, most = claim.band
    said = []
    for half in length / 2 * scales:
        # The power depends on the length alone, so it is asked once and not for every estimate.
        decidable = power(claim, Measured(0.0, -half, half, freedom=freedom)) >= POWER
        said.append(decidable & (least <= middles - half) & (middles + half <= most))
    return float(np.mean(said))


@checked
def why_undetermined(claim: AnyClaim, measured: Annotated[Outcome, BY_HAND]) -> str:
    """Why the claim is measured and not decidable, in words; "" where it is decidable or not measured. Raises
    InvalidArgument where the claim has no rule."""
    _checked_outcome(measured)
    if measured is None:
        return ""
    if isinstance(measured, Undecided):
        return measured.reason
    return "" if power(claim, measured) >= POWER else TOO_LONG


def _placed(claim: Claim, low: float, high: float) -> str:
    """Where the interval lies of a claim that can be decided."""
    least, most = claim.band
    if least <= low and high <= most:
        return "reproduced"
    return "differs" if low > most or high < least else "inconclusive"


@checked
def judge(claim: AnyClaim, measured: Annotated[Outcome, BY_HAND]) -> str:
    """The verdict, one of VERDICTS, of the rule in the module's docstring. measured: None where nothing was run.

    >>> from scaling_lib.pages.judging.ledger import ledger
    >>> claim = next(claim for claim in ledger() if claim.id == "er-8k-k0.beta")
    >>> claim.band, judge(claim, Measured(0.76, 0.72, 0.8)), judge(claim, Measured(1.0, 0.95, 1.05))
    ((0.649, 0.849), 'reproduced', 'differs')
    """
    _checked_outcome(measured)
    if measured is None or not claim.judged:
        return "not run"
    if isinstance(measured, Undecided) or why_undetermined(claim, measured):
        return "undetermined"
    return _placed(claim, measured.low, measured.high)


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
    asked = [claim for claim in ledger() if not only or claim.id in only]
    if tables is not recorded_or_none:
        return [_judged(claim, tables) for claim in asked]
    shipped = frozenset((name, entry["sha256"]) for name, entry in manifest(recorded_folder()).items())
    return [_judged_on_recorded(claim, shipped) for claim in asked]


def _judged(claim: Claim, tables: Tables) -> Row:
    measured = QUANTITIES[claim.quantity](tables) if claim.judged else None
    exploratory = measured is not None and not _confirmatory(claim, measured)
    return Row(claim, measured, judge(claim, measured), exploratory)


@cache
def _judged_on_recorded(claim: Claim, shipped: frozenset[tuple[str, str]]) -> Row:
    """The row on the tables that ship, which are known by their hashes: a program that asks for it again has it."""
    return _judged(claim, recorded_or_none)


def ledger_frame(rows: list[Row]) -> pd.DataFrame:
    """The rows as a table to print: id, kind, claimed, ours, interval, margin, power, verdict and why.

    What is claimed is what others published or, for a question of this book's own, what it registered before the runs;
    of a claim with one side it is a bound.
    """
    lines: list[dict[str, object]] = []
    for row in _checked_rows(rows):
        ours = row.shown
        chances = "" if ours is None or ours.low == ours.high else f"{row.power:.2f} / {row.chance:.2f}"
        verdict = row.verdict + (" (exploratory)" if row.exploratory else "")
        lines.append(
            {
                "id": row.claim.id,
                "kind": row.claim.kind,
                "claimed": f"{row.claim.side}{row.claim.published:.7g}" if row.claim.side else row.claim.published,
                "ours": "" if ours is None else ours.value,
                "95 % interval": "" if ours is None else f"{ours.low:.3g} to {ours.high:.3g}",
                "margin": "" if row.claim.margin is None else row.claim.margin,
                "power / chance": chances,
                "verdict": f"{verdict}: {row.reason}" if row.reason else verdict,
            }
        )
    return pd.DataFrame(lines)


def totals(rows: list[Row]) -> pd.DataFrame:
    """How many claims of each kind (index, KINDS) have which verdict (columns, VERDICTS). There is no sum over kinds:
    verdicts by twin are not counted with those of trainings at the paper's sizes, nor what is so by construction with
    what could have failed."""
    kinds = pd.Series([row.claim.kind for row in _checked_rows(rows)], dtype=str, name="kind")
    verdicts = pd.Series([row.verdict for row in rows], dtype=str, name="verdict")
    return pd.crosstab(kinds, verdicts).reindex(index=list(KINDS), columns=list(VERDICTS), fill_value=0)


def expected_false_differences(rows: list[Row]) -> tuple[float, float]:
    """How many verdicts *differs* chance alone would give, expected: if every published value were exactly true, and
    at the worst, if every truth lay on the edge of its band. There a 95 % interval misses the band altogether once in
    forty times. Values without an error (their interval is a point) take no part, nor do undetermined rows."""
    exact = worst = 0.0
    for row in _checked_rows(rows):
        if row.shown is None or row.shown.high == row.shown.low:
            continue
        exact += (2 if row.claim.sense == "equal" else 1) * _beyond(row.claim, row.shown)
        worst += 0.025
    return exact, worst


def _beyond(claim: Claim, measured: Measured) -> float:
    """The chance that the interval lies beyond one end of the band, if the published value is exactly true."""
    margin = float(claim.margin or 0)
    times = 1.96 if measured.freedom is None else float(stats.t.ppf(0.975, measured.freedom))
    error = (measured.high - measured.low) / (2 * times)
    if measured.freedom is None:
        return float(ndtr(-times - margin / error))
    return float(stats.nct.sf(times, measured.freedom, -min(margin / error, 30.0)))


def _checked_outcome(measured: Outcome) -> None:
    if measured is not None:
        check_instance("measured", measured, (Measured, Undecided), remedy="pass what a quantity gives")


def _checked_rows(rows: list[Row]) -> list[Row]:
    if not isinstance(rows, list) or not all(isinstance(row, Row) for row in rows):
        raise invalid("rows", "a list of Row", rows, "pass the result of evaluate()")
    return rows


def _confirmatory(claim: Claim, measured: Measured | Undecided) -> bool:
    """Whether every run behind `measured` was made while this claim's rule was in force."""
    history = rules_history()
    return all(claim.rule in history.get(rules, []) for rules in measured.rules)
