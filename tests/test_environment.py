"""Profiles, folders and sessions."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from scaling_lib import environment
from scaling_lib.errors import InvalidArgument, MissingDependency
from scaling_lib.runs.keeping.tables import COLUMNS
from scaling_lib.runs.sweeping.calibration import Calibration
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.session import Session, begin
from tests.runs.sweeping.test_sweeps import RUNS


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in ("SCALING_PROFILE", "SCALING_HOME", "SCALING_MIRROR", "CI"):
        monkeypatch.delenv(name, raising=False)


def test_profile_comes_from_the_argument_then_the_variable_then_the_default(monkeypatch):
    assert environment.profile() == "recorded"
    monkeypatch.setenv("SCALING_PROFILE", "smoke")
    assert environment.profile() == "smoke"
    assert environment.profile("colab") == "colab"
    monkeypatch.setenv("SCALING_PROFILE", "smoek")
    with pytest.raises(InvalidArgument, match=r"SCALING_PROFILE must be one of .*'smoek'"):
        environment.profile()


def test_home_comes_from_the_variable_or_the_platform(monkeypatch, tmp_path):
    assert "scaling-lab" in str(environment.home())
    monkeypatch.setenv("SCALING_HOME", str(tmp_path))
    assert environment.home() == tmp_path


def test_place(monkeypatch):
    assert environment.place() == "local"
    monkeypatch.setenv("CI", "true")
    assert environment.place() == "ci"


def test_begin_says_where_it_runs(capsys):
    ours = begin("recorded")
    said = capsys.readouterr().out
    assert "profile 'recorded'" in said
    assert not ours.trains


@pytest.mark.parametrize(
    ("name", "device", "warned"),
    [("recorded", "cpu", 0), ("smoke", "cpu", 0), ("colab", "cpu", 1), ("full", "cpu", 1), ("colab", "cuda", 0)],
)
def test_begin_warns_where_a_profile_for_a_gpu_has_none_and_offers_another(monkeypatch, capsys, name, device, warned):
    monkeypatch.setattr("scaling_lib.session.device", lambda: device)
    monkeypatch.setattr("scaling_lib.session.device_words", lambda device: device)
    begin(name)
    first, *others = capsys.readouterr().out.splitlines()
    assert re.search("minute|hours", first), "how long it takes"
    assert len(others) == warned
    assert all("profile = 'smoke'" in line and "Runtime" not in line for line in others)


def test_begin_on_colab_says_how_to_get_a_gpu(monkeypatch, capsys):
    monkeypatch.setattr("scaling_lib.session.device", lambda: "cpu")
    monkeypatch.setattr("scaling_lib.session.place", lambda: "colab")
    begin("colab")
    assert "Runtime > Change runtime type" in capsys.readouterr().out


def test_the_mirror_comes_from_the_variable_or_a_mounted_drive(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "_DRIVE", tmp_path)
    assert environment.mirror() is None
    monkeypatch.setattr(environment, "place", lambda: "colab")
    assert environment.mirror() == tmp_path / "scaling-lab"
    monkeypatch.setattr(environment, "_DRIVE", tmp_path / "not mounted")
    assert environment.mirror() is None
    monkeypatch.setenv("SCALING_MIRROR", str(tmp_path / "own"))
    assert environment.mirror() == tmp_path / "own"


def test_runs_are_mirrored_and_another_machine_goes_on_with_them(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("SCALING_MIRROR", str(tmp_path / "drive"))
    monkeypatch.setenv("SCALING_HOME", str(tmp_path / "first"))
    trained = begin("smoke").train("tiny", [RUNS[0]])
    assert f"copied to {tmp_path / 'drive'} as they are made.\n" in capsys.readouterr().out
    (tmp_path / "drive" / "torn.db").write_bytes((tmp_path / "drive" / "tiny.db").read_bytes()[:2000])

    monkeypatch.setenv("SCALING_HOME", str(tmp_path / "second"))
    again = begin("smoke")
    said = capsys.readouterr().out
    assert "an earlier session were taken from there: tiny." in said
    assert "torn.db in" in said
    assert "could not be read and is not used" in said
    assert sorted(path.name for path in (tmp_path / "second").iterdir()) == ["tiny.db"]
    monkeypatch.setattr("scaling_lib.session.sweep", lambda wanted, store, **options: store.missing(wanted) and 1 / 0)
    pd.testing.assert_frame_equal(again.train("tiny", [RUNS[0]]), trained)
    assert again.restore() == ()  # what is at home stays


def test_begin_on_colab_says_how_runs_outlive_it(monkeypatch, capsys):
    monkeypatch.setattr("scaling_lib.session.place", lambda: "colab")
    begin("recorded")
    assert "drive.mount" not in capsys.readouterr().out
    begin("smoke")
    assert "drive.mount('/content/drive')" in capsys.readouterr().out


def test_recorded_profile_trains_nothing(tmp_path):
    ours = Session("recorded", "cpu", tmp_path / "home")
    assert ours.own("er-100").empty
    assert list(ours.own("er-100")) == list(COLUMNS)
    assert ours.expected_minutes("er-100") == 0
    assert not (tmp_path / "home").exists()


def test_the_minutes_of_several_experiments_come_from_one_measurement(tmp_path, monkeypatch):
    measured = []

    def calibrate(device, configurations):
        measured.append(list(configurations))
        return Calibration(per_token=1e-6, per_parameter=0.0, device=device)

    monkeypatch.setattr("scaling_lib.session.calibrate", calibrate)
    ours, names = Session("smoke", "cpu", tmp_path), ("er-100", "er-200-dense")
    together = ours.expected_minutes(*names)
    grids = [experiment(name).configurations("smoke") for name in names]
    assert measured == [[run for grid in grids for run in grid]]
    assert together == pytest.approx(sum(map(ours.expected_minutes, names)))
    assert together == pytest.approx(sum(run.schedule.tokens for grid in grids for run in grid) * 1e-6 / 60)


def test_without_torch_training_says_what_to_install(tmp_path):
    ours = Session("smoke", "", tmp_path)
    with pytest.raises(MissingDependency, match="pip install torch"):
        ours.own("er-100")


def test_absent_recorded_table_is_empty_where_the_profile_trains(tmp_path):
    trains = Session("smoke", "cpu", tmp_path)
    assert isinstance(trains.recorded("no-such-table"), pd.DataFrame)
    assert trains.recorded("no-such-table").empty
    with pytest.raises(InvalidArgument, match="no-such-table"):
        Session("recorded", "cpu", tmp_path).recorded("no-such-table")


@pytest.mark.parametrize(
    ("built", "platform", "driver", "asked"),
    [
        ("2.13.0+cpu", "linux", True, False),
        ("2.13.0", "linux", False, False),
        ("2.13.0", "linux", True, True),
        ("2.13.0+rocm6.2", "linux", False, True),
        ("2.13.0", "win32", False, True),
        ("2.13.0", "darwin", False, True),
    ],
)
def test_torch_is_asked_for_a_gpu_only_where_there_may_be_one(monkeypatch, built, platform, driver, asked):
    def load(name):
        if not driver:
            raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr("importlib.metadata.version", lambda package: built)
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr("ctypes.CDLL", load)
    assert environment._may_have_a_gpu() is asked


def test_where_nothing_is_trained_torch_is_not_imported_and_would_begin_with_one_thread():
    code = (
        "import os, sys\n"
        "from scaling_lib import begin, environment\n"
        "environment._may_have_a_gpu = lambda: False\n"
        "begin('recorded')\n"
        "print('torch' in sys.modules, os.environ['OMP_NUM_THREADS'])"
    )
    several = os.environ | {"OMP_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=several)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-2:] == ["False", "1"]
    assert ", CPU, profile 'recorded'" in done.stdout


def test_begin_works_without_torch(tmp_path):
    """The recorded chapters run on a machine without torch."""
    code = (
        "from importlib.machinery import PathFinder\n"
        "find = PathFinder.find_spec\n"
        "PathFinder.find_spec = lambda name, *rest: None if name == 'torch' else find(name, *rest)\n"
        "from scaling_lib import begin, cli\n"
        "print(begin('recorded').device == '')"
    )
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr
    assert "torch not installed" in done.stdout
