"""What the pages are filled from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from scaling_lib.pages.judging.claims import Row
from scaling_lib.runs.keeping import tables as run_tables

# What `number` writes where the table that it needs is not recorded.
ABSENT = "not recorded"


@dataclass(frozen=True)
class Book:
    """The state of this build.

    rows: the ledger, by id. tables: from a recorded table's name to the table, None where there is none. executed: the
    chapters' notebooks of this build. pictures: the folder into which blocks draw, below that of the pages.
    """

    rows: Mapping[str, Row]
    tables: Callable[[str], pd.DataFrame | None]
    executed: tuple[Path, ...]
    pictures: Path

    def run_tables(self) -> dict[str, pd.DataFrame]:
        """The recorded tables whose lines are runs, by name."""
        tables = {name: self.tables(name) for name in sorted(manifest())}
        return {name: table for name, table in tables.items() if table is not None and "identity" in table}


# A number, paragraph, table or figure: a function of the book to Markdown.
Block = Callable[[Book], str]


def manifest() -> dict[str, dict]:
    """What is known of each recorded table, by its name."""
    return run_tables.manifest(run_tables.recorded_folder())
