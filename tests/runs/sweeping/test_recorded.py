"""The recorded tables are whole, complete, in force, and can be made again."""

from pathlib import Path

import numpy as np
import pytest

import scaling_lib
from scaling_lib.runs.keeping.repeats import REPEAT_TOLERANCE
from scaling_lib.runs.keeping.tables import load_recorded, lowest_losses, manifest, records_of
from scaling_lib.runs.records import SEMANTICS_VERSION
from scaling_lib.runs.sweeping.experiments import EXPERIMENTS
from scaling_lib.runs.sweeping.recipes import open_source
from scaling_lib.runs.sweeping.widening import widened_so_far

FOLDER = Path(scaling_lib.__file__).parent / "recorded"
RUN_TABLES = [name for name, entry in manifest(FOLDER).items() if "runs" in entry]


def test_they_are_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 5e6


@pytest.mark.parametrize("name", RUN_TABLES)
def test_a_run_table_is_its_experiment_complete(name):
    frame = load_recorded(name)
    records = records_of(frame)  # every identity is the hash of its configuration
    grid = widened_so_far(EXPERIMENTS[name].configurations("full"), frame)
    held, asked = {record.identity for record in records}, {c.identity for c in grid}
    assert held <= asked
    assert len(asked - held) == manifest(FOLDER)[name].get("missing", 0)  # said where a GPU's time was over
    assert {record.configuration.semantics_version for record in records} == {SEMANTICS_VERSION}
    assert frame["N"].between(1e3, 1e9).all()
    assert (frame["N_active"] <= frame["N"]).all()
    assert (frame["C"] == 6.0 * frame["N_active"] * frame["D"] * frame["epochs"]).all()


@pytest.mark.parametrize("name", ["er-100", "er-200", "er-200-sp"])
def test_the_optimum_is_bracketed_where_a_chapter_says_so(name):
    frame = load_recorded(name)
    best = lowest_losses(frame)
    assert best["learning_rate"].min() > frame["learning_rate"].min()
    assert best["learning_rate"].max() < frame["learning_rate"].max()


# Each kind of training has a table that stands for all of its kind: tokens, muP and SP over widths, an untied readout,
# several passes, exact labels, the branch of a stable run. The others are made again with what is slow: on 8,192 nodes
# the cheapest run takes a quarter of a minute, a text or what a teacher writes takes as long to make, and the blocks of
# other architectures are compared with references by tests of their own.
STANDING_FOR_OTHERS = {"er-100", "er-200", "er-200-sp", "er-200-untied", "er-200-epochs", "twins-labels", "twins-third"}
REPEATED = [
    name if name in STANDING_FOR_OTHERS else pytest.param(name, marks=pytest.mark.slow) for name in RUN_TABLES
]


def test_the_tables_that_stand_for_others_are_there():
    assert set(RUN_TABLES) >= STANDING_FOR_OTHERS


# Runs that are alike in these differ by their seed, and by a graph that was drawn with it.
BUT_FOR_SEEDS = ("ensemble", "vocabulary", "context", "width", "depth", "D", "batch", "epochs", "learning_rate")


@pytest.mark.parametrize("name", REPEATED)
def test_a_random_row_can_be_made_again(name):
    pytest.importorskip("torch")
    from scaling_lib.runs.training.ensembles import train_ensemble

    frame = load_recorded(name)
    # Longer runs may differ by more than REPEAT_TOLERANCE: it was set for runs of this length.
    cost, steps = frame["N"] * frame["D"] * frame["epochs"], frame["optimizer_steps"]
    trained = frame["status"] == "ok"
    short = (cost < 2e10) & (steps <= 200)
    asked = trained & (short if (trained & short).any() else steps == steps[trained].min())
    # At the edge of stability rounding decides as much as the seed does: with two threads in place of one, runs whose
    # seeds differ by a factor of 2.5 moved by up to 19 %, the others measured by 4 % at most; on another processor runs
    # on a coin, whose seeds differ by a factor of 15, moved by up to 62 %.
    # Where nobody knows the floor, the lowest loss of the table stands for it.
    excess = frame["excess_loss"] if frame["excess_loss"].notna().any() else frame["loss"] - frame["loss"].min()
    seeds = excess.groupby([frame[name] for name in BUT_FOR_SEEDS], dropna=False)
    steady = seeds.transform("max") < 1.5 * seeds.transform("min")
    asked = asked & steady if (asked & steady).any() else asked
    cheap = frame[asked & (short | (cost == cost[asked].min()))]
    others = cheap.sample(min(3, len(cheap)), random_state=np.random.default_rng())  # other rows every time

    def again(row):
        (record,) = records_of(frame[frame["identity"] == row["identity"]])
        (result,) = train_ensemble(open_source(record.configuration.source), [record.configuration], metrics=())
        measured = "loss" if result.excess_loss is None else "excess_loss"
        return getattr(result, measured) == pytest.approx(row[measured], rel=0, abs=REPEAT_TOLERANCE * excess[row.name])

    first, *rest = (row for _, row in others.iterrows())
    if not again(first):
        # A rare row moves by more on another processor (5.4 % was seen, of 1 row in some hundreds). A table that cannot
        # be made again fails with its next rows too.
        assert rest
        assert all(again(row) for row in rest), [row["identity"] for row in (first, *rest)]
