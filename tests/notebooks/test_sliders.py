"""What a slider of chapter 3 or 4 shows was computed beforehand: computed again, it is the same."""

import base64
import io
import json
import re

import nbformat
import numpy as np
import pandas as pd
import pytest
from numpy.random import default_rng

from scaling_lib.fits import allocation
from scaling_lib.fits.allocation import repetition
from scaling_lib.fits.laws import Chinchilla, PowerLaw
from scaling_lib.fits.points import synthetic
from scaling_lib.fits.uncertainty.spoilt import KNOBS, spoilt_fits
from scaling_lib.pages.drawing.budgets import plan_errors
from scaling_lib.pages.drawing.live import plot_axes
from scaling_lib.pages.drawing.numbers import percent
from scaling_lib.runs.keeping.tables import load_recorded
from tools import chapters


def code_cells(stem):
    notebook = nbformat.read(chapters.NOTEBOOKS / f"{stem}.ipynb", as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def table_on_the_page(cells, name):
    """The data behind a live figure, from the link that downloads it."""
    pages = [
        output.data["text/html"] for cell in cells for output in cell.outputs if "text/html" in output.get("data", {})
    ]
    (page,) = [page for page in pages if f'id="{name}"' in page]
    encoded = re.search(r"data:text/csv;base64,([\w+/=]+)", page).group(1)
    return pd.read_csv(io.BytesIO(base64.b64decode(encoded))), page


@pytest.fixture(scope="module")
def cells():
    return code_cells("03-power-laws-bias")


@pytest.fixture(scope="module")
def of_chapter_4():
    return code_cells("04-chinchilla-allocation")


@pytest.fixture(scope="module")
def computed_again(cells):
    """The tables behind the sliders, by the chapter's own cell."""
    (source,) = [cell.source for cell in cells if "turned_to = {" in cell.source]
    truth = {"E": 1.8, "B": 20.0, "beta": 0.35}
    names = {"law": PowerLaw(variable="D"), "truth": truth, "tokens": np.geomspace(1e5, 1e7, 12)}
    names |= {"spoilt_fits": spoilt_fits, "default_rng": default_rng, "plot_axes": plot_axes}
    exec(source, names)
    return names["knobs"]


@pytest.mark.parametrize("knob", KNOBS)
def test_the_table_on_the_page_is_computed_again(knob, cells, computed_again):
    kept, _ = table_on_the_page(cells, f"fig-known-{knob}")
    again = computed_again[knob].fits
    assert list(kept) == list(again)
    assert kept.to_numpy() == pytest.approx(again.to_numpy(), rel=2e-3, abs=1e-4)


def test_the_spoilt_plans_of_chapter_4_are_computed_again(of_chapter_4):
    """By the chapter's own cells: the planted law, its budgets, and what is done to the table."""
    planted = {"E": 1.7, "A": 2000.0, "B": 26.0, "alpha": 0.465, "beta": 0.155}
    budgets = np.geomspace(1e18, 1e21, 7)
    names = {"PLANTED": planted, "BUDGETS": budgets, "FAR": 1e23, "synthetic": synthetic, "Chinchilla": Chinchilla}
    names |= {"optima": allocation.closed_form(planted).optimal_parameters(budgets), "spoilt_fits": spoilt_fits}
    names |= {"plan_errors": plan_errors, "default_rng": default_rng, "percent": percent, "np": np, "pd": pd}
    (source,) = [cell.source for cell in of_chapter_4 if "SPOILS = {" in cell.source]
    for given in ("PLANTED = {'E'", "BUDGETS = np.geomspace(1e18, 1e21, 7)", "FAR = 1e23"):
        wanted = given.replace("'", '"')
        assert any(wanted in cell.source for cell in of_chapter_4), f"the chapter no longer has {wanted}"
    exec(source, names)
    kept, page = table_on_the_page(of_chapter_4, "fig-spoilt-plan")
    assert kept["done"].tolist() == names["done"]
    again = names["plans"][["a", "ratio", "overspent"]]
    assert kept[list(again)].to_numpy() == pytest.approx(again.to_numpy(), rel=2e-3, abs=2e-4)
    assert len(json.loads(re.search(r'"values":(\[.*?\])', page).group(1))) == len(kept)
    # What the slider teaches: rounding to two decimals moves the plan by less than any other of these.
    assert np.abs(kept["ratio"] - 1).nlargest(1).index[0] > 2


def test_the_passes_of_chapter_4_are_the_recorded_runs(of_chapter_4):
    kept, page = table_on_the_page(of_chapter_4, "fig-passes")
    runs = load_recorded("er-200-epochs").sort_values("excess_loss")
    lowest = runs.groupby(["D", "epochs"], as_index=False).first()
    assert kept["excess_loss"].tolist() == pytest.approx(lowest["excess_loss"].tolist(), abs=1e-4)
    said = json.loads(re.search(r'"says":(\[.*?\])', page).group(1))
    for law in ("discount", "linear penalty"):
        fitted = repetition.fit_repetition(lowest, law)
        for tokens, sentence in zip(lowest["D"].unique(), said, strict=True):
            assert f"{float(f'{float(fitted.excess_loss(float(tokens), 32.0)):.2g}'):g}" in sentence
