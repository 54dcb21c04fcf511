"""Fitting a law to a table, two ways that must agree.

An *objective* is named, and the name says where the residuals live:

    ols        sum_i w_i r_i^2,            r = L - L(x)          (nats)
    huber      sum_i w_i rho_delta(r_i),   r = L - L(x)          the paper's, delta = 1.4826 MAD(L) (appendix B)
    log-ols    sum_i w_i r_i^2,            r = log L - log L(x)
    log-huber  sum_i w_i rho_delta(r_i),   r = log L - log L(x)  Hoffmann et al.'s, delta = 1e-3
    log-lad    sum_i w_i |r_i|,            r = log L - log L(x)

with rho_delta(r) = r^2 / 2 for |r| <= delta and delta (|r| - delta / 2) beyond. All are sums, never means: f is about
1e-3, and optimizers with absolute tolerances stop early on it. The fast route (`fit`) starts from a variable projection
and polishes with Newton; `fit_paper_procedure` is the paper's appendix B, 40 starts of a bounded trust-region method.
Errors of what is fitted: `estimates`.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from typing import Annotated, Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import optimize, stats

from scaling_lib.arguments import BY_HAND, Choice, Count, Generator, Remedy, Share, checked
from scaling_lib.errors import invalid
from scaling_lib.fits.estimates import Estimate
from scaling_lib.fits.laws import PowerLaw
from scaling_lib.fits.laws.forms import Law
from scaling_lib.fits.solver.design import Rho
from scaling_lib.fits.solver.identification import exchanged, without_a_power
from scaling_lib.fits.solver.paper import trust_region
from scaling_lib.fits.solver.problem import OBJECTIVES, Problem, make_problem
from scaling_lib.fits.tables import doubts, repeated_points, table_columns
from scaling_lib.fits.undetermined import Undetermined

__all__ = ["OBJECTIVES", "Fit", "fit", "fit_paper_procedure"]

# Correlation of log N and log D from which they are one variable: 1 - r^2 is a twentieth squared.
_LINE = (1 - 0.05**2) ** 0.5


@checked
@dataclass(frozen=True, eq=False)
class Fit(Estimate):
    """A fitted law; `fit` makes one. Its fields and their errors: `estimates.Estimate`.

    Here is what it says of itself: what the points determine, what is to be doubted, the curve with its band.
    """

    # Identifiability -------------------------------------------------------------------------------------------------

    @property
    def at_bound(self) -> tuple[str, ...]:
        """Exponents, rates, shifts and breaks that ended on a limit: the data do not determine them."""
        lower, upper = self.problem.bounds
        names = [(name, self.law.parameters.index(name)) for name in self.problem.limits]
        return tuple(name for name, i in names if not lower[i] < self.theta[i] < upper[i])

    @cached_property
    def offset_identified(self) -> bool:
        """Whether E = 0 is excluded at 95 %, by the rise of the objective when E is pinned there. True where E is not
        fitted; False where no error can be estimated."""
        if "E" not in self.law.free:
            return True
        if self.theta[0] <= self.problem.offset_floor or self.degrees_of_freedom < 1 or len(self.law.free) == 1:
            return False
        _, value, _ = replace(self.problem, law=self.law.pin(E=0.0)).search()
        if self.objective <= 1e-20 * max(value, 1e-300):
            return True
        rise = self._units * (value - self.objective) * self._profile_scale("E")
        return bool(rise > stats.t.ppf(0.975, self.degrees_of_freedom) ** 2)

    @cached_property
    def effectively_constant(self) -> bool:
        """Whether a constant would do: the F test of all other free parameters together is not significant at 5 %, and
        the loss does not fall with any variable by rank either (1 %), which asks less of the points."""
        extra = len(self.law.free) - 1
        if self.degrees_of_freedom < 1 or extra < 1:
            return False
        weights = 1.0 if self.problem.weights is None else self.problem.weights
        y = self.problem.y
        delta = self.problem.delta
        rule = Rho(self.problem.logarithmic, delta)

        def cost(level: float) -> float:
            rho = np.abs(y - level) if self.problem.objective == "log-lad" else rule(y - level)
            return float(np.sum(weights * rho)) * (2 if delta is None and self.problem.objective != "log-lad" else 1)

        if y.min() == y.max():
            return True
        constant = optimize.minimize_scalar(cost, bounds=(y.min(), y.max()), method="bounded", options={"xatol": 1e-12})
        if self._noise <= 0 or not self._as_well(float(constant.fun), extra):
            return False
        ranked = [stats.spearmanr(column, y) for column in self.problem.columns.values()]
        return not any(ranks.statistic < 0 and ranks.pvalue < 0.01 for ranks in ranked)

    def _as_well(self, objective: float, saved: int) -> bool:
        """Whether a fit of this objective, with `saved` parameters less, is not significantly worse at 5 % (F)."""
        gain = self._units * (objective - self.objective)
        if self._noise <= 0 or self.objective <= self._rounding:
            return gain <= self._units * self._rounding
        return bool(gain / self._noise / saved < stats.f.ppf(0.95, saved, self.degrees_of_freedom))

    @property
    def _rounding(self) -> float:
        """Residuals of single precision or less: below this objective the data are the law, and there is no noise."""
        size = 1.0 if self.problem.logarithmic else float(np.mean(self.problem.loss))
        return self.n * (1e-9 * size) ** 2

    @cached_property
    def undetermined(self) -> dict[str, Undetermined]:
        """Free parameters that the points cannot tell, each with the reason and with what they do tell.

        Whatever value such a parameter has here is one of many that fit as well: it has no interval, and no plan may
        rest on it. Beside those that ended on a bound: all of them, without degrees of freedom; all but E, where a
        constant fits as well; the powers of N and D, where one of them alone fits as well or where they can change
        places (`solver.identification`).
        """
        names = self.law.free
        if self.degrees_of_freedom < 1:
            reason = f"there are as many free parameters as points ({self.n})"
            return dict.fromkeys(names, Undetermined(reason))
        if self.effectively_constant:
            reason = "a constant fits as well: only the mean loss is determined"
            return {name: Undetermined(reason) for name in names if name != "E" or len(names) == 1}
        reasons: dict[str, str] = {}
        if {"N", "D"} == set(self.law.variables):
            reasons = {name: reason for name, reason in self._confounded.items() if name in names}
        for name in self.at_bound:
            reasons.setdefault(name, "it ended on a bound of its range")
        return {name: Undetermined(reason) for name, reason in reasons.items()}

    @cached_property
    def _confounded(self) -> dict[str, str]:
        """Parameters of the powers of N and D that the other power can stand for, with the reason."""
        powers = {"N": ("A", self.law.exponents[0]), "D": ("B", self.law.exponents[-1])}
        alone = {name: self._as_well(*fit) for name, fit in without_a_power(self.problem).items()}
        N, D = (self.problem.columns[name] for name in ("N", "D"))
        together = f"D / N stays between {(D / N).min():.3g} and {(D / N).max():.3g}"
        if len(alone) == 2 and (all(alone.values()) or _on_a_line(np.log(N), np.log(D))):
            y, ranks = self.problem.y, stats.spearmanr
            if not any(ranks(column, y).statistic < 0 for column in (N, D)):
                return dict.fromkeys((*powers["N"], *powers["D"]), "the loss falls neither with N nor with D")
            reason = (
                f"N and D rise together ({together}), so that a power of N can stand for one of D: only their sum is "
                f"determined, the loss along these points"
            )
            return dict.fromkeys((*powers["N"], *powers["D"]), reason)
        for name, other in (("N", "D"), ("D", "N")):
            if alone.get(name):
                return dict.fromkeys(
                    powers[other], f"a power of {name} alone fits as well: no dependence on {other} is visible"
                )
        exchange = exchanged(self.problem, self.params)
        if exchange is not None and self._as_well(exchange.objective, 1):
            reason = (
                f"the powers of N and D can change places and fit as well ({together}): only their sum is determined, "
                f"the loss along these points"
            )
            return dict.fromkeys((*powers["N"], *powers["D"]), reason)
        return {}

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """Everything a reader should know before quoting this fit, one sentence each."""
        columns = {**self.others, **self.problem.columns}
        table = {**columns, "loss": self.problem.loss}
        said = [doubt.sentence for doubt in doubts(table, derived=self.derived, declared=self.declared)]
        rows, points = repeated_points(columns, self.law.variables)
        if points < rows:
            said.append(
                f"{rows} rows hold {points} distinct points ({', '.join(self.law.variables)}) and count as "
                f"independent: of a grid over learning rates keep the best of each point, of seeds the mean "
                f"(--best, --mean)."
            )
        if not self.converged:
            said.append("The search did not converge: treat every number as provisional.")
        if self.degrees_of_freedom < 1:
            said.append(f"There are as many parameters as points ({self.n}): no error can be estimated.")
        for name in self.at_bound:
            i = self.law.parameters.index(name)
            side = "lower" if self.theta[i] <= self.problem.bounds[0][i] else "upper"
            said.append(f"{name} ended on its {side} bound {self.params[name]:g}: the data do not determine it.")
        if self.effectively_constant:
            said.append("A constant fits as well: no dependence is visible in this table.")
        elif self.degrees_of_freedom > 0:
            bounds = self.at_bound
            by_reason: dict[str, list[str]] = {}
            for name, outcome in self.undetermined.items():
                if name not in bounds:
                    by_reason.setdefault(outcome.reason, []).append(name)
            said += [f"{', '.join(names)} undetermined: {reason}." for reason, names in by_reason.items()]
        if not self.offset_identified:
            said.append("E is not identified: E = 0 fits as well at 95 %, and the exponents lean on it.")
        return tuple(said)

    # Use -------------------------------------------------------------------------------------------------------------

    @checked
    def predict(self, *, level: Share = 0.95, **variables: Any) -> pd.DataFrame:
        """A table of the variables, loss, low, high: Wald-t interval of the curve L(x), not of a new run's loss.

        Keywords: one for each of `law.variables`, numbers or arrays of one length. NaN ends without freedom.
        """
        loss = np.atleast_1d(self.law.loss(self.params, **variables))
        if loss.ndim > 1:
            name = max(variables, key=lambda name: np.ndim(variables[name]))
            raise invalid(name, "a number or a one-dimensional array", variables[name], "flatten it")
        points = {name: np.broadcast_to(np.asarray(variables[name], float), loss.shape) for name in self.law.variables}
        slope = self.problem.slopes(self.theta, points)
        error = np.sqrt(np.einsum("np,pq,nq->n", slope, self._covariances[1], slope))
        reach = stats.t.ppf(0.5 + level / 2, max(self.degrees_of_freedom, 1)) * error
        if self.problem.logarithmic:
            low, high = loss * np.exp(-reach), loss * np.exp(reach)
        else:
            low, high = loss - reach, loss + reach
        return pd.DataFrame({**points, "loss": loss, "low": low, "high": high})

    def summary(self) -> pd.DataFrame:
        """One row per parameter: value, standard error, 95 % Wald-t interval (`intervals` has better ones), note."""
        quantile = stats.t.ppf(0.975, max(self.degrees_of_freedom, 1))
        lines = []
        for name in self.law.parameters:
            value, error = self.params[name], self.standard_errors[name]
            pinned = name in self.law.fixed
            note = "pinned" if pinned else "at bound" if name in self.at_bound else ""
            if name == "E" and not self.offset_identified:
                note = "not identified"
            reach = np.nan if pinned else quantile * error
            lines.append((name, value, np.nan if pinned else error, value - reach, value + reach, note))
        return pd.DataFrame(lines, columns=["parameter", "value", "se", "low", "high", "note"]).set_index("parameter")

    def __repr__(self) -> str:
        values = ", ".join(f"{name} {value:.6g}" for name, value in self.params.items())
        return f"Fit({self.law.formula}; {values}; {self.problem.objective} {self.objective:.9g}, n {self.n})"

    def _repr_html_(self) -> str:
        delta = "" if self.problem.delta is None else f" (delta {self.problem.delta:.4g})"
        state = "converged" if self.converged else "<b>not converged</b>"
        head = (
            f"{escape(self.law.formula)} &middot; {self.problem.objective}{delta} = {self.objective:.9g} "
            f"&middot; n = {self.n} &middot; {state}"
        )
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.warnings)
        return f"<p>{head}</p>{self.summary().to_html(float_format='{:.6g}'.format)}" + f"<ul>{notes}</ul>" * bool(
            notes
        )


AnyFit = Annotated[Fit, Remedy("make one with fitting.fit")]


def fit(
    law: Law,
    table: Any,
    *,
    objective: str = "log-huber",
    delta: float | None = None,
    weights: Float[np.ndarray, " points"] | None = None,
) -> Fit:
    """Fit `law` to a table with columns N, D, C, loss as the law needs (a DataFrame or a mapping of arrays).

    objective: one of OBJECTIVES. delta: Huber's threshold in the residuals' units; by default 1e-3 (log-huber) or
    1.4826 MAD(L) (huber). weights: one per point, >= 0. No start is asked for. Raises InvalidArgument, in one sentence,
    for a table that cannot be fitted; doubts are in `Fit.warnings`.

    >>> import numpy as np
    >>> D = np.geomspace(1e5, 1e8, 7)
    >>> fitted = fit(PowerLaw(variable="D"), {"D": D, "loss": 2.0 + 50 * D**-0.4})
    >>> round(fitted.params["beta"], 6)
    0.4
    """
    problem = make_problem(law, *table_columns(law, table), objective, delta, weights)
    _refuse_high_offset(problem)
    theta, value, converged = problem.search()
    params = dict(zip(law.parameters, problem.natural(theta[None])[0].tolist(), strict=True))
    return Fit(problem, theta, params, value, converged, *_units(law, table))


def _refuse_high_offset(problem: Problem) -> None:
    """A known E must lie below every loss: what is left above it is a sum of positive powers."""
    offset, smallest = problem.law.fixed.get("E", 0.0), float(problem.loss.min())
    if offset >= smallest:
        raise invalid("law", f"one whose E lies below every loss, of which the smallest is {smallest:.6g}",
                      f"E = {offset:g}", "pin E lower, leave it free, or mend that loss")  # fmt: skip


def _on_a_line(x: np.ndarray, z: np.ndarray) -> bool:
    """Whether points (x, z) rise along a line, to within a twentieth of their spread."""
    return bool(np.ptp(x) > 0 < np.ptp(z) and np.corrcoef(x, z)[0, 1] > _LINE)


def _units(law: Law, table: Any) -> tuple[dict[str, np.ndarray], tuple[str, ...], tuple[str, ...]]:
    """What `Fit` keeps of the table for judging its units: others, derived, declared."""
    others = {name: np.asarray(table[name]) for name in ("N", "D", "C") if name in table and name not in law.variables}
    attributes = getattr(table, "attrs", {})
    derived = {*attributes.get("derived", ()), *(name for name in law.variables if name not in table)}
    return others, tuple(sorted(derived)), tuple(attributes.get("declared", ()))


@checked
def fit_paper_procedure(
    law: Annotated[PowerLaw, Remedy("the paper's procedure is for PowerLaw(); use fit for other laws")],
    table: Any,
    generator: Generator,
    *,
    objective: Annotated[str, Choice(("huber", "ols", "log-huber", "log-ols"))] = "huber",
    delta: Annotated[float | None, BY_HAND] = None,
    starts: Count = 40,
) -> Fit:
    """The paper's appendix B as written: y = E + A (x / x0)^-beta with x0 = median(x), coordinates (E, log A, log
    beta), bounded trust-region-reflective least squares from `starts` starts, the least cost kept.

    Starts: E0 at quantiles of L with (A, beta) from a log-linear fit of log(L - E0) where L > E0, the second half at
    random. The paper does not give its bounds; ours are 0 <= E <= max L and EXPONENT_RANGE. The objective is huber
    (the paper's), ols, log-ols or log-huber. Raises InvalidArgument.
    """
    if law.coefficient in law.fixed:
        raise invalid("law", f"one whose {law.coefficient} is free", law.formula, "use fit, which can pin it")
    problem = make_problem(law, *table_columns(law, table), objective, delta, None)
    _refuse_high_offset(problem)
    natural, cost, converged = trust_region(problem, generator, starts)
    params = dict(zip(law.parameters, natural.tolist(), strict=True)) | law.fixed
    value = cost * (2.0 if problem.delta is None else 1.0)
    return Fit(problem, problem.coordinates(params), params, value, converged, *_units(law, table))
