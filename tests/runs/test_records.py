"""The run: one configuration, one identity, whatever the order, the machine or the spelling of its numbers."""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, field, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_lib.errors import InvalidArgument
from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.keeping.tables import load_recorded, manifest, recorded_folder
from scaling_lib.runs.records import (
    LATER,
    Evaluation,
    Measurement,
    Optimizer,
    Provenance,
    RunConfiguration,
    RunRecord,
    RunResult,
    Schedule,
    checksum_of,
)
from tests.runs import planted


def test_identity_is_pinned():
    """The identity of stored runs: if this fails, every stored run is orphaned. Change it only with a migration."""
    assert planted.configuration().identity == "f8f7b8f34831f46f857af1bf91622bc0cd0326fb490c5bd803ebcb330f6f2feb"


def test_identity_is_the_same_in_another_process():
    code = "from tests.runs import planted; print(planted.configuration().identity)"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == planted.configuration().identity


def test_identity_does_not_depend_on_spelling():
    one = planted.configuration(learning_rate=1)
    assert one == planted.configuration(learning_rate=1.0)
    assert one.identity == planted.configuration(learning_rate=1.0).identity
    shuffled = replace(planted.SOURCE, parameters=tuple(reversed(planted.SOURCE.parameters)))
    assert replace(one, source=shuffled).identity == one.identity


CHANGES = {
    "source": replace(planted.SOURCE, fingerprint="e" * 64),
    "architecture": Architecture(100, 24),
    "parametrization": Parametrization("sp"),
    "optimizer": Optimizer(0.5),
    "schedule": Schedule(200_000, batch=20),
    "evaluation": Evaluation(walks=100),
    "seed": 1,
    "precision": "tf32",
    "model": "mine",
    "semantics_version": 2,
    "labels": "exact",
}


@pytest.mark.parametrize("part", [field.name for field in fields(RunConfiguration)])
def test_identity_covers_every_part(part):
    one = planted.configuration()
    assert replace(one, **{part: CHANGES[part]}).identity != one.identity


@given(
    learning_rate=st.floats(1e-6, 1e3),
    steps=st.integers(1, 10**6),
    seed=st.integers(0, 2**40),
)
def test_json_round_trip(learning_rate, steps, seed):
    one = planted.configuration(tokens=steps * 1000, learning_rate=learning_rate, seed=seed)
    again = RunConfiguration.from_json(one.canonical_json())
    assert again == one
    assert again.identity == one.identity


def test_a_later_field_leaves_earlier_identities_alone():
    @dataclass(frozen=True)
    class LaterOptimizer(Optimizer):
        momentum: float = field(default=0.0, metadata=LATER)

    one = planted.configuration()
    same, other = LaterOptimizer(1.0), LaterOptimizer(1.0, momentum=0.5)
    assert replace(one, optimizer=same).identity == one.identity
    assert replace(one, optimizer=other).identity != one.identity


def test_the_identity_of_every_recorded_run_is_that_of_its_configuration_read_again():
    """Fields that came later must not move a single one."""
    for name in manifest(recorded_folder()):
        table = load_recorded(name)
        if "configuration" in table:
            for identity, text in zip(table["identity"], table["configuration"], strict=True):
                again = RunConfiguration.from_json(text)
                assert (again.identity, again.canonical_json()) == (identity, text)


LATER_PARTS = [
    ("schedule", Schedule(100_000, batch=20, shape="wsd")),
    ("schedule", Schedule(100_000, batch=20, shape="wsd", decay=0.1)),
    ("schedule", Schedule(100_000, batch=20, shape="constant")),
    ("schedule", Schedule(100_000, batch=20, warmup_steps=7)),
    ("evaluation", Evaluation(spacing="linear")),
    ("labels", "exact"),
]


def test_later_choices_are_identities_of_their_own_and_round_trip():
    one = planted.configuration()
    others = [replace(one, **{part: value}) for part, value in LATER_PARTS]
    assert len({run.identity for run in [one, *others]}) == len(others) + 1
    assert [RunConfiguration.from_json(run.canonical_json()) for run in others] == others


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("decay", {"decay": 0.1}),
        ("decay", {"shape": "wsd", "decay": 1.0}),
        ("shape", {"shape": "linear"}),
        ("warmup", {"warmup": 0.1, "warmup_steps": 5}),
        ("warmup_steps", {"warmup_steps": 0}),
    ],
)
def test_a_schedule_that_says_two_things_is_refused(name, values):
    with pytest.raises(InvalidArgument, match=f"^{name} must be"):
        Schedule(1000, **values)


def test_a_result_without_an_entropy_rate_has_a_loss_with_an_error():
    known = planted.record().result
    curve = [None] * len(known.curve_steps)
    unknown = {"entropy_rate": None, "excess_loss": None, "excess_loss_se": None, "curve_excess_loss": tuple(curve)}
    text = replace(known, **unknown, loss=4.5, loss_se=0.01, curve_loss=(5.0, *[4.5] * (len(curve) - 1)))
    assert RunResult.from_json(text.to_json()) == text
    with pytest.raises(InvalidArgument, match="loss_se must be"):
        replace(text, loss_se=None)
    with pytest.raises(InvalidArgument, match="curve_loss must be"):
        replace(text, curve_loss=(1.0,) * (len(curve) + 1))


def test_measurements_are_kept_beside_the_text_of_a_result():
    plain = planted.record().result
    measured = replace(plain, measurements=(Measurement("leak", 100, 0.1), Measurement("within", 100, None)))
    assert measured.to_json() == plain.to_json()


def test_result_and_provenance_round_trip():
    record = planted.record()
    assert RunResult.from_json(record.result.to_json()) == record.result
    assert Provenance.from_json(record.provenance.to_json()) == record.provenance


def test_provenance_is_not_part_of_the_identity():
    assert planted.record(rules="a").identity == planted.record(rules="b").identity


def test_provenance_names_this_machine_and_code():
    here = Provenance.here("rules")
    assert here.rules == "rules"
    assert {"python", "numpy"} <= {name for name, _ in here.versions}
    assert here.code_version == Provenance.here().code_version
    assert "+" in here.code_version


    assert (here.commit == "unknown") == (here.uncommitted == "unknown")
    assert here.processor != "unknown"
    assert here.gpu


def test_provenance_of_earlier_runs_is_readable_and_its_text_stays():
    text = '{"code_version":"0.1.0+0","rules":"r","time":"2026-01-01","versions":[["python","3.11.7"]]}'
    old = Provenance.from_json(text)
    later = ("commit", "uncommitted", "processor", "gpu", "threads", "switches")
    assert {getattr(old, name) for name in later} == {"unknown"}
    assert old.to_json() == text
    assert Provenance.from_json(replace(old, threads=2).to_json()).threads == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("threads", 0), ("threads", "many"), ("processor", ""), ("commit", None), ("rules", None), ("versions", "3.11")],
)
def test_bad_provenance_is_refused(name, value):
    with pytest.raises(InvalidArgument, match=f"{name} must be"):
        replace(planted.PROVENANCE, **{name: value})


def test_foreign_provenance_and_results_are_refused():
    for kind in (Provenance, RunResult):
        for text in ("", "[]", "{}", '{"speed": 1}'):
            with pytest.raises(InvalidArgument, match=f"text must be the JSON of a {kind.__name__}"):
                kind.from_json(text)


def test_the_checksum_of_a_record_covers_all_of_it():
    record = planted.record()
    others = [planted.record(0.2), planted.record(seed=1), planted.record(rules="r"), planted.record(device="gpu")]
    assert len({one.checksum for one in [record, *others]}) == 5
    assert checksum_of(("a", "bc")) != checksum_of(("ab", "c"))


def test_a_curve_needs_a_loss_for_each_step():
    with pytest.raises(InvalidArgument, match="curve_training_loss must be 2 losses"):
        replace(planted.record().result, curve_training_loss=(1.0,))


def test_tokens_must_be_whole_batches():
    with pytest.raises(InvalidArgument, match=r"tokens .* got 100001: pass 100000"):
        planted.configuration(tokens=100_001)


def test_foreign_json_is_refused():
    values = json.loads(planted.configuration().canonical_json())
    values["new_field"] = 1
    for text in ("", "[]", "{}", json.dumps(values)):
        with pytest.raises(InvalidArgument, match="text must be"):
            RunConfiguration.from_json(text)


def test_diverged_result_has_no_losses():
    result = planted.record(excess_loss=None).result
    assert result.status == "diverged"
    assert result.loss is None
    with pytest.raises(InvalidArgument, match="excess_loss"):
        RunResult(**(asdict(result) | {"status": "ok"}))


def test_record_refuses_other_parts():
    record = planted.record()
    with pytest.raises(InvalidArgument, match="result must be a RunResult"):
        RunRecord(record.configuration, record.provenance, record.result)
