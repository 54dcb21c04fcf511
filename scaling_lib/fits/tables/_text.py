"""Tables as text: which character separates, which marks decimals, which line is the header, which entries are numbers.

A file is decoded (UTF-8, or UTF-16 by its mark), its lines are split by the separator that splits most of them alike,
and the decimal mark follows from the entries themselves: 1,000,000 and 1.234,5 decide it, 2,566 alone does not. What
stays ambiguous is refused, never guessed.
"""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scaling_lib.errors import InvalidData

__all__ = ["read_text"]

_SEPARATORS = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas", " ": "blanks"}
# Longer files are read by pandas, once the first lines have told how.
_LONG = 20_000
_SNIFFED = 500
# The share of lines that a separator must split alike.
_ALIKE = 0.6
_MISSING = {"", "na", "n/a", "nan", "null", "none", "-", "--", "?"}
_INFINITE = {"inf", "+inf", "-inf", "infinity", "-infinity"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
# Digits with marks between them: what may be a number once it is known what the marks mean.
_MARKED = re.compile(r"[+-]?\d[\d.,]*([eE][+-]?\d+)?|[+-]?[.,]\d+([eE][+-]?\d+)?")
# Groups of three digits set apart by something that is no decimal mark in any language.
_GROUPED = re.compile(r"(?<=\d)[ \u00a0\u202f'_\u2019](?=\d{3}(?:\D|$))")


@dataclass(frozen=True)
class _Lines:
    """cells: (line as the user counts it, its entries) of every line below the header. names: of the header.
    separator: a key of _SEPARATORS. header: its line."""

    names: list[str]
    cells: list[tuple[int, list[str]]]
    separator: str
    header: int


def read_text(content: bytes, file: str) -> pd.DataFrame:
    """The table in a text file; its index, named "line", holds the lines as an editor counts them.

    Entries that are numbers become numbers; a column with a word among them keeps both, as objects. Raises InvalidData
    that names the file, the line and the entry.
    """
    text = _decoded(content, file)
    lines = text.splitlines()
    parsed = _split(lines[:_SNIFFED] if len(lines) > _LONG else lines, file)
    if len(lines) > _LONG:
        return _long(lines, parsed, file)
    decimal = _decimal_mark(parsed, file)
    index = pd.Index([line for line, _ in parsed.cells], name="line")
    columns = {}
    for place, name in enumerate(parsed.names):
        columns[name] = _column([entries[place] for _, entries in parsed.cells], decimal)
    return pd.DataFrame(columns, index=index)


def _decoded(content: bytes, file: str) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif content[1:2] == b"\0" or content[:1] == b"\0":  # two bytes a letter, without a mark at the front
        encodings = ["utf-16-le" if content[1:2] == b"\0" else "utf-16-be"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not re.search("[\0-\x08\x0e-\x1f]", text):
            return text
    raise _no_table(file, "its bytes are no text")


def _no_table(file: str, reason: str) -> InvalidData:
    return InvalidData(f"path must hold a table, got {file!r} ({reason}): save it as CSV with a header.")


def _split(lines: list[str], file: str) -> _Lines:
    """The lines split, a title or comments on top left out, short lines filled up with empty entries.

    The separator is the one that shows the most numbers a line; the header is the last line above them.
    """
    kept = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    comments = [(number, line) for number, line in kept if line.lstrip().startswith("#")]
    plain = [(number, line) for number, line in kept if not line.lstrip().startswith("#")]
    if not plain:
        raise _no_table(file, "it is empty")
    separator, entries, first = _separated([line for _, line in plain])
    body = list(zip([number for number, _ in plain], entries, strict=True))[first:]
    if first:
        header, names = plain[first - 1][0], entries[first - 1]
    else:
        # numpy writes its header as a comment.
        above = [(number, line) for number, line in comments if number < plain[0][0]]
        if not above:
            raise _no_table(file, f"line {plain[0][0]} should name the columns and holds numbers")
        header, line = above[-1]
        names = _entries([line.lstrip().lstrip("#")], separator)[0]
    if not body:
        raise _no_table(file, "there is nothing below its header")
    for number, cells in body:
        if len(cells) > len(names):
            raise InvalidData(
                f"path must hold one entry for each column, got {len(cells)} in line {number} of {file!r} under "
                f"{len(names)} names, split at {_SEPARATORS[separator]}: quote entries that hold the separator."
            )
    filled = [(number, cells + [""] * (len(names) - len(cells))) for number, cells in body]
    return _Lines(_distinct(names, file), filled, separator, header)


def _separated(lines: list[str]) -> tuple[str, list[list[str]], int]:
    """The separator, the entries of each line, and the first line of numbers below the header.

    A separator must split most lines into equally many entries, two or more, and leave a header. Of several that do,
    the one that gives the most numbers a line: decimals hold commas, and prose anything.
    """
    best: tuple[tuple[bool, float], str, list[list[str]], int] | None = None
    for separator in _SEPARATORS:
        entries = _entries(lines, separator)
        counts = [len(cells) for cells in entries]
        width = _usual(counts)
        if width < 2 or counts.count(width) < _ALIKE * len(counts):
            continue
        numbers = np.array([sum(map(_looks_like_a_number, cells)) for cells in entries])
        usual = float(np.median(numbers))
        first = int(np.argmax(numbers >= max(1.0, usual / 2))) if numbers.any() else 1
        score = (first > 0 and len(entries[first - 1]) >= width, usual)
        if best is None or score > best[0]:
            best = (score, separator, entries, first)
    if best is None:
        return ",", [[line.strip()] for line in lines], min(1, len(lines))
    return best[1:]


def _looks_like_a_number(cell: str) -> bool:
    return bool(_MARKED.fullmatch(_GROUPED.sub("", cell))) and cell[-1] != ","


def _entries(lines: list[str], separator: str) -> list[list[str]]:
    """The entries of each line without blanks around them, and without empty ones at its end."""
    if separator == " ":
        split = [re.split("[ \t]+", line.strip()) for line in lines]
    else:
        # Line by line: a quote that is left open must not swallow the rest of the file.
        split = [next(csv.reader([line], delimiter=separator, skipinitialspace=True), []) for line in lines]
    stripped = [[cell.strip() for cell in cells] for cells in split]
    for cells in stripped:
        while len(cells) > 1 and not cells[-1]:
            cells.pop()
    return stripped


def _usual(counts: list[int]) -> int:
    """The commonest; of equally common ones the largest."""
    tally = Counter(counts)
    return max(tally, key=lambda count: (tally[count], count))


def _distinct(names: list[str], file: str) -> list[str]:
    named = [name or f"column {place}" for place, name in enumerate(names, 1)]
    twice = [name for name, count in Counter(named).items() if count > 1]
    if twice:
        raise InvalidData(
            f"path must hold a table with distinct column names, got {twice[0][:40]!r} twice in {file!r}: rename one."
        )
    return named


# Numbers --------------------------------------------------------------------------------------------------------------


def _decimal_mark(parsed: _Lines, file: str) -> str:
    """A point or a comma, as the entries of the file agree. Raises InvalidData where they disagree or do not tell."""
    told: dict[str, tuple[int, str]] = {}
    unclear: dict[str, tuple[int, str]] = {}
    for line, cells in parsed.cells:
        for cell in cells:
            bare = _GROUPED.sub("", cell)
            if ("," in bare or "." in bare) and _MARKED.fullmatch(bare):
                mark, sure = _mark_of(bare)
                if mark:
                    (told if sure else unclear).setdefault(mark, (line, cell))
    if len(told) > 1:
        (one, first), (other, second) = told["."], told[","]
        raise InvalidData(
            f"path must write decimals in one way, got {first!r} in line {one} and {second!r} in line {other} of "
            f"{file!r}: write all with a point."
        )
    if told:
        return next(iter(told))
    if "," in unclear:
        # 2,566 alone: a decimal comma where something else separates and no point is written: losses have decimals.
        if parsed.separator != "," and "." not in unclear:
            return ","
        line, cell = unclear[","]
        raise InvalidData(
            f"path must write numbers that can be read in one way only, got {cell!r} in line {line} of {file!r}, "
            f"{cell.replace(',', '.')} or {cell.replace(',', '')}: write decimals with a point, thousands without mark."
        )
    return "."


def _mark_of(cell: str) -> tuple[str, bool]:
    """The decimal mark that an entry shows, "" for none, and whether it is sure."""
    mantissa = re.split("[eE]", cell.lstrip("+-"))[0]
    commas, dots = mantissa.count(","), mantissa.count(".")
    if commas and dots:
        last = "," if mantissa.rfind(",") > mantissa.rfind(".") else "."
        return (last, True) if mantissa.count(last) == 1 else ("", False)
    mark, other, count = (",", ".", commas) if commas else (".", ",", dots)
    if count > 1:  # 1,000,000
        return (other, True) if re.fullmatch(rf"\d{{1,3}}(\{mark}\d{{3}})+", mantissa) else ("", False)
    before, after = mantissa.split(mark)
    sure = len(after) != 3 or before in ("", "0") or len(before) > 3 or mantissa != cell.lstrip("+-")
    return mark, sure


def _number(cell: str, decimal: str) -> float | None:
    """The number that an entry is, or None."""
    bare = _GROUPED.sub("", cell)
    if decimal == ",":
        bare = re.sub(r"\.(?=\d{3}(?:\D|$))", "", bare).replace(",", ".")
    elif "," in bare:
        bare = re.sub(r"(?<=\d),(?=\d{3}(?:\D|$))", "", bare)
    if _NUMBER.fullmatch(bare):
        return float(bare)
    return float(bare) if bare.lower() in _INFINITE else None


def _column(cells: list[str], decimal: str) -> np.ndarray | list[object]:
    """Numbers where all entries are, NaN for missing ones; else numbers and words as objects; else words."""
    values: list[object] = []
    words = numbers = 0
    for cell in cells:
        number = np.nan if cell.lower() in _MISSING else _number(cell, decimal)
        words, numbers = words + (number is None), numbers + (number is not None and number == number)
        values.append(cell if number is None else number)
    if words and not numbers:
        return [cell if cell.lower() not in _MISSING else None for cell in cells]
    if words:
        return values
    column = np.array(values, float)
    whole = all(re.fullmatch(r"[+-]?\d{1,15}", cell) for cell in cells)
    return column.astype(np.int64) if whole else column


def _long(lines: list[str], parsed: _Lines, file: str) -> pd.DataFrame:
    """A long file by pandas, as its first lines say how; where that fails, line by line, which names the line."""
    decimal = _decimal_mark(parsed, file)
    separator = r"\s+" if parsed.separator == " " else parsed.separator
    first = parsed.cells[0][0]
    try:
        table = pd.read_csv(
            io.StringIO("\n".join(lines[first - 1 :])),
            sep=separator,
            header=None,
            names=parsed.names,
            index_col=False,
            decimal=decimal,
            thousands="." if decimal == "," else ("," if parsed.separator != "," else None),
            skipinitialspace=True,
            skip_blank_lines=False,
        )
    except (ValueError, pd.errors.ParserError):
        table = None
    if table is None or any(kind.kind not in "iuf" for kind in table.dtypes) or table.isna().all(axis=1).any():
        whole = _split(lines, file)
        decimal = _decimal_mark(whole, file)
        columns = {
            name: _column([entries[place] for _, entries in whole.cells], decimal)
            for place, name in enumerate(whole.names)
        }
        return pd.DataFrame(columns, index=pd.Index([line for line, _ in whole.cells], name="line"))
    table.index = pd.RangeIndex(first, first + len(table), name="line")
    return table
