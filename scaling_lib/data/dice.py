"""The excess loss of plain counting on a single row: a die, whose faces have known probabilities.

After D rolls with counts c_v the prediction is c_v / D, and its expected excess loss over new rolls is

    E[excess] = -sum_v p_v E ln(c_v / (D p_v)),    c_v ~ Binomial(D, p_v),

a finite sum. A face that was never rolled would cost infinitely much: the expectation is conditional on c_v >= 1, which
fails with chance (1 - p_v)^D. The expansion in 1 / D is (k - 1) / (2 D) + B / D^2 + ..., with k faces and

    B = (5/12) sum_v 1 / p_v - k / 2 + 1/12

(the module `counting` has it for a whole graph, and with pseudocounts).
"""

import numpy as np
from jaxtyping import Float
from scipy.stats import binom

from scaling_lib.errors import check_array, check_integer, invalid

__all__ = ["expected_excess_loss", "second_order"]


def expected_excess_loss(probabilities: Float[np.ndarray, "face"], rolls: int) -> float:
    """The expectation above, exactly, in nats. probabilities: of the faces, all positive, with sum 1. rolls: D.

    >>> round(expected_excess_loss([0.5, 0.5], 1000), 7)  # (k - 1) / (2 D) = 0.0005, and a little more
    0.0005008
    """
    probabilities = _checked(probabilities)
    rolls = check_integer("rolls", rolls, minimum=1, maximum=10**7)
    seen = np.arange(1, rolls + 1)
    excess = 0.0
    for probability in probabilities:
        law = binom.pmf(seen, rolls, probability)
        excess -= probability * float(law @ np.log(seen / (rolls * probability))) / float(law.sum())
    return float(excess)


def second_order(probabilities: Float[np.ndarray, "face"]) -> float:
    """B above: what is left of D^2 (expected excess - (k - 1) / (2 D)) at large D. probabilities: as above."""
    probabilities = _checked(probabilities)
    return float(5 / 12 * (1 / probabilities).sum() - len(probabilities) / 2 + 1 / 12)


def _checked(probabilities: Float[np.ndarray, "face"]) -> np.ndarray:
    probabilities = check_array("probabilities", probabilities, dimensions=1, above=0, least=2)
    if abs(probabilities.sum() - 1) > 1e-9:
        raise invalid("probabilities", "numbers with sum 1", probabilities.tolist(), "divide them by their sum")
    return probabilities
