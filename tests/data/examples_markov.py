"""A valid call for each public name of data.markov."""

import numpy as np

from scaling_lib.data import chains, markov

CHAIN = chains.erdos_renyi(30, edges=120, generator=np.random.default_rng(0))

EXAMPLES = [
    (
        markov.Chain,
        {
            "indptr": CHAIN.indptr,
            "indices": CHAIN.indices,
            "weights": CHAIN.weights,
            "directed": False,
            "labels": tuple(range(30)),
        },
    ),
    (CHAIN.start_law, {"kind": "strength"}),
    (CHAIN.conditional_entropies, {"length": 5, "start": "stationary"}),
    (CHAIN.block_entropy, {"length": 5, "start": "stationary"}),
    (CHAIN.mutual_information, {"length": 3, "progress": False}),
    (CHAIN.correlation, {"length": 3, "observable": np.arange(30.0)}),
    (CHAIN.rank_frequencies, {"kind": "bigram"}),
]
