"""Planning the other way round: a size, a ratio or a loss is given and the budget follows; what it costs.

Of a law L = E + A N^-alpha + B D^-beta with C = 6 N D two of the five quantities N, D, D / N, C and L fix the other
three; one of C and L alone asks for the compute-optimal plan. Most follow in closed form,

    D = C / 6 N,    D = (B / (L - E - A N^-alpha))^(1 / beta),    N = sqrt(C / 6 r) with r = D / N,

and N at a given L and r is the root of a falling function. C and L together have two plans, one with few and one with
many parameters, or none: they are refused. What a plan costs is told twice: `overspent`, its compute over that of the
cheapest plan of the same loss, and `lost`, its loss less the lowest for the same compute.

Intervals are percentiles over the draws of a frontier, those of the forward plan: each draw is a law of its own, whose
parameters follow from its frontier,

    alpha = gamma / a,    beta = gamma / b,    A = a K 6^-gamma G^alpha,    B = b K 6^-gamma G^-beta,  G = N_opt(6),

and each is asked the same question. A draw whose law never reaches the loss counts as one that needs infinitely much,
so that an interval may have no upper end; `unreachable` is their share.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from scipy import optimize

from scaling_lib.arguments import NonNegative, Positive, Remedy, Share, checked
from scaling_lib.errors import InvalidArgument, check_real, invalid
from scaling_lib.fits.allocation.corrections import chinchilla_parameters
from scaling_lib.fits.allocation.frontiers import Frontier, LawParameters, closed_form

__all__ = ["InversePlan", "inverse_intervals", "inverse_plan"]

_LARGEST = 1e60
# Ends of an interval beyond this are none: more than any plan, and what unreachable draws are set to is larger still.
_OPEN = 1e180
_QUANTITIES = ("N", "D", "flops", "loss", "tokens_per_parameter", "overspent", "lost")


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
    optimal = closed_form(p)
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
    with np.errstate(all="ignore"):
        if set(named) == {"flops"} or set(named) == {"loss"}:
            budget = _budget_of(p, loss) if flops is None else flops  # type: ignore[arg-type]
            size = float(optimal.optimal_parameters(budget))
            tokens = budget / 6 / size
        elif loss is not None:
            size, tokens = _reaching(p, loss, N, D, tokens_per_parameter)
        else:
            size, tokens = _spending(N, D, tokens_per_parameter, flops)
    ends = np.array([size, tokens, 6 * size * tokens])
    if not (np.isfinite(ends).all() and (ends > 0).all() and ends.max() < 1e180):
        raise invalid(" and ".join(named), "such that a finite plan has them", named, "check the units")
    return _costed(p, size, tokens)


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
        size, tokens = _drawn_plans(laws, N, D, tokens_per_parameter, flops, loss)
        values = _drawn_costs(laws, size, tokens, loss)
    if tokens_per_parameter is not None:
        values["tokens_per_parameter"] = np.full(len(size), tokens_per_parameter)
    if flops is not None:
        values["flops"] = np.full(len(size), flops)
    unreachable = ~(np.isfinite(size) & np.isfinite(tokens))
    ends: dict[str, Any] = {name: _ends(values[name], level) for name in _QUANTITIES}
    return {"level": level} | ends | {"unreachable": float(unreachable.mean())}


def _ends(values: np.ndarray, level: float) -> list[float | None]:
    """Percentiles of the draws; None beyond every plan, and where no draw has a value."""
    if np.isnan(values).any():
        return [None, None]
    low, high = np.quantile(np.minimum(values, 1e300), [0.5 - level / 2, 0.5 + level / 2]).tolist()
    return [end if end < _OPEN else None for end in (low, high)]


def _laws(draws: pd.DataFrame) -> dict[str, np.ndarray]:
    """E, A, B, alpha, beta and K, gamma of each draw, (draws,) each."""
    E, K, gamma, log_n, a = (draws[name].to_numpy(float) for name in ("E", "K", "gamma", "log_n", "a"))
    alpha, beta, log_g = gamma / a, gamma / (1 - a), log_n + a * np.log(6)
    shared = np.log(K) - gamma * np.log(6)
    A, B = a * np.exp(shared + alpha * log_g), (1 - a) * np.exp(shared - beta * log_g)
    return {"E": E, "A": A, "B": B, "alpha": alpha, "beta": beta, "K": K, "gamma": gamma, "log_n": log_n, "a": a}


def _drawn_plans(
    p: Mapping[str, np.ndarray], N: _Given, D: _Given, ratio: _Given, flops: _Given, loss: _Given
) -> tuple[np.ndarray, np.ndarray]:
    """N and D of each draw, infinite where its law does not reach the loss."""
    count = len(p["E"])
    if loss is None and (flops is None or (N, D, ratio) != (None, None, None)):
        fixed_size, fixed_tokens = _spending(N, D, ratio, flops)
        return np.full(count, fixed_size), np.full(count, fixed_tokens)
    excess = np.full(count, np.nan) if loss is None else np.where(loss > p["E"], loss - p["E"], np.nan)
    if (N, D, ratio) == (None, None, None):
        budget = np.full(count, flops) if flops is not None else _cheapest(p, excess)
        size = np.exp(p["log_n"] + p["a"] * np.log(budget))
        return size, np.where(np.isfinite(size), budget / 6 / size, np.inf)
    if ratio is not None:
        # The root of a falling convex function, from below it: at the start one of the two powers is the whole excess.
        log_r, log_e = np.log(ratio), np.log(excess)
        place = np.maximum(
            (np.log(p["A"]) - log_e) / p["alpha"], (np.log(p["B"]) - log_e) / p["beta"] - log_r
        )  # fmt: skip
        for _ in range(60):
            in_n, in_d = np.log(p["A"]) - p["alpha"] * place, np.log(p["B"]) - p["beta"] * (place + log_r)
            whole = np.logaddexp(in_n, in_d)
            slope = -(p["alpha"] * np.exp(in_n - whole) + p["beta"] * np.exp(in_d - whole))
            place = place - (whole - log_e) / slope
        size = np.where(np.isnan(excess), np.inf, np.exp(place))
        return size, size * ratio
    known, mine, other = (N, "A alpha", "B beta") if N is not None else (D, "B beta", "A alpha")
    (one, exponent), (rest, power) = mine.split(), other.split()
    left = excess - p[one] * known ** -p[exponent]
    answer = np.where(left > 0, (p[rest] / left) ** (1 / p[power]), np.inf)
    given = np.full(count, known)
    return (given, answer) if N is not None else (answer, given)


def _cheapest(p: Mapping[str, np.ndarray], excess: np.ndarray) -> np.ndarray:
    """The least compute of each draw for an excess loss; infinite where there is none (NaN)."""
    return np.where(np.isnan(excess), np.inf, np.exp((np.log(p["K"]) - np.log(excess)) / p["gamma"]))


def _drawn_costs(p: Mapping[str, np.ndarray], N: np.ndarray, D: np.ndarray, loss: _Given) -> dict[str, np.ndarray]:
    """The quantities of each draw's plan, by name."""
    flops, excess = 6 * N * D, p["A"] * N ** -p["alpha"] + p["B"] * D ** -p["beta"]
    reached = np.isfinite(flops)
    values = {"N": N, "D": D, "flops": np.where(reached, flops, np.inf), "tokens_per_parameter": D / N}
    values["loss"] = p["E"] + excess if loss is None else np.full(len(N), loss)
    values["overspent"] = np.where(reached, np.maximum(flops / _cheapest(p, excess), 1.0), np.inf)
    values["lost"] = np.where(reached, np.maximum(excess - p["K"] * flops ** -p["gamma"], 0.0), np.inf)
    return values


def _loss(p: Mapping[str, float], N: float, D: float) -> float:
    return p["E"] + p["A"] * N ** -p["alpha"] + p["B"] * D ** -p["beta"]


def _budget_of(p: Mapping[str, float], loss: float) -> float:
    """The least compute that reaches a loss."""
    optimal = closed_form(p)
    budget = float(np.exp((np.log(optimal.K) - np.log(loss - p["E"])) / optimal.gamma))
    if not 0 < budget < 1e180:
        raise invalid("loss", "one that a finite budget reaches", loss, "pass another loss")
    return budget


def _spending(N: _Given, D: _Given, ratio: _Given, flops: _Given) -> tuple[float, float]:
    """(N, D) from two of N, D, D / N and C."""
    if N is not None:
        return N, D if D is not None else N * ratio if ratio is not None else flops / 6 / N  # type: ignore[operator]
    if D is not None:
        return D / ratio if ratio is not None else flops / 6 / D, D  # type: ignore[operator]
    size = float(np.sqrt(flops / 6 / ratio))  # type: ignore[operator]
    return size, size * ratio  # type: ignore[operator]


def _reaching(p: Mapping[str, float], loss: float, N: _Given, D: _Given, ratio: _Given) -> tuple[float, float]:
    """(N, D) with a loss, from one of N, D and D / N."""
    excess = loss - p["E"]
    for name, value, mine, other in (("N", N, "A alpha", "B beta"), ("D", D, "B beta", "A alpha")):
        if value is None:
            continue
        (one, exponent), (rest, power) = mine.split(), other.split()
        left = excess - p[one] * value ** -p[exponent]
        if left <= 0:
            least = p["E"] + p[one] * value ** -p[exponent]
            raise invalid("loss", f"above {least:.6g}, the least with {name} = {value:.4g}", loss, f"raise {name}")
        answer = float((p[rest] / left) ** (1 / p[power]))
        return (value, answer) if name == "N" else (answer, value)
    assert ratio is not None

    def surplus(log_n: float) -> float:
        """ln of the excess of the model less ln of that asked for; falls with the size."""
        in_n = np.log(p["A"]) - p["alpha"] * log_n
        in_d = np.log(p["B"]) - p["beta"] * (log_n + np.log(ratio))
        return float(np.logaddexp(in_n, in_d) - np.log(excess))

    ends = -50.0, 300.0
    if surplus(ends[0]) <= 0 or surplus(ends[1]) >= 0:
        raise invalid("loss", "one that a finite model reaches with this ratio", loss, "pass another loss")
    size = float(np.exp(optimize.brentq(surplus, *ends, xtol=1e-14, rtol=8.9e-16)))
    return size, size * ratio


def _costed(p: Mapping[str, float], N: float, D: float) -> InversePlan:
    """A plan beside the optimum."""
    best = closed_form(p)
    flops, loss = 6 * N * D, _loss(p, N, D)
    cheapest = min(_budget_of(p, loss), flops)  # at the optimum itself rounding must not gain
    lowest = min(float(best.loss(flops)), loss)
    size = float(best.optimal_parameters(cheapest))
    return InversePlan(
        N=N,
        D=D,
        flops=flops,
        loss=loss,
        tokens_per_parameter=D / N,
        best_parameters=size,
        best_tokens=cheapest / 6 / size,
        best_flops=cheapest,
        overspent=flops / cheapest,
        best_loss=lowest,
        lost=loss - lowest,
    )
