"""What a process runs on: told where it can be, "unknown" where it cannot, and never an error."""

import re
import shutil
import subprocess
import sys

import pytest

from scaling_lib.runs import machine
from scaling_lib.runs.machine import UNKNOWN


def tree(monkeypatch, package):
    """`working_tree` of another place, past the cache."""
    monkeypatch.setattr(machine, "_PACKAGE", package)
    return machine.working_tree.__wrapped__()


@pytest.fixture
def checkout(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")

    def git(*arguments):
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("one = 1\n")
    git("init", "-q")
    return package, git


def test_a_working_tree_is_its_commit_and_what_differs_from_it(checkout, monkeypatch):
    package, git = checkout
    assert tree(monkeypatch, package) == (UNKNOWN, UNKNOWN)  # git does not follow the file
    git("add", ".")
    assert tree(monkeypatch, package) == (UNKNOWN, UNKNOWN)  # there is no commit
    git("commit", "-q", "-m", "first")
    commit, state = tree(monkeypatch, package)
    assert re.fullmatch("[0-9a-f]{40}", commit)
    assert state == "clean"
    states = set()
    for text in ("one = 2\n", "one = 3\n", "one = 2\n"):
        (package / "__init__.py").write_text(text)
        same, state = tree(monkeypatch, package)
        assert same == commit
        assert re.fullmatch("[0-9a-f]{12}", state)
        states.add(state)
    assert len(states) == 2  # the hash is that of the change
    git("commit", "-q", "-a", "-m", "second")
    later, state = tree(monkeypatch, package)
    assert later != commit
    assert state == "clean"


def test_an_installed_library_does_not_name_the_repository_around_it(checkout, monkeypatch):
    package, git = checkout
    git("add", ".")
    git("commit", "-q", "-m", "first")
    installed = package / "site-packages" / "scaling_lib"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    assert tree(monkeypatch, installed) == (UNKNOWN, UNKNOWN)


def test_without_git_the_tree_is_unknown(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tree(monkeypatch, tmp_path) == (UNKNOWN, UNKNOWN)


def test_a_program_that_hangs_is_not_waited_for(monkeypatch):
    def hanging(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(subprocess, "run", hanging)
    assert machine.working_tree.__wrapped__() == (UNKNOWN, UNKNOWN)
    assert machine.gpu.__wrapped__() == "none"


def test_the_processor_is_its_model(monkeypatch, tmp_path):
    listed = tmp_path / "cpuinfo"
    listed.write_text("processor\t: 0\nmodel\t\t: 1\nmodel name\t: Abacus 9000 @ 1 Hz\n")
    monkeypatch.setattr(machine, "_PROCESSORS", listed)
    assert machine.processor.__wrapped__() == "Abacus 9000 @ 1 Hz"
    monkeypatch.setattr(machine, "_PROCESSORS", tmp_path / "none")
    assert machine.processor.__wrapped__()


def test_gpus_are_named_with_their_driver(monkeypatch):
    printed = b"NVIDIA H100 80GB HBM3, 550.54.15\nNVIDIA H100 80GB HBM3, 550.54.15\nNVIDIA A10, 550.54.15\n"
    done = subprocess.CompletedProcess([], 0, printed)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    assert machine.gpu.__wrapped__() == "NVIDIA H100 80GB HBM3, driver 550.54.15; NVIDIA A10, driver 550.54.15"


def test_threads_and_switches_are_those_of_this_process():
    torch = pytest.importorskip("torch")
    before, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    try:
        torch.set_num_threads(2)
        torch.set_float32_matmul_precision("high")
        torch.use_deterministic_algorithms(True)
        assert machine.threads() == 2
        assert {"matmul=high", "deterministic=true"} <= set(machine.precision_switches().split())
    finally:
        torch.set_num_threads(before)
        torch.set_float32_matmul_precision(precision)
        torch.use_deterministic_algorithms(False)
    assert {f"matmul={precision}", "deterministic=false"} <= set(machine.precision_switches().split())


def test_a_switch_that_torch_does_not_tell_is_unknown(monkeypatch):
    torch = pytest.importorskip("torch")

    def mixed():
        raise RuntimeError("set through the newer interface")

    monkeypatch.setattr(torch, "get_float32_matmul_precision", mixed)
    assert "matmul=unknown" in machine.precision_switches().split()


def test_a_process_without_torch_says_so_and_does_not_load_it():
    code = (
        "import sys; from scaling_lib.runs.records import Provenance; here = Provenance.here()\n"
        "print(here.threads, here.switches, 'torch' in sys.modules)"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.split() == [UNKNOWN, UNKNOWN, "False"]


@pytest.mark.parametrize(
    ("groups", "files", "cores"),
    [
        ("0::/a/b\n", {"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "max 100000\n"}, 3),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "250000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),  # half a core
        ("0::/elsewhere\n", {}, 6),
        (
            "2:cpuset:/\n1:cpu,cpuacct:/a\n0::/\n",
            {"cpu,cpuacct/a/cpu.cfs_quota_us": "400000\n", "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n"},
            4,
        ),
        (
            "1:cpu:/a\n",
            {"cpu/a/cpu.cfs_quota_us": "-1\n", "cpu/a/cpu.cfs_period_us": "100000\n", "cpu/cpu.max": "nonsense"},
            6,
        ),
        (None, {}, 6),
    ],
)
def test_cores_are_those_that_affinity_and_quotas_leave(tmp_path, monkeypatch, groups, files, cores):
    for name, text in files.items():
        path = tmp_path / "limits" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    listed = tmp_path / "cgroup"
    if groups is not None:
        listed.write_text(groups)
    monkeypatch.setattr(machine, "_GROUP", listed)
    monkeypatch.setattr(machine, "_QUOTAS", tmp_path / "limits")
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda process: set(range(6)), raising=False)
    assert machine.cores() == cores


def test_cores_without_affinity_are_the_machines(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_GROUP", tmp_path / "none")
    monkeypatch.delattr(machine.os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 5)
    assert machine.cores() == 5
