"""Pieces of Markdown and HTML that several blocks write."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from scaling_lib.pages.drawing.figures import check_described, details_html, png, table_html
from tools.pages.book import Book

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def raw(html: str) -> str:
    """HTML as it stands."""
    return f"```{{raw}} html\n{html}\n```"


def table(frame: pd.DataFrame) -> str:
    """A table of the page, with a header and without an index."""
    return raw(table_html(frame))


def anchor(identifier: str) -> str:
    """The id of a claim's row on its page, without the dots that a script of the theme takes for CSS classes."""
    return f"claim-{identifier.replace('.', '-')}"


def listed(values: Sequence[str]) -> str:
    """1, 2 and 3."""
    return " and ".join(filter(None, [", ".join(values[:-1]), values[-1]]))


def figure(
    book: Book,
    drawn: "Figure",
    *,
    name: str,
    caption: str,
    alt: str,
    data: pd.DataFrame,
    runs: Sequence[str],
    narrow: bool = False,
) -> str:
    """A figure of the page with its data and runs below it, as in the chapters; the picture goes to `book.pictures`.

    narrow: it is drawn as wide as a phone, so a desktop shows it smaller than it is (custom.css).
    """
    check_described(caption, alt)
    (book.pictures / f"{name}.png").write_bytes(png(drawn))
    look = "dark-light narrow" if narrow else "dark-light"
    head = f":::{{figure}} {book.pictures.name}/{name}.png\n:name: {name}\n:alt: {alt}\n:class: {look}"
    return f"{head}\n\n{caption}\n:::\n\n{raw(details_html(name, data, runs))}"
