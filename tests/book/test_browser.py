"""The rendered pages in a browser: Debian's Chromium, driven by Playwright, with no way out to the network."""

import functools
import http.server
import re
import threading

import pytest

from tests.book.conftest import CHAPTERS, PAGES, of_one_page

pytestmark = [pytest.mark.book, pytest.mark.browser]

DESKTOP, PHONE = (1280, 900), (390, 844)
# Everything else about a page is in both tables; the quick pass looks at each page from two opposite corners.
QUICK = {(DESKTOP, "light"), (PHONE, "dark")}
VIEWS = [
    pytest.param(size, scheme, marks=() if (size, scheme) in QUICK else pytest.mark.slow, id=f"{size[0]}-{scheme}")
    for size in (DESKTOP, PHONE)
    for scheme in ("light", "dark")
]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def url(site):
    handler = functools.partial(Quiet, directory=site.html)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class Visit:
    """One page opened, with everything that went wrong while it was."""

    def __init__(self, browser, url, size, scheme):
        self.url, self.complaints = url, []
        width, height = size
        self.context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.on("request", self.on_request)
        self.page.on("response", lambda each: each.status < 400 or self.complaints.append(f"{each.status} {each.url}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        self.page.on("console", self.on_console)

    def on_request(self, request):
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.complaints.append(f"asks {request.url}")

    def on_console(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(f"console {message.type}: {message.text}")

    def open(self, page):
        self.page.goto(f"{self.url}/{page}.html")
        self.page.wait_for_load_state("networkidle")
        if self.page.locator(".math").count():
            self.page.evaluate("MathJax.startup.promise")
        return self.page


@pytest.fixture
def visit(browser, url):
    made = []

    def visit(size=DESKTOP, scheme="light"):
        made.append(Visit(browser, url, size, scheme))
        return made[-1]

    yield visit
    for each in made:
        each.context.close()


# Elements that stick out on the right, not counting what scrolls inside a parent.
STICKING_OUT = """
() => [...document.querySelectorAll('article *')].filter(element => {
    if (element.getBoundingClientRect().right <= innerWidth + 1) return false;
    for (let parent = element.parentElement; parent !== document.body; parent = parent.parentElement)
        if (getComputedStyle(parent).overflowX !== 'visible') return false;
    return element.getBoundingClientRect().width > 0;
}).map(element => element.outerHTML.slice(0, 100))
"""


@of_one_page
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("size", "scheme"), VIEWS)
def test_page_is_whole(visit, page, size, scheme):
    """No error, nothing asked of others, math and images there, nothing wider than the screen, the right colours."""
    visited = visit(size, scheme)
    shown = visited.open(page)
    assert visited.complaints == []
    assert shown.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert shown.evaluate(STICKING_OUT) == []
    assert shown.locator("mjx-merror").count() == 0
    assert shown.locator(".math").count() <= shown.locator("mjx-container").count()
    broken = "[...document.images].filter(image => image.complete && !image.naturalWidth).map(image => image.src)"
    shown.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    assert shown.evaluate(broken) == []
    assert shown.evaluate("document.documentElement.dataset.theme") == scheme
    ground = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) > 3 * 128) == (scheme == "light")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_data_of_a_figure_opens_by_keyboard_and_fits_a_phone(visit, chapter):
    visited = visit(PHONE)
    page = visited.open(chapter)
    # The first that is not folded away: some figures give an answer away.
    details = page.locator("details.figure-data:visible").first
    details.locator("summary").focus()
    page.keyboard.press("Enter")
    assert details.get_attribute("open") is not None
    assert page.evaluate(STICKING_OUT) == []
    assert visited.complaints == []


@of_one_page
@pytest.mark.parametrize("page", ["book/claims"])
def test_claims_are_all_there_and_the_filter_only_hides(visit, browser, url, page):
    context = browser.new_context(java_script_enabled=False)
    bare = context.new_page()
    bare.goto(f"{url}/{page}.html")
    rows = bare.locator("table.claims tr[data-verdict]").count()
    assert bare.locator(".claims-filter").count() == 0
    context.close()

    visited = visit(PHONE)
    opened = visited.open(page)
    shown = opened.locator("table.claims tr[data-verdict]:visible")
    assert shown.count() == rows > 0
    opened.get_by_label("Words").fill("COUNTING exponent")
    texts = [text.lower() for text in shown.all_text_contents()]
    assert 0 < len(texts) < rows
    assert all("counting" in text and "exponent" in text for text in texts)
    assert opened.locator(".claims-filter output").text_content() == f"{len(texts)} of {rows} claims"
    opened.get_by_label("Words").fill("")
    opened.get_by_label("Verdict").select_option("not run")
    assert {row.get_attribute("data-verdict") for row in shown.all()} == {"not run"}
    opened.evaluate("location.hash = 'claim-counting-beta'")
    opened.locator("#claim-counting-beta").wait_for(state="visible")
    assert shown.count() == rows
    assert visited.complaints == []


def test_search_finds_a_word_of_the_book(visit):
    visited = visit()
    page = visited.page
    page.goto(f"{visited.url}/search.html?q=entropy")
    page.wait_for_selector("#search-results li a", timeout=20_000)
    assert visited.complaints == []


def test_the_front_page_leads_to_the_first_chapter(visit):
    visited = visit()
    page = visited.open("index")
    page.wait_for_url(re.compile("/book/intro.html"))
    page.locator(f'nav a[href$="{CHAPTERS[0]}.html"]').first.click()
    page.wait_for_url(re.compile(f"/{CHAPTERS[0]}.html"))
    assert visited.complaints == []
