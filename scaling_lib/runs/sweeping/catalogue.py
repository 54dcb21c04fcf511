"""The experiments of the book, as data: for each a question, a template run, and the axes of every profile.

`runs.sweeping.experiments` makes `Experiment`s of them and says what an axis is. To add an experiment, add an entry to
`CATALOGUE`. Its source carries the fingerprint of its graph, from `source_of(...)`: the identities of the runs are then
known without making the graph, and a numpy whose generators changed is noticed.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.runs.records import Optimizer, RunConfiguration, Schedule, Source
from scaling_lib.runs.sweeping.axes import Axes, Key

__all__ = ["CATALOGUE", "Axes", "Entry"]

# ---------------------------------------------------------------------- graphs

_ER_100 = Source(
    "erdos_renyi",
    (("nodes", 100), ("edges", 500)),
    seed=0,
    fingerprint="2f0372deaef860d25d280e47b0c27976e58bb788ff92d0228b400764d6e93771",
)
_ER_200 = Source(
    "erdos_renyi",
    (("nodes", 200), ("edges", 1000)),
    seed=0,
    fingerprint="b97e4841a5179a9f7747764b52710fa2c01bbf52778fd6c9916f0e7434633ec8",
)
_ER_200_DENSE = Source(
    "erdos_renyi",
    (("nodes", 200), ("edges", 2000)),
    seed=0,
    fingerprint="142cfef41ac29a5e058e679f22ab402c11f2aff7b8f3a2f6740c505f6f900316",
)
_ER_1K = Source(
    "erdos_renyi",
    (("nodes", 1000), ("edges", 5000)),
    seed=0,
    fingerprint="490203677ede902bea1be09c7aa775b74919faca033bf82e217abf148b2a2fb9",
)
# Of the first of the GPU's seeds: the studies of twins have those from 100, their pilot those from 900.
_ER_1K_200 = Source(
    "erdos_renyi",
    (("nodes", 1000), ("edges", 5000)),
    seed=200,
    fingerprint="ba729f9a8b1e69cbb7b1bd230d1d223890cd560d30a6cdd16f0478958a96f659",
)
_ER_8K = Source(
    "erdos_renyi",
    (("nodes", 8192), ("edges", 53292)),
    seed=0,
    fingerprint="32b6b9c08a549448271bf87c2c92ae38ee3b9a90e1f954ccb078e895fd926fc6",
)
_ER_8K_K1 = Source(
    "biased_erdos_renyi",
    (("nodes", 8192), ("edges", 53292), ("kappa", 1.0), ("kmax", 100.0)),
    seed=0,
    fingerprint="8c3f2f23c35bc37fbe29c0afe121525060081e6e6ad28fbc61890e949496e7af",
)
_ER_50K = Source(
    "erdos_renyi",
    (("nodes", 50_000), ("edges", 2_000_000)),
    seed=0,
    fingerprint="b3b3357509938818fb2e8df3c0d761aaf901994e058660e1bb55400b691d1d6a",
)
_ER_50K_K1 = Source(
    "biased_erdos_renyi",
    (("nodes", 50_000), ("edges", 2_000_000), ("kappa", 1.0), ("kmax", 100.0)),
    seed=0,
    fingerprint="43529a8bb0d86484217ab3246c08612858b665739ea93e99785231585883d8d6",
)
_BA_8K = Source(
    "barabasi_albert",
    (("nodes", 8192), ("attachments", 6)),
    seed=0,
    fingerprint="24dd82986596414a03dd752ea8ba10840b935d1ce56a30c51ce93f58de5d26a2",
)


# ---------------------------------------------------------------------- templates and axes


def _run(source: Source, kind: str = "mup", *, tied: bool = True, batch: int = 20) -> RunConfiguration:
    """A template: two layers, contexts of 50 tokens, and one step of `batch` walks. kind: of parametrization."""
    shape = Architecture(int(dict(source.parameters)["nodes"]), width=64, tied=tied)
    one_step = Schedule(batch * shape.context, batch=batch)
    return RunConfiguration(source, shape, Parametrization(kind), Optimizer(learning_rate=1.0), one_step)


def _axes(
    widths: tuple[int, ...], tokens: tuple[int, ...], rates: tuple[float, ...], seeds: int, **schedule: tuple[int, ...]
) -> Axes:
    """D outermost, so that early results already show a curve.

    tokens: values of D. rates: peak learning rates. seeds: how many (0, 1, ...). schedule: values of other fields of
    the schedule.
    """
    axes: dict[Key, tuple[Any, ...]] = {"schedule.tokens": tokens}
    axes |= {f"schedule.{name}": values for name, values in schedule.items()}
    return axes | {"architecture.width": widths, "optimizer.learning_rate": rates, "seed": tuple(range(seeds))}


def _paper_axes(
    rates: tuple[float, ...], tokens: int, widths: tuple[int, ...] = (64, 128, 256, 512, 1024)
) -> dict[str, Axes]:
    """A figure of the paper: `full` for one large GPU, `colab` for a T4, and one cheap run of `full` for `smoke`.

    tokens: the least D of `full`.
    """
    cheap = rates[len(rates) // 2]
    return {
        "smoke": _axes((widths[0],), (tokens,), (cheap,), seeds=1),
        "colab": _axes(widths[:2], doubled(tokens, 4), rates[3:7], seeds=2),
        "full": _axes(widths, doubled(tokens, 7), rates, seeds=3),
    }


def doubled(first: int, count: int) -> tuple[int, ...]:
    """`count` values, each twice the one before."""
    return tuple(first * 2**i for i in range(count))


def _spaced(first: int, ratio: float, count: int) -> tuple[int, ...]:
    """`count` values of D from `first`, each `ratio` times the one before, in whole thousands (one batch of 20)."""
    return tuple(round(first * ratio**i / 1000) * 1000 for i in range(count))


_WIDTHS = (16, 24, 32, 48, 64, 96, 128)
# Four heads of an even dimension: multiples of 8.
_DENSE = (8, 16, 24, 32, 40, 48, 64)
_SP_RATES = tuple(2.0**power for power in range(-9, -2))
_WIDE = (64, 96, 128, 192)
_SMALL = (24, 32, 48, 64, 96)
_TOKENS = _spaced(160_000, 1.42, 5)
_LIMITS = (50_000, 100_000, 200_000)

# The paper's grid of peak learning rates ends at 0.1; under its parametrization the optimum of small runs lies above.
_PAPER_RATES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
_SP_LARGE_RATES = tuple(2.0**power for power in range(-11, -3))

# L(N) at one D on 200 nodes, and six widths on 8,192 of which the last is forecast from the others.
_SIZE_AXES = {
    "smoke": _axes((16, 32, 64), (100_000,), (0.5, 1.0, 2.0), seeds=1),
    "colab": _axes(_WIDTHS, (100_000, 200_000), (0.5, 1.0, 2.0), seeds=3),
    "full": _axes(_WIDTHS, (100_000,), (0.25, 0.5, 1.0, 2.0, 4.0), seeds=3),
}
_FORECAST_AXES = {
    "smoke": _axes((16,), (250_000,), (1.0,), seeds=1),
    "colab": _axes((16, 24, 32, 48, 64, 96), (250_000, 500_000), (0.25, 0.5, 1.0, 2.0), seeds=3),
    "full": _axes((16, 24, 32, 48, 64, 96), (250_000,), (0.25, 0.5, 1.0, 2.0), seeds=3),
}


def _in_order_of_value(widths: tuple[int, ...], rates: Mapping[int, tuple[float, ...]], seeds: int) -> Axes:
    """Width by width, and in each from the least D on, so that what ends early holds whole curves L(D).

    rates: the peak learning rates of each number of steps. seeds: how many (200, 201, ...).
    """
    points = tuple((width, steps, rate) for width in widths for steps, tried in rates.items() for rate in tried)
    fields = ("architecture.width", "schedule.steps", "optimizer.learning_rate")
    return {fields: points, "seed": tuple(range(200, 200 + seeds))}


# Half, once, twice and four times the rate that was best on the pilot of twins at as many steps (at 200 that of 400).
# Four times, since on 1,000 nodes the best rates of er-1k-wide lie at those of the pilot or at twice as much.
_GPU_RATES = {
    steps: tuple(factor * best for factor in (0.5, 1.0, 2.0, 4.0))
    for steps, best in {200: 1.0, 400: 1.0, 800: 1.0, 1600: 0.5, 3200: 0.25}.items()
}

# ---------------------------------------------------------------------- experiments

# Question, template, the axes of each profile and, where there are any, the fields that follow others.
Entry = (
    tuple[str, RunConfiguration, Mapping[str, Axes]]
    | tuple[str, RunConfiguration, Mapping[str, Axes], Mapping[str, str]]
)

CATALOGUE: Mapping[str, Entry] = MappingProxyType(
    {
        "er-100": (
            "How does the excess loss of a small transformer fall with tokens on a graph known exactly?",
            _run(_ER_100),
            {
                # 100 optimiser steps at the least: below that a point measures the warm-up, not the data.
                "smoke": _axes((64,), _spaced(100_000, 1.1, 8), (1.0,), seeds=1),
                "colab": _axes((64,), _spaced(100_000, 1.6, 9), (0.25, 0.5, 1.0, 2.0), seeds=3),
                "full": _axes((64,), _spaced(100_000, 1.4, 8), (0.25, 0.5, 1.0, 2.0, 4.0), seeds=3),
            },
        ),
        "er-200": (
            "How does the excess loss of muP models fall with their size, at equal tokens?",
            _run(_ER_200),
            _SIZE_AXES,
        ),
        "er-200-sp": (
            "And under the standard parametrization, with everything else equal?",
            _run(_ER_200, "sp"),
            {
                "smoke": _axes((16, 32, 64), (100_000,), (2**-7, 2**-6, 2**-5), seeds=1),
                "colab": _axes(_WIDTHS, (100_000, 200_000), _SP_RATES, seeds=3),
                "full": _axes(_WIDTHS, (100_000,), _SP_RATES, seeds=3),
            },
        ),
        "er-200-untied": (
            "And with a readout of its own instead of the embedding, with everything else equal?",
            _run(_ER_200, tied=False),
            _SIZE_AXES,
        ),
        "er-200-batches": (
            "Is it tokens or optimiser steps that limit the loss? Batches at equal D.",
            _run(_ER_200),
            {
                "smoke": _axes((64,), (100_000,), (1.0,), seeds=1, batch=(20, 50, 100)),
                "colab": _axes((64,), _LIMITS, (0.5, 1.0, 2.0), seeds=2, batch=(10, 20, 50, 100)),
                "full": _axes((64,), _LIMITS, (0.5, 1.0, 2.0), seeds=2, batch=(10, 20, 50, 100)),
            },
        ),
        "er-200-epochs": (
            "Is it tokens or optimiser steps that limit the loss? Passes over the same D tokens.",
            _run(_ER_200),
            {
                "smoke": _axes((64,), (100_000,), (1.0,), seeds=1, epochs=(1, 2)),
                "colab": _axes((64,), _LIMITS, (0.5, 1.0, 2.0), seeds=2, epochs=(1, 2, 4, 8)),
                "full": _axes((64,), _LIMITS, (0.5, 1.0, 2.0), seeds=1, epochs=(1, 2, 4, 8)),
            },
        ),
        "er-200-dense": (
            "Does the capacity floor account for the cliff in L(N)? Mean degree 20, widths on both sides.",
            _run(_ER_200_DENSE),
            {
                "smoke": _axes((8, 24), (100_000,), (1.0,), seeds=1),
                "colab": _axes(_DENSE, (100_000, 400_000, 1_600_000), (0.25, 0.5, 1.0, 2.0), seeds=2),
                "full": _axes(_DENSE, (100_000, 400_000), (0.25, 0.5, 1.0, 2.0, 4.0), seeds=2),
            },
        ),
        # The paper's figures, at its batch: for a GPU.
        "er-1k": (
            "Figure 5: a random graph of 1,000 nodes and 5,000 edges. Exponents in N and in D?",
            _run(_ER_1K, batch=100),
            _paper_axes(_PAPER_RATES, 500_000),
        ),
        "er-1k-sp": (
            "Figure 5 under the standard parametrization, with everything else equal?",
            _run(_ER_1K, "sp", batch=100),
            _paper_axes(_SP_LARGE_RATES, 500_000),
        ),
        "er-8k": (
            "Figure 1: a random graph of 8,192 nodes and 53,292 edges. Exponents in N and in D?",
            _run(_ER_8K, batch=100),
            _paper_axes(_PAPER_RATES, 1_000_000),
        ),
        "er-8k-k1": (
            "Figure 4: the same graph, its transitions biased with kappa = 1. Is the power law clearer?",
            _run(_ER_8K_K1, batch=100),
            _paper_axes(_PAPER_RATES, 1_000_000),
        ),
        "er-50k": (
            "Figure 22: a random graph of 50,000 nodes and 2,000,000 edges. Exponents above 1?",
            _run(_ER_50K, batch=100),
            _paper_axes(_PAPER_RATES, 8_000_000, widths=(128, 256, 512, 1024)),
        ),
        "er-50k-k1": (
            "Figure 23: the same graph, its transitions biased with kappa = 1?",
            _run(_ER_50K_K1, batch=100),
            _paper_axes(_PAPER_RATES, 8_000_000, widths=(128, 256, 512, 1024)),
        ),
        "ba-8k": (
            "Figure 21: a scale-free graph of 8,192 nodes and 49,131 edges. The same laws?",
            _run(_BA_8K, batch=100),
            _paper_axes(_PAPER_RATES, 1_000_000),
        ),
        # Figure 5 in the minutes of one GPU (`tools.gpu`), a new graph with every seed. Width 128 first, the paper's
        # least; then 64, that of the twins, and cheap; then 256, which alone costs more than the other two.
        "gpu-er-1k": (
            "Figure 5 with a new graph for every seed: exponents in N and in D, on a GPU for a few minutes?",
            replace(_run(_ER_1K_200, batch=100), seed=200),
            {
                "smoke": _in_order_of_value((64,), {200: (1.0,)}, seeds=1),  # a thousandth of the tokens of `full`
                "colab": _in_order_of_value(
                    (128, 64), {steps: _GPU_RATES[steps][1:3] for steps in (200, 400)}, seeds=2
                ),
                "full": _in_order_of_value((128, 64, 256), _GPU_RATES, seeds=3),
            },
            {"source.seed": "seed"},
        ),
        # The same graphs at sizes that two CPU cores train in an hour, with batches of 20 walks.
        "er-1k-small": (
            "On the paper's smallest graph: exponents in N and D, and the effect of rates up to 0.1 only?",
            _run(_ER_1K),
            {
                "smoke": _axes((24, 48), (100_000,), (1.0, 2.0), seeds=1),
                "colab": _axes((32, 64, 128), doubled(100_000, 5), (0.1, 0.5, 1.0, 2.0, 4.0), seeds=3),
                "full": _axes(_SMALL, _spaced(100_000, 1.6, 5), (0.1, 0.5, 1.0, 2.0, 4.0), seeds=3),
            },
        ),
        "er-1k-small-sp": (
            "And under the standard parametrization, with equal data, sizes, trials and seeds?",
            _run(_ER_1K, "sp"),
            {
                "smoke": _axes((24, 48), (160_000,), (2**-7, 2**-6), seeds=1),
                "colab": _axes((32, 64, 128), doubled(160_000, 4), tuple(2.0**p for p in range(-9, -4)), seeds=3),
                "full": _axes(_SMALL, (160_000, 410_000), tuple(2.0**p for p in range(-9, -4)), seeds=3),
            },
        ),
        # Widths that lie above the cliff of er-1k-small.
        "er-1k-wide": (
            "The same over widths that can hold the graph: exponents in N and D, rates up to 0.1 only?",
            _run(_ER_1K),
            {
                "smoke": _axes((64,), (160_000,), (1.0, 2.0), seeds=1),
                "colab": _axes((64, 128), _TOKENS, (0.1, 1.0, 2.0, 4.0), seeds=3),
                "full": _axes(_WIDE, _TOKENS, (0.1, 1.0, 2.0, 4.0), seeds=3),
            },
        ),
        "er-1k-wide-sp": (
            "And under the standard parametrization, with equal data, sizes, trials and seeds?",
            _run(_ER_1K, "sp"),
            {
                "smoke": _axes((64,), (227_000,), (2**-6, 2**-5), seeds=1),
                "colab": _axes((64, 128), (227_000, 651_000), tuple(2.0**p for p in range(-8, -4)), seeds=3),
                "full": _axes(_WIDE, (227_000, 651_000), tuple(2.0**p for p in range(-8, -4)), seeds=3),
            },
        ),
        "er-8k-small": (
            "A blind forecast: from five widths, the loss of a sixth on the paper's main graph?",
            _run(_ER_8K),
            _FORECAST_AXES,
        ),
        "er-8k-k1-small": (
            "The same forecast where its transitions are biased with kappa = 1?",
            _run(_ER_8K_K1),
            _FORECAST_AXES,
        ),
        "ba-8k-small": (
            "The same forecast on the scale-free graph?",
            _run(_BA_8K),
            _FORECAST_AXES,
        ),
    }
)
