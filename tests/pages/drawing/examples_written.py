"""A valid call for each public name of pages.drawing.written and pages.drawing.lines."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.pages.drawing import lines, written
from scaling_lib.pages.judging.claims import Row
from scaling_lib.pages.judging.measured import Measured
from tests.pages.planted import CLAIM

mpl.use("agg")

MEASURED = Measured(0.75, 0.7, 0.8)
FIGURE, AXES = plt.subplots()
TABLE = pd.DataFrame({"width": [8, 8, 16, 16], "D": [1, 2, 1, 2], "loss": [1.0, 0.5, 0.8, 0.4]})

ROW = Row(CLAIM, MEASURED, "differs", False)

EXAMPLES = [
    (written.typeset, {"words": "alpha of D^2"}),
    (written.claimed_html, {"row": ROW}),
    (written.verdict_html, {"row": ROW}),
    (written.verdicts_table, {"rows": [ROW]}),
    (written.show_verdicts, {"rows": [ROW]}),
    (written.short, {"value": 0.25, "digits": 3}),
    (written.signed, {"value": 0.25, "decimals": 2}),
    (written.interval, {"value": MEASURED, "decimals": 2}),
    (written.written_change, {"row": ROW, "decimals": 2}),
    (written.written_value, {"row": ROW, "decimals": 2}),
    (
        written.written_rules,
        {"architecture": Architecture(20, 16, context=8), "parametrization": Parametrization("mup")},
    ),
    (
        lines.lines_by,
        {"axes": AXES, "table": TABLE, "by": "width", "x": "D", "y": "loss", "label": "width {}"}
        | {"line": "--", "colours": ("blue", "green")},
    ),
    (
        lines.with_intervals,
        {"axes": AXES, "table": TABLE.assign(low=0.1, high=9.0), "x": "D", "y": "loss", "along": "y"},
    ),
]
