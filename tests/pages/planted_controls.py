"""Tables of the controls of the studies of twins with planted truths, for tests that need no training."""

from functools import lru_cache

import numpy as np
import pandas as pd

from scaling_lib.pages.judging.ledger import rules_hash
from scaling_lib.pages.judging.twins.controls import ARMS
from scaling_lib.pages.judging.twins.registered import pilot_rates
from scaling_lib.runs.keeping.tables import load_recorded
from scaling_lib.runs.sweeping.experiments import experiment

NAMES = {value: name for name, value in ARMS.items()}


@lru_cache
def grid_of(study: str) -> pd.DataFrame:
    """The runs of the full grid of a study, without results. visited_steps: those that have as many observations at
    half a visit a step."""
    lines = []
    for run in experiment(study).configurations("full"):
        graph = dict(run.source.parameters)
        m, nodes = graph.get("attachments", 0), graph["nodes"]
        edges = graph.get("edges", m * (m - 1) // 2 + m * (nodes - m))
        way = run.parametrization
        lines.append(
            {
                "seed": run.seed,
                "nodes": nodes,
                "edges": edges,
                "width": run.architecture.width,
                "arm": NAMES[way.kind, way.embedding_rate_power],
                "optimizer_steps": run.optimizer_steps,
                "learning_rate": run.optimizer.learning_rate,
                "D": run.schedule.tokens,
                "visited_steps": run.schedule.tokens / edges,
                "configuration": run.canonical_json(),
            }
        )
    return pd.DataFrame(lines)


def middle_rates(runs: pd.DataFrame) -> pd.Series:
    """The rate that is best: of the twins' window the pilot's, else the one in the middle of each point's."""
    bracketed = pilot_rates(load_recorded("twins-pilot"))
    if runs["arm"].nunique() > 1:
        return runs.groupby(["arm", "width"])["learning_rate"].transform(lambda rates: sorted(set(rates))[1])
    return runs["optimizer_steps"].map(lambda steps: bracketed[steps][1] if steps in bracketed else 2.0)


def control_runs(
    study: str,
    *,
    beta: float = 0.684,
    level: float = 0.0,
    slope: float = 0.0,
    arms: dict[str, float] | None = None,
    width_slope: float = 0.0,
    best: float | None = None,
    scatter: float = 1.0,
    good: float = 1.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Runs on the full grid of a control, F = 14 exp(level) (S' / 400)^(1 - beta) (n / 100)^slope, where S' are the
    steps that have as many observations at half a visit a step.

    arms: added to ln F of these parametrizations. width_slope: d ln F / d ln(width / 96) of SP with the embedding's
    rate. best: the learning rate with this loss, the middle one of each point by default; at the others ln F is larger
    by .3. scatter: of a seed's ln F, as a share of .07 (400 / S)^(1/2), and at least of .02. good: the share of seeds
    in the lower branch, in the upper the loss is twice as high.
    """
    runs = grid_of(study)
    generator = np.random.default_rng(seed)
    steps, counting = runs["optimizer_steps"], (2 * runs["edges"] - runs["nodes"]) / (2 * runs["D"])
    logs = np.log(14) + level + (1 - beta) * np.log(runs["visited_steps"] / 400) + slope * np.log(runs["nodes"] / 100)
    logs += runs["arm"].map(arms or {}).fillna(0.0)
    logs += width_slope * np.log(runs["width"] / 96) * (runs["arm"] == "sp-embedding")
    logs += 0.3 * (runs["learning_rate"] != (middle_rates(runs) if best is None else best))
    logs += np.log(2) * (generator.random(len(runs)) > good)
    logs += scatter * np.maximum(0.07 * (400 / steps) ** 0.5, 0.02) * generator.standard_normal(len(runs))
    excess = np.exp(logs) * counting
    return runs.drop(columns=["nodes", "edges", "arm", "visited_steps"]).assign(
        identity=[f"{study}-{place}" for place in range(len(runs))],
        status="ok",
        rules=rules_hash(),
        excess_loss=excess,
        loss=2.3 + excess,
        entropy_rate=2.3,
    )
