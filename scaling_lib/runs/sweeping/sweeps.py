"""From a grid to a full store: what is still missing, ensemble by ensemble.

An ensemble holds the runs of one point L(N, D): one shape, one D, many learning rates and seeds. Each finished ensemble
is committed in one transaction, and half-finished ones are kept beside the store (`runs.checkpoints`), so a sweep can
be stopped at any moment and asked again. On a CPU models this small gain nothing from a second thread and everything
from a second process, so workers are processes of one thread each. Other engines (`runs.cluster`) take the ensembles
and give back results; only the process that called `sweep` writes the store.
"""

import multiprocessing
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from scaling_lib.errors import (
    check_choice,
    check_flag,
    check_instance,
    check_integer,
    check_path,
    check_real,
    check_sequence,
    invalid,
)
from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.keeping.tables import check_runs, lowest_losses
from scaling_lib.runs.records import (
    Evaluation,
    Optimizer,
    Provenance,
    RunConfiguration,
    RunRecord,
    Schedule,
)
from scaling_lib.runs.sweeping.experiments import chain_of, source_of

__all__ = [
    "Calibration",
    "SweepReport",
    "at_the_edge",
    "calibrate",
    "ensembles_of",
    "expected_seconds",
    "shard_of",
    "sweep",
    "widened",
    "widened_so_far",
]

DEVICES = ("cpu", "cuda")
_STACKED = 16  # models together in a calibration on a GPU: about what a point L(N, D) has
_TICK = 0.5  # seconds between two looks at how far the workers are

Ensemble = list[RunConfiguration]
# From ensembles to each with its records; None, or nothing, where the time was over in its middle. The provenance of a
# record is that of the process that trained it, without the rules in force, which `sweep` adds.
Finished = Iterator[tuple[Ensemble, list[RunRecord] | None]]
Engine = Callable[[list[Ensemble]], Finished]


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


@dataclass(frozen=True)
class Calibration:
    """How fast this machine trains, on one device or in one process: a token of a model of N parameters takes
    per_token + per_parameter * N seconds."""

    per_token: float
    per_parameter: float
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_real("per_token", self.per_token, minimum=0)
        check_real("per_parameter", self.per_parameter, minimum=0)
        check_choice("device", self.device, DEVICES)

    def seconds(self, work: Sequence[tuple[int, int]]) -> float:
        """How long runs of (N, tokens read) take one after the other. Good to a factor of about 2."""
        pairs = check_sequence("work", work, tuple, remedy="take it from Experiment.work", minimum=0)
        return sum(tokens * (self.per_token + self.per_parameter * N) for N, tokens in pairs)


def calibrate(device: str = "cpu", *, steps: int = 12) -> Calibration:
    """Train two small models for a few seconds and take the time: width 32 on 500 nodes, width 64 on 4000."""
    check_choice("device", device, DEVICES)
    check_integer("steps", steps, minimum=2)
    probes = []
    for nodes, width in ((500, 32), (4000, 64)):
        source, chain = source_of("erdos_renyi", {"nodes": nodes, "edges": 5 * nodes})
        shape = Architecture(chain.nodes, width)
        one = RunConfiguration(source, shape, Parametrization(), Optimizer(0.1), Schedule(20 * shape.context, batch=20))
        probes.append((shape.parameters, _seconds_per_token(one, device, steps)))
    (small, fast), (large, slow) = probes
    per_parameter = max(slow - fast, 0.0) / (large - small)
    return Calibration(max(fast - per_parameter * small, 0.0), per_parameter, device)


def _seconds_per_token(configuration: RunConfiguration, device: str, steps: int) -> float:
    """Of one model. On a GPU as one of `_STACKED`, and from the difference between two lengths: the capture of a graph
    is paid once a group."""
    from scaling_lib.runs.training.ensembles import train_ensemble

    chain, members = chain_of(configuration.source), 1 if device == "cpu" else _STACKED

    def seconds(count: int) -> float:
        probe = replace(
            configuration,
            schedule=Schedule(count * configuration.tokens_per_step, batch=configuration.schedule.batch),
            evaluation=Evaluation(walks=2, curve_points=1),
        )
        start = time.monotonic()
        group = [replace(probe, seed=seed) for seed in range(members)]
        train_ensemble(chain, group, device=device, members_at_once=members)
        return time.monotonic() - start

    seconds(steps)  # the first call pays for imports and allocations
    taken = seconds(steps)
    if device == "cpu":
        return taken / (steps * configuration.tokens_per_step)
    more = 20 * steps
    return max(seconds(steps + more) - taken, 1e-9) / (more * configuration.tokens_per_step * members)


def expected_seconds(configurations: Sequence[RunConfiguration], *, device: str = "cpu", steps: int = 12) -> float:
    """How long training `configurations` one after the other takes on this machine, from a few measured steps.

    The largest and the smallest shape are timed for `steps` optimiser steps each; the others lie between them in
    proportion to their parameters. Good to a factor of about 1.5.
    """
    wanted = _checked(configurations)
    check_integer("steps", steps, minimum=2)
    check_choice("device", device, DEVICES)
    by_size = sorted(wanted, key=lambda c: c.architecture.parameters)
    per_token: dict[int, float] = {}
    for configuration in (by_size[0], by_size[-1]):
        if configuration.architecture.parameters not in per_token:
            per_token[configuration.architecture.parameters] = _seconds_per_token(configuration, device, steps)
    small, large = min(per_token), max(per_token)
    slope = (per_token[large] - per_token[small]) / max(large - small, 1)
    return sum(
        c.schedule.tokens * c.schedule.epochs * max(per_token[small] + slope * (c.architecture.parameters - small), 0.0)
        for c in wanted
    )


def at_the_edge(runs: pd.DataFrame) -> pd.DataFrame:
    """The points L(N, D) whose best learning rate is the least or the greatest that was tried: their minimum may lie
    outside. Columns width, D, batch, epochs, learning_rate, edge ("lowest" or "highest"); one row a point."""
    point = ["width", "D", "batch", "epochs"]
    check_runs("runs", runs, (*point, "learning_rate", "status", "loss"))
    ends = runs.groupby(point)["learning_rate"].agg(["min", "max"])
    best = lowest_losses(runs, by=tuple(point)).join(ends, on=point)
    best["edge"] = np.where(best["learning_rate"] <= best["min"], "lowest", "highest")
    outer = (best["learning_rate"] <= best["min"]) | (best["learning_rate"] >= best["max"])
    return best.loc[outer & (best["min"] < best["max"]), [*point, "learning_rate", "edge"]].reset_index(drop=True)


def widened(configurations: Sequence[RunConfiguration], runs: pd.DataFrame) -> list[RunConfiguration]:
    """The runs that carry each point of `at_the_edge` one learning rate further, by the ratio of its last two.

    configurations: the grid, with what earlier widenings added to it; runs: its table.
    """
    wanted = _checked(configurations)
    edges = {(int(row.width), int(row.D), int(row.batch), int(row.epochs)): row.edge
             for row in at_the_edge(runs).itertuples()}  # fmt: skip
    added = []
    for ensemble in ensembles_of(wanted):
        one = ensemble[0]
        edge = edges.get((one.architecture.width, one.schedule.tokens, one.schedule.batch, one.schedule.epochs))
        rates = sorted({c.optimizer.learning_rate for c in ensemble})
        if edge is None or len(rates) < 2:
            continue
        last, before = (rates[0], rates[1]) if edge == "lowest" else (rates[-1], rates[-2])
        for each in ensemble:
            if each.optimizer.learning_rate == last:
                optimizer = replace(each.optimizer, learning_rate=last * last / before)
                added.append(replace(each, optimizer=optimizer))
    return added


def widened_so_far(configurations: Sequence[RunConfiguration], runs: pd.DataFrame) -> list[RunConfiguration]:
    """The grid with everything that `widened` added to it, step by step, as far as `runs` holds it."""
    known = list(_checked(configurations))
    check_runs("runs", runs, ("identity",))
    there = set(runs["identity"])
    while there >= {each.identity for each in known}:
        wanted = {each.identity for each in known}
        further = widened(known, runs[runs["identity"].isin(wanted)])
        if not further or not there >= {each.identity for each in further}:
            break
        known += further
    return known


def sweep(
    configurations: Sequence[RunConfiguration],
    store: Store,
    *,
    device: str = "cpu",
    workers: int = 1,
    time_budget: float | None = None,
    checkpoints: str | Path | None = None,
    engine: Engine | None = None,
    rules: str = "",
    progress: bool = True,
) -> SweepReport:
    """Train those of `configurations` that `store` lacks, commit each finished ensemble, and say what was done.

    workers: processes, each with one thread; at most one a core. time_budget: seconds after which no further ensemble
    is begun and, with checkpoints, those in hand are paused. checkpoints: a folder for half-finished ensembles, or None
    for none; asked again with the same folder, a sweep goes on in their middle. engine: who trains, in place of worker
    processes here (`runs.cluster.ray_engine`). rules: hash of the claim rules in force, recorded with every run.
    progress: a tqdm bar over optimiser steps.
    """
    wanted = _checked(configurations)
    check_instance("store", store, Store, remedy="open it with Store(path)")
    check_choice("device", device, DEVICES)
    cores = os.cpu_count() or 1
    if check_integer("workers", workers, minimum=1) > cores:
        raise invalid("workers", f"at most one for each of the {cores} cores", workers, f"pass {cores}")
    if time_budget is not None:
        check_real("time_budget", time_budget, above=0)
    folder = None if checkpoints is None else check_path("checkpoints", checkpoints)
    if engine is not None and not callable(engine):
        raise invalid("engine", "a function from ensembles to results", engine, "leave it out, or use ray_engine()")
    if not isinstance(rules, str):
        raise invalid("rules", "a hash", rules, "pass '' where no claim is meant")
    check_flag("progress", progress)
    missing = store.missing(wanted)
    start = time.monotonic()
    end = None if time_budget is None else start + time_budget
    trained: dict[str, None] = {}  # identities, in the order in which they were finished
    diverged = 0
    steps = sum(configuration.optimizer_steps for configuration in missing)
    with tqdm(total=steps, unit="step", disable=not progress or not missing, desc="training") as bar:
        work = _Work(device, None if folder is None else str(folder), end, bar)
        ensembles = ensembles_of(missing)
        finished = engine(ensembles) if engine is not None else _trained(ensembles, workers, work)
        for ensemble, records in finished:
            if records is None:
                continue
            store.add([replace(r, provenance=replace(r.provenance, rules=rules)) for r in records])
            new = [record for record in records if record.identity not in trained]  # an engine may train one twice
            trained |= dict.fromkeys(record.identity for record in new)
            diverged += sum(record.result.status == "diverged" for record in new)
            if engine is not None:
                bar.update(sum(configuration.optimizer_steps for configuration in ensemble))
            if folder is not None:
                from scaling_lib.runs.keeping.checkpoints import Checkpoints

                Checkpoints(folder).forget(ensemble)
    already = len({configuration.identity for configuration in wanted}) - len(missing)
    left = len(missing) - len(trained)
    return SweepReport(tuple(trained), already, left, diverged, time.monotonic() - start)


@dataclass(frozen=True)
class _Work:
    """What all ensembles of a sweep share. end: on the monotonic clock, which a wall clock set back does not move."""

    device: str
    folder: str | None
    end: float | None
    bar: Any

    @property
    def left(self) -> float | None:
        return None if self.end is None else self.end - time.monotonic()

    @property
    def over(self) -> bool:
        return self.end is not None and time.monotonic() >= self.end


def _trained(ensembles: list[Ensemble], workers: int, work: _Work) -> Finished:
    """Every ensemble with its results, as they are finished, until the time is over."""
    if workers == 1 or sum(map(len, ensembles)) < 2:
        for ensemble in ensembles:
            if work.over:
                return
            yield ensemble, train_one(ensemble, work.device, work.folder, work.left, work.bar.update)
        return
    # The long ones first, so that no worker is left alone with one at the end. On a CPU the runs of an ensemble are
    # trained one after another anyway, so any worker takes the next. Spawned, not forked: torch and CUDA do not survive
    # a fork.
    ordered = sorted(ensembles, key=_cost, reverse=True)
    one_by_one = work.device == "cpu"
    waiting = [(i, [c] if one_by_one else e) for i, e in enumerate(ordered) for c in (e if one_by_one else e[:1])]
    waiting.reverse()
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    pool = ProcessPoolExecutor(
        min(workers, len(waiting)), mp_context=context, initializer=_begin_worker, initargs=(counter,)
    )
    made: dict[int, dict[str, RunRecord]] = defaultdict(dict)
    with pool:
        running: dict[Future[list[RunRecord] | None], tuple[int, Ensemble]] = {}
        try:
            while waiting or running:
                while waiting and not work.over and len(running) < workers:
                    i, part = waiting.pop()
                    running[pool.submit(_train_counted, part, work.device, work.folder, work.left)] = i, part
                if not running:
                    return
                done = wait(running, timeout=_TICK, return_when=FIRST_COMPLETED).done
                work.bar.update(counter.value - work.bar.n)
                for future in done:
                    i, part = running.pop(future)
                    records = future.result()
                    if records is None:
                        continue
                    made[i] |= {record.identity: record for record in records}
                    if len(made[i]) == len(ordered[i]):
                        yield ordered[i], [made[i][c.identity] for c in ordered[i]]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def train_one(
    ensemble: Ensemble,
    device: str,
    folder: str | None,
    seconds: float | None,
    on_steps: Callable[[int], Any] | None = None,
) -> list[RunRecord] | None:
    """The records of one ensemble, with the provenance of this process; None where the time was over in its middle and
    its checkpoint was kept."""
    from scaling_lib.runs.keeping.checkpoints import Checkpoints, Paused
    from scaling_lib.runs.training.ensembles import train_ensemble

    checkpoints = None if folder is None else Checkpoints(Path(folder), seconds=seconds)
    chain = chain_of(ensemble[0].source)
    try:
        results = train_ensemble(chain, ensemble, device=device, checkpoints=checkpoints, on_steps=on_steps)
    except Paused:
        return None
    provenance = Provenance.here()
    return [RunRecord(c, result, provenance) for c, result in zip(ensemble, results, strict=True)]


_counter: Any = None  # of a worker process: the member-steps done by all of them


def _begin_worker(counter: Any) -> None:
    global _counter
    import torch

    torch.set_num_threads(1)
    _counter = counter


def _train_counted(
    ensemble: Ensemble, device: str, folder: str | None, seconds: float | None
) -> list[RunRecord] | None:
    return train_one(ensemble, device, folder, seconds, _count)


def _count(steps: int) -> None:
    with _counter.get_lock():
        _counter.value += steps


def _cost(ensemble: Ensemble) -> float:
    """FLOPs of an ensemble, up to a factor."""
    return sum(float(c.architecture.parameters) * c.schedule.tokens * c.schedule.epochs for c in ensemble)


def _checked(configurations: Sequence[RunConfiguration], minimum: int = 1) -> tuple[RunConfiguration, ...]:
    remedy = "take them from Experiment.configurations"
    return check_sequence("configurations", configurations, RunConfiguration, remedy=remedy, minimum=minimum)
