"""Do the seeds of one point fall into two branches? A mixture of two normals on log excess, with one deviation.

Trainings with the same settings can end in two states, so that the losses over seeds have two humps. A mean over such
seeds moves with the share in each hump. The rule that says two:

    BIC(one normal) - BIC(two normals with a common deviation) > 6, and their centres are at least 3 deviations apart,

on six seeds or more. The difference of 6 is what Kass and Raftery (1995) call strong; on normal samples, where there is
one branch, the rule says two in about 3 % of the samples of 6 seeds and 1 % of those of 12 (simulated in the tests).
With fewer than six seeds four parameters fit too much by chance: *undetermined*.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Float

from scaling_lib.arguments import BY_HAND, Entries, NonNegative, Positive, Real, checked
from scaling_lib.errors import invalid
from scaling_lib.fits.undetermined import Undetermined

__all__ = ["FEWEST_SEEDS", "Branches", "branches"]

# The rule of the module's docstring.
FEWEST_SEEDS = 6
STRONG = 6.0
APART = 3.0
# Seeds that agree better than this (a share of the excess loss) are not told apart: without a least deviation two
# equal seeds would have an infinite likelihood as a branch of their own.
LEAST_DEVIATION = 0.005
FIRST_STEPS = 10
STEPS = 300


@checked
@dataclass(frozen=True)
class Branches:
    """centres: mean log excess of each branch, lower first; one number where there is one branch.

    shares: of the seeds, as `centres`. deviation: standard deviation within a branch. bic_difference: of one normal
    less two; positive speaks for two.
    """

    centres: Annotated[tuple[float, ...], BY_HAND]
    shares: Annotated[tuple[float, ...], BY_HAND]
    deviation: NonNegative
    bic_difference: float

    def __post_init__(self) -> None:
        for name, values in (("centres", self.centres), ("shares", self.shares)):
            numbers = isinstance(values, tuple) and all(isinstance(value, float) for value in values)
            if not numbers or len(values) not in (1, 2) or not np.isfinite(values).all():
                raise invalid(name, "a tuple of one or two numbers", values, "make it with branches")
        if len(self.centres) != len(self.shares):
            raise invalid("shares", "as many as centres", self.shares, "make it with branches")

    @property
    def two(self) -> bool:
        """Whether there are two branches."""
        return len(self.centres) == 2

    @property
    def good(self) -> float:
        """The share of seeds in the lower branch; 1 where there is one branch."""
        return self.shares[0]


@checked
def branches(
    logs: Annotated[Float[np.ndarray, " seeds"], Entries(least=1)],
    *,
    strong: Positive = STRONG,
    apart: Annotated[float, Real(minimum=0)] = APART,
) -> Branches | Undetermined:
    """Whether the seeds of one point lie in one branch or two, by the rule of the module's docstring.

    logs: (seeds,), the log of the excess loss. strong, apart: the two bounds of the rule. Undetermined for fewer than
    six seeds. Raises InvalidArgument.

    >>> low = np.array([-3.0, -2.95, -3.05, -3.02, -2.97, -3.01])
    >>> f"{branches(np.concatenate([low, low[:3] + 1])).good:.2f}"
    '0.67'
    """
    if len(logs) < FEWEST_SEEDS:
        return Undetermined(f"fewer than {FEWEST_SEEDS} seeds cannot tell one branch from two")
    values = np.sort(logs)
    deviation = max(float(values.std()), LEAST_DEVIATION)
    alone = -0.5 * ((values - values.mean()) ** 2).sum() / deviation**2
    alone -= len(values) * (np.log(deviation) + 0.5 * np.log(2 * np.pi))
    likelihood, share, centres, within = _mixture(values)
    difference = 2 * (likelihood - alone) - 2 * np.log(len(values))
    if difference > strong and centres[1] - centres[0] >= apart * within:
        return Branches(centres, (share, 1 - share), within, float(difference))
    return Branches((float(values.mean()),), (1.0,), float(values.std()), float(difference))


def _mixture(values: np.ndarray) -> tuple[float, float, tuple[float, float], float]:
    """(log likelihood, share of the lower, centres, deviation) of the best mixture, by expectation and maximization.

    values: sorted. Begins at every way to cut the sorted values in two (at forty of them where there are more), and
    goes on to the end from the three that are best after a few steps.
    """
    cuts = np.unique(np.linspace(1, len(values) - 1, min(len(values) - 1, 40)).astype(int))
    lower = (np.arange(len(values)) < cuts[:, None]).astype(float)
    likelihood, lower, *_ = _climb(values, lower, FIRST_STEPS)
    leaders = np.argsort(-likelihood, kind="stable")[:3]
    likelihood, _, share, low, high, within = _climb(values, lower[leaders], STEPS)
    best = int(likelihood.argmax())
    ends, fraction = (float(low[best]), float(high[best])), float(share[best])
    if ends[0] > ends[1]:
        ends, fraction = (ends[1], ends[0]), 1 - fraction
    return float(likelihood[best]), fraction, ends, float(within[best])


def _climb(values: np.ndarray, lower: np.ndarray, steps: int) -> tuple[np.ndarray, ...]:
    """(log likelihood, lower, share, low, high, deviation) after some steps, each of every start.

    lower: (starts, seeds), the probability that a seed belongs to the lower branch.
    """
    before = np.full(len(lower), -np.inf)
    for _ in range(steps):
        share = np.clip(lower.mean(axis=1), 1e-9, 1 - 1e-9)
        low = lower @ values / (len(values) * share)
        high = (1 - lower) @ values / (len(values) * (1 - share))
        from_low, from_high = (values - low[:, None]) ** 2, (values - high[:, None]) ** 2
        within = np.maximum(np.sqrt((lower * from_low + (1 - lower) * from_high).mean(axis=1)), LEAST_DEVIATION)
        precision = 0.5 / within[:, None] ** 2
        ones = np.log(share)[:, None] - precision * from_low
        others = np.log1p(-share)[:, None] - precision * from_high
        total = np.logaddexp(ones, others)
        likelihood = total.sum(axis=1) - len(values) * (np.log(within) + 0.5 * np.log(2 * np.pi))
        lower = np.exp(ones - total)
        if np.all(likelihood - before < 1e-7):
            break
        before = likelihood
    return likelihood, lower, share, low, high, within
