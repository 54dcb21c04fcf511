"""The ledger of "One shot": it counts FLOPs, closes rounds, and takes one forecast, which it cannot take back.

    ledger = Ledger(PlantedWorld("practice", 1))
    ledger.screen([Trial(50_000, 100_000, 1.0), Trial(50_000, 100_000, 2.0)])
    ledger.register(N=800_000, D=870_000, rate=1.0, low=2.02, forecast=2.04, high=2.07)
    ledger.hero()

A request is trained whole or refused whole. What diverges is paid for. The loss of the hero run is not known to
anybody before the forecast is registered, and its seed is nobody's choice.
"""

import contextlib
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import pandas as pd

from scaling_lib.arguments import BY_HAND, Count, Positive, Remedy, checked
from scaling_lib.coursework.capstone.worlds import HERO, LARGEST, SCREENING, Trial, World
from scaling_lib.coursework.forecasts import Forecast
from scaling_lib.errors import InvalidArgument, invalid

__all__ = ["ROUNDS", "Ledger", "Registered", "play"]

ROUNDS = 3
# The share of its FLOPs that the large run uses at the least: a small one, screened before, would be foreseen.
LEAST_OF_HERO = 0.5
HERO_SEED = 0
_SHORT = "pass Trial(N, D, rate, seed) or [N, D, rate, seed] for each"
_MOST_TRIALS = 40


@checked
@dataclass(frozen=True)
class Registered:
    """The one large run and what was said of it before it was trained. hash: of all of it and of what was screened."""

    trial: Annotated[Trial, Remedy("build it with Trial(N, D, rate)")]
    forecast: Annotated[Forecast, Remedy("build it with Forecast(low, value, high)")]
    hash: str


class Ledger:
    """FLOPs of screening in a world, in rounds; then one forecast and one run.

    world: a PlantedWorld, RecordedWorld or TrainedWorld. budget: FLOPs of all screening runs together. largest: FLOPs
    of one of them at most. hero: FLOPs of the large run at most. rounds: requests that may be made.
    """

    @checked
    def __init__(
        self,
        world: Annotated[World, BY_HAND],
        budget: Positive = SCREENING,
        largest: Positive = LARGEST,
        hero: Positive = HERO,
        rounds: Count = ROUNDS,
    ) -> None:
        if not all(hasattr(world, name) for name in ("floor", "refusal", "train")):
            raise invalid("world", "a world", world, "pass PlantedWorld('practice', 1)")
        self._world, self._budget, self._largest, self._hero, self._rounds = world, budget, largest, hero, rounds
        self._history: list[tuple[int, Trial, float | None]] = []
        self._refused: list[str] = []
        self._round = 0
        self._registered: Registered | None = None

    @property
    def floor(self) -> float:
        """The entropy rate, nats per token: no loss is below it."""
        return float(self._world.floor)

    @property
    def left(self) -> float:
        """FLOPs that screening may still use."""
        return self._budget - math.fsum(trial.flops for _, trial, _ in self._history)

    @property
    def rounds_left(self) -> int:
        """Requests that may still be made."""
        return 0 if self._registered else self._rounds - self._round

    @property
    def refused(self) -> tuple[str, ...]:
        """Why requests were refused, a sentence for each."""
        return tuple(self._refused)

    @property
    def registered(self) -> Registered | None:
        """What was registered; None before."""
        return self._registered

    @property
    def table(self) -> pd.DataFrame:
        """What was screened: round, N, D, rate, seed, FLOPs, loss in nats (missing where the run diverged)."""
        columns = ["round", "N", "D", "rate", "seed", "flops", "loss"]
        entries = [
            (number, trial.N, trial.D, trial.rate, trial.seed, trial.flops, loss)
            for number, trial, loss in self._history
        ]
        return pd.DataFrame(entries, columns=columns).astype({"loss": float})

    def state(self) -> dict[str, Any]:
        """All that may be known now, as plain data: history ([N, D, rate, seed, loss or None] of each run), floor,
        left, largest, hero, rounds_left."""
        return {
            "history": [[trial.N, trial.D, trial.rate, trial.seed, loss] for _, trial, loss in self._history],
            "floor": self.floor,
            "left": self.left,
            "largest": self._largest,
            "hero": self._hero,
            "rounds_left": self.rounds_left,
        }

    @checked
    def screen(self, trials: Annotated[Sequence[Any], BY_HAND]) -> pd.DataFrame:
        """Train these, all or none, and close the round; the table of everything screened so far.

        trials: of each a Trial, or N, D, rate, seed in a list. Raises InvalidArgument, and trains and counts nothing,
        where there is no round left, a run is too large or unknown to the world, or the budget does not suffice.
        """
        try:
            wanted = self._wanted(trials)
        except InvalidArgument as error:
            self._refused.append(str(error))
            raise
        losses = self._world.train(wanted) if wanted else []
        self._round += 1
        self._history += [(self._round, trial, loss) for trial, loss in zip(wanted, losses, strict=True)]
        return self.table

    def _wanted(self, trials: Any) -> list[Trial]:
        """The trials of a request that is granted. Raises InvalidArgument."""
        wanted = _as_trials(trials)
        if self._registered:
            raise invalid("trials", "asked for before a forecast is registered", len(wanted), "there is no way back")
        if not self.rounds_left:
            raise invalid("trials", f"asked for in {self._rounds} rounds at most", len(wanted), "register a forecast")
        for trial in wanted:
            if trial.flops > self._largest:
                limit = f"of at most {self._largest:.3g} FLOPs each"
                raise invalid("trials", limit, f"{trial} with {trial.flops:.3g}", "ask for smaller runs")
            if reason := self._world.refusal(trial):
                raise InvalidArgument(f"trials must be runs of this world, got {trial}: {reason}.")
        cost = math.fsum(trial.flops for trial in wanted)
        if cost > self.left * (1 + 1e-9):
            limit = f"of at most {self.left:.3g} FLOPs together"
            raise invalid("trials", limit, f"{cost:.3g}", "ask for fewer or smaller ones")
        return wanted

    @checked
    def register(self, *, N: Count, D: Count, rate: Positive, low: Positive, forecast: Positive, high: Positive) -> str:
        """Commit to the large run and to an 80 % interval of its loss; the hash of the commitment. Once.

        Raises InvalidArgument where there is one already, where the run is too large, uses less than half of the FLOPs
        it may or is unknown to the world, or where the interval does not hold the forecast or reaches the floor.
        """
        trial = Trial(N, D, rate, HERO_SEED)
        if self._registered:
            raise invalid("forecast", "registered once", forecast, f"yours is {self._registered.hash[:12]}")
        if trial.flops > self._hero * (1 + 1e-9):
            raise invalid("D", f"such that 6ND is at most {self._hero:.3g}", f"{trial.flops:.3g}", "pass a smaller one")
        if trial.flops < LEAST_OF_HERO * self._hero:
            limit = f"such that 6ND is at least {LEAST_OF_HERO * self._hero:.3g}"
            raise invalid("D", limit, f"{trial.flops:.3g}", "the large run is to be large")
        if reason := self._world.refusal(trial):
            raise InvalidArgument(f"N, D and rate must be of a run of this world, got {trial}: {reason}.")
        if low <= self.floor:
            raise invalid("low", f"above the floor {self.floor:g}", low, "no loss is at the floor or below")
        if not low <= forecast <= high:
            raise invalid("forecast", f"between low = {low:g} and high = {high:g}", forecast, "order them")
        said = Forecast(low, forecast, high)
        told = json.dumps([asdict(trial), asdict(said), self.state()["history"]], sort_keys=True)
        digest = hashlib.blake2b(told.encode(), digest_size=16).hexdigest()
        self._registered = Registered(trial, said, digest)
        return digest

    def hero(self) -> float | None:
        """Train the registered run: its loss in nats per token, None where it diverged. Raises InvalidArgument where
        nothing is registered."""
        if self._registered is None:
            raise invalid("forecast", "registered before the large run", None, "call register first")
        (loss,) = self._world.train([self._registered.trial])
        return loss


def _as_trials(trials: Any) -> list[Trial]:
    if isinstance(trials, str | bytes) or not isinstance(trials, Sequence) or len(trials) > _MOST_TRIALS:
        raise invalid("trials", f"a list of at most {_MOST_TRIALS} runs", trials, _SHORT)
    made = []
    for trial in trials:
        if isinstance(trial, Trial):
            made.append(trial)
            continue
        try:
            made.append(Trial(*trial))
        except (TypeError, InvalidArgument) as error:
            reason = f"{error}" if isinstance(error, InvalidArgument) else _SHORT
            raise InvalidArgument(
                f"trials must be a list of runs, got one that is none: {reason.rstrip('.')}."
            ) from None
    return made


@checked
def play(
    ledger: Annotated[Ledger, Remedy("build it with Ledger(world)")],
    next_round: Annotated[Callable[..., Any], BY_HAND],
    forecast: Annotated[Callable[..., Any], BY_HAND],
) -> None:
    """Let two functions play a ledger to the end.

    next_round(history, floor, left, largest, hero, rounds_left): the runs to screen, a list of [N, D, rate, seed]. A
    refused round is over, and nothing was trained in it. forecast(history, floor, left, largest, hero, rounds_left):
    [N, D, rate, low, value, high], which is registered. Raises InvalidArgument where that is refused.
    """
    for name, function in (("next_round", next_round), ("forecast", forecast)):
        if not callable(function):
            raise invalid(name, "a function", function, "write one")
    for number in range(ledger.rounds_left, 0, -1):
        with contextlib.suppress(InvalidArgument):  # the ledger keeps the reason
            ledger.screen(next_round(**_with_rounds(ledger.state(), number)))
    answer = forecast(**_with_rounds(ledger.state(), 0))
    names = ("N", "D", "rate", "low", "forecast", "high")
    if isinstance(answer, str) or not isinstance(answer, Sequence) or len(answer) != len(names):
        raise invalid("forecast", "a function that returns [N, D, rate, low, value, high]", answer, "return all six")
    ledger.register(**dict(zip(names, answer, strict=True)))


def _with_rounds(state: Mapping[str, Any], rounds_left: int) -> dict[str, Any]:
    """The state as a player sees it, who has lost a round even where the ledger did not count it."""
    return {**state, "rounds_left": rounds_left}
