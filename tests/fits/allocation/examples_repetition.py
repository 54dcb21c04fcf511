"""A valid call for each public name of fits.allocation.repetition."""

import numpy as np

from scaling_lib.fits.allocation import corrections, repetition
from tests.records import fields_of

D, EPOCHS = np.repeat([1e5, 2e5], 5), np.tile([1.0, 2.0, 4.0, 8.0, 16.0], 2)
RUNS = {"D": D, "epochs": EPOCHS, "excess_loss": 0.01 + 3e4 / corrections.effective_amount(D * EPOCHS, D, 5.0)}
FITTED = repetition.fit_repetition(RUNS, "discount")

EXAMPLES = [
    (repetition.fit_repetition, {"runs": RUNS, "law": "discount"}),
    (repetition.compare_repetition, {"runs": RUNS, "laws": ("fresh", "discount")}),
    (repetition.RepetitionFit, fields_of(FITTED)),
    (FITTED.excess_loss, {"unique_tokens": D, "epochs": EPOCHS}),
]
