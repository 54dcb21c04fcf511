"""`make student`: notebooks/student/*.ipynb, the chapters without their solutions, from notebooks/src/*.py.

A student's notebook is its chapter with the cells tagged `solution` and `book-only` left out. A stub stays as it is, so
that every cell can be run from the start; below an exercise without a stub there is a cell for the answer in words.
"""

import nbformat
from nbformat import NotebookNode

from tools.chapters import NOTEBOOKS, ROOT, from_source, sources

STUDENT = NOTEBOOKS / "student"
LEFT_OUT = {"solution", "book-only"}
WELCOME = """*This is the student's notebook of a chapter: the solutions are left out, they stand in the book. Every
cell runs as it is. Where a function's body is `...`, write your own; the cell below it then says whether it is
right.*"""
ANSWER = "*Your answer:*"


def student_notebook(chapter: NotebookNode) -> NotebookNode:
    """A chapter's notebook, without outputs, as students get it."""
    notebook = nbformat.from_dict(dict(chapter))
    title, *others = chapter.cells
    notebook.cells = [title, nbformat.v4.new_markdown_cell(WELCOME, id=f"{title.id}-student")]
    with_stub = {key_of(cell) for cell in others if "stub" in tags_of(cell)}
    for cell in others:
        if LEFT_OUT & tags_of(cell):
            continue
        notebook.cells.append(cell)
        if "exercise" in tags_of(cell) and key_of(cell) not in with_stub:
            notebook.cells.append(nbformat.v4.new_markdown_cell(ANSWER, id=f"{cell.id}-answer"))
    return notebook


def tags_of(cell: NotebookNode) -> set[str]:
    """The tags of a cell."""
    return set(cell.metadata.get("tags", []))


def key_of(cell: NotebookNode) -> str:
    """The exercise that a cell belongs to; "" for none."""
    return next((tag.removeprefix("key:") for tag in tags_of(cell) if tag.startswith("key:")), "")


def text(notebook: NotebookNode) -> str:
    """The notebook as the committed file holds it."""
    return nbformat.writes(notebook) + "\n"


def main() -> None:
    STUDENT.mkdir(exist_ok=True)
    made = {STUDENT / f"{source.stem}.ipynb": text(student_notebook(from_source(source))) for source in sources()}
    for stale in set(STUDENT.glob("*.ipynb")) - set(made):
        stale.unlink()
    for path, written in made.items():
        path.write_text(written, encoding="utf-8")
        print(f"  {path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
