"""`make practice`: what is derived of the exercises in the folder coursework.

What ships, scaling_lib/coursework/practice.json, holds visible inputs, fingerprints of the right answer and of each
mistake, and the mistakes' questions; no answer. The instructors' page gets its list of exercises.
"""

import json
from typing import Any

import numpy as np

from coursework import EXERCISES
from scaling_lib.coursework.exercises import Exercise, draw_cases
from scaling_lib.coursework.fingerprints import fingerprints
from tools.chapters import ROOT
from tools.classroom.assignment import chapters_of_exercises

PRACTICE = ROOT / "scaling_lib" / "coursework" / "practice.json"
PAGE = ROOT / "book" / "instructors.md"
BEGIN, END = "% exercises: written by make practice\n", "% end of exercises\n"
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


def listed() -> str:
    """The exercises by chapter, each with its mistakes: the question asked before the due date, the reason after."""
    parts = []
    for chapter, keys in chapters_of_exercises().items():
        chosen = [EXERCISES[key] for key in keys]
        minutes = sum(exercise.minutes for exercise in chosen)
        parts.append(f"### Chapter {chapter}: {len(chosen)} exercises, about {minutes} minutes\n")
        for exercise in chosen:
            stars, points = "★" * exercise.stars, f"{exercise.points} points"
            parts.append(f"**{exercise.title}** (`{exercise.function}`). To {exercise.objective}. *{stars} · ")
            parts[-1] += f"{exercise.minutes} minutes · {points} · {exercise.kind}.*\n"
            parts.append(":::{dropdown} " + f"{len(exercise.mistakes)} mistakes that are recognised")
            parts += [
                f"- *{mistake.name}*: {_verbatim(mistake.hint)} {_verbatim(mistake.says)}"
                for mistake in exercise.mistakes
            ]
            parts.append(":::\n")
    return "\n".join(parts)


def _verbatim(sentence: str) -> str:
    """A sentence of plain text in Markdown."""
    return "".join(f"\\{letter}" if letter in "*_^~$[]<>`\\" else letter for letter in sentence)


def page() -> str:
    """The instructors' page with its list as it should be."""
    before, _, others = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = others.partition(END)
    return f"{before}{BEGIN}\n{listed()}\n{END}{after}"


def main() -> None:
    PRACTICE.write_text(text(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{len(EXERCISES)} exercises: {PRACTICE.relative_to(ROOT)}, {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
