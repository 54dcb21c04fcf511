"""`make book`: execute every chapter afresh, stage a copy of the book's sources, render it with warnings fatal.

    python -m tools.book [--profile recorded] [--into FOLDER] [--installed] [--at-once 2] [--only CHAPTER ...]

Everything is written below FOLDER/_build (default: the repository's): run-*/ holds the executed notebooks and the
stores this invocation filled, installed/ (with --installed) the environment that executed them, stage/ what Jupyter
Book reads, html/ the pages.
"""

import argparse
import ast
import copy
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode

from scaling_lib.runs.sweeping.experiments import PROFILES
from tools.chapters import AT_ONCE, ROOT, execute, sources, without_colours
from tools.installed import install
from tools.pages.filling import fill_pages

SECONDS = {"recorded": 15, "smoke": 40}  # expected for a chapter, on one core
RENDERING = 60


def staged(executed: NotebookNode) -> NotebookNode:
    """The notebook as Jupyter Book should read it: each figure in a cell of its own that carries caption and alt text.

    MyST-NB reads caption, label and alt text from the cell's metadata, and makes a figure of every output of that
    cell; a chapter gives them to `figures.show`, which writes them in the metadata of the one output they belong to.
    Imports are folded on the page, so that a reader comes from the question to the answer without them.
    """
    notebook = copy.deepcopy(executed)
    notebook.cells = []
    for cell in executed.cells:
        notebook.cells.append(copy.deepcopy(cell))
        if cell.cell_type != "code":
            continue
        if _only_imports(cell.source):
            tags = notebook.cells[-1].metadata.get("tags", [])
            notebook.cells[-1].metadata["tags"] = sorted({*tags, "hide-input"})
        outputs, notebook.cells[-1].outputs = cell.outputs, []
        for output in outputs:
            figure = output.get("metadata", {}).get("scaling_lib")
            if figure:
                notebook.cells.append(_outputs_only(cell, len(notebook.cells)))
                notebook.cells[-1].metadata["mystnb"] = {
                    "figure": {"name": figure["name"], "caption": figure["caption"]},
                    "image": {"alt": figure["alt"], "classes": "dark-light"},
                }
            elif notebook.cells[-1].metadata.get("mystnb", {}).get("figure"):
                notebook.cells.append(_outputs_only(cell, len(notebook.cells)))
            notebook.cells[-1].outputs.append(output)
    return notebook


def _only_imports(source: str) -> bool:
    """Whether a cell brings names and nothing else, but for the one line that begins the session."""
    lines = ast.parse(source).body
    begins = [line for line in lines if isinstance(line, ast.Assign) and ast.unparse(line) == "lab = begin(profile)"]
    imports = [line for line in lines if isinstance(line, ast.Import | ast.ImportFrom)]
    return len(imports) > 0 and len(imports) + len(begins) == len(lines)


def _outputs_only(cell: NotebookNode, index: int) -> NotebookNode:
    tags = [tag for tag in cell.metadata.get("tags", []) if tag != "hide-input"]
    return nbformat.v4.new_code_cell(
        "# the output of the cell above",  # MyST-NB drops cells without source
        execution_count=cell.execution_count,
        id=f"{cell.id[:50]}-{index}",
        metadata={"tags": sorted({*tags, "remove-input"})},
    )


def stage(executed: list[Path], folder: Path) -> None:
    """Copy what Jupyter Book reads into `folder`, the ledger's pages filled."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "book", folder / "book", ignore=shutil.ignore_patterns("__pycache__"))
    fill_pages(folder / "book", executed)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, folder)
    (folder / "notebooks").mkdir()
    for path in executed:
        nbformat.write(staged(nbformat.read(path, as_version=4)), folder / "notebooks" / path.name)


def render(folder: Path, executed: list[Path], build: Path) -> None:
    """Render the staged sources to `build/html`; exits with the warnings where there are any."""
    shutil.rmtree(build / "html", ignore_errors=True)
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(folder)]
    done = subprocess.run(
        [*command, "--path-output", str(build.parent), "--all", "-W", "-n", "--keep-going"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        log = build / "render.log"
        log.write_text(without_colours(done.stdout).replace(f"{folder}/", ""), encoding="utf-8")
        lines = log.read_text(encoding="utf-8").splitlines()
        worst = [line for line in lines if re.search("WARNING|ERROR|Error:", line)] or lines[-40:]
        sys.exit("\n".join(["", "The book did not render:", *dict.fromkeys(worst), "", f"The whole log: {log}"]))
    _front_door(build / "html")
    for path in executed:  # what the download button gives: the notebook as executed, not as staged
        shutil.copyfile(path, build / "html" / "_sources" / "notebooks" / path.name)


def _front_door(html: Path) -> None:
    """Jupyter Book's index.html is a bare redirect without an icon, for which browsers ask the server's root: an error
    404 in the console, when they are fast enough."""
    first = f"{yaml.safe_load((ROOT / '_toc.yml').read_text(encoding='utf-8'))['root']}.html"
    title = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["title"]
    lines = [
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        '<link rel="icon" href="_static/favicon.svg" type="image/svg+xml">',
        f'<link rel="canonical" href="{first}"><meta http-equiv="refresh" content="0; url={first}"></head>',
        f'<body><a href="{first}">To the book</a></body></html>',
    ]
    (html / "index.html").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Execute every chapter afresh and render the book.")
    parser.add_argument("--profile", choices=PROFILES, default="recorded")
    parser.add_argument("--into", type=Path, default=ROOT, help="folder whose _build is written")
    parser.add_argument(
        "--installed", action="store_true", help="execute the chapters on the wheel, in an environment of its own"
    )
    names = [source.stem for source in sources()]
    parser.add_argument("--only", nargs="+", choices=names, default=[], help="execute these and render nothing")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="how many chapters are executed at a time")
    arguments = parser.parse_args()
    build = arguments.into.resolve() / "_build"
    begun = time.monotonic()

    profile, at_once = arguments.profile, arguments.at_once
    chapters = arguments.only or names
    rounds = -(-len(chapters) // at_once)
    expected = f"about {rounds * SECONDS[profile]} s" if profile in SECONDS else "each says how long it takes"
    print(
        f"Executing {len(chapters)} chapter(s) afresh, profile {profile}, {at_once} at a time: {expected}.", flush=True
    )
    for old in build.glob("run-*"):
        shutil.rmtree(old)
    shutil.rmtree(build / "installed", ignore_errors=True)
    python = install(build / "installed") if arguments.installed else None
    run = build / f"run-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    executed = execute(run, profile, inject=True, python=python, at_once=at_once, only=chapters)

    if arguments.only:
        print(f"Done in {time.monotonic() - begun:.0f} s. The notebooks are in {run}")
        return
    print(f"Rendering the pages, warnings fatal: about {RENDERING} s.", flush=True)
    stage(executed, build / "stage")
    render(build / "stage", executed, build)
    print(f"Done in {time.monotonic() - begun:.0f} s. Open {build / 'html' / 'index.html'}")


if __name__ == "__main__":
    main()
