"""Tokens per second of ensembles on one device, beside the eager loop that a user would write, one model at a time.

    python -m benchmarks.gpu [--device cuda] [--json] [--rounds 5] [--shapes V1000_d64 ...] [--time-budget 120]
                             [--record] [--into FOLDER]

Ours is what a sweep runs: K stacked models, walks drawn on the device, steps replayed as a CUDA graph. The other is
`PlainDecoder` (benchmarks/training.py) with `torch.optim.AdamW`, its batches ready beforehand, nothing read back from
the device. Both in the same precision of matrix products, interleaved; a ratio is taken within a round and the median
over the rounds reported with its least and greatest. Wall seconds, the device synchronized at both ends.

The *memory bound* is the speed of copying on this device, measured here, over the bytes that a token of a step must
move at the least: 312 n for two layers and 12 V for the readout with activations of two bytes, twice that in float32
(forward and backward, elementwise operations fused). `share` is ours over that bound.

--record writes scaling_lib/recorded/gpu-speed.parquet, which the book's status page shows (--into: in that folder
instead); refused on a CPU, where the script otherwise runs as a check of itself (`ratio` says nothing there: two are
stacked, whatever a step is worth). After --time-budget seconds no further shape is begun, what was measured is
recorded, and the script says what is missing and ends with 3.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from benchmarks.training import OPTIMIZER, PlainDecoder, plain_steps
from scaling_lib.data.markov import Chain
from scaling_lib.errors import ScalingLabError, invalid
from scaling_lib.models.accounting import Architecture
from scaling_lib.models.devices import check_device
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.keeping.tables import record_result
from scaling_lib.runs.records import PRECISIONS, RunConfiguration, Schedule
from scaling_lib.runs.sweeping.recipes import source_of
from scaling_lib.runs.training.ensembles import batches, default_members, initial_model
from scaling_lib.runs.training.optimizers import AdamW, learning_rate_schedule
from scaling_lib.runs.training.steps import TrainingStep, check_precision, matrix_products

FOLDER = Path(__file__).resolve().parents[1] / "scaling_lib" / "recorded"
SHAPES = {f"V{V}_d{n}": (V, n) for V, n in ((100, 16), (1000, 64), (1000, 128), (8192, 64), (8192, 256))}
MOST_MEMBERS, BATCH, WARM_UP = 32, 100, 8
COPIED = 2**28  # bytes


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def copy_speed(device: torch.device) -> float:
    """Bytes read and written a second by copying one buffer to another."""
    source = torch.zeros(COPIED // 4, device=device)
    target = torch.empty_like(source)
    speeds = []
    for _ in range(10):
        synchronize(device)
        begin = time.perf_counter()
        target.copy_(source)
        synchronize(device)
        speeds.append(2 * COPIED / (time.perf_counter() - begin))
    return statistics.median(speeds)


def bytes_per_token(vocabulary: int, width: int, precision: str) -> float:
    return (1 if precision == "bfloat16" else 2) * (312 * width + 12 * vocabulary)


def ours(chain: Chain, group: list[RunConfiguration], device: torch.device) -> Callable[[int], int]:
    """A function that takes so many steps and says how many tokens they read."""
    model = initial_model(group, device=str(device))
    optimizer = AdamW(model, [run.optimizer for run in group], learning_rate_schedule(group[0].optimizer_steps))
    step = TrainingStep(model, optimizer, group[0].precision)
    data = batches(chain, group, device)

    def take(count: int) -> int:
        for _ in range(count):
            step(next(data))
        return count * len(group) * group[0].tokens_per_step

    return take


def eager(architecture: Architecture, precision: str, device: torch.device, steps: int) -> Callable[[int], int]:
    """The same of the eager loop."""
    module = PlainDecoder(architecture).to(device)
    generator = torch.Generator().manual_seed(1)
    shape = (8, BATCH, architecture.context)
    data: Iterator[Tensor] = cycle(torch.randint(0, architecture.vocabulary, shape, generator=generator).to(device))

    def logits(tokens: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, precision == "bfloat16"):
            return module(tokens)

    step = plain_steps(module, logits, learning_rate_schedule(steps))

    def take(count: int) -> int:
        with matrix_products(precision, device):
            for _ in range(count):
                step(next(data))
        return count * BATCH * architecture.context

    return take


def speed(take: Callable[[int], int], steps: int, device: torch.device) -> float:
    synchronize(device)
    begin = time.perf_counter()
    tokens = take(steps)
    synchronize(device)
    return tokens / (time.perf_counter() - begin)


def measure(
    name: str, precision: str, device: torch.device, rounds: int, seconds: float, copying: float
) -> dict[str, float | int | str]:
    V, n = SHAPES[name]
    source, chain = source_of("erdos_renyi", {"nodes": V, "edges": 5 * V})
    architecture = Architecture(V, n)
    long = Schedule(10**6 * BATCH * architecture.context, batch=BATCH)
    one = RunConfiguration(source, architecture, Parametrization("sp"), OPTIMIZER, long, precision=precision)
    K = 2 if device.type == "cpu" else min(MOST_MEMBERS, default_members(one, device))
    group = [replace(one, seed=seed) for seed in range(K)]
    jobs = {"ours": ours(chain, group, device), "eager": eager(architecture, precision, device, 10**6)}
    steps = {}
    for who, take in jobs.items():
        take(WARM_UP)
        per_second = speed(take, WARM_UP, device) / (BATCH * architecture.context * (K if who == "ours" else 1))
        steps[who] = max(1, round(per_second * seconds))
    speeds: dict[str, list[float]] = {who: [] for who in jobs}
    for _ in range(rounds):
        for who, take in jobs.items():
            speeds[who].append(speed(take, steps[who], device))
    ratios = [a / b for a, b in zip(speeds["ours"], speeds["eager"], strict=True)]
    tokens_per_second = statistics.median(speeds["ours"])
    bound = copying / bytes_per_token(V, n, precision)
    return {
        "shape": name,
        "vocabulary": V,
        "width": n,
        "precision": precision,
        "members": K,
        "tokens_per_second": tokens_per_second,
        "eager_tokens_per_second": statistics.median(speeds["eager"]),
        "ratio": statistics.median(ratios),
        "ratio_least": min(ratios),
        "ratio_greatest": max(ratios),
        "memory_bound_tokens_per_second": bound,
        "share": tokens_per_second / bound,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=["cpu", "cuda"])
    parser.add_argument("--json", action="store_true", help="a JSON list on stdout")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each contestant in a round")
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--precisions", nargs="+", choices=list(PRECISIONS), default=list(PRECISIONS))
    parser.add_argument("--time-budget", type=float, default=float("inf"), help="seconds")
    parser.add_argument("--record", action="store_true", help="keep the table for the book")
    parser.add_argument("--into", type=Path, default=FOLDER, help="where --record keeps it")
    options = parser.parse_args()
    begun = time.monotonic()
    try:
        device = check_device(options.device)
        if options.record and device.type == "cpu":
            raise invalid("--record", "used on a CUDA device", "cpu", "run it where there is one")
    except ScalingLabError as error:
        raise SystemExit(str(error)) from None
    torch.set_num_threads(1)
    copying = copy_speed(device)
    measured, missing = [], []
    for name in options.shapes:
        for precision in options.precisions:
            try:
                check_precision(precision, device)
            except ScalingLabError:
                continue  # not a precision of this device
            if time.monotonic() - begun > options.time_budget:
                missing.append(f"{name} in {precision}")
                continue
            line = measure(name, precision, device, options.rounds, options.seconds, copying)
            measured.append(line)
            if not options.json:
                print(
                    f"{name:10s} {precision:8s} K {line['members']:3d} {line['tokens_per_second']:12,.0f} tokens/s, "
                    f"{line['ratio']:6.1f}x eager ({line['ratio_least']:.1f} to {line['ratio_greatest']:.1f}), "
                    f"{100 * float(line['share']):.0f} % of the memory bound",
                    flush=True,
                )
    if options.json:
        print(json.dumps(measured))
    if options.record and measured:
        record_result(pd.DataFrame(measured), "gpu-speed", "python -m benchmarks.gpu --record", options.into)
    if missing:
        print(f"The time was over before {', '.join(missing)}.", flush=True)
        raise SystemExit(3)


if __name__ == "__main__":
    main()
