"""Tables of runs, and the recorded ones: whole, checked, reversible."""

import json

import pandas as pd
import pytest

from scaling_lib.errors import InvalidArgument, InvalidData
from scaling_lib.runs.keeping import tables
from scaling_lib.runs.keeping.learning_curves import learning_curves
from scaling_lib.runs.keeping.tables import COLUMNS, frame_of, load_recorded, lowest_losses, record_table, records_of
from tests.runs import planted


@pytest.fixture
def frame():
    return frame_of(
        [
            planted.record(0.30, learning_rate=0.5),
            planted.record(0.20, learning_rate=1.0),
            planted.record(0.25, learning_rate=1.0, seed=1),
            planted.record(None, learning_rate=4.0),
            planted.record(0.10, tokens=200_000),
        ]
    )


def test_frame_is_reversible(frame):
    assert list(frame) == list(COLUMNS)
    assert frame_of(records_of(frame)).equals(frame)


def test_lowest_losses_takes_the_minimum_and_counts_trials(frame):
    best = lowest_losses(frame)
    assert best["D"].tolist() == [100_000, 200_000]
    assert best["excess_loss"].tolist() == [0.20, 0.10]
    assert best["learning_rate"].tolist() == [1.0, 1.0]
    assert best["trials"].tolist() == [3, 1]  # the diverged run is no trial


def test_recorded_table_round_trip(frame, tmp_path):
    record_table(frame, "mine", "scaling-lab train mine", tmp_path)
    again = load_recorded("mine", tmp_path)
    assert sorted(again["identity"]) == sorted(frame["identity"])
    assert records_of(again)
    entry = json.loads((tmp_path / "manifest.json").read_text())["mine"]
    assert entry["runs"] == 5
    assert entry["made_by"] == "scaling-lab train mine"
    assert "missing" not in entry


def test_a_table_says_how_many_runs_of_its_grid_it_lacks(frame, tmp_path):
    record_table(frame, "mine", "by hand", tmp_path, missing=3)
    assert tables.manifest(tmp_path)["mine"]["missing"] == 3
    record_table(frame, "mine", "by hand", tmp_path)
    assert "missing" not in tables.manifest(tmp_path)["mine"]


def test_a_table_that_cannot_be_written_leaves_the_old_one(frame, tmp_path, monkeypatch):
    record_table(frame, "mine", "by hand", tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(number):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        record_table(frame.iloc[:2], "mine", "by hand", tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_damaged_recorded_table_is_refused(frame, tmp_path):
    path = record_table(frame, "mine", "by hand", tmp_path)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(InvalidData, match="hashes to"):
        load_recorded("mine", tmp_path)


def test_damaged_manifest_is_refused(frame, tmp_path):
    record_table(frame, "mine", "by hand", tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InvalidData, match="not JSON"):
        load_recorded("mine", tmp_path)


def test_unknown_table_names_the_known_ones(frame, tmp_path):
    record_table(frame, "mine", "by hand", tmp_path)
    with pytest.raises(InvalidArgument, match=r"got 'yours': it has mine"):
        load_recorded("yours", tmp_path)


def test_edited_row_is_refused(frame):
    frame.loc[0, "configuration"] = frame.loc[0, "configuration"].replace('"seed":0', '"seed":7')
    with pytest.raises(InvalidData, match="changed after it was made"):
        records_of(frame)


def test_missing_columns_are_named(frame):
    with pytest.raises(InvalidArgument, match="identity"):
        records_of(frame.drop(columns="identity"))
    with pytest.raises(InvalidArgument, match="by must be columns"):
        lowest_losses(frame, by=("speed",))
    with pytest.raises(InvalidArgument, match="frame must be a DataFrame"):
        lowest_losses(pd.Series([1.0]))


def test_recorded_result_round_trip_and_keeps_the_other_entries(frame, tmp_path):
    record_table(frame, "mine", "by hand", tmp_path)
    path = tables.record_result(frame[["N", "loss"]], "small", "python -m tools.x", tmp_path)
    assert load_recorded("small", tmp_path).equals(frame[["N", "loss"]])
    assert set(json.loads((tmp_path / "manifest.json").read_text())) == {"mine", "small"}
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(InvalidData, match="hashes to"):
        load_recorded("small", tmp_path)


def test_recorded_result_refuses_no_rows(frame, tmp_path):
    with pytest.raises(InvalidArgument, match="frame must have at least one row"):
        tables.record_result(frame.iloc[:0], "small", "by hand", tmp_path)


def test_a_table_without_runs_is_refused(frame):
    for call in (records_of, lowest_losses):
        with pytest.raises(InvalidArgument, match="frame must have at least one run"):
            call(frame.iloc[:0])
    with pytest.raises(InvalidArgument, match="by must be a tuple of column names"):
        lowest_losses(frame, by=())


def test_curves_of_no_finished_run_are_refused(frame):
    with pytest.raises(InvalidArgument, match="runs must be a table with a finished run of one epoch"):
        learning_curves(frame[frame["status"] == "diverged"])
