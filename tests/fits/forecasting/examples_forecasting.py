"""A valid call for each public name of fits.forecasting."""

import numpy as np

from scaling_lib.fits.forecasting import floors, futures, horizons, speedups
from scaling_lib.fits.laws import PowerLaw

D = np.geomspace(1e6, 1e9, 10)
RUNS = {"D": D, "loss": (2 + 50 * D**-0.3) * (1 + 0.002 * np.sin(np.arange(10)))}
C = np.geomspace(1e17, 1e21, 9)
WIGGLE = 1 + 0.001 * np.sin(3 * np.arange(9))
SLOW, FAST = ({"C": C, "loss": (1.8 + 900 * (s * C) ** -0.16) * WIGGLE} for s in (1.0, 1.2))

PLACES = np.arange(1.0, 9.0)

EXAMPLES = [
    (
        futures.leave_future_out,
        {
            "law": PowerLaw(),
            "table": RUNS,
            "by": "D",
            "cuts": 1,
            "smallest": 6,
            "level": 0.9,
            "objective": "log-ols",
            "progress": False,
        },
    ),
    (
        futures.summarised_futures,
        {"futures": futures.leave_future_out(PowerLaw(), RUNS, by="D", cuts=1)},
    ),
    (
        floors.worth_of_floor,
        {
            "law": PowerLaw(),
            "table": RUNS,
            "floor": 2.0,
            "wrong": 0.01,
            "by": "D",
            "cuts": 1,
            "smallest": 6,
            "level": 0.9,
        },
    ),
    (
        speedups.effective_speedup,
        {"baseline": SLOW, "other": FAST, "variable": "C", "level": 0.9, "together": 1.01},
    ),
    (
        speedups.Speedup,
        {
            "factor": 1.2,
            "low": 1.1,
            "high": 1.3,
            "level": 0.95,
            "exponent": 0.3,
            "levels": 9,
            "shared": (2.0, 3.0),
            "drift": 0.0,
            "drift_low": -0.1,
            "drift_high": 0.1,
        },
    ),
    (
        horizons.exponent_from_decays,
        {
            "contexts": PLACES,
            "entropies": 1 + PLACES**-0.5,
            "distances": PLACES,
            "correlations": PLACES**-0.9,
        },
    ),
    (
        horizons.Horizon,
        {"gamma": 0.3, "delta": 0.9, "floor": 1.2, "missed_entropy": 0.0, "missed_correlation": 0.1},
    ),
]
