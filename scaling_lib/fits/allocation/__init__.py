"""From runs to "how large a model on how many tokens": the compute-optimal frontier by every published route.

A budget of C FLOPs, C = 6 N D, buys the loss L_opt(C) = min L(N, D) at N_opt(C), D_opt(C) (paper, section 2):

    L_opt = E + K C^-gamma,    N_opt ~ C^a,    D_opt ~ C^b

    envelope      approach 1 of Hoffmann et al. 2022: the lowest of all learning curves at each C
    isoflop       approach 2: a parabola in log N through the runs of one budget
    parametric    approach 3: a fitted law L(N, D), then the closed form
    grid_minimum  the paper's (appendix B): the lowest value of a regressed surface on a grid, at each C
    closed_form   of given parameters

All return a `Frontier` (closed_form its seven numbers). An optimum on the border of what was sampled is no minimum but
the end of the data: it is marked (`at_edge`), left out of the power laws unless asked for, and counted in the warnings.
Bands are percentiles of resampled frontiers: runs with replacement (1, 3, surfaces), residuals with random signs (2).

A parabola is not the curve. On an iso-FLOP the law is a sum of two exponentials in log N, and the vertex of the least
squares parabola through a grid of half-width w lies off the minimum by a constant factor: the exponents of approach 2
are right and its intercepts wrong, the more so the wider the grid and the more alpha and beta differ (`isoflop_bias`;
arXiv 2603.22339). Where the grid's centre drifts with C, the exponents are wrong too.
"""

from scaling_lib.fits.allocation.envelopes import envelope
from scaling_lib.fits.allocation.frontiers import QUANTITIES, Allocation, Frontier, closed_form
from scaling_lib.fits.allocation.inverse import InversePlan, inverse_intervals, inverse_plan
from scaling_lib.fits.allocation.isoflops import isoflop, isoflop_bias, isoflop_loss
from scaling_lib.fits.allocation.routes import comparison, grid_minimum, parametric

__all__ = [
    "QUANTITIES",
    "Allocation",
    "Frontier",
    "InversePlan",
    "closed_form",
    "comparison",
    "envelope",
    "grid_minimum",
    "inverse_intervals",
    "inverse_plan",
    "isoflop",
    "isoflop_bias",
    "isoflop_loss",
    "parametric",
]
