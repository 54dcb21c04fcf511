"""Routes to the frontier from what was fitted: a law or a surface; and a table that compares routes."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from scipy import spatial
from tqdm import tqdm

from scaling_lib.arguments import BY_HAND, Integer, Positive, Remedy, Share, checked
from scaling_lib.errors import InvalidArgument, check_array, check_instance, check_mapping, check_sequence, invalid
from scaling_lib.fits.allocation.frontiers import (
    Frontier,
    OptionalGenerator,
    closed_form,
    closed_form_draws,
    edge_sentence,
    frontier_of,
    lost_draws,
    power_laws_of_draws,
    require_budgets,
)
from scaling_lib.fits.fitting import Fit
from scaling_lib.fits.surfaces.surface import Surface
from scaling_lib.fits.uncertainty.resampling import bootstrap

__all__ = ["comparison", "grid_minimum", "parametric"]


@checked
def parametric(
    fitted: Annotated[Fit, Remedy("make one with fit(Chinchilla(), runs)")],
    generator: OptionalGenerator = None,
    *,
    resamples: Annotated[int, Integer(minimum=2, maximum=1_000_000)] = 4000,
) -> Frontier:
    """Approach 3: the closed form of a fitted law (Chinchilla or Kaplan; see `closed_form`).

    fitted: `fit(Chinchilla(), runs)`. generator: bands from `resamples` pairs bootstraps; None: no bands.
    Raises InvalidArgument for a law without a frontier.

    >>> from scaling_lib.fits.fitting import fit
    >>> from scaling_lib.fits.laws import Chinchilla
    >>> N, D = (array.ravel() for array in np.meshgrid(np.geomspace(1e7, 1e10, 6), np.geomspace(1e9, 1e11, 6)))
    >>> runs = {"N": N, "D": D, "loss": 1.69 + 406.4 * N**-0.34 + 410.7 * D**-0.28}
    >>> round(parametric(fit(Chinchilla(), runs)).allocation.a, 6)
    0.451613
    """
    if fitted.law.variables != ("N", "D"):
        raise invalid("fitted", "the fit of a law in N and D", fitted.law.formula, "fit Chinchilla() or Kaplan()")
    try:
        allocation = closed_form(fitted.params)
    except InvalidArgument as error:
        raise InvalidArgument(f"fitted has no compute-optimal frontier: {error}") from None
    said = list(fitted.warnings)
    if generator is None:
        return Frontier("parametric", allocation, parameters=fitted.params, warnings=tuple(said))
    drawn = bootstrap(fitted, generator, resamples=resamples)
    draws = closed_form_draws({name: drawn[name] for name in drawn.parameters})
    said += lost_draws(resamples, draws)
    return Frontier("parametric", allocation, draws=draws, parameters=fitted.params, warnings=tuple(said))


@checked
def grid_minimum(
    surface: Annotated[Surface, Remedy("make one with surfaces.kernel_ridge")],
    resampled: Annotated[Sequence[Surface], Remedy("use resampled_surfaces", least=0)] = (),
    *,
    flops: Annotated[tuple[float, float] | None, BY_HAND] = None,
    budgets: Annotated[int, Integer(minimum=3, maximum=10_000)] = 100,
    grid: Annotated[int, Integer(minimum=3, maximum=10_000)] = 100,
    edges: Literal["drop", "keep"] = "drop",
    refine: bool = False,
    progress: bool = False,
) -> Frontier:
    """The paper's route (appendix B): L_opt(C) = min over N of L^(N, C/6N), N on a log grid between the smallest and
    the largest model; D_opt minimises L^(C/6D, D) on such a grid of D, a search of its own: a + b need not be 1.

    surface: any of `surfaces`. resampled: `resampled_surfaces(surface, generator)` for bands. flops: lowest and highest
    C; by default those of the runs. budgets, grid: how many values of C, and of N and D (the paper: 50 or 100). Only
    points with N and D both inside the range of the runs take part. edges: "drop" leaves optima on the border of that
    box out of the power laws, "keep" does not (the paper clips C by hand). refine: the vertex through the grid's lowest
    point and its neighbours instead of that point. `optima` has also loss_D, the lowest loss of the search over D (a
    cross-check), and outside_runs, the optimum lies outside the convex hull of the runs. Raises InvalidArgument.
    """
    runs = surface.table
    C = np.geomspace(*_range_of_budgets(flops, 6 * runs["N"] * runs["D"]), budgets)
    searched = _search(surface, runs, C, grid, refine)
    optima = pd.DataFrame({"C": C} | {name: searched[name] for name in ("N", "D", "loss", "at_edge")})
    optima["used"] = True if edges == "keep" else ~optima["at_edge"]
    optima["loss_D"] = searched["loss_D"]
    optima["outside_runs"] = _outside(runs, optima)
    require_budgets(optima, "flops", "widen the range, or edges='keep'")
    warnings = [edge_sentence(optima, "the end of the grid of N or D")]
    outside = int((optima["outside_runs"] & optima["used"]).sum())
    if outside:
        warnings.append(f"{outside} optima lie outside the convex hull of the runs: there the surface extrapolates.")
    draws = None
    if resampled:
        bar = tqdm(resampled, desc="frontiers", disable=not progress, leave=False)
        parts = [_search(again, runs, C, grid, refine) for again in bar]
        N, D, loss, edge = (np.stack([part[name] for part in parts]) for name in ("N", "D", "loss", "at_edge"))
        draws = power_laws_of_draws(optima, N, D, loss, np.ones_like(edge) if edges == "keep" else ~edge)
    return frontier_of(surface.method, optima, warnings, draws, len(resampled))


def _range_of_budgets(flops: Any, sampled: pd.Series) -> tuple[float, float]:
    if flops is None:
        return float(sampled.min()), float(sampled.max())
    ends = check_array("flops", flops, dimensions=1, above=0, length=2)
    if not ends[0] < ends[1]:
        raise invalid("flops", "two rising numbers", flops, "pass (1e18, 1e21)")
    return float(ends[0]), float(ends[1])


def _search(surface: Surface, runs: pd.DataFrame, C: np.ndarray, grid: int, refine: bool) -> dict[str, np.ndarray]:
    """Both searches: N, D (budgets,), the loss of each, whether one ended on the border of the box of the runs."""
    lowest = {}
    for name, other in (("N", "D"), ("D", "N")):
        axis = np.geomspace(runs[name].min(), runs[name].max(), grid)
        rest = C[:, None] / 6 / axis
        inside = (rest >= runs[other].min() * (1 - 1e-9)) & (rest <= runs[other].max() * (1 + 1e-9))
        loss = np.full(rest.shape, np.inf)
        points = np.broadcast_to(axis, rest.shape)[inside]
        pair = (points, rest[inside]) if name == "N" else (rest[inside], points)
        loss[inside] = surface.loss(*pair)
        best = loss.argmin(axis=1)
        budget, last = np.arange(len(C)), grid - 1
        left, middle, right = (loss[budget, np.clip(best + shift, 0, last)] for shift in (-1, 0, 1))
        edge = (best == 0) | (best == last) | ~np.isfinite(left + middle + right)
        shift, gain = np.zeros(len(C)), np.zeros(len(C))
        if refine:
            with np.errstate(all="ignore"):
                bend = left - 2 * middle + right
                shift = np.where(edge | ~(bend > 0), 0.0, (left - right) / (2 * bend))
                gain = np.where(edge | ~(bend > 0), 0.0, (left - right) ** 2 / (8 * bend))
        step = np.log(axis[1] / axis[0])
        lowest[name] = axis[best] * np.exp(shift * step)
        lowest[f"loss_{name}"] = np.where(np.isfinite(middle), middle - gain, np.nan)
        lowest[f"edge_{name}"] = edge
    at_edge = lowest["edge_N"] | lowest["edge_D"]
    return {
        "N": lowest["N"],
        "D": lowest["D"],
        "loss": lowest["loss_N"],
        "loss_D": lowest["loss_D"],
        "at_edge": at_edge | np.isnan(lowest["loss_N"]),
    }


def _outside(runs: pd.DataFrame, optima: pd.DataFrame) -> np.ndarray:
    """Whether (log N, log C/6N) of each optimum is outside the convex hull of the runs."""
    points = np.log(runs[["N", "D"]].to_numpy())
    here = np.log(np.stack([optima["N"], optima["C"] / 6 / optima["N"]], axis=1))
    try:
        return spatial.Delaunay(points).find_simplex(here) < 0
    except spatial.QhullError:  # all runs on one line
        return np.ones(len(optima), bool)


@checked
def comparison(
    frontiers: Annotated[Mapping[str, Frontier] | Sequence[Frontier], BY_HAND],
    flops: Positive,
    *,
    level: Share = 0.95,
) -> pd.DataFrame:
    """One row a frontier: a, b, gamma with their ends, then N, D, loss and tokens_per_parameter at `flops` with theirs.

    frontiers: label -> frontier, or a list (labelled by method). Ends are NaN without draws. Raises InvalidArgument.
    """
    if isinstance(frontiers, Mapping):
        named = dict(check_mapping("frontiers", frontiers, remedy="pass {'approach 3': frontier}"))
    else:
        listed = check_sequence("frontiers", frontiers, Frontier, remedy="pass frontiers")
        named = {frontier.method: frontier for frontier in listed}
        if len(named) < len(listed):
            raise invalid(
                "frontiers", "of distinct methods", [frontier.method for frontier in listed], "pass a dict of labels"
            )
    if not named:
        raise invalid("frontiers", "at least one frontier", frontiers, "make one with parametric")
    compared = []
    for label, frontier in named.items():
        check_instance(f"frontiers[{label!r}]", frontier, Frontier, remedy="make one with parametric")
        summary = frontier.summary(level=level)
        row: dict[str, Any] = {"label": label}
        for name in ("a", "b", "gamma"):
            row |= {name: summary.loc[name, "value"]}
            row |= {f"{name}_low": summary.loc[name, "low"], f"{name}_high": summary.loc[name, "high"]}
        compared.append(row | frontier.predict(flops, level=level).iloc[0].to_dict())
    return pd.DataFrame(compared).set_index("label")
