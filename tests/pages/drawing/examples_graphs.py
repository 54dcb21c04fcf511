"""A valid call for each public name of pages.drawing.graphs."""

import numpy as np

from scaling_lib.pages.drawing import graphs

TRIANGLE = {
    "places": np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 4.0]]),
    "edges": np.array([[0, 1], [1, 2]]),
    "widths": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]),
    "radii": np.array([[5.0, 6.0, 7.0], [8.0, 9.0, 10.0], [11.0, 12.0, 13.0], [14.0, 15.0, 16.0]]),
    "letters": ["a", "b", "c"],
}

EXAMPLES = [(graphs.graph_panel, TRIANGLE)]
