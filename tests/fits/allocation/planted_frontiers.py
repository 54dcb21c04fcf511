"""Surfaces whose compute-optimal frontier is known, and tables of runs on them, with noise where it is asked for."""

import numpy as np

from scaling_lib.fits.allocation import closed_form
from scaling_lib.fits.points.synthetic import planted_curves, planted_isoflops, planted_runs

HOFFMANN = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
ASYMMETRIC = HOFFMANN | {"alpha": 0.465, "beta": 0.155}
EPOCH = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}


def _sizes(parameters, n, m):
    """n sizes and m numbers of tokens around the optima of 1e17 to 1e21 FLOPs."""
    optimal, ends = closed_form(parameters), np.array([1e17, 1e21])
    (n0, n1), (d0, d1) = optimal.optimal_parameters(ends), optimal.optimal_tokens(ends)
    return np.geomspace(n0 / 4, n1 * 4, n), np.geomspace(d0 / 4, d1 * 4, m)


def _noisy(runs, noise, seed):
    """`runs` with losses off by the factor exp(noise z), z standard normal."""
    return runs.assign(loss=runs["loss"] * np.exp(noise * np.random.default_rng(seed).normal(size=len(runs))))


def grid(parameters, n=8, *, noise=0.0, seed=0):
    """Runs on a square grid in log N and log D."""
    N, D = (axis.ravel() for axis in np.meshgrid(*_sizes(parameters, n, n)))
    return _noisy(planted_runs(parameters, N, D), noise, seed)[["N", "D", "loss"]]


def isoflops(parameters, width, *, points=15, budgets=5, centre=1.0, noise=0.0, seed=0):
    """Runs of equal compute around the optimum."""
    C = np.geomspace(1e17, 1e21, budgets)
    middles = centre * closed_form(parameters).optimal_parameters(C)
    runs = planted_isoflops(parameters, C, middles, width=width, sizes=points)
    return _noisy(runs, noise, seed)[["N", "D", "loss"]]


def curves(parameters, sizes=12, points=40):
    """Learning curves that lie on L(N, D) exactly: a constant learning rate with nothing to decay."""
    N, D = _sizes(parameters, sizes, points)
    return planted_curves(parameters, N, np.tile(D, (sizes, 1)))[["run", "N", "D", "loss"]]
