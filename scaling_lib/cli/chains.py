"""`scaling-lab chain`: a graph, its exact entropy rate, and how fast counting learns it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from scaling_lib.cli.words import AsJson, emit, one_line_errors
from scaling_lib.data import chains
from scaling_lib.data.markov import Chain
from scaling_lib.runs.sweeping import recipes

__all__ = ["app"]

app = typer.Typer(help="A chain and what is known of it exactly: entropy rate, counting coefficient.")


def _describe(chain: Chain) -> dict[str, Any]:
    return {
        "nodes": chain.nodes,
        "edges": chain.edges,
        "entropy_rate": chain.entropy_rate,
        "counting_coefficient": chain.counting_coefficient,
        "fingerprint": chain.fingerprint,
    }


@app.command("er")
def chain_er(
    nodes: Annotated[int, typer.Option(help="Number of nodes.")],
    edges: Annotated[int, typer.Option(help="Number of undirected edges.")],
    seed: Annotated[int, typer.Option(help="Seed of the graph.")] = 0,
    as_json: AsJson = False,
) -> None:
    """An Erdos-Renyi graph with a given number of edges."""
    with one_line_errors():
        chain = recipes.source_of("erdos_renyi", {"nodes": nodes, "edges": edges}, seed)[1]
        emit(_describe(chain), as_json, "Erdos-Renyi")


@app.command("ba")
def chain_ba(
    nodes: Annotated[int, typer.Option(help="Number of nodes.")],
    m: Annotated[int, typer.Option(help="Edges that each new node brings.")],
    seed: Annotated[int, typer.Option(help="Seed of the graph.")] = 0,
    as_json: AsJson = False,
) -> None:
    """A Barabasi-Albert graph grown from a complete seed (the paper's is --nodes 8192 --m 6)."""
    with one_line_errors():
        chain = recipes.source_of("barabasi_albert", {"nodes": nodes, "attachments": m}, seed)[1]
        emit(_describe(chain), as_json, "Barabasi-Albert")


@app.command("edges")
def chain_edges(
    file: Annotated[Path, typer.Argument(help="CSV with a row per edge: source, target and optionally weight.")],
    directed: Annotated[bool, typer.Option(help="Each row is one arc.")] = False,
    giant_component: Annotated[bool, typer.Option(help="Keep the largest component only.")] = False,
    as_json: AsJson = False,
) -> None:
    """A graph of your own, from a CSV of edges."""
    with one_line_errors():
        chain = chains.from_edges(file, directed=directed, giant_component=giant_component)
        emit(_describe(chain), as_json, file.name)
