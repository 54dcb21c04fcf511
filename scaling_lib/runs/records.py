"""The run, the one noun everybody shares: its configuration, its identity, its record.

A run is one trained model. Its *configuration* is a frozen dataclass of plain values; the SHA-256 of its canonical
JSON is its *identity* and covers everything that changes the numbers. Its *record* adds what came out and where.
"""

import hashlib
import json
import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from scaling_lib.errors import (
    InvalidArgument,
    check_choice,
    check_instance,
    check_integer,
    check_real,
    check_sequence,
    check_text,
)
from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization

__all__ = [
    "Evaluation",
    "Optimizer",
    "Provenance",
    "RunConfiguration",
    "RunRecord",
    "RunResult",
    "Schedule",
    "Source",
]

# The version of the training semantics. Raise it whenever the same configuration gives other numbers than before
# (tests/runs/test_training.py holds golden losses and fails when the numbers change and this does not).
SEMANTICS_VERSION = 1

PRECISIONS = ("float32", "tf32", "bfloat16")
STATUSES = ("ok", "diverged")
STARTS = ("stationary", "strength")


@dataclass(frozen=True)
class Source:
    """Where the tokens come from: a chain, by the recipe that made it and the fingerprint of what it made.

    ensemble: name of the recipe ("erdos_renyi", "barabasi_albert", "edges", ...). parameters: its arguments as sorted
    (name, value) pairs. seed: of the graph. fingerprint: `Chain.fingerprint`, so that a change of a generator cannot
    pass for the same graph. entropy_rate: nats per token. start: law of the first node.
    """

    ensemble: str
    parameters: tuple[tuple[str, int | float | str | bool], ...]
    seed: int
    fingerprint: str
    entropy_rate: float
    start: str = "stationary"

    def __post_init__(self) -> None:
        check_text("ensemble", self.ensemble)
        object.__setattr__(self, "parameters", tuple(sorted((str(k), v) for k, v in self.parameters)))
        check_integer("seed", self.seed, minimum=0)
        check_text("fingerprint", self.fingerprint)
        # 12 digits: the same graph gives the same identity on machines that sum in another order.
        rate = check_real("entropy_rate", self.entropy_rate, minimum=0)
        object.__setattr__(self, "entropy_rate", float(f"{rate:.12g}"))
        check_choice("start", self.start, STARTS)


@dataclass(frozen=True)
class Optimizer:
    """AdamW. Defaults follow facts the paper states (weight decay 0.01) or, where it is silent, the code it cites.

    learning_rate: the peak, lambda, before the parametrization's factors. clip: largest global gradient norm of a
    model, 0 for none.
    """

    learning_rate: float
    beta1: float = 0.9
    beta2: float = 0.95
    epsilon: float = 1e-8
    weight_decay: float = 0.01
    clip: float = 1.0

    def __post_init__(self) -> None:
        for name, bounds in (
            ("learning_rate", {"above": 0}),
            ("beta1", {"minimum": 0, "below": 1}),
            ("beta2", {"minimum": 0, "below": 1}),
            ("epsilon", {"above": 0}),
            ("weight_decay", {"minimum": 0}),
            ("clip", {"minimum": 0}),
        ):
            object.__setattr__(self, name, check_real(name, getattr(self, name), **bounds))


@dataclass(frozen=True)
class Schedule:
    """How many tokens, in what portions: linear warm-up over the first `warmup` of the steps, cosine to zero.

    tokens: D, distinct training tokens. batch: walks per step. epochs: passes over the D tokens (the paper: 1).
    """

    tokens: int
    batch: int = 100
    epochs: int = 1
    warmup: float = 0.02

    def __post_init__(self) -> None:
        check_integer("tokens", self.tokens, minimum=1)
        check_integer("batch", self.batch, minimum=1)
        check_integer("epochs", self.epochs, minimum=1)
        object.__setattr__(self, "warmup", check_real("warmup", self.warmup, minimum=0, below=1))


@dataclass(frozen=True)
class Evaluation:
    """How a run is scored: exact conditional KL on `walks` common sequences drawn with `seed`.

    curve_points: how many log-spaced steps of the run are scored too (the learning curve); the last step always is.
    """

    walks: int = 200
    seed: int = 0
    curve_points: int = 12

    def __post_init__(self) -> None:
        check_integer("walks", self.walks, minimum=2)
        check_integer("seed", self.seed, minimum=0)
        check_integer("curve_points", self.curve_points, minimum=1)


@dataclass(frozen=True)
class RunConfiguration:
    """Everything that changes the numbers of one run; `identity` is its hash.

    seed: of the initial weights and of the training walks. precision: of the matrix products (losses and evaluation
    are always float32). model: "transformer", or the name of the caller's own module.
    Raises InvalidArgument where the tokens are not a whole number of batches.
    """

    source: Source
    architecture: Architecture
    parametrization: Parametrization
    optimizer: Optimizer
    schedule: Schedule
    evaluation: Evaluation = field(default_factory=Evaluation)
    seed: int = 0
    precision: str = "float32"
    model: str = "transformer"
    semantics_version: int = SEMANTICS_VERSION

    def __post_init__(self) -> None:
        for name, kind in _PARTS.items():
            check_instance(name, getattr(self, name), kind, remedy=f"build one with {kind.__name__}(...)")
        check_integer("seed", self.seed, minimum=0)
        check_choice("precision", self.precision, PRECISIONS)
        check_text("model", self.model)
        check_integer("semantics_version", self.semantics_version, minimum=1)
        per_step = self.tokens_per_step
        if self.schedule.tokens % per_step:
            nearest = max(1, round(self.schedule.tokens / per_step)) * per_step
            raise InvalidArgument(
                f"tokens must be a multiple of batch x context = {per_step}, got {self.schedule.tokens}: "
                f"pass {nearest}."
            )

    @property
    def tokens_per_step(self) -> int:
        return self.schedule.batch * self.architecture.context

    @property
    def optimizer_steps(self) -> int:
        return self.schedule.tokens // self.tokens_per_step * self.schedule.epochs

    @property
    def identity(self) -> str:
        """64 hexadecimal digits: SHA-256 of the canonical JSON of the configuration."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    def canonical_json(self) -> str:
        """Sorted keys, no spaces, shortest decimal of every float: one text for one configuration."""
        return _canonical(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "RunConfiguration":
        """The inverse of `canonical_json`. Raises InvalidArgument where a field is missing or unknown."""
        try:
            values = _fields(text, "RunConfiguration")
            parts = {name: kind(**values.pop(name)) for name, kind in _PARTS.items()}
            return cls(**parts, **values)
        except (KeyError, TypeError) as error:
            raise InvalidArgument(
                f"text must be the canonical JSON of a RunConfiguration, got {text[:40]!r} ({error}): "
                f"read it with the version of scaling_lib that wrote it."
            ) from None


_PARTS: dict[str, type] = {
    "source": Source,
    "architecture": Architecture,
    "parametrization": Parametrization,
    "optimizer": Optimizer,
    "schedule": Schedule,
    "evaluation": Evaluation,
}


@dataclass(frozen=True)
class RunResult:
    """What one run gave. Losses in nats per predicted token, time in seconds.

    status: "ok" or "diverged" (then the losses are None). excess_loss: mean conditional KL(P || model), the excess over
    the entropy rate, with its standard error over the evaluation walks. loss: entropy rate + excess.
    curve_steps, curve_training_loss, curve_excess_loss: the learning curve, equally long.
    ensemble_size: how many models were trained together (K).
    """

    status: str
    excess_loss: float | None
    excess_loss_se: float | None
    loss: float | None
    parameters: int
    nonembedding_parameters: int
    tokens: int
    flops: float
    optimizer_steps: int
    curve_steps: tuple[int, ...]
    curve_training_loss: tuple[float | None, ...]
    curve_excess_loss: tuple[float | None, ...]
    wall_seconds: float
    device: str
    ensemble_size: int

    def __post_init__(self) -> None:
        check_choice("status", self.status, STATUSES)
        for name in ("curve_steps", "curve_training_loss", "curve_excess_loss"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_sequence("curve_steps", self.curve_steps, int, remedy="pass the steps of the curve", minimum=0)
        if self.status == "ok":
            for name in ("excess_loss", "excess_loss_se", "loss"):
                check_real(name, getattr(self, name))

    def to_json(self) -> str:
        return _canonical(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "RunResult":
        """The inverse of `to_json`. Raises InvalidArgument where a field is missing or unknown."""
        return cls(**_fields(text, "RunResult"))


@dataclass(frozen=True)
class Provenance:
    """Where a run came from: never part of its identity.

    time: UTC, ISO 8601. versions: (package, version) pairs. code_version: distribution version and a hash of the
    library's sources. rules: hash of the claim rules in force (`pages.claims`), passed in by the caller; a run older
    than the rule that judges it is exploratory.
    """

    time: str
    versions: tuple[tuple[str, str], ...]
    code_version: str
    rules: str

    def __post_init__(self) -> None:
        check_text("time", self.time)
        check_text("code_version", self.code_version)
        if not isinstance(self.rules, str):
            raise InvalidArgument(f"rules must be a hash, got {self.rules!r}: pass '' where no claim is meant.")
        if not isinstance(self.versions, list | tuple) or not all(
            isinstance(pair, list | tuple) and len(pair) == 2 for pair in self.versions
        ):
            raise InvalidArgument(
                f"versions must be (package, version) pairs, got {self.versions!r}: use Provenance.here()."
            )
        object.__setattr__(self, "versions", tuple((str(name), str(version)) for name, version in self.versions))

    @classmethod
    def here(cls, rules: str = "") -> "Provenance":
        """This machine, these versions, now."""
        return cls(datetime.now(UTC).isoformat(timespec="seconds"), _versions(), _code_version(), rules)

    def to_json(self) -> str:
        return _canonical(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Provenance":
        """The inverse of `to_json`. Raises InvalidArgument where a field is missing or unknown."""
        return cls(**_fields(text, "Provenance"))


@dataclass(frozen=True)
class RunRecord:
    """One finished run: what was asked, what came out, where from."""

    configuration: RunConfiguration
    result: RunResult
    provenance: Provenance

    def __post_init__(self) -> None:
        for name, kind in (("configuration", RunConfiguration), ("result", RunResult), ("provenance", Provenance)):
            check_instance(name, getattr(self, name), kind, remedy=f"build one with {kind.__name__}(...)")

    @property
    def identity(self) -> str:
        return self.configuration.identity


def _canonical(values: dict[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _fields(text: str, what: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
        if isinstance(values, dict):
            return values
    except (TypeError, ValueError):
        pass
    raise InvalidArgument(f"text must be the JSON of a {what}, got {str(text)[:40]!r}: read it from a store.")


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    found = [("python", platform.python_version())]
    for name in ("numpy", "scipy", "torch"):
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return tuple(found)


@cache
def _code_version() -> str:
    """Distribution version and a hash of the library's sources: right in a wheel and in a dirty checkout alike."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    try:
        version = metadata.version("scaling-lab")
    except metadata.PackageNotFoundError:  # run straight from a source tree
        version = "source"
    return f"{version}+{digest.hexdigest()[:12]}"
