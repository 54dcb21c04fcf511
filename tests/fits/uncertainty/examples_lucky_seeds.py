"""A valid call for each public name of the modules on rivals, lucky seeds and early stops, and for placed."""

import numpy as np
import pandas as pd

from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla, Exponential, PowerLaw
from scaling_lib.fits.laws.published import published_law
from scaling_lib.fits.points.synthetic import synthetic_chinchilla
from scaling_lib.fits.uncertainty import early_stops, intervals, lucky_seeds, rivals

SIZES = np.geomspace(1e4, 1e6, 6)
RUNS = pd.DataFrame(
    {
        "D": np.repeat(SIZES, 6),
        "learning_rate": np.tile(np.repeat([1e-3, 2e-3], 3), 6),
        "seed": np.tile([0, 1, 2], 12),
        "excess_loss": np.repeat(SIZES**-0.5, 6) * np.exp(0.1 * np.random.default_rng(0).standard_normal(36)),
    }
)
LUCKY = lucky_seeds.lucky_exponent(RUNS, "D", resamples=50, datasets=50)

POINTS = synthetic_chinchilla(np.random.default_rng(0), 60)
OPTIMUM = fit(Chinchilla(), POINTS)
HOFFMANN = dict(published_law("hoffmann").parameters)
STOPPED = early_stops.search_from(HOFFMANN, POINTS)

D = np.geomspace(1e4, 1e7, 8)
TABLE = {"D": D, "loss": 2 + 60 * D**-0.4 * np.exp(0.01 * np.random.default_rng(0).standard_normal(8))}
ERRORS = pd.DataFrame({"power": [1.0, 2.0], "other": [1.5, 1.0]}, index=["a", "b"])

EXAMPLES = [
    (lucky_seeds.expected_luck, {"seeds": 3}),
    (lucky_seeds.bias_of_minima, {"seeds": 3, "smallest": 0.15, "largest": 0.03, "decades": 1.0}),
    (lucky_seeds.scatter_of_seeds, {"runs": RUNS, "variable": "D"}),
    (lucky_seeds.redrawn_minima, {"runs": RUNS, "variable": "D", "resamples": 20}),
    (lucky_seeds.lucky_exponent, {"runs": RUNS, "variable": "D", "resamples": 20, "datasets": 20}),
    (
        lucky_seeds.LuckyExponent,
        {
            "name": "beta",
            "seeds": 3,
            "redrawn": LUCKY.redrawn,
            "scatter": LUCKY.scatter,
            "expected": LUCKY.expected,
            "expected_error": 0.01,
        },
    ),
    (early_stops.search_from, {"start": HOFFMANN, "table": POINTS, "scale": 1.0, "ftol": 1e-9}),
    (early_stops.StoppedSearch, {"params": HOFFMANN, "objective": 1.0, "success": True}),
    (STOPPED.above, {"optimum": OPTIMUM}),
    (STOPPED.reached, {"optimum": OPTIMUM}),
    (
        rivals.contest,
        {
            "laws": {"power": PowerLaw(), "exponential": Exponential()},
            "tables": {"planted": TABLE},
            "held_out": 2,
            "by": "D",
            "objective": "log-ols",
        },
    ),
    (rivals.beaten_in, {"errors": ERRORS, "law": "power", "margin": 0.001}),
    (rivals.worst_in, {"errors": ERRORS, "law": "power", "margin": 0.001}),
    (intervals.placed, {"interval": intervals.Interval(1.0, 2.0, 0.95, "wald"), "value": 1.5, "edge": 0.01}),
]
