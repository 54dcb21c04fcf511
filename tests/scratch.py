"""Folders for what a test module makes when it is imported; they go when the tests end."""

import tempfile
from pathlib import Path

_KEPT: list[tempfile.TemporaryDirectory] = []


def folder() -> Path:
    """A new empty folder, removed at the end of this process."""
    _KEPT.append(tempfile.TemporaryDirectory())
    return Path(_KEPT[-1].name)
