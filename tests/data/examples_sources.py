"""A valid call for each public name of data.sources."""

import numpy as np

from scaling_lib.data import chains, sources
from tests.scratch import folder

WALKS = sources.Walks(chains.ring(5))
FOLDER = folder()
TRAINING = sources.write_tokens(FOLDER / "training.npy", np.arange(60) % 7, 7)
HELD_OUT = sources.write_tokens(FOLDER / "held_out.npy", np.arange(40) % 7, 7)
FILE = sources.TokenFile(TRAINING, HELD_OUT, 7)
LAWS = {"context": np.array([0, 1]), "token": np.array([3, 5]), "probability": np.array([1.0, 1.0])}
SOME = np.array([[0, 1, 2]])

EXAMPLES = [
    (sources.NextLaws, LAWS),
    (sources.NextLaws(**LAWS).entropies, {"contexts": 2}),
    (sources.tokens_of, {"source": WALKS, "start": "stationary"}),
    (sources.check_supply, {"source": FILE, "tokens": 50, "context": 5}),
    (sources.Walks, {"chain": WALKS.chain, "start": "stationary"}),
    (WALKS.stream, {"context": 4, "batch": 2, "seeds": [0, 1], "device": None}),
    (WALKS.test, {"count": 2, "context": 4, "seed": 0}),
    (WALKS.next_laws, {"sequences": SOME}),
    (sources.TokenFile, {"training": TRAINING, "held_out": HELD_OUT, "vocabulary": 7}),
    (FILE.stream, {"context": 4, "batch": 2, "seeds": [0, 1], "device": None}),
    (FILE.test, {"count": 2, "context": 4, "seed": 0}),
    (FILE.next_laws, {"sequences": SOME}),
    (sources.write_tokens, {"path": FOLDER / "other.npy", "tokens": np.arange(5), "vocabulary": 5}),
]
