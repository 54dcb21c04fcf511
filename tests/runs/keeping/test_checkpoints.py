"""Nothing finished is lost, nothing is trained twice, and a run that was interrupted is the same to the bit."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from scaling_lib.errors import InvalidArgument, ScalingLabWarning, StoreError
from scaling_lib.runs.keeping.checkpoints import Checkpoints, Paused
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.records import Measurement
from scaling_lib.runs.sweeping.sweeps import sweep
from scaling_lib.runs.training import ensembles as training
from scaling_lib.runs.training.ensembles import train_ensemble
from tests.runs import planted
from tests.runs.storm import RUNS, attempt
from tests.runs.tiny import CHAIN, configuration

PAIR = [configuration(20, seed=0, curve_points=4), configuration(20, seed=1, curve_points=4)]


def numbers(result):
    """All that a run gave but its time."""
    return {name: value for name, value in vars(result).items() if name != "wall_seconds"}


def interrupted(folder, steps, **options):
    """Train PAIR, paused after so many steps each time, until it is done; how often it was paused."""
    pauses = 0
    while True:
        asked = [0]

        def over(asked=asked):
            asked[0] += 1
            return asked[0] >= steps

        keeper = Checkpoints(folder, every=1e9)
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Checkpoints, "over", property(lambda self, over=over: over()))
                return train_ensemble(CHAIN, PAIR, checkpoints=keeper, **options), pauses
        except Paused:
            pauses += 1


@pytest.mark.parametrize("members", [1, 2])
def test_an_interrupted_run_is_the_same_to_the_bit(tmp_path, members):
    whole = train_ensemble(CHAIN, PAIR, members_at_once=members)
    pieces, pauses = interrupted(tmp_path, 7, members_at_once=members)
    assert pauses >= 2
    assert [numbers(result) for result in pieces] == [numbers(result) for result in whole]
    assert pieces[0].wall_seconds > 0


def test_a_finished_group_is_not_trained_again(tmp_path, monkeypatch):
    first = train_ensemble(CHAIN, PAIR, checkpoints=Checkpoints(tmp_path))
    monkeypatch.setattr(training, "_train", None)  # would fail
    steps = []
    again = train_ensemble(CHAIN, PAIR, checkpoints=Checkpoints(tmp_path), on_steps=steps.append)
    assert again == first
    assert sum(steps) == sum(run.optimizer_steps for run in PAIR)


def test_a_finished_group_keeps_what_was_measured(tmp_path):
    checkpoint = Checkpoints(tmp_path).of(PAIR)
    result = planted.record().result
    measured = (Measurement("leak", 5, 0.25), Measurement("package.module:own", 5, None))
    results = [replace(result, measurements=measured), result]
    checkpoint.finish(results)
    assert Checkpoints(tmp_path).of(PAIR).results() == results


def test_a_finished_group_of_an_older_version_is_read(tmp_path):
    checkpoint = Checkpoints(tmp_path).of(PAIR)
    result = planted.record().result
    checkpoint._write({"done": torch.ones(1)}, {"results": [result.to_json()] * 2})  # as it was written then
    assert Checkpoints(tmp_path).of(PAIR).results() == [result, result]


def test_a_store_that_has_them_needs_no_checkpoints(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        sweep(RUNS[:4], store, checkpoints=tmp_path / "kept", progress=False)
    assert list((tmp_path / "kept").iterdir()) == []


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "foreign"])
def test_a_torn_checkpoint_is_said_and_its_group_trained_again(tmp_path, damage):
    whole = train_ensemble(CHAIN, PAIR)
    keeper = Checkpoints(tmp_path)
    path = keeper.of(PAIR).path
    train_ensemble(CHAIN, PAIR, checkpoints=keeper)
    data = path.read_bytes()
    torn = {
        "truncated": data[: len(data) // 2],
        "flipped": data[:-1] + bytes([data[-1] ^ 1]),
        "empty": b"",
        "foreign": b"not a checkpoint at all",
    }
    path.write_bytes(torn[damage])
    with pytest.warns(ScalingLabWarning, match=r"torn .* trained again from the start"):
        again = train_ensemble(CHAIN, PAIR, checkpoints=Checkpoints(tmp_path))
    assert [numbers(result) for result in again] == [numbers(result) for result in whole]


def test_other_runs_have_other_files(tmp_path):
    keeper = Checkpoints(tmp_path)
    assert keeper.of(PAIR[:1]).path != keeper.of(PAIR[1:]).path
    os.makedirs(tmp_path, exist_ok=True)
    train_ensemble(CHAIN, PAIR[:1], checkpoints=keeper)
    keeper.of(PAIR[:1]).path.rename(keeper.of(PAIR[1:]).path)
    with pytest.warns(ScalingLabWarning, match="other runs"):
        assert keeper.of(PAIR[1:]).load() is None


def test_a_full_disk_is_said_in_one_line(tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="free space") as caught:
        train_ensemble(CHAIN, PAIR, checkpoints=Checkpoints(tmp_path, every=0))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*.part"))


def test_an_unwritable_folder_is_said_in_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="could not be written"):
        train_ensemble(CHAIN, PAIR, checkpoints=Checkpoints(tmp_path / "file" / "kept", every=0))


def test_a_clock_set_back_changes_nothing(tmp_path, monkeypatch):
    """Budgets are counted on the monotonic clock."""
    import time

    monkeypatch.setattr(time, "time", lambda: -1e9)
    assert not Checkpoints(tmp_path, seconds=100).over
    assert Checkpoints(tmp_path, seconds=0).over


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
    ids=["torch", "cublas"],
)
def test_out_of_memory_halves_what_is_trained_at_once(tmp_path, monkeypatch, error):
    four = [configuration(4, seed=seed) for seed in range(4)]
    whole = train_ensemble(CHAIN, four, members_at_once=1)
    real, sizes = training._train, []

    def small_device(chain, model, group, **options):
        sizes.append(len(group))
        if len(group) > 1:
            raise error
        return real(chain, model, group, **options)

    monkeypatch.setattr(training, "_train", small_device)
    with pytest.warns(ScalingLabWarning, match="ran out of memory: [21] at once") as caught:
        halved = train_ensemble(CHAIN, four, members_at_once=4, checkpoints=Checkpoints(tmp_path))
    assert len(caught) == 2
    assert sizes == [4, 2, 1, 1, 1, 1]
    assert [numbers(result) for result in halved] == [numbers(result) for result in whole]
    assert {result.ensemble_size for result in halved} == {1}  # as it was trained, not as it was asked for


def test_out_of_memory_with_one_is_an_error(monkeypatch):
    def no_device(*arguments, **options):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(training, "_train", no_device)
    with pytest.raises(torch.OutOfMemoryError):
        train_ensemble(CHAIN, PAIR, members_at_once=1)


def test_another_error_is_not_taken_for_it(monkeypatch):
    def broken(*arguments, **options):
        raise RuntimeError("expected scalar type Float")

    monkeypatch.setattr(training, "_train", broken)
    with pytest.raises(RuntimeError, match="expected scalar type Float"):
        train_ensemble(CHAIN, PAIR, members_at_once=2)


def test_as_many_members_as_memory_holds():
    small, large = configuration(width=8), configuration(width=256)
    room = 4e9
    assert training.members_in_memory(small, room) > training.members_in_memory(large, room) > 1
    assert training.members_in_memory(large, 0) == 1
    needed = training.training_bytes(large.architecture, large.schedule.batch)
    assert training.members_in_memory(large, room) * needed < room
    # A power of two, and never more sequences than attention has places for.
    assert training.members_in_memory(large, room).bit_count() == 1
    assert training.members_in_memory(large, 1e15) * large.schedule.batch <= 65_535


def test_a_budget_pauses_in_the_middle_and_goes_on(tmp_path):
    """The budget ends within the first ensemble; what was done of it is not done again."""
    long = [configuration(400, seed=seed, batch=4, context=10) for seed in range(2)]
    with Store(tmp_path / "whole.db") as store:
        sweep(long, store, progress=False)
        whole = {record.identity: numbers(record.result) for record in store.records()}
    calls = 0
    with Store(tmp_path / "pieces.db") as store:
        while sweep(long, store, time_budget=0.3, checkpoints=tmp_path / "kept", progress=False).missing:
            calls += 1
            assert calls < 100
        assert {record.identity: numbers(record.result) for record in store.records()} == whole
    assert calls >= 1


@pytest.mark.parametrize("bad", ["text", -1, None])
def test_bad_pauses_are_refused(tmp_path, bad):
    with pytest.raises(InvalidArgument, match="every"):
        Checkpoints(tmp_path, every=bad)


def run_storm(folder: Path, where: str, count: int) -> int:
    command = [sys.executable, "-m", "tests.runs.storm", str(folder / "runs.db"), str(folder / "kept"), where]
    done = subprocess.run([*command, str(count)], cwd=Path(__file__).parents[3], capture_output=True, check=False)
    return done.returncode


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    attempt(folder / "runs.db", folder / "kept", "never", 0)
    with Store(folder / "runs.db") as store:
        return {record.identity: numbers(record.result) for record in store.records()}


FEW = [("commit", 1), ("checkpoint", 3)]
STORM = [
    *(("commit", count) for count in (1, 2, 1, 1, 2)),
    *(("checkpoint", count) for count in (1, 7, 30, 40, 15)),  # of the hundred that are left after these commits
    *(("time", milliseconds) for milliseconds in (5, 50, 100, 200, 300, 400, 500, 700, 900, 1200)),
]


@pytest.mark.parametrize("kills", [FEW, pytest.param(STORM, marks=pytest.mark.slow)], ids=["few", "storm"])
def test_a_storm_of_kills_loses_nothing(tmp_path, uninterrupted, kills):
    """Each kill ends one attempt; the last attempt is left alone. The table is that of an uninterrupted sweep."""
    codes = [run_storm(tmp_path, where, count) for where, count in kills]
    inside = [code for code, (where, _) in zip(codes, kills, strict=True) if where != "time"]
    assert inside == [-signal.SIGKILL] * len(inside), codes  # in the middle of a commit, or of a checkpoint
    assert set(codes) <= {0, -signal.SIGKILL}, codes
    attempt(tmp_path / "runs.db", tmp_path / "kept", "never", 0)
    with Store(tmp_path / "runs.db") as store:
        assert store.verify() == []
        assert {record.identity: numbers(record.result) for record in store.records()} == uninterrupted
