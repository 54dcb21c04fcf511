"""`scaling-lab corpus`: what is known of a text before anything is trained on it."""

from typing import Annotated, Any

import typer

from scaling_lib.cli.words import AsJson, emit, one_line_errors
from scaling_lib.errors import check_integer

__all__ = ["describe_corpus"]


def describe_corpus(
    source: Annotated[str, typer.Argument(help="default, a file or a folder of text, or fineweb-edu:COUNT.")],
    vocabulary: Annotated[str, typer.Option(help="Tokens of the byte-pair encoding, or gpt2 for GPT-2's.")] = "128",
    longest: Annotated[int, typer.Option(help="The longest n-gram.")] = 5,
    as_json: AsJson = False,
) -> None:
    """A text as tokens: parts, near-duplicates, n-gram entropies, mutual information against distance."""
    with one_line_errors():
        from scaling_lib.data.text.statistics import mutual_information, ngram_entropies
        from scaling_lib.data.text.tokenized import tokenized_corpus
        from scaling_lib.data.text.tokenizer import check_vocabulary

        check_integer("--longest", longest, minimum=1)
        text = tokenized_corpus(source, check_vocabulary("--vocabulary", vocabulary))
        about, training = text.about, text.training
        told: dict[str, Any] = {"name": about["name"], "licence": about["licence"], "vocabulary": text.vocabulary}
        told |= {f"{part}_{kind}": about[part][kind] for part in ("training", "held_out") for kind in _KINDS}
        told["characters_per_token"] = about["training"]["characters"] / about["training"]["tokens"]
        told |= {name: about[name] for name in ("paragraphs_removed", "documents_removed")}
        told["unseen_characters"] = about["held_out"]["unseen"]
        entropies = ngram_entropies(training, text.held_out, text.vocabulary, longest).tolist()
        distances = [distance for distance in _DISTANCES if distance < len(training)]
        information = mutual_information(training, text.vocabulary, distances).tolist()
        if as_json:
            told |= {"ngram_entropies": entropies}
            told |= {"mutual_information": dict(zip(map(str, distances), information, strict=True))}
        else:
            told |= {f"{n}-gram entropy, nats": value for n, value in enumerate(entropies, 1)}
            named = zip(distances, information, strict=True)
            told |= {f"mutual information at distance {distance}, nats": value for distance, value in named}
        told |= {"corpus": about["corpus"], "tokens": text.source.fingerprint}
        emit(told, as_json, about["name"])


_KINDS = ("documents", "characters", "tokens")
_DISTANCES = (1, 2, 4, 8, 16)
