"""A user's table of runs, read and judged: columns N (parameters), D (tokens), C (FLOPs), loss (nats per token).

C = 6 N D supplies whichever of the three is missing. What cannot be fitted is refused in one sentence; doubts that do
not forbid a fit (a loss in bits, tokens counted in thousands) are returned as sentences.
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd

from scaling_lib.arguments import BY_HAND, checked
from scaling_lib.errors import InvalidArgument, InvalidData, check_instance, invalid
from scaling_lib.fits.laws import Chinchilla, published_law
from scaling_lib.fits.laws.forms import AnyLaw

__all__ = ["parse_columns", "read_table", "suspicions", "table_columns"]


@checked
def parse_columns(text: str) -> dict[str, str]:
    """`"N=params,D=tokens,loss=val_loss"` as {"N": "params", ...}: what `--columns` takes. Raises InvalidArgument.

    >>> parse_columns("N=params, loss=val_loss")
    {'N': 'params', 'loss': 'val_loss'}
    """
    pairs: dict[str, str] = {}
    for part in text.split(","):
        name, equals, column = (piece.strip() for piece in part.partition("="))
        if not equals or not column or not name or name in pairs:
            raise invalid(
                "text", "NAME=COLUMN pairs separated by commas", part, "write N=params,D=tokens,loss=val_loss"
            )
        pairs[name] = column
    return pairs


@checked
def read_table(path: str | Path, columns: Annotated[Mapping[str, str] | None, BY_HAND] = None) -> pd.DataFrame:
    """A CSV, TSV or Parquet file as a table, with the columns N, D, C that it has or that C = 6 N D gives, and loss.

    columns: our name -> the file's name, for those that differ; all other columns stay. Raises InvalidArgument,
    InvalidData.
    """
    file = Path(path)
    if columns is not None:
        check_instance("columns", columns, Mapping, remedy="pass a dict such as {'N': 'params'}")  # type: ignore[type-abstract]
    if not file.is_file():
        raise InvalidArgument(f"path must be an existing file, got {str(file)!r}: check the spelling.")
    try:
        if file.suffix == ".parquet":
            table = pd.read_parquet(file)
        else:
            separator = "\t" if file.suffix == ".tsv" else ","
            table = pd.read_csv(file, sep=separator, skipinitialspace=True)
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:100]
        raise InvalidData(
            f"path must hold a table, got {str(file)!r} ({reason}): save it as CSV with a header."
        ) from None
    for name, column in (columns or {}).items():
        if column not in table.columns:
            have = ", ".join(map(str, table.columns))
            raise InvalidArgument(f"columns maps {name} to {column!r}, which {file.name} has not: it has {have}.")
    # A renamed column replaces one that had its name before.
    taken = [name for name, column in (columns or {}).items() if name in table.columns and name != column]
    table = table.drop(columns=taken).rename(columns={column: name for name, column in (columns or {}).items()})
    for name in ("N", "D", "C"):
        if name not in table.columns and (derived := _derived(table, name)) is not None:
            table[name] = derived
    return table


def _derived(table: Any, name: str) -> np.ndarray | None:
    """N, D or C from the other two by C = 6 N D, or None."""
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
        values = table[name] if name in table else _derived(table, name)
        if values is None:
            present = ", ".join(map(str, list(table)[:12])) or "none"
            raise InvalidArgument(
                f"table lacks the column {name!r} that {law.formula} needs, got {present}: "
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
        _refuse_mixed_units(name, values, loss)
    return arrays, loss


def finished_runs(runs: pd.DataFrame, needed: Iterable[str]) -> pd.DataFrame:
    """`runs`, with the columns that are needed; of runs with a status only the finished. Raises InvalidArgument."""
    absent = [name for name in needed if name not in runs]
    if absent:
        raise InvalidArgument(f"runs lacks the column {absent[0]!r}, got {', '.join(map(str, runs))[:200]}: add it.")
    return runs.loc[runs["status"] == "ok"] if "status" in runs else runs


def check_kind(table: Any, name: str = "table") -> None:
    """Refuse what is neither a DataFrame nor a mapping from a column's name to its values."""
    if not isinstance(table, Mapping | pd.DataFrame):
        raise invalid(name, "a DataFrame or a dict of arrays", table, "pass columns N, D and loss")


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
        text = [value for value in array.tolist() if isinstance(value, str | bytes)]
        raise invalid(
            f"table[{name!r}]", "a column of numbers", (text or array.tolist())[0], "convert or drop that entry"
        )
    array = array.astype(float)
    bad = ~np.isfinite(array) | (array <= 0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InvalidArgument(
            f"table[{name!r}] must hold positive finite numbers, got {array[row]:g} in row {row}: drop or mend it."
        )
    return array


def _refuse_mixed_units(name: str, values: np.ndarray, loss: np.ndarray) -> None:
    """Rows in other units stand decades apart from the rest, and yet have losses like theirs."""
    if name == "C" or len(values) < 4:
        return
    order = np.sort(np.log10(values))
    gaps = np.diff(order)
    at = int(gaps.argmax())
    if gaps[at] < 2.5:
        return
    low = np.log10(values) <= order[at]
    small, large = loss[low], loss[~low]
    if np.median(small) <= np.quantile(large, 0.9):
        raise InvalidArgument(
            f"table[{name!r}] must be in one unit, got rows up to {values[low].max():.3g} beside rows from "
            f"{values[~low].min():.3g} with like losses: convert all rows to "
            f"{'tokens' if name == 'D' else 'parameters'}."
        )


def suspicions(table: Any) -> list[str]:
    """Doubts about units, one sentence each; an empty list where nothing is odd. table: as for `fitting.fit`.

    Raises InvalidArgument where `table` is neither a DataFrame nor a mapping.

    >>> suspicions({"loss": np.array([30.0, 25.0])})
    ['Losses reach 30, more than log(vocabulary) in nats can be: these may be perplexities.']
    """
    check_kind(table)
    columns: dict[str, np.ndarray] = {}
    for name in ("N", "D", "C", "loss"):
        if name in table:
            array = np.asarray(table[name])
            if array.ndim == 1 and array.size and array.dtype.kind in "iuf":
                array = array.astype(float)
                if np.isfinite(array).all() and (array > 0).all():
                    columns[name] = array
    if len({len(array) for array in columns.values()}) > 1:
        return []
    return [*_doubts_about_counts(columns), *_doubts_about_loss(columns)]


def _doubts_about_counts(columns: Mapping[str, np.ndarray]) -> list[str]:
    said = []
    if {"N", "D", "C"} <= columns.keys():
        share = float(np.median(columns["C"] / (6 * columns["N"] * columns["D"])))
        for factor, word in ((1e3, "thousands"), (1e6, "millions"), (1e9, "billions")):
            if 0.3 < share / factor < 3:
                return [f"C is {share:.3g} times 6 N D: N or D seems to be counted in {word}; multiply by {factor:g}."]
    if {"N", "D"} <= columns.keys():
        share, largest = float(np.median(columns["D"] / columns["N"])), float(columns["N"].max())
        if largest >= 1e7 and share < 0.1:
            word = "thousands" if share > 1e-4 else "millions" if share > 3e-7 else "billions"
            said.append(
                f"There are {share:.2g} tokens per parameter at the median: D may be counted in {word} of tokens."
            )
        elif share > 3e5:
            said.append(f"There are {share:.2g} tokens per parameter at the median: N may be counted in millions.")
    return said


def _doubts_about_loss(columns: Mapping[str, np.ndarray]) -> list[str]:
    loss = columns.get("loss")
    if loss is None:
        return []
    if loss.max() > 15:
        return [f"Losses reach {loss.max():.3g}, more than log(vocabulary) in nats can be: these may be perplexities."]
    if {"N", "D"} <= columns.keys() and columns["N"].min() >= 1e6 and columns["D"].min() >= 1e8:
        usual = Chinchilla().loss(published_law("besiroglu").parameters, N=columns["N"], D=columns["D"])
        share = float(np.median(loss / usual))
        if abs(share * math.log(2) - 1) < 0.06:
            return [
                f"Losses are {share:.2f} times those of language models of this size in nats, and 1 / ln 2 = 1.44: "
                f"they may be in bits; multiply by 0.693."
            ]
    return []
