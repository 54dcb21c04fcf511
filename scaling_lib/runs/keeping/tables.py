"""Runs as tables: one row a run, L(N, D) as a minimum over rows, and the recorded tables that ship with the package.

A recorded table is Parquet. `recorded/manifest.json` holds the SHA-256 of each file, checked at load, and says how each
table was made; `recorded/README.md` is the data card.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import pandas as pd

from scaling_lib.arguments import BY_HAND, Integer, Remedy, checked
from scaling_lib.errors import InvalidArgument, InvalidData, check_instance, invalid
from scaling_lib.files import write_whole
from scaling_lib.runs.keeping.measurements import last_value, measurements_from_json, measurements_to_json
from scaling_lib.runs.records import Provenance, RunConfiguration, RunRecord, RunResult

__all__ = [
    "COLUMNS",
    "check_excess",
    "check_runs",
    "frame_of",
    "load_recorded",
    "lowest_losses",
    "manifest",
    "record_result",
    "record_table",
    "recorded_folder",
    "recorded_or_none",
    "records_of",
]


# Every column of a table of runs, with its meaning: the data card is written from this.
COLUMNS: dict[str, str] = {
    "identity": "SHA-256 of the configuration",
    "status": "ok or diverged",
    "N": "parameters, embeddings included",
    "N_nonembedding": "parameters without embedding and readout",
    "N_active": "parameters that a token meets: N, less the experts that it is not sent to",
    "D": "distinct training tokens",
    "C": "FLOPs, 6 N_active D epochs",
    "loss": "nats per token: entropy rate + excess_loss; on text the mean cross-entropy on the held-out sequences",
    "loss_se": "nats per token: standard error of loss over the held-out sequences; null where excess_loss_se says it",
    "excess_loss": "nats per token: mean conditional KL over the evaluation walks; null on text",
    "excess_loss_se": "nats per token: its standard error over evaluation walks; null on text",
    "entropy_rate": "nats per token, exact; null where nobody knows it (text)",
    "leak": "nats per token: mean of -ln(model's mass on tokens that can follow); null where not measured",
    "within": "nats per token: mean KL to the model renormalised on tokens that can follow; null where not measured",
    "learning_rate": "peak",
    "seed": "of initial weights and training walks",
    "ensemble": "graph ensemble",
    "fingerprint": "SHA-256 of the chain",
    "parametrization": "sp, mup or mup-base",
    "width": "embedding dimension",
    "depth": "layers",
    "heads": "attention heads",
    "context": "tokens per walk",
    "vocabulary": "nodes",
    "tied": "embedding and readout are one matrix",
    "batch": "walks per step",
    "epochs": "passes over the D tokens",
    "optimizer_steps": "steps taken",
    "precision": "of matrix products",
    "model": "transformer, or the name of a module handed in",
    "wall_seconds": "of the ensemble, shared by its members",
    "device": "where it was trained",
    "ensemble_size": "models trained together (K)",
    "time": "UTC when it finished",
    "rules": "hash of the claim rules in force",
    "code_version": "of scaling_lib",
    "configuration": "canonical JSON",
    "result": "JSON, learning curve included",
    "measurements": "JSON, every metric at every step at which it was measured; null where nothing was",
    "provenance": "JSON",
}

# Numbers even where nobody knows one of them, so that a table of text can be calculated with.
_NULLABLE = ("loss", "loss_se", "excess_loss", "excess_loss_se", "entropy_rate", "leak", "within")


def frame_of(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row a run, in the words of the field: N, D, C, loss, excess_loss, learning_rate, seed, ...

    The columns `configuration`, `result`, `provenance`, `measurements` hold the JSON texts, so that nothing is lost:
    `records_of` gives the records back. Raises InvalidArgument.
    """
    if isinstance(records, str | bytes) or not isinstance(records, Iterable):
        raise invalid("records", "a list of RunRecord", records, "read them from a store")
    described = [
        _described(check_instance(f"records[{i}]", record, RunRecord, remedy="read them from a store"))
        for i, record in enumerate(records)
    ]
    return _complete(pd.DataFrame(described, columns=list(COLUMNS)))


def _complete(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with every column of `COLUMNS`, null in those that were not known when it was made."""
    others = [column for column in frame if column not in COLUMNS]
    whole = frame if set(COLUMNS) <= set(frame) else frame.reindex(columns=[*COLUMNS, *others])
    texts = whole["measurements"].astype(object)
    whole = whole.astype(dict.fromkeys(_NULLABLE, float)).assign(measurements=texts.where(texts.notna(), None))
    if "N_active" not in frame:  # before there were experts
        whole["N_active"] = whole["N"]
    return whole


def _described(record: RunRecord) -> dict[str, Any]:
    configuration, result, provenance = record.configuration, record.result, record.provenance
    shape = configuration.architecture
    return {
        "identity": configuration.identity,
        "status": result.status,
        "N": result.parameters,
        "N_nonembedding": result.nonembedding_parameters,
        "N_active": _active(configuration, result),
        "D": result.tokens,
        "C": result.flops,
        "loss": result.loss,
        "loss_se": result.loss_se,
        "excess_loss": result.excess_loss,
        "excess_loss_se": result.excess_loss_se,
        "entropy_rate": result.entropy_rate,
        "leak": last_value(result.measurements, "leak"),
        "within": last_value(result.measurements, "within"),
        "learning_rate": configuration.optimizer.learning_rate,
        "seed": configuration.seed,
        "ensemble": configuration.source.ensemble,
        "fingerprint": configuration.source.fingerprint,
        "parametrization": configuration.parametrization.kind,
        "width": shape.width,
        "depth": shape.depth,
        "heads": shape.heads,
        "context": shape.context,
        "vocabulary": shape.vocabulary,
        "tied": shape.tied,
        "batch": configuration.schedule.batch,
        "epochs": configuration.schedule.epochs,
        "optimizer_steps": result.optimizer_steps,
        "precision": configuration.precision,
        "model": configuration.model,
        "wall_seconds": result.wall_seconds,
        "device": result.device,
        "ensemble_size": result.ensemble_size,
        "time": provenance.time,
        "rules": provenance.rules,
        "code_version": provenance.code_version,
        "configuration": configuration.canonical_json(),
        "result": result.to_json(),
        "measurements": measurements_to_json(result.measurements) if result.measurements else None,
        "provenance": provenance.to_json(),
    }


def _active(configuration: RunConfiguration, result: RunResult) -> int:
    """What a token meets, from C: the blocks of the architecture may not be installed here."""
    if configuration.architecture.experts == 1:
        return result.parameters
    return round(result.flops / (6 * result.tokens * configuration.schedule.epochs))


def check_runs(name: str, value: Any, columns: Sequence[str]) -> pd.DataFrame:
    """`value` if it is a table of at least one run with `columns`; `name` is what the error calls it."""
    check_instance(name, value, pd.DataFrame, remedy="make it with frame_of or load_recorded")
    absent = [column for column in columns if column not in value.columns]
    if absent:
        raise InvalidArgument(f"{name} must have the columns {absent}, got {list(value)[:8]}: use a table of runs.")
    if value.empty:
        raise InvalidArgument(f"{name} must have at least one run, got a table without rows: train some first.")
    return value


def check_excess(name: str, runs: pd.DataFrame) -> pd.DataFrame:
    """`runs` if the excess loss of every finished run is known; `name` is what the error calls the table."""
    check_runs(name, runs, ("excess_loss",))
    finished = runs[runs["status"] == "ok"] if "status" in runs else runs
    unknown = int(finished["excess_loss"].isna().sum())
    if unknown:
        raise InvalidArgument(
            f"{name} must be of data whose entropy rate is known, got {unknown} finished runs without an excess loss: "
            f"use their loss, and fit its floor (E) as a parameter."
        )
    return runs


def records_of(frame: pd.DataFrame) -> list[RunRecord]:
    """The inverse of `frame_of`; a table without the column `measurements` gives records without them.

    Raises InvalidData where a row's identity is not the hash of its configuration, or its measurements are not JSON.
    """
    check_runs("frame", frame, ("identity", "configuration", "result", "provenance"))
    records = []
    for row in frame.itertuples():
        measured = getattr(row, "measurements", None)
        result = RunResult.from_json(str(row.result))
        if isinstance(measured, str):
            result = replace(result, measurements=measurements_from_json(measured))
        record = RunRecord(
            RunConfiguration.from_json(str(row.configuration)),
            result,
            Provenance.from_json(str(row.provenance)),
        )
        if record.identity != row.identity:
            raise InvalidData(
                f"frame holds a run {str(row.identity)[:12]} whose configuration hashes to {record.identity[:12]}: "
                f"the row was changed after it was made; take it from its store again."
            )
        records.append(record)
    return records


def lowest_losses(frame: pd.DataFrame, by: tuple[str, ...] = ("N", "D")) -> pd.DataFrame:
    """L(N, D): for each group, the run with the lowest loss over learning rates and seeds (paper, Eq. 1).

    Diverged runs do not take part. A minimum over noisy runs is biased low; `uncertainty.resampling` measures by how
    much. Returns the rows of the winning runs, sorted by `by`, with `trials`, the number of runs that the minimum was
    taken over. Raises InvalidArgument.

        runs = load_recorded("er-100")
        lowest_losses(runs)[["N", "D", "loss", "trials"]]
    """
    check_runs("frame", frame, ("loss", "status"))
    if not isinstance(by, list | tuple) or not by:
        raise invalid("by", "a tuple of column names", by, "pass ('N', 'D')")
    absent = [column for column in by if not isinstance(column, str) or column not in frame.columns]
    if absent:
        raise invalid("by", "columns of the frame", absent, "pass ('N', 'D')")
    finished = frame[frame["status"] == "ok"].reset_index(drop=True)  # tables put together have rows of one name
    groups = finished.groupby(list(by), sort=True)["loss"]
    best = finished.loc[groups.idxmin()].reset_index(drop=True)
    return best.assign(trials=groups.size().to_numpy())


@checked
def load_recorded(name: str, folder: str | Path | None = None) -> pd.DataFrame:
    """The recorded table `name` ("er-100"), checked against the hash in its manifest.

    folder: where the tables lie; by default those that ship with the package.
    A table of runs has every column of `COLUMNS`, null in those that were not known when it was recorded.
    Raises InvalidArgument where there is no such table, InvalidData where its bytes are not those of the manifest.
    """
    folder = recorded_folder() if folder is None else Path(folder)
    entry = manifest(folder).get(name)
    path = folder / f"{name}.parquet"
    if entry is None or not path.is_file():
        known = ", ".join(sorted(manifest(folder))) or "none"
        raise invalid("name", f"a recorded table of the folder {folder.name}", name, f"it has {known}")
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    if checksum != entry["sha256"]:
        raise InvalidData(
            f"recorded table {name!r} hashes to {checksum[:12]}, its manifest says {entry['sha256'][:12]}: "
            f"take the file from the repository again."
        )
    return _read(path, checksum, "runs" in entry).copy()


# A chapter and the ledger ask for the same table again and again; whoever gets it may change their copy.
@cache
def _read(path: Path, checksum: str, of_runs: bool) -> pd.DataFrame:
    """The table of a file whose bytes have this checksum."""
    frame = pd.read_parquet(path)
    return _complete(frame) if of_runs else frame


@checked
def recorded_or_none(name: str) -> pd.DataFrame | None:
    """The recorded table `name` that ships with the package, None where there is none: what claims are judged on."""
    return load_recorded(name) if name in manifest(recorded_folder()) else None


@checked
def record_table(
    frame: Annotated[pd.DataFrame, BY_HAND],
    name: str,
    how: str,
    folder: str | Path,
    *,
    missing: Annotated[int, Integer(minimum=0)] = 0,
) -> Path:
    """Write a table of runs as recorded table `name` and enter it in the manifest; returns the Parquet file's path.

    how: the command that makes the table again, for the data card. missing: how many runs of its grid the table lacks,
    because the time was over; the manifest says so.
    Raises InvalidArgument, and InvalidData where the identity of a row is not the hash of its configuration.
    """
    records_of(frame)  # refuses a table whose rows were changed by hand
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.parquet"
    ordered = frame.sort_values(["N", "D", "learning_rate", "seed", "identity"]).reset_index(drop=True)
    entry = {"runs": len(frame), "made_by": how, "devices": sorted(set(frame["device"]))}
    _enter(ordered, path, entry | ({"missing": missing} if missing else {}))
    return path


@checked
def record_result(
    frame: Annotated[pd.DataFrame, Remedy("pass a table")], name: str, how: str, folder: str | Path
) -> Path:
    """Write a small computed table that is no table of runs (a coordinate check, say); `load_recorded` reads it.

    how: the command that makes the table again, for the data card. Returns the Parquet file's path.
    Raises InvalidArgument.
    """
    if frame.empty:
        raise InvalidArgument("frame must have at least one row, got a table without rows: compute it first.")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.parquet"
    _enter(frame, path, {"rows": len(frame), "made_by": how})
    return path


def _enter(frame: pd.DataFrame, path: Path, entry: dict[str, Any]) -> None:
    """Write the table, then its line in the manifest of its folder."""
    table = frame.to_parquet(None, index=False, compression="zstd")
    write_whole(path, lambda file: file.write(table))
    entries = manifest(path.parent) | {path.stem: {"sha256": hashlib.sha256(table).hexdigest()} | entry}
    text = json.dumps(entries, indent=2, sort_keys=True) + "\n"
    write_whole(path.parent / "manifest.json", lambda file: file.write(text.encode()))


@checked
def manifest(folder: Path) -> dict[str, Any]:
    """The entries of a folder's manifest, by the name of their table; empty where there is none.

    Raises InvalidData where the manifest is not JSON.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise InvalidData(f"{path.name} is not JSON ({error}): take the file from the repository again.") from None


def recorded_folder() -> Path:
    """Where the recorded tables lie that ship with the package."""
    return Path(str(resources.files("scaling_lib"))) / "recorded"
