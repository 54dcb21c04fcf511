"""A valid call for each public name of runs.training: ensembles, steps, scoring, coordinates."""

import numpy as np
import torch
from torch import nn

from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.training import coordinates, optimizers, scoring, steps
from scaling_lib.runs.training import ensembles as training
from tests.runs.tiny import CHAIN, configuration

PAIR = [configuration(seed=0), configuration(seed=1)]
MODEL = training.initial_model(PAIR)
OPTIMIZERS = [configuration.optimizer for configuration in PAIR]
OPTIMIZER = optimizers.AdamW(MODEL, OPTIMIZERS, np.ones(3))
TOKENS = torch.zeros(2, 3, 5, dtype=torch.int64)
WALKS = np.zeros((2, 5), np.int64)
CURVE = scoring.LearningCurve(MODEL, CHAIN, WALKS)
SIZES = coordinates.activation_sizes(
    CHAIN, Parametrization(), learning_rate=0.1, widths=(8, 16), seeds=1, steps=0, batch=2, context=5
)

GROWTH = coordinates.activation_growth(SIZES).replace({"step": {0: 1}})

EXAMPLES = [
    (coordinates.layer_outputs, {"growth": GROWTH}),
    (coordinates.check_verdict, {"growth": GROWTH, "bound": 0.3}),
    (
        training.train_ensemble,
        {"chain": CHAIN, "configurations": PAIR[:1], "device": "cpu", "members_at_once": 1, "progress": False},
    ),
    (
        training.train_module,
        {
            "chain": CHAIN,
            "module": nn.Embedding(CHAIN.nodes, CHAIN.nodes),
            "configuration": configuration(model="table"),
            "learning_rate_factors": {"weight": 1.0},
            "device": "cpu",
            "progress": False,
        },
    ),
    (training.initial_model, {"configurations": PAIR, "device": "cpu"}),
    (training.default_members, {"configuration": PAIR[0], "device": "cpu"}),
    (training.members_in_memory, {"configuration": PAIR[0], "free_bytes": 1e9}),
    (training.train_model, {"chain": CHAIN, "model": MODEL, "configurations": PAIR, "progress": False}),
    (training.derived_seed, {"seed": 0, "purpose": "training walks"}),
    (training.batches, {"chain": CHAIN, "configurations": PAIR, "device": "cpu", "first": 1}),
    (optimizers.learning_rate_schedule, {"steps": 10, "warmup": 0.02}),
    (OPTIMIZER.restore, {"state": OPTIMIZER.state}),
    (optimizers.AdamW, {"model": MODEL, "optimizers": OPTIMIZERS, "schedule": np.ones(3)}),
    (steps.TrainingStep, {"model": MODEL, "optimizer": OPTIMIZER, "precision": "bfloat16", "capture": None}),
    (steps.Replayed, {"tokens": TOKENS, "losses": torch.zeros(2), "replay": lambda: None}),
    (steps.check_precision, {"precision": "bfloat16", "device": "cpu"}),
    (steps.matrix_products, {"precision": "float32", "device": torch.device("cpu")}),
    (scoring.conditional_kl, {"model": MODEL, "chain": CHAIN, "walks": WALKS}),
    (scoring.curve_steps, {"steps": 10, "points": 3}),
    (scoring.LearningCurve, {"model": MODEL, "chain": CHAIN, "walks": WALKS}),
    (CURVE.score, {"step": 0, "losses": torch.zeros(2)}),
    (
        coordinates.activation_sizes,
        {
            "chain": CHAIN,
            "parametrization": Parametrization(),
            "learning_rate": 0.1,
            "widths": (8,),
            "seeds": 1,
            "steps": 1,
            "batch": 2,
            "depth": 1,
            "context": 5,
            "tied": True,
            "progress": False,
        },
    ),
    (coordinates.activation_growth, {"sizes": SIZES}),
]
