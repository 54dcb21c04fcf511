"""The frontiers that published laws imply."""

from typing import Annotated

import numpy as np
import pandas as pd

from scaling_lib.arguments import BY_HAND, Integer, checked
from scaling_lib.fits.allocation.frontiers import (
    QUANTITIES,
    Allocation,
    Frontier,
    OptionalGenerator,
    closed_form,
    closed_form_draws,
)
from scaling_lib.fits.laws.published import PublishedLaw, published_law, published_names

__all__ = ["PETAFLOP_DAY", "published", "published_laws"]

PETAFLOP_DAY = 1e15 * 86_400


def published_laws() -> pd.DataFrame:
    """All published laws: name, counts, a, b, gamma, tokens_per_parameter at 1e21 FLOPs, intervals, source, note."""
    listed = []
    for law in map(published_law, published_names()):
        allocation = _allocation(law)
        at = allocation.optimal_tokens(1e21) / allocation.optimal_parameters(1e21)
        numbers = {name: getattr(allocation, name) for name in ("a", "b", "gamma")}
        listed.append(
            {"name": law.name, "counts": law.counts}
            | numbers
            | {"tokens_per_parameter": float(at), "intervals": law.covariance is not None}
            | {"source": law.source, "note": law.note}
        )
    return pd.DataFrame(listed).set_index("name")


def _allocation(law: PublishedLaw) -> Allocation:
    if law.form != "frontier":
        return closed_form(law.parameters)
    p = law.parameters
    log_n = float(np.log(p["N_e"]) - p["p_N"] * np.log(PETAFLOP_DAY))
    K = float((p["C_c"] * PETAFLOP_DAY) ** p["alpha_C"])
    return Allocation(0.0, K, p["alpha_C"], log_n, p["p_N"], float(-np.log(6.0)) - log_n, 1 - p["p_N"])


@checked
def published(
    name: Annotated[str, BY_HAND],
    generator: OptionalGenerator = None,
    *,
    resamples: Annotated[int, Integer(minimum=2, maximum=1_000_000)] = 4000,
) -> Frontier:
    """The frontier of a published law (names: `published_laws`).

    generator: bands from draws of a normal law with the recorded covariance of its parameters (E, log A, log B, alpha,
    beta), for the laws that have one; the others have no bands, which the warnings say. Raises InvalidArgument.

    >>> round(published("besiroglu").allocation.a, 4)
    0.5126
    """
    law = published_law(name)
    parameters = None if law.form == "frontier" else dict(law.parameters)
    said = [law.note] if law.note else []
    if law.counts != "all parameters":
        said.append(f"N counts {law.counts}.")
    draws = pd.DataFrame(columns=list(QUANTITIES), dtype=float)
    if law.covariance is None:
        said.append(f"No covariance of the parameters of {name} is published: there is no interval.")
    elif generator is not None:
        p = law.parameters
        middle = np.array([p["E"], np.log(p["A"]), np.log(p["B"]), p["alpha"], p["beta"]])
        drawn = generator.multivariate_normal(middle, np.array(law.covariance), resamples)
        drawn = drawn[(drawn[:, [0, 3, 4]] > 0).all(axis=1)]
        E, log_a, log_b, alpha, beta = drawn.T
        draws = closed_form_draws({"E": E, "A": np.exp(log_a), "B": np.exp(log_b), "alpha": alpha, "beta": beta})
    return Frontier(name, _allocation(law), draws=draws, parameters=parameters, warnings=tuple(said))
