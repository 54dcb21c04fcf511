"""Two corrections of the compute-optimal allocation: models that will be used, and data that must be repeated."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import optimize

from scaling_lib.errors import check_array, check_mapping, check_real, invalid
from scaling_lib.fits.allocation.frontiers import closed_form

__all__ = [
    "InferencePlan",
    "RepeatedPlan",
    "effective_amount",
    "inference_aware",
    "repeated_data",
    "repeated_data_loss",
]

_NAMES = ("E", "A", "B", "alpha", "beta")


def chinchilla_parameters(parameters: Any) -> dict[str, float]:
    """E, A, B, alpha, beta of a Chinchilla law, checked."""
    closed_form(parameters)
    given = dict(check_mapping("parameters", parameters, remedy="pass a dict such as fit.params"))
    if "Nc" in given:
        raise invalid("parameters", "those of a Chinchilla law", sorted(given), "pass E, A, B, alpha, beta")
    given.setdefault("beta", given["alpha"])
    return {name: float(given[name]) for name in _NAMES}


def _check_numbers(planned: Any) -> None:
    """Every field a finite number."""
    for field in fields(planned):
        object.__setattr__(planned, field.name, check_real(field.name, getattr(planned, field.name)))


@dataclass(frozen=True)
class InferencePlan:
    """N parameters trained on D tokens, with loss (nats), that cost `flops` in training and inference together.

    training_flops: 6 N D. plain_parameters, plain_tokens, plain_flops: the compute-optimal model of the same loss, and
    what it costs with the same inference. saving: 1 - flops / plain_flops.
    """

    N: float
    D: float
    loss: float
    flops: float
    training_flops: float
    plain_parameters: float
    plain_tokens: float
    plain_flops: float
    saving: float

    def __post_init__(self) -> None:
        _check_numbers(self)


def inference_aware(
    parameters: Mapping[str, float],
    inference_tokens: float,
    *,
    loss: float | None = None,
    flops: float | None = None,
    cost_ratio: float = 1 / 3,
) -> InferencePlan:
    """The model that is cheapest to train and to use: min 6 N D + 2 N D_inf at a given loss (Sardana et al. 2023, arXiv
    2401.00448), or the lowest loss for a given sum.

    parameters: E, A, B, alpha, beta. inference_tokens: D_inf, over the model's life. Give one of loss (nats, above E)
    and flops (training and inference together). cost_ratio: price of an inference token over that of a training token,
    per parameter; 1/3 is 2 N against 6 N at equal prices per FLOP, lower utilization in inference raises it.
    Raises InvalidArgument.

    >>> law = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.336, "beta": 0.283}
    >>> plan = inference_aware(law, 1e13, loss=1.9582534)  # the quality of a compute-optimal model of 30B parameters
    >>> f"{plan.N:.3g} parameters on {plan.D / plan.plain_tokens:.2f} times the tokens save {plan.saving:.0%}"
    '1.36e+10 parameters on 2.84 times the tokens save 28%'
    """
    p = chinchilla_parameters(parameters)
    served = check_real("inference_tokens", inference_tokens, minimum=0, maximum=1e40)
    ratio = check_real("cost_ratio", cost_ratio, above=0, maximum=1e6)
    if (loss is None) == (flops is None):
        raise invalid("loss", "given, or flops, but not both", (loss, flops), "pass one of the two")
    optimal = closed_form(p)
    shared = ratio * served  # inference tokens in the price of training tokens
    if loss is not None:
        loss = check_real("loss", loss, above=p["E"])
        excess = loss - p["E"]
        with np.errstate(over="ignore", divide="ignore"):
            budget = float(np.exp((np.log(optimal.K) - np.log(excess)) / optimal.gamma))
        if not 1.0 < budget < 1e60:
            raise invalid("loss", "one that a budget of 1 to 1e60 FLOPs reaches", loss, "pass another loss")
        plain_n = float(optimal.optimal_parameters(budget))
        smallest = (np.log(p["A"]) - np.log(excess)) / p["alpha"]

        def tokens(log_n: float) -> float:
            rest = excess - p["A"] * np.exp(-p["alpha"] * log_n)
            return float(np.exp((np.log(p["B"]) - np.log(rest)) / p["beta"])) if rest > 0 else np.inf

        def slope(log_n: float) -> float:
            """d cost / d log N over 6 N; rises from minus infinity at the smallest model that can reach the loss."""
            D = tokens(log_n)
            push = p["alpha"] * p["A"] * np.exp(-p["alpha"] * log_n)
            return 1 - push / (p["beta"] * p["B"]) * D ** p["beta"] + shared / D if np.isfinite(D) else -np.inf

        low, high = smallest, float(np.log(plain_n)) + 1e-9
        for _ in range(200):  # bisection to the last bit: the slope is infinite at one end
            middle = (low + high) / 2
            low, high = (middle, high) if slope(middle) < 0 else (low, middle)
        log_n, D = high, tokens(high)
    else:
        budget = check_real("flops", flops, minimum=1.0, maximum=1e60)
        log_most = float(np.log(budget / 6)) - (np.log(shared) if shared > 0 else -np.inf)
        high = min(float(np.log(optimal.optimal_parameters(budget))) + 1e-9, log_most)

        def pull(log_n: float) -> float:
            """d L / d log N with the budget used up; falls below zero towards small models."""
            total = budget / 6 / np.exp(log_n)
            D = total - shared
            if D <= 0:
                return np.inf
            return p["beta"] * p["B"] * D ** -p["beta"] * total / D - p["alpha"] * p["A"] * np.exp(-p["alpha"] * log_n)

        low = high - 100.0
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if pull(middle) < 0 else (low, middle)
        log_n = low
        D = budget / 6 / np.exp(log_n) - shared
        loss = p["E"] + p["A"] * np.exp(-p["alpha"] * log_n) + p["B"] * D ** -p["beta"]
        training = float(np.exp((np.log(optimal.K) - np.log(loss - p["E"])) / optimal.gamma))
        plain_n = float(optimal.optimal_parameters(training))
        budget = training
    N, plain_d = float(np.exp(log_n)), float(optimal.optimal_tokens(budget))
    cost, plain = 6 * N * (D + shared), 6 * plain_n * (plain_d + shared)
    found = np.array([N, D, loss, cost, 6 * N * D, plain_n, plain_d, plain, 1 - cost / plain])
    if not np.isfinite(found).all():
        raise invalid("inference_tokens", "a demand with a finite optimum", inference_tokens, "check the units")
    return InferencePlan(*found.tolist())


def effective_amount(
    amount: Float[np.ndarray, "*points"] | float, unique: Float[np.ndarray, "*points"] | float, decay: float
) -> Float[np.ndarray, "*points"]:
    """U + U R* (1 - exp(-R / R*)), R = amount / U - 1: what repeated tokens, or excess parameters, are worth in fresh
    ones (Muennighoff et al. 2023, section 3.1). amount <= unique is worth itself. decay: R*.

    >>> round(float(effective_amount(5, 1, 3)), 2)  # their example: one token, five epochs
    3.21
    """
    amount = check_array("amount", amount, above=0, least=0)
    unique = check_array("unique", unique, above=0, least=0)
    decay = check_real("decay", decay, above=0)
    try:
        amount, unique = np.broadcast_arrays(amount, unique)
    except ValueError:
        raise invalid("unique", f"a number or of shape {amount.shape}, as amount", unique, "pass one each") from None
    base = np.minimum(amount, unique)
    repeats = amount / base - 1
    return np.asarray(base - base * decay * np.expm1(-repeats / decay))


def repeated_data_loss(
    parameters: Mapping[str, float],
    N: Float[np.ndarray, "*points"] | float,
    D: Float[np.ndarray, "*points"] | float,
    unique_tokens: float,
    *,
    token_decay: float = 15.387756,
    parameter_decay: float = 5.309743,
) -> Float[np.ndarray, "*points"]:
    """L(N, D) in nats where only `unique_tokens` of the D tokens are distinct (Muennighoff et al. 2023, appendix A).

    L = E + A N'^-alpha + B D'^-beta, D' and N' the effective amounts; the parameters that count fully are the optimal
    ones for the unique tokens, U_N = G (G U_D)^(beta / alpha). Defaults: their R*_D and R*_N, fitted on C4 up to 9B
    parameters with the parameters of the law "muennighoff". Raises InvalidArgument.
    """
    p = chinchilla_parameters(parameters)
    N, D = check_array("N", N, above=0, least=0), check_array("D", D, above=0, least=0)
    unique = check_real("unique_tokens", unique_tokens, above=0, maximum=1e60)
    token_decay = check_real("token_decay", token_decay, above=0)
    parameter_decay = check_real("parameter_decay", parameter_decay, above=0)
    try:
        N, D = np.broadcast_arrays(N, D)
    except ValueError:
        raise invalid("D", f"a number or of shape {N.shape}, as N", D, "pass one for each N") from None
    matched = np.exp(np.clip(_log_matched(p, np.log(np.minimum(D, unique))), -700, 700))
    worth_n = effective_amount(N, np.asarray(matched), parameter_decay)
    worth_d = effective_amount(D, unique, token_decay)
    return np.asarray(p["E"] + p["A"] * worth_n ** -p["alpha"] + p["B"] * worth_d ** -p["beta"])


def _log_matched(p: Mapping[str, float], log_d: Any) -> Any:
    """log N of the compute-optimal model for exp(log_d) tokens."""
    optimal = closed_form(p)
    return optimal.log_n + optimal.a * (log_d - optimal.log_d) / optimal.b


@dataclass(frozen=True)
class RepeatedPlan:
    """N parameters for D tokens seen, `epochs` times the unique ones; loss in nats.

    effective_parameters, effective_tokens: what they are worth. plain_parameters, plain_tokens, plain_loss: the
    allocation that takes repeated tokens for fresh ones, and its true loss.
    """

    N: float
    D: float
    epochs: float
    loss: float
    effective_parameters: float
    effective_tokens: float
    plain_parameters: float
    plain_tokens: float
    plain_loss: float

    def __post_init__(self) -> None:
        _check_numbers(self)


def repeated_data(
    parameters: Mapping[str, float],
    flops: float,
    unique_tokens: float,
    *,
    token_decay: float = 15.387756,
    parameter_decay: float = 5.309743,
) -> RepeatedPlan:
    """The best N and number of epochs for `flops` = 6 N D when only `unique_tokens` exist (see `repeated_data_loss`).

    Where the plain optimum needs no more than the unique tokens, it is returned. Raises InvalidArgument.
    """
    p = chinchilla_parameters(parameters)
    flops = check_real("flops", flops, minimum=1.0, maximum=1e60)
    unique = check_real("unique_tokens", unique_tokens, minimum=1.0, maximum=1e60)
    decays = {"token_decay": token_decay, "parameter_decay": parameter_decay}
    decays = {name: check_real(name, value, above=0) for name, value in decays.items()}
    optimal = closed_form(p)
    plain_n, plain_d = float(optimal.optimal_parameters(flops)), float(optimal.optimal_tokens(flops))

    def loss(log_n: Any) -> Any:
        N = np.exp(log_n)
        return repeated_data_loss(p, N, flops / 6 / N, unique, **decays)

    log_n = float(np.log(plain_n))
    if plain_d > unique:
        # Between the fewest parameters, all compute in epochs, and the most, one epoch.
        axis = np.linspace(log_n - 30, max(log_n, float(np.log(flops / 6 / unique))), 4001)
        best = int(np.argmin(loss(axis)))
        ends = axis[max(best - 1, 0)], axis[min(best + 1, len(axis) - 1)]
        log_n = float(optimize.minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-10}).x)
    N = float(np.exp(log_n))
    D = flops / 6 / N
    matched = float(np.exp(np.clip(_log_matched(p, np.log(min(D, unique))), -700, 700)))
    return RepeatedPlan(
        N,
        D,
        max(D / unique, 1.0),
        float(loss(log_n)),
        float(effective_amount(N, matched, decays["parameter_decay"])),
        float(effective_amount(D, unique, decays["token_decay"])),
        plain_n,
        plain_d,
        float(loss(np.log(plain_n))),
    )
