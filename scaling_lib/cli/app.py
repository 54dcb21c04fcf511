"""The command `scaling-lab`: the same verbs that the notebooks use. Every command takes --json: one JSON object on
standard output, nothing else there; messages and progress go to standard error."""

from importlib import metadata
from typing import Annotated

import typer

from scaling_lib.cli import chains
from scaling_lib.cli.claims import claims
from scaling_lib.cli.compare import compare
from scaling_lib.cli.corpora import describe_corpus
from scaling_lib.cli.fits import allocate_budget, fit_table
from scaling_lib.cli.plans import inverse_budget
from scaling_lib.cli.report import report_table
from scaling_lib.cli.runs import experiment_list, runs_app, sweep_experiment
from scaling_lib.cli.samples import sample_run

__all__ = ["app"]

app = typer.Typer(
    name="scaling-lab",
    help="Measure and fit neural scaling laws on data whose truth is known.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _installed() -> str:
    try:
        return metadata.version("scaling-lab")
    except metadata.PackageNotFoundError:  # run straight from a source tree
        return "from its sources"


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"scaling-lab {_installed()}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Measure and fit neural scaling laws on data whose truth is known."""


app.add_typer(chains.app, name="chain", no_args_is_help=True)
app.command("corpus")(describe_corpus)
app.command("experiments")(experiment_list)
app.command("sweep")(sweep_experiment)
app.add_typer(runs_app, name="runs", no_args_is_help=True)
app.command("sample")(sample_run)
app.command("fit")(fit_table)
app.command("allocate")(allocate_budget)
app.command("plan")(inverse_budget)
app.command("report")(report_table)
app.command()(claims)
app.command()(compare)
