"""A valid call for each public name of data.walks."""

from scaling_lib.data import chains, walks

RING = chains.ring(5)

EXAMPLES = [
    (
        walks.sample_walks,
        {
            "chain": RING,
            "count": 3,
            "length": 4,
            "seed": 0,
            "first": 2,
            "start": "stationary",
            "backend": "numpy",
            "device": None,
        },
    ),
    (
        walks.WalkStream,
        {
            "chain": RING,
            "length": 4,
            "batch": 2,
            "seed": 0,
            "start": "stationary",
            "backend": "numpy",
            "device": None,
        },
    ),
    (walks.random_words, {"seed": 0, "count": 3}),
    (walks.walk_words, {"seed": 0, "first": 2, "count": 3, "words": 4}),
    (walks.WalkStream(RING, 4, 2, 0).batch, {"step": 3}),
]
