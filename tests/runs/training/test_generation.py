"""Metrics of generated walks against every walk of a small graph, one by one, and against models with planted laws."""

from itertools import product

import numpy as np
import pytest
import torch

from scaling_lib.data.chains import erdos_renyi
from scaling_lib.data.sources import Walks
from scaling_lib.data.transfer import walk_probabilities
from scaling_lib.data.walks import sample_walks
from scaling_lib.runs.training.ensembles import initial_model, train_model
from scaling_lib.runs.training.generation import GENERATION, LENGTHS, brier, calibration
from scaling_lib.runs.training.metrics import Scores, check_metrics, leak, measure
from scaling_lib.runs.training.scoring import TestSet, test_sets
from tests.runs.tiny import CHAIN, configuration
from tests.runs.training.test_scoring import table

TRUE = CHAIN.transitions.toarray()
EDGES = TRUE > 0
WALKS = sample_walks(CHAIN, 40, 4, seed=3)


def trained(*seeds):
    runs = [configuration(60, learning_rate=0.5, context=40, seed=seed) for seed in seeds]  # holds the longest walk
    model = initial_model(runs)
    train_model(CHAIN, model, runs, metrics=())
    return model


def found_in(model, members=(0,), chain=CHAIN):
    scores = Scores(model, TestSet(Walks(chain), WALKS, members))
    metrics = check_metrics(GENERATION)
    return {name.rpartition(":")[2]: metric(scores) for name, metric in metrics.items()}


def laws_after(model, sequences, member=0):
    tokens = torch.as_tensor(np.array(sequences)).expand(model.members, -1, -1)
    with torch.no_grad():
        return torch.softmax(model.logits(tokens).double(), -1)[member].numpy()  # [sequence, time, V]


@pytest.fixture(scope="module")
def model():
    return trained(0)


def test_two_steps_are_what_every_walk_of_two_steps_sums_to(model):
    pairs = list(product(range(12), repeat=2))
    laws = laws_after(model, pairs)
    start = CHAIN.start_law("stationary")
    one = {u: laws[12 * u, 0] for u in range(12)}
    mass = {(u, v): (law[1] * EDGES[v]).sum() for (u, v), law in zip(pairs, laws, strict=True)}
    exact = sum(start[u] * one[u][v] * mass[u, v] for u, v in pairs if EDGES[u, v])
    found = found_in(model)
    assert found["sampled_2"][0] == pytest.approx(exact, abs=4 * found["error_2"][0])
    assert found["walk_1"][0] == pytest.approx(sum(start[u] * one[u][EDGES[u]].sum() for u in range(12)), abs=1e-6)
    assert 0 < found["error_2"][0] < 0.02


def test_a_model_that_looks_at_its_last_node_alone_walks_by_its_transfer_matrix():
    """Attention switched off: the laws after one node are the laws after any context."""
    model = trained(0)
    for name, tensor in model.flat.tensors.items():
        if name.endswith("attention_out"):
            tensor.data.zero_()
    rows = laws_after(model, [[u] for u in range(12)])[:, 0]
    assert laws_after(model, [[3, 5, 7]])[0, -1] == pytest.approx(rows[7], abs=1e-6)
    found = found_in(model)
    for L in LENGTHS:
        assert found[f"walk_{L}"][0] == pytest.approx(walk_probabilities(rows, CHAIN, [L])[0], rel=1e-5)
        assert found[f"sampled_{L}"][0] == pytest.approx(found[f"walk_{L}"][0], abs=4 * found[f"error_{L}"][0])


def test_greedy_walks_are_those_of_a_loop(model):
    found = found_in(model)
    right = np.ones((12, max(LENGTHS)), bool)
    for u in range(12):
        walk = [u]
        for step in range(max(LENGTHS)):
            walk.append(int(laws_after(model, [walk])[0, -1].argmax()))
            right[u, step:] &= EDGES[walk[-2], walk[-1]]
    for L in LENGTHS:
        assert found[f"greedy_{L}"][0] == right[:, L - 1].mean()


def test_walks_that_may_leave_are_sampled_with_their_probability(model):
    """Four thousand walks of eight steps by a loop, counted: the share that is real, and the share of real edges."""
    generator = np.random.default_rng(0)
    walks = generator.choice(12, (4000, 1), p=CHAIN.start_law("stationary"))
    for _ in range(8):
        laws = laws_after(model, walks)[:, -1]
        coins = generator.random((len(walks), 1)) * laws.sum(1, keepdims=True)
        walks = np.hstack([walks, (laws.cumsum(1) < coins).sum(1, keepdims=True)])
    real = EDGES[walks[:, :-1], walks[:, 1:]]
    found = found_in(model)
    counted = real.all(1).mean()
    spread = np.sqrt(counted * (1 - counted) / 4000)
    assert found["sampled_8"][0] == pytest.approx(counted, abs=4 * np.hypot(spread, found["error_8"][0]))
    assert found["edges_8"][0] == pytest.approx(real.mean(), abs=0.03)
    assert found["sampled_8"][0] < found["edges_8"][0]


def test_sampling_on_the_edges_has_a_smaller_error_than_counting(model):
    found = found_in(model)
    p = found["sampled_8"][0]
    assert found["error_8"][0] < np.sqrt(p * (1 - p) / 512)


def test_members_of_a_stack_write_what_they_write_alone():
    both = found_in(trained(0, 1), (1,))
    alone = found_in(trained(1))
    for name in ("walk_4", "sampled_4", "greedy_2", "brier"):
        assert both[name] == pytest.approx(alone[name], rel=1e-3)


def test_members_on_graphs_of_their_own_are_measured_on_these():
    pair = trained(0, 1)
    tests = test_sets([CHAIN, erdos_renyi(12, edges=30, generator=np.random.default_rng(5))], 10, 5, 1)
    name = GENERATION[0]
    (first,), (second,) = measure(pair, tests, (name,), 3)
    assert first.value == found_in(pair, (0,))["walk_1"][0]
    assert second.value < first.value / 2 + 0.5


def test_a_member_that_diverged_has_no_values_and_the_other_has():
    pair = trained(0, 1)
    before = found_in(pair, (1,))
    pair.flat.tensors["embedding"].data[0] = torch.nan
    after = found_in(pair, (0, 1))
    for name, values in after.items():
        assert np.isnan(values[0]), name
        assert values[1] == pytest.approx(before[name][0], rel=1e-6)


def test_what_does_not_apply_is_none():
    short = initial_model([configuration()])  # of a context of ten tokens
    found = found_in(short)
    assert {name for name, values in found.items() if values is not None} == {"brier", "calibration"}


def test_the_true_law_is_calibrated_and_a_tempered_one_is_not():
    test = TestSet(Walks(CHAIN), WALKS, (0,))
    exact = Scores(table(np.log(np.maximum(TRUE, 1e-30))), test)
    assert (brier(exact)[0], calibration(exact)[0]) == pytest.approx((0, 0), abs=1e-6)
    mixed = 0.7 * TRUE + 0.3 / 12
    scores = Scores(table(np.log(mixed)), test)
    P = TRUE[WALKS.ravel()]
    q = mixed[WALKS.ravel()]
    assert brier(scores)[0] == pytest.approx(((q - P) ** 2).sum(1).mean(), rel=1e-5)
    bins = np.floor(-np.log2(q))
    gaps = sum(abs((q - P)[bins == one].sum()) for one in np.unique(bins)) / len(P)
    assert calibration(scores)[0] == pytest.approx(gaps, rel=1e-5)
    assert gaps > 0.1
    assert leak(scores)[0] > 0
