"""A valid call for each public name of pages.drawing.ranks."""

import numpy as np

from scaling_lib.data.text.bigrams import BrokenPowerLaw, count_spectrum
from scaling_lib.pages.drawing import ranks

RANK = np.arange(1.0, 1001.0)
LAWS = {"power": RANK**-1.0 / (RANK**-1.0).sum(), "exponential": 0.5 ** RANK[:30] / (0.5 ** RANK[:30]).sum()}
BROKEN = {"power": BrokenPowerLaw(0.13, 1.0, 1.0, 30.0, 0.0)}
SPECTRA = {"zipf": count_spectrum(np.random.default_rng(0).zipf(1.3, 9000) % 500, 500)}

EXAMPLES = [
    (ranks.rank_table, {"laws": LAWS}),
    (ranks.draw_ranks, {"laws": LAWS, "broken": BROKEN}),
    (ranks.draw_spectrum, {"spectra": SPECTRA}),
]
