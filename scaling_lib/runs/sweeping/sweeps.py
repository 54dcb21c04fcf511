"""From a grid to a full store: what is still missing, ensemble by ensemble.

An ensemble holds the runs of one point L(N, D): one shape, one D, many learning rates and seeds. Each finished ensemble
is committed in one transaction, and half-finished ones are kept beside the store (`runs.keeping.checkpoints`), so a
sweep can be stopped at any moment and asked again. On a CPU a second thread does not speed up models this small, and a
second process trains a second run, so workers are processes of one thread each. Other engines (`runs.sweeping.cluster`)
take the ensembles and give back results; only the process that called `sweep` writes the store.
"""

import multiprocessing
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from scaling_lib.arguments import BY_HAND, Choice, Count, Integer, NonNegative, Positive, Remedy, checked
from scaling_lib.errors import check_integer, invalid
from scaling_lib.models.devices import DEVICES
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.keeping.tables import check_runs, lowest_losses
from scaling_lib.runs.records import Provenance, RunConfiguration, RunRecord
from scaling_lib.runs.sweeping.experiments import Grid, GridOrNone
from scaling_lib.runs.sweeping.recipes import open_source

__all__ = [
    "SweepReport",
    "at_the_edge",
    "ensembles_of",
    "shard_of",
    "sweep",
    "widened",
    "widened_so_far",
]

_TICK = 0.5  # seconds after which the progress bar is brought up to date with the workers

Ensemble = list[RunConfiguration]
# From ensembles to each with its records; None, or nothing, where the time was over in its middle. The provenance of a
# record is that of the process that trained it, without the rules in force, which `sweep` adds.
Finished = Iterator[tuple[Ensemble, list[RunRecord] | None]]
Engine = Callable[[list[Ensemble]], Finished]


_ZeroOrMore = Annotated[int, Integer(minimum=0)]
_Runs = Annotated[pd.DataFrame, BY_HAND]  # `check_runs` looks for its columns


@checked
@dataclass(frozen=True)
class SweepReport:
    """What a sweep did.

    trained: identities of the runs trained now. already: how many the store had before. missing: how many it still
    lacks, because the time budget was over. diverged: how many of `trained` did. seconds: wall time.
    """

    trained: Annotated[tuple[str, ...], Remedy("pass identities", least=0)]
    already: _ZeroOrMore
    missing: _ZeroOrMore
    diverged: _ZeroOrMore
    seconds: NonNegative


@checked
def ensembles_of(configurations: GridOrNone) -> list[Ensemble]:
    """Runs that differ in learning rate, weight decay or seed only, in the order in which they are met.

    >>> from scaling_lib.runs.sweeping.experiments import experiment
    >>> [len(ensemble) for ensemble in ensembles_of(experiment("er-200").configurations("smoke"))]
    [3, 3, 3]
    """
    groups: dict[RunConfiguration, Ensemble] = {}
    for configuration in configurations:
        optimizer = replace(configuration.optimizer, learning_rate=1.0, weight_decay=0.0)
        groups.setdefault(replace(configuration, optimizer=optimizer, seed=0), []).append(configuration)
    return list(groups.values())


@checked
def shard_of(configurations: GridOrNone, index: Annotated[int, BY_HAND], count: Count) -> list[RunConfiguration]:
    """Shard `index` (1 .. count) of a grid: whole ensembles, dealt out by their cost so that shards take equally long.

    Every machine computes the same shards; together they are the grid, and no run is in two of them.
    """
    check_integer("index", index, minimum=1, maximum=count)
    loads, shards = [0.0] * count, [[] for _ in range(count)]  # type: ignore[var-annotated]
    for ensemble in sorted(ensembles_of(configurations), key=_cost, reverse=True):
        least = loads.index(min(loads))
        loads[least] += _cost(ensemble)
        shards[least] += ensemble
    return shards[index - 1]


def at_the_edge(runs: pd.DataFrame) -> pd.DataFrame:
    """The points L(N, D) whose best learning rate is the least or the greatest that was tried.

    Their minimum may lie outside. Columns width, D, batch, epochs, learning_rate (the best), edge ("lowest" or
    "highest"); one row for each such point. runs: a table of a store, or a recorded one.
    Raises InvalidArgument where a column is missing.
    """
    point = ["width", "D", "batch", "epochs"]
    check_runs("runs", runs, (*point, "learning_rate", "status", "loss"))
    ends = runs.groupby(point)["learning_rate"].agg(["min", "max"])
    best = lowest_losses(runs, by=tuple(point)).join(ends, on=point)
    best["edge"] = np.where(best["learning_rate"] <= best["min"], "lowest", "highest")
    outer = (best["learning_rate"] <= best["min"]) | (best["learning_rate"] >= best["max"])
    return best.loc[outer & (best["min"] < best["max"]), [*point, "learning_rate", "edge"]].reset_index(drop=True)


@checked
def widened(configurations: Grid, runs: _Runs) -> list[RunConfiguration]:
    """The runs that carry each point of `at_the_edge` one learning rate further, by the ratio of its last two.

    configurations: the grid, with what earlier widenings added to it; runs: its table. Empty where no point is at an
    edge, or where a point has one rate only.
    """
    points = at_the_edge(runs)
    edges = {
        (int(point.width), int(point.D), int(point.batch), int(point.epochs)): point.edge
        for point in points.itertuples()
    }
    added = []
    for ensemble in ensembles_of(configurations):
        one = ensemble[0]
        edge = edges.get((one.architecture.width, one.schedule.tokens, one.schedule.batch, one.schedule.epochs))
        rates = sorted({run.optimizer.learning_rate for run in ensemble})
        if edge is None or len(rates) < 2:
            continue
        last, before = (rates[0], rates[1]) if edge == "lowest" else (rates[-1], rates[-2])
        at_the_last = [run for run in ensemble if run.optimizer.learning_rate == last]
        further = last * last / before
        added += [replace(run, optimizer=replace(run.optimizer, learning_rate=further)) for run in at_the_last]
    return added


@checked
def widened_so_far(configurations: Grid, runs: _Runs) -> list[RunConfiguration]:
    """The grid with everything that `widened` added to it, step by step, as far as `runs` holds it."""
    known = list(configurations)
    check_runs("runs", runs, ("identity",))
    held = set(runs["identity"])
    while held >= (wanted := {run.identity for run in known}):
        further = widened(known, runs[runs["identity"].isin(wanted)])
        if not further or not held >= {run.identity for run in further}:
            break
        known += further
    return known


@checked
def sweep(
    configurations: Grid,
    store: Annotated[Store, Remedy("open it with Store(path)")],
    *,
    device: Annotated[str, Choice(DEVICES)] = "cpu",
    workers: Count = 1,
    time_budget: Positive | None = None,
    checkpoints: str | Path | None = None,
    engine: Annotated[Engine | None, BY_HAND] = None,
    rules: Annotated[str, BY_HAND] = "",
    progress: bool = True,
) -> SweepReport:
    """Train those of `configurations` that `store` lacks, commit each finished ensemble, and say what was done.

    workers: processes, each with one thread; at most one a core. time_budget: seconds after which no further ensemble
    is begun and, with checkpoints, those in hand are paused. checkpoints: a folder for half-finished ensembles, or None
    for none; asked again with the same folder, a sweep goes on in their middle. engine: who trains, in place of worker
    processes here (`runs.sweeping.cluster.ray_engine`). rules: hash of the claim rules in force, recorded with every
    run. progress: a tqdm bar over optimiser steps.

    >>> from scaling_lib.runs.sweeping.experiments import experiment
    >>> with Store("runs.db") as store:  # doctest: +SKIP
    ...     report = sweep(experiment("er-100").configurations("smoke"), store, time_budget=600)
    >>> report.missing  # doctest: +SKIP
    0

    Raises InvalidArgument where there are more workers than cores.
    """
    cores = os.cpu_count() or 1
    if workers > cores:
        raise invalid("workers", f"at most one for each of the {cores} cores", workers, f"pass {cores}")
    folder = None if checkpoints is None else Path(checkpoints)
    if engine is not None and not callable(engine):
        raise invalid("engine", "a function from ensembles to results", engine, "leave it out, or use ray_engine()")
    if not isinstance(rules, str):
        raise invalid("rules", "a hash", rules, "pass '' where no claim is meant")
    missing = store.missing(configurations)
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
    already = len({configuration.identity for configuration in configurations}) - len(missing)
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
    opened = {source: open_source(source) for source in {configuration.source for configuration in ensemble}}
    sources = [opened[configuration.source] for configuration in ensemble]
    try:
        results = train_ensemble(sources, ensemble, device=device, checkpoints=checkpoints, on_steps=on_steps)
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
