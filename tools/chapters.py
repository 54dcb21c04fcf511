"""Chapters: from the sources people edit to notebooks, and their execution.

`notebooks/src/NN-name.py` (py:percent) is the source. A notebook is derived from it, never the other way round. Every
execution in this project, for the book, the tests and the committed notebooks, is papermill's, in a process of its own
with one thread, in an empty folder, so that a relative path in a chapter fails at once.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

import jupytext
import nbformat
import yaml
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
SOURCES = NOTEBOOKS / "src"
AT_ONCE = 2
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}


def sources() -> list[Path]:
    """The chapters' sources, in the order of the book."""
    return sorted(SOURCES.glob("[0-9][0-9]-*.py"))


def trains(source: Path) -> bool:
    """Whether a chapter trains models under the profiles that do."""
    return re.search(r"\blab\.(own|train)\(", source.read_text(encoding="utf-8")) is not None


def contents(root: Path = ROOT) -> list[str]:
    """Every page of the book, as _toc.yml names it, in the order of the book; a page before those below it."""

    def below(entry: dict) -> list[str]:
        return [entry["file"], *(page for section in entry.get("sections", ()) for page in below(section))]

    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(page for part in toc["parts"] for entry in part["chapters"] for page in below(entry))]


def longest_first(files: list[Path]) -> list[Path]:
    """The files by size, largest first: so that two workers end at about the same time."""
    return sorted(files, key=lambda file: file.stat().st_size, reverse=True)


def from_source(source: Path) -> NotebookNode:
    """The notebook of a source, without outputs; cell ids come from the file's name and the cell's place."""
    notebook = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    for index, cell in enumerate(notebook.cells):
        cell["id"] = f"{source.stem}-{index:02d}"
    accelerator = {key: value for key, value in notebook.metadata.items() if key == "accelerator"}
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": LANGUAGE,
            "colab": {"provenance": [], "toc_visible": True},
            **accelerator,
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def clean(notebook: NotebookNode) -> NotebookNode:
    """In place: without times, machine paths and the noise of an execution."""
    notebook.metadata.pop("papermill", None)
    notebook.metadata["language_info"] = nbformat.from_dict(LANGUAGE)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        tags = cell.metadata.get("tags", [])
        if not tags:
            cell.metadata.pop("tags", None)
        if "injected-parameters" in tags and "remove-cell" not in tags:
            tags.append("remove-cell")
        if cell.cell_type == "code":
            cell.outputs = _merged(cell.outputs, keep_stderr="remove-stderr" not in tags)
    return notebook


def _merged(outputs: list[NotebookNode], keep_stderr: bool) -> list[NotebookNode]:
    """Neighbouring pieces of one stream as one piece: where they broke is a matter of timing."""
    merged: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream" and output.name == "stderr" and not keep_stderr:
            continue
        if merged and output.output_type == "stream" == merged[-1].output_type and output.name == merged[-1].name:
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def environment(profile: str, home: Path) -> dict[str, str]:
    """What a kernel sees: the profile, the folder of its stores, one thread, and nothing that hides figures."""
    chosen = {"SCALING_PROFILE": profile, "SCALING_HOME": str(home), "OMP_NUM_THREADS": "1"}
    return {key: value for key, value in os.environ.items() if key != "MPLBACKEND"} | chosen


def execute(
    folder: Path,
    profile: str,
    *,
    inject: bool,
    python: Path | None = None,
    variables: Mapping[str, str] = MappingProxyType({}),
    at_once: int = AT_ONCE,
    only: Sequence[str] = (),
) -> list[Path]:
    """Execute every chapter afresh, `at_once` at a time; the executed notebooks, cleaned, in `folder`.

    only: names of the chapters that are executed; all of them by default.
    inject: hand the profile over as papermill's parameter, which leaves a cell behind, as well as by SCALING_PROFILE.
    python: the interpreter that executes; ours by default. variables: set in the environment of the kernels as well.
    The stores and downloads of this execution lie in `folder/home`; `folder/library.txt` says where the interpreter
    found scaling_lib. Exits, with the error of every failed chapter.
    """
    interpreter = str(python or sys.executable)
    kernels = environment(profile, folder / "home") | dict(variables)
    parameters = ["-p", "profile", profile] if inject else []
    chosen = [source for source in sources() if not only or source.stem in only]
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)

    def one(source: Path) -> str | None:
        given, executed = scratch / source.with_suffix(".ipynb").name, folder / source.with_suffix(".ipynb").name
        nbformat.write(from_source(source), given)
        begun = time.monotonic()
        alone = scratch / source.stem
        alone.mkdir()
        command = [interpreter, "-m", "papermill", "-k", "python3", "--no-progress-bar", "--cwd", str(alone)]
        # Written once, at its end, whatever the end: to write it after each cell takes up to a quarter of the time.
        command.append("--no-request-save-on-cell-execute")
        done = subprocess.run(
            [*command, *parameters, str(given), str(executed)],
            cwd=alone,
            env=kernels,
            capture_output=True,
            text=True,
            check=False,
        )
        words = "done" if done.returncode == 0 else "FAILED"
        print(f"  {source.stem}: {words} after {time.monotonic() - begun:.0f} s", flush=True)
        if done.returncode:
            return _failure(executed, done.stderr)
        nbformat.write(clean(nbformat.read(executed, as_version=4)), executed)
        return None

    library = "import scaling_lib; print(scaling_lib.__file__)"
    place = subprocess.check_output([interpreter, "-c", library], cwd=scratch, env=kernels, text=True)
    (folder / "library.txt").write_text(place)
    with ThreadPoolExecutor(at_once) as workers:
        failures = [failure for failure in workers.map(one, longest_first(chosen)) if failure]
    if failures:
        sys.exit("\n\n".join(["", *failures]))
    return sorted(folder.glob("*.ipynb"))


def _failure(executed: Path, stderr: str) -> str:
    """What went wrong in a chapter, for a reader: the cell, its error, where to look."""
    cells = nbformat.read(executed, as_version=4).cells if executed.exists() else []
    for cell in cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                trace = without_colours("\n".join(output.traceback)).splitlines()
                shown = "\n".join(f"    {line}" for line in [*cell.source.splitlines()[:12], "", *trace[-25:]])
                return (
                    f"Cell {cell.id} failed with {output.ename}: {output.evalue}\n{shown}\n"
                    f"  The executed notebook: {executed}"
                )
    return f"{executed.stem}: could not be executed\n{stderr[-3000:]}"


def without_colours(text: str) -> str:
    """`text` without the codes that colour a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
