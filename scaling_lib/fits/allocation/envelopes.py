"""Approach 1 of Hoffmann et al. 2022: the lowest of all learning curves."""

from typing import Annotated, Literal

import numpy as np
import pandas as pd
from scipy import interpolate

from scaling_lib.arguments import Integer, Remedy, checked
from scaling_lib.errors import InvalidArgument, invalid
from scaling_lib.fits.allocation.frontiers import (
    Frontier,
    OptionalGenerator,
    edge_sentence,
    frontier_of,
    power_laws_of_draws,
    require_budgets,
)
from scaling_lib.fits.surfaces.surface import checked_runs

__all__ = ["envelope"]

_COSINE = (
    "Learning curves of a cosine schedule are too high before their end, where the learning rate has not decayed yet: "
    "the envelope lies above L_opt and favours models that end near C."
)


@checked
def envelope(
    curves: Annotated[pd.DataFrame, Remedy("pass a table with run, N, D, loss")],
    generator: OptionalGenerator = None,
    *,
    schedule: Literal["cosine", "constant"] = "cosine",
    budgets: Annotated[int, Integer(minimum=3, maximum=100_000)] = 1500,
    resamples: Annotated[int, Integer(minimum=2, maximum=100_000)] = 200,
) -> Frontier:
    """Approach 1: at each C the lowest of all learning curves; N_opt is that run's size, D_opt = C / 6 N_opt.

    curves: columns run, N, D (tokens seen so far), loss, as `runs.keeping.learning_curves` makes them; two points a run
    or more, three sizes or more. Between points the loss is a monotone cubic in log C. budgets: log-spaced values of C
    (Hoffmann et al.: 1500). schedule: "cosine" or "constant", how the learning rate ran; intermediate losses of a
    cosine lie above L(N, D), as the warnings say.
    An optimum is at_edge where no smaller, or no larger, model has a curve at that C. generator: bands from whole runs
    drawn with replacement. Raises InvalidArgument.
    """
    curves = _checked_curves(curves)
    C = np.geomspace(curves["C"].min(), curves["C"].max(), budgets)
    sizes, losses = [], []
    for _, curve in curves.groupby("run", sort=False):
        log_c = np.log(curve["C"].to_numpy())
        values = interpolate.PchipInterpolator(log_c, curve["loss"].to_numpy(), extrapolate=False)(np.log(C))
        sizes.append(curve["N"].iloc[0])
        losses.append(np.where(np.isnan(values), np.inf, values))
    size, loss = np.array(sizes), np.array(losses)
    N, lowest, inside = _lowest(size, loss)
    optima = pd.DataFrame({"C": C, "N": N, "D": C / 6 / N, "loss": lowest, "at_edge": ~inside, "used": inside})
    require_budgets(optima, "curves", "train more sizes, with overlapping compute")
    draws = None
    if generator is not None:
        picks = generator.integers(0, len(size), (resamples, len(size)))
        N, lowest, inside = (np.array(part) for part in zip(*(_lowest(size[i], loss[i]) for i in picks), strict=True))
        draws = power_laws_of_draws(optima, N, C / 6 / N, lowest, inside)
    warnings = [edge_sentence(optima, "no smaller, or no larger, model has a curve there")]
    return frontier_of("envelope", optima, [*warnings, _COSINE if schedule == "cosine" else ""], draws, resamples)


def _lowest(size: np.ndarray, loss: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """At each budget: the size of the lowest curve, its loss, whether curves of smaller and of larger models are there.

    size (runs,), loss (runs, budgets), infinite where a curve does not reach."""
    best = loss.argmin(axis=0)
    N, there = size[best], np.isfinite(loss)
    smaller = (there & (size[:, None] < N)).any(axis=0)
    larger = (there & (size[:, None] > N)).any(axis=0)
    return N, loss[best, np.arange(loss.shape[1])], smaller & larger


def _checked_curves(curves: pd.DataFrame) -> pd.DataFrame:
    if "run" not in curves:
        raise invalid("curves", "a table with the column run", list(curves), "name each learning curve")
    try:
        checked = checked_runs(curves).assign(run=curves["run"].to_numpy())
    except InvalidArgument as error:
        raise InvalidArgument(f"curves cannot be used: {error}") from None
    checked = checked.assign(C=6 * checked["N"] * checked["D"]).sort_values("D", kind="stable")
    groups = checked.groupby("run", sort=False)
    if groups.size().min() < 2 or groups["N"].nunique().max() > 1 or (groups["D"].nunique() < groups.size()).any():
        raise invalid("curves", "runs of one N each with two or more distinct D", len(checked), "check the column run")
    if checked["N"].nunique() < 3:
        raise invalid("curves", "of three sizes or more", checked["N"].nunique(), "train more sizes")
    return checked
