"""Units, seeds, exponents above a floor, runs and points, what is held out: exercises of chapter 3."""

from typing import Any

import numpy as np

from coursework.lines import slope
from scaling_lib.coursework.exercises import Exercise, Mistake

__all__ = ["BIAS", "EXPONENT", "HELD_OUT", "RUNS", "TYPICAL", "UNITS"]

LN2, LN10 = float(np.log(2)), float(np.log(10))


UNITS = Exercise(
    key="units",
    function="in_nats_and_tokens",
    title="Units",
    objective="carry a fitted law from one set of units to another",
    draw=lambda generator: {
        "E": float(generator.uniform(2, 4)),
        "B": float(generator.uniform(0.5, 3)),
        "beta": float(generator.uniform(0.2, 0.6)),
    },
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
)


# Designed bias. The mean of the smallest of k standard normal variables is -c_k.

C3, C9 = 3 / (2 * np.pi**0.5), 1.4850131622


def _bias(low: float, high: float, decades: float) -> float:
    """Bias of the exponent by the smallest of three, from the scatters at the two ends."""
    return -C3 * (low - high) / (decades * LN10)


BIAS = Exercise(
    key="designed-bias",
    function="seed_bias_of_three",
    title="Design a bias",
    objective="predict by how much the luckiest of three seeds changes an exponent",
    draw=lambda generator: {
        "low": float(generator.uniform(0.08, 0.25)),
        "high": float(generator.uniform(0.01, 0.05)),
        "decades": float(generator.choice([1.0, 1.5, 2.0])),
    },
    answer=_bias,
    stars=2,
    minutes=15,
    mistakes=(
        Mistake(
            "sign",
            "Which end is lowered more, and does that make the line steeper or flatter?",
            "The sign: the end that scatters more is lowered more, the line becomes flatter, the exponent smaller.",
            lambda low, high, decades: -_bias(low, high, decades),
        ),
        Mistake(
            "decades",
            "How long is a decade on an axis of natural logarithms?",
            "A decade is ln 10 in natural logarithms.",
            lambda low, high, decades: _bias(low, high, decades) * LN10,
        ),
        Mistake(
            "no-constant",
            "How far below the mean is the smallest of three, in standard deviations?",
            "The mean of the smallest of three is c_3 standard deviations below, not one.",
            lambda low, high, decades: _bias(low, high, decades) / C3,
        ),
        Mistake(
            "one-end",
            "What happens to the line if both ends are lowered by the same amount?",
            "Only the difference of the two scatters tilts the line.",
            lambda low, high, decades: _bias(low, 0.0, decades),
        ),
        Mistake(
            "variances",
            "Is the smallest of three lower by a standard deviation, or by a variance?",
            "Standard deviations are wanted, not variances.",
            lambda low, high, decades: _bias(low**2, high**2, decades),
        ),
        Mistake(
            "nine",
            "How many seeds were tried?",
            "That is c_9; three seeds were tried.",
            lambda low, high, decades: _bias(low, high, decades) * C9 / C3,
        ),
        Mistake(
            "mean-of-three",
            "Is the mean or the minimum of three reported?",
            "One over the root of three is for the error of a mean, not for the bias of a minimum.",
            lambda low, high, decades: _bias(low, high, decades) / C3 / 3**0.5,
        ),
    ),
)


# The exponent above a known floor


def _draw_curve(generator: np.random.Generator) -> dict[str, Any]:
    D = np.geomspace(1e5, 1e7, 10)
    beta, E = float(generator.uniform(0.3, 0.8)), float(generator.uniform(1.5, 2.6))
    scatter = np.exp(0.02 * generator.standard_normal(10))
    loss = E + generator.uniform(50, 300) * (D / 10) ** -beta * scatter
    return {"D": D.tolist(), "loss": loss.tolist(), "E": E}


def _ends(D: list[float], loss: list[float], E: float) -> float:
    return -float(np.log((loss[-1] - E) / (loss[0] - E)) / np.log(D[-1] / D[0]))


EXPONENT = Exercise(
    key="exponent-above-a-floor",
    function="exponent_above_floor",
    title="The exponent above a known floor",
    objective="fit an exponent where the irreducible loss is known",
    draw=_draw_curve,
    answer=lambda D, loss, E: -slope(np.log(D), np.log(np.array(loss) - E)),
    tolerance=1e-4,
    mistakes=(
        Mistake(
            "floor-kept",
            "Towards what does the loss fall?",
            "You fitted the loss itself. Subtract the floor first, or the exponent comes out far too small.",
            lambda D, loss, E: -slope(np.log(D), np.log(loss)),
        ),
        Mistake(
            "sign",
            "The loss falls as D^-beta: which sign has beta?",
            "The sign: the loss falls as D^-beta, and beta is positive.",
            lambda D, loss, E: slope(np.log(D), np.log(np.array(loss) - E)),
        ),
        Mistake(
            "swapped",
            "Which of the two depends on the other?",
            "The axes are swapped: that is nearly one over the exponent.",
            lambda D, loss, E: -slope(np.log(np.array(loss) - E), np.log(D)),
        ),
        Mistake(
            "tokens-not-logarithm",
            "On which axes is a power law a straight line?",
            "That is the slope against D, not against ln D: the rate of an exponential.",
            lambda D, loss, E: -slope(D, np.log(np.array(loss) - E)),
        ),
        Mistake(
            "decimal-tokens",
            "Did you take the same logarithm on both axes?",
            "You took ln on one axis and log10 on the other, of D.",
            lambda D, loss, E: -slope(np.log10(D), np.log(np.array(loss) - E)),
        ),
        Mistake(
            "decimal-loss",
            "Did you take one and the same logarithm of loss and tokens?",
            "You took log10 on one axis, of the loss, and ln on the other.",
            lambda D, loss, E: -slope(np.log(D), np.log10(np.array(loss) - E)),
        ),
        Mistake(
            "ends",
            "Did you use all points?",
            "That is the slope between the first and the last point; the line through all of them is asked for.",
            _ends,
        ),
        Mistake(
            "lowest-loss-as-floor",
            "Is the lowest loss that was measured the lowest that there is?",
            "You took the lowest loss for the floor; the known one was given.",
            lambda D, loss, E: -slope(np.log(D[:-1]), np.log(np.array(loss[:-1]) - min(loss))),
        ),
    ),
)


# Averaging seeds on a logarithmic axis


def _draw_seeds(generator: np.random.Generator) -> dict[str, Any]:
    E = float(generator.uniform(1.5, 2.6))
    return {"losses": (E + 0.05 * np.exp(0.5 * generator.standard_normal(6))).tolist(), "E": E}


def _typical(losses: list[float], E: float) -> float:
    return float(np.exp(np.mean(np.log(np.array(losses) - E))))


TYPICAL = Exercise(
    key="typical-excess",
    function="typical_excess",
    title="A typical excess loss",
    objective="average seeds as a fit on a logarithmic axis does",
    draw=_draw_seeds,
    answer=_typical,
    minutes=5,
    mistakes=(
        Mistake(
            "arithmetic-mean",
            "What does a fit on a logarithmic axis average?",
            "That is the mean of the excess; a fit on logarithms averages logarithms: the exponential of their mean.",
            lambda losses, E: float(np.mean(np.array(losses) - E)),
        ),
        Mistake(
            "floor-subtracted-afterwards",
            "Which comes first, the logarithm or the floor?",
            "You averaged the logarithms of the losses and then subtracted; subtract the floor first.",
            lambda losses, E: _typical(losses, 0.0) - E,
        ),
        Mistake(
            "logarithm",
            "Is your answer in nats, or is it a logarithm?",
            "That is still a logarithm: take the exponential.",
            lambda losses, E: float(np.log(_typical(losses, E))),
        ),
        Mistake(
            "lowest",
            "Is the luckiest seed typical?",
            "The lowest of six is lucky, not typical.",
            lambda losses, E: min(losses) - E,
        ),
        Mistake(
            "median",
            "Which average does least squares take?",
            "The median is a good choice too, but it is another number.",
            lambda losses, E: float(np.median(losses) - E),
        ),
        Mistake(
            "floor-kept",
            "Of which quantity do you take the logarithm?",
            "The floor is still in it: the excess loss is asked for.",
            lambda losses, E: _typical(losses, 0.0),
        ),
    ),
)


# Runs, not points


def _draw_runs(generator: np.random.Generator) -> dict[str, Any]:
    """Learning curves of eight runs at ten places, on logarithmic axes: slopes differ from run to run."""
    x = np.log(np.geomspace(1e5, 1e7, 10))
    slopes = -0.5 - 0.15 * generator.standard_normal((8, 1))
    y = 1 + slopes * (x - x.mean()) + 0.02 * generator.standard_normal((8, 10))
    return {"x": x.tolist(), "y": y.tolist()}


def _scatter(x: list[float], y: list[list[float]], ddof: int = 1) -> float:
    """Standard deviation of the runs' slopes."""
    return float(np.std(np.polyfit(x, np.transpose(y), 1)[0], ddof=ddof))


def _as_points(x: list[float], y: list[list[float]]) -> float:
    _, covariance = np.polyfit(np.tile(x, len(y)), np.ravel(y), 1, cov=True)
    return float(covariance[0, 0] ** 0.5)


RUNS = Exercise(
    key="runs-not-points",
    function="slope_error",
    title="Runs, not points",
    objective="take the run as the unit of an error bar",
    draw=_draw_runs,
    answer=lambda x, y: _scatter(x, y) / len(y) ** 0.5,
    stars=2,
    minutes=15,
    tolerance=0.01,
    mistakes=(
        Mistake(
            "points",
            "Are the points of one learning curve independent of each other?",
            "You treated the points of a curve as independent; they belong to eight runs, and the runs are the unit.",
            _as_points,
        ),
        Mistake(
            "one-run",
            "Is the scatter of one run's slope asked for, or the error of their mean?",
            "That is the scatter of one run's slope; the error of the mean is smaller by the root of their number.",
            lambda x, y: _scatter(x, y),
        ),
        Mistake(
            "number-of-points",
            "By the root of which number did you divide?",
            "You divided by the number of points, not of runs.",
            lambda x, y: _scatter(x, y) / np.size(y) ** 0.5,
        ),
        Mistake(
            "population",
            "Is the mean of the slopes known, or estimated from the same eight?",
            "Divide by n - 1: with eight runs that is a difference of 7 %.",
            lambda x, y: _scatter(x, y, ddof=0) / len(y) ** 0.5,
        ),
        Mistake(
            "half-width",
            "Is a standard error asked for, or half an interval?",
            "That is half of a 95 % interval; the standard error is asked for.",
            lambda x, y: 1.96 * _scatter(x, y) / len(y) ** 0.5,
        ),
        Mistake(
            "variance",
            "Is it a variance or its root?",
            "That is a variance, not a standard error.",
            lambda x, y: _scatter(x, y) ** 2 / len(y),
        ),
    ),
)


# The two largest held out


def _draw_shuffled(generator: np.random.Generator) -> dict[str, Any]:
    """A curve that bends a little, so that a straight line misses, in no order of D."""
    D = generator.permutation(np.geomspace(1e5, 1e7, 10))
    beta, E = float(generator.uniform(0.3, 0.6)), float(generator.uniform(1.5, 2.6))
    bend = generator.uniform(0.05, 0.1) * np.log(D / 1e6) ** 2 / 10
    loss = E + generator.uniform(1, 3) * (D / 1e5) ** -beta * np.exp(bend + 0.02 * generator.standard_normal(10))
    return {"D": D.tolist(), "loss": loss.tolist(), "E": E}


def _miss(D: Any, loss: Any, E: float, held_out: int = 2) -> float:
    """Predicted minus measured loss at the largest D, from a line through all but the `held_out` largest."""
    order = np.argsort(D)
    x, y = np.log(np.array(D)[order]), np.log(np.array(loss)[order] - E)
    line = np.polyfit(x[: len(x) - held_out], y[: len(x) - held_out], 1)
    return float(np.exp(np.polyval(line, x[-1])) - np.exp(y[-1]))


def _as_listed(D: Any, loss: Any, E: float) -> float:
    x, y = np.log(D), np.log(np.array(loss) - E)
    largest = int(np.argmax(D))
    return float(np.exp(np.polyval(np.polyfit(x[:-2], y[:-2], 1), x[largest])) - np.exp(y[largest]))


def _floor_kept(D: Any, loss: Any, E: float) -> float:
    return _miss(D, loss, 0.0)


HELD_OUT = Exercise(
    key="two-largest-held-out",
    function="held_out_miss",
    title="The two largest held out",
    objective="judge a law by what it says of runs that it has not seen",
    draw=_draw_shuffled,
    answer=_miss,
    stars=2,
    minutes=15,
    mistakes=(
        Mistake(
            "nothing-held-out",
            "Which points did the line see?",
            "The line saw the points that it should predict.",
            lambda D, loss, E: _miss(D, loss, E, held_out=0),
        ),
        Mistake(
            "one-held-out",
            "How many points are held out?",
            "You held out the largest only; two are to be held out.",
            lambda D, loss, E: _miss(D, loss, E, held_out=1),
        ),
        Mistake(
            "last-of-the-list",
            "Are the largest D the last ones in the list?",
            "You held out the last two of the list, which are not the two largest.",
            _as_listed,
        ),
        Mistake(
            "sign",
            "Which is subtracted from which?",
            "The sign: predicted minus measured is asked for.",
            lambda D, loss, E: -_miss(D, loss, E),
        ),
        Mistake(
            "floor-kept",
            "Of which quantity is the power law?",
            "You put the line through the loss itself; the power law is that of the excess above the floor.",
            _floor_kept,
        ),
    ),
)
