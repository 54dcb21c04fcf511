"""Experiments are data: every grid gives valid, distinct, reproducible runs."""

from dataclasses import replace

import pytest

from scaling_lib.errors import InvalidArgument, InvalidData
from scaling_lib.runs.sweeping import experiments
from scaling_lib.runs.sweeping.experiments import EXPERIMENTS, PROFILES, chain_of, source_of


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_grid_gives_distinct_valid_runs(name):
    for profile in EXPERIMENTS[name].grids:
        runs = EXPERIMENTS[name].configurations(profile)
        assert len({run.identity for run in runs}) == len(runs)
        assert all(run.source.fingerprint == EXPERIMENTS[name].chain().fingerprint for run in runs)


def test_the_thread_has_eight_tokens_of_at_least_a_hundred_steps():
    for profile in EXPERIMENTS["er-100"].grids:
        runs = EXPERIMENTS["er-100"].configurations(profile)
        assert len({run.schedule.tokens for run in runs}) >= 8
        assert min(run.optimizer_steps for run in runs) >= 100


def test_larger_profiles_only_add_detail():
    """The smallest run of the smoke profile is one of the full one, so that a reader can compare digits."""
    for asked in EXPERIMENTS.values():
        smoke, full = (set(asked.configurations(profile)) for profile in ("smoke", "full"))
        assert smoke & full


def test_chain_of_rebuilds_the_same_graph_and_notices_another():
    source, chain = source_of("erdos_renyi", {"nodes": 30, "edges": 90}, 3)
    assert chain_of(source).fingerprint == chain.fingerprint
    with pytest.raises(InvalidData, match="numpy version"):
        chain_of(replace(source, fingerprint="0" * 64))


def test_unknown_names_list_the_known_ones():
    with pytest.raises(InvalidArgument, match="er-100"):
        experiments.experiment("er-1")
    with pytest.raises(InvalidArgument, match="parameters must be the arguments of erdos_renyi"):
        source_of("erdos_renyi", {"knots": 3})
    assert PROFILES[0] == "recorded"
    with pytest.raises(InvalidArgument, match="profile must be one of"):
        experiments.experiment("er-100").configurations("recorded")
