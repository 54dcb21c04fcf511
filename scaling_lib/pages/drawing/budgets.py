"""What a slider of budgets moves: the loss of every model that a budget can train, and where the optimum lies."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float

from scaling_lib.errors import InvalidArgument, check_array, check_instance, invalid
from scaling_lib.fits.allocation import closed_form, isoflop_loss
from scaling_lib.pages.drawing.figures import COLOURS
from scaling_lib.pages.drawing.live import Axes, Mark

__all__ = ["budget_marks"]

_COLUMNS = ("C", "N", "N_low", "N_high")


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
        check_array(f"planned[{name!r}]", planned[name].to_numpy(), dimensions=1, above=0, least=2)
        for name in _COLUMNS
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
