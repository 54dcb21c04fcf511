"""L-BFGS-B on the objective of Hoffmann et al.: where it stops, against the minimum that `fit` finds."""

import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla
from scaling_lib.fits.laws.published import published_law
from scaling_lib.fits.points.synthetic import synthetic_chinchilla
from scaling_lib.fits.uncertainty.early_stops import StoppedSearch, search_from

HOFFMANN = dict(published_law("hoffmann").parameters)


@pytest.fixture(scope="module")
def points():
    return synthetic_chinchilla(np.random.default_rng(0))


@pytest.fixture(scope="module")
def optimum(points):
    return fit(Chinchilla(), points)


def test_its_objective_is_that_of_the_fit(points, optimum):
    there = search_from(optimum.params, points)
    assert there.objective == pytest.approx(optimum.objective, rel=1e-8)
    assert there.reached(optimum)


def test_with_defaults_it_reports_success_near_its_start(points, optimum):
    stopped = search_from(HOFFMANN, points)
    assert stopped.success
    assert stopped.above(optimum) > 0.1
    assert stopped.params["alpha"] == pytest.approx(HOFFMANN["alpha"], abs=0.005)
    assert not stopped.reached(optimum)


@pytest.mark.parametrize("remedy", [{"scale": 1e6}, {"ftol": 1e-12}])
def test_a_relative_test_lets_it_arrive(points, optimum, remedy):
    ended = search_from(HOFFMANN, points, **remedy)
    assert ended.success
    assert ended.reached(optimum)
    assert ended.params["beta"] == pytest.approx(optimum.params["beta"], abs=1e-4)


def test_reached_has_a_margin(optimum):
    for share, verdict in ((-1e-12, True), (0.0, True), (9e-6, True), (1.1e-5, False), (0.02, False)):
        assert StoppedSearch(HOFFMANN, optimum.objective * (1 + share), True).reached(optimum) == verdict


def test_bad_input_is_refused(points):
    with pytest.raises(InvalidArgument, match="start"):
        search_from({"E": 1.0}, points)
    with pytest.raises(InvalidArgument, match="ftol"):
        search_from(HOFFMANN, points, ftol=2.0)
