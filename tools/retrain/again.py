"""The recorded runs trained again, and what that changes: rows, and verdicts of the ledger."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from scaling_lib.errors import InvalidData, check_choice, check_integer, invalid
from scaling_lib.pages.judging.claims import Row
from scaling_lib.pages.judging.ledger import rules_hash
from scaling_lib.pages.judging.measured import Tables
from scaling_lib.runs.keeping.repeats import REPEAT_TOLERANCE, relative_difference
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.keeping.tables import load_recorded, manifest, records_of
from scaling_lib.runs.machine import code_version
from scaling_lib.runs.records import RunConfiguration
from scaling_lib.runs.sweeping import experiments
from scaling_lib.runs.sweeping.sweeps import SweepReport, sweep
from scaling_lib.runs.sweeping.widening import widened_so_far


def recorded_runs(folder: Path, only: Sequence[str] = ()) -> dict[str, pd.DataFrame]:
    """The recorded tables of runs by name, those of `only` or all. Raises InvalidArgument where there is no such."""
    names = [name for name, entry in manifest(folder).items() if "runs" in entry]
    for name in only:
        check_choice("--only", name, names)
    return {name: load_recorded(name, folder) for name in names if not only or name in only}


def sliced(tables: Mapping[str, pd.DataFrame], count: int, seed: int) -> dict[str, pd.DataFrame]:
    """`count` random rows of all tables together, each with the same chance, by the name of their table.

    Raises InvalidArgument where there are not as many.
    """
    check_integer("--slice", count, minimum=1, maximum=sum(map(len, tables.values())))
    check_integer("--seed", seed, minimum=0)
    places = [(name, row) for name, table in tables.items() for row in range(len(table))]
    chosen = np.random.default_rng(seed).choice(len(places), count, replace=False)
    rows: dict[str, list[int]] = {}
    for place in sorted(chosen):
        name, row = places[place]
        rows.setdefault(name, []).append(row)
    return {name: tables[name].iloc[those] for name, those in rows.items()}


def grids_of(name: str, table: pd.DataFrame, *, whole: bool) -> list[list[RunConfiguration]]:
    """The runs of a table as they were asked for: the grid of its experiment, then what was widened beyond it.

    On a CPU a run gives the same bits in the same grid only. whole: of a slice, which has no grid, the rows as they
    are. Raises InvalidData where the table has runs that its experiment does not.
    """
    configurations = [record.configuration for record in records_of(table)]
    if not whole:
        return [configurations]
    held = set(table["identity"])
    asked = list(experiments.experiment(name).configurations("full"))
    known = [run for run in widened_so_far(asked, table) if run.identity in held]
    if strangers := held - {run.identity for run in known}:
        raise InvalidData(
            f"recorded table {name!r} has {len(strangers)} runs that are not of its experiment "
            f"({min(strangers)[:12]}): the experiment was changed after they were trained."
        )
    inside = {run.identity for run in asked}
    parts = [[run for run in known if (run.identity in inside) == first] for first in (True, False)]
    return [part for part in parts if part]


def train_again(
    name: str,
    table: pd.DataFrame,
    folder: Path,
    *,
    device: str,
    workers: int,
    whole: bool,
    progress: bool = True,
) -> tuple[pd.DataFrame, list[SweepReport]]:
    """Train the runs of a table into the store NAME.db of `folder`, or what that store still lacks of them; its runs.

    Metrics are measured where the table has them, so that nothing else is compared. Raises InvalidData where the store
    holds runs of another version of the code: those were not trained by this one.
    """
    metrics = None if table["measurements"].notna().any() else ()
    identities = set(table["identity"])
    with Store(folder / f"{name}.db") as store:
        others = sorted({record.provenance.code_version for record in store.records()} - {code_version()})
        if others:
            raise InvalidData(f"{store.path} holds runs of {others[0]}, not of {code_version()}: pass a new --out.")
        reports = [
            sweep(
                grid,
                store,
                device=device,
                workers=workers,
                checkpoints=folder / f"{name}.checkpoints",
                metrics=metrics,
                rules=rules_hash(),
                progress=progress,
            )
            for grid in grids_of(name, table, whole=whole)
        ]
        frame = store.frame()
    return frame[frame["identity"].isin(identities)], reports


def differences(table: pd.DataFrame, again: pd.DataFrame) -> pd.DataFrame:
    """The rows of `again` beside those of `table`: width, D, learning_rate, seed, recorded and again (excess loss, nats
    per token; of text the loss) and difference, the relative one; the largest first."""
    kept = {record.identity: record for record in records_of(table)}
    lines = []
    for record in records_of(again):
        before, run = kept[record.identity], record.configuration
        known = record.result.entropy_rate is not None
        pair = [one.result.excess_loss if known else one.result.loss for one in (before, record)]
        lines.append(
            {"width": run.architecture.width, "D": run.schedule.tokens, "learning_rate": run.optimizer.learning_rate}
            | {"seed": run.seed, "recorded": pair[0], "again": pair[1]}
            | {"difference": relative_difference(before, record)}
        )
    return pd.DataFrame(lines).sort_values("difference", ascending=False, kind="stable", ignore_index=True)


def in_words(name: str, table: pd.DataFrame, compared: pd.DataFrame) -> str:
    """A line about one table: how many rows, how many beyond the tolerance of a repeat, and the largest difference."""
    worst = compared.iloc[0]
    beyond = int((compared["difference"] > REPEAT_TOLERANCE).sum())

    def nats(value: float | None) -> str:
        return "diverged" if value is None or np.isnan(value) else f"{value:.6g}"

    return (
        f"{name}: {len(compared)} of {len(table)} rows again, {beyond} of them by more than {REPEAT_TOLERANCE:.0%}; "
        f"the largest difference is {worst['difference']:.2%} (width {worst['width']:.0f}, D {worst['D']:,.0f}, rate "
        f"{worst['learning_rate']:g}, seed {worst['seed']:.0f}: {nats(worst['recorded'])}, again "
        f"{nats(worst['again'])})."
    )


def with_rows_again(tables: Tables, again: Mapping[str, pd.DataFrame]) -> Tables:
    """`tables` with the rows of `again` in the place of those of the same runs, everything else as it was."""

    def replaced(name: str) -> pd.DataFrame | None:
        table = tables(name)
        if table is None or name not in again:
            return table
        ours = again[name].set_index("identity", drop=False)
        merged = table.set_index("identity", drop=False).astype({"measurements": object})
        both = pd.concat([merged[~merged.index.isin(ours.index)], ours])
        return both.loc[merged.index].reset_index(drop=True)

    return replaced


def changed(before: Sequence[Row], after: Sequence[Row]) -> pd.DataFrame:
    """The claims whose verdict is another: id, before, after, and our interval of both, "" where none is shown.

    Raises InvalidArgument where the two are not of the same claims.
    """
    if [row.claim.id for row in before] != [row.claim.id for row in after]:
        raise invalid("after", "of the claims of before", len(after), "judge the same ledger twice")

    def interval(row: Row) -> str:
        return "" if row.shown is None else f"{row.shown.low:.4g} to {row.shown.high:.4g}"

    return pd.DataFrame(
        [
            {"id": one.claim.id, "before": one.verdict, "after": other.verdict}
            | {"interval before": interval(one), "interval after": interval(other)}
            for one, other in zip(before, after, strict=True)
            if one.verdict != other.verdict
        ],
        columns=["id", "before", "after", "interval before", "interval after"],
    )
