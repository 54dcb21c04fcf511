"""A valid call for each public name of fits.allocation.reconciliation."""

import numpy as np

from scaling_lib.fits.allocation import reconciliation
from tests.fits.allocation.planted_frontiers import HOFFMANN, grid

RUNS = grid(HOFFMANN, 4, noise=1e-3)
EMBEDDINGS = {"omega": 47491.0, "power": 1 / 3}

EXAMPLES = [
    (reconciliation.total_parameters, {"nonembedding": 1e6} | EMBEDDINGS),
    (reconciliation.embedding_frontier, {"parameters": HOFFMANN, "nonembedding": np.array([1e6, 1e9])} | EMBEDDINGS),
    (
        reconciliation.local_exponents,
        {"parameters": HOFFMANN, "low": 1e15, "high": 1e20, "budgets": 5} | EMBEDDINGS,
    ),
    (reconciliation.exponents_by_size, {"table": RUNS, "sizes": ("N",), "objective": "ols"}),
]
