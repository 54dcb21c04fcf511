"""A valid call for each public name of fits.uncertainty.comparisons."""

import numpy as np

from scaling_lib.fits.uncertainty import comparisons

EXAMPLES = [
    (comparisons.compared, {"size": 0.18, "reference": 0.05, "margin": 0.01}),
    (comparisons.typically_within, {"residuals": np.array([0.1, -0.2]), "tolerance": 0.05, "margin": 0.01}),
]
