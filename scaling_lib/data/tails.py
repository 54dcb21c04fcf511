"""Is it a power law? A likelihood-ratio statement about degrees and ranks, in place of a look at a plot.

Degrees and ranks are integers with a largest possible value (n - 1 for a degree, the number of ranks for a rank), so
every law here lives on minimum .. maximum and is normalised by a finite sum. All four are exponential families,
p(x) = exp(theta . T(x) + b(x)) / Z(theta), whose likelihood is concave:

    power_law      T = ln x                      p ~ x^-g                   (g may be below 1: the support is finite)
    exponential    T = x                         p ~ e^(-r x)
    poisson        T = x, b = -ln x!             p ~ m^x / x!
    lognormal      T = (ln x, ln^2 x)            p ~ exp(a ln x - c ln^2 x), c >= 0

With R = sum ln(p_power(x) / p_other(x)) over n observations, each law at its best fit:

- exponential and poisson do not contain the power law: Vuong's (1989) statistic R / (sqrt(n) sd of the terms) is
  standard normal if both are equally far from the truth. Large and positive: the power law is nearer.
- lognormal contains it (c = 0), so R <= 0 always and says nothing by itself: if the power law is true, -2R is 0 or
  chi-squared with one degree of freedom, evenly (c lies on its bound). The lognormal can win; the power law can only
  fail to be rejected.

Clauset, Shalizi & Newman (2009) is the standard account; they let the tail begin where the power law fits best, which
is `best_minimum`. Ranks must come from the known probabilities, not from the sample that is then judged.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped
from scipy.special import gammaln, ndtr

from scaling_lib.errors import (
    InvalidArgument,
    check_array,
    check_choice,
    check_instance,
    check_integer,
    check_real,
    check_sequence,
    invalid,
)

__all__ = [
    "PowerLawVerdict",
    "TailComparison",
    "TailFit",
    "best_minimum",
    "compare_tails",
    "draw_ranks",
    "fit_tail",
    "judge_power_law",
]

FAMILIES = ("power_law", "exponential", "poisson", "lognormal")
ALTERNATIVES = FAMILIES[1:]
VERDICTS = ("yes", "no", "undecided", "on the edge")
# Processors agree on a Kolmogorov-Smirnov distance, and relatively on a p-value, far better than this. Distances that
# are closer are a tie; a verdict that a change of the level by this share would change is "on the edge".
TIE = 1e-9
EDGE = 1e-6
_WIDEST = 10**7


@dataclass(frozen=True, eq=False)
class TailFit:
    """A law fitted on minimum .. maximum.

    parameters: power_law (g,), exponential (r,), poisson (m,), lognormal (a, c), as in the module docstring.
    log_likelihood: nats, over all observations. log_probabilities: nats, at minimum, minimum + 1, ..., maximum.
    """

    family: str
    parameters: tuple[float, ...]
    log_likelihood: float
    log_probabilities: Float[np.ndarray, "value"] = field(repr=False)

    def __post_init__(self) -> None:
        check_choice("family", self.family, FAMILIES)
        check_sequence("parameters", self.parameters, float, remedy="take them from fit_tail")
        check_real("log_likelihood", self.log_likelihood)
        check_array("log_probabilities", self.log_probabilities, dimensions=1)


@dataclass(frozen=True)
class TailComparison:
    """The power law against one alternative, on the same observations.

    log_likelihood_ratio: R in nats, positive where the power law is nearer. statistic: Vuong's normalised ratio, or -2R
    for the lognormal. p_value: two-sided (lognormal: one-sided). favoured: "power_law", the alternative, or "neither"
    where p_value is not below the level asked for.
    """

    alternative: str
    observations: float
    log_likelihood_ratio: float
    statistic: float
    p_value: float
    favoured: str

    def __post_init__(self) -> None:
        check_choice("alternative", self.alternative, ALTERNATIVES)
        for name in ("observations", "log_likelihood_ratio", "statistic", "p_value"):
            check_real(name, getattr(self, name))
        check_choice("favoured", self.favoured, (*FAMILIES, "neither"))


@dataclass(frozen=True)
class PowerLawVerdict:
    """Whether observations follow a power law, by the rule of `judge_power_law`.

    verdict: "yes", "no", "undecided" or "on the edge". exponent: of the power law fitted on minimum and above.
    comparisons: of that power law with each alternative.
    """

    verdict: str
    exponent: float
    minimum: int
    comparisons: tuple[TailComparison, ...]

    def __post_init__(self) -> None:
        check_choice("verdict", self.verdict, VERDICTS)
        check_real("exponent", self.exponent)
        check_integer("minimum", self.minimum, minimum=1)
        check_sequence("comparisons", self.comparisons, TailComparison, remedy="take them from compare_tails")

    def ratio(self, alternative: str) -> float:
        """The log-likelihood ratio R against one alternative, in nats: positive where the power law is nearer."""
        check_choice("alternative", alternative, tuple(rival.alternative for rival in self.comparisons))
        return next(rival.log_likelihood_ratio for rival in self.comparisons if rival.alternative == alternative)


def fit_tail(
    values: Int[np.ndarray, "observation"],
    family: str,
    *,
    minimum: int,
    maximum: int,
    counts: Shaped[np.ndarray, "observation"] | None = None,
) -> TailFit:
    """The maximum-likelihood law of one family; values outside minimum .. maximum are left out.

    counts: how often each value was seen (a rank with its tokens); by default once.
    """
    grid, seen = _tail(values, counts, minimum, maximum)
    check_choice("family", family, FAMILIES)
    return _fit(grid, seen, family)


def compare_tails(
    values: Int[np.ndarray, "observation"],
    *,
    minimum: int,
    maximum: int,
    counts: Shaped[np.ndarray, "observation"] | None = None,
    level: float = 0.05,
) -> tuple[TailComparison, ...]:
    """The power law against each alternative. Arguments as in `fit_tail`; level: largest p_value that decides."""
    grid, seen = _tail(values, counts, minimum, maximum)
    level = check_real("level", level, above=0, below=1)
    power, total = _fit(grid, seen, "power_law"), float(seen.sum())
    return tuple(_compare(power, _fit(grid, seen, family), seen, total, level) for family in ALTERNATIVES)


def best_minimum(
    values: Int[np.ndarray, "observation"],
    *,
    maximum: int,
    counts: Shaped[np.ndarray, "observation"] | None = None,
    share: float = 0.1,
) -> int:
    """Where the power law's tail begins: the minimum with the least Kolmogorov-Smirnov distance.

    share: of the observations that must remain (a few dozen in a far tail could be anything). At most 200 candidates,
    evenly spaced among the values seen, are tried; of those that fit equally well (to `TIE`), the smallest.
    This gives the power law its best chance: what is then rejected is rejected where it fitted best.
    """
    share = check_real("share", share, above=0, maximum=1)
    grid, seen = _tail(values, counts, 1, maximum)
    remaining = np.cumsum(seen[::-1])[::-1]
    present = np.flatnonzero(seen)
    candidates = present[remaining[present] >= share * remaining[0]]
    candidates = candidates[candidates < present[-1]]  # two values at least
    if not len(candidates):
        raise InvalidArgument(
            f"share must leave two values at least, got {share} of {remaining[0]:g} observations: pass a smaller one."
        )
    candidates = candidates[np.unique(np.linspace(0, len(candidates) - 1, 200).astype(int))]
    distances = []
    for begin in candidates:
        fit = _fit(grid[begin:], seen[begin:], "power_law")
        gap = np.cumsum(seen[begin:]) / remaining[begin] - np.cumsum(np.exp(fit.log_probabilities))
        distances.append(np.abs(gap).max())
    return int(grid[candidates[_first_least(distances)]])


def judge_power_law(
    values: Int[np.ndarray, "observation"],
    *,
    maximum: int,
    counts: Shaped[np.ndarray, "observation"] | None = None,
    share: float = 0.25,
    level: float = 0.05,
) -> PowerLawVerdict:
    """Do these observations follow a power law? It is judged on the tail that suits it best, `best_minimum`.

    "no": an exponential, Poisson or lognormal law is significantly nearer to the observations. "yes": none is, and the
    exponential is significantly farther. "undecided": neither. "on the edge": a level larger or smaller by one part in
    a million (`EDGE`) would change the verdict, so that it must not be given.

    Arguments as in `compare_tails`; share: of the observations, that the tail must hold at the least.

    >>> ranks = np.arange(1, 1001)
    >>> judge_power_law(ranks, counts=1e6 / ranks**2.0, maximum=1000).verdict
    'yes'
    >>> judge_power_law(ranks, counts=1e6 * 0.9**ranks, maximum=1000).verdict
    'no'
    """
    level = check_real("level", level, above=0, below=1)
    begin = best_minimum(values, maximum=maximum, counts=counts, share=share)
    fit = fit_tail(values, "power_law", minimum=begin, maximum=maximum, counts=counts)
    rivals = compare_tails(values, minimum=begin, maximum=maximum, counts=counts, level=level)
    return PowerLawVerdict(_verdict(rivals, level), float(fit.parameters[0]), begin, rivals)


def draw_ranks(
    law: Float[np.ndarray, "rank"], draws: int, *, generator: np.random.Generator
) -> Int[np.ndarray, "rank_or_zero"]:
    """How often each rank comes up in independent draws from a known law, ready to be the counts of 0, 1, 2, ...

    law: probabilities of the ranks 1, 2, ..., from the largest to the smallest, up to a common factor. There is no rank
    0: the first entry is 0. Ranks of a law are judged so, and not those of a sample, which would be sorted by chance.
    """
    law = check_array("law", law, dimensions=1, minimum=0)
    draws = check_integer("draws", draws, minimum=1)
    check_instance("generator", generator, np.random.Generator, remedy="pass np.random.default_rng(seed)")
    if not law.sum() > 0:
        raise invalid("law", "probabilities, not all of them zero", law, "pass those of the ranks 1, 2, ...")
    return np.append(0, generator.multinomial(draws, law / law.sum()))


def _verdict(rivals: tuple[TailComparison, ...], level: float) -> str:
    """The rule of `judge_power_law`, on comparisons with every alternative."""

    def at(level: float) -> str:
        decided = {rival.alternative: rival.log_likelihood_ratio for rival in rivals if rival.p_value < level}
        if any(ratio < 0 for ratio in decided.values()):
            return "no"
        return "yes" if "exponential" in decided else "undecided"

    verdicts = {at(level * (1 - EDGE)), at(level * (1 + EDGE))}
    return verdicts.pop() if len(verdicts) == 1 else "on the edge"


def _first_least(distances: list[float]) -> int:
    """Where the least distance stands: of those that tie with it, the first, so that last digits choose nothing."""
    return int(np.flatnonzero(np.array(distances) <= min(distances) + TIE)[0])


def _tail(values: Any, counts: Any, minimum: Any, maximum: Any) -> tuple[np.ndarray, np.ndarray]:
    """The grid minimum .. maximum and how often each of its values was seen."""
    minimum = check_integer("minimum", minimum, minimum=1)
    maximum = check_integer("maximum", maximum, minimum=minimum + 2, maximum=minimum + _WIDEST)
    values = check_array("values", values, dimensions=1, kind="integer", minimum=0)
    weights = None
    if counts is not None:
        weights = check_array("counts", counts, dimensions=1, minimum=0, length=len(values))
    inside = (values >= minimum) & (values <= maximum)
    seen = np.bincount(
        values[inside] - minimum, None if weights is None else weights[inside], minlength=maximum - minimum + 1
    ).astype(np.float64)
    if (seen > 0).sum() < 2:
        raise InvalidArgument(
            f"values must hold two different ones between {minimum} and {maximum}, got {int((seen > 0).sum())}: widen "
            f"the tail."
        )
    return np.arange(minimum, maximum + 1, dtype=np.float64), seen


def _fit(grid: np.ndarray, seen: np.ndarray, family: str) -> TailFit:
    """Newton's method on a concave likelihood, in statistics scaled to mean 0 and variance 1 under the data."""
    logarithm = np.log(grid)
    features = {"power_law": [logarithm], "lognormal": [logarithm, logarithm**2]}.get(family, [grid])
    base = -gammaln(grid + 1) if family == "poisson" else np.zeros_like(grid)
    present = np.flatnonzero(seen)
    share = seen[present] / seen.sum()
    raw = np.stack(features)
    mean = raw[:, present] @ share
    scale = np.sqrt((raw[:, present] - mean[:, None]) ** 2 @ share)
    scaled = (raw - mean[:, None]) / scale[:, None]
    theta = np.zeros(len(features))
    if family == "poisson":
        theta[0] = np.log(mean[0]) * scale[0]

    def evaluate(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Mean log-likelihood, and the logarithms of the probabilities."""
        logarithms = parameters @ scaled + base
        logarithms -= logarithms.max()
        logarithms -= np.log(np.exp(logarithms).sum())
        return float(logarithms[present] @ share), logarithms

    likelihood, logarithms = evaluate(theta)
    for _ in range(200):
        probabilities = np.exp(logarithms)
        gradient = -(scaled @ probabilities)  # the data's own mean is 0
        centred = scaled + gradient[:, None]
        step = np.linalg.lstsq((centred * probabilities) @ centred.T, gradient, rcond=None)[0]
        if gradient @ step < 1e-9:  # Newton's method squares the error: one more step is the last digit
            theta = theta + step
            likelihood, logarithms = evaluate(theta)
            break
        for _ in range(60):
            tried = evaluate(theta + step)
            if tried[0] > likelihood:
                break
            step = step / 2
        else:
            break
        theta, (likelihood, logarithms) = theta + step, tried
    natural = (theta / scale).tolist()
    if family == "lognormal" and natural[1] > 0:  # would bend upwards: the nearest lognormal is the power law
        power = _fit(grid, seen, "power_law")
        return replace(power, family="lognormal", parameters=(-power.parameters[0], 0.0))
    parameters = {
        "power_law": (-natural[0],),
        "exponential": (-natural[0],),
        "poisson": (float(np.exp(natural[0])),),
        "lognormal": (natural[0], -natural[-1]),
    }[family]
    return TailFit(family, parameters, likelihood * float(seen.sum()), logarithms)


def _compare(power: TailFit, other: TailFit, seen: np.ndarray, total: float, level: float) -> TailComparison:
    ratio = power.log_likelihood - other.log_likelihood
    if other.family == "lognormal":
        ratio = min(ratio, 0.0)
        statistic = -2 * ratio
        p_value = 1.0 if statistic <= 0 else float(ndtr(-np.sqrt(statistic)))  # half of chi-squared's
    else:
        present = seen > 0
        terms = power.log_probabilities[present] - other.log_probabilities[present]
        spread = np.sqrt(((terms - ratio / total) ** 2) @ seen[present] / total)
        statistic = ratio / (np.sqrt(total) * spread) if spread > 1e-9 else 0.0  # below: the same law twice
        p_value = 2 * float(ndtr(-abs(statistic)))
    favoured = "neither" if p_value >= level else "power_law" if ratio > 0 else other.family
    return TailComparison(other.family, total, float(ratio), float(statistic), p_value, favoured)
