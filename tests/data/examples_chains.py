"""A valid call for each public name of data.chains."""

import numpy as np

from scaling_lib.data import chains


def generator():
    return np.random.default_rng(0)


EXAMPLES = [
    (chains.erdos_renyi, {"nodes": 30, "edges": 120, "generator": generator(), "giant_component": True}),
    (chains.erdos_renyi, {"nodes": 30, "probability": 0.5, "generator": generator(), "giant_component": True}),
    (chains.barabasi_albert, {"nodes": 30, "attachments": 3, "generator": generator()}),
    (
        chains.planted_partition,
        {
            "nodes": 30,
            "communities": 3,
            "edges": 120,
            "inside": 0.75,
            "generator": generator(),
            "giant_component": True,
        },
    ),
    (chains.community_of, {"nodes": 30, "communities": 3}),
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
    (chains.ring, {"nodes": 5}),
    (chains.complete, {"nodes": 5}),
    (chains.regular, {"nodes": 10, "degree": 3, "generator": generator()}),
    (chains.tree, {"branching": 2, "depth": 3}),
    (chains.path, {"nodes": 5}),
    (chains.star, {"nodes": 5}),
    (chains.coin, {"heads": 0.25}),
    (chains.die, {"faces": 6, "kmax": 10.0, "generator": generator()}),
    (chains.cycle, {"nodes": 5}),
]
