"""A valid call for each public name of runs.training.stacking."""

from scaling_lib.runs.training import stacking
from tests.runs.tiny import configuration

EXAMPLES = [
    (stacking.members_on_a_cpu, {"configuration": configuration()}),
    (stacking.groups_on_a_cpu, {"ensemble": [configuration(seed=seed) for seed in range(3)]}),
]
