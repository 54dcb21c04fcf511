"""Recipes: the library's own and those from outside, made again in every process that trains."""

from dataclasses import replace

import numpy as np
import pytest

from scaling_lib.data.sources import TokenFile, Walks, write_tokens
from scaling_lib.errors import InvalidArgument, InvalidData
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.keeping.tables import frame_of, records_of
from scaling_lib.runs.sweeping.recipes import open_source, source_of, tokens_from
from scaling_lib.runs.sweeping.sweeps import sweep
from scaling_lib.runs.training.ensembles import train_ensemble
from tests.runs.tiny import CHAIN, SOURCE, configuration

TOY = "tests.runs.sweeping.toy:counter"


def test_a_recipe_of_the_library_gives_walks():
    source, tokens = tokens_from("erdos_renyi", {"nodes": 12, "edges": 30}, start="strength")
    assert replace(source, start="stationary") == SOURCE
    assert tokens == Walks(CHAIN, "strength")
    assert open_source(source) == tokens


@pytest.mark.parametrize("workers", [1, 2])
def test_a_source_from_outside_is_swept_like_any_other(tmp_path, workers):
    """Nothing of the library names it; its runs are stored, read again, and scored against its own entropy rate."""
    source, tokens = tokens_from(TOY, {"vocabulary": 12, "by_two": 0.25})
    grid = [
        replace(configuration(300, batch=20, learning_rate=0.3, seed=seed), source=source) for seed in (0, 1)
    ]
    with Store(tmp_path / "runs.db") as store:
        report = sweep(grid, store, workers=workers, progress=False)
        runs = store.frame()
    assert (len(report.trained), report.missing) == (2, 0)
    assert runs["entropy_rate"].to_numpy() == pytest.approx(tokens.entropy_rate)
    assert (runs["excess_loss"] < 0.3).all()
    assert [record.configuration.source for record in records_of(runs)] == [source, source]


def test_members_on_sources_of_their_own_are_what_they_are_alone():
    """Three graphs and a toy in one stack: batches, scores and floors are those of each."""
    graphs = [tokens_from("erdos_renyi", {"nodes": 12, "edges": 30}, seed) for seed in (0, 1, 2)]
    sources = [*graphs, tokens_from(TOY, {"vocabulary": 12, "by_two": 0.25})]
    runs = [replace(configuration(5, seed=i), source=source) for i, (source, _) in enumerate(sources)]
    together = train_ensemble([tokens for _, tokens in sources], runs, members_at_once=4)
    for run, (_, tokens), result in zip(runs, sources, together, strict=True):
        (alone,) = train_ensemble(tokens, [run])
        assert result.entropy_rate == tokens.entropy_rate == alone.entropy_rate
        assert result.curve_excess_loss == pytest.approx(alone.curve_excess_loss, rel=2e-4)
        assert [m.value for m in result.measurements] == pytest.approx([m.value for m in alone.measurements], rel=2e-3)


def test_exact_labels_learn_faster_than_samples_of_them():
    """On the same walks, a target without sampling noise leaves less to average away."""
    sampled = configuration(60, batch=4, learning_rate=0.2)
    exact = replace(sampled, labels="exact")
    losses = [train_ensemble(CHAIN, [run])[0].excess_loss for run in (sampled, exact)]
    assert losses[1] < 0.8 * losses[0]


def test_the_loss_of_exact_labels_is_the_expectation_of_that_of_samples():
    """The mean over many walks of the sampled loss is the exact one, within five of its standard errors."""
    import torch

    from scaling_lib.data.walks import sample_walks
    from scaling_lib.runs.training.ensembles import initial_model
    from scaling_lib.runs.training.steps import exact_losses

    model = initial_model([configuration()])
    walks = sample_walks(CHAIN, 4000, 5, seed=2)
    tokens = torch.as_tensor(walks)[None]
    exact = float(exact_losses(model, tokens, [Walks(CHAIN).next_laws(walks[:, :-1])]).detach())
    parts = [float(model.losses(part[None]).detach()) for part in tokens[0].split(100)]
    assert abs(np.mean(parts) - exact) < 5 * np.std(parts, ddof=1) / len(parts) ** 0.5


@pytest.fixture
def text(tmp_path):
    """A file of tokens in which each follows its predecessor by one or by two."""
    steps = np.random.default_rng(0).integers(1, 3, size=4000)
    tokens = steps.cumsum() % 12
    training, held_out = tmp_path / "training.npy", tmp_path / "held_out.npy"
    return TokenFile(write_tokens(training, tokens[:3000], 12), write_tokens(held_out, tokens[3000:], 12), 12)


def test_a_text_is_scored_by_its_held_out_cross_entropy(text):
    run = configuration(100, batch=6, learning_rate=0.2, curve_points=3)
    run = replace(run, source=replace(SOURCE, ensemble="text", fingerprint=text.fingerprint))
    (result,) = train_ensemble(text, [run])
    assert (result.entropy_rate, result.excess_loss, result.excess_loss_se) == (None, None, None)
    assert result.curve_excess_loss == (None,) * len(result.curve_steps)
    assert result.curve_loss[-1] == result.loss
    # ln 2 is the entropy of what follows; the first steps know ln 12.
    assert np.log(2) - 5 * result.loss_se < result.loss < 1.2
    assert result.curve_loss[0] > 2
    assert result.measurements == ()  # leak and within need a law
    with pytest.raises(InvalidArgument, match="tokens must be at most the 3000"):
        train_ensemble(text, [replace(run, schedule=replace(run.schedule, tokens=3030))])
    with pytest.raises(InvalidArgument, match="source must be one that knows its laws, for exact labels"):
        train_ensemble(text, [replace(run, labels="exact")])


@pytest.mark.parametrize(
    ("ensemble", "parameters", "message"),
    [
        ("erdos", {}, "ensemble must be one of 'erdos_renyi'"),
        ("tests.absent:counter", {}, "ensemble must be an import path"),
        ("tests.runs.sweeping.toy:absent", {}, "toy has no absent"),
        (TOY, {"vocabulary": 12}, "parameters must be the arguments of"),
        ("tests.runs.sweeping.toy:nothing", {}, "source must be a chain, or a source of tokens"),
        ("tests.runs.sweeping.toy:__doc__", {}, "ensemble must be a function"),
    ],
)
def test_bad_recipes_are_refused(ensemble, parameters, message):
    with pytest.raises(InvalidArgument, match=message):
        tokens_from(ensemble, parameters)


def test_a_recipe_that_makes_something_else_now_is_refused():
    with pytest.raises(InvalidData, match=r"now makes .* of the run: use the numpy version"):
        open_source(replace(SOURCE, fingerprint="0" * 64))
    assert source_of("erdos_renyi", {"nodes": 12, "edges": 30})[0] == SOURCE


def test_runs_without_a_floor_go_through_tables(text):
    from scaling_lib.runs.records import Provenance, RunRecord

    run = configuration(10, batch=6)
    run = replace(run, source=replace(SOURCE, ensemble="text", fingerprint=text.fingerprint))
    record = RunRecord(run, train_ensemble(text, [run])[0], Provenance.here())
    assert records_of(frame_of([record])) == [record]
