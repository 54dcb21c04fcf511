"""A valid call for each public name of fits.surfaces."""

import numpy as np

from scaling_lib.fits import surfaces
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla
from tests.fits.allocation.planted_frontiers import HOFFMANN, grid
from tests.records import fields_of

RUNS = grid(HOFFMANN, 4, noise=1e-3)
FIT = fit(Chinchilla(), RUNS)
GENERATOR = np.random.default_rng(0)
SURFACE = surfaces.kernel_ridge(RUNS)
VALIDATED = surfaces.cross_validate(RUNS, GENERATOR, methods=("kernel",), splits=2)

EXAMPLES = [
    (surfaces.Surface, fields_of(SURFACE)),
    (SURFACE.loss, {"N": 1e8, "D": 1e10}),
    (surfaces.law_surface, {"fitted": FIT}),
    (
        surfaces.kernel_ridge,
        {
            "table": RUNS,
            "ridge": 1e-4,
            "delta": 1e-3,
            "amplitudes": (1.0, 1.0, 1.0),
            "lengths": (1.0, 1.0, 1.0),
            "logarithmic": True,
        },
    ),
    (
        surfaces.neural_regression,
        {
            "table": RUNS,
            "generator": GENERATOR,
            "width": 2,
            "learning_rate": 1e-3,
            "weight_decay": 1e-4,
            "epochs": 2,
            "patience": 1,
            "improvement": 1e-6,
            "delta": 1e-3,
            "reduction": "sum",
            "batch": 8,
            "scale_inputs": False,
            "scale_targets": False,
            "logarithmic": True,
            "held_out": RUNS,
            "progress": False,
        },
    ),
    (
        surfaces.cross_validate,
        {
            "table": RUNS,
            "generator": GENERATOR,
            "methods": ("kernel",),
            "splits": 2,
            "held_out": 0.2,
            "options": {"kernel": {"ridge": 1e-3}},
            "progress": False,
        },
    ),
    (surfaces.validation_summary, {"validated": VALIDATED}),
    (
        surfaces.resampled_surfaces,
        {"surface": SURFACE, "generator": GENERATOR, "resamples": 2, "progress": False},
    ),
]
