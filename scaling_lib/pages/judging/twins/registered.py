"""Fixed before the runs, by code: the learning rates that the pilot brackets, and the forecast of the corner."""

from typing import Annotated

import numpy as np
import pandas as pd

from scaling_lib.arguments import BY_HAND, checked
from scaling_lib.errors import invalid
from scaling_lib.pages.judging.measured import Measured, Tables
from scaling_lib.pages.judging.twins.rules import TWIN_QUANTITIES
from scaling_lib.pages.judging.twins.studies import CORNER_STEPS, PILOT, Forbids, log_factors, student, study_of
from scaling_lib.runs.keeping.tables import check_runs

__all__ = ["corner_forecast", "pilot_rates"]


@checked
def pilot_rates(pilot: Annotated[pd.DataFrame, BY_HAND]) -> dict[int, tuple[float, float, float]]:
    """The three learning rates of each S, from the pilot: half, once and twice the one at which the mean over its two
    seeds of ln(excess loss) is lowest. Where `RATE` is none of them, the grid has it besides. Raises InvalidArgument.
    """
    check_runs("pilot", pilot, ("optimizer_steps", "learning_rate", "seed", "excess_loss"))
    if (pilot["seed"] < PILOT).any():
        raise invalid("pilot", f"runs of seeds from {PILOT} on", sorted(set(pilot["seed"])), "pass twins-pilot")
    means = np.log(pilot["excess_loss"]).groupby([pilot["optimizer_steps"], pilot["learning_rate"]]).mean()
    best = means.groupby(level=0).idxmin()
    return {int(steps): (rate / 2, rate, 2 * rate) for steps, rate in best}


def corner_forecast(tables: Tables) -> pd.DataFrame | None:
    """What the twin forecasts for the paper's graph (ER 1K/5K, batch 100) at the fixed learning rate, registered before
    it runs: None without the twin's table.

    steps, tokens, log_factor (the twin's mean ln F), excess_loss (nats: F times what counting has on the paper's graph)
    and low, high: the band of the rule, the margin of .2 in ln F, widened by the twin's own 95 % interval and by the
    interval of the slope in ln n (`twins.size.fixed`, where it is determined) times ln(1000 / 100), added in squares.
    reason: why there is no number, else "". Raises InvalidArgument.
    """
    if not callable(tables):
        raise invalid("tables", "a function from experiment name to runs", tables, "pass recorded_or_none")
    twin = study_of(tables, "twins-beta")
    if twin is None:
        return None
    size = TWIN_QUANTITIES["twins.size-fixed"](tables)
    reach = (size.high - size.low) / 2 * np.log(1000 / 100) if isinstance(size, Measured) else 0.0
    lines = []
    for steps in CORNER_STEPS:
        tokens = steps * 100 * 50
        try:
            value, low, high, _ = student(log_factors(twin, "twins-beta", (steps,))[0])
        except Forbids as reason:
            lines.append({"steps": steps, "tokens": tokens, "reason": str(reason)})
            continue
        half = float(np.sqrt(0.2**2 + ((high - low) / 2) ** 2 + reach**2))
        counting = (2 * 5000 - 1000) / (2 * tokens)
        low, middle, high = (counting * np.exp(value + half * side) for side in (-1, 0, 1))
        line = {"steps": steps, "tokens": tokens, "log_factor": value, "excess_loss": middle, "low": low, "high": high}
        lines.append(line | {"reason": ""})
    return pd.DataFrame(lines)
