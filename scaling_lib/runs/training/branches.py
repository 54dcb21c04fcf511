"""Several D from one stable run: warm-up, a stable learning rate, and a decay that branches off for every D.

Runs of shape "wsd" with the same warm-up in steps and the same seed are the same run until the decay of the shortest
begins. `train_branches` trains what they share once. Each branch gives the numbers that it would give alone, to the
bit, so nothing but the wall clock and the computation tells the two apart.

A branch is charged as a run: all of its D tokens and its 6 N D FLOPs, and the seconds from the first step of the stable
run to the last of its own decay, since that is what this one loss costs. What was computed is less:
`runs.training.stems.computed_steps` counts it.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
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
    _trained_group,
    default_members,
    sources_of,
)
from scaling_lib.runs.training.metrics import METRICS, check_metrics
from scaling_lib.runs.training.scoring import curve_steps
from scaling_lib.runs.training.stacking import groups_on_a_cpu
from scaling_lib.runs.training.stems import branching_step, stem_of

__all__ = ["train_branches"]

_Configurations = Annotated[Sequence[RunConfiguration], Remedy("pass a list of RunConfiguration")]


@checked
def train_branches(
    source: Annotated[Any, BY_HAND],
    configurations: _Configurations,
    *,
    device: Annotated[torch.device | str, BY_HAND] = "cpu",
    members_at_once: Count | None = None,
    checkpoints: Annotated[Checkpoints | None, Remedy("build it with Checkpoints(folder)")] = None,
    metrics: Annotated[Sequence[str] | None, BY_HAND] = None,
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
    metrics = tuple(check_metrics(METRICS if metrics is None else metrics))
    if keep is not None:
        keep.check_room(configurations)
    place = check_device(device)
    by_end: dict[tuple[int, int], list[int]] = defaultdict(list)  # where a branch begins and ends -> configurations
    for i, configuration in enumerate(configurations):
        by_end[branching_step(configuration), configuration.optimizer_steps].append(i)
    ends = sorted(by_end)
    stems = [stem_of(configurations[i]) for i in by_end[ends[0]]]
    for end in ends:
        if [stem_of(configurations[i]) for i in by_end[end]] != stems:
            tokens = configurations[by_end[end][0]].schedule.tokens
            wanted = "of the same members, in the same order, at every D"
            raise invalid("configurations", wanted, f"others at D = {tokens}", "train other stems by themselves")
    results: dict[int, RunResult] = {}
    if members_at_once is None and place.type == "cpu":  # as a sweep groups them
        members_at_once = len(groups_on_a_cpu([configurations[i] for i in by_end[ends[0]]])[0])
    at_once = members_at_once or default_members(configurations[0], place)
    for first in range(0, len(stems), at_once):
        left: State | None = None
        for number, (last, length) in enumerate(ends):
            chosen = by_end[last, length][first : first + at_once]
            group = [configurations[i] for i in chosen]
            longer = [configurations[by_end[end][first]] for end in ends[number + 1 :]]
            stem = Stem(left, last if longer else None, _also_scored(longer, last))
            of_group = _trained_group(
                [sources[i] for i in chosen],
                group,
                place,
                metrics=metrics,
                keep=keep,
                checkpoints=checkpoints,
                on_steps=on_steps,
                progress=progress,
                stem=stem,
            )
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
