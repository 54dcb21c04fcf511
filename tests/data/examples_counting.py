"""A valid call for each public name of data.counting."""

import numpy as np

from scaling_lib.data import chains, counting

RING = chains.ring(5)
COUNTS = np.arange(10)

EXAMPLES = [
    (counting.Expansion, {"first": 1.0, "second": 2.0}),
    (counting.Expansion(1.0, 2.0).at, {"transitions": np.array([10, 20])}),
    (counting.Simulation, {"mean": np.ones(2), "standard_error": np.ones(2)}),
    (counting.transition_counts, {"chain": RING, "walks": np.array([[0, 1, 2], [3, 4, 0]])}),
    (counting.predictions, {"chain": RING, "counts": COUNTS, "counter": "good_turing"}),
    (counting.excess_loss, {"chain": RING, "counts": COUNTS, "counter": "add_half"}),
    (
        counting.expected_excess_loss,
        {"chain": RING, "transitions": np.array([10, 20]), "counter": "support_known"},
    ),
    (counting.expansion, {"chain": RING, "counter": "add_inverse_n"}),
    (
        counting.simulate_excess_loss,
        {
            "chain": RING,
            "transitions": np.array([10, 20]),
            "counter": "good_turing",
            "repeats": 2,
            "length": 5,
            "seed": 0,
            "start": "strength",
            "progress": False,
        },
    ),
]
