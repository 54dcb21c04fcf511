"""The rows of the ledger as they were written down before the runs: claims, rules, and the history of the rules."""

import hashlib
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from scaling_lib.errors import InvalidArgument, InvalidData, check_choice, check_real, check_text, invalid

__all__ = ["SENSES", "VERDICTS", "Claim", "freeze", "ledger", "rules_hash", "rules_history"]

VERDICTS = ("reproduced", "differs", "inconclusive", "not testable", "not run")
SENSES = ("equal", "at least", "at most")


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


def freeze() -> dict[str, list[str]]:
    """The rules' history with the present state entered: what `make ledger` writes after a change of the ledger."""
    return dict(rules_history()) | {rules_hash(): _rules()}


def _rules() -> list[str]:
    return [claim.rule for claim in ledger() if claim.judged]


def _hash_of(rules: list[str]) -> str:
    return hashlib.sha256(json.dumps(sorted(rules)).encode()).hexdigest()[:16]


def _page_file(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")
