"""Answers that are known beforehand: published optima on real points, and planted laws without noise."""


import numpy as np
import pytest

from scaling_lib.fits.fitting import fit, fit_paper_procedure
from scaling_lib.fits.laws import Chinchilla, PowerLaw, ShiftedPower
from scaling_lib.fits.uncertainty import resampling
from tests.real_points import real_points


@pytest.fixture(scope="module")
def epoch():
    """The 240 points of Besiroglu et al. 2024."""
    return real_points()


def test_chinchilla_points_log_huber(epoch):
    found = fit(Chinchilla(), epoch, objective="log-huber", delta=1e-3)
    assert found.converged
    assert found.objective == pytest.approx(1.018274018e-3, rel=1e-9)
    assert found.params["E"] == pytest.approx(1.817218, abs=1e-6)
    assert found.params["A"] == pytest.approx(477.83, abs=0.01)
    assert found.params["B"] == pytest.approx(2143.4, abs=0.05)
    assert found.params["alpha"] == pytest.approx(0.34731, abs=5e-6)
    assert found.params["beta"] == pytest.approx(0.36717, abs=5e-6)


def test_chinchilla_points_least_absolute_deviations(epoch):
    """The published point estimate: another estimator than the quoted E."""
    found = fit(Chinchilla(), epoch, objective="log-lad")
    assert found.params["A"] == pytest.approx(482.01, abs=0.01)
    assert found.params["B"] == pytest.approx(2085.4, abs=0.05)
    assert found.params["alpha"] == pytest.approx(0.34781, abs=5e-6)
    assert found.params["beta"] == pytest.approx(0.36585, abs=1e-5)


def test_chinchilla_points_bootstrap(epoch):
    found = fit(Chinchilla(), epoch, objective="log-huber", delta=1e-3)
    draws = resampling.bootstrap(found, np.random.default_rng(0), resamples=4000)
    assert np.std(draws["alpha"]) == pytest.approx(0.0154, abs=8e-4)
    assert np.std(draws["beta"]) == pytest.approx(0.0206, abs=1e-3)
    assert np.quantile(draws["beta"], [0.025, 0.975]) == pytest.approx([0.331, 0.415], abs=4e-3)


@pytest.mark.parametrize("objective", ["ols", "huber", "log-ols", "log-huber"])
@pytest.mark.parametrize(("E", "B", "beta"), [(1.0, 1.0, 0.5), (2.35, 300.0, 0.3), (0.1, 5.0, 1.2)])
def test_planted_power_law_to_eight_digits(objective, E, B, beta):
    D = np.geomspace(1e2, 1e6, 12)
    found = fit(PowerLaw(variable="D"), {"D": D, "loss": E + B * D**-beta}, objective=objective)
    assert found.params["beta"] == pytest.approx(beta, abs=1e-8)
    assert found.params["E"] == pytest.approx(E, abs=1e-7)


def test_planted_surface_to_eight_digits():
    N, D = (each.ravel() for each in np.meshgrid(np.geomspace(1e7, 1e10, 7), np.geomspace(1e9, 1e12, 7)))
    loss = 1.69 + 406.4 * N**-0.34 + 410.7 * D**-0.28
    found = fit(Chinchilla(), {"N": N, "D": D, "loss": loss}, objective="log-huber", delta=1e-3)
    assert found.params["alpha"] == pytest.approx(0.34, abs=1e-8)
    assert found.params["beta"] == pytest.approx(0.28, abs=1e-8)


def test_known_and_zero_offsets():
    D = np.geomspace(1e3, 1e6, 9)
    known = fit(PowerLaw(variable="D").pin(E=2.0), {"D": D, "loss": 2 + 40 * D**-0.4}, objective="log-ols")
    assert known.params == pytest.approx({"E": 2.0, "B": 40.0, "beta": 0.4})
    none = fit(PowerLaw(variable="D", offset=0.0), {"D": D, "loss": 40 * D**-0.4}, objective="log-ols")
    assert none.params["beta"] == pytest.approx(0.4, abs=1e-8)


def test_shifted_power_finds_its_shift():
    D = np.geomspace(1e3, 1e6, 16)
    found = fit(ShiftedPower(variable="D"), {"D": D, "loss": 1 + 90 * (D + 5e3) ** -0.6}, objective="log-ols")
    assert found.params["beta"] == pytest.approx(0.6, abs=1e-5)


def test_the_papers_procedure_agrees_with_the_fast_route():
    generator = np.random.default_rng(1)
    D = np.geomspace(1e3, 1e6, 12)
    table = {"D": D, "loss": 1 + 30 * D**-0.4 + 2e-3 * generator.standard_normal(12)}
    fast = fit(PowerLaw(variable="D"), table, objective="huber")
    slow = fit_paper_procedure(PowerLaw(variable="D"), table, generator=np.random.default_rng(0))
    assert fast.objective <= slow.objective * (1 + 1e-9)
    assert slow.params["beta"] == pytest.approx(fast.params["beta"], rel=1e-4)
