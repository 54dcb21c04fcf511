"""Several D from one stable run: warm-up, a stable learning rate, and a decay that branches off for every D.

Runs of shape "wsd" with the same warm-up in steps and the same seed are the same run until the decay of the shortest
begins. `train_branches` trains what they share once. Each branch gives the numbers that it would give alone, to the
bit, so nothing but the wall clock and the computation tells the two apart.

A branch is charged as a run: all of its D tokens and its 6 N D FLOPs, and the seconds from the first step of the stable
run to the last of its own decay, since that is what this one loss costs. What was computed is less: `computed_steps`
counts it.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any

import torch

from scaling_lib.arguments import BY_HAND, Count, Remedy, checked
from scaling_lib.errors import invalid
from scaling_lib.models.devices import check_device
from scaling_lib.runs.keeping.checkpoints import Checkpoints
from scaling_lib.runs.keeping.kept import KeptModels
from scaling_lib.runs.records import RunConfiguration, RunResult
from scaling_lib.runs.training.ensembles import (
    State,
    Stem,
    _train,
    default_members,
    initial_model,
    sources_of,
)
from scaling_lib.runs.training.metrics import METRICS, check_metrics
from scaling_lib.runs.training.optimizers import stable_steps
from scaling_lib.runs.training.scoring import curve_steps

__all__ = ["branching_step", "computed_steps", "stem_of", "train_branches"]

_Configuration = Annotated[RunConfiguration, Remedy("build one with RunConfiguration(...)")]
_Configurations = Annotated[Sequence[RunConfiguration], Remedy("pass a list of RunConfiguration")]


@checked
def stem_of(configuration: _Configuration) -> RunConfiguration | None:
    """What runs that branch from one stable run have in common: the run with D and decay put to fixed values.

    None where a run is no branch: of another shape than "wsd", of several epochs, or with a warm-up that is a share of
    its steps and so another for every D.
    """
    schedule = configuration.schedule
    if schedule.shape != "wsd" or schedule.warmup_steps is None or schedule.epochs > 1:
        return None
    one_step = replace(schedule, tokens=configuration.tokens_per_step, decay=0.5)
    # The steps at which a run is scored depend on its length: they are no part of what is shared.
    return replace(configuration, schedule=one_step)


@checked
def branching_step(configuration: _Configuration) -> int:
    """The last step before the decay of a branch. Raises InvalidArgument where the run is none."""
    if stem_of(configuration) is None:
        remedy = "pass Schedule(..., shape='wsd', warmup_steps=...)"
        raise invalid("configuration", "a branch of a stable run", configuration.schedule, remedy)
    return stable_steps(configuration.optimizer_steps, configuration.schedule.decay)


@checked
def computed_steps(configurations: _Configurations) -> int:
    """Optimiser steps that `train_branches` takes for these branches of one stable run, in place of all of their own.

    Raises InvalidArgument where a run is no branch.
    """
    ordered = sorted(configurations, key=lambda configuration: configuration.optimizer_steps)
    shared, steps = 0, 0
    for configuration in ordered:
        branching_step(configuration)
        steps += configuration.optimizer_steps - shared
        shared = max(shared, branching_step(configuration))
    return steps


@checked
def train_branches(
    source: Annotated[Any, BY_HAND],
    configurations: _Configurations,
    *,
    device: Annotated[torch.device | str, BY_HAND] = "cpu",
    members_at_once: Count | None = None,
    checkpoints: Annotated[Checkpoints | None, Remedy("build it with Checkpoints(folder)")] = None,
    metrics: Annotated[Sequence[str], BY_HAND] = tuple(METRICS),
    keep: Annotated[KeptModels | None, Remedy("build it with KeptModels(folder)")] = None,
    on_steps: Annotated[Callable[[int], None] | None, BY_HAND] = None,
    progress: bool = False,
) -> list[RunResult]:
    """Train branches of stable runs and score them; one result for each configuration, in their order.

    configurations: of several D, each D with the same learning rates, weight decays, seeds and sources, else alike.
    The other arguments are those of `train_ensemble`. A branch that was paused goes on from its own checkpoint, and the
    branches after it begin from the last state that is at hand.

    Raises InvalidArgument where a run is no branch, or where two D have different members; Paused as `train_ensemble`.
    """
    sources = sources_of(source, configurations)
    check_metrics(metrics)
    if keep is not None:
        keep.check_room(configurations)
    place = check_device(device)
    by_length: dict[int, list[int]] = defaultdict(list)  # optimiser steps -> numbers of configurations
    for i, configuration in enumerate(configurations):
        branching_step(configuration)
        by_length[configuration.optimizer_steps].append(i)
    lengths = sorted(by_length)
    stems = [stem_of(configurations[i]) for i in by_length[lengths[0]]]
    for length in lengths:
        if [stem_of(configurations[i]) for i in by_length[length]] != stems:
            tokens = configurations[by_length[length][0]].schedule.tokens
            wanted = "of the same members, in the same order, at every D"
            raise invalid("configurations", wanted, f"others at D = {tokens}", "train other stems by themselves")
    results: dict[int, RunResult] = {}
    at_once = members_at_once or default_members(configurations[0], place)
    for first in range(0, len(stems), at_once):
        left: State | None = None
        for number, length in enumerate(lengths):
            chosen = by_length[length][first : first + at_once]
            group = [configurations[i] for i in chosen]
            longer = [configurations[by_length[other][first]] for other in lengths[number + 1 :]]
            last = branching_step(group[0])
            stem = Stem(left, last if longer else None, _also_scored(longer, last))
            checkpoint = None if checkpoints is None else checkpoints.of(group)
            of_group = None if checkpoint is None else checkpoint.results()
            if of_group is None:
                of_group = _train(
                    [sources[i] for i in chosen],
                    initial_model(group, device=place),
                    group,
                    metrics=metrics,
                    keep=keep,
                    checkpoint=checkpoint,
                    pause=None if checkpoints is None else lambda: checkpoints.over,
                    on_steps=on_steps,
                    progress=progress,
                    stem=stem,
                )
            elif on_steps is not None:
                on_steps(length * len(group))
            left = stem.left or left
            results |= dict(zip(chosen, of_group, strict=True))
    return [results[i] for i in range(len(configurations))]


def _also_scored(longer: Sequence[RunConfiguration], last: int) -> frozenset[int]:
    """The steps up to `last` at which longer branches are scored."""
    steps: set[int] = set()
    for configuration in longer:
        evaluation = configuration.evaluation
        of_branch = curve_steps(configuration.optimizer_steps, evaluation.curve_points, evaluation.spacing)  # type: ignore[arg-type]
        steps |= {step for step in of_branch if 0 < step <= last}
    return frozenset(steps)
