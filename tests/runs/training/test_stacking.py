"""K on a CPU is a function of the configuration alone, and a run in a stack is the run alone up to float32 sums."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.training import median_interval
from scaling_lib.models.accounting import Architecture
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.runs.training.ensembles import default_members, train_ensemble
from scaling_lib.runs.training.stacking import groups_on_a_cpu, members_on_a_cpu
from tests.runs.tiny import CHAIN, configuration

# {(V, n, walks of 50 tokens a step): K}. What each is worth is measured by `python -m benchmarks.training --stacked`.
MEMBERS = {
    (100, 16, 20): 8,
    (100, 32, 20): 4,
    (100, 64, 20): 2,
    (1000, 16, 20): 8,
    (1000, 64, 20): 2,
    (100, 16, 5): 16,
    (100, 16, 100): 2,
    (1000, 64, 100): 1,
    (8192, 64, 20): 1,
}


def shaped(vocabulary, width, batch, depth=2):
    run = configuration()
    return replace(
        run,
        architecture=Architecture(vocabulary, width, depth=depth),
        schedule=replace(run.schedule, tokens=100 * batch * 50, batch=batch),
    )


@pytest.mark.parametrize(("shape", "members"), MEMBERS.items())
def test_small_steps_are_stacked_and_large_ones_are_not(shape, members):
    assert members_on_a_cpu(shaped(*shape)) == default_members(shaped(*shape)) == members


@given(st.integers(2, 10_000), st.sampled_from((8, 16, 32, 64, 128, 256)), st.integers(1, 200), st.integers(1, 4))
def test_a_larger_step_is_never_stacked_higher(vocabulary, width, batch, depth):
    run = shaped(vocabulary, width, batch, depth)
    members = members_on_a_cpu(run)
    assert members in (1, 2, 4, 8, 16)
    larger = (
        shaped(2 * vocabulary, width, batch, depth),
        shaped(vocabulary, 2 * width, batch, depth),
        shaped(vocabulary, width, 2 * batch, depth),
        shaped(vocabulary, width, batch, 2 * depth),
    )
    assert max(members_on_a_cpu(one) for one in larger) <= members
    # What a run is trained with, besides its size, plays no part.
    longer = replace(run, seed=5, schedule=replace(run.schedule, epochs=3), optimizer=replace(run.optimizer, beta1=0.5))
    assert members_on_a_cpu(longer) == members


@given(st.integers(1, 60))
def test_groups_are_the_ensemble_in_order(count):
    ensemble = [configuration(seed=seed) for seed in range(count)]
    groups = groups_on_a_cpu(ensemble)
    assert [run for group in groups for run in group] == ensemble
    sizes = [len(group) for group in groups]
    assert max(sizes) <= members_on_a_cpu(ensemble[0])
    assert len(groups) == -(-count // members_on_a_cpu(ensemble[0]))
    assert len(set(sizes[:-1])) <= 1


def test_an_ensemble_is_trained_in_the_groups_of_a_sweep():
    ensemble = [configuration(1, seed=seed) for seed in range(18)]
    results = train_ensemble(CHAIN, ensemble)
    assert [result.ensemble_size for result in results] == [9] * 18


def test_a_run_alone_is_the_run_in_a_stack():
    """100 steps at rates below the edge of stability: the final excess loss agrees to 1e-5 of itself. (At that edge
    rounding decides as much as the seed does; no tolerance holds there, alone or not.)"""
    er_100 = experiment("er-100")
    one = replace(
        er_100.template,
        architecture=Architecture(100, 16),
        schedule=replace(er_100.template.schedule, tokens=100 * 5 * 50, batch=5),
        evaluation=replace(er_100.template.evaluation, curve_points=1),
    )
    stack = [
        replace(one, seed=seed, optimizer=replace(one.optimizer, learning_rate=rate))
        for seed in range(4)
        for rate in (0.1, 0.5)
    ]
    together = train_ensemble(er_100.chain(), stack)
    assert {result.ensemble_size for result in together} == {8}
    for run, result in list(zip(stack, together, strict=True))[::3]:
        (alone,) = train_ensemble(er_100.chain(), [run])
        assert alone.ensemble_size == 1
        assert result.excess_loss == pytest.approx(alone.excess_loss, rel=1e-5, abs=0)


@pytest.mark.parametrize("rounds", [7, 15, 40])
def test_the_interval_of_the_benchmark_holds_the_median(rounds):
    """At least as often as it says, on ratios of any law; of 4,000 draws of 95 % the share is good to one percent."""
    draws = np.random.default_rng(rounds).lognormal(size=(4000, rounds))
    inside = [low <= 1 <= high for low, high in map(median_interval, draws.tolist())]
    assert np.mean(inside) > 0.94
    assert median_interval([1.0, 2.0]) == (-np.inf, np.inf)
