"""Tables of the studies of the barest graphs and of the cost of a law, with planted truths: the full grids."""

from functools import lru_cache

import numpy as np
import pandas as pd

from scaling_lib.pages.judging import ledger
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.runs.sweeping.studies.barest import LENGTHS, WIDTHS


@lru_cache
def grid_of(study):
    """The runs of the full grid of a study, without results."""
    grid = experiment(study).configurations("full")
    return pd.DataFrame(
        {
            "identity": [f"{study}-{place}" for place in range(len(grid))],
            "status": "ok",
            "rules": ledger.rules_hash(),
            "seed": [run.seed for run in grid],
            "width": [run.architecture.width for run in grid],
            "optimizer_steps": [run.optimizer_steps for run in grid],
            "learning_rate": [run.optimizer.learning_rate for run in grid],
            "D": [run.schedule.tokens for run in grid],
            "entropy_rate": 2.3,
            "configuration": [run.canonical_json() for run in grid],
        }
    )


def planted_runs(study, *, exponent=1.0, bend=0.0, in_width=1.0, level=0.0, steeper=0.0, noise=0.05, good=1.0, seed=0):
    """ln e = ln .05 - exponent ln(S / 400) - in_width ln(w / 32), with a parabola of this bend over the range of each,
    and the scatter of a seed, `noise` at every point and .1 in its level.

    level, steeper: of branches, what is added to ln e and to the exponent. good: the share of seeds whose exponent is
    not smaller by a half."""
    runs = grid_of(study)
    generator = np.random.default_rng(seed)
    levels = np.random.default_rng(seed // 10).normal(0, 0.1, 1000)  # of a graph, the same in every study
    worse = 0.5 * (np.random.default_rng(seed // 10 + 10**6).random(1000) > good)
    steps, widths = np.log(runs["optimizer_steps"] / 400), np.log(runs["width"] / 32)
    logs = np.log(0.05) + levels[runs["seed"]] + noise * generator.standard_normal(len(runs))
    for along, slope, sizes in ((steps, exponent, LENGTHS), (widths, in_width, WIDTHS)):
        span = np.log(sizes[-1] / sizes[0])
        logs -= (slope - worse[runs["seed"]]) * along + bend / (2 * span) * along**2
    if study == "cost-branches":
        logs += level - steeper * steps
    return runs.assign(excess_loss=np.exp(logs), leak=np.exp(logs), loss=2.3 + np.exp(logs))
