"""A valid call for each public name of coursework."""

from scaling_lib.coursework import checks, exercises, fingerprints
from tests.coursework.test_exercises import CASES, SQUARE
from tests.records import fields_of

MISTAKE = SQUARE.mistakes[0]
ANSWERS = [6.25, 9.0, 25.0]


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
    (checks.check, {"key": "units", "answer": abs}),
]
