"""What the ledger compares: each quantity is a function from tables of runs to a value with its 95 % interval.

It gives None where there are too few runs to compute it from. A claim names its quantity, and QUANTITIES holds all of
them by name: the exponents of the paper on its own grids, what is asked of grids that two cores train, the forecasts,
the recorded refits of the Chinchilla points, and the quantities of `exact_quantities`, which need no runs. Where a fit
stands behind a value its lack of fit is tested against the scatter of the seeds, and what is rejected says so in
an `Undecided` (`replicates`). Where a margin comes from and how value and interval become a verdict: `ledger` and
`claims`.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from types import MappingProxyType
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from scipy import stats

from scaling_lib.arguments import BY_HAND, Remedy, checked
from scaling_lib.errors import check_choice
from scaling_lib.fits.fitting import Fit, fit
from scaling_lib.fits.laws import Chinchilla, PowerLaw
from scaling_lib.fits.seeds import Slope, slope
from scaling_lib.fits.uncertainty.intervals import profile, student_mean
from scaling_lib.fits.uncertainty.windows import fit_each
from scaling_lib.fits.undetermined import Undetermined
from scaling_lib.pages.judging.exact_quantities import KNOWN
from scaling_lib.pages.judging.forecasts import registered, skill
from scaling_lib.pages.judging.language.rules import LANGUAGE_QUANTITIES
from scaling_lib.pages.judging.ledger import published_number
from scaling_lib.pages.judging.measured import Measured, Outcome, Tables, Undecided
from scaling_lib.pages.judging.replicates import REJECTED, curves_rejected, points_of
from scaling_lib.pages.judging.twins.barest import BAREST_QUANTITIES
from scaling_lib.pages.judging.twins.blocks import BLOCK_QUANTITIES
from scaling_lib.pages.judging.twins.controls import CONTROL_QUANTITIES
from scaling_lib.pages.judging.twins.emergence import EMERGENCE_QUANTITIES
from scaling_lib.pages.judging.twins.neighbours import NEIGHBOUR_QUANTITIES
from scaling_lib.pages.judging.twins.rules import TWIN_QUANTITIES
from scaling_lib.runs.keeping.tables import check_excess, check_runs, lowest_losses

__all__ = ["QUANTITIES", "excess_surface", "measured", "paper_compute", "power_in_tokens"]

Quantity = Callable[[Tables], Outcome]

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


def _from_runs(value: float, low: float, high: float, runs: pd.DataFrame, freedom: float | None = None) -> Measured:
    return Measured(float(value), float(low), float(high), tuple(runs["identity"]), _rules_of(runs), freedom)


def _undecided(reason: str, runs: pd.DataFrame) -> Undecided:
    return Undecided(reason, tuple(runs["identity"]), _rules_of(runs))


def _rules_of(runs: pd.DataFrame) -> tuple[str, ...]:
    return tuple(sorted(set(runs["rules"])))


def _runs(tables: Tables, name: str, widths: int = 1, tokens: int = 1) -> pd.DataFrame | None:
    """The runs of an experiment, if they span so many widths and values of D."""
    runs = tables(name)
    if runs is None or runs.empty:
        return None
    best = runs[runs["status"] == "ok"]
    return runs if best["width"].nunique() >= widths and best["D"].nunique() >= tokens else None


def _er_100_beta(tables: Tables) -> Outcome:
    runs = _runs(tables, "er-100", tokens=3)
    if runs is None:
        return None
    straight = slope(points_of(runs), "D")
    if isinstance(straight, Undetermined):
        return _undecided(straight.reason, runs)
    return measured("beta", power_in_tokens(runs), runs)


# ---------------------------------------------------------------------- the paper's own exponents


def _mean_exponent(variable: Literal["N", "D"], name: str) -> Quantity:
    """The paper's statistic (its section 4.3): at each value of the other variable E + A x^-exponent, all free, by
    its Huber objective; then the mean of the exponents, with Student's interval as if the curves were independent."""
    other: Literal["N", "D"] = "D" if variable == "N" else "N"

    def quantity(tables: Tables) -> Outcome:
        least = {"widths": 4, "tokens": 2} if variable == "N" else {"widths": 2, "tokens": 4}
        runs = _runs(tables, name, **least)
        if runs is None:
            return None
        inside = runs["width"] >= LEAST_WIDTH
        if name == "er-1k":
            inside &= runs["C"].between(*paper_compute())
        runs = _runs({name: runs[inside]}.get, name, **least)
        if runs is None:
            return None
        curves = fit_each(PowerLaw(variable=variable), lowest_losses(runs), by=other, smallest=4, objective="huber")
        exponents = curves[PowerLaw(variable=variable).exponent].to_numpy()
        if len(exponents) < 2:
            return None
        if curves_rejected(runs, variable, other):
            return _undecided(REJECTED, runs)
        return _from_runs(*student_mean(exponents), runs, len(exponents) - 1)

    return quantity


# ---------------------------------------------------------------------- walks at sizes that two cores train


def _exponent(found: Slope | Undetermined, runs: pd.DataFrame) -> Measured | Undecided:
    """Minus a slope through the seeds' means, or what forbids it."""
    if isinstance(found, Undetermined):
        return _undecided(found.reason, runs)
    return _from_runs(-found.estimate, -found.high, -found.low, runs, found.freedom)


def _in_tokens(name: str, width: int) -> Quantity:
    """The exponent in D of one width: the slope through the means over seeds of ln(excess loss)."""

    def quantity(tables: Tables) -> Outcome:
        runs = _runs(tables, name, tokens=3)
        runs = None if runs is None else _runs({name: runs[runs["width"] == width]}.get, name, tokens=3)
        return None if runs is None else _exponent(slope(points_of(runs), "D"), runs)

    return quantity


def _in_size(runs: pd.DataFrame) -> Measured | Undecided:
    return _exponent(slope(points_of(runs), "N"), runs)


def _mup_minus_sp(name: str, tokens: int) -> Quantity:
    """alpha of muP less alpha of SP at one D: slopes in N through the means over seeds; equal widths, batches, context
    and seeds, and as many learning rates before any widening."""

    def quantity(tables: Tables) -> Outcome:
        parts: list[pd.DataFrame] = []
        for arm in (name, f"{name}-sp"):
            runs = _runs(tables, arm, widths=3)
            runs = None if runs is None else _runs({arm: runs[runs["D"] == tokens]}.get, arm, widths=3)
            if runs is None:
                return None
            parts.append(runs)
        mup, sp = map(_in_size, parts)
        return _less(mup, sp, pd.concat(parts))

    return quantity


def _less(first: Measured | Undecided, second: Measured | Undecided, runs: pd.DataFrame) -> Measured | Undecided:
    """`first` less `second`, which share no run, on the degrees of freedom of Welch and Satterthwaite; undecided where
    one of them is."""
    if isinstance(first, Undecided):
        return _undecided(first.reason, runs)
    if isinstance(second, Undecided):
        return _undecided(second.reason, runs)
    freedoms = [float(one.freedom or np.inf) for one in (first, second)]
    errors = np.array([(one.high - one.low) / 2 for one in (first, second)]) / stats.t.ppf(0.975, freedoms)
    total = float((errors**2).sum())
    freedom = total**2 / float((errors**4 / freedoms).sum()) if total else None
    half = float(stats.t.ppf(0.975, freedom)) * total**0.5 if freedom else 0.0
    value = first.value - second.value
    return _from_runs(value, value - half, value + half, runs, freedom)


def _untied_minus_tied(tables: Tables) -> Outcome:
    """alpha at the one D of both, from slopes in N through the means over seeds, with a readout of its own less
    without."""
    untied, tied = (_runs(tables, name, widths=4) for name in ("er-200-untied", "er-200"))
    if untied is None or tied is None:
        return None
    shared = set(untied["D"]) & set(tied["D"])
    if len(shared) != 1:
        return None
    parts = [table[table["D"].isin(shared)] for table in (untied, tied)]
    of_untied, of_tied = map(_in_size, parts)
    return _less(of_untied, of_tied, pd.concat(parts))


def _cost_of_paper_rates(name: str) -> Quantity:
    """ln of the loss with learning rates up to the paper's largest over that with all, at the widest model and the most
    tokens: means over seeds at the best rate of either. The best of the shorter grid may be its last: that is what the
    claim is about. The best of the whole one may not."""

    def quantity(tables: Tables) -> Outcome:
        runs = _runs(tables, name)
        if runs is None:
            return None
        most = runs[runs["width"] == runs["width"].max()]
        most = most[(most["D"] == most["D"].max()) & (most["status"] == "ok")]
        low = most[most["learning_rate"] <= PAPER_RATE]
        if low.empty:
            return None
        (cut,), (whole,) = points_of(low), points_of(most)
        if min(cut.seeds, whole.seeds) < 2:
            return None
        if whole.doubt is not None:
            return _undecided(whole.doubt.reason, most)
        if cut.rates == whole.rates:
            return _from_runs(0.0, 0.0, 0.0, most)
        of_cut, of_whole = (
            _from_runs(*student_mean(point.logs), most, point.seeds - 1) for point in (cut, whole)
        )
        return _less(of_cut, of_whole, most)

    return quantity


def _least_offset_factor(name: str) -> Quantity:
    """L / (L - H) where it is least: by so much the local exponent in D of a loss L is smaller than that of its excess,
    whatever the loss does, since d ln(L - H) = L / (L - H) d ln L."""

    def quantity(tables: Tables) -> Outcome:
        runs = _runs(tables, name, widths=3, tokens=3)
        if runs is None:
            return None
        best = lowest_losses(runs)
        factor = float((best["loss"] / best["excess_loss"]).min())
        return _from_runs(factor, factor, factor, runs)

    return quantity


# ---------------------------------------------------------------------- results on published points


def _recorded_result(name: str, *, paired: bool = False, reason: str = "") -> Quantity:
    """A row of the recorded results on the 240 Chinchilla points (tools/record_chinchilla.py computes them).

    paired: the claim is about the same points, so that their sampling error is no error of the comparison, and the
    value is compared as a refit. reason: what forbids a verdict, if anything does.
    """

    def quantity(tables: Tables) -> Outcome:
        table = tables("chinchilla-results")
        if table is None or table.empty:
            return None
        row = table.set_index("quantity").loc[name]
        if reason:
            return Undecided(reason)
        value = float(row["value"])
        return Measured(value, value, value) if paired else Measured(value, float(row["low"]), float(row["high"]))

    return quantity


def _without_runs(compute: Callable[[], Measured]) -> Quantity:
    """A quantity of `exact_quantities`, computed once."""
    kept = cache(compute)
    return lambda tables: kept()


_PAPER = ("er-1k", "er-8k", "er-8k-k1", "er-50k", "er-50k-k1", "ba-8k")
_REFITS = (
    *(f"{kind}.{parameter}" for kind in ("huber", "lad") for parameter in ("A", "B", "E", "alpha", "beta")),
    *("huber.a", "huber.mse", "huber.se-alpha", "huber.se-beta", "points"),
)
# Of the paper's one-dimensional fits and of its network the same points are fitted, with settings that it leaves open.
_BY_CURVE = ("1d.mse", "1d.beta")
_NETWORK = ("network.gamma", "network.a", "network.b")
_OPEN_NETWORK = (
    "both networks saw the same points, and how far refits of one network from other initial weights scatter is not "
    "recorded"
)

QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {"er-100.beta": _er_100_beta}
    | {f"{name}.alpha": _mean_exponent("N", name) for name in _PAPER}
    | {f"{name}.beta": _mean_exponent("D", name) for name in _PAPER}
    | {f"er-1k-wide.beta-at-{width}": _in_tokens("er-1k-wide", width) for width in (128, 192)}
    | {f"er-1k-wide.mup-minus-sp-at-{tokens}": _mup_minus_sp("er-1k-wide", tokens) for tokens in (227_000, 651_000)}
    | {
        "er-1k-wide.cost-of-paper-rates": _cost_of_paper_rates("er-1k-wide"),
        "er-1k-wide.least-offset-factor": _least_offset_factor("er-1k-wide"),
        "er-200-untied.minus-tied": _untied_minus_tied,
    }
    | {f"{name}.skill": partial(skill, name) for name in registered()}
    | {f"chinchilla.{name}": _recorded_result(name) for name in _REFITS}
    | {f"chinchilla.{name}": _recorded_result(name, paired=True) for name in _BY_CURVE}
    | {f"chinchilla.{name}": _recorded_result(name, reason=_OPEN_NETWORK) for name in _NETWORK}
    | {name: _without_runs(compute) for name, compute in KNOWN.items()}
    | dict(TWIN_QUANTITIES)
    | dict(NEIGHBOUR_QUANTITIES)
    | dict(CONTROL_QUANTITIES)
    | dict(BLOCK_QUANTITIES)
    | dict(BAREST_QUANTITIES)
    | dict(EMERGENCE_QUANTITIES)
    | dict(LANGUAGE_QUANTITIES)
)
