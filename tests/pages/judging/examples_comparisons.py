"""A valid call for each public name of pages.judging.comparisons."""

from scaling_lib.pages.judging import comparisons
from scaling_lib.pages.judging.measured import Measured
from tests.runs.keeping.planted_grids import over_sizes

FIRST, SECOND = over_sizes(0.7, scatter=0.01), over_sizes(0.4, scatter=0.01)
MEASURED = Measured(0.3, 0.1, 0.5)

EXAMPLES = [
    (comparisons.exponent_in_parameters, {"best": FIRST, "count": "N"}),
    (comparisons.exponent_difference, {"first": FIRST, "second": SECOND}),
    (comparisons.sign, {"difference": MEASURED}),
    (comparisons.has_no_end, {"value": MEASURED}),
    (comparisons.Bend, {"p": 0.2, "verdict": "compatible"}),
    (comparisons.one_power_law, {"replicates": over_sizes(0.7, seeds=2, scatter=0.1), "variable": "N"}),
]
