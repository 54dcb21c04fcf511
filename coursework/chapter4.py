"""Exercises of chapter 4: compute-optimal allocation."""

import numpy as np

from scaling_lib.coursework.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


def _draw(generator: np.random.Generator) -> dict[str, float]:
    return {"alpha": float(generator.uniform(0.28, 0.42)), "beta": float(generator.uniform(0.15, 0.24))}


EXERCISES = (
    Exercise(
        key="balance-at-the-optimum",
        function="model_share",
        title="The balance at the optimum",
        objective="say which part of the reducible loss is due to the size of the model when the budget is well spent",
        draw=_draw,
        answer=lambda alpha, beta: beta / (alpha + beta),
        minutes=5,
        mistakes=(
            Mistake(
                "swapped",
                "At the optimum alpha A N^-alpha = beta B D^-beta: which of the two terms is then the larger one?",
                "The two shares are the other way round: the terms are as beta to alpha.",
                lambda alpha, beta: alpha / (alpha + beta),
            ),
            Mistake(
                "half",
                "When are the two terms equal at the optimum?",
                "The parts are equal only where alpha = beta.",
                lambda alpha, beta: 0.5,
            ),
            Mistake(
                "ratio",
                "Is the model's part asked for as a share of the other part, or of both together?",
                "That is the ratio of the two parts; the share of their sum is asked for.",
                lambda alpha, beta: beta / alpha,
            ),
        ),
    ),
)
