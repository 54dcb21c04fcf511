"""Small repairs: of what Jupyter Book 1 puts on a page, and of docstrings on their way into the reference."""

import re
from importlib.util import find_spec
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.ext.autodoc.mock import _MockModule, _MockObject


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


def list_modules(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put a section for every public module of a floor in the place of a line `% modules: FLOOR`."""

    def sections(found: re.Match[str]) -> str:
        spec = find_spec(f"scaling_lib.{found[1]}")
        names = [spec.name]
        if spec.submodule_search_locations:
            files = Path(spec.submodule_search_locations[0]).glob("[!_]*.py")
            names = sorted(f"{spec.name}.{file.stem}" for file in files)
        return "\n".join(f"### `{name}`\n\n```{{eval-rst}}\n.. automodule:: {name}\n```\n" for name in names)

    source[0] = re.sub(r"(?m)^% modules: (\w+)$", sections, source[0])


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
    """Without what no parser of signatures reads: a dataclass's `<factory>`, the objects by which typer annotates."""
    if signature:
        signature = re.sub(r"Annotated\[(.+?), <[^>]*>\]", r"\1", signature.replace("<factory>", "..."))
    return signature, returns


class Tensor:
    """Stands for torch.Tensor: jaxtyping wants a class, which a mock is not."""


def make_mocks_annotate() -> None:
    """Let a mocked torch stand in annotations: `torch.device | str`, `Float[Tensor, "batch time"]`."""
    _MockObject.__or__ = _MockObject.__ror__ = lambda self, other: self
    _MockModule.Tensor = Tensor


def setup(app: Sphinx) -> dict[str, bool]:
    make_mocks_annotate()
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("source-read", list_modules)
    app.connect("autodoc-process-signature", plain_signature)
    app.connect("autodoc-process-docstring", plain_docstring, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
