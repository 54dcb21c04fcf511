"""A valid call for each public name of the fits' laws, fitting, tables, resampling, intervals, coverage, windows."""

import numpy as np
import pandas as pd

from scaling_lib.fits import estimates, fitting, laws, tables
from scaling_lib.fits.points import synthetic
from scaling_lib.fits.uncertainty import coverage, intervals, resampling, straightness, windows
from tests import scratch
from tests.records import fields_of


def generator():
    return np.random.default_rng(0)


D = np.geomspace(1e4, 1e7, 8)
TABLE = {"D": D, "loss": 2 + 60 * D**-0.4 * (1 + 0.02 * np.sin(np.arange(8)))}
FRAME = pd.DataFrame(TABLE)
LAW = laws.PowerLaw(variable="D")
FIT = fitting.fit(LAW, TABLE, objective="log-ols")
DRAWS = np.linspace(0.3, 0.5, 41)
RUNS = synthetic.synthetic_runs(LAW, FIT.params, {"D": D}, generator(), seeds=2, learning_rates=(1e-3,))
RESAMPLES = resampling.bootstrap(FIT, generator(), resamples=20)
FILE = scratch.folder() / "runs.csv"
synthetic.synthetic_chinchilla(generator(), 8).to_csv(FILE, index=False)
DESIGN = coverage.DESIGNS[0]

BESIROGLU = laws.published_law("besiroglu")

ONE = {"offset": None, "pinned": (), "variable": "D"}

LAWS_AND_VALUES = [
    (LAW, FIT.params),
    (laws.Exponential(), {"E": 2.0, "B": 1.0, "rate": 1e-6}),
    (laws.StretchedExponential(), {"E": 2.0, "B": 1.0, "rate": 1e-6, "stretch": 0.5}),
    (laws.ShiftedPower(), {"E": 2.0, "B": 60.0, "beta": 0.4, "D0": 1e4}),
    (laws.BrokenPower(), {"E": 2.0, "B": 60.0, "beta": 0.4, "beta_late": 0.8, "D_break": 1e5}),
    (laws.Chinchilla(), BESIROGLU.parameters),
    (laws.Kaplan(), {"E": 0.0, "Nc": 1e13, "Dc": 1e13, "alpha": 0.08, "beta": 0.1}),
]

EXAMPLES = [
    (laws.published_law, {"name": "besiroglu"}),
    (laws.PowerLaw, ONE),
    (laws.Exponential, ONE),
    (laws.StretchedExponential, ONE),
    (laws.ShiftedPower, ONE),
    (laws.BrokenPower, {**ONE, "smoothness": 0.5}),
    (laws.Chinchilla, {"offset": None, "pinned": (), "tied_exponents": False}),
    (laws.Kaplan, {"offset": 0.0, "pinned": ()}),
    (laws.Chinchilla().pin, {"E": 1.69, "alpha": 0.34}),
    (laws.published_law, {"name": "besiroglu"}),
    (laws.PublishedLaw, fields_of(BESIROGLU)),
    *((law.loss, {"parameters": values, **dict.fromkeys(law.variables, D)}) for law, values in LAWS_AND_VALUES),
    *((law.pin, {law.parameters[1]: 2.0}) for law, _ in LAWS_AND_VALUES),
    (tables.parse_columns, {"text": "N=params,D=tokens"}),
    (tables.parse_units, {"text": "N=millions,D=1e9"}),
    (
        tables.read_content,
        {"content": b"n,D,loss\n10,20,3.5\n20,40,3.1\n", "columns": {"N": "n"}, "units": {"D": 1.0}, "source": "pipe"},
    ),
    (
        tables.append_run,
        {"path": scratch.folder() / "own.csv", "N": 1e6, "D": 2e7, "loss": 3.25, "more": {"seed": 0}},
    ),
    (tables.read_table, {"path": FILE, "columns": {"L": "loss"}, "units": {"D": 1.0}}),
    (tables.with_names, {"table": FRAME, "columns": {"N": "D"}, "units": {"loss": 1.0}, "source": "mine"}),
    (tables.table_columns, {"law": LAW, "table": TABLE}),
    (tables.repeated_points, {"table": TABLE, "variables": ("D",)}),
    (tables.one_row_a_point, {"table": FRAME, "variables": ("D",), "keep": "mean"}),
    (tables.Doubt, {"sentence": "D may be counted in thousands.", "columns": ("D",), "grave": True}),
    (tables.doubts, {"table": TABLE, "derived": ("C",), "declared": ("D",)}),
    (tables.suspicions, {"table": TABLE}),
    (synthetic.synthetic_chinchilla, {"generator": generator(), "points": 10}),
    (
        synthetic.synthetic_runs,
        {
            "law": LAW,
            "parameters": FIT.params,
            "design": {"D": D},
            "generator": generator(),
            "seeds": 2,
            "learning_rates": (1e-3, 2e-3),
            "best_learning_rate": 1e-3,
            "curvature": 0.01,
            "noise": 0.01,
        },
    ),
    (
        fitting.Fit,
        {
            "problem": FIT.problem,
            "theta": FIT.theta,
            "params": FIT.params,
            "objective": FIT.objective,
            "converged": True,
            "others": {},
            "derived": ("D",),
            "declared": (),
        },
    ),
    (
        estimates.Estimate,
        {
            "problem": FIT.problem,
            "theta": FIT.theta,
            "params": FIT.params,
            "objective": FIT.objective,
            "converged": True,
            "others": {},
            "derived": ("D",),
            "declared": (),
        },
    ),
    (FIT.predict, {"level": 0.9, "D": D}),
    (
        fitting.fit,
        {"law": LAW, "table": TABLE, "objective": "log-huber", "delta": 1e-3, "weights": np.ones(8)},
    ),
    (
        fitting.fit_paper_procedure,
        {
            "law": laws.PowerLaw(variable="D", offset=2.0),
            "table": TABLE,
            "generator": generator(),
            "objective": "huber",
            "delta": 0.1,
            "starts": 1,
        },
    ),
    (straightness.local_slopes, {"x": D, "y": TABLE["loss"], "window": 3, "level": 0.9}),
    (
        resampling.Resamples,
        {
            "fit": FIT,
            "kind": "pairs",
            "parameters": RESAMPLES.parameters,
            "draws": RESAMPLES.draws,
            "objectives": RESAMPLES.objectives,
            "failed": 0,
        },
    ),
    (
        resampling.bootstrap,
        {"fit": FIT, "generator": generator(), "resamples": 5, "kind": "wild", "progress": False},
    ),
    (resampling.jackknife, {"fit": FIT}),
    (
        resampling.runs_bootstrap,
        {
            "law": LAW,
            "runs": RUNS,
            "generator": generator(),
            "resamples": 5,
            "seeds": 1,
            "objective": "log-huber",
            "delta": 1e-3,
        },
    ),
    (
        resampling.seed_bias,
        {
            "law": LAW,
            "parameters": FIT.params,
            "design": {"D": D},
            "generator": generator(),
            "seeds": (1, 2),
            "datasets": 3,
            "noise": 0.01,
            "learning_rates": (1e-3,),
            "curvature": 0.0,
            "objective": "log-huber",
            "delta": 1e-3,
        },
    ),
    (
        intervals.Interval,
        {"low": 0.1, "high": 0.2, "level": 0.95, "method": "wald", "open_low": False, "open_high": True},
    ),
    (
        intervals.Bias,
        {"estimate": 0.1, "bias": 0.2, "standard_error": 0.1, "corrected": -0.1, "worth_correcting": True},
    ),
    (intervals.bias, {"estimate": 0.4, "draws": DRAWS}),
    (intervals.percentile, {"draws": DRAWS, "level": 0.9}),
    (intervals.basic, {"estimate": 0.4, "draws": DRAWS, "level": 0.9}),
    (intervals.bca, {"estimate": 0.4, "draws": DRAWS, "jackknife": DRAWS[:9], "level": 0.9}),
    (intervals.stretched, {"estimate": 0.4, "draws": DRAWS, "degrees_of_freedom": 5, "level": 0.9}),
    (intervals.student_mean, {"values": DRAWS}),
    (intervals.wald, {"fit": FIT, "parameter": "beta", "level": 0.9}),
    (intervals.profile, {"fit": FIT, "parameter": "beta", "level": 0.9}),
    (intervals.profile_or_undetermined, {"fit": FIT, "parameter": "beta", "level": 0.9}),
    (
        coverage.CoverageDesign,
        {
            "name": "mine",
            "points": 8,
            "decades": 2.0,
            "exponent": 0.3,
            "sigma": 0.01,
            "noise": "gaussian",
            "second": None,
        },
    ),
    (DESIGN.draw, {"generator": generator(), "datasets": 2}),
    (coverage.wilson, {"successes": 3, "trials": 9, "level": 0.9}),
    (
        coverage.coverage,
        {
            "design": DESIGN,
            "generator": generator(),
            "datasets": 2,
            "methods": ("wald",),
            "resamples": 20,
            "kind": "wild",
            "objective": "ols",
            "level": 0.9,
            "progress": False,
        },
    ),
    (
        windows.window_sensitivity,
        {"law": LAW, "table": TABLE, "by": "D", "smallest": 8, "objective": "log-huber", "delta": 1e-3},
    ),
    (
        windows.fit_each,
        {
            "law": LAW,
            "table": {**TABLE, "N": np.repeat([1e6, 2e6], 4)},
            "by": "N",
            "within": 0.01,
            "smallest": 4,
            "objective": "huber",
            "delta": 0.1,
        },
    ),
    (
        windows.compare_laws,
        {
            "laws": [laws.PowerLaw()],
            "table": TABLE,
            "held_out": 2,
            "by": "D",
            "objective": "log-huber",
            "delta": 1e-3,
        },
    ),
]
