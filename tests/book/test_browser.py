"""The rendered pages in a browser: Debian's Chromium, driven by Playwright, with no way out to the network."""

import functools
import http.server
import re
import threading
import time
from pathlib import Path

import pytest

from tests.book.conftest import CHAPTERS, PAGES, of_one_page, of_the_page

pytestmark = [pytest.mark.book, pytest.mark.browser]

DESKTOP, PHONE = (1280, 900), (390, 844)
# The pages of the library's reference are of one make, from docstrings, and large: the shortest stands for them.
REFERENCE = [page for page in PAGES if page.startswith("book/api-") and page != "book/api-beside"]
# Everything else about a page is in both tables; the quick pass looks at each page from two opposite corners, and at a
# page of the reference on a phone, where it is least likely to fit.
QUICK = {(DESKTOP, "light"), (PHONE, "dark")}
VIEWS = [(size, scheme) for size in (DESKTOP, PHONE) for scheme in ("light", "dark")]
# Seconds after which what was asked for does not count as coming.
WAIT = 20


# Vendored: npm axe-core 4.14.1 (MPL-2.0), the rules of accessibility that a program can check.
AXE = Path(__file__).with_name("axe-core") / "axe.min.js"
# A page is asked in one view in `make test`, and in the opposite one with what is slow.
AXE_VIEWS = [
    pytest.param(DESKTOP, "light", id="desktop-light"),
    pytest.param(PHONE, "dark", marks=pytest.mark.slow, id="phone-dark"),
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


# Until every picture of a page is there, or is known not to come, and every letter has its font.
SETTLED = """
() => Promise.all([...document.images].map((image) => {
    image.loading = 'eager';
    return image.complete || new Promise((done) => { image.onload = image.onerror = done; });
})).then(() => document.fonts.ready).then(() => true)
"""


class Visit:
    """A tab of the browser, with everything that went wrong since its page was opened."""

    def __init__(self, context, url):
        self.url, self.complaints, self.awaited = url, [], set()
        self.page = context.new_page()
        self.page.on("request", self.on_request)
        self.page.on("requestfinished", self.on_end)
        self.page.on("requestfailed", self.on_end)
        self.page.on("response", lambda each: each.status < 400 or self.complaints.append(f"{each.status} {each.url}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        self.page.on("console", self.on_console)

    def on_request(self, request):
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.complaints.append(f"asks {request.url}")
        self.awaited.add(request)

    def on_end(self, request):
        self.awaited.discard(request)

    def on_console(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(f"console {message.type}: {message.text}")

    def open(self, page):
        self.complaints.clear()
        self.awaited.clear()
        self.page.goto(f"{self.url}/{page}.html")
        if self.page.locator(".math").count():
            self.page.evaluate("MathJax.startup.promise")
        return self.page

    def complained(self):
        """What went wrong, once all that the page asks for has come, pictures below the screen and fonts included."""
        self.page.evaluate(SETTLED)
        end = time.monotonic() + WAIT
        while self.awaited and time.monotonic() < end:
            self.page.wait_for_timeout(20)
        return self.complaints + [f"never came: {request.url}" for request in self.awaited]


def screen(browser, size, scheme):
    """A browser's own memory of pages, scripts and choices, behind a window of this size."""
    width, height = size
    return browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)


@pytest.fixture(scope="module")
def opened(browser, url):
    """A page in one view, for the tests that only look. conftest puts those of a view one behind the other, and they
    share what was loaded. Pages of one size and scheme follow each other in one tab, as they do for a reader: a new tab
    would fetch and compile every script again, which takes most of the time."""
    tabs, shown = {}, {}

    def opened(page, size, scheme):
        view = (size, scheme)
        if view not in tabs:
            tabs[view] = Visit(screen(browser, size, scheme), url)
        if shown.get(view) != page:
            tabs[view].open(page)
            shown[view] = page
        return tabs[view]

    yield opened
    for tab in tabs.values():
        tab.page.context.close()


@pytest.fixture
def visit(browser, url):
    """A page on a screen of its own, for the tests that do something there."""
    made = []

    def visit(size=DESKTOP, scheme="light"):
        made.append(screen(browser, size, scheme))
        return Visit(made[-1], url)

    yield visit
    for each in made:
        each.close()


# Elements that stick out on the right, not counting what scrolls inside a parent.
STICKING_OUT = """
() => [...document.querySelectorAll('article *')].filter(element => {
    if (element.getBoundingClientRect().right <= innerWidth + 1) return false;
    for (let parent = element.parentElement; parent !== document.body; parent = parent.parentElement)
        if (getComputedStyle(parent).overflowX !== 'visible') return false;
    return element.getBoundingClientRect().width > 0;
}).map(element => element.outerHTML.slice(0, 100))
"""


def quick(page, size, scheme):
    return (size, scheme) in QUICK and (page not in REFERENCE or size == PHONE)


@of_one_page
@pytest.mark.parametrize(
    ("page", "size", "scheme"),
    [
        pytest.param(
            page,
            size,
            scheme,
            marks=() if quick(page, size, scheme) else pytest.mark.slow,
            id=f"{size[0]}-{scheme}-{page}",
        )
        for size, scheme in VIEWS
        for page in PAGES
    ],
)
def test_page_is_whole(opened, page, size, scheme):
    """No error, nothing asked of others, math and images there, nothing wider than the screen, the right colours."""
    visited = opened(page, size, scheme)
    shown = visited.page
    assert shown.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert shown.evaluate(STICKING_OUT) == []
    assert shown.locator("mjx-merror").count() == 0
    assert shown.locator(".math").count() <= shown.locator("mjx-container").count()
    broken = "[...document.images].filter(image => image.complete && !image.naturalWidth).map(image => image.src)"
    assert visited.complained() == []
    assert shown.evaluate(broken) == []
    assert shown.evaluate("document.documentElement.dataset.theme") == scheme
    ground = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) > 3 * 128) == (scheme == "light")


def accessibility(shown):
    """What axe-core finds on a page that is critical or serious: the rule, and the elements."""
    shown.evaluate(AXE.read_text(encoding="utf-8"))
    report = shown.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['impact']} {rule['id']}: {node['html'][:200]}"
        for rule in report["violations"]
        if rule["impact"] in ("critical", "serious")
        for node in rule["nodes"]
    ]


AXE_PAGES = [pytest.param(page, marks=pytest.mark.slow) if page in REFERENCE else page for page in PAGES]


@of_one_page
@pytest.mark.parametrize("page", AXE_PAGES)
@pytest.mark.parametrize(("size", "scheme"), AXE_VIEWS)
def test_page_is_accessible(opened, page, size, scheme):
    assert accessibility(opened(page, size, scheme).page) == []


def test_what_axe_finds_is_told(visit):
    page = visit().page
    page.set_content('<html lang="en"><title>x</title><main><h1>x</h1><img src="data:,"></main>')
    assert [line.partition(":")[0] for line in accessibility(page)] == ["critical image-alt"]


# The smallest letters of a figure have 9 points, at 144 dots an inch; on a phone they are to be as high as this.
LETTERS, LEAST_LETTERS = 9 * 144 / 72, 11
SHRUNK = """
() => [...document.querySelectorAll('article figure img')]
  .filter((image) => image.getBoundingClientRect().width > 0)
  .map((image) => [image.closest('figure').id, image.getBoundingClientRect().width / image.naturalWidth])
"""
ENDLESS = """
() => [...document.querySelectorAll('[data-scrolls]')]
  .filter((region) => region.scrollWidth > region.clientWidth + 2 && !region.classList.contains('goes-on'))
  .map((region) => region.outerHTML.slice(0, 100))
"""


def check_what_a_phone_shows(page):
    """Letters of figures are high enough, and what goes on to the right is seen to, until one has come to its end."""
    page.evaluate(SETTLED)
    shares = dict(page.evaluate(SHRUNK))
    assert len(shares) > 1
    assert {name: share for name, share in shares.items() if share * LETTERS < LEAST_LETTERS} == {}
    figure = page.locator("figure.goes-on").first.element_handle()
    page.wait_for_function(f"({ENDLESS.strip()})().length === 0")
    figure.evaluate("(figure) => { figure.scrollLeft = figure.scrollWidth; }")
    page.wait_for_function("(figure) => !figure.classList.contains('goes-on')", arg=figure)


@pytest.mark.parametrize(
    ("page", "size", "scheme"), [pytest.param(chapter, PHONE, "dark", id=chapter) for chapter in CHAPTERS]
)
def test_figures_fit_a_phone_and_their_data_opens_by_keyboard(opened, page, size, scheme):
    visited = opened(page, size, scheme)
    page = visited.page
    check_what_a_phone_shows(page)
    # The first that is not folded away: some figures give an answer away.
    details = page.locator("details.figure-data:visible").first
    details.locator("summary").focus()
    page.keyboard.press("Enter")
    assert details.get_attribute("open") is not None
    assert page.evaluate(STICKING_OUT) == []
    assert visited.complaints == []


# The page of claims, before anything on it is unfolded, is at most this high on a desktop.
CLAIMS_HEIGHT = 12_000
ROWS = "table.claims tr[data-verdict]"
HEIGHT = "document.documentElement.scrollHeight"


@of_the_page("book/claims")
def test_claims_are_complete_without_scripts_and_short(browser, url):
    context = browser.new_context(java_script_enabled=False, viewport={"width": DESKTOP[0], "height": DESKTOP[1]})
    bare = context.new_page()
    bare.goto(f"{url}/book/claims.html")
    rows = bare.locator(ROWS)
    kinds = {row.get_attribute("data-verdict") for row in rows.all()}
    assert bare.locator(".claims-filter").count() == 0
    assert bare.locator(f"{ROWS}:visible").count() < rows.count()
    assert "not run" in kinds
    assert len(kinds) > 3
    assert bare.locator("article.bd-article").bounding_box()["height"] < CLAIMS_HEIGHT
    context.close()


def verdicts(shown):
    return {row.get_attribute("data-verdict") for row in shown.all()}


@of_the_page("book/claims")
def test_the_filter_of_claims_begins_with_what_was_measured_and_its_address_can_be_shared(visit):
    visited = visit(DESKTOP)
    page = visited.open("book/claims")
    rows, shown = page.locator(ROWS), page.locator(f"{ROWS}:not([hidden])")
    every = rows.count()
    assert page.evaluate(HEIGHT) < CLAIMS_HEIGHT
    assert page.get_by_label("Show").input_value() == "measured here"
    measured = shown.count()
    assert 0 < measured < every
    assert "not run" not in verdicts(shown)
    assert page.locator(".claims-filter output").text_content() == f"{measured} of {every} claims"
    page.get_by_label("Words").fill("COUNTING exponent")
    texts = [text.lower() for text in shown.all_text_contents()]
    assert 0 < len(texts) < measured
    assert all("counting" in text and "exponent" in text for text in texts)
    assert "words=COUNTING+exponent" in page.url
    page.get_by_role("button", name="Reset").click()
    assert shown.count() == measured
    page.get_by_label("Show").select_option("not run")
    page.get_by_label("Experiment").select_option("er-8k-k0")
    assert verdicts(shown) == {"not run"}
    assert {row.get_attribute("data-experiment") for row in shown.all()} == {"er-8k-k0"}
    chosen, address = shown.count(), page.url
    assert page.locator(f"{ROWS}:visible").count() == chosen > 0

    page.goto(address)
    assert shown.count() == chosen
    assert page.get_by_label("Experiment").input_value() == "er-8k-k0"
    for facet, value in (("Kind", "exact"), ("Chapter", "01")):
        page.goto(f"{visited.url}/book/claims.html?show=everything")
        assert shown.count() == every
        page.get_by_label(facet).select_option(value)
        assert {row.get_attribute(f"data-{facet.lower()}") for row in shown.all()} == {value}
    assert visited.complaints == []


@of_the_page("book/claims")
def test_the_totals_of_claims_lead_to_their_rows(visit):
    page = visit(DESKTOP).open("book/claims")
    link = page.locator('.totals a[href*="show=differs"]').first
    count, address = int(link.text_content()), link.get_attribute("href")
    link.click()
    page.wait_for_url(lambda url: url.endswith(address))
    shown = page.locator(f"{ROWS}:visible")
    assert shown.count() == count > 0
    assert verdicts(shown) == {"differs"}


@of_the_page("book/claims")
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_link_to_a_claim_shows_it_where_the_filter_hides_it(visit, size):
    visited = visit(size)
    page = visited.page
    page.goto(f"{visited.url}/book/claims.html?show=differs#claim-er-8k-k0-alpha")
    page.locator("#claim-er-8k-k0-alpha").wait_for(state="visible")
    assert page.get_by_label("Show").input_value() == "everything"
    page.evaluate("location.hash = 'claim-chinchilla-2d-alpha'")
    page.locator("#claim-chinchilla-2d-alpha").wait_for(state="visible")
    assert page.evaluate(STICKING_OUT) == []
    assert visited.complaints == []


def test_search_finds_a_word_of_the_book(visit):
    visited = visit()
    page = visited.page
    page.goto(f"{visited.url}/search.html?q=entropy")
    page.wait_for_selector("#search-results li a", timeout=20_000)
    assert visited.complaints == []


@pytest.mark.parametrize("word", ["entropy", "width", "allocation"])
def test_search_shows_the_reference_of_the_library_last(visit, word):
    visited = visit()
    page = visited.page
    page.goto(f"{visited.url}/search.html?q={word}")
    page.get_by_text("Search finished").wait_for(timeout=20_000)
    pages = [link.get_attribute("href") for link in page.locator("#search-results li > a").all()]
    of_the_library = [address.startswith("book/api") for address in pages]
    assert {True, False} == set(of_the_library)
    assert of_the_library == sorted(of_the_library)


@of_the_page("book/intro")
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_figure_of_the_front_page_answers_to_its_slider(visit, size):
    visited = visit(size)
    page = visited.open("book/intro")
    slider = page.get_by_label("Assumed floor", exact=True)
    says, dots = page.locator("#fig-assumed .live-says"), page.locator("#fig-assumed circle")
    assert slider.get_attribute("aria-valuetext") == "true floor"
    before, places = says.text_content(), [dot.get_attribute("cy") for dot in dots.all()]
    length = slider.bounding_box()["width"]
    slider.focus()
    page.keyboard.press("End")
    assert "nats too high" in says.text_content() != before
    assert [dot.get_attribute("cy") for dot in dots.all()] != places
    assert slider.bounding_box()["width"] > 0.9 * length
    page.keyboard.press("Home")
    assert "nats too low" in says.text_content()
    assert page.evaluate(STICKING_OUT) == []
    assert visited.complaints == []


@of_the_page("book/intro")
@pytest.mark.parametrize("size", [(1280, 800), PHONE], ids=["desktop", "phone"])
def test_the_slider_of_the_front_page_stands_below_the_sentence_that_invites_to_it(visit, size):
    page = visit(size).open("book/intro")
    invites = page.locator("article p", has_text="Move the slider").first.bounding_box()
    slider = page.locator("#fig-assumed .live-slider").bounding_box()
    assert 0 <= slider["y"] - invites["y"] - invites["height"] < 40
    assert size == PHONE or slider["y"] + slider["height"] < size[1]


@of_the_page("book/origin")
def test_the_figures_of_the_origin_do_not_scroll_on_a_phone(visit):
    page = visit(PHONE).open("book/origin")
    page.evaluate(SETTLED)
    shares = dict(page.evaluate(SHRUNK))
    assert len(shares) > 5
    assert {name: share for name, share in shares.items() if share * LETTERS < LEAST_LETTERS} == {}
    scrolls = "() => [...document.querySelectorAll('article figure')].filter((f) => f.scrollWidth > f.clientWidth)"
    assert page.evaluate(f"{scrolls}.map((figure) => figure.id)") == []


@of_the_page("book/intro")
def test_the_figure_of_the_front_page_stands_without_scripts(browser, url):
    context = browser.new_context(java_script_enabled=False)
    bare = context.new_page()
    bare.goto(f"{url}/book/intro.html")
    assert bare.locator("#fig-assumed circle:visible").count() > 5
    assert not bare.get_by_label("Assumed floor", exact=True).is_visible()
    assert "true floor" in bare.locator("#fig-assumed .live-says").text_content()
    context.close()


def test_next_of_the_front_page_is_the_thread(visit):
    visited = visit()
    page = visited.open("book/intro")
    page.locator("a.right-next").click()
    page.wait_for_url(re.compile(f"/{CHAPTERS[0]}.html"))
    assert visited.complaints == []


@of_the_page("book/claims")
def test_a_filter_opens_what_is_undetermined(visit):
    visited = visit(DESKTOP)
    page = visited.open("book/claims")
    folded = page.locator(".claims-undetermined tr[data-verdict]")
    assert folded.count() > 5
    assert page.locator(".claims-undetermined tr:visible").count() == 0
    page.get_by_label("Show").select_option("undetermined")
    assert page.locator(".claims-undetermined tr[data-verdict]:visible").count() == folded.count()
    page.get_by_label("Show").select_option("differs")
    assert not page.locator(".claims-undetermined").is_visible()
    assert visited.complaints == []


def test_the_front_page_leads_to_the_first_chapter(visit):
    visited = visit()
    page = visited.open("index")
    page.wait_for_url(re.compile("/book/intro.html"))
    page.locator(f'nav a[href$="{CHAPTERS[0]}.html"]').first.click()
    page.wait_for_url(re.compile(f"/{CHAPTERS[0]}.html"))
    assert visited.complaints == []
