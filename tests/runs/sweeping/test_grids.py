"""Every grid of the book goes through the one code path that a GPU would take, at a thousandth of its D, on a CPU.

Stacked (K = 2), as on a GPU: two learning rates of the first shape and D of the grid, rounded up to two steps. They are
scored on a tenth of the walks, which would take longer than the training.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

from scaling_lib.runs.sweeping.experiments import EXPERIMENTS
from scaling_lib.runs.sweeping.recipes import open_source
from scaling_lib.runs.sweeping.studies.language import LANGUAGE
from scaling_lib.runs.training.ensembles import train_ensemble
from tests.records import fields_of

# A graph of 50,000 nodes has a readout of millions of parameters: half a minute each. Those on 8,192 nodes take five
# seconds or more in the paper's widths; the grids called small are on the same graphs, and take one or two.
HUGE = {"er-50k", "er-50k-k1", "er-8k", "er-8k-k1", "ba-8k"}
# The rungs of text need the default corpus, which is half a minute's work where it is not in the cache.
HUGE |= set(LANGUAGE)
SIZES = {"vocabulary", "width", "heads", "context"}


def path_of(asked):
    """What makes a grid take a way of its own through the code: all of it but its sizes, seeds and numbers."""
    run = asked.template
    shape = tuple(value for name, value in fields_of(run.architecture).items() if name not in SIZES)
    source = (run.source.ensemble, run.source.start, tuple(asked.follows))
    return source, shape, run.parametrization, run.schedule.shape, tuple(asked.axes["full"])


# The quick pass takes the first grid of each path; `make test-all` takes every grid.
FIRST = {path_of(asked): name for name, asked in reversed(EXPERIMENTS.items()) if name not in HUGE}.values()
NAMES = [name if name in FIRST else pytest.param(name, marks=pytest.mark.slow) for name in EXPERIMENTS]


@pytest.mark.parametrize("name", NAMES)
def test_a_thousandth_of_the_grid_trains_as_a_stack(name):
    asked = EXPERIMENTS[name]
    small = {field: values[:1] for field, values in asked.axes["full"].items()}
    (first,) = replace(asked, axes={"full": small}).configurations("full")
    rates = (first.optimizer.learning_rate, first.optimizer.learning_rate / 2)  # a rate may go with another field
    pair = [replace(first, optimizer=replace(first.optimizer, learning_rate=rate)) for rate in rates]
    per_step = pair[0].tokens_per_step
    # Warm-up and decay have to fit into the run.
    decay = pair[0].schedule.decay if pair[0].schedule.shape == "wsd" else 0.0
    fewest = math.ceil((2 + (pair[0].schedule.warmup_steps or 0)) / (1 - decay))
    tokens = per_step * max(fewest, round(pair[0].schedule.tokens / 1000 / per_step))
    scored = replace(first.evaluation, walks=max(2, first.evaluation.walks // 10))
    pair = [replace(run, schedule=replace(run.schedule, tokens=tokens), evaluation=scored) for run in pair]
    results = train_ensemble(open_source(pair[0].source), pair, members_at_once=2)
    assert {result.ensemble_size for result in results} == {2}
    for result in results:
        assert result.status == "ok"
        assert np.isfinite(result.loss)
        assert result.tokens == tokens
