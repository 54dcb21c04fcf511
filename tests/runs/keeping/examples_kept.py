"""A valid call for each public name of runs.keeping.kept and runs.sweeping.measuring."""

from scaling_lib.runs.keeping.kept import KeptModels, record_models
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.records import Provenance, RunRecord
from scaling_lib.runs.sweeping import measuring
from scaling_lib.runs.training.ensembles import initial_model, train_model
from scaling_lib.runs.training.metrics import Scores
from scaling_lib.runs.training.scoring import test_sets
from tests import scratch
from tests.runs.tiny import CHAIN, configuration

FOLDER = scratch.folder()
RUN = configuration(2, context=5, walks=4)
MODEL = initial_model([RUN])
RESULT = train_model(CHAIN, MODEL, [RUN], metrics=())[0]
TENSORS = {name: tensor[0] for name, tensor in MODEL.flat.tensors.items()}
KEPT = KeptModels(FOLDER / "kept")
KEPT.save(RUN, TENSORS)
STORE = Store(FOLDER / "measured.db")
STORE.add([RunRecord(RUN, RESULT, Provenance.here())])

EXAMPLES = [
    (KeptModels, {"folder": FOLDER / "kept", "at_most_bytes": 10**6, "half": True}),
    (KEPT.has, {"configuration": RUN}),
    (KEPT.bytes_for, {"configurations": [RUN]}),
    (KEPT.check_room, {"configurations": [RUN]}),
    (KEPT.save, {"configuration": RUN, "tensors": TENSORS}),
    (KEPT.configuration, {"identity": RUN.identity}),
    (KEPT.load, {"configuration": RUN}),
    (KEPT.model, {"configuration": RUN}),
    (record_models, {"kept": KEPT, "configurations": [RUN], "folder": FOLDER / "shipped"}),
    (measuring.MeasureReport, {"measured": 1, "already": 0, "without_weights": 0, "problems": ()}),
    (measuring.measure_kept, {"store": STORE, "kept": KEPT, "metrics": ("leak",), "progress": False}),
    (measuring.divergence, {"scores": Scores(MODEL, test_sets([CHAIN], 4, 5, 1)[0])}),
]
