"""Tables of runs of others that ship with the library, each with its source.

* `mlfoundations_runs`: 104 language models of Gadre et al. 2024 (arXiv 2403.08540, repository mlfoundations/scaling,
  MIT licence, beside the table), trained on three corpora, evaluated on C4. Nobody knows their irreducible loss.
"""

from pathlib import Path

import pandas as pd

from scaling_lib.errors import check_choice

__all__ = ["CORPORA", "mlfoundations_runs"]

CORPORA = ("c4_original", "rpj", "rw_original")
_HERE = Path(__file__).resolve().parent


def mlfoundations_runs(corpus: str = "c4_original") -> pd.DataFrame:
    """The runs trained on `corpus` (one of CORPORA): columns name, N (embeddings included), D (tokens), loss (nats per
    token on the validation set of C4), sorted by N, then D. Raises InvalidArgument.

    >>> len(mlfoundations_runs("c4_original"))
    34
    """
    check_choice("corpus", corpus, CORPORA)
    table = pd.read_csv(_HERE / "mlfoundations.csv")
    return table[table["dataset"] == corpus].drop(columns="dataset").reset_index(drop=True)
