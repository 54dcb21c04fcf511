"""What verdicts say, in sentences: for each rule one where it is reproduced, one where it differs.

The sentences are fixed; the verdicts of `claims.evaluate` choose among them. What is neither reproduced nor differs is
said to be open, by its verdict, without a number where the row has none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from scaling_lib.arguments import BY_HAND, Remedy, checked
from scaling_lib.errors import check_text, invalid
from scaling_lib.pages.drawing.numbers import number
from scaling_lib.pages.judging.claims import Row

__all__ = ["Words", "finding", "verdicts_in_words"]


@checked
@dataclass(frozen=True)
class Words:
    """What a rule says. yes, no: whole sentences without their full stop. whether: what is open, after "whether".
    numbers: whether the value says something in this sentence. Raises InvalidArgument."""

    yes: str
    no: str
    whether: str
    numbers: bool = True


Rows = Annotated[Sequence[Row], Remedy("take them from claims.evaluate")]


@checked
def finding(asked: Annotated[str, BY_HAND], rules: Annotated[Mapping[str, Words], BY_HAND], rows: Rows) -> str:
    """The answer to a question by the verdicts of `rows`, Markdown: what was decided, then what is open.

    asked: the question. rules: of the ids that answer it, the words. Rows of other ids are passed over; ids of which no
    row is passed are not mentioned, and "" is the answer where there is none. Raises InvalidArgument.
    """
    check_text("asked", asked)
    if not isinstance(rules, Mapping) or not all(isinstance(words, Words) for words in rules.values()):
        raise invalid("rules", "a dict from the id of a claim to Words", rules, "build it with Words(yes, no, whether)")
    verdicts = {row.claim.id: row for row in rows}
    known = [(words, verdicts[identifier]) for identifier, words in rules.items() if identifier in verdicts]
    said = [_decided(words, row) for words, row in known if row.verdict in ("reproduced", "differs")]
    for verdict in ("inconclusive", "undetermined", "not run"):
        clauses = [_inside(words.whether) for words, row in known if row.verdict == verdict]
        if clauses:
            said.append(f"Open (*{verdict}*): whether {'; whether '.join(clauses)}.")
    return " ".join([f"**{asked}**", *said]) if said else ""


def _decided(words: Words, row: Row) -> str:
    sentence = words.yes if row.verdict == "reproduced" else words.no
    sentence = sentence[0].upper() + sentence[1:]
    verdict = f"*{row.verdict}*" + (", exploratory" if row.exploratory else "")
    if row.shown is None or not words.numbers:
        return f"{sentence} ({verdict})."
    unit = "" if row.claim.unit == "1" else f" {row.claim.unit}"
    # A small margin is one that two decimals would not show.
    decimals = 3 if unit or (row.claim.margin is not None and row.claim.margin < 0.05) else 2
    value, low, high = (number(part, decimals=decimals) for part in (row.shown.value, row.shown.low, row.shown.high))
    return f"{sentence} ({value}{unit}, interval {low} to {high}; {verdict})."


def _inside(sentence: str) -> str:
    """The sentence as a part of another."""
    return sentence if sentence.startswith("$") else sentence[0].lower() + sentence[1:]


@checked
def verdicts_in_words(rows: Rows) -> str:
    """How many of the rows have which verdict, in words: "9 reproduced, 2 differ, 1 is inconclusive, ..."."""
    kinds = {"reproduced": ("is reproduced", "are reproduced"), "differs": ("differs", "differ")}
    parts = []
    for verdict in ("reproduced", "differs", "inconclusive", "undetermined", "not run"):
        count = sum(row.verdict == verdict for row in rows)
        one, many = kinds.get(verdict, (f"is {verdict}", f"are {verdict}"))
        if count:
            parts.append(f"{count} {one if count == 1 else many}")
    return ", ".join(parts)
