"""Marks of a class: from the assignment that is given out to the tables and pages that an instructor reads."""

import csv
import html
import importlib.util
import io
import json
import os
import resource
import runpy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pytest

import coursework
from scaling_lib.coursework.exercises import diagnose
from scaling_lib.coursework.grading import FORMAT, LARGEST_SUBMISSION, Assignment, grade
from scaling_lib.errors import InvalidArgument
from tests.coursework.notebooks import notebook, written
from tools import chapters
from tools.classroom import assignment as assignments
from tools.classroom import grade as grading
from tools.classroom import otter, reports
from tools.classroom.student import STUDENT

SECRET = "a secret of the tests"
UNITS = coursework.EXERCISES["units"]
ASSIGNMENT = Assignment("first", (UNITS,), SECRET)
RIGHT = "def in_nats_and_tokens(E, B, beta): return [E * np.log(2), B * np.log(2) * 10 ** (6 * beta), beta]"
WRONG = "def in_nats_and_tokens(E, B, beta): return [E * np.log(2), B * np.log(2), beta]"


# What is handed in


def test_a_renamed_function_is_named(tmp_path):
    marks = grade(written(tmp_path, notebook("first", RIGHT.replace("nats_and", "nats_or"))), ASSIGNMENT)
    assert marks.marks[0].says == (
        "There is no function `in_nats_and_tokens` in the notebook. Was it renamed to `in_nats_or_tokens`?"
    )
    assert marks.points == 0


PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
REFUSED = {
    "picture": (PNG, "ada.ipynb is no notebook"),
    "empty": (b"", "ada.ipynb is no notebook"),
    "list": ([1, 2, 3], "ada.ipynb is no notebook"),
    "number": (3, "ada.ipynb is no notebook"),
    "deep": (b"[" * 100_000, "ada.ipynb is no notebook"),
    "no cells": ({"metadata": {}}, "ada.ipynb is no notebook"),
    "cells that are none": ({"cells": ["x"]}, "ada.ipynb is no notebook"),
    "source that is none": (
        {"cells": [{"cell_type": "code", "metadata": {}, "source": 3}]},
        "ada.ipynb is no notebook",
    ),
    "another notebook": (nbformat.v4.new_notebook(), "is no assignment of this book"),
    "another assignment": (notebook("second", RIGHT), "belongs to the assignment 'second', not to 'first'"),
    "newer": (notebook("first", RIGHT, form=FORMAT + 1), "was made by a newer version of this book"),
    "huge": (b" " * (LARGEST_SUBMISSION + 1), "has more than 20 MB"),
    "a version without end": (
        b'{"cells": [], "metadata": {"scaling_lab": {"assignment": "first", "format": 1e999}}}',
        "is no assignment of this book",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_graded_has_a_sentence(name, tmp_path):
    held, words = REFUSED[name]
    marks = grade(written(tmp_path, held), ASSIGNMENT)
    assert words in marks.note
    assert "\n" not in marks.note
    assert (marks.points, marks.out_of) == (0, 4)


def test_a_submission_that_is_not_there_has_a_sentence(tmp_path):
    assert grade(tmp_path / "ada.ipynb", ASSIGNMENT).note.startswith("ada.ipynb cannot be read (No such file")


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_a_file_that_might_never_end_is_not_read(kind, tmp_path):
    place = tmp_path / "ada.ipynb"
    make = {"pipe": os.mkfifo, "device": lambda path: path.symlink_to("/dev/zero"), "folder": Path.mkdir}
    make[kind](place)
    assert grade(place, ASSIGNMENT).note.startswith("ada.ipynb is no notebook")


def test_what_belongs_to_somebody_else_is_not_handed_in_by_a_link(tmp_path):
    """An archive that is unpacked can hold links: to another student's notebook, to a folder, to what is ours."""
    place = tmp_path / "handed in"
    (place / "bob").mkdir(parents=True)
    written(place, notebook("first", RIGHT))
    (place / "eve.ipynb").symlink_to("ada.ipynb")
    (place / "bob/bob.ipynb").symlink_to("../ada.ipynb")
    (place / "carl").symlink_to(tmp_path)
    listed = grading.submissions(place)
    marks = {one.student: grade(one.path, ASSIGNMENT, student=one.student) for one in listed}
    assert {name: one.points for name, one in marks.items()} == {"ada": 4, "bob": 0, "carl": 0, "eve": 0}
    assert marks["eve"].note == "eve.ipynb is a link to another file: hand in the notebook itself."
    assert marks["bob"].note == "bob.ipynb is a link to another file: hand in the notebook itself."
    assert marks["carl"].note.startswith("carl is no notebook")


def test_nobody_takes_the_page_of_another_student(tmp_path):
    """Who knows how names of files are made could hand in under the name of another's; and the longest of names."""
    taken = grading.Submission("ada b", tmp_path)
    assert taken.file != grading.Submission(taken.file, tmp_path).file
    assert len(taken.file.rpartition("-")[2]) == 16
    longest = grading.Submission("\U00020bb7" * 62, tmp_path).file + ".partial"
    assert len(longest.encode()) <= 255


def test_a_name_commands_no_terminal(tmp_path):
    written(tmp_path, b"", "a\x1b[2J\u202ed\x9ba.ipynb")
    (one,) = grading.submissions(tmp_path)
    assert one.student == "a [2J d a"
    assert grade(one.path, ASSIGNMENT).note.startswith("a [2J d a.ipynb is no notebook")


def test_a_student_of_a_thousand_files_has_one_sentence(tmp_path):
    (tmp_path / "ada").mkdir()
    for place in range(1000):
        written(tmp_path / "ada", b"", f"{place:03d}.ipynb")
    (one,) = grading.submissions(tmp_path)
    assert one.note.startswith("ada handed in 1000 files (ada/000.ipynb, ")
    assert one.note.endswith(", ...): leave one of them.")
    assert len(one.note) < 200


@pytest.mark.parametrize(
    ("name", "begins"), [("=1+1", "\"'="), (" =1+1", "\"' ="), ("x;=1+1", '"x;='), ("\uff1d1+1", "\"'\uff1d")]
)
def test_no_name_begins_a_formula(name, begins):
    """Nor where a spreadsheet takes a semicolon for the end of an entry: it is in quotes."""
    marks = grading.ungraded(grading.Submission(name, Path("x")), ASSIGNMENT)
    (line,) = reports.marks_table(ASSIGNMENT, [marks]).splitlines()[1:]
    assert line.startswith(f'{begins}1+1",')


def test_names_that_are_no_text_are_graded_too(tmp_path):
    written(tmp_path, notebook("first", RIGHT), os.fsdecode(b"ad\xff\na.ipynb"))
    (one,) = grading.submissions(tmp_path)
    assert one.student == "ad? a"
    (marks,) = grading.grade_class([one], ASSIGNMENT, tmp_path / "out", [], quiet=True)
    grading.write_reports([one], [marks], ASSIGNMENT, tmp_path / "out", [])
    assert marks.points == 4


def test_a_label_survives_an_editor_that_drops_metadata(tmp_path):
    held = notebook("first", f'import numpy as np\nASSIGNMENT, FORMAT = "first", {FORMAT}', RIGHT)
    del held["metadata"]["scaling_lab"]
    assert grade(written(tmp_path, held), ASSIGNMENT).points == 4


@pytest.mark.parametrize("secret", ["short", "x" * 11])
def test_a_short_secret_is_refused_and_not_repeated(secret):
    with pytest.raises(InvalidArgument, match="secret must be a text of at least 12 characters") as refused:
        Assignment("first", (UNITS,), secret)
    assert secret not in str(refused.value)


@pytest.mark.parametrize(("explain", "words"), [(True, "B has units of D as well"), (False, "Does B change when")])
def test_a_mistake_is_a_question_before_the_due_date_and_a_reason_after(explain, words, tmp_path):
    marks = grade(written(tmp_path, notebook("first", WRONG)), ASSIGNMENT, explain=explain)
    assert marks.marks[0].mistake == "scale-forgotten"
    assert words in marks.marks[0].says


# Two secrets


@pytest.mark.parametrize("key", coursework.EXERCISES)
def test_two_secrets_give_other_data_other_answers_same_points_same_difficulty(key):
    """Difficulty: the same inputs by name, type and length; the same mistakes told apart; nothing right by chance."""
    exercise = coursework.EXERCISES[key]
    one, other = (Assignment("first", (exercise,), secret).cases(exercise) for secret in (SECRET, SECRET[::-1]))
    assert one != other
    answers = [[np.asarray(exercise.answer(**case)).tolist() for case in cases] for cases in (one, other)]
    assert answers[0] != answers[1]
    for cases, theirs in ((one, answers[1]), (other, answers[0])):
        assert diagnose(exercise, cases, theirs).state == "wrong"
        for mistake in exercise.mistakes:
            diagnosis = diagnose(exercise, cases, [mistake.answer(**case) for case in cases])
            assert diagnosis.name == mistake.name
    kinds = [
        [{name: (type(value), np.shape(value)) for name, value in case.items()} for case in cases]
        for cases in (one, other)
    ]
    assert kinds[0] == kinds[1]


# What is given out


def test_every_chapter_with_coded_exercises_makes_an_assignment(tmp_path):
    known = assignments.chapters_of_exercises()
    assert [key for keys in known.values() for key in keys] == list(coursework.EXERCISES)
    for chapter in known:
        made = assignments.assignment(chapter, SECRET, "autumn")
        place = assignments.write(chapter, made, tmp_path)
        given = nbformat.read(place / f"{made.label}.ipynb", as_version=4)
        nbformat.validate(given)
        text = "\n".join(cell.source for cell in given.cells)
        for exercise in made.exercises:
            assert text.count(f"def {exercise.function}(") == 1
            assert f'check("{exercise.key}", {exercise.function})' in text
        assert SECRET not in (place / f"{made.label}.ipynb").read_text()
        assert "<summary>" not in text
        assert (place / "assignment.json").stat().st_mode & 0o077 == 0
        assert assignments.read(place) == made


def test_the_same_secret_gives_the_same_bytes_and_another_one_is_not_overwritten(tmp_path):
    made = assignments.assignment(3, SECRET)
    first, second = (assignments.write(3, made, tmp_path / name) for name in ("a", "b"))
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()
    assignments.write(3, made, tmp_path / "a")
    with pytest.raises(InvalidArgument, match="NAME must be another one"):
        assignments.write(3, assignments.assignment(3, SECRET[::-1]), tmp_path / "a")
    other = assignments.write(3, assignments.assignment(3, SECRET[::-1]), tmp_path / "c")
    assert (first / "chapter-3.ipynb").read_bytes() == (other / "chapter-3.ipynb").read_bytes()
    assert (first / "gradescope.zip").read_bytes() != (other / "gradescope.zip").read_bytes()


def test_what_is_given_out_can_be_handed_in_as_it_is(tmp_path):
    made = assignments.assignment(3, SECRET)
    place = assignments.write(3, made, tmp_path)
    marks = grade(place / "chapter-3.ipynb", made)
    assert {mark.state for mark in marks.marks} == {"not attempted"}
    assert (marks.note, marks.failed_cells) == ("", ())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--chapter", ""], "CHAPTER must be one of"),
        (["--chapter", "0"], "chapter must be one with coded exercises"),
        (["--chapter", "3", "--seed", "short"], "secret must be a text of at least 12 characters"),
        (["--chapter", "3", "--seed", SECRET, "--name", "a b/c"], "label must be of letters"),
    ],
)
def test_an_assignment_that_cannot_be_made_says_why(arguments, words, tmp_path):
    with pytest.raises(SystemExit, match=words):
        assignments.main([*arguments, "--folder", str(tmp_path)])


def test_without_a_seed_a_secret_is_drawn(tmp_path, capsys):
    assignments.main(["--chapter", "3", "--folder", str(tmp_path)])
    held = json.loads((tmp_path / "chapter-3/assignment.json").read_text())
    assert len(held["secret"]) >= 20
    assert held["secret"] not in capsys.readouterr().out


def expected_values(secret):
    """Right answers to hidden inputs, written as JSON and as rounded decimals."""
    for exercise in coursework.EXERCISES.values():
        for case in Assignment("first", (exercise,), secret).cases(exercise):
            for number in np.ravel(exercise.answer(**case)):
                if abs(number) > 1e-9 and number not in [
                    entry for entry in case.values() if not isinstance(entry, list)
                ]:
                    yield from (repr(float(number)), f"{number:.6g}")


def what_students_have():
    """Every text of the wheel (a test asserts that it holds these files) and every notebook that is given out."""
    paths = [
        path for path in (chapters.ROOT / "scaling_lib").rglob("*") if path.suffix in (".py", ".json", ".md", ".csv")
    ]
    return {str(path): path.read_text(encoding="utf-8") for path in [*paths, *STUDENT.glob("*.ipynb")]}


def test_no_answer_is_in_the_wheel_or_in_a_students_notebook(tmp_path):
    """No function of the folder coursework, no mistake's reason, and no expected value of these assignments."""
    given = what_students_have()
    for chapter in assignments.chapters_of_exercises():
        made = assignments.assignment(chapter, SECRET)
        path = assignments.write(chapter, made, tmp_path) / f"{made.label}.ipynb"
        given[str(path)] = path.read_text(encoding="utf-8")
    everything = "\n".join(given.values())
    reasons = [mistake.says for exercise in coursework.EXERCISES.values() for mistake in exercise.mistakes]
    assert [says for says in reasons if says in everything] == []
    assert not any("coursework/chapter" in path for path in given)
    long = {value for value in expected_values(SECRET) if len(value.replace(".", "").lstrip("-0")) >= 6}
    assert len(long) > 20
    assert [value for value in long if value in everything] == []
    lines = {
        line.strip()
        for path in (chapters.ROOT / "coursework").rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "lambda" in line and len(line.strip()) > 40
    }
    assert [line for line in lines if line in everything] == []


def test_an_answer_that_had_slipped_in_would_be_seen():
    value = next(iter(expected_values(SECRET)))
    assert value in f"answers = [{value}]"


# A class


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "handed in"
    place.mkdir()
    written(place, notebook("first", RIGHT), "ada.ipynb")
    written(place, notebook("first", WRONG), "bob.ipynb")
    written(place, PNG, "carl.png")
    for name in ("dora", "<b>emmy"):
        (place / name).mkdir()
        written(place / name, notebook("first", RIGHT if name == "dora" else WRONG, "raise ValueError('<script>')"))
    written(place, notebook("first", RIGHT), "dora.ipynb")
    (place / ".DS_Store").write_bytes(b"")
    written(place, notebook("first", RIGHT), "=1+1.ipynb")
    return place


def graded(folder, into, **fields):
    listed = grading.submissions(folder)
    marks = grading.grade_class(listed, ASSIGNMENT, into, ["landlock"], quiet=True, **fields)
    grading.write_reports(listed, marks, ASSIGNMENT, into, [])
    return {one.student: one for one in marks}


def test_a_class_is_graded_and_what_is_wrong_with_a_submission_costs_no_other(folder, tmp_path):
    marks = graded(folder, tmp_path)
    assert {name: one.points for name, one in marks.items()} == {
        "ada": 4,
        "bob": 0,
        "carl": 0,
        "dora": 0,
        "<b>emmy": 0,
        "=1+1": 4,
    }
    assert marks["dora"].note == "dora handed in 2 files (dora/ada.ipynb, dora.ipynb): leave one of them."
    assert marks["carl"].note.startswith("carl.png is no notebook")
    table = list(csv.DictReader(io.StringIO((tmp_path / "marks.csv").read_text())))
    assert {line["student"]: line["units"] for line in table} == {
        name if name[0] != "=" else f"'{name}": str(one.points) for name, one in marks.items()
    }
    bars = reports.histogram(ASSIGNMENT, list(marks.values()))
    assert [(bar.name, bar.count, bar.percent) for bar in bars] == [("right", 2, 50), ("scale-forgotten", 2, 50)]
    page = (tmp_path / "index.html").read_text()
    assert html.escape("<b>emmy") in page
    assert "<b>emmy" not in page
    for link in {line.split('"')[0] for line in page.split('href="')[1:]}:
        inside = (tmp_path / link).read_text()
        assert "<script" not in inside
    assert SECRET not in page + "".join(path.read_text() for path in tmp_path.rglob("*.json"))


def test_grading_goes_on_where_it_stopped(folder, tmp_path, monkeypatch):
    first = graded(folder, tmp_path)
    asked = []

    def counted(*arguments, **fields):
        asked.append(fields["student"])
        return grade(*arguments, **fields)

    monkeypatch.setattr(grading, "grade", counted)
    assert graded(folder, tmp_path) == first
    assert asked == []
    written(folder, notebook("first", RIGHT, "x = 1"), "bob.ipynb")
    (tmp_path / "results" / "ada.json").write_text('{"torn')
    assert graded(folder, tmp_path)["bob"].points == 4
    assert sorted(asked) == ["ada", "bob"]


def test_the_secret_makes_the_mark_whenever_it_is_given(folder, tmp_path):
    first, second = graded(folder, tmp_path / "a"), graded(folder, tmp_path / "b")
    assert {name: one.marks for name, one in first.items()} == {name: one.marks for name, one in second.items()}


@pytest.mark.parametrize(("place", "words"), [("nowhere", "must be a folder"), (".", "must hold notebooks")])
def test_a_folder_without_submissions_says_so(place, words, tmp_path):
    with pytest.raises(InvalidArgument, match=words):
        grading.submissions(tmp_path / place)


def test_the_command_line_says_what_protects_and_asks_where_something_is_missing(folder, tmp_path, capsys):
    kept = assignments.write(3, assignments.assignment(3, SECRET), tmp_path / "kept")
    written(folder, notebook("chapter-3", RIGHT), "ada.ipynb")
    command = ["--assignment", str(kept), "--submissions", str(folder)]
    with pytest.raises(SystemExit, match="ACCEPT_WEAKER=1"):
        grading.main(command, without=["landlock", "namespaces"])
    said = capsys.readouterr().out
    assert "Warning: no landlock here" in said
    assert "Warning: no namespaces here" in said
    assert not (kept / "grades").exists()
    grading.main([*command, "--accept-weaker"], without=["landlock", "namespaces"])
    said = capsys.readouterr().out
    assert "held by limits" in said
    assert "not graded: dora: dora handed in 2 files" in said
    assert "Graded with weaker protection" in (kept / "grades/index.html").read_text()
    held = json.loads((kept / "grades/results/ada.json").read_text())
    assert {"landlock", "namespaces"} <= set(held["extra_data"]["missing"])


@pytest.mark.parametrize(
    ("assignment", "words"), [("nowhere", "ASSIGNMENT must be a folder"), ("handed in", "ASSIGNMENT must be a folder")]
)
def test_an_assignment_that_is_none_says_so(assignment, words, folder):
    with pytest.raises(SystemExit, match=words):
        grading.main(["--assignment", str(folder.parent / assignment), "--submissions", str(folder)])


# Gradescope


def test_the_archive_grades_by_itself(tmp_path):
    """Unpacked elsewhere, with nothing of this repository but what it holds, as `run_autograder` calls it."""
    place = assignments.write(3, assignments.assignment(3, SECRET), tmp_path)
    with zipfile.ZipFile(place / "gradescope.zip") as packed:
        packed.extractall(tmp_path / "source")
        modes = {entry.filename: entry.external_attr >> 16 for entry in packed.infolist()}
    assert modes["run_autograder"] == modes["setup.sh"] == 0o755
    (tmp_path / "submission/.ipynb_checkpoints").mkdir(parents=True)
    written(tmp_path / "submission", notebook("chapter-3", RIGHT))
    shutil.copy(tmp_path / "submission/ada.ipynb", tmp_path / "submission/.ipynb_checkpoints/ada-checkpoint.ipynb")
    command = [sys.executable, "-m", "grade_one", str(tmp_path / "submission"), str(tmp_path / "results.json")]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path / "source")}
    subprocess.run(command, cwd=tmp_path / "source", env=environment, check=True)
    held = json.loads((tmp_path / "results.json").read_text())
    (units,) = [test for test in held["tests"] if test["name"] == UNITS.title]
    assert (units["score"], units["max_score"], units["visibility"]) == (4, 4, "after_due_date")
    assert set(held["extra_data"]) == {"protections", "missing"}
    shutil.copy(tmp_path / "submission/ada.ipynb", tmp_path / "submission/bob.ipynb")
    subprocess.run(command, cwd=tmp_path / "source", env=environment, check=True)
    held = json.loads((tmp_path / "results.json").read_text())
    assert held["score"] == 0
    assert held["output"].startswith("Hand in one notebook; you handed in 2")


class Results(dict):
    """The one method of Otter's results that the plugin calls."""

    update_score = dict.__setitem__


class Base:
    """What the plugin inherits from Otter: it is told where the submission is."""

    def __init__(self, submission_path):
        self.submission_path = submission_path


def test_the_plugin_sets_otters_scores_from_the_cage(tmp_path):
    """Run by a stand-in for Otter, which is not installed here, from the folder that `otter generate` packs."""
    made = assignments.assignment(3, SECRET)
    files = otter.write(made, tmp_path / "otter")
    assert {"scaling_otter.py", "assignment.json", "scaling_lib/coursework/caged.py"} <= set(files)
    tests = [runpy.run_path(str(path))["test"] for path in (tmp_path / "otter/tests").glob("*.py")]
    assert {test["name"]: test["points"] for test in tests} == {
        exercise.key: exercise.points for exercise in made.exercises
    }
    program = (
        "import sys, types, json\nfrom tests.coursework.test_grading import Base, Results\n"
        "sys.path.insert(0, '.')\n"
        "for name in [name for name in sys.modules if name.split('.')[0] in ('coursework', 'scaling_lib')]:\n"
        "    del sys.modules[name]\n"
        "sys.modules['otter'] = types.ModuleType('otter')\n"
        "sys.modules['otter.plugins'] = types.SimpleNamespace(AbstractOtterPlugin=Base)\n"
        "import scaling_otter\nplugin, results = scaling_otter.Envelope(sys.argv[1]), Results()\n"
        "assert plugin.before_execution('anything').cells == []\n"
        "plugin.after_grading(results)\nprint(json.dumps(results))"
    )
    submission = written(tmp_path, notebook("chapter-3", RIGHT))
    environment = os.environ | {"PYTHONPATH": str(chapters.ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program, str(submission)],
        cwd=tmp_path / "otter",
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    scores = json.loads(done.stdout)
    assert scores == {exercise.key: 4 if exercise.key == "units" else 0 for exercise in made.exercises}


@pytest.mark.skipif(importlib.util.find_spec("otter") is not None, reason="Otter is installed")
def test_without_otter_the_target_says_how_to_get_it(tmp_path):
    place = assignments.write(3, assignments.assignment(3, SECRET), tmp_path)
    with pytest.raises(SystemExit, match=r"pip install -c constraints\.txt otter-grader"):
        otter.main(["--assignment", str(place)])
    assert not (place / "otter").exists()


@pytest.mark.slow
def test_a_class_of_sixty_is_graded_in_a_minute_on_two_cores(tmp_path):
    """Every exercise there is, answered at random by the right answer or a mistake; CPU seconds of all processes."""
    solved = [
        f"# {Path(__file__).name}\ndef {exercise.function}(**inputs): return 1.0"
        for exercise in coursework.EXERCISES.values()
    ]
    for place in range(60):
        written(tmp_path, notebook("class", *solved), f"student{place:02d}.ipynb")
    made = Assignment("class", tuple(coursework.EXERCISES.values()), SECRET)
    before = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    grading.grade_class(grading.submissions(tmp_path), made, tmp_path / "out", [], at_once=2, quiet=True)
    after = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    used = sum(b.ru_utime + b.ru_stime - a.ru_utime - a.ru_stime for a, b in zip(before, after, strict=True))
    assert used <= 120
