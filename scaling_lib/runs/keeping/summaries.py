"""What a table of runs says before any law is fitted: its best learning rates, and what limits its losses.

Every rule of decision here compares a number with a threshold that was fixed beforehand. A number within a millionth of
its threshold is "on the edge": which side it falls on would be decided by the rounding of one machine.

Learning rates are compared by their excess loss, or by their loss where nobody knows the entropy rate of the data
(text); what compares losses with a floor refuses such runs in one sentence.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pandas as pd

from scaling_lib.arguments import Count, Positive, Real, Remedy, checked
from scaling_lib.errors import check_choice, check_instance, check_integer, check_real, invalid
from scaling_lib.runs.keeping.tables import check_excess, check_runs, lowest_losses

__all__ = [
    "Drop",
    "best_rates",
    "capacity_or_data",
    "compare_drops",
    "first_width_below",
    "mean_losses",
    "near_best_rate",
    "points_at_grid_ends",
    "rate_shift",
    "side",
    "steps_or_data",
    "transfers",
    "worse_when_wider",
]

EDGE = 1e-6  # relative distance from a threshold below which no side is taken
STEPS_ABOVE, STEPS_BELOW = 0.6, 0.4  # share of the gain due to steps: step-limited above, data-limited below
CAPACITY_ABOVE = 0.5  # share of the floor in the excess loss above which capacity limits
LEFT_BELOW = 2 / 3  # what more data may leave above the floor where data or steps limit
LEARNT = 1.0  # nats: a learning rate is said to learn something where some width gets below
_RUNS = ("width", "learning_rate", "excess_loss", "status")
_Curve = Annotated[pd.Series, Remedy("pass nats, indexed by width")]


@checked
def side(value: float, threshold: float) -> str:
    """Where `value` lies: "above" or "below" `threshold`, or "on the edge" where a millionth decides.

    >>> side(0.7, 0.6), side(0.5, 0.6), side(0.1 + 0.2 + 0.3, 0.6)
    ('above', 'below', 'on the edge')
    """
    if abs(value - threshold) <= EDGE * max(abs(threshold), abs(value)):
        return "on the edge"
    return "above" if value > threshold else "below"


def mean_losses(runs: pd.DataFrame) -> pd.DataFrame:
    """Geometric mean over seeds of the excess loss, nats: rows are widths, columns learning rates.

    Where nobody knows the entropy rate of the data, the mean of the loss. runs: a table of runs. Diverged runs do not
    take part; a pair that was not run is NaN. Raises InvalidArgument.
    """
    finished = _finished(runs, _RUNS)
    logs = np.log(finished[_compared(runs)].astype(float))
    return np.exp(logs.groupby([finished["width"], finished["learning_rate"]]).mean().unstack())


def best_rates(runs: pd.DataFrame) -> pd.DataFrame:
    """The best learning rate of each width by the mean over seeds, and whether the grid goes on at both sides of it.

    Returns one row for each width: optimum (of equally good rates the smallest), excess_loss (nats, its mean over
    seeds; named loss where nobody knows the entropy rate), bracketed (False where the optimum is the first or the last
    rate that was tried at this width).
    """
    means = mean_losses(runs)
    lowest = means.min(axis=1)
    best = means.le((1 + EDGE) * lowest, axis=0).idxmax(axis=1)
    first, last = means.apply(pd.Series.first_valid_index, axis=1), means.apply(pd.Series.last_valid_index, axis=1)
    return pd.DataFrame({"optimum": best, _compared(runs): lowest, "bracketed": (best > first) & (best < last)})


def near_best_rate(runs: pd.DataFrame, *, steps: int = 1) -> pd.DataFrame:
    """The runs at the best learning rate of their width, and at its neighbours up to `steps` places off in the grid."""
    steps = check_integer("steps", steps, minimum=0)
    optimum = best_rates(runs)["optimum"]
    place = {rate: i for i, rate in enumerate(sorted(runs["learning_rate"].unique()))}
    centre = runs["width"].map(optimum.map(place))
    return runs[(runs["learning_rate"].map(place) - centre).abs() <= steps]


def points_at_grid_ends(runs: pd.DataFrame, *, by: tuple[str, ...] = ("N", "D")) -> int:
    """At how many points L(`by`) the lowest loss was found at the smallest or the largest learning rate of `runs`."""
    check_runs("runs", runs, ("learning_rate", "loss", "status"))
    ends = [runs["learning_rate"].min(), runs["learning_rate"].max()]
    return int(lowest_losses(runs, by=by)["learning_rate"].isin(ends).sum())


def rate_shift(runs: pd.DataFrame) -> float:
    """The largest of the best learning rates of all widths over the smallest."""
    optimum = best_rates(runs)["optimum"]
    return float(optimum.max() / optimum.min())


def transfers(runs: pd.DataFrame, *, factor: float = 2.0) -> bool:
    """Whether the best learning rates of all widths lie within `factor` of one another; just `factor` apart is within.

    The default is the step of the grids of this library.
    """
    return side(rate_shift(runs), check_real("factor", factor, minimum=1)) != "above"


def worse_when_wider(runs: pd.DataFrame) -> pd.DataFrame:
    """How often the next wider model is worse, by the mean over seeds, at each learning rate.

    Returns one row for each learning rate: rises (how many of the comparisons of neighbouring widths go up), learns
    (whether some width gets below one nat, which is the least to be asked of a rate). Raises InvalidArgument, also for
    runs on data whose entropy rate nobody knows.
    """
    check_excess("runs", runs)
    means = mean_losses(runs)
    rises = (means.diff() > EDGE * means).sum()
    return pd.DataFrame({"rises": rises, "learns": means.min() < LEARNT * (1 - EDGE)})


def steps_or_data(runs: pd.DataFrame, knob: str) -> pd.DataFrame:
    """Whether the optimiser's steps or the tokens limit each point L(D, knob).

    knob: "batch" or "epochs", what changes the steps at equal D. With s = -d log(excess) / d log(steps) at fixed D and
    b = -d log(excess) / d log(D) at a fixed knob, where the steps grow with D, the share s / b is the part of the gain
    that the steps bring without a new token.
    Returns the rows of the lowest losses with share (NaN where there is one D or one value of the knob) and limit:
    "step-limited" where the share is above 0.6, "data-limited" below 0.4, "both" between, "on the edge" at either
    threshold, "not decided" without a share. Raises InvalidArgument, also for runs on data whose entropy rate nobody
    knows.
    """
    check_choice("knob", knob, ("batch", "epochs"))
    check_runs("runs", runs, ("D", knob, "loss", "excess_loss", "optimizer_steps", "status"))
    check_excess("runs", runs)
    best = lowest_losses(runs, by=("D", knob))
    wide = best.pivot(index="D", columns=knob)
    loss, steps = np.log(wide["excess_loss"].astype(float)), np.log(wide["optimizer_steps"].astype(float))
    share = pd.DataFrame(np.nan, loss.index, loss.columns)
    if min(loss.shape) > 1:
        along_tokens = -np.gradient(loss, np.log(loss.index.to_numpy(float)), axis=0)
        along_steps = np.array([-np.gradient(loss.loc[D], steps.loc[D]) for D in loss.index])
        share[:] = along_steps / along_tokens
    shares = share.stack(future_stack=True).rename("share").reset_index()
    return best.merge(shares.assign(limit=shares["share"].map(_limit_of_share)), on=["D", knob])


def _limit_of_share(share: float) -> str:
    if not np.isfinite(share):
        return "not decided"
    upper, lower = side(share, STEPS_ABOVE), side(share, STEPS_BELOW)
    if "on the edge" in (upper, lower):
        return "on the edge"
    return "step-limited" if upper == "above" else "data-limited" if lower == "below" else "both"


def capacity_or_data(losses: pd.DataFrame, floors: pd.DataFrame) -> pd.DataFrame:
    """Whether the capacity floor, or data and steps, limit each width.

    losses: excess losses, nats, one row for each width, one column for each D, ascending. floors: columns width and
    floor, as `capacity_floors` returns them: upper estimates of a lower bound, so that a width is limited by capacity
    as far as that search came down. The floor never rises with the width, so that at a width which is not in `floors`
    that of the next narrower one bounds it.
    Returns for each width: floor, share (of the floor in the loss at the largest D), left (what the largest D leaves of
    that which lies above the floor at the smallest; NaN where there is one D) and limit: "capacity" where the share is
    above one half; else "data or steps" where less than two thirds are left, "neither shown" where more are, "on the
    edge" at a threshold, "not decided" where one D is known.
    """
    check_instance("losses", losses, pd.DataFrame, remedy="pivot the lowest losses to width and D")
    check_runs("floors", floors, ("width", "floor"))
    if losses.empty:
        raise invalid("losses", "a table with a row for each width", losses.shape, "train some first")
    floor = pd.Series({n: floors.loc[floors["width"] <= n, "floor"].min() for n in losses.index}, dtype=float)
    less, more = losses.iloc[:, 0].astype(float), losses.iloc[:, -1].astype(float)
    left = (more - floor) / (less - floor) if losses.shape[1] > 1 else pd.Series(np.nan, losses.index)
    widths = pd.DataFrame({"floor": floor, "share": floor / more, "left": left}).rename_axis(losses.index.name)
    limits = [_limit_of_width(share, rest) for share, rest in zip(widths["share"], widths["left"], strict=True)]
    return widths.assign(limit=limits)


def _limit_of_width(share: float, left: float) -> str:
    if not np.isfinite(share):
        return "not decided"
    capacity = side(share, CAPACITY_ABOVE)
    if capacity != "below":
        return "capacity" if capacity == "above" else capacity
    if not np.isfinite(left):
        return "not decided"
    return {"below": "data or steps", "above": "neither shown"}.get(side(left, LEFT_BELOW), "on the edge")


@checked
@dataclass(frozen=True)
class Drop:
    """From which width on the floor and the trained losses lie below a level; None where they never do.

    verdict: "not seen", "with the floor" or "behind the floor".
    """

    floor_width: Count | None
    trained_width: Count | None
    verdict: Literal["not seen", "with the floor", "behind the floor"]


@checked
def first_width_below(curve: _Curve, level: Positive) -> int | None:
    """The least width at which `curve` lies below `level`; None where it never does. Both in nats.

    curve: indexed by width. A value within a millionth of the level does not lie below it.
    """
    below = curve[curve.astype(float) < level * (1 - EDGE)]
    return None if below.empty else int(below.index.min())


@checked
def compare_drops(
    floor: _Curve, losses: _Curve, *, level: Positive = 0.5, factor: Annotated[float, Real(minimum=1)] = 1.2
) -> Drop:
    """Whether trained models lose their excess loss where their capacity floor does.

    floor, losses: nats, indexed by width. level: nats; the first width below it is where a curve drops. The drop of the
    trained models is "behind the floor" where its width is more than `factor` times that of the floor.
    """
    floor_width, trained_width = first_width_below(floor, level), first_width_below(losses, level)
    if floor_width is None or trained_width is None:
        return Drop(floor_width, trained_width, "not seen")
    behind = side(trained_width / floor_width, factor) == "above"
    return Drop(floor_width, trained_width, "behind the floor" if behind else "with the floor")


def _compared(runs: pd.DataFrame) -> str:
    """The column by which runs are compared: of the loss above the floor, as long as every floor is known."""
    unknown = runs.loc[runs["status"] == "ok", "excess_loss"].isna().any()
    if unknown:
        check_runs("runs", runs, ("loss",))
    return "loss" if unknown else "excess_loss"


def _finished(runs: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    check_runs("runs", runs, columns)
    finished = runs[runs["status"] == "ok"]
    if finished.empty:
        raise invalid("runs", "a table with a finished run", "diverged runs only", "lower the learning rate")
    return finished
