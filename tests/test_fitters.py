"""The benchmark for fitters: who is perfect is found perfect, who is broken fails alone, the record is of today."""

import json
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks import fitters
from benchmarks.fitter_entries import ENTRIES, GRID, NAMES, Entry, Fitted, _Logarithmic
from scaling_lib.runs.keeping.tables import load_recorded

KINDS = ["power-D", "chinchilla"]
TASKS = fitters.all_tasks()
OURS = [name for name in ENTRIES if name.startswith("scaling_lib")]
# Two numbers that another processor rounds otherwise: relative, and in nats for what is zero but for rounding.
RELATIVE, ABSOLUTE = 1e-3, 1e-7


def knowing(task, **changed):
    """A fitter that was told the answer of a planted twin: the coefficients from two held-out or fitted points."""
    frame = pd.concat([task.table, task.held_out])
    columns = {"beta": ("B", "D"), "alpha": ("A", "N")}
    powers = {columns[name]: power for name, power in task.exponents.items()}
    design = np.stack([frame[column].to_numpy(float) ** -power for (_, column), power in powers.items()], axis=1)
    found = np.linalg.lstsq(design / design.mean(axis=0), frame["loss"] - task.E)[0] / design.mean(axis=0)
    coefficients = dict(zip((name for name, _ in powers), found, strict=True))
    return lambda table, kind: Fitted({"E": task.E, **task.exponents, **coefficients} | changed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_fitter_is_perfect(kind):
    task = fitters.planted(kind, 0.0, 1)
    row = fitters.score(knowing(task), task)
    assert row["state"] == "ok"
    assert row["E_error"] == 0
    assert row["beta_error"] == 0
    assert row["forecast_error"] < 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_answer_is_as_wrong_as_it_is(kind):
    task = fitters.planted(kind, 0.0, 1)
    row = fitters.score(knowing(task, E=task.E - 0.25, beta=task.exponents["beta"] + 0.5), task)
    assert row["E_error"] == pytest.approx(-0.25)
    assert row["beta_error"] == pytest.approx(0.5)
    excess = task.held_out["loss"] - task.E
    only_e = fitters.score(knowing(task, E=task.E - 0.25), task)
    assert only_e["forecast_error"] == pytest.approx((0.25 / excess).median())


def test_a_fit_that_hangs_is_a_failed_one(monkeypatch):
    monkeypatch.setattr(fitters, "LONGEST", 0.1)

    def hangs(table, kind):
        while True:
            pass

    row = fitters.score(hangs, TASKS[0])
    assert (row["state"], row["reason"]) == ("failed", "TimeoutError: took more than 0.1 s")
    time.sleep(0.15)  # nothing rings afterwards


def leaves(table, kind):
    sys.exit("no more")


def raises(table, kind):
    raise RuntimeError("no\nmore")


class Wide:
    E, exponents = 1.0, {"alpha": 1.0, "beta": 1.0}

    def predict(self, N, D):
        return np.ones(len(D) + 1)


BROKEN = {
    "raises": raises,
    "leaves": leaves,
    "nothing": lambda table, kind: None,
    "nan": lambda table, kind: Fitted(dict.fromkeys(NAMES[kind], np.nan)),
    "no exponents": lambda table, kind: Fitted({"E": 1.0, "B": 1.0}),
    "shape": lambda table, kind: Wide(),
}


@pytest.mark.parametrize("fitter", BROKEN.values(), ids=BROKEN)
def test_a_broken_fitter_fails_and_the_others_go_on(fitter):
    tasks = [task for task in TASKS if task.copy == 0 and task.noise == 0.03]
    rows = fitters.measure({"broken": Entry(fitter, ""), "ours": ENTRIES[OURS[1]]}, tasks)
    assert set(rows.loc[rows["entry"] == "broken", "state"]) == {"failed"}
    assert (rows.loc[rows["entry"] == "broken", "reason"].str.len() > 0).all()
    assert set(rows.loc[rows["entry"] == "ours", "state"]) == {"ok"}
    table = fitters.scores(rows).set_index("entry")
    assert (table.loc["broken", "failed"] == 1).all()
    assert np.isinf(table.loc["broken", "E_error"]).all()
    assert np.isfinite(table.loc["ours", "E_error"]).all()


def test_giving_up_on_the_hard_tables_does_not_pay():
    rows = pd.DataFrame({"entry": "x", "task": "planted", "kind": "power-D", "state": ["ok", "failed", "failed"]})
    rows = rows.assign(milliseconds=1.0, **dict.fromkeys(fitters.ERRORS, 0.1))
    assert fitters.scores(rows)["E_error"].tolist() == [np.inf]


def test_an_entry_sees_only_what_it_may_and_changes_nothing():
    task = TASKS[0]
    before = task.table.copy()

    def spoils(table, kind):
        assert list(table) == ["N", "D", "loss"]
        table["loss"] = 0.0
        raise NotImplementedError("not for me")

    assert fitters.score(spoils, task)["state"] == "not offered"
    pd.testing.assert_frame_equal(task.table, before)


def test_what_is_held_out_is_the_largest_compute_and_not_fitted():
    for task in TASKS:
        fitted, held = (frame["N"] * frame["D"] for frame in (task.table, task.held_out))
        assert held.min() >= fitted.max()
        assert len(held) == fitters.HELD_OUT[task.kind]
        assert not set(task.held_out["loss"]) & set(task.table["loss"])


def test_twins_differ_and_are_the_same_again():
    one, other = (fitters.planted("chinchilla", 0.1, copy) for copy in (0, 1))
    assert one.E != other.E
    pd.testing.assert_frame_equal(one.table, fitters.planted("chinchilla", 0.1, 0).table)


@pytest.mark.parametrize("kind", KINDS)
def test_slopes_of_the_scipy_entry_are_those_of_its_objective(kind):
    task = fitters.planted(kind, 0.03, 0)
    problem, at = _Logarithmic(task.table, kind), np.array([GRID[name].mean() for name in NAMES[kind]])
    step = 1e-6 * np.eye(len(at))
    numeric = [(problem.huber(at + each) - problem.huber(at - each)) / 2e-6 for each in step]
    assert problem.huber_slope(at) == pytest.approx(np.array(numeric), rel=1e-5, abs=1e-9)


def test_a_missing_package_is_skipped_and_said():
    entry = replace(ENTRIES["lmfit"], needs="no-such-package-at-all")
    rows = fitters.measure({"lmfit": entry}, TASKS)
    assert rows["state"].tolist() == ["not installed"]
    assert "no-such-package-at-all" in rows["reason"].iloc[0]
    assert fitters.scores(rows).empty


def test_the_recorded_scores_are_of_these_tables_and_entries():
    rows = load_recorded(fitters.NAME)
    again = f"record them again: {fitters.HOW}"
    assert set(rows["entry"]) == set(ENTRIES), again
    tables = set(rows.loc[rows["task"] != "", ["task", "copy"]].itertuples(index=False, name=None))
    assert tables == {(task.name, task.copy) for task in TASKS}, again


@pytest.mark.parametrize("entry", OURS)
def test_what_is_cheap_is_computed_again(entry):
    kept = load_recorded(fitters.NAME).set_index(["entry", "task", "copy"])
    tasks = [task for task in TASKS if task.copy < 3]
    again = fitters.measure({entry: ENTRIES[entry]}, tasks).set_index(["entry", "task", "copy"])
    for column in fitters.ERRORS:
        wanted = kept.loc[again.index, column].to_numpy()
        assert again[column].to_numpy(float) == pytest.approx(wanted, rel=RELATIVE, abs=ABSOLUTE, nan_ok=True)


@pytest.mark.parametrize(
    "text", ["nonsense", "no.such.module:f", "json:nothing", "math:pi", ":f", "json:", "..relative:f"]
)
def test_a_bad_entry_is_one_line(text):
    with pytest.raises(SystemExit) as caught:
        fitters.main(["--entry", text])
    message = str(caught.value.code)
    assert message.startswith("--entry must be")
    assert "\n" not in message


def test_recording_what_was_handed_in_is_refused():
    with pytest.raises(SystemExit, match="--record must be without --entry"):
        fitters.main(["--record", "--entry", "tests.test_fitters:raises"])


def test_a_fitter_handed_in_stands_beside_the_recorded_ones(capsys):
    fitters.main(["--json", "--entry", "tests.test_fitters:raises"])
    lines = pd.DataFrame(json.loads(capsys.readouterr().out))
    assert set(lines["entry"]) > {"tests.test_fitters:raises", *OURS}
    own = lines[lines["entry"] == "tests.test_fitters:raises"]
    assert (own["failed"] == 1).all()
    assert own["E_error"].isna().all()


def test_runs_without_a_known_floor_are_scored_on_their_forecasts(monkeypatch):
    table = pd.DataFrame({"N": 1e6, "D": np.geomspace(1e6, 1e9, 8), "entropy_rate": np.nan})
    table["loss"] = 2 + 50 * table["D"] ** -0.3
    assert fitters.known_floor(table) is None
    assert fitters.known_floor(table.drop(columns="entropy_rate")) is None
    assert fitters.known_floor(table.assign(entropy_rate=[1.0, 2.0] * 4)) is None
    assert fitters.known_floor(table.assign(entropy_rate=2.0)) == 2.0
    task = fitters.split("text", "power-D", 0, table, fitters.known_floor(table))
    row = fitters.score(lambda table, kind: Fitted({"E": 2.0, "B": 50.0, "beta": 0.3}), task)
    assert row["state"] == "ok"
    assert np.isnan(row["E_error"])
    assert row["forecast_error"] == pytest.approx(0, abs=1e-12)
    off = fitters.score(lambda table, kind: Fitted({"E": 2.2, "B": 50.0, "beta": 0.3}), task)
    assert off["forecast_error"] == pytest.approx(0.2 / float(task.held_out["loss"].iloc[0]), rel=1e-6)
    told = pd.DataFrame([{"entry": "ours", "task": "text", "kind": "power-D"} | row])
    assert np.isnan(fitters.scores(told)["E_error"].iloc[0])
