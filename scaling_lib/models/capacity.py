r"""The capacity floor of a chain: how near to it the best table of rank d comes. No transformer needed.

Whatever a model with a readout W [V, d] computes from the past, its law of the next token after node u is the softmax
of W h for some vector h of d numbers. Best would be one such vector U_u for each node, so that its mean conditional KL
is at least

    floor(d) = inf over U, W in R^(V x d) of  sum_u pi_u KL(P_u || softmax(W U_u))
             = inf over U, W of  sum_u pi_u [ ln sum_v exp(U_u . W_v) - sum_v P_uv U_u . W_v ]  -  entropy rate

It is zero as soon as ln P, up to a number for each row, has rank d, and falls with d. Where P has zeros the infimum is
not attained: the vectors grow without end. The problem is not convex, so that what is found here, by L-BFGS from
several starts, is an upper estimate of that lower bound: it says what a readout of width d can do at best as far as we
found, and never what it cannot do. One start is spectral, the d largest singular values of P_uv / pi_v - 1 in the
geometry of pi (for small U . W, softmax is 1 + U . W); the others are random.

Whether a search has come to its end is asked of every width. Half of the starts, each at half of its iterations, have
found some value; all starts, at all iterations, another. The search is *converged* where the second lies below the
first by no more than two per cent of it (`CONVERGED`), or below a millionth of a nat. This is a test of effort, not a
proof: a better table may exist that no start finds.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from scaling_lib.arguments import BY_HAND, Count, Remedy, checked
from scaling_lib.data.markov import AnyChain, Chain
from scaling_lib.errors import check_integer, check_sequence, invalid

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CONVERGED", "capacity_floor", "capacity_floors"]

_Generator = Annotated[np.random.Generator, Remedy("pass np.random.default_rng(seed)")]

LARGEST = 4096  # nodes: the problem is dense
NEGLIGIBLE = 1e-9  # nats: where a descent stops, since the infimum is not attained
CONVERGED = 0.02  # the share of a floor by which twice the effort may lower it
NOTHING = 1e-6  # nats: a floor below it is none, and no further start is asked


@checked
def capacity_floor(
    chain: AnyChain,
    width: Annotated[int, BY_HAND],
    *,
    generator: _Generator,
    starts: Count = 3,
    iterations: Count = 2000,
) -> float:
    """An upper estimate of floor(d), nats, at d = `width`: the least of `starts` descents.

    iterations: the most that a descent takes; below 1e-9 nats it ends at once. generator: draws the starts. Raises
    InvalidArgument for chains of more than 4096 nodes.
    """
    problem = _problem(chain)
    width = check_integer("width", width, minimum=1, maximum=chain.nodes)
    return min(problem.descend(begin, iterations)[0] for begin in problem.starts(width, starts, generator))


@checked
def capacity_floors(
    chain: AnyChain,
    widths: Annotated[Sequence[int], BY_HAND],
    *,
    generator: _Generator,
    starts: Count = 3,
    iterations: Count = 2000,
    progress: bool = False,
) -> "pd.DataFrame":
    """Upper estimates of floor(d) for several widths, one row each: width, floor, spread, half_effort, converged.

    One more start at each width is the best U, W of the width below with small random columns added, so that `floor`
    never rises with the width. spread: how far the worst of the starts ended above the best, nats. half_effort: the
    lowest that half of the starts, and that additional one, had come to after half of the iterations. converged:
    whether `floor` is hardly lower than that, by the rule of the module's docstring; else more starts or iterations
    would lower it further.
    """
    import pandas as pd

    problem = _problem(chain)
    if not isinstance(widths, np.ndarray):
        widths = check_sequence("widths", widths, int, remedy="pass a list of widths")
    rising = sorted({check_integer("widths", width, minimum=1, maximum=chain.nodes) for width in widths})
    best: np.ndarray | None = None
    floors = []
    half = (iterations + 1) // 2
    for width in tqdm(rising, unit="width", disable=not progress, leave=False):
        begins = problem.starts(width, starts, generator)
        few = (starts + 1) // 2
        if best is not None:
            wider = problem.random_start(width, generator) * 0.01
            wider[:, :, : best.shape[-1]] = best
            begins, few = [wider, *begins], few + 1
        middles, ends = [], []
        for begin in begins:
            middles.append(problem.descend(begin, half))
            goes_on = problem.descend(middles[-1][1], iterations - half) if iterations > half else middles[-1]
            ends.append(min(goes_on, middles[-1], key=lambda end: end[0]))
            if ends[-1][0] < NOTHING:
                break
        floor, best = min(ends, key=lambda end: end[0])
        before = min(middle[0] for middle in middles[:few])
        floors.append(
            {
                "width": width,
                "floor": floor,
                "spread": max(end[0] for end in ends) - floor,
                "half_effort": before,
                "converged": floor < NOTHING or before - floor <= CONVERGED * floor,
            }
        )
    return pd.DataFrame(floors)


class _Problem:
    def __init__(self, chain: Chain) -> None:
        self.stationary = chain.stationary[:, None]
        self.transitions = chain.transitions.toarray()
        self.entropy_rate = chain.entropy_rate

    def starts(self, width: int, count: int, generator: np.random.Generator) -> list[Float[np.ndarray, "two V d"]]:
        return [self.spectral_start(width), *(self.random_start(width, generator) for _ in range(count - 1))]

    def random_start(self, width: int, generator: np.random.Generator) -> Float[np.ndarray, "two V d"]:
        """Normal vectors whose products are of order one."""
        return generator.standard_normal((2, len(self.transitions), width)) / width**0.25

    def spectral_start(self, width: int) -> Float[np.ndarray, "two V d"]:
        left, values, right = self.singular
        vectors = np.stack([left[:, :width], right[:width].T]) * values[:width] ** 0.5
        vectors /= np.sqrt(self.stationary)
        size = np.sqrt(np.mean((vectors[0] @ vectors[1].T) ** 2))
        return vectors / max(size, 1e-300) ** 0.5

    @cached_property
    def singular(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        root = np.sqrt(self.stationary)
        return np.linalg.svd(root * self.transitions / root.T - root * root.T)

    def descend(self, begin: Float[np.ndarray, "two V d"], iterations: int) -> tuple[float, np.ndarray]:
        from scipy.optimize import minimize

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            U, W = flat.reshape(begin.shape)
            z = U @ W.T
            cross = (self.transitions * z).sum(1)
            top = z.max(1, keepdims=True)
            np.exp(np.subtract(z, top, out=z), out=z)
            total = z.sum(1, keepdims=True)
            value = self.stationary[:, 0] @ (np.log(total[:, 0]) + top[:, 0] - cross)
            z /= total
            z -= self.transitions
            z *= self.stationary
            return value - self.entropy_rate, np.stack([z @ W, z.T @ U]).ravel()

        def stop(intermediate_result: Any) -> None:
            if intermediate_result.fun < NEGLIGIBLE:
                raise StopIteration

        options: dict[str, Any] = {
            "maxiter": iterations,
            "maxfun": 2 * iterations,
            "maxcor": 20,
            "ftol": 1e-12,
            "gtol": 1e-9,
        }
        end = minimize(loss, begin.ravel(), jac=True, method="L-BFGS-B", callback=stop, options=options)
        return max(float(end.fun), 0.0), end.x.reshape(begin.shape)


def _problem(chain: Chain) -> _Problem:
    if chain.nodes > LARGEST:
        raise invalid("chain", f"of at most {LARGEST} nodes", chain.nodes, "take a smaller graph")
    return _Problem(chain)
