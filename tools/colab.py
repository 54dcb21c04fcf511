"""`make colab`: the chapters as Colab runs them, with the packages that Colab publishes.

    python -m tools.colab --python python3.13 [--smoke] [--into FOLDER]

An environment of that Python gets the set's packages, then the wheel of this tree as the first cell installs it:
what is there stays as it is. A stub stands for `google.colab`, each chapter lies alone in an empty folder, and no
source tree is found. All chapters are executed under the profile recorded, without torch; with --smoke two of them
train as well.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import nbformat

from tools.chapters import ROOT, execute
from tools.installed import build_wheel, fresh_environment, interpreter, run

# Of each Python that Colab has had: what its published list of packages says of those that a chapter touches.
SETS: Mapping[str, Mapping[str, str]] = {
    "3.12": {"numpy": "2.0.2", "pandas": "2.2.2"},
    "3.13": {
        "numpy": "2.1.3",
        "scipy": "1.16.3",
        "pandas": "2.2.3",
        "matplotlib": "3.10.0",
        "networkx": "3.6.1",
        "pyarrow": "18.1.0",
        "ipython": "7.34.0",
        "ipykernel": "6.17.1",
        "traitlets": "5.7.1",
    },
}
# These two train under smoke: the first one, and the one that trains most.
TRAIN = ("00-the-thread", "02-transformers-sp-mup")
# What a kernel sees of Colab: that the package is there, and a Drive that cannot be mounted.
STUB = {
    "google/__init__.py": "",
    "google/colab/__init__.py": "from google.colab import drive, output\n",
    "google/colab/drive.py": "def mount(path, **options):\n    raise ValueError('mount failed: this is no Colab')\n",
    "google/colab/output.py": "def enable_custom_widget_manager():\n    pass\n",
}


def interpreter_of_a_set(python: str) -> tuple[str, str]:
    """What runs under that name, and its version; exits where Colab has no set of that version."""
    path, version = interpreter(python)
    if version not in SETS:
        sys.exit(f"{python} is Python {version}, and Colab's sets are of {' and '.join(SETS)}: name one of these.")
    return path, version


def pins(version: str) -> list[str]:
    """The packages of a set as pip reads them."""
    return [f"{name}=={release}" for name, release in SETS[version].items()]


def pinned_torch() -> str:
    """The torch of `constraints.txt`: Colab brings its own, which changes too often to be listed."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    return next(line for line in lines if line.startswith("torch=="))


def write_stub(folder: Path) -> Path:
    """Write the stub of `google.colab` below `folder`, for PYTHONPATH."""
    for name, text in STUB.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def make_environment(folder: Path, python: str, version: str) -> Path:
    """An environment with the set, the wheel and what executes notebooks; its interpreter. Exits with what pip said."""
    inside, pip = fresh_environment(folder, python)
    kernel = ["ipykernel", "ipython"]
    run([*pip, *pins(version), *(name for name in kernel if name not in SETS[version])])
    # As the first cell does: what is installed is a constraint.
    kept = folder / "pins.txt"
    kept.write_text("\n".join(pins(version)) + "\n", encoding="utf-8")
    wheel = build_wheel(folder)
    run([*pip, "-c", str(kept), str(wheel), "papermill"])
    run([str(inside), "-m", "pip", "check"])
    return inside


def differing(python: Path, version: str) -> list[str]:
    """What of the set is not installed as it says: the installation moved it."""
    code = "from importlib.metadata import version; import sys; print(*map(version, sys.argv[1:]))"
    names = list(SETS[version])
    installed = subprocess.check_output([str(python), "-c", code, *names], text=True).split()
    return [
        f"{name} {there}, not {SETS[version][name]}"
        for name, there in zip(names, installed, strict=True)
        if there != SETS[version][name]
    ]


def not_on_colab(notebooks: list[Path]) -> list[str]:
    """The chapters that did not see that they run on Colab."""
    said = {path.stem: str(nbformat.read(path, as_version=4)) for path in notebooks}
    return [name for name, text in said.items() if "Running on Colab" not in text]


def main() -> None:
    parser = argparse.ArgumentParser(description="Execute the chapters with Colab's published packages.")
    parser.add_argument("--python", default="python3.13", help=f"an interpreter of {' or '.join(SETS)}")
    parser.add_argument("--smoke", action="store_true", help="install torch and train two chapters as well")
    parser.add_argument("--into", type=Path, default=ROOT / "_build", help="the folder that gets colab-VERSION")
    arguments = parser.parse_args()
    given, version = interpreter_of_a_set(arguments.python)
    folder = arguments.into.resolve() / f"colab-{version}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"Installing Colab's set for Python {version} and the wheel into {folder}: minutes.", flush=True)
    python = make_environment(folder, given, version)
    if moved := differing(python, version):
        sys.exit(f"The installation changed what Colab brings ({'; '.join(moved)}): loosen pyproject.toml.")
    with tempfile.TemporaryDirectory() as away:  # no source tree above it
        variables = {"PYTHONPATH": str(write_stub(folder / "stub"))}
        print("Executing every chapter under the profile recorded.", flush=True)
        executed = execute(Path(away) / "recorded", "recorded", inject=False, python=python, variables=variables)
        if arguments.smoke:
            print("Installing torch, then training two chapters: minutes.", flush=True)
            pip = [str(python), "-m", "pip", "install", "-qq", "-c", str(folder / "pins.txt")]
            run([*pip, pinned_torch(), "safetensors"])
            where = Path(away) / "smoke"
            executed += execute(where, "smoke", inject=True, python=python, variables=variables, only=TRAIN)
        if unaware := not_on_colab(executed):
            sys.exit(f"These chapters do not see that they run on Colab: {', '.join(unaware)}.")
    print(f"Colab's set for Python {version}: {len(executed)} execution(s) without an error.")


if __name__ == "__main__":
    main()
