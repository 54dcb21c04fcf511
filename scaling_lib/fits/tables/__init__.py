"""A user's table of runs, written (`writing`), read (`reading`), checked (`columns`) and doubted (`doubts`): columns N
(parameters), D (tokens), C (FLOPs), loss (nats per token).

C = 6 N D supplies whichever of the three is missing. What cannot be fitted is refused in one sentence; doubts that do
not forbid a fit (a loss in bits, tokens counted in thousands) are returned as sentences.
"""

from scaling_lib.fits.tables.columns import (
    check_kind,
    checked_column,
    one_row_a_point,
    repeated_points,
    table_columns,
)
from scaling_lib.fits.tables.doubts import Doubt, doubts, suspicions
from scaling_lib.fits.tables.reading import parse_columns, parse_units, read_content, read_table, with_names
from scaling_lib.fits.tables.writing import append_run

__all__ = [
    "Doubt",
    "append_run",
    "check_kind",
    "checked_column",
    "doubts",
    "one_row_a_point",
    "parse_columns",
    "parse_units",
    "read_content",
    "read_table",
    "repeated_points",
    "suspicions",
    "table_columns",
    "with_names",
]
