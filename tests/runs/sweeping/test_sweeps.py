"""A sweep trains what is missing, once, and can be asked again."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_lib.errors import InvalidArgument
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.sweeping.sweeps import ensembles_of, shard_of, sweep
from tests.runs.tiny import TINY

RUNS = TINY.configurations("smoke")


def test_ensembles_share_shape_and_tokens():
    groups = ensembles_of(RUNS)
    assert len(groups) == 4
    assert sorted(run.identity for group in groups for run in group) == sorted(run.identity for run in RUNS)
    for group in groups:
        assert len({(run.architecture, run.schedule) for run in group}) == 1
        assert len({(run.optimizer.learning_rate, run.seed) for run in group}) == 4


def test_sweep_trains_what_is_missing_once(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        first = sweep(RUNS[:4], store, progress=False, rules="r")
        assert (len(first.trained), first.already) == (4, 0)
        before = store.frame()
        second = sweep(RUNS, store, progress=False)
        assert (len(second.trained), second.already) == (len(RUNS) - 4, 4)
        third = sweep(RUNS, store, progress=False)
        assert (third.trained, third.already) == ((), len(RUNS))
        after = store.frame()
        assert after[after["identity"].isin(before["identity"])].reset_index(drop=True).equals(before)
        assert set(before["rules"]) == {"r"}


def test_a_stopped_sweep_gives_the_same_table(tmp_path):
    def results(store):
        return {record.identity: record.result.excess_loss for record in store.records()}

    with Store(tmp_path / "whole.db") as whole:
        sweep(RUNS, whole, progress=False)
        reference = results(whole)
    with Store(tmp_path / "pieces.db") as pieces:
        for run in RUNS[::-1]:
            sweep([run], pieces, progress=False)
        assert results(pieces) == pytest.approx(reference, rel=1e-5)


def test_two_workers_give_the_same_table(tmp_path):
    def results(store):
        return {record.identity: record.result.excess_loss for record in store.records()}

    with Store(tmp_path / "one.db") as one, Store(tmp_path / "two.db") as two:
        sweep(RUNS, one, progress=False)
        report = sweep(RUNS, two, progress=False, workers=2, rules="r")
        assert len(report.trained) == len(RUNS)
        assert results(two) == results(one)
        # The provenance is that of the workers: one thread each, whatever this process has.
        assert {record.provenance.threads for record in two.records()} == {1}
        assert {record.provenance.rules for record in two.records()} == {"r"}


def test_two_workers_share_one_ensemble(tmp_path):
    """Each run of it is taken up by whoever is free; it is committed when the last is done."""
    (ensemble, *_) = ensembles_of(RUNS)
    assert len(ensemble) > 2
    with Store(tmp_path / "one.db") as one, Store(tmp_path / "two.db") as two:
        sweep(ensemble, one, progress=False)
        sweep(ensemble, two, progress=False, workers=2)
        tables = [store.frame().set_index("identity")["excess_loss"].sort_index() for store in (one, two)]
    pd.testing.assert_series_equal(*tables)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_spent_budget_says_what_is_missing(tmp_path, workers):
    with Store(tmp_path / "runs.db") as store:
        report = sweep(RUNS, store, progress=False, time_budget=1e-9, workers=workers)
        assert report.trained == ()
        assert report.missing == len(RUNS)
        again = sweep(RUNS, store, progress=False, time_budget=600)
        assert again.missing == 0
        assert len(again.trained) == len(RUNS)


@given(st.integers(1, 6))
def test_shards_are_a_partition_of_whole_ensembles(count):
    shards = [shard_of(RUNS, index, count) for index in range(1, count + 1)]
    assert sorted(run.identity for shard in shards for run in shard) == sorted(run.identity for run in RUNS)
    assert sum(len(ensembles_of(shard)) for shard in shards) == len(ensembles_of(RUNS))


def test_not_runs_are_refused(tmp_path):
    with Store(tmp_path / "runs.db") as store, pytest.raises(InvalidArgument, match="configurations"):
        sweep(["run"], store)
