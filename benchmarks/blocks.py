"""The training step of the default architecture, now and at an earlier commit; and that of each other block beside it.

    python -m benchmarks.blocks --before COMMIT [--json] [--rounds 15] [--shapes V100_d64_10x50 ...]

Two processes, each with one thread: one imports `scaling_lib` from this checkout, the other from COMMIT (`git archive`
into a temporary folder). They train the same default architecture on the same walks, in turns of about a third of a
second of processor time; who is first changes from round to round. A step is that of a sweep: walks drawn, losses,
gradients, update. The ratio is taken within a round, and the median over rounds is reported with its 95 % interval
(order statistics of the rounds, which suppose no distribution). What is asked: low above .95. COMMIT = HEAD in a clean
checkout compares a thing with itself, and shows how far the machine alone moves the ratio.

    now_over_before     for each shape median, low, high: steps per processor second now over those before
    load                runnable processes for each core, before and after

    python -m benchmarks.blocks [--json] [--rounds 15]

Processor seconds of a step with each arm of the study of blocks over those of the default, at its batch, in one
process and in the same rounds.

    over_default        for each arm median, low, high
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from benchmarks.training import median_interval, stack_steps

ROOT = Path(__file__).parents[1]
# Nodes, width, walks of 50 tokens a step.
SHAPES = ((100, 16, 20), (100, 64, 10), (1000, 64, 20), (1000, 128, 20))
LEAST = 0.95
SECONDS = 0.3


def name_of(shape: tuple[int, int, int]) -> str:
    return "V{}_d{}_{}x50".format(*shape)


def serve() -> None:
    """The process that trains: a line "NUMBER STEPS" asks for so many steps of a shape, and is answered in seconds."""
    import scaling_lib

    print(json.dumps(str(Path(scaling_lib.__file__).parents[1])), flush=True)
    jobs: dict[int, Callable[[int], None]] = {}
    for line in sys.stdin:
        number, steps = map(int, line.split())
        if number not in jobs:
            jobs[number], _ = stack_steps(*SHAPES[number], members=1)
            jobs[number](5)
        print(json.dumps(timed(jobs[number], steps)), flush=True)


def timed(job: Callable[[int], None], steps: int) -> float:
    begin = time.process_time()
    job(steps)
    return time.process_time() - begin


class Trainer:
    """A process that trains with the `scaling_lib` of a folder."""

    def __init__(self, folder: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [sys.executable, "-m", "benchmarks.blocks", "--serve"]
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if Path(self._answer()).resolve() != folder.resolve():
            raise SystemExit(f"scaling_lib of {folder} was not the one imported: is another on the path?")

    def seconds(self, number: int, steps: int) -> float:
        into: IO[str] = self.process.stdin  # type: ignore[assignment]
        into.write(f"{number} {steps}\n")
        into.flush()
        return float(self._answer())

    def _answer(self) -> Any:
        out: IO[str] = self.process.stdout  # type: ignore[assignment]
        line = out.readline()
        if not line:
            raise SystemExit(f"the process that trains ended with {self.process.wait()}: see its message above")
        return json.loads(line)

    def close(self) -> None:
        self.process.communicate()


def earlier(commit: str, folder: Path) -> None:
    """`scaling_lib` as it was at a commit, and these benchmarks, in a folder."""
    archive = subprocess.run(["git", "archive", commit, "scaling_lib"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    shutil.copytree(ROOT / "benchmarks", folder / "benchmarks")


def summary(ratios: list[float]) -> dict[str, float]:
    low, high = median_interval(ratios)
    return {"median": statistics.median(ratios), "low": low, "high": high}


def against(commit: str, rounds: int, numbers: list[int]) -> dict[str, dict[str, float]]:
    result = {}
    with tempfile.TemporaryDirectory() as scratch:
        earlier(commit, Path(scratch))
        trainers = {"now": Trainer(ROOT), "before": Trainer(Path(scratch))}
        for number in numbers:
            for trainer in trainers.values():
                trainer.seconds(number, 5)
            steps = max(1, round(SECONDS * 20 / trainers["before"].seconds(number, 20)))
            ratios = []
            for i in range(rounds):
                order = list(trainers)[:: 1 if i % 2 else -1]
                seconds = {who: trainers[who].seconds(number, steps) for who in order}
                ratios.append(seconds["before"] / seconds["now"])
            result[name_of(SHAPES[number])] = summary(ratios)
        for trainer in trainers.values():
            trainer.close()
    return result


def over_default(rounds: int) -> dict[str, dict[str, float]]:
    """Every arm of the study of blocks, and two of four experts, over the default: seconds of a step."""
    from scaling_lib.runs.sweeping.experiments import experiment
    from scaling_lib.runs.sweeping.recipes import chain_of
    from scaling_lib.runs.sweeping.studies.blocks import ARMS
    from scaling_lib.runs.training.ensembles import batches, initial_model
    from scaling_lib.runs.training.optimizers import AdamW, learning_rate_schedule
    from scaling_lib.runs.training.steps import TrainingStep

    jobs: dict[str, Callable[[int], None]] = {}
    for study, names in (("blocks-short", tuple(ARMS)), ("blocks-flops", ("two-experts",))):
        # The arms of the first seed come first.
        for name, run in zip(names, experiment(study).configurations("full"), strict=False):
            long = replace(run, schedule=replace(run.schedule, tokens=10**6 * run.tokens_per_step))
            model = initial_model([long])
            step = TrainingStep(model, AdamW(model, [run.optimizer], learning_rate_schedule(long.optimizer_steps)))
            data = batches(chain_of(run.source), [long])

            def take(count: int, step: Any = step, data: Any = data) -> None:
                for _ in range(count):
                    step(next(data))

            jobs[name] = take
    ratios: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job(5)
    steps = max(1, round(SECONDS * 10 / timed(jobs["default"], 10)))
    for i in range(rounds):
        order = list(jobs)[:: 1 if i % 2 else -1]
        seconds = {name: timed(jobs[name], steps) for name in order}
        for name in jobs:
            ratios[name].append(seconds[name] / seconds["default"])
    return {name: summary(values) for name, values in ratios.items() if name != "default"}


def main() -> None:
    names = {name_of(shape): number for number, shape in enumerate(SHAPES)}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", default="", help="a commit; without it the blocks are timed beside the default")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--shapes", nargs="+", choices=list(names), default=list(names))
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.serve:
        return serve()
    cores = os.cpu_count() or 1
    load = [os.getloadavg()[0] / cores]
    if arguments.before:
        measured = against(arguments.before, arguments.rounds, [names[name] for name in arguments.shapes])
    else:
        measured = over_default(arguments.rounds)
    load.append(os.getloadavg()[0] / cores)
    if arguments.json:
        what = "now_over_before" if arguments.before else "over_default"
        print(json.dumps({what: measured, "load": load, "rounds": arguments.rounds, "torch": torch.__version__}))
        return None
    for name, one in measured.items():
        asked = f"   asked {LEAST:.2f}: {'yes' if one['low'] > LEAST else 'NO'}" if arguments.before else ""
        print(f"{name:16s} {one['median']:.3f}x   ({one['low']:.3f} to {one['high']:.3f}){asked}")
    print(f"load for each of {cores} cores: {load[0]:.1f} before, {load[1]:.1f} after")
    return None


if __name__ == "__main__":
    main()
