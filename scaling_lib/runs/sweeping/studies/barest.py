"""The least that still shows a law, and what a law costs, as data like `twins`.

**The barest graph.** Eleven kinds of walk, from a biased coin to a complete graph. Each is trained for six lengths at
width 32, and for one length at three widths more. Everything else is equal: two layers, muP, walks of 50 tokens, four
walks a step, the learning rate .5. The lengths of a seed are branches of one stable run (`runs.training.stems`): ten
steps of warm-up, the peak, and a decay over the last fifth of the steps. Where a graph is random every seed draws a new
one; of a path nothing is drawn, and a seed then stands for the weights and the walks.

**The cost of a law.** The lengths of the cosine runs of `twins-beta`, as branches of one stable run for each seed: the
same graphs, walks and first weights, and a decay over the last fifth. That arm trains

    400 + (800 - 320) + (1600 - 640) + (3200 - 1280) = 3,760 steps a seed in place of 6,000.

Seeds from 400 on are those of the barest graphs, from 100 on those of `twins-beta`, and from 900 on those of a pilot
that was never recorded, which measured the speed and the scatter of three seeds. Costs at the tokens a second that one
core makes, of the steps that are computed:

    experiment       runs   million tokens   minutes   asks
    barest            396             50.4        12   the law in D
    cost-branches      48             22.6         9   the same exponent as that of one cosine run for every D
    barest-widths     198             15.8         4   the law in the width
    barest-more       288             36.7         9   the law in D once more, of a path and a ring

`barest-more` was added after the runs of `barest` were seen. Six seeds had left path and ring open, with a scatter of
.15 in a seed's logarithm: it has 24 new seeds, from 406 on, and the same rule on these alone.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.records import Evaluation, Optimizer, RunConfiguration, Schedule, Source
from scaling_lib.runs.sweeping.catalogue import Entry, doubled
from scaling_lib.runs.sweeping.studies.twins import TWIN

__all__ = ["BAREST", "BRANCH_LENGTHS", "GRAPHS", "LENGTHS", "SPEEDS", "WIDTHS", "WIDTH_STEPS"]

# The kinds of graph by the name of their arm; those with the fewest free probabilities first.
GRAPHS: Mapping[str, Source] = MappingProxyType(
    {
        "coin": Source(
            "coin",
            (("heads", 0.25),),
            seed=400,
            fingerprint="b1a5028b925b50a51a266f1942915678fc54f214a5d9755c86af37499a182573",
        ),
        "cycle": Source(
            "cycle",
            (("nodes", 100),),
            seed=400,
            fingerprint="69916fcefd750101ea6775b2b98840febad4e9ca270ca289607d4cda6e639810",
        ),
        "path": Source(
            "path",
            (("nodes", 100),),
            seed=400,
            fingerprint="45978a96d7961947bcf03680cb15de2c6fc96efed915b5119ef53417a7d6c847",
        ),
        "ring": Source(
            "ring",
            (("nodes", 100),),
            seed=400,
            fingerprint="74ac523423e8d892bd0cfd7f3ff077ca48c844577b3da574d4160f357704f9af",
        ),
        "star": Source(
            "star",
            (("nodes", 100),),
            seed=400,
            fingerprint="4697ec943cfb265747e56dc3cb38fbfc9f091798d5c3e275eacc0690d523faa4",
        ),
        "tree": Source(
            "tree",
            (("branching", 2), ("depth", 5)),
            seed=400,
            fingerprint="e4fc84c4cd2f04f54dfac66b818a1eb80d6e883e8219cf209ef6a4407418e9d7",
        ),
        "die": Source(
            "die",
            (("faces", 100), ("kmax", 100.0)),
            seed=400,
            fingerprint="6826a1bc1848957d9a00ee46d0fdb8cfc07e1b8fe5bca3fe0961f3b9ff807de0",
        ),
        "regular-4": Source(
            "regular",
            (("degree", 4), ("nodes", 100)),
            seed=400,
            fingerprint="44f9c88c35b82312a966f372fc3e39c9ee558ff51a3f7b00b92ae64666615e97",
        ),
        "regular-16": Source(
            "regular",
            (("degree", 16), ("nodes", 100)),
            seed=400,
            fingerprint="a7661c7835e52e593a2ad3c0b9d74c1bf6a412c5e9c737760d4cdb259afaaa25",
        ),
        "regular-64": Source(
            "regular",
            (("degree", 64), ("nodes", 100)),
            seed=400,
            fingerprint="7fef2746abda8a17eaede8f31f7ba2b38603110952bf46bdfa4fd71ec671b181",
        ),
        "complete": Source(
            "complete",
            (("nodes", 100),),
            seed=400,
            fingerprint="8de3a048aa58575a282e315fb6ce90a6b7d37f192c0c5d3ac7fbdad556939b2e",
        ),
    }
)
# In the pilot a ring had left its first steep fall behind at 100 steps.
LENGTHS = doubled(100, 6)
# The width 32 is that of the runs over D.
WIDTHS = (8, 16, 32, 64)
WIDTH_STEPS = 400
BRANCH_LENGTHS = doubled(400, 4)
# Tokens a second on one core, by the width of the model: measured in the pilot, in stacks as a sweep makes them.
SPEEDS: Mapping[int, int] = MappingProxyType({8: 110_000, 16: 92_000, 32: 69_000, 64: 40_000})

_BAREST = RunConfiguration(
    GRAPHS["ring"],
    Architecture(100, 32),
    Parametrization(),
    Optimizer(0.5),
    Schedule(200, batch=4, shape="wsd", warmup_steps=10),
    Evaluation(curve_points=1),
    seed=400,
)
_BRANCHES = replace(
    _BAREST,
    source=TWIN,
    architecture=Architecture(100, 64),
    schedule=Schedule(500, batch=10, shape="wsd", warmup_steps=16),
    seed=100,
)
_FOLLOWS = {"source.seed": "seed"}
_SEEDS = tuple(range(400, 406))
_QUICK = (GRAPHS["ring"],)
_OPEN = (GRAPHS["path"], GRAPHS["ring"])

BAREST: Mapping[str, Entry] = MappingProxyType(
    {
        "barest": (
            "Which of the barest graphs show a power law in D?",
            _BAREST,
            {
                "smoke": {"source": _QUICK, "seed": (400,), "schedule.steps": LENGTHS[:2]},
                "full": {"source": tuple(GRAPHS.values()), "seed": _SEEDS, "schedule.steps": LENGTHS},
            },
            _FOLLOWS,
        ),
        "barest-widths": (
            "Which of the barest graphs show a power law in the width?",
            _BAREST,
            {
                "smoke": {
                    "source": _QUICK,
                    "architecture.width": WIDTHS[:1],
                    "seed": (400,),
                    "schedule.steps": (WIDTH_STEPS,),
                },
                "full": {
                    "source": tuple(GRAPHS.values()),
                    "architecture.width": tuple(width for width in WIDTHS if width != 32),
                    "seed": _SEEDS,
                    "schedule.steps": (WIDTH_STEPS,),
                },
            },
            _FOLLOWS,
        ),
        "barest-more": (
            "With 24 new seeds: do a path and a ring, the barest graphs that barest left open, show a law in D?",
            _BAREST,
            {
                "smoke": {"source": _QUICK, "seed": (406,), "schedule.steps": LENGTHS[:1]},
                "full": {"source": _OPEN, "seed": tuple(range(406, 430)), "schedule.steps": LENGTHS},
            },
            _FOLLOWS,
        ),
        "cost-branches": (
            "Do branches of one stable run have the exponent in D of one cosine run for every D?",
            _BRANCHES,
            {
                "smoke": {"seed": (100,), "schedule.steps": BRANCH_LENGTHS[:1]},
                "full": {"seed": tuple(range(100, 112)), "schedule.steps": BRANCH_LENGTHS},
            },
            _FOLLOWS,
        ),
    }
)
