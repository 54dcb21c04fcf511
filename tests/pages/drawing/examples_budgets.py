"""A valid call for each public name of pages.drawing.budgets."""

import numpy as np
import pandas as pd

from scaling_lib.fits.allocation import literature
from scaling_lib.fits.laws import published_law
from scaling_lib.pages.drawing import budgets, live

FITS = pd.DataFrame(
    {"E": [1.7, 1.72], "A": [2000.0, 1900.0], "B": [26.0, 27.0], "alpha": [0.465, 0.46], "beta": [0.155, 0.157]}
)
TRUTH = FITS.iloc[0].to_dict()
RATIOS = live.plot_axes({18: "1e18", 23: "1e23"}, {-1: "0.1", 1: "10"}, "budget (FLOPs)", "planned ÷ best N")

PLANNED = literature.published("besiroglu").predict([1e20, 1e22])

EXAMPLES = [
    (
        budgets.budget_marks,
        {
            "axes": live.plot_axes({7: "1e7", 11: "1e11"}, {1.8: "1.8", 3.4: "3.4"}, "parameters N", "loss (nats)"),
            "parameters": published_law("besiroglu").parameters,
            "planned": PLANNED.assign(N_low=PLANNED["N"] / 2, N_high=PLANNED["N"] * 2),
            "sizes": np.geomspace(1e7, 1e11, 41),
            "losses": np.array([1.8, 3.4]),
        },
    ),
    (budgets.plan_errors, {"fits": FITS, "truth": TRUTH, "flops": 1e23}),
    (budgets.plan_error_sentences, {"fits": FITS, "truth": TRUTH, "flops": 1e23}),
    (
        budgets.plan_error_panel,
        {
            "axes": RATIOS,
            "fits": FITS,
            "truth": TRUTH,
            "budgets": np.array([1e18, 1e20]),
            "kept": np.array([[True, True], [False, True]]),
            "flops": 1e23,
        },
    ),
]
