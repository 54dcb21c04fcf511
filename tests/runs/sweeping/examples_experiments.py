"""A valid call for each public name of runs.sweeping.experiments, runs.sweeping.recipes and runs.sweeping.sweeps."""

from scaling_lib.runs.keeping.kept import KeptModels
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.sweeping import experiments, recipes, sweeps
from scaling_lib.runs.training.ensembles import initial_model
from tests import scratch
from tests.data.text.sentences import documents
from tests.runs.tiny import TINY, configuration

RECIPE = {"nodes": 12, "edges": 30}
CONFIGURATIONS = TINY.configurations("smoke")[:1]
FOLDER = scratch.folder()
STORE = Store(FOLDER / "runs.db")

NOVEL = FOLDER / "novel.txt"
NOVEL.write_text("".join(documents()))

TAUGHT = configuration(2)
KEPT = KeptModels(FOLDER / "kept")
KEPT.save(TAUGHT, {name: tensor[0] for name, tensor in initial_model([TAUGHT]).flat.tensors.items()})

EXAMPLES = [
    (recipes.open_teacher, {"kept": KEPT, "identity": TAUGHT.identity, "context": 5, "sequences": 10}),
    (
        experiments.Experiment,
        {
            "name": "tiny",
            "question": "?",
            "template": TINY.template,
            "axes": TINY.axes,
            "follows": {"evaluation.seed": "seed"},
        },
    ),
    (TINY.configurations, {"profile": "smoke"}),
    (TINY.values, {"profile": "smoke", "field": "architecture.width"}),
    (experiments.experiment("language-text").on_corpus, {"source": NOVEL, "vocabulary": 60}),
    (recipes.source_of, {"ensemble": "erdos_renyi", "parameters": RECIPE, "seed": 0}),
    (recipes.tokens_from, {"ensemble": "erdos_renyi", "parameters": RECIPE, "seed": 0, "start": "stationary"}),
    (recipes.chain_of, {"source": CONFIGURATIONS[0].source}),
    (recipes.tokenizer_of, {"source": CONFIGURATIONS[0].source}),
    (recipes.open_source, {"source": CONFIGURATIONS[0].source}),
    (experiments.experiment, {"name": "er-100"}),
    (sweeps.SweepReport, {"trained": ("a",), "already": 0, "missing": 0, "diverged": 0, "seconds": 1.0}),
    (sweeps.ensembles_of, {"configurations": CONFIGURATIONS}),
    (sweeps.shard_of, {"configurations": CONFIGURATIONS, "index": 1, "count": 2}),
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
