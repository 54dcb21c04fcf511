"""Notebooks as students hand them in."""

import json
from pathlib import Path
from typing import Any

from scaling_lib.coursework.grading import FORMAT

__all__ = ["notebook", "written"]


def notebook(label: str, *sources: str, form: int = FORMAT) -> dict[str, Any]:
    """An assignment's notebook with these cells."""
    cells = [{"cell_type": "code", "metadata": {}, "source": source, "outputs": []} for source in sources]
    carried = {"assignment": label, "format": form}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"scaling_lab": carried}, "cells": cells}


def written(folder: Path, held: Any, name: str = "ada.ipynb") -> Path:
    """The file that holds a notebook, or bytes in place of one."""
    path = folder / name
    path.write_bytes(held if isinstance(held, bytes) else json.dumps(held).encode())
    return path
