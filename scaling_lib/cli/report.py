"""`scaling-lab report`: a table of runs becomes one page."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from scaling_lib.cli.fits import LAWS, TABLE_HELP, Best, ColumnNames, Mean, Units, law_named, table_of_runs
from scaling_lib.cli.words import AsJson, one_line_errors
from scaling_lib.errors import check_integer, check_real, invalid
from scaling_lib.files import write_whole
from scaling_lib.fits.solver.problem import OBJECTIVES
from scaling_lib.pages.reporting.page import report_html
from scaling_lib.pages.reporting.report import default_law, report

__all__ = ["report_table"]


def report_table(
    table: Annotated[Path, typer.Argument(help=TABLE_HELP)],
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write.")] = Path("report.html"),
    law: Annotated[str, typer.Option(help=f"One of {', '.join(LAWS)}; by default chosen by what changes.")] = "",
    objective: Annotated[str, typer.Option(help=", ".join(OBJECTIVES))] = "log-huber",
    columns: ColumnNames = "",
    units: Units = "",
    best: Best = False,
    mean: Mean = False,
    flops: Annotated[
        float | None, typer.Option(help="Budget to plan for (default: 10 x the largest run).")
    ] = None,
    bootstrap: Annotated[int, typer.Option(help="Pairs bootstraps.")] = 4000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstraps.")] = 0,
    as_json: AsJson = False,
) -> None:
    """A table of runs as one page: its doubts, rival laws, intervals, windows, forecasts of its own future, a plan."""
    with one_line_errors():
        if output.suffix.lower() not in (".html", ".htm"):
            raise invalid("--output", "a file name that ends in .html", str(output), "name it so")
        named = law_named(law, []) if law else None
        runs = table_of_runs(table, columns, units, best, mean, named or default_law)
        source = "standard input" if str(table) == "-" else table.name
        made = report(
            runs,
            law=named,
            source=source,
            objective=objective,
            flops=None if flops is None else check_real("--flops", flops, above=0),
            resamples=check_integer("--bootstrap", bootstrap, minimum=2),
            seed=check_integer("--seed", seed, minimum=0),
            progress=sys.stderr.isatty(),
        )
        try:
            write_whole(output, lambda file: file.write(report_html(made).encode()))
        except OSError as error:
            raise invalid("--output", "a file in a writable folder", str(output), f"pass another ({error})") from None
        told = {"report": str(output), "runs": made.fitted.n, "law": made.fitted.law.formula}
        told |= {"undetermined": sorted(made.fitted.undetermined), "warnings": list(made.warnings)}
        if as_json:
            print(json.dumps(told))
            return
        typer.echo(f"{output}: {made.fitted.n} runs of {source}, {made.fitted.law.formula}")
        for warning in made.warnings:
            typer.echo(f"warning: {warning}", err=True)
