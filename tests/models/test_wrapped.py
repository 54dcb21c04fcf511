"""A reader's own module inside the flat buffers."""

import pytest
import torch
from torch import nn

from scaling_lib.errors import InvalidArgument
from scaling_lib.models.wrapped import WrappedModule


class TwoLayers(nn.Module):
    def __init__(self, vocabulary=7):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, 4)
        self.readout = nn.Linear(4, vocabulary)
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)

    def forward(self, tokens):
        return self.readout(self.embedding(tokens))


TOKENS = torch.arange(10).view(1, 2, 5) % 7


def test_parameters_become_views_and_keep_their_values():
    module = TwoLayers()
    before = {name: each.detach().clone() for name, each in module.named_parameters()}
    logits = module(TOKENS[0])
    model = WrappedModule(module)
    assert torch.equal(model.logits(TOKENS)[0], logits)
    assert {rule.name: rule.weight_decay_factor for rule in model.rules} == {
        "embedding.weight": 1.0,
        "readout.weight": 1.0,
        "readout.bias": 0.0,
    }
    assert (model.parameters, model.nonembedding_parameters) == (7 * 4 + 4 * 7 + 7, 4 * 7 + 7)
    for name, each in module.named_parameters():
        assert torch.equal(each, before[name])
    model.flat.values.zero_()
    assert module.readout.bias.eq(0).all()
    assert module.embedding.weight.eq(0).all()
    assert module.frozen.eq(1).all()


def test_gradients_arrive_in_the_buffer():
    module, alone = TwoLayers(), TwoLayers()
    alone.load_state_dict(module.state_dict())
    model = WrappedModule(module)
    loss = model.losses(TOKENS)
    loss.sum().backward()
    logits = alone(TOKENS[0, :, :-1])
    expected = nn.functional.cross_entropy(logits.flatten(0, 1), TOKENS[0, :, 1:].flatten())
    expected.backward()
    assert loss.tolist() == pytest.approx([expected.item()], abs=1e-6)
    found = torch.cat([part[0] for part in model.flat.split(model.flat.gradients)])
    wanted = torch.cat([each.grad.flatten() for each in alone.parameters() if each.requires_grad])
    assert torch.allclose(found, wanted, atol=1e-7)


def test_training_and_evaluation_mode():
    module = nn.Sequential(nn.Embedding(7, 7), nn.Dropout(0.5))
    model = WrappedModule(module)
    assert torch.equal(model.logits(TOKENS), model.logits(TOKENS))
    assert not module.training
    model.losses(TOKENS)
    assert module.training


def test_refusals():
    with pytest.raises(InvalidArgument, match="module must be a module with trainable parameters, got 'Identity'"):
        WrappedModule(nn.Identity())
    with pytest.raises(InvalidArgument, match="module must be a module of float32 parameters"):
        WrappedModule(TwoLayers().double())
    with pytest.raises(InvalidArgument, match="learning_rate_factors must be keyed by embedding"):
        WrappedModule(TwoLayers(), learning_rate_factors={"frozen": 1.0})
    with pytest.raises(InvalidArgument, match="module must be a map from tokens"):
        WrappedModule(nn.Linear(5, 5)).logits(TOKENS.float())
    with pytest.raises(InvalidArgument, match="tokens must be integers of shape"):
        WrappedModule(TwoLayers()).logits(TOKENS[0])
