"""The recorded results on the Chinchilla points are those of their file, and are what the library computes from it."""


import pytest

from scaling_lib.fits.points.datasets import CHINCHILLA_SHA256
from scaling_lib.runs.keeping.tables import load_recorded
from tests.real_points import published_points
from tools.record_chinchilla import CHEAP, NAME, results

# Other processors round otherwise, and a bootstrap draws from what they give.
TOLERANCE = 1e-5


def test_they_name_the_file_they_come_from():
    table = load_recorded(NAME)
    assert set(table["input_sha256"]) == {CHINCHILLA_SHA256}
    assert table["quantity"].is_unique
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
    assert "network.gamma" in set(table["quantity"])


def test_what_is_cheap_is_computed_again(monkeypatch):
    points = published_points()
    monkeypatch.setattr("tools.record_chinchilla.chinchilla_points", lambda path, *, drop: published_points(drop))
    kept = load_recorded(NAME).set_index("quantity")
    again = results(points, CHEAP).set_index("quantity")
    for column in ("value", "low", "high"):
        assert again[column].to_numpy() == pytest.approx(kept.loc[again.index, column].to_numpy(), rel=TOLERANCE)
