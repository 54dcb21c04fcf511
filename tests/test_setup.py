"""The house itself: what is installed, where it is pinned, what is imported lazily, what the wheel holds."""

import ast
import itertools
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tools import address, installed

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "scaling_lib"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split())
# What CI leaves out: what is measured against, never needed; `text`, which is part of `book`; `fineweb`, which is
# of no use without a network.
LEFT_OUT = {"bench", "text", "fineweb"}
EXTRAS = set(PROJECT["optional-dependencies"]) - LEFT_OUT

LAZY = {"torch", "pooch", "platformdirs", "safetensors", "ray"}
NEEDS_TORCH = {
    "models/generators.py",
    "models/trainable.py",
    "models/transformer.py",
    "models/wrapped.py",
    "runs/keeping/checkpoints.py",
    "runs/training/optimizers.py",
    "runs/training/steps.py",
    "runs/training/scoring.py",
    "runs/training/ensembles.py",
    "runs/training/branches.py",
    "runs/training/generation.py",
    "runs/training/metrics.py",
    "runs/training/routing.py",
}
MODULES = sorted(path for path in LIBRARY.rglob("*.py") if path.name not in ("__init__.py", "__main__.py"))


def shown(path: Path) -> str:
    return path.relative_to(LIBRARY).as_posix()


# What is installed


def test_make_installs_every_extra_that_the_book_and_its_tests_use():
    sets = re.search(r"^SETS := (.*)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
    assert set(sets[-1].split(",")) == EXTRAS
    for smaller, larger in itertools.pairwise(sets):
        assert larger.startswith(f"{smaller},"), "each set must begin with the one before it"


def test_environment_yml_agrees_with_pyproject():
    *packages, pip = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    python = next(each for each in packages if each.startswith("python=")).removeprefix("python=")
    assert SpecifierSet(PROJECT["requires-python"]).contains(python)
    assert "pip" in packages
    constraints, project = pip["pip"]
    assert constraints == "-c constraints.txt"
    assert set(re.fullmatch(r"-e \.\[(.*)\]", project)[1].split(",")) == EXTRAS


def test_constraints_are_plain_pins():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][\w.]*", line)] == []
    assert lines == sorted(set(lines))


def test_constraints_cover_everything_that_is_installed():
    """Each distribution that an extra brings along is pinned, and what is installed is what is pinned."""
    name = canonicalize_name(PROJECT["name"])
    todo, seen, lacking = {(name, extra) for extra in EXTRAS}, set(), []
    while todo:
        wanted, extra = todo.pop()
        seen.add((wanted, extra))
        for text in metadata.requires(wanted) or []:
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            found = canonicalize_name(requirement.name)
            # PyPI's torch for Linux pins the CUDA it was built with; other platforms have none of it.
            if found.startswith(("nvidia-", "cuda-", "triton")):
                continue
            installed = metadata.version(found).partition("+")[0]
            if PINS.get(found) != installed:
                lacking.append(f"{found}: installed {installed}, pinned {PINS.get(found)}")
            todo |= {(found, each) for each in ("", *requirement.extras)} - seen
    assert not sorted(set(lacking))


# Where the repository lives


def test_every_copy_of_the_address_agrees_with_config():
    copies = address.copies()
    assert {"pyproject.toml", "CITATION.cff", "README.md"} < copies.keys()
    assert {place: held for place, held in copies.items() if held != {address.wanted()}} == {}


def test_no_placeholder_is_left_once_there_is_an_address():
    left = [path for path in address.tracked_texts() if address.PLACEHOLDER in path.read_text(encoding="utf-8")]
    assert left == [] or address.wanted() == address.PLACEHOLDER


def test_address_is_copied_everywhere(tmp_path, monkeypatch):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for name in ("_config.yml", "pyproject.toml", "CITATION.cff", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    subprocess.run(["git", "add", "-A"], cwd=tmp_path, check=True)
    config = tmp_path / "_config.yml"
    config.write_text(config.read_text().replace(address.wanted(), "some-one/a.book"))
    monkeypatch.setattr(address, "ROOT", tmp_path)
    for function in (address.wanted, address.copies, address.tracked_texts):
        monkeypatch.setattr(function, "__defaults__", (tmp_path,))
    address.main()
    assert set(map(frozenset, address.copies().values())) == {frozenset({"some-one/a.book"})}
    assert "\ncd a.book\n" in (tmp_path / "README.md").read_text()


# What is imported when (what imports what: test_structure.py)


def imports(path: Path, *, top_only: bool = False):
    """Every module that a file imports; with top_only, only those that importing the file imports."""
    nodes = [ast.parse(path.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{shown(path)} has a relative import"
            yield node.module
            if node.module == "scaling_lib":
                yield from (f"scaling_lib.{alias.name}" for alias in node.names)
        elif top_only and (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
        ):
            continue
        nodes += ast.iter_child_nodes(node)


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_heavy_packages_are_imported_lazily(path):
    heavy = {name.split(".")[0] for name in imports(path, top_only=True)} & LAZY
    assert heavy <= ({"torch"} if shown(path) in NEEDS_TORCH else set())


def run_python(code: str, *arguments: str, python: str = sys.executable, **options) -> str:
    done = subprocess.run([python, "-c", code, *arguments], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


WITHOUT_TORCH = """
import importlib, sys

class NoTorch:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name=name)

sys.meta_path.insert(0, NoTorch)
"""


def test_everything_else_imports_without_torch():
    names = [
        ".".join(["scaling_lib", *path.relative_to(LIBRARY).with_suffix("").parts])
        for path in MODULES
        if shown(path) not in NEEDS_TORCH
    ]
    run_python(WITHOUT_TORCH + "\nfor name in sys.argv[1:]: importlib.import_module(name)", *names)


def test_importing_the_library_is_light():
    code = (
        "import sys, time; begun = time.perf_counter(); import scaling_lib; "
        "print(time.perf_counter() - begun, 'torch' in sys.modules)"
    )
    tries = [run_python(code).split() for _ in range(5)]
    assert {loaded for _, loaded in tries} == {"False"}
    assert min(float(seconds) for seconds, _ in tries) < 0.5


# What is shipped


@pytest.fixture(scope="module")
def installed_wheel(tmp_path_factory):
    """The environment that holds the wheel, built from the files as they are, and our dependencies."""
    return installed.install(tmp_path_factory.mktemp("wheel")).parents[1]


def test_the_wheel_holds_every_file_of_the_package(installed_wheel):
    (inside,) = installed_wheel.glob("lib/python*/site-packages/scaling_lib")
    ours, theirs = (
        {path.relative_to(root) for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
        for root in (LIBRARY, inside)
    )
    assert ours == theirs


def test_the_installed_wheel_works(installed_wheel, tmp_path):
    names = [".".join(["scaling_lib", *path.relative_to(LIBRARY).with_suffix("").parts]) for path in MODULES]
    code = "import importlib, sys; print(*(importlib.import_module(x).__file__ for x in sys.argv[1:]), sep='\\n')"
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    files = run_python(code, *names, python=str(installed_wheel / "bin/python"), cwd=tmp_path, env=clean)
    assert all(file.startswith(str(installed_wheel)) for file in files.split())
    command = [installed_wheel / "bin/scaling-lab", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=clean)
    assert done.returncode == 0, done.stderr
    for verb in ("chain", "sweep", "fit", "claims"):
        assert verb in done.stdout


def test_licences():
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    assert "CC-BY-4.0" in (ROOT / "book/LICENSE").read_text()
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"]
    assert any(
        identifier["value"] == "arXiv:2601.10684"
        for reference in citation["references"]
        for identifier in reference["identifiers"]
    )
