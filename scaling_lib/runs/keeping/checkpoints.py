"""Half-finished ensembles on disk, so that a machine with a time limit can continue a long one where it stopped.

A group is the K runs that are trained together. Its file holds everything the next step depends on: weights, both
moments, the optimizer's step, the learning curve so far. (Batches depend on the step's number alone, so they need no
state.) A run that goes on from a checkpoint is the same to the bit as one that was never stopped, on the same machine.
When a group is done its results take the place of its state, until the store has them.

Files are written beside their final place and renamed, so that a kill at any moment leaves the old one or the new one;
a SHA-256 of the contents tells a torn file, which is set aside, said, and trained again.
"""

import hashlib
import json
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor

from scaling_lib.arguments import NonNegative, Remedy, checked
from scaling_lib.errors import ScalingLabError, ScalingLabWarning, StoreError, check_instance
from scaling_lib.files import write_whole
from scaling_lib.runs.keeping.measurements import measurements_from_json, measurements_to_json
from scaling_lib.runs.records import RunConfiguration, RunResult

__all__ = ["Checkpoint", "Checkpoints", "Paused"]

_FORMAT = "scaling-lab checkpoint 1"


class Paused(ScalingLabError):
    """The time was over in the middle of a run; its checkpoint is on disk."""


@checked
@dataclass(frozen=True)
class Checkpoints:
    """Where checkpoints go, and when.

    folder: made when first needed. every: seconds between two checkpoints of a group. seconds: after which training
    pauses, counted from now; None for never. Raises InvalidArgument.

        train_ensemble(chain, configurations, checkpoints=Checkpoints("runs.checkpoints", seconds=3600))
    """

    folder: Path
    every: NonNegative = 60.0
    seconds: float | None = None
    _begun: float = field(default_factory=time.monotonic, repr=False)

    @property
    def over(self) -> bool:
        """Whether the time is over. The monotonic clock: a wall clock may be set back."""
        return self.seconds is not None and time.monotonic() - self._begun >= self.seconds

    @checked
    def of(
        self, configurations: Annotated[Sequence[RunConfiguration], Remedy("pass the runs of a group")]
    ) -> "Checkpoint":
        """The checkpoint of the group of these runs; no file is touched. Raises InvalidArgument."""
        identities = "".join(configuration.identity for configuration in configurations)
        name = hashlib.sha256(identities.encode()).hexdigest()[:32]
        return Checkpoint(self.folder / f"{name}.safetensors", identities, self.every)

    @checked
    def forget(
        self, configurations: Annotated[Sequence[RunConfiguration], Remedy("pass the runs of an ensemble")]
    ) -> None:
        """Remove what is kept of these runs: they are in the store."""
        wanted = {configuration.identity for configuration in configurations}
        for path in self.folder.glob("*.safetensors"):
            described = _described(path)
            if described is not None and wanted >= set(_split(described.get("identities", ""))):
                path.unlink(missing_ok=True)


def _split(identities: str) -> list[str]:
    return [identities[i : i + 64] for i in range(0, len(identities), 64)]


class Checkpoint:
    """The file of one group. path: where; identities: of its runs, joined; every: seconds between two saves."""

    @checked
    def __init__(self, path: Path, identities: str, every: NonNegative = 60.0) -> None:
        self.path, self.identities, self.every = path, identities, every
        self._saved = time.monotonic()
        self._state: tuple[dict[str, Tensor], dict] | None = None

    @property
    def due(self) -> bool:
        """Whether the last save is long enough ago."""
        return time.monotonic() - self._saved >= self.every

    @checked
    def save(
        self,
        tensors: Annotated[Mapping[str, Tensor], Remedy("pass a dict of tensors")],
        about: Annotated[Mapping[str, object], Remedy("pass a dict of plain values")],
    ) -> None:
        """Put the state in place of the last one. tensors: of any shapes, by name. about: plain values that go with it.

        Raises InvalidArgument, and StoreError where the file could not be written; the last state is then still there.
        """
        self._write({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, dict(about))
        self._saved = time.monotonic()

    def load(self) -> tuple[dict[str, Tensor], dict] | None:
        """The last state and what goes with it; None where there is none, or (with a warning) where it is torn."""
        contents, self._state = self._state or self._read(), None
        return None if contents is None or "results" in contents[1] else contents

    @checked
    def finish(self, results: Annotated[Sequence[RunResult], Remedy("pass what training returned")]) -> None:
        """Put the results of the group in the place of its state. Raises InvalidArgument and, as `save`, StoreError."""
        measured = [measurements_to_json(result.measurements) for result in results]
        about = {"results": [result.to_json() for result in results], "measurements": measured}
        self._write({"done": torch.ones(1)}, about)

    def results(self) -> list[RunResult] | None:
        """The results of the group with their measurements, if it was finished."""
        contents = self._read()
        if contents is None or "results" not in contents[1]:
            self._state = contents  # for the `load` that follows: large, and its checksum is made
            return None
        results = [RunResult.from_json(text) for text in contents[1]["results"]]
        measured = contents[1].get("measurements", ["[]"] * len(results))  # older files have none
        return [
            replace(result, measurements=measurements_from_json(text))
            for result, text in zip(results, measured, strict=True)
        ]

    def _write(self, tensors: dict[str, Tensor], about: dict) -> None:
        self._state = None
        described = {
            "format": _FORMAT,
            "identities": self.identities,
            "about": json.dumps(about),
            "sha256": _checksum(tensors),
        }
        from safetensors.torch import save

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Nobody else trains this group: the store has one writer.
            write_whole(self.path, lambda file: file.write(save(tensors, described)))
        except OSError as error:
            raise StoreError(
                f"the checkpoint {self.path.name} could not be written ({error}): free space in {self.path.parent}, "
                f"then run the same command again; what was finished is in the store."
            ) from error

    def _read(self) -> tuple[dict[str, Tensor], dict] | None:
        if not self.path.is_file():
            return None
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, framework="pt") as file:
                described = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            if described.get("format") != _FORMAT or described.get("identities") != self.identities:
                raise ValueError("another format, or of other runs")
            if _checksum(tensors) != described["sha256"]:
                raise ValueError("contents do not match their checksum")
            return tensors, json.loads(described["about"])
        except (SafetensorError, ValueError, KeyError, OSError) as error:
            warnings.warn(
                f"the checkpoint {self.path.name} is torn ({error}): its group is trained again from the start; "
                f"what was finished before is in the store.",
                ScalingLabWarning,
                stacklevel=3,
            )
            self.path.unlink(missing_ok=True)
            return None


def _described(path: Path) -> dict[str, str] | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata()
    except (SafetensorError, OSError):
        return None


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(check_instance(name, tensors[name], Tensor, remedy="pass a tensor").numpy().tobytes())
    return digest.hexdigest()
