"""Single numbers of the pages: from recorded tables, from what is printed, from the library's defaults.

Each is a function from a `Book` to text; "not recorded" where the table it needs does not ship.
"""

import math
from collections.abc import Mapping

import numpy as np

from scaling_lib.pages.drawing.numbers import number, percent
from scaling_lib.pages.drawing.prose import plain
from scaling_lib.pages.judging.captions import caption_ratios, published_exponents
from scaling_lib.pages.judging.ledger import published_number
from scaling_lib.pages.judging.quantities import LEAST_WIDTH, PAPER_RATE
from scaling_lib.pages.judging.twins.points import slopes_in_nodes, twin_points
from scaling_lib.runs.keeping.tables import lowest_losses
from scaling_lib.runs.records import Evaluation, Optimizer
from tools.pages import front
from tools.pages.book import ABSENT, Block, Book
from tools.pages.markup import listed

OPTIMIZER = Optimizer(1.0)


def _caption(figure: int, variable: str) -> Block:
    """MSE of the exponential over that of the power law, from the caption of a figure."""
    return lambda book: number(caption_ratios(variable)[figure], 2)


def _captions(variable: str, which: str) -> Block:
    """The same over all captions: "min" or "max"."""

    def of_captions(book: Book) -> str:
        ratios = caption_ratios(variable)
        return number(getattr(ratios, which)(), 2 if ratios.max() < 100 else 3)

    return of_captions


def _scatter(which: str) -> Block:
    """Of the excess loss over the seeds of er-100 at one D, per cent of its mean: the least or largest over D."""

    def of_runs(book: Book) -> str:
        runs = book.tables("er-100")
        if runs is None:
            return ABSENT
        over_seeds = lowest_losses(runs, by=("D", "seed")).groupby("D")["excess_loss"]
        return number(100 * getattr(over_seeds.std() / over_seeds.mean(), which)(), decimals=0)

    return of_runs


def _epoch_gap(book: Book) -> str:
    """How far the two estimates of alpha by Besiroglu et al. lie apart, in standard errors of one."""
    apart = abs(published_number("epoch.lad.alpha") - published_number("epoch.huber.alpha"))
    return number(apart / float(book.rows["epoch.huber.alpha"].claim.spread or 1), 1)


def _ruler(which: str) -> Block:
    """Of a fit with a free floor to the runs of the front page's figure: "above", how far its floor lies above the true
    one, in nats; "exponent"; or "between", the least and the largest exponent over that floor."""

    def of_runs(book: Book) -> str:
        runs = book.tables(front.STUDY)
        if runs is None:
            return ABSENT
        table = front.excesses(runs)
        above, exponent = front.free_floor(table)
        if which == "between":
            return front.between(front.assumed(table, above))
        return number(above, 2) if which == "above" else number(exponent, decimals=2)

    return of_runs


def _bend(which: str) -> Block:
    """The mean exponent over the true floor of the front page's runs: over the "first" two doublings or the "last"."""

    def of_runs(book: Book) -> str:
        runs = book.tables(front.STUDY)
        if runs is None:
            return ABSENT
        exponents = front.assumed(front.excesses(runs), 0.0).exponent
        return number((exponents[:2] if which == "first" else exponents[-2:]).mean(), decimals=3)

    return of_runs


def _leak_share(book: Book) -> str:
    """Of the excess loss at the most tokens of the front page's runs, per cent that is leak."""
    runs = book.tables(front.STUDY)
    if runs is None:
        return ABSENT
    leak, whole = (twin_points(runs, column=name).sort_values("D")["loss"].iloc[-1] for name in ("leak", "excess_loss"))
    return percent(leak / whole)


def _asked(book: Book) -> str:
    """By how many per cent the rule on exact labels asks the loss to be lower."""
    return percent(1 - math.exp(float(book.rows["twins.labels_lower"].claim.published)), 1)


def _targets(which: str) -> Block:
    """The mean exponent in D at the numbers of steps that both have: with "sampled" or with "exact" targets."""

    def of_runs(book: Book) -> str:
        sampled, exact = book.tables("twins-beta"), book.tables("twins-labels")
        if sampled is None or exact is None:
            return ABSENT
        points, others = (twin_points(runs) for runs in ((sampled, exact) if which == "sampled" else (exact, sampled)))
        points = points[points["steps"].isin(others["steps"])]
        return number(-np.polyfit(np.log(points["D"]), np.log(points["loss"]), 1)[0], decimals=3)

    return of_runs


def _shortest_slope(book: Book) -> str:
    """The slope of ln(excess loss) in ln(nodes) over twins, of the shortest runs."""
    runs = book.tables("twins-size")
    if runs is None:
        return ABSENT
    return number(slopes_in_nodes(runs).sort_values("steps")["slope"].iloc[0], decimals=3)


def _barest(book: Book) -> str:
    """How many of the barest graphs passed the test of a power law in D, and which; how many did not. Where a second
    round of more seeds has run, it answers in place of the first."""
    rows = {}
    for prefix in ("barest.D_", "barest.more_"):
        for name, row in book.rows.items():
            if name.startswith(prefix) and row.verdict != "not run":
                rows[name.removeprefix(prefix)] = row
    passed = [row for row in rows.values() if row.verdict == "reproduced"]
    failed = sum(row.verdict == "differs" for row in rows.values())
    # The claim says "... is a power law in D on GRAPH: distance from one".
    graphs = [row.claim.claim.partition(" in D on ")[2].partition(":")[0] for row in passed]
    which = f" ({listed(graphs)})" if graphs else ""
    undecided = len(rows) - len(passed) - failed
    return (
        f"Of {len(rows)} other kinds of graph, {len(passed)} passed our test for a power law{which}, {failed} failed "
        f"it, and {undecided} could not be decided"
    )


NUMBERS: Mapping[str, Block] = {
    "barest.answers": _barest,
    "bend.first": _bend("first"),
    "bend.last": _bend("last"),
    "labels.asked": _asked,
    "leak.share": _leak_share,
    "ruler.above": _ruler("above"),
    "ruler.between": _ruler("between"),
    "ruler.exponent": _ruler("exponent"),
    "size.shortest": _shortest_slope,
    "targets.exact": _targets("exact"),
    "targets.sampled": _targets("sampled"),
    "claims": lambda book: number(len(book.rows)),
    "judged": lambda book: number(sum(row.claim.judged for row in book.rows.values())),
    "measured": lambda book: number(sum(row.measured is not None for row in book.rows.values())),
    "decided.trained": lambda book: number(
        sum(row.shown is not None and row.claim.kind in ("trained here", "by twin") for row in book.rows.values())
    ),
    "decided": lambda book: number(sum(row.shown is not None for row in book.rows.values())),
    "paper.largest_rate": lambda book: plain(PAPER_RATE),
    "paper.least_width": lambda book: plain(LEAST_WIDTH),
    "optimizer.beta1": lambda book: plain(OPTIMIZER.beta1),
    "optimizer.beta2": lambda book: plain(OPTIMIZER.beta2),
    "optimizer.epsilon": lambda book: plain(OPTIMIZER.epsilon),
    "optimizer.clip": lambda book: plain(OPTIMIZER.clip),
    "optimizer.weight_decay": lambda book: plain(OPTIMIZER.weight_decay),
    "evaluation.walks": lambda book: str(Evaluation().walks),
    "captions.experiments": lambda book: number(len(published_exponents())),
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
    "chinchilla.one-over-two": lambda book: number(
        published_number("chinchilla.2d.mse") / published_number("chinchilla.1d.mse"), decimals=1
    ),
    "text-sp-2l.a-plus-b": lambda book: number(
        published_number("text-sp-2l.a_noemb") + published_number("text-sp-2l.b_noemb"), decimals=2
    ),
    "epoch.gap": _epoch_gap,
    "fitters.scatter.least": _scatter("min"),
    "fitters.scatter.most": _scatter("max"),
}
