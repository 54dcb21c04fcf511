"""Where runs are kept: one SQLite file on a local disk, one writer, nothing lost and nothing twice.

A finished ensemble is committed in one transaction; identical configurations are one row, and what was made again
elsewhere is listed beside it (`runs.keeping.repeats` says which is kept). What metrics found in the finished models has
a table of its own, so that a metric can be added later. The file carries its own application id and schema version, so
that a foreign or newer file is refused and an older one migrated. After each commit an integrity-checked snapshot goes,
by temporary file and rename, to an optional mirror folder (a mounted Drive, a network share), where SQLite itself would
not be safe.
"""

import os
import sqlite3
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Self

import pandas as pd

from scaling_lib.arguments import NonNegative, Remedy, checked
from scaling_lib.errors import ScalingLabWarning, StoreError, check_instance, check_path, invalid
from scaling_lib.runs.keeping.changes import _Changes, _measurement_row, _repeat_row, _row
from scaling_lib.runs.keeping.measurements import merged_measurements
from scaling_lib.runs.keeping.repeats import Repeat, frame_of_repeats, reconcile
from scaling_lib.runs.keeping.schema import open_database
from scaling_lib.runs.keeping.tables import frame_of
from scaling_lib.runs.records import Measurement, Provenance, RunConfiguration, RunRecord, RunResult, checksum_of

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
        kept and which are listed in `repeats`. The measurements that are kept are those of the kept result
        (`runs.keeping.measurements`), which is said where it leaves some out. A conflict between two results is listed
        too and said as a ScalingLabWarning when everything is written, so that a sweep goes on; `merge` refuses it.
        Raises InvalidArgument, and StoreError where nothing was written or where the mirror took no snapshot.
        """
        self._check_writable()
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
    def add_measurements(
        self, identity: str, measurements: Annotated[Sequence[Measurement], Remedy("pass a list of Measurement")]
    ) -> None:
        """Commit what metrics found in the kept model of a run, in one transaction, then snapshot.

        identity: of a run of this store. measurements: a row with the same metric and step is replaced; the run itself,
        and its checksum, stay as they are.
        Raises InvalidArgument where the store does not hold the run, StoreError as `add`.
        """
        self._check_writable()
        if not self._select("identity", "runs", identity):
            raise invalid("identity", f"that of a run in {self.path.name}", identity, "add the run first")
        rows = [_measurement_row(identity, one) for one in merged_measurements(measurements)]
        with self._transaction(f"{len(rows)} measurements") as connection:
            connection.executemany("INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?)", rows)
        if self.mirror is not None:
            self.snapshot(self.mirror)

    @checked
    def merge(self, other: str | Path, *, list_conflicts: bool = False) -> int:
        """Take over the runs and the repeats of another store; returns how many runs were new here.

        The order in which stores are merged does not matter, and merging one twice changes nothing
        (`runs.keeping.repeats`). list_conflicts: list results in conflict as repeats, in place of refusing them.
        Conflicts that one of the two stores lists already are taken over without an error. The measurements of the
        results that are kept are taken over too (`runs.keeping.measurements`), which is said where it leaves some out.
        Raises StoreError, naming both values, where a result here and one of `other` are further apart than their
        tolerance allows; this store is then as it was before.
        """
        if not Path(other).is_file():
            raise StoreError(f"other must be an existing store, got {other}: pass the path of a file of runs.")
        self._check_writable()
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
        """All runs, ordered by identity, with their measurements. Raises StoreError where a row does not match its
        checksum."""
        measured = self._measurements()
        return [self._record(texts, measured[texts[-1]]) for texts in self._select(_TEXTS)]

    def frame(self) -> pd.DataFrame:
        """All runs as a table (`tables.frame_of`)."""
        return frame_of(self.records())

    def __len__(self) -> int:
        """How many runs the store holds; repeats are not counted."""
        return int(self._select("count(*)")[0][0])

    def verify(self) -> list[str]:
        """What is wrong with the file and with what it says, one sentence each; an empty list means it is whole.

        Pages and rows are checked, identities, whether a repeat or a measurement is of a run that is not there, and
        whether two results of one run are in conflict.
        """
        problems = []
        try:
            for (said,) in self._connection.execute("PRAGMA integrity_check"):
                if said != "ok":
                    problems.append(f"SQLite: {said}.")
            stored = self._select(_TEXTS)
        except sqlite3.DatabaseError as error:  # a page that cannot be followed ends the check itself
            return [*problems, f"SQLite: {error}: restore the file from its mirror."]
        except StoreError as error:
            if not problems:
                raise
            return [*problems, f"SQLite: {error.__cause__}: restore the file from its mirror."]
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
        for identity, *measured in self._select("identity, metric, step, value", "measurements"):
            if identity not in held:
                problems.append(f"measurement of run {identity[:12]}: the run itself is not there.")
                continue
            try:
                self._measurement(identity, *measured)
            except StoreError:
                problems.append(f"measurement of run {identity[:12]}: its row is damaged.")
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

    def _check_writable(self) -> None:
        if self.read_only:
            raise StoreError(f"{self.path} was opened read-only: open it with read_only=False to add runs.")

    def _changes(self, given: Sequence[RunRecord]) -> _Changes:
        """What taking these records in would change; nothing is written."""
        held = {identity for (identity,) in self._select("identity")}
        arriving: dict[str, list[RunRecord]] = defaultdict(list)
        for record in given:
            arriving[record.identity].append(record)
        changes = _Changes()
        for identity, records in arriving.items():
            changes.take(identity, self._stored(identity) if identity in held else [], records)
        return changes

    def _commit(self, changes: _Changes, given: int) -> int:
        """Write the changes in one transaction, then snapshot; returns how many runs were new."""
        kept = [_row(record) for record in changes.kept]
        repeated = [_repeat_row(repeat.other) for repeats in changes.repeats.values() for repeat in repeats]
        measured = [_measurement_row(i, one) for i, listed in changes.measurements.items() for one in listed]
        with self._transaction(f"{given} runs") as connection:
            connection.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", kept)
            stale = [(identity,) for identity in changes.repeats]
            connection.executemany("DELETE FROM repeats WHERE identity = ?", stale)
            connection.executemany("INSERT INTO repeats VALUES (?, ?, ?, ?, ?)", repeated)
            stale = [(identity,) for identity in changes.measurements]
            connection.executemany("DELETE FROM measurements WHERE identity = ?", stale)
            connection.executemany("INSERT INTO measurements VALUES (?, ?, ?, ?)", measured)
        if self.mirror is not None and (changes.kept or changes.repeats or changes.measurements):
            self.snapshot(self.mirror)
        if changes.unmeasured:
            warnings.warn(
                f"{self.path} keeps another result of {len(changes.unmeasured)} runs "
                f"({changes.unmeasured[0][:12]}) than the one that was measured, whose measurements were left out: "
                f"measure the kept models (`scaling-lab runs measure`), or keep the other store beside this one.",
                ScalingLabWarning,
                stacklevel=3,
            )
        return changes.new

    @contextmanager
    def _transaction(self, what: str) -> Iterator[Any]:
        """The connection inside one transaction: everything in it is written, or nothing and StoreError is raised."""
        try:
            with self._connection:
                yield self._connection
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            raise StoreError(
                f"{self.path} could not take {what} ({error}): nothing of them was written; "
                f"free space or mend the disk, and run the same command again."
            ) from error

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
        measured = self._measurements(identity)[identity]
        return [self._record(kept, measured), *(self._record((configuration, *texts)) for texts in repeated)]

    def _measurements(self, identity: str | None = None) -> Mapping[str, tuple[Measurement, ...]]:
        """What was measured in each run, or in one, ordered by metric and step; () where nothing was."""
        measured: dict[str, tuple[Measurement, ...]] = defaultdict(tuple)
        rows = self._select("identity, metric, step, value", "measurements", identity, "identity, metric, step")
        for run, group in groupby(rows, key=lambda row: row[0]):
            measured[run] = tuple(self._measurement(*row) for row in group)
        return measured

    def _measurement(self, identity: str, metric: Any, step: Any, value: Any) -> Measurement:
        try:
            return Measurement(metric, step, value)
        except ValueError as error:
            raise StoreError(
                f"{self.path} holds a damaged measurement of run {identity[:12]} ({error}): restore the file from its "
                f"mirror, or delete that row and measure it again."
            ) from None

    def _record(self, texts: tuple, measured: tuple[Measurement, ...] = ()) -> RunRecord:
        configuration, result, provenance, checksum, identity = texts
        if checksum_of((configuration, result, provenance)) != checksum:
            raise StoreError(
                f"{self.path} holds a damaged run {identity[:12]}: restore the file from its mirror, "
                f"or delete that row and train it again."
            )
        given = RunResult.from_json(result)
        with_measurements = replace(given, measurements=measured) if measured else given
        return RunRecord(RunConfiguration.from_json(configuration), with_measurements, Provenance.from_json(provenance))

    def _select(
        self, columns: str, table: str = "runs", identity: str | None = None, order: str = "identity"
    ) -> list[tuple]:
        which, values = ("", ()) if identity is None else ("WHERE identity = ?", (identity,))
        query = f"SELECT {columns} FROM {table} {which} ORDER BY {order}"
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


def _conflicts(conflicts: Sequence[Repeat]) -> str:
    """The first in words, and how many there are."""
    others = f" (and {len(conflicts) - 1} more such conflicts)" if len(conflicts) > 1 else ""
    return f"{conflicts[0]}{others}"
