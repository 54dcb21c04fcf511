"""Single numbers of the ledger's pages: from recorded tables, from what is printed, from the library's defaults.

Each is a function from a `Book` to text; "not recorded" where the table it needs does not ship.
"""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pandas as pd

from scaling_lib.fits.points.public_tables import published_exponents
from scaling_lib.pages.judging.exact_quantities import caption_ratios
from scaling_lib.pages.judging.quantities import LEAST_WIDTH, PAPER_RATE
from scaling_lib.runs.keeping.tables import lowest_losses
from scaling_lib.runs.records import Evaluation, Optimizer

if TYPE_CHECKING:
    from tools.pages import Book

ABSENT = "not recorded"
OPTIMIZER = Optimizer(1.0)


def brief(number: float, digits: int = 2) -> str:
    """1e-8 instead of 1e-08."""
    return re.sub(r"e([+-])0*(\d)", lambda found: f"e{found[1].strip('+')}{found[2]}", f"{number:.{digits}g}")


def _published(identifier: str) -> "Callable[[Book], float]":
    return lambda book: float(book.rows[identifier].claim.published)


def _ratio(above: str, below: str, form: str = ".1f") -> "Callable[[Book], str]":
    """Of two published values."""
    return lambda book: format(_published(above)(book) / _published(below)(book), form)


def _caption(figure: int, variable: str) -> "Callable[[Book], str]":
    """MSE of the exponential over that of the power law, from the caption of a figure."""
    return lambda book: f"{caption_ratios(variable)[figure]:.2g}"


def _captions(variable: str, which: str) -> "Callable[[Book], str]":
    def number(book: "Book") -> str:
        ratios = caption_ratios(variable)
        return f"{getattr(ratios, which)():.2g}" if ratios.max() < 100 else f"{getattr(ratios, which)():.3g}"

    return number


def spread_by(runs: pd.DataFrame, knob: str) -> pd.DataFrame:
    """At each D: the largest and the smallest of the lowest losses over the values of `knob`, and their ratio."""
    best = lowest_losses(runs, by=("D", knob)).groupby("D")["excess_loss"].agg(["min", "max"])
    return best.assign(factor=best["max"] / best["min"])


def _factor(name: str, knob: str, which: str) -> "Callable[[Book], str]":
    def number(book: "Book") -> str:
        runs = book.tables(name)
        return ABSENT if runs is None else f"{getattr(spread_by(runs, knob)['factor'], which)():.1f}"

    return number


def _scatter(which: str) -> "Callable[[Book], str]":
    """Of the excess loss over the seeds of er-100 at one D, per cent of its mean: the least or largest over D."""

    def number(book: "Book") -> str:
        runs = book.tables("er-100")
        if runs is None:
            return ABSENT
        over_seeds = lowest_losses(runs, by=("D", "seed")).groupby("D")["excess_loss"]
        return f"{100 * getattr(over_seeds.std() / over_seeds.mean(), which)():.0f}"

    return number


NUMBERS: "Mapping[str, Callable[[Book], str]]" = {
    "claims": lambda book: f"{len(book.rows)}",
    "judged": lambda book: f"{sum(row.claim.judged for row in book.rows.values())}",
    "measured": lambda book: f"{sum(row.measured is not None for row in book.rows.values())}",
    "paper.largest_rate": lambda book: f"{PAPER_RATE:g}",
    "paper.least_width": lambda book: f"{LEAST_WIDTH}",
    "optimizer.beta1": lambda book: f"{OPTIMIZER.beta1:g}",
    "optimizer.beta2": lambda book: f"{OPTIMIZER.beta2:g}",
    "optimizer.epsilon": lambda book: brief(OPTIMIZER.epsilon),
    "optimizer.clip": lambda book: f"{OPTIMIZER.clip:g}",
    "optimizer.weight_decay": lambda book: f"{OPTIMIZER.weight_decay:g}",
    "evaluation.walks": lambda book: f"{Evaluation().walks}",
    "captions.d.least": _captions("d", "min"),
    "captions.d.most": _captions("d", "max"),
    "captions.n.least": _captions("n", "min"),
    "captions.n.most": _captions("n", "max"),
    "er-8k.kappa0.d": _caption(1, "d"),
    "er-8k.kappa0.n": _caption(1, "n"),
    "er-8k.kappa1.d": _caption(4, "d"),
    "er-8k.kappa1.n": _caption(4, "n"),
    "er-50k.kappa0.d": _caption(22, "d"),
    "er-50k.kappa0.n": _caption(22, "n"),
    "er-50k.kappa1.d": _caption(23, "d"),
    "er-50k.kappa1.n": _caption(23, "n"),
    "ba-8k.n": _caption(21, "n"),
    "captions.experiments": lambda book: f"{len(published_exponents())}",
    "chinchilla.one-over-two": _ratio("chinchilla.2d.mse", "chinchilla.1d.mse"),
    "text-sp-2l.a-plus-b": lambda book: (
        f"{_published('text-sp-2l.a_noemb')(book) + _published('text-sp-2l.b_noemb')(book):.2f}"
    ),
    "epoch.gap": lambda book: brief(
        abs(_published("epoch.lad.alpha")(book) - _published("epoch.huber.alpha")(book))
        / float(book.rows["epoch.huber.alpha"].claim.spread or 1),
        1,
    ),
    "steps.batch.least": _factor("er-200-batches", "batch", "min"),
    "steps.batch.most": _factor("er-200-batches", "batch", "max"),
    "steps.epochs.least": _factor("er-200-epochs", "epochs", "min"),
    "fitters.scatter.least": _scatter("min"),
    "fitters.scatter.most": _scatter("max"),
    "steps.epochs.most": _factor("er-200-epochs", "epochs", "max"),
}
