"""Which rendered books are looked at.

SCALING_SITES names the folders `html`, separated like PATH; `make test` sets it, and then a missing book is a failure.
Without it the book of the last `make book` is taken, and the tests are skipped where there is none.
"""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup

from tools.chapters import ROOT, sources

CHOSEN = os.environ.get("SCALING_SITES", "")
FOLDERS = [Path(each) for each in CHOSEN.split(os.pathsep) if each] or [ROOT / "_build" / "html"]


def pages():
    """Every page of the book, as _toc.yml names it."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    return [toc["root"], *(entry["file"] for part in toc["parts"] for entry in part["chapters"])]


PAGES = pages()
CHAPTERS = [f"notebooks/{source.stem}" for source in sources()]


@cache
def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(path: Path) -> set[str]:
    return {tag["id"] for tag in parsed(path).find_all(id=True)}


@dataclass(frozen=True)
class Site:
    """One rendered book, with what it was made from."""

    html: Path

    def soup(self, page: str) -> BeautifulSoup:
        """A page, parsed; shared between tests, which leave it as it is."""
        return parsed(self.html / f"{page}.html")

    def article(self, page: str):
        return self.soup(page).select_one("article.bd-article")

    @property
    def run(self) -> Path:
        """The folder of the execution that the pages show."""
        (folder,) = self.html.parent.glob("run-*")
        return folder

    def executed(self, chapter: str):
        return nbformat.read(self.run / f"{Path(chapter).name}.ipynb", as_version=4)

    @property
    def profile(self) -> str:
        cells = self.executed(CHAPTERS[0]).cells
        (injected,) = [cell for cell in cells if "injected-parameters" in cell.metadata.get("tags", [])]
        return injected.source.partition('profile = "')[2].partition('"')[0]


@pytest.fixture(scope="session", params=FOLDERS, ids=lambda folder: folder.parent.parent.name)
def site(request):
    if not (request.param / "index.html").exists():
        if CHOSEN:
            pytest.fail(f"there is no rendered book in {request.param}")
        pytest.skip("there is no rendered book: make book")
    return Site(request.param)
