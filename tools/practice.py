"""`make practice`: what is derived of the exercises in the folder coursework.

The first screen of each chapter gets its objectives, what it needs and its hours, and the students' page their table.
What ships, scaling_lib/coursework/practice.json, holds visible inputs, fingerprints of the right answer and of each
mistake, and the mistakes' questions; no answer. The instructors' page gets its list of exercises.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from coursework import EXERCISES
from coursework.chapters import CHAPTERS, exercise_minutes, first_screen, hours
from scaling_lib.coursework.exercises import Exercise, draw_cases
from scaling_lib.coursework.fingerprints import fingerprints
from tools.chapters import ROOT, sources
from tools.classroom.assignment import chapters_of_exercises

PRACTICE = ROOT / "scaling_lib" / "coursework" / "practice.json"
PAGE = ROOT / "book" / "instructors.md"
BEGIN, END = "% exercises: written by make practice\n", "% end of exercises\n"
STUDENTS = ROOT / "book" / "students.md"
BEGIN_HOURS, END_HOURS = "% hours: written by make practice\n", "% end of hours\n"
# From there to the end of a chapter's first cell.
OF_FIRST_SCREEN = re.compile(r"^# \*(?:After it you can|You need)\*.*?(?=\n\n# %%)", re.M | re.S)
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


def minutes_of(source: Path) -> int:
    """Minutes of the exercises of a chapter."""
    return exercise_minutes(source.read_text(encoding="utf-8"))


def with_first_screen(source: Path) -> str:
    """A chapter's source with its first screen as it should be."""
    wanted = first_screen(CHAPTERS[source.stem], minutes_of(source))
    return OF_FIRST_SCREEN.sub(lambda match: wanted, source.read_text(encoding="utf-8"), count=1)


def students_page() -> str:
    """The students' page with its table of hours as it should be."""
    lines = ["| chapter | after it you can | to read | exercises |", "| --- | --- | --- | --- |"]
    for source in sources():
        chapter, minutes = CHAPTERS[source.stem], minutes_of(source)
        title = source.read_text(encoding="utf-8").splitlines()[1].lstrip("# ")
        taken = hours(minutes) if minutes else ""
        objectives = "; ".join(chapter.objectives)
        name = f"{{doc}}`{title} </notebooks/{source.stem}>`"
        lines.append(f"| {name} | {objectives} | {hours(chapter.reading)} | {taken} |")
    before, _, others = STUDENTS.read_text(encoding="utf-8").partition(BEGIN_HOURS)
    _, _, after = others.partition(END_HOURS)
    return f"{before}{BEGIN_HOURS}\n" + "\n".join(lines) + f"\n\n{END_HOURS}{after}"


def main() -> None:
    for source in sources():
        source.write_text(with_first_screen(source), encoding="utf-8")
    STUDENTS.write_text(students_page(), encoding="utf-8")
    PRACTICE.write_text(text(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{len(EXERCISES)} exercises: {PRACTICE.relative_to(ROOT)}, {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
