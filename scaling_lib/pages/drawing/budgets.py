"""What a slider of budgets moves: the loss of every model that a budget can train, and where the optimum lies.

`plan_errors`, `plan_error_panel` and `plan_error_sentences` show what becomes of the plan where the table of a known
law is rounded, noisy or cut (`fits.uncertainty.spoilt`).
"""

from collections.abc import Mapping
from typing import Annotated

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from scaling_lib.arguments import BY_HAND, Entries, Positive, Remedy, checked
from scaling_lib.errors import InvalidArgument, check_array, check_instance, invalid
from scaling_lib.fits.allocation import closed_form, isoflop_loss
from scaling_lib.fits.allocation.inverse import inverse_plan
from scaling_lib.pages.drawing.figures import COLOURS
from scaling_lib.pages.drawing.live import Axes, Mark, Panel
from scaling_lib.pages.drawing.moving import level_mark, moving_dots, moving_line
from scaling_lib.pages.drawing.numbers import number, percent

__all__ = ["budget_marks", "plan_error_panel", "plan_error_sentences", "plan_errors"]

_COLUMNS = ("C", "N", "N_low", "N_high")
_LAW = ("E", "A", "B", "alpha", "beta")
_Fits = Annotated[pd.DataFrame, Remedy("make it with spoilt_fits")]
_Truth = Annotated[Mapping[str, float], Remedy("pass a dict with E, A, B, alpha, beta")]


def budget_marks(
    axes: Axes,
    parameters: Mapping[str, float],
    planned: pd.DataFrame,
    *,
    sizes: Float[np.ndarray, " sizes"],
    losses: Float[np.ndarray, " 2"],
) -> list[Mark]:
    """A shaded band, the curve of loss against size, and a dot at the optimum; a position of the slider for each row of
    `planned`.

    axes: of log10 of the parameters, and of loss in nats. parameters: E, A, B, alpha, beta of a Chinchilla law.
    planned: C (FLOPs), N, N_low, N_high (parameters), as `Frontier.predict` gives them; the band reaches from N_low to
    N_high and the dot is at N. sizes: parameters at which a curve is drawn. losses: lowest and highest loss of the
    axes, in nats; a curve is cut at the highest. Raises InvalidArgument.
    """
    check_instance("axes", axes, Axes, remedy="make them with plot_axes")
    closed_form(parameters)
    check_instance("planned", planned, pd.DataFrame, remedy="make it with Frontier.predict")
    for name in _COLUMNS:
        if name not in planned:
            raise InvalidArgument(f"planned lacks the column {name!r}: make it with Frontier.predict.")
    C, N, low, high = (
        check_array(f"planned[{name!r}]", planned[name].to_numpy(), dimensions=1, above=0, least=2) for name in _COLUMNS
    )
    sizes = check_array("sizes", sizes, dimensions=1, above=0, least=2)
    lowest, highest = check_array("losses", losses, dimensions=1, length=2)
    if not lowest < highest:
        raise invalid("losses", "two rising numbers", losses, "pass the ends of the axis of losses")
    curves = []
    for budget in C:
        loss = isoflop_loss(parameters, sizes, float(budget))
        inside = loss <= highest
        points = zip(axes.across(np.log10(sizes[inside])), axes.up(loss[inside]), strict=True)
        curves.append(" ".join(f"{across:.1f},{up:.1f}" for across, up in points))
    left, right, best = (axes.across(np.log10(end)) for end in (low, high, N))
    heights = [float(axes.up(isoflop_loss(parameters, size, float(budget)))) for size, budget in zip(N, C, strict=True)]
    top, bottom = float(axes.up(highest)), float(axes.up(lowest))
    band = {"x": left.tolist(), "width": (right - left).tolist(), "y": top, "height": bottom - top}
    return [
        Mark("rect", band | {"fill": COLOURS["blue"], "opacity": 0.2}),
        Mark("polyline", {"points": curves, "fill": "none", "stroke": COLOURS["blue"], "stroke-width": 2}),
        Mark("circle", {"cx": best.tolist(), "cy": heights, "r": 7, "fill": COLOURS["vermillion"]}),
    ]


@checked
def plan_errors(fits: _Fits, truth: _Truth, flops: Positive) -> pd.DataFrame:
    """What the plan of each fit is worth where the true law is known; a row for each row of `fits`.

    fits: columns E, A, B, alpha, beta of Chinchilla's law, as `spoilt_fits` gives them. truth: the law that holds.
    flops: the budget planned for. Columns: a, the exponent of N_opt in C; N, parameters planned at `flops`; ratio, N
    over the best size; overspent, the share of `flops` that the best size would have saved at the same loss. Raises
    InvalidArgument.
    """
    best = closed_form(truth)
    plans = []
    for law in _laws(fits):
        fitted = closed_form(law)
        N = float(fitted.optimal_parameters(flops))
        waste = 1 - 1 / inverse_plan(truth, N=N, flops=flops).overspent
        plans.append({"a": fitted.a, "N": N, "ratio": N / float(best.optimal_parameters(flops)), "overspent": waste})
    return pd.DataFrame(plans, index=fits.index)


@checked
def plan_error_panel(
    axes: Annotated[Axes, Remedy("make them with plot_axes")],
    fits: _Fits,
    truth: _Truth,
    budgets: Annotated[Float[np.ndarray, " budgets"], Entries(above=0, least=1)],
    kept: Annotated[Bool[np.ndarray, "positions budgets"], BY_HAND],
    flops: Positive,
) -> Panel:
    """The planned size over the best one, by the fit of each position of the slider: a line along the budgets.

    axes: of log10 of C in FLOPs, and of log10 of N over the best N. fits, truth, flops: as in `plan_errors`. budgets:
    of the table, FLOPs; a dot each on the level of the truth, full at the positions where it was `kept`. The line
    reaches from the smallest budget to `flops`, where it ends in a dot. Raises InvalidArgument.
    """
    shape = (len(fits), len(budgets))
    if not isinstance(kept, np.ndarray) or kept.dtype != bool or kept.shape != shape:
        raise invalid("kept", f"an array of bool of shape {shape}", kept, "say of each budget whether it was fitted")
    best = closed_form(truth)
    ends = np.array([min(float(budgets.min()), flops), flops])
    planned = [closed_form(law).optimal_parameters(ends) for law in _laws(fits)]
    ratios = np.log10(np.array(planned) / best.optimal_parameters(ends))
    x = np.log10(ends)
    marks = [
        level_mark(axes, x, 0.0),
        *moving_dots(axes, np.log10(budgets), np.zeros(shape), colour="grey", seen=kept),
        moving_line(axes, x, ratios),
        *moving_dots(axes, x[1:], ratios[:, 1:], colour="vermillion"),
    ]
    return Panel(320, 320, [*axes.marks, *marks])


@checked
def plan_error_sentences(fits: _Fits, truth: _Truth, flops: Positive) -> list[str]:
    """For each position of the slider: the exponent, the planned size against the best one, and what that costs."""
    right = closed_form(truth).a
    return [
        f"a = {number(plan.a, decimals=3)}, planted {number(right, decimals=3)}. The plan is "
        f"{number(plan.ratio, decimals=2)} times the best size and wastes {percent(plan.overspent, decimals=1)} of the "
        "compute."
        for plan in plan_errors(fits, truth, flops).itertuples()
    ]


def _laws(fits: pd.DataFrame) -> list[dict[str, float]]:
    for name in _LAW:
        if name not in fits:
            raise InvalidArgument(f"fits lacks the column {name!r}: make it with spoilt_fits of Chinchilla's law.")
    if not len(fits):
        raise invalid("fits", "one row or more", len(fits), "make it with spoilt_fits")
    return fits[list(_LAW)].to_dict("records")
