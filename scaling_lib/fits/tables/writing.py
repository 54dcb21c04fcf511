"""A table that grows by a row a run: what a training script of one's own writes at its end, and `read_table` reads."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from scaling_lib.arguments import BY_HAND, Positive, checked
from scaling_lib.errors import InvalidArgument, InvalidData, check_real, check_text, invalid

__all__ = ["append_run"]


@checked
def append_run(
    path: str | Path,
    *,
    N: Positive,
    D: Positive,
    loss: Positive,
    more: Annotated[Mapping[str, float | str] | None, BY_HAND] = None,
) -> Path:
    """Add one finished run to a CSV file, which is made where it does not exist; returns its path.

    N: parameters. D: training tokens. loss: nats per token, on held-out data. more: further columns, numbers or texts
    (seed, learning rate, ...), the same ones for every run of a file. Earlier rows are never written again, and the row
    is written in one piece, so that several processes may append to a file that has its first row. Raises
    InvalidArgument, also where the file has other columns, and InvalidData where its last line was cut off.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = append_run(Path(folder) / "runs.csv", N=1e6, D=2e7, loss=3.25, more={"seed": 0})
    ...     _ = append_run(file, N=1e6, D=4e7, loss=3.0, more={"seed": 0})
    ...     print(file.read_text().splitlines())
    ['N,D,loss,seed', '1000000.0,20000000.0,3.25,0', '1000000.0,40000000.0,3.0,0']
    """
    row = {"N": N, "D": D, "loss": loss} | _further(more)
    target = Path(path)
    try:
        with open(target, "a+b") as file:
            file.seek(0)
            before = file.read()
            if before:
                _check_columns(before, list(row), target)
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            if not before:
                writer.writerow(row)
            writer.writerow(row.values())
            file.write(text.getvalue().encode())
    except OSError as error:
        raise invalid("path", "a file in a writable folder", str(target), f"pass another ({error.strerror})") from None
    return target


def _further(more: Mapping[str, float | str] | None) -> dict[str, float | str]:
    if more is None:
        return {}
    if not isinstance(more, Mapping):
        raise invalid("more", "a dict from a column's name to a number or a text", more, "pass {'seed': 0}")
    for name, value in more.items():
        if check_text("more", name) in ("N", "D", "loss"):
            raise invalid("more", "further columns", name, "pass it as an argument of its own")
        if not isinstance(value, str):
            check_real(f"more[{name!r}]", value)
    return dict(more)


def _check_columns(before: bytes, wanted: list[str], path: Path) -> None:
    """That the file has these columns, and that its last line is whole."""
    try:
        first = before.decode().splitlines()[0]
    except UnicodeDecodeError:
        raise InvalidData(f"path must be a CSV file, got {path.name!r}, which is no text: pass a new name.") from None
    found = next(csv.reader([first]), [])
    if found != wanted:
        raise InvalidArgument(
            f"path must name a file with the columns {', '.join(wanted)}, got {', '.join(found)} in {path.name!r}: "
            "pass a new name, or for every run the same columns in more."
        )
    if not before.endswith(b"\n"):
        raise InvalidData(f"path must end with a whole line, got {path.name!r}, cut off: delete its last line.")
