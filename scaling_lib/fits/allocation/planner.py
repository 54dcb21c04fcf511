"""A budget, in FLOPs, GPU-hours, money or energy, becomes a model size, a number of tokens and a loss with an interval.

    C = hours x 3600 x peak FLOP/s x utilization,    hours = money / price,    hours = energy / (watts x overhead)

The frontier is that of a published law, by name, or of the law fitted to a table of runs. Corrections:
`inference_aware` (Sardana et al. 2023: min 6 N D + 2 N D_inf at a given loss) and `repeated_data` (Muennighoff et al.
2023: repeated tokens and excess parameters lose value). Prices and hardware are a small dated table, hardware.toml,
that a user can replace.

Intervals hold the sampling error of the runs behind a law, nothing else: not the choice of law, of window or of
architecture, nor the extrapolation, which is given in decades of N, D and C beyond the runs. A table whose runs do not
determine how the loss depends on N and on D gets no plan.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import pandas as pd

from scaling_lib.arguments import BY_HAND, Generator, Integer, Positive, Real, Remedy, Share, checked
from scaling_lib.errors import InvalidArgument, check_choice, check_instance, check_text, invalid
from scaling_lib.fits.allocation.frontiers import Frontier
from scaling_lib.fits.allocation.hardware import Hardware, hardware_table
from scaling_lib.fits.allocation.inverse import inverse_intervals, inverse_plan
from scaling_lib.fits.allocation.literature import published
from scaling_lib.fits.allocation.routes import parametric
from scaling_lib.fits.fitting import Fit, fit
from scaling_lib.fits.laws import Chinchilla
from scaling_lib.fits.laws.published import published_law, published_names
from scaling_lib.fits.tables import doubts, read_table, table_columns
from scaling_lib.fits.uncertainty.intervals import profile_or_undetermined
from scaling_lib.fits.undetermined import Undetermined

__all__ = [
    "COST_UNITS",
    "UNITS",
    "Plan",
    "allocate",
    "allocate_inverse",
    "budget_cost",
    "budget_flops",
    "determined_law",
    "plan",
]

DEFAULT_LAW = "besiroglu"
# Share of peak that large training runs reach: 38 to 43 % on H100 for Llama 3 (arXiv 2407.21783).
UTILIZATION = 0.4
# Facility power over that of its computers: the average of the Uptime Institute's survey of 2023.
OVERHEAD = 1.58
# Beyond this factor outside the runs behind a law, a plan says that it extrapolates.
_FAR = 10.0
_PLANNED = ("N", "D", "loss", "tokens_per_parameter")
UNITS = {
    "N": "parameters",
    "D": "tokens",
    "loss": "nats per token",
    "tokens_per_parameter": "tokens per parameter",
    "flops": "FLOPs",
}
# Of what leaving the optimum costs.
COST_UNITS = {"overspent": "times the least compute for this loss", "lost": "nats above the lowest for this compute"}


_Machine = Annotated[str, BY_HAND]  # one of the table's names
_Utilization = Annotated[float, Real(above=0, maximum=1)]
_Overhead = Annotated[float, Real(minimum=1, maximum=100)]
_Machines = Annotated[Mapping[str, Hardware] | None, Remedy("make one with hardware_table(path)")]
# FLOPs, hours, dollars or kWh
_Budget = Annotated[float, Real(above=0, maximum=1e60)]
_OptionalAmount = Annotated[float | None, Real(above=0, maximum=1e60)]
_Resamples = Annotated[int, Integer(minimum=2, maximum=1_000_000)]


def _chosen(hardware: str, table: Mapping[str, Hardware] | None) -> Hardware:
    known = hardware_table() if table is None else table
    for name, entry in known.items():
        check_instance(f"table[{name!r}]", entry, Hardware, remedy="make one with hardware_table(path)")
    return known[check_choice("hardware", hardware, tuple(known))]


@checked
def budget_flops(
    *,
    flops: _Budget | None = None,
    gpu_hours: _Budget | None = None,
    money: _Budget | None = None,
    energy: _Budget | None = None,
    hardware: _Machine = "h100",
    utilization: _Utilization = UTILIZATION,
    overhead: _Overhead = OVERHEAD,
    table: _Machines = None,
) -> float:
    """A budget in FLOPs. Give one of flops, gpu_hours, money (US dollars, rented by the hour) and energy (kWh).

    hardware: a name in `table`, by default the package's `hardware_table()`. utilization: share of peak FLOP/s that is
    reached. overhead: facility power over the accelerators' rated power; hosts and network are not counted otherwise.
    Raises InvalidArgument.

    >>> f"{budget_flops(gpu_hours=1000):.3g}"
    '1.42e+21'
    """
    given = {"flops": flops, "gpu_hours": gpu_hours, "money": money, "energy": energy}
    named = {name: value for name, value in given.items() if value is not None}
    if len(named) != 1:
        raise InvalidArgument(
            f"flops, gpu_hours, money, energy must be one budget, got {sorted(named) or 'none'}: pass exactly one."
        )
    chosen = _chosen(hardware, table)
    ((name, amount),) = named.items()
    if name == "flops":
        return amount
    per_hour = {"gpu_hours": 1.0, "money": chosen.price_per_hour, "energy": chosen.watts / 1000 * overhead}[name]
    return amount / per_hour * 3600 * chosen.peak_flops * utilization


@checked
def budget_cost(
    flops: _Budget,
    *,
    hardware: _Machine = "h100",
    utilization: _Utilization = UTILIZATION,
    overhead: _Overhead = OVERHEAD,
    table: _Machines = None,
) -> dict[str, float]:
    """The inverse of `budget_flops`: the gpu_hours, money (US dollars) and energy (kWh) that `flops` take.

    hardware, utilization, overhead, table: as there. Raises InvalidArgument.

    >>> f"{budget_cost(budget_flops(gpu_hours=1000))['gpu_hours']:.0f} hours"
    '1000 hours'
    """
    chosen = _chosen(hardware, table)
    hours = flops / (3600 * chosen.peak_flops * utilization)
    return {
        "gpu_hours": hours,
        "money": hours * chosen.price_per_hour,
        "energy": hours * chosen.watts / 1000 * overhead,
    }


@checked
@dataclass(frozen=True)
class Plan:
    """N parameters on D tokens for `flops`, the expected loss (nats).

    interval: {"level", "N", "D", "loss", "tokens_per_parameter"}, each quantity as [low, high]; None where the law has
    no errors. law: which. warnings: what to know before acting on it.
    """

    N: Positive
    D: Positive
    loss: Positive
    interval: Annotated[Mapping[str, Any] | None, Remedy("pass None or what plan gives")]
    tokens_per_parameter: Positive
    flops: Positive
    law: str
    warnings: Annotated[tuple[str, ...], BY_HAND] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.warnings, tuple) or not all(isinstance(sentence, str) for sentence in self.warnings):
            raise invalid("warnings", "a tuple of sentences", self.warnings, "pass ()")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self) | {"warnings": list(self.warnings)}


@checked
def plan(
    flops: Positive,
    frontier: Annotated[Frontier, Remedy("make one with published or parametric")],
    *,
    level: Share = 0.95,
) -> Plan:
    """What `frontier` says at `flops`. Raises InvalidArgument.

    >>> planned = plan(5.76e23, published("hoffmann-rounded"))
    >>> f"{planned.N:.3g} parameters, {planned.tokens_per_parameter:.1f} tokens each"
    '3.22e+10 parameters, 92.6 tokens each'
    """
    row = frontier.predict(flops, level=level).iloc[0]
    interval = None
    if len(frontier.draws) > 1:
        ends = {name: [float(row[f"{name}_low"]), float(row[f"{name}_high"])] for name in _PLANNED}
        interval = {"level": float(level)} | ends
    N, D, loss, ratio = (float(row[name]) for name in _PLANNED)
    return Plan(N, D, loss, interval, ratio, flops, frontier.method, frontier.warnings)


@checked
def allocate(
    flops: Positive,
    generator: Generator,
    *,
    law: Annotated[str | None, BY_HAND] = None,
    table: Annotated[pd.DataFrame | Mapping[str, Any] | str | Path | None, BY_HAND] = None,
    columns: Annotated[Mapping[str, str] | None, BY_HAND] = None,
    level: Share = 0.95,
    resamples: _Resamples = 4000,
) -> dict[str, Any]:
    """What `scaling-lab allocate` prints: N, D, loss, interval, tokens_per_parameter, and flops, law, warnings, notes,
    extrapolation, units.

    law: a published law by name (`published_laws`), by default besiroglu. table: runs of one's own instead, a file or
    columns N, D, loss (columns: our name -> the file's): approach 3 by log-Huber. interval: as in `Plan`, and `method`,
    from the law's covariance or from `resamples` bootstraps of the table; None for laws without published errors.
    extrapolation: by how many decades N, D and C lie outside the runs, below zero for smaller ones; None where their
    range is not known. notes: on the law itself. Plain values throughout. Raises InvalidArgument, also for a table
    that determines no plan, and InvalidData.
    """
    source = _source(generator, law, table, columns, resamples)
    return _with_range(source.frontier, source.ranges, flops, level, source.method) | {"notes": source.notes}


@checked
def allocate_inverse(
    generator: Generator,
    *,
    N: _OptionalAmount = None,
    D: _OptionalAmount = None,
    tokens_per_parameter: _OptionalAmount = None,
    flops: _OptionalAmount = None,
    loss: _OptionalAmount = None,
    law: Annotated[str | None, BY_HAND] = None,
    table: Annotated[pd.DataFrame | Mapping[str, Any] | str | Path | None, BY_HAND] = None,
    columns: Annotated[Mapping[str, str] | None, BY_HAND] = None,
    level: Share = 0.95,
    resamples: _Resamples = 4000,
) -> dict[str, Any]:
    """What `scaling-lab plan` prints: the quantities of `inverse_plan`, their interval, and law, warnings, notes,
    extrapolation, units.

    N, D, tokens_per_parameter, flops, loss: what is given, as there. law, table, columns, level, resamples: as for
    `allocate`, and so are interval (of the same draws; with `unreachable`, see `inverse_intervals`) and extrapolation.
    Plain values throughout. Raises InvalidArgument and InvalidData.
    """
    source = _source(generator, law, table, columns, resamples)
    given = {"N": N, "D": D, "tokens_per_parameter": tokens_per_parameter, "flops": flops, "loss": loss}
    if source.frontier.parameters is None:
        raise invalid("law", "one that says L(N, D)", law, "this one is a frontier: ask allocate for a budget")
    planned: dict[str, Any] = asdict(inverse_plan(source.frontier.parameters, **given))
    interval = inverse_intervals(source.frontier, **given, level=level)
    warnings = list(source.frontier.warnings)
    if interval is not None:
        if interval["unreachable"]:
            warnings.append(
                f"In {interval['unreachable']:.1%} of the draws no plan reaches this loss: they count as infinitely "
                f"much, and an end that is missing lies beyond every plan."
            )
        interval = interval | {"method": source.method}
    outside, sentence = _outside(planned, source.ranges)
    if sentence:
        warnings.append(sentence)
    ends = {"interval": interval, "law": source.frontier.method, "warnings": warnings, "notes": source.notes}
    return planned | ends | {"extrapolation": outside, "units": UNITS | COST_UNITS}


@dataclass(frozen=True)
class _Source:
    """A frontier with draws, the ranges of the runs behind it, how its draws were made, what is known of its law."""

    frontier: Frontier
    ranges: Mapping[str, tuple[float, float] | None]
    method: str
    notes: list[str]


def _source(generator: Any, law: Any, table: Any, columns: Any, resamples: int) -> _Source:
    """The published law of a name, or the law of a table (columns: our name -> the file's)."""
    if law is not None and table is not None:
        raise invalid("law", "left out where a table is given", law, "pass one of the two")
    if table is None:
        if columns is not None:
            raise invalid("columns", "left out where no table is given", columns, "pass a table, too")
        name = DEFAULT_LAW if law is None else check_choice("law", law, published_names())
        frontier = published(name, generator, resamples=resamples)
        method = f"percentiles of {len(frontier.draws)} draws from the published covariance"
        # What is known of a published law is no warning about the plan.
        ranges = {"C": published_law(name).flops}
        return _Source(replace(frontier, warnings=()), ranges, method, list(frontier.warnings))
    runs = table
    if isinstance(table, str | Path):
        runs = read_table(_named_path(table), columns)
    elif columns is not None:
        raise invalid("columns", "left out where the table is no file", columns, "rename the columns of the table")
    fitted = determined_law(runs)
    N, D = (fitted.problem.columns[name] for name in ("N", "D"))
    spans = {name: (float(x.min()), float(x.max())) for name, x in (("N", N), ("D", D), ("C", 6 * N * D))}
    method = f"percentiles of {resamples} pairs bootstraps of the runs"
    return _Source(parametric(fitted, generator, resamples=resamples), spans, method, [])


@checked
def determined_law(table: Any) -> Fit:
    """Chinchilla's law fitted to runs (log-huber), for plans to rest on.

    table: columns N, D, loss. Raises InvalidArgument for columns that seem to be in other units, and for runs that do
    not determine how the loss depends on N and on D.
    """
    table_columns(Chinchilla(), table)  # units that differ from row to row are refused first: no factor mends them
    _refuse_doubtful(table)
    fitted = fit(Chinchilla(), table)
    _refuse_undetermined(fitted)
    return fitted


def _refuse_doubtful(table: Any) -> None:
    """No plan from columns that seem to be in other units, or to have each other's names."""
    for doubt in doubts(table):
        if doubt.grave:
            raise InvalidArgument(
                f"table must count parameters, tokens and nats, got what seems to be something else "
                f"({doubt.sentence.rstrip('.')}): convert it, or declare the units (--units)."
            )


def _refuse_undetermined(fitted: Fit) -> None:
    """No plan from a law whose two powers the runs cannot tell apart, or whose exponents could be anything."""
    for name in ("A", "B", "alpha", "beta"):
        if name in fitted.undetermined:
            raise InvalidArgument(
                f"table must determine how the loss depends on N and on D, got {fitted.n} runs that leave {name} "
                f"undetermined ({fitted.undetermined[name].reason}): add runs with other D for the same N."
            )
    for name in ("alpha", "beta"):
        outcome = profile_or_undetermined(fitted, name)
        if isinstance(outcome, Undetermined):
            raise InvalidArgument(
                f"table must determine how the loss depends on N and on D, got {fitted.n} runs that leave {name} "
                f"undetermined ({outcome.reason}): add runs with other D for the same N."
            )


def _named_path(table: str | Path) -> Path:
    path = Path(check_text("table", str(table)))
    if not path.is_file():
        raise invalid("table", "an existing file or columns N, D, loss", str(table), "check the spelling")
    return path


def _with_range(
    frontier: Frontier,
    sampled: Mapping[str, tuple[float, float] | None],
    flops: float,
    level: float,
    method: str,
) -> dict[str, Any]:
    """The plan as a dict, with its units, the kind of its intervals, and how far it lies from the runs (sampled: the
    range of N, D, C that they span, as far as it is known)."""
    planned = plan(flops, frontier, level=level).as_dict()
    if planned["interval"] is not None:
        planned["interval"] = {**planned["interval"], "method": method}
    outside, sentence = _outside(planned, sampled)
    if sentence:
        planned["warnings"].append(sentence)
    return planned | {"extrapolation": outside, "units": dict(UNITS)}


def _outside(
    planned: Mapping[str, Any], sampled: Mapping[str, tuple[float, float] | None]
) -> tuple[dict[str, float | None], str]:
    """Decades outside the runs for N, D and C (None: not known), and a warning for a budget far outside, or ""."""
    spans = {name: sampled.get(name) for name in ("N", "D", "C")}
    values = {"N": planned["N"], "D": planned["D"], "C": planned["flops"]}
    outside = {name: None if ends is None else _decades_outside(values[name], *ends) for name, ends in spans.items()}
    ends, flops = spans["C"], planned["flops"]
    if ends is None or ends[0] / _FAR <= flops <= ends[1] * _FAR:
        return outside, ""
    end = ends[1] if flops > ends[1] else ends[0]
    return outside, (
        f"The budget is a factor of {max(flops / end, end / flops):.2g} outside the runs behind this law, which "
        f"end at C = {end:.2g}: this is an extrapolation."
    )


def _decades_outside(value: float, low: float, high: float) -> float:
    """Decades that `value` lies above the range, below zero where it lies under it; 0 inside."""
    return math.log10(value / high) if value > high else math.log10(value / low) if value < low else 0.0
