"""The optimizer against torch's, members that do not meet, equal parametrizations, divergence, golden losses."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from benchmarks.training import PlainDecoder
from scaling_lib import errors
from scaling_lib.data.chains import ring
from scaling_lib.data.walks import sample_walks
from scaling_lib.errors import InvalidArgument
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.records import SEMANTICS_VERSION, Optimizer
from scaling_lib.runs.training.ensembles import (
    PURPOSES,
    batches,
    default_members,
    derived_seed,
    initial_model,
    members_in_memory,
    train_ensemble,
    train_model,
    train_module,
)
from scaling_lib.runs.training.optimizers import AdamW, learning_rate_schedule, stable_steps
from tests.runs.tiny import CHAIN, configuration

# {semantics version: {configuration: (training loss of the last step, excess loss)}}
GOLDEN = {
    1: {
        "mup": (2.417660713195801, 0.8445183493700981),
        "sp, untied": (2.258695363998413, 0.7599024832326957),
        "relative mup, independent decay, two epochs": (2.3613500595092773, 0.9024223371164881),
    },
}


def numbers(result):
    return [*result.curve_training_loss[1:], *result.curve_excess_loss]


# ---------------------------------------------------------------------- optimizer


@given(steps=st.integers(1, 3000), warmup=st.floats(0, 0.99))
def test_schedule_rises_and_falls(steps, warmup):
    factors = learning_rate_schedule(steps, warmup)
    top = int(factors.argmax())
    assert len(factors) == steps
    assert factors.max() == 1.0
    assert factors.min() > 0
    assert top + 1 == max(1, round(warmup * steps))
    assert (np.diff(factors[: top + 1]) > 0).all()
    assert (np.diff(factors[top:]) < 0).all()


@given(steps=st.integers(2, 3000), decay=st.floats(0.01, 0.9))
def test_a_stable_schedule_rises_stays_and_decays(steps, decay):
    stable = stable_steps(steps, decay)
    factors = learning_rate_schedule(steps, shape="wsd", decay=decay, warmup_steps=stable) if stable else np.ones(1)
    assert factors.max() == 1.0
    assert factors.min() > 0
    assert (np.diff(factors[:stable]) > 0).all()
    assert np.diff(factors[max(stable - 1, 0) :]) == pytest.approx(-1 / (steps + 1 - stable), abs=1e-9)


def test_runs_of_several_lengths_share_what_comes_before_the_decay():
    short, long = (learning_rate_schedule(steps, shape="wsd", decay=0.25, warmup_steps=3) for steps in (40, 80))
    assert (short[:30] == long[:30]).all()
    assert learning_rate_schedule(4, shape="constant", warmup_steps=2).tolist() == [0.5, 1.0, 1.0, 1.0]
    with pytest.raises(InvalidArgument, match="steps must be such that 9 steps of warm-up and 2 of decay fit"):
        learning_rate_schedule(10, shape="wsd", decay=0.2, warmup_steps=9)
    with pytest.raises(InvalidArgument, match="warmup_steps must be at most the 3 steps"):
        learning_rate_schedule(3, shape="constant", warmup_steps=4)


def test_schedule_by_hand():
    assert learning_rate_schedule(4, 0.5) == pytest.approx([0.5, 1.0, 0.75, 0.25], abs=1e-12)
    assert learning_rate_schedule(100)[:3] == pytest.approx([0.5, 1.0, 0.5 * (1 + math.cos(math.pi / 99))], abs=1e-12)
    assert learning_rate_schedule(1).tolist() == [1.0]


@pytest.mark.parametrize("clip", [0.0, 1.0])
@pytest.mark.parametrize("kind", ["mup", "mup-base"])
def test_adamw_is_that_of_torch(kind, clip):
    """Two members with their own learning rates and decays, beside two optimizers of torch."""
    parametrization = Parametrization(kind, base_width=4 if kind == "mup-base" else None)
    optimizers = [
        Optimizer(0.3, weight_decay=0.1, clip=clip, epsilon=1e-3),
        Optimizer(0.01, weight_decay=0.0, clip=clip, epsilon=1e-3),
    ]
    pair = [configuration(parametrization=parametrization, seed=seed) for seed in (0, 1)]
    model = initial_model(pair)
    theirs = []
    for k, optimizer in enumerate(optimizers):
        groups = [
            {
                "params": [model.flat.tensors[rule.name].detach()[k].clone().requires_grad_()],
                "lr": optimizer.learning_rate * rule.learning_rate_factor,
                "weight_decay": optimizer.weight_decay * rule.weight_decay_factor,
                "eps": optimizer.epsilon * rule.epsilon_factor,
                "initial_lr": optimizer.learning_rate * rule.learning_rate_factor,
            }
            for rule in model.rules
        ]
        theirs.append(torch.optim.AdamW(groups, betas=(0.9, 0.95)))
    schedule = learning_rate_schedule(6, 0.3)
    ours = AdamW(model, optimizers, schedule)
    generator = torch.Generator().manual_seed(0)
    for factor in schedule:
        model.flat.gradients.normal_(generator=generator)
        gradients = {name: tensor.grad.clone() for name, tensor in model.flat.tensors.items()}
        for k, optimizer in enumerate(theirs):
            for group, rule in zip(optimizer.param_groups, model.rules, strict=True):
                group["lr"] = group["initial_lr"] * factor
                group["params"][0].grad = gradients[rule.name][k].clone()
            if clip:
                nn.utils.clip_grad_norm_([group["params"][0] for group in optimizer.param_groups], clip)
            optimizer.step()
        ours.step()
        assert model.flat.gradients.eq(0).all()
    for k, optimizer in enumerate(theirs):
        for group, rule in zip(optimizer.param_groups, model.rules, strict=True):
            assert torch.allclose(model.flat.tensors[rule.name][k], group["params"][0], atol=2e-6), rule.name


def test_independent_decay_is_the_same_for_every_tensor():
    """Without gradients a step multiplies every weight but the gains by 1 - lambda x decay."""
    wanted = configuration(parametrization=Parametrization(weight_decay_mode="independent"))
    model = initial_model([wanted])
    before = {name: tensor.detach().clone() for name, tensor in model.flat.tensors.items()}
    AdamW(model, [Optimizer(0.5, weight_decay=0.2)], np.ones(1)).step()
    for rule in model.rules:
        keep = 1.0 if rule.is_gain else 0.9
        assert torch.allclose(model.flat.tensors[rule.name], before[rule.name] * keep, rtol=1e-6)


def test_a_run_follows_the_schedule_of_its_configuration():
    """At equal seeds: a constant rate is a decay that never came, and both differ from a cosine."""
    one = configuration(20, learning_rate=0.3)
    runs = {
        name: replace(one, schedule=replace(one.schedule, warmup_steps=2, **options))
        for name, options in {
            "cosine": {},
            "constant": {"shape": "constant"},
            "late": {"shape": "wsd", "decay": 0.01},
            "half": {"shape": "wsd", "decay": 0.5},
        }.items()
    }
    losses = {name: train_ensemble(CHAIN, [run])[0].excess_loss for name, run in runs.items()}
    assert len(set(losses.values())) == 4
    assert losses["late"] == pytest.approx(losses["constant"], rel=0.02)


# ---------------------------------------------------------------------- data


def test_batches_depend_on_the_member_alone():
    configurations = [configuration(3, seed=seed) for seed in (0, 1, 2)]
    together = list(batches(CHAIN, configurations))
    assert len(together) == 3
    assert together[0].shape == (3, 2, 5)
    for k, run in enumerate(configurations):
        seed = derived_seed(run.seed, "training walks")
        walks = sample_walks(CHAIN, 6, 5, seed=seed, start=run.source.start)
        assert np.array_equal(torch.cat([step[k] for step in together]).numpy(), walks)


def test_every_epoch_brings_the_same_tokens():
    steps = list(batches(CHAIN, [configuration(3, epochs=2)]))
    assert len(steps) == 6
    for first, second in zip(steps[:3], steps[3:], strict=True):
        assert torch.equal(first, second)
    assert not torch.equal(steps[0], steps[1])


def test_purposes_never_share_a_seed():
    seeds = [derived_seed(seed, purpose) for purpose in PURPOSES for seed in range(100)]
    assert len(set(seeds)) == len(seeds)
    assert 0 <= min(seeds) <= max(seeds) < 2**63
    assert derived_seed(0, "training walks") == 5176514568146361115  # part of every run's identity


# ---------------------------------------------------------------------- ensembles


@pytest.mark.parametrize("kind", ["sp", "mup"])
def test_members_do_not_influence_each_other(kind):
    """Any K, any order: the losses of five steps agree to 1e-6 of themselves."""
    scale = 1.0 if kind == "mup" else 1 / 16
    members = [
        configuration(
            5,
            seed=seed,
            learning_rate=rate * scale,
            weight_decay=decay,
            parametrization=Parametrization(kind),
            curve_points=9,
        )
        for seed, rate, decay in [(0, 0.1, 0.0), (1, 0.5, 0.01), (0, 0.5, 0.1), (2, 0.01, 0.01), (1, 0.1, 0.0)]
    ]
    alone = [numbers(train_ensemble(CHAIN, [member])[0]) for member in members]
    assert all(len(losses) == 5 + 6 for losses in alone)
    for order in ([0, 1, 2, 3, 4], [4, 2, 0, 3, 1]):
        for at_once in (2, 3, 5):
            results = train_ensemble(CHAIN, [members[k] for k in order], members_at_once=at_once)
            assert results[0].ensemble_size == at_once
            for k, result in zip(order, results, strict=True):
                assert numbers(result) == pytest.approx(alone[k], rel=1e-6, abs=0)


def test_the_same_run_twice_is_the_same_to_the_bit():
    first, second = (train_ensemble(CHAIN, [configuration(20)])[0] for _ in range(2))
    assert replace(first, wall_seconds=0.0) == replace(second, wall_seconds=0.0)


@pytest.mark.parametrize("tied", [True, False])
def test_sp_and_relative_mup_agree_at_the_base_width(tied):
    """The losses of five steps agree to 1e-6 of themselves, with the same epsilon and tying."""
    losses = [
        numbers(
            train_ensemble(
                CHAIN,
                [configuration(5, width=16, tied=tied, learning_rate=0.01, parametrization=rules, curve_points=9)],
            )[0]
        )
        for rules in (Parametrization("sp"), Parametrization("mup-base", base_width=16))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6, abs=0)


def test_more_tokens_learn_more():
    short, long = (train_ensemble(CHAIN, [configuration(steps, batch=20)])[0] for steps in (10, 200))
    assert short.status == long.status == "ok"
    assert long.excess_loss < short.excess_loss / 5
    assert long.loss == pytest.approx(CHAIN.entropy_rate + long.excess_loss)
    assert long.excess_loss == long.curve_excess_loss[-1]
    assert (long.tokens, long.optimizer_steps, long.flops) == (20_000, 200, 6.0 * long.parameters * 20_000)


# ---------------------------------------------------------------------- divergence


def test_divergence_is_a_status_and_harms_no_companion():
    good, bad = configuration(30, learning_rate=0.5), configuration(30, learning_rate=1e30)
    alone = train_ensemble(CHAIN, [good])[0]
    beside, diverged = train_ensemble(CHAIN, [good, bad], members_at_once=2)
    assert diverged.status == "diverged"
    assert diverged.excess_loss is diverged.loss is diverged.excess_loss_se is None
    assert beside.status == "ok"
    assert numbers(beside) == pytest.approx(numbers(alone), abs=1e-5)


def test_a_finite_loss_worse_than_guessing_is_divergence_too():
    (result,) = train_ensemble(CHAIN, [configuration(30, learning_rate=100.0, parametrization=Parametrization("sp"))])
    assert result.status == "diverged"
    assert result.curve_excess_loss[-1] + CHAIN.entropy_rate > math.log(12)


def test_a_run_too_short_to_learn_has_not_diverged():
    (result,) = train_ensemble(CHAIN, [configuration(1, learning_rate=1e-12)])
    assert result.status == "ok"
    assert result.excess_loss == pytest.approx(result.curve_excess_loss[0], abs=1e-6)


def test_nothing_is_computed_once_all_have_diverged():
    (result,) = train_ensemble(CHAIN, [configuration(1000, learning_rate=1e30, curve_points=10)])
    assert result.status == "diverged"
    assert result.optimizer_steps < 1000
    assert result.curve_excess_loss[-1] is None


# ---------------------------------------------------------------------- a module of one's own


def test_the_plain_decoder_gets_the_same_numbers():
    ours = configuration(20, width=16, learning_rate=0.01, parametrization=Parametrization("sp"), curve_points=4)
    plain = PlainDecoder(ours.architecture)
    plain.copy_from(initial_model([ours]))
    theirs = train_module(CHAIN, plain, replace(ours, model="plain decoder"))
    expected = train_ensemble(CHAIN, [ours])[0]
    assert numbers(theirs) == pytest.approx(numbers(expected), abs=2e-5)
    assert (theirs.parameters, theirs.nonembedding_parameters) == (
        ours.architecture.parameters,
        ours.architecture.nonembedding_parameters,
    )


def test_a_table_learns_the_chain_and_a_factor_of_zero_holds_it():
    wanted = configuration(300, batch=20, learning_rate=0.3, model="table")
    learned = train_module(CHAIN, nn.Embedding(12, 12), wanted)
    assert learned.excess_loss < 0.05
    held = train_module(CHAIN, nn.Embedding(12, 12), wanted, learning_rate_factors={"weight": 0.0})
    assert held.excess_loss == pytest.approx(held.curve_excess_loss[0], abs=1e-9)


# ---------------------------------------------------------------------- golden losses


def golden_configurations():
    return {
        "mup": configuration(20, width=16, batch=4),
        "sp, untied": configuration(20, learning_rate=0.03, parametrization=Parametrization("sp"), tied=False, batch=4),
        "relative mup, independent decay, two epochs": configuration(
            10,
            width=16,
            learning_rate=0.03,
            weight_decay=0.1,
            parametrization=Parametrization("mup-base", base_width=8, weight_decay_mode="independent"),
            epochs=2,
            seed=7,
        ),
    }


@pytest.mark.parametrize("name", list(golden_configurations()))
def test_golden_losses(name):
    """If this fails, the same configuration now gives other numbers: raise SEMANTICS_VERSION in runs.records and enter
    the new numbers here under the new version (all stored runs keep their identity under the old one)."""
    assert SEMANTICS_VERSION in GOLDEN, "enter the numbers of the new version"
    (result,) = train_ensemble(CHAIN, [golden_configurations()[name]])
    losses = (result.curve_training_loss[-1], result.excess_loss)
    assert losses == pytest.approx(GOLDEN[SEMANTICS_VERSION][name], rel=1e-4)


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("configurations", "message"),
    [
        ([], "configurations must be a list of at least 1 RunConfiguration"),
        ([configuration(2), configuration(3)], "configurations must be alike but for source, seed"),
        ([configuration(width=8), configuration(width=16)], "configurations must be alike"),
        ([configuration(precision="tf32")], "precision must be one that the device computes in, got 'tf32' on cpu"),
        ([configuration(model="other")], "configurations must be of model 'transformer'"),
    ],
)
def test_refused_configurations(configurations, message):
    with pytest.raises(InvalidArgument, match=message):
        train_ensemble(CHAIN, configurations)


def test_configurations_are_checked_once(monkeypatch):
    """At the door: train_ensemble, not again for the model, the batches and every group that is trained."""
    checked, real = [], errors.check_instance

    def counting(name, *arguments, **options):
        if name.startswith("configurations"):
            checked.append(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(errors, "check_instance", counting)  # what `check_sequence` asks of every item
    train_ensemble(CHAIN, [configuration(seed=seed) for seed in range(3)], members_at_once=1)
    assert checked == [f"configurations[{i}]" for i in range(3)]
    checked.clear()
    train_model(CHAIN, initial_model([configuration()]), [configuration()])
    assert checked == ["configurations[0]"] * 2  # two doors


def test_a_gpu_stacks_what_its_memory_holds(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (4 * 10**9, 10**10))
    assert default_members(configuration(), "cuda") == members_in_memory(configuration(), 4e9) > 1


def test_other_refusals():
    with pytest.raises(InvalidArgument, match="source must be that of the configurations"):
        train_ensemble(ring(12), [configuration()])
    with pytest.raises(InvalidArgument, match="configuration must be of a model named otherwise"):
        train_module(CHAIN, nn.Embedding(12, 12), configuration())
    with pytest.raises(InvalidArgument, match="optimizers must be 1 with the same betas"):
        AdamW(initial_model([configuration()]), [Optimizer(0.1), Optimizer(0.1, beta1=0.8)], np.ones(2))
