"""What recorded runs say on the pages "Where we differ" and "So what is the origin?"."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from scaling_lib.data import chains
from scaling_lib.pages.drawing.numbers import number
from scaling_lib.pages.judging.quantities import PAPER_RATE
from scaling_lib.runs.keeping.tables import lowest_losses
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.runs.sweeping.recipes import source_of
from tools.pages.book import ABSENT, Block, Book
from tools.pages.markup import table


def entropy_of_weights(book: Book) -> str:
    """Exact entropy rate of the paper's main graph, biased with kappa = 1, by what the paper does not say."""
    parameters = dict(experiment("er-8k-k1").parameters)
    graph = source_of("erdos_renyi", {name: parameters[name] for name in ("nodes", "edges")}, 0)[1]
    choices: dict[str, dict[str, bool]] = {
        "continuous, directed": {},
        "continuous, symmetric": {"symmetric": True},
        "integer, directed": {"integer": True},
    }
    lines = []
    for kmax in (10.0, 100.0, 1000.0):
        line = {"kmax / kmin": f"{kmax:,.0f}"}
        for name, choice in choices.items():
            generator = np.random.default_rng([0, 1])  # that of the experiment
            chain = chains.biased(graph, kappa=parameters["kappa"], kmax=kmax, generator=generator, **choice)
            line[name] = number(chain.entropy_rate, decimals=3)
        lines.append(line)
    unbiased = number(graph.entropy_rate, decimals=3)
    lines.append({"kmax / kmin": "no bias"} | dict.fromkeys(choices, unbiased))
    return table(pd.DataFrame(lines))


def batches(book: Book) -> str:
    """Lowest excess loss at each D and batch, and the exponent in D between the ends."""
    runs = book.tables("er-200-batches")
    if runs is None:
        return "*The table of batches is not recorded in this build.*"
    best = lowest_losses(runs, by=("D", "batch")).pivot(index="D", columns="batch", values="excess_loss")
    ends = np.log(best.iloc[[0, -1]])
    slopes = -(ends.iloc[1] - ends.iloc[0]) / np.log(best.index[-1] / best.index[0])
    shown = best.map(lambda loss: number(loss, decimals=3))
    shown.index = [number(tokens) for tokens in best.index]
    shown.loc["exponent"] = [number(slope, decimals=2) for slope in slopes]
    shown.columns = [str(batch) for batch in best.columns]
    return table(shown.reset_index(names="D | batch"))


def _one_matrix_and_two(book: Book) -> dict[str, pd.DataFrame]:
    """L(N) by width with one matrix for embedding and readout and with two, at the D of both; {} without either."""
    pair = {label: book.tables(name) for label, name in (("one matrix", "er-200"), ("two", "er-200-untied"))}
    tables = {label: runs for label, runs in pair.items() if runs is not None}
    if len(tables) < len(pair):
        return {}
    shared = set.intersection(*(set(runs["D"]) for runs in tables.values()))
    return {
        label: lowest_losses(runs[runs["D"].isin(shared)], by=("width",)).set_index("width")
        for label, runs in tables.items()
    }


def tying(book: Book) -> str:
    """N and lowest excess loss by width, with one matrix for embedding and readout and with two."""
    shown = {}
    for label, best in _one_matrix_and_two(book).items():
        shown[f"N, {label}"] = best["N"].map(number)
        shown[f"excess, {label}"] = best["excess_loss"].map(lambda loss: number(loss, decimals=3))
    if not shown:
        return "*The runs with two matrices are not recorded in this build.*"
    return table(pd.DataFrame(shown).reset_index())


def tying_words(book: Book) -> str:
    """At which widths two matrices are better, and at which one."""
    best = _one_matrix_and_two(book)
    if not best:
        return ""
    one, two = (best[label]["excess_loss"] for label in ("one matrix", "two"))
    better = {"Two matrices have": two < one, "one matrix has": two >= one}
    said = [f"{who} the lower loss at widths {', '.join(map(str, w[w].index))}" for who, w in better.items() if w.any()]
    return "; ".join(said) + "."


def evaluation_errors(book: Book) -> str:
    """By recorded table: the standard error that scoring leaves, against the excess loss."""
    lines, without = [], []
    for name, runs in book.run_tables().items():
        best = lowest_losses(runs)
        if best["excess_loss"].isna().any():
            without.append(f"`{name}`")
            continue
        relative = 100 * best["excess_loss_se"] / best["excess_loss"]
        lines.append(
            {
                "table": name,
                "points": len(best),
                "median (nats)": number(best["excess_loss_se"].median(), 2),
                "median (%)": number(relative.median(), decimals=2),
                "largest (%)": number(relative.max(), decimals=2),
            }
        )
    shown = table(pd.DataFrame(lines)) if lines else "*No runs are recorded in this build.*"
    if without:
        shown += f"\n\nNobody knows the entropy rate of the data of {', '.join(without)}, so they have no excess loss."
    return shown


def best_rates(book: Book) -> str:
    """How often the best learning rate lies above the paper's largest, where the grid could tell."""
    said = []
    for name in ("er-1k-small", "er-1k-wide"):
        runs = book.tables(name)
        if runs is not None:
            best = lowest_losses(runs)
            above = int((best["learning_rate"] > PAPER_RATE).sum())
            said.append(f"Of the {len(best)} points $L(N, D)$ of `{name}`, {above} have their best rate above that.")
    return " ".join(said) if said else "Our grids that reach down to it are not recorded yet."


def capacity(book: Book) -> str:
    """The capacity floor of the narrowest model that we trained, as far as our search found it, against its loss."""
    floors, runs = book.tables("capacity-floors"), book.tables("er-200")
    if floors is None or runs is None:
        return f"The capacity floors are {ABSENT} in this build."
    nodes, edges = (experiment("er-200").parameters[name] for name in ("nodes", "edges"))
    same = floors[floors["mean_degree"] == 2 * int(edges) / int(nodes)]
    narrow = lowest_losses(runs, by=("width",)).iloc[0]
    below = same[same["width"] <= narrow["width"]].sort_values("width").iloc[-1]
    times = narrow["excess_loss"] / below["floor"]
    verdict = (
        "the capacity may shape $L(N)$" if times < 10 else "it is not the capacity that shapes $L(N)$ in these runs"
    )
    return (
        f"On a graph of {nodes} nodes, our search for such matrices of rank {below['width']:.0f} has come down to an "
        f"excess of {number(below['floor'], 2)} nats, so the floor of that width lies there or lower. The narrowest "
        f"model that we trained, of width {narrow['width']:.0f}, has an excess loss of {number(narrow['excess_loss'])} "
        f"nats, so {verdict}."
    )


BLOCKS: Mapping[str, Block] = {
    "entropy_of_weights": entropy_of_weights,
    "batches": batches,
    "tying": tying,
    "tying_words": tying_words,
    "best_rates": best_rates,
    "evaluation_errors": evaluation_errors,
    "capacity": capacity,
}
