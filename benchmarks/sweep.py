"""Models per hour of a grid, beside the eager loop that a user would write; and what a second worker is worth.

    python -m benchmarks.sweep [--json] [--rounds 5] [--experiments er-200 er-1k-small] [--profiles smoke colab]

Per shape of a grid (width, vocabulary, batch), steps per second of ours and of `PlainDecoder` (benchmarks/training.py)
are measured in the same rounds, one after the other; a grid's models per hour follow from the steps of its runs. That
is training alone, in one process. The second measurement is a sweep itself, store and checkpoints included: the same
16 small runs with one worker and with two, interleaved, wall seconds. On a machine with something else to do its ratio
says nothing.

    models_per_hour   experiment and profile -> ours, eager, ratio
    two_workers       median, least, greatest of (seconds with one) / (seconds with two)
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from benchmarks.training import measure
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.sweeping.experiments import EXPERIMENTS, Experiment
from scaling_lib.runs.sweeping.sweeps import sweep

WORKLOAD = Experiment(
    name="workload",
    question="Is a second worker worth a second core?",
    template=EXPERIMENTS["er-200"].template,
    axes={
        "smoke": {
            "schedule.tokens": (60_000,),
            "architecture.width": (32, 48, 64, 96),
            "optimizer.learning_rate": (0.5, 1.0),
            "seed": (0, 1),
        }
    },
)


def models_per_hour(name: str, profile: str, rounds: int, speeds: dict[tuple[int, int, int], dict]) -> dict[str, float]:
    """Of the whole grid, from the steps per second of each of its shapes; `speeds` keeps what was measured."""
    runs = EXPERIMENTS[name].configurations(profile)
    seconds = {"ours": 0.0, "plain": 0.0}
    for run in runs:
        nodes, width, batch = shape = (run.architecture.vocabulary, run.architecture.width, run.schedule.batch)
        if shape not in speeds:
            speeds[shape] = measure(nodes, width, rounds, batch, gpt2=False)["steps_per_s"]
        for who in seconds:
            seconds[who] += run.optimizer_steps / speeds[shape][who]
    return {
        "models": len(runs),
        "ours": 3600 * len(runs) / seconds["ours"],
        "eager": 3600 * len(runs) / seconds["plain"],
        "ratio": seconds["plain"] / seconds["ours"],
    }


def two_workers(rounds: int) -> dict[str, float]:
    runs = WORKLOAD.configurations("smoke")
    ratios = []
    for _ in range(rounds):
        seconds = {}
        for workers in (1, 2):
            with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "runs.db") as store:
                begin = time.perf_counter()
                sweep(runs, store, workers=workers, checkpoints=Path(folder) / "kept", progress=False)
                seconds[workers] = time.perf_counter() - begin
        ratios.append(seconds[1] / seconds[2])
    return {"median": statistics.median(ratios), "least": min(ratios), "greatest": max(ratios)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--experiments", nargs="+", choices=list(EXPERIMENTS), default=["er-200", "er-1k-small"])
    parser.add_argument("--profiles", nargs="+", choices=["smoke", "colab", "full"], default=["smoke", "colab"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    speeds: dict[tuple[int, int, int], dict] = {}
    result: dict[str, Any] = {"models_per_hour": {}, "torch": torch.__version__}
    for name in arguments.experiments:
        for profile in arguments.profiles:
            rates = models_per_hour(name, profile, arguments.rounds, speeds)
            result["models_per_hour"][f"{name} {profile}"] = rates
            if not arguments.json:
                told = f"{rates['models']:4.0f} models: {rates['ours']:8.0f} an hour, eager {rates['eager']:8.0f}"
                print(f"{name:14s} {profile:6s} {told}, {rates['ratio']:.2f}x", flush=True)
    result["two_workers"] = two_workers(arguments.rounds)
    if arguments.json:
        print(json.dumps(result))
    else:
        spread = result["two_workers"]
        print(f"two workers: {spread['median']:.2f}x one ({spread['least']:.2f} to {spread['greatest']:.2f})")


if __name__ == "__main__":
    main()
