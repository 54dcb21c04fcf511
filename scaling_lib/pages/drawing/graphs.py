"""A graph in a live figure: nodes with letters, joined by edges whose widths move with the slider."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from scaling_lib.arguments import Entries, Remedy, checked
from scaling_lib.errors import invalid
from scaling_lib.pages.drawing.figures import COLOURS
from scaling_lib.pages.drawing.live import Mark, Panel

__all__ = ["graph_panel"]

_SIZE, _BORDER = 320, 35  # of the panel, and how far nodes stay away from its edge


@checked
def graph_panel(
    places: Annotated[Float[np.ndarray, "node 2"], Entries(least=2)],
    edges: Annotated[Int[np.ndarray, "edge 2"], Entries(minimum=0)],
    *,
    widths: Annotated[Float[np.ndarray, "position edge"], Entries(minimum=0)],
    radii: Annotated[Float[np.ndarray, "position node"], Entries(minimum=0)],
    letters: Annotated[Sequence[str], Remedy("pass a text for each node")],
) -> Panel:
    """A panel of 320 x 320 with a graph, the nodes above the edges.

    places: of the nodes, in any units; they are stretched to fill the panel. edges: pairs of nodes, counted from 0.
    widths, radii: of edges and nodes at each position of the slider, in units of the drawing (about a pixel).
    letters: what stands in each node. Raises InvalidArgument where the sizes do not fit together.
    """
    if places.shape[1] != 2 or not (np.ptp(places, axis=0) > 0).all():
        raise invalid("places", "two coordinates for each node, not all equal", places, "lay it out in the plane")
    if edges.shape[1] != 2 or edges.max(initial=0) >= len(places):
        raise invalid("edges", f"pairs of numbers below {len(places)}", edges, "count the nodes from 0")
    for name, columns, count, thing in (("widths", widths, len(edges), "edge"), ("radii", radii, len(places), "node")):
        if columns.shape[1] != count:
            wanted = f"a column for each {thing}, {count} in all"
            raise invalid(name, wanted, columns, "pass one row for each position")
    if len(letters) != len(places):
        raise invalid("letters", f"{len(places)} texts, one for each node", len(letters), "pass as many")
    if len(widths) != len(radii):
        raise invalid("radii", f"for {len(widths)} positions, as widths", len(radii), "pass as many")
    x, y = (_BORDER + (_SIZE - 2 * _BORDER) * (places - places.min(axis=0)) / np.ptp(places, axis=0)).T
    marks = [
        Mark(
            "line",
            {
                **{"x1": x[u], "y1": y[u], "x2": x[v], "y2": y[v]},
                **{"stroke": COLOURS["grey"], "stroke-linecap": "round", "stroke-width": widths[:, edge].tolist()},
            },
        )
        for edge, (u, v) in enumerate(edges)
    ]
    for node, letter in enumerate(letters):
        disc = {"cx": x[node], "cy": y[node], "r": radii[:, node].tolist(), "fill": COLOURS["blue"]}
        middle = {"x": x[node], "y": y[node] + 5, "text-anchor": "middle", "style": "fill:white"}
        marks += [Mark("circle", disc), Mark("text", middle, letter)]
    return Panel(_SIZE, _SIZE, marks)
