"""Training steps per second, beside what a user would write instead: the same decoder as a plain eager nn.Module.

    python benchmarks/training.py [--json] [--rounds 7] [--batch 100] [--shapes V1000_d16 V8000_d64 ...] [--gpt2]

`PlainDecoder` has the same rotary positions, tying, norms and initial weights, `torch.optim.AdamW` and
`clip_grad_norm_` the same hyper-parameters and schedule, and the batches are the same: its losses have to agree with
ours over the first five steps (`loss_agreement`: the largest difference, nats). One thread, standard parametrization,
2 layers, context 50. --gpt2 adds GPT2LMHeadModel of the same shape (learned positions and biases are its own way) from
`transformers` (extra `bench`), with the same optimizer.

Each round trains every contestant a few steps, one after another, so that a busy machine slows all of them; a ratio is
taken within a round, and the median over the rounds is reported with its least and greatest. Processor seconds, page
faults included.

    ratio           for each shape, steps per second of ours over those of PlainDecoder
    ratio_gpt2      for each shape, over those of GPT2LMHeadModel
    min_ratio       the least `ratio` over the shapes

    python -m benchmarks.training --stacked [--json] [--rounds 15]

What stacking is worth on a CPU: model-steps per processor second of as many models as `runs.training.stacking` puts
together (K) over those of one, on the shapes of `STACKED`. A step is that of a sweep: walks drawn, losses, gradients,
update. Rounds are interleaved; the median of their ratios is reported with its 95 % interval (order statistics of the
rounds, which suppose no distribution) and what is asked of it.

    stacked         for each shape K, median, low, high, floor (what the median must reach; low must exceed .95 on all)
    load            runnable processes for each core, before and after
"""

import argparse
import json
import math
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor, nn
from torch.nn import functional

from scaling_lib.models.accounting import Architecture
from scaling_lib.models.blocks import NORM_EPSILON
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.models.transformer import ROTARY_BASE, Transformer
from scaling_lib.runs.records import Optimizer, RunConfiguration, Schedule
from scaling_lib.runs.sweeping.recipes import source_of
from scaling_lib.runs.training.ensembles import batches, initial_model
from scaling_lib.runs.training.optimizers import AdamW, learning_rate_schedule
from scaling_lib.runs.training.stacking import members_on_a_cpu
from scaling_lib.runs.training.steps import TrainingStep

SHAPES = tuple((V, n) for V in (100, 1000, 8000) for n in (16, 32, 64, 128))
OPTIMIZER = Optimizer(learning_rate=1e-3)
CHECKED_STEPS = 5

# (V, n, walks of 50 tokens a step) -> what stacking has to be worth there.
STACKED = {
    (100, 16, 20): 1.2,
    (100, 16, 5): 1.5,
    (100, 32, 20): 0.95,
    (100, 64, 20): 0.95,
    (1000, 16, 20): 0.95,
    (1000, 64, 20): 0.95,
}
LEAST = 0.95


class PlainBlock(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width, eps=NORM_EPSILON, bias=False)
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.attention_out = nn.Linear(width, width, bias=False)
        self.mlp_norm = nn.LayerNorm(width, eps=NORM_EPSILON, bias=False)
        self.mlp_up = nn.Linear(width, 4 * width, bias=False)
        self.mlp_down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        B, T, n = x.shape
        q, k, v = self.query_key_value(self.attention_norm(x)).split(n, dim=2)
        q, k, v = (x.view(B, T, self.heads, n // self.heads).transpose(1, 2) for x in (q, k, v))
        q, k = (x * cos + rotate_half(x) * sin for x in (q, k))
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attention_out(mixed.transpose(1, 2).reshape(B, T, n))
        return x + self.mlp_down(functional.gelu(self.mlp_up(self.mlp_norm(x))))


def rotate_half(x: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat([-second, first], dim=-1)


class PlainDecoder(nn.Module):
    """The decoder as one writes it: nn.Linear, nn.LayerNorm, whole logits; tied; standard parametrization."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        shape, d = architecture, architecture.head_dimension
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(PlainBlock(shape.width, shape.heads) for _ in range(shape.depth))
        self.final_norm = nn.LayerNorm(shape.width, eps=NORM_EPSILON, bias=False)
        self.readout = nn.Linear(shape.width, shape.vocabulary, bias=False)
        self.readout.weight = self.embedding.weight
        frequencies = ROTARY_BASE ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
        angles = torch.arange(shape.context, dtype=torch.float64)[:, None] * frequencies
        angles = torch.cat([angles, angles], dim=-1)
        self.register_buffer("cos", angles.cos().float())
        self.register_buffer("sin", angles.sin().float())

    def forward(self, tokens: Tensor) -> Tensor:
        T = tokens.shape[1]
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, self.cos[:T], self.sin[:T])
        return self.readout(self.final_norm(x))

    @torch.no_grad()
    def copy_from(self, model: Transformer) -> None:
        """The weights of the one member of `model`. This module rotates coordinates j and j + d/2 of a head together,
        the library 2j and 2j + 1: the columns of queries and keys are permuted accordingly."""
        assert model.members == 1
        n, d = model.architecture.width, model.architecture.head_dimension
        halves = torch.arange(d).view(-1, 2).T.flatten()
        heads = (torch.arange(0, n, d)[:, None] + halves).flatten()
        order = torch.cat([heads, heads + n, torch.arange(2 * n, 3 * n)])
        own = dict(self.named_parameters())
        for name, tensor in model.flat.tensors.items():
            value = tensor[0]
            if name.endswith("query_key_value"):
                value = value[:, order]
            matrix = value.ndim == 2 and name != "embedding"
            own[f"{name}.weight"].copy_(value.T if matrix else value)


def plain_steps(module: nn.Module, logits: Callable[[Tensor], Tensor], schedule: Any) -> Callable[[Tensor], Tensor]:
    """A training step of a module as a function from a batch of tokens [B, T] to the loss before the update."""
    matrices = [parameter for parameter in module.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in module.parameters() if parameter.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": OPTIMIZER.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=OPTIMIZER.learning_rate,
        betas=(OPTIMIZER.beta1, OPTIMIZER.beta2),
        eps=OPTIMIZER.epsilon,
    )
    factors = iter(schedule)

    def step(tokens: Tensor) -> Tensor:
        factor = next(factors)
        for group in optimizer.param_groups:
            group["lr"] = OPTIMIZER.learning_rate * factor
        scores = logits(tokens[:, :-1])
        loss = functional.cross_entropy(scores.flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), OPTIMIZER.clip)
        optimizer.step()
        return loss.detach()

    return step


def our_steps(model: Transformer, schedule: Any) -> Callable[[Tensor], Tensor]:
    optimizer = AdamW(model, [OPTIMIZER], schedule)

    def step(tokens: Tensor) -> Tensor:
        losses = model.losses(tokens[None])
        losses.sum().backward()
        optimizer.step()
        return losses.detach()[0]

    return step


def contestants(V: int, n: int, gpt2: bool, steps: int) -> dict[str, Callable[[Tensor], Tensor]]:
    architecture = Architecture(V, n)
    schedule = learning_rate_schedule(steps)
    ours = Transformer(architecture, Parametrization("sp"), generators=[torch.Generator().manual_seed(0)])
    plain = PlainDecoder(architecture)
    plain.copy_from(ours)
    steps_of = {"ours": our_steps(ours, schedule), "plain": plain_steps(plain, plain, schedule)}
    if gpt2:
        from transformers import GPT2Config, GPT2LMHeadModel

        config = GPT2Config(
            vocab_size=V,
            n_positions=architecture.context,
            n_embd=n,
            n_layer=architecture.depth,
            n_head=architecture.heads,
            activation_function="gelu",
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            use_cache=False,
            bos_token_id=0,
            eos_token_id=0,
        )
        module = GPT2LMHeadModel(config)
        steps_of["gpt2"] = plain_steps(module, lambda tokens: module(input_ids=tokens).logits, schedule)
    return steps_of


def measure(V: int, n: int, rounds: int, batch: int, gpt2: bool) -> dict[str, Any]:
    # A round of about half a second of ours, so that the clock and the neighbours are averaged over.
    per_round = max(1, round(2e9 / (batch * 50 * (24 * n**2 + V * n + 4000 * n) * 6)))
    steps = CHECKED_STEPS + rounds * per_round
    jobs = contestants(V, n, gpt2, steps)
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(0, V, (8, batch, 50), generator=generator)
    losses = {name: [float(job(tokens[i % 8])) for i in range(CHECKED_STEPS)] for name, job in jobs.items()}
    speeds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            begin = time.process_time()
            for i in range(per_round):
                job(tokens[i % 8])
            speeds[name].append(per_round / (time.process_time() - begin))
    result: dict[str, Any] = {
        "loss_agreement": max(abs(a - b) for a, b in zip(losses["ours"], losses["plain"], strict=True)),
        "steps_per_s": {name: statistics.median(values) for name, values in speeds.items()},
    }
    for name in jobs:
        if name != "ours":
            each = [a / b for a, b in zip(speeds["ours"], speeds[name], strict=True)]
            result[name] = {"median": statistics.median(each), "least": min(each), "greatest": max(each)}
    return result


def stack_steps(V: int, n: int, batch: int, members: int | None) -> tuple[Callable[[int], None], int]:
    """A function that takes so many steps of K stacked models, and K; members: K, or None for that of the rule."""
    source, chain = source_of("erdos_renyi", {"nodes": V, "edges": 5 * V})
    long = Schedule(10**6 * batch * 50, batch=batch)
    one = RunConfiguration(source, Architecture(V, n), Parametrization(), Optimizer(0.1), long)
    K = members_on_a_cpu(one) if members is None else members
    group = [replace(one, seed=seed) for seed in range(K)]
    model = initial_model(group)
    optimizer = AdamW(model, [run.optimizer for run in group], learning_rate_schedule(one.optimizer_steps))
    step, data = TrainingStep(model, optimizer), batches(chain, group)

    def take(count: int) -> None:
        for _ in range(count):
            step(next(data))

    return take, K


def measure_stacked(V: int, n: int, batch: int, rounds: int) -> dict[str, float]:
    """K stacked models beside one, in rounds of about a third of a second of either."""
    one, _ = stack_steps(V, n, batch, 1)
    stack, K = stack_steps(V, n, batch, None)
    one(3), stack(3)
    begin = time.process_time()
    one(10)
    steps = max(1, round(0.3 * 10 / (time.process_time() - begin) / K))  # of the stack; K times as many of the one
    ratios = []
    for i in range(rounds):
        seconds = {}
        for who in ("one", "stack")[:: 1 if i % 2 else -1]:  # who is first takes turns
            begin = time.process_time()
            one(K * steps) if who == "one" else stack(steps)
            seconds[who] = time.process_time() - begin
        ratios.append(seconds["one"] / seconds["stack"])
    low, high = median_interval(ratios)
    return {"K": K, "median": statistics.median(ratios), "low": low, "high": high}


def median_interval(values: list[float], level: float = 0.95) -> tuple[float, float]:
    """The narrowest symmetric pair of order statistics that holds the median with probability `level` or more."""
    ordered, count = sorted(values), len(values)
    outside, k = 0.0, 0  # chance that fewer than k + 1 values lie below the median
    while (outside + math.comb(count, k) / 2**count) * 2 <= 1 - level:
        outside += math.comb(count, k) / 2**count
        k += 1
    if k == 0:
        return -math.inf, math.inf  # too few rounds
    return ordered[k - 1], ordered[count - k]


def stacked(rounds: int, as_json: bool) -> None:
    cores = os.cpu_count() or 1
    before = os.getloadavg()[0] / cores
    shapes: dict[str, dict[str, float]] = {}
    for (V, n, batch), floor in STACKED.items():
        name = f"V{V}_d{n}_{batch}x50"
        shapes[name] = measure_stacked(V, n, batch, rounds) | {"floor": floor}
        one = shapes[name]
        if not as_json:
            good = one["median"] >= floor and one["low"] > LEAST
            print(
                f"{name:16s} K = {one['K']:2.0f}   {one['median']:.2f}x   ({one['low']:.2f} to {one['high']:.2f})   "
                f"asked {floor:.2f}: {'yes' if good else 'NO'}",
                flush=True,
            )
    result = {"stacked": shapes, "load": [before, os.getloadavg()[0] / cores], "rounds": rounds}
    if as_json:
        print(json.dumps(result | {"torch": torch.__version__}))
    else:
        print(f"load for each of {cores} cores: {before:.1f} before, {result['load'][1]:.1f} after")


def main() -> None:
    names = {f"V{V}_d{n}": (V, n) for V, n in SHAPES}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--rounds", type=int, default=None, help="7, or 15 of --stacked")
    parser.add_argument("--stacked", action="store_true", help="what stacking is worth on a CPU, and nothing else")
    parser.add_argument("--batch", type=int, default=100, help="walks of 50 tokens a step")
    parser.add_argument("--shapes", nargs="+", choices=list(names), default=list(names))
    parser.add_argument("--gpt2", action="store_true", help="also GPT-2 of the same shape from transformers")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.stacked:
        stacked(arguments.rounds or 15, arguments.json)
        return
    arguments.rounds = arguments.rounds or 7
    shapes: dict[str, dict[str, Any]] = {}
    for name in arguments.shapes:
        shapes[name] = measure(*names[name], arguments.rounds, arguments.batch, arguments.gpt2)
        if not arguments.json:
            spread = shapes[name]["plain"]
            beside = f", GPT-2 {shapes[name]['gpt2']['median']:.2f}x" if arguments.gpt2 else ""
            print(
                f"{name:12s} {spread['median']:5.2f}x   ({spread['least']:.2f} to {spread['greatest']:.2f})   "
                f"{shapes[name]['steps_per_s']['ours']:7.1f} steps/s{beside}   losses agree to "
                f"{shapes[name]['loss_agreement']:.1e}",
                flush=True,
            )
    result: dict[str, Any] = {
        "ratio": {name: shape["plain"]["median"] for name, shape in shapes.items()},
        "min_ratio": min(shape["plain"]["median"] for shape in shapes.values()),
        "loss_agreement": max(shape["loss_agreement"] for shape in shapes.values()),
        "rounds": arguments.rounds,
        "batch": arguments.batch,
        "torch": torch.__version__,
        "shapes": shapes,
    }
    if arguments.gpt2:
        result["ratio_gpt2"] = {name: shape["gpt2"]["median"] for name, shape in shapes.items()}
    if arguments.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
