"""Walks per second, beside what a user would take instead: a loop over a cached networkx adjacency.

    python benchmarks/walks.py [--json] [--rounds 7] [--nodes 8192 --edges 53292] [--torch]

Each round times every contestant once, one after another, so that a busy machine slows all of them; a ratio is taken
within a round, and the median over the rounds is reported with its least and greatest. Processor seconds of one thread,
random numbers included. A step is one transition; walks hold 50 tokens.

    ratio_networkx             uniform rows, against random.choice on lists of neighbours
    ratio_networkx_weighted    kappa = 1 weights, against random.choices(neighbours, weights=...)
    ratio_networkx_cumulative  the same, against random.choices(neighbours, cum_weights=...), prepared beforehand
    ratio_plain_generator      counter-based random words against those of PCG64 (above 1: the counter-based are faster)
"""

import argparse
import json
import os
import random
import statistics
import time
from collections.abc import Callable
from itertools import accumulate

os.environ.setdefault("OMP_NUM_THREADS", "1")

import networkx
import numpy as np

from scaling_lib.data import chains, walks

LENGTH = 50
Job = tuple[Callable[[], object], int]  # what to time, and how many steps it takes


def library(chain: chains.Chain, count: int, backend: str) -> Job:
    return lambda: walks.sample_walks(chain, count, LENGTH, seed=1, backend=backend), count * (LENGTH - 1)


def networkx_uniform(graph: networkx.Graph, count: int) -> Job:
    neighbours = {node: list(graph.neighbors(node)) for node in graph}
    nodes, choice = list(graph), random.choice

    def walk() -> list[list[int]]:
        result = []
        for _ in range(count):
            node = choice(nodes)
            tokens = [node]
            for _ in range(LENGTH - 1):
                node = choice(neighbours[node])
                tokens.append(node)
            result.append(tokens)
        return result

    return walk, count * (LENGTH - 1)


def networkx_weighted(graph: networkx.DiGraph, count: int, *, cumulative: bool) -> Job:
    neighbours = {node: list(graph.neighbors(node)) for node in graph}
    weights = {node: [graph[node][other]["weight"] for other in neighbours[node]] for node in graph}
    sums = {node: list(accumulate(row)) for node, row in weights.items()}
    nodes, choices = list(graph), random.choices

    def walk() -> list[list[int]]:
        result = []
        for _ in range(count):
            node = random.choice(nodes)
            tokens = [node]
            for _ in range(LENGTH - 1):
                if cumulative:
                    node = choices(neighbours[node], cum_weights=sums[node])[0]
                else:
                    node = choices(neighbours[node], weights=weights[node])[0]
                tokens.append(node)
            result.append(tokens)
        return result

    return walk, count * (LENGTH - 1)


def words(count: int, *, counter_based: bool) -> Job:
    """Random words alone, as many as `count` uniform walks use, and as many numbers of PCG64 (numpy's default)."""
    keys, out, spare = (np.arange(16384, dtype=np.uint64) for _ in range(3))
    raw, blocks = np.random.default_rng(1).bit_generator.random_raw, count * LENGTH // 2 // len(keys)

    def draw() -> None:
        for k in range(blocks):
            if counter_based:
                np.add(keys, np.uint64(k), out=out)
                walks._mix_numpy(out, spare)
            else:
                raw(len(keys))

    return draw, 2 * blocks * len(keys)


def to_networkx(chain: chains.Chain) -> networkx.Graph:
    return networkx.from_scipy_sparse_array(
        chain.transitions, create_using=networkx.DiGraph if chain.directed else networkx.Graph
    )


def measure(nodes: int, edges: int, rounds: int, with_torch: bool) -> dict[str, object]:
    generator = np.random.default_rng(0)
    uniform = chains.erdos_renyi(nodes, edges=edges, generator=generator)
    weighted = chains.biased(uniform, kappa=1, generator=generator)
    graph, digraph = to_networkx(uniform), to_networkx(weighted)
    jobs = {
        "uniform": library(uniform, 40_000, "numpy"),
        "weighted": library(weighted, 40_000, "numpy"),
        "networkx": networkx_uniform(graph, 2000),
        "networkx_weighted": networkx_weighted(digraph, 500, cumulative=False),
        "networkx_cumulative": networkx_weighted(digraph, 1000, cumulative=True),
    }
    jobs |= {
        "words": words(40_000, counter_based=True),
        "words_plain_generator": words(40_000, counter_based=False),
    }
    if with_torch:
        import torch

        torch.set_num_threads(1)
        jobs |= {
            "torch_uniform": library(uniform, 40_000, "torch"),
            "torch_weighted": library(weighted, 40_000, "torch"),
        }
    speeds: dict[str, list[float]] = {name: [] for name in jobs}
    for job, _ in jobs.values():  # tables and pages
        job()
    for _ in range(rounds):
        for name, (job, steps) in jobs.items():
            begin = time.process_time()
            job()
            speeds[name].append(steps / (time.process_time() - begin))

    def ratio(name: str, other: str) -> dict[str, float]:
        each = [a / b for a, b in zip(speeds[name], speeds[other], strict=True)]
        return {"median": statistics.median(each), "least": min(each), "greatest": max(each)}

    spreads = {
        "ratio_networkx": ratio("uniform", "networkx"),
        "ratio_networkx_weighted": ratio("weighted", "networkx_weighted"),
        "ratio_networkx_cumulative": ratio("weighted", "networkx_cumulative"),
        "ratio_plain_generator": ratio("words", "words_plain_generator"),
    }
    return {
        "nodes": nodes,
        "edges": edges,
        "length": LENGTH,
        "rounds": rounds,
        "steps_per_s": statistics.median(speeds["uniform"]),
        "steps_per_s_weighted": statistics.median(speeds["weighted"]),
        **{name: spread["median"] for name, spread in spreads.items()},
        "spreads": spreads,
        "steps_per_s_all": {name: statistics.median(values) for name, values in speeds.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--nodes", type=int, default=8192)
    parser.add_argument("--edges", type=int, default=53292)
    parser.add_argument("--torch", action="store_true", help="time the torch back end too (CPU, one thread)")
    arguments = parser.parse_args()
    result = measure(arguments.nodes, arguments.edges, arguments.rounds, arguments.torch)
    if arguments.json:
        print(json.dumps(result))
        return
    for name, spread in result["spreads"].items():
        print(f"{name:28s} {spread['median']:7.1f}x   ({spread['least']:.1f} to {spread['greatest']:.1f})")
    for name, speed in result["steps_per_s_all"].items():
        print(f"{name:28s} {speed / 1e6:7.2f} M steps/s")


if __name__ == "__main__":
    main()
