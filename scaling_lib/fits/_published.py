"""Published laws by name, and hardware by name: the package's tables, read and checked."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from scaling_lib.errors import InvalidData, check_choice, check_integer, check_path, check_real, check_text, invalid
from scaling_lib.fits._frontier import (
    QUANTITIES,
    Allocation,
    Frontier,
    closed_form,
    closed_form_draws,
    optional_generator,
)

__all__ = ["PETAFLOP_DAY", "Hardware", "PublishedLaw", "hardware_table", "published", "published_law", "published_laws"]

PETAFLOP_DAY = 1e15 * 86_400


@dataclass(frozen=True)
class PublishedLaw:
    """A law as published. form: chinchilla, kaplan or frontier (see published_laws.toml). counts: what N means there.

    parameters: of the form. covariance: of (E, log A, log B, alpha, beta), or None. repetition: R* of repeated tokens
    and of excess parameters, or None. flops: (lowest, highest) C of its runs, or None. source, note: in words.
    """

    name: str
    form: str
    counts: str
    parameters: Mapping[str, float]
    source: str
    note: str = ""
    flops: tuple[float, float] | None = None
    covariance: tuple[tuple[float, ...], ...] | None = None
    repetition: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Hardware:
    """An accelerator. peak_flops: dense 16-bit FLOP/s. watts: rated power. price_per_hour: US dollars. dated: when."""

    name: str
    peak_flops: float
    watts: float
    price_per_hour: float
    dated: str
    source: str

    def __post_init__(self) -> None:
        for name in ("name", "dated", "source"):
            check_text(name, getattr(self, name))
        for name in ("peak_flops", "watts", "price_per_hour"):
            object.__setattr__(self, name, check_real(name, getattr(self, name), above=0, maximum=1e30))


def _package_table(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))


@cache
def _laws() -> Mapping[str, PublishedLaw]:
    table = _package_table("published_laws.toml")
    matrices = {each["name"]: tuple(map(tuple, each["matrix"])) for each in table["covariance"]}
    found = {}
    for entry in table["law"]:
        entry = dict(entry, covariance=matrices[entry["covariance"]] if "covariance" in entry else None)
        entry["parameters"] = MappingProxyType(entry["parameters"])
        entry["flops"] = tuple(entry["flops"]) if "flops" in entry else None
        found[entry["name"]] = PublishedLaw(**entry)
    return MappingProxyType(found)


def published_law(name: str) -> PublishedLaw:
    """The published law of this name. Raises InvalidArgument, listing the names, where there is none."""
    return _laws()[check_choice("name", name, tuple(_laws()))]


def published_laws() -> pd.DataFrame:
    """All published laws: name, counts, a, b, gamma, tokens_per_parameter at 1e21 FLOPs, intervals, source, note."""
    rows = []
    for each in _laws().values():
        allocation = _allocation(each)
        at = allocation.optimal_tokens(1e21) / allocation.optimal_parameters(1e21)
        numbers = {name: getattr(allocation, name) for name in ("a", "b", "gamma")}
        rows.append(
            {"name": each.name, "counts": each.counts}
            | numbers
            | {"tokens_per_parameter": float(at), "intervals": each.covariance is not None}
            | {"source": each.source, "note": each.note}
        )
    return pd.DataFrame(rows).set_index("name")


def _allocation(found: PublishedLaw) -> Allocation:
    if found.form != "frontier":
        return closed_form(found.parameters)
    p = found.parameters
    log_n = float(np.log(p["N_e"]) - p["p_N"] * np.log(PETAFLOP_DAY))
    K = float((p["C_c"] * PETAFLOP_DAY) ** p["alpha_C"])
    return Allocation(0.0, K, p["alpha_C"], log_n, p["p_N"], float(-np.log(6.0)) - log_n, 1 - p["p_N"])


def published(name: str, generator: np.random.Generator | None = None, *, resamples: int = 4000) -> Frontier:
    """The frontier of a published law (names: `published_laws`).

    generator: bands from draws of a normal law with the recorded covariance of its parameters (E, log A, log B, alpha,
    beta), for the laws that have one; the others have no bands, which the warnings say. Raises InvalidArgument.

    >>> round(published("besiroglu").allocation.a, 4)
    0.5126
    """
    found = published_law(name)
    generator = optional_generator(generator)
    resamples = check_integer("resamples", resamples, minimum=2, maximum=1_000_000)
    parameters = None if found.form == "frontier" else dict(found.parameters)
    said = [found.note] if found.note else []
    if found.counts != "all parameters":
        said.append(f"N counts {found.counts}.")
    draws = pd.DataFrame(columns=list(QUANTITIES), dtype=float)
    if found.covariance is None:
        said.append(f"No covariance of the parameters of {name} is published: there is no interval.")
    elif generator is not None:
        p = found.parameters
        middle = np.array([p["E"], np.log(p["A"]), np.log(p["B"]), p["alpha"], p["beta"]])
        drawn = generator.multivariate_normal(middle, np.array(found.covariance), resamples)
        drawn = drawn[(drawn[:, [0, 3, 4]] > 0).all(axis=1)]
        E, log_a, log_b, alpha, beta = drawn.T
        draws = closed_form_draws({"E": E, "A": np.exp(log_a), "B": np.exp(log_b), "alpha": alpha, "beta": beta})
    return Frontier(name, _allocation(found), draws=draws, parameters=parameters, warnings=tuple(said))


def hardware_table(path: str | Path | None = None) -> dict[str, Hardware]:
    """Accelerators by name. path: a TOML file of [[hardware]] entries in place of the package's, fits/hardware.toml,
    which says the keys. Raises InvalidArgument where there is no file, InvalidData where it cannot be used."""
    if path is None:
        entries: Any = _package_table("hardware.toml")["hardware"]
        return {entry["name"]: Hardware(**entry) for entry in entries}
    file = check_path("path", path)
    if not file.is_file():
        raise invalid("path", "an existing TOML file", str(file), "check the spelling")
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8"))["hardware"]
        found = {entry["name"]: Hardware(**entry) for entry in entries}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        keys = ", ".join(field.name for field in fields(Hardware))
        reason = " ".join(str(error).split())[:120]
        raise InvalidData(
            f"path must hold [[hardware]] entries with {keys}, got {file.name!r} ({reason}): mend that entry."
        ) from None
    if not found:
        raise InvalidData(f"path must hold at least one [[hardware]] entry, got {file.name!r} with none: add one.")
    return found
