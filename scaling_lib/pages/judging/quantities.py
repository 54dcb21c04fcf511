"""What the ledger compares: each quantity is a function from tables of runs to a value with its 95 % interval.

It gives None where there are too few runs to compute it from. A claim names its quantity, and QUANTITIES holds all of
them by name: the exponents of the paper on its own grids, what is asked of grids that two cores train, the recorded
refits of the Chinchilla points, and the quantities of `exact_quantities`, which need no runs. Where a margin comes from
and how value and interval become a verdict: `ledger` and `claims`.
"""

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Annotated

import numpy as np
import pandas as pd
from scipy.stats import t

from scaling_lib.arguments import BY_HAND, Remedy, checked
from scaling_lib.errors import check_choice
from scaling_lib.fits.fitting import Fit, fit
from scaling_lib.fits.laws import Chinchilla, Exponential, PowerLaw
from scaling_lib.fits.uncertainty.intervals import profile, student_mean
from scaling_lib.fits.uncertainty.resampling import jackknife
from scaling_lib.fits.uncertainty.windows import fit_each
from scaling_lib.pages.judging.exact_quantities import KNOWN
from scaling_lib.pages.judging.ledger import published_number
from scaling_lib.pages.judging.measured import Measured, Tables
from scaling_lib.runs.keeping.tables import check_excess, check_runs, lowest_losses

__all__ = ["QUANTITIES", "excess_surface", "measured", "paper_compute", "power_in_tokens"]

Quantity = Callable[[Tables], Measured | None]

# Both are part of the definition of rules, and stand in words in their scopes: the least width of the paper's models on
# graphs, and the largest of its peak learning rates (appendix A).
LEAST_WIDTH = 128
PAPER_RATE = 0.1


def paper_compute() -> tuple[float, float]:
    """Smallest and largest C, in FLOPs, of the paper's experiment on ER 1K/5K, from the ledger."""
    return published_number("er-1k-k0.compute_min"), published_number("er-1k-k0.compute_max")


def power_in_tokens(runs: pd.DataFrame) -> Fit:
    """Excess loss (nats) = B D^-beta through L(N, D): least squares on logarithms, no offset since the floor is known.

    runs: a table of runs with the columns N, D, loss, excess_loss and status. Raises InvalidArgument, also where nobody
    knows the floor, or InvalidData.
    """
    check_runs("runs", runs, ("N", "D", "loss", "excess_loss", "status"))
    return fit(PowerLaw(variable="D", offset=0.0), _lowest_excess(runs), objective="log-ols")


def excess_surface(runs: pd.DataFrame) -> Fit:
    """Excess loss (nats) = A N^-alpha + B D^-beta through L(N, D): least squares on logarithms, no offset since the
    floor is known. runs and errors: as for `power_in_tokens`."""
    check_runs("runs", runs, ("N", "D", "loss", "excess_loss", "status"))
    return fit(Chinchilla().pin(E=0.0), _lowest_excess(runs), objective="log-ols")


@checked
def measured(
    parameter: Annotated[str, BY_HAND],
    fitted: Annotated[Fit, Remedy("make one with fits.fitting.fit")],
    runs: Annotated[pd.DataFrame, BY_HAND],
) -> Measured:
    """One fitted parameter with its 95 % profile interval and the runs behind it.

    parameter: a name in `fitted.params`. runs: a table with the columns identity and rules. Raises InvalidArgument.
    """
    check_choice("parameter", parameter, tuple(fitted.params))
    check_runs("runs", runs, ("identity", "rules"))
    interval = profile(fitted, parameter)
    return _from_runs(fitted.params[parameter], interval.low, interval.high, runs)


def _lowest_excess(runs: pd.DataFrame) -> pd.DataFrame:
    best = lowest_losses(check_excess("runs", runs))
    return best.assign(loss=best["excess_loss"])


def _from_runs(value: float, low: float, high: float, runs: pd.DataFrame, shared: bool = True) -> Measured:
    rules = tuple(sorted(set(runs["rules"])))
    return Measured(float(value), float(low), float(high), tuple(runs["identity"]), rules, shared)


def _over_curves(values: np.ndarray, runs: pd.DataFrame, shared: bool = True) -> Measured:
    """The mean over curves with Student's interval, as if the curves were independent."""
    return _from_runs(*student_mean(values), runs, shared)


def _runs(tables: Tables, name: str, widths: int = 1, tokens: int = 1) -> pd.DataFrame | None:
    """The runs of an experiment, if they span so many widths and values of D."""
    runs = tables(name)
    if runs is None or runs.empty:
        return None
    best = runs[runs["status"] == "ok"]
    return runs if best["width"].nunique() >= widths and best["D"].nunique() >= tokens else None


def _er_100_beta(tables: Tables) -> Measured | None:
    runs = _runs(tables, "er-100", tokens=3)
    return None if runs is None else measured("beta", power_in_tokens(runs), runs)


# ---------------------------------------------------------------------- the paper's own exponents


def _mean_exponent(variable: str, name: str, small: str = "") -> Quantity:
    """The paper's statistic (its section 4.3): at each value of the other variable E + A x^-exponent, all free, by
    its Huber objective; then the mean of the exponents. small: whose runs to show, unjudged, where there are none."""
    other = {"N": "D", "D": "N"}[variable]

    def quantity(tables: Tables) -> Measured | None:
        least = {"widths": 4, "tokens": 2} if variable == "N" else {"widths": 2, "tokens": 4}
        runs, shared = _runs(tables, name, **least), True
        if runs is not None:
            inside = runs["width"] >= LEAST_WIDTH
            if name == "er-1k":
                inside &= runs["C"].between(*paper_compute())
            runs = _runs({name: runs[inside]}.get, name, **least)
        if runs is None and small:
            runs, shared = _runs(tables, small, **least), False
        if runs is None:
            return None
        curves = fit_each(PowerLaw(variable=variable), lowest_losses(runs), by=other, smallest=4, objective="huber")
        exponents = curves[PowerLaw(variable=variable).exponent].to_numpy()
        return _over_curves(exponents, runs, shared) if len(exponents) > 1 else None

    return quantity


# ---------------------------------------------------------------------- walks at sizes that two cores train


def _surface(parameter: str, name: str) -> Quantity:
    """A parameter of `excess_surface` through all runs of an experiment."""

    def quantity(tables: Tables) -> Measured | None:
        runs = _runs(tables, name, widths=3, tokens=3)
        return None if runs is None else measured(parameter, excess_surface(runs), runs)

    return quantity


def _difference(parameter: str, first: pd.DataFrame, second: pd.DataFrame, runs: pd.DataFrame) -> Measured:
    """A parameter of the surface through `first` less that of the surface through `second`."""
    of_first, of_second = (measured(parameter, excess_surface(table), table) for table in (first, second))
    return _less(of_first, of_second, runs)


def _less(first: Measured, second: Measured, runs: pd.DataFrame) -> Measured:
    """`first` less `second`; the half-widths of their intervals add in squares, as if they shared no run."""
    value = first.value - second.value
    below = float(np.hypot(first.value - first.low, second.high - second.value))
    above = float(np.hypot(first.high - first.value, second.value - second.low))
    return _from_runs(value, value - below, value + above, runs)


def _of_size(column: str, factor: float, name: str) -> Quantity:
    """The exponent in another measure of size, less `factor` times that in N with embeddings: the same points, so the
    interval is that of the difference, by leaving each point out."""

    def quantity(tables: Tables) -> Measured | None:
        runs = _runs(tables, name, widths=3, tokens=3)
        if runs is None or column not in runs:
            return None
        fits = [excess_surface(table) for table in (runs.assign(N=runs[column]), runs)]
        draws = [jackknife(fitted)["alpha"] for fitted in fits]
        without = draws[0] - factor * draws[1]
        value = fits[0].params["alpha"] - factor * fits[1].params["alpha"]
        error = np.sqrt((len(without) - 1) ** 2 / len(without)) * without.std(ddof=1)
        half = float(t.ppf(0.975, len(without) - len(fits[0].params)) * error)
        return _from_runs(value, value - half, value + half, runs)

    return quantity


def _paper_rates_only(parameter: str, name: str) -> Quantity:
    """An exponent from learning rates up to the paper's largest, less the same from all."""

    def quantity(tables: Tables) -> Measured | None:
        runs = _runs(tables, name, widths=3, tokens=3)
        if runs is None:
            return None
        low = runs[runs["learning_rate"] <= PAPER_RATE]
        if _runs({"low": low}.get, "low", widths=3, tokens=3) is None:
            return None
        return _difference(parameter, low, runs, runs)

    return quantity


def _mup_minus_sp(name: str) -> Quantity:
    """alpha of muP less alpha of SP: equal widths, D, batches, context and seeds, and as many learning
    rates before any widening."""

    def quantity(tables: Tables) -> Measured | None:
        mup, sp = (_runs(tables, arm, widths=3, tokens=2) for arm in (name, f"{name}-sp"))
        if mup is None or sp is None:
            return None
        shared = set(mup["D"]) & set(sp["D"])
        mup, sp = (table[table["D"].isin(shared)] for table in (mup, sp))
        if len(shared) < 2:
            return None
        return _difference("alpha", mup, sp, pd.concat([mup, sp]))

    return quantity


def _untied_minus_tied(tables: Tables) -> Measured | None:
    """alpha at the one D of both, from A N^-alpha through the excess loss, with a readout of its own less without."""
    untied, tied = (_runs(tables, name, widths=4) for name in ("er-200-untied", "er-200"))
    if untied is None or tied is None:
        return None
    shared = set(untied["D"]) & set(tied["D"])
    if len(shared) != 1:
        return None
    untied, tied = (table[table["D"].isin(shared)] for table in (untied, tied))
    law = PowerLaw(variable="N", offset=0.0)
    of_untied, of_tied = (
        measured("alpha", fit(law, _lowest_excess(table), objective="log-ols"), table) for table in (untied, tied)
    )
    return _less(of_untied, of_tied, pd.concat([untied, tied]))


def _by_width(runs: pd.DataFrame) -> list[pd.DataFrame]:
    return [part for _, part in lowest_losses(runs).groupby("width")]


def _offset_factor(name: str) -> Quantity:
    """The exponent in D with the irreducible loss pinned at the entropy rate, over the exponent without any; mean over
    widths. None where nobody knows the entropy rate."""

    def quantity(tables: Tables) -> Measured | None:
        runs = _runs(tables, name, widths=3, tokens=3)
        if runs is None or runs["entropy_rate"].isna().any():
            return None
        factors = []
        for part in _by_width(runs):
            with_floor = PowerLaw(variable="D", offset=float(part["entropy_rate"].iloc[0]))
            laws = (with_floor, PowerLaw(variable="D", offset=0.0))
            pinned, without = (fit(law, part, objective="log-ols").params["beta"] for law in laws)
            factors.append(pinned / without)
        return _over_curves(np.array(factors), runs)

    return quantity


def _power_over_exponential(name: str) -> Quantity:
    """log10 of MSE(exponential) / MSE(power law) of L(D) at fixed N, three free parameters each, the paper's objective;
    mean over widths."""

    def quantity(tables: Tables) -> Measured | None:
        runs = _runs(tables, name, widths=3, tokens=5)
        if runs is None:
            return None
        ratios = []
        for part in _by_width(runs):
            laws = (Exponential(variable="D"), PowerLaw(variable="D"))
            exponential, power = (fit(law, part, objective="huber").mse for law in laws)
            ratios.append(np.log10(exponential / power))
        return _over_curves(np.array(ratios), runs)

    return quantity


def _one_point(name: str, width: int, tokens: int) -> Quantity:
    """The lowest excess loss at one point L(N, D), with the error of its evaluation."""

    def quantity(tables: Tables) -> Measured | None:
        runs = _runs(tables, name)
        if runs is None:
            return None
        runs = runs[(runs["width"] == width) & (runs["D"] == tokens)]
        if runs.empty or not (runs["status"] == "ok").any():
            return None
        best = lowest_losses(check_excess("runs", runs)).iloc[0]
        half = 1.96 * best["excess_loss_se"]
        return _from_runs(best["excess_loss"], best["excess_loss"] - half, best["excess_loss"] + half, runs)

    return quantity


def _on_random_graph(name: str) -> dict[str, Quantity]:
    """What is asked of a grid over widths, tokens and learning rates on ER 1K, and of its twin in SP."""
    return {
        f"{name}.beta": _surface("beta", name),
        f"{name}.alpha": _surface("alpha", name),
        f"{name}.alpha-of-paper-rates": _paper_rates_only("alpha", name),
        f"{name}.beta-of-paper-rates": _paper_rates_only("beta", name),
        f"{name}.alpha-nonembedding": _of_size("N_nonembedding", 1.0, name),
        f"{name}.alpha-width": _of_size("width", 2.0, name),
        f"{name}.mup-minus-sp": _mup_minus_sp(name),
        f"{name}.offset-factor": _offset_factor(name),
        f"{name}.power-over-exponential": _power_over_exponential(name),
    }


# ---------------------------------------------------------------------- results on published points


def _recorded_result(name: str, exploratory: bool = False) -> Quantity:
    """A row of the recorded results on the 240 Chinchilla points (tools/record_chinchilla.py computes them)."""

    def quantity(tables: Tables) -> Measured | None:
        table = tables("chinchilla-results")
        if table is None or table.empty:
            return None
        row = table.set_index("quantity").loc[name]
        # No run stands behind it; a rule that is not in any history makes it exploratory.
        return Measured(float(row["value"]), float(row["low"]), float(row["high"]), (), ("",) if exploratory else ())

    return quantity


def _without_runs(compute: Callable[[], Measured]) -> Quantity:
    """A quantity of `exact_quantities`, computed once."""
    kept = cache(compute)
    return lambda tables: kept()


# The paper's experiments, with the smaller one whose runs are shown, unjudged, where its own are missing.
_PAPER = {
    "er-1k": "er-1k-wide",
    "er-8k": "",
    "er-8k-k1": "",
    "er-50k": "",
    "er-50k-k1": "",
    "ba-8k": "",
}
_REFITS = (
    *(f"{kind}.{parameter}" for kind in ("huber", "lad") for parameter in ("A", "B", "E", "alpha", "beta")),
    *("huber.a", "huber.mse", "huber.se-alpha", "huber.se-beta", "points", "1d.mse", "1d.beta"),
)
_NETWORK = ("network.gamma", "network.a", "network.b")

QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {"er-100.beta": _er_100_beta}
    | {f"{name}.alpha": _mean_exponent("N", name, small) for name, small in _PAPER.items()}
    | {f"{name}.beta": _mean_exponent("D", name, small) for name, small in _PAPER.items()}
    | _on_random_graph("er-1k-small")
    | _on_random_graph("er-1k-wide")
    | {
        "er-200-untied.minus-tied": _untied_minus_tied,
        "er-8k-small.largest-width": _one_point("er-8k-small", 96, 250_000),
        "er-8k-k1-small.largest-width": _one_point("er-8k-k1-small", 96, 250_000),
        "ba-8k-small.largest-width": _one_point("ba-8k-small", 96, 250_000),
        "er-1k-wide.largest-width": _one_point("er-1k-wide", 192, 651_000),
    }
    | {f"chinchilla.{name}": _recorded_result(name) for name in _REFITS}
    | {f"chinchilla.{name}": _recorded_result(name, exploratory=True) for name in _NETWORK}
    | {name: _without_runs(compute) for name, compute in KNOWN.items()}
)
