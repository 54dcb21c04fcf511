"""The package as others get it: built as a wheel and installed in an environment of its own, away from the source tree.

    python -m tools.installed --into FOLDER

An editable install, which is what we work with, finds every file of the tree, whether the wheel holds it or not. So
the chapters that `make test` executes as published run on the wheel.
"""

import argparse
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tools.chapters import ROOT


def install(folder: Path) -> Path:
    """Build the wheel and install it in `folder`; the environment's interpreter. Exits with what pip or build said.

    The environment sees our dependencies, through a .pth file that adds their folder alone: the editable install of
    this repository is itself a .pth file in that folder, and stays out.
    """
    shutil.rmtree(folder, ignore_errors=True)
    environment, wheel = folder / "environment", build_wheel(folder)
    run([sys.executable, "-m", "venv", "--without-pip", str(environment)])
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    run([*pip, "install", "-qq", "--no-deps", "--no-index", str(wheel)])
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    wheel.unlink()
    return python


def interpreter(python: str) -> tuple[str, str]:
    """What runs under that name, and its version ("3.13"). A name that the shims of pyenv know, but do not run while
    another version is chosen, is looked up in pyenv. Exits, and says how to get one, where there is none."""
    if version := _version_of(python):
        return python, version
    for release in _said(["pyenv", "whence", python]).split()[-1:]:
        path = str(Path(_said(["pyenv", "prefix", release])) / "bin" / python)
        if version := _version_of(path):
            return path, version
    sys.exit(f"{python} does not run: install it (pyenv install 3.13), or name another: COLAB_PYTHON=/path/to/python.")


def _version_of(python: str) -> str:
    return _said([python, "-c", "import sys; print('.'.join(map(str, sys.version_info[:2])))"])


def _said(command: list[str]) -> str:
    """What a command printed; "" where it is absent or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def fresh_environment(folder: Path, python: str) -> tuple[Path, list[str]]:
    """An empty environment of that Python in `folder`; its interpreter, and the command that installs into it."""
    run([python, "-m", "venv", str(folder / "environment")])
    inside = folder / "environment" / "bin" / "python"
    return inside, [str(inside), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]


def build_wheel(folder: Path) -> Path:
    """Build the wheel from a copy of the tree; the file, in `folder`. Exits with what build said."""
    source = folder / "source"
    shutil.copytree(ROOT / "scaling_lib", source / "scaling_lib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", str(source)])
    (built,) = (source / "dist").glob("*.whl")
    wheel = Path(shutil.move(built, folder / built.name))
    shutil.rmtree(source)
    return wheel


def run(command: list[str]) -> None:
    """Run a command; exits with what it said where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Install the wheel in an environment of its own.")
    parser.add_argument("--into", type=Path, required=True, help="the environment goes to FOLDER/environment")
    print(f"The wheel is installed for {install(parser.parse_args().into)}.")


if __name__ == "__main__":
    main()
