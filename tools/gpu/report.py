"""What is left behind: the table of the runs, and REPORT.md."""

import platform
import shlex
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from scaling_lib.errors import InvalidData, invalid
from scaling_lib.files import write_whole
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.keeping.tables import load_recorded, manifest, record_result, record_table, recorded_folder
from scaling_lib.runs.records import RunConfiguration
from tools.gpu.commands import Place, Stage, load_stages
from tools.gpu.training import CHECKPOINTS, STORE

EXPERIMENT = "gpu-er-1k"
SPEED = "gpu-speed"
HOW = "python -m tools.gpu --minutes 9 --out DIR"


def table_name(profile: str) -> str:
    """Only the whole grid's table has the experiment's name: it is the one that claims are judged by."""
    return EXPERIMENT if profile == "full" else f"{EXPERIMENT}-{profile}"


def take_over(earlier: Path, folder: Path) -> None:
    """Bring what an earlier folder holds into a new one; the earlier one may be read-only and stays as it is.

    Raises InvalidArgument where `earlier` is no such folder.
    """
    if not (earlier / STORE).is_file():
        raise invalid("--earlier", f"a folder with a {STORE} that this command wrote", str(earlier), "pass its path")
    if earlier.resolve() == folder.resolve():
        return
    with Store(folder / STORE) as store:
        store.merge(earlier / STORE, list_conflicts=True)
    for path in sorted([*earlier.glob("stages.json"), *earlier.glob("tables/*"), *earlier.glob(f"{CHECKPOINTS}/*")]):
        target = folder / path.relative_to(earlier)
        if path.is_file() and path.suffix != ".part" and not target.exists():
            target.parent.mkdir(exist_ok=True)
            with path.open("rb") as source:
                write_whole(target, lambda file, source=source: shutil.copyfileobj(source, file))  # type: ignore[misc]


def write_table(grid: Sequence[RunConfiguration], folder: Path, profile: str) -> pd.DataFrame:
    """The runs of `grid` that the store holds, recorded in `folder`/tables where there are any; and returned."""
    wanted = {run.identity for run in grid}
    with Store(folder / STORE) as store:
        frame = store.frame()
    runs = frame[frame["identity"].isin(wanted)]
    if len(runs):
        record_table(runs, table_name(profile), HOW, folder / "tables", missing=len(wanted) - len(runs))
    return runs


def cells(grid: Sequence[RunConfiguration], runs: pd.DataFrame) -> pd.DataFrame:
    """For each width and D, in the order of the grid: how many runs were asked for, are here, and diverged."""
    asked = Counter((run.architecture.width, run.schedule.tokens) for run in grid)
    here = Counter(zip(runs["width"], runs["D"], strict=True))
    lost = runs[runs["status"] != "ok"]
    diverged = Counter(zip(lost["width"], lost["D"], strict=True))
    return pd.DataFrame(
        [
            {"width": width, "D": f"{tokens:,}", "asked": count, "here": here[width, tokens]}
            | {"diverged": diverged[width, tokens]}
            for (width, tokens), count in asked.items()
        ]
    )


def write_report(
    folder: Path, place: Place, stages: Sequence[Stage], table: pd.DataFrame, profile: str, minutes: tuple[float, float]
) -> Path:
    """REPORT.md. table: `cells`. minutes: used, and asked for."""
    asked, here = int(table["asked"].sum()), int(table["here"].sum())
    missing = table[table["here"] < table["asked"]]
    lines = [
        f"# {EXPERIMENT} on {place.device}",
        "",
        f"{minutes[0]:.1f} of {minutes[1]:g} minutes, profile {profile}; torch {place.torch}, "
        f"Python {platform.python_version()}, scaling_lib {place.code}.",
        "",
        "## What ran",
        "",
        *_markdown(
            pd.DataFrame(
                [
                    {"stage": stage.name, "state": stage.state, "seconds": f"{stage.seconds:.0f}"}
                    | {"on": f"{stage.place.device}, torch {stage.place.torch}", "ended (UTC)": stage.time}
                    | {"says": stage.says.replace("|", "/")}
                    for stage in stages
                ]
            )
        ),
        "",
        f"## Runs: {here} of {asked}",
        "",
        *_markdown(table),
        "",
        "## What is missing",
        "",
        *_missing(stages, missing),
        "",
        "## How to go on",
        "",
        "The same command on the same folder goes on in the middle of what was in hand; into another folder:",
        "",
        f"    python -m tools.gpu --minutes {minutes[1]:g} --profile {profile} "
        f"--earlier {shlex.quote(str(folder))} --out NEW",
        "",
        "What to do with the result: *A result from a GPU* in CONTRIBUTING.md.",
        "",
    ]
    text = "\n".join(lines)
    return write_whole(folder / "REPORT.md", lambda file: file.write(text.encode()))


def _missing(stages: Sequence[Stage], missing: pd.DataFrame) -> list[str]:
    lines = [f"- {stage.name}: {stage.state}. {stage.says}" for stage in stages if stage.state != "ok"]
    lines += [
        f"- width {row.width}, D = {row.D}: {row.asked - row.here} runs of {row.asked}" for row in missing.itertuples()
    ]
    return lines or ["Nothing."]


def _markdown(table: pd.DataFrame) -> list[str]:
    """A table in Markdown; pandas' own needs a package."""
    rows = [list(table), ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    return ["| " + " | ".join(row) + " |" for row in rows]


def enter(folder: Path, into: Path | None = None) -> list[str]:
    """Enter the tables of `folder` among the recorded ones; a sentence for each.

    into: the folder of recorded tables, by default the package's. Raises InvalidData where the tests of the device did
    not pass, or where there is nothing to enter.
    """
    target = recorded_folder() if into is None else into
    tests = load_stages(folder).get("device tests")
    if tests is None or tests.state != "ok":
        state = "are not there" if tests is None else f"are {tests.state} ({tests.says})"
        raise InvalidData(f"{folder} cannot be entered, since its device tests {state}: run `make gpu` on a GPU.")
    entries = manifest(folder / "tables")
    known = [name for name in (EXPERIMENT, SPEED) if name in entries]
    if not known:
        raise InvalidData(f"{folder} has no table {EXPERIMENT} or {SPEED}: run `make gpu` under the profile full.")
    said = []
    for name in known:
        table, how = load_recorded(name, folder / "tables"), str(entries[name]["made_by"])
        if name == SPEED:
            record_result(table, name, how, target)
        else:
            record_table(table, name, how, target, missing=entries[name].get("missing", 0))
        lacking = entries[name].get("missing", 0)
        said.append(f"{name}: {len(table)} rows" + (f", {lacking} runs missing" if lacking else "") + ".")
    return said
