"""From a grid to a full store: what is still missing, ensemble by ensemble.

An ensemble holds the runs of one point L(N, D): one shape, one D, many learning rates and seeds. Each finished ensemble
is committed in one transaction, and half-finished ones are kept beside the store (`runs.keeping.checkpoints`), so a
sweep can be stopped at any moment and asked again. Its runs are trained in groups of K stacked models; on a CPU these
are a function of the grid, so that a sweep that was stopped gives the same bits as one that was not.

On a CPU a second thread does not speed up models this small, and a second process trains a second group, so workers are
processes of one thread each. Other engines (`runs.sweeping.cluster`) take the groups and give back results; only the
process that called `sweep` writes the store.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

from tqdm import tqdm

from scaling_lib.arguments import BY_HAND, Choice, Count, Integer, NonNegative, Positive, Remedy, checked
from scaling_lib.errors import check_integer, invalid
from scaling_lib.models.devices import DEVICES
from scaling_lib.runs import machine
from scaling_lib.runs.keeping.kept import KeptModels
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.records import Provenance, RunConfiguration, RunRecord, Source
from scaling_lib.runs.sweeping.experiments import Grid, GridOrNone
from scaling_lib.runs.sweeping.recipes import open_source
from scaling_lib.runs.training.stacking import groups_on_a_cpu
from scaling_lib.runs.training.stems import stem_of

__all__ = ["SweepReport", "ensembles_of", "shard_of", "sweep"]

_TICK = 0.5  # seconds after which the progress bar is brought up to date with the workers

Ensemble = list[RunConfiguration]
# From groups of runs to each with its records; None, or nothing, where the time was over in its middle. The provenance
# of a record is that of the process that trained it, without the rules in force, which `sweep` adds.
Finished = Iterator[tuple[Ensemble, list[RunRecord] | None]]
Engine = Callable[[list[Ensemble]], Finished]


_ZeroOrMore = Annotated[int, Integer(minimum=0)]


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

    Branches of one stable run (`runs.training.stems`) differ in D too; what they share is trained once.

    Where every seed has one graph of one recipe (an experiment whose "source.seed" follows "seed"), they differ
    in the graph too; where a seed is trained on several graphs, each graph makes an ensemble of its own.

    >>> from scaling_lib.runs.sweeping.experiments import experiment
    >>> [len(ensemble) for ensemble in ensembles_of(experiment("er-200").configurations("smoke"))]
    [3, 3, 3]
    """
    groups: dict[RunConfiguration, Ensemble] = {}
    for configuration in configurations:
        optimizer = replace(configuration.optimizer, learning_rate=1.0, weight_decay=0.0)
        source = replace(configuration.source, seed=0, fingerprint="any")
        alike = replace(stem_of(configuration) or configuration, optimizer=optimizer, source=source, seed=0)
        groups.setdefault(alike, []).append(configuration)
    return [part for group in groups.values() for ensemble in _by_graph(group) for part in _by_length(ensemble)]


def _by_graph(group: Ensemble) -> list[Ensemble]:
    """The runs of one recipe: together where no seed has two graphs, else graph by graph."""
    by_seed: dict[int, set[Source]] = defaultdict(set)
    by_graph: dict[Source, Ensemble] = {}
    for configuration in group:
        by_seed[configuration.seed].add(configuration.source)
        by_graph.setdefault(configuration.source, []).append(configuration)
    return [group] if all(len(sources) == 1 for sources in by_seed.values()) else list(by_graph.values())


def _by_length(ensemble: Ensemble) -> list[Ensemble]:
    """Branches of stable runs: together where each stem has every length, else length by length."""
    lengths: dict[tuple[int, float], Ensemble] = defaultdict(list)
    for run in ensemble:
        lengths[run.schedule.tokens, run.schedule.decay].append(run)
    if len(lengths) == 1:
        return [ensemble]
    stems = [[stem_of(run) for run in of_length] for of_length in lengths.values()]
    return [ensemble] if all(of_length == stems[0] for of_length in stems) else list(lengths.values())


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


@checked
def sweep(
    configurations: Grid,
    store: Annotated[Store, Remedy("open it with Store(path)")],
    *,
    device: Annotated[str, Choice(DEVICES)] = "cpu",
    workers: Count = 1,
    time_budget: Positive | None = None,
    checkpoints: str | Path | None = None,
    metrics: Annotated[Sequence[str] | None, Remedy("pass names of metrics", least=0)] = None,
    keep: Annotated[KeptModels | None, Remedy("build it with KeptModels(folder)")] = None,
    engine: Annotated[Engine | None, BY_HAND] = None,
    rules: Annotated[str, BY_HAND] = "",
    progress: bool = True,
) -> SweepReport:
    """Train those of `configurations` that `store` lacks, commit each finished ensemble, and say what was done.

    On a CPU pass the whole grid, or whole shards of it, every time: runs are stacked as the grid says
    (`runs.training.stacking`), whatever of it is missing, so that what is resumed is the same to the bit.
    device: where runs are trained, by an engine too. workers: processes, each with one thread; at most one a core.
    time_budget: seconds after which no further group is begun and, with checkpoints, those in hand are paused.
    checkpoints: a folder for half-finished ensembles, or None for none; asked again with the same folder, a sweep goes
    on in their middle. metrics: what finished models are measured by, None for all of `runs.training.metrics.METRICS`.
    keep: where their final weights go, or None. engine: who trains, in place of worker processes here
    (`runs.sweeping.cluster.ray_engine`); it measures and keeps as it was made to. rules: hash of the claim rules in
    force, recorded with every run. progress: a tqdm bar over optimiser steps.

    >>> from scaling_lib.runs.sweeping.experiments import experiment
    >>> with Store("runs.db") as store:  # doctest: +SKIP
    ...     report = sweep(experiment("er-100").configurations("smoke"), store, time_budget=600)
    >>> report.missing  # doctest: +SKIP
    0

    An interrupt (Ctrl-C) is raised as KeyboardInterrupt when the checkpoints of what is in hand are saved; the same
    call then goes on there. Raises InvalidArgument where there are more workers than cores that this process may use.
    """
    cores = machine.cores()
    if workers > cores:
        raise invalid("workers", f"at most one for each of the {cores} cores", workers, f"pass {cores}")
    folder = None if checkpoints is None else Path(checkpoints)
    if engine is not None and not callable(engine):
        raise invalid("engine", "a function from ensembles to results", engine, "leave it out, or use ray_engine()")
    if not isinstance(rules, str):
        raise invalid("rules", "a hash", rules, "pass '' where no claim is meant")
    missing = store.missing(configurations)
    if keep is not None and missing:
        keep.check_room(missing)
    start = time.monotonic()
    end = None if time_budget is None else start + time_budget
    trained: dict[str, None] = {}  # identities, in the order in which they were finished
    diverged = 0
    portions = _portions(configurations, missing, device)
    groups = [group for portion in portions for group in portion.groups]
    place = {_identities(group): portion for portion in portions for group in portion.groups}
    steps = sum(configuration.optimizer_steps for group in groups for configuration in group)
    with tqdm(total=steps, unit="step", disable=not progress or not missing, desc="training") as bar:
        work = _Work(device, None if folder is None else str(folder), end, metrics, keep)
        for group, records in _trained(groups, workers, work, bar) if engine is None else engine(groups):
            if records is None:
                continue
            if engine is not None:
                bar.update(sum(configuration.optimizer_steps for configuration in group))
            portion = place[_identities(group)]
            if not (whole := portion.with_results(records)):
                continue
            store.add([replace(r, provenance=replace(r.provenance, rules=rules)) for r in whole])
            new = {record.identity: record for record in whole if record.identity not in trained}
            trained |= dict.fromkeys(new)
            diverged += sum(record.result.status == "diverged" for record in new.values())
            if folder is not None:
                from scaling_lib.runs.keeping.checkpoints import Checkpoints

                Checkpoints(folder).forget(portion.ensemble)
    already = len({configuration.identity for configuration in configurations}) - len(missing)
    left = len(missing) - len(trained)
    return SweepReport(tuple(trained), already, left, diverged, time.monotonic() - start)


@dataclass
class _Portion:
    """What is to be done of one ensemble. groups: of runs that are trained together; wanted: identities that the store
    lacks; made: the records of those that are done, by identity; complete: whether they were handed out."""

    ensemble: Ensemble
    groups: list[Ensemble]
    wanted: set[str]
    made: dict[str, list[RunRecord]] = field(default_factory=lambda: defaultdict(list))
    complete: bool = False

    def with_results(self, records: list[RunRecord]) -> list[RunRecord]:
        """Take the records of a group in; what is to be committed now: all that is wanted of the ensemble, when the
        last is there, and later what an engine trained twice, which the store lists as a repeat."""
        wanted = [record for record in records if record.identity in self.wanted]
        if self.complete:
            return wanted
        for record in wanted:
            self.made[record.identity].append(record)
        if len(self.made) < len(self.wanted):
            return []
        self.complete = True
        return [record for run in self.ensemble for record in self.made.get(run.identity, ())]


def _portions(configurations: Sequence[RunConfiguration], missing: Ensemble, device: str) -> list[_Portion]:
    """The ensembles of which something is missing, in groups that are trained together.

    On a CPU the groups are those of the whole grid, whatever is missing: a run gives the same bits in the same group
    only. A group of which one run is missing is trained whole. On a GPU, where K is what its memory holds at the time,
    what is missing of an ensemble is a group, and `train_ensemble` splits it.
    """
    wanted = {configuration.identity for configuration in missing}
    grid = {configuration.identity: configuration for configuration in configurations}
    portions = []
    for ensemble in ensembles_of(list(grid.values())):
        lacking = [run for run in ensemble if run.identity in wanted]
        if not lacking:
            continue
        groups = [lacking]
        if device == "cpu":
            groups = [g for g in groups_on_a_cpu(ensemble) if any(run.identity in wanted for run in g)]
        portions.append(_Portion(ensemble, groups, {run.identity for run in lacking}))
    return portions


def _identities(group: Ensemble) -> tuple[str, ...]:
    return tuple(run.identity for run in group)


@dataclass(frozen=True)
class _Work:
    """What all groups of a sweep share, in every process of this machine. end: on the monotonic clock, which all of
    them share and which a wall clock set back does not move."""

    device: str
    folder: str | None
    end: float | None
    metrics: Sequence[str] | None
    keep: KeptModels | None

    @property
    def over(self) -> bool:
        return self.end is not None and time.monotonic() >= self.end


def _trained(groups: list[Ensemble], workers: int, work: _Work, bar: Any) -> Finished:
    """Every group with its results, as they are finished, until the time is over or the user interrupts.

    An interrupt (Ctrl-C) lets every group in hand save its checkpoint, where there is a folder for it, and is raised as
    KeyboardInterrupt when all have; a second one is raised at once.
    """
    if workers == 1 or len(groups) < 2:
        with _interrupts() as stop:
            for group in groups:
                if work.over:
                    return
                yield group, _trained_here(group, work, stop, bar.update)
        return
    # The long ones first, so that no worker is left alone with one at the end. Spawned, not forked: torch and CUDA do
    # not survive a fork.
    waiting = deque(sorted(groups, key=_cost, reverse=True))
    context = multiprocessing.get_context("spawn")
    counter, stop = context.Value("q", 0), context.Value("b", 0)
    pool = ProcessPoolExecutor(
        min(workers, len(waiting)), context, initializer=_begin_worker, initargs=(counter, stop, os.getpid())
    )
    with pool, _interrupts(stop):
        running: dict[Future[list[RunRecord] | None], Ensemble] = {}
        try:
            while waiting or running:
                while waiting and not stop.value and not work.over and len(running) < workers:
                    group = waiting.popleft()
                    running[pool.submit(_train_counted, group, work)] = group
                if not running:
                    return
                done = wait(running, timeout=_TICK, return_when=FIRST_COMPLETED).done
                bar.update(counter.value - bar.n)
                for future in done:
                    group = running.pop(future)
                    try:
                        records = future.result()
                    except BrokenProcessPool:
                        if not stop.value:
                            raise
                        return  # the interrupt met a worker that was only just beginning
                    yield group, records
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _interrupts(stop: Any = None) -> Iterator[Any]:
    """A flag whose `value` an interrupt sets; at the end of the block it becomes a KeyboardInterrupt.

    stop: the flag of several processes. Elsewhere than in the main thread, which alone hears signals, nothing happens.
    """
    flag = SimpleNamespace(value=0) if stop is None else stop
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return

    def heard(number: int, frame: Any) -> None:
        if flag.value:
            raise KeyboardInterrupt
        flag.value = 1

    before = signal.signal(signal.SIGINT, heard)
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, before)
    if flag.value:
        raise KeyboardInterrupt


class _Stopped(Exception):
    """An interrupt in the middle of a group that has no checkpoint."""


def _trained_here(group: Ensemble, work: _Work, stop: Any, on_steps: Callable[[int], Any]) -> list[RunRecord] | None:
    """`train_one`, which an interrupt ends."""
    if stop.value or work.over:
        return None

    def counted(steps: int) -> None:
        on_steps(steps)
        if stop.value and work.folder is None:
            raise _Stopped

    seconds = None if work.end is None else work.end - time.monotonic()
    try:
        return train_one(
            group,
            work.device,
            work.folder,
            seconds,
            counted,
            lambda: bool(stop.value),
            metrics=work.metrics,
            keep=work.keep,
        )
    except _Stopped:
        return None


def train_one(
    ensemble: Ensemble,
    device: str,
    folder: str | None,
    seconds: float | None,
    on_steps: Callable[[int], Any] | None = None,
    stopped: Callable[[], bool] = lambda: False,
    *,
    metrics: Sequence[str] | None = None,
    keep: KeptModels | None = None,
) -> list[RunRecord] | None:
    """The records of one group, with the provenance of this process; None where the time was over, or `stopped` said
    so, in its middle and its checkpoint was kept."""
    from scaling_lib.runs.keeping.checkpoints import Checkpoints, Paused
    from scaling_lib.runs.training.branches import train_branches
    from scaling_lib.runs.training.ensembles import train_ensemble

    class Stoppable(Checkpoints):
        @property
        def over(self) -> bool:
            return stopped() or super().over

    checkpoints = None if folder is None else Stoppable(Path(folder), seconds=seconds)
    sources = {configuration.source: open_source(configuration.source) for configuration in ensemble}
    data = [sources[run.source] for run in ensemble]  # one object for all of one source
    several = len({(run.schedule.tokens, run.schedule.decay) for run in ensemble}) > 1
    train = train_branches if several else train_ensemble
    try:
        results = train(
            data, ensemble, device=device, checkpoints=checkpoints, metrics=metrics, keep=keep, on_steps=on_steps
        )
    except Paused:
        return None
    provenance = Provenance.here()
    return [RunRecord(c, result, provenance) for c, result in zip(ensemble, results, strict=True)]


_counter: Any = None  # of a worker process: the member-steps done by all of them
_stop: Any = None  # and the flag that an interrupt sets in the process that called `sweep`


def _begin_worker(counter: Any, stop: Any, parent: int) -> None:
    global _counter, _stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all of them; the flag says it here
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    import torch

    torch.set_num_threads(1)
    _counter, _stop = counter, stop


def _end_with(parent: int) -> None:
    """End this process when `parent` is gone, however it went: what a worker trains then reaches no store."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _train_counted(group: Ensemble, work: _Work) -> list[RunRecord] | None:
    return _trained_here(group, work, _stop, _count)


def _count(steps: int) -> None:
    with _counter.get_lock():
        _counter.value += steps


def _cost(ensemble: Ensemble) -> float:
    """FLOPs of an ensemble, up to a factor."""
    return sum(float(c.architecture.active_parameters) * c.schedule.tokens * c.schedule.epochs for c in ensemble)
