"""The parts of `make newest` that need no network: what is skipped for want of a package, and what is not."""

import subprocess
import sys

import pytest

from tools import newest
from tools.chapters import ROOT

AT_THE_TOP = "import absent_package\n\ndef test_anything():\n    pass\n"
INSIDE = "def test_anything():\n    import absent_package\n"
IN_A_FIXTURE = """
import pytest

@pytest.fixture
def made():
    import absent_package

def test_anything(made):
    pass
"""
OURS = """
from scaling_lib.errors import MissingDependency

def test_anything():
    raise MissingDependency("text needs the package absent_package: run `pip install it`.")
"""


def outcome(tmp_path, text, *options):
    path = tmp_path / "test_written.py"
    path.write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, *options, str(path)], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("text", [AT_THE_TOP, INSIDE, IN_A_FIXTURE, OURS], ids=["top", "inside", "fixture", "ours"])
def test_only_what_lacks_a_package_that_was_named_is_skipped(tmp_path, text):
    _, said = outcome(tmp_path, text, "--may-lack", "absent_package")
    assert "1 skipped" in said
    assert "absent_package is not installed" in said
    for options in ((), ("--may-lack", "torch")):
        status, said = outcome(tmp_path, text, *options)
        assert status != 0
        assert "skipped" not in said


def test_the_floors_that_are_tested_are_there():
    command = newest.pytest_command(ROOT / "python")
    assert all((ROOT / part).is_dir() for part in command if part.startswith("tests/"))
    assert [command[index + 1] for index, part in enumerate(command) if part == "--may-lack"] == ["torch", "bs4"]


def test_an_interpreter_that_is_absent_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(SystemExit, match="no-such-python does not run: install it"):
        newest.make_environment(tmp_path, "no-such-python")
