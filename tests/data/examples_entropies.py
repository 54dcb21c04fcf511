"""A valid call for each public name of data.entropies."""

import numpy as np

from scaling_lib.data import entropies

EXAMPLES = [
    (entropies.estimate_entropy, {"counts": np.array([3, 2, 1, 1]), "estimator": "chao_wang_jost"}),
    (entropies.estimate_entropy_rate, {"walks": np.array([[0, 1, 2], [2, 1, 0]]), "estimator": "plug_in"}),
]
