"""Two neighbouring results, tested on graphs of 100 nodes whose floor is known exactly, as data like `twins`.

Collapse (Qiu et al., arXiv 2507.02119): the learning curves of several widths w, each divided by its own final excess
loss and drawn against the share x = t / t* of its steps, fall on one, if t* is proportional to w^gamma and the learning
rate is a function of x alone that decays to zero. Here the floor is the entropy rate and not fitted. Weight decay is
left out, because the share of an embedding that it takes over a run is no function of x. gamma is the one at which the
curves of the pilot agree best (`pages.judging.twins.neighbours.pilot_gamma`); it is negative, so that the wide are
trained for fewer steps. In `twins-collapse-opposite` it has the other sign, as the control. A seed has one width.

One third (Liu, Liu, Pehlevan and Gore, arXiv 2602.03685): with softmax and peaked targets the loss falls as
tau^(-1/3), tau the sum of the learning rates of all steps. Rows uniform over ten neighbours are not peaked; the mass
outside of them is, so the leak is what is tested, and graphs of degree 2 are the peaked case. Exact labels and a
constant learning rate after warm-up. The leak along a run comes from branches: runs of shape "wsd" whose decay is their
one last step, at half the rate, so that the runs of several lengths are one run (`runs.training.stems`) of which

    tau = rate x (S - LOST)        LOST = 10: 9.5 steps of the 20 of warm-up, and half of the last.

Seeds from 900 on are the pilots', which are never judged; every seed draws a graph of its own.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from types import MappingProxyType

from scaling_lib.runs.records import Evaluation, Optimizer, Schedule, Source
from scaling_lib.runs.sweeping.catalogue import Entry, doubled
from scaling_lib.runs.sweeping.studies.twins import TWIN, TWIN_RUN

__all__ = ["GAMMA", "LOST", "NEIGHBOURS"]

LOST = 10
_DEGREE_2 = Source(
    "regular",
    (("nodes", 100), ("degree", 2)),
    seed=100,
    fingerprint="f89fe0b6b28d41eb4af89d141c8999e5da9b6d627dabad837bf6ff2eb773a29f",
)
_COLLAPSE = replace(
    TWIN_RUN,
    optimizer=Optimizer(0.5, weight_decay=0.0),
    evaluation=Evaluation(walks=100, curve_points=50, spacing="linear"),
)
# The studies are scored on fewer walks, which cost less: a curve is divided by its own end on the same walks.
_CURVES = replace(_COLLAPSE, evaluation=Evaluation(walks=50, curve_points=50, spacing="linear"))
_THIRD = replace(
    _COLLAPSE,
    schedule=Schedule(30 * 500, batch=10, shape="wsd", decay=1e-4, warmup_steps=20, warmup=0.02),
    evaluation=Evaluation(walks=200, curve_points=1),
    labels="exact",
)
_FOLLOWS = {"source.seed": "seed"}
_WIDTH_AND_STEPS = ("architecture.width", "schedule.steps")
_SEED_WIDTH_AND_STEPS = ("seed", *_WIDTH_AND_STEPS)
_SOURCE_RATE_AND_STEPS = ("source", "optimizer.learning_rate", "schedule.steps")

GAMMA = -0.4
_WIDTHS = (32, 48, 64, 96)


def _growing(gamma: float, seeds: int, widths: tuple[int, ...] = _WIDTHS) -> tuple[tuple[int, int, int], ...]:
    """Seed, width and steps t* = 400 (w / 64)^gamma; seeds from 100 on for the first width, from 200 for the next."""
    steps = {width: round(400 * (width / 64) ** gamma) for width in widths}
    firsts = {width: 100 * (place + 1) for place, width in enumerate(widths)}
    return tuple((firsts[width] + seed, width, steps[width]) for seed in range(seeds) for width in widths)


def _arms(source: Source, rates: tuple[float, ...], counts: tuple[int, ...]) -> tuple[tuple[Source, float, int], ...]:
    """Runs on one kind of graph at these rates, of every S whose tau is the rate times one of these counts."""
    return tuple((source, rate, LOST + count) for rate, count in product(rates, counts))


_PILOT_COUNTS = doubled(50, 6)
# tau from 25, where in the pilot the first fall is over, to 800; at half the rate to 200, and at degree 2 to 400.
# An experiment has branches of one length each for all of its rates, or what they share would not be trained once.
_THIRD_ARMS = _arms(TWIN, (0.125,), doubled(200, 6))
_HALF_ARMS = _arms(TWIN, (0.0625,), doubled(400, 4))
_SEEDS = tuple(range(100, 106))
_PILOT_ARMS = _arms(TWIN, (0.03125, 0.125, 0.5), _PILOT_COUNTS) + _arms(_DEGREE_2, (0.125,), _PILOT_COUNTS)


NEIGHBOURS: Mapping[str, Entry] = MappingProxyType(
    {
        "twins-collapse-pilot": (
            "Pilot, never judged: with which power of the width do the steps have to grow?",
            _COLLAPSE,
            {
                "smoke": {"seed": (900,), _WIDTH_AND_STEPS: ((32, 200), (64, 200))},
                "full": {"seed": (900, 901), _WIDTH_AND_STEPS: tuple(product((32, 48, 64, 96), (200, 800)))},
            },
            _FOLLOWS,
        ),
        "twins-collapse": (
            "Over the width, do learning curves divided by their own final excess loss fall on one?",
            _CURVES,
            {
                "smoke": {_SEED_WIDTH_AND_STEPS: _growing(GAMMA, 1, (32, 64))},
                "colab": {_SEED_WIDTH_AND_STEPS: _growing(GAMMA, 3)},
                "full": {_SEED_WIDTH_AND_STEPS: _growing(GAMMA, 12)},
            },
            _FOLLOWS,
        ),
        "twins-collapse-opposite": (
            "Control of twins-collapse: do the curves part where the steps grow with the width instead?",
            _CURVES,
            {
                "smoke": {_SEED_WIDTH_AND_STEPS: _growing(-GAMMA, 1, (32, 64))},
                "full": {_SEED_WIDTH_AND_STEPS: _growing(-GAMMA, 6)},
            },
            _FOLLOWS,
        ),
        "twins-third-pilot": (
            "Pilot, never judged: at which learning rates, over which tau, does the leak fall?",
            _THIRD,
            {
                "smoke": {"seed": (900,), _SOURCE_RATE_AND_STEPS: _arms(TWIN, (0.125,), (200, 400))},
                "full": {"seed": (900,), _SOURCE_RATE_AND_STEPS: _PILOT_ARMS},
            },
            _FOLLOWS,
        ),
        "twins-third": (
            "With exact labels at a constant learning rate, does the leak fall as tau^(-1/3), whatever the rate?",
            _THIRD,
            {
                "smoke": {"seed": (100,), _SOURCE_RATE_AND_STEPS: _arms(TWIN, (0.125,), (200, 400))},
                "full": {"seed": _SEEDS, _SOURCE_RATE_AND_STEPS: _THIRD_ARMS},
            },
            _FOLLOWS,
        ),
        "twins-third-half": (
            "Half the learning rate of twins-third: is the leak a function of tau?",
            _THIRD,
            {
                "smoke": {"seed": (100,), _SOURCE_RATE_AND_STEPS: _arms(TWIN, (0.0625,), (400,))},
                "full": {"seed": _SEEDS, _SOURCE_RATE_AND_STEPS: _HALF_ARMS},
            },
            _FOLLOWS,
        ),
        "twins-third-degree-2": (
            "The peaked case of twins-third: does the leak fall as tau^(-1/3) where every node has two neighbours?",
            _THIRD,
            {
                "smoke": {"seed": (100,), _SOURCE_RATE_AND_STEPS: _arms(_DEGREE_2, (0.125,), (200, 400))},
                "full": {"seed": _SEEDS, _SOURCE_RATE_AND_STEPS: _arms(_DEGREE_2, (0.125,), doubled(200, 5))},
            },
            _FOLLOWS,
        ),
    }
)
