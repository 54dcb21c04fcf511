"""A valid call for each public name of pages.drawing.moving."""

import numpy as np

from scaling_lib.fits.laws import PowerLaw
from scaling_lib.fits.uncertainty.spoilt import spoilt_fits
from scaling_lib.pages.drawing import live, moving

AXES = live.plot_axes({0: "0", 1: "1"}, {0: "0", 2: "2"}, "x", "y")
HEIGHTS = np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 0.0]])
LAW, TRUTH, D = PowerLaw(), {"E": 1.8, "B": 20.0, "beta": 0.35}, np.geomspace(1e5, 1e7, 12)
TURNED = spoilt_fits(LAW, TRUTH, {"D": D}, "runs", [8, 12], np.random.default_rng(0), noise=0.002)
SPOILT = {"turned": TURNED, "law": LAW, "truth": TRUTH}

EXAMPLES = [
    (moving.spoilt_panel, SPOILT | {"axes": AXES, "x": D, "reach": 10.0}),
    (moving.spoilt_sentences, SPOILT | {"far": 1e8}),
    (
        moving.moving_dots,
        {"axes": AXES, "x": np.array([0.0, 1.0]), "y": HEIGHTS, "colour": "blue", "seen": HEIGHTS > 0},
    ),
    (moving.moving_curve, {"axes": AXES, "x": np.array([0.0, 1.0]), "y": HEIGHTS, "colour": "grey"}),
    (moving.moving_line, {"axes": AXES, "x": np.array([0.0, 1.0]), "y": HEIGHTS, "colour": "grey"}),
    (moving.moving_curve, {"axes": AXES, "x": np.array([0.0, 1.0]), "y": HEIGHTS, "colour": "green"}),
    (moving.moving_text, {"lines": [["a", "b"], ["c"]], "left": 8.0, "top": 20.0, "apart": 20.0}),
    (moving.level_mark, {"axes": AXES, "x": np.array([0.0, 1.0]), "y": 0.5}),
]
