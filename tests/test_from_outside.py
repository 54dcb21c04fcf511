"""A source, a block and a metric from outside of the package, swept, stored, kept and measured without editing it."""

from dataclasses import replace

import numpy as np
import pytest

from scaling_lib.models.accounting import Architecture
from scaling_lib.runs.keeping.kept import KeptModels
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.keeping.tables import frame_of, records_of
from scaling_lib.runs.sweeping.experiments import Experiment
from scaling_lib.runs.sweeping.measuring import measure_kept
from scaling_lib.runs.sweeping.recipes import tokens_from
from scaling_lib.runs.sweeping.sweeps import sweep
from tests.runs.tiny import TINY

SOURCE, TOKENS = tokens_from("tests.runs.sweeping.toy:counter", {"vocabulary": 12, "by_two": 0.25})
BLOCK = "tests.models.toy:relu_mlp"
METRIC = f"{__name__}:share_of_the_likeliest"


def share_of_the_likeliest(scores):
    """How often the model's likeliest next token is one that can follow."""
    return np.array([(layer < 0.7).mean() for layer in scores.leak])


GRID = Experiment(
    name="from-outside",
    question="Does everything enter by one door?",
    template=replace(
        TINY.template,
        source=SOURCE,
        architecture=Architecture(12, 8, context=10, mlp=BLOCK),
        optimizer=replace(TINY.template.optimizer, learning_rate=0.3),
    ),
    axes={"smoke": {"schedule.steps": (5, 60), "seed": (0, 1)}},
).configurations("smoke")


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_source_a_block_and_a_metric_from_outside(tmp_path, workers):
    kept = KeptModels(tmp_path / "kept")
    with Store(tmp_path / "runs.db") as store:
        report = sweep(GRID, store, workers=workers, metrics=("leak",), keep=kept, progress=False)
        assert (len(report.trained), report.missing) == (4, 0)
        runs = store.frame()
        assert runs["entropy_rate"].to_numpy() == pytest.approx(TOKENS.entropy_rate)
        assert {run.architecture.mlp for run in (record.configuration for record in store.records())} == {BLOCK}
        short, long = runs.groupby("D")["excess_loss"].mean()
        assert long < short

        # The metric was not thought of when the runs were trained, and needs no training.
        measured = measure_kept(store, kept, (METRIC,), progress=False)
        assert (measured.measured, measured.problems) == (4, ())
        records = store.records()
    names = [{m.metric for m in record.result.measurements} for record in records]
    assert names == [{"leak", METRIC}] * 4
    assert records_of(frame_of(records)) == records
