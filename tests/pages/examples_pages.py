"""A valid call for each public name of pages."""

from datetime import date

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

from scaling_lib.pages.drawing import figures, plots, prose
from scaling_lib.pages.judging import (
    captions,
    changes,
    claims,
    forecasts,
    ledger,
    measured,
    quantities,
    replicates,
)
from scaling_lib.pages.judging.language import findings as ladder_findings
from scaling_lib.pages.judging.language import points as ladder
from scaling_lib.pages.judging.twins import blocks, emergence, least, neighbours, points, registered
from scaling_lib.pages.judging.words import architecture, findings
from scaling_lib.runs.keeping.tables import load_recorded
from tests import scratch
from tests.pages.planted import CLAIM, ladder_runs, power_law_runs, surface_runs, twin_runs
from tests.pages.planted_barest import planted_runs as barest_runs
from tests.pages.planted_emergence import planted_runs as phase_runs
from tests.records import fields_of

mpl.use("agg")

RUNS = power_law_runs(1.0)
SURFACE = surface_runs("er-1k-small", alpha=0.9, beta=1.0)
WIDE = surface_runs("er-1k-wide")
FORECAST = {"experiment": "er-8k-small", "width": 96, "tokens": 250_000, "value": 3.0, "half": 0.7, "nearest": 64}
SCORED = {"loss": 1.0, "low": 0.9, "high": 1.1, "unchanged": 2.0, "inside": True, "unchanged_inside": False}
MEASURED = measured.Measured(0.75, 0.7, 0.8)
ROW = claims.Row(CLAIM, MEASURED, "differs", False)
WORDS = findings.Words("it is", "it is not", "it is")
LADDER = ladder_runs("language-t1l", floor=1.9, known=True).assign(optimizer_steps=1600)
ROWS = claims.evaluate({}.get, only=["language.entropy_t1l"])
TABLE = pd.DataFrame({"D": [1.0]})
FIGURE, AXES = plt.subplots()
AXES.plot([1, 2], [1, 2])
ALT = "Line plot of loss against tokens, falling from two nats to one."
PARTS = {"name": "fig-x", "caption": "Loss.", "alt": ALT, "table": TABLE, "runs": ["a"]}

EXAMPLES = [
    (ledger.Claim, fields_of(CLAIM)),
    (measured.Measured, {"value": 0.75, "low": 0.7, "high": 0.8, "runs": ("a",), "rules": ("b",), "freedom": 4.0}),
    (measured.Undecided, {"reason": "the seeds disagree", "runs": ("a",), "rules": ("b",)}),
    (changes.Change, {"date": date(2026, 11, 27), "row": "a", "now": "mended", "said": "b", "why": "c"}),
    (forecasts.Forecast, FORECAST),
    (forecasts.Scored, SCORED),
    (forecasts.scored, {"name": "er-1k-wide", "tables": {"er-1k-wide": WIDE}.get}),
    (forecasts.skill, {"name": "er-1k-wide", "tables": {"er-1k-wide": WIDE}.get}),
    (replicates.points_of, {"runs": SURFACE}),
    (replicates.surface_lack_of_fit, {"runs": SURFACE}),
    (replicates.curves_rejected, {"runs": SURFACE, "variable": "D", "by": "N"}),
    (ladder.ladder_points, {"runs": LADDER, "column": "excess_loss"}),
    (ladder.ladder_exponents, {"tables": {"language-t1l": LADDER}.get}),
    (ladder_findings.ladder_finding, {"question": "entropy", "rows": ROWS}),
    (findings.Words, {"yes": "it is", "no": "it is not", "whether": "it is", "numbers": True}),
    (findings.finding, {"asked": "Is it?", "rules": {ROW.claim.id: WORDS}, "rows": [ROW]}),
    (findings.verdicts_in_words, {"rows": ROWS}),
    (architecture.blocks_finding, {"compared": "level", "rows": ROWS}),
    (architecture.block_points, {"runs": load_recorded("blocks-flops")}),
    (blocks.router_points, {"runs": load_recorded("blocks-router")}),
    (architecture.phase_points, {"runs": phase_runs(), "column": "walk_16"}),
    (emergence.written, {"runs": phase_runs(), "name": "walk_16"}),
    (points.twin_points, {"runs": twin_runs("twins-beta")}),
    (points.slopes_in_nodes, {"runs": twin_runs("twins-size")}),
    (points.divided_curves, {"runs": load_recorded("twins-collapse-pilot")}),
    (least.barest_points, {"runs": barest_runs("barest")}),
    (least.barest_answers, {"tables": {"barest": barest_runs("barest")}.get}),
    (
        least.answers_in_words,
        {"answers": pd.DataFrame({"graph": ["ring"], "variable": ["D"], "answer": ["yes"]})},
    ),
    (least.branch_costs, {"cosine": barest_runs("twins-beta"), "branches": barest_runs("cost-branches")}),
    (least.flops_saved, {"branches": barest_runs("cost-branches")}),
    (points.leaks_in_tau, {"runs": load_recorded("twins-third-pilot")}),
    (registered.pilot_rates, {"pilot": load_recorded("twins-pilot")}),
    (registered.exponent_forecasts, {"tables": {}.get}),
    (neighbours.pilot_gamma, {"pilot": load_recorded("twins-collapse-pilot")}),
    (registered.corner_forecast, {"tables": {"twins-beta": twin_runs("twins-beta")}.get}),
    (ledger.freeze, {"today": "2026-11-27"}),
    (claims.Row, {"claim": CLAIM, "measured": MEASURED, "verdict": "differs", "exploratory": False}),
    (claims.judge, {"claim": CLAIM, "measured": MEASURED}),
    (claims.power, {"claim": CLAIM, "measured": MEASURED}),
    (claims.chance_of_reproduced, {"claim": CLAIM, "measured": MEASURED}),
    (claims.why_undetermined, {"claim": CLAIM, "measured": MEASURED}),
    (claims.evaluate, {"tables": {"er-100": RUNS}.get}),
    (claims.ledger_frame, {"rows": [ROW]}),
    (claims.totals, {"rows": [ROW]}),
    (claims.expected_false_differences, {"rows": [ROW]}),
    (figures.Withheld, {"origin": "a figure", "sha256": "0"}),
    (figures.show, {"figure": FIGURE} | PARTS),
    (figures.details_html, {"name": "fig-x", "table": TABLE, "runs": ["a"]}),
    (figures.logarithmic, {"axes": AXES, "which": "both"}),
    (figures.table_html, {"table": TABLE, "digits": 3}),
    (figures.csv_link, {"name": "table", "table": TABLE}),
    (figures.png, {"figure": FIGURE}),
    (prose.texts, {"source": ROW}),
    (
        plots.law_panels,
        {"points": least.barest_points(barest_runs("barest")), "titles": {"ring": "ring"}, "floors": {"ring": 0.01}},
    ),
    (plots.plot_claims, {"rows": [ROW]}),
    (prose.plain, {"value": 0.749}),
    (prose.say, {"sentence": "nothing to fill"}),
    (prose.glue, {"key": "beta", "source": ROW}),
    (plots.fit_figure, {"fitted": quantities.power_in_tokens(RUNS)}),
    (plots.plot_fit, {"fitted": quantities.power_in_tokens(RUNS), "path": scratch.folder() / "fit.png"}),
    (ledger.ledger, {}),
    (ledger.published_number, {"identifier": "chinchilla.2d.alpha"}),
    (captions.published_exponents, {}),
    (captions.caption_ratios, {"variable": "d"}),
    (quantities.paper_compute, {}),
    (quantities.power_in_tokens, {"runs": RUNS}),
    (quantities.excess_surface, {"runs": SURFACE}),
    (quantities.measured, {"parameter": "beta", "fitted": quantities.power_in_tokens(RUNS), "runs": RUNS}),
]
