r"""An exponent in D foretold from a text alone, without training: two decays after Cagnetta et al. (arXiv 2602.07488).

H_n is the entropy of a token after n tokens of context, and C(n) the correlation of two tokens that are n places apart
(`data.text.statistics.correlation_norms`). Where

    H_n - H_inf ~ n^-gamma,        |C(n)| ~ n^-delta,

D tokens show the correlations up to a horizon n* ~ D^(1 / (2 delta)): beyond it |C(n)| is smaller than the chance that
D tokens leave in it, D^(-1/2). A model that uses all of the context up to there, and nothing beyond, has the loss
H_(n*), so that

    L - H_inf ~ D^(-gamma / (2 delta)).

The paper writes beta for delta and alpha_D for the exponent in D, which this book calls beta. It demands that the
error within the horizon falls faster than that. On a Markov chain both decays are exponential, and nothing is foretold.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Float

from scaling_lib.arguments import Entries, Real, checked
from scaling_lib.errors import check_array, invalid
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import PowerLaw

__all__ = ["Horizon", "exponent_from_decays"]

_Places = Annotated[Float[np.ndarray, "place"], Entries(above=0, least=4)]


@checked
@dataclass(frozen=True)
class Horizon:
    """gamma: of H_n - H_inf in n. delta: of |C(n)| in n. floor: H_inf, nats. missed_entropy: root mean square of what
    the power law leaves of H_n, nats; missed_correlation: of what the other leaves of ln |C(n)|."""

    gamma: float
    delta: float
    floor: float
    missed_entropy: Annotated[float, Real(minimum=0)]
    missed_correlation: Annotated[float, Real(minimum=0)]

    @property
    def exponent(self) -> float:
        """gamma / (2 delta), the exponent in D."""
        return self.gamma / (2 * self.delta)


@checked
def exponent_from_decays(
    contexts: _Places,
    entropies: Annotated[Float[np.ndarray, "place"], Entries(above=0)],
    distances: _Places,
    correlations: Annotated[Float[np.ndarray, "place"], Entries(above=0)],
) -> Horizon:
    """The two decays, each fitted to the points that are passed.

    contexts, entropies: n in tokens, and H_n in nats; H_inf is fitted. distances, correlations: n in tokens, |C(n)|;
    leave out what chance has reached. Raises InvalidArgument where the numbers of points do not agree, where the
    entropies do not fall from the first to the last, or where the correlations do not.

    >>> n = np.arange(1.0, 33.0)
    >>> horizon = exponent_from_decays(n, 1.2 + n**-0.3, n, 0.1 * n**-0.9)
    >>> round(horizon.gamma, 3), round(horizon.delta, 3), round(horizon.exponent, 3)
    (0.3, 0.9, 0.167)
    """
    entropies = check_array("entropies", entropies, dimensions=1, length=len(contexts))
    correlations = check_array("correlations", correlations, dimensions=1, length=len(distances))
    for name, values in (("entropies", entropies), ("correlations", correlations)):
        if not values[-1] < values[0]:
            raise invalid(name, "falling with the distance", values, "sort the points by n")
    law = fit(PowerLaw(variable="D"), {"D": contexts, "loss": entropies}, objective="ols")
    x, y = np.log(distances), np.log(correlations)
    line = np.polyfit(x, y, 1)
    missed = float(np.sqrt(np.mean((np.polyval(line, x) - y) ** 2)))
    return Horizon(law.params["beta"], -float(line[0]), law.params["E"], law.mse**0.5, missed)
