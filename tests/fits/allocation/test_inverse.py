"""Planning the other way round: every pair of quantities leads back to the same plan, to 1e-9."""

import itertools

import numpy as np
import pytest
from scipy import optimize

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.allocation import closed_form, grid_minimum, inverse_intervals, inverse_plan, literature, planner
from scaling_lib.fits.allocation.frontiers import closed_form_draws
from scaling_lib.fits.allocation.routes import parametric
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla, Kaplan
from scaling_lib.fits.surfaces import kernel_ridge
from tests.fits.allocation.planted_frontiers import ASYMMETRIC, EPOCH, HOFFMANN, grid

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


# Intervals ------------------------------------------------------------------------------------------------------------

FRONTIER = parametric(fit(Chinchilla(), grid(HOFFMANN, 5, noise=2e-3)), np.random.default_rng(0), resamples=60)
ASKED = [
    {"N": 7e9, "loss": 2.1},
    {"D": 3e11, "loss": 2.2},
    {"tokens_per_parameter": 20.0, "loss": 2.1},
    {"tokens_per_parameter": 200.0, "flops": 1e22},
    {"N": 7e9, "flops": 1e22},
    {"N": 7e9, "D": 1e12},
    {"loss": 2.1},
    {"flops": 1e22},
]


def laws_of(frontier):
    """The parameters of each draw, from a and gamma and the point that the law goes through at its optimum."""
    for draw in frontier.draws.itertuples():
        alpha, beta = draw.gamma / draw.a, draw.gamma / draw.b
        N, D = np.exp(draw.log_n + draw.a * np.log(1e20)), np.exp(draw.log_d + draw.b * np.log(1e20))
        excess = draw.K * 1e20**-draw.gamma
        yield {
            "E": draw.E, "A": draw.a * excess * N**alpha, "B": draw.b * excess * D**beta, "alpha": alpha, "beta": beta,
        }  # fmt: skip


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: " ".join(asked))
def test_an_interval_holds_the_plans_of_the_draws(asked):
    plans = [inverse_plan(law, **asked) for law in laws_of(FRONTIER)]
    interval = inverse_intervals(FRONTIER, **asked, level=0.8)
    assert interval["unreachable"] == 0
    for name in ("N", "D", "flops", "loss", "tokens_per_parameter", "overspent", "lost"):
        wanted = np.quantile([getattr(plan, name) for plan in plans], [0.1, 0.9])
        assert interval[name] == pytest.approx(wanted, rel=1e-7, abs=1e-10), name
        if name in asked:
            assert interval[name] == [asked[name]] * 2


def test_the_forward_plan_has_the_same_interval():
    forward = planner.plan(1e22, FRONTIER).interval
    back = inverse_intervals(FRONTIER, flops=1e22)
    for name in ("N", "D", "loss", "tokens_per_parameter"):
        assert back[name] == pytest.approx(forward[name], rel=1e-9), name
    assert back["overspent"] == pytest.approx([1, 1], abs=1e-9)


def test_a_draw_that_does_not_reach_the_loss_needs_infinitely_much():
    E = FRONTIER.draws["E"]
    loss = FRONTIER.parameters["E"] + 1e-4
    below = float((loss <= E).mean())
    assert 0.05 < below < 0.95
    for asked in ({"loss": loss}, {"tokens_per_parameter": 20.0, "loss": loss}):
        interval = inverse_intervals(FRONTIER, **asked)
        assert interval["unreachable"] == below, asked
        assert interval["flops"][1] is None, asked
    assert inverse_intervals(FRONTIER, N=1e20, loss=loss)["unreachable"] >= below
    sure = inverse_intervals(FRONTIER, loss=float(E.max()) + 0.1)
    assert sure["unreachable"] == 0
    assert None not in sure["flops"]


def test_a_target_near_the_floor_says_so():
    told = planner.allocate_inverse(np.random.default_rng(0), loss=1.86, N=1e13)
    assert 0 < told["interval"]["unreachable"] < 1
    assert told["interval"]["D"][1] is None
    assert any("no plan reaches this loss" in sentence for sentence in told["warnings"])
    assert told["interval"]["N"] == [1e13, 1e13]


def test_both_directions_rest_on_the_same_draws():
    table = grid(HOFFMANN, 5, noise=2e-3)
    forward = planner.allocate(1e22, np.random.default_rng(3), table=table, resamples=50)
    back = planner.allocate_inverse(np.random.default_rng(3), flops=1e22, table=table, resamples=50)
    for name in ("N", "D", "loss", "tokens_per_parameter"):
        assert back[name] == pytest.approx(forward[name], rel=1e-9)
        assert back["interval"][name] == pytest.approx(forward["interval"][name], rel=1e-9)
    assert back["interval"]["method"] == forward["interval"]["method"]
    assert back["extrapolation"] == pytest.approx(forward["extrapolation"])
    assert back["warnings"] == forward["warnings"]


def test_a_frontier_without_draws_has_no_interval_and_one_without_a_law_is_refused():
    assert inverse_intervals(literature.published("hoffmann"), flops=1e22) is None
    assert planner.allocate_inverse(np.random.default_rng(0), law="hoffmann", flops=1e22)["interval"] is None
    with pytest.raises(InvalidArgument, match="frontier must be that of a law"):
        inverse_intervals(grid_minimum(kernel_ridge(grid(HOFFMANN, 6))), flops=1e20)
    with pytest.raises(InvalidArgument, match="law must be one that says"):
        planner.allocate_inverse(np.random.default_rng(0), law="kaplan", flops=1e22)
    with pytest.raises(InvalidArgument, match="one of two quantities"):
        inverse_intervals(FRONTIER, N=1e9)
    kaplan = parametric(fit(Kaplan(), grid(HOFFMANN, 5)), np.random.default_rng(0), resamples=5)
    with pytest.raises(InvalidArgument, match="Chinchilla law"):
        inverse_intervals(kaplan, flops=1e22)


def test_the_parameters_of_a_draw_come_back():
    law = {name: np.array([value]) for name, value in EPOCH.items()}
    draws = closed_form_draws({name: np.repeat(value, 2) for name, value in law.items()})
    (first, _) = laws_of(literature.Frontier("planted", closed_form(EPOCH), draws=draws))
    assert first == pytest.approx(EPOCH, rel=1e-9)
