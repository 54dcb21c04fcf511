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


WRITTEN = {"top": AT_THE_TOP, "inside": INSIDE, "fixture": IN_A_FIXTURE, "ours": OURS}


@pytest.mark.parametrize(("options", "skipped"), [(("absent_package",), 4), (("torch",), 0), ((), 0)])
def test_only_what_lacks_a_package_that_was_named_is_skipped(tmp_path, options, skipped):
    for name, text in WRITTEN.items():
        (tmp_path / f"test_{name}.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    command += ["--continue-on-collection-errors", *(f"--may-lack={package}" for package in options)]
    done = subprocess.run([*command, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    if skipped:
        assert f"{skipped} skipped" in done.stdout
        assert "absent_package is not installed" in done.stdout
        assert done.returncode in (0, 5)
    else:
        assert "2 failed, 2 errors" in done.stdout  # one file is not read, one test is not set up
        assert "skipped" not in done.stdout


def test_the_floors_that_are_tested_are_there():
    command = newest.pytest_command(ROOT / "python")
    assert all((ROOT / part).is_dir() for part in command if part.startswith("tests/"))
    assert [command[index + 1] for index, part in enumerate(command) if part == "--may-lack"] == ["torch", "bs4"]


def test_an_interpreter_that_is_absent_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(SystemExit, match="no-such-python does not run: install it"):
        newest.make_environment(tmp_path, "no-such-python")
