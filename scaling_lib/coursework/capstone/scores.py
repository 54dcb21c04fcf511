"""What one shot is worth: up to 40 points for the loss that was reached, up to 40 for the forecast.

Both are measured on ln(L - E), the logarithm of the excess loss. With r the distance of the large run from the best
one of the same FLOPs, the first is 40 (1 - 2 r), 0 at the least. With S the interval score of Gneiting and Raftery
(2007, equation 43) for an 80 % interval,

    S = (high - low) + 10 (distance by which the outcome lies outside),

the second is 40 (1 - S), 0 at the least. S is proper: its mean is lowest for those who state their own 10 % and 90 %
quantiles. Points that are linear in it keep that, as long as none are lost below 0. A run that earns nothing for its
loss earns nothing for its forecast either: how a model of 10,000 parameters ends is easily foreseen, and of no use.
"""

import math
from dataclasses import dataclass
from typing import Annotated

from scaling_lib.arguments import Positive, Real, Remedy, checked
from scaling_lib.coursework.capstone.ledger import Registered
from scaling_lib.coursework.capstone.worlds import HERO, PlantedWorld
from scaling_lib.coursework.forecasts import Forecast
from scaling_lib.errors import invalid

__all__ = ["POINTS", "Score", "interval_score", "score"]

POINTS = 40
LEVEL = 0.8
# In place of infinity, where there is no loss.
LOST = 1e6
# All points are lost at an excess 1.6 times the best one, and by an interval between excesses a factor of e apart.
_LOST_BY_REGRET, _LOST_BY_INTERVAL = 2.0, 1.0


@checked
@dataclass(frozen=True)
class Score:
    """What one shot is worth.

    regret: ln of the expected excess loss over the lowest that the same FLOPs can buy. interval: the interval score,
    on the same scale. inside: whether the outcome lies in the interval. loss_points, interval_points: of POINTS each.
    """

    regret: float
    interval: float
    inside: bool
    loss_points: float
    interval_points: float


@checked
def interval_score(
    forecast: Annotated[Forecast, Remedy("build it with Forecast(low, value, high)")],
    loss: Positive,
    floor: Annotated[float, Real(minimum=0)],
) -> float:
    """The interval score of an 80 % interval on ln(L - floor): lower is better.

    Raises InvalidArgument where loss or interval are not above the floor.

    >>> round(interval_score(Forecast(2.1, 2.15, 2.2), 2.15, 2.0), 3)
    0.693
    """
    for name, value in (("loss", loss), ("forecast", forecast.low)):
        if value <= floor:
            raise invalid(name, f"above the floor {floor:g}", value, "subtract nothing from it")
    low, high, outcome = (math.log(value - floor) for value in (forecast.low, forecast.high, loss))
    outside = max(low - outcome, outcome - high, 0.0)
    return high - low + 2 / (1 - LEVEL) * outside


@checked
def score(
    registered: Annotated[Registered, Remedy("take that of a Ledger")],
    world: Annotated[PlantedWorld, Remedy("build it with PlantedWorld('practice', 1)")],
    hero: Positive = HERO,
) -> Score:
    """What was registered in a planted world, where the best loss for `hero` FLOPs is known. A run that diverges has
    no points."""
    (loss,) = world.train([registered.trial])
    if loss is None:
        return Score(LOST, LOST, False, 0.0, 0.0)
    regret = math.log(world.expected_excess(registered.trial) / world.lowest_excess(hero))
    width = interval_score(registered.forecast, loss, world.floor)
    inside = registered.forecast.low <= loss <= registered.forecast.high
    earned = _points(_LOST_BY_REGRET * regret)
    return Score(regret, width, inside, earned, _points(_LOST_BY_INTERVAL * width) if earned > 0 else 0.0)


def _points(lost: float) -> float:
    return POINTS * max(0.0, 1 - max(lost, 0.0))
