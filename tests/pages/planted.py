"""A claim and tables of runs with a planted exponent, for tests that need no training."""

from dataclasses import replace

import numpy as np
import pandas as pd

from scaling_lib.pages.claims import Claim, rules_hash
from scaling_lib.runs.tables import frame_of
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
    records = []
    for tokens in (100_000, 160_000, 256_000, 410_000, 655_000, 1_049_000, 1_678_000, 2_684_000):
        for seed in range(3):
            excess = 0.1 * (tokens / 1e5) ** -beta * float(np.exp(scatter * generator.standard_normal()))
            record = planted.record(excess, tokens=tokens, seed=seed)
            provenance = replace(record.provenance, rules=rules_hash() if rules is None else rules)
            records.append(replace(record, provenance=provenance))
    return frame_of(records)
