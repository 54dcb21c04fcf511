"""Estimators on seeds: the mean of log excess at the best learning rate, branches, slopes, and lack of fit."""

from scaling_lib.fits.seeds.mixtures import Branches, branches
from scaling_lib.fits.seeds.means import SeedMean, seed_means, seed_table
from scaling_lib.fits.seeds.scatter import LackOfFit, lack_of_fit
from scaling_lib.fits.seeds.slopes import Slope, slope

__all__ = [
    "Branches",
    "LackOfFit",
    "SeedMean",
    "Slope",
    "branches",
    "lack_of_fit",
    "seed_means",
    "seed_table",
    "slope",
]
