"""A valid call for each public name of pages.drawing.budgets."""

import numpy as np

from scaling_lib.fits.allocation import literature
from scaling_lib.fits.laws import published_law
from scaling_lib.pages.drawing import budgets, live

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
]
