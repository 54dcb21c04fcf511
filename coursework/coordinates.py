"""SP, muP or a bug: an exercise of chapter 2."""

from collections.abc import Callable
from typing import Any

import numpy as np

from scaling_lib.coursework.exercises import Exercise, Mistake

__all__ = ["VERDICTS"]

WIDTHS = (32.0, 64.0, 128.0, 256.0, 512.0)
MUP, SP, BUG = 1, 2, 3
LAYERS, CHECKS = 3, 4
# A size grows if it does so with more than this power of the width.
GROWS = 0.25


def _draw(generator: np.random.Generator) -> dict[str, Any]:
    """Four checks of three layers at five widths: each kind once, and one more."""
    kinds = generator.permutation([MUP, SP, BUG, int(generator.choice([MUP, SP, BUG]))])
    checks = []
    for kind in kinds:
        powers = generator.uniform(-0.05, 0.05, LAYERS)
        growing = range(LAYERS) if kind == SP else [int(generator.integers(LAYERS))] if kind == BUG else []
        for layer in growing:
            powers[layer] = generator.uniform(0.5, 1.0)
        starts = np.exp(generator.uniform(-3, 1, LAYERS))
        scatter = np.exp(0.02 * generator.standard_normal((LAYERS, len(WIDTHS))))
        sizes = starts[:, None] * (np.array(WIDTHS) / WIDTHS[0]) ** powers[:, None] * scatter
        checks.append(sizes.tolist())
    return {"widths": list(WIDTHS), "sizes": checks}


def _powers(widths: list[float], sizes: Any) -> list[list[float]]:
    logarithms = np.log(sizes)  # (checks, layers, widths)
    slopes = np.polyfit(np.log(widths), logarithms.reshape(-1, len(widths)).T, 1)[0]
    return [[float(power) for power in powers] for powers in slopes.reshape(logarithms.shape[:2])]


def _judged(growing: list[bool]) -> int:
    return SP if all(growing) else BUG if any(growing) else MUP


def _verdicts(widths: list[float], sizes: Any) -> list[int]:
    return [_judged([power > GROWS for power in powers]) for powers in _powers(widths, sizes)]


def _by(judge: Callable[[list[float]], int]) -> Callable[..., list[int]]:
    return lambda widths, sizes: [judge(powers) for powers in _powers(widths, sizes)]


VERDICTS = Exercise(
    key="sp-mup-or-a-bug",
    function="verdicts",
    title="SP, muP or a bug?",
    objective="tell from a coordinate check what was implemented",
    draw=_draw,
    answer=_verdicts,
    kind="judgement",
    stars=2,
    minutes=15,
    mistakes=(
        Mistake(
            "last-layer-only",
            "Did you look at every layer?",
            "You judged by the last layer; a bug may sit in any.",
            _by(lambda powers: SP if powers[-1] > GROWS else MUP),
        ),
        Mistake(
            "first-layer-only",
            "Which layers did you look at?",
            "You judged by the first layer; a bug may sit in any.",
            _by(lambda powers: SP if powers[0] > GROWS else MUP),
        ),
        Mistake(
            "bug-taken-for-sp",
            "What would SP look like in the layers that stay level?",
            "One layer that grows is no SP: under SP all of them do.",
            _by(lambda powers: SP if any(power > GROWS for power in powers) else MUP),
        ),
        Mistake(
            "bug-taken-for-mup",
            "Must all layers stay level under muP, or is it enough if some do?",
            "Under muP no layer grows; where one does, something is wrong.",
            _by(lambda powers: SP if all(power > GROWS for power in powers) else MUP),
        ),
        Mistake(
            "swapped",
            "Which of the two keeps sizes level as the width grows?",
            "You have SP and muP the other way round: muP keeps sizes level.",
            lambda widths, sizes: [{MUP: SP, SP: MUP, BUG: BUG}[one] for one in _verdicts(widths, sizes)],
        ),
        Mistake(
            "size-not-growth",
            "Is it the size that counts, or how it changes with the width?",
            "You compared sizes with one; what counts is whether they grow with the width.",
            lambda widths, sizes: [_judged([layer[-1] > 1 for layer in check]) for check in sizes],
        ),
        Mistake(
            "mean-power",
            "Can one layer hide in the mean of three?",
            "You averaged the powers of the layers; one that grows hides in the mean.",
            _by(lambda powers: SP if np.mean(powers) > GROWS else MUP),
        ),
    ),
)
