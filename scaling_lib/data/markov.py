"""A Markov chain on a graph: the source of every token of the book, exactly known.

A chain is a non-negative weight matrix W (row convention: W[u, v] weighs the step u -> v), strongly connected, so that
one stationary law exists:

    strengths           s_u = sum_v W_uv
    transitions         P_uv = W_uv / s_u
    stationary law      pi = pi P;  for symmetric W, pi_u = s_u / sum s, and pi_u P_uv = pi_v P_vu (detailed balance)
    row entropies       h_u = -sum_v P_uv ln P_uv
    entropy rate        H = sum_u pi_u h_u  nats per token (Cover & Thomas, section 4.3)
    first T tokens      H(X_1..X_T) = H(mu) + sum_{t=0}^{T-2} (mu P^t) . h  for the start law mu
    counting            (arcs - n) / 2: over the number D of transitions seen, the excess loss of a learner that counts
                        (paper, appendix C: (2E - n) / 2D)

How fast a walk forgets: P has the eigenvalues 1 = l_1 > l_2 >= ... >= l_n >= -1 when W is symmetric. Every correlation
over t steps is a sum of l_k^t, k >= 2, so it decays exponentially, no slower than max(|l_2|, |l_n|)^t; both ends count
(l_n = -1 exactly for bipartite graphs, which never mix). For directed chains the l_k are complex and the second largest
modulus takes that part.

*Edges* of a symmetric chain are undirected (a self-loop is one edge); those of a directed chain are arcs.
"""

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Float, Int
from scipy.sparse.csgraph import connected_components

from scaling_lib.arguments import BY_HAND, Choice, Integer, Remedy, checked
from scaling_lib.data import _kernels as kernels
from scaling_lib.errors import InvalidArgument, check_array

__all__ = ["Chain"]

STARTS = ("stationary", "strength")
RANKS = ("unigram", "bigram", "conditional")
Start = Annotated[str, Choice(STARTS)]
_Steps = Annotated[int, Integer(minimum=1, maximum=10**8)]


@checked
@dataclass(frozen=True, eq=False)
class Chain:
    """A strongly connected weighted graph in CSR form and the random walk on it.

    indptr [nodes + 1], indices [arcs], weights [arcs]: row u holds the out-neighbours indices[indptr[u]:indptr[u + 1]],
    strictly increasing, with positive weights. directed: False promises W = W^T, which is checked. labels: the caller's
    own names of the nodes, if they had any. The arrays are made read-only; everything else is computed when first
    asked for and kept.

    Raises InvalidArgument where the arrays are no CSR matrix, a weight is not positive, a node has no way out, W is not
    symmetric although directed is False, or not every node can be reached from every other.
    """

    indptr: Annotated[Int[np.ndarray, "boundary"], BY_HAND]
    indices: Annotated[Int[np.ndarray, "arc"], BY_HAND]
    weights: Annotated[Float[np.ndarray, "arc"], BY_HAND]
    directed: bool = False
    labels: Annotated[tuple[Any, ...] | None, BY_HAND] = None

    def __post_init__(self) -> None:
        # Arrays are checked here, not by annotation: what the caller can still write to is copied.
        indptr = check_array("indptr", self.indptr, dimensions=1, kind="integer", minimum=0, least=3)
        indices = check_array("indices", self.indices, dimensions=1, kind="integer", minimum=0)
        weights = check_array("weights", self.weights, dimensions=1, above=0, length=len(indices))
        n = len(indptr) - 1
        if indptr[0] != 0 or indptr[-1] != len(indices) or (np.diff(indptr) < 0).any():
            raise InvalidArgument(
                f"indptr must rise from 0 to the number of arcs {len(indices)}, got {indptr[0]} to {indptr[-1]}: "
                f"pass the indptr of a scipy CSR array."
            )
        if (np.diff(indptr) == 0).any():
            node = int(np.flatnonzero(np.diff(indptr) == 0)[0])
            raise InvalidArgument(
                f"indptr must give every node a neighbour, got none for node {node}: remove isolated nodes, "
                f"or build the chain with giant_component=True."
            )
        if indices.max() >= n:
            raise InvalidArgument(f"indices must be below the number of nodes {n}, got {indices.max()}: renumber them.")
        falls = np.diff(indices) <= 0
        falls[indptr[1:-1] - 1] = False
        if falls.any():
            raise InvalidArgument(
                f"indices must increase strictly within a row, got {indices[int(np.flatnonzero(falls)[0]) + 1]} out of "
                f"order: call sum_duplicates() on the scipy CSR array first."
            )
        if len(indices) >= 2**31:
            raise InvalidArgument(f"indices must be fewer than 2^31, got {len(indices)} arcs: use a smaller graph.")
        indices = indices.astype(np.int32)
        matrix = sparse.csr_array((weights, indices, indptr), shape=(n, n))
        if not self.directed and (matrix != matrix.T).nnz:
            raise InvalidArgument(
                "weights must be symmetric for an undirected chain, got W[u, v] unlike W[v, u]: pass directed=True."
            )
        pieces, _ = connected_components(matrix, directed=self.directed, connection="strong")
        if pieces > 1:
            raise InvalidArgument(
                f"indices must make one strongly connected graph, got {pieces} components: "
                f"build the chain with giant_component=True."
            )
        if self.labels is not None and (not isinstance(self.labels, list | tuple) or len(self.labels) != n):
            raise InvalidArgument(f"labels must be a tuple of {n}, one for each node, got another: pass all or None.")
        object.__setattr__(self, "labels", None if self.labels is None else tuple(self.labels))
        for name, array in (("indptr", indptr), ("indices", indices), ("weights", weights)):
            array = array.copy() if array is getattr(self, name) and array.flags.writeable else array
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Chain) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        kind = "directed" if self.directed else "undirected"
        return f"Chain(nodes={self.nodes}, edges={self.edges}, {kind}, fingerprint={self.fingerprint[:12]})"

    # ------------------------------------------------------------------ the graph

    @property
    def nodes(self) -> int:
        return len(self.indptr) - 1

    @property
    def arcs(self) -> int:
        """Ordered pairs (u, v) with P_uv > 0."""
        return len(self.indices)

    @cached_property
    def edges(self) -> int:
        """Undirected edges of a symmetric chain (a self-loop is one), arcs of a directed one."""
        loops = int((self.indices == self.sources).sum())
        return self.arcs if self.directed else (self.arcs + loops) // 2

    @cached_property
    def degrees(self) -> Int[np.ndarray, "node"]:
        """Neighbours one step away (out-degrees of a directed chain)."""
        return np.diff(self.indptr)

    @property
    def sources(self) -> Int[np.ndarray, "arc"]:
        """The node each arc leaves; `indices` is the node it enters."""
        return np.repeat(np.arange(self.nodes, dtype=self.indices.dtype), self.degrees)

    @cached_property
    def fingerprint(self) -> str:
        """64 hexadecimal digits: SHA-256 of the CSR content (little-endian int64 and float64), the same anywhere."""
        digest = hashlib.sha256(f"chain 1 {'directed' if self.directed else 'undirected'} {self.nodes}\n".encode())
        for array, kind in ((self.indptr, "<i8"), (self.indices, "<i8"), (self.weights, "<f8")):
            digest.update(np.ascontiguousarray(array, dtype=kind).tobytes())
        return digest.hexdigest()

    @cached_property
    def uniform(self) -> bool:
        """Whether every row is uniform on its neighbours (an unbiased walk)."""
        return bool((self.weights == np.repeat(self.weights[self.indptr[:-1]], self.degrees)).all())

    # ------------------------------------------------------------------ the chain

    @cached_property
    def strengths(self) -> Float[np.ndarray, "node"]:
        return np.bincount(self.sources, self.weights)  # adds in order: the same digits on any machine

    @cached_property
    def probabilities(self) -> Float[np.ndarray, "arc"]:
        """P_uv, arc by arc."""
        return self.weights / np.repeat(self.strengths, self.degrees)

    @cached_property
    def transitions(self) -> sparse.csr_array:
        """P as a scipy CSR array [node, node]."""
        return sparse.csr_array((self.probabilities, self.indices, self.indptr), shape=(self.nodes, self.nodes))

    @cached_property
    def stationary(self) -> Float[np.ndarray, "node"]:
        if self.directed:
            return kernels.stationary_law(self.transitions)
        return self.strengths / math.fsum(self.strengths)

    @cached_property
    def pair_law(self) -> Float[np.ndarray, "arc"]:
        """pi_u P_uv, arc by arc: the law of two tokens in a row (of a transition)."""
        if self.directed:
            return np.repeat(self.stationary, self.degrees) * self.probabilities
        return self.weights / math.fsum(self.strengths)

    @checked
    def start_law(self, kind: Start = "stationary") -> Float[np.ndarray, "node"]:
        """The law of the first node: "stationary", or "strength" s_u / sum s (paper, appendix A).

        They are the same for symmetric weights. For directed ones the strength law is not stationary.
        """
        return self.stationary if kind == "stationary" else self.strengths / math.fsum(self.strengths)

    @cached_property
    def alias_table(self) -> tuple[Int[np.ndarray, "arc"], Int[np.ndarray, "arc"]]:
        """Thresholds (units of 2^-32) and aliases (arc numbers) that sample a row in constant time (Walker 1977)."""
        return kernels.alias_table(self.weights, self.indptr)

    @cached_property
    def row_entropies(self) -> Float[np.ndarray, "node"]:
        """h_u in nats."""
        return (
            np.log(self.strengths)
            - np.add.reduceat(self.weights * np.log(self.weights), self.indptr[:-1]) / self.strengths
        )

    @cached_property
    def entropy_rate(self) -> float:
        """H in nats per token: the least loss any model can reach on long stationary walks."""
        return float(self.stationary @ self.row_entropies)

    @property
    def counting_coefficient(self) -> float:
        """(arcs - n) / 2 transitions, that is (2E - n) / 2 on a graph without loops."""
        return (self.arcs - self.nodes) / 2

    @checked
    def conditional_entropies(self, length: _Steps, start: Start = "stationary") -> Float[np.ndarray, "step"]:
        """H(X_{t+1} | X_t) in nats, t = 1 .. length - 1: the floor of the loss, position by position."""
        law, floors = self.start_law(start), np.empty(length - 1)
        if start == "stationary" or not self.directed:
            floors[:] = self.entropy_rate
            return floors
        step = self.transitions.T.tocsr()
        for t in range(length - 1):
            floors[t] = law @ self.row_entropies
            law = step @ law
        return floors

    def block_entropy(self, length: int, start: str = "stationary") -> float:
        """H(X_1 .. X_T) in nats of the first `length` = T tokens, exactly, for walks from `start_law(start)`."""
        later = self.conditional_entropies(length, start).sum()
        law = self.start_law(start)
        return float(-(law * np.log(law)).sum() + later)

    # ------------------------------------------------------------------ how fast it forgets

    @cached_property
    def second_eigenvalue(self) -> float:
        """l_2, the largest eigenvalue of P beside 1. Raises InvalidArgument for a directed chain (complex spectrum)."""
        self._require_symmetric("second_eigenvalue")
        return kernels.extreme_eigenvalue(self._symmetrised, np.sqrt(self.stationary), largest=True)

    @cached_property
    def smallest_eigenvalue(self) -> float:
        """l_n; -1 exactly where the graph is bipartite. Raises InvalidArgument for a directed chain."""
        self._require_symmetric("smallest_eigenvalue")
        if self.periodic:
            return -1.0
        return kernels.extreme_eigenvalue(self._symmetrised, np.sqrt(self.stationary), largest=False)

    @cached_property
    def second_modulus(self) -> float:
        """The largest |l_k|, k >= 2: correlations decay as second_modulus^t. Any chain; 1 if it is periodic."""
        if self.periodic:
            return 1.0
        if self.directed:
            return kernels.second_modulus(self.transitions, self.stationary)
        return max(abs(self.second_eigenvalue), abs(self.smallest_eigenvalue))

    @property
    def relaxation_time(self) -> float:
        """1 / (1 - second_modulus) steps; infinite for a periodic chain."""
        return math.inf if self.periodic else 1 / (1 - self.second_modulus)

    def spectrum(self) -> Float[np.ndarray, "node"]:
        """All n eigenvalues of P, decreasing; real parts, so for symmetric chains only. Dense: at most 5000 nodes."""
        self._require_symmetric("spectrum")
        if self.nodes > kernels.DENSE_LIMIT:
            raise InvalidArgument(
                f"nodes must be at most {kernels.DENSE_LIMIT} for the whole spectrum, got {self.nodes}: "
                f"use second_eigenvalue and smallest_eigenvalue."
            )
        return np.linalg.eigvalsh(self._symmetrised.toarray())[::-1]

    @cached_property
    def periodic(self) -> bool:
        """Whether the chain has a period above 1 (an undirected graph: whether it is bipartite)."""
        return kernels.period(self.transitions) > 1

    @checked
    def mutual_information(self, length: _Steps, *, progress: bool = True) -> Float[np.ndarray, "distance"]:
        """I(X_1; X_{1+t}) in nats of the stationary walk, t = 0 .. length - 1, exactly (t = 0 is the entropy of pi)."""
        return kernels.mutual_information(self.transitions, self.stationary, length, progress=progress)

    @checked
    def correlation(
        self, length: _Steps, observable: Annotated[Float[np.ndarray, "node"] | None, BY_HAND] = None
    ) -> Float[np.ndarray, "distance"]:
        """Two-point correlation of f(X_1) and f(X_{1+t}), stationary, normalised to 1 at t = 0, t = 0 .. length - 1.

        observable: f, one number a node; by default the degree. Raises InvalidArgument where f is constant.
        """
        values = self.degrees if observable is None else observable
        values = check_array("observable", values, dimensions=1, length=self.nodes)
        values = values / max(np.abs(values).max(), np.finfo(float).tiny)
        values = values - self.stationary @ values
        variance = float(self.stationary @ values**2)
        if variance <= 1e-24:
            raise InvalidArgument("observable must differ between nodes, got one value for all: pass another one.")
        result, moved = np.empty(length), values
        for t in range(length):
            result[t] = self.stationary @ (values * moved) / variance
            moved = self.transitions @ moved
        return result

    # ------------------------------------------------------------------ degrees and ranks

    @checked
    def rank_frequencies(self, kind: Annotated[str, Choice(RANKS)]) -> Float[np.ndarray, "rank"]:
        """Probabilities in decreasing order; each kind sums to 1.

        "unigram": pi_u. "bigram": pi_u P_uv over all arcs. "conditional": the r-th most likely successor, averaged over
        the stationary law of the node it follows (paper, figure 3: p(v) and p(u given v) by rank).
        """
        if kind == "unigram":
            return np.sort(self.stationary)[::-1]
        if kind == "bigram":
            return np.sort(self.pair_law)[::-1]
        order = np.lexsort((-self.probabilities, self.sources))
        rank = np.arange(self.arcs) - np.repeat(self.indptr[:-1], self.degrees)
        return np.bincount(rank, weights=self.pair_law[order])

    # ------------------------------------------------------------------

    @cached_property
    def _symmetrised(self) -> sparse.csr_array:
        """D^-1/2 W D^-1/2: symmetric, with the spectrum of P."""
        root = 1 / np.sqrt(self.strengths)
        values = self.weights * np.repeat(root, self.degrees) * root[self.indices]
        return sparse.csr_array((values, self.indices, self.indptr), shape=(self.nodes, self.nodes))

    def _require_symmetric(self, name: str) -> None:
        if self.directed:
            raise InvalidArgument(
                f"{name} needs an undirected chain, got directed=True, whose eigenvalues are complex: "
                f"use second_modulus."
            )


AnyChain = Annotated[Chain, Remedy("build it with erdos_renyi or another ensemble")]
