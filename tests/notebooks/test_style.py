"""Chapters are read: short cells, short lines, sentences as text, rules of decision in the library."""

import ast
import re
from pathlib import Path

import pytest

from tools import chapters

LONGEST_CELL = 40
LONGEST_LINE = 80


def code_cells(source: Path):
    return [cell for cell in chapters.from_source(source).cells if cell.cell_type == "code"]


@pytest.fixture(params=chapters.sources(), ids=lambda path: path.stem)
def source(request):
    return request.param


def test_no_cell_is_longer_than_a_screen(source):
    lengths = {cell.id: len(cell.source.splitlines()) for cell in code_cells(source)}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_CELL} == {}


def test_no_line_runs_out_of_the_page(source):
    # The setup cell holds the repository's address, however long it is.
    cells = [cell for cell in code_cells(source) if "setup" not in cell.metadata.get("tags", [])]
    long = {
        f"{cell.id}:{place}": line
        for cell in cells
        for place, line in enumerate(cell.source.splitlines(), 1)
        if len(line) > LONGEST_LINE
    }
    assert long == {}


def said_with_fields(tree: ast.AST) -> list[str]:
    """Calls of `say` that hand over values beside the sentence, in place of a sentence that holds them."""
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say" and node.keywords
    ]


def formatted_by_hand(tree: ast.AST) -> list[str]:
    """Format specifications in what `say` is given: numbers in sentences are written by `number` and `percent`."""
    return [
        ast.unparse(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say"
        for part in ast.walk(node)
        if isinstance(part, ast.FormattedValue) and part.format_spec is not None
    ]


def test_sentences_are_text_with_values(source):
    trees = [ast.parse(cell.source) for cell in code_cells(source)]
    assert [said for tree in trees for said in said_with_fields(tree)] == []
    assert [part for tree in trees for part in formatted_by_hand(tree)] == []


def test_what_the_style_forbids_is_found():
    assert said_with_fields(ast.parse("say('{x}', x=1)"))
    assert formatted_by_hand(ast.parse("say(f'{x:.2f}')"))
    assert not formatted_by_hand(ast.parse("say(f'{number(x)}')"))


def test_every_exercise_has_its_tags_and_every_solution_its_exercise(source):
    """The format of exercises (CONTRIBUTING.md): tags exercise, stub, solution, check, each with the exercise's key."""
    keys: dict[str, list[str]] = {}
    for cell in chapters.from_source(source).cells:
        tags = cell.metadata.get("tags", [])
        key = [tag.removeprefix("key:") for tag in tags if tag.startswith("key:")]
        for role in ("exercise", "stub", "solution", "check"):
            if role in tags:
                assert len(key) == 1, f"{cell.id} is tagged {role} and needs one tag key:NAME"
                keys.setdefault(key[0], []).append(role)
        if cell.cell_type == "markdown" and re.search(r"^### Exercise \d", cell.source, re.M):
            assert "exercise" in tags, f"{cell.id} states an exercise and is not tagged so"
        if cell.cell_type == "markdown" and "<summary><b>Solution" in cell.source:
            assert "solution" in tags, f"{cell.id} is a solution and is not tagged so"
    for key, roles in keys.items():
        assert roles[0] == "exercise", f"{key}: the statement comes first, got {roles}"
        assert roles.count("exercise") == 1, f"{key}: one statement, got {roles}"
