"""A table of runs becomes one page: its doubts, fits of rival laws, intervals, windows, futures, a plan, how to cite.

Everything on the page is computed from the table when the report is made; nothing is asked of a network, and the page
is one file that asks for none either. What the runs do not determine is *undetermined* there too, with the reason.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Annotated, Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from scaling_lib.arguments import BY_HAND, Count, Integer, Positive, Remedy, checked
from scaling_lib.errors import ScalingLabError, invalid
from scaling_lib.fits.allocation import inverse_plan, planner
from scaling_lib.fits.fitting import Fit, fit
from scaling_lib.fits.forecasting.futures import leave_future_out, summarised_futures
from scaling_lib.fits.laws import Chinchilla, Exponential, Kaplan, PowerLaw, StretchedExponential
from scaling_lib.fits.laws.forms import AnyLaw, Law
from scaling_lib.fits.tables import table_columns
from scaling_lib.fits.uncertainty import intervals, resampling
from scaling_lib.fits.uncertainty.windows import compare_laws
from scaling_lib.pages.reporting.frames import fit_frame, interval_outcomes, plan_frame

__all__ = ["Report", "default_law", "report"]

# Of the budget that is planned for, where none is given: how many times the largest run.
_BEYOND = 10.0
# Sizes beside the compute-optimal one for which the plan says what they cost.
_OTHER_SIZES = (0.25, 0.5, 2.0, 4.0)


@checked
@dataclass(frozen=True, eq=False)
class Report:
    """What `report` found; `pages.reporting.page.report_html` writes it down.

    source: what the table is called. fitted: the fit. spans: a row for each column, with its range. rivals: laws
    against each other. parameters: estimates with profile intervals. bootstrap: the same by pairs bootstraps. windows:
    parameters fitted to parts of the runs. futures: every forecast; horizons: a row for each cut. plan, other_plans:
    tables; None where there is no plan, and `no_plan` says why. warnings, notes: sentences. facts: of the making, for
    the record.
    """

    source: str
    fitted: Annotated[Fit, Remedy("make one with fits.fitting.fit")]
    spans: Annotated[pd.DataFrame, BY_HAND]
    rivals: Annotated[pd.DataFrame | str, BY_HAND]
    parameters: Annotated[pd.DataFrame, BY_HAND]
    bootstrap: Annotated[pd.DataFrame | str, BY_HAND]
    windows: Annotated[pd.DataFrame | str, BY_HAND]
    futures: Annotated[pd.DataFrame | str, BY_HAND]
    horizons: Annotated[pd.DataFrame | str, BY_HAND]
    plan: Annotated[pd.DataFrame | None, BY_HAND]
    other_plans: Annotated[pd.DataFrame | None, BY_HAND]
    no_plan: Annotated[str, BY_HAND]
    warnings: Annotated[tuple[str, ...], BY_HAND]
    notes: Annotated[tuple[str, ...], BY_HAND]
    facts: Annotated[Mapping[str, Any], BY_HAND] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("spans", "parameters"):
            self._check(name, pd.DataFrame)
        for name in ("rivals", "bootstrap", "windows", "futures", "horizons"):
            self._check(name, pd.DataFrame, str)
        for name in ("plan", "other_plans"):
            self._check(name, pd.DataFrame, type(None))
        self._check("no_plan", str)
        for name in ("warnings", "notes"):
            self._check(name, tuple)
            if not all(isinstance(sentence, str) for sentence in getattr(self, name)):
                raise invalid(name, "a tuple of sentences", getattr(self, name), "make it with report")
        self._check("facts", Mapping)

    def _check(self, name: str, *kinds: type) -> None:
        if not isinstance(getattr(self, name), kinds):
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise invalid(name, f"a {wanted}", getattr(self, name), "make it with report")


@checked
def report(
    table: Annotated[pd.DataFrame, Remedy("make one with tables.read_table")],
    *,
    law: AnyLaw | None = None,
    source: str = "the table",
    objective: Annotated[str, BY_HAND] = "log-huber",
    flops: Positive | None = None,
    resamples: Annotated[int, Integer(minimum=2, maximum=10**6)] = 4000,
    cuts: Count = 6,
    seed: Annotated[int, Integer(minimum=0)] = 0,
    progress: bool = False,
) -> Report:
    """Everything that the page says of a table of runs.

    table: columns N, D, C, loss as the law needs. law: by default Chinchilla's where N and D both change, else a power
    law in what changes. source: the name of the table. objective: of the fit. flops: the budget to plan for, by default
    ten times the largest run. resamples: pairs bootstraps. cuts: of leave-future-out. seed: of everything that is
    drawn. A part that cannot be had says why in its place. Raises InvalidArgument for a table that cannot be fitted.
    """
    chosen = default_law(table) if law is None else law
    bar = tqdm(total=7, desc="report", disable=not progress, leave=False)

    def step(name: str) -> None:
        bar.set_description(f"report: {name}")
        bar.update()

    with bar:
        step("fit")
        fitted = fit(chosen, table, objective=objective)
        generator = np.random.default_rng(seed)
        step("rival laws")
        rivals = _or_reason(lambda: _rivals(chosen, table))
        step("profile intervals")
        parameters = fit_frame(fitted, interval_outcomes(fitted))
        step("bootstrap")
        bootstrap = _or_reason(lambda: _bootstrapped(fitted, generator, resamples))
        step("windows")
        windows = _or_reason(lambda: _windows(chosen, table, objective))
        step("leave-future-out")
        by = "C" if {"N", "D"} == set(chosen.variables) else chosen.variables[-1]
        futures = _or_reason(lambda: leave_future_out(chosen, table, by=by, cuts=cuts))
        horizons = futures if isinstance(futures, str) else summarised_futures(futures)
        step("plan")
        plan, others, why, notes = _planned(fitted, table, flops, generator)
    facts = {
        "scaling-lab": _version(),
        "law": fitted.law.formula,
        "objective": objective,
        "resamples": resamples,
        "seed": seed,
        "runs": fitted.n,
    }
    return Report(
        source=source,
        fitted=fitted,
        spans=_spans(fitted, table),
        rivals=rivals,
        parameters=parameters,
        bootstrap=bootstrap,
        windows=windows,
        futures=futures,
        horizons=horizons,
        plan=plan,
        other_plans=others,
        no_plan=why,
        warnings=fitted.warnings,
        notes=notes,
        facts=facts,
    )


def _or_reason(part: Callable[[], Any]) -> Any:
    """A part of the report, or the one sentence that says why there is none."""
    try:
        return part()
    except ScalingLabError as error:
        return str(error)


def _version() -> str:
    try:
        return metadata.version("scaling-lab")
    except metadata.PackageNotFoundError:
        return "from its sources"


@checked
def default_law(table: Annotated[pd.DataFrame, Remedy("make one with tables.read_table")]) -> Law:
    """Chinchilla's where N and D both change, else a power law in the one that does."""
    changing = [name for name in ("N", "D") if name in table and table[name].nunique() > 1]
    if len(changing) == 1:
        return PowerLaw(variable=changing[0])
    if not changing and "C" in table and not {"N", "D"} & set(table.columns):
        return PowerLaw(variable="C")
    return Chinchilla()


def _spans(fitted: Fit, table: pd.DataFrame) -> pd.DataFrame:
    """A row for each column that matters: its range, decades, and how many distinct values it has."""
    columns = {**fitted.others, **fitted.problem.columns, "loss": fitted.problem.loss}
    if {"N", "D"} <= columns.keys():
        columns["tokens per parameter"] = columns["D"] / columns["N"]
        columns.setdefault("C", 6 * columns["N"] * columns["D"])
    rows = []
    for name in ("N", "D", "C", "tokens per parameter", "loss"):
        if name in columns:
            low, high = float(np.min(columns[name])), float(np.max(columns[name]))
            rows.append(
                # Texts: numbers of one column would be rounded beside each other, tokens beside nats.
                {"column": name, "from": f"{low:.4g}", "to": f"{high:.4g}", "decades": f"{math.log10(high / low):.2f}"}
                | {"distinct values": len(np.unique(columns[name]))}
            )
    return pd.DataFrame(rows)


def _rivals(law: Law, table: pd.DataFrame) -> pd.DataFrame:
    """Laws of the same variables, fitted to the smaller runs and judged on the largest fifth."""
    if len(law.variables) == 2:
        named: dict[str, Law] = {
            "Chinchilla": Chinchilla(), "Chinchilla, alpha = beta": Chinchilla(tied_exponents=True),
            "Chinchilla, E = 0": Chinchilla(offset=0.0), "Kaplan": Kaplan(),
        }  # fmt: skip
    else:
        variable = law.variables[0]
        named = {
            "power": PowerLaw(variable=variable),
            "power, E = 0": PowerLaw(variable=variable, offset=0.0),
            "exponential": Exponential(variable=variable),
            "stretched exponential": StretchedExponential(variable=variable),
        }
    if law not in named.values():
        named = {"asked for": law} | named
    by = "C" if len(law.variables) == 2 and "C" in table else None
    judged = compare_laws(named, table, objective="log-ols", by=by)
    return pd.DataFrame(
        {
            "law": judged.index,
            "free parameters": judged["parameters"].to_numpy(),
            "error on the runs fitted": np.sqrt(judged["fit_mse"].to_numpy()),
            "error on the largest fifth": np.sqrt(judged["held_out_mse"].to_numpy()),
            "bias there": judged["held_out_bias"].to_numpy(),
        }
    )


def _bootstrapped(fitted: Fit, generator: np.random.Generator, resamples: int) -> pd.DataFrame:
    """Percentiles of pairs bootstraps, and the bias that they show."""
    draws = resampling.bootstrap(fitted, generator, resamples=resamples)
    rows = []
    for name in fitted.law.free:
        if name in fitted.undetermined:
            rows.append({"parameter": name, "standard error": "undetermined", "low": "", "high": "", "bias": ""})
            continue
        band, bias = intervals.percentile(draws[name]), intervals.bias(fitted.params[name], draws[name])
        numbers = (bias.standard_error, band.low, band.high, bias.bias)
        named = zip(("standard error", "low", "high", "bias"), (f"{number:.4g}" for number in numbers), strict=True)
        rows.append({"parameter": name} | dict(named))
    return pd.DataFrame(rows)


def _windows(law: Law, table: pd.DataFrame, objective: str) -> pd.DataFrame:
    """The law fitted to all runs, without the smallest third, without the largest third (of C, or of the variable).

    In brackets: the difference from all runs in its standard errors. Of one law with one noise the variance of the
    difference is that of the part less that of the whole (Hausman 1978). The noise is that of the part in both: where
    the law holds in the part alone, the misfit of the whole would hide what is looked for.
    """
    columns, loss = table_columns(law, table)
    place = 6 * columns["N"] * columns["D"] if len(columns) == 2 else next(iter(columns.values()))
    low, high = np.quantile(place, [1 / 3, 2 / 3])
    rows: list[dict[str, Any]] = []
    whole: Fit | None = None
    for name, inside in (
        ("all runs", np.ones(len(loss), bool)),
        ("without the smallest third", place >= low),
        ("without the largest third", place <= high),
    ):
        part = {key: column[inside] for key, column in columns.items()} | {"loss": loss[inside]}
        try:
            part_fit = fit(law, part, objective=objective)
        except ScalingLabError:
            rows.append({"window": name, "runs": int(inside.sum())} | dict.fromkeys(law.free, "too few runs"))
            continue
        whole = part_fit if whole is None else whole
        rows.append({"window": name, "runs": part_fit.n} | {key: _moved(part_fit, whole, key) for key in law.free})
    return pd.DataFrame(rows)


def _moved(part: Fit, whole: Fit, name: str) -> str:
    """A parameter of a part of the runs, and by how many standard errors it differs from that of the whole."""
    if name in part.undetermined:
        return "undetermined"
    value = f"{part.params[name]:.4g}"
    if part is whole or name in whole.undetermined:
        return value
    in_part, in_whole = (math.sqrt(np.sum(one.residuals**2) / max(one.degrees_of_freedom, 1)) for one in (part, whole))
    of_whole = whole.standard_errors[name] * in_part / in_whole if in_whole > 0 else math.nan
    variance = float(part.standard_errors[name] ** 2 - of_whole**2)
    if not variance > 0:
        return value
    return f"{value} ({(part.params[name] - whole.params[name]) / math.sqrt(variance):+.1f})"


def _planned(
    fitted: Fit, table: pd.DataFrame, flops: float | None, generator: np.random.Generator
) -> tuple[pd.DataFrame | None, pd.DataFrame | None, str, tuple[str, ...]]:
    """The plan, plans of other sizes, why there is none, notes."""
    if fitted.law.variables != ("N", "D"):
        return None, None, f"{fitted.law.formula} has one variable: a plan needs runs in which N and D both change.", ()
    columns = fitted.problem.columns
    budget = _BEYOND * float((6 * columns["N"] * columns["D"]).max()) if flops is None else flops
    try:
        payload = planner.allocate(budget, generator, table=table, resamples=1000)
    except ScalingLabError as error:
        return None, None, str(error), ()
    best = payload["N"]
    same = fitted.law == Chinchilla() and fitted.problem.objective == "log-huber"
    planned_by = fitted.params if same else fit(Chinchilla(), table).params
    others = []
    for factor in sorted((*_OTHER_SIZES, 1.0)):
        other = inverse_plan(planned_by, N=factor * best, flops=budget)
        others.append(
            {
                "size": "compute-optimal" if factor == 1 else f"{factor:g} times that",
                "N": other.N,
                "D": other.D,
                "tokens per parameter": other.tokens_per_parameter,
                "loss": other.loss,
                "compute over the cheapest of this loss": other.overspent,
            }
        )
    planned = plan_frame(payload)
    # The law is said above; and short names, so that the last column, how far beyond the runs, is seen.
    planned = planned[planned["quantity"] != "law"].replace(
        {"quantity": {"tokens_per_parameter": "D / N", "flops": "C"}}
    )
    return planned, pd.DataFrame(others), "", (*payload["notes"], *payload["warnings"])
