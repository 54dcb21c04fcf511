"""Two corrections of the compute-optimal allocation: models that will be used, and data that must be repeated."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float
from scipy import optimize
from scipy.optimize.elementwise import find_root

from scaling_lib.arguments import BY_HAND, Entries, Positive, Real, checked
from scaling_lib.errors import check_real, invalid
from scaling_lib.fits.allocation.frontiers import LawParameters, closed_form

__all__ = [
    "InferencePlan",
    "PenalisedPlan",
    "RepeatedPlan",
    "effective_amount",
    "inference_aware",
    "penalised_data",
    "penalised_loss",
    "repeated_data",
    "repeated_data_loss",
]

_NAMES = ("E", "A", "B", "alpha", "beta")
_Penalty = Annotated[float, Real(minimum=0, maximum=1e6)]
_Exponent = Annotated[float, Real(above=0, maximum=10)]
_Amounts = Annotated[Float[np.ndarray, "*#points"] | float, Entries(above=0, least=0)]


@checked
def chinchilla_parameters(parameters: LawParameters) -> dict[str, float]:
    """E (nats), A, B, alpha, beta of a Chinchilla law, checked; a law with one exponent has alpha for both.

    Raises InvalidArgument where one is missing or out of range, and for the parameters of another law.
    """
    closed_form(parameters)
    given = dict(parameters)
    if "Nc" in given:
        raise invalid("parameters", "those of a Chinchilla law", sorted(given), "pass E, A, B, alpha, beta")
    given.setdefault("beta", given["alpha"])
    return {name: float(given[name]) for name in _NAMES}


@checked
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


@checked
def inference_aware(
    parameters: LawParameters,
    inference_tokens: Annotated[float, Real(minimum=0, maximum=1e40)],
    *,
    loss: Annotated[float | None, BY_HAND] = None,
    flops: Annotated[float | None, BY_HAND] = None,
    cost_ratio: Annotated[float, Real(above=0, maximum=1e6)] = 1 / 3,
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
    if (loss is None) == (flops is None):
        raise invalid("loss", "given, or flops, but not both", (loss, flops), "pass one of the two")
    optimal = closed_form(p)
    shared = cost_ratio * inference_tokens  # inference tokens in the price of training tokens
    if loss is not None:
        loss = check_real("loss", loss, above=p["E"])
        excess = loss - p["E"]
        with np.errstate(over="ignore", divide="ignore"):
            budget = float(np.exp((np.log(optimal.K) - np.log(excess)) / optimal.gamma))
        if not 1.0 < budget < 1e60:
            raise invalid("loss", "one that a budget of 1 to 1e60 FLOPs reaches", loss, "pass another loss")
        plain_n = float(optimal.optimal_parameters(budget))
        smallest = (np.log(p["A"]) - np.log(excess)) / p["alpha"]

        def tokens(log_n: Any) -> Any:
            """D that reaches the loss with exp(log_n) parameters; infinite where none does."""
            rest = excess - p["A"] * np.exp(-p["alpha"] * log_n)
            return np.exp((np.log(p["B"]) - np.log(np.maximum(rest, 0.0))) / p["beta"])

        def slope(log_n: Any) -> Any:
            """d cost / d log N over 6 N; rises from minus infinity at the smallest model that can reach the loss."""
            D = tokens(log_n)
            push = p["alpha"] * p["A"] * np.exp(-p["alpha"] * log_n)
            return 1 - push / (p["beta"] * p["B"]) * D ** p["beta"] + shared / D

        log_n = _root(slope, smallest, float(np.log(plain_n)) + 1e-9, inference_tokens)[1]
        D = float(tokens(log_n))
    else:
        budget = check_real("flops", flops, minimum=1.0, maximum=1e60)
        log_most = float(np.log(budget / 6)) - (np.log(shared) if shared > 0 else -np.inf)
        high = min(float(np.log(optimal.optimal_parameters(budget))) + 1e-9, log_most)

        def pull(log_n: Any) -> Any:
            """d L / d log N with the budget used up; falls below zero towards small models, and is infinite where the
            budget is spent on inference alone."""
            total = budget / 6 / np.exp(log_n)
            D = np.maximum(total - shared, 0.0)
            data = p["beta"] * p["B"] * D ** -p["beta"] * total / D
            return data - p["alpha"] * p["A"] * np.exp(-p["alpha"] * log_n)

        log_n = _root(pull, high - 100.0, high, inference_tokens)[0]
        D = budget / 6 / np.exp(log_n) - shared
        loss = p["E"] + p["A"] * np.exp(-p["alpha"] * log_n) + p["B"] * D ** -p["beta"]
        training = float(np.exp((np.log(optimal.K) - np.log(loss - p["E"])) / optimal.gamma))
        plain_n = float(optimal.optimal_parameters(training))
        budget = training
    N, plain_d = float(np.exp(log_n)), float(optimal.optimal_tokens(budget))
    cost, plain = 6 * N * (D + shared), 6 * plain_n * (plain_d + shared)
    planned = np.array([N, D, loss, cost, 6 * N * D, plain_n, plain_d, plain, 1 - cost / plain])
    if not np.isfinite(planned).all():
        raise invalid("inference_tokens", "a demand with a finite optimum", inference_tokens, "check the units")
    return InferencePlan(*planned.tolist())


def _root(rising: Callable[[Any], Any], low: float, high: float, inference_tokens: float) -> tuple[float, float]:
    """Neighbouring numbers around the root of a rising function, which may be infinite at either end.

    Raises InvalidArgument, which names inference_tokens, where it does not change sign between low and high."""
    with np.errstate(all="ignore"):
        # arctan keeps the sign and makes the ends finite, as interpolation between them needs.
        root = find_root(lambda x: np.arctan(rising(x)), (low, high))
    if not root.success:
        raise invalid("inference_tokens", "a demand with a finite optimum", inference_tokens, "check the units")
    low, high = sorted(float(end) for end in root.bracket)
    return low, high


@checked
def effective_amount(amount: _Amounts, unique: _Amounts, decay: Positive) -> Float[np.ndarray, "*points"]:
    """U + U R* (1 - exp(-R / R*)), R = amount / U - 1: what repeated tokens, or excess parameters, are worth in fresh
    ones (Muennighoff et al. 2023, section 3.1). amount <= unique is worth itself. decay: R*.

    >>> round(float(effective_amount(5, 1, 3)), 2)  # their example: one token, five epochs
    3.21
    """
    try:
        amount, unique = np.broadcast_arrays(amount, unique)
    except ValueError:
        raise invalid(
            "unique", f"a number or of shape {np.shape(amount)}, as amount", unique, "pass one each"
        ) from None
    base = np.minimum(amount, unique)
    repeats = amount / base - 1
    return np.asarray(base - base * decay * np.expm1(-repeats / decay))


@checked
def repeated_data_loss(
    parameters: LawParameters,
    N: _Amounts,
    D: _Amounts,
    unique_tokens: Annotated[float, Real(above=0, maximum=1e60)],
    *,
    token_decay: Positive = 15.387756,
    parameter_decay: Positive = 5.309743,
) -> Float[np.ndarray, "*points"]:
    """L(N, D) in nats where only `unique_tokens` of the D tokens are distinct (Muennighoff et al. 2023, appendix A).

    L = E + A N'^-alpha + B D'^-beta, D' and N' the effective amounts; the parameters that count fully are the optimal
    ones for the unique tokens, U_N = G (G U_D)^(beta / alpha). So without any repetition too (D <= unique_tokens, where
    U_D is D) parameters above N_opt(D) are discounted, and the loss lies above that of the plain law. Defaults: their
    R*_D and R*_N, fitted on C4 up to 9B parameters with the parameters of the law "muennighoff". Raises
    InvalidArgument.
    """
    p = chinchilla_parameters(parameters)
    try:
        N, D = np.broadcast_arrays(N, D)
    except ValueError:
        raise invalid("D", f"a number or of shape {np.shape(N)}, as N", D, "pass one for each N") from None
    matched = np.exp(np.clip(_log_matched(p, np.log(np.minimum(D, unique_tokens))), -700, 700))
    worth_n = effective_amount(N, np.asarray(matched), parameter_decay)
    worth_d = effective_amount(D, unique_tokens, token_decay)
    return np.asarray(p["E"] + p["A"] * worth_n ** -p["alpha"] + p["B"] * worth_d ** -p["beta"])


def _log_matched(p: Mapping[str, float], log_d: Any) -> Any:
    """log N of the compute-optimal model for exp(log_d) tokens."""
    optimal = closed_form(p)
    return optimal.log_n + optimal.a * (log_d - optimal.log_d) / optimal.b


@checked
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


@checked
def repeated_data(
    parameters: LawParameters,
    flops: Annotated[float, Real(minimum=1.0, maximum=1e60)],
    unique_tokens: Annotated[float, Real(minimum=1.0, maximum=1e60)],
    *,
    token_decay: Positive = 15.387756,
    parameter_decay: Positive = 5.309743,
) -> RepeatedPlan:
    """The best N and number of epochs for `flops` = 6 N D when only `unique_tokens` exist (see `repeated_data_loss`).

    Where the plain optimum needs no more than the unique tokens, it is returned. Raises InvalidArgument.
    """
    p = chinchilla_parameters(parameters)
    optimal = closed_form(p)
    plain_n, plain_d = float(optimal.optimal_parameters(flops)), float(optimal.optimal_tokens(flops))

    def loss(log_n: Any) -> Any:
        N = np.exp(log_n)
        tokens = flops / 6 / N
        return repeated_data_loss(p, N, tokens, unique_tokens, token_decay=token_decay, parameter_decay=parameter_decay)

    log_n = float(np.log(plain_n))
    if plain_d > unique_tokens:
        # Between the fewest parameters, all compute in epochs, and the most, one epoch.
        axis = np.linspace(log_n - 30, max(log_n, float(np.log(flops / 6 / unique_tokens))), 4001)
        best = int(np.argmin(loss(axis)))
        ends = axis[max(best - 1, 0)], axis[min(best + 1, len(axis) - 1)]
        log_n = float(optimize.minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-10}).x)
    N = float(np.exp(log_n))
    D = flops / 6 / N
    matched = float(np.exp(np.clip(_log_matched(p, np.log(min(D, unique_tokens))), -700, 700)))
    return RepeatedPlan(
        N,
        D,
        max(D / unique_tokens, 1.0),
        float(loss(log_n)),
        float(effective_amount(N, matched, parameter_decay)),
        float(effective_amount(D, unique_tokens, token_decay)),
        plain_n,
        plain_d,
        float(loss(np.log(plain_n))),
    )


@checked
def penalised_loss(
    parameters: LawParameters,
    N: _Amounts,
    D: _Amounts,
    unique_tokens: Annotated[float, Real(above=0, maximum=1e60)],
    *,
    penalty: _Penalty,
    repeat_exponent: _Exponent,
    capacity_exponent: _Exponent,
) -> Float[np.ndarray, "*points"]:
    """L(N, D) in nats where `unique_tokens` are distinct, with a penalty for overfitting (Lovelace et al. 2026, arXiv
    2605.01640).

    L = E + A N^-alpha + B D^-beta + P R^delta (N / U)^kappa, R = D / U - 1 the repeats, none where D <= U. Repeated
    tokens are worth fresh ones here; what they do is harm, and the more so the larger the model. penalty: P, nats.
    repeat_exponent, capacity_exponent: delta, kappa. All three depend on the recipe (weight decay above all) and have
    no default: fit them to runs of your own. Raises InvalidArgument.

    >>> law = {"E": 1.7, "A": 400.0, "B": 410.0, "alpha": 0.34, "beta": 0.28}
    >>> told = {"repeat_exponent": 1.0, "capacity_exponent": 0.5}
    >>> free, paid = (float(penalised_loss(law, 1e9, 1e11, 1e10, penalty=P, **told)) for P in (0.0, 0.1))
    >>> round(paid - free, 3)  # nine repeats: 0.1 * 9 * 0.1^0.5
    0.285
    """
    p = chinchilla_parameters(parameters)
    try:
        N, D = np.broadcast_arrays(N, D)
    except ValueError:
        raise invalid("D", f"a number or of shape {np.shape(N)}, as N", D, "pass one for each N") from None
    repeats = np.maximum(D / unique_tokens - 1, 0.0)
    with np.errstate(over="ignore"):
        harm = penalty * repeats**repeat_exponent * (N / unique_tokens) ** capacity_exponent
    loss = p["E"] + p["A"] * N ** -p["alpha"] + p["B"] * D ** -p["beta"] + harm
    if not np.isfinite(loss).all():
        raise invalid("penalty", "such that every loss is a finite number", penalty, "check the units and exponents")
    return np.asarray(loss)


@checked
@dataclass(frozen=True)
class PenalisedPlan:
    """N parameters for D tokens seen, `epochs` times the unique ones; loss in nats, of which `harm` is the penalty.

    plain_parameters, plain_tokens, plain_loss: the allocation that forgets the penalty, and its true loss.
    """

    N: float
    D: float
    epochs: float
    loss: float
    harm: float
    plain_parameters: float
    plain_tokens: float
    plain_loss: float


@checked
def penalised_data(
    parameters: LawParameters,
    flops: Annotated[float, Real(minimum=1.0, maximum=1e60)],
    unique_tokens: Annotated[float, Real(minimum=1.0, maximum=1e60)],
    *,
    penalty: _Penalty,
    repeat_exponent: _Exponent,
    capacity_exponent: _Exponent,
) -> PenalisedPlan:
    """The best N and number of epochs for `flops` = 6 N D under `penalised_loss`; all arguments as there.

    The optimum may have fewer epochs than the plain one and a larger model, or a smaller one, as the exponents say.
    Where the plain optimum needs no more than the unique tokens, it is returned. Raises InvalidArgument.
    """
    p = chinchilla_parameters(parameters)
    optimal = closed_form(p)
    plain_n, plain_d = float(optimal.optimal_parameters(flops)), float(optimal.optimal_tokens(flops))
    exponents = {"repeat_exponent": repeat_exponent, "capacity_exponent": capacity_exponent}

    def loss(log_n: Any, of: float = penalty) -> Any:
        N = np.exp(log_n)
        return penalised_loss(p, N, flops / 6 / N, unique_tokens, penalty=of, **exponents)

    log_n = float(np.log(plain_n))
    if plain_d > unique_tokens and penalty > 0:
        # From a thousandth of the plain size to the size that sees each token once.
        axis = np.linspace(log_n - 7, float(np.log(flops / 6 / unique_tokens)), 4001)
        best = int(np.argmin(loss(axis)))
        ends = axis[max(best - 1, 0)], axis[min(best + 1, len(axis) - 1)]
        log_n = float(optimize.minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-10}).x)
    N, reached = float(np.exp(log_n)), float(loss(log_n))
    D = flops / 6 / N
    harm = reached - float(loss(log_n, 0.0))
    return PenalisedPlan(
        N, D, max(D / unique_tokens, 1.0), reached, harm, plain_n, plain_d, float(loss(np.log(plain_n)))
    )
