"""`scaling-lab sample`: what a kept model writes."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from scaling_lib import environment
from scaling_lib.cli.words import AsJson, emit, one_line_errors
from scaling_lib.errors import MissingDependency, check_integer, invalid
from scaling_lib.runs.keeping.kept import KeptModels, recorded_models
from scaling_lib.runs.sweeping.recipes import open_teacher, tokenizer_of

__all__ = ["sample_run"]


def sample_run(
    run: Annotated[str, typer.Argument(help="Identity of a run whose weights are kept, or the beginning of it.")],
    tokens: Annotated[int, typer.Option(help="How many tokens to write.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the sample.")] = 0,
    kept: Annotated[Path | None, typer.Option(help="Folder of final weights (default: those recorded).")] = None,
    as_json: AsJson = False,
) -> None:
    """What a trained model writes at temperature 1: sequences as long as its context, each begun afresh.

    Of a model of text that is text, a sequence a line; of other models it is tokens.
    """
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
        tokenizer = tokenizer_of(models.configuration(identity).source)
        texts = None if tokenizer is None else [tokenizer.decode(np.array(sequence)) for sequence in written]
        if as_json:
            told = {"run": identity, "seed": seed, "context": teacher.context, "sequences": written}
            emit(told | ({} if texts is None else {"texts": texts}), True, "")
            return
        for sequence in written if texts is None else texts:
            line = sequence.replace("\n", "\\n") if isinstance(sequence, str) else " ".join(map(str, sequence))
            typer.echo(line)
