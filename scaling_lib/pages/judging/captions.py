"""The captions of the paper's 13 experiments as one table, from the ledger, where their 78 numbers stand."""

from typing import Literal

import pandas as pd

from scaling_lib.arguments import checked
from scaling_lib.pages.judging.ledger import Claim, ledger

__all__ = ["caption_ratios", "published_exponents"]

# From the first part of the ids of an experiment's claims to how its data and its model are called.
_EXPERIMENTS = {
    "er-8k-k0": ("ER 8K/50K, kappa 0", "2 layers, muP"),
    "er-8k-k1": ("ER 8K/50K, kappa 1", "2 layers, muP"),
    "er-1k-k0": ("ER 1K/5K, kappa 0", "muP, depth not stated"),
    "ba-8k": ("BA 8K/50K", "muP, depth not stated"),
    "er-50k-k0": ("ER 50K/2M, kappa 0", "muP, depth not stated"),
    "er-50k-k1": ("ER 50K/2M, kappa 1", "muP, depth not stated"),
    "bigram": ("language, bigram", "2 layers, muP"),
    "t1l": ("language, T1L", "2 layers, muP"),
    "t2l": ("language, T2L", "2 layers, muP"),
    "text-mup-2l": ("language", "2 layers, muP"),
    "text-mup-4l": ("language", "4 layers, muP"),
    "text-sp-2l": ("language", "2 layers, SP"),
    "text-sp-4l": ("language", "4 layers, SP"),
}


def published_exponents() -> pd.DataFrame:
    """What the captions of arXiv 2601.10684v1 state, one row for each of its 13 experiments.

    figure: number of the figure. data, model: in words. alpha, beta: means of the exponents in N and in D over the
    fixed other variable; alpha_spread, beta_spread: their standard deviations. mse_n_*, mse_d_*: mean squared residual
    (nats squared) of L(N) at fixed D and of L(D) at fixed N, of the power law and of the exponential, averaged over
    the curves of the figure. source: paper and figure.

    >>> published_exponents().query("figure == 1")[["alpha", "beta"]].iloc[0].tolist()
    [1.028, 0.749]
    """
    claims = {claim.id: claim for claim in ledger()}
    return pd.DataFrame([_caption(claims, name) for name in _EXPERIMENTS])


def _caption(claims: dict[str, Claim], name: str) -> dict[str, object]:
    """The row of one experiment."""
    alpha, beta = claims[f"{name}.alpha"], claims[f"{name}.beta"]
    figure = int(alpha.place.removeprefix("Fig "))
    data, model = _EXPERIMENTS[name]
    row: dict[str, object] = {"figure": figure, "data": data, "model": model}
    row |= {"alpha": alpha.published, "alpha_spread": alpha.spread}
    row |= {"beta": beta.published, "beta_spread": beta.spread}
    for variable in "nd":
        row[f"mse_{variable}_power"] = claims[f"{name}.mse_{variable}_power"].published
        row[f"mse_{variable}_exponential"] = claims[f"{name}.mse_{variable}_exp"].published
    return row | {"source": f"arXiv 2601.10684v1, caption of figure {figure}"}


@checked
def caption_ratios(variable: Literal["n", "d"]) -> pd.Series:
    """MSE of the exponential over that of the power law, from the captions, by number of the figure.

    variable: "n" for the fits of L(N) at fixed D, "d" for those of L(D) at fixed N. Raises InvalidArgument.
    """
    table = published_exponents().set_index("figure")
    return table[f"mse_{variable}_exponential"] / table[f"mse_{variable}_power"]
