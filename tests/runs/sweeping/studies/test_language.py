"""Texts as sources of runs: by their recipes, on the command line, and in what a model of them writes."""

import json

import pytest
from typer.testing import CliRunner

from scaling_lib.cli import app
from scaling_lib.data.text.bigrams import bigram_chain
from scaling_lib.data.text.tokenized import tokenized_corpus
from scaling_lib.errors import InvalidArgument, InvalidData
from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.keeping.kept import KeptModels, recorded_models
from scaling_lib.runs.records import Evaluation, Optimizer, RunConfiguration, Schedule
from scaling_lib.runs.sweeping.recipes import chain_of, open_source, open_teacher, tokenizer_of, tokens_from
from scaling_lib.runs.sweeping.studies.language import BIGRAM, LANGUAGE, TEACHERS, TEXT, VOCABULARY
from scaling_lib.runs.training.ensembles import train_ensemble
from tests.data.text.sentences import document

V = 80


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        path = folder / "novel.txt"
        path.write_text(document(0, 1200))
        yield path


def run_on(text, tokens=40 * 10 * 10):
    source, _ = tokens_from("text", {"corpus": str(text), "vocabulary": V})
    shape, evaluation = Architecture(V, 16, context=10), Evaluation(walks=20, curve_points=1)
    return RunConfiguration(
        source, shape, Parametrization(), Optimizer(0.5), Schedule(tokens, batch=10), evaluation, seed=3
    )


@pytest.fixture(scope="module")
def kept(text, tmp_path_factory):
    models = KeptModels(tmp_path_factory.mktemp("kept"))
    run = run_on(text)
    (result,) = train_ensemble(open_source(run.source), [run], keep=models)
    assert result.loss < 4.4  # ln 80 = 4.38 where nothing was learned
    assert result.excess_loss is None
    return models


def test_recipes_make_the_text_and_its_bigram_chain(text):
    made = tokenized_corpus(text, V)
    source, tokens = tokens_from("text", {"corpus": str(text), "vocabulary": V})
    assert source.fingerprint == tokens.fingerprint == made.source.fingerprint
    source, walks = tokens_from("bigram", {"corpus": str(text), "vocabulary": V})
    assert source.fingerprint == bigram_chain(made.training, V).fingerprint == chain_of(source).fingerprint
    law = tokens.first_law
    assert walks.first_law == pytest.approx(law[law > 0], abs=1e-12)
    rarer, _ = tokens_from("bigram", {"corpus": str(text), "vocabulary": V, "threshold": 2})
    assert rarer.fingerprint != source.fingerprint


def test_a_text_that_was_changed_since_is_refused(text, tmp_path):
    path = tmp_path / "novel.txt"
    path.write_text(text.read_text())
    source, _ = tokens_from("text", {"corpus": str(path), "vocabulary": V})
    path.write_text(text.read_text() + "One line more of it.\n")
    from scaling_lib.runs.sweeping import recipes

    recipes._made.cache_clear()
    with pytest.raises(InvalidData, match=r"source text.* now makes"):
        open_source(source)


def test_more_tokens_than_the_text_has_are_refused_before_training(text):
    run = run_on(text, tokens=10**6)
    with pytest.raises(InvalidArgument, match=r"tokens must be at most the \d+ that the source has.*epochs"):
        train_ensemble(open_source(run.source), [run])


def test_the_command_describes_a_text_of_ones_own(text):
    done = CliRunner().invoke(app, ["corpus", str(text), "--vocabulary", str(V), "--longest", "3", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    made = tokenized_corpus(text, V)
    assert told["training_tokens"] == len(made.training)
    assert told["tokens"] == made.source.fingerprint
    assert len(told["ngram_entropies"]) == 3
    assert told["ngram_entropies"][0] > told["ngram_entropies"][1] > told["ngram_entropies"][2] > 0
    assert told["mutual_information"]["1"] > told["mutual_information"]["16"]
    assert CliRunner().invoke(app, ["corpus", str(text), "--vocabulary", str(V)]).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent.txt"], "source must be an existing file or folder of text"),
        (["TEXT", "--vocabulary", "8192"], "vocabulary must be at most the"),
        (["TEXT", "--vocabulary", "9"], "vocabulary must be at least the"),
        (["TEXT", "--vocabulary", "1"], "--vocabulary must be an integer of at least 2"),
        (["TEXT", "--vocabulary", str(V), "--longest", "30"], "longest must be at most 9"),
    ],
)
def test_what_the_command_refuses_is_one_line(text, arguments, words):
    arguments = [str(text) if argument == "TEXT" else argument for argument in arguments]
    done = CliRunner().invoke(app, ["corpus", *arguments])
    assert done.exit_code == 2
    assert words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.output


def test_a_model_of_text_writes_text_and_so_does_its_student(text, kept):
    run = run_on(text)
    done = CliRunner().invoke(app, ["sample", run.identity, "--tokens", "30", "--kept", str(kept.folder), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    made = tokenized_corpus(text, V)
    assert [len(sequence) for sequence in told["sequences"]] == [10] * 3
    assert made.tokenizer.encode([told["texts"][0]])[1] == 0
    plain = CliRunner().invoke(app, ["sample", run.identity, "--tokens", "30", "--kept", str(kept.folder)])
    assert plain.stdout.splitlines() == [one.replace("\n", "\\n") for one in told["texts"]]
    student, _ = tokens_from("teacher", {"identity": run.identity, "kept": str(kept.folder), "sequences": 10})
    assert tokenizer_of(student).fingerprint == tokenizer_of(run.source).fingerprint == made.tokenizer.fingerprint
    graph, _ = tokens_from("erdos_renyi", {"nodes": 12, "edges": 30})
    assert tokenizer_of(graph) is None


# ---------------------------------------------------------------------- the ladder


def test_every_rung_has_the_same_grid_and_the_pilots_their_own_seeds():
    grids = {
        name: axes["full"]["seed", "architecture.width", "schedule.tokens"]
        for name, (_, _, axes, *_) in LANGUAGE.items()
        if "pilot" not in name
    }
    deep = grids.pop("language-text-deep")
    assert len(set(grids.values())) == 1
    (grid,) = set(grids.values())
    assert deep == tuple(point for point in grid if point[1] == 64)
    assert all(100 <= seed < 900 for seed, _, _ in grid)
    assert len(set(grid)) == len(grid)
    for name, (_, template, axes, *_) in LANGUAGE.items():
        assert template.architecture.vocabulary == VOCABULARY
        if "pilot" in name:
            assert min(axes["full"]["seed"]) >= 900


def test_the_teachers_ship_with_their_weights():
    for run in TEACHERS.values():
        assert run.source == TEXT
        assert f"language-t{run.architecture.depth}l" not in LANGUAGE or recorded_models().has(run)


@pytest.mark.slow
def test_the_rungs_are_what_their_fingerprints_say():
    for name, (_, template, *_) in LANGUAGE.items():
        tokens = open_source(template.source)
        assert tokens.fingerprint == template.source.fingerprint, name
    unigram = open_source(TEXT).first_law
    assert open_source(BIGRAM).first_law == pytest.approx(unigram, abs=1e-12)
    assert open_teacher(recorded_models(), TEACHERS["T1L"].identity).first_law == pytest.approx(unigram, abs=1e-9)
