"""CompleteP: the table at other depths, the multipliers of the paper that it stands for, and what it is for."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from scaling_lib.arguments import plain_fields
from scaling_lib.data.walks import WalkStream
from scaling_lib.errors import InvalidArgument
from scaling_lib.models.accounting import Architecture
from scaling_lib.models.blocks import Block
from scaling_lib.models.parametrization import Parametrization, multipliers, tensor_rules
from scaling_lib.models.transformer import Transformer
from scaling_lib.runs.records import Evaluation, Optimizer, RunConfiguration, Schedule
from scaling_lib.runs.training.coordinates import BOUND
from scaling_lib.runs.training.ensembles import train_ensemble
from scaling_lib.runs.training.optimizers import AdamW
from tests.runs.training.test_mup import ER_200, MUP_RATE, SOURCE

KINDS = [("sp", None), ("mup", None), ("mup-base", 16)]
SPARSE = {"experts": 4, "active_experts": 2}


def rules_of(way, depth, **fields):
    return {rule.name: rule for rule in tensor_rules(Architecture(100, 64, depth=depth, **fields), way)}


@pytest.mark.parametrize(("kind", "base_width"), KINDS)
@pytest.mark.parametrize("mode", ["coupled", "independent"])
def test_at_its_base_depth_it_is_the_table(kind, base_width, mode):
    way = Parametrization(kind, base_width, mode)
    for depth in (1, 2, 3):
        shape = Architecture(100, 64, depth=depth, **SPARSE)
        at_base = replace(way, base_depth=depth)
        assert tensor_rules(shape, at_base) == tensor_rules(shape, way)
        assert multipliers(shape, at_base) == multipliers(shape, way)
    assert "base_depth" not in plain_fields(way)  # the identities of earlier runs stay


@pytest.mark.parametrize(("kind", "base_width"), KINDS)
@pytest.mark.parametrize("mode", ["coupled", "independent"])
def test_the_table_at_four_times_its_base_depth(kind, base_width, mode):
    way = Parametrization(kind, base_width, mode, base_depth=2)
    shallow, deep = rules_of(way, 2, **SPARSE), rules_of(way, 8, **SPARSE)
    for name, rule in deep.items():
        base = shallow[name.replace("layers.7.", "layers.0.")] if name.startswith("layers.7.") else shallow.get(name)
        if base is None:
            continue
        branch, residual = name.startswith("layers."), rule.role == "residual"
        assert rule.initial_std == pytest.approx(base.initial_std / (4 if residual else 1), rel=1e-12)
        assert rule.learning_rate_factor == pytest.approx(base.learning_rate_factor / (4 if residual else 1), rel=1e-12)
        assert rule.epsilon_factor == pytest.approx(base.epsilon_factor / (4 if branch and not residual else 1))
        of_step = [one.learning_rate_factor * one.weight_decay_factor for one in (rule, base)]
        assert of_step[0] == pytest.approx(of_step[1], rel=1e-12)


@pytest.mark.parametrize("fields", [{}, {"mlp": "swiglu", "norm": "rmsnorm", **SPARSE}])
def test_it_is_the_multipliers_of_the_paper(fields):
    """The same model with every branch multiplied by 1 / m_L, m_L = 4, its residual matrices larger by m_L at the start
    and trained at the rate of the others, epsilon over m_L in all of a branch: after six steps the same function."""
    shape = Architecture(30, 16, depth=4, context=10, **fields)
    way = Parametrization("mup-base", 8, base_depth=1)
    (ours, theirs) = (Transformer(shape, way, generators=[torch.Generator().manual_seed(0)]) for _ in range(2))
    theirs.rules = tuple(
        replace(
            rule,
            learning_rate_factor=rule.learning_rate_factor * 4,
            weight_decay_factor=rule.weight_decay_factor / 4,
            epsilon_factor=rule.epsilon_factor / 4,
        )
        if rule.role == "residual"
        else rule
        for rule in ours.rules
    )

    def quartered(block):
        return Block(block.shapes, lambda *given, **more: block.forward(*given, **more) / 4, block.kept)

    for place, (block, tensors) in theirs._blocks.items():
        if place.endswith(("attention", "mlp")):
            theirs._blocks[place] = quartered(block), tensors
    with torch.no_grad():
        for rule in ours.rules:
            if rule.role == "residual":
                theirs.flat.tensors[rule.name] *= 4
    # An epsilon that matters, and no clipping, which would see the other size of the gradients.
    optimizer = Optimizer(0.05, epsilon=1e-3, weight_decay=0.5, clip=0.0)
    updates = [AdamW(model, [optimizer], np.ones(6)) for model in (ours, theirs)]
    generator = torch.Generator().manual_seed(1)
    for _ in range(6):
        batch = torch.randint(0, 30, (1, 4, 10), generator=generator)
        losses = [model.losses(batch) for model in (ours, theirs)]
        assert losses[0].tolist() == pytest.approx(losses[1].tolist(), rel=1e-4)
        for loss, update in zip(losses, updates, strict=True):
            loss.sum().backward()
            update.step()
    for rule in ours.rules:
        factor = 4 if rule.role == "residual" else 1
        mine, other = ours.flat.tensors[rule.name] * factor, theirs.flat.tensors[rule.name]
        assert torch.allclose(mine, other, rtol=1e-3, atol=1e-4), rule.name


def moved(way, depth, steps=5):
    """Mean size of what all layers together have added to the state, after so many steps on one batch."""
    shape = Architecture(ER_200.nodes, 32, depth=depth, context=25)
    decoder = Transformer(shape, way, generators=[torch.Generator().manual_seed(seed) for seed in range(2)])
    update = AdamW(decoder, [Optimizer(MUP_RATE)] * 2, np.ones(steps))
    batch = torch.stack([torch.as_tensor(WalkStream(ER_200, 25, 4, seed).batch(0)) for seed in range(2)])
    for _ in range(steps):
        decoder.losses(batch).sum().backward()
        update.step()
    found = {}
    with torch.no_grad():
        decoder.hidden(batch, lambda name, activation: found.update({name: activation}))
    outputs = [activation for name, activation in found.items() if name.endswith("_out")]
    return float(torch.stack(outputs).sum(0).abs().mean())


def test_all_layers_together_add_as_much_at_every_depth():
    """The coordinate check over depths 2 to 16 in place of widths, with its bound: without the rule it fails."""
    depths = (2, 4, 8, 16)
    slopes = {}
    for name, way in (("plain", Parametrization()), ("completep", Parametrization(base_depth=2))):
        sizes = [moved(way, depth) for depth in depths]
        slopes[name] = float(np.polyfit(np.log(depths), np.log(sizes), 1)[0])
    print(slopes)
    assert abs(slopes["completep"]) < BOUND < slopes["plain"]


@pytest.mark.slow
def test_the_best_rate_transfers_over_depths():
    """On a grid of powers of two, mean of two seeds at width 32 and 10^5 tokens: the best rate with CompleteP stays
    within a factor of two over depths 1 to 8, and none is at an end of the grid."""
    rates = [2.0**power for power in range(-3, 4)]
    best = {}
    for depth in (1, 2, 4, 8):
        runs = [
            RunConfiguration(
                source=SOURCE,
                architecture=Architecture(ER_200.nodes, 32, depth=depth),
                parametrization=Parametrization(base_depth=2),
                optimizer=Optimizer(rate),
                schedule=Schedule(100_000, batch=20),
                evaluation=Evaluation(curve_points=1),
                seed=seed,
            )
            for rate in rates
            for seed in range(2)
        ]
        results = train_ensemble(ER_200, runs)
        losses = [result.excess_loss if result.status == "ok" else np.inf for result in results]
        means = np.reshape(losses, (-1, 2)).mean(1)
        print(depth, means.round(3))
        best[depth] = rates[int(means.argmin())]
    assert not set(best.values()) & {rates[0], rates[-1]}
    assert max(best.values()) / min(best.values()) <= 2


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "two"])
def test_refused_depths(value):
    with pytest.raises(InvalidArgument, match=r"^base_depth must be an integer") as caught:
        Parametrization(base_depth=value)
    assert "\n" not in str(caught.value)
