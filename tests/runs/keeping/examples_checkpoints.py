"""A valid call for each public name of runs.keeping.checkpoints and runs.training.optimizers."""


import torch

from scaling_lib.runs.keeping import checkpoints
from tests import scratch
from tests.runs.planted import record
from tests.runs.tiny import configuration
from tests.runs.training.examples_training import CURVE, MODEL, OPTIMIZERS

FOLDER = scratch.folder()
PAIR = [configuration(seed=0), configuration(seed=1)]
KEEPER = checkpoints.Checkpoints(FOLDER)
ONE = KEEPER.of(PAIR)
CURVE.score(1, torch.zeros(2))

EXAMPLES = [
    (checkpoints.Checkpoints, {"folder": FOLDER, "every": 60.0, "seconds": 10.0}),
    (KEEPER.of, {"configurations": PAIR}),
    (KEEPER.forget, {"configurations": PAIR}),
    (checkpoints.Checkpoint, {"path": FOLDER / "a.safetensors", "identities": PAIR[0].identity, "every": 60.0}),
    (ONE.save, {"tensors": {"values": torch.zeros(2)}, "about": {"step": 1}}),
    (ONE.finish, {"results": [record().result]}),
    (CURVE.restore, {"steps": [0], "state": CURVE.state}),
]
del MODEL, OPTIMIZERS
