"""Results of one run that were made twice: which is kept, which are listed beside it, and when two of them conflict.

An identity fixes everything that was asked for, but not the digits: another processor, GPU or version sums float32
numbers in another order, and training lets the difference grow. So one record is kept, by a rule that does not depend
on the order in which stores are merged: the one that was made first (`Provenance.time`; of two made in the same second,
the one whose text has the smaller SHA-256). What was made again in the same place (same device, versions, sources,
threads and switches) and agrees tells nothing new and is dropped. Everything else is a repeat, kept whole beside the
run, with its difference.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import pandas as pd

from scaling_lib.arguments import Remedy, checked
from scaling_lib.errors import InvalidArgument, check_instance
from scaling_lib.runs.keeping.measurements import merged_measurements
from scaling_lib.runs.machine import UNKNOWN
from scaling_lib.runs.records import RunRecord

__all__ = [
    "REPEAT_COLUMNS",
    "REPEAT_TOLERANCE",
    "SAME_PLACE_TOLERANCE",
    "Repeat",
    "frame_of_repeats",
    "place_of",
    "reconcile",
    "relative_difference",
]

# Of the excess loss (where nobody knows the entropy rate, of the loss), relative, on another device or with other
# versions: float32 sums in another order, grown by training. Written before the first comparison; facts of the tool
# chain put code paths at 1e-5 after 60 steps, growing with training (and with the learning rate: at 4, the largest,
# 3e-4 after 100 steps with two threads in place of one).
REPEAT_TOLERANCE = 0.05

# Likewise, where device, versions, sources, threads and switches are the same. What is left to
# differ is with how many others a run was trained, and the order in which a GPU adds.
SAME_PLACE_TOLERANCE = 1e-3

_Record = Annotated[RunRecord, Remedy("build it with RunRecord(...)")]


@checked
@dataclass(frozen=True)
class Repeat:
    """A result of a run besides the one that is kept.

    kept: the record that stands for the run. other: the one that is listed. against: the record that `other` is in
    conflict with (`kept`, or the first that was made where `other` was), None where it is in none.
    """

    kept: _Record
    other: _Record
    against: Annotated[RunRecord | None, Remedy("pass None where there is no conflict")] = None

    def __post_init__(self) -> None:
        for name in ("other", "against"):
            record = getattr(self, name)
            if record is not None and record.identity != self.kept.identity:
                raise InvalidArgument(
                    f"{name} must be a result of the run {self.kept.identity[:12]} that is kept, got one of "
                    f"{record.identity[:12]}: pass results of one run."
                )

    @property
    def conflict(self) -> bool:
        """Whether it is further from another result than its tolerance allows."""
        return self.against is not None

    @property
    def difference(self) -> float | None:
        """`other` minus `kept`: excess loss, or loss where nobody knows the entropy rate, in nats per token; None where
        one of them diverged."""
        other, kept = _compared(self.other), _compared(self.kept)
        return None if other is None or kept is None else other - kept

    def __str__(self) -> str:
        first = self.kept if self.against is None else self.against
        return (
            f"run {self.kept.identity[:12]} has {_value_and_place(first)}, and {_value_and_place(self.other)}: "
            f"{_percent(relative_difference(first, self.other))} apart, where {_percent(_tolerance(first, self.other))}"
            f" is allowed"
        )


@checked
def relative_difference(kept: _Record, other: _Record) -> float:
    """How far the excess loss of `other` is from that of `kept`, as a share of the latter; by loss where nobody knows
    the entropy rate.

    0 where both diverged, infinite where one of them did. Raises InvalidArgument.
    """
    if kept.result.status != other.result.status:
        return math.inf
    first, second = _compared(kept), _compared(other)
    if kept.result.status == "diverged" or first is None or second is None or first == second:
        return 0.0
    return abs(second - first) / abs(first) if first else math.inf


def _compared(record: RunRecord) -> float | None:
    """The number in which two results of one run are compared, nats."""
    result = record.result
    return result.loss if result.entropy_rate is None else result.excess_loss


@checked
def place_of(record: _Record) -> tuple[Any, ...]:
    """Where a run was trained, with what: device, versions, sources, processor, GPU and driver, threads, switches."""
    made = record.provenance
    versions = (made.versions, made.code_version)
    return (record.result.device, *versions, made.processor, made.gpu, made.threads, made.switches)


@checked
def reconcile(
    records: Annotated[Sequence[RunRecord], Remedy("pass the results of one run")],
) -> tuple[RunRecord, list[Repeat]]:
    """The record that is kept of several results of one run, and the repeats that are listed, first made first.

    A repeat is a conflict where it is more than `REPEAT_TOLERANCE` from the record that is kept, or (of places that are
    known in full) more than `SAME_PLACE_TOLERANCE` from the first that was made in the same place. The record that is
    kept is the same in whatever order stores are merged; so is the list, but for results at the very edge of
    `SAME_PLACE_TOLERANCE`, since being equal to a tolerance is not transitive. The record that is kept has what was
    measured in its own model (`runs.keeping.measurements`), repeats have no measurements. Raises InvalidArgument where
    the records are of several runs.
    """
    ordered = sorted(records, key=lambda record: (record.provenance.time, record.checksum))
    kept, *later = ordered
    if any(record.result.measurements for record in ordered):
        kept = _measured(kept, [record for record in ordered if record.checksum == kept.checksum])
        later = [_measured(record, []) for record in later]
    made_in = {place_of(kept): [kept]}
    repeats = []
    for record in later:
        if record.identity != kept.identity:
            raise InvalidArgument(
                f"records must be results of one run, got {kept.identity[:12]} and {record.identity[:12]}: "
                f"group them by identity."
            )
        place = place_of(record)
        same_place = made_in.setdefault(place, [])
        if any(relative_difference(one, record) <= SAME_PLACE_TOLERANCE for one in same_place):
            continue
        against = None
        if same_place and _known(place):
            against = same_place[0]
        elif relative_difference(kept, record) > REPEAT_TOLERANCE:
            against = kept
        same_place.append(record)
        repeats.append(Repeat(kept, record, against))
    return kept, repeats


def _measured(record: RunRecord, same: Sequence[RunRecord]) -> RunRecord:
    """`record` with what was measured in its own model, as these records of the same result say it."""
    measured = merged_measurements(one for other in same for one in other.result.measurements)
    return replace(record, result=replace(record.result, measurements=measured))


# Every column of a table of repeats, with its meaning.
REPEAT_COLUMNS: dict[str, str] = {
    "identity": "SHA-256 of the configuration",
    "conflict": "further apart than the tolerance allows",
    "kept_status": "ok or diverged, of the result that is kept",
    "status": "ok or diverged, of the repeat",
    "kept_excess_loss": "nats per token",
    "excess_loss": "nats per token",
    "excess_loss_difference": "nats per token: repeat minus kept",
    "loss_difference": "nats per token: repeat minus kept",
    "relative_difference": "of the excess loss (text: of the loss), as a share of that of the result that is kept",
    "kept_device": "where the result that is kept was trained",
    "device": "where the repeat was trained",
    "kept_time": "UTC when it finished",
    "time": "UTC when the repeat finished",
    "kept_code_version": "of scaling_lib",
    "code_version": "of scaling_lib, for the repeat",
    "kept_provenance": "JSON",
    "provenance": "JSON, of the repeat",
}


def frame_of_repeats(repeats: Iterable[Repeat]) -> pd.DataFrame:
    """One row a repeat, with the columns of `REPEAT_COLUMNS`. Raises InvalidArgument."""
    if isinstance(repeats, str | bytes) or not isinstance(repeats, Iterable):
        raise InvalidArgument("repeats must be a list of Repeat: take it from reconcile.")
    listed = [
        check_instance(f"repeats[{i}]", repeat, Repeat, remedy="take it from reconcile")
        for i, repeat in enumerate(repeats)
    ]
    return pd.DataFrame([_columns(repeat) for repeat in listed], columns=list(REPEAT_COLUMNS))


def _columns(repeat: Repeat) -> dict[str, Any]:
    kept, other = repeat.kept.result, repeat.other.result
    made, made_again = repeat.kept.provenance, repeat.other.provenance
    return {
        "identity": repeat.kept.identity,
        "conflict": repeat.conflict,
        "kept_status": kept.status,
        "status": other.status,
        "kept_excess_loss": kept.excess_loss,
        "excess_loss": other.excess_loss,
        "excess_loss_difference": None if kept.entropy_rate is None else repeat.difference,
        "loss_difference": None if kept.loss is None or other.loss is None else other.loss - kept.loss,
        "relative_difference": relative_difference(repeat.kept, repeat.other),
        "kept_device": kept.device,
        "device": other.device,
        "kept_time": made.time,
        "time": made_again.time,
        "kept_code_version": made.code_version,
        "code_version": made_again.code_version,
        "kept_provenance": made.to_json(),
        "provenance": made_again.to_json(),
    }


def _known(place: tuple[Any, ...]) -> bool:
    """Whether two records that say this place were made in the same one: "unknown" may be anywhere."""
    return UNKNOWN not in place


def _tolerance(first: RunRecord, second: RunRecord) -> float:
    place = place_of(first)
    return SAME_PLACE_TOLERANCE if place == place_of(second) and _known(place) else REPEAT_TOLERANCE


def _value_and_place(record: RunRecord) -> str:
    result, made = record.result, record.provenance
    loss, what = _compared(record), "a loss" if result.entropy_rate is None else "an excess loss"
    value = "diverged" if loss is None else f"{what} of {loss:.6g} nats"
    return f"{value} ({result.device}, code {made.code_version}, {made.time})"


def _percent(share: float) -> str:
    return "wholly" if math.isinf(share) else f"{100 * share:.3g} %"
