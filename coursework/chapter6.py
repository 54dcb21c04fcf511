"""Exercises of chapter 6: from walks to language."""

from typing import Any

import numpy as np

from scaling_lib.coursework.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]

LN2, LN10 = float(np.log(2)), float(np.log(10))


# The entropy rate of a chain of bigrams


def _draw_counts(generator: np.random.Generator) -> dict[str, list[list[int]]]:
    tokens = generator.choice(4, size=int(generator.integers(60, 120)), p=[0.5, 0.3, 0.15, 0.05])
    tokens[:4] = range(4)
    counts = np.zeros((4, 4), int)
    np.add.at(counts, (tokens, np.roll(tokens, -1)), 1)
    return {"counts": counts.tolist()}


def _entropy(law: np.ndarray) -> float:
    inside = law[law > 0]
    return float(-(inside * np.log(inside)).sum())


def _rate(counts: list[list[int]]) -> float:
    table = np.array(counts, float)
    sums = table.sum(1)
    return float(sum(share * _entropy(row / row.sum()) for share, row in zip(sums / sums.sum(), table, strict=True)))


def _of_rows(counts: list[list[int]]) -> list[float]:
    return [_entropy(np.array(row) / sum(row)) for row in counts]


RATE = Exercise(
    key="entropy-of-a-bigram-chain",
    function="entropy_rate",
    title="The entropy rate of a chain of bigrams",
    objective="compute a floor from the counts of a text",
    draw=_draw_counts,
    answer=_rate,
    minutes=10,
    mistakes=(
        Mistake(
            "unweighted",
            "Is every row used equally often?",
            "The rows' entropies are weighted by how often their token occurs.",
            lambda counts: float(np.mean(_of_rows(counts))),
        ),
        Mistake(
            "joint",
            "What is already known when the next token is drawn?",
            "That is the entropy of a pair; the entropy of its first token is to be taken off.",
            lambda counts: _entropy(np.array(counts).ravel() / np.sum(counts)),
        ),
        Mistake(
            "unigram",
            "Does your number know which token came before?",
            "That is the entropy of single tokens; the chain knows the token before.",
            lambda counts: _entropy(np.array(counts).sum(1) / np.sum(counts)),
        ),
        Mistake(
            "bits",
            "Which logarithm gives nats?",
            "That is in bits; with the natural logarithm it is in nats.",
            lambda counts: _rate(counts) / LN2,
        ),
        Mistake(
            "sum-of-rows",
            "Is it a mean over the rows, or their sum?",
            "The rows are weighted by shares that sum to one; you added their entropies up.",
            lambda counts: float(np.sum(_of_rows(counts))),
        ),
    ),
)


# The temperature of a teacher


def _draw_products(generator: np.random.Generator) -> dict[str, Any]:
    width = int(generator.choice([9, 16, 25]))
    return {"products": (np.sqrt(width) * generator.normal(0, 1.0, 4)).tolist(), "width": width}


def _softmax(logits: np.ndarray) -> list[float]:
    powers = np.exp(logits - logits.max())
    return (powers / powers.sum()).tolist()


TEMPERATURE = Exercise(
    key="temperature-of-a-teacher",
    function="next_law",
    title="The temperature of a teacher",
    objective="sample from the law that a model was trained to have",
    draw=_draw_products,
    answer=lambda products, width: _softmax(np.array(products) / np.sqrt(width)),
    stars=2,
    minutes=10,
    mistakes=(
        Mistake(
            "no-factor",
            "Which temperature is it, if the logits are larger by the root of the width?",
            "The factor is missing: this samples at the temperature 1 over the root of the width.",
            lambda products, width: _softmax(np.array(products)),
        ),
        Mistake(
            "whole-width",
            "Is the factor the width, or its root?",
            "The factor is 1 over the root of the width; you divided by the width.",
            lambda products, width: _softmax(np.array(products) / width),
        ),
        Mistake(
            "multiplied",
            "Does the factor make the logits smaller or larger?",
            "The products are divided by the root of the width, not multiplied.",
            lambda products, width: _softmax(np.array(products) * np.sqrt(width)),
        ),
        Mistake(
            "divided-after",
            "Does your law sum to one?",
            "The factor belongs inside the exponential; you divided the probabilities.",
            lambda products, width: (np.array(_softmax(np.array(products))) / np.sqrt(width)).tolist(),
        ),
        Mistake(
            "not-normalised",
            "What do your numbers sum to?",
            "These are the exponentials; divide them by their sum.",
            lambda products, width: np.exp(np.array(products) / np.sqrt(width)).tolist(),
        ),
    ),
)


# The excess of a student


def _draw_student(generator: np.random.Generator) -> dict[str, list[list[float]]]:
    laws = generator.dirichlet(np.full(4, 2.0), 3)
    return {"laws": laws.tolist(), "predictions": generator.dirichlet(np.full(4, 2.0), 3).tolist()}


def _cross(laws: list[list[float]], predictions: list[list[float]]) -> float:
    return float(-(np.array(laws) * np.log(predictions)).sum(1).mean())


def _divergence(laws: list[list[float]], predictions: list[list[float]]) -> float:
    return _cross(laws, predictions) - _cross(laws, laws)


EXCESS = Exercise(
    key="excess-of-a-student",
    function="excess",
    title="The excess of a student",
    objective="score a student exactly where its teacher's law is known",
    draw=_draw_student,
    answer=_divergence,
    minutes=10,
    mistakes=(
        Mistake(
            "cross-entropy",
            "What is your number for a student that is the teacher?",
            "That is the loss; the teacher's entropy is to be taken off.",
            _cross,
        ),
        Mistake(
            "turned-round",
            "Whose tokens does the student see?",
            "The tokens come from the teacher, so the mean is over the teacher's law; you took the student's.",
            lambda laws, predictions: _divergence(predictions, laws),
        ),
        Mistake(
            "sum",
            "Is it a mean over the positions?",
            "You added the positions up; the loss is a mean over them.",
            lambda laws, predictions: _divergence(laws, predictions) * len(laws),
        ),
        Mistake(
            "mean-of-entries",
            "Over what is the mean taken, positions or tokens of the vocabulary?",
            "Sum over the vocabulary, and take the mean over positions.",
            lambda laws, predictions: _divergence(laws, predictions) / len(laws[0]),
        ),
        Mistake(
            "bits",
            "Which logarithm gives nats?",
            "That is in bits; with the natural logarithm it is in nats.",
            lambda laws, predictions: _divergence(laws, predictions) / LN2,
        ),
    ),
)


# Three points, a free floor


def _draw_three(generator: np.random.Generator) -> dict[str, float]:
    beta, ratio = float(generator.uniform(0.3, 0.9)), float(generator.choice([2.0, 3.0, 4.0]))
    floor, part = float(generator.uniform(1, 3)), float(generator.uniform(0.3, 1.0))
    first, second, third = (floor + part * ratio ** (-beta * power) for power in range(3))
    return {"first": first, "second": second, "third": third, "ratio": ratio}


def _free(first: float, second: float, third: float, ratio: float) -> float:
    return float(np.log((first - second) / (second - third)) / np.log(ratio))


FREE = Exercise(
    key="exponent-with-a-free-floor",
    function="free_exponent",
    title="Three points, a free floor",
    objective="see what an exponent with a free floor rests on",
    draw=_draw_three,
    answer=_free,
    stars=2,
    minutes=15,
    mistakes=(
        Mistake(
            "no-floor",
            "What floor does the slope of the logarithm of the loss assume?",
            "That is the exponent for a floor of zero; differences of losses do not know the floor.",
            lambda first, second, third, ratio: float(np.log(first / third) / (2 * np.log(ratio))),
        ),
        Mistake(
            "last-as-floor",
            "Is the last loss already the floor?",
            "You took the last loss for the floor; the law goes on falling.",
            lambda first, second, third, ratio: float(np.log((first - third) / (second - third)) / np.log(ratio)),
        ),
        Mistake(
            "sign",
            "Is the exponent positive when the loss falls?",
            "The loss falls as D^-beta, so beta is positive.",
            lambda first, second, third, ratio: -_free(first, second, third, ratio),
        ),
        Mistake(
            "whole-range",
            "How far apart are the two differences, in tokens?",
            "The two differences are one ratio apart, not two.",
            lambda first, second, third, ratio: _free(first, second, third, ratio) / 2,
        ),
        Mistake(
            "no-logarithm-of-the-ratio",
            "Did you take the logarithm of the ratio of tokens too?",
            "Both ratios stand under a logarithm.",
            lambda first, second, third, ratio: _free(first, second, third, ratio) * float(np.log(ratio)) / ratio,
        ),
    ),
)


# An exponent from two decays

FORETOLD = Exercise(
    key="exponent-from-two-decays",
    function="foretold_exponent",
    title="An exponent from two decays",
    objective="foretell an exponent from the entropies and correlations of a text",
    draw=lambda generator: {
        "entropy_drop": float(generator.uniform(1.5, 3.0)),
        "correlation_drop": float(generator.uniform(5.0, 15.0)),
    },
    answer=lambda entropy_drop, correlation_drop: float(np.log(entropy_drop) / (2 * np.log(correlation_drop))),
    stars=2,
    minutes=10,
    mistakes=(
        Mistake(
            "no-two",
            "How does what chance leaves in D counts fall with D?",
            "Chance falls as the root of D, so the horizon is D^(1 / 2 delta): a factor of two is missing.",
            lambda entropy_drop, correlation_drop: float(np.log(entropy_drop) / np.log(correlation_drop)),
        ),
        Mistake(
            "upside-down",
            "If correlations fall faster, does one see further with the same D, or less far?",
            "The ratio is upside down: correlations that fall fast bring the horizon nearer.",
            lambda entropy_drop, correlation_drop: float(np.log(correlation_drop) / (2 * np.log(entropy_drop))),
        ),
        Mistake(
            "no-logarithms",
            "Is a drop by a factor already an exponent?",
            "An exponent is the logarithm of the drop over that of the ratio of distances.",
            lambda entropy_drop, correlation_drop: entropy_drop / (2 * correlation_drop),
        ),
        Mistake(
            "product",
            "Through which variable do the two decays meet?",
            "The horizon is D^(1 / 2 delta), and the loss falls as its power -gamma: divide, do not multiply.",
            lambda entropy_drop, correlation_drop: float(
                np.log(entropy_drop) * np.log(correlation_drop) / (2 * LN10**2)
            ),
        ),
    ),
)


# The memory of a text


def _draw_text(generator: np.random.Generator) -> dict[str, Any]:
    words = ["the", "union", "of", "these", "states", "is", "sound", "and", "safe", "in", "its", "senate"]
    chosen = generator.choice(words, size=int(generator.integers(30, 50)))
    return {"text": " ".join(chosen.tolist()), "distance": int(generator.integers(2, 5))}


def _memory(first: str, second: str) -> float:
    pairs = list(zip(first, second, strict=False))
    firsts, seconds = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return _of_letters(firsts) + _of_letters(seconds) - _of_letters([a + b for a, b in pairs])


def _of_letters(letters: list[str]) -> float:
    return _entropy(np.unique(letters, return_counts=True)[1] / len(letters))


MEMORY = Exercise(
    key="memory-of-a-text",
    function="memory",
    title="The memory of a text",
    objective="measure how far a text of your own remembers",
    draw=_draw_text,
    answer=lambda text, distance: _memory(text, text[distance:]),
    stars=2,
    minutes=20,
    mistakes=(
        Mistake(
            "one-too-far",
            "How far apart are two characters with nothing between them?",
            "Neighbours are one place apart; you went one place too far.",
            lambda text, distance: _memory(text, text[distance + 1 :]),
        ),
        Mistake(
            "one-too-near",
            "Which character is so many places behind the first one?",
            "You went one place too near.",
            lambda text, distance: _memory(text, text[distance - 1 :]),
        ),
        Mistake(
            "of-the-pair",
            "What is your number if the two characters have nothing to do with each other?",
            "That is the entropy of the pair; the information is what it lacks of the sum of the two.",
            lambda text, distance: _of_letters([a + b for a, b in zip(text, text[distance:], strict=False)]),
        ),
        Mistake(
            "left-over",
            "Is that what one character tells about the other, or what it leaves open?",
            "That is the conditional entropy, what is left open; the information is what is told.",
            lambda text, distance: (
                _of_letters([a + b for a, b in zip(text, text[distance:], strict=False)])
                - _of_letters(list(text[: len(text) - distance]))
            ),
        ),
        Mistake(
            "bits",
            "Which logarithm gives nats?",
            "That is in bits; with the natural logarithm it is in nats.",
            lambda text, distance: _memory(text, text[distance:]) / LN2,
        ),
    ),
)

EXERCISES = (RATE, TEMPERATURE, EXCESS, FREE, FORETOLD, MEMORY)
