"""The ledger as it is written down: every claim with its published value and its rule, and the history of the rules.

This is the one home of a published number. The claims stand in `sources/*.toml`, one file for each source (the paper
has one for each of its parts), one table `[[claims]]` for each claim, with the fields of `Claim`. `published` is

    a number, or words;
    { claim = "ID" }                         the number of another claim, to which a second rule is put;
    { law = "NAME", parameter = "NAME" }     a parameter of a law in `fits/laws/published_laws.toml`;
    { law = ..., decimals = 2 }              the same, printed to fewer digits.

A claim without a quantity is one that nothing here judges yet. `kind` says how a value of ours comes about, or would:

    trained here             models of ours, of the sizes that the claim speaks of
    by twin                  models of ours on a small graph that stands for a larger one; never counted with the others
    refitted                 somebody else's points, fitted again
    exact                    computed, nothing trained: graphs, chains and counting
    by construction          it follows from how the thing was made, and could not have come out otherwise
    recomputed from print    arithmetic on printed numbers
    our forecast             a forecast of this book about its own runs, scored against the forecast of no change

What changed in the ledger, and why: `changes.toml`. The rules (published, quantity, margin, sense, scope)
are committed before the runs that they judge; after any change of one run `make ledger`, which enters the hash of all
rules, and the day, in `rules.json`.

Margins are fixed by what is compared, not by claim: exponents in N and D 0.1; a and b 0.03; gamma 0.02; counts 0.5;
refits by the same estimator 0.1 %, or one unit of the last printed digit where that is more; arithmetic on printed
numbers one unit of the last printed digit; the logarithm of a ratio of losses 0.1; the skill of a forecast 0.1. A claim
with another margin says so in its scope or its note.
"""

import hashlib
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Annotated, Any

from scaling_lib.arguments import BY_HAND, Choice, Real, Remedy, checked
from scaling_lib.errors import InvalidArgument, InvalidData, check_choice, check_real, check_text, invalid
from scaling_lib.fits.laws.published import published_law

__all__ = [
    "KINDS",
    "SENSES",
    "SOURCES",
    "VERDICTS",
    "Claim",
    "freeze",
    "ledger",
    "published_number",
    "rules_entered",
    "rules_hash",
    "rules_history",
]

VERDICTS = ("reproduced", "differs", "inconclusive", "undetermined", "not run")
KINDS = (
    "trained here",
    "by twin",
    "refitted",
    "exact",
    "by construction",
    "recomputed from print",
    "our forecast",
)
SENSES = ("equal", "at least", "at most")
# The files of `sources/`, without their suffix, in the order in which the ledger lists their claims.
SOURCES = (
    "paper-random-graphs",
    "paper-language",
    "paper-fits",
    "paper-allocation",
    "paper-counting",
    "kaplan",
    "hoffmann",
    "besiroglu",
    "pearce-and-song",
    "paper-small-walks",
    "twins",
    "neighbours",
    "controls",
    "language_here",
    "blocks",
    "barest",
    "emergence",
    "forecasts",
)

# "" for none.
_Words = Annotated[str, BY_HAND]


@checked
@dataclass(frozen=True)
class Claim:
    """One claim of the ledger. Raises InvalidArgument, naming the field, where one is malformed.

    published: the value, in `unit`; where the claim is no number, its words. spread: the standard deviation that was
    published with it, in `unit`, if any. kind: how a value of ours comes about, one of KINDS. source: whose claim.
    place: where in the source. quantity: which of `pages.judging.quantities.QUANTITIES` is compared, "" for none, and
    then `margin`, `sense` and `scope` stand empty too. margin: half-width, in `unit`, of the band around `published`
    that counts as agreement. sense: "equal", "at least" or "at most". scope: the data and range it is compared over.
    note: what a reader should know. chapter: where the book treats it, or "". approved: the verdict that a person has
    read and accepted; the tests fail when a recomputed one differs from it.
    """

    id: str
    place: str
    claim: str
    published: Annotated[float | str, BY_HAND]
    unit: str
    kind: Annotated[str, Choice(KINDS)]
    quantity: _Words = ""
    margin: Annotated[float | None, BY_HAND] = None
    scope: _Words = ""
    chapter: _Words = ""
    approved: Annotated[str, Choice(VERDICTS)] = "not run"
    sense: Annotated[str, Choice(SENSES)] = "equal"
    spread: Annotated[float | None, Real(minimum=0)] = None
    source: str = "the paper"
    note: _Words = ""

    def __post_init__(self) -> None:
        for name in ("quantity", "scope", "chapter", "note"):
            if not isinstance(getattr(self, name), str):
                raise invalid(name, "text", getattr(self, name), "pass '' for none")
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
    def side(self) -> str:
        """What stands before the published value where the claim is a bound: "at least ", "at most ", else ""."""
        return "" if self.sense == "equal" else f"{self.sense} "

    @property
    def rule(self) -> str:
        """Hash of what the verdict depends on. A run knows the rules that were in force when it was made, so that
        whoever changes one of these fields makes the verdict on earlier runs exploratory."""
        parts = [self.id, self.published, self.quantity, self.margin, self.scope]
        if self.sense != "equal":
            parts.append(self.sense)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    @property
    def band(self) -> tuple[float, float]:
        """The values that count as agreement. Raises InvalidArgument where the claim has no rule."""
        if self.margin is None or isinstance(self.published, str):
            raise InvalidArgument(f"claim {self.id!r} has no rule: name a quantity and a margin in the ledger.")
        low = -math.inf if self.sense == "at most" else self.published - self.margin
        high = math.inf if self.sense == "at least" else self.published + self.margin
        return low, high


AnyClaim = Annotated[Claim, Remedy("take it from ledger()")]


@cache
def ledger() -> tuple[Claim, ...]:
    """All claims, file by file in the order of SOURCES. Raises InvalidData where a claim is malformed, an id stands
    twice, or `published` refers to what is not there."""
    written = [(file, fields) for file in SOURCES for fields in _written(file)]
    ids = [fields.get("id") for _, fields in written]
    if twice := sorted({str(identifier) for identifier in ids if ids.count(identifier) > 1}):
        raise InvalidData(f"the ledger has an id twice ({', '.join(twice)}): ids are unique.")
    numbers = {fields.get("id"): fields.get("published") for _, fields in written}
    claims = []
    for file, fields in written:
        try:
            claims.append(Claim(**fields | {"published": _resolved(fields.get("published"), numbers)}))
        except (TypeError, InvalidArgument) as error:
            raise InvalidData(
                f"{file}.toml has a malformed row ({error}): every row has the fields of Claim."
            ) from None
    return tuple(claims)


def _written(file: str) -> list[dict[str, Any]]:
    """The claims of one file of `sources/`, as they are typed there."""
    content = tomllib.loads(_page_file(f"sources/{file}.toml"))
    if set(content) != {"claims"}:
        raise InvalidData(f"{file}.toml has {sorted(content)} at its top: it must have [[claims]], and nothing else.")
    return list(content["claims"])


def _resolved(published: Any, numbers: Mapping[Any, Any]) -> Any:
    """What `published` refers to, where it does. numbers: what is typed as `published`, by id."""
    match published:
        case {"claim": str(identifier), **rest} if not rest and isinstance(numbers.get(identifier), float | int):
            return numbers[identifier]
        case {"law": str(name), "parameter": str(parameter), **rest} if not rest:
            return _of_law(name, parameter)
        case {"law": str(name), "parameter": str(parameter), "decimals": int(decimals), **rest} if not rest:
            return round(_of_law(name, parameter), decimals)
        case dict():
            raise invalid("published", "a number, words, or a reference to a number", published, "see ledger.py")
    return published


def _of_law(name: str, parameter: str) -> float:
    parameters = published_law(name).parameters
    return parameters[check_choice("parameter", parameter, tuple(parameters))]


def published_number(identifier: str) -> float:
    """The published value of the claim with this id, in the claim's unit. Raises InvalidArgument where no claim has
    the id, or where it is in words.

    >>> published_number("chinchilla.2d.alpha")
    0.3473
    """
    numbers = {claim.id: claim.published for claim in ledger()}
    if not isinstance(identifier, str) or identifier not in numbers:
        raise invalid("identifier", "the id of a claim of the ledger", identifier, "see `scaling-lab claims`")
    published = numbers[identifier]
    if isinstance(published, str):
        raise invalid("identifier", "the id of a claim whose published value is a number", identifier, "see `ledger()`")
    return published


def rules_hash() -> str:
    """One hash of all rules in force, whatever their order; every run records it when it is made."""
    return _hash_of(_rules())


def rules_history() -> Mapping[str, list[str]]:
    """The hashes of the rules in force (`Claim.rule`), by `rules_hash`, for every state of the ledger that runs were
    made under."""
    return MappingProxyType({name: state["rules"] for name, state in _states().items()})


def rules_entered() -> Mapping[str, str]:
    """The day (UTC) on which each state of the rules was entered, by `rules_hash`."""
    return MappingProxyType({name: state["entered"] for name, state in _states().items()})


def freeze(today: str) -> dict[str, dict[str, Any]]:
    """The rules' history with the present state entered: what `make ledger` writes after a change of the ledger.

    today: YYYY-MM-DD; a state that is known keeps its day. Raises InvalidArgument.
    """
    check_text("today", today)
    try:
        date.fromisoformat(today)
    except ValueError:
        raise invalid("today", "a day as YYYY-MM-DD", today, "pass that of the commit") from None
    states = _states()
    return states | {rules_hash(): states.get(rules_hash(), {"entered": today, "rules": _rules()})}


def _states() -> dict[str, dict[str, Any]]:
    return json.loads(_page_file("rules.json"))


def _rules() -> list[str]:
    return [claim.rule for claim in ledger() if claim.judged]


def _hash_of(rules: list[str]) -> str:
    return hashlib.sha256(json.dumps(sorted(rules)).encode()).hexdigest()[:16]


def _page_file(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")
