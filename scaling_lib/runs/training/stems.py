"""What runs share that branch from one stable run, and how long it is. Imports no torch.

A run of shape "wsd" rises, stays at its peak learning rate, and decays. Two of them that differ in D alone are the same
run up to the step at which the decay of the shorter begins, if their warm-up is a number of steps and no share of them:
`runs.training.branches` trains that part, their stem, once.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from scaling_lib.arguments import Count, Real, Remedy, checked
from scaling_lib.errors import invalid
from scaling_lib.runs.records import RunConfiguration

__all__ = ["branching_step", "computed_steps", "stable_steps", "stem_of"]

_Configuration = Annotated[RunConfiguration, Remedy("build one with RunConfiguration(...)")]
_Configurations = Annotated[Sequence[RunConfiguration], Remedy("pass a list of RunConfiguration")]


@checked
def stable_steps(steps: Count, decay: Annotated[float, Real(above=0, below=1)]) -> int:
    """How many steps of a run of shape "wsd" come before its decay: runs of several lengths share them.

    >>> stable_steps(1000, 0.2)
    800
    """
    return steps - max(1, round(decay * steps))


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
    ordered = sorted(configurations, key=lambda one: (branching_step(one), one.optimizer_steps))
    shared, steps = 0, 0
    for configuration in ordered:
        steps += configuration.optimizer_steps - shared
        shared = max(shared, branching_step(configuration))
    return steps
