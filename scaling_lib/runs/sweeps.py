"""From a grid to a full store: what is still missing, ensemble by ensemble.

An ensemble holds the runs of one point L(N, D): one shape, one D, many learning rates and seeds. Each finished ensemble
is committed in one transaction, so a sweep can be stopped at any moment and asked again. On a CPU models this small
gain nothing from a second thread and everything from a second process, so workers are processes of one thread each.
"""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
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
from scaling_lib.runs.records import Evaluation, Provenance, RunConfiguration, RunRecord, RunResult, Schedule
from scaling_lib.runs.store import Store

__all__ = ["SweepReport", "ensembles_of", "expected_seconds", "shard_of", "sweep"]

DEVICES = ("cpu", "cuda")

Ensemble = list[RunConfiguration]


@dataclass(frozen=True)
class SweepReport:
    """What a sweep did: identities trained now, how many were there already, how many are still missing because the
    time budget was over, how many of the trained ones diverged, seconds."""

    trained: tuple[str, ...]
    already: int
    missing: int
    diverged: int
    seconds: float

    def __post_init__(self) -> None:
        check_sequence("trained", self.trained, str, remedy="pass identities", minimum=0)
        for name in ("already", "missing", "diverged"):
            check_integer(name, getattr(self, name), minimum=0)
        check_real("seconds", self.seconds, minimum=0)


def ensembles_of(configurations: Sequence[RunConfiguration]) -> list[Ensemble]:
    """Runs that differ in learning rate, weight decay or seed only, in the order in which they are met."""
    groups: dict[RunConfiguration, Ensemble] = {}
    for configuration in _checked(configurations, minimum=0):
        optimizer = replace(configuration.optimizer, learning_rate=1.0, weight_decay=0.0)
        groups.setdefault(replace(configuration, optimizer=optimizer, seed=0), []).append(configuration)
    return list(groups.values())


def shard_of(configurations: Sequence[RunConfiguration], index: int, count: int) -> list[RunConfiguration]:
    """Shard `index` (1 .. count) of a grid: whole ensembles, dealt out by their cost so that shards take equally long.

    Every machine computes the same shards; together they are the grid, and no run is in two of them.
    """
    check_integer("count", count, minimum=1)
    check_integer("index", index, minimum=1, maximum=count)
    loads, shards = [0.0] * count, [[] for _ in range(count)]  # type: ignore[var-annotated]
    for ensemble in sorted(ensembles_of(configurations), key=_cost, reverse=True):
        least = loads.index(min(loads))
        loads[least] += _cost(ensemble)
        shards[least] += ensemble
    return shards[index - 1]


def expected_seconds(configurations: Sequence[RunConfiguration], *, device: str = "cpu", steps: int = 12) -> float:
    """How long training `configurations` one after the other takes on this machine, from a few measured steps.

    The largest and the smallest shape are timed for `steps` optimiser steps each; the others lie between them in
    proportion to their parameters. Good to a factor of about 1.5.
    """
    from scaling_lib.runs.training import train_ensemble

    wanted = _checked(configurations)
    check_integer("steps", steps, minimum=2)
    check_choice("device", device, DEVICES)
    by_size = sorted(wanted, key=lambda c: c.architecture.parameters)
    per_token: dict[int, float] = {}
    for configuration in (by_size[0], by_size[-1]):
        probe = replace(
            configuration,
            schedule=Schedule(steps * configuration.tokens_per_step, batch=configuration.schedule.batch),
            evaluation=Evaluation(walks=2, curve_points=1),
        )
        chain = chain_of(probe.source)
        if configuration.architecture.parameters not in per_token:
            train_ensemble(chain, [probe], device=device)  # the first call pays for imports and allocations
            start = time.perf_counter()
            train_ensemble(chain, [probe], device=device)
            seconds = time.perf_counter() - start
            per_token[configuration.architecture.parameters] = seconds / probe.schedule.tokens
    small, large = min(per_token), max(per_token)
    slope = (per_token[large] - per_token[small]) / max(large - small, 1)
    return sum(
        c.schedule.tokens * c.schedule.epochs * max(per_token[small] + slope * (c.architecture.parameters - small), 0.0)
        for c in wanted
    )


def sweep(
    configurations: Sequence[RunConfiguration],
    store: Store,
    *,
    device: str = "cpu",
    workers: int = 1,
    time_budget: float | None = None,
    rules: str = "",
    progress: bool = True,
) -> SweepReport:
    """Train those of `configurations` that `store` lacks, commit each finished ensemble, and say what was done.

    workers: processes, each with one thread; at most one a core. time_budget: seconds after which no further ensemble
    is begun. rules: hash of the claim rules in force, recorded with every run. progress: a tqdm bar over optimiser
    steps.
    """
    wanted = _checked(configurations)
    check_instance("store", store, Store, remedy="open it with Store(path)")
    check_choice("device", device, DEVICES)
    check_integer("workers", workers, minimum=1)
    if time_budget is not None:
        check_real("time_budget", time_budget, above=0)
    if not isinstance(rules, str):
        raise invalid("rules", "a hash", rules, "pass '' where no claim is meant")
    check_flag("progress", progress)
    missing = store.missing(wanted)
    start = time.perf_counter()
    end = None if time_budget is None else start + time_budget
    trained: list[str] = []
    diverged = 0
    steps = sum(configuration.optimizer_steps for configuration in missing)
    with tqdm(total=steps, unit="step", disable=not progress or not missing, desc="training") as bar:
        for ensemble, results in _trained(ensembles_of(missing), device, workers, end):
            provenance = Provenance.here(rules)
            store.add([RunRecord(c, r, provenance) for c, r in zip(ensemble, results, strict=True)])
            trained += [configuration.identity for configuration in ensemble]
            diverged += sum(result.status == "diverged" for result in results)
            bar.update(sum(configuration.optimizer_steps for configuration in ensemble))
    already = len({configuration.identity for configuration in wanted}) - len(missing)
    left = len(missing) - len(trained)
    return SweepReport(tuple(trained), already, left, diverged, time.perf_counter() - start)


def _trained(
    ensembles: list[Ensemble], device: str, workers: int, end: float | None
) -> Iterator[tuple[Ensemble, list[RunResult]]]:
    """Every ensemble with its results, as they are finished, until the time is over."""
    if workers == 1 or len(ensembles) < 2:
        for ensemble in ensembles:
            if end is not None and time.perf_counter() >= end:
                return
            yield ensemble, _train(ensemble, device)
        return
    # The long ones first, so that no worker is left alone with one at the end. Spawned, not forked: torch and CUDA
    # do not survive a fork.
    waiting = sorted(ensembles, key=_cost)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(ensembles)), mp_context=context, initializer=_one_thread) as pool:
        running: dict[Future[list[RunResult]], Ensemble] = {}
        try:
            while waiting or running:
                over = end is not None and time.perf_counter() >= end
                while waiting and not over and len(running) < workers:
                    ensemble = waiting.pop()
                    running[pool.submit(_train, ensemble, device)] = ensemble
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _train(ensemble: Ensemble, device: str) -> list[RunResult]:
    from scaling_lib.runs.training import train_ensemble

    return train_ensemble(chain_of(ensemble[0].source), ensemble, device=device)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _cost(ensemble: Ensemble) -> float:
    """FLOPs of an ensemble, up to a factor."""
    return sum(float(c.architecture.parameters) * c.schedule.tokens * c.schedule.epochs for c in ensemble)


def _checked(configurations: Sequence[RunConfiguration], minimum: int = 1) -> tuple[RunConfiguration, ...]:
    remedy = "take them from Experiment.configurations"
    return check_sequence("configurations", configurations, RunConfiguration, remedy=remedy, minimum=minimum)
