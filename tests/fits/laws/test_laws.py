"""Laws: the formula, the solver's terms and the coordinates say the same; derivatives against differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.laws import (
    BrokenPower,
    Chinchilla,
    Exponential,
    Kaplan,
    PowerLaw,
    ShiftedPower,
    StretchedExponential,
)
from scaling_lib.fits.solver.design import Design, Rho
from scaling_lib.fits.solver.problem import OBJECTIVES, make_problem

PLANTED = [
    (PowerLaw(), {"E": 1.5, "B": 40.0, "beta": 0.4}),
    (PowerLaw(variable="N", offset=0.0), {"E": 0.0, "A": 8.0, "alpha": 0.1}),
    (PowerLaw(variable="C"), {"E": 1.5, "K": 40.0, "gamma": 0.2}),
    (Exponential(), {"E": 1.5, "B": 2.0, "rate": 3e-5}),
    (StretchedExponential(), {"E": 1.5, "B": 9.0, "rate": 1e-4, "stretch": 0.4}),
    (ShiftedPower(), {"E": 1.5, "B": 90.0, "beta": 0.5, "D0": 5e3}),
    (BrokenPower(), {"E": 1.5, "B": 20.0, "beta": 0.2, "beta_late": 0.7, "D_break": 4e4}),
    (Chinchilla(), {"E": 1.7, "A": 400.0, "B": 900.0, "alpha": 0.34, "beta": 0.41}),
    (Chinchilla(tied_exponents=True), {"E": 1.7, "A": 100.0, "B": 300.0, "alpha": 0.34}),
    (Kaplan(), {"E": 0.0, "Nc": 8e6, "Dc": 5e6, "alpha": 0.3, "beta": 0.5}),
    (Kaplan(offset=None), {"E": 0.5, "Nc": 8e6, "Dc": 5e6, "alpha": 0.3, "beta": 0.5}),
]
IDS = [f"{type(law).__name__}-{i}" for i, (law, _) in enumerate(PLANTED)]


def design(law):
    if len(law.variables) == 1:
        return {law.variables[0]: np.geomspace(1e3, 1e6, 15)}
    n, d = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e5, 1e8, 6), np.geomspace(1e6, 1e9, 6)))
    return {"N": n, "D": d}


def problem(law, truth, objective="log-ols"):
    columns = design(law)
    return make_problem(law, columns, law.loss(truth, **columns), objective, None, None)


@pytest.mark.parametrize(("law", "truth"), PLANTED, ids=IDS)
def test_terms_give_the_formula(law, truth):
    made = problem(law, truth)
    theta = made.coordinates(truth)[None]
    assert made.design.values(theta)[0] == pytest.approx(made.loss, rel=1e-12)
    back = dict(zip(law.parameters, made.natural(theta)[0], strict=True))
    assert back == pytest.approx(truth, rel=1e-10, abs=1e-15)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize(("law", "truth"), PLANTED, ids=IDS)
def test_gradient_and_hessian_are_those_of_the_objective(law, truth, objective):
    made = problem(law, truth)
    generator = np.random.default_rng(7)
    theta = made.coordinates(truth) * (1 + 0.05 * generator.standard_normal(len(truth)))
    if truth["E"] == 0:
        theta[0] = 0.3
    logarithmic = objective.startswith("log")
    rho = Rho(logarithmic, None if "ols" in objective else 0.05)
    y = made.y if logarithmic else made.loss
    w = generator.uniform(0.5, 2, len(y))

    def value(place):
        model = made.design.values(place[None])[0]
        return float(w @ rho(y - (np.log(model) if logarithmic else model)))

    f, gradient, hessian = (part[0] for part in made.design.evaluate(theta[None], y, w, rho))
    assert f == pytest.approx(value(theta), rel=1e-12)
    step = 1e-5 * np.abs(theta) * np.eye(len(theta))
    slopes = np.array([(value(theta + h) - value(theta - h)) / (2 * h.sum()) for h in step])
    scale = np.abs(gradient * theta).max()
    assert gradient * theta == pytest.approx(slopes * theta, abs=1e-7 * scale)

    def slope(place):
        return made.design.evaluate(place[None], y, w, rho)[1][0]

    bends = np.array([(slope(theta + h) - slope(theta - h)) / (2 * h.sum()) for h in step])
    sized = theta[:, None] * theta
    # A residual that crosses Huber's threshold between the two evaluations moves the difference by this much.
    slack = 1e-6 if rho.delta is None else 1e-4
    assert hessian * sized == pytest.approx(bends * sized, abs=slack * np.abs(hessian * sized).max())


@settings(max_examples=25, deadline=None)
@given(st.floats(0.05, 3), st.floats(0.1, 50), st.floats(0, 5), st.floats(1, 1e6))
def test_broken_power_without_a_break_is_a_power(beta, B, E, at):
    x = np.geomspace(1, 1e6, 7)
    broken = BrokenPower().loss({"E": E, "B": B, "beta": beta, "beta_late": beta, "D_break": at}, D=x)
    assert broken == pytest.approx(PowerLaw().loss({"E": E, "B": B, "beta": beta}, D=x), rel=1e-10)


def test_broken_power_has_its_two_exponents_far_from_the_break():
    law, truth = BrokenPower(offset=0.0), {"B": 1.0, "beta": 0.2, "beta_late": 0.7, "D_break": 1e10}
    for at, exponent in ((1e2, 0.2), (1e18, 0.7)):
        low, high = law.loss(truth, D=np.array([at, at * 10]))
        assert np.log10(low / high) == pytest.approx(exponent, abs=1e-6)


def test_kaplan_is_chinchilla_without_offset_when_its_inner_powers_are_one():
    """At beta = 1 and alpha = 1 the joint form is Nc / N + Dc / D."""
    n, d = np.array([1e5, 1e6]), np.array([1e7, 1e6])
    joint = Kaplan().loss({"Nc": 3e4, "Dc": 5e5, "alpha": 1.0, "beta": 1.0}, N=n, D=d)
    assert joint == pytest.approx(3e4 / n + 5e5 / d)


def test_kaplan_published_form():
    """Kaplan et al. 2020, equation 1.5 with its published constants, at infinite data: (Nc / N)^alpha_N."""
    published = {"Nc": 6.4e13, "Dc": 1.8e13, "alpha": 0.076, "beta": 0.103}
    assert Kaplan().loss(published, N=1e9, D=1e60) == pytest.approx((6.4e13 / 1e9) ** 0.076)


def test_names_follow_the_variable():
    assert PowerLaw(variable="N").parameters == ("E", "A", "alpha")
    assert PowerLaw(variable="D").parameters == ("E", "B", "beta")
    assert PowerLaw(variable="C").parameters == ("E", "K", "gamma")
    assert Chinchilla(tied_exponents=True).free == ("E", "A", "B", "alpha")
    assert Kaplan().free == ("Nc", "Dc", "alpha", "beta")
    assert Chinchilla().pin(E=1.69, alpha=0.3).free == ("A", "B", "beta")


def test_pins_add_up_and_are_part_of_equality():
    assert Chinchilla().pin(E=1.69).pin(alpha=0.3) == Chinchilla().pin(alpha=0.3, E=1.69)
    assert PowerLaw(offset=2.0).fixed == {"E": 2.0}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: PowerLaw(variable="x"), "variable must be one of"),
        (lambda: PowerLaw(offset=-1), "offset must be"),
        (lambda: PowerLaw(offset=1.0).pin(E=2.0), "offset fixes already"),
        (lambda: Chinchilla().pin(gamma=1.0), "no parameter of"),
        (lambda: Chinchilla().pin(alpha=0.0), "pinned alpha must be"),
        (lambda: Chinchilla(pinned=("E",)), "pinned must be pairs"),
        (lambda: PowerLaw().loss({"E": 1.0, "B": 1.0}, D=1e3), "parameters lacks 'beta'"),
        (lambda: PowerLaw().loss({"E": 1.0, "B": 1.0, "beta": 0.3}), "variables lacks D"),
        (lambda: PowerLaw().loss({"E": 1.0, "B": 1.0, "beta": 0.3}, D=1e3, N=1e3), "does not use"),
        (lambda: PowerLaw().loss({"E": 1.0, "B": 1.0, "beta": 0.3}, D=-1.0), "D must hold numbers above 0"),
        (lambda: PowerLaw().loss({"E": 1.0, "B": 1e300, "beta": 9.0}, D=1e-9), "infinite loss"),
    ],
)
def test_errors_say_what_is_wrong(make, words):
    with pytest.raises(InvalidArgument, match=words):
        make()


def test_design_is_shared_by_a_batch_of_mixed_values():
    """Rows of a batch do not leak into one another through the buffers."""
    law, truth = PLANTED[7]
    made = problem(law, truth)
    one, other = made.coordinates(truth), made.coordinates({**truth, "alpha": 0.5, "E": 1.0})
    rho = Rho(True, 1e-3)
    fresh = Design(made.design.terms, len(made.loss), 5)
    both = made.design.evaluate(np.array([one, other]), made.y, None, rho)
    for row, theta in enumerate((one, other)):
        alone = fresh.evaluate(theta[None], made.y, None, rho)
        for together, single in zip(both, alone, strict=True):
            leak = np.abs(together[1 - row]).max()  # its size; at the truth all there is are rounding errors
            assert together[row] == pytest.approx(single[0], rel=1e-12, abs=1e-13 * leak)
