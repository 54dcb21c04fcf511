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
    seen), are left out. Returns run, N, D (tokens seen), C (FLOPs), loss (nats): the entropy rate and the curve of the
    excess loss, or the curve of the loss where nobody knows the entropy rate. Raises InvalidArgument.
    """
    check_runs("runs", runs, ("identity", "status", "N", "D", "epochs", "optimizer_steps", "entropy_rate", "result"))
    parts = []
    for row in runs[(runs["status"] == "ok") & (runs["epochs"] == 1)].itertuples():
        try:
            result = json.loads(str(row.result))
            floor = None if pd.isna(row.entropy_rate) else float(row.entropy_rate)
            curve = result["curve_loss" if floor is None else "curve_excess_loss"]
            pairs = list(zip(result["curve_steps"], curve, strict=True))
        except (ValueError, KeyError, TypeError):
            raise invalid("runs", "a table with learning curves in it", row.identity, "train it again") from None
        known = [(step, height) for step, height in pairs if height is not None and step > 0]
        steps, heights = (np.array(column, float) for column in zip(*known, strict=True)) if known else ([], [])
        tokens = np.asarray(steps) * (float(row.D) / float(row.optimizer_steps))
        loss = (floor or 0.0) + np.asarray(heights)
        size = float(row.N)
        parts.append(pd.DataFrame({"run": row.identity, "N": size, "D": tokens, "C": 6 * size * tokens, "loss": loss}))
    if not parts:
        raise invalid("runs", "a table with a finished run of one epoch", len(runs), "train some first")
    return pd.concat(parts, ignore_index=True)
