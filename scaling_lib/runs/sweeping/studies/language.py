"""The ladder from walks to language, as data like `catalogue`: bigram chain, T1L, T2L, T4L, text.

Every rung has the 128 tokens, the law of the first token and the length of sequences (50) of the text. T1L, T2L and T4L
are what `TEACHERS` write: models of one, two and four layers, 96 wide, trained on five million tokens of the text at
one learning rate; their weights ship with the package in float16. The paper's are 4096 wide, on 50,257 tokens of
another text.

Students have two layers. On every rung D is varied at width 64, and the width at D = 1.6 million; on the text D is
varied once more with four layers. All rungs are trained under muP at the learning rate .25; the bigram chain and the
text under SP too, at the rate that is best on the pilot. There are three seeds at every point, and five more where D is
800,000 or less: on the pilot's text the losses of two seeds lie .035 nats apart there. Seeds from 100 on are the
study's, seeds from 900 on the pilot's, which is never judged. `pages.judging.sources` holds the rules, written before
the runs.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.records import Optimizer, RunConfiguration, Schedule, Source
from scaling_lib.runs.sweeping.catalogue import Axes, Entry

__all__ = ["LANGUAGE", "TEACHERS"]

VOCABULARY = 128
_CORPUS = (("corpus", "default"), ("vocabulary", VOCABULARY))
TEXT = Source("text", _CORPUS, seed=0, fingerprint="689703d7932b0da79eca0d8e283b9d5f64bbacfd59c20f36700ff6d2688dd4fd")
BIGRAM = Source(
    "bigram",
    (*_CORPUS, ("threshold", 0)),
    seed=0,
    fingerprint="629e6c09df09f42fc065c84fd3f20337d0c66706ee39080e43c6f71cb612b1a3",
)


RATE = 0.25
# The best of the pilot under SP at width 64, and what the pilot tried.
SP_RATE = 2.0**-7
_PILOT_RATES = {"mup": (0.125, 0.25, 0.5), "sp": tuple(2.0**power for power in range(-10, -4))}


def _template(source: Source, kind: str = "mup") -> RunConfiguration:
    """Two layers, 20 sequences of 50 tokens a step."""
    rate = RATE if kind == "mup" else SP_RATE
    shape, one_step = Architecture(VOCABULARY, 64), Schedule(1000, batch=20)
    return RunConfiguration(source, shape, Parametrization(kind), Optimizer(rate), one_step, seed=100)


def _deep(run: RunConfiguration) -> RunConfiguration:
    """The same with four layers."""
    return replace(run, architecture=replace(run.architecture, depth=4))


def _teacher(depth: int) -> RunConfiguration:
    """Five million tokens, two thirds of an epoch."""
    run = _template(TEXT)
    shape = replace(run.architecture, width=96, heads=None, depth=depth)
    return replace(run, architecture=shape, schedule=Schedule(5_000_000, batch=20), seed=0)


TEACHERS: Mapping[str, RunConfiguration] = MappingProxyType(
    {"T1L": _teacher(1), "T2L": _teacher(2), "T4L": _teacher(4)}
)

# Sequences of its own that the entropy rate of a teacher is estimated on, and the standard error of that, nats.
_SEQUENCES = 8192
_FINGERPRINTS = {
    "T1L": "84adce4d71aa790b1f35e9335a8e045dadc3a3b5861f02bffbecaf90ff4c54f5",
    "T2L": "7b7704aac5a84bf16b8b4e09a75e9afa01db4847b8b2da12c6cc59395d6c285d",
    "T4L": "f5a204ef090b077c4f9871475dd1fdbd5033f22c78882108550e879495431898",
}
FLOOR_ERRORS: Mapping[str, float] = MappingProxyType({"bigram": 0.0, "T1L": 0.0016, "T2L": 0.0017, "T4L": 0.0017})


def _written_by(name: str) -> Source:
    """What a teacher writes."""
    parameters = (("identity", TEACHERS[name].identity), ("kept", "recorded"), ("sequences", _SEQUENCES))
    return Source("teacher", parameters, seed=0, fingerprint=_FINGERPRINTS[name])


# ---------------------------------------------------------------------- experiments

_SIZE = ("architecture.width", "schedule.tokens")
TOKENS = (400_000, 566_000, 800_000, 1_131_000, 1_600_000, 2_263_000, 3_200_000)
WIDTHS = (16, 24, 32, 48, 64, 96)
WIDTH, MOST = 64, 1_600_000
# Up to this D a point has more seeds.
SHORT = 800_000
SEEDS, SEEDS_SHORT = 3, 8
_SMALL = (*((width, 100_000) for width in (16, 32, 64)), (64, 400_000))


def _sizes(*parts: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """Pairs of width and D, each once, the cheap ones first."""
    return tuple(sorted({pair for part in parts for pair in part}, key=lambda pair: (pair[0] * pair[1], pair)))


_ACROSS_D = tuple((WIDTH, tokens) for tokens in TOKENS)
_ACROSS_N = tuple((width, MOST) for width in WIDTHS)


_RUN = ("seed", *_SIZE)


def _axes(sizes: tuple[tuple[int, int], ...], seeds: int = SEEDS, short: int = SEEDS_SHORT) -> Axes:
    """The seeds outermost, so that early results already show both curves. short: seeds up to SHORT tokens."""
    runs = tuple(
        (100 + seed, width, tokens)
        for seed in range(max(seeds, short))
        for width, tokens in sizes
        if seed < (short if tokens <= SHORT else seeds)
    )
    return {_RUN: runs}


def _rung() -> dict[str, Axes]:
    whole = _sizes(_ACROSS_D, _ACROSS_N)
    return {
        "smoke": _axes(_SMALL, 1, 1),
        "colab": _axes(_sizes(_ACROSS_D[:5], _ACROSS_N), 2, 4),
        "full": _axes(whole),
    }


def _pilot(kind: str) -> dict[str, Axes]:
    rates = _PILOT_RATES[kind]
    return {
        "smoke": {"seed": (900,), _SIZE: ((WIDTH, 800_000),), "optimizer.learning_rate": rates[1:2]},
        "full": {"seed": (900, 901), _SIZE: ((WIDTH, 800_000),), "optimizer.learning_rate": rates},
    }


LANGUAGE: Mapping[str, Entry] = MappingProxyType(
    {
        "language-pilot": (
            "Pilot, never judged: which learning rates are best on the text, and how much do seeds scatter?",
            _template(TEXT),
            _pilot("mup"),
        ),
        "language-pilot-sp": (
            "Pilot, never judged: which learning rates are best on the text under the standard parametrization?",
            _template(TEXT, "sp"),
            _pilot("sp"),
        ),
        "language-bigram": (
            "Figure 6 in small: the bigram chain of a text. Exponents in N and in D, over a floor known exactly?",
            _template(BIGRAM),
            _rung(),
        ),
        "language-t1l": (
            "Figure 7 in small: what a model of one layer writes. Exponents in N and in D?",
            _template(_written_by("T1L")),
            _rung(),
        ),
        "language-t2l": (
            "Figure 8 in small: what a model of two layers writes. Exponents in N and in D?",
            _template(_written_by("T2L")),
            _rung(),
        ),
        "language-t4l": (
            "What a model of four layers writes: does it differ from what one of two layers writes?",
            _template(_written_by("T4L")),
            _rung(),
        ),
        "language-text": (
            "Figure 13 in small: the text itself. Exponents in N and in D, where nobody knows the floor?",
            _template(TEXT),
            _rung(),
        ),
        "language-text-deep": (
            "Figure 14 in small: four layers on the text. Do they change the exponent in D, and do they lose less?",
            _deep(_template(TEXT)),
            {"smoke": _axes(_SMALL[-1:], 1, 1), "full": _axes(_ACROSS_D)},
        ),
        "language-bigram-sp": (
            "The bigram chain under the standard parametrization, with everything else equal?",
            _template(BIGRAM, "sp"),
            _rung(),
        ),
        "language-text-sp": (
            "Figure 11 in small: the text under the standard parametrization, with everything else equal?",
            _template(TEXT, "sp"),
            _rung(),
        ),
    }
)
