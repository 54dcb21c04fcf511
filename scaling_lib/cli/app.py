"""The command `scaling-lab`: the same verbs that the notebooks use. Every command takes --json: one JSON object on
standard output, nothing else there; messages and progress go to standard error."""

import typer

from scaling_lib.cli import chains
from scaling_lib.cli.claims import claims
from scaling_lib.cli.corpora import describe_corpus
from scaling_lib.cli.fits import allocate_budget, fit_table
from scaling_lib.cli.runs import experiment_list, runs_app, sweep_experiment
from scaling_lib.cli.samples import sample_run

__all__ = ["app"]

app = typer.Typer(
    name="scaling-lab",
    help="Measure and fit neural scaling laws on data whose truth is known.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(chains.app, name="chain", no_args_is_help=True)
app.command("corpus")(describe_corpus)
app.command("experiments")(experiment_list)
app.command("sweep")(sweep_experiment)
app.add_typer(runs_app, name="runs", no_args_is_help=True)
app.command("sample")(sample_run)
app.command("fit")(fit_table)
app.command("allocate")(allocate_budget)
app.command()(claims)
