"""The published points that tests compare with: one place that knows where they come from.

The 245 points of Besiroglu et al. may not be redistributed. They are taken from the folder `shared` beside a checkout
of the makers, else from their origin, by checksum, into this user's cache; without a network the test is skipped, and
says so. Points whose bytes differ are a failure.
"""

from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from scaling_lib.fits.points.datasets import ChinchillaPoints, chinchilla_points

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared_file(name: str) -> Path:
    """A file of `shared/data` that cannot be downloaded; the test is skipped where it is absent."""
    file = _SHARED / name
    if not file.is_file():
        pytest.skip(f"{file.name} lies beside the makers' checkouts only")
    return file


@cache
def _published(drop: int) -> ChinchillaPoints:
    file = _SHARED / "epoch_chinchilla" / "svg_extracted_data.csv"
    return chinchilla_points(file if file.is_file() else None, drop=drop)


def published_points(drop: int = 5) -> ChinchillaPoints:
    """The Chinchilla points without their `drop` largest losses."""
    points = _published(drop)
    if points.synthetic:
        assert "checksum" not in points.origin, points.origin
        pytest.skip(f"the Chinchilla points may not be redistributed and could not be had: {points.origin}")
    return points


def real_points(drop: int = 5) -> pd.DataFrame:
    """Their table: N, D, C, loss, in the order of the file."""
    return published_points(drop).table.copy()
