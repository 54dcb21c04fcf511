"""Surfaces beside each other: cross-validation on shared splits, and refits to resampled runs."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from scaling_lib.arguments import Generator, Integer, Remedy, Share, checked
from scaling_lib.errors import InvalidArgument, check_choice, check_mapping, invalid
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla
from scaling_lib.fits.surfaces.surface import (
    METHODS,
    Surface,
    checked_runs,
    default_options,
    kernel_ridge,
    law_function,
    law_surface,
    network_options,
    networks_of,
    neural_regression,
)
from scaling_lib.fits.uncertainty.resampling import bootstrap

__all__ = ["cross_validate", "resampled_surfaces", "validation_summary"]


def _fitted(
    method: str,
    tables: Sequence[pd.DataFrame],
    generator: np.random.Generator,
    options: Mapping[str, Any],
    progress: bool,
) -> list[Surface]:
    """One surface a table."""
    if method == "network":
        return networks_of(tables, generator, network_options(**options), None, progress)
    bar = tqdm(tables, desc=method, disable=not progress, leave=False)
    if method == "kernel":
        return [kernel_ridge(runs, **options) for runs in bar]
    law = options.get("law", Chinchilla())
    rest = {name: value for name, value in options.items() if name != "law"}
    return [law_surface(fit(law, runs, **rest)) for runs in bar]


def _options(method: str, options: Any) -> dict[str, Any]:
    """`options`, refused by name where the method has no such argument."""
    options = dict(check_mapping("options", options, remedy="pass a dict such as {'ridge': 1e-3}"))
    known = {
        "law": {"law", "objective", "delta"},
        "kernel": set(default_options(kernel_ridge)),
        "network": set(default_options(neural_regression)),
    }[method]
    for name in options:
        if name not in known:
            raise InvalidArgument(f"options has {name!r}, which {method} does not take: it takes {sorted(known)}.")
    return options


@checked
def cross_validate(
    table: Any,
    generator: Generator,
    *,
    methods: Annotated[Sequence[str], Remedy("pass ('law', 'kernel')")] = METHODS,
    splits: Annotated[int, Integer(minimum=1, maximum=10_000)] = 20,
    held_out: Share = 0.2,
    options: Annotated[Mapping[str, Mapping[str, Any]] | None, Remedy("pass {'kernel': {'ridge': 1e-3}}")] = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Training and validation MSE of L (nats^2) on random splits: the paper's 80/20, 20 times (appendix B; figure 10).

    methods: which of METHODS, all on the same splits. options: method -> its arguments, {"kernel": {"ridge": 1e-3}}.
    Returns one row a split and method: split, method, training_mse, validation_mse. Raises InvalidArgument.
    """
    runs = checked_runs(table)
    for method in methods:
        check_choice("methods", method, METHODS)
    given = {} if options is None else options
    settings = {method: _options(method, given.get(method, {})) for method in methods}
    left_out = round(held_out * len(runs))
    if left_out < 1 or len(runs) - left_out < 5:
        raise invalid("held_out", "a share that leaves 1 run or more outside and 5 inside", held_out, "add runs")
    orders = [generator.permutation(len(runs)) for _ in range(splits)]
    inside = [runs.iloc[order[left_out:]].reset_index(drop=True) for order in orders]
    outside = [runs.iloc[order[:left_out]] for order in orders]
    errors = []
    for method in methods:
        surfaces = _fitted(method, inside, generator, settings[method], progress)
        for split, (surface, rest) in enumerate(zip(surfaces, outside, strict=True)):
            error = rest["loss"].to_numpy() - surface.loss(rest["N"].to_numpy(), rest["D"].to_numpy())
            errors.append((split, method, float(np.mean(surface.residuals**2)), float(np.mean(error**2))))
    return pd.DataFrame(errors, columns=["split", "method", "training_mse", "validation_mse"])


@checked
def validation_summary(
    validated: Annotated[pd.DataFrame, Remedy("make it with cross_validate")],
) -> pd.DataFrame:
    """One row a method of `cross_validate`: means, median and standard error over splits, and law_ratio, the law's mean
    validation MSE over this one's ("almost 2" in the paper for network and kernel; NaN without the law)."""
    needed = ("split", "method", "training_mse", "validation_mse")
    if any(name not in validated for name in needed) or validated.empty:
        raise invalid("validated", f"a table with the columns {needed}", list(validated), "make it with cross_validate")
    groups = validated.groupby("method", sort=False)
    summary = pd.DataFrame(
        {
            "training_mse": groups["training_mse"].mean(),
            "validation_mse": groups["validation_mse"].mean(),
            "validation_median": groups["validation_mse"].median(),
            "validation_se": groups["validation_mse"].sem(),
        }
    )
    reference = summary["validation_mse"].get("law", np.nan)
    return summary.assign(law_ratio=reference / summary["validation_mse"])


@checked
def resampled_surfaces(
    surface: Annotated[Surface, Remedy("make one with kernel_ridge")],
    generator: Generator,
    *,
    resamples: Annotated[int, Integer(minimum=2, maximum=100_000)] = 200,
    progress: bool = False,
) -> tuple[Surface, ...]:
    """The same regression on runs drawn with replacement, `resamples` times: what bands of a frontier are made from.

    Networks are trained afresh, each with its own initial weights, so that their share of the uncertainty is inside.
    """
    if surface.method == "law":
        fitted = surface.details["fit"]
        draws = bootstrap(fitted, generator, resamples=resamples)
        names = draws.parameters
        return tuple(
            Surface("law", surface.table, law_function(fitted, dict(zip(names, row.tolist(), strict=True))))
            for row in draws.draws
        )
    tables: list[pd.DataFrame] = []
    while len(tables) < resamples:
        chosen = surface.table.iloc[generator.integers(0, len(surface.table), len(surface.table))]
        if chosen["N"].nunique() > 1 and chosen["D"].nunique() > 1:
            tables.append(chosen.reset_index(drop=True))
    return tuple(_fitted(surface.method, tables, generator, surface.options, progress))
