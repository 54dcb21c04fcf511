"""The 240 Chinchilla points: fetched from their origin at run time, never shipped, and replaced by a labelled synthetic
twin where they cannot be had.

Besiroglu et al. 2024 (arXiv 2404.10102) read 245 points off figure 4 of Hoffmann et al. 2022: model size, training
FLOPs, loss. Tokens follow from C = 6 N D. The five largest losses are left out, as they do; that is a selection on the
outcome, and the exponents lean on it (a = .565 with all points, .514 without those five).
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd

from scaling_lib.arguments import Generator, Integer, Real, Remedy, checked
from scaling_lib.errors import InvalidData, invalid
from scaling_lib.fits.points.synthetic import synthetic_chinchilla

__all__ = ["CHINCHILLA_SHA256", "CHINCHILLA_URL", "ChinchillaPoints", "chinchilla_points"]

CHINCHILLA_URL = (
    "https://raw.githubusercontent.com/epoch-research/analyzing-chinchilla/"
    "92258837425e1b5f2851d624287f0120583a3d0e/data/svg_extracted_data.csv"
)
CHINCHILLA_SHA256 = "193478df4e90f040016431996c45682659306840ecdadf83cfb9cd5ca0aa1b30"
_FILE = "svg_extracted_data.csv"
_COLUMNS = {"Model Size": "N", "Training FLOP": "C", "loss": "loss"}


@checked
@dataclass(frozen=True, eq=False)
class ChinchillaPoints:
    """table: N, D, C, loss. synthetic: drawn from a published law, not data. origin: where it came from, in words; of a
    synthetic table, why. sha256: of the file; "" where synthetic. dropped: largest losses left out."""

    table: Annotated[pd.DataFrame, Remedy("make it with chinchilla_points")]
    synthetic: bool
    origin: str
    sha256: Annotated[str, Remedy("pass '' where there is no file")]
    dropped: Annotated[int, Integer(minimum=0)]

    @property
    def label(self) -> str:
        """One line for captions."""
        if self.synthetic:
            return f"SYNTHETIC runs drawn from a published law, not data ({self.origin})"
        return f"Chinchilla points, {self.origin}, sha256 {self.sha256[:12]}, {self.dropped} largest losses left out"


@checked
def chinchilla_points(
    path: str | Path | None = None,
    *,
    cache: str | Path | None = None,
    download: bool = True,
    drop: Annotated[int, Integer(minimum=0, maximum=200)] = 5,
    timeout: Annotated[float, Real(above=0, maximum=3600)] = 10.0,
    generator: Generator | None = None,
) -> ChinchillaPoints:
    """The points from `path`; else from the cache folder; else from their origin, checksum verified, into that folder;
    else the synthetic twin, which says so (`synthetic`, `origin`, `label`).

    path: a copy of svg_extracted_data.csv. cache: a folder, by default this user's. download: whether the network may
    be asked. drop: largest losses left out (0 to 200). timeout: seconds for the network. generator: of the twin's
    noise; by default always the same twin. Raises InvalidArgument where path is no file, InvalidData where its bytes
    differ.
    """
    folder = None if cache is None else Path(cache)
    if path is not None:
        file = Path(path)
        if not file.is_file():
            raise invalid("path", "an existing file", str(file), "leave it out to download the points")
        if not _is_original(file):
            raise InvalidData(
                f"path must hold the points with sha256 {CHINCHILLA_SHA256[:12]}, got {file.name!r} with other bytes: "
                f"use read_table for a table of your own."
            )
        return _read(file, drop, "read from the path given")
    if folder is None:
        import platformdirs

        folder = Path(platformdirs.user_cache_dir("scaling-lab", appauthor=False))
    file = folder / _FILE
    if _is_original(file):
        return _read(file, drop, "read from the cache folder")
    reason = _fetch(folder, timeout) if download else "download was not asked for"
    if not reason and _is_original(file):
        return _read(file, drop, "downloaded from the repository epoch-research/analyzing-chinchilla")
    twin = synthetic_chinchilla(np.random.default_rng(0) if generator is None else generator)
    return ChinchillaPoints(twin, True, f"the points could not be had: {reason}", "", 0)


def _is_original(file: Path) -> bool:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() == CHINCHILLA_SHA256
    except OSError:
        return False


def _fetch(folder: Path, timeout: float) -> str:
    """Why the file could not be downloaded; "" where it could."""
    import pooch

    try:
        pooch.retrieve(
            CHINCHILLA_URL,
            known_hash=f"sha256:{CHINCHILLA_SHA256}",
            fname=_FILE,
            path=folder,
            downloader=pooch.HTTPDownloader(timeout=timeout),
        )
    except ValueError:
        return "what the origin sent has another checksum"
    except OSError as error:  # of the network (requests' errors are OSErrors) or of the folder
        return f"{type(error).__name__} while downloading"
    return ""


def _read(file: Path, drop: int, origin: str) -> ChinchillaPoints:
    raw = pd.read_csv(io.BytesIO(file.read_bytes()))
    table = raw[list(_COLUMNS)].rename(columns=_COLUMNS)
    table = table.sort_values("loss", kind="stable").iloc[: len(table) - drop].sort_index().reset_index(drop=True)
    table.insert(1, "D", table["C"] / 6 / table["N"])
    return ChinchillaPoints(table, False, origin, CHINCHILLA_SHA256, drop)
