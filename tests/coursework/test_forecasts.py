"""Forecasts are taken once, before the outcome, and never raise."""

import re

import pytest

from scaling_lib.coursework import forecasts
from scaling_lib.coursework.forecasts import Forecast, forecast, reveal
from scaling_lib.errors import InvalidArgument


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch):
    monkeypatch.setattr(forecasts, "_REGISTERED", {})


def said(capsys):
    (line,) = capsys.readouterr().out.splitlines()
    return line


def test_a_forecast_is_taken_once_and_stands_beside_the_outcome(capsys):
    forecast("offset", low=0.3, value=0.5, high=0.8)
    assert re.fullmatch(r"Registered at [\d-]+ [\d:]+ UTC: 0.5, between 0.3 and 0.8 with 80 %\.", said(capsys))
    forecast("offset", low=0.6, value=0.62, high=0.64)
    assert said(capsys) == "Already registered: 0.5, between 0.3 and 0.8 with 80 %. It stays."
    reveal("offset", 0.62)
    assert said(capsys).startswith("The outcome is 0.62, inside your interval; you registered 0.5")
    reveal("offset", 0.9)
    assert "outside your interval" in said(capsys)


def test_dots_are_no_forecast_and_the_outcome_is_shown_all_the_same(capsys):
    forecast("offset", low=0.1, value=..., high=1.0)
    assert said(capsys).startswith("Not registered yet")
    reveal("offset", 0.62)
    assert said(capsys) == "The outcome is 0.62. You registered no forecast."


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((0.8, 0.5, 0.3), "high must be above low"),
        ((0.3, 0.9, 0.8), "value must be between"),
        ((0.3, "x", 0.8), "value must be a finite number"),
        ((float("nan"), 0.5, 0.8), "low must be a finite number"),
    ],
)
def test_what_is_no_interval_has_a_sentence_and_can_be_mended(numbers, words, capsys):
    low, value, high = numbers
    forecast("offset", low=low, value=value, high=high)
    assert words in said(capsys)
    with pytest.raises(InvalidArgument, match=words):
        Forecast(low, value, high)
    forecast("offset", low=1, value=2, high=3)
    assert said(capsys).startswith("Registered at")


@pytest.mark.parametrize("outcome", ["text", None, float("inf"), [1, 2]])
def test_an_outcome_that_is_none_is_said_to_be_none(outcome, capsys):
    reveal("offset", outcome)
    assert said(capsys) == "There is no outcome: hand over a number."
