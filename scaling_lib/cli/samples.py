"""`scaling-lab sample`: what a kept model writes."""

from pathlib import Path
from typing import Annotated

import typer

from scaling_lib import environment
from scaling_lib.cli.words import AsJson, emit, one_line_errors
from scaling_lib.errors import MissingDependency, check_integer, invalid
from scaling_lib.runs.keeping.kept import KeptModels, recorded_models
from scaling_lib.runs.sweeping.recipes import open_teacher

__all__ = ["sample_run"]


def sample_run(
    run: Annotated[str, typer.Argument(help="Identity of a run whose weights are kept, or the beginning of it.")],
    tokens: Annotated[int, typer.Option(help="How many tokens to write.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the sample.")] = 0,
    kept: Annotated[Path | None, typer.Option(help="Folder of final weights (default: those recorded).")] = None,
    as_json: AsJson = False,
) -> None:
    """Tokens sampled from a trained model at temperature 1: sequences as long as its context, each begun afresh."""
    with one_line_errors():
        if not environment.device():
            raise MissingDependency("sampling from models needs torch: run `pip install torch safetensors`.")
        check_integer("--tokens", tokens, minimum=1)
        check_integer("--seed", seed, minimum=0)
        if kept is not None and not kept.is_dir():
            raise invalid("--kept", "a folder of final weights", str(kept), "train with it first")
        environment.single_thread()
        models = recorded_models() if kept is None else KeptModels(kept)
        identity = models.configuration(run).identity
        teacher = open_teacher(models, identity)
        count = -(-tokens // teacher.context)
        written = teacher.test(count, teacher.context, seed).tolist()
        written[-1] = written[-1][: tokens - (count - 1) * teacher.context]
        if as_json:
            emit({"run": identity, "seed": seed, "context": teacher.context, "sequences": written}, True, "")
            return
        for sequence in written:
            typer.echo(" ".join(map(str, sequence)))
