"""The conditional KL where it is known in closed form, and against sampling."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from scaling_lib.data import chains
from scaling_lib.data.sources import Walks
from scaling_lib.data.walks import sample_walks
from scaling_lib.errors import InvalidArgument
from scaling_lib.models.wrapped import WrappedModule
from scaling_lib.runs.training.ensembles import initial_model
from scaling_lib.runs.training.scoring import LearningCurve, TestSet, conditional_kl, curve_steps
from tests.runs.tiny import CHAIN, configuration

WALKS = sample_walks(CHAIN, 40, 4, seed=3)


def table(logits):
    """A model that looks up its logits by the current token alone."""
    module = nn.Embedding(*logits.shape)
    with torch.no_grad():
        module.weight.copy_(torch.as_tensor(logits))
    return WrappedModule(module)


@pytest.mark.parametrize("kappa", [0, 1])
def test_the_truth_has_no_excess(kappa):
    chain = chains.biased(CHAIN, kappa=kappa, generator=np.random.default_rng(0)) if kappa else CHAIN
    with np.errstate(divide="ignore"):
        logits = np.maximum(np.log(chain.transitions.toarray()), -1e4)
    divergence = conditional_kl(table(logits + 3.0), chain, WALKS if not kappa else sample_walks(chain, 40, 4, seed=3))
    assert np.abs(divergence).max() < 1e-6


def test_a_uniform_guess_lacks_ln_v_minus_the_row_entropy():
    divergence = conditional_kl(table(np.zeros((12, 12))), CHAIN, WALKS)
    assert divergence.shape == (1, 40, 4)
    assert divergence[0] == pytest.approx(math.log(12) - CHAIN.row_entropies[WALKS], abs=1e-6)


def test_two_members_against_dense_arithmetic():
    model = initial_model([configuration(seed=0), configuration(seed=1)])
    divergence = conditional_kl(model, CHAIN, WALKS)
    with torch.no_grad():
        tokens = torch.as_tensor(WALKS).expand(2, *WALKS.shape)
        logs = torch.log_softmax(model.logits(tokens).double(), -1).numpy()
    P = CHAIN.transitions.toarray()[WALKS]
    expected = (P * (np.log(np.where(P > 0, P, 1)) - logs)).sum(-1)
    assert divergence == pytest.approx(expected, abs=1e-6)
    assert (divergence > 0).all()


def test_chunks_do_not_matter(monkeypatch):
    model = initial_model([configuration()])
    walks = sample_walks(CHAIN, 5000, 4, seed=3)  # 2^21 logits are 43,690 contexts of 12
    together = conditional_kl(model, CHAIN, np.concatenate([walks] * 3))
    assert together[0, :5000] == pytest.approx(conditional_kl(model, CHAIN, walks)[0], abs=1e-6)
    assert together[0, :5000] == pytest.approx(together[0, 10_000:], abs=1e-6)


def test_sampling_agrees_and_is_noisier():
    """The cross-entropy of sampled tokens estimates the same number; on the same walks its error is far larger."""
    model = initial_model([configuration()])
    walks = sample_walks(CHAIN, 2000, 5, seed=5)
    contexts = walks[:, :-1]
    exact = conditional_kl(model, CHAIN, contexts)[0]
    with torch.no_grad():
        logs = torch.log_softmax(model.logits(torch.as_tensor(contexts)[None]), -1)[0].numpy()
    sampled = -np.take_along_axis(logs, walks[:, 1:, None], -1)[..., 0] - CHAIN.row_entropies[contexts]
    error = sampled.mean(1).std(ddof=1) / len(walks) ** 0.5
    assert abs(sampled.mean() - exact.mean()) < 5 * error
    assert exact.mean(1).std() < 0.7 * sampled.mean(1).std()  # an untrained model; the gain grows as it learns


def test_learning_curve_keeps_means_and_standard_errors():
    model = initial_model([configuration(seed=0), configuration(seed=1)])
    curve = LearningCurve(model, [TestSet(Walks(CHAIN), WALKS, (0, 1))])
    assert curve.score(0, None)
    per_walk = conditional_kl(model, CHAIN, WALKS).mean(-1)
    assert curve.mean[0] == pytest.approx(per_walk.mean(1), rel=1e-12)
    assert curve.error[0] == pytest.approx(per_walk.std(1, ddof=1) / 40**0.5, rel=1e-12)
    assert np.isnan(curve.training[0]).all()
    model.flat.values[0] = math.nan  # an entry of the first member's embedding
    assert curve.score(1, torch.tensor([1.0, 2.0]))
    assert np.isnan(curve.mean[1]).tolist() == [True, False]
    model.flat.values.fill_(math.nan)
    assert not curve.score(2, torch.tensor([1.0, 2.0]))
    assert curve.steps == [0, 1, 2]


@pytest.mark.parametrize(
    ("steps", "points", "expected"),
    [
        (1, 1, (0, 1)),
        (100, 1, (0, 100)),
        (100, 3, (0, 1, 10, 100)),
        (4, 12, (0, 1, 2, 3, 4)),
        (1000, 4, (0, 1, 10, 100, 1000)),
    ],
)
def test_curve_steps(steps, points, expected):
    assert curve_steps(steps, points) == expected


def test_refusals():
    model = initial_model([configuration()])
    with pytest.raises(InvalidArgument, match="contexts must be of tokens below 12"):
        conditional_kl(model, CHAIN, WALKS + 1)
    with pytest.raises(InvalidArgument, match="model must be of vocabulary 12, got 9"):
        conditional_kl(WrappedModule(nn.Embedding(12, 9)), CHAIN, WALKS)
