"""Does the answer depend on what was fitted? Windows, curves at fixed N or D, rival laws judged by unseen runs."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import pandas as pd

from scaling_lib.arguments import BY_HAND, Choice, Integer, Real, checked
from scaling_lib.errors import InvalidArgument, check_instance, check_integer, check_real, invalid
from scaling_lib.fits.fitting import Fit, fit
from scaling_lib.fits.laws.forms import AnyLaw, Law
from scaling_lib.fits.solver.problem import make_problem
from scaling_lib.fits.tables import table_columns

__all__ = ["compare_laws", "fit_each", "window_sensitivity"]

_Column = Annotated[str, Choice(("N", "D", "C"))]
_Objective = Annotated[str, BY_HAND]  # `fit` checks how the law is fitted
_Delta = Annotated[float | None, BY_HAND]


@checked
def window_sensitivity(
    law: AnyLaw,
    table: Any,
    *,
    by: _Column | None = None,
    smallest: Annotated[int | None, Integer(minimum=2)] = None,
    objective: _Objective = "log-huber",
    delta: _Delta = None,
) -> pd.DataFrame:
    """The law fitted to every window of consecutive distinct values of one variable.

    by: the column that windows are cut in (N, D, C), by default the law's last variable. smallest: distinct values in
    the smallest window, by default the free parameters plus two. delta: as for `fit`; by default that of the whole
    table for all windows. Returns one row a window, widest first: low, high (of `by`), decades, points, then each free
    parameter and its standard error (`beta`, `beta_se`), objective, converged. The whole table is the first row.
    Raises InvalidArgument.
    """
    columns, loss = table_columns(law, table)
    by = law.variables[-1] if by is None else by
    places = columns[by] if by in columns else _other_column(table, by, len(loss))
    values = np.unique(places)
    smallest = len(law.free) + 2 if smallest is None else smallest
    if smallest > len(values):
        raise invalid("smallest", f"at most the {len(values)} distinct values of {by}", smallest, "take a smaller one")
    delta = make_problem(law, columns, loss, objective, delta, None).delta
    delta = delta if objective in ("huber", "log-huber") else None
    fits = []
    for size in range(len(values), smallest - 1, -1):
        for first in range(len(values) - size + 1):
            low, high = values[first], values[first + size - 1]
            inside = (places >= low) & (places <= high)
            if inside.sum() < len(law.free) or any(np.ptp(column[inside]) == 0 for column in columns.values()):
                continue
            part = {name: column[inside] for name, column in columns.items()} | {"loss": loss[inside]}
            fitted = fit(law, part, objective=objective, delta=delta)
            row = {"low": low, "high": high, "decades": float(np.log10(high / low)), "points": fitted.n}
            for name in law.free:
                row |= {name: fitted.params[name], f"{name}_se": fitted.standard_errors[name]}
            fits.append(row | {"objective": fitted.objective, "converged": fitted.converged})
    if not fits:
        raise invalid("table", "one with a window that can be fitted", table, "lower smallest or add runs")
    return pd.DataFrame(fits)


@checked
def fit_each(
    law: AnyLaw,
    table: Any,
    *,
    by: _Column = "N",
    within: Annotated[float, Real(minimum=0, maximum=1)] = 0.01,
    smallest: Annotated[int, BY_HAND] = 4,
    objective: _Objective = "huber",
    delta: _Delta = None,
) -> pd.DataFrame:
    """One curve for each size: the law fitted to the runs at (nearly) one value of `by`, as the paper's L(D)_N.

    A group is a run of sorted values each of which lies within a share `within` of the one before; groups of fewer than
    `smallest` runs are left out. The paper's mean exponent is the mean of a column, its spread the standard deviation
    (section 4.3 there). Returns by (geometric mean of the group), points, each free parameter, mse (nats^2), converged.
    Raises InvalidArgument.
    """
    columns, loss = table_columns(law, table)
    smallest = check_integer("smallest", smallest, minimum=len(law.free))
    places = columns[by] if by in columns else _other_column(table, by, len(loss))
    order = np.argsort(places, kind="stable")
    group = np.concatenate([[0], np.cumsum(np.diff(np.log(places[order])) > np.log1p(within))])
    fits = []
    for number in range(group[-1] + 1):
        inside = order[group == number]
        if len(inside) < smallest or any(np.ptp(column[inside]) == 0 for column in columns.values()):
            continue
        part = {name: column[inside] for name, column in columns.items()} | {"loss": loss[inside]}
        fitted = fit(law, part, objective=objective, delta=delta)
        row: dict[str, Any] = {by: float(np.exp(np.log(places[inside]).mean())), "points": len(inside)}
        fits.append(row | {name: fitted.params[name] for name in law.free})
        fits[-1] |= {"mse": fitted.mse, "converged": fitted.converged}
    if not fits:
        raise invalid("smallest", f"small enough for some group of like {by}", smallest, "lower it or widen within")
    return pd.DataFrame(fits)


def _other_column(table: Any, name: str, length: int) -> np.ndarray:
    if name not in table:
        raise InvalidArgument(f"by names the column {name!r}, which the table lacks: add it or choose another.")
    values = np.asarray(table[name])
    if (
        values.shape != (length,)
        or values.dtype.kind not in "iuf"
        or not np.isfinite(values).all()
        or values.min() <= 0
    ):
        raise invalid(f"table[{name!r}]", "a column of positive numbers", values, "mend it")
    return values.astype(float)


@checked
def compare_laws(
    laws: Annotated[Mapping[str, Law] | Sequence[Law], BY_HAND],
    table: Any,
    *,
    held_out: Annotated[int | float, BY_HAND] = 0.2,
    by: _Column | None = None,
    objective: _Objective = "log-huber",
    delta: _Delta = None,
) -> pd.DataFrame:
    """Laws fitted to the small runs and judged on the large ones.

    laws: named laws, or a list (named by their formulas). held_out: how many of the largest runs to keep back, or the
    share of them (rounded up; ties of `by` are kept back together). by: what "large" is measured in (N, D, C), by
    default the first law's last variable. Returns law -> parameters (free), fit_mse and held_out_mse (nats^2),
    held_out_bias (mean of loss - prediction, nats), held_out_worst (largest absolute error, nats), converged, all from
    the fit to the small runs, and whole_mse, of a fit to all runs. Sorted by held_out_mse. Raises InvalidArgument.
    """
    named = _named(laws)
    first = next(iter(named.values()))
    columns, loss = table_columns(first, table)
    by = first.variables[-1] if by is None else by
    places = columns[by] if by in columns else _other_column(table, by, len(loss))
    count = _held_out_count(held_out, len(loss))
    large = places >= np.sort(places)[-count]
    if large.all():
        raise invalid("held_out", "fewer than all runs", held_out, f"{by} is the same in too many rows, or lower it")
    fits = []
    for name, law in named.items():
        mine, loss = table_columns(law, table)
        small = {key: column[~large] for key, column in mine.items()} | {"loss": loss[~large]}
        fitted = fit(law, small, objective=objective, delta=delta)
        whole: Fit = fit(law, {**mine, "loss": loss}, objective=objective, delta=delta)
        error = loss[large] - law.loss(fitted.params, **{key: column[large] for key, column in mine.items()})
        worst = float(np.abs(error).max())
        fits.append((name, len(law.free), fitted.mse, float(np.mean(error**2)), float(error.mean()), worst,
                     fitted.converged, whole.mse))  # fmt: skip
    heads = [
        "law",
        "parameters",
        "fit_mse",
        "held_out_mse",
        "held_out_bias",
        "held_out_worst",
        "converged",
        "whole_mse",
    ]
    return pd.DataFrame(fits, columns=heads).set_index("law").sort_values("held_out_mse")


def _named(laws: Any) -> dict[str, Law]:
    pairs = list(laws.items()) if isinstance(laws, Mapping) else None
    if pairs is None:
        if isinstance(laws, str | bytes) or not isinstance(laws, Sequence):
            raise invalid("laws", "a list or dict of laws", laws, "pass [PowerLaw(), Exponential()]")
        pairs = [(law.formula if isinstance(law, Law) else "", law) for law in laws]
    if not pairs:
        raise invalid("laws", "a list or dict of at least one law", laws, "pass [PowerLaw(), Exponential()]")
    for name, law in pairs:
        check_instance(f"laws[{name!r}]", law, Law, remedy="build one such as PowerLaw()")
    if len({name for name, _ in pairs}) < len(pairs):
        raise invalid("laws", "laws with different formulas", laws, "pass a dict with a name for each")
    return dict(pairs)


def _held_out_count(held_out: Any, runs: int) -> int:
    whole = isinstance(held_out, int | np.integer) and not isinstance(held_out, bool)
    if whole:
        return check_integer("held_out", held_out, minimum=1, maximum=runs - 1)
    return int(np.ceil(check_real("held_out", held_out, above=0, below=1) * runs))
