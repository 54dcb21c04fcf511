"""A valid call for each public name of pages.reporting."""

import numpy as np
import pandas as pd

from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import PowerLaw
from scaling_lib.pages.reporting import frames, page, report
from tests.records import fields_of

D = np.geomspace(1e6, 1e9, 8)
RUNS = pd.DataFrame({"D": D, "loss": (2 + 50 * D**-0.3) * (1 + 0.002 * np.sin(np.arange(8)))})
LAW = PowerLaw(offset=2.0)
FITTED = fit(LAW, RUNS)
OUTCOMES = frames.interval_outcomes(FITTED)
MADE = report.report(RUNS, law=LAW, resamples=10, cuts=1)
PLAN = {
    "N": 1e9,
    "units": {"N": "parameters"},
    "interval": None,
    "extrapolation": {"N": 0.0, "C": 0.0},
    "law": "parametric",
}

EXAMPLES = [
    (frames.interval_outcomes, {"fitted": FITTED, "percentiles": None}),
    (frames.interval_as_dict, {"name": "beta", "outcome": OUTCOMES["beta"]}),
    (frames.fit_frame, {"fitted": FITTED, "outcomes": OUTCOMES}),
    (frames.plan_frame, {"payload": PLAN}),
    (report.default_law, {"table": RUNS}),
    (
        report.report,
        {
            "table": RUNS,
            "law": LAW,
            "source": "runs.csv",
            "objective": "log-ols",
            "flops": 1e20,
            "resamples": 10,
            "cuts": 1,
            "seed": 0,
            "progress": False,
        },
    ),
    (report.Report, fields_of(MADE)),
    (page.report_html, {"made": MADE}),
    (page.futures_figure, {"futures": MADE.futures}),
]
