"""A valid call for each public name of pages.drawing.moving."""

import numpy as np

from scaling_lib.pages.drawing import live, moving

AXES = live.plot_axes({0: "0", 1: "1"}, {0: "0", 2: "2"}, "x", "y")
HEIGHTS = np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 0.0]])

EXAMPLES = [
    (moving.moving_dots, {"axes": AXES, "x": np.array([0.0, 1.0]), "y": HEIGHTS, "colour": "blue"}),
    (moving.moving_line, {"axes": AXES, "x": np.array([0.0, 1.0]), "y": HEIGHTS, "colour": "grey"}),
    (moving.moving_curve, {"axes": AXES, "x": np.array([0.0, 1.0]), "y": HEIGHTS, "colour": "green"}),
    (moving.moving_text, {"lines": [["a", "b"], ["c"]], "left": 8.0, "top": 20.0, "apart": 20.0}),
    (moving.level_mark, {"axes": AXES, "x": np.array([0.0, 1.0]), "y": 0.5}),
]
