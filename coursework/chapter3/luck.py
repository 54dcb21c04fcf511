"""The luckiest of several seeds: an exercise of chapter 3."""

from statistics import NormalDist

import numpy as np

from scaling_lib.coursework.exercises import Exercise, Mistake

__all__ = ["LUCK"]

NORMAL = NormalDist()


def _below(k: int) -> float:
    """How far the lowest of k standard normal numbers lies below their mean, on average."""
    x = np.linspace(-8, 8, 4001)
    density = np.exp(-(x**2) / 2) / (2 * np.pi) ** 0.5
    share = np.array([NORMAL.cdf(float(value)) for value in x])
    return float((k * x * density * share ** (k - 1)).sum() * (x[1] - x[0]))


BELOW = {k: _below(k) for k in range(2, 11)}


def _lowest(k: int, mean: float, scatter: float) -> float:
    return mean - scatter * BELOW[k]


def _draw(generator: np.random.Generator) -> dict[str, float | int]:
    mean = float(generator.uniform(0.05, 0.2))
    scatter = mean * float(generator.uniform(0.1, 0.3))
    return {"k": int(generator.choice([2, 4, 5, 6, 8, 10])), "mean": mean, "scatter": scatter}


LUCK = Exercise(
    key="luckiest-of-three",
    function="expected_lowest",
    title="The luckiest of three",
    objective="say how far the lowest of several seeds lies below their mean",
    draw=_draw,
    answer=_lowest,
    stars=2,
    minutes=15,
    mistakes=(
        Mistake(
            "sign",
            "Is the lowest of several above their mean or below it?",
            "The lowest lies below the mean; you added what is to be subtracted.",
            lambda k, mean, scatter: mean + scatter * BELOW[k],
        ),
        Mistake(
            "one-scatter",
            "Does it matter how many seeds were tried?",
            "You went down by one standard deviation, whatever the number of seeds.",
            lambda k, mean, scatter: mean - scatter,
        ),
        Mistake(
            "error-of-the-mean",
            "Is the lowest of k reported, or their mean?",
            "One over the root of k belongs to the error of a mean.",
            lambda k, mean, scatter: mean - scatter / k**0.5,
        ),
        Mistake(
            "large-numbers",
            "For which k does the root of 2 ln k hold?",
            "The root of 2 ln k holds for very many seeds; for a handful it is far too large.",
            lambda k, mean, scatter: mean - scatter * (2 * np.log(k)) ** 0.5,
        ),
        Mistake(
            "always-three",
            "How many seeds are there this time?",
            "That is the lowest of three; here there are k.",
            lambda k, mean, scatter: mean - scatter * 1.5 / np.pi**0.5,
        ),
        Mistake(
            "median",
            "Is the mean of the lowest asked for, or the value that it is below as often as above?",
            "That is the median of the lowest; its mean lies a little lower.",
            lambda k, mean, scatter: mean + scatter * NORMAL.inv_cdf(1 - 0.5 ** (1 / k)),
        ),
        Mistake(
            "one-fewer",
            "Of how many is it the lowest?",
            "That is the lowest of k - 1.",
            lambda k, mean, scatter: mean - scatter * (BELOW[k - 1] if k > 2 else 0.0),
        ),
    ),
)
