"""The experiments of the book as grids: a source, a parametrization, and for every profile its widths, tokens,
learning rates and seeds.

An experiment is data. To add one, add an entry to `EXPERIMENTS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from types import MappingProxyType
from typing import Any

import numpy as np

from scaling_lib.data import chains
from scaling_lib.data.markov import Chain
from scaling_lib.errors import (
    InvalidData,
    check_choice,
    check_flag,
    check_instance,
    check_integer,
    check_mapping,
    check_real,
    check_text,
    invalid,
)
from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.records import Evaluation, Optimizer, RunConfiguration, Schedule, Source

__all__ = ["EXPERIMENTS", "PROFILES", "Experiment", "Grid", "chain_of", "experiment", "source_of"]

# What a notebook can be asked to do, smallest first. "recorded" trains nothing.
PROFILES = ("recorded", "smoke", "colab", "full")


@dataclass(frozen=True)
class Grid:
    """One profile's share of an experiment: the product of these lists is what is trained.

    tokens: values of D, rounded to whole batches. learning_rates: peaks. seeds: how many (0, 1, ...). batches: walks
    per step. epochs: passes over the D tokens.
    """

    widths: tuple[int, ...]
    tokens: tuple[int, ...]
    learning_rates: tuple[float, ...]
    seeds: int
    batches: tuple[int, ...] = (20,)
    epochs: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        check_integer("seeds", self.seeds, minimum=1)
        for name, least in (("widths", 2), ("tokens", 1), ("batches", 1), ("epochs", 1)):
            for value in self._entries(name):
                check_integer(name, value, minimum=least)
        for value in self._entries("learning_rates"):
            check_real("learning_rates", value, above=0)

    def _entries(self, name: str) -> tuple:
        value = getattr(self, name)
        if not isinstance(value, list | tuple) or not value:
            raise invalid(name, "a non-empty tuple", value, "pass one entry or more")
        object.__setattr__(self, name, tuple(value))
        return tuple(value)


@dataclass(frozen=True)
class Experiment:
    """A question, the data it is asked on, and one grid per profile."""

    name: str
    question: str
    ensemble: str
    parameters: Mapping[str, int | float | str | bool]
    grids: Mapping[str, Grid]
    graph_seed: int = 0
    parametrization: Parametrization = field(default_factory=Parametrization)
    depth: int = 2
    context: int = 50
    tied: bool = True
    evaluation: Evaluation = field(default_factory=Evaluation)

    def __post_init__(self) -> None:
        check_text("name", self.name)
        check_text("question", self.question)
        check_choice("ensemble", self.ensemble, tuple(_RECIPES))
        check_mapping("parameters", self.parameters, remedy="pass the ensemble's arguments")
        if not check_mapping("grids", self.grids, remedy="pass one Grid per profile"):
            raise invalid("grids", "a dict from profile to Grid", self.grids, "pass one or more")
        for profile, grid in self.grids.items():
            check_choice("grids", profile, PROFILES[1:])
            check_instance(f"grids[{profile!r}]", grid, Grid, remedy="build it with Grid(...)")
        check_instance("parametrization", self.parametrization, Parametrization, remedy="build it first")
        check_instance("evaluation", self.evaluation, Evaluation, remedy="build it with Evaluation(...)")
        check_integer("graph_seed", self.graph_seed, minimum=0)
        check_integer("depth", self.depth, minimum=1)
        check_integer("context", self.context, minimum=2)
        check_flag("tied", self.tied)

    @property
    def _shape(self) -> dict[str, Any]:
        return {"depth": self.depth, "context": self.context, "tied": self.tied}

    def chain(self) -> Chain:
        """The data: the same graph, bit for bit, on every machine."""
        return source_of(self.ensemble, self.parameters, self.graph_seed)[1]

    def work(self, profile: str) -> list[tuple[int, int]]:
        """(N, tokens read) of every run of the grid of `profile`, without making the graph."""
        check_choice("profile", profile, tuple(self.grids))
        grid, nodes = self.grids[profile], int(self.parameters["nodes"])
        found = []
        for tokens, batch, epochs, width in product(grid.tokens, grid.batches, grid.epochs, grid.widths):
            shape = Architecture(nodes, width, **self._shape)
            read = _schedule(tokens, batch, epochs, self.context).tokens * epochs
            found += [(shape.parameters, read)] * (len(grid.learning_rates) * grid.seeds)
        return found

    def configurations(self, profile: str) -> tuple[RunConfiguration, ...]:
        """Every run of the grid of `profile`, D outermost, so that early results already show a curve."""
        check_choice("profile", profile, tuple(self.grids))
        grid = self.grids[profile]
        source, chain = source_of(self.ensemble, self.parameters, self.graph_seed)
        return tuple(
            RunConfiguration(
                source=source,
                architecture=Architecture(chain.nodes, width, **self._shape),
                parametrization=self.parametrization,
                optimizer=Optimizer(learning_rate),
                schedule=_schedule(tokens, batch, epochs, self.context),
                evaluation=self.evaluation,
                seed=seed,
            )
            for tokens, batch, epochs, width, learning_rate, seed in product(
                grid.tokens, grid.batches, grid.epochs, grid.widths, grid.learning_rates, range(grid.seeds)
            )
        )


def _schedule(tokens: int, batch: int, epochs: int, context: int) -> Schedule:
    """The nearest whole number of batches."""
    per_step = batch * context
    return Schedule(max(1, round(tokens / per_step)) * per_step, batch=batch, epochs=epochs)


def _erdos_renyi(seed: int, nodes: int, edges: int) -> Chain:
    return chains.erdos_renyi(nodes, edges=edges, generator=np.random.default_rng(seed))


def _barabasi_albert(seed: int, nodes: int, attachments: int) -> Chain:
    return chains.barabasi_albert(nodes, attachments=attachments, generator=np.random.default_rng(seed))


def _biased_erdos_renyi(seed: int, nodes: int, edges: int, kappa: float, kmax: float) -> Chain:
    """The graph of the same seed without bias, its weights from a generator of their own."""
    weights = np.random.default_rng([seed, 1])
    return chains.biased(_erdos_renyi(seed, nodes, edges), kappa=kappa, kmax=kmax, generator=weights)


_RECIPES: Mapping[str, Callable[..., Chain]] = MappingProxyType(
    {"erdos_renyi": _erdos_renyi, "barabasi_albert": _barabasi_albert, "biased_erdos_renyi": _biased_erdos_renyi}
)


def source_of(ensemble: str, parameters: Mapping[str, int | float | str | bool], seed: int = 0) -> tuple[Source, Chain]:
    """The source and the chain that a recipe makes.

    ensemble: "erdos_renyi" (nodes, edges), "barabasi_albert" (nodes, attachments) or "biased_erdos_renyi" (nodes,
    edges, kappa, kmax: directed continuous weights on [1, kmax]). seed: of the graph.
    """
    check_choice("ensemble", ensemble, tuple(_RECIPES))
    check_integer("seed", seed, minimum=0)
    check_mapping("parameters", parameters, remedy="pass the ensemble's arguments")
    pairs = tuple(sorted(parameters.items()))
    return _made(ensemble, pairs, seed)


@lru_cache(maxsize=8)
def _made(ensemble: str, pairs: tuple[tuple[str, int | float | str | bool], ...], seed: int) -> tuple[Source, Chain]:
    try:
        chain = _RECIPES[ensemble](seed, **dict(pairs))
    except TypeError:
        raise invalid("parameters", f"the arguments of {ensemble}", dict(pairs), "see scaling_lib.data") from None
    return Source(ensemble, pairs, seed, chain.fingerprint), chain


def chain_of(source: Source) -> Chain:
    """The chain that a run was trained on, made again from its recipe.

    Raises InvalidData where the recipe now gives another graph (a numpy whose generators changed).
    """
    check_instance("source", source, Source, remedy="take it from a RunConfiguration")
    made, chain = source_of(source.ensemble, dict(source.parameters), source.seed)
    if made.fingerprint != source.fingerprint:
        raise InvalidData(
            f"source {source.ensemble}{dict(source.parameters)} now makes graph {made.fingerprint[:12]}, not "
            f"{source.fingerprint[:12]} of the run: use the numpy version named in the run's provenance."
        )
    return chain


def experiment(name: str) -> Experiment:
    """The experiment of that name."""
    check_choice("name", name, tuple(EXPERIMENTS))
    return EXPERIMENTS[name]


def _spaced(first: int, ratio: float, count: int) -> tuple[int, ...]:
    """`count` values of D from `first`, each `ratio` times the one before, in whole thousands (one batch of 20)."""
    return tuple(round(first * ratio**i / 1000) * 1000 for i in range(count))


_ER_200 = MappingProxyType({"nodes": 200, "edges": 1000})
_WIDTHS = (16, 24, 32, 48, 64, 96, 128)
# Four heads of an even dimension: multiples of 8.
_DENSE = (8, 16, 24, 32, 40, 48, 64)
_SP_RATES = tuple(2.0**power for power in range(-9, -2))
_WIDE = (64, 96, 128, 192)
_SMALL = (24, 32, 48, 64, 96)
_TOKENS = _spaced(160_000, 1.42, 5)
_LIMITS = (50_000, 100_000, 200_000)
_ER_1K = MappingProxyType({"nodes": 1000, "edges": 5000})
_ER_8K = MappingProxyType({"nodes": 8192, "edges": 53292})
_ER_50K = MappingProxyType({"nodes": 50_000, "edges": 2_000_000})
_BIAS = MappingProxyType({"kappa": 1.0, "kmax": 100.0})

# The paper's grid of peak learning rates ends at 0.1; under its parametrization the optimum of small runs lies above.
_PAPER_RATES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
_SP_LARGE_RATES = tuple(2.0**power for power in range(-11, -3))


def _doubled(first: int, count: int) -> tuple[int, ...]:
    return tuple(first * 2**i for i in range(count))


def _paper_grids(
    rates: tuple[float, ...], tokens: int, widths: tuple[int, ...] = (64, 128, 256, 512, 1024)
) -> dict[str, Grid]:
    """A figure of the paper at its batch of 100 walks: `full` for one large GPU, `colab` for a T4, and one cheap run of
    `full` for `smoke`. tokens: the least D of `full`."""
    cheap = rates[len(rates) // 2]
    return {
        "smoke": Grid((widths[0],), (tokens,), (cheap,), seeds=1, batches=(100,)),
        "colab": Grid(widths[:2], _doubled(tokens, 4), rates[3:7], seeds=2, batches=(100,)),
        "full": Grid(widths, _doubled(tokens, 7), rates, seeds=3, batches=(100,)),
    }


# L(N) at one D on 200 nodes, and six widths on 8,192 of which the last is forecast from the others.
_SIZE_GRIDS = MappingProxyType(
    {
        "smoke": Grid((16, 32, 64), (100_000,), (0.5, 1.0, 2.0), seeds=1),
        "colab": Grid(_WIDTHS, (100_000, 200_000), (0.5, 1.0, 2.0), seeds=3),
        "full": Grid(_WIDTHS, (100_000,), (0.25, 0.5, 1.0, 2.0, 4.0), seeds=3),
    }
)
_FORECAST_GRIDS = MappingProxyType(
    {
        "smoke": Grid((16,), (250_000,), (1.0,), seeds=1),
        "colab": Grid((16, 24, 32, 48, 64, 96), (250_000, 500_000), (0.25, 0.5, 1.0, 2.0), seeds=3),
        "full": Grid((16, 24, 32, 48, 64, 96), (250_000,), (0.25, 0.5, 1.0, 2.0), seeds=3),
    }
)

EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        each.name: each
        for each in (
            Experiment(
                name="er-100",
                question="How does the excess loss of a small transformer fall with tokens on a graph known exactly?",
                ensemble="erdos_renyi",
                parameters={"nodes": 100, "edges": 500},
                grids={
                    # 100 optimiser steps at the least: below that a point measures the warm-up, not the data.
                    "smoke": Grid((64,), _spaced(100_000, 1.2, 8), (1.0,), seeds=1),
                    "colab": Grid((64,), _spaced(100_000, 1.6, 9), (0.25, 0.5, 1.0, 2.0), seeds=3),
                    "full": Grid((64,), _spaced(100_000, 1.4, 8), (0.25, 0.5, 1.0, 2.0, 4.0), seeds=3),
                },
            ),
            Experiment(
                name="er-200",
                question="How does the excess loss of muP models fall with their size, at equal tokens?",
                ensemble="erdos_renyi",
                parameters=_ER_200,
                grids=_SIZE_GRIDS,
            ),
            Experiment(
                name="er-200-sp",
                question="And under the standard parametrization, with everything else equal?",
                ensemble="erdos_renyi",
                parameters=_ER_200,
                parametrization=Parametrization("sp"),
                grids={
                    "smoke": Grid((16, 32, 64), (100_000,), (2**-7, 2**-6, 2**-5), seeds=1),
                    "colab": Grid(_WIDTHS, (100_000, 200_000), _SP_RATES, seeds=3),
                    "full": Grid(_WIDTHS, (100_000,), _SP_RATES, seeds=3),
                },
            ),
            Experiment(
                name="er-200-untied",
                question="And with a readout of its own instead of the embedding, with everything else equal?",
                ensemble="erdos_renyi",
                parameters=_ER_200,
                tied=False,
                grids=_SIZE_GRIDS,
            ),
            Experiment(
                name="er-200-batches",
                question="Is it tokens or optimiser steps that limit the loss? Batches at equal D.",
                ensemble="erdos_renyi",
                parameters=_ER_200,
                grids={
                    "smoke": Grid((64,), (100_000,), (1.0,), seeds=1, batches=(10, 20, 50, 100)),
                    "colab": Grid((64,), _LIMITS, (0.5, 1.0, 2.0), seeds=2, batches=(10, 20, 50, 100)),
                    "full": Grid((64,), _LIMITS, (0.5, 1.0, 2.0), seeds=2, batches=(10, 20, 50, 100)),
                },
            ),
            Experiment(
                name="er-200-epochs",
                question="Is it tokens or optimiser steps that limit the loss? Passes over the same D tokens.",
                ensemble="erdos_renyi",
                parameters=_ER_200,
                grids={
                    "smoke": Grid((64,), (100_000,), (1.0,), seeds=1, epochs=(1, 2, 4)),
                    "colab": Grid((64,), _LIMITS, (0.5, 1.0, 2.0), seeds=2, epochs=(1, 2, 4, 8)),
                    "full": Grid((64,), _LIMITS, (0.5, 1.0, 2.0), seeds=1, epochs=(1, 2, 4, 8)),
                },
            ),
            Experiment(
                name="er-200-dense",
                question="Does the capacity floor account for the cliff in L(N)? Mean degree 20, widths on both sides.",
                ensemble="erdos_renyi",
                parameters=_ER_200 | {"edges": 2000},
                grids={
                    "smoke": Grid((8, 24), (100_000,), (1.0,), seeds=1),
                    "colab": Grid(_DENSE, (100_000, 400_000, 1_600_000), (0.25, 0.5, 1.0, 2.0), seeds=2),
                    "full": Grid(_DENSE, (100_000, 400_000), (0.25, 0.5, 1.0, 2.0, 4.0), seeds=2),
                },
            ),
            # The paper's figures, at its batch: for a GPU.
            Experiment(
                name="er-1k",
                question="Figure 5: a random graph of 1,000 nodes and 5,000 edges. Exponents in N and in D?",
                ensemble="erdos_renyi",
                parameters=_ER_1K,
                grids=_paper_grids(_PAPER_RATES, 500_000),
            ),
            Experiment(
                name="er-1k-sp",
                question="Figure 5 under the standard parametrization, with everything else equal?",
                ensemble="erdos_renyi",
                parameters=_ER_1K,
                parametrization=Parametrization("sp"),
                grids=_paper_grids(_SP_LARGE_RATES, 500_000),
            ),
            Experiment(
                name="er-8k",
                question="Figure 1: a random graph of 8,192 nodes and 53,292 edges. Exponents in N and in D?",
                ensemble="erdos_renyi",
                parameters=_ER_8K,
                grids=_paper_grids(_PAPER_RATES, 1_000_000),
            ),
            Experiment(
                name="er-8k-k1",
                question="Figure 4: the same graph, its transitions biased with kappa = 1. Is the power law clearer?",
                ensemble="biased_erdos_renyi",
                parameters=_ER_8K | _BIAS,
                grids=_paper_grids(_PAPER_RATES, 1_000_000),
            ),
            Experiment(
                name="er-50k",
                question="Figure 22: a random graph of 50,000 nodes and 2,000,000 edges. Exponents above 1?",
                ensemble="erdos_renyi",
                parameters=_ER_50K,
                grids=_paper_grids(_PAPER_RATES, 8_000_000, widths=(128, 256, 512, 1024)),
            ),
            Experiment(
                name="er-50k-k1",
                question="Figure 23: the same graph, its transitions biased with kappa = 1?",
                ensemble="biased_erdos_renyi",
                parameters=_ER_50K | _BIAS,
                grids=_paper_grids(_PAPER_RATES, 8_000_000, widths=(128, 256, 512, 1024)),
            ),
            Experiment(
                name="ba-8k",
                question="Figure 21: a scale-free graph of 8,192 nodes and 49,131 edges. The same laws?",
                ensemble="barabasi_albert",
                parameters={"nodes": 8192, "attachments": 6},
                grids=_paper_grids(_PAPER_RATES, 1_000_000),
            ),
            # The same graphs at sizes that two CPU cores train in an hour, with batches of 20 walks.
            Experiment(
                name="er-1k-small",
                question="On the paper's smallest graph: exponents in N and D, and the effect of rates up to 0.1 only?",
                ensemble="erdos_renyi",
                parameters=_ER_1K,
                grids={
                    "smoke": Grid((24, 48), (100_000,), (1.0, 2.0), seeds=1),
                    "colab": Grid((32, 64, 128), _doubled(100_000, 5), (0.1, 0.5, 1.0, 2.0, 4.0), seeds=3),
                    "full": Grid(_SMALL, _spaced(100_000, 1.6, 5), (0.1, 0.5, 1.0, 2.0, 4.0), seeds=3),
                },
            ),
            Experiment(
                name="er-1k-small-sp",
                question="And under the standard parametrization, with equal data, sizes, trials and seeds?",
                ensemble="erdos_renyi",
                parameters=_ER_1K,
                parametrization=Parametrization("sp"),
                grids={
                    "smoke": Grid((24, 48), (160_000,), (2**-7, 2**-6), seeds=1),
                    "colab": Grid((32, 64, 128), _doubled(160_000, 4), tuple(2.0**p for p in range(-9, -4)), seeds=3),
                    "full": Grid(_SMALL, (160_000, 410_000), tuple(2.0**p for p in range(-9, -4)), seeds=3),
                },
            ),
            # Widths that lie above the cliff of er-1k-small.
            Experiment(
                name="er-1k-wide",
                question="The same over widths that can hold the graph: exponents in N and D, rates up to 0.1 only?",
                ensemble="erdos_renyi",
                parameters=_ER_1K,
                grids={
                    "smoke": Grid((64,), (160_000,), (1.0, 2.0), seeds=1),
                    "colab": Grid((64, 128), _TOKENS, (0.1, 1.0, 2.0, 4.0), seeds=3),
                    "full": Grid(_WIDE, _TOKENS, (0.1, 1.0, 2.0, 4.0), seeds=3),
                },
            ),
            Experiment(
                name="er-1k-wide-sp",
                question="And under the standard parametrization, with equal data, sizes, trials and seeds?",
                ensemble="erdos_renyi",
                parameters=_ER_1K,
                parametrization=Parametrization("sp"),
                grids={
                    "smoke": Grid((64,), (227_000,), (2**-6, 2**-5), seeds=1),
                    "colab": Grid((64, 128), (227_000, 651_000), tuple(2.0**p for p in range(-8, -4)), seeds=3),
                    "full": Grid(_WIDE, (227_000, 651_000), tuple(2.0**p for p in range(-8, -4)), seeds=3),
                },
            ),
            Experiment(
                name="er-8k-small",
                question="A blind forecast: from five widths, the loss of a sixth on the paper's main graph?",
                ensemble="erdos_renyi",
                parameters=_ER_8K,
                grids=_FORECAST_GRIDS,
            ),
            Experiment(
                name="er-8k-k1-small",
                question="The same forecast where its transitions are biased with kappa = 1?",
                ensemble="biased_erdos_renyi",
                parameters=_ER_8K | _BIAS,
                grids=_FORECAST_GRIDS,
            ),
            Experiment(
                name="ba-8k-small",
                question="The same forecast on the scale-free graph?",
                ensemble="barabasi_albert",
                parameters={"nodes": 8192, "attachments": 6},
                grids=_FORECAST_GRIDS,
            ),
        )
    }
)
