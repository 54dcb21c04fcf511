"""Expected times: what is measured, and what is made of it."""

import pytest

from scaling_lib.runs.sweeping import calibration
from scaling_lib.runs.sweeping.calibration import Calibration, calibrate
from scaling_lib.runs.sweeping.experiments import experiment
from tests.runs.tiny import configuration


def test_seconds_grow_with_tokens_epochs_and_parameters():
    speed = Calibration(per_token=2e-6, per_parameter=3e-10)
    runs = [configuration(4, width=8), configuration(6, width=16, epochs=3)]
    tokens = [4 * 2 * 5, 6 * 2 * 5 * 3]
    expected = [D * (2e-6 + 3e-10 * run.architecture.parameters) for D, run in zip(tokens, runs, strict=True)]
    assert speed.seconds(runs) == pytest.approx(sum(expected))
    assert speed.seconds([]) == 0


def test_the_smallest_and_the_largest_model_are_timed(monkeypatch):
    """A line through two invented times per token; neither of its numbers is ever negative."""
    timed = []

    def seconds(run, device, steps):
        timed.append(run.architecture.width)
        return seconds.of[run.architecture.width]

    monkeypatch.setattr(calibration, "_seconds_per_token", seconds)
    runs = [configuration(width=width) for width in (16, 8, 24)]
    seconds.of = {8: 1e-6, 24: 5e-6}
    speed = calibrate(configurations=runs)
    assert sorted(timed) == [8, 24]
    small, large = runs[1].architecture.parameters, runs[2].architecture.parameters
    assert speed.per_parameter == pytest.approx(4e-6 / (large - small))
    assert speed.per_token == pytest.approx(max(1e-6 - speed.per_parameter * small, 0))
    seconds.of = {8: 5e-6, 24: 1e-6}
    assert calibrate(configurations=runs) == Calibration(5e-6, 0.0)
    seconds.of = {16: 2e-6}
    assert calibrate(configurations=runs[:1]) == Calibration(2e-6, 0.0)


def test_a_real_measurement():
    assert calibrate(steps=2, configurations=[configuration()]).seconds([configuration()]) > 0


# A teacher first writes the sequences that its entropy rate is estimated on: ten seconds.
@pytest.mark.parametrize("name", ["language-text", pytest.param("language-t1l", marks=pytest.mark.slow)])
def test_sources_that_are_no_chains_are_timed_too(name):
    run = experiment(name).configurations("smoke")[0]
    assert calibrate(steps=2, configurations=[run]).seconds([run]) > 0
