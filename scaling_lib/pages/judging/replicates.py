"""What a fitted row is measured from: the seeds at the best learning rate of each point, and what forbids a verdict.

The learning rate of a point is the one with the lowest mean over seeds of ln(excess loss), and the point is that mean,
not the lowest loss of all: a minimum over three seeds jumps between good and bad ones. Two things forbid a verdict
whatever the interval says, and each is a sentence that stands beside the word *undetermined*:

    the best rate is the smallest or the largest that was tried (the optimum may lie outside), or
    the formula that the row rests on is rejected by its lack-of-fit test against the scatter of the seeds: then its
    interval measures the misfit, not the error.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla, PowerLaw
from scaling_lib.fits.uncertainty.straightness import CommonSlope, against_replicates, common_slope
from scaling_lib.runs.keeping.tables import check_runs

__all__ = [
    "AT_THE_EDGE",
    "LEVEL",
    "ONE_SEED",
    "REJECTED",
    "at_best_rate",
    "curves_rejected",
    "replicated",
    "slope",
    "surface_rejected",
    "why_undetermined",
]

# A fit whose lack of fit has a smaller chance than this is rejected: one true law in twenty is, by chance.
LEVEL = 0.05
REJECTED = "the scatter of the seeds rejects the fitted law, so that its interval measures the misfit"
ONE_SEED = "no point has two seeds, so that a law cannot be held against their scatter"
AT_THE_EDGE = "a best learning rate is the smallest or the largest that was tried"

_NEEDED = ("width", "N", "D", "learning_rate", "seed", "excess_loss", "status")


def at_best_rate(runs: pd.DataFrame) -> pd.DataFrame:
    """The finished runs of each (width, D) at its learning rate with the lowest mean over seeds of ln(excess loss).

    Returns their rows with `edge`: whether that rate is the smallest or the largest that was tried there. A rate at
    which a seed diverged or is missing, which others of its point have, does not compete. Raises InvalidArgument.
    """
    check_runs("runs", runs, _NEEDED)
    finished = runs[(runs["status"] == "ok") & (runs["excess_loss"] > 0)]
    logs = np.log(finished["excess_loss"].astype(float))
    cells = [finished[name] for name in ("width", "D", "learning_rate")]
    means = logs.groupby(cells).agg(["mean", "size"]).reset_index()
    if means.empty:
        raise InvalidArgument("runs must have a finished run, got diverged runs only: lower the learning rate.")
    seeds = means.groupby(["width", "D"])["size"].transform("max")
    whole = means[means["size"] == seeds]
    best = whole.loc[whole.groupby(["width", "D"])["mean"].idxmin(), ["width", "D", "learning_rate"]]
    tried = runs.groupby(["width", "D"])["learning_rate"].agg(["min", "max"]).reset_index()
    best = best.merge(tried, on=["width", "D"])
    best["edge"] = (best["learning_rate"] == best["min"]) | (best["learning_rate"] == best["max"])
    return finished.merge(best.drop(columns=["min", "max"]), on=["width", "D", "learning_rate"])


def replicated(points: pd.DataFrame) -> bool:
    """Whether a straight line through the points of `at_best_rate` can be tested: three of them or more, and one that
    has two seeds whose losses differ."""
    losses = points.groupby(["width", "D"])["excess_loss"].nunique()
    return len(losses) > 2 and bool(losses.max() > 1)


def slope(points: pd.DataFrame, variable: str, group: str) -> CommonSlope:
    """The exponent in `variable` of the excess loss, one for all values of `group`; points: of `at_best_rate`."""
    columns = [points[name].to_numpy(float) for name in (variable, "excess_loss", group)]
    return common_slope(*columns)


def why_undetermined(points: pd.DataFrame, p: float) -> str:
    """Why nothing may be concluded from a fit to the seeds of `at_best_rate` whose lack of fit has chance p; or ""."""
    if points["edge"].any():
        return AT_THE_EDGE
    return REJECTED if p < LEVEL else ""


def surface_rejected(runs: pd.DataFrame) -> float:
    """p of the lack of fit of A N^-alpha + B D^-beta, fitted to the seeds' means of ln(excess loss); least squares on
    logarithms. Small where the seeds scatter less than the means miss the surface. Raises InvalidArgument."""
    points = at_best_rate(runs)
    return _rejected(points, Chinchilla().pin(E=0.0), ("N", "D"), "excess_loss")


def curves_rejected(runs: pd.DataFrame, variable: str, by: str) -> float:
    """The same for a law E + A x^-exponent of its own at each value of `by`, all curves in one test; of those with
    more than three points. 1 where there is no replicate to test against."""
    points = at_best_rate(runs)
    parts = [part for _, part in points.groupby(by) if part[variable].nunique() > 3]
    if not parts or all(part.groupby(variable).size().max() < 2 for part in parts):
        return 1.0
    fitted = [_fitted(part, PowerLaw(variable=variable), (variable,), "loss") for part in parts]
    together = pd.concat(parts)
    return _p(together, np.concatenate(fitted), 3 * len(parts), "loss")


def _rejected(points: pd.DataFrame, law: PowerLaw | Chinchilla, variables: Sequence[str], loss: str) -> float:
    return _p(points, _fitted(points, law, variables, loss), len(law.free), loss)


def _fitted(points: pd.DataFrame, law: PowerLaw | Chinchilla, variables: Sequence[str], loss: str) -> np.ndarray:
    """The law at each row of `points`, through the means over seeds."""
    logs = points.assign(log=np.log(points[loss].astype(float))).groupby(list(variables))["log"]
    means = logs.agg(["mean", "size"]).reset_index()
    table = means.assign(loss=np.exp(means["mean"]))
    weights = means["size"].to_numpy(float)
    through = fit(law, table, objective="log-ols", weights=weights / weights.mean())
    return through.law.loss(through.params, **{name: points[name].to_numpy(float) for name in variables})


def _p(points: pd.DataFrame, fitted: np.ndarray, parameters: int, loss: str) -> float:
    cell = points.groupby(["width", "D"]).ngroup().to_numpy()
    return against_replicates(points[loss].to_numpy(float), cell, fitted, parameters)[3]
