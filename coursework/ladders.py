"""The other law of a ladder: an exercise of chapter 4."""

import numpy as np

from scaling_lib.coursework.exercises import Exercise, Mistake

__all__ = ["LADDER"]


def _draw(generator: np.random.Generator) -> dict[str, float]:
    return {
        "A": float(generator.uniform(200, 600)),
        "B": float(generator.uniform(700, 2500)),
        "alpha": float(generator.uniform(0.28, 0.33)),
        "beta": float(generator.uniform(0.36, 0.42)),
        "ratio": float(generator.choice([5.0, 10.0, 20.0, 40.0])),
    }


def _other(A: float, B: float, alpha: float, beta: float, ratio: float) -> list[float]:
    return [B * ratio**-beta, A * ratio**alpha, beta, alpha]


LADDER = Exercise(
    key="other-law-of-a-ladder",
    function="other_law",
    title="The other law of a ladder",
    objective="write down a second law that no run of a ladder can tell from the first",
    draw=_draw,
    answer=_other,
    stars=2,
    minutes=10,
    mistakes=(
        Mistake(
            "ratio-forgotten",
            "What is D^-beta as a power of N on this ladder?",
            "D = ratio N, so D^-beta is ratio^-beta N^-beta: the coefficients take up powers of the ratio.",
            lambda A, B, alpha, beta, ratio: [B, A, beta, alpha],
        ),
        Mistake(
            "ratio-upside-down",
            "Is D larger than N on this ladder, or smaller?",
            "The powers of the ratio have the wrong sign: it is D that is the larger one.",
            lambda A, B, alpha, beta, ratio: [B * ratio**beta, A * ratio**-alpha, beta, alpha],
        ),
        Mistake(
            "exponents-of-the-ratio",
            "Which exponent had the power that became one of N?",
            "The power of D had beta, so the new A takes ratio^-beta; you took the exponents the other way round.",
            lambda A, B, alpha, beta, ratio: [B * ratio**-alpha, A * ratio**beta, beta, alpha],
        ),
        Mistake(
            "exponents-kept",
            "With which exponent does the old power of D fall, once it is written in N?",
            "The exponents change places as well: the power of D falls with beta, in whatever it is written.",
            lambda A, B, alpha, beta, ratio: [B * ratio**-beta, A * ratio**alpha, alpha, beta],
        ),
        Mistake(
            "same-law",
            "Is that another law, or the same one?",
            "That is the law that was given; the two powers are to change places.",
            lambda A, B, alpha, beta, ratio: [A, B, alpha, beta],
        ),
        Mistake(
            "one-coefficient",
            "How is the old power of N written as one of D?",
            "N = D / ratio, so the new B takes up a power of the ratio too: it is A ratio^alpha.",
            lambda A, B, alpha, beta, ratio: [B * ratio**-beta, A, beta, alpha],
        ),
    ),
)
