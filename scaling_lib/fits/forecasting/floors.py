"""What a known irreducible loss is worth to a forecast: E free, pinned to the truth, pinned a little wrong.

Of walks on a graph E is the entropy rate, computed exactly; of language nobody knows it, and a pinned E is a guess. The
same forecasts (`futures.leave_future_out`) are made with E free, with E at the truth, and with E off by a share of it
to either side: what the truth gains over a free E, and what a guess that is off by one per cent loses.
"""

from typing import Annotated, Any

import numpy as np
import pandas as pd

from scaling_lib.arguments import BY_HAND, Choice, Integer, Positive, Share, checked
from scaling_lib.errors import InvalidArgument, invalid
from scaling_lib.fits.forecasting.futures import leave_future_out
from scaling_lib.fits.laws.forms import AnyLaw
from scaling_lib.fits.tables import table_columns

__all__ = ["worth_of_floor"]


@checked
def worth_of_floor(
    law: AnyLaw,
    table: Any,
    floor: Positive,
    *,
    wrong: Share = 0.01,
    by: Annotated[str, Choice(("N", "D", "C"))] = "C",
    cuts: Annotated[int, Integer(minimum=1, maximum=1000)] = 4,
    smallest: Annotated[int | None, BY_HAND] = None,
    level: Annotated[float, BY_HAND] = 0.95,
) -> pd.DataFrame:
    """Forecasts with E free, true and wrong, one row for each: what each costs in error of the excess loss.

    law: with E free. table: as for `fit`. floor: the true E, nats, below every loss. wrong: the share by which the two
    wrong ones are off. by, cuts, smallest, level: as for `leave_future_out`; all four see the same runs. Columns: floor
    ("free", "true", "1 % low", "1 % high"), E (nats; NaN where it is free), forecasts, median_error (of |loss -
    forecast| / (loss - true E)), median_width (of the intervals, in the same unit), inside (share), reason (why a
    floor could not be tried: it lies above a loss). Raises InvalidArgument.
    """
    if "E" not in law.free:
        raise invalid("law", "one whose E is free", law.formula, "leave E out of pin and offset")
    loss = table_columns(law, table)[1]
    if floor >= loss.min():
        raise invalid("floor", f"below every loss, of which the smallest is {loss.min():.6g}", floor, "mend it")
    smallest = 2 * len(law.free) if smallest is None else smallest
    share = f"{100 * wrong:g} %"
    tried = {"free": None, "true": floor, f"{share} low": floor * (1 - wrong), f"{share} high": floor * (1 + wrong)}
    rows = []
    for name, E in tried.items():
        row = {"floor": name, "E": np.nan if E is None else E, "forecasts": 0}
        row |= dict.fromkeys(("median_error", "median_width", "inside"), np.nan) | {"reason": ""}
        try:
            futures = leave_future_out(
                law if E is None else law.pin(E=E), table, by=by, cuts=cuts, smallest=smallest, level=level
            )
        except InvalidArgument:
            if E is None or loss.min() > E:
                raise
            rows.append(row | {"reason": "it lies above a loss that was measured"})
            continue
        excess = futures["loss"] - floor
        told = futures["inside"].dropna().astype(float)
        row |= {
            "forecasts": len(futures),
            "median_error": float(((futures["loss"] - futures["forecast"]).abs() / excess).median()),
            "median_width": float(((futures["high"] - futures["low"]) / excess).median()),
            "inside": float(told.mean()) if len(told) else np.nan,
        }
        rows.append(row)
    return pd.DataFrame(rows)
