"""A valid call for each public name of data.edges."""

import networkx
import pandas as pd

from scaling_lib.data import edges

RING = pd.DataFrame({"from": [0, 1, 2], "to": [1, 2, 0], "size": [2.0, 3.0, 4.0]})

EXAMPLES = [
    (edges.from_edges, {"table": [[0, 1], [1, 2], [2, 0]], "directed": True, "giant_component": False}),
    (edges.from_edges, {"table": RING, "weight": "size"}),
    (edges.from_networkx, {"graph": networkx.cycle_graph(5), "weight": None, "giant_component": False}),
    (edges.from_counts, {"counts": [[1, 2], [3, 0]], "minimum": 1.0, "giant_component": False}),
]
