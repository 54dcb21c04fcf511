"""What the ladder's verdicts say, in sentences: for each rule one where it is reproduced, one where it differs.

The sentences are fixed; the verdicts of `claims.evaluate` choose among them. What is neither reproduced nor differs is
said to be open, by its verdict, without a number where the row has none.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, NamedTuple

from scaling_lib.arguments import Choice, Remedy, checked
from scaling_lib.pages.drawing.numbers import number
from scaling_lib.pages.judging.claims import Row

__all__ = ["QUESTIONS", "ladder_finding", "ladder_verdicts"]


class _Words(NamedTuple):
    """yes, no: whole sentences without their full stop. whether: what is open, after "whether". numbers: whether the
    value says something in this sentence."""

    yes: str
    no: str
    whether: str
    numbers: bool = True


def _falls(what: str, first: str, second: str) -> _Words:
    return _Words(
        f"{what} falls from {first} to {second}",
        f"{what} does not fall from {first} to {second}",
        f"{what} falls from {first} to {second}",
    )


def _same(what: str, first: str, second: str) -> _Words:
    words = f"{what} is the same for {first} as for {second}"
    return _Words(f"{words}, within the margin", f"{what} is not the same for {first} as for {second}", words)


def _single(rung: str) -> _Words:
    yes = f"the points of {rung} single out a power law in $D$ among four laws over the known floor"
    no = f"the points of {rung} single out another law in $D$ than a power law"
    return _Words(yes, no, yes, False)


def _ratio(rung: str) -> _Words:
    yes = f"a power law with a free floor fits $L(D)$ of {rung} better than an exponential"
    return _Words(yes, f"an exponential fits $L(D)$ of {rung} better than a power law", yes, False)


_CHAIN, _ALPHA, _BETA = "the bigram chain", r"$\alpha$", r"$\beta$"
# By question: the rules that answer it.
QUESTIONS: Mapping[str, tuple[str, Mapping[str, _Words]]] = MappingProxyType(
    {
        "entropy": (
            "Does the entropy fall along the ladder?",
            {
                "language.entropy_t1l": _falls("The entropy", _CHAIN, "T1L"),
                "language.entropy_t2l": _falls("The entropy", "T1L", "T2L"),
                "language.entropy_t4l": _falls("The entropy", "T2L", "T4L"),
            },
        ),
        "alpha": (
            r"Does the exponent $\alpha$ in $N$ fall, and then stay?",
            {
                "language.alpha_t1l": _falls(_ALPHA, _CHAIN, "T1L"),
                "language.alpha_t2l": _same(_ALPHA, "T1L", "T2L"),
                "language.alpha_text": _same(_ALPHA, "T2L", "the text"),
            },
        ),
        "beta": (
            r"Does the exponent $\beta$ in $D$ fall?",
            {
                "language.beta_t2l": _falls(f"With a free floor {_BETA}", _CHAIN, "T2L"),
                "language.beta_known_t2l": _falls(f"Over the known floors {_BETA}", _CHAIN, "T2L"),
                "language.beta_text": _same(f"With a free floor {_BETA}", "T2L", "the text"),
                "language.beta_floor": _Words(
                    r"On T1L $\beta$ with a free floor is the mean exponent over the known floor, within the margin",
                    r"On T1L $\beta$ with a free floor is not the mean exponent over the known floor",
                    r"on T1L $\beta$ with a free floor is the mean exponent over the known floor",
                ),
            },
        ),
        "t4l": (
            "Is T4L like T2L?",
            {
                "language.t4l_level": _same("The logarithm of the excess loss at width 64", "T4L", "T2L"),
                "language.t4l_level_narrow": _same("The logarithm of the excess loss at width 32", "T4L", "T2L"),
                "language.t4l_beta": _same(f"Over the known floors {_BETA}", "T4L", "T2L"),
            },
        ),
        "laws": (
            "Is it a power law?",
            {
                "language.rivals_bigram": _single(_CHAIN),
                "language.rivals_t1l": _single("T1L"),
                "language.rivals_t2l": _single("T2L"),
                "language.ratio_bigram": _ratio(_CHAIN),
                "language.ratio_t1l": _ratio("T1L"),
                "language.ratio_t2l": _ratio("T2L"),
                "language.ratio_text": _ratio("the text"),
            },
        ),
        "sp": (
            "Does the parametrization matter, or the depth?",
            {
                "language.alpha_sp": _Words(
                    r"On the text $\alpha$ is larger under muP than under SP",
                    r"On the text $\alpha$ is smaller under muP than under SP",
                    r"on the text $\alpha$ is larger under muP than under SP",
                ),
                "language.beta_sp": _Words(
                    r"On the text $\beta$ is larger under SP than under muP",
                    r"On the text $\beta$ is smaller under SP than under muP",
                    r"on the text $\beta$ is larger under SP than under muP",
                ),
                "language.level_sp_text": _Words(
                    "On the text muP does not lose to SP at width 64",
                    "On the text muP loses to SP at width 64",
                    "on the text muP loses to SP at width 64",
                ),
                "language.level_sp_bigram": _Words(
                    "On the bigram chain muP does not lose to SP at width 64",
                    "On the bigram chain muP loses to SP at width 64",
                    "on the bigram chain muP loses to SP at width 64",
                ),
                "language.deep_level": _Words(
                    "On the text four layers do not lose to two at width 64",
                    "On the text four layers lose to two at width 64",
                    "on the text four layers lose to two at width 64",
                ),
                "language.deep_beta": _same(f"On the text {_BETA}", "four layers", "two"),
            },
        ),
    }
)

_Rows = Annotated[Sequence[Row], Remedy("take them from claims.evaluate")]


@checked
def ladder_finding(question: Annotated[str, Choice(tuple(QUESTIONS))], rows: _Rows) -> str:
    """The answer to one of `QUESTIONS` by the verdicts of `rows`, Markdown: what was decided, then what is open.

    Rows of other questions are passed over; rules of which no row is passed are not mentioned.
    """
    asked, rules = QUESTIONS[question]
    verdicts = {row.claim.id: row for row in rows}
    known = [(words, verdicts[identifier]) for identifier, words in rules.items() if identifier in verdicts]
    said = [_decided(words, row) for words, row in known if row.verdict in ("reproduced", "differs")]
    for verdict in ("inconclusive", "undetermined", "not run"):
        clauses = [_inside(words.whether) for words, row in known if row.verdict == verdict]
        if clauses:
            said.append(f"Open (*{verdict}*): whether {'; whether '.join(clauses)}.")
    return " ".join([f"**{asked}**", *said]) if said else ""


def _decided(words: _Words, row: Row) -> str:
    sentence = words.yes if row.verdict == "reproduced" else words.no
    sentence = sentence[0].upper() + sentence[1:]
    verdict = f"*{row.verdict}*" + (", exploratory" if row.exploratory else "")
    if row.shown is None or not words.numbers:
        return f"{sentence} ({verdict})."
    decimals, unit = (2, "") if row.claim.unit == "1" else (3, f" {row.claim.unit}")
    value, low, high = (number(part, decimals=decimals) for part in (row.shown.value, row.shown.low, row.shown.high))
    return f"{sentence} ({value}{unit}, interval {low} to {high}; {verdict})."


def _inside(sentence: str) -> str:
    """The sentence as a part of another."""
    return sentence if sentence.startswith("$") else sentence[0].lower() + sentence[1:]


@checked
def ladder_verdicts(rows: _Rows) -> str:
    """How many of the rows have which verdict, in words: "9 reproduced, 2 differ, 1 is inconclusive, ..."."""
    kinds = {"reproduced": ("is reproduced", "are reproduced"), "differs": ("differs", "differ")}
    parts = []
    for verdict in ("reproduced", "differs", "inconclusive", "undetermined", "not run"):
        count = sum(row.verdict == verdict for row in rows)
        one, many = kinds.get(verdict, (f"is {verdict}", f"are {verdict}"))
        if count:
            parts.append(f"{count} {one if count == 1 else many}")
    return ", ".join(parts)
