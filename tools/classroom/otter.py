"""`make otter ASSIGNMENT=...`: an archive for courses that run on Otter, which carries the scores of the cage.

Otter runs hidden tests in the interpreter of the student's code, where they can be read and patched. So it gets an
empty notebook to execute, with a test for each exercise that always passes, and a plugin then sets each score to what
the cage of `scaling_lib.coursework` says. Otter is an envelope and marks nothing.
"""

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

from coursework.assignments import AnyAssignment, as_data
from scaling_lib.errors import InvalidArgument
from tools.classroom.archive import library_files, requirements
from tools.classroom.assignment import folder_of, private, read, shown

NAME = "scaling_otter"
PLUGIN = '''"""Hands Otter an empty notebook and sets each score from the cage."""

import json
from pathlib import Path

import nbformat
from otter.plugins import AbstractOtterPlugin

import coursework
from coursework.assignments import assignment_of, grade


class Envelope(AbstractOtterPlugin):
    """The submission itself is run in the cage only."""

    def before_execution(self, submission):
        return nbformat.v4.new_notebook()

    def after_grading(self, results):
        kept = Path(coursework.__file__).parents[1] / "assignment.json"
        assignment = assignment_of(json.loads(kept.read_text(encoding="utf-8")))
        for mark in grade(self.submission_path, assignment).marks:
            results.update_score(mark.key, mark.points)
'''
TEST = """OK_FORMAT = True

test = {{
    "name": {key!r},
    "points": {points},
    "suites": [
        {{
            "cases": [{{"code": ">>> True\\nTrue", "hidden": True, "locked": False}}],
            "scored": True,
            "setup": "",
            "teardown": "",
            "type": "doctest",
        }}
    ],
}}
"""
ABSENT = (
    "Otter is not installed here: .venv/bin/python -m pip install -c constraints.txt otter-grader, then give this "
    "command again."
)


def write(assignment: AnyAssignment, folder: Path) -> list[str]:
    """Write what `otter generate` packs; the files beside tests, configuration and requirements, relative to it."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tests").mkdir(parents=True)
    for exercise in assignment.exercises:
        written = TEST.format(key=exercise.key, points=exercise.points)
        (folder / "tests" / f"{exercise.key}.py").write_text(written, encoding="utf-8")
    configuration = {"plugins": [f"{NAME}.Envelope"], "pdf": False, "show_hidden": False}
    (folder / "otter_config.json").write_text(json.dumps(configuration, indent=1), encoding="utf-8")
    (folder / "requirements.txt").write_text("\n".join([*requirements(), "nbformat"]) + "\n", encoding="utf-8")
    files = {f"{NAME}.py": PLUGIN} | library_files()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    private(folder / "assignment.json", json.dumps(as_data(assignment)).encode())
    return [*files, "assignment.json"]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Pack an assignment for Otter.")
    parser.add_argument("--assignment", type=Path, required=True, help="a folder that make assignment wrote")
    given = parser.parse_args(arguments).assignment
    try:
        assignment = read(given)
    except InvalidArgument as error:
        sys.exit(str(error))
    if importlib.util.find_spec("otter") is None:
        sys.exit(ABSENT)
    place = folder_of(given)
    files = write(assignment, place / "otter")
    settings = ["-t", "tests", "-c", "otter_config.json", "-r", "requirements.txt", "-o", str(place / "otter.zip")]
    subprocess.run([sys.executable, "-m", "otter", "generate", *settings, *files], cwd=place / "otter", check=True)
    shutil.rmtree(place / "otter")
    print(f"  {shown(place / 'otter.zip')} (it holds the secret)")


if __name__ == "__main__":
    main()
