"""Resampling: each resample is the refit that it stands for; the minimum over seeds and what it does."""


import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla, PowerLaw
from scaling_lib.fits.points.synthetic import synthetic_chinchilla, synthetic_runs
from scaling_lib.fits.uncertainty.resampling import (
    Resamples,
    bootstrap,
    jackknife,
    runs_bootstrap,
    seed_bias,
)
from tests.real_points import real_points

TRUTH = {"E": 2.0, "B": 60.0, "beta": 0.4}
D = np.geomspace(1e4, 1e7, 10)


def generator(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def found():
    loss = PowerLaw().loss(TRUTH, D=D) * np.exp(0.005 * generator().standard_normal(10))
    return fit(PowerLaw(), {"D": D, "loss": loss}, objective="log-ols")


def test_a_pairs_resample_is_a_fit_to_the_drawn_rows(found):
    draws = bootstrap(found, generator(1), resamples=6)
    counts = generator(1).multinomial(10, np.full(10, 0.1), size=6)
    for row, count in enumerate(counts):
        rows = np.repeat(np.arange(10), count)
        table = {"D": D[rows], "loss": found.problem.loss[rows]}
        alone = fit(PowerLaw(), table, objective="log-ols")
        assert draws.objectives[row] == pytest.approx(alone.objective, rel=1e-8)
        assert draws["beta"][row] == pytest.approx(alone.params["beta"], rel=1e-5)


def test_a_wild_resample_is_a_fit_to_signed_residuals(found):
    draws = bootstrap(found, generator(1), resamples=4, kind="wild")
    signs = generator(1).integers(0, 2, (4, 10)) * 2 - 1
    for row, sign in enumerate(signs):
        loss = found.fitted * np.exp(sign * found.residuals)
        alone = fit(PowerLaw(), {"D": D, "loss": loss}, objective="log-ols")
        assert draws["beta"][row] == pytest.approx(alone.params["beta"], rel=1e-6)


def test_inflated_residuals_make_up_for_the_parameters(found):
    plain = bootstrap(found, generator(1), resamples=4, kind="wild")
    inflated = bootstrap(found, generator(1), resamples=4, kind="inflated")
    signs = generator(1).integers(0, 2, (4, 10)) * 2 - 1
    loss = found.fitted * np.exp(np.sqrt(10 / 7) * signs[2] * found.residuals)
    assert inflated["beta"][2] == pytest.approx(
        fit(PowerLaw(), {"D": D, "loss": loss}, objective="log-ols").params["beta"], rel=1e-6
    )
    assert inflated.objectives.mean() > plain.objectives.mean()


def test_a_jackknife_refit_leaves_one_row_out(found):
    draws = jackknife(found)
    for row in (0, 7):
        rows = np.delete(np.arange(10), row)
        alone = fit(PowerLaw(), {"D": D[rows], "loss": found.problem.loss[rows]}, objective="log-ols")
        assert draws["beta"][row] == pytest.approx(alone.params["beta"], rel=1e-6)
    spread = np.sqrt(9 / 10 * np.sum((draws["beta"] - draws["beta"].mean()) ** 2))
    assert draws.standard_errors["beta"] == pytest.approx(spread)
    assert draws.bias["beta"] == pytest.approx(9 * (draws["beta"].mean() - found.params["beta"]))


def test_weights_stay_with_their_points(found):
    weights = np.linspace(0.5, 2, 10)
    weighted = fit(PowerLaw(), {"D": D, "loss": found.problem.loss}, objective="log-ols", weights=weights)
    draws = bootstrap(weighted, generator(1), resamples=3)
    counts = generator(1).multinomial(10, np.full(10, 0.1), size=3)
    again = fit(PowerLaw(), {"D": D, "loss": found.problem.loss}, objective="log-ols", weights=weights * counts[0])
    assert draws["beta"][0] == pytest.approx(again.params["beta"], rel=1e-5)


def test_same_generator_same_draws(found):
    first, second = (bootstrap(found, generator(5), resamples=10).draws for _ in range(2))
    assert (first == second).all()
    assert (first != bootstrap(found, generator(6), resamples=10).draws).any()


def test_progress_changes_nothing(found):
    plain = bootstrap(found, generator(5), resamples=2100)
    shown = bootstrap(found, generator(5), resamples=2100, progress=True)
    assert plain.draws == pytest.approx(shown.draws, rel=1e-6)


def test_blocks_change_nothing(found, monkeypatch):
    whole = bootstrap(found, generator(5), resamples=60)
    monkeypatch.setattr("scaling_lib.fits.uncertainty.resampling._BLOCK", 70)
    assert bootstrap(found, generator(5), resamples=60).draws == pytest.approx(whole.draws, rel=1e-6)
    assert len(jackknife(found).draws) == 10


def test_published_bootstrap_of_the_240_points_with_its_seed():
    """Standard errors to three digits, drawn as the published notebook draws (its seed, the file's order of rows)."""
    table = real_points()
    origin = fit(Chinchilla(), table)
    old = np.random.RandomState(42)
    weights = np.array([np.bincount(old.choice(240, 240), minlength=240) for _ in range(4000)], float)
    solution = origin.problem.solve(np.broadcast_to(origin.theta, (4000, 5)), weights=weights)
    draws = origin.problem.natural(solution.theta)
    assert solution.converged.all()
    published = {"E": 0.02566, "A": 124.52, "B": 1293.28, "alpha": 0.01540, "beta": 0.02060}
    assert dict(zip(origin.law.parameters, draws.std(axis=0), strict=True)) == pytest.approx(published, rel=1e-3)
    assert np.quantile(draws[:, 4], [0.025, 0.975]) == pytest.approx([0.331, 0.415], abs=5e-4)


def test_bias_and_correction_are_shown_not_applied(found):
    draws = bootstrap(found, generator(2), resamples=200)
    assert draws.bias["beta"] == pytest.approx(draws["beta"].mean() - found.params["beta"])
    assert draws.corrected["beta"] == pytest.approx(2 * found.params["beta"] - draws["beta"].mean())
    assert draws.fit is found


def test_resamples_without_enough_points_are_dropped():
    few = fit(PowerLaw(), {"D": D[:4], "loss": PowerLaw().loss(TRUTH, D=D[:4]) * [1, 1.01, 0.99, 1]}, objective="ols")
    draws = bootstrap(few, generator(0), resamples=400)
    counts = generator(0).multinomial(4, np.full(4, 0.25), size=400)
    thin = int(((counts > 0).sum(axis=1) < 3).sum())
    assert draws.failed >= thin > 50
    assert len(draws.draws) == 400 - draws.failed


def test_bootstrap_spread_of_a_straight_line_is_the_covariance(found):
    """Linear model, many points: both say the same."""
    x = np.geomspace(1e4, 1e8, 200)
    loss = 60 * x**-0.2 * np.exp(0.01 * generator(3).standard_normal(200))
    straight = fit(PowerLaw(offset=0.0), {"D": x, "loss": loss}, objective="log-ols")
    for kind in ("pairs", "wild"):
        draws = bootstrap(straight, generator(4), resamples=2000, kind=kind)
        assert draws.standard_errors["beta"] == pytest.approx(straight.standard_errors["beta"], rel=0.12)
    assert jackknife(straight).standard_errors["beta"] == pytest.approx(straight.standard_errors["beta"], rel=0.12)


def runs(seeds=3, noise=0.01, seed=0):
    return synthetic_runs(PowerLaw(), TRUTH, {"D": D}, generator(seed), seeds=seeds, noise=noise)


def test_runs_that_failed_take_no_part():
    table = runs()
    failed = table.assign(status=np.where(np.arange(len(table)) == table["loss"].idxmin(), "diverged", "ok"))
    all_runs, without = (runs_bootstrap(PowerLaw(), each, generator(), resamples=2).fit for each in (table, failed))
    assert all_runs.problem.loss.tolist() == table.groupby("D")["loss"].min().tolist()
    assert without.problem.loss.min() > all_runs.problem.loss.min()


def test_runs_bootstrap_resamples_seeds_within_learning_rates():
    """With one seed more than enough below the others the resampled minimum is it with chance 1 - (2/3)^3."""
    table = runs(noise=1e-6)
    lucky = table["seed"].eq(1) & table["learning_rate"].eq(2e-3)
    table.loc[lucky, "loss"] *= 0.9
    draws = runs_bootstrap(PowerLaw(offset=1.5), table, generator(1), resamples=2000, objective="log-ols")
    assert draws.kind == "runs"
    assert draws.fit.problem.loss == pytest.approx(table.groupby("D")["loss"].min())
    # With a known offset and one curve, a draw in which every point keeps its lucky seed reproduces the fit exactly.
    same = np.isclose(draws["beta"], draws.fit.params["beta"], rtol=1e-4).mean()
    assert same == pytest.approx((1 - (2 / 3) ** 3) ** 10, abs=0.01)


def test_runs_bootstrap_is_biased_upwards_in_the_losses():
    """A resampled minimum is never below the observed one: the fitted offset rises."""
    draws = runs_bootstrap(PowerLaw(), runs(), generator(2), resamples=300)
    fewer = runs_bootstrap(PowerLaw(), runs(), generator(2), resamples=300, seeds=1)
    middle = D[5]

    def level(resamples):
        return np.mean([PowerLaw().loss(dict(zip(resamples.parameters, row, strict=True)), D=middle)
                        for row in resamples.draws])  # fmt: skip

    here = float(PowerLaw().loss(draws.fit.params, D=middle))
    assert here < level(draws) < level(fewer)


def test_uniform_noise_moves_the_offset_and_leaves_the_exponent():
    """The least of m normal errors lowers every loss by one factor, whose size is known."""
    table = seed_bias(PowerLaw(), TRUTH, {"D": D}, generator(3), learning_rates=(1e-3,), curvature=0.0, datasets=300)
    for seeds in (1, 3, 9):
        least = integrate.quad(lambda z, m=seeds: z * m * stats.norm.pdf(z) * stats.norm.sf(z) ** (m - 1), -10, 10)[0]
        row = table.loc[(seeds, "E")]
        assert row["mean"] == pytest.approx(2.0 * (1 + 0.01 * least), abs=4 * row["se"] + 0.004)
        exponent = table.loc[(seeds, "beta")]
        assert abs(exponent["bias"]) < 4 * exponent["se"] + 0.003


def test_unequal_noise_biases_the_exponent_and_more_seeds_make_it_worse():
    """The bias is that of the law fitted to the mean minima."""
    noise = 0.02 * (D / D[0]) ** 0.25 / 5.6  # from .36 to 2 per cent
    table = seed_bias(
        PowerLaw(),
        TRUTH,
        {"D": D},
        generator(4),
        seeds=(3, 9),
        noise=noise,
        datasets=400,
        learning_rates=(1e-3,),
        curvature=0.0,
        objective="log-ols",
    )
    biases = []
    for seeds, least in ((3, -0.8463), (9, -1.4850)):  # means of the least of m standard normals
        loss = PowerLaw().loss(TRUTH, D=D) * np.exp(noise * least)
        biases.append(fit(PowerLaw(), {"D": D, "loss": loss}, objective="log-ols").params["beta"] - 0.4)
        row = table.loc[(seeds, "beta")]
        assert row["bias"] == pytest.approx(biases[-1], abs=4 * row["se"])
        assert abs(row["bias"]) > 4 * row["se"]
    assert abs(biases[1]) > abs(biases[0]) > 0.005


def test_seed_bias_of_a_surface():
    design = synthetic_chinchilla(generator(1), 20)[["N", "D"]]
    truth = {"E": 1.8, "A": 480.0, "B": 2000.0, "alpha": 0.35, "beta": 0.37}
    table = seed_bias(Chinchilla(), truth, design, generator(2), seeds=(1, 3), datasets=30, noise=0.002)
    assert set(table.index.get_level_values("parameter")) == set(Chinchilla().free)
    assert table.loc[(3, "E"), "bias"] < table.loc[(1, "E"), "bias"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda f: bootstrap(f, generator(), kind="block"), "kind must be one of"),
        (lambda f: bootstrap(f, generator(), resamples=1), "resamples must be"),
        (lambda f: bootstrap(f, 0), "generator must be"),
        (lambda f: bootstrap("fit", generator()), "fit must be"),
        (lambda f: runs_bootstrap(PowerLaw(), runs(seeds=1), generator()), "runs must be two seeds or more"),
        (
            lambda f: runs_bootstrap(PowerLaw(), runs().drop(columns="seed"), generator()),
            "runs lacks the column 'seed'",
        ),
        (
            lambda f: runs_bootstrap(PowerLaw(), runs().assign(learning_rate="big"), generator()),
            "learning_rate",
        ),
        (lambda f: bootstrap(f, generator(), resamples=5)["gamma"], "parameter must be one of"),
        (lambda f: Resamples(f, "pairs", ("E",), np.ones((3, 2)), np.ones(3), 0), "draws must be"),
        (lambda f: seed_bias(PowerLaw(), TRUTH, {"D": D}, generator(), noise=[0.1, 0.2]), "noise must be"),
        (lambda f: seed_bias(PowerLaw(), TRUTH, {"N": D}, generator()), "design lacks the column 'D'"),
    ],
)
def test_errors_say_what_is_wrong(found, call, words):
    with pytest.raises(InvalidArgument, match=words):
        call(found)


def test_jackknife_needs_freedom():
    with pytest.raises(InvalidArgument, match="more points than free parameters"):
        jackknife(fit(PowerLaw(), {"D": D[:3], "loss": PowerLaw().loss(TRUTH, D=D[:3])}))


def test_runs_need_not_be_balanced():
    table = pd.concat([runs(), runs(seeds=6, seed=1).iloc[:20]])
    draws = runs_bootstrap(PowerLaw(), table, generator(1), resamples=20)
    assert draws.fit.n == 10
