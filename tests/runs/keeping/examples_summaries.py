"""A valid call for each public name of runs.keeping.summaries."""

import pandas as pd

from scaling_lib.runs.keeping import summaries
from tests.runs.keeping.planted_grids import over_rates, over_steps

RUNS = over_rates()
LOSSES = pd.DataFrame({1: [1.0, 0.4], 4: [0.9, 0.1]}, index=[8, 16])
FLOORS = pd.DataFrame({"width": [8, 16], "floor": [0.8, 0.01]})

EXAMPLES = [
    (summaries.side, {"value": 0.7, "threshold": 0.6}),
    (summaries.mean_losses, {"runs": RUNS}),
    (summaries.best_rates, {"runs": RUNS}),
    (summaries.near_best_rate, {"runs": RUNS, "steps": 1}),
    (summaries.points_at_grid_ends, {"runs": RUNS, "by": ("width",)}),
    (summaries.rate_shift, {"runs": RUNS}),
    (summaries.transfers, {"runs": RUNS, "factor": 2.0}),
    (summaries.worse_when_wider, {"runs": RUNS}),
    (summaries.steps_or_data, {"runs": over_steps(0.5), "knob": "batch"}),
    (summaries.capacity_or_data, {"losses": LOSSES, "floors": FLOORS}),
    (summaries.Drop, {"floor_width": 8, "trained_width": None, "verdict": "not seen"}),
    (summaries.first_width_below, {"curve": LOSSES[4], "level": 0.5}),
    (summaries.compare_drops, {"floor": LOSSES[4], "losses": LOSSES[1], "level": 0.5, "factor": 1.2}),
]
