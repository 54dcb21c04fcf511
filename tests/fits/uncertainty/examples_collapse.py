"""A valid call for each public name of fits.uncertainty.collapse."""

import numpy as np
import pandas as pd

from scaling_lib.fits.uncertainty import collapse

GENERATOR = np.random.default_rng(0)
CURVES = pd.concat(
    [
        pd.DataFrame(
            {
                "size": size,
                "seed": seed,
                "x": np.geomspace(10, 1000, 6),
                "y": np.geomspace(10, 1000, 6) ** -0.5 * np.exp(0.1 * GENERATOR.standard_normal()),
            }
        )
        for size in (50, 100)
        for seed in range(4)
    ],
    ignore_index=True,
)
RESULT = collapse.collapse(CURVES, np.random.default_rng(0), resamples=20)

EXAMPLES = [
    (
        collapse.collapse,
        {
            "curves": CURVES,
            "generator": np.random.default_rng(0),
            "points": 10,
            "spacing": "log",
            "resamples": 20,
            "level": 0.95,
            "smallest": 12.0,
        },
    ),
    (collapse.rescaled, {"curves": CURVES, "x_power": -1.0, "y_power": 0.5}),
    (collapse.by_own_end, {"curves": CURVES, "floor": 0.001}),
    (
        collapse.Collapse,
        {
            "x": np.array([1.0, 2.0]),
            "spread_at": np.array([0.1, 0.1]),
            "noise_at": np.array([0.2, 0.2]),
            "spread": 0.1,
            "low": 0.0,
            "high": 0.2,
            "noise": 0.2,
            "p": 0.4,
        },
    ),
    (RESULT.verdict, {"tolerance": 0.1, "level": 0.05}),
]
