"""A valid call for each public name of data.tails."""

import numpy as np

from scaling_lib.data import tails

COMPARISON = tails.TailComparison("poisson", 10.0, 1.0, 2.0, 0.04, "power_law")
VALUES = np.array([1, 1, 1, 2, 2, 3, 5, 9])
COUNTS = np.array([5, 4, 3, 3, 2, 1, 1, 1])

EXAMPLES = [
    (
        tails.TailFit,
        {"family": "power_law", "parameters": (2.0,), "log_likelihood": -1.0, "log_probabilities": -np.ones(3)},
    ),
    (
        tails.TailComparison,
        {
            "alternative": "poisson",
            "observations": 10.0,
            "log_likelihood_ratio": 1.0,
            "statistic": 2.0,
            "p_value": 0.04,
            "favoured": "power_law",
        },
    ),
    (
        tails.fit_tail,
        {"values": VALUES, "family": "lognormal", "minimum": 1, "maximum": 20, "counts": COUNTS},
    ),
    (tails.compare_tails, {"values": VALUES, "minimum": 1, "maximum": 20, "counts": COUNTS, "level": 0.05}),
    (tails.best_minimum, {"values": VALUES, "maximum": 20, "counts": COUNTS, "share": 0.5}),
    (
        tails.PowerLawVerdict,
        {"verdict": "undecided", "exponent": 2.0, "minimum": 1, "comparisons": (COMPARISON,)},
    ),
    (tails.PowerLawVerdict("undecided", 2.0, 1, (COMPARISON,)).ratio, {"alternative": "poisson"}),
    (tails.judge_power_law, {"values": VALUES, "maximum": 20, "counts": COUNTS, "share": 0.5, "level": 0.05}),
    (
        tails.draw_ranks,
        {"law": np.array([0.5, 0.3, 0.2]), "draws": 10, "generator": np.random.default_rng(0)},
    ),
]
