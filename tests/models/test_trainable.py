"""What training asks of a model: an object of one's own that has it is trained, one that lacks it is refused."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional

from scaling_lib.errors import InvalidArgument
from scaling_lib.models.devices import check_device
from scaling_lib.models.parametrization import TensorRule
from scaling_lib.models.trainable import FlatTensors, Trainable, check_trainable
from scaling_lib.runs.records import Optimizer
from scaling_lib.runs.training.ensembles import train_model
from scaling_lib.runs.training.optimizers import AdamW
from scaling_lib.runs.training.scoring import conditional_kl
from scaling_lib.runs.training.steps import TrainingStep
from tests.runs.tiny import CHAIN, configuration


class Tables:
    """K bigram tables of logits [V, V]: neither a subclass of anything of ours nor a torch.nn.Module."""

    float32_only = True
    replayable = False

    def __init__(self, members, vocabulary):
        self.members, self.vocabulary = members, vocabulary
        self.flat = FlatTensors({"table": (vocabulary, vocabulary)}, members)
        self.rules = [TensorRule("table", (vocabulary, vocabulary), 0.0, 1.0, 0.0, 1.0)]
        self.parameters = self.nonembedding_parameters = vocabulary**2

    def logits(self, tokens):
        return torch.stack([functional.embedding(own, table) for own, table in zip(tokens, self._tables, strict=True)])

    def losses(self, tokens, *, layers_in_bfloat16=False):
        assert not layers_in_bfloat16
        logits = self.logits(tokens[..., :-1]).movedim(-1, 1)
        return functional.cross_entropy(logits, tokens[..., 1:], reduction="none").flatten(1).mean(1)

    @property
    def _tables(self):
        return self.flat.tensors["table"]


def test_an_object_from_outside_is_trained_and_scored():
    runs = [configuration(300, batch=20, learning_rate=rate, model="tables") for rate in (0.3, 1e-9)]
    model: Trainable = Tables(2, CHAIN.nodes)
    learned, held = train_model(CHAIN, model, runs)
    assert learned.status == held.status == "ok"
    assert learned.excess_loss < 0.05 < held.excess_loss
    assert held.excess_loss == pytest.approx(held.curve_excess_loss[0], abs=1e-5)
    assert learned.parameters == CHAIN.nodes**2
    # At the logarithm of the transition matrix nothing is in excess.
    with torch.no_grad():
        laws = torch.tensor(CHAIN.transitions.toarray() + 1e-30)
        model.flat.tensors["table"].copy_(laws.log())
    assert conditional_kl(model, CHAIN, np.array([[0, 1, 2], [3, 4, 5]])).max() < 1e-6


def test_a_step_by_hand():
    model = Tables(1, CHAIN.nodes)
    step = TrainingStep(model, AdamW(model, [Optimizer(0.1)], np.ones(5)))
    tokens = torch.tensor([[[0, 1, 2, 3]]])
    losses = [step(tokens).item() for _ in range(5)]
    assert losses[0] == pytest.approx(np.log(CHAIN.nodes))
    assert losses == sorted(losses, reverse=True)


def test_a_coarser_precision_is_refused_for_it():
    model = Tables(1, CHAIN.nodes)
    optimizer = AdamW(model, [Optimizer(0.1)], np.ones(5))
    with pytest.raises(InvalidArgument, match="precision must be 'float32' for a module of your own"):
        TrainingStep(model, optimizer, "bfloat16")


@pytest.mark.parametrize("name", ["members", "flat", "rules", "losses", "logits", "replayable"])
def test_what_is_missing_is_named(name):
    class Lacking:
        pass

    whole, lacking = Tables(1, 3), Lacking()
    wanted = [member for member in dir(Trainable) if not member.startswith("_")]
    assert name in wanted
    for member in wanted:
        if member != name:
            setattr(lacking, member, getattr(whole, member))
    assert check_trainable("model", whole) is whole
    with pytest.raises(InvalidArgument, match=f"model must be a model that can be trained, with {name}, got"):
        AdamW(lacking, [Optimizer(0.1)], np.ones(1))


def test_devices_need_no_torch_until_one_is_asked_for():
    code = "import sys, scaling_lib.models.devices as d; print('torch' in sys.modules, d.check_device('cpu'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "cpu"]


@pytest.mark.parametrize("device", ["meta", "toaster", None, 3])
def test_devices_that_are_none(device):
    with pytest.raises(InvalidArgument, match="device must be"):
        check_device(device)
