"""Tokens sampled per second from a decoder, with its keys and values kept, beside a sampler without a cache.

    python benchmarks/sampling.py [--json] [--rounds 5] [--width 128] [--length 100] [--sequences 256]

The sampler without a cache reads the whole sequence again for every token, and computes the logits of its last position
only. Both get the same uniform numbers and must write the same tokens. Each round times both, one after the other, so
that a busy machine slows both; a ratio is taken within a round, and the median over the rounds is reported with its
least and greatest: in processor seconds of one thread, and in seconds of the clock.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor

from scaling_lib.models.accounting import Architecture
from scaling_lib.models.generators import chosen_tokens, sample_sequences
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.models.transformer import Transformer


@torch.no_grad()
def sample_without_cache(model: Transformer, first: Tensor, uniforms: Tensor) -> Tensor:
    """As `models.generators.sample_sequences`: first [K, B], uniforms [K, B, further] -> tokens [K, B, 1 + further]."""
    tokens = first[..., None]
    for t in range(uniforms.shape[-1]):
        hidden = model.hidden(tokens).view(*tokens.shape, -1)[:, :, -1]  # [K, B, n]
        chosen = chosen_tokens(torch.bmm(hidden, model.readout.mT), uniforms[..., t])
        tokens = torch.cat([tokens, chosen[..., None]], -1)
    return tokens


def seconds(job: Callable[[], Tensor]) -> tuple[Tensor, float, float]:
    """What a job gives, its processor seconds and its seconds of the clock."""
    processor, clock = time.process_time(), time.perf_counter()
    result = job()
    return result, time.process_time() - processor, time.perf_counter() - clock


def measure(width: int, length: int, sequences: int, rounds: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    shape = Architecture(128, width, context=length)
    model = Transformer(shape, Parametrization(), generators=[torch.Generator().manual_seed(0)])
    generator = torch.Generator().manual_seed(1)
    first = torch.randint(128, (1, sequences), generator=generator)
    uniforms = torch.rand(1, sequences, length - 1, dtype=torch.float64, generator=generator)
    ratios: dict[str, list[float]] = {"processor": [], "clock": []}
    speeds: dict[str, list[float]] = {"cached": [], "uncached": []}
    differing = 0
    sample_sequences(model, first, uniforms)
    for _ in range(rounds):
        cached, *fast = seconds(lambda: sample_sequences(model, first, uniforms))
        plain, *slow = seconds(lambda: sample_without_cache(model, first, uniforms))
        differing += int((cached != plain).sum())
        for name, a, b in zip(ratios, slow, fast, strict=True):
            ratios[name].append(a / b)
        speeds["cached"].append(sequences * length / fast[0])
        speeds["uncached"].append(sequences * length / slow[0])
    return {
        "shape": {"width": width, "depth": shape.depth, "length": length, "sequences": sequences},
        "rounds": rounds,
        "differing_tokens": differing,
        "ratios": {
            name: {"median": statistics.median(values), "least": min(values), "greatest": max(values)}
            for name, values in ratios.items()
        },
        "tokens_per_processor_second": {name: statistics.median(values) for name, values in speeds.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--length", type=int, default=100)
    parser.add_argument("--sequences", type=int, default=256)
    arguments = parser.parse_args()
    result = measure(arguments.width, arguments.length, arguments.sequences, arguments.rounds)
    if arguments.json:
        print(json.dumps(result))
        return
    for name, ratio in result["ratios"].items():
        print(f"ratio, {name:10s} {ratio['median']:6.1f}x   ({ratio['least']:.1f} to {ratio['greatest']:.1f})")
    for name, speed in result["tokens_per_processor_second"].items():
        print(f"{name:17s} {speed:10,.0f} tokens a processor second")
    print(f"{result['differing_tokens']} tokens differ")


if __name__ == "__main__":
    main()
