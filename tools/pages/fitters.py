"""Tables, figure and sentences of the page on fitters. Each is a function from a `Book` to Markdown."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.fitter_entries import ENTRIES
from benchmarks.fitters import HELD_OUT, HOW, NAME, RECORDED, scores
from scaling_lib.pages.drawing.figures import style
from scaling_lib.pages.drawing.numbers import number
from tools.pages.book import Block, Book
from tools.pages.markup import figure, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ABSENT = f"*The scores are not recorded in this build: `{HOW}` makes them.*"
MARKS = "osD^vP*X"


def _fits(book: Book) -> pd.DataFrame | None:
    """One line for each entry and table, as `benchmarks.fitters` recorded them."""
    return book.tables(NAME)


def _cell(value: float) -> str:
    if np.isnan(value):
        return "–"
    if np.isinf(value):
        return "failed"
    return "below 1e-9" if value < 1e-9 else number(value, 2)


def _scored(error: str) -> Block:
    """A table of entries by tasks, its cells medians of an error."""

    def block(book: Book) -> str:
        fits = _fits(book)
        if fits is None:
            return ABSENT
        scored = scores(fits)
        wide = scored.pivot(index="entry", columns="task", values=error)
        wide = wide.reindex(index=scored["entry"].unique(), columns=scored["task"].unique()).dropna(axis=1, how="all")
        return table(wide.map(_cell).rename_axis(columns=None).reset_index())

    return block


def tasks(book: Book) -> str:
    """The tables to fit."""
    fits = _fits(book)
    if fits is None:
        return ABSENT
    lines = []
    for name, group in fits[fits["task"] != ""].groupby("task", sort=False):
        first = group.iloc[0]
        known = "E" if pd.isna(first["noise"]) else "E and exponents"
        law = "L(D)" if first["kind"] == "power-D" else "L(N, D)"
        tables, points = group["copy"].nunique(), int(first["points"])
        held = HELD_OUT[str(first["kind"])]
        line = {"task": name, "law": law, "tables": tables, "points to fit": points, "held out": held, "known": known}
        lines.append(line)
    missing = sorted(set(RECORDED) - set(fits["task"]))
    note = f"\n\nNot recorded when these scores were made: {', '.join(missing)}." if missing else ""
    return table(pd.DataFrame(lines)) + note


def entries(book: Book) -> str:
    """What each minimises, its failures and its time."""
    fits = _fits(book)
    if fits is None:
        return ABSENT
    lines = []
    for name, group in fits.groupby("entry", sort=False):
        says = ENTRIES[name].says if name in ENTRIES else "no longer an entry"
        tried = group[group["state"].isin(("ok", "failed"))]
        if tried.empty:
            lines.append({"entry": name, "what it minimises": says, "package": "not installed"})
            continue
        failed = f"{(tried['state'] == 'failed').sum()} of {len(tried)}"
        time = f"{tried['milliseconds'].median():.0f}"
        package = tried["package"].iloc[0] or "–"
        lines.append({"entry": name, "what it minimises": says, "package": package, "failed": failed, "ms a fit": time})
    return table(pd.DataFrame(lines).fillna("–"))


def floor_found(book: Book) -> str:
    """Where the entries put E on each recorded table, against the exact one."""
    fits = _fits(book)
    if fits is None:
        return ABSENT
    said = []
    for name in RECORDED:
        group = fits[(fits["task"] == name) & (fits["state"] == "ok")]
        if group.empty:
            continue
        high, size = int((group["E_error"] > 0).sum()), group["E_error"].abs()
        missed = group["forecast_error"]
        said.append(
            f"On `{name}`, {high} of {len(group)} entries put E above the exact entropy rate, and none comes closer "
            f"than {number(size.min(), 2)} nats; the furthest is {number(size.max(), 2)} away. Their forecasts miss by "
            f"{number(100 * missed.min(), decimals=0)} to {number(100 * missed.max(), decimals=0)} % of the excess."
        )
    return " ".join(said)


def spread(book: Book) -> str:
    """How much of the error in E is the entry's, and how much the table's."""
    fits = _fits(book)
    if fits is None:
        return ABSENT
    noisy = fits[(fits["noise"] > 0) & (fits["state"] == "ok")]
    size = noisy.assign(size=noisy["E_error"].abs()).pivot_table(index=["task", "copy"], columns="entry", values="size")
    within = size.groupby("task").quantile(0.75) / size.groupby("task").quantile(0.25)
    between = scores(noisy).pivot(index="task", columns="entry", values="E_error")
    between = between.max(axis=1) / between.min(axis=1)
    return (
        f"In the planted twins with noise, one entry's error in E differs from table to table by a factor of "
        f"{number(within.stack().median(), decimals=1)} (upper over lower quartile, the median over entries and "
        f"tasks). From entry to entry, the largest median error over the least is {number(between.min(), decimals=1)} "
        f"to {number(between.max(), decimals=1)}, by task."
    )


def errors_in_floor(book: Book) -> str:
    """A figure: median error in E, by task and entry."""
    fits = _fits(book)
    if fits is None:
        return ABSENT
    scored = scores(fits[~(fits["noise"] == 0)])
    finite = scored.replace(np.inf, np.nan)
    caption = (
        "Error in E, the median over the tables of a task, one mark for each entry. Where marks lie on top of each "
        "other the data decide, not the fitter. Twins without noise are left out; a median that is a failure has none."
    )
    alt = (
        f"Dot plot of {scored['task'].nunique()} tasks, one line each, with marks of {scored['entry'].nunique()} "
        f"entries on a logarithmic axis of the error in E, from {number(scored['E_error'].min(), 2)} to "
        f"{number(finite['E_error'].max(), 2)} nats."
    )
    data = finite[["entry", "task", "tables", "failed", "E_error"]]
    return figure(book, _drawn(scored), name="fig-fitters-e", caption=caption, alt=alt, data=data, runs=[])


def _drawn(scored: pd.DataFrame) -> "Figure":
    import matplotlib.pyplot as plt

    names = list(scored["task"].unique())[::-1]
    with style():
        drawn, axes = plt.subplots(figsize=(7.5, 0.45 * len(names) + 1.6))
        for mark, (entry, group) in zip(MARKS, scored.groupby("entry", sort=False), strict=False):
            places = [names.index(task) for task in group["task"]]
            axes.plot(group["E_error"].replace(np.inf, np.nan), places, mark, label=entry, alpha=0.75)
        axes.set(xscale="log", xlabel="|E − exact E| (nats)")
        axes.set_yticks(range(len(names)), names)
        axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn


BLOCKS: Mapping[str, Block] = {
    "fitters_tasks": tasks,
    "fitters_entries": entries,
    "fitters_e": _scored("E_error"),
    "fitters_alpha": _scored("alpha_error"),
    "fitters_beta": _scored("beta_error"),
    "fitters_forecast": _scored("forecast_error"),
    "fitters_floor": floor_found,
    "fitters_spread": spread,
    "fitters_figure": errors_in_floor,
}
