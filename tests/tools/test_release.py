"""A release: at its tag everything names the tag, and after it everything names the branch again."""

import re
import subprocess
import tomllib

import nbformat
import pytest
import yaml

from tools import first_cell, release
from tools.chapters import ROOT


@pytest.fixture
def project(tmp_path):
    """A repository with the files that a release touches: those of this one, and one chapter."""
    for name in ("pyproject.toml", "CITATION.cff", "_config.yml"):
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text("# Changes\n\n## 9.1.0\n\n- A slider.\n\n## 9.0.0\n\n- Older.\n")
    chapters = tmp_path / "notebooks" / "src"
    chapters.mkdir(parents=True)
    (chapters / "00-one.py").write_text('# %% tags=["setup"]\nold\n\n# %%\nprint()\n')
    cell = nbformat.v4.new_code_cell("old", metadata={"tags": ["setup"]}, id="one")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "notebooks" / "00-one.ipynb")
    release.git(tmp_path, "init", "-q", "-b", "main")
    release.git(tmp_path, "config", "user.email", "tests@example.org")
    release.git(tmp_path, "config", "user.name", "tests")
    first_cell.write(tmp_path)
    commit(tmp_path)
    return tmp_path


def commit(folder):
    release.git(folder, "add", "-A")
    release.git(folder, "commit", "-qm", "state")


def named(folder, revision):
    """What the tag, the cells and the buttons of a revision name, each once."""
    texts = [release.git(folder, "show", f"{revision}:notebooks/{name}") for name in ("src/00-one.py", "00-one.ipynb")]
    config = yaml.safe_load(release.git(folder, "show", f"{revision}:_config.yml"))
    installed = {tag for text in texts for tag in re.findall(r"git\+https://github\.com/[\w./-]+@([\w.]+)", text)}
    return installed | {config["repository"]["branch"]}


def test_the_tag_names_itself_and_the_branch_goes_on(project):
    assert release.why_not(project, "9.1.0") == ""
    release.release(project, "9.1.0")
    assert named(project, "v9.1.0") == {"v9.1.0"}
    assert named(project, "main") == {"main"}
    assert release.git(project, "log", "--format=%s").splitlines() == [
        "After release 9.1.0: back to main",
        "Release 9.1.0",
        "state",
    ]
    for name, line in (("pyproject.toml", 'version = "9.1.0"'), ("CITATION.cff", "version: 9.1.0")):
        assert f"\n{line}\n" in release.git(project, "show", f"v9.1.0:{name}")
    assert release.git(project, "status", "--porcelain") == ""
    assert "take the next" in release.why_not(project, "9.1.0")


def test_what_cannot_be_released_says_why(project):
    assert release.why_not(project, "9.1").startswith("VERSION must be three numbers")
    assert "must have a section '## 9.2.0'" in release.why_not(project, "9.2.0")
    (project / "new.txt").touch()
    assert "must be clean" in release.why_not(project, "9.1.0")


def test_the_notes_of_a_version_are_its_section(project):
    assert release.section(project, "9.1.0") == "- A slider."
    assert release.section(project, "9.0.0") == "- Older."
    assert release.section(project, "9") == ""


def test_this_version_has_its_section():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert release.section(ROOT, version)
    listed = subprocess.run(["git", "ls-files", "CHANGELOG.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert listed.stdout.strip() == "CHANGELOG.md"
