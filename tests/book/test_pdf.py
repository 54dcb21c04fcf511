"""The book as one PDF: its pages and links are all there, and nothing is cut off."""

import re

import pytest
from bs4 import BeautifulSoup

from tools import pdf
from tools.browser import program

pytestmark = [pytest.mark.book, pytest.mark.browser, pytest.mark.slow]

NAMES = ["book/one", "book/two"]


def planted(folder, body, other="<p id='there'>There.</p>"):
    """A book of two pages."""
    (folder / "book").mkdir()
    for name, inside in zip(NAMES, (body, other), strict=True):
        page = f'<html><head></head><body><article class="bd-article"><h1>{name}</h1>{inside}</article></body></html>'
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return folder


def test_links_between_pages_lead_to_their_place_in_the_one_page(tmp_path):
    links = "".join(
        f'<a href="{to}">x</a>' for to in ("two.html#there", "two.html", "#there", "two.html#gone", "https://a.b/c")
    )
    text, broken = pdf.assembled(planted(tmp_path, f"<p id='there'>Here.</p>{links}"), NAMES)
    soup = BeautifulSoup(text, "html.parser")
    first = soup.find(id="page-book-one")
    leads = [link["href"] for link in first.find_all("a")]
    assert leads == ["#page-book-two--there", "#page-book-two", "#there", "two.html#gone", "https://a.b/c"]
    assert soup.find(id="page-book-two--there").get_text() == "There."
    assert broken == ["book/one: two.html#gone"]


def print_planted(tmp_path, body):
    if program() is None:
        pytest.skip("there is no Chromium")
    return pdf.make_pdf(planted(tmp_path, body), tmp_path / "book.pdf", NAMES)[0]


def test_a_wide_table_is_shrunk_and_what_cannot_be_is_found(tmp_path):
    row = "".join(f"<td>{'word' * 5}</td>" for _ in range(8))
    printed = print_planted(tmp_path, f'<table><tr>{row}</tr></table><a href="two.html#there">x</a>')
    assert printed.cut == []
    assert pdf.LEAST_ZOOM < printed.zoom < 1
    assert printed.pages == 3  # the contents, and a page each
    assert printed.links == 3  # two in the contents


def test_what_sticks_out_is_found(tmp_path):
    printed = print_planted(tmp_path, '<div style="width: 2000px; height: 1px">x</div>')
    assert [element[:4] for element in printed.cut] == ["<div"]


def test_the_whole_book_is_printed(site, tmp_path):
    names = pdf.contents()
    printed, broken = pdf.make_pdf(site.html, tmp_path / "book.pdf", names)
    assert broken == []
    assert printed.cut == []
    assert printed.zoom >= pdf.LEAST_ZOOM
    assert printed.pages > 3 * len(names)
    written = (tmp_path / "book.pdf").read_bytes()
    assert len(re.findall(rb"/Subtype\s*/Link\b", written)) == printed.links > 500
    assert not (site.html / "_print.html").exists()
