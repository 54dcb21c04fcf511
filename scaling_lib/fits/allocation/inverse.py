"""Planning the other way round: a size, a ratio or a loss is given and the budget follows; what it costs.

Of a law L = E + A N^-alpha + B D^-beta with C = 6 N D two of the five quantities N, D, D / N, C and L fix the other
three; one of C and L alone asks for the compute-optimal plan. Most follow in closed form,

    D = C / 6 N,    D = (B / (L - E - A N^-alpha))^(1 / beta),    N = sqrt(C / 6 r) with r = D / N,

and N at a given L and r is the root of a falling function. C and L together have two plans, one with few and one with
many parameters, or none: they are refused. What a plan costs is told twice: `overspent`, its compute over that of the
cheapest plan of the same loss, and `lost`, its loss less the lowest for the same compute.

Every formula stands once, for many laws at a time: a plan asks the one law that it is given. Intervals are percentiles
over the draws of a frontier, those of the forward plan: each draw is a law of its own, whose parameters follow from its
frontier,

    alpha = gamma / a,    beta = gamma / b,    A = a K 6^-gamma G^alpha,    B = b K 6^-gamma G^-beta,  G = N_opt(6),

and each is asked the same question. A draw whose law never reaches the loss counts as one that needs infinitely much,
so that an interval may have no upper end; `unreachable` is their share.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd

from scaling_lib.arguments import NonNegative, Positive, Remedy, Share, checked
from scaling_lib.errors import InvalidArgument, check_real, invalid
from scaling_lib.fits.allocation.corrections import chinchilla_parameters
from scaling_lib.fits.allocation.frontiers import QUANTITIES, Frontier, LawParameters, closed_form

__all__ = ["InversePlan", "inverse_intervals", "inverse_plan"]

_LARGEST = 1e60
# Ends of an interval beyond this are none: more than any plan, and what unreachable draws are set to is larger still.
_OPEN = 1e180
# Of a model that has a given loss and a given D / N.
_SMALLEST, _GREATEST = np.exp(-50), np.exp(300)
_QUANTITIES = ("N", "D", "flops", "loss", "tokens_per_parameter", "overspent", "lost")
# Coefficient and exponent of the part of the excess loss that N or D takes away.
_PARTS = {"N": ("A", "alpha"), "D": ("B", "beta")}


@checked
@dataclass(frozen=True)
class InversePlan:
    """N parameters, D tokens, flops = 6 N D, loss (nats), tokens_per_parameter = D / N.

    best_parameters, best_tokens, best_flops: the cheapest plan of the same loss. overspent: flops over those, at least
    1. best_loss: the lowest loss for the same flops. lost: loss - best_loss, nats.
    """

    N: Positive
    D: Positive
    flops: Positive
    loss: Positive
    tokens_per_parameter: Positive
    best_parameters: Positive
    best_tokens: Positive
    best_flops: Positive
    overspent: Positive
    best_loss: NonNegative
    lost: float


_Given = float | None
# E, A, B, alpha, beta and K, gamma, log_n, a of each law, (laws,) each.
_Laws = Mapping[str, np.ndarray]


@checked
def inverse_plan(
    parameters: LawParameters,
    *,
    N: Positive | None = None,
    D: Positive | None = None,
    tokens_per_parameter: Positive | None = None,
    flops: Positive | None = None,
    loss: Positive | None = None,
) -> InversePlan:
    """The plan that two of its quantities fix, and what it costs beside the optimum.

    parameters: E, A, B, alpha, beta of a Chinchilla law. Give two of N (parameters), D (tokens), tokens_per_parameter,
    flops and loss (nats), or one of flops and loss for the compute-optimal plan. Raises InvalidArgument where they fix
    none, and for a loss that no budget reaches with the N or D that is given.

    >>> law = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
    >>> plan = inverse_plan(law, N=7e9, loss=2.0)
    >>> f"{plan.D:.3g} tokens, {plan.overspent:.2f} times the compute of the cheapest"
    '3.39e+12 tokens, 1.28 times the compute of the cheapest'
    """
    p = chinchilla_parameters(parameters)
    given = {"N": N, "D": D, "tokens_per_parameter": tokens_per_parameter, "flops": flops, "loss": loss}
    named = {name: value for name, value in given.items() if value is not None}
    if set(named) == {"flops", "loss"}:
        raise invalid("loss", "None where flops is given: two plans have both, or none", loss, "give N or D instead")
    if len(named) != 2 and set(named) not in ({"flops"}, {"loss"}):
        raise invalid(
            "flops",
            "one of two quantities, or alone",
            sorted(named),
            f"give two of {', '.join(given)}, or flops or loss",
        )
    for name, value in named.items():
        check_real(name, value, minimum=1e-60, maximum=_LARGEST)
    if loss is not None:
        check_real("loss", loss, above=p["E"])
    law = _one_law(p)
    with np.errstate(all="ignore"):
        if loss is not None:
            _check_reached(law, loss, N, D, tokens_per_parameter)
        size, tokens = _plans(law, N, D, tokens_per_parameter, flops, loss)
        if loss is not None and tokens_per_parameter is not None and not _SMALLEST < size[0] < _GREATEST:
            raise invalid("loss", "one that a finite model reaches with this ratio", loss, "pass another loss")
        values = {name: float(value[0]) for name, value in _costs(law, size, tokens).items()}
        ends = np.array([values[name] for name in ("N", "D", "flops")])
        if not (np.isfinite(ends).all() and (ends > 0).all() and ends.max() < _OPEN):
            raise invalid(" and ".join(named), "such that a finite plan has them", named, "check the units")
        _check_budget(_cheapest(law, _excess(law, size, tokens)), values["loss"])
    return InversePlan(**values)


@checked
def inverse_intervals(
    frontier: Annotated[Frontier, Remedy("make one with published or parametric, and a generator")],
    *,
    N: Positive | None = None,
    D: Positive | None = None,
    tokens_per_parameter: Positive | None = None,
    flops: Positive | None = None,
    loss: Positive | None = None,
    level: Share = 0.95,
) -> dict[str, Any] | None:
    """Intervals for every quantity of `inverse_plan`, by the draws of a frontier.

    frontier: of a Chinchilla law. N, D, tokens_per_parameter, flops, loss: as for `inverse_plan`. Returns level, for
    each quantity [low, high], with None for an end that lies beyond every plan, and `unreachable`, the share of draws
    that do not reach the loss; None where the frontier has no draws. Raises InvalidArgument.
    """
    if frontier.parameters is None:
        raise InvalidArgument(f"frontier must be that of a law, got one by {frontier.method}: use parametric.")
    inverse_plan(
        frontier.parameters, N=N, D=D, tokens_per_parameter=tokens_per_parameter, flops=flops, loss=loss
    )  # what fixes no plan is refused
    if len(frontier.draws) < 2:
        return None
    with np.errstate(all="ignore"):
        laws = _laws(frontier.draws)
        size, tokens = _plans(laws, N, D, tokens_per_parameter, flops, loss)
        values = _costs(laws, size, tokens)
    for name, given in (("tokens_per_parameter", tokens_per_parameter), ("flops", flops), ("loss", loss)):
        if given is not None:
            values[name] = np.full(len(size), given)
    unreachable = ~(np.isfinite(size) & np.isfinite(tokens))
    ends: dict[str, Any] = {name: _ends(values[name], level) for name in _QUANTITIES}
    return {"level": level} | ends | {"unreachable": float(unreachable.mean())}


def _ends(values: np.ndarray, level: float) -> list[float | None]:
    """Percentiles of the draws; None beyond every plan, and where no draw has a value."""
    if np.isnan(values).any():
        return [None, None]
    low, high = np.quantile(np.minimum(values, 1e300), [0.5 - level / 2, 0.5 + level / 2]).tolist()
    return [end if end < _OPEN else None for end in (low, high)]


def _laws(draws: pd.DataFrame) -> _Laws:
    """The law of each draw."""
    E, K, gamma, log_n, a = (draws[name].to_numpy(float) for name in ("E", "K", "gamma", "log_n", "a"))
    alpha, beta, log_g = gamma / a, gamma / (1 - a), log_n + a * np.log(6)
    shared = np.log(K) - gamma * np.log(6)
    A, B = a * np.exp(shared + alpha * log_g), (1 - a) * np.exp(shared - beta * log_g)
    return {"E": E, "A": A, "B": B, "alpha": alpha, "beta": beta, "K": K, "gamma": gamma, "log_n": log_n, "a": a}


def _one_law(parameters: Mapping[str, float]) -> _Laws:
    """One law, with the parameters that are given."""
    optimal = closed_form(parameters)
    numbers = {name: getattr(optimal, name) for name in QUANTITIES} | dict(parameters)
    return {name: np.array([value]) for name, value in numbers.items()}


def _plans(
    p: _Laws, N: _Given, D: _Given, ratio: _Given, flops: _Given, loss: _Given
) -> tuple[np.ndarray, np.ndarray]:
    """N and D of the plan by each law, infinite where the law does not reach the loss."""
    count = len(p["E"])
    if loss is None and (flops is None or (N, D, ratio) != (None, None, None)):
        fixed_size, fixed_tokens = _spending(N, D, ratio, flops)
        return np.full(count, fixed_size), np.full(count, fixed_tokens)
    excess = np.full(count, np.nan) if loss is None else np.where(loss > p["E"], loss - p["E"], np.nan)
    if (N, D, ratio) == (None, None, None):
        budget = np.full(count, flops) if flops is not None else _cheapest(p, excess)
        size = _optimal_size(p, budget)
        return size, np.where(np.isfinite(size), budget / 6 / size, np.inf)
    if ratio is not None:
        size = np.where(np.isnan(excess), np.inf, np.exp(_log_size_with_ratio(p, ratio, np.log(excess))))
        return size, size * ratio
    known, name, rest = (N, "N", "D") if N is not None else (D, "D", "N")
    coefficient, exponent = _PARTS[rest]
    left = excess - _part(p, name, known)
    answer = np.where(left > 0, (p[coefficient] / left) ** (1 / p[exponent]), np.inf)
    given = np.full(count, known)
    return (given, answer) if N is not None else (answer, given)


def _log_size_with_ratio(p: _Laws, ratio: float, log_excess: np.ndarray) -> np.ndarray:
    """ln N with D = ratio N at an excess loss: the root of a falling convex function, by Newton's method from below it,
    where one of the two parts alone is the whole excess. The steps double the digits; 60 are more than enough."""
    log_ratio = np.log(ratio)
    place = np.maximum(
        (np.log(p["A"]) - log_excess) / p["alpha"], (np.log(p["B"]) - log_excess) / p["beta"] - log_ratio
    )
    for _ in range(60):
        in_n, in_d = np.log(p["A"]) - p["alpha"] * place, np.log(p["B"]) - p["beta"] * (place + log_ratio)
        whole = np.logaddexp(in_n, in_d)
        slope = -(p["alpha"] * np.exp(in_n - whole) + p["beta"] * np.exp(in_d - whole))
        place = place - (whole - log_excess) / slope
    return place


def _part(p: _Laws, name: str, amount: np.ndarray | float | None) -> np.ndarray:
    """What an amount of N or of D leaves of the excess loss, nats."""
    coefficient, exponent = _PARTS[name]
    return p[coefficient] * amount ** -p[exponent]  # type: ignore[operator]


def _excess(p: _Laws, N: np.ndarray, D: np.ndarray) -> np.ndarray:
    return _part(p, "N", N) + _part(p, "D", D)


def _cheapest(p: _Laws, excess: np.ndarray) -> np.ndarray:
    """The least compute by each law for an excess loss; infinite where there is none (NaN)."""
    return np.where(np.isnan(excess), np.inf, np.exp((np.log(p["K"]) - np.log(excess)) / p["gamma"]))


def _optimal_size(p: _Laws, budget: np.ndarray) -> np.ndarray:
    return np.exp(p["log_n"] + p["a"] * np.log(budget))


def _costs(p: _Laws, N: np.ndarray, D: np.ndarray) -> dict[str, np.ndarray]:
    """The fields of the `InversePlan` by each law. At the optimum itself rounding must not gain."""
    flops, excess = 6 * N * D, _excess(p, N, D)
    reached = np.isfinite(flops)
    flops = np.where(reached, flops, np.inf)
    cheapest = np.where(reached, np.minimum(_cheapest(p, excess), flops), np.nan)
    least = np.minimum(p["K"] * flops ** -p["gamma"], excess)
    best = _optimal_size(p, cheapest)
    return {
        "N": N,
        "D": D,
        "flops": flops,
        "loss": p["E"] + excess,
        "tokens_per_parameter": D / N,
        "best_parameters": best,
        "best_tokens": cheapest / 6 / best,
        "best_flops": cheapest,
        "overspent": np.where(reached, flops / cheapest, np.inf),
        "best_loss": p["E"] + least,
        "lost": np.where(reached, excess - least, np.inf),
    }


def _spending(N: _Given, D: _Given, ratio: _Given, flops: _Given) -> tuple[float, float]:
    """(N, D) from two of N, D, D / N and C."""
    if N is not None:
        return N, D if D is not None else N * ratio if ratio is not None else flops / 6 / N  # type: ignore[operator]
    if D is not None:
        return D / ratio if ratio is not None else flops / 6 / D, D  # type: ignore[operator]
    size = float(np.sqrt(flops / 6 / ratio))  # type: ignore[operator]
    return size, size * ratio  # type: ignore[operator]


def _check_reached(law: _Laws, loss: float, N: _Given, D: _Given, ratio: _Given) -> None:
    """Raises InvalidArgument for a loss that no budget reaches by one law, or none with the N or D that is given."""
    for name, amount in (("N", N), ("D", D)):
        if amount is not None and _part(law, name, amount)[0] >= loss - law["E"][0]:
            least = law["E"][0] + _part(law, name, amount)[0]
            raise invalid("loss", f"above {least:.6g}, the least with {name} = {amount:.4g}", loss, f"raise {name}")
    if (N, D, ratio) == (None, None, None):
        _check_budget(_cheapest(law, loss - law["E"]), loss)


def _check_budget(budget: np.ndarray, loss: float) -> None:
    if not 0 < budget[0] < _OPEN:
        raise invalid("loss", "one that a finite budget reaches", loss, "pass another loss")
