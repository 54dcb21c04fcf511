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
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from tqdm import tqdm

from scaling_lib.errors import (
    InvalidArgument,
    check_array,
    check_choice,
    check_flag,
    check_instance,
    check_integer,
    check_real,
    check_sequence,
    invalid,
)
from scaling_lib.fits.fitting import Fit, fit
from scaling_lib.fits.laws.forms import Law
from scaling_lib.fits.points.synthetic import synthetic_runs
from scaling_lib.fits.tables import table_columns

__all__ = ["Resamples", "best_losses", "bootstrap", "jackknife", "runs_bootstrap", "seed_bias"]

KINDS = ("pairs", "wild", "inflated", "jackknife", "runs")

# Resamples times points that are drawn at a time: what bounds the memory.
_BLOCK = 4_000_000


@dataclass(frozen=True, eq=False)
class Resamples:
    """Refits of a fit. kind: one of KINDS. parameters: names of the columns of `draws` (resamples, parameters).

    objectives: minimum of each refit. failed: refits dropped, since they did not converge or their resample holds fewer
    distinct points than parameters.
    """

    fit: Fit
    kind: str
    parameters: tuple[str, ...]
    draws: Float[np.ndarray, "resamples parameters"]
    objectives: Float[np.ndarray, " resamples"]
    failed: int

    def __post_init__(self) -> None:
        check_instance("fit", self.fit, Fit, remedy="make one with fitting.fit")
        check_choice("kind", self.kind, KINDS)
        check_sequence("parameters", self.parameters, str, remedy="pass the names of the columns of draws")
        draws = check_array("draws", self.draws, dimensions=2, least=2)
        if draws.shape[1] != len(self.parameters):
            raise invalid("draws", f"{len(self.parameters)} columns wide", draws, "pass one column a parameter")
        check_array("objectives", self.objectives, dimensions=1, length=len(draws))
        check_integer("failed", self.failed, minimum=0)

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
    origin: Fit, kind: str, rows: Callable[[int], dict[str, np.ndarray]], count: int, progress: bool
) -> Resamples:
    """Solve `count` resamples. rows(size): the weights or the y of the next `size` of them, made block by block."""
    thetas, values, goods = [], [], []
    size = max(1, _BLOCK // len(origin.problem.loss))
    blocks = range(0, count, min(size, 1000) if progress else size)
    for first in tqdm(blocks, desc=f"{kind} resamples", disable=not progress):
        block = rows(min(blocks.step, count - first))
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


def bootstrap(
    fit: Fit,
    generator: np.random.Generator,
    *,
    resamples: int = 4000,
    kind: str = "pairs",
    progress: bool = False,
) -> Resamples:
    """`resamples` refits on resampled points ("pairs") or on residuals with random signs ("wild", "inflated").

    All at once; thresholds and start are those of the fit. Raises InvalidArgument.
    """
    check_instance("fit", fit, Fit, remedy="make one with fitting.fit")
    check_instance("generator", generator, np.random.Generator, remedy="pass np.random.default_rng(0)")
    resamples = check_integer("resamples", resamples, minimum=2, maximum=10**7)
    check_choice("kind", kind, ("pairs", "wild", "inflated"))
    progress = check_flag("progress", progress)
    return _refits(fit, kind, _rows(fit, generator, kind), resamples, progress)


def _rows(fit: Fit, generator: np.random.Generator, kind: str) -> Callable[[int], dict[str, np.ndarray]]:
    """What draws the next resamples of a fit: their weights ("pairs") or their y ("wild", "inflated")."""
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


def _refits_of_each(fits: Sequence[Fit], rows: Sequence[dict[str, np.ndarray]]) -> list[np.ndarray]:
    """Draws (resamples, parameters) of several fits that differ in their losses only: one batch, so that the cost of a
    step of the solver is shared by all. rows: the resamples of each fit. Refits that fail are left out."""
    problem, counts = fits[0].problem, [len(next(iter(each.values()))) for each in rows]
    start = np.repeat(np.array([each.theta for each in fits]), counts, axis=0)
    own = np.repeat(np.array([each.problem.y for each in fits]), counts, axis=0)
    y = np.concatenate([each["y"] for each in rows]) if "y" in rows[0] else own
    weights = np.concatenate([each["weights"] for each in rows]) if "weights" in rows[0] else None
    solution = problem.solve(start, weights=weights, y=y)
    good = solution.converged & (_distinct(fits[0], weights) >= len(fits[0].law.free))
    draws, ends = problem.natural(solution.theta), np.cumsum(counts)[:-1]
    return [one[kept] for one, kept in zip(np.split(draws, ends), np.split(good, ends), strict=True)]


def jackknife(fit: Fit) -> Resamples:
    """One refit for each point of positive weight left out.

    Not to be trusted for log-lad, nor for log-huber with a threshold below the residuals: a median does not move
    smoothly when one point goes.
    """
    check_instance("fit", fit, Fit, remedy="make one with fitting.fit")
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
    rows = np.tile(weights, (len(places), 1))
    rows[np.arange(len(places)), places] = 0.0
    return rows


def best_losses(law: Law, runs: pd.DataFrame) -> pd.DataFrame:
    """L(N, D): for each value of the law's variables the least loss over learning rates and seeds (paper, equation 1).

    runs: columns of the law's variables, learning_rate, seed, loss; with a column status, only rows that are "ok" take
    part. Returns the variables, loss and trials, the number of runs behind each minimum. Raises InvalidArgument.
    """
    frame = _checked_runs(law, runs)
    groups = frame.groupby(list(law.variables), sort=True)["loss"]
    return groups.agg(loss="min", trials="size").reset_index()


def _checked_runs(law: Law, runs: Any) -> pd.DataFrame:
    check_instance("law", law, Law, remedy="build one such as Chinchilla()")
    check_instance("runs", runs, pd.DataFrame, remedy="pass a DataFrame, one row a run")
    needed = (*law.variables, "learning_rate", "seed", "loss")
    absent = [name for name in needed if name not in runs]
    if absent:
        raise InvalidArgument(f"runs lacks the column {absent[0]!r}, got {', '.join(map(str, runs))[:200]}: add it.")
    frame = runs.loc[runs["status"] == "ok"] if "status" in runs else runs
    columns, loss = table_columns(law, frame)
    rates = np.asarray(frame["learning_rate"])
    if rates.dtype.kind not in "iuf" or not np.isfinite(rates.astype(float)).all():
        raise invalid("runs['learning_rate']", "a column of finite numbers", rates, "mend it")
    return pd.DataFrame({**columns, "learning_rate": rates, "seed": np.asarray(frame["seed"]), "loss": loss})


def runs_bootstrap(
    law: Law,
    runs: pd.DataFrame,
    generator: np.random.Generator,
    *,
    resamples: int = 1000,
    seeds: int | None = None,
    objective: str = "log-huber",
    delta: float | None = None,
) -> Resamples:
    """Refits to minima over resampled seeds; `Resamples.fit` is the fit to the minima as they are.

    runs: as for `best_losses`. seeds: how many to draw for each (variables, learning rate), by default as many as there
    are; fewer show what fewer seeds would have given. A resampled minimum is never below the observed one, so the bias
    against the fit is that of having fewer distinct seeds; it points the way, and `seed_bias` gives the size.
    Raises InvalidArgument where no group has two seeds.
    """
    frame = _checked_runs(law, runs)
    check_instance("generator", generator, np.random.Generator, remedy="pass np.random.default_rng(0)")
    resamples = check_integer("resamples", resamples, minimum=2, maximum=10**6)
    if seeds is not None:
        seeds = check_integer("seeds", seeds, minimum=1, maximum=10**4)
    origin = fit(law, best_losses(law, runs), objective=objective, delta=delta)
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


def seed_bias(
    law: Law,
    parameters: Mapping[str, float],
    design: Any,
    generator: np.random.Generator,
    *,
    seeds: Sequence[int] = (1, 3, 9),
    datasets: int = 400,
    noise: float | Sequence[float] | np.ndarray = 0.01,
    learning_rates: Sequence[float] | np.ndarray = (1e-3, 2e-3, 5e-3),
    curvature: float = 0.01,
    objective: str = "log-huber",
    delta: float | None = None,
) -> pd.DataFrame:
    """What the minimum over learning rates and seeds does to the parameters, on planted truth.

    Draws `datasets` tables of `tables.synthetic_runs` for each number of seeds, takes the minimum at every design
    point, refits. noise: relative, one number, or one for each design point. Returns one row for each (seeds,
    parameter): truth, mean, bias, sd (of one data set), and se, the Monte Carlo error of the bias.
    """
    rates = check_array("learning_rates", learning_rates, dimensions=1, above=0)
    counts = check_sequence("seeds", seeds, int, remedy="pass numbers of seeds such as (1, 3, 9)")
    datasets = check_integer("datasets", datasets, minimum=2, maximum=10**6)
    check_real("curvature", curvature, minimum=0)
    rows = []
    for count in counts:
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
            rows.append((count, name, truth, mean, mean - truth, spread, spread / np.sqrt(len(draws))))
    columns = ["seeds", "parameter", "truth", "mean", "bias", "sd", "se"]
    return pd.DataFrame(rows, columns=columns).set_index(["seeds", "parameter"])
