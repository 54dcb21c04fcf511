"""What changed in the ledger after a row had been judged, in `changes.toml`, where readers can see it."""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Annotated

from scaling_lib.arguments import BY_HAND, Choice, checked
from scaling_lib.errors import InvalidArgument, InvalidData, check_text, invalid

__all__ = ["EVERY_ROW", "Change", "ledger_changes"]

# What stands in place of an id where a change is about all rows.
EVERY_ROW = "every row"


@checked
@dataclass(frozen=True)
class Change:
    """date: of the change. row: id of the claim, or EVERY_ROW. now: "withdrawn" (the row is gone) or "mended". said:
    what stood there before. why: the reason, in whole sentences. Raises InvalidArgument, naming the field."""

    date: Annotated[date, BY_HAND]
    row: str
    now: Annotated[str, Choice(("withdrawn", "mended"))]
    said: str
    why: str

    def __post_init__(self) -> None:
        if not isinstance(self.date, date):
            raise invalid("date", "a day", self.date, "write it as 2026-11-27, without quotes")
        for name in ("row", "said", "why"):
            check_text(name, getattr(self, name))


@cache
def ledger_changes() -> tuple[Change, ...]:
    """Every change, in the order of the file: the newest day first. Raises InvalidData where one is malformed."""
    text = (resources.files(__package__) / "changes.toml").read_text(encoding="utf-8")
    try:
        return tuple(Change(**fields) for fields in tomllib.loads(text)["changes"])
    except (TypeError, KeyError, InvalidArgument) as error:
        raise InvalidData(f"changes.toml is malformed ({error}): every change has the fields of Change.") from None
