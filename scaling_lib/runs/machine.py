"""What this process runs on, for the provenance of a run: sources, packages, processor, GPU, threads, precision.

Nothing here changes a number or enters an identity, and nothing here raises: what cannot be told is "unknown". torch is
asked only where it is loaded already, since a process that trained has loaded it.
"""

import hashlib
import os
import platform
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

__all__ = [
    "UNKNOWN",
    "code_version",
    "cores",
    "gpu",
    "precision_switches",
    "processor",
    "threads",
    "versions",
    "working_tree",
]

UNKNOWN = "unknown"

_PACKAGE = Path(__file__).resolve().parent.parent
_PROCESSORS = Path("/proc/cpuinfo")
_GROUP = Path("/proc/self/cgroup")
_QUOTAS = Path("/sys/fs/cgroup")
_PATIENCE = 20.0  # seconds that git, sysctl and nvidia-smi are given to answer


@cache
def versions() -> tuple[tuple[str, str], ...]:
    """(package, version) pairs of Python, numpy, scipy and torch, as far as they are installed."""
    numbers = [("python", platform.python_version())]
    for name in ("numpy", "scipy", "torch"):
        try:
            numbers.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return tuple(numbers)


@cache
def code_version() -> str:
    """Distribution version and a hash of the library's sources: right in a wheel and in a dirty checkout alike."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    try:
        version = metadata.version("scaling-lab")
    except metadata.PackageNotFoundError:  # run straight from a source tree
        version = "source"
    return f"{version}+{digest.hexdigest()[:12]}"


@cache
def working_tree() -> tuple[str, str]:
    """The git commit of the checkout that holds this library, and "clean" or a hash of what differs from that commit.

    The hash is the first 12 hexadecimal digits of the SHA-256 of `git diff HEAD`: changes of files that git follows.
    New files of the library are in `code_version`. Both are "unknown" without git, and in an installed package, whose
    surrounding repository (of a virtual environment, say) is another project's.
    """
    if _answer(["git", "ls-files", "--error-unmatch", "__init__.py"], _PACKAGE) is None:
        return UNKNOWN, UNKNOWN
    commit = _answer(["git", "rev-parse", "HEAD"], _PACKAGE)
    difference = _answer(["git", "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--binary", "HEAD"], _PACKAGE)
    if commit is None or difference is None:  # no commit yet, or git is broken
        return UNKNOWN, UNKNOWN
    return commit.decode().strip(), hashlib.sha256(difference).hexdigest()[:12] if difference else "clean"


@cache
def processor() -> str:
    """The model of the processor, as Linux, macOS or the platform names it."""
    try:
        for line in _PROCESSORS.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, model = line.partition(":")
            if key.strip().lower() in ("model name", "hardware") and model.strip():
                return model.strip()
    except OSError:
        pass
    model = _text(_answer(["sysctl", "-n", "machdep.cpu.brand_string"])) if sys.platform == "darwin" else ""
    return model or platform.processor() or platform.machine() or UNKNOWN


@cache
def gpu() -> str:
    """Models of this machine's NVIDIA GPUs with the version of their driver; "none" where its tool finds none.

    Asked of `nvidia-smi`, since torch does not tell the driver and would open a context on the GPU.
    """
    listed = _text(_answer(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]))
    pairs = [line.rpartition(",") for line in listed.splitlines() if line.strip()]
    models = dict.fromkeys(f"{model.strip()}, driver {driver.strip()}" for model, _, driver in pairs)
    return "; ".join(models) or "none"


def cores() -> int:
    """How many cores this process may use: those of the machine, less what its affinity (`taskset`) and the quotas of
    its control groups (containers, batch systems) keep from it; 1 at the least."""
    asked = getattr(os, "sched_getaffinity", None)
    here = len(asked(0)) if asked is not None else os.cpu_count() or 1
    return max(1, min([here, *_quotas()]))


def _quotas() -> list[int]:
    """Whole cores that each control group above this process is given, of those that are limited (Linux)."""
    try:
        lines = _GROUP.read_text().splitlines()
    except OSError:
        return []
    given = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = _QUOTAS / controllers if controllers else _QUOTAS
        inside = root / path.lstrip("/")
        for folder in [inside, *inside.parents]:
            try:
                if controllers:  # the first version has two files, of one number each
                    texts = [(folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period")]
                else:
                    texts = (folder / "cpu.max").read_text().split()
                quota, period = (float(text) for text in texts)
                if quota > 0:
                    given.append(int(quota / period))
            except (OSError, ValueError):  # not there, or "max"
                pass
            if folder == root:
                break
    return given


def threads() -> int | str:
    """How many threads torch's operations use in this process; "unknown" where torch is not loaded."""
    torch = sys.modules.get("torch")
    return UNKNOWN if torch is None else int(torch.get_num_threads())


def precision_switches() -> str:
    """torch's process-wide switches that change digits, as "name=value" words; "unknown" where torch is not loaded.

    They are the caller's own: the precision that a run asks for is in its configuration, and is set for its training
    only.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        return UNKNOWN
    switches = {
        "matmul": torch.get_float32_matmul_precision,
        "cudnn_tf32": lambda: torch.backends.cudnn.allow_tf32,
        "bfloat16_reduction": lambda: torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction,
        "deterministic": torch.are_deterministic_algorithms_enabled,
        "cudnn_deterministic": lambda: torch.backends.cudnn.deterministic,
    }
    words = []
    for name, read in switches.items():
        try:
            words.append(f"{name}={read()}".lower())
        except (RuntimeError, AttributeError):  # set through torch's newer interface, or not in this version
            words.append(f"{name}={UNKNOWN}")
    return " ".join(words)


def _answer(command: list[str], folder: Path | None = None) -> bytes | None:
    """What `command` prints in `folder`; None where it is absent, fails, or takes too long."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=_PATIENCE)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None


def _text(printed: bytes | None) -> str:
    return "" if printed is None else printed.decode(errors="replace").strip()
