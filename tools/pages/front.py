"""The front page: the figure whose floor a reader moves, and the map of the chapters."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy import stats

from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import PowerLaw
from scaling_lib.pages.drawing.figures import COLOURS
from scaling_lib.pages.drawing.live import Axes, Mark, Panel, live_html, plot_axes
from scaling_lib.pages.drawing.moving import level_mark, moving_dots, moving_line
from scaling_lib.pages.drawing.numbers import number
from scaling_lib.pages.judging.twins.studies import RATE
from scaling_lib.runs.sweeping.experiments import experiment
from tools.chapters import sources
from tools.pages.book import Block, Book
from tools.pages.markup import raw

STUDY = "twins-beta"
# Where the slider stops, in units of SHIFT above the true floor. The last stays below the lowest loss of any run.
SHIFTS = tuple(range(-20, 12))
SHIFT = 5e-4  # nats


@dataclass(frozen=True)
class Assumed:
    """What the runs show over one assumed floor.

    shift: nats from the true floor to the assumed one. loss: over it, at each number of steps. exponent, low, high: in
    D, from one number of steps to the next, with the 95 % interval over seeds.
    """

    shift: float
    loss: np.ndarray
    exponent: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def spread(self) -> float:
        """How far the exponents lie apart: a power law has one."""
        return float(np.ptp(self.exponent))


def excesses(runs: pd.DataFrame) -> pd.DataFrame:
    """Excess loss in nats at the fixed learning rate: a row a seed, a column for each number of tokens D."""
    used = runs[np.isclose(runs["learning_rate"], RATE) & (runs["status"] == "ok")]
    return used.pivot_table(index="seed", columns="D", values="excess_loss").dropna()


def assumed(table: pd.DataFrame, shift: float) -> Assumed:
    """The same losses over a floor that lies `shift` nats above the true one. table: of `excesses`."""
    logs, sizes = np.log(table.to_numpy() - shift), np.log(table.columns.to_numpy(float))
    exponents = -np.diff(logs, axis=1) / np.diff(sizes)
    middle, seeds = exponents.mean(axis=0), len(exponents)
    half = stats.t.ppf(0.975, seeds - 1) * exponents.std(axis=0, ddof=1) / np.sqrt(seeds)
    return Assumed(shift, np.exp(logs.mean(axis=0)), middle, middle - half, middle + half)


def hero(book: Book) -> str:
    """The excess loss of one kind of model over a floor that the reader chooses."""
    runs = book.tables(STUDY)
    if runs is None:
        return "*The runs of the figure are not recorded in this build.*"
    table = excesses(runs)
    tokens, floors = table.columns.to_numpy(float), [assumed(table, SHIFT * shift) for shift in SHIFTS]
    free, _ = free_floor(table)
    usual = min(range(len(floors)), key=lambda at: abs(floors[at].shift - free))
    straightest = min(range(len(floors)), key=lambda at: floors[at].spread)
    # The verdict that the points bend is the ledger's, not the figure's.
    bends = book.rows["twins.straight"].verdict == "differs"
    best = floors[straightest]
    closest = f"the exponents lie closest together, between {between(best)}"
    what = (
        "Over the true floor, which is known exactly, the points bend. Over a floor that is "
        f"{number(best.shift, decimals=4)} nats too high {closest}."
        if bends and best.shift > 0
        else "Move the slider to see what becomes of both when the floor is assumed too low or too high."
    )
    words = {
        usual: "A fit that may choose its floor ends near here, where the exponents lie between "
        f"{between(floors[usual])}.",
        straightest: f"Here {closest}.",
        SHIFTS.index(0): "This is no power law." if bends else "",
    }
    caption = (
        f"Small transformers on walks over random graphs of {number(experiment(STUDY).parameters['nodes'])} nodes, "
        f"means over {number(len(table))} seeds with 95 % intervals. Blue: the loss over the floor that you assume, on "
        "logarithmic axes, where a power law is a straight line; the grey line joins the first point with the last. "
        "Red: the exponent between each run and one twice as long; a power law has the same everywhere. Dashed: the "
        f"exponent 1 of a learner that counts. {what}"
    )
    alt = (
        "Two panels. Left: five points of loss against training tokens on logarithmic axes, which flatten above a "
        "straight line between the first and the last. Right: four exponents that fall from near 1 to less than half "
        "of it as the runs grow longer. With the slider the assumed floor rises and the points straighten."
    )
    html = live_html(
        [_losses(tokens, floors), _exponents(tokens, floors)],
        slider="Assumed floor",
        values=[_position(floor) for floor in floors],
        says=[_sentence(floor, words.get(at, "")) for at, floor in enumerate(floors)],
        start=SHIFTS.index(0),
        name="fig-assumed",
        caption=caption,
        alt=alt,
        table=_numbers(tokens, floors),
        runs=[*runs["identity"]],
    )
    return raw(html)


def between(floor: Assumed) -> str:
    """The least and the largest of the exponents over a floor."""
    return " and ".join(number(end, decimals=2) for end in (floor.exponent.min(), floor.exponent.max()))


def free_floor(table: pd.DataFrame) -> tuple[float, float]:
    """Where a fit with all three parameters free puts the floor, in nats above the true one, and its exponent in D. It
    is fitted over the true floor plus one nat, because the law has a positive floor."""
    return _free_floor(tuple(table.columns), tuple(1 + np.exp(np.log(table).mean()).to_numpy()))


@cache  # the figure and two numbers of the page ask for it
def _free_floor(tokens: tuple[float, ...], losses: tuple[float, ...]) -> tuple[float, float]:
    params = fit(PowerLaw(variable="D"), pd.DataFrame({"D": tokens, "loss": losses}), objective="huber").params
    return float(params["E"]) - 1, float(params["beta"])


def _losses(tokens: np.ndarray, floors: list[Assumed]) -> Panel:
    axes = plot_axes(
        {float(np.log10(size)): _short(size) for size in tokens},
        {-3.0: "0.001", -2.0: "0.01", -1.0: "0.1"},
        "training tokens D",
        "loss over the floor (nats)",
    )
    logs, places = np.log10([floor.loss for floor in floors]), np.log10(tokens)
    line = moving_line(axes, places[[0, -1]], logs[:, [0, -1]], colour="grey")
    return Panel(320, 320, [*axes.marks, line, *moving_dots(axes, places, logs)])


def _exponents(tokens: np.ndarray, floors: list[Assumed]) -> Panel:
    places = np.log10(tokens)
    between = (places[1:] + places[:-1]) / 2
    axes = plot_axes(
        {float(place): _short(size) for place, size in zip(places, tokens, strict=True)},
        {0.0: "0", 0.5: "0.5", 1.0: "1", 1.5: "1.5", 2.0: "2"},
        "training tokens D",
        "exponent in D",
    )
    level = level_mark(axes, places[[0, -1]], 1.0)
    bars = [_bar(axes, float(place), floors, at) for at, place in enumerate(between)]
    dots = moving_dots(axes, between, np.array([floor.exponent for floor in floors]), colour="vermillion")
    return Panel(320, 320, [*axes.marks, level, *bars, *dots])


def _bar(axes: Axes, place: float, floors: list[Assumed], at: int) -> Mark:
    """The interval of one exponent; where it ends above the axes it is cut there."""
    x, ends = float(axes.across(place)), (lambda value: float(axes.up(min(max(value, 0.0), 2.0))))
    low, high = ([ends(getattr(floor, end)[at]) for floor in floors] for end in ("low", "high"))
    return Mark("line", {"x1": x, "x2": x, "y1": low, "y2": high, "stroke": COLOURS["vermillion"], "stroke-width": 2})


def _short(size: float) -> str:
    return f"{size / 1e6:g}M" if size >= 1e6 else f"{size / 1e3:g}k"


def _position(floor: Assumed) -> str:
    """All about as long, so that the slider beside them keeps its length."""
    sign = "+" if floor.shift > 0 else "−"
    return f"{sign}{number(abs(floor.shift), decimals=4)} nats" if floor.shift else "true floor"


def _sentence(floor: Assumed, closing: str) -> str:
    """What one sees at this position."""
    first, last = (
        f"{number(floor.exponent[at], decimals=2)} ({number(floor.low[at], decimals=2)} to "
        f"{number(floor.high[at], decimals=2)})"
        for at in (0, -1)
    )
    which = "the true floor"
    if floor.shift:
        which = f"a floor {number(abs(floor.shift), decimals=4)} nats too {'high' if floor.shift > 0 else 'low'}"
    said = f"Over {which} the exponent is {first} for the shortest runs and {last} for the longest."
    return f"{said} {closing}".strip()


def _numbers(tokens: np.ndarray, floors: list[Assumed]) -> pd.DataFrame:
    """The exponents over the true floor and over the ends of the slider."""
    lines = []
    for floor in floors:
        if floor.shift == 0 or floor is floors[0] or floor is floors[-1]:
            ends = zip(tokens[:-1], tokens[1:], floor.exponent, floor.low, floor.high, strict=True)
            lines += [
                {"floor": _position(floor), "from D": int(a), "to D": int(b), "exponent": c, "low": low, "high": high}
                for a, b, c, low, high in ends
            ]
    return pd.DataFrame(lines)


# What each chapter asks. A chapter that is not here says what stands below its title.
ASKS = {
    "00-the-thread": "One example of everything: a graph, its walks, trained models, a fit and a verdict.",
    "01-graph-walks-entropy": "Do these walks really contain no power law, and what loss can nobody go below?",
    "02-transformers-sp-mup": "How do we compare models of different sizes without measuring our luck in tuning them?",
    "03-power-laws-bias": "How far can a fitted exponent be trusted, and what makes it wrong?",
    "04-chinchilla-allocation": "How large a model, on how many tokens, for a given budget?",
    "05-twins-and-collapse": "What sets the loss, and can a graph of a hundred nodes tell?",
    "06-from-walks-to-language": "What changes on the way from a graph of words to text?",
    "07-architecture-and-emergence": "Does the architecture matter, and is emergence real?",
}


def chapter_map(book: Book) -> str:
    """Every chapter that there is: its number, its title as a link, what it asks."""
    lines = []
    for source in sources():
        text = source.read_text(encoding="utf-8")
        title = re.search(r"^# # (.+)$", text, re.M)
        asks = ASKS.get(source.stem) or _question(text)
        name = title[1] if title else source.stem
        lines.append(f"- **{int(source.stem[:2])}. [{name}](/notebooks/{source.stem})** {asks}")
    return "\n".join(lines)


def _question(text: str) -> str:
    """The first paragraph after "The question." of a chapter's source; "" where it has none."""
    paragraph = re.search(r"\*\*The question\.\*\* (.+?)\n#\n", text, re.S)
    return re.sub(r"\n# ?", " ", paragraph[1]).strip() if paragraph else ""


BLOCKS: Mapping[str, Block] = {"hero": hero, "chapter_map": chapter_map}
