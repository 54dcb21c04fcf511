"""Assignments as they are kept, and how a submission to any of them is marked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from coursework import EXERCISES
from scaling_lib.coursework.capstone.marking import OneShot, grade_one_shot
from scaling_lib.coursework.grading import FORMAT, Assignment, Marks
from scaling_lib.coursework.grading import grade as grade_exercises

__all__ = ["AnyAssignment", "as_data", "assignment_of", "grade"]

AnyAssignment = Assignment | OneShot
ONE_SHOT = "one-shot"


def as_data(given: AnyAssignment) -> dict[str, object]:
    """What `assignment.json` holds."""
    kept: dict[str, object] = {"label": given.label, "format": FORMAT, "secret": given.secret}
    if isinstance(given, OneShot):
        return kept | {"capstone": ONE_SHOT, "worlds": given.worlds}
    return kept | {"exercises": [exercise.key for exercise in given.exercises]}


def assignment_of(held: Mapping[str, Any]) -> AnyAssignment:
    """The inverse of `as_data`. Raises KeyError or TypeError where something is missing, InvalidArgument where it is no
    assignment."""
    if held.get("capstone") == ONE_SHOT:
        return OneShot(held["label"], held["secret"], held["worlds"])
    exercises = tuple(EXERCISES[key] for key in held["exercises"])
    return Assignment(held["label"], exercises, held["secret"])


def grade(
    submission: Path, assignment: AnyAssignment, *, student: str = "student", without: Sequence[str] = ()
) -> Marks:
    """Mark a submission. Whatever it holds, this returns."""
    if isinstance(assignment, OneShot):
        return grade_one_shot(submission, assignment, student=student, without=without)
    return grade_exercises(submission, assignment, student=student, without=without)
