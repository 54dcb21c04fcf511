"""Runs on data whose entropy rate nobody knows: what needs no floor copes, what needs one says so, nothing is NaN."""

import json
from itertools import product

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from scaling_lib.cli import app
from scaling_lib.errors import InvalidArgument, InvalidData
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import PowerLaw
from scaling_lib.fits.uncertainty.lucky_seeds import scatter_of_seeds
from scaling_lib.pages.judging import comparisons, quantities
from scaling_lib.pages.judging.replicates import curves_rejected
from scaling_lib.runs.keeping import summaries, tables
from scaling_lib.runs.keeping.learning_curves import learning_curves
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.keeping.tables import COLUMNS, frame_of, load_recorded, lowest_losses, record_table, records_of
from scaling_lib.runs.records import Measurement
from scaling_lib.runs.sweeping.widening import at_the_edge
from tests.runs import planted
from tests.runs.keeping.planted_grids import over_rates, over_steps

MEASURED = (Measurement("package.module:own", 100, 1 / 3), Measurement("leak", 50, 0.5), Measurement("leak", 100, None))
E, B, BETA = 3.0, 40.0, 0.4


def loss_of(tokens, rate=1.0, seed=0):
    """Nats: a power law in D over a floor, worse by a tenth for each octave from rate 1."""
    return E + B * tokens**-BETA * (1 + 0.1 * abs(np.log2(rate))) * (1 + 0.01 * seed)


@pytest.fixture(scope="module")
def text():
    """A table of text runs: six D, three rates, two seeds, and a diverged one."""
    points = product((50_000, 100_000, 200_000, 400_000, 800_000, 1_600_000), (0.5, 1.0, 2.0), (0, 1))
    records = [
        planted.text_record(loss_of(D, rate, seed), MEASURED if seed else (), tokens=D, learning_rate=rate, seed=seed)
        for D, rate, seed in points
    ]
    return frame_of([*records, planted.text_record(None, learning_rate=8.0)])


def wide(runs):
    """A planted grid as if nobody knew its floor."""
    return runs.assign(entropy_rate=np.nan, excess_loss=np.nan)


# ---------------------------------------------------------------------- nothing is lost on the way


def test_nothing_is_lost_in_a_table(text, tmp_path):
    assert list(text) == list(COLUMNS)
    assert frame_of(records_of(text)).equals(text)
    record_table(text, "text", "by hand", tmp_path)
    again = load_recorded("text", tmp_path)
    assert {r.identity: r for r in records_of(again)} == {r.identity: r for r in records_of(text)}
    assert again["excess_loss"].isna().all()
    assert again["loss_se"].notna().sum() == (again["status"] == "ok").sum()


def test_leak_and_within_are_those_of_the_last_step():
    measured = (Measurement("leak", 50, 0.5), Measurement("leak", 100, 0.25), Measurement("within", 100, 0.75))
    frame = frame_of([planted.text_record(3.2, measured), planted.text_record(3.1, seed=1)])
    assert frame["leak"].tolist()[0] == 0.25
    assert frame["within"].tolist()[0] == 0.75
    assert frame.loc[1, ["leak", "within"]].isna().all()
    assert json.loads(frame["measurements"][0])[0] == {"metric": "leak", "step": 50, "value": 0.5}
    assert frame["measurements"][1] is None


def test_a_table_without_these_columns_loads_with_nulls():
    """As all tables that were recorded before there were measurements."""
    path = tables.recorded_folder() / "er-100.parquet"
    before = pd.read_parquet(path)
    added = {"leak", "within", "loss_se", "measurements"}
    assert not added & set(before)  # else another file must stand here
    frame = load_recorded("er-100")
    assert list(frame) == list(COLUMNS)
    assert frame[list(added)].isna().all(axis=None)
    assert frame[list(before)].equals(before)
    assert records_of(frame) == records_of(before)


def test_damaged_measurements_are_said(text):
    with pytest.raises(InvalidData, match="text must be the JSON of measurements"):
        records_of(text.assign(measurements="[{"))


# ---------------------------------------------------------------------- what needs no floor


def test_the_lowest_loss_and_the_edges_need_no_floor(text):
    best = lowest_losses(text)
    assert best["learning_rate"].tolist() == [1.0] * 6
    assert best["loss"].to_numpy() == pytest.approx(loss_of(best["D"].to_numpy(float)))
    assert at_the_edge(text).empty
    assert (at_the_edge(text[text["learning_rate"] >= 1])["edge"] == "lowest").all()
    assert summaries.points_at_grid_ends(text) == 0


def test_a_law_with_a_free_floor_finds_it(text):
    fitted = fit(PowerLaw(variable="D"), lowest_losses(text), objective="log-ols")
    assert fitted.params["E"] == pytest.approx(E, rel=1e-4)
    assert fitted.params["beta"] == pytest.approx(BETA, rel=1e-3)


def test_learning_curves_are_those_of_the_loss(text):
    curves = learning_curves(text)
    assert len(curves) == (text["status"] == "ok").sum()
    assert sorted(curves["loss"]) == pytest.approx(sorted(text["loss"].dropna()))
    both = frame_of([planted.text_record(3.2), planted.record(0.1, seed=1)])
    assert sorted(learning_curves(both)["loss"]) == pytest.approx([planted.ENTROPY_RATE + 0.1, 3.2])


def test_the_best_learning_rate_is_that_of_the_lowest_loss():
    known = over_rates()
    by_loss = summaries.best_rates(wide(known))
    assert list(by_loss) == ["optimum", "loss", "bracketed"]
    assert by_loss["optimum"].equals(summaries.best_rates(known)["optimum"])
    assert summaries.mean_losses(wide(known)).notna().all(axis=None)
    assert summaries.rate_shift(wide(known)) == summaries.rate_shift(known)
    assert summaries.transfers(wide(known)) == summaries.transfers(known)
    assert len(summaries.near_best_rate(wide(known), steps=0)) == len(summaries.near_best_rate(known, steps=0))


# ---------------------------------------------------------------------- what needs one


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "call",
    [
        lambda text: summaries.worse_when_wider(wide(over_rates())),
        lambda text: summaries.steps_or_data(wide(over_steps(0.5)), "batch"),
        quantities.power_in_tokens,
        quantities.excess_surface,
        lambda text: comparisons.exponent_in_parameters(lowest_losses(text)),
        lambda text: comparisons.exponent_difference(lowest_losses(text), lowest_losses(text)),
        lambda text: comparisons.one_power_law(text[text["status"] == "ok"], variable="D"),
        lambda text: scatter_of_seeds(text, "D"),
    ],
)
def test_what_needs_a_floor_says_so_in_one_line(text, call):
    with pytest.raises(InvalidArgument, match="entropy rate is known") as refused:
        call(text)
    assert "\n" not in str(refused.value)


def test_curves_without_a_floor_are_not_tested_against_one(text):
    runs = pd.concat([text.assign(width=width, N=width) for width in (16, 32, 64)])
    assert not curves_rejected(runs, "D", "width")


# ---------------------------------------------------------------------- the command line


def test_the_command_line_shows_a_dash_for_what_nobody_knows(text, tmp_path):
    path = str(tmp_path / "runs.db")
    late = {"time": "2026-01-02T00:00:00+00:00", "threads": 8}
    with Store(path) as store:
        store.add([planted.text_record(3.2), planted.text_record(3.21, made=late)])
    for verb in ("list", "repeats", "verify"):
        done = CliRunner().invoke(app, ["runs", verb, path], env={"COLUMNS": "400"})
        assert done.exit_code == 0, done.output
        assert "nan" not in done.stdout.lower()
    assert "% of the loss apart" in " ".join(done.stdout.split())
    done = CliRunner().invoke(app, ["runs", "list", path, "--json"])
    assert "NaN" not in done.stdout
    assert json.loads(done.stdout)["runs"][0]["excess_loss"] is None
