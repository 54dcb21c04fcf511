"""What the training process of `tools.gpu` is made to do in tests; found by its name in a process of its own."""

import os
import time

from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.sweeping.sweeps import sweep
from tools.gpu.training import STORE


def hangs(grid, folder, device, pause, sender):
    """Does not hear that its time is over."""
    time.sleep(600)


def breaks(grid, folder, device, pause, sender):
    sender.send("CUDA error: an illegal memory access was encountered")


def dies_after_an_ensemble(grid, folder, device, pause, sender):
    with Store(folder / STORE) as store:
        sweep(grid[:4], store, progress=False)
    os._exit(7)
