"""The ledger on the pages: its totals, forest plots, forecasts, and the table of all claims."""

from collections.abc import Mapping
from html import escape

import pandas as pd

from scaling_lib.pages.drawing.figures import csv_link
from scaling_lib.pages.drawing.numbers import number
from scaling_lib.pages.drawing.plots import plot_claims
from scaling_lib.pages.drawing.prose import texts
from scaling_lib.pages.judging.claims import Row, expected_false_differences, totals
from scaling_lib.pages.judging.exact_quantities import KNOWN
from scaling_lib.pages.judging.ledger import VERDICTS
from tools.pages.book import Block, Book
from tools.pages.markup import anchor, figure, raw

MEANINGS = {
    "reproduced": "our whole interval lies inside the band of agreement",
    "differs": "our whole interval lies outside the band",
    "inconclusive": "neither, though the rule had the power to decide",
    "not testable": "neither, and at this size no decision was to be expected",
    "not run": "we have no value of our own",
}
KINDS = {
    "trained": "Trained here: transformers on random walks",
    "refits": "Refitted here: the published points of Chinchilla",
    "exact": "Computed here: graphs and counting",
    "printed": "Recomputed here: what follows from printed numbers",
}


def kind_of(row: Row) -> str:
    """By how our value comes about, a key of KINDS."""
    quantity = row.claim.quantity
    if quantity not in KNOWN:
        return "refits" if quantity.startswith("chinchilla.") else "trained"
    return "exact" if quantity.startswith(("counting.", "ba-", "er-")) else "printed"


def totals_table(book: Book) -> str:
    """How many claims have which verdict, and what the verdicts mean."""
    counted = totals(list(book.rows.values()))
    exploratory = pd.Series([row.verdict for row in book.rows.values() if row.exploratory]).value_counts()
    lines = ["| verdict | claims |", "| --- | ---: |"]
    for name in VERDICTS:
        older = f" ({exploratory[name]} exploratory)" if name in exploratory else ""
        lines.append(f"| **{name}**: {MEANINGS[name]} | {counted[name]}{older} |")
    return "\n".join(lines)


def false_differences(book: Book) -> str:
    """How many verdicts *differs* chance alone would give, beside how many there are."""
    rows = list(book.rows.values())
    exact, worst = expected_false_differences(rows)
    return (
        f"If every published value were exactly true, chance alone would be expected to give {number(exact, 2)} "
        f"verdicts *differs* among ours. At the worst, if every truth lay on the edge of its band, it would give "
        f"{number(worst, 2)}. There are {totals(rows)['differs']}. (Values that are computed exactly have no interval, "
        f"and take no part in this count.)"
    )


# ---------------------------------------------------------------------- forest plots


def forest(book: Book) -> str:
    """A figure for each kind of quantity that has values."""
    parts = []
    for kind, title in KINDS.items():
        rows = [row for row in book.rows.values() if row.measured is not None and kind_of(row) == kind]
        if rows:
            parts.append(_forest_figure(book, kind, title, rows))
        else:
            parts.append(f"*{title}: no value is recorded yet.*")
    return "\n\n".join(parts)


def _forest_figure(book: Book, kind: str, title: str, rows: list[Row]) -> str:
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
    runs = [run for row in rows if row.measured is not None for run in row.measured.runs]
    name, data = f"fig-claims-{kind}", _forest_data(rows)
    return figure(book, plot_claims(rows), name=name, caption=caption, alt=alt, data=data, runs=runs)


def _forest_data(rows: list[Row]) -> pd.DataFrame:
    lines = []
    for row in rows:
        words, ours = texts(row), row.measured
        shift = None
        if ours is not None and row.claim.margin is not None:
            shift = (ours.value - float(row.claim.published)) / row.claim.margin
        names = ("published", "margin", "ours", "interval", "verdict")
        lines.append({"claim": row.claim.id} | {name: words[name] for name in names} | {"margins away": shift})
    return pd.DataFrame(lines)


# ---------------------------------------------------------------------- the table of all claims


def groups(rows: list[Row]) -> dict[str, list[Row]]:
    """The rows by verdict; of those not run, claims with a rule before claims without."""
    by_verdict = {verdict: [row for row in rows if row.verdict == verdict] for verdict in VERDICTS}
    waiting = by_verdict.pop("not run")
    by_verdict["not run: the rule is fixed, the runs are missing"] = [row for row in waiting if row.claim.judged]
    by_verdict["not run: no rule yet"] = [row for row in waiting if not row.claim.judged]
    return {title: members for title, members in by_verdict.items() if members}


def claims_table(book: Book) -> str:
    """All claims, a group for each verdict, and the same as a download."""
    rows = list(book.rows.values())
    # From a run to the recorded table that holds it.
    recorded = {run: name for name, runs in book.run_tables().items() for run in runs["identity"]}
    head = "".join(f'<th scope="col">{title}</th>' for title in ("Claim", "Published", "Ours", "Verdict"))
    bodies = "".join(_group(title, members, recorded) for title, members in groups(rows).items())
    table = f'<table class="claims" id="all-claims"><thead><tr>{head}</tr></thead>{bodies}</table>'
    region = f'<div class="table-scroll" role="region" tabindex="0" aria-label="All claims">{table}</div>'
    script = '<script src="../_static/claims.js" defer></script>'
    return raw(f"<p>{csv_link('claims', claims_frame(rows))} ({len(rows)} rows, every field)</p>{region}{script}")


def _group(title: str, rows: list[Row], recorded: Mapping[str, str]) -> str:
    head = f'<tr class="group"><th colspan="4" scope="rowgroup">{escape(title)} ({len(rows)})</th></tr>'
    return f"<tbody>{head}{''.join(_claim_row(row, recorded) for row in rows)}</tbody>"


def _claim_row(row: Row, recorded: Mapping[str, str]) -> str:
    verdict = f'<span class="verdict">{row.verdict}</span>{"<small>exploratory</small>" if row.exploratory else ""}'
    cells = (_claim_cell(row), _published_cell(row), ours_cell(row, recorded), verdict)
    return (
        f'<tr id="{anchor(row.claim.id)}" data-verdict="{row.verdict}">'
        f"{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    )


def _claim_cell(row: Row) -> str:
    """Id, words, place and chapter, note and scope."""
    claim, identifier = row.claim, escape(row.claim.id, quote=True)
    source = "" if claim.source == "the paper" else f"{claim.source}; "
    chapter = ""
    if claim.chapter:
        chapter = f' · <a href="../notebooks/{claim.chapter}.html">chapter {int(claim.chapter[:2])}</a>'
    cell = (
        f'<a class="claim-id" href="#{anchor(claim.id)}"><code>{identifier}</code></a> {escape(claim.claim)}'
        f"<small>{escape(source)}{escape(claim.place)}{chapter}</small>"
    )
    if claim.note:
        cell += f"<small>{escape(claim.note)}</small>"
    if claim.scope:
        cell += f"<details><summary>compared over</summary>{escape(claim.scope)}</details>"
    return cell


def _published_cell(row: Row) -> str:
    """Value, unit, spread and margin."""
    claim, words = row.claim, texts(row)
    cell = escape(words["published"])
    if claim.unit not in ("1", "words"):
        cell += f" {escape(claim.unit)}"
    if claim.spread is not None:
        cell += f"<small>spread {claim.spread:g}</small>"
    if claim.margin is not None:
        sense = "" if claim.sense == "equal" else f"{claim.sense}, "
        cell += f"<small>{sense}margin {escape(words['margin'])}</small>"
    return cell


def ours_cell(row: Row, recorded: Mapping[str, str]) -> str:
    """Our value, its interval and its runs, with links to the figure and to the tables of the runs. recorded: from a
    run to the recorded table that holds it."""
    if row.measured is None:
        return "–"
    words, runs = texts(row), row.measured.runs
    cell = f'<a href="#fig-claims-{kind_of(row)}">{words["ours"]}</a>'
    if row.measured.low != row.measured.high:
        cell += f"<small>{words['interval']}</small>"
    names = sorted({recorded[run] for run in runs if run in recorded})
    links = ", ".join(f'<a href="status.html#table-{name}">{name}</a>' for name in names)
    return f"{cell}<small>{len(runs)} runs: {links}</small>" if runs else f"{cell}<small>no runs needed</small>"


def claims_frame(rows: list[Row]) -> pd.DataFrame:
    """Every field of every row, for the download; of the runs only how many."""
    frame = pd.DataFrame([row.as_dict() for row in rows])
    for end, name in enumerate(("low", "high")):
        frame[name] = [None if interval is None else interval[end] for interval in frame["interval"]]
    frame["unit"], frame["note"] = [row.claim.unit for row in rows], [row.claim.note for row in rows]
    return frame.assign(runs=frame["runs"].map(len)).drop(columns="interval")


def forecasts(book: Book) -> str:
    """Every row that was forecast before its run, one item each: on a phone a table of sentences would be cut off."""
    items = []
    for name, row in book.rows.items():
        if name.startswith("forecast."):
            words, what = texts(row), row.claim.claim.partition(": ")[2]
            low, high = (number(end, 3) for end in row.claim.band)
            items.append(
                f'- <a href="#{anchor(name)}"><code>{name}</code></a>: {what}. Band '
                f"{low} to {high} nats, run {words['ours'] or 'not made'}: {words['verdict']}."
            )
    return "\n".join(items)


BLOCKS: Mapping[str, Block] = {
    "totals": totals_table,
    "false_differences": false_differences,
    "forest": forest,
    "claims_table": claims_table,
    "forecasts": forecasts,
}
