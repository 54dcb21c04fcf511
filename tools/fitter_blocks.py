"""Tables, figure and sentences of the page on fitters. Each is a function from a `Book` to Markdown."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.fitter_entries import ENTRIES
from benchmarks.fitters import HELD_OUT, HOW, NAME, RECORDED, scores
from scaling_lib.pages.drawing.figures import check_described, png, style, table_html
from tools.page_blocks import details, raw
from tools.page_numbers import brief

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tools.pages import Book

ABSENT = f"*The scores are not recorded in this build: `{HOW}` makes them.*"
MARKS = "osD^vP*X"


def _rows(book: "Book") -> pd.DataFrame | None:
    return book.tables(NAME)


def _cell(value: float) -> str:
    if np.isnan(value):
        return "–"
    if np.isinf(value):
        return "failed"
    return "below 1e-9" if value < 1e-9 else brief(value)


def _scored(error: str) -> "Callable[[Book], str]":
    """Entries by tasks."""

    def block(book: "Book") -> str:
        rows = _rows(book)
        if rows is None:
            return ABSENT
        table = scores(rows)
        wide = table.pivot(index="entry", columns="task", values=error)
        wide = wide.reindex(index=table["entry"].unique(), columns=table["task"].unique()).dropna(axis=1, how="all")
        return raw(table_html(wide.map(_cell).rename_axis(columns=None).reset_index()))

    return block


def tasks(book: "Book") -> str:
    """The tables to fit."""
    rows = _rows(book)
    if rows is None:
        return ABSENT
    lines = []
    for name, group in rows[rows["task"] != ""].groupby("task", sort=False):
        first = group.iloc[0]
        known = "E" if pd.isna(first["noise"]) else "E and exponents"
        law = "L(D)" if first["kind"] == "power-D" else "L(N, D)"
        tables, points = group["copy"].nunique(), int(first["points"])
        held = HELD_OUT[str(first["kind"])]
        line = {"task": name, "law": law, "tables": tables, "points to fit": points, "held out": held, "known": known}
        lines.append(line)
    missing = sorted(set(RECORDED) - set(rows["task"]))
    note = f"\n\nNot recorded when these scores were made: {', '.join(missing)}." if missing else ""
    return raw(table_html(pd.DataFrame(lines))) + note


def entries(book: "Book") -> str:
    """What each minimises, its failures and its time."""
    rows = _rows(book)
    if rows is None:
        return ABSENT
    lines = []
    for name, group in rows.groupby("entry", sort=False):
        says = ENTRIES[name].says if name in ENTRIES else "no longer an entry"
        tried = group[group["state"].isin(("ok", "failed"))]
        if tried.empty:
            lines.append({"entry": name, "what it minimises": says, "package": "not installed"})
            continue
        failed = f"{(tried['state'] == 'failed').sum()} of {len(tried)}"
        time = f"{tried['milliseconds'].median():.0f}"
        package = tried["package"].iloc[0] or "–"
        lines.append({"entry": name, "what it minimises": says, "package": package, "failed": failed, "ms a fit": time})
    return raw(table_html(pd.DataFrame(lines).fillna("–")))


def floor_found(book: "Book") -> str:
    """Where the entries put E on each recorded table, against the exact one."""
    rows = _rows(book)
    if rows is None:
        return ABSENT
    said = []
    for name in RECORDED:
        group = rows[(rows["task"] == name) & (rows["state"] == "ok")]
        if group.empty:
            continue
        high, size = int((group["E_error"] > 0).sum()), group["E_error"].abs()
        said.append(
            f"On `{name}`, {high} of {len(group)} entries put E above the exact entropy rate, and none comes closer "
            f"than {brief(size.min())} nats; the furthest is {brief(size.max())} away. Their forecasts miss by "
            f"{100 * group['forecast_error'].min():.0f} to {100 * group['forecast_error'].max():.0f} % of the excess."
        )
    return " ".join(said)


def spread(book: "Book") -> str:
    """How much of the error in E is the entry's, and how much the table's."""
    rows = _rows(book)
    if rows is None:
        return ABSENT
    noisy = rows[(rows["noise"] > 0) & (rows["state"] == "ok")]
    size = noisy.assign(size=noisy["E_error"].abs()).pivot_table(index=["task", "copy"], columns="entry", values="size")
    within = size.groupby("task").quantile(0.75) / size.groupby("task").quantile(0.25)
    between = scores(noisy).pivot(index="task", columns="entry", values="E_error")
    return (
        f"In the planted twins with noise, one entry's error in E differs from table to table by a factor of "
        f"{within.stack().median():.1f} (upper over lower quartile, the median over entries and tasks). From entry to "
        f"entry, the largest median error over the least is {(between.max(axis=1) / between.min(axis=1)).min():.1f} to "
        f"{(between.max(axis=1) / between.min(axis=1)).max():.1f}, by task."
    )


def figure(book: "Book") -> str:
    """Median error in E, by task and entry."""
    rows = _rows(book)
    if rows is None:
        return ABSENT
    table = scores(rows[~(rows["noise"] == 0)])
    name = "fig-fitters-e"
    caption = (
        "Error in E, the median over the tables of a task, one mark for each entry. Where marks lie on top of each "
        "other the data decide, not the fitter. Twins without noise are left out; a median that is a failure has none."
    )
    alt = (
        f"Dot plot of {table['task'].nunique()} tasks, one line each, with marks of {table['entry'].nunique()} entries "
        f"on a logarithmic axis of the error in E, from {brief(table['E_error'].min())} to "
        f"{brief(table['E_error'].replace(np.inf, np.nan).max())} nats."
    )
    check_described(caption, alt)
    (book.pictures / f"{name}.png").write_bytes(png(_drawn(table)))
    shown = table[["entry", "task", "tables", "failed", "E_error"]].replace(np.inf, np.nan)
    head = f":::{{figure}} {book.pictures.name}/{name}.png\n:name: {name}\n:alt: {alt}\n:class: dark-light"
    return f"{head}\n\n{caption}\n:::\n\n{details(name, shown, [])}"


def _drawn(table: pd.DataFrame) -> "Figure":
    import matplotlib.pyplot as plt

    names = list(table["task"].unique())[::-1]
    with style():
        drawn, axes = plt.subplots(figsize=(7.5, 0.45 * len(names) + 1.6))
        for mark, (entry, group) in zip(MARKS, table.groupby("entry", sort=False), strict=False):
            places = [names.index(task) for task in group["task"]]
            axes.plot(group["E_error"].replace(np.inf, np.nan), places, mark, label=entry, alpha=0.75)
        axes.set(xscale="log", xlabel="|E − exact E| (nats)")
        axes.set_yticks(range(len(names)), names)
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn


FITTER_BLOCKS: "Mapping[str, Callable[[Book], str]]" = {
    "fitters_tasks": tasks,
    "fitters_entries": entries,
    "fitters_e": _scored("E_error"),
    "fitters_alpha": _scored("alpha_error"),
    "fitters_beta": _scored("beta_error"),
    "fitters_forecast": _scored("forecast_error"),
    "fitters_floor": floor_found,
    "fitters_spread": spread,
    "fitters_figure": figure,
}
