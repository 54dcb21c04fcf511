"""The list of all claims: what others claim and was measured here, the questions of our own by study, the digits of
refits in an appendix, and what was not run, a line an experiment. The page is complete without a script;
`book/_static/claims.js` only hides rows and opens what is folded."""

from collections.abc import Mapping
from html import escape
from urllib.parse import urlencode

import pandas as pd

from scaling_lib.pages.drawing.figures import csv_link
from scaling_lib.pages.drawing.numbers import number
from scaling_lib.pages.drawing.prose import texts
from scaling_lib.pages.drawing.written import claimed_html, typeset, verdict_html
from scaling_lib.pages.judging.claims import Row
from scaling_lib.pages.judging.ledger import VERDICTS
from tools.chapters import sources
from tools.pages.book import Block, Book
from tools.pages.markup import anchor, listed, raw

# The chapters that there are: a rule may name one that is still to be written.
WRITTEN = {source.stem for source in sources()}
# Verdicts whose rows are folded to a line an experiment.
FOLDED = ("undetermined", "not run")
# What the first part of an id stands for. One that is not here is written as it is.
EXPERIMENTS = {
    "all": "All experiments of the paper",
    "ba-8k": "Barabási–Albert graph of 8,192 nodes",
    "barest": "The barest graphs, and the cost of a law",
    "bigram": "Bigram graph of text",
    "blocks": "Blocks of the transformer",
    "chinchilla": "The Chinchilla points, fitted by the paper",
    "controls": "Controls of the twins",
    "counting": "Learning by counting",
    "emergence": "Emergence on walks",
    "epoch": "The Chinchilla points, fitted by Besiroglu et al.",
    "er-1k": "Erdős–Rényi graph of 1,000 nodes, its size",
    "er-1k-k0": "Erdős–Rényi graph of 1,000 nodes, κ = 0",
    "er-50k": "Erdős–Rényi graph of 50,000 nodes, its size",
    "er-50k-k0": "Erdős–Rényi graph of 50,000 nodes, κ = 0",
    "er-50k-k1": "Erdős–Rényi graph of 50,000 nodes, κ = 1",
    "er-8k": "Erdős–Rényi graph of 8,192 nodes, its size",
    "er-8k-k0": "Erdős–Rényi graph of 8,192 nodes, κ = 0",
    "er-8k-k1": "Erdős–Rényi graph of 8,192 nodes, κ = 1",
    "er-k0": "Degrees of Erdős–Rényi graphs, κ = 0",
    "er-k1": "Transitions of Erdős–Rényi graphs, κ = 1",
    "fits": "Which law fits best",
    "forecast": "Forecasts of this book",
    "hoffmann": "Hoffmann et al. 2022",
    "kaplan": "Kaplan et al. 2020",
    "ladder": "From bigrams to text",
    "language": "From walks to language, trained here",
    "mup": "Maximal update parametrization",
    "pearce_song": "Pearce and Song 2024",
    "rates": "Grids of learning rates",
    "t1l": "Text of a teacher with one layer",
    "t2l": "Text of a teacher with two layers",
    "t4l": "Text of a teacher with four layers",
    "text": "Text",
    "text-mup": "Text, muP",
    "text-mup-2l": "Text, muP, two layers",
    "text-mup-4l": "Text, muP, four layers",
    "text-sp": "Text, SP",
    "text-sp-2l": "Text, SP, two layers",
    "text-sp-4l": "Text, SP, four layers",
    "twins": "Twins: small graphs for large ones",
    "tying": "One matrix for embedding and readout, or two",
    "walks": "Walks on small graphs",
}


def experiment(row: Row) -> str:
    """The experiment that a claim belongs to: the first part of its id."""
    return row.claim.id.partition(".")[0]


def experiment_title(name: str) -> str:
    """An experiment in words."""
    return EXPERIMENTS.get(name, name)


def filtered(**facets: str) -> str:
    """The address of the list with these facets chosen, from the page itself."""
    return f"?{urlencode(facets)}#claims-table"


def is_refit(row: Row) -> bool:
    """Whether a row stands in the appendix: what others published, fitted or computed again, with a value of ours."""
    return row.claim.kind in ("refitted", "recomputed from print") and row.verdict != "not run"


def is_own(row: Row) -> bool:
    """Whether a row is a question of this book's own, and no claim of anybody else."""
    return row.claim.source == "this book"


def groups(rows: list[Row]) -> dict[str, list[Row]]:
    """The claims of others that were decided here, by verdict, those of the appendix left out."""
    decided = [row for row in rows if row.verdict not in FOLDED and not is_refit(row) and not is_own(row)]
    by_verdict = {verdict: [row for row in decided if row.verdict == verdict] for verdict in VERDICTS}
    return {verdict: members for verdict, members in by_verdict.items() if members}


def by_experiment(rows: list[Row], verdict: str) -> dict[str, list[Row]]:
    """The rows with this verdict by experiment, in the order of the ledger, those of the appendix left out."""
    return _by_experiment([row for row in rows if row.verdict == verdict and not is_refit(row)])


def own_by_experiment(rows: list[Row]) -> dict[str, list[Row]]:
    """The questions of this book's own that were decided here, by experiment, each experiment's by verdict."""
    decided = [row for row in rows if is_own(row) and row.verdict not in FOLDED and not is_refit(row)]
    return _by_experiment(sorted(decided, key=lambda row: VERDICTS.index(row.verdict)))


def _by_experiment(rows: list[Row]) -> dict[str, list[Row]]:
    experiments: dict[str, list[Row]] = {}
    for row in rows:
        experiments.setdefault(experiment(row), []).append(row)
    return experiments


def _recorded(book: Book) -> dict[str, str]:
    """From a run to the recorded table that holds it."""
    return {run: name for name, runs in book.run_tables().items() for run in runs["identity"]}


def claims_table(book: Book) -> str:
    """What was measured here: a group for each verdict, what is undetermined folded; and every claim as a download."""
    rows, recorded = list(book.rows.values()), _recorded(book)
    bodies = "".join(_group(verdict, members, recorded) for verdict, members in groups(rows).items())
    download = f"<p>{csv_link('claims', claims_frame(rows))} ({len(rows)} rows, every field)</p>"
    script = '<script src="../_static/claims.js" defer></script>'
    parts = [_table("Claims of others that were decided here", bodies)]
    if own := own_by_experiment(rows):
        heading = f"<p>Questions of our own that were judged ({sum(map(len, own.values()))}), by study</p>"
        parts.append(f'<div class="claims-block claims-own">{heading}{"".join(_own_folds(own, recorded))}</div>')
    if undetermined := by_experiment(rows, "undetermined"):
        count = sum(map(len, undetermined.values()))
        folds = "".join(_folds(undetermined, "undetermined", recorded))
        heading = f"<p>undetermined ({count}), by experiment</p>"
        parts.append(f'<div class="claims-block claims-undetermined">{heading}{folds}</div>')
    return raw(f"{''.join(parts)}{download}{script}")


def refits(book: Book) -> str:
    """The appendix: the digits of refits, folded, with how many have which verdict."""
    rows, recorded = [row for row in book.rows.values() if is_refit(row)], _recorded(book)
    if not rows:
        return "No points of others are fitted in this build."
    body = f"<tbody>{''.join(_claim_row(row, recorded) for row in rows)}</tbody>"
    title = f"{len(rows)} digits of refits and recomputations: {_counted(rows)}"
    return raw(_folded(title, _table("Digits of refits", body), name="refits"))


def not_run(book: Book) -> str:
    """What was not run: a line an experiment, its claims folded."""
    parts = _folds(by_experiment(list(book.rows.values()), "not run"), "not run", {})
    return raw("".join(parts)) if parts else "Every claim was run."


def _folds(experiments: Mapping[str, list[Row]], verdict: str, recorded: Mapping[str, str]) -> list[str]:
    """A line for each experiment, with how many of its rows have a rule where some have none; its rows folded."""
    parts = []
    for name, rows in experiments.items():
        ruled = sum(row.claim.judged for row in rows)
        rules = "no rule yet" if not ruled else "all with a rule" if ruled == len(rows) else f"{ruled} with a rule"
        counted = _claims(len(rows)) if verdict == "undetermined" else f"{_claims(len(rows))}, {rules}"
        title = f"{escape(experiment_title(name))} <small>{counted}</small>"
        label = f"{verdict[0].upper()}{verdict[1:]}: {experiment_title(name)}"
        body = f"<tbody>{''.join(_claim_row(row, recorded) for row in rows)}</tbody>"
        parts.append(_folded(title, _table(label, body), name=f"{verdict.replace(' ', '-')}-{name}"))
    return parts


def _own_folds(experiments: Mapping[str, list[Row]], recorded: Mapping[str, str]) -> list[str]:
    """A line for each study, with how many of its rows have which verdict; its rows folded."""
    parts = []
    for name, rows in experiments.items():
        title = f"{escape(experiment_title(name))} <small>{_claims(len(rows))}: {_counted(rows)}</small>"
        body = f"<tbody>{''.join(_claim_row(row, recorded) for row in rows)}</tbody>"
        parts.append(_folded(title, _table(f"Our own: {experiment_title(name)}", body), name=f"own-{name}"))
    return parts


def waiting_count(book: Book) -> str:
    """How many claims were not run, of how many experiments, with a link that lists them."""
    experiments = by_experiment(list(book.rows.values()), "not run")
    count = number(sum(map(len, experiments.values())))
    link = f'<a href="{escape(filtered(show="not run"))}">show them in the list</a>'
    return f"{count} claims of {len(experiments)} experiments are not run ({link})."


def _counted(rows: list[Row]) -> str:
    """How many of the rows have which verdict, in the order of verdicts."""
    counts = pd.Series([row.verdict for row in rows]).value_counts()
    return listed([f"{counts[verdict]} <em>{verdict}</em>" for verdict in VERDICTS if verdict in counts])


def _claims(count: int) -> str:
    return f"{count} claim{'s' if count > 1 else ''}"


def _folded(title: str, inside: str, name: str) -> str:
    return f'<details class="claims-fold" id="{name}"><summary>{title}</summary>{inside}</details>'


def _table(label: str, bodies: str) -> str:
    head = "".join(f'<th scope="col">{title}</th>' for title in ("Claim", "Claimed", "Ours", "Verdict"))
    table = f'<table class="claims"><thead><tr>{head}</tr></thead>{bodies}</table>'
    return f'<div class="table-scroll" role="region" tabindex="0" aria-label="{escape(label)}">{table}</div>'


def _group(title: str, rows: list[Row], recorded: Mapping[str, str]) -> str:
    head = f'<tr class="group"><th colspan="4" scope="rowgroup">{escape(title)} ({len(rows)})</th></tr>'
    return f"<tbody>{head}{''.join(_claim_row(row, recorded) for row in rows)}</tbody>"


def _claim_row(row: Row, recorded: Mapping[str, str]) -> str:
    facets = {
        "verdict": row.verdict,
        "kind": row.claim.kind,
        "experiment": experiment(row),
        "title": experiment_title(experiment(row)),
        "chapter": row.claim.chapter[:2],
    }
    data = " ".join(f'data-{name}="{escape(value)}"' for name, value in facets.items())
    verdict = f"{verdict_html(row)}<small>{row.claim.kind}</small>"
    cells = (_claim_cell(row), claimed_html(row), ours_cell(row, recorded), verdict)
    return f'<tr id="{anchor(row.claim.id)}" {data}>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _claim_cell(row: Row) -> str:
    """The words; folded, the id, place and chapter, the rule, what it could have said, note and scope."""
    claim, words, identifier = row.claim, texts(row), escape(row.claim.id, quote=True)
    source = "" if claim.source == "the paper" else f"{escape(claim.source)}; "
    chapter = ""
    if claim.chapter in WRITTEN:
        chapter = f' · <a href="../notebooks/{claim.chapter}.html">chapter {int(claim.chapter[:2])}</a>'
    link = f'<a class="claim-id" href="#{anchor(claim.id)}"><code>{identifier}</code></a>'
    folded = [f"{link} {source}{escape(claim.place)}{chapter}"]
    if claim.margin is not None:
        sense = f"{claim.side.strip()}, " if claim.side else ""
        folded.append(f"rule: {sense}margin {escape(words['margin'])}")
    if claim.spread is not None:
        folded.append(f"published spread {claim.spread:g}")
    if row.shown is not None and row.shown.low != row.shown.high:
        folded.append(f"power {words['power']}, <em>reproduced</em> if true {words['chance']}")
    if row.measured is not None and not row.measured.runs:
        folded.append("no runs needed")
    if claim.scope:
        folded.append(f"compared over: {typeset(claim.scope)}")
    if claim.note:
        folded.append(f"note: {typeset(claim.note)}")
    inside = "".join(f"<small>{line}</small>" for line in folded)
    return f"<details><summary>{typeset(claim.claim)}</summary>{inside}</details>"


def ours_cell(row: Row, recorded: Mapping[str, str]) -> str:
    """Our value, its interval and its runs, with links to the figure and to the tables of the runs. recorded: from a
    run to the recorded table that holds it."""
    if row.measured is None:
        return "–"
    words, runs, ours = texts(row), row.measured.runs, row.shown
    cell = "–" if ours is None else f'<a href="#fig-claims-{anchor_of_kind(row.claim.kind)}">{words["ours"]}</a>'
    if ours is not None and ours.low != ours.high:
        cell += f"<small>{words['interval']}</small>"
    names = sorted({recorded[run] for run in runs if run in recorded})
    links = ", ".join(f'<a href="status.html#table-{name}">{name}</a>' for name in names)
    return f"{cell}<small>{len(runs)} runs: {links}</small>" if runs else cell


def anchor_of_kind(kind: str) -> str:
    """The end of the name of a kind's figure."""
    return kind.replace(" ", "-")


def claims_frame(rows: list[Row]) -> pd.DataFrame:
    """Every field of every row, for the download; of the runs only how many."""
    frame = pd.DataFrame([row.as_dict() for row in rows])
    for end, name in enumerate(("low", "high")):
        frame[name] = [None if interval is None else interval[end] for interval in frame["interval"]]
    frame["unit"], frame["note"] = [row.claim.unit for row in rows], [row.claim.note for row in rows]
    return frame.assign(runs=frame["runs"].map(len)).drop(columns="interval")


BLOCKS: Mapping[str, Block] = {
    "claims_table": claims_table,
    "refits": refits,
    "not_run": not_run,
    "waiting_count": waiting_count,
}
