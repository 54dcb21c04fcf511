"""Emergence on one kind of graph: how well models of several widths walk on it after several D, as data like `twins`.

Everything but the width and the steps is that of `twins`: graphs of 100 nodes of degree 10, a new one with every seed,
half a visit of every transition a step, muP, the learning rate .5 throughout. The pilot fixed the grid: at width 24 its
two seeds were far apart after 400 steps, at width 64 they agreed, and at width 8 more steps did not help. The weights
are kept (`scaling-lab sweep --keep`), and what the models write is measured in them (`runs.training.generation`).

Costs at 45,000 tokens a second of a core:

    experiment          runs   million tokens   minutes   asks
    emergence-phase      288             54.0        20   over width and D, 12 seeds at each
    emergence-long        24             19.2         7   twice the longest D of that, at four widths, 6 seeds
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from scaling_lib.runs.records import Evaluation
from scaling_lib.runs.sweeping.catalogue import Entry, doubled
from scaling_lib.runs.sweeping.studies.twins import TWIN_RUN

__all__ = ["EMERGENCE", "STEPS", "WIDTHS"]

_TEMPLATE = replace(TWIN_RUN, evaluation=Evaluation(curve_points=1), seed=400)
_FOLLOWS = {"source.seed": "seed"}
WIDTHS = (8, 16, 24, 32, 48, 64)
STEPS = doubled(100, 4)

EMERGENCE: Mapping[str, Entry] = MappingProxyType(
    {
        "emergence-pilot": (
            "Pilot, never judged: at which widths, and after how many steps, does the leak fall?",
            _TEMPLATE,
            {
                "smoke": {"seed": (900,), "schedule.steps": (400,), "architecture.width": (16,)},
                "full": {"seed": (900, 901), "schedule.steps": (400, 1600), "architecture.width": WIDTHS},
            },
            _FOLLOWS,
        ),
        # Seeds outermost: an early end leaves whole phase diagrams.
        "emergence-phase": (
            "Over width and D, how does the probability come about that a model's walk uses only real edges?",
            _TEMPLATE,
            {
                "smoke": {"seed": (400,), "schedule.steps": (100, 200), "architecture.width": (16, 32)},
                "full": {"seed": tuple(range(400, 412)), "schedule.steps": STEPS, "architecture.width": WIDTHS},
            },
            _FOLLOWS,
        ),
        "emergence-long": (
            "Twice the longest D of emergence-phase: do the narrow models get there later?",
            _TEMPLATE,
            {
                "smoke": {"seed": (400,), "schedule.steps": (2 * STEPS[-1],), "architecture.width": (16,)},
                "full": {
                    "seed": tuple(range(400, 406)),
                    "schedule.steps": (2 * STEPS[-1],),
                    "architecture.width": (16, 24, 32, 64),
                },
            },
            _FOLLOWS,
        ),
    }
)
