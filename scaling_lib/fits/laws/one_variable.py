"""Laws of the loss in one variable: a power, an exponential, and what bends between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from scaling_lib.arguments import Real, checked
from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.laws.forms import AffineTerm, Candidates, CurvedTerm, Law

__all__ = ["BrokenPower", "Exponential", "PowerLaw", "ShiftedPower", "StretchedExponential"]

# (coefficient, exponent) of a one-dimensional law, by its variable.
_NAMES = {"N": ("A", "alpha"), "D": ("B", "beta"), "C": ("K", "gamma")}


_CONSTANT = np.ones((1, 1))
_EXPONENT_AXIS = np.geomspace(0.02, 3.0, 24)


@checked
@dataclass(frozen=True, kw_only=True)
class _OneDimensional(Law):
    """A law in one variable. variable: "D" (coefficient B, exponent beta), "N" (A, alpha), "C" (K, gamma)."""

    variable: str = "D"

    def __post_init__(self) -> None:
        if self.variable not in _NAMES:
            raise InvalidArgument(f"variable must be one of {tuple(_NAMES)}, got {self.variable!r}: pick one of these.")
        super().__post_init__()

    @property
    def variables(self) -> tuple[str, ...]:
        return (self.variable,)

    @property
    def coefficient(self) -> str:
        """A, B or K."""
        return _NAMES[self.variable][0]

    @property
    def exponent(self) -> str:
        """alpha, beta or gamma."""
        return _NAMES[self.variable][1]

    @property
    def exponents(self) -> tuple[str, ...]:
        return (self.exponent,)

    def _centred(self, exponent: str, centre: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """log B = b + beta * centre: the coefficient in the middle of the data is nearly uncorrelated with beta."""
        matrix, shift = Law.frame(self, centre)
        matrix[self._position(self.coefficient)[0], self._position(exponent)[0]] = centre[self.variable]
        return matrix, shift


@checked
@dataclass(frozen=True, kw_only=True)
class PowerLaw(_OneDimensional):
    """L = E + B x^-beta: paper 2, equations 1 and 2.

    >>> PowerLaw(variable="D", offset=2.35).formula
    'L = E + B D^-beta'
    """

    @property
    def parameters(self) -> tuple[str, ...]:
        return ("E", self.coefficient, self.exponent)

    @property
    def formula(self) -> str:
        return f"L = E + {self.coefficient} {self.variable}^-{self.exponent}"

    def _loss(self, values: Mapping[str, float], columns: Mapping[str, np.ndarray]) -> np.ndarray | np.floating:
        return values["E"] + values[self.coefficient] * columns[self.variable] ** -values[self.exponent]

    def frame(self, centre: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        return self._centred(self.exponent, centre)

    def terms(self, columns: Mapping[str, np.ndarray], centre: Mapping[str, float]) -> list[AffineTerm | CurvedTerm]:
        log_x = np.log(columns[self.variable]) - centre[self.variable]
        features = np.stack([np.ones_like(log_x), -log_x])
        return [AffineTerm((0,), _CONSTANT), AffineTerm((1, 2), features)]

    def candidates(
        self, columns: Mapping[str, np.ndarray], centre: Mapping[str, float], loss: np.ndarray
    ) -> Candidates:
        log_x = np.log(columns[self.variable]) - centre[self.variable]
        grid = self._grid(**{self.exponent: np.geomspace(0.01, 6.0, 60)})
        factor = np.exp(-grid[self.exponent][:, None] * log_x)
        return Candidates(grid, {"E": np.ones((1, log_x.shape[-1])), self.coefficient: factor})


@checked
@dataclass(frozen=True, kw_only=True)
class Exponential(_OneDimensional):
    """L = E + B exp(-rate x): the paper's rival of the power law (section 2.1, figure 15), with as many parameters."""

    @property
    def parameters(self) -> tuple[str, ...]:
        return ("E", self.coefficient, "rate")

    @property
    def exponents(self) -> tuple[str, ...]:
        return ()

    def limits(self, columns: Mapping[str, np.ndarray]) -> dict[str, tuple[float, float]]:
        x = columns[self.variable]
        return {"rate": (1e-4 / float(x.max()), 1e2 / float(x.min()))}

    @property
    def formula(self) -> str:
        return f"L = E + {self.coefficient} exp(-rate {self.variable})"

    def _loss(self, values: Mapping[str, float], columns: Mapping[str, np.ndarray]) -> np.ndarray | np.floating:
        return values["E"] + values[self.coefficient] * np.exp(-values["rate"] * columns[self.variable])

    def frame(self, centre: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        matrix, shift = Law.frame(self, centre)
        shift[2] = -centre[self.variable]
        return matrix, shift

    def terms(self, columns: Mapping[str, np.ndarray], centre: Mapping[str, float]) -> list[AffineTerm | CurvedTerm]:
        x = columns[self.variable] / np.exp(centre[self.variable])

        def term(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            decay = np.exp(theta[:, 1:2]) * x
            gradient = np.stack([np.ones_like(decay), -decay], axis=1)
            hessian = np.zeros((len(theta), 2, 2, len(x)))
            hessian[:, 1, 1] = -decay
            return theta[:, :1] - decay, gradient, hessian

        return [AffineTerm((0,), _CONSTANT), CurvedTerm((1, 2), term)]

    def candidates(
        self, columns: Mapping[str, np.ndarray], centre: Mapping[str, float], loss: np.ndarray
    ) -> Candidates:
        x = columns[self.variable]
        grid = self._grid(rate=np.geomspace(0.02 / x.max(), 20.0 / x.min(), 80))
        factor = np.exp(-grid["rate"][:, None] * x)
        return Candidates(grid, {"E": np.ones((1, len(x))), self.coefficient: factor})


@checked
@dataclass(frozen=True, kw_only=True)
class StretchedExponential(_OneDimensional):
    """L = E + B exp(-(rate x)^stretch): between a power law (stretch -> 0) and an exponential (stretch = 1).

    On data that a power law fits as well, stretch ends on the lower end of its range: there the two are the same, with
    a coefficient and a rate beyond all bounds.
    """

    @property
    def parameters(self) -> tuple[str, ...]:
        return ("E", self.coefficient, "rate", "stretch")

    @property
    def exponents(self) -> tuple[str, ...]:
        return ("stretch",)

    def limits(self, columns: Mapping[str, np.ndarray]) -> dict[str, tuple[float, float]]:
        return {"stretch": (0.05, 5.0)}

    @property
    def formula(self) -> str:
        return f"L = E + {self.coefficient} exp(-(rate {self.variable})^stretch)"

    def _loss(self, values: Mapping[str, float], columns: Mapping[str, np.ndarray]) -> np.ndarray | np.floating:
        decay = (values["rate"] * columns[self.variable]) ** values["stretch"]
        return values["E"] + values[self.coefficient] * np.exp(-decay)

    def frame(self, centre: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        matrix, shift = Law.frame(self, centre)
        shift[2] = -centre[self.variable]
        return matrix, shift

    def terms(self, columns: Mapping[str, np.ndarray], centre: Mapping[str, float]) -> list[AffineTerm | CurvedTerm]:
        log_x = np.log(columns[self.variable]) - centre[self.variable]

        def term(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            stretch, place = theta[:, 2:3], theta[:, 1:2] + log_x
            decay = np.exp(stretch * place)
            gradient = np.stack([np.ones_like(decay), -stretch * decay, -place * decay], axis=1)
            hessian = np.zeros((len(theta), 3, 3, len(log_x)))
            hessian[:, 1, 1] = -(stretch**2) * decay
            hessian[:, 1, 2] = hessian[:, 2, 1] = -(1 + stretch * place) * decay
            hessian[:, 2, 2] = -(place**2) * decay
            return theta[:, :1] - decay, gradient, hessian

        return [AffineTerm((0,), _CONSTANT), CurvedTerm((1, 2, 3), term)]

    def candidates(
        self, columns: Mapping[str, np.ndarray], centre: Mapping[str, float], loss: np.ndarray
    ) -> Candidates:
        x = columns[self.variable]
        grid = self._grid(rate=np.geomspace(1e-3 / x.max(), 1e3 / x.min(), 40), stretch=np.geomspace(0.03, 2.0, 14))
        factor = np.exp(-((grid["rate"][:, None] * x) ** grid["stretch"][:, None]))
        return Candidates(grid, {"E": np.ones((1, len(x))), self.coefficient: factor})


@checked
@dataclass(frozen=True, kw_only=True)
class ShiftedPower(_OneDimensional):
    """L = E + B (x + x0)^-beta: a power law that sets in at x0 (named D0, N0 or C0)."""

    @property
    def parameters(self) -> tuple[str, ...]:
        return ("E", self.coefficient, self.exponent, self.shift)

    def limits(self, columns: Mapping[str, np.ndarray]) -> dict[str, tuple[float, float]]:
        x = columns[self.variable]
        return super().limits(columns) | {self.shift: (1e-4 * float(x.min()), 1e2 * float(x.max()))}

    @property
    def shift(self) -> str:
        """D0, N0 or C0."""
        return f"{self.variable}0"

    @property
    def formula(self) -> str:
        return f"L = E + {self.coefficient} ({self.variable} + {self.shift})^-{self.exponent}"

    def _loss(self, values: Mapping[str, float], columns: Mapping[str, np.ndarray]) -> np.ndarray | np.floating:
        x = columns[self.variable] + values[self.shift]
        return values["E"] + values[self.coefficient] * x ** -values[self.exponent]

    def frame(self, centre: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        matrix, shift = self._centred(self.exponent, centre)
        shift[3] = centre[self.variable]
        return matrix, shift

    def terms(self, columns: Mapping[str, np.ndarray], centre: Mapping[str, float]) -> list[AffineTerm | CurvedTerm]:
        log_x = np.log(columns[self.variable]) - centre[self.variable]

        def term(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            beta, log_shift = theta[:, 1:2], theta[:, 2:3]
            place = np.logaddexp(log_x, log_shift)
            share = np.exp(log_shift - place)
            gradient = np.stack([np.ones_like(place), -place, -beta * share], axis=1)
            hessian = np.zeros((len(theta), 3, 3, len(log_x)))
            hessian[:, 1, 2] = hessian[:, 2, 1] = -share
            hessian[:, 2, 2] = -beta * share * (1 - share)
            return theta[:, :1] - beta * place, gradient, hessian

        return [AffineTerm((0,), _CONSTANT), CurvedTerm((1, 2, 3), term)]

    def candidates(
        self, columns: Mapping[str, np.ndarray], centre: Mapping[str, float], loss: np.ndarray
    ) -> Candidates:
        x = columns[self.variable]
        grid = self._grid(
            **{self.exponent: np.geomspace(0.02, 5.0, 30), self.shift: np.geomspace(x.min() / 100, x.max(), 16)}
        )
        log_x = np.log(x + grid[self.shift][:, None]) - centre[self.variable]
        factor = np.exp(-grid[self.exponent][:, None] * log_x)
        return Candidates(grid, {"E": np.ones((1, log_x.shape[-1])), self.coefficient: factor})


@checked
@dataclass(frozen=True, kw_only=True)
class BrokenPower(_OneDimensional):
    """L = E + B x^-beta (1 + (x / x_break)^(1/s))^(-(beta_late - beta) s): exponent beta, then beta_late after a break.

    smoothness: s, the width of the break in factors of e; not fitted (Caballero et al. 2022, arXiv 2210.14891, eq. 1).
    """

    smoothness: Annotated[float, Real(minimum=1e-3, maximum=100)] = 0.5

    @property
    def parameters(self) -> tuple[str, ...]:
        return ("E", self.coefficient, self.exponent, self.late_exponent, f"{self.variable}_break")

    @property
    def late_exponent(self) -> str:
        """alpha_late, beta_late or gamma_late."""
        return f"{self.exponent}_late"

    @property
    def exponents(self) -> tuple[str, ...]:
        return (self.exponent, self.late_exponent)

    def limits(self, columns: Mapping[str, np.ndarray]) -> dict[str, tuple[float, float]]:
        x = columns[self.variable]
        return super().limits(columns) | {f"{self.variable}_break": (float(x.min()), float(x.max()))}

    @property
    def formula(self) -> str:
        x, beta, late = self.variable, self.exponent, self.late_exponent
        return f"L = E + {self.coefficient} {x}^-{beta} (1 + ({x}/{x}_break)^(1/s))^(-({late} - {beta}) s)"

    def _loss(self, values: Mapping[str, float], columns: Mapping[str, np.ndarray]) -> np.ndarray | np.floating:
        log_x, s = np.log(columns[self.variable]), self.smoothness
        beta, late = values[self.exponent], values[self.late_exponent]
        bend = s * np.logaddexp(0, (log_x - np.log(values[f"{self.variable}_break"])) / s)
        return values["E"] + values[self.coefficient] * np.exp(-beta * log_x - (late - beta) * bend)

    def frame(self, centre: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        matrix, shift = self._centred(self.exponent, centre)
        shift[4] = centre[self.variable]
        return matrix, shift

    def terms(self, columns: Mapping[str, np.ndarray], centre: Mapping[str, float]) -> list[AffineTerm | CurvedTerm]:
        log_x, s = np.log(columns[self.variable]) - centre[self.variable], self.smoothness

        def term(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            early, late, place = theta[:, 1:2], theta[:, 2:3], (log_x - theta[:, 3:4]) / s
            bend = s * np.logaddexp(0, place)
            share = np.exp(place - np.logaddexp(0, place))
            gradient = np.stack([np.ones_like(bend), bend - log_x, -bend, (late - early) * share], axis=1)
            hessian = np.zeros((len(theta), 4, 4, len(log_x)))
            hessian[:, 1, 3] = hessian[:, 3, 1] = -share
            hessian[:, 2, 3] = hessian[:, 3, 2] = share
            hessian[:, 3, 3] = -(late - early) * share * (1 - share) / s
            return theta[:, :1] - early * log_x - (late - early) * bend, gradient, hessian

        return [AffineTerm((0,), _CONSTANT), CurvedTerm((1, 2, 3, 4), term)]

    def candidates(
        self, columns: Mapping[str, np.ndarray], centre: Mapping[str, float], loss: np.ndarray
    ) -> Candidates:
        log_x, s = np.log(columns[self.variable]) - centre[self.variable], self.smoothness
        breaks = np.exp(np.quantile(log_x, np.linspace(0.1, 0.9, 7)) + centre[self.variable])
        axis = np.geomspace(0.03, 4.0, 12)
        name = f"{self.variable}_break"
        grid = self._grid(**{self.exponent: axis, self.late_exponent: axis, name: breaks})
        bend = s * np.logaddexp(0, (log_x - np.log(grid[name])[:, None] + centre[self.variable]) / s)
        early, late = grid[self.exponent][:, None], grid[self.late_exponent][:, None]
        factor = np.exp(-early * log_x - (late - early) * bend)
        return Candidates(grid, {"E": np.ones((1, log_x.shape[-1])), self.coefficient: factor})
