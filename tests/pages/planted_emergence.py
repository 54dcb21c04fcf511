"""Tables of the study of emergence with planted truths, for tests that need no training."""

from functools import lru_cache

import numpy as np
import pandas as pd

from scaling_lib.pages.judging.ledger import rules_hash
from scaling_lib.runs.keeping.measurements import measurements_to_json
from scaling_lib.runs.records import Measurement
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.runs.sweeping.studies.emergence import STEPS

STUDY = "emergence-phase"
MODULE = "scaling_lib.runs.training.generation"


@lru_cache
def grid():
    """The runs of the full grid, without results."""
    runs = experiment(STUDY).configurations("full")
    return pd.DataFrame(
        {
            "identity": [f"{STUDY}-{place}" for place in range(len(runs))],
            "status": "ok",
            "rules": rules_hash(),
            "seed": [run.seed for run in runs],
            "width": [run.architecture.width for run in runs],
            "optimizer_steps": [run.optimizer_steps for run in runs],
            "learning_rate": [run.optimizer.learning_rate for run in runs],
            "D": [run.schedule.tokens for run in runs],
            "N": [run.architecture.parameters for run in runs],
            "entropy_rate": 2.3,
            "excess_loss": 0.1,
            "configuration": [run.canonical_json() for run in runs],
        }
    )


def planted_runs(
    *, cliff=0.0, brier=0.0, start=0.0, sharper=0.0, loud=1.0, two=0.0, apart=1.0, product=0.0, transfer=0.0, seed=0
):
    """ln leak = -1.4 - ln(width / 16) - ln(S / 100) / 2 and ln Brier two less, with deviation .08 over seeds; then

    cliff: more exponent in width below 32 than above, of the leak; brier: of the Brier score. sharper: the same after
    800 steps alone. start: more exponent in D below 200 steps than above. loud: the deviation at width 24 over that at
    the others. two: the share of seeds with `apart` more in ln leak. product, transfer: what the model's own walks have
    over exp(-L leak), and the transfer matrix over those.
    """
    runs = grid()
    generator = np.random.default_rng(seed)
    width, steps = np.log2(runs["width"] / 16), np.log2(runs["optimizer_steps"] / 100)
    below = np.log(2) * np.minimum(width, 1)
    logs = -1.4 - np.log(2) * width - np.log(2) * steps / 2
    scores = logs - 2 - brier * below
    logs = logs - cliff * below - sharper * below * (runs["optimizer_steps"] == STEPS[-1])
    logs -= start * np.log(2) * np.minimum(steps, 1)
    scatter = 0.08 * np.where(runs["width"] == 24, loud, 1.0) * generator.standard_normal(len(runs))
    leak = np.exp(logs + scatter + apart * (generator.random(len(runs)) < two))
    scores = np.exp(scores + 0.08 * generator.standard_normal(len(runs)))
    texts = []
    for one, score in zip(leak, scores, strict=True):
        found = {"brier": score}
        for L in (4, 16):
            p = np.exp(-L * one) + product + 0.003 * generator.standard_normal()
            found |= {f"sampled_{L}": p, f"walk_{L}": p + transfer + 0.003 * generator.standard_normal()}
        texts.append(
            measurements_to_json(tuple(Measurement(f"{MODULE}:{name}", 1, value) for name, value in found.items()))
        )
    return runs.assign(leak=leak, measurements=texts)
