"""The compute-optimal frontier: seven numbers, the optima they were read from, and draws that make bands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from scaling_lib.arguments import BY_HAND, Entries, Real, Remedy, Share, checked
from scaling_lib.errors import check_real, invalid
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import PowerLaw

__all__ = ["QUANTITIES", "Allocation", "Frontier", "closed_form"]

OPTIMA = ("C", "N", "D", "loss", "at_edge", "used")
QUANTITIES = ("E", "K", "gamma", "log_n", "a", "log_d", "b")

# Budgets C > 0: one, or an array of any shape.
Flops = Annotated[Float[np.ndarray, "*budgets"] | float, Entries(above=0, least=0)]
# None: no bands.
OptionalGenerator = Annotated[np.random.Generator | None, Remedy("pass np.random.default_rng(0) or None")]
# Of a law, by name, as `Fit.params` has them.
LawParameters = Annotated[Mapping[str, float], Remedy("pass a dict such as fit.params")]


@checked
@dataclass(frozen=True)
class Allocation:
    """L_opt(C) = E + K C^-gamma, N_opt(C) = exp(log_n) C^a, D_opt(C) = exp(log_d) C^b (paper, section 2).

    E in nats, C in FLOPs, N in parameters, D in tokens; log_n and log_d are natural logarithms of N_opt, D_opt at one
    FLOP. a + b = 1 where both follow from C = 6 N D.
    """

    E: Annotated[float, Real(minimum=0.0)]
    K: Annotated[float, Real(minimum=0.0)]
    gamma: Annotated[float, Real(minimum=0.0)]
    log_n: float
    a: float
    log_d: float
    b: float

    @checked
    def optimal_parameters(self, flops: Flops) -> Float[np.ndarray, "*budgets"]:
        """N_opt, parameters, at budgets of `flops` = C > 0 FLOPs; of their shape. Raises InvalidArgument."""
        return _exponential("flops", self.log_n + self.a * np.log(flops))

    @checked
    def optimal_tokens(self, flops: Flops) -> Float[np.ndarray, "*budgets"]:
        """D_opt, tokens, at budgets of `flops` = C > 0 FLOPs; of their shape. Raises InvalidArgument."""
        return _exponential("flops", self.log_d + self.b * np.log(flops))

    @checked
    def loss(self, flops: Flops) -> Float[np.ndarray, "*budgets"]:
        """L_opt, nats per token, at budgets of `flops` = C > 0 FLOPs; of their shape. Raises InvalidArgument."""
        return np.asarray(self.E + self.K * _exponential("flops", -self.gamma * np.log(flops)))


def _exponential(name: str, logarithm: Any) -> np.ndarray:
    if np.any(np.abs(logarithm) > 700):
        raise invalid(name, "a budget whose optimum is a finite number", logarithm, "pass FLOPs")
    return np.asarray(np.exp(logarithm))


@checked
@dataclass(frozen=True, eq=False)
class Frontier:
    """A compute-optimal frontier by one route; the functions of `allocation` make one.

    method: which. optima: the table it was read from, one row a budget: C, N, D, loss, at_edge (the optimum lies on the
    border of what was sampled), used (it took part in the fits); empty for a closed form. draws: resampled allocations,
    one row a draw, columns QUANTITIES; empty where none were asked for. parameters: of the law L(N, D) where there is
    one. warnings: what a reader should know before quoting it, one sentence each.
    """

    method: str
    allocation: Annotated[Allocation, Remedy("make it with closed_form")]
    optima: Annotated[pd.DataFrame, Remedy("pass a table with C, N, D, loss")] = field(
        default_factory=lambda: pd.DataFrame(columns=list(OPTIMA))
    )
    draws: Annotated[pd.DataFrame, Remedy("pass a table of resampled allocations")] = field(
        default_factory=lambda: pd.DataFrame(columns=list(QUANTITIES), dtype=float)
    )
    parameters: LawParameters | None = None
    warnings: Annotated[tuple[str, ...], BY_HAND] = ()

    def __post_init__(self) -> None:
        if list(self.draws) != list(QUANTITIES):
            raise invalid("draws", f"a table with the columns {QUANTITIES}", list(self.draws), "rename them")
        if not isinstance(self.warnings, tuple) or not all(isinstance(sentence, str) for sentence in self.warnings):
            raise invalid("warnings", "a tuple of sentences", self.warnings, "pass ()")

    @property
    def exponents(self) -> dict[str, float]:
        """a, b and gamma."""
        return {name: getattr(self.allocation, name) for name in ("a", "b", "gamma")}

    @checked
    def summary(self, *, level: Share = 0.95) -> pd.DataFrame:
        """One row a quantity: value, se, low, high (percentiles of the draws; NaN without draws)."""
        quantities = {}
        for name in QUANTITIES:
            low, high = _percentiles(self.draws[name].to_numpy()[:, None], level)
            spread = float(self.draws[name].std()) if len(self.draws) > 1 else np.nan
            quantities[name] = (getattr(self.allocation, name), spread, float(low[0]), float(high[0]))
        return pd.DataFrame.from_dict(quantities, orient="index", columns=["value", "se", "low", "high"])

    @checked
    def predict(self, flops: Flops, *, level: Share = 0.95) -> pd.DataFrame:
        """A row a budget: C, then N, D, loss and tokens_per_parameter, each with its _low and _high (percentiles of the
        draws; NaN without draws). The bands hold sampling error only: neither the choice of window nor that of the law,
        which on the Chinchilla points moves a by several of its standard errors."""
        C = np.atleast_1d(flops)
        if C.ndim > 1:
            raise invalid("flops", "a number or a one-dimensional array", C, "flatten it")
        log_c = np.log(C)
        log_n = self.draws[["log_n"]].to_numpy() + self.draws[["a"]].to_numpy() * log_c
        log_d = self.draws[["log_d"]].to_numpy() + self.draws[["b"]].to_numpy() * log_c
        with np.errstate(over="ignore"):
            drawn = {
                "N": np.exp(log_n),
                "D": np.exp(log_d),
                "loss": self.draws[["E"]].to_numpy()
                + self.draws[["K"]].to_numpy() * np.exp(-self.draws[["gamma"]].to_numpy() * log_c),
                "tokens_per_parameter": np.exp(log_d - log_n),
            }
        N, D = self.allocation.optimal_parameters(C), self.allocation.optimal_tokens(C)
        values = {"N": N, "D": D, "loss": self.allocation.loss(C), "tokens_per_parameter": D / N}
        columns = {"C": C}
        for name, value in values.items():
            low, high = _percentiles(drawn[name], level)
            columns |= {name: value, f"{name}_low": low, f"{name}_high": high}
        return pd.DataFrame(columns)


def _percentiles(draws: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Ends for each column of draws (resamples, columns)."""
    if len(draws) < 2:
        return np.full(draws.shape[1], np.nan), np.full(draws.shape[1], np.nan)
    low, high = np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return low, high


@checked
def closed_form(parameters: LawParameters) -> Allocation:
    """The frontier of a law under C = 6 N D: Hoffmann et al. 2022, equation 4.

    With A N^-alpha + B D^-beta (Chinchilla): G = (alpha A / beta B)^(1 / (alpha + beta)), a = beta / (alpha + beta),
    N_opt = G (C/6)^a, D_opt = (C/6)^(1-a) / G, gamma = alpha beta / (alpha + beta),
    K = (A G^-alpha + B G^beta) 6^gamma. With [(Nc/N)^(alpha/beta) + Dc/D]^beta (Kaplan) the exponents are the same,
    N_opt = [alpha Nc^(alpha/beta) / (6 beta Dc)]^a C^a, and K = [(1 + beta/alpha) 6 Dc N_opt(1)]^beta. A law with one
    exponent has alpha for both.

    parameters: E, A, B, alpha, beta, or E, Nc, Dc, alpha, beta. Raises InvalidArgument.

    >>> optimal = closed_form({"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28})
    >>> round(optimal.a, 4), round(float(optimal.optimal_tokens(5.76e23) / optimal.optimal_parameters(5.76e23)), 1)
    (0.4516, 92.6)
    """
    given: dict[str, Any] = dict(parameters)
    given.setdefault("beta", given.get("alpha"))
    names = ("E", "Nc", "Dc", "alpha", "beta") if "Nc" in given else ("E", "A", "B", "alpha", "beta")
    values = []
    for name in names:
        if name not in given:
            raise invalid("parameters", f"a dict with {names}", sorted(given), f"add {name}")
        bounds = {"minimum": 0.0} if name == "E" else {"above": 0.0}
        values.append(check_real(f"parameters[{name!r}]", given[name], **bounds))
    E, *rest = np.array(values)[:, None]
    numbers = (_kaplan if "Nc" in given else _chinchilla)(E, *rest)[0]
    if not np.isfinite(numbers).all():
        raise invalid("parameters", "those of a law with a finite frontier", given, "check the units")
    return Allocation(**dict(zip(QUANTITIES, numbers.tolist(), strict=True)))


def _chinchilla(E: Any, A: Any, B: Any, alpha: Any, beta: Any) -> np.ndarray:
    """QUANTITIES (draws, 7) of draws of the parameters (draws,)."""
    with np.errstate(all="ignore"):
        total = alpha + beta
        log_g = (np.log(alpha) + np.log(A) - np.log(beta) - np.log(B)) / total
        a, gamma, log_6 = beta / total, alpha * beta / total, np.log(6.0)
        K = np.exp(np.logaddexp(np.log(A) - alpha * log_g, np.log(B) + beta * log_g) + gamma * log_6)
        return np.stack([E, K, gamma, log_g - a * log_6, a, -log_g - (1 - a) * log_6, 1 - a], axis=-1)


def _kaplan(E: Any, Nc: Any, Dc: Any, alpha: Any, beta: Any) -> np.ndarray:
    with np.errstate(all="ignore"):
        a, power, log_6 = beta / (alpha + beta), alpha / beta, np.log(6.0)
        log_n = a * (np.log(power) + power * np.log(Nc) - log_6 - np.log(Dc))
        K = np.exp(beta * (np.log1p(1 / power) + log_6 + np.log(Dc) + log_n))
        return np.stack([E, K, alpha * beta / (alpha + beta), log_n, a, -log_6 - log_n, 1 - a], axis=-1)


def closed_form_draws(parameters: Mapping[str, Float[np.ndarray, " draws"]]) -> pd.DataFrame:
    """`closed_form` of every draw; draws without a finite frontier are left out."""
    beta = parameters.get("beta", parameters["alpha"])
    if "Nc" in parameters:
        numbers = _kaplan(parameters["E"], parameters["Nc"], parameters["Dc"], parameters["alpha"], beta)
    else:
        numbers = _chinchilla(parameters["E"], parameters["A"], parameters["B"], parameters["alpha"], beta)
    return pd.DataFrame(numbers[np.isfinite(numbers).all(axis=1)], columns=list(QUANTITIES))


def power_laws(optima: pd.DataFrame) -> Allocation:
    """log N and log D as lines in log C, and L_opt = E + K C^-gamma with the paper's 1-d objective (Huber on L),
    through the rows of `optima` that are used."""
    used = optima[optima["used"].to_numpy(bool)]
    a, log_n = np.polyfit(np.log(used["C"]), np.log(used["N"]), 1)
    b, log_d = np.polyfit(np.log(used["C"]), np.log(used["D"]), 1)
    loss = fit(PowerLaw(variable="C"), used, objective="huber").params
    return Allocation(loss["E"], loss["K"], loss["gamma"], float(log_n), float(a), float(log_d), float(b))


def power_laws_of_draws(
    optima: pd.DataFrame,
    N: Float[np.ndarray, "draws budgets"],
    D: Float[np.ndarray, "draws budgets"],
    loss: Float[np.ndarray, "draws budgets"],
    used: Bool[np.ndarray, "draws budgets"],
    counts: Float[np.ndarray, "draws budgets"] | None = None,
) -> pd.DataFrame:
    """`power_laws` of every draw, at the budgets of `optima`; draws with fewer than three budgets, or whose loss cannot
    be fitted, are left out. counts: how often each budget is in a draw, by default once."""
    central = optima["used"].to_numpy(bool)
    used = used & central
    enough = used.sum(axis=1) >= 3
    N, D, loss, used = N[enough][:, central], D[enough][:, central], loss[enough][:, central], used[enough][:, central]
    if not len(N):
        return pd.DataFrame(columns=list(QUANTITIES), dtype=float)
    kept = optima[central]
    log_c = np.log(kept["C"].to_numpy())
    weights = used.astype(float) if counts is None else counts[enough][:, central] * used

    def line(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y = np.where(used, y, 1.0)
        mean_x = (weights @ log_c) / weights.sum(1)
        shifted = (log_c - mean_x[:, None]) * weights
        mean_y = (weights * np.log(y)).sum(1) / weights.sum(1)
        slope = (shifted * np.log(y)).sum(1) / (shifted * log_c).sum(1)
        return slope, mean_y - slope * mean_x

    a, log_n = line(N)
    b, log_d = line(D)
    whole = fit(PowerLaw(variable="C"), kept, objective="huber")
    start = np.broadcast_to(whole.theta, (len(N), len(whole.theta)))
    solution = whole.problem.solve(start, weights=weights, y=np.where(used, loss, kept["loss"].to_numpy()))
    E, K, gamma = whole.problem.natural(solution.theta).T
    numbers = np.stack([E, K, gamma, log_n, a, log_d, b], axis=-1)
    good = solution.converged & np.isfinite(numbers).all(axis=1)
    return pd.DataFrame(numbers[good], columns=list(QUANTITIES))


# What the routes share -----------------------------------------------------------------------------------------------


def frontier_of(
    method: str,
    optima: pd.DataFrame,
    warnings: Sequence[str],
    draws: pd.DataFrame | None,
    resamples: int,
) -> Frontier:
    """A frontier from its optima: power laws through those that are used, and the warnings that are not empty.

    draws: allocations from `resamples` resamples, or None; a warning says how many resamples gave none."""
    said = [sentence for sentence in warnings if sentence]
    if draws is None:
        return Frontier(method, power_laws(optima), optima, warnings=tuple(said))
    said += lost_draws(resamples, draws)
    return Frontier(method, power_laws(optima), optima, draws, warnings=tuple(said))


def lost_draws(resamples: int, draws: pd.DataFrame) -> list[str]:
    """A warning that counts the resamples which gave no frontier; an empty list where all did."""
    missing = resamples - len(draws)
    return [f"{missing} of {resamples} resamples gave no frontier and were left out."] if missing else []


def require_budgets(optima: pd.DataFrame, name: str, remedy: str) -> None:
    """Raises InvalidArgument where fewer than three budgets are used."""
    used = optima[optima["used"].to_numpy(bool)]
    if used["C"].nunique() < 3:
        raise invalid(name, "such that three budgets or more have an optimum inside the data", len(used), remedy)


def edge_sentence(optima: pd.DataFrame, why: str) -> str:
    """A warning that counts the optima on the border of the data and says whether the power laws use them; "" if none.

    why: what it means to lie there, in words."""
    edge, used = optima["at_edge"].to_numpy(bool), optima["used"].to_numpy(bool)
    if not edge.any():
        return ""
    kept = "kept in" if (edge & used).any() else "left out of"
    low, high = optima["C"][used].min(), optima["C"][used].max()
    return (
        f"{edge.sum()} of {len(optima)} budgets have their optimum at the edge ({why}) and were {kept} the power laws, "
        f"which cover C = {low:.2g} to {high:.2g}."
    )
