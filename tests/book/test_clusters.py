"""The scripts of the page on many machines do what it says, with the variables that Slurm would set."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scaling_lib.cli import app
from scaling_lib.runs.keeping.store import Store
from tests.runs.sweeping.test_sweeps import RUNS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "book" / "clusters.md").read_text(encoding="utf-8")
SCRIPTS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)

# `scaling-lab` with a grid of milliseconds in the place of the page's.
STUB = f"""#!{sys.executable}
from dataclasses import replace
from scaling_lib.runs.sweeping import experiments
from tests.runs.tiny import TINY
tiny = replace(TINY, name="er-1k-small", axes={{"full": TINY.axes["smoke"]}})
experiments.EXPERIMENTS = experiments.EXPERIMENTS | {{"er-1k-small": tiny}}
from scaling_lib.cli import app
app()
"""


def shell(script: str, folder: Path, **variables: str) -> str:
    (folder / "bin").mkdir(exist_ok=True)
    stub = folder / "bin" / "scaling-lab"
    stub.write_text(STUB)
    stub.chmod(0o755)
    surroundings = os.environ | variables | {"PYTHONPATH": str(ROOT), "SCALING_HOME": str(folder / "home")}
    surroundings["PATH"] = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    text = script.replace("/SHARED/FOLDER", str(folder / "shared"))
    done = subprocess.run(
        ["bash", "-eu", "-c", text], cwd=folder, env=surroundings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow  # five processes that import torch: half a minute
def test_the_array_of_shards_merges_to_the_whole_grid(tmp_path):
    (job,) = (script for script in SCRIPTS if script.startswith("#!/bin/bash"))
    (merge,) = (script for script in SCRIPTS if "runs merge" in script)
    (tmp_path / "disk").mkdir()
    slurm = {"SLURM_TMPDIR": str(tmp_path / "disk"), "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_CPUS_PER_TASK": "1"}
    for task in ("1", "2"):
        shell(job, tmp_path, SLURM_ARRAY_TASK_ID=task, **slurm)
    for path in (tmp_path / "disk").glob("*1.db"):
        path.unlink()  # the task was requeued on another machine
    assert "0 runs trained" in shell(job, tmp_path, SLURM_ARRAY_TASK_ID="1", **slurm)
    told = shell(merge, tmp_path)
    assert "all whole" in told
    assert "0 are missing" in told
    with Store(tmp_path / "er-1k-small.db", read_only=True) as store:
        assert store.missing(RUNS) == []


def test_the_pages_options_are_those_of_the_commands():
    """Of the scripts that are not run here, every option is at least one that the command knows."""
    for script in SCRIPTS:
        for line in re.findall(r"scaling-lab (?:sweep|runs \w+)[^\n#]*", script.replace("\\\n", " ")):
            verb = line.split()[1:3] if line.split()[1] == "runs" else line.split()[1:2]
            done = CliRunner().invoke(app, [*verb, "--help"], env={"COLUMNS": "200"})
            assert set(re.findall(r"--[\w-]+", line)) <= set(re.findall(r"--[\w-]+", done.stdout)), line
