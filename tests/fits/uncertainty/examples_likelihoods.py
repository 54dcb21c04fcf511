"""A valid call for each public name of fits.uncertainty.likelihoods."""

import numpy as np

from scaling_lib.fits.laws import PowerLaw
from scaling_lib.fits.seeds import SeedMean
from scaling_lib.fits.seeds.scatter import LackOfFit
from scaling_lib.fits.uncertainty import likelihoods

GENERATOR = np.random.default_rng(0)
POINTS = [
    SeedMean({"D": size, "counted": 1 / size}, -0.7 * np.log(size) + 0.1 * GENERATOR.standard_normal(6))
    for size in np.geomspace(1e5, 1e6, 5)
]
SCORE = likelihoods.LawScore("power", {"B": 1.0, "beta": 0.7}, 2, 10.0, 3.0, 0.5, LackOfFit(1.0, 3, 20, 0.4))

EXAMPLES = [
    (
        likelihoods.compare_likelihoods,
        {
            "points": POINTS,
            "variable": "D",
            "generator": np.random.default_rng(0),
            "laws": {"power": PowerLaw(offset=0.0)},
            "baseline": "counted",
            "held_out": 1,
            "draws": 20,
            "level": 0.05,
        },
    ),
    (
        likelihoods.LawScore,
        {
            "law": "power",
            "parameters": {"B": 1.0},
            "free": 2,
            "log_likelihood": 10.0,
            "held_out": 3.0,
            "held_out_error": 0.5,
            "fit": SCORE.fit,
        },
    ),
    (
        likelihoods.LawComparison,
        {"scores": (SCORE,), "beaten": frozenset(), "held_out": (1e6,), "level": 0.05},
    ),
]
