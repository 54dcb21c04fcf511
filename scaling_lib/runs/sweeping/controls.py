"""The further controls of the studies of twins, as data like `twins`: their pilots, which are never judged."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.records import Optimizer, RunConfiguration, Schedule, Source
from scaling_lib.runs.sweeping.catalogue import Entry

__all__ = ["CONTROLS"]

_SOURCE = Source(
    "erdos_renyi",
    (("nodes", 100), ("edges", 500)),
    seed=100,
    fingerprint="4b0e1aefa6f429c1b119e8d2f19365266a97d783b78ae6d4cb27e3df9cf44fdf",
)
_TEMPLATE = RunConfiguration(
    _SOURCE, Architecture(100, 64), Parametrization(), Optimizer(0.5), Schedule(500, batch=10), seed=100
)
_FOLLOWS = {"source.seed": "seed"}
_GRAPH = ("source.parameters.nodes", "source.parameters.edges", "schedule.batch")
_UNTIED = replace(
    _TEMPLATE,
    architecture=Architecture(200, 64, tied=False),
    schedule=Schedule(1000, batch=20),
    source=Source(
        "erdos_renyi",
        (("nodes", 200), ("edges", 1000)),
        seed=100,
        fingerprint="8b3db8cf4ba8723dfc158de07b53cf67fbf7e07a9aead395b253838f1b715eca",
    ),
)
_ARM = ("parametrization.kind", "parametrization.embedding_rate_power", "optimizer.learning_rate")


def _powers(first: int, last: int) -> tuple[float, ...]:
    return tuple(2.0**power for power in range(first, last + 1))


CONTROLS: Mapping[str, Entry] = MappingProxyType(
    {
        "twins-visits-pilot": (
            "Pilot, never judged: which learning rates bracket the best one at sixteen times the visits a step?",
            _TEMPLATE,
            {
                "smoke": {
                    "seed": (900,),
                    "schedule.batch": (160,),
                    "schedule.steps": (20,),
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
            _UNTIED,
            {
                "smoke": {
                    "seed": (900,),
                    ("architecture.width", "schedule.steps"): ((24, 20),),
                    _ARM: (("sp", 0.0, 0.03125),),
                },
                "full": {
                    "seed": (900,),
                    ("architecture.width", "schedule.steps"): ((24, 100), (96, 100), (48, 400)),
                    _ARM: (
                        *(("sp", 0.0, rate) for rate in _powers(-9, -3)),
                        *(("sp", 1.0, rate) for rate in _powers(-9, -3)),
                        *(("mup", -1.0, rate) for rate in _powers(-2, 3)),
                        *(("mup", 0.0, rate) for rate in _powers(-3, 1)),
                    ),
                },
            },
            _FOLLOWS,
        ),
    }
)
