"""A valid call for each public name of runs.experiments and runs.sweeps."""


from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.records import Evaluation
from scaling_lib.runs.sweeping import experiments, sweeps
from tests import scratch
from tests.runs.tiny import TINY

GRID = {"widths": (8,), "tokens": (1000,), "learning_rates": (1.0,), "seeds": 1, "batches": (4,), "epochs": (1,)}
RECIPE = {"nodes": 12, "edges": 30}
CONFIGURATIONS = TINY.configurations("smoke")[:1]
FOLDER = scratch.folder()
STORE = Store(FOLDER / "runs.db")

EXAMPLES = [
    (experiments.Grid, GRID),
    (
        experiments.Experiment,
        {
            "name": "tiny",
            "question": "?",
            "ensemble": "erdos_renyi",
            "parameters": RECIPE,
            "grids": {"smoke": experiments.Grid(**GRID)},
            "graph_seed": 0,
            "parametrization": TINY.parametrization,
            "depth": 2,
            "context": 10,
            "evaluation": Evaluation(walks=4),
        },
    ),
    (TINY.configurations, {"profile": "smoke"}),
    (TINY.work, {"profile": "smoke"}),
    (experiments.source_of, {"ensemble": "erdos_renyi", "parameters": RECIPE, "seed": 0}),
    (experiments.chain_of, {"source": CONFIGURATIONS[0].source}),
    (experiments.experiment, {"name": "er-100"}),
    (sweeps.SweepReport, {"trained": ("a",), "already": 0, "missing": 0, "diverged": 0, "seconds": 1.0}),
    (sweeps.ensembles_of, {"configurations": CONFIGURATIONS}),
    (sweeps.shard_of, {"configurations": CONFIGURATIONS, "index": 1, "count": 2}),
    (sweeps.expected_seconds, {"configurations": CONFIGURATIONS, "device": "cpu", "steps": 2}),
    (
        sweeps.sweep,
        {
            "configurations": CONFIGURATIONS,
            "store": STORE,
            "device": "cpu",
            "workers": 1,
            "time_budget": 60.0,
            "rules": "",
            "progress": False,
        },
    ),
]
