"""Resampling: how much the estimates would have moved, had the data fallen otherwise.

* pairs: points drawn with replacement; a resample is a vector of multinomial weights.
* wild: the residuals keep their place and change sign at random (Rademacher; the paper's appendix B). x is fixed.
* jackknife: one point left out at a time.
* runs: L(N, D) is a minimum over learning rates and seeds, hence biased low and correlated; seeds are resampled within
  each (N, D, learning rate), the minimum is taken again, and the law is refitted.

All resamples of a fit are solved at once (`newton`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from scaling_lib.errors import InvalidArgument, check_choice, check_instance, check_integer
from scaling_lib.fits.fitting import Fit
from scaling_lib.fits.laws import Law

__all__ = ["Resamples", "bootstrap", "jackknife", "runs_bootstrap"]

KINDS = ("pairs", "wild")


@dataclass(frozen=True, eq=False)
class Resamples:
    """Refits of a fit. kind: "pairs", "wild", "jackknife" or "runs". parameters: names of the columns of `draws`
    (resamples, parameters); failed: refits dropped because they did not converge."""

    fit: Fit
    kind: str
    parameters: tuple[str, ...]
    draws: Float[np.ndarray, "resamples parameters"]
    objectives: Float[np.ndarray, " resamples"]
    failed: int

    def __getitem__(self, parameter: str) -> np.ndarray:
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


def _collected(fit: Fit, kind: str, solution: Any) -> Resamples:
    good = solution.converged
    if not good.any():
        raise InvalidArgument("fit must allow refits, got none that converged: use a law with fewer parameters.")
    natural = fit.problem.natural(solution.theta[good])
    return Resamples(fit, kind, fit.law.parameters, natural, solution.value[good], int((~good).sum()))


def bootstrap(
    fit: Fit, generator: np.random.Generator, *, resamples: int = 4000, kind: str = "pairs"
) -> Resamples:
    """`resamples` refits on resampled points ("pairs") or re-signed residuals ("wild"), all at once."""
    check_instance("fit", fit, Fit, remedy="make one with fitting.fit")
    check_instance("generator", generator, np.random.Generator, remedy="pass np.random.default_rng(0)")
    resamples = check_integer("resamples", resamples, minimum=2)
    check_choice("kind", kind, KINDS)
    start = np.broadcast_to(fit.theta, (resamples, len(fit.theta)))
    if kind == "pairs":
        counts = generator.multinomial(fit.n, np.full(fit.n, 1 / fit.n), size=resamples).astype(float)
        if fit.problem.weights is not None:
            counts = counts * fit.problem.weights
        return _collected(fit, kind, fit.problem.solve(start, weights=counts))
    signs = generator.integers(0, 2, (resamples, fit.n)) * 2.0 - 1.0
    y = fit.problem.y - fit.residuals + signs * fit.residuals
    return _collected(fit, kind, fit.problem.solve(start, y=y))


def jackknife(fit: Fit) -> Resamples:
    """One refit for each point left out. Invalid for log-lad and nearly so for log-huber with a small delta."""
    check_instance("fit", fit, Fit, remedy="make one with fitting.fit")
    weights = np.ones((fit.n, fit.n)) - np.eye(fit.n)
    if fit.problem.weights is not None:
        weights = weights * fit.problem.weights
    start = np.broadcast_to(fit.theta, (fit.n, len(fit.theta)))
    return _collected(fit, "jackknife", fit.problem.solve(start, weights=weights))


def runs_bootstrap(law: Law, runs: pd.DataFrame, generator: np.random.Generator, *, resamples: int = 1000) -> Resamples:
    """Resample seeds within each (N, D, learning_rate), take the minimum again, refit. (First version.)"""
    raise NotImplementedError
