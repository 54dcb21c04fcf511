"""The decoder against an independent plain module, its loss against torch's, and members that do not meet."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from benchmarks.training import PlainDecoder
from scaling_lib.errors import InvalidArgument
from scaling_lib.models import transformer
from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.models.trainable import FlatTensors
from scaling_lib.models.transformer import Transformer, linear_cross_entropy

SHAPE = Architecture(30, 16, context=12)


def model(shape=SHAPE, parametrization=None, seeds=(0,)):
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return Transformer(shape, parametrization or Parametrization("sp", initial_std=0.2), generators=generators)


def tokens(members=1, shape=SHAPE, batch=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, shape.vocabulary, (members, batch, shape.context), generator=generator)


@pytest.mark.parametrize("shape", [SHAPE, Architecture(40, 24, depth=3, heads=2, context=9)])
def test_logits_and_gradients_are_those_of_a_plain_module(shape):
    ours, plain, batch = model(shape), PlainDecoder(shape), tokens(shape=shape)
    plain.copy_from(ours)
    assert torch.allclose(ours.logits(batch)[0], plain(batch[0]), atol=2e-6)
    ours.losses(batch).sum().backward()
    logits = plain(batch[0, :, :-1])
    loss = functional.cross_entropy(logits.flatten(0, 1), batch[0, :, 1:].flatten())
    loss.backward()
    assert ours.losses(batch).tolist() == pytest.approx([loss.item()], abs=1e-6)
    assert torch.allclose(ours.flat.tensors["embedding"].grad[0], plain.embedding.weight.grad, atol=1e-6)
    found = ours.flat.tensors["layers.1.mlp_down"].grad[0]
    assert torch.allclose(found, plain.layers[1].mlp_down.weight.grad.T, atol=1e-6)


def test_the_future_is_not_seen():
    decoder, batch = model(), tokens()
    changed = batch.clone()
    changed[..., 7:] = (changed[..., 7:] + 1) % SHAPE.vocabulary
    before, after = decoder.logits(batch), decoder.logits(changed)
    assert torch.equal(before[:, :, :7], after[:, :, :7])
    assert not torch.allclose(before[:, :, 7:], after[:, :, 7:])


def test_positions_count_only_by_their_difference():
    """q.k at positions s and t depends on s - t: the attention logits of a constant sequence are a Toeplitz matrix."""
    found = {}
    model().hidden(torch.full((1, 1, 12), 3), lambda name, activation: found.update({name: activation}))
    logits = found["layers.0.attention_logits"][0, 0]
    for difference in range(12):
        diagonal = logits.diagonal(-difference)
        assert torch.allclose(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-5)
    assert logits[:, 0].std() > 1e-3


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", ["sp", "mup", "mup-base"])
def test_members_are_what_they_are_alone(kind, tied):
    shape = Architecture(30, 16, context=12, tied=tied)
    parametrization = Parametrization(kind, base_width=8 if kind == "mup-base" else None)
    batch = tokens(members=3)
    together = model(shape, parametrization, seeds=(4, 5, 6))
    losses = together.losses(batch)
    losses.sum().backward()
    for k, seed in enumerate((4, 5, 6)):
        alone = model(shape, parametrization, seeds=(seed,))
        loss = alone.losses(batch[k : k + 1])
        loss.sum().backward()
        assert loss.tolist() == pytest.approx(losses[k : k + 1].tolist(), abs=1e-6)
        for name, tensor in alone.flat.tensors.items():
            assert torch.equal(tensor[0], together.flat.tensors[name][k])
            assert torch.allclose(tensor.grad[0], together.flat.tensors[name].grad[k], atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "width", "expected"),
    # Logits at the start, of normed states: SP sigma sqrt(n), muP n^-1/2 sqrt(n) n^-1/2. (Tied, that of the current
    # token is larger.)
    [("sp", 256, 0.02 * 16), ("mup", 64, 1 / 8), ("mup", 256, 1 / 16)],
)
def test_initial_scales(kind, width, expected):
    shape = Architecture(200, width, context=20, tied=False)
    decoder = model(shape, Parametrization(kind), seeds=(0, 1, 2))
    found = {}
    with torch.no_grad():
        logits = decoder.logits(tokens(3, shape, batch=4))
        decoder.hidden(tokens(3, shape, batch=4), lambda name, activation: found.update({name: activation}))
    assert float(logits.std()) == pytest.approx(expected, rel=0.1)
    assert float(found["embedding"].std()) == pytest.approx({"sp": 0.02, "mup": 1.0}[kind], rel=0.02)


def test_uniform_guess_at_a_zero_readout():
    decoder = model(Architecture(30, 16, context=12, tied=False), Parametrization("sp", zero_readout=True))
    assert decoder.losses(tokens()).tolist() == pytest.approx([math.log(30)], abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(K=st.integers(1, 3), M=st.integers(1, 40), V=st.integers(2, 30), n=st.integers(1, 5), rows=st.integers(1, 50))
def test_chunked_loss_is_the_plain_one(K, M, V, n, rows):
    generator = torch.Generator().manual_seed(M)
    hidden = torch.randn(K, M, n, generator=generator, dtype=torch.float64, requires_grad=True)
    readout = torch.randn(K, V, n, generator=generator, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(0, V, (K, M), generator=generator)
    weights = torch.rand(K, generator=generator, dtype=torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transformer, "_rows_per_chunk", lambda *_: rows)
        chunked = linear_cross_entropy(hidden, readout, targets)
        ours = torch.autograd.grad((chunked * weights).sum(), (hidden, readout))
    logits = torch.einsum("kmn,kvn->kvm", hidden, readout)
    plain = functional.cross_entropy(logits, targets, reduction="none").mean(1)
    theirs = torch.autograd.grad((plain * weights).sum(), (hidden, readout))
    assert torch.allclose(chunked, plain, atol=1e-12)
    for found, expected in zip(ours, theirs, strict=True):
        assert torch.allclose(found, expected, atol=1e-12)


def test_a_hopeless_target_costs_87_nats_and_has_its_gradient():
    hidden = torch.tensor([[[1000.0]]], requires_grad=True)
    readout = torch.tensor([[[1.0], [-1.0]]])
    loss = linear_cross_entropy(hidden, readout, torch.tensor([[1]]))
    assert loss.tolist() == pytest.approx([-math.log(torch.finfo(torch.float32).tiny)], rel=1e-6)
    (gradient,) = torch.autograd.grad(loss.sum(), hidden)
    assert gradient.item() == 2.0


def test_flat_tensors_are_views():
    flat = FlatTensors({"a": (3,), "b": (2, 2), "c": ()}, 2)
    assert flat.values.numel() == 2 * (3 + 4 + 1)
    assert {name: tuple(tensor.shape) for name, tensor in flat.tensors.items()} == {
        "a": (2, 3),
        "b": (2, 2, 2),
        "c": (2,),
    }
    (flat.tensors["b"] ** 2).sum().backward()
    flat.values.fill_(1.0)
    assert flat.tensors["b"].eq(1).all()
    (flat.tensors["b"] ** 2).sum().backward()
    assert flat.gradients.tolist() == [0.0] * 6 + [2.0] * 8 + [0.0] * 2  # 0 from the first, 2 from the second
    assert [part.shape for part in flat.split(flat.gradients)] == [(2, 3), (2, 4), (2, 1)]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.zeros(1, 3, 13, dtype=torch.int64), "tokens must be int64 of shape"),
        (torch.zeros(2, 3, 12, dtype=torch.int64), "mind the leading axis"),
        (torch.zeros(1, 3, 12), "tokens must be int64"),
        (torch.full((1, 3, 12), 30), r"tokens must be in 0 .. 29, got \(30, 30\)"),
    ],
)
def test_refused_tokens(value, message):
    with pytest.raises(InvalidArgument, match=message):
        model().losses(value)


def test_refused_arguments():
    with pytest.raises(InvalidArgument, match="device must be"):
        Transformer(SHAPE, Parametrization(), generators=[torch.Generator()], device="abacus")
    with pytest.raises(InvalidArgument, match="generators must be a list of at least 1 Generator"):
        Transformer(SHAPE, Parametrization(), generators=[])
    with pytest.raises(InvalidArgument, match="targets must be int64 of shape"):
        linear_cross_entropy(torch.zeros(1, 2, 3), torch.zeros(1, 4, 3), torch.zeros(1, 3).long())
    with pytest.raises(InvalidArgument, match="readout must be like hidden"):
        linear_cross_entropy(torch.zeros(1, 2, 3), torch.zeros(1, 4, 2), torch.zeros(1, 2).long())
