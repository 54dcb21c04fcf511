"""The ladder's runs as points, and the exponents of each rung: what the figures of chapter 6 draw.

Every mean is over the seeds of a point; pilots (seeds from 900 on) and runs that diverged are left out. Exponents are
those that the rules compare (`rules`), by the same estimators: where the seeds reject the law, or runs are missing,
there is a reason in place of a number.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
import pandas as pd
from scipy import stats

from scaling_lib.arguments import BY_HAND, Choice, checked
from scaling_lib.errors import InvalidArgument, invalid
from scaling_lib.pages.judging.language.rules import Estimate, known_beta, mean_beta, paper_alpha, paper_beta, rung_of
from scaling_lib.pages.judging.ledger import ledger
from scaling_lib.pages.judging.measured import Tables
from scaling_lib.pages.judging.twins.studies import PILOT, Forbids
from scaling_lib.runs.keeping.tables import check_runs
from scaling_lib.runs.sweeping.studies.language import FLOOR_ERRORS

__all__ = ["RUNGS", "ladder_exponents", "ladder_points", "published_ladder"]

RUNGS: Mapping[str, str] = MappingProxyType(
    {
        "bigram": "language-bigram",
        "T1L": "language-t1l",
        "T2L": "language-t2l",
        "T4L": "language-t4l",
        "text": "language-text",
    }
)
_MEASURED = ("loss", "excess_loss", "leak", "within")
_EXPONENTS: Mapping[str, Callable[[pd.DataFrame], Estimate]] = MappingProxyType(
    {"alpha": paper_alpha, "beta": paper_beta, "beta over the floor": known_beta, "mean beta": mean_beta}
)


@checked
def ladder_points(
    runs: Annotated[pd.DataFrame, BY_HAND], column: Annotated[str, Choice(_MEASURED)] = "loss"
) -> pd.DataFrame:
    """One row a point: width, N, D, steps (S), seeds, mean, low, high; sorted by N, then D.

    runs: of one rung. column: what is averaged, nats: loss (a plain mean), or excess_loss, leak or within (exp of the
    mean of ln). low, high: 95 % interval of the mean, Student's over the seeds of this point; NaN with one seed.
    Without rows where the column is not known: on text nobody knows the excess. Raises InvalidArgument.
    """
    check_runs("runs", runs, ("status", "seed", "width", "N", "D", "optimizer_steps", column))
    kept = runs[(runs["seed"] < PILOT) & (runs["status"] == "ok")]
    values = kept[column].astype(float)
    logarithm = column != "loss"
    kept, values = (kept[values > 0], np.log(values[values > 0])) if logarithm else (kept, values)
    groups = kept.assign(value=values).groupby(["width", "N", "D", "optimizer_steps"])
    points = groups["value"].agg(seeds="count", middle="mean", error="sem").reset_index()
    half = stats.t.ppf(0.975, points["seeds"].clip(lower=2) - 1) * points["error"]
    back: Callable[[Any], Any] = np.exp if logarithm else np.asarray
    middle = points["middle"]
    points = points.assign(mean=back(middle), low=back(middle - half), high=back(middle + half))
    points = points.drop(columns=["middle", "error"]).rename(columns={"optimizer_steps": "steps"})
    return points.sort_values(["N", "D"], ignore_index=True)


@checked
def ladder_exponents(tables: Annotated[Tables, BY_HAND]) -> pd.DataFrame:
    """The exponents of every rung that has runs: rung, exponent, value, low, high (95 %), reason; entropy and
    entropy_error, the floor of the rung and its sampling error, nats, NaN where nobody knows them.

    exponent: alpha and beta by the paper's procedure, E free; "beta over the floor", where the floor is known; "mean
    beta", over the same floor between the least and the largest D, which rests on no law. reason: "", or why it is
    undetermined; then there are no numbers. tables: from the name of an experiment to its runs, or None.
    Raises InvalidArgument.
    """
    if not callable(tables):
        wanted = "a function from the name of an experiment to its runs"
        raise invalid("tables", wanted, tables, "pass recorded_or_none")
    lines: list[dict[str, Any]] = []
    for rung, name in RUNGS.items():
        runs = rung_of(tables, name)
        if runs is None:
            continue
        floors = runs["entropy_rate"].dropna()
        about = {"rung": rung, "entropy": floors.mean() if len(floors) else np.nan}
        about["entropy_error"] = FLOOR_ERRORS.get(rung, np.nan)
        for exponent, estimate in _EXPONENTS.items():
            if floors.empty and exponent in ("beta over the floor", "mean beta"):
                continue
            lines.append(about | {"exponent": exponent} | _estimated(estimate, runs))
    if not lines:
        raise InvalidArgument("tables must hold runs of one rung at least, got none: train or record them first.")
    return pd.DataFrame(lines)


def _estimated(estimate: Callable[[pd.DataFrame], Estimate], runs: pd.DataFrame) -> dict[str, Any]:
    nothing = {"value": np.nan, "low": np.nan, "high": np.nan}
    try:
        estimated = estimate(runs)
    except Forbids as reason:
        return nothing | {"reason": str(reason)}
    low, high = estimated.interval
    return {"value": estimated.value, "low": low, "high": high, "reason": ""}


# Of the paper's experiments the one that stands on each rung.
_PUBLISHED = {"bigram": "bigram", "T1L": "t1l", "T2L": "t2l", "text": "text-mup-2l"}


def published_ladder() -> pd.DataFrame:
    """What the paper prints of its rungs, at its sizes: rung, exponent (alpha or beta), value and spread (a standard
    deviation over curves, no error), entropy (its proxy, the least floor that it fitted, nats). The text is that with
    two layers under muP.

    >>> published_ladder().query("rung == 'T1L' and exponent == 'alpha'")[["value", "entropy"]].iloc[0].tolist()
    [0.55, 4.04]
    """
    claims = {claim.id: claim for claim in ledger()}
    lines = []
    for rung, name in _PUBLISHED.items():
        for exponent in ("alpha", "beta"):
            claim, entropy = claims[f"{name}.{exponent}"], claims[f"{rung.lower()}.entropy"]
            about = {"rung": rung, "exponent": exponent, "value": claim.published, "spread": claim.spread}
            lines.append(about | {"entropy": entropy.published})
    return pd.DataFrame(lines)
