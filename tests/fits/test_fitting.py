"""Fits: planted truth exactly, objectives as defined, hard cases, and what the result says of itself."""


import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.fitting import fit, fit_paper_procedure
from scaling_lib.fits.laws import (
    BrokenPower,
    Chinchilla,
    Exponential,
    Kaplan,
    PowerLaw,
    ShiftedPower,
    StretchedExponential,
)
from scaling_lib.fits.points.synthetic import synthetic_chinchilla
from scaling_lib.fits.solver.problem import OBJECTIVES
from scaling_lib.fits.uncertainty.straightness import local_slopes
from tests.fits.laws.test_laws import IDS, PLANTED, design
from tests.real_points import real_points


def noisy(points=12, sigma=0.01, seed=0, beta=0.4):
    D = np.geomspace(1e4, 1e7, points)
    noise = sigma * np.random.default_rng(seed).standard_normal(points)
    return {"D": D, "loss": (2 + 60 * D**-beta) * np.exp(noise)}


@pytest.mark.parametrize("objective", ["ols", "log-ols", "log-huber", "log-lad"])
@pytest.mark.parametrize(("law", "truth"), PLANTED, ids=IDS)
def test_noise_free_law_is_found_exactly(law, truth, objective):
    columns = design(law)
    found = fit(law, {**columns, "loss": law.loss(truth, **columns)}, objective=objective)
    assert found.converged
    for name in (*law.exponents, *(["rate"] if "rate" in law.parameters else [])):
        assert found.params[name] == pytest.approx(truth[name], rel=1e-8)
    assert found.params["E"] == pytest.approx(truth["E"], abs=1e-7)
    assert found.warnings == ()


def test_a_law_without_any_residual_has_no_error():
    """To the last bit, as happens on some processors: nothing is divided by the noise that is not there."""
    columns = design(PLANTED[0][0])
    found = fit(PLANTED[0][0], {**columns, "loss": PLANTED[0][0].loss(PLANTED[0][1], **columns)}, objective="log-lad")
    vars(found)["_influence"] = (np.zeros(found.n), np.ones(found.n))
    vars(found)["_normal_noise"] = 0.0
    assert found._noise == 0
    assert found._profile_scale("E") == np.inf
    assert found.offset_identified
    assert found.warnings == ()


@settings(max_examples=20, deadline=None)
@given(st.floats(0.03, 1.5), st.floats(0, 4), st.floats(0.2, 3), st.floats(2, 5), st.sampled_from(["ols", "log-huber"]))
def test_any_planted_power_law_is_found(beta, E, size, decades, objective):
    D = np.geomspace(1e5, 10 ** (5 + decades), 12)
    B = size * 1e5**beta
    found = fit(PowerLaw(), {"D": D, "loss": E + B * D**-beta}, objective=objective)
    assert found.params["beta"] == pytest.approx(beta, rel=1e-6)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_objective_is_the_sum_that_the_name_says(objective):
    table = noisy(9)
    weights = np.linspace(0.5, 2, 9)
    found = fit(PowerLaw(), table, objective=objective, weights=weights)
    model = PowerLaw().loss(found.params, D=table["D"])
    r = np.log(table["loss"] / model) if objective.startswith("log") else table["loss"] - model
    delta = found.problem.delta
    rho = {
        "ols": r**2,
        "log-ols": r**2,
        "log-lad": np.abs(r),
    }.get(objective)
    if rho is None:
        rho = np.where(np.abs(r) <= delta, r**2 / 2, delta * (np.abs(r) - delta / 2))
    assert found.objective == pytest.approx(weights @ rho, rel=1e-9)
    assert found.residuals == pytest.approx(r, abs=1e-12)


def test_thresholds_by_default():
    table = noisy()
    loss = table["loss"]
    spread = 1.4826 * np.median(np.abs(loss - np.median(loss)))
    assert fit(PowerLaw(), table, objective="huber").problem.delta == pytest.approx(spread)
    assert fit(PowerLaw(), table).problem.delta == 1e-3
    assert fit(PowerLaw(), table, objective="ols").problem.delta is None


def test_a_wide_threshold_is_least_squares():
    table = noisy()
    wide = fit(PowerLaw(), table, objective="log-huber", delta=1e3)
    squares = fit(PowerLaw(), table, objective="log-ols")
    assert wide.params == pytest.approx(squares.params, rel=1e-6)
    assert 2 * wide.objective == pytest.approx(squares.objective, rel=1e-9)


def test_a_weight_of_two_is_the_row_twice():
    table = noisy()
    twice = {name: np.concatenate([values, values[:4]]) for name, values in table.items()}
    weights = np.where(np.arange(12) < 4, 2.0, 1.0)
    for objective in ("log-huber", "ols"):
        doubled, weighted = (
            fit(PowerLaw(), twice, objective=objective),
            fit(PowerLaw(), table, objective=objective, weights=weights),
        )
        assert doubled.params == pytest.approx(weighted.params, rel=1e-6)
        assert doubled.objective == pytest.approx(weighted.objective, rel=1e-9)


def test_a_weight_of_zero_is_a_row_left_out():
    table = noisy()
    without = fit(PowerLaw(), {name: values[1:] for name, values in table.items()})
    zero = fit(PowerLaw(), table, weights=np.r_[0.0, np.ones(11)])
    assert zero.params == pytest.approx(without.params, rel=1e-6)
    assert zero.n == without.n == 11


def test_units_of_the_variables_do_not_matter():
    table = synthetic_chinchilla(np.random.default_rng(1), 60)
    plain = fit(Chinchilla(), table)
    scaled = fit(Chinchilla(), {"N": table["N"] / 1e6, "D": table["D"] * 1e3, "loss": table["loss"]})
    for name in ("E", "alpha", "beta"):
        assert scaled.params[name] == pytest.approx(plain.params[name], rel=1e-5)
    assert scaled.params["A"] == pytest.approx(plain.params["A"] * 1e-6 ** plain.params["alpha"], rel=1e-4)


def test_least_absolute_deviations_pass_through_points_and_balance():
    """As many residuals vanish as there are parameters, and no direction improves."""
    table = synthetic_chinchilla(np.random.default_rng(2), 50)
    found = fit(Chinchilla(), table, objective="log-lad")
    assert found.converged
    assert np.count_nonzero(np.abs(found.residuals) < 1e-10) == 5
    generator = np.random.default_rng(0)
    for _ in range(50):
        nearby = {name: value * (1 + 1e-4 * generator.standard_normal()) for name, value in found.params.items()}
        model = Chinchilla().loss(nearby, N=table["N"].to_numpy(), D=table["D"].to_numpy())
        assert np.abs(np.log(table["loss"] / model)).sum() >= found.objective


def test_one_outlier_does_not_move_the_robust_fits():
    table = noisy(16, sigma=0.0)
    table["loss"][5] *= 1.3
    for objective in ("log-lad", "log-huber"):
        found = fit(PowerLaw(), table, objective=objective)
        assert found.params["beta"] == pytest.approx(0.4, abs=2e-3 if objective == "log-huber" else 1e-8)
    assert abs(fit(PowerLaw(), table, objective="log-ols").params["beta"] - 0.4) > 0.01


def test_offset_that_goes_to_zero_is_zero_and_said():
    """The best offset would be negative."""
    D = np.geomspace(1e4, 1e7, 10)
    loss = 20 * D**-0.1 - 1 + 0.01 * np.random.default_rng(3).standard_normal(10)
    found = fit(PowerLaw(), {"D": D, "loss": loss}, objective="log-ols")
    assert found.params["E"] == 0
    assert not found.offset_identified
    assert any("E is not identified" in said for said in found.warnings)
    none = fit(PowerLaw(offset=0.0), {"D": D, "loss": loss}, objective="log-ols")
    assert found.params["beta"] == pytest.approx(none.params["beta"], rel=1e-6)
    assert found.summary().loc["E", "note"] == "not identified"


def test_exponent_near_zero_is_found():
    D = np.geomspace(1e3, 1e9, 14)
    found = fit(PowerLaw(offset=0.0), {"D": D, "loss": 5 * D**-0.001}, objective="log-ols")
    assert found.params["beta"] == pytest.approx(0.001, rel=1e-6)
    free = fit(PowerLaw(), {"D": D, "loss": 1 + 5 * D**-0.01}, objective="log-ols")
    assert free.params["beta"] == pytest.approx(0.01, rel=1e-4)


def test_two_points_a_decade_are_enough():
    D = np.geomspace(1e4, 1e8, 9)
    table = {"D": D, "loss": 2 + 60 * D**-0.4}
    assert fit(PowerLaw(), table).params["beta"] == pytest.approx(0.4, abs=1e-8)


def test_rising_losses_end_on_the_bound_and_say_so():
    D = np.geomspace(1e4, 1e7, 10)
    found = fit(PowerLaw(), {"D": D, "loss": 2 + 0.1 * np.log10(D)}, objective="ols")
    assert found.at_bound == ("beta",) or found.effectively_constant
    assert found.warnings


def test_noise_is_a_constant():
    table = {"D": np.geomspace(1e4, 1e7, 20), "loss": 2 + 0.01 * np.random.default_rng(8).standard_normal(20)}
    found = fit(PowerLaw(), table, objective="ols")
    assert found.effectively_constant
    assert not fit(PowerLaw(), noisy(20)).effectively_constant


def test_as_many_points_as_parameters_leave_no_error():
    D = np.geomspace(1e4, 1e7, 3)
    found = fit(PowerLaw(), {"D": D, "loss": 2 + 60 * D**-0.4})
    assert found.params["beta"] == pytest.approx(0.4, abs=1e-8)
    assert any("no error can be estimated" in said for said in found.warnings)
    assert np.isnan(found.standard_errors["beta"])


def test_covariance_of_a_straight_line_is_the_textbook_one():
    """Without offset log L is linear in log B and beta."""
    table = noisy(12)
    found = fit(PowerLaw(offset=0.0), table, objective="log-ols")
    matrix = np.stack([np.ones(12), -np.log(table["D"])], axis=1)
    solution, squares, *_ = np.linalg.lstsq(matrix, np.log(table["loss"]), rcond=None)
    covariance = squares[0] / 10 * np.linalg.inv(matrix.T @ matrix)
    assert found.params["beta"] == pytest.approx(solution[1])
    assert found.standard_errors["beta"] == pytest.approx(np.sqrt(covariance[1, 1]))
    assert found.standard_errors["B"] == pytest.approx(np.exp(solution[0]) * np.sqrt(covariance[0, 0]))
    assert found.covariance.loc["B", "beta"] == pytest.approx(np.exp(solution[0]) * covariance[0, 1])
    predicted = found.predict(D=np.array([1e8]))
    at = np.array([1.0, -np.log(1e8)])
    reach = 2.228138852 * np.sqrt(at @ covariance @ at)
    assert np.log(predicted["high"] / predicted["loss"])[0] == pytest.approx(reach, rel=1e-6)


@pytest.mark.parametrize("objective", ["ols", "log-ols", "log-huber", "log-lad"])
def test_standard_errors_are_the_spread_of_repeated_data(objective):
    D = np.geomspace(1e4, 1e7, 60)
    truth = 2 + 60 * D**-0.4
    generator = np.random.default_rng(0)
    noise = np.exp(0.005 * generator.standard_normal((60, 60)))
    fits = [fit(PowerLaw(), {"D": D, "loss": truth * factors}, objective=objective) for factors in noise]
    spread = np.std([found.params["beta"] for found in fits])
    assert np.median([found.standard_errors["beta"] for found in fits]) == pytest.approx(spread, rel=0.4)


def test_two_routes_agree():
    """The paper's procedure and the fast one."""
    generator = np.random.default_rng(11)
    for seed, (sigma, beta) in enumerate([(0.001, 0.4), (0.01, 0.4), (0.02, 0.6)]):
        table = noisy(12, sigma, seed, beta)
        for law in (PowerLaw(), PowerLaw(offset=0.0), PowerLaw(offset=1.9), PowerLaw().pin(beta=beta)):
            for objective in ("huber", "log-huber"):
                fast = fit(law, table, objective=objective)
                slow = fit_paper_procedure(law, table, generator, objective=objective, starts=6)
                assert slow.objective >= fast.objective * (1 - 1e-9)
                assert slow.objective == pytest.approx(fast.objective, rel=1e-6)
                if objective == "huber":  # nearly absolute deviations are nearly flat between points
                    assert slow.params["beta"] == pytest.approx(fast.params["beta"], rel=2e-3)


@pytest.mark.slow
def test_two_routes_agree_with_all_forty_starts():
    generator = np.random.default_rng(12)
    for seed in range(40):
        table = noisy(8 + seed % 9, 0.005 * (1 + seed % 4), seed, 0.1 + 0.05 * (seed % 12))
        fast = fit(PowerLaw(), table, objective="huber")
        slow = fit_paper_procedure(PowerLaw(), table, generator)
        assert fast.objective <= slow.objective * (1 + 1e-9)
        assert slow.objective == pytest.approx(fast.objective, rel=1e-5)


def test_pinned_parameters_stay_and_cost():
    table = synthetic_chinchilla(np.random.default_rng(5))
    free = fit(Chinchilla(), table)
    for pins in ({"E": 1.69}, {"alpha": 0.5}, {"A": 100.0}, {"B": 5000.0, "E": 1.8}):
        held = fit(Chinchilla().pin(**pins), table)
        assert {name: held.params[name] for name in pins} == pins
        assert held.objective > free.objective
        assert all(held.covariance.loc[name, name] == 0 for name in pins)
    there = fit(Chinchilla().pin(A=free.params["A"]), table)
    assert there.objective == pytest.approx(free.objective, rel=1e-9)


def test_tied_exponents_cost_and_agree_where_they_are_equal():
    n, d = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e7, 1e10, 6), np.geomspace(1e9, 1e12, 6)))
    loss = 1.7 + 300 * n**-0.33 + 800 * d**-0.33
    assert fit(Chinchilla(tied_exponents=True), {"N": n, "D": d, "loss": loss}).params["alpha"] == pytest.approx(0.33)


def test_a_wrong_offset_bends_the_exponent():
    """Log-log slope of L - E (1 + eps): two decades, E 1.8, alpha .35, twelve points (a known table of such biases)."""
    x = np.geomspace(1, 100, 12)
    excess = x**-0.35
    for share, exponent in ((-0.05, 0.289), (-0.01, 0.336), (0.01, 0.366), (0.05, 0.453)):
        wrong = fit(PowerLaw(variable="N", offset=0.0), {"N": x, "loss": excess - 1.8 * share}, objective="log-ols")
        assert wrong.params["alpha"] == pytest.approx(exponent, abs=1.1e-3)


def test_known_dependence_on_objective_and_offset():
    """The 240 published points under other objectives, thresholds and pinned offsets."""
    table = real_points()
    rows = [("log-huber", 1e-2, 0.382), ("log-huber", 3e-2, 0.405), ("log-ols", None, 0.406), ("ols", None, 0.428)]
    for objective, delta, beta in rows:
        found = fit(Chinchilla(), table, objective=objective, delta=delta)
        assert found.params["beta"] == pytest.approx(beta, abs=5e-4)
    known = [(1.69, 0.291, 0.331), (1.75, 0.314, 0.351), (1.85, 0.362, 0.379), (1.9, 0.382, 0.408)]
    for offset, alpha, beta in known:
        pinned = fit(Chinchilla(offset=offset), table).params
        assert (pinned["alpha"], pinned["beta"]) == pytest.approx((alpha, beta), abs=6e-4)


def test_a_large_table_is_fitted_on_a_part_of_its_points_first():
    table = synthetic_chinchilla(np.random.default_rng(0), 6000)
    found = fit(Chinchilla(), table)
    assert found.converged
    for name in ("E", "alpha", "beta"):
        assert found.params[name] == pytest.approx({"E": 1.8172, "alpha": 0.3478, "beta": 0.3658}[name], rel=0.02)
    kaplan = fit(Kaplan(), table)
    assert kaplan.converged


def test_rivals_fit_their_own_kind_best():
    D = np.geomspace(1e3, 1e6, 16)
    kinds = {
        "power": (PowerLaw(), {"E": 1.0, "B": 60.0, "beta": 0.5}),
        "exponential": (Exponential(), {"E": 1.0, "B": 2.0, "rate": 8e-6}),
        "stretched": (StretchedExponential(), {"E": 1.0, "B": 9.0, "rate": 1e-4, "stretch": 0.4}),
        "shifted": (ShiftedPower(), {"E": 1.0, "B": 9e3, "beta": 0.9, "D0": 2e4}),
        "broken": (BrokenPower(), {"E": 1.0, "B": 3.0, "beta": 0.1, "beta_late": 0.8, "D_break": 3e4}),
    }
    for truth_name, (law, truth) in kinds.items():
        table = {"D": D, "loss": law.loss(truth, D=D)}
        rivals = {name: rival for name, (rival, _) in kinds.items()}
        objectives = {name: fit(rival, table, objective="log-ols").objective for name, rival in rivals.items()}
        assert objectives[truth_name] < 1e-20
        simple = {name: value for name, value in objectives.items() if name in ("power", "exponential")}
        assert all(value > 1e-8 for name, value in simple.items() if name != truth_name)


def test_kaplan_with_and_without_offset():
    table = synthetic_chinchilla(np.random.default_rng(9), 80)
    without, with_offset = fit(Kaplan(), table), fit(Kaplan(offset=None), table)
    assert without.converged
    assert with_offset.converged
    assert with_offset.objective < without.objective


def test_result_describes_itself():
    found = fit(Chinchilla(), synthetic_chinchilla(np.random.default_rng(0)))
    summary = found.summary()
    assert list(summary.index) == ["E", "A", "B", "alpha", "beta"]
    assert (summary["low"] < summary["value"]).all()
    html = found._repr_html_()
    assert "log-huber (delta 0.001)" in html
    assert "n = 240" in html
    assert "converged" in html
    assert repr(found).startswith("Fit(L = E + A N^-alpha + B D^-beta; E 1.8")


def test_a_doubtful_table_is_fitted_and_said():
    table = synthetic_chinchilla(np.random.default_rng(0))
    bits = fit(Chinchilla(), table.assign(loss=table["loss"] / np.log(2)))
    assert any("bits" in said for said in bits.warnings)
    assert "bits" in bits._repr_html_()
    thousands = fit(Chinchilla(), table.assign(D=table["D"] / 1e3))
    assert any("thousands" in said for said in thousands.warnings)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"objective": "huber-log"}, "objective must be one of"),
        ({"objective": "ols", "delta": 0.1}, "delta belongs to"),
        ({"delta": 0.0}, "delta must be"),
        ({"weights": np.ones(3)}, "weights must have length 12"),
        ({"weights": -np.ones(12)}, "weights must hold"),
        ({"weights": np.r_[1.0, 1.0, np.zeros(10)]}, "weights must leave 3 points"),
        ({"law": PowerLaw(offset=1.0).pin(B=1.0, beta=0.3)}, "law must have a free parameter"),
        ({"law": "chinchilla"}, "law must be a Law"),
    ],
)
def test_errors_say_what_is_wrong(arguments, words):
    with pytest.raises(InvalidArgument, match=words):
        fit(**{"law": PowerLaw(), "table": noisy(), **arguments})


def test_the_papers_procedure_is_for_power_laws():
    with pytest.raises(InvalidArgument, match="for other laws"):
        fit_paper_procedure(Chinchilla(), noisy(), np.random.default_rng(0))
    with pytest.raises(InvalidArgument, match="use fit, which can pin it"):
        fit_paper_procedure(PowerLaw().pin(B=60.0), noisy(), np.random.default_rng(0))


def test_local_slopes_of_a_power_are_its_exponent():
    x = np.geomspace(1e3, 1e6, 7)
    slopes = local_slopes(x, 5 * x**-0.7)
    assert slopes["slope"].to_numpy() == pytest.approx(np.full(6, 0.7))
    assert slopes["se"].isna().all()
    assert local_slopes(x, 5 * x**-0.7, window=4)["slope"].to_numpy() == pytest.approx(np.full(4, 0.7))


def test_local_slopes_cover_with_replicates():
    generator = np.random.default_rng(1)
    x = np.repeat(np.geomspace(1e3, 1e6, 6), 3)
    hits = total = 0
    for _ in range(200):
        slopes = local_slopes(x, 5 * x**-0.7 * np.exp(0.03 * generator.standard_normal(len(x))))
        hits += int(((slopes["low"] < 0.7) & (slopes["high"] > 0.7)).sum())
        total += len(slopes)
    assert hits / total == pytest.approx(0.95, abs=0.025)


def test_local_slopes_need_distinct_values():
    with pytest.raises(InvalidArgument, match="2 distinct values"):
        local_slopes(np.ones(4), np.ones(4))
