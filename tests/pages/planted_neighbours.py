"""Tables of the studies of neighbours with planted truths: the full grids, and noise like the pilots'."""

import json

import numpy as np
import pandas as pd

from scaling_lib.pages.judging.ledger import rules_hash
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.runs.sweeping.studies.neighbours import LOST
from scaling_lib.runs.training.scoring import curve_steps


def _table(study, runs, rows):
    """rows: what differs from run to run."""
    return pd.DataFrame(rows).assign(
        identity=[f"{study}-{place}" for place in range(len(runs))],
        status="ok",
        rules=rules_hash(),
        seed=[run.seed for run in runs],
        width=[run.architecture.width for run in runs],
        learning_rate=[run.optimizer.learning_rate for run in runs],
        optimizer_steps=[run.optimizer_steps for run in runs],
        D=[run.schedule.tokens for run in runs],
        entropy_rate=2.3,
        configuration=[run.canonical_json() for run in runs],
    )


def curves(study, *, spread=0.0, level=0.09, shape=0.04, ends=0.0, steep=1.0, good=1.0, seed=0):
    """The studies of collapse, ln(excess) = ln .05 + steep x 4.4 (1 - x)^(4/3) + what a width and a seed add.

    spread: the standard deviation over widths of the divided curves. level: of a seed's whole curve; shape: of a seed's
    divided curve. ends: the final excess is proportional to the width to this power. good: the share of seeds whose
    curve is not twice as high.
    """
    runs = experiment(study).configurations("full")
    generator = np.random.default_rng(seed)
    late = np.linspace(0.5, 1, 25)
    widths = np.log(sorted({run.architecture.width for run in runs}))
    rows = []
    for run in runs:
        steps = np.array(curve_steps(run.optimizer_steps, 50, "linear"), float)
        x = steps / steps[-1]
        fall = 4.4 * (1 - x) ** (4 / 3)
        unit = fall / np.sqrt(np.mean((4.4 * (1 - late) ** (4 / 3)) ** 2))
        place = (np.log(run.architecture.width) - widths.mean()) / widths.std(ddof=1)
        logs = np.log(0.05) + steep * fall + unit * (spread * place + 0.7 * shape * generator.standard_normal())
        logs += 0.7 * shape * generator.standard_normal(len(x)) * np.minimum(1, 20 * (1 - x))
        logs += level * generator.standard_normal() + ends * np.log(run.architecture.width / 64)
        logs += np.log(2) * (generator.random() > good)
        excess = np.exp(logs)
        result = {"curve_steps": steps.astype(int).tolist(), "curve_excess_loss": excess.tolist()}
        rows.append({"result": json.dumps(result), "excess_loss": excess[-1], "leak": 0.7 * excess[-1]})
    return _table(study, runs, rows)


def leaks(study, *, exponent=1 / 3, bend=0.0, by_rate=0.0, noise=0.03, good=1.0, seed=0):
    """The studies of one third, leak = .003 (tau / 25)^-exponent.

    bend: minus the change of the slope of ln(leak) over the range of tau. by_rate: added to ln(leak) at a rate twice
    as high. noise: of each point, and of a seed's exponent; a seed's level has .1. good: the share of seeds whose
    exponent is not larger by a half.
    """
    runs = experiment(study).configurations("full")
    generator = np.random.default_rng(seed)
    taus = {run.identity: run.optimizer.learning_rate * (run.optimizer_steps - LOST) for run in runs}
    span = np.log(max(taus.values()) / min(taus.values()))
    seeds = sorted({run.seed for run in runs})
    levels, slopes = 0.1 * generator.standard_normal(len(seeds)), noise * generator.standard_normal(len(seeds))
    slopes += 0.5 * (generator.random(len(seeds)) > good)
    points = np.random.default_rng([seed, len(runs)])  # levels and slopes are those of the seeds, in every study
    rows = []
    for run in runs:
        place, along = seeds.index(run.seed), np.log(taus[run.identity] / 25)
        logs = np.log(0.003) - (exponent + slopes[place]) * along - bend / (2 * span) * (along - span / 2) ** 2
        logs += (
            levels[place] + by_rate * np.log2(run.optimizer.learning_rate / 0.125) + noise * points.standard_normal()
        )
        rows.append({"result": "{}", "excess_loss": 2 * np.exp(logs), "leak": np.exp(logs)})
    return _table(study, runs, rows)
