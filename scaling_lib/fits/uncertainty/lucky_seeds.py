"""What the minimum over seeds does to an exponent.

The lowest of k noisy losses lies below their mean by c_k standard deviations of the seeds. Where seeds scatter by a
share sigma of the excess loss that changes evenly, in the logarithm of the size, from sigma_1 at the smallest to
sigma_2 at the largest, and the floor is known, the minimum moves the exponent by

    -c_k (sigma_1 - sigma_2) / ln(largest / smallest).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import integrate, stats

from scaling_lib.errors import check_choice, check_instance, check_integer, check_real, invalid
from scaling_lib.fits.laws import PowerLaw
from scaling_lib.fits.tables.columns import finished_runs
from scaling_lib.fits.uncertainty.resampling import Resamples, runs_bootstrap, seed_bias

__all__ = [
    "LuckyExponent",
    "bias_of_minima",
    "expected_luck",
    "lucky_exponent",
    "redrawn_minima",
    "scatter_of_seeds",
]


def expected_luck(seeds: int) -> float:
    """c_k: minus the mean of the smallest of `seeds` independent standard normal variables."""
    seeds = check_integer("seeds", seeds, minimum=1, maximum=10**6)
    if seeds == 1:
        return 0.0

    def weighted(x: float) -> float:
        return x * seeds * float(stats.norm.pdf(x) * stats.norm.sf(x) ** (seeds - 1))

    # Below -9 and above 9 nothing is left of the density that the tenth digit would show.
    return -float(integrate.quad(weighted, -9.0, 9.0, limit=200, epsabs=1e-12)[0])


def bias_of_minima(seeds: int, smallest: float, largest: float, decades: float) -> float:
    """The formula above: by how much minima over `seeds` seeds move the exponent.

    smallest, largest: scatter of the seeds, as a share of the excess loss, at the smallest and at the largest size.
    decades: from the smallest size to the largest, of N or D. Raises InvalidArgument.
    """
    smallest = check_real("smallest", smallest, minimum=0, maximum=1)
    largest = check_real("largest", largest, minimum=0, maximum=1)
    decades = check_real("decades", decades, above=0, maximum=100)
    moved = expected_luck(seeds) * (largest - smallest) / (decades * np.log(10))
    return float(moved) + 0.0  # zero has no sign


def _checked(runs: Any, variable: Any) -> pd.DataFrame:
    """The columns that are needed; of runs with a status only those that are ok."""
    check_instance("runs", runs, pd.DataFrame, remedy="pass a DataFrame, one row a run")
    check_choice("variable", variable, ("N", "D"))
    frame = finished_runs(runs, (variable, "learning_rate", "seed", "excess_loss"))
    numbers = frame[[variable, "learning_rate", "excess_loss"]]
    if frame.empty or any(numbers[name].dtype.kind not in "iuf" for name in numbers):
        raise invalid("runs", "rows of numbers", runs, "pass trained runs")
    if numbers["excess_loss"].isna().any():
        raise invalid("runs", "of data whose entropy rate is known", "runs without an excess loss", "leave these out")
    if not (np.isfinite(numbers.to_numpy(float)).all() and (numbers > 0).all(axis=None)):
        raise invalid("runs", "positive in sizes, learning rates and excess losses", runs, "leave the others out")
    return frame


def scatter_of_seeds(runs: pd.DataFrame, variable: str) -> pd.Series:
    """Standard deviation over seeds of ln(excess loss), at each size's learning rate with the lowest mean of it.

    runs: columns of `variable` (N or D), learning_rate, seed, excess_loss. Where two learning rates have equal means
    the smaller one counts. NaN where a size has one seed. Raises InvalidArgument.
    """
    frame = _checked(runs, variable)
    logs = frame.assign(log=np.log(frame["excess_loss"].astype(float))).groupby([variable, "learning_rate"])["log"]
    spread = logs.agg(["mean", "std"]).reset_index()
    lowest = spread.groupby(variable)["mean"].idxmin()
    return spread.loc[lowest].set_index(variable)["std"]


def redrawn_minima(runs: pd.DataFrame, variable: str, *, resamples: int = 500) -> dict[int, Resamples]:
    """Refits of the excess loss over a known floor, for one, two, ... seeds drawn at each learning rate.

    As many as there are seeds; empty where there is one seed. All begin with the same random numbers
    (np.random.default_rng(0)). Raises InvalidArgument.
    """
    frame = _checked(runs, variable)
    resamples = check_integer("resamples", resamples, minimum=2, maximum=10**6)
    seeds = int(frame["seed"].nunique())
    excess = frame.assign(loss=frame["excess_loss"].astype(float))
    law = PowerLaw(variable=variable, offset=0.0)
    return {
        count: runs_bootstrap(
            law, excess, np.random.default_rng(0), resamples=resamples, seeds=count, objective="log-ols"
        )
        for count in range(1, seeds + 1)
        if seeds > 1
    }


@dataclass(frozen=True, eq=False)
class LuckyExponent:
    """An exponent of minima over seeds; `lucky_exponent` makes one.

    name: alpha or beta. seeds: behind each minimum. redrawn: refits for 1, 2, ..., `seeds` seeds drawn. scatter: of the
    seeds at each size. expected: for a number of seeds the bias of minima over it, on planted runs with this scatter.
    expected_error: Monte Carlo error of the bias for `seeds` seeds.
    """

    name: str
    seeds: int
    redrawn: dict[int, Resamples]
    scatter: pd.Series
    expected: dict[int, float]
    expected_error: float

    def __post_init__(self) -> None:
        check_choice("name", self.name, ("alpha", "beta"))
        check_integer("seeds", self.seeds, minimum=2)
        for field in ("redrawn", "expected"):
            values = check_instance(field, getattr(self, field), dict, remedy="make it with lucky_exponent")
            if self.seeds not in values or 1 not in values:
                raise invalid(field, "a dict with entries for one and for all seeds", values, "use lucky_exponent")
        for resamples in self.redrawn.values():
            check_instance("redrawn", resamples, Resamples, remedy="make it with lucky_exponent")
        for moved in self.expected.values():
            check_real("expected", moved)
        check_instance("scatter", self.scatter, pd.Series, remedy="make it with lucky_exponent")
        check_real("expected_error", self.expected_error, minimum=0)

    @property
    def estimate(self) -> float:
        """Fitted to the minima over all seeds, as they are."""
        return self.redrawn[1].fit.params[self.name]

    @property
    def of_one_seed(self) -> float:
        """The mean exponent where one seed is drawn at each learning rate."""
        return float(self.redrawn[1][self.name].mean())

    @property
    def without_luck(self) -> float:
        """The estimate less the bias that the scatter of the seeds makes one expect."""
        return self.estimate - self.expected[self.seeds]

    @property
    def corrected(self) -> float:
        """2 theta - mean(theta*), the bootstrap's own correction."""
        return self.redrawn[self.seeds].corrected[self.name]

    @property
    def correction(self) -> str:
        """Which way the bootstrap's correction goes: "wrong", "right", or "undecided" where the bias that it sees, or
        the one to be expected, is less than two of its Monte Carlo errors."""
        resamples = self.redrawn[self.seeds]
        seen = resamples.bias[self.name]
        error = resamples.standard_errors[self.name] / np.sqrt(len(resamples.draws))
        expected = self.expected[self.seeds]
        if abs(seen) < 2 * error or abs(expected) < 2 * self.expected_error:
            return "undecided"
        return "wrong" if seen * expected < 0 else "right"


def lucky_exponent(
    runs: pd.DataFrame, variable: str, *, resamples: int = 500, datasets: int = 4000
) -> LuckyExponent | None:
    """What minima over seeds did to the exponent of the excess loss in N or D; None where there is one seed.

    runs: as for `scatter_of_seeds`. resamples: refits for each number of seeds drawn. datasets: planted data sets
    behind each expected bias, for 1, 3, 9 and all seeds. Random numbers begin at np.random.default_rng(0).
    Raises InvalidArgument.
    """
    redrawn = redrawn_minima(runs, variable, resamples=resamples)
    datasets = check_integer("datasets", datasets, minimum=2, maximum=10**6)
    if not redrawn:
        return None
    seeds, fitted = max(redrawn), redrawn[1].fit
    scatter = scatter_of_seeds(runs, variable)
    if scatter.isna().any() or (scatter <= 0).any():
        raise invalid("runs", "two seeds or more, that differ, at every size", runs, "train more seeds")
    name = fitted.law.exponents[0]
    planted = seed_bias(
        fitted.law,
        fitted.params | {"E": 0.0},
        {variable: scatter.index.to_numpy(float)},
        np.random.default_rng(0),
        seeds=sorted({1, 3, 9, seeds}),
        noise=scatter.to_numpy(),
        datasets=datasets,
        objective="log-ols",
        learning_rates=(1.0,),
        curvature=0.0,
    ).xs(name, level="parameter")
    expected = {int(count): float(moved) for count, moved in planted["bias"].items()}
    return LuckyExponent(name, seeds, redrawn, scatter, expected, float(planted.loc[seeds, "se"]))
