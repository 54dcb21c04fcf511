"""Runs that a script of one's own logs: the file, its errors, and the lines that the book tells readers to write."""

import json
import re
import shlex
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from scaling_lib.cli import app
from scaling_lib.errors import InvalidArgument, InvalidData
from scaling_lib.fits.tables import append_run, read_table
from tools.chapters import ROOT

PAGES = ("README.md", "book/how-to-use.md")


def log(path, **changed):
    return append_run(path, **({"N": 1e6, "D": 2e7, "loss": 3.25, "more": {"seed": 0}} | changed))


def quick_start(page):
    """The Python lines and the command of a page's section."""
    section = (ROOT / page).read_text(encoding="utf-8").partition("## Log your own runs\n")[2].partition("\n## ")[0]
    script, command = (re.search(rf"```{kind}\n(.*?)```", section, re.DOTALL)[1] for kind in ("python", "bash"))
    return script, command.strip()


def test_the_quick_start_runs_as_it_is_printed(tmp_path, monkeypatch):
    """Nine runs of a planted law, logged by the printed lines, are fitted by the printed command. Both pages print the
    same ones."""
    monkeypatch.chdir(tmp_path)
    first, second = map(quick_start, PAGES)
    assert first == second
    script, command = first
    for size in (2e6, 8e6, 32e6):
        for steps in (1_000, 4_000, 16_000):
            tokens = steps * 32 * 1_000
            for seed in (0, 1):
                loss = (1.7 + 400 * size**-0.34 + 2000 * tokens**-0.37) * (1 + 1e-6 * (2 * seed - 1))
                model = SimpleNamespace(parameters=lambda size=size: [SimpleNamespace(numel=lambda: int(size))])
                exec(script, {"model": model, "steps": steps, "batch_size": 32, "context": 1_000, "seed": seed,
                              "held_out_loss": loss})  # fmt: skip
    assert len(read_table(tmp_path / "runs.csv")) == 18
    name, *arguments = shlex.split(command)
    assert name == "scaling-lab"
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    fitted = json.loads(done.stdout)
    assert fitted["n"] == 9
    assert fitted["params"]["alpha"] == pytest.approx(0.34, rel=1e-3)
    assert fitted["params"]["beta"] == pytest.approx(0.37, rel=1e-3)
    assert fitted["params"]["E"] == pytest.approx(1.7, rel=1e-3)


def test_a_row_is_added_and_earlier_ones_stay(tmp_path):
    path = log(tmp_path / "runs.csv", more={"seed": 0, "name": 'a "b", c'})
    before = path.read_bytes()
    log(path, loss=3.0, more={"seed": 1, "name": "d"})
    assert path.read_bytes().startswith(before)
    table = read_table(path)
    assert table["loss"].tolist() == [3.25, 3.0]
    assert table["name"].tolist() == ['a "b", c', "d"]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"loss": float("nan")}, "loss"),
        ({"loss": 0.0}, "loss"),
        ({"N": -1.0}, "N"),
        ({"D": "many"}, "D"),
        ({"more": {"seed": None}}, r"more\['seed'\]"),
        ({"more": {"loss": 1.0}}, "more"),
        ({"more": {"seed": 0, "rate": 0.1}}, "path must name a file with the columns N, D, loss, seed, rate"),
    ],
)
def test_what_is_no_run_is_refused_and_the_file_stays(tmp_path, changed, named):
    path = log(tmp_path / "runs.csv")
    before = path.read_bytes()
    with pytest.raises(InvalidArgument, match=named):
        log(path, **changed)
    assert path.read_bytes() == before


def test_a_line_that_was_cut_off_is_not_written_on(tmp_path):
    path = log(tmp_path / "runs.csv")
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InvalidData, match=r"'runs.csv', cut off"):
        log(path)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InvalidArgument, match="path must be a file in a writable folder"):
        log(tmp_path)
