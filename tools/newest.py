"""`make newest`: the library with the newest version of everything that it needs, before readers meet them.

    python -m tools.newest [--python python3.13] [--into FOLDER]

`constraints.txt` says what the book was made with; `pip install` takes what is newest on the day. So an environment
gets the wheel of this tree without constraints, every chapter is executed under the profile recorded, away from the
source tree, and the tests of the floors that need no torch are run. Torch and BeautifulSoup are not installed: what
needs them is skipped, and pytest names the reason. Versions change by the day, so this is no part of `make test`.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.chapters import ROOT, execute
from tools.installed import build_wheel, fresh_environment, interpreter, run

NOT_INSTALLED = ("torch", "bs4")
FLOORS = ("tests/data", "tests/fits", "tests/pages")
# What executes notebooks, what the tests import, and what the tools import that they call.
BESIDE = ("papermill", "ipykernel", "ipython", "jupytext", "nbformat", "jinja2", "pyyaml", "packaging", "setuptools")
TESTS = ("pytest", "hypothesis", "beartype", "threadpoolctl", "playwright")


def make_environment(folder: Path, python: str) -> Path:
    """An environment with the wheel and the newest of what it and its tests need; its interpreter. Exits with what pip
    said."""
    inside, pip = fresh_environment(folder, interpreter(python)[0])
    run([*pip, f"{build_wheel(folder)}[text]", *BESIDE, *TESTS])
    run([str(inside), "-m", "pip", "check"])
    return inside


def pytest_command(python: Path) -> list[str]:
    """pytest over the floors, skipping what needs a package that is not installed."""
    lacking = [part for package in NOT_INSTALLED for part in ("--may-lack", package)]
    chosen = ["-m", "not book and not slow", *lacking, "-rfEs", "-q", "-p", "no:cacheprovider"]
    return [str(python), "-m", "pytest", *FLOORS, *chosen]


def main() -> None:
    parser = argparse.ArgumentParser(description="Execute and test with the newest version of every dependency.")
    parser.add_argument("--python", default="python3.13", help="an interpreter, 3.11 or newer")
    parser.add_argument("--into", type=Path, default=ROOT / "_build", help="the folder that gets newest")
    arguments = parser.parse_args()
    folder = arguments.into.resolve() / "newest"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"Installing the newest of everything and the wheel into {folder}: minutes.", flush=True)
    python = make_environment(folder, arguments.python)
    print(subprocess.check_output([str(python), "-m", "pip", "list", "--format=freeze"], text=True), flush=True)
    with tempfile.TemporaryDirectory() as away:  # no source tree above it
        print("Executing every chapter under the profile recorded.", flush=True)
        executed = execute(Path(away) / "recorded", "recorded", inject=False, python=python)
    print(f"{len(executed)} chapters without an error. Testing {', '.join(FLOORS)}.", flush=True)
    sys.exit(subprocess.run(pytest_command(python), cwd=ROOT, check=False).returncode)


if __name__ == "__main__":
    main()
