"""A valid call for each public name of coursework."""

from scaling_lib.coursework import cage, checks, exercises, fingerprints, gradescope, grading
from tests.coursework.test_exercises import CASES, SQUARE
from tests.records import fields_of

MISTAKE = SQUARE.mistakes[0]
ANSWERS = [6.25, 9.0, 25.0]
ASSIGNMENT = grading.Assignment("first", (SQUARE,), "a secret of the tests")
MARK = grading.Mark("square", "Squares", 4, 4, "right", "", "Right, in all 3 cases.")

EXAMPLES = [
    (exercises.Mistake, fields_of(MISTAKE)),
    (exercises.Exercise, fields_of(SQUARE)),
    (exercises.Diagnosis, {"state": "wrong", "name": "double", "says": "Twice?"}),
    (exercises.diagnose, {"exercise": SQUARE, "cases": CASES, "answers": ANSWERS, "explain": True}),
    (exercises.draw_cases, {"exercise": SQUARE, "secret": "s", "label": "l", "student": "ada", "count": 3}),
    (fingerprints.fingerprints, {"exercise": SQUARE, "cases": CASES}),
    (
        fingerprints.recognised,
        {
            "key": "square",
            "tolerance": 1e-3,
            "table": fingerprints.fingerprints(SQUARE, CASES),
            "answers": ANSWERS,
        },
    ),
    (cage.Limits, fields_of(cage.Limits())),
    (grading.Assignment, fields_of(ASSIGNMENT)),
    (ASSIGNMENT.cases, {"exercise": SQUARE}),
    (grading.Mark, fields_of(MARK)),
    (grading.Marks, fields_of(grading.Marks("ada", (MARK,)))),
    # No file of this name is there, so nothing is run: tests/coursework/test_grading.py grades.
    (
        grading.grade,
        {
            "submission": "ada.ipynb",
            "assignment": ASSIGNMENT,
            "student": "ada",
            "limits": cage.Limits(),
            "explain": True,
            "without": (),
        },
    ),
    (gradescope.result, {"marks": grading.Marks("ada", (MARK,))}),
    (gradescope.without_notebook, {"count": 2, "assignment": ASSIGNMENT}),
    (checks.check, {"key": "units", "answer": abs}),
]
