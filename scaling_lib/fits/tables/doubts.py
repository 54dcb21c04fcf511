"""Doubts about a table: what can be fitted and is yet likely to be in other units, or in each other's columns.

A law in powers fits a column in any unit, so no fit shows these; sizes that no model has, and C = 6 N D, do.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from scaling_lib.arguments import Remedy, checked
from scaling_lib.fits.laws import Chinchilla, published_law
from scaling_lib.fits.tables.columns import check_kind

__all__ = ["Doubt", "doubts", "suspicions"]

_WORDS = ((1e3, "thousands"), (1e6, "millions"), (1e9, "billions"))


@checked
@dataclass(frozen=True)
class Doubt:
    """sentence: what is odd, and what would mend it. columns: those whose units, once declared, end the doubt.
    grave: where it is right, the numbers fitted mean something else, so that no plan should rest on them."""

    sentence: str
    columns: Annotated[tuple[str, ...], Remedy("pass ('D',)")]
    grave: bool


@checked
def doubts(
    table: Any,
    *,
    derived: Annotated[Sequence[str], Remedy("pass () or ('D',)", least=0)] = (),
    declared: Annotated[Sequence[str], Remedy("pass () or ('D',)", least=0)] = (),
) -> list[Doubt]:
    """Doubts about the units of a table.

    table: as for `fitting.fit`. derived: columns of it that C = 6 N D gave. declared: columns that are not doubted.
    What `with_names` writes into `table.attrs` counts as well. Raises InvalidArgument where `table` is neither a
    DataFrame nor a mapping.

    >>> [doubt.columns for doubt in doubts({"loss": np.array([30.0, 25.0])})]
    [('loss',)]
    """
    check_kind(table)
    columns: dict[str, np.ndarray] = {}
    for name in ("N", "D", "C", "loss"):
        if name in table:
            array = np.asarray(table[name])
            if array.ndim == 1 and array.size and array.dtype.kind in "iuf":
                array = array.astype(float)
                if np.isfinite(array).all() and (array > 0).all():
                    columns[name] = array
    if len({len(array) for array in columns.values()}) > 1:
        return []
    attributes = getattr(table, "attrs", {})
    derived = tuple(name for name in (*derived, *attributes.get("derived", ())) if name in columns)
    missing = {"N", "D", "C"} - columns.keys()
    if len(missing) == 1 and "C" in columns:
        # The law will compute it: judge it as well, by the name of the column that it comes from.
        (name,) = missing
        columns[name] = columns["C"] / 6 / columns["D" if name == "N" else "N"]
        derived = (*derived, name)
    settled = {*declared, *attributes.get("declared", ())}
    said = [*_doubts_about_counts(columns, derived), *_doubts_about_loss(columns)]
    return [doubt for doubt in said if not set(doubt.columns) <= settled]


def suspicions(table: Any) -> list[str]:
    """The sentences of `doubts`; an empty list where nothing is odd. table: as for `fitting.fit`.

    Raises InvalidArgument where `table` is neither a DataFrame nor a mapping.

    >>> suspicions({"loss": np.array([30.0, 25.0])})
    ['Losses reach 30, more than log(vocabulary) in nats can be: these may be perplexities.']
    """
    return [doubt.sentence for doubt in doubts(table)]


def _doubts_about_counts(columns: Mapping[str, np.ndarray], derived: tuple[str, ...]) -> list[Doubt]:
    if {"N", "D", "C"} <= columns.keys() and not derived:
        share = float(np.median(columns["C"] / (6 * columns["N"] * columns["D"])))
        for factor, word in _WORDS:
            if 0.3 < share / factor < 3:
                return [
                    Doubt(
                        f"C is {share:.3g} times 6 N D: N or D seems to be counted in {word}; multiply by {factor:g}.",
                        ("N", "D", "C"),
                        True,
                    )
                ]
            if 0.3 < share * factor < 3:
                return [
                    Doubt(
                        f"C is {share:.3g} times 6 N D: C seems to be counted in {word} of FLOPs; multiply by "
                        f"{factor:g}.",
                        ("N", "D", "C"),
                        True,
                    )
                ]
        # A factor of ten in either direction is how FLOPs are counted, of thousands are epochs.
        if not 1e-2 < share < 1e4:
            return [
                Doubt(
                    f"C is {share:.3g} times 6 N D: two of the columns N, D and C may have each other's name, or other "
                    f"units.",
                    ("N", "D", "C"),
                    True,
                )
            ]
    if {"N", "D"} <= columns.keys():
        return _doubts_about_tokens(columns["N"], columns["D"], derived)
    return []


def _doubts_about_tokens(N: np.ndarray, D: np.ndarray, derived: tuple[str, ...]) -> list[Doubt]:
    """By the tokens for each parameter: language models get from one to some thousands."""
    share, largest = float(np.median(D / N)), float(N.max())
    said = f"There are {share:.2g} tokens per parameter at the median"
    if {"N", "D"} & set(derived):
        word = _word_for(share)
        if largest >= 1e7 and share < 0.1 and "D" in derived:
            return [Doubt(f"{said}, by C = 6 N D: C may be counted in {word} of FLOPs.", ("C",), True)]
        if "N" in derived and share > 3e5 and D.max() >= 1e8:
            return [Doubt(f"{said}, by C = 6 N D: C may be counted in other units than FLOPs.", ("C",), True)]
        return []
    if max(largest, float(D.max())) < 1e6 and max(float(N.min()), float(D.min())) < 1e3:
        return [
            Doubt(
                f"N ends at {largest:.3g} and D at {D.max():.3g}: they may be counted in millions of parameters and "
                f"billions of tokens.",
                ("N", "D"),
                True,
            )
        ]
    if largest >= 1e7 and share < 0.1:
        word = _word_for(share)
        swapped = D.min() >= 1e6 and D.max() >= 1e7
        other = "N and D may have each other's names, or " if swapped else ""
        return [Doubt(f"{said}: {other}D may be counted in {word} of tokens.", ("N", "D"), True)]
    if largest >= 1e9 and share < 1 and D.min() >= 1e6:
        return [Doubt(f"{said}: N and D may have each other's names.", ("N", "D"), True)]
    if share > 3e5:
        return [Doubt(f"{said}: N may be counted in millions.", ("N", "D"), True)]
    return []


def _word_for(share: float) -> str:
    return "thousands" if share > 1e-4 else "millions" if share > 3e-7 else "billions"


def _doubts_about_loss(columns: Mapping[str, np.ndarray]) -> list[Doubt]:
    loss = columns.get("loss")
    if loss is None:
        return []
    if loss.max() > 15:
        return [
            Doubt(
                f"Losses reach {loss.max():.3g}, more than log(vocabulary) in nats can be: these may be perplexities.",
                ("loss",),
                True,
            )
        ]
    if {"N", "D"} <= columns.keys() and columns["N"].min() >= 1e6 and columns["D"].min() >= 1e8:
        usual = Chinchilla().loss(published_law("besiroglu").parameters, N=columns["N"], D=columns["D"])
        share = float(np.median(loss / usual))
        if abs(share * math.log(2) - 1) < 0.06:
            return [
                Doubt(
                    f"Losses are {share:.2f} times those of language models of this size in nats, and 1 / ln 2 = 1.44: "
                    f"they may be in bits; multiply by 0.693.",
                    ("loss",),
                    False,
                )
            ]
    return []
