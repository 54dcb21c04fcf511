"""`make practice`: what ships of the exercises, scaling_lib/coursework/practice.json, from the folder coursework.

It holds visible inputs, fingerprints of the right answer and of each mistake, and the mistakes' questions; no answer.
"""

import json
from typing import Any

import numpy as np

from coursework import EXERCISES
from scaling_lib.coursework.exercises import Exercise, draw_cases
from scaling_lib.coursework.fingerprints import fingerprints
from tools.chapters import ROOT

PRACTICE = ROOT / "scaling_lib" / "coursework" / "practice.json"
# The visible inputs are no secret: this only makes them the same for everybody.
PUBLIC = "practice"


def entry(exercise: Exercise) -> dict[str, Any]:
    cases = draw_cases(exercise, PUBLIC, PUBLIC)
    return {
        "function": exercise.function,
        "title": exercise.title,
        "tolerance": exercise.tolerance,
        "cases": cases,
        "shape": list(np.shape(exercise.answer(**cases[0]))),
        "table": fingerprints(exercise, cases),
        "hints": {mistake.name: mistake.hint for mistake in exercise.mistakes},
    }


def text() -> str:
    return json.dumps({key: entry(exercise) for key, exercise in EXERCISES.items()}, indent=1) + "\n"


def main() -> None:
    PRACTICE.write_text(text(), encoding="utf-8")
    print(f"{len(EXERCISES)} exercises: {PRACTICE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
