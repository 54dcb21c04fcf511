"""A chain and configurations so small that a run takes milliseconds."""

from dataclasses import replace

from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.records import Evaluation, Optimizer, RunConfiguration, Schedule
from scaling_lib.runs.sweeping.experiments import Experiment
from scaling_lib.runs.sweeping.recipes import source_of

SOURCE, CHAIN = source_of("erdos_renyi", {"nodes": 12, "edges": 30}, 0)

# Sixteen runs in four ensembles, less than a second in all.
TINY = Experiment(
    name="tiny",
    question="Does a sweep work?",
    template=RunConfiguration(
        source=SOURCE,
        architecture=Architecture(CHAIN.nodes, 8, context=10),
        parametrization=Parametrization(),
        optimizer=Optimizer(1.0),
        schedule=Schedule(80, batch=4),
        evaluation=Evaluation(walks=4, curve_points=2),
    ),
    axes={
        "smoke": {
            "schedule.tokens": (80, 160),
            "architecture.width": (8, 16),
            "optimizer.learning_rate": (0.1, 1.0),
            "seed": (0, 1),
        }
    },
)


def configuration(
    steps: int = 2,
    *,
    width: int = 8,
    learning_rate: float = 0.5,
    weight_decay: float = 0.01,
    parametrization: Parametrization | None = None,
    tied: bool = True,
    batch: int = 2,
    context: int = 5,
    epochs: int = 1,
    curve_points: int = 1,
    walks: int = 10,
    **others,
) -> RunConfiguration:
    """A run of `steps` steps per epoch on the tiny chain."""
    return RunConfiguration(
        source=SOURCE,
        architecture=Architecture(CHAIN.nodes, width, context=context, tied=tied),
        parametrization=parametrization or Parametrization(),
        optimizer=Optimizer(learning_rate, weight_decay=weight_decay),
        schedule=Schedule(steps * batch * context, batch=batch, epochs=epochs),
        evaluation=replace(Evaluation(), walks=walks, curve_points=curve_points),
        **others,
    )


def bits(store):
    """What each run of a store gave, by identity, without how long it took."""
    return {record.identity: replace(record.result, wall_seconds=0.0) for record in store.records()}
