"""Run records made by hand, for tests that need no training."""

from dataclasses import replace

from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.records import (
    Optimizer,
    Provenance,
    RunConfiguration,
    RunRecord,
    RunResult,
    Schedule,
    Source,
)

SOURCE = Source("erdos_renyi", (("nodes", 100), ("edges", 500)), 0, "f" * 64)
ENTROPY_RATE = 2.359


def configuration(tokens: int = 100_000, learning_rate: float = 1.0, seed: int = 0) -> RunConfiguration:
    return RunConfiguration(
        source=SOURCE,
        architecture=Architecture(100, 16),
        parametrization=Parametrization("mup"),
        optimizer=Optimizer(learning_rate),
        schedule=Schedule(tokens, batch=20),
        seed=seed,
    )


def record(excess_loss: float | None = 0.1, rules: str = "", **options) -> RunRecord:
    wanted = configuration(**options)
    shape = wanted.architecture
    ok = excess_loss is not None
    result = RunResult(
        status="ok" if ok else "diverged",
        excess_loss=excess_loss,
        excess_loss_se=0.001 if ok else None,
        loss=ENTROPY_RATE + excess_loss if ok else None,
        entropy_rate=ENTROPY_RATE,
        parameters=shape.parameters,
        nonembedding_parameters=shape.nonembedding_parameters,
        tokens=wanted.schedule.tokens,
        flops=6.0 * shape.parameters * wanted.schedule.tokens,
        optimizer_steps=wanted.optimizer_steps,
        curve_steps=(0, wanted.optimizer_steps),
        curve_training_loss=(4.6, 2.5),
        curve_excess_loss=(2.2, excess_loss),
        wall_seconds=1.0,
        device="cpu",
        ensemble_size=1,
    )
    provenance = replace(Provenance.here(rules), time="2026-01-01T00:00:00+00:00")
    return RunRecord(wanted, result, provenance)
