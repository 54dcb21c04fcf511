"""The controls of the studies of twins that come after the mandatory core, as data like `twins`.

Each is an experiment of its own, cheapest and most telling first, so that a partial sweep already answers something;
seeds are outermost. Costs at 50,000 tokens a second, which one core makes at width 64 on 100 nodes:

    experiment               runs   million tokens   minutes   asks
    twins-visits               12              9.6         3   is it the observations x or the steps S that set F?
    twins-visits-rates         36             28.8        10   the same at the best learning rate
    twins-visits-steps         12             38.4        13   at equal S, what do 16 times the data of a step change?
    twins-visits-200           12             19.2         6   the same on twice the nodes
    twins-visits-200-rates     36             57.6        19
    twins-decay                24             43.2        14   no weight decay
    twins-context              24             43.2        14   walks of 25 instead of 50
    twins-arms-56             576             57.6        19   muP, SP, and the embedding's rate, at x = 56
    twins-arms-222            288            115.2        38   x = 222
    twins-kappa                24             43.2        14   kappa = 1, kmax = 100
    twins-kappa-10             24             43.2        14   kmax = 10
    twins-kappa-1000           24             43.2        14   kmax = 1000
    twins-scale-free-size      96            102.2        34   Barabasi-Albert graphs of 80 to 640 nodes
    twins-scale-free           24             82.1        27   their exponent in D
    twins-kappa-rates          48             86.4        29   kappa = 1, kmax = 100 at the best learning rate
    twins-arms-900            288            460.8       154   x = 889

The minutes of the arms are low: of their widths, 24 to 192, the widest costs several times as much a token as 64 does.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from scaling_lib.models.accounting import Architecture
from scaling_lib.runs.records import RunConfiguration, Schedule, Source
from scaling_lib.runs.sweeping.catalogue import Axes, Entry
from scaling_lib.runs.sweeping.studies.twins import TWIN_RUN

__all__ = ["CONTROLS"]

_ER_200 = Source(
    "erdos_renyi",
    (("nodes", 200), ("edges", 1000)),
    seed=100,
    fingerprint="8b3db8cf4ba8723dfc158de07b53cf67fbf7e07a9aead395b253838f1b715eca",
)
_ER_100_K1 = Source(
    "biased_erdos_renyi",
    (("nodes", 100), ("edges", 500), ("kappa", 1.0), ("kmax", 100.0)),
    seed=100,
    fingerprint="7b5b3ee02225ebf60d0b708c62e7ee433ad0d8479ba9fc22c43dfc286b2128e8",
)
_BA_160 = Source(
    "barabasi_albert",
    (("nodes", 160), ("attachments", 6)),
    seed=100,
    fingerprint="0152bbf80129056a4fb5a5044532147be6d3dc64d85b606fc73c4156da18b2a9",
)
_KAPPA = replace(TWIN_RUN, source=_ER_100_K1)
_SCALE_FREE = replace(TWIN_RUN, source=_BA_160, architecture=Architecture(160, 64), schedule=Schedule(950, batch=19))
# With a readout of its own, so that the embedding's rate is that of the embedding alone.
_ARMS = replace(
    TWIN_RUN,
    source=_ER_200,
    architecture=Architecture(200, 64, tied=False),
    schedule=Schedule(1000, batch=20),
)
_FOLLOWS = {"source.seed": "seed"}

_GRAPH = ("source.parameters.nodes", "source.parameters.edges", "schedule.batch")
_SCALE_FREE_GRAPH = ("source.parameters.nodes", "schedule.batch")
_STEPS_AND_RATE = ("schedule.steps", "optimizer.learning_rate")
_ONE_GRAPH: Axes = MappingProxyType({})
_FIXED = 0.5
# Sixteen times the walks of the 200 nodes of `twins-size`.
_VISITS_200 = ((200, 1000, 320),)
_OTHER_RATES = ((100, 1.0), (100, 2.0), (100, 4.0))
# The ends of the window over which exponents are compared, and their other rates as in `twins-beta-rates`.
_WINDOW = ((800, _FIXED), (6400, _FIXED))
_WINDOW_RATES = ((800, 1.0), (800, 2.0), (6400, 0.125), (6400, 0.25))
# Half a visit of every transition a step, as nearly as whole walks allow.
_SCALE_FREE_SIZES = ((80, 9), (160, 19), (320, 38), (640, 76))

_ARM = ("parametrization.kind", "parametrization.embedding_rate_power")
_ARM_AND_RATE = ("architecture.width", *_ARM, "optimizer.learning_rate")
# Of each arm and width the rate that is best of a run of 100 steps on twins-arms-pilot, and of muP, the same at every
# width, on er-200-untied; between and beyond the pilot's widths 24 and 96 in the powers of two that they suggest. Four
# times the steps halve it, as they do on twins-pilot. The grid has half, once and twice it.
_ARM_BEST: Mapping[tuple[str, float], tuple[float, ...]] = MappingProxyType(
    {
        ("mup", 0.0): (1.0, 1.0, 1.0, 1.0),
        ("sp", 0.0): (2**-5, 2**-6, 2**-7, 2**-8),
        ("sp", 1.0): (2**-5, 2**-6, 2**-6, 2**-7),
        ("mup", -1.0): (0.5, 0.5, 0.5, 0.5),
    }
)
_HALVED = MappingProxyType({100: 1.0, 400: 0.5, 1600: 0.25})
_ARM_WIDTHS = (24, 48, 96, 192)


def _powers(first: int, last: int) -> tuple[float, ...]:
    return tuple(2.0**power for power in range(first, last + 1))


def _seeds(count: int) -> tuple[int, ...]:
    return tuple(range(100, 100 + count))


def _study(pairs: tuple[tuple[int, float], ...], seeds: int = 12, graphs: Axes = _ONE_GRAPH) -> dict[str, Axes]:
    """The axes of both profiles, the seeds outermost. pairs: of S and learning rate. graphs: the axis of the graph."""
    smallest = {key: values[:1] for key, values in graphs.items()}
    return {
        "smoke": {"seed": _seeds(1), **smallest, _STEPS_AND_RATE: pairs[:1]},
        "full": {"seed": _seeds(seeds), **graphs, _STEPS_AND_RATE: pairs},
    }


def _arms(steps: int, seeds: int) -> dict[str, Axes]:
    """Every arm at every width, with its own three learning rates."""
    runs = tuple(
        (width, kind, power, factor * _HALVED[steps] * best)
        for (kind, power), rates in _ARM_BEST.items()
        for width, best in zip(_ARM_WIDTHS, rates, strict=True)
        for factor in (0.5, 1.0, 2.0)
    )
    return {
        "smoke": {"seed": _seeds(1), "schedule.steps": (steps,), _ARM_AND_RATE: runs[:1]},
        "full": {"seed": _seeds(seeds), "schedule.steps": (steps,), _ARM_AND_RATE: runs},
    }


def _batch(template: RunConfiguration, batch: int) -> RunConfiguration:
    per_step = batch * template.architecture.context
    return replace(template, schedule=replace(template.schedule, batch=batch, tokens=per_step))


CONTROLS: Mapping[str, Entry] = MappingProxyType(
    {
        "twins-visits-pilot": (
            "Pilot, never judged: which learning rates bracket the best one at sixteen times the visits a step?",
            TWIN_RUN,
            {
                "smoke": {
                    "seed": (900,),
                    "schedule.batch": (160,),
                    "schedule.steps": (100,),
                    "optimizer.learning_rate": (1.0,),
                },
                "full": {
                    "seed": (900, 901),
                    "schedule.batch": (160,),
                    "schedule.steps": (100,),
                    "optimizer.learning_rate": _powers(-2, 3),
                },
            },
            _FOLLOWS,
        ),
        "twins-arms-pilot": (
            "Pilot, never judged: which learning rates bracket the best one of each parametrization?",
            _ARMS,
            {
                "smoke": {
                    "seed": (900,),
                    ("architecture.width", "schedule.steps"): ((24, 100),),
                    (*_ARM, "optimizer.learning_rate"): (("sp", 0.0, 0.03125),),
                },
                "full": {
                    "seed": (900,),
                    ("architecture.width", "schedule.steps"): ((24, 100), (96, 100)),
                    (*_ARM, "optimizer.learning_rate"): (
                        *(("sp", 0.0, rate) for rate in _powers(-8, -4)),
                        *(("sp", 1.0, rate) for rate in _powers(-9, -5)),
                        *(("mup", -1.0, rate) for rate in _powers(-1, 2)),
                    ),
                },
            },
            _FOLLOWS,
        ),
        "twins-visits": (
            "Sixteen times the data in a step, a sixteenth of the steps: is it observations or steps that set F?",
            _batch(TWIN_RUN, 160),
            _study(((100, _FIXED),)),
            _FOLLOWS,
        ),
        "twins-visits-rates": (
            "The other learning rates of twins-visits: is it observations or steps, at the best rate?",
            _batch(TWIN_RUN, 160),
            _study(_OTHER_RATES),
            _FOLLOWS,
        ),
        "twins-visits-steps": (
            "Sixteen times the data in a step, as many steps: what do more data alone change?",
            _batch(TWIN_RUN, 160),
            _study(((400, _FIXED),)),
            _FOLLOWS,
        ),
        "twins-visits-200": (
            "The same on twice the nodes: is it observations or steps that set F?",
            TWIN_RUN,
            _study(((100, _FIXED),), graphs={_GRAPH: _VISITS_200}),
            _FOLLOWS,
        ),
        "twins-visits-200-rates": (
            "The other learning rates of twins-visits-200: is it observations or steps, at the best rate?",
            TWIN_RUN,
            _study(_OTHER_RATES, graphs={_GRAPH: _VISITS_200}),
            _FOLLOWS,
        ),
        "twins-decay": (
            "Without weight decay, which takes the embedding away as the steps grow: the same exponent in D?",
            replace(TWIN_RUN, optimizer=replace(TWIN_RUN.optimizer, weight_decay=0.0)),
            _study(_WINDOW),
            _FOLLOWS,
        ),
        "twins-context": (
            "Twice as many walks, half as long: the same excess loss and exponent in D?",
            _batch(replace(TWIN_RUN, architecture=replace(TWIN_RUN.architecture, context=25)), 20),
            _study(_WINDOW),
            _FOLLOWS,
        ),
        "twins-arms-56": (
            "Is it its embedding's rate that makes muP better than SP? At 56 observations of a transition.",
            _ARMS,
            _arms(100, seeds=12),
            _FOLLOWS,
        ),
        "twins-arms-222": (
            "Is it its embedding's rate that makes muP better than SP? At 222 observations of a transition.",
            _ARMS,
            _arms(400, seeds=6),
            _FOLLOWS,
        ),
        "twins-kappa": (
            "Figure 4 on a twin, transitions biased with kappa = 1 on [1, 100]: the same exponent in D?",
            _KAPPA,
            _study(_WINDOW),
            _FOLLOWS,
        ),
        "twins-kappa-10": (
            "Figure 4 on a twin, transitions biased with kappa = 1 on [1, 10]: the same exponent in D?",
            _KAPPA,
            _study(_WINDOW, graphs={"source.parameters.kmax": (10.0,)}),
            _FOLLOWS,
        ),
        "twins-kappa-1000": (
            "Figure 4 on a twin, transitions biased with kappa = 1 on [1, 1000]: the same exponent in D?",
            _KAPPA,
            _study(_WINDOW, graphs={"source.parameters.kmax": (1000.0,)}),
            _FOLLOWS,
        ),
        "twins-scale-free-size": (
            "Does the excess loss on scale-free graphs depend on the number of nodes, though hubs grow with it?",
            _SCALE_FREE,
            _study(((400, _FIXED), (800, _FIXED)), graphs={_SCALE_FREE_GRAPH: _SCALE_FREE_SIZES}),
            _FOLLOWS,
        ),
        "twins-scale-free": (
            "Figure 21 on a twin, a scale-free graph of 160 nodes: the same exponent in D?",
            _SCALE_FREE,
            _study(_WINDOW),
            _FOLLOWS,
        ),
        "twins-kappa-rates": (
            "The other learning rates of twins-kappa: the same exponent in D at the best rate?",
            _KAPPA,
            _study(_WINDOW_RATES),
            _FOLLOWS,
        ),
        "twins-arms-900": (
            "Is it its embedding's rate that makes muP better than SP? At 889 observations of a transition.",
            _ARMS,
            _arms(1600, seeds=6),
            _FOLLOWS,
        ),
    }
)
"""The controls of the studies of twins, judged by rules that were written before their runs."""
