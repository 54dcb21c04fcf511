"""Everything that this book wants of a GPU, in one command and in the minutes that there are.

    python -m tools.gpu --minutes 9 --out DIR [--earlier DIR] [--profile smoke]
    python -m tools.gpu --enter DIR

In this order: the tests that need a CUDA device, at most a quarter of the time; `benchmarks.gpu --record`, at most
another; then as much of the experiment gpu-er-1k as the minutes allow, in its order. The minutes hold from the start of
the command to its end. It needs no registry and no installation: the source tree, Python, torch, numpy, scipy, pandas,
networkx, matplotlib, pyarrow, tqdm, jaxtyping, safetensors, pytest, and what these bring along. On a CPU the first two
are skipped, and the profile is smoke unless another is asked for. DIR gets

    REPORT.md     what ran, on what, what is missing, how to go on
    tables/       gpu-er-1k.parquet and gpu-speed.parquet with their manifest
    runs.db       the store; checkpoints/ has what was in hand
    stages.json   how tests and benchmark ended: what ended well with the same device, torch and code is not run again

The same command on the same DIR goes on. --earlier begins with what another such folder holds, which may be read-only.
--enter takes the tables of DIR into those that ship with the package. The exit status is 1 where a test failed, or the
training broke off.
"""

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from scaling_lib.errors import ScalingLabError, check_real, invalid
from scaling_lib.runs.sweeping import experiments
from tools.gpu import BEGUN, commands, report, training
from tools.gpu.commands import Place, Stage

# Seconds at the end: to pause and save what is in hand, and then to write the tables and the report.
PAUSING, CLOSING = 12.0, 8.0
LEAST_MINUTES = 0.5
PROFILES = ("smoke", "colab", "full")


def measured(folder: Path, place: Place, end: float, minutes: float) -> list[Stage]:
    """The tests and the benchmark, each where it did not end well before, and only while there is time."""
    kept, quarter = commands.load_stages(folder), 15 * minutes
    stages = []
    for name, stage in (
        ("device tests", lambda seconds: commands.device_tests(place, seconds)),
        ("speed", lambda seconds: commands.speed(place, seconds, folder / "tables")),
    ):
        before = kept.get(name)
        if before is not None and before.state == "ok" and before.place == place:
            print(f"== {name}: ok before, with the same device, torch and code", flush=True)
            stages.append(before)
        else:
            stages.append(stage(min(quarter, end - PAUSING - CLOSING - time.monotonic())))
        commands.save_stages(folder, stages)
    return stages


def gpu(folder: Path, minutes: float, begun: float, *, earlier: Path | None = None, profile: str = "") -> bool:
    """Do all of it; whether nothing failed. begun: the start of the command, on the monotonic clock."""
    check_real("--minutes", minutes, minimum=LEAST_MINUTES)
    if folder.exists() and not folder.is_dir():
        raise invalid("--out", "a folder", str(folder), "pass one that is new, or one that this command wrote")
    end = begun + 60 * minutes
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    place = commands.find_place(end - PAUSING - CLOSING - time.monotonic())
    profile = profile or ("full" if place.kind == "cuda" else "smoke")
    print(f"== {place.device}, torch {place.torch}; profile {profile}, {minutes:g} minutes into {folder}", flush=True)

    if earlier is not None:
        report.take_over(earlier, folder)
    stages = measured(folder, place, end, minutes)
    grid = experiments.experiment(report.EXPERIMENT).configurations(profile)
    training_begun, stamp = time.monotonic(), f"{datetime.now(UTC):%H:%M:%S}"
    print(f"== training: {len(grid)} runs asked for, from {stamp} UTC, until the time is over", flush=True)
    state, says = training.train(grid, folder, place.kind, end - PAUSING - CLOSING, end - CLOSING)
    runs = report.write_table(grid, folder, profile)
    table = report.cells(grid, runs)
    if state == "ok" and len(runs) < len(grid):
        state, says = "stopped", "the time was over"
    stages.append(commands.ended("training", state, says, time.monotonic() - training_begun, place))
    commands.save_stages(folder, stages)
    used = (time.monotonic() - begun) / 60
    path = report.write_report(folder, place, stages, table, profile, (used, minutes))
    print(f"== {len(runs)} of {len(grid)} runs are there after {used:.1f} minutes: {path}", flush=True)
    return all(stage.state != "failed" for stage in stages)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.gpu", description="Everything that this book wants of a GPU, in the minutes there are."
    )
    parser.add_argument("--minutes", type=float, default=9.0, help="from the start of the command to its end (9)")
    parser.add_argument("--out", type=Path, help="where everything goes; an earlier one is gone on with")
    parser.add_argument("--earlier", type=Path, help="begin with what this folder holds")
    parser.add_argument("--profile", choices=PROFILES, default="", help="full on a GPU, else smoke")
    parser.add_argument("--enter", type=Path, metavar="DIR", help="record the tables of DIR in the package")
    options = parser.parse_args()
    try:
        if options.enter is not None:
            print("\n".join(report.enter(options.enter)))
            return
        if options.out is None:
            raise invalid("--out", "a folder", None, "pass one, such as --out gpu-result")
        fine = gpu(options.out, options.minutes, BEGUN, earlier=options.earlier, profile=options.profile)
    except ScalingLabError as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        print(f"interrupted: what was done is in {options.out}, and the same command goes on.", file=sys.stderr)
        raise SystemExit(130) from None
    except OSError as error:
        raise SystemExit(f"{options.out} cannot be written ({error}): pass --out on a disk that can.") from None
    sys.exit(not fine)


if __name__ == "__main__":
    main()
