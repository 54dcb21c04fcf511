"""What metrics found is kept with the run whose model was measured: whole, once, and never mixed with another's."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from dataclasses import replace

import pytest

from scaling_lib.errors import InvalidArgument, InvalidData, ScalingLabWarning, StoreError
from scaling_lib.runs.keeping import schema
from scaling_lib.runs.keeping.measurements import (
    last_value,
    measurements_from_json,
    measurements_to_json,
    merged_measurements,
)
from scaling_lib.runs.keeping.repeats import Repeat, reconcile, relative_difference
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.records import Measurement
from tests.runs import dying, planted

LEAK, WITHIN = Measurement("leak", 100, 0.25), Measurement("within", 100, 0.5)
ODD = Measurement("package.module:own", 50, None)


def measured(*measurements, **options):
    record = planted.record(**options)
    return replace(record, result=replace(record.result, measurements=measurements))


RECORD = measured(LEAK, ODD, WITHIN)


def rows(store):
    return store._connection.execute("SELECT * FROM measurements").fetchall()


# ---------------------------------------------------------------------- values


def test_text_gives_the_measurements_back():
    several = (LEAK, ODD, WITHIN, Measurement("leak", 0, 1 / 3))
    assert measurements_from_json(measurements_to_json(several)) == several
    assert measurements_from_json(measurements_to_json(())) == ()


@pytest.mark.parametrize("text", ["{", "[1]", '[{"metric":"leak"}]', '[{"metric":"leak","step":-1,"value":0.1}]'])
def test_other_text_is_refused_in_one_line(text):
    with pytest.raises(InvalidData, match="text must be the JSON of measurements") as refused:
        measurements_from_json(text)
    assert "\n" not in str(refused.value)


def test_a_number_stands_against_none_and_the_smaller_against_the_larger():
    unknown, larger = replace(LEAK, value=None), replace(LEAK, value=0.75)
    for order in ((unknown, LEAK, larger), (larger, unknown, LEAK), (LEAK, larger, unknown)):
        assert merged_measurements(order) == (LEAK,)
    assert merged_measurements((WITHIN, LEAK)) == (LEAK, WITHIN)


def test_the_last_value_is_that_of_the_last_step():
    assert last_value((Measurement("leak", 9, 0.5), LEAK, WITHIN), "leak") == 0.25
    assert last_value((LEAK,), "within") is None
    assert last_value((ODD,), ODD.metric) is None


# ---------------------------------------------------------------------- the store


def test_measurements_are_committed_with_their_run_and_come_back(tmp_path):
    with Store(tmp_path / "runs.db", mirror=tmp_path / "drive") as store:
        store.add([RECORD, planted.record(seed=1)])
        back = {record.configuration.seed: record for record in store.records()}
        assert back == {0: RECORD, 1: planted.record(seed=1)}
        assert store.verify() == []
    with Store(tmp_path / "drive" / "runs.db", read_only=True) as mirror:
        assert RECORD in mirror.records()


def test_a_metric_is_added_to_a_finished_run_without_touching_it(tmp_path):
    with Store(tmp_path / "runs.db", mirror=tmp_path / "drive") as store:
        store.add([planted.record()])
        before = store._connection.execute("SELECT * FROM runs").fetchall()
        store.add_measurements(RECORD.identity, [WITHIN, replace(LEAK, value=0.5)])
        store.add_measurements(RECORD.identity, [LEAK, ODD])  # measured again
        assert store.records() == [RECORD]
        assert store._connection.execute("SELECT * FROM runs").fetchall() == before
        assert store.records()[0].checksum == planted.record().checksum
        assert store.verify() == []
    with Store(tmp_path / "drive" / "runs.db", read_only=True) as mirror:
        assert mirror.records() == [RECORD]


def test_only_a_run_that_is_there_is_measured(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        with pytest.raises(InvalidArgument, match=r"identity must be that of a run in runs\.db"):
            store.add_measurements(RECORD.identity, [LEAK])
        store.add([RECORD])
    with Store(tmp_path / "runs.db", read_only=True) as store, pytest.raises(StoreError, match="read-only"):
        store.add_measurements(RECORD.identity, [LEAK])


def test_the_same_run_again_adds_what_was_measured_of_it(tmp_path):
    """As a store does that was measured on another machine: same result, another metric."""
    with Store(tmp_path / "runs.db") as store:
        store.add([measured(LEAK)])
        assert store.add([measured(WITHIN, ODD)]) == 0
        assert store.records() == [RECORD]


# ---------------------------------------------------------------------- faults


def test_a_full_disk_takes_neither_run_nor_measurement(tmp_path):
    many = [Measurement("leak", step, 0.1) for step in range(5000)]
    with Store(tmp_path / "runs.db") as store:
        store.add([planted.record()])
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="nothing of them was written"):
            store.add_measurements(RECORD.identity, many)
        with pytest.raises(StoreError, match="nothing of them was written"):
            store.add([measured(*many, seed=1)])
        assert rows(store) == []
        assert store.records() == [planted.record()]
        store._connection.execute("PRAGMA max_page_count = 100000")
        store.add_measurements(RECORD.identity, many)
        assert len(rows(store)) == len(many)


def test_a_kill_between_a_run_and_its_measurements_loses_both(tmp_path):
    """SIGKILL when the runs of the transaction are written and their measurements are not."""
    code = textwrap.dedent(
        """
        import os, signal, sys
        from scaling_lib.runs.keeping.store import Store
        from tests.runs.keeping.test_measurements import measured, LEAK, Dying
        store = Store(sys.argv[1])
        store.add([measured(LEAK, seed=0)])
        store._connection = Dying(store._connection)
        store.add([measured(LEAK, seed=1)])
        """
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "runs.db")], capture_output=True)
    assert killed.returncode == -9, killed.stderr.decode()
    with Store(tmp_path / "runs.db") as store:
        assert store.records() == [measured(LEAK, seed=0)]
        assert len(rows(store)) == 1
        assert store.verify() == []


class Dying(dying.Connection):
    """A connection that dies at the first row of measurements."""

    def executemany(self, statement, values):
        if "INSERT INTO measurements" in statement:
            os.kill(os.getpid(), signal.SIGKILL)
        self.real.executemany(statement, values)


def test_a_value_that_sqlite_cannot_hold_is_refused_in_one_line(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        store.add([planted.record()])
        for one in (Measurement("leak", 2**70, 0.1), Measurement("\ud800", 1, 0.1)):
            with pytest.raises(StoreError, match="nothing of them was written"):
                store.add_measurements(RECORD.identity, [one])
        assert rows(store) == []


def test_damaged_and_lost_measurements_are_found(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        store.add([RECORD])
        with store._connection:
            store._connection.execute("UPDATE measurements SET value = 'much' WHERE metric = 'leak'")
        assert store.verify() == [f"measurement of run {RECORD.identity[:12]}: its row is damaged."]
        for read in (store.records, lambda: store.add([planted.record()])):
            with pytest.raises(StoreError, match="damaged measurement of run"):
                read()
        store.add_measurements(RECORD.identity, [LEAK])  # measured again
        assert store.records() == [RECORD]
        with store._connection:
            store._connection.execute("DELETE FROM runs")
        assert set(store.verify()) == {f"measurement of run {RECORD.identity[:12]}: the run itself is not there."}


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9])
def test_a_torn_file_is_refused_or_reported(tmp_path, keep):
    path = tmp_path / "runs.db"
    with Store(path) as store:
        store.add([measured(*(Measurement("leak", step, 0.1) for step in range(40)), seed=i) for i in range(20)])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(StoreError, match=r"runs\.db"), Store(path) as store:
        store.records()


# ---------------------------------------------------------------------- merging


LATE = {"time": "2026-01-02T00:00:00+00:00"}


def test_a_merge_takes_over_what_was_measured_of_the_kept_result(tmp_path):
    with Store(tmp_path / "theirs.db") as theirs:
        theirs.add([measured(LEAK, WITHIN), measured(LEAK, seed=1)])
    with Store(tmp_path / "ours.db") as ours:
        ours.add([measured(ODD)])
        assert ours.merge(tmp_path / "theirs.db") == 1
        assert RECORD in ours.records()
        assert measured(LEAK, seed=1) in ours.records()
        before = rows(ours)
        assert ours.merge(tmp_path / "theirs.db") == 0
        assert rows(ours) == before


@pytest.mark.parametrize("made", [LATE, LATE | {"threads": 8}], ids=["same place", "elsewhere"])
@pytest.mark.parametrize("into_first", [True, False])
def test_the_measurements_of_another_result_are_left_out_and_that_is_said(tmp_path, made, into_first):
    """The first that was made is kept, so its value of leak stands, and the other's value of within goes."""
    first, second = measured(LEAK), measured(replace(LEAK, value=0.125), WITHIN, made=made)
    into, source = (first, second) if into_first else (second, first)
    with Store(tmp_path / "source.db") as store:
        store.add([source])
    with Store(tmp_path / "into.db") as store:
        store.add([into])
        with pytest.warns(ScalingLabWarning, match=r"another result of 1 runs .* measurements were left out"):
            store.merge(tmp_path / "source.db")
        assert store.records() == [first]
        assert rows(store) == [(first.identity, "leak", 100, 0.25)]
        assert store.verify() == []


def test_a_repeat_carries_no_measurements():
    first, second = measured(LEAK), measured(WITHIN, made=LATE | {"threads": 8})
    bare = replace(second, result=replace(second.result, measurements=()))
    assert reconcile([second, first]) == (first, [Repeat(first, bare)])


# ---------------------------------------------------------------------- text: nobody knows the entropy rate


def test_runs_on_text_are_compared_by_their_loss():
    near, far = (planted.text_record(loss, made=LATE | {"threads": 8}) for loss in (3.21, 3.6))
    kept = planted.text_record(3.2)
    assert relative_difference(kept, near) == pytest.approx(0.01 / 3.2)
    assert not reconcile([kept, near])[1][0].conflict
    (conflict,) = reconcile([kept, far])[1]
    assert conflict.conflict
    assert conflict.difference == pytest.approx(0.4)
    assert "a loss of 3.2 nats" in str(conflict)
    assert "diverged" in str(reconcile([kept, planted.text_record(None, made=LATE | {"threads": 8})])[1][0])


def test_a_store_of_text_lists_its_repeats_and_merges(tmp_path):
    with Store(tmp_path / "a.db") as a, Store(tmp_path / "b.db") as b:
        a.add([planted.text_record(3.2, measured=(LEAK,))])
        b.add([planted.text_record(3.21, made=LATE | {"threads": 8})])
        assert a.merge(tmp_path / "b.db") == 0
        (row,) = a.repeats().to_dict("records")
        assert row["loss_difference"] == pytest.approx(0.01)
        assert row["excess_loss_difference"] is None
        assert row["relative_difference"] == pytest.approx(0.01 / 3.2)
        assert a.records() == [planted.text_record(3.2, measured=(LEAK,))]


# ---------------------------------------------------------------------- older files


def made_by_schema_2(path, records):
    with Store(path) as store:
        store.add(records)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("DROP TABLE measurements")
        raw.execute("PRAGMA user_version = 2")
        raw.commit()


def test_a_file_of_schema_2_is_migrated(tmp_path):
    path = tmp_path / "runs.db"
    made_by_schema_2(path, [planted.record()])
    with Store(path) as store:
        assert store._connection.execute("PRAGMA user_version").fetchone()[0] == schema.SCHEMA_VERSION
        assert store.records() == [planted.record()]
        store.add_measurements(RECORD.identity, [LEAK, ODD, WITHIN])
        assert store.records() == [RECORD]


def test_a_mirror_of_schema_2_is_read_as_it_lies(tmp_path):
    path = tmp_path / "runs.db"
    made_by_schema_2(path, [planted.record()])
    before = path.read_bytes()
    with Store(path, read_only=True) as mirror:
        assert mirror.records() == [planted.record()]
        assert mirror.verify() == []
    with Store(tmp_path / "new.db") as store:
        store.add([RECORD])
        assert store.merge(path) == 0
        assert store.records() == [RECORD]
    assert path.read_bytes() == before
