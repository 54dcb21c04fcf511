"""The figures of "So what is the origin?", drawn as wide as a phone, which shows them without scrolling sideways.

Most of them show what a figure of a chapter shows too. Each has its data and its runs below it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import poisson

from scaling_lib.data.chains import barabasi_albert, erdos_renyi
from scaling_lib.data.counting import expected_excess_loss
from scaling_lib.pages.drawing.figures import COLOURS, MARKERS, logarithmic, style
from scaling_lib.pages.drawing.lines import lines_by, with_intervals
from scaling_lib.pages.drawing.numbers import number
from scaling_lib.pages.drawing.prose import plain
from scaling_lib.pages.judging.ledger import published_number
from scaling_lib.pages.judging.quantities import PAPER_RATE
from scaling_lib.pages.judging.twins.points import twin_points
from scaling_lib.runs.keeping.tables import lowest_losses
from scaling_lib.runs.sweeping.experiments import experiment
from tools.pages import front
from tools.pages.book import Block, Book
from tools.pages.markup import figure, listed

STUDY, EXACT = "twins-beta", "twins-labels"
COUNTERS = {
    "add_half": ("naive counter: adds ½", "grey", ":"),
    "add_inverse_n": ("fair counter: adds 1/n", "vermillion", "--"),
    "support_known": ("informed counter: knows the edges", "green", "-."),
}
MISSING = "*The runs of this figure are not recorded in this build.*"
LOSS, TOKENS = "excess loss (nats)", "training tokens D"
LEAST_FLOOR = 1e-4  # nats: of the capacity floors that lie below, the first is drawn, at the lower edge
EARLY_WIDTHS = (48, 64, 96)


@contextmanager
def _narrow(height: float) -> Iterator[None]:
    """The book's style at a width that a phone shows whole, with its smallest letters."""
    small = {"figure.figsize": (3.6, height), "font.size": 9, "lines.linewidth": 1.5, "lines.markersize": 4.5}
    with style(), mpl.rc_context(small):
        yield


def _legend_above(drawn: Figure, axes: Axes, columns: int = 2) -> None:
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=columns, handlelength=2.6)


def _nodes(study: str) -> str:
    return number(int(experiment(study).parameters["nodes"]))


@cache
def _degrees() -> dict[str, np.ndarray]:
    """Of the two graphs of chapter 1: of the paper's main one, and of one that grows with preference."""
    er = erdos_renyi(8192, edges=53_292, generator=np.random.default_rng(0))
    ba = barabasi_albert(8192, attachments=6, generator=np.random.default_rng(0))
    return {"Erdős–Rényi": er.degrees, "Barabási–Albert": ba.degrees}


def degrees(book: Book) -> str:
    """How many nodes have at least a given degree, of a graph without and of one with a power law."""
    inks = {"Erdős–Rényi": ("blue", "o"), "Barabási–Albert": ("vermillion", "s")}
    lines = []
    with _narrow(3.3):
        drawn, axes = plt.subplots()
        for name, of_nodes in _degrees().items():
            degree, nodes = np.unique(of_nodes, return_counts=True)
            share = nodes[::-1].cumsum()[::-1] / nodes.sum()
            colour, marker = inks[name]
            axes.plot(degree, share, marker, markersize=3, label=name, color=COLOURS[colour])
            lines.append(pd.DataFrame({"graph": name, "degree": degree, "share with at least this degree": share}))
        degree = np.arange(1, 31)
        law = poisson.sf(degree - 1, _degrees()["Erdős–Rényi"].mean())
        axes.plot(degree, law, "--", marker="", label="Poisson law", color=COLOURS["blue"])
        degree = np.array([9.0, 400.0])
        axes.plot(degree, 42 / degree**2, "-", marker="", label="power law, slope −2", color=COLOURS["vermillion"])
        axes.set(xlabel="degree d", ylabel="share of nodes with degree ≥ d", ylim=(5e-5, 2))
        logarithmic(axes)
        _legend_above(drawn, axes)
    return figure(
        book,
        drawn,
        narrow=True,
        name="fig-origin-degrees",
        caption="How many nodes have at least a given number of neighbours. The degrees of the Erdős–Rényi graph "
        "follow the Poisson law, whose tail falls faster than any power. Those of the Barabási–Albert graph follow a "
        "power law, for comparison. See chapter 1.",
        alt="Log-log plot of the share of nodes with degree at least d. The points of the Erdős–Rényi graph stay near "
        "1 up to degree 8 and then plunge on top of a dashed Poisson curve. Those of the Barabási–Albert graph fall "
        "along a straight line of slope minus 2 from degree 10 to about 400.",
        data=pd.concat(lines, ignore_index=True).iloc[::6],
        runs=[],
    )


def floors(book: Book) -> str:
    """The capacity floor against the width, beside the loss of trained models."""
    found, runs = book.tables("capacity-floors"), book.tables("er-200")
    if found is None or runs is None:
        return MISSING
    mean_degree = 2 * int(experiment("er-200").parameters["edges"]) / int(experiment("er-200").parameters["nodes"])
    trained = lowest_losses(runs, by=("width",))
    shown = pd.concat(
        part[: (part["floor"] > LEAST_FLOOR).sum() + 1] for _, part in found.groupby("mean_degree", sort=True)
    )
    shown = shown.assign(ratio=shown["width"] / shown["mean_degree"], floor=shown["floor"].clip(lower=LEAST_FLOOR / 10))
    with _narrow(3.3):
        drawn, axes = plt.subplots()
        lines_by(axes, shown, by="mean_degree", x="ratio", y="floor", line="--", label="floor, degree {}")
        look = {"color": COLOURS["purple"], "label": f"trained, degree {plain(mean_degree)}"}
        axes.plot(trained["width"] / mean_degree, trained["excess_loss"], "D-", **look)
        axes.set(xlabel="width ÷ mean degree", ylabel=LOSS, ylim=(LEAST_FLOOR, 5))
        logarithmic(axes)
        _legend_above(drawn, axes)
    data = [
        found.assign(what="capacity floor")[["what", "mean_degree", "width", "floor"]],
        trained.assign(what="trained", mean_degree=mean_degree, floor=trained["excess_loss"])[
            ["what", "mean_degree", "width", "floor"]
        ],
    ]
    return figure(
        book,
        drawn,
        narrow=True,
        name="fig-origin-capacity",
        caption="Dashed: the least excess loss that the width of a model allows, as far as our search has come down, "
        f"for graphs of about {_nodes('er-200')} nodes with three mean degrees. Solid: the lowest excess loss of "
        "models that were trained on one of them, with the parametrization muP. See chapter 2.",
        alt="Log-log plot of excess loss against width divided by mean degree. The dashed floors fall slowly from "
        "above 1 nat, then plunge below 0.0001 between about 1 and 2 mean degrees. The curve of the trained models "
        "begins to the right of that, near 1 nat, and falls to about 0.1.",
        data=pd.concat(data, ignore_index=True).rename(columns={"floor": "excess loss"}),
        runs=[*runs["identity"]],
    )


def against_counters(book: Book) -> str:
    """The transformer with sampled and with exact targets, beside three counters of the same walks."""
    tokens, exact = book.tables(STUDY), book.tables(EXACT)
    if tokens is None or exact is None:
        return MISSING
    trained = {
        "transformer": (twin_points(tokens), "blue", "o"),
        "transformer, exact targets": (twin_points(exact), "purple", "s"),
    }
    D = np.sort(trained["transformer"][0]["D"].to_numpy())
    counted = {name: _counted(name, D) for name in COUNTERS}
    with _narrow(3.9):
        drawn, axes = plt.subplots()
        for label, (points, colour, marker) in trained.items():
            with_intervals(axes, points, x="D", y="loss", label=label, color=COLOURS[colour], marker=marker)
        for name, (label, colour, dashes) in COUNTERS.items():
            axes.plot(D, counted[name], label=label, color=COLOURS[colour], linestyle=dashes, marker="")
        axes.set(xlabel=TOKENS, ylabel=LOSS)
        logarithmic(axes)
        _legend_above(drawn, axes, columns=1)
    lines = [
        points.assign(learner=label)[["learner", "D", "loss", "low", "high"]] for label, (points, *_) in trained.items()
    ]
    lines += [pd.DataFrame({"learner": COUNTERS[name][0], "D": D, "loss": loss}) for name, loss in counted.items()]
    seeds = int(trained["transformer"][0]["seeds"].min())
    return figure(
        book,
        drawn,
        narrow=True,
        name="fig-origin-counters",
        caption=f"Excess loss on walks over graphs of {_nodes(STUDY)} nodes: a transformer (means over "
        f"{number(seeds)} seeds, 95 % intervals), the same transformer with the exact law of the next step as its "
        "target, and three learners that count. The naive counter adds half a count for every node, the fair one a "
        "share of one count; like the transformer, both are told only how many nodes there are.",
        alt="Log-log plot of excess loss against training tokens. The three counters fall as straight lines, the "
        "naive one highest. The transformer begins above all of them and flattens. With exact targets it falls as "
        "they do, below all of them.",
        data=pd.concat(lines, ignore_index=True),
        runs=[*tokens["identity"], *exact["identity"]],
    )


def _counted(name: str, D: np.ndarray) -> np.ndarray:
    return expected_excess_loss(experiment(STUDY).chain(), D, name)


def batches(book: Book) -> str:
    """The same losses at four batch sizes, against tokens and against steps."""
    runs = book.tables("er-200-batches")
    if runs is None:
        return MISSING
    points = twin_points(runs)
    with _narrow(4.6):
        drawn, (above, below) = plt.subplots(2, 1)
        for axes, column, label in ((above, "D", TOKENS), (below, "steps", "steps of the optimiser")):
            lines_by(axes, points, by="batch", x=column, y="loss", label="{} walks a step")
            axes.set(xlabel=label, ylabel=LOSS)
            logarithmic(axes)
        _legend_above(drawn, above)
    width, nodes = points["width"].iloc[0], points["nodes"].iloc[0]
    return figure(
        book,
        drawn,
        narrow=True,
        name="fig-origin-batches",
        caption=f"The excess loss of models of width {number(width)} on one graph of {number(nodes)} nodes, at one "
        "peak learning rate and four batch sizes (walks a step). Above against the tokens, below the same losses "
        "against the steps. See chapter 5.",
        alt="Two log-log panels of excess loss with four lines each. Against tokens the lines lie far apart, larger "
        "batches higher; against steps they lie close together.",
        data=points[["batch", "steps", "D", "seeds", "loss"]],
        runs=[*runs["identity"]],
    )


def early_grid(book: Book) -> str:
    """The lowest loss over all learning rates that we tried, and over those up to the paper's largest."""
    runs = book.tables("er-1k-small")
    if runs is None:
        return MISSING
    runs = runs[runs["width"].isin(EARLY_WIDTHS)]
    early = f"{plain(PAPER_RATE)} only"
    lowest = {"all rates": lowest_losses(runs), early: lowest_losses(runs[runs["learning_rate"] <= PAPER_RATE])}
    colours = ("blue", "vermillion", "green")
    with _narrow(3.6):
        drawn, axes = plt.subplots()
        look = {"by": "width", "x": "D", "y": "excess_loss", "colours": colours, "label": "_"}
        lines_by(axes, lowest["all rates"], line="-", **look)
        lines_by(axes, lowest[early], line="--", markerfacecolor="none", **look)
        axes.set(xlabel=TOKENS, ylabel=LOSS)
        logarithmic(axes)
        # What the colours and what the lines mean, each once.
        handles = [
            Line2D([], [], color=COLOURS[colour], marker=marker, label=f"width {number(width)}")
            for colour, marker, width in zip(colours, MARKERS, EARLY_WIDTHS, strict=False)
        ]
        handles += [
            Line2D([], [], color=COLOURS["grey"], marker="o", linestyle=line, label=label, markerfacecolor=face)
            for label, line, face in (("all rates", "-", COLOURS["grey"]), (early, "--", "none"))
        ]
        drawn.legend(handles=handles, loc="outside upper center", ncols=2, handlelength=3.4)
    chosen = lowest["all rates"][["width", "D", "learning_rate"]]
    of_seeds = runs.merge(chosen, on=["width", "D", "learning_rate"]).groupby(["width", "D"])["excess_loss"]
    apart = (of_seeds.max() / of_seeds.min()).groupby("width").max()
    factors = listed([f"{number(apart[width], 2)} at width {number(width)}" for width in EARLY_WIDTHS])
    return figure(
        book,
        drawn,
        narrow=True,
        name="fig-origin-early-grid",
        caption=f"Excess loss on a graph of {_nodes('er-1k-small')} nodes at three widths, the lowest over seeds and "
        f"learning rates. Solid, filled: over all rates. Dashed, open: over {plain(PAPER_RATE)} alone, the largest "
        f"rate that the paper tried. Over the {number(runs['seed'].nunique())} seeds of a point the loss differs by a "
        f"factor of up to {factors}, so a line need not fall evenly. See chapter 2.",
        alt="Log-log plot. Three solid curves fall and flatten, the one of the narrowest model rises again; three "
        "dashed ones lie above them, nearly level at first, then falling steeply.",
        data=pd.concat(best.assign(rates=name) for name, best in lowest.items())[
            ["rates", "width", "D", "learning_rate", "excess_loss"]
        ],
        runs=[*runs["identity"]],
    )


def slopes(book: Book) -> str:
    """The exponent between each number of tokens and the next, over the true floor."""
    runs = book.tables(STUDY)
    if runs is None:
        return MISSING
    table = front.excesses(runs)
    over, tokens = front.assumed(table, 0.0), table.columns.to_numpy(float)
    data = {"from D": tokens[:-1], "to D": tokens[1:], "exponent": over.exponent, "low": over.low, "high": over.high}
    exponents = pd.DataFrame(data | {"D": np.sqrt(tokens[1:] * tokens[:-1])})
    published = published_number("er-1k-k0.beta")
    with _narrow(3.2):
        drawn, axes = plt.subplots()
        with_intervals(axes, exponents, x="D", y="exponent", color=COLOURS["blue"], marker="o", label="ours")
        axes.axhline(1.0, color=COLOURS["green"], linestyle="--", label="counting")
        axes.axhline(
            published, color=COLOURS["vermillion"], linestyle=":", label=f"the paper, {_nodes('er-1k-small')} nodes"
        )
        axes.set(xlabel=TOKENS, ylabel="exponent in D", ylim=(0, 1.2))
        logarithmic(axes, "x")
        _legend_above(drawn, axes)
    return figure(
        book,
        drawn,
        narrow=True,
        name="fig-origin-slopes",
        caption=f"The exponent in D of our models on graphs of {_nodes(STUDY)} nodes, over the true floor, from each "
        f"number of tokens to twice as many (means over {number(len(table))} seeds, 95 % intervals); that of a learner "
        "that counts; and the one that the paper fitted, with a floor chosen by the fit, on its smallest graph. See "
        "chapter 5.",
        alt="Exponents against training tokens on a logarithmic axis. The points fall from near 1 to less than half of "
        "it, across a horizontal line at the paper's value; another line stands at counting's 1.",
        data=pd.DataFrame(data),
        runs=[*runs["identity"]],
    )


def leak(book: Book) -> str:
    """The excess loss of the transformer and its two parts, beside two counters."""
    runs = book.tables(STUDY)
    if runs is None:
        return MISSING
    columns = {"excess loss": "excess_loss", "leak": "leak", "within": "within"}
    parts = {name: twin_points(runs, column=column) for name, column in columns.items()}
    D = np.sort(parts["leak"]["D"].to_numpy())
    inks = {"excess loss": ("blue", "o"), "leak": ("vermillion", "s"), "within": ("purple", "^")}
    with _narrow(3.6):
        drawn, axes = plt.subplots()
        for name, points in parts.items():
            colour, marker = inks[name]
            axes.plot(points["D"], points["loss"], color=COLOURS[colour], marker=marker, label=name)
        for name in ("add_half", "support_known"):
            label, colour, dashes = COUNTERS[name]
            label = label.partition(":")[0]
            axes.plot(D, _counted(name, D), color=COLOURS[colour], linestyle=dashes, marker="", label=label)
        axes.set(xlabel=TOKENS, ylabel="loss (nats)")
        logarithmic(axes)
        _legend_above(drawn, axes)
    seeds = int(parts["leak"]["seeds"].min())
    return figure(
        book,
        drawn,
        narrow=True,
        name="fig-origin-leak",
        caption=f"The excess loss of a transformer on graphs of {_nodes(STUDY)} nodes and its two parts, means over "
        f"{number(seeds)} seeds at one learning rate, beside the excess loss of the naive and of the informed counter. "
        "See chapter 5.",
        alt="Log-log plot: excess loss on top, leak close below it and flattening, within lower and straighter, and "
        "the lines of two counters.",
        data=pd.concat([points.assign(part=name) for name, points in parts.items()])[
            ["part", "D", "loss", "low", "high"]
        ],
        runs=[*runs["identity"]],
    )


BLOCKS: Mapping[str, Block] = {
    "origin_degrees": degrees,
    "origin_capacity": floors,
    "against_counters": against_counters,
    "origin_batches": batches,
    "origin_early_grid": early_grid,
    "origin_slopes": slopes,
    "origin_leak": leak,
}
