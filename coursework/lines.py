"""What several answers compute of a line."""

from typing import Any

import numpy as np

__all__ = ["slope"]


def slope(x: Any, y: Any) -> float:
    """The slope of the least-squares line through points."""
    return float(np.polyfit(x, y, 1)[0])
