"""Linear algebra behind `markov.Chain`, on plain arrays: stationary laws, ends of the spectrum, powers of P.

Graphs come in two kinds. *Expanders* (random graphs) mix in a few steps, and their factorisations fill in: there,
iterate. *Narrow* graphs (rings, paths, trees) mix in n^2 steps, and their factorisations stay sparse: there, factorise.
So every iteration below is tried first, with a bounded number of steps, and has a factorisation to fall back on.

A private module: arguments are not checked here, `Chain` checks what it passes on.
"""

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Float, Int
from scipy.sparse import linalg
from scipy.sparse.csgraph import dijkstra
from tqdm import tqdm

from scaling_lib.errors import InvalidArgument

__all__ = [
    "alias_table",
    "extreme_eigenvalue",
    "mutual_information",
    "period",
    "second_modulus",
    "stationary_law",
]

DENSE_LIMIT = 5000  # nodes: an n x n matrix of at most 200 MB
SMALL = 500  # nodes: below this dense eigenvalues take milliseconds and cannot fail to converge
BLOCK = 256  # start nodes evolved together
WORK_LIMIT = 3e11  # multiply-adds: some minutes on one core


def stationary_law(transitions: sparse.csr_array) -> Float[np.ndarray, "node"]:
    """pi = pi P for an irreducible P, to rounding: the lazy chain (I + P) / 2 (never periodic), else sparse LU."""
    step = transitions.T.tocsr()
    law = np.full(step.shape[0], 1 / step.shape[0])
    for _ in range(1000):
        moved = (law + step @ law) / 2
        change = np.abs(moved - law).sum()
        law = moved / moved.sum()
        if change < 1e-15:
            return law
    # pi_0 = 1 fixed: what is left of I - P^T is a non-singular M-matrix.
    system = (sparse.eye_array(step.shape[0]) - step).tocsc()
    rest = linalg.splu(system[1:, 1:]).solve(-system[1:, [0]].toarray().ravel())
    law = np.abs(np.concatenate([[1.0], rest]))
    return law / law.sum()


def alias_table(
    weights: Float[np.ndarray, "arc"], indptr: Int[np.ndarray, "boundary"]
) -> tuple[Int[np.ndarray, "arc"], Int[np.ndarray, "arc"]]:
    """Thresholds (in units of 2^-32 of a slot, at most 2^32 - 1) and aliases (arc numbers), row by row of a CSR matrix.

    A row of d weights becomes integers q with sum d 2^32, exactly. Slots with q below 2^32 (lights) are topped up by
    slots above (heavies), in order. With the running sums A of the lights' deficits and B of the heavies' surpluses, a
    light takes from the first heavy whose B exceeds the A before it; a heavy is spent by the first light whose A
    exceeds its B, and is itself topped up by the next heavy. Deficits and surpluses of a row balance, so the running
    sums need not restart from row to row. (A slot that is full is its own alias, so a threshold of 2^32 - 1 serves.)
    """
    one = 2**32
    degrees = np.diff(indptr)
    scale = degrees / np.bincount(np.repeat(np.arange(len(degrees)), degrees), weights)
    units = np.rint(weights * np.repeat(scale, degrees) * one).astype(np.int64)
    largest = np.flatnonzero(units == np.repeat(np.maximum.reduceat(units, indptr[:-1]), degrees))
    largest = largest[np.searchsorted(largest, indptr[:-1])]  # the first such slot of each row takes the rounding
    units[largest] += degrees * one - np.add.reduceat(units, indptr[:-1])
    thresholds, aliases = np.full(len(units), one - 1), np.arange(len(units))
    light, heavy = np.flatnonzero(units < one), np.flatnonzero(units > one)
    if len(light):
        deficit = one - units[light]
        owed, spare = np.cumsum(deficit), np.cumsum(units[heavy] - one)
        thresholds[light] = units[light]
        aliases[light] = heavy[np.searchsorted(spare, owed - deficit, side="right")]
        spender = np.searchsorted(owed, spare, side="right")
        last = np.minimum(spender, len(light) - 1)
        missing = owed[last] - spare
        # A heavy whose surplus is used up exactly stays full: missing is then the whole deficit of a later light.
        spent = np.flatnonzero((spender < len(light)) & (missing < deficit[last]))
        thresholds[heavy[spent]] = one - missing[spent]
        aliases[heavy[spent]] = heavy[spent + 1]
    return thresholds, aliases


def extreme_eigenvalue(symmetric: sparse.csr_array, root: Float[np.ndarray, "node"], *, largest: bool) -> float:
    """The second largest or the smallest eigenvalue of D^-1/2 W D^-1/2, whose top eigenvector is `root` (value 1)."""
    nodes = symmetric.shape[0]
    if nodes <= SMALL:
        values = np.linalg.eigvalsh(symmetric.toarray())
        return float(np.clip(values[-2 if largest else 0], -1, 1))
    operator = symmetric
    if largest:  # send the known eigenvalue 1 to -1, out of the way

        def deflated(vector: np.ndarray) -> np.ndarray:
            vector = vector.ravel()
            return symmetric @ vector - 2 * root * (root @ vector)

        operator = linalg.LinearOperator((nodes, nodes), matvec=deflated, dtype=np.float64)
    seed = np.random.default_rng(0).standard_normal(nodes)  # fixed: the same digits each time
    try:
        values = linalg.eigsh(
            operator,
            k=1,
            which="LA" if largest else "SA",
            v0=seed,
            ncv=40,
            maxiter=100,
            tol=1e-7,
            return_eigenvectors=False,
        )
        return float(np.clip(values[0], -1, 1))
    except linalg.ArpackNoConvergence:
        sigma = 1 + 1e-6 if largest else -1 - 1e-6
        values = linalg.eigsh(symmetric.tocsc(), k=2, sigma=sigma, v0=seed, return_eigenvectors=False)
        return float(np.clip(min(values), -1, 1))


def second_modulus(transitions: sparse.csr_array, law: Float[np.ndarray, "node"]) -> float:
    """The largest |eigenvalue| of P beside the one at 1, for a directed chain."""
    nodes = transitions.shape[0]
    if nodes <= SMALL:
        return _second_modulus_dense(transitions)

    def deflated(vector: np.ndarray) -> np.ndarray:
        vector = vector.ravel()
        return transitions @ vector - law @ vector

    operator = linalg.LinearOperator((nodes, nodes), matvec=deflated, dtype=np.float64)
    seed = np.random.default_rng(0).standard_normal(nodes)
    try:
        values = linalg.eigs(operator, k=2, v0=seed, ncv=60, maxiter=300, tol=1e-7, return_eigenvectors=False)
        return min(1.0, float(np.abs(values).max()))
    except linalg.ArpackNoConvergence:
        if nodes <= DENSE_LIMIT:
            return _second_modulus_dense(transitions)
        raise InvalidArgument(
            f"nodes must be at most {DENSE_LIMIT} for the spectrum of a directed chain that mixes this slowly, "
            f"got {nodes}: use a smaller graph."
        ) from None


def _second_modulus_dense(transitions: sparse.csr_array) -> float:
    return float(np.sort(np.abs(np.linalg.eigvals(transitions.toarray())))[-2].clip(0, 1))


def period(transitions: sparse.csr_array) -> int:
    """The greatest common divisor of all cycle lengths: gcd over arcs u -> v of depth(u) + 1 - depth(v)."""
    depth = dijkstra(transitions, indices=0, unweighted=True).astype(np.int64)
    arcs = transitions.tocoo()
    return int(np.gcd.reduce(np.abs(depth[arcs.coords[0]] + 1 - depth[arcs.coords[1]])))


def mutual_information(
    transitions: sparse.csr_array, law: Float[np.ndarray, "node"], length: int, *, progress: bool
) -> Float[np.ndarray, "distance"]:
    """I(X_0; X_t) = sum_u pi_u KL(P^t(u, .) || pi), t = 0 .. length - 1, from blocks of start nodes."""
    nodes = len(law)
    if float(nodes) * transitions.nnz * length > WORK_LIMIT:
        raise InvalidArgument(
            f"length must be at most {int(WORK_LIMIT / nodes / transitions.nnz)} on a graph of {nodes} nodes, got "
            f"{length}: use a smaller graph."
        )
    result = np.zeros(length)
    for starts in _blocks(transitions, nodes, progress):
        for t, power in zip(range(length), _evolve(transitions, starts), strict=False):
            ratio = power / law[:, None]
            np.log(ratio, out=ratio, where=ratio > 0)
            result[t] += np.einsum("vu,vu,u->", power, ratio, law[starts])
    return np.maximum(result, 0)  # KL sums of 1e-17 may round below zero


def _blocks(transitions: sparse.csr_array, nodes: int, progress: bool) -> Iterator[np.ndarray]:
    starts = range(0, nodes, BLOCK)
    for first in tqdm(starts, desc="start nodes", delay=2, disable=not progress, leave=False):
        yield np.arange(first, min(first + BLOCK, nodes))


def _evolve(transitions: sparse.csr_array, starts: np.ndarray) -> Iterator[Float[np.ndarray, "node row"]]:
    """(P^t)[starts].T for t = 0, 1, 2, ..."""
    step = transitions.T.tocsr()
    power = np.zeros((step.shape[0], len(starts)))
    power[starts, np.arange(len(starts))] = 1
    while True:
        yield power
        power = step @ power
