"""`scaling-lab plan`: a size, a ratio or a loss is given, and the rest of the plan follows."""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from scaling_lib.cli.fits import TABLE_HELP, Best, ColumnNames, Mean, Units, table_of_runs
from scaling_lib.cli.words import AsJson, one_line_errors, print_frame
from scaling_lib.errors import check_choice, check_integer, check_real, invalid
from scaling_lib.fits.allocation import planner
from scaling_lib.fits.laws import Chinchilla
from scaling_lib.fits.laws.published import published_names
from scaling_lib.pages.reporting.frames import plan_frame

__all__ = ["inverse_budget"]


def inverse_budget(
    parameters: Annotated[float | None, typer.Option(help="Size of the model, N.")] = None,
    tokens: Annotated[float | None, typer.Option(help="Tokens, D.")] = None,
    ratio: Annotated[float | None, typer.Option(help="Tokens per parameter, D / N.")] = None,
    flops: Annotated[float | None, typer.Option(help="Compute, C = 6 N D.")] = None,
    loss: Annotated[float | None, typer.Option(help="Loss to reach, nats per token.")] = None,
    law: Annotated[str | None, typer.Option(help="A published law; see `scaling-lab allocate --laws`.")] = None,
    table: Annotated[Path | None, typer.Option(help=f"Fit the law to your own runs, instead. {TABLE_HELP}")] = None,
    columns: ColumnNames = "",
    units: Units = "",
    best: Best = False,
    mean: Mean = False,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    as_json: AsJson = False,
) -> None:
    """The other way round: two of size, tokens, ratio, compute and loss fix a plan, and what it costs is told.

    One of --flops and --loss alone gives the compute-optimal plan.
    """
    with one_line_errors():
        if law is not None and table is not None:
            raise invalid("--law", "left out where --table is given", law, "give one of the two")
        own = None
        if table is not None:
            own = table_of_runs(table, columns, units, best, mean, Chinchilla())
        elif columns or units or best or mean:
            raise invalid("--table", "given with --columns, --units, --best and --mean", None, "name your table")
        if law is not None:
            check_choice("--law", law, published_names())
        generator = np.random.default_rng(check_integer("--seed", seed, minimum=0))
        asked = {"N": parameters, "D": tokens, "tokens_per_parameter": ratio, "flops": flops, "loss": loss}
        given: dict[str, Any] = {
            name: check_real(name, value, above=0) for name, value in asked.items() if value is not None
        }
        payload = planner.allocate_inverse(generator, law=law, table=own, **given)
        if table is not None:
            payload["law"] = f"fitted to {table.name}"
        if as_json:
            print(json.dumps(payload, allow_nan=False))
            return
        print_frame(plan_frame(payload), "Plan")
        for kind in ("note", "warning"):
            for sentence in payload[f"{kind}s"]:
                typer.echo(f"{kind}: {sentence}", err=True)
