"""Exercises of chapter 2: transformers, SP and muP."""

import numpy as np

from scaling_lib.coursework.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


def _parameters(V: int, n: int, L: int) -> int:
    """Two norm gains and twelve n x n matrices a layer, a last norm, an embedding that is also the readout."""
    return L * (12 * n * n + 2 * n) + n + V * n


def _draw(generator: np.random.Generator) -> dict[str, int]:
    return {
        "V": int(generator.integers(150, 9000)),
        "n": int(generator.choice([32, 48, 64, 96, 128, 192])),
        "L": int(generator.integers(2, 6)),
    }


EXERCISES = (
    Exercise(
        key="where-the-parameters-are",
        function="parameters",
        title="Where the parameters are",
        objective="count the parameters of a transformer, and say which of them grow with the vocabulary",
        draw=_draw,
        answer=_parameters,
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
    ),
)
