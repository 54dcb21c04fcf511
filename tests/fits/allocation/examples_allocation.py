"""A valid call for each public name of fits.allocation."""

import numpy as np

from scaling_lib.fits import allocation
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla
from scaling_lib.fits.surfaces import kernel_ridge
from scaling_lib.runs.keeping import learning_curves
from scaling_lib.runs.keeping.tables import frame_of
from tests.fits.allocation.planted_frontiers import HOFFMANN, curves, grid, isoflops
from tests.records import fields_of
from tests.runs import planted

GENERATOR = np.random.default_rng(0)
FIT = fit(Chinchilla(), grid(HOFFMANN, 4, noise=1e-3))
SURFACE = kernel_ridge(grid(HOFFMANN, 4, noise=1e-3))
FRONTIER = allocation.parametric(FIT, GENERATOR, resamples=10)
ALLOCATION = FRONTIER.allocation

EXAMPLES = [
    (allocation.Allocation, {name: getattr(ALLOCATION, name) for name in allocation.QUANTITIES}),
    (ALLOCATION.optimal_parameters, {"flops": 1e20}),
    (ALLOCATION.optimal_tokens, {"flops": 1e20}),
    (ALLOCATION.loss, {"flops": 1e20}),
    (allocation.Frontier, fields_of(FRONTIER)),
    (FRONTIER.summary, {"level": 0.9}),
    (FRONTIER.predict, {"flops": 1e20, "level": 0.9}),
    (allocation.closed_form, {"parameters": HOFFMANN}),
    (allocation.parametric, {"fitted": FIT, "generator": GENERATOR, "resamples": 10}),
    (learning_curves.learning_curves, {"runs": frame_of([planted.record(0.1)])}),
    (
        allocation.envelope,
        {
            "curves": curves(HOFFMANN, sizes=5, points=10),
            "generator": GENERATOR,
            "schedule": "cosine",
            "budgets": 40,
            "resamples": 3,
        },
    ),
    (
        allocation.isoflop,
        {
            "table": isoflops(HOFFMANN, 2.0, points=5, budgets=3),
            "generator": GENERATOR,
            "spread": 1.2,
            "within": 3.0,
            "resamples": 3,
            "resampling": "budgets",
        },
    ),
    (allocation.isoflop_loss, {"parameters": HOFFMANN, "N": np.array([1e8, 1e9]), "flops": 1e20}),
    (
        allocation.isoflop_bias,
        {
            "parameters": HOFFMANN,
            "width": 2.0,
            "points": 5,
            "centre": 1.0,
            "drift": 1.0,
            "budgets": 3,
            "low": 1e17,
            "high": 1e21,
            "flops": 1e24,
        },
    ),
    (
        allocation.grid_minimum,
        {
            "surface": SURFACE,
            "resampled": (SURFACE, SURFACE),
            "flops": (1e18, 1e20),
            "budgets": 10,
            "grid": 10,
            "edges": "keep",
            "refine": True,
            "progress": False,
        },
    ),
    (allocation.comparison, {"frontiers": [FRONTIER], "flops": 1e20, "level": 0.9}),
]
