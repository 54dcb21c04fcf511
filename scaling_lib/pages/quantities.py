"""What the ledger compares: each quantity is a function from tables of runs to a value with its 95 % interval."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import pandas as pd

from scaling_lib.errors import check_choice, check_instance
from scaling_lib.fits.fitting import Fit, fit
from scaling_lib.fits.intervals import profile
from scaling_lib.fits.laws import PowerLaw
from scaling_lib.pages.claims import Measured
from scaling_lib.runs.tables import check_runs, lowest_losses

__all__ = ["QUANTITIES", "Tables", "measured", "power_in_tokens"]

Tables = Callable[[str], pd.DataFrame | None]


def power_in_tokens(runs: pd.DataFrame) -> Fit:
    """Excess loss = B D^-beta through L(N, D): least squares on logarithms, no offset since the floor is known."""
    check_runs("runs", runs, ("N", "D", "loss", "excess_loss", "status"))
    best = lowest_losses(runs)
    return fit(PowerLaw(variable="D", offset=0.0), best.assign(loss=best["excess_loss"]), objective="log-ols")


def measured(parameter: str, fitted: Fit, runs: pd.DataFrame) -> Measured:
    """One fitted parameter with its interval and the runs behind it."""
    check_instance("fitted", fitted, Fit, remedy="make one with fits.fitting.fit")
    check_choice("parameter", parameter, tuple(fitted.params))
    check_runs("runs", runs, ("identity", "rules"))
    interval = profile(fitted, parameter)
    rules = tuple(sorted(set(runs["rules"])))
    return Measured(fitted.params[parameter], interval.low, interval.high, tuple(runs["identity"]), rules)


def _er_100_beta(tables: Tables) -> Measured | None:
    runs = tables("er-100")
    if runs is None or runs.empty:
        return None
    return measured("beta", power_in_tokens(runs), runs)


QUANTITIES: Mapping[str, Callable[[Tables], Measured | None]] = MappingProxyType({"er-100.beta": _er_100_beta})
