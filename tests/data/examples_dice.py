"""A valid call for each public name of data.dice."""

import numpy as np

from scaling_lib.data import dice

FACES = np.array([0.5, 0.3, 0.2])

EXAMPLES = [
    (dice.expected_excess_loss, {"probabilities": FACES, "rolls": 100}),
    (dice.second_order, {"probabilities": FACES}),
]
