"""Two laws of repeated data fitted to the same runs: tokens that lose their worth, or a penalty for overfitting.

Models of one size that read U distinct tokens in 1 + R passes, D = U (1 + R) tokens in all, reach the excess loss

    fresh           F + B D^-beta                         a repeated token is worth a new one
    discount        F + B D'^-beta                        D' = U + U R* (1 - exp(-R / R*))   (Muennighoff et al. 2023)
    penalty         F + B D^-beta + P R^delta U^-kappa                                       (Lovelace et al. 2026)
    linear penalty  F + B D^-beta + P R / U               the same with both exponents 1

in nats. F is what no token buys: at one size the term in N is a constant, and N^kappa is a part of P. The discount
never lets the loss rise with another pass; the penalty does. Fits are least squares on the logarithm of the excess,
from the best cells of a grid in which the coefficients, on relative residuals, are non-negative least squares.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import optimize

from scaling_lib.arguments import BY_HAND, Choice, Entries, NonNegative, Positive, checked
from scaling_lib.errors import InvalidArgument, check_array, check_choice, invalid
from scaling_lib.fits.allocation.corrections import effective_amount

__all__ = ["REPETITION_LAWS", "RepetitionFit", "compare_repetition", "fit_repetition"]

# Coefficients of the terms, then what shapes them, by name.
_NAMES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType(
    {
        "fresh": (("F", "B"), ("beta",)),
        "discount": (("F", "B"), ("beta", "decay")),
        "penalty": (("F", "B", "P"), ("beta", "delta", "kappa")),
        "linear penalty": (("F", "B", "P"), ("beta",)),
    }
)
REPETITION_LAWS = tuple(_NAMES)
_EXPONENTS = (0.25, 0.5, 1.0, 1.5, 2.0)
_GRID = MappingProxyType(
    {"beta": _EXPONENTS, "decay": (1.0, 3.0, 10.0, 30.0), "delta": _EXPONENTS, "kappa": _EXPONENTS}
)
_LIMITS = MappingProxyType({"beta": (1e-3, 10.0), "decay": (0.05, 1e3), "delta": (1e-3, 10.0), "kappa": (1e-3, 10.0)})
_STARTS = 4
_LEAST = 1e-12  # a coefficient over the losses: as good as zero

_Runs = Annotated[Any, BY_HAND]
_Law = Annotated[str, Choice(REPETITION_LAWS)]


@checked
@dataclass(frozen=True, eq=False)
class RepetitionFit:
    """law: one of REPETITION_LAWS. parameters: by the names of the formula, decay being R*, with D and U over `unit`
    tokens. residual: root mean square of ln(excess loss) about the fit."""

    law: _Law
    parameters: Annotated[Mapping[str, float], BY_HAND]
    unit: Positive
    residual: NonNegative

    def __post_init__(self) -> None:
        names = [name for part in _NAMES[self.law] for name in part]
        if not isinstance(self.parameters, Mapping) or set(self.parameters) != set(names):
            raise invalid("parameters", f"a dict with {', '.join(names)}", self.parameters, "use fit_repetition")

    @checked
    def excess_loss(
        self,
        unique_tokens: Annotated[Float[np.ndarray, "*#runs"] | float, Entries(above=0, least=0)],
        epochs: Annotated[Float[np.ndarray, "*#runs"] | float, Entries(minimum=1, least=0)],
    ) -> Float[np.ndarray, "*runs"]:
        """Nats above what the source allows, of `unique_tokens` read `epochs` times. Raises InvalidArgument."""
        try:
            unique, passes = np.broadcast_arrays(np.asarray(unique_tokens, float), np.asarray(epochs, float))
        except ValueError:
            raise invalid(
                "epochs", f"a number or of shape {np.shape(unique_tokens)}, as unique_tokens", epochs, "pass one each"
            ) from None
        coefficients, shapes = ([self.parameters[name] for name in part] for part in _NAMES[self.law])
        terms = _TERMS[self.law](shapes, unique.ravel() / self.unit, passes.ravel() - 1)
        return np.asarray(np.reshape(coefficients @ terms, unique.shape))


@checked
def fit_repetition(runs: _Runs, law: _Law) -> RepetitionFit:
    """The law fitted to runs of one model size: columns D (distinct tokens), epochs, and excess_loss in nats.

    Raises InvalidArgument, and so where there are not more runs than parameters.

    >>> D, epochs = np.repeat([1e5, 2e5, 4e5], 4), np.tile([1.0, 2.0, 4.0, 8.0], 3)
    >>> worth = effective_amount(D * epochs, D, 5.0)
    >>> fitted = fit_repetition({"D": D, "epochs": epochs, "excess_loss": 0.01 + 3e4 / worth}, "discount")
    >>> round(fitted.parameters["decay"], 3)
    5.0
    """
    return _fitted(law, *_columns(runs))


@checked
def compare_repetition(
    runs: _Runs, laws: Annotated[Sequence[str], BY_HAND] = REPETITION_LAWS
) -> pd.DataFrame:
    """Laws out of REPETITION_LAWS on the same runs (as in `fit_repetition`); a row for each law.

    parameters: their number. fitted: root mean square of ln(excess loss) about the fit to all runs. The same of runs
    that a fit was not shown: "run left out", one after another; "text left out", all runs on the same D after one
    another; "passes ahead", those of most passes. NaN where too few runs are left for a fit. Raises InvalidArgument.
    """
    unique, repeats, y = _columns(runs)
    most = repeats == repeats.max()
    splits = {
        "run left out": [np.arange(len(y)) == place for place in range(len(y))],
        "text left out": [unique == size for size in np.unique(unique)],
        "passes ahead": [most],
    }
    if isinstance(laws, str) or not isinstance(laws, Sequence) or not laws:
        raise invalid("laws", "a list of one law or more", laws, "leave it out")
    rows = {}
    for law in [check_choice("laws", name, REPETITION_LAWS) for name in laws]:
        told: dict[str, float] = {"parameters": _count(law), "fitted": _fitted(law, unique, repeats, y).residual}
        for name, parts in splits.items():
            squares: list[float] = []
            for out in parts:
                if np.count_nonzero(~out) <= _count(law):
                    squares = [np.nan]
                    break
                fitted = _fitted(law, unique[~out], repeats[~out], y[~out])
                squares += (np.log(fitted.excess_loss(unique[out], repeats[out] + 1)) - y[out]).tolist()
            told[name] = float(np.sqrt(np.mean(np.square(squares))))
        rows[law] = told
    return pd.DataFrame.from_dict(rows, orient="index").astype({"parameters": int}).rename_axis("law")


def _columns(runs: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(runs,) each: distinct tokens, repeats R, ln of the excess loss."""
    columns = {}
    for name in ("D", "epochs", "excess_loss"):
        try:
            values = runs[name]
        except (KeyError, IndexError, TypeError):
            raise InvalidArgument(f"runs lacks the column {name!r}: pass D, epochs and excess_loss.") from None
        columns[name] = check_array(f"runs[{name!r}]", values, dimensions=1, above=0, least=2)
    unique, epochs, excess = columns.values()
    if not len(unique) == len(epochs) == len(excess):
        raise invalid("runs", "columns of one length", [len(values) for values in columns.values()], "pass a table")
    if epochs.min() < 1 or epochs.max() == 1:
        raise invalid("runs['epochs']", "1 or more, and more than 1 somewhere", epochs, "pass passes over the tokens")
    return unique, epochs - 1, np.log(excess)


def _count(law: str) -> int:
    return sum(map(len, _NAMES[law]))


def _fitted(law: str, unique: np.ndarray, repeats: np.ndarray, y: np.ndarray) -> RepetitionFit:
    if len(y) <= _count(law):
        raise invalid("runs", f"more than {_count(law)} runs for the law {law!r}", len(y), "add runs")
    unit = float(np.exp(np.log(unique).mean()))
    coefficients, shapes = _NAMES[law]
    many = len(coefficients)

    def terms(given: Any) -> np.ndarray:
        return _TERMS[law](given, unique / unit, repeats)

    def residuals(logs: np.ndarray) -> np.ndarray:
        """logs: of all parameters. ln of the model less ln of the loss."""
        values = np.exp(logs)
        return np.asarray(np.log(values[:many] @ terms(values[many:])) - y)

    starts = []
    for given in product(*(_GRID[name] for name in shapes)):
        solved, short = optimize.nnls((terms(given) / np.exp(y)).T, np.ones(len(y)))
        starts.append((short, np.log([*np.maximum(solved, 1e-3 * np.exp(y.min())), *given])))
    starts.sort(key=lambda start: start[0])
    least = np.log(_LEAST) + y.min()
    low = [least] * many + [np.log(_LIMITS[name][0]) for name in shapes]
    high = [y.max() + 30.0] * many + [np.log(_LIMITS[name][1]) for name in shapes]
    solutions = [optimize.least_squares(residuals, start, bounds=(low, high)) for _, start in starts[:_STARTS]]
    best = min(solutions, key=lambda solution: solution.cost)
    values = dict(zip((*coefficients, *shapes), np.exp(best.x).tolist(), strict=True))
    return RepetitionFit(law, values, unit, float(np.sqrt(np.mean(best.fun**2))))


def _fresh(shapes: Any, unique: np.ndarray, repeats: np.ndarray) -> np.ndarray:
    return np.stack([np.ones_like(unique), (unique * (1 + repeats)) ** -shapes[0]])


def _discount(shapes: Any, unique: np.ndarray, repeats: np.ndarray) -> np.ndarray:
    worth = effective_amount(unique * (1 + repeats), unique, float(shapes[1]))
    return np.stack([np.ones_like(unique), worth ** -shapes[0]])


def _penalty(shapes: Any, unique: np.ndarray, repeats: np.ndarray) -> np.ndarray:
    return np.concatenate([_fresh(shapes, unique, repeats), [repeats ** shapes[1] * unique ** -shapes[2]]])


def _linear_penalty(shapes: Any, unique: np.ndarray, repeats: np.ndarray) -> np.ndarray:
    return _penalty((shapes[0], 1.0, 1.0), unique, repeats)


# (shapes, unique tokens, repeats) -> (coefficients, runs): what the coefficients multiply.
_TERMS: Mapping[str, Callable[[Any, np.ndarray, np.ndarray], np.ndarray]] = MappingProxyType(
    {"fresh": _fresh, "discount": _discount, "penalty": _penalty, "linear penalty": _linear_penalty}
)
