r"""Training an ensemble of models, and scoring each of them exactly.

An ensemble is K models of one shape on one amount of data, which differ in learning rate, weight decay and seed. They
are one model with a leading axis K (`models.transformer`), and so is their optimizer (`runs.training.optimizers`). A
model's batches and initial weights depend on its own seed only, never on its companions.

Scores are exact (`runs.training.scoring`). Arguments are checked by the public functions, once; those with an
underscore trust theirs.
"""

import hashlib
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn
from tqdm import tqdm

from scaling_lib.arguments import BY_HAND, Choice, Count, Integer, NonNegative, Remedy, checked
from scaling_lib.data.markov import AnyChain, Chain
from scaling_lib.data.walks import BUFFER, WalkStream, sample_walks
from scaling_lib.errors import ScalingLabWarning, invalid
from scaling_lib.models.accounting import training_bytes
from scaling_lib.models.devices import check_device
from scaling_lib.models.trainable import Trainable, check_trainable
from scaling_lib.models.transformer import Transformer
from scaling_lib.models.wrapped import WrappedModule
from scaling_lib.runs.keeping.checkpoints import Checkpoint, Checkpoints, Paused
from scaling_lib.runs.records import RunConfiguration, RunResult
from scaling_lib.runs.training.optimizers import AdamW, learning_rate_schedule
from scaling_lib.runs.training.scoring import LearningCurve, curve_steps
from scaling_lib.runs.training.stacking import groups_on_a_cpu, members_on_a_cpu
from scaling_lib.runs.training.steps import TrainingStep, check_precision

__all__ = [
    "batches",
    "default_members",
    "derived_seed",
    "initial_model",
    "members_in_memory",
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


# ---------------------------------------------------------------------- what to call


@checked
def train_ensemble(
    chain: AnyChain,
    configurations: _Configurations,
    *,
    device: _Device = "cpu",
    members_at_once: Count | None = None,
    checkpoints: Annotated[Checkpoints | None, Remedy("build it with Checkpoints(folder)")] = None,
    on_steps: _OnSteps = None,
    progress: bool = False,
) -> list[RunResult]:
    """Train one model for each configuration and score it; one result each, in their order.

    The configurations share everything but their seed and the optimizer's learning rate and weight decay.
    members_at_once: how many models are stacked (K); by default on a CPU what the size of a step makes worthwhile
    (`runs.training.stacking`), on a GPU as many as its free memory holds. A run alone and one in a stack differ by the
    order of float32 sums. Where memory turns out too small, K is halved, which is said. checkpoints: where groups that
    are half finished are kept and resumed from. on_steps: called with the number of member-steps done since its last
    call. progress: a bar over optimizer steps.

    >>> from scaling_lib.runs.sweeping.experiments import experiment
    >>> er_100 = experiment("er-100")
    >>> one_step = er_100.template  # of 1,000 tokens
    >>> results = train_ensemble(er_100.chain(), [replace(one_step, seed=seed) for seed in (0, 1)])
    >>> [(result.status, result.tokens, result.loss > result.entropy_rate) for result in results]
    [('ok', 1000, True), ('ok', 1000, True)]

    Raises InvalidArgument where the configurations differ in more, or belong to another chain; Paused where the time of
    `checkpoints` is over.
    """
    _check(chain, configurations)
    place = check_device(device)
    check_precision(configurations[0].precision, place)
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
        checkpoint = None if checkpoints is None else checkpoints.of(group)
        kept = None if checkpoint is None else checkpoint.results()
        if kept is None:
            try:
                kept = _train(
                    chain,
                    _initial_model(group, place),
                    group,
                    checkpoint=checkpoint,
                    pause=None if checkpoints is None else lambda: checkpoints.over,
                    on_steps=on_steps,
                    progress=progress,
                )
            except RuntimeError as error:
                if at_once == 1 or not _out_of_memory(error):
                    raise
                at_once //= 2
                warnings.warn(f"The device ran out of memory: {at_once} at once from here on.", ScalingLabWarning, 3)
                continue
        elif on_steps is not None:
            on_steps(sum(configuration.optimizer_steps for configuration in group))
        results += kept
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
    chain: AnyChain,
    module: Annotated[nn.Module, BY_HAND],
    configuration: _Configuration,
    *,
    learning_rate_factors: Annotated[Mapping[str, float] | None, BY_HAND] = None,
    device: _Device = "cpu",
    progress: bool = False,
) -> RunResult:
    """Train a module of your own, in place, on the same walks, schedule and optimizer, and score it in the same way.

    module: maps tokens [B, T] to logits [B, T, V]; its initial weights and its shape are its own business.
    configuration: its `model` names the module, and is part of the run's identity, so pick another name for another
    module; of its architecture only the vocabulary and the context matter. learning_rate_factors: as in
    `models.wrapped.WrappedModule`.
    Raises InvalidArgument where the chain is not that of the configuration, or where the module is not trainable or
    gives something else than logits.
    """
    if configuration.model == "transformer":
        raise invalid("configuration", "of a model named otherwise", "transformer", "pass model='my-module'")
    model = WrappedModule(module, learning_rate_factors=learning_rate_factors, device=device)
    return train_model(chain, model, [configuration], progress=progress)[0]


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
    chain: AnyChain,
    model: Annotated[Trainable, BY_HAND],
    configurations: _Configurations,
    *,
    checkpoint: Annotated[Checkpoint | None, Remedy("take it from Checkpoints.of")] = None,
    pause: Annotated[Callable[[], bool] | None, BY_HAND] = None,
    on_steps: _OnSteps = None,
    progress: bool = False,
) -> list[RunResult]:
    """Train the K stacked models of `model`, one for each configuration, in place; one result each.

    model: anything with the members of `models.trainable.Trainable`. checkpoint: the file of this group, continued from
    and kept up to date. pause: asked after every step whether to stop there, with the checkpoint saved and Paused
    raised. on_steps: told how many member-steps were done.
    A run has *diverged* if its final excess loss is not finite, or its final loss is above both ln V, that of a uniform
    guess, and its own before the first step. Its companions do not notice.
    """
    _check(chain, configurations)
    check_trainable("model", model)
    for name, function in (("pause", pause), ("on_steps", on_steps)):
        if function is not None and not callable(function):
            raise invalid(name, "a function", function, "leave it out")
    if model.members != len(configurations):
        raise invalid("model", f"of {len(configurations)} members", model.members, "pass one configuration for each")
    return _train(
        chain, model, configurations, checkpoint=checkpoint, pause=pause, on_steps=on_steps, progress=progress
    )


def _train(
    chain: Chain,
    model: Trainable,
    configurations: Sequence[RunConfiguration],
    *,
    checkpoint: Checkpoint | None,
    pause: Callable[[], bool] | None,
    on_steps: Callable[[int], None] | None,
    progress: bool,
) -> list[RunResult]:
    started = time.perf_counter()
    first, device = configurations[0], model.flat.values.device
    steps, evaluation = first.optimizer_steps, first.evaluation
    schedule = learning_rate_schedule(steps, first.schedule.warmup)
    optimizer = AdamW(model, [configuration.optimizer for configuration in configurations], schedule)
    take_step = TrainingStep(model, optimizer, first.precision)
    walks = sample_walks(
        chain,
        evaluation.walks,
        first.architecture.context,
        seed=derived_seed(evaluation.seed, "evaluation walks"),
        start=first.source.start,
    )[:, :-1]  # [walk, T - 1]: the contexts; what follows the last node is summed over, not sampled
    curve = LearningCurve(model, chain, np.asarray(walks))
    scored = set(curve_steps(steps, evaluation.curve_points))
    done, spent = _resume(checkpoint, model, optimizer, curve)
    if not done:
        curve.score(0, None)
    report = on_steps or (lambda count: None)
    report(done * model.members)
    data = _batches(chain, configurations, device, done)
    for step, tokens in enumerate(
        tqdm(data, total=steps, initial=done, unit="step", disable=not progress, leave=False), done + 1
    ):
        losses = take_step(tokens)
        report(model.members)
        if step in scored and not curve.score(step, losses):
            break
        if checkpoint is not None and step < steps:
            over = pause is not None and pause()
            if over or checkpoint.due:
                seconds = spent + time.perf_counter() - started
                state = {"values": model.flat.values} | optimizer.state | curve.state
                checkpoint.save(state, {"step": step, "curve_steps": curve.steps, "seconds": seconds})
            if over:
                raise Paused(f"paused after step {step} of {steps}: ask for the same runs again to go on.")
    wall = spent + time.perf_counter() - started
    results = [_result(c, model, k, curve, chain.entropy_rate, wall) for k, c in enumerate(configurations)]
    if checkpoint is not None:
        checkpoint.finish(results)
    return results


def _resume(
    checkpoint: Checkpoint | None, model: Trainable, optimizer: AdamW, curve: LearningCurve
) -> tuple[int, float]:
    """Put the state of the checkpoint back in place; the steps done and the seconds spent by then."""
    kept = None if checkpoint is None else checkpoint.load()
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
    chain: AnyChain,
    configurations: _Configurations,
    device: _Device = "cpu",
    *,
    first: Annotated[int, Integer(minimum=0)] = 0,
) -> Iterator[Int[Tensor, "K batch time"]]:
    """The training tokens of an ensemble, one step after another; every epoch brings the same.

    first: steps left out at the beginning. Each batch is int64 [K, batch, T], of whole sequences of T tokens.
    """
    _check(chain, configurations)
    return _batches(chain, configurations, check_device(device), first)


def _batches(
    chain: Chain, configurations: Sequence[RunConfiguration], device: torch.device, first: int
) -> Iterator[Int[Tensor, "K batch time"]]:
    one = configurations[0]
    where: dict[str, Any] = {} if device.type == "cpu" else {"backend": "torch", "device": device}
    stream = WalkStream(
        chain,
        one.architecture.context,
        one.schedule.batch,
        [derived_seed(configuration.seed, "training walks") for configuration in configurations],
        start=one.source.start,
        **where,
    )
    steps_per_epoch = one.optimizer_steps // one.schedule.epochs
    return (torch.as_tensor(stream.batch(step % steps_per_epoch)) for step in range(first, one.optimizer_steps))


# ---------------------------------------------------------------------- results


def _result(
    configuration: RunConfiguration, model: Trainable, k: int, curve: LearningCurve, entropy_rate: float, wall: float
) -> RunResult:
    def finite(value: float) -> float | None:
        return value if math.isfinite(value) else None

    first, last = float(curve.excess[0][k]), float(curve.excess[-1][k])
    ok = math.isfinite(last) and entropy_rate + last <= max(
        math.log(configuration.architecture.vocabulary), entropy_rate + first
    )
    device = model.flat.values.device
    return RunResult(
        status="ok" if ok else "diverged",
        excess_loss=last if ok else None,
        excess_loss_se=float(curve.error[-1][k]) if ok else None,
        loss=entropy_rate + last if ok else None,
        entropy_rate=entropy_rate,
        parameters=model.parameters,
        nonembedding_parameters=model.nonembedding_parameters,
        tokens=configuration.schedule.tokens,
        flops=6.0 * model.parameters * configuration.schedule.tokens * configuration.schedule.epochs,
        optimizer_steps=curve.steps[-1],
        curve_steps=tuple(curve.steps),
        curve_training_loss=tuple(finite(float(losses[k])) for losses in curve.training),
        curve_excess_loss=tuple(finite(float(losses[k])) for losses in curve.excess),
        wall_seconds=wall,
        device=str(device) if device.type == "cpu" else torch.cuda.get_device_name(device),
        ensemble_size=model.members,
    )


# ---------------------------------------------------------------------- checks


def _check_alike(runs: Sequence[RunConfiguration]) -> None:
    alike = {replace(c, seed=0, optimizer=replace(c.optimizer, learning_rate=1.0, weight_decay=0.0)) for c in runs}
    if len(alike) > 1:
        raise invalid(
            "configurations",
            "alike but for seed, learning_rate and weight_decay",
            f"{len(alike)} kinds",
            "train each kind as an ensemble of its own (runs.sweeping.sweeps.ensembles_of)",
        )


def _check(chain: Chain, runs: Sequence[RunConfiguration]) -> None:
    _check_alike(runs)
    if runs[0].source.fingerprint != chain.fingerprint:
        raise invalid("chain", f"that of the configurations ({runs[0].source.fingerprint[:12]})", chain, "pass that")
    if runs[0].architecture.vocabulary != chain.nodes:
        raise invalid(
            "configurations",
            f"of a vocabulary of the chain's {chain.nodes} nodes",
            runs[0].architecture.vocabulary,
            "pass Architecture(vocabulary=chain.nodes, ...)",
        )
