"""Exercises of chapter 2: transformers, SP and muP."""

import numpy as np

from coursework.coordinates import VERDICTS
from coursework.lines import slope
from scaling_lib.coursework.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


def _parameters(V: int, n: int, L: int) -> int:
    """Two norm gains and twelve n x n matrices a layer, a last norm, an embedding that is also the readout."""
    return L * (12 * n * n + 2 * n) + n + V * n


def _draw_shape(generator: np.random.Generator) -> dict[str, int]:
    return {
        "V": int(generator.integers(150, 9000)),
        "n": int(generator.choice([32, 48, 64, 96, 128, 192])),
        "L": int(generator.integers(2, 6)),
    }


PARAMETERS = Exercise(
    key="where-the-parameters-are",
    function="parameters",
    title="Where the parameters are",
    objective="count the parameters of a transformer, and say which of them grow with the vocabulary",
    draw=_draw_shape,
    answer=_parameters,
    minutes=5,
    tolerance=1e-6,
    mistakes=(
        Mistake(
            "no-embedding",
            "Which matrix depends on the vocabulary?",
            "You left out the embedding; the paper's N counts it.",
            lambda V, n, L: _parameters(V, n, L) - V * n,
        ),
        Mistake(
            "untied",
            "How many matrices do embedding and readout need when they are tied?",
            "You counted a readout of its own. Here the readout is the embedding.",
            lambda V, n, L: _parameters(V, n, L) + V * n,
        ),
        Mistake(
            "one-mlp-matrix",
            "How many matrices does an MLP have that goes from n to 4n and back?",
            "The MLP has two matrices, n x 4n and 4n x n; you counted one.",
            lambda V, n, L: _parameters(V, n, L) - 4 * L * n * n,
        ),
        Mistake(
            "no-gains",
            "Is anything trained in a norm?",
            "The gains of the norms are trained too: 2n a layer, and n at the end.",
            lambda V, n, L: _parameters(V, n, L) - 2 * L * n - n,
        ),
        Mistake(
            "no-last-gain",
            "What stands between the last layer and the readout?",
            "The last norm has gains as well: n of them are missing.",
            lambda V, n, L: _parameters(V, n, L) - n,
        ),
        Mistake(
            "one-layer",
            "How many layers does your model have?",
            "You counted one layer only.",
            lambda V, n, L: _parameters(V, n, 1),
        ),
        Mistake(
            "no-output-projection",
            "What happens to the values after attention has mixed them?",
            "Attention has four matrices: the one that projects its output is missing.",
            lambda V, n, L: _parameters(V, n, L) - L * n * n,
        ),
    ),
)


def _left(width: int, rate: float, decay: float, steps: int) -> float:
    """What decay alone leaves of a matrix under muP with coupled decay, when the schedule averages one half."""
    return float(np.exp(-0.5 * rate / width * decay * steps))


DECAY = Exercise(
    key="what-weight-decay-did",
    function="weights_left",
    title="What weight decay did",
    objective="say how coupled weight decay depends on the width under muP",
    draw=lambda generator: {
        "width": int(generator.choice([16, 24, 32, 48, 64])),
        "rate": float(generator.uniform(0.5, 4)),
        "decay": float(generator.choice([0.05, 0.1, 0.2])),
        "steps": int(generator.integers(200, 2000)),
    },
    answer=_left,
    stars=2,
    mistakes=(
        Mistake(
            "peak-throughout",
            "Is the learning rate at its peak all the time?",
            "The schedule averages one half of the peak rate.",
            lambda width, rate, decay, steps: _left(width, 2 * rate, decay, steps),
        ),
        Mistake(
            "independent",
            "What is a matrix's learning-rate factor under muP?",
            "You left out the factor 1/n of a matrix: that is independent decay.",
            lambda width, rate, decay, steps: _left(1, rate, decay, steps),
        ),
        Mistake(
            "root",
            "With which power of the width does a matrix's rate fall?",
            "The rate of a matrix falls as 1/n, not as one over the root.",
            lambda width, rate, decay, steps: _left(width, rate * width**0.5, decay, steps),
        ),
        Mistake(
            "what-is-gone",
            "Is what is left asked for, or what is gone?",
            "That is the share that has gone; the share that is left is asked for.",
            lambda width, rate, decay, steps: 1 - _left(width, rate, decay, steps),
        ),
        Mistake(
            "one-step",
            "How many steps are there?",
            "That is one step.",
            lambda width, rate, decay, steps: _left(width, rate, decay, 1),
        ),
    ),
)

FLOPS = Exercise(
    key="what-a-run-costs",
    function="training_flops",
    title="What a run costs",
    objective="turn a shape and a number of walks into FLOPs",
    draw=lambda generator: (
        _draw_shape(generator)
        | {"walks": int(generator.integers(2, 90)) * 1000, "context": int(generator.choice([20, 50, 100]))}
    ),
    answer=lambda V, n, L, walks, context: 6 * _parameters(V, n, L) * walks * context,
    tolerance=1e-6,
    mistakes=(
        Mistake(
            "forward-only",
            "Which share of the cost is the forward pass?",
            "That is a third of it: 2ND is the forward pass, and the backward pass costs twice as much again.",
            lambda V, n, L, walks, context: 2 * _parameters(V, n, L) * walks * context,
        ),
        Mistake(
            "backward-only",
            "Is anything computed before the backward pass?",
            "That is two thirds of it: 4ND is the backward pass alone.",
            lambda V, n, L, walks, context: 4 * _parameters(V, n, L) * walks * context,
        ),
        Mistake(
            "multiply-adds",
            "How many FLOPs is a multiplication with an addition?",
            "That is half of it: a multiplication with an addition is two FLOPs.",
            lambda V, n, L, walks, context: 3 * _parameters(V, n, L) * walks * context,
        ),
        Mistake(
            "walks-not-tokens",
            "What does D count?",
            "D counts tokens, and a walk has `context` of them; you counted walks.",
            lambda V, n, L, walks, context: 6 * _parameters(V, n, L) * walks,
        ),
        Mistake(
            "transitions",
            "Which positions does the model compute?",
            "D counts tokens here, not transitions.",
            lambda V, n, L, walks, context: 6 * _parameters(V, n, L) * walks * (context - 1),
        ),
        Mistake(
            "no-embedding",
            "Which N stands in the paper's C = 6ND?",
            "You took the non-embedding parameters; the paper's C is 6ND with the embedding in N.",
            lambda V, n, L, walks, context: 6 * (_parameters(V, n, L) - V * n) * walks * context,
        ),
        Mistake(
            "matrices-only",
            "Which parameters are not in the layers' matrices?",
            "12 L n^2 counts the layers' matrices only; embedding and gains are missing.",
            lambda V, n, L, walks, context: 72 * L * n * n * walks * context,
        ),
    ),
)

RATE = Exercise(
    key="rate-of-a-wider-matrix",
    function="matrix_rate",
    title="The rate of a wider matrix",
    objective="carry a learning rate from a narrow model to a wide one by muP",
    draw=lambda generator: {
        "rate": float(generator.uniform(0.002, 0.03)),
        "width": int(generator.choice([192, 256, 384, 512])),
        "base_width": int(generator.choice([32, 48, 64, 96])),
    },
    answer=lambda rate, width, base_width: rate * base_width / width,
    minutes=5,
    mistakes=(
        Mistake(
            "twice",
            "How often did you apply the factor?",
            "The factor was applied twice: it is one over the ratio of widths, not its square.",
            lambda rate, width, base_width: rate * (base_width / width) ** 2,
        ),
        Mistake(
            "inverted",
            "A wider matrix sums over more inputs: must each weight move more or less?",
            "It is the other way round: a wider matrix sums over more inputs, so each weight must move less.",
            lambda rate, width, base_width: rate * width / base_width,
        ),
        Mistake(
            "root",
            "Are updates random, as initial weights are, or aligned with their inputs?",
            "The initial scale goes as one over the root; updates are aligned, so the rate goes as one over the width.",
            lambda rate, width, base_width: rate * (base_width / width) ** 0.5,
        ),
        Mistake(
            "absolute",
            "What is the rate at the base width itself?",
            "1/n is the absolute form; relative to a base width it is the ratio of the two, which is 1 at the base.",
            lambda rate, width, base_width: rate / width,
        ),
        Mistake(
            "unscaled",
            "Does the rate of a matrix depend on the width under muP?",
            "That is SP: one rate for all widths.",
            lambda rate, width, base_width: rate,
        ),
    ),
)

ATTENTION = Exercise(
    key="factor-of-attention",
    function="attention_factor",
    title="The factor of the attention logits",
    objective="say which factor keeps attention logits of a trained model at their size, and equal to SP's at the base",
    draw=lambda generator: {
        "d": int(generator.choice([24, 32, 48, 64, 96])),
        "d_base": int(generator.choice([8, 12, 16])),
    },
    answer=lambda d, d_base: d_base**0.5 / d,
    stars=2,
    minutes=10,
    mistakes=(
        Mistake(
            "standard",
            "How does the product of a query and a key grow with d once they are aligned?",
            "1/sqrt(d) is right before training; afterwards queries and keys are aligned, and the product grows as d.",
            lambda d, d_base: d**-0.5,
        ),
        Mistake(
            "no-base",
            "What must the factor be at d = d_base?",
            "1/d has no base: at d = d_base the factor must be SP's, 1/sqrt(d_base).",
            lambda d, d_base: 1 / d,
        ),
        Mistake(
            "ratio",
            "What is your factor at d = d_base, and what is SP's?",
            "d_base/d is 1 at the base, where SP has 1/sqrt(d_base).",
            lambda d, d_base: d_base / d,
        ),
        Mistake(
            "root-of-ratio",
            "With which power of d does your factor fall?",
            "sqrt(d_base/d) still falls as d to the power -1/2.",
            lambda d, d_base: (d_base / d) ** 0.5,
        ),
        Mistake(
            "twice",
            "How often does d divide?",
            "You divided by d twice.",
            lambda d, d_base: d_base / d**2,
        ),
    ),
)


def _draw_check(generator: np.random.Generator) -> dict[str, list[float]]:
    """Sizes of a layer's output at five widths that grow as a power, and scatter by 2 %."""
    widths = np.array([32.0, 64.0, 128.0, 256.0, 512.0])
    sizes = 0.02 * widths ** generator.uniform(0.3, 1.1) * np.exp(0.02 * generator.standard_normal(5))
    return {"widths": widths.tolist(), "sizes": sizes.tolist()}


COORDINATES = Exercise(
    key="power-of-a-coordinate-check",
    function="power_of_width",
    title="Reading a coordinate check",
    objective="read a power of the width off a coordinate check",
    draw=_draw_check,
    answer=lambda widths, sizes: slope(np.log(widths), np.log(sizes)),
    minutes=5,
    mistakes=(
        Mistake(
            "width-not-logarithm",
            "A power is a slope on which axes?",
            "That is the slope of ln(size) against the width: take the logarithm of the width as well.",
            lambda widths, sizes: slope(np.array(widths), np.log(sizes)),
        ),
        Mistake(
            "linear",
            "On which axes is a power a straight line?",
            "That is a slope on linear axes; a power is a slope on logarithmic ones.",
            lambda widths, sizes: slope(np.array(widths), np.array(sizes)),
        ),
        Mistake(
            "decimal-width",
            "Did you take the same logarithm of both?",
            "You took log10 of the widths and ln of the sizes.",
            lambda widths, sizes: slope(np.log10(widths), np.log(sizes)),
        ),
        Mistake(
            "decimal-size",
            "Did you take one and the same logarithm of widths and sizes?",
            "You took ln of the widths and log10 of the sizes.",
            lambda widths, sizes: slope(np.log(widths), np.log10(sizes)),
        ),
        Mistake(
            "swapped",
            "Which of the two depends on the other?",
            "The axes are swapped: this is the slope of ln(width) against ln(size).",
            lambda widths, sizes: slope(np.log(sizes), np.log(widths)),
        ),
        Mistake(
            "ends",
            "Did you use all widths?",
            "That is the slope between the two ends; the line through all points is asked for.",
            lambda widths, sizes: float(np.log(sizes[-1] / sizes[0]) / np.log(widths[-1] / widths[0])),
        ),
    ),
)

EXERCISES = (PARAMETERS, DECAY, FLOPS, RATE, ATTENTION, COORDINATES, VERDICTS)
