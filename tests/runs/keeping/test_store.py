"""The store: nothing lost, nothing twice, nothing foreign."""

import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing

import pytest

from scaling_lib.errors import InvalidArgument, ScalingLabError, StoreError
from scaling_lib.runs.keeping import schema
from scaling_lib.runs.keeping import store as store_module
from scaling_lib.runs.keeping.store import Store
from tests.runs import planted

RECORDS = [planted.record(0.1 * (i + 1), seed=i) for i in range(4)]


def test_round_trip(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        assert store.add(RECORDS) == 4
    with Store(tmp_path / "runs.db", read_only=True) as store:
        assert sorted(store.records(), key=lambda r: r.configuration.seed) == RECORDS
        assert len(store) == 4
        assert len(store.frame()) == 4
        assert store.verify() == []


def test_identical_configurations_are_one_row_and_the_first_stays(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        store.add(RECORDS[:1])
        other = planted.record(0.1, seed=0, made={"time": "2026-01-02T00:00:00+00:00"})
        assert other.identity == RECORDS[0].identity
        assert store.add([other]) == 0
        assert store.records() == RECORDS[:1]
        assert store.repeats().empty  # it was made where the first was, and gave the same (else: test_repeats)


def test_missing_keeps_order_and_drops_repeats(tmp_path):
    wanted = [record.configuration for record in RECORDS]
    with Store(tmp_path / "runs.db") as store:
        store.add(RECORDS[1:2])
        assert store.missing(wanted + wanted) == [wanted[0], wanted[2], wanted[3]]


def test_a_failed_commit_writes_nothing(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        # A full disk, as SQLite sees it: no page more than the file has now.
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="nothing of them was written"):
            store.add([planted.record(seed=i) for i in range(200)])
        assert len(store) == 0
        store._connection.execute("PRAGMA max_page_count = 100000")
        assert store.add(RECORDS) == 4


def test_kill_during_a_commit_loses_only_that_commit(tmp_path):
    """SIGKILL between the rows of a transaction: the finished ensemble before it is there, the half one is not."""
    code = textwrap.dedent(
        """
        import os, signal, sys
        from scaling_lib.runs.keeping.store import Store
        from tests.runs import planted
        store = Store(sys.argv[1])
        store.add([planted.record(seed=0)])
        store._connection.execute("BEGIN IMMEDIATE")
        from scaling_lib.runs.keeping.store import _row
        store._connection.execute("INSERT INTO runs VALUES (?,?,?,?,?,?,?,?)", _row(planted.record(seed=1)))
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "runs.db")], capture_output=True)
    assert killed.returncode == -9, killed.stderr.decode()
    with Store(tmp_path / "runs.db") as store:  # the dead writer's lock does not stand in the way
        assert [record.configuration.seed for record in store.records()] == [0]
        assert store.verify() == []


def test_second_writer_is_refused_and_told_why(tmp_path):
    with Store(tmp_path / "runs.db"):
        code = "import sys; from scaling_lib.runs.keeping.store import Store; Store(sys.argv[1])"
        other = subprocess.run([sys.executable, "-c", code, str(tmp_path / "runs.db")], capture_output=True, text=True)
        assert other.returncode != 0
        assert "is being written by another process" in other.stderr
        with Store(tmp_path / "runs.db", read_only=True) as reader:  # readers may look
            assert len(reader) == 0


def test_a_patient_writer_waits_for_its_turn(tmp_path):
    code = (
        "import sys; from scaling_lib.runs.keeping.store import Store\n"
        "Store(sys.argv[1], wait=30).close(); print('done')"
    )
    with Store(tmp_path / "runs.db"):
        command = [sys.executable, "-c", code, str(tmp_path / "runs.db")]
        other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(timeout=3)
    assert other.communicate(timeout=30)[0] == "done\n"


def test_mirror_gets_a_whole_snapshot_after_each_commit(tmp_path):
    mirror = tmp_path / "drive"
    with Store(tmp_path / "runs.db", mirror=mirror) as store:
        for i, record in enumerate(RECORDS):
            store.add([record])
            with Store(mirror / "runs.db", read_only=True) as copy:
                assert len(copy) == i + 1
                assert copy.verify() == []
    assert [path.name for path in mirror.iterdir()] == ["runs.db"]  # no temporary file stays behind


def test_unwritable_mirror_says_that_the_store_is_whole(tmp_path):
    (tmp_path / "drive").write_text("a file where the folder should be")
    with Store(tmp_path / "runs.db", mirror=tmp_path / "drive") as store:
        with pytest.raises(StoreError, match="the store itself is whole"):
            store.add(RECORDS)
        assert len(store) == 4


def test_mirror_on_the_store_itself_is_refused(tmp_path):
    with Store(tmp_path / "runs.db", mirror=tmp_path) as store, pytest.raises(InvalidArgument, match="store's own"):
        store.add(RECORDS)


def test_merge(tmp_path):
    with Store(tmp_path / "a.db") as a:
        a.add(RECORDS[:3])
    with Store(tmp_path / "b.db") as b:
        b.add(RECORDS[2:])
        assert b.merge(tmp_path / "a.db") == 2
        assert len(b) == 4


def test_foreign_file_is_refused(tmp_path):
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as theirs:
        theirs.execute("CREATE TABLE other (x)")
        theirs.commit()
    with pytest.raises(StoreError, match="another program's"):
        Store(path)


def test_newer_schema_is_refused(tmp_path):
    path = tmp_path / "runs.db"
    Store(path).close()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION + 1}")
    with pytest.raises(StoreError, match="newer than this"):
        Store(path)


def test_older_schema_is_migrated_in_one_transaction(tmp_path, monkeypatch):
    path = tmp_path / "runs.db"
    with Store(path) as store:
        store.add(RECORDS)

    def broken(connection):
        connection.execute("ALTER TABLE runs ADD COLUMN note TEXT")
        raise sqlite3.OperationalError("power cut")

    def whole(connection):
        connection.execute("CREATE TABLE notes (identity TEXT, note TEXT)")

    now = schema.SCHEMA_VERSION
    monkeypatch.setattr(schema, "SCHEMA_VERSION", now + 1)
    monkeypatch.setitem(schema.MIGRATIONS, now, broken)
    for read_only in (True, False):
        with pytest.raises(StoreError, match="power cut"):
            Store(path, read_only=read_only)
    monkeypatch.setitem(schema.MIGRATIONS, now, whole)
    with Store(path, read_only=True) as store:  # migrated in memory
        assert len(store.records()) == 4
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone()[0] == now
    with Store(path) as store:
        assert len(store.records()) == 4
        assert store._connection.execute("PRAGMA user_version").fetchone()[0] == now + 1


def test_every_older_schema_has_a_migration():
    assert sorted(schema.MIGRATIONS) == list(range(1, schema.SCHEMA_VERSION))


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9])
def test_torn_file_is_refused_or_reported(tmp_path, keep):
    path = tmp_path / "runs.db"
    with Store(path) as store:
        store.add([planted.record(seed=i) for i in range(50)])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(StoreError, match=r"runs\.db"), Store(path) as store:
        store.records()


def test_changed_row_is_found(tmp_path):
    path = tmp_path / "runs.db"
    with Store(path) as store:
        store.add(RECORDS)
        with store._connection:
            store._connection.execute("UPDATE runs SET result = replace(result, '0.1', '0.0')")
        assert any("checksum" in problem for problem in store.verify())
        with pytest.raises(StoreError, match="damaged run"):
            store.records()


def test_unwritable_place_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        Store(tmp_path / "file" / "runs.db")


def test_read_only_needs_a_file_and_refuses_to_add(tmp_path):
    with pytest.raises(StoreError, match="must be an existing store"):
        Store(tmp_path / "none.db", read_only=True)
    Store(tmp_path / "runs.db").close()
    with Store(tmp_path / "runs.db", read_only=True) as store, pytest.raises(StoreError, match="read-only"):
        store.add(RECORDS)


def test_errors_of_the_store_are_ours(tmp_path):
    with pytest.raises(ScalingLabError, match="path must be a path"):
        Store(None)


@pytest.mark.parametrize("kind", sorted(store_module.NETWORK))
def test_a_network_mount_is_refused_and_the_mirror_named(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(store_module, "file_system", lambda path: kind)
    with pytest.raises(StoreError, match="--mirror"):
        Store(tmp_path / "runs.db")


def test_the_file_system_is_that_of_the_nearest_mount(tmp_path):
    mounts = tmp_path / "mounts"
    lines = ["/dev/vda / ext4 rw", "server:/home /home nfs4 rw", "drive /home/my\\040drive fuse.drive rw"]
    mounts.write_text("\n".join(lines))
    assert store_module.file_system("/tmp/runs.db", mounts) == "ext4"
    assert store_module.file_system("/home/me/runs.db", mounts) == "nfs4"
    assert store_module.file_system("/home/my drive/runs.db", mounts) == "fuse.drive"
    assert store_module.file_system("/homes/runs.db", mounts) == "ext4"
    assert store_module.file_system("/tmp/runs.db", tmp_path / "none") == ""


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "runs.db").write_text("not a store, but long enough to be read as the header of one" * 20)
    for read_only in (False, True):
        with pytest.raises(StoreError, match="is not a readable store"):
            Store(tmp_path / "runs.db", read_only=read_only)


def test_a_file_that_lost_its_runs_cannot_be_read_and_says_what_to_do(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        store._connection.execute("DROP TABLE runs")
        for read in (store.records, store.frame, store.verify, store.__len__, lambda: store.add(RECORDS)):
            with pytest.raises(StoreError, match=r"cannot be read .* restore it from its mirror"):
                read()


def test_a_damaged_snapshot_does_not_take_the_place_of_a_whole_one(tmp_path):
    with Store(tmp_path / "runs.db", mirror=tmp_path / "drive") as store:
        store.add(RECORDS[:2])
        # A row that breaks its table's own rule, as the integrity check sees it.
        store._connection.execute("PRAGMA writable_schema = ON")
        store._connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'status TEXT NOT NULL', 'status TEXT') WHERE name = 'runs'"
        )
        store._connection.commit()
    with closing(sqlite3.connect(tmp_path / "runs.db")) as raw:
        raw.execute("UPDATE runs SET status = NULL")
        raw.execute("PRAGMA writable_schema = ON")
        raw.execute("UPDATE sqlite_master SET sql = replace(sql, 'status TEXT', 'status TEXT NOT NULL')")
        raw.commit()
    damaged = pytest.raises(StoreError, match=r"snapshot .* is damaged .* check the disk")
    with Store(tmp_path / "runs.db", mirror=tmp_path / "drive") as store, damaged:
        store.add(RECORDS[2:])
    with Store(tmp_path / "drive" / "runs.db", read_only=True) as mirror:
        assert len(mirror) == 2
        assert mirror.verify() == []
    assert [path.name for path in (tmp_path / "drive").iterdir()] == ["runs.db"]


def test_a_damaged_page_is_a_problem_and_no_traceback(tmp_path):
    path = tmp_path / "runs.db"
    with Store(path) as store:
        store.add([planted.record(seed=i) for i in range(50)])
    content = bytearray(path.read_bytes())
    content[4096:4196] = b"\xff" * 100
    path.write_bytes(content)
    with Store(path, read_only=True) as store:
        problems = store.verify()
    assert problems
    assert any(problem.startswith("SQLite: ") for problem in problems)
    assert not any("\n" in problem for problem in problems)


def test_an_empty_file_is_called_empty(tmp_path):
    (tmp_path / "empty.db").touch()
    with pytest.raises(StoreError, match="is empty, no run was ever written to it"):
        Store(tmp_path / "empty.db", read_only=True)
