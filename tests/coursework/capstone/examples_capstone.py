"""A valid call for each public name of the capstone."""

import pandas as pd

from scaling_lib.coursework import forecasts
from scaling_lib.coursework.capstone import ledger, marking, scores, worlds
from scaling_lib.runs.sweeping.experiments import experiment
from tests.records import fields_of

WORLD = worlds.PlantedWorld("practice", 1)
TRIAL = worlds.Trial(60_000, 60_000, 1.0, 0)
RECORDED = worlds.recorded_world()
RECORDED_TRIAL = worlds.Trial(37_944, 100_000, 1.0, 0)


def not_trained(runs):
    """A table of runs as a session's, with a loss that nobody trained: test_capstone.py trains."""
    return pd.DataFrame({"identity": [run.identity for run in runs], "loss": 3.0, "status": "ok"})


TRAINED = worlds.TrainedWorld(experiment("er-200").template, not_trained, (16, 32))
TRAINED_TRIAL = worlds.Trial(9_424, 100_000, 1.0, 0)
FORECAST = forecasts.Forecast(WORLD.floor + 0.01, WORLD.floor + 0.02, WORLD.floor + 0.04)
REGISTERED = ledger.Registered(TRIAL, FORECAST, "0" * 32)
NOT_PLAYED = ledger.Ledger(WORLD)
ONE_SHOT = marking.OneShot("one-shot", "a secret of the tests")
COMMITMENT = {
    "N": 800_000,
    "D": 870_000,
    "rate": 1.0,
    "low": FORECAST.low,
    "forecast": FORECAST.value,
    "high": FORECAST.high,
}


def no_runs(**state):
    return []


def one_guess(history, floor, **state):
    return [800_000, 870_000, 1.0, floor + 0.01, floor + 0.02, floor + 0.04]


EXAMPLES = [
    (forecasts.Forecast, fields_of(FORECAST)),
    (forecasts.forecast, {"key": "an example", "low": 1.0, "value": 2.0, "high": 3.0}),
    (forecasts.reveal, {"key": "an example", "outcome": 2.0}),
    (worlds.Trial, fields_of(TRIAL)),
    (worlds.PlantedWorld, fields_of(WORLD)),
    (WORLD.expected_excess, {"trial": TRIAL}),
    (WORLD.lowest_excess, {"flops": 1e12}),
    (WORLD.refusal, {"trial": TRIAL}),
    (WORLD.train, {"trials": [TRIAL]}),
    (worlds.RecordedWorld, {"table": RECORDED.table}),
    (RECORDED.refusal, {"trial": RECORDED_TRIAL}),
    (RECORDED.train, {"trials": [RECORDED_TRIAL]}),
    (worlds.TrainedWorld, fields_of(TRAINED)),
    (TRAINED.refusal, {"trial": TRAINED_TRIAL}),
    (TRAINED.configuration, {"trial": TRAINED_TRIAL}),
    (TRAINED.train, {"trials": [TRAINED_TRIAL]}),
    (ledger.Registered, fields_of(REGISTERED)),
    (ledger.Ledger, {"world": WORLD, "budget": 1e12, "largest": 1e11, "hero": 4e12, "rounds": 3}),
    (ledger.Ledger(WORLD, rounds=1000).screen, {"trials": []}),
    (ledger.Ledger(WORLD).register, COMMITMENT),
    (ledger.play, {"ledger": NOT_PLAYED, "next_round": no_runs, "forecast": one_guess}),
    (scores.Score, {"regret": 0.1, "interval": 0.2, "inside": True, "loss_points": 32.0, "interval_points": 24.0}),
    (scores.interval_score, {"forecast": FORECAST, "loss": FORECAST.value, "floor": WORLD.floor}),
    (scores.score, {"registered": REGISTERED, "world": WORLD, "hero": 4e12}),
    (marking.Part, fields_of(marking.PARTS[0])),
    (marking.OneShot, fields_of(ONE_SHOT)),
    (
        marking.grade_one_shot,
        {
            "submission": "ada.ipynb",
            "assignment": ONE_SHOT,
            "student": "ada",
            "limits": marking.Limits(),
            "without": (),
        },
    ),
    (marking.practise, {"next_round": no_runs, "forecast": one_guess, "worlds": 2}),
]
