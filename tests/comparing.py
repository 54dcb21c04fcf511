"""Whether two executions of a chapter say the same: words to the letter, numbers within what a processor may change.

Other processors take other kernels for the same sums, whose last digits differ. A page is written so that this does
not show (`pages.drawing.numbers`), but a number may still lie next to a rounding boundary. So two printed numbers agree
when they differ by no more than one unit of the last digit that either of them shows, and by no more than one percent;
whole numbers agree when they are equal. The data behind a figure is given to six digits; its numbers agree within 1e-5
of their value, or within 1e-9 of the largest of their column. Pictures are not compared: what they draw is the data
behind them.
"""

import base64
import io
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w])")
CSV = re.compile(r"data:text/csv;base64,([A-Za-z0-9+/=]+)")
SHARE = 0.01
DATA_SHARE = 1e-5
NOISE_OF_COLUMN = 1e-9


def value_of(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))


def _unit(text: str) -> float:
    """Of the last digit shown; 0 for a whole number, which must be equal."""
    mantissa, _, power = text.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    if not decimals and not power:
        return 0.0
    return 10.0 ** (int(power or 0) - decimals)


def numbers_agree(one: str, other: str) -> bool:
    """Two numbers as they are printed."""
    if one == other:
        return True
    a, b = value_of(one), value_of(other)
    units = [unit for unit in (_unit(one), _unit(other)) if unit]
    if not units:
        return a == b
    return abs(a - b) <= min(1.001 * min(units), SHARE * max(abs(a), abs(b)))


def text_differences(committed: str, fresh: str) -> list[str]:
    """What differs between two texts; [] where they agree."""
    words, others = ([" ".join(part.split()) for part in NUMBER.split(text)] for text in (committed, fresh))
    if words != others:
        place = next((i for i, pair in enumerate(zip(words, others, strict=False)) if pair[0] != pair[1]), len(words))
        return [f"words: {words[place : place + 1]} against {others[place : place + 1]}"]
    pairs = zip(NUMBER.findall(committed), NUMBER.findall(fresh), strict=True)
    return [f"{one} against {other}" for one, other in pairs if not numbers_agree(one, other)]


def data_differences(committed: pd.DataFrame, fresh: pd.DataFrame) -> list[str]:
    """What differs between the data behind a figure."""
    if list(committed) != list(fresh) or len(committed) != len(fresh):
        return [f"table: {list(committed)} of {len(committed)} against {list(fresh)} of {len(fresh)}"]
    differing = []
    for name in committed:
        one, other = committed[name], fresh[name]
        if one.dtype.kind != "f" and other.dtype.kind != "f":
            different = ~((one == other) | (one.isna() & other.isna())).to_numpy()
        else:
            one, other = one.to_numpy(float), other.to_numpy(float)
            noise = NOISE_OF_COLUMN * np.abs(one[np.isfinite(one)]).max(initial=0.0)
            different = ~np.isclose(one, other, rtol=DATA_SHARE, atol=noise, equal_nan=True)
            one, other = pd.Series(one), pd.Series(other)
        differing += [f"{name}[{row}]: {one[row]} against {other[row]}" for row in np.flatnonzero(different)]
    return differing


def differences(committed: Mapping | str, fresh: Mapping | str) -> list[str]:
    """What differs between two outputs: texts of a stream, or dicts from a MIME type to its text."""
    if isinstance(committed, str) or isinstance(fresh, str):
        return text_differences(str(committed), str(fresh))
    if committed.keys() != fresh.keys():
        return [f"kinds of output: {sorted(committed)} against {sorted(fresh)}"]
    differing = []
    for kind in committed:
        if kind.startswith("image/"):
            continue
        texts = [str(output[kind]) for output in (committed, fresh)]
        tables = [[_table(encoded) for encoded in CSV.findall(text)] for text in texts]
        differing += text_differences(*(CSV.sub("data:text/csv", text) for text in texts))
        if len(tables[0]) == len(tables[1]):
            for one, other in zip(*tables, strict=True):
                differing += data_differences(one, other)
    return differing


def _table(encoded: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(base64.b64decode(encoded).decode()))


def notebook_differences(committed, fresh) -> list[str]:
    """What differs between two executed notebooks, cell by cell; cells tagged nbval-ignore-output are left out."""
    cells = {cell.id: cell for cell in fresh.cells}
    differing = []
    for cell in committed.cells:
        if cell.cell_type != "code" or "nbval-ignore-output" in cell.metadata.get("tags", []):
            continue
        if cell.id not in cells:
            differing.append(f"{cell.id} is missing")
            continue
        pairs = list(map(shown, (cell.outputs, cells[cell.id].outputs)))
        if len(pairs[0]) != len(pairs[1]):
            differing.append(f"{cell.id}: {len(pairs[0])} outputs against {len(pairs[1])}")
            continue
        for one, other in zip(*pairs, strict=True):
            differing += [f"{cell.id}: {difference}" for difference in differences(one, other)]
    return differing


def shown(outputs: Sequence) -> list[Mapping | str]:
    return [output.get("data") or output.get("text", "") for output in outputs]
