"""Tables as people write them, made at random with a known truth, and what the library should make of each.

A `Case` is a file with its kind. Well-posed kinds must be read as planted and answered; malformed ones must be refused,
or doubted, with their cause named, and where there is a remedy it must give the planted numbers back.
"""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from scaling_lib.fits.laws import Chinchilla

# How often each kind is made, in shares of a hundred.
KINDS = {
    "well-posed": 24,
    "units, all rows": 12,
    "units, some rows": 12,
    "swapped columns": 10,
    "words in numbers": 14,
    "two ways to read": 5,
    "collinear ladder": 9,
    "pinned above a loss": 7,
    "repeated points": 7,
}
COLUMNS = {"N": ("N", "params", "model size", "n_params, total", "Parameters"),
           "D": ("D", "tokens", "training tokens", "n_tokens", "Tokens (all)"),
           "C": ("C", "flops", "training FLOPs"),
           "loss": ("loss", "val_loss", "val, smoothed", "Final loss")}  # fmt: skip
WORDS = ("diverged", "Total", "7B", "n.b.", "~3.2", "3.1(est)", "oom", "2.5x")


@dataclass
class Case:
    """content: of the file. columns: what `--columns` says. truth, planted: the law and the runs behind it (N, D,
    loss). words: what a refusal must name. pinned, units: options that are given."""

    kind: str
    content: bytes
    columns: dict[str, str]
    truth: dict[str, float]
    planted: pd.DataFrame
    words: tuple[str, ...] = ()
    pinned: float | None = None
    units: dict[str, float] = field(default_factory=dict)
    suffix: str = ".csv"


def made(seed: int) -> Case:
    """The case of this number."""
    generator = np.random.default_rng([16, seed])
    kind = str(generator.choice(list(KINDS), p=np.array(list(KINDS.values())) / 100))
    truth, table, sigma = _runs(generator)
    return _MAKERS[kind](generator, kind, truth, table, sigma)


def _runs(generator: np.random.Generator) -> tuple[dict[str, float], pd.DataFrame, float]:
    """A law, and 15 to 30 runs of it on a grid that is a little uneven, in random order."""
    N0 = 10 ** generator.uniform(7, 8.5)
    D0 = N0 * generator.uniform(20, 60)
    rows, columns = int(generator.integers(5, 7)), int(generator.integers(3, 6))
    spans = generator.uniform(1.7, 2.7, 2)
    N, D = (axis.ravel() for axis in np.meshgrid(N0 * np.logspace(0, spans[0], rows),
                                                 D0 * np.logspace(0, spans[1], columns)))  # fmt: skip
    N, D = (np.round(x * np.exp(generator.normal(0, 0.05, len(x))), -3) for x in (N, D))
    alpha, beta = generator.uniform(0.25, 0.5, 2)
    size = generator.uniform(0.5, 1.5, 2)
    truth = {"E": float(generator.uniform(1.0, 2.2)), "A": size[0] * N0**alpha, "B": size[1] * D0**beta,
             "alpha": float(alpha), "beta": float(beta)}  # fmt: skip
    sigma = float(generator.uniform(5e-4, 2e-3))
    table = pd.DataFrame({"N": N, "D": D}).sample(frac=1, random_state=int(generator.integers(2**31)))
    table = table.reset_index(drop=True)
    return truth, _with_losses(table, truth, sigma, generator), sigma


def _with_losses(table: pd.DataFrame, truth: dict[str, float], sigma: float, generator) -> pd.DataFrame:
    clean = Chinchilla().loss(truth, N=table["N"].to_numpy(), D=table["D"].to_numpy())
    return table.assign(loss=clean * np.exp(sigma * generator.standard_normal(len(table))))


# Writing --------------------------------------------------------------------------------------------------------------


def _written(
    generator: np.random.Generator,
    table: pd.DataFrame,
    *,
    plain: bool = False,
    spoil: Callable[[list[list[str]]], None] | None = None,
    names: dict[str, str] | None = None,
) -> tuple[bytes, dict[str, str], list[list[str]], int]:
    """(file, columns mapping, cells, lines above the first row). plain: commas, points, no thousands marks."""
    wanted = list(table)
    renamed = names or {name: str(generator.choice(COLUMNS[name])) for name in wanted}
    separator, decimal, thousands = (",", ".", "") if plain else _STYLES[int(generator.integers(len(_STYLES)))]
    order = [wanted[i] for i in generator.permutation(len(wanted))]
    extra = not plain and separator != " " and generator.random() < 0.5
    header = [renamed[name] for name in order] + (["remark"] if extra else [])
    if separator == " ":
        header = [name.replace(" ", "_").replace(",", "") for name in header]
        renamed = dict(zip(order, header, strict=False))
    scientific = generator.random() < 0.4
    cells = []
    for _, row in table.iterrows():
        line = [_shown(row[name], name, decimal, thousands, scientific) for name in order]
        cells.append(line + (["a run; of no, note"] if extra else []))
    if spoil is not None:
        spoil(cells)
    top = [] if plain else _TOPS[int(generator.integers(len(_TOPS)))]
    text = io.StringIO()
    text.write("".join(f"{line}\n" for line in top))
    if separator == " ":
        text.write("\n".join(" ".join(line) for line in [header, *cells]) + "\n")
    else:
        csv.writer(text, delimiter=separator, lineterminator="\n").writerows([header, *cells])
    encoding = "utf-8" if plain else str(generator.choice(["utf-8", "utf-8-sig", "utf-16"], p=[0.6, 0.2, 0.2]))
    mapping = {name: column for name, column in renamed.items() if name != column}
    return text.getvalue().encode(encoding), mapping, cells, len(top) + 1


_STYLES = [
    (",", ".", ""),
    (",", ".", ""),
    (",", ".", ","),
    (";", ",", ""),
    (";", ",", "."),
    (";", ".", ""),
    ("\t", ".", ""),
    ("\t", ",", ""),
    ("|", ".", ""),
    (" ", ".", ""),
    (",", ".", "_"),
    (";", ",", "\u00a0"),
]
_TOPS = [[], [], [], ["# exported by hand"], ["Scaling runs, winter", ""], ["", "# one", "# two"]]


def _shown(value: float, name: str, decimal: str, thousands: str, scientific: bool) -> str:
    if name == "loss":
        text = f"{value:.7f}"
    elif name == "C" or scientific or value != round(value):
        text = f"{value:.9e}"
    else:
        text = f"{value:,.0f}"
    marks = {",": thousands, ".": decimal}
    return "".join(marks.get(letter, letter) for letter in text)


# Kinds ----------------------------------------------------------------------------------------------------------------


def _well_posed(generator, kind, truth, table, sigma):
    given = table.assign(C=6 * table["N"] * table["D"])
    keep = [["N", "D", "loss"], ["N", "C", "loss"], ["D", "C", "loss"], ["N", "D", "C", "loss"]]
    given = given[keep[int(generator.choice(4, p=[0.5, 0.15, 0.15, 0.2]))]]
    names = None
    if generator.random() < 0.3 and {"N", "D"} <= set(given):
        # A table that calls tokens N, or has the two names the other way round.
        names = {name: name for name in given} | ({"N": "params", "D": "N"} if generator.random() < 0.5 else
                                                  {"N": "D", "D": "N"})  # fmt: skip
    content, columns, _, _ = _written(generator, given, names=names)
    return Case(kind, content, columns, truth, table)


def _units_everywhere(generator, kind, truth, table, sigma):
    wrong = table.copy()
    what = int(generator.integers(5))
    units = [{"D": 1e9}, {"N": 1e6}, {"N": 1e6, "D": 1e9}, {"C": 1e9}, {"D": 1e6}][what]
    if "C" in units:
        wrong = table.assign(C=6 * table["N"] * table["D"])[["N", "C", "loss"]]
    for name, factor in units.items():
        wrong[name] = wrong[name] / factor
    words = {0: ("D may be counted in",), 1: ("N may be counted in",), 2: ("may be counted in",),
             3: ("C may be counted in",), 4: ("D may be counted in",)}[what]  # fmt: skip
    content, columns, _, _ = _written(generator, wrong)
    return Case(kind, content, columns, truth, table, words, units=units)


def _units_in_some(generator, kind, truth, table, sigma):
    name, factor = [("D", 1e9), ("D", 1e6), ("N", 1e6), ("C", 1e9)][int(generator.integers(4))]
    wrong = table if name != "C" else table.assign(C=6 * table["N"] * table["D"])[["N", "C", "loss"]]
    rows = generator.random(len(table)) < generator.uniform(0.25, 0.6)
    if generator.random() < 0.5:  # of the small models only
        rows = (table["N"] < table["N"].median()).to_numpy()
    if not 2 <= rows.sum() <= len(rows) - 2:
        rows = np.arange(len(table)) % 2 == 0
    wrong = wrong.assign(**{name: np.where(rows, wrong[name] / factor, wrong[name])})
    content, columns, _, _ = _written(generator, wrong)
    return Case(kind, content, columns, truth, table, (f"table['{name}'] must be in one unit",))


def _swapped(generator, kind, truth, table, sigma):
    names = {"N": "D", "D": "N", "loss": "loss"}
    content, _, _, _ = _written(generator, table, names=names)
    return Case(kind, content, {}, truth, table, ("N and D may have each other's names",))


def _word(generator, kind, truth, table, sigma):
    word = str(generator.choice(WORDS))
    place = int(generator.integers(len(table)))
    spot = []

    def spoil(cells):
        spot.append(int(generator.integers(3)))
        cells[place][spot[0]] = word

    content, columns, _, above = _written(generator, table, spoil=spoil)
    return Case(kind, content, columns, truth, table, (f"'{word}'", f"line {above + place + 1}"))


def _two_ways(generator, kind, truth, table, sigma):
    whole = table.assign(loss=table["loss"].round(3))
    content, columns, _, above = _written(generator, whole, plain=True, names={name: name for name in table})
    lines = content.decode().splitlines()
    place = lines[0].split(",").index("loss")
    for number, line in enumerate(lines[1:], 1):
        cells = [cell.split(".")[0] if "e" not in cell else str(int(float(cell))) for cell in line.split(",")]
        cells[place] = f'"{1 + number % 8},{100 + number}"'
        lines[number] = ",".join(cells)
    return Case(kind, "\n".join(lines).encode(), columns, truth, table, ("one way only", f"line {above + 1}"))


def _ladder(generator, kind, truth, table, sigma):
    N = np.sort(table["N"].to_numpy())
    N = N[:: int(generator.integers(1, 4))]
    slope = float(generator.choice([1.0, 1.0, 0.8]))
    D = generator.uniform(10, 40) * N[0] * (N / N[0]) ** slope * np.exp(generator.normal(0, 0.005, len(N)))
    rising = _with_losses(pd.DataFrame({"N": np.round(N), "D": np.round(D)}), truth, sigma, generator)
    content, columns, _, _ = _written(generator, rising)
    reason = ("as many free parameters",) if len(N) < 6 else ("only their sum is determined",)
    return Case(kind, content, columns, truth, rising, reason)


def _pinned(generator, kind, truth, table, sigma):
    content, columns, _, _ = _written(generator, table)
    smallest = float(table["loss"].min())
    offset = smallest * float(generator.uniform(1.0005, 1.5))
    return Case(kind, content, columns, truth, table, ("the smallest is",), pinned=offset)


def _repeated(generator, kind, truth, table, sigma):
    worse = [table.assign(loss=table["loss"] * (1 + generator.uniform(0.01, 0.2, len(table)))) for _ in range(2)]
    rows = pd.concat([table, *worse]).sample(frac=1, random_state=int(generator.integers(2**31)))
    content, columns, _, _ = _written(generator, rows)
    words = (f"{3 * len(table)} rows hold {len(table)} distinct points",)
    return Case(kind, content, columns, truth, table, words)


_MAKERS = {
    "well-posed": _well_posed,
    "units, all rows": _units_everywhere,
    "units, some rows": _units_in_some,
    "swapped columns": _swapped,
    "words in numbers": _word,
    "two ways to read": _two_ways,
    "collinear ladder": _ladder,
    "pinned above a loss": _pinned,
    "repeated points": _repeated,
}
