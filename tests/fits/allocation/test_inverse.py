"""Planning the other way round: every pair of quantities leads back to the same plan, to 1e-9."""

import itertools

import numpy as np
import pytest
from scipy import optimize

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.allocation import closed_form, inverse_plan
from tests.fits.allocation.planted_frontiers import ASYMMETRIC, EPOCH, HOFFMANN

QUANTITIES = ("N", "D", "tokens_per_parameter", "flops", "loss")
PAIRS = [pair for pair in itertools.combinations(QUANTITIES, 2) if set(pair) != {"flops", "loss"}]


@pytest.mark.parametrize("parameters", [HOFFMANN, ASYMMETRIC, EPOCH])
@pytest.mark.parametrize("plan", [(1e9, 2e10), (7e10, 1.4e12), (3e8, 9e12), (1e11, 1e9)])
@pytest.mark.parametrize("pair", PAIRS)
def test_round_trips(parameters, plan, pair):
    whole = inverse_plan(parameters, N=plan[0], D=plan[1])
    back = inverse_plan(parameters, **{name: getattr(whole, name) for name in pair})
    for name in QUANTITIES:
        assert getattr(back, name) == pytest.approx(getattr(whole, name), rel=1e-9), name


@pytest.mark.parametrize("parameters", [HOFFMANN, ASYMMETRIC, EPOCH])
def test_the_optimum_costs_nothing_and_everything_else_does(parameters):
    best = inverse_plan(parameters, flops=1e22)
    assert pytest.approx(float(closed_form(parameters).optimal_parameters(1e22)), rel=1e-12) == best.N
    assert best.overspent == pytest.approx(1, abs=1e-9)
    assert best.lost == pytest.approx(0, abs=1e-9)
    again = inverse_plan(parameters, loss=best.loss)
    assert again.flops == pytest.approx(1e22, rel=1e-9)
    for factor in (0.1, 0.5, 2, 10):
        away = inverse_plan(parameters, N=factor * best.N, flops=1e22)
        assert away.overspent > 1
        assert away.lost > 0
        # The cheapest plan of the same loss, found by search.
        cheapest = optimize.minimize_scalar(
            lambda log_n, away=away: inverse_plan(parameters, N=float(np.exp(log_n)), loss=away.loss).flops,
            bracket=tuple(np.log(away.best_parameters) + np.array([-0.1, 0.0, 0.1])),
        )
        assert away.flops / cheapest.fun == pytest.approx(away.overspent, rel=1e-6)


def test_what_fixes_no_plan_is_refused():
    for given in ({}, {"N": 1e9}, {"N": 1e9, "D": 1e10, "loss": 2.5}, {"tokens_per_parameter": 20.0}):
        with pytest.raises(InvalidArgument, match="flops must be one of two quantities, or alone"):
            inverse_plan(HOFFMANN, **given)
    with pytest.raises(InvalidArgument, match="two plans have both"):
        inverse_plan(HOFFMANN, flops=1e21, loss=2.5)
    with pytest.raises(InvalidArgument, match=r"loss must be above .* the least with N = 1e\+07"):
        inverse_plan(HOFFMANN, N=1e7, loss=1.8)
    with pytest.raises(InvalidArgument, match=r"loss must be a finite number above 1\.69"):
        inverse_plan(HOFFMANN, N=1e9, loss=1.5)
