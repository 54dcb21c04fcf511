"""`scaling-lab fit` and `scaling-lab allocate`: a table becomes a law, a budget becomes a plan."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from scaling_lib.cli.words import AsJson, one_line_errors, print_frame
from scaling_lib.errors import ScalingLabError, check_choice, check_integer, invalid
from scaling_lib.fits.allocation import planner
from scaling_lib.fits.allocation.literature import published_laws
from scaling_lib.fits.fitting import Fit, fit
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
from scaling_lib.fits.tables import parse_columns, read_table
from scaling_lib.fits.uncertainty import intervals, resampling
from scaling_lib.pages.drawing.plots import plot_fit

__all__ = ["allocate_budget", "fit_table"]

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


def _law(name: str, pinned: list[str]) -> Law:
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


def fit_table(
    table: Annotated[Path, typer.Argument(help="CSV or Parquet, a row per run.")],
    law: Annotated[str, typer.Option(help=", ".join(LAWS))] = "chinchilla",
    objective: Annotated[str, typer.Option(help=", ".join(OBJECTIVES))] = "log-huber",
    delta: Annotated[float | None, typer.Option(help="Threshold of the Huber objectives.")] = None,
    columns: Annotated[str, typer.Option(help="Your names for ours: N=params,D=tokens,loss=val_loss.")] = "",
    pin: Annotated[list[str] | None, typer.Option(help="Hold a parameter, e.g. E=1.69; may be repeated.")] = None,
    bootstrap: Annotated[int, typer.Option(help="Pairs bootstraps for standard errors and intervals.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    plot: Annotated[Path | None, typer.Option(help="Write a figure of the fit there (PNG, PDF or SVG).")] = None,
    as_json: AsJson = False,
) -> None:
    """Fit a scaling law to a table of your own runs."""
    with one_line_errors():
        runs = read_table(table, parse_columns(columns) if columns else None)
        fitted = fit(_law(law, pin or []), runs, objective=objective, delta=delta)
        payload: dict[str, Any] = {
            "law": fitted.law.formula,
            "params": fitted.params,
            "objective": fitted.objective,
            "n": fitted.n,
            "converged": bool(fitted.converged),
            "warnings": list(fitted.warnings),
        }
        if bootstrap:
            generator = np.random.default_rng(check_integer("--seed", seed, minimum=0))
            draws = resampling.bootstrap(fitted, generator, resamples=bootstrap)
            payload["se"] = {name: float(np.std(draws[name], ddof=1)) for name in fitted.law.free}
            bands = {name: intervals.percentile(draws[name]) for name in fitted.law.free}
            payload["ci95"] = {name: [band.low, band.high] for name, band in bands.items()}
        if plot is not None:
            payload["plot"] = str(plot_fit(fitted, plot))
        if as_json:
            print(json.dumps(payload, allow_nan=False))
            return
        print_frame(_fit_frame(fitted, payload), f"{fitted.law.formula}, {objective}, {fitted.n} points")
        for warning in fitted.warnings:
            typer.echo(f"warning: {warning}", err=True)


def _fit_frame(fitted: Fit, payload: dict[str, Any]) -> pd.DataFrame:
    """Parameter, value, and the interval: the bootstrap's where one was asked for, else the profile likelihood's."""
    parameters = []
    for name, value in fitted.params.items():
        low = high = None
        if name in payload.get("ci95", {}):
            low, high = payload["ci95"][name]
        elif name in fitted.law.free:
            with suppress(ScalingLabError):  # not identified: the warnings say so
                band = intervals.profile(fitted, name)
                low, high = band.low, band.high
        shown = "pinned" if name not in fitted.law.free else "-" if low is None else f"{low:.4g} to {high:.4g}"
        parameters.append({"parameter": name, "value": value, "95 % interval": shown})
    return pd.DataFrame(parameters)


def allocate_budget(
    flops: Annotated[float | None, typer.Option(help="The budget in FLOPs.")] = None,
    gpu_hours: Annotated[float | None, typer.Option(help="The budget in GPU-hours, instead.")] = None,
    money: Annotated[float | None, typer.Option(help="The budget in US dollars, instead.")] = None,
    energy: Annotated[float | None, typer.Option(help="The budget in kWh, instead.")] = None,
    hardware: Annotated[str, typer.Option(help="Which hardware hours, money and energy are spent on.")] = "h100",
    law: Annotated[str | None, typer.Option(help="A published law; see `scaling-lab allocate --laws`.")] = None,
    table: Annotated[Path | None, typer.Option(help="Fit the law to your own runs, instead.")] = None,
    columns: Annotated[str, typer.Option(help="Your names for ours: N=params,D=tokens,loss=val_loss.")] = "",
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
        named = parse_columns(columns) if columns else None
        payload = planner.allocate(budget, generator, law=law, table=table, columns=named)
        if as_json:
            print(json.dumps(payload, allow_nan=False))
            return
        warnings = payload.pop("warnings", [])
        intervals_of = payload.pop("interval", None) or {}
        quantities = [
            {
                "quantity": name,
                "value": f"{value:.4g}" if isinstance(value, float) else str(value),
                "95 % interval": " to ".join(f"{end:.4g}" for end in intervals_of.get(name, [])),
            }
            for name, value in payload.items()
        ]
        print_frame(pd.DataFrame(quantities), "Compute-optimal plan")
        for warning in warnings:
            typer.echo(f"warning: {warning}", err=True)
