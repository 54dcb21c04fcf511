"""Fixed before the runs, by code: the learning rates that the pilot brackets, and the forecasts from the twins."""

from typing import Annotated

import numpy as np
import pandas as pd

from scaling_lib.arguments import BY_HAND, checked
from scaling_lib.errors import invalid
from scaling_lib.pages.judging.ledger import ledger
from scaling_lib.pages.judging.measured import Measured, Tables
from scaling_lib.pages.judging.twins.rules import TWIN_QUANTITIES
from scaling_lib.pages.judging.twins.studies import (
    CORNER_STEPS,
    PILOT,
    WHOLE,
    Forbids,
    log_factors,
    student,
    study_of,
)
from scaling_lib.runs.keeping.tables import check_runs

__all__ = ["corner_forecast", "exponent_forecasts", "pilot_rates"]

_BELOW_THE_CLIFF = "its twin of degree 80 at r = .00125 needs 500 nodes and a width of 256, else it is below the cliff"
# Why no twin forecasts it, by the first words of a claim's id: the twin of that graph (facts of its degree, visits and
# cliff) and what it would take.
_NOT_TRAINED = {
    "er-8k-k0": "its twin, 160 nodes of degree 13 at 2 walks a step (r = .047), was not trained",
    "er-8k-k1": "a twin with the same spread of probabilities was not trained (experiments of the controls)",
    "ba-8k": "its hubs grow with the graph, so that no smaller graph is known to be a twin",
    "er-50k-k0": _BELOW_THE_CLIFF,
    "er-50k-k1": _BELOW_THE_CLIFF,
}
_IN_PARAMETERS = "N and width go together differently on a smaller graph, so that alpha is not an invariant of twins"
_AS_PRINTED = "the grid as printed ends at .1 (inferred), and no run of the twin has rates up to there"


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
    reach = _reach(tables, "fixed")
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


def _reach(tables: Tables, rate: str) -> float:
    """What the interval of the slope in ln n leaves open from 100 nodes to the paper's 1,000; 0 where the slope, at the
    "fixed" or the "selected" rate, is undetermined or was not run."""
    size = TWIN_QUANTITIES[f"twins.size-{rate}"](tables)
    return float((size.high - size.low) / 2 * np.log(1000 / 100)) if isinstance(size, Measured) else 0.0


def exponent_forecasts(tables: Tables) -> pd.DataFrame:
    """What the twins forecast for every pair (alpha, beta) that the paper prints on graphs; kept for whoever trains
    these graphs at the paper's size.

    A row for each exponent and each grid of rates: claim, place, exponent, rates ("bracketed" or "as printed"),
    published, forecast, low, high, and reason: why there is no number, else "". The band is the interval of the twin's
    exponent by the paper's own procedure (at the selected rate, else at the fixed one), widened by what the interval of
    the slope in ln n leaves open at either end of the window over ln(n of the paper / n of the twin). Raises
    InvalidArgument.
    """
    if not callable(tables):
        raise invalid("tables", "a function from experiment name to runs", tables, "pass recorded_or_none")
    lines = []
    for claim in ledger():
        graph, _, exponent = claim.id.partition(".")
        if exponent not in ("alpha", "beta") or graph not in ("er-1k-k0", *_NOT_TRAINED):
            continue
        for rates in ("bracketed", "as printed"):
            line = {"claim": claim.id, "place": claim.place, "exponent": exponent, "rates": rates}
            forecast = {"forecast": np.nan, "low": np.nan, "high": np.nan}
            if exponent == "alpha":
                reason = _IN_PARAMETERS
            elif graph in _NOT_TRAINED:
                reason = _NOT_TRAINED[graph]
            elif rates == "as printed":
                reason = _AS_PRINTED
            else:
                forecast, reason = _beta_of_figure_5(tables)
            lines.append(line | {"published": claim.published} | forecast | {"reason": reason})
    return pd.DataFrame(lines)


def _beta_of_figure_5(tables: Tables) -> tuple[dict[str, float], str]:
    """The twin's exponent by the paper's procedure, at the selected rate, else at the fixed one, with its band."""
    none = {"forecast": np.nan, "low": np.nan, "high": np.nan}
    reason = "the twin was not trained"
    for name in ("selected", "fixed"):
        beta = TWIN_QUANTITIES[f"twins.beta-paper-{name}"](tables)
        if beta is not None:
            reason = "" if isinstance(beta, Measured) else beta.reason
        if isinstance(beta, Measured):
            moved = np.sqrt(2) * _reach(tables, name) / np.log(WHOLE[-1] / WHOLE[0])
            half = float(np.hypot((beta.high - beta.low) / 2, moved))
            return {"forecast": beta.value, "low": beta.value - half, "high": beta.value + half}, ""
    return none, reason
