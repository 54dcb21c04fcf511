"""Final weights of finished runs, by identity, so that a new metric needs no training.

A file holds the tensors of one model, in safetensors, with its run's configuration and the SHA-256 of its contents. It
is written beside its final place and renamed, so that a kill at any moment leaves the old file or the new one, and a
file that is torn is refused when it is read. How many bytes the models of a grid take is known before any of them is
trained.

A small named subset ships with the package, in float16 (`recorded_models`); its manifest holds the SHA-256 of each
file.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from scaling_lib.arguments import Count, Remedy, checked
from scaling_lib.errors import InvalidArgument, StoreError, check_instance, invalid
from scaling_lib.files import write_whole
from scaling_lib.models.parametrization import tensor_rules
from scaling_lib.runs.keeping.tables import load_recorded, manifest, recorded_folder
from scaling_lib.runs.records import RunConfiguration

if TYPE_CHECKING:
    from torch import Tensor

    from scaling_lib.models.transformer import Transformer

__all__ = ["SHIPPED_BYTES", "KeptModels", "record_models", "recorded_models"]

_FORMAT = "scaling-lab model 1"
_LARGEST_HALF = float(np.finfo(np.float16).max)
# What safetensors writes besides the numbers: the metadata, and name, type, shape and place of each tensor.
_HEADER, _ENTRY = 512, 144
# The largest total of the weights that ship with the package.
SHIPPED_BYTES = 4_000_000

_Configuration = Annotated[RunConfiguration, Remedy("build one with RunConfiguration(...)")]
_Configurations = Annotated[Sequence[RunConfiguration], Remedy("pass a list of RunConfiguration")]


class KeptModels:
    """A folder of final weights.

    folder: made when first needed. at_most_bytes: what all files of it may take together; None for no limit. half: keep
    float16, half the bytes; a tensor with a value beyond 65,504 stays float32.

        kept = KeptModels("runs.kept", at_most_bytes=10**9)
        kept.check_room(configurations)         # before anything is trained
        model = kept.model(configuration)       # of one member

    Raises InvalidArgument; what goes wrong with a file is a StoreError.
    """

    @checked
    def __init__(self, folder: str | Path, at_most_bytes: Count | None = None, *, half: bool = False) -> None:
        self.folder, self.at_most_bytes, self.half = Path(folder), at_most_bytes, half

    @property
    def identities(self) -> tuple[str, ...]:
        """Of the runs whose weights are here, sorted."""
        return tuple(sorted(path.stem for path in self.folder.glob("*.safetensors")))

    @property
    def bytes_taken(self) -> int:
        """What the files take now."""
        return sum(path.stat().st_size for path in self.folder.glob("*.safetensors"))

    @checked
    def has(self, configuration: _Configuration) -> bool:
        """Whether the weights of this run are here."""
        return self._path(configuration).is_file()

    @checked
    def bytes_for(self, configurations: _Configurations) -> int:
        """The most that the weights of these runs take on disk, those that are here already included.

        Raises InvalidArgument for a model of the caller's own, whose shapes are not known before.
        """
        each = {configuration.identity: self._bytes_of(configuration) for configuration in configurations}
        return sum(each.values())

    def _bytes_of(self, configuration: RunConfiguration) -> int:
        if configuration.model != "transformer":
            raise invalid(
                "configurations", "of model 'transformer'", configuration.model, "its shapes are not known before"
            )
        rules = tensor_rules(configuration.architecture, configuration.parametrization)
        numbers = sum(math.prod(rule.shape) for rule in rules)
        text = len(json.dumps(configuration.canonical_json()))
        return numbers * (2 if self.half else 4) + _HEADER + text + _ENTRY * len(rules)

    @checked
    def check_room(self, configurations: _Configurations) -> int:
        """Refuse runs whose weights would not fit, before anything is trained; returns how many bytes they add at most.

        Raises InvalidArgument.
        """
        each = {c.identity: 0 if self.has(c) else self._bytes_of(c) for c in configurations}
        added = sum(each.values())
        taken = self.bytes_taken
        if self.at_most_bytes is not None and taken + added > self.at_most_bytes:
            raise InvalidArgument(
                f"at_most_bytes must be at least {taken + added:,} for the weights of {len(configurations)} runs in "
                f"{self.folder} ({taken:,} are taken), got {self.at_most_bytes:,}: raise it, pass half=True, or keep "
                f"fewer runs."
            )
        return added

    @checked
    def save(
        self,
        configuration: _Configuration,
        tensors: Annotated[Mapping[str, Any], Remedy("pass the tensors of one member, by name")],
    ) -> Path:
        """Put the final weights of a run in place; returns the path of its file.

        tensors: of one member, without the axis K, on any device; a transformer's have the names and shapes of its
        `models.parametrization.tensor_rules`.
        Raises InvalidArgument where they have others, or where the folder would grow beyond its limit; StoreError where
        the file could not be written. What was there before then stays.
        """
        from safetensors.numpy import save

        arrays = {name: self._array(name, tensor) for name, tensor in tensors.items()}
        self._check_shapes(configuration, {name: array.shape for name, array in arrays.items()})
        about = {"format": _FORMAT, "identity": configuration.identity, "sha256": _checksum(arrays)}
        about["configuration"] = configuration.canonical_json()
        data = save(arrays, about)
        path = self._path(configuration)
        others = self.bytes_taken - (path.stat().st_size if path.is_file() else 0)
        if self.at_most_bytes is not None and others + len(data) > self.at_most_bytes:
            raise InvalidArgument(
                f"at_most_bytes must be at least {others + len(data):,} to keep this model too in {self.folder}, got "
                f"{self.at_most_bytes:,}: raise it, pass half=True, or ask check_room before training."
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, lambda file: file.write(data))
        except OSError as error:
            raise StoreError(
                f"the weights of run {configuration.identity[:12]} could not be kept in {self.folder} ({error}): free "
                f"space there, or keep them elsewhere."
            ) from error
        return path

    def _array(self, name: str, tensor: Any) -> np.ndarray:
        array = tensor.detach().cpu().float().numpy() if hasattr(tensor, "detach") else tensor
        check_instance(name, array, np.ndarray, remedy="pass a tensor in tensors")
        array = np.ascontiguousarray(array, np.float32)
        beyond = np.abs(array[np.isfinite(array)]).max(initial=0.0) > _LARGEST_HALF
        return array.astype(np.float16) if self.half and not beyond else array

    @checked
    def configuration(self, identity: str) -> RunConfiguration:
        """Of a run whose weights are here, by its identity or the beginning of it.

        It stands in the file; for files that were written before it did, it is looked up in the recorded tables.
        Raises InvalidArgument where several identities begin so; StoreError where the weights are not here, their file
        is torn, or nothing says what run they are of.
        """
        from safetensors import SafetensorError, safe_open

        fitting = [known for known in self.identities if known.startswith(identity)] or [identity]
        if len(fitting) > 1:
            wanted = f"the beginning of one identity in {self.folder}"
            raise invalid("identity", wanted, identity, f"{len(fitting)} begin so, write more of it")
        path = self.folder / f"{fitting[0]}.safetensors"
        if not path.is_file():
            raise _not_kept("identity ", identity, self.folder)
        try:
            with safe_open(path, framework="np") as file:
                text = (file.metadata() or {}).get("configuration")
        except (SafetensorError, OSError) as error:
            raise _unusable(path, error) from error
        configuration = RunConfiguration.from_json(text) if text else _recorded_configuration(fitting[0])
        if configuration is None or configuration.identity != fitting[0]:
            raise _unusable(path, "nothing says what run it is of")
        return configuration

    @checked
    def load(self, configuration: _Configuration) -> "dict[str, Tensor]":
        """The final weights of a run, float32 on the CPU, by name.

        Raises StoreError where they are not here, or where their file is torn, or of another run.
        """
        import torch

        path = self._path(configuration)
        arrays = self._read(path, configuration)
        return {name: torch.from_numpy(array.astype(np.float32)) for name, array in arrays.items()}

    @checked
    def model(self, configuration: _Configuration) -> "Transformer":
        """The finished model of a run, as an ensemble of one member on the CPU.

        Raises InvalidArgument for a model of the caller's own, StoreError as `load`.
        """
        import torch

        from scaling_lib.models.transformer import Transformer

        if configuration.model != "transformer":
            raise invalid(
                "configuration", "of model 'transformer'", configuration.model, "load its tensors into your module"
            )
        tensors = self.load(configuration)
        model = Transformer(configuration.architecture, configuration.parametrization, generators=[torch.Generator()])
        with torch.no_grad():
            for name, values in model.flat.tensors.items():
                values[0] = tensors[name]
        return model

    def _path(self, configuration: RunConfiguration) -> Path:
        return self.folder / f"{configuration.identity}.safetensors"

    def _read(self, path: Path, configuration: RunConfiguration) -> dict[str, np.ndarray]:
        from safetensors import SafetensorError, safe_open

        identity = configuration.identity
        if not path.is_file():
            raise _not_kept("run ", identity, self.folder)
        try:
            expected = _manifest(self.folder).get(identity)
            if expected is not None and hashlib.sha256(path.read_bytes()).hexdigest() != expected["sha256"]:
                raise ValueError("its bytes are not those of the manifest")
            with safe_open(path, framework="np") as file:
                about = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            if about.get("format") != _FORMAT or about.get("identity") != identity:
                raise ValueError("another format, or of another run")
            if about.get("sha256") != _checksum(arrays):
                raise ValueError("its contents do not match their checksum")
            self._check_shapes(configuration, {name: array.shape for name, array in arrays.items()})
        except (SafetensorError, ValueError, KeyError, TypeError, OSError) as error:
            raise _unusable(path, error) from error
        return arrays

    def _check_shapes(self, configuration: RunConfiguration, shapes: Mapping[str, tuple[int, ...]]) -> None:
        if configuration.model != "transformer":
            return
        rules = tensor_rules(configuration.architecture, configuration.parametrization)
        wanted = {rule.name: tuple(rule.shape) for rule in rules}
        wrong = sorted(name for name in wanted.keys() | shapes.keys() if wanted.get(name) != shapes.get(name))
        if wrong:
            raise invalid(
                "tensors",
                f"those of the run, with {wrong[0]} of shape {wanted.get(wrong[0], 'no such tensor')}",
                shapes.get(wrong[0], "none"),
                "pass those of one member, without the axis K",
            )


def _not_kept(what: str, identity: str, folder: Path) -> StoreError:
    return StoreError(
        f"the weights of {what}{identity[:12]} are not kept in {folder}: train the run again with that folder, or "
        f"leave out what needs them."
    )


def _unusable(path: Path, reason: Any) -> StoreError:
    return StoreError(
        f"the kept model {path.name[:12]} in {path.parent} cannot be used ({' '.join(str(reason).split())}): remove "
        f"the file, and train the run again with that folder."
    )


# ---------------------------------------------------------------------- what ships with the package


def _recorded_configuration(identity: str) -> RunConfiguration | None:
    for name, entry in manifest(recorded_folder()).items():
        if "runs" in entry:
            frame = load_recorded(name)
            for text in frame.loc[frame["identity"] == identity, "configuration"]:
                return RunConfiguration.from_json(text)
    return None


def recorded_models() -> KeptModels:
    """The final weights that ship with the package; of most recorded runs there are none."""
    return KeptModels(recorded_folder() / "kept", SHIPPED_BYTES, half=True)


@checked
def record_models(
    kept: Annotated[KeptModels, Remedy("open a folder with KeptModels(folder, at_most_bytes)")],
    configurations: _Configurations,
    folder: str | Path,
) -> int:
    """Copy the weights of these runs into `folder` as float16, with the SHA-256 of each in its manifest.

    Returns the bytes that all models in `folder` take. Raises InvalidArgument where that would be more than
    `SHIPPED_BYTES`, before anything is written; StoreError where weights are missing or torn.
    """
    shipped = KeptModels(folder, SHIPPED_BYTES, half=True)
    shipped.check_room(configurations)
    entries = _manifest(shipped.folder)
    for configuration in configurations:
        path = shipped.save(configuration, kept.load(configuration))
        entries[configuration.identity] = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    text = json.dumps(entries, indent=2, sort_keys=True) + "\n"
    write_whole(shipped.folder / "manifest.json", lambda file: file.write(text.encode()))
    return shipped.bytes_taken


def _manifest(folder: Path) -> dict[str, dict[str, str]]:
    path = folder / "manifest.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def _checksum(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()
