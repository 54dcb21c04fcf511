"""Paragraphs, tables and figures of the ledger's pages. Each is a function from a `Book` to Markdown."""

from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scaling_lib.data import chains
from scaling_lib.pages.drawing.figures import check_described, csv_link, details_html, png, table_html
from scaling_lib.pages.drawing.plots import plot_claims
from scaling_lib.pages.drawing.prose import texts
from scaling_lib.pages.judging.claims import Row, expected_false_differences, totals
from scaling_lib.pages.judging.exact_quantities import KNOWN
from scaling_lib.pages.judging.ledger import VERDICTS
from scaling_lib.pages.judging.quantities import PAPER_RATE
from scaling_lib.runs.keeping import tables as run_tables
from scaling_lib.runs.keeping.tables import lowest_losses
from scaling_lib.runs.sweeping.experiments import experiment, source_of
from tools.page_numbers import ABSENT, brief

if TYPE_CHECKING:
    from tools.pages import Book

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


def raw(html: str) -> str:
    """HTML as it stands."""
    return f"```{{raw}} html\n{html}\n```"


def anchor(identifier: str) -> str:
    """The id of a claim's row on its page, without the dots that a script of the theme takes for CSS classes."""
    return f"claim-{identifier.replace('.', '-')}"


def details(name: str, table: pd.DataFrame, runs: list[str]) -> str:
    """What stands below a figure, as in the chapters."""
    return raw(details_html(name, table, runs))


# ---------------------------------------------------------------------- claims


def kind_of(row: Row) -> str:
    """By how our value comes about."""
    quantity = row.claim.quantity
    if quantity not in KNOWN:
        return "refits" if quantity.startswith("chinchilla.") else "trained"
    return "exact" if quantity.startswith(("counting.", "ba-", "er-")) else "printed"


def totals_table(book: "Book") -> str:
    counted = totals(list(book.rows.values()))
    exploratory = pd.Series([row.verdict for row in book.rows.values() if row.exploratory]).value_counts()
    lines = ["| verdict | claims |", "| --- | ---: |"]
    for name in VERDICTS:
        older = f" ({exploratory[name]} exploratory)" if name in exploratory else ""
        lines.append(f"| **{name}**: {MEANINGS[name]} | {counted[name]}{older} |")
    return "\n".join(lines)


def false_differences(book: "Book") -> str:
    exact, worst = expected_false_differences(list(book.rows.values()))
    found = totals(list(book.rows.values()))["differs"]
    return (
        f"If every published value were exactly true, chance alone would be expected to give {brief(exact)} verdicts "
        f"*differs* among ours. At the worst, if every truth lay on the edge of its band, it would give "
        f"{brief(worst)}. "
        f"There are {found}. (Values that are computed exactly have no interval, and take no part in this count.)"
    )


def forest(book: "Book") -> str:
    """A figure for each kind of quantity that has values."""
    parts = []
    for kind, title in KINDS.items():
        rows = [row for row in book.rows.values() if row.measured is not None and kind_of(row) == kind]
        if rows:
            parts.append(_forest_figure(book, kind, title, rows))
        else:
            parts.append(f"*{title}: no value is recorded yet.*")
    return "\n\n".join(parts)


def _forest_figure(book: "Book", kind: str, title: str, rows: list[Row]) -> str:
    name = f"fig-claims-{kind}"
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
    check_described(caption, alt)
    (book.pictures / f"{name}.png").write_bytes(png(plot_claims(rows)))
    runs = [run for row in rows if row.measured is not None for run in row.measured.runs]
    picture = f"{book.pictures.name}/{name}.png"
    figure = f":::{{figure}} {picture}\n:name: {name}\n:alt: {alt}\n:class: dark-light\n\n{caption}\n:::"
    return f"{figure}\n\n{details(name, _forest_table(rows), runs)}"


def _forest_table(rows: list[Row]) -> pd.DataFrame:
    found = []
    for row in rows:
        words, ours = texts(row), row.measured
        shift = None
        if ours is not None and row.claim.margin is not None:
            shift = (ours.value - float(row.claim.published)) / row.claim.margin
        names = ("published", "margin", "ours", "interval", "verdict")
        found.append({"claim": row.claim.id} | {name: words[name] for name in names} | {"margins away": shift})
    return pd.DataFrame(found)


def groups(rows: list[Row]) -> dict[str, list[Row]]:
    """The rows by verdict; of those not run, claims with a rule before claims without."""
    found = {verdict: [row for row in rows if row.verdict == verdict] for verdict in VERDICTS}
    waiting = found.pop("not run")
    found["not run: the rule is fixed, the runs are missing"] = [row for row in waiting if row.claim.judged]
    found["not run: no rule yet"] = [row for row in waiting if not row.claim.judged]
    return {title: rows for title, rows in found.items() if rows}


def claims_table(book: "Book") -> str:
    rows = list(book.rows.values())
    recorded = _table_of_run(book)
    head = "".join(f'<th scope="col">{each}</th>' for each in ("Claim", "Published", "Ours", "Verdict"))
    bodies = "".join(_group(title, members, recorded) for title, members in groups(rows).items())
    table = f'<table class="claims" id="all-claims"><thead><tr>{head}</tr></thead>{bodies}</table>'
    region = f'<div class="table-scroll" role="region" tabindex="0" aria-label="All claims">{table}</div>'
    script = '<script src="../_static/claims.js" defer></script>'
    return raw(f"<p>{csv_link('claims', claims_frame(rows))} ({len(rows)} rows, every field)</p>{region}{script}")


def _table_of_run(book: "Book") -> dict[str, str]:
    """From a run to the recorded table that holds it."""
    found = {}
    for name in recorded_names():
        table = book.tables(name)
        if table is not None and "identity" in table:
            found |= dict.fromkeys(table["identity"], name)
    return found


def _group(title: str, rows: list[Row], recorded: dict[str, str]) -> str:
    head = f'<tr class="group"><th colspan="4" scope="rowgroup">{escape(title)} ({len(rows)})</th></tr>'
    return f"<tbody>{head}{''.join(_claim_row(row, recorded) for row in rows)}</tbody>"


def _claim_row(row: Row, recorded: dict[str, str]) -> str:
    claim, words = row.claim, texts(row)
    identifier = escape(claim.id, quote=True)
    source = "" if claim.source == "the paper" else f"{claim.source}; "
    links = (
        [f'<a href="../notebooks/{claim.chapter}.html">chapter {int(claim.chapter[:2])}</a>'] if claim.chapter else []
    )
    first = (
        f'<a class="claim-id" href="#{anchor(claim.id)}"><code>{identifier}</code></a> {escape(claim.claim)}'
        f"<small>{escape(source)}{escape(claim.place)}{' · ' if links else ''}{' · '.join(links)}</small>"
    )
    if claim.note:
        first += f"<small>{escape(claim.note)}</small>"
    if claim.scope:
        first += f"<details><summary>compared over</summary>{escape(claim.scope)}</details>"
    published = escape(words["published"])
    if claim.unit not in ("1", "words"):
        published += f" {escape(claim.unit)}"
    if claim.spread is not None:
        published += f"<small>spread {claim.spread:g}</small>"
    if claim.margin is not None:
        sense = "" if claim.sense == "equal" else f"{claim.sense}, "
        published += f"<small>{sense}margin {escape(words['margin'])}</small>"
    verdict = f'<span class="verdict">{row.verdict}</span>{"<small>exploratory</small>" if row.exploratory else ""}'
    cells = (first, published, _ours(row, recorded), verdict)
    return (
        f'<tr id="{anchor(claim.id)}" data-verdict="{row.verdict}">{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
    )


def _ours(row: Row, recorded: dict[str, str]) -> str:
    if row.measured is None:
        return "–"
    words, runs = texts(row), row.measured.runs
    text = f'<a href="#fig-claims-{kind_of(row)}">{words["ours"]}</a>'
    if row.measured.low != row.measured.high:
        text += f"<small>{words['interval']}</small>"
    names = sorted({recorded[run] for run in runs if run in recorded})
    links = ", ".join(f'<a href="status.html#table-{name}">{name}</a>' for name in names)
    return f"{text}<small>{len(runs)} runs: {links}</small>" if runs else f"{text}<small>no runs needed</small>"


def claims_frame(rows: list[Row]) -> pd.DataFrame:
    """Every field of every row, for the download; of the runs only how many."""
    frame = pd.DataFrame([row.as_dict() for row in rows])
    frame["low"], frame["high"] = (
        [None if each is None else each[end] for each in frame["interval"]] for end in (0, 1)
    )
    frame["unit"], frame["note"] = [row.claim.unit for row in rows], [row.claim.note for row in rows]
    return frame.assign(runs=frame["runs"].map(len)).drop(columns="interval")


# ---------------------------------------------------------------------- where we differ


def entropy_of_weights(book: "Book") -> str:
    """Exact entropy rate of the paper's main graph, biased with kappa = 1, by what the paper does not say."""
    parameters = dict(experiment("er-8k-k1").parameters)
    graph = source_of("erdos_renyi", {name: parameters[name] for name in ("nodes", "edges")}, 0)[1]
    rows = []
    for kmax in (10.0, 100.0, 1000.0):
        found = {"kmax / kmin": f"{kmax:,.0f}"}
        for name, choice in (("continuous, directed", {}), ("continuous, symmetric", {"symmetric": True}),
                             ("integer, directed", {"integer": True})):  # fmt: skip
            generator = np.random.default_rng([0, 1])  # that of the experiment
            chain = chains.biased(graph, kappa=parameters["kappa"], kmax=kmax, generator=generator, **choice)
            found[name] = f"{chain.entropy_rate:.3f}"
        rows.append(found)
    rows.append({"kmax / kmin": "no bias"} | dict.fromkeys(list(rows[0])[1:], f"{graph.entropy_rate:.3f}"))
    return raw(table_html(pd.DataFrame(rows)))


def batches(book: "Book") -> str:
    """Lowest excess loss at each D and batch, and the exponent in D between the ends."""
    runs = book.tables("er-200-batches")
    if runs is None:
        return "*The table of batches is not recorded in this build.*"
    best = lowest_losses(runs, by=("D", "batch")).pivot(index="D", columns="batch", values="excess_loss")
    ends = np.log(best.iloc[[0, -1]])
    slope = -(ends.iloc[1] - ends.iloc[0]) / np.log(best.index[-1] / best.index[0])
    shown = best.map(lambda loss: f"{loss:.3f}")
    shown.index = [f"{tokens:,}" for tokens in best.index]
    shown.loc["exponent"] = [f"{each:.2f}" for each in slope]
    shown.columns = [str(batch) for batch in best.columns]
    return raw(table_html(shown.reset_index(names="D | batch")))


def _one_matrix_and_two(book: "Book") -> dict[str, pd.DataFrame]:
    """L(N) by width with one matrix for embedding and readout and with two, at the D of both; {} without either."""
    pair = {label: book.tables(name) for label, name in (("one matrix", "er-200"), ("two", "er-200-untied"))}
    tables = {label: table for label, table in pair.items() if table is not None}
    if len(tables) < len(pair):
        return {}
    shared = set.intersection(*(set(table["D"]) for table in tables.values()))
    return {
        label: lowest_losses(table[table["D"].isin(shared)], by=("width",)).set_index("width")
        for label, table in tables.items()
    }


def tying(book: "Book") -> str:
    shown = {}
    for label, best in _one_matrix_and_two(book).items():
        shown[f"N, {label}"] = best["N"].map("{:,}".format)
        shown[f"excess, {label}"] = best["excess_loss"].map("{:.3f}".format)
    if not shown:
        return "*The runs with two matrices are not recorded in this build.*"
    return raw(table_html(pd.DataFrame(shown).reset_index()))


def tying_words(book: "Book") -> str:
    """At which widths two matrices are better, and at which one."""
    found = _one_matrix_and_two(book)
    if not found:
        return ""
    one, two = (found[label]["excess_loss"] for label in ("one matrix", "two"))
    better = {"Two matrices have": two < one, "one matrix has": two >= one}
    said = [f"{who} the lower loss at widths {', '.join(map(str, w[w].index))}" for who, w in better.items() if w.any()]
    return "; ".join(said) + "."


def evaluation_errors(book: "Book") -> str:
    """By recorded table: the standard error that scoring leaves, against the excess loss."""
    rows = []
    for name, table in run_tables_of(book):
        best = lowest_losses(table)
        relative = 100 * best["excess_loss_se"] / best["excess_loss"]
        rows.append(
            {
                "table": name,
                "points": len(best),
                "median (nats)": brief(best["excess_loss_se"].median()),
                "median (%)": f"{relative.median():.2f}",
                "largest (%)": f"{relative.max():.2f}",
            }
        )
    return raw(table_html(pd.DataFrame(rows))) if rows else "*No runs are recorded in this build.*"


def best_rates(book: "Book") -> str:
    """How often the best learning rate lies above the paper's largest, where the grid could tell."""
    said = []
    for name in ("er-1k-small", "er-1k-wide"):
        runs = book.tables(name)
        if runs is not None:
            best = lowest_losses(runs)
            above = int((best["learning_rate"] > PAPER_RATE).sum())
            said.append(f"Of the {len(best)} points $L(N, D)$ of `{name}`, {above} have their best rate above that.")
    return " ".join(said) if said else "Our grids that reach down to it are not recorded yet."


def forecasts(book: "Book") -> str:
    """Every row that was forecast before its run, one item each: on a phone a table of sentences would be cut off."""
    items = []
    for name, row in book.rows.items():
        if name.startswith("forecast."):
            words, what = texts(row), row.claim.claim.partition(": ")[2]
            low, high = row.claim.published - row.claim.margin, row.claim.published + row.claim.margin
            items.append(
                f'- <a href="#{anchor(name)}"><code>{name}</code></a>: {what}. Band '
                f"{low:.3g} to {high:.3g} nats, run {words['ours'] or 'not made'}: {words['verdict']}."
            )
    return "\n".join(items)


# ---------------------------------------------------------------------- origin


def capacity(book: "Book") -> str:
    floors, runs = book.tables("capacity-floors"), book.tables("er-200")
    if floors is None or runs is None:
        return f"The capacity floors are {ABSENT} in this build."
    nodes, edges = (experiment("er-200").parameters[name] for name in ("nodes", "edges"))
    same = floors[floors["mean_degree"] == 2 * int(edges) / int(nodes)]
    narrow = lowest_losses(runs, by=("width",)).iloc[0]
    below = same[same["width"] <= narrow["width"]].sort_values("width").iloc[-1]
    times = narrow["excess_loss"] / below["floor"]
    verdict = "so capacity may have a share in it" if times < 10 else "so it is not what shapes $L(N)$ in these runs"
    return (
        f"On a graph of {nodes} nodes, no model of width {below['width']:.0f} can come below an excess of about "
        f"{brief(below['floor'])} nats, however it is trained (as far as our search for the minimum goes). The "
        f"narrowest that we trained, width {narrow['width']:.0f}, stands at {narrow['excess_loss']:.2f} nats. The "
        f"floor lies lower by a factor of about {float(f'{times:.1g}'):,.0f}, {verdict}."
    )


# ---------------------------------------------------------------------- recorded tables


def recorded_names() -> list[str]:
    return sorted(manifest())


def manifest() -> dict[str, dict]:
    return run_tables.manifest(run_tables.recorded_folder())


def run_tables_of(book: "Book") -> list[tuple[str, pd.DataFrame]]:
    found = [(name, book.tables(name)) for name in recorded_names()]
    return [(name, table) for name, table in found if table is not None and "identity" in table]


BLOCKS: "Mapping[str, Callable[[Book], str]]" = {
    "totals": totals_table,
    "false_differences": false_differences,
    "forest": forest,
    "claims_table": claims_table,
    "entropy_of_weights": entropy_of_weights,
    "batches": batches,
    "tying": tying,
    "tying_words": tying_words,
    "forecasts": forecasts,
    "best_rates": best_rates,
    "evaluation_errors": evaluation_errors,
    "capacity": capacity,
}
