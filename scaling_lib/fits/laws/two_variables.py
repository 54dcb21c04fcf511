"""Laws of the loss in model size N and tokens D: Chinchilla's sum of two powers, and Kaplan's nested form."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scaling_lib.arguments import NonNegative, checked
from scaling_lib.fits.laws.forms import AffineTerm, Candidates, CurvedTerm, Law

__all__ = ["Chinchilla", "Kaplan"]

_CONSTANT = np.ones((1, 1))
_EXPONENT_AXIS = np.geomspace(0.02, 3.0, 24)


@checked
@dataclass(frozen=True, kw_only=True)
class Chinchilla(Law):
    """L = E + A N^-alpha + B D^-beta: Hoffmann et al. 2022 (arXiv 2203.15556), equation 2; paper equation 3.

    tied_exponents: alpha = beta, one parameter less (reported as alpha).
    """

    tied_exponents: bool = False

    @property
    def variables(self) -> tuple[str, ...]:
        return ("N", "D")

    @property
    def parameters(self) -> tuple[str, ...]:
        return ("E", "A", "B", *self.exponents)

    @property
    def exponents(self) -> tuple[str, ...]:
        return ("alpha",) if self.tied_exponents else ("alpha", "beta")

    @property
    def formula(self) -> str:
        return f"L = E + A N^-alpha + B D^-{self.exponents[-1]}"

    def _loss(self, values: Mapping[str, float], columns: Mapping[str, np.ndarray]) -> np.ndarray | np.floating:
        alpha, beta = values["alpha"], values[self.exponents[-1]]
        return values["E"] + values["A"] * columns["N"] ** -alpha + values["B"] * columns["D"] ** -beta

    def frame(self, centre: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        matrix, shift = Law.frame(self, centre)
        matrix[1, 3], matrix[2, -1] = centre["N"], centre["D"]
        return matrix, shift

    def terms(self, columns: Mapping[str, np.ndarray], centre: Mapping[str, float]) -> list[AffineTerm | CurvedTerm]:
        sides = []
        for name in ("N", "D"):
            log_x = np.log(columns[name]) - centre[name]
            sides.append(np.stack([np.ones_like(log_x), -log_x]))
        last = len(self.parameters) - 1
        return [AffineTerm((0,), _CONSTANT), AffineTerm((1, 3), sides[0]), AffineTerm((2, last), sides[1])]

    def candidates(
        self, columns: Mapping[str, np.ndarray], centre: Mapping[str, float], loss: np.ndarray
    ) -> Candidates:
        log_n, log_d = (np.log(columns[name]) - centre[name] for name in ("N", "D"))
        grid = self._grid(**dict.fromkeys(self.exponents, _EXPONENT_AXIS))
        factors, rows = {"E": np.ones((1, len(log_n)))}, {}
        for coefficient, exponent, log_x in (("A", "alpha", log_n), ("B", self.exponents[-1], log_d)):
            values, rows[coefficient] = np.unique(grid[exponent], return_inverse=True)
            factors[coefficient] = np.exp(-values[:, None] * log_x)
        return Candidates(grid, factors, rows)


@checked
@dataclass(frozen=True, kw_only=True)
class Kaplan(Law):
    """L = E + [(Nc/N)^(alpha/beta) + Dc/D]^beta: Kaplan et al. 2020 (arXiv 2001.08361), equation 1.5; paper equation 4.

    They have no offset, so it is 0 unless asked for (offset=None fits one). Their alpha_D is our beta.
    """

    offset: NonNegative | None = 0.0

    @property
    def variables(self) -> tuple[str, ...]:
        return ("N", "D")

    @property
    def parameters(self) -> tuple[str, ...]:
        return ("E", "Nc", "Dc", "alpha", "beta")

    @property
    def exponents(self) -> tuple[str, ...]:
        return ("alpha", "beta")

    @property
    def formula(self) -> str:
        return "L = E + ((Nc/N)^(alpha/beta) + Dc/D)^beta"

    def _loss(self, values: Mapping[str, float], columns: Mapping[str, np.ndarray]) -> np.ndarray | np.floating:
        alpha, beta = values["alpha"], values["beta"]
        log_n = alpha / beta * (np.log(values["Nc"]) - np.log(columns["N"]))
        log_d = np.log(values["Dc"]) - np.log(columns["D"])
        return values["E"] + np.exp(beta * np.logaddexp(log_n, log_d))

    def frame(self, centre: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        matrix, shift = Law.frame(self, centre)
        shift[1], shift[2] = centre["N"], centre["D"]
        return matrix, shift

    def terms(self, columns: Mapping[str, np.ndarray], centre: Mapping[str, float]) -> list[AffineTerm | CurvedTerm]:
        log_n, log_d = (np.log(columns[name]) - centre[name] for name in ("N", "D"))

        def term(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            alpha, beta = theta[:, 2:3], theta[:, 3:4]
            gap = theta[:, 0:1] - log_n
            power = alpha / beta * gap
            inner = np.logaddexp(power, theta[:, 1:2] - log_d)
            share = np.exp(power - inner)
            spread = share * (1 - share)
            gradient = np.stack([alpha * share, beta * (1 - share), share * gap, inner - share * power], axis=1)
            hessian = np.empty((len(theta), 4, 4, len(log_n)))
            slope, bend = alpha / beta, spread * power  # d power / d Nc; d share / d power times power
            hessian[:, 0, 0] = alpha * spread * slope
            hessian[:, 0, 1] = hessian[:, 1, 0] = -alpha * spread
            hessian[:, 0, 2] = hessian[:, 2, 0] = share + bend
            hessian[:, 0, 3] = hessian[:, 3, 0] = -slope * bend
            hessian[:, 1, 1] = beta * spread
            hessian[:, 1, 2] = hessian[:, 2, 1] = -spread * gap
            hessian[:, 1, 3] = hessian[:, 3, 1] = 1 - share + bend
            hessian[:, 2, 2] = spread * gap**2 / beta
            hessian[:, 2, 3] = hessian[:, 3, 2] = -bend * gap / beta
            hessian[:, 3, 3] = bend * power / beta
            return beta * inner, gradient, hessian

        return [AffineTerm((0,), _CONSTANT), CurvedTerm((1, 2, 3, 4), term, led=False)]

    def candidates(
        self, columns: Mapping[str, np.ndarray], centre: Mapping[str, float], loss: np.ndarray
    ) -> Candidates:
        # (L - E)^(1/beta) is linear in Nc^(alpha/beta) and Dc once E, alpha and beta are given.
        log_n, log_d = (np.log(columns[name]) - centre[name] for name in ("N", "D"))
        axis = np.geomspace(0.02, 2.0, 20)
        grid = self._grid(E=loss.min() * np.array([0.0, 0.4, 0.7, 0.85, 0.95, 0.99]), alpha=axis, beta=axis)
        alpha, beta = grid["alpha"][:, None], grid["beta"][:, None]
        excess = np.maximum(loss - grid["E"][:, None], 1e-3 * loss)
        target = (excess / np.median(excess)) ** (1 / beta)
        scale = np.median(excess) ** (1 / beta)
        factors = {
            "Nc": scale**-1 * np.exp(-alpha / beta * log_n),
            "Dc": scale**-1 * np.exp(-log_d) * np.ones_like(beta),
        }
        powers = {"Nc": grid["beta"] / grid["alpha"], "Dc": np.ones_like(grid["beta"])}
        return Candidates(grid, factors, {}, target, beta * excess / target, powers)
