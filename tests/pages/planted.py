"""A claim and tables of runs with a planted exponent, for tests that need no training."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd

from scaling_lib.pages.judging.ledger import Claim, rules_hash
from scaling_lib.runs.keeping.tables import frame_of
from scaling_lib.runs.sweeping.experiments import experiment
from tests.runs import planted

CLAIM = Claim(
    id="planted",
    place="nowhere",
    claim="The exponent is one.",
    published=1.0,
    unit="1",
    quantity="er-100.beta",
    margin=0.1,
    scope="planted runs",
    chapter="00-the-thread",
    approved="not run",
)


def power_law_runs(beta: float, rules: str | None = None, scatter: float = 0.02) -> pd.DataFrame:
    """Eight values of D, three seeds, excess loss 0.1 (D / 1e5)^-beta with log-normal scatter between seeds."""
    generator = np.random.default_rng(0)
    rules = rules_hash() if rules is None else rules
    records = []
    for tokens in (100_000, 160_000, 256_000, 410_000, 655_000, 1_049_000, 1_678_000, 2_684_000):
        for seed in range(3):
            excess = 0.1 * (tokens / 1e5) ** -beta * float(np.exp(scatter * generator.standard_normal()))
            record = planted.record(excess, tokens=tokens, seed=seed)
            provenance = replace(record.provenance, rules=rules)
            records.append(replace(record, provenance=provenance))
    return frame_of(records)


def surface_runs(
    name: str,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    floor: float = 2.35,
    low_rates_alpha: float = 0.0,
    low_rates_beta: float = 0.0,
    decay: float = 0.0,
    scatter: float = 0.01,
    seed: int = 0,
) -> pd.DataFrame:
    """Runs on the widths, tokens and learning rates of an experiment, excess loss A (N/N0)^-alpha + B (D/D0)^-beta.

    Learning rates above 0.1 are equally good; at 0.1 and below the exponents are larger by low_rates_* and the loss
    twice as high. decay: how much of B falls exponentially in D (at the rate of the least D) instead of as a power.
    """
    generator = np.random.default_rng(seed)
    fields = ("schedule.tokens", "architecture.width", "optimizer.learning_rate", "seed")
    axes = [experiment(name).values("full", field) for field in fields]
    least = axes[0][0]
    rules = rules_hash()
    runs = []
    for D, width, rate, member in product(*axes):
        N = 1000 * width + 24 * width**2
        low = rate <= 0.1
        size = (N / 50_000) ** -(alpha + low * low_rates_alpha)
        power = (D / least) ** -(beta + low * low_rates_beta)
        data = (1 - decay) * power + decay * np.exp(1 - D / least)
        excess = (0.3 * size + 0.5 * data) * (2 if low and not decay else 1)
        excess *= float(np.exp(scatter * generator.standard_normal()))
        runs.append(
            {"identity": f"{name}-{len(runs)}", "status": "ok", "N": N, "D": D, "C": 6.0 * N * D, "width": width}
            | {"learning_rate": rate, "seed": member, "excess_loss": excess, "excess_loss_se": 0.001 * excess}
            | {"loss": floor + excess, "entropy_rate": floor, "rules": rules}
        )
    return pd.DataFrame(runs)
