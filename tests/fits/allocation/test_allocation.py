"""Frontiers: exact on planted laws, biased where they are known to be, honest about edges."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.allocation import (
    QUANTITIES,
    Allocation,
    Frontier,
    closed_form,
    comparison,
    envelope,
    grid_minimum,
    isoflop,
    isoflop_bias,
    isoflop_loss,
    parametric,
)
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla, Kaplan, PowerLaw
from scaling_lib.fits.points.synthetic import planted_isoflops
from scaling_lib.fits.surfaces import kernel_ridge, law_surface, resampled_surfaces
from scaling_lib.runs.keeping.learning_curves import learning_curves
from scaling_lib.runs.keeping.tables import frame_of
from tests.fits.allocation.planted_frontiers import ASYMMETRIC, EPOCH, HOFFMANN, curves, grid, isoflops
from tests.real_points import real_points
from tests.runs import planted

KAPLAN = {"E": 0.0, "Nc": 6.4e13, "Dc": 1.8e13, "alpha": 0.076, "beta": 0.103}


def lowest(law, parameters, C):
    """log N and loss of the optimum by brute force."""
    found = optimize.minimize_scalar(
        lambda x: float(law.loss(parameters, N=np.exp(x), D=C / 6 / np.exp(x))),
        bounds=(0, 80),
        method="bounded",
        options={"xatol": 1e-12},
    )
    return found.x, found.fun


# Closed form ---------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    alpha=st.floats(0.05, 1.5),
    beta=st.floats(0.05, 1.5),
    log_a=st.floats(0, 10),
    log_b=st.floats(0, 10),
    log_c=st.floats(25, 60),
)
def test_closed_form_is_the_minimum_of_a_chinchilla_law(alpha, beta, log_a, log_b, log_c):
    law = {"E": 1.5, "A": np.exp(log_a), "B": np.exp(log_b), "alpha": alpha, "beta": beta}
    optimal, C = closed_form(law), np.exp(log_c)
    N, D = optimal.optimal_parameters(C), optimal.optimal_tokens(C)
    assert pytest.approx(C, rel=1e-9) == 6 * N * D
    loss = Chinchilla().loss(law, N=N, D=D)
    assert optimal.loss(C) == pytest.approx(float(loss), rel=1e-9)
    for shift in (0.9, 0.99, 1.01, 1.1):
        assert Chinchilla().loss(law, N=N * shift, D=D / shift) >= loss * (1 - 1e-12)


@pytest.mark.parametrize("C", [1e18, 1e24])
def test_closed_form_of_kaplans_joint_law(C):
    log_n, loss = lowest(Kaplan(), KAPLAN, C)
    optimal = closed_form(KAPLAN)
    assert np.log(optimal.optimal_parameters(C)) == pytest.approx(log_n, abs=1e-6)
    assert optimal.loss(C) == pytest.approx(loss, rel=1e-10)


def test_published_optima_follow_from_published_parameters():
    """Hoffmann et al. 2022, equation 10: about 32B parameters and 93 tokens each at 5.76e23 FLOPs; Besiroglu et al.
    2024: 18 tokens each. (The "~73" and "~26" that have been quoted do not follow from these parameters.)"""
    rounded = closed_form(HOFFMANN)
    assert rounded.optimal_parameters(5.76e23) == pytest.approx(32.2e9, rel=2e-3)
    assert rounded.optimal_tokens(5.76e23) / rounded.optimal_parameters(5.76e23) == pytest.approx(92.6, abs=0.05)
    epoch = closed_form(EPOCH)
    assert epoch.a == pytest.approx(0.5126, abs=1e-4)
    assert epoch.optimal_tokens(5.76e23) / epoch.optimal_parameters(5.76e23) == pytest.approx(18.4, abs=0.05)


def test_one_exponent_serves_both():
    tied = closed_form({"E": 1.0, "A": 10.0, "B": 20.0, "alpha": 0.3})
    assert tied.a == tied.b == 0.5


def test_closed_form_names_what_is_missing():
    with pytest.raises(InvalidArgument, match=r"parameters must be a dict with .*add B"):
        closed_form({"E": 1.0, "A": 10.0, "alpha": 0.3})


# Approach 3 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("law", [HOFFMANN, ASYMMETRIC, EPOCH])
def test_parametric_is_exact_on_a_planted_law(law):
    found, truth = parametric(fit(Chinchilla(), grid(law))).allocation, closed_form(law)
    for C in (1e18, 1e24):
        assert found.optimal_parameters(C) == pytest.approx(truth.optimal_parameters(C), rel=1e-6)
        assert found.optimal_tokens(C) == pytest.approx(truth.optimal_tokens(C), rel=1e-6)
        assert found.loss(C) == pytest.approx(truth.loss(C), rel=1e-6)
    for name in ("E", "gamma", "a", "b"):
        assert getattr(found, name) == pytest.approx(getattr(truth, name), rel=1e-6)


def test_parametric_bands_on_the_real_points():
    """a .514 +- .020; at Chinchilla's compute 17.9 tokens per parameter, 95 % [7.6, 35.9]."""
    frontier = parametric(fit(Chinchilla(), real_points()), np.random.default_rng(0))
    summary = frontier.summary()
    assert summary.loc["a", "value"] == pytest.approx(0.5139, abs=1e-4)
    assert summary.loc["a", "se"] == pytest.approx(0.020, abs=0.002)
    row = frontier.predict(5.88e23).iloc[0]
    assert row["tokens_per_parameter"] == pytest.approx(17.9, abs=0.05)
    assert row["tokens_per_parameter_low"] == pytest.approx(7.6, abs=0.4)
    assert row["tokens_per_parameter_high"] == pytest.approx(35.9, abs=1.5)


def test_parametric_refuses_a_law_in_one_variable():
    runs = {"D": np.geomspace(1e5, 1e8, 7), "loss": 2 + 50 * np.geomspace(1e5, 1e8, 7) ** -0.4}
    with pytest.raises(InvalidArgument, match="fitted must be the fit of a law in N and D"):
        parametric(fit(PowerLaw(variable="D"), runs))


# Approach 2 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("law", "expected"),
    [
        (HOFFMANN, {2: -0.3, 4: -1.3, 8: -2.9, 16: -5.1, 100: -13}),
        (ASYMMETRIC, {2: -1.7, 4: -6.5, 8: -13.9, 16: -23, 100: -50}),
        (EPOCH, {2: 0.1, 16: 1.6}),
    ],
)
def test_parabolas_miss_the_tokens_by_the_published_bias(law, expected):
    """Per cent of D_opt extrapolated from 1e17-1e21 to 1e24 FLOPs, 15 points a curve (arXiv 2603.22339)."""
    for width, bias in expected.items():
        found = isoflop_bias(law, width=width)
        digits = 0 if float(bias).is_integer() and abs(bias) > 10 else 1
        assert round(100 * found["D"], digits) == bias
        assert (1 + found["N"]) * (1 + found["D"]) == pytest.approx(1)
        assert abs(found["a"]) < 1e-12


def test_off_centre_and_drifting_grids():
    assert round(100 * isoflop_bias(HOFFMANN, width=2, centre=1 / 3)["D"], 1) == 7.1
    assert round(100 * isoflop_bias(HOFFMANN, width=16, centre=1 / 3)["D"], 1) == 0.2
    assert round(100 * isoflop_bias(ASYMMETRIC, width=2, centre=1 / 3)["D"]) == 19
    drifting = isoflop_bias(HOFFMANN, width=2, drift=1 / 3)
    assert round(100 * drifting["D"], 1) == 11.6
    assert drifting["b"] > 0.005
    assert round(100 * isoflop_bias(ASYMMETRIC, width=2, drift=1 / 3)["D"]) == 35


@pytest.mark.parametrize("law", [HOFFMANN, ASYMMETRIC])
@pytest.mark.parametrize("width", [2.0, 8.0])
def test_isoflop_finds_what_the_bias_says(law, width):
    """On noise-free runs approach 2 is the truth times the bias that `isoflop_bias` and its own column give."""
    frontier, truth, bias = isoflop(isoflops(law, width)), closed_form(law), isoflop_bias(law, width=width)
    found = frontier.allocation
    assert found.a == pytest.approx(truth.a, abs=1e-6)
    assert found.optimal_tokens(1e24) / truth.optimal_tokens(1e24) - 1 == pytest.approx(bias["D"], rel=1e-3)
    assert frontier.optima["bias_D"].to_numpy() == pytest.approx(np.full(5, bias["D"]), rel=1e-3)
    assert frontier.optima["width"].to_numpy() == pytest.approx(np.full(5, width))


def test_isoflop_warns_where_its_grids_are_wide_or_off_centre():
    assert isoflop(isoflops(HOFFMANN, 2.0)).warnings == ()
    wide = isoflop(isoflops(ASYMMETRIC, 8.0)).warnings
    assert any("reach further than a factor of 4" in each for each in wide)
    assert any("put D_opt off by up to -13.9%" in each for each in wide)
    away = isoflop(isoflops(HOFFMANN, 4.0, centre=1 / 3))
    assert any("off-centre" in each for each in away.warnings)
    assert isoflop(isoflops(ASYMMETRIC, 8.0), within=2.5).optima["bias_D"].abs().max() < 0.05


def test_a_vertex_outside_the_grid_is_marked_and_left_out():
    runs = isoflops(HOFFMANN, 2.0)
    C = 6 * runs["N"] * runs["D"]
    optimal = closed_form(HOFFMANN).optimal_parameters(C)
    half = runs[(C < 5e19) | (runs["N"] > 1.2 * optimal)]  # the largest budgets lack their small models
    frontier = isoflop(half)
    assert frontier.optima["at_edge"].tolist() == [False, False, False, True, True]
    assert frontier.optima["used"].tolist() == [True, True, True, False, False]
    assert any("2 of 5 budgets have their optimum at the edge" in each for each in frontier.warnings)


def test_isoflop_needs_three_budgets():
    with pytest.raises(InvalidArgument, match="table must be such that three budgets or more"):
        isoflop(isoflops(HOFFMANN, 2.0, budgets=2))


@pytest.mark.parametrize("seed", [0, 1])
def test_isoflop_bands_do_not_hang_on_the_last_bit_of_the_compute(seed):
    """Runs of one budget have C = 6 N D that differ by rounding; the processor decides which run comes first."""
    runs, generator = isoflops(HOFFMANN, 4.0, noise=3e-3), np.random.default_rng(seed)
    nudged = runs.assign(D=runs["D"] * (1 + 2**-52 * generator.integers(-2, 3, len(runs))))
    bands = [isoflop(table, np.random.default_rng(0), resamples=50).draws["a"] for table in (runs, nudged)]
    np.testing.assert_allclose(*bands, rtol=1e-9)


def test_the_loss_at_a_budget_is_lowest_at_the_optimum():
    optimal = closed_form(HOFFMANN)
    best = float(optimal.optimal_parameters(1e20))
    losses = isoflop_loss(HOFFMANN, best * np.array([0.5, 1, 2]), 1e20)
    assert losses.argmin() == 1
    assert losses[1] == pytest.approx(float(optimal.loss(1e20)), rel=1e-12)


def test_isoflop_bands_grow_with_the_noise():
    spread = [
        isoflop(isoflops(HOFFMANN, 4.0, noise=noise), np.random.default_rng(0)).summary().loc["a", "se"]
        for noise in (1e-3, 3e-3)
    ]
    assert spread[1] == pytest.approx(3 * spread[0], rel=0.3)


# Approach 1 ----------------------------------------------------------------------------------------------------------


def test_envelope_of_exact_curves():
    """Sizes come in steps, so N_opt is a staircase: its exponent is right to two per cent, its level to a tenth."""
    frontier, truth = envelope(curves(HOFFMANN, sizes=16), schedule="constant"), closed_form(HOFFMANN)
    assert frontier.allocation.a == pytest.approx(truth.a, rel=0.02)
    assert frontier.allocation.optimal_parameters(1e19) == pytest.approx(truth.optimal_parameters(1e19), rel=0.1)
    used = frontier.optima[frontier.optima["used"]]
    assert used["loss"].to_numpy() == pytest.approx(truth.loss(used["C"].to_numpy()), rel=3e-3)
    assert (used["loss"].to_numpy() >= truth.loss(used["C"].to_numpy()) * (1 - 1e-5)).all()


def test_envelope_marks_its_ends_and_its_cosines():
    frontier = envelope(curves(HOFFMANN))
    assert frontier.optima["at_edge"].iloc[0]
    assert frontier.optima["at_edge"].iloc[-1]
    assert not (frontier.optima["at_edge"] & frontier.optima["used"]).any()
    assert any("cosine" in each for each in frontier.warnings)
    assert not any("cosine" in each for each in envelope(curves(HOFFMANN), schedule="constant").warnings)


def test_undecayed_cosine_curves_move_the_envelope_up():
    """A planted cosine: the loss is too high by .05 nats times the share of the run that is still ahead."""
    table = curves(HOFFMANN)
    ahead = 1 - table["D"] / table.groupby("run")["D"].transform("max")
    biased = envelope(table.assign(loss=table["loss"] + 0.05 * ahead))
    clean = envelope(table)
    middle = slice(500, 1000)
    assert (biased.optima["loss"] > clean.optima["loss"])[middle].all()


def test_envelope_bands_hold_the_estimate():
    frontier = envelope(curves(HOFFMANN, sizes=20), np.random.default_rng(0), budgets=200, resamples=100)
    summary = frontier.summary()
    assert len(frontier.draws) > 90
    for name in ("a", "b", "gamma"):
        assert summary.loc[name, "low"] <= summary.loc[name, "value"] <= summary.loc[name, "high"]


def test_learning_curves_of_recorded_runs():
    record = planted.record(0.1)
    table = learning_curves(frame_of([record]))
    assert table["D"].tolist() == [record.result.tokens]  # the loss before the first step belongs to no D
    assert table["loss"].tolist() == [pytest.approx(planted.ENTROPY_RATE + 0.1)]
    assert table["C"].tolist() == [record.result.flops]
    with pytest.raises(InvalidArgument, match="runs must be a table with learning curves"):
        learning_curves(frame_of([record]).assign(result=json.dumps({"status": "ok"})))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="run"), "a table with the column run"),
        (lambda table: table[table["run"] < 2], "of three sizes or more"),
        (lambda table: table.assign(run=0), "runs of one N each"),
        (lambda table: table.assign(loss=np.nan), "curves cannot be used: "),
    ],
)
def test_envelope_refuses_what_is_no_set_of_curves(change, message):
    with pytest.raises(InvalidArgument, match=message):
        envelope(change(curves(HOFFMANN)))


# Grid minimum --------------------------------------------------------------------------------------------------------


def test_grid_minimum_of_the_exact_surface():
    surface, truth = law_surface(fit(Chinchilla(), grid(HOFFMANN))), closed_form(HOFFMANN)
    for refine, tolerance in ((False, 1e-2), (True, 1e-4)):
        found = grid_minimum(surface, refine=refine).allocation
        assert found.a == pytest.approx(truth.a, abs=tolerance)
        assert found.b == pytest.approx(truth.b, abs=tolerance)
        assert found.gamma == pytest.approx(truth.gamma, abs=tolerance)
        assert found.optimal_parameters(1e20) == pytest.approx(truth.optimal_parameters(1e20), rel=10 * tolerance)


def test_the_two_searches_agree():
    optima = grid_minimum(law_surface(fit(Chinchilla(), grid(HOFFMANN))), refine=True).optima
    used = optima[optima["used"]]
    assert used["loss"].to_numpy() == pytest.approx(used["loss_D"].to_numpy(), rel=1e-5)
    assert (6 * used["N"] * used["D"] / used["C"]).to_numpy() == pytest.approx(np.ones(len(used)), rel=2e-3)


def test_edges_are_dropped_or_kept_and_always_counted():
    surface = law_surface(fit(Chinchilla(), grid(ASYMMETRIC)))
    dropped, kept = grid_minimum(surface), grid_minimum(surface, edges="keep")
    edges = dropped.optima["at_edge"].sum()
    assert 0 < edges < 100
    assert dropped.optima["used"].sum() == 100 - edges
    assert kept.optima["used"].all()
    assert f"{edges} of 100 budgets have their optimum at the edge" in dropped.warnings[0]
    assert "were left out of" in dropped.warnings[0]
    assert "were kept in" in kept.warnings[0]
    truth = closed_form(ASYMMETRIC).a
    assert abs(kept.allocation.a - truth) > 5 * abs(dropped.allocation.a - truth)


def test_grid_minimum_bands_come_from_resampled_surfaces():
    surface = kernel_ridge(grid(HOFFMANN, 6, noise=2e-3))
    resampled = resampled_surfaces(surface, np.random.default_rng(0), resamples=20)
    summary = grid_minimum(surface, resampled, budgets=30, grid=50).summary()
    assert summary.loc["a", "se"] > 0
    assert summary.loc["a", "low"] < closed_form(HOFFMANN).a < summary.loc["a", "high"]


def test_range_of_budgets():
    surface = law_surface(fit(Chinchilla(), grid(HOFFMANN)))
    assert grid_minimum(surface, flops=(1e18, 1e20)).optima["C"].iloc[[0, -1]].tolist() == pytest.approx([1e18, 1e20])
    with pytest.raises(InvalidArgument, match="flops must be two rising numbers"):
        grid_minimum(surface, flops=(1e20, 1e18))
    with pytest.raises(InvalidArgument, match="flops must be such that three budgets"):
        grid_minimum(surface, flops=(1e30, 1e31))


# All together --------------------------------------------------------------------------------------------------------


def test_four_routes_disagree_as_they_should():
    """One law, noise-free, four routes: only the fitted law is exact."""
    truth = closed_form(ASYMMETRIC)
    frontiers = {
        "approach 1": envelope(curves(ASYMMETRIC), schedule="constant"),
        "approach 2": isoflop(isoflops(ASYMMETRIC, 8.0)),
        "approach 3": parametric(fit(Chinchilla(), isoflops(ASYMMETRIC, 8.0))),
        "surface": grid_minimum(kernel_ridge(grid(ASYMMETRIC))),
    }
    table = comparison(frontiers, 1e22)
    error = np.abs(table["D"] / truth.optimal_tokens(1e22) - 1)
    assert error["approach 3"] < 1e-6
    assert error["approach 2"] == pytest.approx(0.139, abs=0.002)
    assert (error[["approach 1", "surface"]] > 1e-3).all()


def test_comparison_labels():
    one = Frontier("published", closed_form(HOFFMANN))
    assert comparison([one], 1e20).index.tolist() == ["published"]
    with pytest.raises(InvalidArgument, match="frontiers must be of distinct methods"):
        comparison([one, one], 1e20)
    with pytest.raises(InvalidArgument, match="frontiers must be at least one frontier"):
        comparison({}, 1e20)


def test_frontier_without_draws_has_no_bands():
    frontier = Frontier("published", closed_form(HOFFMANN))
    row = frontier.predict(1e20).iloc[0]
    assert np.isnan(row["N_low"])
    assert row["tokens_per_parameter"] == pytest.approx(row["D"] / row["N"])
    assert frontier.summary()["se"].isna().all()


def test_frontier_refuses_other_draws():
    with pytest.raises(InvalidArgument, match="draws must be a table with the columns"):
        Frontier("mine", closed_form(HOFFMANN), draws=pd.DataFrame({"a": [0.5]}))
    with pytest.raises(InvalidArgument, match="flops must be a number or a one-dimensional array"):
        Frontier("mine", closed_form(HOFFMANN)).predict(np.ones((2, 2)) * 1e20)
    with pytest.raises(InvalidArgument, match="flops must be a budget whose optimum is a finite number"):
        Allocation(**dict.fromkeys(QUANTITIES, 1.0) | {"a": 1e6}).optimal_parameters(1e20)


# Which bands of approach 2 hold the truth -----------------------------------------------------------------------------


def covered_exponents(resampling, datasets, noise, *, budgets=7, scatter=0.0):
    """How many of the 95 % intervals of a hold the planted one. scatter: of all losses of a budget, the same for each,
    and of its optimal size: what differs from budget to budget and not from run to run."""
    truth, hits = closed_form(HOFFMANN).a, 0
    generator = np.random.default_rng(17)
    for _ in range(datasets):
        C = np.geomspace(1e17, 1e21, budgets)
        middles = closed_form(HOFFMANN).optimal_parameters(C)
        runs = planted_isoflops(HOFFMANN, C, middles, width=4, sizes=9)
        moved = np.exp(scatter * generator.standard_normal(budgets))
        place = np.searchsorted(C, (6 * runs["N"] * runs["D"]).to_numpy() * (1 - 1e-6))
        factor = moved[place]
        loss = runs["loss"].to_numpy() * np.exp(noise * generator.standard_normal(len(runs)))
        table = pd.DataFrame({"N": runs["N"] * factor, "D": runs["D"] / factor, "loss": loss})
        summary = isoflop(table, generator, resamples=200, resampling=resampling).summary().loc["a"]
        hits += summary["low"] <= truth <= summary["high"]
    return hits


def test_bootstraps_over_budgets_hold_what_differs_between_budgets():
    # Every optimum is off by a fifth, whatever its runs say: neither signs nor pairs inside a budget can know.
    by_kind = {kind: covered_exponents(kind, 8, 3e-4, scatter=0.2) for kind in ("signs", "pairs", "budgets")}
    assert by_kind["budgets"] >= 5
    assert max(by_kind["signs"], by_kind["pairs"]) <= 3


@pytest.mark.slow  # 200 data sets of each kind and noise
@pytest.mark.parametrize(
    ("kind", "scatter", "low", "high"),
    [("signs", 0.0, 0.82, 0.95), ("pairs", 0.0, 0.93, 1.0), ("budgets", 0.0, 0.8, 0.97), ("budgets", 0.2, 0.8, 0.97)],
)
def test_coverage_of_the_bands_of_approach_2(kind, scatter, low, high):
    # Three standard errors round what 1,000 data sets showed: 886 for signs, 977 for pairs, 886 for budgets. It is not
    # the 950 of the name, since percentiles of seven optima fall short whatever is drawn; `isoflop` says so.
    assert low <= covered_exponents(kind, 200, 2e-3 if not scatter else 3e-4, scatter=scatter) / 200 <= high
