"""The small computed tables of chapter 2, made again: the coordinate check and the capacity floors.

    python -m tools.record_chapter2 [capacity-floors] [coordinate-check]

The check takes two minutes on one core, the floors most of an hour. The run tables of the chapter are made by
`scaling-lab sweep NAME --profile full`.
"""

import sys

import numpy as np
import pandas as pd

from scaling_lib.data import chains
from scaling_lib.environment import single_thread
from scaling_lib.models.capacity import capacity_floors
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.keeping.tables import record_result
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.runs.training.coordinates import activation_sizes
from tools.chapters import ROOT

HOW = "python -m tools.record_chapter2"
FOLDER = ROOT / "scaling_lib" / "recorded"
# At width 32 a matrix moves as much under muP at 32 x rate as under SP at the rate; 0.5 is nearer to the best rate.
CHECKS = {
    "SP, λ = 0.01": (Parametrization("sp"), 0.01),
    "muP, λ = 0.32": (Parametrization("mup"), 0.32),
    "muP, λ = 0.5": (Parametrization("mup"), 0.5),
    "muP, base 32": (Parametrization("mup-base", base_width=32), 2**-6),
}
DEGREES = (5, 10, 20)
WIDTHS = (2, 4, 8, 10, 12, 16, 20, 24, 32, 48)
# Of the search for the floors; the column converged says where they suffice.
STARTS, ITERATIONS = 10, 6000


def coordinate_check() -> pd.DataFrame:
    """Sizes of activations over widths 32..512, four seeds, ten steps; constant learning rate."""
    chain = experiment("er-200").chain()
    return pd.concat(
        activation_sizes(chain, rule, learning_rate=rate).assign(parametrization=name, learning_rate=rate)
        for name, (rule, rate) in CHECKS.items()
    )


def floors() -> pd.DataFrame:
    """Capacity floors of ER graphs of 200 nodes, by mean degree (of the graph asked for) and width."""
    tables = []
    for degree in DEGREES:
        edges = 100 * degree
        chain = chains.erdos_renyi(200, edges=edges, generator=np.random.default_rng(0), giant_component=True)
        effort = {"starts": STARTS, "iterations": ITERATIONS}
        table = capacity_floors(chain, WIDTHS, generator=np.random.default_rng(0), progress=True, **effort)
        tables.append(table.assign(mean_degree=degree, nodes=chain.nodes, entropy_rate=chain.entropy_rate))
    return pd.concat(tables)


TABLES = {"capacity-floors": floors, "coordinate-check": coordinate_check}

if __name__ == "__main__":
    single_thread()
    for name in sys.argv[1:] or TABLES:
        record_result(TABLES[name](), name, HOW, FOLDER)
