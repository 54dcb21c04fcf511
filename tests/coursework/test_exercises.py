"""Every mistake of every exercise is told apart, whatever is drawn."""

import numpy as np
import pytest

from coursework import EXERCISES
from scaling_lib.coursework.exercises import Exercise, Mistake, diagnose, draw_cases
from scaling_lib.errors import InvalidArgument
from tests.records import fields_of

SEEDS = range(20)


@pytest.fixture(params=EXERCISES)
def exercise(request):
    return EXERCISES[request.param]


def answered(function, cases):
    return [function(**case) for case in cases]


def test_every_mistake_is_recognised_over_twenty_seeds(exercise):
    for seed in SEEDS:
        cases = draw_cases(exercise, f"secret {seed}", "first assignment")
        assert diagnose(exercise, cases, answered(exercise.answer, cases)).state == "right"
        for mistake in exercise.mistakes:
            answers = answered(mistake.answer, cases)
            diagnosis = diagnose(exercise, cases, answers)
            assert (diagnosis.state, diagnosis.name, diagnosis.says) == ("wrong", mistake.name, mistake.hint)
            explained = diagnose(exercise, cases, answers, explain=True)
            assert explained.says == mistake.says


def test_an_answer_off_by_more_than_the_tolerance_is_wrong(exercise):
    cases = draw_cases(exercise, "secret", "label")
    off = [np.asarray(answer) * (1 + 2 * exercise.tolerance) for answer in answered(exercise.answer, cases)]
    assert diagnose(exercise, cases, off).state == "wrong"


def test_cases_follow_from_secret_label_and_student(exercise):
    drawn = draw_cases(exercise, "secret", "label", "ada")
    assert drawn == draw_cases(exercise, "secret", "label", "ada")
    for other in (("other", "label", "ada"), ("secret", "other", "ada"), ("secret", "label", "emmy")):
        assert drawn != draw_cases(exercise, *other)
    assert len(draw_cases(exercise, "secret", "label", count=5)) == 5


SQUARE = Exercise(
    key="square",
    function="square",
    title="Squares",
    objective="square a number",
    draw=lambda generator: {"x": float(generator.uniform(2, 9))},
    answer=lambda x: x**2,
    mistakes=(
        Mistake("double", "Twice, or times itself?", "You doubled it.", lambda x: 2 * x),
        Mistake("cube", "How often?", "You took the cube.", lambda x: x**3),
        Mistake("same", "What became of it?", "You left it as it was.", lambda x: x),
    ),
)
CASES = [{"x": 2.5}, {"x": 3.0}, {"x": 5.0}]


def test_a_processor_that_differs_in_the_last_digits_draws_the_same():
    def elsewhere(generator):
        return {"x": SQUARE.draw(generator)["x"] * (1 + 2e-16), "laws": [[0.1 + 0.2], [1]]}

    cases = draw_cases(SQUARE, "secret", "label", count=100)
    fields = fields_of(SQUARE) | {"draw": elsewhere, "answer": lambda x, laws: x**2}
    fields["mistakes"] = tuple(
        Mistake(mistake.name, mistake.hint, mistake.says, lambda x, laws, answer=mistake.answer: answer(x))
        for mistake in SQUARE.mistakes
    )
    drawn = draw_cases(Exercise(**fields), "secret", "label", count=100)
    assert drawn == [case | {"laws": [[0.3], [1]]} for case in cases]


@pytest.mark.parametrize(
    ("answers", "name"),
    [
        ([-6.25, -9.0, -25.0], "sign"),
        ([1 / 6.25, 1 / 9, 1 / 25], "inverse"),
        ([6.25, 9.0, 1.0], "some"),
        ([1.0, 2.0, 3.0], ""),
        (["6.25", "9", "25"], "unusable"),
        ([[6.25], [9.0], [25.0]], "unusable"),
        ([6.25, 9.0, float("nan")], "unusable"),
        ([6.25, 9.0, object()], "unusable"),
    ],
)
def test_other_wrong_answers(answers, name):
    diagnosis = diagnose(SQUARE, CASES, answers)
    assert (diagnosis.state, diagnosis.name) == ("wrong", name)
    assert "\n" not in diagnosis.says


@pytest.mark.parametrize("nothing", [None, ...])
def test_a_stub_is_not_attempted(nothing):
    assert diagnose(SQUARE, CASES, [nothing] * 3).state == "not attempted"


def test_mistakes_that_cannot_be_told_apart_are_refused():
    fields = fields_of(SQUARE)
    twin = Mistake("twice", "How much?", "You added it to itself.", lambda x: x + x)
    with pytest.raises(InvalidArgument, match=r"exercise must be one whose mistakes can be told apart, got .*twice"):
        draw_cases(Exercise(**fields | {"mistakes": (*SQUARE.mistakes, twin)}), "secret", "label")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mistakes": SQUARE.mistakes[:2]}, "mistakes must be a list of at least 3"),
        ({"mistakes": (*SQUARE.mistakes, SQUARE.mistakes[0])}, "mistakes must be of different names"),
        ({"function": "no name"}, "function must be the name of a function"),
        ({"draw": None}, "draw must be a function"),
    ],
)
def test_a_malformed_exercise_is_refused(change, words):
    fields = fields_of(SQUARE)
    with pytest.raises(InvalidArgument, match=words):
        Exercise(**fields | change)


def test_a_hint_is_a_question():
    with pytest.raises(InvalidArgument, match="hint must be a question"):
        Mistake("a", "Think.", "Wrong.", abs)
