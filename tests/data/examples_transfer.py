"""A valid call for each public name of data.transfer."""

import numpy as np

from scaling_lib.data import transfer
from scaling_lib.data.chains import ring

ROWS = np.full((4, 4), 0.25)

EXAMPLES = [
    (transfer.walk_probabilities, {"rows": ROWS, "chain": ring(4), "lengths": (1, 2)}),
    (transfer.walk_decay, {"rows": ROWS, "chain": ring(4)}),
    (transfer.node_leaks, {"rows": ROWS, "chain": ring(4)}),
]
