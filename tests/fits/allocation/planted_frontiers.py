"""Surfaces whose compute-optimal frontier is known, and the real points where they are there."""


import numpy as np
import pandas as pd

from scaling_lib.fits.allocation import closed_form
from scaling_lib.fits.laws import Chinchilla

HOFFMANN = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
ASYMMETRIC = HOFFMANN | {"alpha": 0.465, "beta": 0.155}
EPOCH = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}


def _sizes(parameters, n, m):
    """n sizes and m numbers of tokens around the optima of 1e17 to 1e21 FLOPs."""
    optimal, ends = closed_form(parameters), np.array([1e17, 1e21])
    (n0, n1), (d0, d1) = optimal.optimal_parameters(ends), optimal.optimal_tokens(ends)
    return np.geomspace(n0 / 4, n1 * 4, n), np.geomspace(d0 / 4, d1 * 4, m)


def grid(parameters, n=8, *, noise=0.0, seed=0):
    """Runs on a square grid in log N and log D."""
    N, D = (a.ravel() for a in np.meshgrid(*_sizes(parameters, n, n)))
    loss = Chinchilla().loss(parameters, N=N, D=D) * np.exp(noise * np.random.default_rng(seed).normal(size=N.shape))
    return pd.DataFrame({"N": N, "D": D, "loss": loss})


def isoflops(parameters, width, *, points=15, budgets=5, centre=1.0, noise=0.0, seed=0):
    """Runs of equal compute around the optimum."""
    optimal = closed_form(parameters)
    parts = []
    for C in np.geomspace(1e17, 1e21, budgets):
        N = optimal.optimal_parameters(C) * centre * np.geomspace(1 / width, width, points)
        parts.append(pd.DataFrame({"N": N, "D": C / 6 / N}))
    runs = pd.concat(parts, ignore_index=True)
    loss = Chinchilla().loss(parameters, N=runs["N"].to_numpy(), D=runs["D"].to_numpy())
    return runs.assign(loss=loss * np.exp(noise * np.random.default_rng(seed).normal(size=len(runs))))


def curves(parameters, sizes=12, points=40):
    """Learning curves that lie on L(N, D) exactly: a constant learning rate with nothing to decay."""
    every, D = _sizes(parameters, sizes, points)
    parts = [pd.DataFrame({"run": run, "N": N, "D": D}) for run, N in enumerate(every)]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(loss=Chinchilla().loss(parameters, N=table["N"].to_numpy(), D=table["D"].to_numpy()))
