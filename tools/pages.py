"""The ledger's pages: templates in book/, whose fields are filled when `tools.book` stages the book.

A page types no result. It names it:

    {{claim:ID.FIELD}}         of a row of the ledger: published, ours, interval, margin, verdict, power, place,
                               and result, which is ours, interval and verdict in one
    {{setting:NAME.FIELD}}     of an experiment's full grid: widths, tokens, rates, seeds, batch, depth, context, ...
    {{number:NAME}}            computed from recorded tables or from what is printed: tools/page_numbers.py
    {{block:NAME}}             a paragraph, table or figure: tools/page_blocks.py, fitter_blocks.py, status_blocks.py

and words that depend on a verdict are chosen by it; every verdict has its words, so that none is foreseen:

    :::{by-verdict} ID
    reproduced: ...
    differs: ...
    inconclusive: ...
    not testable: ...
    not run: ...
    :::
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path

import pandas as pd

from scaling_lib.errors import invalid
from scaling_lib.pages.drawing.prose import texts
from scaling_lib.pages.judging.claims import Row, evaluate
from scaling_lib.pages.judging.ledger import VERDICTS
from scaling_lib.runs.keeping.tables import recorded_or_none
from scaling_lib.runs.sweeping.experiments import EXPERIMENTS
from tools.fitter_blocks import FITTER_BLOCKS
from tools.page_blocks import BLOCKS, anchor
from tools.page_numbers import NUMBERS
from tools.status_blocks import STATUS_BLOCKS

FIELD = re.compile(r"\{\{(\w+):([^{}]+)\}\}")
CHOICE = re.compile(r"(?ms)^:::\{by-verdict\} (\S+)\n(.*?)^:::$")
FIELDS = ("published", "ours", "interval", "margin", "verdict", "power", "place", "result")


@dataclass(frozen=True)
class Book:
    """What pages are filled from.

    rows: the ledger, by id. tables: from a recorded table's name to the table, None where there is none. executed: the
    chapters' notebooks of this build. pictures: the folder into which blocks draw, below that of the pages.
    """

    rows: Mapping[str, Row]
    tables: Callable[[str], pd.DataFrame | None]
    executed: tuple[Path, ...]
    pictures: Path


def fill_pages(folder: Path, executed: list[Path]) -> None:
    """Fill every page in `folder` that has fields, in place; pictures go to its subfolder `drawn`."""
    templates = [path for path in sorted(folder.glob("*.md")) if is_template(path.read_text(encoding="utf-8"))]
    if not templates:
        return
    rows = evaluate(recorded_or_none)
    book = Book({row.claim.id: row for row in rows}, recorded_or_none, tuple(executed), folder / "drawn")
    book.pictures.mkdir()
    for path in templates:
        path.write_text(fill(path.read_text(encoding="utf-8"), book), encoding="utf-8")


def is_template(text: str) -> bool:
    return bool(FIELD.search(text) or CHOICE.search(text))


def fill(text: str, book: Book) -> str:
    """`text` with every field and choice filled. Raises InvalidArgument that names an unknown one."""
    chosen = CHOICE.sub(lambda found: _words(found[1], found[2], book), text)
    filled = FIELD.sub(lambda found: _field(found[1], found[2], book), chosen)
    if "{{" in filled or "{by-verdict}" in filled:
        rest = next(line for line in filled.splitlines() if "{{" in line or "{by-verdict}" in line)
        raise invalid("text", "without malformed fields", rest, "write {{kind:name}}, or see tools/pages.py")
    return filled


def _field(kind: str, name: str, book: Book) -> str:
    if kind == "claim":
        return _of_claim(name, book)
    if kind == "setting":
        return _setting(name)
    if kind == "number":
        return str(_known("number", name, NUMBERS)(book))
    if kind == "block":
        return str(_known("block", name, {**BLOCKS, **FITTER_BLOCKS, **STATUS_BLOCKS})(book))
    raise invalid("field", "a claim, setting, number or block", f"{{{{{kind}:{name}}}}}", "see tools/pages.py")


def _known(kind: str, name: str, names: Mapping[str, Callable[[Book], str]]) -> Callable[[Book], str]:
    if name not in names:
        raise invalid(kind, f"one of {sorted(names)}", name, "correct the field")
    return names[name]


def _row(identifier: str, book: Book) -> Row:
    if identifier not in book.rows:
        raise invalid("claim", "the id of a row of ledger.toml", identifier, "correct the field")
    return book.rows[identifier]


def _of_claim(name: str, book: Book) -> str:
    identifier, _, field = name.rpartition(".")
    row = _row(identifier, book)
    if field not in FIELDS:
        raise invalid("field", f"one of {list(FIELDS)}", field, f"correct the field of claim {identifier}")
    words = texts(row)
    verdict = f'<a class="verdict" href="claims.html#{anchor(identifier)}">{words["verdict"]}</a>'
    if field == "verdict" or (field == "result" and row.measured is None):
        return verdict
    if field == "result":
        interval = "" if words["interval"] == words["ours"] else f"{words['interval']}; "
        return f"{words['ours']} ({interval}{verdict})"
    return escape(words[field])


def _words(identifier: str, body: str, book: Book) -> str:
    row = _row(identifier, book)
    words: dict[str, str] = {}
    verdict = ""
    for line in body.splitlines():
        head, colon, rest = line.partition(": ")
        if colon and head in VERDICTS:
            verdict = head
            words[verdict] = rest
        elif line.strip() and verdict:
            words[verdict] += f"\n{line.strip()}"
        elif line.strip():
            raise invalid("by-verdict", "lines 'verdict: words'", line, f"see the choice for claim {identifier}")
    missing = [verdict for verdict in VERDICTS if not words.get(verdict, "").strip()]
    if missing:
        raise invalid(f"by-verdict {identifier}", "words for every verdict", missing[0], "write what is missing")
    return words[row.verdict]


def listed(values: list[str]) -> str:
    """1, 2 and 3."""
    return " and ".join(filter(None, [", ".join(values[:-1]), values[-1]]))


def _setting(name: str) -> str:
    identifier, _, field = name.rpartition(".")
    if identifier not in EXPERIMENTS:
        raise invalid("setting", f"an experiment of {sorted(EXPERIMENTS)}", identifier, "correct the field")
    experiment = EXPERIMENTS[identifier]
    grid = partial(experiment.values, "full")
    tokens, rates = grid("schedule.tokens"), grid("optimizer.learning_rate")
    values: dict[str, str] = {
        "widths": listed([f"{width:,}" for width in grid("architecture.width")]),
        "tokens": " to ".join(f"{D:,}" for D in sorted({min(tokens), max(tokens)})),
        "rates": listed([f"{rate:g}" for rate in rates]),
        "largest_rate": f"{max(rates):g}",
        "seeds": f"{len(grid('seed'))}",
        "batch": listed([f"{batch}" for batch in grid("schedule.batch")]),
        "epochs": listed([f"{epochs}" for epochs in grid("schedule.epochs")]),
        "depth": listed([f"{depth}" for depth in grid("architecture.depth")]),
        "context": listed([f"{context}" for context in grid("architecture.context")]),
        "walks": listed([f"{walks:,}" for walks in grid("evaluation.walks")]),
    } | {key: f"{value:,}" if isinstance(value, int) else f"{value:g}" for key, value in experiment.parameters.items()}
    if field not in values:
        raise invalid("setting", f"one of {sorted(values)}", field, f"correct the field of experiment {identifier}")
    return values[field]
