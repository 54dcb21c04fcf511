"""Tables drawn from a planted law: the truth is known, and every table says that it is not data."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from scaling_lib.errors import InvalidArgument, check_array, check_instance, check_integer, check_real, invalid
from scaling_lib.fits.laws import Chinchilla, Law, published_law
from scaling_lib.fits.tables import check_kind, checked_column

__all__ = ["synthetic_chinchilla", "synthetic_runs"]


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
    frame.attrs["source"] = "SYNTHETIC: drawn from a planted law, not measured"
    return frame
