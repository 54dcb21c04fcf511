"""What routers choose: against models whose router was planted, a loop over contexts, and tables with known answers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from scaling_lib.data.chains import community_of
from scaling_lib.data.sources import Walks
from scaling_lib.data.walks import sample_walks
from scaling_lib.runs.training.ensembles import initial_model
from scaling_lib.runs.training.metrics import Scores, check_metrics, measure
from scaling_lib.runs.training.routing import COMMUNITIES, EXPERTS, LAYERS, ROUTING, by_community, chance, information
from scaling_lib.runs.training.scoring import TestSet
from tests.runs.tiny import CHAIN, configuration

WALKS = sample_walks(CHAIN, 70, 5, seed=3)
COMMUNITY = community_of(12, COMMUNITIES)


def sparse(*seeds, experts=4, **fields):
    runs = [configuration(seed=seed) for seed in seeds or (0,)]
    shape = replace(runs[0].architecture, experts=experts, **fields)
    return initial_model([replace(run, architecture=shape) for run in runs])


def found_in(model, members=(0,), chain=CHAIN, walks=WALKS):
    scores = Scores(model, TestSet(Walks(chain), walks, members))
    return {name.rpartition(":")[2]: metric(scores) for name, metric in check_metrics(ROUTING).items()}


def planted(expert_of):
    """A model whose first layer sends each node to the expert of that number: its embedding says which, and its router
    reads it."""
    model = sparse()
    tensors = model.flat.tensors
    with torch.no_grad():
        tensors["embedding"][0] = torch.eye(8)[np.asarray(expert_of)]
        (router,) = (tensor for name, tensor in tensors.items() if name.startswith("layers.0.") and "router" in name)
        router[0] = torch.eye(8)[:, :4]
        for name, tensor in tensors.items():
            if name.startswith("layers.0.") and "attention_out" in name:
                tensor.zero_()
    return model


def test_a_router_that_knows_the_communities_has_all_of_the_information():
    found = found_in(planted(COMMUNITY))
    visits = np.bincount(COMMUNITY[WALKS.ravel()], minlength=4)
    entropy = stats.entropy(visits)
    assert found["information_0"] + found["chance_0"] == pytest.approx(entropy, abs=1e-9)
    assert found["usage_0"] == pytest.approx(entropy, abs=1e-9)
    assert found["nodes_0"] == pytest.approx(entropy, abs=1e-9)
    shares = [[found[f"share_0_{c}_{e}"][0] for e in range(EXPERTS)] for c in range(COMMUNITIES)]
    assert np.allclose(shares, np.eye(4))


def test_a_router_that_tells_nodes_apart_across_communities_has_none():
    found = found_in(planted(np.arange(12) % 3))
    assert found["nodes_0"] == pytest.approx(stats.entropy(np.bincount(WALKS.ravel() % 3)), abs=1e-9)
    assert found["information_0"] < 0.05
    assert found["information_0"] + found["chance_0"] >= 0
    assert found["share_0_0_3"] == 0


def test_a_collapsed_router_has_neither_information_nor_usage():
    found = found_in(planted(np.zeros(12, int)))
    for name in ("information_0", "chance_0", "nodes_0", "usage_0"):
        assert found[name] == pytest.approx(0, abs=1e-12)


def test_the_choices_are_those_of_a_loop_over_contexts_and_members_are_alone():
    model = sparse(0, 1)
    counts = np.zeros((2, 2, 12, 4), int)  # member, layer, node, expert

    def watch(name, logits):
        if name.endswith("router_logits"):
            for member in (0, 1):
                counts[member, int(name.split(".")[1]), walk[-1], int(logits[member, -1].argmax())] += 1

    with torch.no_grad():
        for sequence in WALKS:
            for end in range(1, 6):
                walk = sequence[:end]
                model.hidden(torch.as_tensor(walk.copy()).expand(2, 1, -1).contiguous(), watch)
    assert counts.sum() == 4 * WALKS.size
    for members in ((0, 1), (1,)):
        found = found_in(model, members)
        for place, member in enumerate(members):
            for layer in LAYERS:
                table = counts[member, layer]
                joint = np.stack([table[c == COMMUNITY].sum(0) for c in range(4)])
                plain = stats.entropy(joint.sum(0)) + stats.entropy(joint.sum(1)) - stats.entropy(joint.ravel())
                assert found[f"information_{layer}"][place] + found[f"chance_{layer}"][place] == pytest.approx(plain)
                assert found[f"usage_{layer}"][place] == pytest.approx(stats.entropy(table.sum(0)))
                assert found[f"share_{layer}_2_1"][place] == pytest.approx(joint[2, 1] / joint[2].sum())


def test_information_of_tables_with_known_answers():
    assert information(np.eye(4)) == pytest.approx(np.log(4))
    assert information(np.outer([1, 2, 3], [4, 5])) == pytest.approx(0, abs=1e-12)
    assert information(np.array([[1, 1], [0, 2]])) == pytest.approx(np.log(2) + stats.entropy([1, 3]) - 1.5 * np.log(2))


def test_labels_without_a_meaning_have_no_information_on_average():
    """Of 60 random choices of 100 nodes: what is left after the correction is zero within four standard errors, and
    without it, it is not."""
    generator = np.random.default_rng(0)
    choices = np.zeros((60, 100, 4), int)
    choices[np.arange(60)[:, None], np.arange(100), generator.integers(0, 4, (60, 100))] = 98
    plain = information(by_community(choices))
    corrected = plain - chance(choices)
    error = corrected.std(ddof=1) / 60**0.5
    assert abs(corrected.mean()) < 4 * error
    assert plain.mean() > 4 * error


def test_they_do_not_apply_elsewhere_and_a_diverged_member_has_no_value():
    assert set(found_in(sparse(experts=1)).values()) == {None}
    fewer = found_in(sparse(experts=3, depth=1))
    assert fewer["share_0_0_2"] is not None
    assert fewer["share_0_0_3"] is fewer["usage_1"] is None
    model = sparse(0, 1)
    model.flat.tensors["embedding"].data[1] = np.nan
    found = found_in(model, (0, 1))
    assert np.isfinite(found["usage_0"][0])
    assert np.isnan([values[1] for values in found.values()]).all()
    (kept,) = measure(sparse(), [TestSet(Walks(CHAIN), WALKS, (0,))], ROUTING[:2], step=2)
    assert [one.metric for one in kept] == list(ROUTING[:2])
