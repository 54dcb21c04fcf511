"""What the ladder's verdicts say, in the sentences of `pages.judging.words.findings`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from scaling_lib.arguments import Choice, checked
from scaling_lib.pages.judging.words.findings import Rows, Words, finding

__all__ = ["QUESTIONS", "ladder_finding"]


def _falls(what: str, first: str, second: str) -> Words:
    return Words(
        f"{what} falls from {first} to {second}",
        f"{what} does not fall from {first} to {second}",
        f"{what} falls from {first} to {second}",
    )


def _same(what: str, first: str, second: str) -> Words:
    words = f"{what} is the same for {first} as for {second}"
    return Words(f"{words}, within the margin", f"{what} is not the same for {first} as for {second}", words)


def _single(rung: str) -> Words:
    yes = f"the points of {rung} single out a power law in $D$ among four laws over the known floor"
    no = f"the points of {rung} single out another law in $D$ than a power law"
    return Words(yes, no, yes, False)


def _ratio(rung: str) -> Words:
    yes = f"a power law with a free floor fits $L(D)$ of {rung} better than an exponential"
    return Words(yes, f"an exponential fits $L(D)$ of {rung} better than a power law", yes, False)


_CHAIN, _ALPHA, _BETA = "the bigram chain", r"$\alpha$", r"$\beta$"
# By question: the rules that answer it.
QUESTIONS: Mapping[str, tuple[str, Mapping[str, Words]]] = MappingProxyType(
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
                "language.beta_floor": Words(
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
                "language.alpha_sp": Words(
                    r"On the text $\alpha$ is larger under muP than under SP",
                    r"On the text $\alpha$ is smaller under muP than under SP",
                    r"on the text $\alpha$ is larger under muP than under SP",
                ),
                "language.beta_sp": Words(
                    r"On the text $\beta$ is larger under SP than under muP",
                    r"On the text $\beta$ is smaller under SP than under muP",
                    r"on the text $\beta$ is larger under SP than under muP",
                ),
                "language.level_sp_text": Words(
                    "On the text muP does not lose to SP at width 64",
                    "On the text muP loses to SP at width 64",
                    "on the text muP loses to SP at width 64",
                ),
                "language.level_sp_bigram": Words(
                    "On the bigram chain muP does not lose to SP at width 64",
                    "On the bigram chain muP loses to SP at width 64",
                    "on the bigram chain muP loses to SP at width 64",
                ),
                "language.deep_level": Words(
                    "On the text four layers do not lose to two at width 64",
                    "On the text four layers lose to two at width 64",
                    "on the text four layers lose to two at width 64",
                ),
                "language.deep_beta": _same(f"On the text {_BETA}", "four layers", "two"),
            },
        ),
    }
)


@checked
def ladder_finding(question: Annotated[str, Choice(tuple(QUESTIONS))], rows: Rows) -> str:
    """The answer to one of `QUESTIONS` by the verdicts of `rows`, as `pages.judging.words.findings` writes it."""
    return finding(*QUESTIONS[question], rows)
