"""Where runs are kept: one SQLite file on a local disk, one writer, nothing lost and nothing twice.

A finished ensemble is committed in one transaction; identical configurations are one row, and what was made again
elsewhere is listed beside it (`runs.keeping.repeats` says which is kept). The file carries its own
application id and schema version, so that a foreign or newer file is refused and an older one migrated. After each
commit an integrity-checked snapshot goes, by temporary file and rename, to an optional mirror folder (a mounted Drive,
a network share), where SQLite itself would not be safe.
"""

import os
import sqlite3
import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd

from scaling_lib.arguments import NonNegative, checked
from scaling_lib.errors import ScalingLabWarning, StoreError, check_instance, check_path, invalid
from scaling_lib.runs.keeping.repeats import Repeat, frame_of_repeats, reconcile
from scaling_lib.runs.keeping.schema import open_database
from scaling_lib.runs.keeping.tables import frame_of
from scaling_lib.runs.records import Provenance, RunConfiguration, RunRecord, RunResult, checksum_of

__all__ = ["Store", "file_system"]

# File systems on which SQLite's locks are not to be trusted; "fuse.drive" is Colab's mounted Drive.
NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smbfs", "smb3", "afs", "davfs", "ceph", "beegfs", "glusterfs"}
    | {f"fuse.{name}" for name in ("drive", "sshfs", "rclone", "gcsfuse", "s3fs", "davfs2", "ceph", "glusterfs")}
)


class Store:
    """A file of finished runs.

    path: the SQLite file, made where it does not exist; it must lie on a local disk. mirror: a folder that receives a
    snapshot after each commit. read_only: opens an existing file without the writer's lock; `add` is refused; a file of
    an older schema is migrated in memory. wait: how many seconds to wait for another writer to finish before refusing.

    Use it as a context manager, or call `close`:

        with Store("runs.db") as store:
            sweep(configurations, store)
            runs = store.frame()

    Raises StoreError (an OSError) where the file is foreign, torn, of a
    newer schema, locked by another writer, or cannot be written.
    """

    @checked
    def __init__(
        self, path: str | Path, *, mirror: str | Path | None = None, read_only: bool = False, wait: NonNegative = 0.0
    ) -> None:
        self.path = Path(path)
        self.mirror = None if mirror is None else Path(mirror)
        self.read_only = read_only
        self._lock: Any = None
        if read_only:
            if not self.path.is_file():
                raise StoreError(f"path must be an existing store, got {self.path}: train something into it first.")
        else:
            kind = file_system(self.path)
            if kind in NETWORK:
                raise StoreError(
                    f"path must lie on a local disk, got {self.path} on {kind}: keep the store on this machine and "
                    f"pass that folder as mirror (--mirror), where a snapshot goes after each ensemble."
                )
            self._take_lock(wait)
        try:
            self._connection = open_database(self.path, read_only=self.read_only)
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
        """Commit `records` in one transaction, then snapshot; returns how many runs were new.

        A run that is already there is never lost and never there twice: `runs.keeping.repeats` says which result is
        kept and which are listed in `repeats`. A conflict between two results is listed too and said as a
        ScalingLabWarning when everything is written, so that a sweep goes on; `merge` refuses it.
        Raises InvalidArgument, and StoreError where nothing was written or where the mirror took no snapshot.
        """
        if self.read_only:
            raise StoreError(f"{self.path} was opened read-only: open it with read_only=False to add runs.")
        given = [
            check_instance(f"records[{i}]", record, RunRecord, remedy="build it with RunRecord(...)")
            for i, record in enumerate(_listed("records", records))
        ]
        changes = self._changes(given)
        added = self._commit(changes, len(given))
        conflicts = changes.new_conflicts()
        if conflicts:
            warnings.warn(
                f"{self.path} now lists {_conflicts(conflicts)}; the one that was made first stays in use: "
                f"see `scaling-lab runs repeats`, and train the run again on either machine.",
                ScalingLabWarning,
                stacklevel=2,
            )
        return added

    @checked
    def merge(self, other: str | Path, *, list_conflicts: bool = False) -> int:
        """Take over the runs and the repeats of another store; returns how many runs were new here.

        The order in which stores are merged does not matter, and merging one twice changes nothing
        (`runs.keeping.repeats`). list_conflicts: list results in conflict as repeats, in place of refusing them.
        Conflicts that one of the two stores lists already are taken over without an error.
        Raises StoreError, naming both values, where a result here and one of `other` are further apart than their
        tolerance allows; this store is then as it was before.
        """
        if not Path(other).is_file():
            raise StoreError(f"other must be an existing store, got {other}: pass the path of a file of runs.")
        if self.read_only:
            raise StoreError(f"{self.path} was opened read-only: open it with read_only=False to add runs.")
        with Store(other, read_only=True) as source:
            listed = source._repeats()
            given = source.records() + [repeat.other for repeat in listed]
        changes = self._changes(given)
        conflicts = changes.new_conflicts({repeat.other.checksum for repeat in listed if repeat.conflict})
        if conflicts and not list_conflicts:
            raise StoreError(
                f"{other} cannot be merged into {self.path} as it is: {_conflicts(conflicts)}; train the run again on "
                f"either machine to see which holds, or list both with list_conflicts=True (--list-conflicts)."
            )
        return self._commit(changes, len(given))

    def repeats(self) -> pd.DataFrame:
        """The results of runs besides those that are kept, each with its difference, in nats per token.

        The columns are `runs.keeping.repeats.REPEAT_COLUMNS`; a row is a conflict where its results are further apart
        than their tolerance allows. Raises StoreError where a row does not match its checksum.
        """
        return frame_of_repeats(self._repeats())

    def records(self) -> list[RunRecord]:
        """All runs, ordered by identity. Raises StoreError where a row does not match its checksum."""
        return [self._record(*texts) for texts in self._select(_TEXTS)]

    def frame(self) -> pd.DataFrame:
        """All runs as a table (`tables.frame_of`)."""
        return frame_of(self.records())

    def __len__(self) -> int:
        """How many runs the store holds; repeats are not counted."""
        return int(self._select("count(*)")[0][0])

    def verify(self) -> list[str]:
        """What is wrong with the file and with what it says, one sentence each; an empty list means it is whole.

        Pages and rows are checked, identities, and whether two results of one run are in conflict.
        """
        problems = [
            f"SQLite: {row[0]}." for row in self._connection.execute("PRAGMA integrity_check") if row[0] != "ok"
        ]
        stored = self._select(_TEXTS)
        held = {identity: configuration for configuration, _, _, _, identity in stored}
        for configuration, result, provenance, checksum, identity in stored:
            if checksum_of((configuration, result, provenance)) != checksum:
                problems.append(f"run {identity[:12]}: its text does not match its checksum.")
            elif RunConfiguration.from_json(configuration).identity != identity:
                problems.append(f"run {identity[:12]}: its configuration hashes to another identity.")
        for result, provenance, checksum, identity in self._select("result, provenance, checksum, identity", "repeats"):
            if identity not in held:
                problems.append(f"repeat of run {identity[:12]}: the run itself is not there.")
            elif checksum_of((held[identity], result, provenance)) != checksum:
                problems.append(f"repeat of run {identity[:12]}: its text does not match its checksum.")
        if not problems:
            problems += [f"conflict: {repeat}." for repeat in self._repeats() if repeat.conflict]
        return problems

    @checked
    def snapshot(self, folder: str | Path) -> Path:
        """A whole, checked copy of the store in `folder`, put in place by one rename; returns its path."""
        folder = Path(folder)
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

    def _changes(self, given: Sequence[RunRecord]) -> "_Changes":
        """What taking these records in would change; nothing is written."""
        held = {identity for (identity,) in self._select("identity")}
        arriving: dict[str, list[RunRecord]] = defaultdict(list)
        for record in given:
            arriving[record.identity].append(record)
        changes = _Changes()
        for identity, records in arriving.items():
            stored = self._stored(identity) if identity in held else []
            kept, repeats = reconcile(stored + records)
            if not stored:
                changes.new += 1
            if not stored or kept != stored[0]:
                changes.kept.append(kept)
            before = {record.checksum for record in stored[1:]}
            if before != {repeat.other.checksum for repeat in repeats}:
                changes.repeats[identity] = repeats
            listed = reconcile(stored)[1] if stored else []
            changes.known |= {repeat.other.checksum for repeat in listed if repeat.conflict}
            changes.conflicts += [repeat for repeat in repeats if repeat.conflict]
        return changes

    def _commit(self, changes: "_Changes", given: int) -> int:
        """Write the changes in one transaction, then snapshot; returns how many runs were new."""
        kept = [_row(record) for record in changes.kept]
        repeated = [_repeat_row(repeat.other) for repeats in changes.repeats.values() for repeat in repeats]
        try:
            with self._connection:
                self._connection.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", kept)
                stale = [(identity,) for identity in changes.repeats]
                self._connection.executemany("DELETE FROM repeats WHERE identity = ?", stale)
                self._connection.executemany("INSERT INTO repeats VALUES (?, ?, ?, ?, ?)", repeated)
        except sqlite3.Error as error:
            raise StoreError(
                f"{self.path} could not take {given} runs ({error}): nothing of them was written; "
                f"free space or mend the disk, and run the same command again."
            ) from error
        if self.mirror is not None and (changes.kept or changes.repeats):
            self.snapshot(self.mirror)
        return changes.new

    def _repeats(self) -> list[Repeat]:
        """Everything that is listed besides the runs, by identity, first made first."""
        repeated = dict.fromkeys(identity for (identity,) in self._select("identity", "repeats"))
        return [repeat for identity in repeated for repeat in reconcile(self._stored(identity))[1]]

    def _stored(self, identity: str) -> list[RunRecord]:
        """All results of one run: first the one that is kept, then its repeats."""
        stored = self._select(_TEXTS, "runs", identity)
        if not stored:
            raise StoreError(
                f"{self.path} holds repeats of a run that is not there ({identity[:12]}): restore the file from its "
                f"mirror, or delete them."
            )
        kept = stored[0]
        configuration = kept[0]
        repeated = self._select("result, provenance, checksum, identity", "repeats", identity)
        return [self._record(*kept), *(self._record(configuration, *texts) for texts in repeated)]

    def _record(self, configuration: str, result: str, provenance: str, checksum: str, identity: str) -> RunRecord:
        if checksum_of((configuration, result, provenance)) != checksum:
            raise StoreError(
                f"{self.path} holds a damaged run {identity[:12]}: restore the file from its mirror, "
                f"or delete that row and train it again."
            )
        parts = RunConfiguration.from_json(configuration), RunResult.from_json(result), Provenance.from_json(provenance)
        return RunRecord(*parts)

    def _select(self, columns: str, table: str = "runs", identity: str | None = None) -> list[tuple]:
        which, values = ("", ()) if identity is None else ("WHERE identity = ?", (identity,))
        query = f"SELECT {columns} FROM {table} {which} ORDER BY identity"
        try:
            return self._connection.execute(query, values).fetchall()
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


@dataclass
class _Changes:
    """What taking records in changes. new: how many identities were not there. kept: rows to put in place. repeats: of
    each identity whose list changes, the whole list. conflicts: all of these identities, old ones included. known:
    checksums of the results that are listed as conflicts already."""

    new: int = 0
    kept: list[RunRecord] = field(default_factory=list)
    repeats: dict[str, list[Repeat]] = field(default_factory=dict)
    conflicts: list[Repeat] = field(default_factory=list)
    known: set[str] = field(default_factory=set)

    def new_conflicts(self, known_elsewhere: Iterable[str] = ()) -> list[Repeat]:
        """The conflicts that nobody was told of yet."""
        known = self.known | set(known_elsewhere)
        return [repeat for repeat in self.conflicts if repeat.other.checksum not in known]


def file_system(path: str | Path, mounts: str | Path = "/proc/self/mounts") -> str:
    """The type of the file system that `path` lies (or would lie) on, as Linux names it; "" where that is not known."""
    try:
        lines = check_path("mounts", mounts).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    place = check_path("path", path).resolve()
    mounted = [line.split()[1:3] for line in lines if len(line.split()) >= 3]
    holding = [(len(Path(at).parts), kind) for at, kind in mounted if place.is_relative_to(at.replace("\\040", " "))]
    return max(holding)[1] if holding else ""


def _listed(name: str, value: Iterable) -> list:
    if isinstance(value, str | bytes) or not isinstance(value, Iterable) or isinstance(value, pd.DataFrame):
        raise invalid(name, "a list", value, "wrap a single one in [ ]")
    return list(value)


_TEXTS = "configuration, result, provenance, checksum, identity"


def _row(record: RunRecord) -> tuple:
    result = record.result
    return (record.identity, result.status, result.tokens, result.optimizer_steps, *record.texts, record.checksum)


def _repeat_row(record: RunRecord) -> tuple:
    _, result, provenance = record.texts
    return record.identity, record.checksum, record.result.status, result, provenance


def _conflicts(conflicts: Sequence[Repeat]) -> str:
    """The first in words, and how many there are."""
    others = f" (and {len(conflicts) - 1} more such conflicts)" if len(conflicts) > 1 else ""
    return f"{conflicts[0]}{others}"
