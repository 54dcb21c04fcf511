"""One shot: worlds, the ledger, scores, and marks that are made on our side of the cage."""

import importlib.util
import json
import math
import re
import subprocess
import sys
import time
from dataclasses import replace

import nbformat
import numpy as np
import pytest

from coursework.assignments import as_data, assignment_of, grade
from coursework.capstone.strategies import STRATEGIES
from coursework.capstone.table import scores_of, standings
from scaling_lib.coursework.capstone.ledger import Ledger, play
from scaling_lib.coursework.capstone.marking import PARTS, OneShot, grade_one_shot, practise
from scaling_lib.coursework.capstone.scores import POINTS, interval_score, score
from scaling_lib.coursework.capstone.worlds import (
    HERO,
    LARGEST,
    SCREENING,
    PlantedWorld,
    TrainedWorld,
    Trial,
    recorded_world,
)
from scaling_lib.coursework.forecasts import Forecast
from scaling_lib.errors import InvalidArgument
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.session import Session
from tests.coursework.notebooks import notebook, written
from tools import chapters
from tools.classroom import capstone
from tools.classroom import grade as grading

SECRET = "a secret of the tests"
WORLD = PlantedWorld("practice", 1)
SMALL = [60_000, 60_000, 1.0, 0]
REFERENCE = STRATEGIES[0]


# Worlds


def test_a_planted_world_follows_from_its_secret_and_number_alone():
    trial = [Trial(*SMALL)]
    assert PlantedWorld("practice", 1).train(trial) == WORLD.train(trial)
    others = (PlantedWorld("practice", 2), PlantedWorld("practise", 1))
    assert all(other.law != WORLD.law and other.train(trial) != WORLD.train(trial) for other in others)
    assert "practice" not in repr(WORLD)


def test_seeds_scatter_as_the_law_says_and_no_loss_is_below_the_floor():
    losses = WORLD.train([Trial(60_000, 60_000, 1.0, seed) for seed in range(400)])
    excess = np.log(np.array(losses) - WORLD.floor)
    expected = WORLD.expected_excess(Trial(*SMALL))
    assert excess.std() == pytest.approx(WORLD.law["scatter"], rel=0.15)
    assert excess.mean() == pytest.approx(math.log(expected), abs=4 * WORLD.law["scatter"] / 20)


@pytest.mark.parametrize("number", range(5))
def test_no_shape_and_no_rate_beats_the_lowest_excess(number):
    world = PlantedWorld("practice", number)
    law = world.law
    excesses = {}
    for N in np.geomspace(3e4, 2e7, 400).astype(int).tolist():
        best_rate = law["best_rate"] * (N / 1e5) ** -law["drift"]
        excesses[N] = world.expected_excess(Trial(N, round(HERO / 6 / N), best_rate))
        assert excesses[N] < world.expected_excess(Trial(N, round(HERO / 6 / N), 2 * best_rate))
    assert min(excesses.values()) == pytest.approx(world.lowest_excess(HERO), rel=1e-3)
    assert min(excesses.values()) >= world.lowest_excess(HERO) * (1 - 1e-6)


def test_a_rate_that_is_much_too_high_diverges():
    assert WORLD.train([Trial(60_000, 60_000, 100.0)]) == [None]


def test_the_recorded_world_answers_from_its_table_and_says_what_is_nearest():
    recorded = recorded_world()
    runs = recorded.table.query("N == 37944 and D == 100000 and learning_rate == 1 and seed == 0")
    assert recorded.train([Trial(37_944, 100_000, 1.0, 0)]) == [runs["loss"].item()]
    assert "the nearest that was is 37944" in recorded.refusal(Trial(40_000, 100_000, 1.0, 0))
    with pytest.raises(InvalidArgument, match="trials must have been recorded"):
        recorded.train([Trial(40_000, 100_000, 1.0, 0)])


def test_where_the_naive_law_fails():
    """On the recorded runs a line through what a thirtieth of the FLOPs shows misses the largest run several times."""
    ledger = Ledger(recorded_world())
    choices = recorded_world().choices
    small = choices[choices["flops"] <= LARGEST]
    table = ledger.screen([[int(N), int(D), 1.0, 0] for N, D in zip(small["N"], small["D"], strict=True)])
    line = np.polyfit(np.log(table["flops"]), np.log(table["loss"] - ledger.floor), 1)
    largest = choices.loc[choices["flops"].idxmax()]
    forecast = ledger.floor + math.exp(np.polyval(line, math.log(largest["flops"])))
    ledger.register(
        N=int(largest["N"]),
        D=int(largest["D"]),
        rate=1.0,
        low=ledger.floor + 0.75 * (forecast - ledger.floor),
        forecast=forecast,
        high=ledger.floor + 1.25 * (forecast - ledger.floor),
    )
    assert ledger.hero() < ledger.registered.forecast.low
    assert (forecast - ledger.floor) / (ledger.hero() - ledger.floor) > 1.75


needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="trains models")


@needs_torch
def test_models_are_trained_under_the_same_ledger(tmp_path):
    lab = Session("smoke", "cpu", tmp_path)
    trained = TrainedWorld(experiment("er-200").template, lambda runs: lab.train("one-shot", runs), (16, 24))
    ledger = Ledger(trained, budget=2e8, largest=2e8, hero=4e8, rounds=1)
    N = min(trained.sizes)
    table = ledger.screen([[N, 2_000, 1.0, 0]])
    assert ledger.floor < table["loss"].item() < math.log(300)
    run = trained.configuration(Trial(N, 2_000, 1.0, 0))
    assert (run.architecture.parameters, run.schedule.tokens) == (N, 2_000)
    assert len(run.identity) == 64
    for wrong, words in (([N + 1, 2_000, 1.0], "the nearest has"), ([N, 2_001, 1.0], "no multiple of a batch")):
        assert words in trained.refusal(Trial(*wrong))


# What was tried on One shot from a student's files alone, and what became of it


@pytest.mark.parametrize(("N", "D"), [(1, 2_000_000), (2_000_000, 1), (9_999, 60_000)])
def test_no_term_of_the_law_can_be_had_by_itself(N, D):
    """A model of one parameter would show A, one token B, for next to nothing."""
    with pytest.raises(InvalidArgument, match="N and D must be at least 10,000 here"):
        Ledger(WORLD).screen([[N, D, 1.0, 0]])


def test_last_digits_of_a_rate_do_not_change_the_scatter():
    """In which the fits of two processors differ, and a grader's may be another than the player's."""
    asked = [Trial(100_000, 300_000, rate, seed) for rate in (0.5, 0.51, 1.23456) for seed in range(20)]
    elsewhere = [replace(trial, N=trial.N + 1, rate=trial.rate * (1 + 1e-9)) for trial in asked]
    here = np.array(WORLD.train(asked))
    assert WORLD.train(elsewhere) == pytest.approx(here, rel=1e-5)
    scatter = np.log((here - WORLD.floor) / [WORLD.expected_excess(trial) for trial in asked])
    assert len(np.unique(scatter.round(6))) == len(asked)


def test_scatter_cannot_be_averaged_away_by_a_thousand_seeds():
    with pytest.raises(InvalidArgument, match="a list of at most 40 runs"):
        Ledger(WORLD).screen([[10_000, 10_000, 1.0, seed] for seed in range(41)])


def test_the_large_run_is_none_that_was_screened():
    """Whoever registers a run that he has seen knows its loss: all points for the forecast, for nothing."""
    ledger = Ledger(WORLD)
    (loss,) = ledger.screen([[150_000, 150_000, 1.0, 0]])["loss"]
    said = {"low": loss - 1e-9, "forecast": loss, "high": loss + 1e-9}
    for D in (150_000, int(0.49 * HERO / 6 / 150_000)):
        with pytest.raises(InvalidArgument, match=r"D must be such that 6ND is at least 2\.1e\+12"):
            ledger.register(N=150_000, D=D, rate=1.0, **said)


def test_a_run_chosen_because_it_can_be_foreseen_has_no_points_for_the_forecast():
    """A model of 10,000 parameters ends where a thirtieth of the tokens leave it, which can be screened."""
    trial = Trial(10_000, int(HERO / 6 / 10_000), WORLD.law["best_rate"])
    (loss,) = WORLD.train([trial])
    ledger = Ledger(WORLD)
    ledger.register(N=trial.N, D=trial.D, rate=trial.rate, low=loss - 1e-9, forecast=loss, high=loss + 1e-9)
    scored = score(ledger.registered, WORLD)
    assert scored.inside
    assert (scored.loss_points, scored.interval_points) == (0, 0)


def test_a_guess_at_the_secret_costs_time():
    """The floor follows from the secret, and a player could try words on it."""
    begun = time.process_time()
    for number in range(5):
        assert PlantedWorld(f"a guess at the secret, {number}").floor != WORLD.floor
    assert time.process_time() - begun > 5 * 0.005


@pytest.mark.parametrize("secret", ["a long secret of mine", "A LONG secret of mine", "aaaaaaaaaaaaaaaa"])
def test_a_secret_that_would_be_tried_first_is_refused(secret):
    with pytest.raises(InvalidArgument, match="secret must be one that nobody can guess") as refused:
        OneShot("one-shot", secret)
    assert secret not in str(refused.value)


@pytest.mark.parametrize("rate", [1e-300, 1e300])
def test_a_rate_out_of_the_world_gives_no_error(rate):
    (loss,) = WORLD.train([Trial(60_000, 60_000, rate)])
    assert loss is None or loss > 1e100
    with pytest.raises(InvalidArgument, match="N must be an integer"):
        Trial(10**400, 1, 1.0)


# The ledger


def test_flops_are_counted_what_diverges_too_and_a_refused_request_costs_nothing():
    ledger = Ledger(WORLD)
    ledger.screen([SMALL, [60_000, 60_000, 100.0, 0]])
    assert ledger.left == pytest.approx(SCREENING - 2 * 6 * 60_000**2)
    assert ledger.table["loss"].isna().tolist() == [False, True]
    before = ledger.state()
    for request, words in (
        ([SMALL, [400_000, 400_000, 1.0, 0]], "FLOPs each"),
        ([[150_000, 150_000, 1.0, seed] for seed in range(8)], "FLOPs together"),
        ([SMALL, [0, 1, 1.0, 0]], "N must be an integer"),
        ([SMALL, "text"], "got one that is none"),
        ("text", "trials must be a list"),
    ):
        with pytest.raises(InvalidArgument, match=words):
            ledger.screen(request)
    assert ledger.state() == before
    assert ledger.rounds_left == 2


def test_there_are_three_rounds_and_one_forecast():
    ledger = Ledger(WORLD)
    for _ in range(3):
        ledger.screen([SMALL])
    with pytest.raises(InvalidArgument, match="in 3 rounds at most"):
        ledger.screen([SMALL])
    with pytest.raises(InvalidArgument, match="registered before the large run"):
        ledger.hero()
    commitment = {"N": 800_000, "D": 870_000, "rate": 1.0} | {
        name: ledger.floor + excess for name, excess in (("low", 0.02), ("forecast", 0.03), ("high", 0.05))
    }
    for change, words in (
        ({"D": 900_000}, "D must be such that 6ND is at most"),
        ({"low": ledger.floor}, "low must be above the floor"),
        ({"high": ledger.floor + 0.01}, "forecast must be between"),
    ):
        with pytest.raises(InvalidArgument, match=words):
            ledger.register(**commitment | change)
    digest = ledger.register(**commitment)
    assert re.fullmatch("[0-9a-f]{32}", digest)
    with pytest.raises(InvalidArgument, match="forecast must be registered once"):
        ledger.register(**commitment)
    with pytest.raises(InvalidArgument, match="before a forecast is registered"):
        ledger.screen([SMALL])
    assert ledger.hero() == ledger.hero() > ledger.floor


def test_the_hash_is_of_everything_that_was_said_and_seen():
    hashes = set()
    for rate, seen in ((1.0, []), (2.0, []), (1.0, [SMALL])):
        ledger = Ledger(WORLD)
        ledger.screen(seen)
        E = ledger.floor
        hashes.add(ledger.register(N=800_000, D=870_000, rate=rate, low=E + 0.1, forecast=E + 0.2, high=E + 0.3))
    assert len(hashes) == 3


# Scores


def test_the_interval_score_is_proper():
    """Nobody gains in the mean by an interval that is wider, narrower or elsewhere than his own quantiles."""
    outcomes = 1 + np.exp(-3 + 0.1 * np.random.default_rng(0).standard_normal(4000))

    def mean_score(middle, half):
        said = Forecast(1 + math.exp(middle - half), 1 + math.exp(middle), 1 + math.exp(middle + half))
        return np.mean([interval_score(said, float(outcome), 1.0) for outcome in outcomes])

    honest = mean_score(-3, 0.1 * 1.2816)
    for middle, factor in ((-3, 0.5), (-3, 2.0), (-2.9, 1.0), (-3.1, 1.0)):
        assert mean_score(middle, 0.1 * 1.2816 * factor) > 1.1 * honest


def test_the_best_run_has_all_points_for_the_loss_and_one_that_diverges_has_none():
    law = WORLD.law
    best = WORLD.lowest_excess(HERO)
    N = int((best * law["beta"] / (law["alpha"] + law["beta"]) / law["A"]) ** (-1 / law["alpha"]))
    rate = law["best_rate"] * (N / 1e5) ** -law["drift"]
    for chosen, points in ((rate, POINTS), (100 * rate, 0)):
        ledger = Ledger(WORLD)
        said = {"low": WORLD.floor + 0.9 * best, "forecast": WORLD.floor + best, "high": WORLD.floor + 1.1 * best}
        ledger.register(N=N, D=int(HERO / 6 / N), rate=chosen, **said)
        assert score(ledger.registered, WORLD).loss_points == pytest.approx(points, abs=0.01)


def test_the_reference_beats_every_naive_strategy():
    """In four worlds here; over forty, with the table of the book, in the slow test below."""
    worlds = [PlantedWorld("tests", number) for number in range(4)]
    totals = [
        sum(one.loss_points + one.interval_points for one in scores_of(strategy, worlds)) for strategy in STRATEGIES
    ]
    assert totals[0] > 1.2 * max(totals[1:])


# Marks


PREAMBLE = "import math\nimport numpy as np\n"
GUESS = """
def next_round(history, floor, left, largest, hero, rounds_left):
    return [[60_000, 60_000, rate, 0] for rate in (0.5, 1.0, 2.0)] if rounds_left == 3 else []

def forecast(history, floor, left, largest, hero, rounds_left):
    loss = min(entry[4] for entry in history)
    N = int((hero / 6) ** 0.5)
    return [N, N, 1.0, floor + (loss - floor) / 9, floor + (loss - floor) / 4, floor + (loss - floor) / 2]
"""
ASSIGNMENT = OneShot("one-shot", SECRET, worlds=2)


def marks_of(tmp_path, *sources):
    return grade_one_shot(written(tmp_path, notebook("one-shot", *sources)), ASSIGNMENT)


def test_a_strategy_in_the_cage_has_the_points_that_it_has_outside(tmp_path):
    space = {}
    exec(PREAMBLE + GUESS, space)
    scores = []
    for number in range(2):
        ledger = Ledger(PlantedWorld(SECRET, number))
        play(ledger, space["next_round"], space["forecast"])
        scores.append(score(ledger.registered, PlantedWorld(SECRET, number)))
    marks = marks_of(tmp_path, PREAMBLE, GUESS)
    means = [np.mean([getattr(one, name) for one in scores]) for name in ("loss_points", "interval_points")]
    assert [mark.points for mark in marks.marks] == [round(mean) for mean in means]
    assert marks.points > 0
    assert "more excess loss than the best" in marks.marks[0].says


@pytest.mark.parametrize(
    ("sources", "state", "words"),
    [
        (["x = 1"], "not attempted", "Not attempted."),
        (["def next_round(**state): ...\ndef forecast(**state): ..."], "not attempted", "Not attempted."),
        (["def next_round(**state): return []"], "wrong", "there is no function `forecast`"),
        ([GUESS.replace("1.0, floor", "1e9, floor")], "wrong", "more excess loss than the best"),
        ([GUESS.replace("(hero / 6)", "hero")], "wrong", "6ND is at most"),
        ([GUESS.replace("return [N", "return ['x'")], "wrong", "N must be an integer"),
        ([GUESS.replace("loss = min", "loss = 1 / 0 * min")], "wrong", "`forecast` stopped with ZeroDivisionError"),
        (["import os", GUESS.replace("loss = min", "os._exit(0); min")], "wrong", "its process ended"),
        ([GUESS.replace("return [[60_000", "return [['a'")], "wrong", "after a round that was refused (trials must"),
    ],
)
def test_what_goes_wrong_has_a_sentence_and_no_points(sources, state, words, tmp_path):
    marks = marks_of(tmp_path, PREAMBLE, *sources)
    assert words in marks.marks[0].says
    assert marks.marks[0].state == state
    assert marks.points == 0
    assert "\n" not in marks.marks[0].says


def test_a_file_that_is_no_notebook_has_a_sentence(tmp_path):
    marks = grade_one_shot(written(tmp_path, b"\x89PNG"), ASSIGNMENT)
    assert marks.note.startswith("ada.ipynb is no notebook")
    assert (marks.points, marks.out_of) == (0, 80)


def test_two_secrets_give_other_worlds_of_the_same_points():
    other = OneShot("one-shot", SECRET[::-1], worlds=2)
    assert ASSIGNMENT.exercises == other.exercises == PARTS
    assert ASSIGNMENT.asked[-1] != other.asked[-1]
    with pytest.raises(InvalidArgument, match="secret must be a text of at least 12 characters"):
        OneShot("one-shot", "short")


def test_make_capstone_gives_out_what_make_grade_marks(tmp_path, capsys):
    capstone.main(["--seed", SECRET, "--name", "autumn", "--folder", str(tmp_path)])
    place = tmp_path / "one-shot-autumn"
    given = place / "one-shot-autumn.ipynb"
    nbformat.validate(nbformat.read(given, as_version=4))
    assert SECRET not in given.read_text() + capsys.readouterr().out
    made = assignment_of(json.loads((place / "assignment.json").read_text()))
    assert as_data(made)["worlds"] == 5
    assert (place / "assignment.json").stat().st_mode & 0o077 == 0
    marks = grade(given, made)
    assert {mark.state for mark in marks.marks} == {"not attempted"}
    assert marks.failed_cells == ()
    (tmp_path / "in").mkdir()
    written(tmp_path / "in", notebook("one-shot-autumn", PREAMBLE, GUESS))
    listed = grading.submissions(tmp_path / "in")
    (marks,) = grading.grade_class(listed, made, tmp_path / "out", [], quiet=True)
    grading.write_reports(listed, [marks], made, tmp_path / "out", [])
    assert "one-shot-forecast" in (tmp_path / "out" / "marks.csv").read_text()
    assert marks.points > 0


def test_practice_says_what_is_missing_and_never_raises(capsys):
    assert practise(lambda **state: ..., lambda **state: ...) is None
    assert capsys.readouterr().out == "World 0: `next_round` is not written yet.\n"
    assert practise(lambda **state: 1 / 0, None) is None
    assert "ZeroDivisionError" in capsys.readouterr().out
    table = practise(REFERENCE.next_round, REFERENCE.forecast, worlds=1)
    assert table["loss points"].item() > 30
    assert "In 1 practice worlds" in capsys.readouterr().out


@pytest.mark.parametrize("source", capstone.capstone_sources(), ids=lambda path: path.stem)
def test_the_committed_notebook_of_a_capstone_is_what_its_source_says(source):
    kept = (capstone.CAPSTONES / f"{source.stem}.ipynb").read_text(encoding="utf-8")
    assert kept == capstone.text(capstone.capstone_notebook(source)), "make student"
    code = [cell.source for cell in nbformat.reads(kept, 4).cells[2:] if cell.cell_type == "code"]
    assert [line for source in code for line in source.splitlines() if len(line) > 80] == []


@pytest.mark.slow
def test_the_table_of_the_book_is_what_the_strategies_score_over_forty_worlds():
    found = standings()
    assert capstone.table_of(found) in capstone.PAGE.read_text(encoding="utf-8"), "make student"
    reference, *naive = found
    assert reference.loss + reference.forecast > 1.3 * max(one.loss + one.forecast for one in naive)
    assert 0.6 <= reference.inside <= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("source", capstone.capstone_sources(), ids=lambda path: path.stem)
def test_every_cell_of_a_capstone_runs_as_it_is(source, tmp_path):
    command = [sys.executable, "-m", "papermill", "-k", "python3", "--no-progress-bar", "--cwd", str(tmp_path)]
    done = subprocess.run(
        [*command, str(capstone.CAPSTONES / f"{source.stem}.ipynb"), str(tmp_path / "executed.ipynb")],
        env=chapters.environment("recorded", tmp_path / "home"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
