"""Whether one size exceeds another by more than rounding can decide, and whether a law typically meets its runs."""

import numpy as np
from jaxtyping import Float

from scaling_lib.errors import check_array, check_real

__all__ = ["compared", "typically_within"]

# Two sizes that differ by less than this share of the larger one are taken for equal: the last digits of a fit depend
# on the processor, and no sentence may.
MARGIN = 0.01
# A law describes its runs where it typically misses them by less than this share of what was fitted.
TYPICAL = 0.05


def compared(size: float, reference: float, *, margin: float = MARGIN) -> str:
    """Whether the absolute value of `size` is "less than" or "more than" that of `reference`, or "as much as" it.

    margin: they are as much as one another where they differ by no more than this share of the larger one. Raises
    InvalidArgument.

    >>> compared(-0.024, 0.003), compared(0.02, 0.03), compared(0.0500001, 0.05)
    ('more than', 'less than', 'as much as')
    """
    one, other = abs(check_real("size", size)), abs(check_real("reference", reference))
    margin = check_real("margin", margin, minimum=0, below=1)
    if abs(one - other) <= margin * max(one, other):
        return "as much as"
    return "more than" if one > other else "less than"


def typically_within(
    residuals: Float[np.ndarray, " runs"], *, tolerance: float = TYPICAL, margin: float = MARGIN
) -> str:
    """Whether the median absolute residual is "within" the tolerance, "beyond" it, or "on the edge".

    residuals: of a fit, such as `Fit.residuals`; of a fit on logarithms they are shares. margin: how near to the
    tolerance the edge is, as for `compared`. Raises InvalidArgument.

    >>> typically_within(np.array([0.01, -0.02, 0.3]))
    'within'
    """
    residuals = check_array("residuals", residuals, dimensions=1, least=1)
    tolerance = check_real("tolerance", tolerance, above=0)
    verdict = compared(float(np.median(np.abs(residuals))), tolerance, margin=margin)
    return {"less than": "within", "as much as": "on the edge", "more than": "beyond"}[verdict]
