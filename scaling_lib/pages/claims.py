"""The ledger: every claim with its published value, a rule fixed beforehand, our value, an interval and a verdict.

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

import hashlib
import json
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

import pandas as pd
from scipy.special import ndtr

from scaling_lib.errors import (
    InvalidArgument,
    InvalidData,
    check_choice,
    check_flag,
    check_instance,
    check_real,
    check_sequence,
    check_text,
    invalid,
)

__all__ = [
    "SENSES",
    "VERDICTS",
    "Claim",
    "Measured",
    "Row",
    "evaluate",
    "expected_false_differences",
    "freeze",
    "judge",
    "ledger",
    "ledger_frame",
    "rules_hash",
    "rules_history",
    "totals",
]

VERDICTS = ("reproduced", "differs", "inconclusive", "not testable", "not run")
SENSES = ("equal", "at least", "at most")
POWER = 0.8


@dataclass(frozen=True)
class Claim:
    """One row of `pages/ledger.toml`.

    published: the value, in `unit`; where the claim is no number, its words. spread: the standard deviation that was
    published with it, if any. source: whose claim. quantity: which of `pages.quantities.QUANTITIES` is compared, "" for
    none, and then `margin`, `sense` and `scope` stand empty too. margin: half-width of the band around `published` that
    counts as agreement. sense: "equal", "at least" or "at most". scope: the data and range it is compared over. note:
    what a reader should know. chapter: where the book treats it, or "". approved: the verdict that a person has read
    and accepted; the tests fail when a recomputed one differs from it.
    """

    id: str
    place: str
    claim: str
    published: float | str
    unit: str
    quantity: str = ""
    margin: float | None = None
    scope: str = ""
    chapter: str = ""
    approved: str = "not run"
    sense: str = "equal"
    spread: float | None = None
    source: str = "the paper"
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("id", "place", "claim", "unit", "source"):
            check_text(name, getattr(self, name))
        for name in ("quantity", "scope", "chapter", "note"):
            if not isinstance(getattr(self, name), str):
                raise invalid(name, "text", getattr(self, name), "pass '' for none")
        check_choice("approved", self.approved, VERDICTS)
        check_choice("sense", self.sense, SENSES)
        if self.spread is not None:
            object.__setattr__(self, "spread", check_real("spread", self.spread, minimum=0))
        if not self.quantity:
            if not isinstance(self.published, str):
                object.__setattr__(self, "published", check_real("published", self.published))
            if self.margin is not None or self.scope:
                raise invalid("margin", "left out where no quantity is compared", self.margin, "name the quantity")
            return
        check_text("scope", self.scope)
        object.__setattr__(self, "published", check_real("published", self.published))
        object.__setattr__(self, "margin", check_real("margin", self.margin, above=0))

    @property
    def judged(self) -> bool:
        """Whether the claim has a rule at all."""
        return bool(self.quantity)

    @property
    def rule(self) -> str:
        """Hash of what the verdict depends on: change any of it and earlier runs become exploratory."""
        parts = [self.id, self.published, self.quantity, self.margin, self.scope]
        if self.sense != "equal":
            parts.append(self.sense)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    @property
    def band(self) -> tuple[float, float]:
        """The values that count as agreement. Raises InvalidArgument where the claim has no rule."""
        if self.margin is None or isinstance(self.published, str):
            raise InvalidArgument(f"claim {self.id!r} has no rule: name a quantity and a margin in ledger.toml.")
        low = -math.inf if self.sense == "at most" else self.published - self.margin
        high = math.inf if self.sense == "at least" else self.published + self.margin
        return low, high


@dataclass(frozen=True)
class Measured:
    """Our value of a quantity with its 95 % interval [low, high], and the identities and rule hashes of its runs.

    shared: whether it was measured over widths and D that the claim is about; if not, it is shown and not judged.
    """

    value: float
    low: float
    high: float
    runs: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    shared: bool = True

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            check_real(name, getattr(self, name))
        if self.low > self.high:
            raise InvalidArgument(f"low must not exceed high, got {self.low} and {self.high}: swap them.")
        for name in ("runs", "rules"):
            value = check_sequence(name, getattr(self, name), str, remedy="pass a tuple of hashes", minimum=0)
            object.__setattr__(self, name, value)
        check_flag("shared", self.shared)


@dataclass(frozen=True)
class Row:
    """A claim, what we measured (None where nothing was run), the verdict, and whether it is only exploratory."""

    claim: Claim
    measured: Measured | None
    verdict: str
    exploratory: bool

    def __post_init__(self) -> None:
        check_instance("claim", self.claim, Claim, remedy="take it from ledger()")
        if self.measured is not None:
            check_instance("measured", self.measured, Measured, remedy="build it with Measured(value, low, high)")
        check_choice("verdict", self.verdict, VERDICTS)
        check_flag("exploratory", self.exploratory)

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


def power(claim: Claim, measured: Measured) -> float:
    """The probability of *differs* if the truth lay two margins from the published value, with our interval's width."""
    check_instance("claim", claim, Claim, remedy="take it from ledger()")
    check_instance("measured", measured, Measured, remedy="build it with Measured(value, low, high)")
    low, high = claim.band
    if not measured.shared:
        return 0.0
    error = (measured.high - measured.low) / 3.92
    margin = claim.margin if claim.margin is not None else high - low
    return 1.0 if error == 0 else float(ndtr(margin / error - 1.96))


def judge(claim: Claim, measured: Measured | None) -> str:
    """The verdict of the rule in the module's docstring."""
    check_instance("claim", claim, Claim, remedy="take it from ledger()")
    if measured is None or not claim.judged:
        return "not run"
    check_instance("measured", measured, Measured, remedy="build it with Measured(value, low, high)")
    low, high = claim.band
    if not measured.shared:
        return "not testable"
    if low <= measured.low and measured.high <= high:
        return "reproduced"
    if measured.low > high or measured.high < low:
        return "differs"
    return "inconclusive" if power(claim, measured) >= POWER else "not testable"


@cache
def ledger() -> tuple[Claim, ...]:
    """All claims, in the order of the file. Raises InvalidData where a row is malformed or an id stands twice."""
    rows = tomllib.loads(_page_file("ledger.toml"))["claims"]
    try:
        claims = tuple(Claim(**row) for row in rows)
    except (TypeError, InvalidArgument) as error:
        raise InvalidData(f"ledger.toml has a malformed row ({error}): every row has the fields of Claim.") from None
    ids = [claim.id for claim in claims]
    if len(set(ids)) < len(ids):
        raise InvalidData(f"ledger.toml has an id twice in {sorted(ids)}: ids are unique.")
    return claims


def rules_hash() -> str:
    """One hash of all rules in force; every run records it when it is made."""
    return _hash_of(_rules())


def rules_history() -> Mapping[str, list[str]]:
    """From `rules_hash` to the rules in force at that time, for every state of the ledger that runs were made under."""
    return MappingProxyType(json.loads(_page_file("rules.json")))


def evaluate(tables: Callable[[str], pd.DataFrame | None], *, only: Sequence[str] = ()) -> list[Row]:
    """Every claim judged on `tables`, a function from an experiment's name to its runs (None: no runs).

    only: the ids of the claims that are wanted, in the order of the ledger; all by default.
    """
    if not callable(tables):
        raise invalid("tables", "a function from experiment name to runs", tables, "pass load_recorded")
    from scaling_lib.pages.quantities import QUANTITIES

    wanted = set(check_sequence("only", only, str, remedy="pass ids of claims", minimum=0))
    if unknown := sorted(wanted - {claim.id for claim in ledger()}):
        raise invalid("only", "ids of the ledger", unknown, "see `scaling-lab claims`")
    rows = []
    for claim in ledger():
        if wanted and claim.id not in wanted:
            continue
        measured = QUANTITIES[claim.quantity](tables) if claim.judged else None
        exploratory = measured is not None and not _confirmatory(claim, measured)
        rows.append(Row(claim, measured, judge(claim, measured), exploratory))
    return rows


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
    """How many claims have which verdict, in the order of VERDICTS."""
    counted = pd.Series([row.verdict for row in _checked_rows(rows)], dtype=str).value_counts()
    return counted.reindex(list(VERDICTS), fill_value=0).rename("claims")


def expected_false_differences(rows: list[Row]) -> tuple[float, float]:
    """How many *differs* chance alone would give: if every published value were exactly true, and at the worst, if
    every truth lay on the edge of its band (then one in forty of what has an interval)."""
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


def _rules() -> list[str]:
    return [claim.rule for claim in ledger() if claim.judged]


def _confirmatory(claim: Claim, measured: Measured) -> bool:
    """Whether every run behind `measured` was made while this claim's rule was in force."""
    history = rules_history()
    return all(claim.rule in history.get(rules, []) for rules in measured.rules)


def freeze() -> dict[str, list[str]]:
    """The rules' history with the present state entered: what `make ledger` writes after a change of the ledger."""
    return dict(rules_history()) | {rules_hash(): _rules()}


def _hash_of(rules: list[str]) -> str:
    return hashlib.sha256(json.dumps(sorted(rules)).encode()).hexdigest()[:16]


def _page_file(name: str) -> str:
    return (resources.files("scaling_lib.pages") / name).read_text(encoding="utf-8")
