"""A sweep that is interrupted saves what is in hand; workers do not outlive the process that began them."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scaling_lib.cli import app, runs
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.sweeping import sweeps
from scaling_lib.runs.sweeping.sweeps import sweep
from tests.runs.tiny import TINY, bits

# Two groups of 60 and 120 steps.
RUNS = replace(
    TINY,
    axes={"smoke": {"schedule.steps": (60, 120), "optimizer.learning_rate": (0.1, 0.5), "seed": (0, 1)}},
).configurations("smoke")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    with Store(tmp_path_factory.mktemp("whole") / "runs.db") as store:
        sweep(RUNS, store, progress=False)
        return bits(store)


@pytest.mark.parametrize(
    ("workers", "kept"),
    [(1, True), (1, False), *(pytest.param(2, kept, marks=pytest.mark.slow) for kept in (True, False))],
)
def test_an_interrupted_sweep_goes_on_with_the_same_bits(tmp_path, whole, monkeypatch, workers, kept):
    calls = []

    class Interrupting(sweeps.tqdm):
        """Ctrl-C as the bar is brought up to date for the third time."""

        def update(self, steps=1):
            calls.append(steps)
            if len(calls) == 3:
                signal.raise_signal(signal.SIGINT)
            return super().update(steps)

    before = signal.getsignal(signal.SIGINT)
    folder = tmp_path / "kept" if kept else None
    with Store(tmp_path / "runs.db") as store:
        with monkeypatch.context() as patch:
            patch.setattr(sweeps, "tqdm", Interrupting)
            with pytest.raises(KeyboardInterrupt):
                sweep(RUNS, store, progress=False, checkpoints=folder, workers=workers)
        assert signal.getsignal(signal.SIGINT) is before
        if workers == 1:
            assert len(store) == 0
            assert (folder is not None) == bool(list(tmp_path.glob("kept/*.safetensors")))
        resumed = sweep(RUNS, store, progress=False, checkpoints=folder)
        assert resumed.missing == 0
        assert bits(store) == whole


def test_a_second_interrupt_does_not_wait():
    reached = []

    def busy():
        with sweeps._interrupts() as stop:
            signal.raise_signal(signal.SIGINT)
            reached.append(bool(stop.value))
            signal.raise_signal(signal.SIGINT)
            reached.append("not interrupted")

    with pytest.raises(KeyboardInterrupt):
        busy()
    assert reached == [True]


def test_the_command_says_how_to_go_on(monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "_swept", interrupted)
    monkeypatch.setattr(runs.sys, "argv", ["/somewhere/scaling-lab", "sweep", "er-100", "--store", "my runs.db"])
    done = CliRunner().invoke(app, ["sweep", "er-100"])
    assert done.exit_code == 130
    assert "Go on with: scaling-lab sweep er-100 --store 'my runs.db'" in done.stderr


LONG = """
import sys
from dataclasses import replace
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.sweeping.sweeps import sweep
from tests.runs.tiny import TINY, bits

if __name__ == "__main__":
    axes = {"smoke": {"schedule.steps": (10**6, 10**6 + 1), "seed": (0,)}}
    with Store(sys.argv[1]) as store:
        sweep(replace(TINY, axes=axes).configurations("smoke"), store, workers=2, progress=False)
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="children are listed under /proc")
def test_workers_end_with_their_parent(tmp_path):
    script = tmp_path / "long.py"
    script.write_text(LONG)
    root = str(Path(__file__).parents[3])
    parent = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "runs.db")], env=os.environ | {"PYTHONPATH": root}
    )

    def children():
        return [int(word) for word in Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()]

    try:
        until = time.monotonic() + 120
        # Two workers and the tracker of what they share; a worker that trains has loaded torch.
        while sum(_has_torch(child) for child in children()) < 2 and time.monotonic() < until:
            time.sleep(0.2)
        workers = [child for child in children() if _has_torch(child)]
        assert len(workers) == 2
    finally:
        parent.kill()
        parent.wait()
    until = time.monotonic() + 5
    while any(_runs(worker) for worker in workers) and time.monotonic() < until:
        time.sleep(0.1)
    left = [worker for worker in workers if _runs(worker)]
    for worker in left:
        os.kill(worker, signal.SIGKILL)
    assert left == []


def _has_torch(process):
    try:
        return "libtorch" in Path(f"/proc/{process}/maps").read_text()
    except OSError:
        return False


def _runs(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
