"""The studies of twins, judged: what each rule of `sources/twins.toml` computes from the tables of their runs.

A table is one of the experiments of `runs.sweeping.studies.twins`. Every rule

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

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import PowerLaw
from scaling_lib.fits.seeds import LackOfFit, SeedMean, lack_of_fit, slope
from scaling_lib.fits.seeds.slopes import smooth_variances
from scaling_lib.fits.uncertainty.likelihoods import RIVALS, compare_likelihoods
from scaling_lib.fits.undetermined import Undetermined, first_undetermined
from scaling_lib.pages.judging.twins.studies import (
    CORNER_STEPS,
    FEWEST_SIZES,
    LABELS,
    MORE_SEEDS,
    MOST_APART,
    RATE,
    SEEDS,
    SHORT,
    SIZES,
    WHOLE,
    Forbids,
    Quantity,
    Rules,
    agreed,
    forbid,
    log_factors,
    logs_of,
    of_slope,
    one_branch,
    paired,
    quantities_of,
    student,
    study_points,
    welch,
)
from scaling_lib.runs.keeping.measurements import last_value, measurements_from_json

__all__ = ["TWIN_QUANTITIES"]

# ---------------------------------------------------------------------- the rules


def _size_slope(runs: pd.DataFrame, *, rate: float | None, steps: Sequence[int] = SHORT) -> tuple:
    """d ln(excess) / d ln(n) at equal degree, visits a step and steps, a constant for each S.

    Points with the selected rate at an end are left out, as long as three sizes stay at every S. Without n = 50, where
    a walk is as long as the graph is large, the slope must be the same to .05.
    """
    points = study_points(runs, "twins-size", steps, rate)
    if {point.at["nodes"] for point in points} != set(SIZES):
        raise Forbids("there are fewer runs than the rule asks for: a size is missing")
    kept = [point for point in points if point.doubt is None]
    for step in steps:
        here = {point.at["nodes"] for point in kept if point.at["optimizer_steps"] == step}
        if len(here) < FEWEST_SIZES:
            forbid(first_undetermined(point.log_excess for point in points))
            raise Forbids(f"fewer than {FEWEST_SIZES} sizes are left at {step} steps")
    line = agreed(kept, "nodes", ("optimizer_steps",))
    larger = slope([p for p in kept if p.at["nodes"] > min(SIZES)], "nodes", groups="optimizer_steps", rejection=None)
    if isinstance(larger, Undetermined):
        raise Forbids(larger.reason)
    if abs(larger.estimate - line.estimate) > MOST_APART:
        raise Forbids(f"without n = {min(SIZES)} the slope differs by more than {MOST_APART:g}")
    return of_slope(line)


def _mean_exponent(
    runs: pd.DataFrame, *, rate: float | None, first: int, last: int, column: str = "excess_loss"
) -> tuple:
    """The mean exponent of `column` between two S."""
    return of_slope(agreed(study_points(runs, "twins-beta", (first, last), rate, column=column), "D"), -1.0)


def _known_floor(runs: pd.DataFrame, *, rate: float | None) -> tuple:
    """The exponent of the excess over all S, as a straight line that the seeds must not reject."""
    return of_slope(agreed(study_points(runs, "twins-beta", WHOLE, rate), "D"), -1.0)


def _straightness(runs: pd.DataFrame, *, rate: float | None) -> tuple:
    """The mean exponent of the last two doublings of S less that of the first two: 0 for a power law."""
    logs = logs_of(study_points(runs, "twins-beta", (400, 1600, 6400), rate))
    contrast = (logs[0] - 2 * logs[1] + logs[2]) / np.log(4)
    points = [SeedMean({"D": 1.0}, contrast)]
    one_branch(points)
    return student(-contrast)


def _more_points(runs: pd.DataFrame, short: pd.DataFrame, steps: Sequence[int], rate: float | None) -> list[SeedMean]:
    """The points of twins-beta at these S, with the seeds of twins-beta-short besides where it has some."""
    few = [step for step in steps if step in MORE_SEEDS]
    asked = SEEDS["twins-beta"] + SEEDS["twins-beta-short"]
    points = study_points(pd.concat([runs, short]), "twins-beta", few, rate, asked=asked)
    return points + study_points(runs, "twins-beta", [step for step in steps if step not in few], rate)


def _paper_procedure(runs: pd.DataFrame, short: pd.DataFrame, *, rate: float | None, steps: Sequence[int]) -> tuple:
    """beta of E + B D^-beta, all three free, by the paper's Huber objective through the means over seeds.

    The short runs have more seeds, because there the seeds scatter. The interval is that of the delta method: with g_i
    the derivative of beta by the mean of point i, from fits with that mean moved by its error both ways, the error is
    sum_i g_i^2 s_i^2 / n_i on the degrees of freedom of Satterthwaite.
    """
    points = _more_points(runs, short, steps, rate)
    forbid(first_undetermined(point.log_excess for point in points))
    agreed(points, "D", rejection=None)
    floor = float(pd.concat([runs, short]).drop_duplicates("seed")["entropy_rate"].mean())
    tokens = np.array([point.at["D"] for point in points])
    means = np.array([point.logs.mean() for point in points])
    errors = np.array([point.logs.std(ddof=1) / point.seeds**0.5 for point in points])

    def fitted(logs: np.ndarray) -> Any:
        return fit(PowerLaw(variable="D"), {"D": tokens, "loss": floor + np.exp(logs)}, objective="huber")

    whole = fitted(means)
    if len(points) > 3 and _law_rejected(points, tokens, floor):
        raise Forbids("the points leave the paper's law by more than the scatter of the seeds explains")
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

    Paired by the seed, which fixes graph, weights and walks.
    """
    arms = (labels, "twins-labels"), (tokens, "twins-beta")
    first, second = ((runs, study_points(runs, study, LABELS, RATE)) for runs, study in arms)
    return paired(first, second), np.log(LABELS)


def _labels_level(tokens: pd.DataFrame, labels: pd.DataFrame) -> tuple:
    """Mean over S of ln(excess with exact targets / excess with tokens)."""
    return student(_pairs(tokens, labels)[0].mean(axis=0))


def _labels_exponent(tokens: pd.DataFrame, labels: pd.DataFrame) -> tuple:
    """The exponent with exact targets less that with tokens: minus the slope of the paired difference in ln S."""
    ratio, size = _pairs(tokens, labels)
    centred = size - size.mean()
    return student(-(centred @ ratio) / (centred @ centred))


def _degree_level(twin: pd.DataFrame, degrees: pd.DataFrame, *, edges: int) -> tuple:
    """ln F of another degree less that of degree 10, both at n = 100, each seed's mean over S."""
    other = log_factors(degrees[degrees["edges"] == edges], "twins-degree", SHORT).mean(axis=0)
    ten = log_factors(twin, "twins-beta", SHORT).mean(axis=0)
    return welch(other, ten)


def _corner_level(twin: pd.DataFrame, corner: pd.DataFrame, *, steps: Sequence[int]) -> tuple:
    """ln F of the paper's graph less that of its twin, each seed's mean over these S."""
    ours = log_factors(corner, "twins-corner", steps).mean(axis=0)
    return welch(ours, log_factors(twin, "twins-beta", steps).mean(axis=0))


def _context_share(runs: pd.DataFrame, *, steps: int) -> tuple:
    """The part of the excess that depends on the context beyond the last node, as a share of it."""
    used = runs[(runs["optimizer_steps"] == steps) & np.isclose(runs["learning_rate"], RATE)]
    if used["seed"].nunique() < SEEDS["twins-beta"]:
        raise Forbids("there are fewer runs than the rule asks for")
    if used["measurements"].isna().any():
        raise Forbids("the context part was not measured in every run")
    parts = [last_value(measurements_from_json(text), "context") for text in used["measurements"]]
    if any(part is None for part in parts):
        raise Forbids("the context part was not measured in every run")
    return student(np.array(parts, float) / used["excess_loss"].to_numpy())


def _rivals(runs: pd.DataFrame, short: pd.DataFrame) -> tuple:
    """1 where the comparison of `uncertainty.likelihoods` singles the power law out, 0 where it singles out another.

    The last two S are held out.
    """
    points = _more_points(runs, short, WHOLE, RATE)
    one_branch(points)
    laws = {name: RIVALS[name] for name in ("power", "shifted power", "stretched exponential")}
    laws["counting times a constant"] = PowerLaw(offset=0.0).pin(beta=1.0)
    compared = compare_likelihoods(points, "D", np.random.default_rng(0), laws=laws)
    decision = compared if isinstance(compared, Undetermined) else compared.decision
    if isinstance(decision, Undetermined):
        raise Forbids(decision.reason)
    one = float(decision == "power")
    return one, one, one, None


# ---------------------------------------------------------------------- by name

_BETA, _SIZE, _LABELS = ("twins-beta",), ("twins-size",), ("twins-beta", "twins-labels")
_PAPER = ("twins-beta", "twins-beta-short")
# With all three learning rates, for the selected one.
_BETA_RATES, _SIZE_RATES = (("twins-beta", "twins-beta-rates"),), (("twins-size", "twins-size-rates"),)
_PAPER_RATES = (*_BETA_RATES, "twins-beta-short")
_DEGREE, _CORNER = ("twins-beta", "twins-degree"), ("twins-beta", "twins-corner")

_RULES: Rules = {
    "size-fixed": (_SIZE, partial(_size_slope, rate=RATE)),
    "size-selected": (_SIZE_RATES, partial(_size_slope, rate=None)),
    "size-longest-fixed": (_SIZE, partial(_size_slope, rate=RATE, steps=SHORT[-1:])),
    "size-longest-selected": (_SIZE_RATES, partial(_size_slope, rate=None, steps=SHORT[-1:])),
    "beta-paper-fixed": (_PAPER, partial(_paper_procedure, rate=RATE, steps=WHOLE)),
    "beta-paper-fixed-early": (_PAPER, partial(_paper_procedure, rate=RATE, steps=WHOLE[:-1])),
    "beta-paper-fixed-late": (_PAPER, partial(_paper_procedure, rate=RATE, steps=WHOLE[1:])),
    "beta-paper-selected": (_PAPER_RATES, partial(_paper_procedure, rate=None, steps=WHOLE)),
    "beta-paper-selected-early": (_PAPER_RATES, partial(_paper_procedure, rate=None, steps=WHOLE[:-1])),
    "beta-paper-selected-late": (_PAPER_RATES, partial(_paper_procedure, rate=None, steps=WHOLE[1:])),
    "beta-line-fixed": (_BETA, partial(_known_floor, rate=RATE)),
    "beta-line-selected": (_BETA_RATES, partial(_known_floor, rate=None)),
    "beta-mean-fixed": (_BETA, partial(_mean_exponent, rate=RATE, first=800, last=6400)),
    "beta-mean-selected": (_BETA_RATES, partial(_mean_exponent, rate=None, first=800, last=6400)),
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

TWIN_QUANTITIES: Mapping[str, Quantity] = quantities_of("twins", _RULES)
