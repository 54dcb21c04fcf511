"""Does the law move with the block? One thing of the decoder changed at a time, on the twin of the paper's smallest
graph, as data like `twins`.

Every arm draws the same graphs and walks from a seed (and, where all its tensors have the default's shapes, the same
first weights), and is compared with the default seed by seed; seeds are of this study alone. Everything else is that of
`twins`: graphs of 100 nodes of degree 10, half a visit of every transition a step, muP, width 64, the learning rate .5
throughout, but in the pilot and in `blocks-depth`. Depths other than the default's have CompleteP, which at its base
depth is the default. Of the experts, the arm "experts" has the default's active parameters but for its router;
"two-experts" is given so many steps that C = 6 N D, with its active N, is that of 800 steps of the default.

`blocks-depth` came later: depths 1, 2, 4 and 8, each at several learning rates, with three seeds of its own.

Costs at 45,000 tokens a second for the default, which one core makes, and the step of an arm over the default's as it
was measured (in `STEP_TIMES`):

    experiment          runs   million tokens   minutes   asks
    blocks-short          48             19.2         8   the excess loss after 800 steps, every arm
    blocks-flops           6              1.5         1   top-2 of four experts at the default's FLOPs
    blocks-long           30             48.0        18   after 3,200 steps, and so the exponent, of the cheap arms
    blocks-long-more      18             28.8        13   of experts, one layer and four
    blocks-depth          39             15.6         9   after 800 steps, the best learning rate of 1, 2, 4, 8 layers
    blocks-router         24              9.6         5   what the router of four experts knows of communities

`blocks-router` is the youngest: the arm "experts" on graphs of four communities (nine of ten edges within them), with
the load-balancing loss and without, and on the graphs of the twin, whose nodes are given labels of the same sizes that
mean nothing; six seeds of its own. Its weights are kept, and the router is measured in them (`runs.training.routing`).
Its pilot was stopped after the two arms on communities.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from scaling_lib.runs.records import Evaluation, Source
from scaling_lib.runs.sweeping.catalogue import Axes, Entry
from scaling_lib.runs.sweeping.studies.twins import TWIN, TWIN_RUN

__all__ = [
    "ARMS",
    "ARM_FIELDS",
    "BLOCKS",
    "DEPTH_RATES",
    "DEPTH_SEEDS",
    "DEPTH_STEP_TIMES",
    "FLOPS_STEPS",
    "LONG",
    "ROUTER_ARMS",
    "ROUTER_SEEDS",
    "SHORT",
    "STEP_TIMES",
]

_TEMPLATE = replace(TWIN_RUN, evaluation=Evaluation(curve_points=1), seed=300)
_FOLLOWS = {"source.seed": "seed"}

ARM_FIELDS = (
    "architecture.norm",
    "architecture.mlp",
    "architecture.key_value_heads",
    "architecture.positions",
    "architecture.experts",
    "architecture.depth",
    "parametrization.base_depth",
)
_DEPTH = 2
_DEFAULT = ("layernorm", "gelu", None, "rotary", 1, _DEPTH, None)


def _changed(**fields: object) -> tuple[object, ...]:
    names = [name.rpartition(".")[2] for name in ARM_FIELDS]
    return tuple(fields.get(name, value) for name, value in zip(names, _DEFAULT, strict=True))


# The values of ARM_FIELDS by the name of an arm; the cheap ones first.
ARMS: Mapping[str, tuple[object, ...]] = MappingProxyType(
    {
        "default": _DEFAULT,
        "rmsnorm": _changed(norm="rmsnorm"),
        "swiglu": _changed(mlp="swiglu"),
        "multi-query": _changed(key_value_heads=1),
        "no-positions": _changed(positions="none"),
        "experts": _changed(experts=4),
        "depth-1": _changed(depth=1, base_depth=2),
        "depth-4": _changed(depth=4, base_depth=2),
    }
)
_CHEAP = tuple(ARMS)[:5]
_SPARSE = replace(_TEMPLATE.architecture, experts=4, active_experts=2)
SHORT, LONG = 800, 3200
# So many steps of two active experts have the FLOPs of SHORT of the default.
FLOPS_STEPS = round(SHORT * _TEMPLATE.architecture.active_parameters / _SPARSE.active_parameters)
# Of a training step, over the default's, by `benchmarks/blocks.py` to the nearest twentieth.
STEP_TIMES: Mapping[str, float] = MappingProxyType(
    {"default": 1.0, "rmsnorm": 1.1, "swiglu": 1.0, "multi-query": 0.95, "no-positions": 0.95}
    | {"experts": 1.4, "depth-1": 0.55, "depth-4": 1.75, "two-experts": 1.75}
)
# Learning rates of `blocks-depth` by depth: a factor of two apart, around the best ones of `blocks-pilot`, to which its
# seed at the rate 2 was added for two layers and for four: both were worse there than at 1.
DEPTH_RATES: Mapping[int, tuple[float, ...]] = MappingProxyType(
    {1: (0.25, 0.5, 1.0), 2: (0.25, 0.5, 1.0, 2.0), 4: (0.5, 1.0, 2.0), 8: (0.5, 1.0, 2.0)}
)
DEPTH_SEEDS = (310, 311, 312)
# As STEP_TIMES; that of eight layers is drawn on from two and four.
DEPTH_STEP_TIMES: Mapping[int, float] = MappingProxyType({1: 0.55, 2: 1.0, 4: 1.75, 8: 3.3})

# The twin with communities: as many nodes and edges, and so the same mean degree.
_PLANTED = Source(
    "planted_partition",
    (("communities", 4), ("edges", 500), ("inside", 0.9), ("nodes", 100)),
    seed=320,
    fingerprint="6bc265d745a4fe4a44b9120dc0b8ff5dc91473c9916f3e0f2485066790709bbc",
)
_ROUTED = replace(
    _TEMPLATE, source=_PLANTED, architecture=replace(_TEMPLATE.architecture, experts=4), seed=_PLANTED.seed
)
# The source and the weight of the load-balancing loss, by the name of an arm.
ROUTER_ARMS: Mapping[str, tuple[Source, float]] = MappingProxyType(
    {
        "communities": (_PLANTED, _ROUTED.architecture.balance),
        "communities-unbalanced": (_PLANTED, 0.0),
        "control": (TWIN, _ROUTED.architecture.balance),
        "control-unbalanced": (TWIN, 0.0),
    }
)
ROUTER_SEEDS = tuple(range(320, 326))


def _routed(seeds: tuple[int, ...], arms: int) -> Axes:
    """Seeds outermost: an early end leaves whole comparisons. arms: how many of them."""
    values = tuple(ROUTER_ARMS.values())[:arms]
    return {"seed": seeds, "schedule.steps": (SHORT,), ("source", "architecture.balance"): values}


def _depths(seeds: tuple[int, ...], depths: tuple[int, ...]) -> Axes:
    """Seeds outermost: an early end leaves whole comparisons."""
    values = tuple((*_of_depth(depth), rate) for depth in depths for rate in DEPTH_RATES[depth])
    return {"seed": seeds, "schedule.steps": (SHORT,), (*ARM_FIELDS, "optimizer.learning_rate"): values}


def _of_depth(depth: int) -> tuple[object, ...]:
    """At its base depth CompleteP is the default, whose runs do not name one."""
    return _DEFAULT if depth == _DEPTH else _changed(depth=depth, base_depth=_DEPTH)


def _study(steps: int, arms: tuple[str, ...], quick: int = 1) -> dict[str, Axes]:
    """Six seeds of their own, outermost: an early end leaves whole comparisons. quick: how many arms `smoke` has."""
    values = tuple(ARMS[arm] for arm in arms)
    return {
        "smoke": {"seed": (300,), "schedule.steps": (steps,), ARM_FIELDS: values[:quick]},
        "full": {"seed": tuple(range(300, 306)), "schedule.steps": (steps,), ARM_FIELDS: values},
    }


BLOCKS: Mapping[str, Entry] = MappingProxyType(
    {
        "blocks-pilot": (
            "Pilot, never judged: is the learning rate .5 near the best one of every block?",
            _TEMPLATE,
            {
                "smoke": {"seed": (900,), "schedule.steps": (SHORT,), ARM_FIELDS: (ARMS["default"],)},
                "full": {
                    "seed": (900,),
                    "schedule.steps": (SHORT,),
                    ARM_FIELDS: tuple(ARMS.values()),
                    "optimizer.learning_rate": (0.25, 0.5, 1.0),
                },
            },
            _FOLLOWS,
        ),
        "blocks-short": (
            "After 800 steps, does the excess loss depend on norm, MLP, attention, positions, experts or depth?",
            _TEMPLATE,
            _study(SHORT, tuple(ARMS), quick=2),
            _FOLLOWS,
        ),
        "blocks-flops": (
            "Two of four experts at the FLOPs of 800 steps of the default: the same excess loss?",
            replace(_TEMPLATE, architecture=_SPARSE),
            {
                "smoke": {"seed": (300,), "schedule.steps": (FLOPS_STEPS,)},
                "full": {"seed": tuple(range(300, 306)), "schedule.steps": (FLOPS_STEPS,)},
            },
            _FOLLOWS,
        ),
        "blocks-long": (
            "After four times the steps, and so in its exponent: does the excess loss depend on the block?",
            _TEMPLATE,
            _study(LONG, _CHEAP),
            _FOLLOWS,
        ),
        "blocks-long-more": (
            "The same of a mixture of experts, of one layer and of four with CompleteP.",
            _TEMPLATE,
            _study(LONG, tuple(arm for arm in ARMS if arm not in _CHEAP)),
            _FOLLOWS,
        ),
        "blocks-depth": (
            "With CompleteP, does the best learning rate of two layers serve one, four and eight?",
            _TEMPLATE,
            {"smoke": _depths(DEPTH_SEEDS[:1], (1,)), "full": _depths(DEPTH_SEEDS, tuple(DEPTH_RATES))},
            _FOLLOWS,
        ),
        "blocks-router-pilot": (
            "Pilot, never judged: how far do seeds scatter in what their routers know of communities?",
            _ROUTED,
            {"smoke": _routed((900,), 1), "full": _routed((900, 901), len(ROUTER_ARMS))},
            _FOLLOWS,
        ),
        "blocks-router": (
            "On a graph with communities, what does the router learn, with load balancing and without?",
            _ROUTED,
            {"smoke": _routed(ROUTER_SEEDS[:1], 1), "full": _routed(ROUTER_SEEDS, len(ROUTER_ARMS))},
            _FOLLOWS,
        ),
    }
)
