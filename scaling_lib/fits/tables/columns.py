"""The columns of a table that a law needs, checked: positive finite numbers in one unit, one a run."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd

from scaling_lib.arguments import BY_HAND, checked
from scaling_lib.errors import InvalidArgument, check_sequence, invalid
from scaling_lib.fits.laws.forms import AnyLaw

__all__ = [
    "check_kind",
    "checked_column",
    "one_row_a_point",
    "repeated_points",
    "table_columns",
]

# Decades between neighbouring rows from which two units are suspected.
_GAP = 2.5
# What a message lists of a table's columns: a file that was split wrongly has one name as long as a line.
_NAMES, _LETTERS = 12, 30


def listed(table: Any) -> str:
    """The names of a table's columns for a message: a dozen, none longer than thirty letters."""
    names = [str(name) for name in table]
    short = [name if len(name) <= _LETTERS else f"{name[:_LETTERS]}..." for name in names[:_NAMES]]
    return ", ".join(short) + (f" and {len(names) - _NAMES} more" if len(names) > _NAMES else "") or "none"


def derived_column(table: Any, name: str) -> np.ndarray | None:
    """N, D or C from the other two by C = 6 N D; None where that cannot be."""
    others = {"N", "D", "C"} - {name}
    if name not in ("N", "D", "C") or any(other not in table for other in others):
        return None
    values = {other: np.asarray(table[other]) for other in others}
    if any(array.dtype.kind not in "iuf" for array in values.values()):
        return None
    values = {other: array.astype(float) for other, array in values.items()}
    with np.errstate(all="ignore"):
        return 6.0 * values["N"] * values["D"] if name == "C" else values["C"] / 6.0 / next(
            values[other] for other in others if other != "C"
        )  # fmt: skip


@checked
def table_columns(law: AnyLaw, table: Any) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The law's variables and the loss of a table (pandas DataFrame, or a mapping of arrays), checked.

    Returns ({variable: (points,)}, loss (points,)). Raises InvalidArgument: missing columns, text, NaN, infinities,
    values that are not positive, mixed units, fewer points than free parameters, a variable that never changes.
    """
    check_kind(table)
    arrays = {}
    for name in (*law.variables, "loss"):
        values = table[name] if name in table else derived_column(table, name)
        if values is None:
            for other in {"N", "D", "C"} - {name} if name in ("N", "D", "C") else ():
                if other in table:
                    checked_column(other, table[other])  # a word there is why the column could not be derived
            raise InvalidArgument(
                f"table lacks the column {name!r} that {law.formula} needs, got {listed(table)}: "
                f"rename one (--columns {name}=...)."
            )
        arrays[name] = checked_column(name, values)
    sizes = {name: len(values) for name, values in arrays.items()}
    if len(set(sizes.values())) > 1:
        raise InvalidArgument(f"table must have columns of one length, got {sizes}: drop incomplete rows.")
    loss = arrays.pop("loss")
    if len(loss) < len(law.free):
        raise InvalidArgument(
            f"table must have at least {len(law.free)} points, the free parameters of {law.formula}, got {len(loss)}: "
            f"add runs or pin parameters."
        )
    for name, values in arrays.items():
        if values.min() == values.max():
            raise InvalidArgument(
                f"table must vary {name}, got {name} = {values[0]:g} in every row: use a law in the other variable."
            )
    counts, derived = _counts(table, arrays)
    _refuse_mixed_units(counts, loss, derived)
    return arrays, loss


def _counts(table: Any, arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """N, D and C, as far as the table gives them in numbers, and which of them are derived."""
    attributes = getattr(table, "attrs", {})
    derived = set(attributes.get("derived", ())) | {name for name in arrays if name not in table}
    counts = dict(arrays)
    for name in ("N", "D", "C"):
        if name in table and name not in arrays:
            values = np.asarray(table[name])
            if values.dtype.kind in "iuf" and np.isfinite(values).all() and (values > 0).all():
                counts[name] = values.astype(float)
    return counts, tuple(derived)


def finished_runs(runs: pd.DataFrame, needed: Iterable[str]) -> pd.DataFrame:
    """`runs`, with the columns that are needed; of runs with a status only the finished. Raises InvalidArgument."""
    absent = [name for name in needed if name not in runs]
    if absent:
        raise InvalidArgument(f"runs lacks the column {absent[0]!r}, got {listed(runs)}: add it.")
    return runs.loc[runs["status"] == "ok"] if "status" in runs else runs


def check_kind(table: Any, name: str = "table") -> None:
    """Refuse what is neither a DataFrame nor a mapping from a column's name to its values."""
    if not isinstance(table, Mapping | pd.DataFrame):
        raise invalid(name, "a DataFrame or a dict of arrays", table, "pass columns N, D and loss")


def _row(values: Any, place: int) -> str:
    """How to name a row: as a line of its file where the table came from one, else by its place, from 0."""
    from_a_file = isinstance(values, pd.Series) and values.index.name == "line"
    return f"line {values.index[place]}" if from_a_file else f"row {place}"


def checked_column(name: str, values: Any) -> np.ndarray:
    """`values` as positive finite floats, one a point. Raises InvalidArgument that names `table[name]` and the row."""
    try:
        array = np.asarray(values)
        if array.dtype.kind == "O" and not any(isinstance(value, str | bytes) for value in array.ravel()):
            array = array.astype(float)
    except (TypeError, ValueError):
        raise invalid(f"table[{name!r}]", "a column of numbers", values, "convert it first") from None
    if array.ndim != 1 or not array.size:
        raise invalid(f"table[{name!r}]", "one number a row", values, "pass a one-dimensional column")
    if array.dtype.kind not in "iuf":
        entries = array.tolist()
        words = [place for place, entry in enumerate(entries) if not _is_number(entry)]
        place = words[0] if words else 0
        remedy = "convert or drop that entry" if words else "convert the column, which holds numbers as text"
        entry = str(entries[place])
        shown = repr(entry if len(entry) <= _LETTERS else f"{entry[:_LETTERS]}...")
        raise InvalidArgument(
            f"table[{name!r}] must be a column of numbers, got {shown} in {_row(values, place)}: {remedy}."
        )
    array = array.astype(float)
    bad = ~np.isfinite(array) | (array <= 0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InvalidArgument(
            f"table[{name!r}] must hold positive finite numbers, got {array[row]:g} in {_row(values, row)}: "
            f"drop or mend it."
        )
    return array


def _is_number(entry: Any) -> bool:
    try:
        float(entry)
    except (TypeError, ValueError):
        return False
    return True


@checked
def repeated_points(table: Any, variables: Annotated[Iterable[str], BY_HAND] = ("N", "D")) -> tuple[int, int]:
    """(rows, distinct points) of a table, by the columns `variables`: seeds and learning rates repeat a point.

    Raises InvalidArgument where a column is missing or no column of positive numbers.

    >>> repeated_points({"N": [1e6, 1e6, 2e6], "D": [1e9, 1e9, 1e9]})
    (3, 2)
    """
    point = _points(table, variables)
    return len(point), int(point.max()) + 1


def _points(table: Any, variables: Iterable[str]) -> np.ndarray:
    """The number of the point of each row. Values that differ by rounding are one point."""
    check_kind(table)
    names = check_sequence("variables", variables, str, remedy="pass ('N', 'D')")
    keys: dict[str, np.ndarray] = {}
    for name in names:
        values = table[name] if name in table else derived_column(table, name)
        if values is None:
            raise invalid("variables", f"columns of the table, which has {listed(table)}", name, "rename one")
        keys[name] = np.round(np.log(checked_column(name, values)), 9)
    if len({len(values) for values in keys.values()}) > 1:
        raise invalid("table", "one with columns of one length", {n: len(v) for n, v in keys.items()}, "drop rows")
    point = np.zeros(len(keys[names[0]]), int)
    for values in keys.values():
        distinct, place = np.unique(values, return_inverse=True)
        point = np.unique(point * len(distinct) + place, return_inverse=True)[1]
    return point


@checked
def one_row_a_point(
    table: Annotated[pd.DataFrame, BY_HAND],
    variables: Annotated[Iterable[str], BY_HAND] = ("N", "D"),
    *,
    keep: Literal["best", "mean"] = "best",
) -> pd.DataFrame:
    """The table with one row for each point (its `variables`): the row of the lowest loss, or the mean loss.

    keep: "best" for grids over learning rates, whose other rows are no points of the law; "mean" for seeds: a minimum
    over seeds is biased. The order of the first rows is kept. Raises InvalidArgument.

    >>> runs = pd.DataFrame({"N": [1e6, 1e6, 2e6], "D": [1e9, 1e9, 1e9], "loss": [3.0, 2.8, 2.5]})
    >>> one_row_a_point(runs)["loss"].tolist(), one_row_a_point(runs, keep="mean")["loss"].round(2).tolist()
    ([2.8, 2.5], [2.9, 2.5])
    """
    if not isinstance(table, pd.DataFrame):
        raise invalid("table", "a DataFrame", table, "pass pd.DataFrame(...)")
    if "loss" not in table:
        raise invalid("table", "one with the column loss", listed(table), "rename one")
    point = _points(table, variables)
    loss = pd.Series(checked_column("loss", table["loss"]))
    if keep == "best":
        rows = np.sort(loss.groupby(point).idxmin().to_numpy())
        return table.iloc[rows]
    first = np.sort(np.unique(point, return_index=True)[1])
    kept = table.iloc[first].copy()
    kept["loss"] = loss.groupby(point).mean().loc[point[first]].to_numpy()
    return kept


def _refuse_mixed_units(columns: Mapping[str, np.ndarray], loss: np.ndarray, derived: Iterable[str]) -> None:
    """Rows in other units stand decades apart from the rest, and yet have losses, or tokens for each parameter, that
    only the other unit explains. columns: N, D, C, as far as the table has them or they follow from the others."""
    derived = tuple(derived)
    given = {name: values for name, values in columns.items() if name not in derived}
    for name in ("N", "D"):
        if name in columns and len(loss) >= 4:
            values = columns[name]
            at, factor, order = _widest_gap(values)
            if factor < 10**_GAP:
                continue
            low = values <= order[at]
            if np.median(loss[low]) <= np.quantile(loss[~low], 0.9) or _unlikely(name, columns, low):
                said = "C" if name in derived and "C" in given else name
                values = columns[said]
                unit = {"N": "parameters", "D": "tokens", "C": "FLOPs"}[said]
                raise InvalidArgument(
                    f"table[{said!r}] must be in one unit, got rows up to {values[low].max():.3g} beside rows from "
                    f"{values[~low].min():.3g}, too far apart for their losses: convert all rows to {unit}."
                )
    if len(given) == 3:
        _refuse_rows_off_the_rule(given)


def _widest_gap(values: np.ndarray) -> tuple[int, float, np.ndarray]:
    """The place below the widest gap between sorted values, the factor across it (1 for one value), and all sorted."""
    order = np.sort(values)
    if len(order) < 2:
        return 0, 1.0, order
    factors = order[1:] / order[:-1]
    at = int(factors.argmax())
    return at, float(factors[at]), order


def _refuse_rows_off_the_rule(given: Mapping[str, np.ndarray]) -> None:
    """Where N, D and C are all given, C / (6 N D) is the number of epochs, and no two rows differ by decades in it."""
    share = given["C"] / (6 * given["N"] * given["D"])
    at, factor, order = _widest_gap(share)
    if factor >= 10**_GAP:
        odd = share > order[at]
        odd = odd if odd.sum() <= len(odd) / 2 else ~odd
        row = int(np.flatnonzero(odd)[0])
        raise InvalidArgument(
            f"table must count N, D and C in one unit, got C = {share[row]:.3g} times 6 N D in {odd.sum()} rows, "
            f"the first with N = {given['N'][row]:.4g}, D = {given['D'][row]:.4g}, C = {given['C'][row]:.4g}, beside "
            f"{float(np.median(share[~odd])):.3g} times in the others: convert them."
        )


def _unlikely(name: str, columns: Mapping[str, np.ndarray], low: np.ndarray) -> bool:
    """Whether the low rows of D have a hundred times fewer tokens a parameter than any model is trained on, or those of
    N a million times more, while the other rows have ordinary ones."""
    if not {"N", "D"} <= columns.keys():
        return False
    ratio = columns["D"] / columns["N"]
    odd, rest = float(np.median(ratio[low])), float(np.median(ratio[~low]))
    if name == "D":
        return bool(odd < 1e-2 and rest >= 0.1 and np.median(columns["N"][low]) >= 1e5)
    return odd > 1e6 and rest < 1e5
