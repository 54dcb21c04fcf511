"""What may be said of an exponent in N: its interval, whether the points lie on one power law, and who has the larger.

Each answer is one of a few words, which a chapter turns into sentences. A threshold that is met up to a millionth gives
"on the edge", so that no answer depends on the rounding of one machine.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pandas as pd

from scaling_lib.arguments import BY_HAND, Choice, Real, checked
from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import PowerLaw
from scaling_lib.fits.uncertainty.straightness import local_slopes, straightness
from scaling_lib.pages.judging.measured import AnyMeasured, Measured
from scaling_lib.pages.judging.quantities import measured
from scaling_lib.runs.keeping.summaries import side
from scaling_lib.runs.keeping.tables import check_excess, check_runs

__all__ = ["Bend", "exponent_difference", "exponent_in_parameters", "has_no_end", "one_power_law", "sign"]

SIGNIFICANT = 0.05
# No exponent has an interval this long: it is where the search for its ends has stopped.
LONGEST = 5.0


@checked
def exponent_in_parameters(
    best: Annotated[pd.DataFrame, BY_HAND], *, count: Literal["N", "N_nonembedding"] = "N"
) -> Measured:
    """alpha of excess loss = A N^-alpha, with its 95 % profile interval from the scatter about the line.

    best: one run for each size, as `lowest_losses` returns them. count: how N is counted, "N" or "N_nonembedding".
    Least squares on logarithms. Raises InvalidArgument.
    """
    check_runs("best", best, (count, "excess_loss", "identity", "rules"))
    check_excess("best", best)
    points = pd.DataFrame({"N": best[count].astype(float), "loss": best["excess_loss"].astype(float)})
    return measured("alpha", fit(PowerLaw(variable="N", offset=0.0), points, objective="log-ols"), best)


def exponent_difference(first: pd.DataFrame, second: pd.DataFrame) -> Measured:
    """alpha of `first` less alpha of `second`, paired by size: the exponent of the ratio of their losses.

    first, second: one run for each size, as `lowest_losses` returns them; three shared sizes N or more. The interval is
    Student's from the scatter of the log ratio about its line. Raises InvalidArgument.
    """
    for name, best in (("first", first), ("second", second)):
        check_runs(name, best, ("N", "excess_loss", "identity", "rules"))
        check_excess(name, best)
    ratio = (first.set_index("N")["excess_loss"] / second.set_index("N")["excess_loss"]).dropna()
    if ratio.index.nunique() < 3:
        raise InvalidArgument(
            f"second must share three sizes or more with first, got {ratio.index.nunique()}: train the same widths."
        )
    slope = local_slopes(ratio.index.to_numpy(float), ratio.to_numpy(float), window=ratio.index.nunique()).iloc[0]
    runs = pd.concat([first, second])
    identities, rules = tuple(runs["identity"]), tuple(sorted(set(runs["rules"])))
    return Measured(float(slope["slope"]), float(slope["low"]), float(slope["high"]), identities, rules)


@checked
def sign(difference: AnyMeasured) -> str:
    """"positive" or "negative" where the interval of `difference` lies on one side of zero, else "not told apart".

    An end within a millionth of zero, measured by the interval's length, does not exclude it.
    """
    least = 1e-6 * (difference.high - difference.low)
    if difference.low > least:
        return "positive"
    return "negative" if difference.high < -least else "not told apart"


@checked
def has_no_end(value: AnyMeasured) -> bool:
    """Whether the interval of an exponent is longer than 5, beyond any exponent: its ends were not found."""
    return side(value.high - value.low, LONGEST) == "above"


@checked
@dataclass(frozen=True)
class Bend:
    """p: of the lack-of-fit test, None without replicates. verdict: "bent" (p < .05), "compatible", "on the edge",
    or "one seed"."""

    p: Annotated[float | None, Real(minimum=0, maximum=1)]
    verdict: Annotated[str, Choice(("bent", "compatible", "on the edge", "one seed"))]


@checked
def one_power_law(replicates: Annotated[pd.DataFrame, BY_HAND], *, variable: Literal["N", "D"]) -> Bend:
    """Whether the excess loss is one power law of `variable`, by the lack-of-fit test against the scatter of seeds.

    replicates: one run for each value of `variable` and seed. variable: "N" or "D". Raises InvalidArgument.
    """
    check_runs("replicates", replicates, (variable, "seed", "excess_loss"))
    check_excess("replicates", replicates)
    if replicates["seed"].nunique() < 2:
        return Bend(None, "one seed")
    p = straightness(replicates[variable].to_numpy(float), replicates["excess_loss"].to_numpy(np.float64)).p
    return Bend(p, {"below": "bent", "above": "compatible"}.get(side(p, SIGNIFICANT), "on the edge"))
