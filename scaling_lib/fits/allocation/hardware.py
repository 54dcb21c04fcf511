"""Accelerators by name, with peak speed, power and price: a small dated table, hardware.toml, which a user can
replace."""

import tomllib
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Annotated

from scaling_lib.arguments import Real, checked
from scaling_lib.errors import InvalidData, invalid

__all__ = ["Hardware", "hardware_table"]


_Amount = Annotated[float, Real(above=0, maximum=1e30)]


@checked
@dataclass(frozen=True)
class Hardware:
    """An accelerator.

    name: what a budget calls it. peak_flops: dense 16-bit FLOP/s. watts: rated power. price_per_hour: US dollars, to
    rent it. dated: when the price was looked up. source: where the numbers come from. Raises InvalidArgument.
    """

    name: str
    peak_flops: _Amount
    watts: _Amount
    price_per_hour: _Amount
    dated: str
    source: str


@checked
def hardware_table(path: str | Path | None = None) -> dict[str, Hardware]:
    """Accelerators by name. path: a TOML file of [[hardware]] entries in place of the package's, `hardware.toml`,
    which says the keys. Raises InvalidArgument where there is no file, InvalidData where it cannot be used."""
    if path is None:
        shipped = (resources.files(__package__) / "hardware.toml").read_text(encoding="utf-8")
        return {entry["name"]: Hardware(**entry) for entry in tomllib.loads(shipped)["hardware"]}
    file = Path(path)
    if not file.is_file():
        raise invalid("path", "an existing TOML file", str(file), "check the spelling")
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8"))["hardware"]
        by_name = {entry["name"]: Hardware(**entry) for entry in entries}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        keys = ", ".join(field.name for field in fields(Hardware))
        reason = " ".join(str(error).split())[:120]
        raise InvalidData(
            f"path must hold [[hardware]] entries with {keys}, got {file.name!r} ({reason}): mend that entry."
        ) from None
    if not by_name:
        raise InvalidData(f"path must hold at least one [[hardware]] entry, got {file.name!r} with none: add one.")
    return by_name
