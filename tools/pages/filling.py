"""The pages that name results instead of typing them: templates in book/, filled when `tools.book` stages the book.

A page is a Jinja2 template. It names its results:

    {{ claim("ID").FIELD }}       of a claim of the ledger: published, ours, interval, margin, kind, verdict, reason,
                                  power, chance, place, and result, which is ours, interval and verdict in one, and of
                                  an undetermined row the verdict and its reason
    {{ times("ID") }}             of a claim whose value is the logarithm of a ratio: the ratio, turned so that it is
                                  above 1, with its interval
    {{ setting("NAME").FIELD }}   of an experiment's full grid: widths, tokens, steps, rates, seeds, batch, depth, ...
    {{ figure("fig-NAME") }}      a link to a figure of a chapter, or words where this build has not drawn it
    {{ number("NAME") }}          computed from recorded tables or from what is printed: numbers.py
    {{ block("NAME") }}           a paragraph, table or figure: claims.py, listing.py, runs.py, ...

and words that depend on a verdict are chosen by it; every verdict has its words, so that none is foreseen, or shares
those after `otherwise`:

    {% call by_verdict("ID") %}
    reproduced: ...
    differs: ...
    inconclusive: ...
    undetermined: ...
    not run: ...
    {% endcall %}

What a page names and nobody knows stops the build with one sentence that names the page, the line and the field.
"""

import math
import traceback
from collections.abc import Mapping
from functools import cache, partial
from html import escape
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import nbformat
from jinja2 import Environment, StrictUndefined, TemplateError, TemplateSyntaxError

from scaling_lib.errors import InvalidArgument, invalid
from scaling_lib.pages.drawing.numbers import number
from scaling_lib.pages.drawing.prose import plain, texts
from scaling_lib.pages.judging.claims import Row, evaluate
from scaling_lib.pages.judging.ledger import VERDICTS
from scaling_lib.runs.keeping.tables import recorded_or_none
from scaling_lib.runs.sweeping.experiments import EXPERIMENTS
from tools.pages import claims, fitters, front, listing, runs, status, suspects
from tools.pages.book import Block, Book
from tools.pages.markup import anchor, listed
from tools.pages.numbers import NUMBERS

# Stands in a choice for all verdicts that have no words of their own.
OTHERWISE = "otherwise"
MODULES = (claims, fitters, front, listing, runs, status, suspects)
BLOCKS: Mapping[str, Block] = {name: block for module in MODULES for name, block in module.BLOCKS.items()}


def fill_pages(folder: Path, executed: list[Path]) -> None:
    """Fill every page in `folder` that has fields, in place; pictures go to its subfolder `drawn`."""
    templates = [path for path in sorted(folder.glob("*.md")) if is_template(path.read_text(encoding="utf-8"))]
    if not templates:
        return
    rows = evaluate(recorded_or_none)
    book = Book({row.claim.id: row for row in rows}, recorded_or_none, tuple(executed), folder / "drawn")
    book.pictures.mkdir()
    for path in templates:
        path.write_text(fill(path.read_text(encoding="utf-8"), book, path.name), encoding="utf-8")


def is_template(text: str) -> bool:
    """Whether a page has fields or choices."""
    return "{{" in text or "{%" in text


def fill(text: str, book: Book, page: str) -> str:
    """`text` with every field and choice filled. Raises InvalidArgument that names the page, the line and the field."""
    try:
        return _environment(book).from_string(text).render()
    except TemplateSyntaxError as error:
        raise _at(page, text, error.lineno, str(error.message)) from None
    except (TemplateError, InvalidArgument, TypeError) as error:
        frames = traceback.extract_tb(error.__traceback__)
        if isinstance(error, TypeError) and frames[-1].filename != "<template>":  # a fault of ours, not of the page
            raise
        lines = [frame.lineno or 1 for frame in frames if frame.filename == "<template>"]
        raise _at(page, text, lines[-1], str(error)) from None


def _at(page: str, text: str, line: int, reason: str) -> InvalidArgument:
    written = text.splitlines()[line - 1].strip()
    return InvalidArgument(f"{page}, line {line} ({written!r}): {reason.rstrip('.')}; see tools/pages/filling.py.")


def _environment(book: Book) -> Environment:
    """Jinja2 with the names that a page may use; comments begin with `{##`, since `{#` occurs in Markdown."""
    environment = Environment(
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        comment_start_string="{##",
        comment_end_string="##}",
        autoescape=False,  # the pages are Markdown; what is HTML is escaped where it is made
    )
    environment.globals = {
        "claim": lambda identifier: _of_claim(_row(identifier, book)),
        "times": lambda identifier: _times(_row(identifier, book)),
        "setting": _setting,
        "figure": lambda name: _figure(name, book),
        "number": lambda name: _known("number", name, NUMBERS)(book),
        "block": lambda name: _known("block", name, BLOCKS)(book),
        "by_verdict": lambda identifier, caller: _words(_row(identifier, book), caller()),
    }
    return environment


def _known(kind: str, name: str, names: Mapping[str, Block]) -> Block:
    if name not in names:
        raise invalid(kind, f"one of {sorted(names)}", name, "correct the field")
    return names[name]


def _row(identifier: str, book: Book) -> Row:
    if identifier not in book.rows:
        raise invalid("claim", "the id of a claim of the ledger", identifier, "correct the field")
    return book.rows[identifier]


def _of_claim(row: Row) -> SimpleNamespace:
    """What a page may say of a claim, as HTML."""
    words = texts(row)
    verdict = f'<a class="verdict" href="claims.html#{anchor(row.claim.id)}">{words["verdict"]}</a>'
    interval = "" if words["interval"] == words["ours"] else f"{words['interval']}; "
    result = verdict if row.shown is None else f"{words['ours']} ({interval}{verdict})"
    if row.reason:
        result = f"{verdict} ({escape(row.reason)})"
    return SimpleNamespace(
        **{name: escape(text) for name, text in words.items()} | {"verdict": verdict, "result": result}
    )


def _times(row: Row) -> str:
    """The ratio whose logarithm is our value, turned so that it is above 1; the verdict's word where none is shown."""
    if row.shown is None:
        return row.verdict
    sign = -1 if row.shown.value < 0 else 1
    ratios = sorted(math.exp(sign * end) for end in (row.shown.low, row.shown.value, row.shown.high))
    low, ratio, high = (number(each, 3) for each in ratios)
    return ratio if low == high else f"{ratio} ({low} to {high})"


def _figure(name: str, book: Book) -> str:
    """A link to the figure `name` of the chapter that drew it in this build."""
    for path in book.executed:
        if name in drawn_figures(path):
            return f'<a href="../notebooks/{path.stem}.html#{name}">figure</a>'
    return "its figure needs recorded runs"


@cache
def drawn_figures(path: Path) -> frozenset[str]:
    """The names of the figures that an executed chapter shows."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    shown = [output.get("metadata", {}).get("scaling_lib") for output in outputs]
    return frozenset(figure["name"] for figure in shown if figure)


def _words(row: Row, choices: str) -> str:
    """Those of `choices` that stand after the verdict of `row`."""
    words: dict[str, str] = {}
    verdict = ""
    for line in choices.splitlines():
        head, colon, rest = line.partition(": ")
        if colon and head in (*VERDICTS, OTHERWISE):
            verdict = head
            words[verdict] = rest
        elif line.strip() and verdict:
            words[verdict] += f"\n{line.strip()}"
        elif line.strip():
            raise invalid("by_verdict", "lines 'verdict: words'", line, f"see the choice for claim {row.claim.id}")
    missing = [verdict for verdict in VERDICTS if not words.get(verdict, words.get(OTHERWISE, "")).strip()]
    if missing:
        raise invalid(f"by_verdict {row.claim.id}", "words for every verdict", missing[0], "write what is missing")
    return words.get(row.verdict, words.get(OTHERWISE, ""))


@cache  # pages name a dozen settings, and a grid has hundreds of runs
def _setting(identifier: str) -> SimpleNamespace:
    """What a page may say of an experiment's full grid."""
    if identifier not in EXPERIMENTS:
        raise invalid("setting", f"an experiment of {sorted(EXPERIMENTS)}", identifier, "correct the field")
    experiment = EXPERIMENTS[identifier]
    grid = partial(experiment.values, "full")
    tokens, rates = grid("schedule.tokens"), grid("optimizer.learning_rate")
    walks = product(tokens, grid("schedule.batch"), grid("architecture.context"))
    steps = [D // (batch * context) for D, batch, context in walks]
    values: dict[str, str] = {
        "widths": listed([number(width) for width in sorted(grid("architecture.width"))]),
        "largest_width": number(max(grid("architecture.width"))),
        "tokens": " to ".join(number(D) for D in sorted({min(tokens), max(tokens)})),
        "rates": listed([plain(rate) for rate in rates]),
        "largest_rate": plain(max(rates)),
        "steps": " to ".join(number(steps) for steps in sorted({min(steps), max(steps)})),
        "seeds": str(len(grid("seed"))),
        "batch": listed([str(batch) for batch in grid("schedule.batch")]),
        "epochs": listed([str(epochs) for epochs in grid("schedule.epochs")]),
        "depth": listed([str(depth) for depth in grid("architecture.depth")]),
        "context": listed([str(context) for context in grid("architecture.context")]),
        "walks": listed([number(walks) for walks in grid("evaluation.walks")]),
    }
    # Of a source made of texts some are names and hashes.
    numbers = {name: value for name, value in experiment.parameters.items() if isinstance(value, int | float)}
    return SimpleNamespace(**values | {name: plain(value) for name, value in numbers.items()})
