"""Final weights are kept whole or not at all, within their limit, and give back the model that was trained."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import scaling_lib
from scaling_lib.errors import InvalidArgument, StoreError
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.keeping.kept import SHIPPED_BYTES, KeptModels, record_models, recorded_models
from scaling_lib.runs.training.ensembles import initial_model, train_model
from scaling_lib.runs.training.metrics import measure
from scaling_lib.runs.training.scoring import test_sets as sets_of  # pytest takes the other name for a test
from tests.runs.tiny import CHAIN, configuration

PAIR = [configuration(20, seed=0), configuration(20, seed=1)]
MANY = 10**7


def tensors_of(model, k):
    return {name: tensor[k] for name, tensor in model.flat.tensors.items()}


@pytest.fixture(scope="module")
def trained():
    """Two models, trained side by side, and what they gave."""
    model = initial_model(PAIR)
    return model, train_model(CHAIN, model, PAIR)


@pytest.fixture
def kept(tmp_path, trained):
    models = KeptModels(tmp_path / "kept", MANY)
    for k, one in enumerate(PAIR):
        models.save(one, tensors_of(trained[0], k))
    return models


def test_a_kept_model_is_the_one_that_was_trained(kept, trained):
    tokens = torch.randint(CHAIN.nodes, (2, 3, 5), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole = trained[0].logits(tokens)
        for k, one in enumerate(PAIR):
            again = kept.model(one)
            assert again.members == 1
            for name, tensor in again.flat.tensors.items():
                assert torch.equal(tensor[0], trained[0].flat.tensors[name][k]), name
            assert torch.allclose(again.logits(tokens[k : k + 1])[0], whole[k], rtol=1e-4, atol=1e-6)
    assert kept.identities == tuple(sorted(one.identity for one in PAIR))
    assert kept.has(PAIR[0])
    assert not kept.has(configuration(seed=7))


def test_a_metric_of_a_kept_model_is_that_of_the_run(kept, trained):
    tests = sets_of([CHAIN], 10, 5, 1)
    both = measure(trained[0], sets_of([CHAIN, CHAIN], 10, 5, 1), ("leak", "within"), 20)
    for k, one in enumerate(PAIR):
        (alone,) = measure(kept.model(one), tests, ("leak", "within"), 20)
        assert [m.value for m in alone] == pytest.approx([m.value for m in both[k]], rel=1e-4)


def test_half_is_half_as_large_and_close(tmp_path, trained):
    half = KeptModels(tmp_path / "half", MANY, half=True)
    half.save(PAIR[0], tensors_of(trained[0], 0))
    for name, tensor in half.load(PAIR[0]).items():
        assert tensor.dtype == torch.float32
        # float16 has 11 binary digits; below 2^-14 its steps are even.
        assert torch.allclose(tensor, trained[0].flat.tensors[name][0], rtol=2**-11, atol=2**-25)
    assert half.bytes_for(PAIR) < 0.75 * KeptModels(tmp_path / "whole", MANY).bytes_for(PAIR)


def test_what_float16_cannot_hold_stays_as_it_is(tmp_path, trained):
    large = tensors_of(trained[0], 0) | {"final_norm": torch.full((8,), 1e6)}
    diverged = tensors_of(trained[0], 1) | {"final_norm": torch.full((8,), torch.nan)}
    half = KeptModels(tmp_path / "half", MANY, half=True)
    half.save(PAIR[0], large)
    half.save(PAIR[1], diverged)
    assert torch.equal(half.load(PAIR[0])["final_norm"], large["final_norm"])
    assert half.load(PAIR[1])["final_norm"].isnan().all()


# ---------------------------------------------------------------------- the limit


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize(
    "one",
    [
        PAIR[0],
        configuration(width=64),
        configuration(tied=False, parametrization=Parametrization("sp")),
        replace(PAIR[0], architecture=replace(PAIR[0].architecture, depth=12)),
    ],
    ids=["small", "wide", "untied", "deep"],
)
def test_the_bytes_are_known_beforehand(tmp_path, one, half):
    models = KeptModels(tmp_path, MANY, half=half)
    said = models.bytes_for([one])
    models.save(one, tensors_of(initial_model([one]), 0))
    tensors = 2 + 6 * one.architecture.depth + (not one.architecture.tied)
    assert models.bytes_taken <= said <= models.bytes_taken + 512 + 100 * tensors
    assert models.bytes_for([one, one]) == said
    assert models.check_room([one]) == 0


def test_a_grid_that_does_not_fit_is_refused_before_and_no_file_passes_the_limit(tmp_path, trained):
    free = KeptModels(tmp_path / "free", MANY)
    enough = free.bytes_for(PAIR)
    assert KeptModels(tmp_path / "kept", enough).check_room(PAIR) == enough
    tight = KeptModels(tmp_path / "kept", enough // 2 + 100)
    with pytest.raises(InvalidArgument, match=f"at_most_bytes must be at least {enough:,}") as refused:
        tight.check_room(PAIR)
    assert "\n" not in str(refused.value)
    tight.save(PAIR[0], tensors_of(trained[0], 0))
    with pytest.raises(InvalidArgument, match="at_most_bytes must be at least"):
        tight.save(PAIR[1], tensors_of(trained[0], 1))
    assert tight.identities == (PAIR[0].identity,)
    tight.save(PAIR[0], tensors_of(trained[0], 0))  # in place of itself


def test_a_model_of_the_callers_own_is_kept_but_not_built(tmp_path):
    mine = replace(PAIR[0], model="mine")
    models = KeptModels(tmp_path, MANY)
    models.save(mine, {"matrix": np.eye(3, dtype=np.float32)})
    assert torch.equal(models.load(mine)["matrix"], torch.eye(3))
    with pytest.raises(InvalidArgument, match="load its tensors into your module"):
        models.model(mine)
    with pytest.raises(InvalidArgument, match="its shapes are not known before"):
        models.bytes_for([mine])


def test_tensors_of_another_shape_are_refused(tmp_path, trained):
    models = KeptModels(tmp_path, MANY)
    stacked = trained[0].flat.tensors
    lacking = tensors_of(trained[0], 0)
    del lacking["final_norm"]
    for wrong in (stacked, lacking, tensors_of(trained[0], 0) | {"more": torch.ones(1)}):
        with pytest.raises(InvalidArgument, match="tensors must be those of the run"):
            models.save(PAIR[0], wrong)
    assert models.identities == ()


# ---------------------------------------------------------------------- faults


def test_lost_weights_are_said_in_one_line(tmp_path):
    with pytest.raises(StoreError, match=r"are not kept in .*: train the run again") as lost:
        KeptModels(tmp_path, MANY).load(PAIR[0])
    assert "\n" not in str(lost.value)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "foreign", "another run"])
def test_torn_weights_are_said_in_one_line(kept, damage):
    path = kept.folder / f"{PAIR[0].identity}.safetensors"
    data = path.read_bytes()
    path.write_bytes(
        {
            "truncated": data[: len(data) // 2],
            "flipped": data[:-1] + bytes([data[-1] ^ 1]),
            "empty": b"",
            "foreign": b"no weights at all",
            "another run": (kept.folder / f"{PAIR[1].identity}.safetensors").read_bytes(),
        }[damage]
    )
    for read in (kept.load, kept.model):
        with pytest.raises(StoreError, match="cannot be used") as torn:
            read(PAIR[0])
        assert "\n" not in str(torn.value)
    assert kept.load(PAIR[1])


def test_a_full_disk_leaves_what_was_there(kept, monkeypatch):
    before = kept.load(PAIR[0])

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match=r"could not be kept .* free space there"):
        kept.save(PAIR[0], {name: 2 * tensor for name, tensor in before.items()})
    assert not list(kept.folder.glob("*.part"))
    assert all(torch.equal(tensor, before[name]) for name, tensor in kept.load(PAIR[0]).items())


def test_a_kill_while_saving_leaves_what_was_there(kept):
    before = kept.load(PAIR[0])
    code = textwrap.dedent(
        f"""
        import os, signal
        from scaling_lib.runs.keeping import kept
        from tests.runs.keeping.test_kept import PAIR, MANY
        models = kept.KeptModels({str(kept.folder)!r}, MANY)
        tensors = models.load(PAIR[0])

        def dying_replace(source, target):
            with open(source, "rb+") as file:
                file.truncate(os.path.getsize(source) // 2)
            os.kill(os.getpid(), signal.SIGKILL)

        os.replace = dying_replace
        models.save(PAIR[0], {{name: 2 * tensor for name, tensor in tensors.items()}})
        """
    )
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert kept.identities == tuple(sorted(one.identity for one in PAIR))
    assert all(torch.equal(tensor, before[name]) for name, tensor in kept.load(PAIR[0]).items())
    kept.save(PAIR[0], before)  # over what the dead process left
    assert not list(kept.folder.glob("*.part"))


def test_an_unwritable_folder_is_said(tmp_path, trained):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="could not be kept"):
        KeptModels(tmp_path / "file" / "kept", MANY).save(PAIR[0], tensors_of(trained[0], 0))


# ---------------------------------------------------------------------- what ships


def test_models_are_recorded_with_their_hash(kept, tmp_path):
    taken = record_models(kept, PAIR[:1], tmp_path / "shipped")
    assert record_models(kept, PAIR[1:], tmp_path / "shipped") > taken
    shipped = KeptModels(tmp_path / "shipped", SHIPPED_BYTES, half=True)
    assert set(json.loads((shipped.folder / "manifest.json").read_text())) == set(shipped.identities)
    again = KeptModels(tmp_path / "again", MANY, half=True)
    again.save(PAIR[0], {name: 2 * tensor for name, tensor in kept.load(PAIR[0]).items()})
    os.replace(again.folder / f"{PAIR[0].identity}.safetensors", shipped.folder / f"{PAIR[0].identity}.safetensors")
    with pytest.raises(StoreError, match="not those of the manifest"):
        shipped.load(PAIR[0])


def test_more_than_may_ship_is_refused_before_anything_is_written(kept, tmp_path):
    wide = [configuration(width=512, seed=seed) for seed in range(2)]
    with pytest.raises(InvalidArgument, match="at_most_bytes"):
        record_models(kept, wide, tmp_path / "shipped")
    assert not (tmp_path / "shipped").exists()


def test_the_weights_that_ship_are_small_and_whole():
    folder = Path(scaling_lib.__file__).parent / "recorded" / "kept"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert sum(path.stat().st_size for path in folder.iterdir()) <= SHIPPED_BYTES
    assert set(manifest) == set(recorded_models().identities)
