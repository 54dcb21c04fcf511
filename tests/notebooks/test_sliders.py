"""What a slider of chapter 3 shows was computed beforehand: computed again, it is the same."""

import base64
import io
import re

import nbformat
import numpy as np
import pandas as pd
import pytest
from numpy.random import default_rng

from scaling_lib.fits.laws import PowerLaw
from scaling_lib.fits.uncertainty.spoilt import KNOBS, spoilt_fits
from scaling_lib.pages.drawing.live import plot_axes
from tools import chapters

NOTEBOOK = chapters.NOTEBOOKS / "03-power-laws-bias.ipynb"


@pytest.fixture(scope="module")
def cells():
    return [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]


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
    pages = [
        output.data["text/html"] for cell in cells for output in cell.outputs if "text/html" in output.get("data", {})
    ]
    (page,) = [page for page in pages if f'id="fig-known-{knob}"' in page]
    encoded = re.search(r"data:text/csv;base64,([\w+/=]+)", page).group(1)
    kept = pd.read_csv(io.BytesIO(base64.b64decode(encoded)))
    again = computed_again[knob].fits
    assert list(kept) == list(again)
    assert kept.to_numpy() == pytest.approx(again.to_numpy(), rel=2e-3, abs=1e-4)
