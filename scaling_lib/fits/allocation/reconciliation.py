"""Kaplan against Chinchilla: what counting embeddings or not does to a compute-optimal exponent.

Kaplan et al. 2020 found N_opt ~ C^0.73 and Hoffmann et al. 2022 C^0.50. Pearce and Song 2024 (arXiv 2406.12907): let
the loss follow a Chinchilla law in all parameters N, of which N_E are no embeddings,

    N = N_E + omega N_E^power        (47491, 1/3: their fit to the Chinchilla models, 32k words, fixed aspect ratio)

and let one count compute as C_E = 6 N_E D, as Kaplan et al. did. Minimising L at fixed C_E gives, in closed form,

    C_E = 6 (beta B / alpha A)^(1/beta) N_E N^((1 + alpha)/beta) (N_E dN/dN_E)^(-1/beta)

whose local exponent d log N_E / d log C_E is 1 / (1 + power alpha / beta) where embeddings are everything and the law's
own beta / (alpha + beta) where they are nothing, and larger than both between: over Kaplan et al.'s range it is near
theirs. Porian et al. 2024 (arXiv 2406.19146) walk the rest of the way by experiment (`porian_steps`).
`exponents_by_size` asks a table of runs what its own exponents are in all parameters, in those without embeddings, and
in width.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.optimize.elementwise import find_root

from scaling_lib.arguments import BY_HAND, Choice, Entries, Integer, Real, Remedy, Share, checked
from scaling_lib.errors import check_array, check_real, invalid
from scaling_lib.fits.allocation.corrections import chinchilla_parameters
from scaling_lib.fits.allocation.frontiers import LawParameters
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla
from scaling_lib.fits.solver.problem import OBJECTIVES

__all__ = ["embedding_frontier", "exponents_by_size", "local_exponents", "porian_steps", "total_parameters"]

# Pearce and Song's fit to the Chinchilla models.
OMEGA, POWER = 47491.0, 1 / 3


_Sizes = Annotated[Float[np.ndarray, "*models"] | float, Entries(above=0, least=0)]
_Omega = Annotated[float, Real(minimum=0, maximum=1e12)]


def _check_sizes(nonembedding: Any) -> None:
    if (nonembedding > 1e40).any() or (nonembedding < 1e-6).any():
        raise invalid("nonembedding", "numbers of parameters", nonembedding.ravel()[0], "pass 1 to 1e40")


@checked
def total_parameters(
    nonembedding: _Sizes, *, omega: _Omega = OMEGA, power: Share = POWER
) -> Float[np.ndarray, "*models"]:
    """N = N_E + omega N_E^power. For tied decoders of fixed depth and vocabulary V, power is 1/2 and omega V / sqrt(12
    depth), to leading order.

    >>> f"{total_parameters(768.0):.3g} of which 768 are no embeddings"
    '4.36e+05 of which 768 are no embeddings'
    """
    _check_sizes(nonembedding)
    return np.asarray(nonembedding + omega * nonembedding**power)


@checked
def embedding_frontier(
    parameters: LawParameters,
    nonembedding: _Sizes,
    *,
    omega: _Omega = OMEGA,
    power: Share = POWER,
) -> pd.DataFrame:
    """The frontier that is seen when neither N nor C counts embeddings, one row a model.

    parameters: E, A, B, alpha, beta of a law in all parameters. nonembedding: N_E. Columns: N_nonembedding, N, D,
    C_nonembedding = 6 N_E D (the budget at which N_E is optimal), C = 6 N D, loss (nats), exponent
    = d log N_E / d log C_E. Raises InvalidArgument.
    """
    p = chinchilla_parameters(parameters)
    _check_sizes(nonembedding)
    sizes = np.asarray(nonembedding)
    if sizes.ndim != 1:
        raise invalid("nonembedding", "a one-dimensional array", sizes, "flatten it")
    log_e = np.log(sizes)
    log_c, growth = _log_budget(p, log_e, omega, power)
    if (np.abs(log_c) > 600).any():
        raise invalid("parameters", "those of a law with a finite frontier", dict(p), "check the units")
    N = sizes + omega * sizes**power
    D = np.exp(log_c - log_e) / 6
    loss = Chinchilla().loss(p, N=N, D=D)
    return pd.DataFrame(
        {
            "N_nonembedding": sizes,
            "N": N,
            "D": D,
            "C_nonembedding": np.exp(log_c),
            "C": 6 * N * D,
            "loss": loss,
            "exponent": 1 / growth,
        }
    )


def _log_budget(p: Mapping[str, float], log_e: np.ndarray, omega: float, power: float) -> tuple[np.ndarray, np.ndarray]:
    """log C_E at which N_E = exp(log_e) is optimal, and its derivative in log N_E."""
    alpha, beta = p["alpha"], p["beta"]
    sizes = np.exp(log_e)
    embeddings = omega * sizes**power
    N, slope = sizes + embeddings, sizes + power * embeddings  # slope: N_E dN/dN_E
    constant = np.log(6.0) + (np.log(beta) + np.log(p["B"]) - np.log(alpha) - np.log(p["A"])) / beta
    log_c = constant + log_e + (1 + alpha) / beta * np.log(N) - np.log(slope) / beta
    bend = (sizes + power**2 * embeddings) / slope  # d log slope / d log N_E
    return log_c, 1 + (1 + alpha) / beta * slope / N - bend / beta


@checked
def local_exponents(
    parameters: LawParameters,
    *,
    low: Annotated[float, Real(minimum=1.0, maximum=1e40)] = 10**12.95,
    high: Annotated[float, BY_HAND] = 10**20.7,
    omega: _Omega = OMEGA,
    power: Share = POWER,
    budgets: Annotated[int, Integer(minimum=3, maximum=100_000)] = 200,
) -> dict[str, float]:
    """What power laws fitted over a range of budgets would say: least squares on logarithms along the frontiers.

    low, high: C_E in FLOPs (defaults: about Kaplan et al.'s range). budgets: log-spaced between. Returns a, with
    N_E ~ C_E^a; loss and excess, minus the exponents of L and of L - E in C_E; and total_a, total_loss, total_excess,
    the same with embeddings counted in N and in C, over the same numbers of FLOPs. Raises InvalidArgument.
    """
    p = chinchilla_parameters(parameters)
    high = check_real("high", high, above=low, maximum=1e40)
    log_c = np.linspace(np.log(low), np.log(high), budgets)
    exponents: dict[str, float] = {}
    for prefix, words in (("", omega), ("total_", 0.0)):
        # log N_E at which each budget is optimal; the budget rises with it.
        excess = partial(_excess_budget, p, words, power)
        log_n = find_root(excess, (np.full(budgets, -30.0), np.full(budgets, 120.0)), args=(log_c,)).x
        size = np.exp(log_n)
        loss = Chinchilla().loss(p, N=size + words * size**power, D=np.exp(log_c - log_n) / 6)
        exponents |= {
            f"{prefix}a": _slope(log_c, log_n),
            f"{prefix}loss": -_slope(log_c, np.log(loss)),
            f"{prefix}excess": -_slope(log_c, np.log(loss - p["E"])),
        }
    return exponents


def _excess_budget(
    p: Mapping[str, float], omega: float, power: float, log_n: np.ndarray, log_c: np.ndarray
) -> np.ndarray:
    """By how much the logarithm of the budget at which exp(log_n) is optimal is above log_c."""
    return _log_budget(p, log_n, omega, power)[0] - log_c


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.polyfit(x, y, 1)[0])


@checked
def exponents_by_size(
    table: Annotated[pd.DataFrame, Remedy("pass a table of runs")],
    *,
    sizes: Annotated[Sequence[str], Remedy("pass ('N', 'N_nonembedding')")] = ("N", "N_nonembedding", "width"),
    objective: Annotated[str, Choice(OBJECTIVES)] = "log-huber",
) -> pd.DataFrame:
    """Exponents of one table of runs with the size of a model counted in several ways, one row a size.

    table: columns N, D, loss and each of `sizes`. Each size m is fitted with L = E + A m^-alpha + B D^-beta. Columns:
    alpha, beta with standard errors, E, mse; growth = d log N / d log m over the table; a, b with C = 6 N D:
    m_opt ~ C^a, D_opt ~ C^b; own_a, own_b with C = 6 m D (what one sees who counts only m; NaN for
    width). Raises InvalidArgument.
    """
    for size in ("N", *sizes):
        if size not in table:
            raise invalid("table", f"one with the column {size}", list(table)[:8], "drop it from sizes")
    N = check_array("table['N']", table["N"].to_numpy(), dimensions=1, above=0)
    by_size = {}
    for size in sizes:
        m = check_array(f"table[{size!r}]", table[size].to_numpy(), dimensions=1, above=0)
        runs = {"N": m, "D": table["D"].to_numpy(), "loss": table["loss"].to_numpy()} if "D" in table else table
        fitted = fit(Chinchilla(), runs, objective=objective)
        alpha, beta = fitted.params["alpha"], fitted.params["beta"]
        growth = float(np.polyfit(np.log(m), np.log(N), 1)[0])
        own = np.nan if size == "width" else beta / (alpha + beta)
        by_size[size] = {
            "alpha": alpha,
            "alpha_se": fitted.standard_errors["alpha"],
            "beta": beta,
            "beta_se": fitted.standard_errors["beta"],
            "E": fitted.params["E"],
            "mse": fitted.mse,
            "growth": growth,
            "a": beta / (alpha + growth * beta),
            "b": alpha / (alpha + growth * beta),
            "own_a": own,
            "own_b": 1 - own,
        }
    return pd.DataFrame.from_dict(by_size, orient="index")


def porian_steps() -> pd.DataFrame:
    """From Kaplan's exponent to Chinchilla's: a after each of five steps, on two corpora.

    Porian et al. 2024 (arXiv 2406.19146), table 1.
    """
    steps = [
        ("reproducing Kaplan et al.", 0.864, 0.835),
        ("count the FLOPs of the last layer", 0.699, 0.706),
        ("warm up for as many tokens as parameters", 0.603, 0.602),
        ("let the cosine end where the run ends", 0.574, 0.571),
        ("tune learning rate, batch and beta2 to each size, no decay", 0.518, 0.497),
    ]
    return pd.DataFrame(steps, columns=["step", "OpenWebText2", "RefinedWeb"])
