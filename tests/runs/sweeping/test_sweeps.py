"""A sweep trains what is missing, once, and can be asked again; on a CPU what it gives is the same to the bit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_lib.errors import InvalidArgument
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.sweeping import sweeps
from scaling_lib.runs.sweeping.experiments import chain_of
from scaling_lib.runs.sweeping.sweeps import ensembles_of, shard_of, sweep
from scaling_lib.runs.training.stacking import groups_on_a_cpu
from tests.runs.tiny import TINY, bits

RUNS = TINY.configurations("smoke")

# Two ensembles of 18 runs, each in two groups of 9.
STACKED = replace(
    TINY,
    axes={
        "smoke": {
            "architecture.width": (8, 16),
            "optimizer.learning_rate": (0.1, 0.5, 1.0),
            "seed": tuple(range(6)),
        }
    },
).configurations("smoke")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """STACKED, trained in one go."""
    with Store(tmp_path_factory.mktemp("whole") / "runs.db") as store:
        sweep(STACKED, store, progress=False)
        assert set(store.frame()["ensemble_size"]) == {9}
        return bits(store)


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


def test_two_workers_give_the_same_bits_and_share_an_ensemble(tmp_path, whole, monkeypatch):
    """Each group of an ensemble is taken up by whoever is free; the ensemble is committed when the last is done."""
    ensembles = ensembles_of(STACKED)
    assert [[len(group) for group in groups_on_a_cpu(ensemble)] for ensemble in ensembles] == [[9, 9], [9, 9]]
    committed, add = [], Store.add
    monkeypatch.setattr(Store, "add", lambda store, records: committed.append(len(records)) or add(store, records))
    with Store(tmp_path / "two.db") as two:
        report = sweep(STACKED, two, progress=False, workers=2, rules="r")
        assert len(report.trained) == len(STACKED)
        assert bits(two) == whole
        # The provenance is that of the workers: one thread each, whatever this process has.
        assert {record.provenance.threads for record in two.records()} == {1}
        assert {record.provenance.rules for record in two.records()} == {"r"}
    assert committed == [18, 18]


@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_a_sweep_that_was_stopped_goes_on_with_the_same_bits(tmp_path, whole, done):
    """Stopped after any number of its four groups: finished ensembles are in the store, the rest is trained again."""

    def stopping(groups):
        for group in groups[:done]:
            yield group, sweeps.train_one(group, "cpu", None, None)

    with Store(tmp_path / "runs.db") as store:
        assert sweep(STACKED, store, engine=stopping, progress=False).missing == 18 * (2 - done // 2)
        report = sweep(STACKED, store, progress=False)
        assert (len(report.trained), report.missing) == (18 * (2 - done // 2), 0)
        assert bits(store) == whole


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_is_missing_does_not_decide_how_runs_are_stacked(tmp_path, whole, seed):
    """A store that holds any part of the grid, trained one by one: the rest comes out as in one go, and what was there
    stays, with nothing listed as made twice."""
    held = [STACKED[i] for i in np.random.default_rng(seed).choice(len(STACKED), 5, replace=False)]
    with Store(tmp_path / "runs.db") as store:
        for run in held:
            sweep([run], store, progress=False)
        before = bits(store)
        assert {result.ensemble_size for result in before.values()} == {1}
        report = sweep(STACKED, store, progress=False)
        assert set(report.trained) == {run.identity for run in STACKED} - set(before)
        assert (report.already, report.missing) == (5, 0)
        assert bits(store) == whole | before
        assert store.repeats().empty
        for identity, result in before.items():  # the order of float32 sums, in two steps
            assert result.status == whole[identity].status
            if result.status == "ok":
                assert result.excess_loss == pytest.approx(whole[identity].excess_loss, rel=1e-6)


def test_shards_give_the_same_bits(tmp_path, whole):
    with Store(tmp_path / "one.db") as one, Store(tmp_path / "two.db") as two:
        for index, store in ((1, one), (2, two)):
            sweep(shard_of(STACKED, index, 2), store, progress=False)
        assert bits(one) | bits(two) == whole
        assert len(one) == len(two) == 18


def test_a_grid_with_a_run_twice_trains_it_once(tmp_path, whole):
    with Store(tmp_path / "runs.db") as store:
        assert len(sweep([*STACKED, *STACKED[:3]], store, progress=False).trained) == len(STACKED)
        assert bits(store) == whole


# Every seed draws a graph of its own, on two shapes.
DRAWN = replace(
    TINY,
    axes={"smoke": {"architecture.width": (8, 16), "optimizer.learning_rate": (0.1, 1.0), "seed": (0, 1, 2)}},
    follows={"source.seed": "seed"},
)


def test_seeds_on_graphs_of_their_own_are_one_ensemble(monkeypatch):
    groups = ensembles_of(DRAWN.configurations("smoke"))
    assert [len(group) for group in groups] == [6, 6]
    for group in groups:
        assert len({run.source for run in group}) == 3
    # A seed on several graphs: each graph is a point of its own.
    axes = {"source.seed": (0, 1), "seed": (0, 1)}
    crossed = ensembles_of(replace(TINY, axes={"smoke": axes}).configurations("smoke"))
    assert [{run.source.seed for run in group} for group in crossed] == [{0}, {1}]
    # And so is each recipe.
    sizes = {"source.parameters.edges": (30, 40), "seed": (0, 1)}
    recipes = replace(DRAWN, axes={"smoke": sizes}).configurations("smoke")
    assert [len(group) for group in ensembles_of(recipes)] == [2, 2]
    given = []

    def training(data, group, **options):
        given.extend(data)
        raise KeyboardInterrupt

    monkeypatch.setattr("scaling_lib.runs.training.ensembles.train_ensemble", training)
    with pytest.raises(KeyboardInterrupt):
        sweeps.train_one(groups[0], "cpu", None, None)
    assert [chain.fingerprint for chain in given] == [chain_of(run.source).fingerprint for run in groups[0]]


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
