"""The run, the one noun everybody shares: its configuration, its identity, its record.

A run is one trained model. Its *configuration* is a frozen dataclass of plain values; the SHA-256 of its canonical
JSON is its *identity* and covers everything that changes the numbers. Its *record* adds what came out and where.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Any, TypeVar

from scaling_lib.arguments import (
    APART,
    BY_HAND,
    LATER,
    Choice,
    Count,
    Integer,
    NonNegative,
    Positive,
    Real,
    Remedy,
    checked,
    plain_fields,
)
from scaling_lib.errors import InvalidArgument, check_integer, check_real, invalid
from scaling_lib.models.accounting import AnyArchitecture, Architecture
from scaling_lib.models.parametrization import AnyParametrization, Parametrization
from scaling_lib.runs import machine
from scaling_lib.runs.machine import UNKNOWN

__all__ = [
    "Evaluation",
    "Measurement",
    "Optimizer",
    "Provenance",
    "RunConfiguration",
    "RunRecord",
    "RunResult",
    "Schedule",
    "Source",
    "checksum_of",
]

# The version of the training semantics. Raise it whenever the same configuration gives other numbers than before
# (tests/runs/training/test_training.py holds golden losses and fails when the numbers change and this does not).
SEMANTICS_VERSION = 1

Part = TypeVar("Part")

PRECISIONS = ("float32", "tf32", "bfloat16")
STATUSES = ("ok", "diverged")
SHAPES = ("cosine", "wsd", "constant")
SPACINGS = ("log", "linear")
LABELS = ("sampled", "exact")
STARTS = ("stationary", "strength")

_ZeroOrMore = Annotated[int, Integer(minimum=0)]
_BelowOne = Annotated[float, Real(minimum=0, below=1)]


@checked
@dataclass(frozen=True)
class Source:
    """Where the tokens come from: a chain, by the recipe that made it and the fingerprint of what it made.

    ensemble: name of the recipe ("erdos_renyi", "barabasi_albert", "edges", ...). parameters: its arguments as sorted
    (name, value) pairs. seed: of the graph. fingerprint: `Chain.fingerprint`, so that a change of a generator cannot
    pass for the same graph. start: law of the first node.
    """

    ensemble: str
    parameters: Annotated[tuple[tuple[str, int | float | str | bool], ...], BY_HAND]
    seed: _ZeroOrMore
    fingerprint: str
    start: Annotated[str, Choice(STARTS)] = "stationary"

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", tuple(sorted(_pairs("parameters", self.parameters))))


@checked
@dataclass(frozen=True)
class Optimizer:
    """AdamW. Defaults follow facts the paper states (weight decay 0.01) or, where it is silent, the code it cites.

    learning_rate: the peak, lambda, before the parametrization's factors. clip: largest global gradient norm of a
    model, 0 for none.
    """

    learning_rate: Positive
    beta1: _BelowOne = 0.9
    beta2: _BelowOne = 0.95
    epsilon: Positive = 1e-8
    weight_decay: NonNegative = 0.01
    clip: NonNegative = 1.0


@checked
@dataclass(frozen=True)
class Schedule:
    """How many tokens, in what portions, and how the learning rate moves while they are read.

    tokens: D, distinct training tokens. batch: walks per step. epochs: passes over the D tokens (the paper: 1).
    warmup: the share of the steps over which the learning rate rises linearly; warmup_steps: that as a number of steps,
    in place of the share, so that runs of several lengths begin alike. shape: what follows the warm-up: "cosine" to
    zero over all the other steps (the paper), "wsd" (warm-up, stable, decay): the peak, then linearly to zero over the
    last `decay` of the steps, or "constant": the peak to the end.

    Raises InvalidArgument where `decay` is given for another shape than "wsd".

    >>> Schedule(10_000, shape="wsd", decay=0.1, warmup_steps=20).epochs
    1
    """

    tokens: Count
    batch: Count = 100
    epochs: Count = 1
    warmup: _BelowOne = 0.02
    shape: Annotated[str, Choice(SHAPES)] = field(default="cosine", metadata=LATER)
    decay: Annotated[float, Real(above=0, below=1)] = field(default=0.2, metadata=LATER)
    warmup_steps: Count | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        # Two identities for the same numbers would be trained twice.
        if self.shape != "wsd" and self.decay != 0.2:
            raise invalid("decay", "left out where the shape is not 'wsd'", self.decay, "pass shape='wsd', or no decay")
        if self.warmup_steps is not None and self.warmup != 0.02:
            raise invalid("warmup", "left out where warmup_steps is given", self.warmup, "pass one of the two")


@checked
@dataclass(frozen=True)
class Evaluation:
    """How a run is scored: on `walks` common sequences drawn with `seed`, by exact conditional KL where the law of the
    next token is known, else by cross-entropy.

    curve_points: how many steps of the run are scored too (the learning curve); the last step always is. spacing: of
    these steps, "log" or "linear".
    """

    walks: Annotated[int, Integer(minimum=2)] = 200
    seed: _ZeroOrMore = 0
    curve_points: Count = 12
    spacing: Annotated[str, Choice(SPACINGS)] = field(default="log", metadata=LATER)


@checked
@dataclass(frozen=True)
class RunConfiguration:
    """Everything that changes the numbers of one run; `identity` is its hash.

    seed: of the initial weights and of the training walks. precision: of the matrix products (losses and evaluation
    are always float32). model: "transformer", or the name of the caller's own module. labels: what a model is trained
    to predict, the next token of its walks ("sampled") or the exact law that the token was drawn from ("exact"; soft
    labels, for a source that knows its laws).
    Raises InvalidArgument where the tokens are not a whole number of batches, and for exact labels of experts, whose
    load is balanced, and whose capacity holds, in training on tokens alone.
    """

    source: Annotated[Source, Remedy("build one with Source(...)")]
    architecture: AnyArchitecture
    parametrization: AnyParametrization
    optimizer: Annotated[Optimizer, Remedy("build one with Optimizer(...)")]
    schedule: Annotated[Schedule, Remedy("build one with Schedule(...)")]
    evaluation: Annotated[Evaluation, Remedy("build one with Evaluation(...)")] = field(default_factory=Evaluation)
    seed: _ZeroOrMore = 0
    precision: Annotated[str, Choice(PRECISIONS)] = "float32"
    model: str = "transformer"
    semantics_version: Count = SEMANTICS_VERSION
    labels: Annotated[str, Choice(LABELS)] = field(default="sampled", metadata=LATER)

    def __post_init__(self) -> None:
        per_step = self.tokens_per_step
        if self.schedule.tokens % per_step:
            nearest = max(1, round(self.schedule.tokens / per_step)) * per_step
            raise InvalidArgument(
                f"tokens must be a multiple of batch x context = {per_step}, got {self.schedule.tokens}: "
                f"pass {nearest}."
            )
        if self.labels == "exact" and self.architecture.experts > 1:
            wanted = "'sampled' where there are several experts, whose load is balanced on tokens"
            raise invalid("labels", wanted, self.labels, "pass an architecture of one expert")

    @property
    def tokens_per_step(self) -> int:
        """Tokens that one optimiser step reads: batch x context."""
        return self.schedule.batch * self.architecture.context

    @property
    def optimizer_steps(self) -> int:
        """Steps of the whole run, all epochs together."""
        return self.schedule.tokens // self.tokens_per_step * self.schedule.epochs

    @property
    def identity(self) -> str:
        """64 hexadecimal digits: SHA-256 of the canonical JSON of the configuration."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    def canonical_json(self) -> str:
        """Sorted keys, no spaces, shortest decimal of every float: one text for one configuration.

        A field that is added to a configuration in a later version carries `metadata=LATER` and a default that means
        what was done before it existed; at that default it is left out, so that earlier identities stay.
        """
        return self._text

    @cached_property
    def _text(self) -> str:
        """Made once: nothing of a configuration changes, and grids are asked for their identities again and again."""
        return _canonical(plain_fields(self))

    @classmethod
    def from_json(cls, text: str) -> "RunConfiguration":
        """The inverse of `canonical_json`. Raises InvalidArgument where a field is missing or unknown."""
        try:
            values = _fields(text, "RunConfiguration")
            parts = {name: kind(**values.pop(name)) for name, kind in _PARTS.items()}
            return cls(**parts, **values)
        except (KeyError, TypeError) as error:
            remedy = f"read it with the version of scaling_lib that wrote it ({error})"
            raise invalid("text", "the canonical JSON of a RunConfiguration", text, remedy) from None


_PARTS: dict[str, type] = {
    "source": Source,
    "architecture": Architecture,
    "parametrization": Parametrization,
    "optimizer": Optimizer,
    "schedule": Schedule,
    "evaluation": Evaluation,
}


@checked
@dataclass(frozen=True)
class Measurement:
    """The value of one metric for one run (`runs.training.metrics`).

    metric: its name. step: the optimiser step after which it was taken. value: in the unit of the metric; None where it
    was not finite.
    """

    metric: str
    step: _ZeroOrMore
    value: float | None


@checked
@dataclass(frozen=True)
class RunResult:
    """What one run gave. Losses in nats per predicted token, time in seconds.

    status: "ok" or "diverged" (then the losses are None). excess_loss: mean conditional KL(P || model), the excess over
    the entropy rate, with its standard error over the evaluation walks. loss: entropy rate + excess. entropy_rate: the
    exact floor (here, not in the configuration: machines may differ in its last digit, identities must not).
    curve_steps, curve_training_loss, curve_excess_loss: the learning curve, equally long.
    ensemble_size: how many models were trained together (K).

    Of data whose law nobody knows (text), entropy_rate, excess_loss and every entry of curve_excess_loss are None; loss
    is the mean cross-entropy on the common held-out sequences, loss_se its standard error over them, and curve_loss its
    learning curve.

    measurements: what the metrics found in the finished model. They are no part of `to_json`: a store keeps them in a
    table of their own, so that a metric can be added to a finished run.
    """

    status: Annotated[str, Choice(STATUSES)]
    excess_loss: float | None
    excess_loss_se: float | None
    loss: float | None
    entropy_rate: NonNegative | None
    parameters: _ZeroOrMore
    nonembedding_parameters: _ZeroOrMore
    tokens: _ZeroOrMore
    flops: NonNegative
    optimizer_steps: _ZeroOrMore
    curve_steps: Annotated[tuple[int, ...], Remedy("pass the steps of the curve", least=0)]
    curve_training_loss: Annotated[tuple[float | None, ...], BY_HAND]
    curve_excess_loss: Annotated[tuple[float | None, ...], BY_HAND]
    wall_seconds: NonNegative
    device: str
    ensemble_size: Count
    loss_se: float | None = field(default=None, metadata=LATER)
    curve_loss: Annotated[tuple[float | None, ...], BY_HAND] = field(default=(), metadata=LATER)
    measurements: Annotated[tuple[Measurement, ...], Remedy("pass a tuple of Measurement", least=0)] = field(
        default=(), metadata=APART
    )

    def __post_init__(self) -> None:
        if self.status == "ok":
            known = self.entropy_rate is not None
            if not known and self.excess_loss is not None:
                raise invalid("entropy_rate", "known where there is an excess loss", None, "pass both or neither")
            for name in ("excess_loss", "excess_loss_se", "loss") if known else ("loss", "loss_se"):
                check_real(name, getattr(self, name))
        count = len(self.curve_steps)
        for name in ("curve_training_loss", "curve_excess_loss", "curve_loss"):
            values = getattr(self, name)
            if name == "curve_loss" and isinstance(values, list | tuple) and not values:
                continue
            if not isinstance(values, list | tuple) or len(values) != count:
                raise invalid(name, f"{count} losses, one for each curve step", values, "pass None where unknown")
            losses = (None if v is None else check_real(f"{name}[{i}]", v) for i, v in enumerate(values))
            object.__setattr__(self, name, tuple(losses))

    def to_json(self) -> str:
        """Sorted keys, no spaces, shortest decimal of every float: one text for one result, without measurements."""
        return _canonical(plain_fields(self))

    @classmethod
    def from_json(cls, text: str) -> "RunResult":
        """The inverse of `to_json`. Raises InvalidArgument where a field is missing or unknown."""
        return _from_fields(cls, text)


@checked
@dataclass(frozen=True)
class Provenance:
    """Where a run came from: never part of its identity.

    time: UTC, ISO 8601. versions: (package, version) pairs. code_version: distribution version and a hash of the
    library's sources. rules: hash of the claim rules in force (`pages.judging`), passed in by the caller; a run older
    than the rule that judges it is exploratory.

    Of the process that trained the run (`runs.machine` says how each is found), and "unknown" in runs that were
    recorded before these were: commit: of the library's checkout. uncommitted: "clean", or a hash of what differs from
    that commit. processor: its model. gpu: models and driver of the machine's GPUs, or "none"; which one trained is
    `RunResult.device`. threads: of torch. switches: torch's process-wide switches of precision and determinism.

    >>> old = Provenance("2026-01-01T00:00:00+00:00", (("python", "3.11.7"),), "0.1.0+0123456789ab", "")
    >>> old.threads
    'unknown'
    """

    time: str
    versions: Annotated[tuple[tuple[str, str], ...], BY_HAND]
    code_version: str
    rules: Annotated[str, BY_HAND]
    commit: str = field(default=UNKNOWN, metadata=LATER)
    uncommitted: str = field(default=UNKNOWN, metadata=LATER)
    processor: str = field(default=UNKNOWN, metadata=LATER)
    gpu: str = field(default=UNKNOWN, metadata=LATER)
    threads: Annotated[int | str, BY_HAND] = field(default=UNKNOWN, metadata=LATER)
    switches: str = field(default=UNKNOWN, metadata=LATER)

    def __post_init__(self) -> None:
        if not isinstance(self.rules, str):
            raise invalid("rules", "a hash", self.rules, "pass '' where no claim is meant")
        if not (isinstance(self.threads, str) and self.threads == UNKNOWN):
            check_integer("threads", self.threads, minimum=1)
        object.__setattr__(self, "versions", _pairs("versions", self.versions))

    @classmethod
    def here(cls, rules: str = "") -> "Provenance":
        """This process, these versions, now. Call it in the process that trained: threads and switches are its own."""
        commit, uncommitted = machine.working_tree()
        return cls(
            datetime.now(UTC).isoformat(timespec="seconds"),
            machine.versions(),
            machine.code_version(),
            rules,
            commit=commit,
            uncommitted=uncommitted,
            processor=machine.processor(),
            gpu=machine.gpu(),
            threads=machine.threads(),
            switches=machine.precision_switches(),
        )

    def to_json(self) -> str:
        """One text for one provenance. What is "unknown" is left out, so that the text of earlier runs stays."""
        return _canonical(plain_fields(self))

    @classmethod
    def from_json(cls, text: str) -> "Provenance":
        """The inverse of `to_json`. Raises InvalidArgument where a field is missing or unknown."""
        return _from_fields(cls, text)


@checked
@dataclass(frozen=True)
class RunRecord:
    """One finished run: what was asked, what came out, where from."""

    configuration: Annotated[RunConfiguration, Remedy("build one with RunConfiguration(...)")]
    result: Annotated[RunResult, Remedy("build one with RunResult(...)")]
    provenance: Annotated[Provenance, Remedy("build one with Provenance(...)")]

    @property
    def identity(self) -> str:
        """That of its configuration, 64 hexadecimal digits."""
        return self.configuration.identity

    @property
    def texts(self) -> tuple[str, str, str]:
        """The JSON texts of configuration, result and provenance, as a store keeps them."""
        return self.configuration.canonical_json(), self.result.to_json(), self.provenance.to_json()

    @property
    def checksum(self) -> str:
        """64 hexadecimal digits over `texts`: tells a damaged record, and two results of one run from each other."""
        return checksum_of(self.texts)


@checked
def checksum_of(texts: Annotated[Sequence[str], Remedy("pass a tuple of str")]) -> str:
    """SHA-256 of several texts, 64 hexadecimal digits; ("a", "bc") and ("ab", "c") differ. Raises InvalidArgument."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _pairs(name: str, value: Any) -> tuple[tuple[str, Any], ...]:
    """(name, value) pairs of plain values, as tuples."""
    pairs = value if isinstance(value, list | tuple) else None
    if pairs is None or not all(
        isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str) and isinstance(pair[1], _PLAIN)
        for pair in pairs
    ):
        raise invalid(name, "a tuple of (name, value) pairs of plain values", value, "pass (('nodes', 100), ...)")
    return tuple((key, item) for key, item in pairs)


_PLAIN = (str, int, float, bool)


def _canonical(values: dict[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _fields(text: str, what: str) -> dict[str, Any]:
    try:
        values = _tupled(json.loads(text))
        if isinstance(values, dict):
            return values
    except (TypeError, ValueError):
        pass
    raise invalid("text", f"the JSON of a {what}", text, "read it from a store")


def _tupled(value: Any) -> Any:
    """JSON knows lists only; the fields of our dataclasses are tuples."""
    if isinstance(value, dict):
        return {key: _tupled(item) for key, item in value.items()}
    return tuple(map(_tupled, value)) if isinstance(value, list) else value


def _from_fields(kind: type[Part], text: str) -> Part:
    try:
        return kind(**_fields(text, kind.__name__))
    except TypeError:
        raise invalid("text", f"the JSON of a {kind.__name__}", text, "read it from a store") from None
