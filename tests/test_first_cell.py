"""The cell that finds or installs the library: one text, which says in one sentence what went wrong."""

import os
import re
import subprocess
import sys

import nbformat
import numpy
import pandas
import pytest

from tools import address, first_cell
from tools.chapters import from_source, sources

TEXT = first_cell.text("somebody/something")
# Stands for pip: writes down how it was called and what the constraints held, and ends as it is told.
PIP = """
import os, sys
call = sys.argv[1:]
with open(os.environ["CALL"], "w") as file:
    file.write("\\n".join([*call, open(call[call.index("-c") + 1]).read()]))
sys.stderr.write(os.environ["SAYS"])
sys.exit(int(os.environ["ENDS"]))
"""


def run(folder, ends, says=""):
    """Runs the cell where there is no library, with a pip of ours."""
    (folder / "pip").mkdir()
    (folder / "pip" / "__init__.py").touch()
    (folder / "pip" / "__main__.py").write_text(PIP)
    hide = (
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'scaling_lib' else find(name, *rest)\n"
    )
    told = {"CALL": str(folder / "call"), "ENDS": str(ends), "SAYS": says, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", hide + TEXT]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=os.environ | told, check=False)


def test_it_installs_from_the_repository_and_pins_what_is_there(tmp_path):
    done = run(tmp_path, 0)
    assert (done.returncode, done.stderr) == (0, "")
    call = (tmp_path / "call").read_text()
    assert "scaling-lab @ git+https://github.com/somebody/something@main" in call
    assert f"numpy=={numpy.__version__}\n" in call
    assert f"pandas=={pandas.__version__}\n" in call


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("noise\n  error: inside\nERROR: no matching distribution\nnotice\n", "ERROR: no matching distribution"),
        ("  error: in a part\n  fatal: unable to access\nnote: not pip\n", "fatal: unable to access"),
        ("killed\n", "killed"),
        ("", "pip gave no reason"),
    ],
)
def test_a_failure_is_one_sentence_with_the_remedy(tmp_path, says, reason):
    done = run(tmp_path, 1, says)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"could not be installed ({reason})" in done.stderr
    assert "run this cell again" in done.stderr
    assert "`python -m pip install -q 'scaling-lab @ git+https" in done.stderr


def test_it_fits_the_page():
    assert max(map(len, TEXT.splitlines())) <= 80


def test_it_is_written_into_sources_and_notebooks_and_nothing_else_changes(tmp_path):
    source = sources()[0]
    before = source.read_text()
    after = first_cell.in_source(before, TEXT)
    assert TEXT in after
    assert first_cell.in_source(after, TEXT) == after
    assert first_cell.in_source("# %%\nprint()\n", TEXT) == "# %%\nprint()\n"
    first, second = (text.partition('# %% tags=["setup"') for text in (before, after))
    assert first[0] == second[0]
    assert first[2].partition('# %% tags=["parameters"]')[2] == second[2].partition('# %% tags=["parameters"]')[2]

    path = tmp_path / "one.ipynb"
    nbformat.write(from_source(source), path)
    assert first_cell.in_notebook(path, TEXT)
    assert not first_cell.in_notebook(path, TEXT)
    kept, wanted = nbformat.read(path, as_version=4).cells, from_source(source).cells
    for one, other in zip(kept, wanted, strict=True):
        assert one.source == (TEXT.rstrip("\n") if "setup" in one.metadata.get("tags", []) else other.source)


def test_the_address_of_the_cell_follows_the_configuration():
    (pattern,) = [pattern for place, pattern in address.PLACES.items() if place.startswith("notebooks/src")]
    assert re.findall(pattern, TEXT) == ["somebody/something"]
