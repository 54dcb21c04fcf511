"""`make capstone SEED=...`: the capstone "One shot" as an assignment, marked by make grade as any other.

    assignments/one-shot/one-shot.ipynb     for students; assignment.json and gradescope.zip: keep them

`make student` writes the notebooks of both capstones without a label, notebooks/capstones/*.ipynb, for practice, and
what four strategies score over forty worlds into book/capstones.md.
"""

import argparse
import secrets
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from coursework.capstone.table import Standing, standings
from scaling_lib.coursework.capstone.marking import PARTS, OneShot
from scaling_lib.coursework.grading import FORMAT, SHORTEST_SECRET
from scaling_lib.errors import InvalidArgument
from tools.chapters import NOTEBOOKS, ROOT, SOURCES, from_source, sources
from tools.classroom.assignment import FOLDER, IMPORTS, KEPT, shown, written
from tools.classroom.student import tags_of, text

__all__ = ["CAPSTONES", "capstone_notebook", "capstone_sources"]

CAPSTONES = NOTEBOOKS / "capstones"
PAGE = ROOT / "book" / "capstones.md"
BEGIN, END = "% standings: written by make student\n", "% end of standings\n"
ONE_SHOT = "one-shot"


def capstone_sources() -> list[Path]:
    """The sources of the capstones."""
    return sorted((SOURCES / "capstones").glob("*.py"))


@cache
def _setup() -> NotebookNode:
    """The cell that finds or installs the library: that of the chapters."""
    return next(cell for cell in from_source(sources()[0]).cells if "setup" in tags_of(cell))


def capstone_notebook(source: Path, label: str = "") -> NotebookNode:
    """A capstone's notebook without outputs. label: of the assignment that it is handed in for; "" for none."""
    notebook = from_source(source)
    notebook.cells.insert(1, nbformat.from_dict({**_setup(), "id": f"{source.stem}-setup"}))
    if label:
        line = IMPORTS.format(label=label, form=FORMAT).splitlines()[-1]
        notebook.cells.insert(2, nbformat.v4.new_code_cell(line, id="imports", metadata={"tags": ["imports"]}))
        notebook.metadata["scaling_lab"] = {"assignment": label, "format": FORMAT}
    return notebook


def table_of(found: Sequence[Standing]) -> str:
    """What strategies score, in Markdown."""
    head = "| strategy | loss, of 40 | forecast, of 40 | outcome inside its interval |"
    lines = [head, "| --- | ---: | ---: | ---: |"]
    lines += [
        f"| **{one.strategy.name}** {one.strategy.lesson} | {one.loss:.0f} | {one.forecast:.0f} "
        f"| {100 * one.inside:.0f} % |"
        for one in found
    ]
    return "\n".join(lines)


def write_for_practice() -> None:
    """Write notebooks/capstones, and what the strategies score into the book's page."""
    before, _, others = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = others.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{table_of(standings())}\n\n{END}{after}", encoding="utf-8")
    CAPSTONES.mkdir(exist_ok=True)
    for source in capstone_sources():
        place = CAPSTONES / f"{source.stem}.ipynb"
        place.write_text(text(capstone_notebook(source)), encoding="utf-8")
        print(f"  notebooks/capstones/{place.name}: {place.stat().st_size / 1000:.0f} kB")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make an assignment of the capstone One shot.")
    parser.add_argument("--seed", default="", help=f"the secret, {SHORTEST_SECRET} characters or more; '' draws one")
    parser.add_argument("--name", default="", help="added to the label, such as autumn-2026")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=argparse.SUPPRESS)
    parser.add_argument("--practice", action="store_true", help="write notebooks/capstones instead")
    given = parser.parse_args(arguments)
    if given.practice:
        write_for_practice()
        return
    try:
        label = ONE_SHOT + (f"-{given.name}" if given.name else "")
        made = OneShot(label, given.seed or secrets.token_urlsafe(18))
        (source,) = (source for source in capstone_sources() if source.stem == ONE_SHOT)
        place = written(capstone_notebook(source, label), made, given.folder)
    except InvalidArgument as error:
        sys.exit(str(error))
    print(f"{made.worlds} hidden worlds, {sum(part.points for part in PARTS)} points, and 20 that you give a report.")
    print(f"  give to students: {shown(place / f'{label}.ipynb')}")
    print(f"  keep to yourself: {shown(place / KEPT)} (the secret), {shown(place / 'gradescope.zip')}")
    print(f"  then: make grade ASSIGNMENT={shown(place)} SUBMISSIONS=the folder of their notebooks")


if __name__ == "__main__":
    main()
