"""A valid call for each public name of pages.drawing.rescaling."""

from scaling_lib.pages.drawing import rescaling
from scaling_lib.pages.judging.twins.points import twin_points
from tests.pages.planted import twin_runs

POINTS = twin_points(twin_runs("twins-size")).assign(group=lambda points: "n = " + points["nodes"].astype(str))

EXAMPLES = [
    (
        rescaling.Ruler,
        {"across_label": "S", "up_label": "F", "across": lambda p: p["steps"], "up": lambda p: p["loss"]},
    ),
    (rescaling.distance_from_one_curve, {"points": POINTS, "ruler": "steps"}),
    (rescaling.rescaling_panel, {"points": POINTS, "rulers": ["tokens", "steps"]}),
]
