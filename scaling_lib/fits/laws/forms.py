"""What a scaling law is to the solver: a sum of positive terms with two derivatives, a frame, and a grid of starts.

Every law is a sum of positive terms,

    L = sum_k exp(u_k),    log L = logsumexp_k u_k,    u_k = log c_k + v_k(exponents, rates, shifts, breaks)

and the fits on L and on log L need only the u_k and their first two derivatives. Most v_k are linear in an exponent:
log(B x^-beta) = log B - beta log x. Laws speak in the logarithms of their coefficients; the solver works with the
coefficients themselves (`solver.design`), so that an offset E = 0 is an ordinary bound.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Self

import numpy as np
from jaxtyping import Float

from scaling_lib.arguments import BY_HAND, NonNegative, Remedy, checked
from scaling_lib.errors import InvalidArgument, check_array, check_instance, check_real, invalid

__all__ = ["EXPONENT_RANGE", "Law"]

# Fitted exponents stay inside; a fit that ends on either bound says so. (The paper's bounds are not published.)
EXPONENT_RANGE = (1e-4, 10.0)


@dataclass(frozen=True)
class AffineTerm:
    """u = logs[:, index] @ features; features has shape (coordinates, points), or (coordinates, 1) for a constant.

    logs: log of the coefficient first, then exponents. led: the first coordinate is a coefficient, u = log c + v.
    """

    index: tuple[int, ...]
    features: np.ndarray
    led: bool = True


@dataclass(frozen=True)
class CurvedTerm:
    """`function(logs[:, index])` gives u (batch, points), its gradient (batch, q, points) and Hessian (batch, q, q,
    points). logs, led: as for AffineTerm."""

    index: tuple[int, ...]
    function: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
    led: bool = True


@dataclass(frozen=True)
class Candidates:
    """Where a fit may start: the nonlinear parameters of each cell of a grid, and what its coefficients multiply.

    values: parameter -> (cells,). factors: coefficient -> (rows, points), the factor it multiplies; rows: coefficient
    -> (cells,), the row that a cell uses, where it is not simply its own or the only one. Given the values, the
    coefficients are a linear least squares problem (variable projection).
    target, sensitivity: (cells, points), what the sum is to equal instead of the loss, and d loss / d target.
    powers: parameter -> (cells,), where the parameter is the coefficient to this power.
    """

    values: Mapping[str, np.ndarray]
    factors: Mapping[str, np.ndarray]
    rows: Mapping[str, np.ndarray] = field(default_factory=dict)
    target: np.ndarray | None = None
    sensitivity: np.ndarray | None = None
    powers: Mapping[str, np.ndarray] = field(default_factory=dict)


@checked
@dataclass(frozen=True, kw_only=True)
class Law(ABC):
    """What all laws share. offset: the irreducible loss E in nats; None: fitted, 0: none, a number: known.

    pinned: (name, value) pairs held fixed in a fit; use `law.pin(E=1.69)`.
    """

    offset: NonNegative | None = None
    pinned: Annotated[tuple[tuple[str, float], ...], BY_HAND] = ()

    def __post_init__(self) -> None:
        try:
            pairs = dict(self.pinned)
        except (TypeError, ValueError):
            raise invalid("pinned", "pairs of a parameter and its value", self.pinned, "use law.pin(E=1.69)") from None
        for name, value in pairs.items():
            if name not in self.parameters:
                raise InvalidArgument(
                    f"pinned names {name!r}, which is no parameter of {self.formula}: pick one of {self.parameters}."
                )
            if name == "E" and self.offset is not None:
                raise InvalidArgument("pinned holds E, which offset fixes already: give one of the two.")
            pairs[name] = self._check_parameter(f"pinned {name}", name, value)
        object.__setattr__(self, "pinned", tuple(sorted(pairs.items())))

    def _check_parameter(self, label: str, name: str, value: Any) -> float:
        return check_real(label, value, minimum=0) if name == "E" else check_real(label, value, above=0)

    @property
    @abstractmethod
    def variables(self) -> tuple[str, ...]:
        """The columns that the law needs beside the loss."""

    @property
    @abstractmethod
    def parameters(self) -> tuple[str, ...]:
        """All parameter names, E first."""

    @property
    @abstractmethod
    def formula(self) -> str:
        """The law in one line."""

    @property
    @abstractmethod
    def exponents(self) -> tuple[str, ...]:
        """Parameters that are exponents: linear coordinates inside their `limits`."""

    def limits(self, columns: Mapping[str, np.ndarray]) -> dict[str, tuple[float, float]]:
        """Where a fit looks for exponents, rates, shifts and breaks; what ends on a limit the data do not determine."""
        return dict.fromkeys(self.exponents, EXPONENT_RANGE)

    @property
    def fixed(self) -> dict[str, float]:
        """Parameters that a fit holds fixed, with their values."""
        return dict(self.pinned) | ({} if self.offset is None else {"E": self.offset})

    @property
    def free(self) -> tuple[str, ...]:
        """Parameters that a fit determines."""
        return tuple(name for name in self.parameters if name not in self.fixed)

    def pin(self, **values: float) -> Self:
        """The same law with these parameters held fixed: `Chinchilla().pin(E=1.69)`. Raises InvalidArgument for an
        unknown name or an impossible value."""
        return replace(self, pinned=tuple((dict(self.pinned) | values).items()))

    def loss(self, parameters: Mapping[str, float], **variables: Any) -> Float[np.ndarray, "*points"]:
        """L in nats at `variables`, one keyword for each of `law.variables`: `law.loss(fit.params, N=1e9, D=2e10)`.

        parameters: a value for each of `law.parameters`; fixed ones may be left out. Raises InvalidArgument.
        """
        check_instance("parameters", parameters, Mapping, remedy="pass a dict such as fit.params")  # type: ignore[type-abstract]
        values = {**self.fixed, **parameters}
        for name in self.parameters:
            if name not in values:
                raise InvalidArgument(
                    f"parameters lacks {name!r}, got {sorted(values)}: give all of {self.parameters}."
                )
            values[name] = self._check_parameter(f"parameters[{name!r}]", name, values[name])
        columns = {}
        for name in self.variables:
            if name not in variables:
                raise InvalidArgument(f"variables lacks {name}, got {sorted(variables)}: pass {name}=...")
            columns[name] = check_array(name, variables[name], above=0, least=0)
        for name in variables:
            if name not in self.variables:
                raise InvalidArgument(f"variables has {name}, which {self.formula} does not use: leave it out.")
        with np.errstate(over="ignore", under="ignore"):
            loss = np.asarray(self._loss(values, columns), float)
        if not np.isfinite(loss).all():
            raise InvalidArgument(
                f"parameters give an infinite loss, got {values}: check the units of the coefficients."
            )
        return loss

    @abstractmethod
    def _loss(self, values: Mapping[str, float], columns: Mapping[str, np.ndarray]) -> np.ndarray | np.floating:
        """L at checked values and columns."""

    # What the solver needs -------------------------------------------------------------------------------------------

    @abstractmethod
    def terms(self, columns: Mapping[str, np.ndarray], centre: Mapping[str, float]) -> list[AffineTerm | CurvedTerm]:
        """The u_k in the coordinates that `frame` defines. columns are checked, centre is the mean log of each."""

    def frame(self, centre: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """(M, shift): (logs of) the parameters = M logs + shift; exponents enter as they are, all others as logs."""
        return np.eye(len(self.parameters)), np.zeros(len(self.parameters))

    @abstractmethod
    def candidates(
        self, columns: Mapping[str, np.ndarray], centre: Mapping[str, float], loss: np.ndarray
    ) -> Candidates:
        """The grid of the variable projection; pinned coordinates are one value."""

    def _grid(self, **axes: np.ndarray) -> dict[str, np.ndarray]:
        """All combinations of the axes, flattened; a pinned parameter has one value."""
        fixed = self.fixed
        values = [np.array([fixed[name]]) if name in fixed else axis for name, axis in axes.items()]
        return dict(zip(axes, (grid.ravel() for grid in np.meshgrid(*values, indexing="ij")), strict=True))

    def _position(self, *names: str) -> tuple[int, ...]:
        return tuple(self.parameters.index(name) for name in names)


AnyLaw = Annotated[Law, Remedy("build one such as Chinchilla()")]
