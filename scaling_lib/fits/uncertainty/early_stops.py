"""Where L-BFGS-B stops on the objective of Hoffmann et al., and how far above the minimum.

SciPy stops when an iteration lowers f by less than ftol * max(|f|, 1). The objective is about 1e-3, so that the test
is absolute: with the default, ftol = 2.2e-9, a search may end where a millionth of the objective is still to be gained
at every step. `fit` does not use this method; the searches here show what becomes of those that do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize

from scaling_lib.errors import check_flag, check_instance, check_mapping, check_real, invalid
from scaling_lib.fits.fitting import Fit
from scaling_lib.fits.laws import Chinchilla
from scaling_lib.fits.tables import table_columns

__all__ = ["StoppedSearch", "search_from"]

_DELTA = 1e-3  # Huber's threshold, in units of log L
# The share of the minimum within which a search has reached it. Searches that reach it end about 1e-7 above it, as far
# as gradients by finite differences carry; those that stop early end above 1e-2. No processor's rounding crosses this.
REACHED = 1e-5


@dataclass(frozen=True)
class StoppedSearch:
    """Where a search ended. params: E (nats), A, B, alpha, beta. objective: Huber's sum of log L there, unscaled.

    success: what SciPy reported.
    """

    params: dict[str, float]
    objective: float
    success: bool

    def __post_init__(self) -> None:
        check_instance("params", self.params, dict, remedy="make it with search_from")
        check_real("objective", self.objective, minimum=0)
        check_flag("success", self.success)

    def above(self, optimum: Fit) -> float:
        """How far its objective lies above that of `optimum`, a fit of the same points, as a share of the latter."""
        check_instance("optimum", optimum, Fit, remedy="make it with fit(Chinchilla(), table)")
        if optimum.objective <= 0:
            raise invalid("optimum", "a fit of points that scatter", optimum, "a share of nothing has no meaning")
        return self.objective / optimum.objective - 1

    def reached(self, optimum: Fit) -> bool:
        """Whether it ended at the minimum, up to a share of 1e-5 of the objective."""
        return self.above(optimum) < REACHED


def search_from(
    start: Mapping[str, float], table: Any, *, scale: float = 1.0, ftol: float | None = None
) -> StoppedSearch:
    """Minimise Huber's sum (threshold 1e-3) of log L, L = E + A N^-alpha + B D^-beta, by SciPy's L-BFGS-B.

    start: E (nats), A, B, alpha, beta; the search moves ln E, ln A, ln B and the exponents, with gradients by finite
    differences. table: columns N, D, loss. scale: what the objective is multiplied by, for the search only. ftol:
    SciPy's, by default its default. Raises InvalidArgument.
    """
    check_mapping("start", start, remedy="pass published_law('hoffmann').parameters")
    law = Chinchilla()
    first = [check_real(f"start[{name!r}]", start.get(name), above=0, maximum=1e300) for name in law.parameters]
    columns, loss = table_columns(law, table)
    scale = check_real("scale", scale, above=0, maximum=1e12)
    options = {} if ftol is None else {"ftol": check_real("ftol", ftol, above=0, below=1)}
    log_n, log_d, log_loss = np.log(columns["N"]), np.log(columns["D"]), np.log(loss)

    def objective(place: np.ndarray, factor: float) -> float:
        log_e, log_a, log_b, alpha, beta = place
        fitted = np.logaddexp(np.logaddexp(log_a - alpha * log_n, log_b - beta * log_d), log_e)
        residual = np.abs(log_loss - fitted)
        rho = np.where(residual <= _DELTA, residual**2 / 2, _DELTA * (residual - _DELTA / 2))
        return float(factor * rho.sum())

    place = np.array([*np.log(first[:3]), *first[3:]])
    with np.errstate(all="ignore"):
        ended = optimize.minimize(objective, place, (scale,), "L-BFGS-B", options=options)
        least = objective(ended.x, 1.0)
        params = dict(zip(law.parameters, [*np.exp(ended.x[:3]).tolist(), *ended.x[3:].tolist()], strict=True))
    if not (np.isfinite(least) and np.isfinite(list(params.values())).all()):
        raise invalid("start", "one from which the objective stays finite", dict(start), "start nearer to the points")
    return StoppedSearch(params, least, bool(ended.success))
