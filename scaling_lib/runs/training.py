r"""Training an ensemble of models, and scoring each of them exactly.

An ensemble is K models of one shape on one amount of data, which differ in learning rate, weight decay and seed. They
are one model with a leading axis K (`models.transformer`), and so is their optimizer: AdamW on flat buffers,

    m <- b1 m + (1 - b1) g          v <- b2 v + (1 - b2) g^2            g clipped to a norm of `clip` for each model
    w <- (1 - s_t l r c) w - s_t l r (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + e)

with l the learning rate and c the weight decay of the model (c and e times the tensor's factors), r the tensor's
learning-rate factor, and the schedule s_t: linear to 1 over the first 2 % of the steps, then a cosine to 0 (paper,
appendix A). A model's batches and initial weights depend on its own seed only, never on its companions.

Scores are exact (`runs.scoring`).
"""

import hashlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from tqdm import tqdm

from scaling_lib.data.markov import Chain
from scaling_lib.data.walks import WalkStream, sample_walks
from scaling_lib.errors import (
    check_array,
    check_choice,
    check_flag,
    check_instance,
    check_integer,
    check_real,
    check_sequence,
    check_text,
    invalid,
)
from scaling_lib.models.transformer import Transformer, check_device
from scaling_lib.models.wrapped import WrappedModule
from scaling_lib.runs.records import Optimizer, RunConfiguration, RunResult
from scaling_lib.runs.scoring import LearningCurve, curve_steps

__all__ = [
    "AdamW",
    "batches",
    "derived_seed",
    "initial_model",
    "learning_rate_schedule",
    "train_ensemble",
    "train_model",
    "train_module",
]

Model = Transformer | WrappedModule
PURPOSES = ("initial weights", "training walks", "evaluation walks")


# ---------------------------------------------------------------------- what to call


def train_ensemble(
    chain: Chain,
    configurations: Sequence[RunConfiguration],
    *,
    device: str = "cpu",
    members_at_once: int | None = None,
    progress: bool = False,
) -> list[RunResult]:
    """Train one model for each configuration and score it; one result each, in their order.

    The configurations share everything but their seed and the optimizer's learning rate and weight decay.
    members_at_once: how many models are stacked (K); by default all of them on a GPU, and 1 on a CPU, where stacking
    pays only for steps of a few hundred tokens, and a run alone is the same to the bit whatever else is asked for.
    progress: a bar over optimizer steps.
    Raises InvalidArgument where the configurations differ in more, or belong to another chain.
    """
    configurations = _check(chain, configurations)
    found = check_device(device)
    check_flag("progress", progress)
    if configurations[0].model != "transformer":
        raise invalid("configurations", "of model 'transformer'", configurations[0].model, "call train_module")
    if members_at_once is None:
        members_at_once = 1 if found.type == "cpu" else len(configurations)
    check_integer("members_at_once", members_at_once, minimum=1)
    results = []
    for start in range(0, len(configurations), members_at_once):
        group = configurations[start : start + members_at_once]
        results += train_model(chain, initial_model(group, device=device), group, progress=progress)
    return results


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
    chain: Chain, model: Model, configurations: Sequence[RunConfiguration], *, progress: bool = False
) -> list[RunResult]:
    """Train the K stacked models of `model`, one for each configuration, in place; one result each.

    A run has *diverged* if its final excess loss is not finite, or its final loss is above both ln V, that of a uniform
    guess, and its own before the first step. Its companions do not notice.
    """
    configurations = _check(chain, configurations)
    check_instance("model", model, (Transformer, WrappedModule), remedy="make one with initial_model(configurations)")
    check_flag("progress", progress)
    if model.members != len(configurations):
        raise invalid("model", f"of {len(configurations)} members", model.members, "pass one configuration for each")
    started = time.perf_counter()
    first, device = configurations[0], model.flat.values.device
    steps, evaluation = first.optimizer_steps, first.evaluation
    schedule = learning_rate_schedule(steps, first.schedule.warmup)
    optimizer = AdamW(model, [each.optimizer for each in configurations], schedule)
    walks = sample_walks(
        chain,
        evaluation.walks,
        first.architecture.context,
        seed=derived_seed(evaluation.seed, "evaluation walks"),
        start=first.source.start,
    )[:, :-1]
    curve = LearningCurve(model, chain, np.asarray(walks))
    wanted = set(curve_steps(steps, evaluation.curve_points))
    curve.score(0, None)
    for step, tokens in enumerate(
        tqdm(batches(chain, configurations, device), total=steps, unit="step", disable=not progress, leave=False), 1
    ):
        losses = model.losses(tokens)
        losses.sum().backward()
        optimizer.step()
        if step in wanted and not curve.score(step, losses):
            break
    wall = time.perf_counter() - started
    return [_result(each, model, k, curve, chain.entropy_rate, wall) for k, each in enumerate(configurations)]


# ---------------------------------------------------------------------- data


def derived_seed(seed: int, purpose: str) -> int:
    """A 63-bit seed for one purpose: "initial weights", "training walks" or "evaluation walks", which never meet."""
    seed = check_integer("seed", seed, minimum=0)
    check_choice("purpose", purpose, PURPOSES)
    return int.from_bytes(hashlib.sha256(f"{purpose}:{seed}".encode()).digest()[:8], "big") >> 1


def batches(
    chain: Chain, configurations: Sequence[RunConfiguration], device: torch.device | str = "cpu"
) -> Iterator[Int[Tensor, "K batch time"]]:
    """The training tokens of an ensemble, one step after another; every epoch brings the same."""
    configurations = _check(chain, configurations)
    place = check_device(device)
    first = configurations[0]
    where: dict[str, Any] = {} if place.type == "cpu" else {"backend": "torch", "device": place}
    streams = [
        WalkStream(
            chain,
            first.architecture.context,
            first.schedule.batch,
            derived_seed(each.seed, "training walks"),
            start=first.source.start,
            **where,
        )
        for each in configurations
    ]
    steps_per_epoch = first.optimizer_steps // first.schedule.epochs
    return (
        torch.stack([torch.as_tensor(stream.batch(step % steps_per_epoch)) for stream in streams])
        for step in range(first.optimizer_steps)
    )


# ---------------------------------------------------------------------- optimizer


def learning_rate_schedule(steps: int, warmup: float = 0.02) -> Float[np.ndarray, "step"]:
    """lambda_t / lambda at every step: linear up to 1 over the first `warmup` of them (one at least), cosine to 0.

    The zeros at either end lie just outside, so that every step moves.
    """
    steps = check_integer("steps", steps, minimum=1)
    warmup = check_real("warmup", warmup, minimum=0, below=1)
    rising = max(1, round(warmup * steps))
    t = np.arange(1, steps + 1)
    falling = 0.5 * (1 + np.cos(np.pi * (t - rising) / (steps + 1 - rising)))
    return np.where(t <= rising, t / rising, falling)


class AdamW:
    """AdamW on the flat buffers of K models, each with its own learning rate, weight decay, epsilon and clip.

    schedule: what the learning rates are multiplied by, step by step. Momenta (betas) are common. Nothing that changes
    from step to step is a number of the host's: all of it lies in tensors, so that a step can be replayed on a device.
    """

    def __init__(self, model: Model, optimizers: Sequence[Optimizer], schedule: Float[np.ndarray, "step"]) -> None:
        check_instance("model", model, (Transformer, WrappedModule), remedy="make one with initial_model")
        optimizers = check_sequence("optimizers", optimizers, Optimizer, remedy="pass one Optimizer for each member")
        schedule = check_array("schedule", schedule, dimensions=1, minimum=0)
        betas = {(each.beta1, each.beta2) for each in optimizers}
        if len(optimizers) != model.members or len(betas) > 1:
            raise invalid("optimizers", f"{model.members} with the same betas", len(optimizers), "group them by betas")
        (self.beta1, self.beta2), self.flat = betas.pop(), model.flat
        self.momentum, self.square, self._scratch = (torch.zeros_like(self.flat.values) for _ in range(3))

        def column(name: str) -> Float[np.ndarray, "K one"]:
            return np.array([[getattr(each, name)] for each in optimizers])

        def factors(name: str) -> Float[np.ndarray, "tensor one one"]:
            return np.array([getattr(rule, name) for rule in model.rules])[:, None, None]

        def on_device(values: np.ndarray) -> Tensor:
            return torch.tensor(values, dtype=torch.float32, device=self.flat.values.device)

        rates = factors("learning_rate_factor") * column("learning_rate")
        self._rates = on_device(rates)  # [tensor, K, 1], as all that follow
        self._decays = on_device(rates * factors("weight_decay_factor") * column("weight_decay"))
        self._epsilons = on_device(factors("epsilon_factor") * column("epsilon"))
        limits = column("clip")
        self._clip = on_device(np.where(limits > 0, limits, np.inf)) if limits.any() else None
        t = np.arange(1, len(schedule) + 1)
        table = [schedule, -schedule / (1 - self.beta1**t), (1 - self.beta2**t) ** -0.5]
        self._table = on_device(np.stack(table, axis=1))  # [step, 3]
        self._step = torch.zeros(1, dtype=torch.int64, device=self.flat.values.device)

    @torch.no_grad()
    def step(self) -> None:
        """One update from the gradients in the buffer, which it then zeroes."""
        flat, gradients, scratch = self.flat, self.flat.gradients, self._scratch
        if self._clip is not None:
            parts = flat.split(gradients)
            norms = torch.stack([torch.linalg.vector_norm(each, dim=1) for each in parts]).norm(dim=0)[:, None]
            scale = (self._clip / (norms + 1e-6)).clamp(max=1.0)
            for each in parts:
                each.mul_(scale)
        factor, size, root = self._table.index_select(0, self._step)[0]
        self.momentum.lerp_(gradients, 1 - self.beta1)
        self.square.mul_(self.beta2).addcmul_(gradients, gradients, value=1 - self.beta2)
        torch.sqrt(self.square, out=scratch).mul_(root)
        rows = zip(
            flat.split(flat.values),
            flat.split(self.momentum),
            flat.split(scratch),
            self._epsilons,
            self._rates * size,
            1 - self._decays * factor,
            strict=True,
        )
        for values, momentum, update, epsilon, rate, keep in rows:
            torch.div(momentum, update.add_(epsilon), out=update)
            values.mul_(keep).addcmul_(update, rate)
        gradients.zero_()
        self._step += 1


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
    if found[0].precision != "float32":
        raise invalid("configurations", "of precision 'float32'", found[0].precision, "others need a GPU; not yet done")
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
