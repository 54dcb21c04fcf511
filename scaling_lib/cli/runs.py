"""The verbs of `scaling-lab` that make and keep runs: experiments, sweep, runs."""

import json
import math
import re
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from scaling_lib import environment
from scaling_lib.cli.words import AsJson, one_line_errors, print_frame, print_lines
from scaling_lib.data.text.tokenizer import check_vocabulary
from scaling_lib.errors import (
    InvalidArgument,
    InvalidData,
    MissingDependency,
    StoreError,
    check_choice,
    check_integer,
    invalid,
)
from scaling_lib.pages.judging import ledger
from scaling_lib.runs.keeping.kept import KeptModels
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.machine import cores as cores_here
from scaling_lib.runs.records import PRECISIONS, RunConfiguration
from scaling_lib.runs.sweeping import calibration, experiments, sweeps, widening
from scaling_lib.runs.sweeping.measuring import measure_kept
from scaling_lib.session import Session

__all__ = ["experiment_list", "runs_app", "sweep_experiment"]

_SHOWN_OF_REPEATS = ["identity", "conflict", "kept_excess_loss", "excess_loss", "loss_difference"]
_SHOWN_OF_REPEATS += ["relative_difference"]
_SHOWN_OF_REPEATS += ["kept_device", "device", "kept_time", "time"]
# What a core of a common CPU reaches on models this small, for a word about the time before anything is measured.
_FLOPS_OF_A_CORE = 2e10
# That of the book's own corpus.
_VOCABULARY = "128"
_SHOWN = ["identity", "status", "N", "D", "learning_rate", "seed", "excess_loss", "excess_loss_se", "loss"]


def experiment_list(
    profile: Annotated[str, typer.Option(help="Only this profile.")] = "",
    workers: Annotated[int | None, typer.Option(help="Processes to count with (default: one a core).")] = None,
    long: Annotated[bool, typer.Option("--long", help="A line a profile, with FLOPs and the question.")] = False,
    as_json: AsJson = False,
) -> None:
    """The experiments of the book, with the runs and the expected time of each profile on this machine."""
    with one_line_errors():
        if profile:
            check_choice("--profile", profile, experiments.PROFILES[1:])
        at_work = environment.device()
        speed = None
        if at_work:
            environment.single_thread()
            typer.echo("Measuring this machine for a few seconds ...", err=True)
            speed = calibration.calibrate(at_work)
        many = 1 if at_work == "cuda" else _workers(workers)
        costs, lines = [], []
        for asked in experiments.EXPERIMENTS.values():
            grids = {name: asked.configurations(name) for name in asked.axes if profile in ("", name)}
            seconds = {name: None if speed is None else speed.seconds(grid) / many for name, grid in grids.items()}
            for name, grid in grids.items():
                flops = (6.0 * c.architecture.active_parameters * c.schedule.tokens * c.schedule.epochs for c in grid)
                minutes = None if (wanted := seconds[name]) is None else wanted / 60
                costs.append(
                    {"name": asked.name, "profile": name, "runs": len(grid), "flops": float(sum(flops))}
                    | {"minutes": minutes, "question": asked.question}
                )
            if grids:
                lines.append(_experiment_line(asked.name, grids, seconds))
        if as_json:
            print(json.dumps({"device": at_work, "workers": many, "experiments": costs}))
            return
        where = f"{many} process(es) on the {at_work}" if at_work else "torch is not installed: no times"
        if not long:
            print_lines(pd.DataFrame(lines).fillna(""), f"Experiments: runs and time, with {where}")
            return
        shown = pd.DataFrame(costs)
        shown["flops"] = shown["flops"].map("{:.1e}".format)
        shown["minutes"] = shown["minutes"].map(lambda minutes: "-" if pd.isna(minutes) else f"{minutes:,.1f}")
        print_frame(shown, f"Experiments; minutes with {where}")


def _experiment_line(
    name: str, grids: Mapping[str, Sequence[RunConfiguration]], seconds: dict[str, float | None]
) -> dict[str, str]:
    """An experiment in 80 columns: graphs (initials of the ensemble, or mix; nodes), widths, D, runs per profile."""
    runs = [run for grid in grids.values() for run in grid]
    ensembles = dict.fromkeys(run.source.ensemble for run in runs)
    kinds = "/".join("".join(word[0] for word in ensemble.split("_")).upper() for ensemble in ensembles)
    if len(ensembles) > 3:
        kinds = "mix"
    line = {
        "name": name,
        "graph": f"{kinds} {_span([run.architecture.vocabulary for run in runs])}",
        "width": _span([run.architecture.width for run in runs]),
        "D": _span([run.schedule.tokens for run in runs]),
    }
    return line | {profile: f"{len(grid)} {_time(seconds[profile])}".strip() for profile, grid in grids.items()}


def _span(values: list[int]) -> str:
    """The least and the greatest, in at most four characters each."""

    def short(value: int) -> str:
        for unit, sign in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
            if value >= unit and (value >= 10_000 or value % unit == 0):
                return f"{value / unit:.2g}{sign}" if value < 10 * unit else f"{value / unit:.0f}{sign}"
        return str(value)

    ends = dict.fromkeys(short(value) for value in (min(values), max(values)))
    return "-".join(ends)


def _time(seconds: float | None) -> str:
    """Seconds, minutes, hours, days or years, in at most four characters ("" where they are not known)."""
    if seconds is None:
        return ""
    for unit, sign, most in ((1, "s", 90), (60, "m", 90), (3600, "h", 48)):
        if seconds < most * unit:
            return f"{seconds / unit:.0f}{sign}"
    days = seconds / 86400
    return f"{days:.0f}d" if days < 100 else f"{days / 365:.1g}y"


def sweep_experiment(
    experiment: Annotated[str, typer.Argument(help="Name of an experiment; see `scaling-lab experiments`.")],
    profile: Annotated[str, typer.Option(help="smoke, colab or full.")] = "smoke",
    time_budget: Annotated[str, typer.Option(help="Stop after, e.g., 9m, 540s or 1.5h.")] = "",
    store: Annotated[Path | None, typer.Option(help="SQLite file of runs (default: in SCALING_HOME).")] = None,
    mirror: Annotated[Path | None, typer.Option(help="Folder that receives a snapshot after each ensemble.")] = None,
    shard: Annotated[str, typer.Option(help="i/n: only the i-th of n equal shares, for n machines.")] = "",
    engine: Annotated[str, typer.Option(help="local, ray, or ray:ADDRESS of a cluster.")] = "local",
    workers: Annotated[int | None, typer.Option(help="Processes of one thread (default: one a core).")] = None,
    widen: Annotated[bool, typer.Option("--widen", help="Go on while a best learning rate is the last tried.")] = False,
    precision: Annotated[str, typer.Option(help="float32, tf32 (GPUs) or bfloat16: runs of their own.")] = "float32",
    corpus: Annotated[str, typer.Option(help="Another text, as in `scaling-lab corpus`: runs of their own.")] = "",
    vocabulary: Annotated[str, typer.Option(help="With --corpus: how many tokens, or gpt2 for GPT-2's.")] = _VOCABULARY,
    keep: Annotated[Path | None, typer.Option(help="Folder that receives the final weights of each run.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train what the store still lacks of an experiment; stop, shard and resume at will."""
    with one_line_errors():
        try:
            report, frame, missing = _swept(
                experiment,
                profile,
                store,
                mirror,
                workers=workers,
                time_budget=_seconds(time_budget),
                shard=_shard(shard),
                engine=engine,
                widen=widen,
                precision=precision,
                corpus=corpus,
                vocabulary=vocabulary,
                keep=keep,
            )
        except KeyboardInterrupt:
            again = shlex.join(["scaling-lab", *sys.argv[1:]])
            typer.echo(f"\ninterrupted: what was done is kept. Go on with: {again}", err=True)
            raise typer.Exit(130) from None
        edge = widening.at_the_edge(frame) if (frame["status"] == "ok").any() else pd.DataFrame()
        points = _points(missing)
        if as_json:
            told: dict[str, Any] = {"trained": len(report.trained), "already": report.already}
            told |= {"missing": report.missing, "seconds": report.seconds}
            told |= {"diverged": int((frame["status"] == "diverged").sum())}
            told |= {"missing_points": points, "at_the_edge": edge.to_dict("records")}
            print(json.dumps(told))
            return
        typer.echo(
            f"{len(report.trained)} runs trained in {report.seconds / 60:.1f} minutes, {report.already} were there, "
            f"{report.missing} are missing; {(frame['status'] == 'diverged').sum()} of all diverged."
        )
        if report.missing:
            print_frame(pd.DataFrame(points), "Missing")
            typer.echo("The same command again goes on where this one stopped.")
        if len(edge):
            print_frame(edge, "The best learning rate is the last one tried: --widen goes further")


def _swept(
    name: str,
    profile: str,
    store: Path | None,
    mirror: Path | None,
    *,
    workers: int | None = None,
    time_budget: float | None = None,
    shard: tuple[int, int] | None = None,
    engine: str = "local",
    widen: bool = False,
    precision: str = "float32",
    corpus: str = "",
    vocabulary: str = _VOCABULARY,
    keep: Path | None = None,
) -> tuple[sweeps.SweepReport, pd.DataFrame, list[RunConfiguration]]:
    """Train, and what came of it: the report, the runs of this grid that the store holds, what it still lacks."""
    began = time.monotonic()
    check_choice("--precision", precision, PRECISIONS)
    asked = experiments.experiment(name)
    if vocabulary != _VOCABULARY and not corpus:
        raise invalid("--vocabulary", "left out where there is no --corpus", vocabulary, "add --corpus default")
    if corpus:
        tokens = check_vocabulary("--vocabulary", vocabulary)
        try:
            asked = asked.on_corpus(corpus, tokens)
        except (InvalidArgument, InvalidData) as error:
            raise type(error)(str(error).replace("source", "--corpus", 1)) from None
    configurations = asked.configurations(profile)
    whole = grid = [replace(configuration, precision=precision) for configuration in configurations]
    if shard is not None:
        grid = sweeps.shard_of(whole, *shard)
    # At once: what follows imports torch and measures the machine.
    typer.echo(f"{name}, profile {profile}: a grid of {len(grid)} runs.", err=True)
    reader = Session(profile, environment.device(), environment.home())
    reader.require_torch()
    environment.single_thread()
    path = store or reader.store_path(name)
    options: dict[str, Any] = {"device": reader.device, "rules": ledger.rules_hash()}
    options |= {"checkpoints": path.with_suffix(".checkpoints")}
    if engine == "local":
        asked_for = _workers(workers)
        options["workers"] = 1 if reader.device == "cuda" else asked_for
        options["keep"] = None if keep is None else KeptModels(keep)
    elif keep is not None:
        raise invalid("--keep", "left out with --engine", str(keep), "train on this machine to keep weights")
    else:
        options["engine"] = _engine(engine, reader.device, time_budget)
    with Store(path, mirror=mirror) as runs:
        if mirror is not None:  # now, not after the first ensemble: a mirror that cannot be written is told early
            typer.echo(f"A snapshot of the store as it is: {runs.snapshot(mirror)}", err=True)
        known = widening.widened_so_far(whole, runs.frame()) if widen and len(runs) else whole
        others = len(runs) - (len(known) - len(runs.missing(known)))
        if others:
            typer.echo(
                f"{others} runs in {path.name} are not of this grid (another profile, or a configuration that was "
                f"changed since): they stay and are not used.",
                err=True,
            )
        report, widened, step = None, None, grid
        while True:
            missing = runs.missing(grid)
            if missing and report is None and time_budget is None:
                speed = calibration.calibrate(reader.device, configurations=missing)
                minutes = speed.seconds(missing) / 60 / options.get("workers", 1)
                typer.echo(f"{len(missing)} of {len(grid)} runs to train, about {minutes:.1f} minutes.", err=True)
            elif missing and report is None:  # to measure the machine may take longer than the budget
                cost = _expected_cost(missing, options.get("workers", 1)) if reader.device == "cpu" else ""
                typer.echo(f"{len(missing)} of {len(grid)} runs to train{cost}.", err=True)
            left = None if time_budget is None else max(began + time_budget - time.monotonic(), 1e-9)
            if report is not None and left == 1e-9:
                break
            now = sweeps.sweep(step, runs, time_budget=left, **options)
            report = now if report is None else _added(report, now)
            frame = _of_grid(runs.frame(), grid)
            further = widening.widened(grid, frame) if widen and not now.missing and len(frame) else []
            if not further or widened == len(grid):
                break
            typer.echo(f"{len(further)} runs more, at learning rates beyond the grid.", err=True)
            # What was added is a grid of its own: the runs that are there would else be stacked with it, and again.
            widened, grid, step = len(grid), grid + further, further
        missing = runs.missing(grid)
    assert report is not None
    return report, frame, missing


def _expected_cost(missing: list[RunConfiguration], workers: int) -> str:
    """How long runs take on a CPU, without a measurement; for what no day suffices, which profile is for one."""
    flops = sum(6.0 * c.architecture.active_parameters * c.schedule.tokens * c.schedule.epochs for c in missing)
    hours = flops / _FLOPS_OF_A_CORE / workers / 3600
    if hours < 1:
        return ""
    fits = "" if hours < 24 else "; --profile smoke is the one for a CPU"
    return f", {flops:.1e} FLOPs: some {hours:,.0f} hours on {workers} core(s) of a CPU{fits}"


def _of_grid(frame: pd.DataFrame, grid: list[RunConfiguration]) -> pd.DataFrame:
    wanted = {configuration.identity for configuration in grid}
    return frame[frame["identity"].isin(wanted)].sort_values(["N", "D", "learning_rate", "seed"])


def _added(first: sweeps.SweepReport, second: sweeps.SweepReport) -> sweeps.SweepReport:
    return sweeps.SweepReport(
        first.trained + second.trained,
        first.already,
        second.missing,
        first.diverged + second.diverged,
        first.seconds + second.seconds,
    )


def _points(missing: list[RunConfiguration]) -> list[dict[str, int]]:
    """Missing runs, counted for each point L(N, D)."""
    points = [{"width": c.architecture.width, "D": c.schedule.tokens, "batch": c.schedule.batch} for c in missing]
    if not points:
        return []
    counted = pd.DataFrame(points).value_counts(sort=False).rename("runs").reset_index()
    return [{str(name): int(value) for name, value in point.items()} for point in counted.to_dict("records")]


def _workers(asked: int | None) -> int:
    cores = cores_here()
    return cores if asked is None else check_integer("--workers", asked, minimum=1, maximum=cores)


def _engine(text: str, device: str, time_budget: float | None) -> Callable:
    kind, _, address = text.partition(":")
    if kind != "ray":
        raise invalid("--engine", "local, ray or ray:ADDRESS", text, "leave it out to train on this machine")
    from scaling_lib.runs.sweeping.cluster import ray_engine

    return ray_engine(address or None, device=device, seconds=time_budget)


def _seconds(text: str) -> float | None:
    if not text:
        return None
    written = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*([smh]?)", text.strip())
    if written is None or float(written[1]) <= 0:
        raise invalid("--time-budget", "a time such as 9m, 540s or 1.5h", text, "write a number and s, m or h")
    return float(written[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[written[2]]


def _shard(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    written = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if written is None or not 1 <= int(written[1]) <= int(written[2]):
        raise invalid("--shard", "i/n with i from 1 to n", text, "write --shard 1/4 on the first of four machines")
    return int(written[1]), int(written[2])


# ---------------------------------------------------------------------- stores

runs_app = typer.Typer(help="Stores of runs: merge, verify, repeats, measure, export, list.")

StorePath = Annotated[Path, typer.Argument(help="A store.")]


@runs_app.command("merge")
def merge(
    into: Annotated[Path, typer.Argument(help="The store that receives; made where it does not exist.")],
    sources: Annotated[list[Path], typer.Argument(help="The stores to take over.")],
    list_conflicts: Annotated[
        bool, typer.Option("--list-conflicts", help="List results in conflict as repeats, in place of refusing them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take over the runs of other stores, in any order; of a run made twice the first stays, the other is a repeat."""
    with one_line_errors():
        _check_sources(into, sources)  # all of them first: half a merge is worse than none
    with one_line_errors(), Store(into) as store:
        added = {str(source): store.merge(source, list_conflicts=list_conflicts) for source in sources}
        repeats = store.repeats()
        if as_json:
            print(json.dumps({"added": added, "runs": len(store), "repeats": len(repeats)}))
            return
        for source, count in added.items():
            typer.echo(f"{count} new runs from {source}")
        typer.echo(f"{into}: {len(store)} runs{_repeated(repeats)}")


def _check_sources(into: Path, sources: list[Path]) -> None:
    """Every source is a store that can be opened, given once, and another than the one that receives."""
    places: set[Path] = set()
    for source in sources:
        place = source.resolve()
        if place == into.resolve():
            raise invalid("sources", "other stores than the one that receives", str(source), "leave it out")
        if place in places:
            raise invalid("sources", "stores that are given once each", str(source), "leave one of the two out")
        places.add(place)
        with Store(source, read_only=True):
            pass


@runs_app.command("verify")
def verify(path: StorePath, as_json: AsJson = False) -> None:
    """Check every row against its checksum and its identity, and results of one run against each other; exit status 1
    where anything is wrong."""
    with one_line_errors(), Store(path, read_only=True) as store:
        problems = store.verify()
        try:
            count: int | None = len(store)
        except StoreError:  # what is wrong is among the problems
            count = None
        # Repeats cannot be read where their rows are damaged; `problems` says so then.
        repeats = pd.DataFrame() if problems else store.repeats()
        told = {"runs": count, "problems": problems} | ({} if problems else {"repeats": len(repeats)})
    if as_json:
        print(json.dumps(told))
    else:
        typer.echo("\n".join(problems) if problems else f"{path}: {count} runs, all whole{_repeated(repeats)}")
    if problems:
        raise typer.Exit(1)


@runs_app.command("repeats")
def list_repeats(path: StorePath, as_json: AsJson = False) -> None:
    """Results of runs that were made twice, besides those that are kept: where, and how far apart."""
    with one_line_errors():
        with Store(path, read_only=True) as store:
            repeats = store.repeats()
        if as_json:
            print(json.dumps({"repeats": json.loads(repeats.to_json(orient="records"))}))
            return
        repeats["identity"] = repeats["identity"].str[:12]
        print_frame(repeats[_SHOWN_OF_REPEATS], f"{path}: {len(repeats)} repeats")


@runs_app.command("measure")
def measure(
    path: StorePath,
    kept: Annotated[Path, typer.Option(help="Folder of the final weights of its runs.")],
    metric: Annotated[list[str], typer.Option(help="leak, within, ..., or package.module:function; repeat for more.")],
    mirror: Annotated[Path | None, typer.Option(help="Folder that receives a snapshot after each run.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure runs that are finished, in their kept weights and without training; exit status 1 where weights are torn
    or are not those of the result."""
    with one_line_errors():
        if not environment.device():
            raise MissingDependency("measuring models needs torch: run `pip install torch safetensors`.")
        if not path.is_file():
            raise invalid("store", "an existing store", str(path), "train something into it first")
        if not kept.is_dir():
            raise invalid("--kept", "a folder of final weights", str(kept), "train with it first")
        environment.single_thread()
        with Store(path, mirror=mirror) as store:
            report = measure_kept(store, KeptModels(kept), metric)
    if as_json:
        print(json.dumps(asdict(report)))
    else:
        typer.echo(
            f"{report.measured} runs measured, {report.already} had {', '.join(metric)} before, of "
            f"{report.without_weights} the weights are not kept."
        )
        typer.echo("\n".join(report.problems), nl=bool(report.problems))
    if report.problems:
        raise typer.Exit(1)


def _repeated(repeats: pd.DataFrame) -> str:
    """The part of a sentence that says how many repeats there are, and how far apart."""
    if repeats.empty:
        return ""
    conflicts = f", {repeats['conflict'].sum()} of them in conflict" if repeats["conflict"].any() else ""
    widest = repeats["relative_difference"].max()
    of_what = "loss" if repeats["excess_loss_difference"].isna().all() else "excess loss"
    apart = "one of two diverged" if math.isinf(widest) else f"at most {100 * widest:.2g} % of the {of_what} apart"
    return f"; {len(repeats)} repeats{conflicts}, {apart}"


@runs_app.command("export")
def export(
    path: StorePath,
    table: Annotated[Path, typer.Argument(help="File to write: .csv or .parquet.")],
    as_json: AsJson = False,
) -> None:
    """All runs as one table."""
    with one_line_errors():
        if table.suffix not in (".csv", ".parquet"):
            raise invalid("table", "a .csv or .parquet file", str(table), "name it so")
        with Store(path, read_only=True) as store:
            frame = store.frame()
        try:
            frame.to_csv(table, index=False) if table.suffix == ".csv" else frame.to_parquet(table, index=False)
        except OSError as error:
            raise invalid("table", "a file in a writable folder", str(table), f"pass another ({error})") from None
        if as_json:
            print(json.dumps({"runs": len(frame), "table": str(table)}))
            return
        typer.echo(f"{len(frame)} runs: {table}")


@runs_app.command("list")
def list_runs(path: StorePath, as_json: AsJson = False) -> None:
    """Every run of a store."""
    with one_line_errors():
        with Store(path, read_only=True) as store:
            frame, repeats = store.frame(), store.repeats()
        if as_json:
            print(json.dumps({"runs": json.loads(frame[_SHOWN].to_json(orient="records")), "repeats": len(repeats)}))
            return
        frame["identity"] = frame["identity"].str[:12]
        print_frame(frame[_SHOWN], f"{path}: {len(frame)} runs{_repeated(repeats)}")
