"""Tables as users bring them: a report of 240 points, and a million rows read and fitted, in one process.

    python -m benchmarks.tables [--json] [--rows 1000000] [--rounds 3]

    report_s        fit, rival laws, profile intervals, 4,000 bootstraps, windows, leave-future-out, plan, page (<= 5)
    read_s          a CSV of `rows` rows, three columns of numbers, by `tables.read_table`
    fit_s           Chinchilla's law, log-huber, to all of its rows
    read_and_fit_s  both (<= 10)
    ratio_pandas    CPU of read_table over that of pandas.read_csv on the same file, which neither finds separators nor
                    doubts an entry; interleaved, over the rounds: median, least, greatest

CPU seconds, by which the bars are judged, since a machine that others use has no other clock worth reading; the time on
the wall stands beside them (*_wall_s).
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla
from scaling_lib.fits.tables import read_table
from scaling_lib.pages.reporting.page import report_html
from scaling_lib.pages.reporting.report import report

TRUTH = {"E": 1.7, "A": 400.0, "B": 400.0, "alpha": 0.33, "beta": 0.3}
NOISE = 0.004


def planted(N: np.ndarray, D: np.ndarray) -> pd.DataFrame:
    """N, D and the loss of a known law with 0.4 % of noise."""
    noise = np.exp(NOISE * np.random.default_rng(0).standard_normal(len(N)))
    return pd.DataFrame({"N": N, "D": D, "loss": Chinchilla().loss(TRUTH, N=N, D=D) * noise})


def grid(sizes: int, tokens: int) -> pd.DataFrame:
    """A square grid of runs."""
    axes = np.meshgrid(np.geomspace(1e7, 1e10, sizes), np.geomspace(1e9, 1e11, tokens))
    return planted(*(axis.ravel() for axis in axes))


class Clock:
    """CPU and wall seconds of named parts."""

    def __init__(self) -> None:
        self.times: dict[str, float] = {}

    def timed(self, name: str, call: Callable[[], Any]) -> Any:
        """What `call` returns; its seconds are kept under `name`."""
        wall, cpu = time.perf_counter(), time.process_time()
        result = call()
        self.times |= {f"{name}_s": time.process_time() - cpu, f"{name}_wall_s": time.perf_counter() - wall}
        return result


def measure(rows: int, rounds: int) -> dict[str, Any]:
    """Seconds of each part and the ratio, by the names of the module's docstring."""
    report_html(report(grid(5, 5), resamples=20))  # what is imported once
    clock = Clock()
    clock.timed("report", lambda: report_html(report(grid(15, 16))))
    generator = np.random.default_rng(1)
    table = planted(*(10 ** generator.uniform(low, high, rows) for low, high in ((7, 10), (9, 11))))
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.csv"
        table.to_csv(path, index=False)
        for _ in range(rounds):
            read = clock.timed("read", lambda: read_table(path))
            clock.timed("pandas", lambda: pd.read_csv(path))
            ratios.append(clock.times["read_s"] / clock.times["pandas_s"])
    fitted = clock.timed("fit", lambda: fit(Chinchilla(), read))
    both = clock.times["read_s"] + clock.times["fit_s"]
    spread = {"median": statistics.median(ratios), "least": min(ratios), "greatest": max(ratios)}
    return clock.times | {
        "read_and_fit_s": both, "ratio_pandas": spread, "rows": rows, "alpha": fitted.params["alpha"],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    result = measure(options.rows, options.rounds)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        values = value if isinstance(value, dict) else {"": value}
        print(f"{name:16}", ", ".join(f"{key} {number:.3g}".strip() for key, number in values.items()))


if __name__ == "__main__":
    main()
