"""`make gpu` on a CPU: what it leaves, how it goes on, that it ends in time whatever hangs, and what it enters."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scaling_lib.errors import InvalidArgument, InvalidData
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.keeping.tables import load_recorded, manifest
from scaling_lib.runs.sweeping import experiments
from scaling_lib.runs.sweeping.sweeps import sweep
from tests.runs.tiny import TINY
from tests.tools import planted_work
from tools.gpu import __main__ as command
from tools.gpu import commands, report, training
from tools.gpu.commands import Place, ended

ROOT = Path(__file__).resolve().parents[2]
CPU = Place("cpu", "cpu", "2.0", "source+0")
H100 = Place("cuda", "NVIDIA H100", "2.11.0", "source+0")
# Four runs at each of four points, with a graph for each seed, as the grid of the GPU has.
GRID = replace(TINY, follows={"source.seed": "seed"})
# Long enough for processes that begin on a busy machine.
MINUTES = 5.0


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setattr(experiments, "EXPERIMENTS", experiments.EXPERIMENTS | {report.EXPERIMENT: GRID})


@pytest.fixture
def on_a_cpu(monkeypatch):
    """No process that asks torch for its devices."""
    monkeypatch.setattr(commands, "find_place", lambda seconds: CPU)


def do(folder, **options):
    return command.gpu(folder, MINUTES, time.monotonic(), **options)


def trained_at(folder):
    with Store(folder / training.STORE) as store:
        return {record.identity: record.provenance.time for record in store.records()}


def test_it_leaves_a_store_tables_and_a_report_and_goes_on(tmp_path, on_a_cpu):
    assert do(tmp_path / "first")
    text = (tmp_path / "first" / "REPORT.md").read_text()
    for part in (
        "gpu-er-1k on cpu",
        "profile smoke",
        "Runs: 16 of 16",
        "| device tests | skipped |",
        "| training | ok |",
    ):
        assert part in text
    table = load_recorded("gpu-er-1k-smoke", tmp_path / "first" / "tables")
    assert len(table) == 16
    assert table["fingerprint"].nunique() == 2
    assert set(table["device"]) == {"cpu"}
    assert table["leak"].notna().all()
    assert list((tmp_path / "first").rglob("*.part")) == []

    before = trained_at(tmp_path / "first")
    assert do(tmp_path / "second", earlier=tmp_path / "first")
    assert trained_at(tmp_path / "second") == before  # nothing was trained again
    assert trained_at(tmp_path / "first") == before


def test_what_does_not_pause_is_ended_in_time(tmp_path, monkeypatch, on_a_cpu):
    monkeypatch.setattr(training, "_sweep", planted_work.hangs)
    monkeypatch.setattr(command, "CLOSING", 60 * MINUTES - 5)
    begun = time.monotonic()
    assert command.gpu(tmp_path, MINUTES, begun)
    assert 5 < time.monotonic() - begun < 60 * MINUTES
    text = (tmp_path / "REPORT.md").read_text()
    assert "Runs: 0 of 16" in text
    assert "| training | stopped |" in text
    assert "it did not pause in time" in text
    assert "width 8, D = 160: 4 runs of 4" in text


@pytest.mark.parametrize(
    ("work", "says", "here"),
    [(planted_work.breaks, "an illegal memory access", 0), (planted_work.dies_after_an_ensemble, "ended with 7", 4)],
)
def test_a_training_that_breaks_off_is_said(tmp_path, monkeypatch, on_a_cpu, work, says, here):
    monkeypatch.setattr(training, "_sweep", work)
    assert not do(tmp_path)
    assert says in (tmp_path / "REPORT.md").read_text()
    entries = manifest(tmp_path / "tables")
    assert [(entry["runs"], entry["missing"]) for entry in entries.values()] == ([(here, 16 - here)] if here else [])


def test_a_command_is_ended_with_all_that_it_began():
    begun = time.monotonic()
    assert commands.run(["sh", "-c", "echo before; sleep 600; echo after"], 2) == (None, "before")
    assert time.monotonic() - begun < 120
    assert commands.run([sys.executable, "-c", "print('one'); print('two'); exit(3)"], 120) == (3, "two")


def test_tests_and_benchmark_run_where_there_is_a_device_and_once(tmp_path, monkeypatch):
    ran = []

    def run(words, seconds):
        ran.append(words[2])
        return 0, "9 passed"

    monkeypatch.setattr(commands, "run", run)
    end = time.monotonic() + 60 * MINUTES
    stages = command.measured(tmp_path, H100, end, MINUTES)
    assert [(stage.name, stage.state, stage.says) for stage in stages] == [
        ("device tests", "ok", "9 passed"),
        ("speed", "ok", "9 passed"),
    ]
    assert ran == ["pytest", "benchmarks.gpu"]
    assert command.measured(tmp_path, H100, end, MINUTES) == stages
    command.measured(tmp_path, replace(H100, torch="2.12.0"), end, MINUTES)
    assert len(ran) == 4
    monkeypatch.setattr(commands, "run", lambda words, seconds: (1, "1 failed"))
    tests, _ = command.measured(tmp_path, H100, end, MINUTES)
    assert (tests.state, tests.says) == ("failed", "1 failed")


def test_each_may_take_a_quarter_of_the_time(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(commands, "run", lambda words, seconds: (given.append(seconds), (None, "..."))[1])
    stages = command.measured(tmp_path, H100, time.monotonic() + 540, 9.0)
    assert given == pytest.approx([135, 135])
    assert {stage.state for stage in stages} == {"stopped"}


def test_every_test_of_a_device_is_run_and_no_other_file():
    assert commands.test_files() == [
        "tests/data/test_walks_on_cuda.py",
        "tests/runs/sweeping/test_on_cuda.py",
        "tests/runs/training/test_steps.py",
    ]


def test_a_table_is_entered_with_what_it_lacks_where_the_tests_passed(tmp_path):
    runs = GRID.configurations("smoke")
    (tmp_path / "out").mkdir()
    with Store(tmp_path / "out" / training.STORE) as store:
        sweep(runs[:4], store, progress=False)
    assert len(report.write_table(runs, tmp_path / "out", "full")) == 4
    commands.save_stages(tmp_path / "out", [ended("device tests", "skipped", "torch sees no CUDA device here", 0, CPU)])
    with pytest.raises(InvalidData, match=r"its device tests are skipped \(torch sees no CUDA device here\)"):
        report.enter(tmp_path / "out", tmp_path / "recorded")
    commands.save_stages(tmp_path / "out", [ended("device tests", "ok", "9 passed", 1.0, H100)])
    assert report.enter(tmp_path / "out", tmp_path / "recorded") == ["gpu-er-1k: 4 rows, 12 runs missing."]
    assert manifest(tmp_path / "recorded")["gpu-er-1k"]["missing"] == 12
    assert len(load_recorded("gpu-er-1k", tmp_path / "recorded")) == 4


def test_nothing_is_entered_where_there_is_nothing(tmp_path):
    with pytest.raises(InvalidData, match="its device tests are not there"):
        report.enter(tmp_path, tmp_path / "recorded")
    commands.save_stages(tmp_path, [ended("device tests", "ok", "9 passed", 1.0, H100)])
    with pytest.raises(InvalidData, match="has no table gpu-er-1k or gpu-speed"):
        report.enter(tmp_path, tmp_path / "recorded")
    (tmp_path / "stages.json").write_text("[{}]")
    with pytest.raises(InvalidData, match=r"stages.json is damaged .* remove it"):
        report.enter(tmp_path, tmp_path / "recorded")


def test_another_folder_is_no_earlier_one(tmp_path):
    with pytest.raises(InvalidArgument, match=r"--earlier must be a folder with a runs.db"):
        report.take_over(tmp_path / "none", tmp_path)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "--out must be a folder, got None"),
        (["--out", "{}/file"], "--out must be a folder, got "),
        (["--out", "{}/out", "--minutes", "nan"], "--minutes must be a finite number of at least 0.5, got nan"),
        (["--out", "{}/out", "--minutes", "0.1"], "--minutes must be a finite number of at least 0.5, got 0.1"),
        (["--out", "{}/out", "--earlier", "{}/no"], "--earlier must be a folder with a runs.db"),
        (["--enter", "{}/no"], "its device tests are not there: run `make gpu` on a GPU."),
    ],
)
def test_errors_are_one_line(tmp_path, monkeypatch, on_a_cpu, words, says):
    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "argv", ["gpu", *(word.format(tmp_path) for word in words)])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert says in str(ended.value)
    assert "\n" not in str(ended.value)


# What a machine with a GPU has: these, and what they bring along.
NEEDED = ("torch", "numpy", "scipy", "pandas", "networkx", "matplotlib", "pyarrow", "tqdm", "typer", "rich")
NEEDED += ("jaxtyping", "safetensors", "pytest")
ONLY = """
import sys

class Only:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {absent}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Only)
"""


def brought(names):
    """The distributions that these need, themselves included."""
    todo, seen = list(names), set()
    while todo:
        name = canonicalize_name(todo.pop())
        if name in seen:
            continue
        try:
            requirements = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        seen.add(name)
        parsed = map(Requirement, requirements)
        todo += [one.name for one in parsed if not one.marker or one.marker.evaluate({"extra": ""})]
    return seen


@pytest.mark.slow  # a minute on a quiet core
def test_the_command_on_a_bare_machine_at_a_thousandth_of_the_size(tmp_path):
    """The smoke grid has a thousandth of the tokens; whatever is not needed cannot be imported, in any process."""
    homes, kept = metadata.packages_distributions(), brought(NEEDED)
    absent = {name for name, owners in homes.items() if not {canonicalize_name(owner) for owner in owners} & kept}
    absent -= {"scaling_lib"}  # that of the source tree
    assert {"pooch", "platformdirs", "beartype", "jupytext"} <= absent
    (tmp_path / "sitecustomize.py").write_text(ONLY.format(absent=sorted(absent)))
    variables = os.environ | {"PYTHONPATH": str(tmp_path), "SCALING_HOME": str(tmp_path / "home")}
    words = [sys.executable, "-m", "tools.gpu", "--minutes", "3", "--profile", "smoke", "--out", str(tmp_path / "out")]
    for _ in range(8):  # once on a quiet core; on a busy one it goes on
        begun = time.monotonic()
        done = subprocess.run(words, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
        assert time.monotonic() - begun < 3 * 60
        assert done.returncode == 0, done.stderr
        text = (tmp_path / "out" / "REPORT.md").read_text()
        if "Runs: 1 of 1" in text:
            break
    assert "| training | ok |" in text
    assert json.loads((tmp_path / "out" / "tables" / "manifest.json").read_text())["gpu-er-1k-smoke"]["runs"] == 1
    (tests,) = [stage for stage in commands.load_stages(tmp_path / "out").values() if stage.name == "device tests"]
    assert tests.state == ("ok" if tests.place.kind == "cuda" else "skipped")
