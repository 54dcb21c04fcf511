"""How long runs will take on this machine, from a measurement of a few seconds."""

import time
from dataclasses import dataclass, replace
from typing import Annotated

from scaling_lib.arguments import Choice, Integer, NonNegative, checked
from scaling_lib.models.accounting import Architecture
from scaling_lib.models.devices import DEVICES
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.records import Evaluation, Optimizer, RunConfiguration, Schedule
from scaling_lib.runs.sweeping.experiments import Grid, GridOrNone
from scaling_lib.runs.sweeping.recipes import open_source, source_of
from scaling_lib.runs.training.stacking import members_on_a_cpu

__all__ = ["Calibration", "calibrate"]

_STACKED = 16  # models together in a calibration on a GPU: about what a point L(N, D) has
_Device = Annotated[str, Choice(DEVICES)]


@checked
@dataclass(frozen=True)
class Calibration:
    """How fast this machine trains, on one device or in one process.

    One training token of a model of N parameters takes per_token + per_parameter * N seconds.
    """

    per_token: NonNegative
    per_parameter: NonNegative
    device: _Device = "cpu"

    @checked
    def seconds(self, configurations: GridOrNone) -> float:
        """How long `configurations` take when they are trained one after the other.

        >>> from scaling_lib.runs.sweeping.experiments import experiment
        >>> speed = Calibration(per_token=1e-6, per_parameter=1e-10)
        >>> round(speed.seconds(experiment("er-100").configurations("smoke")))
        13
        """
        read = [run.schedule.tokens * run.schedule.epochs for run in configurations]
        speeds = [self.per_token + self.per_parameter * run.architecture.active_parameters for run in configurations]
        return sum(tokens * seconds for tokens, seconds in zip(read, speeds, strict=True))


@checked
def calibrate(
    device: _Device = "cpu",
    *,
    steps: Annotated[int, Integer(minimum=2)] = 12,
    configurations: Grid | None = None,
) -> Calibration:
    """The `Calibration` of this machine: the smallest and the largest of some models are trained for `steps` steps.

    configurations: what is to be trained; its times come out good to a factor of about 1.5. None stands for width 32 on
    500 nodes and width 64 on 4,000, from which the times of others come out good to a factor of about 2.
    """
    probes = _probes() if configurations is None else configurations
    by_size = {run.architecture.active_parameters: run for run in probes}
    small, large = min(by_size), max(by_size)
    seconds = {N: _seconds_per_token(by_size[N], device, steps) for N in {small, large}}
    per_parameter = max(seconds[large] - seconds[small], 0.0) / max(large - small, 1)
    return Calibration(max(seconds[small] - per_parameter * small, 0.0), per_parameter, device)


def _probes() -> tuple[RunConfiguration, ...]:
    runs = []
    for nodes, width in ((500, 32), (4000, 64)):
        source, _ = source_of("erdos_renyi", {"nodes": nodes, "edges": 5 * nodes})
        shape = Architecture(nodes, width)
        schedule = Schedule(20 * shape.context, batch=20)
        runs.append(RunConfiguration(source, shape, Parametrization(), Optimizer(0.1), schedule))
    return tuple(runs)


def _seconds_per_token(configuration: RunConfiguration, device: str, steps: int) -> float:
    """Seconds that a token of this model takes.

    It is one of as many models as are stacked. On a GPU these are `_STACKED`, and the time is the difference between a
    long and a short training, which leaves out what a group pays once: the capture of its CUDA graph.
    """
    from scaling_lib.runs.training.ensembles import train_ensemble

    members = members_on_a_cpu(configuration) if device == "cpu" else _STACKED
    tokens = open_source(configuration.source)

    def seconds(count: int) -> float:
        probe = replace(
            configuration,
            schedule=Schedule(count * configuration.tokens_per_step, batch=configuration.schedule.batch),
            evaluation=Evaluation(walks=2, curve_points=1),
        )
        start = time.monotonic()
        group = [replace(probe, seed=seed) for seed in range(members)]
        train_ensemble(tokens, group, device=device, members_at_once=members, metrics=())
        return time.monotonic() - start

    seconds(steps)  # the first call pays for imports and allocations
    taken = seconds(steps)
    if device == "cpu":
        return taken / (steps * configuration.tokens_per_step * members)
    more = 20 * steps
    return max(seconds(steps + more) - taken, 1e-9) / (more * configuration.tokens_per_step * members)
