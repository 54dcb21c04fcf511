"""The structure of the code as its imports show it: no circle, no arrow upward, small folders, nothing private
borrowed, and every package that is imported declared.

The graph is computed over `scaling_lib`, `tools`, `benchmarks` and `coursework`, with every import, also those inside
functions and those for type checkers only: a circle that is hidden in a function is a circle.
"""

import ast
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib import metadata
from itertools import groupby
from pathlib import Path

import networkx as nx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("scaling_lib", "tools", "benchmarks", "coursework")
# Which floor a module of the library may import: its own and those before it. What stands on one line is one floor.
FLOORS = (
    "errors arguments files", "data", "models", "runs", "fits", "coursework", "pages", "environment", "session", "cli",
    "__main__",
)
# Inside `fits`: a room may import from its own line and those before it.
ROOMS_OF_FITS = (
    "undetermined",
    "laws solver",
    "tables",
    "estimates",
    "fitting points",
    "seeds",
    "uncertainty surfaces",
    "allocation forecasting",
)
ROOMS_OF_RUNS = ("machine records", "keeping", "training", "sweeping")
LARGEST_FOLDER = 12


def modules(root: Path = ROOT, packages: tuple[str, ...] = PACKAGES) -> dict[str, Path]:
    """Dotted name -> file, packages included."""
    named = {}
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return named


def imported(path: Path, known: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    """(module, name) of every import of ours in a file; of a submodule that is imported by name, (submodule, "")."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (inner, "") if inner in known else (node.module, alias.name)


def import_graph(named: Mapping[str, Path]) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(named)
    for name, path in named.items():
        graph.add_edges_from((name, target) for target, _ in imported(path, named) if target != name)
    return graph


MODULES = modules()
GRAPH = import_graph(MODULES)


def circles(graph: nx.DiGraph) -> list[list[str]]:
    return [sorted(part) for part in nx.strongly_connected_components(graph) if len(part) > 1]


def test_no_circle_of_modules():
    assert circles(GRAPH) == []


def room(name: str) -> str:
    """The folder of a module; a package is its own."""
    path = MODULES[name]
    return ".".join(path.parent.relative_to(ROOT).parts)


def circles_of_rooms(graph: nx.DiGraph) -> list[list[str]]:
    """Rooms that import each other. A folder is no circle with the rooms inside it."""
    rooms = nx.DiGraph()
    for source, target in graph.edges:
        one, other = room(source), room(target)
        if not f"{one}.".startswith(f"{other}.") and not f"{other}.".startswith(f"{one}."):
            rooms.add_edge(one, other)
    return circles(rooms)


def test_no_circle_of_rooms():
    assert circles_of_rooms(GRAPH) == []


def level(name: str, lines: tuple[str, ...]) -> int:
    (place,) = [place for place, line in enumerate(lines) if name in line.split()]
    return place


def _first(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).split(".")[0]


def upward(graph: nx.DiGraph, package: str, lines: tuple[str, ...]) -> list[tuple[str, str]]:
    """Imports inside a package from a line above the module's own."""
    prefix = f"{package}."
    return [
        (source, target)
        for source, target in graph.edges
        if source.startswith(prefix) and target.startswith(prefix)
        if level(_first(target, prefix), lines) > level(_first(source, prefix), lines)
    ]


@pytest.mark.parametrize(
    ("package", "lines"),
    [("scaling_lib", FLOORS), ("scaling_lib.fits", ROOMS_OF_FITS), ("scaling_lib.runs", ROOMS_OF_RUNS)],
)
def test_no_arrow_points_upward(package, lines):
    assert upward(GRAPH, package, lines) == []


def test_fits_could_be_taken_alone():
    outside = {target for source, target in GRAPH.edges if source.startswith("scaling_lib.fits")}
    assert {name for name in outside if not name.startswith("scaling_lib.fits")} <= {
        "scaling_lib.errors",
        "scaling_lib.arguments",
    }


def test_the_library_needs_no_tools_and_benchmarks_need_none_either():
    tops = {(source.split(".")[0], target.split(".")[0]) for source, target in GRAPH.edges}
    assert {pair for pair in tops if pair[0] != pair[1]} <= {
        ("tools", "scaling_lib"),
        ("benchmarks", "scaling_lib"),
        ("tools", "benchmarks"),
        ("tools", "coursework"),
        ("coursework", "scaling_lib"),
    }


def test_no_folder_is_crowded():
    files = [path for path in MODULES.values() if path.name not in ("__init__.py", "__main__.py")]
    folders = groupby(sorted(files), key=lambda path: path.parent)
    crowded = {str(folder.relative_to(ROOT)): len(list(inside)) for folder, inside in folders}
    assert {folder: count for folder, count in crowded.items() if count > LARGEST_FOLDER} == {}


def borrowed(named: Mapping[str, Path]) -> list[str]:
    """Private names, or private modules, that are imported from another room."""
    return [
        f"{name}: {target} {thing}".rstrip()
        for name, path in named.items()
        for target, thing in imported(path, named)
        if (thing or target.rpartition(".")[2]).startswith("_") and not thing.startswith("__")
        if named[target].parent != path.parent
    ]


def test_no_private_name_is_imported_from_another_room():
    assert borrowed(MODULES) == []


def test_what_the_structure_forbids_is_found(tmp_path):
    """A planted circle, a planted arrow upward and a planted borrowing."""
    room_a, room_b = tmp_path / "planted" / "a", tmp_path / "planted" / "b"
    for folder in (room_a.parent, room_a, room_b):
        folder.mkdir()
        (folder / "__init__.py").touch()
    (room_a / "one.py").write_text("def f():\n    from planted.b.two import _hidden\n    return _hidden\n")
    (room_b / "two.py").write_text("from planted.a import one\n_hidden = one\n")
    named = modules(tmp_path, ("planted",))
    graph = import_graph(named)
    assert circles(graph) == [["planted.a.one", "planted.b.two"]]
    assert upward(graph, "planted", ("a", "b")) == [("planted.a.one", "planted.b.two")]
    assert borrowed(named) == ["planted.a.one: planted.b.two _hidden"]


# What is imported from others

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
HOMES = metadata.packages_distributions()
# Which extras a folder may count on: the library's are asked for when they are needed, and named in the error.
ALLOWED = {
    "scaling_lib": ("train", "book", "fineweb", "cluster"),
    "tools": ("book", "train", "test"),  # `make pdf` prints with the browser of the tests
    "benchmarks": ("book", "train", "bench"),
    "coursework": (),
    "tests": ("book", "train", "test", "cluster"),
    "notebooks/src": ("book", "train"),
    "book/_ext": ("book",),
}


def third_parties(folder: Path) -> set[str]:
    """Top-level names of every package that is neither ours nor Python's."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {*PACKAGES, "tests"}


def undeclared(names: set[str], extras: tuple[str, ...]) -> list[str]:
    """Names of packages that no requirement of the project and these extras brings."""
    texts = [*PROJECT["dependencies"], *(text for extra in extras for text in PROJECT["optional-dependencies"][extra])]
    declared = {canonicalize_name(Requirement(text).name) for text in texts}
    return sorted(
        name for name in names if not {canonicalize_name(home) for home in HOMES.get(name, [name])} & declared
    )


@pytest.mark.parametrize("folder", ALLOWED)
def test_every_package_that_is_imported_is_declared(folder):
    assert undeclared(third_parties(ROOT / folder), ALLOWED[folder]) == []


def test_an_undeclared_package_is_found(tmp_path):
    (tmp_path / "module.py").write_text("import numpy\ndef f():\n    from absent_package.inner import x\n")
    assert undeclared(third_parties(tmp_path), ()) == ["absent_package"]
