"""A sweep that kills itself: `python -m tests.runs.storm STORE FOLDER WHERE COUNT`.

WHERE: "commit" or "checkpoint", in whose middle the process ends with SIGKILL at the COUNT-th time; "time", after COUNT
milliseconds of training; "never".
"""

import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from scaling_lib.environment import single_thread
from scaling_lib.runs.keeping.checkpoints import Checkpoint
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.sweeping.sweeps import sweep
from tests.runs import dying
from tests.runs.tiny import TINY

STORM = replace(TINY, name="storm", axes={"smoke": TINY.axes["smoke"] | {"schedule.tokens": (2000, 4000)}})
RUNS = STORM.configurations("smoke")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(where: str, count: int) -> None:
    """Have the process die in the middle of what `where` names."""
    calls = [0]

    def reached() -> bool:
        calls[0] += 1
        return calls[0] == count

    if where == "time":
        threading.Thread(target=lambda: (time.sleep(count / 1000), die()), daemon=True).start()
    elif where == "checkpoint":
        replace = os.replace

        def dying_replace(source, target):
            if str(target).endswith(".safetensors") and reached():
                with open(source, "rb+") as file:  # torn in the middle, not yet renamed
                    file.truncate(os.path.getsize(source) // 2)
                die()
            replace(source, target)

        os.replace = dying_replace
    elif where == "commit":
        add = Store.add

        def dying_add(self, records):
            if not reached():
                return add(self, records)

            class Dying(dying.Connection):
                """The connection, which dies when the rows are written and the transaction is still open."""

                def executemany(self, *arguments):
                    self.real.executemany(*arguments)
                    die()

            self._connection = Dying(self._connection)
            return add(self, records)

        Store.add = dying_add


def attempt(path: Path, folder: Path, where: str, count: int) -> None:
    """One attempt at the sweep, with a checkpoint at every step."""
    begin = Checkpoint.__init__

    def at_every_step(self, at, identities, every=0.0):
        begin(self, at, identities, 0.0)

    single_thread()  # with more, sums come out otherwise
    with patch.object(Checkpoint, "__init__", at_every_step), Store(path) as store:
        arm(where, count)
        sweep(RUNS, store, checkpoints=folder, progress=False)


if __name__ == "__main__":
    attempt(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
