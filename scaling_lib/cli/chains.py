"""`scaling-lab chain`: a graph, its exact entropy rate, and how fast counting learns it."""

import csv
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from scaling_lib.cli.words import AsJson, emit, one_line_errors
from scaling_lib.data import chains
from scaling_lib.data.markov import Chain
from scaling_lib.errors import InvalidArgument, InvalidData, ScalingLabWarning, check_integer, invalid

__all__ = ["app"]

app = typer.Typer(help="A chain and what is known of it exactly: entropy rate, stationary distribution, counting.")


# How many nodes are named of the stationary distribution; --stationary writes all.
_LIKELIEST = 5

GiantComponent = Annotated[bool, typer.Option(help="Keep the largest component only.")]
StationaryFile = Annotated[Path | None, typer.Option(help="CSV to write: each node and how often a walk is there.")]


@contextmanager
def _told() -> Iterator[list[str]]:
    """Our errors in one line, in the words of the command, and what the library warns of as sentences."""
    said: list[str] = []
    with one_line_errors(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ScalingLabWarning)
        try:
            yield said
        except (InvalidArgument, InvalidData) as error:
            words = {"giant_component=True": "--giant-component", "directed=True": "--directed"}
            sentence = str(error)
            for ours, theirs in words.items():
                sentence = sentence.replace(ours, theirs)
            raise type(error)(sentence) from None
        finally:
            said += [str(warning.message) for warning in caught if issubclass(warning.category, ScalingLabWarning)]
            for sentence in said:
                typer.echo(f"warning: {sentence}", err=True)


def _describe(chain: Chain) -> dict[str, Any]:
    names = range(chain.nodes) if chain.labels is None else chain.labels
    likeliest = np.argsort(-chain.stationary, kind="stable")[:_LIKELIEST]
    return {
        "nodes": chain.nodes,
        "edges": chain.edges,
        "entropy_rate": chain.entropy_rate,
        "counting_coefficient": chain.counting_coefficient,
        "most_visited": {str(names[node]): float(chain.stationary[node]) for node in likeliest.tolist()},
        "fingerprint": chain.fingerprint,
    }


def _written(chain: Chain, file: Path | None) -> None:
    """The stationary distribution as a CSV, nodes in the order of the chain."""
    if file is None:
        return
    names = range(chain.nodes) if chain.labels is None else chain.labels
    try:
        with file.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.writer(opened)
            writer.writerow(["node", "stationary"])
            writer.writerows(zip(names, chain.stationary.tolist(), strict=True))
    except OSError as error:
        raise invalid("--stationary", "a file in a writable folder", str(file), f"pass another ({error})") from None


@app.command("er")
def chain_er(
    nodes: Annotated[int, typer.Option(help="Number of nodes.")],
    edges: Annotated[int, typer.Option(help="Number of undirected edges.")],
    seed: Annotated[int, typer.Option(help="Seed of the graph.")] = 0,
    giant_component: GiantComponent = False,
    stationary: StationaryFile = None,
    as_json: AsJson = False,
) -> None:
    """An Erdos-Renyi graph with a given number of edges."""
    with _told():
        generator = np.random.default_rng(check_integer("--seed", seed, minimum=0))
        chain = chains.erdos_renyi(nodes, edges=edges, generator=generator, giant_component=giant_component)
        _written(chain, stationary)
        emit(_describe(chain), as_json, "Erdos-Renyi")


@app.command("ba")
def chain_ba(
    nodes: Annotated[int, typer.Option(help="Number of nodes.")],
    m: Annotated[int, typer.Option(help="Edges that each new node brings.")],
    seed: Annotated[int, typer.Option(help="Seed of the graph.")] = 0,
    stationary: StationaryFile = None,
    as_json: AsJson = False,
) -> None:
    """A Barabasi-Albert graph grown from a complete seed (the paper's is --nodes 8192 --m 6)."""
    with _told():
        generator = np.random.default_rng(check_integer("--seed", seed, minimum=0))
        chain = chains.barabasi_albert(nodes, attachments=m, generator=generator)
        _written(chain, stationary)
        emit(_describe(chain), as_json, "Barabasi-Albert")


@app.command("edges")
def chain_edges(
    file: Annotated[Path, typer.Argument(help="CSV, TSV, Gephi or SNAP file with a row per edge.")],
    directed: Annotated[bool, typer.Option(help="Each row is one arc.")] = False,
    giant_component: GiantComponent = False,
    weight: Annotated[str | None, typer.Option(help="Column of the weights (default: the one called weight).")] = None,
    stationary: StationaryFile = None,
    as_json: AsJson = False,
) -> None:
    """A graph of your own, from a file of edges: source, target and optionally weight."""
    with _told():
        chain = chains.from_edges(file, directed=directed, giant_component=giant_component, weight=weight)
        _written(chain, stationary)
        emit(_describe(chain), as_json, file.name)
