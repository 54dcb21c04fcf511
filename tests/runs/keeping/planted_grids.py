"""Tables of runs with a planted best rate and planted limits, for tests that need no training."""

from itertools import product

import numpy as np
import pandas as pd

RATES = (0.25, 0.5, 1.0, 2.0, 4.0)
OPTIMUM = {16: 0.5, 32: 1.0, 64: 1.0}


def over_rates(optimum=OPTIMUM, rates=RATES, seeds=3) -> pd.DataFrame:
    """Excess loss 10 / width at the best rate of the width, twice that for each octave away; seeds 1 +- 1/10."""
    runs = [
        {"width": width, "learning_rate": rate, "seed": seed, "status": "ok"}
        | {"excess_loss": 10 / width * 2 ** abs(np.log2(rate / best)) * 1.1 ** (seed - (seeds - 1) / 2)}
        for (width, best), rate, seed in product(optimum.items(), rates, range(seeds))
    ]
    return with_identities(pd.DataFrame(runs)).assign(D=100_000)


def over_steps(share: float, knob: str = "batch", gain: float = 1.0) -> pd.DataFrame:
    """Excess loss whose exponent in D is `gain` at a fixed knob, of which `share` comes from the steps alone."""
    settings = {"batch": ((10, 1), (20, 1), (40, 1)), "epochs": ((20, 1), (20, 2), (20, 4))}[knob]
    runs = []
    for D, (batch, epochs) in product((50_000, 100_000, 200_000), settings):
        steps = D * epochs // (50 * batch)
        loss = (steps / 1000) ** (-share * gain) * (D / 1e5) ** (-(1 - share) * gain)
        runs.append({"D": D, "batch": batch, "epochs": epochs, "optimizer_steps": steps, "excess_loss": loss})
    return with_identities(pd.DataFrame(runs).assign(width=64, learning_rate=1.0, seed=0, status="ok"))


def over_sizes(alpha: float, seeds: int = 1, bend: float = 0.0, scatter: float = 0.0) -> pd.DataFrame:
    """Excess loss N^-alpha, bent on logarithms by `bend`, with log-normal scatter, one run for each width and seed."""
    generator = np.random.default_rng(0)
    runs = []
    for width, seed in product((16, 32, 64, 128, 256), range(seeds)):
        N = 24 * width**2 + 200 * width
        size = np.log(N / 100_000)
        loss = np.exp(-alpha * size + bend * size**2 + scatter * generator.standard_normal())
        runs.append({"width": width, "N": N, "N_nonembedding": 24 * width**2, "seed": seed, "excess_loss": loss})
    return with_identities(pd.DataFrame(runs).assign(D=100_000, learning_rate=1.0, status="ok"))


def with_identities(runs: pd.DataFrame) -> pd.DataFrame:
    """The columns that every table of runs has."""
    names = [f"run-{i}" for i in range(len(runs))]
    if "N" not in runs:
        runs = runs.assign(N=100 * runs["width"])
    return runs.assign(identity=names, rules="planted", loss=2 + runs["excess_loss"])
