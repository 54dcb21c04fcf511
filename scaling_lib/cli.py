"""The command `scaling-lab`: the same verbs that the notebooks use. Every command takes --json: one JSON object on
standard output, nothing else there; messages and progress go to standard error."""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from scaling_lib._cli_runs import experiment_list, runs_app, sweep_experiment, train
from scaling_lib._cli_words import AsJson, emit, one_line_errors, print_frame
from scaling_lib.data import chains
from scaling_lib.data.markov import Chain
from scaling_lib.errors import ScalingLabError, check_choice, check_integer, invalid
from scaling_lib.fits import intervals, planner, resampling
from scaling_lib.fits.fitting import OBJECTIVES, Fit, fit
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
from scaling_lib.fits.tables import parse_columns, read_table
from scaling_lib.pages import claims as ledger_of_claims
from scaling_lib.pages.plots import plot_fit
from scaling_lib.runs import experiments
from scaling_lib.runs.records import RunConfiguration
from scaling_lib.runs.store import Store
from scaling_lib.runs.tables import recorded_or_none

__all__ = ["app"]

app = typer.Typer(
    name="scaling-lab",
    help="Measure and fit neural scaling laws on data whose truth is known.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
chain_app = typer.Typer(help="A chain and what is known of it exactly: entropy rate, counting coefficient.")
app.add_typer(chain_app, name="chain", no_args_is_help=True)

def _describe(chain: Chain) -> dict[str, Any]:
    return {
        "nodes": chain.nodes,
        "edges": chain.edges,
        "entropy_rate": chain.entropy_rate,
        "counting_coefficient": chain.counting_coefficient,
        "fingerprint": chain.fingerprint,
    }


@chain_app.command("er")
def chain_er(
    nodes: Annotated[int, typer.Option(help="Number of nodes.")],
    edges: Annotated[int, typer.Option(help="Number of undirected edges.")],
    seed: Annotated[int, typer.Option(help="Seed of the graph.")] = 0,
    as_json: AsJson = False,
) -> None:
    """An Erdos-Renyi graph with a given number of edges."""
    with one_line_errors():
        chain = experiments.source_of("erdos_renyi", {"nodes": nodes, "edges": edges}, seed)[1]
        emit(_describe(chain), as_json, "Erdos-Renyi")


@chain_app.command("ba")
def chain_ba(
    nodes: Annotated[int, typer.Option(help="Number of nodes.")],
    m: Annotated[int, typer.Option(help="Edges that each new node brings.")],
    seed: Annotated[int, typer.Option(help="Seed of the graph.")] = 0,
    as_json: AsJson = False,
) -> None:
    """A Barabasi-Albert graph grown from a complete seed (the paper's is --nodes 8192 --m 6)."""
    with one_line_errors():
        chain = experiments.source_of("barabasi_albert", {"nodes": nodes, "attachments": m}, seed)[1]
        emit(_describe(chain), as_json, "Barabasi-Albert")


@chain_app.command("edges")
def chain_edges(
    file: Annotated[Path, typer.Argument(help="CSV with a row per edge: source, target and optionally weight.")],
    directed: Annotated[bool, typer.Option(help="Each row is one arc.")] = False,
    giant_component: Annotated[bool, typer.Option(help="Keep the largest component only.")] = False,
    as_json: AsJson = False,
) -> None:
    """A graph of your own, from a CSV of edges."""
    with one_line_errors():
        chain = chains.from_edges(file, directed=directed, giant_component=giant_component)
        emit(_describe(chain), as_json, file.name)


app.command("experiments")(experiment_list)
app.command("train")(train)
app.command("sweep")(sweep_experiment)
app.add_typer(runs_app, name="runs", no_args_is_help=True)


# The spellings of --law: laws in N and D, and one-dimensional ones with their variable appended ("power-D").
_LAWS = {"chinchilla": Chinchilla, "kaplan": Kaplan}
_CURVES = {
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


@app.command("fit")
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
    rows = []
    for name, value in fitted.params.items():
        low = high = None
        if name in payload.get("ci95", {}):
            low, high = payload["ci95"][name]
        elif name in fitted.law.free:
            with suppress(ScalingLabError):  # not identified: the warnings say so
                band = intervals.profile(fitted, name)
                low, high = band.low, band.high
        shown = "pinned" if name not in fitted.law.free else "-" if low is None else f"{low:.4g} to {high:.4g}"
        rows.append({"parameter": name, "value": value, "95 % interval": shown})
    return pd.DataFrame(rows)


@app.command("allocate")
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
            known = planner.published_laws().reset_index()
            if as_json:
                print(json.dumps({"laws": known.to_dict("records")}, default=str))
            else:
                print_frame(known.drop(columns=["note", "interval"], errors="ignore"), "Published laws")
            return
        budget = planner.budget_flops(
            flops=flops, gpu_hours=gpu_hours, money=money, energy=energy, hardware=hardware
        )
        generator = np.random.default_rng(check_integer("--seed", seed, minimum=0))
        named = parse_columns(columns) if columns else None
        payload = planner.allocate(budget, generator, law=law, table=table, columns=named)
        if as_json:
            print(json.dumps(payload, allow_nan=False))
            return
        warnings = payload.pop("warnings", [])
        intervals_of = payload.pop("interval", None) or {}
        rows = [
            {
                "quantity": name,
                "value": f"{value:.4g}" if isinstance(value, float) else str(value),
                "95 % interval": " to ".join(f"{end:.4g}" for end in intervals_of.get(name, [])),
            }
            for name, value in payload.items()
        ]
        print_frame(pd.DataFrame(rows), "Compute-optimal plan")
        for warning in warnings:
            typer.echo(f"warning: {warning}", err=True)


@app.command()
def claims(
    store: Annotated[Path | None, typer.Option(help="Judge a store, or a folder of stores.")] = None,
    as_json: AsJson = False,
) -> None:
    """The ledger of claims with its verdicts."""
    with one_line_errors():
        rows = ledger_of_claims.evaluate(recorded_or_none if store is None else _from_store(store))
        if as_json:
            print(json.dumps({"claims": [row.as_dict() for row in rows]}, allow_nan=False))
            return
        print_frame(ledger_of_claims.ledger_frame(rows), "Claims")


def _from_store(path: Path) -> Any:
    """An experiment's runs, whatever the profile they were made under, out of a store or a folder of stores; what is no
    run of the reader's (results on published points) as recorded."""
    frames = []
    for file in sorted(path.glob("*.db")) if path.is_dir() else [path]:
        with Store(file, read_only=True) as runs:
            frames.append(runs.frame())
    if not frames:
        raise invalid("--store", "a store, or a folder with stores", str(path), "train something into it first")
    frame = pd.concat(frames).drop_duplicates("identity")
    sources = [RunConfiguration.from_json(text).source for text in frame["configuration"]]
    recipes = [(each.ensemble, each.parameters, each.seed) for each in sources]
    made_of = pd.Series(recipes, index=frame.index, dtype=object)

    def table(name: str) -> pd.DataFrame | None:
        if name not in experiments.EXPERIMENTS:
            return recorded_or_none(name)
        asked = experiments.experiment(name)
        recipe = (asked.ensemble, tuple(sorted(asked.parameters.items())), asked.graph_seed)
        own = frame[[each == recipe for each in made_of]]
        if own.empty:  # and no graph of two million edges is made in vain
            return own
        wanted = {c.identity for profile in asked.grids for c in asked.configurations(profile)}
        return own[own["identity"].isin(wanted)].reset_index(drop=True)

    return table


if __name__ == "__main__":
    sys.exit(app())
