"""The figures of "So what is the origin?": one of its own, and figures of chapters shown again."""

import base64
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd

from scaling_lib.data.counting import expected_excess_loss
from scaling_lib.pages.drawing.figures import COLOURS, logarithmic, style
from scaling_lib.pages.drawing.numbers import number
from scaling_lib.pages.judging.twins.points import twin_points
from scaling_lib.runs.sweeping.experiments import experiment
from tools.pages.book import Block, Book
from tools.pages.markup import figure

STUDY, EXACT = "twins-beta", "twins-labels"
COUNTERS = {
    "add_half": ("naive counter: adds ½", "grey", ":"),
    "add_inverse_n": ("fair counter: adds 1/n", "vermillion", "--"),
    "support_known": ("informed counter: knows the edges", "green", "-."),
}


def against_counters(book: Book) -> str:
    """The transformer with sampled and with exact targets, beside three counters of the same walks."""
    tokens, exact = book.tables(STUDY), book.tables(EXACT)
    if tokens is None or exact is None:
        return "*The runs of this figure are not recorded in this build.*"
    trained = {
        "transformer": (twin_points(tokens), "blue", "o"),
        "the same, exact targets": (twin_points(exact), "purple", "s"),
    }
    D = np.sort(trained["transformer"][0]["D"].to_numpy())
    counted = {name: expected_excess_loss(experiment(STUDY).chain(), D, name) for name in COUNTERS}
    with style():
        drawn, axes = plt.subplots()
        for label, (points, colour, marker) in trained.items():
            error = [points["loss"] - points["low"], points["high"] - points["loss"]]
            look = {"color": COLOURS[colour], "marker": marker, "capsize": 4}
            axes.errorbar(points["D"], points["loss"], yerr=error, label=label, **look)
        for name, (label, colour, dashes) in COUNTERS.items():
            axes.plot(D, counted[name], label=label, color=COLOURS[colour], linestyle=dashes, marker="")
        axes.set(xlabel="training tokens D", ylabel="excess loss L − H (nats)")
        logarithmic(axes)
        drawn.legend(loc="outside lower center", ncols=2)
    lines = [
        points.assign(learner=label)[["learner", "D", "loss", "low", "high"]] for label, (points, *_) in trained.items()
    ]
    lines += [pd.DataFrame({"learner": COUNTERS[name][0], "D": D, "loss": loss}) for name, loss in counted.items()]
    seeds = int(trained["transformer"][0]["seeds"].min())
    return figure(
        book,
        drawn,
        name="fig-origin-counters",
        caption=f"Excess loss on walks over graphs of 100 nodes: a transformer (means over {number(seeds)} seeds, 95 % "
        "intervals), the same transformer with the exact law of the next step as its target, and three learners that "
        "count. The naive counter adds half a count for every node, the fair one a share of one count; like the "
        "transformer, both are told only how many nodes there are.",
        alt="Log-log plot of excess loss against training tokens. The three counters fall as straight lines, the "
        "naive one highest. The transformer begins above all of them and flattens. With exact targets it falls as "
        "they do, below all of them.",
        data=pd.concat(lines, ignore_index=True),
        runs=[*tokens["identity"], *exact["identity"]],
    )


def picture(name: str, book: Book) -> str:
    """The figure `name` of a chapter once more, with its caption and a link to where its data stand; words where this
    build has not drawn it."""
    for path in book.executed:
        shown = _pictures(path).get(name)
        if shown is not None:
            png, caption, alt = shown
            (book.pictures / f"{name}.png").write_bytes(png)
            again = name.replace("fig-", "fig-again-", 1)
            # No "chapter 5": the extension that links chapters would put a link into this one.
            link = f'<a href="../notebooks/{path.stem}.html#{name}">Where its data and runs stand</a>'
            head = f":::{{figure}} {book.pictures.name}/{name}.png\n:name: {again}\n:alt: {alt}\n:class: dark-light"
            return f"{head}\n\n{caption} {link}.\n:::"
    return "*The figure needs recorded runs.*"


@cache
def _pictures(path: Path) -> dict[str, tuple[bytes, str, str]]:
    """The figures that an executed chapter shows: picture, caption and alternative text by name."""
    pictures = {}
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            described = output.get("metadata", {}).get("scaling_lib")
            if described and "image/png" in output.get("data", {}):
                png = base64.b64decode(output["data"]["image/png"])
                pictures[described["name"]] = (png, described["caption"], described["alt"])
    return pictures


BLOCKS: Mapping[str, Block] = {"against_counters": against_counters}
