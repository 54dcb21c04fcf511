"""A valid call for each public name of fits.points.datasets."""


import numpy as np

from scaling_lib.fits.points import datasets
from tests import scratch
from tests.records import fields_of

FOLDER = scratch.folder()
POINTS = datasets.chinchilla_points(cache=FOLDER, download=False)


def from_the_cache(cache, drop, timeout, generator):
    return datasets.chinchilla_points(cache=cache, download=False, drop=drop, timeout=timeout, generator=generator)


def by_path(path):
    return datasets.chinchilla_points(path, cache=FOLDER, download=False)


FIELDS = fields_of(POINTS)

EXAMPLES = [
    (datasets.ChinchillaPoints, FIELDS),
    (datasets.chinchilla_points, {"cache": FOLDER, "download": False}),
    (from_the_cache, {"cache": FOLDER, "drop": 5, "timeout": 1.0, "generator": np.random.default_rng(0)}),
    (by_path, {"path": None}),
]
