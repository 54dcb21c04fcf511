"""What `make gpu` trains, on a GPU: a graph for every seed in one stack, a pause in the middle, the numbers of a CPU.

The tolerance is `REPEAT_TOLERANCE`, that of a repeat on another device; the runs are short and steady.
"""

from dataclasses import replace

import pytest

from scaling_lib.runs.keeping.checkpoints import Checkpoints, Paused
from scaling_lib.runs.keeping.repeats import REPEAT_TOLERANCE, relative_difference
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.runs.sweeping.recipes import open_source
from scaling_lib.runs.sweeping.sweeps import sweep
from scaling_lib.runs.training.ensembles import train_ensemble

AXES = {"schedule.batch": (10,), "schedule.steps": (20,), "evaluation.walks": (20,), "evaluation.curve_points": (1,)}
AXES |= {"optimizer.learning_rate": (0.25, 0.5), "seed": (200, 201)}
GRID = replace(experiment("gpu-er-1k"), axes={"smoke": AXES}).configurations("smoke")
ON_EACH = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.needs_cuda)])


def swept(path, device):
    with Store(path) as store:
        assert sweep(GRID, store, device=device, progress=False).missing == 0
        return {record.identity: record for record in store.records()}


@pytest.mark.needs_cuda
def test_a_sweep_over_several_graphs_gives_what_a_cpu_gives(tmp_path):
    ours, expected = swept(tmp_path / "cuda.db", "cuda"), swept(tmp_path / "cpu.db", "cpu")
    assert {record.result.ensemble_size for record in ours.values()} == {len(GRID)}
    for identity, record in ours.items():
        assert record.result.device != "cpu"
        assert {measured.metric for measured in record.result.measurements} >= {"leak", "within"}
        assert relative_difference(expected[identity], record) < REPEAT_TOLERANCE


@ON_EACH
def test_a_stack_over_several_graphs_goes_on_where_it_was_paused(tmp_path, device):
    taken = []

    class AfterSevenSteps(Checkpoints):
        @property
        def over(self):
            return sum(taken) >= 7 * len(GRID)

    sources = [open_source(run.source) for run in GRID]
    options = {"device": device, "members_at_once": len(GRID), "metrics": ()}
    with pytest.raises(Paused, match="after step 7 of 20"):
        train_ensemble(sources, GRID, checkpoints=AfterSevenSteps(tmp_path), on_steps=taken.append, **options)
    resumed = train_ensemble(sources, GRID, checkpoints=Checkpoints(tmp_path), **options)
    whole = train_ensemble(sources, GRID, **options)
    tolerance = 0 if device == "cpu" else REPEAT_TOLERANCE  # a GPU adds in another order every time
    for ours, expected in zip(resumed, whole, strict=True):
        assert ours.excess_loss == pytest.approx(expected.excess_loss, rel=tolerance, abs=0)
