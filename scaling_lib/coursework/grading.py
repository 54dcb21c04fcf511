"""Marks: a submission's functions are asked, in a cage, about inputs that follow from a secret.

The same functions were checked in the student's notebook on inputs that everybody sees. A mark is for the hidden
inputs: whoever wrote the method has it, whoever wrote down numbers has not. An answer that is right for every input
earns the points of its exercise; any other earns none, and is diagnosed.
"""

import difflib
import json
import re
import stat
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from scaling_lib.arguments import BY_HAND, Remedy, checked
from scaling_lib.coursework.cage import CLEARED, PROTECTIONS, Broken, Cage, Limits, Reply
from scaling_lib.coursework.exercises import AnyExercise, Diagnosis, Exercise, diagnose, draw_cases
from scaling_lib.errors import InvalidData, invalid

__all__ = ["FORMAT", "SHORTEST_SECRET", "Assignment", "Mark", "Marks", "grade"]

FORMAT = 1  # of an assignment's notebook
SHORTEST_SECRET = 12
LEAST_DIFFERENT = 6  # characters
# Stood on the instructors' page once: whoever reads it would try them first.
PRINTED = ("a long secret of mine", "forty worlds", "autumn-2026")
LARGEST_SUBMISSION = 20_000_000
NAMED = re.compile(r'^ASSIGNMENT, FORMAT = "([\w.-]+)", (\d+)', re.M)
NOT_ATTEMPTED = Diagnosis("not attempted", "", "Not attempted.")
_ASK_FOR_LIMITS = "build it with Limits()"


def check_label_and_secret(label: str, secret: str) -> None:
    """Refuse, with InvalidArgument, a label that is no name of a file and a secret that could be guessed."""
    if not re.fullmatch(r"[\w.-]+", label):
        raise invalid("label", "of letters, digits, dots and hyphens", label, "pass one such as 'chapter-3'")
    if len(secret) < SHORTEST_SECRET:
        wanted = f"a text of at least {SHORTEST_SECRET} characters"
        raise invalid("secret", wanted, f"{len(secret)} of them", "choose a longer one, which nobody can guess")
    if len(set(secret)) < LEAST_DIFFERENT or secret.lower() in PRINTED:
        raise invalid("secret", "one that nobody can guess", "one that stands in a page or repeats itself", "draw one")


def check_without(without: Any) -> None:
    """Refuse, with InvalidArgument, what is no list of protections."""
    if isinstance(without, str) or not isinstance(without, Sequence) or not set(map(str, without)) <= set(PROTECTIONS):
        raise invalid("without", f"a list of some of {', '.join(PROTECTIONS)}", without, "pass () for none")


@checked
@dataclass(frozen=True)
class Assignment:
    """Exercises under a name. secret: what the hidden inputs follow from; whoever has it can compute them.

    Raises InvalidArgument where the secret could be guessed for its shortness.
    """

    label: str
    exercises: Annotated[tuple[Exercise, ...], Remedy("take some of the folder coursework")]
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        check_label_and_secret(self.label, self.secret)

    @property
    def asked(self) -> list[Any]:
        """What the marks follow from, as plain data: inputs, right answers, mistakes and points."""
        return [
            [
                exercise.key,
                exercise.points,
                cases := self.cases(exercise),
                [np.asarray(exercise.answer(**case)).tolist() for case in cases],
                [[mistake.name, mistake.says] for mistake in exercise.mistakes],
            ]
            for exercise in self.exercises
        ]

    @checked
    def cases(self, exercise: AnyExercise) -> list[dict[str, Any]]:
        """The hidden inputs of one of its exercises. Raises InvalidArgument."""
        return _cases(exercise, self.secret, self.label)


@cache
def _cases(exercise: Exercise, secret: str, label: str) -> list[dict[str, Any]]:
    return draw_cases(exercise, secret, label)


@checked
@dataclass(frozen=True)
class Mark:
    """What became of one exercise. points of out_of; state: as of a Diagnosis; mistake: its name, "" where unknown;
    says: a sentence."""

    key: str
    title: str
    points: int
    out_of: int
    state: str
    mistake: Annotated[str, Remedy("pass '' for none")]
    says: str


@checked
@dataclass(frozen=True)
class Marks:
    """What became of a submission.

    note: why nothing was graded, "" where it was. protections: what held the student's code, of `cage.PROTECTIONS`.
    failed_cells: a line for each cell that raised; these lines are the student's words. seconds: that it took.
    """

    student: str
    marks: Annotated[tuple[Mark, ...], Remedy("pass a Mark for each exercise")]
    note: Annotated[str, Remedy("pass '' for none")] = ""
    protections: Annotated[tuple[str, ...], Remedy("pass () for none", least=0)] = ()
    failed_cells: Annotated[tuple[str, ...], Remedy("pass () for none", least=0)] = ()
    seconds: float = 0.0

    @property
    def points(self) -> int:
        """Points of all exercises."""
        return sum(mark.points for mark in self.marks)

    @property
    def out_of(self) -> int:
        """Points that could be had."""
        return sum(mark.out_of for mark in self.marks)


@checked
def grade(
    submission: str | Path,
    assignment: Annotated[Assignment, Remedy("build it with Assignment()")],
    *,
    student: str = "student",
    limits: Annotated[Limits, Remedy(_ASK_FOR_LIMITS)] = Limits(),  # noqa: B008
    explain: bool = True,
    without: Annotated[Sequence[str], BY_HAND] = (),
) -> Marks:
    """Mark a submission, an assignment's notebook with functions written into it. Whatever it holds, this returns.

    student: whose it is. explain: say what was wrong, as after the due date, instead of asking about it. without:
    protections to do without. A file that cannot be graded gets no points, and a note that says why.
    """
    check_without(without)
    begun = time.monotonic()
    try:
        cells = cells_of(Path(submission), assignment.label)
    except InvalidData as error:
        nothing = Diagnosis(NOT_ATTEMPTED.state, "", "Not graded.")
        return Marks(student, tuple(_mark(exercise, nothing) for exercise in assignment.exercises), str(error))
    marker = _Marker(cells, limits, begun + limits.seconds, without, explain)
    try:
        marks = tuple(
            _mark(exercise, marker.diagnosed(exercise, assignment.cases(exercise))) for exercise in assignment.exercises
        )
    finally:
        marker.close()
    seconds = time.monotonic() - begun
    return Marks(student, marks, "", tuple(marker.protections), tuple(marker.failed_cells), seconds)


def _mark(exercise: Exercise, diagnosis: Diagnosis) -> Mark:
    points = exercise.points if diagnosis.state == "right" else 0
    words = (diagnosis.state, diagnosis.name, diagnosis.says)
    return Mark(exercise.key, exercise.title, points, exercise.points, *words)


class _Marker:
    """Asks one submission, in one cage as long as it holds, and in a new one after a function that broke it: a loop
    without end in one exercise shall not cost the others."""

    def __init__(
        self,
        cells: Sequence[Mapping[str, Any]],
        limits: Limits,
        deadline: float,
        without: Sequence[str],
        explain: bool,
    ) -> None:
        self._cells, self._limits, self._deadline = cells, limits, deadline
        self._without, self._explain = without, explain
        self._cage: Cage | None = None
        self._unusable = ""
        self.protections: list[str] = []
        # Of the first cage alone, whose cells ran before anything was asked: what a later one says of itself could
        # repeat inputs that its predecessor was asked about and left somewhere.
        self.failed_cells: list[str] = []
        self._names: list[str] | None = None

    def diagnosed(self, exercise: Exercise, cases: Sequence[Mapping[str, Any]]) -> Diagnosis:
        try:
            cage = self._running()
        except Broken as reason:
            self._unusable = str(reason)
        if self._unusable:
            return Diagnosis("wrong", "broken", f"The notebook's cells could not be run: {self._unusable}.")
        replies: list[Reply] = []
        try:
            for case in cases:
                replies.append(cage.ask(exercise.function, case))
                if replies[-1].missing or replies[-1].raised:
                    break  # one such reply decides, and the others could take as long
        except Broken as reason:
            self.close()
            return Diagnosis("wrong", "broken", f"Your function was asked and did not answer: {reason}.")
        return self._read(exercise, cases, replies)

    def _running(self) -> Cage:
        if self._cage is None and not self._unusable:
            self._cage = Cage(self._cells, self._limits, deadline=self._deadline, without=self._without)
            if self._names is None:
                self.failed_cells, self._names = self._cage.errors, self._cage.names
            self.protections = self._cage.protections
        if self._cage is None:
            raise Broken(self._unusable)
        return self._cage

    def _read(self, exercise: Exercise, cases: Sequence[Mapping[str, Any]], replies: Sequence[Reply]) -> Diagnosis:
        if any(reply.missing for reply in replies):
            near = difflib.get_close_matches(exercise.function, self._names or [], n=1, cutoff=0.5)
            remedy = f" Was it renamed to `{near[0]}`?" if near and near[0].isidentifier() else ""
            words = f"There is no function `{exercise.function}` in the notebook.{remedy}"
            return Diagnosis("not attempted", "missing", words)
        stopped = replies[-1].raised
        if stopped == "TimeoutError":
            words = f"Your function had no answer after {self._limits.call_seconds:g} s."
            return Diagnosis("wrong", "too long", words)
        if stopped:
            return Diagnosis("wrong", "raised", f"Your function stopped with {stopped}.")
        try:
            diagnosis = diagnose(exercise, cases, [reply.answer for reply in replies], explain=self._explain)
            return NOT_ATTEMPTED if diagnosis.state == NOT_ATTEMPTED.state else diagnosis
        except (ValueError, OverflowError, RecursionError):
            return Diagnosis("wrong", "unusable", "Your answer could not be looked at: a number is expected.")

    def close(self) -> None:
        if self._cage is not None:
            self._cage.close()
            self._cage = None


def cells_of(submission: Path, label: str) -> list[dict[str, Any]]:
    """Source and tags of the code cells of an assignment's notebook. Raises InvalidData, in one sentence, for a file
    that is none, or that belongs elsewhere."""
    name = printable(submission.name)
    no_notebook = InvalidData(f"{name} is no notebook: hand in the .ipynb file that Jupyter or Colab saves.")
    try:
        status = submission.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe or a device might never end
            raise no_notebook
        if submission.is_symlink():  # it could be somebody else's
            raise InvalidData(f"{name} is a link to another file: hand in the notebook itself.")
        if status.st_size > LARGEST_SUBMISSION:
            megabytes = LARGEST_SUBMISSION // 1_000_000
            raise InvalidData(f"{name} has more than {megabytes} MB: hand it in without its outputs.")
        held = json.loads(submission.read_text(encoding="utf-8"))
        cells = [
            {"source": _joined(cell["source"]), "tags": [str(tag) for tag in cell["metadata"].get("tags", [])]}
            for cell in held["cells"]
            if cell["cell_type"] == "code"
        ]
    except OSError as error:
        raise InvalidData(f"{name} cannot be read ({error.strerror}): hand it in again.") from None
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise error if isinstance(error, InvalidData) else no_notebook from None
    theirs, version = _named(held, cells)
    if not theirs:
        raise InvalidData(f"{name} is no assignment of this book: hand in the notebook that was given out.")
    if version > FORMAT:
        raise InvalidData(f"{name} was made by a newer version of this book: update the repository and grade again.")
    if theirs != label:
        raise InvalidData(f"{name} belongs to the assignment {theirs!r}, not to {label!r}: grade it with that one.")
    return cells


def printable(name: str) -> str:
    """The name of a file on one line and in Unicode, whatever bytes it is made of, without what would command a
    terminal."""
    return " ".join(name.encode(errors="replace").decode().translate(CLEARED).split())


def _joined(source: Any) -> str:
    return source if isinstance(source, str) else "".join(source)


def _named(held: Mapping[str, Any], cells: Sequence[Mapping[str, Any]]) -> tuple[str, int]:
    """The label and the format that a notebook carries, in its metadata or, where an editor dropped them, in a cell."""
    try:
        carried = held["metadata"]["scaling_lab"]
        return str(carried["assignment"])[:100], int(carried["format"])
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        matches = [match for cell in cells if (match := NAMED.search(cell["source"]))]
        return (matches[0][1][:100], int(matches[0][2][:9])) if matches else ("", 0)
