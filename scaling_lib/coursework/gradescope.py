"""Marks as Gradescope reads them, from a file `results.json`."""

from typing import Annotated, Any

from scaling_lib.arguments import BY_HAND, Integer, Remedy, checked
from scaling_lib.coursework.cage import PROTECTIONS
from scaling_lib.coursework.capstone.marking import OneShot
from scaling_lib.coursework.grading import Assignment, Marks
from scaling_lib.errors import check_instance

__all__ = ["result", "without_notebook"]

AFTER = "after_due_date"


@checked
def result(marks: Annotated[Marks, Remedy("make them with grade")]) -> dict[str, Any]:
    """The object of results.json: a test for each exercise, hidden until the due date; what held the student's code."""
    lines = [marks.note] if marks.note else []
    lines += [f"This cell failed: {line}" for line in marks.failed_cells]
    tests = [
        {
            "name": mark.title,
            "score": mark.points,
            "max_score": mark.out_of,
            "output": mark.says,
            "visibility": AFTER,
        }
        for mark in marks.marks
    ]
    return {
        "score": marks.points,
        "output": "\n".join(lines) or "Every cell ran.",
        "execution_time": round(marks.seconds),
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
        "extra_data": {
            "protections": list(marks.protections),
            "missing": [name for name in PROTECTIONS if name not in marks.protections],
        },
    }


@checked
def without_notebook(
    count: Annotated[int, Integer(minimum=0)], assignment: Annotated[Assignment | OneShot, BY_HAND]
) -> dict[str, Any]:
    """The object of results.json where not one notebook was handed in, but `count` of them."""
    check_instance("assignment", assignment, (Assignment, OneShot), remedy="build it with Assignment()")
    words = f"Hand in one notebook; you handed in {count}: the one that was given out, with your functions."
    tests = [
        {"name": exercise.title, "score": 0, "max_score": exercise.points, "output": "Not graded.", "visibility": AFTER}
        for exercise in assignment.exercises
    ]
    return {"score": 0, "output": words, "visibility": "visible", "stdout_visibility": "hidden", "tests": tests}
