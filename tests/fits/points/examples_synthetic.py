"""A valid call for each planted table of fits.points.synthetic."""

import numpy as np

from scaling_lib.fits.laws import published_law
from scaling_lib.fits.points import synthetic

LAW = published_law("besiroglu").parameters
SIZES = np.array([1e8, 1e9])

EXAMPLES = [
    (synthetic.planted_runs, {"parameters": LAW, "N": SIZES, "D": 20 * SIZES}),
    (
        synthetic.planted_isoflops,
        {"parameters": LAW, "budgets": np.array([1e19, 1e20]), "middles": SIZES, "width": 2.0, "sizes": 5},
    ),
    (
        synthetic.planted_curves,
        {"parameters": LAW, "sizes": SIZES, "tokens": SIZES[:, None] * np.array([1.0, 20.0]), "lift": 0.05},
    ),
]
