"""`make grade ASSIGNMENT=assignments/LABEL SUBMISSIONS=FOLDER`: marks of a class.

A submission is a notebook of the folder, named for its student, or the one notebook in a folder of the student's name.
Each is graded in a cage of its own, as many at once as there are cores. What is written lies in ASSIGNMENT/grades:

    marks.csv  mistakes.csv  index.html  students/NAME.html  results/NAME.json (what Gradescope would read)

It may be stopped and called again: a submission that was graded is graded again only if it, the exercises, the secret
or the protections changed. The secret makes the inputs, so the same secret gives the same marks.
"""

import argparse
import contextlib
import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from coursework.assignments import AnyAssignment, grade
from scaling_lib.coursework.cage import PROTECTIONS, Cage, Limits
from scaling_lib.coursework.gradescope import result
from scaling_lib.coursework.grading import LARGEST_SUBMISSION, Mark, Marks, printable
from scaling_lib.errors import InvalidArgument
from tools.classroom import reports
from tools.classroom.assignment import folder_of, read, shown

WHAT_IS_LACKING = {
    "landlock": "a submission could read files that this user can read (Linux 5.13 and later have Landlock)",
    "namespaces": "a submission could reach the network (Linux with `unshare`, allowed for this user)",
    "nobody": "a submission runs as this user, and as root with any number of processes (call make as root where "
    "`unshare` works, or with a Python that everybody can read)",
}
MOST_NAMED = 5


@dataclass(frozen=True)
class Submission:
    """Whose it is and where; note: why it is not graded, "" where it is."""

    student: str
    path: Path
    note: str = ""

    @property
    def file(self) -> str:
        """A name of a file for this student, whatever characters the student's name holds."""
        plain = re.sub(r"[^\w-]+", "_", self.student)[:50]
        # Long enough that nobody finds a name with another student's, and a name that ends as one gets one too.
        short = hashlib.blake2b(self.student.encode(errors="replace"), digest_size=8).hexdigest()
        itself = plain == self.student and not re.search("-[0-9a-f]{16}$", plain)
        return plain if itself else f"{plain}-{short}"


def submissions(folder: Path) -> list[Submission]:
    """Those of a folder, by student. Who is there twice has a note. Raises InvalidArgument where there is none."""
    if not folder.is_dir():
        raise InvalidArgument(f"SUBMISSIONS must be a folder, got {str(folder)!r}: pass that of the notebooks.")
    by_student: dict[str, list[Path]] = {}
    for student, path in _handed_in(folder):
        by_student.setdefault(student, []).append(path)
    if not by_student:
        raise InvalidArgument(
            f"SUBMISSIONS must hold notebooks, got {str(folder)!r} without any: put each student's .ipynb file there."
        )
    listed = []
    for student, paths in sorted(by_student.items()):
        names = ", ".join(printable(path.relative_to(folder).as_posix()) for path in paths[:MOST_NAMED])
        names += ", ..." if len(paths) > MOST_NAMED else ""
        note = f"{student} handed in {len(paths)} files ({names}): leave one of them." if len(paths) > 1 else ""
        listed.append(Submission(student, paths[0], note))
    return listed


def _handed_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """(student, file) of everything handed in, whatever kind of file: what is no notebook is told so."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "__")):
            continue
        if path.is_dir() and not path.is_symlink():
            inside = [file for file in sorted(path.rglob("*")) if file.is_file() and not _hidden(file, path)]
            notebooks = [file for file in inside if file.suffix == ".ipynb"]
            yield from ((printable(path.name), file) for file in notebooks or inside[:1])
        elif path.suffix not in (".csv", ".yml", ".yaml", ".md"):
            yield printable(path.stem), path


def _hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith((".", "__")) for part in file.relative_to(folder).parts)


def fingerprint(submission: Submission, assignment: AnyAssignment, protections: Sequence[str]) -> str:
    """A hash of everything that a submission's marks follow from."""
    told = json.dumps([assignment.label, submission.student, submission.note, sorted(protections), assignment.asked])
    hashed = hashlib.blake2b(told.encode(errors="replace"), key=assignment.secret.encode()[:64], digest_size=16)
    with contextlib.suppress(OSError):
        if submission.path.is_file() and submission.path.stat().st_size <= LARGEST_SUBMISSION:
            hashed.update(submission.path.read_bytes())
    return hashed.hexdigest()


def stored(place: Path, wanted: str) -> Marks | None:
    """The marks that a file holds, if they are those of this fingerprint."""
    try:
        held = json.loads(place.read_text(encoding="utf-8"))
        if held["fingerprint"] != wanted:
            return None
        fields = held["marks"]
        marks = tuple(Mark(**mark) for mark in fields.pop("marks"))
        lists = {name: tuple(fields.pop(name)) for name in ("protections", "failed_cells")}
        return Marks(marks=marks, **lists, **fields)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def store(place: Path, content: Mapping[str, Any] | str) -> None:
    """Write a file whole or not at all."""
    text = content if isinstance(content, str) else json.dumps(content, indent=1)
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(place)


def grade_class(
    listed: Sequence[Submission],
    assignment: AnyAssignment,
    into: Path,
    protections: Sequence[str],
    *,
    without: Sequence[str] = (),
    at_once: int | None = None,
    quiet: bool = False,
) -> list[Marks]:
    """The marks of all submissions, in their order; each is kept in `into`/results as soon as it is there."""
    places = {one: into / "results" / f"{one.file}.json" for one in listed}
    wanted = {one: fingerprint(one, assignment, protections) for one in listed}
    done = {one: marks for one in listed if (marks := stored(places[one], wanted[one])) is not None}

    def graded(one: Submission) -> Marks:
        if one.note:
            return ungraded(one, assignment)
        marks = grade(one.path, assignment, student=one.student, without=without)
        store(places[one], result(marks) | {"fingerprint": wanted[one], "marks": asdict(marks)})
        return marks

    left = [one for one in listed if one not in done]
    with (
        ThreadPoolExecutor(at_once or os.cpu_count() or 1) as workers,
        tqdm(total=len(listed), initial=len(done), desc="graded", disable=quiet) as bar,
    ):
        running = {workers.submit(graded, one): one for one in left}
        for ended in as_completed(running):
            done[running[ended]] = ended.result()
            bar.update()
    return [done[one] for one in listed]


def ungraded(one: Submission, assignment: AnyAssignment) -> Marks:
    """No points, and why."""
    nothing = tuple(
        Mark(exercise.key, exercise.title, 0, exercise.points, "not attempted", "", "Not graded.")
        for exercise in assignment.exercises
    )
    return Marks(one.student, nothing, one.note)


def write_reports(
    listed: Sequence[Submission], marks: Sequence[Marks], assignment: AnyAssignment, into: Path, missing: Sequence[str]
) -> None:
    """marks.csv, mistakes.csv and the pages."""
    store(into / "marks.csv", reports.marks_table(assignment, marks))
    store(into / "mistakes.csv", reports.mistakes_table(reports.histogram(assignment, marks)))
    links = [f"students/{one.file}.html" for one in listed]
    store(into / "index.html", reports.class_page(assignment, marks, links, missing))
    for link, one in zip(links, marks, strict=True):
        store(into / link, reports.student_page(assignment, one))


def active_protections(without: Sequence[str] = ()) -> list[str]:
    """What holds on this machine, by trial."""
    with Cage([], Limits(), deadline=time.monotonic() + 60, without=without) as cage:
        return cage.protections


def main(arguments: list[str] | None = None, without: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description="Grade the submissions of a folder.")
    parser.add_argument("--assignment", type=Path, required=True, help="a folder that make assignment wrote")
    parser.add_argument("--submissions", type=Path, required=True, help="a folder with the students' notebooks")
    parser.add_argument("--accept-weaker", action="store_true", help="grade although a protection is missing")
    parser.add_argument("--into", type=Path, help="the folder of the reports; ASSIGNMENT/grades by default")
    given = parser.parse_args(arguments)
    if os.name != "posix":
        sys.exit("Grading needs Linux or macOS: on Windows call make inside WSL.")
    try:
        assignment = read(given.assignment)
        listed = submissions(given.submissions)
    except InvalidArgument as error:
        sys.exit(str(error))
    protections = active_protections(without)
    missing = [name for name in PROTECTIONS if name not in protections]
    for name in missing:
        print(f"Warning: no {name} here: {WHAT_IS_LACKING[name]}.")
    if missing and not given.accept_weaker:
        sys.exit("Nothing was graded. If you trust the class: make grade ... ACCEPT_WEAKER=1 (--accept-weaker).")
    into = given.into or folder_of(given.assignment) / "grades"
    begun = time.monotonic()
    marks = grade_class(listed, assignment, into, protections, without=without)
    write_reports(listed, marks, assignment, into, missing)
    for one in marks:
        if one.note:
            print(f"  not graded: {one.student}: {one.note}")
    graded, seconds = sum(not one.note for one in marks), time.monotonic() - begun
    print(f"{graded} of {len(marks)} graded in {seconds:.0f} s, held by {', '.join(['limits', *protections])}.")
    print(f"  {shown(into / 'marks.csv')}, and to read: {shown(into / 'index.html')}")


if __name__ == "__main__":
    main()
