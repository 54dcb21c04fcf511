"""The frontiers that published laws imply."""

import numpy as np
import pandas as pd

from scaling_lib.errors import check_integer
from scaling_lib.fits.allocation.frontiers import (
    QUANTITIES,
    Allocation,
    Frontier,
    closed_form,
    closed_form_draws,
    optional_generator,
)
from scaling_lib.fits.laws.published import PublishedLaw, published_law, published_names

__all__ = ["PETAFLOP_DAY", "published", "published_laws"]

PETAFLOP_DAY = 1e15 * 86_400


def published_laws() -> pd.DataFrame:
    """All published laws: name, counts, a, b, gamma, tokens_per_parameter at 1e21 FLOPs, intervals, source, note."""
    rows = []
    for each in map(published_law, published_names()):
        allocation = _allocation(each)
        at = allocation.optimal_tokens(1e21) / allocation.optimal_parameters(1e21)
        numbers = {name: getattr(allocation, name) for name in ("a", "b", "gamma")}
        rows.append(
            {"name": each.name, "counts": each.counts}
            | numbers
            | {"tokens_per_parameter": float(at), "intervals": each.covariance is not None}
            | {"source": each.source, "note": each.note}
        )
    return pd.DataFrame(rows).set_index("name")


def _allocation(found: PublishedLaw) -> Allocation:
    if found.form != "frontier":
        return closed_form(found.parameters)
    p = found.parameters
    log_n = float(np.log(p["N_e"]) - p["p_N"] * np.log(PETAFLOP_DAY))
    K = float((p["C_c"] * PETAFLOP_DAY) ** p["alpha_C"])
    return Allocation(0.0, K, p["alpha_C"], log_n, p["p_N"], float(-np.log(6.0)) - log_n, 1 - p["p_N"])


def published(name: str, generator: np.random.Generator | None = None, *, resamples: int = 4000) -> Frontier:
    """The frontier of a published law (names: `published_laws`).

    generator: bands from draws of a normal law with the recorded covariance of its parameters (E, log A, log B, alpha,
    beta), for the laws that have one; the others have no bands, which the warnings say. Raises InvalidArgument.

    >>> round(published("besiroglu").allocation.a, 4)
    0.5126
    """
    found = published_law(name)
    generator = optional_generator(generator)
    resamples = check_integer("resamples", resamples, minimum=2, maximum=1_000_000)
    parameters = None if found.form == "frontier" else dict(found.parameters)
    said = [found.note] if found.note else []
    if found.counts != "all parameters":
        said.append(f"N counts {found.counts}.")
    draws = pd.DataFrame(columns=list(QUANTITIES), dtype=float)
    if found.covariance is None:
        said.append(f"No covariance of the parameters of {name} is published: there is no interval.")
    elif generator is not None:
        p = found.parameters
        middle = np.array([p["E"], np.log(p["A"]), np.log(p["B"]), p["alpha"], p["beta"]])
        drawn = generator.multivariate_normal(middle, np.array(found.covariance), resamples)
        drawn = drawn[(drawn[:, [0, 3, 4]] > 0).all(axis=1)]
        E, log_a, log_b, alpha, beta = drawn.T
        draws = closed_form_draws({"E": E, "A": np.exp(log_a), "B": np.exp(log_b), "alpha": alpha, "beta": beta})
    return Frontier(name, _allocation(found), draws=draws, parameters=parameters, warnings=tuple(said))
