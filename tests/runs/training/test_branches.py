"""Branches of a stable run: each the same, to the bit, as if it had been trained alone."""

from dataclasses import replace

import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.runs.keeping.checkpoints import Checkpoints, Paused
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.sweeping.sweeps import ensembles_of, sweep
from scaling_lib.runs.training.branches import train_branches
from scaling_lib.runs.training.ensembles import train_ensemble
from scaling_lib.runs.training.stems import branching_step, computed_steps, stem_of
from tests.runs.tiny import CHAIN, configuration


def branch(steps, *, decay=0.25, learning_rate=0.1, **options):
    one = configuration(steps, curve_points=5, learning_rate=learning_rate, **options)
    return replace(one, schedule=replace(one.schedule, shape="wsd", decay=decay, warmup_steps=3))


LENGTHS = (12, 24, 48)


def numbers(results):
    return [(r.curve_steps, r.curve_training_loss, r.curve_excess_loss, r.excess_loss, r.measurements) for r in results]


def alone(configurations):
    return numbers([train_ensemble(CHAIN, [one])[0] for one in configurations])


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_a_branch_is_the_run_that_it_would_be_alone(order):
    branches = [branch(LENGTHS[i]) for i in order]
    assert numbers(train_branches(CHAIN, branches)) == alone(branches)


def test_stems_are_stacked_and_branches_may_differ_in_their_decay():
    """Two members at three D, the longest with a shorter decay; the same bits as ensembles of two."""
    decays = dict(zip(LENGTHS, (0.5, 0.25, 0.1), strict=True))
    ensembles = [[branch(n, decay=decays[n], seed=seed) for seed in (0, 1)] for n in LENGTHS]
    together = train_branches(CHAIN, [run for pair in ensembles for run in pair], members_at_once=2)
    expected = [result for pair in ensembles for result in train_ensemble(CHAIN, pair, members_at_once=2)]
    assert numbers(together) == numbers(expected)


def test_what_is_shared_is_computed_once(monkeypatch):
    branches = [branch(n) for n in LENGTHS]
    taken = []
    import scaling_lib.runs.training.ensembles as module

    step = module.TrainingStep.__call__
    monkeypatch.setattr(module.TrainingStep, "__call__", lambda self, tokens: taken.append(1) or step(self, tokens))
    reported = []
    train_branches(CHAIN, branches, on_steps=reported.append)
    assert len(taken) == computed_steps(branches) == 12 + (24 - 9) + (48 - 18)
    assert sum(reported) == sum(LENGTHS)  # a progress bar counts what is charged


@pytest.mark.parametrize("stop", [5, 10, 14, 30])
def test_a_paused_branch_goes_on_to_the_same_bits(tmp_path, stop):
    branches = [branch(n) for n in LENGTHS]

    class Stopping(Checkpoints):
        asked = 0

        @property
        def over(self):
            Stopping.asked += 1
            return Stopping.asked == stop

    Stopping.asked = 0
    with pytest.raises(Paused):
        train_branches(CHAIN, branches, checkpoints=Stopping(tmp_path))
    assert numbers(train_branches(CHAIN, branches, checkpoints=Checkpoints(tmp_path))) == alone(branches)


def test_a_diverged_stem_gives_what_each_branch_gives_alone():
    branches = [branch(n, learning_rate=1e30) for n in LENGTHS]
    together = train_branches(CHAIN, branches)
    assert {result.status for result in together} == {"diverged"}
    assert [r.curve_steps for r in together] == [train_ensemble(CHAIN, [one])[0].curve_steps for one in branches]


GRID = [branch(steps, seed=seed, batch=4) for steps in (*LENGTHS, 96) for seed in (0, 1)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_sweep_trains_what_branches_share_once(tmp_path, workers):
    """One ensemble of all D; each run as it is alone, whatever was in the store before."""
    assert [len(ensemble) for ensemble in ensembles_of(GRID)] == [8]
    with Store(tmp_path / "runs.db") as store:
        sweep(GRID, store, workers=workers, progress=False)
        whole = {record.identity: record.result for record in store.records()}
    for run in (GRID[0], GRID[-1]):
        alone = train_ensemble(CHAIN, [run])[0]
        assert whole[run.identity].excess_loss == pytest.approx(alone.excess_loss, rel=1e-4)
    with Store(tmp_path / "again.db") as store:
        store.add([record for record in records_of_store(tmp_path / "runs.db") if record.configuration == GRID[2]])
        report = sweep(GRID, store, progress=False)
        assert (report.already, len(report.trained), report.missing) == (1, 7, 0)
        assert numbers(r.result for r in store.records()) == numbers(whole[r.identity] for r in store.records())


def records_of_store(path):
    with Store(path, read_only=True) as store:
        return store.records()


def test_stems_that_lack_a_length_are_trained_length_by_length():
    assert sorted(len(ensemble) for ensemble in ensembles_of(GRID[:-1])) == [1, 2, 2, 2]


def test_the_stem_and_where_a_branch_leaves_it():
    assert stem_of(branch(12)) == stem_of(branch(48, decay=0.1))
    assert stem_of(branch(12)) != stem_of(branch(12, seed=1))
    assert branching_step(branch(12)) == 9
    assert stem_of(configuration()) is None
    share = branch(12)
    assert stem_of(replace(share, schedule=replace(share.schedule, warmup_steps=None))) is None


def test_refusals():
    with pytest.raises(InvalidArgument, match="configuration must be a branch of a stable run"):
        train_branches(CHAIN, [configuration(12)])
    with pytest.raises(InvalidArgument, match="configurations must be of the same members, in the same order"):
        train_branches(CHAIN, [branch(12), branch(24, seed=1)])
