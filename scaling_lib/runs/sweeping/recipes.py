"""From the recipe in a run's configuration to the tokens that it was, or is to be, trained on.

A recipe is a function of a seed and named parameters that makes a chain or another source of tokens (`data.sources`).
The library's own have short names, `RECIPES`. One of your own is named by its import path, "package.module:function";
it is called with the seed and the parameters by name, in every process that trains. What it made is told apart by the
source's fingerprint, which is part of a run's identity.

"teacher" makes the sequences that a kept model writes (`models.generators.Teacher`):

    tokens_from("teacher", {"identity": IDENTITY, "kept": "recorded"})

identity: of its run, in full. kept: the folder of its weights, or "recorded" for those that ship with the package. The
parameters are part of a student's identity, so name a folder as every machine that trains has it. Further ones, as in
`Teacher`: context, sequences. The first token follows the law of those that the teacher was trained on; the seed means
nothing.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from scaling_lib.arguments import Count, Integer, Remedy, checked, imported
from scaling_lib.data import chains
from scaling_lib.data.markov import Chain
from scaling_lib.data.sources import Tokens, tokens_of
from scaling_lib.data.text.bigrams import bigram_chain
from scaling_lib.data.text.tokenized import DEFAULT, tokenized_corpus
from scaling_lib.data.text.tokenizer import Tokenizer, check_vocabulary
from scaling_lib.errors import InvalidData, check_choice, invalid
from scaling_lib.runs.keeping.kept import KeptModels, recorded_models
from scaling_lib.runs.records import Source

if TYPE_CHECKING:
    from scaling_lib.models.generators import Teacher
else:  # annotations are checked at run time without torch
    Teacher = Any

__all__ = ["RECIPES", "chain_of", "open_source", "open_teacher", "source_of", "tokenizer_of", "tokens_from"]

_Source = Annotated[Source, Remedy("take it from a RunConfiguration")]
_Parameters = Annotated[Mapping[str, int | float | str | bool], Remedy("pass the recipe's arguments")]
_Seed = Annotated[int, Integer(minimum=0)]
_Pairs = tuple[tuple[str, int | float | str | bool], ...]


def _erdos_renyi(seed: int, nodes: int, edges: int) -> Chain:
    return chains.erdos_renyi(nodes, edges=edges, generator=np.random.default_rng(seed))


def _barabasi_albert(seed: int, nodes: int, attachments: int) -> Chain:
    return chains.barabasi_albert(nodes, attachments=attachments, generator=np.random.default_rng(seed))


def _planted_partition(seed: int, nodes: int, communities: int, edges: int, inside: float) -> Chain:
    generator = np.random.default_rng(seed)
    return chains.planted_partition(nodes, communities=communities, edges=edges, inside=inside, generator=generator)


def _biased_erdos_renyi(seed: int, nodes: int, edges: int, kappa: float, kmax: float) -> Chain:
    """The graph of the same seed without bias, its weights from a generator of their own."""
    weights = np.random.default_rng([seed, 1])
    return chains.biased(_erdos_renyi(seed, nodes, edges), kappa=kappa, kmax=kmax, generator=weights)


def _regular(seed: int, nodes: int, degree: int) -> Chain:
    return chains.regular(nodes, degree, generator=np.random.default_rng(seed))


def _die(seed: int, faces: int, kmax: float = 100.0) -> Chain:
    return chains.die(faces, kmax=kmax, generator=np.random.default_rng(seed))


def _known(make: Callable[..., Chain]) -> Callable[..., Chain]:
    """The recipe of a graph of which nothing is drawn: the seed means nothing."""

    def recipe(seed: int, **parameters: Any) -> Chain:
        return make(**parameters)

    return recipe


def _bigram(seed: int, vocabulary: int | str, corpus: str = DEFAULT, threshold: int = 0) -> Chain:
    tokenized = tokenized_corpus(corpus, vocabulary)
    return bigram_chain(tokenized.training, tokenized.vocabulary, threshold)


RECIPES: Mapping[str, Callable[..., Chain]] = MappingProxyType(
    {
        "erdos_renyi": _erdos_renyi,
        "barabasi_albert": _barabasi_albert,
        "planted_partition": _planted_partition,
        "biased_erdos_renyi": _biased_erdos_renyi,
        "regular": _regular,
        "die": _die,
        "coin": _known(chains.coin),
        "cycle": _known(chains.cycle),
        "path": _known(chains.path),
        "ring": _known(chains.ring),
        "star": _known(chains.star),
        "tree": _known(chains.tree),
        "complete": _known(chains.complete),
        "bigram": _bigram,
    }
)


@checked
def open_teacher(
    kept: Annotated[KeptModels, Remedy("open a folder with KeptModels(folder)")],
    identity: str,
    context: Count | None = None,
    sequences: Annotated[int, Integer(minimum=2)] = 2048,
) -> Teacher:
    """The kept model of a run as a source of tokens, its first token as in the data that it was trained on.

    identity: of the run, or the beginning of it. context, sequences: as in `models.generators.Teacher`.
    Raises StoreError where the weights are not there, torn or of another run; InvalidArgument where the run diverged,
    where the context is longer than its own, or where its source does not say the law of its first tokens.
    """
    from scaling_lib.models.generators import Teacher

    configuration = kept.configuration(identity)
    tokens = open_source(configuration.source)
    first = getattr(tokens, "first_law", None)
    if first is None:
        remedy = "give that source a first_law, or build the Teacher with one"
        raise invalid("identity", "of a run whose source says the law of its first tokens", identity, remedy)
    return Teacher(kept.model(configuration), context, first=first, sequences=sequences)


# The folder of the weights that ship with the package.
_RECORDED = "recorded"


def _teacher(
    seed: int, identity: str, kept: str = _RECORDED, context: int | None = None, sequences: int = 2048
) -> Teacher:
    return open_teacher(recorded_models() if kept == _RECORDED else KeptModels(kept), identity, context, sequences)


def _text(seed: int, vocabulary: int | str, corpus: str = DEFAULT) -> Tokens:
    return tokenized_corpus(corpus, vocabulary).source


# What is no chain.
_SOURCES: Mapping[str, Callable[..., Tokens]] = MappingProxyType({"teacher": _teacher, "text": _text})


@checked
def source_of(ensemble: str, parameters: _Parameters, seed: _Seed = 0) -> tuple[Source, Chain]:
    """The source and the chain that a recipe makes.

    ensemble: "erdos_renyi" (nodes, edges), "barabasi_albert" (nodes, attachments), "planted_partition" (nodes,
    communities, edges, inside), "biased_erdos_renyi" (nodes, edges, kappa, kmax: directed continuous weights on
    [1, kmax]), "regular" (nodes, degree; connected), "die" (faces, kmax) or "bigram" (vocabulary, corpus, threshold);
    or one of which nothing is drawn: "coin" (heads), "cycle", "path", "ring", "star" or "complete" (nodes), "tree"
    (branching, depth). seed: of the graph.

    >>> source, chain = source_of("erdos_renyi", {"nodes": 100, "edges": 500})
    >>> chain.nodes, chain.edges, source.fingerprint == chain.fingerprint
    (100, 500, True)

    Raises InvalidArgument where the ensemble or one of its arguments is unknown.
    """
    check_choice("ensemble", ensemble, tuple(RECIPES))
    pairs = tuple(sorted(parameters.items()))
    chain = _made(ensemble, pairs, seed)
    assert isinstance(chain, Chain)  # as all of `RECIPES` are
    return Source(ensemble, pairs, seed, chain.fingerprint), chain


@checked
def tokens_from(
    ensemble: str, parameters: _Parameters, seed: _Seed = 0, *, start: str = "stationary"
) -> tuple[Source, Tokens]:
    """The source and the tokens that a recipe makes: one of `RECIPES`, or one of your own by its import path.

    >>> source, tokens = tokens_from("scaling_lib.data.chains:ring", {}, 5)  # called as ring(5)
    >>> tokens.vocabulary
    5

    Raises InvalidArgument where there is no such recipe, where it does not take the arguments, or where it makes
    neither a chain nor a source of tokens.
    """
    pairs = tuple(sorted(parameters.items()))
    tokens = tokens_of(_made(ensemble, pairs, seed), start)
    return Source(ensemble, pairs, seed, tokens.fingerprint, start), tokens


@checked
def tokenizer_of(source: _Source) -> Tokenizer | None:
    """What turns the tokens of a source into text: of a corpus, its bigram chain, or what a model trained on them
    writes; None where tokens are no text.

    Raises what making the corpus again raises, StoreError where the weights of a teacher are not there.
    """
    parameters = dict(source.parameters)
    if source.ensemble == "teacher":
        kept = str(parameters.get("kept", _RECORDED))
        models = recorded_models() if kept == _RECORDED else KeptModels(kept)
        return tokenizer_of(models.configuration(str(parameters["identity"])).source)
    if source.ensemble not in ("bigram", "text"):
        return None
    vocabulary = check_vocabulary("vocabulary", parameters["vocabulary"])
    return tokenized_corpus(str(parameters.get("corpus", DEFAULT)), vocabulary).tokenizer


@checked
def open_source(source: _Source) -> Tokens:
    """The tokens that a run is trained on, made again from its recipe.

    Raises InvalidData where the recipe now gives something else than it did for the run.
    """
    made, tokens = tokens_from(source.ensemble, dict(source.parameters), source.seed, start=source.start)
    _check_same(made.fingerprint, source)
    return tokens


@checked
def chain_of(source: _Source) -> Chain:
    """The chain that a run was trained on, made again from its recipe.

    Raises InvalidData where the recipe now gives another graph (a numpy whose generators changed).
    """
    made, chain = source_of(source.ensemble, dict(source.parameters), source.seed)
    _check_same(made.fingerprint, source)
    return chain


def _check_same(fingerprint: str, source: Source) -> None:
    if fingerprint != source.fingerprint:
        raise InvalidData(
            f"source {source.ensemble}{dict(source.parameters)} now makes {fingerprint[:12]}, not "
            f"{source.fingerprint[:12]} of the run: use the numpy version named in the run's provenance, or the file "
            f"or recipe that it was trained on."
        )


@lru_cache(maxsize=8)
def _made(ensemble: str, pairs: _Pairs, seed: int) -> Chain | Tokens:
    recipe = RECIPES.get(ensemble) or _SOURCES.get(ensemble)
    if recipe is None:
        if ":" not in ensemble:
            check_choice("ensemble", ensemble, (*RECIPES, *_SOURCES, "package.module:function"))
        recipe = imported("ensemble", ensemble)
    if not callable(recipe):
        raise invalid("ensemble", "a function of a seed and parameters", ensemble, "name a function")
    try:
        return recipe(seed, **dict(pairs))
    except TypeError:
        wanted = f"the arguments of ensemble {ensemble}"
        raise invalid("parameters", wanted, dict(pairs), "see scaling_lib.data") from None


# A grid that draws a graph for every seed asks for hundreds of them, again for every list of its runs; their chains are
# not kept.
@lru_cache(maxsize=2**16)
def drawn(ensemble: str, pairs: _Pairs, seed: int) -> tuple[str, int]:
    """Fingerprint and vocabulary of what a recipe makes."""
    _, tokens = tokens_from(ensemble, dict(pairs), seed)
    return tokens.fingerprint, tokens.vocabulary
