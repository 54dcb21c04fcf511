"""A valid call for each public name of fits.uncertainty.comparisons."""

from scaling_lib.fits.uncertainty import comparisons

EXAMPLES = [(comparisons.compared, {"size": 0.18, "reference": 0.05, "margin": 0.01})]
