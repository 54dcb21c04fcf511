"""The ladder from walks to language, as data like `catalogue`: bigram chain, T1L, T2L, T4L, text.

Every rung has the 128 tokens, the first-token law and the length of sequences (50) of the text. T1L, T2L and T4L are
what `TEACHERS` write, models of one, two and four layers that were trained on the text; their weights ship with the
package in float16. The paper's are 4096 wide, on 50,257 tokens of another text.
"""

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.records import Optimizer, RunConfiguration, Schedule, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TEACHERS"]

VOCABULARY = 128
_CORPUS = (("corpus", "default"), ("vocabulary", VOCABULARY))
TEXT = Source(
    "text", _CORPUS, seed=0, fingerprint="689703d7932b0da79eca0d8e283b9d5f64bbacfd59c20f36700ff6d2688dd4fd"
)
BIGRAM = Source(
    "bigram",
    (*_CORPUS, ("threshold", 0)),
    seed=0,
    fingerprint="629e6c09df09f42fc065c84fd3f20337d0c66706ee39080e43c6f71cb612b1a3",
)


def _template(source: Source) -> RunConfiguration:
    """Two layers, muP, 20 sequences of 50 tokens a step."""
    shape = Architecture(VOCABULARY, 64)
    return RunConfiguration(source, shape, Parametrization(), Optimizer(0.25), Schedule(400_000, batch=20), seed=100)


def _teacher(depth: int) -> RunConfiguration:
    """Five million tokens, two thirds of an epoch."""
    run = _template(TEXT)
    shape = replace(run.architecture, width=96, heads=None, depth=depth)
    return replace(run, architecture=shape, schedule=Schedule(5_000_000, batch=20), seed=0)


TEACHERS: "Mapping[str, RunConfiguration]" = MappingProxyType(
    {"T1L": _teacher(1), "T2L": _teacher(2), "T4L": _teacher(4)}
)
