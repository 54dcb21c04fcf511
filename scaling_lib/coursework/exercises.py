"""An exercise as data: inputs that a seed draws, an answer, and the wrong answers that people give.

A mistake is a function too, so that a wrong answer is recognised by its numbers: whoever leaves out the embedding gets
what `mistake.answer` gets. Three inputs at least are drawn, and drawn again until every mistake is recognised as
itself. The answers and mistakes of the book's exercises lie in the folder `coursework` of the repository and do not
ship.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from scaling_lib.arguments import BY_HAND, Choice, Count, Integer, Real, Remedy, checked
from scaling_lib.errors import invalid

__all__ = ["KINDS", "STATES", "Diagnosis", "Exercise", "Mistake", "diagnose", "draw_cases"]

KINDS = ("derivation", "prediction", "code", "judgement", "small experiment")
STATES = ("not attempted", "right", "wrong")
_TRIES = 200
# Far finer than any tolerance, far coarser than the last digits, in which processors differ.
_DIGITS_OF_INPUTS = 12

Case = Mapping[str, Any]
_Function = Annotated[Callable[..., Any], BY_HAND]


def _check_function(name: str, value: Any) -> None:
    if not callable(value):
        raise invalid(name, "a function", value, "write one")


@checked
@dataclass(frozen=True)
class Mistake:
    """A wrong answer with a name.

    hint: a question that leads to it, shown before an exercise is due. says: what was done and why it is wrong, shown
    after. answer: the wrong answer, a function of the exercise's inputs.
    """

    name: str
    hint: str
    says: str
    answer: _Function

    def __post_init__(self) -> None:
        if not self.hint.endswith("?"):
            raise invalid("hint", "a question", self.hint, "end it with a question mark")
        _check_function("answer", self.answer)


@checked
@dataclass(frozen=True)
class Exercise:
    """An exercise whose answer is a function that the reader writes.

    key: as in the tags of its cells. function: the name of what is written. title, objective: in words. kind: one of
    KINDS. stars: 1 (short) to 3. minutes: for a person. points: of a mark. tolerance: relative, within which an answer
    is right. draw: from a generator to one set of inputs, plain numbers, texts and lists. answer: of those inputs, a
    number or a list of numbers. mistakes: three or more.
    """

    key: str
    function: str
    title: str
    objective: str
    draw: Annotated[Callable[[np.random.Generator], dict[str, Any]], BY_HAND]
    answer: _Function
    mistakes: Annotated[tuple[Mistake, ...], Remedy("write three wrong answers", least=3)]
    kind: Annotated[str, Choice(KINDS)] = "code"
    stars: Annotated[int, Integer(minimum=1, maximum=3)] = 1
    minutes: Count = 10
    points: Count = 4
    tolerance: Annotated[float, Real(above=0, below=0.1)] = 1e-3

    def __post_init__(self) -> None:
        if not self.function.isidentifier():
            raise invalid("function", "the name of a function", self.function, "write one such as 'parameters'")
        _check_function("draw", self.draw)
        _check_function("answer", self.answer)
        names = [mistake.name for mistake in self.mistakes]
        if len(set(names)) < len(names):
            raise invalid("mistakes", "of different names", names, "rename one")


AnyExercise = Annotated[Exercise, Remedy("take one of the folder coursework")]
Cases = Annotated[Sequence[Mapping], Remedy("draw them with draw_cases")]


@checked
@dataclass(frozen=True)
class Diagnosis:
    """What became of an answer. state: one of STATES. name: of the mistake, "" where unknown. says: a sentence."""

    state: Annotated[str, Choice(STATES)]
    name: Annotated[str, Remedy("pass '' for none")]
    says: str


def attempted(answer: Any) -> bool:
    """Whether something was written in the place of the stub's `...`."""
    return answer is not None and answer is not Ellipsis


def close(one: Any, other: Any, tolerance: float) -> bool:
    """Whether two answers are equal but for rounding: finite numbers of one shape, within `tolerance` of the other."""
    second = np.asarray(other, float)
    if unusable(one, second.shape):
        return False
    first = np.asarray(one, float)
    return bool((np.abs(first - second) <= tolerance * np.maximum(np.abs(second), 1e-12)).all())


def all_right(count: int) -> Diagnosis:
    """The diagnosis of an answer that is right in all of `count` cases."""
    return Diagnosis("right", "", f"Right, in all {count} cases.")


def still_to_do(function: str) -> Diagnosis:
    """The diagnosis of an exercise whose function is still the stub."""
    return Diagnosis("not attempted", "", f"Not attempted yet: write `{function}`, then run this cell again.")


def unusable(answer: Any, shape: tuple[int, ...], *, shown: bool = True) -> str:
    """Why an answer is no finite number, or list of numbers of this shape; "" where it is.

    shown: say which shape it has. A shape can be chosen so that it repeats the inputs.
    """
    try:
        array = np.asarray(answer)
    except ValueError:  # rows of different length
        array = np.asarray(None)
    if array.dtype.kind not in "iuf":
        return f"A number is expected here; yours is of type {type(answer).__name__}."
    if array.shape != shape:
        wanted = f"{shape[0]} numbers are" if shape else "one number is"
        return f"Here {wanted} expected; yours has {f'the shape {array.shape}' if shown else 'another shape'}."
    if not np.isfinite(array).all():
        return "Your answer is not finite: is there a division by zero, or a logarithm of zero or less?"
    return ""


# What any answer may turn out to be, beside the mistakes of its own exercise: a name, a question, and what it is.
GENERIC: tuple[tuple[str, str, Callable[[np.ndarray], np.ndarray]], ...] = (
    ("bits", "Your answers are 1.44 times the right ones: do you count in bits?", lambda right: right / np.log(2)),
    ("nats", "Your answers are ln 2 times the right ones: which unit is asked for?", lambda right: right * np.log(2)),
    ("sign", "Your answers are right but for the sign: which way does it go?", lambda right: -right),
    ("percent", "Your answers are 100 times the right ones: is a percentage asked for?", lambda right: 100 * right),
    ("inverse", "Your answers are one over the right ones: which is divided by which?", lambda right: 1 / right),
    ("logarithm", "Your answers are logarithms of the right ones: what is missing?", lambda right: np.log(abs(right))),
    ("complement", "Your answers and the right ones sum to one: which part is asked for?", lambda right: 1 - right),
)


@checked
def diagnose(
    exercise: AnyExercise, cases: Cases, answers: Annotated[Sequence[Any], BY_HAND], *, explain: bool = False
) -> Diagnosis:
    """What became of `answers`, one for each of `cases`. explain: say the reason of a mistake instead of its question.

    Raises InvalidArgument where there is not an answer for each case.
    """
    if isinstance(answers, str) or not isinstance(answers, Sequence) or len(answers) != len(cases):
        raise invalid("answers", f"a list of {len(cases)}, one for each case", answers, "answer every case")
    if not any(map(attempted, answers)):
        return still_to_do(exercise.function)
    right = [exercise.answer(**case) for case in cases]
    hits = [close(answer, truth, exercise.tolerance) for answer, truth in zip(answers, right, strict=True)]
    if all(hits):
        return all_right(len(cases))
    for answer, truth in zip(answers, right, strict=True):
        if reason := unusable(answer, np.shape(truth), shown=False):
            return Diagnosis("wrong", "unusable", reason)
    for mistake in exercise.mistakes:
        if _are(answers, [mistake.answer(**case) for case in cases], exercise.tolerance):
            return Diagnosis("wrong", mistake.name, mistake.says if explain else mistake.hint)
    for name, hint, change in GENERIC:
        with np.errstate(all="ignore"):
            changed = [change(np.asarray(truth, float)) for truth in right]
        if _are(answers, changed, exercise.tolerance):
            return Diagnosis("wrong", name, hint)
    if any(hits):
        words = f"Right in {sum(hits)} of {len(cases)} cases: what is special about the others?"
        return Diagnosis("wrong", "some", words)
    return Diagnosis("wrong", "", UNKNOWN)


UNKNOWN = "Not right, and not in a way that we know: compare your steps with the text above."


def _are(answers: Sequence[Any], others: Sequence[Any], tolerance: float) -> bool:
    return all(close(answer, other, tolerance) for answer, other in zip(answers, others, strict=True))


@checked
def draw_cases(
    exercise: AnyExercise,
    secret: str,
    label: str,
    student: Annotated[str, Remedy("pass '' for everybody")] = "",
    count: Annotated[int, Integer(minimum=1, maximum=100)] = 3,
) -> list[dict[str, Any]]:
    """`count` sets of inputs on which every mistake of the exercise is recognised as itself.

    They follow from `secret`, `label` (which assignment) and `student` alone, so that a regrade draws the same. Their
    numbers are rounded to 12 digits, so that another processor draws the same too. Raises InvalidArgument where no draw
    tells the mistakes apart: then two of them are one.
    """
    confused: list[str] = []
    for attempt in range(_TRIES):
        words = json.dumps([exercise.key, attempt, student, label])
        digest = hashlib.blake2b(words.encode(), key=secret.encode()[:64], digest_size=16).digest()
        generator = np.random.default_rng(int.from_bytes(digest))
        cases = [_rounded(exercise.draw(generator)) for _ in range(count)]
        confused = [
            mistake.name
            for mistake in exercise.mistakes
            if diagnose(exercise, cases, [mistake.answer(**case) for case in cases]).name != mistake.name
        ]
        if not confused:
            return cases
    raise invalid("exercise", "one whose mistakes can be told apart", confused, "make their answers differ")


def _rounded(inputs: Any) -> Any:
    """Inputs with every float in them rounded."""
    if isinstance(inputs, dict):
        return {name: _rounded(value) for name, value in inputs.items()}
    if isinstance(inputs, list):
        return [_rounded(value) for value in inputs]
    return float(f"{inputs:.{_DIGITS_OF_INPUTS}g}") if isinstance(inputs, float) else inputs
