"""`scaling-lab claims`: the ledger, judged on the recorded tables or on the reader's own stores."""

import json
from functools import cache
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from scaling_lib.cli.words import AsJson, one_line_errors, print_frame
from scaling_lib.errors import invalid
from scaling_lib.pages.judging.claims import evaluate, ledger_frame, totals
from scaling_lib.pages.judging.measured import Tables
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.keeping.tables import recorded_or_none
from scaling_lib.runs.sweeping import experiments

__all__ = ["claims"]


def claims(
    store: Annotated[Path | None, typer.Option(help="Judge a store, or a folder of stores.")] = None,
    as_json: AsJson = False,
) -> None:
    """The ledger of claims with its verdicts."""
    with one_line_errors():
        ledger = evaluate(recorded_or_none if store is None else tables_of(stored_runs(store, "--store")))
        if as_json:
            print(json.dumps({"claims": [row.as_dict() for row in ledger]}, allow_nan=False))
            return
        print_frame(ledger_frame(ledger), "Claims")
        print_frame(totals(ledger).reset_index(), "Totals by kind, which are not added up")


def stored_runs(path: Path, argument: str) -> pd.DataFrame:
    """Every run of a store, or of a folder of stores, once. argument: what an error calls the path."""
    frames = []
    for file in sorted(path.glob("*.db")) if path.is_dir() else [path]:
        with Store(file, read_only=True) as runs:
            frames.append(runs.frame())
    if not frames:
        raise invalid(argument, "a store, or a folder with stores", str(path), "train something into it first")
    return pd.concat(frames).drop_duplicates("identity", ignore_index=True)


def tables_of(frame: pd.DataFrame) -> Tables:
    """An experiment's runs, whatever the profile they were made under, out of the runs of stores; what is no run of the
    reader's (results on published points) as recorded."""

    @cache  # many claims ask for one experiment, and where every seed has a graph they are all made
    def wanted(name: str) -> set[str]:
        asked = experiments.experiment(name)
        return {c.identity for profile in asked.axes for c in asked.configurations(profile)}

    def table(name: str) -> pd.DataFrame | None:
        if name not in experiments.EXPERIMENTS:
            return recorded_or_none(name)
        asked = experiments.experiment(name)
        own = frame[frame["ensemble"] == asked.template.source.ensemble]
        if own.empty:
            return own
        return own[own["identity"].isin(wanted(name))].reset_index(drop=True)

    return table
