"""Surfaces: the stated optimum, the stated network, planted truth, and what held-out runs say."""

import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.allocation import grid_minimum, parametric
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla
from scaling_lib.fits.surfaces import (
    Surface,
    _networks,
    cross_validate,
    kernel_ridge,
    law_surface,
    neural_regression,
    resampled_surfaces,
    validation_summary,
)
from tests.fits.allocation.planted_frontiers import HOFFMANN, grid
from tests.real_points import real_points

RUNS = grid(HOFFMANN, 6, noise=2e-3)


def reweighted(table, ridge, delta, sweeps):
    """The paper's iteration, (W K + ridge I) a = W y, written down again."""
    u = np.log10(table[["N", "D"]].to_numpy())
    u = (u - u.mean(0)) / u.std(0)
    du, dv = ((u[:, None, axis] - u[None, :, axis]) ** 2 / 2 for axis in (0, 1))
    kernel = np.exp(-du) + np.exp(-dv) + np.exp(-du - dv)
    y = table["loss"].to_numpy() - table["loss"].mean()
    weights = np.ones(len(y))
    for _ in range(sweeps):
        a = np.linalg.solve(weights[:, None] * kernel + ridge * np.eye(len(y)), weights * y)
        residual = y - kernel @ a
        weights = np.minimum(1, delta / np.abs(residual))
    size = np.abs(residual)
    rho = np.where(size <= delta, size**2 / 2, delta * (size - delta / 2)).sum()
    return kernel @ a + table["loss"].mean(), rho + ridge / 2 * a @ kernel @ a


@pytest.mark.parametrize("ridge", [1e-4, 1e-2])
def test_kernel_ridge_is_the_limit_of_the_papers_iteration(ridge):
    surface = kernel_ridge(RUNS, ridge=ridge)
    fitted, objective = reweighted(RUNS, ridge, 1e-3, 3000)
    assert surface.details["objective"] <= objective * (1 + 1e-9)
    assert surface.details["objective"] == pytest.approx(objective, rel=1e-6)
    assert surface.loss(RUNS["N"].to_numpy(), RUNS["D"].to_numpy()) == pytest.approx(fitted, abs=1e-5)


def test_kernel_ridge_meets_its_optimality_condition():
    """ridge a = psi(y - K a), seen from outside: residuals beyond delta all carry the same pull."""
    smooth, rough = kernel_ridge(RUNS, ridge=1e-6), kernel_ridge(RUNS, ridge=1.0)
    assert np.abs(smooth.residuals).mean() < np.abs(rough.residuals).mean()
    assert kernel_ridge(RUNS, ridge=1e9).loss(1e8, 1e10) == pytest.approx(RUNS["loss"].mean(), abs=1e-6)


def test_surfaces_of_a_noise_free_law():
    """Half-way between the runs the kernel is right to a thousandth of a nat; the law to rounding."""
    runs = grid(HOFFMANN, 9)
    N = np.geomspace(runs["N"].min() * 2, runs["N"].max() / 2, 7)
    D = np.geomspace(runs["D"].max() / 2, runs["D"].min() * 2, 7)
    truth = Chinchilla().loss(HOFFMANN, N=N, D=D)
    assert law_surface(fit(Chinchilla(), runs)).loss(N, D) == pytest.approx(truth, rel=1e-7)
    assert kernel_ridge(runs, ridge=1e-6).loss(N, D) == pytest.approx(truth, abs=3e-3)
    assert kernel_ridge(runs, ridge=1e-6, logarithmic=True).loss(N, D) == pytest.approx(truth, abs=3e-3)


def test_network_learns_a_smooth_surface():
    runs = grid(HOFFMANN, 6)
    options = {"width": 32, "learning_rate": 1e-2, "epochs": 250, "improvement": 0.0, "patience": 250}
    surface = neural_regression(runs, np.random.default_rng(0), **options)
    assert np.sqrt(np.mean(surface.residuals**2)) < 0.01
    assert np.std(runs["loss"]) > 0.3


def test_networks_step_is_torchs_adamw():
    torch = pytest.importorskip("torch")
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(1, 20, 2)), generator.normal(size=(1, 20))
    recipe = _networks.Recipe(8, 1e-2, 0.1, 30, 1000, 0.0, 0.5, "mean", None)
    trained = _networks.train(x, y, np.ones(1), np.array([7]), recipe)
    seed = torch.Generator().manual_seed(7)
    layers = [torch.nn.Linear(2, 8), torch.nn.Linear(8, 8), torch.nn.Linear(8, 1)]
    with torch.no_grad():
        for layer in layers:
            for tensor, shape in ((layer.weight, layer.weight.T.shape), (layer.bias, layer.bias.shape)):
                drawn = (torch.rand(shape, generator=seed) * 2 - 1) / layer.in_features**0.5
                tensor.copy_(drawn.T if tensor.ndim == 2 else drawn)
    net = torch.nn.Sequential(layers[0], torch.nn.GELU(), layers[1], torch.nn.GELU(), layers[2])
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=0.1)
    inputs, targets = torch.tensor(x[0], dtype=torch.float32), torch.tensor(y[0], dtype=torch.float32)
    objectives = []
    for _ in range(30):
        optimizer.zero_grad()
        value = torch.nn.functional.huber_loss(net(inputs)[:, 0], targets, delta=0.5)
        objectives.append(float(value.detach()))
        value.backward()
        optimizer.step()
    assert trained.objective[0] == pytest.approx(min(objectives), rel=1e-4)


def test_a_network_does_not_depend_on_its_company():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(3, 20, 2)), generator.normal(size=(3, 20))
    recipe = _networks.Recipe(16, 1e-2, 1e-4, 200, 5, 1e-3, 0.5, "mean", None)
    together = _networks.train(x, y, np.ones(3), np.arange(3), recipe)
    assert len(set(together.epochs.tolist())) > 1  # they stop one by one
    for member in range(3):
        alone = _networks.train(x[[member]], y[[member]], np.ones(1), np.array([member]), recipe)
        assert alone.epochs[0] == together.epochs[member]
        assert alone.objective[0] == pytest.approx(together.objective[member], rel=1e-4)


def test_networks_stop_and_keep_the_best():
    options = {"width": 8, "learning_rate": 3e-2, "patience": 20, "improvement": 1e-3, "epochs": 2000}
    surface = neural_regression(RUNS, np.random.default_rng(0), **options)
    assert surface.details["epochs"] < 1000
    judged = neural_regression(RUNS, np.random.default_rng(0), held_out=RUNS.iloc[::2], **options)
    assert judged.details["objective"] != surface.details["objective"]


def test_small_batches_and_unscaled_inputs_train_too():
    options = {"width": 16, "epochs": 60, "learning_rate": 1e-2}
    for change in ({"batch": 8}, {"reduction": "sum"}, {"scale_targets": False}, {"logarithmic": True}):
        surface = neural_regression(RUNS, np.random.default_rng(0), **options, **change)
        assert np.mean(surface.residuals**2) < np.var(RUNS["loss"]), change


def test_cross_validation_uses_the_same_splits_for_all():
    table = cross_validate(RUNS, np.random.default_rng(0), methods=("law", "kernel"), splits=4)
    alone = cross_validate(RUNS, np.random.default_rng(0), methods=("kernel",), splits=4)
    kernel = table[table["method"] == "kernel"].reset_index(drop=True)
    assert kernel["validation_mse"].tolist() == alone["validation_mse"].tolist()
    summary = validation_summary(table)
    assert summary.loc["law", "law_ratio"] == 1
    assert summary.loc["law", "validation_mse"] < summary.loc["kernel", "validation_mse"]  # the planted law wins
    assert np.isnan(validation_summary(alone).loc["kernel", "law_ratio"])


def test_resampled_laws_are_the_bootstrap_of_the_fit():
    surface = law_surface(fit(Chinchilla(), RUNS))
    drawn = resampled_surfaces(surface, np.random.default_rng(0), resamples=50)
    frontier = parametric(surface.details["fit"], np.random.default_rng(0), resamples=50)
    here = np.array([float(each.loss(1e8, 1e10)) for each in drawn])
    assert len(drawn) == len(frontier.draws) == 50
    assert here.std() > 0
    assert here.mean() == pytest.approx(float(surface.loss(1e8, 1e10)), abs=5 * here.std())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kernel_ridge(RUNS, ridge=1e-20), "ridge must be at least 1e-12"),
        (lambda: kernel_ridge(RUNS, lengths=(1.0, 1.0)), "lengths must have length 3"),
        (lambda: kernel_ridge(RUNS.drop(columns="D")), "table lacks the column 'D'"),
        (lambda: cross_validate(RUNS, np.random.default_rng(0), held_out=0.99), "held_out must be a share that leaves"),
        (lambda: cross_validate(RUNS, np.random.default_rng(0), methods=("tree",)), "methods must be one of"),
        (
            lambda: cross_validate(RUNS, np.random.default_rng(0), options={"kernel": {"rigde": 1}}),
            "options has 'rigde', which kernel does not take",
        ),
        (
            lambda: neural_regression(RUNS, np.random.default_rng(0), learning_rate=1e30, weight_decay=0.0),
            "learning_rate must be small",
        ),
        (lambda: neural_regression(RUNS, np.random.default_rng(0), held_out=3), "held_out cannot be used"),
        (lambda: Surface("law", RUNS, 3), "evaluate must be a function"),
        (lambda: kernel_ridge(RUNS).loss(np.ones(3), np.ones(2)), "D must be of the shape of N"),
        (lambda: validation_summary(RUNS), "validated must be a table with the columns"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(InvalidArgument, match=message):
        call()


# The real points -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("splits", [60, pytest.param(150, marks=pytest.mark.slow)])
def test_kernel_against_law_on_the_real_points(splits):
    """The paper: "almost 2" times lower validation MSE, over 20 splits of heavy tails: 1.4 to 2.2 by the splits drawn
    (the law alone 4.3e-4 to 5.8e-4); nothing at a ridge of 1e-2."""
    points = real_points()
    table = cross_validate(points, np.random.default_rng(0), methods=("law", "kernel"), splits=splits)
    summary = validation_summary(table)
    assert 4.3e-4 < summary.loc["law", "validation_mse"] < 5.8e-4
    assert 1.4 < summary.loc["kernel", "law_ratio"] < 2.2
    heavy = cross_validate(
        points, np.random.default_rng(0), methods=("kernel",), splits=splits, options={"kernel": {"ridge": 1e-2}}
    )
    assert heavy["validation_mse"].mean() > summary.loc["law", "validation_mse"]  # the gain is gone at 1e-2


@pytest.mark.slow
def test_the_papers_network_on_the_real_points():
    """Published: gamma .16, a .482, b .504. One network of ours, as stated, with our choices for what is not stated."""
    surface = neural_regression(real_points(), np.random.default_rng(0))
    found = grid_minimum(surface).exponents
    assert found["gamma"] == pytest.approx(0.16, abs=0.02)
    assert found["a"] == pytest.approx(0.482, abs=0.04)
    assert found["b"] == pytest.approx(0.504, abs=0.04)
    assert found["a"] + found["b"] != 1
