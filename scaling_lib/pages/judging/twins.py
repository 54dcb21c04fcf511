"""The studies of twins, judged: what each rule of `sources/twins.toml` computes from the tables of their runs.

A table is one of the experiments of `runs.sweeping.twins`. Every rule

    leaves out        seeds from 900 on (the pilot's), and nothing else
    asks for          every seed of the study at every point and learning rate that it uses (`SEEDS`); with fewer the
                      row is undetermined, and without any table it is not run
    stops             when the grid is complete; nothing is added after a look at the outcome
    is undetermined   where the chosen learning rate is the smallest or largest that was tried (a size may be left out
                      for this, see `_size_slope`), where the slope within a branch of the seeds and that of their mean
                      differ by more than .05, where the scatter of the seeds rejects a fitted line, where the power is
                      below .8, and where the row would be *reproduced* by an interval longer than 1.2 margins

There are two estimands: at the fixed learning rate of `RATE`, which every point has, and at the selected one, chosen
on half of the seeds and scored on the other half, both ways. Losses are means over seeds of ln(excess loss), the excess
over the exact entropy rate. A *mean exponent* between two S is ln(ratio of the excess losses) / ln(ratio of the S): it
rests on no fitted law. F is the excess loss over what counting on the known edges is expected to have, (2E - n) / (2D):
the runs have 100 observations and more of every parameter, where the next term of the expansion is below a per cent.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
import pandas as pd
from scipy import stats

from scaling_lib.arguments import BY_HAND, checked
from scaling_lib.errors import invalid
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import PowerLaw
from scaling_lib.fits.seeds import SeedMean, Slope, branched_slope, lack_of_fit, seed_means, slope
from scaling_lib.fits.seeds.mixtures import FEWEST_SEEDS
from scaling_lib.fits.seeds.scatter import LackOfFit
from scaling_lib.fits.seeds.slopes import smooth_variances
from scaling_lib.fits.uncertainty.likelihoods import RIVALS, compare_likelihoods
from scaling_lib.fits.undetermined import Undetermined, first_undetermined
from scaling_lib.pages.judging.ledger import ledger
from scaling_lib.pages.judging.measured import Measured, Outcome, Tables, Undecided
from scaling_lib.runs.keeping.measurements import last_value, measurements_from_json
from scaling_lib.runs.keeping.tables import check_runs

__all__ = ["CORNER_STEPS", "RATE", "SEEDS", "TWIN_QUANTITIES", "corner_forecast", "pilot_rates"]

# The learning rate of the first estimand.
RATE = 0.5
# Seeds that a rule asks for at every point, by experiment; those from PILOT on are never judged.
SEEDS = MappingProxyType(
    {"twins-size": 6, "twins-beta": 12, "twins-beta-short": 24, "twins-labels": 12}
    | {"twins-degree": 6, "twins-corner": 3}
)
PILOT = 900
# Steps S of the studies of 6 seeds, of the study of beta, and of the corner.
SHORT = (400, 800, 1600)
MORE_SEEDS = (400, 800)
WHOLE = (400, 800, 1600, 3200, 6400)
CORNER_STEPS = (400, 800, 1600, 3200)
SIZES = (50, 100, 200, 400)
MOST_APART = 0.05
FEWEST_SIZES = 3
LONGEST = 1.2  # margins, of an interval that reproduces
_POINT = ["nodes", "edges", "optimizer_steps", "D"]
_NEEDED = ("identity", "rules", "status", "seed", "learning_rate", "excess_loss", "entropy_rate", "D")

Quantity = Callable[[Tables], Outcome]


class _Forbids(Exception):
    """Why a row is undetermined."""


def _forbid(reason: Undetermined | None) -> None:
    if reason is not None:
        raise _Forbids(reason.reason)


# ---------------------------------------------------------------------- tables and points


def _study(tables: Tables, name: str) -> pd.DataFrame | None:
    """The study's runs with the columns nodes and edges, the pilot's seeds left out; None where there are none."""
    runs = tables(name)
    if runs is None or runs.empty:
        return None
    check_runs(name, runs, (*_NEEDED, "configuration", "optimizer_steps"))
    runs = runs[runs["seed"] < PILOT]
    if runs.empty:
        return None
    graphs = [dict(json.loads(text)["source"]["parameters"]) for text in runs["configuration"]]
    return runs.assign(nodes=[graph["nodes"] for graph in graphs], edges=[graph["edges"] for graph in graphs])


def _points(
    runs: pd.DataFrame,
    study: str,
    steps: Sequence[int],
    rate: float | None,
    *,
    column: str = "excess_loss",
    asked: int = 0,
) -> list[SeedMean]:
    """The points at these S, at a fixed rate or (None) at the selected one, with `column` as the loss."""
    used = runs[runs["optimizer_steps"].isin(steps)]
    if rate is not None:
        used = used[np.isclose(used["learning_rate"], rate)]
    asked = asked or SEEDS[study]
    counts = used.groupby([*_POINT, "learning_rate"])["seed"].nunique()
    if set(used["optimizer_steps"]) != set(steps) or counts.min() < asked:
        raise _Forbids(f"there are fewer runs than the rule asks for, {asked} seeds at every point")
    values = used[column].where(used["status"] == "ok")
    if values[used["status"] == "ok"].isna().any():
        raise _Forbids(f"{column} was not measured in every run")
    return list(seed_means(used.assign(excess_loss=values), _POINT, rate=rate, crossfit=rate is None))


def _judged(study: Sequence[str], compute: Callable[..., tuple[float, float, float, float | None]]) -> Quantity:
    """A quantity from `compute`, which takes the studies' tables and gives value, low, high and degrees of freedom."""

    def quantity(tables: Tables) -> Outcome:
        parts = [_study(tables, name) for name in study]
        if any(part is None for part in parts):
            return None
        whole = pd.concat([part for part in parts if part is not None])
        behind = tuple(whole["identity"]), tuple(sorted(set(whole["rules"])))
        try:
            value, low, high, freedom = compute(*parts)
        except _Forbids as reason:
            return Undecided(str(reason), *behind)
        return Measured(value, low, high, *behind, freedom)

    return quantity


def _short_enough(name: str, quantity: Quantity) -> Quantity:
    """Undecided instead of *reproduced* where the interval is longer than LONGEST margins of the claim."""

    def judged(tables: Tables) -> Outcome:
        outcome = quantity(tables)
        if not isinstance(outcome, Measured):
            return outcome
        claim = next(claim for claim in ledger() if claim.quantity == name)
        low, high = claim.band
        inside = low <= outcome.low and outcome.high <= high
        if inside and claim.margin is not None and outcome.high - outcome.low > LONGEST * claim.margin:
            reason = f"the interval is longer than {LONGEST:g} margins, too long to reproduce anything"
            return Undecided(reason, outcome.runs, outcome.rules)
        return outcome

    return judged


def _of_slope(line: Slope, sign: float = 1.0) -> tuple[float, float, float, float]:
    low, high = sorted((sign * line.low, sign * line.high))
    return sign * line.estimate, low, high, line.freedom


def _agreed(points: list[SeedMean], variable: str, groups: Any = (), *, rejection: float | None = 0.05) -> Slope:
    line = branched_slope(points, variable, groups=groups, rejection=rejection, most_apart=MOST_APART).agreed
    if isinstance(line, Undetermined):
        raise _Forbids(line.reason)
    return line


def _student(values: np.ndarray) -> tuple[float, float, float, float]:
    freedom = len(values) - 1
    half = float(stats.t.ppf(0.975, freedom) * values.std(ddof=1) / np.sqrt(len(values)))
    return float(values.mean()), float(values.mean()) - half, float(values.mean()) + half, freedom


def _welch(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float, float]:
    """Mean of `first` less that of `second`, independent, with Welch's interval."""
    parts = np.array([values.var(ddof=1) / len(values) for values in (first, second)])
    freedom = float(parts.sum() ** 2 / (parts**2 / [len(first) - 1, len(second) - 1]).sum())
    half = float(stats.t.ppf(0.975, freedom) * np.sqrt(parts.sum()))
    value = float(first.mean() - second.mean())
    return value, value - half, value + half, freedom


def _logs(points: list[SeedMean]) -> np.ndarray:
    """(points, seeds): ln of the loss, every seed at every point."""
    _forbid(first_undetermined(point.log_excess for point in points))
    if len({point.seeds for point in points}) > 1:
        raise _Forbids("not every seed is there at every point")
    return np.array([point.logs for point in points])


def _one_branch(points: list[SeedMean]) -> None:
    """Forbids a level that is a mean over two branches: of several S they are looked for in all points together.

    Points of fewer than six seeds cannot show two branches, and forbid nothing.
    """
    if min(point.seeds for point in points) < FEWEST_SEEDS:
        return
    if len({point.at["D"] for point in points}) > 1:
        together = branched_slope(points, "D", rejection=None).within
        if isinstance(together, Undetermined):
            raise _Forbids(together.reason)
        two = together is not None
    else:
        two = any(split.two for split in (point.branches for point in points) if not isinstance(split, Undetermined))
    if two:
        raise _Forbids("the seeds fall into two branches, so that a level would be a mean over both")


def _factor(point: SeedMean) -> float:
    """ln of what counting on the known edges has in excess."""
    return float(np.log((2 * point.at["edges"] - point.at["nodes"]) / (2 * point.at["D"])))


# ---------------------------------------------------------------------- the rules


def _size_slope(runs: pd.DataFrame, *, rate: float | None, steps: Sequence[int] = SHORT) -> tuple:
    """d ln(excess) / d ln(n) at equal degree, visits a step and steps, a constant for each S.

    Points with the selected rate at an end are left out, as long as three sizes stay at every S. Without n = 50, where
    a walk is as long as the graph is large, the slope must be the same to .05.
    """
    points = _points(runs, "twins-size", steps, rate)
    kept = [point for point in points if point.doubt is None]
    for step in steps:
        here = {point.at["nodes"] for point in kept if point.at["optimizer_steps"] == step}
        if len(here) < FEWEST_SIZES:
            _forbid(first_undetermined(point.log_excess for point in points))
            raise _Forbids(f"fewer than {FEWEST_SIZES} sizes are left at {step} steps")
    line = _agreed(kept, "nodes", ("optimizer_steps",))
    larger = slope([p for p in kept if p.at["nodes"] > min(SIZES)], "nodes", groups="optimizer_steps", rejection=None)
    if isinstance(larger, Undetermined):
        raise _Forbids(larger.reason)
    if abs(larger.estimate - line.estimate) > MOST_APART:
        raise _Forbids(f"without n = {min(SIZES)} the slope differs by more than {MOST_APART:g}")
    return _of_slope(line)


def _mean_exponent(
    runs: pd.DataFrame, *, rate: float | None, first: int, last: int, column: str = "excess_loss"
) -> tuple:
    """The mean exponent of `column` between two S."""
    return _of_slope(_agreed(_points(runs, "twins-beta", (first, last), rate, column=column), "D"), -1.0)


def _known_floor(runs: pd.DataFrame, *, rate: float | None) -> tuple:
    """The exponent of the excess over all S, as a straight line that the seeds must not reject."""
    return _of_slope(_agreed(_points(runs, "twins-beta", WHOLE, rate), "D"), -1.0)


def _straightness(runs: pd.DataFrame, *, rate: float | None) -> tuple:
    """The mean exponent of the last two doublings of S less that of the first two: 0 for a power law."""
    logs = _logs(_points(runs, "twins-beta", (400, 1600, 6400), rate))
    contrast = (logs[0] - 2 * logs[1] + logs[2]) / np.log(4)
    points = [SeedMean({"D": 1.0}, contrast)]
    _one_branch(points)
    return _student(-contrast)


def _more_points(runs: pd.DataFrame, short: pd.DataFrame, steps: Sequence[int], rate: float | None) -> list[SeedMean]:
    """The points of twins-beta at these S, with the seeds of twins-beta-short besides where it has some."""
    few = [step for step in steps if step in MORE_SEEDS]
    asked = SEEDS["twins-beta"] + SEEDS["twins-beta-short"]
    points = _points(pd.concat([runs, short]), "twins-beta", few, rate, asked=asked)
    return points + _points(runs, "twins-beta", [step for step in steps if step not in few], rate)


def _paper_procedure(runs: pd.DataFrame, short: pd.DataFrame, *, rate: float | None, steps: Sequence[int]) -> tuple:
    """beta of E + B D^-beta, all three free, by the paper's Huber objective through the means over seeds.

    The short runs have more seeds, because there the seeds scatter. The interval is that of the delta method: with g_i
    the derivative of beta by the mean of point i, from fits with that mean moved by its error both ways, the error is
    sum_i g_i^2 s_i^2 / n_i on the degrees of freedom of Satterthwaite.
    """
    points = _more_points(runs, short, steps, rate)
    _forbid(first_undetermined(point.log_excess for point in points))
    _agreed(points, "D", rejection=None)
    floor = float(pd.concat([runs, short]).drop_duplicates("seed")["entropy_rate"].mean())
    tokens = np.array([point.at["D"] for point in points])
    means = np.array([point.logs.mean() for point in points])
    errors = np.array([point.logs.std(ddof=1) / point.seeds**0.5 for point in points])

    def fitted(logs: np.ndarray) -> Any:
        return fit(PowerLaw(variable="D"), {"D": tokens, "loss": floor + np.exp(logs)}, objective="huber")

    whole = fitted(means)
    if len(points) > 3 and _law_rejected(points, tokens, floor):
        raise _Forbids("the points leave the paper's law by more than the scatter of the seeds explains")
    moved = [[fitted(means + sign * errors * one).params["beta"] for sign in (1, -1)] for one in np.eye(len(points))]
    shares = ((np.array(moved)[:, 0] - np.array(moved)[:, 1]) / 2) ** 2
    freedom = float(shares.sum() ** 2 / (shares**2 / [point.seeds - 1 for point in points]).sum())
    value, half = float(whole.params["beta"]), float(stats.t.ppf(0.975, freedom) * np.sqrt(shares.sum()))
    return value, value - half, value + half, freedom


def _law_rejected(points: list[SeedMean], tokens: np.ndarray, floor: float) -> bool:
    """Whether the seeds reject E + B D^-beta, fitted to the mean losses with the inverses of their variances."""
    counts = np.array([point.seeds for point in points])
    losses = [floor + np.exp(point.logs) for point in points]
    excess = np.array([loss.mean() for loss in losses]) - floor
    scatter = np.array([point.logs.var(ddof=1) for point in points])
    log_size = np.log(tokens) - np.log(tokens).mean()
    precision = 1 / (excess**2 * smooth_variances(log_size, scatter, counts - 1))
    votes = counts * precision
    table = {"D": tokens, "loss": floor + excess}
    law = fit(PowerLaw(variable="D"), table, objective="log-ols", weights=votes / votes.mean())
    tested = lack_of_fit(losses, law.law.loss(law.params, D=tokens), 3, weights=precision)
    return isinstance(tested, LackOfFit) and tested.rejected(0.05)


def _pairs(tokens: pd.DataFrame, labels: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """ln(excess) with the exact law as the target less that with tokens, (S, seeds), and ln S.

    Paired by the seed, which fixes graph, weights and walks."""
    pair = [_points(part, study, SHORT, RATE) for part, study in ((labels, "twins-labels"), (tokens, "twins-beta"))]
    for points in pair:
        _one_branch(points)
    soft, hard = map(_logs, pair)
    if soft.shape != hard.shape or set(labels["seed"]) != set(tokens["seed"]):
        raise _Forbids("the two arms do not have the same seeds")
    return soft - hard, np.log(SHORT)


def _labels_level(tokens: pd.DataFrame, labels: pd.DataFrame) -> tuple:
    """Mean over S of ln(excess with exact targets / excess with tokens)."""
    return _student(_pairs(tokens, labels)[0].mean(axis=0))


def _labels_exponent(tokens: pd.DataFrame, labels: pd.DataFrame) -> tuple:
    """The exponent with exact targets less that with tokens: minus the slope of the paired difference in ln S."""
    ratio, size = _pairs(tokens, labels)
    centred = size - size.mean()
    return _student(-(centred @ ratio) / (centred @ centred))


def _log_factors(runs: pd.DataFrame, study: str, steps: Sequence[int]) -> np.ndarray:
    """(S, seeds): ln F at the fixed rate, of a table of one graph size. Raises what forbids a verdict."""
    points = _points(runs, study, steps, RATE)
    _one_branch(points)
    return _logs(points) - np.array([[_factor(point)] for point in points])


def _degree_level(sizes: pd.DataFrame, degrees: pd.DataFrame, *, edges: int) -> tuple:
    """ln F of another degree less that of degree 10, both at n = 100, each seed's mean over S."""
    other = _log_factors(degrees[degrees["edges"] == edges], "twins-degree", SHORT).mean(axis=0)
    ten = _log_factors(sizes[sizes["nodes"] == 100], "twins-size", SHORT).mean(axis=0)
    return _welch(other, ten)


def _corner_level(twin: pd.DataFrame, corner: pd.DataFrame, *, steps: Sequence[int]) -> tuple:
    """ln F of the paper's graph less that of its twin, each seed's mean over these S."""
    ours = _log_factors(corner, "twins-corner", steps).mean(axis=0)
    return _welch(ours, _log_factors(twin, "twins-beta", steps).mean(axis=0))


def _context_share(runs: pd.DataFrame, *, steps: int) -> tuple:
    """The part of the excess that depends on the context beyond the last node, as a share of it."""
    used = runs[(runs["optimizer_steps"] == steps) & np.isclose(runs["learning_rate"], RATE)]
    if used["seed"].nunique() < SEEDS["twins-beta"]:
        raise _Forbids("there are fewer runs than the rule asks for")
    if used["measurements"].isna().any():
        raise _Forbids("the context part was not measured in every run")
    parts = [last_value(measurements_from_json(text), "context") for text in used["measurements"]]
    if any(part is None for part in parts):
        raise _Forbids("the context part was not measured in every run")
    return _student(np.array(parts, float) / used["excess_loss"].to_numpy())


def _rivals(runs: pd.DataFrame, short: pd.DataFrame) -> tuple:
    """1 where the comparison of `uncertainty.likelihoods` singles the power law out, 0 where it singles out another.

    The last two S are held out."""
    points = _more_points(runs, short, WHOLE, RATE)
    _one_branch(points)
    laws = {name: RIVALS[name] for name in ("power", "shifted power", "stretched exponential")}
    laws["counting times a constant"] = PowerLaw(offset=0.0).pin(beta=1.0)
    compared = compare_likelihoods(points, "D", np.random.default_rng(0), laws=laws)
    decision = compared if isinstance(compared, Undetermined) else compared.decision
    if isinstance(decision, Undetermined):
        raise _Forbids(decision.reason)
    one = float(decision == "power")
    return one, one, one, None


# ---------------------------------------------------------------------- registered before the runs


@checked
def pilot_rates(pilot: Annotated[pd.DataFrame, BY_HAND]) -> dict[int, tuple[float, float, float]]:
    """The three learning rates of each S, from the pilot: half, once and twice the one at which the mean over its two
    seeds of ln(excess loss) is lowest. Where `RATE` is none of them, the grid has it besides. Raises InvalidArgument.
    """
    check_runs("pilot", pilot, ("optimizer_steps", "learning_rate", "seed", "excess_loss"))
    if (pilot["seed"] < PILOT).any():
        raise invalid("pilot", f"runs of seeds from {PILOT} on", sorted(set(pilot["seed"])), "pass twins-pilot")
    means = np.log(pilot["excess_loss"]).groupby([pilot["optimizer_steps"], pilot["learning_rate"]]).mean()
    best = means.groupby(level=0).idxmin()
    return {int(steps): (rate / 2, rate, 2 * rate) for steps, rate in best}


def corner_forecast(tables: Tables) -> pd.DataFrame | None:
    """What the twin forecasts for the paper's graph (ER 1K/5K, batch 100) at the fixed learning rate, registered before
    it runs: None without the twin's table.

    steps, tokens, log_factor (the twin's mean ln F), excess_loss (nats: F times what counting has on the paper's graph)
    and low, high: the band of the rule, the margin of .2 in ln F, widened by the twin's own 95 % interval and by the
    interval of the slope in ln n (`twins.size.fixed`, where it is determined) times ln(1000 / 100), added in squares.
    reason: why there is no number, else "". Raises InvalidArgument.
    """
    if not callable(tables):
        raise invalid("tables", "a function from experiment name to runs", tables, "pass recorded_or_none")
    twin = _study(tables, "twins-beta")
    if twin is None:
        return None
    size = TWIN_QUANTITIES["twins.size-fixed"](tables)
    reach = (size.high - size.low) / 2 * np.log(1000 / 100) if isinstance(size, Measured) else 0.0
    lines = []
    for steps in CORNER_STEPS:
        tokens = steps * 100 * 50
        try:
            value, low, high, _ = _student(_log_factors(twin, "twins-beta", (steps,))[0])
        except _Forbids as reason:
            lines.append({"steps": steps, "tokens": tokens, "reason": str(reason)})
            continue
        half = float(np.sqrt(0.2**2 + ((high - low) / 2) ** 2 + reach**2))
        counting = (2 * 5000 - 1000) / (2 * tokens)
        low, middle, high = (counting * np.exp(value + half * side) for side in (-1, 0, 1))
        line = {"steps": steps, "tokens": tokens, "log_factor": value, "excess_loss": middle, "low": low, "high": high}
        lines.append(line | {"reason": ""})
    return pd.DataFrame(lines)


# ---------------------------------------------------------------------- by name

_BETA, _SIZE, _LABELS = ("twins-beta",), ("twins-size",), ("twins-beta", "twins-labels")
_PAPER = ("twins-beta", "twins-beta-short")
_DEGREE, _CORNER = ("twins-size", "twins-degree"), ("twins-beta", "twins-corner")

_RULES: Mapping[str, tuple[Sequence[str], Callable[..., tuple]]] = {
    "size-fixed": (_SIZE, partial(_size_slope, rate=RATE)),
    "size-selected": (_SIZE, partial(_size_slope, rate=None)),
    "size-longest-fixed": (_SIZE, partial(_size_slope, rate=RATE, steps=SHORT[-1:])),
    "size-longest-selected": (_SIZE, partial(_size_slope, rate=None, steps=SHORT[-1:])),
    "beta-paper-fixed": (_PAPER, partial(_paper_procedure, rate=RATE, steps=WHOLE)),
    "beta-paper-fixed-early": (_PAPER, partial(_paper_procedure, rate=RATE, steps=WHOLE[:-1])),
    "beta-paper-fixed-late": (_PAPER, partial(_paper_procedure, rate=RATE, steps=WHOLE[1:])),
    "beta-paper-selected": (_PAPER, partial(_paper_procedure, rate=None, steps=WHOLE)),
    "beta-paper-selected-early": (_PAPER, partial(_paper_procedure, rate=None, steps=WHOLE[:-1])),
    "beta-paper-selected-late": (_PAPER, partial(_paper_procedure, rate=None, steps=WHOLE[1:])),
    "beta-line-fixed": (_BETA, partial(_known_floor, rate=RATE)),
    "beta-line-selected": (_BETA, partial(_known_floor, rate=None)),
    "beta-mean-fixed": (_BETA, partial(_mean_exponent, rate=RATE, first=800, last=6400)),
    "beta-mean-selected": (_BETA, partial(_mean_exponent, rate=None, first=800, last=6400)),
    "beta-straight-fixed": (_BETA, partial(_straightness, rate=RATE)),
    "leak": (_BETA, partial(_mean_exponent, rate=RATE, first=800, last=6400, column="leak")),
    "within": (_BETA, partial(_mean_exponent, rate=RATE, first=800, last=6400, column="within")),
    "context": (_BETA, partial(_context_share, steps=6400)),
    "rivals": (_PAPER, _rivals),
    "labels-level": (_LABELS, _labels_level),
    "labels-exponent": (_LABELS, _labels_exponent),
    "degree-5": (_DEGREE, partial(_degree_level, edges=250)),
    "degree-20": (_DEGREE, partial(_degree_level, edges=1000)),
    "corner": (_CORNER, partial(_corner_level, steps=CORNER_STEPS)),
} | {f"corner-{steps}": (_CORNER, partial(_corner_level, steps=(steps,))) for steps in CORNER_STEPS}

TWIN_QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        f"twins.{name}": _short_enough(f"twins.{name}", _judged(studies, compute))
        for name, (studies, compute) in _RULES.items()
    }
)
