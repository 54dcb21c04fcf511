"""Experiments are data: every grid gives valid, distinct, reproducible runs, and any field of a run can be an axis."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from scaling_lib.errors import InvalidArgument, InvalidData
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.sweeping import recipes as recipes_module
from scaling_lib.runs.sweeping.experiments import EXPERIMENTS, PROFILES, experiment
from scaling_lib.runs.sweeping.recipes import chain_of, open_source, source_of
from scaling_lib.runs.sweeping.studies.language import LANGUAGE
from tests.data.text.sentences import documents
from tests.runs.tiny import TINY

# For each grid the SHA-256 of its runs' identities, in order, a line each. Written before a grid was a template and
# axes, by a class that had a list for each of six fields. An entry may be added; one that changes makes other runs.
GRIDS = json.loads(Path(__file__).with_name("grids.json").read_text())


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_grid_is_the_recorded_one_run_for_run(name):
    digests = {}
    for profile in EXPERIMENTS[name].axes:
        runs = EXPERIMENTS[name].configurations(profile)
        assert len({run.identity for run in runs}) == len(runs)
        if name in LANGUAGE:  # their text takes half a minute to make: test_language looks at it
            assert {run.source for run in runs} == {EXPERIMENTS[name].template.source}
        elif not EXPERIMENTS[name].follows:  # else every seed draws a graph of its own
            assert {run.source.fingerprint for run in runs} == {EXPERIMENTS[name].chain().fingerprint}
        digests[profile] = hashlib.sha256("\n".join(run.identity for run in runs).encode()).hexdigest()
    assert digests == GRIDS[name]


def varied(**axes):
    """TINY along other axes; a dot of a field is written as two underscores here."""
    return replace(TINY, axes={"smoke": {field.replace("__", "."): values for field, values in axes.items()}})


def test_the_first_axis_is_outermost_and_the_rest_is_the_template():
    runs = varied(optimizer__weight_decay=(0.0, 0.1), seed=(3, 4)).configurations("smoke")
    assert [(run.optimizer.weight_decay, run.seed) for run in runs] == [(0.0, 3), (0.0, 4), (0.1, 3), (0.1, 4)]
    for run in runs:
        assert replace(run, optimizer=TINY.template.optimizer, seed=TINY.template.seed) == TINY.template


def test_whole_parts_and_their_fields_can_be_axes():
    kinds = (Parametrization("sp"), Parametrization("mup"))
    runs = varied(parametrization=kinds, precision=("float32", "bfloat16"), evaluation__walks=(4, 5))
    runs = runs.configurations("smoke")
    assert len(set(runs)) == 8
    assert {run.parametrization for run in runs} == set(kinds)
    shapes = (TINY.template.architecture, replace(TINY.template.architecture, depth=3))
    longer = replace(TINY.template.architecture, context=25)
    assert varied(architecture=(longer,)).configurations("smoke")[0].schedule.tokens == 100  # a whole batch
    assert varied(architecture__width=(20,), architecture__heads=(2, 5)).configurations("smoke")  # valid together only
    (first, *_, last) = varied(architecture=shapes, architecture__width=(8, 16)).configurations("smoke")
    assert (first.architecture.depth, last.architecture.depth, last.architecture.width) == (2, 3, 16)


def test_what_follows_from_an_axis_follows():
    (narrow, wide) = varied(architecture__width=(8, 512)).configurations("smoke")
    assert (narrow.architecture.heads, wide.architecture.heads) == (4, 8)  # the paper's rule
    other = replace(TINY.template, architecture=replace(TINY.template.architecture, heads=2))
    (narrow, wide) = replace(varied(architecture__width=(8, 512)), template=other).configurations("smoke")
    assert (narrow.architecture.heads, wide.architecture.heads) == (2, 2)
    batches = varied(schedule__tokens=(100,), schedule__batch=(1, 4, 20)).configurations("smoke")
    assert [run.schedule.tokens for run in batches] == [100, 80, 200]


def test_graphs_can_be_axes():
    runs = varied(source__seed=(0, 1), source__parameters__nodes=(12, 15)).configurations("smoke")
    for run, (seed, nodes) in zip(runs, ((0, 12), (0, 15), (1, 12), (1, 15)), strict=True):
        source, chain = source_of("erdos_renyi", {"nodes": nodes, "edges": 30}, seed)
        assert run.source == source
        assert run.architecture.vocabulary == chain.nodes == nodes
    assert runs[0].source == TINY.template.source


SIZES = ("source.parameters.nodes", "source.parameters.edges", "schedule.batch")


def test_fields_that_go_hand_in_hand_are_one_axis():
    axes = {SIZES: ((12, 30, 2), (15, 40, 4)), "seed": (0, 1)}
    asked = replace(TINY, axes={"smoke": axes})
    runs = asked.configurations("smoke")
    drawn = [(dict(run.source.parameters), run.schedule.batch, run.seed, run.architecture.vocabulary) for run in runs]
    small, large = {"nodes": 12, "edges": 30}, {"nodes": 15, "edges": 40}
    assert drawn == [(small, 2, 0, 12), (small, 2, 1, 12), (large, 4, 0, 15), (large, 4, 1, 15)]
    assert runs[2].source.fingerprint == source_of("erdos_renyi", large)[0].fingerprint
    for place, field in enumerate(SIZES):
        assert asked.values("smoke", field) == (axes[SIZES][0][place], axes[SIZES][1][place])
    assert asked.values("smoke", "architecture.vocabulary") == (12, 15)
    by_product = {(run.source, run.schedule, run.seed) for run in runs}
    alone = [replace(TINY, axes={"smoke": {SIZES: (pair,), "seed": (0, 1)}}) for pair in axes[SIZES]]
    assert by_product == {(r.source, r.schedule, r.seed) for one in alone for r in one.configurations("smoke")}
    listed = replace(TINY, axes={"smoke": {SIZES: [[12, 30, 2], [15, 40, 4]], "seed": [0, 1]}})
    assert listed.configurations("smoke") == runs
    repeated = varied(seed=(0, 1)).configurations("smoke")
    pairs = replace(TINY, axes={"smoke": {("seed", "optimizer.weight_decay"): ((0, 0.01), (1, 0.01))}})
    assert pairs.configurations("smoke") == repeated  # an axis by another name is no other run
    assert pairs.values("smoke", "optimizer.weight_decay") == (0.01,)


def test_steps_are_an_axis_that_sets_the_tokens():
    """D = steps x batch x context / epochs, of whole batches, whatever else is varied."""
    axes = {
        "schedule.steps": (6, 30),
        "schedule.epochs": (1, 3),
        "schedule.batch": (2, 5),
        "architecture.context": (4,),
    }
    asked = replace(TINY, axes={"smoke": axes})
    runs = asked.configurations("smoke")
    assert [run.optimizer_steps for run in runs] == [6] * 4 + [30] * 4
    for run in runs:
        D = run.optimizer_steps * run.schedule.batch * 4 / run.schedule.epochs
        assert run.schedule.tokens == D
    assert asked.values("smoke", "schedule.steps") == (6, 30)
    assert asked.values("smoke", "schedule.tokens") == (48, 120, 16, 40, 240, 600, 80, 200)
    by_tokens = varied(schedule__tokens=(240,)).configurations("smoke")
    assert varied(schedule__steps=(6,)).configurations("smoke") == by_tokens  # batch 4, context 10
    with pytest.raises(InvalidArgument, match=r"schedule.steps must be a multiple of the 3 epochs, got 7: pass one"):
        replace(TINY, axes={"smoke": axes | {"schedule.steps": (6, 7)}}).configurations("smoke")
    for bad in (0, -1, 2.5, "6"):
        with pytest.raises(InvalidArgument, match=r"axes\['smoke'\]\['schedule.steps'\] must be .* an integer of at"):
            varied(schedule__steps=(bad,))


def test_a_graph_can_follow_the_seed():
    asked = replace(varied(seed=(0, 3)), follows={"source.seed": "seed", "evaluation.seed": "seed"})
    runs = asked.configurations("smoke")
    for run, seed in zip(runs, (0, 3), strict=True):
        assert run.source == source_of("erdos_renyi", {"nodes": 12, "edges": 30}, seed)[0]
        assert (run.seed, run.evaluation.seed, run.architecture.vocabulary) == (seed, seed, 12)
    assert runs[0] == TINY.template
    assert runs[0].source.fingerprint != runs[1].source.fingerprint
    assert asked.values("smoke", "source.seed") == (0, 3)
    # Of a field that no axis sets, the value of the template, or that of the part which an axis puts in its place.
    still = replace(varied(schedule__epochs=(2,)), follows={"evaluation.walks": "schedule.batch"})
    assert still.configurations("smoke")[0].evaluation.walks == 4
    whole = replace(varied(schedule=(replace(TINY.template.schedule, batch=8),)), follows=still.follows)
    assert whole.configurations("smoke")[0].evaluation.walks == 8


def test_fingerprints_of_many_graphs_are_made_once(monkeypatch):
    drawn = []
    recipes = dict(recipes_module.RECIPES)
    real = recipes["erdos_renyi"]
    recipes["erdos_renyi"] = lambda seed, **numbers: drawn.append(seed) or real(seed, **numbers)
    monkeypatch.setattr(recipes_module, "RECIPES", recipes)
    asked = replace(
        varied(seed=tuple(range(700, 740)), precision=("float32", "bfloat16")), follows={"source.seed": "seed"}
    )
    first = asked.configurations("smoke")
    assert sorted(drawn) == list(range(700, 740))
    assert asked.configurations("smoke") is first  # an experiment keeps its grids, an equal one makes them again
    assert replace(asked).configurations("smoke") == first
    assert len(drawn) == 40


def test_a_recipe_keeps_the_numbers_that_it_was_given():
    """1 and 1.0 are equal in Python and two texts in an identity."""
    recipe = {"nodes": 20, "edges": 60, "kappa": 1.0, "kmax": 10}
    written = [dict(source_of("biased_erdos_renyi", recipe | {"kappa": kappa})[0].parameters) for kappa in (1.0, 1)]
    assert [repr(parameters["kappa"]) for parameters in written] == ["1.0", "1"]


@pytest.mark.parametrize(
    ("follows", "message"),
    [
        (
            {"source.kind": "seed"},
            "follows must be of fields of a run, got 'source.kind': pick one of source, source.se",
        ),
        ({"source.seed": "seeds"}, "follows must be of fields of a run, got 'seeds'"),
        ({"source.seed": 3}, "follows must be of fields of a run, got 3"),
        (
            {"seed": "seed"},
            r"follows must be a dict from a field to one that follows none, got .* leave one of them out",
        ),
        (
            {"source.seed": "evaluation.seed", "evaluation.seed": "seed"},
            "that follows none, .* let both follow the first",
        ),
        (
            {"seed": "evaluation.seed"},
            r"axes\['smoke'\] must be of fields that are set once, got 'seed': it follows ev",
        ),
        ({"schedule.epochs": "seed"}, r"axes\['smoke'\]\['seed'\] must be .*, got 0: epochs must be an integer of at"),
    ],
)
def test_refused_followers(follows, message):
    with pytest.raises(InvalidArgument, match=message) as refused:
        replace(varied(seed=(0, 1)), follows=follows)
    assert "\n" not in str(refused.value)


def test_values_are_those_of_the_axis_or_of_the_template():
    assert TINY.values("smoke", "seed") == (0, 1)
    assert TINY.values("smoke", "schedule.batch") == (4,)
    assert TINY.values("smoke", "source.parameters.edges") == (30,)
    with pytest.raises(InvalidArgument, match="field must be one of"):
        TINY.values("smoke", "architecture.breadth")


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"architecture.breadth": (8,)}, r"keyed by fields of a run, got 'architecture.breadth': pick .* arch.*width"),
        ({"breadth": (8,)}, "keyed by fields of a run, got 'breadth': pick one of source, source.seed"),
        ({"source.parameters.kappa": (1.0,)}, "got 'source.parameters.kappa': pick one of .*parameters.edges"),
        ({"source.fingerprint": ("0",)}, "got 'source.fingerprint'"),
        ({"architecture.width": ()}, r"\['architecture.width'\] must be a non-empty tuple, got \(\)"),
        ({"architecture.width": 8}, r"\['architecture.width'\] must be a non-empty tuple, got 8"),
        ({"architecture.width": ("8",)}, r"\['architecture.width'\] must be .*, got '8': width must be an integer"),
        ({"architecture.width": (8, 9)}, r"\['architecture.width'\] must be .*, got 9: heads must be such that"),
        ({"optimizer.learning_rate": (0.0,)}, r"\['optimizer.learning_rate'\] must be .* got 0.0: learning_rate"),
        ({"seed": (0, 1.5)}, r"\['seed'\] must be of values that the field takes, got 1.5: seed must be an integer"),
        ({"parametrization": ("sp",)}, r"\['parametrization'\] must be .*, got 'sp': parametrization must be"),
        ({"seed": (0,), "architecture.width": ("8",), "schedule.epochs": (1,)}, r"'architecture.width'\] must .* '8'"),
        ({"architecture.width": ("8",), "schedule.epochs": (0,)}, r"\['architecture.width'\] must .* '8': width must"),
        ({"schedule": (1,), "architecture": (2,)}, r"\['schedule'\] must be .* 1: schedule must be a Schedule"),
        ({"source": ("er",)}, r"\['source'\] must be .*, got 'er': source must be"),
        ({("seed", "breadth"): ((0, 1),)}, "keyed by fields of a run, got 'breadth': pick one of source"),
        ({(): ((),)}, r"keyed by fields of a run, got \(\): pick one of"),
        ({("seed", 3): ((0, 1),)}, "keyed by fields of a run, got 3: pick one of"),
        ({("seed", "schedule.batch"): ()}, r"\[\('seed', 'schedule.batch'\)\] must be a non-empty tuple, got \(\)"),
        (
            {("seed", "schedule.batch"): ((0, 1), (2,))},
            r"must be of tuples of 2 values, one for each field, got \(2,\)",
        ),
        ({("seed", "schedule.batch"): (0, 1)}, "must be of tuples of 2 values, one for each field, got 0: pass tuples"),
        (
            {("seed", "schedule.batch"): ((0, 4), (1, 0))},
            r"'schedule.batch'\)\] must be .*, got \(1, 0\): batch must be",
        ),
        ({("seed", "seed"): ((0, 1),)}, "must be of fields that are set once, got 'seed': leave it to one axis"),
        ({"seed": (0,), ("seed", "schedule.batch"): ((0, 1),)}, "must be of fields that are set once, got 'seed'"),
        (
            {"schedule.tokens": (80,), "schedule.steps": (2,)},
            "got 'schedule.steps': schedule.steps sets schedule.tokens",
        ),
    ],
)
def test_refused_axes(axes, message):
    with pytest.raises(InvalidArgument, match=message) as refused:
        replace(TINY, axes={"smoke": axes})
    assert "\n" not in str(refused.value)
    assert "axes['smoke']" in str(refused.value)


def test_the_thread_has_eight_tokens_of_at_least_a_hundred_steps():
    for profile in EXPERIMENTS["er-100"].axes:
        runs = EXPERIMENTS["er-100"].configurations(profile)
        assert len({run.schedule.tokens for run in runs}) >= 8
        assert min(run.optimizer_steps for run in runs) >= 100


def test_larger_profiles_only_add_detail():
    """The smallest run of the smoke profile is one of the full one, so that a reader can compare digits."""
    for asked in EXPERIMENTS.values():
        smoke, full = (set(asked.configurations(profile)) for profile in ("smoke", "full"))
        assert smoke & full


def test_chain_of_rebuilds_the_same_graph_and_notices_another():
    source, chain = source_of("erdos_renyi", {"nodes": 30, "edges": 90}, 3)
    assert chain_of(source).fingerprint == chain.fingerprint
    with pytest.raises(InvalidData, match="numpy version"):
        chain_of(replace(source, fingerprint="0" * 64))


def test_unknown_names_list_the_known_ones():
    with pytest.raises(InvalidArgument, match="er-100"):
        experiment("er-1")
    with pytest.raises(InvalidArgument, match="parameters must be the arguments of ensemble erdos_renyi"):
        source_of("erdos_renyi", {"knots": 3})
    assert PROFILES[0] == "recorded"
    with pytest.raises(InvalidArgument, match="profile must be one of"):
        experiment("er-100").configurations("recorded")


@pytest.mark.parametrize("name", ["language-text", "language-bigram"])
def test_the_ladder_can_be_trained_on_another_text(name, tmp_path):
    novel = tmp_path / "novel.txt"
    novel.write_text("".join(documents()))
    here = experiment(name)
    there = here.on_corpus(novel, 60)
    runs = there.configurations("smoke")
    tokens = open_source(runs[0].source)
    assert tokens.fingerprint == runs[0].source.fingerprint
    # A chain has no node for a token that never occurs: all that a merge has taken up.
    assert 40 < tokens.vocabulary <= 60
    assert {run.architecture.vocabulary for run in runs} == {tokens.vocabulary}
    assert {run.identity for run in runs}.isdisjoint(run.identity for run in here.configurations("smoke"))
    assert [run.architecture.width for run in runs] == [run.architecture.width for run in here.configurations("smoke")]


def test_what_is_not_trained_on_a_corpus_says_so():
    for name in ("er-100", "language-t1l"):
        with pytest.raises(InvalidArgument, match=f"source must be left out for {name}.*take language-pilot"):
            experiment(name).on_corpus("default")
