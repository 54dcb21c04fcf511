"""Text as a source of tokens: documents, a corpus split by document, its tokenizer, its files, its bigram chain."""
