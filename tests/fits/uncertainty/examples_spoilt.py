"""A valid call for each public name of fits.uncertainty.spoilt."""

import numpy as np

from scaling_lib.fits.laws import PowerLaw
from scaling_lib.fits.uncertainty import spoilt
from tests.records import fields_of

CALL = {
    "law": PowerLaw(),
    "truth": {"E": 1.8, "B": 20.0, "beta": 0.35},
    "columns": {"D": np.geomspace(1e5, 1e7, 12)},
    "knob": "runs",
    "values": [8, 12],
    "generator": np.random.default_rng(0),
    "decimals": 5,
    "noise": 0.001,
    "objective": "log-ols",
}

EXAMPLES = [
    (spoilt.spoilt_fits, CALL),
    (spoilt.Spoilt, fields_of(spoilt.spoilt_fits(**CALL))),
]
