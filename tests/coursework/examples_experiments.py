"""A valid call for each public name of the small experiments."""

from scaling_lib.coursework import experiments
from tests.records import fields_of

SMALL = experiments.small_experiment("too-narrow")

EXAMPLES = [
    (experiments.SmallExperiment, fields_of(SMALL)),
    (experiments.small_experiment, {"key": "too-narrow"}),
    (experiments.recorded, {"name": "store", "configurations": SMALL.configurations[:2]}),
    (experiments.tried, {"key": "too-narrow", "train": experiments.recorded}),
]
