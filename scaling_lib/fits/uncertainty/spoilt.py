"""What rounding, noise and the choice of runs do to a law that is known.

A table is made of a law at given places: L(x) exp(sigma z), rounded to some decimals, with one z for every sigma, so
that more noise moves each run further in the direction it has. The law is fitted to the first of its runs, and stands
beside the truth. One of the three is turned, the other two stay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from scaling_lib.arguments import BY_HAND, Choice, Generator, Integer, NonNegative, Remedy, checked
from scaling_lib.errors import check_array, check_integer, check_real, invalid
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws.forms import AnyLaw
from scaling_lib.fits.tables import table_columns

__all__ = ["KNOBS", "Spoilt", "spoilt_fits"]

KNOBS = ("decimals", "noise", "runs")
_MOST_DECIMALS = 15


@checked
@dataclass(frozen=True, eq=False)
class Spoilt:
    """fits: a row for each value of the knob, with it, the parameters, and `residual`, the root mean square of ln L
    about the fit. losses: of the table at each value, nats, (values, runs). seen: the runs fitted, likewise."""

    fits: Annotated[pd.DataFrame, Remedy("make it with spoilt_fits")]
    losses: Float[np.ndarray, "values runs"]
    seen: Annotated[Bool[np.ndarray, "values runs"], BY_HAND]

    def __post_init__(self) -> None:
        shape = (len(self.fits), np.shape(self.losses)[-1])
        for name in ("losses", "seen"):
            given = getattr(self, name)
            if not isinstance(given, np.ndarray) or given.shape != shape:
                raise invalid(name, f"an array of shape {shape}", given, "make it with spoilt_fits")


@checked
def spoilt_fits(
    law: AnyLaw,
    truth: Annotated[Mapping[str, float], BY_HAND],
    columns: Annotated[Mapping[str, Any], BY_HAND],
    knob: Annotated[str, Choice(KNOBS)],
    values: Annotated[Sequence[float], BY_HAND],
    generator: Generator,
    *,
    decimals: Annotated[int | None, Integer(minimum=0, maximum=_MOST_DECIMALS)] = None,
    noise: NonNegative = 0.0,
    objective: Annotated[str, BY_HAND] = "log-ols",
) -> Spoilt:
    """Fits to tables of a known law while one knob is turned.

    truth: every parameter of the law. columns: its variables at the runs, in their order. knob: "decimals" of the
    losses in nats (values: integers), "noise" (standard deviations of ln L), or "runs" (how many of the first ones are
    fitted). values: what it is turned to. decimals, noise: while another knob is turned; None: not rounded. objective:
    of `fit`. The generator draws one standard normal z for each run. Raises InvalidArgument.

    >>> from scaling_lib.fits.laws import PowerLaw
    >>> law, truth = PowerLaw(variable="D"), {"E": 1.8, "B": 20.0, "beta": 0.35}
    >>> runs, generator = {"D": np.geomspace(1e5, 1e7, 12)}, np.random.default_rng(0)
    >>> turned = spoilt_fits(law, truth, runs, "decimals", [4, 1], generator)
    >>> turned.fits["beta"].round(2).tolist()
    [0.35, 0.61]
    """
    clean = _clean(law, truth, columns)
    turned = _turned(knob, values, len(clean))
    z = generator.standard_normal(len(clean))
    rows, losses, seen = [], [], []
    for value in turned:
        setting: dict[str, Any] = {"decimals": decimals, "noise": noise, "runs": len(clean)} | {knob: value}
        loss = clean * np.exp(setting["noise"] * z)
        if setting["decimals"] is not None:
            loss = loss.round(setting["decimals"])
        first = setting["runs"]
        table = {name: np.asarray(columns[name])[:first] for name in law.variables} | {"loss": loss[:first]}
        fitted = fit(law, table, objective=objective)
        residual = float(np.sqrt(np.mean(np.log(loss[:first] / fitted.fitted) ** 2)))
        rows.append({knob: value} | fitted.params | {"residual": residual})
        losses.append(loss)
        seen.append(np.arange(len(clean)) < first)
    return Spoilt(pd.DataFrame(rows), np.array(losses), np.array(seen))


def _turned(knob: str, values: Any, runs: int) -> list[float]:
    """The values of the knob, checked."""
    if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray) or not len(values):
        raise invalid("values", "a list of numbers", values, "pass what the knob is turned to")
    if knob == "noise":
        return [check_real("values", value, minimum=0.0) for value in values]
    lowest, highest = (0, _MOST_DECIMALS) if knob == "decimals" else (1, runs)
    return [check_integer("values", value, minimum=lowest, maximum=highest) for value in values]


def _clean(law: Any, truth: Mapping[str, float], columns: Mapping[str, Any]) -> np.ndarray:
    """(runs,): the losses of the law itself."""
    if not isinstance(truth, Mapping) or set(truth) != set(law.parameters):
        named = sorted(truth) if isinstance(truth, Mapping) else truth
        raise invalid("truth", f"a dict with {', '.join(law.parameters)}", named, "pass them all")
    for name, value in truth.items():
        check_real(f"truth[{name!r}]", value)
    if not isinstance(columns, Mapping) or not set(law.variables) <= set(columns):
        named = sorted(columns) if isinstance(columns, Mapping) else columns
        raise invalid("columns", f"a dict with {', '.join(law.variables)}", named, "pass the places of the runs")
    places = {name: check_array(f"columns[{name!r}]", columns[name], dimensions=1, above=0) for name in law.variables}
    loss = law.loss(dict(truth), **places)
    table_columns(law, places | {"loss": loss})  # what could not be fitted at all is refused by name
    return np.asarray(loss)
