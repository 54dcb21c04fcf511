"""Links that lead out of the book: how they are followed, and where the launch buttons arrive."""

import functools
import http.server
import json
import re
import threading
import urllib.request

import pytest

from tests.book.conftest import CHAPTERS
from tools import address, links
from tools.chapters import ROOT, from_source, sources


class Answers(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        if self.path in ("/forbidden", "/gone"):
            self.send_error(403 if self.path == "/forbidden" else 410)
        else:
            super().do_GET()


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """A server of the repository's files."""
    handler = functools.partial(Answers, directory=ROOT)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_what_became_of_a_link_is_told(local):
    assert links.follow(f"{local}/README.md") == ""
    assert links.follow(f"{local}/no-such-page") == "broken: HTTP 404"
    assert links.follow(f"{local}/gone") == "broken: HTTP 410"
    assert links.follow(f"{local}/forbidden") == "unclear: HTTP 403"
    assert links.follow("http://127.0.0.1:1/").startswith("broken: ")
    assert links.follow("http://no-such-host.invalid/").startswith("broken: ")


def test_links_of_a_book_are_followed_once_and_told_with_their_page(local, tmp_path):
    (tmp_path / "book").mkdir()
    missing = f"{local}/no-such-page"
    (tmp_path / "index.html").write_text(f'<a href="{local}/README.md#x">a</a><a href="{local}/README.md">b</a>')
    (tmp_path / "book" / "a.html").write_text(f'<a href="{missing}">a</a><a href="b.html">b</a><link href="{local}/x">')
    pages = links.outside(tmp_path)
    assert pages == {f"{local}/README.md": ["index.html"], missing: ["book/a.html"]}
    said = links.followed(pages)
    assert said == {missing: "broken: HTTP 404"}
    assert links.report(said, pages) == [f"broken: HTTP 404: {missing} (on book/a.html)"]


@pytest.mark.book
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_launch_button_arrives_at_the_notebook_of_its_page(site, local, chapter):
    """The address that Colab would read, with a server of this repository in GitHub's place."""
    (button,) = {link["href"] for link in site.soup(chapter).find_all("a", href=re.compile("colab.research"))}
    there = f"https://colab.research.google.com/github/{address.wanted()}/blob/{address.branch()}"
    opened = button.replace(there, local)
    assert opened.startswith(local)
    with urllib.request.urlopen(opened) as answer:
        cells = json.load(answer)["cells"]
    (source,) = [path for path in sources() if path.stem == chapter.partition("/")[2]]
    wanted = [cell.source for cell in from_source(source).cells]
    assert ["".join(cell["source"]) for cell in cells] == wanted


outside = functools.cache(links.outside)


@pytest.mark.book
def test_every_link_out_of_the_book_is_well_formed(site):
    pages = outside(site.html)
    assert len(pages) > 20
    assert [each for each in pages if not re.match(r"https://[\w.-]+\.[a-z]+(/|$)", each) or " " in each] == []


@pytest.mark.book
def test_the_repository_is_linked_by_its_one_address(site):
    named = {each for each in outside(site.html) if each.startswith("https://github.com/")}
    own = {each for each in named if each.startswith(f"https://github.com/{address.wanted()}")}
    assert own
    if address.wanted() != address.PLACEHOLDER:
        assert not [each for each in named if address.PLACEHOLDER in each]
