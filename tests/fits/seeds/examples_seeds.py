"""A valid call for each public name of fits.seeds and of fits.undetermined."""

import numpy as np
import pandas as pd

from scaling_lib.fits import undetermined
from scaling_lib.fits.seeds import means, mixtures, scatter, slopes

SIZES = np.geomspace(1e5, 8e5, 4)
GENERATOR = np.random.default_rng(0)
RUNS = pd.DataFrame(
    [
        (size, rate, seed, size**-0.7 * np.exp(np.log(rate / 0.5) ** 2 + 0.1 * GENERATOR.standard_normal()))
        for size in SIZES
        for rate in (0.25, 0.5, 1.0)
        for seed in range(6)
    ],
    columns=["D", "learning_rate", "seed", "excess_loss"],
)
POINTS = means.seed_means(RUNS, "D")
LOGS = POINTS[0].logs
DOUBT = undetermined.Undetermined("the chosen learning rate is the largest that was tried")
FIT = scatter.LackOfFit(1.0, 2, 20, 0.4)

EXAMPLES = [
    (undetermined.Undetermined, {"reason": "there is one seed"}),
    (undetermined.first_undetermined, {"values": [1.0, DOUBT]}),
    (means.seed_means, {"runs": RUNS, "by": "D", "rate": 0.5, "crossfit": True}),
    (means.seed_table, {"points": POINTS}),
    (means.SeedMean, {"at": {"D": 1e5}, "logs": LOGS, "rates": (0.5,) * 6, "doubt": None}),
    (mixtures.branches, {"logs": LOGS, "strong": 6.0, "apart": 3.0}),
    (
        mixtures.Branches,
        {"centres": (-3.0, -2.0), "shares": (0.5, 0.5), "deviation": 0.1, "bic_difference": 10.0},
    ),
    (
        scatter.lack_of_fit,
        {
            "replicates": [point.logs for point in POINTS],
            "fitted": np.array([point.logs.mean() for point in POINTS]),
            "parameters": 2,
            "weights": np.ones(4),
        },
    ),
    (
        scatter.lack_of_fit,
        {
            "replicates": [point.logs for point in POINTS],
            "fitted": np.array([point.logs.mean() for point in POINTS]),
            "parameters": 2,
            "variances": np.ones(4),
        },
    ),
    (scatter.LackOfFit, {"statistic": 1.0, "freedom": 2, "error_freedom": 20, "p": 0.4}),
    (FIT.rejected, {"level": 0.05}),
    (slopes.slope, {"points": POINTS, "variable": "D", "groups": (), "level": 0.95, "rejection": 0.05}),
    (
        slopes.Slope,
        {
            "estimate": -0.7,
            "standard_error": 0.02,
            "low": -0.75,
            "high": -0.65,
            "level": 0.95,
            "freedom": 8.0,
            "points": 4,
            "fit": FIT,
        },
    ),
]
