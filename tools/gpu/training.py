"""The training: a sweep in a process of its own, which is asked to pause, and is ended if it does not."""

import multiprocessing
import time
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from scaling_lib.errors import ScalingLabError
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.records import RunConfiguration

STORE, CHECKPOINTS = "runs.db", "checkpoints"


def train(grid: Sequence[RunConfiguration], folder: Path, device: str, pause: float, limit: float) -> tuple[str, str]:
    """Train what the store in `folder` lacks of `grid`, in its order; the state and the words of how that ended.

    pause: when it is asked to pause, on the monotonic clock, which all processes of a machine share. limit: when it is
    ended. What was committed by then stays. An interrupt (Ctrl-C) pauses it too.
    """
    with Store(folder / STORE) as store:
        if not store.missing(grid):
            return "ok", "nothing was missing"
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_sweep, args=(list(grid), folder, device, pause, sender))
    process.start()
    sender.close()
    interrupted = False
    try:
        process.join(max(0.0, limit - time.monotonic()))
    except KeyboardInterrupt:
        interrupted = True
        process.join(max(0.0, min(30.0, limit - time.monotonic())))
    if process.is_alive():
        process.kill()
        process.join()
        return "stopped", "it did not pause in time and was ended; what was in hand goes on from its last checkpoint"
    try:
        problem = receiver.recv() if receiver.poll() else ""
    except EOFError:
        problem = ""
    if problem or process.exitcode:
        return "failed", problem or f"its process ended with {process.exitcode}"
    return ("stopped", "interrupted") if interrupted else ("ok", "")


def _sweep(grid: Sequence[RunConfiguration], folder: Path, device: str, pause: float, sender: Connection) -> None:
    """What the process does; an error is sent as one line."""
    try:
        from scaling_lib.environment import single_thread
        from scaling_lib.pages.judging.ledger import rules_hash
        from scaling_lib.runs.sweeping.sweeps import sweep

        single_thread()
        with Store(folder / STORE) as store:
            left = max(pause - time.monotonic(), 1e-9)
            checkpoints = folder / CHECKPOINTS
            sweep(grid, store, device=device, time_budget=left, checkpoints=checkpoints, rules=rules_hash())
    except KeyboardInterrupt:
        return  # its checkpoints are saved
    except ScalingLabError as error:
        sender.send(str(error))
    except Exception as error:
        traceback.print_exc()
        sender.send(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
