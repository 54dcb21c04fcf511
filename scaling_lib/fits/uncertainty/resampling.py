"""Resampling: how much the estimates would have moved, had the data fallen otherwise.

* pairs: points drawn with replacement; a resample is a vector of multinomial weights.
* wild: every residual keeps its place and its size and changes sign at random (Rademacher; the paper's appendix B).
* inflated: wild, with residuals times sqrt(n / (n - p)): a fit with p parameters has absorbed that much of the noise.
  Without it the intervals of small samples are far too short (`coverage`).
* jackknife: one point left out at a time.
* runs: L(N, D) is a minimum over learning rates and seeds, hence biased low. Seeds are resampled within each (N, D,
  learning rate), the minimum is taken again, the law refitted.

All resamples of a fit are solved at once. On the bias of a minimum: if every run's loss carries the same relative
noise, the best of m lowers all losses by one factor, which moves E, A and B and leaves the exponents alone; exponents
are biased where the noise, or the number of runs, changes with N or D (`seed_bias` shows both).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from tqdm import tqdm

from scaling_lib.arguments import BY_HAND, Choice, Entries, Generator, Integer, NonNegative, Remedy, checked
from scaling_lib.errors import check_array, check_choice, check_integer, invalid
from scaling_lib.fits.fitting import AnyFit, Fit, fit
from scaling_lib.fits.laws.forms import AnyLaw, Law
from scaling_lib.fits.points.synthetic import synthetic_runs
from scaling_lib.fits.tables import table_columns
from scaling_lib.fits.tables.columns import finished_runs

__all__ = ["Resamples", "bootstrap", "jackknife", "runs_bootstrap", "seed_bias"]

KINDS = ("pairs", "wild", "inflated", "jackknife", "runs")

# Resamples times points that are drawn at a time: what bounds the memory.
_BLOCK = 4_000_000


@checked
@dataclass(frozen=True, eq=False)
class Resamples:
    """Refits of a fit. kind: one of KINDS. parameters: names of the columns of `draws` (resamples, parameters).

    objectives: minimum of each refit. failed: refits dropped, since they did not converge or their resample holds fewer
    distinct points than parameters.
    """

    fit: AnyFit
    kind: Annotated[str, Choice(KINDS)]
    parameters: Annotated[tuple[str, ...], Remedy("pass the names of the columns of draws")]
    draws: Annotated[Float[np.ndarray, "resamples parameters"], Entries(least=2)]
    objectives: Annotated[Float[np.ndarray, " resamples"], BY_HAND]
    failed: Annotated[int, Integer(minimum=0)]

    def __post_init__(self) -> None:
        if self.draws.shape[1] != len(self.parameters):
            raise invalid("draws", f"{len(self.parameters)} columns wide", self.draws, "pass one column a parameter")
        check_array("objectives", self.objectives, dimensions=1, length=len(self.draws))

    def __getitem__(self, parameter: str) -> Float[np.ndarray, " resamples"]:
        """The draws of one parameter."""
        check_choice("parameter", parameter, self.parameters)
        return self.draws[:, self.parameters.index(parameter)]

    @property
    def standard_errors(self) -> dict[str, float]:
        """Standard deviation of the draws (for a jackknife: times (n - 1) / sqrt(n))."""
        spread = self.draws.std(axis=0, ddof=1)
        if self.kind == "jackknife":
            spread = spread * (len(self.draws) - 1) / np.sqrt(len(self.draws))
        return dict(zip(self.parameters, spread.tolist(), strict=True))

    @property
    def bias(self) -> dict[str, float]:
        """mean(theta*) - theta (for a jackknife: times n - 1). Shown, not applied: the headline stays uncorrected."""
        factor = len(self.draws) - 1 if self.kind == "jackknife" else 1
        means = self.draws.mean(axis=0)
        return {name: factor * float(m - self.fit.params[name]) for name, m in zip(self.parameters, means, strict=True)}

    @property
    def corrected(self) -> dict[str, float]:
        """2 theta - mean(theta*), to be shown beside the uncorrected estimate."""
        return {name: self.fit.params[name] - bias for name, bias in self.bias.items()}


def _refits(
    origin: Fit, kind: str, draw: Callable[[int], dict[str, np.ndarray]], count: int, progress: bool
) -> Resamples:
    """Solve `count` resamples. draw(size): the weights or the y of the next `size` of them, made block by block."""
    thetas, values, goods = [], [], []
    size = max(1, _BLOCK // len(origin.problem.loss))
    blocks = range(0, count, min(size, 1000) if progress else size)
    for first in tqdm(blocks, desc=f"{kind} resamples", disable=not progress):
        block = draw(min(blocks.step, count - first))
        number = len(next(iter(block.values())))
        start = np.broadcast_to(origin.theta, (number, len(origin.theta)))
        solution = origin.problem.solve(start, weights=block.get("weights"), y=block.get("y"))
        thetas.append(solution.theta)
        values.append(solution.value)
        goods.append(solution.converged & (_distinct(origin, block.get("weights")) >= len(origin.law.free)))
    good = np.concatenate(goods)
    if good.sum() < 2:
        raise invalid("fit", "one whose refits converge", origin, "use a law with fewer parameters, or more points")
    draws = origin.problem.natural(np.concatenate(thetas)[good])
    return Resamples(origin, kind, origin.law.parameters, draws, np.concatenate(values)[good], int((~good).sum()))


def _distinct(origin: Fit, weights: np.ndarray | None) -> np.ndarray | float:
    """How many different design points each resample holds."""
    if weights is None:
        return np.inf
    columns = list(origin.problem.columns.values())
    order = np.lexsort(columns)
    ordered = np.stack(columns)[:, order]
    edges = np.flatnonzero(np.r_[True, (ordered[:, 1:] != ordered[:, :-1]).any(axis=0)])
    return (np.add.reduceat(weights[:, order], edges, axis=1) > 0).sum(axis=1)


@checked
def bootstrap(
    fit: AnyFit,
    generator: Generator,
    *,
    resamples: Annotated[int, Integer(minimum=2, maximum=10**7)] = 4000,
    kind: Annotated[str, Choice(("pairs", "wild", "inflated"))] = "pairs",
    progress: bool = False,
) -> Resamples:
    """`resamples` refits on resampled points ("pairs") or on residuals with random signs ("wild", "inflated").

    All at once; thresholds and start are those of the fit. Raises InvalidArgument.
    """
    return _refits(fit, kind, _resampler(fit, generator, kind), resamples, progress)


def _resampler(fit: Fit, generator: np.random.Generator, kind: str) -> Callable[[int], dict[str, np.ndarray]]:
    """A function of a number that draws so many resamples of a fit: their weights ("pairs") or their y ("wild",
    "inflated"), (number, points)."""
    problem, points = fit.problem, len(fit.problem.loss)

    def pairs(size: int) -> dict[str, np.ndarray]:
        counts = generator.multinomial(points, np.full(points, 1 / points), size=size).astype(float)
        return {"weights": counts if problem.weights is None else counts * problem.weights}

    fitted = problem.y - fit.residuals
    factor = np.sqrt(fit.n / max(fit.degrees_of_freedom, 1)) if kind == "inflated" else 1.0

    def wild(size: int) -> dict[str, np.ndarray]:
        signs = generator.integers(0, 2, (size, points)) * 2.0 - 1.0
        y = fitted + factor * signs * fit.residuals
        if not problem.logarithmic and y.min() <= 0:
            raise invalid("fit", "one whose residuals are smaller than its losses", fit, 'use kind="pairs"')
        return {"y": y}

    return pairs if kind == "pairs" else wild


def _refits_of_each(fits: Sequence[Fit], resampled: Sequence[dict[str, np.ndarray]]) -> list[np.ndarray]:
    """Draws (resamples, parameters) of several fits that differ in their losses only: one batch, so that the cost of a
    step of the solver is shared by all. resampled: the resamples of each fit. Refits that fail are left out."""
    problem, counts = fits[0].problem, [len(next(iter(resamples.values()))) for resamples in resampled]
    start = np.repeat(np.array([fitted.theta for fitted in fits]), counts, axis=0)
    own = np.repeat(np.array([fitted.problem.y for fitted in fits]), counts, axis=0)
    y = np.concatenate([resamples["y"] for resamples in resampled]) if "y" in resampled[0] else own
    weights = None
    if "weights" in resampled[0]:
        weights = np.concatenate([resamples["weights"] for resamples in resampled])
    solution = problem.solve(start, weights=weights, y=y)
    good = solution.converged & (_distinct(fits[0], weights) >= len(fits[0].law.free))
    draws, ends = problem.natural(solution.theta), np.cumsum(counts)[:-1]
    return [one[kept] for one, kept in zip(np.split(draws, ends), np.split(good, ends), strict=True)]


@checked
def jackknife(fit: AnyFit) -> Resamples:
    """One refit for each point of positive weight left out.

    Not to be trusted for log-lad, nor for log-huber with a threshold below the residuals: a median does not move
    smoothly when one point goes.
    """
    weights = np.ones(len(fit.problem.loss)) if fit.problem.weights is None else fit.problem.weights
    left_out = np.flatnonzero(weights > 0)
    if len(left_out) <= len(fit.law.free):
        raise invalid("fit", "one of more points than free parameters", fit, "add runs or pin parameters")
    ahead = iter(left_out)

    def without(size: int) -> dict[str, np.ndarray]:
        return {"weights": _leaving_out(weights, np.array([next(ahead) for _ in range(size)]))}

    return _refits(fit, "jackknife", without, len(left_out), progress=False)


def _leaving_out(weights: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The weights (places, points) with one place at a time set to zero."""
    left = np.tile(weights, (len(places), 1))
    left[np.arange(len(places)), places] = 0.0
    return left


AnyRuns = Annotated[pd.DataFrame, Remedy("pass a DataFrame, one row a run")]


def _checked_runs(law: Law, runs: pd.DataFrame) -> pd.DataFrame:
    frame = finished_runs(runs, (*law.variables, "learning_rate", "seed", "loss"))
    columns, loss = table_columns(law, frame)
    rates = np.asarray(frame["learning_rate"])
    if rates.dtype.kind not in "iuf" or not np.isfinite(rates.astype(float)).all():
        raise invalid("runs['learning_rate']", "a column of finite numbers", rates, "mend it")
    return pd.DataFrame({**columns, "learning_rate": rates, "seed": np.asarray(frame["seed"]), "loss": loss})


@checked
def runs_bootstrap(
    law: AnyLaw,
    runs: AnyRuns,
    generator: Generator,
    *,
    resamples: Annotated[int, Integer(minimum=2, maximum=10**6)] = 1000,
    seeds: Annotated[int | None, Integer(minimum=1, maximum=10**4)] = None,
    objective: Annotated[str, BY_HAND] = "log-huber",
    delta: Annotated[float | None, BY_HAND] = None,
) -> Resamples:
    """Refits to minima over resampled seeds; `Resamples.fit` is the fit to the minima as they are.

    runs: columns of the law's variables, learning_rate, seed, loss; with a column status, only rows that are "ok" take
    part. The fit is to the least loss over learning rates and seeds at each value of the variables (paper, equation 1).
    seeds: how many to draw for each (variables, learning rate), by default as many as there
    are; fewer show what fewer seeds would have given. A resampled minimum is never below the observed one, so the bias
    against the fit is that of having fewer distinct seeds; it points the way, and `seed_bias` gives the size.
    Raises InvalidArgument where no group has two seeds.
    """
    frame = _checked_runs(law, runs)
    lowest = frame.groupby(list(law.variables), sort=True)["loss"].min().reset_index()
    origin = fit(law, lowest, objective=objective, delta=delta)
    order = frame.sort_values([*law.variables, "learning_rate"], kind="stable")
    group = order.groupby([*law.variables, "learning_rate"], sort=True).ngroup().to_numpy()
    cell = order.groupby(list(law.variables), sort=True).ngroup().to_numpy()
    sizes = np.bincount(group)
    if sizes.max() < 2:
        raise invalid("runs", "two seeds or more somewhere", frame, "train more seeds for each learning rate")
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    group_cell = cell[first]
    loss = order["loss"].to_numpy()
    minima = np.full((resamples, cell.max() + 1), np.inf)
    for draw in range(seeds or int(sizes.max())):
        taken = first + (generator.random((resamples, len(sizes))) * sizes).astype(int)
        used = np.where(draw < (sizes if seeds is None else seeds), loss[taken], np.inf)
        edges = np.flatnonzero(np.diff(group_cell, prepend=-1))
        minima = np.minimum(minima, np.minimum.reduceat(used, edges, axis=1))
    return _given(origin, minima)


def _given(origin: Fit, losses: np.ndarray) -> Resamples:
    """Refits to these losses, (resamples, points)."""
    y = np.log(losses) if origin.problem.logarithmic else losses
    start = np.broadcast_to(origin.theta, (len(y), len(origin.theta)))
    solution = origin.problem.solve(start, y=y)
    good = solution.converged
    if good.sum() < 2:
        raise invalid("law", "one whose refits converge", origin.law.formula, "use fewer parameters, or more points")
    draws = origin.problem.natural(solution.theta[good])
    return Resamples(origin, "runs", origin.law.parameters, draws, solution.value[good], int((~good).sum()))


@checked
def seed_bias(
    law: AnyLaw,
    parameters: Annotated[Mapping[str, float], BY_HAND],
    design: Any,
    generator: Generator,
    *,
    seeds: Annotated[Sequence[int], Remedy("pass numbers of seeds such as (1, 3, 9)")] = (1, 3, 9),
    datasets: Annotated[int, Integer(minimum=2, maximum=10**6)] = 400,
    noise: Annotated[float | Sequence[float] | np.ndarray, BY_HAND] = 0.01,
    learning_rates: Annotated[Sequence[float] | np.ndarray, BY_HAND] = (1e-3, 2e-3, 5e-3),
    curvature: NonNegative = 0.01,
    objective: Annotated[str, BY_HAND] = "log-huber",
    delta: Annotated[float | None, BY_HAND] = None,
) -> pd.DataFrame:
    """What the minimum over learning rates and seeds does to the parameters, on planted truth.

    Draws `datasets` tables of `points.synthetic.synthetic_runs` for each number of seeds, takes the minimum at every
    design point, refits. law, parameters, design, generator, learning_rates, curvature: as there. seeds: numbers of
    runs at each learning rate, tried one after the other. noise: relative, one number, or one for each design point.
    objective, delta: as for `fit`. Returns one row for each (seeds, parameter): truth, mean, bias, sd (of one data
    set), and se, the Monte Carlo error of the bias. Raises InvalidArgument.
    """
    rates = check_array("learning_rates", learning_rates, dimensions=1, above=0)
    summary = []
    for count in seeds:
        count = check_integer("seeds", count, minimum=1, maximum=10**4)
        # One large table: seeds of all data sets in a row, cut into data sets afterwards.
        runs = synthetic_runs(
            law,
            parameters,
            design,
            generator,
            seeds=count * datasets,
            learning_rates=rates,
            best_learning_rate=float(rates[len(rates) // 2]),
            curvature=curvature,
            noise=noise,
        )
        shape = (-1, len(rates), datasets, count)
        minima = runs["loss"].to_numpy().reshape(shape).min(axis=(1, 3)).T
        one_each = runs.iloc[:: len(rates) * datasets * count]
        table = {name: one_each[name].to_numpy() for name in law.variables}
        origin = fit(law, {**table, "loss": minima[0]}, objective=objective, delta=delta)
        refits = _given(origin, minima)
        for name in law.free:
            draws, truth = refits[name], float(parameters[name])
            mean, spread = float(draws.mean()), float(draws.std(ddof=1))
            summary.append((count, name, truth, mean, mean - truth, spread, spread / np.sqrt(len(draws))))
    columns = ["seeds", "parameter", "truth", "mean", "bias", "sd", "se"]
    return pd.DataFrame(summary, columns=columns).set_index(["seeds", "parameter"])
