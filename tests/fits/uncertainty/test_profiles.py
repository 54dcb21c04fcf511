"""Profile ends on real tables of few rows, where there are several valleys: no end lies inside the threshold."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla, PowerLaw
from scaling_lib.fits.points.public_tables import CORPORA, mlfoundations_runs
from scaling_lib.fits.solver.profiles import constrained
from scaling_lib.fits.uncertainty import intervals
from tests.fits.test_fitting import noisy

SUBSETS = 159
# An end is where the rise is the threshold: up to this share of it.
CLOSE = 2e-3
PARAMETERS = Chinchilla().free


def subset(number):
    """10 to 20 rows of a public table."""
    generator = np.random.default_rng([159, number])
    table = mlfoundations_runs(CORPORA[number % len(CORPORA)])
    return table.iloc[generator.choice(len(table), int(generator.integers(10, 21)), replace=False)]


def ends_inside(fitted, parameter, number=0):
    """How far below the threshold a cold search with the parameter pinned at each end gets, as a share; and its lowest
    objective. 0 where the end is open."""
    interval = intervals.profile(fitted, parameter)
    quantile = float(stats.t.ppf(0.975, fitted.degrees_of_freedom))
    threshold, _ = intervals._profile_search(fitted, parameter, quantile)
    short, lowest = [0.0], fitted.objective
    for end, is_open in ((interval.low, interval.open_low), (interval.high, interval.open_high)):
        if not is_open:
            pinned = replace(fitted.problem, law=fitted.law.pin(**{parameter: end}))
            found = [pinned.search()[1], float(constrained(fitted.problem, parameter, np.array([end]))[0])]
            # And from starts at random about the optimum, as no search of the library has them.
            generator = np.random.default_rng(number)
            theta = pinned.search()[0] * np.exp(0.2 * generator.standard_normal((40, len(fitted.theta))))
            found.append(float(pinned.solve(np.clip(theta, *pinned.bounds)).value.min()))
            objective = min(found)
            lowest = min(lowest, objective)
            short.append(1 - (objective - fitted.objective) / threshold)
    return max(short), lowest


def judge(number, objective, parameters=PARAMETERS):
    fitted = fit(Chinchilla(), subset(number), objective=objective)
    for parameter in parameters:
        if parameter in fitted.undetermined:
            continue
        short, lowest = ends_inside(fitted, parameter, number)
        # Where a better optimum turned up, the profile was begun again from it, and the threshold is its own.
        if lowest >= fitted.objective * (1 - 1e-7):
            assert short <= CLOSE, (number, objective, parameter, short)


# The slow suite judges all parameters by log-Huber, of every subset.
@pytest.mark.parametrize(
    ("number", "objective", "parameters"),
    [
        (0, "log-ols", PARAMETERS),
        (1, "log-huber", ("E", "beta")),
        pytest.param(2, "log-ols", PARAMETERS, marks=pytest.mark.slow),
    ],
)
def test_no_end_of_a_subset_lies_inside_the_threshold(number, objective, parameters):
    judge(number, objective, parameters)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(SUBSETS))
def test_no_end_of_any_subset_lies_inside_the_threshold(number):
    judge(number, "log-huber")


def test_a_better_optimum_restarts_the_profile():
    """Asked about a fit that is no optimum, the profile finds the optimum and gives its interval."""
    table = noisy(9, 0.004, 3)
    table["loss"][2] *= 1.02
    best = fit(PowerLaw(), table)
    held = replace(best.problem, law=best.law.pin(beta=best.params["beta"] * 1.6))
    theta, value, _ = held.search()
    params = dict(zip(best.law.parameters, held.natural(theta[None])[0].tolist(), strict=True))
    astray = replace(best, theta=best.problem.coordinates(params), params=params, objective=value)
    whole, found = intervals.profile(best, "beta"), intervals.profile(astray, "beta")
    assert params["beta"] > whole.high
    assert found.low == pytest.approx(whole.low, rel=1e-3)
    assert found.high == params["beta"]  # the estimate that it was asked about stays inside
