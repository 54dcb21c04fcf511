"""No valid call of runs.sweeping.cluster without Ray (extra `cluster`); with it, one that starts nothing yet."""

import importlib.util

from scaling_lib.runs.sweeping import calibration, cluster, widening
from tests.pages.planted import surface_runs
from tests.runs.sweeping.test_sweeps import RUNS

_TABLE = surface_runs("er-1k-small").assign(batch=20, epochs=1)

EXAMPLES = [
    (calibration.Calibration, {"per_token": 1e-6, "per_parameter": 1e-10, "device": "cpu"}),
    (calibration.Calibration(1e-6, 1e-10).seconds, {"configurations": RUNS}),
    (calibration.calibrate, {"device": "cpu", "steps": 2, "configurations": RUNS}),
    (widening.at_the_edge, {"runs": _TABLE}),
    (widening.widened, {"configurations": RUNS, "runs": _TABLE}),
    (widening.widened_so_far, {"configurations": RUNS, "runs": _TABLE}),
]
if importlib.util.find_spec("ray") is not None:
    arguments = {"address": None, "device": "cpu", "seconds": 1.0, "gpus": 0.5, "retries": 1}
    EXAMPLES.append((cluster.ray_engine, arguments))
