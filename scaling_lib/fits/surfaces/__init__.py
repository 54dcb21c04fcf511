"""L(N, D) without a formula: kernel ridge and neural regression, beside the parametric law (paper, appendix B; 2.1).

With u, v = log10 N, log10 D, centred and divided by their standard deviations over the table:

    kernel ridge   L^ = mean(L) + sum_i a_i k(u, v; u_i, v_i),
                   k = w_n exp(-du^2 / 2 l_n^2) + w_d exp(-dv^2 / 2 l_d^2) + w_nd exp(-(du^2 + dv^2) / 2 l_nd^2),
                   a minimises sum_i Huber_delta(L_i - mean(L) - (K a)_i) + (ridge / 2) a' K a
    network        L^ = W3 gelu(W2 gelu(W1 (u, v) + b1) + b2) + b3, Huber_delta, AdamW
    law            the two-dimensional fit of `fitting` (Chinchilla, log-Huber 1e-3)

The kernel objective is convex. The paper's iteration is reweighted least squares, (W K + ridge I) a = W y with W = 1
inside delta and delta / |r| outside; ten such sweeps here, then Newton steps on the set of points inside delta, which
end at the optimum itself: ridge a = psi(y - K a). What the paper leaves open (the ridge, the learning rate, the scaling
of inputs and targets, y or log y, on which points "best" is judged) is a named argument with a documented default.

Cross-validation is the paper's, 80/20 twenty times, all methods on the same splits. Twenty are few: on the Chinchilla
points the ratio of two methods moves by a factor of 1.5 from one batch of twenty to the next, so a standard error
stands beside every mean.
"""

from scaling_lib.fits.surfaces.comparing import cross_validate, resampled_surfaces, validation_summary
from scaling_lib.fits.surfaces.surface import METHODS, Surface, kernel_ridge, law_surface, neural_regression

__all__ = [
    "METHODS",
    "Surface",
    "cross_validate",
    "kernel_ridge",
    "law_surface",
    "neural_regression",
    "resampled_surfaces",
    "validation_summary",
]
