"""Small experiments: exercises that train something, with the identities of the runs that answer them.

    tried("twice-the-width")             # which runs they are, without training
    tried("twice-the-width", lab.train)  # trains them, seconds to a few minutes, and shows the outcome
    tried("twice-the-width", recorded)   # the outcome of the same runs as they were recorded

Each is a part of a grid of the book, so that the runs of a reader and the recorded ones have the same identities. An
outcome is one number, for which a forecast is registered first (`coursework.forecasts`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
import pandas as pd

from scaling_lib.arguments import BY_HAND, Remedy, checked
from scaling_lib.coursework.forecasts import reveal
from scaling_lib.errors import InvalidArgument, check_choice, check_sequence, invalid
from scaling_lib.runs.keeping.tables import check_runs, load_recorded
from scaling_lib.runs.records import RunConfiguration
from scaling_lib.runs.sweeping.axes import value_of
from scaling_lib.runs.sweeping.experiments import experiment

__all__ = ["SMALL", "SmallExperiment", "recorded", "small_experiment", "tried"]

Grid = Mapping[str, Mapping[str, tuple]]
Outcome = Callable[[pd.DataFrame], tuple[float, list[str]]]
STORE = "small-experiments"
_WIDTH, _TOKENS, _RATE = "architecture.width", "schedule.tokens", "optimizer.learning_rate"


@checked
@dataclass(frozen=True)
class SmallExperiment:
    """A question that some runs of the book's grids answer with one number.

    unit: what the number is. grid: from the name of an experiment to the values, by field, of the runs that are taken
    from it. outcome: from a table of these runs to the number and to the identities of the runs that decide it.
    """

    key: str
    unit: str
    grid: Annotated[Mapping[str, Mapping[str, tuple]], Remedy("name experiments and the values to be taken")]
    outcome: Annotated[Outcome, BY_HAND]

    def __post_init__(self) -> None:
        if not callable(self.outcome):
            raise invalid("outcome", "a function of a table of runs", self.outcome, "write one")

    @property
    def configurations(self) -> tuple[RunConfiguration, ...]:
        """The runs, in the order of the grids."""
        return tuple(
            configuration
            for name, values in self.grid.items()
            for configuration in experiment(name).configurations("full")
            if all(value_of(configuration, field) in allowed for field, allowed in values.items())
        )


def _lowest(runs: pd.DataFrame, **values: Any) -> pd.Series:
    """The run of the lowest excess loss among those with these values."""
    kept = runs[runs["status"] == "ok"]
    for column, value in values.items():
        kept = kept[kept[column] == value]
    if kept.empty:
        raise InvalidArgument(f"runs must hold a finished one with {values}, got none: train the whole experiment.")
    return kept.loc[kept["excess_loss"].idxmin()]


def _ratio(column: str, above: Mapping[str, Any], below: Mapping[str, Any]) -> Outcome:
    """The value of `column` in the best run on one side, over that on the other."""

    def outcome(runs: pd.DataFrame) -> tuple[float, list[str]]:
        one, other = _lowest(runs, **above), _lowest(runs, **below)
        return float(one[column] / other[column]), [one["identity"], other["identity"]]

    return outcome


def _scatter_ratio(runs: pd.DataFrame) -> tuple[float, list[str]]:
    """Scatter of ln(excess) over seeds at rate 1, of width 16 over that of width 64."""
    scatters, identities = [], []
    for width in (16, 64):
        kept = runs[(runs["width"] == width) & (runs["status"] == "ok")]
        scatters.append(float(np.std(np.log(kept["excess_loss"]), ddof=1)))
        identities += kept["identity"].tolist()
    return scatters[0] / scatters[1], identities


_ONE_SEED = {"seed": (0,)}
_ALL = (
    SmallExperiment(
        "almost-twice-the-tokens",
        "excess loss after 196,000 tokens over that after 100,000",
        {"er-100": {_TOKENS: (100_000, 196_000), _RATE: (0.5, 1.0, 2.0), **_ONE_SEED}},
        _ratio("excess_loss", {"D": 196_000}, {"D": 100_000}),
    ),
    SmallExperiment(
        "who-scatters",
        "scatter over three seeds of ln(excess loss) at width 16 over that at width 64",
        {"er-200": {_WIDTH: (16, 64), _RATE: (1.0,)}},
        _scatter_ratio,
    ),
    SmallExperiment(
        "twice-the-width",
        "best learning rate of width 64 over that of width 32, under SP",
        {"er-200-sp": {_WIDTH: (32, 64), **_ONE_SEED}},
        _ratio("learning_rate", {"width": 64}, {"width": 32}),
    ),
    SmallExperiment(
        "twice-the-width-in-mup",
        "best learning rate of width 64 over that of width 32, under muP",
        {"er-200": {_WIDTH: (32, 64), **_ONE_SEED}},
        _ratio("learning_rate", {"width": 64}, {"width": 32}),
    ),
    SmallExperiment(
        "five-times-the-batch",
        "excess loss with batches of 50 over that with batches of 10, at the same tokens",
        {"er-200-batches": {"schedule.batch": (10, 50), _TOKENS: (100_000,), **_ONE_SEED}},
        _ratio("excess_loss", {"batch": 50}, {"batch": 10}),
    ),
    SmallExperiment(
        "read-twice",
        "excess loss after two passes over 50,000 tokens over that after one pass over 100,000",
        {"er-200-epochs": {_TOKENS: (50_000, 100_000), "schedule.epochs": (1, 2)}},
        _ratio("excess_loss", {"D": 50_000, "epochs": 2}, {"D": 100_000, "epochs": 1}),
    ),
    SmallExperiment(
        "too-narrow",
        "excess loss of width 8 after 400,000 tokens over that after 100,000",
        {"er-200-dense": {_WIDTH: (8,), **_ONE_SEED}},
        _ratio("excess_loss", {"D": 400_000}, {"D": 100_000}),
    ),
    SmallExperiment(
        "size-or-tokens",
        "excess loss of width 16 on 400,000 tokens over that of width 32 on 100,000, at about the same FLOPs",
        {"er-200-dense": {_WIDTH: (16, 32), _TOKENS: (100_000, 400_000), _RATE: (0.5, 1.0, 2.0), **_ONE_SEED}},
        _ratio("excess_loss", {"width": 16, "D": 400_000}, {"width": 32, "D": 100_000}),
    ),
    SmallExperiment(
        "a-readout-of-its-own",
        "excess loss with a readout of its own over that with the embedding as readout, at width 32",
        {"er-200-untied": {_WIDTH: (32,), **_ONE_SEED}, "er-200": {_WIDTH: (32,), **_ONE_SEED}},
        _ratio("excess_loss", {"tied": False}, {"tied": True}),
    ),
)
SMALL: Mapping[str, SmallExperiment] = MappingProxyType({small.key: small for small in _ALL})


@checked
def small_experiment(key: str) -> SmallExperiment:
    """The small experiment of that key. Raises InvalidArgument where there is none."""
    return SMALL[check_choice("key", key, tuple(SMALL))]


@checked
def recorded(name: str, configurations: Annotated[Sequence[Any], BY_HAND]) -> pd.DataFrame:
    """The recorded runs of these configurations, in their order: what `Session.train` gives, without training.

    name: of a store, which this does not need. Raises InvalidArgument where one was not recorded.
    """
    wanted = check_sequence("configurations", configurations, RunConfiguration, remedy="take them from an experiment")
    tables = [load_recorded(table) for table in sorted({table for small in SMALL.values() for table in small.grid})]
    frame = pd.concat(tables, ignore_index=True).drop_duplicates("identity").set_index("identity", drop=False)
    identities = [configuration.identity for configuration in wanted]
    if missing := [identity for identity in identities if identity not in frame.index]:
        raise invalid("configurations", "runs that were recorded", missing[0][:12], "train it")
    return frame.loc[identities].reset_index(drop=True)


def tried(key: str, train: Any = None) -> None:
    """Print the runs of the small experiment `key` or, with a way to get them, its outcome. Never raises.

    train: `lab.train` of a session, which trains what its store lacks, or `recorded`; None trains nothing. The outcome
    stands beside the forecast that was registered for `key`, and the identities of the runs that decide below it.
    """
    if not isinstance(key, str) or key not in SMALL:
        print(f"There is no small experiment {key!r}: it is one of {', '.join(SMALL)}.")
        return
    small = SMALL[key]
    configurations = small.configurations
    if train is None:
        listed = ", ".join(configuration.identity[:8] for configuration in configurations)
        print(f"Asked for: {small.unit}.")
        print(f"{len(configurations)} runs answer it: {listed}.")
        return
    try:
        runs = check_runs("train", train(STORE, configurations), ("identity", "status", "excess_loss"))
        outcome, identities = small.outcome(runs)
    except Exception as error:
        print(f"There is no outcome ({' '.join(str(error).split())}): pass lab.train, or recorded.")
        return
    reveal(key, outcome)
    print(f"Decided by {', '.join(identity[:8] for identity in identities)}.")
