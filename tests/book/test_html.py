"""The rendered pages, as HTML."""

import importlib.util
import inspect
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup, NavigableString, Tag
from docutils import nodes

from tests.book.conftest import CHAPTERS, PAGES, anchors, of_one_page, of_the_page, seen_before
from tests.comparing import notebook_differences
from tests.public_names import public_methods, public_modules
from tools import address
from tools.book import staged
from tools.chapters import NOTEBOOKS, ROOT, sources, trains

pytestmark = pytest.mark.book

RAW = re.compile(r"\{(glue|cite|ref|numref|eq|term|doc|py|prf)[^}\s]*\}|\$\$|::::?")
LOCAL = ("", "data")


@of_one_page
@pytest.mark.parametrize("page", PAGES)
def test_page_has_one_title_and_no_raw_markup(site, page):
    article = site.article(page)
    assert len(article.find_all("h1")) == 1
    assert RAW.search("".join(prose(article))) is None


def test_only_a_page_that_differs_is_looked_at_again(tmp_path, monkeypatch):
    first, second = folders = [tmp_path / name for name in ("first", "second")]
    for folder, text in zip(folders, ("one", "another"), strict=True):
        folder.mkdir()
        (folder / "same.html").write_text("same")
        (folder / "other.html").write_text(text)
    monkeypatch.setattr("tests.book.conftest.FOLDERS", folders)

    def seen(site, page, function=test_every_figure_has_a_caption):
        given = SimpleNamespace(params={"site": site, "page": page})
        return seen_before(SimpleNamespace(callspec=given, function=function))

    assert seen(second, "same")
    assert not any(seen(site, page) for site, page in ((first, "same"), (second, "other"), (second, "missing")))
    assert not seen(second, "same", test_every_link_inside_the_book_arrives)
    assert not seen_before(SimpleNamespace(function=test_every_figure_has_a_caption))
    of_one = of_the_page("same")(lambda site: None)
    assert seen_before(SimpleNamespace(callspec=SimpleNamespace(params={"site": second}), function=of_one))
    assert not seen_before(SimpleNamespace(callspec=SimpleNamespace(params={"site": first}), function=of_one))


def prose(tag):
    """The words of a page in their order, without what is quoted as code, as a formula or from a docstring."""
    for child in tag.children:
        if type(child) is NavigableString:
            yield str(child)
        elif isinstance(child, Tag) and not is_quoted(child):
            yield from prose(child)


def is_quoted(tag):
    classes = tag.get("class", [])
    return tag.name in ("pre", "code") or "math" in classes or (tag.name == "dl" and "py" in classes)


def test_raw_markup_is_found_outside_of_what_is_quoted():
    quoted = "<pre>$$</pre><p>a <code>{doc}</code><span class='math x'>$$</span></p><dl class='py class'>:::</dl>"
    seen = {text: "".join(prose(BeautifulSoup(text, "html.parser"))) for text in (quoted, f"{quoted}<p>{{do<b>c}}</b>")}
    assert [bool(RAW.search(words)) for words in seen.values()] == [False, True]


@of_one_page
@pytest.mark.parametrize("page", PAGES)
def test_every_image_says_what_it_shows(site, page):
    for image in site.soup(page).find_all("img"):
        alt = image.get("alt", "")
        least = 3 if image.find_parent("article") else 1  # the theme's own pictures are named in a word or two
        assert len(alt.split()) >= least, f"{image.get('src')}: alt text {alt!r}"
        assert not re.search(r"\.(png|svg|jpe?g)\b|/", alt), f"{image.get('src')}: a path is no alt text"


def caption_text(figure) -> str:
    caption = figure.find("figcaption")
    return caption.get_text(" ", strip=True) if caption else ""


@of_one_page
@pytest.mark.parametrize("page", PAGES)
def test_every_figure_has_a_caption(site, page):
    for figure in site.article(page).find_all("figure"):
        assert len(caption_text(figure).split()) >= 5, f"figure {figure.get('id')} has no caption"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_figure_of_a_chapter_reaches_its_page_whole(site, chapter):
    """Alt text and caption as the chapter wrote them, and below the figure its data and its runs."""
    article = site.article(chapter)
    outputs = [output for cell in site.executed(chapter).cells for output in cell.get("outputs", [])]
    shown = [each.metadata["scaling_lib"] for each in outputs if "scaling_lib" in each.get("metadata", {})]
    drawn = [each for each in outputs if "image/png" in each.get("data", {})]
    assert len(shown) == len(drawn) > 0, "a figure was drawn without scaling_lib.pages.drawing.figures.show"
    for wanted in shown:
        figure = article.find("figure", id=wanted["name"])
        assert figure is not None, f"{wanted['name']} is not on the page"
        assert figure.find("img")["alt"] == wanted["alt"]
        first_words = re.split(r"[^\w ,.]", wanted["caption"])[0].strip()
        assert first_words in caption_text(figure)
        details = figure.find_next("details", class_="figure-data")
        assert details.find_previous("figure") is figure
        assert details.find("table") or "SHA-256" in details.get_text()
        assert details.find("a", download=True) or "SHA-256" in details.get_text()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_exactly_one_colab_link_to_a_tracked_notebook(site, chapter):
    links = {link["href"] for link in site.soup(chapter).find_all("a", href=re.compile("colab"))}
    assert links == {f"https://colab.research.google.com/github/{address.wanted()}/blob/{address.branch()}/{chapter}.ipynb"}
    tracked = subprocess.run(["git", "ls-files", "--error-unmatch", f"{chapter}.ipynb"], cwd=ROOT, capture_output=True)
    assert tracked.returncode == 0, f"{chapter}.ipynb is not in git"


@pytest.mark.parametrize("page", sorted(set(PAGES) - set(CHAPTERS)))
def test_no_colab_link_where_there_is_no_notebook(site, page):
    assert site.soup(page).find_all("a", href=re.compile("colab")) == []


@pytest.mark.parametrize("page", [*PAGES, "search", "genindex"])
def test_a_page_loads_nothing_from_elsewhere_and_its_own_files_exist(site, page):
    soup = site.soup(page)
    wanted = [tag["src"] for tag in soup.find_all(["script", "img", "iframe", "source"], src=True)]
    wanted += [tag["href"] for tag in soup.find_all("link", href=True) if "canonical" not in tag.get("rel", [])]
    for url in map(urlsplit, wanted):
        assert url.scheme in LOCAL, f"loads {url.geturl()}"
        assert not url.netloc, f"loads {url.geturl()}"
        if not url.scheme:
            assert ((site.html / page).parent / unquote(url.path)).exists(), f"{url.path} is missing"


@pytest.mark.parametrize("page", PAGES)
def test_every_link_inside_the_book_arrives(site, page):
    here = site.html / f"{page}.html"
    for link in site.soup(page).find_all("a", href=True):
        url = urlsplit(link["href"])
        if url.scheme or url.netloc:
            continue
        target = Path(os.path.normpath(here.parent / unquote(url.path))) if url.path else here
        assert target.exists(), f"{link['href']} leads nowhere"
        if url.fragment and target.suffix == ".html":
            assert unquote(url.fragment) in anchors(target), f"{link['href']} leads nowhere"


def extension(name):
    """One of the extensions of Sphinx that the book has of its own."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "book" / "_ext" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LINKED = extension("first_uses")
GLOSSARY = LINKED.words_of((ROOT / "book" / "glossary.md").read_text(encoding="utf-8"))
PROSE = [page for page in PAGES if page.startswith("book/") and not page.startswith(LINKED.LEFT_OUT)]
# Where no words are linked: code, headings, and what blocks write as HTML.
NO_PROSE = ("pre", "code", "script", "style", "h1", "h2", "h3", "h4", "details", "dl", "aside")
NO_PROSE_CLASS = [
    "table-scroll",
    "live",
    "claims-fold",
    "math",
    "headerlink",
    "sd-summary-title",
    "admonition-title",
    "rubric",
]


def prose_of(article):
    """Every text of an article that is prose, with whether it stands in a link; of the rest, what stands in one: a list
    of definitions may hold the first use."""
    for text in article.find_all(string=True):
        in_link = text.find_parent("a") is not None
        rest = any(text.find_parent(name) for name in NO_PROSE) or text.find_parent(class_=NO_PROSE_CLASS)
        if in_link or not rest:
            yield str(text), in_link


@pytest.mark.parametrize("page", PROSE)
def test_the_first_use_of_a_word_of_the_glossary_is_a_link(site, page):
    texts = list(prose_of(site.article(page)))
    for word in GLOSSARY:
        pattern = LINKED.pattern_of([word])
        linked = [in_link for text, in_link in texts if pattern.search(text)]
        longer = [other for other in GLOSSARY if word != other and pattern.search(other)]
        first = next((text for text, in_link in texts if pattern.search(text)), "")
        if linked and not any(LINKED.pattern_of([other]).search(first) for other in longer):
            assert linked[0], f"{word!r} is first used without a link in {first.strip()[:80]!r}"


@pytest.mark.parametrize("page", PROSE)
def test_every_chapter_by_number_is_a_link(site, page):
    for text, in_link in prose_of(site.article(page)):
        assert in_link or not LINKED.CHAPTER.search(text), f"no link in {text.strip()[:80]!r}"


def test_words_of_the_glossary_are_found_in_the_plural_and_not_in_other_words():
    assert {"excess loss", "width", "SP", "Erdős–Rényi graph"} <= set(GLOSSARY)
    found = LINKED.pattern_of(GLOSSARY)
    said = "Widths, not bandwidth or width-wise; excess\nlosses; SP but not sp; Erdős–Rényi graphs."
    assert found.findall(said) == ["Widths", "excess\nlosses", "SP", "Erdős–Rényi graphs"]


def test_a_word_is_whole_where_its_line_ends():
    texts = [nodes.Text(part) for part in ("a power", "\n", "law")]
    paragraph = nodes.paragraph("", "", *texts, nodes.literal(text="x"), nodes.Text("y"))
    LINKED.joined(paragraph)
    assert [child.astext() for child in paragraph] == ["a power\nlaw", "x", "y"]


def test_no_page_knows_the_machine_that_made_it(site):
    private = [str(ROOT), str(Path.home()), sys.prefix, "/tmp/"]
    for kind in ("*.html", "*.ipynb", "*.md", "searchindex.js"):
        for path in site.html.rglob(kind):
            text = path.read_text(encoding="utf-8")
            assert [each for each in private if each in text] == [], path.name


# The index of the library's reference, and a page for each floor.
INDEX = "book/api"
FLOORS = [page for page in PAGES if page.startswith(f"{INDEX}-")]


def page_of(module):
    """Where a module is described: on the page of its floor, or with what stands beside the floors."""
    floor = f"{INDEX}-{module.split('.')[1]}"
    return floor if floor in FLOORS else f"{INDEX}-beside"


def test_the_reference_shows_every_public_module_on_the_page_of_its_floor_and_in_the_index(site):
    files = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "scaling_lib").rglob("[!_]*.py")]
    modules = {".".join(file.parts) for file in files}
    shown = {
        tag["id"].removeprefix("module-"): page
        for page in FLOORS
        for tag in site.article(page).find_all(id=re.compile("^module-"))
    }
    assert len(FLOORS) == 7
    assert {module: page_of(module) for module in modules}.items() <= shown.items()
    links = {link["href"] for link in site.article(INDEX).find_all("a", href=True)}
    assert {f"{Path(page).name}.html#module-{module}" for module, page in shown.items()} <= links
    assert {f"{Path(page).name}.html" for page in FLOORS} <= links


def test_the_reference_shows_every_public_name_and_inherited_methods_too(site):
    """Functions and classes by an entry of their own, methods under their class, constants and re-exports by name."""
    articles = {page: site.article(page) for page in FLOORS}
    entries_of = {page: {tag["id"] for tag in article.find_all(id=True)} for page, article in articles.items()}
    names_on = {page: {code.get_text() for code in article.select("code")} for page, article in articles.items()}
    lost = []
    for module in public_modules():
        page = page_of(module.__name__)
        entries, named = entries_of[page], names_on[page]
        for name in module.__all__:
            thing = getattr(module, name)
            own = getattr(thing, "__module__", None) == module.__name__
            if not (inspect.isroutine(thing) or inspect.isclass(thing)) or not own:
                lost += [] if name in named else [f"{module.__name__}.{name}"]
            elif f"{module.__name__}.{name}" not in entries:
                lost.append(f"{module.__name__}.{name}")
        lost += [
            f"{kind.__module__}.{kind.__name__}.{method}"
            for kind, method in public_methods(module)
            if f"{kind.__module__}.{kind.__name__}.{method}" not in entries
        ]
    assert not lost, f"not on the page: {', '.join(sorted(lost))}"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("(a: ~x.Annotated[int, ~y.Remedy(remedy=pass 1, or [2])]) -> int", "(a: int) -> int"),
        ("(a: Annotated[int, Remedy(remedy=one), Real(minimum=0)])", "(a: Annotated[int, Real(minimum=0)])"),
        ("(a: Annotated[dict[str, Annotated[float, Remedy(remedy=x)]], Remedy(remedy=y)])", "(a: dict[str, float])"),
        ("(a: Annotated[int, Real(minimum=0)], b: Annotated[int, Remedy(", None),
    ],
)
def test_a_signature_is_without_the_words_of_remedies(written, shown):
    assert extension("book_fixups").without_remedies(written) == (shown or written)


@pytest.mark.parametrize(
    ("source", "folded"),
    [
        ("import numpy as np\n\nfrom a import (\n    b,\n)", True),
        ("import numpy as np\n\nlab = begin(profile)", True),
        ("lab = begin(profile)", False),
        ("import numpy as np\nx = np.ones(3)", False),
        ("# words alone", False),
    ],
)
def test_a_cell_of_imports_alone_is_folded_on_the_page(source, folded):
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["nbval-ignore-output"]})
    (shown,) = staged(nbformat.v4.new_notebook(cells=[cell])).cells
    assert shown.source == source
    assert ("hide-input" in shown.metadata["tags"]) is folded
    assert cell.metadata["tags"] == ["nbval-ignore-output"]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_download_is_the_executed_notebook(site, chapter):
    download = site.html / "_sources" / f"{chapter}.ipynb"
    assert nbformat.read(download, as_version=4) == site.executed(chapter)


# What was executed


def stored_runs(home: Path) -> pd.DataFrame:
    """All runs of all stores below a folder."""
    tables = []
    for path in home.rglob("*.db"):
        with sqlite3.connect(path) as connection:
            tables.append(pd.read_sql("SELECT identity, optimizer_steps FROM runs", connection))
    return pd.concat(tables) if tables else pd.DataFrame({"identity": [], "optimizer_steps": []})


def test_smoke_shows_runs_that_this_invocation_trained(site):
    if site.profile != "smoke":
        assert stored_runs(site.run / "home").empty, "the profile recorded trained something"
        return
    trained = stored_runs(site.run / "home")
    assert len(trained) > 0
    assert (trained["optimizer_steps"] > 0).all()
    made = {identity[:12] for identity in trained["identity"]}
    lists = [code.get_text() for page in CHAPTERS for code in site.article(page).select("details.figure-data code")]
    shown = {identity for text in lists for identity in text.split()}
    assert made & shown, "no figure lists a run that was trained now"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_fresh_execution_gives_what_is_committed(site, chapter):
    if site.profile != "recorded":
        pytest.skip("the committed notebooks are of the profile recorded")

    committed = nbformat.read(NOTEBOOKS / f"{Path(chapter).name}.ipynb", as_version=4)
    assert notebook_differences(committed, site.executed(chapter)) == [], "make notebooks"


def test_the_recorded_chapters_ran_on_the_installed_wheel(site):
    """`make test` executes them in an environment where no source tree is found; `make book` on the tree itself."""
    library = Path((site.run / "library.txt").read_text().strip())
    environment = site.html.parent / "installed" / "environment"
    if not environment.exists():
        pytest.skip("this book was made without --installed")
    assert library.is_relative_to(environment)


@pytest.fixture(scope="module")
def smoke():
    """The folder of the chapters that `make test` executed under the profile smoke."""
    if "SCALING_SMOKE" not in os.environ:
        pytest.skip("only make test executes the chapters under smoke as well")
    (folder,) = Path(os.environ["SCALING_SMOKE"]).glob("run-*")
    return folder


TRAINING = [f"notebooks/{source.stem}" for source in sources() if trains(source)]


@pytest.mark.parametrize("chapter", TRAINING)
def test_a_chapter_under_smoke_could_be_a_page(smoke, chapter):
    """What a strict book would refuse: an error or a warning among the outputs, a figure without a caption or words
    for it; and the figures are those of the committed notebook."""
    name = f"{Path(chapter).name}.ipynb"
    executed, committed = (nbformat.read(folder / name, as_version=4) for folder in (smoke, NOTEBOOKS))
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"] == []
    drawn, wanted = ([figure["name"] for figure in figures_of(notebook)] for notebook in (executed, committed))
    assert drawn == wanted
    assert all(figure["caption"] and figure["alt"] for figure in figures_of(executed))
    assert len(staged(executed).cells) >= len(executed.cells)


def figures_of(notebook):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [figure for output in outputs if (figure := output.get("metadata", {}).get("scaling_lib"))]


def test_figures_under_smoke_list_runs_that_were_trained_now(smoke):
    trained = stored_runs(smoke / "home")
    assert len(trained) > 0
    assert (trained["optimizer_steps"] > 0).all()
    chapters = "".join((smoke / f"{Path(chapter).name}.ipynb").read_text(encoding="utf-8") for chapter in TRAINING)
    lists = re.findall(r"Made from \d+ runs: <code>([0-9a-f ]*)</code>", chapters)
    shown = {identity for text in lists for identity in text.split()}
    assert {identity[:12] for identity in trained["identity"]} & shown, "no figure lists a run that was trained now"


def test_the_second_execution_trained_too():
    """What nbval compared was made anew: its own store, empty at first, holds runs with optimiser steps."""
    home = os.environ.get("SCALING_SECOND_HOME")
    if home is None:
        pytest.skip("only make test executes the chapters a second time")
    trained = stored_runs(Path(home))
    assert len(trained) > 0
    assert (trained["optimizer_steps"] > 0).all()
