"""Which rendered books are looked at.

SCALING_SITES names the folders `html`, separated like PATH; `make test` sets it, and then a missing book is a failure.
Without it the book of the last `make book` is taken, and the tests are skipped where there is none.

Most pages are the same in every book, byte for byte, and name their style sheets by content. What a test `of_one_page`
says of such a page in the first book holds in the others, where it is not asked again.
"""

import filecmp
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from tools.chapters import ROOT, contents, sources

CHOSEN = os.environ.get("SCALING_SITES", "")
FOLDERS = [Path(each) for each in CHOSEN.split(os.pathsep) if each] or [ROOT / "_build" / "html"]


PAGES = contents()
CHAPTERS = [f"notebooks/{source.stem}" for source in sources()]


@cache
def parsed(path: Path) -> BeautifulSoup:
    return parsed_text(path.read_text(encoding="utf-8"))


# By its text, so that a page that is the same in several books is parsed once.
@cache
def parsed_text(text: str) -> BeautifulSoup:
    return BeautifulSoup(text, "html.parser")


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


def of_one_page(test):
    """Marks a test that looks at the page it is given, and at nothing else of its book."""
    test.of_one_page = None
    return test


def of_the_page(page: str):
    """Marks a test that looks at this page, and at nothing else of its book."""

    def marked(test):
        test.of_one_page = page
        return test

    return marked


def seen_before(item) -> bool:
    """Whether a test would look at a page that is the same in an earlier book."""
    given = item.callspec.params if hasattr(item, "callspec") else {}
    if "site" not in given or not hasattr(item.function, "of_one_page"):
        return False
    page = item.function.of_one_page or given["page"]
    file, *earlier = (folder / f"{page}.html" for folder in [given["site"], *FOLDERS[: FOLDERS.index(given["site"])]])
    return file.exists() and any(other.exists() and filecmp.cmp(file, other, shallow=False) for other in earlier)


VIEW = ("site", "page", "size", "scheme")


def view_of(item) -> tuple | None:
    """The page that a test looks at, and from where; None where it says neither."""
    given = item.callspec.params if hasattr(item, "callspec") else {}
    return tuple(map(str, map(given.get, VIEW))) if given.keys() >= set(VIEW) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    again = [item for item in items if seen_before(item)]
    if again:
        config.hook.pytest_deselected(items=again)
        items[:] = [item for item in items if item not in set(again)]
    # What is loaded for one test of a view serves the next.
    first: dict[object, int] = {}
    places = {item: first.setdefault(view_of(item) or item, place) for place, item in enumerate(items)}
    items.sort(key=places.__getitem__)


@pytest.fixture(scope="session", params=FOLDERS, ids=lambda folder: folder.parent.parent.name)
def site(request):
    if not (request.param / "index.html").exists():
        if CHOSEN:
            pytest.fail(f"there is no rendered book in {request.param}")
        pytest.skip("there is no rendered book: make book")
    return Site(request.param)
