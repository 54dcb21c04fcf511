"""`check`: one line in a notebook that says whether an answer is right, and if not, asks about the likely mistake.

    def parameters(V, n, L):
        ...

    check("where-the-parameters-are", parameters)

It never raises: a check that fails teaches nothing. It holds no answers, only fingerprints (`fingerprints`).
"""

import copy
import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from scaling_lib.coursework.exercises import UNKNOWN, Diagnosis, all_right, attempted, still_to_do, unusable
from scaling_lib.coursework.fingerprints import RIGHT, recognised

__all__ = ["check", "practice"]


@dataclass(frozen=True)
class Practice:
    """What ships of an exercise.

    function, title: as in `Exercise`. tolerance: relative. cases: visible inputs. shape: of an answer. table: from a
    hash to "right" or a mistake's name. hints: from a mistake's name to its question.
    """

    key: str
    function: str
    title: str
    tolerance: float
    cases: tuple[Mapping[str, Any], ...]
    shape: tuple[int, ...]
    table: Mapping[str, str]
    hints: Mapping[str, str]


@cache
def practice() -> Mapping[str, Practice]:
    """Every exercise that can be checked, by its key: `practice.json`, which `make practice` writes."""
    held = json.loads((resources.files(__package__) / "practice.json").read_text(encoding="utf-8"))
    return MappingProxyType(
        {
            key: Practice(key, **entry | {"cases": tuple(entry["cases"]), "shape": tuple(entry["shape"])})
            for key, entry in held.items()
        }
    )


def check(key: str, answer: Any) -> None:
    """Print in one line whether `answer` is right, and if not, a question about the likely mistake. Never raises.

    key: the exercise's, as written above its stub. answer: the function that the exercise asks for.
    """
    print(diagnosis_of(key, answer).says)


def diagnosis_of(key: Any, answer: Any) -> Diagnosis:
    """What `check` prints, as an object."""
    try:
        known = practice()
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            remedy = f" Is {near[0]!r} meant?" if near else ""
            return Diagnosis("wrong", "", f"There is no exercise {key!r} here.{remedy}")
        return _diagnosed(known[key], answer)
    except Exception as error:
        return Diagnosis("wrong", "", f"Your answer could not be looked at ({type(error).__name__}: {error}).")


def _diagnosed(exercise: Practice, answer: Any) -> Diagnosis:
    if not attempted(answer):
        return still_to_do(exercise.function)
    if not callable(answer):
        return Diagnosis("wrong", "", f"Hand over the function itself: check({exercise.key!r}, {exercise.function}).")
    answers = []
    for case in exercise.cases:
        try:
            answers.append(answer(**copy.deepcopy(dict(case))))
        except Exception as error:
            given = ", ".join(f"{name}={value!r}" for name, value in case.items())
            words = f"Your function stopped with {type(error).__name__}: {error} (for {given[:200]})."
            return Diagnosis("wrong", "", words)
    if not any(map(attempted, answers)):
        return still_to_do(exercise.function)
    for given in answers:
        if reason := unusable(given, exercise.shape):
            return Diagnosis("wrong", "", reason)
    name = recognised(exercise.key, exercise.tolerance, exercise.table, answers)
    if name == RIGHT:
        return all_right(len(exercise.cases))
    return Diagnosis("wrong", name, f"Not yet. {exercise.hints[name]}" if name else UNKNOWN)
