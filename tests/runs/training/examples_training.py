"""A valid call for each public name of runs.training: ensembles, steps, scoring, metrics, coordinates."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from scaling_lib.data.sources import Walks
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.training import branches, coordinates, generation, metrics, optimizers, scoring, stems, steps
from scaling_lib.runs.training import ensembles as training
from tests.runs.tiny import CHAIN, configuration

PAIR = [configuration(seed=0), configuration(seed=1)]
BRANCH = replace(PAIR[0], schedule=replace(PAIR[0].schedule, shape="wsd", decay=0.5, warmup_steps=1))
MODEL = training.initial_model(PAIR)
OPTIMIZERS = [configuration.optimizer for configuration in PAIR]
OPTIMIZER = optimizers.AdamW(MODEL, OPTIMIZERS, np.ones(3))
TOKENS = torch.zeros(2, 3, 5, dtype=torch.int64)
WALKS = np.zeros((2, 5), np.int64)
TEST = scoring.TestSet(Walks(CHAIN), WALKS, (0, 1))
CURVE = scoring.LearningCurve(MODEL, [TEST])
SCORES = metrics.Scores(MODEL, TEST)
LAWS = [TEST.source.next_laws(np.zeros((3, 4), np.int64))] * 2
SIZES = coordinates.activation_sizes(
    CHAIN, Parametrization(), learning_rate=0.1, widths=(8, 16), seeds=1, steps=0, batch=2, context=5
)

GROWTH = coordinates.activation_growth(SIZES).replace({"step": {0: 1}})

EXAMPLES = [
    (coordinates.layer_outputs, {"growth": GROWTH}),
    (coordinates.check_verdict, {"growth": GROWTH, "bound": 0.3}),
    (
        training.train_ensemble,
        {
            "source": CHAIN,
            "configurations": PAIR[:1],
            "metrics": ("leak",),
            "device": "cpu",
            "members_at_once": 1,
            "progress": False,
        },
    ),
    (
        training.train_module,
        {
            "source": CHAIN,
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
    (
        training.train_model,
        {"source": CHAIN, "model": MODEL, "configurations": PAIR, "metrics": (), "progress": False},
    ),
    (training.sources_of, {"source": CHAIN, "configurations": PAIR}),
    (stems.stem_of, {"configuration": BRANCH}),
    (stems.branching_step, {"configuration": BRANCH}),
    (stems.computed_steps, {"configurations": [BRANCH]}),
    (
        branches.train_branches,
        {"source": CHAIN, "configurations": [BRANCH], "device": "cpu", "members_at_once": 1, "metrics": ()},
    ),
    (training.derived_seed, {"seed": 0, "purpose": "training walks"}),
    (training.batches, {"source": CHAIN, "configurations": PAIR, "device": "cpu", "first": 1}),
    (
        optimizers.learning_rate_schedule,
        {"steps": 10, "warmup": 0.02, "shape": "wsd", "decay": 0.2, "warmup_steps": 2},
    ),
    (stems.stable_steps, {"steps": 10, "decay": 0.2}),
    (OPTIMIZER.restore, {"state": OPTIMIZER.state}),
    (optimizers.AdamW, {"model": MODEL, "optimizers": OPTIMIZERS, "schedule": np.ones(3)}),
    (
        steps.TrainingStep,
        {"model": MODEL, "optimizer": OPTIMIZER, "precision": "bfloat16", "capture": None, "laws": None},
    ),
    (steps.exact_losses, {"model": MODEL, "tokens": TOKENS, "laws": LAWS}),
    (steps.Replayed, {"tokens": TOKENS, "losses": torch.zeros(2), "replay": lambda: None}),
    (steps.check_precision, {"precision": "bfloat16", "device": "cpu"}),
    (steps.matrix_products, {"precision": "float32", "device": torch.device("cpu")}),
    (scoring.conditional_kl, {"model": MODEL, "source": CHAIN, "contexts": WALKS}),
    (scoring.curve_steps, {"steps": 10, "points": 3, "spacing": "linear"}),
    (scoring.LearningCurve, {"model": MODEL, "tests": [TEST]}),
    (scoring.TestSet, {"source": Walks(CHAIN), "contexts": WALKS, "members": (0, 1), "targets": WALKS}),
    (scoring.test_sets, {"sources": [Walks(CHAIN)], "count": 2, "context": 5, "seed": 1}),
    (scoring.logits_of, {"model": MODEL, "tests": [TEST]}),
    (CURVE.keep, {"steps": (0,)}),
    (metrics.Scores, {"model": MODEL, "test": TEST}),
    (metrics.Scores.of_all, {"model": MODEL, "tests": [TEST]}),
    (metrics.leak, {"scores": SCORES}),
    (metrics.within, {"scores": SCORES}),
    (metrics.context, {"scores": SCORES}),
    (generation.brier, {"scores": SCORES}),
    (generation.calibration, {"scores": SCORES}),
    (metrics.check_metrics, {"metrics": ("leak",)}),
    (metrics.measure, {"model": MODEL, "tests": [TEST], "metrics": ("leak",), "step": 1}),
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
