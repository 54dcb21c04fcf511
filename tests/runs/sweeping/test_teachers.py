"""Students of a kept model, by the recipe that names its weights; and what `scaling-lab sample` shows of it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from scaling_lib.cli import app
from scaling_lib.errors import InvalidArgument, InvalidData, StoreError
from scaling_lib.runs.keeping.kept import KeptModels
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.sweeping.recipes import open_source, open_teacher, tokens_from
from scaling_lib.runs.sweeping.sweeps import sweep
from scaling_lib.runs.training.ensembles import train_ensemble
from tests.runs.tiny import CHAIN, configuration

LESSON = configuration(100, batch=20, learning_rate=0.3)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    models = KeptModels(tmp_path_factory.mktemp("taught") / "kept")
    train_ensemble(CHAIN, [LESSON], keep=models)
    return models


def recipe(kept, **others):
    return tokens_from("teacher", {"identity": LESSON.identity, "kept": str(kept.folder)} | others)


def test_a_kept_model_says_what_run_it_is_of(kept):
    assert kept.configuration(LESSON.identity) == kept.configuration(LESSON.identity[:8]) == LESSON


@pytest.mark.parametrize("workers", [1, 2])
def test_students_are_swept_like_any_other_run(kept, tmp_path, workers):
    source, teacher = recipe(kept)
    assert np.allclose(teacher.first_law, CHAIN.stationary, atol=2**-32)
    grid = [replace(configuration(200, batch=20, learning_rate=0.3, seed=seed), source=source) for seed in (0, 1)]
    with Store(tmp_path / "runs.db") as store:
        report = sweep(grid, store, workers=workers, progress=False)
        runs = store.frame()
    assert (len(report.trained), report.missing) == (2, 0)
    assert runs["entropy_rate"].to_numpy() == pytest.approx(teacher.entropy_rate)
    assert ((runs["excess_loss"] > 0) & (runs["excess_loss"] < 0.3)).all()


def test_a_teacher_that_is_lost_or_another_is_refused(kept, tmp_path):
    source, _ = recipe(kept)
    with pytest.raises(InvalidData, match=r"source teacher.* now makes .* of the run"):
        open_source(replace(source, fingerprint="0" * 64))
    with pytest.raises(StoreError, match="are not kept in") as lost:
        tokens_from("teacher", {"identity": LESSON.identity, "kept": str(tmp_path)})
    assert "\n" not in str(lost.value)
    with pytest.raises(StoreError, match="are not kept in"):
        tokens_from("teacher", {"identity": "0" * 64})
    with pytest.raises(InvalidArgument, match=r"context must be an integer .*, got 6"):
        recipe(kept, context=6)
    with pytest.raises(InvalidArgument, match="parameters must be the arguments of ensemble teacher"):
        recipe(kept, temperature=2)
    torn = KeptModels(tmp_path / "torn")
    torn.folder.mkdir()
    (torn.folder / f"{LESSON.identity}.safetensors").write_bytes(b"torn")
    with pytest.raises(StoreError, match="cannot be used"):
        open_teacher(torn, LESSON.identity)


def test_a_diverged_teacher_is_refused(kept, tmp_path):
    diverged = KeptModels(tmp_path / "diverged")
    tensors = kept.load(LESSON)
    tensors["final_norm"][:] = float("nan")
    diverged.save(LESSON, tensors)
    with pytest.raises(InvalidArgument, match="it diverged"):
        open_teacher(diverged, LESSON.identity)


def test_the_command_shows_what_a_model_writes(kept):
    arguments = ["sample", LESSON.identity[:10], "--tokens", "12", "--kept", str(kept.folder)]
    run = CliRunner().invoke
    told = json.loads(run(app, [*arguments, "--json"]).stdout)
    assert [len(sequence) for sequence in told["sequences"]] == [5, 5, 2]
    assert (told["run"], told["seed"]) == (LESSON.identity, 0)
    assert told["sequences"][0] == open_teacher(kept, LESSON.identity).test(3, 5, 0)[0].tolist()
    plain = run(app, arguments).stdout
    assert [line.split() for line in plain.splitlines()] == [list(map(str, part)) for part in told["sequences"]]
    other = json.loads(run(app, [*arguments, "--json", "--seed", "1"]).stdout)
    assert other["sequences"] != told["sequences"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"run": "f" * 12}, "the weights of identity ffffffffffff are not kept"),
        ({"--tokens": "0"}, "--tokens must be an integer of at least 1, got 0"),
        ({"--kept": "absent"}, "--kept must be a folder of final weights"),
    ],
)
def test_the_command_refuses_in_one_line(kept, changes, message):
    options = {"--tokens": "12", "--kept": str(kept.folder)} | {k: v for k, v in changes.items() if k != "run"}
    words = ["sample", changes.get("run", LESSON.identity), *(word for pair in options.items() for word in pair)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
