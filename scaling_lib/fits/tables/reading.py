"""Files as tables: CSV and its relatives (`_text`), JSON, JSON lines, Parquet; the user's names and units made ours."""

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pandas as pd

from scaling_lib.arguments import BY_HAND, checked
from scaling_lib.errors import InvalidArgument, InvalidData, check_instance, check_real, invalid
from scaling_lib.fits.tables._text import read_text
from scaling_lib.fits.tables.columns import derived_column, listed

__all__ = ["UNITS", "parse_columns", "parse_units", "read_content", "read_table", "with_names"]

# Words for what a count may be counted in.
UNITS = {"ones": 1.0, "thousands": 1e3, "millions": 1e6, "billions": 1e9, "trillions": 1e12}

_PARQUET, _SQLITE, _ZIP = b"PAR1", b"SQLite format 3\0", b"PK\x03\x04"


def _pairs(text: str, wanted: str, example: str) -> dict[str, str]:
    """NAME=VALUE pairs; a comma separates two of them where NAME= follows, so that values may hold commas."""
    pairs: dict[str, str] = {}
    for part in re.split(r",(?=[^=,]*=)", text):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        value = value[1:-1] if len(value) > 1 and value[0] == value[-1] in ('"', "'") else value
        if not equals or not name or name in pairs or not value.strip(", "):
            raise invalid("text", f"{wanted} separated by commas", part, f"write {example}")
        if value[0] == "," or value[-1] == ",":
            raise invalid("text", f"{wanted} separated by commas", part, f"write {example}")
        pairs[name] = value
    return pairs


@checked
def parse_columns(text: str) -> dict[str, str]:
    """`"N=params,D=tokens,loss=val_loss"` as {"N": "params", ...}: what `--columns` takes. Raises InvalidArgument.

    >>> parse_columns("N=params, loss=val, smoothed")
    {'N': 'params', 'loss': 'val, smoothed'}
    """
    return _pairs(text, "NAME=COLUMN pairs", "N=params,D=tokens,loss=val_loss")


@checked
def parse_units(text: str) -> dict[str, float]:
    """`"N=millions,D=1e9"` as {"N": 1e6, "D": 1e9}: what `--units` takes. Raises InvalidArgument.

    >>> parse_units("N=millions, D=1e9")
    {'N': 1000000.0, 'D': 1000000000.0}
    """
    factors = {}
    for name, word in _pairs(text, "NAME=UNIT pairs", "N=millions,D=1e9").items():
        try:
            factor = UNITS[word] if word in UNITS else float(word)
        except ValueError:
            raise invalid("text", f"NAME=UNIT pairs, a unit being a number or of {', '.join(UNITS)}", word,
                          "write N=millions,D=1e9") from None  # fmt: skip
        factors[name] = check_real(f"text, the unit of {name}", factor, above=0)
    return factors


@checked
def read_table(
    path: str | Path,
    columns: Annotated[Mapping[str, str] | None, BY_HAND] = None,
    *,
    units: Annotated[Mapping[str, float] | None, BY_HAND] = None,
) -> pd.DataFrame:
    """A file as a table, with the columns N, D, C that it has or that C = 6 N D gives, and loss.

    Text: separated by commas, semicolons, tabs, bars or blanks, decimals with a point or a comma, in UTF-8 or UTF-16,
    lines with # and a title on top left out; its index "line" counts lines as an editor does. JSON: a list of objects,
    an object of lists, or an object a line. Parquet. columns, units: as in `with_names`. Raises InvalidArgument,
    InvalidData.
    """
    file = Path(path)
    if not file.is_file():
        raise InvalidArgument(f"path must be an existing file, got {str(file)!r}: check the spelling.")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidData(f"path must hold a table, got {file.name!r} ({error.strerror}): check its rights.") from None
    return with_names(_table_of(content, file), columns, units=units, source=file.name)


@checked
def read_content(
    content: Annotated[bytes, BY_HAND],
    columns: Annotated[Mapping[str, str] | None, BY_HAND] = None,
    *,
    units: Annotated[Mapping[str, float] | None, BY_HAND] = None,
    source: str = "the table",
) -> pd.DataFrame:
    """The bytes of a file as a table: what `read_table` reads, of what has no path, such as a pipe.

    source: how messages call it; its suffix, where it has one, counts as a file's. columns, units: as in `with_names`.
    Raises InvalidArgument, InvalidData.

    >>> read_content(b"N,D,loss\\n10,20,3.5\\n20,40,3.1\\n")["loss"].tolist()
    [3.5, 3.1]
    """
    if not isinstance(content, bytes):
        raise invalid("content", "bytes of a table", content, "pass what open(path, 'rb').read() gives")
    return with_names(_table_of(content, Path(source)), columns, units=units, source=source)


def _table_of(content: bytes, file: Path) -> pd.DataFrame:
    suffix = file.suffix.lower()
    if content.startswith(_SQLITE):
        raise InvalidData(
            f"path must hold a table, got {file.name!r}, a database: export it with scaling-lab runs export."
        )
    if content.startswith(_ZIP) or suffix in (".xls", ".xlsx", ".ods"):
        raise InvalidData(f"path must hold a table, got {file.name!r}, a spreadsheet: save it as CSV.")
    if content.startswith(_PARQUET) or suffix in (".parquet", ".pq"):
        try:
            return pd.read_parquet(io.BytesIO(content))
        except (ValueError, OSError) as error:
            reason = " ".join(str(error).split())[:100]
            raise InvalidData(
                f"path must hold a table, got {file.name!r} ({reason}): save it as CSV with a header."
            ) from None
    if suffix in (".json", ".jsonl", ".ndjson") or content[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return _of_json(content, file.name)
    return read_text(content, file.name)


def _of_json(content: bytes, file: str) -> pd.DataFrame:
    """A list of objects, an object of lists, or an object a line."""
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidData(f"path must hold a table, got {file!r}, which is no UTF-8: save it as CSV.") from None
    lines: list[int] | None = None
    try:
        held = json.loads(text)
    except json.JSONDecodeError:
        held, lines = [], []
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                try:
                    held.append(json.loads(line))
                except json.JSONDecodeError as error:
                    raise InvalidData(
                        f"path must hold JSON, an object a line, got {file!r} ({error.msg} in line {number}): "
                        f"mend that line."
                    ) from None
                lines.append(number)
    if isinstance(held, dict) and len(held) == 1 and isinstance(value := next(iter(held.values())), list):
        held = value if value and isinstance(value[0], dict) else held
    if isinstance(held, dict):
        held = {name: values if isinstance(values, list) else [values] for name, values in held.items()}
        if len({len(values) for values in held.values()}) != 1:
            raise InvalidData(f"path must hold columns of one length, got {file!r}: write an object for each run.")
    elif not isinstance(held, list) or not held or not all(isinstance(entry, dict) for entry in held):
        raise InvalidData(f"path must hold a table, got {file!r}: write an object for each run.")
    table = pd.DataFrame(held)
    table.columns = [str(name).strip() for name in table.columns]
    if lines is not None:
        table.index = pd.Index(lines, name="line")
    return table


@checked
def with_names(
    table: Annotated[pd.DataFrame, BY_HAND],
    columns: Annotated[Mapping[str, str] | None, BY_HAND] = None,
    *,
    units: Annotated[Mapping[str, float] | None, BY_HAND] = None,
    source: str = "the table",
) -> pd.DataFrame:
    """A table with our names and units, and the one of N, D, C that the other two give.

    columns: our name -> the table's, all renamed at once, so that {"N": "D", "D": "N"} swaps two; all other columns
    stay, except one that had a name of ours and was not asked for. units: our name -> what one of its units is worth;
    1 says that the column is right as it is, and no doubt is raised about it. source: for messages. `attrs` tells which
    columns were derived and whose units were declared. Raises InvalidArgument.

    >>> named = with_names(pd.DataFrame({"size": [1, 2], "N": [30, 40], "loss": [3.0, 2.5]}), {"N": "size", "D": "N"})
    >>> named[["N", "D"]].to_numpy().tolist()
    [[1, 30], [2, 40]]
    """
    check_instance("table", table, pd.DataFrame, remedy="pass pd.DataFrame(...)")
    for name, mapping in (("columns", columns), ("units", units)):
        if mapping is not None:
            check_instance(name, mapping, Mapping, remedy="pass a dict such as {'N': 'params'}")  # type: ignore[type-abstract]
    wanted = {name: _spelled(table, column) for name, column in (columns or {}).items()}
    for name, column in (columns or {}).items():
        if wanted[name] is None:
            raise InvalidArgument(f"columns maps {name} to {column!r}, which {source} has not: it has {listed(table)}.")
    taken = {*wanted, *wanted.values()}
    named = table[[column for column in table.columns if column not in taken]].copy()
    for name, column in wanted.items():
        named[name] = table[column]
    derived = []
    factors = dict(units or {})
    for name, factor in factors.items():
        if name not in named:
            raise InvalidArgument(f"units names {name}, which {source} has not: it has {listed(named)}.")
        factor = check_real(f"units[{name!r}]", factor, above=0)
        if named[name].dtype.kind in "iuf" and factor != 1:
            named[name] = named[name] * factor
    for name in ("N", "D", "C"):
        if name not in named.columns and (values := derived_column(named, name)) is not None:
            named[name] = values
            derived.append(name)
    named.attrs = {**table.attrs, "derived": tuple(derived), "declared": tuple(factors)}
    return named


def _spelled(table: pd.DataFrame, column: Any) -> Any:
    """The table's column of this name, or of this name with blanks around it; None where there is none."""
    if column in table.columns:
        return column
    near = [name for name in table.columns if str(name).strip() == str(column).strip()]
    return near[0] if len(near) == 1 else None
