"""Files of edges, as laboratories and programs write them: which line is the header, which columns are an edge.

Read are CSV and its relatives (commas, semicolons, tabs, bars, blanks; UTF-8 or UTF-16), Gephi's table of edges, and
the lists of SNAP and KONECT. A line is a comment where it begins with "%", with "#" and a blank, or with "#" above the
names of columns; "C#" and "#tag" are nodes. A column is a weight where it is called so, or where the caller names it:
a third column may as well be an identity or a time. What can be read two ways is refused.
"""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from scaling_lib.errors import InvalidArgument, InvalidData

__all__ = ["ENDS", "EdgeList", "read_edges"]

# Pairs of names by which a header is recognised, in lower case and without marks.
ENDS = (
    ("source", "target"),
    ("from", "to"),
    ("src", "dst"),
    ("fromnodeid", "tonodeid"),
    ("fromnode", "tonode"),
    ("sourceid", "targetid"),
    ("head", "tail"),
    ("node1", "node2"),
)
_SEPARATORS = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas", " ": "blanks"}
_WEIGHT = "weight"


@dataclass(frozen=True)
class EdgeList:
    """sources, targets: names of nodes, one an edge. weights: texts, or None. lines: where each edge stands in its
    file, counted as an editor does. directions: what a column "type" says of the edges, in lower case ("directed",
    "undirected"), without repeats."""

    sources: list[str]
    targets: list[str]
    weights: list[str] | None
    lines: list[int]
    directions: tuple[str, ...]


def read_edges(path: Path, weight: str | None = None) -> EdgeList:
    """The edges in a file. weight: the column of the weights; by default the one that is called weight, or none.

    A file without a header has columns "1", "2", "3". Raises InvalidData for a file that is no such table, and
    InvalidArgument for a weight that it has not.
    """
    kept = _lines_of(path)
    separator, rows = _split([line for _, line in kept], [number for number, _ in kept], path)
    lines = [number for number, _ in kept]
    names = [_plain(cell) for cell in rows[0]]
    ends = next((pair for pair in ENDS if set(pair) <= set(names)), None)
    if ends is not None:
        shown, rows, lines = rows[0], rows[1:], lines[1:]
        places = [names.index(end) for end in ends]
    else:
        shown = names = [str(place) for place in range(1, len(rows[0]) + 1)]
        places = [0, 1]
        if len(names) > 2 and weight is None:
            raise InvalidData(
                f"table must say what its {len(names)} columns are, got {path.name!r} without a header: write "
                f"source,target,weight on top, or name the column of the weights (--weight 3), or drop all but two."
            )
    if not rows:
        raise InvalidData(f"table must have rows of edges below its header, got none in {path.name!r}: check it.")
    place = _place_of_weight(names, shown, weight, path)
    for number, row in zip(lines, rows, strict=True):
        for column in [*places, *([] if place is None else [place])]:
            if not row[column]:
                raise InvalidData(
                    f"table must have no empty cells, got one in line {number} of {path.name!r}: fill or drop it."
                )
    weights = None if place is None else [row[place] for row in rows]
    if weights is not None and separator != ",":
        weights = [re.sub(r"^(\d+),(\d+)$", r"\1.\2", cell) for cell in weights]
    kinds = {row[names.index("type")].lower() for row in rows} if ends is not None and "type" in names else set()
    directions = tuple(sorted(kinds & {"directed", "undirected"}))
    return EdgeList([row[places[0]] for row in rows], [row[places[1]] for row in rows], weights, lines, directions)


def _lines_of(path: Path) -> list[tuple[int, str]]:
    """(number, line) of what is neither empty nor a comment."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidData(
            f"table must be a readable CSV file, got {str(path)!r} ({error.strerror}): check it."
        ) from None
    text = None
    for encoding in ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    if text is None or re.search("[\0-\x08\x0e-\x1f]", text):
        raise InvalidData(f"table must be a readable CSV file, got {str(path)!r} (its bytes are no text): check it.")
    kept = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and not _comment(line)]
    if not kept:
        raise InvalidData(f"table must be a readable CSV file, got {str(path)!r} (it holds no edges): check it.")
    return kept


def _comment(line: str) -> bool:
    text = line.strip()
    if text.startswith("%") or text == "#" or re.match(r"#\s|##", text):
        return True
    named = {_plain(cell) for cell in re.split(r"[\s,;|]+", text[1:])}
    return text.startswith("#") and any(set(pair) <= named for pair in ENDS)


def _plain(cell: str) -> str:
    return re.sub(r"[\s_.-]", "", cell.lower())


def _cells(line: str, separator: str) -> list[str]:
    """The cells of a line without blanks around them; an empty one at the end is kept."""
    if separator == " ":
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])]


def _split(lines: list[str], numbers: list[int], path: Path) -> tuple[str, list[list[str]]]:
    """The separator that gives all lines equally many cells, two or more, and those cells."""
    best: tuple[int, str, list[list[str]], int] | None = None
    for separator in _SEPARATORS:
        cells = [_cells(line, separator) for line in lines]
        counts = Counter(len(row) for row in cells)
        width, alike = max(((width, n) for width, n in counts.items() if width > 1), key=lambda x: x[1], default=(0, 0))
        if alike == len(cells):
            return separator, cells
        if width and (best is None or alike > best[0]):
            best = (alike, separator, cells, width)
    if best is None:
        raise InvalidData(
            f"table must have rows of 2 or 3 columns (source, target, weight), got rows of one in {path.name!r}: mend "
            f"it."
        )
    _, separator, cells, width = best
    number, row = next((number, row) for number, row in zip(numbers, cells, strict=True) if len(row) != width)
    raise InvalidData(
        f"table must have equally many cells in every row, got {len(row)} in line {number} of {path.name!r} and "
        f"{width} in others, split at {_SEPARATORS[separator]}: mend that line, or quote what holds the separator."
    )


def _place_of_weight(names: list[str], shown: list[str], weight: str | None, path: Path) -> int | None:
    if weight is None:
        return names.index(_WEIGHT) if _WEIGHT in names else None
    if weight in shown:
        return shown.index(weight)
    if _plain(weight) in names:
        return names.index(_plain(weight))
    raise InvalidArgument(
        f"weight must name a column of the table, got {weight!r}: {path.name!r} has {', '.join(shown)[:200]}."
    )
