"""Where runs are kept: one SQLite file on a local disk, one writer, nothing lost and nothing twice.

A finished ensemble is committed in one transaction; identical configurations are one row. The file carries its own
application id and schema version, so that a foreign or newer file is refused and an older one migrated. After each
commit an integrity-checked snapshot goes, by temporary file and rename, to an optional mirror folder (a mounted Drive,
a network share), where SQLite itself would not be safe.
"""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd

from scaling_lib.errors import StoreError, check_flag, check_instance, check_path, check_real, invalid
from scaling_lib.runs.keeping.tables import frame_of
from scaling_lib.runs.records import Provenance, RunConfiguration, RunRecord, RunResult

__all__ = ["Store", "file_system"]

# "ScLb": SQLite's own field for telling one program's files from another's.
APPLICATION_ID = 0x53634C62
SCHEMA_VERSION = 1

_SCHEMA = """
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

# File systems on which SQLite's locks are not to be trusted; "fuse.drive" is Colab's mounted Drive.
NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smbfs", "smb3", "afs", "davfs", "ceph", "beegfs", "glusterfs"}
    | {f"fuse.{name}" for name in ("drive", "sshfs", "rclone", "gcsfuse", "s3fs", "davfs2", "ceph", "glusterfs")}
)

# From schema version n to n + 1, inside one transaction. The first change of the schema adds the entry 1.
MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {}


class Store:
    """A file of finished runs.

    path: the SQLite file, made where it does not exist; it must lie on a local disk. mirror: a folder that receives a
    snapshot after each commit. read_only: opens an existing file without the writer's lock; `add` is refused. wait: how
    many seconds to wait for another writer to finish before refusing.

    Use it as a context manager, or call `close`. Raises StoreError (an OSError) where the file is foreign, torn, of a
    newer schema, locked by another writer, or cannot be written.
    """

    def __init__(
        self, path: str | Path, *, mirror: str | Path | None = None, read_only: bool = False, wait: float = 0.0
    ) -> None:
        self.path = check_path("path", path)
        self.mirror = None if mirror is None else check_path("mirror", mirror)
        self.read_only = check_flag("read_only", read_only)
        self._lock: Any = None
        if read_only:
            if not self.path.is_file():
                raise StoreError(f"path must be an existing store, got {self.path}: train something into it first.")
        else:
            found = file_system(self.path)
            if found in NETWORK:
                raise StoreError(
                    f"path must lie on a local disk, got {self.path} on {found}: keep the store on this machine and "
                    f"pass that folder as mirror (--mirror), where a snapshot goes after each ensemble."
                )
            self._take_lock(check_real("wait", wait, minimum=0))
        try:
            self._connection = self._open()
        except BaseException:
            self._release_lock()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let the next writer in. Safe to call twice."""
        self._connection.close()
        self._release_lock()

    def missing(self, configurations: Sequence[RunConfiguration]) -> list[RunConfiguration]:
        """Those of `configurations` that the store does not hold yet, each once, in order."""
        wanted = {
            check_instance(
                f"configurations[{i}]", c, RunConfiguration, remedy="build it with RunConfiguration(...)"
            ).identity: c
            for i, c in enumerate(_listed("configurations", configurations))
        }
        held = {row[0] for row in self._connection.execute("SELECT identity FROM runs")}
        return [configuration for identity, configuration in wanted.items() if identity not in held]

    def add(self, records: Sequence[RunRecord]) -> int:
        """Commit `records` in one transaction, then snapshot; returns how many were new.

        A run that is already there stays as it was first recorded.
        """
        if self.read_only:
            raise StoreError(f"{self.path} was opened read-only: open it with read_only=False to add runs.")
        rows = [
            _row(check_instance(f"records[{i}]", record, RunRecord, remedy="build it with RunRecord(...)"))
            for i, record in enumerate(_listed("records", records))
        ]
        try:
            with self._connection:
                before = self._connection.total_changes
                self._connection.executemany("INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
                added = self._connection.total_changes - before
        except sqlite3.Error as error:
            raise StoreError(
                f"{self.path} could not take {len(rows)} runs ({error}): nothing of them was written; "
                f"free space or mend the disk, and run the same command again."
            ) from error
        if self.mirror is not None and added:
            self.snapshot(self.mirror)
        return added

    def records(self) -> list[RunRecord]:
        """All runs, ordered by identity. Raises StoreError where a row does not match its checksum."""
        rows = self._select("configuration, result, provenance, checksum, identity")
        for *texts, checksum, identity in rows:
            if _checksum(*texts) != checksum:
                raise StoreError(
                    f"{self.path} holds a damaged run {identity[:12]}: restore the file from its mirror, "
                    f"or delete that row and train it again."
                )
        return [
            RunRecord(RunConfiguration.from_json(c), RunResult.from_json(r), Provenance.from_json(p))
            for c, r, p, _, _ in rows
        ]

    def frame(self) -> pd.DataFrame:
        """All runs as a table (`runs.tables.frame_of`)."""
        return frame_of(self.records())

    def __len__(self) -> int:
        return int(self._select("count(*)")[0][0])

    def verify(self) -> list[str]:
        """What is wrong with the file, one sentence each; an empty list means it is whole."""
        problems = [
            f"SQLite: {row[0]}." for row in self._connection.execute("PRAGMA integrity_check") if row[0] != "ok"
        ]
        for identity, configuration, result, provenance, checksum in self._select(
            "identity, configuration, result, provenance, checksum"
        ):
            if _checksum(configuration, result, provenance) != checksum:
                problems.append(f"run {identity[:12]}: its text does not match its checksum.")
            elif RunConfiguration.from_json(configuration).identity != identity:
                problems.append(f"run {identity[:12]}: its configuration hashes to another identity.")
        return problems

    def merge(self, other: str | Path) -> int:
        """Take over the runs of another store that are missing here; returns how many."""
        if not check_path("other", other).is_file():
            raise StoreError(f"other must be an existing store, got {other}: pass the path of a file of runs.")
        with Store(other, read_only=True) as source:
            return self.add(source.records())

    def snapshot(self, folder: str | Path) -> Path:
        """A whole, checked copy of the store in `folder`, put in place by one rename; returns its path."""
        folder = check_path("folder", folder)
        target = folder / self.path.name
        temporary = folder / f".{self.path.name}.{os.getpid()}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if folder.resolve() == self.path.resolve().parent:
                raise invalid("folder", "another folder than the store's own", str(folder), "pass a mirror elsewhere")
            temporary.unlink(missing_ok=True)
            with closing(sqlite3.connect(temporary)) as copy:
                self._connection.backup(copy)
                verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
            if verdict != "ok":
                raise StoreError(f"the snapshot {temporary} is damaged ({verdict}): check the disk of {folder}.")
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except (OSError, sqlite3.Error) as error:
            temporary.unlink(missing_ok=True) if folder.is_dir() else None
            if isinstance(error, StoreError):
                raise
            raise StoreError(
                f"folder {folder} could not take a snapshot ({error}): the store itself is whole; "
                f"make the folder writable or leave the mirror out."
            ) from error
        return target

    def _select(self, columns: str) -> list[tuple]:
        try:
            return self._connection.execute(f"SELECT {columns} FROM runs ORDER BY identity").fetchall()
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"{self.path} cannot be read ({error}): restore it from its mirror, or `scaling-lab runs verify` it."
            ) from error

    def _take_lock(self, wait: float) -> None:
        from filelock import FileLock, Timeout

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(f"{self.path}.lock", timeout=wait)
            lock.acquire()
        except Timeout:
            raise StoreError(
                f"{self.path} is being written by another process: wait for it, or give this one a store of its own "
                f"and merge them afterwards."
            ) from None
        except OSError as error:
            raise StoreError(f"{self.path} cannot be written ({error}): pass a path in a writable folder.") from error
        self._lock = lock

    def _release_lock(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _open(self) -> sqlite3.Connection:
        mode = "ro" if self.read_only else "rwc"
        connection = None
        try:
            connection = sqlite3.connect(f"{self.path.resolve().as_uri()}?mode={mode}", uri=True)
            # A finished ensemble survives a power cut.
            connection.execute("PRAGMA synchronous = FULL")
            self._check_schema(connection)
        except sqlite3.DatabaseError as error:
            if connection is not None:
                connection.close()
            raise StoreError(
                f"{self.path} is not a readable store ({error}): restore it from its mirror, or pass another path."
            ) from error
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        return connection

    def _check_schema(self, connection: sqlite3.Connection) -> None:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if empty and not self.read_only:
            with connection:
                connection.execute("BEGIN")
                connection.execute(_SCHEMA)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            return
        if application != APPLICATION_ID:
            raise StoreError(f"{self.path} is another program's SQLite file: pass the path of a store of runs.")
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} has schema {version}, newer than this scaling_lib knows ({SCHEMA_VERSION}): update it."
            )
        if version < SCHEMA_VERSION and self.read_only:
            raise StoreError(
                f"{self.path} has the older schema {version} and must be migrated first: open it once for writing."
            )
        while version < SCHEMA_VERSION:
            with connection:
                connection.execute("BEGIN")
                MIGRATIONS[version](connection)
                version += 1
                connection.execute(f"PRAGMA user_version = {version}")


def file_system(path: str | Path, mounts: str | Path = "/proc/self/mounts") -> str:
    """The type of the file system that `path` lies (or would lie) on, as Linux names it; "" where that is not known."""
    try:
        lines = check_path("mounts", mounts).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    place = check_path("path", path).resolve()
    found = [line.split()[1:3] for line in lines if len(line.split()) >= 3]
    holding = [(len(Path(at).parts), kind) for at, kind in found if place.is_relative_to(at.replace("\\040", " "))]
    return max(holding)[1] if holding else ""


def _listed(name: str, value: Iterable) -> list:
    if isinstance(value, str | bytes) or not isinstance(value, Iterable) or isinstance(value, pd.DataFrame):
        raise invalid(name, "a list", value, "wrap a single one in [ ]")
    return list(value)


def _row(record: RunRecord) -> tuple:
    texts = (record.configuration.canonical_json(), record.result.to_json(), record.provenance.to_json())
    result = record.result
    return (record.identity, result.status, result.tokens, result.optimizer_steps, *texts, _checksum(*texts))


def _checksum(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
