"""Fingerprints of answers: how a reader's copy recognises an answer that it does not hold.

What ships of an exercise is a few sets of inputs and, for the right answer and each mistake, a hash of the rounded
answers to them. A reader's answers are rounded and hashed the same way and looked up; so that rounding cannot separate
what is equal, the neighbouring roundings are looked up too. Whoever tries all numbers can find the one behind a hash,
and learns the answer to inputs that are no secret. Marks use other inputs.
"""

import hashlib
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np

from scaling_lib.arguments import BY_HAND, Real, Remedy, checked
from scaling_lib.coursework.exercises import AnyExercise, Cases
from scaling_lib.errors import check_array, invalid

__all__ = ["fingerprints", "recognised"]

RIGHT = "right"
# Every number doubles what is looked up.
MOST_NUMBERS = 15
# Far from each other and from zero: no number that a computer holds has so many steps.
_POSITIVE, _NEGATIVE = 1e9, -1e9


@checked
def fingerprints(exercise: AnyExercise, cases: Cases) -> dict[str, str]:
    """From the hash of the answers to `cases` to "right" or the name of a mistake. Raises InvalidArgument."""
    named = {RIGHT: exercise.answer} | {mistake.name: mistake.answer for mistake in exercise.mistakes}
    table: dict[str, str] = {}
    for name, function in named.items():
        steps = [_steps(function(**case), exercise.tolerance) for case in cases]
        table.setdefault(_digest(exercise.key, [[math.floor(step) for step in entries] for entries in steps]), name)
    return table


@checked
def recognised(
    key: str,
    tolerance: Annotated[float, Real(above=0, below=0.1)],
    table: Annotated[Mapping[str, str], Remedy("make it with fingerprints")],
    answers: Annotated[Sequence[Any], BY_HAND],
) -> str:
    """The name under which `table` knows the answers; "" where it does not.

    answers: a number, or a list of numbers, for each case. Raises InvalidArgument where they are no finite numbers.
    """
    if isinstance(answers, str) or not isinstance(answers, Sequence):
        raise invalid("answers", "a list with an answer for each case", answers, "answer every case")
    steps = [_steps(check_array("answers", answer), tolerance) for answer in answers]
    lengths = [len(entries) for entries in steps]
    # Each number may lie on the other side of the nearer border of its step.
    choices = [
        (math.floor(step), math.floor(step) + (1 if step % 1 >= 0.5 else -1)) for entries in steps for step in entries
    ]
    if len(choices) > MOST_NUMBERS:
        raise invalid("answers", f"{MOST_NUMBERS} numbers at most, in all cases together", answers, "ask for fewer")
    for chosen in itertools.product(*choices):
        places = iter(chosen)
        if name := table.get(_digest(key, [list(itertools.islice(places, length)) for length in lengths])):
            return name
    return ""


def _steps(answer: Any, tolerance: float) -> list[float]:
    """Where each number lies on a logarithmic scale with steps of two tolerances; zero and each sign apart."""
    steps = []
    for number in np.asarray(answer, float).ravel().tolist():
        if number == 0:
            steps.append(0.5)
            continue
        step = math.log(abs(number)) / math.log1p(2 * tolerance)
        steps.append(step + (_POSITIVE if number > 0 else _NEGATIVE))
    return steps


def _digest(key: str, places: Sequence[Sequence[int]]) -> str:
    return hashlib.blake2b(json.dumps([key, places]).encode(), digest_size=9).hexdigest()
