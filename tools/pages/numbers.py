"""Single numbers of the pages: from recorded tables, from what is printed, from the library's defaults.

Each is a function from a `Book` to text; "not recorded" where the table it needs does not ship.
"""

from collections.abc import Mapping

from scaling_lib.pages.drawing.numbers import number
from scaling_lib.pages.drawing.prose import plain
from scaling_lib.pages.judging.captions import caption_ratios, published_exponents
from scaling_lib.pages.judging.ledger import published_number
from scaling_lib.pages.judging.quantities import LEAST_WIDTH, PAPER_RATE
from scaling_lib.runs.keeping.tables import lowest_losses
from scaling_lib.runs.records import Evaluation, Optimizer
from tools.pages import front
from tools.pages.book import ABSENT, Block, Book

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
    one, in nats, or "exponent"."""

    def of_runs(book: Book) -> str:
        runs = book.tables(front.STUDY)
        if runs is None:
            return ABSENT
        above, exponent = front.free_floor(front.excesses(runs))
        return number(above, 2) if which == "above" else number(exponent, decimals=2)

    return of_runs


def _barest(book: Book) -> str:
    """How many of the barest graphs show a power law in D, and how many do not. Where a second round of more seeds has
    run, it answers in place of the first."""
    verdicts = {}
    for prefix in ("barest.D_", "barest.more_"):
        for name, row in book.rows.items():
            if name.startswith(prefix) and row.verdict != "not run":
                verdicts[name.removeprefix(prefix)] = row.verdict
    yes, no = ([*verdicts.values()].count(verdict) for verdict in ("reproduced", "differs"))
    shows, does = ("shows" if yes == 1 else "show"), ("does" if no == 1 else "do")
    undecided = len(verdicts) - yes - no
    kinds = f"Of {len(verdicts)} other kinds of graph"
    return f"{kinds} {yes} {shows} a power law, {no} {does} not, and {undecided} are undecided"


NUMBERS: Mapping[str, Block] = {
    "barest.answers": _barest,
    "ruler.above": _ruler("above"),
    "ruler.exponent": _ruler("exponent"),
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
