"""From a grid to a full store: what is still missing, ensemble by ensemble.

An ensemble holds the runs of one point L(N, D): one shape, one D, many learning rates and seeds. Each finished ensemble
is committed in one transaction, so a sweep can be stopped at any moment and asked again.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tqdm import tqdm

from scaling_lib.errors import (
    check_choice,
    check_flag,
    check_instance,
    check_integer,
    check_real,
    check_sequence,
    invalid,
)
from scaling_lib.runs.experiments import chain_of
from scaling_lib.runs.records import Evaluation, Provenance, RunConfiguration, RunRecord, Schedule
from scaling_lib.runs.store import Store

__all__ = ["SweepReport", "ensembles_of", "expected_seconds", "sweep"]


DEVICES = ("cpu", "cuda")


@dataclass(frozen=True)
class SweepReport:
    """What a sweep did: identities trained now, how many were there already, how many diverged, seconds."""

    trained: tuple[str, ...]
    already: int
    diverged: int
    seconds: float

    def __post_init__(self) -> None:
        check_sequence("trained", self.trained, str, remedy="pass identities", minimum=0)
        check_integer("already", self.already, minimum=0)
        check_integer("diverged", self.diverged, minimum=0)
        check_real("seconds", self.seconds, minimum=0)


def ensembles_of(configurations: Sequence[RunConfiguration]) -> list[list[RunConfiguration]]:
    """Runs that differ in learning rate, weight decay or seed only, in the order in which they are met."""
    groups: dict[RunConfiguration, list[RunConfiguration]] = {}
    for configuration in _checked(configurations, minimum=0):
        optimizer = replace(configuration.optimizer, learning_rate=1.0, weight_decay=0.0)
        groups.setdefault(replace(configuration, optimizer=optimizer, seed=0), []).append(configuration)
    return list(groups.values())


def expected_seconds(configurations: Sequence[RunConfiguration], *, device: str = "cpu", steps: int = 12) -> float:
    """How long training `configurations` one after the other takes on this machine, from a few measured steps.

    The largest and the smallest shape are timed for `steps` optimiser steps each; other shapes are interpolated in
    proportion to their FLOPs per token. Good to a factor of about 1.5.
    """
    from scaling_lib.runs.training import train_ensemble

    wanted = _checked(configurations)
    check_integer("steps", steps, minimum=2)
    check_choice("device", device, DEVICES)
    by_cost = sorted(wanted, key=lambda c: c.architecture.parameters)
    seconds_per_step = {}
    for configuration in {by_cost[0].architecture: by_cost[0], by_cost[-1].architecture: by_cost[-1]}.values():
        probe = replace(
            configuration,
            schedule=Schedule(steps * configuration.tokens_per_step, batch=configuration.schedule.batch),
            evaluation=Evaluation(walks=2, curve_points=1),
        )
        chain = chain_of(probe.source)
        train_ensemble(chain, [probe], device=device)  # the first call pays for imports and allocations
        start = time.perf_counter()
        train_ensemble(chain, [probe], device=device)
        seconds_per_step[configuration.architecture.parameters] = (time.perf_counter() - start) / steps
    small, large = min(seconds_per_step), max(seconds_per_step)
    slope = (seconds_per_step[large] - seconds_per_step[small]) / max(large - small, 1)
    return sum(
        c.optimizer_steps * max(seconds_per_step[small] + slope * (c.architecture.parameters - small), 0.0)
        for c in wanted
    )


def sweep(
    configurations: Sequence[RunConfiguration],
    store: Store,
    *,
    device: str = "cpu",
    rules: str = "",
    progress: bool = True,
) -> SweepReport:
    """Train those of `configurations` that `store` lacks, commit each finished ensemble, and say what was done.

    rules: hash of the claim rules in force, recorded with every run. progress: a tqdm bar over optimiser steps.
    """
    from scaling_lib.runs.training import train_ensemble

    wanted = _checked(configurations)
    check_instance("store", store, Store, remedy="open it with Store(path)")
    check_flag("progress", progress)
    check_choice("device", device, DEVICES)
    if not isinstance(rules, str):
        raise invalid("rules", "a hash", rules, "pass '' where no claim is meant")
    missing = store.missing(wanted)
    start = time.perf_counter()
    trained: list[str] = []
    diverged = 0
    steps = sum(configuration.optimizer_steps for configuration in missing)
    with tqdm(total=steps, unit="step", disable=not progress or not missing, desc="training") as bar:
        for members in ensembles_of(missing):
            results = train_ensemble(chain_of(members[0].source), members, device=device)
            provenance = Provenance.here(rules)
            store.add([RunRecord(c, r, provenance) for c, r in zip(members, results, strict=True)])
            trained += [configuration.identity for configuration in members]
            diverged += sum(result.status == "diverged" for result in results)
            bar.update(sum(configuration.optimizer_steps for configuration in members))
    already = len({configuration.identity for configuration in wanted}) - len(missing)
    return SweepReport(tuple(trained), already, diverged, time.perf_counter() - start)


def _checked(configurations: Sequence[RunConfiguration], minimum: int = 1) -> tuple[RunConfiguration, ...]:
    remedy = "take them from Experiment.configurations"
    return check_sequence("configurations", configurations, RunConfiguration, remedy=remedy, minimum=minimum)
