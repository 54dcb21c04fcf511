"""Every block against torch's own, members that do not meet, and blocks from outside of the package."""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional

from scaling_lib.errors import InvalidArgument
from scaling_lib.models.accounting import Architecture, placed_blocks, shapes, training_bytes
from scaling_lib.models.blocks import ATTENTION, BLOCKS, NORM_EPSILON, ROLES, Block, TensorShape, block
from scaling_lib.models.parametrization import Parametrization, table, tensor_rules, width_powers
from scaling_lib.models.transformer import Transformer
from scaling_lib.runs.records import RunConfiguration
from scaling_lib.runs.training import coordinates
from scaling_lib.runs.training.ensembles import initial_model, train_ensemble
from tests.models.planned import BASE, CHANGES, SHAPES
from tests.runs.tiny import CHAIN, configuration
from tests.runs.training.test_mup import ER_200, MUP_RATE, OUTPUTS, SP_RATE


def drawn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)


def model(shape, seeds=(0,), parametrization=None):
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return Transformer(shape, parametrization or Parametrization("sp", initial_std=0.2), generators=generators)


def tokens(shape, members=1, batch=3):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, shape.vocabulary, (members, batch, shape.context), generator=generator)


# ---------------------------------------------------------------------- against torch


def assert_alike(ours, theirs, leaves):
    """Values and gradients of the sum of squares in all `leaves`; theirs is a list, one for each member."""
    theirs = torch.stack(theirs)
    assert torch.allclose(ours, theirs, rtol=1e-10, atol=1e-10)
    mine = torch.autograd.grad(ours.square().sum(), leaves)
    reference = torch.autograd.grad(theirs.square().sum(), leaves)
    for gradient, expected in zip(mine, reference, strict=True):
        assert torch.allclose(gradient, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize(("name", "kind"), [("layernorm", nn.LayerNorm), ("rmsnorm", nn.RMSNorm)])
def test_norms_are_those_of_torch(name, kind, members):
    x, gain = drawn(members, 7, 16), drawn(members, 16, seed=1)
    options = {"bias": False} if kind is nn.LayerNorm else {}
    reference = kind(16, eps=NORM_EPSILON, **options)
    theirs = [torch.func.functional_call(reference, {"weight": gain[k]}, x[k]) for k in range(members)]
    assert_alike(BLOCKS["norm"][name].forward(x, {"": gain}, BASE), theirs, (x, gain))


@pytest.mark.parametrize("members", [1, 3])
def test_swiglu_is_that_of_torch(members):
    h = 40  # the multiple of 8 nearest to 8 x 16 / 3
    x, up, down = drawn(members, 7, 16), drawn(members, 16, 2 * h, seed=1), drawn(members, h, 16, seed=2)
    theirs = [
        functional.linear(
            nn.SiLU()(functional.linear(x[k], up[k, :, :h].T)) * functional.linear(x[k], up[k, :, h:].T), down[k].T
        )
        for k in range(members)
    ]
    swiglu = BLOCKS["mlp"]["swiglu"]
    assert {name: part.shape for name, part in swiglu.shapes(BASE).items()} == {"up": (16, 2 * h), "down": (h, 16)}
    assert_alike(swiglu.forward(x, {"up": up, "down": down}, BASE), theirs, (x, up, down))


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("key_value_heads", [None, 1, 2])
def test_attention_with_shared_heads_is_that_of_torch(key_value_heads, members):
    """torch repeats keys and values by itself (enable_gqa) and splits what `nn.Linear` gives in the same order."""
    sizes = replace(BASE, key_value_heads=key_value_heads, positions="none")
    shared, d, B, T = sizes.key_value_count, sizes.head_dimension, 3, 5
    outputs = (4 + 2 * shared) * d
    x, qkv, out = drawn(members, B * T, 16), drawn(members, 16, outputs, seed=1), drawn(members, 16, 16, seed=2)
    theirs = []
    for k in range(members):
        parts = functional.linear(x[k], qkv[k].T).view(B, T, -1).split([16, shared * d, shared * d], dim=-1)
        q, key, value = (part.unflatten(-1, (-1, d)).transpose(1, 2) for part in parts)
        mixed = functional.scaled_dot_product_attention(q, key, value, is_causal=True, scale=0.3, enable_gqa=True)
        theirs.append(functional.linear(mixed.transpose(1, 2).flatten(2).view(B * T, 16), out[k].T))
    tensors = {"query_key_value": qkv, "attention_out": out}
    assert_alike(ATTENTION.forward(x, tensors, sizes, length=T, scale=0.3), theirs, (x, qkv, out))


def test_shared_heads_are_repeated_ones():
    """With rotary positions: a decoder of grouped queries is one of as many keys and values, each group's alike."""
    grouped = model(SHAPES["grouped-query"])
    full = model(BASE)
    for name, tensor in grouped.flat.tensors.items():
        value = tensor.detach()[0]
        if name.endswith("query_key_value"):
            query, key, value = value.split([16, 8, 8], dim=1)
            repeated = [part.view(16, 2, 4).repeat_interleave(2, dim=1).flatten(1) for part in (key, value)]
            value = torch.cat([query, *repeated], dim=1)
        full.flat.tensors[name].detach()[0] = value
    batch = tokens(BASE)
    assert torch.allclose(grouped.logits(batch), full.logits(batch), atol=1e-5)


# ---------------------------------------------------------------------- positions


def test_without_positions_the_past_is_a_set():
    """One layer sees no order: earlier tokens may be exchanged. With positions of either kind they may not."""
    shape = replace(BASE, depth=1)
    batch = torch.arange(10)[None, None]
    exchanged = batch.clone()
    exchanged[..., [2, 6]] = batch[..., [6, 2]]
    for positions, blind in (("none", True), ("rotary", False), ("learned", False)):
        decoder = model(replace(shape, positions=positions))
        before, after = (decoder.logits(order)[..., -1, :] for order in (batch, exchanged))
        assert torch.allclose(before, after, atol=1e-6) == blind


def test_learned_positions_are_added_to_the_embedding():
    shape = SHAPES["learned positions"]
    decoder, batch, seen = model(shape, (0, 1), Parametrization("mup")), tokens(shape, 2), {}
    decoder.hidden(batch, lambda name, activation: seen.update({name: activation}))
    w = decoder.flat.tensors
    wanted = [4.0 * (w["embedding"][k][batch[k]] + w["positions"][k]).view(30, 16) for k in range(2)]
    assert torch.allclose(seen["embedding"], torch.stack(wanted), atol=1e-6)
    decoder.losses(batch).sum().backward()
    assert (w["positions"].grad[:, :-1].abs().sum(-1) > 0).all()
    assert not w["positions"].grad[:, -1].any()  # the last token is only predicted


# ---------------------------------------------------------------------- the decoder with each of them


@pytest.mark.parametrize("name", SHAPES)
def test_members_are_what_they_are_alone(name):
    shape = SHAPES[name]
    batch = tokens(shape, members=2)
    together = model(shape, (4, 5))
    losses = together.losses(batch)
    losses.sum().backward()
    for k, seed in enumerate((4, 5)):
        alone = model(shape, (seed,))
        loss = alone.losses(batch[k : k + 1])
        loss.sum().backward()
        assert loss.tolist() == pytest.approx(losses[k : k + 1].tolist(), abs=1e-5)
        for tensor_name, tensor in alone.flat.tensors.items():
            assert torch.equal(tensor[0], together.flat.tensors[tensor_name][k])
            assert torch.allclose(tensor.grad[0], together.flat.tensors[tensor_name].grad[k], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", SHAPES)
def test_the_future_is_not_seen(name):
    shape = SHAPES[name]
    decoder, batch = model(shape), tokens(shape)
    changed = batch.clone()
    changed[..., 7:] = (changed[..., 7:] + 1) % shape.vocabulary
    before, after = decoder.logits(batch), decoder.logits(changed)
    assert torch.equal(before[:, :, :7], after[:, :, :7])
    assert not torch.allclose(before[:, :, 7:], after[:, :, 7:])


@pytest.mark.parametrize("name", SHAPES)
def test_bfloat16_layers_give_nearly_the_same(name):
    shape = SHAPES[name]
    decoder, batch = model(shape), tokens(shape)
    coarse = decoder.losses(batch, layers_in_bfloat16=True)
    assert coarse.dtype == torch.float32
    assert coarse.tolist() == pytest.approx(decoder.losses(batch).tolist(), rel=0.05)


def with_architecture(run: RunConfiguration, **fields) -> RunConfiguration:
    return replace(run, architecture=replace(run.architecture, **fields))


@pytest.mark.parametrize("name", ["modern", "no positions", "toy"])
def test_other_blocks_are_trained_as_the_default_is(name):
    """Through `train_ensemble`, with nothing edited and nothing registered."""
    run = with_architecture(configuration(300, batch=20, learning_rate=0.1), **CHANGES[name])
    (result,) = train_ensemble(CHAIN, [run])
    assert result.status == "ok"
    assert result.excess_loss < (math.log(CHAIN.nodes) - CHAIN.entropy_rate) / 2  # half of a uniform guess's
    assert result.parameters == run.architecture.parameters


@pytest.mark.parametrize("name", [name for name in CHANGES if name != "default"])
def test_other_blocks_are_other_runs(name):
    plain = configuration()
    run = with_architecture(plain, **CHANGES[name])
    assert run.identity != plain.identity
    assert RunConfiguration.from_json(run.canonical_json()) == run


# ---------------------------------------------------------------------- muP


@pytest.mark.parametrize("kind", ["sp", "mup", "mup-base"])
@pytest.mark.parametrize("name", [name for name in SHAPES if name != "odd heads"])
def test_rules_grow_with_the_width_as_the_table_says(name, kind):
    """Whatever the block: matrices and residual outputs as those of the default, a second embedding as the first."""
    parametrization = Parametrization(kind, base_width=32 if kind == "mup-base" else None)
    shape = replace(SHAPES[name], width=48)
    default = width_powers(replace(BASE, width=48), parametrization).set_index("tensor")
    powers = width_powers(shape, parametrization).set_index("tensor")
    roles = {rule.name.rpartition(".")[2]: rule.role for rule in tensor_rules(shape, parametrization)}
    assert set(roles.values()) <= set(ROLES)
    alike = {"embedding": "embedding", "positions": "embedding", "readout": "readout", "gain": "final_norm"}
    alike |= {"matrix": "mlp_up", "residual": "mlp_down", "bias": "final_norm"}
    for tensor, role in roles.items():
        if role == "router":  # test_experts compares it with the readout
            continue
        expected = default.loc[alike[role]]
        assert powers.loc[tensor].equals(expected), tensor
    assert powers.loc["attention_logits"].equals(default.loc["attention_logits"])


def test_a_bias_starts_at_zero_and_never_decays():
    rules = {rule.name: rule for rule in tensor_rules(SHAPES["toy"], Parametrization(weight_decay_mode="independent"))}
    bias = rules["layers.0.mlp_shift"]
    assert (bias.initial_std, bias.learning_rate_factor, bias.weight_decay_factor, bias.is_gain) == (0, 1, 0, False)
    assert not model(SHAPES["toy"]).flat.tensors["layers.0.mlp_shift"].any()


def test_the_table_has_a_row_for_the_tensors_of_a_block_from_outside():
    rows = table(SHAPES["toy"], Parametrization()).set_index("tensor")
    assert {"mlp_up", "mlp_shift", "mlp_down"} <= set(rows.index)
    assert "attention_norm" not in rows.index
    assert table(SHAPES["learned positions"], Parametrization()).set_index("tensor").loc["positions", "multiplier"] == 4


# ---------------------------------------------------------------------- names


def test_places_are_in_the_order_of_action():
    assert list(placed_blocks(replace(BASE, depth=1))) == [
        "layers.0.attention_norm",
        "layers.0.attention",
        "layers.0.mlp_norm",
        "layers.0.mlp",
        "final_norm",
    ]
    assert list(shapes(SHAPES["toy"])) == list(initial_model([toy_run()]).flat.tensors)


def toy_run():
    return with_architecture(configuration(), **CHANGES["toy"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"norm": "batchnorm"}, "norm must be one of 'layernorm', 'rmsnorm', or an import path .*, got 'batchnorm'"),
        ({"mlp": "relu"}, "mlp must be one of 'gelu', 'swiglu', or an import path .*, got 'relu'"),
        ({"positions": "sinus"}, "positions must be one of 'rotary', 'learned', 'none', got 'sinus'"),
        ({"key_value_heads": 3}, "key_value_heads must be a divisor of the 4 heads, got 3"),
        ({"key_value_heads": 8}, "key_value_heads must be a divisor of the 4 heads, got 8"),
        ({"key_value_heads": 0}, "key_value_heads must be an integer of at least 1, got 0"),
        ({"width": 12}, "heads must be such that the width 12 / heads is an even number, got 4"),
        ({"width": 15, "positions": "none"}, "heads must be a divisor of the width 15, got 4"),
    ],
)
def test_refused_architectures(fields, message):
    with pytest.raises(InvalidArgument, match=f"^{message}.*\\.$") as caught:
        replace(BASE, **fields)
    assert "\n" not in str(caught.value)


def test_odd_heads_need_no_pairs_without_rotation():
    assert Architecture(30, 12, heads=4, positions="none").head_dimension == 3


def test_as_many_keys_as_heads_is_the_default_and_its_identity():
    run = configuration()
    assert replace(run.architecture, key_value_heads=4) == run.architecture
    assert with_architecture(run, key_value_heads=4).identity == run.identity


@pytest.mark.parametrize(
    ("field", "path", "message"),
    [
        ("mlp", "no_such_package:mlp", "mlp must be an import path, .*No module named 'no_such_package'"),
        ("mlp", "tests.models.toy:absent", "mlp must be an import path, .*tests.models.toy has no absent"),
        ("mlp", "tests.models.toy:not_a_block", "mlp must be the import path of a .*Block"),
        ("mlp", "tests.models.toy:without_roles", "mlp must be a block whose shapes are"),
        ("mlp", "tests.models.toy:name_taken", "mlp must be a block whose shapes are"),
        (
            "mlp",
            "tests.models.toy:widening",
            r"mlp must be a block whose forward gives \(1, 40, 8\), as it gets, got \(1, 40, 32\)",
        ),
        ("mlp", "tests.models.toy:gives_nothing", "mlp must be a block whose forward gives"),
    ],
)
def test_a_block_from_outside_that_does_not_fit_is_refused_before_anything_is_trained(field, path, message):
    run = with_architecture(configuration(), **{field: path})
    assert RunConfiguration.from_json(run.canonical_json()) == run  # a record is readable without the block
    with pytest.raises(InvalidArgument, match=f"^{message}") as caught:
        train_ensemble(CHAIN, [run])
    assert "\n" not in str(caught.value)


def test_what_a_block_keeps_is_a_number():
    with pytest.raises(InvalidArgument, match=r"^mlp must be a block whose kept\(sizes\)"):
        training_bytes(replace(BASE, mlp="tests.models.toy:uncounted"), 1)


def test_refused_blocks():
    with pytest.raises(InvalidArgument, match="forward must be a function, got 3"):
        Block(lambda sizes: {}, 3, lambda sizes: 0)
    with pytest.raises(InvalidArgument, match="role must be one of"):
        TensorShape((2,), "weight")
    with pytest.raises(InvalidArgument, match="shape must be an integer of at least 1, got 0"):
        TensorShape((2, 0), "matrix")
    with pytest.raises(InvalidArgument, match="field must be one of 'norm', 'mlp'"):
        block("attention", "softmax")


# ---------------------------------------------------------------------- coordinate check

OTHER = {
    "rmsnorm": {"norm": "rmsnorm"},
    "swiglu": {"mlp": "swiglu"},
    "multi-query": {"key_value_heads": 1},
    "learned positions": {"positions": "learned"},
    "no positions": {"positions": "none"},
    "all of them": {"norm": "rmsnorm", "mlp": "swiglu", "key_value_heads": 1, "positions": "learned"},
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name != "all of them" else []) for name in OTHER]
)
def test_mup_is_flat_in_the_width_with_other_blocks(name, monkeypatch):
    """The short coordinate check of test_mup, with its rates and bounds; a sum with a wrong power would grow."""
    monkeypatch.setattr(coordinates, "Architecture", partial(Architecture, **OTHER[name]))
    arguments = {"widths": (32, 64, 128), "seeds": 2, "steps": 5, "batch": 4, "context": 25}
    slopes = {}
    for kind, rate in (("sp", SP_RATE), ("mup", MUP_RATE)):
        sizes = coordinates.activation_sizes(ER_200, Parametrization(kind), learning_rate=rate, **arguments)
        growth = coordinates.activation_growth(sizes)
        slopes[kind] = growth[(growth["step"] == 5) & growth["activation"].isin(OUTPUTS)]["slope"]
    assert slopes["sp"].min() > 1.0
    assert slopes["mup"].abs().max() < coordinates.BOUND
