"""The device, its tests and its speed: commands of their own, each of which ends when its time is over.

They are processes, so that a device that hangs costs the time that it was given and no more, and so that the process
that writes the report never waits for one.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from scaling_lib.errors import InvalidData, MissingDependency
from scaling_lib.files import write_whole
from scaling_lib.runs.machine import code_version

ROOT = Path(__file__).resolve().parents[2]
MARK = re.compile(r"pytest\.mark\.needs_cuda\b")
PROBE = """
import json, torch
cuda = torch.cuda.is_available()
print(json.dumps(["cuda" if cuda else "cpu", torch.cuda.get_device_name() if cuda else "cpu", torch.__version__]))
"""


@dataclass(frozen=True)
class Place:
    """kind: "cuda" or "cpu". device: its name. torch, code: versions."""

    kind: str
    device: str
    torch: str
    code: str


@dataclass(frozen=True)
class Stage:
    """How a stage ended. state: "ok", "failed", "stopped" (its time was over) or "skipped". says: its last line, or
    why. place: where; time: UTC."""

    name: str
    state: str
    says: str
    seconds: float
    place: Place
    time: str


def ended(name: str, state: str, says: str, seconds: float, place: Place) -> Stage:
    """A stage that ended now."""
    return Stage(name, state, says, seconds, place, datetime.now(UTC).isoformat(timespec="seconds"))


def run(command: Sequence[str], seconds: float) -> tuple[int | None, str]:
    """Run a command from the source tree, showing its output; its exit status and its last line.

    The status is None where it was ended because `seconds` were over.
    """
    variables = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    over, last = threading.Event(), ""
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # so that it ends with all that it began
    ) as process:

        def end() -> None:
            over.set()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(max(seconds, 0.0), end)
        timer.start()
        try:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                last = line.strip() or last
            status = process.wait()
        except BaseException:  # an interrupt is for what was begun too
            end()
            raise
        finally:
            timer.cancel()
    return (None if over.is_set() else status), last


def find_place(seconds: float) -> Place:
    """What torch sees here. Raises MissingDependency where there is no torch, InvalidData where it does not answer."""
    status, last = run([sys.executable, "-c", PROBE], seconds)
    if status is None:
        raise InvalidData(f"torch did not say within {seconds:.0f} seconds which device it has: look at nvidia-smi.")
    if "No module named 'torch'" in last:
        raise MissingDependency("torch must be installed, got none: pip install 'scaling-lab[train]'.")
    try:
        kind, device, version = json.loads(last)
    except ValueError:
        raise InvalidData(f"torch cannot be used here ({last}): install one that fits the driver.") from None
    return Place(kind, device, version, code_version())


def test_files() -> list[str]:
    """The files that hold tests of a CUDA device, and nothing that needs packages which a GPU's machine may lack."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return [str(file.relative_to(ROOT)) for file in files if MARK.search(file.read_text(encoding="utf-8"))]


def device_tests(place: Place, seconds: float) -> Stage:
    """Every test that needs a CUDA device."""
    name = "device tests"
    if place.kind == "cpu":
        return ended(name, "skipped", "torch sees no CUDA device here", 0.0, place)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "needs_cuda", *test_files()]
    return _timed(name, command, seconds, place)


def speed(place: Place, seconds: float, into: Path) -> Stage:
    """`benchmarks.gpu --record`, its table in the folder `into`."""
    name = "speed"
    if place.kind == "cpu":
        return ended(name, "skipped", "the benchmark records a CUDA device, and torch sees none here", 0.0, place)
    command = [sys.executable, "-m", "benchmarks.gpu", "--record", "--into", str(into.resolve())]
    # It stops by itself before it is stopped: what it has measured by then is recorded.
    return _timed(name, [*command, "--time-budget", f"{max(seconds - 30, seconds / 2):.0f}"], seconds, place)


def _timed(name: str, command: Sequence[str], seconds: float, place: Place) -> Stage:
    begun = time.monotonic()
    print(f"== {name}: at most {seconds:.0f} s", flush=True)
    status, last = run(command, seconds)
    state = "stopped" if status is None else "failed" if status else "ok"
    return ended(name, state, last, time.monotonic() - begun, place)


# ---------------------------------------------------------------------- what is kept of them


def load_stages(folder: Path) -> dict[str, Stage]:
    """What `save_stages` wrote, by name; nothing where nothing was. Raises InvalidData where the file is damaged."""
    path = folder / "stages.json"
    if not path.is_file():
        return {}
    try:
        read = [Stage(**fields | {"place": Place(**fields["place"])}) for fields in json.loads(path.read_text())]
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidData(f"{path} is damaged ({error}): remove it, and its stages run again.") from None
    return {stage.name: stage for stage in read}


def save_stages(folder: Path, stages: Sequence[Stage]) -> None:
    """Write how the stages ended."""
    text = json.dumps([asdict(stage) for stage in stages], indent=1) + "\n"
    write_whole(folder / "stages.json", lambda file: file.write(text.encode()))
