"""Tables of others: complete, and what they are said to be."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

import scaling_lib.fits.points.public_tables as public_tables
from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla
from scaling_lib.fits.points.public_tables import CORPORA, mlfoundations_runs
from tests.real_points import real_points, shared_file


def test_every_corpus_has_its_runs():
    assert [len(mlfoundations_runs(corpus)) for corpus in CORPORA] == [34, 35, 35]


def test_the_licence_lies_beside_the_table():
    text = (Path(public_tables.__file__).parent / "mlfoundations.LICENSE.txt").read_text()
    assert "MIT License" in text
    assert "Copyright" in text


def test_the_table_is_the_original_with_fewer_columns():
    original = pd.read_csv(shared_file("mlfoundations_scaling/runs.csv")).set_index("name")
    for corpus in CORPORA:
        table = mlfoundations_runs(corpus).set_index("name")
        same = original.loc[table.index]
        assert (table["N"] == same["params"]).all()
        assert (table["D"] == same["tokens"]).all()
        assert (table["loss"] - same["loss__c4_val"]).abs().max() <= 5e-7


def test_the_known_fit():
    """E 1.6200, alpha .2526, beta .2622 by 60 tight L-BFGS-B searches and by a second implementation."""
    params = fit(Chinchilla(), mlfoundations_runs()).params
    assert (params["E"], params["alpha"], params["beta"]) == pytest.approx((1.6200, 0.2526, 0.2622), abs=6e-5)


def test_another_corpus_is_refused():
    with pytest.raises(InvalidArgument, match="corpus"):
        mlfoundations_runs("pile")


@pytest.mark.parametrize(("drop", "beta"), [(0, 0.453), (5, 0.367), (80, 0.236)])
def test_the_window_moves_the_exponent_as_chapter_3_says(drop, beta):
    assert fit(Chinchilla(), real_points(drop)).params["beta"] == pytest.approx(beta, abs=6e-4)


def test_the_optimizer_stops_early_where_chapter_3_says():
    """SciPy's L-BFGS-B with its defaults, started at the values of Hoffmann et al."""
    table = real_points()
    x, z, y = (np.log(table[name].to_numpy(float)) for name in ("N", "D", "loss"))

    def huber(v):
        residual = np.abs(y - np.logaddexp(np.logaddexp(v[0] - v[3] * x, v[1] - v[4] * z), v[2]))
        return np.where(residual <= 1e-3, residual**2 / 2, 1e-3 * (residual - 5e-4)).sum()

    start = (6.0073404, 6.0179186, 0.5267228, 0.33917084, 0.2849083)
    ended = optimize.minimize(huber, start, method="L-BFGS-B")
    assert ended.success
    assert ended.fun / fit(Chinchilla(), table).objective - 1 == pytest.approx(0.14, abs=0.005)
    assert ended.x[3:] == pytest.approx([0.339, 0.285], abs=6e-4)
