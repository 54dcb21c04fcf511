"""`make first-cell`: one text of the first code cell, written into every chapter's source and every committed notebook.

    python -m tools.first_cell

The cell finds the library or installs it. It is tagged `setup`, and nothing else of a source or a notebook is touched:
it has no output, so nothing needs to be executed again.
"""

import re
from pathlib import Path

import nbformat

from tools.address import branch, wanted
from tools.chapters import NOTEBOOKS, ROOT, SOURCES

# Lines of a chapter are at most 80 columns wide. What a machine brings is pinned by what `importlib.metadata` says is
# installed: `pip freeze` names a package that came from elsewhere by its address, and such a line pins nothing.
TEXT = """\
# Find the library, or install it from the book's repository; what this
# machine has of numpy, torch and the like is left exactly as it is.
import importlib.metadata
import importlib.util
import subprocess
import sys
import tempfile

if importlib.util.find_spec("scaling_lib") is None:
    source = "scaling-lab @ git+https://github.com/{repository}@{branch}"
    kept = ("numpy", "scipy", "pandas", "matplotlib", "pyarrow", "torch")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as pins:
        for name in kept:
            if importlib.util.find_spec(name) is not None:
                installed = importlib.metadata.version(name)
                pins.write(f"{{name}}=={{installed}}\\n")
        pins.flush()
        pip = [sys.executable, "-m", "pip", "install", "-q"]
        done = subprocess.run(
            [*pip, "-c", pins.name, source], capture_output=True, text=True
        )
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines()]
        blamed = [
            line
            for mark in ("fatal:", "ERROR:", "error:", "")
            for line in said
            if line.startswith(mark)
        ]
        reason = blamed[0] if blamed else "pip gave no reason"
        sys.exit(
            f"The library could not be installed ({{reason}}): check that this "
            f"machine reaches github.com and run this cell again, or run "
            f"`python {{' '.join(pip[1:])}} '{{source}}'` in a terminal."
        )
    importlib.invalidate_caches()
"""
CELL = re.compile(r'(?ms)^(# %% tags=\["setup"[^\n]*\n).*?(?=^# %%)')


def text(repository: str, tag: str = "main") -> str:
    """The cell. repository: "owner/name"; tag: of a release, or the branch."""
    return TEXT.format(repository=repository, branch=tag)


def in_source(source: str, cell: str) -> str:
    """A source with this first cell; as it is where it has none."""
    return CELL.sub(lambda match: f"{match[1]}{cell}\n", source)


def in_notebook(path: Path, cell: str) -> bool:
    """Write the cell into a notebook; whether anything changed."""
    notebook = nbformat.read(path, as_version=4)
    cells = [written for written in notebook.cells if "setup" in written.metadata.get("tags", [])]
    wanted_text = cell.rstrip("\n")
    if all(written.source == wanted_text for written in cells):
        return False
    for written in cells:
        written.source = wanted_text
    whole = nbformat.writes(notebook)
    # Students' notebooks end in a line end, executed ones do not.
    path.write_text(whole + ("\n" if path.read_text(encoding="utf-8").endswith("\n") else ""), encoding="utf-8")
    return True


def write(root: Path = ROOT) -> list[Path]:
    """Write the cell everywhere below `root`; the files that changed."""
    cell, changed = text(wanted(root), branch(root)), []
    notebooks, chapters = root / NOTEBOOKS.relative_to(ROOT), root / SOURCES.relative_to(ROOT)
    for path in sorted(chapters.glob("[0-9][0-9]-*.py")):
        before = path.read_text(encoding="utf-8")
        after = in_source(before, cell)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path)
    executed = [path for path in sorted(notebooks.rglob("*.ipynb")) if chapters not in path.parents]
    return changed + [path for path in executed if in_notebook(path, cell)]


def main() -> None:
    changed = write()
    for path in changed:
        print(f"  {path.relative_to(ROOT)}")
    print(f"{len(changed)} file(s) changed.")


if __name__ == "__main__":
    main()
