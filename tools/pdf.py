"""`make pdf`: the whole book as one PDF, printed by Chromium from the rendered pages.

    python -m tools.pdf [--html _build/html] [--into _build/book.pdf]

The articles of all pages, in the order of the contents, become one HTML page: links between pages become links inside
it, what is folded is opened (but for the data behind figures and folded code, which the web page has), and what is
wider than the paper is made smaller. A link that leads nowhere or a table that is still cut off stops the command.
"""

import argparse
import re
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from bs4 import BeautifulSoup
from bs4.element import Tag
from playwright.sync_api import Page, sync_playwright

from tools.browser import FLAGS, MISSING, program
from tools.chapters import ROOT, contents

# A4 with these margins, in millimetres, leaves this width in CSS pixels, a ninety-sixth of an inch each.
PAPER_WIDTH, MARGIN = 210, 15
WIDTH = round((PAPER_WIDTH - 2 * MARGIN) / 25.4 * 96)
SECONDS = 90  # about, on a quiet core
# Smaller than this share of its size, a table is not read but seen.
LEAST_ZOOM = 0.3

STYLE = f"""
body {{ margin: 0; width: {WIDTH}px; font-size: 13px; background: white; }}
article {{ break-before: page; width: {WIDTH}px; max-width: none; padding: 0; }}
nav.contents {{ break-after: page; }}
.headerlink, .copybtn, .toggle-button, script, details.figure-data, details.hide, .claims-filter {{ display: none; }}
.table-scroll, .pst-scrollable-table-container, .output, div.math, .highlight pre {{ overflow: visible !important; }}
.highlight pre, pre {{ white-space: pre-wrap; overflow-wrap: anywhere; }}
table.dataframe th, table.dataframe td {{ white-space: normal !important; }}
figure, .admonition, tr, mjx-container, pre {{ break-inside: avoid; }}
h1, h2, h3, h4 {{ break-after: avoid; }}
"""

FOOTER = '<div style="width: 100%; text-align: center; font-size: 8px"><span class="pageNumber"></span></div>'

# Shrinks what is wider than the paper; returns the smallest share that was needed.
FIT = """
(width) => {
  for (const fold of document.querySelectorAll("details:not(.figure-data):not(.hide)")) fold.open = true;
  let least = 1;
  for (const wide of document.querySelectorAll("table, mjx-container, .output pre, svg, img")) {
    if (wide.parentElement.closest("table, mjx-container, svg")) continue;
    const room = width - Math.max(0, wide.getBoundingClientRect().left);
    const share = room / wide.getBoundingClientRect().width;
    if (share < 1) {
      wide.style.zoom = Math.floor(share * 100) / 100;
      least = Math.min(least, share);
    }
  }
  return least;
}
"""
CUT = """
(width) => [...document.querySelectorAll("article *")]
  .filter((element) => element.getBoundingClientRect().width > 0 && element.getBoundingClientRect().right > width + 2)
  .filter((element) => !element.closest("mjx-assistive-mml, .visually-hidden"))
  .map((element) => element.outerHTML.slice(0, 120))
"""


@dataclass(frozen=True)
class Printed:
    """pages: of the PDF. links: annotations in it. cut: elements that stick out of the paper. zoom: the smallest share
    to which something was shrunk."""

    pages: int
    links: int
    cut: list[str]
    zoom: float


def assembled(html: Path, names: list[str]) -> tuple[str, list[str]]:
    """All pages as one, as it should lie in the folder `html`, and the links that lead nowhere."""
    soups = {name: BeautifulSoup((html / f"{name}.html").read_text(encoding="utf-8"), "html.parser") for name in names}
    articles: dict[str, Tag] = {}
    for name, soup in soups.items():
        found = soup.select_one("article.bd-article")
        if found is None:
            sys.exit(f"{html / name}.html has no article: run `make book` again.")
        articles[name] = found
    targets = _unique_anchors(articles)
    broken = [f"{name}: {link}" for name in names for link in _rewire(name, articles[name], targets, html)]
    titles = {name: articles[name].find("h1") for name in names}
    lines = "".join(
        f'<li><a href="#{targets[name, ""]}">{_words(title, name)}</a></li>' for name, title in titles.items()
    )
    head = soups[names[0]].head
    assert head is not None
    for tag in head.find_all(["link", "script"]):
        address = str(tag.get("href") or tag.get("src") or "")
        mathematics = tag.name == "script" and "mathjax" in (address + (tag.string or "")).lower()
        if not mathematics and "stylesheet" not in (tag.get("rel") or []):
            tag.decompose()
        elif address:
            tag["src" if tag.name == "script" else "href"] = _from_root(names[0], address)
    title = escape(str(yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["title"]))
    body = "".join(str(article) for article in articles.values())
    text = (
        f'<!DOCTYPE html><html lang="en" data-theme="light" data-mode="light"><head>{head.decode_contents()}'
        f"<title>{title}</title><style>{STYLE}</style></head><body>"
        f'<nav class="contents"><h1>{title}</h1><ol>{lines}</ol></nav>{body}</body></html>'
    )
    return text, broken


def _words(title: Tag | None, name: str) -> str:
    if title is None:
        return escape(name)
    return escape(title.get_text().removesuffix("#").strip())


def _unique_anchors(articles: dict[str, Tag]) -> dict[tuple[str, str], str]:
    """From a page and an anchor in it to its name in the one page; "" is the page's own beginning."""
    targets: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    for name, article in articles.items():
        article["id"] = targets[name, ""] = f"page-{name.replace('/', '-')}"
        for tag in article.find_all(id=True):
            anchor = str(tag["id"])
            targets[name, anchor] = tag["id"] = anchor if anchor not in taken else f"{article['id']}--{anchor}"
            taken.add(tag["id"])
        for script in article.find_all("script", src=True):
            script.decompose()
    return targets


def _rewire(name: str, article: Tag, targets: dict[tuple[str, str], str], html: Path) -> list[str]:
    """Let the links and pictures of an article lead to their place in the one page; returns the links that do not."""
    broken, pages = [], {page for page, _ in targets}
    for picture in article.find_all(src=True):
        picture["src"] = _from_root(name, str(picture["src"]))
        picture["loading"] = "eager"
    for link in article.find_all("a", href=True):
        url = urlsplit(str(link["href"]))
        if url.scheme or url.netloc:
            if url.scheme == "data":  # a download, which paper has not
                link.decompose()
            continue
        page = name if not url.path else _from_root(name, url.path).removesuffix(".html")
        place = (page, unquote(url.fragment))
        other = page not in pages and (html / f"{page}.html").exists()
        if place in targets:
            link["href"] = f"#{targets[place]}"
        elif other or (url.path and not url.path.endswith(".html")):
            link.unwrap()  # a page that is not in the contents (search, index), or a file to download
        else:
            broken.append(str(link["href"]))
    return broken


def _from_root(name: str, address: str) -> str:
    """An address on the page `name`, as seen from the root of the book; what is no path stays."""
    url = urlsplit(address)
    if url.scheme or url.netloc or not url.path:
        return address
    parts: list[str] = list(Path(name).parent.parts)
    for part in url.path.split("/"):
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def print_page(page: Page, target: Path) -> Printed:
    """Print what the browser shows, its typesetting finished, into a file."""
    page.evaluate("window.MathJax && MathJax.startup ? MathJax.startup.promise.then(() => 1) : 1")
    page.evaluate("Promise.all([...document.images].map((image) => image.decode().catch(() => 0))).then(() => 1)")
    page.emulate_media(media="print", color_scheme="light")
    zoom = float(page.evaluate(FIT, WIDTH))
    cut = page.evaluate(CUT, WIDTH)
    margin = f"{MARGIN}mm"
    page.pdf(
        path=target,
        format="A4",
        margin={"top": margin, "bottom": margin, "left": margin, "right": margin},
        print_background=True,
        outline=True,
        tagged=True,
        display_header_footer=True,
        header_template="<span></span>",
        footer_template=FOOTER,
    )
    data = target.read_bytes()
    return Printed(len(re.findall(rb"/Type\s*/Page\b", data)), len(re.findall(rb"/Subtype\s*/Link\b", data)), cut, zoom)


def make_pdf(html: Path, target: Path, names: list[str]) -> tuple[Printed, list[str]]:
    """Print the pages `names` of a rendered book; returns what was printed, and the links that lead nowhere."""
    text, broken = assembled(html, names)
    whole = html / "_print.html"
    whole.write_text(text, encoding="utf-8")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program(), args=FLAGS)
            page = browser.new_page(viewport={"width": WIDTH, "height": 1000})
            page.set_default_timeout(1_200_000)
            page.goto(whole.resolve().as_uri(), wait_until="load")
            printed = print_page(page, target)
            browser.close()
    finally:
        whole.unlink()
    return printed, broken


def main() -> None:
    parser = argparse.ArgumentParser(description="Print the rendered book as one PDF.")
    parser.add_argument("--html", type=Path, default=ROOT / "_build" / "html", help="the rendered book")
    parser.add_argument("--into", type=Path, default=ROOT / "_build" / "book.pdf", help="the file to write")
    arguments = parser.parse_args()
    if program() is None:
        sys.exit(MISSING)
    if not (arguments.html / "index.html").exists():
        sys.exit(f"there is no rendered book in {arguments.html}: make book")
    print(f"Printing the book: about {SECONDS} s.", flush=True)
    printed, broken = make_pdf(arguments.html, arguments.into, contents())
    wrong = [f"leads nowhere: {link}" for link in broken] + [f"is cut off: {element}" for element in printed.cut]
    if printed.zoom < LEAST_ZOOM:
        wrong.append(f"something was shrunk to {printed.zoom:.2f} of its size, less than {LEAST_ZOOM}")
    if wrong:
        sys.exit("\n".join(wrong))
    size = arguments.into.stat().st_size / 1e6
    print(f"{arguments.into}: {printed.pages} pages, {printed.links} links, {size:.1f} MB.")


if __name__ == "__main__":
    main()
