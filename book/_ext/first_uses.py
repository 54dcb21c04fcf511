"""On the pages of `book/`, the first use of every word of the glossary, and every "chapter N", is a link.

Words that stand in code, in a heading or in a link already stay as they are; so does what blocks write as HTML. A word
that the page links itself, by {term}, counts as used from there on.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

# How the names of pages begin that are no prose, and the glossary itself.
LEFT_OUT = ("book/glossary", "book/api", "book/bibliography")
# Words of the glossary that are also ordinary words ("you run it", "within an hour"): linked where a page says {term}.
ORDINARY = {"record", "run", "teacher", "within"}
# Whose words are not linked.
NOT_IN = (nodes.title, nodes.rubric, nodes.reference, pending_xref, nodes.literal, nodes.literal_block, nodes.raw)
NOT_IN = (*NOT_IN, nodes.math, nodes.math_block, nodes.citation, nodes.comment, nodes.image, nodes.term)
CHAPTER = re.compile(r"\b([Cc]hapters?\s+)(\d{1,2})\b")
FURTHER = re.compile(r"(\s+(?:to|and)\s+|,\s+)(\d{1,2})\b")


def words_of(glossary: str) -> list[str]:
    """The words that a glossary in MyST explains, longest first; those with a bracket are found by link only."""
    inside = re.search(r"```\{glossary\}\n(.*?)\n```", glossary, re.DOTALL)
    lines = inside[1].splitlines() if inside else []
    words = {line.strip() for line in lines if line[:1].strip() and "(" not in line} - ORDINARY
    return sorted(words, key=lambda word: (-len(word), word))


def pattern_of(words: list[str]) -> re.Pattern[str]:
    """Finds any of the words, or its plural; capitals at the beginning do not matter."""
    spelled = [
        f"[{word[0].lower()}{word[0].upper()}]{re.escape(word[1:])}" if word[1:2].islower() else re.escape(word)
        for word in words
    ]
    written = "|".join(spelled).replace(r"\ ", r"\s+")
    return re.compile(rf"(?<![\w–-])(?:{written})(?:s|es)?(?![\w–-])")


def chapters(source: Path) -> dict[int, str]:
    """From a chapter's number to its page."""
    paths = sorted((source / "notebooks").glob("[0-9][0-9]-*.*"))
    return {int(path.name[:2]): f"/notebooks/{path.stem}" for path in paths}


def joined(parent: nodes.TextElement) -> None:
    """Make one text of texts that stand side by side: MyST parts them at the end of a line, in the middle of a word."""
    for at in range(len(parent) - 1, 0, -1):
        before, after = parent[at - 1], parent[at]
        if isinstance(before, nodes.Text) and isinstance(after, nodes.Text):
            del parent[at]
            parent[at - 1] = nodes.Text(str(before) + str(after))


class FirstUses(SphinxTransform):
    """Makes the links, before references are resolved."""

    default_priority = 400

    def apply(self, **kwargs: object) -> None:
        name = self.env.docname
        if not name.startswith("book/") or name.startswith(LEFT_OUT):
            return
        source = Path(self.app.srcdir)
        glossary = source / "book" / "glossary.md"
        self.words = words_of(glossary.read_text(encoding="utf-8")) if glossary.exists() else []
        self.found = pattern_of(self.words) if self.words else None
        self.known = {word.lower(): word for word in self.words}
        self.pages = chapters(source)
        self.used: set[str] = set()
        for parent in self.document.findall(nodes.TextElement):
            joined(parent)
        for node in list(self.document.findall(lambda node: isinstance(node, nodes.Text | pending_xref))):
            if isinstance(node, pending_xref):
                if node.get("reftype") == "term":
                    self.used.add(str(node["reftarget"]).lower())
            elif not self._excluded(node):
                pieces = self._linked(str(node))
                if len(pieces) > 1 or not isinstance(pieces[0], nodes.Text):
                    node.parent.replace(node, pieces)

    def _excluded(self, node: nodes.Node) -> bool:
        while node.parent is not None:
            node = node.parent
            if isinstance(node, NOT_IN):
                return True
        return False

    def _linked(self, text: str) -> list[nodes.Node]:
        """The text with its links, in pieces."""
        links = self._chapter_links(text)
        taken = [range(start, end) for start, end, _ in links]
        for match in self.found.finditer(text) if self.found else ():
            word = self._word(match[0])
            if word.lower() not in self.used and not any(match.start() in span for span in taken):
                self.used.add(word.lower())
                links.append((match.start(), match.end(), self._reference("term", word, match[0])))
        pieces: list[nodes.Node] = []
        at = 0
        for start, end, link in sorted(links, key=lambda link: link[0]):
            pieces += [nodes.Text(text[at:start])] if start > at else []
            pieces.append(link)
            at = end
        return [*pieces, nodes.Text(text[at:])] if at < len(text) or not pieces else pieces

    def _chapter_links(self, text: str) -> list[tuple[int, int, nodes.Node]]:
        links = []
        for match in CHAPTER.finditer(text):
            numbers = [(match.start(), match.end(), int(match[2]))]
            further = FURTHER.match(text, match.end()) if "hapters" in match[1] else None
            while further:
                numbers.append((further.start(2), further.end(2), int(further[2])))
                further = FURTHER.match(text, further.end())
            for start, end, number in numbers:
                if number in self.pages:
                    links.append((start, end, self._reference("doc", self.pages[number], text[start:end])))
        return links

    def _word(self, written: str) -> str:
        """The word of the glossary that is written here, perhaps in the plural."""
        plain = re.sub(r"\s+", " ", written).lower()
        return next(self.known[form] for form in (plain, plain[:-1], plain[:-2]) if form in self.known)

    def _reference(self, kind: str, target: str, words: str) -> nodes.Node:
        inner = nodes.inline(words, words, classes=["xref", "std", f"std-{kind}"])
        options = {"refdomain": "std", "reftype": kind, "reftarget": target, "refexplicit": True, "refwarn": True}
        return pending_xref(words, inner, refdoc=self.env.docname, **options)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(FirstUses)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
