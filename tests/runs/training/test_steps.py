"""A step that was captured once and is replayed is the step; precisions; where there is a GPU, the graph itself."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.uncertainty.intervals import student_mean
from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.models.transformer import Transformer
from scaling_lib.models.wrapped import WrappedModule
from scaling_lib.runs.records import Optimizer, RunConfiguration, Schedule
from scaling_lib.runs.sweeping.recipes import source_of
from scaling_lib.runs.training import steps
from scaling_lib.runs.training.ensembles import batches, initial_model, train_ensemble
from scaling_lib.runs.training.optimizers import AdamW, learning_rate_schedule
from scaling_lib.runs.training.steps import Replayed, TrainingStep, check_precision, matrix_products
from tests.runs.tiny import CHAIN, configuration

STEPS = 12


def members():
    wanted = [(0, 0.5, 0.01), (1, 0.1, 0.0), (0, 0.02, 0.3)]
    return [configuration(STEPS, seed=s, learning_rate=rate, weight_decay=decay) for s, rate, decay in wanted]


def trained(capture=None, device="cpu"):
    """Losses of every step and the final weights, of three members."""
    group = members()
    model = initial_model(group, device=device)
    step = TrainingStep(
        model, AdamW(model, [run.optimizer for run in group], learning_rate_schedule(STEPS)), capture=capture
    )
    losses = [step(tokens).clone() for tokens in batches(CHAIN, group, device)]
    return torch.stack(losses).cpu(), model.flat.values.detach().cpu()


def recorded(step, example):
    """What a CUDA graph does, on a CPU: the operations of one step are written down, then done again on the same
    tensors. Whatever the step took from the host is frozen in what was written down."""
    tokens = example.clone()
    graph = make_fx(lambda batch: step(batch), tracing_mode="real")(tokens)  # a method has a self
    losses = torch.empty(len(tokens))

    @torch.no_grad()  # its own gradients were written down too
    def replay():
        losses.copy_(graph(tokens))

    return Replayed(tokens, losses, replay)


def test_a_replay_is_the_step(monkeypatch):
    monkeypatch.setattr(Transformer, "_check", lambda self, tokens, shortest=1: None)  # reads values, on a CPU only
    for ours, expected in zip(trained(kept_from_training(recorded)), trained(), strict=True):
        assert torch.equal(ours, expected)


def kept_from_training(record):
    """`record` runs the step while it writes it down, which a CUDA graph does not: undo that."""

    def capture(step, example):
        owner = step.__self__
        state = [owner.model.flat.values, *owner.optimizer.state.values()]
        before = [tensor.detach().clone() for tensor in state]
        replayed = record(step, example)
        with torch.no_grad():
            for tensor, value in zip(state, before, strict=True):
                tensor.copy_(value)
        return replayed

    return capture


def test_a_step_that_reads_the_host_would_be_found_out(monkeypatch):
    """The same test fails on an optimizer that takes its step's number from the host."""
    monkeypatch.setattr(Transformer, "_check", lambda self, tokens, shortest=1: None)
    real = AdamW.step

    def from_the_host(self):
        self.taken = getattr(self, "taken", -1) + 1
        self._step.fill_(self.taken)
        real(self)

    expected = trained()[1]
    monkeypatch.setattr(AdamW, "step", from_the_host)
    assert torch.equal(trained()[1], expected)
    assert not torch.equal(trained(kept_from_training(recorded))[1], expected)


def test_capture_comes_after_the_warm_up_and_once():
    seen = []

    def capture(step, example):
        seen.append(example.clone())
        return step

    ours, expected = trained(capture), trained()
    assert torch.equal(ours[1], expected[1])
    assert len(seen) == 1
    assert torch.equal(seen[0], list(batches(CHAIN, members()))[steps.WARM_UP_STEPS])


# ---------------------------------------------------------------------- precision

# Fixed before the first run: the 95 % interval of the mean of ln(excess in bfloat16 / excess in float32) lies within
# this of zero.
MARGIN = 0.1


def excess_losses(precision, device="cpu", *, tokens=60_000, seeds=6):
    source, chain = source_of("erdos_renyi", {"nodes": 50, "edges": 150}, 0)
    shape = Architecture(50, 32, context=20)
    runs = [
        RunConfiguration(
            source, shape, Parametrization(), Optimizer(1.0), Schedule(tokens, batch=20), seed=seed, precision=precision
        )
        for seed in range(seeds)
    ]
    return np.array([result.excess_loss for result in train_ensemble(chain, runs, device=device)])


def agree(first, second):
    _, low, high = student_mean(np.log(first / second))
    return -MARGIN < low < high < MARGIN


@pytest.fixture(scope="module")
def exact():
    return excess_losses("float32")


def test_a_few_steps_in_bfloat16_are_near_those_in_float32():
    """The short form of the next test, without its interval: two seeds, each within the margin and not the same."""
    exact, rounded = (excess_losses(precision, tokens=4000, seeds=2) for precision in ("float32", "bfloat16"))
    assert (rounded != exact).all()
    assert (np.abs(np.log(rounded / exact)) < MARGIN).all()


@pytest.mark.slow  # half a minute
def test_the_excess_loss_in_bfloat16_agrees(exact):
    rounded = excess_losses("bfloat16")
    assert not np.array_equal(rounded, exact)
    assert agree(rounded, exact), np.log(rounded / exact)


@pytest.mark.slow  # a quarter of a minute
def test_a_coarser_precision_would_not_agree(exact, monkeypatch):
    """Layers rounded to 3 bits of mantissa, as in 8-bit floats, fail the same rule."""
    real = Transformer._hidden

    def rounded(self, *arguments, **named):
        hidden = real(self, *arguments, **named)
        return hidden + (hidden.detach().to(torch.float8_e4m3fn).float() - hidden.detach())

    monkeypatch.setattr(Transformer, "_hidden", rounded)
    assert not agree(excess_losses("float32"), exact)


def test_a_setting_of_torch_is_put_back(monkeypatch):
    monkeypatch.setattr(steps, "_has_tf32", lambda device: device.type == "cuda")
    cuda, before = torch.device("cuda"), torch.get_float32_matmul_precision()
    inside = {}
    for precision in ("float32", "tf32", "bfloat16"):
        with matrix_products(precision, cuda):
            inside[precision] = torch.get_float32_matmul_precision()
    assert inside == {"float32": "highest", "tf32": "high", "bfloat16": "high"}
    with pytest.raises(ZeroDivisionError), matrix_products("tf32", cuda):
        raise ZeroDivisionError
    with matrix_products("tf32", torch.device("cpu")):
        assert torch.get_float32_matmul_precision() == before
    assert torch.get_float32_matmul_precision() == before


def test_another_setting_of_torch_is_said_where_it_matters(monkeypatch):
    """Whoever used the newer switch cannot use the older one too; on a CPU none of them matters."""

    def mixed():
        raise RuntimeError("mix of the legacy and new APIs")

    monkeypatch.setattr(torch, "get_float32_matmul_precision", mixed)
    with matrix_products("float32", torch.device("cpu")):
        pass
    refused = pytest.raises(InvalidArgument, match="precision 'float32' cannot be set")
    with refused, matrix_products("float32", torch.device("cuda")):
        pass


def test_refusals():
    with pytest.raises(InvalidArgument, match="precision must be one that the device computes in, got 'tf32' on cpu"):
        check_precision("tf32", "cpu")
    module = WrappedModule(nn.Embedding(12, 12))
    optimizer = AdamW(module, [Optimizer(0.1)], np.ones(2))
    with pytest.raises(InvalidArgument, match="precision must be 'float32' for a module of your own"):
        TrainingStep(module, optimizer, "bfloat16")
    with pytest.raises(InvalidArgument, match="capture must be a function"):
        TrainingStep(module, optimizer, capture="never")
    with pytest.raises(InvalidArgument, match=r"tokens must be of shape \(1, 2, 3\)"):
        Replayed(torch.zeros(1, 2, 3), torch.zeros(1), print)(torch.zeros(1, 2, 4))
    with pytest.raises(InvalidArgument, match="replay must be a function"):
        Replayed(torch.zeros(1, 2, 3), torch.zeros(1), None)


# ---------------------------------------------------------------------- on a GPU


@pytest.mark.needs_cuda
def test_the_graph_is_the_step_on_a_gpu():
    graph, eager, host = trained("auto", "cuda"), trained(None, "cuda"), trained()
    assert torch.allclose(graph[0], eager[0], rtol=1e-5)
    assert torch.allclose(graph[0], host[0], rtol=1e-4)


@pytest.mark.needs_cuda
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_the_excess_loss_on_a_gpu_agrees(precision, exact):
    if precision == "tf32" and torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("this device has no TF32")
    assert agree(excess_losses(precision, "cuda"), exact)
