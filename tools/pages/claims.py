"""The ledger on the pages: its totals, forest plots, forecasts and changes."""

from collections.abc import Mapping
from html import escape
from itertools import groupby

import pandas as pd

from scaling_lib.pages.drawing.numbers import number
from scaling_lib.pages.drawing.plots import plot_claims
from scaling_lib.pages.drawing.prose import texts
from scaling_lib.pages.judging.changes import EVERY_ROW, ledger_changes
from scaling_lib.pages.judging.claims import Row, chance_of_reproduced, expected_false_differences, power, totals
from scaling_lib.pages.judging.forecasts import registered, scored
from scaling_lib.pages.judging.ledger import KINDS, VERDICTS
from scaling_lib.pages.judging.measured import Measured
from tools.pages.book import Block, Book
from tools.pages.listing import anchor_of_kind, filtered
from tools.pages.markup import anchor, figure, raw

MEANINGS = {
    "reproduced": "our whole interval lies inside the band of agreement",
    "differs": "our whole interval lies outside the band",
    "inconclusive": "it lies across an end of the band",
    "undetermined": "measured, and not decidable; the reason stands in place of a number",
    "not run": "we have no value of our own",
}
KIND_MEANINGS = {
    "trained here": "transformers of ours, at the sizes that the claim names",
    "by twin": "transformers of ours on a small graph that stands for a larger one",
    "refitted": "somebody else's points, fitted again",
    "exact": "graphs, chains and counting, computed",
    "by construction": "it could not have come out otherwise",
    "recomputed from print": "arithmetic on printed numbers",
    "our forecast": "this book's own forecasts of its runs",
}


def totals_table(book: Book) -> str:
    """How many claims of each kind have which verdict, what the verdicts mean, and that kinds are not added up."""
    rows = list(book.rows.values())
    lines = ["| verdict | meaning |", "| --- | --- |"]
    lines += [f"| **{name}** | {MEANINGS[name]} |" for name in VERDICTS]
    counted = totals(rows)
    heads = "".join(f'<th scope="col">{verdict}</th>' for verdict in VERDICTS)
    body = "".join(_totals_row(kind, counted.loc[kind].astype(int).to_dict()) for kind in counted.index)
    older = sum(row.exploratory for row in rows)
    said = (
        f"Of the verdicts {number(older)} are exploratory: their rule is younger than their runs. The lines are not "
        "added up: what follows by construction could not fail, and a verdict by twin speaks of a graph that stands "
        "for another, so it is never counted with those on the paper's own sizes. *By twin* are only rows that carry "
        "a sentence about a larger graph over to a small one; what is asked of the small graphs themselves is *trained "
        "here*."
    )
    head = f'<thead><tr><th scope="col">kind</th>{heads}</tr></thead>'
    table = f'<table class="dataframe">{head}<tbody>{body}</tbody></table>'
    counts = raw(f'<div class="totals"><div class="table-scroll">{table}</div></div>')
    return "\n".join(lines) + f"\n\n{counts}\n\n{said}"


def _totals_row(kind: str, counted: Mapping[str, int]) -> str:
    """A kind and how many of its claims have which verdict, each a link to the list of just these."""
    cells = [f"<td>{kind} ({KIND_MEANINGS[kind]})</td>"]
    for verdict, count in counted.items():
        address = escape(filtered(show=verdict, kind=kind))
        label = f"{number(count)} {verdict}, {kind}"
        cells.append(
            f'<td><a href="{address}" aria-label="{label}">{number(count)}</a></td>' if count else "<td>–</td>"
        )
    return f"<tr>{''.join(cells)}</tr>"


def two_chances(book: Book) -> str:
    """The power of a rule and its chance of *reproduced*, at the longest interval that has the power."""
    row = book.rows["er-8k-k0.beta"]
    published, margin = float(row.claim.published), float(row.claim.margin or 0)

    def at(margins: float) -> tuple[str, str]:
        half = margins * margin / 2
        measured = Measured(published, published - half, published + half)
        chances = power(row.claim, measured), chance_of_reproduced(row.claim, measured)
        return number(chances[0], decimals=2), number(chances[1], decimals=2)

    (least, then), (more, better) = at(1.399), at(1.2)
    return (
        f"**Two numbers stand beside a verdict.** The first is its *power*. If a claim is wrong by two margins, this "
        f"is the chance that the rule says *differs*. The second is the chance that the rule says *reproduced* if the "
        f"claim is exactly true. An interval of just under 1.4 margins, the longest that decides anything, has {least} "
        f"and {then}; one of 1.2 margins has {more} and {better}, and that is what a new row should aim at."
    )


def false_differences(book: Book) -> str:
    """How many verdicts *differs* chance alone would give, beside how many there are."""
    rows = list(book.rows.values())
    exact, worst = expected_false_differences(rows)
    measured = sum(
        row.verdict == "differs" and row.shown is not None and row.shown.low < row.shown.high for row in rows
    )
    return (
        f"If every published value were exactly true, chance alone would be expected to give {number(exact, 2)} "
        f"verdicts *differs* among values that have an error. At the worst, if every truth lay on the edge of its "
        f"band, it would give {number(worst, 2)}. Counted among ours: {number(int(measured))}. (Values that are "
        f"computed exactly have no interval, and take no part in this count.)"
    )


def ledger_changes_list(book: Book) -> str:
    """Every change of the ledger, by day: the row, what it said, what became of it and why."""
    parts = []
    for day, changes in groupby(ledger_changes(), lambda change: change.date):
        lines = []
        for change in changes:
            name = f"<code>{escape(change.row)}</code>" if change.row != EVERY_ROW else escape(change.row)
            if change.row in book.rows:
                name = f'<a href="#{anchor(change.row)}">{name}</a>'
            lines.append(
                f"<dt>{name}, {escape(change.now)}</dt><dd>It said: {escape(change.said)}<br>{escape(change.why)}</dd>"
            )
        count = f"{number(len(lines))} change{'s' if len(lines) > 1 else ''}"
        listed = f'<dl class="changes">{"".join(lines)}</dl>'
        parts.append(f"<details><summary>{day:%Y-%m-%d}: {count}</summary>{listed}</details>")
    return raw("\n".join(parts))


# ---------------------------------------------------------------------- forest plots


def forest(book: Book) -> str:
    """A figure for each kind of claim that has values to show."""
    parts = []
    for kind in KINDS:
        rows = [row for row in book.rows.values() if row.shown is not None and row.claim.kind == kind]
        title = f"{kind[0].upper()}{kind[1:]}"
        if rows:
            values = f"{number(len(rows))} value{'s' if len(rows) > 1 else ''}"
            parts.append(f":::::{{dropdown}} {title}: {values}\n\n{_forest_figure(book, kind, rows)}\n\n:::::")
        else:
            parts.append(f"*{title}: no value is decided yet.*")
    return "\n\n".join(parts)


def _forest_figure(book: Book, kind: str, rows: list[Row]) -> str:
    title = f"{kind[0].upper()}{kind[1:]}: {KIND_MEANINGS[kind]}"
    counts = pd.Series([row.verdict for row in rows]).value_counts()
    words = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if verdict in counts)
    caption = (
        f"{title}. The grey bar is the band of agreement, the mark our value, the line its 95 % interval; an arrow "
        f"points to what lies further away. {words[0].upper()}{words[1:]}."
    )
    if any(row.exploratory for row in rows):
        caption += " Hollow marks are exploratory: runs older than the rule."
    alt = (
        f"Forest plot of {len(rows)} claims, one line each, on an axis of ours minus published in units of the margin, "
        f"from -4 to 4. The band of agreement reaches from -1 to 1. Verdicts are {words}."
    )
    runs = [run for row in rows if row.shown is not None for run in row.shown.runs]
    name, data = f"fig-claims-{anchor_of_kind(kind)}", _forest_data(rows)
    return figure(book, plot_claims(rows), name=name, caption=caption, alt=alt, data=data, runs=runs)


def _forest_data(rows: list[Row]) -> pd.DataFrame:
    lines = []
    for row in rows:
        words, ours = texts(row), row.shown
        shift = None
        if ours is not None and row.claim.margin is not None:
            shift = (ours.value - float(row.claim.published)) / row.claim.margin
        names = ("published", "margin", "ours", "interval", "power", "chance", "verdict")
        lines.append({"claim": row.claim.id} | {name: words[name] for name in names} | {"margins away": shift})
    return pd.DataFrame(lines)


def forecasts(book: Book) -> str:
    """Every row that was forecast before its run, one item each: on a phone a table of sentences would be cut off."""
    items = []
    for name, row in book.rows.items():
        if name.startswith("forecast."):
            what = row.claim.claim.partition(": ")[2].partition(". ")[0]
            items.append(f'- <a href="#{anchor(name)}"><code>{name}</code></a>: {what}. {_scored(book, row)}')
    return "\n".join(items)


def _scored(book: Book, row: Row) -> str:
    """The band of a forecast, and what became of it: in numbers where its score may be printed."""
    words, asked = texts(row), registered()[row.claim.id.removeprefix("forecast.")]
    low, high = (number(end, 3) for end in (asked.value - asked.half, asked.value + asked.half))
    band = f"Band {low} to {high} nats"
    found = scored(row.claim.id.removeprefix("forecast."), book.tables) if row.measured is not None else None
    if found is None:
        return f"{band}; {row.verdict}."
    where = "inside" if found.inside else "outside"
    unchanged = "inside too" if found.unchanged_inside else "outside"
    said = f"{band}: the run lies {where}; a forecast of no change would have been {unchanged}."
    if row.shown is None:
        return f"{said} Its skill is {row.verdict}: {row.reason}."
    loss, before = (number(value, 3) for value in (found.loss, found.unchanged))
    judged = f"skill {words['ours']} ({words['interval']}; {words['verdict']})"
    return f"{said} {loss} nats against {before} before it: {judged}."


BLOCKS: Mapping[str, Block] = {
    "totals": totals_table,
    "two_chances": two_chances,
    "ledger_changes": ledger_changes_list,
    "false_differences": false_differences,
    "forest": forest,
    "forecasts": forecasts,
}
