"""The studies of twins: small graphs at the visits, steps and degree of larger ones, as data like `catalogue`.

A graph of n nodes and E edges, at B walks of T tokens a step for S steps, visits each of its 2E transitions
r = B T / 2E times a step. Its *twin* is a graph of other n with the same mean degree 2E / n, the same r and the same
S. The studies ask whether the excess loss of twins agrees, and what exponents they have where the paper's graphs would
cost a GPU. Every seed draws a graph of its own; seeds from 100 on are the studies', seeds from 900 on the pilot's,
which is never judged. `pages.judging.sources` holds the rules, written before the runs.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from types import MappingProxyType

from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.records import Optimizer, RunConfiguration, Schedule, Source
from scaling_lib.runs.sweeping.catalogue import Axes, Entry, doubled

__all__ = ["TWIN", "TWINS", "TWIN_RUN"]

# The twin of the paper's smallest graph: the template of this study, and of those that compare with it.
TWIN = Source(
    "erdos_renyi",
    (("nodes", 100), ("edges", 500)),
    seed=100,
    fingerprint="4b0e1aefa6f429c1b119e8d2f19365266a97d783b78ae6d4cb27e3df9cf44fdf",
)
TWIN_RUN = RunConfiguration(
    TWIN, Architecture(100, 64), Parametrization(), Optimizer(0.5), Schedule(500, batch=10), seed=100
)
_CORNER = replace(
    TWIN_RUN,
    source=Source(
        "erdos_renyi",
        (("nodes", 1000), ("edges", 5000)),
        seed=100,
        fingerprint="f5dc6843caf7b9a64971606c77533716a757fc707dd620ce56b41ab5f6ca9988",
    ),
    architecture=Architecture(1000, 128),
    schedule=Schedule(5000, batch=100),
)
_FOLLOWS = {"source.seed": "seed"}

# Degree 10 and r = 1/2, as the paper's ER 1K/5K at its batch of 100 walks of 50.
_GRAPH = ("source.parameters.nodes", "source.parameters.edges", "schedule.batch")
_SIZES = ((50, 250, 5), (100, 500, 10), (200, 1000, 20), (400, 2000, 40))
_DEGREES = ((100, 250, 5), (100, 1000, 20))
# The first twelve seeds whose graph of degree 5 has no isolated node.
_CONNECTED = (*range(100, 109), 110, 111, 112)
_PAPER = ((1000, 5000, 100),)
# Of every S half, once and twice the rate that was best on the pilot (`pages.judging.twins.registered.pilot_rates`).
# One of the three is the fixed rate of the first estimand; it is an experiment of its own, which can be judged before
# the other two are trained.
_STEPS_AND_RATE = ("schedule.steps", "optimizer.learning_rate")
_BEST = {400: 1.0, 800: 1.0, 1600: 0.5, 3200: 0.25, 6400: 0.25}
_FIXED = 0.5


def _seeds(count: int, first: int = 100) -> tuple[int, ...]:
    return tuple(range(first, first + count))


def _fixed(steps: tuple[int, ...]) -> tuple[tuple[int, float], ...]:
    """Each S with the fixed rate."""
    return tuple((count, _FIXED) for count in steps)


def _others(steps: tuple[int, ...]) -> tuple[tuple[int, float], ...]:
    """Each S with the two other rates of its three."""
    rates = ((count, factor * _BEST[count]) for count in steps for factor in (0.5, 1.0, 2.0))
    return tuple((count, rate) for count, rate in rates if rate != _FIXED)


def _axes(
    graphs: tuple[tuple[int, int, int], ...], pairs: tuple[tuple[int, float], ...], seeds: int, first: int = 100
) -> Axes:
    """The seeds outermost, so that early results already compare all graphs and all S. pairs: of S and rate."""
    return {"seed": _seeds(seeds, first), _GRAPH: graphs, _STEPS_AND_RATE: pairs}


TWINS: Mapping[str, Entry] = MappingProxyType(
    {
        "twins-pilot": (
            "Pilot, never judged: which learning rates bracket the best one as the steps grow?",
            TWIN_RUN,
            {
                "smoke": {"seed": (900,), "schedule.steps": (400,), "optimizer.learning_rate": (0.5,)},
                "full": {
                    "seed": (900, 901),
                    "schedule.steps": doubled(400, 5),
                    "optimizer.learning_rate": (0.0625, 0.125, 0.25, 0.5, 1.0),
                },
            },
            _FOLLOWS,
        ),
        "twins-size": (
            "At equal degree, visits and steps, does the excess loss depend on the number of nodes?",
            TWIN_RUN,
            {
                "smoke": _axes(_SIZES[:3], _fixed((400,)), seeds=1),
                "colab": _axes(_SIZES, _fixed(doubled(400, 2)), seeds=2),
                "full": _axes(_SIZES, _fixed(doubled(400, 3)), seeds=6),
            },
            _FOLLOWS,
        ),
        "twins-size-rates": (
            "The other learning rates of twins-size: at the best rate, does the excess loss depend on the nodes?",
            TWIN_RUN,
            {
                "smoke": _axes(_SIZES[:2], _others((400,)), seeds=1),
                "colab": _axes(_SIZES, _others(doubled(400, 2)), seeds=2),
                "full": _axes(_SIZES, _others(doubled(400, 3)), seeds=6),
            },
            _FOLLOWS,
        ),
        "twins-beta": (
            "On the twin of the paper's smallest graph, over the steps of Figure 5, what is the exponent in D?",
            TWIN_RUN,
            {
                "smoke": _axes(_SIZES[1:2], _fixed((200, 400)), seeds=1),
                "colab": _axes(_SIZES[1:2], _fixed(doubled(400, 4)), seeds=2),
                "full": _axes(_SIZES[1:2], _fixed(doubled(400, 5)), seeds=12),
            },
            _FOLLOWS,
        ),
        "twins-beta-rates": (
            "The other learning rates of twins-beta: at the best rate, what is the exponent in D?",
            TWIN_RUN,
            {
                "smoke": _axes(_SIZES[1:2], _others((400,)), seeds=1),
                "colab": _axes(_SIZES[1:2], _others(doubled(400, 3)), seeds=2),
                "full": _axes(_SIZES[1:2], _others(doubled(400, 5)), seeds=12),
            },
            _FOLLOWS,
        ),
        "twins-beta-short": (
            "More seeds of the short runs of twins-beta, where seeds scatter most.",
            TWIN_RUN,
            {
                "smoke": _axes(_SIZES[1:2], _fixed((400,)), seeds=1, first=112),
                "full": _axes(_SIZES[1:2], _fixed(doubled(400, 2)) + _others(doubled(400, 2)), seeds=24, first=112),
            },
            _FOLLOWS,
        ),
        "twins-labels": (
            "With the exact law as the target of every token, what is left of the exponent in D?",
            replace(TWIN_RUN, labels="exact"),
            {
                "smoke": _axes(_SIZES[1:2], _fixed((200, 400)), seeds=1),
                "colab": _axes(_SIZES[1:2], _fixed(doubled(400, 2)), seeds=2),
                "full": _axes(_SIZES[1:2], _fixed(doubled(400, 4)), seeds=12),
            },
            _FOLLOWS,
        ),
        "twins-degree": (
            "At equal visits and steps, does the excess loss over that of counting depend on the degree?",
            TWIN_RUN,
            {
                "smoke": _axes(_DEGREES[:1], _fixed((400,)), seeds=1),
                "colab": _axes(_DEGREES, _fixed(doubled(400, 2)), seeds=2),
                "full": {**_axes(_DEGREES, _fixed(doubled(400, 3)), seeds=12), "seed": _CONNECTED},
            },
            _FOLLOWS,
        ),
        "twins-corner": (
            "The cheap corner of Figure 5 on the paper's own graph and batch: does it have its twin's excess loss?",
            _CORNER,
            {
                "smoke": _axes(_PAPER, _fixed((400,)), seeds=1),
                "colab": _axes(_PAPER, _fixed(doubled(400, 2)), seeds=1),
                "full": _axes(_PAPER, _fixed(doubled(400, 4)), seeds=3),
            },
            _FOLLOWS,
        ),
        "twins-corner-rates": (
            "The cheap corner of Figure 5 at smaller learning rates, the largest of the paper's own grid among them.",
            _CORNER,
            {
                "smoke": _axes(_PAPER, ((400, 0.25),), seeds=1),
                "colab": _axes(_PAPER, tuple(product(doubled(400, 2), (0.1, 0.25))), seeds=1),
                "full": _axes(_PAPER, tuple(product(doubled(400, 4), (0.1, 0.25))), seeds=3),
            },
            _FOLLOWS,
        ),
    }
)
