"""Walks: the sequences of tokens that a chain emits, the same bit for bit on every machine.

Randomness is counter-based. With the finaliser of splitmix64,

    mix(z):  z ^= z >> 30;  z *= 0xbf58476d1ce4e5b9;  z ^= z >> 27;  z *= 0x94d049bb133111eb;  z ^= z >> 31

(a bijection of the 64-bit integers), walk i of seed s has the key  mix(mix(s + g) + (i + 1) g)  and its k-th random
word is  mix(key + (k + 1) g),  g = 0x9e3779b97f4a7c15: one splitmix64 stream for every walk. So walk i does not depend
on how many walks are drawn, in what batches or order, by which back end or on what device; and a shorter walk is the
beginning of a longer one. Two walks share words only where their keys happen to lie within 2^64 x (T / 2^64) of each
other: for 10^7 walks of T = 50 tokens the chance that any two do is 3e-4.

All arithmetic is on integers, so nothing rounds differently anywhere (a float32 product u * degree can return the
degree itself and walk into the next row). A 32-bit r picks one of d neighbours as (r d) >> 32, which favours some by at
most d / 2^32. Rows that are not uniform use alias tables (Walker 1977; Vose 1991) in units of 2^-32 of a slot, built by
prefix sums: lights and heavies of a row in order, each light topped up by the heavy that is current when its turn comes.

    uniform rows     1 word every second step, 2 gathers        alias rows     1 word a step, 3 gathers
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from scaling_lib.data.markov import STARTS, Chain
from scaling_lib.errors import (
    InvalidArgument,
    MissingDependency,
    check_choice,
    check_instance,
    check_integer,
)

if TYPE_CHECKING:
    import torch

__all__ = ["WalkStream", "sample_walks"]

BACKENDS = ("numpy", "torch")
_GOLDEN = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_WORD, _LOW = 2**64 - 1, 2**32 - 1
_LARGEST = 2**63 - 1
_BLOCK = 8192  # walkers per block: the working set stays within the second-level cache
_BUFFER = 2**19  # tokens a stream holds at a time


def sample_walks(
    chain: Chain,
    count: int,
    length: int,
    *,
    seed: int,
    first: int = 0,
    start: str = "strength",
    backend: str = "numpy",
    device: "str | torch.device | None" = None,
) -> "Int[np.ndarray, 'walk time'] | Int[torch.Tensor, 'walk time']":
    """Walks first .. first + count - 1 of `seed`: node numbers, int64, [walk, time].

    length: tokens of a walk, T; it holds T - 1 transitions. start: law of the first node, "stationary" or "strength"
    (the paper's; the same for symmetric weights). backend: "numpy" returns an array, "torch" a tensor on `device`.
    """
    sampler = _Sampler.of(chain, start, backend, device)
    count = check_integer("count", count, minimum=1)
    length = check_integer("length", length, minimum=1)
    seed = check_integer("seed", seed, minimum=0, maximum=_LARGEST)
    first = check_integer("first", first, minimum=0, maximum=_LARGEST - count)
    _check_size(count, length)
    return sampler.walks(seed, first, count, length)


class WalkStream:
    """An endless supply of training batches that never holds all D tokens.

    chain, length, seed, start, backend, device: as in `sample_walks`. batch: walks per step.
    """

    def __init__(
        self,
        chain: Chain,
        length: int,
        batch: int,
        seed: int,
        *,
        start: str = "strength",
        backend: str = "numpy",
        device: "str | torch.device | None" = None,
    ) -> None:
        self._sampler = _Sampler.of(chain, start, backend, device)
        self.length = check_integer("length", length, minimum=1)
        self.batch_size = check_integer("batch", batch, minimum=1)
        self.seed = check_integer("seed", seed, minimum=0, maximum=_LARGEST)
        _check_size(batch, length)
        self._steps = max(1, _BUFFER // (length * batch))  # of a buffer
        self._held: tuple[int, Any] = (-1, None)

    def batch(self, step: int) -> "Int[np.ndarray, 'walk time'] | Int[torch.Tensor, 'walk time']":
        """Walks step * batch .. (step + 1) * batch - 1. A few thousand walks are drawn at once and handed out."""
        step = check_integer("step", step, minimum=0, maximum=_LARGEST // self.batch_size - 1)
        which, place = divmod(step, self._steps)
        if self._held[0] != which:
            count = self._steps * self.batch_size
            self._held = which, self._sampler.walks(self.seed, which * count, count, self.length)
        return self._held[1][place * self.batch_size : (place + 1) * self.batch_size]


def _check_size(count: int, length: int) -> None:
    if count * length > 2**34:
        raise InvalidArgument(
            f"count must keep count x length below 2^34 tokens, got {count} x {length}: use a WalkStream."
        )


# ---------------------------------------------------------------------- tables


def alias_table(
    weights: np.ndarray, indptr: np.ndarray
) -> tuple[Int[np.ndarray, "arc"], Int[np.ndarray, "arc"]]:
    """Thresholds (in units of 2^-32) and aliases (arc numbers) of the rows of a CSR matrix.

    A row of d weights becomes integers q with sum d 2^32, exactly. Slots with q below 2^32 ("lights") are topped up by
    slots above ("heavies"). With the running sums A of the lights' deficits and B of the heavies' surpluses, a light
    takes from the first heavy whose B exceeds the A before it; a heavy is spent by the first light whose A exceeds its
    B, and is itself topped up by the next heavy. Deficits and surpluses of a row balance, so the running sums need not
    be restarted from row to row.
    """
    one = 2**32
    degrees = np.diff(indptr)
    scale = degrees / np.add.reduceat(weights, indptr[:-1])
    units = np.rint(weights * np.repeat(scale, degrees) * one).astype(np.int64)
    heaviest = np.lexsort((units, np.repeat(np.arange(len(degrees)), degrees)))[indptr[1:] - 1]
    units[heaviest] += degrees * one - np.add.reduceat(units, indptr[:-1])
    thresholds, aliases = np.full(len(units), one), np.arange(len(units))
    light, heavy = np.flatnonzero(units < one), np.flatnonzero(units > one)
    if len(light):
        owed, spare = np.cumsum(one - units[light]), np.cumsum(units[heavy] - one)
        thresholds[light] = units[light]
        aliases[light] = heavy[np.searchsorted(spare, owed - (one - units[light]), side="right")]
        spender = np.searchsorted(owed, spare, side="right")
        spent = spender < len(light)
        missing = owed[np.minimum(spender, len(light) - 1)] - spare
        # A heavy that ends its row balanced is not spent: the next light belongs to the next row.
        spent &= missing < one - units[light[np.minimum(spender, len(light) - 1)]]
        thresholds[heavy[spent]] = one - missing[spent]
        aliases[heavy[spent]] = heavy[np.flatnonzero(spent) + 1]
    return thresholds, aliases


@dataclass(frozen=True)
class _Sampler:
    """The tables of a chain in the arrays of a back end."""

    library: Any  # numpy or torch
    device: Any
    degrees: Any
    offsets: Any
    targets: Any
    thresholds: Any  # None where every row is uniform
    aliases: Any
    start_thresholds: Any
    start_aliases: Any

    @classmethod
    def of(cls, chain: Chain, start: str, backend: str, device: Any) -> "_Sampler":
        check_instance("chain", chain, Chain, remedy="build it with erdos_renyi or another ensemble")
        check_choice("start", start, STARTS)
        check_choice("backend", backend, BACKENDS)
        if chain.uniform:
            thresholds = aliases = None
        else:
            thresholds, arcs = alias_table(chain.weights, chain.indptr)
            aliases = chain.indices[arcs]
        law = chain.start_law(start)
        tables = [
            chain.degrees, chain.indptr[:-1], chain.indices, thresholds, aliases,
            *alias_table(law, np.array([0, chain.nodes])),
        ]
        tables = [None if table is None else table.astype(np.int64) for table in tables]
        if backend == "numpy":
            if device is not None:
                raise InvalidArgument(f"device must be None with the numpy back end, got {device!r}: pass None.")
            return cls(np, None, *tables)
        try:
            import torch
        except ImportError:
            raise MissingDependency(
                "backend must be 'numpy' without torch, got 'torch': pip install scaling-lab[train]."
            ) from None
        try:
            place = torch.device("cpu" if device is None else device)
            return cls(torch, place, *(None if table is None else torch.from_numpy(table).to(place) for table in tables))
        except (RuntimeError, TypeError, AssertionError) as error:
            raise InvalidArgument(f"device must be one that torch has, got {device!r} ({error}): use 'cpu'.") from None

    def walks(self, seed: int, first: int, count: int, length: int) -> Any:
        """Walks first .. first + count - 1 [walk, time], block by block."""
        sample = self._numpy_block if self.library is np else self._torch_block
        block = _BLOCK if self.library is np else max(_BLOCK, 2**22 // length)
        parts = [
            sample(seed, begin, min(block, first + count - begin), length)
            for begin in range(first, first + count, block)
        ]
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts) if self.library is np else self.library.cat(parts)

    def _numpy_block(self, seed: int, first: int, count: int, length: int) -> Int[np.ndarray, "walk time"]:
        unsigned, low, half = np.uint64, np.uint64(_LOW), np.uint64(32)
        keys = (np.arange(first + 1, first + count + 1, dtype=unsigned) * unsigned(_GOLDEN)) + unsigned(
            _mix_integer(seed + _GOLDEN)
        )
        keys = _mix_numpy(keys)

        def word(k: int) -> np.ndarray:
            return _mix_numpy(keys + unsigned((k + 1) * _GOLDEN & _WORD))

        walks = np.empty((length, count), np.int64)
        random = word(0)
        slot = ((random >> half) * unsigned(len(self.start_aliases)) >> half).view(np.int64)
        keep = (random & low).view(np.int64) < self.start_thresholds[slot]
        node = np.where(keep, slot, self.start_aliases[slot])
        walks[0] = node
        for t in range(1, length):
            if self.thresholds is None:
                if t % 2:
                    random = word((t + 1) // 2)
                bits = random >> half if t % 2 else random & low
            else:
                random = word(t)
                bits = random >> half
            slot = (bits * self.degrees.view(unsigned)[node] >> half).view(np.int64)
            slot += self.offsets[node]
            node = self.targets[slot]
            if self.thresholds is not None:
                keep = (random & low).view(np.int64) < self.thresholds[slot]
                node = np.where(keep, node, self.aliases[slot])
            walks[t] = node
        return np.ascontiguousarray(walks.T)

    def _torch_block(self, seed: int, first: int, count: int, length: int) -> Any:
        torch = self.library
        keys = torch.arange(first + 1, first + count + 1, dtype=torch.int64, device=self.device)
        keys = _mix_torch(keys * _signed(_GOLDEN) + _signed(_mix_integer(seed + _GOLDEN)))

        def word(k: int) -> Any:
            return _mix_torch(keys + _signed((k + 1) * _GOLDEN))

        def high(random: Any) -> Any:
            return random >> 32 & _LOW

        walks = torch.empty((length, count), dtype=torch.int64, device=self.device)
        random = word(0)
        slot = high(random) * len(self.start_aliases) >> 32
        node = torch.where((random & _LOW) < self.start_thresholds[slot], slot, self.start_aliases[slot])
        walks[0] = node
        for t in range(1, length):
            if self.thresholds is None:
                if t % 2:
                    random = word((t + 1) // 2)
                bits = high(random) if t % 2 else random & _LOW
            else:
                random = word(t)
                bits = high(random)
            slot = (bits * self.degrees[node] >> 32) + self.offsets[node]
            node = self.targets[slot]
            if self.thresholds is not None:
                node = torch.where((random & _LOW) < self.thresholds[slot], node, self.aliases[slot])
            walks[t] = node
        return walks.T.contiguous()


# ---------------------------------------------------------------------- random words


def _mix_integer(z: int) -> int:
    z &= _WORD
    z = (z ^ z >> 30) * _FIRST & _WORD
    z = (z ^ z >> 27) * _SECOND & _WORD
    return z ^ z >> 31


def _mix_numpy(z: np.ndarray) -> np.ndarray:
    """In place, on uint64."""
    shifted = z >> np.uint64(30)
    z ^= shifted
    z *= np.uint64(_FIRST)
    z ^= np.right_shift(z, np.uint64(27), out=shifted)
    z *= np.uint64(_SECOND)
    z ^= np.right_shift(z, np.uint64(31), out=shifted)
    return z


def _mix_torch(z: Any) -> Any:
    """On int64, whose products wrap like those of uint64; >> copies the sign, so the copies are masked away."""
    z = (z ^ (z >> 30 & 2**34 - 1)) * _signed(_FIRST)
    z = (z ^ (z >> 27 & 2**37 - 1)) * _signed(_SECOND)
    return z ^ (z >> 31 & 2**33 - 1)


def _signed(word: int) -> int:
    """The int64 with the bits of a 64-bit word."""
    word &= _WORD
    return word - 2**64 if word >> 63 else word
