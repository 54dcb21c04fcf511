"""Training an ensemble, and scoring it exactly. (First working version.)"""

import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm import tqdm

from scaling_lib.data.chains import Chain
from scaling_lib.data.walks import WalkStream, sample_walks
from scaling_lib.errors import InvalidArgument, check_instance, check_integer, check_sequence
from scaling_lib.models.transformer import Transformer
from scaling_lib.runs.records import Optimizer, RunConfiguration, RunResult

__all__ = ["conditional_kl", "curve_steps", "schedule_factors", "train_ensemble"]


def train_ensemble(
    chain: Chain,
    configurations: Sequence[RunConfiguration],
    *,
    device: str = "cpu",
    members_at_once: int | None = None,
    progress: bool = False,
) -> list[RunResult]:
    """Train one model for each configuration and score it; one result each, in order.

    The configurations share everything but their seed and the optimizer's learning rate and weight decay.
    members_at_once: how many models are stacked into one; by default 1 on a CPU, all on a GPU.
    """
    check_instance("chain", chain, Chain, remedy="build one, for example with erdos_renyi(...)")
    configurations = check_sequence(
        "configurations", configurations, RunConfiguration, remedy="pass a list of RunConfiguration"
    )
    first = configurations[0]
    if len({_shared(each) for each in configurations}) > 1:
        raise InvalidArgument(
            "configurations must differ in seed, learning_rate and weight_decay only, got other differences: "
            "call train_ensemble once for each shape and schedule."
        )
    if first.architecture.vocabulary != chain.nodes:
        raise InvalidArgument(
            f"configurations must have a vocabulary of the chain's {chain.nodes} nodes, "
            f"got {first.architecture.vocabulary}: pass Architecture(vocabulary=chain.nodes, ...)."
        )
    if members_at_once is None:
        members_at_once = 1 if device == "cpu" else len(configurations)
    check_integer("members_at_once", members_at_once, minimum=1)
    groups = [configurations[i : i + members_at_once] for i in range(0, len(configurations), members_at_once)]
    with tqdm(
        total=len(groups) * first.optimizer_steps, unit="step", disable=not progress, desc="training"
    ) as bar:
        return [result for group in groups for result in _train_group(chain, group, device, bar)]


def _shared(configuration: RunConfiguration) -> RunConfiguration:
    optimizer = replace(configuration.optimizer, learning_rate=1.0, weight_decay=0.0)
    return replace(configuration, seed=0, optimizer=optimizer)


def _seed(seed: int, domain: str) -> int:
    """Independent 63-bit seeds for the initial weights, the training walks and the evaluation walks."""
    return int.from_bytes(hashlib.sha256(f"{domain}:{seed}".encode()).digest()[:8], "big") >> 1


def schedule_factors(steps: int, warmup: float) -> Float[np.ndarray, "step"]:
    """lambda_t / lambda: linear warm-up over the first `warmup` of the steps, then a cosine to zero."""
    check_integer("steps", steps, minimum=1)
    t = np.arange(steps)
    rising = max(1, round(warmup * steps))
    cosine = 0.5 * (1 + np.cos(np.pi * (t - rising + 1) / max(1, steps - rising + 1)))
    return np.where(t < rising, (t + 1) / rising, cosine)


def curve_steps(steps: int, points: int) -> tuple[int, ...]:
    """0, about `points` log-spaced steps, and the last one."""
    spaced = np.unique(np.round(np.geomspace(1, steps, points)).astype(int)) if points > 1 else np.array([steps])
    return (0, *(int(step) for step in spaced))


class _AdamW:
    """AdamW on the flat buffers of K models; learning rate and weight decay are one number for each model."""

    def __init__(self, model: Transformer, optimizers: Sequence[Optimizer], factors: Float[np.ndarray, "step"]) -> None:
        self.flat, rules = model.flat, model.rules
        device = self.flat.values.device
        first = optimizers[0]
        self.beta1, self.beta2, self.clip = first.beta1, first.beta2, first.clip
        self.epsilons = [first.epsilon * rule.epsilon_factor for rule in rules]
        self.first, self.second, self.update = (torch.zeros_like(self.flat.values) for _ in range(3))

        def column(values: list[float]) -> Tensor:
            return torch.tensor(values, dtype=torch.float64)

        rates = column([rule.learning_rate_factor for rule in rules])[:, None] * column(
            [each.learning_rate for each in optimizers]
        )
        decays = rates * column([rule.weight_decay_factor for rule in rules])[:, None] * column(
            [each.weight_decay for each in optimizers]
        )
        t = np.arange(1, len(factors) + 1)
        self.rates = rates[..., None].to(device, torch.float32)  # [tensor, K, 1]
        self.decays = decays[..., None].to(device, torch.float32)
        self.factor = torch.tensor(factors, dtype=torch.float32, device=device)
        self.step_size = torch.tensor(factors / (1 - self.beta1**t), dtype=torch.float32, device=device)
        self.root = torch.tensor(np.sqrt(1 / (1 - self.beta2**t)), dtype=torch.float32, device=device)

    @torch.no_grad()
    def step(self, t: int) -> None:
        flat, gradients = self.flat, self.flat.gradients
        if self.clip:
            norms = torch.stack([torch.linalg.vector_norm(g, dim=1) for g in flat.split(gradients)]).norm(dim=0)
            scale = (self.clip / (norms + 1e-6)).clamp(max=1.0)[:, None]
            for g in flat.split(gradients):
                g.mul_(scale)
        self.first.lerp_(gradients, 1 - self.beta1)
        self.second.mul_(self.beta2).addcmul_(gradients, gradients, value=1 - self.beta2)
        torch.sqrt(self.second, out=self.update).mul_(self.root[t])
        updates = flat.split(self.update)
        for update, epsilon in zip(updates, self.epsilons, strict=True):
            update.add_(epsilon)
        torch.div(self.first, self.update, out=self.update)
        steps = self.rates * -self.step_size[t]
        keeps = 1 - self.decays * self.factor[t]
        for values, update, size, keep in zip(flat.split(flat.values), updates, steps, keeps, strict=True):
            values.mul_(keep).addcmul_(update, size)
        gradients.zero_()


def conditional_kl(
    model: Transformer, chain: Chain, walks: Int[np.ndarray, "walk time"]
) -> Float[np.ndarray, "K walk time"]:
    """KL(P(.|u_t) || model(.|u_0..u_t)), nats, at every context of every walk, in every member."""
    device = model.flat.values.device
    K, (count, T) = model.members, walks.shape
    log_rows = torch.tensor(np.log(chain.probabilities), device=device)
    rows = torch.tensor(chain.probabilities, device=device)
    indptr, indices = (torch.tensor(np.asarray(a), dtype=torch.int64, device=device) for a in (chain.indptr, chain.indices))
    at_once = max(1, int(8e6 / (4 * K * T * chain.nodes)))
    parts = []
    with torch.no_grad():
        for start in range(0, count, at_once):
            tokens = torch.tensor(walks[start : start + at_once], dtype=torch.int64, device=device)
            nodes = tokens.reshape(-1)
            logits = model.logits(tokens.expand(K, *tokens.shape)).view(K, len(nodes), -1)
            log_partition = logits.logsumexp(-1)
            degrees = indptr[nodes + 1] - indptr[nodes]
            context = torch.repeat_interleave(torch.arange(len(nodes), device=device), degrees)
            begins = indptr[nodes] - (degrees.cumsum(0) - degrees)
            edges = begins[context] + torch.arange(len(context), device=device)
            log_model = (logits[:, context, indices[edges]] - log_partition[:, context]).double()
            terms = rows[edges] * (log_rows[edges] - log_model)
            kl = torch.zeros(K, len(nodes), dtype=torch.float64, device=device).index_add_(1, context, terms)
            parts.append(kl.view(K, -1, T))
    return torch.cat(parts, dim=1).cpu().numpy()


def _train_group(
    chain: Chain, group: Sequence[RunConfiguration], device: str, bar: "tqdm[None]"
) -> list[RunResult]:
    started = time.perf_counter()
    first, K = group[0], len(group)
    architecture, schedule = first.architecture, first.schedule
    steps, steps_per_epoch = first.optimizer_steps, first.optimizer_steps // schedule.epochs
    generators = [torch.Generator().manual_seed(_seed(each.seed, "initial weights")) for each in group]
    model = Transformer(architecture, first.parametrization, generators=generators, device=device)
    optimizer = _AdamW(model, [each.optimizer for each in group], schedule_factors(steps, schedule.warmup))
    streams = [
        WalkStream(
            chain, architecture.context, schedule.batch, _seed(each.seed, "training walks"), start=each.source.start
        )
        for each in group
    ]
    walks = sample_walks(
        chain,
        first.evaluation.walks,
        architecture.context,
        seed=_seed(first.evaluation.seed, "evaluation walks"),
        start=first.source.start,
    )
    wanted = curve_steps(steps, first.evaluation.curve_points)
    curve: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def score(step: int, training: np.ndarray) -> None:
        per_walk = conditional_kl(model, chain, walks).mean(-1)
        curve[step] = (training, per_walk.mean(-1), per_walk.std(-1, ddof=1) / math.sqrt(per_walk.shape[-1]))

    score(0, np.full(K, np.nan))
    for t in range(steps):
        tokens = torch.stack([torch.as_tensor(stream.batch(t % steps_per_epoch)) for stream in streams])
        losses = model.losses(tokens.to(device, torch.int64))
        losses.sum().backward()
        optimizer.step(t)
        bar.update()
        if t + 1 in wanted:
            score(t + 1, losses.detach().cpu().numpy())
    wall = time.perf_counter() - started
    return [_result(configuration, k, curve, wall / K, device, K) for k, configuration in enumerate(group)]


def _result(
    configuration: RunConfiguration,
    k: int,
    curve: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]],
    wall: float,
    device: str,
    K: int,
) -> RunResult:
    def finite(x: float) -> float | None:
        return float(x) if math.isfinite(x) else None

    architecture, rate = configuration.architecture, configuration.source.entropy_rate
    last = max(curve)
    initial, excess, error = curve[0][1][k], curve[last][1][k], curve[last][2][k]
    # Worse than it began and worse than the uniform guess: the run has diverged even if every number is finite.
    ok = math.isfinite(excess) and not rate + excess > max(math.log(architecture.vocabulary), rate + initial)
    tokens = configuration.schedule.tokens
    return RunResult(
        status="ok" if ok else "diverged",
        excess_loss=float(excess) if ok else None,
        excess_loss_se=float(error) if ok else None,
        loss=float(rate + excess) if ok else None,
        parameters=architecture.parameters,
        nonembedding_parameters=architecture.nonembedding_parameters,
        tokens=tokens,
        flops=6.0 * architecture.parameters * tokens * configuration.schedule.epochs,
        optimizer_steps=configuration.optimizer_steps,
        curve_steps=tuple(curve),
        curve_training_loss=tuple(finite(point[0][k]) for point in curve.values()),
        curve_excess_loss=tuple(finite(point[1][k]) for point in curve.values()),
        wall_seconds=wall,
        device=device,
        ensemble_size=K,
    )
