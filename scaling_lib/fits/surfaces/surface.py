"""A surface and the three regressions that make one; `surfaces` holds the mathematics and what is done with them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Annotated, Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from scaling_lib.arguments import BY_HAND, Choice, Entries, Generator, Positive, Remedy, checked
from scaling_lib.errors import (
    InvalidArgument,
    check_array,
    check_choice,
    check_flag,
    check_integer,
    check_real,
    invalid,
)
from scaling_lib.fits.fitting import AnyFit, Fit
from scaling_lib.fits.laws import Chinchilla
from scaling_lib.fits.surfaces import _networks
from scaling_lib.fits.tables import table_columns

__all__ = ["METHODS", "Surface", "kernel_ridge", "law_surface", "neural_regression"]

METHODS = ("law", "kernel", "network")
_SWEEPS, _NEWTON = 10, 200
_Evaluate = Callable[[np.ndarray, np.ndarray], np.ndarray]


_Options = Annotated[Mapping[str, Any], Remedy("pass a dict")]
_Amounts = Annotated[Float[np.ndarray, "*#points"] | float, Entries(above=0, least=0)]


@checked
@dataclass(frozen=True, eq=False)
class Surface:
    """A regressed L(N, D); `law_surface`, `kernel_ridge` and `neural_regression` make one.

    method: one of METHODS. table: the runs it was fitted on (N, D, loss). evaluate: log10 N, log10 D (points,) -> nats.
    options: the arguments it was made with. details: how the fit went (objective, sweeps or epochs; the Fit of a law).
    """

    method: Annotated[str, Choice(METHODS)]
    table: Annotated[pd.DataFrame, BY_HAND]
    evaluate: Annotated[_Evaluate, BY_HAND]
    options: _Options = field(default_factory=dict)
    details: _Options = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", checked_runs(self.table))
        if not callable(self.evaluate):
            raise invalid("evaluate", "a function of log10 N and log10 D", self.evaluate, "make it with kernel_ridge")

    @checked
    def loss(self, N: _Amounts, D: _Amounts) -> Float[np.ndarray, "*points"]:
        """L^ in nats at N parameters and D tokens, which broadcast. Outside the table's runs it is an extrapolation."""
        try:
            N, D = np.broadcast_arrays(N, D)
        except ValueError:
            raise invalid("D", f"of the shape of N, {np.shape(N)}, or a number", D, "pass one for each N") from None
        values = self.evaluate(np.log10(N).ravel(), np.log10(D).ravel())
        return np.asarray(values, float).reshape(N.shape)

    @property
    def residuals(self) -> Float[np.ndarray, " points"]:
        """Data minus surface at the table's runs, nats."""
        return self.table["loss"].to_numpy() - self.loss(self.table["N"].to_numpy(), self.table["D"].to_numpy())


def checked_runs(table: Any) -> pd.DataFrame:
    """A checked copy with N, D, loss only."""
    columns, loss = table_columns(Chinchilla(), table)
    return pd.DataFrame({**columns, "loss": loss})


@checked
def law_surface(fitted: AnyFit) -> Surface:
    """The surface of a fitted law in N and D, so that it stands beside the others.

    >>> import numpy as np
    >>> from scaling_lib.fits.fitting import fit
    >>> runs = {"N": np.geomspace(1e6, 1e9, 9), "D": np.geomspace(1e8, 1e10, 9)[[3, 1, 4, 0, 5, 8, 2, 6, 7]]}
    >>> runs["loss"] = 1.8 + 480 * runs["N"] ** -0.35 + 2000 * runs["D"] ** -0.37
    >>> round(float(law_surface(fit(Chinchilla(), runs)).loss(1e8, 2e9)), 3)
    3.285
    """
    if fitted.law.variables != ("N", "D"):
        raise invalid("fitted", "the fit of a law in N and D", fitted.law.formula, "fit Chinchilla() or Kaplan()")
    table = pd.DataFrame({**fitted.problem.columns, "loss": fitted.problem.loss})
    options = {"law": fitted.law, "objective": fitted.problem.objective, "delta": fitted.problem.delta}
    return Surface("law", table, law_function(fitted, fitted.params), options, {"fit": fitted})


def law_function(fitted: Fit, params: Mapping[str, float]) -> _Evaluate:
    return lambda u, v: fitted.law.loss(params, N=10.0**u, D=10.0**v)


@dataclass(frozen=True)
class _Scaling:
    """Centre and scale of the inputs (2,) and of the targets; y or log y."""

    centre: np.ndarray
    scale: np.ndarray
    level: float
    unit: float
    logarithmic: bool

    @classmethod
    def of(cls, table: pd.DataFrame, *, logarithmic: bool, inputs: bool = True, targets: bool = False) -> "_Scaling":
        points = np.log10(table[["N", "D"]].to_numpy())
        y = np.log(table["loss"]) if logarithmic else table["loss"]
        centre, scale = points.mean(0), points.std(0)
        if not inputs:
            centre, scale = np.zeros(2), np.ones(2)
        spread = float(np.std(y.to_numpy()))
        return cls(centre, scale, float(y.mean()), spread if targets and spread > 0 else 1.0, logarithmic)

    def inputs(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return (np.stack([u, v], axis=-1) - self.centre) / self.scale

    def table_inputs(self, table: pd.DataFrame) -> np.ndarray:
        return self.inputs(np.log10(table["N"].to_numpy()), np.log10(table["D"].to_numpy()))

    def targets(self, table: pd.DataFrame) -> np.ndarray:
        y = table["loss"].to_numpy()
        return ((np.log(y) if self.logarithmic else y) - self.level) / self.unit

    def loss(self, values: np.ndarray) -> np.ndarray:
        values = values * self.unit + self.level
        return np.exp(values) if self.logarithmic else values


@checked
def kernel_ridge(
    table: Any,
    *,
    ridge: Positive = 1e-4,
    delta: Positive = 1e-3,
    amplitudes: Annotated[Sequence[float], BY_HAND] = (1.0, 1.0, 1.0),
    lengths: Annotated[Sequence[float], BY_HAND] = (1.0, 1.0, 1.0),
    logarithmic: bool = False,
) -> Surface:
    """Kernel ridge regression with Huber residuals, as the paper states it (appendix B).

    table: columns N, D, loss. ridge: not published; validation on the Chinchilla points is best near 1e-4. delta: the
    paper's, in nats (of log L where logarithmic). amplitudes, lengths: (w_n, w_d, w_nd) and (l_n, l_d, l_nd), the
    paper's are all 1, in standard deviations of the inputs. logarithmic: regress log L. Raises InvalidArgument.
    """
    runs = checked_runs(table)
    if ridge < 1e-12:
        raise invalid("ridge", "at least 1e-12", ridge, "the kernel matrix alone cannot be inverted")
    w = check_array("amplitudes", amplitudes, dimensions=1, minimum=0, length=3)
    lengthscale = check_array("lengths", lengths, dimensions=1, above=0, length=3)
    scaling = _Scaling.of(runs, logarithmic=logarithmic)
    here = scaling.table_inputs(runs)

    def kernel(points: np.ndarray) -> np.ndarray:
        with np.errstate(under="ignore", over="ignore"):
            du, dv = ((points[:, None, axis] - here[:, axis]) ** 2 / 2 for axis in (0, 1))
            n, d, nd = lengthscale**2
            return w[0] * np.exp(-du / n) + w[1] * np.exp(-dv / d) + w[2] * np.exp(-(du + dv) / nd)

    coefficients, objective, sweeps = _huber_ridge(kernel(here), scaling.targets(runs), ridge, delta)
    options = {
        "ridge": ridge,
        "delta": delta,
        "amplitudes": tuple(w.tolist()),
        "lengths": tuple(lengthscale.tolist()),
        "logarithmic": logarithmic,
    }
    return Surface(
        "kernel",
        runs,
        lambda u, v: scaling.loss(kernel(scaling.inputs(u, v)) @ coefficients),
        options,
        {"objective": objective, "sweeps": sweeps},
    )


def _huber_ridge(kernel: np.ndarray, y: np.ndarray, ridge: float, delta: float) -> tuple[np.ndarray, float, int]:
    """The minimiser of sum Huber(y - K a) + (ridge / 2) a' K a, its value, the number of linear systems solved."""

    def objective(a: np.ndarray) -> float:
        product = kernel @ a
        size = np.abs(y - product)
        rho = np.where(size <= delta, size**2 / 2, delta * (size - delta / 2))
        return float(rho.sum() + ridge / 2 * a @ product)

    identity = ridge * np.eye(len(y))
    weights = np.ones(len(y))
    for _ in range(_SWEEPS):  # W K a + ridge a = W y, multiplied by W^-1
        a = np.linalg.solve(kernel + identity / weights, y)
        weights = np.minimum(1.0, delta / np.maximum(np.abs(y - kernel @ a), 1e-300))
    value = objective(a)
    solved = _SWEEPS
    while solved < _SWEEPS + _NEWTON:
        solved += 1
        residual = y - kernel @ a
        inside = np.abs(residual) <= delta
        target = np.where(inside, 0.0, np.sign(residual) * delta / ridge)
        block = kernel[np.ix_(inside, inside)] + identity[np.ix_(inside, inside)]
        target[inside] = np.linalg.solve(block, y[inside] - kernel[np.ix_(inside, ~inside)] @ target[~inside])
        share, proposal, new = 1.0, target, objective(target)
        while new > value and share > 1e-6:
            share /= 2
            proposal = a + share * (target - a)
            new = objective(proposal)
        if not new < value * (1 - 1e-14):
            break
        a, value = proposal, new
    return a, value, solved


@checked
def neural_regression(
    table: Any,
    generator: Generator,
    *,
    width: Annotated[int, BY_HAND] = 512,
    learning_rate: Annotated[float, BY_HAND] = 1e-3,
    weight_decay: Annotated[float, BY_HAND] = 1e-4,
    epochs: Annotated[int, BY_HAND] = 5000,
    patience: Annotated[int, BY_HAND] = 200,
    improvement: Annotated[float, BY_HAND] = 1e-6,
    delta: Annotated[float, BY_HAND] = 1e-3,
    reduction: Annotated[str, BY_HAND] = "mean",
    batch: Annotated[int | None, BY_HAND] = None,
    scale_inputs: bool = True,
    scale_targets: bool = True,
    logarithmic: bool = False,
    held_out: Any = None,
    progress: bool = False,
) -> Surface:
    """A perceptron 2 x width, width x width, width x 1 with GELU, as the paper states it (appendix B). Needs torch.

    The paper's: width 512 for the Chinchilla points and 256 for its own, AdamW with weight_decay 1e-4, epochs at most,
    a stop when the objective has not fallen by more than `improvement` for more than `patience` steps, the best network
    kept, Huber delta (nats). Not published, hence ours: learning_rate (torch's default), reduction of the objective
    over points ("mean" or "sum": it decides what an improvement is), batch (None: all points), scale_inputs (centred
    log10, unit variance), scale_targets, logarithmic (regress log L), held_out (a table on which "best" and the stop
    are judged; None: the training runs). Raises InvalidArgument, MissingDependency.
    """
    options = network_options(
        width=width,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        epochs=epochs,
        patience=patience,
        improvement=improvement,
        delta=delta,
        reduction=reduction,
        batch=batch,
        scale_inputs=scale_inputs,
        scale_targets=scale_targets,
        logarithmic=logarithmic,
    )
    judged = None if held_out is None else _held_out(held_out)
    return networks_of([checked_runs(table)], generator, options, judged, progress)[0]


def _held_out(table: Any) -> pd.DataFrame:
    try:
        return checked_runs(table)
    except InvalidArgument as error:
        raise InvalidArgument(f"held_out cannot be used: {error}") from None


def network_options(**given: Any) -> dict[str, Any]:
    """All options of a network, checked."""
    options = {**default_options(neural_regression), **given}
    for name, minimum in (("width", 1), ("epochs", 1), ("patience", 1)):
        options[name] = check_integer(name, options[name], minimum=minimum, maximum=100_000)
    if options["batch"] is not None:
        options["batch"] = check_integer("batch", options["batch"], minimum=1)
    for name in ("learning_rate", "delta"):
        options[name] = check_real(name, options[name], above=0)
    for name in ("weight_decay", "improvement"):
        options[name] = check_real(name, options[name], minimum=0)
    if options["learning_rate"] * options["weight_decay"] >= 1:
        raise invalid("weight_decay", "below 1 / learning_rate", options["weight_decay"], "pass a smaller one")
    check_choice("reduction", options["reduction"], ("mean", "sum"))
    for name in ("scale_inputs", "scale_targets", "logarithmic"):
        options[name] = check_flag(name, options[name])
    return options


def default_options(function: Callable[..., Surface]) -> dict[str, Any]:
    """The optional keywords of a regression, held_out and progress apart: they are no options of the method."""
    keywords = [one for one in signature(function).parameters.values() if one.kind is one.KEYWORD_ONLY]
    return {one.name: one.default for one in keywords if one.name not in ("held_out", "progress")}


def networks_of(
    tables: Sequence[pd.DataFrame],
    generator: np.random.Generator,
    options: Mapping[str, Any],
    held_out: pd.DataFrame | None,
    progress: bool,
) -> list[Surface]:
    """One network a table, all of one length, trained together in portions that fit in memory."""
    settings = dict(options)
    logarithmic, inputs, targets = (settings.pop(name) for name in ("logarithmic", "scale_inputs", "scale_targets"))
    recipe = _networks.Recipe(**settings)
    seeds = generator.integers(0, 2**31, len(tables))
    portion = max(1, int(5e7 / (8 * recipe.width * max(len(tables[0]), recipe.width))))
    surfaces = []
    for first in range(0, len(tables), portion):
        chosen = tables[first : first + portion]
        scalings = [_Scaling.of(t, logarithmic=logarithmic, inputs=inputs, targets=targets) for t in chosen]
        pairs = list(zip(scalings, chosen, strict=True))
        judged = None
        if held_out is not None:
            judged = (
                np.stack([scaling.table_inputs(held_out) for scaling in scalings]),
                np.stack([scaling.targets(held_out) for scaling in scalings]),
            )
        trained = _networks.train(
            np.stack([scaling.table_inputs(t) for scaling, t in pairs]),
            np.stack([scaling.targets(t) for scaling, t in pairs]),
            np.array([scaling.unit for scaling in scalings]),
            seeds[first : first + portion],
            recipe,
            held_out=judged,
            progress=progress,
        )
        if not np.isfinite(trained.objective).all():
            raise invalid("learning_rate", "small enough for the network to train", recipe.learning_rate, "lower it")
        for member, (scaling, runs) in enumerate(pairs):
            surfaces.append(
                Surface(
                    "network",
                    runs,
                    _network_function(trained, member, scaling),
                    dict(options),
                    {"objective": float(trained.objective[member]), "epochs": int(trained.epochs[member])},
                )
            )
    return surfaces


def _network_function(trained: _networks.Networks, member: int, scaling: _Scaling) -> _Evaluate:
    return lambda u, v: scaling.loss(trained.evaluate(member, scaling.inputs(u, v)))
