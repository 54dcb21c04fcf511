"""Run records made by hand, for tests that need no training."""

from dataclasses import replace
from typing import Any

from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.records import (
    Measurement,
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


# Where and when a planted record was made, in full: nothing depends on the machine that runs the test.
PROVENANCE = Provenance(
    "2026-01-01T00:00:00+00:00",
    (("python", "3.11.7"), ("numpy", "2.4.6"), ("torch", "2.13.0")),
    "0.1.0+0123456789ab",
    "",
    commit="c" * 40,
    uncommitted="clean",
    processor="abacus",
    gpu="none",
    threads=1,
    switches="matmul=highest",
)


def record(
    excess_loss: float | None = 0.1, rules: str = "", device: str = "cpu", made: dict[str, Any] | None = None, **options
) -> RunRecord:
    """made: fields of its provenance that differ from `PROVENANCE`. options: of `configuration`."""
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
        device=device,
        ensemble_size=1,
    )
    return RunRecord(wanted, result, replace(PROVENANCE, rules=rules, **(made or {})))


def text_record(loss: float | None = 3.2, measured: tuple[Measurement, ...] = (), **options) -> RunRecord:
    """A run on data whose entropy rate nobody knows. loss: None for a diverged one. options: of `record`."""
    made = record(None if loss is None else 0.1, **options)
    finished = (loss, 0.01) if loss is not None else (None, None)
    result = replace(
        made.result,
        excess_loss=None,
        excess_loss_se=None,
        loss=finished[0],
        loss_se=finished[1],
        entropy_rate=None,
        curve_excess_loss=(None, None),
        curve_loss=(4.6, loss),
        measurements=measured,
    )
    return replace(made, result=result)
