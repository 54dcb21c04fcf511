"""Every grid of the book goes through the one code path that a GPU would take, at a thousandth of its D, on a CPU.

Stacked (K = 2), as on a GPU: two learning rates of the smallest shape and the least D, rounded up to two steps.
"""

from dataclasses import replace

import numpy as np
import pytest

from scaling_lib.runs.sweeping.experiments import EXPERIMENTS
from scaling_lib.runs.sweeping.language import LANGUAGE
from scaling_lib.runs.sweeping.recipes import open_source
from scaling_lib.runs.training.ensembles import train_ensemble

# A graph of 50,000 nodes has a readout of millions of parameters: half a minute each. Those on 8,192 nodes take five
# seconds or more in the paper's widths; the grids called small are on the same graphs, and take one or two.
HUGE = {"er-50k", "er-50k-k1", "er-8k", "er-8k-k1", "ba-8k"}
# The rungs of text need the default corpus, which is half a minute's work where it is not in the cache.
HUGE |= set(LANGUAGE)
NAMES = [pytest.param(name, marks=pytest.mark.slow) if name in HUGE else name for name in EXPERIMENTS]


@pytest.mark.parametrize("name", NAMES)
def test_a_thousandth_of_the_grid_trains_as_a_stack(name):
    asked = EXPERIMENTS[name]
    small = {field: values[:1] for field, values in asked.axes["full"].items()}
    small["optimizer.learning_rate"] = asked.values("full", "optimizer.learning_rate")[:2]
    pair = replace(asked, axes={"full": small}).configurations("full")
    per_step = pair[0].tokens_per_step
    tokens = per_step * max(2, round(pair[0].schedule.tokens / 1000 / per_step))
    pair = [replace(run, schedule=replace(run.schedule, tokens=tokens)) for run in pair]
    results = train_ensemble(open_source(pair[0].source), pair, members_at_once=2)
    assert {result.ensemble_size for result in results} == {2}
    for result in results:
        assert result.status == "ok"
        assert np.isfinite(result.loss)
        assert result.tokens == tokens
