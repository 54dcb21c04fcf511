"""Exercises of chapter 4: compute-optimal allocation."""

from typing import Any

import numpy as np

from coursework.ladders import LADDER
from scaling_lib.coursework.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


SHARE = Exercise(
    key="balance-at-the-optimum",
    function="model_share",
    title="The balance at the optimum",
    objective="say which part of the reducible loss is due to the size of the model when the budget is well spent",
    draw=lambda generator: {
        "alpha": float(generator.uniform(0.28, 0.42)),
        "beta": float(generator.uniform(0.15, 0.24)),
    },
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
)


# The best size for a budget


def _draw_law(generator: np.random.Generator) -> dict[str, float]:
    return {
        "A": float(generator.uniform(200, 600)),
        "B": float(generator.uniform(300, 2500)),
        "alpha": float(generator.uniform(0.28, 0.42)),
        "beta": float(generator.uniform(0.24, 0.38)),
        "C": float(10 ** generator.uniform(20, 24)),
    }


def _coefficient(A: float, B: float, alpha: float, beta: float) -> float:
    return (alpha * A / (beta * B)) ** (1 / (alpha + beta))


def _best_size(A: float, B: float, alpha: float, beta: float, C: float, each: float = 6.0) -> float:
    """N at the optimum, where a token costs `each` FLOPs a parameter."""
    return _coefficient(A, B, alpha, beta) * (C / each) ** (beta / (alpha + beta))


SIZE = Exercise(
    key="best-size",
    function="optimal_parameters",
    title="The best size for a budget",
    objective="solve the allocation of a budget in closed form",
    draw=_draw_law,
    answer=_best_size,
    stars=2,
    minutes=15,
    mistakes=(
        Mistake(
            "no-six",
            "What does a token cost for each parameter?",
            "C = 6ND: divide by 6 before you share it out.",
            lambda A, B, alpha, beta, C: _best_size(A, B, alpha, beta, C, each=1.0),
        ),
        Mistake(
            "swapped-exponent",
            "If tokens help much, beta is large: does the best size then grow faster or slower with the budget?",
            "The exponent is beta/(alpha + beta): the size grows fast where tokens help much. You have alpha there.",
            lambda A, B, alpha, beta, C: _coefficient(A, B, alpha, beta) * (C / 6) ** (alpha / (alpha + beta)),
        ),
        Mistake(
            "inverted-ratio",
            "If A is larger, a model of the same size is worse: should the best one be larger or smaller then?",
            "The ratio is alpha A over beta B; yours is upside down.",
            lambda A, B, alpha, beta, C: (C / 6) ** (beta / (alpha + beta)) / _coefficient(A, B, alpha, beta),
        ),
        Mistake(
            "tokens",
            "Which of the two did you compute, N or D?",
            "That is the number of tokens.",
            lambda A, B, alpha, beta, C: C / 6 / _best_size(A, B, alpha, beta, C),
        ),
        Mistake(
            "exponents-only",
            "Do A and B matter too?",
            "The coefficients A and B matter too, not only the exponents.",
            lambda A, B, alpha, beta, C: (C / 6) ** (beta / (alpha + beta)),
        ),
        Mistake(
            "no-root",
            "To which power does the ratio alpha A / beta B stand?",
            "The ratio stands to the power 1/(alpha + beta).",
            lambda A, B, alpha, beta, C: alpha * A / (beta * B) * (C / 6) ** (beta / (alpha + beta)),
        ),
        Mistake(
            "equal-losses",
            "Which two quantities are equal at the optimum?",
            "You made the two terms equal; at the optimum alpha A N^-alpha = beta B D^-beta.",
            lambda A, B, alpha, beta, C: (A / B) ** (1 / (alpha + beta)) * (C / 6) ** (beta / (alpha + beta)),
        ),
        Mistake(
            "root-of-the-budget",
            "When do the best size and the best number of tokens grow alike?",
            "The root of C/6 supposes that alpha = beta.",
            lambda A, B, alpha, beta, C: _coefficient(A, B, alpha, beta) * (C / 6) ** 0.5,
        ),
        Mistake(
            "forward-only",
            "Does the backward pass cost nothing?",
            "C = 2ND is the forward pass alone; training costs 6ND.",
            lambda A, B, alpha, beta, C: _best_size(A, B, alpha, beta, C, each=2.0),
        ),
    ),
)


# What a wrong size costs


def _draw_waste(generator: np.random.Generator) -> dict[str, float]:
    return {
        "E": float(generator.uniform(1.6, 1.9)),
        "A": float(generator.uniform(400, 560)),
        "B": float(generator.uniform(1600, 2400)),
        "alpha": float(generator.uniform(0.32, 0.37)),
        "beta": float(generator.uniform(0.34, 0.39)),
        "C": float(10 ** generator.uniform(21, 23)),
        "factor": float(generator.choice([3.0, 4.0, 5.0])),
    }


def _excesses(
    A: float, B: float, alpha: float, beta: float, C: float, factor: float, *, tokens_kept: bool = False
) -> tuple[float, float]:
    """Reducible loss at the best size, and at a size that is larger by `factor`, at the same budget."""
    N = _best_size(A, B, alpha, beta, C)
    D = C / 6 / N
    wrong = A * (N * factor) ** -alpha + B * (D if tokens_kept else D / factor) ** -beta
    return A * N**-alpha + B * D**-beta, wrong


def _saved(best: float, wrong: float, alpha: float, beta: float) -> float:
    """The share of the budget that the best size would have saved at the same loss."""
    return 1 - (wrong / best) ** (-(alpha + beta) / (alpha * beta))


def _wasted(E: float, A: float, B: float, alpha: float, beta: float, C: float, factor: float) -> float:
    return _saved(*_excesses(A, B, alpha, beta, C, factor), alpha, beta)


def _with_floor(E: float, A: float, B: float, alpha: float, beta: float, C: float, factor: float) -> float:
    best, wrong = _excesses(A, B, alpha, beta, C, factor)
    return _saved(E + best, E + wrong, alpha, beta)


def _of_the_loss(E: float, A: float, B: float, alpha: float, beta: float, C: float, factor: float) -> float:
    best, wrong = _excesses(A, B, alpha, beta, C, factor)
    return (wrong - best) / (E + best)


def _tokens_kept(E: float, A: float, B: float, alpha: float, beta: float, C: float, factor: float) -> float:
    return _saved(*_excesses(A, B, alpha, beta, C, factor, tokens_kept=True), alpha, beta)


WASTE = Exercise(
    key="wrong-size",
    function="wasted",
    title="What a wrong size costs",
    objective="measure a wrong allocation in compute instead of in loss",
    draw=_draw_waste,
    answer=_wasted,
    stars=2,
    minutes=15,
    tolerance=5e-3,
    mistakes=(
        Mistake(
            "floor-kept",
            "Which part of the loss falls with the compute?",
            "You took powers of the whole loss; only the part above E falls with the compute.",
            _with_floor,
        ),
        Mistake(
            "of-the-loss",
            "Is a share of the loss asked for, or of the compute?",
            "That is a share of the loss; the compute is asked for.",
            _of_the_loss,
        ),
        Mistake(
            "complement",
            "Is that what would have been enough, or what was too much?",
            "That is the share that would have been enough; the rest is wasted.",
            lambda **inputs: 1 - _wasted(**inputs),
        ),
        Mistake(
            "tokens-kept",
            "What happens to the tokens when the model is larger and the budget is the same?",
            "The budget is fixed: a larger model sees fewer tokens.",
            _tokens_kept,
        ),
    ),
)


# The bottom of an iso-FLOP curve


def _draw_bowl(generator: np.random.Generator) -> dict[str, list[float]]:
    bottom = float(generator.uniform(17, 20))
    logarithms = bottom + np.linspace(-1.3, 1.7, 7) + float(generator.uniform(-0.2, 0.2))
    loss = 2.5 + 0.05 * (logarithms - bottom) ** 2 + 0.001 * generator.standard_normal(7)
    return {"N": np.exp(logarithms).tolist(), "loss": loss.tolist()}


def _vertex(x: Any, y: Any) -> float:
    square, linear, _ = np.polyfit(x, y, 2)
    return float(-linear / 2 / square)


BOTTOM = Exercise(
    key="bottom-of-an-isoflop-curve",
    function="isoflop_optimum",
    title="The bottom of an iso-FLOP curve",
    objective="find the best size on an iso-FLOP curve",
    draw=_draw_bowl,
    answer=lambda N, loss: float(np.exp(_vertex(np.log(N), loss))),
    tolerance=5e-3,
    mistakes=(
        Mistake(
            "linear-size",
            "By what are the sizes spaced, by differences or by factors?",
            "You fitted a parabola in N, not in ln N; sizes are spaced by factors.",
            lambda N, loss: _vertex(np.array(N) / N[0], loss) * N[0],
        ),
        Mistake(
            "lowest-point",
            "Does the bottom lie at one of the seven sizes?",
            "That is the lowest of the seven points; the bottom lies between them.",
            lambda N, loss: N[int(np.argmin(loss))],
        ),
        Mistake(
            "logarithm",
            "Is your answer a size, or a logarithm?",
            "That is ln N: take the exponential.",
            lambda N, loss: _vertex(np.log(N), loss),
        ),
        Mistake(
            "sign",
            "Where is the vertex of a x^2 + b x + c?",
            "The sign: the vertex of a x^2 + b x + c lies at -b/2a.",
            lambda N, loss: float(np.exp(-_vertex(np.log(N), loss))),
        ),
        Mistake(
            "no-two",
            "Where does the derivative of a x^2 + b x + c vanish?",
            "-b/a is twice too far, in ln N: it is -b/2a.",
            lambda N, loss: float(np.exp(2 * _vertex(np.log(N), loss))),
        ),
        Mistake(
            "base-ten",
            "Of which base was the logarithm that you undo?",
            "You took ten to the power of a natural logarithm.",
            lambda N, loss: 10 ** _vertex(np.log(N), loss),
        ),
    ),
)

# Embeddings at the small end

EMBEDDINGS = Exercise(
    key="embeddings-of-walks",
    function="embedding_weight",
    title="Embeddings at the small end",
    objective="say how much of a small model is embedding, in one number",
    draw=lambda generator: {"V": int(generator.integers(100, 60_000)), "layers": int(generator.integers(2, 13))},
    answer=lambda V, layers: V / (12 * layers) ** 0.5,
    stars=3,
    minutes=15,
    mistakes=(
        Mistake(
            "no-root",
            "How does the width follow from the parameters of the layers?",
            "The width is the root of N_E/12L, so the root of 12L is under V.",
            lambda V, layers: V / (12 * layers),
        ),
        Mistake(
            "one-layer",
            "How many layers share the parameters?",
            "12 n^2 is one layer; all of them share N_E.",
            lambda V, layers: V / 12**0.5,
        ),
        Mistake(
            "attention-only",
            "Which matrices does a layer have beside those of attention?",
            "4 n^2 is attention; the MLP has another 8 n^2.",
            lambda V, layers: V / (4 * layers) ** 0.5,
        ),
        Mistake(
            "untied",
            "How often does the embedding stand in a model whose readout is tied to it?",
            "You counted embedding and readout; they are one matrix here.",
            lambda V, layers: 2 * V / (12 * layers) ** 0.5,
        ),
        Mistake(
            "inverted",
            "Should a larger vocabulary make the number larger or smaller?",
            "It is upside down: the embedding grows with the vocabulary.",
            lambda V, layers: (12 * layers) ** 0.5 / V,
        ),
    ),
)

# A bill becomes FLOPs

DAY = 86_400

BILL = Exercise(
    key="a-bill-in-flops",
    function="budget_flops",
    title="A bill becomes FLOPs",
    objective="turn devices and days into a training budget",
    draw=lambda generator: {
        "gpus": int(generator.integers(8, 300)),
        "days": int(generator.integers(3, 40)),
        "peak": float(generator.choice([312e12, 989e12])),
        "utilization": float(generator.uniform(0.3, 0.5)),
    },
    answer=lambda gpus, days, peak, utilization: gpus * days * DAY * peak * utilization,
    minutes=5,
    mistakes=(
        Mistake(
            "peak",
            "Does a device reach its peak?",
            "Nobody reaches the peak: multiply by the utilization.",
            lambda gpus, days, peak, utilization: gpus * days * DAY * peak,
        ),
        Mistake(
            "hours",
            "In which unit of time is the peak given?",
            "You counted hours; the peak is given for a second.",
            lambda gpus, days, peak, utilization: gpus * days * 24 * peak * utilization,
        ),
        Mistake(
            "hour-a-day",
            "How many hours has a day?",
            "You counted one hour a day; a day has 24.",
            lambda gpus, days, peak, utilization: gpus * days * 3600 * peak * utilization,
        ),
        Mistake(
            "one-device",
            "How many devices are there?",
            "That is the budget of one device only.",
            lambda gpus, days, peak, utilization: days * DAY * peak * utilization,
        ),
        Mistake(
            "divided",
            "Does a low utilization give more FLOPs or fewer?",
            "Utilization is a share of the peak: multiply by it.",
            lambda gpus, days, peak, utilization: gpus * days * DAY * peak / utilization,
        ),
    ),
)

EXERCISES = (SHARE, WASTE, EMBEDDINGS, SIZE, BOTTOM, BILL, LADDER)
