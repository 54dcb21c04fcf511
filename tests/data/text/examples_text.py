"""A valid call for each public name of data.text."""

import numpy as np

from scaling_lib.data.text import bigrams, corpora, documents, statistics, streaming, tokenized, tokenizer
from tests.data.text.sentences import documents as texts
from tests.scratch import folder

FOLDER = folder()
NOVEL = FOLDER / "novel.txt"
NOVEL.write_text("".join(texts()))
DOCUMENTS = documents.Documents("tests", "none", texts())
CORPUS = corpora.corpus_of(DOCUMENTS)
TOKENIZER = tokenizer.learn_tokenizer(CORPUS, 100)
FILE = TOKENIZER.write(FOLDER / "tokenizer.json")
WRITTEN = tokenized.tokenize(CORPUS, TOKENIZER, FOLDER / "corpus")
TOKENS = np.arange(4000) ** 2 % 37 % 24
LAW = bigrams.BrokenPowerLaw(0.1, 0.5, 2.0, 30.0, 0.0)
SHARDS = FOLDER / "shards"
SHARDS.mkdir()
(SHARDS / "000000000.jsonl").write_text('{"text": "A page."}\n' * 2)

EXAMPLES = [
    (documents.Documents, {"name": "tests", "licence": "none", "texts": ["One.", "Two."]}),
    (documents.default_documents, {}),
    (documents.documents_in, {"path": NOVEL, "licence": "none"}),
    (corpora.Corpus, {"name": "a", "licence": "b", "training": ("c",), "held_out": ("d",)}),
    (corpora.corpus_of, {"documents": DOCUMENTS, "held_out": 0.1}),
    (tokenizer.Tokenizer, {"text": TOKENIZER.text, "corpus": "0"}),
    (tokenizer.learn_tokenizer, {"corpus": CORPUS, "vocabulary": 60}),
    (tokenizer.read_tokenizer, {"path": FILE}),
    (TOKENIZER.encode, {"texts": ["The bridge."], "unseen": "map"}),
    (TOKENIZER.decode, {"tokens": np.array([1, 2])}),
    (TOKENIZER.write, {"path": FOLDER / "other.json"}),
    (tokenized.TokenizedCorpus, {"folder": WRITTEN.folder, "about": WRITTEN.about}),
    (tokenized.tokenize, {"corpus": CORPUS, "tokenizer": TOKENIZER, "folder": FOLDER / "corpus"}),
    (tokenized.open_corpus, {"folder": WRITTEN.folder}),
    (tokenized.documents_of, {"source": NOVEL, "cache": FOLDER}),
    (tokenized.tokenized_corpus, {"source": NOVEL, "vocabulary": 60, "cache": FOLDER}),
    (streaming.fineweb_documents, {"count": 2, "folder": SHARDS, "shard": 2}),
    (bigrams.bigram_counts, {"tokens": TOKENS, "vocabulary": 24}),
    (bigrams.bigram_chain, {"tokens": TOKENS, "vocabulary": 37, "threshold": 1}),
    (
        bigrams.CountSpectrum,
        {"count": np.array([1, 2]), "bigrams": np.array([5, 3]), "slope": -1.0},
    ),
    (bigrams.count_spectrum, {"tokens": np.random.default_rng(0).zipf(1.3, 9000) % 500, "vocabulary": 500}),
    (bigrams.BrokenPowerLaw, {"level": 0.1, "first": 0.5, "second": 2.0, "at": 30.0, "error": 0.0}),
    (LAW.probability, {"rank": np.arange(1.0, 9.0)}),
    (bigrams.broken_power_law, {"frequencies": np.arange(1.0, 99.0) ** -1.2}),
    (statistics.ngram_entropies, {"training": TOKENS, "held_out": TOKENS, "vocabulary": 37, "longest": 3}),
    (statistics.mutual_information, {"tokens": TOKENS, "vocabulary": 37, "distances": [1, 2]}),
    (statistics.correlation_norms, {"tokens": TOKENS, "vocabulary": 37, "distances": [1, 2]}),
    (statistics.known_words, {"text": "one two three", "texts": ["two"]}),
]
