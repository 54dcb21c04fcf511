"""The learning curves that are kept with each run, as one table."""

import json

import numpy as np
import pandas as pd

from scaling_lib.errors import invalid
from scaling_lib.runs.keeping.tables import check_runs

__all__ = ["learning_curves"]


def learning_curves(runs: pd.DataFrame) -> pd.DataFrame:
    """The learning curves kept with each run, as `fits.allocation.envelope` takes them.

    runs: a table of runs (`runs.keeping.tables`). Diverged runs, and runs of several epochs (whose D is not tokens
    seen), are left out. Returns run, N, D (tokens seen), C (FLOPs), loss (nats). Raises InvalidArgument.
    """
    check_runs("runs", runs, ("identity", "status", "N", "D", "epochs", "optimizer_steps", "entropy_rate", "result"))
    parts = []
    for row in runs[(runs["status"] == "ok") & (runs["epochs"] == 1)].itertuples():
        try:
            result = json.loads(str(row.result))
            pairs = list(zip(result["curve_steps"], result["curve_excess_loss"], strict=True))
        except (ValueError, KeyError, TypeError):
            raise invalid("runs", "a table with learning curves in it", row.identity, "train it again") from None
        known = [(step, excess) for step, excess in pairs if excess is not None and step > 0]
        steps, excess = (np.array(column, float) for column in zip(*known, strict=True)) if known else ([], [])
        tokens = np.asarray(steps) * (float(row.D) / float(row.optimizer_steps))
        loss = float(row.entropy_rate) + np.asarray(excess)
        size = float(row.N)
        parts.append(pd.DataFrame({"run": row.identity, "N": size, "D": tokens, "C": 6 * size * tokens, "loss": loss}))
    if not parts:
        raise invalid("runs", "a table with a finished run of one epoch", len(runs), "train some first")
    return pd.concat(parts, ignore_index=True)
