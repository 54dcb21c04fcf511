"""`check` in a reader's notebook: right, wrong with the likely mistake, not attempted; it never raises."""

import json

import numpy as np
import pytest

from coursework import EXERCISES
from scaling_lib.coursework import check
from scaling_lib.coursework.checks import diagnosis_of, practice
from scaling_lib.coursework.exercises import draw_cases
from scaling_lib.coursework.fingerprints import RIGHT, fingerprints, recognised
from tools import chapters
from tools import practice as practice_tool
from tools.classroom.assignment import chapters_of_exercises


@pytest.fixture(params=EXERCISES)
def exercise(request):
    return EXERCISES[request.param]


def test_what_ships_is_what_the_exercises_say():
    ours, shipped = json.loads(practice_tool.text()), json.loads(practice_tool.PRACTICE.read_text())
    assert shipped == ours, "make practice"


def test_the_instructors_page_shows_what_make_assignment_says():
    chosen = [EXERCISES[key] for key in chapters_of_exercises()[3]]
    said = f"{len(chosen)} exercises, {sum(exercise.points for exercise in chosen)} points."
    assert said in practice_tool.PAGE.read_text(encoding="utf-8")


def test_the_instructors_page_lists_the_exercises():
    assert practice_tool.PAGE.read_text(encoding="utf-8") == practice_tool.page(), "make practice"


def test_no_answer_ships(exercise):
    shipped = json.dumps(json.loads(practice_tool.PRACTICE.read_text())[exercise.key]["table"])
    for case in practice()[exercise.key].cases:
        answer = np.ravel(exercise.answer(**case))
        written = [f"{number:.6g}" for number in answer]
        # Every hash holds the digits 1 to 3, which are whole answers of a judgement.
        assert not any(text in shipped for text in written if len(text) > 1)


def test_right_and_each_mistake_with_its_question(exercise, capsys):
    check(exercise.key, exercise.answer)
    assert capsys.readouterr().out == "Right, in all 3 cases.\n"
    for mistake in exercise.mistakes:
        check(exercise.key, mistake.answer)
        assert capsys.readouterr().out == f"Not yet. {mistake.hint}\n"


def test_fingerprints_survive_rounding_and_refuse_what_is_off(exercise):
    generator = np.random.default_rng(0)
    for seed in range(10):
        cases = draw_cases(exercise, f"{seed}", "label")
        table = fingerprints(exercise, cases)
        right = [np.asarray(exercise.answer(**case), float) for case in cases]
        noisy = [truth * (1 + 0.3 * exercise.tolerance * generator.uniform(-1, 1)) for truth in right]
        assert recognised(exercise.key, exercise.tolerance, table, noisy) == RIGHT
        off = [truth * (1 + 8 * exercise.tolerance) for truth in right]
        assert recognised(exercise.key, exercise.tolerance, table, off) != RIGHT


def stops(**inputs):
    raise KeyError("no such thing")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "Not attempted yet: write `parameters`"),
        (lambda V, n, L: ..., "Not attempted yet"),
        (lambda V, n, L: "many", "A number is expected here; yours is of type str"),
        (lambda V, n, L: [1, 2], "one number is expected"),
        (lambda V, n, L: float("inf"), "not finite"),
        (lambda V, n, L: 7, "Not right, and not in a way that we know"),
        (lambda width: 7, "Your function stopped with TypeError"),
        (stops, "Your function stopped with KeyError"),
        (12345, "Hand over the function itself"),
    ],
)
def test_one_sentence_for_everything_else(answer, words, capsys):
    check("where-the-parameters-are", answer)
    said = capsys.readouterr().out
    assert words in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("key", [None, 3, [], "", "where-the-parameters"])
def test_an_unknown_key_is_answered(key, capsys):
    check(key, abs)
    assert "There is no exercise" in capsys.readouterr().out or isinstance(key, list)


def test_a_near_key_is_suggested():
    assert "Is 'where-the-parameters-are' meant?" in diagnosis_of("where-the-parameters", abs).says


def test_a_function_that_changes_its_inputs_changes_nothing():
    def greedy(V, n, L):
        V = L = n = 0
        return V + L + n

    before = json.dumps([dict(case) for case in practice()["where-the-parameters-are"].cases])
    diagnosis_of("where-the-parameters-are", greedy)
    assert json.dumps([dict(case) for case in practice()["where-the-parameters-are"].cases]) == before


def test_every_checked_exercise_has_its_cells_and_every_check_its_exercise():
    """Statement, stub that defines the function, check that calls it, in this order; and nothing else is checked."""
    checked = {}
    for source in chapters.sources():
        for cell in chapters.from_source(source).cells:
            tags = cell.metadata.get("tags", [])
            for key in (tag.removeprefix("key:") for tag in tags if tag.startswith("key:")):
                roles = [role for role in ("exercise", "stub", "check", "solution") if role in tags]
                checked.setdefault(key, []).extend((role, cell.source) for role in roles)
    assert {key for key, cells in checked.items() if "check" in dict(cells)} == set(EXERCISES)
    for key, exercise in EXERCISES.items():
        cells = checked[key]
        assert [role for role, _ in cells][:3] == ["exercise", "stub", "check"]
        texts = dict(cells)
        assert f"def {exercise.function}(" in texts["stub"]
        assert f'check("{key}", {exercise.function})' in texts["check"]
        assert f"`{exercise.function}" in texts["exercise"]
        assert f"*{'★' * exercise.stars} · {exercise.minutes} minutes.*" in texts["exercise"]
