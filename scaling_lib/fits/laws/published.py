"""Laws as others published them, by name: `published_laws.toml`, read and checked."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Annotated

from scaling_lib.arguments import BY_HAND, Choice, Remedy, checked
from scaling_lib.errors import check_array, check_choice, check_mapping, check_real

__all__ = ["PublishedLaw", "published_law", "published_names"]

FORMS = ("chinchilla", "kaplan", "frontier")


@checked
@dataclass(frozen=True)
class PublishedLaw:
    """A law as published. form: chinchilla, kaplan or frontier (see published_laws.toml). counts: what N means there.

    parameters: of the form. covariance: of (E, log A, log B, alpha, beta), or None. repetition: R* of repeated tokens
    and of excess parameters, or None. flops: (lowest, highest) C of its runs, or None. source, note: in words.
    """

    name: str
    form: Annotated[str, Choice(FORMS)]
    counts: str
    parameters: Annotated[Mapping[str, float], BY_HAND]
    source: str
    note: Annotated[str, Remedy("pass '' for none")] = ""
    flops: Annotated[tuple[float, float] | None, BY_HAND] = None
    covariance: Annotated[tuple[tuple[float, ...], ...] | None, BY_HAND] = None
    repetition: Annotated[Mapping[str, float] | None, BY_HAND] = None

    def __post_init__(self) -> None:
        _check_numbers("parameters", self.parameters)
        if self.flops is not None:
            check_array("flops", self.flops, dimensions=1, above=0, length=2)
        if self.covariance is not None:
            check_array("covariance", self.covariance, dimensions=2, length=5)
        if self.repetition is not None:
            _check_numbers("repetition", self.repetition)


def _check_numbers(name: str, values: Mapping[str, float]) -> None:
    for key, value in check_mapping(name, values, remedy="pass a dict from a parameter to its value").items():
        check_real(f"{name}[{key!r}]", value)


@cache
def _laws() -> Mapping[str, PublishedLaw]:
    table = tomllib.loads((resources.files(__package__) / "published_laws.toml").read_text(encoding="utf-8"))
    matrices = {entry["name"]: tuple(map(tuple, entry["matrix"])) for entry in table["covariance"]}
    by_name = {}
    for entry in table["law"]:
        entry = dict(entry, covariance=matrices[entry["covariance"]] if "covariance" in entry else None)
        entry["parameters"] = MappingProxyType(entry["parameters"])
        entry["flops"] = tuple(entry["flops"]) if "flops" in entry else None
        by_name[entry["name"]] = PublishedLaw(**entry)
    return MappingProxyType(by_name)


def published_law(name: str) -> PublishedLaw:
    """The published law of this name (`published_names`). Raises InvalidArgument, listing the names, if there is none.

    >>> published_law("besiroglu").form
    'chinchilla'
    """
    return _laws()[check_choice("name", name, tuple(_laws()))]


def published_names() -> tuple[str, ...]:
    """The names of all published laws, in the order of the file."""
    return tuple(_laws())
