"""Tables of others that ship with the library, each with its source.

* `mlfoundations_runs`: 104 language models of Gadre et al. 2024 (arXiv 2403.08540, repository mlfoundations/scaling,
  MIT licence, beside the table), trained on three corpora, evaluated on C4. Nobody knows their irreducible loss.
* `published_exponents`: what the captions of arXiv 2601.10684v1 state of its 13 experiments, typed off, compared twice.
"""

from pathlib import Path

import pandas as pd

from scaling_lib.errors import check_choice

__all__ = ["CORPORA", "mlfoundations_runs", "published_exponents"]

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


def published_exponents() -> pd.DataFrame:
    """One row per experiment of the paper. alpha, beta: means of the exponents in N and in D over the fixed other
    variable, *_spread: their standard deviations; mse_n_*, mse_d_*: mean squared residual (nats squared) of L(N) at
    fixed D and of L(D) at fixed N, for the power law and the exponential, averaged over the curves of the figure."""
    return pd.read_csv(_HERE / "published_exponents.csv")
