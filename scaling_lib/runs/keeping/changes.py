"""What taking records into a store changes, worked out before anything is written."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scaling_lib.runs.keeping.repeats import Repeat, reconcile
from scaling_lib.runs.records import Measurement, RunRecord

__all__: list[str] = []


@dataclass
class _Changes:
    """What taking records in changes. new: how many identities were not there. kept: rows to put in place. repeats,
    measurements: of each identity whose list changes, the whole list. conflicts: all of these identities, old ones
    included. known: checksums of the results that are listed as conflicts already. unmeasured: identities whose kept
    result lacks what was measured in another result of the run."""

    new: int = 0
    kept: list[RunRecord] = field(default_factory=list)
    repeats: dict[str, list[Repeat]] = field(default_factory=dict)
    measurements: dict[str, tuple[Measurement, ...]] = field(default_factory=dict)
    conflicts: list[Repeat] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    unmeasured: list[str] = field(default_factory=list)

    def take(self, identity: str, stored: Sequence[RunRecord], arriving: Sequence[RunRecord]) -> None:
        """Add what the arriving results of one run change. stored: first the one that is kept, then its repeats."""
        kept, repeats = reconcile([*stored, *arriving])
        replaced = bool(stored) and kept.checksum != stored[0].checksum
        if not stored:
            self.new += 1
        if not stored or replaced:
            self.kept.append(kept)
        if {record.checksum for record in stored[1:]} != {repeat.other.checksum for repeat in repeats}:
            self.repeats[identity] = repeats
        listed = reconcile(stored)[1] if stored else []
        self.known |= {repeat.other.checksum for repeat in listed if repeat.conflict}
        self.conflicts += [repeat for repeat in repeats if repeat.conflict]
        stands = kept.result.measurements
        if replaced or stands != (stored[0].result.measurements if stored else ()):
            self.measurements[identity] = stands
        held = {(one.metric, one.step) for one in stands}
        measured = [one for record in (*stored, *arriving) for one in record.result.measurements]
        if any((one.metric, one.step) not in held for one in measured):
            self.unmeasured.append(identity)

    def new_conflicts(self, known_elsewhere: Iterable[str] = ()) -> list[Repeat]:
        """The conflicts that nobody was told of yet."""
        known = self.known | set(known_elsewhere)
        return [repeat for repeat in self.conflicts if repeat.other.checksum not in known]


# Rows of the tables in `schema`, in the order of their columns.


def _row(record: RunRecord) -> tuple:
    result = record.result
    return (record.identity, result.status, result.tokens, result.optimizer_steps, *record.texts, record.checksum)


def _repeat_row(record: RunRecord) -> tuple:
    _, result, provenance = record.texts
    return record.identity, record.checksum, record.result.status, result, provenance


def _measurement_row(identity: str, measurement: Measurement) -> tuple:
    return identity, measurement.metric, measurement.step, measurement.value
