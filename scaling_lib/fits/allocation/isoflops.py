"""Approach 2 of Hoffmann et al. 2022: a parabola through the runs of each budget, and what it does to a known law."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from scaling_lib.arguments import BY_HAND, Entries, Integer, Positive, Real, checked
from scaling_lib.errors import check_real, invalid
from scaling_lib.fits.allocation.frontiers import (
    Frontier,
    LawParameters,
    OptionalGenerator,
    closed_form,
    edge_sentence,
    frontier_of,
    power_laws_of_draws,
    require_budgets,
)
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla
from scaling_lib.fits.surfaces.surface import checked_runs

__all__ = ["isoflop", "isoflop_bias", "isoflop_loss"]

# An iso-FLOP grid that reaches further than the first factor from its middle is wide, one whose vertex lies further
# than the second from it is off-centre. At 4 the intercept of D_opt is 1 to 7 % off on the published surfaces.
_WIDE, _OFF_CENTRE, _BIASED = 4.0, 2.0, 0.05
_FEWEST = 4
_COLUMNS = ("C", "N", "D", "loss", "at_edge", "used", "runs", "width", "offset", "bias_N", "bias_D")


@checked
def isoflop(
    table: Any,
    generator: OptionalGenerator = None,
    *,
    spread: Annotated[float, Real(above=1)] = 1.2,
    within: Annotated[float | None, Real(above=1)] = None,
    resamples: Annotated[int, Integer(minimum=2, maximum=100_000)] = 1000,
    resampling: Literal["signs", "pairs", "budgets"] = "signs",
) -> Frontier:
    """Approach 2: runs of one budget, a least squares parabola of L in log N, its vertex; D_opt = C / 6 N_opt.

    table: N, D, loss; C = 6 N D. spread: runs whose C lie within this factor of the smallest are one budget (fewer than
    four sizes: left out). within: keep only runs whose N is within this factor of the budget's best run. generator:
    bands from `resamples` of them. resampling: "signs", residuals of the parabolas with random signs, the design stays;
    "pairs", runs with replacement inside each budget; "budgets", whole budgets with replacement, their optima as they
    are, which holds what makes an optimum differ from the line, whatever it is. Raises InvalidArgument.

    On planted ladders of seven budgets with nine sizes each, 95 % bands of the exponent a by signs and by budgets held
    the truth in 886 of 1,000, those by pairs in 977 (tests/fits/allocation): with few budgets, prefer pairs.

    `optima` has also: runs; width, the factor by which the grid reaches from its middle; offset, the vertex over that
    middle; bias_N and bias_D, the relative errors that the parabola makes, noise-free and on these very runs, on the
    law fitted to the table. The warnings name grids that are wide, off-centre, or biased by more than 5 %.
    """
    runs = checked_runs(table)
    law = fit(Chinchilla(), runs)
    truth = closed_form(law.params)
    runs = runs.assign(C=6 * runs["N"] * runs["D"], clean=law.fitted).sort_values("C", kind="stable")
    kept, vertices, left_out = [], [], 0
    for group in _budgets_of(runs, spread):
        if within is not None:
            best = group["N"].loc[group["loss"].idxmin()]
            group = group[np.abs(np.log(group["N"] / best)) <= np.log(within)]
        if group["N"].nunique() < _FEWEST:
            left_out += 1
            continue
        log_n, C = np.log(group["N"].to_numpy()), float(np.exp(np.log(group["C"]).mean()))
        vertex, lowest, inside = _vertices(log_n, group["loss"].to_numpy()[None])
        clean, _, _ = _vertices(log_n, group["clean"].to_numpy()[None])
        middle, half = (log_n.max() + log_n.min()) / 2, np.ptp(log_n) / 2
        bias = float(np.clip(clean[0] - np.log(truth.optimal_parameters(C)), -20, 20))
        N = float(np.exp(vertex[0]))
        edge, shape = not inside[0], (len(group), float(np.exp(half)), float(np.exp(vertex[0] - middle)))
        vertices.append((C, N, C / 6 / N, float(lowest[0]), edge, not edge, *shape, np.expm1(bias), np.expm1(-bias)))
        kept.append(group)
    optima = pd.DataFrame(vertices, columns=list(_COLUMNS))
    require_budgets(optima, "table", "train four sizes or more around the best at each budget, or raise spread")
    draws = None if generator is None else _DRAWS[resampling](optima, kept, generator, resamples)
    warnings = [
        edge_sentence(optima, "the vertex is outside the grid, or the parabola has none"),
        *_design_sentences(optima[optima["used"]], left_out),
    ]
    return frontier_of("isoflop", optima, warnings, draws, resamples)


def _budgets_of(runs: pd.DataFrame, spread: float) -> Iterator[pd.DataFrame]:
    """Runs, sorted by C, in groups that begin where C is more than `spread` above the group's first.

    Inside a group they are sorted by N: runs of equal compute have a C = 6 N D that differs in its last bit, and which
    run gets which random sign must not depend on that bit."""
    C = runs["C"].to_numpy()
    first = 0
    while first < len(C):
        beyond = int(np.searchsorted(C, C[first] * spread, side="right"))
        yield runs.iloc[first:beyond].sort_values("N", kind="stable")
        first = beyond


def _vertices(
    log_n: Float[np.ndarray, " runs"], loss: Float[np.ndarray, "draws runs"]
) -> tuple[Float[np.ndarray, " draws"], Float[np.ndarray, " draws"], Bool[np.ndarray, " draws"]]:
    """log N of the vertex of each draw's parabola, its loss, whether it is a minimum inside the grid.

    Where it is not, the grid's point of lowest parabola stands in, so that every number is finite."""
    middle, half = (log_n.max() + log_n.min()) / 2, np.ptp(log_n) / 2
    x = (log_n - middle) / half
    constant, slope, bend = np.linalg.lstsq(np.stack([np.ones_like(x), x, x**2], axis=1), loss.T, rcond=None)[0]
    with np.errstate(all="ignore"):
        place = -slope / (2 * bend)
    inside = (bend > 0) & (np.abs(place) <= 1)
    place = np.where(inside, place, -np.sign(slope))
    return middle + half * place, constant + slope * place + bend * place**2, inside


def _draws(
    optima: pd.DataFrame, groups: list[pd.DataFrame], generator: np.random.Generator, resamples: int
) -> pd.DataFrame:
    """Residuals with random signs (Rademacher), inflated by sqrt(n / (n - 3)), in every budget."""
    parts = []
    for group in groups:
        log_n, loss = np.log(group["N"].to_numpy()), group["loss"].to_numpy()
        fitted = np.polyval(np.polyfit(log_n - log_n.mean(), loss, 2), log_n - log_n.mean())
        signs = generator.integers(0, 2, (resamples, len(loss))) * 2.0 - 1.0
        parts.append(_vertices(log_n, fitted + signs * (loss - fitted) * np.sqrt(len(loss) / (len(loss) - 3))))
    log_n, lowest, inside = (np.stack(column, axis=1) for column in zip(*parts, strict=True))
    N = np.exp(log_n)
    return power_laws_of_draws(optima, N, optima["C"].to_numpy() / 6 / N, lowest, inside)


def _draws_of_pairs(
    optima: pd.DataFrame, groups: list[pd.DataFrame], generator: np.random.Generator, resamples: int
) -> pd.DataFrame:
    """Runs with replacement in every budget; a resample of fewer than four sizes has no vertex."""
    parts = []
    for group in groups:
        log_n, loss = np.log(group["N"].to_numpy()), group["loss"].to_numpy()
        counts = generator.multinomial(len(loss), np.full(len(loss), 1 / len(loss)), size=resamples).astype(float)
        middle, half = (log_n.max() + log_n.min()) / 2, np.ptp(log_n) / 2
        x = (log_n - middle) / half
        design = np.stack([np.ones_like(x), x, x**2], axis=1)
        _, size = np.unique(log_n, return_inverse=True)
        sizes = np.stack([counts[:, size == place].sum(axis=1) > 0 for place in range(size.max() + 1)]).sum(axis=0)
        told = sizes >= _FEWEST
        whole = np.einsum("rn,np,nq->rpq", counts, design, design)
        whole[~told] = np.eye(3)
        right = np.einsum("rn,np,n->rp", counts, design, loss)
        constant, slope, bend = np.linalg.solve(whole, right[..., None])[..., 0].T
        with np.errstate(all="ignore"):
            place = -slope / (2 * bend)
        inside = told & (bend > 0) & (np.abs(place) <= 1)
        place = np.where(inside, place, 0.0)
        parts.append((middle + half * place, np.where(inside, constant + slope * place + bend * place**2, 1.0), inside))
    log_n, lowest, inside = (np.stack(column, axis=1) for column in zip(*parts, strict=True))
    N = np.exp(log_n)
    return power_laws_of_draws(optima, N, optima["C"].to_numpy() / 6 / N, lowest, inside)


def _draws_of_budgets(
    optima: pd.DataFrame, groups: list[pd.DataFrame], generator: np.random.Generator, resamples: int
) -> pd.DataFrame:
    """Budgets with replacement, of those that are used; each brings its optimum."""
    used = optima["used"].to_numpy(bool)
    counts = np.zeros((resamples, len(optima)))
    counts[:, used] = generator.multinomial(used.sum(), np.full(used.sum(), 1 / used.sum()), size=resamples)
    N, D, loss = (np.broadcast_to(optima[name].to_numpy(), counts.shape) for name in ("N", "D", "loss"))
    return power_laws_of_draws(optima, N, D, loss, counts > 0, counts)


_DRAWS = {"signs": _draws, "pairs": _draws_of_pairs, "budgets": _draws_of_budgets}


def _design_sentences(used: pd.DataFrame, left_out: int) -> list[str]:
    said = []
    if left_out:
        said.append(f"{left_out} budgets had fewer than {_FEWEST} sizes and were left out.")
    wide = int((used["width"] > _WIDE).sum())
    if wide:
        said.append(
            f"{wide} of {len(used)} grids reach further than a factor of {_WIDE:g} from their middle (up to "
            f"{used['width'].max():.3g}): a parabola is a poor likeness there; narrow them with within."
        )
    away = int((np.abs(np.log(used["offset"])) > np.log(_OFF_CENTRE)).sum())
    if away:
        said.append(
            f"{away} of {len(used)} grids have their vertex further than a factor of {_OFF_CENTRE:g} from their "
            f"middle: off-centre grids bias N_opt, drifting ones the exponents."
        )
    worst = used["bias_D"].iloc[int(np.abs(used["bias_D"]).to_numpy().argmax())]
    if abs(worst) > _BIASED:
        said.append(
            f"On the law fitted to this table, these grids put D_opt off by up to {worst:+.1%} without any noise: "
            f"check against the parametric frontier."
        )
    return said


@checked
def isoflop_loss(
    parameters: LawParameters,
    N: Annotated[Float[np.ndarray, "*models"], Entries(above=0, least=0)],
    flops: Positive,
) -> Float[np.ndarray, "*models"]:
    """Loss (nats) of models of N parameters, each trained on the D = flops / 6 N tokens that the budget leaves it.

    parameters: E, A, B, alpha, beta of a Chinchilla law. flops: C, in FLOPs. Raises InvalidArgument.

    >>> law = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
    >>> isoflop_loss(law, np.array([1e9, 2e9, 4e9]), 1e20).round(4).tolist()
    [2.6081, 2.6547, 2.7427]
    """
    return Chinchilla().loss(parameters, N=N, D=flops / 6 / N)


@checked
def isoflop_bias(
    parameters: LawParameters,
    *,
    width: Annotated[float, Real(above=1.0, maximum=1e6)],
    points: Annotated[int, Integer(minimum=3, maximum=100_000)] = 15,
    centre: Annotated[float, Real(minimum=1e-3, maximum=1e3)] = 1.0,
    drift: Annotated[float, Real(minimum=1e-3, maximum=1e3)] = 1.0,
    budgets: Annotated[int, Integer(minimum=2, maximum=100_000)] = 5,
    low: Annotated[float, Real(minimum=1.0, maximum=1e60)] = 1e17,
    high: Annotated[float, BY_HAND] = 1e21,
    flops: Annotated[float, Real(minimum=1.0, maximum=1e60)] = 1e24,
) -> dict[str, float]:
    """What approach 2 finds on a noise-free law, against the truth (arXiv 2603.22339).

    parameters: E, A, B, alpha, beta. Each budget, log-spaced from low to high, has `points` sizes from N_mid / width to
    N_mid width, N_mid = centre drift^t N_opt with t from 0 at the lowest budget to 1 at the highest. Returns the
    relative errors of N_opt and D_opt extrapolated to `flops` ("N", "D") and the errors of the exponents ("a", "b").

    >>> law = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
    >>> round(100 * isoflop_bias(law, width=8)["D"], 1)
    -2.9
    """
    truth = closed_form(parameters)
    high = check_real("high", high, above=low, maximum=1e60)
    if "A" not in parameters:
        raise invalid("parameters", "those of a Chinchilla law", sorted(parameters), "pass E, A, B, alpha, beta")
    C = np.geomspace(low, high, budgets)
    middle = np.log(truth.optimal_parameters(C)) + np.log(centre) + np.linspace(0, 1, budgets) * np.log(drift)
    x = np.linspace(-1, 1, points)
    log_n = middle[:, None] + np.log(width) * x
    N = np.exp(log_n)
    loss = Chinchilla().loss({"beta": parameters["alpha"]} | dict(parameters), N=N, D=C[:, None] / 6 / N)
    _, slope, bend = np.linalg.lstsq(np.stack([np.ones(points), x, x**2], axis=1), loss.T, rcond=None)[0]
    if not (bend > 0).all():
        raise invalid("width", "such that the parabola bends upwards", width, "pass another one, or another centre")
    vertex = middle - np.log(width) * slope / (2 * bend)
    a, log_n1 = np.polyfit(np.log(C), vertex, 1)
    shift = log_n1 + a * np.log(flops) - np.log(truth.optimal_parameters(flops))
    return {
        "N": float(np.expm1(np.clip(shift, -700, 700))),
        "D": float(np.expm1(np.clip(-shift, -700, 700))),
        "a": float(a - truth.a),
        "b": float(truth.a - a),
    }
