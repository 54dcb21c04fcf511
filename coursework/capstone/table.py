"""What each strategy scores over forty planted worlds: the table of the book's page on the capstones."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from coursework.capstone.strategies import STRATEGIES, Strategy
from scaling_lib.coursework.capstone.ledger import Ledger, play
from scaling_lib.coursework.capstone.scores import Score, score
from scaling_lib.coursework.capstone.worlds import PlantedWorld

__all__ = ["WORLDS", "Standing", "scores_of", "standings"]

WORLDS = 40
SECRET = "forty worlds"


class Standing(NamedTuple):
    """Means over the worlds: points for the loss and for the forecast, and the share of outcomes inside."""

    strategy: Strategy
    loss: float
    forecast: float
    inside: float


def scores_of(strategy: Strategy, worlds: Sequence[PlantedWorld]) -> list[Score]:
    """What a strategy scores in each world. Raises InvalidArgument where its forecast is refused."""
    scores = []
    for world in tqdm(worlds, desc=strategy.name):
        ledger = Ledger(world)
        play(ledger, strategy.next_round, strategy.forecast)
        scores.append(score(ledger.registered, world))
    return scores


def standings() -> list[Standing]:
    """One for each strategy."""
    worlds = [PlantedWorld(SECRET, number) for number in range(WORLDS)]
    listed = []
    for strategy in STRATEGIES:
        scores = scores_of(strategy, worlds)
        means = [
            float(np.mean([getattr(one, name) for one in scores]))
            for name in ("loss_points", "interval_points", "inside")
        ]
        listed.append(Standing(strategy, *means))
    return listed
