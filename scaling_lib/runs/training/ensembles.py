r"""Training an ensemble of models, and scoring each of them exactly.

An ensemble is K models of one shape on one amount of data, which differ in learning rate, weight decay and seed, and
perhaps in their source: a graph for each seed. They are one model with a leading axis K (`models.transformer`), and so
is their optimizer (`runs.training.optimizers`). A model's batches and initial weights depend on its own seed only,
never on its companions.

Scores are those of `runs.training.scoring`, exact where the source knows its laws; `runs.training.metrics` measures the
finished models. Arguments are checked by the public functions, once; those with an underscore trust theirs.
"""

import hashlib
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from tqdm import tqdm

from scaling_lib.arguments import BY_HAND, Choice, Count, Integer, NonNegative, Remedy, checked
from scaling_lib.data.sources import NextLaws, Tokens, check_supply, tokens_of
from scaling_lib.data.walks import BUFFER
from scaling_lib.errors import ScalingLabWarning, invalid
from scaling_lib.models.accounting import training_bytes
from scaling_lib.models.devices import check_device
from scaling_lib.models.trainable import Trainable, check_trainable
from scaling_lib.models.transformer import Transformer
from scaling_lib.models.wrapped import WrappedModule
from scaling_lib.runs.keeping.checkpoints import Checkpoint, Checkpoints, Paused
from scaling_lib.runs.keeping.kept import KeptModels
from scaling_lib.runs.records import RunConfiguration, RunResult
from scaling_lib.runs.training.metrics import METRICS, check_metrics, measure
from scaling_lib.runs.training.optimizers import AdamW, learning_rate_schedule
from scaling_lib.runs.training.scoring import LearningCurve, curve_steps, members_by_source, test_sets
from scaling_lib.runs.training.stacking import groups_on_a_cpu, members_on_a_cpu
from scaling_lib.runs.training.steps import TrainingStep, check_precision

__all__ = [
    "batches",
    "default_members",
    "derived_seed",
    "initial_model",
    "members_in_memory",
    "sources_of",
    "train_ensemble",
    "train_model",
    "train_module",
]

# Attention gives every sequence of every member a block of its own along a side of the grid that ends here.
_LARGEST_BLOCK = 65_535
PURPOSES = ("initial weights", "training walks", "evaluation walks")

_Configuration = Annotated[RunConfiguration, Remedy("build one with RunConfiguration(...)")]
_Configurations = Annotated[Sequence[RunConfiguration], Remedy("pass a list of RunConfiguration")]
_Device = Annotated[torch.device | str, BY_HAND]  # `check_device` asks torch for it
_OnSteps = Annotated[Callable[[int], None] | None, BY_HAND]
_Source = Annotated[Any, BY_HAND]  # `_check` compares it with the configurations
_Keep = Annotated[KeptModels | None, Remedy("build it with KeptModels(folder)")]
_Metrics = Annotated[Sequence[str] | None, BY_HAND]  # `check_metrics` looks each of them up


# ---------------------------------------------------------------------- what to call


@checked
def train_ensemble(
    source: _Source,
    configurations: _Configurations,
    *,
    device: _Device = "cpu",
    members_at_once: Count | None = None,
    checkpoints: Annotated[Checkpoints | None, Remedy("build it with Checkpoints(folder)")] = None,
    metrics: _Metrics = None,
    keep: _Keep = None,
    on_steps: _OnSteps = None,
    progress: bool = False,
) -> list[RunResult]:
    """Train one model for each configuration and score it; one result each, in their order.

    source: a chain, or another source of tokens (`data.sources`), or a list with one for each configuration. The
    configurations share everything but their source, their seed and the optimizer's learning rate and weight decay.
    metrics: what finished models are measured by, names or import paths, None for all of `runs.training.metrics`. keep:
    where final weights are kept, or None. members_at_once: how many models are stacked (K); by default on a CPU what
    the size of a step makes worthwhile (`runs.training.stacking`), on a GPU as many as its free memory holds. A run
    alone and one in a stack differ by the order of float32 sums. Where memory turns out too small, K is halved, which
    is said. checkpoints: where groups that are half finished are kept and resumed from. on_steps: called with the
    number of member-steps done since its last call. progress: a bar over optimizer steps.

    >>> from scaling_lib.runs.sweeping.experiments import experiment
    >>> er_100 = experiment("er-100")
    >>> one_step = er_100.template  # of 1,000 tokens
    >>> results = train_ensemble(er_100.chain(), [replace(one_step, seed=seed) for seed in (0, 1)])
    >>> [(result.status, result.tokens, result.loss > result.entropy_rate) for result in results]
    [('ok', 1000, True), ('ok', 1000, True)]

    Raises InvalidArgument where the configurations differ in more, belong to another source, or ask for more tokens
    than it has; Paused where the time of `checkpoints` is over.
    """
    sources = _check(source, configurations)
    metrics = tuple(check_metrics(METRICS if metrics is None else metrics))
    place = check_device(device)
    check_precision(configurations[0].precision, place)
    if keep is not None:
        keep.check_room(configurations)
    if on_steps is not None and not callable(on_steps):
        raise invalid("on_steps", "a function of a number", on_steps, "leave it out")
    if configurations[0].model != "transformer":
        raise invalid("configurations", "of model 'transformer'", configurations[0].model, "call train_module")
    if members_at_once is None and place.type == "cpu":
        members_at_once = len(groups_on_a_cpu(configurations)[0])  # as a sweep groups them
    elif members_at_once is None:
        members_at_once = _default_members(configurations[0], place)
    at_once = min(members_at_once, len(configurations))
    results: list[RunResult] = []
    while len(results) < len(configurations):
        group = configurations[len(results) : len(results) + at_once]
        try:
            results += _trained_group(
                sources[len(results) : len(results) + at_once],
                group,
                place,
                metrics=metrics,
                keep=keep,
                checkpoints=checkpoints,
                on_steps=on_steps,
                progress=progress,
            )
        except RuntimeError as error:
            if at_once == 1 or not _out_of_memory(error):
                raise
            at_once //= 2
            warnings.warn(f"The device ran out of memory: {at_once} at once from here on.", ScalingLabWarning, 3)
    return results


@checked
def members_in_memory(configuration: _Configuration, free_bytes: NonNegative) -> int:
    """How many models like this train at once in `free_bytes` of memory.

    A fifth of it and the logits' 512 MiB are left free. A power of two: a group's checkpoint is found again only by the
    same group, so a little more or less of free memory should not change it.
    """
    free = 0.8 * free_bytes - 2**29
    batch = configuration.schedule.batch
    walks = 16 * BUFFER  # drawn while the last ones are still held
    fitting = int(free // (training_bytes(configuration.architecture, batch) + walks))
    most = max(1, min(fitting, _LARGEST_BLOCK // batch))
    return 2 ** (most.bit_length() - 1)


@checked
def default_members(configuration: _Configuration, device: _Device = "cpu") -> int:
    """How many models like this `train_ensemble` stacks at most: on a CPU what the size of a step makes worthwhile, on
    a GPU as many as its free memory holds now."""
    return _default_members(configuration, check_device(device))


def _default_members(configuration: RunConfiguration, device: torch.device) -> int:
    if device.type == "cpu":
        return members_on_a_cpu(configuration)
    torch.cuda.empty_cache()  # what torch keeps of earlier groups counts as used
    return members_in_memory(configuration, float(torch.cuda.mem_get_info(device)[0]))


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether the device ran out of it, in whatever library: only torch's own allocator has an exception for it."""
    words = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in words or "alloc_failed" in words


@checked
def train_module(
    source: _Source,
    module: Annotated[nn.Module, BY_HAND],
    configuration: _Configuration,
    *,
    learning_rate_factors: Annotated[Mapping[str, float] | None, BY_HAND] = None,
    device: _Device = "cpu",
    progress: bool = False,
) -> RunResult:
    """Train a module of your own, in place, on the same tokens, schedule and optimizer, and score it in the same way.

    source: as in `train_ensemble`. module: maps tokens [B, T] to logits [B, T, V]; its initial weights and shape are
    its own business. configuration: its `model` names the module, and is part of the run's identity, so pick another
    name for another module; of its architecture only the vocabulary and the context matter. learning_rate_factors: as
    in `models.wrapped.WrappedModule`.
    Raises InvalidArgument where the source is not that of the configuration, or where the module is not trainable or
    gives something else than logits.
    """
    if configuration.model == "transformer":
        raise invalid("configuration", "of a model named otherwise", "transformer", "pass model='my-module'")
    model = WrappedModule(module, learning_rate_factors=learning_rate_factors, device=device)
    return train_model(source, model, [configuration], progress=progress)[0]


@checked
def initial_model(configurations: _Configurations, *, device: _Device = "cpu") -> Transformer:
    """The untrained models of an ensemble, stacked; each drawn from its own seed, the same on every device."""
    _check_alike(configurations)
    return _initial_model(configurations, check_device(device))


def _initial_model(configurations: Sequence[RunConfiguration], device: torch.device) -> Transformer:
    seeds = [derived_seed(configuration.seed, "initial weights") for configuration in configurations]
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    first = configurations[0]
    return Transformer(first.architecture, first.parametrization, generators=generators, device=device)


@checked
def train_model(
    source: _Source,
    model: Annotated[Trainable, BY_HAND],
    configurations: _Configurations,
    *,
    metrics: _Metrics = None,
    checkpoint: Annotated[Checkpoint | None, Remedy("take it from Checkpoints.of")] = None,
    pause: Annotated[Callable[[], bool] | None, BY_HAND] = None,
    on_steps: _OnSteps = None,
    progress: bool = False,
) -> list[RunResult]:
    """Train the K stacked models of `model`, one for each configuration, in place; one result each.

    source, metrics: as in `train_ensemble`. model: anything with the members of `models.trainable.Trainable`.
    checkpoint: the file of this group, continued from and kept up to date. pause: asked after every step whether to
    stop there, with the checkpoint saved and Paused raised. on_steps: told how many member-steps were done.
    A run has *diverged* if its final loss is not finite, or above both ln V, that of a uniform guess, and its own
    before the first step. Its companions do not notice.
    """
    sources = _check(source, configurations)
    metrics = tuple(check_metrics(METRICS if metrics is None else metrics))
    check_trainable("model", model)
    for name, function in (("pause", pause), ("on_steps", on_steps)):
        if function is not None and not callable(function):
            raise invalid(name, "a function", function, "leave it out")
    if model.members != len(configurations):
        raise invalid("model", f"of {len(configurations)} members", model.members, "pass one configuration for each")
    return _train(
        sources,
        model,
        configurations,
        metrics=metrics,
        keep=None,
        checkpoint=checkpoint,
        pause=pause,
        on_steps=on_steps,
        progress=progress,
    )


# The tensors of a run in its middle, and the plain values that go with them: what a checkpoint holds.
State = tuple[dict[str, Tensor], dict[str, Any]]


@dataclass
class Stem:
    """What a run shares with longer ones that branch from it later (`runs.training.branches`).

    begin: the state to begin from, None for the first step. leave_at: the step whose state the next branch begins from.
    also_score: steps that longer branches are scored at. left: the state of `leave_at`, once the run has been there.
    """

    begin: State | None = None
    leave_at: int | None = None
    also_score: frozenset[int] = frozenset()
    left: State | None = None


def _trained_group(
    sources: Sequence[Tokens],
    group: Sequence[RunConfiguration],
    device: torch.device,
    *,
    metrics: Sequence[str],
    keep: KeptModels | None,
    checkpoints: Checkpoints | None,
    on_steps: Callable[[int], None] | None,
    progress: bool,
    stem: Stem | None = None,
) -> list[RunResult]:
    """The results of runs that are trained together: those of their checkpoint where they were finished before."""
    checkpoint = None if checkpoints is None else checkpoints.of(group)
    finished = None if checkpoint is None else checkpoint.results()
    if finished is not None:
        if on_steps is not None:
            on_steps(sum(configuration.optimizer_steps for configuration in group))
        return finished
    return _train(
        sources,
        _initial_model(group, device),
        group,
        metrics=metrics,
        keep=keep,
        checkpoint=checkpoint,
        pause=None if checkpoints is None else lambda: checkpoints.over,
        on_steps=on_steps,
        progress=progress,
        stem=stem,
    )


def _train(
    sources: Sequence[Tokens],
    model: Trainable,
    configurations: Sequence[RunConfiguration],
    *,
    metrics: Sequence[str],
    keep: KeptModels | None,
    checkpoint: Checkpoint | None,
    pause: Callable[[], bool] | None,
    on_steps: Callable[[int], None] | None,
    progress: bool,
    stem: Stem | None = None,
) -> list[RunResult]:
    stem = stem or Stem()
    started = time.perf_counter()
    first, device = configurations[0], model.flat.values.device
    steps, evaluation = first.optimizer_steps, first.evaluation
    optimizer = AdamW(model, [configuration.optimizer for configuration in configurations], _rates(first))
    take_step = TrainingStep(model, optimizer, first.precision, laws=_laws_of(sources, first))
    seed = derived_seed(evaluation.seed, "evaluation walks")
    tests = test_sets(sources, evaluation.walks, first.architecture.context, seed)
    curve = LearningCurve(model, tests)
    scored = set(curve_steps(steps, evaluation.curve_points, evaluation.spacing))  # type: ignore[arg-type]
    done, spent = _resume(checkpoint, stem.begin, model, optimizer, curve)
    if not done:
        curve.score(0, None)
    report = on_steps or (lambda count: None)
    report(done * model.members)

    def state(step: int) -> State:
        tensors = {"values": model.flat.values} | optimizer.state | curve.state
        seconds = spent + time.perf_counter() - started
        return tensors, {"step": step, "curve_steps": list(curve.steps), "seconds": seconds}

    data = _batches(sources, configurations, device, done)
    for step, tokens in enumerate(
        tqdm(data, total=steps, initial=done, unit="step", disable=not progress, leave=False), done + 1
    ):
        losses = take_step(tokens)
        report(model.members)
        if step in scored | stem.also_score and not curve.score(step, losses) and step in scored:
            break
        if step == stem.leave_at:
            tensors, about = state(step)
            stem.left = {name: tensor.clone() for name, tensor in tensors.items()}, about
        if checkpoint is not None and step < steps:
            over = pause is not None and pause()
            if over or checkpoint.due:
                checkpoint.save(*state(step))
            if over:
                raise Paused(f"paused after step {step} of {steps}: ask for the same runs again to go on.")
    wall = spent + time.perf_counter() - started
    curve.keep(scored | {0})
    measured = measure(model, tests, metrics, curve.steps[-1])
    results = [
        replace(_result(configuration, model, k, curve, sources[k].entropy_rate, wall), measurements=measured[k])
        for k, configuration in enumerate(configurations)
    ]
    if keep is not None:  # before the checkpoint says that the group is done
        for k, configuration in enumerate(configurations):
            keep.save(configuration, {name: tensor[k] for name, tensor in model.flat.tensors.items()})
    if checkpoint is not None:
        checkpoint.finish(results)
    return results


def _rates(configuration: RunConfiguration) -> Float[np.ndarray, "step"]:
    """The schedule of a run: what its learning rate is multiplied by, step by step."""
    schedule = configuration.schedule
    return learning_rate_schedule(
        configuration.optimizer_steps,
        schedule.warmup,
        shape=schedule.shape,
        decay=schedule.decay,
        warmup_steps=schedule.warmup_steps,
    )


def _laws_of(
    sources: Sequence[Tokens], configuration: RunConfiguration
) -> Callable[[Int[Tensor, "K batch time"]], list[NextLaws]] | None:
    """What looks up the laws of a batch, where a run is trained on exact labels."""
    if configuration.labels == "sampled":
        return None

    def laws(tokens: Int[Tensor, "K batch time"]) -> list[NextLaws]:
        contexts = tokens[..., :-1].cpu().numpy()  # [K, batch, T-1]
        of_members = [source.next_laws(part) for source, part in zip(sources, contexts, strict=True)]
        return [law for law in of_members if law is not None]  # `_check` has refused sources without laws

    return laws


def _resume(
    checkpoint: Checkpoint | None, begin: State | None, model: Trainable, optimizer: AdamW, curve: LearningCurve
) -> tuple[int, float]:
    """Put the state of the checkpoint, or else `begin`, back in place; the steps done and the seconds spent by then."""
    kept = (None if checkpoint is None else checkpoint.load()) or begin
    if kept is None:
        return 0, 0.0
    tensors, about = kept
    with torch.no_grad():
        model.flat.values.copy_(tensors["values"])
    optimizer.restore(tensors)
    curve.restore(about["curve_steps"], tensors)
    return int(about["step"]), float(about["seconds"])


# ---------------------------------------------------------------------- data


@checked
def derived_seed(seed: Annotated[int, Integer(minimum=0)], purpose: Annotated[str, Choice(PURPOSES)]) -> int:
    """A 63-bit seed for one purpose: "initial weights", "training walks" or "evaluation walks", which never meet.

    >>> derived_seed(0, "initial weights") == derived_seed(0, "training walks")
    False
    """
    return int.from_bytes(hashlib.sha256(f"{purpose}:{seed}".encode()).digest()[:8], "big") >> 1


@checked
def batches(
    source: _Source,
    configurations: _Configurations,
    device: _Device = "cpu",
    *,
    first: Annotated[int, Integer(minimum=0)] = 0,
) -> Iterator[Int[Tensor, "K batch time"]]:
    """The training tokens of an ensemble, one step after another; every epoch brings the same.

    source: as in `train_ensemble`. first: steps left out at the beginning. Each batch is int64 [K, batch, T], of whole
    sequences of T tokens.
    """
    return _batches(_check(source, configurations), configurations, check_device(device), first)


def _batches(
    sources: Sequence[Tokens], configurations: Sequence[RunConfiguration], device: torch.device, first: int
) -> Iterator[Int[Tensor, "K batch time"]]:
    one = configurations[0]
    seeds = [derived_seed(configuration.seed, "training walks") for configuration in configurations]
    where = None if device.type == "cpu" else device
    context, batch = one.architecture.context, one.schedule.batch
    streams = [
        (members, sources[members[0]].stream(context, batch, [seeds[k] for k in members], where))
        for members in members_by_source(sources)
    ]
    steps_per_epoch = one.optimizer_steps // one.schedule.epochs

    def tokens(step: int) -> Int[Tensor, "K batch time"]:
        parts = [(members, torch.as_tensor(stream.batch(step % steps_per_epoch))) for members, stream in streams]
        if len(parts) == 1:
            return parts[0][1]
        together = parts[0][1].new_empty(len(sources), *parts[0][1].shape[1:])
        for members, part in parts:
            together[members] = part
        return together

    return (tokens(step) for step in range(first, one.optimizer_steps))


# ---------------------------------------------------------------------- results


def _result(
    configuration: RunConfiguration,
    model: Trainable,
    k: int,
    curve: LearningCurve,
    entropy_rate: float | None,
    wall: float,
) -> RunResult:
    def finite(value: float) -> float | None:
        return value if math.isfinite(value) else None

    def of_member(values: Sequence[np.ndarray]) -> tuple[float | None, ...]:
        return tuple(finite(float(of_members[k])) for of_members in values)

    known = entropy_rate is not None
    floor = entropy_rate or 0.0
    first, last, error = float(curve.mean[0][k]), float(curve.mean[-1][k]), float(curve.error[-1][k])
    ok = math.isfinite(last) and floor + last <= max(math.log(configuration.architecture.vocabulary), floor + first)
    unknown = (None,) * len(curve.steps)
    device = model.flat.values.device
    active = getattr(model, "active_parameters", model.parameters)  # of a Transformer: without experts not met
    return RunResult(
        status="ok" if ok else "diverged",
        excess_loss=last if ok and known else None,
        excess_loss_se=error if ok and known else None,
        loss=floor + last if ok else None,
        entropy_rate=entropy_rate,
        parameters=model.parameters,
        nonembedding_parameters=model.nonembedding_parameters,
        tokens=configuration.schedule.tokens,
        flops=6.0 * active * configuration.schedule.tokens * configuration.schedule.epochs,
        optimizer_steps=curve.steps[-1],
        curve_steps=tuple(curve.steps),
        curve_training_loss=of_member(curve.training),
        curve_excess_loss=of_member(curve.mean) if known else unknown,
        wall_seconds=wall,
        device=str(device) if device.type == "cpu" else torch.cuda.get_device_name(device),
        ensemble_size=model.members,
        loss_se=None if known or not ok else error,
        curve_loss=() if known else of_member(curve.mean),
    )


# ---------------------------------------------------------------------- checks


def _check_alike(runs: Sequence[RunConfiguration]) -> None:
    first = runs[0]
    alike = {
        replace(c, source=first.source, seed=0, optimizer=replace(c.optimizer, learning_rate=1.0, weight_decay=0.0))
        for c in runs
    }
    if len(alike) > 1:
        raise invalid(
            "configurations",
            "alike but for source, seed, learning_rate and weight_decay",
            f"{len(alike)} kinds",
            "train each kind as an ensemble of its own (runs.sweeping.sweeps.ensembles_of)",
        )


def _check(source: Any, runs: Sequence[RunConfiguration]) -> list[Tokens]:
    _check_alike(runs)
    return _sources_of(source, runs)


@checked
def sources_of(source: _Source, configurations: _Configurations) -> list[Tokens]:
    """The source of each run, after a look whether it is the one that the run names and has what the run needs.

    source: one for all, or a list with one for each. What is given as one object is one object in the result.
    Raises InvalidArgument.
    """
    return _sources_of(source, configurations)


def _sources_of(source: Any, runs: Sequence[RunConfiguration]) -> list[Tokens]:
    given = list(source) if isinstance(source, list | tuple) else [source] * len(runs)
    if len(given) != len(runs):
        raise invalid("source", f"one, or one for each of {len(runs)} configurations", len(given), "pass as many")
    known: dict[tuple[int, str], Tokens] = {}
    sources = [
        known.setdefault((id(one), run.source.start), tokens_of(one, run.source.start))
        for one, run in zip(given, runs, strict=True)
    ]
    for tokens, run in zip(sources, runs, strict=True):
        if run.source.fingerprint != tokens.fingerprint:
            raise invalid("source", f"that of the configurations ({run.source.fingerprint[:12]})", tokens, "pass that")
        if run.architecture.vocabulary != tokens.vocabulary:
            raise invalid(
                "configurations",
                f"of the source's vocabulary of {tokens.vocabulary}",
                run.architecture.vocabulary,
                "pass Architecture(vocabulary=chain.nodes, ...)",
            )
        check_supply(tokens, run.schedule.tokens, run.architecture.context)
        if run.labels == "exact" and tokens.next_laws(np.zeros((1, 1), np.int64)) is None:
            raise invalid("source", "one that knows its laws, for exact labels", tokens, "train on labels='sampled'")
    return sources
