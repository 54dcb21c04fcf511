"""Where am I: Colab, a laptop, CI; which device, which profile, which folders. The one place, beside the command line,
that reads environment variables:

    SCALING_PROFILE   recorded (default), smoke, colab or full
    SCALING_HOME      folder of this user's stores and downloads (default: the platform's data folder)
    SCALING_MIRROR    folder that receives a copy of every store (default: on Colab that of a mounted Drive, else none)
"""

import ctypes
import importlib.metadata
import importlib.util
import os
import sys
from pathlib import Path

from scaling_lib.arguments import checked
from scaling_lib.errors import check_choice, invalid
from scaling_lib.runs.sweeping.experiments import PROFILES

__all__ = ["device", "device_words", "home", "mirror", "place", "profile", "single_thread"]

# Where Colab shows the files of a mounted Drive.
_DRIVE = Path("/content/drive/MyDrive")


def place() -> str:
    """ "colab", "ci" or "local"."""
    if importlib.util.find_spec("google") is not None and importlib.util.find_spec("google.colab") is not None:
        return "colab"
    return "ci" if os.environ.get("CI") else "local"


def profile(name: str = "") -> str:
    """The profile asked for: `name`, or where it is empty SCALING_PROFILE, or "recorded"."""
    if not isinstance(name, str):
        raise invalid("name", f"a profile ({', '.join(PROFILES)}) or ''", name, "pass a str")
    if name:
        return check_choice("name", name, PROFILES)
    return check_choice("SCALING_PROFILE", os.environ.get("SCALING_PROFILE") or "recorded", PROFILES)


def home() -> Path:
    """The folder of this user's stores and downloads; not made until something is written."""
    chosen = os.environ.get("SCALING_HOME")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("scaling-lab", appauthor=False))


def mirror() -> Path | None:
    """The folder that receives a copy of every store, so that runs outlive this machine; None where there is none."""
    chosen = os.environ.get("SCALING_MIRROR")
    if chosen:
        return Path(chosen).expanduser()
    return _DRIVE / "scaling-lab" if place() == "colab" and _DRIVE.is_dir() else None


def device() -> str:
    """ "cuda", "cpu", or "" where torch is not installed."""
    if importlib.util.find_spec("torch") is None:
        return ""
    if "torch" not in sys.modules and not _may_have_a_gpu():
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _may_have_a_gpu() -> bool:
    """False where torch need not be asked, which takes a second or two to import: it is built for CPUs alone, or for
    CUDA and there is no driver of NVIDIA's."""
    try:
        built = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return True
    if built.endswith("+cpu"):
        return False
    if "rocm" in built or not sys.platform.startswith("linux"):
        return True
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


@checked
def single_thread(*, at_once: bool = True) -> None:
    """One torch thread on CPU: for models this small, more threads are slower and change low-order digits.

    at_once: import torch for this, which takes a second or two. Otherwise torch begins with one thread when somebody
    imports it. Raises InvalidArgument.
    """
    if importlib.util.find_spec("torch") is None:
        return
    if at_once or "torch" in sys.modules:
        import torch

        torch.set_num_threads(1)
    else:
        os.environ["OMP_NUM_THREADS"] = "1"


def device_words(name: str) -> str:
    """The device `name` ("cuda", "cpu" or "" without torch) in words; of a GPU, its model."""
    check_choice("name", name, ("cuda", "cpu", ""))
    if name == "cuda":
        import torch

        return f"GPU: {torch.cuda.get_device_name()}"
    return "CPU" if name == "cpu" else "CPU, torch not installed"
