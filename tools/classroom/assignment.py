"""`make assignment CHAPTER=3 SEED=...`: what students get, and what the instructor keeps.

    assignments/LABEL/LABEL.ipynb       the chapter's coded exercises, for students; the secret has no part in it
    assignments/LABEL/assignment.json   label, exercises and secret: keep it, and show it to nobody
    assignments/LABEL/gradescope.zip    an autograder for Gradescope, which holds the secret too

The secret is SEED; without one it is drawn. The same secret gives the same files, to the byte. Git ignores the folder
`assignments`.
"""

import argparse
import json
import os
import secrets
import sys
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

import coursework
from coursework.assignments import AnyAssignment, as_data, assignment_of
from scaling_lib.coursework.grading import FORMAT, SHORTEST_SECRET, Assignment
from scaling_lib.errors import InvalidArgument
from tools.chapters import LANGUAGE, ROOT, from_source, sources
from tools.classroom.archive import archive
from tools.classroom.student import key_of, tags_of, text

FOLDER = ROOT / "assignments"
KEPT = "assignment.json"
GIVEN_OUT = {"exercise", "stub", "check"}
WELCOME = """# {title}: exercises

Each exercise asks for a function. Write its body in place of `...`; the cell below it says whether it is right for
inputs that everybody sees, and if it is not, asks you about the likely mistake. Your mark is for other inputs of the
same kind: a function that works out its answer has it, one that returns numbers it was told has not. An exercise that
is right for all of them earns its points, {points} in all here.

Keep the names of the functions and the line that names the assignment. Your cells are run from the top, each for ten
seconds at most, without network and files; write whatever helpers you like. Hand in this notebook."""
IMPORTS = """import numpy as np

from scaling_lib.coursework import check

ASSIGNMENT, FORMAT = "{label}", {form}  # leave this line as it is"""


@cache
def _cells(chapter: int) -> list[NotebookNode]:
    (source,) = (source for source in sources() if source.stem.startswith(f"{chapter:02d}-"))
    return list(from_source(source).cells)


@cache
def chapters_of_exercises() -> dict[int, tuple[str, ...]]:
    """For each chapter that has exercises whose answer is a function, their keys in the order of the chapter."""
    keys_of = {
        chapter: tuple(key_of(cell) for cell in _cells(chapter) if "check" in tags_of(cell))
        for chapter in (int(source.stem[:2]) for source in sources())
    }
    return {chapter: keys for chapter, keys in keys_of.items() if keys}


def assignment(chapter: int, secret: str, name: str = "") -> Assignment:
    """The assignment of a chapter. name: what is added to its label. Raises InvalidArgument."""
    known = chapters_of_exercises()
    if chapter not in known:
        listed = ", ".join(map(str, known))
        raise InvalidArgument(f"chapter must be one with coded exercises ({listed}), got {chapter}: pass one of these.")
    label = f"chapter-{chapter}" + (f"-{name}" if name else "")
    return Assignment(label, tuple(coursework.EXERCISES[key] for key in known[chapter]), secret)


def assignment_notebook(chapter: int, given: Assignment) -> NotebookNode:
    """What students get: setup, and for each exercise its statement, its stub and its check."""
    cells = _cells(chapter)
    keys = {exercise.key for exercise in given.exercises}
    title = cells[0].source.splitlines()[0].lstrip("# ")
    points = sum(exercise.points for exercise in given.exercises)
    first = [
        nbformat.v4.new_markdown_cell(WELCOME.format(title=title, points=points), id="welcome"),
        next(cell for cell in cells if "setup" in tags_of(cell)),
        nbformat.v4.new_code_cell(
            IMPORTS.format(label=given.label, form=FORMAT), id="imports", metadata={"tags": ["imports"]}
        ),
    ]
    notebook = nbformat.v4.new_notebook()
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": LANGUAGE,
            "scaling_lab": {"assignment": given.label, "format": FORMAT},
        }
    )
    notebook.cells = first + [cell for cell in cells if key_of(cell) in keys and GIVEN_OUT & tags_of(cell)]
    return notebook


def write(chapter: int, given: Assignment, folder: Path = FOLDER) -> Path:
    """Write the three files; the folder they are in. Raises InvalidArgument rather than lose another secret."""
    return written(assignment_notebook(chapter, given), given, folder)


def written(notebook: NotebookNode, given: AnyAssignment, folder: Path = FOLDER) -> Path:
    """Write an assignment's three files, of which `notebook` is the one for students; the folder they are in."""
    place = folder / given.label
    kept = place / KEPT
    if kept.exists() and json.loads(kept.read_text(encoding="utf-8"))["secret"] != given.secret:
        raise InvalidArgument(
            f"NAME must be another one, got a label that has another secret already in {shown(kept)}: "
            "pass NAME=..., or the same SEED, or move that folder away."
        )
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{given.label}.ipynb").write_text(text(notebook), encoding="utf-8")
    private(kept, (json.dumps(as_data(given), indent=1) + "\n").encode())
    private(place / "gradescope.zip", archive(as_data(given)))
    return place


def read(place: Path) -> AnyAssignment:
    """The assignment of a folder, of its `assignment.json`, or of a label. Raises InvalidArgument."""
    kept = folder_of(place) / KEPT
    try:
        return assignment_of(json.loads(kept.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, InvalidArgument):
            raise
        raise InvalidArgument(
            f"ASSIGNMENT must be a folder that make assignment wrote, got {str(place)!r}: pass one of assignments/."
        ) from None


def folder_of(place: Path) -> Path:
    """The folder that is meant by a folder, by its `assignment.json`, or by a label."""
    if not place.exists() and (FOLDER / place).is_dir():
        return FOLDER / place
    return place.parent if place.is_file() and place.name == KEPT else place


def private(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(content)


def shown(path: Path) -> str:
    """A path as the instructor would type it."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make an assignment of a chapter's exercises.")
    parser.add_argument("--chapter", default="", help="its number")
    parser.add_argument("--seed", default="", help=f"the secret, {SHORTEST_SECRET} characters or more; '' draws one")
    parser.add_argument("--name", default="", help="added to the label, such as autumn-2026")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    try:
        if not given.chapter.isdigit():
            known = ", ".join(map(str, chapters_of_exercises()))
            raise InvalidArgument(f"CHAPTER must be one of {known}, got {given.chapter!r}: make assignment CHAPTER=3.")
        chapter = int(given.chapter)
        made = assignment(chapter, given.seed or secrets.token_urlsafe(18), given.name)
        place = write(chapter, made, given.folder)
    except InvalidArgument as error:
        sys.exit(str(error))
    points = sum(exercise.points for exercise in made.exercises)
    print(f"{len(made.exercises)} exercises, {points} points.")
    print(f"  give to students: {shown(place / f'{made.label}.ipynb')}")
    print(f"  keep to yourself: {shown(place / KEPT)} (the secret), {shown(place / 'gradescope.zip')}")
    print(f"  then: make grade ASSIGNMENT={shown(place)} SUBMISSIONS=the folder of their notebooks")


if __name__ == "__main__":
    main()
