"""The ledger: every claim with its published value, a rule fixed beforehand, our value, an interval and a verdict.

The rule is the same everywhere. Let [low, high] be the 95 % interval of our value, d = ours - published, m the margin
written in the ledger before the run. The claim is

    reproduced      if  [low - published, high - published]  lies inside  [-m, m]
    differs         if  it lies outside it altogether
    inconclusive    otherwise
    not run         if there are no runs to judge it by

The published spread is a standard deviation over curves, not an error, so it never enters the rule. A run made before
the rule that judges it was in force makes the verdict *exploratory*: it is shown, and said to be.
"""

import hashlib
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

import pandas as pd

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
    "VERDICTS",
    "Claim",
    "Measured",
    "Row",
    "evaluate",
    "freeze",
    "judge",
    "ledger",
    "ledger_frame",
    "rules_hash",
    "rules_history",
]

VERDICTS = ("reproduced", "differs", "inconclusive", "not run")


@dataclass(frozen=True)
class Claim:
    """One row of `pages/ledger.toml`.

    published: the paper's value, in `unit`. margin: half-width of the band around it that counts as agreement.
    quantity: which of `QUANTITIES` is compared. scope: the data and range it is compared over. approved: the verdict
    that a person has read and accepted; the tests fail when a recomputed one differs from it.
    """

    id: str
    place: str
    claim: str
    published: float
    unit: str
    quantity: str
    margin: float
    scope: str
    chapter: str
    approved: str

    def __post_init__(self) -> None:
        for name in ("id", "place", "claim", "unit", "quantity", "scope", "chapter", "approved"):
            check_text(name, getattr(self, name))
        object.__setattr__(self, "published", check_real("published", self.published))
        object.__setattr__(self, "margin", check_real("margin", self.margin, above=0))

    @property
    def rule(self) -> str:
        """Hash of what the verdict depends on: change any of it and earlier runs become exploratory."""
        parts = (self.id, self.published, self.quantity, self.margin, self.scope)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Measured:
    """Our value of a quantity with its 95 % interval [low, high], and the identities and rule hashes of its runs."""

    value: float
    low: float
    high: float
    runs: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            check_real(name, getattr(self, name))
        if self.low > self.high:
            raise InvalidArgument(f"low must not exceed high, got {self.low} and {self.high}: swap them.")
        for name in ("runs", "rules"):
            value = check_sequence(name, getattr(self, name), str, remedy="pass a tuple of hashes", minimum=0)
            object.__setattr__(self, name, value)


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
            "margin": self.claim.margin,
            "verdict": self.verdict,
            "exploratory": self.exploratory,
            "scope": self.claim.scope,
            "chapter": self.claim.chapter,
            "runs": [] if ours is None else list(ours.runs),
        }


def judge(claim: Claim, measured: Measured | None) -> str:
    """The verdict of the rule in the module's docstring."""
    check_instance("claim", claim, Claim, remedy="take it from ledger()")
    if measured is None:
        return "not run"
    check_instance("measured", measured, Measured, remedy="build it with Measured(value, low, high)")
    low, high = measured.low - claim.published, measured.high - claim.published
    if -claim.margin <= low and high <= claim.margin:
        return "reproduced"
    if low > claim.margin or high < -claim.margin:
        return "differs"
    return "inconclusive"


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
    return _hash_of([claim.rule for claim in ledger()])


def rules_history() -> Mapping[str, list[str]]:
    """From `rules_hash` to the rules in force at that time, for every state of the ledger that runs were made under."""
    return MappingProxyType(json.loads(_page_file("rules.json")))


def evaluate(tables: Callable[[str], pd.DataFrame | None]) -> list[Row]:
    """Every claim judged on `tables`, a function from an experiment's name to its runs (None: no runs)."""
    if not callable(tables):
        raise invalid("tables", "a function from experiment name to runs", tables, "pass load_recorded")
    from scaling_lib.pages.quantities import QUANTITIES

    rows = []
    for claim in ledger():
        measured = QUANTITIES[claim.quantity](tables)
        exploratory = measured is not None and not _confirmatory(claim, measured)
        rows.append(Row(claim, measured, judge(claim, measured), exploratory))
    return rows


def ledger_frame(rows: list[Row]) -> pd.DataFrame:
    """The rows as a table to print: id, published, ours, interval, margin, verdict."""
    if not isinstance(rows, list) or not all(isinstance(row, Row) for row in rows):
        raise invalid("rows", "a list of Row", rows, "pass the result of evaluate()")
    return pd.DataFrame(
        [
            {
                "id": row.claim.id,
                "published": row.claim.published,
                "ours": None if row.measured is None else row.measured.value,
                "95 % interval": "" if row.measured is None else f"{row.measured.low:.3f} to {row.measured.high:.3f}",
                "margin": row.claim.margin,
                "verdict": row.verdict + (" (exploratory)" if row.exploratory else ""),
            }
            for row in rows
        ]
    )


def _confirmatory(claim: Claim, measured: Measured) -> bool:
    """Whether every run behind `measured` was made while this claim's rule was in force."""
    history = rules_history()
    return all(claim.rule in history.get(rules, []) for rules in measured.rules)


def freeze() -> dict[str, list[str]]:
    """The rules' history with the present state entered: what `make ledger` writes after a change of the ledger."""
    return dict(rules_history()) | {rules_hash(): [claim.rule for claim in ledger()]}


def _hash_of(rules: list[str]) -> str:
    return hashlib.sha256(json.dumps(sorted(rules)).encode()).hexdigest()[:16]


def _page_file(name: str) -> str:
    return (resources.files("scaling_lib.pages") / name).read_text(encoding="utf-8")
