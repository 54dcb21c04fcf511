"""Worlds that a budget can be spent in: planted ones, recorded ones, and models that are trained on the spot.

A world knows its floor and trains what it is asked to train. A planted world is a law with scatter,

    ln(L - E) = ln(A N^-alpha + B D^-beta) + c ln(rate / best rate)^2 + scatter,

whose parameters follow from a secret; the best rate drifts with N, and a rate far above it diverges. The scatter
follows from what is trained, to three digits, and its seed. A recorded world answers from a table of runs and refuses
what was not run. In a trained world each request is a run of the library, with an identity. All three are spent through
the same ledger (`capstone.ledger`).
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Annotated, Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from scaling_lib.arguments import BY_HAND, Integer, Positive, Remedy, checked
from scaling_lib.errors import InvalidArgument, check_instance, invalid
from scaling_lib.runs.keeping.tables import load_recorded
from scaling_lib.runs.records import RunConfiguration
from scaling_lib.runs.sweeping.recipes import chain_of

__all__ = [
    "HERO",
    "LARGEST",
    "SCREENING",
    "PlantedWorld",
    "RecordedWorld",
    "TrainedWorld",
    "Trial",
    "World",
    "recorded_world",
]

# FLOPs of the one large run, of the largest run before it, and of all runs before it together.
HERO = 4.21e12
LARGEST = HERO / 30
SCREENING = 1e12
# A planted rate this many times the best one diverges.
TOO_FAST = 8.0
# Nobody trains a model of one parameter; in a planted world it would show a term of the law by itself.
LEAST = 10_000
# The floor that a player is told follows from the secret: each guess at the secret shall cost some milliseconds.
_COST_OF_A_GUESS = {"n": 1 << 14, "r": 8, "p": 1}

_LIST_OF_TRIALS = "build each with Trial(N, D, rate, seed)"


_Number = Annotated[int, Integer(minimum=1, maximum=10**15)]


@checked
@dataclass(frozen=True)
class Trial:
    """A model to be trained: N parameters on D tokens at a peak learning rate, with a seed."""

    N: _Number
    D: _Number
    rate: Positive
    seed: Annotated[int, Integer(minimum=0)] = 0

    @property
    def flops(self) -> float:
        """6 N D."""
        return 6.0 * self.N * self.D


Trials = Annotated[Sequence[Trial], Remedy(_LIST_OF_TRIALS)]


@runtime_checkable
class World(Protocol):
    """What a ledger spends its FLOPs in."""

    @property
    def floor(self) -> float:
        """The entropy rate, nats per token: no loss is below it."""

    def refusal(self, trial: Trial) -> str:
        """Why this world cannot train `trial`, and what it can; "" where it can."""

    def train(self, trials: Sequence[Trial]) -> list[float | None]:
        """The loss of each in nats per token; None where it diverged."""


@checked
@dataclass(frozen=True)
class PlantedWorld:
    """A law with scatter that follows from `secret` and `number` alone, so that a regrade meets the same world.

    >>> world = PlantedWorld("practice", 1)
    >>> world.train([Trial(100_000, 100_000, 1.0)]) == world.train([Trial(100_000, 100_000, 1.0)])
    True
    """

    secret: str = field(repr=False)
    number: Annotated[int, Integer(minimum=0)] = 0

    @cached_property
    def law(self) -> Mapping[str, float]:
        """What was planted: E, alpha, beta, A, B, best_rate (at N = 1e5), drift, c, scatter."""
        generator = np.random.default_rng(self._digest("law"))
        # Exponents apart, in either order: then a curve that was screened bends before it reaches the large run.
        middle, half = generator.uniform(0.45, 0.65), generator.choice([-1, 1]) * generator.uniform(0.1, 0.25)
        alpha, beta = middle + half, middle - half
        # At the hero's budget: where the best size lies, and how much excess loss it leaves.
        N, excess = math.exp(generator.uniform(math.log(2e5), math.log(4e6))), math.exp(generator.uniform(-3.5, -2))
        D = HERO / 6 / N
        return {
            "E": float(generator.uniform(1.5, 3)),
            "alpha": float(alpha),
            "beta": float(beta),
            "A": float(beta / (alpha + beta) * excess * N**alpha),
            "B": float(alpha / (alpha + beta) * excess * D**beta),
            "best_rate": float(math.exp(generator.uniform(math.log(0.3), math.log(3)))),
            "drift": float(generator.uniform(0, 0.15)),
            "c": float(generator.uniform(0.08, 0.2)),
            "scatter": float(generator.uniform(0.02, 0.04)),
        }

    @property
    def floor(self) -> float:
        """The entropy rate, nats per token."""
        return self.law["E"]

    @checked
    def expected_excess(self, trial: Annotated[Trial, Remedy(_LIST_OF_TRIALS)]) -> float:
        """Loss above the floor, in nats, without scatter; infinite where the run diverges."""
        law = self.law
        off = math.log(trial.rate / law["best_rate"]) + law["drift"] * math.log(trial.N / 1e5)
        if off > math.log(TOO_FAST):
            return math.inf
        best = law["A"] * trial.N ** -law["alpha"] + law["B"] * trial.D ** -law["beta"]
        return float(best * math.exp(min(law["c"] * off**2, 500.0)))  # as good as infinite

    @checked
    def lowest_excess(self, flops: Positive) -> float:
        """The lowest expected excess loss, in nats, that a run of `flops` FLOPs can have here."""
        law = self.law
        alpha, beta = law["alpha"], law["beta"]
        N = (alpha * law["A"] / beta / law["B"]) ** (1 / (alpha + beta)) * (flops / 6) ** (beta / (alpha + beta))
        return float(law["A"] * N**-alpha + law["B"] * (flops / 6 / N) ** -beta)

    @checked
    def refusal(self, trial: Annotated[Trial, Remedy(_LIST_OF_TRIALS)]) -> str:
        """Why a trial is too small for this world; "" where it is not."""
        return f"N and D must be at least {LEAST:,} here" if min(trial.N, trial.D) < LEAST else ""

    @checked
    def train(self, trials: Trials) -> list[float | None]:
        """The loss of each trial in nats per token; None where it diverged. Raises InvalidArgument for one that is too
        small."""
        for trial in trials:
            if reason := self.refusal(trial):
                raise InvalidArgument(f"trials must be runs of this world, got {trial}: {reason}.")
        losses: list[float | None] = []
        for trial in trials:
            excess = self.expected_excess(trial)
            # To three digits: on another processor a player's fit ends elsewhere in the last ones, and a regrade there
            # shall meet the same scatter.
            asked = [f"{value:.2e}" for value in (trial.N, trial.D, trial.rate)]
            scatter = np.random.default_rng(self._digest([*asked, trial.seed])).standard_normal()
            loss = self.floor + excess * math.exp(self.law["scatter"] * scatter)
            losses.append(loss if math.isfinite(loss) else None)
        return losses

    def _digest(self, words: Any) -> int:
        text = json.dumps([self.number, words]).encode()
        return int.from_bytes(hashlib.blake2b(text, key=_stretched(self.secret), digest_size=16).digest())


@cache
def _stretched(secret: str) -> bytes:
    return hashlib.scrypt(secret.encode(errors="replace"), salt=b"planted worlds", dklen=32, **_COST_OF_A_GUESS)


@checked
@dataclass(frozen=True)
class RecordedWorld:
    """A table of runs that answers from what was run. table: with the columns of a recorded table.

    Raises InvalidArgument where a column is missing or the runs have several floors.
    """

    table: Annotated[pd.DataFrame, Remedy("pass load_recorded(NAME)")]

    def __post_init__(self) -> None:
        needed = ["N", "D", "learning_rate", "seed", "status", "loss", "entropy_rate"]
        if missing := [name for name in needed if name not in self.table]:
            raise invalid("table", f"a table with the columns {', '.join(needed)}", missing, "add what is missing")
        rates = self.table["entropy_rate"].to_numpy(float)
        # Machines may differ in the last digits of an entropy rate.
        if not len(rates) or not np.ptp(rates) < 1e-9:
            found = sorted(set(np.round(rates, 6).tolist()))
            raise invalid("table", "runs on one graph, whose floor is known", found, "pass fewer of them")

    @property
    def floor(self) -> float:
        """The entropy rate, nats per token."""
        return float(self.table["entropy_rate"].iloc[0])

    @cached_property
    def _losses(self) -> dict[tuple[int, int, float, int], float | None]:
        columns = ("N", "D", "learning_rate", "seed", "status", "loss")
        held = self.table[list(columns)].itertuples(index=False, name=None)
        return {(N, D, rate, seed): loss if status == "ok" else None for N, D, rate, seed, status, loss in held}

    @property
    def choices(self) -> pd.DataFrame:
        """What can be asked for: N, D, FLOPs, the learning rates and the number of seeds of each."""
        grouped = self.table.groupby(["N", "D"], as_index=False)
        return grouped.agg(rates=("learning_rate", lambda rates: sorted(set(rates))), seeds=("seed", "nunique")).assign(
            flops=lambda frame: 6.0 * frame["N"] * frame["D"]
        )

    @checked
    def refusal(self, trial: Annotated[Trial, Remedy(_LIST_OF_TRIALS)]) -> str:
        """Which of the four was not run, and what is nearest to it; "" where the run is there."""
        left: list[tuple[Any, ...]] = list(self._losses)
        for place, (name, value) in enumerate(zip(("N", "D", "rate", "seed"), _four(trial), strict=True)):
            known = sorted({key[place] for key in left})
            if value not in known:
                nearest = min(known, key=lambda other: abs(math.log((other + 1e-9) / (value + 1e-9))))
                return f"{name} = {value:g} was not run here, the nearest that was is {nearest}"
            left = [key for key in left if key[place] == value]
        return ""

    @checked
    def train(self, trials: Trials) -> list[float | None]:
        """The recorded loss of each trial; None where it diverged. Raises InvalidArgument for what was not run."""
        for trial in trials:
            if reason := self.refusal(trial):
                raise InvalidArgument(f"trials must have been recorded, got {trial}: {reason}.")
        return [self._losses[_four(trial)] for trial in trials]


def _four(trial: Trial) -> tuple[int, int, float, int]:
    return trial.N, trial.D, trial.rate, trial.seed


def recorded_world() -> RecordedWorld:
    """The recorded runs on a random graph of 1,000 nodes, 38,000 to 1.1 million parameters: the hero is the largest."""
    return RecordedWorld(pd.concat([load_recorded(name) for name in ("er-1k-small", "er-1k-wide")], ignore_index=True))


@checked
@dataclass(frozen=True)
class TrainedWorld:
    """Models that are trained when they are asked for; each is a run, with an identity.

    template: a run of which width, tokens, learning rate and seed are changed, such as experiment("er-200").template.
    run: from configurations to a table of runs, such as `lambda runs: lab.train("one-shot", runs)`.
    widths: from which sizes are made.
    """

    template: Annotated[RunConfiguration, Remedy("take experiment('er-200').template")]
    run: Annotated[Callable[[list[RunConfiguration]], pd.DataFrame], BY_HAND]
    widths: Annotated[tuple[int, ...], Remedy("pass widths such as (16, 32, 64)")] = (16, 24, 32, 48, 64, 96, 128, 192)

    def __post_init__(self) -> None:
        if not callable(self.run):
            raise invalid("run", "a function", self.run, "pass lambda runs: lab.train('one-shot', runs)")

    @cached_property
    def floor(self) -> float:
        """The entropy rate of the template's graph, nats per token."""
        return chain_of(self.template.source).entropy_rate

    @cached_property
    def sizes(self) -> dict[int, int]:
        """From N to the width that has it."""
        # Heads are left to follow the width, as in the grids of the book.
        shape = replace(self.template.architecture, heads=None)
        return {replace(shape, width=width).parameters: width for width in self.widths}

    @checked
    def refusal(self, trial: Annotated[Trial, Remedy(_LIST_OF_TRIALS)]) -> str:
        """Why there is no such model, or no such number of tokens; "" where there is."""
        if trial.N not in self.sizes:
            nearest = min(self.sizes, key=lambda N: abs(math.log(N / trial.N)))
            return f"no width has N = {trial.N}, the nearest has {nearest}"
        step = self.template.tokens_per_step
        if trial.D % step:
            return (
                f"D = {trial.D} is no multiple of a batch of {step} tokens, {max(1, round(trial.D / step)) * step} is"
            )
        return ""

    @checked
    def configuration(self, trial: Annotated[Trial, Remedy(_LIST_OF_TRIALS)]) -> RunConfiguration:
        """The run that a trial stands for. Raises InvalidArgument where there is none."""
        if reason := self.refusal(trial):
            raise InvalidArgument(f"trial must be one of this world, got {trial}: {reason}.")
        shape = replace(self.template.architecture, heads=None, width=self.sizes[trial.N])
        return replace(
            self.template,
            architecture=shape,
            schedule=replace(self.template.schedule, tokens=trial.D),
            optimizer=replace(self.template.optimizer, learning_rate=trial.rate),
            seed=trial.seed,
        )

    @checked
    def train(self, trials: Trials) -> list[float | None]:
        """The loss of each trial, trained now or taken from the store; None where it diverged."""
        wanted = [self.configuration(trial) for trial in trials]
        table = check_instance("run", self.run(wanted), pd.DataFrame, remedy="return a table of runs")
        losses = dict(zip(table["identity"], table["loss"].where(table["status"] == "ok"), strict=True))
        return [None if pd.isna(losses[one.identity]) else float(losses[one.identity]) for one in wanted]
