"""What a fit and a plan say, as tables for the command and for the page."""

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import pandas as pd
from tqdm import tqdm

from scaling_lib.arguments import BY_HAND, Remedy, checked
from scaling_lib.errors import InvalidArgument, check_instance
from scaling_lib.fits.fitting import AnyFit
from scaling_lib.fits.uncertainty import intervals
from scaling_lib.fits.undetermined import Undetermined

__all__ = ["fit_frame", "interval_as_dict", "interval_outcomes", "plan_frame"]

AnyOutcome = Annotated[intervals.Interval | Undetermined, BY_HAND]


@checked
def interval_outcomes(
    fitted: AnyFit, percentiles: Annotated[Mapping[str, Any] | None, BY_HAND] = None
) -> dict[str, intervals.Interval | Undetermined]:
    """Of each free parameter its 95 % interval, or why there is none.

    percentiles: intervals to take in place of the profile's, by parameter. Raises InvalidArgument.
    """
    if percentiles is not None:
        check_instance("percentiles", percentiles, Mapping, remedy="pass intervals by parameter, or None")  # type: ignore[type-abstract]
    bar = tqdm(fitted.law.free, desc="intervals", leave=False, delay=2, disable=not sys.stderr.isatty())
    return {
        name: fitted.undetermined.get(name)
        or (percentiles or {}).get(name)
        or intervals.profile_or_undetermined(fitted, name)
        for name in bar
    }  # fmt: skip


@checked
def interval_as_dict(name: str, outcome: AnyOutcome) -> dict[str, Any]:
    """An interval for JSON: an end that was not found is null, and `reason` says why."""
    check_instance("outcome", outcome, (intervals.Interval, Undetermined), remedy="make it with interval_outcomes")
    if isinstance(outcome, Undetermined):
        return {"low": None, "high": None, "level": None, "method": None, "reason": outcome.sentence}
    reasons = []
    if outcome.open_low:
        reasons.append(f"no lower end: {'E = 0' if name == 'E' else f'no smaller {name} in its range'} is not excluded")
    if outcome.open_high:
        reasons.append(f"no upper end: no larger {name} in its range is excluded")
    ends = {"low": None if outcome.open_low else outcome.low, "high": None if outcome.open_high else outcome.high}
    reason = {"reason": "; ".join(reasons)} if reasons else {}
    return {**ends, "level": outcome.level, "method": outcome.method, **reason}


@checked
def fit_frame(fitted: AnyFit, outcomes: Annotated[Mapping[str, Any], BY_HAND]) -> pd.DataFrame:
    """Parameter, value and interval; the word undetermined for both where the points do not tell."""
    check_instance("outcomes", outcomes, Mapping, remedy="make them with interval_outcomes")  # type: ignore[type-abstract]
    parameters = []
    for name, value in fitted.params.items():
        outcome = outcomes.get(name)
        if outcome is None:
            shown = "pinned"
        elif isinstance(outcome, Undetermined):
            shown = str(outcome)
        elif outcome.open_low or outcome.open_high:
            shown = f"up to {outcome.high:.4g}" if outcome.open_low else f"{outcome.low:.4g} or more"
        else:
            shown = f"{outcome.low:.4g} to {outcome.high:.4g}"
        number = str(outcome) if isinstance(outcome, Undetermined) else f"{value:.4g}"
        parameters.append({"parameter": name, "value": number, "95 % interval": shown})
    return pd.DataFrame(parameters)


@checked
def plan_frame(payload: Annotated[Mapping[str, Any], Remedy("pass what planner.allocate returns")]) -> pd.DataFrame:
    """Quantity, value, unit, interval, and decades outside the runs.

    payload: of `planner.allocate` or `planner.allocate_inverse`. Raises InvalidArgument.
    """
    for key in ("units", "interval", "extrapolation", "law"):
        if key not in payload:
            raise InvalidArgument(f"payload lacks {key!r}, got {sorted(payload)}: pass what planner.allocate returns.")
    interval = payload["interval"] or {}
    outside = {**payload["extrapolation"], "flops": payload["extrapolation"]["C"]}
    planned = []
    for name, unit in payload["units"].items():
        decades = outside.get(name)
        far = "" if name not in outside else "not known" if decades is None else "none" if not decades else ""
        planned.append(
            {
                "quantity": name,
                "value": f"{payload[name]:.4g}",
                "unit": unit,
                "95 % interval": _range(*interval[name]) if name in interval else "",
                "beyond the runs": far or (f"{decades:+.1f} decades" if decades else ""),
            }
        )
    law = {"quantity": "law", "value": payload["law"], "unit": "", "95 % interval": "", "beyond the runs": ""}
    return pd.DataFrame([*planned, law])


def _range(low: float | None, high: float | None) -> str:
    """An interval in words; what was given, or follows from nothing else, has none."""
    if low is None:
        return "open"
    if high is None:
        return f"{low:.4g} or more"
    ends = f"{low:.4g}", f"{high:.4g}"
    return "fixed" if len(set(ends)) == 1 else " to ".join(ends)
