"""The Chinchilla points: found, fetched, or replaced by a twin that says what it is."""

import hashlib

import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument, InvalidData
from scaling_lib.fits.points import datasets
from scaling_lib.fits.points.datasets import CHINCHILLA_URL, ChinchillaPoints, chinchilla_points
from tests.real_points import real_points


@pytest.fixture
def planted(monkeypatch, tmp_path):
    """A small file that stands for the original, and its bytes."""
    runs = ((1e8, 2e9), (1e9, 2e10), (1e7, 1e9))
    rows = "\n".join(f"{n},{6 * n * d},{2 + 1 / k}" for k, (n, d) in enumerate(runs, 1))
    text = f"Model Size,Training FLOP,loss\n{rows}\n".encode()
    monkeypatch.setattr(datasets, "CHINCHILLA_SHA256", hashlib.sha256(text).hexdigest())
    file = tmp_path / "copy.csv"
    file.write_bytes(text)
    return file


def test_a_copy_by_path(planted):
    found = chinchilla_points(planted, drop=1)
    assert not found.synthetic
    assert found.table["N"].tolist() == [1e9, 1e7]  # the largest loss is gone, the order kept
    assert found.table["D"].tolist() == pytest.approx([2e10, 1e9])
    assert found.sha256 == datasets.CHINCHILLA_SHA256
    assert "1 largest losses left out" in found.label


def test_a_copy_in_the_cache_is_used_without_the_network(planted, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "svg_extracted_data.csv").write_bytes(planted.read_bytes())
    monkeypatch.setattr(datasets, "_fetch", lambda *_: pytest.fail("the network was asked"))
    found = chinchilla_points(cache=cache, drop=0)
    assert found.origin == "read from the cache folder"


def test_download_lands_in_the_cache(planted, tmp_path, monkeypatch):
    import pooch

    asked = []

    def retrieve(url, known_hash, fname, path, downloader):
        asked.append((url, known_hash))
        path.mkdir(parents=True, exist_ok=True)
        (path / fname).write_bytes(planted.read_bytes())

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    found = chinchilla_points(cache=tmp_path / "new", drop=0)
    assert asked == [(CHINCHILLA_URL, f"sha256:{datasets.CHINCHILLA_SHA256}")]
    assert not found.synthetic
    assert "downloaded" in found.origin


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ConnectionError("no route"), "ConnectionError while downloading"), (ValueError("hash"), "another checksum")],
)
def test_without_the_points_there_is_a_labelled_twin(tmp_path, monkeypatch, error, reason):
    import pooch

    def retrieve(*_, **__):
        raise error

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    found = chinchilla_points(cache=tmp_path)
    assert found.synthetic
    assert reason in found.origin
    assert found.label.startswith("SYNTHETIC")
    assert found.sha256 == ""
    assert {"N", "D", "C", "loss"} <= set(found.table)


def test_a_torn_copy_in_the_cache_is_not_trusted(planted, tmp_path):
    (tmp_path / "svg_extracted_data.csv").write_bytes(planted.read_bytes()[:-5])
    assert chinchilla_points(cache=tmp_path, download=False).synthetic


def test_the_twin_is_always_the_same(tmp_path):
    first, second = (chinchilla_points(cache=tmp_path, download=False).table for _ in range(2))
    other = chinchilla_points(cache=tmp_path, download=False, generator=np.random.default_rng(1)).table
    assert first.equals(second)
    assert not first.equals(other)


def test_a_path_must_hold_the_points(planted, tmp_path):
    with pytest.raises(InvalidArgument, match="path must be an existing file"):
        chinchilla_points(tmp_path / "absent.csv")
    planted.write_bytes(b"Model Size,Training FLOP,loss\n")
    with pytest.raises(InvalidData, match=r"path must hold the points .* read_table"):
        chinchilla_points(planted)


def test_the_real_points():
    table = real_points()
    assert len(table) == 240
    assert (6 * table["N"] * table["D"]).to_numpy() == pytest.approx(table["C"].to_numpy())
    assert len(real_points(drop=0)) == 245


def test_points_check_their_parts():
    with pytest.raises(InvalidArgument, match="origin must be a non-empty string"):
        ChinchillaPoints(real_points(), False, "", "", 5)
