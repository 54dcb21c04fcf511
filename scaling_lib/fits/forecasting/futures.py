"""Leave-future-out: a law is fitted to the runs up to some size and judged on the runs beyond it, again and again.

For each of several cuts c, in N, D or C = 6 N D, the law sees the runs with x <= c only and forecasts all others. The
error of a forecast is ln(loss / forecast), its interval that of a new run,

    forecast exp(-+ t sqrt(se^2 + s^2)),    s^2 = sum r^2 / (n - p),

with se the standard error of ln L on the curve (the gradient of the law against the covariance of the parameters), r
the n residuals of ln L, p the free parameters and t the Student quantile on n - p degrees of freedom. It holds what the
fitted runs can tell: sampling error and scatter. What it leaves out, that the law may bend beyond the cut, is what the
share of runs inside it shows.

A cut at which the runs do not determine the law (`Fit.undetermined`) is a forecast without an interval and counts
apart: its `reason` says why.
"""

from typing import Annotated, Any

import numpy as np
import pandas as pd
from scipy import stats
from tqdm import tqdm

from scaling_lib.arguments import BY_HAND, Choice, Integer, Remedy, Share, checked
from scaling_lib.errors import InvalidArgument, invalid
from scaling_lib.fits.fitting import Fit, fit
from scaling_lib.fits.laws.forms import AnyLaw
from scaling_lib.fits.tables import table_columns

__all__ = ["COLUMNS", "leave_future_out", "summarised_futures"]

COLUMNS = ("cut", "fitted", "x", "factor", "loss", "forecast", "low", "high", "error", "inside", "reason")


@checked
def leave_future_out(
    law: AnyLaw,
    table: Any,
    *,
    by: Annotated[str, Choice(("N", "D", "C"))] = "C",
    cuts: Annotated[int, Integer(minimum=1, maximum=1000)] = 8,
    smallest: Annotated[int | None, Integer(minimum=1)] = None,
    level: Share = 0.95,
    objective: Annotated[str, BY_HAND] = "log-ols",
    progress: bool = False,
) -> pd.DataFrame:
    """Forecasts of every run from every cut below it, one row each: `COLUMNS`.

    table: as for `fit`. by: what the windows grow in; C is 6 N D where the table has none. cuts: how many at most,
    evenly spread over the distinct values of `by`. smallest: runs below the first cut, by default twice the free
    parameters. level: of the intervals. objective: of the fits; intervals of a forecast are those of least squares, so
    that the default is log-ols. Columns: cut (the largest x that was fitted), fitted (runs), x, factor (x / cut), loss,
    forecast, low, high (nats), error (ln loss / forecast), inside (whether low <= loss <= high; missing without an
    interval), reason ("" or why the runs up to the cut do not determine the law). Raises InvalidArgument.

    >>> from scaling_lib.fits.laws import PowerLaw
    >>> D = np.geomspace(1e6, 1e9, 12)
    >>> loss = (2 + 50 * D**-0.3) * (1 + 0.002 * np.sin(np.arange(12)))
    >>> futures = leave_future_out(PowerLaw(), {"D": D, "loss": loss}, by="D", cuts=2)
    >>> bool(futures["error"].abs().max() < 0.02)
    True
    """
    columns, loss = table_columns(law, table)
    x = _places(columns, table, by, len(loss))
    smallest = 2 * len(law.free) if smallest is None else smallest
    values = np.unique(x)
    enough = [value for value in values[:-1] if np.count_nonzero(x <= value) >= max(smallest, len(law.free) + 1)]
    if not enough:
        raise invalid(
            "table", f"one with more than {smallest} runs below its largest {by}", table, "add runs or lower smallest"
        )
    chosen = [enough[i] for i in np.unique(np.linspace(0, len(enough) - 1, cuts).round().astype(int))]
    parts = []
    for cut in tqdm(chosen, desc="leave-future-out", disable=not progress, leave=False, delay=2):
        past = x <= cut
        shown = {name: column[past] for name, column in columns.items()} | {"loss": loss[past]}
        ahead = {name: column[~past] for name, column in columns.items()}
        head = {"cut": float(cut), "fitted": int(past.sum()), "x": x[~past], "factor": x[~past] / cut}
        parts.append(pd.DataFrame(head | _forecast(law, shown, ahead, loss[~past], level, objective)))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def _places(columns: dict[str, np.ndarray], table: Any, by: str, runs: int) -> np.ndarray:
    """(runs,): the values of `by`."""
    if by in columns:
        return columns[by]
    if by == "C" and {"N", "D"} <= columns.keys():
        return 6.0 * columns["N"] * columns["D"]
    if by not in table:
        raise InvalidArgument(f"by names the column {by!r}, which the table lacks: add it or choose another.")
    values = np.asarray(table[by])
    if values.shape != (runs,) or values.dtype.kind not in "iuf" or not (np.isfinite(values) & (values > 0)).all():
        raise invalid(f"table[{by!r}]", "a column of positive numbers", values, "mend it")
    return values.astype(float)


def _forecast(
    law: Any, shown: dict[str, np.ndarray], ahead: dict[str, np.ndarray], loss: np.ndarray, level: float, objective: str
) -> dict[str, Any]:
    """The columns of one cut that depend on the fit."""
    nothing = np.full(len(loss), np.nan)
    if any(np.ptp(column) == 0 for name, column in shown.items() if name != "loss"):
        alone = next(name for name, column in shown.items() if name != "loss" and np.ptp(column) == 0)
        reason = f"{alone} is the same in all runs up to the cut"
        return {"loss": loss, "forecast": nothing, "low": nothing, "high": nothing, "error": nothing} | {
            "inside": pd.array([pd.NA] * len(loss), dtype="boolean"), "reason": reason}  # fmt: skip
    fitted = fit(law, shown, objective=objective)
    forecast = law.loss(fitted.params, **ahead)
    error = np.log(loss / forecast)
    reason = next((outcome.reason for outcome in fitted.undetermined.values()), "")
    low, high = (nothing, nothing) if reason else _interval(fitted, ahead, forecast, level)
    inside = pd.array(((loss >= low) & (loss <= high)).tolist(), dtype="boolean")
    if reason:
        inside[:] = pd.NA
    return {
        "loss": loss, "forecast": forecast, "low": low, "high": high, "error": error, "inside": inside,
        "reason": reason,
    }  # fmt: skip


def _interval(
    fitted: Fit, ahead: dict[str, np.ndarray], forecast: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the interval of a new run at each point, by the module's docstring."""
    quantile = float(stats.t.ppf(0.5 + level / 2, fitted.degrees_of_freedom))
    band = fitted.predict(level=level, **ahead)
    high = band["high"].to_numpy()
    of_the_curve = np.log(high / forecast) if fitted.problem.logarithmic else (high - forecast) / forecast
    misses = np.log(fitted.problem.loss / fitted.fitted)
    scatter = float(misses @ misses) / fitted.degrees_of_freedom
    reach = np.sqrt(of_the_curve**2 + quantile**2 * scatter)
    return forecast * np.exp(-reach), forecast * np.exp(reach)


@checked
def summarised_futures(
    futures: Annotated[pd.DataFrame, Remedy("make it with leave_future_out")],
) -> pd.DataFrame:
    """One row for each cut of `leave_future_out`: how far its forecasts were off, and how many runs lay inside.

    Columns: cut, fitted, ahead (runs forecast), factor (of the farthest), median_error (of |ln loss / forecast|), bias
    (mean of ln loss / forecast), inside (share; NaN without intervals), reason. Raises InvalidArgument.
    """
    for name in COLUMNS:
        if name not in futures:
            raise InvalidArgument(f"futures lacks the column {name!r}: make it with leave_future_out.")
    rows = []
    for cut, part in futures.groupby("cut", sort=True):
        told = part["inside"].dropna()
        rows.append(
            {
                "cut": cut,
                "fitted": int(part["fitted"].iloc[0]),
                "ahead": len(part),
                "factor": float(part["factor"].max()),
                "median_error": float(part["error"].abs().median()),
                "bias": float(part["error"].mean()),
                "inside": float(told.astype(float).mean()) if len(told) else np.nan,
                "reason": part["reason"].iloc[0],
            }
        )
    return pd.DataFrame(rows)
