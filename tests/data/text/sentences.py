"""Texts of a small grammar, for tests: documents that share words and no passages."""

import random

_SOUNDS = [one + two for one in "bdglmnrst" for two in "aeio"]
_WORDS = [first + second + last for first in _SOUNDS for second in _SOUNDS[::3] for last in ("", "n", "st")]


def sentence(generator):
    one, two, three, four, five, six = (generator.choice(_WORDS) for _ in range(6))
    return f"The {one} {two} the {three} {four}, and {generator.randint(2, 99)} of the {five} {six} it."


def document(seed, sentences=40):
    generator = random.Random(seed)
    lines = [" ".join(sentence(generator) for _ in range(4)) for _ in range(sentences // 4)]
    return "\n".join(lines) + "\n"


def documents(count=30, sentences=40):
    return [document(seed, sentences) for seed in range(count)]
