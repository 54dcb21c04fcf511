"""The SQLite file of a store: its tables, its version, and how an older file becomes one of this version."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from scaling_lib.arguments import checked
from scaling_lib.errors import StoreError

__all__ = ["APPLICATION_ID", "MIGRATIONS", "SCHEMA_VERSION", "open_database"]

# "ScLb": SQLite's own field for telling one program's files from another's.
APPLICATION_ID = 0x53634C62
SCHEMA_VERSION = 3

_RUNS = """
CREATE TABLE runs (
    identity TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    optimizer_steps INTEGER NOT NULL,
    configuration TEXT NOT NULL,
    result TEXT NOT NULL,
    provenance TEXT NOT NULL,
    checksum TEXT NOT NULL
) WITHOUT ROWID
"""

# The results of a run besides the one in `runs`; the checksum covers the configuration of that row too. The columns of
# the key come first: else some versions of SQLite find "NULL values" in such a table in their integrity check.
_REPEATS = """
CREATE TABLE repeats (
    identity TEXT NOT NULL REFERENCES runs (identity),
    checksum TEXT NOT NULL,
    status TEXT NOT NULL,
    result TEXT NOT NULL,
    provenance TEXT NOT NULL,
    PRIMARY KEY (identity, checksum)
) WITHOUT ROWID
"""

# What metrics found in the models of `runs`. A value that was not finite is NULL. No checksum of `runs` covers it, so
# that a metric can be added to a finished run.
_MEASUREMENTS = """
CREATE TABLE measurements (
    identity TEXT NOT NULL REFERENCES runs (identity),
    metric TEXT NOT NULL,
    step INTEGER NOT NULL,
    value REAL,
    PRIMARY KEY (identity, metric, step)
) WITHOUT ROWID
"""


def _add_repeats(connection: sqlite3.Connection) -> None:
    connection.execute(_REPEATS)


def _add_measurements(connection: sqlite3.Connection) -> None:
    connection.execute(_MEASUREMENTS)


# From schema version n to n + 1, inside one transaction.
MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _add_repeats, 2: _add_measurements}


@checked
def open_database(path: str | Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection to the store at `path` with the schema of this version.

    A file that is not there is made. An older one is migrated, each version in one transaction; where it is opened
    read-only, in a copy in memory, since a mirror may lie where nothing can be written.
    Raises StoreError where the file is foreign, torn, or of a newer schema.
    """
    place, mode = Path(path), "ro" if read_only else "rwc"
    connection = None
    try:
        connection = sqlite3.connect(f"{place.resolve().as_uri()}?mode={mode}", uri=True)
        # A finished ensemble survives a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        version = _version(connection, place, read_only)
        if read_only and version < SCHEMA_VERSION:
            with closing(connection) as older:
                connection = sqlite3.connect(":memory:")
                older.backup(connection)
        while version < SCHEMA_VERSION:
            with connection:
                connection.execute("BEGIN")
                MIGRATIONS[version](connection)
                version += 1
                connection.execute(f"PRAGMA user_version = {version}")
    except sqlite3.DatabaseError as error:
        if connection is not None:
            connection.close()
        raise StoreError(
            f"{path} is not a readable store ({error}): restore it from its mirror, or pass another path."
        ) from error
    except BaseException:
        if connection is not None:
            connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection, path: Path, read_only: bool) -> int:
    """The schema version of the file; a file without tables gets those of this version first."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if empty and not read_only:
        with connection:
            connection.execute("BEGIN")
            connection.execute(_RUNS)
            connection.execute(_REPEATS)
            connection.execute(_MEASUREMENTS)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        return SCHEMA_VERSION
    if empty and application == version == 0:
        raise StoreError(f"{path} is empty, no run was ever written to it: pass the path of a store of runs.")
    if application != APPLICATION_ID:
        raise StoreError(f"{path} is another program's SQLite file: pass the path of a store of runs.")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path} has schema {version}, newer than this scaling_lib knows ({SCHEMA_VERSION}): update it."
        )
    if version < 1:
        raise StoreError(f"{path} has lost its schema version: restore it from its mirror.")
    return version
