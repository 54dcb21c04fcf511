"""A benchmark for fitters: tables of small runs whose E is known, and planted twins whose exponents are known too.

    python -m benchmarks.fitters [--json] [--entry module:function ...] [--record]

Without --entry every entry of `benchmarks.fitter_entries` is fitted (about two minutes on one core). With it only those
handed in are, and stand above the recorded scores. --record writes scaling_lib/recorded/fitters.parquet.

An entry sees the N, D and loss of the rows to fit, and nothing else. It is scored on

    E            |E - exact E|, nats
    alpha, beta  |exponent - planted exponent|, planted twins only
    forecast     |L - loss| / (loss - exact E) on the rows held out, their median. Relative to the excess, since E
                 is most of a loss and easily had to a few per cent; to the exact one, the same for all entries.
    failed       share of tables on which it raised, or returned what is not finite
    ms           median milliseconds of a fit, on whatever machine this was: for information

each the median over the tables of a task. A failure counts as an error without bound: giving up does not pay.
"""

import argparse
import contextlib
import importlib
import io
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from benchmarks.fitter_entries import ENTRIES, Entry, Fitted
from scaling_lib.errors import InvalidArgument, ScalingLabError, invalid
from scaling_lib.runs.keeping.tables import load_recorded, lowest_losses, record_result
from scaling_lib.runs.sweeping.experiments import experiment

NAME = "fitters"
HOW = "python -m benchmarks.fitters --record"
ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "scaling_lib" / "recorded"
# Recorded runs, with the law to fit. er-200-dense is none: two numbers of tokens cannot tell E, B and beta apart.
RECORDED = {"er-100": "power-D", "er-1k-small": "chinchilla", "er-1k-wide": "chinchilla"}
NOISE = (0.0, 0.01, 0.03, 0.1)
COPIES = {"power-D": 15, "chinchilla": 10}
HELD_OUT = {"power-D": 1, "chinchilla": 5}
LONGEST = 60.0  # seconds of one fit
ERRORS = ("E_error", "alpha_error", "beta_error", "forecast_error")
# Of a planted twin, each drawn anew for every table: nats, and the size of each power at the middle of its variable.
E_RANGE, EXPONENT_RANGE, POWER_RANGE = (1.5, 3.5), (0.3, 1.2), (0.02, 0.3)


@dataclass(frozen=True)
class Task:
    """One table to fit. table: N, D, loss of the rows to fit, (points,). held_out: N, D, loss of those to forecast, for
    planted twins without noise. E: exact, nats; None where nobody knows it, and then E is not scored and a forecast
    is off relative to the loss. exponents: planted ones, else empty. copy: which table of its name."""

    name: str
    kind: str
    copy: int
    table: pd.DataFrame
    held_out: pd.DataFrame
    E: float | None
    noise: float | None = None
    exponents: Mapping[str, float] = field(default_factory=dict)


def split(name: str, kind: str, copy: int, frame: pd.DataFrame, E: float | None, **planted: Any) -> Task:
    """Hold out the rows of the largest compute N D (in one variable, of the largest D). frame: N, D, loss, and truth
    where the loss without noise is known."""
    ordered = frame.assign(C=frame["N"] * frame["D"]).sort_values("C", kind="stable")
    fitted, held_out = ordered.iloc[: -HELD_OUT[kind]], ordered.iloc[-HELD_OUT[kind] :]
    truth = held_out.assign(loss=held_out.get("truth", held_out["loss"]))
    columns = ["N", "D", "loss"]
    return Task(
        name, kind, copy, fitted[columns].reset_index(drop=True), truth[columns].reset_index(drop=True), E, **planted
    )


def known_floor(runs: pd.DataFrame) -> float | None:
    """The entropy rate of the one source that all runs saw, nats; None where there are several, or where it is unknown,
    as of text and of teachers."""
    rates = runs["entropy_rate"].unique() if "entropy_rate" in runs else []
    return float(rates[0]) if len(rates) == 1 and np.isfinite(rates[0]) else None


def recorded_tasks() -> Iterator[Task]:
    """L(N, D) as the minimum over learning rates and seeds, then over learning rates for each seed alone."""
    for name, kind in RECORDED.items():
        try:
            runs = load_recorded(name)
        except InvalidArgument:  # not recorded yet
            continue
        floor = known_floor(runs)
        yield split(name, kind, 0, lowest_losses(runs), floor)
        for copy, (_, alone) in enumerate(runs.groupby("seed")):
            yield split(f"{name}, one seed", kind, copy, lowest_losses(alone), floor)


@cache  # a hundred planted tables share two designs
def design(kind: str) -> pd.DataFrame:
    """N and D of the recorded grid that the planted twins share, recorded or not; not to be changed."""
    name = next(name for name, law in RECORDED.items() if law == kind)
    grid = experiment(name).configurations("full")
    points = [(run.architecture.parameters, run.schedule.tokens * run.schedule.epochs) for run in grid]
    return pd.DataFrame(points, columns=["N", "D"]).drop_duplicates(ignore_index=True)


def planted(kind: str, noise: float, copy: int) -> Task:
    """A law drawn at random on that grid; the excess is multiplied by exp(noise z), for seeds scatter in proportion."""
    generator = np.random.default_rng([list(COPIES).index(kind), NOISE.index(noise), copy])
    frame = design(kind)
    parameters = {"E": generator.uniform(*E_RANGE)}
    for coefficient, exponent, column in (("A", "alpha", "N"), ("B", "beta", "D")):
        if kind == "chinchilla" or column == "D":
            parameters[exponent] = generator.uniform(*EXPONENT_RANGE)
            size, middle = np.exp(generator.uniform(*np.log(POWER_RANGE))), np.exp(np.log(frame[column]).mean())
            parameters[coefficient] = size * middle ** parameters[exponent]
    law = Fitted(parameters)
    truth = law.predict(frame["N"].to_numpy(), frame["D"].to_numpy())
    loss = law.E + (truth - law.E) * np.exp(noise * generator.standard_normal(len(truth)))
    name = f"planted {'L(D)' if kind == 'power-D' else 'L(N, D)'}, {100 * noise:g} %"
    return split(name, kind, copy, frame.assign(loss=loss, truth=truth), law.E, noise=noise, exponents=law.exponents)


def all_tasks() -> list[Task]:
    """Every table of the benchmark; those of recorded runs where they are recorded."""
    twins = [planted(kind, noise, copy) for kind in COPIES for noise in NOISE for copy in range(COPIES[kind])]
    return [*recorded_tasks(), *twins]


# Scoring -------------------------------------------------------------------------------------------------------------


def score(fitter: Callable[[pd.DataFrame, str], Any], task: Task) -> dict[str, Any]:
    """One row: state (ok, failed, not offered), reason, signed E_error, the other errors, milliseconds."""
    row: dict[str, Any] = {"state": "failed", "reason": ""} | dict.fromkeys(ERRORS, np.nan) | {"milliseconds": np.nan}
    held = {name: task.held_out[name].to_numpy(float) for name in task.held_out}
    quiet = io.StringIO()
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(quiet):
            warnings.simplefilter("ignore")
            table, begun = task.table.copy(), time.perf_counter()
            with limited(LONGEST):
                fitted = fitter(table, task.kind)
            row["milliseconds"] = 1000 * (time.perf_counter() - begun)
            errors = {} if task.E is None else {"E_error": float(fitted.E) - task.E}
            for name, true in task.exponents.items():
                errors[f"{name}_error"] = abs(float(fitted.exponents[name]) - true)
            loss = np.asarray(fitted.predict(held["N"].copy(), held["D"].copy()), float)
            if loss.shape != held["loss"].shape:
                raise ValueError(f"predict gave shape {loss.shape} for {held['loss'].shape}")
            errors["forecast_error"] = float(np.median(np.abs(loss - held["loss"]) / (held["loss"] - (task.E or 0.0))))
        if not np.isfinite(list(errors.values())).all():
            raise ValueError("not finite")
    except NotImplementedError as error:
        return row | {"state": "not offered", "reason": _line(error)}
    except (Exception, SystemExit) as error:  # whatever an entry does, the others are still scored
        return row | {"reason": _line(error)}
    return row | errors | {"state": "ok"}


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block after so long; without effect where the system has no alarms, or in a thread."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: object) -> None:
        raise TimeoutError(f"took more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:120]


def version_of(entry: Entry) -> str | None:
    """The package's that it needs; '' where it needs none, None where the package is not installed."""
    if entry.needs is None:
        return ""
    try:
        return f"{entry.needs} {version(entry.needs)}"
    except PackageNotFoundError:
        return None


def measure(entries: Mapping[str, Entry], tasks: list[Task]) -> pd.DataFrame:
    """One row for each entry and table; an entry whose package is missing has one row, in the state not installed."""
    outcomes: list[dict[str, Any]] = []
    for name, entry in entries.items():
        package = version_of(entry)
        if package is None:
            reason = f"pip install {entry.needs}"
            outcomes.append({"entry": name, "task": "", "state": "not installed", "reason": reason})
            continue
        for task in tasks:
            about = {"entry": name, "package": package, "task": task.name, "kind": task.kind, "noise": task.noise}
            outcomes.append(about | {"copy": task.copy, "points": len(task.table)} | score(entry.fitter, task))
    frame = pd.DataFrame(outcomes)
    missing = [column for column in ("package", "kind", "noise", "copy", "points", *ERRORS) if column not in frame]
    return frame.assign(**dict.fromkeys(missing, np.nan))


def scores(outcomes: pd.DataFrame) -> pd.DataFrame:
    """By entry and task, in their order: tables, failed (a share), median errors, ms. NaN: not to be scored."""
    tried = outcomes[outcomes["state"].isin(("ok", "failed"))]
    lines = []
    for (entry, task), group in tried.groupby(["entry", "task"], sort=False):
        failed = (group["state"] == "failed").to_numpy()
        line: dict[str, Any] = {"entry": entry, "task": task, "tables": len(group), "failed": float(failed.mean())}
        for name in ERRORS:
            values = np.where(failed, np.inf, group[name].abs())
            planted = name in ("alpha_error", "beta_error") and not str(task).startswith("planted")
            # No exponent is planted in recorded runs, and none in N where the law has no N.
            unknown = name == "E_error" and bool((~failed).any()) and bool(group.loc[~failed, name].isna().all())
            absent = planted or unknown or (name == "alpha_error" and (group["kind"] == "power-D").all())
            line[name] = np.nan if absent else float(np.median(values))
        lines.append(line | {"ms": float(group["milliseconds"].median())})
    return pd.DataFrame(lines)


# The command ---------------------------------------------------------------------------------------------------------


def handed_in(text: str) -> Entry:
    """The entry `module:function`, importable from here. Raises InvalidArgument, in one sentence."""
    module, colon, name = text.partition(":")
    if not colon or not module or not name:
        raise invalid("--entry", "module:function", text, "name a function that can be imported from here")
    try:
        fitter = getattr(importlib.import_module(module), name)
    except Exception as error:  # importing runs the user's code
        raise invalid("--entry", f"importable ({_line(error)})", text, "correct the name or the module") from None
    if not callable(fitter):
        raise invalid("--entry", "a function of (table, kind)", text, f"{name} cannot be called")
    return Entry(fitter, "handed in")


def printed(table: pd.DataFrame) -> str:
    shown = table.replace(np.inf, np.nan)
    return str(shown.to_string(index=False, na_rep="-", float_format=lambda number: f"{number:.2g}"))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the scores as a JSON list")
    parser.add_argument("--entry", action="append", default=[], metavar="MODULE:FUNCTION", help="score this one")
    parser.add_argument("--record", action="store_true", help=f"write {FOLDER.relative_to(ROOT)}/{NAME}.parquet")
    options = parser.parse_args(arguments)
    try:
        if options.record and options.entry:
            raise invalid("--record", "without --entry", options.entry, "add yours to benchmarks/fitter_entries.py")
        own = {text: handed_in(text) for text in options.entry}
        outcomes = measure(own or ENTRIES, all_tasks())
        if options.record:
            record_result(outcomes, NAME, HOW, FOLDER)
        table = scores(outcomes)
        if own:
            table = pd.concat([table, scores(load_recorded(NAME))], ignore_index=True)
    except ScalingLabError as error:
        sys.exit(str(error))
    if options.json:
        print(table.replace(np.inf, np.nan).to_json(orient="records"))
        return
    for _, group in table.groupby("task", sort=False):
        print(printed(group.sort_values("E_error", kind="stable")), end="\n\n")
    skipped = outcomes[outcomes["state"] == "not installed"]
    for row in skipped.itertuples():
        print(f"{row.entry} was skipped: {row.reason}")
    for (entry, reason), group in outcomes[outcomes["state"] == "failed"].groupby(["entry", "reason"]):
        print(f"{entry} failed on {len(group)} tables: {reason}")


if __name__ == "__main__":
    main()
