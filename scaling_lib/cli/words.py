"""How `scaling-lab` speaks: JSON alone on standard output, tables for people, our errors in one line."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from scaling_lib.errors import ScalingLabError

__all__ = ["AsJson", "emit", "one_line_errors", "print_frame", "print_lines"]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, nothing else.")]


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Our own errors end the command with their one sentence on standard error and exit status 2."""
    try:
        yield
    except ScalingLabError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


def emit(payload: dict[str, Any], as_json: bool, title: str) -> None:
    """One object on standard output: as JSON, or as a table of two columns."""
    if as_json:
        print(json.dumps(payload, allow_nan=False))
        return
    table = Table(title=title, show_header=False)
    for key, value in payload.items():
        table.add_row(key, f"{value:.6g}" if isinstance(value, float) else str(value))
    Console().print(table)


def print_frame(frame: pd.DataFrame, title: str) -> None:
    """A table on standard output, floats to four digits; "-" for what nobody knows or nobody measured."""
    table = Table(title=title)
    for place, column in enumerate(frame):
        table.add_column(str(column), no_wrap=place == 0)  # a name that is cut off cannot be passed to a command
    for row in frame.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    Console().print(table)


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def print_lines(frame: pd.DataFrame, title: str) -> None:
    """A table of texts on standard output, one line a row and without rules, so that it is as narrow as its words."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in frame:
        table.add_column(str(column), no_wrap=True)
    for row in frame.itertuples(index=False):
        table.add_row(*row)
    Console().print(table)
