"""Small experiments: which runs answer them, and what they say."""

import importlib.util
import math

import pytest

from scaling_lib.coursework import forecasts
from scaling_lib.coursework.experiments import SMALL, recorded, small_experiment, tried
from scaling_lib.coursework.forecasts import forecast
from scaling_lib.errors import InvalidArgument
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.session import Session
from tools import chapters
from tools.classroom.student import key_of, tags_of

MOST_FLOPS = 1e12  # a minute on two cores, at 2e10 FLOPs a second


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch):
    monkeypatch.setattr(forecasts, "_REGISTERED", {})


def test_there_are_eight_or_more_and_each_stands_in_a_chapter_with_a_forecast():
    placed, forecast_for = [], []
    for source in chapters.sources():
        cells = chapters.from_source(source).cells
        placed += [key_of(cell) for cell in cells if "experiment" in tags_of(cell)]
        forecast_for += [key_of(cell) for cell in cells if "forecast" in tags_of(cell)]
    assert len(SMALL) >= 8
    assert placed == list(SMALL)
    assert set(placed) <= set(forecast_for)
    assert {"wrong-offset", "assumed-floor"} <= set(forecast_for)


@pytest.mark.parametrize("key", SMALL)
def test_its_runs_are_few_cheap_recorded_and_decide(key):
    small = SMALL[key]
    configurations = small.configurations
    assert 2 <= len(configurations) <= 20
    assert sum(len(values["seed"]) for values in small.grid.values() if "seed" in values) <= 2
    runs = recorded("store", configurations)
    assert runs["identity"].tolist() == [configuration.identity for configuration in configurations]
    assert runs["C"].sum() <= MOST_FLOPS
    outcome, identities = small.outcome(runs)
    assert outcome > 0
    assert math.isfinite(outcome)
    assert set(identities) <= set(runs["identity"])


def test_the_outcome_stands_beside_the_forecast_and_names_its_runs(capsys):
    forecast("too-narrow", low=0.2, value=0.25, high=0.4)
    tried("too-narrow")
    tried("too-narrow", recorded)
    _, asked, runs, outcome, decided = capsys.readouterr().out.splitlines()
    assert asked == f"Asked for: {small_experiment('too-narrow').unit}."
    assert runs.startswith("10 runs answer it: ")
    assert "outside your interval; you registered 0.25" in outcome
    assert decided.startswith("Decided by ")


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="trains models")
@pytest.mark.slow
def test_a_reader_trains_the_recorded_runs_again(tmp_path):
    lab = Session("recorded", "cpu", tmp_path)
    small = small_experiment("too-narrow")
    mine, theirs = lab.train("small", small.configurations), recorded("small", small.configurations)
    assert mine["identity"].tolist() == theirs["identity"].tolist()
    assert small.outcome(mine)[0] == pytest.approx(small.outcome(theirs)[0], rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("no such key",), "There is no small experiment 'no such key'"),
        (("too-narrow", 3), "There is no outcome"),
        (("too-narrow", lambda name, runs: None), "There is no outcome (train must be"),
        (("too-narrow", lambda name, runs: recorded(name, runs[:1])), "There is no outcome (runs must hold a finished"),
    ],
)
def test_what_cannot_be_shown_has_a_sentence_and_raises_nothing(arguments, words, capsys):
    tried(*arguments)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(words)


def test_what_was_not_recorded_is_refused():
    with pytest.raises(InvalidArgument, match="runs that were recorded"):
        recorded("store", experiment("er-1k").configurations("smoke"))
