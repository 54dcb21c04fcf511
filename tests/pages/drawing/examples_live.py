"""A valid call for each public name of pages.drawing.live."""

import numpy as np
import pandas as pd

from scaling_lib.pages.drawing import live

MARK = live.Mark("circle", {"cx": 10, "cy": 20, "r": [3.0, 4.5, 5.0], "fill": "#0072B2"})
LABEL = live.Mark("text", {"x": 5, "y": 15}, ["one", "two", "three"])
PANEL = live.Panel(100, 50, [MARK, LABEL])
FIGURE = {
    "panels": [PANEL],
    "slider": "size",
    "values": ["1", "2", "3"],
    "says": ["small", "larger", "large"],
    "start": 1,
    "name": "fig-live",
    "caption": "A disc that grows with the slider.",
    "alt": "A blue disc in the middle of a wide box, with a word above it.",
    "table": pd.DataFrame({"size": [1, 2, 3]}),
    "runs": [],
}
CURVE = {
    "x": np.array([0.0, 1.0, 2.0]),
    "y": np.array([5.0, 6.0, 8.0]),
    "x_label": "size",
    "y_label": "loss (nats)",
    "x_ticks": [0, 1, 2],
    "y_ticks": [4, 6, 8],
    "level": 7.0,
    "level_label": "floor",
}

EXAMPLES = [
    (live.Mark, {"tag": "text", "attributes": {"x": 5, "y": [1, 2]}, "text": "one"}),
    (MARK.drawn, {"position": 2}),
    (live.Panel, {"width": 100, "height": 50, "marks": [MARK]}),
    (live.plot_axes, {"x_ticks": {0: "0", 1: "1"}, "y_ticks": {2: "2", 3: "3"}, "x_label": "x", "y_label": "y"}),
    (live.Axes, {"marks": (MARK,), "across": float, "up": float}),
    (live.curve_panel, CURVE),
    (live.live_html, FIGURE),
    (live.show_live, FIGURE),
]
