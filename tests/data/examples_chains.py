"""A valid call for each public name of data.chains."""

import networkx
import numpy as np

from scaling_lib.data import chains


def generator():
    return np.random.default_rng(0)


EXAMPLES = [
    (chains.erdos_renyi, {"nodes": 30, "edges": 120, "generator": generator(), "giant_component": True}),
    (chains.erdos_renyi, {"nodes": 30, "probability": 0.5, "generator": generator(), "giant_component": True}),
    (chains.barabasi_albert, {"nodes": 30, "attachments": 3, "generator": generator()}),
    (
        chains.biased,
        {
            "chain": chains.complete(5),
            "kappa": 1.0,
            "kmin": 1.0,
            "kmax": 10.0,
            "integer": False,
            "symmetric": True,
            "generator": generator(),
        },
    ),
    (chains.from_edges, {"table": [[0, 1], [1, 2], [2, 0]], "directed": True, "giant_component": False}),
    (chains.from_networkx, {"graph": networkx.cycle_graph(5), "weight": None, "giant_component": False}),
    (chains.from_counts, {"counts": [[1, 2], [3, 0]], "minimum": 1.0, "giant_component": False}),
    (chains.ring, {"nodes": 5}),
    (chains.complete, {"nodes": 5}),
    (chains.regular, {"nodes": 10, "degree": 3, "generator": generator()}),
    (chains.tree, {"branching": 2, "depth": 3}),
    (chains.path, {"nodes": 5}),
    (chains.star, {"nodes": 5}),
]
