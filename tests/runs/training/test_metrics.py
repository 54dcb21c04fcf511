"""Leak, within and context against dense arithmetic and against models that have one of them alone."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from scaling_lib.data.sources import Walks
from scaling_lib.data.walks import sample_walks
from scaling_lib.errors import InvalidArgument
from scaling_lib.models.wrapped import WrappedModule
from scaling_lib.runs.keeping.kept import KeptModels
from scaling_lib.runs.training.ensembles import derived_seed, initial_model, train_ensemble
from scaling_lib.runs.training.metrics import METRICS, Scores, context, leak, measure, within
from scaling_lib.runs.training.scoring import TestSet, conditional_kl, test_sets
from tests.runs.tiny import CHAIN, configuration
from tests.runs.training.test_scoring import table

WALKS = sample_walks(CHAIN, 40, 4, seed=3)
TRUE = CHAIN.transitions.toarray()


def set_of(members):
    return TestSet(Walks(CHAIN), WALKS, members)


def test_leak_and_within_are_the_parts_of_the_divergence():
    model = initial_model([configuration(seed=0), configuration(seed=1)])
    scores = Scores(model, set_of((0, 1)))
    with torch.no_grad():
        q = torch.softmax(model.logits(torch.as_tensor(WALKS).expand(2, *WALKS.shape)).double(), -1).numpy()
    P = TRUE[WALKS]  # [sequence, time, V]
    mass = (q * (P > 0)).sum(-1)
    assert scores.leak == pytest.approx(-np.log(mass), abs=1e-6)
    renormalised = q / mass[..., None]
    inside = (P * (np.log(np.where(P > 0, P, 1)) - np.log(renormalised))).sum(-1)
    assert scores.within == pytest.approx(inside, abs=1e-6)
    assert scores.leak + scores.within == pytest.approx(conditional_kl(model, CHAIN, WALKS), abs=1e-12)


@pytest.mark.parametrize("outside", [1e-7, 1e-3, 0.4, 0.6, 0.999])
def test_a_planted_leak_is_found_to_its_last_digits(outside):
    """Rows that keep the true proportions, with a known mass on wrong nodes."""
    wrong = (TRUE == 0) / (TRUE == 0).sum(1, keepdims=True)
    model = table(np.log((1 - outside) * TRUE + outside * wrong))
    scores = Scores(model, set_of((0,)))
    assert leak(scores) == pytest.approx(-math.log1p(-outside), rel=2e-5)
    assert within(scores) == pytest.approx(0.0, abs=1e-6)
    assert context(scores) == pytest.approx(0.0, abs=1e-6)  # a table looks at the last node alone


class Alternating(nn.Module):
    """The true rows, tempered up at even positions and down at odd ones: right on average, different by context."""

    def __init__(self, amount):
        super().__init__()
        rows = torch.as_tensor(np.log(np.maximum(TRUE, 1e-12)), dtype=torch.float32)
        self.rows = nn.Parameter(rows)
        self.tilt = torch.linspace(-amount, amount, rows.shape[1])

    def forward(self, tokens):
        sign = 1 - 2 * (torch.arange(tokens.shape[1]) % 2)
        return self.rows[tokens] + sign[:, None] * self.tilt


def test_context_is_what_is_left_when_each_node_has_its_mean_law():
    model = WrappedModule(Alternating(0.8))
    scores = Scores(model, set_of((0,)))
    q = np.exp(scores.node_laws[0])
    q /= q.sum(1, keepdims=True)
    visits = np.bincount(WALKS.ravel(), minlength=12)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_node = np.where(TRUE > 0, TRUE * np.log(TRUE / q), 0).sum(1)
    bias = (visits * np.nan_to_num(of_node)).sum() / visits.sum()
    assert context(scores)[0] == pytest.approx(conditional_kl(model, CHAIN, WALKS).mean() - bias, abs=1e-6)
    assert context(scores)[0] > 0.01


def test_members_on_graphs_of_their_own_are_measured_on_these():
    other = Walks(CHAIN, "strength")
    pair = [configuration(seed=0), configuration(seed=1)]
    model = initial_model(pair)
    tests = test_sets([Walks(CHAIN), other], 10, 5, 1)
    together = measure(model, tests, tuple(METRICS), 7)
    for k, tokens in enumerate((Walks(CHAIN), other)):
        single = initial_model(pair[k : k + 1])
        (expected,) = measure(single, test_sets([tokens], 10, 5, 1), tuple(METRICS), 7)
        assert [m.value for m in together[k]] == pytest.approx([m.value for m in expected], rel=1e-4)
        assert [(m.metric, m.step) for m in together[k]] == [(name, 7) for name in METRICS]


def test_a_finished_run_carries_its_measurements():
    (result,) = train_ensemble(CHAIN, [configuration(20, learning_rate=0.1)])
    values = {m.metric: m.value for m in result.measurements}
    assert values["leak"] + values["within"] == pytest.approx(result.excess_loss, rel=1e-9)
    assert 0 <= values["context"] < result.excess_loss
    assert {m.step for m in result.measurements} == {20}
    assert train_ensemble(CHAIN, [configuration(20, learning_rate=0.1)], metrics=())[0].measurements == ()


@pytest.mark.parametrize("together", [1, 2])
def test_kept_weights_give_the_measurements_again(tmp_path, together):
    kept = KeptModels(tmp_path)
    runs = [configuration(20, learning_rate=0.1, seed=seed) for seed in (0, 1)]
    results = train_ensemble(CHAIN, runs, keep=kept, members_at_once=together)
    assert set(kept.identities) == {run.identity for run in runs}
    for run, result in zip(runs, results, strict=True):
        seed = derived_seed(run.evaluation.seed, "evaluation walks")
        tests = test_sets([CHAIN], run.evaluation.walks, run.architecture.context, seed)
        (again,) = measure(kept.model(run), tests, tuple(METRICS), 20)
        assert [m.value for m in again] == pytest.approx([m.value for m in result.measurements], rel=1e-4)


def test_too_many_weights_are_refused_before_anything_is_trained(tmp_path):
    with pytest.raises(InvalidArgument, match="at_most_bytes"):
        train_ensemble(CHAIN, [configuration(10**6)], keep=KeptModels(tmp_path, at_most_bytes=100))


def largest(scores):
    """A metric from outside of the library."""
    return scores.kl.max((1, 2))


def test_a_metric_from_outside_is_named_by_its_import_path():
    name = "tests.runs.training.test_metrics:largest"
    (result,) = train_ensemble(CHAIN, [configuration(2)], metrics=(name, "leak"))
    assert [m.metric for m in result.measurements] == [name, "leak"]
    assert result.measurements[0].value > result.excess_loss


def shapeless(scores):
    return np.zeros(7)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lek", "metrics must be of leak, within, context, or import paths"),
        ("tests.runs.training.test_metrics:absent", "has no absent"),
        ("tests.runs.training.test_metrics:WALKS", "metrics must be functions of Scores"),
        ("tests.runs.training.test_metrics:shapeless", "metrics must be functions that give 1 numbers"),
    ],
)
def test_bad_metrics_are_refused(name, message):
    with pytest.raises(InvalidArgument, match=message):
        train_ensemble(CHAIN, [configuration()], metrics=(name,))
