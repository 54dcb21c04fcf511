"""The committed notebooks: they are what their sources say, executed, small, and free of this machine."""

import ast
import json
import re
from pathlib import Path

import nbformat
import pytest
import yaml

from tools import address, chapters
from tools.notebooks import LARGEST

ROOT = chapters.ROOT
SOURCES = chapters.sources()
SHOWS = {"show", "show_live", "say", "display", "print"}
LONGEST_FUNCTION = 15


def stem(path: Path) -> str:
    return path.stem


def notebook_of(source: Path):
    path = chapters.NOTEBOOKS / source.with_suffix(".ipynb").name
    assert path.exists(), f"{path.name} is missing: make notebooks"
    return nbformat.read(path, as_version=4)


def code_cells(source: Path):
    return [cell for cell in chapters.from_source(source).cells if cell.cell_type == "code"]


def trees(source: Path):
    return [ast.parse(cell.source) for cell in code_cells(source)]


def called(node: ast.AST) -> str:
    """The last name of what a call calls, "" for anything else."""
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "id", None) or getattr(node.func, "attr", "")


def test_sources_notebooks_and_contents_name_the_same_chapters():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    files = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    listed = [file.removeprefix("notebooks/") for file in files if file.startswith("notebooks/")]
    assert listed == [source.stem for source in SOURCES]
    assert sorted(path.stem for path in chapters.NOTEBOOKS.glob("*.ipynb")) == listed


@pytest.mark.parametrize("source", SOURCES, ids=stem)
def test_the_notebook_is_its_source_cell_by_cell(source):
    kept, expected = notebook_of(source), chapters.from_source(source)
    for committed, wanted in zip(kept.cells, expected.cells, strict=True):
        shared = {key: committed[key] for key in ("id", "cell_type", "source", "metadata")}
        assert shared == {key: wanted[key] for key in shared}, f"{wanted.id} differs from its source: make notebooks"
    assert kept.metadata == expected.metadata


@pytest.mark.parametrize("source", SOURCES, ids=stem)
def test_the_notebook_was_executed_in_order_without_complaint(source):
    cells = [cell for cell in notebook_of(source).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        bad = [each for each in cell.outputs if each.output_type == "error" or each.get("name") == "stderr"]
        assert bad == [], f"{cell.id} ended in an error or a warning"


@pytest.mark.parametrize("source", SOURCES, ids=stem)
def test_every_cell_that_shows_something_has_its_output(source):
    """nbval compares nothing where nothing is stored, so that a stripped notebook would pass everything."""
    for cell, tree in zip(
        [cell for cell in notebook_of(source).cells if cell.cell_type == "code"], trees(source), strict=True
    ):
        statements = [node for node in tree.body if isinstance(node, ast.Expr)]
        shows = any(called(node.value) in SHOWS for node in statements)
        value = tree.body and isinstance(tree.body[-1], ast.Expr) and not isinstance(tree.body[-1].value, ast.Call)
        assert cell.outputs or not (shows or value), f"{cell.id} was stored without its output"


@pytest.mark.parametrize("source", SOURCES, ids=stem)
def test_the_notebook_is_small_and_knows_nothing_of_the_machine_that_made_it(source):
    path = chapters.NOTEBOOKS / source.with_suffix(".ipynb").name
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_size <= LARGEST
    assert str(ROOT) not in text
    assert str(Path.home()) not in text
    assert re.findall(r"/tmp/[\w-]+|site-packages", text) == []
    assert not {"papermill", "execution"} & set(json.loads(text)["metadata"])


@pytest.mark.parametrize("source", SOURCES, ids=stem)
def test_a_chapter_begins_with_setup_then_its_parameters(source):
    setup, parameters, *others = code_cells(source)
    assert re.search(address.PLACES["notebooks/src/[0-9][0-9]-*.py"], setup.source), "the first cell installs nothing"
    assert "parameters" in parameters.metadata["tags"]
    (assigned,) = ast.parse(parameters.source).body
    assert ast.unparse(assigned) == "profile = ''"
    assert not any("parameters" in cell.metadata.get("tags", []) for cell in others)


def figures_shown(tree: ast.AST) -> int:
    return sum(called(node) in ("show", "show_live") for node in ast.walk(tree))


def test_every_way_to_show_a_figure_is_counted():
    assert figures_shown(ast.parse("show(figure, name='fig-a')\nlive.show_live(panels)\nsay('show')")) == 2


@pytest.mark.parametrize("source", SOURCES, ids=stem)
def test_one_figure_a_cell_and_no_long_function(source):
    for cell, tree in zip(code_cells(source), trees(source), strict=True):
        assert figures_shown(tree) <= 1, f"{cell.id} shows several figures"
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                length = node.end_lineno - node.lineno + 1
                assert length <= LONGEST_FUNCTION, f"{cell.id}: {node.name} belongs in scaling_lib"


# Decimals that stand in the prose of a chapter because nobody computes them: quoted from a paper or numbers of its
# sections, part of a rule or of what an exercise asks, or known from a table. All others come from code.
GIVEN = {
    "01-graph-walks-entropy": {"3.1", "0.01"},
    "02-transformers-sp-mup": {"0.01", "0.02", "0.6", "0.4", "0.1", "0.5", "0.35", "5.3", "5.4", "0.85"},
    "03-power-laws-bias": {"1.85", "2.1", "0.01"},
    "05-twins-and-collapse": {"1.6", "0.2", "0.1", "0.05", "0.3", "1.5"},
    "06-from-walks-to-language": {"1.6", "3.2"},
    "04-chinchilla-allocation": {"0.7", "1.70", "1.90", "1.817", "0.3"},
}
ELSEWHERE = re.compile(r"\$\$.*?\$\$|\$[^$]*\$|`[^`]*`|\(http[^)]*\)|arXiv \d{4}\.\d{5}(v\d)?", re.DOTALL)
DECIMAL = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.]*\w)")


def typed_decimals(text: str) -> set[str]:
    """Decimals outside of formulas, code, links and identifiers of papers."""
    return set(DECIMAL.findall(ELSEWHERE.sub(" ", text)))


@pytest.mark.parametrize("source", SOURCES, ids=stem)
def test_no_number_of_ours_is_typed_in_the_prose(source):
    cells = [cell for cell in chapters.from_source(source).cells if cell.cell_type == "markdown"]
    typed = {number for cell in cells for number in typed_decimals(cell.source)}
    assert typed == GIVEN.get(source.stem, set()), "display it with say(), or say in GIVEN that it is quoted"


def test_a_typed_number_is_found():
    text = "is 0.74, not $0.1$ or `0.2` ([x](https://a.b/0.3.html), arXiv 2601.10684v1, v1.2): 0.5."
    assert typed_decimals(text) == {"0.74", "0.5"}


def glued_literals(tree: ast.AST) -> list[str]:
    """The calls of `glue` whose argument is no object's name: numbers, texts, formulas, lists, or names of such."""
    assigned = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    refused = []
    for node in ast.walk(tree):
        if called(node) == "glue":
            key, *values = [*node.args, *(keyword.value for keyword in node.keywords)]
            for value in values or [key]:
                origin = assigned.get(value.id, value) if isinstance(value, ast.Name) else value
                choices = [origin.body, origin.orelse] if isinstance(origin, ast.IfExp) else [origin]
                if not all(isinstance(each, ast.Name | ast.Attribute | ast.Subscript | ast.Call) for each in choices):
                    refused.append(ast.unparse(node))
    return refused


@pytest.mark.parametrize("source", SOURCES, ids=stem)
def test_only_ledger_and_run_objects_are_glued(source):
    assert glued_literals(ast.Module([node for tree in trees(source) for node in tree.body], [])) == []


@pytest.mark.parametrize(
    "code",
    [
        "glue('x', 0.74)",
        "glue('x', '0.74')",
        "figures.glue('x', f'{value:.2f}')",
        "value = 0.74\nglue('x', value)",
        "glue('x', row.value + 0.1)",
        "glue('x', source=-1)",
        "glue('x', [row.value])",
        "value = row if row else 0\nglue('x', value)",
    ],
)
def test_a_glued_literal_is_found(code):
    assert len(glued_literals(ast.parse(code))) == 1


@pytest.mark.parametrize("code", ["glue('x', row)", "row = next(rows)\nglue('x', row)", "glue('x', lab.runs['er'])"])
def test_a_glued_object_is_allowed(code):
    assert glued_literals(ast.parse(code)) == []


EXAMPLE = """# %% [markdown]
# # A chapter

# %% tags=["setup"]
import sys

# %% tags=["parameters"]
profile = ""

# %%
print("one")
print("two", file=sys.stderr)
print("three")
"""


def test_ids_come_from_name_and_place_and_noise_is_dropped(tmp_path):
    (tmp_path / "07-example.py").write_text(EXAMPLE)
    notebook = chapters.from_source(tmp_path / "07-example.py")
    assert [cell.id for cell in notebook.cells] == [f"07-example-{index:02d}" for index in range(4)]
    assert notebook.metadata.kernelspec.name == "python3"
    cell = notebook.cells[-1]
    cell.metadata = nbformat.from_dict({"papermill": {"duration": 1}, "execution": {}, "tags": ["remove-stderr"]})
    cell.outputs = [
        nbformat.v4.new_output("stream", name=name, text=text)
        for name, text in (("stdout", "a"), ("stderr", "b"), ("stdout", "c"))
    ]
    notebook.metadata["papermill"] = {"input_path": "/somewhere"}
    cleaned = chapters.clean(notebook)
    assert cleaned.cells[-1].metadata == {"tags": ["remove-stderr"]}
    assert [(each.name, each.text) for each in cleaned.cells[-1].outputs] == [("stdout", "ac")]
    assert "papermill" not in cleaned.metadata


@pytest.fixture
def one_chapter(tmp_path, monkeypatch):
    def write(text):
        (tmp_path / "src").mkdir()
        (tmp_path / "src/07-example.py").write_text(text)
        monkeypatch.setattr(chapters, "SOURCES", tmp_path / "src")
        return tmp_path / "run"

    return write


def test_a_chapter_is_told_its_profile_and_home_and_nothing_that_hides_figures(one_chapter, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    reads = "import os\nprint(profile, *(os.environ.get(x) for x in ('SCALING_PROFILE', 'SCALING_HOME', 'MPLBACKEND')))"
    folder = one_chapter(EXAMPLE + "\n# %%\n" + reads)
    (path,) = chapters.execute(folder, "smoke", inject=True)
    cells = nbformat.read(path, as_version=4).cells
    # ipykernel sets a backend of its own in the kernel: inline.
    assert cells[-1].outputs[0].text.split()[:3] == ["smoke", "smoke", str(folder / "home")]
    assert not cells[-1].outputs[0].text.strip().endswith("agg")
    (injected,) = [cell for cell in cells if "injected-parameters" in cell.metadata.get("tags", [])]
    assert "remove-cell" in injected.metadata.tags


def test_a_failed_chapter_shows_its_cell_its_error_and_where_to_look(one_chapter):
    folder = one_chapter(EXAMPLE + "\n# %%\nlosses = {}\nlosses['missing']\n")
    with pytest.raises(SystemExit) as failure:
        chapters.execute(folder, "recorded", inject=False)
    message = str(failure.value)
    assert "07-example-04 failed with KeyError: 'missing'" in message
    assert "losses['missing']" in message
    assert str(folder / "07-example.ipynb") in message
    assert "\x1b" not in message
