"""Scaling laws as small objects: a formula, its parameter names, its values, and what the solver asks of it (`forms`).

Names: alpha is always the exponent in N and beta the exponent in D; A, B are their coefficients; a law in compute C has
gamma and K (the paper's L_opt(C) = E + K C^-gamma). L and E are in nats, N in parameters, D in tokens, C in FLOPs.
"""

from scaling_lib.fits.laws.forms import EXPONENT_RANGE, Law
from scaling_lib.fits.laws.one_variable import BrokenPower, Exponential, PowerLaw, ShiftedPower, StretchedExponential
from scaling_lib.fits.laws.published import PublishedLaw, published_law
from scaling_lib.fits.laws.two_variables import Chinchilla, Kaplan

__all__ = [
    "EXPONENT_RANGE",
    "BrokenPower",
    "Chinchilla",
    "Exponential",
    "Kaplan",
    "Law",
    "PowerLaw",
    "PublishedLaw",
    "ShiftedPower",
    "StretchedExponential",
    "published_law",
]
