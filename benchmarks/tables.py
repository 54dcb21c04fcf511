"""Tables as users bring them: a report of 240 points, and a million rows read and fitted; CPU seconds of one process.

    python -m benchmarks.tables [--json] [--rows 1000000]

    report_s        fit, rival laws, profile intervals, 4,000 bootstraps, windows, leave-future-out, plan, page (<= 5)
    read_s          a CSV of `rows` rows, three columns of numbers, by `tables.read_table`
    fit_s           Chinchilla's law, log-huber, to all of its rows
    read_and_fit_s  both (<= 10)

CPU seconds, since a machine that others use has no other clock worth reading.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

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


def measure(rows: int) -> dict[str, float]:
    """CPU seconds of each part, by the names of the module's docstring."""
    report_html(report(grid(5, 5), resamples=20))  # what is imported once
    began = time.process_time()
    report_html(report(grid(15, 16)))
    times = {"report_s": time.process_time() - began}
    generator = np.random.default_rng(1)
    table = planted(*(10 ** generator.uniform(low, high, rows) for low, high in ((7, 10), (9, 11))))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.csv"
        table.to_csv(path, index=False)
        began = time.process_time()
        read = read_table(path)
        times["read_s"] = time.process_time() - began
    began = time.process_time()
    fitted = fit(Chinchilla(), read)
    times["fit_s"] = time.process_time() - began
    times["read_and_fit_s"] = times["read_s"] + times["fit_s"]
    return times | {"rows": rows, "alpha": fitted.params["alpha"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    result = measure(options.rows)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:16} {value:.3g}")


if __name__ == "__main__":
    main()
