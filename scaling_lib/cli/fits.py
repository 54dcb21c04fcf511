"""`scaling-lab fit` and `scaling-lab allocate`: a table becomes a law, a budget becomes a plan.

A table is a file that `fits.tables` reads, or a store of runs. Columns that seem to be in other units are refused until
the units are declared.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from scaling_lib.cli.words import AsJson, one_line_errors, print_frame
from scaling_lib.errors import InvalidData, check_choice, check_integer, invalid
from scaling_lib.fits.allocation import planner
from scaling_lib.fits.allocation.literature import published_laws
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import (
    BrokenPower,
    Chinchilla,
    Exponential,
    Kaplan,
    Law,
    PowerLaw,
    ShiftedPower,
    StretchedExponential,
)
from scaling_lib.fits.solver.problem import OBJECTIVES
from scaling_lib.fits.tables import (
    doubts,
    one_row_a_point,
    parse_columns,
    parse_units,
    read_content,
    read_table,
    table_columns,
    with_names,
)
from scaling_lib.fits.tables.columns import finished_runs
from scaling_lib.fits.uncertainty import intervals, resampling
from scaling_lib.pages.drawing.plots import plot_fit
from scaling_lib.pages.reporting.frames import fit_frame, interval_as_dict, interval_outcomes, plan_frame
from scaling_lib.runs.keeping.store import Store

__all__ = [
    "LAWS",
    "TABLE_HELP",
    "Best",
    "ColumnNames",
    "Mean",
    "Units",
    "allocate_budget",
    "fit_table",
    "law_named",
    "table_of_runs",
]

TABLE_HELP = "A row per run: CSV, TSV, JSON, JSON lines, Parquet, a store; - for standard input."
# How a store begins.
_SQLITE = b"SQLite format 3\0"

# The spellings of --law: laws in N and D, and one-dimensional ones with their variable appended ("power-D").
_LAWS = {"chinchilla": Chinchilla, "kaplan": Kaplan}
_CURVES: dict[str, Callable[..., Law]] = {
    "power": PowerLaw,
    "exponential": Exponential,
    "stretched": StretchedExponential,
    "shifted": ShiftedPower,
    "broken": BrokenPower,
}
LAWS = (*_LAWS, *(f"{name}-{variable}" for name in _CURVES for variable in ("N", "D", "C")))


def law_named(name: str, pinned: list[str]) -> Law:
    """The law of --law, with the parameters of --pin pinned. Raises InvalidArgument."""
    check_choice("--law", name, LAWS)
    law: Law = _LAWS[name]() if name in _LAWS else _CURVES[name[:-2]](variable=name[-1])
    values = {}
    for pair in pinned:
        parameter, _, text = pair.partition("=")
        try:
            values[parameter] = float(text)
        except ValueError:
            raise invalid("--pin", "NAME=NUMBER", pair, "write --pin E=1.69") from None
    return law.pin(**values) if values else law


ColumnNames = Annotated[
    str, typer.Option(help="Your names for ours: N=params,D=tokens,loss=val_loss. N=D,D=N changes two over.")
]
Units = Annotated[
    str,
    typer.Option(help="What columns are counted in: N=millions,D=1e9. N=1 says that N is right as it is."),
]
Best = Annotated[bool, typer.Option("--best", help="Of rows with equal N and D keep the one of the lowest loss.")]
Mean = Annotated[bool, typer.Option("--mean", help="Of rows with equal N and D keep their mean loss.")]


def table_of_runs(
    path: Path, columns: str, units: str, best: bool, mean: bool, law: Law | Callable[[pd.DataFrame], Law]
) -> pd.DataFrame:
    """The user's table in our names and units, fit for a law, or for the one that a function chooses by the table.

    A store of runs is read as well: its finished runs.
    """
    if best and mean:
        raise invalid("--best", "given without --mean", "both", "choose one")
    named = parse_columns(columns) if columns else None
    factors = parse_units(units) if units else None
    if str(path) == "-":
        runs = read_content(sys.stdin.buffer.read(), named, units=factors, source="standard input")
    elif path.is_file() and path.open("rb").read(len(_SQLITE)) == _SQLITE:
        with Store(path, read_only=True) as store:
            runs = with_names(finished_runs(store.frame(), ()), named, units=factors, source=path.name)
    else:
        runs = read_table(path, named, units=factors)
    law = law if isinstance(law, Law) else law(runs)
    table_columns(law, runs)  # units that differ from row to row are refused first: no factor mends them
    for doubt in doubts(runs):
        if doubt.grave and {*doubt.columns} & {*law.variables, "loss"}:
            raise InvalidData(
                f"table must count parameters, tokens and nats, got {path.name!r}, of which this is to be doubted: "
                f"{doubt.sentence.rstrip('.')} (what is right as it is, say so: --units "
                f"{','.join(f'{name}=1' for name in doubt.columns)})."
            )
    return one_row_a_point(runs, law.variables, keep="best" if best else "mean") if best or mean else runs


def fit_table(
    table: Annotated[Path, typer.Argument(help=TABLE_HELP)],
    law: Annotated[str, typer.Option(help=", ".join(LAWS))] = "chinchilla",
    objective: Annotated[str, typer.Option(help=", ".join(OBJECTIVES))] = "log-huber",
    delta: Annotated[float | None, typer.Option(help="Threshold of the Huber objectives.")] = None,
    columns: ColumnNames = "",
    units: Units = "",
    best: Best = False,
    mean: Mean = False,
    pin: Annotated[list[str] | None, typer.Option(help="Hold a parameter, e.g. E=1.69; may be repeated.")] = None,
    bootstrap: Annotated[int, typer.Option(help="Pairs bootstraps for standard errors and intervals.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    plot: Annotated[Path | None, typer.Option(help="Write a figure of the fit there (PNG, PDF or SVG).")] = None,
    as_json: AsJson = False,
) -> None:
    """Fit a scaling law to a table of your own runs."""
    with one_line_errors():
        chosen = law_named(law, pin or [])
        runs = table_of_runs(table, columns, units, best, mean, chosen)
        fitted = fit(chosen, runs, objective=objective, delta=delta)
        payload: dict[str, Any] = {
            "law": fitted.law.formula,
            "params": {name: None if name in fitted.undetermined else x for name, x in fitted.params.items()},
            "objective": fitted.objective,
            "n": fitted.n,
            "converged": bool(fitted.converged),
            "warnings": list(fitted.warnings),
        }
        percentiles = {}
        if bootstrap:
            generator = np.random.default_rng(check_integer("--seed", seed, minimum=0))
            draws = resampling.bootstrap(fitted, generator, resamples=bootstrap)
            payload["se"] = {name: float(np.std(draws[name], ddof=1)) for name in fitted.law.free}
            percentiles = {name: intervals.percentile(draws[name]) for name in fitted.law.free}
            payload["ci95"] = {name: [band.low, band.high] for name, band in percentiles.items()}
        outcomes = interval_outcomes(fitted, percentiles)
        payload["intervals"] = {name: interval_as_dict(name, outcome) for name, outcome in outcomes.items()}
        if plot is not None:
            payload["plot"] = str(plot_fit(fitted, plot))
        if as_json:
            print(json.dumps(payload, allow_nan=False))
            return
        print_frame(fit_frame(fitted, outcomes), f"{fitted.law.formula}, {objective}, {fitted.n} points")
        kind = f"percentiles of {bootstrap} pairs bootstraps" if bootstrap else "profile likelihood"
        typer.echo(f"95 % intervals: {kind}. E in nats per token, N in parameters, D in tokens, C in FLOPs.", err=True)
        if plot is not None:
            typer.echo(f"figure: {payload['plot']}", err=True)
        for warning in fitted.warnings:
            typer.echo(f"warning: {warning}", err=True)


def allocate_budget(
    flops: Annotated[float | None, typer.Option(help="The budget in FLOPs.")] = None,
    gpu_hours: Annotated[float | None, typer.Option(help="The budget in GPU-hours, instead.")] = None,
    money: Annotated[float | None, typer.Option(help="The budget in US dollars, instead.")] = None,
    energy: Annotated[float | None, typer.Option(help="The budget in kWh, instead.")] = None,
    hardware: Annotated[str, typer.Option(help="Which hardware hours, money and energy are spent on.")] = "h100",
    law: Annotated[str | None, typer.Option(help="A published law; see `scaling-lab allocate --laws`.")] = None,
    table: Annotated[Path | None, typer.Option(help="Fit the law to your own runs, instead.")] = None,
    columns: ColumnNames = "",
    units: Units = "",
    best: Best = False,
    mean: Mean = False,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    laws: Annotated[bool, typer.Option("--laws", help="List the published laws.")] = False,
    as_json: AsJson = False,
) -> None:
    """How large a model on how many tokens: the compute-optimal plan for a budget."""
    with one_line_errors():
        if laws:
            known = published_laws().reset_index()
            if as_json:
                print(json.dumps({"laws": known.to_dict("records")}, default=str))
            else:
                print_frame(known.drop(columns=["note", "interval"], errors="ignore"), "Published laws")
            return
        budget = planner.budget_flops(flops=flops, gpu_hours=gpu_hours, money=money, energy=energy, hardware=hardware)
        generator = np.random.default_rng(check_integer("--seed", seed, minimum=0))
        own = None
        if table is not None:
            own = table_of_runs(table, columns, units, best, mean, Chinchilla())
        elif columns or units or best or mean:
            raise invalid("--table", "given with --columns, --units, --best and --mean", None, "name your table")
        payload = planner.allocate(budget, generator, law=law, table=own)
        if as_json:
            print(json.dumps(payload, allow_nan=False))
            return
        print_frame(plan_frame(payload), "Compute-optimal plan")
        if payload["interval"] is not None:
            method = payload["interval"]["method"]
            typer.echo(f"95 % intervals: {method}; sampling error alone, neither the law's nor the window's.", err=True)
        for kind in ("note", "warning"):
            for sentence in payload[f"{kind}s"]:
                typer.echo(f"{kind}: {sentence}", err=True)
