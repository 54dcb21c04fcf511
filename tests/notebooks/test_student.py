"""Students' notebooks: their chapters without the solutions, and every cell of them runs."""

import ast
import subprocess
import sys

import nbformat
import pytest

from tools import chapters
from tools.classroom import student

SOURCES = chapters.sources()


@pytest.fixture(params=SOURCES, ids=lambda path: path.stem)
def source(request):
    return request.param


def committed(source):
    return student.STUDENT / f"{source.stem}.ipynb"


def test_there_is_one_for_each_chapter():
    assert sorted(path.stem for path in student.STUDENT.glob("*.ipynb")) == [source.stem for source in SOURCES]


def test_it_is_what_its_source_says(source):
    derived = student.text(student.student_notebook(chapters.from_source(source)))
    assert committed(source).read_text(encoding="utf-8") == derived, "make student"


def test_it_is_a_valid_notebook_without_outputs(source):
    notebook = nbformat.read(committed(source), as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)


def test_no_line_of_a_solution_is_left(source):
    chapter = chapters.from_source(source)
    lines = {
        line.strip()
        for cell in chapter.cells
        if "solution" in student.tags_of(cell)
        for line in cell.source.splitlines()
        if len(line.strip()) > 25
    }
    text = "\n".join(cell.source for cell in nbformat.read(committed(source), as_version=4).cells)
    kept_lines = {line.strip() for line in text.splitlines()}
    shared = {
        line
        for cell in chapter.cells
        if "solution" not in student.tags_of(cell)
        for line in map(str.strip, cell.source.splitlines())
    }
    assert lines & kept_lines <= shared
    assert "<summary><b>Solution" not in text


def test_a_student_can_answer_every_exercise(source):
    """Each exercise is followed by a stub or by a cell for words."""
    cells = nbformat.read(committed(source), as_version=4).cells
    for place, cell in enumerate(cells):
        if "exercise" in student.tags_of(cell):
            following = cells[place + 1]
            assert following.source == student.ANSWER or "stub" in student.tags_of(following), cell.id


def assigned(tree: ast.AST) -> set[str]:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    modules = {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    return names | defined | modules


def read(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def test_no_cell_needs_what_a_solution_defines(source):
    so_far, in_solutions = set(), set()
    for cell in chapters.from_source(source).cells:
        if cell.cell_type != "code":
            continue
        tree = ast.parse(cell.source)
        if "solution" in student.tags_of(cell):
            in_solutions |= assigned(tree)
            continue
        so_far |= assigned(tree)
        assert read(tree) & in_solutions <= so_far, cell.id


def imports_of(cell) -> str:
    """What a cell imports, without the rest of it."""
    statements = ast.parse(cell.source).body
    return "\n".join(ast.unparse(node) for node in statements if isinstance(node, ast.Import | ast.ImportFrom))


def test_stubs_and_checks_work_with_nothing_but_what_is_imported(source, capsys):
    """What the whole notebook shows in `make test-all`: each check says that nothing was attempted."""
    names: dict[str, object] = {}
    for cell in nbformat.read(committed(source), as_version=4).cells:
        tags = student.tags_of(cell)
        if cell.cell_type == "code":
            exec(cell.source if {"stub", "check"} & set(tags) else imports_of(cell), names)
        said = capsys.readouterr().out
        assert ("Not attempted yet" in said) == ("check" in tags), cell.id


@pytest.mark.slow  # an execution of every chapter
@pytest.mark.parametrize("name", [source.stem for source in SOURCES])
def test_run_all_works(name, tmp_path):
    """No cell raises, and each check says that nothing was attempted."""
    executed = tmp_path / "executed.ipynb"
    command = [sys.executable, "-m", "papermill", "-k", "python3", "--no-progress-bar", "--cwd", str(tmp_path)]
    done = subprocess.run(
        [*command, str(student.STUDENT / f"{name}.ipynb"), str(executed)],
        env=chapters.environment("recorded", tmp_path / "home"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for cell in nbformat.read(executed, as_version=4).cells:
        if "check" in student.tags_of(cell):
            assert "Not attempted yet" in cell.outputs[0].text
