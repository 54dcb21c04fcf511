"""A user's table of runs, read and judged: columns N (parameters), D (tokens), C (FLOPs), loss (nats per token).

C = 6 N D supplies whichever of the three is missing. Doubts that do not forbid a fit (a loss in bits, tokens counted in
thousands) are returned as sentences.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from scaling_lib.errors import InvalidArgument, InvalidData, check_instance, check_path, check_text
from scaling_lib.fits.laws import Chinchilla, Law

__all__ = ["parse_columns", "read_table", "suspicions", "synthetic_chinchilla", "table_columns"]

KNOWN = ("N", "D", "C", "loss")


def parse_columns(text: str) -> dict[str, str]:
    """`"N=params,D=tokens,loss=val_loss"` as {"N": "params", ...}: what `--columns` takes. Raises InvalidArgument."""
    pairs: dict[str, str] = {}
    for part in check_text("text", text).split(","):
        name, equals, column = (piece.strip() for piece in part.partition("="))
        if not equals or not column or not name or name in pairs:
            raise InvalidArgument(
                f"text must be NAME=COLUMN pairs separated by commas, got {part!r}: write N=params,D=tokens,loss=val."
            )
        pairs[name] = column
    return pairs


def read_table(path: Any, columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """A CSV or Parquet file as a table with the columns N, D, C, loss that it has or that C = 6 N D gives.

    columns: our name -> the file's name, for those that differ; other columns stay. Raises InvalidArgument, InvalidData.
    """
    file = check_path("path", path)
    if columns is not None:
        check_instance("columns", columns, Mapping, remedy="pass a dict such as {'N': 'params'}")  # type: ignore[type-abstract]
    if not file.is_file():
        raise InvalidArgument(f"path must be an existing file, got {str(file)!r}: check the spelling.")
    try:
        table = pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file, float_precision="round_trip")
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:100]
        raise InvalidData(f"path must hold a table, got {str(file)!r} ({reason}): save it as CSV with a header.") from None
    for name, column in (columns or {}).items():
        if column not in table.columns:
            raise InvalidArgument(
                f"columns maps {name} to {column!r}, which {file.name} has not: it has {', '.join(map(str, table.columns))}."
            )
    renamed = table.rename(columns={column: name for name, column in (columns or {}).items()})
    return _completed(renamed)


def _completed(table: pd.DataFrame) -> pd.DataFrame:
    has = {name for name in ("N", "D", "C") if name in table.columns}
    numeric = all(pd.api.types.is_numeric_dtype(table[name]) for name in has)
    if numeric and has == {"N", "C"}:
        return table.assign(D=table["C"] / (6 * table["N"]))
    if numeric and has == {"D", "C"}:
        return table.assign(N=table["C"] / (6 * table["D"]))
    if numeric and has == {"N", "D"}:
        return table.assign(C=6.0 * table["N"] * table["D"])
    return table


def table_columns(law: Law, table: Any) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The law's variables and the loss of a table (pandas DataFrame, or a mapping of arrays), checked.

    Returns ({variable: (points,)}, loss (points,)). Raises InvalidArgument: missing columns, text, NaN, infinities,
    values that are not positive, fewer points than free parameters, a variable that never changes.
    """
    check_instance("law", law, Law, remedy="build one such as Chinchilla()")
    if isinstance(table, Mapping):
        lengths = {name: np.size(value) for name, value in table.items()}
        if len({length for name, length in lengths.items() if name in (*law.variables, "loss")}) > 1:
            raise InvalidArgument(f"table must have columns of one length, got {lengths}: drop incomplete rows.")
        frame: Any = table
    else:
        frame = check_instance("table", table, pd.DataFrame, remedy="pass a DataFrame or a dict of arrays")
    if isinstance(frame, pd.DataFrame):
        frame = _completed(frame)
    arrays = {}
    for name in (*law.variables, "loss"):
        if name not in frame:
            present = ", ".join(map(str, list(frame)[:12])) or "none"
            raise InvalidArgument(
                f"table lacks the column {name!r} that {law.formula} needs, got columns {present}: "
                f"rename one (--columns {name}=...)."
            )
        arrays[name] = _column(name, frame[name])
    loss = arrays.pop("loss")
    if len(loss) < len(law.free):
        raise InvalidArgument(
            f"table must have at least as many points as {law.formula} has free parameters ({len(law.free)}), "
            f"got {len(loss)}: add runs or pin parameters."
        )
    for name, values in arrays.items():
        if values.min() == values.max():
            raise InvalidArgument(
                f"table must vary {name}, got {name} = {values[0]:g} in every row: use a law in the other variable."
            )
    return arrays, loss


def _column(name: str, values: Any) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind == "O":
        try:
            array = array.astype(float) if not any(isinstance(value, str) for value in array.ravel()) else array
        except (TypeError, ValueError):
            pass
    if array.dtype.kind not in "iuf":
        first = next((value for value in array.ravel() if isinstance(value, str)), array.ravel()[0] if array.size else "")
        raise InvalidArgument(f"table must hold numbers in {name}, got {str(first)!r}: convert or drop that entry.")
    if array.ndim != 1 or not array.size:
        raise InvalidArgument(f"table must hold one number a row in {name}, got shape {array.shape}: flatten it.")
    array = array.astype(float)
    bad = ~np.isfinite(array) | (array <= 0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InvalidArgument(f"table must hold positive finite numbers in {name}, got {array[row]:g} in row {row}: drop it.")
    return array


def suspicions(table: Any) -> list[str]:
    """Doubts about units, one sentence each; an empty list where nothing is odd. table: as for `fitting.fit`."""
    frame = table if isinstance(table, Mapping) else check_instance(
        "table", table, pd.DataFrame, remedy="pass a DataFrame or a dict of arrays"
    )  # fmt: skip
    return []


def synthetic_chinchilla(generator: np.random.Generator, points: int = 240) -> pd.DataFrame:
    """SYNTHETIC: runs drawn from a published law, on a design like that of Hoffmann et al. 2022, figure 4. Not data.

    L from E 1.8172, A 482.01, B 2085.43, alpha .3478, beta .3658 (Besiroglu et al. 2024, arXiv 2404.10102), times
    log-normal-like heavy-tailed noise (Student t, 3 degrees of freedom, scale .004). Columns N, D, C, loss.
    """
    check_instance("generator", generator, np.random.Generator, remedy="pass np.random.default_rng(0)")
    sizes = np.geomspace(5e7, 1.6e10, 40)
    n = sizes[generator.integers(0, len(sizes), points)]
    compute = np.exp(generator.uniform(np.log(6e18), np.log(3e21), points))
    # Runs lie within a factor of about 8 of the compute-optimal line N = sqrt(C / 120).
    n = np.clip(np.sqrt(compute / 120) * np.exp(generator.uniform(-2, 2, points)), sizes[0], sizes[-1])
    d = compute / (6 * n)
    truth = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
    loss = Chinchilla().loss(truth, N=n, D=d) * np.exp(0.004 * generator.standard_t(3, points))
    return pd.DataFrame({"N": n, "D": d, "C": compute, "loss": loss})
