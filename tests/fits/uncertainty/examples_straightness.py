"""A valid call for each public name of fits.uncertainty.straightness."""

import numpy as np

from scaling_lib.fits.uncertainty import straightness

X = np.repeat([1.0, 2.0, 4.0], 2)

STRAIGHT = straightness.straightness(X, 1 / X * np.array([1.0, 1.1, 1.0, 0.9, 1.05, 1.0]))

EXAMPLES = [
    (STRAIGHT.verdict, {"level": 0.05}),
    (straightness.straightness, {"x": X, "y": 1 / X * np.array([1.0, 1.1, 1.0, 0.9, 1.05, 1.0])}),
    (straightness.Straightness, {"statistic": 1.0, "freedom": 1, "error_freedom": 3, "p": 0.4, "exponent": 1.0}),
]
