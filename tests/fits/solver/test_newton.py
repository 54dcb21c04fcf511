"""The solver: small systems, minima that scipy agrees with, and no fit of a batch that another search can beat."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla, PowerLaw
from scaling_lib.fits.points.synthetic import synthetic_chinchilla
from scaling_lib.fits.solver.newton import solve_definite


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_small_definite_systems(size, seed):
    generator = np.random.default_rng(seed)
    root = generator.standard_normal((50, size, size))
    matrix = root @ root.transpose(0, 2, 1) + 0.1 * np.eye(size)
    right = generator.standard_normal((50, size))
    solution, definite = solve_definite(matrix, right)
    assert definite.all()
    assert solution == pytest.approx(np.linalg.solve(matrix, right[..., None])[..., 0], rel=1e-6, abs=1e-8)


def test_indefinite_systems_are_recognised():
    matrix = np.stack([np.diag([1.0, -1.0]), np.diag([1.0, 1.0]), np.zeros((2, 2)), [[1.0, 2.0], [2.0, 1.0]]])
    assert solve_definite(matrix, np.ones((4, 2)))[1].tolist() == [False, True, False, False]


def log_sum_exp_objective(table, delta):
    x, z, y = np.log(table["N"]), np.log(table["D"]), np.log(table["loss"])

    def objective(p, w=1.0):
        a, b, e, alpha, beta = p
        total = np.logaddexp(np.logaddexp(a - alpha * x, b - beta * z), e)
        r = np.abs(y - total)
        rho = np.where(r <= delta, r**2 / 2, delta * (r - delta / 2)) if delta else r**2 / 2
        return 1e3 * float(np.sum(w * rho))

    return objective


@pytest.mark.parametrize("points", [12, 60])
@pytest.mark.parametrize("seed", [0, 1])
def test_nelder_mead_cannot_improve_a_fit(points, seed):
    """Another method, another parametrisation, started at our optimum and beside it."""
    table = synthetic_chinchilla(np.random.default_rng(seed), points)
    found = fit(Chinchilla(), table, delta=1e-3)
    objective = log_sum_exp_objective(table, 1e-3)
    here = [np.log(found.params["A"]), np.log(found.params["B"]), np.log(max(found.params["E"], 1e-9))]
    here += [found.params["alpha"], found.params["beta"]]
    assert objective(here) == pytest.approx(1e3 * found.objective, rel=1e-9)
    for shift in (0.0, 0.02):
        better = optimize.minimize(
            objective, np.array(here) * (1 + shift), method="Nelder-Mead", options={"maxiter": 4000, "fatol": 1e-14}
        )
        assert better.fun >= 1e3 * found.objective * (1 - 1e-9)


def test_every_resample_reaches_what_many_starts_reach():
    table = synthetic_chinchilla(np.random.default_rng(3), 60)
    found = fit(Chinchilla(), table)
    generator = np.random.default_rng(4)
    weights = generator.multinomial(60, np.full(60, 1 / 60), size=40).astype(float)
    solution = found.problem.solve(np.broadcast_to(found.theta, (40, 5)), weights=weights)
    best = np.full(40, np.inf)
    for start in found.problem.starts(np.array([0, 5, 20, 60, 120])):
        best = np.minimum(best, found.problem.solve(np.broadcast_to(start, (40, 5)), weights=weights).value)
    assert solution.converged.all()
    assert (solution.value <= best * (1 + 1e-6)).all()


def test_weakly_determined_resamples_reach_the_optimum_too():
    """Curved, narrow valleys: exponent, coefficient and offset trade against one another."""
    generator = np.random.default_rng(5)
    x = np.geomspace(1, 10**1.5, 8)
    found = fit(
        PowerLaw(variable="N"), {"N": x, "loss": 1 + x**-0.1 + 0.005 * generator.standard_normal(8)}, objective="ols"
    )
    weights = generator.multinomial(8, np.full(8, 1 / 8), size=60).astype(float)
    weights = weights[(weights > 0).sum(axis=1) > 4]
    solution = found.problem.solve(np.broadcast_to(found.theta, (len(weights), 3)), weights=weights)
    best = np.full(len(weights), np.inf)
    for start in found.problem.starts(np.arange(0, 60, 12)):
        again = found.problem.solve(np.broadcast_to(start, (len(weights), 3)), weights=weights)
        best = np.minimum(best, again.value)
    assert (solution.value <= best * (1 + 1e-4) + 1e-15).mean() >= 0.98
    assert solution.converged.mean() >= 0.98


def test_a_batch_larger_than_the_pool_gives_each_row_its_own_answer():
    table = synthetic_chinchilla(np.random.default_rng(6), 30)
    found = fit(Chinchilla(), table, objective="log-ols")
    generator = np.random.default_rng(7)
    y = found.problem.y + 0.003 * generator.standard_normal((1700, 30))
    solution = found.problem.solve(np.broadcast_to(found.theta, (1700, 5)), y=y)
    assert solution.converged.all()
    for row in (0, 1333, 1699):
        alone = found.problem.solve(found.theta[None], y=y[row])
        assert alone.value[0] == pytest.approx(solution.value[row], rel=1e-9)
