"""The blocks of the status page: what ran, when, on what, and how fast on a GPU."""

import json
import platform
import time
from collections.abc import Callable, Mapping
from html import escape
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import nbformat
import pandas as pd

from scaling_lib import environment
from scaling_lib.pages.drawing.figures import table_html
from tools.page_blocks import manifest, raw, run_tables_of

if TYPE_CHECKING:
    from tools.pages import Book


def minutes(runs: pd.DataFrame) -> float:
    """Of training in all: `wall_seconds` is the ensemble's and stands at each of its members."""
    return float((runs["wall_seconds"] / runs["ensemble_size"]).sum() / 60)


def devices(book: "Book") -> str:
    found = sorted({device for _, table in run_tables_of(book) for device in table["device"]})
    if not found:
        return "No runs are recorded in this build."
    accelerators = [device for device in found if device != "cpu"]
    if accelerators:
        return f"Recorded runs were trained on: {', '.join(found)}."
    return "Every recorded run was trained on a CPU. **Nothing in this book has ever run on a GPU.**"


def table_status(book: "Book") -> str:
    parts = []
    for name, entry in sorted(manifest().items()):
        table = book.tables(name)
        if table is None:
            continue
        made = f"<code>{escape(str(entry['made_by']))}</code>"
        if "identity" not in table:
            facts = {"rows": f"{len(table):,}", "made by": made}
        else:
            facts = _facts(table) | {"made by": made}
        lines = "".join(f"<dt>{escape(key)}</dt><dd>{value}</dd>" for key, value in facts.items())
        parts.append(f'<section><h3 id="table-{name}">{name}</h3><dl class="facts">{lines}</dl></section>')
    return raw("\n".join(parts)) if parts else "*No tables are recorded in this build.*"


def _facts(runs: pd.DataFrame) -> dict[str, str]:
    """What the provenance columns say, as HTML."""
    versions = sorted({json.dumps(json.loads(text)["versions"]) for text in runs["provenance"]})
    software = ["; ".join(f"{name} {number}" for name, number in json.loads(each)) for each in versions]
    diverged = int((runs["status"] != "ok").sum())
    return {
        "runs": f"{len(runs):,}, of them {diverged:,} diverged",
        "minutes of training": f"{minutes(runs):.1f}",
        "device": escape(", ".join(sorted(set(runs["device"])))),
        "trained": " to ".join(dict.fromkeys(stamp[:10] for stamp in (runs["time"].min(), runs["time"].max()))),
        "rules in force": _codes(runs["rules"]),
        "code": _codes(runs["code_version"]),
        "versions": escape(" or ".join(software)),
    }


def _codes(values: pd.Series) -> str:
    return ", ".join(f"<code>{escape(value)}</code>" for value in sorted(set(values)))


def chapter_status(book: "Book") -> str:
    """From the notebooks that this build executed, and the interpreter that executed them."""
    rows = []
    for path in book.executed:
        notebook = nbformat.read(path, as_version=4)
        title = next(cell.source for cell in notebook.cells if cell.cell_type == "markdown").splitlines()[0]
        begun = path.parent / "scratch" / path.name  # written just before the execution
        took = f"{path.stat().st_mtime - begun.stat().st_mtime:.0f}" if begun.exists() else ""
        rows.append(
            {
                "chapter": title.lstrip("# "),
                "executed (UTC)": time.strftime("%Y-%m-%d %H:%M", time.gmtime(path.stat().st_mtime)),
                "profile": profile_of(notebook),
                "seconds": took,
            }
        )
    return raw(table_html(pd.DataFrame(rows))) if rows else "*No chapter was executed in this build.*"


def profile_of(notebook: nbformat.NotebookNode) -> str:
    """The profile that papermill injected."""
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            return str(cell.source.partition('profile = "')[2].partition('"')[0])
    return environment.profile()


def software(book: "Book") -> str:
    named = [f"Python {platform.python_version()}"]
    for name in ("numpy", "scipy", "torch"):
        try:
            named.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            named.append(f"no {name}")
    device = environment.device() or "cpu, without torch"
    return f"{'; '.join(named)}; device: {device}; {platform.system()} on {platform.machine()}."


def gpu_speed(book: "Book") -> str:
    """What benchmarks/gpu.py recorded, if it ever did."""
    table = book.tables("gpu-speed")
    if table is None:
        return (
            "**Not measured: no benchmark on a GPU is recorded.** Where there is one, `python -m benchmarks.gpu "
            "--record` makes the table that will stand here: tokens per second of an ensemble, beside the eager loop "
            "that one would write and the bound that the bandwidth of the device's memory sets."
        )
    shown = pd.DataFrame(
        {
            "device": table["device"],
            "V": table["vocabulary"],
            "width": table["width"],
            "precision": table["precision"],
            "models together": table["members"],
            "million tokens/s": (table["tokens_per_second"] / 1e6).map("{:.2f}".format),
            "times eager": [
                f"{row.ratio:.1f} ({row.ratio_least:.1f} to {row.ratio_greatest:.1f})" for row in table.itertuples()
            ],
            "share of the memory bound": (100 * table["share"]).map("{:.0f} %".format),
        }
    )
    return raw(table_html(shown))


STATUS_BLOCKS: "Mapping[str, Callable[[Book], str]]" = {
    "devices": devices,
    "table_status": table_status,
    "chapter_status": chapter_status,
    "software": software,
    "gpu_speed": gpu_speed,
}
