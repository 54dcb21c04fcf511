"""A source of tokens from outside of the library: it knows its laws, and nothing of it is registered anywhere."""

import numpy as np

from scaling_lib.data.sources import NextLaws


class Counter:
    """Sequences that count on by one, modulo the vocabulary, or with a given chance by two."""

    supply = None

    def __init__(self, vocabulary, by_two):
        self.vocabulary, self.by_two = vocabulary, by_two
        self.fingerprint = f"counter of {vocabulary}, {by_two}".encode().hex().ljust(64, "0")
        self.entropy_rate = float(-by_two * np.log(by_two) - (1 - by_two) * np.log(1 - by_two))

    def draw(self, generator, count, context):
        steps = 1 + (generator.random((count, context)) < self.by_two)
        steps[:, 0] = generator.integers(self.vocabulary, size=count)
        return steps.cumsum(1) % self.vocabulary

    def stream(self, context, batch, seeds, device=None):
        return Batches(self, context, batch, seeds)

    def test(self, count, context, seed):
        return self.draw(np.random.default_rng(seed), count, context)

    def next_laws(self, sequences):
        last = np.asarray(sequences).ravel()
        tokens = np.stack([last + 1, last + 2], 1) % self.vocabulary
        law = np.tile([1 - self.by_two, self.by_two], len(last))
        return NextLaws(np.repeat(np.arange(len(last)), 2), tokens.ravel(), law)


class Batches:
    def __init__(self, source, context, batch, seeds):
        self.source, self.context, self.size, self.seeds = source, context, batch, seeds

    def batch(self, step):
        drawn = [
            self.source.draw(np.random.default_rng([seed, step]), self.size, self.context) for seed in self.seeds
        ]
        return np.stack(drawn)


def counter(seed, vocabulary, by_two):
    """The recipe; the seed of a graph means nothing to it."""
    return Counter(vocabulary, by_two)


def nothing(seed):
    return "no source"
