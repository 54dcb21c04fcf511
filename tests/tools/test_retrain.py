"""`make retrain`: what is trained again, what it differs by, and which verdicts that changes."""

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scaling_lib.errors import InvalidArgument, InvalidData
from scaling_lib.pages.judging.claims import evaluate
from scaling_lib.runs.keeping.repeats import REPEAT_TOLERANCE
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.keeping.tables import frame_of, load_recorded, record_table, recorded_folder, records_of
from scaling_lib.runs.sweeping import experiments
from scaling_lib.runs.sweeping.sweeps import sweep
from scaling_lib.runs.sweeping.widening import widened
from tests.pages.planted import power_law_runs
from tests.runs.tiny import TINY
from tools.retrain import __main__ as command
from tools.retrain import again

# Four runs of an ensemble; its best rate is the least or the greatest, so that two more are widened beyond it.
GRID = replace(TINY, axes={"full": {"optimizer.learning_rate": (0.1, 1.0), "seed": (0, 1)}})


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """A folder with the table of GRID, trained here."""
    monkeypatch.setattr(experiments, "EXPERIMENTS", experiments.EXPERIMENTS | {"tiny": GRID})
    with Store(tmp_path / "first.db") as store:
        grid = GRID.configurations("full")
        sweep(grid, store, progress=False, metrics=())
        sweep(widened(grid, store.frame()), store, progress=False, metrics=())
        assert len(store) == 6
        record_table(store.frame(), "tiny", "scaling-lab sweep tiny", tmp_path / "recorded")
    return tmp_path / "recorded"


def test_a_table_is_trained_again_to_the_bit_and_no_verdict_changes(tmp_path, recorded, capsys, monkeypatch):
    judged = []
    monkeypatch.setattr(command, "evaluate", lambda tables: judged.append(tables) or [])
    command.retrain(tmp_path / "out", recorded=recorded, workers=1, progress=False)
    said = capsys.readouterr().out
    assert "tiny: 6 of 6 rows again, 0 of them by more than 5%; the largest difference is 0.00%" in said
    assert "0 of 0 verdicts change." in said
    assert [tables("tiny") for tables in judged] == [None, None]  # not a table that ships
    for tables in judged:
        pd.testing.assert_frame_equal(tables("er-100"), load_recorded("er-100"))
    with Store(tmp_path / "out" / "tiny.db") as store:
        made = {record.identity: record.provenance.time for record in store.records()}
        assert not any(record.result.measurements for record in store.records())  # as in the table
    command.retrain(tmp_path / "out", recorded=recorded, workers=1, progress=False)  # goes on: nothing is missing
    with Store(tmp_path / "out" / "tiny.db") as store:
        assert {record.identity: record.provenance.time for record in store.records()} == made


def test_a_row_that_is_not_what_training_gives_is_found(tmp_path, recorded):
    table = load_recorded("tiny", recorded)
    records = records_of(table)
    wrong = records[2].result
    records[2] = replace(
        records[2], result=replace(wrong, excess_loss=2 * wrong.excess_loss, loss=wrong.loss + wrong.excess_loss)
    )
    planted = frame_of(records)
    options = {"device": "cpu", "workers": 1, "whole": True, "progress": False}
    rows, reports = again.train_again("tiny", planted, tmp_path / "out", **options)
    assert [len(report.trained) for report in reports] == [4, 2]  # the grid, then what was widened
    compared = again.differences(planted, rows)
    run = records[2].configuration
    assert compared["difference"].round(12).tolist() == [0.5, 0, 0, 0, 0, 0]
    worst = compared.iloc[0]
    assert (worst["learning_rate"], worst["seed"]) == (run.optimizer.learning_rate, run.seed)
    words = again.in_words("tiny", planted, compared)
    assert "6 of 6 rows again, 1 of them by more than 5%; the largest difference is 50.00%" in words


def test_runs_of_another_version_of_the_code_are_no_training_again(tmp_path, recorded):
    table = load_recorded("tiny", recorded)
    old = [replace(one, provenance=replace(one.provenance, code_version="0.0+old")) for one in records_of(table)]
    with Store(tmp_path / "out" / "tiny.db") as store:
        store.add(old[:1])
    with pytest.raises(InvalidData, match=r"tiny.db holds runs of 0.0\+old, not of .*: pass a new --out"):
        command.retrain(tmp_path / "out", recorded=recorded, workers=1, progress=False)


def test_a_table_that_its_experiment_does_not_make_is_refused(recorded):
    table = load_recorded("tiny", recorded)
    with pytest.raises(InvalidData, match="has 2 runs that are not of its experiment"):
        again.grids_of("tiny", table[table["learning_rate"] != 0.1], whole=True)


def test_rows_again_take_the_place_of_those_of_the_same_runs_and_change_the_verdict():
    table, other = power_law_runs(1.0), power_law_runs(0.5)
    tables = again.with_rows_again({"er-100": table}.get, {"er-100": other.iloc[::-1]})
    assert tables("er-100")["identity"].tolist() == table["identity"].tolist()
    assert np.array_equal(tables("er-100")["excess_loss"], other["excess_loss"])
    assert tables("er-200") is None
    half = again.with_rows_again({"er-100": table}.get, {"er-100": other.iloc[:10]})("er-100")
    assert np.array_equal(half["excess_loss"][:10], other["excess_loss"][:10])
    assert np.array_equal(half["excess_loss"][10:], table["excess_loss"][10:])

    only = ["counting.rate", "er-1k-k0.alpha"]
    before, after = (evaluate(judged, only=only) for judged in ({"er-100": table}.get, tables))
    verdicts = again.changed(before, after)
    assert verdicts[["id", "before", "after"]].to_numpy().tolist() == [["counting.rate", "reproduced", "differs"]]
    assert again.changed(before, before).empty
    with pytest.raises(InvalidArgument, match="after must be of the claims of before"):
        again.changed(before, after[:1])


def test_a_slice_is_random_rows_of_all_tables_and_the_same_for_a_seed():
    tables = again.recorded_runs(recorded_folder())
    first, same, other = (again.sliced(tables, 40, seed) for seed in (1, 1, 2))
    rows = pd.concat(first.values())
    assert len(set(rows["identity"])) == 40
    assert len(first) > 3
    assert all(set(part["identity"]) <= set(tables[name]["identity"]) for name, part in first.items())
    assert set(rows["identity"]) == set(pd.concat(same.values())["identity"])
    assert set(rows["identity"]) != set(pd.concat(other.values())["identity"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--only", "er-1"], "--only must be one of 'ba-8k-small', "),
        (["--slice", "0"], "--slice must be an integer of at least 1"),
        (["--slice", "999999"], "--slice must be an integer of at least 1 and at most "),
        (["--slice", "1", "--seed", "-1"], "--seed must be an integer of at least 0, got -1"),
        (["--workers", "0"], "--workers must be an integer of at least 1"),
    ],
)
def test_errors_are_one_line(tmp_path, monkeypatch, words, says):
    monkeypatch.setattr(sys, "argv", ["retrain", "--out", str(tmp_path), *words])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert str(ended.value).startswith(says)
    assert "\n" not in str(ended.value)


@pytest.mark.slow  # a minute or two
def test_a_random_slice_of_what_is_recorded_can_be_made_again(tmp_path, capsys):
    """Other rows every time. A row at the edge of stability moves by more than the tolerance, of five not every one: a
    table that cannot be made again moves with all of them."""
    seed = int(np.random.default_rng().integers(2**31))
    command.retrain(tmp_path, count=5, seed=seed, workers=1, progress=False)
    said = capsys.readouterr().out
    assert "verdicts change" in said
    compared = []
    for name, table in again.recorded_runs(recorded_folder()).items():
        path = tmp_path / f"slice-5-{seed}" / f"{name}.db"
        if path.is_file():
            with Store(path) as store:
                compared.append(again.differences(table, store.frame()))
    rows = pd.concat(compared)
    assert len(rows) == 5
    assert (rows["difference"] <= REPEAT_TOLERANCE).any(), said
