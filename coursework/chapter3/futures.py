"""The next run foretold from all smaller ones: an exercise of chapter 3."""

from typing import Any

import numpy as np

from scaling_lib.coursework.exercises import Exercise, Mistake

__all__ = ["FUTURES"]


def _draw(generator: np.random.Generator) -> dict[str, Any]:
    """Eight runs in no order of D, whose excess loss bends a little, so that every forecast misses."""
    D = generator.permutation(np.geomspace(1e5, 1e7, 8))
    beta, E = float(generator.uniform(0.3, 0.6)), float(generator.uniform(1.5, 2.6))
    bend = generator.uniform(0.05, 0.1) * np.log(D / 1e6) ** 2 / 10
    loss = E + generator.uniform(1, 3) * (D / 1e5) ** -beta * np.exp(bend + 0.02 * generator.standard_normal(8))
    return {"D": D.tolist(), "loss": loss.tolist(), "E": E, "smallest": 4}


def _errors(D: Any, loss: Any, E: float, smallest: int, *, window: int | None = None, seen: int = 0) -> list[float]:
    """ln of the measured over the forecast excess of each next run, from the first forecast on.

    window: how many runs before it a line sees at most; None: all. seen: how many of the runs ahead it sees too."""
    order = np.argsort(D)
    x, y = np.log(np.array(D)[order]), np.log(np.array(loss)[order] - E)
    errors = []
    for ahead in range(smallest, len(x)):
        first = 0 if window is None else ahead - window
        line = np.polyfit(x[first : ahead + seen], y[first : ahead + seen], 1)
        errors.append(float(y[ahead] - np.polyval(line, x[ahead])))
    return errors


def _as_listed(D: Any, loss: Any, E: float, smallest: int) -> list[float]:
    x, y = np.log(D), np.log(np.array(loss) - E)
    return [
        float(y[ahead] - np.polyval(np.polyfit(x[:ahead], y[:ahead], 1), x[ahead])) for ahead in range(smallest, len(x))
    ]


def _leaving_one_out(D: Any, loss: Any, E: float, smallest: int) -> list[float]:
    order = np.argsort(D)
    x, y = np.log(np.array(D)[order]), np.log(np.array(loss)[order] - E)
    errors = []
    for left_out in range(smallest, len(x)):
        others = np.arange(len(x)) != left_out
        line = np.polyfit(x[others], y[others], 1)
        errors.append(float(y[left_out] - np.polyval(line, x[left_out])))
    return errors


def _in_nats(D: Any, loss: Any, E: float, smallest: int) -> list[float]:
    """Measured minus forecast loss."""
    measured = (np.array(loss) - E)[np.argsort(D)][smallest:]
    errors = np.array(_errors(D, loss, E, smallest))
    return (measured * -np.expm1(-errors)).tolist()


FUTURES = Exercise(
    key="the-next-run",
    function="next_run_errors",
    title="The next run",
    objective="judge a law by forecasts of each run from all smaller ones",
    draw=_draw,
    answer=_errors,
    stars=2,
    minutes=20,
    mistakes=(
        Mistake(
            "next-run-seen",
            "Which runs did the line see before it foretold the next one?",
            "The line saw the run that it should foretell.",
            lambda D, loss, E, smallest: _errors(D, loss, E, smallest, seen=1),
        ),
        Mistake(
            "leave-one-out",
            "Did the line see runs that are larger than the one it foretells?",
            "You left out one run at a time: its line saw larger runs too, and that is no forecast.",
            _leaving_one_out,
        ),
        Mistake(
            "sliding",
            "Does the window grow, or does it move?",
            "You kept the length of the window and moved it; the window grows, and nothing seen is forgotten.",
            lambda D, loss, E, smallest: _errors(D, loss, E, smallest, window=smallest),
        ),
        Mistake(
            "as-listed",
            "Are the runs listed in the order of D?",
            "You took the runs in the order of the list; the future is what is larger, not what is listed later.",
            _as_listed,
        ),
        Mistake(
            "floor-kept",
            "Of which quantity is the power law?",
            "You put the line through the loss itself; the power law is that of the excess above the floor.",
            lambda D, loss, E, smallest: _errors(D, loss, 0.0, smallest),
        ),
        Mistake(
            "sign",
            "Is an error positive when the run came out above its forecast, or below?",
            "The sign: measured over forecast is asked for.",
            lambda D, loss, E, smallest: [-error for error in _errors(D, loss, E, smallest)],
        ),
        Mistake(
            "nats",
            "Is a difference of losses asked for, or a logarithm of their ratio?",
            "That is measured minus forecast in nats; the logarithm of their ratio is asked for.",
            _in_nats,
        ),
    ),
)
