"""The entries of the benchmark for fitters (`benchmarks.fitters`): ours, and what a user would take instead.

An entry is a function of (table, kind). table: a DataFrame with columns N (parameters), D (tokens), loss (nats). kind:

    power-D      L = E + B D^-beta
    chinchilla   L = E + A N^-alpha + B D^-beta

It returns an object with `E` (nats), `exponents` (a mapping: beta, for chinchilla alpha too) and `predict(N, D)` (nats,
for arrays); `Fitted` is one. It raises NotImplementedError for a kind that it does not do.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import optimize, special

from scaling_lib.fits.fitting import fit, fit_paper_procedure
from scaling_lib.fits.laws import Chinchilla, Law, PowerLaw

DELTA = 1e-3
# Hoffmann et al. 2022, section D.2: where the searches for log E, log A, log B, alpha and beta begin.
GRID = {
    "E": np.arange(-1.0, 1.5, 0.5),
    "A": np.arange(0.0, 30.0, 5.0),
    "B": np.arange(0.0, 30.0, 5.0),
    "alpha": np.arange(0.0, 2.5, 0.5),
    "beta": np.arange(0.0, 2.5, 0.5),
}
NAMES = {"power-D": ("E", "B", "beta"), "chinchilla": ("E", "A", "B", "alpha", "beta")}
Fitter = Callable[[pd.DataFrame, str], Any]


@dataclass(frozen=True)
class Fitted:
    """A law with its parameters: E, B, beta, and A, alpha where the law has them (E in nats)."""

    parameters: Mapping[str, float]

    @property
    def E(self) -> float:  # noqa: N802
        return float(self.parameters["E"])

    @property
    def exponents(self) -> dict[str, float]:
        return {name: float(self.parameters[name]) for name in ("alpha", "beta") if name in self.parameters}

    def predict(self, N: Float[np.ndarray, " points"], D: Float[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
        """Loss in nats."""
        p = self.parameters
        in_n = p["A"] * np.asarray(N, float) ** -p["alpha"] if "A" in p else 0.0
        return p["E"] + in_n + p["B"] * np.asarray(D, float) ** -p["beta"]


@dataclass(frozen=True)
class Entry:
    """needs: the package without which it cannot run. says: in a line, what is minimised and from where."""

    fitter: Fitter
    says: str
    needs: str | None = None


# Ours ----------------------------------------------------------------------------------------------------------------


def _law(kind: str) -> Law:
    return PowerLaw(variable="D") if kind == "power-D" else Chinchilla()


def ours(table: pd.DataFrame, kind: str, objective: str) -> Fitted:
    """`scaling_lib.fit`: no start is asked for."""
    return Fitted(fit(_law(kind), table, objective=objective).params)


def paper_procedure(table: pd.DataFrame, kind: str) -> Fitted:
    """Appendix B of the paper, in one variable only."""
    law = _law(kind)
    if not isinstance(law, PowerLaw):
        raise NotImplementedError("the paper's procedure is for one variable")
    return Fitted(fit_paper_procedure(law, table, np.random.default_rng(0)).params)


# scipy ---------------------------------------------------------------------------------------------------------------


def usual_start(table: pd.DataFrame, kind: str) -> dict[str, float]:
    """E is the lowest loss, exponents are 1/2, and at the smallest N and D the powers add up to the range of losses."""
    start, powers = {"E": float(table["loss"].min())}, {"B": "D"} if kind == "power-D" else {"A": "N", "B": "D"}
    for coefficient, column in powers.items():
        start[coefficient] = float(np.ptp(table["loss"]) / len(powers) * table[column].min() ** 0.5)
    return start | dict.fromkeys(NAMES[kind][len(start) :], 0.5)


def _loss(kind: str, values: np.ndarray, N: np.ndarray, D: np.ndarray) -> np.ndarray:
    return Fitted(dict(zip(NAMES[kind], values, strict=True))).predict(N, D)


def curve_fit(table: pd.DataFrame, kind: str) -> Fitted:
    """Squared errors of L, from the usual start, every setting at its default."""
    N, D, loss = (table[name].to_numpy(float) for name in ("N", "D", "loss"))
    start = list(usual_start(table, kind).values())
    values, _ = optimize.curve_fit(lambda _, *tried: _loss(kind, np.array(tried), N, D), D, loss, p0=start)
    return Fitted(dict(zip(NAMES[kind], values, strict=True)))


def _natural(kind: str, logs: np.ndarray) -> dict[str, float]:
    """From (log E, log coefficients, exponents)."""
    return {name: float(np.exp(at) if name in "EAB" else at) for name, at in zip(NAMES[kind], logs, strict=True)}


class _Logarithmic:
    """log L less the logarithm of the law, and its slopes, at (log E, log coefficients, exponents)."""

    def __init__(self, table: pd.DataFrame, kind: str) -> None:
        self.N, self.D, self.y = (np.log(table[name].to_numpy(float)) for name in ("N", "D", "loss"))
        self.kind = kind

    def parts(self, logs: np.ndarray) -> np.ndarray:
        """Logarithms of the terms, (terms, ..., points); logs has shape (..., parameters)."""
        at = {name: logs[..., i, None] for i, name in enumerate(NAMES[self.kind])}
        terms = [at["E"] + 0 * self.D, at["B"] - at["beta"] * self.D]
        if self.kind == "chinchilla":
            terms.insert(1, at["A"] - at["alpha"] * self.N)
        return np.stack(terms)

    def residuals(self, logs: np.ndarray) -> np.ndarray:
        return self.y - special.logsumexp(self.parts(logs), axis=0)

    def slopes(self, logs: np.ndarray) -> np.ndarray:
        """Of the residuals, (points, parameters)."""
        share = special.softmax(self.parts(logs), axis=0)
        in_exponents = [-share[-1] * self.D]
        if self.kind == "chinchilla":
            in_exponents.insert(0, -share[1] * self.N)
        return -np.stack([*share, *in_exponents], axis=1)

    def huber(self, logs: np.ndarray) -> np.ndarray:
        return special.huber(DELTA, self.residuals(logs)).sum(axis=-1)

    def huber_slope(self, logs: np.ndarray) -> np.ndarray:
        return np.clip(self.residuals(logs), -DELTA, DELTA) @ self.slopes(logs)


def least_squares(table: pd.DataFrame, kind: str, starts: int = 10) -> Fitted:
    """Squared errors of log L, from random starts in the box of Hoffmann et al.'s grid."""
    problem, generator = _Logarithmic(table, kind), np.random.default_rng(0)
    low, high = np.array([[GRID[name].min(), GRID[name].max()] for name in NAMES[kind]]).T
    runs = [
        optimize.least_squares(problem.residuals, generator.uniform(low, high), problem.slopes, x_scale="jac")
        for _ in range(starts)
    ]
    return Fitted(_natural(kind, min(runs, key=lambda run: float(run.cost)).x))


def grid_of_starts(table: pd.DataFrame, kind: str, polished: int = 20) -> Fitted:
    """Huber's loss of log L from Hoffmann et al.'s grid, as in the replication of Besiroglu et al.; to save time only
    the best starts of the grid are followed, with scipy's default tolerances as there."""
    problem = _Logarithmic(table, kind)
    axes = [GRID[name] for name in NAMES[kind]]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    best = grid[np.argsort(problem.huber(grid), kind="stable")[:polished]]
    runs = [optimize.minimize(problem.huber, start, jac=problem.huber_slope, method="L-BFGS-B") for start in best]
    return Fitted(_natural(kind, min(runs, key=lambda run: float(run.fun)).x))


# Packages ------------------------------------------------------------------------------------------------------------


def with_lmfit(table: pd.DataFrame, kind: str) -> Fitted:
    """Squared errors of L from the usual start, no parameter below zero."""
    import lmfit

    parameters = lmfit.Parameters()
    for name, value in usual_start(table, kind).items():
        parameters.add(name, value=value, min=0)
    N, D, loss = (table[name].to_numpy(float) for name in ("N", "D", "loss"))
    minimum = lmfit.minimize(lambda p: Fitted(p.valuesdict()).predict(N, D) - loss, parameters)
    return Fitted(minimum.params.valuesdict())


def with_chinchilla(table: pd.DataFrame, kind: str) -> Fitted:
    """Huber's loss of log L from the corners of the grid in the package's README, E in proportion to the lowest loss.
    All of that grid would take half a minute a table."""
    if kind != "chinchilla":
        raise NotImplementedError("the package has the law in N and D only")
    import chinchilla
    from chinchilla._metrics import log_huber

    lowest = float(table["loss"].min())
    corners = {"E": (lowest / 2, lowest), "a": (1, 10), "b": (1, 10), "alpha": (0.1, 0.7), "beta": (0.1, 0.7)}
    with tempfile.TemporaryDirectory() as folder:
        model = chinchilla.Chinchilla(
            project_dir=folder, param_grid=corners, loss_fn=partial(log_huber, delta=DELTA), log_level=100
        )
        model.visualizer.optim = lambda *_, **__: None  # it draws after every fit
        for row in table.itertuples():
            model.append(N=int(row.N), D=int(row.D), loss=float(row.loss))
        model.fit(parallel=False)
    return Fitted({name: float(getattr(model, name)) for name in NAMES[kind]})


ENTRIES: dict[str, Entry] = {
    "scaling_lib, log-huber": Entry(partial(ours, objective="log-huber"), "Huber's loss of log L; no start needed"),
    "scaling_lib, log-ols": Entry(partial(ours, objective="log-ols"), "squared errors of log L; no start needed"),
    "the paper's procedure": Entry(paper_procedure, "Huber's loss of L, its threshold from the spread of L"),
    "scipy curve_fit": Entry(curve_fit, "squared errors of L, one start, defaults"),
    "scipy least_squares": Entry(least_squares, "squared errors of log L, random starts"),
    "scipy L-BFGS-B": Entry(grid_of_starts, "Huber's loss of log L, the best of Hoffmann et al.'s starts, defaults"),
    "lmfit": Entry(with_lmfit, "squared errors of L, one start, defaults, nothing below zero", "lmfit"),
    "chinchilla": Entry(with_chinchilla, "Huber's loss of log L, the corners of its README's grid", "chinchilla"),
}
