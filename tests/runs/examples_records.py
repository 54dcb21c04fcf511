"""A valid call for each public name of runs.records."""

from dataclasses import asdict, fields

from scaling_lib.runs import records
from tests.runs import planted

RECORD = planted.record()
CONFIGURATION = RECORD.configuration


def _shallow(value):
    return {field.name: getattr(value, field.name) for field in fields(value)}


EXAMPLES = [
    (records.Source, asdict(planted.SOURCE)),
    (records.Optimizer, asdict(CONFIGURATION.optimizer)),
    (records.Schedule, asdict(CONFIGURATION.schedule)),
    (records.Evaluation, asdict(CONFIGURATION.evaluation)),
    (records.Measurement, {"metric": "leak", "step": 100, "value": 0.1}),
    (records.RunConfiguration, _shallow(CONFIGURATION)),
    (records.RunConfiguration.from_json, {"text": CONFIGURATION.canonical_json()}),
    (records.RunResult, _shallow(RECORD.result)),
    (records.RunResult.from_json, {"text": RECORD.result.to_json()}),
    (records.Provenance, _shallow(RECORD.provenance)),
    (records.Provenance.from_json, {"text": RECORD.provenance.to_json()}),
    (records.Provenance.here, {"rules": ""}),
    (records.checksum_of, {"texts": ("a", "b")}),
    (records.RunRecord, _shallow(RECORD)),
]
