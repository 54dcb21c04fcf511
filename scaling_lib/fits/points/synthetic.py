"""Tables drawn from a planted law: the truth is known, and every table says that it is not data."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from scaling_lib.errors import InvalidArgument, check_array, check_instance, check_integer, check_real, invalid
from scaling_lib.fits.laws import Chinchilla, Law, published_law
from scaling_lib.fits.tables import check_kind, checked_column

__all__ = ["planted_curves", "planted_isoflops", "planted_runs", "synthetic_chinchilla", "synthetic_runs"]

_PLANTED = "SYNTHETIC: drawn from a planted law, not measured"


def synthetic_chinchilla(generator: np.random.Generator, points: int = 240) -> pd.DataFrame:
    """SYNTHETIC runs drawn from a published law, on a design like that of Hoffmann et al. 2022, figure 4. Not data.

    L is the published law `besiroglu` times exp(noise): Student t with 3 degrees of freedom, scale .004, which gives
    residuals like those of the real points. Columns N, D, C, loss; `attrs["source"]` says synthetic.
    """
    check_instance("generator", generator, np.random.Generator, remedy="pass np.random.default_rng(0)")
    points = check_integer("points", points, minimum=5)
    sizes = np.geomspace(5e7, 1.6e10, 40)
    compute = np.exp(generator.uniform(math.log(6e18), math.log(3e21), points))
    # Runs lie within a factor of about 7 of the line N = sqrt(C / 120), twenty tokens per parameter.
    aim = np.sqrt(compute / 120) * np.exp(generator.uniform(-2, 2, points))
    n = sizes[np.abs(np.log(sizes) - np.log(aim)[:, None]).argmin(axis=1)]
    d = compute / (6 * n)
    noise = 0.004 * generator.standard_t(3, points)
    loss = Chinchilla().loss(published_law("besiroglu").parameters, N=n, D=d) * np.exp(noise)
    table = pd.DataFrame({"N": n, "D": d, "C": compute, "loss": loss})
    table.attrs["source"] = "SYNTHETIC: drawn from the law of arXiv 2404.10102, not measured"
    return table


def synthetic_runs(
    law: Law,
    parameters: Mapping[str, float],
    design: Any,
    generator: np.random.Generator,
    *,
    seeds: int = 3,
    learning_rates: Sequence[float] | np.ndarray = (1e-3, 2e-3, 5e-3),
    best_learning_rate: float = 2e-3,
    curvature: float = 0.01,
    noise: float | Sequence[float] | np.ndarray = 0.01,
) -> pd.DataFrame:
    """SYNTHETIC runs: every design point at every learning rate with every seed. Not data.

    loss = law(x) (1 + curvature log(lr / best)^2) exp(noise z), z standard normal, so that the law is the loss that the
    best learning rate has *on average*. design: the law's variables. noise: relative, one number or one per design
    point. Columns: the design's, learning_rate, seed, loss. `runs_bootstrap` fits the minimum over runs.
    """
    check_instance("law", law, Law, remedy="build one such as Chinchilla()")
    check_kind(design, "design")
    check_instance("generator", generator, np.random.Generator, remedy="pass np.random.default_rng(0)")
    seeds = check_integer("seeds", seeds, minimum=1)
    rates = check_array("learning_rates", learning_rates, dimensions=1, above=0)
    best = check_real("best_learning_rate", best_learning_rate, above=0)
    curvature = check_real("curvature", curvature, minimum=0)
    for name in law.variables:
        if name not in design:
            raise InvalidArgument(f"design lacks the column {name!r} that {law.formula} needs: add it.")
    columns = {name: checked_column(name, design[name]) for name in law.variables}
    points = len(columns[law.variables[0]])
    if len({len(column) for column in columns.values()}) > 1:
        raise invalid("design", "columns of one length", design, "pass one row for each design point")
    spread = check_array("noise", np.atleast_1d(noise), dimensions=1, minimum=0)
    if len(spread) not in (1, points):
        raise invalid("noise", f"one number, or {points}, one for each design point", noise, "pass as many")
    spread = np.broadcast_to(spread, (points,))
    truth = law.loss(parameters, **columns)
    shape = (points, len(rates), seeds)
    penalty = 1 + curvature * np.log(rates / best) ** 2
    loss = truth[:, None, None] * penalty[:, None] * np.exp(spread[:, None, None] * generator.standard_normal(shape))
    place, rate, seed = (axis.ravel() for axis in np.indices(shape))
    table = {name: values[place] for name, values in columns.items()}
    frame = pd.DataFrame({**table, "learning_rate": rates[rate], "seed": seed, "loss": loss.ravel()})
    frame.attrs["source"] = _PLANTED
    return frame


def planted_runs(
    parameters: Mapping[str, float], N: Float[np.ndarray, " runs"], D: Float[np.ndarray, " runs"]
) -> pd.DataFrame:
    """SYNTHETIC runs that lie on a Chinchilla law exactly: columns C = 6 N D (FLOPs), N, D, loss (nats). Not data.

    parameters: E, A, B, alpha, beta. N: parameters, D: tokens, one of each for every run. Raises InvalidArgument.
    """
    N = check_array("N", N, dimensions=1, above=0, least=1)
    D = check_array("D", D, dimensions=1, above=0, length=len(N))
    table = pd.DataFrame({"C": 6 * N * D, "N": N, "D": D, "loss": Chinchilla().loss(parameters, N=N, D=D)})
    table.attrs["source"] = _PLANTED
    return table


def planted_isoflops(
    parameters: Mapping[str, float],
    budgets: Float[np.ndarray, " budgets"],
    middles: Float[np.ndarray, " budgets"],
    *,
    width: float,
    sizes: int = 11,
) -> pd.DataFrame:
    """`planted_runs` of equal compute: at each of `budgets` (FLOPs) log-spaced sizes from middle / width to
    middle width. C is the budget itself, so that the runs of one budget share it to the last bit.

    middles: parameters, one for each budget, such as `closed_form(parameters).optimal_parameters(budgets)`. sizes: how
    many a budget. Raises InvalidArgument.

    >>> law = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
    >>> planted_isoflops(law, np.array([1e20]), np.array([1e9]), width=2, sizes=3).round(4)["loss"].tolist()
    [2.6027, 2.6081, 2.6547]
    """
    budgets = check_array("budgets", budgets, dimensions=1, above=0, least=1)
    middles = check_array("middles", middles, dimensions=1, above=0, length=len(budgets))
    width = check_real("width", width, above=1, maximum=1e6)
    sizes = check_integer("sizes", sizes, minimum=1, maximum=100_000)
    N = (middles[:, None] * np.geomspace(1 / width, width, sizes)).ravel()
    C = np.repeat(budgets, sizes)
    return planted_runs(parameters, N, C / 6 / N).assign(C=C)


def planted_curves(
    parameters: Mapping[str, float],
    sizes: Float[np.ndarray, " sizes"],
    tokens: Float[np.ndarray, "sizes points"],
    *,
    lift: float = 0.0,
) -> pd.DataFrame:
    """SYNTHETIC learning curves: columns run (0, 1, ...), C, N, D, loss. Not data.

    sizes: parameters, one for each run. tokens: where the runs are looked at; a row for each run. lift: by how many
    nats a curve lies above the law before its first token; the lift falls in proportion to the tokens still to come, to
    nothing at the run's largest number of tokens. 0 is a constant learning rate with nothing to decay; what a cosine
    lifts is not known, and this is only its direction. Raises InvalidArgument.
    """
    sizes = check_array("sizes", sizes, dimensions=1, above=0, least=1)
    tokens = check_array("tokens", tokens, dimensions=2, above=0, length=len(sizes))
    lift = check_real("lift", lift, minimum=0)
    points = tokens.shape[1]
    table = planted_runs(parameters, np.repeat(sizes, points), tokens.ravel())
    to_come = 1 - tokens / tokens.max(axis=1, keepdims=True)
    table.insert(0, "run", np.repeat(np.arange(len(sizes)), points))
    return table.assign(loss=table["loss"] + lift * to_come.ravel())
