"""The recorded results on the Chinchilla points are those of their file, and are what the library computes from it."""

from pathlib import Path

import pytest

from scaling_lib.fits.points.datasets import CHINCHILLA_SHA256, chinchilla_points
from scaling_lib.runs.keeping.tables import load_recorded
from tools.record_chinchilla import CHEAP, NAME, results

POINTS = Path(__file__).parents[2] / "shared" / "data" / "epoch_chinchilla" / "svg_extracted_data.csv"
# Other processors round otherwise, and a bootstrap draws from what they give.
TOLERANCE = 1e-5


def test_they_name_the_file_they_come_from():
    table = load_recorded(NAME)
    assert set(table["input_sha256"]) == {CHINCHILLA_SHA256}
    assert table["quantity"].is_unique
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
    assert "network.gamma" in set(table["quantity"])


@pytest.mark.skipif(not POINTS.is_file(), reason="the points are not at hand")
def test_what_is_cheap_is_computed_again(monkeypatch):
    monkeypatch.setattr("sys.argv", ["record_chinchilla", str(POINTS)])
    kept = load_recorded(NAME).set_index("quantity")
    again = results(chinchilla_points(POINTS), CHEAP).set_index("quantity")
    for column in ("value", "low", "high"):
        assert again[column].to_numpy() == pytest.approx(kept.loc[again.index, column].to_numpy(), rel=TOLERANCE)
