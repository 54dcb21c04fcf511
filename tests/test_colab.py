"""The parts of `make colab` that need neither a network nor another Python."""

import subprocess
import sys

import nbformat
import pytest
from packaging.requirements import Requirement

from tests.test_setup import PROJECT
from tools import colab
from tools.chapters import ROOT, sources
from tools.installed import interpreter


@pytest.mark.parametrize("version", colab.SETS)
def test_what_colab_brings_is_new_enough_for_the_library(version):
    """Otherwise pip would replace it, and a reader would have to restart the runtime."""
    wanted = {Requirement(text).name: Requirement(text).specifier for text in PROJECT["dependencies"]}
    for name, release in colab.SETS[version].items():
        if name in wanted:
            assert wanted[name].contains(release), name


def test_an_interpreter_that_is_absent_or_too_old_is_refused_in_a_sentence():
    with pytest.raises(SystemExit, match="no-such-python does not run: install it"):
        colab.interpreter_of_a_set("no-such-python")
    if "{}.{}".format(*sys.version_info) not in colab.SETS:
        with pytest.raises(SystemExit, match=r"Colab's sets are of 3\.12 and 3\.13"):
            colab.interpreter_of_a_set(sys.executable)


def test_a_version_that_pyenv_has_but_has_not_chosen_is_found(tmp_path, monkeypatch):
    inside = tmp_path / "versions" / "3.0.1" / "bin" / "python3.0"
    pyenv, shim = tmp_path / "shims" / "pyenv", tmp_path / "shims" / "python3.0"
    for path, text in (
        (inside, f'exec {sys.executable} "$@"'),
        (shim, "echo no such command >&2; exit 127"),
        (pyenv, f"case $1 in whence) echo 3.0.1;; prefix) echo {inside.parents[1]};; esac"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(shim.parent))
    assert interpreter("python3.0") == (str(inside), "{}.{}".format(*sys.version_info))


def test_the_stub_is_what_the_library_takes_for_colab(tmp_path):
    code = (
        "from scaling_lib.environment import place; print(place())\n"
        "from google.colab import drive\n"
        "try:\n    drive.mount('/content/drive')\n"
        "except ValueError as error:\n    print(error)\n"
    )
    path = f"{colab.write_stub(tmp_path)}:{ROOT}"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["colab", "mount failed: this is no Colab"], done.stderr


def test_a_package_that_the_installation_moved_is_named(monkeypatch):
    here = {"numpy": "0.0.1", "packaging": __import__("packaging").__version__}
    monkeypatch.setattr(colab, "SETS", {"3.0": here})
    (line,) = colab.differing(sys.executable, "3.0")
    assert line.startswith("numpy ")
    assert line.endswith(", not 0.0.1")


def test_a_chapter_that_does_not_see_colab_is_named(tmp_path):
    for name, said in (("one", "Running on Colab, CPU"), ("two", "Running on this machine")):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(said)])
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    assert colab.not_on_colab(sorted(tmp_path.glob("*.ipynb"))) == ["two"]


def test_two_chapters_train():
    assert set(colab.TRAIN) < {source.stem for source in sources()}
