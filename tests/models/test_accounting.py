"""Counted: parameters against tensors, FLOPs against torch's counter, bytes against what autograd keeps."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from scaling_lib.errors import InvalidArgument
from scaling_lib.models.accounting import Architecture, training_bytes, training_flops
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.models.transformer import Transformer

SHAPES = [
    Architecture(30, 16, context=10),
    Architecture(50, 32, depth=1, heads=2, context=7, tied=False),
    Architecture(20, 64, depth=3, heads=8, context=12),
]


def model(shape, members=1):
    return Transformer(shape, Parametrization(), generators=[torch.Generator() for _ in range(members)])


def tokens(shape, members=1, batch=4):
    return torch.randint(0, shape.vocabulary, (members, batch, shape.context), generator=torch.Generator())


@pytest.mark.parametrize("shape", SHAPES)
def test_parameters_are_those_of_the_model(shape):
    decoder = model(shape)
    sizes = {name: tensor.numel() for name, tensor in decoder.flat.tensors.items()}
    assert sum(sizes.values()) == shape.parameters == decoder.flat.values.numel()
    assert shape.nonembedding_parameters == sum(
        size for name, size in sizes.items() if name not in ("embedding", "readout")
    )


def test_parameters_of_the_paper():
    # 2 layers, tied: L (12 n^2 + 2 n) + n + V n at n = 128, V = 1000.
    assert Architecture(1000, 128).parameters == 2 * (12 * 128**2 + 256) + 128 + 128_000 == 521_856
    assert Architecture(8192, 512).heads == 8
    assert Architecture(8192, 64).heads == 4


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_exact_flops_are_what_torch_counts(shape, members):
    decoder, batch = model(shape, members), tokens(shape, members)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        decoder.losses(batch).sum().backward()
    # torch's counter knows baddbmm, but not the in-place one that sums up the gradient of the readout.
    unseen = members * 4 * (shape.context - 1) * 2 * shape.vocabulary * shape.width
    assert counter.get_total_flops() + unseen == training_flops(shape, batch.numel(), convention="exact")


@pytest.mark.parametrize("shape", SHAPES)
def test_forward_flops_are_what_torch_counts(shape):
    decoder, batch = model(shape), tokens(shape)
    with sdpa_kernel(SDPBackend.MATH), torch.no_grad(), FlopCounterMode(display=False) as counter:
        decoder.logits(batch)
    assert counter.get_total_flops() == 4 * shape.forward_flops(shape.context)


def test_conventions_differ_as_they_should():
    shape = Architecture(1000, 64, context=50)
    D = 1e6
    assert training_flops(shape, D) == 6 * shape.parameters * D
    assert training_flops(shape, D, convention="6ND non-embedding") == 6 * shape.nonembedding_parameters * D
    # 6ND counts the norm gains, which are in no product, and the last token, which predicts nothing, but no attention.
    S, T, n, L = 49, 50, 64, 2
    gains = (2 * L + 1) * n
    expected = (6 * (shape.parameters - gains) + 12 * L * n * S) * D * S / T
    assert training_flops(shape, D, convention="exact") == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("shape", [*SHAPES, Architecture(100, 64), Architecture(500, 32, depth=4)])
def test_bytes_bound_what_is_kept(shape, members):
    decoder, batch = model(shape, members), tokens(shape, members, batch=10)
    storages = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = decoder.losses(batch)
    storages.pop(decoder.flat.values.untyped_storage().data_ptr(), None)
    kept = sum(storages.values()) + 5 * decoder.flat.values.nbytes
    assert kept <= training_bytes(shape, 10, members=members) <= kept * 4 / 3
    assert loss.isfinite().all()


def test_refusals():
    with pytest.raises(InvalidArgument, match="heads must be such that the width 48"):
        Architecture(10, 48, heads=16)
    with pytest.raises(InvalidArgument, match="positions must be an integer of at least 1 and at most 10"):
        SHAPES[0].forward_flops(11)
    with pytest.raises(InvalidArgument, match="convention must be one of"):
        training_flops(SHAPES[0], 1, convention="6nd")
