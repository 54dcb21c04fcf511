"""Exercises of chapter 3: power laws and bias."""

import numpy as np

from scaling_lib.coursework.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]

LN2 = float(np.log(2))


def _draw(generator: np.random.Generator) -> dict[str, float]:
    return {
        "E": float(generator.uniform(2, 4)),
        "B": float(generator.uniform(0.5, 3)),
        "beta": float(generator.uniform(0.2, 0.6)),
    }


EXERCISES = (
    Exercise(
        key="units",
        function="in_nats_and_tokens",
        title="Units",
        objective="carry a fitted law from one set of units to another",
        draw=_draw,
        answer=lambda E, B, beta: [E * LN2, B * LN2 * 10 ** (6 * beta), beta],
        minutes=5,
        mistakes=(
            Mistake(
                "bits-wrong-way",
                "Which is the larger number, a loss in bits or the same loss in nats?",
                "A loss in nats is the loss in bits times ln 2, not over it.",
                lambda E, B, beta: [E / LN2, B / LN2 * 10 ** (6 * beta), beta],
            ),
            Mistake(
                "scale-wrong-way",
                "D in tokens is a million times as large: what must B do so that the loss stays?",
                "B must grow by 10^(6 beta), since D^-beta becomes smaller by that factor.",
                lambda E, B, beta: [E * LN2, B * LN2 * 10 ** (-6 * beta), beta],
            ),
            Mistake(
                "scale-forgotten",
                "Does B change when D is counted in other units?",
                "B has units of D as well: it changes by 10^(6 beta).",
                lambda E, B, beta: [E * LN2, B * LN2, beta],
            ),
            Mistake(
                "exponent-forgotten",
                "By which power of a million does D^-beta change?",
                "The factor of B is 10^(6 beta), not a million.",
                lambda E, B, beta: [E * LN2, B * LN2 * 1e6, beta],
            ),
            Mistake(
                "only-the-offset",
                "Which other parameter is measured as a loss?",
                "B is a loss too, so it is in bits as well.",
                lambda E, B, beta: [E * LN2, B * 10 ** (6 * beta), beta],
            ),
            Mistake(
                "exponent-scaled",
                "Does an exponent have units?",
                "An exponent has no units: it stays as it is.",
                lambda E, B, beta: [E * LN2, B * LN2 * 10 ** (6 * beta), beta * LN2],
            ),
        ),
    ),
)
