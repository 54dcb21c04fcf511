"""What a fitted row is measured from: the seeds at the best learning rate of each point, and what forbids a verdict.

A point is the mean over seeds of ln(excess loss) at the learning rate where this mean is lowest (`fits.seeds`), not the
lowest loss of all: a minimum over three seeds jumps between good and bad ones. Two things forbid a verdict whatever an
interval says, and each is a sentence that stands beside the word *undetermined*: a best rate is the smallest or the
largest that was tried, or the formula that the row rests on is rejected by its lack-of-fit test against the scatter of
the seeds. Then its interval measures the misfit, not the error.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
import pandas as pd

from scaling_lib.arguments import BY_HAND, checked
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla, PowerLaw
from scaling_lib.fits.seeds import LackOfFit, SeedMean, lack_of_fit, seed_means
from scaling_lib.fits.undetermined import Undetermined
from scaling_lib.runs.keeping.tables import check_runs

__all__ = ["LEVEL", "REJECTED", "curves_rejected", "points_of", "surface_lack_of_fit"]

# A fit whose lack of fit has a smaller chance than this is rejected: one true law in twenty is, by chance.
LEVEL = 0.05
REJECTED = "the scatter of the seeds rejects the fitted law, so that its interval would measure the misfit"

_NEEDED = ("width", "N", "D", "learning_rate", "seed", "excess_loss", "entropy_rate", "status")


def points_of(runs: pd.DataFrame) -> tuple[SeedMean, ...]:
    """The points (width, N, D) of a table of runs, from their seeds. Raises InvalidArgument."""
    check_runs("runs", runs, _NEEDED)
    return seed_means(runs, ["width", "N", "D"])


def surface_lack_of_fit(runs: pd.DataFrame) -> LackOfFit | Undetermined:
    """Of A N^-alpha + B D^-beta, fitted to the means over seeds of ln(excess loss) by least squares.

    Undetermined where no rate can be chosen at some point, or without seeds to test against. A best rate at an end of
    its grid takes part here: the question is whether these losses lie on a surface. Raises InvalidArgument.
    """
    points = points_of(runs)
    if empty := next((point.doubt for point in points if not point.seeds), None):
        return empty
    replicates = [point.logs for point in points]
    table = {name: np.array([point.at[name] for point in points]) for name in ("N", "D")}
    fitted = _through_means(Chinchilla().pin(E=0.0), table, replicates)
    return lack_of_fit(replicates, np.log(fitted), len(Chinchilla().free) - 1)


@checked
def curves_rejected(
    runs: Annotated[pd.DataFrame, BY_HAND], variable: Literal["N", "D"], by: Literal["width", "N", "D"]
) -> bool:
    """Whether the seeds reject E + A x^-exponent with parameters of its own at each value of `by`, all curves of more
    than three points in one test. False where there is no scatter to test against, or no known floor. Raises
    InvalidArgument."""
    if check_runs("runs", runs, _NEEDED)["entropy_rate"].isna().any():
        return False
    points = [point for point in points_of(runs) if point.seeds]
    floor = float(runs["entropy_rate"].iloc[0])
    replicates, fitted, parameters = [], [], 0
    for value in sorted({point.at[by] for point in points}):
        curve = [point for point in points if point.at[by] == value]
        if len(curve) > 3:
            losses = [np.log(floor + np.exp(point.logs)) for point in curve]
            x: dict[str, np.ndarray] = {variable: np.array([point.at[variable] for point in curve])}
            replicates += losses
            fitted += np.log(_through_means(PowerLaw(variable=variable), x, losses)).tolist()
            parameters += 3
    if not replicates:
        return False
    tested = lack_of_fit(replicates, np.array(fitted), parameters)
    return isinstance(tested, LackOfFit) and tested.rejected(LEVEL)


def _through_means(law: PowerLaw | Chinchilla, x: dict[str, np.ndarray], logs: Sequence[np.ndarray]) -> np.ndarray:
    """The law at each point, fitted to the means of `logs` with as many votes for a point as it has seeds."""
    votes = np.array([len(values) for values in logs], float)
    table = x | {"loss": np.exp([values.mean() for values in logs])}
    through = fit(law, table, objective="log-ols", weights=votes / votes.mean())
    return through.law.loss(through.params, **x)
