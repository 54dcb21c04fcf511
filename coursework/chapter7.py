"""Exercises of chapter 7: architectures and emergence."""

from typing import Any

import numpy as np

from scaling_lib.coursework.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]

LN2, LN10 = float(np.log(2)), float(np.log(10))


# Parameters of a mixture of experts


def _draw_mixture(generator: np.random.Generator) -> dict[str, int]:
    experts = int(generator.integers(3, 9))
    width = int(generator.choice([16, 32, 48, 64, 96]))
    return {"width": width, "experts": experts, "active": int(generator.integers(2, experts))}


def _mixture(width: int, experts: int, active: int) -> list[int]:
    return [8 * experts * width**2 + experts * width, 8 * active * width**2 + experts * width]


MIXTURE = Exercise(
    key="parameters-of-a-mixture",
    function="mixture_parameters",
    title="The parameters of a mixture of experts",
    objective="count what a mixture of experts holds and what a token meets",
    draw=_draw_mixture,
    answer=_mixture,
    minutes=10,
    mistakes=(
        Mistake(
            "no-router",
            "Who decides which experts a token goes to?",
            "The router is missing: a matrix with a row for each expert.",
            lambda width, experts, active: [8 * experts * width**2, 8 * active * width**2],
        ),
        Mistake(
            "small-router",
            "How many experts does the router score for a token?",
            "The router scores all experts, also those that stay idle; you counted the active ones alone.",
            lambda width, experts, active: [
                8 * experts * width**2 + experts * width,
                8 * active * width**2 + active * width,
            ],
        ),
        Mistake(
            "other-order",
            "Which of the two numbers is larger, that of all or that of the active?",
            "You gave the active ones first.",
            lambda width, experts, active: _mixture(width, experts, active)[::-1],
        ),
        Mistake(
            "one-matrix",
            "How many matrices does an MLP have?",
            "There is a way up and a way down; you counted one of them.",
            lambda width, experts, active: [
                4 * experts * width**2 + experts * width,
                4 * active * width**2 + experts * width,
            ],
        ),
        Mistake(
            "one-expert-active",
            "How many experts does a token meet?",
            "A token meets as many experts as are active; you counted one.",
            lambda width, experts, active: [_mixture(width, experts, active)[0], 8 * width**2 + experts * width],
        ),
    ),
)


# What a router says by chance


def _draw_labels(generator: np.random.Generator) -> dict[str, int]:
    communities = int(generator.integers(3, 9))
    return {
        "nodes": communities * int(generator.integers(10, 60)),
        "tokens": int(generator.integers(50, 400)) * 1000,
        "communities": communities,
        "experts": int(generator.integers(3, 9)),
    }


BY_CHANCE = Exercise(
    key="information-by-chance",
    function="information_by_chance",
    title="What a router says by chance",
    objective="foretell how much a router seems to know about labels that mean nothing",
    kind="prediction",
    draw=_draw_labels,
    answer=lambda nodes, tokens, communities, experts: (communities - 1) * (experts - 1) / (2 * nodes),
    stars=2,
    minutes=10,
    mistakes=(
        Mistake(
            "tokens",
            "How often does a router choose anew: for every token, or for every node?",
            "You counted tokens; all visits of a node choose the same expert, so that there are as many independent "
            "choices as nodes.",
            lambda nodes, tokens, communities, experts: (communities - 1) * (experts - 1) / (2 * tokens),
        ),
        Mistake(
            "cells",
            "How many numbers of the table are free, once its rows and its columns are known?",
            "You counted all cells of the table; with known sums of rows and columns fewer of them are free.",
            lambda nodes, tokens, communities, experts: communities * experts / (2 * nodes),
        ),
        Mistake(
            "no-half",
            "Which multiple of the information is it that follows a law of chi squared?",
            "A half is missing: 2 n times the information is about chi squared, whose mean is the degrees of freedom.",
            lambda nodes, tokens, communities, experts: (communities - 1) * (experts - 1) / nodes,
        ),
        Mistake(
            "bits",
            "Which logarithm gives nats?",
            "That is in bits; chi squared goes with the natural logarithm.",
            lambda nodes, tokens, communities, experts: (communities - 1) * (experts - 1) / (2 * nodes * LN2),
        ),
        Mistake(
            "zero",
            "Can an information that is computed from counts be below zero, so that its mean is zero?",
            "You gave the truth, zero; what is computed from a finite table is never negative, and so above it.",
            lambda nodes, tokens, communities, experts: 0.0,
        ),
    ),
)


# The probability of a walk on real edges


def _draw_rows(generator: np.random.Generator) -> dict[str, Any]:
    edges = np.array([[0, 1, 0, 1], [1, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 0]])
    on = generator.dirichlet(np.ones(4), 4) * edges
    on /= on.sum(1, keepdims=True)
    off = generator.dirichlet(np.ones(4), 4) * (1 - edges)
    off /= off.sum(1, keepdims=True)
    mass = generator.uniform(0.5, 0.95, (4, 1))
    rows = mass * on + (1 - mass) * off
    return {"rows": rows.tolist(), "edges": edges.tolist(), "steps": int(generator.integers(3, 7))}


def _walk(rows: list[list[float]], edges: list[list[int]], steps: int) -> float:
    return float(np.linalg.matrix_power(np.array(rows) * edges, steps).sum() / len(rows))


def _masses(rows: list[list[float]], edges: list[list[int]]) -> np.ndarray:
    return (np.array(rows) * edges).sum(1)


WALK = Exercise(
    key="probability-of-a-walk",
    function="walk_probability",
    title="The probability of a walk on real edges",
    objective="compute by a transfer matrix how likely a long walk is right",
    draw=_draw_rows,
    answer=_walk,
    stars=2,
    minutes=15,
    mistakes=(
        Mistake(
            "mean-to-the-power",
            "Does a walk meet the mean node at every step?",
            "You took the mean mass on real edges to a power; nodes differ, and a walk on real edges is not at all of "
            "them alike.",
            lambda rows, edges, steps: float(_masses(rows, edges).mean() ** steps),
        ),
        Mistake(
            "leak",
            "Is your number exact, or is it what the mean leak says?",
            "That is exp of minus the steps times the mean leak, which is too small where nodes differ.",
            lambda rows, edges, steps: float(np.exp(steps * np.log(_masses(rows, edges)).mean())),
        ),
        Mistake(
            "last-step",
            "Must every step be real, or the last one?",
            "That is the probability that the last step is real, whatever came before.",
            lambda rows, edges, steps: float(
                (np.linalg.matrix_power(np.array(rows), steps - 1) @ _masses(rows, edges)).mean()
            ),
        ),
        Mistake(
            "one-short",
            "How many nodes does a walk of so many steps have?",
            "You took one step too few: a walk of L steps has L + 1 nodes.",
            lambda rows, edges, steps: _walk(rows, edges, steps - 1),
        ),
        Mistake(
            "summed",
            "Where does the walk start?",
            "You added the four starting nodes up; the walk starts at one of them, each with the probability 1/4.",
            lambda rows, edges, steps: 4 * _walk(rows, edges, steps),
        ),
    ),
)


# The leak behind an exact match


def _draw_match(generator: np.random.Generator) -> dict[str, Any]:
    return {"probability": float(generator.uniform(0.05, 0.6)), "steps": int(generator.integers(3, 30))}


UNDO = Exercise(
    key="leak-behind-a-match",
    function="leak_a_step",
    title="The leak behind an exact match",
    objective="turn a metric that jumps into one that does not",
    draw=_draw_match,
    answer=lambda probability, steps: float(-np.log(probability) / steps),
    minutes=5,
    mistakes=(
        Mistake(
            "error-a-step",
            "Is that a probability, or its logarithm?",
            "That is the probability of a wrong step; the leak is minus the logarithm of that of a right one.",
            lambda probability, steps: float(1 - probability ** (1 / steps)),
        ),
        Mistake(
            "negative",
            "Can a leak be negative?",
            "The logarithm of a probability is negative; the leak is minus it.",
            lambda probability, steps: float(np.log(probability) / steps),
        ),
        Mistake(
            "whole-walk",
            "Is your number for a step, or for the whole walk?",
            "That is the leak of the whole walk; divide it by the steps.",
            lambda probability, steps: float(-np.log(probability)),
        ),
        Mistake(
            "no-logarithm",
            "Do errors add up along a walk, or do probabilities multiply?",
            "You shared the error among the steps; probabilities multiply, so their logarithms add up.",
            lambda probability, steps: float((1 - probability) / steps),
        ),
        Mistake(
            "bits",
            "Which logarithm gives nats?",
            "That is in bits; with the natural logarithm it is in nats.",
            lambda probability, steps: float(-np.log2(probability) / steps),
        ),
    ),
)


# Where an ability emerges


def _draw_half(generator: np.random.Generator) -> dict[str, Any]:
    return {
        "leak": float(generator.uniform(0.02, 0.2)),
        "tokens": int(generator.integers(50, 200)) * 1000,
        "beta": float(generator.uniform(0.5, 0.9)),
        "steps": int(generator.integers(20, 200)),
    }


def _half(leak: float, tokens: int, beta: float, steps: int) -> float:
    return float(tokens * (steps * leak / LN2) ** (1 / beta))


HALF = Exercise(
    key="where-it-emerges",
    function="tokens_for_half",
    title="Where an ability emerges",
    objective="foretell from a smooth law where a metric jumps",
    draw=_draw_half,
    answer=_half,
    stars=2,
    minutes=15,
    mistakes=(
        Mistake(
            "one-over-e",
            "What is the probability where the leak of the whole walk is one nat?",
            "That is where the probability is 1/e; it is a half where the walk leaks ln 2.",
            lambda leak, tokens, beta, steps: float(tokens * (steps * leak) ** (1 / beta)),
        ),
        Mistake(
            "no-root",
            "By how much do the tokens grow, if the leak has to fall by half?",
            "The leak falls as a power of the tokens; to undo it takes the root.",
            lambda leak, tokens, beta, steps: float(tokens * steps * leak / LN2),
        ),
        Mistake(
            "power",
            "Is it the power beta, or its root?",
            "You took the power; the tokens grow as the root, the power 1/beta.",
            lambda leak, tokens, beta, steps: float(tokens * (steps * leak / LN2) ** beta),
        ),
        Mistake(
            "one-step",
            "How many steps must be right?",
            "Your walk has one step.",
            lambda leak, tokens, beta, steps: _half(leak, tokens, beta, 1),
        ),
        Mistake(
            "fewer",
            "Does a longer walk need more tokens, or fewer?",
            "Your tokens fall as the walk grows longer; divide the other way round.",
            lambda leak, tokens, beta, steps: float(tokens * (LN2 / (steps * leak)) ** (1 / beta)),
        ),
    ),
)


# How sudden it looks


def _rise(beta: float) -> float:
    return float((LN10 / np.log(10 / 9)) ** (1 / beta))


RISE = Exercise(
    key="how-sudden-it-looks",
    function="rise",
    title="How sudden it looks",
    objective="tell a metric that comes late from one that comes suddenly",
    draw=lambda generator: {"beta": float(generator.uniform(0.4, 2.5))},
    answer=_rise,
    stars=2,
    minutes=15,
    mistakes=(
        Mistake(
            "ratio",
            "By which factor must the leak fall, for the probability to rise from .1 to .9?",
            "You compared the probabilities; the leak goes with their logarithms.",
            lambda beta: float(9 ** (1 / beta)),
        ),
        Mistake(
            "power",
            "Does a steeper law make the rise longer, or shorter?",
            "You took the power beta; the tokens grow as the root.",
            lambda beta: float((LN10 / np.log(10 / 9)) ** beta),
        ),
        Mistake(
            "upside-down",
            "Can the factor be below one?",
            "That is the factor the other way round: the tokens have to grow.",
            lambda beta: 1 / _rise(beta),
        ),
        Mistake(
            "logarithm",
            "Is that the factor, or its logarithm?",
            "That is the logarithm of the factor.",
            lambda beta: float(np.log(_rise(beta))),
        ),
        Mistake(
            "from-a-half",
            "From which probability to which?",
            "You went from a half to .9; the rise begins at .1.",
            lambda beta: float((LN2 / np.log(10 / 9)) ** (1 / beta)),
        ),
    ),
)

EXERCISES = (MIXTURE, BY_CHANCE, WALK, UNDO, HALF, RISE)
