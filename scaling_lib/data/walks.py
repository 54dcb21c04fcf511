"""Walks: the sequences of tokens that a chain emits, the same bit for bit on every machine.

Randomness is counter-based. With the finaliser of splitmix64,

    mix(z):  z ^= z >> 30;  z *= 0xbf58476d1ce4e5b9;  z ^= z >> 27;  z *= 0x94d049bb133111eb;  z ^= z >> 31

(a bijection of the 64-bit integers), walk i of seed s has the key  mix(mix(s + g) + (i + 1) g)  and its k-th random
word is  mix(key + (k + 1) g),  g = 0x9e3779b97f4a7c15: one splitmix64 stream for every walk. So walk i does not depend
on how many walks are drawn, in what batches or order, by which back end or on what device; and a shorter walk is the
beginning of a longer one. Two walks share words only where their keys happen to lie within 2^64 x (T / 2^64) of each
other: for 10^7 walks of T = 50 tokens the chance that any two do is 3e-4.

All arithmetic is on integers, so nothing rounds differently anywhere (a float32 product u * degree can return the
degree itself, and so walk into the next row). A 32-bit r picks one of d neighbours as (r d) >> 32; no probability is
wrong by more than d 2^-32 of itself. Rows that are not uniform pick a slot in this way and compare a second 32-bit
number with the threshold of the slot: the node of the slot below it, its alias above (Walker 1977;
`markov.Chain.alias_table`). Uniform chains use one word for two steps, others one word for each.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int, UInt

from scaling_lib.data._kernels import alias_table
from scaling_lib.data.markov import STARTS, Chain
from scaling_lib.errors import (
    InvalidArgument,
    MissingDependency,
    check_choice,
    check_instance,
    check_integer,
    check_sequence,
)

if TYPE_CHECKING:
    import torch

__all__ = ["BUFFER", "WalkStream", "random_words", "sample_walks", "walk_words"]

BACKENDS = ("numpy", "torch")
_GOLDEN = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_WORD = 2**64 - 1
_LARGEST = 2**63 - 1
_BLOCK = 16384  # walkers moved together: enough to hide the calls, few enough to stay in the cache
BUFFER = 2**19  # tokens a stream holds at a time, for each seed


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
    sampler = _sampler(chain, start, backend, device)
    count = check_integer("count", count, minimum=1)
    length = check_integer("length", length, minimum=1)
    seed = check_integer("seed", seed, minimum=0, maximum=_LARGEST)
    first = check_integer("first", first, minimum=0, maximum=_LARGEST - count)
    _check_size(count, length)
    return sampler.walks([seed], first, count, length)[0]


class WalkStream:
    """An endless supply of training batches that never holds all D tokens.

    chain, length, start, backend, device: as in `sample_walks`. batch: walks per step. seed: one, for
    batches [walk, time]; or a list of them, for batches [seed, walk, time], each as from a stream of that seed alone.
    """

    def __init__(
        self,
        chain: Chain,
        length: int,
        batch: int,
        seed: int | Sequence[int],
        *,
        start: str = "strength",
        backend: str = "numpy",
        device: "str | torch.device | None" = None,
    ) -> None:
        self._sampler = _sampler(chain, start, backend, device)
        self.length = check_integer("length", length, minimum=1)
        self.batch_size = check_integer("batch", batch, minimum=1)
        self._several = isinstance(seed, list | tuple)
        seeds = check_sequence("seed", seed, int, remedy="pass one seed or more") if self._several else [seed]
        self.seeds = [check_integer("seed", number, minimum=0, maximum=_LARGEST) for number in seeds]  # type: ignore[arg-type]
        _check_size(batch, length)
        self._steps = max(1, BUFFER // (length * batch))  # that one buffer serves
        self._held: tuple[int, Any] = (-1, None)

    def batch(self, step: int) -> "Int[np.ndarray, '*seed walk time'] | Int[torch.Tensor, '*seed walk time']":
        """Walks step * batch .. (step + 1) * batch - 1, in any order of steps; int64, the caller's own copy.

        Behind it lies a buffer of at most 2^19 tokens for each seed (or one batch, if that is more), drawn at once for
        all of them: on an accelerator one small batch costs as many kernel launches as many large ones.
        """
        step = check_integer("step", step, minimum=0, maximum=_LARGEST // self.batch_size - self._steps)
        which, place = divmod(step, self._steps)
        if self._held[0] != which:
            count = self._steps * self.batch_size
            self._held = which, self._sampler.walks(self.seeds, which * count, count, self.length)
        part = self._held[1][:, place * self.batch_size : (place + 1) * self.batch_size]
        if not self._several:
            part = part[0]
        return part.copy() if isinstance(part, np.ndarray) else part.clone()


def _check_size(count: int, length: int) -> None:
    if count * length > 2**34:
        raise InvalidArgument(
            f"count must keep count x length below 2^34 tokens, got {count} x {length}: use a WalkStream."
        )


# ---------------------------------------------------------------------- back ends


def _sampler(chain: Chain, start: str, backend: str, device: Any) -> "_NumpySampler | _TorchSampler":
    check_instance("chain", chain, Chain, remedy="build it with erdos_renyi or another ensemble")
    check_choice("start", start, STARTS)
    check_choice("backend", backend, BACKENDS)
    if backend == "torch":
        return _TorchSampler(chain, start, device)
    if device is not None:
        raise InvalidArgument(f"device must be None with the numpy back end, got {str(device)[:20]!r}: pass None.")
    return _NumpySampler(chain, start)


class _NumpySampler:
    """The tables of a chain, packed so that a step costs few gathers, and the loop over time.

    rows [node]: first arc << 32 | degree. targets [arc]: the node an arc enters. Where rows are not uniform, thresholds
    [arc] and targets [2 arc] = (node of the slot, node of its alias) in turn. Likewise for the start law.
    """

    def __init__(self, chain: Chain, start: str) -> None:
        self.rows = chain.indptr[:-1] << 32 | chain.degrees
        self.thresholds, self.targets = None, chain.indices
        if not chain.uniform:
            self.thresholds, aliases = chain.alias_table
            self.targets = np.stack([chain.indices, chain.indices[aliases]], axis=1).ravel()
        self.start_thresholds, aliases = alias_table(chain.start_law(start), np.array([0, chain.nodes]))
        self.start_targets = np.stack([np.arange(chain.nodes), aliases], axis=1).ravel().astype(self.targets.dtype)

    def walks(self, seeds: list[int], first: int, count: int, length: int) -> Int[np.ndarray, "seed walk time"]:
        result = np.empty((len(seeds), count, length), np.int64)
        for seed, of_seed in zip(seeds, result, strict=True):
            for begin in range(0, count, _BLOCK):
                block = of_seed[begin : begin + _BLOCK]
                block[:] = self._block(seed, first + begin, len(block), length).T
        return result

    def _block(self, seed: int, first: int, count: int, length: int) -> np.ndarray:
        """[time, walk], because one time is what is written at once."""
        half, low = np.uint64(32), np.uint64(2**32 - 1)
        rows = self.rows.view(np.uint64)
        keys = np.arange(first + 1, first + count + 1, dtype=np.uint64)
        keys *= np.uint64(_GOLDEN)
        keys += np.uint64(_mix_integer(seed + _GOLDEN))
        random, spare, row = np.empty_like(keys), np.empty_like(keys), np.empty_like(keys)
        _mix_numpy(keys, spare)
        walks = np.empty((length, count), self.targets.dtype)

        def next_word(k: int) -> None:
            np.add(keys, np.uint64((k + 1) * _GOLDEN & _WORD), out=random)
            _mix_numpy(random, spare)

        def choose(thresholds: np.ndarray) -> np.ndarray:
            """2 slot + (whether the low half of the word passes over the threshold of the slot)."""
            thresholds.take(slot.view(np.int64), out=row, mode="clip")
            passed = np.bitwise_and(random, low, out=spare) >= row
            np.left_shift(slot, np.uint64(1), out=slot)
            return np.add(slot, passed, out=slot)

        next_word(0)
        slot = np.right_shift(random, half)
        slot *= np.uint64(len(self.start_thresholds))
        slot >>= half
        self.start_targets.take(choose(self.start_thresholds.view(np.uint64)).view(np.int64), out=walks[0], mode="clip")
        for t in range(1, length):
            if self.thresholds is not None:
                next_word(t)
                np.right_shift(random, half, out=slot)
            elif t % 2:
                next_word(t // 2 + 1)
                np.right_shift(random, half, out=slot)
            else:
                np.bitwise_and(random, low, out=slot)
            rows.take(walks[t - 1], out=row, mode="clip")
            slot *= np.bitwise_and(row, low, out=spare)
            slot >>= half
            slot += np.right_shift(row, half, out=row)
            if self.thresholds is not None:
                choose(self.thresholds.view(np.uint64))
            self.targets.take(slot.view(np.int64), out=walks[t], mode="clip")
        return walks


class _TorchSampler:
    """The same tables and the same arithmetic in tensors: int64, whose sums and products wrap like those of uint64."""

    def __init__(self, chain: Chain, start: str, device: Any) -> None:
        try:
            import torch
        except ImportError:
            raise MissingDependency(
                "backend must be 'numpy' where torch is not installed, got 'torch': pip install 'scaling-lab[train]'."
            ) from None
        self.torch, tables = torch, _NumpySampler(chain, start)
        try:
            self.device = torch.device("cpu" if device is None else device)
            self.rows = torch.tensor(tables.rows, device=self.device)
            self.targets = torch.tensor(tables.targets, device=self.device)
            self.start_thresholds = torch.tensor(tables.start_thresholds, device=self.device)
            self.start_targets = torch.tensor(tables.start_targets, device=self.device)
            self.thresholds = None
            if tables.thresholds is not None:
                self.thresholds = torch.tensor(tables.thresholds, device=self.device)
        except (RuntimeError, TypeError, AssertionError) as error:
            reason = str(error).split("\n")[0]
            raise InvalidArgument(
                f"device must be one that torch has, got {str(device)[:20]!r} ({reason}): use 'cpu'."
            ) from None

    def walks(self, seeds: list[int], first: int, count: int, length: int) -> Any:
        """[seed, walk, time]; walkers of all seeds move together."""
        torch, block = self.torch, _BLOCK if self.device.type == "cpu" else 2**20
        begins = [_signed(_mix_integer(seed + _GOLDEN)) for seed in seeds]
        numbers = torch.arange(first + 1, first + count + 1, dtype=torch.int64, device=self.device)
        keys = torch.tensor(begins, device=self.device)[:, None] + numbers * _signed(_GOLDEN)
        result = torch.empty((len(seeds) * count, length), dtype=torch.int64, device=self.device)
        for part, its_keys in zip(result.split(block), keys.flatten().split(block), strict=True):
            part.copy_(self._block(_mix_torch(its_keys), length).T)
        return result.view(len(seeds), count, length)

    def _block(self, keys: Any, length: int) -> Any:
        """[time, walk]."""
        torch, low = self.torch, 2**32 - 1
        walks = torch.empty((length, len(keys)), dtype=torch.int64, device=self.device)

        def word(k: int) -> Any:
            return _mix_torch(keys + _signed((k + 1) * _GOLDEN))

        def choose(slot: Any, thresholds: Any) -> Any:
            return 2 * slot + ((random & low) >= thresholds[slot])

        random = word(0)
        slot = (random >> 32 & low) * len(self.start_thresholds) >> 32
        walks[0] = self.start_targets[choose(slot, self.start_thresholds)]
        for t in range(1, length):
            if self.thresholds is not None:
                random = word(t)
            elif t % 2:
                random = word(t // 2 + 1)
            bits = random & low if self.thresholds is None and t % 2 == 0 else random >> 32 & low
            row = self.rows[walks[t - 1]]
            slot = (bits * (row & low) >> 32) + (row >> 32)
            if self.thresholds is not None:
                slot = choose(slot, self.thresholds)
            walks[t] = self.targets[slot]
        return walks


# ---------------------------------------------------------------------- random words


def random_words(seed: int, count: int) -> UInt[np.ndarray, "word"]:
    """`count` random 64-bit words of `seed`, the same on every machine: the keys of its walks 0 .. count - 1.

    >>> random_words(0, 2).dtype
    dtype('uint64')
    """
    seed = check_integer("seed", seed, minimum=0, maximum=_LARGEST)
    count = check_integer("count", count, minimum=1, maximum=2**34)
    keys = np.arange(1, count + 1, dtype=np.uint64)
    keys *= np.uint64(_GOLDEN)
    keys += np.uint64(_mix_integer(seed + _GOLDEN))
    _mix_numpy(keys, np.empty_like(keys))
    return keys


def walk_words(seed: int, first: int, count: int, words: int) -> UInt[np.ndarray, "walk word"]:
    """The first `words` random 64-bit words of each of the walks first .. first + count - 1 of `seed`.

    >>> bool((walk_words(0, 1, 1, 3) == walk_words(0, 0, 2, 4)[1:, :3]).all())
    True
    """
    seed = check_integer("seed", seed, minimum=0, maximum=_LARGEST)
    count = check_integer("count", count, minimum=1, maximum=2**34)
    first = check_integer("first", first, minimum=0, maximum=_LARGEST - count)
    words = check_integer("words", words, minimum=1, maximum=2**34 // count)
    keys = np.arange(first + 1, first + count + 1, dtype=np.uint64)
    keys *= np.uint64(_GOLDEN)
    keys += np.uint64(_mix_integer(seed + _GOLDEN))
    _mix_numpy(keys, np.empty_like(keys))
    result = keys[:, None] + np.arange(1, words + 1, dtype=np.uint64) * np.uint64(_GOLDEN)  # [walk, word]
    _mix_numpy(result, np.empty_like(result))
    return result


def _mix_integer(z: int) -> int:
    z &= _WORD
    z = (z ^ z >> 30) * _FIRST & _WORD
    z = (z ^ z >> 27) * _SECOND & _WORD
    return z ^ z >> 31


def _mix_numpy(z: np.ndarray, spare: np.ndarray) -> None:
    """In place, on uint64; `spare` is overwritten."""
    z ^= np.right_shift(z, np.uint64(30), out=spare)
    z *= np.uint64(_FIRST)
    z ^= np.right_shift(z, np.uint64(27), out=spare)
    z *= np.uint64(_SECOND)
    z ^= np.right_shift(z, np.uint64(31), out=spare)


def _mix_torch(z: Any) -> Any:
    """On int64, whose products wrap like those of uint64; >> copies the sign, so the copies are masked away."""
    z = (z ^ (z >> 30 & 2**34 - 1)) * _signed(_FIRST)
    z = (z ^ (z >> 27 & 2**37 - 1)) * _signed(_SECOND)
    return z ^ (z >> 31 & 2**33 - 1)


def _signed(word: int) -> int:
    """The int64 with the bits of a 64-bit word."""
    word &= _WORD
    return word - 2**64 if word >> 63 else word
