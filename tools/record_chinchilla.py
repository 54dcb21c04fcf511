"""Our results on the 240 Chinchilla points, recorded with the SHA-256 of their file; the points themselves are not ours
to ship.

    python -m tools.record_chinchilla [svg_extracted_data.csv]

Without a path the points are downloaded. About ten minutes on one core, nearly all of it the refits of the network.
`tests/test_recorded_results.py` computes the cheap rows again wherever the points are at hand.
"""

import sys
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from scaling_lib.environment import single_thread
from scaling_lib.fits import allocation
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla, PowerLaw
from scaling_lib.fits.laws.published import published_law
from scaling_lib.fits.points.datasets import ChinchillaPoints, chinchilla_points
from scaling_lib.fits.surfaces import kernel_ridge, neural_regression, resampled_surfaces
from scaling_lib.fits.uncertainty.early_stops import search_from
from scaling_lib.fits.uncertainty.intervals import student_mean
from scaling_lib.fits.uncertainty.resampling import bootstrap
from scaling_lib.fits.uncertainty.windows import fit_each
from scaling_lib.runs.keeping.tables import record_result
from tools.chapters import ROOT

NAME = "chinchilla-results"
FOLDER = ROOT / "scaling_lib" / "recorded"
INNER = (1e19, 1e21)  # budgets with sizes on both sides of the optimum
REFITS = 100

Result = tuple[str, float, float, float]


def exactly(name: str, value: float) -> Result:
    """A number without a sampling error of its own: the optimum of an estimator on given points."""
    return name, float(value), float(value), float(value)


def refits(points: ChinchillaPoints) -> Iterator[Result]:
    """The parametric fit by two estimators, and the standard errors of the usual one."""
    table = points.table
    yield exactly("points", len(table) + points.dropped)
    for kind, objective in (("huber", "log-huber"), ("lad", "log-lad")):
        fitted = fit(Chinchilla(), table, objective=objective)
        for name, value in fitted.params.items():
            yield exactly(f"{kind}.{name}", value)
        if kind == "huber":
            yield exactly("huber.a", _compute_to_size(fitted.params))
            yield exactly("huber.mse", fitted.mse)
            draws = bootstrap(fitted, np.random.default_rng(0), resamples=4000)
            for name in ("alpha", "beta"):
                error = draws.standard_errors[name]
                half = 1.96 * error / np.sqrt(2 * 4000)  # of a standard deviation of normal draws
                yield f"huber.se-{name}", error, error - half, error + half


def one_dimensional(points: ChinchillaPoints) -> Iterator[Result]:
    """L(D) at like N: the mean over curves of the MSE, and of the exponent without its two extremes."""
    curves = fit_each(PowerLaw(variable="D"), points.table, by="N", within=0.01, smallest=4, objective="huber")
    exponents = np.sort(curves["beta"].to_numpy())[1:-1]
    for name, values in (("1d.mse", curves["mse"].to_numpy()), ("1d.beta", exponents)):
        yield name, *student_mean(values)


def windows(points: ChinchillaPoints) -> Iterator[Result]:
    """What a does when more of the largest losses are left out, and the exponents when E is pinned."""
    whole = pd.concat([points.table, _left_out(points)])
    for dropped in (0, 5, 80):
        table = whole.nsmallest(len(whole) - dropped, "loss")
        params = fit(Chinchilla(), table).params
        yield exactly(f"window.a-without-{dropped}", _compute_to_size(params))
    for floor in (1.70, 1.90):
        params = fit(Chinchilla().pin(E=floor), points.table).params
        for name in ("alpha", "beta"):
            yield exactly(f"pinned-{floor:.2f}.{name}", params[name])
        yield exactly(f"pinned-{floor:.2f}.a", _compute_to_size(params))


def _compute_to_size(params: Mapping[str, float]) -> float:
    """The exponent a of N_opt in C that the closed form gives."""
    return params["beta"] / (params["alpha"] + params["beta"])


def _left_out(points: ChinchillaPoints) -> pd.DataFrame:
    """The points of largest loss that `points` leaves out."""
    whole = chinchilla_points(sys.argv[1] if len(sys.argv) > 1 else None, drop=0).table
    return whole.nlargest(points.dropped, "loss")


def kernel(points: ChinchillaPoints) -> Iterator[Result]:
    """The paper's grid on a kernel surface, over the inner budgets and over all."""
    surface = kernel_ridge(points.table)
    for label, flops in (("inner", INNER), ("all", None)):
        frontier = allocation.grid_minimum(surface, flops=flops)
        for name in ("gamma", "a", "b"):
            yield exactly(f"kernel-{label}.{name}", frontier.exponents[name])


def network(points: ChinchillaPoints) -> Iterator[Result]:
    """The paper's grid on its network, with bands from refits to resampled points."""
    surface = neural_regression(points.table, np.random.default_rng(0))
    again = resampled_surfaces(surface, np.random.default_rng(1), resamples=REFITS, progress=True)
    summary = allocation.grid_minimum(surface, again, progress=True).summary()
    for name in ("gamma", "a", "b"):
        row = summary.loc[name]
        yield f"network.{name}", float(row["value"]), float(row["low"]), float(row["high"])


def chapter3(points: ChinchillaPoints) -> Iterator[Result]:
    """beta when more of the largest losses are left out, and where L-BFGS-B with its defaults stops when it starts at
    the values of Hoffmann et al."""
    whole = pd.concat([points.table, _left_out(points)])
    for dropped in (0, 5, 80):
        fitted = fit(Chinchilla(), whole.nsmallest(len(whole) - dropped, "loss"))
        yield exactly(f"window.beta-without-{dropped}", fitted.params["beta"])
    stopped = search_from(published_law("hoffmann").parameters, points.table)
    yield exactly("early-stop.above", stopped.above(fit(Chinchilla(), points.table)))
    for name in ("alpha", "beta"):
        yield exactly(f"early-stop.{name}", stopped.params[name])


CHEAP = (refits, one_dimensional, windows, kernel, chapter3)


def results(points: ChinchillaPoints, parts: tuple = (*CHEAP, network)) -> pd.DataFrame:
    """quantity, value, low, high (95 %), input_sha256."""
    lines = [result for part in parts for result in part(points)]
    return pd.DataFrame(lines, columns=["quantity", "value", "low", "high"]).assign(input_sha256=points.sha256)


if __name__ == "__main__":
    single_thread()
    given = chinchilla_points(sys.argv[1] if len(sys.argv) > 1 else None)
    if given.synthetic:
        sys.exit(f"The points themselves are needed, not their twin ({given.origin}): pass their file.")
    record_result(results(given), NAME, "python -m tools.record_chinchilla", FOLDER)
