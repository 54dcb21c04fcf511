r"""Training an ensemble of models, and scoring each of them exactly.

An ensemble is K models of one shape on one amount of data, which differ in learning rate, weight decay and seed. They
are one model with a leading axis K (`models.transformer`), and so is their optimizer (`runs.optimizers`). A model's
batches and initial weights depend on its own seed only, never on its companions.

Scores are exact (`runs.scoring`).
"""

import hashlib
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn
from tqdm import tqdm

from scaling_lib.data.markov import Chain
from scaling_lib.data.walks import BUFFER, WalkStream, sample_walks
from scaling_lib.errors import (
    ScalingLabWarning,
    check_choice,
    check_flag,
    check_instance,
    check_integer,
    check_real,
    check_sequence,
    check_text,
    invalid,
)
from scaling_lib.models.accounting import training_bytes
from scaling_lib.models.transformer import Transformer, check_device
from scaling_lib.models.wrapped import WrappedModule
from scaling_lib.runs.keeping.checkpoints import Checkpoint, Checkpoints, Paused
from scaling_lib.runs.records import RunConfiguration, RunResult
from scaling_lib.runs.training.optimizers import AdamW, learning_rate_schedule
from scaling_lib.runs.training.scoring import LearningCurve, curve_steps
from scaling_lib.runs.training.steps import TrainingStep, check_precision

__all__ = [
    "batches",
    "derived_seed",
    "initial_model",
    "members_in_memory",
    "train_ensemble",
    "train_model",
    "train_module",
]

Model = Transformer | WrappedModule
# Attention gives every sequence of every member a block of its own along a side of the grid that ends here.
_LARGEST_BLOCK = 65_535
PURPOSES = ("initial weights", "training walks", "evaluation walks")


# ---------------------------------------------------------------------- what to call


def train_ensemble(
    chain: Chain,
    configurations: Sequence[RunConfiguration],
    *,
    device: str = "cpu",
    members_at_once: int | None = None,
    checkpoints: Checkpoints | None = None,
    on_steps: Callable[[int], None] | None = None,
    progress: bool = False,
) -> list[RunResult]:
    """Train one model for each configuration and score it; one result each, in their order.

    The configurations share everything but their seed and the optimizer's learning rate and weight decay.
    members_at_once: how many models are stacked (K); by default 1 on a CPU, where stacking pays only for steps of a few
    hundred tokens, and a run alone is the same to the bit whatever else is asked for; on a GPU as many as its free
    memory holds. Where memory turns out too small, K is halved, which is said. checkpoints: where half-finished groups
    are kept and resumed from. on_steps: called with the number of member-steps done since its last call. progress: a
    bar over optimizer steps.
    Raises InvalidArgument where the configurations differ in more, or belong to another chain; Paused where the time of
    `checkpoints` is over.
    """
    configurations = _check(chain, configurations)
    found = check_device(device)
    check_precision(configurations[0].precision, found)
    check_flag("progress", progress)
    if checkpoints is not None:
        check_instance("checkpoints", checkpoints, Checkpoints, remedy="build it with Checkpoints(folder)")
    if on_steps is not None and not callable(on_steps):
        raise invalid("on_steps", "a function of a number", on_steps, "leave it out")
    if configurations[0].model != "transformer":
        raise invalid("configurations", "of model 'transformer'", configurations[0].model, "call train_module")
    if members_at_once is None:
        members_at_once = 1 if found.type == "cpu" else members_in_memory(configurations[0], _free_memory(found))
    at_once = min(check_integer("members_at_once", members_at_once, minimum=1), len(configurations))
    results: list[RunResult] = []
    while len(results) < len(configurations):
        group = configurations[len(results) : len(results) + at_once]
        checkpoint = None if checkpoints is None else checkpoints.of(group)
        kept = None if checkpoint is None else checkpoint.results()
        if kept is None:
            try:
                kept = train_model(
                    chain,
                    initial_model(group, device=device),
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
                warnings.warn(f"The device ran out of memory: {at_once} at once from here on.", ScalingLabWarning, 2)
                continue
        elif on_steps is not None:
            on_steps(sum(each.optimizer_steps for each in group))
        results += kept
    return results


def members_in_memory(configuration: RunConfiguration, free_bytes: float) -> int:
    """How many models like this train at once in so much memory, a fifth of it and the logits' 512 MiB left free.

    A power of two: a group's checkpoint is found again only by the same group, so a little more or less of free memory
    should not change it.
    """
    configuration = check_instance(
        "configuration", configuration, RunConfiguration, remedy="build one with RunConfiguration(...)"
    )
    free = 0.8 * check_real("free_bytes", free_bytes, minimum=0) - 2**29
    batch = configuration.schedule.batch
    walks = 16 * BUFFER  # drawn while the last ones are still held
    fitting = int(free // (training_bytes(configuration.architecture, batch) + walks))
    most = max(1, min(fitting, _LARGEST_BLOCK // batch))
    return 2 ** (most.bit_length() - 1)


def _free_memory(device: torch.device) -> float:
    torch.cuda.empty_cache()  # what torch keeps of earlier groups counts as used
    return float(torch.cuda.mem_get_info(device)[0])


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether the device ran out of it, in whatever library: only torch's own allocator has an exception for it."""
    words = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in words or "alloc_failed" in words


def train_module(
    chain: Chain,
    module: nn.Module,
    configuration: RunConfiguration,
    *,
    learning_rate_factors: Mapping[str, float] | None = None,
    device: str = "cpu",
    progress: bool = False,
) -> RunResult:
    """Train a module of your own, in place, on the same walks, schedule and optimizer, and score it in the same way.

    module: maps tokens [B, T] to logits [B, T, V]; its initial weights and its shape are its own business.
    configuration: its `model` names the module, and is part of the run's identity, so pick another name for another
    module; of its architecture only the vocabulary and the context matter. learning_rate_factors: as in
    `models.wrapped.WrappedModule`.
    """
    configuration = check_instance(
        "configuration", configuration, RunConfiguration, remedy="build one with RunConfiguration(...)"
    )
    if configuration.model == "transformer":
        raise invalid("configuration", "of a model named otherwise", "transformer", "pass model='my-module'")
    model = WrappedModule(module, learning_rate_factors=learning_rate_factors, device=check_device(device))
    return train_model(chain, model, [configuration], progress=progress)[0]


def initial_model(configurations: Sequence[RunConfiguration], *, device: str = "cpu") -> Transformer:
    """The untrained models of an ensemble, stacked; each drawn from its own seed, the same on every device."""
    configurations = _check_alike(configurations)
    generators = [torch.Generator().manual_seed(derived_seed(each.seed, "initial weights")) for each in configurations]
    first = configurations[0]
    return Transformer(first.architecture, first.parametrization, generators=generators, device=check_device(device))


def train_model(
    chain: Chain,
    model: Model,
    configurations: Sequence[RunConfiguration],
    *,
    checkpoint: Checkpoint | None = None,
    pause: Callable[[], bool] | None = None,
    on_steps: Callable[[int], None] | None = None,
    progress: bool = False,
) -> list[RunResult]:
    """Train the K stacked models of `model`, one for each configuration, in place; one result each.

    checkpoint: the file of this group, continued from and kept up to date. pause: asked after every step whether to
    stop there, with the checkpoint saved and Paused raised. on_steps: told how many member-steps were done.
    A run has *diverged* if its final excess loss is not finite, or its final loss is above both ln V, that of a uniform
    guess, and its own before the first step. Its companions do not notice.
    """
    configurations = _check(chain, configurations)
    check_instance("model", model, (Transformer, WrappedModule), remedy="make one with initial_model(configurations)")
    check_flag("progress", progress)
    if checkpoint is not None:
        check_instance("checkpoint", checkpoint, Checkpoint, remedy="take it from Checkpoints.of")
    for name, function in (("pause", pause), ("on_steps", on_steps)):
        if function is not None and not callable(function):
            raise invalid(name, "a function", function, "leave it out")
    if model.members != len(configurations):
        raise invalid("model", f"of {len(configurations)} members", model.members, "pass one configuration for each")
    started = time.perf_counter()
    first, device = configurations[0], model.flat.values.device
    steps, evaluation = first.optimizer_steps, first.evaluation
    schedule = learning_rate_schedule(steps, first.schedule.warmup)
    optimizer = AdamW(model, [each.optimizer for each in configurations], schedule)
    take_step = TrainingStep(model, optimizer, first.precision)
    walks = sample_walks(
        chain,
        evaluation.walks,
        first.architecture.context,
        seed=derived_seed(evaluation.seed, "evaluation walks"),
        start=first.source.start,
    )[:, :-1]
    curve = LearningCurve(model, chain, np.asarray(walks))
    wanted = set(curve_steps(steps, evaluation.curve_points))
    done, spent = _resume(checkpoint, model, optimizer, curve)
    if not done:
        curve.score(0, None)
    report = on_steps or (lambda count: None)
    report(done * model.members)
    data = batches(chain, configurations, device, first=done)
    for step, tokens in enumerate(
        tqdm(data, total=steps, initial=done, unit="step", disable=not progress, leave=False), done + 1
    ):
        losses = take_step(tokens)
        report(model.members)
        if step in wanted and not curve.score(step, losses):
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
    results = [_result(each, model, k, curve, chain.entropy_rate, wall) for k, each in enumerate(configurations)]
    if checkpoint is not None:
        checkpoint.finish(results)
    return results


def _resume(checkpoint: Checkpoint | None, model: Model, optimizer: AdamW, curve: LearningCurve) -> tuple[int, float]:
    """Put the state of the checkpoint back in place; the steps done and the seconds spent by then."""
    found = None if checkpoint is None else checkpoint.load()
    if found is None:
        return 0, 0.0
    tensors, about = found
    with torch.no_grad():
        model.flat.values.copy_(tensors["values"])
    optimizer.restore(tensors)
    curve.restore(about["curve_steps"], tensors)
    return int(about["step"]), float(about["seconds"])


# ---------------------------------------------------------------------- data


def derived_seed(seed: int, purpose: str) -> int:
    """A 63-bit seed for one purpose: "initial weights", "training walks" or "evaluation walks", which never meet."""
    seed = check_integer("seed", seed, minimum=0)
    check_choice("purpose", purpose, PURPOSES)
    return int.from_bytes(hashlib.sha256(f"{purpose}:{seed}".encode()).digest()[:8], "big") >> 1


def batches(
    chain: Chain, configurations: Sequence[RunConfiguration], device: torch.device | str = "cpu", *, first: int = 0
) -> Iterator[Int[Tensor, "K batch time"]]:
    """The training tokens of an ensemble, one step after another; every epoch brings the same. first: steps left out at
    the beginning."""
    configurations = _check(chain, configurations)
    place = check_device(device)
    begin = check_integer("first", first, minimum=0)
    one = configurations[0]
    where: dict[str, Any] = {} if place.type == "cpu" else {"backend": "torch", "device": place}
    stream = WalkStream(
        chain,
        one.architecture.context,
        one.schedule.batch,
        [derived_seed(each.seed, "training walks") for each in configurations],
        start=one.source.start,
        **where,
    )
    steps_per_epoch = one.optimizer_steps // one.schedule.epochs
    return (torch.as_tensor(stream.batch(step % steps_per_epoch)) for step in range(begin, one.optimizer_steps))


# ---------------------------------------------------------------------- results


def _result(
    configuration: RunConfiguration, model: Model, k: int, curve: LearningCurve, entropy_rate: float, wall: float
) -> RunResult:
    def finite(value: float) -> float | None:
        return value if math.isfinite(value) else None

    shape = configuration.architecture if isinstance(model, Transformer) else model
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
        parameters=shape.parameters,
        nonembedding_parameters=shape.nonembedding_parameters,
        tokens=configuration.schedule.tokens,
        flops=6.0 * shape.parameters * configuration.schedule.tokens * configuration.schedule.epochs,
        optimizer_steps=curve.steps[-1],
        curve_steps=tuple(curve.steps),
        curve_training_loss=tuple(finite(float(each[k])) for each in curve.training),
        curve_excess_loss=tuple(finite(float(each[k])) for each in curve.excess),
        wall_seconds=wall,
        device=str(device) if device.type == "cpu" else torch.cuda.get_device_name(device),
        ensemble_size=model.members,
    )


# ---------------------------------------------------------------------- checks


def _check_alike(configurations: Any) -> tuple[RunConfiguration, ...]:
    found = check_sequence("configurations", configurations, RunConfiguration, remedy="pass a list of RunConfiguration")
    alike = {replace(c, seed=0, optimizer=replace(c.optimizer, learning_rate=1.0, weight_decay=0.0)) for c in found}
    if len(alike) > 1:
        raise invalid(
            "configurations",
            "alike but for seed, learning_rate and weight_decay",
            f"{len(alike)} kinds",
            "train each kind as an ensemble of its own (runs.sweeps.ensembles_of)",
        )
    return found


def _check(chain: Any, configurations: Any) -> tuple[RunConfiguration, ...]:
    check_instance("chain", chain, Chain, remedy="build it with erdos_renyi or another ensemble")
    found = _check_alike(configurations)
    check_text("configurations", found[0].source.fingerprint)
    if found[0].source.fingerprint != chain.fingerprint:
        raise invalid("chain", f"that of the configurations ({found[0].source.fingerprint[:12]})", chain, "pass that")
    if found[0].architecture.vocabulary != chain.nodes:
        raise invalid(
            "configurations",
            f"of a vocabulary of the chain's {chain.nodes} nodes",
            found[0].architecture.vocabulary,
            "pass Architecture(vocabulary=chain.nodes, ...)",
        )
    return found
