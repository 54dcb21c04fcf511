"""A valid call for each public name of models.capacity."""

import numpy as np

from scaling_lib.data.chains import ring
from scaling_lib.models import capacity

COMMON = {"chain": ring(5), "generator": np.random.default_rng(0), "starts": 1, "iterations": 5}

EXAMPLES = [
    (capacity.capacity_floor, COMMON | {"width": 2}),
    (capacity.capacity_floors, COMMON | {"widths": (1, 2), "progress": False}),
]
