"""The default interval on small tables: the law in N and D by log-Huber, with 10, 15, 20 and 30 rows."""

import numpy as np
import pytest

from scaling_lib.fits.uncertainty.coverage import wilson
from scaling_lib.fits.uncertainty.intervals import Interval, profile_or_undetermined
from tests.fits.uncertainty.table_designs import DESIGNS, LAW, TRUTH, covered

# Shares between which the coverage of 2,000 data sets must lie.
LOW, HIGH = 0.93, 0.97


@pytest.mark.parametrize("objective", [pytest.param("log-huber", marks=pytest.mark.slow), "log-ols"])
def test_coverage_in_small(objective):
    design = DESIGNS["15 rows"]
    _, hits = covered(design, design.draw(np.random.default_rng(1), 150), objective)
    for name, inside in hits.items():
        low, high = wilson(int(inside.sum()), len(inside), level=0.99)
        assert low <= HIGH, name
        assert high >= LOW, name


# Each of the five parameters once by least squares, two by log-Huber; all by both in the slow suite.
@pytest.mark.parametrize(
    ("ols", "huber"), [pytest.param(5, 2, id="few"), pytest.param(10, 5, id="all", marks=pytest.mark.slow)]
)
def test_covered_is_what_the_interval_says(ols, huber):
    """The shortcut over many data sets against the interval that a user gets."""
    design = DESIGNS["10 rows"]
    for objective, sets in (("log-ols", ols), ("log-huber", huber)):
        fits, hits = covered(design, design.draw(np.random.default_rng(2), sets), objective)
        for number, fitted in enumerate(fits):
            name = LAW.free[number % len(LAW.free)]
            interval = profile_or_undetermined(fitted, name)
            assert isinstance(interval, Interval)
            assert (TRUTH[name] in interval) == hits[name][number]


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["log-huber", "log-ols"])
@pytest.mark.parametrize("name", DESIGNS)
def test_coverage_of_the_default(name, objective):
    design = DESIGNS[name]
    fits, hits = covered(design, design.draw(np.random.default_rng(20), 2000), objective)
    shares = {parameter: float(inside.mean()) for parameter, inside in hits.items()}
    print(name, objective, shares)
    assert all(LOW <= share <= HIGH for share in shares.values()), shares
    # Refusals, counted apart: of 150 of these tables.
    refused = sum(bool(fitted.undetermined) for fitted in fits[:150])
    print(name, objective, f"refused: {refused} of 150")
    assert refused <= 0.05 * 150


@pytest.mark.slow
@pytest.mark.parametrize("name", DESIGNS)
def test_heavy_tails_are_covered_too(name):
    """Not the promise, but what tables have: Student's noise with three degrees of freedom."""
    design = DESIGNS[name]
    _, hits = covered(design, design.draw(np.random.default_rng(21), 1000, "student"), "log-huber")
    shares = {parameter: float(inside.mean()) for parameter, inside in hits.items()}
    print(name, "student", shares)
    assert all(share >= 0.92 for share in shares.values()), shares
