"""Laws on several tables: errors are those of compare_laws, and a draw is no defeat."""

import numpy as np
import pandas as pd
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Exponential, PowerLaw, ShiftedPower, StretchedExponential
from scaling_lib.fits.uncertainty.rivals import beaten_in, contest, worst_in
from scaling_lib.runs.keeping.tables import load_recorded, lowest_losses

D = np.geomspace(1e4, 1e7, 10)
NOISE = 1 + 0.001 * np.random.default_rng(0).standard_normal(10)
TABLES = {
    "power": {"D": D, "loss": (2 + 60 * D**-0.4) * NOISE},
    "exponential": {"D": D, "loss": (2 + np.exp(-1e-6 * D)) * NOISE},
}
LAWS = {"power": PowerLaw(), "exponential": Exponential()}


def test_errors_are_of_the_runs_fitted_and_of_those_left_out():
    errors = contest(LAWS, TABLES)
    assert errors[["data", "law"]].to_numpy().tolist() == [[data, law] for data in TABLES for law in LAWS]
    alone = fit(PowerLaw(), {name: column[:-2] for name, column in TABLES["power"].items()}, objective="log-ols")
    missed = TABLES["power"]["loss"][-2:] - alone.law.loss(alone.params, D=D[-2:])
    assert errors.loc[0, "fitted"] == pytest.approx(1000 * alone.mse**0.5)
    assert errors.loc[0, "held out"] == pytest.approx(1000 * np.mean(missed**2) ** 0.5)


def test_the_truth_wins_on_its_own_table():
    errors = contest(LAWS, TABLES).pivot(index="data", columns="law", values="held out")
    assert beaten_in(errors, "power") == ["exponential"]
    assert worst_in(errors, "exponential") == ["power"]


@pytest.mark.parametrize("share", [-1e-3, -1e-12, 0.0, 1e-12, 9e-4])
def test_a_difference_below_the_margin_is_a_draw(share):
    errors = pd.DataFrame({"power": [1.0], "shifted": [1.0 - share]}, index=["runs"])
    assert beaten_in(errors, "power") == []
    assert worst_in(errors, "power") == []


def test_a_difference_above_the_margin_counts():
    errors = pd.DataFrame({"power": [1.0], "shifted": [1.0 - 1.1e-3]}, index=["runs"])
    assert beaten_in(errors, "power") == worst_in(errors, "power") == ["runs"]


def test_laws_in_a_list_are_named_by_their_formulas():
    errors = contest([PowerLaw(), ShiftedPower()], {"power": TABLES["power"]})
    assert set(errors["law"]) == {PowerLaw().formula, ShiftedPower().formula}


def test_a_search_in_a_long_valley_arrives():
    """On the walks the stretch of the stretched exponential creeps, over thousands of steps, to the end of its range.

    Where the search gave up before, the error on the runs left out differed between processors in its third digit.
    """
    walks = lowest_losses(load_recorded("er-100"))[["D", "loss"]].sort_values("D")
    fitted = fit(StretchedExponential(), walks.iloc[:-2], objective="log-ols")
    assert fitted.converged
    assert fitted.at_bound == ("stretch",)
    errors = contest({"stretched": StretchedExponential()}, {"walks": walks})
    assert errors.loc[0, "held out"] == pytest.approx(9.38177, rel=1e-5)


def test_bad_input_is_refused():
    with pytest.raises(InvalidArgument, match="law must be a column"):
        beaten_in(pd.DataFrame({"power": [1.0], "other": [2.0]}), "absent")
    with pytest.raises(InvalidArgument, match="errors must be numbers"):
        worst_in(pd.DataFrame({"power": [1.0]}), "power")
    with pytest.raises(InvalidArgument, match="tables"):
        contest(LAWS, {})
