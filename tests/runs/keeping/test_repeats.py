"""Two results of one run: nothing is lost in silence, whatever the order of merging."""

import itertools
import math
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_lib.errors import InvalidArgument, ScalingLabWarning, StoreError
from scaling_lib.runs.keeping import schema
from scaling_lib.runs.keeping.repeats import (
    REPEAT_COLUMNS,
    REPEAT_TOLERANCE,
    SAME_PLACE_TOLERANCE,
    Repeat,
    frame_of_repeats,
    place_of,
    reconcile,
    relative_difference,
)
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.machine import UNKNOWN
from scaling_lib.runs.records import Measurement, Provenance
from scaling_lib.runs.sweeping.sweeps import ensembles_of, sweep
from tests.runs import planted

EARLY, LATE, LATER = (f"2026-01-01T00:00:0{second}+00:00" for second in (0, 1, 2))


def made_again(excess_loss=0.1, time=LATE, device="cpu", seed=0, leak=(), **place):
    """leak: what was measured of it, step by step."""
    record = planted.record(excess_loss, device=device, seed=seed, made={"time": time} | place)
    measured = tuple(Measurement("leak", step, value) for step, value in enumerate(leak))
    return replace(record, result=replace(record.result, measurements=measured)) if leak else record


FIRST = planted.record(0.1)
ELSEWHERE = {
    "device": made_again(0.102, device="NVIDIA H100"),
    "processor": made_again(0.102, processor="another abacus"),
    "gpu": made_again(0.102, gpu="NVIDIA H100, driver 550"),
    "threads": made_again(0.102, threads=8),
    "switches": made_again(0.102, switches="matmul=high"),
    "versions": made_again(0.102, versions=(("python", "3.13.0"),)),
    "code": made_again(0.102, code_version="0.2.0+0123456789ab"),
    "unknown": made_again(0.102, threads=UNKNOWN),
}


def contents(store):
    """All rows of all tables, as they lie in the file."""
    tables = ("runs", "repeats", "measurements")
    return [store._connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]


# ---------------------------------------------------------------------- the rule


def test_what_agrees_in_the_same_place_tells_nothing_new():
    for excess_loss in (0.1, 0.1 * (1 + 0.9 * SAME_PLACE_TOLERANCE)):
        assert reconcile([FIRST, made_again(excess_loss)]) == (FIRST, [])
    later_first = [made_again(0.1), FIRST]
    assert reconcile(later_first) == (FIRST, [])  # the one that was made first is kept


def test_what_disagrees_in_the_same_place_is_a_conflict():
    other = made_again(0.1 * (1 + 1.1 * SAME_PLACE_TOLERANCE))
    assert reconcile([other, FIRST]) == (FIRST, [Repeat(FIRST, other, FIRST)])


@pytest.mark.parametrize("what", ELSEWHERE)
def test_another_place_is_a_repeat(what):
    other = ELSEWHERE[what]
    kept, (repeat,) = reconcile([other, FIRST])
    assert kept == FIRST
    assert repeat == Repeat(FIRST, other)
    assert not repeat.conflict
    assert repeat.difference == pytest.approx(0.002)


@pytest.mark.parametrize("factor", [1 + 1.01 * REPEAT_TOLERANCE, 1 - 1.01 * REPEAT_TOLERANCE])
def test_beyond_the_tolerance_another_place_is_a_conflict(factor):
    (repeat,) = reconcile([FIRST, made_again(0.1 * factor, threads=8)])[1]
    assert repeat.conflict


def test_two_results_of_another_place_must_agree_with_each_other():
    one, two = made_again(0.102, LATE, threads=8), made_again(0.103, LATER, threads=8)
    assert reconcile([two, one, FIRST])[1] == [Repeat(FIRST, one), Repeat(FIRST, two, one)]


def test_unknown_places_are_not_known_to_be_the_same():
    """Of runs that were recorded before the machine was: what is equal is one, the rest has the wider tolerance."""
    old = planted.record(0.1, made={"processor": UNKNOWN})
    same, near, far = (made_again(excess_loss, processor=UNKNOWN) for excess_loss in (0.1, 0.102, 0.2))
    assert reconcile([old, same]) == (old, [])
    assert reconcile([old, near]) == (old, [Repeat(old, near)])
    assert reconcile([old, far]) == (old, [Repeat(old, far, old)])


def test_diverged_against_ok_is_a_conflict_and_against_diverged_none():
    diverged = made_again(None, threads=8)
    (repeat,) = reconcile([FIRST, diverged])[1]
    assert repeat.conflict
    assert repeat.difference is None
    assert "diverged" in str(repeat)
    assert "0.1 nats" in str(repeat)
    assert math.isinf(relative_difference(FIRST, diverged))
    assert relative_difference(planted.record(None), diverged) == 0
    assert not reconcile([planted.record(None), diverged])[1][0].conflict


def test_an_excess_loss_of_nothing_is_compared_too():
    nothing = planted.record(0.0)
    assert relative_difference(nothing, made_again(0.0)) == 0
    assert math.isinf(relative_difference(nothing, FIRST))


def test_results_of_several_runs_are_refused():
    other = planted.record(seed=1)
    with pytest.raises(InvalidArgument, match="records must be results of one run"):
        reconcile([FIRST, other])
    with pytest.raises(InvalidArgument, match="other must be a result of the run"):
        Repeat(FIRST, other)
    with pytest.raises(InvalidArgument, match="against must be a result of the run"):
        Repeat(FIRST, made_again(), other)
    with pytest.raises(InvalidArgument, match="repeats must be a list"):
        frame_of_repeats(3)


def test_a_table_of_repeats_shows_both_sides():
    frame = frame_of_repeats(reconcile([FIRST, ELSEWHERE["device"], made_again(None, threads=8)])[1])
    assert list(frame) == list(REPEAT_COLUMNS)
    row = frame[frame["status"] == "ok"].iloc[0]
    assert (row["kept_device"], row["device"]) == ("cpu", "NVIDIA H100")
    assert row["loss_difference"] == pytest.approx(row["excess_loss_difference"]) == pytest.approx(0.002)
    assert row["relative_difference"] == pytest.approx(0.02)
    assert Provenance.from_json(row["provenance"]).time == LATE
    assert frame.set_index("status").loc["diverged", "conflict"]


# Levels that are far from every tolerance, since to be equal to a tolerance is not transitive at its edge.
RECORDS = st.builds(
    made_again,
    excess_loss=st.sampled_from([0.1, 0.1 + 1e-9, 0.102, 0.2, None]),
    time=st.sampled_from([EARLY, LATE, LATER]),
    device=st.sampled_from(["cpu", "NVIDIA H100"]),
    seed=st.integers(0, 1),
    threads=st.sampled_from([1, 8, UNKNOWN]),
    leak=st.sampled_from([(), (0.25,), (0.5, 0.125), (None,)]),
)


@given(st.lists(RECORDS, min_size=1, max_size=6), st.randoms())
def test_the_order_of_results_does_not_matter(records, random):
    alike = [record for record in records if record.identity == records[0].identity]
    shuffled = random.sample(alike, len(alike))
    kept, repeats = reconcile(alike)
    assert reconcile(shuffled) == (kept, repeats)
    again = reconcile([kept, *(repeat.other for repeat in repeats)])
    assert again == (kept, repeats)  # what a store holds says the same once more
    # Nothing is lost in silence: what is gone is in the same place and equal to something that is there.
    there = [kept, *(repeat.other for repeat in repeats)]
    for record in alike:
        assert any(
            place_of(record) == place_of(one) and relative_difference(one, record) <= SAME_PLACE_TOLERANCE
            for one in there
        )


# ---------------------------------------------------------------------- the store


# Each example writes a dozen databases; the order of results itself is tried on a hundred lists above.
@settings(max_examples=8, deadline=None)
@given(st.lists(st.lists(RECORDS, min_size=1, max_size=3), min_size=2, max_size=3))
@pytest.mark.filterwarnings("ignore::scaling_lib.errors.ScalingLabWarning")
def test_stores_merged_in_any_order_hold_the_same_rows(shares):
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{i}.db" for i in range(len(shares))]
        for path, share in zip(paths, shares, strict=True):
            with Store(path) as store:
                store.add(share)
        results = []
        for order in itertools.permutations(paths):
            with Store(Path(folder) / f"merged-{len(results)}.db") as store:
                for path in order:
                    store.merge(path, list_conflicts=True)
                results.append(contents(store))
                for path in order:  # twice changes nothing, and what is listed is no error
                    assert store.merge(path) == 0
                assert contents(store) == results[-1]
                assert all(problem.startswith("conflict") for problem in store.verify())
        assert all(tables == results[0] for tables in results)


def test_a_merge_lists_repeats_and_takes_over_those_of_the_other(tmp_path):
    with Store(tmp_path / "a.db") as a:
        a.add([FIRST])
    with Store(tmp_path / "b.db") as b:
        assert b.add([ELSEWHERE["device"], ELSEWHERE["threads"]]) == 1
        assert len(b.repeats()) == 1
        assert b.merge(tmp_path / "a.db") == 0
        assert b.records() == [FIRST]  # made first
        assert set(b.repeats()["device"]) == {"cpu", "NVIDIA H100"}
        assert (b.repeats()["kept_excess_loss"] == 0.1).all()
        assert b.verify() == []
        assert len(b) == len(b.frame()) == 1
    with Store(tmp_path / "c.db") as c:
        assert c.merge(tmp_path / "b.db") == 1
        with Store(tmp_path / "b.db", read_only=True) as b:
            assert contents(c) == contents(b)


@pytest.mark.parametrize(
    ("other", "values"),
    [
        (made_again(0.1002), ("0.1 nats", "0.1002 nats", "0.2 % apart")),
        (made_again(0.2, threads=8), ("0.1 nats", "0.2 nats", "100 % apart")),
        (made_again(None, threads=8), ("0.1 nats", "diverged", "wholly apart")),
    ],
)
def test_a_merge_refuses_a_conflict_names_both_values_and_changes_nothing(tmp_path, other, values):
    fresh = planted.record(seed=7)
    with Store(tmp_path / "theirs.db") as theirs:
        theirs.add([other, fresh])
    with Store(tmp_path / "ours.db", mirror=tmp_path / "drive") as ours:
        ours.add([FIRST])
        before = contents(ours)
        with pytest.raises(StoreError) as refused:
            ours.merge(tmp_path / "theirs.db")
        for value in (*values, FIRST.identity[:12], "theirs.db", "list_conflicts=True"):
            assert value in str(refused.value)
        assert "\n" not in str(refused.value)
        assert contents(ours) == before
        assert ours.merge(tmp_path / "theirs.db", list_conflicts=True) == 1
        (row,) = ours.repeats().itertuples()
        assert row.conflict
        (problem,) = ours.verify()
        assert all(value in problem for value in values)
        with Store(tmp_path / "drive" / "ours.db", read_only=True) as mirror:
            assert contents(mirror) == contents(ours)
        assert ours.merge(tmp_path / "theirs.db") == 0  # known by now
    with Store(tmp_path / "restored.db") as restored:  # what a mirror lists is no error either
        assert restored.merge(tmp_path / "drive" / "ours.db") == 2
        assert len(restored.repeats()) == 1


def test_several_conflicts_are_counted(tmp_path):
    with Store(tmp_path / "theirs.db") as theirs:
        theirs.add([made_again(0.2, seed=seed) for seed in range(3)])
    with Store(tmp_path / "ours.db") as ours:
        ours.add([planted.record(0.1, seed=seed) for seed in range(3)])
        with pytest.raises(StoreError, match="2 more such conflicts"):
            ours.merge(tmp_path / "theirs.db")


def test_a_conflict_in_a_commit_is_written_and_said(tmp_path):
    companions = [planted.record(seed=seed) for seed in (1, 2)]
    with Store(tmp_path / "runs.db") as store:
        store.add([FIRST])
        with pytest.warns(ScalingLabWarning, match=r"0\.1 nats.*0\.2 nats.*100 % apart"):
            assert store.add([companions[0], made_again(0.2), companions[1]]) == 2
        assert len(store) == 3
        assert store.repeats()["conflict"].tolist() == [True]
        assert store.add([made_again(0.2)]) == 0  # said once (warnings are errors here)
        assert FIRST in store.records()


def test_a_sweep_whose_engine_gives_conflicting_results_ends_well(tmp_path):
    """As a cluster could that trains an ensemble twice: the rest is there, the sweep goes on, one conflict listed."""
    points = itertools.product((100_000, 200_000), (0, 1))
    configurations = [planted.configuration(tokens=tokens, seed=seed) for tokens, seed in points]
    first = ensembles_of(configurations)[0]

    def engine(ensembles):
        for ensemble in ensembles:
            records = [planted.record(0.1, tokens=c.schedule.tokens, seed=c.seed) for c in ensemble]
            yield ensemble, records
            yield ensemble, [records[0], made_again(0.2, seed=1)] if ensemble == first else records

    with Store(tmp_path / "runs.db", mirror=tmp_path / "drive") as store:
        with pytest.warns(ScalingLabWarning, match="apart"):
            report = sweep(configurations, store, engine=engine, progress=False, rules="r")
        assert (len(report.trained), report.missing) == (4, 0)
        assert set(store.frame()["rules"]) == {"r"}
        assert len(store.repeats()) == 1
        with Store(tmp_path / "drive" / "runs.db", read_only=True) as mirror:
            assert contents(mirror) == contents(store)


def test_a_full_disk_in_a_merge_changes_nothing(tmp_path):
    with Store(tmp_path / "theirs.db") as theirs:
        theirs.add([made_again(0.101, threads=8, seed=seed) for seed in range(200)])
    with Store(tmp_path / "ours.db") as ours:
        ours.add([planted.record(seed=seed) for seed in range(200)])
        before = contents(ours)
        pages = ours._connection.execute("PRAGMA page_count").fetchone()[0]
        ours._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="nothing of them was written"):
            ours.merge(tmp_path / "theirs.db")
        assert contents(ours) == before


def test_damaged_repeats_are_found(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        store.add([FIRST, ELSEWHERE["threads"]])
        with store._connection:
            store._connection.execute("UPDATE repeats SET result = replace(result, '0.102', '0.103')")
        assert store.verify() == [f"repeat of run {FIRST.identity[:12]}: its text does not match its checksum."]
        with pytest.raises(StoreError, match="damaged run"):
            store.repeats()
        with store._connection:
            store._connection.execute("DELETE FROM runs")
        assert store.verify() == [f"repeat of run {FIRST.identity[:12]}: the run itself is not there."]
        with pytest.raises(StoreError, match="repeats of a run that is not there"):
            store.repeats()


def test_a_read_only_store_takes_nothing(tmp_path):
    for name in ("a.db", "b.db"):
        Store(tmp_path / name).close()
    with Store(tmp_path / "a.db", read_only=True) as store, pytest.raises(StoreError, match="read-only"):
        store.merge(tmp_path / "b.db")


def test_only_an_existing_store_is_merged(tmp_path):
    with Store(tmp_path / "a.db") as store, pytest.raises(StoreError, match="other must be an existing store"):
        store.merge(tmp_path / "b.db")


# ---------------------------------------------------------------------- the schema before there were repeats


def made_by_schema_1(path, records):
    with Store(path) as store:
        store.add(records)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("DROP TABLE measurements")
        raw.execute("DROP TABLE repeats")
        raw.execute("PRAGMA user_version = 1")
        raw.commit()


def test_a_file_of_schema_1_is_migrated(tmp_path):
    path = tmp_path / "runs.db"
    made_by_schema_1(path, [FIRST])
    with Store(path, mirror=tmp_path / "drive") as store:
        assert store._connection.execute("PRAGMA user_version").fetchone()[0] == schema.SCHEMA_VERSION == 3
        assert store.records() == [FIRST]
        assert store.repeats().empty
        store.add([ELSEWHERE["threads"]])
        assert len(store.repeats()) == 1
    with Store(tmp_path / "drive" / "runs.db", read_only=True) as mirror:
        assert len(mirror.repeats()) == 1


def test_a_mirror_of_schema_1_is_read_and_merged_as_it_lies(tmp_path):
    path = tmp_path / "runs.db"
    made_by_schema_1(path, [FIRST])
    before = path.read_bytes()
    with Store(path, read_only=True) as mirror:
        assert mirror.records() == [FIRST]
        assert mirror.repeats().empty
        assert mirror.verify() == []
    with Store(tmp_path / "new.db") as store:
        store.add([ELSEWHERE["threads"]])
        assert store.merge(path) == 0
        assert store.records() == [FIRST]
        assert len(store.repeats()) == 1
    assert path.read_bytes() == before


def test_a_file_that_lost_its_version_is_refused(tmp_path):
    path = tmp_path / "runs.db"
    Store(path).close()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA user_version = 0")
    with pytest.raises(StoreError, match="lost its schema version"):
        Store(path)


def test_repeats_of_nothing_are_an_empty_table(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        pd.testing.assert_frame_equal(store.repeats(), pd.DataFrame([], columns=list(REPEAT_COLUMNS)))
