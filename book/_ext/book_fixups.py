"""Small repairs: of what Jupyter Book 1 puts on a page, and of docstrings on their way into the reference."""

import gc
import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from types import ModuleType

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.ext.autodoc.mock import _MockModule, _MockObject, mock


def drop_thebe(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Leave out the loader of Thebe, which is off here.

    It is emitted twice, its second `const` is a page error on every page, and it names a host outside this site.
    """
    context["script_files"] = [
        script
        for script in context.get("script_files", [])
        if "thebe" not in str(getattr(script, "filename", script)).lower()
        and "THEBE" not in str(getattr(script, "attributes", {}).get("body", ""))
    ]


def mend_roles(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Leave out two names that make a page worse for screen readers.

    docutils calls a bibliography a list, whose entries are no items of a list; MyST-NB names every folded cell "Toggle
    hidden content", which hides the words that are seen.
    """
    if "body" in context:
        body = context["body"].replace('<div role="list" class="citation-list">', '<div class="citation-list">')
        body = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")
        context["body"] = re.sub(r'<dt class="sig.*?</dt>', plain_lines, body, flags=re.DOTALL)


def plain_lines(signature: re.Match[str]) -> str:
    """A signature over several lines is no list of definitions, whose terms would be missing."""
    lines = signature[0].replace("<dl>", '<div class="sig-lines">').replace("</dl>", "</div>")
    return lines.replace("<dd>", "<div>").replace("</dd>", "</div>")


def list_modules(app: Sphinx, docname: str, source: list[str]) -> None:
    """Fill in what a page says of modules.

    `% modules: NAME ...` becomes a section for every public module of these floors, their rooms included; `% list:
    NAME ...` a line for each of the same, with a link to its section.
    """
    with mock(app.config.autodoc_mock_imports):
        for directive, made in (("modules", _section), ("list", _line)):
            source[0] = re.sub(
                rf"(?m)^% {directive}: ([\w ]+)$",
                lambda asked, made=made: "\n".join(
                    made(module) for name in asked[1].split() for module in _described(f"scaling_lib.{name}")
                ),
                source[0],
            )


def _described(name: str) -> list[ModuleType]:
    """The module; of a package every public module in it, and the package itself first, if it offers names."""
    module = importlib.import_module(name)
    if not hasattr(module, "__path__"):
        return [module]
    inside = sorted(info.name for info in pkgutil.iter_modules(module.__path__, f"{name}.") if "._" not in info.name)
    own = [module] if hasattr(module, "__all__") else []
    return [*own, *(described for inner in inside for described in _described(inner))]


def _section(module: ModuleType) -> str:
    name = module.__name__
    return f"## `{name}`\n\n```{{eval-rst}}\n.. automodule:: {name}\n```\n\n{_also(module)}\n"


def _line(module: ModuleType) -> str:
    """The module's name as a link, and the first sentence of its docstring."""
    about = " ".join((module.__doc__ or "").split())
    return f"- {{py:mod}}`{module.__name__}`: {re.split(r'(?<=[.]) ', about)[0]}"


def _also(module: ModuleType) -> str:
    """What autodoc does not describe here: constants, and names whose home is another module, with a link there."""
    words = []
    for name in getattr(module, "__all__", ()):
        thing = getattr(module, name)
        if not (inspect.isroutine(thing) or inspect.isclass(thing)):
            words.append(f"`{name}`")
        elif thing.__module__ != module.__name__:
            words.append(f"{{py:obj}}`{name} <{thing.__module__}.{name}>`")
    return f"Also here: {', '.join(words)}." if words else ""


def plain_docstring(app: Sphinx, what: str, name: str, target: object, options: object, lines: list[str]) -> None:
    """Our docstrings are plain text, not reStructuredText: an indented block (a formula, a table) is kept as it stands,
    and a bar is a bar."""
    text: list[str] = []
    for line in lines:
        indented = line.startswith("    ")
        if indented and (not text or not text[-1].strip()):
            text += ["::", ""]
        text.append(line if indented else re.sub(r"(`[^`]*`)|\|", lambda found: found[1] or r"\|", line))
    lines[:] = text


def plain_signature(
    app: Sphinx, what: str, name: str, target: object, options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Without what no parser of signatures reads: a dataclass's `<factory>`, the objects by which typer annotates, and
    the words of a remedy, which are for whoever passes a wrong argument."""
    if signature:
        signature = re.sub(r"Annotated\[(.+?), <[^>]*>\]", r"\1", signature.replace("<factory>", "..."))
        signature = without_remedies(signature)
    return signature, returns


def without_remedies(signature: str) -> str:
    """`Annotated[X, Remedy(...), more]` becomes `Annotated[X, more]`, and X where nothing is left; inner ones first."""
    for begin in reversed(list(re.finditer(r"~?[\w.]*\bAnnotated\[", signature))):
        parts, end = _parts(signature, begin.end())
        kept = [part for part in parts[1:] if not re.match(r"\s*~?[\w.]*\bRemedy\(", part)]
        if end and len(kept) + 1 < len(parts):
            whole = f"{begin[0]}{','.join([parts[0], *kept])}]" if kept else parts[0]
            signature = signature[: begin.start()] + whole + signature[end:]
    return signature


def _parts(text: str, at: int) -> tuple[list[str], int]:
    """What commas part inside the bracket that opened before `at`, and the place behind it; 0 where it never closes."""
    parts, depth, begin = [], 0, at
    for place in range(at, len(text)):
        sign = text[place]
        if sign == "]" and depth == 0:
            return [*parts, text[begin:place]], place + 1
        if sign == "," and depth == 0:
            parts.append(text[begin:place])
            begin = place + 1
        depth += (sign in "[({") - (sign in "])}")
    return [text[at:]], 0


class Tensor:
    """Stands for torch.Tensor: jaxtyping wants a class, which a mock is not."""


def make_mocks_annotate() -> None:
    """Let a mocked torch stand in annotations: `torch.device | str`, `Float[Tensor, "batch time"]`."""
    _MockObject.__or__ = _MockObject.__ror__ = lambda self, other: self
    _MockModule.Tensor = Tensor


def rank_in_search(app: Sphinx, config: Config) -> None:
    """How search ranks pages. The option wants a path that does not depend on the working directory."""
    config.html_search_scorer = str(Path(__file__).with_name("search_scorer.js"))


def setup(app: Sphinx) -> dict[str, bool]:
    # Documents are many small objects that stay: looking through them again and again for what could be freed takes
    # seconds.
    gc.set_threshold(100_000, 20, 20)
    make_mocks_annotate()
    app.connect("config-inited", rank_in_search)
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("html-page-context", mend_roles)
    app.connect("source-read", list_modules)
    app.connect("autodoc-process-signature", plain_signature)
    app.connect("autodoc-process-docstring", plain_docstring, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
