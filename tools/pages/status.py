"""The blocks of the status page: what ran, when, on what, and how fast on a GPU."""

import json
import platform
import time
from collections.abc import Mapping
from html import escape
from importlib.metadata import PackageNotFoundError, version

import nbformat
import pandas as pd

from scaling_lib import environment
from scaling_lib.pages.drawing.numbers import number, percent
from scaling_lib.runs.keeping.kept import recorded_models
from tools.pages.book import Block, Book, manifest
from tools.pages.markup import raw, table


def minutes(runs: pd.DataFrame) -> float:
    """Of training in all: `wall_seconds` is the ensemble's and stands at each of its members."""
    return float((runs["wall_seconds"] / runs["ensemble_size"]).sum() / 60)


def devices(book: Book) -> str:
    """On what the recorded runs were trained."""
    names = sorted({device for runs in book.run_tables().values() for device in runs["device"]})
    if not names:
        return "No runs are recorded in this build."
    if set(names) > {"cpu"} or "cpu" not in names:
        return f"Recorded runs were trained on: {', '.join(names)}."
    return "Every recorded run was trained on a CPU. **Nothing in this book has ever run on a GPU.**"


def table_status(book: Book) -> str:
    """For each recorded table what its provenance says, and the command that makes it."""
    parts = []
    for name, entry in sorted(manifest().items()):
        recorded = book.tables(name)
        if recorded is None:
            continue
        facts = _facts(recorded) if "identity" in recorded else {"rows": number(len(recorded))}
        if missing := entry.get("missing"):
            facts |= {"not trained": f"{number(missing)} runs of its grid, for want of time"}
        facts |= {"made by": f"<code>{escape(str(entry['made_by']))}</code>"}
        lines = "".join(f"<dt>{escape(key)}</dt><dd>{value}</dd>" for key, value in facts.items())
        parts.append(f'<section><h3 id="table-{name}">{name}</h3><dl class="facts">{lines}</dl></section>')
    return raw("\n".join(parts)) if parts else "*No tables are recorded in this build.*"


def _facts(runs: pd.DataFrame) -> dict[str, str]:
    """What the provenance columns say, as HTML."""
    versions = sorted({json.dumps(json.loads(text)["versions"]) for text in runs["provenance"]})
    software = ["; ".join(f"{name} {release}" for name, release in json.loads(text)) for text in versions]
    diverged = int((runs["status"] != "ok").sum())
    measured = int(runs["leak"].notna().sum()) if "leak" in runs else 0
    weights = len(set(runs["identity"]) & set(recorded_models().identities))
    return {
        "runs": f"{number(len(runs))}, of them {number(diverged)} diverged",
        "leak and within": f"of {number(measured)} runs" if measured else "not measured",
        "final weights": f"of {number(weights)} runs" if weights else "not kept",
        "minutes of training": number(minutes(runs), decimals=1),
        "device": escape(", ".join(sorted(set(runs["device"])))),
        "trained": " to ".join(dict.fromkeys(stamp[:10] for stamp in (runs["time"].min(), runs["time"].max()))),
        "rules in force": _codes(runs["rules"]),
        "code": _codes(runs["code_version"]),
        "versions": escape(" or ".join(software)),
    }


def _codes(values: pd.Series) -> str:
    return ", ".join(f"<code>{escape(value)}</code>" for value in sorted(set(values)))


def chapter_status(book: Book) -> str:
    """From the notebooks that this build executed, and the interpreter that executed them."""
    lines = []
    for path in book.executed:
        notebook = nbformat.read(path, as_version=4)
        title = next(cell.source for cell in notebook.cells if cell.cell_type == "markdown").splitlines()[0]
        begun = path.parent / "scratch" / path.name  # written just before the execution
        took = f"{path.stat().st_mtime - begun.stat().st_mtime:.0f}" if begun.exists() else ""
        lines.append(
            {
                "chapter": title.lstrip("# "),
                "executed (UTC)": time.strftime("%Y-%m-%d %H:%M", time.gmtime(path.stat().st_mtime)),
                "profile": profile_of(notebook),
                "seconds": took,
            }
        )
    return table(pd.DataFrame(lines)) if lines else "*No chapter was executed in this build.*"


def profile_of(notebook: nbformat.NotebookNode) -> str:
    """The profile that papermill injected."""
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            return str(cell.source.partition('profile = "')[2].partition('"')[0])
    return environment.profile()


def software(book: Book) -> str:
    """Versions, device and system of this build."""
    named = [f"Python {platform.python_version()}"]
    for name in ("numpy", "scipy", "torch"):
        try:
            named.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            named.append(f"no {name}")
    device = environment.device() or "cpu, without torch"
    return f"{'; '.join(named)}; device: {device}; {platform.system()} on {platform.machine()}."


def gpu_speed(book: Book) -> str:
    """What benchmarks/gpu.py recorded, if it ever did."""
    speeds = book.tables("gpu-speed")
    if speeds is None:
        return (
            "**Not measured: no benchmark on a GPU is recorded.** Where there is one, `make gpu` trains what "
            "the book still wants of it, and makes the table that will stand here: tokens per second of an ensemble, "
            "beside the eager loop that one would write and the bound that the bandwidth of the device's memory sets."
        )
    millions = speeds["tokens_per_second"] / 1e6
    shown = pd.DataFrame(
        {
            "device": speeds["device"],
            "V": speeds["vocabulary"],
            "width": speeds["width"],
            "precision": speeds["precision"],
            "models together": speeds["members"],
            "million tokens/s": [number(speed, decimals=2) for speed in millions],
            "times eager": [
                "{} ({} to {})".format(*(number(end, decimals=1) for end in ends))
                for ends in speeds[["ratio", "ratio_least", "ratio_greatest"]].to_numpy()
            ],
            "share of the memory bound": [percent(share, decimals=0) for share in speeds["share"]],
        }
    )
    return table(shown)


BLOCKS: Mapping[str, Block] = {
    "devices": devices,
    "table_status": table_status,
    "chapter_status": chapter_status,
    "software": software,
    "gpu_speed": gpu_speed,
}
