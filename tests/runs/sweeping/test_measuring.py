"""A metric of finished runs: the same as if it had been asked for at once, and nothing is trained."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from scaling_lib.cli import app
from scaling_lib.errors import InvalidArgument, StoreError
from scaling_lib.runs.keeping.kept import KeptModels, recorded_models
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.keeping.tables import load_recorded, records_of
from scaling_lib.runs.records import Measurement, Provenance, RunRecord
from scaling_lib.runs.sweeping.measuring import measure_kept
from scaling_lib.runs.sweeping.studies.language import TEACHERS
from scaling_lib.runs.training import ensembles
from scaling_lib.runs.training.ensembles import initial_model, train_model
from tests.runs.tiny import CHAIN, configuration

RUNS = [configuration(30, seed=seed) for seed in range(3)]
OWN = f"{__name__}:largest"
METRICS = ("leak", "within", OWN)


def largest(scores):
    """A metric from outside of the package: the largest divergence at any position."""
    return scores.kl.max((1, 2))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Three runs with their weights, and what all metrics gave at the end of their training."""
    folder = tmp_path_factory.mktemp("trained")
    kept, records = KeptModels(folder), []
    for run in RUNS:
        model = initial_model([run])
        (result,) = train_model(CHAIN, model, [run], metrics=METRICS)
        kept.save(run, {name: tensor[0] for name, tensor in model.flat.tensors.items()})
        records.append(RunRecord(run, result, Provenance.here()))
    return folder, records


def bare(record, *measurements):
    return replace(record, result=replace(record.result, measurements=measurements))


@pytest.fixture
def store(tmp_path, trained):
    with Store(tmp_path / "runs.db") as opened:
        opened.add([bare(record) for record in trained[1]])
        yield opened


def values(records):
    return {r.identity: {(m.metric, m.step): m.value for m in r.result.measurements} for r in records}


def test_what_is_measured_later_is_what_would_have_been_measured_at_once(store, trained, monkeypatch):
    monkeypatch.setattr(ensembles, "_train", None)  # would fail
    checksums = [record.checksum for record in store.records()]
    report = measure_kept(store, KeptModels(trained[0]), METRICS, progress=False)
    assert (report.measured, report.already, report.without_weights, report.problems) == (3, 0, 0, ())
    assert values(store.records()) == values(trained[1])  # to the bit, on one machine
    assert [record.checksum for record in store.records()] == checksums
    assert store.frame()["leak"].notna().all()
    again = measure_kept(store, KeptModels(trained[0]), METRICS, progress=False)
    assert (again.measured, again.already) == (0, 3)


def test_only_what_lacks_is_measured(store, trained):
    known = Measurement("leak", RUNS[0].optimizer_steps, 123.0)
    store.add_measurements(RUNS[0].identity, [known])
    measure_kept(store, KeptModels(trained[0]), ("leak", "within"), progress=False)
    first = values(store.records())[RUNS[0].identity]
    assert first["leak", known.step] == 123.0
    assert first["within", known.step] == pytest.approx(values(trained[1])[RUNS[0].identity]["within", known.step])


def test_it_goes_on_where_it_was_stopped(store, trained, monkeypatch):
    kept = KeptModels(trained[0])
    real, calls = kept.model, []

    def stopped(run):
        calls.append(run)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(run)

    monkeypatch.setattr(kept, "model", stopped)
    with pytest.raises(KeyboardInterrupt):
        measure_kept(store, kept, METRICS, progress=False)
    assert sum(bool(measured) for measured in values(store.records()).values()) == 1
    report = measure_kept(store, kept, METRICS, progress=False)
    assert (report.measured, report.already) == (2, 1)
    assert values(store.records()) == values(trained[1])


def test_lost_torn_and_foreign_weights_are_said_and_the_rest_is_measured(store, trained, tmp_path):
    kept = KeptModels(tmp_path / "kept")
    whole = KeptModels(trained[0])
    torn = kept.save(RUNS[0], whole.load(RUNS[0]))
    torn.write_bytes(torn.read_bytes()[:-9])
    kept.save(RUNS[1], whole.load(RUNS[1]))
    report = measure_kept(store, kept, METRICS, progress=False)
    assert (report.measured, report.already, report.without_weights) == (1, 0, 1)
    (problem,) = report.problems
    assert "cannot be used" in problem
    untrained = {name: tensor[0] for name, tensor in initial_model([RUNS[0]]).flat.tensors.items()}
    kept.save(RUNS[0], untrained)
    (problem,) = measure_kept(store, kept, METRICS, progress=False).problems
    assert "they are of another result" in problem
    assert "\n" not in problem
    assert values(store.records())[RUNS[0].identity] == {}


def test_half_precision_is_near_enough(store, trained, tmp_path):
    half = KeptModels(tmp_path / "half", half=True)
    for run in RUNS:
        half.save(run, KeptModels(trained[0]).load(run))
    assert measure_kept(store, half, METRICS, progress=False).problems == ()
    exact = values(trained[1])
    for identity, measured in values(store.records()).items():
        expected = np.array([exact[identity][key] for key in measured])
        assert np.array(list(measured.values())) == pytest.approx(expected, rel=0.02)


def test_an_unknown_metric_is_refused_before_anything_is_read(store, trained):
    with pytest.raises(InvalidArgument, match="metrics must be"):
        measure_kept(store, KeptModels(trained[0]), ("leek",))
    with pytest.raises(InvalidArgument, match="metrics must be"):
        measure_kept(store, KeptModels(trained[0]), "leak")


def test_a_store_that_cannot_be_written_is_no_problem_of_the_weights(trained, tmp_path):
    with Store(tmp_path / "runs.db") as store:
        store.add([bare(record) for record in trained[1]])
    with Store(tmp_path / "runs.db", read_only=True) as store, pytest.raises(StoreError, match="read-only"):
        measure_kept(store, KeptModels(trained[0]), METRICS, progress=False)


def test_the_weights_that_ship_are_those_of_their_recorded_rows(tmp_path):
    """Each shipped model is measured, and none is refused as that of another result.

    The ladder's teachers ship too, and are in no table.
    """
    shipped = recorded_models()
    frame = load_recorded("er-100")
    own = frame[frame["identity"].isin(shipped.identities)]
    teachers = {run.identity for run in TEACHERS.values()}
    assert {*own["identity"]} == {*shipped.identities} - teachers
    assert len(own) > 0
    with Store(tmp_path / "runs.db") as store:
        store.add(records_of(own))
        report = measure_kept(store, shipped, ("leak", "within"), progress=False)
        assert (report.measured, report.problems) == (len(own), ())
        parts = store.frame()
    assert (parts["leak"] + parts["within"]).to_numpy() == pytest.approx(parts["excess_loss"].to_numpy(), rel=0.05)


# ---------------------------------------------------------------------- the command


def test_the_command_measures_and_says_what_is_wrong(trained, tmp_path):
    path = str(tmp_path / "runs.db")
    with Store(path) as store:
        store.add([bare(record) for record in trained[1]])
    asked = ["runs", "measure", path, "--kept", str(trained[0]), "--metric", "leak", "--metric", OWN]
    done = CliRunner().invoke(app, [*asked, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"measured": 3, "already": 0, "without_weights": 0, "problems": []}
    done = CliRunner().invoke(app, asked)
    assert "0 runs measured, 3 had leak" in " ".join(done.stdout.split())
    with Store(path, read_only=True) as store:
        assert store.frame()["leak"].notna().all()
    torn = KeptModels(tmp_path / "kept").save(RUNS[0], KeptModels(trained[0]).load(RUNS[0]))
    torn.write_bytes(b"torn")
    done = CliRunner().invoke(app, ["runs", "measure", path, "--kept", str(torn.parent), "--metric", "within"])
    assert done.exit_code == 1
    assert "cannot be used" in done.stdout


@pytest.mark.parametrize(
    ("store", "kept", "metric", "named"),
    [("no.db", ".", "leak", "no.db"), ("runs.db", "nowhere", "leak", "nowhere"), ("runs.db", ".", "leek", "leek")],
)
def test_the_command_refuses_in_one_line(tmp_path, monkeypatch, store, kept, metric, named):
    monkeypatch.chdir(tmp_path)
    Store("runs.db").close()
    done = CliRunner().invoke(app, ["runs", "measure", store, "--kept", kept, "--metric", metric])
    assert done.exit_code == 2
    assert named in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "no.db").exists()
