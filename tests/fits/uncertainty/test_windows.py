"""Windows and rivals: a wrong law's exponent drifts with the window, and unseen runs tell laws apart."""


import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import BrokenPower, Chinchilla, Exponential, PowerLaw
from scaling_lib.fits.points.synthetic import synthetic_chinchilla
from scaling_lib.fits.uncertainty.windows import compare_laws, fit_each, window_sensitivity
from tests.real_points import real_points

X = np.geomspace(1, 1e4, 17)


def test_a_power_has_one_exponent_in_every_window():
    table = window_sensitivity(PowerLaw(variable="N"), {"N": X, "loss": 1 + X**-0.4}, smallest=9)
    assert table["alpha"].to_numpy() == pytest.approx(np.full(len(table), 0.4), abs=1e-7)
    assert len(table) == sum(range(1, 10))
    assert table.iloc[0][["low", "high", "points"]].tolist() == [1.0, 1e4, 17.0]
    assert (table["decades"].diff().dropna() < 1e-9).all()


def test_two_powers_drift_from_the_steep_to_the_shallow():
    table = window_sensitivity(PowerLaw(variable="N"), {"N": X, "loss": 1 + X**-0.5 + X**-0.2}, smallest=9)
    narrow = table[table["points"] == 9].sort_values("low")
    assert (narrow["alpha"].diff().dropna() < 0).all()
    assert 0.2 < narrow["alpha"].min() < narrow["alpha"].max() < 0.5


def test_a_window_is_the_fit_to_its_rows():
    runs = synthetic_chinchilla(np.random.default_rng(0), 60)
    table = window_sensitivity(Chinchilla(), runs, by="N", smallest=len(np.unique(runs["N"])) - 1)
    assert len(table) == 3
    for _, row in table.iterrows():
        inside = runs[(runs["N"] >= row["low"]) & (runs["N"] <= row["high"])]
        alone = fit(Chinchilla(), inside)
        assert row["points"] == alone.n
        assert row["beta"] == pytest.approx(alone.params["beta"], rel=1e-6)
        assert row["beta_se"] == pytest.approx(alone.standard_errors["beta"], rel=1e-4)


def test_windows_of_compute_on_the_published_points():
    """Dropping small compute lowers a = beta / (alpha + beta) far beyond its standard error of .02 (known values)."""
    points = real_points()
    for low, high, known in ((0, 1e20, 0.602), (0, 1e21, 0.548), (1e19, 1e30, 0.412), (1e20, 1e30, 0.376)):
        found = fit(Chinchilla(), points[(points["C"] > low) & (points["C"] < high)]).params
        assert found["beta"] / (found["alpha"] + found["beta"]) == pytest.approx(known, abs=1e-3)


def test_mean_exponent_of_the_published_curves():
    """The paper: mean beta .41, spread .085, mean MSE 7.76e-5; the grouping rule is not given."""
    points = real_points()
    four, five = (fit_each(PowerLaw(), points, smallest=smallest) for smallest in (4, 5))
    assert 26 <= len(four) <= 29
    assert four["mse"].mean() == pytest.approx(7.4e-5, abs=3e-6)
    assert four["beta"].mean() == pytest.approx(0.406, abs=2e-3)
    inner = np.sort(five["beta"])[1:-1]
    assert inner.mean() == pytest.approx(0.400, abs=2e-3)
    assert inner.std() == pytest.approx(0.085, abs=1e-3)
    assert five["mse"].mean() == pytest.approx(8.6e-5, abs=1e-6)


def test_each_curve_is_its_own_fit():
    N = np.repeat([1e6, 1.005e6, 5e6], [3, 3, 2])
    D = np.geomspace(1e4, 1e6, 8)
    loss = 2 + 60 * D**-0.4
    table = fit_each(PowerLaw(), {"N": N, "D": D, "loss": loss}, objective="ols")
    assert table["points"].tolist() == [6]  # two sizes within one per cent are one curve; two points are none
    assert table["beta"][0] == pytest.approx(0.4)
    apart = fit_each(PowerLaw(), {"N": N, "D": D, "loss": loss}, within=0.001, smallest=3, objective="ols")
    assert apart["points"].tolist() == [3, 3]


def test_unseen_runs_choose_the_true_law():
    generator = np.random.default_rng(0)
    D = np.geomspace(1e3, 1e7, 24)
    laws = [PowerLaw(), Exponential(), BrokenPower()]
    power = (2 + 40 * D**-0.4) * np.exp(1e-3 * generator.standard_normal(24))
    table = compare_laws(laws, {"D": D, "loss": power})
    assert table.index[-1] == Exponential().formula
    assert table.loc[PowerLaw().formula, "held_out_mse"] < 1e-4
    broken = BrokenPower().loss({"E": 1.0, "B": 9.0, "beta": 0.15, "beta_late": 0.8, "D_break": 3e4}, D=D)
    table = compare_laws(laws, {"D": D, "loss": broken})
    assert table.index[0] == BrokenPower().formula


def test_in_sample_error_alone_misleads():
    """A law with more parameters fits at least as well, and may predict worse."""
    generator = np.random.default_rng(4)
    D = np.geomspace(1e4, 1e6, 14)
    loss = (2 + 40 * D**-0.4) * np.exp(3e-3 * generator.standard_normal(14))
    table = compare_laws({"power": PowerLaw(), "broken": BrokenPower()}, {"D": D, "loss": loss}, objective="ols")
    assert table.loc["broken", "fit_mse"] <= table.loc["power", "fit_mse"] * (1 + 1e-9)
    assert table.loc["power", "parameters"] == 3
    assert table.loc["broken", "parameters"] == 5


def test_what_is_held_out():
    D = np.repeat(np.geomspace(1e4, 1e6, 7), 2)
    table = {"D": D, "loss": 2 + 40 * D**-0.4, "C": D[::-1].copy()}
    for held_out in (3, 0.2):  # three runs: the fourth has the same D as the third and goes too
        result = compare_laws([PowerLaw()], table, held_out=held_out)
        assert result["held_out_mse"].iloc[0] < 1e-12
    biased = {**table, "loss": table["loss"] + np.where(np.max(D) == D, 0.5, 0.0)}
    assert compare_laws([PowerLaw()], biased, held_out=2)["held_out_bias"].iloc[0] == pytest.approx(0.5, abs=1e-6)
    by_compute = compare_laws([PowerLaw()], biased, held_out=2, by="C")
    assert by_compute["held_out_bias"].iloc[0] != pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t: window_sensitivity(PowerLaw(), t, by="x"), "by must be one of"),
        (lambda t: window_sensitivity(PowerLaw(), t, by="N"), "by names the column 'N'"),
        (lambda t: window_sensitivity(PowerLaw(), t, smallest=99), "smallest must be"),
        (lambda t: compare_laws([], t), "laws must be"),
        (lambda t: compare_laws([PowerLaw(), PowerLaw()], t), "laws must be laws with different formulas"),
        (lambda t: compare_laws([PowerLaw()], t, held_out=0), "held_out must be"),
        (lambda t: compare_laws([PowerLaw()], t, held_out=1.0), "held_out must be"),
        (lambda t: compare_laws([PowerLaw()], t, held_out=17), "held_out must be"),
        (lambda t: fit_each(PowerLaw(), t, by="N"), "by names the column 'N'"),
        (lambda t: fit_each(PowerLaw(), {**t, "N": X}), "smallest must be small enough"),
    ],
)
def test_errors_say_what_is_wrong(call, words):
    with pytest.raises(InvalidArgument, match=words):
        call({"D": X, "loss": 1 + X**-0.4})
