"""The laws of tokens by rank (the paper's Figure 3) and how many bigrams occur how often (its Figure 19)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pandas as pd
from jaxtyping import Float

from scaling_lib.arguments import BY_HAND, Remedy, checked
from scaling_lib.data.text.bigrams import BrokenPowerLaw, CountSpectrum
from scaling_lib.errors import check_array, invalid
from scaling_lib.pages.drawing.figures import COLOURS, logarithmic, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_ranks", "draw_spectrum", "rank_table"]

_MOST_POINTS = 200
_Laws = Annotated[Mapping[str, Float[np.ndarray, "rank"]], Remedy("pass a dict from a name to frequencies by rank")]


@checked
def rank_table(laws: _Laws) -> pd.DataFrame:
    """The numbers of `draw_ranks`: columns law, rank, probability; of a long law, ranks evenly spaced in ln r.

    laws: by name, frequencies in the order of their ranks, summing to one. Raises InvalidArgument where one is none.
    """
    parts = []
    for name, law in laws.items():
        values = check_array("laws", law, dimensions=1, above=0)
        if (np.diff(values) > 0).any() or abs(values.sum() - 1) > 1e-6:
            raise invalid("laws", "of frequencies in descending order that sum to one", name, "see rank_frequencies")
        rank = np.unique(np.geomspace(1, len(values), _MOST_POINTS).round().astype(int))
        parts.append(pd.DataFrame({"law": name, "rank": rank, "probability": values[rank - 1]}))
    if not parts:
        raise invalid("laws", "one law at least", dict(laws), "pass a dict from a name to frequencies by rank")
    return pd.concat(parts, ignore_index=True)


@checked
def draw_ranks(laws: _Laws, broken: Annotated[Mapping[str, BrokenPowerLaw], BY_HAND] | None = None) -> "Figure":
    """Probability against rank, left with a linear and right with a logarithmic axis of ranks.

    laws: as in `rank_table`; an exponential in rank is straight on the left, a power law on the right. broken: of some
    of them, the broken power law that describes it, drawn on the right with a dashed line in the law's colour.
    Raises InvalidArgument.
    """
    table = rank_table(laws)
    broken = {} if broken is None else broken
    if not isinstance(broken, Mapping) or not all(isinstance(law, BrokenPowerLaw) for law in broken.values()):
        raise invalid("broken", "a dict from a name of laws to a BrokenPowerLaw", broken, "see broken_power_law")
    if unknown := sorted(set(broken) - set(laws)):
        raise invalid("broken", f"for some of {', '.join(laws)}", unknown, "use the same names")
    import matplotlib.pyplot as plt

    with style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6), sharey=True)
        for place, (name, part) in enumerate(table.groupby("law", sort=False)):
            colour = COLOURS[list(COLOURS)[place % len(COLOURS)]]
            for axes in (left, right):
                axes.plot(part["rank"], part["probability"], "-", marker="", color=colour, label=name)
            if name in broken:
                fitted = broken[str(name)].probability(part["rank"].to_numpy(float))
                right.plot(part["rank"], fitted, "--", marker="", color=colour, label="_")
        logarithmic(left, "y")
        logarithmic(right)
        left.set(xlabel="rank", ylabel="probability")
        right.set(xlabel="rank")
        left.legend()
    return figure


@checked
def draw_spectrum(
    spectra: Annotated[Mapping[str, CountSpectrum], Remedy("pass a dict from a name to count_spectrum(...)")],
) -> "Figure":
    """How many distinct bigrams occur how often, both axes logarithmic; a dashed line has the slope of each.

    Raises InvalidArgument.
    """
    if not spectra or not all(isinstance(spectrum, CountSpectrum) for spectrum in spectra.values()):
        raise invalid("spectra", "a dict from a name to a CountSpectrum", dict(spectra), "see count_spectrum")
    import matplotlib.pyplot as plt

    with style():
        figure, axes = plt.subplots()
        for place, (name, spectrum) in enumerate(spectra.items()):
            colour = COLOURS[list(COLOURS)[place % len(COLOURS)]]
            axes.plot(spectrum.count, spectrum.bigrams, ".", color=colour, label=f"{name}, slope {spectrum.slope:.2f}")
            along = np.array([1.0, max(2.0, float(spectrum.count[-1]) ** 0.5)])
            axes.plot(along, spectrum.bigrams[0] * along**spectrum.slope, "--", marker="", color=colour)
        logarithmic(axes)
        axes.set(xlabel="times that a bigram occurs", ylabel="distinct bigrams")
        axes.legend()
    return figure
